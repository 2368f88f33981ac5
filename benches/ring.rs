//! What does finding a key's owner among 100 nodes cost, per algorithm? And what do cache lines (`LinedRing`) save where a ring leaves the caches:
//! at 1,000 and 10,000 nodes, when each key depends on the answer before it, as a request after a request does?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dolmen_base::rng::Rng;
use dolmen_benches::key;
use dolmen_ring::lines::LinedRing;
use dolmen_ring::ring::Ring;
use dolmen_ring::{Algorithm, HashFunction, Kind, Members, Placement, Settings};

fn owners(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/owner of 100 nodes");
    for kind in Kind::ALL {
        let Ok(placement) = Placement::new(Members::numbered(100), Settings::new(kind)) else { continue };
        let mut number = 0;
        group.bench_function(format!("{kind:?}"), |b| {
            b.iter(|| {
                number += 1;
                placement.owner(&key(number))
            });
        });
    }
    group.finish();
}

fn lines(c: &mut Criterion) {
    let mut rng = Rng::new(1);
    let keys: Vec<u64> = (0..100_000).map(|_| rng.next_u64()).collect();
    for nodes in [1000, 10_000] {
        let ring = Ring::new(&Members::numbered(nodes), HashFunction::Xxh3, 160).expect("160 points each");
        let lined = LinedRing::new(ring.clone());
        println!("{nodes} nodes: {} and {} bytes", ring.heap_bytes(), lined.heap_bytes());
        let mut group = c.benchmark_group(format!("ring/dependent keys, {nodes} nodes"));
        group.throughput(Throughput::Elements(keys.len() as u64));
        group.bench_function("flat", |b| b.iter(|| chase(&ring, &keys)));
        group.bench_function("lines", |b| b.iter(|| chase(&lined, &keys)));
        group.finish();
    }
}

/// The lowest bit of an answer changes the next key.
fn chase(algorithm: &impl Algorithm, keys: &[u64]) -> u64 {
    let owner = |sum: u64, key: &u64| {
        let owner = algorithm.owner(key ^ (sum & 1)).expect("nodes own keys");
        sum.wrapping_add(u64::from(owner.get()))
    };
    black_box(keys.iter().fold(0, owner))
}

criterion_group!(benches, owners, lines);
criterion_main!(benches);
