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
        let wait = self.pace.lock().take(self.now(), len);
        if !wait.is_zero() {
            crate::sync::thread::sleep(wait);
        }
    }
}

/// The rate that writers are held to.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// What was written so far is paid for at this time.
    paid_until: Time,
}

impl Pace {
    /// How long whoever writes `len` bytes now has to sleep first: not at all for a little, and never very long at a time. What it does not
    /// sleep for is left to the next.
    fn take(&mut self, now: Time, len: u64) -> Duration {
        let nanos = len.saturating_mul(1_000_000_000) / DELAYED_BYTES_PER_SECOND;
        self.paid_until = Time::max(self.paid_until, now) + Duration::from_nanos(nanos);
        let ahead = self.paid_until.since(now);
        if ahead < SLEEP_MIN { Duration::ZERO } else { ahead.min(SLEEP_MAX) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Small writes sleep seldom, large ones for what they weigh, and in the long run bytes count and not writes.
    #[test]
    fn writers_are_held_to_bytes_and_not_to_writes() {
        for (len, writes) in [(100, 100_000), (4 << 10, 10_000), (8 << 20, 12), (100 << 20, 3)] {
            let (mut pace, mut now, mut sleeps) = (Pace::default(), Time::ZERO + Duration::from_secs(7), 0);
            let begun = now;
            for _ in 0..writes {
                let sleep = pace.take(now, len);
                assert!(sleep <= SLEEP_MAX);
                sleeps += u64::from(!sleep.is_zero());
                now = now + sleep;
            }
            let due = len * writes * 1000 / DELAYED_BYTES_PER_SECOND;
            let took = now.since(begun).as_millis() as u64;
            if len <= 4 << 10 {
                assert!(took <= due && due - took <= 1, "{len}: {took} ms for {due} ms");
                assert!(sleeps <= writes * len / 10_000, "{len}: {sleeps} sleeps");
            } else {
                // Nobody sleeps longer than a second, and nothing is forgotten.
                assert_eq!(took, due.min(1000 * writes), "{len}");
                assert_eq!(pace.paid_until.since(begun).as_millis() as u64, due, "{len}");
            }
        }
        // What was paid for long ago is no credit.
        let mut pace = Pace::default();
        let later = Time::ZERO + Duration::from_secs(1000);
        assert_eq!(pace.take(later, 1600 << 10), Duration::from_micros(97_656) + Duration::from_nanos(250));
    }
}
