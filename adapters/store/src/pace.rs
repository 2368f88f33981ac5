//! Whether writers may go on: what the engine says, as numbers that a write can read without its lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dolmen_base::Time;
use dolmen_base::io::IoError;
use dolmen_lsm::batch::{Families, WriteBatch};
use dolmen_lsm::engine::{self, Engine, Failure, Stall};
use dolmen_lsm::key::FamilyId;

use crate::api::{Event, StoreError, WriteError};
use crate::background::tell;
use crate::db::Inner;

/// Bytes a second that writers get while compactions fall behind (RocksDB's `delayed_write_rate`).
const DELAYED_BYTES_PER_SECOND: u64 = 16 << 20;
/// A writer sleeps once it is so far ahead of its rate.
const SLEEP_MIN: Duration = Duration::from_millis(1);
/// Nobody sleeps longer at a time.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What the engine says, as of the last time that its lock was let go.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// A writer has to look closer.
    look: AtomicBool,
    rotation: AtomicBool,
    work: AtomicBool,
}

impl Signs {
    fn read(&self, engine: &Engine) {
        let looks =
            engine.stall() != Stall::None || engine.poisoned().is_some() || engine.damaged().next().is_some();
        self.look.store(looks, Ordering::Release);
        self.rotation.store(engine.wants_rotation(), Ordering::Release);
        self.work.store(engine.has_work(), Ordering::Release);
    }

    pub(crate) fn wants_rotation(&self) -> bool {
        self.rotation.load(Ordering::Acquire)
    }

    pub(crate) fn has_work(&self) -> bool {
        self.work.load(Ordering::Acquire)
    }
}

/// What a writer is to do.
enum Room {
    Free,
    Delay,
    Stop,
}

impl Inner {
    /// Does something under the engine's lock; everything that changes the engine goes this way.
    pub(crate) fn with_engine<R>(&self, with: impl FnOnce(&mut Engine) -> R) -> R {
        let mut engine = self.engine.lock();
        let result = with(&mut engine);
        self.signs.read(&engine);
        result
    }

    /// The active memtables have grown.
    pub(crate) fn grow(&self, bytes: u64) {
        // Only the leader changes it.
        let len = self.active_len.load(Ordering::Relaxed) + bytes;
        self.active_len.store(len, Ordering::Relaxed);
        if len >= self.options.write_buffer_bytes as u64 {
            let now = self.now();
            self.with_engine(|engine| engine.handle(now, engine::Input::Grown { len }));
        }
    }

    /// Whether nobody has to wait for anything.
    pub(crate) fn is_free(&self) -> bool {
        !self.signs.look.load(Ordering::Acquire)
    }

    /// Waits while flushes or compactions are too far behind for the batch's families. An error if they cannot go on.
    pub(crate) fn wait_for_room(&self, batch: &WriteBatch) -> Result<(), WriteError> {
        if self.is_free() {
            return Ok(());
        }
        let families = families_of(batch);
        self.wait_while_stalled(&families, batch.len_bytes() as u64)
    }

    /// The same for all families, but those that are stuck: who writes to them was told.
    pub(crate) fn wait_for_all_room(&self) -> Result<(), WriteError> {
        if self.is_free() {
            return Ok(());
        }
        let stuck = |engine: &Engine, family| matches!(engine.stall_of(family), Stall::Stuck(_));
        let families = {
            let engine = self.engine.lock();
            let all: Vec<FamilyId> = engine.families().map(|(family, _)| family).collect();
            all.into_iter().filter(|&family| !stuck(&engine, family)).collect::<Vec<_>>()
        };
        self.wait_while_stalled(&families, 0)
    }

    /// Whether a batch may be written at once.
    pub(crate) fn has_room(&self, batch: &WriteBatch) -> Result<bool, WriteError> {
        if self.is_free() {
            return Ok(true);
        }
        Ok(matches!(self.room(&families_of(batch))?, Room::Free))
    }

    fn wait_while_stalled(&self, families: &[FamilyId], len: u64) -> Result<(), WriteError> {
        let mut told = false;
        loop {
            match self.room(families)? {
                Room::Free => return Ok(()),
                Room::Delay => {
                    self.counters.delays.fetch_add(1, Ordering::Relaxed);
                    self.delay(len);
                    return Ok(());
                }
                Room::Stop => {}
            }
            if self.is_stopping() {
                return Err(WriteError::Closed);
            }
            self.counters.stops.fetch_add(1, Ordering::Relaxed);
            if !core::mem::replace(&mut told, true) {
                tell(&self.options, &Event::Stalled);
            }
            self.wait_for_background();
        }
    }

    /// What writers to some families are to do. With no thread of its own the database works here before it refuses.
    fn room(&self, families: &[FamilyId]) -> Result<Room, WriteError> {
        let (stall, failure, poisoned) = {
            let engine = self.engine.lock();
            let by_family = families.iter().map(|&family| (engine.stall_of(family), Some(family)));
            let worst = by_family.max_by_key(|(stall, _)| rank(*stall)).unwrap_or((engine.stall(), None));
            let of_family = worst.1.and_then(|family| engine.failed_compaction(family));
            (worst.0, engine.failed().or(of_family), engine.poisoned())
        };
        if let Some(error) = poisoned {
            return Err(WriteError::Poisoned(error));
        }
        match (stall, failure) {
            (Stall::None, _) => Ok(Room::Free),
            (Stall::Delay, _) => Ok(Room::Delay),
            (Stall::Stuck(table), _) => Err(self.background_error(Failure::Damaged { table: Some(table) })),
            (Stall::Stop, Some(Failure::Io(IoError::NoSpace))) => {
                let error = IoError::NoSpace;
                Err(WriteError::Io { file: self.dir.display(), error, retry: true })
            }
            (Stall::Stop, Some(failure @ (Failure::Io(_) | Failure::Damaged { .. }))) => {
                Err(self.background_error(failure))
            }
            (Stall::Stop, _) => Ok(Room::Stop),
        }
    }

    fn background_error(&self, failure: Failure) -> WriteError {
        let known = self.background.lock().behind(failure);
        let unknown = || StoreError::Invalid(format!("a table is damaged ({failure:?}); verify names it"));
        WriteError::Background(Arc::new(known.unwrap_or_else(unknown)))
    }

    /// Holds a writer of `len` bytes up so that all writers together keep to the rate.
    fn delay(&self, len: u64) {
        let now = self.now();
        let wait = {
            let mut paid_until = self.paid_until.lock();
            let nanos = len.saturating_mul(1_000_000_000) / DELAYED_BYTES_PER_SECOND;
            *paid_until = Time::max(*paid_until, now) + Duration::from_nanos(nanos);
            paid_until.since(now)
        };
        if wait >= SLEEP_MIN {
            crate::sync::thread::sleep(wait.min(SLEEP_MAX));
        }
    }
}

fn families_of(batch: &WriteBatch) -> Vec<FamilyId> {
    match batch.facts().families {
        Families::None => Vec::new(),
        Families::One(family) => Vec::from([family]),
        Families::Several => {
            let mut all: Vec<_> = batch.records().filter_map(|r| r.parts()).map(|(f, ..)| f).collect();
            all.sort_unstable();
            all.dedup();
            all
        }
    }
}

fn rank(stall: Stall) -> u8 {
    match stall {
        Stall::None => 0,
        Stall::Delay => 1,
        Stall::Stop => 2,
        Stall::Stuck(_) => 3,
    }
}
