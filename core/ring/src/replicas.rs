//! Replica lists: distinct nodes, spread over zones and racks as far as there are any.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::limits::REPLICAS_MAX;
use crate::members::{Members, NodeId};

/// How far apart replicas must stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// New zones first, then new racks, then any node: never fails for lack of zones.
    #[default]
    Prefer,
    /// One replica a zone, or an error.
    DemandZones,
}

/// The `count` replicas of a key, the owner first, in the order of preference.
///
/// Each next replica is the first node of the key's walk whose zone holds none yet; when all zones hold one, the first whose
/// rack (in its zone) holds none; then the first that is left.
///
/// # Errors
/// [`RingError::EmptyRing`], [`RingError::TooManyReplicas`], [`RingError::TooManyReplicasForZones`], [`RingError::Option`]
/// for more than [`REPLICAS_MAX`].
pub fn replicas(
    algorithm: &dyn Algorithm,
    members: &Members,
    key: u64,
    count: usize,
    spread: Spread,
) -> Result<Vec<NodeId>, RingError> {
    if !(1..=REPLICAS_MAX).contains(&count) {
        return Err(RingError::Option {
            name: "replicas",
            value: count as u64,
            min: 1,
            max: REPLICAS_MAX as u64,
        });
    }
    let owning = members.owning().count();
    if owning == 0 {
        return Err(RingError::EmptyRing);
    }
    if count > owning {
        return Err(RingError::TooManyReplicas { wanted: count, nodes: owning });
    }
    let zones = distinct(members, |id| members.get(id).map(|n| (n.zone(), "")));
    if spread == Spread::DemandZones && count > zones {
        return Err(RingError::TooManyReplicasForZones { wanted: count, zones });
    }
    let racks = distinct(members, |id| members.get(id).map(|n| (n.zone(), n.rack())));
    let order = preference(
        algorithm,
        members,
        key,
        Enough { nodes: count, zones: zones.min(count), racks: racks.min(count) },
    );
    Ok(pick(members, &order, count))
}

/// When a walk has met enough: so many nodes, in so many zones, in so many racks.
struct Enough {
    nodes: usize,
    zones: usize,
    racks: usize,
}

/// The nodes of the walk at their first visit, until enough of them are met.
fn preference(algorithm: &dyn Algorithm, members: &Members, key: u64, enough: Enough) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = Vec::new();
    let (mut zones, mut racks) = (Vec::new(), Vec::new());
    algorithm.walk(key, &mut |id| {
        let Some(node) = members.get(id) else { return ControlFlow::Continue(()) };
        if order.contains(&id) {
            return ControlFlow::Continue(());
        }
        order.push(id);
        note(&mut zones, node.zone());
        note(&mut racks, (node.zone(), node.rack()));
        let met = order.len() >= enough.nodes && zones.len() >= enough.zones && racks.len() >= enough.racks;
        if met { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    order
}

fn pick(members: &Members, order: &[NodeId], count: usize) -> Vec<NodeId> {
    let place = |id: NodeId| members.get(id).map_or(("", ""), |n| (n.zone(), n.rack()));
    let mut chosen: Vec<NodeId> = Vec::with_capacity(count);
    while chosen.len() < count {
        let left = || order.iter().copied().filter(|id| !chosen.contains(id));
        let new_zone = left().find(|&id| !chosen.iter().any(|&c| place(c).0 == place(id).0));
        let new_rack = || left().find(|&id| !chosen.iter().any(|&c| place(c) == place(id)));
        match new_zone.or_else(new_rack).or_else(|| left().next()) {
            Some(id) => chosen.push(id),
            None => break,
        }
    }
    chosen
}

fn distinct<'a>(members: &'a Members, key: impl Fn(NodeId) -> Option<(&'a str, &'a str)>) -> usize {
    let mut seen: Vec<_> = members.owning().filter_map(|(id, _)| key(id)).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len()
}

fn note<T: PartialEq>(seen: &mut Vec<T>, item: T) {
    if !seen.contains(&item) {
        seen.push(item);
    }
}
