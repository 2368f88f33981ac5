//! `dolmen kv bench`: one kind of work after the other, as RocksDB's db_bench names them.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use dolmen_base::Rng;
use dolmen_store::{Db, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

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

/// Runs the workloads in `path`, which must not hold a database yet, without syncs.
pub fn run(path: &Path, args: &Args, out: &mut dyn Write) -> Result<()> {
    ensure!(args.n > 0, "--n must be at least 1");
    ensure!(
        !path.join("CURRENT").exists(),
        "{} holds a database; give --path a new directory",
        path.display()
    );
    let db = Db::open(path, Options { sync: SyncPolicy::Never, ..Options::default() })?;
    writeln!(out, "{:<14}{:>12}{:>12}", "workload", "operations", "us/op")?;
    for workload in &args.workload {
        let start = Instant::now();
        let count = work(&db, workload, args.n)?;
        let micros = start.elapsed().as_secs_f64() * 1e6 / count as f64;
        writeln!(out, "{workload:<14}{count:>12}{micros:>12.3}")?;
        out.flush()?;
    }
    Ok(db.close()?)
}

/// Does one workload; how many operations it were comes back.
fn work(db: &Db, workload: &str, n: u64) -> Result<u64> {
    let mut rng = Rng::new(workload.len() as u64);
    match workload {
        "fillseq" => fill(db, 1, n, &mut |i| i),
        "fillrandom" | "overwrite" => fill(db, 1, n, &mut |_| rng.below(n)),
        "batch" => fill(db, BATCH, n, &mut |_| rng.below(n)),
        "readrandom" => get(db, n, &mut || key(rng.below(n))),
        "readmissing" => get(db, n, &mut || [key(rng.below(n)).as_slice(), b"."].concat()),
        "seek10" => seek(db, n / 10 + 1, &mut || key(rng.below(n))),
        "scan" => scan(db),
        other => bail!(
            "there is no workload {other}; there are fillseq fillrandom batch overwrite readrandom readmissing seek10 scan"
        ),
    }
}

fn key(i: u64) -> Vec<u8> {
    format!("{i:016}").into_bytes()
}

fn fill(db: &Db, per_batch: u64, n: u64, next: &mut dyn FnMut(u64) -> u64) -> Result<u64> {
    let family = db.default_family().id;
    let mut batch = WriteBatch::new();
    for i in 0..n {
        let at = next(i);
        let mut value = [b'v'; VALUE_LEN];
        Rng::new(at).fill(&mut value[..VALUE_LEN / 2]);
        batch.put(family, &key(at), &value);
        if u64::from(batch.count()) == per_batch || i + 1 == n {
            db.write(std::mem::take(&mut batch), WriteOptions::default())?;
        }
    }
    Ok(n)
}

fn get(db: &Db, n: u64, next: &mut dyn FnMut() -> Vec<u8>) -> Result<u64> {
    let (family, read) = (db.default_family(), ReadOptions::default());
    for _ in 0..n {
        std::hint::black_box(db.get(&family, &next(), &read)?);
    }
    Ok(n)
}

fn seek(db: &Db, n: u64, next: &mut dyn FnMut() -> Vec<u8>) -> Result<u64> {
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
