//! Clustering values, and the first few of them in bounds.
//!
//! ```text
//! for each 32 columns: uvint of two bits each (bit 2i: no bytes, bit 2i + 1: null), then each value that has bytes
//! a value of fixed length is raw, another stands behind its length as a uvint
//! ```

use alloc::vec::Vec;

use dolmen_codec::{Cursor, DecodeError};

use crate::comparable::ClusteringKind;
use crate::statistics::ClusteringColumn;
use crate::vint::{get_uvint, get_vint_bytes, put_uvint, put_vint_bytes};

const BATCH: usize = 32;

/// What a marker bounds. Boundaries end one range and start another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BoundKind {
    ExclusiveEnd = 0,
    InclusiveStart = 1,
    ExclusiveEndInclusiveStart = 2,
    InclusiveEndExclusiveStart = 5,
    InclusiveEnd = 6,
    ExclusiveStart = 7,
}

impl BoundKind {
    /// All of them.
    pub const ALL: [BoundKind; 6] = [
        BoundKind::ExclusiveEnd,
        BoundKind::InclusiveStart,
        BoundKind::ExclusiveEndInclusiveStart,
        BoundKind::InclusiveEndExclusiveStart,
        BoundKind::InclusiveEnd,
        BoundKind::ExclusiveStart,
    ];

    /// The kind of a byte in a file.
    pub fn parse(tag: u8) -> Option<BoundKind> {
        BoundKind::ALL.into_iter().find(|kind| *kind as u8 == tag)
    }

    /// The same among the kinds of clusterings.
    pub const fn clustering_kind(self) -> ClusteringKind {
        match self {
            BoundKind::ExclusiveEnd => ClusteringKind::ExclusiveEnd,
            BoundKind::InclusiveStart => ClusteringKind::InclusiveStart,
            BoundKind::ExclusiveEndInclusiveStart => ClusteringKind::ExclusiveEndInclusiveStart,
            BoundKind::InclusiveEndExclusiveStart => ClusteringKind::InclusiveEndExclusiveStart,
            BoundKind::InclusiveEnd => ClusteringKind::InclusiveEnd,
            BoundKind::ExclusiveStart => ClusteringKind::ExclusiveStart,
        }
    }

    /// Cassandra's name.
    pub const fn name(self) -> &'static str {
        self.clustering_kind().name()
    }

    /// Whether a range ends here and another starts.
    pub const fn is_boundary(self) -> bool {
        matches!(self, BoundKind::ExclusiveEndInclusiveStart | BoundKind::InclusiveEndExclusiveStart)
    }

    /// Whether a range starts here.
    pub const fn is_start(self) -> bool {
        !matches!(self, BoundKind::ExclusiveEnd | BoundKind::InclusiveEnd)
    }

    /// Whether a range ends here.
    pub const fn is_end(self) -> bool {
        !matches!(self, BoundKind::InclusiveStart | BoundKind::ExclusiveStart)
    }

    /// Whether it stands behind the clusterings that begin with its values, rather than before them.
    pub const fn is_after(self) -> bool {
        matches!(
            self,
            BoundKind::InclusiveEnd | BoundKind::ExclusiveStart | BoundKind::InclusiveEndExclusiveStart
        )
    }

    /// The two bounds of a boundary: where the first range ends and the second starts.
    pub const fn halves(self) -> Option<(BoundKind, BoundKind)> {
        match self {
            BoundKind::ExclusiveEndInclusiveStart => {
                Some((BoundKind::ExclusiveEnd, BoundKind::InclusiveStart))
            }
            BoundKind::InclusiveEndExclusiveStart => {
                Some((BoundKind::InclusiveEnd, BoundKind::ExclusiveStart))
            }
            _ => None,
        }
    }
}

/// The value of a clustering column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrefixValue<'b> {
    /// None.
    Null,
    /// No bytes.
    Empty,
    /// Its bytes, at least one.
    Bytes(&'b [u8]),
}

impl<'b> PrefixValue<'b> {
    /// Its bytes; `None` is null.
    pub const fn bytes(self) -> Option<&'b [u8]> {
        match self {
            PrefixValue::Null => None,
            PrefixValue::Empty => Some(&[]),
            PrefixValue::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Values of the first clustering columns.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'b> {
    columns: &'b [ClusteringColumn],
    bytes: &'b [u8],
}

impl<'b> Prefix<'b> {
    /// No values.
    pub const EMPTY: Prefix<'static> = Prefix { columns: &[], bytes: &[] };

    /// Reads a value for each of `columns`.
    ///
    /// # Errors
    /// They end before the values do.
    #[inline]
    pub fn get(cursor: &mut Cursor<'b>, columns: &'b [ClusteringColumn]) -> Result<Prefix<'b>, DecodeError> {
        let rest = cursor.rest();
        let span = pass(cursor, columns)?;
        Ok(Prefix { columns, bytes: &rest[..span.len()] })
    }

    /// Of bytes that [`pass`] found to hold a value for each of `columns`.
    #[inline]
    pub(super) const fn of(columns: &'b [ClusteringColumn], bytes: &'b [u8]) -> Prefix<'b> {
        Prefix { columns, bytes }
    }

    /// The values as they stand in Data.db.
    pub const fn encoded(&self) -> &'b [u8] {
        self.bytes
    }

    /// How many values.
    pub const fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns that have values.
    pub const fn columns(&self) -> &'b [ClusteringColumn] {
        self.columns
    }

    /// The values in order.
    pub fn values(&self) -> PrefixValues<'b> {
        PrefixValues { columns: self.columns, cursor: Cursor::new(self.bytes), bits: 0, at: 0 }
    }
}

/// Passes over a value for each of `columns`; where they stand.
#[inline]
pub(super) fn pass(
    cursor: &mut Cursor<'_>,
    columns: &[ClusteringColumn],
) -> Result<core::ops::Range<usize>, DecodeError> {
    let start = cursor.position();
    for batch in columns.chunks(BATCH) {
        let mut bits = get_uvint(cursor)?;
        for column in batch {
            if bits & 3 == 0 {
                get_value(cursor, column)?;
            }
            bits >>= 2;
        }
    }
    Ok(start..cursor.position())
}

#[inline]
fn get_value<'b>(cursor: &mut Cursor<'b>, column: &ClusteringColumn) -> Result<&'b [u8], DecodeError> {
    match column.fixed_len {
        Some(len) => cursor.get_bytes(len as usize),
        None => get_vint_bytes(cursor),
    }
}

/// The values of a [`Prefix`].
#[derive(Clone, Debug)]
pub struct PrefixValues<'b> {
    columns: &'b [ClusteringColumn],
    cursor: Cursor<'b>,
    bits: u64,
    at: usize,
}

impl<'b> Iterator for PrefixValues<'b> {
    type Item = PrefixValue<'b>;

    fn next(&mut self) -> Option<PrefixValue<'b>> {
        let column = self.columns.get(self.at)?;
        // The bytes were read once when the prefix was made, so that these reads cannot fail.
        if self.at.is_multiple_of(BATCH) {
            self.bits = get_uvint(&mut self.cursor).ok()?;
        }
        let bits = self.bits & 3;
        self.bits >>= 2;
        self.at += 1;
        Some(match bits {
            0 => match get_value(&mut self.cursor, column).ok()? {
                [] => PrefixValue::Empty,
                bytes => PrefixValue::Bytes(bytes),
            },
            1 => PrefixValue::Empty,
            _ => PrefixValue::Null,
        })
    }
}

/// Appends values of the first of `columns` as they stand in Data.db; `None` is null. A value of a fixed length must have it.
pub fn put_prefix(values: &[Option<&[u8]>], columns: &[ClusteringColumn], out: &mut Vec<u8>) {
    for (values, columns) in values.chunks(BATCH).zip(columns.chunks(BATCH)) {
        let bits = values.iter().enumerate().fold(0, |bits, (i, value)| {
            let bit = match value {
                None => 2,
                Some([]) => 1,
                Some(_) => 0,
            };
            bits | bit << (2 * i)
        });
        put_uvint(out, bits);
        for (value, column) in values.iter().zip(columns) {
            match (value, column.fixed_len) {
                (None | Some([]), _) => {}
                (Some(value), Some(_)) => out.extend_from_slice(value),
                (Some(value), None) => put_vint_bytes(out, value),
            }
        }
    }
}
