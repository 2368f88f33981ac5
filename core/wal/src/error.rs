//! Why a log could not be recovered. Offsets count bytes from the start of the log file; the adapter adds the file's name.

use core::fmt;

/// Why a log could not be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WalError {
    /// A record is damaged and the recovery mode does not allow to go on.
    Corrupt {
        /// Where the damaged record starts.
        at: u64,
        /// What is wrong with it.
        damage: Damage,
        /// Where the next valid record starts, if there is one.
        valid_behind: Option<u64>,
    },
    /// The log ends inside a record and the recovery mode is absolute.
    Torn {
        /// Where the record starts.
        at: u64,
        /// Length of the file.
        file_len: u64,
    },
    /// A record of a kind that is not read here.
    Unsupported {
        /// Where it starts.
        at: u64,
        /// Its type byte.
        kind: u8,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The checksum differs.
    Checksum {
        /// Stored, unmasked.
        expected: u32,
        /// Computed, unmasked.
        found: u32,
    },
    /// The length leaves the block.
    Length {
        /// Length found.
        found: u64,
        /// The most that fits.
        max: u64,
    },
    /// An unknown type byte.
    Kind(u8),
    /// A middle or last fragment without a first one, or a first one inside a record.
    Fragment(u8),
    /// A record of another log, in a file that was recycled.
    Stale {
        /// The log's number in the record.
        number: u32,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Checksum { expected, found } => {
                write!(f, "expected checksum {expected:#010x}, found {found:#010x}")
            }
            Damage::Length { found, max } => {
                write!(f, "found a length of {found}, the block has room for {max}")
            }
            Damage::Kind(kind) => write!(f, "found the unknown record type {kind}"),
            Damage::Fragment(kind) => write!(f, "found a fragment of type {kind} out of its order"),
            Damage::Stale { number } => write!(f, "found a record of log {number}"),
        }
    }
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalError::Corrupt { at, damage, valid_behind: Some(next) } => write!(
                f,
                "the record at offset {at} is damaged ({damage}) and a valid record follows at offset {next}, so this is no torn \
                 tail; recover from a backup, or go on without what is lost: --recovery point-in-time keeps what stands before it, \
                 --recovery skip-damaged everything that can be read"
            ),
            WalError::Corrupt { at, damage, valid_behind: None } => {
                write!(f, "the record at offset {at} is damaged: {damage}")
            }
            WalError::Torn { at, file_len } => write!(
                f,
                "the file ends at {file_len} inside the record at offset {at}, which absolute recovery refuses; any other \
                 recovery mode cuts such a tail"
            ),
            WalError::Unsupported { at, kind } => {
                write!(
                    f,
                    "the record at offset {at} has type {kind} ({}), which is not supported",
                    kind_name(*kind)
                )
            }
        }
    }
}

impl core::error::Error for WalError {}

const fn kind_name(kind: u8) -> &'static str {
    match kind {
        9 => "set compression",
        10 | 11 => "user-defined timestamp sizes",
        _ => "unknown",
    }
}
