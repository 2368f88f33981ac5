//! One log, many threads: leader and followers around the machine of `dolmen_wal::log`.
//!
//! A thread that appends queues its record. If nobody leads it leads: it carries out the machine's effects, without the lock while the
//! system works, until its own record is settled; then whoever still waits takes over. So all that queues up while one group is
//! written and synced shares the next write and sync. Those whose group was just settled come back a moment apart: the first of them
//! lets the others queue up before it leads, or groups of one and of all the rest would take turns.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use dolmen_base::Time;
use dolmen_base::io::{BufferId, Directory, FileDone};
use dolmen_base::time::Duration;
use dolmen_wal::commit::CommitError;
use dolmen_wal::entry::{Lsn, TransactionId};
use dolmen_wal::log::{Effect, Log, Options, Record, Refused};
use dolmen_wal::scan::{LogError, Scan};

use crate::Driver;

/// Why a record was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// It was not taken.
    Refused(Refused),
    /// It was taken and not written.
    Failed(CommitError),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Refused(refused) => refused.fmt(f),
            AppendError::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

/// A log that many threads append to. Dropping it leaves what was not synced to the operating system; [`SharedLog::sync`] first.
pub struct SharedLog {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    driver: Driver,
    start: Instant,
}

struct State {
    log: Log,
    payloads: BTreeMap<BufferId, Vec<u8>>,
    settled: BTreeMap<BufferId, Result<Lsn, CommitError>>,
    led: bool,
    /// Submissions since the last group was formed, its members, and how many may be expected for the next.
    queued: usize,
    last_group: usize,
    expected: usize,
    next_buffer: BufferId,
    frames: Vec<u8>,
}

impl SharedLog {
    /// Opens the log in `dir`, or begins one. The directory is the caller's to lock.
    ///
    /// # Errors
    ///
    /// If a segment cannot be read or made, or is damaged in a way that `options.mode` refuses.
    pub fn open(dir: Arc<dyn Directory>, options: Options) -> Result<(SharedLog, Scan), LogError> {
        let (log, found) = Log::open(&*dir, options)?;
        let state = State {
            log,
            payloads: BTreeMap::new(),
            settled: BTreeMap::new(),
            led: false,
            queued: 0,
            last_group: 0,
            expected: 0,
            next_buffer: BufferId::new(0),
            frames: Vec::new(),
        };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            changed: Condvar::new(),
            driver: Driver::new(dir),
            start: Instant::now(),
        });
        drop(inner.lead(inner.lock(), None));
        if let dolmen_wal::commit::Policy::Interval(interval) = options.policy {
            let log = Arc::downgrade(&inner);
            thread::spawn(move || keep_time(&log, interval));
        }
        Ok((SharedLog { inner }, found))
    }

    /// Appends one record and waits until it counts as written; `sync` as in [`Log::submit`].
    ///
    /// # Errors
    ///
    /// [`AppendError::Refused`] if the record is too long or the log is closed, [`AppendError::Failed`] if it could not be written or synced.
    pub fn append(&self, bytes: &[u8], sync: Option<bool>) -> Result<Lsn, AppendError> {
        self.record(Record::Data { len: bytes.len() as u64 }, bytes, sync)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// As [`SharedLog::append`]; also [`AppendError::Refused`] if too many transactions are open.
    pub fn begin(&self) -> Result<TransactionId, AppendError> {
        self.record(Record::Begin, &[], None).map(|lsn| TransactionId::new(lsn.get()))
    }

    /// Appends a write that counts if the transaction commits. It is durable with the commit, so it does not wait for a sync.
    ///
    /// # Errors
    ///
    /// As [`SharedLog::append`]; also [`AppendError::Refused`] if no such transaction is open.
    pub fn write(&self, transaction: TransactionId, bytes: &[u8]) -> Result<Lsn, AppendError> {
        self.record(Record::Write { transaction, len: bytes.len() as u64 }, bytes, Some(false))
    }

    /// Makes a transaction's writes count.
    ///
    /// # Errors
    ///
    /// As [`SharedLog::append`]; also [`AppendError::Refused`] if no such transaction is open.
    pub fn commit(&self, transaction: TransactionId) -> Result<Lsn, AppendError> {
        self.record(Record::Commit(transaction), &[], None)
    }

    /// Makes none of a transaction's writes count.
    ///
    /// # Errors
    ///
    /// As [`SharedLog::append`]; also [`AppendError::Refused`] if no such transaction is open.
    pub fn abort(&self, transaction: TransactionId) -> Result<Lsn, AppendError> {
        self.record(Record::Abort(transaction), &[], None)
    }

    /// Waits until everything that was appended before is synced.
    ///
    /// # Errors
    ///
    /// [`AppendError::Failed`] if a write or the sync failed; the log takes nothing more then.
    pub fn sync(&self) -> Result<Lsn, AppendError> {
        self.wait_for(&[], |log, now, buffer| log.sync(now, buffer))
    }

    /// Gives up what stands below `lsn`; answers the LSN that it came to.
    ///
    /// # Errors
    ///
    /// As [`SharedLog::append`].
    pub fn truncate_below(&self, lsn: Lsn) -> Result<Lsn, AppendError> {
        self.wait_for(&[], |log, now, buffer| log.truncate_below(now, buffer, lsn))
    }

    /// Looks at the machine.
    pub fn with<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        look(&self.inner.lock().log)
    }

    fn record(&self, record: Record, bytes: &[u8], sync: Option<bool>) -> Result<Lsn, AppendError> {
        self.wait_for(bytes, |log, now, buffer| log.submit(now, buffer, record, sync))
    }

    fn wait_for(
        &self,
        bytes: &[u8],
        submit: impl FnOnce(&mut Log, Time, BufferId) -> Result<(), Refused>,
    ) -> Result<Lsn, AppendError> {
        let mut state = self.inner.lock();
        let buffer = state.next_buffer;
        state.next_buffer = buffer.next();
        submit(&mut state.log, self.inner.now(), buffer).map_err(AppendError::Refused)?;
        state.payloads.insert(buffer, bytes.to_vec());
        state.queued += 1;
        loop {
            if let Some(result) = state.settled.remove(&buffer) {
                return result.map_err(AppendError::Failed);
            }
            state = if state.led {
                self.inner.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let state = self.inner.gather(state);
                if state.led || state.settled.contains_key(&buffer) {
                    state
                } else {
                    self.inner.lead(state, Some(buffer))
                }
            };
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// Lets threads that are about to come back queue up.
    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        for _ in 0..GATHER_YIELDS_MAX {
            if state.led || state.queued >= state.expected {
                break;
            }
            drop(state);
            thread::yield_now();
            state = self.lock();
        }
        state
    }

    /// Carries out effects until `mine` is settled, or there are none.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>, mine: Option<BufferId>) -> MutexGuard<'a, State> {
        state.led = true;
        while mine.is_none_or(|mine| !state.settled.contains_key(&mine)) {
            let Some(effect) = state.log.poll() else { break };
            state = self.carry_out(state, effect);
        }
        state.led = false;
        state.expected = state.queued + state.last_group;
        self.changed.notify_all();
        state
    }

    fn carry_out<'a>(&'a self, mut guard: MutexGuard<'a, State>, effect: Effect) -> MutexGuard<'a, State> {
        let done = match effect {
            Effect::Settle { buffer, result } => {
                guard.payloads.remove(&buffer);
                guard.settled.insert(buffer, result);
                return guard;
            }
            Effect::Write(write) => {
                let state = &mut *guard;
                let mut frames = std::mem::take(&mut state.frames);
                frames.clear();
                let payloads = &state.payloads;
                let payload = |buffer| payloads.get(&buffer).map_or(&[][..], Vec::as_slice);
                state.log.frame(write, &payload, &mut frames);
                (state.last_group, state.queued) = (state.queued, 0);
                drop(guard);
                let result = self.driver.write_at(&write.name.to_string(), write.offset, &frames);
                guard = self.lock();
                guard.frames = frames;
                FileDone { id: write.id, result }
            }
            Effect::File(effect) => {
                drop(guard);
                let done = self.driver.run(&effect, &[]);
                guard = self.lock();
                done
            }
        };
        let now = self.now();
        guard.log.done(now, done);
        guard
    }
}

/// How often a leader gives way before it leads.
const GATHER_YIELDS_MAX: u32 = 8;

/// Syncs what nobody waits for, for as long as the log lives.
fn keep_time(log: &Weak<Inner>, interval: Duration) {
    while let Some(inner) = log.upgrade() {
        let mut state = inner.lock();
        let now = inner.now();
        state.log.tick(now);
        if !state.led {
            state = inner.lead(state, None);
        }
        let due = state.log.next_deadline().map_or(interval, |at| at.since(now));
        drop(state);
        drop(inner);
        thread::sleep(due.clamp(Duration::from_millis(1), interval.max(Duration::from_millis(1))));
    }
}
