//! `dolmen kv bench`: one kind of work after the other, as RocksDB's db_bench names them.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use dolmen_base::Rng;
use dolmen_cli::Out;
use dolmen_store::{Db, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};
use rustix::time::ClockId;
use serde_json::json;

/// Arguments of `dolmen kv bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Keys (16 bytes each, values of 100 bytes)
    #[arg(long, default_value_t = 100_000)]
    n: u64,
    /// What to do, in this order
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "W,..",
        default_value = "fillrandom,readrandom,readmissing,seek10,scan,overwrite"
    )]
    workload: Vec<String>,
}

const VALUE_LEN: usize = 100;
const BATCH: u64 = 100;

/// Runs the workloads in `path`, which must not hold a database yet, without syncs. Per operation: time on the clock, its 50th and 99th
/// percentile, CPU time of the calling thread, and CPU time of the whole process, flushes and compactions until they are done included.
pub fn run(path: &Path, args: &Args, out: &mut Out) -> Result<()> {
    ensure!(args.n > 0, "--n must be at least 1");
    ensure!(
        !path.join("CURRENT").exists(),
        "{} holds a database; give --path a new directory",
        path.display()
    );
    let db = Db::open(path, Options { sync: SyncPolicy::Never, ..Options::default() })?;
    if !out.is_json() {
        let columns = ["operations", "us/op", "p50 us", "p99 us", "CPU ns/op", "all CPU ns/op"];
        writeln!(out, "{:<12}{}", "workload", columns.map(|c| format!("{c:>14}")).concat())?;
    }
    for workload in &args.workload {
        let (process, thread) = (cpu(ClockId::ProcessCPUTime), cpu(ClockId::ThreadCPUTime));
        let progress = out.progress(workload, None).alive();
        let (start, mut laps) = (Instant::now(), Laps::start());
        let count = work(&db, workload, args.n, &mut laps)?;
        let (elapsed, thread) = (start.elapsed(), cpu(ClockId::ThreadCPUTime) - thread);
        drop(progress);
        settle(&db)?;
        let process = cpu(ClockId::ProcessCPUTime) - process;
        let measured = Measured { count, wall: elapsed.as_nanos(), thread, process, laps };
        measured.print(workload, out)?;
        out.flush()?;
    }
    if out.is_json() {
        return Ok(db.close()?);
    }
    let stats = db.stats();
    writeln!(
        out,
        "{} flushes, {} compactions wrote {} bytes; {} writes delayed, {} stopped",
        stats.flushes, stats.compactions, stats.compaction_written_bytes, stats.delays, stats.stops
    )?;
    Ok(db.close()?)
}

/// One workload; times are in nanoseconds.
struct Measured {
    count: u64,
    wall: u128,
    thread: u128,
    process: u128,
    laps: Laps,
}

impl Measured {
    fn print(&self, workload: &str, out: &mut Out) -> Result<()> {
        let per_op = |nanos: u128| nanos as f64 / self.count as f64;
        let [p50, p99] = [50, 99].map(|p| self.laps.percentile(p));
        if out.is_json() {
            return Ok(out.object(&json!({
                "workload": workload, "entry_count": self.count, "wall_ns_per_entry": per_op(self.wall),
                "cpu_ns_per_entry": per_op(self.thread), "process_cpu_ns_per_entry": per_op(self.process),
                "p50_ns": p50, "p99_ns": p99,
            }))?);
        }
        let micros = |nanos: Option<u64>| nanos.map_or("-".to_owned(), |n| format!("{:.2}", n as f64 / 1e3));
        Ok(writeln!(
            out,
            "{workload:<12}{:>14}{:>14.3}{:>14}{:>14}{:>14.0}{:>14.0}",
            self.count,
            per_op(self.wall) / 1e3,
            micros(p50),
            micros(p99),
            per_op(self.thread),
            per_op(self.process),
        )?)
    }
}

/// CPU time in nanoseconds.
fn cpu(clock: ClockId) -> u128 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as u128 * 1_000_000_000 + time.tv_nsec as u128
}

/// Waits until no compaction is due any more.
fn settle(db: &Db) -> Result<()> {
    let mut before = db.stats();
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let now = db.stats();
        if let Some(error) = now.background_error {
            return Err(error.into());
        }
        let idle = now.compaction_pending_bytes == 0 && now.compactions == before.compactions;
        if idle && now.flushes == before.flushes {
            return Ok(());
        }
        before = now;
    }
}

/// How long each operation took, in classes of about 6 %: 16 for each power of two nanoseconds.
struct Laps {
    last: Instant,
    counts: Vec<u64>,
}

/// Classes per power of two, and their bits.
const CLASSES: u64 = 16;
const CLASS_BITS: u32 = CLASSES.trailing_zeros();

impl Laps {
    fn start() -> Self {
        Laps { last: Instant::now(), counts: vec![0; (CLASSES * u64::from(u64::BITS)) as usize] }
    }

    /// An operation ended; the next begins.
    fn lap(&mut self) {
        let now = Instant::now();
        let nanos = u64::try_from((now - self.last).as_nanos()).unwrap_or(u64::MAX);
        self.counts[class(nanos)] += 1;
        self.last = now;
    }

    /// The least time, in nanoseconds, that `p` percent of the operations did not exceed by more than a class; `None` where none was timed.
    fn percentile(&self, p: u64) -> Option<u64> {
        let total: u64 = self.counts.iter().sum();
        let rank = (total * p).div_ceil(100).max(1);
        let mut seen = 0;
        let reaches = |&count: &u64| {
            seen += count;
            seen >= rank
        };
        let at = self.counts.iter().position(reaches);
        at.filter(|_| total > 0).map(floor)
    }
}

/// The class of a time.
fn class(nanos: u64) -> usize {
    if nanos < CLASSES {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - CLASS_BITS;
    ((u64::from(shift) + 1) * CLASSES + (nanos >> shift) - CLASSES) as usize
}

/// The least time of a class.
fn floor(class: usize) -> u64 {
    let (power, step) = (class as u64 / CLASSES, class as u64 % CLASSES);
    if power == 0 { step } else { (CLASSES + step) << (power - 1) }
}

/// Does one workload; how many operations it were comes back.
fn work(db: &Db, workload: &str, n: u64, laps: &mut Laps) -> Result<u64> {
    let mut rng = Rng::new(workload.len() as u64);
    match workload {
        "fillseq" => fill(db, 1, n, laps, &mut |i| i),
        "fillrandom" | "overwrite" => fill(db, 1, n, laps, &mut |_| rng.below(n)),
        "batch" => fill(db, BATCH, n, laps, &mut |_| rng.below(n)),
        "readrandom" => get(db, n, laps, &mut || key(rng.below(n))),
        "readmissing" => get(db, n, laps, &mut || [key(rng.below(n)).as_slice(), b"."].concat()),
        "seek10" => seek(db, n / 10 + 1, laps, &mut || key(rng.below(n))),
        "scan" => scan(db),
        "compact" => {
            db.compact(&db.default_family(), None, None)?;
            laps.lap();
            Ok(1)
        }
        other => bail!(
            "there is no workload {other}; there are fillseq fillrandom batch overwrite readrandom readmissing seek10 scan compact"
        ),
    }
}

fn key(i: u64) -> Vec<u8> {
    format!("{i:016}").into_bytes()
}

fn fill(db: &Db, per_batch: u64, n: u64, laps: &mut Laps, next: &mut dyn FnMut(u64) -> u64) -> Result<u64> {
    let family = db.default_family().id;
    let mut batch = WriteBatch::new();
    for i in 0..n {
        let at = next(i);
        let mut value = [b'v'; VALUE_LEN];
        Rng::new(at).fill(&mut value[..VALUE_LEN / 2]);
        batch.put(family, &key(at), &value);
        if u64::from(batch.count()) == per_batch || i + 1 == n {
            db.write(std::mem::take(&mut batch), WriteOptions::default())?;
            laps.lap();
        }
    }
    Ok(n)
}

fn get(db: &Db, n: u64, laps: &mut Laps, next: &mut dyn FnMut() -> Vec<u8>) -> Result<u64> {
    let (family, read) = (db.default_family(), ReadOptions::default());
    for _ in 0..n {
        std::hint::black_box(db.get(&family, &next(), &read)?);
        laps.lap();
    }
    Ok(n)
}

fn seek(db: &Db, n: u64, laps: &mut Laps, next: &mut dyn FnMut() -> Vec<u8>) -> Result<u64> {
    let family = db.default_family();
    for _ in 0..n {
        let mut iter = db.iter(&family, ReadOptions::default())?;
        iter.seek(&next())?;
        for _ in 0..10 {
            if iter.valid() {
                std::hint::black_box(iter.value());
                iter.next()?;
            }
        }
        laps.lap();
    }
    Ok(n)
}

fn scan(db: &Db) -> Result<u64> {
    let mut iter = db.iter(&db.default_family(), ReadOptions::default())?;
    let mut count = 0;
    iter.seek_to_first()?;
    while iter.valid() {
        count += 1;
        iter.next()?;
    }
    ensure!(count > 0, "scan needs a filled database; put fillrandom before it");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_order_and_narrow() {
        for shift in 0..63 {
            for nanos in [1u64 << shift, (1 << shift) + (1 << shift) / 3, (2 << shift) - 1] {
                let class = class(nanos);
                assert!(floor(class) <= nanos && nanos < floor(class + 1), "{nanos} in class {class}");
                assert!(nanos - floor(class) <= nanos / CLASSES, "{nanos} in class {class}");
            }
        }
    }

    #[test]
    fn percentiles_count_from_below() {
        let mut laps = Laps::start();
        assert_eq!(laps.percentile(50), None);
        (1..=100).for_each(|nanos| laps.counts[class(nanos)] += 1);
        assert_eq!((laps.percentile(50), laps.percentile(99)), (Some(50), Some(96)));
    }
}
