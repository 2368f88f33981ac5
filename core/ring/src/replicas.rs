//! Replica lists: distinct nodes, spread over zones and racks as far as there are any.

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

/// A replica list: it lies where its caller keeps it, nothing is allocated.
pub type Replicas = heapless::Vec<NodeId, REPLICAS_MAX>;

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
) -> Result<Replicas, RingError> {
    if !(1..=REPLICAS_MAX).contains(&count) {
        return Err(RingError::Option {
            name: "replicas",
            value: count as u64,
            min: 1,
            max: REPLICAS_MAX as u64,
        });
    }
    let owning = members.owning().take(count).count();
    if owning == 0 {
        return Err(RingError::EmptyRing);
    }
    if count > owning {
        return Err(RingError::TooManyReplicas { wanted: count, nodes: owning });
    }
    let zones = distinct(count, members.owning().map(|(_, node)| node.zone()));
    if spread == Spread::DemandZones && count > zones {
        return Err(RingError::TooManyReplicasForZones { wanted: count, zones });
    }
    let racks = distinct(count, members.owning().map(|(_, node)| (node.zone(), node.rack())));
    let mut met = Met::default();
    algorithm.walk(key, &mut |id| {
        if let Some(node) = members.get(id) {
            met.add(id, (node.zone(), node.rack()), count);
        }
        if met.is_enough(count, zones, racks) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    Ok(met.pick(count))
}

/// The nodes of a walk at their first visit, as far as they can become replicas.
#[derive(Default)]
struct Met<'m> {
    /// Those that opened a zone, with zone and rack.
    of_zones: heapless::Vec<(NodeId, (&'m str, &'m str)), REPLICAS_MAX>,
    /// Those that opened a rack in a zone that was met before.
    of_racks: heapless::Vec<(NodeId, (&'m str, &'m str)), REPLICAS_MAX>,
    others: Replicas,
}

impl<'m> Met<'m> {
    /// More than `count` of a kind are never picked.
    fn add(&mut self, id: NodeId, place: (&'m str, &'m str), count: usize) {
        let mut held = self.of_zones.iter().chain(&self.of_racks);
        if held.any(|(node, _)| *node == id) || self.others.contains(&id) {
            return;
        }
        let mut held = self.of_zones.iter().chain(&self.of_racks);
        let has_rack = held.any(|(_, met)| *met == place);
        // Each push finds room: a list holds no more than `count`, which is within the limit.
        if !self.of_zones.iter().any(|(_, met)| met.0 == place.0) {
            if self.of_zones.len() < count {
                let _ = self.of_zones.push((id, place));
            }
        } else if !has_rack {
            if self.of_racks.len() < count {
                let _ = self.of_racks.push((id, place));
            }
        } else if self.others.len() < count {
            let _ = self.others.push(id);
        }
    }

    /// Whether no further node can change the choice.
    fn is_enough(&self, count: usize, zones: usize, racks: usize) -> bool {
        let (of_zones, of_racks) = (self.of_zones.len(), self.of_racks.len());
        of_zones >= zones && of_zones + of_racks >= racks && of_zones + of_racks + self.others.len() >= count
    }

    fn pick(&self, count: usize) -> Replicas {
        let placed = self.of_zones.iter().chain(&self.of_racks).map(|(id, _)| *id);
        placed.chain(self.others.iter().copied()).take(count).collect()
    }
}

/// How many different items there are, counted up to `enough`, which is at most [`REPLICAS_MAX`].
fn distinct<T: PartialEq>(enough: usize, items: impl Iterator<Item = T>) -> usize {
    let mut seen = heapless::Vec::<T, REPLICAS_MAX>::new();
    for item in items {
        if !seen.contains(&item) && (seen.push(item).is_err() || seen.len() >= enough) {
            break;
        }
    }
    seen.len()
}
