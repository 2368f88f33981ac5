//! What is recovered, cut, kept aside or refused: power losses under every policy, damage in what was synced, holes, cut MANIFESTs, sequence
//! numbers at their end, disks without room.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::all;
use dolmen_base::io::{Directory, OpenMode, read_file};
use dolmen_sim::{Disk, Op};
use dolmen_store::{
    Cause, Db, FamilyId, Options, ReadOptions, RecoveryMode, SequenceNumber, StoreError, SyncPolicy,
    WriteBatch, WriteError, WriteOptions,
};
use dolmen_wal::{Framing, record};

const POLICIES: [SyncPolicy; 3] =
    [SyncPolicy::Always, SyncPolicy::Interval(Duration::from_secs(3600)), SyncPolicy::Never];
const MODES: [RecoveryMode; 5] = [
    RecoveryMode::TornTail,
    RecoveryMode::TolerateCorruptedTail,
    RecoveryMode::Absolute,
    RecoveryMode::PointInTime,
    RecoveryMode::SkipAnyCorrupted,
];

fn options(sync: SyncPolicy) -> Options {
    Options { sync, background_threads: 0, ..Options::default() }
}

fn open(disk: &Disk, options: Options) -> Result<Db, StoreError> {
    Db::open_in(Arc::new(disk.clone()), options)
}

fn key(n: usize) -> Vec<u8> {
    format!("key{n:04}").into_bytes()
}

fn put(db: &Db, n: usize, sync: Option<bool>) {
    let mut batch = WriteBatch::new();
    batch.put(FamilyId::new(0), &key(n), &[n as u8; 200]);
    db.write(batch, WriteOptions { sync }).unwrap();
}

/// How many keys from the first on are there; there must be no other.
fn prefix(db: &Db) -> usize {
    let keys: Vec<_> = all(db).into_keys().collect();
    assert!(keys.iter().enumerate().all(|(n, k)| *k == key(n)), "a hole: {} keys", keys.len());
    keys.len()
}

fn logs(disk: &Disk) -> Vec<String> {
    let names = disk.list().unwrap().into_iter().filter(|e| e.len > 0).map(|e| e.name);
    names.filter(|n| n.ends_with(".log")).collect()
}

/// Without a close: the disk as it is.
fn left(disk: &Disk, db: Db) -> Disk {
    // All that was written stays, as after a killed process.
    let copy = Disk::new();
    for entry in disk.list().unwrap() {
        disk.link_into(&entry.name, &copy, &entry.name).unwrap();
    }
    drop(db);
    copy
}

/// Some writes wait for a sync and most do not, and the power goes: the database opens under every policy with all that was synced and a point
/// in time behind it.
#[test]
fn a_power_loss_opens_under_every_policy() {
    let mut lost = 0;
    for seed in 0..300u64 {
        let (written, opened) = (POLICIES[seed as usize % 3], POLICIES[seed as usize / 3 % 3]);
        let disk = Disk::new();
        let db = open(&disk, options(written)).unwrap();
        let synced = seed as usize % 7;
        (0..synced).for_each(|n| put(&db, n, Some(true)));
        (synced..synced + 40).for_each(|n| put(&db, n, Some(false)));
        let crashed = disk.crash(seed);
        drop(db);
        let db = open(&crashed, options(opened)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let found = prefix(&db);
        assert!(found >= synced, "seed {seed}: {found} of {synced}");
        let stats = db.stats();
        lost += stats.losses.len();
        for loss in &stats.losses {
            assert!(loss.len > 0 && stats.lost_files.contains(&loss.kept_as()), "{loss}");
            let kept = read_file(&crashed, &loss.kept_as(), 1 << 20).unwrap();
            assert_eq!(kept.len() as u64, loss.len, "{loss}");
        }
        // And it goes on.
        put(&db, found, Some(true));
        let again = crashed.crash(seed + 1);
        drop(db);
        assert_eq!(prefix(&open(&again, options(written)).unwrap()), found + 1);
    }
    assert!(lost > 50, "{lost}");
}

/// A flipped bit anywhere in what was synced is an error under every policy, and the way out is one: what stands before is there, and what does
/// not is kept.
#[test]
fn damage_in_what_was_synced_is_an_error_under_every_policy() {
    for written in POLICIES {
        for at in [3, 250, 5_000, 20_000] {
            for opened in POLICIES {
                let disk = Disk::new();
                let db = open(&disk, options(written)).unwrap();
                (0..100).for_each(|n| put(&db, n, None));
                db.sync_wal().unwrap();
                let disk = left(&disk, db);
                let [log] = &logs(&disk)[..] else { panic!("one log") };
                disk.flip_bit(log, at, 3).unwrap();
                let before = disk.list().unwrap();
                let error = open(&disk, options(opened)).err().expect("an error").to_string();
                assert!(
                    error.contains(log.as_str()) && error.contains("--recovery point-in-time"),
                    "{error}"
                );
                assert_eq!(disk.list().unwrap(), before, "nothing is made or changed");
                let recovery = Some(RecoveryMode::PointInTime);
                let db = open(&disk, Options { recovery, ..options(opened) }).unwrap();
                let found = prefix(&db);
                assert!(found.abs_diff(at as usize / 238) <= 1, "{at}: {found}");
                let [loss] = &db.stats().losses[..] else { panic!("one loss") };
                assert!(matches!(loss.cause, Cause::Damaged(_)) && loss.at <= at, "{loss}");
                assert!(db.stats().lost_files.contains(&format!("{log}.lost")));
                db.close().unwrap();
                drop(db);
                let db = open(&disk, options(opened)).unwrap();
                assert_eq!(prefix(&db), found);
                assert!(db.stats().losses.is_empty());
                assert!(
                    db.stats().lost_files.contains(&format!("{log}.lost")),
                    "it is told until it is deleted"
                );
            }
        }
    }
}

/// Where a log's records end: zeros stand behind them.
fn end(disk: &Disk, log: &str) -> u64 {
    let bytes = read_file(disk, log, 1 << 20).unwrap();
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at as u64 + 1)
}

/// Damage in the last record cannot be told from a torn write, unless something behind it says that it was synced: a close and a sync leave a
/// witness.
#[test]
fn a_witness_stands_behind_the_last_sync() {
    for sync in POLICIES {
        let disk = Disk::new();
        let db = open(&disk, options(sync)).unwrap();
        (0..5).for_each(|n| put(&db, n, None));
        db.sync_wal().unwrap();
        db.sync_wal().unwrap();
        let disk = left(&disk, db);
        let [log] = &logs(&disk)[..] else { panic!("one log") };
        disk.flip_bit(log, end(&disk, log) - 60, 1).unwrap();
        let error = open(&disk, options(sync)).err().expect("an error").to_string();
        assert!(error.contains("a valid record follows"), "{error}");
    }
}

/// The timekeeper's sync leaves one, too.
#[test]
fn what_the_clock_has_synced_is_synced() {
    let disk = Disk::new();
    let options = || Options { sync: SyncPolicy::Interval(Duration::from_millis(5)), ..Options::default() };
    let db = open(&disk, options()).unwrap();
    (0..50).for_each(|n| put(&db, n, None));
    while db.stats().wal_syncs == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(200));
    let syncs = db.stats().wal_syncs;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(db.stats().wal_syncs, syncs, "a witness is not synced again and again");
    let disk = left(&disk, db);
    let [log] = &logs(&disk)[..] else { panic!("one log") };
    disk.flip_bit(log, 5_000, 1).unwrap();
    let error = open(&disk, options()).err().expect("an error").to_string();
    assert!(error.contains("--recovery"), "{error}");
}

/// A log of plain batches, as another writer has them.
fn add_log(disk: &Disk, number: u64, sequences: std::ops::RangeInclusive<u64>) {
    let mut bytes = Vec::new();
    for at in sequences {
        let mut batch = WriteBatch::new();
        batch.put(FamilyId::new(0), &key(at as usize - 1), &[b'v'; 300]);
        batch.set_sequence(SequenceNumber::new(at));
        record::append(batch.as_bytes(), bytes.len() as u64, Framing::Plain, &mut bytes);
    }
    let file = disk.open(&format!("{number:06}.log"), OpenMode::CreateNew).unwrap();
    file.append(&bytes).and_then(|()| file.sync()).and_then(|()| disk.sync()).unwrap();
}

/// Three logs that follow on each other, and then one of them does not: strict modes name the hole, point-in-time stops before it and keeps what is
/// behind, skipping takes all there is; both report.
#[test]
fn holes_between_logs_are_seen() {
    type Harm = fn(&Disk);
    let delete_middle: Harm = |disk| disk.delete("000101.log").unwrap();
    let cut_first: Harm = |disk| {
        let len = 7 * (7 + 12 + 1 + 1 + 7 + 2 + 300);
        disk.open("000100.log", OpenMode::Write).unwrap().truncate(len).unwrap();
    };
    let delete_first: Harm = |disk| disk.delete("000100.log").unwrap();
    for (harm, stands, there) in [(delete_middle, 10, 20), (cut_first, 7, 27), (delete_first, 0, 20)] {
        for mode in MODES {
            let disk = Disk::new();
            open(&disk, options(SyncPolicy::Always)).unwrap().close().unwrap();
            let rest: Vec<_> = logs(&disk);
            rest.iter().for_each(|log| disk.delete(log).unwrap());
            for (number, sequences) in [(100, 1..=10), (101, 11..=20), (102, 21..=30)] {
                add_log(&disk, number, sequences);
            }
            harm(&disk);
            let opened = open(&disk, Options { recovery: Some(mode), ..options(SyncPolicy::Always) });
            match mode {
                RecoveryMode::PointInTime => {
                    let db = opened.unwrap();
                    assert_eq!(prefix(&db), stands);
                    let stats = db.stats();
                    assert!(matches!(stats.losses[0].cause, Cause::Hole { .. }), "{:?}", stats.losses);
                    for loss in &stats.losses {
                        assert_eq!(
                            read_file(&disk, &loss.kept_as(), 1 << 20).unwrap().len() as u64,
                            loss.len
                        );
                    }
                }
                RecoveryMode::SkipAnyCorrupted => {
                    let db = opened.unwrap();
                    assert_eq!(all(&db).len(), there);
                    assert!(matches!(db.stats().losses[0].cause, Cause::Hole { .. }));
                }
                _ => {
                    let error = opened.err().expect("a hole").to_string();
                    let behind = if stands == 10 { "000102.log" } else { "000101.log" };
                    assert!(error.contains(behind) && error.contains("missing"), "{mode:?}: {error}");
                }
            }
        }
    }
}

/// Sequence numbers at the end of their range are damage, and no write is acknowledged that could not be opened again.
#[test]
fn sequence_numbers_at_their_end() {
    let end = 1u64 << 56;
    for sequence in [end - 1, end, u64::MAX] {
        for mode in MODES {
            let disk = Disk::new();
            open(&disk, options(SyncPolicy::Always)).unwrap().close().unwrap();
            add_log(&disk, 100, 1..=3);
            let mut batch = WriteBatch::new();
            batch.put(FamilyId::new(0), b"wrong", b"");
            batch.set_sequence(SequenceNumber::new(sequence));
            let mut bytes = Vec::new();
            record::append(batch.as_bytes(), 0, Framing::Plain, &mut bytes);
            let file = disk.open("000101.log", OpenMode::CreateNew).unwrap();
            file.append(&bytes).and_then(|()| file.sync()).and_then(|()| disk.sync()).unwrap();
            let opened = open(&disk, Options { recovery: Some(mode), ..options(SyncPolicy::Always) });
            if matches!(mode, RecoveryMode::PointInTime | RecoveryMode::SkipAnyCorrupted) {
                let db = opened.unwrap_or_else(|e| panic!("{mode:?}: {e}"));
                assert_eq!(prefix(&db), 3);
                assert_eq!(db.stats().losses.len(), 1, "{:?}", db.stats().losses);
                put(&db, 3, None);
                drop(db);
                assert_eq!(prefix(&open(&disk, options(SyncPolicy::Always)).unwrap()), 4);
            } else {
                let error = opened.err().expect("damage").to_string();
                assert!(error.contains("000101.log"), "{error}");
            }
        }
    }
    // The last numbers that a log may have: all is read, and no write is taken any more.
    let disk = Disk::new();
    open(&disk, options(SyncPolicy::Always)).unwrap().close().unwrap();
    add_log(&disk, 100, 1..=1);
    let mut batch = WriteBatch::new();
    batch.put(FamilyId::new(0), &key(1), &[1; 200]);
    batch.set_sequence(SequenceNumber::new(end - 2));
    let mut bytes = Vec::new();
    record::append(batch.as_bytes(), 0, Framing::Plain, &mut bytes);
    disk.open("000101.log", OpenMode::CreateNew).unwrap().append(&bytes).unwrap();
    let skip = Options { recovery: Some(RecoveryMode::SkipAnyCorrupted), ..options(SyncPolicy::Always) };
    let db = open(&disk, skip).unwrap();
    assert_eq!(prefix(&db), 2);
    assert_eq!(db.put(&db.default_family(), b"x", b""), Err(WriteError::Exhausted));
    drop(db);
    assert_eq!(prefix(&open(&disk, options(SyncPolicy::Always)).unwrap()), 2);
}

/// A MANIFEST cut to any length either opens with every key or is refused, and a refusal changes nothing.
#[test]
fn a_manifest_cut_short_loses_nothing_in_silence() {
    let disk = Disk::new();
    for n in 0..6 {
        let db = open(&disk, options(SyncPolicy::Always)).unwrap();
        put(&db, n, None);
        db.close().unwrap();
    }
    let db = open(&disk, options(SyncPolicy::Always)).unwrap();
    for n in 6..12 {
        put(&db, n, None);
        db.flush().unwrap();
    }
    put(&db, 12, None);
    let disk = left(&disk, db);
    let manifest = disk.list().unwrap().into_iter().find(|e| e.name.starts_with("MANIFEST")).unwrap();
    let (mut refused, mut opened) = (0, 0);
    for len in 0..manifest.len {
        let cut = disk.crash(0);
        cut.open(&manifest.name, OpenMode::Write).unwrap().truncate(len).unwrap();
        let before: Vec<_> = cut.list().unwrap();
        match open(&cut, options(SyncPolicy::Always)) {
            Ok(db) => {
                assert_eq!(prefix(&db), 13, "cut to {len}");
                opened += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("MANIFEST"), "{error}");
                let after = cut.list().unwrap();
                assert!(before.iter().all(|e| after.contains(e)), "cut to {len}: something was changed");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused} refused, {opened} opened");
}

/// Where there is no room for tables the database opens all the same, deletions included, and an open that fails leaves nothing behind.
#[test]
fn a_nearly_full_disk_opens() {
    let disk = Disk::new();
    let db = open(&disk, options(SyncPolicy::Always)).unwrap();
    (0..2_000).for_each(|n| {
        let mut value = vec![0; 600];
        dolmen_base::Rng::new(n as u64).fill(&mut value);
        db.put(&db.default_family(), &key(n), &value).unwrap();
    });
    let disk = left(&disk, db);
    let used = disk.used();
    disk.set_capacity(used + (used * 3 / 4));
    let db = open(&disk, options(SyncPolicy::Always)).unwrap();
    let error = db.stats().background_error.expect("there is no room").to_string();
    assert!(error.contains("No space left"), "{error}");
    assert_eq!(prefix_len(&db), 2_000);
    for n in 0..100 {
        db.delete(&db.default_family(), &key(n)).unwrap();
    }
    let disk = left(&disk, db);
    for _ in 0..3 {
        disk.set_capacity(disk.used());
        let before: Vec<_> = disk.list().unwrap();
        assert!(open(&disk, options(SyncPolicy::Always)).is_err());
        assert_eq!(disk.list().unwrap(), before, "a failed start leaves something behind");
        let reader = Db::open_read_only_in(Arc::new(disk.clone()), options(SyncPolicy::Always)).unwrap();
        assert_eq!(prefix_len(&reader), 1_900);
    }
    disk.set_capacity(1 << 30);
    let db = open(&disk, options(SyncPolicy::Always)).unwrap();
    assert_eq!(prefix_len(&db), 1_900);
    assert_eq!(db.stats().background_error, None);
    assert_eq!(logs(&disk).len(), 0, "{:?}", disk.list());
}

fn prefix_len(db: &Db) -> usize {
    all(db).len()
}

/// Few files are held open, however many tables there are.
#[test]
fn descriptors_are_bounded() {
    let disk = Disk::new();
    let set = Options { max_open_files: 5, auto_compaction: false, ..options(SyncPolicy::Never) };
    let db = open(&disk, set).unwrap();
    for n in 0..30 {
        put(&db, n, None);
        db.flush().unwrap();
    }
    assert_eq!(prefix(&db), 30);
    let missing = db.get(&db.default_family(), b"none", &ReadOptions::default()).unwrap();
    assert_eq!(missing, None);
    assert!(db.stats().open_table_files <= 5, "{}", db.stats().open_table_files);
}

/// A flush writes and syncs the MANIFEST once, whatever the number of families.
#[test]
fn a_flush_is_one_sync_of_the_manifest() {
    let mut counts = Vec::new();
    for families in [1, 60] {
        let disk = Disk::new();
        let db = open(&disk, options(SyncPolicy::Never)).unwrap();
        let made: Vec<_> = (0..families).map(|n| db.create_family(&format!("f{n}")).unwrap()).collect();
        put(&db, 0, None);
        db.put(&made[0], b"k", b"v").unwrap();
        let before = disk.count(Op::Sync);
        db.flush().unwrap();
        counts.push(disk.count(Op::Sync) - before);
        let crashed = disk.crash(1);
        drop(db);
        let db = open(&crashed, options(SyncPolicy::Never)).unwrap();
        assert_eq!((prefix(&db), db.families().len()), (1, families + 1));
        assert_eq!(db.stats().flushes, 0, "no log is read again");
    }
    assert_eq!(counts[0], counts[1]);
}

/// A MANIFEST that has grown long is followed by a new one while the database is open: its length stays bounded, there is one, and at every moment the
/// power may go.
#[test]
fn a_long_manifest_is_followed_by_a_new_one() {
    let set = || Options { max_manifest_bytes: 2 << 10, ..options(SyncPolicy::Always) };
    let disk = Disk::new();
    let db = open(&disk, set()).unwrap();
    let manifests = |disk: &Disk| -> Vec<(String, u64)> {
        let files = disk.list().unwrap().into_iter().filter(|e| e.name.starts_with("MANIFEST"));
        files.map(|e| (e.name, e.len)).collect()
    };
    let (first, mut longest) = (manifests(&disk), 0);
    for n in 0..150 {
        put(&db, n, None);
        if n % 20 == 3 {
            let family = db.create_family(&format!("f{n}")).unwrap();
            db.put(&family, b"k", b"v").unwrap();
        }
        if n % 40 == 33 {
            db.drop_family(&db.family(&format!("f{}", n - 10)).unwrap()).unwrap();
        }
        db.flush().unwrap();
        let [(_, len)] = &manifests(&disk)[..] else { panic!("{:?}", manifests(&disk)) };
        longest = longest.max(*len);
        if n % 7 == 0 {
            let crashed = disk.crash(n as u64);
            let found = open(&crashed, set()).unwrap();
            assert_eq!((prefix(&found), found.families().len()), (n + 1, db.families().len()));
        }
    }
    assert_ne!(manifests(&disk)[0].0, first[0].0);
    // 150 flushes and their compactions are more than 20 KB of edits.
    assert!(longest < 8 << 10, "{longest}");
    let copy = Disk::new();
    db.checkpoint_in(&copy).unwrap();
    db.close().unwrap();
    for disk in [disk, copy] {
        let db = open(&disk, set()).unwrap();
        assert_eq!((prefix(&db), db.families().len()), (150, 6));
        assert_eq!(
            db.get(&db.family("f143").unwrap(), b"k", &ReadOptions::default()).unwrap().unwrap(),
            b"v"
        );
    }
}

/// Where a new MANIFEST cannot be made the old one goes on, and nothing of the try stays.
#[test]
fn a_new_manifest_that_fails_leaves_the_old_one() {
    for (op, nth) in [(Op::Create, 1), (Op::Write, 1), (Op::Write, 2), (Op::Sync, 1), (Op::SyncDir, 1)] {
        let disk = Disk::new();
        let set = || Options { max_manifest_bytes: 1 << 10, ..options(SyncPolicy::Always) };
        let db = open(&disk, set()).unwrap();
        let manifest = |disk: &Disk| {
            let files = disk.list().unwrap().into_iter().map(|e| e.name);
            files.filter(|name| name.starts_with("MANIFEST") || name.ends_with(".dbtmp")).collect::<Vec<_>>()
        };
        let before = manifest(&disk);
        let mut made = 0;
        while manifest(&disk) == before {
            db.create_family(&format!("f{made}")).unwrap();
            made += 1;
        }
        // The same again, with a fault in the middle of it.
        let disk = Disk::new();
        let db = open(&disk, set()).unwrap();
        (0..made - 1).for_each(|n| drop(db.create_family(&format!("f{n}")).unwrap()));
        disk.fail_nth(op, nth, dolmen_sim::Fault::Error(dolmen_sim::EIO));
        db.create_family("last").unwrap();
        assert_eq!(manifest(&disk), before, "{op:?} {nth}");
        put(&db, 0, None);
        db.flush().unwrap();
        let crashed = disk.crash(1);
        drop(db);
        let db = open(&crashed, set()).unwrap();
        assert_eq!((prefix(&db), db.families().len()), (1, made + 1), "{op:?} {nth}");
    }
}
