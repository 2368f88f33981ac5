//! The partition index: lookups and builds of one million keys of 16 bytes.
//!
//! Question: what does an exact lookup cost, hash and byte-comparable form included, beside `fst` 0.4 over the full forms of the same keys and
//! beside a binary search in sorted 64-bit tokens (the floor that memory sets)? And what does building cost per key?

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode};
use dolmen_base::rng::Rng;
use dolmen_base::trace::NoTrace;
use dolmen_bti::comparable::{TERMINATOR, murmur3_key_bytes, put_partition_key};
use dolmen_bti::component::Component;
use dolmen_bti::error::ReadError;
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::partitions::{PartitionIndex, PartitionsBuilder, Place};
use dolmen_bti::trie::{PAGE_LEN, Pages};
use dolmen_bti::types::{CqlType, Native};

const KEYS: u64 = 1_000_000;
const LOOKUPS: usize = 200_000;

/// Pages in memory, as a warm cache has them.
struct Cached(Vec<Block>);

impl BlockSource<ReadError> for Cached {
    fn block(&self, id: BlockId, _: ReadMode, _: Decode<'_, ReadError>) -> Result<Option<Block>, ReadError> {
        Ok(self.0.get((id.offset / PAGE_LEN) as usize).cloned())
    }
}

/// Keys in the order of their tokens.
fn keys() -> Vec<[u8; 16]> {
    let mut keys: Vec<[u8; 16]> =
        (0..KEYS).map(|i| format!("user:{i:011}").into_bytes().try_into().expect("16 bytes")).collect();
    keys.sort_by_cached_key(|key| KeyHash::of(key).token(key));
    keys
}

fn build(keys: &[[u8; 16]]) -> Vec<u8> {
    let text = CqlType::Native(Native::Text);
    let mut builder = PartitionsBuilder::new();
    let mut file = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let place = Place::Data(i as u64 * 220);
        builder.add(Partitioner::Murmur3, &text, key, place).expect("keys ascend");
        builder.drain(&mut file);
    }
    builder.finish(&mut file).expect("keys are short");
    file
}

fn partitions(c: &mut Criterion) {
    let keys = keys();
    let file = build(&keys);
    println!("Partitions.db: {:.2} bytes per key", file.len() as f64 / KEYS as f64);
    let mut rng = Rng::new(1);
    let sought: Vec<[u8; 16]> = (0..LOOKUPS).map(|_| keys[rng.below(KEYS) as usize]).collect();
    let mut group = c.benchmark_group("partition index, 1M keys");
    group.throughput(Throughput::Elements(LOOKUPS as u64));

    let cached =
        Arc::new(Cached(file.chunks(PAGE_LEN as usize).map(|page| Block::new(page.to_vec())).collect()));
    let text = CqlType::Native(Native::Text);
    let len = file.len() as u64;
    let mut pages = Pages::new(&*cached, Component::Partitions, len, ReadMode::MayBlock, NoTrace);
    let index = PartitionIndex::open(&mut pages).expect("sound");
    group.bench_function("lookup: dolmen", |b| {
        b.iter(|| {
            for key in &sought {
                let hash = KeyHash::of(key);
                black_box(index.find(&mut pages, Partitioner::Murmur3, &text, key, hash).expect("sound"));
            }
        });
    });

    let mut fst = fst::MapBuilder::memory();
    for (i, key) in keys.iter().enumerate() {
        let form: Vec<u8> = murmur3_key_bytes(key, KeyHash::of(key)).collect();
        fst.insert(&form, i as u64 * 220).expect("forms ascend");
    }
    let fst = fst.into_map();
    group.bench_function("lookup: fst", |b| {
        let mut form = Vec::new();
        b.iter(|| {
            for key in &sought {
                form.clear();
                put_partition_key(Partitioner::Murmur3, &text, key, TERMINATOR, &mut form).expect("text");
                black_box(fst.get(&form));
            }
        });
    });

    let tokens: Vec<i64> = keys.iter().map(|key| KeyHash::of(key).token(key)).collect();
    group.bench_function("lookup: binary search of tokens", |b| {
        b.iter(|| {
            for key in &sought {
                let _ = black_box(tokens.binary_search(&KeyHash::of(key).token(key)));
            }
        });
    });
    group.throughput(Throughput::Elements(KEYS));
    group.sample_size(10);
    group.bench_function("build: dolmen", |b| b.iter(|| black_box(build(&keys))));
    group.finish();
}

criterion_group!(benches, partitions);
criterion_main!(benches);
