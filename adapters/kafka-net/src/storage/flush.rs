//! Syncs on a few threads: what waits for one partition shares one sync, and partitions are synced beside each other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::log::PartitionLog;

/// Threads that sync. The device queues more than one at a time; more than a few do not make it faster.
const THREADS: usize = 4;

#[derive(Default)]
struct Queue {
    logs: VecDeque<Arc<PartitionLog>>,
    is_stopping: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// The threads.
pub struct Flusher {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Flusher {
    /// Starts them.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start() -> std::io::Result<Flusher> {
        let shared = Arc::<Shared>::default();
        let threads = (0..THREADS).map(|number| {
            let shared = shared.clone();
            std::thread::Builder::new().name(format!("kafka-sync-{number}")).spawn(move || run(&shared))
        });
        let threads = threads.collect::<std::io::Result<Vec<_>>>()?;
        Ok(Flusher { shared, threads: Mutex::new(threads) })
    }

    /// Has a partition synced. Whoever asks has marked it, so that it stands in the queue once.
    pub fn ask(&self, log: Arc<PartitionLog>) {
        self.shared.queue.lock().logs.push_back(log);
        self.shared.wake.notify_one();
    }

    /// Syncs what has been asked for, then ends the threads.
    pub fn stop(&self) {
        self.shared.queue.lock().is_stopping = true;
        self.shared.wake.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A completion may be what stops the broker.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(shared: &Shared) {
    loop {
        let log = {
            let mut queue = shared.queue.lock();
            loop {
                if let Some(log) = queue.logs.pop_front() {
                    break log;
                }
                if queue.is_stopping {
                    return;
                }
                shared.wake.wait(&mut queue);
            }
        };
        log.sync();
    }
}
