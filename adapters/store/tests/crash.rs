//! The engine on a disk that crashes: at a random operation the disk fails, then loses, tears or reorders what was not synced. Every
//! acknowledged write is there after the reopen, and nothing else but perhaps the one that was under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_base::Rng;
use dolmen_sim::{Disk, Fault, Op};
use dolmen_store::{Db, Options, ReadOptions, WriteBatch, WriteError, WriteOptions};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn options() -> Options {
    Options { write_buffer_bytes: 8 << 10, block_cache_bytes: 1 << 20, ..Options::default() }
}

fn contents(db: &Db) -> Map {
    let mut iter = db.iter(&db.default_family(), ReadOptions::default()).unwrap();
    let mut out = Map::new();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        out.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next().unwrap();
    }
    out
}

/// A random batch, and the model after it.
fn batch(rng: &mut Rng, db: &Db, model: &Map) -> (WriteBatch, Map) {
    let (mut batch, mut after, family) = (WriteBatch::new(), model.clone(), db.default_family().id);
    for _ in 0..rng.range(1, 3) {
        let key = format!("key{:02}", rng.below(40)).into_bytes();
        if rng.one_in(4) {
            batch.delete(family, &key);
            after.remove(&key);
        } else {
            let mut value = vec![0; rng.below(300) as usize];
            rng.fill(&mut value);
            batch.put(family, &key, &value);
            after.insert(key, value);
        }
    }
    (batch, after)
}

/// Lives of one database, each ended by a fault or at a random moment, and a crash.
fn check_crashes(seed: u64, lives: u64) {
    let mut rng = Rng::new(seed);
    let mut disk = Disk::new();
    let mut model = Map::new();
    let mut maybe: Option<Map> = None;
    for life in 0..lives {
        let at = || format!("seed {seed}, life {life}");
        let db = Db::open_in(Arc::new(disk.clone()), options()).unwrap_or_else(|e| panic!("{}: {e}", at()));
        let found = contents(&db);
        assert!(
            found == model || maybe.as_ref() == Some(&found),
            "{}: another state than was acknowledged",
            at()
        );
        model = found;
        maybe = None;
        let op = [Op::Write, Op::Sync, Op::SyncDir, Op::Open][rng.below(4) as usize];
        if rng.one_in(2) {
            let fault = if rng.one_in(2) { Fault::Short } else { Fault::Error(dolmen_sim::EIO) };
            disk.fail_nth(op, rng.range(1, 60), fault);
        }
        for _ in 0..rng.below(60) {
            let (batch, after) = batch(&mut rng, &db, &model);
            match db.write(batch, WriteOptions::default()) {
                Ok(_) => model = after,
                // Cut from the log again: it must not come back. After any other failure the last write may be there or not.
                Err(WriteError::Io { retry: true, .. }) => break,
                Err(_) => {
                    maybe = Some(after);
                    break;
                }
            }
        }
        let crashed = disk.crash(rng.next_u64());
        drop(db);
        disk = crashed;
    }
}

#[test]
fn a_thousand_crashes_lose_nothing_acknowledged() {
    let factor = std::env::var("DOLMEN_SOAK").ok().and_then(|f| f.parse().ok()).unwrap_or(1);
    for seed in 0..50 * factor {
        check_crashes(seed, 20);
    }
}

/// A full disk refuses writes with the reason, reads go on, and when there is room again so do writes.
#[test]
fn a_full_disk_is_survived() {
    let disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), options()).unwrap();
    let mut rng = Rng::new(3);
    let mut model = Map::new();
    disk.set_capacity(disk.used() + 3000);
    let mut refused = 0;
    for _ in 0..40 {
        let (batch, after) = batch(&mut rng, &db, &model);
        match db.write(batch, WriteOptions::default()) {
            Ok(_) => model = after,
            Err(error) => {
                assert!(error.to_string().contains("No space left on device"), "{error}");
                refused += 1;
            }
        }
        assert_eq!(contents(&db), model, "reads go on");
    }
    assert!(refused > 10);
    assert!(db.stats().write_error.is_some());
    disk.set_capacity(1 << 30);
    for _ in 0..40 {
        let (batch, after) = batch(&mut rng, &db, &model);
        db.write(batch, WriteOptions::default()).unwrap();
        model = after;
    }
    assert_eq!(db.stats().write_error, None);
    drop(db);
    let db = Db::open_in(Arc::new(disk), options()).unwrap();
    assert_eq!(contents(&db), model);
}
