//! Why bytes are refused.

use core::fmt;

use dolmen_codec::DecodeError;

/// Why a protocol message could not be read or written; `at` counts from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end early, or do not end.
    Decode(DecodeError),
    /// A length or count is negative or larger than what is left.
    Length {
        /// Where it stands.
        at: usize,
        /// What it says.
        found: i64,
        /// Bytes that are left.
        left: usize,
    },
    /// Null where this version allows none.
    Null {
        /// Where.
        at: usize,
    },
    /// Text is no UTF-8.
    Utf8 {
        /// Its first wrong byte.
        at: usize,
    },
    /// The byte before a struct that may be null is neither −1 nor 1.
    Presence {
        /// Where.
        at: usize,
        /// What it is.
        found: i8,
    },
    /// Tags of a struct do not ascend.
    TagOrder {
        /// Where.
        at: usize,
        /// The tag that is too small.
        tag: u32,
    },
    /// A version that this message does not have.
    Version {
        /// The API's key, or −1 for what is no request.
        key: i16,
        /// What was asked for.
        version: i16,
    },
    /// A field is set, or null, that the version cannot carry.
    NotInVersion {
        /// Its name in Kafka's schema.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// A length that its field cannot hold.
    TooLong {
        /// The length.
        len: usize,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Decode(error) => error.fmt(f),
            WireError::Length { at, found, left } => {
                write!(f, "expected a length of at most {left} at offset {at}, found {found}")
            }
            WireError::Null { at } => write!(f, "expected a value at offset {at}, found null"),
            WireError::Utf8 { at } => write!(f, "expected UTF-8, found another byte at offset {at}"),
            WireError::Presence { at, found } => {
                write!(f, "expected -1 (null) or 1 before a struct at offset {at}, found {found}")
            }
            WireError::TagOrder { at, tag } => {
                write!(
                    f,
                    "expected tags in ascending order, found tag {tag} at offset {at} behind a larger one"
                )
            }
            WireError::Version { key, version } => write!(f, "API {key} has no version {version} here"),
            WireError::NotInVersion { field, version } => {
                write!(f, "version {version} of the message cannot carry the field {field} as it is set")
            }
            WireError::TooLong { len } => write!(f, "{len} is more than the length's field can hold"),
        }
    }
}

impl core::error::Error for WireError {}
