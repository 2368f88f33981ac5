//! Recovery under every kind of fault that other logs are known to have mistaken for another one, and RocksDB's own logs.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use dolmen_base::Rng;
use dolmen_base::io::{Directory, OpenMode};
use dolmen_sim::{Disk, EIO, Fault, Op};
use dolmen_wal::check::{check_log, check_log_round_trip};
use dolmen_wal::record::{self, BLOCK_LEN, HEADER_LEN};
use dolmen_wal::{Framing, RecoverError, RecoveryMode, Report, Tail, WalError, recover, recover_file};

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

/// A length with which a record ends a few bytes before a border of 256 KiB, where a piece ends.
fn len_to_border(rng: &mut Rng, at: usize, framing: Framing) -> usize {
    let room = (8 * BLOCK_LEN - at % (8 * BLOCK_LEN)).saturating_sub(rng.below(14) as usize);
    (0..room).rev().find(|&len| record::encoded_len(len, at as u64, framing) <= room).unwrap_or(0)
}

/// A random log with faults of every kind; long enough that it is read in many pieces.
fn hurt_log(rng: &mut Rng, number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let framing = if rng.one_in(2) { Framing::Plain } else { Framing::Recyclable { log_number: number } };
    let total = rng.range(0, 1 << 20) as usize;
    while bytes.len() < total {
        let len = match rng.below(5) {
            0 => len_to_border(rng, bytes.len(), framing),
            which => rng.range(0, [20, 3_000, 40_000, 300_000][which as usize - 1]) as usize,
        };
        let mut payload = vec![0; len];
        rng.fill(&mut payload);
        record::append(&payload, bytes.len() as u64, framing, &mut bytes);
    }
    for _ in 0..rng.below(3) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.resize(bytes.len() + rng.below(600 << 10) as usize, 0),
            2 => {
                let end = (at + rng.below(600 << 10) as usize).min(bytes.len());
                bytes[at..end].fill(0);
            }
            3 => {
                // What an earlier life of the file left.
                let stale = Framing::Recyclable { log_number: number - 1 };
                let mut old = Vec::new();
                record::append(&vec![9; 100_000], bytes.len() as u64, stale, &mut old);
                bytes.extend(old);
            }
            _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << rng.below(8)),
        }
    }
    bytes
}

/// Read in pieces, a log gives what it gives as a whole: the same records, report and errors, whatever is wrong with it.
#[test]
fn in_pieces_as_in_one() {
    let factor = std::env::var("DOLMEN_SOAK").ok().and_then(|f| f.parse().ok()).unwrap_or(1);
    let mut outcomes = [0; 2];
    for seed in 0..300 * factor {
        let mut rng = Rng::new(seed);
        let bytes = hurt_log(&mut rng, 7);
        let disk = Disk::new();
        let file = disk.open("000007.log", OpenMode::CreateNew).unwrap();
        file.append(&bytes).unwrap();
        for mode in MODES {
            for number in [None, Some(7)] {
                let (mut whole, mut pieces) = (Vec::new(), Vec::new());
                let expected = recover(&bytes, number, mode, &mut |at, r| whole.push((at, r.to_vec())));
                let found = recover_file(&*file, number, mode, &mut |at, r| pieces.push((at, r.to_vec())));
                assert_eq!(found, expected.map_err(RecoverError::Log), "seed {seed}, {mode:?}");
                assert!(whole == pieces, "seed {seed}, {mode:?}: other records");
                outcomes[usize::from(found.is_ok())] += 1;
            }
        }
    }
    assert!(outcomes.iter().all(|&n| n > 100), "both outcomes occur: {outcomes:?}");
}

/// A read that fails is an error of its own, never an end of the log.
#[test]
fn a_failed_read_is_no_end() {
    let (bytes, _) = log(10, 200_000);
    let disk = Disk::new();
    let file = disk.open("000007.log", OpenMode::CreateNew).unwrap();
    file.append(&bytes).unwrap();
    let reads = {
        let before = disk.count(Op::Read);
        recover_file(&*file, None, RecoveryMode::Absolute, &mut |_, _| {}).unwrap();
        disk.count(Op::Read) - before
    };
    assert!(reads > 5, "{reads} reads: not in pieces");
    for nth in 1..=reads {
        disk.fail_nth(Op::Read, nth, Fault::Error(EIO));
        let found = recover_file(&*file, None, RecoveryMode::SkipAnyCorrupted, &mut |_, _| {});
        assert_eq!(found, Err(RecoverError::Read(EIO)), "read {nth}");
    }
}
