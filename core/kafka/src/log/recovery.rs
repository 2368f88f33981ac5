//! How far a segment can be trusted that a broker left behind when it died.
//!
//! A batch counts if it is whole, its checksum is right and its offsets go on from the one before. What stands behind the first that does not
//! is the torn tail: it was never acknowledged, or the disk has lost it.

use core::fmt;

use crate::batch::{Batch, HEADER_LEN};
use crate::error::BatchError;

/// What stands at a place of a segment.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A batch that counts.
    Batch(Batch<'a>),
    /// At least so many bytes from this place on must be shown.
    More(usize),
    /// The segment ends here, and well.
    End,
    /// The segment is to be cut here.
    Cut(Cut),
}

/// Why a segment is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// What is wrong with the batch.
    Batch(BatchError),
    /// Its first offset is not behind that of the batch before, or not in the segment.
    Order {
        /// The least that it may be.
        least: i64,
        /// What it is.
        found: i64,
    },
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Batch(error) => error.fmt(f),
            Cut::Order { least, found } => {
                write!(f, "expected a batch that begins at offset {least} or later, found {found}")
            }
        }
    }
}

/// Looks at the place `at` of a segment: `window` is what has been read from there, `left` how many bytes the file has from there on,
/// `next_offset` the least offset that may follow.
pub fn look<'a>(window: &'a [u8], at: u64, left: u64, next_offset: i64) -> Found<'a> {
    if left == 0 {
        return Found::End;
    }
    match Batch::split(window, at) {
        Ok((batch, _)) if batch.base_offset() < next_offset => {
            Found::Cut(Cut::Order { least: next_offset, found: batch.base_offset() })
        }
        Ok((batch, _)) => Found::Batch(batch),
        Err(BatchError::Truncated { wanted, .. }) if wanted as u64 <= left && wanted > window.len() => {
            Found::More(wanted.max(HEADER_LEN))
        }
        Err(error) => Found::Cut(Cut::Batch(error)),
    }
}
