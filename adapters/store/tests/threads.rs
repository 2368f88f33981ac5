//! Several writers, the engine's own threads and a power loss at any moment, under every policy: each writer finds a prefix of its own writes that
//! holds all that was acknowledged as durable, batches are whole over families, and every submission is answered.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{options, soak};
use dolmen_base::Rng;
use dolmen_sim::Disk;
use dolmen_store::{Db, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

const WRITERS: u64 = 4;

fn set(policy: u64) -> Options {
    Options {
        sync: match policy % 3 {
            0 => SyncPolicy::Always,
            1 => SyncPolicy::Interval(Duration::from_millis(2)),
            _ => SyncPolicy::Never,
        },
        background_threads: 2,
        // So small that logs change all the time.
        write_buffer_bytes: 6 << 10,
        ..options("")
    }
}

fn key(writer: u64, n: u64) -> Vec<u8> {
    format!("w{writer}n{n:05}").into_bytes()
}

/// Writes until the power goes; what was acknowledged as durable is counted as it comes.
fn write(
    db: &Db,
    writer: u64,
    rng: &mut Rng,
    durable: &Arc<AtomicU64>,
    sent: &AtomicU64,
    heard: &Arc<AtomicU64>,
) {
    let (first, second) = (db.default_family(), db.family("second").unwrap());
    for n in 0..rng.range(20, 80) {
        let mut batch = WriteBatch::new();
        batch.put(first.id, &key(writer, n), &vec![writer as u8; rng.below(300) as usize]);
        batch.put(second.id, &key(writer, n), b"too");
        let sync = [None, Some(true), Some(false)][rng.below(3) as usize];
        if rng.one_in(3) {
            let (durable, heard) = (durable.clone(), heard.clone());
            sent.fetch_add(1, Ordering::Relaxed);
            let done = move |outcome: Result<_, _>| {
                heard.fetch_add(1, Ordering::Relaxed);
                if outcome.is_ok() && sync == Some(true) {
                    durable.fetch_max(n + 1, Ordering::Relaxed);
                }
            };
            db.submit(batch, WriteOptions { sync }, Box::new(done));
        } else if db.write(batch, WriteOptions { sync }).is_ok() && sync == Some(true) {
            durable.fetch_max(n + 1, Ordering::Relaxed);
        }
    }
}

#[test]
fn writers_beside_each_other_and_a_power_loss() {
    for seed in 0..60 * soak() {
        let (disk, mut rng) = (Disk::new(), Rng::new(seed));
        let db = Db::open_in(Arc::new(disk.clone()), set(seed)).unwrap();
        db.create_family("second").unwrap();
        let durable: Vec<Arc<AtomicU64>> = (0..WRITERS).map(|_| Arc::default()).collect();
        let (sent, heard) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
        let (crashed, acknowledged) = std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (db, durable, sent, heard) = (&db, &durable[writer as usize], &sent, &heard);
                let mut rng = Rng::new(seed * 31 + writer);
                scope.spawn(move || write(db, writer, &mut rng, durable, sent, heard));
            }
            std::thread::sleep(Duration::from_micros(rng.below(8_000)));
            // First what is known to be durable, then what the power leaves.
            let acknowledged: Vec<u64> = durable.iter().map(|d| d.load(Ordering::Relaxed)).collect();
            (disk.crash(seed), acknowledged)
        });
        db.flush().unwrap();
        db.close().unwrap();
        drop(db);
        assert_eq!(sent.load(Ordering::Relaxed), heard.load(Ordering::Relaxed), "seed {seed}: unanswered");
        let db = Db::open_in(Arc::new(crashed), set(seed + 1)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let Some(second) = db.family("second") else {
            assert!(acknowledged.iter().all(|&n| n == 0), "seed {seed}: the family has gone");
            continue;
        };
        let (read, first) = (ReadOptions::default(), db.default_family());
        for writer in 0..WRITERS {
            let has = |n| db.contains(&first, &key(writer, n), &read).unwrap();
            let found = (0..100).take_while(|&n| has(n)).count() as u64;
            assert!((found..100).all(|n| !has(n)), "seed {seed}: a hole behind {found} of writer {writer}");
            let least = acknowledged[writer as usize];
            assert!(found >= least, "seed {seed}: writer {writer} has {found} of {least}");
            for n in 0..100 {
                let in_second = db.contains(&second, &key(writer, n), &read).unwrap();
                assert_eq!(in_second, n < found, "seed {seed}: half a batch");
            }
        }
    }
}
