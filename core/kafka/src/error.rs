//! Why bytes are refused.

use core::fmt;

use dolmen_codec::DecodeError;
use dolmen_codec::compress::CodecError;

use crate::batch::Codec;

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
    /// An array has more elements than a request of its length may have.
    Elements {
        /// Where their number stands.
        at: usize,
        /// What it says.
        found: usize,
        /// Elements that may still come.
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
    /// What stands before a struct that may be null says neither that nor that it is there.
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
    /// A checksum is not that of its bytes.
    Checksum {
        /// What it says.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
    /// A number that means nothing in its place.
    Value {
        /// The number.
        found: i64,
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
            WireError::Elements { at, found, left } => {
                write!(f, "expected at most {left} more elements of arrays at offset {at}, found {found}")
            }
            WireError::Null { at } => write!(f, "expected a value at offset {at}, found null"),
            WireError::Utf8 { at } => write!(f, "expected UTF-8, found another byte at offset {at}"),
            WireError::Presence { at, found } => {
                write!(
                    f,
                    "expected -1 or 1 (0 or 1 in a tagged field) before a struct at offset {at}, found {found}"
                )
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
            WireError::Checksum { expected, found } => {
                write!(f, "damaged: expected checksum {expected:08x}, found {found:08x}")
            }
            WireError::Value { found } => write!(f, "{found} means nothing in its place"),
            WireError::TooLong { len } => write!(f, "{len} is more than the length's field can hold"),
        }
    }
}

impl core::error::Error for WireError {}

/// A field of a batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchPart {
    /// Last offset minus base offset.
    LastOffsetDelta,
    /// The number of records.
    RecordCount,
}

/// What is wrong with one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordFault {
    /// A varint is cut off or too large.
    Varint,
    /// A length is negative.
    Length {
        /// What it says.
        found: i32,
    },
    /// Bytes are missing.
    Cut {
        /// How many must be there.
        wanted: usize,
    },
    /// More headers than the record has room for, or a negative number of them.
    HeaderCount {
        /// What it says.
        found: i32,
    },
    /// A header's key is null or no UTF-8.
    HeaderKey,
    /// Bytes are left behind the last header.
    Behind {
        /// How many.
        left: usize,
    },
}

/// Why a record batch is refused. `at` is where the batch begins in its file, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// It is cut off.
    Truncated {
        /// Where it begins.
        at: u64,
        /// Bytes that it must have.
        wanted: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// Its length is that of no batch.
    Length {
        /// Where it begins.
        at: u64,
        /// What it says.
        found: i32,
    },
    /// Its format is not 2.
    Magic {
        /// Where it begins.
        at: u64,
        /// Its magic byte.
        found: i8,
    },
    /// Its checksum is not that of its bytes.
    Checksum {
        /// Where it begins.
        at: u64,
        /// What it says.
        expected: u32,
        /// What its bytes give.
        found: u32,
    },
    /// Its codec does not exist.
    Codec {
        /// Where it begins.
        at: u64,
        /// The number.
        found: i16,
    },
    /// A field has a value that it cannot have.
    Field {
        /// Where the batch begins.
        at: u64,
        /// The field.
        part: BatchPart,
        /// Its value.
        found: i64,
    },
    /// A record is damaged.
    Record {
        /// Which, from 0.
        index: i32,
        /// Where it begins among the uncompressed records.
        at: usize,
        /// What is wrong.
        what: RecordFault,
    },
    /// Its records cannot be expanded.
    Compressed {
        /// How they are compressed.
        codec: Codec,
        /// Why not.
        error: CodecError,
    },
    /// There are fewer records than the header says.
    Count {
        /// What it says.
        expected: i32,
        /// How many there are.
        found: i32,
    },
    /// Bytes are left behind the last record.
    Behind {
        /// Where, among the uncompressed records.
        at: usize,
        /// How many.
        left: usize,
    },
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordFault::Varint => write!(f, "a varint is cut off or too large"),
            RecordFault::Length { found } => write!(f, "expected a length of -1 or more, found {found}"),
            RecordFault::Cut { wanted } => write!(f, "expected {wanted} bytes, found fewer"),
            RecordFault::HeaderCount { found } => write!(f, "has no room for {found} headers"),
            RecordFault::HeaderKey => write!(f, "a header's key is null or no UTF-8"),
            RecordFault::Behind { left } => write!(f, "{left} bytes are left behind its headers"),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Truncated { at, wanted, left } => {
                write!(f, "the batch at {at} is cut off: expected {wanted} bytes, found {left}")
            }
            BatchError::Length { at, found } => {
                write!(f, "the batch at {at}: expected a length of 49 to 2^30, found {found}")
            }
            BatchError::Magic { at, found } => {
                write!(f, "the batch at {at}: expected format 2, found {found}; older formats are not read")
            }
            BatchError::Checksum { at, expected, found } => {
                write!(f, "the batch at {at} is damaged: expected checksum {expected:08x}, found {found:08x}")
            }
            BatchError::Codec { at, found } => {
                write!(f, "the batch at {at}: expected a codec of 0 to 4, found {found}")
            }
            BatchError::Field { at, part, found } => {
                let name = match part {
                    BatchPart::LastOffsetDelta => "the last offset minus the first",
                    BatchPart::RecordCount => "the number of records",
                };
                write!(f, "the batch at {at}: expected {name} of 0 or more, found {found}")
            }
            BatchError::Record { index, at, what } => {
                write!(f, "record {index}, at {at} of the uncompressed records: {what}")
            }
            BatchError::Compressed { codec, error } => {
                write!(f, "records compressed with {}: {error}", codec.name())
            }
            BatchError::Count { expected, found } => write!(f, "expected {expected} records, found {found}"),
            BatchError::Behind { at, left } => {
                write!(f, "expected the end of the records at {at}, found {left} more bytes")
            }
        }
    }
}

impl core::error::Error for BatchError {}
