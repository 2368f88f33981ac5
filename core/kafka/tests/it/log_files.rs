//! The files beside a real Kafka's segments: read as its own tool lists them, and made again from the log.

use std::collections::BTreeMap;
use std::path::Path;

use dolmen_kafka::WireError;
use dolmen_kafka::batch::Batch;
use dolmen_kafka::files::{self, Aborted, AbortedEntry};
use dolmen_kafka::partition::Partition;
use serde_json::{Value, json};
use zerocopy::IntoBytes;

use crate::data;

fn base(path: &str) -> i64 {
    Path::new(path).file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

fn aborted_json(entry: &Aborted) -> Value {
    json!({
        "version": 0, "producerId": entry.producer_id, "firstOffset": entry.first_offset, "lastOffset": entry.last_offset,
        "lastStableOffset": entry.last_stable_offset,
    })
}

fn snapshot_json(bytes: &[u8]) -> Vec<Value> {
    let snapshot = files::read_snapshot(bytes).unwrap();
    let entries = snapshot.producer_entries.iter().map(|entry| {
        let open = match entry.current_txn_first_offset {
            -1 => json!("OptionalLong.empty"),
            offset => json!(format!("OptionalLong[{offset}]")),
        };
        let mut line = json!({
            "producerId": entry.producer_id, "producerEpoch": entry.epoch, "coordinatorEpoch": entry.coordinator_epoch,
            "currentTxnFirstOffset": open, "lastTimestamp": entry.timestamp,
        });
        if entry.last_sequence >= 0 {
            line["firstSequence"] = json!(entry.last_sequence.wrapping_sub(entry.offset_delta) & i32::MAX);
            line["lastSequence"] = json!(entry.last_sequence);
            line["lastOffset"] = json!(entry.last_offset);
            line["offsetDelta"] = json!(entry.offset_delta);
            line["timestamp"] = json!(entry.timestamp);
        }
        line
    });
    entries.collect()
}

#[test]
fn every_entry_of_a_real_index_is_as_its_own_tool_lists_it() {
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in data::lines(&folder.join("expected.jsonl")) {
            let entry = &line["entry"];
            let file = line["file"].as_str().unwrap().to_owned();
            if entry.as_object().is_some_and(|entry| !entry.is_empty()) {
                expected.entry(file).or_default().push(entry.clone());
            }
        }
        assert!(expected.len() > 50);
        for (file, expected) in expected {
            let bytes = std::fs::read(folder.join(&file)).unwrap();
            let base = base(&file);
            let found: Vec<Value> = match file.rsplit_once('.').unwrap().1 {
                "index" => files::offset_entries(&bytes)
                    .iter()
                    .map(|e| json!({ "offset": base + i64::from(e.relative_offset()), "position": e.position() }))
                    .collect(),
                "timeindex" => files::time_entries(&bytes)
                    .iter()
                    .map(|e| json!({ "timestamp": e.timestamp_ms(), "offset": base + i64::from(e.relative_offset()) }))
                    .collect(),
                "txnindex" => files::aborted_entries(&bytes).map(|e| aborted_json(&e)).collect(),
                "snapshot" => snapshot_json(&bytes),
                other => panic!("{other}"),
            };
            // The tool shows a snapshot's producers in the order of its map.
            let sorted = |mut lines: Vec<Value>| {
                if file.ends_with("snapshot") {
                    lines.sort_by_key(|line| line["producerId"].as_i64());
                }
                lines
            };
            assert_eq!(sorted(found), sorted(expected), "{file}");
        }
    }
}

/// Segments of a topic in order: first offset and bytes.
fn segments(folder: &Path) -> Vec<(i64, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "log") {
            found.push((base(path.to_str().unwrap()), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The log alone gives what Kafka keeps in `.txnindex` and `.snapshot`.
#[test]
fn transactions_and_producers_are_found_again_in_the_log() {
    let (mut aborts, mut snapshots) = (0, 0);
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        for topic in ["txn-v1-0", "txn-v2-0", "idempotent-0", "headers-0", "__consumer_offsets-0"] {
            let folder = folder.join(topic);
            if !folder.is_dir() {
                continue;
            }
            let segments = segments(&folder);
            let mut partition = Partition::new(segments[0].0);
            for (first, bytes) in &segments {
                snapshots += usize::from(same_snapshot(&folder, &partition, *first));
                let mut index = Vec::new();
                let mut rest = &bytes[..];
                while let Ok((batch, behind)) = Batch::split(rest, 0) {
                    index.extend(partition.appended(&batch).map(AbortedEntry::from));
                    partition.durable_until(partition.log_end());
                    rest = behind;
                }
                let expected =
                    std::fs::read(folder.join(format!("{first:020}.txnindex"))).unwrap_or_default();
                assert_eq!(index.as_bytes(), expected, "{} {first}", folder.display());
                aborts += index.len();
            }
            snapshots += usize::from(same_snapshot(&folder, &partition, partition.log_end()));
        }
    }
    assert!(data::folder("4.4.0").is_none() || (aborts > 20 && snapshots > 10), "{aborts} {snapshots}");
}

fn same_snapshot(folder: &Path, partition: &Partition, offset: i64) -> bool {
    let Ok(bytes) = std::fs::read(folder.join(format!("{offset:020}.snapshot"))) else { return false };
    let mut ours = Vec::new();
    files::put_snapshot(&mut ours, &partition.producers().snapshot()).unwrap();
    let sorted = |mut lines: Vec<Value>| {
        lines.sort_by_key(|line| line["producerId"].as_i64());
        lines
    };
    assert_eq!(sorted(snapshot_json(&ours)), sorted(snapshot_json(&bytes)), "{} {offset}", folder.display());
    let again = Partition::restored(offset, &files::read_snapshot(&bytes).unwrap());
    let mut bytes_again = Vec::new();
    files::put_snapshot(&mut bytes_again, &again.producers().snapshot()).unwrap();
    assert_eq!(sorted(snapshot_json(&bytes_again)), sorted(snapshot_json(&bytes)));
    true
}

#[test]
fn preallocated_zeros_end_an_index() {
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        let newest = folder.join("crash/__transaction_state-0");
        let offsets = std::fs::read(newest.join("00000000000000000000.index")).unwrap();
        let times = std::fs::read(newest.join("00000000000000000000.timeindex")).unwrap();
        assert_eq!(offsets.len(), 2048);
        let count = files::offset_entries(&offsets).len();
        assert!(count > 3 && count < 256, "{count}");
        assert!(files::time_entries(&times).len() <= count + 1);
    }
    assert!(files::offset_entries(&[0; 2048]).is_empty() && files::time_entries(&[0; 2040]).is_empty());
    assert!(files::offset_entries(&[1, 2, 3]).is_empty());
}

#[test]
fn a_lookup_begins_at_the_last_indexed_batch_before_the_offset() {
    let entries = [files::OffsetEntry::new(5, 100), files::OffsetEntry::new(9, 300)];
    let at = |offset| files::position_of(&entries, offset);
    assert_eq!([at(0), at(4), at(5), at(8), at(9), at(u32::MAX)], [0, 0, 100, 100, 300, 300]);
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut bytes = Vec::new();
    files::put_snapshot(&mut bytes, &Partition::new(0).producers().snapshot()).unwrap();
    assert_eq!(bytes.len(), 10);
    bytes[9] = 1;
    assert!(files::read_snapshot(&bytes).is_err());
    bytes[9] = 0;
    bytes[4] ^= 1;
    assert!(matches!(files::read_snapshot(&bytes), Err(WireError::Checksum { .. })));
    bytes[1] = 2;
    assert_eq!(files::read_snapshot(&bytes), Err(WireError::Version { key: -1, version: 2 }));
}
