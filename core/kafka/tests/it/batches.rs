//! Record batches: a real Kafka's logs as its own tool lists them, round trips, and damage.

use std::collections::BTreeMap;

use dolmen_base::Rng;
use dolmen_codec::checksum::crc32c;
use dolmen_kafka::batch::{
    Batch, Builder, Codec, Meta, TimestampType, attribute, sequence_after, stamp, stamp_append_time,
};
use dolmen_kafka::control::{self, ControlType, Marker, MarkerMeta, Outcome};
use dolmen_kafka::record::{Header, Record};
use dolmen_kafka::{BatchError, RecordFault};
use serde_json::{Value, json};

use crate::data;

/// Every batch of a log, up to the first that is refused.
fn batches(bytes: &[u8]) -> (Vec<(usize, Batch<'_>)>, Option<BatchError>) {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        match Batch::split(rest, at as u64) {
            Ok((batch, behind)) => {
                found.push((at, batch));
                rest = behind;
            }
            Err(error) => return (found, Some(error)),
        }
    }
    (found, None)
}

/// The names and forms of Kafka's DumpLogSegments.
fn described(at: usize, batch: &Batch<'_>) -> Value {
    let time = match batch.timestamp_type() {
        TimestampType::Create => "CreateTime",
        TimestampType::LogAppend => "LogAppendTime",
    };
    let horizon = batch
        .delete_horizon_ms()
        .map_or(json!("OptionalLong.empty"), |ms| json!(format!("OptionalLong[{ms}]")));
    json!({
        "baseOffset": batch.base_offset(), "lastOffset": batch.last_offset(), "count": batch.record_count(),
        "baseSequence": batch.base_sequence(), "lastSequence": batch.last_sequence(), "producerId": batch.producer_id(),
        "producerEpoch": batch.producer_epoch(), "partitionLeaderEpoch": batch.leader_epoch(),
        "isTransactional": batch.is_transactional(), "isControl": batch.is_control(), "deleteHorizonMs": horizon,
        "position": at, time: batch.max_timestamp_ms(), "size": batch.bytes().len(), "magic": 2,
        "compresscodec": batch.codec().name(), "crc": batch.crc(), "isvalid": true,
    })
}

#[test]
fn every_batch_and_marker_of_a_real_log_is_as_its_own_tool_lists_it() {
    let mut seen = 0;
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in data::lines(&folder.join("expected.jsonl")) {
            let file = line["file"].as_str().unwrap();
            if file.ends_with(".log") {
                files.entry(file.to_owned()).or_default().push(line.clone());
            }
        }
        for (file, expected) in files {
            let bytes = std::fs::read(folder.join(&file)).unwrap();
            let mut found = Vec::new();
            for (at, batch) in batches(&bytes).0 {
                found.push(json!({ "file": file, "batch": described(at, &batch) }));
                if let Some(Marker { outcome, coordinator_epoch }) = control::marker(&batch) {
                    let outcome = if outcome == Outcome::Commit { "COMMIT" } else { "ABORT" };
                    found.push(json!({ "file": file, "marker": {
                        "offset": batch.base_offset(), "CreateTime": batch.max_timestamp_ms(), "keySize": 4, "valueSize": 6,
                        "sequence": -1, "headerKeys": "[]", "endTxnMarker": outcome, "coordinatorEpoch": coordinator_epoch,
                    } }));
                }
            }
            seen += found.len();
            assert_eq!(found, expected, "{file}");
        }
    }
    println!("{seen} batches and markers");
}

#[test]
fn every_marker_of_a_real_log_is_written_again_byte_for_byte() {
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        for topic in ["txn-v1-0", "__consumer_offsets-0"] {
            for entry in std::fs::read_dir(folder.join(topic)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|e| e != "log") {
                    continue;
                }
                let bytes = std::fs::read(&path).unwrap();
                for (_, batch) in batches(&bytes).0 {
                    let Some(marker) = control::marker(&batch) else { continue };
                    let meta = MarkerMeta {
                        producer_id: batch.producer_id(),
                        producer_epoch: batch.producer_epoch(),
                        base_offset: batch.base_offset(),
                        leader_epoch: batch.leader_epoch(),
                        timestamp_ms: batch.max_timestamp_ms(),
                    };
                    let mut out = Vec::new();
                    control::put_marker(&mut out, meta, marker);
                    assert_eq!(out.len(), 78);
                    assert_eq!(out, batch.bytes());
                }
            }
        }
    }
}

#[test]
fn every_uncompressed_batch_of_a_real_log_is_written_again_byte_for_byte() {
    let mut again = 0;
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        for topic in
            ["codec-none-0", "headers-0", "idempotent-0", "compacted-0", "txn-v1-0", "__transaction_state-0"]
        {
            for entry in std::fs::read_dir(folder.join(topic)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|e| e != "log") {
                    continue;
                }
                let bytes = std::fs::read(&path).unwrap();
                for (_, batch) in batches(&bytes).0 {
                    // A cleaned batch keeps bounds that its records no longer show.
                    if batch.codec() != Codec::None
                        || batch.record_count() != batch.last_offset_delta() + 1
                        || batch.delete_horizon_ms().is_some()
                    {
                        continue;
                    }
                    let mut out = Vec::new();
                    rewrite(&batch, &mut out);
                    assert_eq!(out, batch.bytes(), "{}", path.display());
                    again += 1;
                }
            }
        }
    }
    println!("{again} batches");
}

fn rewrite(batch: &Batch<'_>, out: &mut Vec<u8>) {
    let meta = Meta {
        base_offset: batch.base_offset(),
        leader_epoch: batch.leader_epoch(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        attributes: batch.attributes(),
    };
    let mut builder = Builder::new(out, meta);
    for record in batch.records(&[]).unwrap() {
        assert!(builder.push(batch.base_timestamp_ms() + record.timestamp_delta, record));
    }
    builder.finish(None);
}

fn random_bytes(rng: &mut Rng, max: u64) -> Option<Vec<u8>> {
    if rng.one_in(6) {
        return None;
    }
    let mut bytes = vec![0; rng.below(max) as usize];
    rng.fill(&mut bytes);
    Some(bytes)
}

#[test]
fn what_is_written_is_read_and_written_again_the_same() {
    let soak = std::env::var("DOLMEN_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(1u64);
    let mut rng = Rng::new(14);
    let (mut out, mut again) = (Vec::new(), Vec::new());
    for round in 0..100_000 * soak {
        out.clear();
        again.clear();
        let meta = Meta {
            base_offset: rng.next_u64() as i64 >> 8,
            leader_epoch: rng.next_u32() as i32,
            producer_id: rng.next_u64() as i64,
            producer_epoch: rng.next_u32() as i16,
            base_sequence: (rng.next_u32() >> 1) as i32,
            attributes: if rng.one_in(2) { attribute::TRANSACTIONAL } else { 0 },
        };
        let mut builder = Builder::new(&mut out, meta);
        let mut timestamp = (rng.next_u64() >> 22) as i64;
        for _ in 0..rng.below(6) {
            let (key, value) = (random_bytes(&mut rng, 40), random_bytes(&mut rng, 300));
            let values: Vec<_> = (0..rng.below(3)).map(|_| random_bytes(&mut rng, 20)).collect();
            let headers: Vec<Header<'_>> = values.iter().map(|v| ("trace", v.as_deref())).collect();
            timestamp += rng.below(2000) as i64 - 500;
            let record = Record {
                key: key.as_deref(),
                value: value.as_deref(),
                headers: headers.as_slice().into(),
                ..Record::default()
            };
            assert!(builder.push(timestamp, record));
        }
        let len = builder.len();
        builder.finish(None);
        assert_eq!(out.len(), len);
        let (batch, rest) = Batch::split(&out, 0).unwrap();
        assert!(rest.is_empty());
        rewrite(&batch, &mut again);
        if batch.record_count() > 0 {
            assert_eq!(out, again, "round {round}");
        }
        stamp(&mut out, 77, 5);
        let (batch, _) = Batch::split(&out, 0).expect("its place is outside the checksum");
        assert_eq!((batch.base_offset(), batch.leader_epoch()), (77, 5));
    }
    println!("{} batches", 100_000 * soak);
}

/// A batch of one record.
fn single(meta: Meta, timestamp: i64, record: Record<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, meta);
    assert!(builder.push(timestamp, record));
    builder.finish(None);
    out
}

/// Its fields at an offset changed, and its checksum right.
fn patched(bytes: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at..at + field.len()].copy_from_slice(field);
    let crc = crc32c(&out[21..]);
    out[17..21].copy_from_slice(&crc.to_be_bytes());
    out
}

/// What other codecs get wrong (section 4 of the specification), one by one.
#[test]
fn the_ten_odd_batches() {
    let split = |bytes: &'static [u8]| Batch::split(bytes, 0).unwrap().0;
    let leak = |bytes: Vec<u8>| -> &'static [u8] { bytes.leak() };
    let plain = Record { key: Some(b"k"), value: Some(b"v"), ..Record::default() };
    // 1, 2: headers of one name keep their number and order, and null is not empty.
    let headers: [Header<'_>; 4] = [("a", Some(b"1")), ("a", None), ("b", Some(b"")), ("a", Some(b"2"))];
    let record = Record { headers: (&headers[..]).into(), ..plain };
    let read = split(leak(single(Meta::default(), 0, record))).records(&[]).unwrap().next().unwrap();
    assert!(read.headers.iter().eq(headers), "1, 2");
    // 3: with the broker's time every record has the batch's largest.
    let mut bytes = Vec::new();
    let mut builder = Builder::new(&mut bytes, Meta::default());
    (0..3).for_each(|n| assert!(builder.push(1000 + n, plain)));
    builder.finish(None);
    stamp_append_time(&mut bytes, 9_000);
    let batch = split(leak(bytes));
    assert!(batch.records(&[]).unwrap().all(|record| batch.timestamp_of(&record) == 9_000), "3");
    // 4: a batch without records, of data and of control, covers what it covered.
    for attributes in [0, attribute::CONTROL | attribute::TRANSACTIONAL] {
        let mut bytes = Vec::new();
        let mut builder = Builder::new(
            &mut bytes,
            Meta { base_offset: 10, base_sequence: 20, attributes, ..Meta::default() },
        );
        builder.cover(9, None);
        builder.finish(None);
        let batch = split(leak(bytes));
        assert_eq!(
            (batch.records(&[]).unwrap().count(), batch.last_offset(), batch.last_sequence()),
            (0, 19, 29),
            "4"
        );
        assert_eq!((control::control_type(&batch), control::marker(&batch)), (None, None), "4");
    }
    // 5: markers, one with a longer value of a later version among them.
    let control = Meta {
        base_sequence: -1,
        attributes: attribute::CONTROL | attribute::TRANSACTIONAL,
        ..Meta::default()
    };
    for (code, value, outcome) in [
        (0, &[0, 0, 0, 0, 0, 7][..], Outcome::Abort),
        (1, &[0, 0, 0, 0, 0, 7], Outcome::Commit),
        (1, &[0, 9, 0, 0, 0, 7, 1, 2, 3], Outcome::Commit),
    ] {
        let bytes = single(
            control,
            0,
            Record { key: Some(&[0, 0, 0, code]), value: Some(value), ..Record::default() },
        );
        assert!(value.len() > 6 || bytes.len() == 78, "5");
        let marker = control::marker(&split(leak(bytes)));
        assert_eq!(marker, Some(Marker { outcome, coordinator_epoch: 7 }), "5");
    }
    // 6: a control record of a kind that nobody knows is one, and no marker.
    let bytes = single(control, 0, Record { key: Some(&[0, 0, 0x7f, 0]), value: None, ..Record::default() });
    let batch = split(leak(bytes));
    assert_eq!(control::control_type(&batch), Some(ControlType::Unknown(0x7f00)), "6");
    assert_eq!(control::marker(&batch), None, "6");
    // 7: bytes behind the last record, and behind what a record says it holds.
    let good = [0x0c, 0, 0, 0, 1, 1, 0];
    for body in [[&good[..], &[0]].concat(), vec![0x0e, 0, 0, 0, 1, 1, 0, 0]] {
        assert!(split(leak(around(&body, 1))).records(&[]).is_err(), "7");
    }
    // 8: forty days between two records: more milliseconds than 31 bits hold.
    let days = 40 * 86_400_000;
    let mut bytes = Vec::new();
    let mut builder = Builder::new(&mut bytes, Meta::default());
    assert!(
        builder.push(1_000, plain) && builder.push(1_000 + days, plain) && builder.push(1_000 - days, plain)
    );
    builder.finish(None);
    let batch = split(leak(bytes));
    let times: Vec<i64> = batch.records(&[]).unwrap().map(|record| batch.timestamp_of(&record)).collect();
    assert_eq!(times, [1_000, 1_000 + days, 1_000 - days], "8");
    // 9: more records than bytes. (What it costs is counted in `dolmen-kafka-net`.)
    let bomb = split(leak(patched(&single(Meta::default(), 0, plain), 57, &i32::MAX.to_be_bytes())));
    assert_eq!(bomb.records(&[]).err(), Some(BatchError::Count { expected: i32::MAX, found: 1 }), "9");
    // 10: more headers than bytes.
    let body = [0x14, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f];
    let found = split(leak(around(&body, 1))).records(&[]).err();
    let what = RecordFault::HeaderCount { found: i32::MAX };
    assert_eq!(found, Some(BatchError::Record { index: 0, at: 0, what }), "10");
}

#[test]
fn a_cut_log_gives_its_whole_batches_and_says_where_it_is_cut() {
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        let torn = folder.join("torn");
        let mut newest: Vec<_> =
            walk(&torn).into_iter().filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
        newest.sort();
        let bytes = std::fs::read(newest.last().unwrap()).unwrap();
        let (whole, error) = batches(&bytes);
        let end = whole.last().map_or(0, |(at, batch)| at + batch.bytes().len());
        assert!(matches!(error, Some(BatchError::Truncated { at, .. }) if at == end as u64), "{error:?}");
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn every_changed_byte_of_a_batch_is_found_but_for_its_place() {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Meta { producer_id: 9, ..Meta::default() });
    for i in 0..3 {
        builder.push(1000 + i, Record { key: Some(b"key"), value: Some(b"a value"), ..Record::default() });
    }
    builder.finish(None);
    for at in 0..out.len() {
        for bit in 0..8 {
            out[at] ^= 1 << bit;
            let place = at < 8 || (12..16).contains(&at);
            assert_eq!(Batch::split(&out, 0).is_ok(), place, "byte {at} bit {bit}");
            out[at] ^= 1 << bit;
        }
    }
    for len in 0..out.len() {
        assert!(matches!(Batch::split(&out[..len], 5), Err(BatchError::Truncated { at: 5, .. })), "{len}");
    }
}

/// A batch with a right checksum around any records.
fn around(body: &[u8], count: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Meta::default());
    for _ in 0..count {
        builder.push(0, Record::default());
    }
    builder.finish(Some((Codec::None, body)));
    out
}

#[test]
fn damaged_records_are_refused_by_name() {
    let good = [0x0c, 0, 0, 0, 1, 1, 0];
    let fault = |body: &[u8], count| {
        let bytes = around(body, count);
        let (batch, _) = Batch::split(&bytes, 0).unwrap();
        batch.records(&[]).err()
    };
    assert_eq!(fault(&good, 1), None);
    assert_eq!(fault(&good, 2), Some(BatchError::Count { expected: 2, found: 1 }));
    assert_eq!(fault(&[&good[..], &[0]].concat(), 1), Some(BatchError::Behind { at: 7, left: 1 }));
    let record = |body: &[u8]| match fault(body, 1) {
        Some(BatchError::Record { index: 0, at: 0, what }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(record(&[0x01]), RecordFault::Length { found: -1 });
    assert_eq!(record(&[0x0e, 0, 0, 0, 1, 1, 0]), RecordFault::Cut { wanted: 7 });
    assert_eq!(record(&[0x0e, 0, 0, 0, 1, 1, 0, 0]), RecordFault::Behind { left: 1 });
    assert_eq!(record(&[0x0c, 0, 0, 0, 3, 1, 0]), RecordFault::Length { found: -2 });
    assert_eq!(record(&[0x0c, 0, 0, 0, 1, 1, 1]), RecordFault::HeaderCount { found: -1 });
    assert_eq!(
        record(&[0x14, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        RecordFault::HeaderCount { found: i32::MAX }
    );
    assert_eq!(record(&[0x10, 0, 0, 0, 1, 1, 2, 1, 1]), RecordFault::HeaderKey);
    assert_eq!(record(&[0x12, 0, 0, 0, 1, 1, 2, 2, 0xff, 1]), RecordFault::HeaderKey);
    assert_eq!(record(&[0x0e, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]), RecordFault::Varint);
}

#[test]
fn records_are_read_up_to_the_first_damaged_one() {
    let good = [0x0c, 0, 0, 0, 1, 1, 0];
    let cut = [0x0e, 0, 0, 0, 1, 1, 0];
    let twice = [good, good].concat();
    let bytes = around(&twice, 2);
    assert_eq!(Batch::split(&bytes, 0).unwrap().0.read(&[]).filter(Result::is_ok).count(), 2);
    // Behind the error there is nothing, though nine more bytes follow.
    let bytes = around(&[&good[..], &cut, &good].concat(), 3);
    let all: Vec<_> = Batch::split(&bytes, 0).unwrap().0.read(&[]).collect();
    assert_eq!(all.len(), 2);
    assert!(all[0].is_ok());
    let what = RecordFault::Behind { left: 1 };
    assert_eq!(all[1].err(), Some(BatchError::Record { index: 1, at: 7, what }));
    let ends = |body: &[u8], count| {
        let bytes = around(body, count);
        let last = Batch::split(&bytes, 0).unwrap().0.read(&[]).last();
        last.and_then(Result::err)
    };
    assert_eq!(ends(&twice, 3), Some(BatchError::Count { expected: 3, found: 2 }));
    assert_eq!(ends(&twice, 1), Some(BatchError::Behind { at: 7, left: 7 }));
    assert_eq!(ends(&[], 0), None);
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(sequence_after(i32::MAX, 1), 0);
    assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    assert_eq!(sequence_after(0, 4), 4);
}
