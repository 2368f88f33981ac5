//! Pieces that were encoded before. Two tables of a fixed size: short pieces with up to three ids stand two in a cache line, longer ones
//! in an arena that begins anew when it is full. A newer piece takes an older one's place, so nothing grows.

use alloc::vec;
use alloc::vec::Vec;

use dolmen_simd::prefetch;

use crate::limits::{CACHE_ARENA_LEN, CACHE_LINES, CACHE_LONG_LEN, CACHE_PIECE_LEN_MAX};
use crate::table::load;

/// Longest piece of a short slot.
pub const SHORT_LEN_MAX: usize = 15;
/// Most ids of a short slot.
pub const SHORT_IDS_MAX: usize = 3;

/// A short piece: its bytes, its length in the upper byte of the second word. No piece has length 0.
pub type Key = [u64; 2];
/// The ids of a short piece: the first two, then the third and their count, which is 0 where the other table has them.
pub type Ids = [u64; 2];

/// A key that no piece has.
pub const NO_KEY: Key = [0, u64::MAX];

/// Two pieces of the same hash. A new one takes the second place; one that is met there again moves to the first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    keys: [Key; 2],
    ids: [Ids; 2],
}

impl Line {
    #[cold]
    #[inline(never)]
    fn second(&mut self, key: Key) -> Option<Ids> {
        if self.keys[1] != key {
            return None;
        }
        self.keys.swap(0, 1);
        self.ids.swap(0, 1);
        Some(self.ids[0])
    }
}

/// Both tables.
#[derive(Debug, Default)]
pub struct Cache {
    short: Vec<Line>,
    /// Hash, place in the arena, bytes, ids.
    long: Vec<[u32; 4]>,
    /// Bytes in words of four, then ids.
    arena: Vec<u32>,
}

/// The piece in 15 bytes and its length.
#[inline(always)]
pub fn short_key(text: &[u8], at: usize, len: usize) -> Key {
    if let Some(sixteen) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let word = u128::from_le_bytes(*sixteen);
        let mask = MASKS[len & SHORT_LEN_MAX];
        return [word as u64 & mask[0], (word >> 64) as u64 & mask[1] | (len as u64) << 56];
    }
    if len <= 8 {
        [load(text, at, len), (len as u64) << 56]
    } else {
        [load(text, at, 8), load(text, at + 8, len - 8) | (len as u64) << 56]
    }
}

/// The bytes of so many, in two words.
static MASKS: [[u64; 2]; 16] = {
    let mut masks = [[0; 2]; 16];
    let mut len = 1;
    while len < 16 {
        masks[len] =
            if len <= 8 { [u64::MAX >> (64 - 8 * len), 0] } else { [u64::MAX, u64::MAX >> (128 - 8 * len)] };
        len += 1;
    }
    masks
};

/// Where a key stands.
#[inline(always)]
pub fn short_slot(key: Key) -> usize {
    let mixed = key[0].wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key[1].wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    ((mixed ^ mixed >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (CACHE_LINES - 1)
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
        self.short = vec![Line::default(); CACHE_LINES];
        self.long = vec![[0; 4]; CACHE_LONG_LEN];
        self.arena.clear();
    }

    /// Brings the line of a short piece near.
    #[inline(always)]
    pub fn expect_short(&self, slot: usize) {
        prefetch::read(&self.short, slot);
    }

    /// The ids of a short piece, if they are known.
    #[inline(always)]
    pub fn short(&mut self, slot: usize, key: Key) -> Option<Ids> {
        let line = self.short.get_mut(slot)?;
        let [first, last] = line.keys[0];
        if (first ^ key[0]) | (last ^ key[1]) == 0 { Some(line.ids[0]) } else { line.second(key) }
    }

    /// Remembers a short piece; if it has many ids, only that the other table has them.
    pub fn put_short(&mut self, slot: usize, key: Key, ids: &[u32]) {
        let ids = if ids.len() > SHORT_IDS_MAX { &[] } else { ids };
        let id = |i: usize| u64::from(ids.get(i).copied().unwrap_or(0));
        if let Some(line) = self.short.get_mut(slot) {
            let place = usize::from(line.keys[0][1] != 0 && line.keys[0] != key);
            line.keys[place] = key;
            line.ids[place] = [id(0) | id(1) << 32, id(2) | (ids.len() as u64) << 32];
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

    fn kept_of(cache: &mut Cache, keys: [Key; 3]) -> [Option<u64>; 3] {
        keys.map(|key| cache.short(5, key).map(|ids| ids[0]))
    }

    /// At the end of a text as within it.
    #[test]
    fn keys_are_the_bytes_and_their_count() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for len in 1..=SHORT_LEN_MAX {
            let mut bytes = [0; 16];
            bytes[..len].copy_from_slice(&text[3..3 + len]);
            bytes[15] = len as u8;
            let word = u128::from_le_bytes(bytes);
            let wanted = [word as u64, (word >> 64) as u64];
            assert_eq!(short_key(text, 3, len), wanted);
            assert_eq!(short_key(&text[..3 + len], 3, len), wanted);
        }
    }

    #[test]
    fn what_was_put_in_comes_out_and_memory_stays_bounded() {
        let mut cache = Cache::default();
        let mut out = Vec::new();
        assert_eq!(cache.short(0, [b'a'.into(), 1 << 56]), None, "no memory yet");
        cache.reset();
        let text = b"the quick brown fox jumps over the lazy dog";
        for (at, len, ids, kept) in [
            (0, 3, &[1u32, 2, 3][..], [1 | 2 << 32, 3 | 3 << 32]),
            (4, 15, &[9], [9, 1 << 32]),
            (30, 13, &[7, 8], [7 | 8 << 32, 2 << 32]),
        ] {
            let key = short_key(text, at, len);
            assert_eq!(cache.short(short_slot(key), key), None);
            cache.put_short(short_slot(key), key, ids);
            assert_eq!(cache.short(short_slot(key), key), Some(kept));
        }
        let keys = [2, 3, 4].map(|len| short_key(text, 0, len));
        for (i, key) in keys.into_iter().enumerate() {
            cache.put_short(5, key, &[i as u32]);
        }
        assert_eq!(kept_of(&mut cache, keys), [Some(0), None, Some(2)], "the first and the newest");
        cache.put_short(5, keys[1], &[1]);
        assert_eq!(kept_of(&mut cache, keys), [None, Some(1), Some(2)], "the one that was met again stays");
        assert_eq!(cache.short(5, NO_KEY), None);
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
