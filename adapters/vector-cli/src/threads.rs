//! Core's jobs on the machine's threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dolmen_hnsw::insert::Workers;

/// So many threads.
#[derive(Clone, Copy, Debug)]
pub struct Threads(pub usize);

impl Threads {
    /// As many as the machine has, or as the user says.
    pub fn new(asked: Option<usize>) -> Self {
        Threads(asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1))
    }
}

/// Jobs that a thread takes at once.
const CHUNK: usize = 4;

impl Workers for Threads {
    fn map<S, T: Send>(
        &self,
        count: usize,
        start: impl Fn() -> S + Sync,
        job: impl Fn(&mut S, usize) -> T + Sync,
    ) -> Vec<T> {
        if self.0 == 1 || count <= CHUNK {
            return dolmen_hnsw::insert::Serial.map(count, start, job);
        }
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count.div_ceil(CHUNK))));
        std::thread::scope(|scope| {
            for _ in 0..self.0.min(count.div_ceil(CHUNK)) {
                scope.spawn(|| {
                    let mut state = start();
                    loop {
                        let first = next.fetch_add(CHUNK, Ordering::Relaxed);
                        if first >= count {
                            break;
                        }
                        let chunk: Vec<T> =
                            (first..count.min(first + CHUNK)).map(|at| job(&mut state, at)).collect();
                        results.lock().unwrap_or_else(|broken| broken.into_inner()).push((first, chunk));
                    }
                });
            }
        });
        let mut chunks = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
        chunks.sort_by_key(|(first, _)| *first);
        chunks.into_iter().flat_map(|(_, chunk)| chunk).collect()
    }
}
