//! The engine on a disk that crashes: at a random operation the disk fails, then loses, tears or reorders what was not synced. Every
//! acknowledged write is there after the reopen, and nothing else but perhaps the one that was under way. Flushes and compactions run on the
//! writer's thread, so that a seed gives the same history each time.

mod common;

use std::sync::Arc;

use common::{Model, Writer, options, soak};
use dolmen_base::Rng;
use dolmen_sim::{Disk, Fault, Op};
use dolmen_store::{Db, Options, SyncPolicy, WriteError, WriteOptions};

fn durable() -> Options {
    Options {
        background_threads: 0,
        sync: SyncPolicy::Always,
        write_buffer_bytes: 5 << 10,
        target_file_bytes: 3 << 10,
        ..options("stringappend")
    }
}

fn writer() -> Writer {
    Writer { key_count: 40, value_len_max: 300, ..Writer::default() }
}

/// What was met on the way, to see that the test looks where it should.
#[derive(Default)]
struct Met {
    faults: u32,
    flushes: u64,
    compactions: u64,
}

/// Lives of one database, each ended by a fault or at a random moment, and a crash.
fn check_crashes(seed: u64, lives: u64, met: &mut Met) {
    let (mut rng, writer) = (Rng::new(seed), writer());
    let mut disk = Disk::new();
    let db = Db::open_in(Arc::new(disk.clone()), durable()).unwrap();
    writer.create_families(&db);
    drop(db);
    let mut model = writer.empty_model();
    let mut maybe: Option<Model> = None;
    for life in 0..lives {
        let at = || format!("seed {seed}, life {life}");
        let db = Db::open_in(Arc::new(disk.clone()), durable()).unwrap_or_else(|e| panic!("{}: {e}", at()));
        let found = writer.read(&db);
        assert!(found == model || maybe.as_ref() == Some(&found), "{}: not what was acknowledged", at());
        model = found;
        maybe = None;
        let op = [Op::Write, Op::Sync, Op::SyncDir, Op::Open][rng.below(4) as usize];
        if rng.one_in(2) {
            let fault = match rng.below(3) {
                0 => Fault::Short,
                1 => Fault::Error(dolmen_sim::EIO),
                _ => Fault::Error(dolmen_base::io::IoError::NoSpace),
            };
            disk.fail_nth(op, rng.range(1, 120), fault);
        }
        for _ in 0..rng.below(80) {
            let (batch, after) = writer.batch(&mut rng, &db, &model);
            match db.write(batch, WriteOptions::default()) {
                Ok(_) => model = after,
                // Cut from the log again: it must not come back. After any other failure the last write may be there or not.
                Err(WriteError::Io { retry: true, .. }) => {
                    met.faults += 1;
                    if rng.one_in(2) {
                        break;
                    }
                }
                Err(_) => {
                    met.faults += 1;
                    maybe = Some(after);
                    break;
                }
            }
        }
        let stats = db.stats();
        (met.flushes, met.compactions) = (met.flushes + stats.flushes, met.compactions + stats.compactions);
        let crashed = disk.crash(rng.next_u64());
        drop(db);
        disk = crashed;
    }
}

#[test]
fn a_thousand_crashes_lose_nothing_acknowledged() {
    let mut met = Met::default();
    for seed in 0..50 * soak() {
        check_crashes(seed, 20, &mut met);
    }
    let Met { faults, flushes, compactions } = met;
    assert!(faults > 50 && flushes > 1_000 && compactions > 500, "{faults} {flushes} {compactions}");
}

/// A full disk refuses writes with the reason, reads go on, and when there is room again so do writes.
#[test]
fn a_full_disk_is_survived() {
    let (disk, writer) = (Disk::new(), writer());
    let db = Db::open_in(Arc::new(disk.clone()), durable()).unwrap();
    writer.create_families(&db);
    let mut rng = Rng::new(3);
    let mut model = writer.empty_model();
    disk.set_capacity(disk.used() + 9000);
    let mut refused = 0;
    for _ in 0..80 {
        let (batch, after) = writer.batch(&mut rng, &db, &model);
        match db.write(batch, WriteOptions::default()) {
            Ok(_) => model = after,
            Err(error) => {
                assert!(error.to_string().contains("No space left on device"), "{error}");
                refused += 1;
            }
        }
        assert_eq!(writer.read(&db), model, "reads go on");
    }
    assert!(refused > 10, "{refused}");
    assert!(db.stats().write_error.is_some() || db.stats().background_error.is_some());
    disk.set_capacity(1 << 30);
    for _ in 0..40 {
        let (batch, after) = writer.batch(&mut rng, &db, &model);
        db.write(batch, WriteOptions::default()).unwrap();
        model = after;
    }
    let stats = db.stats();
    assert_eq!((stats.write_error, stats.background_error), (None, None));
    drop(db);
    let db = Db::open_in(Arc::new(disk), durable()).unwrap();
    assert_eq!(writer.read(&db), model);
}

/// A crash at any moment of the making of a database leaves one that opens and is empty.
#[test]
fn lsm_13_a_half_made_database_opens() {
    for nth in 1..60 {
        for op in [Op::Write, Op::Sync, Op::SyncDir, Op::Open] {
            let disk = Disk::new();
            disk.fail_nth(op, nth, Fault::Error(dolmen_sim::EIO));
            drop(Db::open_in(Arc::new(disk.clone()), durable()));
            for seed in 0..4 {
                let db = Db::open_in(Arc::new(disk.crash(seed)), durable())
                    .unwrap_or_else(|e| panic!("{op:?} {nth}, crash {seed}: {e}"));
                assert_eq!(common::all(&db).len(), 0);
            }
        }
    }
}
