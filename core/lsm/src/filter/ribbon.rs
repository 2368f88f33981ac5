//! The Standard128 ribbon filter (`util/ribbon_impl.h`, `util/ribbon_alg.h`; Dillinger and Walzer, "Ribbon filter", 2021).
//!
//! A key's hash gives a start slot, a row of 128 coefficients and a row of expected result bits. The filter stores a solution:
//! column `i` of it, and-ed with the coefficients from the start slot on, has the parity of expected bit `i` for every key that
//! was added. Columns are interleaved in segments of 128 bits; blocks (of 128 slots) below `upper_start_block` have one less.

use super::METADATA_LEN;

const COEFFICIENT_BITS: u32 = 128;
const SEGMENT_LEN: usize = 16;
/// Result rows have 32 bits.
const COLUMN_COUNT_MAX: u32 = 32;
const REHASH_FACTOR: u64 = 0x6193_d459_236a_3a0d;
const COEFFICIENT_AND_RESULT_FACTOR: u64 = 0xc28f_8282_2b65_0bed;
const COEFFICIENT_XOR: u64 = 0xc367_844a_6e52_731d;
const SEED_FACTOR: u64 = 0xc782_19a2_3eea_dd03;
const SEED_MIX_MASK: u64 = 0xf0f0_f0f0_f0f0_f0f0;

/// Geometry and seed of a ribbon filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ribbon {
    raw_seed: u32,
    start_count: u32,
    column_count: u32,
    upper_start_block: u32,
}

impl Ribbon {
    pub(super) fn parse(bits: &[u8], metadata: &[u8; METADATA_LEN]) -> Option<Self> {
        let [_, ordinal_seed, a, b, c] = *metadata;
        let block_count = u32::from_le_bytes([a, b, c, 0]);
        let segment_count = u32::try_from(bits.len() / SEGMENT_LEN).ok()?;
        if block_count < 2 {
            return None;
        }
        let mut column_count = segment_count.div_ceil(block_count);
        let mut upper_start_block =
            (u64::from(column_count) * u64::from(block_count) - u64::from(segment_count)) as u32;
        if column_count > COLUMN_COUNT_MAX {
            (column_count, upper_start_block) = (COLUMN_COUNT_MAX, 0);
        }
        let start_count = block_count * COEFFICIENT_BITS - COEFFICIENT_BITS + 1;
        Some(Ribbon { raw_seed: raw_seed(ordinal_seed), start_count, column_count, upper_start_block })
    }

    pub(super) fn may_match(&self, block: &[u8], key_hash: u64) -> bool {
        let hash = (key_hash ^ u64::from(self.raw_seed)).wrapping_mul(REHASH_FACTOR);
        let start_slot = ((u128::from(hash) * u128::from(self.start_count)) >> 64) as u32;
        let product = hash.wrapping_mul(COEFFICIENT_AND_RESULT_FACTOR);
        let coefficients = (u128::from(product) << 64 | u128::from(product ^ COEFFICIENT_XOR)) | 1;
        let expected = product.swap_bytes() as u32;

        let start_block = start_slot / COEFFICIENT_BITS;
        let start_bit = start_slot % COEFFICIENT_BITS;
        let first = start_block as usize * self.column_count as usize
            - start_block.min(self.upper_start_block) as usize;
        let columns = self.column_count - u32::from(start_block < self.upper_start_block);
        let left = coefficients << start_bit;
        let right = coefficients.checked_shr(COEFFICIENT_BITS - start_bit).unwrap_or(0);
        for i in 0..columns {
            let mut row = segment(block, first + i as usize) & left;
            if start_bit != 0 {
                row ^= segment(block, first + (columns + i) as usize) & right;
            }
            if row.count_ones() & 1 != expected >> i & 1 {
                return false;
            }
        }
        true
    }
}

/// The seed that is mixed into hashes, from the one that counts attempts.
fn raw_seed(ordinal: u8) -> u32 {
    let mixed = u64::from(ordinal).wrapping_mul(SEED_FACTOR);
    (mixed ^ (mixed & SEED_MIX_MASK) >> 4) as u32
}

#[inline]
fn segment(block: &[u8], index: usize) -> u128 {
    let bytes = block.get(index * SEGMENT_LEN..).and_then(|b| b.first_chunk::<SEGMENT_LEN>());
    bytes.map_or(0, |b| u128::from_le_bytes(*b))
}
