//! What a walk needs besides the index: a sorted pool of candidates, marks of what was visited, heaps, and buffers. One a thread, reused
//! from search to search.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

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

/// Entries whose distances are compared at once.
const GROUP: usize = 16;
/// Groups up to which all are compared; of more, the group is searched first.
const GROUPS_COMPARED: usize = 8;

/// A sorted array of bounded length whose entries are open until they are expanded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    /// Sorted; infinite from `len` on, up to a whole group.
    distances: Vec<f32>,
    /// The top bit says that the entry is open.
    slots: Vec<u32>,
    len: usize,
    capacity: usize,
    /// The nearest open entry, or `len`.
    cursor: usize,
}

impl Pool {
    pub fn reset(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        let room = self.capacity.next_multiple_of(GROUP);
        self.distances.clear();
        self.distances.resize(room, f32::INFINITY);
        self.slots.resize(room, 0);
        (self.len, self.cursor) = (0, 0);
    }

    /// What a candidate must be below to enter.
    #[inline]
    pub fn bound(&self) -> f32 {
        self.distances[self.capacity - 1]
    }

    /// How many entries are nearer. Comparing all of few costs less than the branches of a search that nothing predicts.
    #[inline]
    fn place(&self, distance: f32) -> usize {
        let (groups, _) = self.distances.as_chunks::<GROUP>();
        let used = self.len.div_ceil(GROUP);
        let below =
            |group: &[f32; GROUP]| group.iter().map(|one| u32::from(*one < distance)).sum::<u32>() as usize;
        if used <= GROUPS_COMPARED {
            return groups[..used].iter().map(below).sum();
        }
        let whole = groups[..used].partition_point(|group| group[GROUP - 1] < distance);
        whole * GROUP + groups.get(whole).map_or(0, below)
    }

    /// Puts an open entry in its place; the worst of a full pool goes.
    #[inline]
    pub fn insert(&mut self, distance: f32, slot: u32) {
        let enters = distance < self.bound();
        if !enters {
            return;
        }
        let mut at = self.place(distance);
        while at < self.len && self.distances[at] == distance && self.slots[at] & !OPEN < slot {
            at += 1;
        }
        let end = self.len.min(self.capacity - 1);
        self.distances.copy_within(at..end, at + 1);
        self.slots.copy_within(at..end, at + 1);
        self.distances[at] = distance;
        self.slots[at] = slot | OPEN;
        self.len = end + 1;
        self.cursor = self.cursor.min(at);
    }

    /// The nearest open entry, which is closed by this.
    #[inline]
    pub fn pop(&mut self) -> Option<Near> {
        let at = self.cursor;
        if at >= self.len {
            return None;
        }
        self.slots[at] &= !OPEN;
        let open = self.slots[at..self.len].iter().position(|slot| *slot & OPEN != 0);
        self.cursor = open.map_or(self.len, |open| at + open);
        Some(Near { distance: self.distances[at], slot: self.slots[at] })
    }

    /// The nearest open entry.
    #[inline]
    pub fn peek(&self) -> Option<u32> {
        (self.cursor < self.len).then(|| self.slots[self.cursor] & !OPEN)
    }

    /// All entries, nearest first.
    pub fn entries(&self) -> impl Iterator<Item = Near> + '_ {
        let all = self.distances[..self.len].iter().zip(&self.slots[..self.len]);
        all.map(|(distance, slot)| Near { distance: *distance, slot: slot & !OPEN })
    }
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
            pool.insert(near.distance, near.slot);
        }
        let mut sorted = all.clone();
        sorted.sort();
        let worst = sorted[7].distance;
        assert!(pool.entries().all(|near| near.distance <= worst));
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
