//! Rings as lists of points: whoever lies nearest clockwise owns the key.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::hash::{HashFunction, haproxy_avalanche, md5, mix64, siphash24};
use crate::ketama::Flavour;
use crate::members::{Members, NodeId};

/// All points of a ring as (position, name), sorted; the owner of a key is the first one at or after it.
pub fn ring_owner(members: &Members, hash: HashFunction, vnodes: u32, key: u64) -> Option<NodeId> {
    clockwise(members, hash, vnodes, key).first().copied()
}

/// The owners of all points of a ring by their distance clockwise from the key, smaller names first among equals.
pub fn clockwise(members: &Members, hash: HashFunction, vnodes: u32, key: u64) -> Vec<NodeId> {
    let mut points = Vec::new();
    for (id, node) in members.iter() {
        let weight = node.weight().get();
        let count = if weight == 0.0 { 0 } else { 1.0f64.max(weight * f64::from(vnodes) + 0.5) as u32 };
        for i in 0..count {
            let position =
                hash.position(format!("{}-{i}", node.name()).as_bytes()).expect("no decimal labels");
            points.push((position.wrapping_sub(key), node.name(), id));
        }
    }
    points.sort_unstable();
    points.into_iter().map(|(_, _, id)| id).collect()
}

/// Every point of a ketama continuum as (point, place of the server), in the order of the servers. Products are 64-bit floats
/// cut to 32 bits wherever the programs keep a `float`: a 64-bit product or quotient of two 32-bit numbers, rounded again, is the
/// 32-bit one.
pub fn ketama_points(servers: &[(&str, f64)], flavour: Flavour) -> Vec<(u32, usize)> {
    let narrow = |x: f64| f64::from(x as f32);
    let total = narrow(servers.iter().map(|s| s.1).sum());
    let n = servers.len() as f64;
    let mut points = Vec::new();
    for (place, &(name, weight)) in servers.iter().enumerate() {
        let pct = narrow(narrow(weight) / total);
        let quarter = |x: f64| narrow(narrow(narrow(x * 160.0) / 4.0) * n);
        let labels = match flavour {
            Flavour::Libketama => narrow(pct * 40.0 * n) as u32,
            Flavour::Twemproxy => narrow(quarter(pct) + 1e-10) as u32,
            Flavour::LibmemcachedUnweighted(_) => 100,
            _ => narrow(quarter(pct) + narrow(1e-10)) as u32,
        };
        for k in 0..labels {
            let label = format!("{}-{k}", ketama_name(name, flavour));
            if let Flavour::LibmemcachedUnweighted(hash) = flavour {
                points.push((hash.hash(label.as_bytes()), place));
                continue;
            }
            let digest = md5(label.as_bytes());
            for h in 0..4 {
                let byte = |i: usize| u32::from(digest[4 * h + i]);
                points.push((byte(0) + (byte(1) << 8) + (byte(2) << 16) + (byte(3) << 24), place));
            }
        }
    }
    points
}

/// `host:port` as the flavour writes it; without a colon the port is 11211.
fn ketama_name(name: &str, flavour: Flavour) -> String {
    if matches!(flavour, Flavour::Libketama | Flavour::Twemproxy) {
        return name.into();
    }
    let full = if name.contains(':') { name.into() } else { format!("{name}:11211") };
    match flavour {
        Flavour::Spymemcached => format!("/{full}"),
        _ => full.strip_suffix(":11211").unwrap_or(&full).into(),
    }
}

/// The server of a hash: the smallest step clockwise, the earlier server among equals.
pub fn ketama_owner(points: &[(u32, usize)], hash: u32) -> Option<usize> {
    points.iter().min_by_key(|&&(point, server)| (point < hash, point, server)).map(|p| p.1)
}

/// Multi-probe: all distances from all probes to all nodes, the least one wins; the earlier probe, then the smaller name, among
/// equals. Probe i of a key is number i of the SplitMix64 sequence that its mixed number seeds.
pub fn multi_probe_owner(members: &Members, probes: u32, key: u64) -> Option<NodeId> {
    let start = mix64(key);
    let probe = |i: u64| mix64(start.wrapping_add(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i)));
    nearest_of_probes(members, (0..u64::from(probes)).map(probe))
}

/// The same for given probes; a point at the very place of a probe is a whole circle away, as in go-mpchash.
pub fn nearest_of_probes(members: &Members, probes: impl Iterator<Item = u64>) -> Option<NodeId> {
    let mut all = Vec::new();
    for (i, probe) in probes.enumerate() {
        for (id, node) in members.owning() {
            let point = siphash24(0, 0, node.name().as_bytes());
            let distance = point.wrapping_sub(probe).wrapping_sub(1);
            all.push((distance, i, node.name(), id));
        }
    }
    all.into_iter().min().map(|best| best.3)
}

/// HAProxy's ring of (id, weight): the server of the nearest point on either side, the one before the hash among equals, and
/// from there clockwise the first whose `free` says so.
pub fn haproxy_owner(servers: &[(u32, u32)], hash: u32, free: impl Fn(usize) -> bool) -> Option<usize> {
    let mut points = Vec::new();
    for (place, &(id, weight)) in servers.iter().enumerate() {
        for i in 0..16 * weight {
            points.push((haproxy_avalanche((id * 4096).wrapping_add(i)), place));
        }
    }
    points.sort_by_key(|p| p.0);
    let before = |p: u32| hash.wrapping_sub(p);
    let after = |p: u32| p.wrapping_sub(hash);
    let nearest = (0..points.len()).min_by_key(|&i| {
        let (point, _) = points[i];
        (before(point).min(after(point)), before(point) > after(point), i)
    })?;
    (0..points.len()).map(|i| points[(nearest + i) % points.len()].1).find(|&server| free(server))
}
