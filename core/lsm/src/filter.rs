//! Filters: whether a table may hold a key (`table/block_based/filter_policy.cc`).
//!
//! ```text
//! filter  = bits ++ five bytes    ff 00 probes 0 0          bloom of one cache line per key
//!                                 fe seed, 24-bit blocks    ribbon
//!                                 probes, fixed32 lines     legacy bloom (up to format_version 4)
//! key     = XXPH3 of the whole user key, or of its prefix; the legacy bloom uses LevelDB's 32-bit hash
//! ```
//! As in RocksDB an unknown kind lets every key pass, and an empty filter lets none: a filter may only say no when it is sure.

mod bloom;
mod legacy;
mod ribbon;

use alloc::vec::Vec;

pub use bloom::BloomBuilder;

/// Bytes behind the bits of every filter.
const METADATA_LEN: usize = 5;

/// A checked filter, apart from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Lets every key pass.
    Pass,
    /// Was built of no key.
    Empty,
    /// Bloom filter with one cache line per key.
    Bloom(bloom::Bloom),
    /// Standard128 ribbon filter.
    Ribbon(ribbon::Ribbon),
    /// Bloom filter of format_version 4 and earlier.
    Legacy(legacy::Legacy),
}

impl Filter {
    /// Reads the metadata of a filter block. Always gives a filter: what is not understood passes all keys.
    pub fn parse(block: &[u8]) -> Self {
        let Some((bits, metadata)) = block.split_last_chunk::<METADATA_LEN>() else { return Filter::Empty };
        if bits.is_empty() {
            return Filter::Empty;
        }
        let found = match metadata[0] {
            0xff => bloom::Bloom::parse(bits, metadata).map(Filter::Bloom),
            0xfe => ribbon::Ribbon::parse(bits, metadata).map(Filter::Ribbon),
            probes @ 1..=0x7f => legacy::Legacy::parse(bits, probes, metadata).map(Filter::Legacy),
            _ => None,
        };
        found.unwrap_or(Filter::Pass)
    }

    /// Whether the filter with these bytes may hold `key` (a user key or a prefix).
    #[inline]
    pub fn may_match(&self, block: &[u8], key: &[u8]) -> bool {
        match self {
            Filter::Bloom(bloom) => bloom.may_match(block, hash64(key)),
            Filter::Pass => true,
            Filter::Empty => false,
            Filter::Ribbon(ribbon) => ribbon.may_match(block, hash64(key)),
            Filter::Legacy(legacy) => legacy.may_match(block, key),
        }
    }

    /// Its kind, for `inspect`.
    pub const fn name(&self) -> &'static str {
        match self {
            Filter::Pass => "unknown, passes every key",
            Filter::Empty => "empty, passes no key",
            Filter::Bloom(_) => "bloom",
            Filter::Ribbon(_) => "ribbon",
            Filter::Legacy(_) => "legacy bloom",
        }
    }
}

/// The frozen hash of keys in filters.
#[inline]
pub fn hash64(key: &[u8]) -> u64 {
    dolmen_codec::xxph3::xxph3_64(key)
}

/// Which part of a key counts as its prefix, by the name in the properties (`util/slice.cc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixExtractor {
    /// The first bytes; shorter keys have no prefix.
    Fixed(usize),
    /// At most the first bytes.
    Capped(usize),
    /// The whole key.
    Whole,
}

impl PrefixExtractor {
    /// From RocksDB's name; `None` for one that is not built in.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "rocksdb.Noop" {
            return Some(PrefixExtractor::Whole);
        }
        if let Some(len) = name.strip_prefix("rocksdb.FixedPrefix.") {
            return len.parse().ok().map(PrefixExtractor::Fixed);
        }
        name.strip_prefix("rocksdb.CappedPrefix.")?.parse().ok().map(PrefixExtractor::Capped)
    }

    /// The prefix of `key`, if it has one.
    pub fn prefix<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        match *self {
            PrefixExtractor::Fixed(len) => key.get(..len),
            PrefixExtractor::Capped(len) => Some(&key[..len.min(key.len())]),
            PrefixExtractor::Whole => Some(key),
        }
    }
}

/// The hashes of the keys of a table in order, without repetitions in a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyHashes {
    hashes: Vec<u64>,
}

impl KeyHashes {
    /// Adds a user key.
    pub fn add(&mut self, key: &[u8]) {
        let hash = hash64(key);
        if self.hashes.last() != Some(&hash) {
            self.hashes.push(hash);
        }
    }

    pub fn as_slice(&self) -> &[u64] {
        &self.hashes
    }
}
