//! Write batches in RocksDB's wire form, which is also the payload of a log record (`db/write_batch.cc`).
//!
//! ```text
//! fixed64 sequence | fixed32 count | record*        record = tag [varint32 family] key [value], slices behind varint32 lengths
//! ```
//! Record `i` that takes a sequence number has `sequence + i`. Tags with a family id follow those of the default family.

use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use crate::error::{Damage, Feature, Part, ReadError};
use crate::key::{FamilyId, SequenceNumber};

/// Bytes before the first record.
pub const HEADER_LEN: usize = 12;

/// Wire tags of the records that this engine writes and reads.
mod tag {
    pub const DELETION: u8 = 0x0;
    pub const VALUE: u8 = 0x1;
    pub const MERGE: u8 = 0x2;
    pub const LOG_DATA: u8 = 0x3;
    pub const CF_DELETION: u8 = 0x4;
    pub const CF_VALUE: u8 = 0x5;
    pub const CF_MERGE: u8 = 0x6;
    pub const SINGLE_DELETION: u8 = 0x7;
    pub const CF_SINGLE_DELETION: u8 = 0x8;
    pub const NOOP: u8 = 0xd;
    pub const CF_RANGE_DELETION: u8 = 0xe;
    pub const RANGE_DELETION: u8 = 0xf;
}

/// A batch under construction: its bytes are what goes into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBatch {
    bytes: Vec<u8>,
}

impl Default for WriteBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        WriteBatch { bytes: alloc::vec![0; HEADER_LEN] }
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, family: FamilyId, key: &[u8], value: &[u8]) {
        self.record(family, tag::VALUE, tag::CF_VALUE, key, Some(value));
    }

    /// Deletes `key`.
    pub fn delete(&mut self, family: FamilyId, key: &[u8]) {
        self.record(family, tag::DELETION, tag::CF_DELETION, key, None);
    }

    /// Deletes a key that was put exactly once since it was last deleted.
    pub fn single_delete(&mut self, family: FamilyId, key: &[u8]) {
        self.record(family, tag::SINGLE_DELETION, tag::CF_SINGLE_DELETION, key, None);
    }

    /// Adds a merge operand.
    pub fn merge(&mut self, family: FamilyId, key: &[u8], operand: &[u8]) {
        self.record(family, tag::MERGE, tag::CF_MERGE, key, Some(operand));
    }

    /// Deletes all keys in `begin..end`.
    pub fn delete_range(&mut self, family: FamilyId, begin: &[u8], end: &[u8]) {
        self.record(family, tag::RANGE_DELETION, tag::CF_RANGE_DELETION, begin, Some(end));
    }

    /// Adds bytes that go to the log only.
    pub fn put_log_data(&mut self, blob: &[u8]) {
        self.bytes.push(tag::LOG_DATA);
        varint::put_slice(&mut self.bytes, blob);
    }

    /// Number of records that take a sequence number.
    pub fn count(&self) -> u32 {
        let mut count = [0; 4];
        count.copy_from_slice(&self.bytes[8..HEADER_LEN]);
        u32::from_le_bytes(count)
    }

    /// Whether it holds no record at all.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER_LEN
    }

    /// The wire form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the batch its place in the history.
    pub fn set_sequence(&mut self, sequence: SequenceNumber) {
        self.bytes[..8].copy_from_slice(&sequence.get().to_le_bytes());
    }

    /// Appends the records of another batch.
    pub fn append(&mut self, other: &WriteBatch) {
        let count = self.count() + other.count();
        self.bytes.extend_from_slice(&other.bytes[HEADER_LEN..]);
        self.set_count(count);
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER_LEN, 0);
    }

    fn record(&mut self, family: FamilyId, plain: u8, with_family: u8, key: &[u8], value: Option<&[u8]>) {
        if family.get() == 0 {
            self.bytes.push(plain);
        } else {
            self.bytes.push(with_family);
            varint::put_u32(&mut self.bytes, family.get());
        }
        varint::put_slice(&mut self.bytes, key);
        if let Some(value) = value {
            varint::put_slice(&mut self.bytes, value);
        }
        self.set_count(self.count() + 1);
    }

    fn set_count(&mut self, count: u32) {
        self.bytes[8..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    }
}

/// One record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A put.
    Put {
        /// The column family.
        family: FamilyId,
        /// The user key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// A delete.
    Delete {
        /// The column family.
        family: FamilyId,
        /// The user key.
        key: &'a [u8],
    },
    /// A single delete.
    SingleDelete {
        /// The column family.
        family: FamilyId,
        /// The user key.
        key: &'a [u8],
    },
    /// A merge operand.
    Merge {
        /// The column family.
        family: FamilyId,
        /// The user key.
        key: &'a [u8],
        /// The operand.
        operand: &'a [u8],
    },
    /// A range deletion.
    DeleteRange {
        /// The column family.
        family: FamilyId,
        /// First key that goes.
        begin: &'a [u8],
        /// First key behind it that stays.
        end: &'a [u8],
    },
    /// Bytes for the log only; takes no sequence number.
    LogData(&'a [u8]),
}

impl Record<'_> {
    /// Whether the record takes a sequence number.
    pub const fn counts(&self) -> bool {
        !matches!(self, Record::LogData(_))
    }
}

/// A checked batch: every record was decoded once, and the count agrees.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'a> {
    bytes: &'a [u8],
    sequence: SequenceNumber,
    count: u32,
}

impl<'a> BatchView<'a> {
    /// Checks the whole batch. Offsets in errors count from its start.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let mut cursor = Cursor::new(bytes);
        let header = |e| ReadError::corrupt(Part::Batch, 0, Damage::Decode(e));
        let sequence = SequenceNumber::new(cursor.get_u64_le().map_err(header)?);
        let count = cursor.get_u32_le().map_err(header)?;
        let mut found = 0u64;
        while !cursor.is_empty() {
            if let Some(record) = next_record(&mut cursor)? {
                found += u64::from(record.counts());
            }
        }
        if found != u64::from(count) {
            let what = Damage::Mismatch { expected: u64::from(count), found };
            return Err(ReadError::corrupt(Part::Batch, 8, what));
        }
        Ok(BatchView { bytes, sequence, count })
    }

    /// The sequence number of the first record.
    pub const fn sequence(&self) -> SequenceNumber {
        self.sequence
    }

    /// How many sequence numbers the batch takes.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut cursor = Cursor::new(&self.bytes[HEADER_LEN..]);
        core::iter::from_fn(move || {
            while !cursor.is_empty() {
                let record = next_record(&mut cursor).expect("parse has decoded every record of this batch");
                if record.is_some() {
                    return record;
                }
            }
            None
        })
    }
}

impl<'a> Record<'a> {
    /// The column family, key and value (operand, end of the range; empty for a deletion); `None` for bytes for the log only.
    pub const fn parts(&self) -> Option<(FamilyId, &'a [u8], &'a [u8])> {
        Some(match *self {
            Record::Put { family, key, value } => (family, key, value),
            Record::Delete { family, key } | Record::SingleDelete { family, key } => (family, key, &[]),
            Record::Merge { family, key, operand } => (family, key, operand),
            Record::DeleteRange { family, begin, end } => (family, begin, end),
            Record::LogData(_) => return None,
        })
    }
}

/// Decodes one record; `None` for one that means nothing (a no-op mark).
fn next_record<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Record<'a>>, ReadError> {
    let at = cursor.position() as u64;
    let decode = |e| ReadError::corrupt(Part::Batch, at, Damage::Decode(e));
    let byte = cursor.get_u8().map_err(decode)?;
    let family = match byte {
        tag::CF_DELETION
        | tag::CF_VALUE
        | tag::CF_MERGE
        | tag::CF_SINGLE_DELETION
        | tag::CF_RANGE_DELETION => FamilyId::new(cursor.get_varint_u32().map_err(decode)?),
        _ => FamilyId::new(0),
    };
    let mut slice = || cursor.get_varint_slice().map_err(decode);
    Ok(Some(match byte {
        tag::VALUE | tag::CF_VALUE => Record::Put { family, key: slice()?, value: slice()? },
        tag::DELETION | tag::CF_DELETION => Record::Delete { family, key: slice()? },
        tag::SINGLE_DELETION | tag::CF_SINGLE_DELETION => Record::SingleDelete { family, key: slice()? },
        tag::MERGE | tag::CF_MERGE => Record::Merge { family, key: slice()?, operand: slice()? },
        tag::RANGE_DELETION | tag::CF_RANGE_DELETION => {
            Record::DeleteRange { family, begin: slice()?, end: slice()? }
        }
        tag::LOG_DATA => Record::LogData(slice()?),
        tag::NOOP => return Ok(None),
        0x9..=0xc | 0x12 | 0x13 => return Err(unsupported(Feature::PreparedTransactions)),
        0x10 | 0x11 => return Err(unsupported(Feature::BlobFiles)),
        0x14 | 0x15 => return Err(unsupported(Feature::Timestamps)),
        0x16 | 0x17 => return Err(unsupported(Feature::WideColumns)),
        0x18 | 0x19 => return Err(unsupported(Feature::BatchTag(byte))),
        other => return Err(ReadError::corrupt(Part::Batch, at, Damage::Tag(u64::from(other)))),
    }))
}

fn unsupported(what: Feature) -> ReadError {
    ReadError::Unsupported { file: dolmen_base::io::FileNumber::new(0), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut batch = WriteBatch::new();
        let (a, b) = (FamilyId::new(0), FamilyId::new(300));
        batch.put(a, b"k", b"v");
        batch.delete(b, b"gone");
        batch.put_log_data(b"note");
        batch.merge(b, b"m", b"");
        batch.delete_range(a, b"a", b"z");
        batch.single_delete(a, b"once");
        batch.set_sequence(SequenceNumber::new(77));
        let view = BatchView::parse(batch.as_bytes()).unwrap();
        assert_eq!((view.sequence().get(), view.count()), (77, 5));
        let records: Vec<_> = view.records().collect();
        assert_eq!(
            records,
            [
                Record::Put { family: a, key: b"k", value: b"v" },
                Record::Delete { family: b, key: b"gone" },
                Record::LogData(b"note"),
                Record::Merge { family: b, key: b"m", operand: b"" },
                Record::DeleteRange { family: a, begin: b"a", end: b"z" },
                Record::SingleDelete { family: a, key: b"once" },
            ]
        );
    }

    #[test]
    fn every_cut_and_every_wrong_count_is_refused() {
        let mut batch = WriteBatch::new();
        batch.put(FamilyId::new(1), b"key", b"value");
        let bytes = batch.as_bytes();
        for len in 0..bytes.len() {
            assert!(BatchView::parse(&bytes[..len]).is_err(), "cut at {len}");
        }
        let mut wrong = bytes.to_vec();
        wrong[8] = 2;
        assert!(BatchView::parse(&wrong).is_err());
    }
}
