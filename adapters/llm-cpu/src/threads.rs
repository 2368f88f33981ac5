//! Threads for a step's parts.

use crate::fault::{Context, Result};
use dolmen_base::Jobs;

/// A fixed number of threads. With one, everything runs on the caller's own.
pub struct Threads(Option<rayon::ThreadPool>);

impl Threads {
    /// So many threads; 0: as many as the process may use.
    ///
    /// # Errors
    ///
    /// If they cannot be started.
    pub fn new(count: usize) -> Result<Threads> {
        let count = if count == 0 { available() } else { count };
        if count == 1 {
            return Ok(Threads(None));
        }
        let named = |nth| format!("llm-{nth}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).thread_name(named).build();
        Ok(Threads(Some(pool.context("threads for the model")?)))
    }
}

/// How many threads the process may use.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Jobs for Threads {
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        match &self.0 {
            None => (0..count).for_each(job),
            Some(pool) => pool.in_place_scope(|scope| {
                for nth in 1..count {
                    scope.spawn(move |_| job(nth));
                }
                if count > 0 {
                    job(0);
                }
            }),
        }
    }

    fn width(&self) -> usize {
        self.0.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }
}
