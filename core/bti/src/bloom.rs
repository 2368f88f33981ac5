//! Filter.db: a bloom filter over partition keys (`BloomFilter.java`, `BloomCalculations.java`, `BloomFilterSerializer.java`).
//!
//! ```text
//! i32 hash count k | i32 word count w | 8 w bytes: bit j is bit j & 7 of byte j >> 3
//! bit i of a key = | (h2 + i h1) rem (64 w) |      wrapping 64-bit; the remainder truncates, the magnitude comes after it
//! ```

use alloc::vec::Vec;

use dolmen_codec::DecodeError;
use zerocopy::byteorder::big_endian;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::component::Component;
use crate::error::{Damage, ReadError, ValueError};
use crate::limits::{FILTER_HASHES_MAX, FILTER_LEN_MAX};
use crate::partitioner::KeyHash;

/// Bytes before the bits.
pub const HEADER_LEN: usize = size_of::<Header>();

/// What stands before the bits.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    hash_count: big_endian::U32,
    word_count: big_endian::U32,
}

/// Buckets added to those of the keys.
const EXCESS: u64 = 20;

/// For 2..=20 buckets per key, the hash count with the least rate of false positives.
const BEST: [u8; 19] = [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10, 11, 12, 12, 13, 14];

/// A view of a whole Filter.db.
#[derive(Clone, Copy, Debug)]
pub struct Bloom<'a> {
    hash_count: u32,
    bits: &'a [u8],
}

impl<'a> Bloom<'a> {
    /// Reads the whole file.
    ///
    /// # Errors
    /// A length that is not the header's; hashes or words over the limits.
    pub fn parse(bytes: &'a [u8]) -> Result<Bloom<'a>, ReadError> {
        let decode = |e| ReadError::decode(Component::Filter, 0, e);
        let (header, bits) = Header::ref_from_prefix(bytes)
            .map_err(|_| decode(DecodeError::Truncated { at: 0, wanted: HEADER_LEN, left: bytes.len() }))?;
        let (hash_count, words) = (header.hash_count.get(), header.word_count.get());
        if hash_count == 0 || hash_count > FILTER_HASHES_MAX {
            return Err(limit(0, u64::from(hash_count), u64::from(FILTER_HASHES_MAX)));
        }
        if words == 0 || u64::from(words) * 8 > FILTER_LEN_MAX {
            return Err(limit(4, u64::from(words), FILTER_LEN_MAX / 8));
        }
        let found = bits.len() as u64;
        let expected = u64::from(words) * 8;
        if found != expected {
            return Err(ReadError::corrupt(Component::Filter, 4, Damage::Mismatch { expected, found }));
        }
        Ok(Bloom { hash_count, bits })
    }

    /// Hashes of each key.
    pub const fn hash_count(&self) -> u32 {
        self.hash_count
    }

    /// The bits.
    pub const fn bits(&self) -> &'a [u8] {
        self.bits
    }

    /// Whether a key with this hash may be in the table; false is certain.
    pub fn may_contain(&self, hash: KeyHash) -> bool {
        indices(hash, self.hash_count, self.bits.len() as u64 * 8)
            .all(|bit| self.bits[(bit >> 3) as usize] & 1 << (bit & 7) != 0)
    }
}

const fn limit(at: u64, found: u64, max: u64) -> ReadError {
    ReadError::Limit { component: Component::Filter, at, found, max }
}

/// The bits of a key in a filter of `capacity` bits.
fn indices(hash: KeyHash, hash_count: u32, capacity: u64) -> impl Iterator<Item = u64> {
    (0..u64::from(hash_count)).map(move |i| {
        let sum = hash.h2.wrapping_add(hash.h1.wrapping_mul(i)) as i64;
        // The remainder of the magnitude is the magnitude of the truncated remainder.
        sum.unsigned_abs() % capacity
    })
}

/// How many buckets per key and hashes a rate of false positives takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Bits for each key.
    pub buckets_per_key: u32,
    /// Hashes of each key.
    pub hash_count: u32,
}

impl Sizing {
    /// For a rate of false positives, as Cassandra takes them: the fewest buckets that reach it at their best, then fewer hashes while they still
    /// do. `None` for a rate that 20 buckets do not reach. A rate of 1 means no filter at all; that is the caller's to know.
    pub fn for_rate(rate: f64) -> Option<Sizing> {
        if rate >= rate_of(2, 1) {
            return Some(Sizing { buckets_per_key: 1, hash_count: 2 });
        }
        let reached = (2u32..).zip(BEST).find(|&(buckets, best)| rate_of(buckets, u32::from(best)) <= rate);
        let (buckets_per_key, best) = reached?;
        let fewer = (1..u32::from(best)).rev().take_while(|&hashes| rate_of(buckets_per_key, hashes) <= rate);
        let hash_count = fewer.last().unwrap_or(u32::from(best));
        Some(Sizing { buckets_per_key, hash_count })
    }

    /// 64-bit words of a filter for so many keys.
    pub const fn words(self, key_count: u64) -> u64 {
        key_count.saturating_mul(self.buckets_per_key as u64).saturating_add(EXCESS).div_ceil(64)
    }
}

/// The rate of false positives with so many bits per key and hashes, (1 - e^(-k/b))^k, to the three digits of Cassandra's table.
fn rate_of(buckets: u32, hashes: u32) -> f64 {
    let one = 1.0 - libm::exp(-f64::from(hashes) / f64::from(buckets));
    let rate = libm::pow(one, f64::from(hashes));
    let scale = libm::pow(10.0, 2.0 - libm::floor(libm::log10(rate)));
    libm::round(rate * scale) / scale
}

/// Makes a Filter.db.
pub struct BloomBuilder {
    hash_count: u32,
    file: Vec<u8>,
}

impl BloomBuilder {
    /// A filter for at most so many keys, which their number must be known for. One of more than `limits::FILTER_LEN_MAX` is refused.
    ///
    /// # Errors
    /// A filter longer than the limit.
    pub fn new(sizing: Sizing, key_count: u64) -> Result<BloomBuilder, ValueError> {
        let words = sizing.words(key_count);
        if words > FILTER_LEN_MAX / 8 {
            return Err(ValueError::Count { found: words, max: FILTER_LEN_MAX / 8 });
        }
        let mut file = Vec::with_capacity(HEADER_LEN + 8 * words as usize);
        let header = Header { hash_count: sizing.hash_count.into(), word_count: (words as u32).into() };
        file.extend_from_slice(header.as_bytes());
        file.resize(HEADER_LEN + 8 * words as usize, 0);
        Ok(BloomBuilder { hash_count: sizing.hash_count, file })
    }

    /// Adds a key by its hash.
    pub fn add(&mut self, hash: KeyHash) {
        let capacity = (self.file.len() - HEADER_LEN) as u64 * 8;
        for bit in indices(hash, self.hash_count, capacity) {
            self.file[HEADER_LEN + (bit >> 3) as usize] |= 1 << (bit & 7);
        }
    }

    /// The whole file.
    pub fn finish(self) -> Vec<u8> {
        self.file
    }
}

/// The bits that keys set, to compare with a file's.
#[derive(Clone, Debug)]
pub struct FilterBits {
    hash_count: u32,
    bits: Vec<u8>,
}

impl FilterBits {
    /// No keys, of the size of a filter.
    pub fn like(filter: &Bloom<'_>) -> FilterBits {
        FilterBits { hash_count: filter.hash_count, bits: alloc::vec![0; filter.bits.len()] }
    }

    /// Sets a key's bits.
    pub fn add(&mut self, hash: KeyHash) {
        for bit in indices(hash, self.hash_count, self.bits.len() as u64 * 8) {
            self.bits[(bit >> 3) as usize] |= 1 << (bit & 7);
        }
    }

    /// Whether a filter has exactly these bits.
    ///
    /// # Errors
    /// [`Damage::Order`] or another length: the filter is not that of these keys.
    pub fn check(&self, filter: &Bloom<'_>) -> Result<(), ReadError> {
        let differs = self.bits.iter().zip(filter.bits).position(|(ours, theirs)| ours != theirs);
        let Some(at) = differs else { return Ok(()) };
        let what = Damage::Mismatch { expected: u64::from(self.bits[at]), found: u64::from(filter.bits[at]) };
        Err(ReadError::corrupt(Component::Filter, (HEADER_LEN + at) as u64, what))
    }
}
