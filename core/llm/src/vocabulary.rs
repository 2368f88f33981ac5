//! A vocabulary as the keys of a GGUF file: of a `tokenizer.json` with a byte-level BPE, or with a WordPiece.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_text::json::{Document, Kind, Value};
use dolmen_tokenizer::config::{Model as Tokens, Pretokenizer};
use dolmen_tokenizer::load::hf;
use dolmen_tokenizer::scan::{CL100K, Digits, LLAMA3, O200K, Scanner};

use crate::error::LoadError;
use crate::gguf::{Head, NewValue};
use crate::limits::VOCABULARY_MAX;

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER: i32 = 4;
const UNUSED: i32 = 5;

/// What stands in `tokenizer.ggml.*`.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    model: &'static str,
    pre: &'static str,
    tokens: Vec<Vec<u8>>,
    types: Vec<i32>,
    merges: Vec<Vec<u8>>,
    bos: Option<u32>,
    eos: Option<u32>,
    add_bos: bool,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`. `len` is the number of ids that the model has: ids without a token are filled up.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unsupported`] for other models and for splits that llama.cpp has no name for.
    pub fn from_json(bytes: &[u8], len: usize) -> Result<Vocabulary, LoadError> {
        let definition = hf::load(bytes)?;
        let document = Document::read(bytes)?;
        let root = document.root();
        let word_piece = matches!(definition.config.model, Tokens::WordPiece { .. });
        let (model, pre) = match &definition.config.model {
            Tokens::Bpe { byte_level: true, .. } => ("gpt2", split(&definition.config.pretokenizers)?),
            Tokens::WordPiece { .. } => ("bert", "default"),
            _ => {
                return Err(LoadError::Unsupported { what: "this kind of vocabulary in a GGUF file", at: 0 });
            }
        };
        let special = definition.config.special;
        let mut vocabulary = Vocabulary {
            model,
            pre,
            tokens: Vec::new(),
            types: Vec::new(),
            merges: Vec::new(),
            bos: special.bos,
            eos: special.eos,
            add_bos: special.add_bos,
        };
        vocabulary.read(root, word_piece)?;
        let have = vocabulary.tokens.len();
        vocabulary.tokens.extend((have..len.min(VOCABULARY_MAX)).map(|id| format!("[PAD{id}]").into_bytes()));
        vocabulary.types.resize(vocabulary.tokens.len(), UNUSED);
        Ok(vocabulary)
    }

    fn put(&mut self, id: usize, token: Vec<u8>, kind: i32) -> Result<(), LoadError> {
        if id >= VOCABULARY_MAX {
            return Err(LoadError::Limit { what: "as an id", found: id as u64, max: VOCABULARY_MAX as u64 });
        }
        while self.tokens.len() <= id {
            self.tokens.push(format!("[PAD{}]", self.tokens.len()).into_bytes());
            self.types.push(UNUSED);
        }
        (self.tokens[id], self.types[id]) = (token, kind);
        Ok(())
    }

    fn read(&mut self, root: Value<'_>, word_piece: bool) -> Result<(), LoadError> {
        let number = |value: Value<'_>| {
            let number = value.as_number().and_then(|number| number.as_u64());
            number.map(|n| n as usize).ok_or(LoadError::Invalid { what: "an id", at: value.offset() as u64 })
        };
        let model = root.get("model").ok_or(LoadError::Missing { what: "a \"model\"" })?;
        for (token, id) in model.get("vocab").into_iter().flat_map(Value::members) {
            let token: Cow<'_, str> = token;
            let stored = match (word_piece, token.strip_prefix("##")) {
                (false, _) => token.into_owned(),
                (true, Some(rest)) => String::from(rest),
                (true, None) if token.starts_with('[') && token.ends_with(']') => token.into_owned(),
                (true, None) => format!("\u{2581}{token}"),
            };
            self.put(number(id)?, stored.into_bytes(), NORMAL)?;
        }
        for added in root.get("added_tokens").into_iter().flat_map(Value::items) {
            let (Some(id), Some(content)) = (added.get("id"), added.get("content").and_then(Value::as_str))
            else {
                continue;
            };
            let special = added.get("special").and_then(Value::as_bool).unwrap_or(false);
            self.put(number(id)?, content.into_owned().into_bytes(), if special { CONTROL } else { USER })?;
        }
        for merge in model.get("merges").into_iter().flat_map(Value::items) {
            let invalid = LoadError::Invalid { what: "a merge", at: merge.offset() as u64 };
            let text = if merge.kind() == Kind::Array {
                let parts: Option<Vec<Cow<'_, str>>> = merge.items().map(Value::as_str).collect();
                parts.ok_or(invalid)?.join(" ")
            } else {
                merge.as_str().ok_or(invalid)?.into_owned()
            };
            self.merges.push(text.into_bytes());
        }
        Ok(())
    }

    /// Adds the keys.
    pub fn write(&self, head: &mut Head) {
        let tokens: Vec<&[u8]> = self.tokens.iter().map(Vec::as_slice).collect();
        let merges: Vec<&[u8]> = self.merges.iter().map(Vec::as_slice).collect();
        head.key("tokenizer.ggml.model", NewValue::Text(self.model))
            .key("tokenizer.ggml.pre", NewValue::Text(self.pre))
            .key("tokenizer.ggml.tokens", NewValue::Texts(&tokens))
            .key("tokenizer.ggml.token_type", NewValue::I32s(&self.types));
        if self.model == "gpt2" {
            head.key("tokenizer.ggml.merges", NewValue::Texts(&merges));
        }
        if let Some(bos) = self.bos {
            head.key("tokenizer.ggml.bos_token_id", NewValue::U32(bos));
        }
        if let Some(eos) = self.eos {
            head.key("tokenizer.ggml.eos_token_id", NewValue::U32(eos));
        }
        head.key("tokenizer.ggml.add_bos_token", NewValue::Bool(self.add_bos));
    }

    /// Ends texts with this id unless the vocabulary itself said which.
    pub fn default_ends(&mut self, bos: Option<u32>, eos: Option<u32>) {
        self.bos = self.bos.or(bos);
        self.eos = self.eos.or(eos);
    }
}

/// llama.cpp's name of how text is split.
fn split(steps: &[Pretokenizer]) -> Result<&'static str, LoadError> {
    let scanner = steps
        .iter()
        .find_map(|step| if let Pretokenizer::Scan(scanner) = step { Some(*scanner) } else { None });
    let known = match scanner {
        Some(Scanner::Gpt2) => Some("gpt-2"),
        Some(scanner) if scanner == LLAMA3 => Some("llama-bpe"),
        Some(scanner) if scanner == CL100K => Some("dbrx"),
        Some(scanner) if scanner == O200K => Some("gpt-4o"),
        Some(Scanner::Modern(style)) if style.digits == Digits::One && !style.marks => Some("qwen2"),
        _ => None,
    };
    known.ok_or(LoadError::Unsupported { what: "this split of text in a GGUF file", at: 0 })
}
