//! Which keys are there and when they expire, for keys that were lately changed or looked up: most writes then need not look into the
//! store. Exact for what it holds, because every change passes through it; it forgets whatever it likes.
//!
//! ```text
//! set of four tags (16 bits of the hash each, 0 = free) ──▶ four lines of 64 bytes: expiry 8 │ slot 1 │ length 1 │ state 1 │ key 53
//! ```

use alloc::vec::Vec;

use crate::limits::{RECENT_KEY_LEN_MAX, RECENT_KEYS};

/// Whether a key is there, and its expiry.
pub type Presence = Option<Option<i64>>;

const WAYS: usize = 4;
const LINE_LEN: usize = 64;
const KEY_AT: usize = LINE_LEN - RECENT_KEY_LEN_MAX;

const GONE: u8 = 0;
const LASTING: u8 = 1;
const EXPIRING: u8 = 2;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Empty until the first key comes.
    tags: Vec<[u16; WAYS]>,
    lines: Vec<u8>,
    /// Which way of a full set is given up next.
    turn: usize,
}

impl Recent {
    fn place(&self, hash: u64) -> (usize, u16) {
        let set = (hash as usize) & (RECENT_KEYS / WAYS - 1);
        (set, ((hash >> 48) as u16).max(1))
    }

    fn find(&self, hash: u64, slot: u8, key: &[u8]) -> Option<(usize, usize)> {
        let (set, tag) = self.place(hash);
        let tags = self.tags.get(set)?;
        (0..WAYS).filter(|&way| tags[way] == tag).find_map(|way| {
            let line = &self.lines[(set * WAYS + way) * LINE_LEN..][..LINE_LEN];
            let same =
                line[8] == slot && usize::from(line[9]) == key.len() && line[KEY_AT..].starts_with(key);
            same.then_some((set, way))
        })
    }

    /// What is known of a key.
    pub fn get(&self, hash: u64, slot: u8, key: &[u8]) -> Option<Presence> {
        if key.len() > RECENT_KEY_LEN_MAX {
            return None;
        }
        let (set, way) = self.find(hash, slot, key)?;
        let line = &self.lines[(set * WAYS + way) * LINE_LEN..][..LINE_LEN];
        let at = i64::from_le_bytes(line[..8].try_into().ok()?);
        Some(match line[10] {
            GONE => None,
            LASTING => Some(None),
            _ => Some(Some(at)),
        })
    }

    /// Notes what a key is now.
    pub fn put(&mut self, hash: u64, slot: u8, key: &[u8], presence: Presence) {
        if key.len() > RECENT_KEY_LEN_MAX {
            return;
        }
        if self.tags.is_empty() {
            self.tags = alloc::vec![[0; WAYS]; RECENT_KEYS / WAYS];
            self.lines = alloc::vec![0; RECENT_KEYS * LINE_LEN];
        }
        let (set, way) = self.find(hash, slot, key).unwrap_or_else(|| {
            let (set, _) = self.place(hash);
            let free = self.tags[set].iter().position(|tag| *tag == 0);
            self.turn = self.turn.wrapping_add(1);
            (set, free.unwrap_or(self.turn % WAYS))
        });
        self.tags[set][way] = self.place(hash).1;
        let line = &mut self.lines[(set * WAYS + way) * LINE_LEN..][..LINE_LEN];
        line[..8].copy_from_slice(&presence.flatten().unwrap_or(0).to_le_bytes());
        line[8] = slot;
        line[9] = key.len() as u8;
        line[10] = match presence {
            None => GONE,
            Some(None) => LASTING,
            Some(Some(_)) => EXPIRING,
        };
        line[KEY_AT..KEY_AT + key.len()].copy_from_slice(key);
    }

    /// Forgets a key.
    pub fn forget(&mut self, hash: u64, slot: u8, key: &[u8]) {
        if let Some((set, way)) = self.find(hash, slot, key) {
            self.tags[set][way] = 0;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.tags.fill([0; WAYS]);
    }

    /// Bytes of memory, touched or not.
    #[cfg(test)]
    fn weight(&self) -> usize {
        self.lines.len() + self.tags.len() * WAYS * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_it_knows_is_true() {
        let mut rng = dolmen_base::Rng::new(9);
        let (mut recent, mut all) = (Recent::default(), BTreeMap::new());
        let mut known = 0;
        assert_eq!(recent.weight(), 0);
        for step in 0..300_000u64 {
            // Few hashes, so that sets overflow and tags meet.
            let (slot, id) = (rng.below(3) as u8, rng.below(400));
            let key =
                alloc::vec![b'k'; (id % 60) as usize].into_iter().chain(id.to_le_bytes()).collect::<Vec<_>>();
            let hash = id % 7 * 0x0001_0000_0000_0001;
            match rng.below(5) {
                0 => {
                    let presence = [None, Some(None), Some(Some(step as i64))][rng.below(3) as usize];
                    recent.put(hash, slot, &key, presence);
                    all.insert((slot, key), presence);
                }
                1 if rng.one_in(50) => recent.forget(hash, slot, &key),
                2 if rng.one_in(10_000) => recent.clear(),
                _ => {
                    if let Some(found) = recent.get(hash, slot, &key) {
                        assert_eq!(Some(&found), all.get(&(slot, key)));
                        known += 1;
                    }
                }
            }
        }
        assert!(known > 1000, "{known}");
    }
}
