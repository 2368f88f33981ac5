//! Redis Cluster's slots: CRC-16 of the key, or of its hash tag, in 14 bits.
//!
//! The hash tag is the text between the first `{` and the first `}` behind it, if it is not empty. Source: Redis Cluster
//! specification, "Key distribution model".

use alloc::vec::Vec;
use core::ops::{ControlFlow, RangeInclusive};

use crate::algorithm::{Algorithm, salted_walk};
use crate::error::RingError;
use crate::hash::crc16;
use crate::members::{Members, NodeId};

dolmen_base::id_type! {
    /// A Redis Cluster slot, 0 to 16,383.
    pub struct Slot(u16);
}

/// Slots of a cluster.
pub const SLOT_COUNT: u16 = 16_384;

/// The part of a key that is hashed.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else { return key };
    let behind = &key[open + 1..];
    match behind.iter().position(|&b| b == b'}') {
        Some(close) if close > 0 => &behind[..close],
        _ => key,
    }
}

/// The slot of a key.
pub fn key_slot(key: &[u8]) -> Slot {
    Slot::new(crc16(hash_tag(key)) % SLOT_COUNT)
}

/// Who serves which slot, and the replicas of each range.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotMap {
    owner: Vec<Option<NodeId>>,
    replicas: Vec<(RangeInclusive<u16>, Vec<NodeId>)>,
    live: Vec<NodeId>,
}

impl SlotMap {
    /// Equal ranges in the order of the list, cut as `redis-cli --cluster create` cuts them.
    ///
    /// # Errors
    /// [`RingError::WeightsDiffer`], [`RingError::Capacity`] for more nodes than slots.
    pub fn even(members: &Members) -> Result<Self, RingError> {
        members.check_equal_weights()?;
        let live: Vec<NodeId> = members.owning().map(|(id, _)| id).collect();
        if live.len() > usize::from(SLOT_COUNT) {
            return Err(RingError::Capacity { nodes: live.len(), capacity: usize::from(SLOT_COUNT) });
        }
        let mut map = SlotMap::empty();
        let per_node = f64::from(SLOT_COUNT) / live.len().max(1) as f64;
        let (mut first, mut cursor) = (0u16, 0.0);
        for (i, &node) in live.iter().enumerate() {
            let cut = libm::round(cursor + per_node - 1.0) as u16;
            let last = if i + 1 == live.len() { SLOT_COUNT - 1 } else { cut.max(first) };
            map.assign(first..=last, node);
            cursor += per_node;
            first = last.saturating_add(1);
        }
        map.live = live;
        Ok(map)
    }

    /// Nobody serves anything.
    pub fn empty() -> Self {
        SlotMap { owner: alloc::vec![None; usize::from(SLOT_COUNT)], replicas: Vec::new(), live: Vec::new() }
    }

    /// Gives a range of slots, which must lie below [`SLOT_COUNT`], to a node.
    pub fn assign(&mut self, slots: RangeInclusive<u16>, node: NodeId) {
        for slot in slots {
            self.owner[usize::from(slot)] = Some(node);
        }
        if !self.live.contains(&node) {
            self.live.push(node);
        }
    }

    /// Notes the replicas of a range.
    pub fn set_replicas(&mut self, slots: RangeInclusive<u16>, nodes: Vec<NodeId>) {
        self.replicas.push((slots, nodes));
    }

    /// Who serves a slot; slots beyond the last wrap.
    pub fn owner_of(&self, slot: Slot) -> Option<NodeId> {
        self.owner[usize::from(slot.get() % SLOT_COUNT)]
    }
}

/// A key's number is its slot.
impl Algorithm for SlotMap {
    fn owner(&self, key: u64) -> Option<NodeId> {
        self.owner_of(Slot::new((key % u64::from(SLOT_COUNT)) as u16))
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        let slot = (key % u64::from(SLOT_COUNT)) as u16;
        let Some(owner) = self.owner(key) else { return };
        let noted =
            self.replicas.iter().filter(|(range, _)| range.contains(&slot)).flat_map(|(_, nodes)| nodes);
        for &node in core::iter::once(&owner).chain(noted) {
            if visit(node).is_break() {
                return;
            }
        }
        salted_walk(self, &self.live, key, visit);
    }

    fn heap_bytes(&self) -> usize {
        self.owner.capacity() * size_of::<Option<NodeId>>() + self.live.capacity() * 4
    }
}
