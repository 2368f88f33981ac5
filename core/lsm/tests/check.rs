//! The fuzz bodies over seeds and seeded mutations of them, and every single-byte flip of a small table.
#![allow(clippy::disallowed_methods)]

mod common;

use common::{codecs, committed, file_number};
use dolmen_base::block::ReadMode;
use dolmen_base::{NoTrace, Rng};
use dolmen_lsm::batch::WriteBatch;
use dolmen_lsm::block::BlockBuilder;
use dolmen_lsm::check;
use dolmen_lsm::codecs::CompressionType;
use dolmen_lsm::error::{Part, ReadError};
use dolmen_lsm::filter::{BloomBuilder, hash64};
use dolmen_lsm::footer::BlockHandle;
use dolmen_lsm::index::{Index, IndexForm};
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, FamilyId, SequenceNumber, ValueType};
use dolmen_lsm::manifest;
use dolmen_lsm::properties::Properties;
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::table::{FileBytes, Table, TableBuilder, TableIter, TableOptions};

/// Runs a body over seeds and mutations: flips, cuts, copies within, numbers that matter.
fn mutate(seeds: &[Vec<u8>], count: u64, body: fn(&[u8])) {
    body(&[]);
    for (i, seed) in seeds.iter().enumerate() {
        body(seed);
        let mut rng = Rng::new(i as u64);
        for _ in 0..count / seeds.len() as u64 {
            let mut data = seed.clone();
            for _ in 0..=rng.below(4) {
                let at = rng.below(data.len() as u64) as usize;
                match rng.below(5) {
                    0 => data.truncate(at),
                    1 => data.insert(at, rng.next_u32() as u8),
                    2 => {
                        let from = rng.below(data.len().max(1) as u64) as usize;
                        let piece = data[from..].iter().copied().take(16).collect::<Vec<_>>();
                        data.splice(at..at, piece);
                    }
                    3 => data.iter_mut().skip(at).take(1).for_each(|b| *b = [0, 1, 0x7f, 0x80, 0xff][at % 5]),
                    _ => data.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << rng.below(8)),
                }
            }
            body(&data);
        }
    }
}

fn internal(user_key: &[u8], sequence: u64, kind: ValueType) -> Vec<u8> {
    let mut out = Vec::new();
    key::put_internal_key(&mut out, user_key, SequenceNumber::new(sequence), kind);
    out
}

fn small_table(compression: CompressionType) -> Vec<u8> {
    let options = TableOptions { block_size: 200, compression, ..TableOptions::default() };
    let mut builder = TableBuilder::new(options, &codecs());
    let mut out = Vec::new();
    for i in 0..60u64 {
        let key = internal(format!("key{:03}", i / 2).as_bytes(), 100 - i, ValueType::Value);
        builder.add(&key, format!("value {i}").as_bytes(), &mut out).unwrap();
    }
    let (begin, end) = (b"key004".to_vec(), b"key009".to_vec());
    builder.add_range_tombstone(RangeTombstone { begin, end, sequence: SequenceNumber::new(200) });
    builder.finish(&mut out);
    out
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(committed().join(path)).unwrap()
}

fn tables() -> Vec<Vec<u8>> {
    vec![
        small_table(CompressionType::None),
        small_table(CompressionType::Lz4),
        fixture("leveldb/db/000007.ldb"),
    ]
}

#[test]
fn batches() {
    let mut batch = WriteBatch::new();
    for family in [0, 1, 300].map(FamilyId::new) {
        batch.put(family, b"key", b"value");
        batch.delete(family, b"key");
        batch.merge(family, b"", &[7; 200]);
        batch.single_delete(family, b"x");
        batch.delete_range(family, b"a", b"b");
        batch.put_log_data(b"blob");
    }
    mutate(&[WriteBatch::new().as_bytes().to_vec(), batch.as_bytes().to_vec()], 20_000, check::check_batch);
}

#[test]
fn blocks() {
    let mut seeds = Vec::new();
    for (interval, count) in [(1, 0), (1, 5), (3, 40), (16, 100)] {
        let mut block = BlockBuilder::new(interval);
        for i in 0..count {
            block.add(format!("key{:04}", i * 7).as_bytes(), &vec![1; i % 20]);
        }
        seeds.push(block.finish().to_vec());
    }
    mutate(&seeds, 20_000, check::check_block);
}

#[test]
fn footers() {
    let seeds: Vec<Vec<u8>> = tables().iter().map(|t| t[t.len() - 53..].to_vec()).collect();
    mutate(&seeds, 20_000, check::check_footer);
}

#[test]
fn indexes() {
    let mut seeds = Vec::new();
    for interval in [1, 4] {
        for with_len in [false, true] {
            let mut block = BlockBuilder::new(interval);
            for i in 0..30u64 {
                let mut value = Vec::new();
                BlockHandle { offset: i * 100, len: 95 }.encode(&mut value);
                let key = internal(format!("key{i:04}").as_bytes(), i, ValueType::Value);
                if with_len { block.add(&key, &value) } else { block.add_without_value_len(&key, &value) }
            }
            seeds.push(block.finish().to_vec());
        }
    }
    mutate(&seeds, 10_000, check::check_index);
}

#[test]
fn filters() {
    let hashes: Vec<u64> = (0..100u32).map(|i| hash64(&i.to_le_bytes())).collect();
    let mut legacy = vec![0x55; 3 * 64];
    legacy.extend([6, 3, 0, 0, 0]);
    let mut ribbon = vec![0xaa; 16 * 12];
    ribbon.extend([0xfe, 3, 2, 0, 0]);
    mutate(&[BloomBuilder::new(10).build(&hashes), legacy, ribbon], 20_000, check::check_filter);
}

#[test]
fn properties() {
    let mut p = Properties::default();
    p.set_number("rocksdb.num.entries", 300);
    p.set("rocksdb.comparator", b"leveldb.BytewiseComparator");
    mutate(&[Properties::default().encode(), p.encode()], 10_000, check::check_properties);
}

#[test]
fn range_deletions() {
    let mut block = BlockBuilder::new(1);
    for (begin, end, sequence) in [("a", "m", 5), ("c", "d", 9), ("c", "z", 2), ("m", "n", 5)] {
        block.add(&internal(begin.as_bytes(), sequence, ValueType::RangeDeletion), end.as_bytes());
    }
    mutate(&[block.finish().to_vec()], 10_000, check::check_range_deletions);
    let mut rng = Rng::new(1);
    for _ in 0..2000 {
        let mut key = || vec![rng.below(6) as u8; rng.below(3) as usize];
        let tombstones: Vec<_> = (0..8).map(|i| (key(), key(), i % 5)).collect();
        let tombstones: Vec<_> = tombstones
            .into_iter()
            .map(|(begin, end, s)| RangeTombstone { begin, end, sequence: SequenceNumber::new(s) })
            .collect();
        check::check_fragments(&tombstones);
    }
}

#[test]
fn version_edits() {
    let bytes = fixture("rocksdb/7.8.3-fv5/column-families/MANIFEST-000005");
    let edits = manifest::read(&bytes, file_number(5)).unwrap().edits;
    assert!(edits.len() > 3);
    let encoded = edits.iter().map(|edit| {
        let mut bytes = Vec::new();
        edit.encode(&mut bytes);
        bytes
    });
    mutate(&encoded.collect::<Vec<_>>(), 20_000, check::check_version_edit);
}

#[test]
fn manifests() {
    let seeds = [
        fixture("rocksdb/7.8.3-fv5/column-families/MANIFEST-000005"),
        fixture("rocksdb/11.9.0-fv7/zstd/MANIFEST-000005"),
        fixture("leveldb/db/MANIFEST-000006"),
    ];
    mutate(&seeds, 20_000, check::check_manifest);
}

#[test]
fn whole_tables() {
    mutate(&tables(), 3_000, check::check_table);
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// All that a table says: entries by walk, each by lookup, and the tombstones.
fn read(bytes: &[u8]) -> Result<(Rows, Vec<RangeTombstone>), ReadError> {
    let source = FileBytes(bytes);
    let table = Table::open(&source, file_number(1), bytes.len() as u64, &codecs())?;
    let mut rows = Vec::new();
    let mut iter = TableIter::new(&table, &source, ReadMode::Bypass);
    iter.seek_to_first()?;
    while iter.valid() {
        rows.push((iter.key().to_vec(), iter.value().to_vec()));
        iter.next()?;
    }
    for (key, value) in &rows {
        let mut found = None;
        table.get(&source, ReadMode::Bypass, key, &mut NoTrace, &mut |k, v| {
            found = Some((k.to_vec(), v.to_vec()));
            false
        })?;
        assert_eq!(found.as_ref(), Some(&(key.clone(), value.clone())), "an entry is lost without an error");
    }
    Ok((rows, table.range_tombstones().to_vec()))
}

/// Every byte with one bit, another bit and all bits flipped: what is read is the same, or there is an error. How many were errors.
fn flip(table: &[u8]) -> usize {
    let whole = read(table).unwrap();
    let mut found = 0;
    for at in 0..table.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = table.to_vec();
            bytes[at] ^= flip;
            match read(&bytes) {
                Ok(read) => assert_eq!(read, whole, "byte {at} ^ {flip:#x}"),
                Err(_) => found += 1,
            }
        }
    }
    found
}

#[test]
fn every_flipped_byte_is_an_error_or_harmless() {
    for table in [small_table(CompressionType::None), small_table(CompressionType::Zstd)] {
        let (found, all) = (flip(&table), 3 * table.len());
        // Only padding and a few bits of the footer are without effect.
        assert!(found > all - 150, "{found} of {all} found");
    }
    // With a footer that has its own checksum nothing is without effect.
    let table = fixture("rocksdb/11.9.0-fv7/tombstones/000013.sst");
    assert_eq!(flip(&table), 3 * table.len());
    // LevelDB's filter block is not read.
    flip(&fixture("leveldb/db/000007.ldb"));
}

#[test]
fn every_cut_is_an_error() {
    let table = small_table(CompressionType::None);
    for len in 0..table.len() {
        assert!(read(&table[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn hostile_blocks_cannot_ask_for_much_memory() {
    // One long key, then entries of a few bytes that each share it.
    let mut block = BlockBuilder::new(u32::MAX);
    let mut handle = Vec::new();
    BlockHandle { offset: 0, len: 1 }.encode(&mut handle);
    let mut user_key = vec![b'k'; 1 << 16];
    for i in 0..60_000u32 {
        user_key.truncate(1 << 16);
        user_key.extend_from_slice(&i.to_be_bytes());
        block.add(&internal(&user_key, 1, ValueType::RangeDeletion), &handle);
    }
    let block = block.finish();
    let form = IndexForm::default();
    let parsed = Index::parse(block, form, Part::IndexBlock);
    assert!(matches!(parsed, Err(ReadError::Limit { part: Part::IndexBlock, .. })));
    check::check_range_deletions(block);
    // Nested tombstones: the fragments would have the square of their number.
    let nested = |i: u64| RangeTombstone {
        begin: (i as u32).to_be_bytes().to_vec(),
        end: (20_000 - i as u32).to_be_bytes().to_vec(),
        sequence: SequenceNumber::new(i),
    };
    let mut builder = TableBuilder::new(TableOptions::default(), &codecs());
    (0..9_000).for_each(|i| builder.add_range_tombstone(nested(i)));
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert!(matches!(read(&out), Err(ReadError::Limit { part: Part::RangeDeletions, .. })));
}
