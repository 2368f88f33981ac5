//! Pieces that were encoded before. Two tables of a fixed size: short pieces with up to three ids stand in one slot of 32 bytes, longer ones
//! in an arena that begins anew when it is full. A newer piece takes an older one's slot, so nothing grows.

use alloc::vec;
use alloc::vec::Vec;

use crate::limits::{CACHE_ARENA_LEN, CACHE_LONG_LEN, CACHE_PIECE_LEN_MAX, CACHE_SHORT_LEN};
use crate::table::load;

/// Longest piece of a short slot.
pub const SHORT_LEN_MAX: usize = 15;
/// Most ids of a short slot.
pub const SHORT_IDS_MAX: usize = 3;

/// Both tables.
#[derive(Debug, Default)]
pub struct Cache {
    /// The piece in 15 bytes and its length, then three ids and their count.
    short: Vec<[u64; 4]>,
    /// Hash, place in the arena, bytes, ids.
    long: Vec<[u32; 4]>,
    /// Bytes in words of four, then ids.
    arena: Vec<u32>,
}

/// The piece in 15 bytes and its length.
#[inline]
pub fn short_key(text: &[u8], at: usize, len: usize) -> (u64, u64) {
    if len <= 8 {
        (load(text, at, len), (len as u64) << 56)
    } else {
        (load(text, at, 8), load(text, at + 8, len - 8) | (len as u64) << 56)
    }
}

#[inline]
fn short_slot(key: (u64, u64)) -> usize {
    let mixed = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key.1.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    ((mixed ^ mixed >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (CACHE_SHORT_LEN - 1)
}

fn long_hash(text: &[u8], at: usize, len: usize) -> u64 {
    let mut hash = len as u64;
    let mut i = 0;
    while i < len {
        hash = (hash.rotate_left(25) ^ load(text, at + i, len - i)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        i += 8;
    }
    hash ^ hash >> 32
}

impl Cache {
    /// Forgets everything; the memory is made now if it was not before.
    pub fn reset(&mut self) {
        self.short = vec![[0; 4]; CACHE_SHORT_LEN];
        self.long = vec![[0; 4]; CACHE_LONG_LEN];
        self.arena.clear();
    }

    /// Appends the ids of a short piece and says whether it was known.
    #[inline]
    pub fn short(&self, key: (u64, u64), out: &mut Vec<u32>) -> bool {
        let Some(slot) = self.short.get(short_slot(key)) else { return false };
        if (slot[0], slot[1]) != key {
            return false;
        }
        let first = slot[2] as u32;
        let count = slot[3] >> 32;
        if count == 1 {
            out.push(first);
        } else {
            let ids = [first, (slot[2] >> 32) as u32, slot[3] as u32];
            out.extend_from_slice(&ids[..(count as usize).min(SHORT_IDS_MAX)]);
        }
        true
    }

    /// Remembers a short piece.
    #[inline]
    pub fn put_short(&mut self, key: (u64, u64), ids: &[u32]) {
        let id = |i: usize| u64::from(ids.get(i).copied().unwrap_or(0));
        if let Some(slot) = self.short.get_mut(short_slot(key)) {
            *slot = [key.0, key.1, id(0) | id(1) << 32, id(2) | (ids.len() as u64) << 32];
        }
    }

    /// Appends the ids of a longer piece and says whether it was known.
    pub fn long(&self, text: &[u8], at: usize, len: usize, out: &mut Vec<u32>) -> bool {
        let hash = long_hash(text, at, len);
        let Some(&[tag, place, bytes, count]) = self.long.get(hash as usize & (CACHE_LONG_LEN - 1)) else {
            return false;
        };
        if tag != (hash >> 32) as u32 || bytes as usize != len || len == 0 {
            return false;
        }
        let words = len.div_ceil(4);
        let place = place as usize;
        let Some(entry) = self.arena.get(place..place + words + count as usize) else { return false };
        let (kept, ids) = entry.split_at(words);
        let same = bytemuck::cast_slice::<u32, u8>(kept).get(..len) == text.get(at..at + len);
        if same {
            out.extend_from_slice(ids);
        }
        same
    }

    /// Remembers a longer piece, if it is short enough for that.
    pub fn put_long(&mut self, text: &[u8], at: usize, len: usize, ids: &[u32]) {
        let words = len.div_ceil(4);
        if len > CACHE_PIECE_LEN_MAX || len == 0 || words + ids.len() > CACHE_ARENA_LEN {
            return;
        }
        let Some(piece) = text.get(at..at + len) else { return };
        if self.arena.len() + words + ids.len() > CACHE_ARENA_LEN {
            self.arena.clear();
            self.long.fill([0; 4]);
        }
        let hash = long_hash(text, at, len);
        let Some(slot) = self.long.get_mut(hash as usize & (CACHE_LONG_LEN - 1)) else { return };
        *slot = [(hash >> 32) as u32, self.arena.len() as u32, len as u32, ids.len() as u32];
        for four in piece.chunks(4) {
            let mut word = [0; 4];
            word[..four.len()].copy_from_slice(four);
            self.arena.push(u32::from_ne_bytes(word));
        }
        self.arena.extend_from_slice(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_and_memory_stays_bounded() {
        let mut cache = Cache::default();
        let mut out = Vec::new();
        assert!(!cache.short(short_key(b"a", 0, 1), &mut out), "no memory yet");
        cache.reset();
        let text = b"the quick brown fox jumps over the lazy dog";
        for (at, len, ids) in [(0, 3, &[1u32, 2, 3][..]), (4, 15, &[9]), (0, 15, &[7, 8])] {
            cache.put_short(short_key(text, at, len), ids);
            out.clear();
            assert!(cache.short(short_key(text, at, len), &mut out));
            assert_eq!(out, ids);
        }
        assert!(!cache.short(short_key(text, 0, 4), &mut out));
        let ids: Vec<u32> = (0..1000).collect();
        for round in 0..3000usize {
            let mut piece = [b'x'; 100];
            piece[..8].copy_from_slice(&round.to_le_bytes());
            cache.put_long(&piece, 0, 100, &ids);
            out.clear();
            assert!(cache.long(&piece, 0, 100, &mut out));
            assert_eq!(out, ids);
            assert!(!cache.long(&piece, 0, 99, &mut out));
        }
        assert!(cache.arena.len() <= CACHE_ARENA_LEN);
        cache.put_long(&[0; 200], 0, 200, &[1]);
        assert!(!cache.long(&[0; 200], 0, 200, &mut out), "too long to be kept");
    }
}
