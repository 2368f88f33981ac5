//! What is not supported is refused by its name. The tables carry no checksum, so that one field can be changed in place.
#![allow(clippy::disallowed_methods)]

mod common;

use common::{codecs, committed, file_number};
use dolmen_base::block::ReadMode;
use dolmen_lsm::block::stored::ChecksumType;
use dolmen_lsm::codecs::{Codecs, CompressionType};
use dolmen_lsm::error::{Feature, ReadError};
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::table::{FileBytes, Table, TableBuilder, TableIter, TableOptions};

fn table(compression: CompressionType) -> Vec<u8> {
    let checksum = ChecksumType::None;
    let mut builder =
        TableBuilder::new(TableOptions { compression, checksum, ..TableOptions::default() }, &codecs());
    let (mut out, mut internal) = (Vec::new(), Vec::new());
    key::put_internal_key(&mut internal, b"key", SequenceNumber::new(1), ValueType::Value);
    builder.add(&internal, &[7; 500], &mut out).unwrap();
    builder.finish(&mut out);
    out
}

/// The error of opening a table and reading its first entry.
fn refusal(bytes: &[u8], codecs: &Codecs) -> ReadError {
    let source = FileBytes(bytes);
    let opened = Table::open(&source, file_number(9), bytes.len() as u64, codecs);
    let read = opened.and_then(|table| TableIter::new(&table, &source, ReadMode::Bypass).seek_to_first());
    read.expect_err("must be refused")
}

fn check(bytes: &[u8], what: Feature) {
    assert_eq!(refusal(bytes, &Codecs::new()), ReadError::Unsupported { file: file_number(9), what });
}

/// With `from` replaced by `to` of the same length wherever it stands.
fn patched(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = table(CompressionType::None);
    assert_eq!(from.len(), to.len());
    let found: Vec<usize> = (0..bytes.len() - from.len()).filter(|&i| bytes[i..].starts_with(from)).collect();
    assert!(!found.is_empty());
    found.iter().for_each(|&i| bytes[i..i + to.len()].copy_from_slice(to));
    bytes
}

#[test]
fn versions_magics_and_checksum_types() {
    let whole = table(CompressionType::None);
    let version_at = whole.len() - 12;
    for version in [0, 1, 8, 9, u32::MAX] {
        let mut bytes = whole.clone();
        bytes[version_at..version_at + 4].copy_from_slice(&version.to_le_bytes());
        check(&bytes, Feature::FormatVersion(version));
    }
    let mut bytes = whole.clone();
    bytes[whole.len() - 53] = 5;
    check(&bytes, Feature::ChecksumType(5));
    let plain = std::fs::read(committed().join("older/plain-table/000009.sst")).unwrap();
    // `kLegacyPlainTableMagicNumber`: RocksDB writes plain tables with it to this day.
    check(&plain, Feature::Magic(0x4f34_18eb_7a8f_13b8));
    assert_eq!(
        refusal(&plain, &codecs()).to_string(),
        "file 9 uses the magic number 0x4f3418eb7a8f13b8, which is not supported"
    );
}

#[test]
fn comparators_and_ingested_tables() {
    let comparator = patched(b"leveldb.BytewiseComparator", b"rocksdb.ReverseBytewiseCom");
    check(&comparator, Feature::Comparator);
    let external = std::fs::read(committed().join("older/external.sst")).unwrap();
    check(&external, Feature::IngestedTable);
}

#[test]
fn compressions_that_are_not_plugged_in() {
    check(&table(CompressionType::Zstd), Feature::Compression(7));
    check(&table(CompressionType::Snappy), Feature::Compression(1));
    check(&table(CompressionType::Zlib), Feature::Compression(2));
    // The first block's type byte follows its bytes: LZ4 becomes BZip2, which nothing reads here.
    let mut bytes = table(CompressionType::Lz4);
    let source = FileBytes(&bytes);
    let opened = Table::open(&source, file_number(9), bytes.len() as u64, &codecs()).unwrap();
    let type_at = opened.index().handle(0).unwrap().len as usize;
    assert_eq!(bytes[type_at], 4);
    bytes[type_at] = 3;
    check(&bytes, Feature::Compression(3));
}
