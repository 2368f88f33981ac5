//! A directory made of the formats alone (CURRENT, MANIFEST, tables of two families on two levels) is one that Debian's `ldb` opens,
//! scans, finds every key in through the filters, calls consistent and compacts; and what it leaves is read here again.
#![allow(clippy::disallowed_methods)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::database::Database;
use common::{codecs, file_number, hex, unhex};
use dolmen_base::Rng;
use dolmen_lsm::codecs::CompressionType;
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::filename::{FileName, current_text};
use dolmen_lsm::key::{self, FamilyId, SequenceNumber, ValueType};
use dolmen_lsm::manifest;
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::table::{BYTEWISE_COMPARATOR, TableBuilder, TableOptions};

/// A directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("dolmen-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Row = (String, ValueType, String);

/// Writes a table of sorted rows with sequence numbers from `sequence` on and returns its entry in the MANIFEST.
fn write_table(
    dir: &Path,
    number: u64,
    level: u32,
    compression: CompressionType,
    rows: &[Row],
    tombstone: Option<RangeTombstone>,
    sequence: u64,
) -> NewFile {
    let number = file_number(number);
    let options = TableOptions { compression, file: number, block_size: 512, ..TableOptions::default() };
    let mut builder = TableBuilder::new(options, &codecs());
    let (mut out, mut internal) = (Vec::new(), Vec::new());
    for (i, (user_key, kind, value)) in rows.iter().enumerate() {
        internal.clear();
        key::put_internal_key(
            &mut internal,
            user_key.as_bytes(),
            SequenceNumber::new(sequence + i as u64),
            *kind,
        );
        builder.add(&internal, value.as_bytes(), &mut out).unwrap();
    }
    if let Some(tombstone) = tombstone {
        builder.add_range_tombstone(tombstone);
    }
    let summary = builder.finish(&mut out);
    fs::write(dir.join(FileName::Table(number).to_string()), &out).unwrap();
    NewFile {
        level,
        number,
        len: summary.len,
        smallest: summary.smallest,
        largest: summary.largest,
        smallest_sequence: summary.smallest_sequence,
        largest_sequence: summary.largest_sequence,
        epoch_number: number.get(),
        tail_len: summary.tail_len,
        ..NewFile::default()
    }
}

fn rows(step: usize, count: usize, text: &str) -> Vec<Row> {
    let mut rng = Rng::new(count as u64);
    let row = |i: usize| {
        let kind = if step == 3 && i.is_multiple_of(4) { ValueType::Deletion } else { ValueType::Value };
        let value = if kind == ValueType::Value {
            format!("{text}-{}-{:x}", i % 7, rng.next_u64())
        } else {
            String::new()
        };
        (format!("key{:05}", i * step), kind, value)
    };
    (0..count).map(row).collect()
}

fn write_database(dir: &Path, compression: CompressionType) {
    let base = rows(1, 400, "base");
    let newer = rows(3, 100, "newer");
    let tombstone = RangeTombstone {
        begin: b"key00100".to_vec(),
        end: b"key00150".to_vec(),
        sequence: SequenceNumber::new(700),
    };
    let first = VersionEdit {
        comparator: Some(BYTEWISE_COMPARATOR.into()),
        log_number: Some(file_number(0)),
        prev_log_number: Some(file_number(0)),
        next_file_number: Some(file_number(20)),
        family_max: Some(FamilyId::new(1)),
        last_sequence: Some(SequenceNumber::new(1000)),
        new_files: vec![
            write_table(dir, 7, 1, compression, &base, None, 1),
            write_table(dir, 8, 0, compression, &newer, Some(tombstone), 500),
        ],
        ..VersionEdit::default()
    };
    let users = VersionEdit {
        family: FamilyId::new(1),
        family_add: Some("users".into()),
        comparator: Some(BYTEWISE_COMPARATOR.into()),
        log_number: Some(file_number(0)),
        ..VersionEdit::default()
    };
    let user_files = VersionEdit {
        family: FamilyId::new(1),
        new_files: vec![write_table(dir, 9, 0, compression, &rows(2, 50, "user"), None, 800)],
        ..VersionEdit::default()
    };
    let mut bytes = Vec::new();
    for edit in [first, users, user_files] {
        let len = bytes.len() as u64;
        manifest::append(&edit, len, &mut bytes);
    }
    fs::write(dir.join("MANIFEST-000005"), bytes).unwrap();
    fs::write(dir.join("CURRENT"), current_text(file_number(5))).unwrap();
}

/// What `ldb` prints for a verb; `None` if it is not installed.
fn ldb(dir: &Path, family: &str, words: &[&str]) -> Option<String> {
    let output = Command::new("ldb")
        .arg(format!("--db={}", dir.display()))
        .arg(format!("--column_family={family}"))
        .arg("--bloom_bits=10")
        .args(words)
        .output()
        .ok()?;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// `ldb scan` prints `<key> : <value>` (`==>` in later versions).
fn scanned(family: &str, text: &str) -> String {
    let rows = text.lines().filter_map(|line| line.split_once(" : ").or_else(|| line.split_once(" ==> ")));
    rows.map(|(k, v)| format!("{family}\t{}\t{}\n", hex(k.as_bytes()), hex(v.as_bytes()))).collect()
}

#[test]
fn rocksdbs_ldb_reads_and_compacts_what_is_written() {
    if Command::new("ldb").arg("--version").output().is_err() {
        println!("skipped: no ldb");
        return;
    }
    for compression in [CompressionType::None, CompressionType::Lz4, CompressionType::Zstd] {
        let scratch = Scratch::new(&format!("directory-{compression:?}"));
        let dir = &scratch.0;
        write_database(dir, compression);
        let ours = Database::open(dir);
        let text = |hex: &str| String::from_utf8(unhex(hex)).unwrap();
        let families = [(FamilyId::new(0), "default"), (FamilyId::new(1), "users")];
        let dumps = families.map(|(id, _)| ours.dump(id, None));
        assert!(ldb(dir, "default", &["checkconsistency"]).unwrap().contains("OK"));
        for ((_, name), dump) in families.iter().zip(&dumps) {
            assert!(dump.lines().count() >= 50);
            assert_eq!(&scanned(name, &ldb(dir, name, &["scan"]).unwrap()), dump, "{compression:?}");
        }
        let step = if compression == CompressionType::None { 1 } else { 5 };
        for row in dumps[0].lines().step_by(step) {
            let words: Vec<&str> = row.split('\t').collect();
            let got = ldb(dir, "default", &["get", &text(words[1])]).unwrap();
            assert_eq!(got.trim_end(), text(words[2]));
        }
        for (id, name) in families {
            ldb(dir, name, &["compact"]).unwrap();
            let after = Database::open(dir);
            assert_eq!(after.dump(id, None), dumps[id.get() as usize], "after ldb compact");
        }
    }
}
