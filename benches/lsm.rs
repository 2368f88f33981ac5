//! What do a batch record, a block, a table and a merge of tables cost without any file below?
//!
//! Blocks come uncached: each is read, checked and copied, as on a miss. Whole engines beside their peers are in benches/peers.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_base::{NoTrace, Rng};
use dolmen_benches::{key, noise};
use dolmen_lsm::batch::{BatchView, WriteBatch};
use dolmen_lsm::block::{BlockBuilder, BlockCursor, Layout};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::error::Part;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, FamilyId, SequenceNumber, ValueType};
use dolmen_lsm::merging::Merging;
use dolmen_lsm::table::{FileBytes, Table, TableBuilder, TableOptions};

const ENTRIES: u64 = 20_000;

/// A table of even numbers, so that every odd one is absent between two present keys.
fn table() -> Vec<u8> {
    table_of((0..ENTRIES).collect::<Vec<_>>().as_slice())
}

fn table_of(numbers: &[u64]) -> Vec<u8> {
    let codecs = Codecs::new();
    let mut builder = TableBuilder::new(TableOptions::default(), &codecs);
    let (mut file, mut entry, value) = (Vec::new(), Vec::new(), noise(1, 100));
    for &i in numbers {
        entry.clear();
        key::put_internal_key(&mut entry, &key(2 * i), SequenceNumber::new(i + 1), ValueType::Value);
        builder.add(&entry, &value, &mut file).expect("keys are in order");
    }
    builder.finish(&mut file);
    file
}

fn batches(c: &mut Criterion) {
    let value = noise(1, 100);
    let mut batch = WriteBatch::new();
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(100));
    group.bench_function("put 100", |b| {
        b.iter(|| {
            batch.clear();
            (0..100).for_each(|i| batch.put(FamilyId::new(0), &key(i), &value));
            batch.as_bytes().len()
        });
    });
    group.bench_function("parse 100", |b| {
        b.iter(|| BatchView::parse(black_box(batch.as_bytes())).map(|v| v.records().count()));
    });
    group.finish();
}

fn tables(c: &mut Criterion) {
    let file = table();
    let source = FileBytes(&file);
    let open =
        || Table::open(&source, FileNumber::new(1), file.len() as u64, &Codecs::new()).expect("it is whole");
    let table = open();
    let mut rng = Rng::new(7);
    let mut wanted = Vec::new();
    let mut get = |odd: u64| {
        wanted.clear();
        key::put_seek_key(&mut wanted, &key(2 * rng.below(ENTRIES) + odd), key::SEQUENCE_MAX);
        let mut found = 0;
        table
            .get(&source, ReadMode::MayBlock, &wanted, &mut NoTrace, &mut |_, value| {
                found += value.len();
                false
            })
            .expect("it is whole");
        found
    };
    let mut group = c.benchmark_group("table");
    group.bench_function("get, present, no cache", |b| b.iter(|| get(0)));
    group.bench_function("get, absent", |b| b.iter(|| get(1)));
    group.bench_function("open", |b| b.iter(open));
    group.throughput(Throughput::Elements(ENTRIES));
    group.sample_size(20);
    group.bench_function("build", |b| b.iter(self::table));
    group.bench_function("scan", |b| {
        b.iter(|| {
            let mut iter = table.iter(&source, ReadMode::MayBlock);
            iter.seek_to_first().expect("it is whole");
            let mut count = 0;
            while iter.valid() {
                count += 1;
                iter.next().expect("it is whole");
            }
            assert_eq!(count, ENTRIES);
        });
    });
    group.finish();
}

/// A block of 32 entries, as a table of 4 KiB blocks has them.
fn blocks(c: &mut Criterion) {
    let value = noise(1, 100);
    let keys: Vec<Vec<u8>> = (0..32)
        .map(|i| {
            let mut internal = Vec::new();
            key::put_internal_key(&mut internal, &key(2 * i), SequenceNumber::new(i + 1), ValueType::Value);
            internal
        })
        .collect();
    let mut builder = BlockBuilder::new(16);
    let fill = |builder: &mut BlockBuilder| {
        builder.clear();
        keys.iter().for_each(|key| builder.add(key, &value));
    };
    let mut group = c.benchmark_group("block of 32 entries");
    group.throughput(Throughput::Elements(32));
    group.bench_function("build", |b| {
        b.iter(|| {
            fill(&mut builder);
            builder.finish().len()
        });
    });
    fill(&mut builder);
    let block = builder.finish().to_vec();
    let layout = Layout::parse(&block, Part::DataBlock).expect("it is whole");
    let mut cursor = BlockCursor::new(layout, Part::DataBlock);
    group.bench_function("walk", |b| {
        b.iter(|| {
            let mut bytes = 0;
            cursor.seek_to_first(&block).expect("it is whole");
            while cursor.valid() {
                bytes += cursor.value(&block).len();
                cursor.next(&block).expect("it is whole");
            }
            bytes
        });
    });
    group.finish();
    let mut turn = keys.iter().cycle();
    c.bench_function("block of 32 entries/seek", |b| {
        b.iter(|| {
            let key = turn.next().expect("a cycle has no end");
            cursor.seek_internal(&block, black_box(key)).expect("it is whole");
            cursor.valid()
        });
    });
}

/// Four tables whose keys lie between each other's, as in level 0.
fn merges(c: &mut Criterion) {
    let part = |n: u64| (0..ENTRIES).filter(|i| i % 4 == n).collect::<Vec<_>>();
    let files: Vec<_> = (0..4).map(|n| table_of(&part(n))).collect();
    let sources: Vec<_> = files.iter().map(|file| FileBytes(file)).collect();
    let open = |source: &FileBytes<'_>| {
        Table::open(source, FileNumber::new(1), source.0.len() as u64, &Codecs::new()).expect("it is whole")
    };
    let tables: Vec<_> = sources.iter().map(open).collect();
    let mut group = c.benchmark_group("merge of 4 tables");
    group.throughput(Throughput::Elements(ENTRIES));
    group.bench_function("walk", |b| {
        b.iter(|| {
            let walks = tables.iter().zip(&sources).map(|(t, s)| t.iter(s, ReadMode::MayBlock));
            let (mut merged, mut count) = (Merging::new(walks), 0);
            merged.seek_to_first().expect("they are whole");
            while merged.valid() {
                count += 1;
                merged.next().expect("they are whole");
            }
            assert_eq!(count, ENTRIES);
        });
    });
    group.finish();
}

criterion_group!(benches, batches, blocks, tables, merges);
criterion_main!(benches);
