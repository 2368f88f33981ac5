//! The naive twins as judges of every algorithm (those of the ring, Maglev, rendezvous, AnchorHash and NetworkTopologyStrategy
//! stand in `properties.rs`, beside what else must hold for them).

use std::num::NonZeroU32;

use dolmen_base::Rng;
use dolmen_ring::bounded::Bounded;
use dolmen_ring::cassandra::{Allocation, TokenRing, position};
use dolmen_ring::haproxy::{HaproxyRing, Server};
use dolmen_ring::hash::{mix64, siphash24};
use dolmen_ring::ketama::{Flavour, Hash32, Ketama};
use dolmen_ring::maglev::TurnOrder;
use dolmen_ring::multi_probe::MultiProbe;
use dolmen_ring::naive::{allocators, circle, loads, numbered, plan::Diary, replicas, tables};
use dolmen_ring::plan::{Input, Pace, Plan, StepId};
use dolmen_ring::positional::{flip, jump, jump_back};
use dolmen_ring::replicas::replicas as fast_replicas;
use dolmen_ring::slots::{Slot, SlotMap, key_slot};
use dolmen_ring::{
    Algorithm, HashFunction, Kind, Members, Node, NodeId, Placement, Settings, Spread, Weight, analysis,
};
use proptest::prelude::*;

fn node(name: &str, weight: f64) -> Node {
    Node::new(name).unwrap().with_weight(Weight::new(weight).unwrap())
}

/// Names with weights, of which some are zero and some no whole numbers.
fn weighted() -> impl Strategy<Value = Vec<(String, f64)>> {
    let weight =
        prop_oneof![Just(1.0), 0.0..3.0, (1u32..1000).prop_map(f64::from), Just(1.0 / 3.0), Just(0.0)];
    proptest::collection::btree_map("[a-z]{1,6}(:(11211|80))?", weight, 1..9)
        .prop_map(|m| m.into_iter().collect())
}

fn members(list: &[(String, f64)]) -> Members {
    Members::from_nodes(list.iter().map(|(name, weight)| node(name, *weight))).unwrap()
}

fn names() -> impl Strategy<Value = Members> {
    proptest::collection::btree_set("[a-z]{1,6}", 1..20)
        .prop_map(|set| Members::from_nodes(set.iter().map(|n| Node::new(n).unwrap())).unwrap())
}

/// The inverse of `mix64`.
fn unmix64(mut z: u64) -> u64 {
    z = (z ^ (z >> 31) ^ (z >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    z = (z ^ (z >> 27) ^ (z >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    z ^ (z >> 30) ^ (z >> 60)
}

/// All nodes that a walk visits, each once, in the order of their first visit.
fn first_visits(walk: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
    let mut seen = Vec::new();
    for id in walk {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}

fn walk(algorithm: &dyn Algorithm, key: u64) -> Vec<NodeId> {
    let mut visits = Vec::new();
    algorithm.walk(key, &mut |id| {
        visits.push(id);
        std::ops::ControlFlow::Continue(())
    });
    visits
}

const FLAVOURS: [Flavour; 6] = [
    Flavour::Libketama,
    Flavour::LibmemcachedWeighted,
    Flavour::LibmemcachedUnweighted(Hash32::OneAtATime),
    Flavour::LibmemcachedUnweighted(Hash32::Crc32),
    Flavour::Spymemcached,
    Flavour::Twemproxy,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ketama(list in weighted(), hashes in proptest::collection::vec(any::<u32>(), 20)) {
        let all = members(&list);
        let owning: Vec<(&str, f64)> = list.iter().filter(|n| n.1 > 0.0).map(|(n, w)| (n.as_str(), *w)).collect();
        for flavour in FLAVOURS {
            let ring = Ketama::new(&all, flavour).unwrap();
            let points = circle::ketama_points(&owning, flavour);
            prop_assert_eq!(ring.len(), points.len(), "{:?}", flavour);
            let edges = points.iter().take(8).flat_map(|p| [p.0, p.0.wrapping_sub(1), p.0.wrapping_add(1)]);
            for hash in hashes.iter().copied().chain(edges).chain([0, u32::MAX]) {
                let got = ring.owner(u64::from(hash)).map(|id| all.name(id));
                prop_assert_eq!(got, circle::ketama_owner(&points, hash).map(|i| owning[i].0), "{:?}", flavour);
            }
        }
    }

    #[test]
    fn walks_of_rings(list in weighted(), vnodes in 1u32..9, key in any::<u64>()) {
        let small: Vec<_> = list.into_iter().map(|(name, weight)| (name, weight.min(3.0))).collect();
        let settings = Settings { vnodes, ..Settings::new(Kind::Ring) };
        let placement = Placement::new(members(&small), settings).unwrap();
        let twin = circle::clockwise(placement.members(), HashFunction::Xxh3, vnodes, key);
        prop_assert_eq!(walk(placement.algorithm(), key), twin);
    }

    #[test]
    fn weighted_rendezvous(list in weighted(), keys in proptest::collection::vec(any::<u64>(), 20)) {
        let placement = Placement::new(members(&list), Settings::new(Kind::WeightedRendezvous)).unwrap();
        for key in keys {
            let twin = tables::weighted_rendezvous(placement.members(), key);
            prop_assert_eq!(placement.algorithm().owner(key), twin.first().copied());
            prop_assert_eq!(walk(placement.algorithm(), key), twin);
        }
    }

    #[test]
    fn multi_probe(nodes in names(), probes in 1u32..30, keys in proptest::collection::vec(any::<u64>(), 20)) {
        let table = MultiProbe::new(&nodes, probes).unwrap();
        // Keys whose first probe hits a point: that point is then a whole circle away.
        let on_points = nodes.iter().map(|(_, node)| unmix64(unmix64(siphash24(0, 0, node.name().as_bytes()))));
        for key in keys.into_iter().chain(on_points) {
            prop_assert_eq!(table.owner(key), circle::multi_probe_owner(&nodes, probes, key));
            let bytes = key.to_le_bytes();
            let (first, step) = (siphash24(1, 0, &bytes), siphash24(2, 0, &bytes));
            let sequence = (0..u64::from(probes)).map(|i| first.wrapping_add(step.wrapping_mul(i)));
            prop_assert_eq!(table.owner_of_bytes(&bytes), circle::nearest_of_probes(&nodes, sequence));
        }
    }

    #[test]
    fn dx(
        nodes in 1usize..20,
        capacity in 20u32..70,
        changes in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..40),
        key in any::<u64>(),
    ) {
        let settings = Settings { capacity, ..Settings::new(Kind::Dx) };
        let mut placement = Placement::new(Members::numbered(nodes), settings).unwrap();
        let size = capacity.next_power_of_two() as usize;
        let mut seats: Vec<Option<NodeId>> = (0..size).map(|i| (i < nodes).then(|| NodeId::new(i as u32))).collect();
        let mut left: Vec<usize> = (nodes..size).rev().collect();
        for (nth, (join, pick)) in changes.into_iter().enumerate() {
            let live: Vec<NodeId> = seats.iter().flatten().copied().collect();
            if join && !left.is_empty() {
                let id = placement.add(node(&format!("new-{nth}"), 1.0)).unwrap();
                seats[left.pop().unwrap()] = Some(id);
            } else if live.len() > 1 {
                let id = *pick.get(&live);
                placement.remove(id).unwrap();
                let seat = seats.iter().position(|s| *s == Some(id)).unwrap();
                seats[seat] = None;
                left.push(seat);
            }
        }
        for key in (0..30).map(|i| mix64(key ^ i)) {
            let seat = tables::dx_slot(size as u64, |slot| seats[slot as usize].is_some(), key);
            prop_assert_eq!(placement.algorithm().owner(key), seats[seat as usize]);
        }
    }

    #[test]
    fn bounded_loads(
        weights in proptest::collection::vec(0u32..6, 1..9),
        thousandths in 1000u64..2500,
        steps in proptest::collection::vec((any::<u64>(), 0u8..5), 1..120),
    ) {
        let list: Vec<_> = weights.iter().enumerate().map(|(i, w)| (format!("n{i}"), f64::from(*w))).collect();
        let all = members(&list);
        let settings = Settings { vnodes: 5, load_factor: thousandths as f64 / 1000.0, ..Settings::new(Kind::Bounded) };
        let placement = Placement::new(all.clone(), settings).unwrap();
        let mut bounded: Bounded = placement.bounded().unwrap();
        let weight = |id: NodeId| u64::from(weights[id.get() as usize]);
        let total = weights.iter().map(|w| u64::from(*w)).sum();
        let mut placed: Vec<NodeId> = Vec::new();
        for (key, action) in steps {
            if action == 0 && !placed.is_empty() {
                bounded.release(placed.swap_remove(key as usize % placed.len())).unwrap();
                continue;
            }
            let order = circle::clockwise(&all, HashFunction::Xxh3, 5, key);
            let twin = loads::bounded_owner(&order, weight, total, thousandths, &placed);
            prop_assert_eq!(bounded.assign(key).ok(), twin);
            placed.extend(twin);
        }
    }

    #[test]
    fn haproxy_with_a_balance_factor(
        servers in proptest::collection::btree_map(1u32..200, 0u32..12, 1..7),
        factor in 101u32..400,
        steps in proptest::collection::vec((any::<u32>(), 0u8..4), 1..60),
    ) {
        let list: Vec<(u32, u32)> = servers.into_iter().collect();
        let weights: Vec<u32> = list.iter().map(|s| s.1).collect();
        let server = |&(id, weight): &(u32, u32)| Server { id, weight };
        let free_ring = HaproxyRing::new(list.iter().map(server).collect(), 0).unwrap();
        let mut ring = HaproxyRing::new(list.iter().map(server).collect(), factor).unwrap();
        let mut served = vec![0u32; list.len()];
        for (hash, action) in steps {
            prop_assert_eq!(free_ring.owner(hash), circle::haproxy_owner(&list, hash, |_| true));
            if weights.iter().all(|&w| w == 0) {
                prop_assert_eq!(ring.owner(hash), None);
                continue;
            }
            let slots = loads::haproxy_slots(&weights, &served, factor);
            prop_assert_eq!((0..list.len()).map(|i| ring.slots(i)).collect::<Vec<_>>(), slots.clone());
            let twin = circle::haproxy_owner(&list, hash, |s| served[s] < slots[s]);
            prop_assert_eq!(ring.owner(hash), twin);
            let busy = served.iter().position(|&s| s > 0);
            match (action, busy, twin) {
                (0, Some(server), _) => {
                    ring.end(server);
                    served[server] -= 1;
                }
                (_, _, Some(server)) => {
                    ring.begin(server);
                    served[server] += 1;
                }
                _ => {}
            }
        }
    }

    #[test]
    fn redis_slots(key in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), any::<u8>()], 0..20)) {
        prop_assert_eq!(key_slot(&key).get(), tables::redis_slot(&key));
    }

    #[test]
    fn maglev_after_changes(
        start in 1usize..8,
        changes in proptest::collection::vec(("[a-z]{1,2}", 0u32..5), 1..10),
    ) {
        for (kind, order) in [(Kind::Maglev, TurnOrder::Name), (Kind::MaglevEnvoy, TurnOrder::Name)] {
            let settings = Settings { table_size: 251, ..Settings::new(kind) };
            let mut placement = Placement::new(Members::numbered(start), settings).unwrap();
            for (name, weight) in &changes {
                let weight = Weight::new(f64::from(*weight)).unwrap();
                match placement.members().find(name) {
                    Some(id) if weight.is_zero() => drop(placement.remove(id).unwrap()),
                    Some(id) => placement.set_weight(id, weight).unwrap(),
                    None => drop(placement.add(Node::new(name).unwrap().with_weight(weight)).unwrap()),
                }
            }
            let mut list: Vec<(&str, f64)> =
                placement.members().owning().map(|(_, n)| (n.name(), n.weight().get())).collect();
            if order == TurnOrder::Name {
                list.sort_unstable_by_key(|n| n.0);
            }
            let twin = tables::maglev(&list, 251);
            for slot in 0..251u64 {
                let got = placement.algorithm().owner(slot).map(|id| placement.members().name(id));
                prop_assert_eq!(got, Some(list[twin[slot as usize]].0));
            }
        }
    }

    #[test]
    fn replica_lists(
        places in proptest::collection::vec((0u8..4, 0u8..3), 1..14),
        count in 1usize..6,
        keys in proptest::collection::vec(any::<u64>(), 4),
    ) {
        let node = |(i, &(zone, rack)): (usize, &(u8, u8))| {
            Node::new(&format!("n{i}")).unwrap().with_place(&format!("z{zone}"), &format!("r{rack}")).unwrap()
        };
        let all = Members::from_nodes(places.iter().enumerate().map(node)).unwrap();
        let count = count.min(places.len());
        for kind in Kind::ALL {
            let vnodes = if kind == Kind::TokenAllocator { 4 } else { 12 };
            let placement = Placement::new(all.clone(), Settings { vnodes, table_size: 251, ..Settings::new(kind) }).unwrap();
            for &key in &keys {
                let twin = replicas::replicas(placement.algorithm(), &all, key, count);
                let got = fast_replicas(placement.algorithm(), &all, key, count, Spread::Prefer).unwrap();
                prop_assert_eq!(&got[..], &twin[..], "{}", kind);
            }
        }
    }

    #[test]
    fn token_rings(
        tokens in proptest::collection::btree_map(any::<i64>(), 0u32..9, 1..40),
        token in any::<i64>(),
        count in 1usize..6,
    ) {
        let points: Vec<(i64, NodeId)> = tokens.iter().map(|(&t, &n)| (t, NodeId::new(n))).collect();
        let mut ring = TokenRing::new();
        for &(token, node) in &points {
            ring.insert(token, node);
        }
        let flat = ring.to_ring();
        for token in points.iter().flat_map(|p| [p.0, p.0.wrapping_add(1), p.0.wrapping_sub(1)]).chain([token]) {
            let twin = allocators::walk(&points, token);
            prop_assert_eq!(ring.walk(token).collect::<Vec<_>>(), twin.clone());
            prop_assert_eq!(ring.owner(token), twin.first().copied());
            prop_assert_eq!(flat.owner(position(token)), twin.first().copied());
            let distinct: Vec<NodeId> = first_visits(twin).into_iter().take(count).collect();
            prop_assert_eq!(ring.simple_replicas(token, count), distinct);
        }
    }

    #[test]
    fn rebalance_plans(
        seed in any::<u64>(),
        moves_max in 1usize..6,
        moves_per_node_max in 1usize..4,
        resume in any::<bool>(),
    ) {
        let settings = Settings { vnodes: 4, ..Settings::new(Kind::Ring) };
        let before = Placement::new(Members::numbered(5), settings).unwrap();
        let mut after = before.clone();
        after.add(node("new", 2.0)).unwrap();
        after.remove(NodeId::new((seed % 5) as u32)).unwrap();
        let ends = |p: &Placement| (p.ring().unwrap().clone(), p.members().clone());
        let ((old, old_members), (new, new_members)) = (ends(&before), ends(&after));
        let moved = analysis::moved_arcs((&old, &old_members), (&new, &new_members));
        let pace = Pace { step_len_max: analysis::CIRCLE / 40, moves_max, moves_per_node_max };
        let fresh = Plan::new(&moved, pace).unwrap();
        let mut snapshot = fresh.snapshot();
        let mut rng = Rng::new(seed);
        if resume {
            snapshot.done.iter_mut().for_each(|done| *done = rng.below(3) == 0);
        }
        let mut diary = Diary::new(fresh.steps().to_vec(), pace, snapshot.done.clone());
        let mut plan = fresh.resume(&snapshot).unwrap();
        for _ in 0..400 {
            if rng.below(2) == 0 {
                prop_assert_eq!(plan.poll(), diary.poll());
            } else {
                let id = StepId::new(rng.below(plan.steps().len() as u64) as u32);
                let input = if rng.below(3) == 0 { Input::Done(id) } else { Input::Failed(id) };
                plan.handle(input);
                diary.handle(input);
            }
            prop_assert_eq!(plan.snapshot().done, diary.done());
        }
    }
}

/// Whole numbers and floats could part only where a quotient lies within 2^-52 of a whole number, so keys are seeded.
#[test]
fn numbered_places() {
    let mut rng = Rng::new(11);
    for round in 0..4000u32 {
        let key = if round < 4 { u64::from(round).wrapping_sub(2) } else { rng.next_u64() };
        let large = rng.range(1, 1 << 30) as u32;
        for count in [1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, rng.range(1, 2000) as u32, large] {
            let places = NonZeroU32::new(count).unwrap();
            assert_eq!(jump(key, places), numbered::jump(key, count), "{key} {count}");
            assert_eq!(jump_back(key, places), numbered::jump_back(key, count), "{key} {count}");
            let last = u64::from(count) - 1;
            assert_eq!(flip(key, last), numbered::flip(key, u64::from(count)), "{key} {count}");
        }
    }
}

#[test]
fn the_inverse_of_the_mix() {
    let mut rng = Rng::new(13);
    assert!((0..1000).map(|_| rng.next_u64()).all(|z| mix64(unmix64(z)) == z && unmix64(mix64(z)) == z));
}

#[test]
fn redis_cuts() {
    for nodes in (1..60usize).chain([100, 1000, 16_384]) {
        let map = SlotMap::even(&Members::numbered(nodes)).unwrap();
        for slot in 0..16_384u16 {
            let twin = tables::redis_node(slot, nodes as u64);
            assert_eq!(map.owner_of(Slot::new(slot)), Some(NodeId::new(twin as u32)), "{slot} of {nodes}");
        }
    }
}

/// One addition after another; the twin gets our ring each time, so that its rounding never adds up.
#[test]
fn token_allocators() {
    let mut rng = Rng::new(12);
    let (mut ties, mut additions) = (0, 0);
    for round in 0..24 {
        let tokens = [1usize, 4, 8, 16][rng.below(4) as usize];
        let replicas = 1 + round % 3;
        let racks = [1usize, 4, 5][rng.below(3) as usize];
        let place = |i: usize| {
            Node::new(&format!("n{i:02}")).unwrap().with_place("dc", &format!("r{}", i % racks)).unwrap()
        };
        let all = Members::from_nodes((0..11).map(place)).unwrap();
        let mut ring = TokenRing::new();
        let first = rng.range(1, 8) as u32;
        for n in 0..first {
            (0..tokens).for_each(|_| assert!(ring.insert(rng.next_u64() as i64, NodeId::new(n))));
        }
        for n in first..11 {
            let new = NodeId::new(n);
            let before: Vec<(i64, NodeId)> = ring.iter().collect();
            let mut got = ring.allocate(&all, new, Allocation { tokens, replicas, seed: 0 }).unwrap();
            let rack = |id: NodeId| id.get() as usize % racks;
            let group: &dyn Fn(NodeId) -> usize =
                if racks > replicas { &rack } else { &|id| id.get() as usize };
            let groups = first_visits(before.iter().map(|p| NodeId::new(group(p.1) as u32))).len();
            let task = allocators::Replicated { ring: &before, group, node: new, count: tokens, replicas };
            let mut twin = match replicas {
                1 => allocators::without_replication(&before, tokens),
                _ if groups < replicas => allocators::splits(&before, new, tokens),
                _ => task.choose(),
            };
            got.sort_unstable();
            twin.sort_unstable();
            let close = |(a, b): (&i64, &i64)| a.abs_diff(*b) <= allocators::TOLERANCE;
            let same = got.iter().zip(&twin).all(close);
            // Midpoints of midpoints are often equally good, and rounding then decides.
            let as_good = || (task.unevenness(&got, 1.0) - task.unevenness(&twin, 1.0)).abs() < 1e-14;
            ties += usize::from(!same);
            assert!(
                got.len() == tokens && twin.len() == tokens && (same || as_good()),
                "node {n}, {tokens} tokens, {replicas} replicas, {racks} racks: {got:?} {twin:?}"
            );
            additions += 1;
        }
    }
    assert!(ties * 20 < additions, "{ties} of {additions} went another way");
}
