//! A configuration as bytes: each step a tag and its fields; strings and numbers as varints say. The version of the prebuilt vocabulary covers it.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use super::{
    Behavior, Config, Decoder, Merges, Model, Needle, Normalizer, Prepend, Pretokenizer, Special, Unknown,
};
use crate::error::{LoadError, limit};
use crate::limits::STEPS_MAX;
use crate::scan::{Contractions, Digits, Scanner, Style};

/// As bytes.
pub fn write(config: &Config) -> Vec<u8> {
    let mut out = Out(Vec::new());
    out.list(&config.normalizers, Out::normalizer);
    out.list(&config.pretokenizers, Out::pretokenizer);
    out.model(&config.model);
    out.list(&config.decoders, Out::decoder);
    out.flag(config.trim_offsets);
    let special = config.special;
    [special.bos, special.eos, special.pad].into_iter().for_each(|id| out.option(id));
    out.flag(special.add_bos);
    out.flag(special.add_eos);
    out.0
}

/// From bytes.
///
/// # Errors
/// [`LoadError`] if they are not what [`write()`] makes.
pub fn read(bytes: &[u8]) -> Result<Config, LoadError> {
    let mut from = In(Cursor::new(bytes));
    let config = Config {
        normalizers: from.list(In::normalizer)?,
        pretokenizers: from.list(In::pretokenizer)?,
        model: from.model()?,
        decoders: from.list(In::decoder)?,
        trim_offsets: from.flag()?,
        special: Special {
            bos: from.option()?,
            eos: from.option()?,
            pad: from.option()?,
            add_bos: from.flag()?,
            add_eos: from.flag()?,
        },
    };
    from.0.finish()?;
    Ok(config)
}

struct Out(Vec<u8>);

impl Out {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    fn number(&mut self, number: u32) {
        varint::put_u32(&mut self.0, number);
    }

    fn option(&mut self, id: Option<u32>) {
        self.flag(id.is_some());
        self.number(id.unwrap_or(0));
    }

    fn text(&mut self, text: &str) {
        varint::put_slice(&mut self.0, text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Out, &T)) {
        self.number(items.len() as u32);
        items.iter().for_each(|item| put(self, item));
    }

    fn needle(&mut self, needle: &Needle) {
        match needle {
            Needle::Literal(text) => {
                self.tag(0);
                self.text(text);
            }
            Needle::Pattern(text) => {
                self.tag(1);
                self.text(text);
            }
        }
    }

    fn behavior(&mut self, behavior: Behavior) {
        self.tag(behavior as u8);
    }

    fn normalizer(&mut self, step: &Normalizer) {
        match step {
            Normalizer::Form { composed, compatible } => {
                self.tag(0);
                self.flag(*composed);
                self.flag(*compatible);
            }
            Normalizer::Lowercase => self.tag(1),
            Normalizer::StripAccents => self.tag(2),
            Normalizer::Strip { left, right } => {
                self.tag(3);
                self.flag(*left);
                self.flag(*right);
            }
            Normalizer::Prepend(text) => {
                self.tag(4);
                self.text(text);
            }
            Normalizer::Replace { from, to } => {
                self.tag(5);
                self.needle(from);
                self.text(to);
            }
            Normalizer::Bert { clean, chinese, strip_accents, lowercase } => {
                self.tag(6);
                [*clean, *chinese, *strip_accents, *lowercase].into_iter().for_each(|f| self.flag(f));
            }
            Normalizer::SentencePiece { dummy_prefix, remove_extra, escape, suffix } => {
                self.tag(7);
                [*dummy_prefix, *remove_extra, *escape, *suffix].into_iter().for_each(|f| self.flag(f));
            }
            Normalizer::Charsmap => self.tag(8),
            Normalizer::Nmt => self.tag(9),
        }
    }

    fn style(&mut self, style: Style) {
        self.tag(style.contractions as u8);
        self.tag(style.digits as u8);
        [style.marks, style.slash, style.blank_end].into_iter().for_each(|f| self.flag(f));
    }

    fn pretokenizer(&mut self, step: &Pretokenizer) {
        match step {
            Pretokenizer::Scan(Scanner::Gpt2) => self.tag(0),
            Pretokenizer::Scan(Scanner::Modern(style)) => {
                self.tag(1);
                self.style(*style);
            }
            Pretokenizer::Scan(Scanner::Cased(style)) => {
                self.tag(2);
                self.style(*style);
            }
            Pretokenizer::Split { needle, behavior, invert } => {
                self.tag(3);
                self.needle(needle);
                self.behavior(*behavior);
                self.flag(*invert);
            }
            Pretokenizer::PrefixSpace => self.tag(4),
            Pretokenizer::Metaspace { replacement, prepend, split } => {
                self.tag(5);
                self.number(u32::from(*replacement));
                self.tag(*prepend as u8);
                self.flag(*split);
            }
            Pretokenizer::Digits { individual } => {
                self.tag(6);
                self.flag(*individual);
            }
            Pretokenizer::Whitespace => self.tag(7),
            Pretokenizer::WhitespaceSplit => self.tag(8),
            Pretokenizer::Punctuation(behavior) => {
                self.tag(9);
                self.behavior(*behavior);
            }
            Pretokenizer::Bert => self.tag(10),
            Pretokenizer::Delimiter(c) => {
                self.tag(11);
                self.number(u32::from(*c));
            }
        }
    }

    fn unknown(&mut self, unknown: Unknown) {
        self.option(unknown.id);
        self.flag(unknown.fuse);
        self.flag(unknown.bytes);
    }

    fn model(&mut self, model: &Model) {
        match model {
            Model::Bpe { merges, byte_level, whole, words, prefix, suffix, unknown } => {
                self.tag(0);
                self.flag(*merges == Merges::ByPair);
                [*byte_level, *whole, *words].into_iter().for_each(|f| self.flag(f));
                self.text(prefix);
                self.text(suffix);
                self.unknown(*unknown);
            }
            Model::Unigram { unknown, unknown_score, single, user_score } => {
                self.tag(1);
                self.unknown(*unknown);
                self.0.extend_from_slice(&unknown_score.to_bits().to_le_bytes());
                self.flag(*single);
                self.0.extend_from_slice(&user_score.to_bits().to_le_bytes());
            }
            Model::WordPiece { prefix, chars_max, unknown } => {
                self.tag(2);
                self.text(prefix);
                self.number(*chars_max);
                self.number(*unknown);
            }
            Model::WordLevel { unknown } => {
                self.tag(3);
                self.option(*unknown);
            }
        }
    }

    fn decoder(&mut self, step: &Decoder) {
        match step {
            Decoder::Bytes => self.tag(0),
            Decoder::Metaspace { replacement, strip } => {
                self.tag(1);
                self.number(u32::from(*replacement));
                self.flag(*strip);
            }
            Decoder::WordPiece { prefix, cleanup } => {
                self.tag(2);
                self.text(prefix);
                self.flag(*cleanup);
            }
            Decoder::Suffix(suffix) => {
                self.tag(3);
                self.text(suffix);
            }
            Decoder::Replace { from, to } => {
                self.tag(4);
                self.text(from);
                self.text(to);
            }
            Decoder::ByteFallback => self.tag(5),
            Decoder::Fuse => self.tag(6),
            Decoder::Strip { content, start, stop } => {
                self.tag(7);
                self.number(u32::from(*content));
                self.number(*start);
                self.number(*stop);
            }
            Decoder::SentencePiece { strip, all } => {
                self.tag(8);
                self.flag(*strip);
                self.flag(*all);
            }
            Decoder::Spaces => self.tag(9),
        }
    }
}

struct In<'a>(Cursor<'a>);

impl In<'_> {
    const fn wrong(&self) -> LoadError {
        LoadError::Invalid { what: "a configuration of this version", at: self.0.position() }
    }

    fn tag(&mut self) -> Result<u8, LoadError> {
        Ok(self.0.get_u8()?)
    }

    fn flag(&mut self) -> Result<bool, LoadError> {
        match self.tag()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong()),
        }
    }

    fn number(&mut self) -> Result<u32, LoadError> {
        Ok(self.0.get_varint_u32()?)
    }

    fn option(&mut self) -> Result<Option<u32>, LoadError> {
        let there = self.flag()?;
        let id = self.number()?;
        Ok(there.then_some(id))
    }

    fn char(&mut self) -> Result<char, LoadError> {
        let code = self.number()?;
        char::from_u32(code).ok_or(self.wrong())
    }

    fn double(&mut self) -> Result<f64, LoadError> {
        Ok(f64::from_bits(self.0.get_u64_le()?))
    }

    fn text(&mut self) -> Result<String, LoadError> {
        let bytes = self.0.get_varint_slice()?;
        core::str::from_utf8(bytes).map(String::from).map_err(|_| self.wrong())
    }

    fn list<T>(&mut self, get: impl Fn(&mut Self) -> Result<T, LoadError>) -> Result<Vec<T>, LoadError> {
        let count = self.number()? as usize;
        limit("steps", count, STEPS_MAX)?;
        (0..count).map(|_| get(self)).collect()
    }

    fn needle(&mut self) -> Result<Needle, LoadError> {
        Ok(match self.tag()? {
            0 => Needle::Literal(self.text()?),
            1 => Needle::Pattern(self.text()?),
            _ => return Err(self.wrong()),
        })
    }

    fn behavior(&mut self) -> Result<Behavior, LoadError> {
        Ok(match self.tag()? {
            0 => Behavior::Removed,
            1 => Behavior::Isolated,
            2 => Behavior::MergedWithPrevious,
            3 => Behavior::MergedWithNext,
            4 => Behavior::Contiguous,
            _ => return Err(self.wrong()),
        })
    }

    fn normalizer(&mut self) -> Result<Normalizer, LoadError> {
        Ok(match self.tag()? {
            0 => Normalizer::Form { composed: self.flag()?, compatible: self.flag()? },
            1 => Normalizer::Lowercase,
            2 => Normalizer::StripAccents,
            3 => Normalizer::Strip { left: self.flag()?, right: self.flag()? },
            4 => Normalizer::Prepend(self.text()?),
            5 => Normalizer::Replace { from: self.needle()?, to: self.text()? },
            6 => Normalizer::Bert {
                clean: self.flag()?,
                chinese: self.flag()?,
                strip_accents: self.flag()?,
                lowercase: self.flag()?,
            },
            7 => Normalizer::SentencePiece {
                dummy_prefix: self.flag()?,
                remove_extra: self.flag()?,
                escape: self.flag()?,
                suffix: self.flag()?,
            },
            8 => Normalizer::Charsmap,
            9 => Normalizer::Nmt,
            _ => return Err(self.wrong()),
        })
    }

    fn style(&mut self) -> Result<Style, LoadError> {
        Ok(Style {
            contractions: match self.tag()? {
                0 => Contractions::None,
                1 => Contractions::Ascii,
                2 => Contractions::Folded,
                _ => return Err(self.wrong()),
            },
            digits: match self.tag()? {
                0 => Digits::One,
                1 => Digits::Three,
                2 => Digits::All,
                _ => return Err(self.wrong()),
            },
            marks: self.flag()?,
            slash: self.flag()?,
            blank_end: self.flag()?,
        })
    }

    fn pretokenizer(&mut self) -> Result<Pretokenizer, LoadError> {
        Ok(match self.tag()? {
            0 => Pretokenizer::Scan(Scanner::Gpt2),
            1 => Pretokenizer::Scan(Scanner::Modern(self.style()?)),
            2 => Pretokenizer::Scan(Scanner::Cased(self.style()?)),
            3 => Pretokenizer::Split {
                needle: self.needle()?,
                behavior: self.behavior()?,
                invert: self.flag()?,
            },
            4 => Pretokenizer::PrefixSpace,
            5 => Pretokenizer::Metaspace {
                replacement: self.char()?,
                prepend: match self.tag()? {
                    0 => Prepend::Never,
                    1 => Prepend::First,
                    2 => Prepend::Always,
                    _ => return Err(self.wrong()),
                },
                split: self.flag()?,
            },
            6 => Pretokenizer::Digits { individual: self.flag()? },
            7 => Pretokenizer::Whitespace,
            8 => Pretokenizer::WhitespaceSplit,
            9 => Pretokenizer::Punctuation(self.behavior()?),
            10 => Pretokenizer::Bert,
            11 => Pretokenizer::Delimiter(self.char()?),
            _ => return Err(self.wrong()),
        })
    }

    fn unknown(&mut self) -> Result<Unknown, LoadError> {
        Ok(Unknown { id: self.option()?, fuse: self.flag()?, bytes: self.flag()? })
    }

    fn model(&mut self) -> Result<Model, LoadError> {
        Ok(match self.tag()? {
            0 => Model::Bpe {
                merges: if self.flag()? { Merges::ByPair } else { Merges::ByText },
                byte_level: self.flag()?,
                whole: self.flag()?,
                words: self.flag()?,
                prefix: self.text()?,
                suffix: self.text()?,
                unknown: self.unknown()?,
            },
            1 => Model::Unigram {
                unknown: self.unknown()?,
                unknown_score: self.double()?,
                single: self.flag()?,
                user_score: self.double()?,
            },
            2 => {
                Model::WordPiece { prefix: self.text()?, chars_max: self.number()?, unknown: self.number()? }
            }
            3 => Model::WordLevel { unknown: self.option()? },
            _ => return Err(self.wrong()),
        })
    }

    fn decoder(&mut self) -> Result<Decoder, LoadError> {
        Ok(match self.tag()? {
            0 => Decoder::Bytes,
            1 => Decoder::Metaspace { replacement: self.char()?, strip: self.flag()? },
            2 => Decoder::WordPiece { prefix: self.text()?, cleanup: self.flag()? },
            3 => Decoder::Suffix(self.text()?),
            4 => Decoder::Replace { from: self.text()?, to: self.text()? },
            5 => Decoder::ByteFallback,
            6 => Decoder::Fuse,
            7 => Decoder::Strip { content: self.char()?, start: self.number()?, stop: self.number()? },
            8 => Decoder::SentencePiece { strip: self.flag()?, all: self.flag()? },
            9 => Decoder::Spaces,
            _ => return Err(self.wrong()),
        })
    }
}
