//! `dolmen kafka produce`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use dolmen_cli::{Out, Status};
use serde_json::json;

use super::{Bootstrap, Compression, now_ms};
use crate::client::Cluster;
use crate::client::producer::{Options, Outgoing, Producer};

#[derive(clap::Args)]
pub struct Produce {
    #[command(flatten)]
    at: Bootstrap,
    /// The topic; it is made if the broker makes topics that are asked for
    topic: String,
    /// Read lines from this file instead of standard input
    #[arg(long)]
    file: Option<PathBuf>,
    /// What stands before this in a line is the key
    #[arg(long)]
    key_separator: Option<String>,
    /// A header of every record, as NAME=VALUE
    #[arg(long = "header", value_parser = crate::pair)]
    headers: Vec<(String, String)>,
    /// This partition instead of the key's
    #[arg(long)]
    partition: Option<i32>,
    /// How batches are compressed
    #[arg(long, value_enum, default_value = "none")]
    compression: Compression,
    /// Write in transactions of this id
    #[arg(long)]
    transactional_id: Option<String>,
    /// Lines of one transaction, or of one write
    #[arg(long, default_value_t = 1000)]
    lines: usize,
    /// Without an id by which the broker recognises repetitions
    #[arg(long, conflicts_with = "transactional_id")]
    plain: bool,
}

/// Runs it.
///
/// # Errors
///
/// If a line cannot be read, or the broker refuses; an open transaction is aborted.
pub fn run(args: Produce, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&args.at.bootstrap)?;
    let options = Options {
        transactional_id: args.transactional_id.clone(),
        codec: args.compression.into(),
        is_idempotent: !args.plain,
        ..Options::default()
    };
    let mut producer = Producer::open(&mut cluster, options)?;
    let input: Box<dyn BufRead> = match &args.file {
        Some(path) => Box::new(BufReader::new(File::open(path).with_context(|| path.display().to_string())?)),
        None => Box::new(io::stdin().lock()),
    };
    let mut lines = input.lines();
    let mut count = 0u64;
    loop {
        let part: io::Result<Vec<String>> = lines.by_ref().take(args.lines.max(1)).collect();
        let part = part.context("reading lines")?;
        if part.is_empty() {
            break;
        }
        count += part.len() as u64;
        let sent = send(&mut cluster, &mut producer, &args, &part, out);
        if sent.is_err() && args.transactional_id.is_some() {
            producer.abort(&mut cluster)?;
        }
        sent?;
    }
    out.note(format_args!("{count} records written to {}", args.topic));
    Ok(Status::Success)
}

fn send(
    cluster: &mut Cluster,
    producer: &mut Producer,
    args: &Produce,
    lines: &[String],
    out: &mut Out,
) -> Result<()> {
    let partition_count = i32::try_from(cluster.topic(&args.topic, true)?.leaders.len())?;
    if args.transactional_id.is_some() {
        producer.begin();
    }
    let mut by_partition: BTreeMap<i32, Vec<Outgoing>> = BTreeMap::new();
    for line in lines {
        let split = args.key_separator.as_ref().and_then(|separator| line.split_once(separator.as_str()));
        let (key, value) =
            split.map_or((None, line.as_str()), |(key, value)| (Some(key.as_bytes().to_vec()), value));
        let headers = args
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), Some(value.clone().into_bytes())))
            .collect();
        let partition =
            args.partition.unwrap_or_else(|| producer.partition_for(key.as_deref(), partition_count));
        let record =
            Outgoing { key, value: Some(value.as_bytes().to_vec()), headers, timestamp_ms: now_ms() };
        by_partition.entry(partition).or_default().push(record);
    }
    let mut written = Vec::new();
    for (partition, records) in &by_partition {
        let offset = producer.send(cluster, &args.topic, *partition, records)?;
        written.push((*partition, offset, records.len()));
    }
    if args.transactional_id.is_some() {
        producer.end(cluster, true)?;
    }
    for (partition, offset, count) in written {
        if out.is_json() {
            out.object(
                &json!({ "topic": args.topic, "partition": partition, "offset": offset, "count": count }),
            )?;
        }
    }
    Ok(())
}
