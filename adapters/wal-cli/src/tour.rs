//! The log's step of the tour.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_cli::Report;
use dolmen_wal::{Framing, RecoveryMode, record, recover};

/// The input: this very page.
const SOURCE: &str = include_str!("lib.rs");

/// Every line as a record of a log, read back, and once more with its last byte torn off.
///
/// # Errors
///
/// If the log gives back anything else than what was written.
pub fn tour(_scratch: &Path) -> Result<Report> {
    let mut log = Vec::new();
    for line in SOURCE.lines() {
        record::append(line.as_bytes(), log.len() as u64, Framing::Plain, &mut log);
    }
    let mut lines = SOURCE.lines();
    let mut equal = true;
    let report = recover(&log, None, RecoveryMode::Absolute, &mut |_, r| {
        equal &= lines.next().map(str::as_bytes) == Some(r)
    })?;
    ensure!(equal && lines.next().is_none(), "the log gave back other lines");
    let torn = recover(&log[..log.len() - 1], None, RecoveryMode::default(), &mut |_, _| {})?;
    ensure!(torn.record_count + 1 == report.record_count, "a torn tail took {} records", report.record_count);
    let did = format!(
        "{} lines in a log of {} bytes; torn at its end it loses the last one",
        report.record_count,
        log.len()
    );
    Ok(Report { system: "wal", did, page: "core/wal/README.md" })
}
