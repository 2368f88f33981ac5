//! The bloom filter of full filters up to format_version 4 (`LegacyLocalityBloomImpl` in `util/bloom_impl.h`).

use super::METADATA_LEN;
use crate::block::{LEGACY_BLOOM_SEED, hash};

/// Longest line that is believed; cache lines have 32 to 256 bytes.
const LINE_LEN_MAX: u32 = 1 << 16;

/// Geometry of a legacy filter: `line_count` lines of `1 << log2_line_len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legacy {
    line_count: u32,
    log2_line_len: u32,
    probe_count: u32,
}

impl Legacy {
    pub(super) fn parse(bits: &[u8], probes: u8, metadata: &[u8; METADATA_LEN]) -> Option<Self> {
        let [_, lines @ ..] = *metadata;
        let line_count = u32::from_le_bytes(lines);
        // Lines had the length of the writer's cache line: a power of two that the total must bear out.
        let len = u32::try_from(bits.len()).ok()?;
        let line_len =
            len.checked_div(line_count).filter(|l| l.is_power_of_two() && l * line_count == len)?;
        if line_len > LINE_LEN_MAX {
            return None;
        }
        Some(Legacy { line_count, log2_line_len: line_len.ilog2(), probe_count: u32::from(probes) })
    }

    pub(super) fn may_match(&self, block: &[u8], key: &[u8]) -> bool {
        let mut h = hash(key, LEGACY_BLOOM_SEED);
        let delta = h.rotate_right(17);
        let start = ((h % self.line_count) as usize) << self.log2_line_len;
        let mask = (8u32 << self.log2_line_len) - 1;
        for _ in 0..self.probe_count {
            let bit = (h & mask) as usize;
            match block.get(start + bit / 8) {
                Some(byte) if byte >> (bit % 8) & 1 == 0 => return false,
                _ => h = h.wrapping_add(delta),
            }
        }
        true
    }
}
