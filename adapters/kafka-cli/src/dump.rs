//! `dolmen kafka dump`: one line per thing in the file's order.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dolmen_blocks::Libraries;
use dolmen_cli::{Out, Status};
use dolmen_kafka::batch::{Batch, TimestampType};
use dolmen_kafka::control::{self, Marker, Outcome};
use dolmen_kafka::record::Record;
use dolmen_kafka::{compression, files, limits};
use serde_json::{Map, Value, json};

use crate::segments::base_offset;

/// Prints a file.
///
/// # Errors
///
/// If the file cannot be read or is no file of a log, or standard output cannot be written.
pub fn run(file: &Path, records: bool, out: &mut Out) -> Result<Status> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let kind = file.extension().and_then(|e| e.to_str()).unwrap_or("");
    let base = || {
        base_offset(file).with_context(|| {
            format!("{}: expected a name of 20 digits, the segment's first offset", file.display())
        })
    };
    match kind {
        "log" => log(file, &bytes, records, out),
        "index" => {
            let base = base()?;
            let entries = files::offset_entries(&bytes).iter();
            entry_lines(out, entries.map(|e| json!({ "offset": base + i64::from(e.relative_offset()), "position": e.position() })))
        }
        "timeindex" => {
            let base = base()?;
            let entries = files::time_entries(&bytes).iter();
            entry_lines(out, entries.map(|e| json!({ "timestamp": e.timestamp_ms(), "offset": base + i64::from(e.relative_offset()) })))
        }
        "txnindex" => entry_lines(out, files::aborted_entries(&bytes).map(|e| {
            json!({
                "version": 0, "producerId": e.producer_id, "firstOffset": e.first_offset, "lastOffset": e.last_offset,
                "lastStableOffset": e.last_stable_offset,
            })
        })),
        "snapshot" | "checkpoint" if kind == "snapshot" => snapshot(file, &bytes, out),
        _ => bail!(
            "{}: expected a .log, .index, .timeindex, .txnindex or .snapshot file of a partition",
            file.display()
        ),
    }
}

fn entry_lines(out: &mut Out, entries: impl Iterator<Item = Value>) -> Result<Status> {
    for entry in entries {
        print(out, "entry", &entry)?;
    }
    Ok(Status::Success)
}

/// `{"name": value}`, or `name key=value …` for people.
fn print(out: &mut Out, name: &str, value: &Value) -> Result<()> {
    if out.is_json() {
        out.object(&json!({ name: value }))?;
        return Ok(());
    }
    let words: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key} {}", plain(value)))
        .collect();
    out.line(format_args!("{name:<6} {}", words.join("  ")))?;
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

fn log(file: &Path, bytes: &[u8], records: bool, out: &mut Out) -> Result<Status> {
    let mut rest = bytes;
    let mut expanded = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        if rest.iter().all(|&byte| byte == 0) {
            out.note(format_args!("{}: zeros from {at} on, reserved for what comes", file.display()));
            return Ok(Status::Success);
        }
        let (batch, behind) = match Batch::split(rest, at as u64) {
            Ok(found) => found,
            Err(error) => {
                out.warn(format_args!("{}: {error}; everything up to {at} is whole", file.display()));
                return Ok(Status::Failure);
            }
        };
        rest = behind;
        print(out, "batch", &batch_json(at, &batch))?;
        if let Some(marker) = control::marker(&batch) {
            print(out, "marker", &marker_json(&batch, marker))?;
        } else if records && !batch.is_control() {
            expanded.clear();
            let checked = compression::expand(&batch, &Libraries, limits::EXPANDED_LEN_MAX, &mut expanded)
                .and_then(|()| batch.records(&expanded));
            match checked {
                Ok(records) => {
                    for record in records {
                        print(out, "record", &record_json(&batch, &record))?;
                    }
                }
                Err(error) => {
                    out.warn(format_args!("{}: the batch at {at}: {error}", file.display()));
                    return Ok(Status::Failure);
                }
            }
        }
    }
    Ok(Status::Success)
}

/// Names as in Kafka's own tool.
fn batch_json(at: usize, batch: &Batch<'_>) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("baseOffset", json!(batch.base_offset()));
    put("lastOffset", json!(batch.last_offset()));
    put("count", json!(batch.record_count()));
    put("baseSequence", json!(batch.base_sequence()));
    put("lastSequence", json!(batch.last_sequence()));
    put("producerId", json!(batch.producer_id()));
    put("producerEpoch", json!(batch.producer_epoch()));
    put("partitionLeaderEpoch", json!(batch.leader_epoch()));
    put("isTransactional", json!(batch.is_transactional()));
    put("isControl", json!(batch.is_control()));
    put("deleteHorizonMs", json!(batch.delete_horizon_ms()));
    put("position", json!(at));
    let time = match batch.timestamp_type() {
        TimestampType::Create => "CreateTime",
        TimestampType::LogAppend => "LogAppendTime",
    };
    put(time, json!(batch.max_timestamp_ms()));
    put("size", json!(batch.bytes().len()));
    put("magic", json!(dolmen_kafka::batch::MAGIC));
    put("compresscodec", json!(batch.codec().name()));
    put("crc", json!(batch.crc()));
    put("isvalid", json!(true));
    Value::Object(map)
}

fn marker_json(batch: &Batch<'_>, marker: Marker) -> Value {
    let outcome = match marker.outcome {
        Outcome::Abort => "ABORT",
        Outcome::Commit => "COMMIT",
    };
    let record = batch.records(&[]).ok().and_then(|mut records| records.next()).unwrap_or_default();
    json!({
        "offset": batch.base_offset(), "CreateTime": batch.max_timestamp_ms(), "keySize": record.key.map_or(-1, |k| k.len() as i64),
        "valueSize": record.value.map_or(-1, |v| v.len() as i64), "sequence": batch.base_sequence(), "headerKeys": "[]",
        "endTxnMarker": outcome, "coordinatorEpoch": marker.coordinator_epoch,
    })
}

fn record_json(batch: &Batch<'_>, record: &Record<'_>) -> Value {
    let bytes = |bytes: Option<&[u8]>| bytes.map(|bytes| BASE64_STANDARD.encode(bytes));
    let headers: Vec<Value> = record.headers.iter().map(|(key, value)| json!([key, bytes(value)])).collect();
    let kind = match batch.timestamp_type() {
        TimestampType::Create => "create",
        TimestampType::LogAppend => "append",
    };
    json!({
        "offset": batch.offset_of(record), "timestamp": batch.timestamp_of(record), "timestamp_type": kind,
        "key": bytes(record.key), "value": bytes(record.value), "headers": headers,
    })
}

fn snapshot(file: &Path, bytes: &[u8], out: &mut Out) -> Result<Status> {
    let snapshot = match files::read_snapshot(bytes) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            out.warn(format_args!("{}: {error}; a broker makes it again from the log", file.display()));
            return Ok(Status::Failure);
        }
    };
    for entry in &snapshot.producer_entries {
        let open = (entry.current_txn_first_offset >= 0).then_some(entry.current_txn_first_offset);
        let mut line = json!({
            "producerId": entry.producer_id, "producerEpoch": entry.epoch, "coordinatorEpoch": entry.coordinator_epoch,
            "currentTxnFirstOffset": open, "lastTimestamp": entry.timestamp,
        });
        if entry.last_sequence >= 0 {
            line["firstSequence"] =
                json!(dolmen_kafka::batch::sequence_after(entry.last_sequence, -entry.offset_delta));
            line["lastSequence"] = json!(entry.last_sequence);
            line["lastOffset"] = json!(entry.last_offset);
            line["offsetDelta"] = json!(entry.offset_delta);
            line["timestamp"] = json!(entry.timestamp);
        }
        print(out, "entry", &line)?;
    }
    Ok(Status::Success)
}
