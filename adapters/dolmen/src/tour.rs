//! One run through every system on this repository's own bytes. A step that fails ends the tour with its error.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_bti::component::{Component, Version};
use dolmen_bti::compression::NoCodecs;
use dolmen_bti::data::Event;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::table::{Components, Table};
use dolmen_bti::verify::verify;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::table::{FileBytes, Table as LsmTable, TableBuilder, TableOptions};
use dolmen_ring::{Kind, Members, Placement, Settings};
use dolmen_store::{Db, Options, ReadOptions, WriteBatch, WriteOptions};
use dolmen_wal::{Framing, RecoveryMode, record, recover};

/// The input: the source of this very page.
const SOURCE: &str = include_str!("tour.rs");

/// Arguments of `dolmen tour`.
#[derive(clap::Args)]
pub struct Args {
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

/// What one system did.
struct Report {
    system: &'static str,
    did: String,
    page: &'static str,
}

/// Runs `dolmen tour`.
pub fn run(args: Args) -> Result<()> {
    for step in [wal as fn() -> Result<Report>, lsm, store, sstable, ring] {
        let start = Instant::now();
        let Report { system, did, page } = step()?;
        let us = start.elapsed().as_micros();
        if args.json {
            // None of these texts holds a character that JSON escapes.
            println!(r#"{{"system":"{system}","did":"{did}","microseconds":{us},"page":"{page}"}}"#);
        } else {
            println!("{system}: {did} ({us} us)\n  read on: {page}");
        }
    }
    Ok(())
}

/// Every line as a record of a log, read back, and once more with its last byte torn off.
fn wal() -> Result<Report> {
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

/// Every line in a database on disk that is opened again.
fn store() -> Result<Report> {
    let dir = std::env::temp_dir().join(format!("dolmen-tour-{}", std::process::id()));
    let outcome = store_in(&dir);
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn store_in(dir: &Path) -> Result<Report> {
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
    Ok(Report { system: "store", did, page: "ARCHITECTURE.md" })
}

/// Every line as an entry of a table in RocksDB's format, each found again.
fn lsm() -> Result<Report> {
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

/// A table that Cassandra wrote: verified, dumped, and each partition found by its key.
fn sstable() -> Result<Report> {
    macro_rules! component {
        ($component:expr, $name:literal) => {
            (
                $component,
                include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../core/bti/tests/data/da/collections/da-1-bti-",
                    $name
                ))
                .to_vec(),
            )
        };
    }
    let files = MemoryFiles(vec![
        component!(Component::Data, "Data.db"),
        component!(Component::Partitions, "Partitions.db"),
        component!(Component::Rows, "Rows.db"),
        component!(Component::Statistics, "Statistics.db"),
        component!(Component::CompressionInfo, "CompressionInfo.db"),
        component!(Component::Filter, "Filter.db"),
    ]);
    let components = Components {
        lens: files.0.iter().map(|(component, bytes)| (*component, bytes.len() as u64)).collect(),
        small: files.0.iter().filter(|file| Components::SMALL.contains(&file.0)).cloned().collect(),
    };
    let report = verify(Version::Da, &components, None, None, &files, &NoCodecs);
    ensure!(report.findings.is_empty(), "a sound table has {} findings", report.findings.len());
    let table = Table::open(Version::Da, &components, &files)?;
    let mut walk = table.walk(&files, NoCodecs, ReadMode::MayBlock, 0);
    while let Some(event) = walk.next_event()? {
        if let Event::Partition(head) = event {
            let found = table.find(&files, &NoCodecs, ReadMode::MayBlock, head.key)?;
            ensure!(
                found.is_some_and(|found| found.data_position == head.position),
                "the index lost a partition"
            );
        }
    }
    let did = format!(
        "{} rows in {} partitions that Cassandra wrote, checked, and each partition found by its key",
        report.rows, report.partitions
    );
    Ok(Report { system: "sstable", did, page: "core/bti/README.md" })
}

/// The words of the page on ten nodes, and how many move when an eleventh joins.
fn ring() -> Result<Report> {
    let settings = Settings::new(Kind::Jump);
    let before = Placement::new(Members::numbered(10), settings)?;
    let after = Placement::new(Members::numbered(11), Settings::new(Kind::Jump))?;
    let (mut words, mut moved) = (0, 0);
    for word in SOURCE.split_whitespace() {
        words += 1;
        moved += usize::from(before.owner(word.as_bytes())? != after.owner(word.as_bytes())?);
    }
    // One in eleven is the ideal; every second one would be a plain modulo.
    ensure!(moved * 4 < words, "{moved} of {words} words moved to an eleventh node");
    let did = format!("{words} words on 10 nodes, {moved} move when an 11th joins");
    Ok(Report { system: "ring", did, page: "core/ring/README.md" })
}
