//! Faults that other implementations had, one test each.

use std::num::NonZeroU32;

use dolmen_base::Rng;
use dolmen_ring::ketama::{Flavour, Ketama};
use dolmen_ring::lines::LinedRing;
use dolmen_ring::maglev::{Maglev, TurnOrder};
use dolmen_ring::positional::jump;
use dolmen_ring::ring::Ring;
use dolmen_ring::slots::{hash_tag, key_slot};
use dolmen_ring::{
    Algorithm, HashFunction, Kind, Members, Node, NodeId, Placement, RingError, Settings, Weight,
};

fn places(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

fn ids(list: &[u32]) -> Vec<Option<NodeId>> {
    list.iter().map(|&i| Some(NodeId::new(i))).collect()
}

/// nebulex_redis_adapter #64, redisson #2896: hash tags.
#[test]
fn redis_slot_of_a_hash_tag() {
    let slots =
        ["inv{eu}", "eu", "{k", "k", "cart:{7}{9}", "7", "счёт{дом}"].map(|k| key_slot(k.as_bytes()).get());
    assert_eq!(slots, [6893, 6893, 2414, 7629, 1716, 1716, 15_617]);
    assert_eq!(hash_tag(b"a{}b{x}"), b"a{}b{x}", "an empty tag hashes the whole key");
}

/// go-jump #12, guava #3539: vectors, and a growth that moves one key in eleven to the new bucket and nowhere else.
#[test]
fn jump_hash_vectors() {
    let rows = [
        (0, 60, 0),
        (1, 60, 55),
        (42, 7, 2),
        (123_456_789, 1000, 294),
        (1 << 63, 4096, 453),
        (987_654_321_987_654_321, 10, 9),
        (987_654_321_987_654_321, 20, 18),
    ];
    for (key, buckets, want) in rows {
        assert_eq!(jump(key, places(buckets)), want);
    }
    let mut moved = 0;
    for k in 0..100_000u64 {
        let key = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if jump(key, places(10)) != jump(key, places(11)) {
            assert_eq!(jump(key, places(11)), 10);
            moved += 1;
        }
    }
    assert_eq!(moved, 9074);
}

/// node-hashring #23, pylibmc #106: the default port is no part of the hashed name.
#[test]
fn default_port_in_node_names() {
    let build = |name: &str, flavour| {
        Ketama::new(&Members::parse(&format!("{name},other")).unwrap(), flavour).unwrap()
    };
    let weighted = |name| build(name, Flavour::LibmemcachedWeighted);
    assert_eq!(weighted("10.0.0.1:11211"), weighted("10.0.0.1"));
    assert_ne!(weighted("10.0.0.1:11212"), weighted("10.0.0.1"));
    assert_ne!(build("10.0.0.1", Flavour::Spymemcached), weighted("10.0.0.1"));
    assert_eq!(build("10.0.0.1", Flavour::Spymemcached), build("10.0.0.1:11211", Flavour::Spymemcached));
}

/// EnyimMemcached #100, carbon-c-relay #260: hashes outside all points, and exactly on one.
#[test]
fn hash_outside_all_points_and_on_a_point() {
    let points = [(100, 0), (200, 1), (300, 2)].map(|(p, n)| (p, NodeId::new(n)));
    let ring = Ring::from_points(points.to_vec());
    let keys = [0, 100, 101, 300, 301, u64::MAX];
    let mut owners = Vec::new();
    ring.owners(&keys, &mut owners);
    assert_eq!(owners, ids(&[0, 0, 1, 2, 0, 0]));
    for position in 0..=u64::from(u16::MAX) {
        assert!(ring.owner(position).is_some() && ring.owner(position << 48).is_some());
    }
    let one = Ring::from_points(vec![(7, NodeId::new(3))]);
    assert_eq!(one.owner(0), one.owner(u64::MAX));
}

/// python-binary-memcached #236, node-hashring #45: the mapping is a function of names.
#[test]
fn same_list_same_mapping() {
    let settings = Settings::new(Kind::Ring);
    let names: Vec<String> = (1..=8).map(|i| format!("cache{i}")).collect();
    let build = |names: &mut dyn Iterator<Item = &String>| {
        Placement::new(Members::from_nodes(names.map(|n| Node::new(n).unwrap())).unwrap(), settings).unwrap()
    };
    let all = build(&mut names.iter());
    let reversed = build(&mut names.iter().rev());
    let mut back = build(&mut names.iter());
    let node = back.remove(back.members().find("cache3").unwrap()).unwrap();
    back.add(node).unwrap();
    let mut grown = build(&mut names[..6].iter());
    grown.add(Node::new("cache7").unwrap()).unwrap();
    grown.add(Node::new("cache8").unwrap()).unwrap();
    for i in 0..100_000 {
        let key = format!("key{i}");
        let owner = |p: &Placement| p.members().name(p.owner(key.as_bytes()).unwrap()).to_string();
        let want = owner(&all);
        assert!([&reversed, &back, &grown].iter().all(|p| owner(p) == want), "{key}");
    }
}

/// envoy #6035: weights over a table, more hosts than slots, a size that is not prime.
#[test]
fn maglev_weights() {
    let table = |list: &str, size| Maglev::new(&Members::parse(list).unwrap(), size, TurnOrder::List);
    let counts = table("a=1,b=2", 65_537).unwrap().counts();
    assert!(counts[0].abs_diff(21_846) <= 1 && counts[1].abs_diff(43_691) <= 1, "{counts:?}");
    assert!(table("a,b,c", 7).unwrap().counts().iter().all(|&c| c >= 2));
    assert_eq!(table("a,b,c,d", 3).unwrap_err(), RingError::Capacity { nodes: 4, capacity: 3 });
    assert_eq!(table("a,b", 8).unwrap_err(), RingError::NotPrime { size: 8 });
}

/// dpvs #376, uhashring: a weight of zero at the start, at the end, and at removal.
#[test]
fn weight_zero() {
    let mut ring = Placement::new(Members::parse("a=1,b=0").unwrap(), Settings::new(Kind::Ring)).unwrap();
    let (a, b) = (NodeId::new(0), NodeId::new(1));
    let count = |ring: &Placement, node| {
        (0..1000).filter(|i| ring.owner(format!("{i}").as_bytes()) == Ok(node)).count()
    };
    assert_eq!(count(&ring, a), 1000);
    ring.set_weight(b, Weight::ONE).unwrap();
    assert!(count(&ring, a) > 300 && count(&ring, b) > 300);
    ring.set_weight(a, Weight::new(0.0).unwrap()).unwrap();
    assert_eq!(count(&ring, b), 1000);
    ring.set_weight(b, Weight::new(0.0).unwrap()).unwrap();
    assert_eq!(ring.owner(b"x"), Err(RingError::EmptyRing));
    ring.remove(b).unwrap();
    assert!(ring.ring().unwrap().is_empty());
}

/// The original exercise: an equal hash crashed it, and a collision silently took a node away.
#[test]
fn equal_hashes_go_to_the_smaller_name() {
    let members = Members::parse("b,a,c").unwrap();
    let ring = Ring::new(&members, HashFunction::RedisSlot, 2000).unwrap();
    let mut shared = 0;
    let points: Vec<_> = ring.points().collect();
    for pair in points.windows(2).filter(|p| p[0].0 == p[1].0) {
        assert!(members.name(pair[0].1) <= members.name(pair[1].1));
        shared += u32::from(pair[0].1 != pair[1].1);
        let first = points.iter().find(|p| p.0 == pair[0].0).unwrap().1;
        assert_eq!(ring.owner(pair[0].0), Some(first));
    }
    assert!(shared > 100, "14 bits make 6,000 points collide");
    assert_eq!(ring.len(), 6000);
}

/// Bad input is refused with a sentence and changes nothing.
#[test]
fn bad_input_is_refused() {
    for (weight, text) in [(-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf"), (1e300, "1e300")] {
        assert!(matches!(Weight::new(weight), Err(RingError::Weight { .. })));
        assert!(Node::parse(&format!("a={text}")).is_err());
    }
    assert_eq!(Node::parse("a=heavy"), Err(RingError::WeightSyntax));
    assert_eq!(Members::parse("a,,b"), Err(RingError::EmptyName));
    assert_eq!(Members::parse("a,b,a"), Err(RingError::DuplicateName { index: 2 }));
    assert_eq!(Node::new("a b"), Err(RingError::NameCharacter { at: 1 }));
    assert!(matches!(Node::new(&"x".repeat(256)), Err(RingError::NameTooLong { len: 256, .. })));
    let huge = Members::parse("a=1000000,b=1000000").unwrap();
    assert!(matches!(
        Placement::new(huge, Settings { vnodes: 65_536, ..Settings::new(Kind::Ring) }),
        Err(RingError::TooManyPoints { .. })
    ));
    for kind in [Kind::Anchor, Kind::Dx] {
        let settings = Settings { capacity: 4, ..Settings::new(kind) };
        let mut full = Placement::new(Members::numbered(4), settings).unwrap();
        let before = full.clone();
        let refused = full.add(Node::new("fifth").unwrap());
        assert_eq!(refused, Err(RingError::Capacity { nodes: 5, capacity: 4 }));
        assert_eq!(full, before, "a refused change changes nothing");
    }
    for kind in Kind::ALL {
        let mut empty = Placement::new(Members::new(), Settings::new(kind)).unwrap();
        assert_eq!(
            empty.owner(if kind == Kind::Ring { b"x" } else { b"7" }),
            Err(RingError::EmptyRing),
            "{kind}"
        );
        let id = empty.add(Node::new("first").unwrap()).unwrap();
        assert_eq!(empty.owner(b"7"), Ok(id), "{kind}");
        empty.remove(id).unwrap();
        assert_eq!(empty.owner(b"7"), Err(RingError::EmptyRing), "{kind}");
        assert_eq!(empty.remove(id), Err(RingError::UnknownNode));
    }
}

/// A Maglev table keeps its size when nodes come: one that grew with them would move nearly every key.
#[test]
fn a_maglev_table_does_not_move_everything_when_it_grows() {
    let before = Placement::new(Members::numbered(700), Settings::new(Kind::Maglev)).unwrap();
    let mut after = before.clone();
    after.add(Node::new("one-more").unwrap()).unwrap();
    let moved = (0..20_000u64).filter(|&k| before.algorithm().owner(k) != after.algorithm().owner(k)).count();
    assert!(moved < 2000, "{moved} of 20000");
}

fn owners_of(kind: Kind, names: &[String], keys: u64) -> Vec<String> {
    let mut members = Members::new();
    for name in names {
        members.insert(Node::new(name).unwrap()).unwrap();
    }
    let settings = Settings { table_size: 251, ..Settings::new(kind) };
    let placement = Placement::new(members, settings).unwrap();
    (0..keys)
        .map(|k| {
            let id = placement.owner(format!("k{k}").as_bytes()).unwrap();
            placement.members().name(id).to_owned()
        })
        .collect()
}

/// Envoy sorts its hosts by key before it fills a table: a list has one table in every order.
#[test]
fn envoys_table_does_not_depend_on_the_order_of_the_list() {
    let names: Vec<String> = ["b", "c", "a", "host-10", "host-9"].map(String::from).to_vec();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(owners_of(Kind::MaglevEnvoy, &names, 500), owners_of(Kind::MaglevEnvoy, &sorted, 500));
}

/// cache-590 and cache-712 have a point in common: it is the smaller name's, whatever the order of the list and what was added and removed.
#[test]
fn equal_ketama_points_go_to_the_smaller_name() {
    let names = ["cache-590".to_owned(), "cache-712".to_owned()];
    let swapped = [names[1].clone(), names[0].clone()];
    for kind in [Kind::Libketama, Kind::Twemproxy, Kind::Ketama, Kind::Spymemcached] {
        assert_eq!(owners_of(kind, &names, 2000), owners_of(kind, &swapped, 2000), "{kind}");
    }
    let of = |list: &str| Ketama::new(&Members::parse(list).unwrap(), Flavour::Libketama).unwrap();
    let ring = of("cache-712,cache-590");
    let shared: Vec<(u32, NodeId)> = ring.points().collect();
    let equal: Vec<_> = shared.windows(2).filter(|pair| pair[0].0 == pair[1].0).collect();
    assert_eq!(equal.len(), 1, "one point in common");
    // The list has cache-712 first; the point is cache-590's.
    assert_eq!(equal[0][0].1, NodeId::new(1));
    assert_eq!(ring.owner(u64::from(equal[0][0].0)), Some(NodeId::new(1)));
    let mut placement =
        Placement::new(Members::parse("cache-590,cache-712").unwrap(), Settings::new(Kind::Libketama))
            .unwrap();
    let before: Vec<String> = owners_of(Kind::Libketama, &names, 2000);
    let id = placement.members().find("cache-590").unwrap();
    placement.remove(id).unwrap();
    placement.add(Node::new("cache-590").unwrap()).unwrap();
    for (k, before) in before.iter().enumerate() {
        let id = placement.owner(format!("k{k}").as_bytes()).unwrap();
        assert_eq!(placement.members().name(id), before, "added after it was removed");
    }
}

/// One node more moves keys to itself alone, although nobody said how many seats there are to be.
#[test]
fn one_node_more_moves_only_to_it() {
    for count in [2, 33, 36, 100] {
        let names: Vec<String> = (0..=count).map(|i| format!("node-{i}")).collect();
        for kind in [Kind::Anchor, Kind::Dx] {
            let before = owners_of(kind, &names[..count], 3000);
            let after = owners_of(kind, &names, 3000);
            let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
            let elsewhere = moved.clone().filter(|(_, after)| **after != names[count]).count();
            assert_eq!(elsewhere, 0, "{kind}: {count} nodes and one more");
            assert!(moved.count() <= 2 * 3000 / count, "{kind}: {count} nodes and one more");
        }
    }
}

/// A ring with lines has the ring's owners: of random keys, of every point and its neighbours, with few points, many, and all in one bucket.
#[test]
fn lines_agree_with_their_ring() {
    let mut rng = Rng::new(3);
    let mut rings: Vec<Ring> = [(0, 1), (1, 1), (1, 3), (2, 160), (10, 160), (300, 160)]
        .map(|(nodes, vnodes)| Ring::new(&Members::numbered(nodes), HashFunction::Xxh3, vnodes).unwrap())
        .to_vec();
    // Weak hashes: everything in few buckets, suffixes that are equal, the ends of the circle.
    let point = |at: u64| (at, NodeId::new((at % 7) as u32));
    rings.push(Ring::from_points((0..200).map(|i| point(i * 3)).collect()));
    rings.push(Ring::from_points((0..200).map(|i| point((5 << 58) + i)).collect()));
    rings.push(Ring::from_points((0..64).flat_map(|i| [point(i << 58), point((i << 58) + 1)]).collect()));
    rings.push(Ring::from_points([0, 1, u64::MAX - 1, u64::MAX].map(point).to_vec()));
    for ring in rings {
        let lined = LinedRing::new(ring.clone());
        let near = ring.points().flat_map(|(at, _)| [at.wrapping_sub(1), at, at.wrapping_add(1)]);
        let mut keys: Vec<u64> = near.chain([0, u64::MAX]).collect();
        keys.extend((0..20_000).map(|_| rng.next_u64()));
        let mut batch = Vec::new();
        lined.owners(&keys, &mut batch);
        for (key, batched) in keys.iter().zip(batch) {
            assert_eq!(lined.owner(*key), ring.owner(*key), "{key:#x} of {} points", ring.len());
            assert_eq!(batched, ring.owner(*key), "{key:#x} of {} points", ring.len());
        }
    }
}
