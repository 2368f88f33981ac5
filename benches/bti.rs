//! SSTables: the partition index, and walks, point reads and merges of a table that Cassandra wrote.
//!
//! Rows: scan and merge of `many_clusterings` (committed), every cell read. Question: what does a row cost in a walk, in a merge of two equal tables, and in
//! one of two tables of which each row says something else? And a point read to the first row, by an index of either format?
//!
//! The partition index: lookups and builds of one million keys of 16 bytes.
//!
//! Question: what does an exact lookup cost, hash and byte-comparable form included, beside `fst` 0.4 over the full forms of the same keys and
//! beside a binary search in sorted 64-bit tokens (the floor that memory sets)? And what does building cost per key?

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode};
use dolmen_base::rng::Rng;
use dolmen_base::trace::NoTrace;
use dolmen_blocks::Libraries;
use dolmen_bti::comparable::{TERMINATOR, murmur3_key_bytes, put_partition_key};
use dolmen_bti::component::{Component, Descriptor};
use dolmen_bti::data::{Data, Event, Events, Part, RowBuilder, Walk};
use dolmen_bti::deletion::DeletionTime;
use dolmen_bti::error::ReadError;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::merge::{Merge, merged_header};
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::partitions::{PartitionIndex, PartitionsBuilder, Place};
use dolmen_bti::slice::Slice;
use dolmen_bti::statistics::Header;
use dolmen_bti::table::{Components, Table};
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

/// A table's files, decoded blocks kept: a warm cache.
struct Warm {
    files: MemoryFiles,
    kept: RefCell<HashMap<(u64, u64), Block>>,
}

impl BlockSource<ReadError> for Warm {
    fn block(
        &self,
        id: BlockId,
        mode: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        let key = (id.file.get(), id.offset);
        if let Some(block) = self.kept.borrow().get(&key) {
            return Ok(Some(block.clone()));
        }
        let block = self.files.block(id, mode, decode)?;
        self.kept.borrow_mut().extend(block.clone().map(|block| (key, block)));
        Ok(block)
    }
}

fn load(name: &str) -> (Table, Warm) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/bti/tests/data/da").join(name);
    let (mut version, mut files) = (None, MemoryFiles::default());
    for entry in fs::read_dir(folder).expect("the committed tables") {
        let path = entry.expect("a readable folder").path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Ok(Some((descriptor, Some(component)))) = Descriptor::parse(&file_name) {
            version = Some(descriptor.version);
            files.0.push((component, fs::read(&path).expect("a readable file")));
        }
    }
    let components = Components {
        lens: files.0.iter().map(|(component, bytes)| (*component, bytes.len() as u64)).collect(),
        small: files.0.iter().filter(|file| Components::SMALL.contains(&file.0)).cloned().collect(),
    };
    let table = Table::open(version.expect("an SSTable"), &components, &files).expect("sound");
    (table, Warm { files, kept: RefCell::default() })
}

/// Reads every cell of every event; how many rows there were.
fn drain(events: &mut dyn Events) -> u64 {
    let (mut rows, mut bytes) = (0, 0);
    while let Some(event) = events.next_event().expect("sound") {
        if let Event::Row(row) | Event::Static(row) = event {
            rows += u64::from(!row.is_static);
            for part in row.cells() {
                if let Part::Cell { cell, .. } = part.expect("sound") {
                    bytes += cell.value.len();
                }
            }
        }
    }
    black_box(bytes);
    rows
}

/// The same rows under other minima: no two versions have the same bytes.
fn shifted(table: &Table, source: &Warm) -> (Header, Vec<u8>) {
    let mut header = table.header().clone();
    header.min_timestamp -= 1;
    let mut out = Vec::new();
    let mut builder = RowBuilder::default();
    let mut walk = table.walk(source, &Libraries, ReadMode::MayBlock, 0);
    while let Some(event) = walk.next_event().expect("sound") {
        match event {
            Event::Partition(head) => {
                out.extend((head.key.len() as u16).to_be_bytes());
                out.extend(head.key);
                head.deletion.put(&mut out).expect("no negative timestamp");
            }
            Event::Row(row) | Event::Static(row) => {
                let columns = if row.is_static { &header.statics } else { &header.regulars };
                builder.clear(row.liveness);
                for part in row.cells() {
                    let part = part.expect("sound");
                    let index = columns.iter().position(|column| column.name == part.column().name);
                    let index = index.expect("a column of the header");
                    match part {
                        Part::Complex { column, deletion, .. } => builder.column(index, column, deletion),
                        Part::Cell { column, cell } => {
                            if !column.is_multi_cell {
                                builder.column(index, column, DeletionTime::LIVE);
                            }
                            builder.cell(column, &cell, &header);
                        }
                    }
                }
                let clustering = (!row.is_static).then_some(row.clustering.encoded());
                builder.finish(clustering, row.deletion, row.is_shadowable, &header);
                builder.put(0, &mut out);
            }
            Event::End(_) => out.push(1),
            Event::Marker(_) => {}
        }
    }
    (header, out)
}

fn rows(c: &mut Criterion) {
    for name in ["many_clusterings", "collections", "many_wide"] {
        let (table, source) = load(name);
        let walk = || table.walk(&source, &Libraries, ReadMode::MayBlock, 0);
        let count = drain(&mut walk());
        let (header, bytes) = shifted(&table, &source);
        let data = Data::raw(None, bytes.len() as u64);
        let other = Warm { files: MemoryFiles(vec![(Component::Data, bytes)]), kept: RefCell::default() };
        let other_walk = || Walk::new(&data, &header, &other, &Libraries, ReadMode::MayBlock, 0);
        let merged = |walks| {
            let layout = merged_header([table.header(), &header]).expect("two headers");
            Merge::new(layout, table.partitioner(), walks, false).expect("one layout")
        };
        let mut group = c.benchmark_group(format!("rows of {name}"));
        group.throughput(Throughput::Elements(count));
        group.bench_function("scan", |b| b.iter(|| drain(&mut walk())));
        group.bench_function("merge of two equal tables", |b| {
            b.iter(|| drain(&mut merged([walk(), walk()])));
        });
        group.bench_function("merge of two tables of other bytes", |b| {
            b.iter(|| drain(&mut merged([walk(), other_walk()])));
        });
        group.finish();
    }
    let (table, source) = load("many_wide");
    let mut keys = Vec::new();
    let mut walk = table.walk(&source, &Libraries, ReadMode::MayBlock, 0);
    while let Some(event) = walk.next_event().expect("sound") {
        if let Event::Partition(head) = event {
            keys.push(head.key.to_vec());
        }
    }
    let mut group = c.benchmark_group("point read, warm");
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.bench_function("to the first row", |b| {
        b.iter(|| {
            for key in &keys {
                let found = table.find(&source, &Libraries, ReadMode::MayBlock, key).expect("sound");
                let found = found.expect("a key of the table");
                let mut reader = table.read(&source, &Libraries, ReadMode::MayBlock, found, Slice::default());
                while let Some(event) = reader.next_event().expect("sound") {
                    if let Event::Row(row) = event {
                        black_box(row.position);
                        break;
                    }
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, partitions, rows);
criterion_main!(benches);
