//! The steps of the tour that keep keys and values.

use std::path::Path;

use anyhow::{Result, ensure};
use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_cli::Report;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::table::{FileBytes, Table as LsmTable, TableBuilder, TableOptions};
use dolmen_store::{Db, Options, ReadOptions, WriteBatch, WriteOptions};

/// The input: this very page.
const SOURCE: &str = include_str!("lib.rs");

/// Every line in a database on disk that is opened again.
///
/// # Errors
///
/// If a line is not there after the reopen, or the directory cannot be written.
pub fn tour(scratch: &Path) -> Result<Report> {
    let dir = &scratch.join("store");
    let key = |i: usize| format!("line {i:05}").into_bytes();
    let db = Db::open(dir, Options::default())?;
    let mut batch = WriteBatch::new();
    for (i, line) in SOURCE.lines().enumerate() {
        batch.put(db.default_family().id, &key(i), line.as_bytes());
    }
    db.write(batch, WriteOptions::default())?;
    db.close()?;
    drop(db);
    let db = Db::open(dir, Options::default())?;
    for (i, line) in SOURCE.lines().enumerate() {
        let found = db.get(&db.default_family(), &key(i), &ReadOptions::default())?;
        ensure!(found.as_deref() == Some(line.as_bytes()), "the database lost line {i}");
    }
    let did = format!("{} lines in one synced batch, each there after a reopen", SOURCE.lines().count());
    Ok(Report { system: "store", did, page: "adapters/store/README.md" })
}

/// Every line as an entry of a table in RocksDB's format, each found again.
///
/// # Errors
///
/// If the table does not give a line back.
pub fn tour_tables(_scratch: &Path) -> Result<Report> {
    let codecs = Codecs::new();
    let mut builder = TableBuilder::new(TableOptions::default(), &codecs);
    let (mut file, mut internal) = (Vec::new(), Vec::new());
    for (i, line) in SOURCE.lines().enumerate() {
        internal.clear();
        let sequence = SequenceNumber::new(i as u64 + 1);
        key::put_internal_key(&mut internal, format!("line {i:05}").as_bytes(), sequence, ValueType::Value);
        builder.add(&internal, line.as_bytes(), &mut file)?;
    }
    let summary = builder.finish(&mut file);
    let source = FileBytes(&file);
    let table = LsmTable::open(&source, FileNumber::new(1), summary.len, &codecs)?;
    let mut lines = 0;
    for (i, line) in SOURCE.lines().enumerate() {
        internal.clear();
        key::put_seek_key(&mut internal, format!("line {i:05}").as_bytes(), key::SEQUENCE_MAX);
        let mut found = false;
        table.get(&source, ReadMode::MayBlock, &internal, &mut NoTrace, &mut |_, value| {
            found = value == line.as_bytes();
            false
        })?;
        ensure!(found, "the table lost line {i}");
        lines += 1;
    }
    let did = format!("{lines} lines in a table of {} bytes, each found again", file.len());
    Ok(Report { system: "lsm", did, page: "core/lsm/README.md" })
}
