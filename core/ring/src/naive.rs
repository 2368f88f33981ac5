//! The plain twins that judge the clever code: each says in a few lines what its algorithm means, without an index, a table
//! of bits or a change in place.

use alloc::vec::Vec;

use crate::hash::{HashFunction, mix64};
use crate::members::{Members, NodeId};
use crate::ring::point_count;

/// All points of a ring as (position, name), sorted; the owner of a key is the first one at or after it.
pub fn ring_owner(members: &Members, hash: HashFunction, vnodes: u32, key: u64) -> Option<NodeId> {
    let mut points = Vec::new();
    for (id, node) in members.iter() {
        for i in 0..point_count(node.weight(), vnodes) {
            let label = alloc::format!("{}-{i}", node.name());
            points.push((hash.position(label.as_bytes()).ok()?, node.name(), id));
        }
    }
    points.sort_unstable();
    let at_or_after = points.iter().find(|p| p.0 >= key);
    at_or_after.or(points.first()).map(|p| p.2)
}

/// Maglev by whole permutations: every node's list of slots is written out, weights by Envoy's rule.
pub fn maglev(names_and_weights: &[(&str, f64)], size: u32) -> Vec<usize> {
    let m = u64::from(size);
    let permutation = |name: &str| {
        let offset = xxhash_rust::xxh64::xxh64(name.as_bytes(), 0) % m;
        let skip = xxhash_rust::xxh64::xxh64(name.as_bytes(), 1) % (m - 1) + 1;
        (0..m).map(move |j| ((offset + j * skip) % m) as usize).collect::<Vec<_>>()
    };
    let mut lists: Vec<_> = names_and_weights.iter().map(|(name, _)| permutation(name).into_iter()).collect();
    let total: f64 = names_and_weights.iter().map(|n| n.1).sum();
    let weights: Vec<f64> = names_and_weights.iter().map(|n| n.1 / total).collect();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    let mut targets = alloc::vec![0.0; weights.len()];
    let mut table = alloc::vec![None; size as usize];
    let mut round = 0.0;
    while table.contains(&None) {
        round += 1.0;
        for node in 0..lists.len() {
            if round * weights[node] < targets[node] || !table.contains(&None) {
                continue;
            }
            targets[node] += heaviest;
            let free = lists[node].find(|&slot| table[slot].is_none());
            if let Some(slot) = free {
                table[slot] = Some(node);
            }
        }
    }
    table.into_iter().flatten().collect()
}

/// The node of the highest score, names breaking ties.
pub fn rendezvous_owner(members: &Members, key: u64) -> Option<NodeId> {
    let score = |name: &str| mix64(key ^ xxhash_rust::xxh3::xxh3_64(name.as_bytes()));
    let best = members
        .owning()
        .max_by(|(_, a), (_, b)| score(a.name()).cmp(&score(b.name())).then(b.name().cmp(a.name())));
    best.map(|(id, _)| id)
}

/// AnchorHash as the paper's sets: a key is hashed into the set as it stood before each removal, back from the whole
/// capacity, and settles in the first bucket that works. `removed` lists the vacant buckets as they left.
pub fn anchor_bucket(capacity: u32, removed: &[u32], key: u64) -> u32 {
    let mut set: Vec<u32> = (0..capacity).collect();
    let reduce = |hash: u64, count: usize| (((hash >> 32) * count as u64) >> 32) as usize;
    let mut bucket = set[reduce(mix64(key), set.len())];
    let mut when = 0;
    while let Some(at) = removed[when..].iter().position(|&r| r == bucket) {
        for &gone in &removed[when..=when + at] {
            let place = set.iter().position(|&b| b == gone).expect("a bucket leaves once");
            set[place] = set[set.len() - 1];
            set.pop();
        }
        when += at + 1;
        let again = mix64(key ^ u64::from(bucket + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bucket = set[reduce(again, set.len())];
    }
    bucket
}

/// NetworkTopologyStrategy with its sets and counters spelled out, one data centre object each, as the Java has it.
pub fn topology_replicas(
    ring: &[(i64, NodeId)],
    members: &Members,
    factors: &[(&str, i64)],
    token: i64,
) -> Vec<NodeId> {
    let mut left: Vec<i64> = Vec::new();
    let mut repeats: Vec<i64> = Vec::new();
    for &(centre, factor) in factors {
        let mut nodes: Vec<NodeId> = ring.iter().map(|p| p.1).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|&id| members.get(id).is_some_and(|n| n.zone() == centre));
        let mut racks: Vec<&str> = nodes.iter().filter_map(|&id| Some(members.get(id)?.rack())).collect();
        racks.sort_unstable();
        racks.dedup();
        left.push(factor.min(nodes.len() as i64));
        repeats.push(factor - racks.len() as i64);
    }
    let mut replicas: Vec<NodeId> = Vec::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let start = ring.iter().position(|p| p.0 >= token).unwrap_or(0);
    for step in 0..ring.len() {
        let id = ring[(start + step) % ring.len()].1;
        let Some(node) = members.get(id) else { continue };
        let Some(dc) = factors.iter().position(|f| f.0 == node.zone()) else { continue };
        if left[dc] <= 0 {
            continue;
        }
        let place = (node.zone(), node.rack());
        if !seen.contains(&place) {
            seen.push(place);
            replicas.push(id);
            left[dc] -= 1;
        } else if repeats[dc] > 0 && !replicas.contains(&id) {
            repeats[dc] -= 1;
            replicas.push(id);
            left[dc] -= 1;
        }
    }
    replicas
}
