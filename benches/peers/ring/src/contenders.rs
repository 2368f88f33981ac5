//! The contenders behind one trait.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use dolmen_ring::{HashFunction, Kind, Members, Node, Placement, Settings};
use maglev::ConsistentHasher;

/// What is looked up.
pub type Key = [u8; 24];

/// A built table.
pub trait Contender {
    /// Looks all keys up; the sum depends on every answer.
    fn lookups(&self, keys: &[Key]) -> u64;
    /// One node more.
    fn add(&mut self);
    /// That node leaves.
    fn remove(&mut self);
    /// Whether it can change without being built anew.
    fn changes(&self) -> bool;
}

type Fixed = BuildHasherDefault<DefaultHasher>;
type Names = &'static [String];
type Build = fn(Names) -> Box<dyn Contender>;

struct Case<T> {
    table: T,
    get: fn(&T, &Key) -> u64,
    change: Option<(fn(&mut T), fn(&mut T))>,
}

impl<T> Contender for Case<T> {
    fn lookups(&self, keys: &[Key]) -> u64 {
        keys.iter().fold(0, |sum, key| sum.wrapping_add((self.get)(&self.table, key)))
    }

    fn add(&mut self) {
        if let Some((add, _)) = self.change {
            add(&mut self.table);
        }
    }

    fn remove(&mut self) {
        if let Some((_, remove)) = self.change {
            remove(&mut self.table);
        }
    }

    fn changes(&self) -> bool {
        self.change.is_some()
    }
}

/// Ours, a key at a time or all in batches.
struct Ours {
    placement: Placement,
    batch: bool,
}

impl Contender for Ours {
    fn lookups(&self, keys: &[Key]) -> u64 {
        let mut sum = 0u64;
        if !self.batch {
            for key in keys {
                sum = sum.wrapping_add(self.placement.owner(key).map_or(0, |id| id.get().into()));
            }
            return sum;
        }
        let (mut hashes, mut owners) = (Vec::with_capacity(256), Vec::with_capacity(256));
        for group in keys.chunks(256) {
            hashes.clear();
            hashes.extend(group.iter().map(|key| self.placement.key(key).expect("not decimal")));
            self.placement.algorithm().owners(&hashes, &mut owners);
            sum = owners.iter().flatten().fold(sum, |sum, id| sum.wrapping_add(id.get().into()));
        }
        sum
    }

    fn add(&mut self) {
        self.placement.add(Node::new("one-more").expect("a name")).expect("there is room");
    }

    fn remove(&mut self) {
        let id = self.placement.members().find("one-more").expect("it was added");
        self.placement.remove(id).expect("it was added");
    }

    fn changes(&self) -> bool {
        true
    }
}

fn ours(names: Names, kind: Kind, batch: bool) -> Box<dyn Contender> {
    let nodes = names.iter().map(|name| Node::new(name).expect("a name"));
    let members = Members::from_nodes(nodes).expect("distinct names");
    // As the other Maglev crates: the first prime above 100 slots a node.
    let table_size = dolmen_ring::maglev::prime_at_least(names.len() as u32 * 100).expect("within the limit");
    let settings = Settings { table_size, capacity: capacity(names) as u32, ..Settings::new(kind) };
    Box::new(Ours { placement: Placement::new(members, settings).expect("valid settings"), batch })
}

/// A tenth to spare for AnchorHash and DxHash.
fn capacity(names: Names) -> usize {
    names.len() + names.len() / 10 + 1
}

/// Points of a node on a ring.
const VNODES: u32 = 160;

/// What every lookup pays: the hash of the key.
fn hash_alone(_: Names) -> Box<dyn Contender> {
    let get = |(): &(), key: &Key| HashFunction::Xxh3.value(key).expect("not decimal");
    Box::new(Case { table: (), get, change: None })
}

fn hashring(names: Names) -> Box<dyn Contender> {
    let mut ring = hashring::HashRing::new();
    ring.batch_add((0..names.len() as u32).flat_map(|n| (0..VNODES).map(move |i| (n, i))).collect());
    Box::new(Case {
        table: ring,
        get: |ring, key| ring.get(key).map_or(0, |node| node.0.into()),
        change: Some((
            |ring| ring.batch_add((0..VNODES).map(|i| (u32::MAX, i)).collect()),
            |ring| (0..VNODES).for_each(|i| assert!(ring.remove(&(u32::MAX, i)).is_some())),
        )),
    })
}

fn consistent_hash(names: Names) -> Box<dyn Contender> {
    use consistent_hash::{DefaultHash, Node, StaticHashRing};
    let nodes = names.iter().enumerate().map(|(i, name)| Node::new(name).value(i).quantity(VNODES as usize));
    Box::new(Case {
        table: StaticHashRing::new(DefaultHash, nodes),
        get: |ring, key| ring.calc_candidates(key).next().map_or(0, |node| node.value as u64),
        change: None,
    })
}

#[derive(Clone)]
struct Named(String, u64);

impl conhash::Node for Named {
    fn name(&self) -> String {
        self.0.clone()
    }
}

fn conhash(names: Names) -> Box<dyn Contender> {
    let mut ring = conhash::ConsistentHash::new();
    for (i, name) in (0..).zip(names) {
        ring.add(&Named(name.clone(), i), VNODES as usize);
    }
    Box::new(Case {
        table: ring,
        get: |ring, key| ring.get(key).map_or(0, |node| node.1),
        change: Some((
            |ring| ring.add(&Named("one-more".into(), 0), VNODES as usize),
            |ring| ring.remove(&Named("one-more".into(), 0)),
        )),
    })
}

static ONE_MORE: &str = "one-more";

/// Numbers of the nodes are their addresses: these crates give back what they were given by reference.
fn address<T: ?Sized>(node: &T) -> u64 {
    std::ptr::from_ref(node).cast::<u8>() as u64
}

fn leaked(names: Names) -> &'static [&'static str] {
    names.iter().map(String::as_str).collect::<Vec<_>>().leak()
}

fn hash_rings_ring(names: Names) -> Box<dyn Contender> {
    let mut ring = hash_rings::consistent::Ring::with_hasher(Fixed::default());
    leaked(names).iter().for_each(|name| ring.insert_node(name, VNODES as usize));
    Box::new(Case {
        table: ring,
        get: |ring, key| address(ring.get_node(key)),
        change: Some((
            |ring| ring.insert_node(&ONE_MORE, VNODES as usize),
            |ring| ring.remove_node(&ONE_MORE),
        )),
    })
}

fn hash_rings_multi_probe(names: Names) -> Box<dyn Contender> {
    let mut ring = hash_rings::mpc::Ring::with_hasher(Fixed::default(), 21);
    leaked(names).iter().for_each(|name| ring.insert_node(name));
    Box::new(Case {
        table: ring,
        get: |ring, key| address(ring.get_node(key)),
        change: Some((|ring| ring.insert_node(&ONE_MORE), |ring| ring.remove_node(&ONE_MORE))),
    })
}

fn hash_rings_rendezvous(names: Names) -> Box<dyn Contender> {
    let mut ring = hash_rings::rendezvous::Ring::with_hasher(Fixed::default());
    leaked(names).iter().for_each(|name| ring.insert_node(name, 1));
    Box::new(Case {
        table: ring,
        get: |ring, key| address(ring.get_node(key)),
        change: Some((|ring| ring.insert_node(&ONE_MORE, 1), |ring| ring.remove_node(&ONE_MORE))),
    })
}

fn hash_rings_maglev(names: Names) -> Box<dyn Contender> {
    Box::new(Case {
        table: hash_rings::maglev::Ring::new(leaked(names).iter().collect()),
        get: |ring, key| address(ring.get_node(key)),
        change: None,
    })
}

fn mpchash(names: Names) -> Box<dyn Contender> {
    let ring = mpchash::HashRing::new();
    (0..names.len() as u64).for_each(|i| ring.add(i));
    Box::new(Case {
        table: ring,
        get: |ring, key| ring.node(key).map_or(0, |token| *token.node()),
        change: Some((|ring| ring.add(u64::MAX), |ring| ring.remove(&u64::MAX))),
    })
}

fn jumphash(names: Names) -> Box<dyn Contender> {
    Box::new(Case {
        table: (jumphash::JumpHasher::new(), names.len() as u32),
        get: |(hasher, count), key| hasher.slot(key, *count).into(),
        change: Some((|table| table.1 += 1, |table| table.1 -= 1)),
    })
}

fn anchorhash(names: Names) -> Box<dyn Contender> {
    let builder = anchorhash::Builder::with_hasher(Fixed::default()).with_resources(0..names.len() as u64);
    Box::new(Case {
        table: builder.build::<Key>(capacity(names) as u16),
        get: |table, key| *table.get_resource(*key).unwrap_or(&0),
        change: Some((
            |table| table.add_resource(u64::MAX).expect("there is room"),
            |table| table.remove_resource(&u64::MAX).expect("it was added"),
        )),
    })
}

fn maglev(names: Names) -> Box<dyn Contender> {
    Box::new(Case {
        table: maglev::Maglev::<_, Fixed>::new(0..names.len() as u64),
        get: |table, key| *table.get(key).unwrap_or(&0),
        change: None,
    })
}

/// Name, most nodes (beyond, it cannot be built or takes minutes), how to build it.
pub const KINDS: [(&str, usize, Build); 25] = [
    ("*the hash alone (xxh3)*", 1 << 20, hash_alone),
    ("**dolmen ring**", 1 << 20, |n| ours(n, Kind::Ring, false)),
    ("**dolmen ring, batches**", 1 << 20, |n| ours(n, Kind::Ring, true)),
    ("hashring 0.3.6", 1 << 20, hashring),
    ("consistent_hash 0.1.4", 1 << 20, consistent_hash),
    ("conhash 0.5.1", 1 << 20, conhash),
    ("hash-rings 1.1.0 ring", 1 << 20, hash_rings_ring),
    ("**dolmen multi-probe**, 21", 1 << 20, |n| ours(n, Kind::MultiProbe, false)),
    ("hash-rings 1.1.0 multi-probe, 21", 1 << 20, hash_rings_multi_probe),
    ("mpchash 2.0.10, 23", 1 << 20, mpchash),
    ("**dolmen jump**", 1 << 20, |n| ours(n, Kind::Jump, false)),
    ("**dolmen jump-back**", 1 << 20, |n| ours(n, Kind::JumpBack, false)),
    ("**dolmen flip**", 1 << 20, |n| ours(n, Kind::Flip, false)),
    ("jumphash 0.1.9", 1 << 20, jumphash),
    ("**dolmen anchor**", 1 << 20, |n| ours(n, Kind::Anchor, false)),
    ("**dolmen dx**", 1 << 20, |n| ours(n, Kind::Dx, false)),
    ("anchorhash 0.2.2", 50_000, anchorhash),
    ("**dolmen maglev**", 1 << 20, |n| ours(n, Kind::Maglev, false)),
    ("maglev 0.2.1", 1_000, maglev),
    ("hash-rings 1.1.0 maglev", 1_000, hash_rings_maglev),
    ("**dolmen rendezvous**", 1 << 20, |n| ours(n, Kind::Rendezvous, false)),
    ("**dolmen rendezvous, batches**", 1 << 20, |n| ours(n, Kind::Rendezvous, true)),
    ("**dolmen weighted rendezvous**", 1 << 20, |n| ours(n, Kind::WeightedRendezvous, false)),
    ("hash-rings 1.1.0 rendezvous", 1 << 20, hash_rings_rendezvous),
    ("**dolmen ketama**", 1 << 20, |n| ours(n, Kind::Ketama, false)),
];
