//! Loaders: from the bytes of a vocabulary file to a [`Definition`].

pub mod gguf;
pub mod gguf_vocab;
pub mod hf;
pub mod sentencepiece;
pub mod tiktoken;

use alloc::string::String;
use alloc::vec::Vec;

use crate::definition::Definition;
use crate::error::{LoadError, limit};
use crate::image::MAGIC;
use crate::limits::FILE_LEN_MAX;

/// A kind of vocabulary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hugging Face's `tokenizer.json`.
    Json,
    /// Ranks in base64, one a line.
    Tiktoken,
    /// A SentencePiece model.
    SentencePiece,
    /// A GGUF file with `tokenizer.ggml` keys.
    Gguf,
    /// Our own prebuilt form; [`Tokenizer::open`](crate::Tokenizer::open) takes it.
    Prebuilt,
}

/// The kind of a file by its first bytes.
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(bytes.len());
    let rest = &bytes[start..];
    if bytes.starts_with(&MAGIC) {
        Some(Kind::Prebuilt)
    } else if bytes.starts_with(b"GGUF") {
        Some(Kind::Gguf)
    } else if rest.starts_with(b"{") && rest.iter().take(64).any(|&b| b == b'"') {
        Some(Kind::Json)
    } else if tiktoken::looks_like(bytes) {
        Some(Kind::Tiktoken)
    } else if bytes.first() == Some(&0x0a) {
        // Field 1, the first piece.
        Some(Kind::SentencePiece)
    } else {
        None
    }
}

/// Reads a vocabulary. `stem` is the file's name without its ending: a tiktoken file is known by it.
///
/// # Errors
/// [`LoadError`].
pub fn load(stem: &str, bytes: &[u8]) -> Result<Definition, LoadError> {
    limit("bytes of a vocabulary", bytes.len(), FILE_LEN_MAX)?;
    match kind(bytes) {
        Some(Kind::Json) => hf::load(bytes),
        Some(Kind::Tiktoken) => tiktoken::load(stem, bytes),
        Some(Kind::SentencePiece) => sentencepiece::load(bytes),
        Some(Kind::Gguf) => gguf_vocab::load(bytes),
        Some(Kind::Prebuilt) | None => Err(LoadError::UnknownFile),
    }
}

/// GPT-2's letters for bytes: printable ones are themselves, the others follow from U+0100 on.
pub(crate) struct Alphabet {
    bytes: [u16; 0x180],
}

/// No byte has this letter.
const NO_BYTE: u16 = 256;

impl Alphabet {
    pub const fn new() -> Alphabet {
        let mut bytes = [NO_BYTE; 0x180];
        let (mut byte, mut next) = (0, 0x100);
        while byte < 256 {
            let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
            let letter = if printable { byte } else { next };
            if !printable {
                next += 1;
            }
            bytes[letter] = byte as u16;
            byte += 1;
        }
        Alphabet { bytes }
    }

    /// The bytes of a token, appended; `false`, with nothing changed, if it has other letters.
    pub fn decode(&self, token: &str, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        for c in token.chars() {
            match self.bytes.get(c as usize) {
                Some(&byte) if byte < NO_BYTE => out.push(byte as u8),
                _ => {
                    out.truncate(before);
                    return false;
                }
            }
        }
        true
    }

    /// All bytes in the order of their letters.
    pub fn order(&self) -> Vec<u8> {
        self.bytes.iter().filter(|&&b| b < NO_BYTE).map(|&b| b as u8).collect()
    }

    /// The letters of bytes.
    pub fn encode(&self, bytes: &[u8]) -> String {
        let letter = |byte: u8| {
            let at = self.bytes.iter().position(|&b| b == u16::from(byte));
            at.and_then(|at| char::from_u32(at as u32)).unwrap_or('\u{fffd}')
        };
        bytes.iter().map(|&b| letter(b)).collect()
    }
}

/// The one table.
pub(crate) static ALPHABET: Alphabet = Alphabet::new();
