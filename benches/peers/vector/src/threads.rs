//! Jobs on threads: what comes out does not depend on how many.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dolmen_hnsw::insert::Workers;

/// So many.
pub struct Threads(pub usize);

impl Workers for Threads {
    fn map<S, T: Send>(
        &self,
        count: usize,
        start: impl Fn() -> S + Sync,
        job: impl Fn(&mut S, usize) -> T + Sync,
    ) -> Vec<T> {
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
        std::thread::scope(|scope| {
            for _ in 0..self.0.min(count) {
                scope.spawn(|| {
                    let mut state = start();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= count {
                            break;
                        }
                        let result = job(&mut state, at);
                        results.lock().unwrap_or_else(|broken| broken.into_inner()).push((at, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
