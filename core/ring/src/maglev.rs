//! Maglev (Eisenbud et al., 2016): a table of a prime number of slots that nodes fill in turn, each along its own
//! permutation; a lookup is one remainder and one read.
//!
//! Steps of the build: (1) a node's permutation is `offset + j·skip mod M`, from two hashes of its name; (2) in rounds, each
//! node takes the next free slot of its permutation; (3) with weights, a node sits out the rounds in which
//! `round · weight < target`, and every slot it takes raises its target by the largest weight (Envoy's rule). Only the next
//! position is kept of a permutation, 24 bytes a node, and the table holds `ceil(log2 nodes)` bits a slot.
//!
//! Removing a node moves a few keys between others: Maglev trades that for balance (peak within 1 % at 100 slots a node).

use alloc::vec::Vec;
use core::ops::ControlFlow;

use xxhash_rust::xxh64::xxh64;

use crate::algorithm::{Algorithm, salted_walk};
use crate::error::RingError;
use crate::limits::MAGLEV_SIZE_MAX;
use crate::members::{Members, NodeId};

/// In which order the nodes take their turns; ties for a slot go to the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnOrder {
    /// By name, so that the order of the list does not matter. The default.
    Name,
    /// As listed: the paper's. Envoy does so too, with a list that it has sorted by key.
    List,
}

/// A filled Maglev table.
#[derive(Clone, Debug, PartialEq)]
pub struct Maglev {
    slots: PackedSlots,
    live: Vec<NodeId>,
}

impl Maglev {
    /// A table of `size` slots over the owning nodes, hashed and weighted as Envoy does: XXH64 of the name with seed 0 for the
    /// offset, with seed 1 for the skip.
    ///
    /// # Errors
    /// [`RingError::NotPrime`], [`RingError::Option`] for a size outside 2 to [`MAGLEV_SIZE_MAX`], [`RingError::Capacity`]
    /// for more nodes than slots.
    pub fn new(members: &Members, size: u32, order: TurnOrder) -> Result<Self, RingError> {
        check_size(size)?;
        let owning = |(id, node): (NodeId, &crate::members::Node)| {
            let name = node.name().as_bytes();
            let turn = Turn::new(xxh64(name, 0), xxh64(name, 1), node.weight().get(), size);
            (!node.weight().is_zero()).then_some((id, turn))
        };
        let (mut live, turns): (Vec<_>, Vec<_>) = match order {
            TurnOrder::Name => members.by_name().filter_map(owning).unzip(),
            TurnOrder::List => members.iter().filter_map(owning).unzip(),
        };
        if live.len() > size as usize {
            return Err(RingError::Capacity { nodes: live.len(), capacity: size as usize });
        }
        live.shrink_to_fit();
        Ok(Maglev { slots: fill(turns, size), live })
    }

    /// Which node (its place among [`Maglev::live`]) owns slot `slot`.
    #[inline]
    pub fn slot(&self, slot: u32) -> u32 {
        self.slots.get(slot as usize)
    }

    /// Slots of the table.
    pub fn size(&self) -> u32 {
        self.slots.len as u32
    }

    /// The nodes in the order of their turns.
    pub fn live(&self) -> &[NodeId] {
        &self.live
    }

    /// Slots of every node, in the order of [`Maglev::live`].
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = alloc::vec![0; self.live.len()];
        if !self.live.is_empty() {
            for slot in 0..self.size() {
                counts[self.slot(slot) as usize] += 1;
            }
        }
        counts
    }

    /// Envoy's key for retry `attempt`: attempt 0 is the key itself.
    pub const fn retry_key(key: u64, attempt: u32) -> u64 {
        if attempt == 0 { key } else { key ^ (!0 - attempt as u64 + 1) }
    }
}

impl Algorithm for Maglev {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        if self.live.is_empty() {
            return None;
        }
        Some(self.live[self.slots.get(self.slots.remainder(key)) as usize])
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        salted_walk(self, &self.live, key, visit);
    }

    fn heap_bytes(&self) -> usize {
        self.slots.words.capacity() * 8 + self.live.capacity() * 4
    }
}

/// One node's progress along its permutation.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    next: u32,
    skip: u32,
    weight: f64,
    target: f64,
}

impl Turn {
    /// From two hashes of a node's name.
    pub fn new(offset_hash: u64, skip_hash: u64, weight: f64, size: u32) -> Self {
        let m = u64::from(size);
        Turn { next: (offset_hash % m) as u32, skip: (skip_hash % (m - 1)) as u32 + 1, weight, target: 0.0 }
    }
}

/// Fills a table of `size` slots (a prime) with these turns; slots hold places in the list.
pub fn fill(mut turns: Vec<Turn>, size: u32) -> PackedSlots {
    let mut slots = PackedSlots::new(size as usize, turns.len());
    let mut free = alloc::vec![!0u64; (size as usize).div_ceil(64)];
    let total: f64 = turns.iter().map(|t| t.weight).sum();
    for turn in &mut turns {
        turn.weight /= total;
    }
    let heaviest = turns.iter().fold(0.0, |max: f64, t| max.max(t.weight));
    let mut left = if turns.is_empty() { 0 } else { size };
    let mut round = 0.0;
    while left > 0 {
        round += 1.0;
        for (node, turn) in turns.iter_mut().enumerate() {
            if round * turn.weight < turn.target {
                continue;
            }
            turn.target += heaviest;
            while free[turn.next as usize / 64] >> (turn.next % 64) & 1 == 0 {
                turn.next = (turn.next + turn.skip) % size;
            }
            free[turn.next as usize / 64] &= !(1 << (turn.next % 64));
            slots.set(turn.next as usize, node as u32);
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    slots
}

/// Small numbers, each in as many bits as the largest needs.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedSlots {
    words: Vec<u64>,
    len: usize,
    bits: u32,
    /// ⌊(2^64 − 1) / len⌋: a division by it is a multiplication.
    reciprocal: u64,
}

impl PackedSlots {
    /// `len` zeros with room for numbers below `count`.
    fn new(len: usize, count: usize) -> Self {
        let bits = usize::BITS - count.saturating_sub(1).max(1).leading_zeros();
        // One word behind the end, so that a read may always take two.
        let words = alloc::vec![0; (len * bits as usize).div_ceil(64) + 1];
        PackedSlots { words, len, bits, reciprocal: u64::MAX / len.max(1) as u64 }
    }

    /// `key` modulo the number of slots, after Barrett: the quotient by the reciprocal is right or one too small.
    #[inline]
    fn remainder(&self, key: u64) -> usize {
        let quotient = ((u128::from(key) * u128::from(self.reciprocal)) >> 64) as u64;
        let rest = key - quotient * self.len as u64;
        rest.min(rest.wrapping_sub(self.len as u64)) as usize
    }

    fn set(&mut self, index: usize, value: u32) {
        let at = index * self.bits as usize;
        let (word, shift) = (at / 64, at % 64);
        let wide = u128::from(value) << shift;
        self.words[word] |= wide as u64;
        self.words[word + 1] |= (wide >> 64) as u64;
    }

    /// The number at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> u32 {
        let at = index * self.bits as usize;
        let (word, shift) = (at / 64, at % 64);
        let wide = u128::from(self.words[word]) | u128::from(self.words[word + 1]) << 64;
        (wide >> shift) as u32 & ((1u64 << self.bits) - 1) as u32
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The smallest prime that is at least `size`, within the limit.
///
/// # Errors
/// [`RingError::Option`] when it would exceed [`MAGLEV_SIZE_MAX`].
pub fn prime_at_least(size: u32) -> Result<u32, RingError> {
    let found = (size.max(2)..=MAGLEV_SIZE_MAX).find(|&n| is_prime(n));
    found.ok_or(RingError::Option {
        name: "Maglev table size",
        value: u64::from(size),
        min: 2,
        max: u64::from(MAGLEV_SIZE_MAX),
    })
}

fn check_size(size: u32) -> Result<(), RingError> {
    if !(2..=MAGLEV_SIZE_MAX).contains(&size) {
        let (value, max) = (u64::from(size), u64::from(MAGLEV_SIZE_MAX));
        return Err(RingError::Option { name: "Maglev table size", value, min: 2, max });
    }
    if is_prime(size) { Ok(()) } else { Err(RingError::NotPrime { size: u64::from(size) }) }
}

fn is_prime(n: u32) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

#[cfg(test)]
mod tests {
    use dolmen_base::Rng;

    use super::PackedSlots;

    #[test]
    fn the_remainder_is_the_remainder() {
        let mut rng = Rng::new(6);
        for len in [2, 3, 7, 65_537, 1_000_003, 16_777_213] {
            let slots = PackedSlots::new(len, 2);
            let multiples = (0..200).map(|_| rng.next_u64() / len as u64 * len as u64);
            let edges =
                multiples.flat_map(|m| [m, m.wrapping_sub(1), m + 1]).chain([0, u64::MAX, u64::MAX - 1]);
            for key in edges.collect::<alloc::vec::Vec<_>>() {
                assert_eq!(slots.remainder(key) as u64, key % len as u64, "{key} by {len}");
            }
        }
    }
}
