//! Token allocation without replication (NoReplicationTokenAllocator): the most loaded units give the largest parts of their
//! largest ranges, so that a deterministic ring with few tokens is better balanced than a random one with many.
//!
//! Steps: (1) take units from the most loaded down, while each still lies above the average that it, those before it and the
//! new unit would share; (2) each gives parts of its largest ranges, an equal number per unit; (3) a part is the slice that
//! brings the unit to its target, between 10 % and 90 % of a range. Targets descend evenly from a little above that average
//! to a little below it, over a spread of 2 / (2·tokens + 1) of it, so that sizes never become all alike and the next
//! additions find ranges worth splitting. Equal weights go by the smaller id or token.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::arithmetic::{size, split};
use super::splits::generate_splits;
use crate::members::NodeId;

const TAKEOVER_MAX: f64 = 0.90;
const TAKEOVER_MIN: f64 = 1.0 - TAKEOVER_MAX;

/// A part of the circle that a unit owns, (start, token].
#[derive(Clone, Copy)]
struct Range {
    start: i64,
    token: i64,
}

impl Range {
    fn owned(self) -> f64 {
        size(self.start, self.token)
    }
}

/// Every unit's ranges, and the units by load; kept from one addition to the next, which touches the donors alone.
pub(super) struct Loads {
    /// By ascending token.
    ranges: BTreeMap<NodeId, Vec<Range>>,
    /// Ascending from the most loaded. Loads are positive, so their bits have their order.
    by_load: BTreeSet<(Reverse<u64>, NodeId)>,
}

impl Loads {
    pub(super) fn of(ring: &BTreeMap<i64, NodeId>) -> Self {
        let mut loads = Loads { ranges: BTreeMap::new(), by_load: BTreeSet::new() };
        let mut start = ring.last_key_value().map_or(0, |(&token, _)| token);
        for (&token, &node) in ring {
            loads.ranges.entry(node).or_default().push(Range { start, token });
            start = token;
        }
        loads.by_load = loads.ranges.iter().map(|(&node, ranges)| key(node, ranges)).collect();
        loads
    }

    /// Chooses `count` tokens for `node`, which has none yet, and inserts them into the ring of these loads.
    pub(super) fn add_unit(
        &mut self,
        ring: &mut BTreeMap<i64, NodeId>,
        node: NodeId,
        count: usize,
        seed: u64,
    ) -> Vec<i64> {
        if ring.is_empty() || count > ring.len() {
            let tokens = generate_splits(ring, node, count, seed);
            *self = Loads::of(ring);
            return tokens;
        }
        let (donors, average) = self.choose_donors(count);
        let coverage = ((count as f64 + 1.0) / (self.ranges.len() as f64 + 1.0)).min(1.0);
        let spread = average * coverage * 2.0 / (2 * count + 1) as f64;
        let mut target = average + spread / 2.0;
        let mut tokens = Vec::with_capacity(count);
        for (nth, &donor) in donors.iter().enumerate() {
            let share = count / donors.len() + usize::from(nth < count % donors.len());
            tokens.extend(cuts(&self.ranges[&donor], share, target));
            target -= spread / donors.len() as f64;
        }
        tokens.retain(|&token| ring.insert(token, node).is_none());
        let missing = count - tokens.len();
        if missing > 0 {
            // Units with fewer ranges than asked of them leave tokens over; they go where the largest ranges are.
            tokens.extend(generate_splits(ring, node, missing, seed));
            *self = Loads::of(ring);
        } else {
            self.take_over(&donors, node, &tokens);
        }
        tokens
    }

    /// The most loaded units that give, at least one, and the average that they and the new one reach.
    fn choose_donors(&self, count: usize) -> (Vec<NodeId>, f64) {
        let (mut sum, mut target) = (0.0, 0.0);
        let mut donors = Vec::with_capacity(count);
        for &(Reverse(bits), node) in self.by_load.iter().take(count) {
            let owned = f64::from_bits(bits);
            sum += owned;
            let average = sum / (donors.len() + 2) as f64;
            if owned <= average {
                break;
            }
            donors.push(node);
            target = average;
        }
        if donors.is_empty() {
            donors.extend(self.by_load.first().map(|unit| unit.1));
        }
        (donors, target)
    }

    /// Cuts the donors' ranges at the new unit's tokens, each of which lies in one of them.
    fn take_over(&mut self, donors: &[NodeId], node: NodeId, tokens: &[i64]) {
        let mut gained = Vec::with_capacity(tokens.len());
        for &donor in donors {
            let ranges = self.ranges.entry(donor).or_default();
            self.by_load.remove(&key(donor, ranges));
            for range in ranges.iter_mut() {
                let inside = |&&token: &&i64| size(range.start, token) < range.owned();
                if let Some(&token) = tokens.iter().find(inside) {
                    gained.push(Range { start: range.start, token });
                    range.start = token;
                }
            }
            self.by_load.insert(key(donor, ranges));
        }
        gained.sort_by_key(|range| range.token);
        self.by_load.insert(key(node, &gained));
        self.ranges.insert(node, gained);
    }
}

/// A unit's place in the order of loads, equal loads by the smaller id.
fn key(node: NodeId, ranges: &[Range]) -> (Reverse<u64>, NodeId) {
    let owned: f64 = ranges.iter().map(|range| range.owned()).sum();
    (Reverse(owned.to_bits()), node)
}

/// Tokens that cut so much off the `share` largest of these ranges that the rest comes to `target`.
fn cuts(ranges: &[Range], share: usize, target: f64) -> impl Iterator<Item = i64> {
    let excess = ranges.iter().map(|range| range.owned()).sum::<f64>() - target;
    let mut largest = ranges.to_vec();
    largest.sort_by(|a, b| b.owned().total_cmp(&a.owned()).then(a.token.cmp(&b.token)));
    largest.truncate(share);
    let work: f64 = largest.iter().map(|range| range.owned()).sum();
    let slice = if excess < work { (excess / work).clamp(TAKEOVER_MIN, TAKEOVER_MAX) } else { TAKEOVER_MAX };
    largest.into_iter().map(move |range| split(range.start, range.token, slice))
}
