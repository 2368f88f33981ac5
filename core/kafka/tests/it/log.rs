//! What may be appended, where segments end, what recovery keeps, what retention and the cleaner take away.

use dolmen_blocks_stand_in::NoCodecs;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, Builder, Meta, TimestampType, attribute, stamp};
use dolmen_kafka::control::{Marker, MarkerMeta, Outcome, put_marker};
use dolmen_kafka::files::Aborted;
use dolmen_kafka::log::cleaner::{Circumstances, Cleaner, Fates, Latest};
use dolmen_kafka::log::produced::{self, Refusal};
use dolmen_kafka::log::recovery::{Cut, Found, look};
use dolmen_kafka::log::segment::{Segment, file_name, offset_before_time, offset_of_name, readable};
use dolmen_kafka::log::{LogSettings, retention};
use dolmen_kafka::record::Record;

/// No compression is plugged in.
mod dolmen_blocks_stand_in {
    use dolmen_codec::compress::{CodecError, Codecs, Compression, Dictionary};

    pub struct NoCodecs;

    impl Codecs for NoCodecs {
        fn has(&self, _: Compression) -> bool {
            false
        }

        fn expand(
            &self,
            _: Compression,
            _: Option<&Dictionary>,
            _: &[u8],
            _: &mut [u8],
        ) -> Result<usize, CodecError> {
            Err(CodecError::Absent)
        }

        fn compress(
            &self,
            _: Compression,
            _: Option<i32>,
            _: Option<&Dictionary>,
            _: &[u8],
            _: &mut Vec<u8>,
        ) -> Result<(), CodecError> {
            Err(CodecError::Absent)
        }
    }
}

const NOW: i64 = 1_700_000_000_000;

/// A batch as a client makes it: key and value of each record; `None` for null.
fn batch(records: &[(Option<&str>, Option<&str>)], meta: Meta, time: i64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, meta);
    for (key, value) in records {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        assert!(builder.push(time, Record { key, value, ..Record::default() }));
    }
    builder.finish(None);
    out
}

fn plain(values: &[&str]) -> Vec<u8> {
    let records: Vec<_> = values.iter().map(|value| (None, Some(*value))).collect();
    batch(&records, Meta::default(), NOW)
}

fn refusal(bytes: &[u8], settings: &LogSettings) -> Option<Refusal> {
    produced::check(Some(bytes), settings, &NoCodecs, NOW, &mut Vec::new()).err()
}

#[test]
fn a_produced_batch_is_whole_and_the_clients_own() {
    let settings = LogSettings::default();
    let good = plain(&["a", "b"]);
    assert_eq!(refusal(&good, &settings), None);
    let code = |bytes: &[u8]| refusal(bytes, &settings).map(|refusal| refusal.code);
    assert_eq!(code(&[]), Some(ErrorCode::INVALID_RECORD));
    assert_eq!(code(&good[..good.len() - 1]), Some(ErrorCode::INVALID_RECORD), "longer than its field");
    assert_eq!(code(&[&good[..], &good[..]].concat()), Some(ErrorCode::INVALID_RECORD), "two batches");
    let mut damaged = good.clone();
    damaged[70] ^= 1;
    assert_eq!(code(&damaged), Some(ErrorCode::CORRUPT_MESSAGE));
    let mut placed = good.clone();
    stamp(&mut placed, 9, 0);
    assert_eq!(code(&placed), Some(ErrorCode::INVALID_RECORD), "an offset is the broker's to give");
    for attributes in [attribute::CONTROL, attribute::LOG_APPEND, attribute::TRANSACTIONAL, 1 << 9] {
        let bytes = batch(&[(None, Some("a"))], Meta { attributes, ..Meta::default() }, NOW);
        assert_eq!(code(&bytes), Some(ErrorCode::INVALID_RECORD), "{attributes:#x}");
    }
    let unnumbered = Meta { producer_id: 7, producer_epoch: 0, ..Meta::default() };
    assert_eq!(code(&batch(&[(None, Some("a"))], unnumbered, NOW)), Some(ErrorCode::INVALID_RECORD));
    assert_eq!(code(&batch(&[], Meta::default(), NOW)), Some(ErrorCode::INVALID_RECORD), "no record");
    let small = LogSettings { batch_len_max: good.len() - 1, ..settings };
    assert_eq!(refusal(&good, &small).map(|refusal| refusal.code), Some(ErrorCode::MESSAGE_TOO_LARGE));
}

/// kafka-15 of the known faults.
#[test]
fn a_compacted_topic_names_the_records_without_keys() {
    let settings = LogSettings { compacts: true, ..LogSettings::default() };
    let bytes = batch(&[(Some("k"), Some("1")), (None, Some("2")), (Some(""), None)], Meta::default(), NOW);
    assert_eq!(
        refusal(&bytes, &settings),
        Some(Refusal { code: ErrorCode::INVALID_RECORD, records: vec![1] })
    );
    let keyed = batch(&[(Some("k"), Some("1")), (Some(""), None)], Meta::default(), NOW);
    assert_eq!(refusal(&keyed, &settings), None);
}

#[test]
fn timestamps_stay_within_what_the_topic_allows() {
    let settings = LogSettings { before_ms_max: 1000, after_ms_max: 1000, ..LogSettings::default() };
    let at = |time| refusal(&batch(&[(None, Some("a"))], Meta::default(), time), &settings);
    let late = Some(Refusal { code: ErrorCode::INVALID_TIMESTAMP, records: vec![0] });
    assert_eq!((at(NOW), at(NOW - 1000), at(NOW + 1000), at(-1)), (None, None, None, None));
    assert_eq!((at(NOW - 1001), at(NOW + 1001)), (late.clone(), late));
    let stamped = LogSettings { timestamp_type: TimestampType::LogAppend, ..settings };
    assert_eq!(refusal(&batch(&[(None, Some("a"))], Meta::default(), 0), &stamped), None);
}

/// A log of one-record batches at ascending offsets.
fn log(count: i64, len: usize) -> Vec<Vec<u8>> {
    let value = "x".repeat(len);
    let one = |offset| {
        let mut bytes = batch(&[(None, Some(&value))], Meta::default(), NOW + offset);
        stamp(&mut bytes, offset, 0);
        bytes
    };
    (0..count).map(one).collect()
}

#[test]
fn indexes_lead_to_every_offset_and_time() {
    let settings = LogSettings { index_interval_len: 500, ..LogSettings::default() };
    let batches = log(200, 100);
    let mut segment = Segment::new(0, NOW);
    let mut positions = Vec::new();
    for bytes in &batches {
        positions.push(segment.len());
        segment.appended(&Batch::split(bytes, 0).unwrap().0, &settings);
    }
    segment.seal();
    assert!(segment.offsets().len() > 20 && segment.times().len() > 20);
    for offset in 0..200u32 {
        let from = dolmen_kafka::files::position_of(segment.offsets(), offset);
        let at = positions[offset as usize];
        assert!(u64::from(from) <= at && at - u64::from(from) < 1000, "{offset}: {from} for {at}");
        let time = NOW + i64::from(offset);
        assert!(offset_before_time(segment.times(), time) <= offset);
    }
    assert_eq!((segment.next_offset(), segment.max_timestamp_ms()), (200, NOW + 199));
    assert_eq!(segment.times().last().map(|entry| entry.timestamp_ms()), Some(NOW + 199));
}

#[test]
fn a_segment_ends_by_size_time_and_offsets() {
    let settings = LogSettings { segment_len_max: 1000, segment_ms_max: 60_000, ..LogSettings::default() };
    let mut segment = Segment::new(0, NOW);
    assert!(!segment.must_roll(&settings, 5000, 0, NOW, NOW), "the first batch of a segment always fits");
    segment.appended(&Batch::split(&log(1, 100)[0], 0).unwrap().0, &settings);
    let len = usize::try_from(segment.len()).unwrap();
    assert!(!segment.must_roll(&settings, 1000 - len, 1, NOW, NOW));
    assert!(segment.must_roll(&settings, 1001 - len, 1, NOW, NOW));
    assert!(!segment.must_roll(&settings, 1, 1, NOW + 60_000, NOW));
    assert!(segment.must_roll(&settings, 1, 1, NOW + 60_001, NOW), "by the batches' time");
    assert!(segment.must_roll(&settings, 1, i64::from(i32::MAX) + 1, NOW, NOW), "by what an index can say");
    assert_eq!(file_name(7, "log"), "00000000000000000007.log");
    assert_eq!(offset_of_name("00000000000000000007.log", "log"), Some(7));
    for other in
        ["7.log", "00000000000000000007.logs", "0000000000000000000x.log", "00000000000000000007.index"]
    {
        assert_eq!(offset_of_name(other, "log"), None, "{other}");
    }
}

#[test]
fn readers_get_whole_batches_below_the_bound() {
    let bytes = log(5, 10).concat();
    let len = bytes.len() / 5;
    assert_eq!(readable(&bytes, 5, usize::MAX, false), (bytes.len(), Some(5)));
    assert_eq!(readable(&bytes, 3, usize::MAX, false), (3 * len, Some(3)));
    assert_eq!(readable(&bytes, 5, 2 * len + 1, false), (2 * len, Some(2)));
    assert_eq!(readable(&bytes, 5, 1, false), (0, None));
    assert_eq!(readable(&bytes, 5, 1, true), (len, Some(1)), "one batch at least");
    assert_eq!(readable(&bytes[..len + 5], 5, usize::MAX, true), (len, Some(1)), "not a part of one");
}

#[test]
fn recovery_keeps_what_is_whole_and_in_order() {
    let batches = log(3, 50);
    let bytes = batches.concat();
    let walk = |bytes: &[u8]| {
        let (mut at, mut next) = (0usize, 0);
        loop {
            match look(&bytes[at..], at as u64, (bytes.len() - at) as u64, next) {
                Found::Batch(batch) => (at, next) = (at + batch.bytes().len(), batch.last_offset() + 1),
                Found::More(wanted) => panic!("{wanted} of {} bytes are there", bytes.len() - at),
                Found::End => return (at, None),
                Found::Cut(cut) => return (at, Some(cut)),
            }
        }
    };
    assert_eq!(walk(&bytes), (bytes.len(), None));
    let len = batches[0].len();
    for cut in 0..bytes.len() {
        let (kept, why) = walk(&bytes[..cut]);
        assert_eq!(kept, cut / len * len, "cut at {cut}");
        assert_eq!(why.is_none(), cut % len == 0, "cut at {cut}");
    }
    let mut doubled = bytes.clone();
    doubled.extend_from_slice(&batches[1]);
    assert_eq!(walk(&doubled), (bytes.len(), Some(Cut::Order { least: 3, found: 1 })));
    let zeros = [&bytes[..], &[0; 100]].concat();
    assert_eq!(walk(&zeros).0, bytes.len(), "preallocated space is no batch");
    let Found::More(wanted) = look(&bytes[..61], 0, bytes.len() as u64, 0) else {
        panic!("it is not all there")
    };
    assert_eq!(wanted, len);
}

#[test]
fn retention_takes_the_oldest_first_and_never_what_is_not_durable() {
    let segments: Vec<Segment> = (0..4)
        .map(|n| {
            let mut segment = Segment::new(n * 10, NOW);
            let mut bytes = batch(&[(None, Some("x"))], Meta::default(), NOW + n * 1000);
            stamp(&mut bytes, n * 10, 0);
            segment.appended(&Batch::split(&bytes, 0).unwrap().0, &LogSettings::default());
            let len = segment.len();
            let time = segment.times().last().copied();
            let mut sealed = Segment::sealed(n * 10, n * 10 + 10, len, time);
            sealed.reaches(&segment);
            sealed
        })
        .collect();
    let len = i64::try_from(segments[0].len()).unwrap();
    let count = |settings: LogSettings, start, durable, now| {
        retention::expired(segments.iter(), &settings, start, durable, now)
    };
    let keep = LogSettings { retention_ms: -1, ..LogSettings::default() };
    assert_eq!(count(keep, 0, 40, i64::MAX), 0);
    assert_eq!(count(keep, 20, 40, NOW), 2, "below the log's start");
    assert_eq!(count(keep, 19, 40, NOW), 1);
    let by_time = LogSettings { retention_ms: 5000, ..keep };
    assert_eq!(count(by_time, 0, 40, NOW + 6001), 2);
    assert_eq!(count(by_time, 0, 15, NOW + 6001), 1, "the second is not durable");
    assert_eq!(count(by_time, 0, 40, NOW + 1_000_000), 3, "the active one stays");
    assert_eq!(count(LogSettings { retention_len: 2 * len, ..keep }, 0, 40, NOW), 2);
    assert_eq!(count(LogSettings { retention_len: 2 * len + 1, ..keep }, 0, 40, NOW), 1);
    let compacted = LogSettings { deletes: false, compacts: true, retention_len: 0, ..by_time };
    assert_eq!(count(compacted, 0, 40, NOW + 1_000_000), 0);
}

/// Batches of a log with their offsets given.
fn placed(batches: Vec<Vec<u8>>) -> Vec<u8> {
    let (mut out, mut offset) = (Vec::new(), 0);
    for mut bytes in batches {
        stamp(&mut bytes, offset, 0);
        offset = Batch::split(&bytes, 0).unwrap().0.last_offset() + 1;
        out.extend_from_slice(&bytes);
    }
    out
}

fn each(mut bytes: &[u8], mut body: impl FnMut(&Batch<'_>)) {
    while !bytes.is_empty() {
        let (batch, rest) = Batch::split(bytes, 0).unwrap();
        body(&batch);
        bytes = rest;
    }
}

type Left = (i64, String, Option<String>);

/// Cleans a log at a time: what stays, and each record that is left as offset, key and value.
fn clean(bytes: &[u8], aborted: &[Aborted], now_ms: i64) -> (Vec<u8>, Vec<Left>) {
    let (mut latest, mut fates) = (Latest::default(), Fates::new(aborted));
    each(bytes, |batch| {
        if fates.is_aborted(batch) || batch.is_control() {
            latest.passed(batch);
        } else {
            assert!(latest.note(batch, &[]).unwrap());
        }
    });
    let (mut fates, mut out, mut data) = (Fates::new(aborted), Vec::new(), false);
    let cleaner = Cleaner { latest: &latest, delete_retention_ms: 1000, now_ms };
    each(bytes, |batch| {
        let is_aborted = fates.is_aborted(batch);
        let is_last = batch.last_offset() + 1 == latest.until();
        let about = Circumstances { is_aborted, is_last, has_data: batch.is_control() && data };
        let before = out.len();
        cleaner.clean(batch, &[], about, &mut |_, _, _| false, &mut out).unwrap();
        data = batch.is_transactional() && !batch.is_control() && out.len() > before;
    });
    let mut left = Vec::new();
    each(&out, |batch| {
        for record in batch.records(&[]).unwrap().filter(|_| !batch.is_control()) {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            left.push((batch.offset_of(&record), text(record.key.unwrap()), record.value.map(text)));
        }
    });
    (out, left)
}

/// kafka-10 of the known faults.
#[test]
fn compaction_keeps_the_last_value_of_each_key_and_what_batches_cover() {
    let keyed = |from: i64| {
        let records: Vec<(String, String)> = (from..from + 10).map(|n| ("k".into(), n.to_string())).collect();
        let records: Vec<_> = records.iter().map(|(k, v)| (Some(k.as_str()), Some(v.as_str()))).collect();
        let sequence = i32::try_from(from).unwrap();
        batch(
            &records,
            Meta { producer_id: 1, producer_epoch: 0, base_sequence: sequence, ..Meta::default() },
            NOW,
        )
    };
    let mut batches: Vec<Vec<u8>> = (0..10).map(|n| keyed(n * 10)).collect();
    batches.insert(0, batch(&[(Some("other"), Some("1")), (Some("k"), Some("old"))], Meta::default(), NOW));
    let (bytes, left) = clean(&placed(batches), &[], NOW);
    assert_eq!(left, [(0, "other".into(), Some("1".into())), (101, "k".into(), Some("99".into()))]);
    let mut last = None;
    each(&bytes, |batch| last = Some((batch.last_offset(), batch.last_sequence(), batch.record_count())));
    assert_eq!(last, Some((101, 99, 1)), "offset and sequence are those of before");
    let again = clean(&bytes, &[], NOW);
    assert_eq!(again.0, bytes, "nothing is left to clean");
}

/// kafka-10 of the known faults: the last batch of a producer stays when nothing is left in it, and says where it ended.
#[test]
fn an_emptied_batch_stays_where_it_is_the_last_of_its_producer() {
    let meta = |producer_id| Meta { producer_id, producer_epoch: 0, base_sequence: 0, ..Meta::default() };
    let ten = vec![(Some("k"), Some("old")); 10];
    let bytes = placed(vec![batch(&ten, meta(1), NOW), batch(&[(Some("k"), Some("new"))], meta(2), NOW)]);
    let mut latest = Latest::default();
    each(&bytes, |batch| assert!(latest.note(batch, &[]).unwrap()));
    let cleaner = Cleaner { latest: &latest, delete_retention_ms: 1000, now_ms: NOW };
    let cleaned = |is_last| {
        let mut out = Vec::new();
        let about = Circumstances { is_aborted: false, is_last, has_data: false };
        let (first, _) = Batch::split(&bytes, 0).unwrap();
        cleaner.clean(&first, &[], about, &mut |_, _, _| false, &mut out).unwrap();
        out
    };
    assert!(cleaned(false).is_empty());
    let out = cleaned(true);
    let (left, _) = Batch::split(&out, 0).unwrap();
    assert_eq!((left.record_count(), left.last_offset(), left.last_sequence()), (0, 9, 9));
    assert_eq!(readable(&out, i64::MAX, 0, true), (out.len(), Some(10)), "a reader goes on behind it");
}

/// kafka-11 of the known faults, in the cleaner: null and empty stay apart, and headers keep their order.
#[test]
fn what_the_cleaner_keeps_it_keeps_as_it_was() {
    let headers: [(&str, Option<&[u8]>); 4] =
        [("h", None), ("h", Some(b"")), ("k", Some(b"1")), ("k", Some(b"2"))];
    let (mut bytes, mut wanted) = (Vec::new(), Vec::new());
    let mut builder = Builder::new(&mut bytes, Meta::default());
    let records: [(&[u8], Option<&[u8]>); 4] =
        [(b"gone", Some(b"1")), (b"", Some(b"")), (b"null", None), (b"gone", Some(b""))];
    for (at, (key, value)) in records.into_iter().enumerate() {
        let record = Record { key: Some(key), value, headers: (&headers[..]).into(), ..Record::default() };
        assert!(builder.push(NOW, record));
        if at > 0 {
            wanted.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        }
    }
    builder.finish(None);
    let (out, _) = clean(&bytes, &[], NOW);
    let (left, _) = Batch::split(&out, 0).unwrap();
    let mut found = Vec::new();
    for record in left.records(&[]).unwrap() {
        found.push((record.key.unwrap().to_vec(), record.value.map(<[u8]>::to_vec)));
        assert!(record.headers.iter().eq(headers));
    }
    assert_eq!(found, wanted);
}

#[test]
fn tombstones_and_markers_go_when_their_horizon_is_over() {
    let meta = Meta {
        producer_id: 3,
        producer_epoch: 0,
        base_sequence: 0,
        attributes: attribute::TRANSACTIONAL,
        ..Meta::default()
    };
    let mut marker = Vec::new();
    let about =
        MarkerMeta { producer_id: 3, producer_epoch: 0, base_offset: 0, leader_epoch: 0, timestamp_ms: NOW };
    put_marker(&mut marker, about, Marker { outcome: Outcome::Abort, coordinator_epoch: 0 });
    let log = placed(vec![
        batch(&[(Some("a"), Some("1"))], Meta::default(), NOW),
        batch(&[(Some("a"), Some("aborted"))], meta, NOW),
        marker,
        batch(&[(Some("b"), Some("2")), (Some("b"), None)], Meta::default(), NOW),
        batch(&[(Some("c"), Some("3"))], Meta::default(), NOW),
    ]);
    let aborted = [Aborted { producer_id: 3, first_offset: 1, last_offset: 2, last_stable_offset: 3 }];
    let (once, left) = clean(&log, &aborted, NOW);
    let a = (0, "a".into(), Some("1".into()));
    let c = (5, "c".into(), Some("3".into()));
    assert_eq!(left, [a.clone(), (4, "b".into(), None), c.clone()], "the aborted value replaces nothing");
    let mut horizons = Vec::new();
    each(&once, |batch| horizons.push((batch.base_offset(), batch.delete_horizon_ms())));
    assert_eq!(horizons, [(0, None), (2, Some(NOW + 1000)), (3, Some(NOW + 1000)), (5, None)]);
    let mut times = Vec::new();
    each(&once, |batch| {
        times.extend(batch.records(&[]).unwrap().map(|record| batch.timestamp_of(&record) - NOW))
    });
    assert_eq!(times, [0, 0, 0, 0], "the horizon does not change the records' times");
    let (later, left) = clean(&once, &aborted, NOW + 999);
    assert_eq!((later == once, left.len()), (true, 3));
    let (last, left) = clean(&once, &aborted, NOW + 1000);
    assert_eq!(left, [a, c]);
    assert!(last.len() < once.len());
}
