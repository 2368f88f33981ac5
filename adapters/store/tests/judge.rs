//! What the engine wrote in the hands of RocksDB's tools: `ldb` scans, finds every key, checks, compacts; `sst_dump` verifies every table; and
//! the engine reads the result.

mod common;

use std::path::Path;
use std::process::Command;

use common::{Map, contents, options};
use dolmen_store::{Db, Family, ReadOptions, WriteBatch, WriteOptions};

fn tool(names: [&'static str; 2]) -> Option<&'static str> {
    let found = names.into_iter().find(|p| Command::new(p).arg("--help").output().is_ok());
    if found.is_none() {
        println!("skipped: no {}", names[0]);
    }
    found
}

fn run(program: &str, args: &[String]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

/// Puts, deletes, single deletes, merges and range deletes in tables and in the log.
fn write_some(db: &Db, users: &Family) {
    let family = db.default_family();
    for i in 0..600u32 {
        let mut batch = WriteBatch::new();
        batch.put(family.id, format!("key{:04}", i * 7 % 500).as_bytes(), format!("value {i}").as_bytes());
        batch.put(users.id, format!("user{i:04}").as_bytes(), &[b'u'; 40]);
        batch.merge(family.id, format!("list{:02}", i % 40).as_bytes(), i.to_string().as_bytes());
        batch.put(users.id, format!("once{i:04}").as_bytes(), b"once");
        if i % 3 == 0 {
            batch.single_delete(users.id, format!("once{:04}", i / 3).as_bytes());
        }
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

/// A handle that RocksDB's `ldb` has on a family.
struct Ldb<'a> {
    program: &'a str,
    path: &'a Path,
    family: &'a str,
}

impl Ldb<'_> {
    fn run(&self, args: &[&str]) -> String {
        let mut all =
            vec![format!("--db={}", self.path.display()), format!("--column_family={}", self.family)];
        all.extend(args.iter().map(|a| (*a).to_owned()));
        run(self.program, &all)
    }

    fn check(&self, model: &Map) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.run(&["checkconsistency"]);
        let expect: String = model.iter().map(|(k, v)| format!("{} : {}\n", text(k), text(v))).collect();
        assert_eq!(self.run(&["scan"]), expect);
        for (k, v) in model {
            assert_eq!(self.run(&["get", &text(k)]).trim_end(), text(v));
        }
        self.run(&["compact"]);
        assert_eq!(self.run(&["scan"]), expect, "after the compaction");
    }
}

fn verify_tables(sst_dump: &str, path: &Path) {
    let mut count = 0;
    for entry in std::fs::read_dir(path).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "sst") {
            let text =
                run(sst_dump, &[format!("--file={}", entry.path().display()), "--command=verify".into()]);
            assert!(text.contains("The file is ok"), "{text}");
            count += 1;
        }
    }
    assert!(count > 0, "no tables");
}

/// `ldb` knows no merge operator, so merged keys stand in a database of their own, fully compacted, where nothing but values is left.
#[test]
fn rocksdb_opens_what_is_written_here() {
    let Some(ldb) = tool(["ldb", "rocksdb_ldb"]) else { return };
    let Some(sst_dump) = tool(["sst_dump", "rocksdb_sst_dump"]) else { return };
    for (compression, compacted) in [(0, false), (4, true), (7, false), (0, true)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut set = options("stringappend");
        set.default_family.compression = compression;
        let db = Db::open(&path, set.clone()).unwrap();
        let users = db.create_family("users").unwrap();
        write_some(&db, &users);
        if compacted {
            db.compact(&db.default_family(), None, None).unwrap();
            db.compact(&users, None, None).unwrap();
        } else {
            let mut batch = WriteBatch::new();
            batch.delete_range(db.default_family().id, b"list", b"lisu");
            db.write(batch, WriteOptions::default()).unwrap();
        }
        let model = contents(&db, &db.default_family(), &ReadOptions::default());
        let of_users = contents(&db, &users, &ReadOptions::default());
        assert_eq!(model.contains_key(&b"list00"[..]), compacted);
        db.close().unwrap();
        drop(db);
        if compression == 7 {
            // A reopen writes a new MANIFEST with everything in it; without one the log is still unflushed.
            drop(Db::open(&path, set.clone()).unwrap());
        }
        verify_tables(sst_dump, &path);
        Ldb { program: ldb, path: &path, family: "default" }.check(&model);
        Ldb { program: ldb, path: &path, family: "users" }.check(&of_users);
        let db = Db::open(&path, set).unwrap();
        assert_eq!(contents(&db, &db.default_family(), &ReadOptions::default()), model, "after RocksDB");
        assert_eq!(contents(&db, &db.family("users").unwrap(), &ReadOptions::default()), of_users);
    }
}
