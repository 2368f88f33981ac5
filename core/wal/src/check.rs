//! Bodies shared by tests, replay and fuzzing.

use alloc::vec::Vec;

use dolmen_base::io::FileNumber;

use crate::entry::Lsn;
use crate::name::LogName;
use crate::record::{self, Framing};
use crate::recover::{RecoveryMode, recover};
use crate::scan::{ScanOptions, scan_files};

const MODES: [RecoveryMode; 5] = [
    RecoveryMode::TornTail,
    RecoveryMode::TolerateCorruptedTail,
    RecoveryMode::Absolute,
    RecoveryMode::PointInTime,
    RecoveryMode::SkipAnyCorrupted,
];

/// Any bytes, read as a log in every mode: never a panic, records that lie inside the file, and a prefix up to `whole_len` that
/// recovers to the same records without a complaint wherever nothing was skipped.
pub fn check_log(data: &[u8]) {
    check_segments(data);
    assert!(crate::view::dump(data).offset() == data.len() as u64, "a dump shows every byte");
    for mode in MODES {
        let mut records = Vec::new();
        let outcome = recover(data, None, mode, &mut |at, r| records.push((at, r.to_vec())));
        let total: usize = records.iter().map(|(_, r)| r.len()).sum();
        assert!(total <= data.len(), "more bytes delivered than the log has");
        let Ok(report) = outcome else { continue };
        assert_eq!(report.record_count, records.len() as u64);
        if report.skipped_len == 0 {
            let mut again = Vec::new();
            let prefix = &data[..report.whole_len as usize];
            let whole =
                recover(prefix, None, RecoveryMode::Absolute, &mut |at, r| again.push((at, r.to_vec())));
            assert_eq!((whole.map(|r| r.whole_len), again), (Ok(report.whole_len), records));
        }
    }
}

/// Any bytes, cut in two and read as the segments of a log in every mode: never a panic; LSNs that grow; and what is delivered in the
/// default mode without an error is delivered by point-in-time recovery too.
pub fn check_segments(data: &[u8]) {
    let (first, second) = data.split_at(data.len() - data.len() / 3);
    let name = |n| LogName::live(FileNumber::new(n));
    for files in [&[(name(1), data)][..], &[(name(1), first), (name(2), second)]] {
        let mut whole = None;
        for mode in MODES {
            let (mut lsns, mut bytes) = (Vec::new(), 0);
            let options = ScanOptions { mode, archived: false };
            let found = scan_files(files, options, &mut |_, _, entry| {
                bytes += entry.body.encoded_len();
                if entry.body.takes_lsn() {
                    lsns.push(entry.lsn);
                }
            });
            assert!(bytes <= data.len(), "more bytes delivered than the log has");
            // Only the largest LSN is its own successor.
            let grows = |w: &[Lsn]| w[0] < w[1] || w[0] == Lsn::new(u64::MAX);
            assert!(lsns.windows(2).all(grows), "{mode:?}: {lsns:?}");
            match mode {
                RecoveryMode::TornTail => whole = found.ok().map(|_| lsns),
                RecoveryMode::PointInTime if whole.is_some() => {
                    assert!(found.is_ok() && whole.as_ref() == Some(&lsns));
                }
                _ => {}
            }
        }
    }
}

/// Cuts `data` into payloads (length bytes first), writes them as a log in both framings and reads them back.
pub fn check_log_round_trip(data: &[u8]) {
    for framing in [Framing::Plain, Framing::Recyclable { log_number: 9 }] {
        let (mut log, mut payloads, mut rest) = (Vec::new(), Vec::new(), data);
        while let Some((&[a, b], behind)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_le_bytes([a, b])) * 2;
            let payload: Vec<u8> =
                behind.iter().copied().cycle().take(if behind.is_empty() { 0 } else { len }).collect();
            let before = log.len();
            record::append(&payload, before as u64, framing, &mut log);
            assert_eq!(log.len() - before, record::encoded_len(payload.len(), before as u64, framing));
            payloads.push(payload);
            rest = &behind[behind.len().min(3)..];
        }
        let mut read = Vec::new();
        let report = recover(&log, Some(9), RecoveryMode::Absolute, &mut |_, r| read.push(r.to_vec()));
        assert_eq!(report.map(|r| r.whole_len), Ok(log.len() as u64));
        assert_eq!(read, payloads);
    }
}
