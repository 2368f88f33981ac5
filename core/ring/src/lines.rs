//! A ring laid out for look-ups from memory: one cache line for each bucket.
//!
//! ```text
//! line, 64 bytes:  7 × u32 suffix: the 32 bits behind the bucket's, ascending     8 × u32 owner
//!                  the unused suffixes are u32::MAX, the unused owners the owner of the next point behind the bucket
//! ```
//! A lookup in [`Ring`] waits for memory twice where the arrays are larger than the caches: for the index, then for hashes and owners. Here it waits
//! once: the key's top bits choose the line, the points below the key's suffix are counted, and the owner stands at that count. An empty or passed bucket
//! needs no second line, since the next owner fills it up.
//!
//! What 32 bits do not tell apart (a suffix equal to the key's, and the 1 % of buckets with more than seven points) is asked of the ring, which is kept
//! beside: both always agree. It pays from about a thousand nodes of 160 points on, where a ring leaves the caches, and costs 64 bytes for about three
//! points. Below, the ring alone is as fast. A change makes the lines anew: hand out a [`LinedRing`] as a snapshot, and change the ring.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use dolmen_simd::prefetch::read;

use crate::algorithm::Algorithm;
use crate::members::NodeId;
use crate::ring::Ring;

/// Points of a line.
const POINTS: usize = 7;
/// Points that a line has in the mean; with three, one bucket of a hundred has more than seven.
const POINTS_MEAN: usize = 3;
/// In place of an owner: the ring knows.
const ASK: u32 = u32::MAX;
/// Keys whose memory waits overlap in a batch.
const BATCH: usize = 32;

/// A bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
struct Line {
    suffixes: [u32; POINTS],
    owners: [u32; POINTS + 1],
}

/// A ring with a cache line for each of its buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct LinedRing {
    ring: Ring,
    lines: Vec<Line>,
    bits: u32,
}

impl LinedRing {
    /// Lays out a ring. An empty one has no lines.
    pub fn new(ring: Ring) -> LinedRing {
        let bits = (ring.len() / POINTS_MEAN).max(1).next_power_of_two().ilog2();
        let mut lines = Vec::new();
        if !ring.is_empty() {
            lines.resize(1 << bits, Line { suffixes: [u32::MAX; POINTS], owners: [ASK; POINTS + 1] });
            // From the last bucket to the first, so that the owner behind each is known.
            let mut points = ring.points().rev().peekable();
            let mut next = ring.point(0).1;
            for (bucket, line) in lines.iter_mut().enumerate().rev() {
                let mut count = 0;
                let mut first = next;
                let mut held = [(0, next); POINTS];
                while let Some((hash, owner)) = points.next_if(|&(hash, _)| top(hash, bits) == bucket) {
                    if let Some(slot) = held.get_mut(count) {
                        *slot = (suffix(hash, bits), owner);
                    }
                    (count, first) = (count + 1, owner);
                }
                if count <= POINTS {
                    line.owners = [next.get(); POINTS + 1];
                    for (i, &(suffix, owner)) in held[..count].iter().rev().enumerate() {
                        (line.suffixes[i], line.owners[i]) = (suffix, owner.get());
                    }
                }
                next = first;
            }
        }
        LinedRing { ring, lines, bits }
    }

    /// The ring that it was made of.
    pub const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The ring, for a change.
    pub fn into_ring(self) -> Ring {
        self.ring
    }

    /// The owner of a key by its line; [`ASK`] if the line cannot tell.
    #[inline]
    fn by_line(&self, key: u64) -> u32 {
        let line = &self.lines[top(key, self.bits)];
        let suffix = suffix(key, self.bits);
        let below = line.suffixes.iter().fold(0, |count, &s| count + usize::from(s < suffix));
        let is_equal = line.suffixes.iter().fold(false, |equal, &s| equal | (s == suffix));
        if is_equal { ASK } else { line.owners[below] }
    }

    #[cold]
    fn ask(&self, key: u64) -> Option<NodeId> {
        self.ring.owner(key)
    }
}

impl Algorithm for LinedRing {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        if self.lines.is_empty() {
            return None;
        }
        match self.by_line(key) {
            ASK => self.ask(key),
            owner => Some(NodeId::new(owner)),
        }
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        self.ring.walk(key, visit);
    }

    fn owners(&self, keys: &[u64], out: &mut Vec<Option<NodeId>>) {
        out.clear();
        for group in keys.chunks(BATCH) {
            if !self.lines.is_empty() {
                group.iter().for_each(|&key| read(&self.lines, top(key, self.bits)));
            }
            out.extend(group.iter().map(|&key| self.owner(key)));
        }
    }

    fn heap_bytes(&self) -> usize {
        self.ring.heap_bytes() + self.lines.capacity() * size_of::<Line>()
    }
}

/// The bucket of a hash.
#[inline]
fn top(hash: u64, bits: u32) -> usize {
    hash.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}

/// The 32 bits behind the bucket's.
#[inline]
fn suffix(hash: u64, bits: u32) -> u32 {
    ((hash << bits) >> 32) as u32
}
