//! What the engine wrote in the hands of RocksDB's tools: `ldb` scans, finds every key, checks, compacts; `sst_dump` verifies every table; and
//! the engine reads the result.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Map, contents, options};
use dolmen_store::{Db, Family, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

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
    // Values with a block of their own, small ones before and behind.
    for (key, len) in [("key0003x", 70_000), ("key0050x", 200_000), ("user0007x", 65_536)] {
        db.put(if key.starts_with('k') { &family } else { users }, key.as_bytes(), &vec![b'L'; len]).unwrap();
    }
    for i in 0..150u32 {
        let mut batch = WriteBatch::new();
        batch.put(family.id, format!("key{:04}", i * 7 % 120).as_bytes(), format!("value {i}").as_bytes());
        batch.put(users.id, format!("user{i:04}").as_bytes(), &[b'u'; 40]);
        batch.merge(family.id, format!("list{:02}", i % 40).as_bytes(), i.to_string().as_bytes());
        batch.put(users.id, format!("once{i:04}").as_bytes(), b"once");
        if i % 3 == 0 {
            batch.single_delete(users.id, format!("once{:04}", i / 3).as_bytes());
        }
        match i {
            60 => batch.delete_range(family.id, b"key0020", b"key0040"),
            100 => batch.delete_range(users.id, b"user0010", b"user0020"),
            _ if i % 20 == 3 => batch.delete(family.id, format!("key{:04}", i % 120).as_bytes()),
            _ => {}
        }
        db.write(batch, WriteOptions::default()).unwrap();
        if i == 50 || i == 110 {
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
        all.extend(["--try_load_options", "--ignore_unknown_options"].map(str::to_owned));
        all.extend(args.iter().map(|a| (*a).to_owned()));
        run(self.program, &all)
    }

    /// `step`: every how many keys one is asked for.
    fn check(&self, model: &Map, step: usize) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.run(&["checkconsistency"]);
        let expect: String = model.iter().map(|(k, v)| format!("{} : {}\n", text(k), text(v))).collect();
        assert_eq!(self.run(&["scan"]), expect);
        for (k, v) in model.iter().step_by(step) {
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

/// `ldb` learns the merge operator from an OPTIONS file, which the engine does not write.
fn write_options(path: &Path) {
    let family = |name: &str| {
        format!(
            "[CFOptions \"{name}\"]\n  merge_operator=stringappend\n[TableOptions/BlockBasedTable \"{name}\"]\n  format_version=5\n"
        )
    };
    let head = "[Version]\n  rocksdb_version=7.8.3\n  options_file_version=1.1\n[DBOptions]\n  create_if_missing=false\n";
    let text = head.to_owned() + &family("default") + &family("users");
    std::fs::write(path.join("OPTIONS-900000"), text).unwrap();
}

/// A copy of the directory of a database that is open: what is there if its process ends now. Zeros stand behind the records of its log.
fn left_as_it_is(path: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir(to).unwrap();
    let mut has_zeros = false;
    for entry in std::fs::read_dir(path).unwrap() {
        let from = entry.unwrap().path();
        let bytes = std::fs::read(&from).unwrap();
        has_zeros |= from.extension().is_some_and(|kind| kind == "log") && bytes.ends_with(&[0; 64]);
        std::fs::write(to.join(from.file_name().unwrap()), bytes).unwrap();
    }
    assert!(has_zeros, "no log is filled ahead");
    to.to_owned()
}

#[test]
fn rocksdb_opens_what_is_written_here() {
    let Some(ldb) = tool(["ldb", "rocksdb_ldb"]) else { return };
    let Some(sst_dump) = tool(["sst_dump", "rocksdb_sst_dump"]) else { return };
    for (compression, compacted) in [(0, false), (4, true), (7, false), (0, true)] {
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().join("db");
        let mut set = options("stringappend");
        let is_killed = compression == 0 && !compacted;
        if is_killed {
            set.sync = SyncPolicy::Always;
        }
        set.default_family.compression = compression;
        if compacted {
            // A MANIFEST that was begun while the database was open.
            set.max_manifest_bytes = 1 << 10;
        }
        let db = Db::open(&path, set.clone()).unwrap();
        let users = db.create_family("users").unwrap();
        write_some(&db, &users);
        if compacted {
            db.compact(&db.default_family(), None, None).unwrap();
            db.compact(&users, None, None).unwrap();
        }
        let model = contents(&db, &db.default_family(), &ReadOptions::default());
        let of_users = contents(&db, &users, &ReadOptions::default());
        assert!(model.contains_key(&b"list00"[..]));
        if is_killed {
            path = left_as_it_is(&path, &dir.path().join("killed"));
        }
        db.close().unwrap();
        drop(db);
        if compression == 7 {
            // A reopen writes a new MANIFEST with everything in it; without one the log is still unflushed.
            drop(Db::open(&path, set.clone()).unwrap());
        }
        let step = if compression == 4 { 1 } else { 19 };
        verify_tables(sst_dump, &path);
        write_options(&path);
        Ldb { program: ldb, path: &path, family: "default" }.check(&model, step);
        Ldb { program: ldb, path: &path, family: "users" }.check(&of_users, step);
        let db = Db::open(&path, set).unwrap();
        assert_eq!(contents(&db, &db.default_family(), &ReadOptions::default()), model, "after RocksDB");
        assert_eq!(contents(&db, &db.family("users").unwrap(), &ReadOptions::default()), of_users);
    }
}
