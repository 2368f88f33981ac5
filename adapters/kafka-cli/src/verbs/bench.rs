//! `dolmen kafka bench`: how fast a broker takes and gives records, and ends transactions.

use std::time::Instant;

use anyhow::{Result, ensure};
use dolmen_cli::{Out, Status};
use serde_json::json;

use super::topics::create;
use super::{Bootstrap, Compression, now_ms};
use crate::client::Cluster;
use crate::client::consumer::{Positions, fetch};
use crate::client::producer::{Options, Outgoing, Producer};

#[derive(clap::Args)]
pub struct Bench {
    #[command(flatten)]
    at: Bootstrap,
    /// The topic; it is made, and must not be there
    #[arg(long, default_value = "dolmen-bench")]
    topic: String,
    /// How many records
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// Bytes of a record's value
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Records of one write, and of one transaction
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// How many transactions; 0 for none
    #[arg(long, default_value_t = 200)]
    transactions: usize,
    /// How batches are compressed
    #[arg(long, value_enum, default_value = "none")]
    compression: Compression,
}

/// Runs it.
///
/// # Errors
///
/// If the broker refuses, or gives back other records than it was given.
pub fn run(args: Bench, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&args.at.bootstrap)?;
    create(&mut cluster, &args.topic, 1, -1, &[])?;
    cluster.topic(&args.topic, false)?;
    let options = Options { codec: args.compression.into(), ..Options::default() };
    let mut producer = Producer::open(&mut cluster, options.clone())?;
    let value: Vec<u8> = (0..args.size).map(|at| b'a' + (at % 26) as u8).collect();
    let records = |count: usize| -> Vec<Outgoing> {
        let one = Outgoing { value: Some(value.clone()), timestamp_ms: now_ms(), ..Outgoing::default() };
        vec![one; count]
    };
    let bytes = args.records * args.size;
    let start = Instant::now();
    let mut left = args.records;
    while left > 0 {
        let count = left.min(args.batch.max(1));
        producer.send(&mut cluster, &args.topic, 0, &records(count))?;
        left -= count;
    }
    show(out, "produce", args.records, bytes, start)?;
    let start = Instant::now();
    let mut positions = Positions::from([((args.topic.clone(), 0), 0)]);
    let mut count = 0;
    while count < args.records {
        let read = fetch(&mut cluster, &mut positions, true, 1_000)?;
        ensure!(!read.is_empty(), "{count} of {} records came back", args.records);
        ensure!(read.iter().all(|record| record.value.as_ref() == Some(&value)), "another record came back");
        count += read.len();
    }
    show(out, "consume", count, bytes, start)?;
    if args.transactions > 0 {
        transactions(&mut cluster, &args, options, &records(args.batch.max(1)), out)?;
    }
    Ok(Status::Success)
}

fn transactions(
    cluster: &mut Cluster,
    args: &Bench,
    options: Options,
    records: &[Outgoing],
    out: &mut Out,
) -> Result<()> {
    let options = Options { transactional_id: Some(args.topic.clone()), ..options };
    let mut producer = Producer::open(cluster, options)?;
    let mut times = Vec::new();
    let all = Instant::now();
    for _ in 0..args.transactions {
        let start = Instant::now();
        producer.begin();
        producer.send(cluster, &args.topic, 0, records)?;
        producer.end(cluster, true)?;
        times.push(start.elapsed());
    }
    let seconds = all.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    let per_second = args.transactions as f64 / seconds;
    if out.is_json() {
        out.object(&json!({
            "what": "transactions", "count": args.transactions, "records": records.len(), "seconds": seconds, "per_second": per_second,
            "p50_ms": at(50), "p99_ms": at(99),
        }))?;
    } else {
        out.line(format_args!(
            "transactions of {} records: {per_second:.0} per second, p50 {:.2} ms, p99 {:.2} ms",
            records.len(),
            at(50),
            at(99)
        ))?;
    }
    Ok(())
}

fn show(out: &mut Out, what: &str, count: usize, bytes: usize, start: Instant) -> Result<()> {
    let seconds = start.elapsed().as_secs_f64();
    let (rate, speed) = (count as f64 / seconds, bytes as f64 / seconds / 1e6);
    if out.is_json() {
        out.object(&json!({ "what": what, "count": count, "seconds": seconds, "per_second": rate, "mb_per_second": speed }))?;
    } else {
        out.line(format_args!("{what}: {rate:.0} records per second, {speed:.1} MB/s"))?;
    }
    Ok(())
}
