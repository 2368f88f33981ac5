//! Record batches decoded by kafka-protocol and by us, in turn: CPU time of the thread for one record of a batch of a thousand, the checksum
//! checked, every record and header looked at. `cargo run --release [-- ROUNDS]` prints Markdown.

use std::hint::black_box;

use bytes::Bytes;
use dolmen_kafka::batch::{Batch, Builder, Meta};
use dolmen_kafka::record::{Header, Record};
use kafka_protocol::records::RecordBatchDecoder;
use rustix::time::{ClockId, clock_gettime};

const RECORD_COUNT: usize = 1000;
/// Batches that are decoded between two looks at the clock.
const BATCHES: usize = 20;
const BASE_TIMESTAMP_MS: i64 = 1_700_000_000_000;
const HEADERS: [Header<'_>; 2] = [("trace-id", Some(b"0123456789abcdef")), ("kind", Some(b"order"))];

/// Name, bytes of a value, headers of a record.
const SHAPES: [(&str, usize, &[Header<'_>]); 4] =
    [("10 B", 10, &[]), ("100 B", 100, &[]), ("100 B, two headers", 100, &HEADERS), ("1 KiB", 1024, &[])];

fn main() {
    let rounds = std::env::args().nth(1).map_or(101, |text| text.parse().expect("a number of rounds"));
    println!("| value | dolmen-kafka, ns a record | kafka-protocol | ratio of the medians | of the tenths |");
    println!("|---|---|---|---|---|");
    for (name, len, headers) in SHAPES {
        let bytes = batch(len, headers);
        let shared = Bytes::from(bytes.clone());
        assert_eq!(ours(&bytes), theirs(&shared), "both read the same");
        let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            our_times.push(time(|| ours(black_box(&bytes))));
            their_times.push(time(|| theirs(black_box(&shared))));
        }
        our_times.sort_by(f64::total_cmp);
        their_times.sort_by(f64::total_cmp);
        let (ours, theirs) = (our_times[rounds / 2], their_times[rounds / 2]);
        let tenths = their_times[rounds / 10] / our_times[rounds / 10];
        println!("| {name} | {ours:.1} | {theirs:.1} | {:.2} | {tenths:.2} |", theirs / ours);
    }
}

fn batch(len: usize, headers: &[Header<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Meta::default());
    builder.set_base_timestamp(BASE_TIMESTAMP_MS);
    for index in 0..RECORD_COUNT {
        let key = format!("{index:016}");
        let value: Vec<u8> = (0..len).map(|at| (at * 7 + index) as u8).collect();
        let record = Record {
            key: Some(key.as_bytes()),
            value: Some(&value),
            headers: headers.into(),
            ..Record::default()
        };
        assert!(builder.push(BASE_TIMESTAMP_MS + index as i64, record), "the batch has room");
    }
    builder.finish(None);
    out
}

/// Nanoseconds a record, CPU time of this thread.
fn time(mut decode: impl FnMut() -> usize) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let begun = now();
    for _ in 0..BATCHES {
        black_box(decode());
    }
    (now() - begun) / (BATCHES * RECORD_COUNT) as f64
}

fn ours(bytes: &[u8]) -> usize {
    let (batch, _) = Batch::split(bytes, 0).expect("a batch");
    let mut sum = 0;
    for record in batch.read(&[]) {
        let record = record.expect("a record");
        sum += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        sum +=
            record.headers.iter().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len)).sum::<usize>();
    }
    sum
}

fn theirs(bytes: &Bytes) -> usize {
    let set = RecordBatchDecoder::decode(&mut bytes.clone()).expect("a batch");
    let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let of_record = |record: &kafka_protocol::records::Record| {
        let headers = record.headers.iter().map(|(key, value)| key.len() + len(value)).sum::<usize>();
        len(&record.key) + len(&record.value) + headers
    };
    set.records.iter().map(of_record).sum()
}
