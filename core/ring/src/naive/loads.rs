//! Bounded loads by counting everything anew.

use alloc::vec::Vec;

use crate::members::NodeId;

/// The paper's rule in whole numbers: of the nodes in the order in which a key prefers them, the first that carries less than
/// ⌈c · (m + 1) · w / W⌉ keys, m keys being placed. `c` in thousandths; `placed` has one entry a key.
pub fn bounded_owner(
    preferred: &[NodeId],
    weight: impl Fn(NodeId) -> u64,
    total_weight: u64,
    thousandths: u64,
    placed: &[NodeId],
) -> Option<NodeId> {
    let keys = placed.len() as u64 + 1;
    preferred.iter().copied().find(|&node| {
        let carried = placed.iter().filter(|&&p| p == node).count() as u64;
        carried * 1000 * total_weight < thousandths * keys * weight(node)
    })
}

/// HAProxy's rule, dealt out unit by unit: ⌈(served + 1) · factor / 100⌉ slots go in equal numbers to all units of weight, and
/// what is left over one by one to units evenly apart; a server always has one.
pub fn haproxy_slots(weights: &[u32], served: &[u32], factor: u32) -> Vec<u32> {
    let unit_of = |server: usize| core::iter::repeat_n(server, 16 * weights[server] as usize);
    let units: Vec<usize> = (0..weights.len()).flat_map(unit_of).collect();
    let count = units.len() as u32;
    let requests = served.iter().sum::<u32>() + 1;
    let all = (1..).find(|slots| slots * 100 >= requests * factor).unwrap_or(0);
    let mut slots = alloc::vec![0; weights.len()];
    let mut owed = 0;
    for &server in &units {
        slots[server] += all / count;
        owed += all % count;
        if owed >= count {
            owed -= count;
            slots[server] += 1;
        }
    }
    slots.into_iter().map(|s| s.max(1)).collect()
}
