//! DxHash (Dong and Wang, 2021): a key has a pseudo-random sequence of slots in a power-of-two table, the first slot that is
//! taken owns it. Any node may leave and come back; a lookup takes `size / nodes` probes on average.
//!
//! Nodes take vacant slots in the reverse order of leaving. A full table can be doubled with [`Dx::grow`], which moves keys,
//! since every sequence then runs over twice the slots; adding to a full table is therefore an error, never a silent move.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::algorithm::{Algorithm, salted_walk};
use crate::anchor::check_seating;
use crate::error::RingError;
use crate::hash::mix64;
use crate::limits::NODES_MAX;
use crate::members::{Members, NodeId};

/// DxHash over the owning nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dx {
    taken: Vec<u64>,
    owners: Vec<NodeId>,
    vacant: Vec<u32>,
    live: Vec<NodeId>,
}

impl Dx {
    /// The owning nodes in the order of the list, in a table of at least `capacity` slots (rounded up to a power of two).
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
        let size = capacity.max(1).next_power_of_two();
        let mut dx = Dx {
            taken: alloc::vec![0; size.div_ceil(64)],
            owners: alloc::vec![NodeId::new(u32::MAX); size],
            vacant: (0..size as u32).rev().collect(),
            live: Vec::with_capacity(live.len()),
        };
        for node in live {
            dx.add(node)?;
        }
        Ok(dx)
    }

    /// A node takes the slot that was left last.
    ///
    /// # Errors
    /// [`RingError::Capacity`] when every slot is taken.
    pub fn add(&mut self, node: NodeId) -> Result<(), RingError> {
        let capacity = self.owners.len();
        let slot = self.vacant.pop().ok_or(RingError::Capacity { nodes: capacity + 1, capacity })?;
        self.owners[slot as usize] = node;
        self.taken[slot as usize / 64] |= 1 << (slot % 64);
        self.live.push(node);
        Ok(())
    }

    /// A node leaves its slot.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`].
    pub fn remove(&mut self, node: NodeId) -> Result<(), RingError> {
        let held = |s: &usize| self.is_taken(*s as u32) && self.owners[*s] == node;
        let slot = (0..self.owners.len()).find(held).ok_or(RingError::UnknownNode)?;
        self.taken[slot / 64] &= !(1 << (slot % 64));
        self.owners[slot] = NodeId::new(u32::MAX);
        self.vacant.push(slot as u32);
        self.live.retain(|&n| n != node);
        Ok(())
    }

    /// Doubles the table. Keys move.
    ///
    /// # Errors
    /// [`RingError::Capacity`] beyond [`NODES_MAX`] slots.
    pub fn grow(&mut self) -> Result<(), RingError> {
        let size = self.owners.len() * 2;
        if size > NODES_MAX {
            return Err(RingError::Capacity { nodes: size, capacity: NODES_MAX });
        }
        let old = self.owners.len() as u32;
        self.owners.resize(size, NodeId::new(u32::MAX));
        self.taken.resize(size.div_ceil(64), 0);
        let left = core::mem::take(&mut self.vacant);
        self.vacant = (old..size as u32).rev().chain(left).collect();
        Ok(())
    }

    /// Who sits where, and the vacant slots in the order in which they were left.
    pub(crate) fn seating(&self) -> (Vec<Option<NodeId>>, &[u32]) {
        let seat = |s: usize| self.is_taken(s as u32).then_some(self.owners[s]);
        ((0..self.owners.len()).map(seat).collect(), &self.vacant)
    }

    /// The table of this seating.
    ///
    /// # Errors
    /// [`RingError::Corrupt`] (offset 0) unless the size is a power of two and `vacant` are exactly the slots without an
    /// owner.
    pub(crate) fn from_seating(owners: Vec<Option<NodeId>>, vacant: Vec<u32>) -> Result<Self, RingError> {
        check_seating(&owners, &vacant)?;
        if !owners.len().is_power_of_two() {
            return Err(RingError::Corrupt { at: 0, expected: "a table of a power of two" });
        }
        let mut taken = alloc::vec![0u64; owners.len().div_ceil(64)];
        for (slot, _) in owners.iter().enumerate().filter(|(_, owner)| owner.is_some()) {
            taken[slot / 64] |= 1 << (slot % 64);
        }
        let live = owners.iter().flatten().copied().collect();
        let owners = owners.into_iter().map(|n| n.unwrap_or(NodeId::new(u32::MAX))).collect();
        Ok(Dx { taken, owners, vacant, live })
    }

    /// Slots of the table.
    pub fn capacity(&self) -> usize {
        self.owners.len()
    }

    #[inline]
    fn is_taken(&self, slot: u32) -> bool {
        self.taken[slot as usize / 64] >> (slot % 64) & 1 == 1
    }
}

impl Algorithm for Dx {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        if self.live.is_empty() {
            return None;
        }
        let size = self.owners.len() as u64;
        let mut state = key;
        for _ in 0..size.saturating_mul(PROBES_PER_SLOT) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let slot = (mix64(state) & (size - 1)) as u32;
            if self.is_taken(slot) {
                return Some(self.owners[slot as usize]);
            }
        }
        self.live.first().copied()
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        salted_walk(self, &self.live, key, visit);
    }

    fn heap_bytes(&self) -> usize {
        self.taken.capacity() * 8 + self.owners.capacity() * 4
    }
}

/// With one slot taken, a sequence of 64 probes a slot misses it once in e^64 keys.
const PROBES_PER_SLOT: u64 = 64;
