//! Databases that RocksDB 7.8.3, 9.10.0 and 11.9.0 wrote: every entry is read, every key is found by lookup through the filter, and
//! what is visible equals what RocksDB itself iterates.
#![allow(clippy::disallowed_methods)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::database::{Add, Append, Database};
use common::{codecs, committed, hex, testdata};
use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_lsm::filename::{FileName, parse_current};
use dolmen_lsm::key::{self, FamilyId};
use dolmen_lsm::manifest;
use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::table::{Looked, Table};

/// Checks one database against its `.expected.txt`.
fn check_database(dir: &Path) {
    let db = Database::open(dir);
    let name = dir.file_name().unwrap().to_str().unwrap();
    let operator: Option<&dyn MergeOperator> = match name {
        "merge-uint64add" => Some(&Add),
        "merge-stringappend" => Some(&Append),
        _ => None,
    };
    let expected = fs::read_to_string(dir.with_extension("expected.txt")).unwrap();
    let expected: BTreeSet<&str> = expected.lines().skip(1).collect();
    let found: String = db.families.keys().map(|&family| db.dump(family, operator)).collect();
    let found: BTreeSet<&str> = found.lines().collect();
    assert!(!found.is_empty());
    assert_eq!(found, expected, "{}", dir.display());
}

fn folders(root: &Path) -> Vec<PathBuf> {
    fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect()
}

fn check_all(root: &Path) -> usize {
    let databases: Vec<PathBuf> = folders(root).iter().flat_map(|writer| folders(writer)).collect();
    databases.iter().for_each(|dir| check_database(dir));
    databases.len()
}

#[test]
fn all_databases_read_as_rocksdb_reads_them() {
    if let Some(data) = testdata("rocksdb") {
        let count = check_all(&data);
        println!("{count} databases");
        assert_eq!(count, 57);
    }
}

#[test]
fn the_committed_databases_read_as_rocksdb_reads_them() {
    assert_eq!(check_all(&committed().join("rocksdb")), 14);
}

#[test]
fn older_formats_read_as_rocksdb_reads_them() {
    let mut databases = folders(&committed().join("older"));
    databases.retain(|dir| !dir.ends_with("plain-table"));
    databases.iter().for_each(|dir| check_database(dir));
    assert_eq!(databases.len(), 7);
}

#[test]
fn a_leveldb_database_reads_as_leveldb_reads_it() {
    let dir = committed().join("leveldb");
    let db = Database::open(&dir.join("db"));
    assert_eq!(db.source.files.len(), 2);
    let expected = fs::read_to_string(dir.join("expected.txt")).unwrap();
    let rows = expected.lines().map(|line| line.split_once('\t').unwrap());
    let expected: String =
        rows.map(|(k, v)| format!("default\t{}\t{}\n", hex(k.as_bytes()), hex(v.as_bytes()))).collect();
    assert_eq!(db.dump(FamilyId::new(0), None), expected);
}

#[test]
fn a_partition_that_is_not_cached_is_not_an_error() {
    let db = Database::open(&committed().join("rocksdb/7.8.3-fv5/partitioned"));
    let (&number, &(len, _)) = db.families[&FamilyId::new(0)].files.iter().next().unwrap();
    let table = Table::open(&db.source, number, len, &codecs()).unwrap();
    assert!(table.is_two_level() && table.filter_name() == "partitioned");
    let mut key = Vec::new();
    key::put_seek_key(&mut key, b"key-025715", key::SEQUENCE_MAX);
    let look = |mode| table.get(&db.source, mode, &key, &mut NoTrace, &mut |_, _| false);
    assert_eq!(look(ReadMode::CacheOnly), Ok(Looked::NotCached));
    assert_eq!(look(ReadMode::MayBlock), Ok(Looked::Visited));
    assert_eq!(look(ReadMode::CacheOnly), Ok(Looked::Visited));
}

/// The edits that RocksDB 7.8.3 wrote, encoded again, are its bytes. (Later versions add tags that may be ignored.)
#[test]
fn edits_have_rocksdbs_bytes() {
    let databases = folders(&committed().join("rocksdb/7.8.3-fv5"))
        .into_iter()
        .chain(testdata("rocksdb").into_iter().flat_map(|data| folders(&data.join("7.8.3-fv5"))));
    let mut count = 0;
    for dir in databases {
        let number = parse_current(&fs::read(dir.join("CURRENT")).unwrap()).unwrap();
        let written = fs::read(dir.join(FileName::Manifest(number).to_string())).unwrap();
        let mut encoded = Vec::new();
        for edit in manifest::read(&written, number).unwrap().edits {
            let len = encoded.len() as u64;
            manifest::append(&edit, len, &mut encoded);
        }
        assert_eq!(encoded, written, "{}", dir.display());
        count += 1;
    }
    assert!(count >= 5);
}
