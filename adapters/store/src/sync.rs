//! Locks, threads and the clock, in one place: `tests/scheduled` compiles this crate with others in their stead, which a seeded scheduler runs.

pub(crate) use std::sync::mpsc;
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle, current, sleep};
}
