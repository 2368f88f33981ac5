//! One life of a log on a simulated disk, and what must be known about it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dolmen_base::io::{BufferId, Directory, FileDone, FileEffect, FileOp, IoError};
use dolmen_base::time::Duration;
use dolmen_base::{Rng, Time};
use dolmen_fs::Driver;
use dolmen_sim::{Disk, EIO, Fault, Op};
use dolmen_wal::BLOCK_LEN;
use dolmen_wal::commit::{CommitError, Policy};
use dolmen_wal::entry::{Body, Lsn, TransactionId};
use dolmen_wal::log::{Effect, Log, Options, Record};
use dolmen_wal::scan::{Committed, ScanOptions, read, scan};

/// What an entry says, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Data(Vec<u8>),
    Begin,
    Write(TransactionId, Vec<u8>),
    Commit(TransactionId),
    Abort(TransactionId),
}

fn short(said: &Said) -> String {
    let mut text = format!("{said:?}");
    text.truncate(60);
    text
}

/// What is known of a log from outside.
#[derive(Clone, Default)]
pub struct Known {
    /// Acknowledged entries by LSN, and whether they were acknowledged as synced.
    acknowledged: BTreeMap<u64, (Said, bool)>,
    /// Taken and not settled, or settled by a failed sync: may be there or not.
    uncertain: BTreeSet<(u64, usize)>,
    said: Vec<Said>,
    low: u64,
    /// A truncation that was not settled may have come to this.
    low_max: u64,
    pub submitted: u64,
}

impl Known {
    fn uncertain_holds(&self, said: &Said) -> bool {
        self.uncertain.iter().any(|&(_, i)| self.said[i] == *said)
    }
}

/// A log that is open.
pub struct Life {
    disk: Disk,
    log: Log,
    driver: Driver,
    known: Known,
    options: Options,
    pending: BTreeMap<BufferId, Submitted>,
    payloads: BTreeMap<BufferId, Vec<u8>>,
    next_buffer: u64,
    now: Time,
    context: String,
    transactions: Vec<TransactionId>,
}

#[derive(Clone, Copy)]
enum Submitted {
    /// Index into `said`, and whether it waits for a sync.
    Entry(usize, bool),
    Sync,
    Truncate,
}

fn options(rng: &mut Rng) -> Options {
    Options {
        policy: match rng.below(4) {
            0 => Policy::Never,
            1 => Policy::Interval(Duration::from_millis(rng.range(1, 50))),
            _ => Policy::Always,
        },
        segment_len: if rng.one_in(3) { 150_000 } else { rng.range(4096, 20_000) },
        preallocate: rng.one_in(2),
        recycle_max: rng.below(4) as usize,
        archive: rng.one_in(8),
        keep_transactions: rng.one_in(2),
        ..Options::default()
    }
}

/// Opens the log while the disk fails once, and goes no further.
pub fn open_in_vain(disk: &Disk, rng: &mut Rng) {
    let ops = [Op::Open, Op::Create, Op::Read, Op::Write, Op::Sync, Op::SyncDir, Op::Truncate, Op::Delete];
    let op = ops[rng.below(ops.len() as u64) as usize];
    disk.fail_nth(op, rng.range(1, 3), if rng.one_in(2) { Fault::Short } else { Fault::Error(EIO) });
    drop(Log::open(disk, options(rng)));
}

impl Life {
    /// Opens the log, which must succeed, and compares it with what is known.
    pub fn open(disk: &Disk, rng: &mut Rng, known: Known, context: &str) -> Life {
        let options = options(rng);
        let (log, found) = Log::open(disk, options).unwrap_or_else(|e| panic!("{context}: {e}"));
        let mut life = Life {
            disk: disk.clone(),
            log,
            driver: Driver::new(Arc::new(disk.clone())),
            known,
            options,
            pending: BTreeMap::new(),
            payloads: BTreeMap::new(),
            next_buffer: 0,
            now: Time::ZERO,
            context: context.to_owned(),
            transactions: found.open.keys().copied().collect(),
        };
        life.compare();
        if !options.keep_transactions {
            life.transactions.clear();
            life.drive(u64::MAX);
            life.learn_aborts();
        }
        life
    }

    /// What is on the disk against what is known.
    fn compare(&mut self) {
        let (entries, found_low) = self.entries();
        let c = &self.context;
        let low = found_low.get();
        assert!(low >= self.known.low && low <= self.known.low_max.max(1), "{c}: low is {low}");
        for (lsn, (said, synced)) in &self.known.acknowledged {
            match entries.get(lsn) {
                Some(found) => assert_eq!(found, said, "{c}: LSN {lsn}"),
                None => assert!(!synced || *lsn < low, "{c}: lost synced LSN {lsn} {said:?}"),
            }
        }
        for (lsn, found) in &entries {
            let right = match self.known.acknowledged.get(lsn) {
                Some((said, _)) => said == found,
                None => self.known.uncertain_holds(found),
            };
            assert!(right, "{c}: LSN {lsn} holds {}, which was refused or never written there", short(found));
        }
        self.judge_transactions(&entries, low);
        self.learn();
    }

    /// From here on everything that is there is known and synced.
    fn learn(&mut self) {
        let (entries, low) = self.entries();
        self.known = Known {
            acknowledged: entries.into_iter().map(|(lsn, said)| (lsn, (said, true))).collect(),
            low: low.get(),
            low_max: low.get(),
            submitted: self.known.submitted,
            ..Known::default()
        };
    }

    /// The log aborted by itself what was open.
    fn learn_aborts(&mut self) {
        let synced = self.options.policy == Policy::Always;
        for (lsn, said) in self.entries().0 {
            self.known.acknowledged.entry(lsn).or_insert((said, synced));
        }
    }

    fn entries(&self) -> (BTreeMap<u64, Said>, Lsn) {
        let mut entries = BTreeMap::new();
        let found = scan(&self.disk, ScanOptions::default(), &mut |_, _, entry| {
            let said = match entry.body {
                Body::Data(bytes) => Said::Data(bytes.to_vec()),
                Body::Begin => Said::Begin,
                Body::Write { transaction, bytes } => Said::Write(transaction, bytes.to_vec()),
                Body::Commit(transaction) => Said::Commit(transaction),
                Body::Abort(transaction) => Said::Abort(transaction),
                _ => return,
            };
            entries.insert(entry.lsn.get(), said);
        });
        let found = found.unwrap_or_else(|e| panic!("{}: {e}", self.context));
        entries.retain(|&lsn, _| lsn >= found.segments[0].first_lsn.get());
        let lsns = entries.keys().copied().collect::<Vec<_>>();
        assert!(lsns.windows(2).all(|w| w[0] + 1 == w[1]), "{}: a hole in {lsns:?}", self.context);
        (entries, found.low)
    }

    /// The records that count, by the reader and by a naive twin.
    fn judge_transactions(&self, entries: &BTreeMap<u64, Said>, low: u64) {
        let mut read_back = Vec::new();
        read(&self.disk, ScanOptions::default(), &mut |r: Committed<'_>| {
            read_back.push((r.commit_lsn.get(), r.bytes.to_vec()));
        })
        .unwrap();
        let mut naive = Vec::new();
        for (&lsn, said) in entries.range(low..) {
            match said {
                Said::Data(bytes) => naive.push((lsn, bytes.clone())),
                Said::Commit(id) => {
                    let writes = entries.range(id.get()..lsn).filter_map(|(_, said)| match said {
                        Said::Write(of, bytes) if of == id => Some((lsn, bytes.clone())),
                        _ => None,
                    });
                    naive.extend(writes);
                }
                _ => {}
            }
        }
        assert_eq!(read_back, naive, "{}", self.context);
    }

    /// Random steps; the crash comes at the place where they end.
    pub fn run(&mut self, rng: &mut Rng, steps: u64) {
        for _ in 0..steps {
            match rng.below(24) {
                0 => self.sync(),
                1 => self.truncate(rng),
                2 => self.fault(rng),
                3 => self.disk.set_capacity(self.disk.used() + rng.below(3000)),
                4 if rng.one_in(4) => self.space_returns(rng),
                5..=7 => self.transaction(rng),
                8..=14 => self.data(rng),
                _ => self.drive(rng.range(0, 4)),
            }
            self.now = self.now + Duration::from_millis(rng.below(20));
            self.log.tick(self.now);
        }
    }

    /// The process ends here; what was not settled may be there or not.
    pub fn end(mut self) -> Known {
        for (buffer, submitted) in std::mem::take(&mut self.pending) {
            if let Submitted::Entry(index, _) = submitted {
                self.known.uncertain.insert((buffer.get(), index));
            }
        }
        self.known
    }

    fn buffer(&mut self) -> BufferId {
        self.next_buffer += 1;
        BufferId::new(self.next_buffer)
    }

    fn data(&mut self, rng: &mut Rng) {
        let bytes = self.payload(rng);
        let record = Record::Data { len: bytes.len() as u64 };
        self.submit(rng, Said::Data(bytes.clone()), record, bytes);
    }

    /// Bytes that occur once.
    fn payload(&mut self, rng: &mut Rng) -> Vec<u8> {
        self.known.submitted += 1;
        let len = match rng.below(20) {
            0 => self.len_to_the_end_of_the_block(rng),
            1 => rng.below(20_000),
            2 => rng.below(4000),
            _ => rng.below(200),
        };
        let mut bytes = vec![0; 8 + len as usize];
        rng.fill(&mut bytes);
        bytes[..8].copy_from_slice(&self.known.submitted.to_le_bytes());
        bytes
    }

    /// So that a record ends within a header's length of the end of its block, more or less.
    fn len_to_the_end_of_the_block(&self, rng: &mut Rng) -> u64 {
        let log_len =
            self.disk.list().unwrap().iter().rfind(|e| e.name.ends_with(".log")).map_or(0, |e| e.len);
        let left = BLOCK_LEN as u64 - log_len % BLOCK_LEN as u64;
        left.saturating_sub(11 + 13 + 8 + rng.below(30))
    }

    fn transaction(&mut self, rng: &mut Rng) {
        if self.transactions.is_empty() || rng.one_in(4) {
            return self.submit(rng, Said::Begin, Record::Begin, Vec::new());
        }
        let id = self.transactions[rng.below(self.transactions.len() as u64) as usize];
        match rng.below(5) {
            0 => self.submit(rng, Said::Abort(id), Record::Abort(id), Vec::new()),
            1 => self.submit(rng, Said::Commit(id), Record::Commit(id), Vec::new()),
            _ => {
                let bytes = self.payload(rng);
                let record = Record::Write { transaction: id, len: bytes.len() as u64 };
                self.submit(rng, Said::Write(id, bytes.clone()), record, bytes);
            }
        }
    }

    fn submit(&mut self, rng: &mut Rng, said: Said, record: Record, bytes: Vec<u8>) {
        let (buffer, sync) = (self.buffer(), [None, None, Some(true), Some(false)][rng.below(4) as usize]);
        if self.log.submit(self.now, buffer, record, sync).is_ok() {
            let waits = sync.unwrap_or(self.options.policy == Policy::Always);
            self.known.said.push(said);
            self.pending.insert(buffer, Submitted::Entry(self.known.said.len() - 1, waits));
            self.payloads.insert(buffer, bytes);
        }
    }

    fn sync(&mut self) {
        let buffer = self.buffer();
        if self.log.sync(self.now, buffer).is_ok() {
            self.pending.insert(buffer, Submitted::Sync);
        }
    }

    fn truncate(&mut self, rng: &mut Rng) {
        let (buffer, lsn) = (self.buffer(), Lsn::new(rng.below(self.log.next_lsn().get() + 2)));
        if self.log.truncate_below(self.now, buffer, lsn).is_ok() {
            self.known.low_max = self.known.low_max.max(lsn.get().min(self.log.next_lsn().get()));
            self.pending.insert(buffer, Submitted::Truncate);
        }
    }

    fn fault(&mut self, rng: &mut Rng) {
        let nth = rng.range(1, 4);
        match rng.below(12) {
            0 => self.disk.fail_nth(Op::Sync, nth, Fault::Error(EIO)),
            1 => self.disk.fail_nth(Op::SyncDir, nth, Fault::Error(EIO)),
            2 => self.disk.fail_nth(Op::Truncate, nth, Fault::Error(EIO)),
            3 => self.disk.fail_nth(Op::Create, nth, Fault::Error(IoError::NoSpace)),
            4 => self.disk.fail_nth(Op::Rename, nth, Fault::Error(EIO)),
            5 => self.disk.fail_nth(Op::Delete, nth, Fault::Error(EIO)),
            6 => self.disk.fail_nth(Op::Preallocate, nth, Fault::Error(IoError::NoSpace)),
            7 | 8 => self.disk.fail_nth(Op::Write, nth, Fault::Short),
            _ => self.disk.fail_nth(Op::Write, nth, Fault::Error(IoError::NoSpace)),
        }
    }

    /// With space and without faults, writing goes on, unless a sync failed.
    fn space_returns(&mut self, rng: &mut Rng) {
        self.disk.set_capacity(1 << 30);
        // What is armed still strikes: at most one fault of each kind at a time, three operations ahead.
        for _ in 0..40 {
            self.data(rng);
            self.drive(u64::MAX);
        }
        let before = self.known.acknowledged.len();
        self.data(rng);
        self.drive(u64::MAX);
        let resumed = self.known.acknowledged.len() == before + 1;
        assert!(resumed || self.log.poisoned().is_some(), "{}: writing resumes", self.context);
    }

    /// Carries out up to `effects` effects.
    fn drive(&mut self, effects: u64) {
        for _ in 0..effects {
            let Some(effect) = self.log.poll() else { return };
            let done = match effect {
                Effect::Settle { buffer, result } => {
                    self.settled(buffer, result);
                    continue;
                }
                Effect::Write(write) => {
                    let mut frames = Vec::new();
                    let payloads = &self.payloads;
                    self.log.frame(write, &|b| payloads[&b].as_slice(), &mut frames);
                    let len = frames.len() as u64;
                    assert_eq!(len, write.len + write.zeros as u64, "{}: as wished for", self.context);
                    let op = FileOp::Write {
                        name: write.name,
                        offset: write.offset,
                        buffer: BufferId::new(0),
                        len,
                    };
                    self.driver.run(&FileEffect { id: write.id, op }, &frames)
                }
                Effect::File(effect) => self.driver.run(&effect, &[]),
            };
            self.log.done(self.now, FileDone { ..done });
        }
    }

    fn settled(&mut self, buffer: BufferId, result: Result<Lsn, CommitError>) {
        let submitted = self.pending.remove(&buffer).expect("settled once");
        match (submitted, result) {
            (Submitted::Entry(index, waits), Ok(lsn)) => {
                let said = self.known.said[index].clone();
                if said == Said::Begin {
                    self.transactions.push(TransactionId::new(lsn.get()));
                }
                if let Said::Commit(id) | Said::Abort(id) = said {
                    self.transactions.retain(|&open| open != id);
                }
                let before = self.known.acknowledged.insert(lsn.get(), (said, waits));
                assert!(before.is_none(), "{}: LSN {lsn} given twice", self.context);
            }
            (Submitted::Entry(index, _), Err(CommitError::Poisoned(_))) => {
                self.known.uncertain.insert((buffer.get(), index));
            }
            (Submitted::Sync, Ok(_)) => {
                for (_, synced) in self.known.acknowledged.values_mut() {
                    *synced = true;
                }
            }
            (Submitted::Truncate, Ok(low)) => {
                self.known.low = self.known.low.max(low.get());
                self.known.low_max = self.known.low_max.max(low.get());
            }
            (_, Err(_)) => {}
        }
    }
}
