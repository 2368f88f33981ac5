//! The steps of a `tokenizer.json`: normalizer, pre-tokenizer, decoder, and what a post-processor says of offsets.

use alloc::vec::Vec;

use dolmen_text::json::Value;

use super::{flag, number, text};
use crate::config::{Behavior, Decoder, Needle, Normalizer, Prepend, Pretokenizer};
use crate::error::{LoadError, limit};
use crate::limits::{CHARSMAP_LEN_MAX, STEPS_MAX};
use crate::load::tiktoken::decode_base64;
use crate::pattern::Pattern;
use crate::scan::{self, Scanner};

/// What was read.
#[derive(Default)]
pub struct Steps {
    pub normalizers: Vec<Normalizer>,
    pub pretokenizers: Vec<Pretokenizer>,
    pub decoders: Vec<Decoder>,
    pub charsmap: Vec<u8>,
    pub trim_offsets: bool,
    /// The model begins with bytes.
    pub byte_level: bool,
}

/// Reads the steps.
pub fn read(root: Value<'_>) -> Result<Steps, LoadError> {
    let mut steps = Steps::default();
    for step in flat(root.get("normalizer"), "normalizers")? {
        steps.normalizer(step)?;
    }
    for step in flat(root.get("pre_tokenizer"), "pretokenizers")? {
        steps.pretokenizer(step)?;
    }
    for step in flat(root.get("decoder"), "decoders")? {
        let step = decoder(step)?;
        steps.decoders.push(step);
    }
    for step in flat(root.get("post_processor"), "processors")? {
        let named = matches!(text(step, "type").as_str(), "ByteLevel" | "RobertaProcessing");
        steps.trim_offsets |= named && flag(step, "trim_offsets", true);
    }
    Ok(steps)
}

fn unsupported(what: &'static str, value: Value<'_>) -> LoadError {
    LoadError::Unsupported { what, at: value.offset() }
}

fn invalid(what: &'static str, value: Value<'_>) -> LoadError {
    LoadError::Invalid { what, at: value.offset() }
}

/// A step, or those of a `Sequence`, at any depth, in order.
fn flat<'d>(step: Option<Value<'d>>, list: &str) -> Result<Vec<Value<'d>>, LoadError> {
    let mut open: Vec<Value<'d>> = step.filter(|s| !s.is_null()).into_iter().collect();
    let mut all = Vec::new();
    while let Some(step) = open.pop() {
        if text(step, "type") == "Sequence" {
            let mut inner: Vec<_> = step.get(list).into_iter().flat_map(Value::items).collect();
            inner.reverse();
            open.extend(inner);
        } else {
            all.push(step);
        }
        limit("steps", all.len() + open.len(), STEPS_MAX)?;
    }
    Ok(all)
}

/// `{"String": ..}` or `{"Regex": ..}`. An expression must compile.
fn needle(step: Value<'_>) -> Result<Needle, LoadError> {
    let pattern = step.get("pattern").ok_or(invalid("a step with a \"pattern\"", step))?;
    if let Some(literal) = pattern.get("String").and_then(Value::as_str) {
        return Ok(Needle::Literal(literal.into_owned()));
    }
    let regex =
        pattern.get("Regex").and_then(Value::as_str).ok_or(invalid("a String or a Regex", pattern))?;
    match Pattern::new(&regex) {
        Ok(_) => Ok(Needle::Pattern(regex.into_owned())),
        Err(LoadError::Unsupported { what, .. }) => Err(unsupported(what, pattern)),
        Err(LoadError::Invalid { what, .. }) => Err(invalid(what, pattern)),
        Err(other) => Err(other),
    }
}

fn behavior(step: Value<'_>, default: Behavior) -> Result<Behavior, LoadError> {
    Ok(match text(step, "behavior").as_str() {
        "" => default,
        "Removed" => Behavior::Removed,
        "Isolated" => Behavior::Isolated,
        "MergedWithPrevious" => Behavior::MergedWithPrevious,
        "MergedWithNext" => Behavior::MergedWithNext,
        "Contiguous" => Behavior::Contiguous,
        _ => return Err(unsupported("this behavior of a split", step)),
    })
}

fn character(step: Value<'_>, name: &str) -> Result<char, LoadError> {
    let text = text(step, name);
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => Err(invalid("a step with one character", step)),
    }
}

fn replacement(step: Value<'_>) -> Result<char, LoadError> {
    if step.get("replacement").is_some() { character(step, "replacement") } else { Ok('\u{2581}') }
}

fn prepend(step: Value<'_>) -> Result<Prepend, LoadError> {
    Ok(match text(step, "prepend_scheme").as_str() {
        "first" => Prepend::First,
        "never" => Prepend::Never,
        "always" => Prepend::Always,
        "" if flag(step, "add_prefix_space", true) => Prepend::Always,
        "" => Prepend::Never,
        _ => return Err(unsupported("this prepend_scheme", step)),
    })
}

impl Steps {
    fn normalizer(&mut self, step: Value<'_>) -> Result<(), LoadError> {
        let kind = text(step, "type");
        self.normalizers.push(match kind.as_str() {
            "NFC" | "NFD" | "NFKC" | "NFKD" => {
                Normalizer::Form { composed: kind.ends_with('C'), compatible: kind.starts_with("NFK") }
            }
            "Lowercase" => Normalizer::Lowercase,
            "StripAccents" => Normalizer::StripAccents,
            "Strip" => Normalizer::Strip {
                left: flag(step, "strip_left", true),
                right: flag(step, "strip_right", true),
            },
            "Prepend" => Normalizer::Prepend(text(step, "prepend")),
            "Replace" => Normalizer::Replace { from: needle(step)?, to: text(step, "content") },
            "BertNormalizer" => {
                let lowercase = flag(step, "lowercase", true);
                Normalizer::Bert {
                    clean: flag(step, "clean_text", true),
                    chinese: flag(step, "handle_chinese_chars", true),
                    strip_accents: flag(step, "strip_accents", lowercase),
                    lowercase,
                }
            }
            "Precompiled" => {
                let packed = text(step, "precompiled_charsmap");
                limit("bytes of a table for normalisation", packed.len() / 4 * 3, CHARSMAP_LEN_MAX)?;
                self.charsmap.clear();
                if !packed.is_empty() {
                    decode_base64(packed.as_bytes(), &mut self.charsmap).ok_or(invalid("base64", step))?;
                }
                Normalizer::Charsmap
            }
            "Nmt" => Normalizer::Nmt,
            "ByteLevel" => {
                self.byte_level = true;
                return Ok(());
            }
            _ => return Err(unsupported("this type of normalizer", step)),
        });
        Ok(())
    }

    fn pretokenizer(&mut self, step: Value<'_>) -> Result<(), LoadError> {
        let kind = text(step, "type");
        let step = match kind.as_str() {
            "ByteLevel" => {
                self.byte_level = true;
                if flag(step, "add_prefix_space", true) {
                    self.pretokenizers.push(Pretokenizer::PrefixSpace);
                }
                if !flag(step, "use_regex", true) {
                    return Ok(());
                }
                Pretokenizer::Scan(Scanner::Gpt2)
            }
            "Split" => split(step)?,
            "Metaspace" => Pretokenizer::Metaspace {
                replacement: replacement(step)?,
                prepend: prepend(step)?,
                split: flag(step, "split", true),
            },
            "Digits" => Pretokenizer::Digits { individual: flag(step, "individual_digits", false) },
            "Whitespace" => Pretokenizer::Whitespace,
            "WhitespaceSplit" => Pretokenizer::WhitespaceSplit,
            "Punctuation" => Pretokenizer::Punctuation(behavior(step, Behavior::Isolated)?),
            "BertPreTokenizer" => Pretokenizer::Bert,
            "CharDelimiterSplit" => Pretokenizer::Delimiter(character(step, "delimiter")?),
            _ => return Err(unsupported("this type of pre-tokenizer", step)),
        };
        self.pretokenizers.push(step);
        Ok(())
    }
}

/// A scanner takes the place of an expression that it knows: its matches cover the text.
fn split(step: Value<'_>) -> Result<Pretokenizer, LoadError> {
    let behavior = behavior(step, Behavior::Isolated)?;
    let invert = flag(step, "invert", false);
    if let Some(regex) = step.get("pattern").and_then(|p| p.get("Regex")).and_then(Value::as_str)
        && let Some(scanner) = scan::by_pattern(&regex)
        && matches!((behavior, invert), (Behavior::Isolated, _) | (Behavior::Removed, true))
    {
        return Ok(Pretokenizer::Scan(scanner));
    }
    Ok(Pretokenizer::Split { needle: needle(step)?, behavior, invert })
}

fn decoder(step: Value<'_>) -> Result<Decoder, LoadError> {
    Ok(match text(step, "type").as_str() {
        "ByteLevel" => Decoder::Bytes,
        "Metaspace" => {
            Decoder::Metaspace { replacement: replacement(step)?, strip: prepend(step)? != Prepend::Never }
        }
        "WordPiece" => {
            Decoder::WordPiece { prefix: text(step, "prefix"), cleanup: flag(step, "cleanup", true) }
        }
        "BPEDecoder" => Decoder::Suffix(text(step, "suffix")),
        "Replace" => match needle(step)? {
            Needle::Literal(from) if !from.is_empty() => Decoder::Replace { from, to: text(step, "content") },
            _ => return Err(unsupported("an expression in a decoder", step)),
        },
        "ByteFallback" => Decoder::ByteFallback,
        "Fuse" => Decoder::Fuse,
        "Strip" => Decoder::Strip {
            content: character(step, "content")?,
            start: step.get("start").and_then(number).unwrap_or(0),
            stop: step.get("stop").and_then(number).unwrap_or(0),
        },
        _ => return Err(unsupported("this type of decoder", step)),
    })
}
