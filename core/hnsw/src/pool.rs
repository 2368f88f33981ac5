//! What a walk needs besides the index: a sorted pool of candidates, marks of what was visited, heaps, and buffers. One a thread, reused
//! from search to search.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use dolmen_simd::sorted::{self, Entry, INFINITE, NEWCOMERS};

use crate::Level;

/// A node at a distance; ordered by distance, then id, so that equals have one order everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Distance, or an estimate of it.
    pub distance: f32,
    /// The slot.
    pub slot: u32,
}

impl Eq for Near {}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.slot.cmp(&other.slot))
    }
}

const OPEN: u32 = 1 << 31;

/// A sorted array of bounded length whose entries are open until they are expanded.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// Distance and slot, whose top bit says that the entry is open; from `len` on infinitely far, up to a whole group.
    entries: Vec<Entry>,
    len: usize,
    capacity: usize,
    /// The nearest open entry, or `len`.
    cursor: usize,
    /// What was offered and is not in its place yet.
    newcomers: [Entry; NEWCOMERS],
    offered: usize,
}

impl Default for Pool {
    fn default() -> Self {
        let newcomers = [INFINITE; NEWCOMERS];
        Pool { entries: Vec::new(), len: 0, capacity: 0, cursor: 0, newcomers, offered: 0 }
    }
}

impl Pool {
    pub fn reset(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        self.entries.clear();
        self.entries.resize(self.capacity.next_multiple_of(sorted::GROUP), INFINITE);
        (self.len, self.cursor, self.offered) = (0, 0, 0);
    }

    /// What a candidate must be below to enter.
    #[inline]
    pub fn bound(&self) -> f32 {
        f32::from_bits(self.entries[self.capacity - 1][0])
    }

    /// Takes a candidate that is below the bound; [`Pool::settle`] puts it in its place.
    #[inline]
    pub fn offer(&mut self, level: Level, distance: f32, slot: u32) {
        if self.offered == NEWCOMERS {
            self.settle(level);
        }
        self.newcomers[self.offered] = [distance.to_bits(), slot];
        self.offered += 1;
    }

    /// Puts what was offered in its place; what is beyond the capacity goes. Equals are ordered by their slots.
    pub fn settle(&mut self, level: Level) {
        let count = core::mem::take(&mut self.offered);
        if count == 0 {
            return;
        }
        let (mut found, mut order) = ([[0; 2]; NEWCOMERS], [0; NEWCOMERS]);
        self.newcomers[count..].fill(INFINITE);
        let used = self.len.next_multiple_of(sorted::GROUP);
        sorted::places(level, &self.entries[..used], &self.newcomers, count, &mut found);
        let mut taken = 0u64;
        for (at, [_, rank]) in found[..count].iter().enumerate() {
            taken |= 1 << rank;
            order[*rank as usize] = at;
        }
        if taken.count_ones() as usize != count {
            self.newcomers[..count].sort_unstable_by_key(|newcomer| near(*newcomer));
            sorted::places(level, &self.entries[..used], &self.newcomers, count, &mut found);
            order.iter_mut().enumerate().for_each(|(at, order)| *order = at);
        }
        let mut end = self.len;
        for (rank, nth) in order[..count].iter().enumerate().rev() {
            let newcomer = self.newcomers[*nth];
            let mut at = found[*nth][0] as usize;
            while at < self.len
                && self.entries[at][0] == newcomer[0]
                && self.entries[at][1] & !OPEN < newcomer[1]
            {
                at += 1;
            }
            // What stands between this newcomer and the next moves by as many as come before it.
            let to = at + rank + 1;
            if to < self.capacity && at < end {
                self.entries.copy_within(at..end.min(at + self.capacity - to), to);
            }
            if to <= self.capacity {
                self.entries[to - 1] = [newcomer[0], newcomer[1] | OPEN];
            }
            end = at;
        }
        self.len = (self.len + count).min(self.capacity);
        self.cursor = self.cursor.min(end);
    }

    /// The nearest open entry, which is closed by this.
    #[inline]
    pub fn pop(&mut self) -> Option<Near> {
        let at = self.cursor;
        if at >= self.len {
            return None;
        }
        self.entries[at][1] &= !OPEN;
        let open = self.entries[at..self.len].iter().position(|entry| entry[1] & OPEN != 0);
        self.cursor = open.map_or(self.len, |open| at + open);
        Some(near(self.entries[at]))
    }

    /// The nearest open entry.
    #[inline]
    pub fn peek(&self) -> Option<u32> {
        (self.cursor < self.len).then(|| self.entries[self.cursor][1] & !OPEN)
    }

    /// All entries, nearest first.
    pub fn entries(&self) -> impl Iterator<Item = Near> + '_ {
        self.entries[..self.len].iter().map(|entry| near([entry[0], entry[1] & !OPEN]))
    }
}

fn near(entry: Entry) -> Near {
    Near { distance: f32::from_bits(entry[0]), slot: entry[1] }
}

/// Keeps the nearest few of what it is given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Best {
    entries: Vec<Near>,
    capacity: usize,
}

impl Best {
    pub fn reset(&mut self, capacity: usize) {
        self.entries.clear();
        self.capacity = capacity.max(1);
    }

    #[inline]
    pub fn bound(&self) -> f32 {
        if self.entries.len() < self.capacity {
            f32::INFINITY
        } else {
            self.entries[self.entries.len() - 1].distance
        }
    }

    #[inline]
    pub fn insert(&mut self, near: Near) {
        if self.entries.len() == self.capacity {
            if self.entries.last().is_some_and(|last| near >= *last) {
                return;
            }
            self.entries.pop();
        }
        let at = self.entries.partition_point(|entry| *entry < near);
        self.entries.insert(at, near);
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entries(&self) -> &[Near] {
        &self.entries
    }
}

/// Marks of nodes, cleared in constant time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visited {
    marks: Vec<u16>,
    epoch: u16,
}

impl Visited {
    pub fn reset(&mut self, slots: usize) {
        if self.marks.len() < slots {
            self.marks.resize(slots, 0);
        }
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.marks.fill(0);
            self.epoch = 1;
        }
    }

    /// Marks a node; whether it was not marked before. `None` beyond the last slot.
    #[inline]
    pub fn insert(&mut self, slot: u32) -> Option<bool> {
        let mark = self.marks.get_mut(slot as usize)?;
        let fresh = *mark != self.epoch;
        *mark = self.epoch;
        Some(fresh)
    }

    #[inline]
    pub fn contains(&self, slot: u32) -> bool {
        self.marks.get(slot as usize).is_some_and(|mark| *mark == self.epoch)
    }

    /// Whether there is such a node, of this many, and it is not marked.
    #[inline]
    pub fn is_fresh(&self, slot: u32, slots: usize) -> bool {
        (slot as usize) < slots && self.marks.get(slot as usize).is_some_and(|mark| *mark != self.epoch)
    }
}

/// What was done for a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Distances that were computed exactly, or over codes.
    pub distances: u64,
    /// Distances that were only estimated from neighbours' codes.
    pub estimates: u64,
    /// Nodes whose links were followed.
    pub hops: u64,
}

/// Everything that a search needs and leaves behind for the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(crate) pool: Pool,
    pub(crate) best: Best,
    pub(crate) visited: Visited,
    pub(crate) heap: BinaryHeap<Reverse<Near>>,
    pub(crate) ids: Vec<u32>,
    pub(crate) distances: Vec<f32>,
    pub(crate) query: crate::score::Query,
    /// A slot that is not there for this search: a row that stands for a query must not find itself, nor by itself what is near.
    pub(crate) hidden: Option<u32>,
    /// The steps of the last search, where they are wanted.
    pub trace: Option<Vec<crate::walk::Step>>,
    /// Counts of the last search.
    pub stats: Stats,
}

impl Scratch {
    /// Empty; buffers grow on use.
    pub fn new() -> Self {
        Scratch::default()
    }

    /// Nothing is visited, but what is hidden.
    pub(crate) fn forget(&mut self, slots: usize) {
        self.visited.reset(slots);
        if let Some(slot) = self.hidden {
            self.visited.insert(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dolmen_base::rng::Rng;

    #[test]
    fn pool_keeps_the_nearest_and_closes_them_in_order() {
        let mut rng = Rng::new(1);
        let mut pool = Pool::default();
        pool.reset(8);
        let all: Vec<Near> = (0..100).map(|slot| Near { distance: rng.below(40) as f32, slot }).collect();
        for near in &all {
            if near.distance < pool.bound() {
                pool.offer(Level::best(), near.distance, near.slot);
            }
            if near.slot % 5 == 0 {
                pool.settle(Level::best());
            }
        }
        pool.settle(Level::best());
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(pool.entries().collect::<Vec<_>>(), sorted[..8]);
        let mut last = f32::MIN;
        while let Some(near) = pool.pop() {
            assert!(near.distance >= last);
            last = near.distance;
        }
        assert_eq!(pool.entries().count(), 8);
    }

    #[test]
    fn visited_survives_the_end_of_its_epochs() {
        let mut visited = Visited::default();
        for _ in 0..70_000 {
            visited.reset(3);
            assert_eq!(visited.insert(1), Some(true));
            assert_eq!(visited.insert(1), Some(false));
            assert_eq!(visited.insert(3), None);
            assert!(!visited.contains(2));
        }
    }
}
