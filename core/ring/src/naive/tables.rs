//! Algorithms with a table, by whole permutations, sets and lists.

use alloc::vec::Vec;

use crate::hash::mix64;
use crate::members::{Members, NodeId};

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

/// Weighted rendezvous as a race: every node arrives after an exponential time of rate `weight`, the first one wins.
/// All nodes with a weight in the order of their arrival.
pub fn weighted_rendezvous(members: &Members, key: u64) -> Vec<NodeId> {
    let arrival = |name: &str, weight: f64| {
        let drawn = mix64(key ^ xxhash_rust::xxh3::xxh3_64(name.as_bytes())) >> 12;
        let uniform = (drawn as f64 + 0.5) / (1u64 << 52) as f64;
        -libm::log(uniform) / weight
    };
    let mut race: Vec<_> = members
        .iter()
        .filter(|(_, node)| node.weight().get() > 0.0)
        .map(|(id, node)| (arrival(node.name(), node.weight().get()), node.name(), id))
        .collect();
    race.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    race.into_iter().map(|(_, _, id)| id).collect()
}

/// DxHash by its whole sequence: the first number of the key's sequence, in the size's range, at which somebody sits.
pub fn dx_slot(size: u64, seated: impl Fn(u64) -> bool, key: u64) -> u64 {
    let draws = (1u64..).map(|i| mix64(key.wrapping_add(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i))));
    draws.map(|draw| draw % size).find(|&slot| seated(slot)).expect("an endless sequence meets every slot")
}

/// A Redis Cluster slot: CRC-16/XMODEM by long division of the hash tag's bits, or of the key's when there is no tag.
pub fn redis_slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|&b| b == b'{').and_then(|open| {
        let len = key[open + 1..].iter().take_while(|&&b| b != b'}').count();
        let closed = open + 1 + len < key.len();
        (closed && len > 0).then(|| &key[open + 1..open + 1 + len])
    });
    let mut remainder = 0u16;
    for &byte in tag.unwrap_or(key) {
        for bit in (0..8).rev() {
            let carry = (remainder >> 15) ^ u16::from(byte >> bit & 1);
            remainder = (remainder << 1) ^ (carry * 0x1021);
        }
    }
    remainder % 16_384
}

/// Which of `nodes` serves a slot when `redis-cli --cluster create` has cut the slots: node i ends at the whole number nearest to
/// (i + 1) · 16384 / nodes − 1.
pub fn redis_node(slot: u16, nodes: u64) -> u64 {
    let end = |i: u64| (2 * (i + 1) * 16_384 - nodes) / (2 * nodes);
    (0..nodes).find(|&i| u64::from(slot) <= end(i)).unwrap_or(nodes - 1)
}
