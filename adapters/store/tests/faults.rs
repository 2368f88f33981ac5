//! Faults that other engines had (each test names its case), and a real disk that is full.

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{all, contents, options, put, reopen};
use dolmen_lsm::merge::UInt64Add;
use dolmen_store::{
    Db, FamilyOptions, Options, ReadOptions, SyncPolicy, WriteBatch, WriteError, WriteOptions,
};

/// A walk that begins after a range deletion does not see what it deleted: in the memtable, on level 0, after a compaction.
#[test]
fn lsm_01_a_new_walk_sees_the_range_deletion() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options { auto_compaction: false, ..options("") }).unwrap();
    let family = db.default_family();
    put(&db, &family, b"p1", b"v");
    let held = db.iter(&family, ReadOptions::default()).unwrap();
    put(&db, &family, b"p2", b"v");
    let mut batch = WriteBatch::new();
    batch.delete_range(family.id, b"p2", b"p3");
    db.write(batch, WriteOptions::default()).unwrap();
    for stage in 0..3 {
        let left: Vec<_> = all(&db).into_keys().collect();
        assert_eq!(left, [b"p1"], "stage {stage}");
        match stage {
            0 => db.flush().unwrap(),
            1 => db.compact(&family, None, None).unwrap(),
            _ => {}
        }
    }
    let mut held = held;
    held.seek_to_last().unwrap();
    assert_eq!(held.key(), b"p1");
}

/// Counters keep adding up over flushes, compactions and reopens.
#[test]
fn lsm_06_counters_survive() {
    for flushes in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let set = || {
            let default_family = FamilyOptions {
                merge_operator: Some(Arc::new(UInt64Add)),
                ..Options::default().default_family
            };
            Options { default_family, ..options("") }
        };
        let mut db = Db::open(dir.path(), set()).unwrap();
        let read = |db: &Db| {
            let value = db.get(&db.default_family(), b"n", &ReadOptions::default()).unwrap().unwrap();
            u64::from_le_bytes(value.try_into().unwrap())
        };
        for round in 1..=2 {
            for i in 0..10 {
                let mut batch = WriteBatch::new();
                batch.merge(db.default_family().id, b"n", &5u64.to_le_bytes());
                db.write(batch, WriteOptions::default()).unwrap();
                if flushes && i % 3 == 0 {
                    db.flush().unwrap();
                }
            }
            assert_eq!(read(&db), 50 * round);
            db = reopen(db, dir.path(), round == 1, set());
            assert_eq!(read(&db), 50 * round);
        }
        db.compact(&db.default_family(), None, None).unwrap();
        assert_eq!(read(&db), 100);
    }
}

/// Copies a database that is idle but open: its files as they are.
fn copy_while_running(from: &Path, to: &Path) {
    // Compactions under way end first: a copy is not made in one moment, as a kill is.
    let mut before = Vec::new();
    loop {
        let mut names: Vec<_> = std::fs::read_dir(from).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        if names == before {
            break;
        }
        before = names;
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    for name in before {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Two families, one of which is written seldom: no log goes before both are in tables.
#[test]
fn lsm_11_an_idle_family_loses_nothing() {
    for closes in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), options("")).unwrap();
        let idle = db.create_family("idle").unwrap();
        let mut counts = (0, 0);
        for i in 0..30_000u32 {
            let of_idle = i % 50 == 0;
            let family = if of_idle { idle.clone() } else { db.default_family() };
            put(&db, &family, &i.to_be_bytes(), b"value");
            if of_idle { counts.1 += 1 } else { counts.0 += 1 }
        }
        assert!(db.stats().flushes > 10);
        db.sync_wal().unwrap();
        let killed = tempfile::tempdir().unwrap();
        let db = if closes {
            reopen(db, dir.path(), true, options(""))
        } else {
            // What a process that is killed now leaves behind.
            copy_while_running(dir.path(), killed.path());
            drop(db);
            Db::open(killed.path(), options("")).unwrap()
        };
        assert_eq!(all(&db).len(), counts.0);
        assert_eq!(contents(&db, &db.family("idle").unwrap(), &ReadOptions::default()).len(), counts.1);
    }
}

/// Thousands of range deletions over one another, read in between, cost moments.
#[test]
fn range_deletions_over_one_another_are_cheap_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options { write_buffer_bytes: 8 << 20, ..options("") }).unwrap();
    let family = db.default_family();
    for i in 0..4_000u32 {
        let mut batch = WriteBatch::new();
        batch.delete_range(family.id, &i.to_be_bytes(), &(8_000 - i).to_be_bytes());
        db.write(batch, WriteOptions::default()).unwrap();
    }
    put(&db, &family, &4_000u32.to_be_bytes(), b"v");
    assert_eq!(all(&db).len(), 1);
}

/// A file system of 8 MiB, gone at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(dir.path())
            .output()
            .is_ok_and(|o| o.status.success());
        if !mounted {
            println!("skipped: no right to mount");
        }
        mounted.then_some(SmallDisk(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What stays mounted is seen by whoever looks at the list of mounts.
        let _ = Command::new("umount").arg(self.path()).output();
    }
}

/// A real disk that is full: writes fail with the reason, reads go on, nothing acknowledged is lost, and writing resumes by itself.
#[test]
fn a_full_file_system_is_survived() {
    let Some(disk) = SmallDisk::mount() else { return };
    let set = || Options { sync: SyncPolicy::Always, write_buffer_bytes: 512 << 10, ..Options::default() };
    let db = Db::open(&disk.path().join("db"), set()).unwrap();
    let family = db.default_family();
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![7; 4 << 20]).unwrap();
    let value = |i: u32| -> Vec<u8> {
        (0..4000u32).map(|j| (i.wrapping_mul(2_654_435_761).wrapping_add(j * j * 31) >> 7) as u8).collect()
    };
    let mut acknowledged = 0u32;
    let refusal = loop {
        let mut batch = WriteBatch::new();
        batch.put(family.id, &acknowledged.to_be_bytes(), &value(acknowledged));
        match db.write(batch, WriteOptions::default()) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 4_000, "the disk never was full");
    };
    assert!(matches!(refusal, WriteError::Io { retry: true, .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("No space left on device"), "{refusal}");
    for i in 0..acknowledged {
        let found = db.get(&family, &i.to_be_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!(found, Some(value(i)), "{i}");
    }
    std::fs::remove_file(&ballast).unwrap();
    let resumed = (0..500).find(|_| {
        let mut batch = WriteBatch::new();
        batch.put(family.id, b"again", b"v");
        let ok = db.write(batch, WriteOptions::default()).is_ok();
        if !ok {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        ok
    });
    assert!(resumed.is_some(), "writing did not resume");
    let db = reopen(db, &disk.path().join("db"), false, set());
    assert_eq!(all(&db).len(), acknowledged as usize + 1);
}
