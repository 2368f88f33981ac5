//! Whole tables are read in spans of 256 KiB: a call of the disk for many blocks, and the memory of one span for each sorted run.

mod common;

use std::sync::Arc;

use common::{Map, all};
use dolmen_base::Rng;
use dolmen_base::io::Directory;
use dolmen_sim::{Disk, EIO, Fault, Op};
use dolmen_store::{Db, FamilyOptions, Options, StoreError, SyncPolicy};

const SPAN: u64 = 256 << 10;

fn options(target_file_bytes: u64) -> Options {
    Options {
        sync: SyncPolicy::Never,
        background_threads: 0,
        auto_compaction: false,
        write_buffer_bytes: 2 << 20,
        target_file_bytes,
        block_cache_bytes: 0,
        default_family: FamilyOptions { compression: 0, ..FamilyOptions::default() },
        ..Options::default()
    }
}

/// Puts in random order, in tables of level 0 with about two megabytes each; now and then a value that is longer than a block, or a span.
fn fill(db: &Db, seed: u64, bytes: usize) -> Map {
    let (mut rng, mut map, mut len) = (Rng::new(seed), Map::new(), 0);
    while len < bytes {
        let key = rng.next_u64().to_be_bytes().to_vec();
        let value_len = match rng.below(1000) {
            0 => 300 << 10,
            1..5 => 70 << 10,
            _ => rng.below(900) as usize,
        };
        let mut value = vec![0; value_len];
        rng.fill(&mut value);
        db.put(&db.default_family(), &key, &value).unwrap();
        len += value_len;
        map.insert(key, value);
    }
    db.flush().unwrap();
    map
}

/// Tables and their bytes.
fn tables(disk: &dyn Directory) -> (u64, u64) {
    let files = disk.list().unwrap().into_iter().filter(|entry| entry.name.ends_with(".sst"));
    files.fold((0, 0), |(count, len), entry| (count + 1, len + entry.len))
}

/// Calls of the disk for so many bytes in so many tables: the last block of a span is read again with the next, a value that is longer than a span
/// by itself, and what it takes to open a table.
fn calls_max((count, len): (u64, u64)) -> u64 {
    3 * (len / SPAN) / 2 + 5 * count
}

#[test]
fn a_compaction_reads_its_inputs_in_spans() {
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), options(2 << 20)).unwrap();
    let mut map = fill(&db, 1, 12 << 20);
    for round in 2..4 {
        // Level 0 into an empty level, then level 0 and a level of many tables, and that into the deepest.
        let (before, reads) = (db.stats(), disk.count(Op::Read));
        db.compact(&db.default_family(), None, None).unwrap();
        let (after, reads) = (db.stats(), disk.count(Op::Read) - reads);
        let read = after.compaction_read_bytes - before.compaction_read_bytes;
        let written = after.compaction_written_bytes - before.compaction_written_bytes;
        // A table has a megabyte at least.
        let max = calls_max(((read + written) >> 20, read));
        println!("{reads} reads for {read} bytes, at most {max}");
        assert!(reads <= max, "{reads} reads for {read} bytes, at most {max}");
        assert!(read / 4096 > 4 * max, "block by block it would be no more");
        assert!(all(&db) == map, "compaction {round}");
        map.extend(fill(&db, round, 5 << 20));
    }
}

#[test]
fn a_verification_reads_tables_in_spans() {
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), options(2 << 20)).unwrap();
    let map = fill(&db, 1, 12 << 20);
    let (before, found) = (disk.count(Op::Read), tables(&disk));
    let verified = db.verify().unwrap();
    let (read, max) = (disk.count(Op::Read) - before, calls_max(found));
    assert_eq!(verified[0].entry_count, map.len() as u64);
    assert!(read <= max, "{read} reads for {found:?}, at most {max}");
}

/// However many tables a level has, one of them is read at a time.
#[test]
fn a_compaction_takes_the_memory_of_a_span_for_each_run() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options(300 << 10)).unwrap();
    let mut map = fill(&db, 1, 24 << 20);
    db.compact(&db.default_family(), None, None).unwrap();
    map.extend(fill(&db, 2, 2 << 20));
    let stats = db.stats();
    let files = |level: u32| stats.levels.iter().filter(|l| l.1 == level).map(|l| l.2).sum::<u64>();
    let (upper, lower) = (files(0), (1..7).map(files).sum::<u64>());
    assert!(upper <= 3 && lower > 40, "{:?}", stats.levels);
    let took = allocation_counter::measure(|| db.compact(&db.default_family(), None, None).unwrap());
    // A span for each run, the bytes that are gathered for a write, the largest value some times over, filters.
    let max = (upper + 1) * SPAN + (5 << 20);
    println!("{} bytes for {upper} and {lower} tables, at most {max}", took.bytes_max);
    assert!(took.bytes_max < max, "{} of {max} bytes", took.bytes_max);
    assert!(all(&db) == map);
}

/// A part of a table that cannot be read fails what needs it, and nothing else: a span that meets it is read block by block.
#[test]
fn a_bad_place_in_a_span() {
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), options(2 << 20)).unwrap();
    let map = fill(&db, 1, 1 << 20);
    let (mut went, mut failed) = (0, 0);
    for (nth, count) in (1..12).flat_map(|nth| [(nth, 1), (nth, 2)]) {
        (nth..nth + count).for_each(|nth| disk.fail_nth(Op::Read, nth, Fault::Error(EIO)));
        match db.verify() {
            Ok(verified) => {
                assert_eq!(verified[0].entry_count, map.len() as u64);
                went += 1;
            }
            Err(StoreError::Read { .. }) => failed += 1,
            Err(other) => panic!("{other}"),
        }
        disk.forget_faults();
    }
    assert!(went >= 5 && failed >= 3, "{went} {failed}");
    let table = disk.list().unwrap().into_iter().find(|entry| entry.name.ends_with(".sst")).unwrap();
    disk.flip_bit(&table.name, table.len / 2, 3).unwrap();
    let error = db.verify().unwrap_err().to_string();
    assert!(error.starts_with(&table.name), "{error}");
    assert!(matches!(
        db.compact(&db.default_family(), None, None),
        Err(StoreError::Read { file, .. }) if file == table.name
    ));
}
