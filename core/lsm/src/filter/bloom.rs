//! The cache-local bloom filter of format_version 5 and later (`FastLocalBloomImpl` in `util/bloom_impl.h`).
//!
//! The low half of a key's hash chooses a line of 64 bytes, the high half the bits in it: nine bits at its top, then the same
//! after each multiplication by the golden ratio.

use alloc::vec::Vec;

use super::METADATA_LEN;

const LINE_LEN: usize = 64;
const GOLDEN_RATIO: u32 = 0x9e37_79b9;
/// Longest filter, so that its length stays in 32 bits.
const BITS_LEN_MAX: usize = 0xffff_ffc0;

/// Where the lines are and how many bits a key sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bloom {
    line_count: u32,
    probe_count: u32,
}

impl Bloom {
    pub(super) fn parse(bits: &[u8], metadata: &[u8; METADATA_LEN]) -> Option<Self> {
        let [_, sub_implementation, block_and_probes, rest @ ..] = *metadata;
        let (log2_extra, probe_count) = (block_and_probes >> 5, u32::from(block_and_probes & 31));
        let line_count = u32::try_from(bits.len() / LINE_LEN).ok()?;
        let known = sub_implementation == 0 && log2_extra == 0 && rest == [0, 0];
        (known && (1..=30).contains(&probe_count) && line_count > 0)
            .then_some(Bloom { line_count, probe_count })
    }

    #[inline]
    pub(super) fn may_match(&self, block: &[u8], hash: u64) -> bool {
        let start = line(hash, self.line_count) * LINE_LEN;
        let Some(line) = block.get(start..).and_then(|b| b.first_chunk::<LINE_LEN>()) else { return true };
        let mut h = (hash >> 32) as u32;
        for _ in 0..self.probe_count {
            let bit = (h >> 23) as usize;
            if line[bit >> 3] >> (bit & 7) & 1 == 0 {
                return false;
            }
            h = h.wrapping_mul(GOLDEN_RATIO);
        }
        true
    }
}

/// Which line a hash falls into.
#[inline]
fn line(hash: u64, line_count: u32) -> usize {
    (((hash & 0xffff_ffff) * u64::from(line_count)) >> 32) as usize
}

/// Builds a filter from the hashes of its keys.
#[derive(Clone, Copy, Debug)]
pub struct BloomBuilder {
    millibits_per_key: u64,
}

impl BloomBuilder {
    /// A filter of so many bits per key; RocksDB's useful range is 1 to 100, and what lies outside is moved into it.
    pub fn new(bits_per_key: u32) -> Self {
        BloomBuilder { millibits_per_key: u64::from(bits_per_key.clamp(1, 100)) * 1000 }
    }

    /// The filter block over these hashes ([`super::hash64`]).
    pub fn build(&self, hashes: &[u64]) -> Vec<u8> {
        if hashes.is_empty() {
            return Vec::new();
        }
        let wanted = (hashes.len() as u64 * self.millibits_per_key).div_ceil(8000);
        let bits_len =
            usize::try_from(wanted).unwrap_or(BITS_LEN_MAX).min(BITS_LEN_MAX).next_multiple_of(LINE_LEN);
        let probes = probe_count(self.millibits_per_key);
        let mut out = alloc::vec![0; bits_len + METADATA_LEN];
        let line_count = (bits_len / LINE_LEN) as u32;
        for &hash in hashes {
            let start = line(hash, line_count) * LINE_LEN;
            let bits = &mut out[start..start + LINE_LEN];
            let mut h = (hash >> 32) as u32;
            for _ in 0..probes {
                let bit = (h >> 23) as usize;
                bits[bit >> 3] |= 1 << (bit & 7);
                h = h.wrapping_mul(GOLDEN_RATIO);
            }
        }
        out[bits_len..].copy_from_slice(&[0xff, 0, probes, 0, 0]);
        out
    }
}

/// How many bits a key sets: RocksDB's table (`FastLocalBloomImpl::ChooseNumProbes`), found by measuring cache-local filters.
fn probe_count(millibits_per_key: u64) -> u8 {
    const UPPER_BOUNDS: [u64; 12] =
        [2080, 3580, 5100, 6640, 8300, 10_070, 11_720, 14_001, 16_050, 18_300, 22_001, 25_501];
    if millibits_per_key > 50_000 {
        return 24;
    }
    match UPPER_BOUNDS.iter().position(|&bound| millibits_per_key <= bound) {
        Some(i) => i as u8 + 1,
        None => ((millibits_per_key - 1) / 2000 - 1) as u8,
    }
}
