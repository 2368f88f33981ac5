//! Every table against what Cassandra read of it.

mod common;

use std::fmt::Write;
use std::path::Path;

use dolmen_base::block::ReadMode;
use dolmen_bti::dump::{Cassandra, Lines};
use dolmen_text::json::{Document, Kind, Value};

use common::table::{AllCodecs, all_tables, open};

/// A value with the members of objects in the order of their names, numbers digit for digit.
fn canonical(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            let mut members: Vec<_> = value.members().collect();
            members.retain(|(name, _)| name != "expired");
            members.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            for (name, member) in members {
                write!(out, "{name:?}:").unwrap();
                canonical(member, out);
                out.push(',');
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for item in value.items() {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Kind::String => write!(out, "{:?}", value.as_str().unwrap()).unwrap(),
        _ => out.push_str(value.text()),
    }
}

fn canonical_line(line: &str) -> String {
    let mut out = String::new();
    let document = Document::read(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e:?}"));
    canonical(document.root(), &mut out);
    out
}

/// Compares lines; gives how many there were.
fn check(folder: &Path, what: &str, ours: &[String]) -> Option<usize> {
    let theirs = common::text(&folder.join(what))?;
    let theirs: Vec<&str> = theirs.lines().filter(|line| !line.is_empty()).collect();
    for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(canonical_line(ours), canonical_line(theirs), "{} {what} line {i}", folder.display());
    }
    assert_eq!(ours.len(), theirs.len(), "{} {what}", folder.display());
    Some(theirs.len())
}

fn lines(folder: &Path) -> Vec<String> {
    let (table, files) = open(folder);
    let printer = Lines { context: table.context(), has_cql: true };
    let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
    let mut out = Vec::new();
    while let Some(event) = walk.next_event().unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let mut line = String::new();
        if printer.write(&event, &mut line).unwrap() {
            out.push(line);
        }
    }
    out
}

fn sstabledump(folder: &Path) -> Vec<String> {
    let (table, files) = open(folder);
    let mut printer = Cassandra::new(table.context(), 1_800_000_000);
    let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
    let (mut out, mut line) = (Vec::new(), String::new());
    while let Some(event) = walk.next_event().unwrap() {
        if printer.write(&event, &mut line).unwrap() {
            out.push(std::mem::take(&mut line));
        }
    }
    out
}

#[test]
fn every_table_decodes_to_what_cassandra_read() {
    let (mut tables, mut objects) = (0, 0);
    for folder in all_tables() {
        if let Some(count) = check(&folder, "expected.jsonl", &lines(&folder)) {
            (tables, objects) = (tables + 1, objects + count);
        }
    }
    println!("{tables} tables, {objects} objects");
    assert!(tables > 5 && objects > 500, "{tables} tables, {objects} objects");
}

#[test]
fn every_table_dumps_as_sstabledump_does() {
    let (mut tables, mut partitions) = (0, 0);
    for folder in all_tables() {
        if folder.join("sstabledump.jsonl").exists() || folder.join("sstabledump.jsonl.gz").exists() {
            partitions += check(&folder, "sstabledump.jsonl", &sstabledump(&folder)).unwrap();
            tables += 1;
        }
    }
    println!("{tables} tables, {partitions} partitions");
    assert!(tables > 5, "{tables} tables");
}
