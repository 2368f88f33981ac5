//! Write batches in RocksDB's wire form, which is also the payload of a log record (`db/write_batch.cc`).
//!
//! ```text
//! fixed64 sequence | fixed32 count | record*        record = tag [varint32 family] key [value], slices behind varint32 lengths
//! ```
//! Record `i` that takes a sequence number has `sequence + i`. Tags with a family id follow those of the default family.

use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use crate::error::{Damage, Feature, Part, ReadError};
use crate::key::{FamilyId, SEQUENCE_MAX, SequenceNumber};

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

/// Which column families the records of a batch concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// No record does.
    None,
    /// All the same one.
    One(FamilyId),
    /// More than one.
    Several,
}

/// What is known of a batch without reading it again: enough to say whether it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The families of its records.
    pub families: Families,
    /// Longest key, begins and ends of ranges included.
    pub key_len_max: usize,
    /// Longest value or operand.
    pub value_len_max: usize,
    /// Whether a range deletion begins behind its end.
    pub has_inverted_range: bool,
}

impl Facts {
    const NONE: Facts =
        Facts { families: Families::None, key_len_max: 0, value_len_max: 0, has_inverted_range: false };

    fn and(self, other: Facts) -> Facts {
        let families = match (self.families, other.families) {
            (Families::None, one) | (one, Families::None) => one,
            (Families::One(a), Families::One(b)) if a == b => Families::One(a),
            _ => Families::Several,
        };
        Facts {
            families,
            key_len_max: self.key_len_max.max(other.key_len_max),
            value_len_max: self.value_len_max.max(other.value_len_max),
            has_inverted_range: self.has_inverted_range || other.has_inverted_range,
        }
    }

    fn of(record: &Record<'_>) -> Facts {
        let Some((family, key, value)) = record.parts() else { return Facts::NONE };
        let is_range = matches!(record, Record::DeleteRange { .. });
        Facts {
            families: Families::One(family),
            key_len_max: if is_range { key.len().max(value.len()) } else { key.len() },
            value_len_max: if is_range { 0 } else { value.len() },
            has_inverted_range: is_range && key > value,
        }
    }
}

/// A place in a batch to come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint {
    len: usize,
    count: u32,
    facts: Facts,
}

/// A batch under construction: its bytes are what goes into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBatch {
    bytes: Vec<u8>,
    facts: Facts,
}

impl Default for WriteBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty batch with room for records of so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(HEADER_LEN + bytes);
        out.resize(HEADER_LEN, 0);
        WriteBatch { bytes: out, facts: Facts::NONE }
    }

    /// A batch from its wire form, checked whole.
    ///
    /// # Errors
    /// Where the bytes are no batch, or use what this engine does not write.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        let view = BatchView::parse(&bytes)?;
        let facts = view.records().fold(Facts::NONE, |facts, record| facts.and(Facts::of(&record)));
        Ok(WriteBatch { bytes, facts })
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, family: FamilyId, key: &[u8], value: &[u8]) {
        self.record(family, tag::VALUE, tag::CF_VALUE, key, Some(value));
        self.note(family, key.len(), value.len());
    }

    /// Deletes `key`.
    pub fn delete(&mut self, family: FamilyId, key: &[u8]) {
        self.record(family, tag::DELETION, tag::CF_DELETION, key, None);
        self.note(family, key.len(), 0);
    }

    /// Deletes a key that was put exactly once since it was last deleted.
    pub fn single_delete(&mut self, family: FamilyId, key: &[u8]) {
        self.record(family, tag::SINGLE_DELETION, tag::CF_SINGLE_DELETION, key, None);
        self.note(family, key.len(), 0);
    }

    /// Adds a merge operand.
    pub fn merge(&mut self, family: FamilyId, key: &[u8], operand: &[u8]) {
        self.record(family, tag::MERGE, tag::CF_MERGE, key, Some(operand));
        self.note(family, key.len(), operand.len());
    }

    /// Deletes all keys in `begin..end`; nothing where both are the same. A batch whose `begin` lies behind its `end` is refused when it is
    /// written.
    pub fn delete_range(&mut self, family: FamilyId, begin: &[u8], end: &[u8]) {
        self.record(family, tag::RANGE_DELETION, tag::CF_RANGE_DELETION, begin, Some(end));
        self.note(family, begin.len().max(end.len()), 0);
        self.facts.has_inverted_range |= begin > end;
    }

    /// Adds bytes that go to the log only.
    pub fn put_log_data(&mut self, blob: &[u8]) {
        self.bytes.push(tag::LOG_DATA);
        varint::put_slice(&mut self.bytes, blob);
    }

    /// Number of records that take a sequence number.
    #[inline]
    pub fn count(&self) -> u32 {
        let mut count = [0; 4];
        count.copy_from_slice(&self.bytes[8..HEADER_LEN]);
        u32::from_le_bytes(count)
    }

    /// Whether it holds no record at all.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER_LEN
    }

    /// Bytes of its wire form.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory that it holds.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What is known of its records.
    pub const fn facts(&self) -> Facts {
        self.facts
    }

    /// The wire form.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The records' bytes, without the header.
    #[inline]
    pub fn body(&self) -> &[u8] {
        &self.bytes[HEADER_LEN..]
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        records(self.body())
    }

    /// Gives the batch its place in the history.
    pub fn set_sequence(&mut self, sequence: SequenceNumber) {
        self.bytes[..8].copy_from_slice(&sequence.get().to_le_bytes());
    }

    /// Appends the records of another batch.
    pub fn append(&mut self, other: &WriteBatch) {
        let count = self.count() + other.count();
        self.bytes.extend_from_slice(&other.bytes[HEADER_LEN..]);
        self.facts = self.facts.and(other.facts);
        self.set_count(count);
    }

    /// The present place, for [`WriteBatch::rollback_to`].
    pub fn savepoint(&self) -> Savepoint {
        Savepoint { len: self.bytes.len(), count: self.count(), facts: self.facts }
    }

    /// Takes back what was added since `savepoint`. One that lies behind the batch's end (it was rolled back further meanwhile) changes
    /// nothing.
    pub fn rollback_to(&mut self, savepoint: Savepoint) {
        if savepoint.len <= self.bytes.len() {
            self.bytes.truncate(savepoint.len);
            self.facts = savepoint.facts;
            self.set_count(savepoint.count);
        }
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER_LEN, 0);
        self.facts = Facts::NONE;
    }

    fn record(&mut self, family: FamilyId, plain: u8, with_family: u8, key: &[u8], value: Option<&[u8]>) {
        self.bytes.reserve(RECORD_OVERHEAD + key.len() + value.map_or(0, <[u8]>::len));
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

    #[inline]
    fn note(&mut self, family: FamilyId, key_len: usize, value_len: usize) {
        self.facts = self.facts.and(Facts {
            families: Families::One(family),
            key_len_max: key_len,
            value_len_max: value_len,
            has_inverted_range: false,
        });
    }

    #[inline]
    fn set_count(&mut self, count: u32) {
        self.bytes[8..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    }
}

/// Most bytes of a record beside key and value: tag, family, two lengths.
const RECORD_OVERHEAD: usize = 16;

/// The header of a batch.
pub fn header(sequence: SequenceNumber, count: u32) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[..8].copy_from_slice(&sequence.get().to_le_bytes());
    out[8..].copy_from_slice(&count.to_le_bytes());
    out
}

/// What a group of this engine's log says of what was durable when it was written: the first record of its batch, bytes for the log only,
/// which RocksDB passes over.
///
/// ```text
/// tag 3 | length 6 | kind: 0xd1 the logs before were synced whole, 0xd0 they were not | synced length of this log, 40 bits
/// ```
/// A sync that came before the mark was written is a fact; so damage below the mark's length is no torn write, whatever the policy was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncMark {
    /// Bytes of the log that a sync had covered.
    pub synced_len: u64,
    /// Whether all older logs had been synced whole.
    pub logs_before_synced: bool,
}

impl SyncMark {
    /// Bytes of the record.
    pub const LEN: usize = 8;
    const KINDS: [u8; 2] = [0xd0, 0xd1];
    const LEN_MAX: u64 = (1 << 40) - 1;

    /// The record. Of a longer log the first tebibyte is known to be synced, which is true.
    pub fn encode(self) -> [u8; Self::LEN] {
        let len = self.synced_len.min(Self::LEN_MAX).to_le_bytes();
        let kind = Self::KINDS[usize::from(self.logs_before_synced)];
        [tag::LOG_DATA, 6, kind, len[0], len[1], len[2], len[3], len[4]]
    }

    /// The mark with which the records of a batch begin; `payload` may be cut off behind it.
    pub fn of_batch(payload: &[u8]) -> Option<SyncMark> {
        let (mark, _) = payload.get(HEADER_LEN..)?.split_first_chunk::<{ Self::LEN }>()?;
        let &[tag::LOG_DATA, 6, kind, a, b, c, d, e] = mark else { return None };
        let logs_before_synced = Self::KINDS.iter().position(|&k| k == kind)? == 1;
        Some(SyncMark { synced_len: u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]), logs_before_synced })
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
    ///
    /// # Errors
    /// Where a record cannot be decoded or is of a kind that is not supported, where the count is wrong, and where sequence numbers would go
    /// beyond the end of their range.
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
        // The largest number is no write's: it stands for readers to come.
        let max = (SEQUENCE_MAX.get() - 1).saturating_sub(found.saturating_sub(1));
        if sequence.get() > max {
            let what = Damage::Range { found: sequence.get(), max };
            return Err(ReadError::corrupt(Part::Batch, 0, what));
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
        records(&self.bytes[HEADER_LEN..])
    }

    /// What this engine's log says of what was synced before; `None` in other logs.
    pub fn mark(&self) -> Option<SyncMark> {
        SyncMark::of_batch(self.bytes)
    }
}

/// The records of bytes that were checked, or built by a [`WriteBatch`].
fn records(body: &[u8]) -> impl Iterator<Item = Record<'_>> + use<'_> {
    let mut cursor = Cursor::new(body);
    core::iter::from_fn(move || {
        while !cursor.is_empty() {
            let record = next_record(&mut cursor).expect("every record was decoded before, or built");
            if record.is_some() {
                return record;
            }
        }
        None
    })
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
    fn a_batch_goes_back_to_its_savepoint() {
        let mut batch = WriteBatch::new();
        batch.put(FamilyId::new(1), b"k", b"v");
        let (mark, before) = (batch.savepoint(), batch.clone());
        batch.delete_range(FamilyId::new(2), b"z", b"a");
        batch.put(FamilyId::new(1), &[7; 100], &[7; 1000]);
        assert_eq!(batch.facts().families, Families::Several);
        assert!(batch.facts().has_inverted_range);
        let behind = batch.savepoint();
        batch.rollback_to(mark);
        assert_eq!(batch, before);
        batch.rollback_to(behind);
        assert_eq!(batch, before, "a place that is no more");
        let again = WriteBatch::from_bytes(batch.as_bytes().to_vec()).unwrap();
        assert_eq!(again, batch);
    }

    #[test]
    fn sequence_numbers_end_before_their_range_does() {
        let mut batch = WriteBatch::new();
        batch.put(FamilyId::new(0), b"a", b"");
        batch.put(FamilyId::new(0), b"b", b"");
        let last = SEQUENCE_MAX.get() - 2;
        for (sequence, is_good) in [
            (0, true),
            (last, true),
            (last + 1, false),
            (last + 2, false),
            (1 << 56, false),
            (u64::MAX, false),
        ] {
            batch.set_sequence(SequenceNumber::new(sequence));
            assert_eq!(BatchView::parse(batch.as_bytes()).is_ok(), is_good, "{sequence}");
        }
    }

    #[test]
    fn a_mark_is_read_where_it_stands_first() {
        for (synced_len, logs_before_synced) in [(0, false), (77_000, true), ((1 << 40) - 1, true)] {
            let mark = SyncMark { synced_len, logs_before_synced };
            let mut bytes = header(SequenceNumber::new(9), 0).to_vec();
            bytes.extend_from_slice(&mark.encode());
            let view = BatchView::parse(&bytes).unwrap();
            assert_eq!((view.mark(), view.count(), view.records().count()), (Some(mark), 0, 1));
            assert_eq!(SyncMark::of_batch(&bytes[..bytes.len() - 1]), None);
        }
        let mut other = WriteBatch::new();
        other.put_log_data(b"\x01abcde");
        assert_eq!(SyncMark::of_batch(other.as_bytes()), None);
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
