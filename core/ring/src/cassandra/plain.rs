//! Token allocation without replication (NoReplicationTokenAllocator): the most loaded units give the largest parts of their
//! largest ranges, so that a deterministic ring with few tokens is better balanced than a random one with many.
//!
//! Steps: (1) take units from the most loaded down, while each still lies above the average that it, those before it and the
//! new unit would share; (2) each gives parts of its largest ranges, an equal number per unit; (3) a part is the slice that
//! brings the unit to its target, between 10 % and 90 % of a range. Targets descend evenly from a little above that average
//! to a little below it, over a spread of 2 / (2·tokens + 1) of it, so that sizes never become all alike and the next
//! additions find ranges worth splitting. Equal weights go by the smaller id or token.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::arithmetic::{size, split};
use super::splits::generate_splits;
use crate::members::NodeId;

const TAKEOVER_MAX: f64 = 0.90;
const TAKEOVER_MIN: f64 = 1.0 - TAKEOVER_MAX;

struct Range {
    start: i64,
    token: i64,
    owned: f64,
}

struct Unit {
    node: NodeId,
    owned: f64,
    ranges: Vec<Range>,
}

/// Chooses `count` tokens for `node`, which has none yet, and inserts them.
pub(super) fn add_unit(ring: &mut BTreeMap<i64, NodeId>, node: NodeId, count: usize, seed: u64) -> Vec<i64> {
    if ring.is_empty() || count > ring.len() {
        return generate_splits(ring, node, count, seed);
    }
    let mut units = units_by_load(ring);
    let (donors, average) = choose_donors(&units, count);
    let coverage = ((count as f64 + 1.0) / (units.len() as f64 + 1.0)).min(1.0);
    let spread = average * coverage * 2.0 / (2 * count + 1) as f64;
    let mut target = average + spread / 2.0;
    let mut tokens = Vec::with_capacity(count);
    for (nth, unit) in units.iter_mut().take(donors).enumerate() {
        let share = count / donors + usize::from(nth < count % donors);
        unit.ranges.sort_by(|a, b| b.owned.total_cmp(&a.owned).then(a.token.cmp(&b.token)));
        let given = &unit.ranges[..share.min(unit.ranges.len())];
        let work: f64 = given.iter().map(|r| r.owned).sum();
        let excess = unit.owned - target;
        let slice =
            if excess < work { (excess / work).clamp(TAKEOVER_MIN, TAKEOVER_MAX) } else { TAKEOVER_MAX };
        tokens.extend(given.iter().map(|range| split(range.start, range.token, slice)));
        target -= spread / donors as f64;
    }
    tokens.retain(|&token| ring.insert(token, node).is_none());
    top_up(ring, node, count, seed, &mut tokens);
    tokens
}

/// Units with fewer ranges than asked of them leave tokens over; they go where the largest ranges are.
fn top_up(ring: &mut BTreeMap<i64, NodeId>, node: NodeId, count: usize, seed: u64, tokens: &mut Vec<i64>) {
    let missing = count.saturating_sub(tokens.len());
    if missing > 0 {
        tokens.extend(generate_splits(ring, node, missing, seed));
    }
}

fn units_by_load(ring: &BTreeMap<i64, NodeId>) -> Vec<Unit> {
    let mut units: BTreeMap<NodeId, Unit> = BTreeMap::new();
    let mut start = ring.last_key_value().map_or(0, |(&token, _)| token);
    for (&token, &node) in ring {
        let owned = size(start, token);
        let unit = units.entry(node).or_insert_with(|| Unit { node, owned: 0.0, ranges: Vec::new() });
        unit.owned += owned;
        unit.ranges.push(Range { start, token, owned });
        start = token;
    }
    let mut units: Vec<Unit> = units.into_values().collect();
    units.sort_by(|a, b| b.owned.total_cmp(&a.owned).then(a.node.cmp(&b.node)));
    units
}

/// How many of the most loaded units give, at least one, and the average that they and the new one reach.
fn choose_donors(units: &[Unit], count: usize) -> (usize, f64) {
    let (mut sum, mut donors, mut target) = (0.0, 0, 0.0);
    for unit in units.iter().take(count) {
        sum += unit.owned;
        let average = sum / (donors + 2) as f64;
        if unit.owned <= average {
            break;
        }
        donors += 1;
        target = average;
    }
    (donors.max(1), target)
}
