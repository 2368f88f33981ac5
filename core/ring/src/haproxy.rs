//! HAProxy's consistent ring (`hash-type consistent`) and its bounded load (`hash-balance-factor`).
//!
//! A server has `16 · weight` points; point i lies at `avalanche(key + i)`, key = `4096 · id`, ids counted from 1 in the order
//! of the configuration unless given. A key goes to the **nearest** point, the one before it winning a tie. Ids, not names, are
//! hashed: that is HAProxy's rule (`hash-key id`, the default), and why its mapping depends on the order of servers.

use alloc::vec::Vec;

use crate::error::RingError;
use crate::hash::{crc32, djb2, haproxy_avalanche, sdbm, wt6};

/// How HAProxy hashes a key (`hash-type consistent <function> [avalanche]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash {
    /// The function.
    pub function: KeyFunction,
    /// Whether its result goes through the avalanche.
    pub avalanche: bool,
}

/// HAProxy's functions of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFunction {
    /// `sdbm`, the default.
    Sdbm,
    /// `djb2`.
    Djb2,
    /// `wt6`.
    Wt6,
    /// `crc32`.
    Crc32,
}

impl KeyHash {
    /// The hash of a key.
    pub fn hash(self, key: &[u8]) -> u32 {
        let value = match self.function {
            KeyFunction::Sdbm => sdbm(key),
            KeyFunction::Djb2 => djb2(key),
            KeyFunction::Wt6 => wt6(key),
            KeyFunction::Crc32 => crc32(key),
        };
        if self.avalanche { haproxy_avalanche(value) } else { value }
    }
}

/// A server: its id (`puid`) and weight, 0 to 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// The id that is hashed.
    pub id: u32,
    /// Its weight.
    pub weight: u32,
}

/// HAProxy's ring over servers, which are named by their place in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct HaproxyRing {
    points: Vec<(u32, u32)>,
    servers: Vec<Server>,
    served: Vec<u32>,
    /// Percent, 0 for no bound.
    balance_factor: u32,
}

impl HaproxyRing {
    /// The ring of these servers; `balance_factor` is `hash-balance-factor`, 0 for none.
    ///
    /// # Errors
    /// [`RingError::Option`] for a weight above 256 or a factor of 1 to 100 or above 65,535; [`RingError::Capacity`] for
    /// more than 4,096 servers.
    pub fn new(servers: Vec<Server>, balance_factor: u32) -> Result<Self, RingError> {
        let option =
            |name, value: u32, min, max| RingError::Option { name, value: u64::from(value), min, max };
        if let Some(server) = servers.iter().find(|s| s.weight > WEIGHT_MAX) {
            return Err(option("HAProxy weight", server.weight, 0, u64::from(WEIGHT_MAX)));
        }
        if (1..=100).contains(&balance_factor) || balance_factor > FACTOR_MAX {
            return Err(option("hash-balance-factor", balance_factor, 101, u64::from(FACTOR_MAX)));
        }
        if servers.len() > SERVERS_MAX {
            return Err(RingError::Capacity { nodes: servers.len(), capacity: SERVERS_MAX });
        }
        let mut points = Vec::new();
        for (place, server) in servers.iter().enumerate() {
            let key = server.id.wrapping_mul(ID_SPACING);
            let point = |i: u32| (haproxy_avalanche(key.wrapping_add(i)), place as u32);
            points.extend((0..server.weight * POINTS_PER_WEIGHT).map(point));
        }
        points.sort_by_key(|&(point, _)| point);
        let served = alloc::vec![0; servers.len()];
        Ok(HaproxyRing { points, servers, served, balance_factor })
    }

    /// The server (its place in the list) of a key's hash; with a balance factor, the first one from there on that is
    /// eligible.
    pub fn owner(&self, hash: u32) -> Option<usize> {
        let len = self.points.len();
        if len == 0 {
            return None;
        }
        let next = self.points.partition_point(|&(p, _)| p < hash) % len;
        let before = (next + len - 1) % len;
        let (after_gap, before_gap) =
            (self.points[next].0.wrapping_sub(hash), hash.wrapping_sub(self.points[before].0));
        let nearest = if before_gap <= after_gap { before } else { next };
        let mut walk = (0..len).map(|i| self.points[(nearest + i) % len].1 as usize);
        walk.find(|&server| self.balance_factor == 0 || self.served[server] < self.slots(server))
    }

    /// Most requests that a server may serve at once when one more request comes: its weight's share of
    /// ⌈(served + 1) · factor / 100⌉, the remainder of the division spread along the cumulative weights, at least 1.
    pub fn slots(&self, server: usize) -> u32 {
        let weight = |s: &Server| u64::from(s.weight * POINTS_PER_WEIGHT);
        let total: u64 = self.servers.iter().map(weight).sum();
        let before: u64 = self.servers[..server].iter().map(weight).sum();
        let own = weight(&self.servers[server]);
        let served: u64 = self.served.iter().map(|&s| u64::from(s)).sum();
        let all = ((served + 1) * u64::from(self.balance_factor)).div_ceil(100);
        let (each, rest) = (all / total.max(1), all % total.max(1));
        let slots = own * each + (before + own) * rest / total.max(1) - before * rest / total.max(1);
        (slots as u32).max(1)
    }

    /// A request begins on a server.
    pub fn begin(&mut self, server: usize) {
        self.served[server] += 1;
    }

    /// A request ends on a server.
    pub fn end(&mut self, server: usize) {
        self.served[server] = self.served[server].saturating_sub(1);
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether nobody owns anything.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// `SRV_EWGHT_RANGE`: ids lie this far apart, the most points a server may have.
const ID_SPACING: u32 = 4096;
/// `BE_WEIGHT_SCALE`.
const POINTS_PER_WEIGHT: u32 = 16;
/// `SRV_UWGHT_MAX`.
const WEIGHT_MAX: u32 = 256;
/// Keeps points within 16 million.
const SERVERS_MAX: usize = 4096;
/// HAProxy takes any factor above 100; this one is far beyond use and keeps the product in range.
const FACTOR_MAX: u32 = 65_535;
