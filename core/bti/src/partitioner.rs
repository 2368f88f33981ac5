//! Partitioners: which token a partition key has, and so where it stands (`Murmur3Partitioner.java` and its siblings).
//!
//! The hash is MurmurHash3 x64-128 with seed 0, but for one slip that files depend on: the bytes of the last, incomplete block are
//! **sign-extended** before they are shifted into place (`MurmurHash.java`).

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;

use md5::{Digest, Md5};

/// The order of partitions. Statistics.db names it; it must never be assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partitioner {
    /// By the first half of the key's Murmur3 hash: the default.
    Murmur3,
    /// By the key's bytes.
    ByteOrdered,
    /// By the key's bytes, which are text.
    OrderPreserving,
    /// By the key's MD5.
    Random,
    /// By the order of the key's type: hidden tables of secondary indexes.
    Local,
}

const PACKAGE: &str = "org.apache.cassandra.dht.";

impl Partitioner {
    /// All of them.
    pub const ALL: [Partitioner; 5] = [
        Partitioner::Murmur3,
        Partitioner::ByteOrdered,
        Partitioner::OrderPreserving,
        Partitioner::Random,
        Partitioner::Local,
    ];

    /// The name of its class without the package.
    pub const fn name(self) -> &'static str {
        match self {
            Partitioner::Murmur3 => "Murmur3Partitioner",
            Partitioner::ByteOrdered => "ByteOrderedPartitioner",
            Partitioner::OrderPreserving => "OrderPreservingPartitioner",
            Partitioner::Random => "RandomPartitioner",
            Partitioner::Local => "LocalPartitioner",
        }
    }

    /// The partitioner of a class name, with or without its package.
    pub fn parse(class: &str) -> Option<Partitioner> {
        let name = class.strip_prefix(PACKAGE).unwrap_or(class);
        Partitioner::ALL.into_iter().find(|p| p.name() == name)
    }

    /// The token of a key.
    pub fn token(self, key: &[u8]) -> Token<'_> {
        match self {
            Partitioner::Murmur3 => Token::Murmur3(KeyHash::of(key).token(key)),
            Partitioner::Random => {
                let digest: [u8; 16] = Md5::digest(key).into();
                Token::Random(i128::from_be_bytes(digest).unsigned_abs())
            }
            Partitioner::ByteOrdered => Token::Bytes(key),
            Partitioner::OrderPreserving => Token::Text(key),
            Partitioner::Local => Token::Local(key),
        }
    }
}

impl fmt::Display for Partitioner {
    /// The whole class name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PACKAGE}{}", self.name())
    }
}

/// A key's token. `Display` prints it as Cassandra does, but for [`Token::Local`], whose key needs its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'k> {
    /// Of the Murmur3 partitioner.
    Murmur3(i64),
    /// Of the random partitioner: the absolute value of the MD5, at most 2^127.
    Random(u128),
    /// Of the byte-ordered partitioner: the key.
    Bytes(&'k [u8]),
    /// Of the order-preserving partitioner: the key, which is text.
    Text(&'k [u8]),
    /// Of the local partitioner: the key; order and text come from its type.
    Local(&'k [u8]),
}

impl Token<'_> {
    /// The order of two tokens of one partitioner; `None` where only the key's type knows it, or for different partitioners.
    pub fn order(&self, other: &Token<'_>) -> Option<Ordering> {
        match (self, other) {
            (Token::Murmur3(a), Token::Murmur3(b)) => Some(a.cmp(b)),
            (Token::Random(a), Token::Random(b)) => Some(a.cmp(b)),
            (Token::Bytes(a), Token::Bytes(b)) | (Token::Text(a), Token::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Murmur3(token) => token.fmt(f),
            Token::Random(token) => token.fmt(f),
            Token::Text(key) => f.write_str(&String::from_utf8_lossy(key)),
            Token::Bytes(key) | Token::Local(key) => key.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// Both halves of a key's hash, for token, bloom filter and the hash byte of the partition index, whatever the partitioner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash {
    /// The first half: the token comes from it.
    pub h1: u64,
    /// The second half.
    pub h2: u64,
}

impl KeyHash {
    /// Hashes a key.
    pub fn of(key: &[u8]) -> KeyHash {
        murmur3(key)
    }

    /// The byte that the partition index stores beside a position.
    pub const fn filter_byte(self) -> u8 {
        self.h2 as u8
    }

    /// The Murmur3 token of `key`, whose hash this is: `i64::MIN` belongs to the empty key alone.
    pub const fn token(self, key: &[u8]) -> i64 {
        if key.is_empty() {
            return i64::MIN;
        }
        match self.h1 as i64 {
            i64::MIN => i64::MAX,
            token => token,
        }
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

const fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

const fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

const fn finish(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// Up to 8 bytes of the tail, each sign-extended as Java's `byte` is.
fn tail_word(bytes: &[u8]) -> u64 {
    bytes.iter().enumerate().fold(0, |word, (i, &byte)| word ^ (i64::from(byte as i8) as u64) << (8 * i))
}

fn murmur3(key: &[u8]) -> KeyHash {
    let (mut h1, mut h2) = (0u64, 0u64);
    let (blocks, tail) = key.as_chunks::<16>();
    for block in blocks {
        let block = u128::from_le_bytes(*block);
        h1 ^= mix1(block as u64);
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2((block >> 64) as u64);
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = tail.split_at(tail.len().min(8));
    h1 ^= mix1(tail_word(low));
    h2 ^= mix2(tail_word(high));
    let len = key.len() as u64;
    h1 ^= len;
    h2 ^= len;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    KeyHash { h1, h2: h2.wrapping_add(h1) }
}
