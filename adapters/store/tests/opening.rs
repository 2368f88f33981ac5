//! Opening where several logs are not in tables yet, and an older one is damaged.

use std::sync::Arc;

use dolmen_base::io::{Directory, OpenMode};
use dolmen_sim::Disk;
use dolmen_store::{Db, Options, ReadOptions, SequenceNumber, WriteBatch};
use dolmen_wal::{Framing, RecoveryMode, record};

/// The caller's thread does all the work, so that a run depends on its inputs alone.
fn options() -> Options {
    Options { background_threads: 0, block_cache_bytes: 1 << 20, ..Options::default() }
}

fn keys(db: &Db) -> Vec<String> {
    let mut iter = db.iter(&db.default_family(), ReadOptions::default()).unwrap();
    let mut out = Vec::new();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        out.push(String::from_utf8(iter.key().to_vec()).unwrap());
        iter.next().unwrap();
    }
    out
}

/// Adds a log that holds `count` keys of one batch each, from `sequence` on.
fn add_log(disk: &Disk, number: u64, sequence: u64, count: u64) {
    let mut bytes = Vec::new();
    for at in sequence..sequence + count {
        let mut batch = WriteBatch::new();
        batch.put(dolmen_store::FamilyId::new(0), format!("key{at:03}").as_bytes(), &[b'v'; 3000]);
        batch.set_sequence(SequenceNumber::new(at));
        record::append(batch.as_bytes(), bytes.len() as u64, Framing::Plain, &mut bytes);
    }
    let file = disk.open(&format!("{number:06}.log"), OpenMode::CreateNew).unwrap();
    file.append(&bytes).and_then(|()| file.sync()).and_then(|()| disk.sync()).unwrap();
}

/// Two logs that no table holds yet: all of both is there. With a damaged record in the middle of the first, every mode that promises what was
/// acknowledged refuses and names that log, although the second is whole.
#[test]
fn an_older_log_counts_and_its_damage_is_named() {
    use RecoveryMode::{Absolute, PointInTime, SkipAnyCorrupted, TolerateCorruptedTail, TornTail};
    for mode in [TornTail, TolerateCorruptedTail, Absolute, PointInTime, SkipAnyCorrupted] {
        let disk = Disk::new();
        Db::open_in(Arc::new(disk.clone()), options()).unwrap().close().unwrap();
        add_log(&disk, 100, 1, 30);
        add_log(&disk, 101, 31, 5);
        let damaged = disk.crash(0);
        damaged.flip_bit("000100.log", 15 * 3050, 3).unwrap();
        let set = || Options { recovery: Some(mode), ..options() };
        let db = Db::open_in(Arc::new(disk), set()).unwrap();
        let expected: Vec<_> = (1..=35).map(|n| format!("key{n:03}")).collect();
        assert_eq!(keys(&db), expected, "{mode:?}");
        if !matches!(mode, PointInTime | SkipAnyCorrupted) {
            let error = Db::open_in(Arc::new(damaged), set()).err().expect("damage").to_string();
            assert!(error.contains("000100.log"), "{mode:?}: {error}");
        }
    }
}

/// With the damage at the very end of the first log it looks torn; that later writes exist shows that it is not. Point-in-time recovery gives a
/// point in time: nothing that is newer than what is lost.
#[test]
fn a_log_that_ends_early_before_another_is_damage() {
    use RecoveryMode::{Absolute, PointInTime, SkipAnyCorrupted, TornTail};
    for (at, lost) in [(15 * 3050, 16), (29 * 3050 + 600, 30)] {
        for mode in [TornTail, Absolute, PointInTime, SkipAnyCorrupted] {
            let disk = Disk::new();
            Db::open_in(Arc::new(disk.clone()), options()).unwrap().close().unwrap();
            add_log(&disk, 100, 1, 30);
            add_log(&disk, 101, 31, 5);
            disk.flip_bit("000100.log", at, 3).unwrap();
            let db = Db::open_in(Arc::new(disk), Options { recovery: Some(mode), ..options() });
            match mode {
                PointInTime => {
                    let expected: Vec<_> = (1..lost).map(|n| format!("key{n:03}")).collect();
                    assert_eq!(keys(&db.unwrap()), expected, "{at}");
                }
                SkipAnyCorrupted => {
                    let found = keys(&db.unwrap());
                    assert!(found.len() >= 24 && found.contains(&"key035".to_owned()), "{at}: {found:?}");
                }
                _ => {
                    let error = db.err().expect("damage").to_string();
                    assert!(error.contains("000100.log"), "{mode:?}: {error}");
                }
            }
        }
    }
}
