//! A vocabulary in parts, as loaders make it and [`image::build`](crate::image::build) takes it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::Config;
use crate::error::{LoadError, limit};
use crate::limits::{TOKEN_LEN_MAX, TOKENS_MAX};

/// What a token is, as a set of bits.
pub mod kind {
    /// The model does not look for it: only added, or its text is no text of the model's alphabet.
    pub const APART: u8 = 1;
    /// A control token: decoding can leave it out.
    pub const SPECIAL: u8 = 2;
    /// `<0x..>`: stands for one byte.
    pub const BYTE: u8 = 4;
    /// Found in the text as it is before all others (SentencePiece).
    pub const USER: u8 = 8;
    /// Cut up again into what it was merged from (SentencePiece).
    pub const UNUSED: u8 = 16;
    /// Stands for the unknown.
    pub const UNKNOWN: u8 = 32;
    /// No token has this id.
    pub const HOLE: u8 = 64;
}

/// Tokens by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens {
    /// Where each token begins in `bytes`; one more at the end.
    pub offsets: Vec<u32>,
    /// The bytes that each token stands for, one after the other.
    pub bytes: Vec<u8>,
    /// Sets of [`kind`].
    pub kinds: Vec<u8>,
}

impl Tokens {
    /// Takes `(id, bytes, kind)` in any order; ids that nothing has become holes.
    ///
    /// # Errors
    /// [`LoadError::Duplicate`] or [`LoadError::Limit`].
    pub fn new<'a>(
        count: usize,
        all: impl IntoIterator<Item = (u32, &'a [u8], u8)>,
    ) -> Result<Tokens, LoadError> {
        limit("tokens", count, TOKENS_MAX)?;
        let mut by_id: Vec<Option<(&[u8], u8)>> = alloc::vec![None; count];
        for (id, bytes, kind) in all {
            limit("bytes of a token", bytes.len(), TOKEN_LEN_MAX)?;
            let place = by_id.get_mut(id as usize).ok_or(LoadError::Limit {
                what: "as the id of a token",
                found: u64::from(id),
                max: count as u64,
            })?;
            if place.replace((bytes, kind)).is_some() {
                return Err(LoadError::Duplicate { id });
            }
        }
        let mut tokens = Tokens { offsets: alloc::vec![0], ..Tokens::default() };
        for place in by_id {
            let (bytes, kind) = place.unwrap_or((&[], kind::HOLE | kind::APART));
            tokens.push(bytes, kind)?;
        }
        Ok(tokens)
    }

    /// Appends a token with the next id.
    ///
    /// # Errors
    /// [`LoadError::Limit`].
    pub fn push(&mut self, bytes: &[u8], kind: u8) -> Result<(), LoadError> {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        limit("tokens", self.kinds.len() + 1, TOKENS_MAX)?;
        limit("bytes of a token", bytes.len(), TOKEN_LEN_MAX)?;
        self.bytes.extend_from_slice(bytes);
        limit("bytes of all tokens", self.bytes.len(), crate::limits::FILE_LEN_MAX)?;
        self.offsets.push(self.bytes.len() as u32);
        self.kinds.push(kind);
        Ok(())
    }

    /// How many ids there are, holes included.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The bytes of a token; nothing for an id beyond the last.
    pub fn get(&self, id: u32) -> &[u8] {
        let at = id as usize;
        match (self.offsets.get(at), self.offsets.get(at + 1)) {
            (Some(&from), Some(&to)) => &self.bytes[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// A token that is searched for in the text before the model sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub content: String,
    /// A control token.
    pub special: bool,
    /// Searched for in the normalised text.
    pub normalized: bool,
    /// Takes the white space before it.
    pub lstrip: bool,
    /// Takes the white space behind it.
    pub rstrip: bool,
    /// Only where no word character stands beside it.
    pub single_word: bool,
}

/// All parts of a vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Steps and switches.
    pub config: Config,
    /// Tokens.
    pub tokens: Tokens,
    /// The order in which merges by text happen, a number for each token; empty if it is the id.
    pub ranks: Vec<u32>,
    /// Scores of a unigram model, one for each token; else empty.
    pub scores: Vec<f64>,
    /// Merges in their order: left, right, result; empty for merges by text.
    pub merges: Vec<[u32; 3]>,
    /// Added tokens.
    pub added: Vec<Added>,
    /// SentencePiece's `precompiled_charsmap`.
    pub charsmap: Vec<u8>,
}
