//! Record batches, format 2: what producers send, what logs hold, what consumers fetch.
//!
//! ```text
//! off len                         off len
//!   0  8  base offset              27  8  base timestamp (the horizon, if attribute 6 is set)
//!   8  4  length of what follows   35  8  largest timestamp (every record's, if attribute 3 is set)
//!  12  4  leader epoch             43  8  producer id
//!  16  1  magic, 2                 51  2  producer epoch
//!  17  4  CRC-32C of 21..          53  4  base sequence
//!  21  2  attributes               57  4  record count
//!  23  4  last offset − base       61  …  records, or their compressed form
//! ```
//! All integers are big-endian. Base offset, length and leader epoch lie outside the checksum, so that a broker gives a batch its place
//! without computing it again ([`stamp`]). Attributes: bits 0–2 codec, 3 timestamp type (0 create, 1 append), 4 transactional, 5 control,
//! 6 delete horizon set.
//!
//! A compacted batch keeps its last offset and sequence though records are gone; it may hold none at all.
//!
//! Source: the message format of Apache Kafka's documentation, KIP-98, KIP-534.

use alloc::vec::Vec;

use dolmen_codec::checksum::{crc32c, crc32c_extend};
use zerocopy::byteorder::big_endian::{I16, I32, I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{BatchError, BatchPart};
use crate::limits::BATCH_LEN_MAX;
use crate::record::{Reading, Record, Records, encoded_len, put_record};

/// Bytes of a batch before its records.
pub const HEADER_LEN: usize = 61;
/// Bytes before what the length field counts.
pub const PREFIX_LEN: usize = 12;
/// The magic byte of this format.
pub const MAGIC: i8 = 2;

/// The fixed part of a batch as it stands in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    base_offset: I64,
    length: I32,
    leader_epoch: I32,
    magic: i8,
    crc: U32,
    attributes: I16,
    last_offset_delta: I32,
    base_timestamp: I64,
    max_timestamp: I64,
    producer_id: I64,
    producer_epoch: I16,
    base_sequence: I32,
    record_count: I32,
}

const _: () = assert!(size_of::<Header>() == HEADER_LEN);

/// How records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// Not at all.
    None = 0,
    /// An RFC 1952 member.
    Gzip = 1,
    /// A raw block, or xerial's framing.
    Snappy = 2,
    /// An LZ4 frame.
    Lz4 = 3,
    /// A Zstandard frame.
    Zstd = 4,
}

impl Codec {
    /// By its number in the attributes.
    pub const fn from_bits(bits: i16) -> Option<Codec> {
        Some(match bits & 7 {
            0 => Codec::None,
            1 => Codec::Gzip,
            2 => Codec::Snappy,
            3 => Codec::Lz4,
            4 => Codec::Zstd,
            _ => return None,
        })
    }

    /// Kafka's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

/// Whose clock a timestamp is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    Create,
    /// The broker's, at the append.
    LogAppend,
}

/// A batch whose length, magic, checksum and codec were checked; its records were not.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: &'a Header,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the start of `bytes`, whose first byte stands at `at` of its file; and what stands behind it.
    ///
    /// # Errors
    /// [`BatchError::Truncated`] where the batch is cut off (at the end of a log: the torn tail), else what is wrong with it.
    pub fn split(bytes: &'a [u8], at: u64) -> Result<(Batch<'a>, &'a [u8]), BatchError> {
        let Some(len) = total_len(bytes, at)? else {
            let wanted = PREFIX_LEN.max(HEADER_LEN);
            return Err(BatchError::Truncated { at, wanted, left: bytes.len() });
        };
        let truncated = BatchError::Truncated { at, wanted: len, left: bytes.len() };
        let (bytes, rest) = bytes.split_at_checked(len).ok_or(truncated)?;
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| truncated)?;
        if header.magic != MAGIC {
            return Err(BatchError::Magic { at, found: header.magic });
        }
        let found = crc32c(&bytes[21..]);
        if header.crc.get() != found {
            return Err(BatchError::Checksum { at, expected: header.crc.get(), found });
        }
        if Codec::from_bits(header.attributes.get()).is_none() {
            return Err(BatchError::Codec { at, found: header.attributes.get() & 7 });
        }
        for (part, value) in [
            (BatchPart::LastOffsetDelta, header.last_offset_delta.get()),
            (BatchPart::RecordCount, header.record_count.get()),
        ] {
            if value < 0 {
                return Err(BatchError::Field { at, part, found: i64::from(value) });
            }
        }
        Ok((Batch { header, bytes }, rest))
    }

    /// The batch that `bytes` are, whose checksum was computed before: when it came, or when it was stamped.
    pub fn known(bytes: &'a [u8]) -> Option<Batch<'a>> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        let is_whole = total_len(bytes, 0).ok().flatten() == Some(bytes.len()) && header.magic == MAGIC;
        let is_right = header.last_offset_delta.get() >= 0 && header.record_count.get() >= 0;
        (is_whole && is_right).then_some(Batch { header, bytes })
    }

    /// All of its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The offset of its first record, or of what was the first.
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset.get()
    }

    /// The last offset that it covers.
    pub fn last_offset(&self) -> i64 {
        self.base_offset().saturating_add(i64::from(self.header.last_offset_delta.get()))
    }

    /// Last offset minus base offset.
    pub fn last_offset_delta(&self) -> i32 {
        self.header.last_offset_delta.get()
    }

    /// The epoch of the leader that appended it; −1 from a client.
    pub fn leader_epoch(&self) -> i32 {
        self.header.leader_epoch.get()
    }

    /// Its checksum.
    pub fn crc(&self) -> u32 {
        self.header.crc.get()
    }

    /// Its attribute bits.
    pub fn attributes(&self) -> i16 {
        self.header.attributes.get()
    }

    /// How its records are compressed.
    pub fn codec(&self) -> Codec {
        Codec::from_bits(self.attributes()).unwrap_or(Codec::None)
    }

    /// Whose clock its timestamps are of.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & attribute::LOG_APPEND == 0 {
            TimestampType::Create
        } else {
            TimestampType::LogAppend
        }
    }

    /// Whether it is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & attribute::TRANSACTIONAL != 0
    }

    /// Whether it holds a control record.
    pub fn is_control(&self) -> bool {
        self.attributes() & attribute::CONTROL != 0
    }

    /// The time from which the cleaner may drop its tombstones, in milliseconds, if it is set.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes() & attribute::DELETE_HORIZON != 0).then(|| self.header.base_timestamp.get())
    }

    /// What the records' timestamps are counted from, in milliseconds.
    pub fn base_timestamp_ms(&self) -> i64 {
        self.header.base_timestamp.get()
    }

    /// The largest timestamp, in milliseconds.
    pub fn max_timestamp_ms(&self) -> i64 {
        self.header.max_timestamp.get()
    }

    /// The producer's id; −1 for none.
    pub fn producer_id(&self) -> i64 {
        self.header.producer_id.get()
    }

    /// The producer's epoch; −1 for none.
    pub fn producer_epoch(&self) -> i16 {
        self.header.producer_epoch.get()
    }

    /// The sequence number of its first record; −1 for none.
    pub fn base_sequence(&self) -> i32 {
        self.header.base_sequence.get()
    }

    /// The sequence number of its last record; −1 where the base sequence is.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence() {
            -1 => -1,
            base => sequence_after(base, self.last_offset_delta()),
        }
    }

    /// Records that are still there.
    pub fn record_count(&self) -> i32 {
        self.header.record_count.get()
    }

    /// The records, or their compressed form.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }

    /// The records of a batch that is not compressed; `expanded` are those of one that is.
    ///
    /// # Errors
    /// What is wrong with a record, or with their number.
    pub fn records<'r>(&self, expanded: &'r [u8]) -> Result<Records<'r>, BatchError>
    where
        'a: 'r,
    {
        Records::check(self.expanded(expanded), self.record_count())
    }

    /// The records one after the other, each an error if it is damaged: one pass, where [`Batch::records`] makes two.
    pub fn read<'r>(&self, expanded: &'r [u8]) -> Reading<'r>
    where
        'a: 'r,
    {
        Reading::new(self.expanded(expanded), self.record_count())
    }

    fn expanded<'r>(&self, expanded: &'r [u8]) -> &'r [u8]
    where
        'a: 'r,
    {
        if self.codec() == Codec::None { self.body() } else { expanded }
    }

    /// The offset of a record.
    pub fn offset_of(&self, record: &Record<'_>) -> i64 {
        self.base_offset().saturating_add(i64::from(record.offset_delta))
    }

    /// The timestamp of a record, in milliseconds.
    pub fn timestamp_of(&self, record: &Record<'_>) -> i64 {
        match self.timestamp_type() {
            TimestampType::LogAppend => self.max_timestamp_ms(),
            TimestampType::Create => self.base_timestamp_ms().saturating_add(record.timestamp_delta),
        }
    }
}

/// Attribute bits of a batch.
pub mod attribute {
    /// Timestamps are the broker's.
    pub const LOG_APPEND: i16 = 1 << 3;
    /// Part of a transaction.
    pub const TRANSACTIONAL: i16 = 1 << 4;
    /// Holds a control record.
    pub const CONTROL: i16 = 1 << 5;
    /// The base timestamp is the delete horizon.
    pub const DELETE_HORIZON: i16 = 1 << 6;
}

/// How long the batch at the start of `bytes` is in all; `None` if too few bytes are there to tell.
///
/// # Errors
/// [`BatchError::Length`] for a length that no batch has.
pub fn total_len(bytes: &[u8], at: u64) -> Result<Option<usize>, BatchError> {
    let Some(field) = bytes.get(8..PREFIX_LEN) else { return Ok(None) };
    let found = I32::read_from_bytes(field).map_or(0, I32::get);
    let min = HEADER_LEN - PREFIX_LEN;
    match usize::try_from(found) {
        Ok(len) if (min..=BATCH_LEN_MAX).contains(&len) => Ok(Some(PREFIX_LEN + len)),
        _ => Err(BatchError::Length { at, found }),
    }
}

/// Gives a batch its place in a log. The checksum does not cover what changes.
pub fn stamp(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    if let Ok((header, _)) = Header::mut_from_prefix(batch) {
        header.base_offset = base_offset.into();
        header.leader_epoch = leader_epoch.into();
    }
}

/// Makes the broker's clock the timestamp of every record, and computes the checksum again.
pub fn stamp_append_time(batch: &mut [u8], now_ms: i64) {
    if let Ok((header, _)) = Header::mut_from_prefix(batch) {
        header.attributes = (header.attributes.get() | attribute::LOG_APPEND).into();
        header.max_timestamp = now_ms.into();
        let crc = crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

/// The sequence number `steps` behind `sequence`: after 2^31 − 1 comes 0.
pub const fn sequence_after(sequence: i32, steps: i32) -> i32 {
    ((sequence as i64 + steps as i64) & i32::MAX as i64) as i32
}

/// What a batch says of its records as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The epoch of the leader; −1 from a client.
    pub leader_epoch: i32,
    /// The producer's id; −1 for none.
    pub producer_id: i64,
    /// The producer's epoch; −1 for none.
    pub producer_epoch: i16,
    /// The sequence number of the first record; −1 for none.
    pub base_sequence: i32,
    /// Bits of [`attribute`]; the codec is written by whoever compresses.
    pub attributes: i16,
}

impl Default for Meta {
    /// A plain batch of no idempotent producer.
    fn default() -> Self {
        Meta {
            base_offset: 0,
            leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            attributes: 0,
        }
    }
}

/// Appends batches to the caller's buffer, record by record.
#[derive(Debug)]
pub struct Builder<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    meta: Meta,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    count: i32,
    last_offset_delta: i32,
}

impl<'b> Builder<'b> {
    /// Begins a batch at the end of `out`.
    pub fn new(out: &'b mut Vec<u8>, meta: Meta) -> Self {
        let start = out.len();
        out.resize(start + HEADER_LEN, 0);
        Builder {
            out,
            start,
            meta,
            base_timestamp_ms: -1,
            max_timestamp_ms: -1,
            count: 0,
            last_offset_delta: -1,
        }
    }

    /// How long the batch is so far, uncompressed.
    pub fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// Whether it holds no record so far.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends a record at the next offset. False, and nothing is appended, if the batch would become too long.
    pub fn push(&mut self, timestamp_ms: i64, record: Record<'_>) -> bool {
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
        }
        let record = Record {
            offset_delta: self.last_offset_delta + 1,
            timestamp_delta: timestamp_ms.wrapping_sub(self.base_timestamp_ms),
            ..record
        };
        self.push_at(record)
    }

    /// Appends a record with the deltas that it has, as when a batch is cleaned; offsets must ascend.
    pub fn push_at(&mut self, record: Record<'_>) -> bool {
        if self.len() + encoded_len(&record) > BATCH_LEN_MAX || self.count == i32::MAX {
            return false;
        }
        self.count += 1;
        self.last_offset_delta = record.offset_delta;
        self.max_timestamp_ms =
            self.max_timestamp_ms.max(self.base_timestamp_ms.wrapping_add(record.timestamp_delta));
        put_record(self.out, &record);
        true
    }

    /// Counts the deltas of [`Builder::push_at`] from here.
    pub const fn set_base_timestamp(&mut self, base_timestamp_ms: i64) {
        self.base_timestamp_ms = base_timestamp_ms;
    }

    /// What the batch covers though records of it are gone: its last offset, and its largest timestamp if it is not that of its records.
    pub const fn cover(&mut self, last_offset_delta: i32, max_timestamp_ms: Option<i64>) {
        self.last_offset_delta = last_offset_delta;
        if let Some(max_timestamp_ms) = max_timestamp_ms {
            self.max_timestamp_ms = max_timestamp_ms;
        }
    }

    /// The records so far.
    pub fn records(&self) -> &[u8] {
        &self.out[self.start + HEADER_LEN..]
    }

    /// Ends the batch; a compressed one has its records replaced by `compressed` first.
    pub fn finish(self, compressed: Option<(Codec, &[u8])>) {
        let mut attributes = self.meta.attributes & !7;
        if let Some((codec, bytes)) = compressed {
            attributes |= i16::from(codec as u8);
            self.out.truncate(self.start + HEADER_LEN);
            self.out.extend_from_slice(bytes);
        }
        let length = self.out.len() - self.start - PREFIX_LEN;
        let mut header = Header {
            base_offset: self.meta.base_offset.into(),
            length: i32::try_from(length).unwrap_or(i32::MAX).into(),
            leader_epoch: self.meta.leader_epoch.into(),
            magic: MAGIC,
            crc: U32::ZERO,
            attributes: attributes.into(),
            last_offset_delta: self.last_offset_delta.max(0).into(),
            base_timestamp: self.base_timestamp_ms.into(),
            max_timestamp: self.max_timestamp_ms.into(),
            producer_id: self.meta.producer_id.into(),
            producer_epoch: self.meta.producer_epoch.into(),
            base_sequence: self.meta.base_sequence.into(),
            record_count: self.count.into(),
        };
        let body = &self.out[self.start + HEADER_LEN..];
        header.crc = crc32c_extend(crc32c(&header.as_bytes()[21..]), body).into();
        self.out[self.start..self.start + HEADER_LEN].copy_from_slice(header.as_bytes());
    }
}
