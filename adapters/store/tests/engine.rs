//! The interface at its edges, and RocksDB's own directories.

mod common;

use std::collections::BTreeMap;

use common::{Map, contents, options, reopen, testdata};
use dolmen_base::Rng;
use dolmen_store::{Db, Options, ReadOptions, StoreError, SyncPolicy, WriteBatch, WriteError, WriteOptions};

#[test]
fn bounds_and_seeks() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options("")).unwrap();
    let family = db.default_family();
    for k in ["a", "b1", "b2", "c"] {
        let mut batch = WriteBatch::new();
        batch.put(family.id, k.as_bytes(), b"v");
        db.write(batch, WriteOptions::default()).unwrap();
        db.flush().unwrap();
    }
    let read = ReadOptions {
        lower_bound: Some(b"b".to_vec()),
        upper_bound: Some(b"c".to_vec()),
        ..ReadOptions::default()
    };
    assert_eq!(contents(&db, &family, &read).into_keys().collect::<Vec<_>>(), [b"b1", b"b2"]);
    let mut iter = db.iter(&family, ReadOptions::default()).unwrap();
    iter.seek(b"b2x").unwrap();
    assert_eq!(iter.key(), b"c");
    iter.seek_for_prev(b"b2x").unwrap();
    assert_eq!(iter.key(), b"b2");
}

#[test]
fn one_process_at_a_time_and_closed_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options("")).unwrap();
    assert!(matches!(Db::open(dir.path(), options("")), Err(StoreError::Locked { .. })));
    db.close().unwrap();
    let mut batch = WriteBatch::new();
    batch.put(db.default_family().id, b"k", b"v");
    assert_eq!(db.write(batch, WriteOptions::default()), Err(WriteError::Closed));
}

#[test]
fn a_lost_current_is_never_a_fresh_database() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options("")).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(db.default_family().id, b"k", b"v");
    db.write(batch, WriteOptions::default()).unwrap();
    drop(db);
    let current = std::fs::read(dir.path().join("CURRENT")).unwrap();
    std::fs::remove_file(dir.path().join("CURRENT")).unwrap();
    assert!(matches!(Db::open(dir.path(), options("")), Err(StoreError::NoDatabase { orphans: 1.., .. })));
    std::fs::write(dir.path().join("CURRENT"), b"MANIFEST-9").unwrap();
    assert!(matches!(Db::open(dir.path(), options("")), Err(StoreError::Read { .. })));
    std::fs::write(dir.path().join("CURRENT"), current).unwrap();
    let db = Db::open(dir.path(), options("")).unwrap();
    let found = db.get(&db.default_family(), b"k", &ReadOptions::default()).unwrap();
    assert_eq!(found.as_deref(), Some(&b"v"[..]));
}

/// Values around and far above 64 KiB come back from the log.
#[test]
fn large_values_are_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(5);
    let mut model = Map::new();
    let options = || Options { write_buffer_bytes: 64 << 20, ..options("") };
    let db = Db::open(dir.path(), options()).unwrap();
    for len in [65_535, 65_536, 70_000, 5_000_000] {
        let mut value = vec![0; len];
        rng.fill(&mut value);
        let mut batch = WriteBatch::new();
        batch.put(db.default_family().id, len.to_string().as_bytes(), &value);
        db.write(batch, WriteOptions::default()).unwrap();
        model.insert(len.to_string().into_bytes(), value);
    }
    drop(db);
    let db = Db::open(dir.path(), options()).unwrap();
    assert_eq!(contents(&db, &db.default_family(), &ReadOptions::default()), model);
}

/// Clearing with one range delete stays cleared, with and without a later key.
#[test]
fn a_cleared_family_stays_clear() {
    for later in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), options("")).unwrap();
        let family = db.default_family();
        for i in 0..1000 {
            let mut batch = WriteBatch::new();
            batch.put(family.id, format!("k{i}").as_bytes(), b"v");
            db.write(batch, WriteOptions::default()).unwrap();
        }
        let mut batch = WriteBatch::new();
        batch.delete_range(family.id, b"", b"l");
        if later {
            batch.put(family.id, b"k5", b"again");
        }
        db.write(batch, WriteOptions::default()).unwrap();
        let db = reopen(db, dir.path(), true, options(""));
        let left = contents(&db, &db.default_family(), &ReadOptions::default());
        assert_eq!(left.len(), usize::from(later));
    }
}

/// Every database of RocksDB's: read-only, equal by walk to what RocksDB iterated and by lookup of each key, unchanged on disk.
#[test]
fn databases_of_rocksdb() {
    let Some(root) = testdata() else {
        eprintln!("skipped: no data");
        return;
    };
    let mut databases = 0;
    for writer in ["7.8.3-fv5", "9.10.0-fv6", "11.9.0-fv7"] {
        for entry in std::fs::read_dir(root.join(writer)).unwrap().flatten().filter(|e| e.path().is_dir()) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            let operator = match name.as_str() {
                "merge-uint64add" => "uint64add",
                "merge-stringappend" => "stringappend",
                _ => "",
            };
            let before = std::fs::read_dir(&path).unwrap().count();
            let db = Db::open_read_only(&path, options(operator))
                .unwrap_or_else(|e| panic!("{writer}/{name}: {e}"));
            compare(&db, &std::fs::read_to_string(path.with_extension("expected.txt")).unwrap(), &name);
            assert_eq!(std::fs::read_dir(&path).unwrap().count(), before, "{writer}/{name} was changed");
            databases += 1;
        }
    }
    assert_eq!(databases, 57);
}

fn compare(db: &Db, expected: &str, name: &str) {
    let mut wanted: BTreeMap<&str, Map> = BTreeMap::new();
    for line in expected.lines().filter(|l| !l.starts_with('#')) {
        let [family, k, v] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{name}: {line}") };
        wanted.entry(family).or_default().insert(unhex(k), unhex(v));
    }
    for family in db.families() {
        let model = wanted.remove(&*family.name).unwrap_or_default();
        assert_eq!(contents(db, &family, &ReadOptions::default()), model, "{name}/{}", family.name);
        for (k, v) in &model {
            let found = db.get(&family, k, &ReadOptions::default()).unwrap();
            assert_eq!(found.as_ref(), Some(v), "{name}/{}: lookup of {k:?}", family.name);
        }
    }
    assert!(wanted.is_empty(), "{name}: families {:?} are missing", wanted.keys());
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Many threads, one log: every acknowledged write is there, and far fewer syncs than writes happened.
#[test]
fn writers_share_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options { sync: SyncPolicy::Always, ..options("") }).unwrap();
    let threads: Vec<_> = (0..8)
        .map(|t| {
            let db = db.clone();
            std::thread::spawn(move || {
                for i in 0..50 {
                    let mut batch = WriteBatch::new();
                    batch.put(db.default_family().id, format!("{t}-{i}").as_bytes(), b"v");
                    db.write(batch, WriteOptions::default()).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let stats = db.stats();
    assert_eq!(stats.records, 400);
    assert!(stats.wal_syncs <= 400);
    drop(db);
    let db = Db::open(dir.path(), options("")).unwrap();
    assert_eq!(contents(&db, &db.default_family(), &ReadOptions::default()).len(), 400);
}
