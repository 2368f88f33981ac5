//! One life of a database with its clients.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dolmen_base::Rng;
use dolmen_base::io::{Directory, IoError};
use dolmen_sim::{Disk, Fault, Op};
use dolmen_store::{Db, Options, ReadOptions, Snapshot, SyncPolicy, WriteBatch, WriteError, WriteOptions};
use shuttle::thread::{self, yield_now};

use crate::common;
use crate::ledger::{CLIENTS, FAMILIES, Fate, Found, KEYS, Ledger, family, key};
use crate::steps::Steps;

const OPS: [Op; 9] =
    [Op::Open, Op::Create, Op::Write, Op::Sync, Op::Truncate, Op::List, Op::Rename, Op::Delete, Op::SyncDir];
const OPEN_FILES_MAX: usize = 8;

/// What was met, to see that the test looks where it should.
#[derive(Debug, Default)]
pub struct Met {
    pub crashed: u64,
    pub closed: u64,
    pub closed_under_way: u64,
    pub reopened: u64,
    pub crashed_opening: u64,
    pub refused: u64,
    pub flushes: u64,
    pub compactions: u64,
    /// Batches beyond the count of log writes: they shared one.
    pub grouped: u64,
    pub snapshots: u64,
    pub checkpoints: u64,
    pub spaces: u64,
}

impl core::ops::AddAssign for Met {
    fn add_assign(&mut self, other: Met) {
        self.crashed += other.crashed;
        self.closed += other.closed;
        self.closed_under_way += other.closed_under_way;
        self.reopened += other.reopened;
        self.crashed_opening += other.crashed_opening;
        self.refused += other.refused;
        self.flushes += other.flushes;
        self.compactions += other.compactions;
        self.grouped += other.grouped;
        self.snapshots += other.snapshots;
        self.checkpoints += other.checkpoints;
        self.spaces += other.spaces;
    }
}

pub struct World {
    seed: u64,
    number: u64,
    rng: Rng,
    disk: Disk,
    /// What was known when the last life ended, and what became of the rest.
    known: Ledger,
    then: Ledger,
    pub met: Met,
}

/// How a life ends.
enum End {
    /// The power goes: the disk, and what was known then.
    Crash(Box<(Disk, Ledger)>),
    /// It was closed while clients used it.
    Closed,
    /// It is closed when the clients have ended.
    Close,
}

/// What the threads of a life share.
struct Life {
    db: Db,
    ledger: Mutex<Ledger>,
    over: AtomicBool,
    checkpoints: AtomicU64,
    always: bool,
    at: String,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let (known, then) = (Ledger::begin(Default::default()), Ledger::begin(Default::default()));
        World { seed, number: 0, rng: Rng::new(seed), disk: Disk::new(), known, then, met: Met::default() }
    }

    pub fn life(&mut self) {
        self.number += 1;
        let at = format!("seed {}, life {}", self.seed, self.number);
        let (db, always) = self.open(&at);
        for name in FAMILIES {
            if db.family(name).is_none() {
                db.create_family(name).unwrap_or_else(|e| panic!("{at}: {e}"));
            }
        }
        let found = read(&db, None).unwrap_or_else(|| panic!("{at}: it cannot be read"));
        self.known.check(&found, &self.then, &at);
        if self.rng.one_in(3) {
            self.arm();
        }
        let ledger = Mutex::new(Ledger::begin(found));
        let life = Arc::new(Life {
            db,
            ledger,
            over: AtomicBool::new(false),
            checkpoints: AtomicU64::new(0),
            always,
            at,
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (life, rng) = (life.clone(), Rng::new(self.rng.next_u64()));
                thread::spawn(move || Client { life, client, rng, held: Vec::new() }.run())
            })
            .collect();
        let end = match self.rng.below(6) {
            0..4 => End::Crash(Box::new(self.crash(&life))),
            4 => self.close_under_way(&life),
            _ => End::Close,
        };
        let held: Vec<_> =
            clients.into_iter().flat_map(|client| client.join().expect("it has not panicked")).collect();
        self.disk.forget_faults();
        self.look_back(&life, held);
        self.end(life, end);
    }

    /// Opens; a fault on the way is an error and no more, and a power loss costs nothing: the next try opens.
    fn open(&mut self, at: &str) -> (Db, bool) {
        if self.rng.one_in(6) {
            self.crash_opening(at);
        }
        let set = options(&mut self.rng);
        let always = set.sync == SyncPolicy::Always;
        if self.rng.one_in(6) {
            self.arm();
            let opened = Db::open_in(Arc::new(Steps(self.disk.clone())), set.clone());
            self.disk.forget_faults();
            match opened {
                Ok(db) => return (db, always),
                Err(_) => self.met.reopened += 1,
            }
            self.disk = self.disk.crash(self.rng.next_u64());
        }
        let db = Db::open_in(Arc::new(Steps(self.disk.clone())), set);
        (db.unwrap_or_else(|e| panic!("{at}: {e}")), always)
    }

    /// The power goes while it is being opened.
    fn crash_opening(&mut self, at: &str) {
        let (disk, set) = (self.disk.clone(), options(&mut self.rng));
        let opening = thread::spawn(move || drop(Db::open_in(Arc::new(Steps(disk)), set)));
        for _ in 0..self.rng.below(60) {
            yield_now();
        }
        let crashed = self.disk.crash(self.rng.next_u64());
        opening.join().unwrap_or_else(|_| panic!("{at}: it panicked while it was opened"));
        self.disk = crashed;
        self.met.crashed_opening += 1;
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

    /// The power goes at some step; the process only hears of it later. What is on the disk and what was known at that moment.
    fn crash(&mut self, life: &Life) -> (Disk, Ledger) {
        for _ in 0..self.rng.below(800) {
            yield_now();
        }
        let crashed = (self.disk.crash(self.rng.next_u64()), life.ledger().clone());
        life.over.store(true, Ordering::Relaxed);
        crashed
    }

    /// Somebody closes the database while others use it: they hear of it, and whoever waits does.
    fn close_under_way(&mut self, life: &Life) -> End {
        for _ in 0..self.rng.below(800) {
            yield_now();
        }
        life.sync(|db| db.close().is_ok());
        End::Closed
    }

    /// Snapshots that clients held see one moment of all clients.
    fn look_back(&mut self, life: &Life, held: Vec<Arc<Snapshot>>) {
        for snapshot in held {
            let Some(found) = read(&life.db, Some(&snapshot)) else { continue };
            let ledger = life.ledger();
            for (client, found) in found.iter().enumerate() {
                let Some(expected) = ledger.at(client, snapshot.sequence().get()) else { continue };
                assert_eq!(*found, expected, "{}: client {client} in a snapshot", life.at);
                self.met.snapshots += 1;
            }
        }
    }

    /// Ends the process, and takes the disk as it is for the next.
    fn end(&mut self, life: Arc<Life>, end: End) {
        let stats = life.db.stats();
        self.met.flushes += stats.flushes;
        self.met.compactions += stats.compactions;
        self.met.checkpoints += life.checkpoints.load(Ordering::Relaxed);
        assert!(
            stats.open_table_files <= OPEN_FILES_MAX as u64,
            "{}: {} descriptors",
            life.at,
            stats.open_table_files
        );
        let all = life.ledger().clone();
        let of = |is: fn(Fate) -> bool| {
            all.clients.iter().flat_map(|c| &c.batches).filter(|b| is(b.fate)).count() as u64
        };
        self.met.refused += of(|fate| fate == Fate::Refused);
        if life.always {
            self.met.grouped += of(|fate| matches!(fate, Fate::Written(_))).saturating_sub(stats.wal_syncs);
        }
        match end {
            End::Crash(crashed) => {
                self.met.crashed += 1;
                (self.disk, self.known) = *crashed;
            }
            End::Closed => {
                self.met.closed_under_way += 1;
                self.known = all;
            }
            End::Close => {
                self.met.closed += 1;
                if self.rng.one_in(2) {
                    self.check_space(&life);
                }
                life.sync(|db| db.close().is_ok());
                self.known = life.ledger().clone();
            }
        }
        let life = Arc::into_inner(life).expect("the clients have ended");
        drop(life.db);
        self.then = life.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(self.then.answered, self.then.submitted, "{}: a request has no answer", life.at);
        self.disk = self.disk.crash(self.rng.next_u64());
    }

    /// Compacted as far as can be, tables take little more than what lives in them.
    fn check_space(&mut self, life: &Life) {
        let db = &life.db;
        let compact = |name: &&str| db.compact(&db.family(name).expect("it is there"), None, None).is_ok();
        if !FAMILIES.iter().all(compact) {
            return;
        }
        let mut live = 0;
        for name in FAMILIES {
            let mut iter =
                db.iter(&db.family(name).expect("it is there"), ReadOptions::default()).expect("as it is");
            iter.seek_to_first().expect("it can be read");
            while iter.valid() {
                live += (iter.key().len() + iter.value().len() + 16) as u64;
                iter.next().expect("it can be read");
            }
        }
        let stats = db.stats();
        let (files, bytes) = stats.levels.iter().fold((0, 0), |(n, sum), l| (n + l.2, sum + l.3));
        // A table has about a kilobyte of properties, index and filter.
        assert!(
            bytes <= live * 12 / 10 + files * 1_600,
            "{}: {bytes} bytes in {files} tables for {live}",
            life.at
        );
        self.met.spaces += 1;
    }
}

impl Life {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that makes durable what was acknowledged before it began.
    fn sync(&self, sync: impl FnOnce(&Db) -> bool) {
        let acknowledged = self.ledger().acknowledged();
        if sync(&self.db) {
            self.ledger().synced(acknowledged);
        }
    }
}

/// A thread that uses the database.
struct Client {
    life: Arc<Life>,
    client: usize,
    rng: Rng,
    held: Vec<Arc<Snapshot>>,
}

impl Client {
    fn run(mut self) -> Vec<Arc<Snapshot>> {
        for _ in 0..self.rng.below(30) {
            if self.life.over.load(Ordering::Relaxed) || !self.step() {
                break;
            }
        }
        self.held
    }

    /// False if nobody knows any more what is written.
    fn step(&mut self) -> bool {
        match self.rng.below(24) {
            0 => self.life.sync(|db| db.flush().is_ok()),
            1 => self.life.sync(|db| db.sync_wal().is_ok()),
            2 => {
                let name = FAMILIES[self.rng.below(3) as usize];
                let db = &self.life.db;
                // It may meet a fault; what matters is that it answers.
                let _ = db.compact(&db.family(name).expect("it is there"), None, None);
            }
            3 => self.held.push(Arc::new(self.life.db.snapshot())),
            4 if !self.held.is_empty() => drop(self.held.swap_remove(0)),
            5..9 => self.read(),
            9 if self.rng.one_in(4) => self.churn_families(),
            9 if self.rng.one_in(4) => self.checkpoint(),
            10..14 => return self.submit(),
            _ => return self.write(),
        }
        true
    }

    /// A batch of some keys, with the number that it has in the ledger.
    fn batch(&mut self) -> (WriteBatch, u64) {
        let ops: Vec<_> = (0..self.rng.range(1, 5))
            .map(|_| (self.rng.below(KEYS as u64) as usize, self.rng.one_in(5)))
            .collect();
        let number = self.life.ledger().add(self.client, ops.clone());
        let mut batch = WriteBatch::new();
        for (of, is_deletion) in ops.into_iter().chain([(KEYS, false)]) {
            let family = self.life.db.family(family(of)).expect("it is there");
            if is_deletion {
                batch.delete(family.id, &key(self.client, of));
            } else {
                batch.put(family.id, &key(self.client, of), &value(number, &mut self.rng));
            }
        }
        (batch, number)
    }

    fn options(&mut self) -> (WriteOptions, bool) {
        let sync = [None, None, Some(true), Some(false)][self.rng.below(4) as usize];
        (WriteOptions { sync }, sync.unwrap_or(self.life.always))
    }

    fn write(&mut self) -> bool {
        let (batch, number) = self.batch();
        let (options, is_synced) = self.options();
        let mut acknowledged = self.life.ledger().acknowledged();
        let outcome = self.life.db.write(batch, options);
        let mut ledger = self.life.ledger();
        let fate = fate(&outcome);
        ledger.hear(self.client, number, fate);
        if is_synced && outcome.is_ok() {
            acknowledged[self.client] = number;
            ledger.synced(acknowledged);
        }
        fate != Fate::Unknown
    }

    /// Some writes that are under way together; in the end all are waited for.
    fn submit(&mut self) -> bool {
        let count = self.rng.range(1, 4);
        let (sender, receiver) = shuttle::sync::mpsc::channel();
        for _ in 0..count {
            let (batch, number) = self.batch();
            let (options, is_synced) = self.options();
            let (life, client, sender) = (self.life.clone(), self.client, sender.clone());
            let mut acknowledged = life.ledger().acknowledged();
            life.ledger().submitted += 1;
            let ledger = Arc::downgrade(&life);
            let done = move |outcome: Result<_, _>| {
                let life = ledger.upgrade().expect("the client waits");
                let fate = fate(&outcome);
                let mut ledger = life.ledger();
                ledger.answered += 1;
                ledger.hear(client, number, fate);
                if is_synced && outcome.is_ok() {
                    acknowledged[client] = number;
                    ledger.synced(acknowledged);
                }
                drop(ledger);
                let _ = sender.send(fate);
            };
            life.db.submit(batch, options, Box::new(done));
        }
        let fates = (0..count).map(|_| receiver.recv().expect("every write is answered"));
        fates.fold(true, |known, fate| known & (fate != Fate::Unknown))
    }

    /// What was acknowledged to a thread is what it reads.
    fn read(&self) {
        let number = self.life.ledger().clients[self.client].acknowledged;
        let family = self.life.db.family(FAMILIES[0]).expect("it is there");
        let Ok(found) = self.life.db.get(&family, &key(self.client, KEYS), &ReadOptions::default()) else {
            return;
        };
        let found = found.map_or(0, |value| number_of(&value));
        assert!(found >= number, "{}: client {} reads {found} behind {number}", self.life.at, self.client);
    }

    /// A copy on a disk of its own, which loses its power at once: what was acknowledged before it was made is there.
    fn checkpoint(&mut self) {
        let disk = Disk::new();
        let mut known = self.life.ledger().clone();
        known.synced(known.acknowledged());
        if self.life.db.checkpoint_in(&Steps(disk.clone())).is_err() {
            return;
        }
        // What was under way meanwhile may be there.
        let (then, at) = (self.life.ledger().clone(), format!("{}, checkpoint", self.life.at));
        for (of, then) in known.clients.iter_mut().zip(&then.clients) {
            of.batches.extend(then.batches.iter().skip(of.batches.len()).cloned());
        }
        let disk = Steps(disk.crash(self.rng.next_u64()));
        let db = Db::open_read_only_in(Arc::new(disk), options(&mut self.rng))
            .unwrap_or_else(|e| panic!("{at}: {e}"));
        known.check(&read(&db, None).unwrap_or_else(|| panic!("{at}: it cannot be read")), &then, &at);
        self.life.checkpoints.fetch_add(1, Ordering::Relaxed);
    }

    /// A family that comes and goes.
    fn churn_families(&mut self) {
        let name = format!("of{}", self.client);
        if let Some(family) = self.life.db.family(&name) {
            let _ = self.life.db.drop_family(&family);
        } else if let Ok(family) = self.life.db.create_family(&name) {
            let _ = self.life.db.put(&family, b"a", b"b");
        }
    }
}

fn fate(outcome: &Result<dolmen_store::SequenceNumber, WriteError>) -> Fate {
    match outcome {
        Ok(sequence) => Fate::Written(sequence.get()),
        Err(WriteError::Io { retry: true, .. } | WriteError::Background(_) | WriteError::QueueFull) => {
            Fate::Refused
        }
        Err(WriteError::Io { retry: false, .. } | WriteError::Poisoned(_) | WriteError::Closed) => {
            Fate::Unknown
        }
        Err(other) => panic!("{other}"),
    }
}

/// The number, and bytes of any count.
fn value(number: u64, rng: &mut Rng) -> Vec<u8> {
    let mut value = number.to_be_bytes().to_vec();
    value.resize(8 + rng.below(250) as usize, b'.');
    value
}

fn number_of(value: &[u8]) -> u64 {
    let (number, _) = value.split_first_chunk().expect("a value begins with its number");
    u64::from_be_bytes(*number)
}

/// What all clients' keys hold; `None` where it cannot be read.
fn read(db: &Db, snapshot: Option<&Arc<Snapshot>>) -> Option<[Found; CLIENTS]> {
    let options = snapshot.map_or_else(ReadOptions::default, ReadOptions::at);
    let mut found = [[None; KEYS + 1]; CLIENTS];
    for (client, keys) in found.iter_mut().enumerate() {
        for (of, value) in keys.iter_mut().enumerate() {
            let family = db.family(family(of))?;
            *value = db.get(&family, &key(client, of), &options).ok()?.map(|value| number_of(&value));
        }
    }
    Some(found)
}

/// Another policy, other sizes, in each life.
fn options(rng: &mut Rng) -> Options {
    Options {
        sync: match rng.below(4) {
            0 => SyncPolicy::Never,
            1 => SyncPolicy::Interval(Duration::from_millis(5)),
            _ => SyncPolicy::Always,
        },
        background_threads: rng.range(1, 3) as usize,
        write_buffer_bytes: rng.range(2 << 10, 8 << 10) as usize,
        target_file_bytes: rng.range(2 << 10, 8 << 10),
        block_bytes: rng.range(256, 4096) as usize,
        max_open_files: OPEN_FILES_MAX,
        max_manifest_bytes: rng.range(1 << 10, 8 << 10),
        block_cache_bytes: rng.range(0, 64 << 10) as usize,
        ..common::options("stringappend")
    }
}
