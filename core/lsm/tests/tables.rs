//! Tables that are built here: read back with every option, and accepted by RocksDB's own `sst_dump`.
#![allow(clippy::disallowed_methods)]

mod common;

use std::process::Command;

use common::{Memory, codecs, file_number, hex};
use dolmen_base::block::ReadMode;
use dolmen_base::{NoTrace, Rng};
use dolmen_lsm::block::stored::ChecksumType;
use dolmen_lsm::codecs::CompressionType;
use dolmen_lsm::error::{Damage, ReadError};
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::table::{Looked, Table, TableBuilder, TableIter, TableOptions, TableSummary};

type Entry = (Vec<u8>, Vec<u8>);

/// Sorted entries: several versions of some keys, keys that are prefixes of each other, values from empty to large.
fn entries(seed: u64, count: usize) -> Vec<Entry> {
    let mut rng = Rng::new(seed);
    let mut out = Vec::new();
    for sequence in 1..=count as u64 {
        let mut user_key = format!("key-{:05}", rng.below(count as u64)).into_bytes();
        match rng.below(8) {
            0 => user_key.truncate(rng.below(9) as usize),
            1 => user_key.extend(std::iter::repeat_n(0xff, rng.below(20) as usize)),
            _ => {}
        }
        let kinds = [ValueType::Value, ValueType::Merge, ValueType::Deletion, ValueType::SingleDeletion];
        let kind = kinds[rng.below(8).min(3) as usize];
        let len = if rng.one_in(100) { 9000 } else { rng.below(150) };
        let fill = rng.next_u32() as u8;
        let value = if matches!(kind, ValueType::Value | ValueType::Merge) {
            vec![fill; len as usize]
        } else {
            vec![]
        };
        let mut internal = Vec::new();
        key::put_internal_key(&mut internal, &user_key, SequenceNumber::new(sequence), kind);
        out.push((internal, value));
    }
    out.sort_by(|a, b| key::compare(&a.0, &b.0));
    out
}

fn tombstones() -> Vec<RangeTombstone> {
    let range = |begin: &str, end: &str, sequence| RangeTombstone {
        begin: begin.into(),
        end: end.into(),
        sequence: SequenceNumber::new(sequence),
    };
    vec![range("key-00500", "key-00700", 40), range("key-00100", "key-00600", 90), range("zz", "zzz", 7)]
}

fn build(options: TableOptions, entries: &[Entry], tombstones: &[RangeTombstone]) -> (Vec<u8>, TableSummary) {
    let mut builder = TableBuilder::new(options, &codecs());
    let mut out = Vec::new();
    for (key, value) in entries {
        builder.add(key, value, &mut out).unwrap();
    }
    for tombstone in tombstones {
        builder.add_range_tombstone(tombstone.clone());
    }
    let summary = builder.finish(&mut out);
    assert_eq!(summary.len, out.len() as u64);
    (out, summary)
}

fn all_options() -> Vec<TableOptions> {
    use CompressionType::{Lz4, None, Snappy, Zlib, Zstd};
    let mut out = Vec::new();
    for compression in [None, Lz4, Zstd, Snappy, Zlib] {
        for (block_size, restart_interval) in [(4096, 16), (256, 1), (1 << 20, 4)] {
            out.push(TableOptions { compression, block_size, restart_interval, ..TableOptions::default() });
        }
    }
    use ChecksumType::{Crc32c, XxHash32, XxHash64, Xxh3};
    for checksum in [ChecksumType::None, Crc32c, XxHash32, XxHash64, Xxh3] {
        out.push(TableOptions { checksum, bloom_bits_per_key: 0, ..TableOptions::default() });
    }
    out.push(TableOptions {
        merge_operator: "UInt64AddOperator".into(),
        bloom_bits_per_key: 20,
        ..out[0].clone()
    });
    out
}

/// Every entry by both walks, by seek and by lookup; keys that are absent are not found, and mostly stopped by the filter.
fn check_read(bytes: Vec<u8>, entries: &[Entry], tombstones: &[RangeTombstone]) {
    let len = bytes.len() as u64;
    let source = Memory::of(7, bytes);
    let table = Table::open(&source, file_number(7), len, &codecs()).unwrap();
    let mut iter = TableIter::new(&table, &source, ReadMode::MayBlock);
    iter.seek_to_first().unwrap();
    for (key, value) in entries {
        assert_eq!((iter.key(), iter.value()), (&key[..], &value[..]));
        iter.next().unwrap();
    }
    assert!(!iter.valid());
    iter.seek_to_last().unwrap();
    for (key, _) in entries.iter().rev() {
        assert_eq!(iter.key(), &key[..]);
        iter.prev().unwrap();
    }
    assert!(!iter.valid());
    for (i, (key, value)) in entries.iter().enumerate() {
        let mut found = Vec::new();
        let looked = table.get(&source, ReadMode::MayBlock, key, &mut NoTrace, &mut |k, v| {
            found.push((k.to_vec(), v.to_vec()));
            true
        });
        assert_eq!(looked, Ok(Looked::Visited));
        let of_key = entries[i..].iter().take_while(|e| key::user_key(&e.0) == key::user_key(key)).count();
        assert_eq!(found, entries[i..i + of_key]);
        assert_eq!(&found[0].1, value);
    }
    check_absent(&table, &source, entries);
    let mut expected = tombstones.to_vec();
    expected.sort_by(|a, b| a.begin.cmp(&b.begin));
    assert_eq!(table.range_tombstones(), expected);
}

fn check_absent(table: &Table, source: &Memory, entries: &[Entry]) {
    let mut iter = TableIter::new(table, source, ReadMode::MayBlock);
    let mut passed = 0;
    for i in 0..2000 {
        let mut target = Vec::new();
        key::put_seek_key(&mut target, format!("key-{i:05}-absent").as_bytes(), key::SEQUENCE_MAX);
        let looked =
            table.get(source, ReadMode::MayBlock, &target, &mut NoTrace, &mut |_, _| panic!("visited"));
        passed += usize::from(looked.unwrap() == Looked::Visited);
        let at = entries.partition_point(|e| key::compare(&e.0, &target).is_lt());
        iter.seek(&target).unwrap();
        assert_eq!(iter.valid().then(|| iter.key()), entries.get(at).map(|e| &e.0[..]));
        iter.seek_for_prev(&target).unwrap();
        let before = at.checked_sub(1).map(|i| &entries[i].0[..]);
        assert_eq!(iter.valid().then(|| iter.key()), before);
    }
    if table.filter_name() == "bloom" {
        // About 1 % at ten bits per key.
        assert!(passed < 60, "{passed} of 2000 absent keys pass the filter");
    }
}

#[test]
fn every_option_reads_back() {
    for (i, options) in all_options().into_iter().enumerate() {
        let entries = entries(i as u64, 1500);
        let (bytes, summary) = build(options, &entries, &tombstones());
        assert_eq!(summary.entry_count, 1503);
        assert_eq!(summary.smallest, entries[0].0);
        assert_eq!(key::user_key(&summary.largest), b"zzz");
        assert_eq!(summary.largest_sequence.get(), 1500);
        check_read(bytes, &entries, &tombstones());
    }
}

#[test]
fn small_tables_read_back() {
    for count in 0..40 {
        let entries = entries(99, count);
        let options = TableOptions { block_size: 64, ..TableOptions::default() };
        check_read(build(options.clone(), &entries, &[]).0, &entries, &[]);
        check_read(build(options, &entries, &tombstones()).0, &entries, &tombstones());
    }
}

#[test]
fn a_key_out_of_order_is_refused() {
    let entries = entries(5, 10);
    let mut builder = TableBuilder::new(TableOptions::default(), &codecs());
    let mut out = Vec::new();
    builder.add(&entries[1].0, b"", &mut out).unwrap();
    for key in [&entries[1].0, &entries[0].0] {
        let refused = builder.add(key, b"", &mut out);
        assert!(matches!(refused, Err(ReadError::Corrupt { what: Damage::Order, .. })));
    }
    assert!(builder.add(b"short", b"", &mut out).is_err());
    assert_eq!(builder.entry_count(), 1);
}

#[test]
fn a_miss_in_the_cache_is_not_an_error() {
    let entries = entries(3, 100);
    let (bytes, summary) = build(TableOptions::default(), &entries, &[]);
    let source = Memory::of(7, bytes);
    let table = Table::open(&source, file_number(7), summary.len, &codecs()).unwrap();
    let look = |mode| table.get(&source, mode, &entries[50].0, &mut NoTrace, &mut |_, _| false);
    assert_eq!(look(ReadMode::CacheOnly), Ok(Looked::NotCached));
    assert_eq!(look(ReadMode::Bypass), Ok(Looked::Visited));
    assert_eq!(look(ReadMode::CacheOnly), Ok(Looked::NotCached));
    assert_eq!(look(ReadMode::MayBlock), Ok(Looked::Visited));
    assert_eq!(look(ReadMode::CacheOnly), Ok(Looked::Visited));
}

/// An entry as `sst_dump --command=scan --output_hex` prints it.
fn scan_line((key, value): &Entry) -> String {
    let packed = key::packed_trailer(key);
    let upper = |bytes: &[u8]| hex(bytes).to_uppercase();
    format!("'{}' seq:{}, type:{} => {}", upper(key::user_key(key)), packed >> 8, packed as u8, upper(value))
}

/// Runs Debian's `sst_dump`; `None` if it is not installed.
fn sst_dump(file: &std::path::Path, command: &str) -> Option<String> {
    let output = Command::new("sst_dump")
        .arg(format!("--file={}", file.display()))
        .args([command, "--output_hex"])
        .output();
    match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some(String::from_utf8_lossy(&text).into_owned())
        }
        Err(_) => {
            println!("skipped: no sst_dump");
            None
        }
    }
}

#[test]
fn rocksdbs_sst_dump_verifies_and_scans_every_option() {
    let dir = std::env::temp_dir().join(format!("dolmen-tables-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for (i, options) in all_options().into_iter().enumerate() {
        let entries = entries(i as u64, 1500);
        let (bytes, _) = build(options.clone(), &entries, &tombstones());
        let file = dir.join(format!("{i:06}.sst"));
        std::fs::write(&file, bytes).unwrap();
        let Some(verified) = sst_dump(&file, "--command=verify") else { break };
        assert!(verified.contains("The file is ok"), "{options:?}: {verified}");
        let scanned = sst_dump(&file, "--command=scan").unwrap();
        let rows: Vec<&str> = scanned.lines().filter(|line| line.contains("seq:")).collect();
        assert_eq!(rows, entries.iter().map(scan_line).collect::<Vec<_>>(), "{options:?}");
    }
    let (bytes, _) = build(TableOptions::default(), &[], &tombstones());
    let file = dir.join("000099.sst");
    std::fs::write(&file, bytes).unwrap();
    let verified = sst_dump(&file, "--command=verify");
    assert!(verified.is_none_or(|text| text.contains("The file is ok")), "a table of range tombstones alone");
    std::fs::remove_dir_all(&dir).unwrap();
}
