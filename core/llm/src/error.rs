//! Errors: one enum for reading files. Fields are numbers and words of the program; the adapter adds the path.

use core::fmt;

use dolmen_codec::DecodeError;
use dolmen_text::json::ReadError;

/// Why a file is no model, or none that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// A text is no JSON; for a header inside a file, counted from its own start.
    Json(ReadError),
    /// A binary file ends early or holds a broken number.
    Binary(DecodeError),
    /// The first bytes are not those of this kind of file.
    UnknownFile,
    /// Something that must be there is not.
    Missing {
        /// What.
        what: &'static str,
    },
    /// Something else stands where this was expected.
    Invalid {
        /// What was expected.
        what: &'static str,
        /// Where, in bytes from the start of the file.
        at: u64,
    },
    /// The file is sound but uses something that is not known here.
    Unsupported {
        /// What.
        what: &'static str,
        /// Where, in bytes from the start of the file.
        at: u64,
    },
    /// A limit of [`limits`](crate::limits), or what the file could hold, is exceeded.
    Limit {
        /// Of what.
        what: &'static str,
        /// Found.
        found: u64,
        /// Allowed.
        max: u64,
    },
    /// A tensor's bytes do not fit its shape or lie outside the file; [`name_at`](crate::safetensors::name_at) tells its name.
    Range {
        /// Where its name stands, in bytes from the start of the file.
        at: u64,
        /// Bytes that the file gives it.
        found: u64,
        /// Bytes that its type and shape take; `None` if no file could hold them.
        wanted: Option<u64>,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Json(e) => write!(f, "not sound JSON: {e}"),
            LoadError::Binary(e) => write!(f, "damaged or cut off: {e}"),
            LoadError::UnknownFile => f.write_str("the first bytes are not those of this kind of file"),
            LoadError::Missing { what } => write!(f, "{what} is missing"),
            LoadError::Invalid { what, at } => write!(f, "expected {what} at byte {at}"),
            LoadError::Unsupported { what, at } => write!(f, "{what} at byte {at} is not known here"),
            LoadError::Limit { what, found, max } => write!(f, "{found} {what}, at most {max} can be"),
            LoadError::Range { at, found, wanted: Some(wanted) } => {
                write!(f, "the tensor named at byte {at} has {found} bytes, its shape takes {wanted}")
            }
            LoadError::Range { at, found, wanted: None } => {
                write!(f, "the tensor named at byte {at} has {found} bytes, its shape more than any file")
            }
        }
    }
}

impl core::error::Error for LoadError {}

impl From<DecodeError> for LoadError {
    fn from(reason: DecodeError) -> Self {
        Self::Binary(reason)
    }
}

impl From<ReadError> for LoadError {
    fn from(reason: ReadError) -> Self {
        Self::Json(reason)
    }
}
