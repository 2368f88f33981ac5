//! Replica lists by sorting all candidates anew for every place.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::algorithm::Algorithm;
use crate::members::{Members, NodeId};

/// `count` replicas: for each place the candidate that repeats no zone if there is one, else no rack, else any, the earliest of the
/// key's walk among equals.
pub fn replicas(algorithm: &dyn Algorithm, members: &Members, key: u64, count: usize) -> Vec<NodeId> {
    let mut walk: Vec<NodeId> = Vec::new();
    algorithm.walk(key, &mut |id| {
        walk.push(id);
        ControlFlow::Continue(())
    });
    let place = |id: NodeId| members.get(id).map(|n| (n.zone(), n.rack()));
    let mut chosen: Vec<NodeId> = Vec::new();
    for _ in 0..count {
        let repeats = |id: NodeId| {
            let zone = chosen.iter().any(|&c| place(c).map(|p| p.0) == place(id).map(|p| p.0));
            let rack = chosen.iter().any(|&c| place(c) == place(id));
            (zone, rack)
        };
        let candidates = walk.iter().copied().filter(|id| !chosen.contains(id));
        let Some(next) = candidates.min_by_key(|&id| repeats(id)) else { break };
        chosen.push(next);
    }
    chosen
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
