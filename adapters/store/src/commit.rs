//! The write side: leader and followers around the group-commit machine of `dolmen_wal::commit`.
//!
//! The first writer that finds no leader leads: it carries out the machine's wishes (one write and one sync for all that has queued up),
//! without the lock while the system works, enters what was written into the memtables, publishes the sequence number and answers. Whoever
//! comes meanwhile queues for the next group. Only the leader touches the active memtables. Readers never take the lock.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use dolmen_base::Time;
use dolmen_base::io::{BufferId, EffectId, FileDone, FileNumber, FileOp, IoError};
use dolmen_lsm::batch::{self, BatchView, Record, WriteBatch};
use dolmen_lsm::engine::{self, Stall};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::key::{FamilyId, SequenceNumber, ValueType};
use dolmen_lsm::limits::{BATCH_LEN_MAX, KEY_LEN_MAX, VALUE_LEN_MAX};
use dolmen_wal::commit::{self, CommitError, Effect, Input, Policy, Refused, Rotation, Submission, Write};
use dolmen_wal::record;
use parking_lot::MutexGuard;

use crate::api::{Completion, SyncPolicy, WriteError, WriteOptions};
use crate::db::Inner;
use crate::view::View;

/// Payload bytes after which a group takes no further batch, so that the first writers of a burst do not wait for all of it.
const GROUP_LEN_MAX: u64 = 4 << 20;
/// Writes that may wait.
const QUEUE_LEN_MAX: usize = 1 << 20;
/// How long a writer is held up while flushes and compactions fall behind.
const DELAY: core::time::Duration = core::time::Duration::from_millis(1);

/// A write, or a wish for a sync, that waits for its group.
struct Pending {
    batch: Option<WriteBatch>,
    done: Completion,
}

/// What is behind the lock of the write side.
pub(crate) struct Commit {
    machine: commit::Commit,
    pending: BTreeMap<BufferId, Pending>,
    next_buffer: BufferId,
    led: bool,
    /// Members of the present group that came to their end, in the order of the log.
    settled: Vec<(Pending, Result<(), CommitError>)>,
    /// The batches of the present group as one.
    joined: WriteBatch,
    frames: Vec<u8>,
    /// The last sequence number that was entered.
    sequence: u64,
    /// Why the last group failed, if it did.
    pub(crate) failed: Option<WriteError>,
    pub(crate) closed: bool,
}

impl Commit {
    pub(crate) fn new(policy: SyncPolicy, log: FileNumber, sequence: u64) -> Self {
        let options = commit::Options {
            policy: match policy {
                SyncPolicy::Always => Policy::Always,
                SyncPolicy::Interval(interval) => Policy::Interval(interval),
                SyncPolicy::Never => Policy::Never,
            },
            queue_len_max: QUEUE_LEN_MAX,
            group_len_max: GROUP_LEN_MAX,
            record_len_max: BATCH_LEN_MAX as u64,
            joined_header_len: Some(batch::HEADER_LEN as u64),
            ..commit::Options::default()
        };
        Commit {
            machine: commit::Commit::new(options, log, 0),
            pending: BTreeMap::new(),
            next_buffer: BufferId::new(0),
            led: false,
            settled: Vec::new(),
            joined: WriteBatch::new(),
            frames: Vec::new(),
            sequence,
            failed: None,
            closed: false,
        }
    }

    /// Why nothing is written any more.
    pub(crate) fn poisoned(&self) -> Option<IoError> {
        self.machine.poisoned()
    }

    /// Whether everything that was written is synced, or nothing can be any more.
    pub(crate) fn is_synced(&self) -> bool {
        self.machine.poisoned().is_some() || self.machine.synced_len() == self.machine.len()
    }

    /// Bytes of the present log.
    pub(crate) fn log_len(&self) -> u64 {
        self.machine.len()
    }

    /// Why nothing is written now, if so.
    pub(crate) fn write_error(&self) -> Option<WriteError> {
        self.machine.poisoned().map(WriteError::Poisoned).or_else(|| self.failed.clone())
    }

    /// When [`Inner::tick`] is due.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.machine.next_deadline()
    }

    fn take_buffer(&mut self) -> BufferId {
        let buffer = self.next_buffer;
        self.next_buffer = buffer.next();
        buffer
    }

    /// The present group as one record, with the sequence numbers that it will have.
    fn frame(&mut self, write: &Write) {
        self.joined.clear();
        self.joined.set_sequence(SequenceNumber::new(self.sequence + 1));
        for buffer in self.machine.group() {
            if let Some(Pending { batch: Some(batch), .. }) = self.pending.get(&buffer) {
                self.joined.append(batch);
            }
        }
        self.frames.clear();
        let framing = self.machine.framing(write.name.number);
        record::append(self.joined.as_bytes(), write.offset, framing, &mut self.frames);
        debug_assert_eq!(self.frames.len() as u64, write.len);
    }
}

impl Inner {
    pub(crate) fn submit(&self, batch: WriteBatch, options: WriteOptions, done: Completion) {
        if let Err(error) = self.admit(&batch) {
            return done(Err(error));
        }
        let waits = options.sync.unwrap_or(self.options.sync == SyncPolicy::Always);
        if batch.is_empty() && !waits {
            return done(Ok(self.newest()));
        }
        let body_len = batch.as_bytes().len() - batch::HEADER_LEN;
        let input = |buffer| match body_len {
            0 => Input::Sync { buffer },
            len => Input::Submit(Submission { buffer, len: len as u64, sync: options.sync }),
        };
        let mut c = self.commit.lock();
        let buffer = c.take_buffer();
        let input = input(buffer);
        loop {
            if c.closed {
                drop(c);
                return done(Err(WriteError::Closed));
            }
            match c.machine.handle(self.now(), input) {
                Ok(()) => break,
                Err(Refused::Full { .. }) => self.turn.wait(&mut c),
                Err(Refused::Poisoned(error)) => {
                    drop(c);
                    return done(Err(WriteError::Poisoned(error)));
                }
                Err(refused) => {
                    drop(c);
                    let error = match refused {
                        Refused::TooLarge { len, max } => WriteError::TooLarge { found: len, max },
                        _ => WriteError::Closed,
                    };
                    return done(Err(error));
                }
            }
        }
        c.pending.insert(buffer, Pending { batch: (!batch.is_empty()).then_some(batch), done });
        self.lead(c);
    }

    /// Whether a batch may be written now. Waits while flushes or compactions are too far behind.
    fn admit(&self, batch: &WriteBatch) -> Result<(), WriteError> {
        if self.read_only {
            return Err(WriteError::ReadOnly);
        }
        admit(&self.view.load(), batch)?;
        loop {
            let (stall, failed, poisoned) = {
                let engine = self.engine.lock();
                (engine.stall(), engine.failed(), engine.poisoned())
            };
            if let Some(error) = poisoned {
                return Err(WriteError::Poisoned(error));
            }
            match stall {
                Stall::None => return Ok(()),
                Stall::Delay => {
                    self.counters.delays.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(DELAY);
                    return Ok(());
                }
                Stall::Stop => {}
            }
            if let Some(engine::Failure::Io(error)) = failed {
                return Err(WriteError::Io { file: self.dir.display(), error, retry: true });
            }
            if self.is_stopping() {
                return Err(WriteError::Closed);
            }
            self.counters.stops.fetch_add(1, Ordering::Relaxed);
            self.wait_for_background();
        }
    }

    /// Leads if nobody does.
    fn lead<'a>(&'a self, mut c: MutexGuard<'a, Commit>) {
        if core::mem::replace(&mut c.led, true) {
            return;
        }
        let mut has_failed = false;
        loop {
            if let Some(effect) = c.machine.poll() {
                has_failed |= matches!(effect, Effect::Rotated { result: Err(_), .. });
                c = self.carry_out(c, effect);
                continue;
            }
            // A rotation that failed is tried again with the next write.
            let rotation = if has_failed { None } else { self.engine.lock().take_rotation() };
            let Some(to) = rotation else { break };
            // A poisoned log goes on in no new file.
            if c.machine.handle(self.now(), Input::Rotate(Rotation { to, recycle: None })).is_err() {
                let error = c.machine.poisoned().expect("a rotation is refused by a poisoned log only");
                self.rotated(&c, Err(error));
                has_failed = true;
            }
        }
        c.led = false;
        drop(c);
        self.turn.notify_all();
        self.after_commit();
    }

    fn carry_out<'a>(&'a self, mut c: MutexGuard<'a, Commit>, effect: Effect) -> MutexGuard<'a, Commit> {
        match effect {
            Effect::Write(write) => {
                c.frame(&write);
                let frames = core::mem::take(&mut c.frames);
                let name = write.name.to_string();
                let result =
                    MutexGuard::unlocked(&mut c, || self.driver.write_at(&name, write.offset, &frames));
                c.frames = frames;
                self.answer(&mut c, write.id, result);
            }
            Effect::File(effect) => {
                let done = MutexGuard::unlocked(&mut c, || self.driver.run(&effect, &[]));
                if matches!(effect.op, FileOp::Sync { .. }) && done.result.is_ok() {
                    self.counters.wal_syncs.fetch_add(1, Ordering::Relaxed);
                }
                self.answer(&mut c, done.id, done.result);
            }
            Effect::Settle { buffer, result } => {
                if let Some(pending) = c.pending.remove(&buffer) {
                    c.settled.push((pending, result));
                }
                if !c.machine.is_settling() {
                    c = self.finish_group(c);
                }
            }
            Effect::Rotated { result, .. } => self.rotated(&c, result),
        }
        c
    }

    fn answer(&self, c: &mut Commit, id: EffectId, result: Result<(), IoError>) {
        let now = self.now();
        c.machine.handle(now, Input::Done(FileDone { id, result })).expect("an answer is never refused");
    }

    /// Enters the group that came to its end, publishes it and answers its members.
    fn finish_group<'a>(&'a self, mut c: MutexGuard<'a, Commit>) -> MutexGuard<'a, Commit> {
        let settled = core::mem::take(&mut c.settled);
        let outcome = settled.iter().find_map(|(_, result)| result.err()).map(|e| self.write_error(&c, e));
        let wrote = settled.iter().any(|(pending, _)| pending.batch.is_some());
        let mut sequence = c.sequence;
        if outcome.is_none() && wrote {
            let view = self.view.load_full();
            enter(&view, &c.joined);
            c.sequence += u64::from(c.joined.count());
            self.counters.records.fetch_add(u64::from(c.joined.count()), Ordering::Relaxed);
            self.visible.store(c.sequence, Ordering::Release);
            let len = view.active_len();
            self.engine.lock().handle(self.now(), engine::Input::Grown { len });
        }
        if wrote {
            c.failed.clone_from(&outcome);
        }
        MutexGuard::unlocked(&mut c, || {
            for (pending, _) in settled {
                let Pending { batch, done } = pending;
                if let Some(batch) = &batch {
                    self.counters.batches.fetch_add(1, Ordering::Relaxed);
                    sequence += u64::from(batch.count());
                }
                done(outcome.clone().map_or(Ok(SequenceNumber::new(sequence)), Err));
            }
        });
        c
    }

    fn write_error(&self, c: &Commit, error: CommitError) -> WriteError {
        let file = || FileName::Log(c.machine.file()).to_string();
        match error {
            CommitError::Write(error) => WriteError::Io { file: file(), error, retry: true },
            CommitError::Poisoned(error) => WriteError::Io { file: file(), error, retry: false },
            _ => WriteError::Closed,
        }
    }

    /// New memtables for the new log.
    fn rotated(&self, c: &Commit, result: Result<(), IoError>) {
        let sequence = SequenceNumber::new(c.sequence);
        let mut engine = self.engine.lock();
        if result.is_ok() {
            let log = engine.log();
            self.view.rcu(|view| view.switched(log));
        }
        engine.handle(self.now(), engine::Input::Rotated { sequence, result });
    }

    /// Lets the log know that time has passed.
    pub(crate) fn tick(&self) {
        let mut c = self.commit.lock();
        // A failure poisons and so reaches the next writer.
        let _ = c.machine.handle(self.now(), Input::Tick);
        self.lead(c);
    }

    /// For a rotation that no writer asked for.
    pub(crate) fn lead_if_nobody_does(&self) {
        self.lead(self.commit.lock());
    }

    /// Refuses all writes from now on.
    pub(crate) fn close_log(&self) {
        self.commit.lock().closed = true;
        self.turn.notify_all();
    }
}

/// Whether families exist and lengths are within their limits.
fn admit(view: &View, batch: &WriteBatch) -> Result<(), WriteError> {
    let too_large = |found: usize, max: usize| {
        if found > max { Err(WriteError::TooLarge { found: found as u64, max: max as u64 }) } else { Ok(()) }
    };
    too_large(batch.as_bytes().len(), BATCH_LEN_MAX)?;
    let parsed = BatchView::parse(batch.as_bytes()).expect("a batch from the builder is well-formed");
    for record in parsed.records() {
        let Some((family, key, value)) = record.parts() else { continue };
        if !view.families.contains_key(&family.get()) {
            return Err(WriteError::NoSuchFamily(family));
        }
        too_large(key.len(), KEY_LEN_MAX)?;
        too_large(value.len(), VALUE_LEN_MAX)?;
    }
    Ok(())
}

/// Enters the records of a batch that carries its sequence number.
fn enter(view: &View, batch: &WriteBatch) {
    let parsed = BatchView::parse(batch.as_bytes()).expect("a batch that was admitted is well-formed");
    enter_records(view, &parsed, |_| true);
}

/// Enters the records of those families that are wanted.
pub(crate) fn enter_records(view: &View, batch: &BatchView<'_>, wanted: impl Fn(FamilyId) -> bool) {
    let mut sequence = batch.sequence();
    for record in batch.records() {
        let Some((family, key, value)) = record.parts() else { continue };
        if let Some(target) = view.families.get(&family.get()).filter(|_| wanted(family)) {
            let mut memtable = target.memtable.writer().expect("the lock of the write side is held");
            let kind = match record {
                Record::Put { .. } => ValueType::Value,
                Record::Delete { .. } => ValueType::Deletion,
                Record::SingleDelete { .. } => ValueType::SingleDeletion,
                Record::Merge { .. } => ValueType::Merge,
                Record::DeleteRange { .. } => ValueType::RangeDeletion,
                Record::LogData(_) => continue,
            };
            match kind {
                ValueType::RangeDeletion => memtable.delete_range(key, value, sequence),
                _ => memtable.insert(key, sequence, kind, value).expect("there is memory for an entry"),
            }
        }
        sequence = sequence.next();
    }
}
