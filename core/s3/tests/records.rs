//! Records there and back, and the seeds of the fuzz target.

use dolmen_s3::check::check_record;
use dolmen_s3::limits::RECORD_LEN_MAX;
use dolmen_s3::{Record, RecordError, record};

#[test]
fn records_come_back_one_after_the_other() {
    let mut log = Vec::new();
    let records = [&b"oak"[..], b"", &[7; 300]];
    for bytes in records {
        let before = log.len();
        record::append(bytes, &mut log).unwrap();
        assert_eq!(log.len() - before, record::encoded_len(bytes.len()));
    }
    let mut rest = &log[..];
    for bytes in records {
        let record = Record::parse(rest).unwrap();
        assert_eq!(record.bytes(), bytes);
        rest = record.rest();
    }
    assert!(rest.is_empty());
}

#[test]
fn what_is_cut_off_or_too_long_is_refused() {
    let mut log = Vec::new();
    record::append(&[7; 300], &mut log).unwrap();
    for len in 0..log.len() {
        assert!(matches!(Record::parse(&log[..len]), Err(RecordError::Corrupt { .. })), "{len}");
    }
    let too_long = [0xff, 0xff, 0xff, 0x7f];
    let max = RECORD_LEN_MAX as u64;
    assert_eq!(Record::parse(&too_long), Err(RecordError::Limit { len: (1 << 28) - 1, max }));
}

#[test]
fn seeds_replay() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/s3_record");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        check_record(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "no seeds in {seeds}");
}
