//! What a placement does, measured: exact arcs, balance, movement, disruption of replicas.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::RingError;
use crate::members::{Members, NodeId};
use crate::placement::{Placement, first_distinct};
use crate::ring::Ring;

/// Length of the whole circle.
pub const CIRCLE: u128 = 1 << 64;

/// The part (after, upto] of the circle, `after == upto` being all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc {
    /// The position before its first.
    pub after: u64,
    /// Its last position.
    pub upto: u64,
}

impl Arc {
    /// How many positions it has.
    pub fn len(self) -> u128 {
        match self.upto.wrapping_sub(self.after) {
            0 => CIRCLE,
            len => u128::from(len),
        }
    }

    /// An arc is never empty.
    pub fn is_empty(self) -> bool {
        false
    }

    /// Whether it holds this position.
    pub fn contains(self, position: u64) -> bool {
        u128::from(position.wrapping_sub(self.after).wrapping_sub(1)) < self.len()
    }
}

/// Every arc of a ring with its owner, ascending; points that share a position with an earlier one own nothing.
pub fn arcs(ring: &Ring) -> Vec<(Arc, NodeId)> {
    let mut arcs: Vec<(Arc, NodeId)> = Vec::with_capacity(ring.len());
    let mut points = ring.points();
    let Some((last, _)) = points.next_back() else { return arcs };
    let mut after = last;
    for (upto, owner) in ring.points() {
        if upto != after || arcs.is_empty() {
            arcs.push((Arc { after, upto }, owner));
        }
        after = upto;
    }
    arcs
}

/// Positions that every node owns, by id, exact; their sum is [`CIRCLE`] unless the ring is empty.
pub fn arc_shares(ring: &Ring, members: &Members) -> Vec<(NodeId, u128)> {
    let mut owned = alloc::vec![0u128; members.id_bound()];
    for (arc, owner) in arcs(ring) {
        if let Some(sum) = owned.get_mut(owner.get() as usize) {
            *sum += arc.len();
        }
    }
    members.iter().map(|(id, _)| (id, owned[id.get() as usize])).collect()
}

/// Loads against fair shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Balance {
    /// Largest load over its fair share.
    pub peak: f64,
    /// Smallest load over its fair share.
    pub min: f64,
    /// The 99th percentile of load over fair share (nearest rank).
    pub p99: f64,
    /// Standard deviation of load over fair share.
    pub deviation: f64,
    /// Pearson's χ² of the loads, with one degree of freedom less than nodes.
    pub chi_square: f64,
}

/// Balance of loads whose fair shares are proportional to `weights` (above zero, as many).
///
/// # Errors
/// [`RingError::EmptyRing`] without loads.
pub fn balance(loads: &[f64], weights: &[f64]) -> Result<Balance, RingError> {
    let (total, weight): (f64, f64) = (loads.iter().sum(), weights.iter().sum());
    if loads.is_empty() || loads.len() != weights.len() || total <= 0.0 || weight <= 0.0 {
        return Err(RingError::EmptyRing);
    }
    let fair: Vec<f64> = weights.iter().map(|w| w / weight * total).collect();
    let mut ratios: Vec<f64> = loads.iter().zip(&fair).map(|(load, fair)| load / fair).collect();
    ratios.sort_by(f64::total_cmp);
    let n = ratios.len();
    let rank = (n * 99).div_ceil(100).max(1);
    let mean = ratios.iter().sum::<f64>() / n as f64;
    let variance = ratios.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / n as f64;
    Ok(Balance {
        peak: ratios[n - 1],
        min: ratios[0],
        p99: ratios[rank - 1],
        deviation: libm::sqrt(variance),
        chi_square: loads.iter().zip(&fair).map(|(load, fair)| (load - fair) * (load - fair) / fair).sum(),
    })
}

/// Balance of a placement over keys, by node weights.
///
/// # Errors
/// [`RingError::EmptyRing`].
pub fn balance_of_keys(placement: &Placement, keys: &[u64]) -> Result<Balance, RingError> {
    let mut owners = Vec::new();
    placement.algorithm().owners(keys, &mut owners);
    let mut counts = alloc::vec![0.0; placement.members().id_bound()];
    for owner in owners.into_iter().flatten() {
        counts[owner.get() as usize] += 1.0;
    }
    let (loads, weights): (Vec<f64>, Vec<f64>) =
        placement.members().owning().map(|(id, n)| (counts[id.get() as usize], n.weight().get())).unzip();
    balance(&loads, &weights)
}

/// Exact balance of a ring's arcs, by node weights.
///
/// # Errors
/// [`RingError::EmptyRing`].
pub fn balance_of_arcs(ring: &Ring, members: &Members) -> Result<Balance, RingError> {
    let (loads, weights): (Vec<f64>, Vec<f64>) = arc_shares(ring, members)
        .into_iter()
        .filter_map(|(id, share)| Some((share, members.get(id)?)))
        .filter(|(_, node)| !node.weight().is_zero())
        .map(|(share, node)| (share as f64, node.weight().get()))
        .unzip();
    balance(&loads, &weights)
}

/// What a change moved, in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Movement {
    /// Keys that were looked at.
    pub keys: u64,
    /// Keys whose owner changed.
    pub moved: u64,
    /// The share of keys that moves when loads follow the weights before and after; a ring whose points lie unevenly may move less.
    pub ideal: f64,
    /// Keys that moved between two nodes which the change does not concern.
    pub over_moved: u64,
}

impl Movement {
    /// Share of keys that moved.
    pub fn moved_share(&self) -> f64 {
        self.moved as f64 / self.keys.max(1) as f64
    }
}

/// Movement of these keys between two placements of the same hash; nodes are matched by name.
///
/// # Errors
/// [`RingError::NotDecimal`] for a key that the hash refuses.
pub fn movement<'k>(
    before: &Placement,
    after: &Placement,
    keys: impl IntoIterator<Item = &'k [u8]>,
) -> Result<Movement, RingError> {
    let change = Change::between(before.members(), after.members());
    let mut report = Movement { ideal: change.ideal, ..Movement::default() };
    for key in keys {
        let old = before.algorithm().owner(before.key(key)?).map_or("", |id| before.members().name(id));
        let new = after.algorithm().owner(after.key(key)?).map_or("", |id| after.members().name(id));
        report.keys += 1;
        if old != new {
            report.moved += 1;
            report.over_moved += u64::from(!change.concerns(old) && !change.concerns(new));
        }
    }
    Ok(report)
}

/// Whose weight changed, and what that moves when loads follow weights.
struct Change {
    concerned: BTreeMap<String, ()>,
    ideal: f64,
}

impl Change {
    fn between(before: &Members, after: &Members) -> Self {
        let totals = [before, after].map(|members| members.total_weight().max(f64::MIN_POSITIVE));
        let share = |members: &Members, total: f64, name: &str| {
            let weight = members.find(name).and_then(|id| members.get(id)).map_or(0.0, |n| n.weight().get());
            (weight, weight / total)
        };
        let mut concerned = BTreeMap::new();
        let mut ideal = 0.0;
        for (_, node) in before.iter().chain(after.iter()) {
            let name = node.name();
            let ((old, old_share), (new, new_share)) =
                (share(before, totals[0], name), share(after, totals[1], name));
            let first_visit = after.find(name).is_none() || before.find(name).is_none();
            ideal += (new_share - old_share).max(0.0) * if first_visit { 1.0 } else { 0.5 };
            if old != new || first_visit {
                concerned.insert(name.to_string(), ());
            }
        }
        Change { concerned, ideal }
    }

    fn concerns(&self, name: &str) -> bool {
        name.is_empty() || self.concerned.contains_key(name)
    }
}

/// What a change did to replica lists of `count` nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disruption {
    /// Keys that were looked at.
    pub keys: u64,
    /// Keys with at least one new replica.
    pub touched: u64,
    /// Replicas that must be copied, over all keys.
    pub copies: u64,
    /// Keys of whose old replicas at most half are left.
    pub quorum_lost: u64,
}

/// Disruption of these keys' replica lists; nodes are matched by name.
///
/// # Errors
/// [`RingError::NotDecimal`].
pub fn disruption<'k>(
    before: &Placement,
    after: &Placement,
    keys: impl IntoIterator<Item = &'k [u8]>,
    count: usize,
) -> Result<Disruption, RingError> {
    let mut report = Disruption::default();
    for key in keys {
        let old = first_distinct(before.algorithm(), before.key(key)?, count);
        let new = first_distinct(after.algorithm(), after.key(key)?, count);
        let old_names: Vec<&str> = old.iter().map(|&id| before.members().name(id)).collect();
        let kept = new.iter().filter(|&&id| old_names.contains(&after.members().name(id))).count();
        let fresh = (new.len() - kept) as u64;
        report.keys += 1;
        report.copies += fresh;
        report.touched += u64::from(fresh > 0);
        report.quorum_lost += u64::from(kept * 2 <= old.len());
    }
    Ok(report)
}

/// A part of the circle that changes hands; nodes by their ids in the two member lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedArc {
    /// Which positions.
    pub arc: Arc,
    /// Who owned it, an id of the old members.
    pub from: NodeId,
    /// Who owns it, an id of the new members.
    pub to: NodeId,
}

/// All parts of the circle whose owner (by name) changes from one ring to another, exact, ascending by their end; neighbours
/// that move between the same two nodes are one.
pub fn moved_arcs(before: (&Ring, &Members), after: (&Ring, &Members)) -> Vec<MovedArc> {
    let mut ends: Vec<u64> = before.0.points().chain(after.0.points()).map(|(p, _)| p).collect();
    ends.sort_unstable();
    ends.dedup();
    let mut moved: Vec<MovedArc> = Vec::new();
    let Some(&last) = ends.last() else { return moved };
    if before.0.is_empty() || after.0.is_empty() {
        return moved;
    }
    let mut start = last;
    for &end in &ends {
        let (_, from) = before.0.point(before.0.successor(end));
        let (_, to) = after.0.point(after.0.successor(end));
        if before.1.name(from) != after.1.name(to) {
            match moved.last_mut() {
                Some(prev) if prev.arc.upto == start && prev.from == from && prev.to == to => {
                    prev.arc.upto = end
                }
                _ => moved.push(MovedArc { arc: Arc { after: start, upto: end }, from, to }),
            }
        }
        start = end;
    }
    moved
}
