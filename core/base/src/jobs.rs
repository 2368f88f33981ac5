//! Threads that the caller has: a core crate says what can be done side by side, and the caller decides who does it.

/// Runs jobs, side by side or one after another.
///
/// Results must not hang on the order or on who runs what: a job is a function of its number, and writes only what is its own.
pub trait Jobs: Sync {
    /// Calls `job` once with each number below `count`, and returns when all have returned.
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync));

    /// How many jobs can run at the same time: into how many parts it is worth to cut work.
    fn width(&self) -> usize {
        1
    }
}

/// One job after another on the caller's own thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serial;

impl Jobs for Serial {
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(job);
    }
}
