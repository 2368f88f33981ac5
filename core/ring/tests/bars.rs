//! Bars of memory and balance.

use dolmen_ring::analysis::{balance_of_arcs, balance_of_keys};
use dolmen_ring::bounded::Bounded;
use dolmen_ring::cassandra::{Allocation, TokenRing, size};
use dolmen_ring::hash::{mix64, siphash24};
use dolmen_ring::maglev::{Maglev, Turn, TurnOrder};
use dolmen_ring::ring::Ring;
use dolmen_ring::{Algorithm, HashFunction, Kind, Members, Node, NodeId, Placement, RingError, Settings};

/// At most 12 bytes a point and 4 of index: 1.6 million points within 26 MiB, also after a change in place.
#[test]
fn a_ring_of_ten_thousand_nodes_fits_26_mib() {
    let members = Members::numbered(10_000);
    let mut ring = Placement::new(members, Settings::new(Kind::Ring)).unwrap();
    let points = ring.ring().unwrap().len();
    assert_eq!(points, 1_600_000);
    let bytes = ring.algorithm().heap_bytes();
    assert!(bytes <= 16 * points + 8 && bytes <= 26 << 20, "{bytes}");
    ring.add(Node::new("one-more").unwrap()).unwrap();
    assert!(ring.algorithm().heap_bytes() <= 26 << 20);
}

/// 10,000 nodes in a table of a million slots: 14 bits a slot, and no more than 32 bytes a node while it is built.
#[test]
fn a_maglev_table_of_a_million_slots_fits_1_7_mib() {
    let table = Maglev::new(&Members::numbered(10_000), 1_000_003, TurnOrder::Name).unwrap();
    let slots = table.heap_bytes() - 4 * 10_000;
    assert!(slots <= 1_000_003 * 14 / 8 + 16, "{slots}");
    assert!(size_of::<Turn>() <= 32);
    let counts = table.counts();
    let peak = f64::from(*counts.iter().max().unwrap()) / (1_000_003.0 / 10_000.0);
    assert!(peak <= 1.02, "{peak}");
}

/// Cassandra's allocator with 16 tokens keeps peak/avg below its bar after every addition and better than 160 random points.
#[test]
fn sixteen_allocated_tokens_beat_160_random_points() {
    let mut ring = Placement::new(Members::new(), Settings::new(Kind::TokenAllocator)).unwrap();
    for i in 0..1000 {
        ring.add(Node::new(&format!("node-{i}")).unwrap()).unwrap();
        let checkpoint = i < 100 || i % 50 == 49;
        if checkpoint && i > 0 {
            let report = balance_of_arcs(ring.ring().unwrap(), ring.members()).unwrap();
            assert!(report.peak <= ALLOCATOR_PEAK_MAX, "{} nodes: {report:?}", i + 1);
        }
    }
    let random = Ring::new(ring.members(), HashFunction::Xxh3, 160).unwrap();
    let random = balance_of_arcs(&random, ring.members()).unwrap();
    let allocated = balance_of_arcs(ring.ring().unwrap(), ring.members()).unwrap();
    assert!(
        allocated.peak < random.peak && allocated.deviation < random.deviation,
        "{allocated:?} {random:?}"
    );
}

/// The same from other first tokens.
#[test]
fn the_allocators_bar_holds_whatever_the_first_tokens() {
    let members = Members::numbered(120);
    for seed in 1..6 {
        let mut ring = TokenRing::new();
        for (id, _) in members.iter() {
            ring.allocate_all(&members, id, Allocation { tokens: 16, replicas: 1, seed }).unwrap();
            let points: Vec<(i64, NodeId)> = ring.iter().collect();
            let peak = ownership(&points).1;
            assert!(id.get() == 0 || peak <= ALLOCATOR_PEAK_MAX, "seed {seed}, {id} nodes: {peak}");
        }
    }
}

/// Cassandra's TokenAllocationTest: replication factor 3 over 3 racks of 5, 10 and 20 nodes with random tokens, five nodes added
/// to the smallest. There nobody owns more than 1 + 1/(2·tokens + 1) + 0.01 of a fair share at the end, and an addition does not
/// let the deviation grow: that is Cassandra's measure (ownership a token, not over the fair share), and its test asks it of a
/// first addition and of five with 8 tokens. With 16 tokens and a ring already within 2 % of perfect, Cassandra's own fifth
/// addition does let it grow: the file has what Apache Cassandra 4.1.7 did in the same 40 rings, and we must do the same.
#[test]
fn allocation_per_rack_meets_cassandras_bar() {
    let node = |i: u64, rack: usize| {
        Node::new(&format!("n{i}")).unwrap().with_place("dc", &format!("r{rack}")).unwrap()
    };
    let mut rings = 0;
    for line in include_str!("data/cassandra_deviation.txt").lines().filter(|l| !l.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (tokens, seed): (usize, u64) = (columns[0].parse().unwrap(), columns[1].parse().unwrap());
        let theirs: Vec<f64> = columns[2].split(' ').map(|d| d.parse().unwrap()).collect();
        let mut members = Members::new();
        let mut ring = TokenRing::new();
        let racks = [0; 5].into_iter().chain([1; 10]).chain([2; 20]);
        for (i, rack) in (0u64..).zip(racks) {
            let id = members.insert(node(i, rack)).unwrap();
            for t in 0..tokens as u64 {
                ring.insert(mix64(mix64(seed * 1000 + i) ^ t) as i64, id);
            }
        }
        let mut ours = vec![rack_ownership(&ring, &members, "r0").0];
        for i in 35..40 {
            let id = members.insert(node(i, 0)).unwrap();
            ring.allocate(&members, id, Allocation { tokens, replicas: 3, seed }).unwrap();
            ours.push(rack_ownership(&ring, &members, "r0").0);
        }
        let same = ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-13);
        assert!(same && ours.len() == theirs.len(), "{tokens} tokens, seed {seed}: {ours:?} {theirs:?}");
        let asked = if tokens == 8 { &ours[..] } else { &ours[..2] };
        assert!(asked.is_sorted_by(|a, b| a >= b), "{tokens} tokens, seed {seed}: {ours:?}");
        let (bar, peak) =
            (1.0 + 1.0 / (2 * tokens + 1) as f64 + 0.01, rack_ownership(&ring, &members, "r0").1);
        assert!(peak <= bar, "{tokens} tokens, seed {seed}: {peak} > {bar}");
        rings += 1;
    }
    assert_eq!(rings, 40);
    let two_racks = Members::from_nodes((0..4).map(|i| node(i, i as usize % 2))).unwrap();
    let allocation = Allocation { tokens: 8, replicas: 3, seed: 1 };
    let refused = TokenRing::new().allocate(&two_racks, NodeId::new(0), allocation);
    assert_eq!(refused, Err(RingError::TooFewRacks { racks: 2, replicas: 3 }));
}

/// The same test's other layouts, one addition of 16 tokens each: one rack, five racks, one replica.
#[test]
fn a_first_allocation_never_lets_the_deviation_grow() {
    for (racks, replicas) in [(1, 3), (5, 3), (1, 1), (3, 3)] {
        for seed in 0..20 {
            let place = |i: usize| {
                Node::new(&format!("n{i}")).unwrap().with_place("dc", &format!("r{}", i % racks)).unwrap()
            };
            let members = Members::from_nodes((0..=10 * racks).map(place)).unwrap();
            let mut ring = TokenRing::new();
            for i in 0..10 * racks as u64 {
                for t in 0..16 {
                    ring.insert(mix64(mix64(seed * 1000 + i) ^ t) as i64, NodeId::new(i as u32));
                }
            }
            let before = replicated_deviation(&ring, &members, replicas, racks);
            let new = NodeId::new(10 * racks as u32);
            ring.allocate(&members, new, Allocation { tokens: 16, replicas, seed }).unwrap();
            let after = replicated_deviation(&ring, &members, replicas, racks);
            assert!(after <= before, "{racks} racks, seed {seed}: {before} -> {after}");
        }
    }
}

/// Deviation of replicated ownership a token over the nodes that share it with the newest: its rack where there are as many racks
/// as replicas, else the data centre.
fn replicated_deviation(ring: &TokenRing, members: &Members, replicas: usize, racks: usize) -> f64 {
    let tokens: Vec<(i64, NodeId)> = ring.iter().collect();
    let mut owned = std::collections::BTreeMap::new();
    let newest = tokens.iter().map(|t| t.1).max().unwrap();
    let rack = |id: NodeId| members.get(id).unwrap().rack();
    for (i, &(token, _)) in tokens.iter().enumerate() {
        let before = tokens[(i + tokens.len() - 1) % tokens.len()].0;
        for id in ring.topology_replicas(members, &[("dc", replicas)], token) {
            if racks != replicas || racks == 1 || rack(id) == rack(newest) {
                *owned.entry(id).or_insert(0.0) += size(before, token);
            }
        }
    }
    sample_deviation(&owned.values().map(|o| o / 16.0).collect::<Vec<f64>>())
}

/// Within a rack: sample standard deviation of ownership a token, and the largest ownership over the fair share.
fn rack_ownership(ring: &TokenRing, members: &Members, rack: &str) -> (f64, f64) {
    let of_rack = |(_, id): &(i64, NodeId)| members.get(*id).unwrap().rack() == rack;
    ownership(&ring.iter().filter(of_rack).collect::<Vec<_>>())
}

fn ownership(points: &[(i64, NodeId)]) -> (f64, f64) {
    let mut owned = std::collections::BTreeMap::new();
    let mut previous = points[points.len() - 1].0;
    for &(token, id) in points {
        let (sum, tokens) = owned.entry(id).or_insert((0.0, 0.0));
        *sum += size(previous, token);
        *tokens += 1.0;
        previous = token;
    }
    let each: Vec<f64> = owned.values().map(|(sum, tokens)| sum / tokens).collect();
    let most = owned.values().fold(0.0, |max: f64, o| max.max(o.0));
    (sample_deviation(&each), most * owned.len() as f64)
}

fn sample_deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// c = 1.25: no node ever carries more than 1.25 of the average, rounded up.
#[test]
fn bounded_loads_stay_within_a_quarter() {
    let members = Members::numbered(50);
    let ring = Ring::new(&members, HashFunction::Xxh3, 10).unwrap();
    let mut bounded = Bounded::new(ring, &members, 1.25).unwrap();
    for key in 0..20_000u64 {
        let node = bounded.assign(mix64(key)).unwrap();
        assert!(bounded.load(node) <= ((key + 1) * 5).div_ceil(200));
    }
}

/// The table of random points: peak/avg near 1.26 at 1,000 nodes of 160 points. What maps keys evenly shows no more than noise.
#[test]
fn balance_is_what_the_theory_says() {
    let members = Members::numbered(1000);
    let ring = Ring::new(&members, HashFunction::Xxh3, 160).unwrap();
    let report = balance_of_arcs(&ring, &members).unwrap();
    assert!((1.18..1.36).contains(&report.peak) && (report.deviation - 0.079).abs() < 0.01, "{report:?}");
    let keys: Vec<u64> = (0..400_000).map(mix64).collect();
    let report = |kind| {
        let placement = Placement::new(Members::numbered(10), Settings::new(kind)).unwrap();
        balance_of_keys(&placement, &keys).unwrap()
    };
    for even in
        [Kind::Maglev, Kind::Jump, Kind::JumpBack, Kind::Flip, Kind::Anchor, Kind::Dx, Kind::Rendezvous]
    {
        let report = report(even);
        assert!(report.chi_square < 33.7, "{even}: {report:?}");
    }
}

/// The paper's 1.05 for 21 probes is an expectation over random points. Shares follow exactly from the gaps between points when
/// probes are independent: our points must have them with that mean, and our keys must follow them.
#[test]
fn multi_probe_peaks_at_five_percent() {
    for (nodes, sets) in [(10, 200), (100, 60), (1000, 10)] {
        let peak = |set: u64| {
            let points = (0..nodes).map(|i| siphash24(0, 0, format!("s{set}n{i}").as_bytes())).collect();
            shares_of_probes(points, 21).into_iter().map(|(_, share)| share).fold(0.0, f64::max)
                * nodes as f64
        };
        let mean = (0..sets).map(peak).sum::<f64>() / sets as f64;
        assert!((1.04..1.055).contains(&mean), "{nodes} nodes: {mean}");
    }
    for set in 0..5 {
        let names: Vec<String> = (0..10).map(|i| format!("s{set}n{i}")).collect();
        let members = Members::from_nodes(names.iter().map(|n| Node::new(n).unwrap())).unwrap();
        let placement = Placement::new(members, Settings::new(Kind::MultiProbe)).unwrap();
        let shares = shares_of_probes(names.iter().map(|n| siphash24(0, 0, n.as_bytes())).collect(), 21);
        let mut counts = [0.0; 10];
        let keys = 200_000;
        for key in 0..keys {
            counts[placement.algorithm().owner(mix64(key)).unwrap().get() as usize] += 1.0;
        }
        let square = |(node, share): &(usize, f64)| {
            let expected = share * keys as f64;
            (counts[*node] - expected) * (counts[*node] - expected) / expected
        };
        let chi_square: f64 = shares.iter().map(square).sum();
        assert!(chi_square < 33.7, "set {set}: {chi_square}, the 99.99 % quantile of 9 degrees is 33.7");
    }
}

/// Share of every node, with its number: of `probes` independent probes the nearest to its next point is at a distance beyond d
/// with the chance (1 - Σ min(gap, d))^probes, and at any distance all nodes whose gap is longer win alike.
fn shares_of_probes(points: Vec<u64>, probes: i32) -> Vec<(usize, f64)> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|&i| points[i]);
    let gap = |at: usize| {
        let before = order[(at + order.len() - 1) % order.len()];
        points[order[at]].wrapping_sub(points[before]) as f64 / 2f64.powi(64)
    };
    let mut gaps: Vec<(usize, f64)> = (0..points.len()).map(|at| (order[at], gap(at))).collect();
    gaps.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut share, mut beyond, mut distance) = (0.0, 1.0f64, 0.0);
    let mut shares = Vec::new();
    for (i, &(node, gap)) in gaps.iter().enumerate() {
        let longer = (gaps.len() - i) as f64;
        let next = (beyond - longer * (gap - distance)).max(0.0);
        share += (beyond.powi(probes) - next.powi(probes)) / longer;
        (beyond, distance) = (next, gap);
        shares.push((node, share));
    }
    shares
}

/// The bar for 16 tokens.
const ALLOCATOR_PEAK_MAX: f64 = 1.05;
