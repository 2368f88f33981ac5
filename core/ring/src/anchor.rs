//! AnchorHash (Mendelson et al., 2020), in its small form of 8 bytes a bucket: any node may leave and come back, minimal
//! movement always, within a capacity fixed at the start.
//!
//! `a[b]` is 0 for a working bucket, else the number of working buckets right after `b` left; `k[b]` is the bucket that stood
//! last in the working set at that moment and took b's place. Lookup: hash into all buckets; while the bucket has left, hash
//! again into the set as it was after b left, following `k` to the buckets that were alive then.
//! Buckets come back in the reverse order of leaving (`vacant` is a stack), which restores both arrays exactly.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::algorithm::{Algorithm, salted_walk};
use crate::error::RingError;
use crate::hash::mix64;
use crate::limits::NODES_MAX;
use crate::members::{Members, NodeId};

/// AnchorHash over the owning nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchor {
    a: Vec<u32>,
    k: Vec<u32>,
    owners: Vec<NodeId>,
    vacant: Vec<u32>,
    live: Vec<NodeId>,
}

impl Anchor {
    /// The owning nodes in the order of the list, with room for `capacity` nodes in all.
    ///
    /// # Errors
    /// [`RingError::WeightsDiffer`], [`RingError::Capacity`] when the nodes exceed it.
    pub fn new(members: &Members, capacity: usize) -> Result<Self, RingError> {
        members.check_equal_weights()?;
        let live: Vec<NodeId> = members.owning().map(|(id, _)| id).collect();
        if live.len() > capacity || capacity > NODES_MAX {
            return Err(RingError::Capacity {
                nodes: live.len().max(capacity),
                capacity: capacity.min(NODES_MAX),
            });
        }
        let working = live.len() as u32;
        let all = 0..capacity as u32;
        let mut owners = live.clone();
        owners.resize(capacity, NodeId::new(u32::MAX));
        Ok(Anchor {
            a: all.clone().map(|b| if b < working { 0 } else { b }).collect(),
            k: all.collect(),
            owners,
            vacant: (working..capacity as u32).rev().collect(),
            live,
        })
    }

    /// A node joins in the bucket that left last.
    ///
    /// # Errors
    /// [`RingError::Capacity`] when every bucket is taken.
    pub fn add(&mut self, node: NodeId) -> Result<(), RingError> {
        let capacity = self.a.len();
        let bucket = self.vacant.pop().ok_or(RingError::Capacity { nodes: capacity + 1, capacity })?;
        self.a[bucket as usize] = 0;
        self.k[bucket as usize] = bucket;
        self.owners[bucket as usize] = node;
        self.live.push(node);
        Ok(())
    }

    /// A node leaves.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`].
    pub fn remove(&mut self, node: NodeId) -> Result<(), RingError> {
        let working = self.live.len() as u32;
        let held = |b: usize| self.a[b] == 0 && self.owners[b] == node && !self.live.is_empty();
        let bucket = (0..self.a.len()).find(|&b| held(b)).ok_or(RingError::UnknownNode)?;
        let stand_in = self.translate(working - 1, working);
        self.k[bucket] = stand_in;
        self.a[bucket] = working - 1;
        self.owners[bucket] = NodeId::new(u32::MAX);
        self.vacant.push(bucket as u32);
        self.live.retain(|&n| n != node);
        Ok(())
    }

    /// Who sits where, and the vacant buckets in the order in which they left.
    pub(crate) fn seating(&self) -> (Vec<Option<NodeId>>, &[u32]) {
        let seat = |b: usize| (self.a[b] == 0 && !self.live.is_empty()).then_some(self.owners[b]);
        ((0..self.a.len()).map(|b| seat(b).filter(|n| n.get() != u32::MAX)).collect(), &self.vacant)
    }

    /// The arrays of this seating: all buckets work, then the vacant ones leave in their order.
    ///
    /// # Errors
    /// [`RingError::Corrupt`] (offset 0) unless `vacant` are exactly the buckets without an owner.
    pub(crate) fn from_seating(owners: Vec<Option<NodeId>>, vacant: Vec<u32>) -> Result<Self, RingError> {
        check_seating(&owners, &vacant)?;
        let mut anchor = Anchor {
            a: alloc::vec![0; owners.len()],
            k: (0..owners.len() as u32).collect(),
            owners: owners.iter().map(|n| n.unwrap_or(NodeId::new(u32::MAX))).collect(),
            vacant: Vec::new(),
            live: owners.iter().flatten().copied().collect(),
        };
        for (gone, &bucket) in vacant.iter().enumerate() {
            let working = (owners.len() - gone) as u32;
            anchor.k[bucket as usize] = anchor.translate(working - 1, working);
            anchor.a[bucket as usize] = working - 1;
        }
        anchor.vacant = vacant;
        Ok(anchor)
    }

    /// Nodes that fit in all.
    pub fn capacity(&self) -> usize {
        self.a.len()
    }

    /// Where bucket `h` of the set of `view` working buckets stands now.
    #[inline]
    fn translate(&self, mut h: u32, view: u32) -> u32 {
        while self.a[h as usize] >= view {
            h = self.k[h as usize];
        }
        h
    }
}

impl Algorithm for Anchor {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        if self.live.is_empty() {
            return None;
        }
        let mut bucket = reduce(mix64(key), self.a.len() as u32);
        loop {
            let view = self.a[bucket as usize];
            if view == 0 {
                return Some(self.owners[bucket as usize]);
            }
            let again = mix64(key ^ u64::from(bucket + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            bucket = self.translate(reduce(again, view), view);
        }
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        salted_walk(self, &self.live, key, visit);
    }

    fn heap_bytes(&self) -> usize {
        (self.a.capacity() + self.k.capacity() + self.owners.capacity()) * 4
    }
}

/// Every bucket has an owner or is vacant, once.
pub(crate) fn check_seating(owners: &[Option<NodeId>], vacant: &[u32]) -> Result<(), RingError> {
    let mut sorted: Vec<u32> = vacant.to_vec();
    sorted.sort_unstable();
    let empty = owners.iter().zip(0u32..).filter(|(owner, _)| owner.is_none()).map(|(_, b)| b);
    if empty.eq(sorted) {
        Ok(())
    } else {
        Err(RingError::Corrupt { at: 0, expected: "vacant seats listed once" })
    }
}

/// A number below `count` from the upper half of the hash, by multiply and shift.
#[inline]
fn reduce(hash: u64, count: u32) -> u32 {
    (((hash >> 32) * u64::from(count)) >> 32) as u32
}
