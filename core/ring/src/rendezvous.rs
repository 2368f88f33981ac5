//! Rendezvous hashing (highest random weight, Thaler and Ravishankar, 1996): every node draws a score for the key, the
//! highest wins. Weighted, the score is `-weight / ln(u)` (the logarithm method), so that a change of one weight moves keys
//! only to or from that node.
//!
//! Invariant: nodes stand in the order of their names and a later one wins only by a higher score, so equal scores go to the
//! smaller name.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::ControlFlow;

use dolmen_simd::mix::{Level, Weighted, unit};
use xxhash_rust::xxh3::xxh3_64;

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::hash::mix64;
use crate::members::{Members, NodeId};

/// Unweighted rendezvous hashing.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendezvous {
    seeds: Vec<u64>,
    ids: Vec<NodeId>,
}

impl Rendezvous {
    /// The owning nodes.
    ///
    /// # Errors
    /// [`RingError::WeightsDiffer`].
    pub fn new(members: &Members) -> Result<Self, RingError> {
        members.check_equal_weights()?;
        let (seeds, ids, _) = columns(members);
        Ok(Rendezvous { seeds, ids })
    }

    /// A node's score for a key.
    #[inline]
    pub fn score(key: u64, seed: u64) -> u64 {
        mix64(key ^ seed)
    }
}

impl Algorithm for Rendezvous {
    fn owner(&self, key: u64) -> Option<NodeId> {
        Some(self.ids[Level::best().highest(key, &self.seeds)?])
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        visit_by_score(&self.ids, self.seeds.iter().map(|&s| Self::score(key, s)), u64::cmp, visit);
    }

    fn heap_bytes(&self) -> usize {
        self.seeds.capacity() * 8 + self.ids.capacity() * 4
    }
}

/// Weighted rendezvous hashing.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedRendezvous {
    seeds: Vec<u64>,
    ids: Vec<NodeId>,
    weights: Vec<f64>,
}

impl WeightedRendezvous {
    /// The owning nodes with their weights.
    pub fn new(members: &Members) -> Self {
        let (seeds, ids, weights) = columns(members);
        WeightedRendezvous { seeds, ids, weights }
    }

    /// A node's score: `-weight / ln(u)`, u the key's and node's number in (0, 1). `libm`'s logarithm is the same on every
    /// machine.
    #[inline]
    pub fn score(key: u64, seed: u64, weight: f64) -> f64 {
        -weight / libm::log(unit(mix64(key ^ seed)))
    }

    fn scores(&self, key: u64) -> impl Iterator<Item = f64> {
        self.seeds.iter().zip(&self.weights).map(move |(&seed, &weight)| Self::score(key, seed, weight))
    }
}

impl Algorithm for WeightedRendezvous {
    fn owner(&self, key: u64) -> Option<NodeId> {
        let (level, nodes) = (Level::best(), Weighted { seeds: &self.seeds, weights: &self.weights });
        let (mut best, mut owner, mut from) = (0.0, None, 0);
        // Logarithms only for those who may win, a handful of any number: -ln u is at least 1 - u. A hair below, so that rounding
        // hides no winner.
        while let Some(at) = level.next_above(key, nodes, from, best * (1.0 - 1e-9)) {
            let score = Self::score(key, self.seeds[at], self.weights[at]);
            if score > best {
                (best, owner) = (score, Some(self.ids[at]));
            }
            from = at + 1;
        }
        owner
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        visit_by_score(&self.ids, self.scores(key), f64::total_cmp, visit);
    }

    fn heap_bytes(&self) -> usize {
        self.seeds.capacity() * 8 + self.ids.capacity() * 4 + self.weights.capacity() * 8
    }
}

fn columns(members: &Members) -> (Vec<u64>, Vec<NodeId>, Vec<f64>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (id, node) in members.by_name().filter(|(_, n)| !n.weight().is_zero()) {
        columns.0.push(xxh3_64(node.name().as_bytes()));
        columns.1.push(id);
        columns.2.push(node.weight().get());
    }
    columns
}

fn visit_by_score<S: Copy>(
    ids: &[NodeId],
    scores: impl Iterator<Item = S>,
    order: impl Fn(&S, &S) -> Ordering,
    visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>,
) {
    let mut ranked: Vec<(S, NodeId)> = scores.zip(ids.iter().copied()).collect();
    ranked.sort_by(|a, b| order(&b.0, &a.0));
    for (_, id) in ranked {
        if visit(id).is_break() {
            return;
        }
    }
}
