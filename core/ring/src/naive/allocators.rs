//! Cassandra's token ring and both its allocators, with every ownership added up anew from the whole list of tokens. Tokens agree
//! with the clever code within [`TOLERANCE`]; to the last bit they are judged by Cassandra's own.

use alloc::vec::Vec;

use crate::members::NodeId;

/// How far a token computed with 64-bit floats may lie from one computed exactly: 2^-53 of the circle, a few times over.
pub const TOLERANCE: u64 = 1 << 14;

const CIRCLE: f64 = 18_446_744_073_709_551_616.0;

/// The nodes of all tokens, clockwise from the first token at or after this one.
pub fn walk(ring: &[(i64, NodeId)], token: i64) -> Vec<NodeId> {
    let mut sorted = ring.to_vec();
    sorted.sort_by_key(|&(t, _)| (t < token, t));
    sorted.into_iter().map(|(_, node)| node).collect()
}

/// The part of the circle from one token to the next, the whole circle between a token and itself.
fn share(from: i64, to: i64) -> f64 {
    let distance = (i128::from(to) - i128::from(from)).rem_euclid(1 << 64);
    if distance == 0 { 1.0 } else { distance as f64 / CIRCLE }
}

/// So much of the way from one token to the next.
fn along(from: i64, to: i64, ratio: f64) -> i64 {
    from.wrapping_add((share(from, to) * ratio * CIRCLE) as u64 as i64)
}

/// The ranges (from, to] of a ring with their nodes, by ascending end.
fn ranges(ring: &[(i64, NodeId)]) -> Vec<(i64, i64, NodeId)> {
    let mut sorted = ring.to_vec();
    sorted.sort_unstable();
    let before = |i: usize| sorted[(i + sorted.len() - 1) % sorted.len()].0;
    (0..sorted.len()).map(|i| (before(i), sorted[i].0, sorted[i].1)).collect()
}

/// Tokens where the largest range is cut again and again, each time at 1 − 1/√5 and up to 0.075 more, by the generator of
/// `java.util.Random` seeded with the number of tokens.
pub fn splits(ring: &[(i64, NodeId)], node: NodeId, count: usize) -> Vec<i64> {
    let mut ring = ring.to_vec();
    let mut state = ring.len() as u64 ^ 25_214_903_917;
    let mut bits = |count: u32| {
        state = state.wrapping_mul(25_214_903_917).wrapping_add(11) % (1 << 48);
        (state >> (48 - count)) as f64
    };
    let mut tokens = Vec::new();
    for _ in 0..count {
        let random = bits(26) / f64::from(1 << 26) + bits(27) / (1u64 << 53) as f64;
        let by_size =
            |a: &(i64, i64, NodeId), b: &(i64, i64, NodeId)| share(b.0, b.1).total_cmp(&share(a.0, a.1));
        let mut largest = ranges(&ring);
        largest.sort_by(by_size);
        let (from, to, _) = largest[0];
        let token = along(from, to, 1.0 - 1.0 / libm::sqrt(5.0) + 0.075 * random);
        ring.push((token, node));
        tokens.push(token);
    }
    tokens
}

/// Tokens for one node more, without replication; every node has at least `count` already. Givers are the nodes that lie above
/// the average of all nodes at least as loaded and the new one.
pub fn without_replication(ring: &[(i64, NodeId)], count: usize) -> Vec<i64> {
    let ranges = ranges(ring);
    let mut nodes: Vec<NodeId> = ring.iter().map(|p| p.1).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let load = |node: NodeId| ranges.iter().filter(|r| r.2 == node).map(|r| share(r.0, r.1)).sum::<f64>();
    let mut loads: Vec<(f64, NodeId)> = nodes.iter().map(|&node| (load(node), node)).collect();
    loads.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let average = |givers: usize| loads[..givers].iter().map(|l| l.0).sum::<f64>() / (givers + 1) as f64;
    let gives = |i: usize| loads[i].0 > average(i + 1);
    let givers = (0..loads.len().min(count)).take_while(|&i| gives(i)).count();
    let spread = 2.0 / (2 * count + 1) as f64 * f64::min(1.0, (count + 1) as f64 / (nodes.len() + 1) as f64);
    let mut tokens = Vec::new();
    for (i, &(load, node)) in loads[..givers].iter().enumerate() {
        let target = average(givers) * (1.0 + spread * (0.5 - i as f64 / givers as f64));
        let mut own: Vec<_> = ranges.iter().filter(|r| r.2 == node).collect();
        own.sort_by(|a, b| share(b.0, b.1).total_cmp(&share(a.0, a.1)).then(a.1.cmp(&b.1)));
        let takes = (0..count).filter(|token| token % givers == i).count();
        let cut = &own[..takes];
        let part = (load - target) / cut.iter().map(|r| share(r.0, r.1)).sum::<f64>();
        tokens.extend(cut.iter().map(|r| along(r.0, r.1, part.clamp(0.1, 0.9))));
    }
    tokens
}

/// A node that wants `count` tokens in a ring with `replicas` copies in distinct groups.
pub struct Replicated<'a> {
    /// The ring before.
    pub ring: &'a [(i64, NodeId)],
    /// A node's group.
    pub group: &'a dyn Fn(NodeId) -> usize,
    /// The node.
    pub node: NodeId,
    /// How many tokens it wants.
    pub count: usize,
    /// Copies of every key.
    pub replicas: usize,
}

impl Replicated<'_> {
    /// Its tokens: the midpoint whose gain is largest is looked at again after each choice, and taken when it still gains as much
    /// as the next one did when that was last looked at.
    pub fn choose(&self) -> Vec<i64> {
        let mut chosen: Vec<i64> = Vec::new();
        let midpoints = ranges(self.ring).into_iter().map(|(from, to, _)| along(from, to, 0.5));
        let mut candidates: Vec<(f64, i64)> =
            midpoints.map(|token| (self.gain(&chosen, token), token)).collect();
        let best = |candidates: &[(f64, i64)]| {
            (0..candidates.len()).rev().max_by(|&a, &b| candidates[a].0.total_cmp(&candidates[b].0))
        };
        while let Some(at) = best(&candidates).filter(|_| chosen.len() < self.count) {
            let (_, token) = candidates.remove(at);
            let gain = self.gain(&chosen, token);
            if best(&candidates).is_none_or(|next| gain >= candidates[next].0) {
                chosen.push(token);
            } else {
                candidates.insert(at, (gain, token));
            }
        }
        chosen
    }

    /// How much less uneven the ring is with this token.
    fn gain(&self, chosen: &[i64], token: i64) -> f64 {
        let with: Vec<i64> = chosen.iter().copied().chain([token]).collect();
        // The new node's own part counts for little at first.
        let part = with.len() as f64 / self.count as f64;
        self.unevenness(chosen, part) - self.unevenness(&with, part)
    }

    /// The sum of squares of what every token, and every node a token, owns beyond the best possible; tokens that the new node
    /// still lacks count as perfect.
    pub fn unevenness(&self, chosen: &[i64], new_node_part: f64) -> f64 {
        let best = self.replicas as f64 / (self.ring.len() + self.count) as f64;
        let tokens: Vec<(i64, NodeId)> =
            self.ring.iter().copied().chain(chosen.iter().map(|&token| (token, self.node))).collect();
        let owned = self.owned(&tokens);
        let mut nodes: Vec<NodeId> = tokens.iter().map(|t| t.1).chain([self.node]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let square = |x: f64| x * x;
        nodes.into_iter().fold(0.0, |sum, node| {
            let own: Vec<f64> =
                (0..tokens.len()).filter(|&i| tokens[i].1 == node).map(|i| owned[i]).collect();
            let count = if node == self.node { self.count } else { own.len() };
            let lacking = (count - own.len()) as f64 * best;
            let each: f64 = own.iter().map(|o| square(o - best)).sum();
            let mean = (own.iter().sum::<f64>() + lacking) / count as f64;
            let part = if node == self.node { new_node_part } else { 1.0 };
            sum + each / square(count as f64) + part * square(mean - best)
        })
    }

    /// What every token owns: each range belongs, clockwise from its end, to the first token of each of so many groups.
    fn owned(&self, tokens: &[(i64, NodeId)]) -> Vec<f64> {
        let mut owned = alloc::vec![0.0; tokens.len()];
        for (from, to, _) in ranges(tokens) {
            let mut order: Vec<usize> = (0..tokens.len()).collect();
            order.sort_by_key(|&i| (tokens[i].0 < to, tokens[i].0));
            let mut groups: Vec<usize> = Vec::new();
            for i in order {
                let group = (self.group)(tokens[i].1);
                if groups.len() < self.replicas && !groups.contains(&group) {
                    groups.push(group);
                    owned[i] += share(from, to);
                }
            }
        }
        owned
    }
}
