//! Hash functions under stable names. A name stands for one function for ever: a better one gets a new name, so that a stored
//! ring, a fingerprint and a client in another language keep agreeing.
//!
//! Two readings of a key: [`HashFunction::value`] is the function's own number, in its own width, which tables and jumps
//! use; [`HashFunction::position`] is that number scaled to the 64-bit circle (shifted to the top), which rings use. All
//! functions read bytes, so they give the same numbers on machines of either byte order.

mod murmur3;
mod sip;
mod small;

use core::fmt;
use core::str::FromStr;

use md5::{Digest, Md5};
use sha2::Sha256;
use xxhash_rust::{xxh3::xxh3_64, xxh64::xxh64};

pub use murmur3::{cassandra_token, murmur3_cassandra, murmur3_x64_128};
pub use sip::siphash24;
pub use small::{
    crc16, crc16_twemproxy, crc32, crc32_libmemcached, djb2, fnv1_32_libmemcached, fnv1_64_libmemcached,
    fnv1a32, fnv1a32_libmemcached, fnv1a64, fnv1a64_libmemcached, haproxy_avalanche, murmur2_libmemcached,
    one_at_a_time, sdbm, wt6,
};

/// A bijective mix of 64 bits: spreads a hash that is combined with a node or an attempt.
pub use dolmen_simd::mix::mix64;

use crate::error::RingError;

/// A hash function of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum HashFunction {
    /// XXH3, 64 bits, seed 0. The default.
    Xxh3 = 1,
    /// XXH64, seed 0: Envoy's.
    Xxh64 = 2,
    /// First half of MurmurHash3 x64 128, seed 0.
    Murmur3 = 3,
    /// The token of Cassandra's Murmur3Partitioner; its position on the circle keeps the signed order.
    CassandraToken = 4,
    /// Redis Cluster's slot, 14 bits, hash tags honoured.
    RedisSlot = 5,
    /// First four bytes of MD5, little-endian: ketama's.
    Md5Ketama = 6,
    /// FNV-1a, 32 bits.
    Fnv1a32 = 7,
    /// FNV-1a, 64 bits.
    Fnv1a64 = 8,
    /// CRC-16/XMODEM.
    Crc16 = 9,
    /// CRC-32 (ISO-HDLC).
    Crc32 = 10,
    /// SipHash-2-4 under the zero key.
    Sip = 11,
    /// First eight bytes of SHA-256, big-endian: the order of the whole digest.
    Sha256 = 12,
    /// No hash: the key is itself a decimal number of 64 bits.
    Decimal = 13,
}

impl HashFunction {
    /// Every function, in the order of its number in the serialised form.
    pub const ALL: [HashFunction; 13] = [
        HashFunction::Xxh3,
        HashFunction::Xxh64,
        HashFunction::Murmur3,
        HashFunction::CassandraToken,
        HashFunction::RedisSlot,
        HashFunction::Md5Ketama,
        HashFunction::Fnv1a32,
        HashFunction::Fnv1a64,
        HashFunction::Crc16,
        HashFunction::Crc32,
        HashFunction::Sip,
        HashFunction::Sha256,
        HashFunction::Decimal,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            HashFunction::Xxh3 => "xxh3",
            HashFunction::Xxh64 => "xxh64",
            HashFunction::Murmur3 => "murmur3",
            HashFunction::CassandraToken => "cassandra-token",
            HashFunction::RedisSlot => "redis-slot",
            HashFunction::Md5Ketama => "md5-ketama",
            HashFunction::Fnv1a32 => "fnv1a32",
            HashFunction::Fnv1a64 => "fnv1a64",
            HashFunction::Crc16 => "crc16",
            HashFunction::Crc32 => "crc32",
            HashFunction::Sip => "sip",
            HashFunction::Sha256 => "sha256",
            HashFunction::Decimal => "decimal",
        }
    }

    /// The function with this number in the serialised form.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|f| *f as u8 == number)
    }

    /// Width of [`HashFunction::value`] in bits.
    pub const fn bits(self) -> u32 {
        match self {
            HashFunction::RedisSlot => 14,
            HashFunction::Crc16 => 16,
            HashFunction::Md5Ketama | HashFunction::Fnv1a32 | HashFunction::Crc32 => 32,
            _ => 64,
        }
    }

    /// The function's number for these bytes; a Cassandra token as its two's complement.
    ///
    /// # Errors
    /// Only [`HashFunction::Decimal`] can fail: the key is not a decimal number below 2^64.
    #[inline]
    pub fn value(self, bytes: &[u8]) -> Result<u64, RingError> {
        Ok(match self {
            HashFunction::Xxh3 => xxh3_64(bytes),
            HashFunction::Xxh64 => xxh64(bytes, 0),
            HashFunction::Murmur3 => murmur3_x64_128(bytes, 0).0,
            HashFunction::CassandraToken => cassandra_token(bytes) as u64,
            HashFunction::RedisSlot => u64::from(crate::slots::key_slot(bytes).get()),
            HashFunction::Md5Ketama => u64::from(md5_ketama(bytes)),
            HashFunction::Fnv1a32 => u64::from(fnv1a32(bytes)),
            HashFunction::Fnv1a64 => fnv1a64(bytes),
            HashFunction::Crc16 => u64::from(crc16(bytes)),
            HashFunction::Crc32 => u64::from(crc32(bytes)),
            HashFunction::Sip => siphash24(0, 0, bytes),
            HashFunction::Sha256 => sha256_prefix(bytes),
            HashFunction::Decimal => decimal(bytes)?,
        })
    }

    /// Where these bytes lie on the circle of 2^64 positions.
    ///
    /// # Errors
    /// As [`HashFunction::value`].
    #[inline]
    pub fn position(self, bytes: &[u8]) -> Result<u64, RingError> {
        let value = self.value(bytes)?;
        Ok(match self {
            HashFunction::CassandraToken => value ^ (1 << 63),
            _ => value << (64 - self.bits()),
        })
    }
}

impl fmt::Display for HashFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HashFunction {
    type Err = RingError;

    fn from_str(text: &str) -> Result<Self, RingError> {
        Self::ALL.into_iter().find(|f| f.name() == text).ok_or(RingError::UnknownHash)
    }
}

/// The 16 bytes of MD5.
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// Ketama's hash of a key: the first four bytes of MD5, little-endian.
pub fn md5_ketama(bytes: &[u8]) -> u32 {
    let [a, b, c, d, ..] = md5(bytes);
    u32::from_le_bytes([a, b, c, d])
}

fn sha256_prefix(bytes: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn decimal(bytes: &[u8]) -> Result<u64, RingError> {
    let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let text = core::str::from_utf8(bytes).ok().filter(|_| digits).ok_or(RingError::NotDecimal)?;
    text.parse().map_err(|_| RingError::NotDecimal)
}
