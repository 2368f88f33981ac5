//! Bodies shared by tests, replay and fuzzing.

use alloc::vec::Vec;

use crate::record::{self, Framing};
use crate::recover::{RecoveryMode, recover};

/// Any bytes, read as a log in every mode: never a panic, records that lie inside the file, and a prefix up to `whole_len` that
/// recovers to the same records without a complaint wherever nothing was skipped.
pub fn check_log(data: &[u8]) {
    let modes = [
        RecoveryMode::TornTail,
        RecoveryMode::TolerateCorruptedTail,
        RecoveryMode::Absolute,
        RecoveryMode::PointInTime,
        RecoveryMode::SkipAnyCorrupted,
    ];
    assert!(crate::view::dump(data).offset() == data.len() as u64, "a dump shows every byte");
    for mode in modes {
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
