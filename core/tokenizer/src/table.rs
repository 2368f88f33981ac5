//! Two hash tables of a vocabulary: bytes → id, and pair of ids → merge. Both are flat arrays with linear probing, at most half full, so that
//! they can be mapped from a file. Empty slots hold 0.
//!
//! The key of up to seven bytes is those bytes and their count: equal keys are equal bytes. A longer one is a hash, and the bytes decide.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::LoadError;
use crate::limits::PROBES_MAX;

/// Longest text whose key is exact.
pub const EXACT_LEN_MAX: usize = 7;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Up to eight bytes as a little-endian number.
#[inline]
pub fn load(text: &[u8], at: usize, len: usize) -> u64 {
    if let Some(eight) = text.get(at..at + 8) {
        let word = u64::from_le_bytes([
            eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7],
        ]);
        return if len >= 8 { word } else { word & ((1 << (8 * len)) - 1) };
    }
    let mut word = 0;
    let bytes = text.get(at..(at + len.min(8)).min(text.len())).unwrap_or(&[]);
    for (i, &byte) in bytes.iter().enumerate() {
        word |= u64::from(byte) << (8 * i);
    }
    word
}

/// The key of `text[at..at + len]`.
#[inline]
pub fn key(text: &[u8], at: usize, len: usize) -> u64 {
    if len <= EXACT_LEN_MAX { load(text, at, len) | (len as u64) << 56 } else { long_key(text, at, len) }
}

fn long_key(text: &[u8], at: usize, len: usize) -> u64 {
    let mut hash = len as u64;
    let mut i = 0;
    while i < len {
        hash = fold(hash ^ load(text, at + i, len - i));
        i += 8;
    }
    hash | 1 << 63
}

/// A multiplication whose halves are mixed.
#[inline]
fn fold(x: u64) -> u64 {
    let wide = u128::from(x ^ 0xa076_1d64_78bd_642f) * u128::from(MULTIPLIER);
    (wide as u64) ^ (wide >> 64) as u64
}

/// Where the probe for a key begins.
#[inline]
fn slot(key: u64, seed: u64, mask: usize) -> usize {
    let mixed = (key ^ seed).wrapping_mul(MULTIPLIER);
    ((mixed ^ (mixed >> 32)).wrapping_mul(MULTIPLIER) >> 24) as usize & mask
}

/// A table as it is built: keys, and a value for each.
#[derive(Debug)]
pub struct Built<V> {
    /// Keys, 0 where the slot is empty.
    pub keys: Vec<u64>,
    /// Values.
    pub values: Vec<V>,
    /// What the keys were mixed with.
    pub seed: u64,
}

/// Slots for that many keys.
fn slots(count: usize) -> usize {
    (count * 2).max(8).next_power_of_two()
}

/// Builds a table of so many entries at most; of several equal ones (`same` decides, keys being equal) the first stays.
///
/// # Errors
/// [`LoadError::Limit`] if the keys collide as no chance could have it.
pub fn build<V: Copy + Default>(
    count: usize,
    entries: impl Iterator<Item = (u64, V)> + Clone,
    same: impl Fn(V, V) -> bool,
) -> Result<Built<V>, LoadError> {
    let len = slots(count);
    let mut seed = entries.clone().take(1000).fold(MULTIPLIER, |seed, (key, _)| fold(seed ^ key));
    for _ in 0..8 {
        if let Some((keys, values)) = try_build(entries.clone(), &same, len, seed) {
            return Ok(Built { keys, values, seed });
        }
        seed = fold(seed);
    }
    Err(LoadError::Limit {
        what: "probes in a table whose keys collide",
        found: PROBES_MAX as u64 + 1,
        max: PROBES_MAX as u64,
    })
}

fn try_build<V: Copy + Default>(
    entries: impl Iterator<Item = (u64, V)>,
    same: &impl Fn(V, V) -> bool,
    len: usize,
    seed: u64,
) -> Option<(Vec<u64>, Vec<V>)> {
    let (mut keys, mut values) = (vec![0u64; len], vec![V::default(); len]);
    for (key, value) in entries {
        let mut at = slot(key, seed, len - 1);
        let mut probes = 0;
        while keys[at] != 0 {
            if keys[at] == key && same(values[at], value) {
                break;
            }
            probes += 1;
            if probes > PROBES_MAX {
                return None;
            }
            at = (at + 1) & (len - 1);
        }
        if keys[at] == 0 {
            (keys[at], values[at]) = (key, value);
        }
    }
    Some((keys, values))
}

/// A table as it is used. The arrays have one length, a power of two with an empty slot.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, V> {
    keys: &'a [u64],
    values: &'a [V],
    seed: u64,
}

impl<'a, V: Copy> Table<'a, V> {
    /// A table over arrays of one length; `None` if that is no power of two, or if no slot is empty.
    pub fn new(keys: &'a [u64], values: &'a [V], seed: u64) -> Option<Self> {
        let sound = keys.len().is_power_of_two() && values.len() == keys.len() && keys.contains(&0);
        sound.then_some(Table { keys, values, seed })
    }

    /// The same without looking for an empty slot, for arrays that [`new`](Table::new) has seen.
    pub(crate) fn again(keys: &'a [u64], values: &'a [V], seed: u64) -> Self {
        Table { keys, values, seed }
    }

    /// The first value of the key that `is` accepts.
    #[inline]
    pub fn find(&self, key: u64, is: impl Fn(V) -> bool) -> Option<V> {
        let mask = self.keys.len().wrapping_sub(1);
        let mut at = slot(key, self.seed, mask);
        loop {
            let found = *self.keys.get(at)?;
            if found == key {
                let value = *self.values.get(at)?;
                if is(value) {
                    return Some(value);
                }
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_up_to_seven_bytes_are_the_bytes() {
        let text = b"abcdefghij";
        assert_eq!(key(text, 2, 3), u64::from_le_bytes(*b"cde\0\0\0\0\x03"));
        assert_eq!(key(text, 8, 2), key(b"ij", 0, 2), "at the end of the text");
        assert_ne!(key(b"a", 0, 1), key(b"a\0", 0, 2));
        assert_eq!(key(text, 1, 9), key(b"bcdefghij", 0, 9));
        assert_ne!(key(text, 0, 9), key(text, 1, 9));
    }

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let entries: Vec<(u64, u32)> = (1..5000u64).map(|i| (i * i, i as u32)).collect();
        let built = build(entries.len(), entries.iter().copied(), |_, _| true).unwrap();
        let table = Table::new(&built.keys, &built.values, built.seed).unwrap();
        for i in 1..30_000u64 {
            let root = (1..174).find(|r| r * r == i).map(|r| r as u32);
            assert_eq!(table.find(i, |_| true), root, "{i}");
        }
        assert_eq!(table.find(4999 * 4999, |_| true), Some(4999));
        assert!(Table::new(&[1, 2], &[0u32, 0], 0).is_none(), "no empty slot would be a loop without end");
    }
}
