//! Hugging Face's `tokenizer.json`.

mod steps;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_text::json::{Document, Kind, Value};

use super::ALPHABET;
use crate::config::{Config, Decoder, Merges, Model, Special, Unknown};
use crate::definition::{Added, Definition, Tokens, kind};
use crate::error::{LoadError, limit};
use crate::image::byte_of;
use crate::limits::{ADDED_MAX, MERGES_MAX, TOKENS_MAX};
use crate::table::{self, EXACT_LEN_MAX, Table};

/// Reads a `tokenizer.json`. Truncation, padding and the tokens that a post-processor adds are left out: `encode` gives the text alone.
///
/// # Errors
/// [`LoadError`]; places are bytes of the file.
pub fn load(bytes: &[u8]) -> Result<Definition, LoadError> {
    let document = Document::read(bytes).map_err(LoadError::Json)?;
    let root = document.root();
    let model = root.get("model").filter(|m| m.kind() == Kind::Object);
    let model = model.ok_or(LoadError::Missing { what: "a \"model\" in tokenizer.json" })?;
    let mut steps = steps::read(root)?;
    let mut vocabulary = Vocabulary::read(model)?;
    let added = added_tokens(root, &mut vocabulary)?;
    let kind = model_kind(model)?;
    let mut scores = Vec::new();
    let mut merges = Vec::new();
    let model = match kind {
        "BPE" => {
            let prefix = text(model, "continuing_subword_prefix");
            merges = read_merges(model, &vocabulary, &prefix)?;
            bpe(model, &vocabulary, prefix, steps.byte_level)?
        }
        "Unigram" => {
            scores = vocabulary.scores.clone();
            unigram(model, &vocabulary)?
        }
        "WordPiece" => word_piece(model, &vocabulary)?,
        _ => Model::WordLevel { unknown: vocabulary.find(&text(model, "unk_token")) },
    };
    let byte_level = matches!(model, Model::Bpe { byte_level: true, .. });
    let tokens = vocabulary.tokens(&added, byte_level)?;
    scores.resize(if scores.is_empty() { 0 } else { tokens.len() }, 0.0);
    if steps.decoders.is_empty() {
        steps.decoders.push(Decoder::Spaces);
    }
    Ok(Definition {
        config: Config {
            normalizers: steps.normalizers,
            pretokenizers: steps.pretokenizers,
            model,
            decoders: steps.decoders,
            trim_offsets: steps.trim_offsets,
            special: special(root),
        },
        tokens,
        ranks: Vec::new(),
        scores,
        merges,
        added,
        charsmap: steps.charsmap,
    })
}

fn invalid(what: &'static str, value: Value<'_>) -> LoadError {
    LoadError::Invalid { what, at: value.offset() }
}

/// A string member, or nothing.
fn text(object: Value<'_>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).map(Cow::into_owned).unwrap_or_default()
}

/// A boolean member.
fn flag(object: Value<'_>, name: &str, default: bool) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or(default)
}

fn number(value: Value<'_>) -> Option<u32> {
    value.as_number()?.as_u64().and_then(|n| u32::try_from(n).ok())
}

fn model_kind(model: Value<'_>) -> Result<&'static str, LoadError> {
    let kinds = ["BPE", "Unigram", "WordPiece", "WordLevel"];
    match model.get("type").and_then(Value::as_str) {
        Some(name) => {
            let known = kinds.into_iter().find(|k| *k == name);
            known.ok_or(LoadError::Unsupported { what: "this type of model", at: model.offset() })
        }
        None if model.get("merges").is_some() => Ok("BPE"),
        None if model.get("vocab").is_some_and(|v| v.kind() == Kind::Array) => Ok("Unigram"),
        None if model.get("max_input_chars_per_word").is_some() => Ok("WordPiece"),
        None => Ok("WordLevel"),
    }
}

/// A number as Hugging Face's JSON reader has it: all digits as an integer, times or by a power of ten, which may be off by the last bit. Ties
/// between ways to cut a text hang on that bit.
fn score(text: &str) -> Option<f64> {
    let exact: f64 = text.parse().ok().filter(|v: &f64| v.is_finite())?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.contains(['e', 'E']) || fraction.contains(['e', 'E']) || fraction.len() > 22 {
        return Some(exact);
    }
    let mut significand = 0u64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let next = significand.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
        // More digits than fit are so rare that nobody's rounding of them is copied.
        let Some(next) = next else { return Some(exact) };
        significand = next;
    }
    let power = fraction.bytes().fold(1.0, |power: f64, _| power * 10.0);
    let value = significand as f64 / power;
    Some(if negative { -value } else { value })
}

/// The model's tokens as texts.
struct Vocabulary<'d> {
    /// By id.
    texts: Vec<Option<Cow<'d, str>>>,
    scores: Vec<f64>,
    keys: Vec<u64>,
    values: Vec<u32>,
    seed: u64,
}

impl<'d> Vocabulary<'d> {
    fn read(model: Value<'d>) -> Result<Self, LoadError> {
        let vocab = model.get("vocab").ok_or(LoadError::Missing { what: "a \"vocab\" in the model" })?;
        let (mut texts, mut scores) = (Vec::new(), Vec::new());
        match vocab.kind() {
            Kind::Object => {
                for (token, id) in vocab.members() {
                    let id = number(id).ok_or(invalid("an id", id))?;
                    limit("as an id", id as usize, TOKENS_MAX - 1)?;
                    if texts.len() <= id as usize {
                        texts.resize(id as usize + 1, None);
                    }
                    if texts[id as usize].replace(token).is_some() {
                        return Err(LoadError::Duplicate { id });
                    }
                }
            }
            Kind::Array => {
                for pair in vocab.items() {
                    let mut parts = pair.items();
                    let token = parts.next().and_then(Value::as_str);
                    let score = parts.next().and_then(Value::as_number).and_then(|n| score(n.text()));
                    let (Some(token), Some(score)) = (token, score) else {
                        return Err(invalid("a pair of a token and its score", pair));
                    };
                    limit("tokens", texts.len() + 1, TOKENS_MAX)?;
                    texts.push(Some(token));
                    scores.push(score);
                }
            }
            _ => return Err(invalid("an object or a list as \"vocab\"", vocab)),
        }
        let entries: Vec<(u64, u32)> = texts
            .iter()
            .enumerate()
            .filter_map(|(id, text)| text.as_ref().map(|t| (t.as_bytes(), id as u32)))
            .map(|(bytes, id)| (table::key(bytes, 0, bytes.len()), id))
            .collect();
        let built = table::build(entries.len(), entries.iter().copied(), |a, b| {
            texts[a as usize] == texts[b as usize]
        })?;
        Ok(Vocabulary { texts, scores, keys: built.keys, values: built.values, seed: built.seed })
    }

    fn find(&self, text: &str) -> Option<u32> {
        let table = Table::again(&self.keys, &self.values, self.seed);
        let key = table::key(text.as_bytes(), 0, text.len());
        // The key of a short text is the text; that of none is what empty slots have.
        table.find(key, |id| (1..=EXACT_LEN_MAX).contains(&text.len()) || self.is(id, text))
    }

    fn is(&self, id: u32, text: &str) -> bool {
        self.texts.get(id as usize).is_some_and(|t| t.as_deref() == Some(text))
    }

    /// By id, added ones among them; bytes instead of letters if the model begins with bytes.
    fn tokens(&self, added: &[Added], byte_level: bool) -> Result<Tokens, LoadError> {
        let mut kinds = alloc::vec![0u8; self.texts.len()];
        let mut contents: Vec<Option<&str>> = self.texts.iter().map(|t| t.as_deref()).collect();
        for token in added {
            let id = token.id as usize;
            if kinds.len() <= id {
                kinds.resize(id + 1, 0);
                contents.resize(id + 1, None);
            }
            if contents[id] != Some(&token.content) {
                contents[id] = Some(&token.content);
                kinds[id] |= kind::APART;
            }
            if token.special {
                kinds[id] |= kind::SPECIAL;
            }
        }
        let mut tokens = Tokens::default();
        let mut bytes = Vec::new();
        for (content, &kinds) in contents.iter().zip(&kinds) {
            let Some(text) = content else {
                tokens.push(&[], kind::HOLE | kind::APART)?;
                continue;
            };
            bytes.clear();
            let mut kinds = kinds;
            if !byte_level {
                bytes.extend_from_slice(text.as_bytes());
                kinds |= if byte_of(text.as_bytes()).is_some() { kind::BYTE } else { 0 };
            } else if !ALPHABET.decode(text, &mut bytes) {
                bytes.extend_from_slice(text.as_bytes());
                kinds |= kind::APART;
            }
            tokens.push(&bytes, kinds)?;
        }
        Ok(tokens)
    }
}

fn added_tokens(root: Value<'_>, vocabulary: &mut Vocabulary<'_>) -> Result<Vec<Added>, LoadError> {
    let mut added = Vec::new();
    for token in root.get("added_tokens").into_iter().flat_map(Value::items) {
        limit("added tokens", added.len() + 1, ADDED_MAX)?;
        let id = token.get("id").and_then(number).ok_or(invalid("an added token with an id", token))?;
        limit("as an id", id as usize, TOKENS_MAX - 1)?;
        let content = text(token, "content");
        let special = flag(token, "special", false);
        added.push(Added {
            // A text that the model has keeps the model's id.
            id: vocabulary.find(&content).unwrap_or(id),
            special,
            normalized: flag(token, "normalized", !special),
            lstrip: flag(token, "lstrip", false),
            rstrip: flag(token, "rstrip", false),
            single_word: flag(token, "single_word", false),
            content,
        });
    }
    Ok(added)
}

fn read_merges(
    model: Value<'_>,
    vocabulary: &Vocabulary<'_>,
    prefix: &str,
) -> Result<Vec<[u32; 3]>, LoadError> {
    let mut merges: Vec<[u32; 3]> = Vec::new();
    let mut both = String::new();
    for (index, merge) in model.get("merges").into_iter().flat_map(Value::items).enumerate() {
        limit("merges", index + 1, MERGES_MAX)?;
        let line = merge.as_str();
        let (left, right) = match &line {
            Some(line) => {
                let parts = line.split_once(' ').filter(|(_, right)| !right.contains(' '));
                let (left, right) = parts.ok_or(invalid("a merge of two tokens", merge))?;
                (Cow::Borrowed(left), Cow::Borrowed(right))
            }
            None => {
                let mut parts = merge.items().map(Value::as_str);
                match (parts.next().flatten(), parts.next().flatten(), parts.next()) {
                    (Some(left), Some(right), None) => (left, right),
                    _ => return Err(invalid("a merge of two tokens", merge)),
                }
            }
        };
        both.clear();
        both.push_str(&left);
        both.push_str(right.strip_prefix(prefix).unwrap_or(&right));
        // Trainers number tokens in the order of the merges that make them.
        let next = merges.last().map_or(0, |merge| merge[2] + 1);
        let both = if vocabulary.is(next, &both) { Some(next) } else { vocabulary.find(&both) };
        match [vocabulary.find(&left), vocabulary.find(&right), both] {
            [Some(left), Some(right), Some(both)] => merges.push([left, right, both]),
            _ => return Err(LoadError::Merge { index }),
        }
    }
    Ok(merges)
}

fn bpe(
    model: Value<'_>,
    vocabulary: &Vocabulary<'_>,
    prefix: String,
    byte_level: bool,
) -> Result<Model, LoadError> {
    if let Some(dropout) = model.get("dropout").filter(|d| !d.is_null())
        && dropout.as_number().and_then(|n| n.as_f64()) != Some(0.0)
    {
        return Err(LoadError::Unsupported { what: "dropout of merges", at: dropout.offset() });
    }
    let suffix = text(model, "end_of_word_suffix");
    let unknown = text(model, "unk_token");
    Ok(Model::Bpe {
        merges: Merges::ByPair,
        byte_level,
        whole: flag(model, "ignore_merges", false),
        words: prefix.is_empty() && suffix.is_empty() && !byte_level && words_stand_alone(vocabulary),
        prefix,
        suffix,
        unknown: Unknown {
            id: vocabulary.find(&unknown).filter(|_| !unknown.is_empty()),
            fuse: flag(model, "fuse_unk", false),
            bytes: flag(model, "byte_fallback", false),
        },
    })
}

/// Whether `▁` is a token and no token has one behind another character.
fn words_stand_alone(vocabulary: &Vocabulary<'_>) -> bool {
    let mark = '\u{2581}';
    let crosses = |text: &str| text.trim_start_matches(mark).contains(mark);
    vocabulary.find("\u{2581}").is_some() && !vocabulary.texts.iter().flatten().any(|text| crosses(text))
}

fn unigram(model: Value<'_>, vocabulary: &Vocabulary<'_>) -> Result<Model, LoadError> {
    let unknown = model.get("unk_id").filter(|id| !id.is_null()).map(|id| {
        number(id)
            .filter(|&id| (id as usize) < vocabulary.texts.len())
            .ok_or(invalid("the id of a token", id))
    });
    let least = vocabulary.scores.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Model::Unigram {
        unknown: Unknown { id: unknown.transpose()?, fuse: true, bytes: flag(model, "byte_fallback", false) },
        unknown_score: least - 10.0,
        single: false,
        user_score: 0.0,
    })
}

fn word_piece(model: Value<'_>, vocabulary: &Vocabulary<'_>) -> Result<Model, LoadError> {
    let unknown = vocabulary.find(&text(model, "unk_token"));
    Ok(Model::WordPiece {
        prefix: text(model, "continuing_subword_prefix"),
        chars_max: model.get("max_input_chars_per_word").and_then(number).unwrap_or(100),
        unknown: unknown.ok_or(invalid("a token that \"unk_token\" names", model))?,
    })
}

/// The ids that a template puts around one sequence.
fn special(root: Value<'_>) -> Special {
    let mut special = Special::default();
    let Some(processor) = root.get("post_processor") else { return special };
    let template = core::iter::once(processor)
        .chain(processor.get("processors").into_iter().flat_map(Value::items))
        .find(|p| text(*p, "type") == "TemplateProcessing");
    let Some(template) = template else { return special };
    let id =
        |name: &str| template.get("special_tokens")?.get(name)?.get("ids")?.items().next().and_then(number);
    let mut behind = false;
    for piece in template.get("single").into_iter().flat_map(Value::items) {
        if piece.get("Sequence").is_some() {
            behind = true;
        } else if let Some(token) = piece.get("SpecialToken") {
            let found = id(&text(token, "id"));
            let known = found.filter(|&id| (id as usize) < TOKENS_MAX);
            if behind {
                (special.eos, special.add_eos) = (known, known.is_some());
            } else {
                (special.bos, special.add_bos) = (known, known.is_some());
            }
        }
    }
    special
}
