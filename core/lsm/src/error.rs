//! One error enum per family of operations. Fields are numbers; the adapter adds the path.

use core::fmt;

use dolmen_base::block::ReadFailed;
use dolmen_base::io::{FileNumber, IoError};
use dolmen_codec::DecodeError;

/// What part of a file is meant by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A write batch, in a log record or from a caller.
    Batch,
    /// A data block.
    DataBlock,
    /// An index block or one of its partitions.
    IndexBlock,
    /// A filter block or one of its partitions.
    FilterBlock,
    /// The meta-index block.
    MetaIndex,
    /// The properties block.
    Properties,
    /// The range-deletion block.
    RangeDeletions,
    /// A table's footer.
    Footer,
    /// A record of the MANIFEST.
    VersionEdit,
    /// The CURRENT file.
    Current,
    /// An internal key.
    InternalKey,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Batch => "write batch",
            Part::DataBlock => "data block",
            Part::IndexBlock => "index block",
            Part::FilterBlock => "filter block",
            Part::MetaIndex => "meta-index block",
            Part::Properties => "properties block",
            Part::RangeDeletions => "range-deletion block",
            Part::Footer => "footer",
            Part::VersionEdit => "version edit",
            Part::Current => "CURRENT file",
            Part::InternalKey => "internal key",
        })
    }
}

/// Why a read of a database failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// Bytes are damaged. `at` is the offset in the file (or in the batch); inside a compressed block, the block's offset plus the place
    /// in its expanded bytes.
    Corrupt {
        /// The file; 0 if the bytes came from memory.
        file: FileNumber,
        /// Which part.
        part: Part,
        /// Where.
        at: u64,
        /// What exactly.
        what: Damage,
    },
    /// The file is whole but uses something that this engine does not read.
    Unsupported {
        /// The file; 0 if the bytes came from memory.
        file: FileNumber,
        /// What it uses.
        what: Feature,
    },
    /// A limit of `limits` is exceeded.
    Limit {
        /// The file; 0 if the bytes came from memory.
        file: FileNumber,
        /// Which part.
        part: Part,
        /// What was found.
        found: u64,
        /// What is allowed.
        max: u64,
    },
    /// The source of blocks could not read.
    Io {
        /// The file.
        file: FileNumber,
        /// Where the read began.
        at: u64,
        /// The reason.
        error: IoError,
    },
    /// A merge operand was found and no merge operator is set, or the operator refused.
    Merge {
        /// What is missing.
        what: MergeFault,
    },
    /// A block is not in memory, and the read may not wait for a file.
    NotCached,
}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// They cannot be decoded.
    Decode(DecodeError),
    /// A checksum differs.
    Checksum {
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
    /// A tag, type or marker byte that does not exist here.
    Tag(u64),
    /// Keys are not in order.
    Order,
    /// A length or offset points outside.
    Range {
        /// The offset or length found.
        found: u64,
        /// The most that would fit.
        max: u64,
    },
    /// Compressed bytes cannot be expanded.
    Compression,
    /// Text that must be UTF-8 or of a fixed form is not.
    Text,
    /// Something that must be there is missing (a field of an edit, a property).
    Missing,
}

/// What a file uses that is not supported; Display gives RocksDB's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// A table format version.
    FormatVersion(u32),
    /// A checksum type.
    ChecksumType(u8),
    /// A compression type that is unknown or was not plugged in.
    Compression(u8),
    /// A compression dictionary.
    CompressionDictionary,
    /// An index type.
    IndexType(u32),
    /// A write-batch tag.
    BatchTag(u8),
    /// A value type in an internal key.
    ValueType(u8),
    /// A version-edit tag that must not be ignored.
    EditTag(u32),
    /// A comparator other than the bytewise one.
    Comparator,
    /// Integrated blob files.
    BlobFiles,
    /// User-defined timestamps.
    Timestamps,
    /// Wide columns.
    WideColumns,
    /// A magic number: plain tables, cuckoo tables, blob files or no table at all.
    Magic(u64),
    /// Prepared (two-phase) transactions in a log.
    PreparedTransactions,
    /// Data blocks that keep their values apart from the keys (RocksDB 11.9, `separate_key_value_in_data_block`).
    SeparatedValues,
    /// A table that was built outside and ingested: its sequence number stands in the MANIFEST only.
    IngestedTable,
}

/// Why a merge could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeFault {
    /// No operator is set for the column family.
    NoOperator,
    /// The operator does not accept the operands.
    Refused,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Corrupt { file, part, at, what } => {
                write!(f, "the {part} at offset {at} of file {file} is damaged: {what}")
            }
            ReadError::Unsupported { file, what } => {
                write!(f, "file {file} uses {what}, which is not supported")
            }
            ReadError::Limit { file, part, found, max } => {
                write!(f, "the {part} of file {file} has size {found}, over the limit of {max}")
            }
            ReadError::Io { file, at, error } => write!(f, "cannot read file {file} at offset {at}: {error}"),
            ReadError::Merge { what: MergeFault::NoOperator } => {
                f.write_str("the key has merge operands and the column family has no merge operator")
            }
            ReadError::NotCached => {
                f.write_str("a block is not in memory, and the read may not wait for a file")
            }
            ReadError::Merge { what: MergeFault::Refused } => {
                f.write_str("the merge operator refused the operands")
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Decode(e) => e.fmt(f),
            Damage::Checksum { expected, found } => {
                write!(f, "expected checksum {expected:#010x}, found {found:#010x}")
            }
            Damage::Mismatch { expected, found } => write!(f, "expected {expected}, found {found}"),
            Damage::Tag(tag) => write!(f, "found the unknown tag {tag}"),
            Damage::Order => f.write_str("its keys are not in order"),
            Damage::Range { found, max } => write!(f, "{found} lies outside, the most that fits is {max}"),
            Damage::Compression => f.write_str("its compressed bytes cannot be expanded"),
            Damage::Text => f.write_str("its text is malformed"),
            Damage::Missing => f.write_str("a required field is missing"),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feature::FormatVersion(v) => write!(f, "format_version {v}"),
            Feature::ChecksumType(t) => write!(f, "checksum type {t}"),
            Feature::Compression(t) => write!(f, "compression type {t}"),
            Feature::CompressionDictionary => f.write_str("a compression dictionary"),
            Feature::IndexType(t) => write!(f, "index type {t}"),
            Feature::BatchTag(t) => write!(f, "write-batch tag {t:#04x}"),
            Feature::ValueType(t) => write!(f, "value type {t:#04x}"),
            Feature::EditTag(t) => write!(f, "version-edit tag {t}"),
            Feature::Comparator => f.write_str("a comparator other than leveldb.BytewiseComparator"),
            Feature::BlobFiles => f.write_str("blob files"),
            Feature::Timestamps => f.write_str("user-defined timestamps"),
            Feature::WideColumns => f.write_str("wide columns"),
            Feature::Magic(m) => write!(f, "the magic number {m:#018x}"),
            Feature::PreparedTransactions => f.write_str("prepared transactions"),
            Feature::SeparatedValues => f.write_str("separate_key_value_in_data_block"),
            Feature::IngestedTable => f.write_str("rocksdb.external_sst_file.global_seqno"),
        }
    }
}

impl core::error::Error for ReadError {}

impl From<ReadFailed> for ReadError {
    fn from(failed: ReadFailed) -> ReadError {
        ReadError::Io { file: failed.id.file, at: failed.id.offset, error: failed.error }
    }
}

impl ReadError {
    /// Damage in bytes that came from memory (file 0).
    pub const fn corrupt(part: Part, at: u64, what: Damage) -> Self {
        ReadError::Corrupt { file: FileNumber::new(0), part, at, what }
    }

    /// The same error with the file's number and its offset moved by `base`, for decoders that saw only a slice.
    #[must_use]
    pub fn in_file(self, number: FileNumber, base: u64) -> Self {
        match self {
            ReadError::Corrupt { part, at, what, .. } => {
                ReadError::Corrupt { file: number, part, at: at + base, what }
            }
            ReadError::Unsupported { what, .. } => ReadError::Unsupported { file: number, what },
            ReadError::Limit { part, found, max, .. } => ReadError::Limit { file: number, part, found, max },
            other => other,
        }
    }
}
