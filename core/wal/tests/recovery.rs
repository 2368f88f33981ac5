//! Recovery under every kind of fault that other logs are known to have mistaken for another one, and RocksDB's own logs.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use dolmen_wal::check::{check_log, check_log_round_trip};
use dolmen_wal::record::{self, BLOCK_LEN, HEADER_LEN};
use dolmen_wal::{Framing, RecoveryMode, Report, Tail, WalError, recover};

const MODES: [RecoveryMode; 5] = [
    RecoveryMode::TornTail,
    RecoveryMode::TolerateCorruptedTail,
    RecoveryMode::Absolute,
    RecoveryMode::PointInTime,
    RecoveryMode::SkipAnyCorrupted,
];

/// A log of `count` records of `len` bytes; record `i` is filled with the byte `i`. Also where each record starts.
fn log(count: u8, len: usize) -> (Vec<u8>, Vec<usize>) {
    let (mut out, mut starts) = (Vec::new(), Vec::new());
    for i in 0..count {
        starts.push(out.len());
        record::append(&vec![i; len], out.len() as u64, Framing::Plain, &mut out);
    }
    (out, starts)
}

/// First bytes of the records, and the report.
fn read(bytes: &[u8], mode: RecoveryMode) -> (Vec<u8>, Result<Report, WalError>) {
    let mut ids = Vec::new();
    let report = recover(bytes, None, mode, &mut |_, r| {
        assert!(r.iter().all(|&b| b == r[0]), "a record mixes the bytes of two");
        ids.push(r[0]);
    });
    (ids, report)
}

/// wal-01: ten records of 40 KiB, one bit flipped in the first block of the fifth.
#[test]
fn damage_in_the_middle_by_mode() {
    let (mut bytes, starts) = log(10, 40 << 10);
    bytes[starts[4] + HEADER_LEN + 100] ^= 1;
    let before = vec![0, 1, 2, 3];
    for mode in [RecoveryMode::TornTail, RecoveryMode::TolerateCorruptedTail, RecoveryMode::Absolute] {
        let (ids, report) = read(&bytes, mode);
        assert_eq!(ids, before);
        assert!(
            matches!(report, Err(WalError::Corrupt { at, valid_behind: Some(_), .. }) if at == starts[4] as u64),
            "{mode:?}: {report:?}"
        );
    }
    let (ids, report) = read(&bytes, RecoveryMode::PointInTime);
    assert_eq!(ids, before);
    let report = report.unwrap();
    assert_eq!(report.whole_len, starts[4] as u64);
    assert!(
        matches!(report.tail, Tail::Stopped { at, .. } if at == starts[4] as u64),
        "the loss is reported"
    );
    let (ids, report) = read(&bytes, RecoveryMode::SkipAnyCorrupted);
    assert_eq!(ids, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    assert!(report.unwrap().skipped_len > 0);
}

/// wal-03: preallocated zeros, few or many, and a log that ends exactly at a block's end.
#[test]
fn zeros_are_an_end_in_every_mode() {
    let (whole, _) = log(5, 100);
    let exact = {
        let mut out = Vec::new();
        record::append(&vec![7; BLOCK_LEN - HEADER_LEN], 0, Framing::Plain, &mut out);
        assert_eq!(out.len(), BLOCK_LEN);
        out
    };
    for mode in MODES {
        for zeros in [0, 3, 64 << 10] {
            let mut bytes = whole.clone();
            bytes.resize(whole.len() + zeros, 0);
            let (ids, report) = read(&bytes, mode);
            assert_eq!(ids, [0, 1, 2, 3, 4]);
            let expected =
                Report { record_count: 5, whole_len: whole.len() as u64, tail: Tail::Whole, skipped_len: 0 };
            assert_eq!(report, Ok(expected));
        }
        let (ids, report) = read(&exact, mode);
        assert_eq!((ids, report.map(|r| r.whole_len)), (vec![7], Ok(BLOCK_LEN as u64)));
    }
}

/// However many bytes a record leaves in its block: fewer than a header are zeros, and the reader steps over them.
#[test]
fn records_end_anywhere_in_a_block() {
    for framing in [Framing::Plain, Framing::Recyclable { log_number: 4 }] {
        for left in 0..40 {
            let mut bytes = Vec::new();
            let first = vec![1; BLOCK_LEN - framing.header_len() - left];
            for payload in [&first[..], &[2; 100], &[3; 40_000]] {
                record::append(payload, bytes.len() as u64, framing, &mut bytes);
            }
            for number in [None, Some(4)] {
                let mut ids = Vec::new();
                let report = recover(&bytes, number, RecoveryMode::Absolute, &mut |_, r| ids.push(r[0]));
                assert_eq!(
                    (ids, report.map(|r| r.whole_len)),
                    (vec![1, 2, 3], Ok(bytes.len() as u64)),
                    "{left}"
                );
            }
        }
    }
}

/// A hole of many blocks, as a lost write into a sparse file leaves it, is stepped over in one go.
#[test]
fn a_hole_of_zeros_is_skipped() {
    let (mut bytes, _) = log(3, 100);
    let hole = 1000 * BLOCK_LEN - bytes.len();
    bytes.resize(1000 * BLOCK_LEN, 0);
    record::append(&[9; 100], bytes.len() as u64, Framing::Plain, &mut bytes);
    let (ids, report) = read(&bytes, RecoveryMode::SkipAnyCorrupted);
    assert_eq!((ids, report.map(|r| r.skipped_len)), (vec![0, 1, 2, 9], Ok(hole as u64)));
    assert!(matches!(read(&bytes, RecoveryMode::TornTail).1, Err(WalError::Corrupt { .. })));
}

/// wal-05: after every possible cut of the last record, what is appended at `whole_len` is found again.
#[test]
fn writing_goes_on_behind_a_cut_tail() {
    let (bytes, starts) = log(10, 300);
    for cut in 1..bytes.len() - starts[9] {
        let torn = &bytes[..bytes.len() - cut];
        let (ids, report) = read(torn, RecoveryMode::default());
        let report = report.unwrap();
        assert_eq!((ids.len(), report.tail), (9, Tail::Torn { at: starts[9] as u64 }), "cut {cut}");
        assert!(matches!(read(torn, RecoveryMode::Absolute).1, Err(WalError::Torn { .. })));
        let mut mended = torn[..report.whole_len as usize].to_vec();
        for i in 20..23 {
            record::append(&[i; 50], mended.len() as u64, Framing::Plain, &mut mended);
        }
        let (ids, report) = read(&mended, RecoveryMode::Absolute);
        assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22]);
        assert_eq!(report.map(|r| r.tail), Ok(Tail::Whole));
    }
}

/// wal-11: in a preallocated file a flip in the last record is a droppable tail, in the one before it is damage.
#[test]
fn a_bad_last_record_before_zeros_is_told_from_damage() {
    let (whole, starts) = log(5, 100);
    let flipped = |record: usize| {
        let mut bytes = whole.clone();
        bytes[starts[record] + HEADER_LEN + 10] ^= 0x40;
        bytes.resize(whole.len() + 4096, 0);
        bytes
    };
    let (ids, report) = read(&flipped(4), RecoveryMode::TornTail);
    assert_eq!(ids, [0, 1, 2, 3]);
    assert!(matches!(report, Ok(Report { tail: Tail::Damaged { at, .. }, .. }) if at == starts[4] as u64));
    let (ids, report) = read(&flipped(3), RecoveryMode::TornTail);
    assert_eq!(ids, [0, 1, 2]);
    assert!(matches!(report, Err(WalError::Corrupt { at, .. }) if at == starts[3] as u64));
    for record in [3, 4] {
        assert!(
            read(&flipped(record), RecoveryMode::TolerateCorruptedTail).1.is_err(),
            "as RocksDB, which cannot tell"
        );
    }
}

/// Every byte of a small log flipped: a prefix of the records, and silence only about the last one.
#[test]
fn every_flip_is_detected_or_in_the_last_record() {
    let (whole, starts) = log(6, 40);
    for at in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            let (ids, report) = read(&bytes, RecoveryMode::TornTail);
            assert!(ids.iter().copied().eq(0..ids.len() as u8), "not a prefix after a flip at {at}");
            match report {
                Err(_) => assert!(at < starts[5]),
                Ok(report) => {
                    assert!(at >= starts[5] && report.tail != Tail::Whole, "flip at {at}: {report:?}")
                }
            }
        }
    }
}

/// A recycled file: records of its earlier life behind the end are an end, not records and not damage.
#[test]
fn an_earlier_life_of_a_recycled_file_is_an_end() {
    let mut old = Vec::new();
    for i in 0..40 {
        record::append(&[i; 70], old.len() as u64, Framing::Recyclable { log_number: 3 }, &mut old);
    }
    let mut new = Vec::new();
    for i in 0..7 {
        record::append(&[i; 70], new.len() as u64, Framing::Recyclable { log_number: 8 }, &mut new);
    }
    let mut file = old.clone();
    file[..new.len()].copy_from_slice(&new);
    let mut ids = Vec::new();
    let report = recover(&file, Some(8), RecoveryMode::Absolute, &mut |_, r| ids.push(r[0])).unwrap();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!((report.whole_len, report.tail), (new.len() as u64, Tail::Whole));
}

#[test]
fn seeds_and_mutations_never_panic() {
    let mut rng = dolmen_base::Rng::new(11);
    let mut seeds = vec![log(5, 100).0, log(1, 40_000).0, log(0, 0).0, vec![0; 70_000]];
    for i in 0..6u8 {
        let mut out = Vec::new();
        record::append(&[i; 9], 0, Framing::Recyclable { log_number: 1 }, &mut out);
        seeds.push(out);
    }
    for round in 0..2000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..rng.range(0, 4) {
            match (rng.below(3), bytes.len() as u64) {
                (_, 0) => {}
                (0, len) => bytes[rng.below(len) as usize] ^= 1 << rng.below(8),
                (1, len) => bytes.truncate(rng.below(len) as usize),
                (_, len) => {
                    let at = rng.below(len) as usize;
                    bytes.insert(at, rng.next_u32() as u8);
                }
            }
        }
        check_log(&bytes);
    }
    for _ in 0..200 {
        let mut data = vec![0; rng.range(0, 40) as usize];
        rng.fill(&mut data);
        check_log_round_trip(&data);
    }
}

/// The logs of databases that RocksDB wrote: read whole, and framed again to the same bytes.
#[test]
fn logs_of_rocksdb_are_framed_again_to_the_same_bytes() {
    let Some(data) = testdata() else {
        eprintln!("skipped: no data");
        return;
    };
    let mut logs = 0;
    for file in walk(&data).into_iter().filter(|f| f.extension().is_some_and(|e| e == "log")) {
        let bytes = std::fs::read(&file).unwrap();
        let mut again = Vec::new();
        let report = recover(&bytes, None, RecoveryMode::Absolute, &mut |at, r| {
            assert!(at >= again.len() as u64, "records overlap");
            record::append(r, again.len() as u64, Framing::Plain, &mut again);
        });
        let report = report.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        if report.record_count > 0 && bytes[6] <= 4 {
            assert_eq!(again, bytes, "{}", file.display());
            logs += 1;
        }
    }
    assert!(logs > 10, "only {logs} logs with records");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { out.extend(walk(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

/// The folder of golden RocksDB directories: `DOLMEN_TESTDATA`, or `shared/data` above the crate.
fn testdata() -> Option<std::path::PathBuf> {
    let root = std::env::var_os("DOLMEN_TESTDATA").map(std::path::PathBuf::from).or_else(|| {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().map(|a| a.join("shared/data")).find(|p| p.is_dir())
    });
    root.map(|r| r.join("rocksdb")).filter(|p| p.is_dir())
}
