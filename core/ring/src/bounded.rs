//! Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016): no node carries more than
//! `c` times its share; a key whose owner is full goes to the next node on the ring that is not.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::members::{Members, NodeId};
use crate::ring::Ring;

/// A ring whose nodes count what they carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounded {
    ring: Ring,
    /// By id: share of the total weight and load.
    seats: Vec<Seat>,
    total: u64,
    factor: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seat {
    share: f64,
    load: u64,
}

impl Bounded {
    /// Nobody carries anything yet. `factor` is the paper's c, at least 1.
    ///
    /// # Errors
    /// [`RingError::Option`] for a factor below 1, above 1,000 or not a number (given in thousandths).
    pub fn new(ring: Ring, members: &Members, factor: f64) -> Result<Self, RingError> {
        if !(1.0..=1000.0).contains(&factor) {
            let value = (factor * 1000.0) as u64;
            return Err(RingError::Option {
                name: "load factor in thousandths",
                value,
                min: 1000,
                max: 1_000_000,
            });
        }
        let mut seats = alloc::vec![Seat::default(); members.id_bound()];
        let total = members.total_weight();
        for (id, node) in members.owning() {
            seats[id.get() as usize].share = node.weight().get() / total;
        }
        Ok(Bounded { ring, seats, total: 0, factor })
    }

    /// Most keys that `node` may carry when `keys` are carried in all: ⌈c · keys · share⌉, which for equal weights is the
    /// paper's ⌈c·m/n⌉.
    pub fn capacity(&self, node: NodeId, keys: u64) -> u64 {
        let share = self.seats.get(node.get() as usize).map_or(0.0, |s| s.share);
        // The product of exact thirds and the like may end a hair above a whole number.
        libm::ceil(self.factor * keys as f64 * share - 1e-9) as u64
    }

    /// Gives the key to the first node on its walk that stays within its capacity, and counts it.
    ///
    /// # Errors
    /// [`RingError::EmptyRing`].
    pub fn assign(&mut self, key: u64) -> Result<NodeId, RingError> {
        let mut found = None;
        self.ring.walk(key, &mut |node| {
            if self.load(node) < self.capacity(node, self.total + 1) {
                found = Some(node);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        let node = found.ok_or(if self.ring.is_empty() { RingError::EmptyRing } else { RingError::Full })?;
        self.seats[node.get() as usize].load += 1;
        self.total += 1;
        Ok(node)
    }

    /// A key that `node` carried is gone.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`] when the node carries nothing.
    pub fn release(&mut self, node: NodeId) -> Result<(), RingError> {
        let seat =
            self.seats.get_mut(node.get() as usize).filter(|s| s.load > 0).ok_or(RingError::UnknownNode)?;
        seat.load -= 1;
        self.total -= 1;
        Ok(())
    }

    /// What a node carries.
    pub fn load(&self, node: NodeId) -> u64 {
        self.seats.get(node.get() as usize).map_or(0, |s| s.load)
    }

    /// What all nodes carry.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The ring below.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }
}
