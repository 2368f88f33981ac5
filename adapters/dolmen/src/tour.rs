//! One run through every system on this repository's own bytes. A step that fails ends the tour with its error.

use std::time::Instant;

use anyhow::{Result, ensure};
use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::table::{FileBytes, Table, TableBuilder, TableOptions};
use dolmen_ring::{Kind, Members, Placement, Settings};

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
    for step in [lsm as fn() -> Result<Report>, ring] {
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
    let table = Table::open(&source, FileNumber::new(1), summary.len, &codecs)?;
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
