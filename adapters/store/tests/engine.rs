//! The engine against a plain model, through flushes and reopens; against RocksDB's own directories; and in the hands of RocksDB's tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dolmen_base::Rng;
use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::merge::by_name;
use dolmen_store::{
    Db, Family, FamilyOptions, Options, ReadOptions, StoreError, SyncPolicy, WriteBatch, WriteError,
    WriteOptions,
};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn options(operator: &str) -> Options {
    let merge_operator =
        (!operator.is_empty()).then(|| Arc::from(by_name(operator).expect("a known operator")));
    let default_family = FamilyOptions { merge_operator, ..Options::default().default_family };
    Options { default_family, sync: SyncPolicy::Never, write_buffer_bytes: 64 << 10, ..Options::default() }
}

fn contents(db: &Db, family: &Family, read: &ReadOptions) -> Map {
    let mut iter = db.iter(family, read.clone()).unwrap();
    let mut out = Map::new();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        assert!(out.last_key_value().is_none_or(|(k, _)| k.as_slice() < iter.key()), "keys out of order");
        out.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next().unwrap();
    }
    let mut backwards = Vec::new();
    iter.seek_to_last().unwrap();
    while iter.valid() {
        backwards.push((iter.key().to_vec(), iter.value().to_vec()));
        iter.prev().unwrap();
    }
    backwards.reverse();
    assert!(backwards.into_iter().eq(out.clone()), "backwards differs from forwards");
    out
}

fn key(rng: &mut Rng) -> Vec<u8> {
    format!("key{:03}", rng.below(300)).into_bytes()
}

/// One random operation on the batch and on the model of the family.
fn operate(
    rng: &mut Rng,
    batch: &mut WriteBatch,
    family: &Family,
    model: &mut Map,
    operator: &dyn MergeOperator,
) {
    let key_of = key(rng);
    let mut value = vec![0; rng.below(200) as usize];
    rng.fill(&mut value);
    match rng.below(20) {
        0..=9 => {
            batch.put(family.id, &key_of, &value);
            model.insert(key_of, value);
        }
        10..=14 => {
            batch.delete(family.id, &key_of);
            model.remove(&key_of);
        }
        15..=17 => {
            batch.merge(family.id, &key_of, b"x");
            let merged =
                operator.full_merge(&key_of, model.get(&key_of).map(Vec::as_slice), &[b"x"]).unwrap();
            model.insert(key_of, merged);
        }
        _ => {
            let end = [key_of.as_slice(), b"9"].concat().max(key(rng));
            batch.delete_range(family.id, &key_of, &end);
            let gone: Vec<_> = model.range(key_of..end).map(|(k, _)| k.clone()).collect();
            gone.iter().for_each(|k| drop(model.remove(k)));
        }
    }
}

/// Random operations on two families against a map each, with flushes, reopens, snapshots and point reads on the way.
fn check_model(seed: u64, count: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(seed);
    let operator = by_name("stringappend").unwrap();
    let mut db = Db::open(dir.path(), options("stringappend")).unwrap();
    db.create_family("other").unwrap();
    let mut models = [Map::new(), Map::new()];
    let mut held: Option<(u64, dolmen_store::Snapshot, Map)> = None;
    for round in 0..count {
        let families = [db.default_family(), db.family("other").unwrap()];
        let mut batch = WriteBatch::new();
        for _ in 0..rng.range(1, 4) {
            let which = rng.below(2) as usize;
            operate(&mut rng, &mut batch, &families[which], &mut models[which], &*operator);
        }
        db.write(batch, WriteOptions::default()).unwrap();
        let (which, probe) = (rng.below(2) as usize, key(&mut rng));
        let found = db.get(&families[which], &probe, &ReadOptions::default()).unwrap();
        assert_eq!(found.as_ref(), models[which].get(&probe), "seed {seed} round {round}");
        if rng.one_in(400) {
            db.flush().unwrap();
        }
        if rng.one_in(900) {
            held = None;
            db = reopen(db, dir.path(), rng.one_in(2));
        }
        if rng.one_in(500) {
            held = Some((round, db.snapshot(), models[0].clone()));
        }
        if rng.one_in(300) {
            for (family, model) in families.iter().zip(&models) {
                assert_eq!(&contents(&db, &db.family(&family.name).unwrap(), &ReadOptions::default()), model);
            }
            if let Some((taken, snapshot, model)) = &held {
                let read = ReadOptions { sequence: Some(snapshot.sequence()), ..ReadOptions::default() };
                assert_eq!(
                    &contents(&db, &families[0], &read),
                    model,
                    "snapshot of round {taken}, seed {seed}"
                );
            }
        }
    }
    let db = reopen(db, dir.path(), false);
    assert_eq!(contents(&db, &db.default_family(), &ReadOptions::default()), models[0]);
    assert_eq!(contents(&db, &db.family("other").unwrap(), &ReadOptions::default()), models[1]);
    db.verify().unwrap();
}

fn reopen(db: Db, path: &Path, close: bool) -> Db {
    if close {
        db.close().unwrap();
    }
    drop(db);
    // A child that another test starts holds every open file, locks included, from its fork to its exec.
    let mut tries = 0;
    loop {
        match Db::open(path, options("stringappend")) {
            Err(StoreError::Locked { .. }) if tries < 100 => tries += 1,
            result => return result.unwrap(),
        }
        std::thread::sleep(core::time::Duration::from_millis(10));
    }
}

#[test]
fn a_hundred_thousand_operations_equal_the_model() {
    let factor = std::env::var("DOLMEN_SOAK").ok().and_then(|f| f.parse().ok()).unwrap_or(1);
    for seed in 0..10 * factor {
        check_model(seed, 4_000);
    }
}

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
    let read =
        ReadOptions { lower_bound: Some(b"b".to_vec()), upper_bound: Some(b"c".to_vec()), sequence: None };
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
        let db = reopen(db, dir.path(), true);
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

/// RocksDB's `ldb` and `sst_dump` read, find, verify and compact what the engine wrote, and the engine reads the result.
#[test]
fn rocksdb_opens_what_is_written_here() {
    let Some(ldb) =
        ["ldb", "rocksdb_ldb"].into_iter().find(|p| Command::new(p).arg("--help").output().is_ok())
    else {
        eprintln!("skipped: no ldb");
        return;
    };
    for compression in [0, 4, 7] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut set = options("uint64add");
        set.default_family.compression = compression;
        let db = Db::open(&path, set.clone()).unwrap();
        let users = db.create_family("users").unwrap();
        write_some(&db, &users);
        let model = contents(&db, &db.default_family(), &ReadOptions::default());
        let of_users = contents(&db, &users, &ReadOptions::default());
        drop(db);
        if compression != 0 {
            // A reopen writes a new MANIFEST with everything in it; without one the log is still unflushed.
            drop(Db::open(&path, set.clone()).unwrap());
        }
        judge(ldb, &path, "default", &model);
        judge(ldb, &path, "users", &of_users);
        let db = Db::open(&path, set).unwrap();
        assert_eq!(
            contents(&db, &db.default_family(), &ReadOptions::default()),
            model,
            "after RocksDB's compaction"
        );
        assert_eq!(contents(&db, &db.family("users").unwrap(), &ReadOptions::default()), of_users);
    }
}

/// Puts, deletes and range deletes in tables and in the log.
fn write_some(db: &Db, users: &Family) {
    let family = db.default_family();
    for i in 0..600u32 {
        let mut batch = WriteBatch::new();
        batch.put(family.id, format!("key{:04}", i * 7 % 500).as_bytes(), format!("value {i}").as_bytes());
        batch.put(users.id, format!("user{i:04}").as_bytes(), &[b'u'; 40]);
        match i {
            250 => batch.delete_range(family.id, b"key0100", b"key0150"),
            400 => batch.delete_range(users.id, b"user0010", b"user0020"),
            _ if i % 50 == 3 => batch.delete(family.id, format!("key{:04}", i % 500).as_bytes()),
            _ => {}
        }
        db.write(batch, WriteOptions::default()).unwrap();
        if i == 200 || i == 450 {
            db.flush().unwrap();
        }
    }
}

fn judge(ldb: &str, path: &Path, family: &str, model: &Map) {
    let run = |args: &[&str]| {
        let output = Command::new(ldb).arg(format!("--db={}", path.display())).args(args).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ldb {args:?}: {text}");
        text
    };
    let column = format!("--column_family={family}");
    run(&["checkconsistency"]);
    let expect: String = model
        .iter()
        .map(|(k, v)| format!("{} : {}\n", String::from_utf8_lossy(k), String::from_utf8_lossy(v)))
        .collect();
    assert_eq!(run(&["scan", &column]), expect);
    for (k, v) in model.iter().step_by(23) {
        let found = run(&["get", &String::from_utf8_lossy(k), &column]);
        assert_eq!(found.trim_end(), String::from_utf8_lossy(v));
    }
    run(&["compact", &column]);
    assert_eq!(run(&["scan", &column]), expect, "after the compaction");
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// The folder of golden RocksDB directories: `DOLMEN_TESTDATA`, or `shared/data` above the crate.
fn testdata() -> Option<PathBuf> {
    let root = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from).or_else(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().map(|a| a.join("shared/data")).find(|p| p.is_dir())
    });
    root.map(|r| r.join("rocksdb")).filter(|p| p.is_dir())
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
