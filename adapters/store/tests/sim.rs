//! The whole engine on a simulated disk, life after life, each ended by a power loss: options that change between lives, writes that wait for a
//! sync and writes that do not, submissions, snapshots, flushes, compactions, families that come and go, and faults of every kind of call, once
//! or many times in a row. All work is done on one thread, so that a seed gives the same life each time.
//!
//! At the end of a life four questions: is what was acknowledged there (all that was synced, and behind it a point in time), was every request
//! answered, did space and descriptors stay bounded, is every loss reported.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Model, Writer, soak};
use dolmen_base::Rng;
use dolmen_base::io::{Directory, IoError};
use dolmen_sim::{Disk, Fault, Op};
use dolmen_store::{Db, Options, ReadOptions, Snapshot, SyncPolicy, WriteError, WriteOptions};

const OPS: [Op; 10] = [
    Op::Open,
    Op::Create,
    Op::Read,
    Op::Write,
    Op::Sync,
    Op::Truncate,
    Op::List,
    Op::Rename,
    Op::Delete,
    Op::SyncDir,
];

/// What was met, to see that the test looks where it should.
#[derive(Debug, Default)]
struct Met {
    refused: u64,
    ended: u64,
    reopened: u64,
    lost: u64,
    reported: u64,
    flushes: u64,
    compactions: u64,
    spaces: u64,
}

struct World {
    seed: u64,
    rng: Rng,
    writer: Writer,
    disk: Disk,
    /// What the database may hold: states one write apart. The first is durable for sure.
    states: Vec<Model>,
    /// Whether this life's policy is to sync every write.
    always: bool,
    submitted: u64,
    answered: Arc<AtomicU64>,
    met: Met,
}

impl World {
    fn new(seed: u64) -> Self {
        let writer = Writer { names: vec!["default", "other", "cold"], key_count: 30, value_len_max: 250 };
        let disk = Disk::new();
        let db = Db::open_in(Arc::new(disk.clone()), options(&mut Rng::new(0))).unwrap();
        writer.create_families(&db);
        drop(db);
        let states = vec![writer.empty_model()];
        let (rng, answered) = (Rng::new(seed), Arc::default());
        World { seed, rng, writer, disk, states, always: false, submitted: 0, answered, met: Met::default() }
    }

    fn life(&mut self, number: u64) {
        let at = format!("seed {}, life {number}", self.seed);
        let db = self.open(&at);
        let found = self.writer.read(&db);
        let place = self.states.iter().rposition(|state| *state == found);
        let place =
            place.unwrap_or_else(|| panic!("{at}: neither what was synced nor a point in time behind it"));
        self.met.lost += (self.states.len() - 1 - place) as u64;
        self.met.reported += db.stats().losses.len() as u64;
        self.states = vec![found];
        if self.rng.one_in(2) {
            self.arm();
        }
        self.live(&db, &at);
        let stats = db.stats();
        self.met.flushes += stats.flushes;
        self.met.compactions += stats.compactions;
        assert!(stats.open_table_files <= 8, "{at}: {} descriptors", stats.open_table_files);
        if self.rng.one_in(12) {
            self.check_space(db, &at);
        } else if self.rng.one_in(4) {
            if db.close().is_ok() {
                self.synced();
            }
            drop(db);
        } else {
            // The power goes while the database is open; the process only hears of it then.
            let crashed = self.disk.crash(self.rng.next_u64());
            drop(db);
            self.disk = crashed;
        }
        assert_eq!(self.answered.load(Ordering::Relaxed), self.submitted, "{at}: a request has no answer");
        self.disk = self.disk.crash(self.rng.next_u64());
    }

    /// Opens; a fault on the way is an error and no more: the next try opens.
    fn open(&mut self, at: &str) -> Db {
        let set = options(&mut self.rng);
        self.always = set.sync == SyncPolicy::Always;
        if self.rng.one_in(5) {
            self.arm();
            match Db::open_in(Arc::new(self.disk.clone()), set.clone()) {
                Ok(db) => {
                    self.disk.forget_faults();
                    return db;
                }
                Err(_) => self.met.reopened += 1,
            }
            self.disk = self.disk.crash(self.rng.next_u64());
        }
        Db::open_in(Arc::new(self.disk.clone()), set).unwrap_or_else(|e| panic!("{at}: {e}"))
    }

    /// Faults for calls to come: one, or some in a row.
    fn arm(&mut self) {
        let op = OPS[self.rng.below(OPS.len() as u64) as usize];
        let fault = match self.rng.below(3) {
            0 => Fault::Short,
            1 => Fault::Error(dolmen_sim::EIO),
            _ => Fault::Error(IoError::NoSpace),
        };
        let first = self.rng.range(1, 25);
        let count = if self.rng.one_in(3) { self.rng.range(2, 30) } else { 1 };
        (first..first + count).for_each(|nth| self.disk.fail_nth(op, nth, fault));
    }

    fn live(&mut self, db: &Db, at: &str) {
        let mut held: Vec<(Arc<Snapshot>, Model)> = Vec::new();
        for _ in 0..self.rng.below(40) {
            match self.rng.below(24) {
                0 if db.flush().is_ok() => self.synced(),
                1 if db.sync_wal().is_ok() => self.synced(),
                2 => {
                    let name = self.writer.names[self.rng.below(3) as usize];
                    // It may meet a fault; what matters is that it answers.
                    let _ = db.compact(&db.family(name).unwrap(), None, None);
                }
                3 => held.push((Arc::new(db.snapshot()), self.states.last().unwrap().clone())),
                4 if !held.is_empty() => drop(held.swap_remove(0)),
                _ => {
                    if !self.write(db) {
                        self.met.ended += 1;
                        break;
                    }
                }
            }
        }
        self.disk.forget_faults();
        for (snapshot, model) in &held {
            if let Some(found) = read_at(db, &self.writer, snapshot) {
                assert_eq!(found, *model, "{at}: a snapshot has changed");
            }
        }
    }

    /// False if nobody knows whether it is there, or nothing is written any more.
    fn write(&mut self, db: &Db) -> bool {
        let (batch, after) = self.writer.batch(&mut self.rng, db, self.states.last().unwrap());
        let sync = [None, Some(true), Some(false)][self.rng.below(3) as usize];
        let options = WriteOptions { sync };
        let outcome = if self.rng.one_in(3) {
            let (answered, outcome) = (self.answered.clone(), Arc::new(std::sync::Mutex::new(None)));
            let heard = outcome.clone();
            self.submitted += 1;
            let done = move |result| {
                answered.fetch_add(1, Ordering::Relaxed);
                *heard.lock().unwrap() = Some(result);
            };
            db.submit(batch, options, Box::new(done));
            let outcome = outcome.lock().unwrap().take();
            outcome.expect("without threads the answer is there at once")
        } else {
            db.write(batch, options)
        };
        match outcome {
            Ok(_) => {
                self.states.push(after);
                if sync.unwrap_or(self.always) {
                    self.synced();
                }
                true
            }
            // Cut from the log again, or never written: it must not come back.
            Err(WriteError::Io { retry: true, .. } | WriteError::Background(_)) => {
                self.met.refused += 1;
                true
            }
            Err(WriteError::Io { retry: false, .. }) => {
                self.states.push(after);
                false
            }
            Err(WriteError::Poisoned(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    /// All that was written is durable.
    fn synced(&mut self) {
        self.states.drain(..self.states.len() - 1);
    }

    /// Compacted as far as can be, tables take little more than what lives in them, and nothing lies about.
    fn check_space(&mut self, db: Db, at: &str) {
        let compacted = self.writer.names.iter().all(|name| {
            let family = db.family(name).unwrap();
            db.compact(&family, None, None).is_ok()
        });
        if !compacted {
            return;
        }
        self.synced();
        let live: u64 = self.states[0].values().flatten().map(|(k, v)| (k.len() + v.len() + 16) as u64).sum();
        let stats = db.stats();
        let (files, bytes) = stats.levels.iter().fold((0, 0), |(n, sum), l| (n + l.2, sum + l.3));
        // A table has about a kilobyte of properties, index and filter.
        assert!(bytes <= live * 12 / 10 + files * 1_600, "{at}: {bytes} bytes in {files} tables for {live}");
        if db.close().is_err() {
            return;
        }
        drop(db);
        let Ok(all) = self.disk.list() else { return };
        let tables = all.iter().filter(|e| e.name.ends_with(".sst")).count() as u64;
        let deleted = self.disk.count(Op::Delete) > 0;
        assert!(deleted || tables >= files, "{at}");
        self.met.spaces += u64::from(tables == files);
    }
}

fn read_at(db: &Db, writer: &Writer, snapshot: &Arc<Snapshot>) -> Option<Model> {
    let mut out = Model::new();
    for name in &writer.names {
        let mut iter = db.iter(&db.family(name)?, ReadOptions::at(snapshot)).ok()?;
        let mut map = BTreeMap::new();
        iter.seek_to_first().ok()?;
        while iter.valid() {
            map.insert(iter.key().to_vec(), iter.value().to_vec());
            iter.next().ok()?;
        }
        out.insert((*name).to_owned(), map);
    }
    Some(out)
}

/// Another policy, other sizes, in each life.
fn options(rng: &mut Rng) -> Options {
    Options {
        sync: if rng.one_in(2) { SyncPolicy::Always } else { SyncPolicy::Never },
        background_threads: 0,
        write_buffer_bytes: rng.range(4 << 10, 12 << 10) as usize,
        target_file_bytes: rng.range(2 << 10, 8 << 10),
        block_bytes: rng.range(256, 4096) as usize,
        max_open_files: 8,
        max_manifest_bytes: rng.range(1 << 10, 16 << 10),
        block_cache_bytes: rng.range(0, 64 << 10) as usize,
        ..common::options("stringappend")
    }
}

#[test]
fn ten_thousand_lives() {
    let mut all = Met::default();
    for seed in 0..500 * soak() {
        let mut world = World::new(seed);
        (0..20).for_each(|life| world.life(life));
        let met = world.met;
        all.refused += met.refused;
        all.ended += met.ended;
        all.reopened += met.reopened;
        all.lost += met.lost;
        all.reported += met.reported;
        all.flushes += met.flushes;
        all.compactions += met.compactions;
        all.spaces += met.spaces;
    }
    println!("{all:?}");
    assert!(all.refused > 300 && all.ended > 100 && all.reopened > 100, "{all:?}");
    assert!(all.lost > 1_000 && all.reported > 50, "{all:?}");
    assert!(all.flushes > 10_000 && all.compactions > 10_000 && all.spaces > 200, "{all:?}");
}
