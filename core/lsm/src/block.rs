//! Blocks of sorted entries: data, index, meta-index, properties and range-deletion blocks (`table/block_based/block.cc`).
//!
//! ```text
//! block    = entry* restart* [bucket* u16 bucket count] footer
//! entry    = varint32 shared | varint32 unshared | varint32 value length | key suffix | value
//! restart  = fixed32 offset of an entry with shared = 0           footer = fixed32: bits 0..28 restart count,
//! bucket   = u8 restart index, 254 several, 255 none                       28 separated values, 29 uniform keys, 31 buckets
//! ```
//! [`Layout`] is the checked tail of a block. Entries are checked as they are read: the blocks of a table come behind a
//! checksum, so that damage inside one is rare, and a read that meets it anyway fails with [`Damage`].

pub mod builder;
pub mod cursor;
pub mod stored;

pub use builder::BlockBuilder;
pub use cursor::BlockCursor;

use dolmen_base::io::FileNumber;

use crate::error::{Damage, Feature, Part, ReadError};

const BUCKETS_BIT: u32 = 1 << 31;
/// Never used: readers before the bits above multiply the count by four, so that this one would be lost.
const RESERVED_BIT: u32 = 1 << 30;
const SEPARATED_BIT: u32 = 1 << 28;
const RESTART_COUNT_MASK: u32 = SEPARATED_BIT - 1;
/// Bucket of keys in several restart intervals.
const BUCKET_COLLISION: u8 = 254;
/// Bucket of no key.
const BUCKET_EMPTY: u8 = 255;

/// Where the parts of a block lie. Valid for the block that it was parsed from, or for any bytes of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    restarts_at: u32,
    restart_count: u32,
    buckets_at: u32,
    bucket_count: u32,
}

/// What the bucket of a user key says about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Search the whole block.
    Unknown,
    /// If the key is in this block, it is in this restart interval.
    Interval(u32),
    /// The key is not in this block.
    Absent,
}

impl Layout {
    /// The layout of no block at all.
    pub const EMPTY: Layout = Layout { restarts_at: 0, restart_count: 0, buckets_at: 0, bucket_count: 0 };

    /// Checks the tail of a block. `part` names the block in errors.
    ///
    /// # Errors
    /// A tail that is too short, or that leads outside the block.
    #[inline]
    pub fn parse(block: &[u8], part: Part) -> Result<Self, ReadError> {
        let Some((rest, footer)) = block.split_last_chunk::<4>() else {
            return Err(outside(part, 0, 4, block.len()));
        };
        let footer = u32::from_le_bytes(*footer);
        if footer & SEPARATED_BIT != 0 {
            return Err(ReadError::Unsupported { file: FileNumber::new(0), what: Feature::SeparatedValues });
        }
        if footer & RESERVED_BIT != 0 {
            return Err(ReadError::corrupt(part, rest.len() as u64, Damage::Tag(u64::from(footer))));
        }
        let restart_count = footer & RESTART_COUNT_MASK;
        let (mut end, mut bucket_count) = (rest.len(), 0);
        if footer & BUCKETS_BIT != 0 {
            let Some((buckets, count)) = rest.split_last_chunk::<2>() else {
                return Err(outside(part, 0, 2, rest.len()));
            };
            bucket_count = usize::from(u16::from_le_bytes(*count));
            end = buckets.len().checked_sub(bucket_count).ok_or(outside(
                part,
                buckets.len(),
                bucket_count,
                buckets.len(),
            ))?;
        }
        let restarts_len = restart_count as usize * 4;
        let restarts_at = end.checked_sub(restarts_len).ok_or(outside(part, end, restarts_len, end))?;
        if restart_count == 0 && restarts_at != 0 || u32::try_from(block.len()).is_err() {
            return Err(outside(part, rest.len(), 0, restarts_at));
        }
        Ok(Layout {
            restarts_at: restarts_at as u32,
            restart_count,
            buckets_at: end as u32,
            bucket_count: bucket_count as u32,
        })
    }

    /// Length of the entries, which come first.
    #[inline]
    pub const fn entries_len(&self) -> usize {
        self.restarts_at as usize
    }

    /// How many restart intervals.
    #[inline]
    pub const fn restart_count(&self) -> u32 {
        self.restart_count
    }

    /// Where restart interval `index` begins; past the end for a block of other bytes.
    #[inline]
    pub fn restart(&self, block: &[u8], index: u32) -> usize {
        let at = self.restarts_at as usize + index as usize * 4;
        match block.get(at..).and_then(|b| b.first_chunk::<4>()) {
            Some(bytes) => u32::from_le_bytes(*bytes) as usize,
            None => usize::MAX,
        }
    }

    /// What the hash index, if there is one, knows about a user key.
    #[inline]
    pub fn bucket(&self, block: &[u8], user_key: &[u8]) -> Bucket {
        if self.bucket_count == 0 {
            return Bucket::Unknown;
        }
        let index = hash(user_key, HASH_INDEX_SEED) % self.bucket_count;
        match block.get(self.buckets_at as usize + index as usize) {
            Some(&BUCKET_EMPTY) => Bucket::Absent,
            Some(&interval) if u32::from(interval) < self.restart_count && interval != BUCKET_COLLISION => {
                Bucket::Interval(u32::from(interval))
            }
            _ => Bucket::Unknown,
        }
    }
}

/// Where the parts of one entry lie in its block. The key's suffix ends where the value begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Bytes that the key shares with the one before.
    pub shared: usize,
    /// Where the rest of the key begins.
    pub suffix_at: usize,
    /// Where the value begins.
    pub value_at: usize,
    /// Where the value ends, and the next entry begins.
    pub end: usize,
}

impl Entry {
    /// Decodes the entry at `at` of the entries of a block; `None` if it does not fit there.
    #[inline(always)]
    pub fn decode(entries: &[u8], at: usize) -> Option<Entry> {
        let bytes = entries.get(at..)?;
        let (shared, unshared, value_len, header) = match *bytes {
            // Three lengths of one byte each: nearly every entry with a small value.
            [a, b, c, ..] if (a | b | c) < 0x80 => (usize::from(a), usize::from(b), usize::from(c), 3),
            _ => decode_long_header(bytes)?,
        };
        let suffix_at = at + header;
        let value_at = suffix_at + unshared;
        let end = value_at + value_len;
        if end > entries.len() {
            return None;
        }
        Some(Entry { shared, suffix_at, value_at, end })
    }
}

#[cold]
#[inline(never)]
fn decode_long_header(bytes: &[u8]) -> Option<(usize, usize, usize, usize)> {
    let mut cursor = dolmen_codec::Cursor::new(bytes);
    let shared = cursor.get_varint_u32().ok()? as usize;
    let unshared = cursor.get_varint_u32().ok()? as usize;
    let value_len = cursor.get_varint_u32().ok()? as usize;
    // So that the caller's sums cannot wrap where addresses have 32 bits.
    let fits = unshared.checked_add(value_len)? <= bytes.len();
    fits.then(|| (shared, unshared, value_len, cursor.position()))
}

const HASH_INDEX_SEED: u32 = 397;
/// Seed of the legacy bloom filter's hash.
pub(crate) const LEGACY_BLOOM_SEED: u32 = 0xbc9f_1d34;

/// LevelDB's 32-bit hash (MurmurHash1-like, `util/hash.cc`), for the hash index and the legacy bloom filter. The last one
/// to three bytes are sign-extended, as the format has it.
pub fn hash(bytes: &[u8], seed: u32) -> u32 {
    const M: u32 = 0xc6a4_a793;
    let mut h = seed ^ (bytes.len() as u32).wrapping_mul(M);
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        h = h.wrapping_add(u32::from_le_bytes(*word)).wrapping_mul(M);
        h ^= h >> 16;
    }
    if !tail.is_empty() {
        for (i, &byte) in tail.iter().enumerate() {
            h = h.wrapping_add((i32::from(byte as i8) << (8 * i)) as u32);
        }
        h = h.wrapping_mul(M);
        h ^= h >> 24;
    }
    h
}

fn outside(part: Part, at: usize, found: usize, max: usize) -> ReadError {
    ReadError::corrupt(part, at as u64, Damage::Range { found: found as u64, max: max as u64 })
}
