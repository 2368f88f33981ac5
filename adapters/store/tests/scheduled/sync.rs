//! What `src/sync.rs` names, over shuttle's threads: one of them runs at a time, and a seeded scheduler chooses which at every lock, wait, answer
//! and call of the disk. The clock goes on when it is looked at; a short wait may end at once, a long one never ends by itself, so that a
//! missing wake-up is a deadlock, which shuttle reports.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shuttle::sync as inner;

pub(crate) use shuttle::sync::mpsc;
pub(crate) use shuttle::thread_local;

/// Of the open tables, held for moments only: nothing that others could come between is done under it.
pub(crate) use parking_lot::RwLock;

/// Nanoseconds since the life began.
static CLOCK: AtomicU64 = AtomicU64::new(0);
/// Whoever waits so long is woken or waits for ever.
const LONG: Duration = Duration::from_secs(60);

fn pass(time: Duration) -> u64 {
    CLOCK.fetch_add(time.as_nanos() as u64, Ordering::Relaxed)
}

/// A point in simulated time.
pub(crate) struct Instant(u64);

impl Instant {
    pub(crate) fn now() -> Instant {
        Instant(pass(Duration::from_micros(1)))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(Instant::now().0 - self.0)
    }
}

pub(crate) mod thread {
    pub(crate) use shuttle::thread::{Builder, JoinHandle, current};

    pub(crate) fn sleep(time: std::time::Duration) {
        super::pass(time);
        shuttle::thread::yield_now();
    }
}

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(inner::Mutex<T>);

std::thread_local! {
    /// How often locks were taken in this test, and how often those of the engine's machine. All threads of a life are one of the system's.
    static LOCKS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Locks that were taken so far: all, and those of the engine's machine.
pub(crate) fn locks() -> (u64, u64) {
    LOCKS.get()
}

impl<T> Mutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let (all, engines) = LOCKS.get();
        let is_engine = std::any::type_name::<T>().ends_with("::Engine");
        LOCKS.set((all + 1, engines + u64::from(is_engine)));
        let held = Some(self.0.lock().unwrap_or_else(PoisonError::into_inner));
        MutexGuard { of: &self.0, held }
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex(inner::Mutex::new(value))
    }
}

pub(crate) struct MutexGuard<'a, T> {
    of: &'a inner::Mutex<T>,
    /// Not while it is unlocked.
    held: Option<inner::MutexGuard<'a, T>>,
}

impl<T> MutexGuard<'_, T> {
    pub(crate) fn unlocked<R>(guard: &mut Self, run: impl FnOnce() -> R) -> R {
        guard.held = None;
        let result = run();
        guard.held = Some(guard.of.lock().unwrap_or_else(PoisonError::into_inner));
        result
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.held.as_ref().expect("it is locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("it is locked")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(inner::Condvar);

impl Condvar {
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect("it is locked");
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, at_most: Duration) {
        if at_most >= LONG {
            return self.wait(guard);
        }
        MutexGuard::unlocked(guard, || thread::sleep(at_most));
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
