//! Errors: one enum for reading a vocabulary, one for encoding, one for decoding. Fields are numbers; the adapter adds the path.

use core::fmt;

use dolmen_codec::DecodeError as CursorError;
use dolmen_text::json::ReadError;

/// Why a vocabulary cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are none of the kinds of file that are read here.
    UnknownFile,
    /// `tokenizer.json` is no JSON.
    Json(ReadError),
    /// A binary file ends early or holds a broken number.
    Binary(CursorError),
    /// Something that must be there is not.
    Missing {
        /// What.
        what: &'static str,
    },
    /// Something else stands where this was expected.
    Invalid {
        /// What was expected.
        what: &'static str,
        /// Where it should be, in bytes from the start of the file; of lists, the number of the entry.
        at: usize,
    },
    /// The file is sound but uses something that is not known here.
    Unsupported {
        /// What.
        what: &'static str,
        /// Where it stands, in bytes from the start of the file.
        at: usize,
    },
    /// A limit of `limits` is exceeded.
    Limit {
        /// Of what.
        what: &'static str,
        /// Found.
        found: u64,
        /// Allowed.
        max: u64,
    },
    /// Two tokens have one id, or one text where it must be unique.
    Duplicate {
        /// The id of the second.
        id: u32,
    },
    /// A merge names a token that does not exist.
    Merge {
        /// The number of the merge, from 0.
        index: usize,
    },
    /// A tiktoken file has no pattern, and its name is none that is known.
    UnknownName,
    /// A prebuilt vocabulary was made by another version of this program or for another kind of machine.
    Version {
        /// Found.
        found: u32,
        /// Read here.
        expected: u32,
    },
    /// The checksum of a prebuilt vocabulary differs.
    Checksum {
        /// Stored.
        expected: u64,
        /// Computed.
        found: u64,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::UnknownFile => f.write_str(
                "expected a tokenizer.json, a tiktoken rank file, a SentencePiece model, a GGUF file or a prebuilt vocabulary, found something else",
            ),
            LoadError::Json(e) => write!(f, "not sound JSON: {e}"),
            LoadError::Binary(e) => e.fmt(f),
            LoadError::Missing { what } => write!(f, "expected {what}, found none"),
            LoadError::Invalid { what, at } => write!(f, "expected {what} at {at}"),
            LoadError::Unsupported { what, at } => {
                write!(f, "{what} at byte {at} is not known here; only what the readme lists can be used")
            }
            LoadError::Limit { what, found, max } => write!(f, "found {found} {what}, the most is {max}"),
            LoadError::Duplicate { id } => write!(f, "token {id} has an id or a text that another one has"),
            LoadError::Merge { index } => write!(f, "merge {index} names a token that the vocabulary lacks"),
            LoadError::UnknownName => f.write_str(
                "a tiktoken file does not say how text is split: expected r50k_base, p50k_base, cl100k_base, o200k_base or another known name before the dot",
            ),
            LoadError::Version { found, expected } => {
                write!(f, "a prebuilt vocabulary of version {found}, expected {expected}; build it again")
            }
            LoadError::Checksum { expected, found } => {
                write!(f, "expected checksum {expected:#018x}, found {found:#018x}; build the vocabulary again")
            }
        }
    }
}

impl core::error::Error for LoadError {}

impl From<CursorError> for LoadError {
    fn from(e: CursorError) -> Self {
        LoadError::Binary(e)
    }
}

/// Why a text cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The text is longer than [`TEXT_LEN_MAX`](crate::limits::TEXT_LEN_MAX).
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A pattern of the vocabulary takes too many steps on this text.
    PatternSteps {
        /// Where the match began, in bytes of the piece that it was given.
        at: usize,
    },
    /// The vocabulary lacks a token for something in the text and names none for the unknown.
    NoUnknownToken {
        /// Where, in bytes of the piece.
        at: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::TooLong { len } => {
                write!(f, "a text of {len} bytes, the most is {}", crate::limits::TEXT_LEN_MAX)
            }
            EncodeError::PatternSteps { at } => {
                write!(f, "the vocabulary's pattern takes too many steps at byte {at}; split the text")
            }
            EncodeError::NoUnknownToken { at } => {
                write!(
                    f,
                    "no token stands for the text at byte {at}, and the vocabulary has none for the unknown"
                )
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// Why ids cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// No token has this id.
    UnknownId {
        /// The id.
        id: u32,
        /// Where it stands in the list.
        at: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::UnknownId { id, at } => write!(f, "id {id}, number {at} of the list, is no token"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Fails when there is more of something than allowed.
pub(crate) fn limit(what: &'static str, found: usize, max: usize) -> Result<(), LoadError> {
    if found > max { Err(LoadError::Limit { what, found: found as u64, max: max as u64 }) } else { Ok(()) }
}
