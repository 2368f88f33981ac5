//! The vocabulary of a GGUF file, with the rules of llama.cpp.

use alloc::string::String;
use alloc::vec::Vec;

use super::ALPHABET;
use super::gguf::{Array, Metadata, Value};
use super::sentencepiece::{ranks, words_stand_alone};
use crate::config::{
    Behavior, Config, Decoder, Merges, Model, Needle, Normalizer, Pretokenizer, Special, Unknown,
};
use crate::definition::{Added, Definition, Tokens, kind};
use crate::error::{LoadError, limit};
use crate::limits::{MERGES_MAX, TOKENS_MAX};
use crate::scan::{self, Contractions, Digits, Scanner, Style};
use crate::table::{self, Table};

/// Reads the vocabulary.
///
/// # Errors
/// [`LoadError`].
pub fn load(bytes: &[u8]) -> Result<Definition, LoadError> {
    let metadata = Metadata::read(bytes)?;
    let name = metadata.text("tokenizer.ggml.model");
    let name = name.ok_or(LoadError::Missing { what: "tokenizer.ggml.model in a GGUF file" })?;
    let file = File { tokens: list(&metadata, "tokenizer.ggml.tokens")?, metadata };
    limit("tokens", file.tokens.len(), TOKENS_MAX)?;
    match name {
        "gpt2" => file.byte_pairs(),
        "llama" => file.sentencepiece(),
        "t5" => file.unigram(),
        "bert" => file.word_piece(),
        _ => Err(LoadError::Unsupported { what: "this tokenizer.ggml.model", at: 0 }),
    }
}

fn list<'a>(metadata: &Metadata<'a>, name: &'static str) -> Result<Array<'a>, LoadError> {
    metadata.array(name).ok_or(LoadError::Missing { what: name })
}

struct File<'a> {
    metadata: Metadata<'a>,
    tokens: Array<'a>,
}

/// `LLAMA_TOKEN_TYPE`
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER: i64 = 4;
const UNUSED: i64 = 5;
const BYTE: i64 = 6;

/// One expression of [`expressions`].
enum Split {
    Scan(Scanner),
    /// Matches are pieces, and so is what is between them.
    Pattern(&'static str),
}

const fn modern(contractions: Contractions, digits: Digits, marks: bool) -> Split {
    Split::Scan(Scanner::Modern(Style { contractions, digits, marks, slash: false, blank_end: false }))
}

const fn cased(contractions: Contractions, digits: Digits) -> Split {
    Split::Scan(Scanner::Cased(Style { contractions, digits, marks: false, slash: true, blank_end: false }))
}

/// What splits text, and whether a piece that is a token is taken whole, by `tokenizer.ggml.pre`.
fn expressions(pre: &str) -> Option<(Vec<Split>, bool)> {
    use Contractions::{Ascii, None as Never};
    use Split::{Pattern, Scan};
    const NEWLINES: &str = r"[\r\n]";
    const HAN: &str = "[一-龥ࠀ-一가-\u{d7ff}]+";
    let gpt2 = || Scan(Scanner::Gpt2);
    Some(match pre {
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2"
        | "jina-v5-nano" | "glm4" | "glm5" => (Vec::from([modern(Ascii, Digits::Three, false)]), true),
        "dbrx" | "smaug-bpe" | "chatglm-bpe" => (Vec::from([modern(Ascii, Digits::Three, false)]), false),
        "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "stablelm2" | "megrez" | "hunyuan"
        | "grok-2" | "solar-open" => (Vec::from([modern(Ascii, Digits::One, false)]), false),
        "qwen35" => (Vec::from([modern(Ascii, Digits::One, true)]), false),
        "ufakzeka" => (Vec::from([modern(Never, Digits::One, false)]), false),
        "minicpm5" => (Vec::from([Pattern(r"\p{N}{1,3}"), modern(Ascii, Digits::All, false)]), true),
        "gpt-4o" | "llama4" | "kanana2" | "talkie" | "minimax-m2" => {
            (Vec::from([cased(Ascii, Digits::Three)]), false)
        }
        "tekken" => (Vec::from([cased(Never, Digits::One)]), true),
        "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de" | "a.x-4.0"
        | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling" | "exaone4"
        | "jina-v1-en" | "jina-v2-code" | "roberta-bpe" => (Vec::from([gpt2()]), false),
        "starcoder" | "refact" | "command-r" | "smollm" | "codeshell" | "exaone" | "minerva-7b"
        | "mellum2" => (Vec::from([Pattern(r"\p{N}"), gpt2()]), false),
        "deepseek-coder" => {
            let steps = [NEWLINES, r"\s?\p{L}+", r"\s?\p{P}+", HAN, r"\p{N}"];
            (steps.into_iter().map(Pattern).collect(), false)
        }
        "deepseek-llm" => {
            let steps = [NEWLINES, CASED_LETTERS, "\\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", HAN, r"\p{N}+"];
            (steps.into_iter().map(Pattern).collect(), false)
        }
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => {
            let steps = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3];
            (steps.into_iter().map(Pattern).collect(), false)
        }
        "falcon" => {
            let steps = [Pattern(r"[\p{P}\$\+<=>\^~\|`]+"), gpt2(), Pattern("[0-9][0-9][0-9]")];
            (Vec::from(steps), false)
        }
        "poro-chat" | "bloom" | "gpt3-finnish" => (Vec::from([Pattern(BLOOM)]), false),
        "viking" => (Vec::from([Pattern(BLOOM), Pattern(r"\p{N}")]), false),
        "bailingmoe" | "bailingmoe2" | "llada-moe" => (
            Vec::from([Pattern(
                r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
            )]),
            false,
        ),
        "seed-coder" => (
            Vec::from([Pattern(
                r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
            )]),
            false,
        ),
        "laguna" => (Vec::from([Pattern(r"[^\n]+|[\n]+"), modern(Ascii, Digits::One, false)]), false),
        "default" | "" => {
            let steps =
                [Pattern(r"[\p{P}\$\+<=>\^~\|]+"), gpt2(), Pattern(r"\p{N}+"), Pattern("[0-9][0-9][0-9]")];
            (Vec::from(steps), false)
        }
        _ => return None,
    })
}

const BLOOM: &str = " ?[^(\\s|.,!?…。，、।۔،)]+";
const DEEPSEEK3: &str = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/// Letters with case, and some without: the ranges that DeepSeek LLM's file spells out.
const CASED_LETTERS: &str = "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";

impl<'a> File<'a> {
    /// The type of each token; ordinary where the file has none.
    fn types(&self) -> impl Iterator<Item = i64> + use<'a> {
        let types = self.metadata.array("tokenizer.ggml.token_type").into_iter().flat_map(Array::numbers);
        types.map(|t| if let Value::Integer(t) = t { t } else { 1 }).chain(core::iter::repeat(1))
    }

    fn id(&self, name: &str) -> Option<u32> {
        self.metadata.id(name).filter(|&id| (id as usize) < self.tokens.len())
    }

    fn special(&self, bos: Option<u32>, eos: Option<u32>, add_bos: bool) -> Special {
        let known = |id: &u32| (*id as usize) < self.tokens.len();
        Special {
            bos: self.id("tokenizer.ggml.bos_token_id").or(bos.filter(known)),
            eos: self.id("tokenizer.ggml.eos_token_id").or(eos.filter(known)),
            pad: self.id("tokenizer.ggml.padding_token_id"),
            add_bos: self.metadata.flag("tokenizer.ggml.add_bos_token").unwrap_or(add_bos),
            add_eos: self.metadata.flag("tokenizer.ggml.add_eos_token").unwrap_or(false),
        }
    }

    /// Control, user-defined and unknown tokens are searched for in the text.
    fn added(&self) -> Vec<Added> {
        let searched = |t: i64| matches!(t, CONTROL | USER | UNKNOWN);
        let all = self.tokens.texts().zip(self.types()).enumerate().filter(|(_, (_, t))| searched(*t));
        all.filter_map(|(id, (text, token_type))| {
            Some(Added {
                id: id as u32,
                content: String::from(core::str::from_utf8(text).ok()?),
                special: token_type != USER,
                normalized: false,
                lstrip: false,
                rstrip: false,
                single_word: false,
            })
        })
        .collect()
    }

    fn kinds(token_type: i64) -> u8 {
        match token_type {
            CONTROL => kind::SPECIAL,
            UNKNOWN => kind::UNKNOWN,
            BYTE => kind::BYTE,
            UNUSED => 0,
            _ => 0,
        }
    }

    fn byte_pairs(&self) -> Result<Definition, LoadError> {
        let pre = self.metadata.text("tokenizer.ggml.pre").unwrap_or("default");
        let (splits, whole) =
            expressions(pre).ok_or(LoadError::Unsupported { what: "this tokenizer.ggml.pre", at: 0 })?;
        let mut tokens = Tokens::default();
        let mut bytes = Vec::new();
        for (text, token_type) in self.tokens.texts().zip(self.types()) {
            bytes.clear();
            let mut kinds = Self::kinds(token_type);
            let letters = core::str::from_utf8(text).ok().filter(|_| !matches!(token_type, CONTROL | USER));
            if !letters.is_some_and(|text| ALPHABET.decode(text, &mut bytes)) {
                bytes.extend_from_slice(text);
                kinds |= kind::APART;
            }
            tokens.push(&bytes, kinds)?;
        }
        let pretokenizers = splits.into_iter().map(|split| match split {
            Split::Scan(scanner) => Pretokenizer::Scan(scanner),
            Split::Pattern(text) => match scan::by_pattern(text) {
                Some(scanner) => Pretokenizer::Scan(scanner),
                None => Pretokenizer::Split {
                    needle: Needle::Pattern(String::from(text)),
                    behavior: Behavior::Isolated,
                    invert: false,
                },
            },
        });
        let add_bos = whole && pre != "youtu";
        Ok(Definition {
            config: Config {
                normalizers: Vec::new(),
                pretokenizers: pretokenizers.collect(),
                model: Model::Bpe {
                    merges: Merges::ByPair,
                    byte_level: true,
                    whole,
                    words: false,
                    prefix: String::new(),
                    suffix: String::new(),
                    unknown: Unknown { id: None, fuse: false, bytes: false },
                },
                decoders: Vec::from([Decoder::Bytes]),
                trim_offsets: false,
                special: self.special(None, None, add_bos),
            },
            merges: self.merges()?,
            tokens,
            ranks: Vec::new(),
            scores: Vec::new(),
            added: self.added(),
            charsmap: Vec::new(),
        })
    }

    /// Merges name tokens by their letters. One that makes no token is passed over, as llama.cpp never finds it.
    fn merges(&self) -> Result<Vec<[u32; 3]>, LoadError> {
        let texts: Vec<&[u8]> = self.tokens.texts().collect();
        let entries: Vec<(u64, u32)> = (0..texts.len())
            .filter(|&id| !texts[id].is_empty())
            .map(|id| (table::key(texts[id], 0, texts[id].len()), id as u32))
            .collect();
        let built = table::build(entries.len(), entries.iter().copied(), |a, b| {
            texts[a as usize] == texts[b as usize]
        })?;
        let table = Table::again(&built.keys, &built.values, built.seed);
        let find = |text: &[u8]| {
            table.find(table::key(text, 0, text.len()), |id| texts.get(id as usize) == Some(&text))
        };
        let list = list(&self.metadata, "tokenizer.ggml.merges")?;
        limit("merges", list.len(), MERGES_MAX)?;
        let mut merges = Vec::with_capacity(list.len());
        let mut both = Vec::new();
        for (index, merge) in list.texts().enumerate() {
            // The first blank may be part of the left token.
            let blank = merge.iter().skip(1).position(|&b| b == b' ').map(|at| at + 1);
            let (left, right) =
                blank.map(|at| (&merge[..at], &merge[at + 1..])).ok_or(LoadError::Merge { index })?;
            both.clear();
            both.extend_from_slice(left);
            both.extend_from_slice(right);
            if let (Some(left), Some(right), Some(both)) = (find(left), find(right), find(&both)) {
                merges.push([left, right, both]);
            }
        }
        Ok(merges)
    }

    fn plain_tokens(&self) -> Result<Tokens, LoadError> {
        let mut tokens = Tokens::default();
        for (text, token_type) in self.tokens.texts().zip(self.types()) {
            tokens.push(text, Self::kinds(token_type))?;
        }
        Ok(tokens)
    }

    fn scores(&self) -> Result<Vec<f32>, LoadError> {
        let list = list(&self.metadata, "tokenizer.ggml.scores")?;
        let scores: Vec<f32> = list
            .numbers()
            .map(|score| if let Value::Float(score) = score { score as f32 } else { 0.0 })
            .collect();
        if scores.len() != self.tokens.len() || scores.iter().any(|s| s.is_nan()) {
            return Err(LoadError::Invalid { what: "a score for each token", at: scores.len() });
        }
        Ok(scores)
    }

    fn unknown(&self, default: u32, fuse: bool, bytes: bool) -> Unknown {
        let id = self.id("tokenizer.ggml.unknown_token_id");
        let id = id.or((self.tokens.len() > default as usize).then_some(default));
        Unknown { id, fuse, bytes }
    }

    /// Blanks as the file has them.
    fn blanks(&self, dummy_prefix: bool) -> Normalizer {
        let flag = |name: &str, default| self.metadata.flag(name).unwrap_or(default);
        Normalizer::SentencePiece {
            dummy_prefix: flag("tokenizer.ggml.add_space_prefix", dummy_prefix),
            remove_extra: flag("tokenizer.ggml.remove_extra_whitespaces", false),
            escape: true,
            suffix: false,
        }
    }

    fn sentencepiece(&self) -> Result<Definition, LoadError> {
        let tokens = self.plain_tokens()?;
        let normalizer = self.blanks(true);
        let strip = matches!(normalizer, Normalizer::SentencePiece { dummy_prefix: true, .. });
        Ok(Definition {
            config: Config {
                normalizers: Vec::from([normalizer]),
                pretokenizers: Vec::new(),
                model: Model::Bpe {
                    merges: Merges::ByText,
                    byte_level: false,
                    whole: false,
                    words: words_stand_alone(&tokens),
                    prefix: String::new(),
                    suffix: String::new(),
                    unknown: self.unknown(0, false, true),
                },
                decoders: Vec::from([Decoder::SentencePiece { strip, all: false }]),
                trim_offsets: false,
                special: self.special(Some(1), Some(2), true),
            },
            ranks: ranks(&self.scores()?),
            tokens,
            scores: Vec::new(),
            merges: Vec::new(),
            added: self.added(),
            charsmap: Vec::new(),
        })
    }

    fn unigram(&self) -> Result<Definition, LoadError> {
        let mut tokens = self.plain_tokens()?;
        for (kinds, token_type) in tokens.kinds.iter_mut().zip(self.types()) {
            *kinds |= match token_type {
                USER => kind::USER,
                UNUSED => kind::UNUSED,
                CONTROL | UNKNOWN | BYTE => kind::APART,
                _ => 0,
            };
        }
        let scores = self.scores()?;
        let normal = || scores.iter().zip(self.types()).filter(|(_, t)| *t == 1).map(|(s, _)| *s);
        let least = normal().fold(f32::INFINITY, f32::min);
        let greatest = normal().fold(f32::NEG_INFINITY, f32::max);
        let charsmap = self.metadata.array("tokenizer.ggml.precompiled_charsmap");
        let byte = |v: Value<'_>| if let Value::Integer(b) = v { b as u8 } else { 0 };
        Ok(Definition {
            config: Config {
                normalizers: Vec::from([self.blanks(false)]),
                pretokenizers: Vec::new(),
                model: Model::Unigram {
                    unknown: self.unknown(2, true, false),
                    unknown_score: f64::from(if least.is_finite() { least } else { 0.0 } - 10.0),
                    single: false,
                    user_score: f64::from(if greatest.is_finite() { greatest } else { 0.0 }),
                },
                decoders: Vec::from([Decoder::SentencePiece { strip: true, all: false }]),
                trim_offsets: false,
                special: self.special(None, Some(1), false),
            },
            tokens,
            ranks: Vec::new(),
            scores: scores.iter().map(|&s| f64::from(s)).collect(),
            merges: Vec::new(),
            added: self.added(),
            charsmap: charsmap.into_iter().flat_map(Array::numbers).map(byte).collect(),
        })
    }

    /// Tokens that begin a word are marked with `▁` here; the others get the usual `##`.
    fn word_piece(&self) -> Result<Definition, LoadError> {
        let mark = "\u{2581}".as_bytes();
        let mut tokens = Tokens::default();
        for (text, token_type) in self.tokens.texts().zip(self.types()) {
            let kinds = Self::kinds(token_type);
            match text.strip_prefix(mark) {
                Some(word) => tokens.push(word, kinds)?,
                None if token_type == 1 => tokens.push(&[b"##", text].concat(), kinds)?,
                None => tokens.push(text, kinds | kind::APART)?,
            }
        }
        let unknown = self.unknown(100, false, false);
        let unknown = unknown.id.ok_or(LoadError::Missing { what: "a token for the unknown" })?;
        let flag = |name: &str| self.metadata.flag(name).unwrap_or(true);
        Ok(Definition {
            config: Config {
                normalizers: Vec::from([Normalizer::Bert {
                    clean: true,
                    chinese: true,
                    strip_accents: flag("tokenizer.ggml.normalizer.strip_accents"),
                    lowercase: flag("tokenizer.ggml.normalizer.lowercase"),
                }]),
                pretokenizers: Vec::from([Pretokenizer::Bert]),
                model: Model::WordPiece { prefix: String::from("##"), chars_max: u32::MAX, unknown },
                decoders: Vec::from([Decoder::WordPiece { prefix: String::from("##"), cleanup: true }]),
                trim_offsets: false,
                special: self.special(Some(101), Some(102), true),
            },
            tokens,
            ranks: Vec::new(),
            scores: Vec::new(),
            merges: Vec::new(),
            added: self.added(),
            charsmap: Vec::new(),
        })
    }
}
