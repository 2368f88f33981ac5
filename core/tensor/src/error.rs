//! Why bytes are no record.

use core::fmt;

use dolmen_codec::DecodeError;

/// Why bytes are no record, or a record cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes were damaged or cut off.
    Corrupt {
        /// What is wrong, and where.
        reason: DecodeError,
    },
    /// The record is longer than any may be.
    Limit {
        /// Bytes that it has.
        len: u64,
        /// Bytes that it may have.
        max: u64,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { reason } => write!(f, "damaged record: {reason}"),
            Self::Limit { len, max } => write!(f, "a record of {len} bytes, the longest has {max}"),
        }
    }
}

impl core::error::Error for RecordError {}

impl From<DecodeError> for RecordError {
    fn from(reason: DecodeError) -> Self {
        Self::Corrupt { reason }
    }
}
