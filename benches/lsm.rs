//! What do a batch record, a table's entry and a lookup in a table cost without any file below?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_base::{NoTrace, Rng};
use dolmen_benches::{key, noise};
use dolmen_lsm::batch::{BatchView, WriteBatch};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, FamilyId, SequenceNumber, ValueType};
use dolmen_lsm::table::{FileBytes, Table, TableBuilder, TableOptions};

const ENTRIES: u64 = 20_000;

/// A table of even numbers, so that every odd one is absent between two present keys.
fn table() -> Vec<u8> {
    let codecs = Codecs::new();
    let mut builder = TableBuilder::new(TableOptions::default(), &codecs);
    let (mut file, mut entry) = (Vec::new(), Vec::new());
    for i in 0..ENTRIES {
        entry.clear();
        key::put_internal_key(&mut entry, &key(2 * i), SequenceNumber::new(i + 1), ValueType::Value);
        builder.add(&entry, &noise(i, 100), &mut file).expect("keys are in order");
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

criterion_group!(benches, batches, tables);
criterion_main!(benches);
