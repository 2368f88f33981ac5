//! Why an operation was refused or failed.

use core::fmt;

use dolmen_codec::DecodeError;

use super::source::Unavailable;

pub use crate::error::ErrorCode as Code;

/// Why bytes of the store are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// A field is cut off, or bytes are left over.
    Field(DecodeError),
    /// A field holds what it cannot hold.
    Value {
        /// Where, in bytes from the start of the record.
        at: usize,
    },
    /// The record is of a version that is not known here.
    Version {
        /// Its version.
        version: u8,
    },
    /// A key of the store is not what its kind demands.
    Key,
}

impl From<DecodeError> for Corrupt {
    fn from(error: DecodeError) -> Self {
        Corrupt::Field(error)
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::Field(error) => write!(f, "damaged record: {error}"),
            Corrupt::Value { at } => write!(f, "damaged record: byte {at} is no possible value"),
            Corrupt::Version { version } => write!(f, "a record of version {version}, which is not known"),
            Corrupt::Key => f.write_str("damaged key"),
        }
    }
}

impl core::error::Error for Corrupt {}

/// Why an operation gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// It was refused, with the code that the client reads.
    Refused(Code),
    /// It was refused because what it asks for is a delete marker: 404 or 405, with `x-amz-delete-marker: true`.
    DeleteMarker {
        /// `NoSuchKey` when the marker is the latest version, `MethodNotAllowed` when it was asked for by its id.
        code: Code,
        /// Which marker.
        version: super::record::Version,
        /// When it was made.
        modified_ms: u64,
    },
    /// Stored metadata is damaged: an internal error to the client, never taken for absence.
    Corrupt(Corrupt),
    /// The store could not be read.
    Storage(Unavailable),
}

impl StateError {
    /// The code that the client reads.
    pub const fn code(&self) -> Code {
        match self {
            StateError::Refused(code) | StateError::DeleteMarker { code, .. } => *code,
            StateError::Corrupt(_) | StateError::Storage(_) => Code::InternalError,
        }
    }
}

impl From<Code> for StateError {
    fn from(code: Code) -> Self {
        StateError::Refused(code)
    }
}

impl From<Corrupt> for StateError {
    fn from(error: Corrupt) -> Self {
        StateError::Corrupt(error)
    }
}

impl From<Unavailable> for StateError {
    fn from(error: Unavailable) -> Self {
        StateError::Storage(error)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Refused(code) | StateError::DeleteMarker { code, .. } => f.write_str(code.message()),
            StateError::Corrupt(error) => error.fmt(f),
            StateError::Storage(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StateError {}
