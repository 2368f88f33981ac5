//! `dolmen kafka consume`.

use std::io::Write;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use dolmen_cli::{Out, Status};
use serde_json::{Map, Value, json};

use super::{Bootstrap, put_bytes, stop_flag};
use crate::client::Cluster;
use crate::client::consumer::{EARLIEST, Incoming, LATEST, Positions, fetch, offset_for};
use crate::client::group::{Member, commit, committed};

/// What a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum Isolation {
    /// What is committed
    #[value(name = "read_committed", alias = "committed")]
    Committed,
    /// Everything, aborted records too
    #[value(name = "read_uncommitted", alias = "uncommitted")]
    Uncommitted,
}

#[derive(clap::Args)]
pub struct Consume {
    #[command(flatten)]
    at: Bootstrap,
    /// The topic
    topic: String,
    /// What is read
    #[arg(long, value_enum, default_value = "read_committed")]
    isolation: Isolation,
    /// Where to begin: earliest, latest, or an offset
    #[arg(long, default_value = "earliest")]
    from: String,
    /// Only this partition
    #[arg(long, conflicts_with = "group")]
    partition: Option<i32>,
    /// Stop after so many records
    #[arg(long)]
    count: Option<usize>,
    /// Stop where the topic ended when reading began
    #[arg(long, short)]
    exit: bool,
    /// Read as a member of this group and commit what was read; --from counts where the group has no offset
    #[arg(long)]
    group: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// If the broker refuses, or standard output cannot be written.
pub fn run(args: Consume, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&args.at.bootstrap)?;
    let is_committed = args.isolation == Isolation::Committed;
    let stop = stop_flag()?;
    let mut member = match &args.group {
        Some(group) => Some(Member::join(&mut cluster, group, std::slice::from_ref(&args.topic))?),
        None => None,
    };
    let mut wanted = match (&member, args.partition) {
        (Some(member), _) => member.partitions(&mut cluster)?,
        (None, Some(partition)) => vec![(args.topic.clone(), partition)],
        (None, None) => {
            let info = cluster.topic(&args.topic, false)?;
            info.leaders.keys().map(|partition| (args.topic.clone(), *partition)).collect()
        }
    };
    let mut positions = begin(&mut cluster, &args, &wanted, is_committed)?;
    let ends = ends(&mut cluster, &args.topic, is_committed)?;
    let mut left = args.count.unwrap_or(usize::MAX);
    while left > 0 && !stop.load(Ordering::Relaxed) {
        if let Some(member) = &mut member
            && member.keep(&mut cluster)?
        {
            wanted = member.partitions(&mut cluster)?;
            positions = begin(&mut cluster, &args, &wanted, is_committed)?;
        }
        let is_done =
            |(key, position): (&(String, i32), &i64)| ends.get(key).is_none_or(|end| position >= end);
        if args.exit && !wanted.is_empty() && positions.iter().all(is_done) {
            break;
        }
        if positions.is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(50));
            continue;
        }
        let records = fetch(&mut cluster, &mut positions, is_committed, 200)?;
        let mut shown = Positions::new();
        for record in records.iter().take(left) {
            show(record, out)?;
            shown.insert((record.topic.clone(), record.partition), record.offset + 1);
        }
        out.flush()?;
        left -= records.len().min(left);
        if let Some(member) = &member {
            // What was cut off by --count is read again by whoever comes next.
            let next = if left == 0 { shown } else { positions.clone() };
            commit(&mut cluster, &member.membership, &next)?;
        }
    }
    if let Some(member) = member {
        member.leave(&mut cluster)?;
    }
    Ok(Status::Success)
}

/// Where reading begins.
fn begin(
    cluster: &mut Cluster,
    args: &Consume,
    wanted: &[(String, i32)],
    is_committed: bool,
) -> Result<Positions> {
    let mut positions = match &args.group {
        Some(group) if !wanted.is_empty() => committed(cluster, group, wanted)?,
        _ => Positions::new(),
    };
    for (topic, partition) in wanted {
        let key = (topic.clone(), *partition);
        if positions.contains_key(&key) {
            continue;
        }
        let offset = match args.from.as_str() {
            "earliest" => offset_for(cluster, topic, *partition, EARLIEST, is_committed)?,
            "latest" => offset_for(cluster, topic, *partition, LATEST, is_committed)?,
            text => match text.parse::<i64>() {
                Ok(offset) if offset >= 0 => offset,
                _ => bail!("--from {text}: expected earliest, latest or an offset"),
            },
        };
        positions.insert(key, offset);
    }
    Ok(positions)
}

fn ends(cluster: &mut Cluster, topic: &str, is_committed: bool) -> Result<Positions> {
    let info = cluster.topic(topic, false)?;
    let mut ends = Positions::new();
    for partition in info.leaders.keys() {
        ends.insert(
            (topic.into(), *partition),
            offset_for(cluster, topic, *partition, LATEST, is_committed)?,
        );
    }
    Ok(ends)
}

/// One record: a line for people, or an object.
fn show(record: &Incoming, out: &mut Out) -> Result<()> {
    if out.is_json() {
        return out.object(&as_json(record)).context("standard output");
    }
    let text =
        |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let key = text(&record.key).map(|key| key + "\t").unwrap_or_default();
    let value = text(&record.value).unwrap_or_else(|| "null".into());
    out.line(format_args!("{}-{}@{}\t{key}{value}", record.topic, record.partition, record.offset))?;
    Ok(())
}

fn as_json(record: &Incoming) -> Value {
    let mut object = Map::new();
    object.insert("topic".into(), json!(record.topic));
    object.insert("partition".into(), json!(record.partition));
    object.insert("offset".into(), json!(record.offset));
    object.insert("timestamp".into(), json!(record.timestamp_ms));
    put_bytes(&mut object, "key", record.key.as_deref());
    put_bytes(&mut object, "value", record.value.as_deref());
    let header = |(name, value): &(String, Option<Vec<u8>>)| {
        let mut header = Map::new();
        header.insert("name".into(), json!(name));
        put_bytes(&mut header, "value", value.as_deref());
        Value::Object(header)
    };
    object.insert("headers".into(), record.headers.iter().map(header).collect());
    Value::Object(object)
}
