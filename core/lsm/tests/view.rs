//! What `dolmen kv inspect FILE` prints for files of RocksDB.
#![allow(clippy::disallowed_methods)]

mod common;

use common::{codecs, committed, file_number};
use dolmen_lsm::table::{FileBytes, Table};
use dolmen_lsm::{manifest, view};

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(committed().join("rocksdb").join(path)).unwrap()
}

#[test]
fn a_table_is_shown_with_all_its_parts() {
    let bytes = fixture("7.8.3-fv5/range-deletes/000011.sst");
    let source = FileBytes(&bytes);
    let table = Table::open(&source, file_number(11), bytes.len() as u64, &codecs()).unwrap();
    let shown = view::collect(|line| view::table(&table, &source, true, line).unwrap());
    for part in [
        "format_version 5, checksum kXXH3",
        "  rocksdb.comparator = leveldb.BytewiseComparator",
        "  rocksdb.num.range-deletions = 3",
        "  rocksdb.block.based.table.whole.key.filtering = 1",
        "range tombstones",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert_eq!(shown.matches("..key-").count(), 3);
    assert!(view::is_table(&bytes) && !view::is_table(&bytes[..40]));
}

#[test]
fn entries_are_shown_with_sequence_and_type() {
    let bytes = fixture("9.10.0-fv6/merge-stringappend/000009.sst");
    let source = FileBytes(&bytes);
    let table = Table::open(&source, file_number(9), bytes.len() as u64, &codecs()).unwrap();
    let shown = view::collect(|line| view::entries(&table, &source, line).unwrap());
    assert_eq!(shown.lines().count(), 81);
    assert!(shown.contains(" : merge = "), "{shown}");
}

#[test]
fn a_manifest_is_shown_edit_by_edit() {
    let bytes = fixture("7.8.3-fv5/column-families/MANIFEST-000005");
    assert!(!view::is_table(&bytes));
    let manifest = manifest::read(&bytes, file_number(5)).unwrap();
    let shown = view::collect(|line| view::manifest(&manifest, line));
    for part in
        ["add column family users", "add column family blobs é", "comparator leveldb.BytewiseComparator"]
    {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(shown.ends_with(&format!("whole, {} bytes", bytes.len())));
}

#[test]
fn bytes_that_do_not_print_are_escaped() {
    assert_eq!(view::text(b"a\\b\x00\xff~"), "a\\x5cb\\x00\\xff~");
}
