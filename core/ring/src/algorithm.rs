//! The one small trait behind which all algorithms stand.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::hash::mix64;
use crate::members::NodeId;

/// A built placement: a key's 64-bit hash in, its owner out. Looking up never changes it, so that readers may share it.
///
/// Rings read the hash as a position on the circle, tables and jumps as a number; [`crate::Placement::key`] gives each the
/// right one.
pub trait Algorithm {
    /// The node that owns this key; `None` only when no node can own keys.
    fn owner(&self, key: u64) -> Option<NodeId>;

    /// Visits nodes in the order in which this key prefers them until the visitor breaks: the owner first, then every
    /// other owning node at least once. Nodes may come again.
    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>);

    /// Owners of many keys, in their order; `out` is cleared first. Algorithms whose lookups wait for memory overlap
    /// the waits.
    fn owners(&self, keys: &[u64], out: &mut Vec<Option<NodeId>>) {
        out.clear();
        out.extend(keys.iter().map(|&key| self.owner(key)));
    }

    /// Bytes on the heap that lookups need.
    fn heap_bytes(&self) -> usize;
}

/// The walk of algorithms that know only an owner: the owner, then the owners of salted keys, then whoever is left in the
/// order of the list. `live` are all owning nodes.
pub(crate) fn salted_walk(
    algorithm: &dyn Algorithm,
    live: &[NodeId],
    key: u64,
    visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>,
) {
    for attempt in 0..SALTED_ATTEMPTS {
        let salted = if attempt == 0 { key } else { mix64(key ^ mix64(attempt)) };
        let Some(node) = algorithm.owner(salted) else { return };
        if visit(node).is_break() {
            return;
        }
    }
    let start = if live.is_empty() { 0 } else { (mix64(key) % live.len() as u64) as usize };
    for &node in live[start..].iter().chain(&live[..start]) {
        if visit(node).is_break() {
            return;
        }
    }
}

/// Enough that a handful of replicas is found by salting alone even when one node owns most keys.
const SALTED_ATTEMPTS: u64 = 64;
