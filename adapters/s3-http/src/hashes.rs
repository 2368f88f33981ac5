//! MD5 of pieces from many uploads at once.
//!
//! A thread that has a piece to hash puts it into a queue. Few threads lead: each takes up to sixteen pieces that wait, hashes them in the
//! lanes of one register ([`dolmen_s3::md5`]), and wakes their owners. So one upload alone is hashed as ever, and the more of them
//! there are, the cheaper each becomes.
//!
//! A task, which must not wait, lets all others run that can: they bring their own pieces. Whose turn comes first then hashes for all.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dolmen_s3::md5::{Md5, update_many};
use tokio::sync::oneshot;

/// Pieces that a register has lanes for.
const LANES: usize = 16;
/// Cores for each thread that leads: the others have their bytes to write, and gathering fills more lanes.
const CORES_PER_LEADER: usize = 4;
/// How often a thread that leads lets others go first, if more pieces are expected than have come.
const YIELDS: usize = 16;

/// The queue of an engine.
#[derive(Debug)]
pub(crate) struct Hashes {
    queue: Mutex<Queue>,
    done: Condvar,
    leaders_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    leaders: usize,
    /// Pieces that were there last time: their owners will soon come with the next.
    expected: usize,
    waiting: Vec<Job>,
    done: BTreeMap<u64, Md5>,
}

#[derive(Debug)]
struct Job {
    number: u64,
    md5: Md5,
    data: Bytes,
    /// Where a task waits; a thread looks into the queue.
    task: Option<oneshot::Sender<Md5>>,
}

impl Queue {
    fn push(&mut self, md5: Md5, data: Bytes, task: Option<oneshot::Sender<Md5>>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push(Job { number, md5, data, task });
        number
    }
}

impl Hashes {
    /// As many threads lead as the machine has cores for.
    pub fn new() -> Hashes {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let leaders_max = (cores / CORES_PER_LEADER).max(1);
        Hashes { queue: Mutex::default(), done: Condvar::new(), leaders_max }
    }

    /// The hash with the piece taken in. Waits for others, and may work for them.
    pub fn update(&self, md5: Md5, data: Bytes) -> Md5 {
        let mut queue = self.lock();
        let number = queue.push(md5, data, None);
        loop {
            if let Some(md5) = queue.done.remove(&number) {
                return md5;
            }
            if queue.leaders < self.leaders_max && !queue.waiting.is_empty() {
                queue = self.lead(queue);
            } else {
                queue = self.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// As [`Hashes::update`], for a task.
    pub async fn update_soon(&self, md5: Md5, data: Bytes) -> Md5 {
        let (task, mut outcome) = oneshot::channel();
        let number = self.lock().push(md5, data, Some(task));
        tokio::task::yield_now().await;
        loop {
            {
                let queue = self.lock();
                if queue.waiting.iter().any(|job| job.number == number) {
                    drop(self.hash(queue));
                    continue;
                }
            }
            return (&mut outcome).await.expect("whoever took the piece hashes it");
        }
    }

    /// Leads: lets others come first if they are expected, and hashes what waits.
    fn lead<'q>(&'q self, mut queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        queue.leaders += 1;
        for _ in 0..YIELDS {
            if queue.waiting.len() >= queue.expected.min(LANES) {
                break;
            }
            drop(queue);
            std::thread::yield_now();
            queue = self.lock();
        }
        queue = self.hash(queue);
        // Threads that were woken see it, for the lock is still held.
        queue.leaders -= 1;
        queue
    }

    /// Hashes what waits, the oldest first, without the lock.
    fn hash<'q>(&'q self, mut queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        let count = queue.waiting.len().min(LANES);
        let mut jobs: Vec<Job> = queue.waiting.drain(..count).collect();
        drop(queue);
        let mut pieces: Vec<(&mut Md5, &[u8])> =
            jobs.iter_mut().map(|job| (&mut job.md5, &job.data[..])).collect();
        update_many(&mut pieces);
        let mut queue = self.lock();
        queue.expected = jobs.len() + queue.waiting.len();
        let mut is_waited_for = false;
        for job in jobs {
            match job.task {
                None => {
                    is_waited_for = true;
                    queue.done.insert(job.number, job.md5);
                }
                // Who has hung up needs none.
                Some(task) => drop(task.send(job.md5)),
            }
        }
        if is_waited_for {
            self.done.notify_all();
        }
        queue
    }

    /// Nothing panics while the lock is held, and what it guards is whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use md5::Digest as _;

    use super::*;

    fn is_done_with(hashes: &Hashes) {
        let queue = hashes.lock();
        assert!(queue.waiting.is_empty() && queue.done.is_empty() && queue.leaders == 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_tasks_get_their_own_hash_and_may_hang_up() {
        let hashes = std::sync::Arc::new(Hashes::new());
        let tasks: Vec<_> = (0..24u8)
            .map(|nth| {
                let hashes = hashes.clone();
                tokio::spawn(async move {
                    let (mut md5, mut judge) = (Md5::new(), md5::Md5::new());
                    for round in 0..40usize {
                        let data = Bytes::from(vec![nth; (round * 977 + usize::from(nth) * 31) % 20_000]);
                        judge.update(&data);
                        md5 = hashes.update_soon(md5, data).await;
                    }
                    assert_eq!(md5.finish(), <[u8; 16]>::from(judge.finalize()), "task {nth}");
                })
            })
            .collect();
        for (nth, task) in tasks.into_iter().enumerate() {
            if nth % 5 == 4 {
                task.abort();
                let _ = task.await;
            } else {
                task.await.unwrap();
            }
        }
        // What was left behind goes with the next piece.
        hashes.update_soon(Md5::new(), Bytes::from_static(b"last")).await;
        hashes.update_soon(Md5::new(), Bytes::from_static(b"last")).await;
        is_done_with(&hashes);
    }

    #[test]
    fn many_threads_get_their_own_hash() {
        let hashes = Hashes::new();
        std::thread::scope(|scope| {
            for nth in 0..24u8 {
                let hashes = &hashes;
                scope.spawn(move || {
                    let (mut md5, mut judge) = (Md5::new(), md5::Md5::new());
                    for round in 0..40usize {
                        let data = Bytes::from(vec![nth; (round * 977 + usize::from(nth) * 31) % 20_000]);
                        judge.update(&data);
                        md5 = hashes.update(md5, data);
                    }
                    assert_eq!(md5.finish(), <[u8; 16]>::from(judge.finalize()), "thread {nth}");
                });
            }
        });
        is_done_with(&hashes);
    }
}
