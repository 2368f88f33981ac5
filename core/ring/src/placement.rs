//! A placement: nodes, an algorithm and its settings, built into a table that answers who owns a key and follows changes.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;
use core::str::FromStr;

use crate::algorithm::Algorithm;
use crate::anchor::Anchor;
use crate::bounded::Bounded;
use crate::cassandra::{Allocation, TokenRing};
use crate::dx::Dx;
use crate::error::RingError;
use crate::hash::HashFunction;
use crate::ketama::{Flavour, Ketama};
use crate::limits::NODES_MAX;
use crate::maglev::{Maglev, TurnOrder, prime_at_least};
use crate::members::{Members, Node, NodeId, Weight};
use crate::multi_probe::MultiProbe;
use crate::positional::{Choice, Positional};
use crate::rendezvous::{Rendezvous, WeightedRendezvous};
use crate::replicas::{Replicas, Spread, replicas};
use crate::ring::Ring;
use crate::slots::SlotMap;

/// The algorithms by their stable names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// `key mod n`, the baseline.
    Modulo = 1,
    /// The ring with virtual nodes.
    Ring = 2,
    /// libmemcached's weighted ketama.
    Ketama = 3,
    /// Jump consistent hash.
    Jump = 4,
    /// Rendezvous hashing.
    Rendezvous = 5,
    /// Weighted rendezvous hashing.
    WeightedRendezvous = 6,
    /// Maglev, turns by name.
    Maglev = 7,
    /// Multi-probe.
    MultiProbe = 8,
    /// AnchorHash.
    Anchor = 9,
    /// DxHash.
    Dx = 10,
    /// The ring with bounded loads.
    Bounded = 11,
    /// JumpBackHash.
    JumpBack = 12,
    /// FlipHash.
    Flip = 13,
    /// libketama's ketama.
    Libketama = 14,
    /// twemproxy's ketama.
    Twemproxy = 15,
    /// spymemcached's ketama.
    Spymemcached = 16,
    /// Maglev in the order of the list, as Envoy and the paper fill it.
    MaglevEnvoy = 17,
    /// Redis Cluster slots in equal ranges.
    RedisSlots = 18,
    /// Cassandra's tokens, chosen by its allocator without replication.
    TokenAllocator = 19,
}

impl Kind {
    /// All of them, in the order in which `compare` shows them.
    pub const ALL: [Kind; 19] = [
        Kind::Modulo,
        Kind::Ring,
        Kind::Ketama,
        Kind::Jump,
        Kind::Rendezvous,
        Kind::WeightedRendezvous,
        Kind::Maglev,
        Kind::MultiProbe,
        Kind::Anchor,
        Kind::Dx,
        Kind::Bounded,
        Kind::JumpBack,
        Kind::Flip,
        Kind::Libketama,
        Kind::Twemproxy,
        Kind::Spymemcached,
        Kind::MaglevEnvoy,
        Kind::RedisSlots,
        Kind::TokenAllocator,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Modulo => "modulo",
            Kind::Ring => "ring",
            Kind::Ketama => "ketama",
            Kind::Jump => "jump",
            Kind::Rendezvous => "rendezvous",
            Kind::WeightedRendezvous => "weighted-rendezvous",
            Kind::Maglev => "maglev",
            Kind::MultiProbe => "multi-probe",
            Kind::Anchor => "anchor",
            Kind::Dx => "dx",
            Kind::Bounded => "bounded",
            Kind::JumpBack => "jump-back",
            Kind::Flip => "flip",
            Kind::Libketama => "libketama",
            Kind::Twemproxy => "twemproxy",
            Kind::Spymemcached => "spymemcached",
            Kind::MaglevEnvoy => "maglev-envoy",
            Kind::RedisSlots => "redis-slots",
            Kind::TokenAllocator => "token-allocator",
        }
    }

    /// The algorithm with this number in the serialised form.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u8 == number)
    }

    /// The hash of keys that the algorithm is used with.
    pub const fn default_hash(self) -> HashFunction {
        match self {
            Kind::Ketama | Kind::Libketama | Kind::Twemproxy | Kind::Spymemcached => HashFunction::Md5Ketama,
            Kind::MaglevEnvoy => HashFunction::Xxh64,
            Kind::RedisSlots => HashFunction::RedisSlot,
            Kind::TokenAllocator => HashFunction::CassandraToken,
            _ => HashFunction::Xxh3,
        }
    }

    /// Whether keys are read as positions on the 64-bit circle.
    const fn is_circle(self) -> bool {
        matches!(self, Kind::Ring | Kind::Bounded | Kind::TokenAllocator)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = RingError;

    fn from_str(text: &str) -> Result<Self, RingError> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or(RingError::UnknownAlgorithm)
    }
}

/// An algorithm and its numbers; what does not concern the algorithm is ignored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Which algorithm.
    pub kind: Kind,
    /// The hash of keys, and of points on a ring.
    pub hash: HashFunction,
    /// Points of a node of weight 1 on a ring; tokens of a node for the token allocator.
    pub vnodes: u32,
    /// Probes of multi-probe.
    pub probes: u32,
    /// Slots of a Maglev table; 0 takes 65,537 or the first prime above 100 a node, whichever is more, when the table is
    /// first built, and keeps it.
    pub table_size: u32,
    /// Nodes that AnchorHash or DxHash have room for; 0 takes room to spare.
    pub capacity: u32,
    /// The bounded load's c.
    pub load_factor: f64,
}

impl Settings {
    /// The usual numbers: 160 virtual nodes (16 tokens), 21 probes, c = 1.25.
    pub const fn new(kind: Kind) -> Self {
        let vnodes = if matches!(kind, Kind::TokenAllocator) { 16 } else { 160 };
        Settings {
            kind,
            hash: kind.default_hash(),
            vnodes,
            probes: 21,
            table_size: 0,
            capacity: 0,
            load_factor: 1.25,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Table {
    Ring(Ring),
    Ketama(Ketama),
    Positional(Positional),
    Rendezvous(Rendezvous),
    Weighted(WeightedRendezvous),
    Maglev(Maglev),
    MultiProbe(MultiProbe),
    Anchor(Anchor),
    Dx(Dx),
    Slots(SlotMap),
    Tokens(TokenRing, Ring),
}

/// Nodes placed by one algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    settings: Settings,
    members: Members,
    table: Table,
}

impl Placement {
    /// Builds the table. No nodes, or only weights of zero, give a placement in which nobody owns anything.
    ///
    /// # Errors
    /// What the algorithm says of its settings, weights and capacity.
    pub fn new(members: Members, mut settings: Settings) -> Result<Self, RingError> {
        if matches!(settings.kind, Kind::Maglev | Kind::MaglevEnvoy) {
            // Decided once: a table that grew with the nodes would move nearly every key.
            settings.table_size = table_size(&settings, members.owning().count())?;
        }
        let table = build(&members, &settings)?;
        Ok(Placement { settings, members, table })
    }

    /// The nodes.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The algorithm and its numbers.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The built algorithm.
    pub fn algorithm(&self) -> &dyn Algorithm {
        match &self.table {
            Table::Ring(t) => t,
            Table::Ketama(t) => t,
            Table::Positional(t) => t,
            Table::Rendezvous(t) => t,
            Table::Weighted(t) => t,
            Table::Maglev(t) => t,
            Table::MultiProbe(t) => t,
            Table::Anchor(t) => t,
            Table::Dx(t) => t,
            Table::Slots(t) => t,
            Table::Tokens(_, t) => t,
        }
    }

    /// The continuum, where the algorithm is one of the ketama family.
    pub fn ketama(&self) -> Option<&Ketama> {
        match &self.table {
            Table::Ketama(ketama) => Some(ketama),
            _ => None,
        }
    }

    /// The ring of points, where the algorithm is one on the 64-bit circle.
    pub fn ring(&self) -> Option<&Ring> {
        match &self.table {
            Table::Ring(ring) | Table::Tokens(_, ring) => Some(ring),
            _ => None,
        }
    }

    /// The Maglev table, where the algorithm is one.
    pub fn maglev(&self) -> Option<&Maglev> {
        if let Table::Maglev(maglev) = &self.table { Some(maglev) } else { None }
    }

    /// The number by which this algorithm knows a key.
    ///
    /// # Errors
    /// [`RingError::NotDecimal`] under the decimal hash, also for a number beyond 32 bits where the algorithm has a 32-bit
    /// circle.
    #[inline]
    pub fn key(&self, key: &[u8]) -> Result<u64, RingError> {
        if self.settings.kind.is_circle() {
            return self.settings.hash.position(key);
        }
        let value = self.settings.hash.value(key)?;
        let narrow = matches!(self.table, Table::Ketama(_)) && self.settings.hash == HashFunction::Decimal;
        if narrow && value > u64::from(u32::MAX) { Err(RingError::NotDecimal) } else { Ok(value) }
    }

    /// The owner of a key.
    ///
    /// # Errors
    /// As [`Placement::key`]; [`RingError::EmptyRing`].
    #[inline]
    pub fn owner(&self, key: &[u8]) -> Result<NodeId, RingError> {
        let key = self.key(key)?;
        // The tables that answer within a few nanoseconds are called directly.
        let owner = match &self.table {
            Table::Ring(table) => table.owner(key),
            Table::Maglev(table) => table.owner(key),
            Table::Anchor(table) => table.owner(key),
            Table::Positional(table) => table.owner(key),
            _ => self.algorithm().owner(key),
        };
        owner.ok_or(RingError::EmptyRing)
    }

    /// The replicas of a key, the owner first.
    ///
    /// # Errors
    /// As [`Placement::key`] and [`replicas()`].
    pub fn replicas(&self, key: &[u8], count: usize, spread: Spread) -> Result<Replicas, RingError> {
        replicas(self.algorithm(), &self.members, self.key(key)?, count, spread)
    }

    /// An empty count of loads over this ring.
    ///
    /// # Errors
    /// [`RingError::Operation`] unless the algorithm is a ring, [`RingError::Option`] for the factor.
    pub fn bounded(&self) -> Result<Bounded, RingError> {
        let ring = self.ring().ok_or(RingError::Operation { what: "bound loads" })?;
        Bounded::new(ring.clone(), &self.members, self.settings.load_factor)
    }

    /// Adds a node behind all others. On an error nothing has changed.
    ///
    /// # Errors
    /// [`RingError::DuplicateName`], [`RingError::Capacity`], and what the algorithm says of the weight.
    pub fn add(&mut self, node: Node) -> Result<NodeId, RingError> {
        let owns = !node.weight().is_zero();
        let id = self.members.insert(node)?;
        let result = match &mut self.table {
            Table::Ring(ring) => ring.add(&self.members, id),
            Table::Anchor(anchor) if owns => self.members.check_equal_weights().and_then(|()| anchor.add(id)),
            Table::Dx(dx) if owns => self.members.check_equal_weights().and_then(|()| dx.add(id)),
            Table::Anchor(_) | Table::Dx(_) => Ok(()),
            Table::Tokens(tokens, ring) => {
                allocate(tokens, &self.members, id, self.settings.vnodes).map(|()| *ring = tokens.to_ring())
            }
            _ => self.rebuild(),
        };
        if let Err(error) = result {
            self.members.undo_insert(id);
            return Err(error);
        }
        Ok(id)
    }

    /// Takes a node away; its id stays vacant. On an error nothing has changed.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`].
    pub fn remove(&mut self, id: NodeId) -> Result<Node, RingError> {
        let node = self.members.get(id).ok_or(RingError::UnknownNode)?.clone();
        let owns = !node.weight().is_zero();
        match &mut self.table {
            Table::Ring(ring) => ring.remove(&self.members, id)?,
            Table::Anchor(anchor) if owns => anchor.remove(id)?,
            Table::Dx(dx) if owns => dx.remove(id)?,
            Table::Tokens(tokens, ring) => {
                tokens.remove(id);
                *ring = tokens.to_ring();
            }
            _ => {}
        }
        self.members.remove(id)?;
        if !matches!(self.table, Table::Ring(_) | Table::Anchor(_) | Table::Dx(_) | Table::Tokens(..)) {
            self.rebuild()?;
        }
        Ok(node)
    }

    /// Gives a node another weight. On an error nothing has changed.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`], [`RingError::WeightsDiffer`], [`RingError::Capacity`].
    pub fn set_weight(&mut self, id: NodeId, weight: Weight) -> Result<(), RingError> {
        let old = self.members.set_weight(id, weight)?;
        let result = match &mut self.table {
            Table::Ring(ring) => ring.reweight(&self.members, id, old),
            Table::Anchor(_) | Table::Dx(_) => self.reseat(id, old, weight),
            Table::Tokens(..) => self.retoken(id, old, weight),
            _ => self.rebuild(),
        };
        if result.is_err() {
            self.members.set_weight(id, old)?;
        }
        result
    }

    /// Moves a node to another zone and rack. Owners stay; replica lists may change.
    ///
    /// # Errors
    /// As [`Members::set_place`].
    pub fn set_place(&mut self, id: NodeId, zone: &str, rack: &str) -> Result<(), RingError> {
        self.members.set_place(id, zone, rack)
    }

    /// This placement as readers share it: taking it never waits for a writer, and a later change leaves it as it is.
    pub fn snapshot(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }

    pub(crate) fn seating(&self) -> Option<(Vec<Option<NodeId>>, &[u32])> {
        match &self.table {
            Table::Anchor(anchor) => Some(anchor.seating()),
            Table::Dx(dx) => Some(dx.seating()),
            _ => None,
        }
    }

    pub(crate) fn tokens(&self) -> Option<&TokenRing> {
        if let Table::Tokens(tokens, _) = &self.table { Some(tokens) } else { None }
    }

    /// Restores what depends on history: seats of AnchorHash and DxHash.
    pub(crate) fn with_seating(
        members: Members,
        settings: Settings,
        owners: Vec<Option<NodeId>>,
        vacant: Vec<u32>,
    ) -> Result<Self, RingError> {
        members.check_equal_weights()?;
        let table = match settings.kind {
            Kind::Anchor => Table::Anchor(Anchor::from_seating(owners, vacant)?),
            _ => Table::Dx(Dx::from_seating(owners, vacant)?),
        };
        Ok(Placement { settings, members, table })
    }

    /// Restores allocated tokens.
    pub(crate) fn with_tokens(members: Members, settings: Settings, tokens: TokenRing) -> Self {
        let ring = tokens.to_ring();
        Placement { settings, members, table: Table::Tokens(tokens, ring) }
    }

    fn rebuild(&mut self) -> Result<(), RingError> {
        self.table = build(&self.members, &self.settings)?;
        Ok(())
    }

    fn reseat(&mut self, id: NodeId, old: Weight, new: Weight) -> Result<(), RingError> {
        self.members.check_equal_weights()?;
        match (&mut self.table, old.is_zero(), new.is_zero()) {
            (Table::Anchor(anchor), true, false) => anchor.add(id),
            (Table::Anchor(anchor), false, true) => anchor.remove(id),
            (Table::Dx(dx), true, false) => dx.add(id),
            (Table::Dx(dx), false, true) => dx.remove(id),
            _ => Ok(()),
        }
    }

    fn retoken(&mut self, id: NodeId, old: Weight, new: Weight) -> Result<(), RingError> {
        self.members.check_equal_weights()?;
        let Table::Tokens(tokens, ring) = &mut self.table else { return Ok(()) };
        if new.is_zero() {
            tokens.remove(id);
        } else if old.is_zero() {
            allocate(tokens, &self.members, id, self.settings.vnodes)?;
        }
        *ring = tokens.to_ring();
        Ok(())
    }
}

fn build(members: &Members, settings: &Settings) -> Result<Table, RingError> {
    let owning = members.owning().count();
    let spare = |default: usize| if settings.capacity == 0 { default } else { settings.capacity as usize };
    Ok(match settings.kind {
        Kind::Ring | Kind::Bounded => Table::Ring(Ring::new(members, settings.hash, settings.vnodes)?),
        Kind::Ketama => Table::Ketama(Ketama::new(members, Flavour::LibmemcachedWeighted)?),
        Kind::Libketama => Table::Ketama(Ketama::new(members, Flavour::Libketama)?),
        Kind::Twemproxy => Table::Ketama(Ketama::new(members, Flavour::Twemproxy)?),
        Kind::Spymemcached => Table::Ketama(Ketama::new(members, Flavour::Spymemcached)?),
        Kind::Modulo => Table::Positional(Positional::new(Choice::Modulo, members)?),
        Kind::Jump => Table::Positional(Positional::new(Choice::Jump, members)?),
        Kind::JumpBack => Table::Positional(Positional::new(Choice::JumpBack, members)?),
        Kind::Flip => Table::Positional(Positional::new(Choice::Flip, members)?),
        Kind::Rendezvous => Table::Rendezvous(Rendezvous::new(members)?),
        Kind::WeightedRendezvous => Table::Weighted(WeightedRendezvous::new(members)),
        // Envoy sorts its hosts by key before it fills a table, so that a list has one table in every order.
        Kind::Maglev | Kind::MaglevEnvoy => {
            Table::Maglev(Maglev::new(members, settings.table_size, TurnOrder::Name)?)
        }
        Kind::MultiProbe => Table::MultiProbe(MultiProbe::new(members, settings.probes)?),
        Kind::Anchor => Table::Anchor(Anchor::new(members, spare(anchor_capacity(owning)))?),
        Kind::Dx => Table::Dx(Dx::new(members, spare(owning + owning / 10 + 16))?),
        Kind::RedisSlots => Table::Slots(SlotMap::even(members)?),
        Kind::TokenAllocator => {
            let mut tokens = TokenRing::new();
            members.check_equal_weights()?;
            tokens.allocate_each(members, members.owning().map(|(id, _)| id), allocation(settings.vnodes))?;
            let ring = tokens.to_ring();
            Table::Tokens(tokens, ring)
        }
    })
}

/// Seats for so many nodes where none were asked for: a power of two, twice the nodes at least. It grows in steps, so that one node more finds the seats
/// of before and takes keys from the others alone. A draw that hits an empty seat is repeated: 1 + ln(seats / nodes) draws in the mean, at most 2.4.
fn anchor_capacity(owning: usize) -> usize {
    (2 * owning).next_power_of_two().clamp(ANCHOR_CAPACITY_MIN, NODES_MAX.max(owning))
}

/// Least seats of an AnchorHash.
const ANCHOR_CAPACITY_MIN: usize = 64;

/// One replication factor for every ring: balance of first owners is what the lab shows.
fn allocation(vnodes: u32) -> Allocation {
    Allocation { tokens: vnodes as usize, replicas: 1, seed: 0 }
}

fn allocate(tokens: &mut TokenRing, members: &Members, id: NodeId, vnodes: u32) -> Result<(), RingError> {
    members.check_equal_weights()?;
    if members.get(id).is_some_and(|n| n.weight().is_zero()) {
        return Ok(());
    }
    tokens.allocate_all(members, id, allocation(vnodes))?;
    Ok(())
}

fn table_size(settings: &Settings, nodes: usize) -> Result<u32, RingError> {
    match settings.table_size {
        0 => prime_at_least(u32::try_from(nodes * 100).unwrap_or(u32::MAX).max(65_537)),
        size => Ok(size),
    }
}

/// Nodes visited by a key's walk until `count` distinct ones are met, without regard to zones.
pub fn first_distinct(algorithm: &dyn Algorithm, key: u64, count: usize) -> Vec<NodeId> {
    let mut found = Vec::with_capacity(count);
    algorithm.walk(key, &mut |node| {
        if found.len() < count && !found.contains(&node) {
            found.push(node);
        }
        if found.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found
}
