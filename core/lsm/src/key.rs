//! Internal keys: `user key ++ fixed64 little-endian (sequence << 8 | type)` (RocksDB `db/dbformat.h`).
//!
//! Order: user key ascending (bytewise), then sequence descending, then type descending, so that the newest entry of a user
//! key comes first.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Deref;

use crate::error::{Damage, Feature, Part, ReadError};

dolmen_base::id_type! {
    /// Sequence number of one write; 56 bits.
    pub struct SequenceNumber(u64);
}
dolmen_base::id_type! {
    /// Column family id; 0 is `default`.
    pub struct FamilyId(u32);
}

/// The largest sequence number.
pub const SEQUENCE_MAX: SequenceNumber = SequenceNumber::new((1 << 56) - 1);
/// Bytes behind the user key.
pub const TRAILER_LEN: usize = 8;
/// Length up to which a seek key lies on the stack.
const SEEK_KEY_LEN_SHORT: usize = 128;

/// What an entry is (RocksDB's `ValueType`, the types that may stand in a table).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValueType {
    /// A tombstone.
    Deletion = 0x0,
    /// A value.
    Value = 0x1,
    /// A merge operand.
    Merge = 0x2,
    /// A tombstone for a key that was put exactly once since the last one.
    SingleDeletion = 0x7,
    /// A range tombstone; only in range-deletion blocks.
    RangeDeletion = 0xf,
}

/// The type with which a seek key is built: the largest that sorts first among entries of one sequence number.
/// (RocksDB seeks with `kTypeWideColumnEntity`/`kTypeValuePreferredSeqno`; any byte at least as large as every stored type
/// serves, and this one is never stored.)
pub const TYPE_FOR_SEEK: u8 = 0xff;

impl ValueType {
    /// From its byte; types of features that are not supported are named.
    ///
    /// # Errors
    /// The type, as unsupported or as damage.
    pub const fn from_byte(byte: u8) -> Result<Self, ReadError> {
        Ok(match byte {
            0x0 => ValueType::Deletion,
            0x1 => ValueType::Value,
            0x2 => ValueType::Merge,
            0x7 => ValueType::SingleDeletion,
            0xf => ValueType::RangeDeletion,
            other => {
                let what = match other {
                    0x11 => Feature::BlobFiles,
                    0x14 => Feature::Timestamps,
                    0x16 => Feature::WideColumns,
                    t => Feature::ValueType(t),
                };
                return Err(ReadError::Unsupported { file: dolmen_base::io::FileNumber::new(0), what });
            }
        })
    }
}

/// Packs a trailer.
#[inline]
pub const fn pack(sequence: SequenceNumber, value_type: u8) -> u64 {
    sequence.get() << 8 | value_type as u64
}

/// Appends an internal key.
pub fn put_internal_key(out: &mut Vec<u8>, user_key: &[u8], sequence: SequenceNumber, value_type: ValueType) {
    out.extend_from_slice(user_key);
    out.extend_from_slice(&pack(sequence, value_type as u8).to_le_bytes());
}

/// Appends the key at which a seek finds the newest entry of `user_key` visible at `sequence`.
pub fn put_seek_key(out: &mut Vec<u8>, user_key: &[u8], sequence: SequenceNumber) {
    out.extend_from_slice(user_key);
    out.extend_from_slice(&pack(sequence, TYPE_FOR_SEEK).to_le_bytes());
}

/// A key to seek with; of a short user key it takes no memory but its own.
pub struct SeekKey {
    short: [u8; SEEK_KEY_LEN_SHORT],
    short_len: usize,
    long: Vec<u8>,
}

impl SeekKey {
    /// As [`put_seek_key`].
    #[inline]
    pub fn new(user_key: &[u8], sequence: SequenceNumber) -> Self {
        let mut key = SeekKey { short: [0; SEEK_KEY_LEN_SHORT], short_len: 0, long: Vec::new() };
        let len = user_key.len() + TRAILER_LEN;
        if let Some((user, trailer)) = key.short.get_mut(..len).and_then(<[u8]>::split_last_chunk_mut) {
            user.copy_from_slice(user_key);
            *trailer = pack(sequence, TYPE_FOR_SEEK).to_le_bytes();
            key.short_len = len;
        } else {
            put_seek_key(&mut key.long, user_key, sequence);
        }
        key
    }
}

impl Deref for SeekKey {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        if self.short_len > 0 { &self.short[..self.short_len] } else { &self.long }
    }
}

/// A checked internal key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalKey<'a> {
    /// The user key.
    pub user_key: &'a [u8],
    /// When it was written.
    pub sequence: SequenceNumber,
    /// What it is.
    pub value_type: ValueType,
}

impl<'a> InternalKey<'a> {
    /// Splits and checks.
    ///
    /// # Errors
    /// A key that is shorter than its trailer, and a type that is not supported.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let Some((user_key, trailer)) = bytes.split_last_chunk::<TRAILER_LEN>() else {
            return Err(ReadError::corrupt(
                Part::InternalKey,
                0,
                Damage::Range { found: bytes.len() as u64, max: TRAILER_LEN as u64 },
            ));
        };
        let packed = u64::from_le_bytes(*trailer);
        let value_type = ValueType::from_byte(packed as u8)?;
        Ok(InternalKey { user_key, sequence: SequenceNumber::new(packed >> 8), value_type })
    }
}

/// The user key of an internal key of at least eight bytes; of a shorter one, the empty key.
#[inline]
pub fn user_key(internal: &[u8]) -> &[u8] {
    &internal[..internal.len().saturating_sub(TRAILER_LEN)]
}

/// The packed trailer of an internal key; 0 if it is shorter than a trailer.
#[inline]
pub fn packed_trailer(internal: &[u8]) -> u64 {
    internal.split_last_chunk::<TRAILER_LEN>().map_or(0, |(_, t)| u64::from_le_bytes(*t))
}

/// The order of internal keys.
#[inline]
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    user_key(a).cmp(user_key(b)).then_with(|| packed_trailer(b).cmp(&packed_trailer(a)))
}
