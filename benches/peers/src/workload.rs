//! What one engine is put through, in a process of its own, so that memory and bytes written are its own too.
//!
//! Keys are 16 digits and even; odd ones are absent between two present keys. Values do not compress. Foreground time is the CPU time of
//! the calling thread, system calls included and waiting not.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dolmen_base::Rng;
use dolmen_benches::{key, noise};

use crate::engine::{Contender, Engine, Keeps};
use crate::measure::{self, Span, span};

/// A set of phases.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Entries.
    pub count: u64,
    /// Bytes of a value.
    pub value_len: usize,
    /// What a contender must keep to take part.
    pub needs: Keeps,
    run: fn(&mut Run<'_>),
}

/// All sets.
pub const SETS: [Set; 6] = [
    Set {
        name: "main",
        about: "1 M entries of 100 bytes: random fill by one put a write, reads, overwrite of half, reads beside a writer",
        count: 1_000_000,
        value_len: 100,
        needs: Keeps::Flushed,
        run: main_set,
    },
    Set {
        name: "big",
        about: "300 k entries of 1 KiB, 2.4 times the cache: random fill and hits",
        count: 300_000,
        value_len: 1024,
        needs: Keeps::Flushed,
        run: big_set,
    },
    Set {
        name: "seq",
        about: "600 k entries of 100 bytes in ascending order",
        count: 600_000,
        value_len: 100,
        needs: Keeps::Flushed,
        run: seq_set,
    },
    Set {
        name: "batch",
        about: "600 k entries of 100 bytes in random order, 100 a write",
        count: 600_000,
        value_len: 100,
        needs: Keeps::Flushed,
        run: batch_set,
    },
    Set {
        name: "reopen",
        about: "200 k entries of 100 bytes in the log and in no table, closed and opened again: per entry",
        count: 200_000,
        value_len: 100,
        needs: Keeps::Logged,
        run: reopen_set,
    },
    Set {
        name: "durable",
        about: "puts of 100 bytes, each synced, by 1 thread and by 8 for two seconds each",
        count: 0,
        value_len: 100,
        needs: Keeps::Synced,
        run: durable_set,
    },
];

/// No engine.
struct Closed;

impl Engine for Closed {
    fn put(&self, _: &[(&[u8], &[u8])], _: bool) {}

    fn get(&self, _: &[u8]) -> Option<usize> {
        None
    }

    fn scan(&self, _: &[u8], _: usize) -> (usize, usize) {
        (0, 0)
    }

    fn flush(&self) {}
}

struct Run<'a> {
    open: fn(&Path) -> Box<dyn Engine>,
    engine: Box<dyn Engine>,
    dir: &'a Path,
    count: u64,
    value_len: usize,
    values: Vec<u8>,
    rng: Rng,
}

/// Runs a set with `count / shrink` entries and prints one line per reading: name, number, unit.
pub fn run(contender: Contender, set: Set, shrink: u64, dir: &Path) {
    let engine = (contender.open)(dir);
    let values = noise(1, (1 << 20) + set.value_len);
    let count = set.count / shrink;
    let open = contender.open;
    (set.run)(&mut Run { open, engine, dir, count, value_len: set.value_len, values, rng: Rng::new(42) });
}

/// Repeats one phase on the entries of a set for so many seconds, for a profiler to look at; the filling takes 100 entries a write.
pub fn repeat(contender: Contender, set: Set, phase: &str, seconds: u64, dir: &Path) -> Result<(), String> {
    let engine = (contender.open)(dir);
    let values = noise(1, (1 << 20) + set.value_len);
    let open = contender.open;
    let mut run =
        Run { open, engine, dir, count: set.count, value_len: set.value_len, values, rng: Rng::new(42) };
    let numbers = run.shuffled();
    run.put_all("fill", &numbers, 100);
    run.engine.flush();
    measure::wait_until_idle();
    run.gets(run.count / 4, 0);
    let (start, mut count) = (Instant::now(), 0);
    let (result, span) = span(|| {
        while start.elapsed() < Duration::from_secs(seconds) {
            count += match phase {
                "hit" => run.gets(10_000, 0).0,
                "miss" => 10_000 + run.gets(10_000, 1).0,
                "seek10" => (0..1000).map(|_| run.seek10()).sum::<u64>() / 10,
                "put" => {
                    let value = run.value().to_vec();
                    (0..10_000).for_each(|_| {
                        let number = 2 * run.rng.below(run.count);
                        run.engine.put(&[(&key(number), &value)], false);
                    });
                    10_000
                }
                "scan" => run.engine.scan(&key(0), usize::MAX).0 as u64,
                other => return Err(format!("there is no phase {other}")),
            };
        }
        Ok(())
    });
    tell_span(phase, count, span);
    result
}

/// One reading for the process above.
fn tell(name: &str, number: f64) {
    println!("{name}\t{number}");
}

/// Time per operation of a phase.
fn tell_span(phase: &str, count: u64, span: Span) {
    let us = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    tell(&format!("{phase} fg us"), us(span.thread));
    tell(&format!("{phase} all us"), us(span.process));
    tell(&format!("{phase} wall us"), us(span.wall));
}

impl Run<'_> {
    fn value(&mut self) -> &[u8] {
        let at = self.rng.below(1 << 20) as usize;
        &self.values[at..at + self.value_len]
    }

    /// All numbers below `count`, shuffled.
    fn shuffled(&mut self) -> Vec<u32> {
        let mut all: Vec<u32> = (0..self.count as u32).collect();
        for i in (1..all.len()).rev() {
            all.swap(i, self.rng.below(i as u64 + 1) as usize);
        }
        all
    }

    fn put_all(&mut self, phase: &str, numbers: &[u32], per_batch: usize) {
        let ((), span) = span(|| {
            for chunk in numbers.chunks(per_batch) {
                if let [number] = chunk {
                    let at = self.rng.below(1 << 20) as usize;
                    let value = &self.values[at..at + self.value_len];
                    self.engine.put(&[(&key(2 * u64::from(*number)), value)], false);
                    continue;
                }
                let keys: Vec<_> = chunk.iter().map(|n| key(2 * u64::from(*n))).collect();
                let value = self.value().to_vec();
                let entries: Vec<(&[u8], &[u8])> = keys.iter().map(|k| (&k[..], &value[..])).collect();
                self.engine.put(&entries, false);
            }
        });
        tell_span(phase, numbers.len() as u64, span);
    }

    /// Lets background work end; says what it took and what the disk holds.
    fn settle(&mut self, phase: &str, logical: u64, written_before: u64) {
        let ((), span) = span(|| {
            self.engine.flush();
            measure::wait_until_idle();
        });
        tell(&format!("{phase} settle cpu s"), span.process.as_secs_f64());
        tell(&format!("{phase} disk MB"), measure::disk(self.dir) as f64 / 1e6);
        let written = measure::written() - written_before;
        tell(&format!("{phase} write amp"), written as f64 / logical as f64);
    }

    fn entry_len(&self) -> u64 {
        16 + self.value_len as u64
    }

    /// Random gets; `odd` is 1 for keys that are absent.
    fn gets(&mut self, count: u64, odd: u64) -> (u64, Span) {
        span(|| {
            let mut found = 0;
            for _ in 0..count {
                let number = 2 * self.rng.below(self.count) + odd;
                found += u64::from(self.engine.get(&key(number)).is_some());
            }
            found
        })
    }

    fn reads(&mut self) {
        let count = self.count / 4;
        self.gets(count, 0);
        let (found, span_hit) = self.gets(count, 0);
        assert_eq!(found, count, "every key is there");
        tell_span("hit", count, span_hit);
        let (found, span_miss) = self.gets(count, 1);
        assert_eq!(found, 0, "no odd key is there");
        tell_span("miss", count, span_miss);
    }

    /// A seek to a random key and ten entries from there on.
    fn seek10(&mut self) -> u64 {
        let number = 2 * self.rng.below(self.count - 10);
        self.engine.scan(&key(number), 10).0 as u64
    }

    fn seeks(&mut self) {
        let count = self.count / 20;
        let ((), span_seek) = span(|| (0..count).for_each(|_| assert_eq!(self.seek10(), 10)));
        tell_span("seek10", count, span_seek);
        let (found, span_scan) = span(|| self.engine.scan(&key(0), usize::MAX));
        assert_eq!(found.0 as u64, self.count, "every entry once");
        tell_span("scan", self.count, span_scan);
    }

    /// Reads beside one writer that never rests.
    fn read_while_writing(&mut self) {
        let count = self.count / 10;
        let (stop, value) = (AtomicBool::new(false), self.value().to_vec());
        let (engine, total, rng) = (&*self.engine, self.count, &mut self.rng);
        let mut nanos = Vec::with_capacity(count as usize);
        let mut writes = Rng::new(rng.next_u64());
        let span = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    engine.put(&[(&key(2 * writes.below(total)), &value)], false);
                }
            });
            let ((), span) = span(|| {
                for _ in 0..count {
                    let start = Instant::now();
                    assert!(engine.get(&key(2 * rng.below(total))).is_some());
                    nanos.push(start.elapsed().as_nanos() as u64);
                }
            });
            stop.store(true, Ordering::Relaxed);
            span
        });
        nanos.sort_unstable();
        tell("beside writer fg us", span.thread.as_secs_f64() * 1e6 / count as f64);
        tell("beside writer p50 us", nanos[nanos.len() / 2] as f64 / 1e3);
        tell("beside writer p99 us", nanos[nanos.len() * 99 / 100] as f64 / 1e3);
    }
}

fn main_set(run: &mut Run<'_>) {
    let numbers = run.shuffled();
    let (before, logical) = (measure::written(), run.count * run.entry_len());
    run.put_all("fillrandom", &numbers, 1);
    run.settle("fill", logical, before);
    run.reads();
    run.seeks();
    let half: Vec<u32> = (0..run.count / 2).map(|_| run.rng.below(run.count) as u32).collect();
    let before = measure::written();
    run.put_all("overwrite", &half, 1);
    run.settle("overwrite", logical / 2, before);
    tell("peak rss MB", measure::rss_peak() as f64 / 1e6);
    run.read_while_writing();
}

fn big_set(run: &mut Run<'_>) {
    let numbers = run.shuffled();
    let (before, logical) = (measure::written(), run.count * run.entry_len());
    run.put_all("fillrandom", &numbers, 1);
    run.settle("fill", logical, before);
    run.reads();
    tell("peak rss MB", measure::rss_peak() as f64 / 1e6);
}

fn seq_set(run: &mut Run<'_>) {
    let numbers: Vec<u32> = (0..run.count as u32).collect();
    run.put_all("fillseq", &numbers, 1);
}

fn batch_set(run: &mut Run<'_>) {
    let numbers = run.shuffled();
    run.put_all("batch 100", &numbers, 100);
}

fn reopen_set(run: &mut Run<'_>) {
    let numbers = run.shuffled();
    run.put_all("fill", &numbers, 1);
    // Something that stands still in between: two handles on one directory are refused.
    run.engine = Box::new(Closed);
    let (engine, span) = span(|| (run.open)(run.dir));
    run.engine = engine;
    tell_span("reopen", run.count, span);
    assert!(run.engine.get(&key(2)).is_some());
}

fn durable_set(run: &mut Run<'_>) {
    let mut rates = Vec::new();
    for threads in [1, 8] {
        let (device, start) = (measure::written_to_device(), Instant::now());
        let value = run.value().to_vec();
        let engine = &*run.engine;
        let (count, span): (u64, Span) = span(|| {
            let work = |thread: u64| {
                let mut count = 0;
                while start.elapsed() < Duration::from_secs(2) {
                    engine.put(&[(&key(thread << 32 | count), &value)], true);
                    count += 1;
                }
                count
            };
            std::thread::scope(|scope| {
                let all: Vec<_> = (0..threads).map(|t| scope.spawn(move || work(t))).collect();
                all.into_iter().map(|t| t.join().expect("no panic")).sum()
            })
        });
        let rate = count as f64 / span.wall.as_secs_f64();
        tell(&format!("{threads} threads puts/s"), rate);
        tell(&format!("{threads} threads cpu us"), span.process.as_secs_f64() * 1e6 / count as f64);
        let device = measure::written_to_device() - device;
        tell(&format!("{threads} threads device bytes"), device as f64 / count as f64);
        rates.push(rate);
    }
    tell("8 threads over 1", rates[1] / rates[0]);
}
