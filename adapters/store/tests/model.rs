//! The engine against a plain model: random histories through flushes, compactions, snapshots and reopens.

mod common;

use std::sync::Arc;

use common::{Map, Model, Writer, contents, options, soak};
use dolmen_base::Rng;
use dolmen_sim::Disk;
use dolmen_store::{Db, Options, ReadOptions, Snapshot, WriteOptions};

/// What was true when a snapshot was taken.
struct Held {
    snapshot: Snapshot,
    model: Model,
}

impl Held {
    fn assert_unchanged(&self, db: &Db, at: &str) {
        for (name, map) in &self.model {
            let read = ReadOptions { sequence: Some(self.snapshot.sequence()), ..ReadOptions::default() };
            assert_eq!(&contents(db, &db.family(name).unwrap(), &read), map, "{at}: snapshot of {name}");
        }
    }
}

/// Random operations on three families, with point reads on the way.
fn check_model(seed: u64, rounds: u64, options: &Options) {
    let disk = Disk::new();
    let open = || Db::open_in(Arc::new(disk.clone()), options.clone()).unwrap();
    let (mut rng, writer) = (Rng::new(seed), Writer::default());
    let mut db = open();
    writer.create_families(&db);
    let mut model = writer.empty_model();
    let mut held: Vec<Held> = Vec::new();
    for round in 0..rounds {
        let at = format!("seed {seed}, round {round}");
        let (batch, after) = writer.batch(&mut rng, &db, &model);
        db.write(batch, WriteOptions::default()).unwrap();
        model = after;
        let name = writer.names[rng.below(3) as usize];
        let (family, key) = (db.family(name).unwrap(), writer.key(&mut rng));
        let found = db.get(&family, &key, &ReadOptions::default()).unwrap();
        assert_eq!(found.as_ref(), model[name].get(&key), "{at}: {name}");
        match rng.below(1800) {
            0..4 => db.flush().unwrap(),
            4..6 => {
                held.clear();
                if rng.one_in(2) {
                    db.close().unwrap();
                }
                drop(db);
                db = open();
            }
            6..9 => held.push(Held { snapshot: db.snapshot(), model: model.clone() }),
            9 => drop(held.pop()),
            10..12 => db.compact(&family, None, None).unwrap(),
            12..14 => db.compact(&family, Some(&key), Some(&writer.key(&mut rng))).unwrap(),
            14..20 => {
                assert_eq!(writer.read(&db), model, "{at}");
                held.iter().for_each(|h| h.assert_unchanged(&db, &at));
            }
            _ => {}
        }
    }
    let stats = db.stats();
    assert!(stats.background_error.is_none(), "{stats:?}");
    drop(db);
    let db = open();
    assert_eq!(writer.read(&db), model);
    db.verify().unwrap();
    for name in &writer.names {
        db.compact(&db.family(name).unwrap(), None, None).unwrap();
    }
    assert_eq!(writer.read(&db), model);
    let levels = db.stats().levels;
    assert!(levels.iter().any(|&(_, level, ..)| level > 0), "{levels:?}");
}

/// About 100,000 operations in all, half with threads of the engine's own.
#[test]
fn a_hundred_thousand_operations_equal_the_model() {
    for seed in 0..10 * soak() {
        let options =
            Options { background_threads: if seed % 2 == 0 { 2 } else { 0 }, ..options("stringappend") };
        check_model(seed, 5_000, &options);
    }
}

/// Readers run beside writers, flushes and compactions: what they see is always some past state, never a mixture.
#[test]
fn readers_beside_writers_see_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options("")).unwrap();
    let other = db.create_family("other").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..4_000u32 {
                let mut batch = dolmen_store::WriteBatch::new();
                // A key is in both families or in neither, with the same value.
                let key = (i % 97).to_string();
                for family in [db.default_family().id, other.id] {
                    match i % 5 {
                        0 => batch.delete(family, key.as_bytes()),
                        _ => batch.put(family, key.as_bytes(), &i.to_le_bytes().repeat(9)),
                    }
                }
                db.write(batch, WriteOptions::default()).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Acquire) {
                    let snapshot = db.snapshot();
                    let read = ReadOptions { sequence: Some(snapshot.sequence()), ..ReadOptions::default() };
                    let maps: Vec<Map> =
                        [&db.default_family(), &other].map(|f| contents(&db, f, &read)).into();
                    assert_eq!(maps[0], maps[1]);
                }
            });
        }
    });
    assert!(db.stats().compactions > 5, "{:?}", db.stats());
}
