//! `dolmen kafka doctor`: what is wrong with a folder of logs, and what to do about it.
//!
//! A transaction *hangs* when a partition has it open and the coordinator knows nothing of it: nobody will ever end it, and readers of
//! committed data stop at its first record for good. Here the partitions' logs are read whole and laid beside the coordinator's own log
//! (`__transaction_state`), as no running broker does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use dolmen_blocks::Libraries;
use dolmen_cli::{Out, Status, counted, show_duration};
use dolmen_kafka::batch::Batch;
use dolmen_kafka::files::{self, Aborted};
use dolmen_kafka::partition::Partition;
use dolmen_kafka::txn::{Coordinator, Entry, Settings, Status as State};
use dolmen_kafka::{BatchError, compression, limits};
use serde_json::json;

use crate::segments::{Folder, folders};

const TRANSACTIONS: &str = "__transaction_state-";

/// What was found in one partition.
struct Looked {
    partition: Partition,
    batches: u64,
    last_ms: i64,
}

/// One thing that is wrong.
struct Finding {
    partition: String,
    kind: &'static str,
    text: String,
    advice: String,
}

/// Looks through a folder.
///
/// # Errors
///
/// If the folder cannot be read or holds no partition, or standard output cannot be written.
pub fn run(dir: &Path, out: &mut Out) -> Result<Status> {
    let folders = folders(dir)?;
    if folders.is_empty() {
        bail!("{}: expected folders such as orders-0 with .log files in them, found none", dir.display());
    }
    let mut findings = Vec::new();
    let mut coordinator = Coordinator::new(Settings::default());
    let mut knows_coordinator = false;
    let mut looked = BTreeMap::new();
    let mut progress = out.progress("reading logs", folders.len() as u64);
    for folder in &folders {
        let is_coordinator = folder.name.starts_with(TRANSACTIONS);
        knows_coordinator |= is_coordinator;
        let found = look(folder, is_coordinator.then_some(&mut coordinator), &mut findings)?;
        looked.insert(folder.name.as_str(), found);
        progress.add(1);
    }
    drop(progress);
    let known = knows_coordinator.then_some(&coordinator);
    for (name, found) in &looked {
        judge_open(name, found, known, &mut findings, out)?;
    }
    report(&folders, &looked, &findings, out)
}

/// Reads a partition's log from its first segment to its last.
fn look(
    folder: &Folder,
    mut coordinator: Option<&mut Coordinator>,
    findings: &mut Vec<Finding>,
) -> Result<Looked> {
    let first = folder.segments.first().map_or(0, |(base, _)| *base);
    let mut found = Looked { partition: begin(folder, first), batches: 0, last_ms: -1 };
    let mut expanded = Vec::new();
    for (index, (base, path)) in folder.segments.iter().enumerate() {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let is_last = index + 1 == folder.segments.len();
        let mut finding = |kind, text: String, advice: &str| {
            let text = format!("{}: {text}", path.file_name().unwrap_or_default().to_string_lossy());
            findings.push(Finding { partition: folder.name.clone(), kind, text, advice: advice.into() });
        };
        let mut index = Vec::new();
        let mut rest = &bytes[..];
        while rest.iter().any(|&byte| byte != 0) {
            let at = (bytes.len() - rest.len()) as u64;
            let (batch, behind) = match Batch::split(rest, at) {
                Ok(whole) => whole,
                Err(error @ BatchError::Truncated { .. }) if is_last => {
                    finding(
                        "torn",
                        format!("{error}"),
                        "a broker cuts the log there when it starts; nothing before it is lost",
                    );
                    break;
                }
                Err(error) => {
                    finding(
                        "damage",
                        format!("{error}"),
                        "what follows in this segment cannot be read; restore the partition from a replica",
                    );
                    break;
                }
            };
            rest = behind;
            if batch.base_offset() < found.partition.log_end() || batch.base_offset() < *base {
                let text = format!(
                    "the batch at {at} begins at offset {} where {} is the next",
                    batch.base_offset(),
                    found.partition.log_end()
                );
                finding(
                    "order",
                    text,
                    "two brokers may have written to this folder; restore the partition from a replica",
                );
            }
            expanded.clear();
            let checked = compression::expand(&batch, &Libraries, limits::EXPANDED_LEN_MAX, &mut expanded)
                .and_then(|()| batch.records(&expanded));
            match (checked, coordinator.as_deref_mut()) {
                (Err(error), _) => {
                    finding(
                        "damage",
                        format!("the batch at {at}: {error}"),
                        "readers fail at this batch; restore the partition from a replica",
                    );
                }
                (Ok(records), Some(coordinator)) if !batch.is_control() => {
                    for record in records {
                        let loaded = coordinator.load(record.key.unwrap_or_default(), record.value);
                        if let Err(error) = loaded {
                            finding(
                                "damage",
                                format!("the record at offset {}: {error}", batch.offset_of(&record)),
                                "the coordinator ignores it",
                            );
                        }
                    }
                }
                _ => {}
            }
            index.extend(found.partition.appended(&batch));
            found.partition.durable_until(found.partition.log_end());
            found.batches += 1;
            found.last_ms = found.last_ms.max(batch.max_timestamp_ms());
        }
        compare_index(path, &index, first, &mut finding);
    }
    Ok(found)
}

/// The partition before its first segment: what a snapshot of that offset says, or nothing.
fn begin(folder: &Folder, first: i64) -> Partition {
    let bytes = fs::read(folder.path.join(format!("{first:020}.snapshot"))).unwrap_or_default();
    files::read_snapshot(&bytes)
        .map_or_else(|_| Partition::new(first), |snapshot| Partition::restored(first, &snapshot))
}

/// The index of aborted transactions must name those that the log holds: readers trust it.
fn compare_index(
    log: &Path,
    found: &[Aborted],
    first: i64,
    finding: &mut dyn FnMut(&'static str, String, &str),
) {
    let Ok(bytes) = fs::read(log.with_extension("txnindex")) else {
        if !found.is_empty() {
            let text = format!(
                "its .txnindex is missing and the log holds {}",
                counted(found.len() as u64, "aborted transaction")
            );
            finding(
                "index",
                text,
                "readers of committed data would see aborted records; a broker makes the index again after an unclean stop",
            );
        }
        return;
    };
    // What began before the first segment is not in the log any more.
    let named: Vec<Aborted> =
        files::aborted_entries(&bytes).filter(|aborted| aborted.first_offset >= first).collect();
    if let Some(missing) = found.iter().find(|aborted| !named.contains(aborted)) {
        let text = format!(
            "its .txnindex does not name the aborted transaction of producer {} at offsets {} to {}",
            missing.producer_id, missing.first_offset, missing.last_offset
        );
        finding(
            "index",
            text,
            "readers of committed data would see aborted records; delete the .txnindex and start the broker uncleanly, so that it is made again",
        );
    }
}

/// Open transactions of a partition beside what the coordinator knows.
fn judge_open(
    name: &str,
    found: &Looked,
    coordinator: Option<&Coordinator>,
    findings: &mut Vec<Finding>,
    out: &mut Out,
) -> Result<()> {
    let Some((topic, index)) = name.rsplit_once('-').and_then(|(t, i)| Some((t, i.parse::<i32>().ok()?)))
    else {
        return Ok(());
    };
    for (since, producer) in found.partition.producers().open() {
        let owner = coordinator.and_then(|c| c.entries().find(|(_, entry)| entry.producer.id == producer));
        let hangs = match owner {
            None if coordinator.is_none() => None,
            None => Some("the coordinator knows no transactional id with it".to_owned()),
            Some((id, entry)) => why_hanging(id, entry, topic, index),
        };
        let last = found.partition.producers().get(producer).map_or(-1, |known| known.timestamp_ms);
        let behind = found.partition.log_end() - since;
        let text = format!(
            "producer {producer} has had a transaction open since offset {since}: readers of committed data stop there, {} from the end",
            counted(behind.max(0) as u64, "record")
        );
        match hangs {
            Some(reason) => {
                let advice = format!(
                    "abort it: kafka-transactions.sh --bootstrap-server HOST:9092 abort --topic {topic} --partition {index} --start-offset {since}"
                );
                findings.push(Finding {
                    partition: name.into(),
                    kind: "hanging",
                    text: format!("{text}; {reason}"),
                    advice,
                });
            }
            None => {
                let age = std::time::Duration::from_millis((found.last_ms - last).max(0).unsigned_abs());
                let whose = owner.map_or("no __transaction_state here to ask whose".to_owned(), |(id, _)| {
                    format!("of {id}")
                });
                out.note(format_args!(
                    "{name}: {text} ({whose}, {} before the log's last batch)",
                    show_duration(age)
                ));
            }
        }
    }
    Ok(())
}

/// Why the coordinator will not end it; none if it will.
fn why_hanging(id: &str, entry: &Entry, topic: &str, index: i32) -> Option<String> {
    let is_part = entry.partitions.get(topic).is_some_and(|indexes| indexes.contains(&index));
    match entry.status {
        State::Ongoing | State::PrepareCommit | State::PrepareAbort if is_part => None,
        State::Ongoing | State::PrepareCommit | State::PrepareAbort => {
            Some(format!("the transaction of {id} ({}) does not name this partition", entry.status.name()))
        }
        status => Some(format!("the last transaction of {id} is over ({})", status.name())),
    }
}

fn report(
    folders: &[Folder],
    looked: &BTreeMap<&str, Looked>,
    findings: &[Finding],
    out: &mut Out,
) -> Result<Status> {
    for finding in findings {
        if out.is_json() {
            out.object(&json!({
                "partition": finding.partition, "kind": finding.kind, "text": finding.text, "advice": finding.advice,
            }))?;
        } else {
            out.line(format_args!(
                "{}: {}: {}\n  {}",
                finding.partition, finding.kind, finding.text, finding.advice
            ))?;
        }
    }
    let batches: u64 = looked.values().map(|found| found.batches).sum();
    out.note(format_args!(
        "{}, {}, {}",
        counted(folders.len() as u64, "partition"),
        counted_batches(batches),
        counted(findings.len() as u64, "finding")
    ));
    Ok(if findings.is_empty() { Status::Success } else { Status::Failure })
}

fn counted_batches(count: u64) -> String {
    if count == 1 { "1 batch".into() } else { format!("{count} batches") }
}
