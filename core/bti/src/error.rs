//! One error enum for reads, one for values that a caller gives. Fields are numbers; the adapter adds the path.

use core::fmt;

use dolmen_base::block::ReadFailed;
use dolmen_base::io::IoError;
use dolmen_codec::DecodeError;

use crate::component::Component;

/// Why a read of an SSTable failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// Bytes are damaged.
    Corrupt {
        /// The file.
        component: Component,
        /// Where: an offset in the file; for compressed data, in its uncompressed bytes.
        at: u64,
        /// What exactly.
        what: Damage,
    },
    /// The file is whole but uses something that is not read here.
    Unsupported {
        /// The file.
        component: Component,
        /// What it uses.
        what: Feature,
    },
    /// A limit of `limits` is exceeded.
    Limit {
        /// The file.
        component: Component,
        /// Where.
        at: u64,
        /// What was found.
        found: u64,
        /// What is allowed.
        max: u64,
    },
    /// A file that must be there is not.
    Missing {
        /// Which.
        component: Component,
    },
    /// Only with [`ReadMode::CacheOnly`](dolmen_base::block::ReadMode): the block is not in memory. Nothing is wrong; ask again with another mode.
    NotCached {
        /// The file.
        component: Component,
        /// Where the block begins.
        at: u64,
    },
    /// The source of bytes could not read.
    Io {
        /// The file.
        component: Component,
        /// Where the read began.
        at: u64,
        /// The reason.
        error: IoError,
    },
}

/// Why a value that a caller gave cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// A value of its type has another length.
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes that its type has, or has at most.
        expected: u64,
    },
    /// The bytes are no value of the type.
    Malformed,
    /// The type has no byte-comparable form: counters and multi-cell types.
    Type,
    /// More values than types, or more of something than the format can hold.
    Count {
        /// Found.
        found: u64,
        /// The most there may be.
        max: u64,
    },
    /// Keys must come in ascending order, each once.
    Order,
    /// Entries must come after the one before in their file.
    Position,
    /// A deletion with a timestamp below 0 fits no form of `da`.
    NegativeDeletionTime {
        /// Its timestamp.
        marked_at: i64,
    },
}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// They cannot be decoded.
    Decode(DecodeError),
    /// A checksum over a chunk or a section differs.
    Checksum {
        /// The chunk or section, counted from 0.
        chunk: u32,
        /// Stored in the file.
        expected: u32,
        /// Computed over the bytes.
        found: u32,
    },
    /// A number that must be this is that.
    Mismatch {
        /// Expected.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// A flag, kind or marker byte that does not exist here.
    Tag(u64),
    /// Keys, rows or positions are not in order.
    Order,
    /// A length, position or distance points outside.
    Range {
        /// What was found.
        found: u64,
        /// The most that would fit.
        max: u64,
    },
    /// A chunk cannot be expanded.
    Compression {
        /// The chunk, counted from 0.
        chunk: u32,
    },
    /// Text that must be UTF-8 or of a fixed form is not.
    Text,
    /// Columns of a table do not fit those of the tables that it is read with.
    Columns,
    /// A trie node lies across the border of a page.
    PageCrossed,
    /// A deletion time with a timestamp below 0, which this form cannot hold; Cassandra writes it and cannot read it back.
    NegativeDeletionTime,
}

/// What a file uses that is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// A format version other than those in `component::Version`.
    Version([u8; 2]),
    /// A compressor that is unknown or was not plugged in.
    Compressor,
    /// An option of a compressor that is unknown.
    CompressorOption,
    /// A compression dictionary that was not plugged in.
    Dictionary,
    /// A partitioner.
    Partitioner,
    /// A type.
    Type,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Corrupt { component, at, what } => {
                write!(f, "{component} is damaged at offset {at}: {what}")
            }
            ReadError::Unsupported { component, what } => {
                write!(f, "{component} uses {what}, which is not supported")
            }
            ReadError::Limit { component, at, found, max } => {
                write!(f, "{component} has {found} at offset {at}, over the limit of {max}")
            }
            ReadError::Missing { component } => write!(f, "{component} is missing"),
            ReadError::NotCached { component, at } => {
                write!(f, "{component} is not in memory at offset {at}")
            }
            ReadError::Io { component, at, error } => {
                write!(f, "cannot read {component} at offset {at}: {error}")
            }
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::Length { found, expected } => {
                write!(f, "the value has {found} bytes where its type has {expected}")
            }
            ValueError::Malformed => f.write_str("the bytes are no value of the type"),
            ValueError::Type => f.write_str("the type has no order"),
            ValueError::Count { found, max } => write!(f, "found {found} where at most {max} may be"),
            ValueError::Order => f.write_str("a key is not greater than the one before it"),
            ValueError::Position => f.write_str("a position is not greater than the one before it"),
            ValueError::NegativeDeletionTime { marked_at } => {
                write!(
                    f,
                    "a deletion at timestamp {marked_at} cannot be stored: the format holds none below 0"
                )
            }
        }
    }
}

impl core::error::Error for ValueError {}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Decode(e) => e.fmt(f),
            Damage::Checksum { chunk, expected, found } => {
                write!(f, "expected checksum {expected:#010x} of chunk {chunk}, found {found:#010x}")
            }
            Damage::Mismatch { expected, found } => write!(f, "expected {expected}, found {found}"),
            Damage::Tag(tag) => write!(f, "found the unknown tag {tag:#x}"),
            Damage::Order => f.write_str("its entries are not in order"),
            Damage::Range { found, max } => write!(f, "{found} lies outside, the most that fits is {max}"),
            Damage::Compression { chunk } => write!(f, "chunk {chunk} cannot be expanded"),
            Damage::Text => f.write_str("its text is malformed"),
            Damage::Columns => {
                f.write_str("its columns are in another order or of another kind than those of the tables beside it")
            }
            Damage::PageCrossed => f.write_str("a trie node lies across the border of a page"),
            Damage::NegativeDeletionTime => f.write_str(
                "a deletion has a timestamp below 0, which this form cannot hold; Cassandra cannot read it either",
            ),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feature::Version([a, b]) => write!(f, "version {}{}", char::from(*a), char::from(*b)),
            Feature::Compressor => f.write_str("an unknown compressor"),
            Feature::CompressorOption => f.write_str("an unknown option of its compressor"),
            Feature::Dictionary => f.write_str("a compression dictionary"),
            Feature::Partitioner => f.write_str("an unknown partitioner"),
            Feature::Type => f.write_str("an unknown type"),
        }
    }
}

impl core::error::Error for ReadError {}

impl From<ReadFailed> for ReadError {
    /// The file is one of an SSTable's, numbered by [`Component::file`].
    fn from(failed: ReadFailed) -> ReadError {
        let component = Component::ALL.into_iter().find(|component| component.file() == failed.id.file);
        let component = component.unwrap_or(Component::Data);
        if failed.error == IoError::NotFound {
            return ReadError::Missing { component };
        }
        ReadError::Io { component, at: failed.id.offset, error: failed.error }
    }
}

impl ReadError {
    /// Damage at a place of a file.
    pub const fn corrupt(component: Component, at: u64, what: Damage) -> Self {
        ReadError::Corrupt { component, at, what }
    }

    /// A failed decode of bytes that begin at `base` of a file.
    pub const fn decode(component: Component, base: u64, error: DecodeError) -> Self {
        ReadError::Corrupt { component, at: base + error.at() as u64, what: Damage::Decode(error) }
    }
}
