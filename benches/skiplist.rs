//! What do insert, lookup and walk cost in a memtable's list, beside the standard library's `BTreeMap` of owned keys?
//!
//! Entries are internal keys of 24 bytes with values of 100, as many as fill about 32 MiB. Peers with lists of their own
//! (crossbeam-skiplist, coordinode's and RocksDB's memtables) are in benches/peers.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use dolmen_base::Rng;
use dolmen_benches::{key, noise};
use dolmen_skiplist::{Bytewise, Skiplist};

const ENTRIES: u64 = 200_000;

/// Keys in ascending order: the digits and eight bytes of trailer.
fn ascending() -> Vec<[u8; 24]> {
    let whole = |n| {
        let mut out = [0; 24];
        out[..16].copy_from_slice(&key(n));
        out
    };
    (0..ENTRIES).map(whole).collect()
}

fn shuffled() -> Vec<[u8; 24]> {
    let (mut keys, mut rng) = (ascending(), Rng::new(3));
    for i in (1..keys.len()).rev() {
        keys.swap(i, rng.below(i as u64 + 1) as usize);
    }
    keys
}

fn list(keys: &[[u8; 24]], value: &[u8]) -> Skiplist<Bytewise> {
    let list = Skiplist::new(Bytewise).expect("there is memory");
    {
        let mut writer = list.writer().expect("it is the only one");
        keys.iter().for_each(|key| writer.insert(key, value).expect("every key is new"));
    }
    list
}

fn tree(keys: &[[u8; 24]], value: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut tree = BTreeMap::new();
    keys.iter().for_each(|key| drop(tree.insert(key.to_vec(), value.to_vec())));
    tree
}

/// Per entry: filling, with the memory's release left out of the time.
fn fill(group: &mut BenchmarkGroup<'_, WallTime>, order: &str, keys: &[[u8; 24]]) {
    let value = noise(1, 100);
    group.throughput(Throughput::Elements(ENTRIES));
    group.bench_function(format!("insert {order}"), |b| b.iter_with_large_drop(|| list(keys, &value)));
    group.bench_function(format!("insert {order}, BTreeMap"), |b| {
        b.iter_with_large_drop(|| tree(keys, &value))
    });
}

fn inserts(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("skiplist/{ENTRIES} entries"));
    group.sample_size(10);
    fill(&mut group, "in random order", &shuffled());
    fill(&mut group, "ascending", &ascending());
    group.finish();
}

fn reads(c: &mut Criterion) {
    let (keys, value) = (shuffled(), noise(1, 100));
    let (list, tree) = (list(&keys, &value), tree(&keys, &value));
    let mut group = c.benchmark_group("skiplist");
    let mut turn = (0..keys.len()).cycle();
    let mut next = || &keys[turn.next().expect("a cycle has no end")];
    group.bench_function("get", |b| b.iter(|| list.get(black_box(next())).map(<[u8]>::len)));
    group.bench_function("get, BTreeMap", |b| b.iter(|| tree.get(black_box(&next()[..])).map(Vec::len)));
    group.throughput(Throughput::Elements(ENTRIES));
    group.bench_function("walk", |b| {
        b.iter(|| {
            let (mut iter, mut bytes) = (list.iter(), 0);
            iter.seek_to_first();
            while let (Some(key), Some(value)) = (iter.key(), iter.value()) {
                bytes += key.len() + value.len();
                iter.next();
            }
            bytes
        });
    });
    group.bench_function("walk, BTreeMap", |b| {
        b.iter(|| tree.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>())
    });
    group.finish();
}

criterion_group!(benches, inserts, reads);
criterion_main!(benches);
