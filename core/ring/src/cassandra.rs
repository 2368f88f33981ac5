//! Cassandra's token ring: signed 64-bit tokens, ranges (previous, token], replicas by NetworkTopologyStrategy, tokens by
//! either allocator.
//!
//! Zones of [`Members`] are data centres, racks are racks. Sources: Apache Cassandra's `NetworkTopologyStrategy`,
//! `NoReplicationTokenAllocator`, `ReplicationAwareTokenAllocator`, `TokenAllocation` and `Murmur3Partitioner`.

mod arithmetic;
mod plain;
mod replicated;
mod splits;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::error::RingError;
use crate::members::{Members, NodeId};
use crate::ring::Ring;

pub use arithmetic::{midpoint, size, split};

/// Tokens and their nodes, in the ring's signed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenRing {
    tokens: BTreeMap<i64, NodeId>,
}

impl TokenRing {
    /// No tokens.
    pub fn new() -> Self {
        TokenRing::default()
    }

    /// Gives a token to a node; `false` when the token is taken and nothing changed.
    pub fn insert(&mut self, token: i64, node: NodeId) -> bool {
        match self.tokens.entry(token) {
            alloc::collections::btree_map::Entry::Vacant(place) => {
                place.insert(node);
                true
            }
            alloc::collections::btree_map::Entry::Occupied(_) => false,
        }
    }

    /// Takes all tokens of a node away; how many there were.
    pub fn remove(&mut self, node: NodeId) -> usize {
        let before = self.tokens.len();
        self.tokens.retain(|_, owner| *owner != node);
        before - self.tokens.len()
    }

    /// Tokens and owners, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, NodeId)> {
        self.tokens.iter().map(|(&token, &node)| (token, node))
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The node of the first token at or after this one.
    pub fn owner(&self, token: i64) -> Option<NodeId> {
        self.walk(token).next()
    }

    /// All tokens' nodes clockwise from the first token at or after this one, once around.
    pub fn walk(&self, token: i64) -> impl Iterator<Item = NodeId> {
        self.tokens.range(token..).chain(self.tokens.range(..token)).map(|(_, &node)| node)
    }

    /// The same ring as positions on the unsigned circle, for fast lookups.
    pub fn to_ring(&self) -> Ring {
        Ring::from_points(self.iter().map(|(token, node)| (position(token), node)).collect())
    }

    /// SimpleStrategy: the first `count` distinct nodes.
    pub fn simple_replicas(&self, token: i64, count: usize) -> Vec<NodeId> {
        let mut found = Vec::new();
        for node in self.walk(token) {
            if found.len() == count {
                break;
            }
            if !found.contains(&node) {
                found.push(node);
            }
        }
        found
    }

    /// NetworkTopologyStrategy: the replicas of a token for the replication factor of each data centre, in the order in which
    /// one walk around the ring accepts them.
    ///
    /// A node of a rack not yet met is taken; a node of a met rack only while its data centre has fewer racks than replicas,
    /// and then the first ones met fill the surplus.
    pub fn topology_replicas(&self, members: &Members, factors: &[(&str, usize)], token: i64) -> Vec<NodeId> {
        let mut centres: Vec<Centre<'_>> =
            factors.iter().filter_map(|&(name, factor)| self.centre(members, name, factor)).collect();
        let mut found: Vec<NodeId> = Vec::new();
        for id in self.walk(token) {
            if centres.iter().all(|c| c.left == 0) {
                break;
            }
            let Some(node) = members.get(id) else { continue };
            let Some(centre) = centres.iter_mut().find(|c| c.name == node.zone() && c.left > 0) else {
                continue;
            };
            let new_rack = !centre.racks.contains(&node.rack());
            if new_rack {
                centre.racks.push(node.rack());
            } else if centre.repeats > 0 && !found.contains(&id) {
                centre.repeats -= 1;
            } else {
                continue;
            }
            centre.left -= 1;
            found.push(id);
        }
        found
    }

    fn centre<'a>(&self, members: &Members, name: &'a str, factor: usize) -> Option<Centre<'a>> {
        let mut nodes: Vec<NodeId> = self.tokens.values().copied().collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|&id| members.get(id).is_some_and(|n| n.zone() == name));
        let mut racks: Vec<&str> = nodes.iter().filter_map(|&id| members.get(id)).map(|n| n.rack()).collect();
        racks.sort_unstable();
        racks.dedup();
        let left = factor.min(nodes.len());
        (left > 0).then(|| Centre {
            name,
            left,
            repeats: factor.saturating_sub(racks.len()),
            racks: Vec::new(),
        })
    }
}

/// What a data centre still needs during a walk.
struct Centre<'a> {
    name: &'a str,
    left: usize,
    repeats: usize,
    racks: Vec<&'a str>,
}

/// A token's place on the unsigned circle, in the same order.
pub const fn position(token: i64) -> u64 {
    token as u64 ^ (1 << 63)
}

/// How tokens for a new node are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Tokens of the new node.
    pub tokens: usize,
    /// Replication factor in its data centre.
    pub replicas: usize,
    /// Seed of the first token of an empty ring.
    pub seed: u64,
}

impl TokenRing {
    /// Chooses tokens for a node as `allocate_tokens_for_local_replication_factor` does, and inserts them.
    ///
    /// Replication factor 1: the whole data centre without replication. As many racks as replicas: every rack is a ring of
    /// its own without replication. More racks: racks are the groups of the replication-aware allocator. One rack: nodes are
    /// the groups.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`], [`RingError::Option`] for no tokens, [`RingError::TooFewRacks`] for 2 to RF − 1 racks.
    pub fn allocate(
        &mut self,
        members: &Members,
        node: NodeId,
        allocation: Allocation,
    ) -> Result<Vec<i64>, RingError> {
        let new = members.get(node).ok_or(RingError::UnknownNode)?;
        let Allocation { tokens, replicas, seed } = allocation;
        check_token_count(tokens)?;
        let mut racks: Vec<&str> =
            members.iter().filter(|(_, n)| n.zone() == new.zone()).map(|(_, n)| n.rack()).collect();
        racks.sort_unstable();
        racks.dedup();
        let own_rack = replicas > 1 && racks.len() == replicas;
        if replicas > 1 && racks.len() > 1 && racks.len() < replicas {
            return Err(RingError::TooFewRacks { racks: racks.len(), replicas });
        }
        let same_ring = |id: NodeId| {
            members.get(id).is_some_and(|n| n.zone() == new.zone() && (!own_rack || n.rack() == new.rack()))
        };
        let mut ring: BTreeMap<i64, NodeId> = self.iter().filter(|&(_, id)| same_ring(id)).collect();
        let chosen = if replicas <= 1 || own_rack {
            plain::Loads::of(&ring).add_unit(&mut ring, node, tokens, seed)
        } else if racks.len() > replicas {
            let group = |id: NodeId| {
                let rack = members.get(id).map_or("", |n| n.rack());
                racks.binary_search(&rack).unwrap_or(0)
            };
            replicated::add_unit(&mut ring, node, tokens, replicas, group, seed)
        } else {
            replicated::add_unit(&mut ring, node, tokens, replicas, |id| id.get() as usize, seed)
        };
        Ok(chosen.into_iter().map(|token| self.insert_beside(token, node)).collect())
    }

    /// [`TokenRing::allocate_all`] for one node after another, with the loads kept in between: 10,000 nodes take a tenth of a second
    /// instead of a minute.
    ///
    /// # Errors
    /// As [`TokenRing::allocate_all`]; the nodes before the refused one have their tokens.
    pub fn allocate_each(
        &mut self,
        members: &Members,
        nodes: impl IntoIterator<Item = NodeId>,
        allocation: Allocation,
    ) -> Result<(), RingError> {
        check_token_count(allocation.tokens)?;
        let mut loads = plain::Loads::of(&self.tokens);
        for node in nodes {
            members.get(node).ok_or(RingError::UnknownNode)?;
            loads.add_unit(&mut self.tokens, node, allocation.tokens, allocation.seed);
        }
        Ok(())
    }

    /// Chooses tokens without replication over the whole ring, whatever the zones, and inserts them.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`], [`RingError::Option`] for no tokens.
    pub fn allocate_all(
        &mut self,
        members: &Members,
        node: NodeId,
        allocation: Allocation,
    ) -> Result<Vec<i64>, RingError> {
        members.get(node).ok_or(RingError::UnknownNode)?;
        check_token_count(allocation.tokens)?;
        Ok(plain::Loads::of(&self.tokens).add_unit(
            &mut self.tokens,
            node,
            allocation.tokens,
            allocation.seed,
        ))
    }

    /// Inserts a token, one further when another data centre or rack has it.
    fn insert_beside(&mut self, mut token: i64, node: NodeId) -> i64 {
        while !self.insert(token, node) {
            token = token.wrapping_add(1);
        }
        token
    }
}

fn check_token_count(tokens: usize) -> Result<(), RingError> {
    if (1..=TOKENS_MAX).contains(&tokens) {
        return Ok(());
    }
    let (value, max) = (tokens as u64, TOKENS_MAX as u64);
    Err(RingError::Option { name: "tokens per node", value, min: 1, max })
}

/// Cassandra's own use stays at 256; more would only slow the allocator down.
const TOKENS_MAX: usize = 4096;
