//! A whole database read with the formats alone: MANIFEST, tables and logs into one list, judged naively.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_base::trace::Step;
use dolmen_lsm::batch::{BatchView, Record};
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::filename::{FileName, parse_current};
use dolmen_lsm::filter::{BloomBuilder, hash64};
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, FamilyId, SEQUENCE_MAX, SequenceNumber, ValueType};
use dolmen_lsm::manifest::{self, Tail};
use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::naive::Entries;
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::table::{Looked, Table, TableIter};

use super::{Memory, codecs, hex};

/// A database as its MANIFEST describes it.
pub struct Database {
    pub source: Memory,
    pub families: BTreeMap<FamilyId, Family>,
    logs: BTreeMap<FileNumber, Vec<u8>>,
}

#[derive(Default)]
pub struct Family {
    pub name: String,
    log_number: FileNumber,
    /// Number to length and level.
    pub files: BTreeMap<FileNumber, (u64, u32)>,
}

impl Database {
    pub fn open(dir: &Path) -> Database {
        let mut db = Database { source: Memory::default(), families: BTreeMap::new(), logs: BTreeMap::new() };
        db.families.insert(FamilyId::new(0), Family { name: "default".into(), ..Family::default() });
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            match FileName::parse(path.file_name().unwrap().to_str().unwrap()) {
                Some(FileName::Table(number) | FileName::LevelDbTable(number)) => {
                    drop(db.source.files.insert(number.get(), bytes))
                }
                Some(FileName::Log(number)) => drop(db.logs.insert(number, bytes)),
                _ => {}
            }
        }
        let number = parse_current(&fs::read(dir.join("CURRENT")).unwrap()).unwrap();
        let manifest = fs::read(dir.join(FileName::Manifest(number).to_string())).unwrap();
        let read = manifest::read(&manifest, number).unwrap();
        assert_eq!((read.tail, read.whole_len), (Tail::Whole, manifest.len() as u64));
        for edit in read.edits {
            db.apply(edit);
        }
        db
    }

    fn apply(&mut self, edit: VersionEdit) {
        if edit.family_drop {
            self.families.remove(&edit.family);
            return;
        }
        let family = self.families.entry(edit.family).or_default();
        if let Some(name) = edit.family_add {
            family.name = name;
        }
        if let Some(number) = edit.log_number {
            family.log_number = number;
        }
        for (_, number) in &edit.deleted_files {
            assert!(family.files.remove(number).is_some(), "deletes a file that is not there");
        }
        for file in edit.new_files {
            assert!(key::compare(&file.smallest, &file.largest).is_le());
            family.files.insert(file.number, (file.len, file.level));
        }
    }

    /// The visible rows in the form of the `.expected.txt` files.
    pub fn dump(&self, family: FamilyId, operator: Option<&dyn MergeOperator>) -> String {
        let mut entries = Entries::default();
        for (&number, &(len, _)) in &self.families[&family].files {
            self.read_table(number, len, &mut entries);
        }
        for (&number, bytes) in &self.logs {
            if number >= self.families[&family].log_number {
                read_log(bytes, family, &mut entries);
            }
        }
        let mut out = String::new();
        for (key, value) in entries.visible(SEQUENCE_MAX, operator).expect("every merge has its operator") {
            writeln!(out, "{}\t{}\t{}", self.families[&family].name, hex(&key), hex(&value)).unwrap();
        }
        out
    }

    /// All entries of a table by iterating both ways, each of them found by lookup too.
    fn read_table(&self, number: FileNumber, len: u64, entries: &mut Entries) {
        assert_eq!(self.source.files[&number.get()].len() as u64, len);
        let table = Table::open(&self.source, number, len, &codecs()).unwrap();
        for tombstone in table.range_tombstones() {
            entries.add_tombstone(tombstone.clone());
        }
        let mut forward = Vec::new();
        let mut iter = TableIter::new(&table, &self.source, ReadMode::MayBlock);
        iter.seek_to_first().unwrap();
        while iter.valid() {
            forward.push((iter.key().to_vec(), iter.value().to_vec()));
            iter.next().unwrap();
        }
        let mut backward = Vec::new();
        iter.seek_to_last().unwrap();
        while iter.valid() {
            backward.push((iter.key().to_vec(), iter.value().to_vec()));
            iter.prev().unwrap();
        }
        backward.reverse();
        assert_eq!(forward, backward);
        assert!(forward.is_sorted_by(|a, b| key::compare(&a.0, &b.0).is_lt()));
        if let Some(counted) = table.properties().number("rocksdb.num.entries") {
            assert_eq!(forward.len() + table.range_tombstones().len(), counted as usize);
        }
        self.check_filter(&table, &forward);
        for (i, (key, value)) in forward.iter().enumerate() {
            self.find(&table, &forward, i, key, value);
            iter.seek(key).unwrap();
            assert_eq!((iter.key(), iter.value()), (&key[..], &value[..]));
            iter.seek_for_prev(key).unwrap();
            assert_eq!(iter.key(), &key[..]);
            entries.add(key, value);
        }
    }

    /// The filter stops most keys that are absent. A bloom filter of whole keys is the one that we would have built (later writers
    /// round its length to what their allocator gives: `optimize_filters_for_memory`).
    fn check_filter(&self, table: &Table, rows: &[(Vec<u8>, Vec<u8>)]) {
        let whole_keys = table.properties().text("rocksdb.prefix.extractor.name") == Some("nullptr");
        if table.filter_name() == "bloom" && whole_keys && table.footer().form.format_version == 5 {
            let mut hashes: Vec<u64> = rows.iter().map(|(k, _)| hash64(key::user_key(k))).collect();
            hashes.dedup();
            assert_eq!(table.filter_block().unwrap(), BloomBuilder::new(10).build(&hashes));
        }
        if table.filter_name() == "none" || rows.is_empty() {
            return;
        }
        let mut passed = 0;
        for i in 0..1000 {
            let mut absent = Vec::new();
            key::put_seek_key(&mut absent, format!("absent-{i}").as_bytes(), SEQUENCE_MAX);
            let looked = table.get(&self.source, ReadMode::MayBlock, &absent, &mut NoTrace, &mut |_, _| true);
            passed += usize::from(looked.unwrap() == Looked::Visited);
        }
        assert!(passed < 50, "{passed} of 1000 absent keys pass a {} filter", table.filter_name());
    }

    /// Looks a key up at its own sequence number and newer.
    fn find(&self, table: &Table, all: &[(Vec<u8>, Vec<u8>)], i: usize, key: &[u8], value: &[u8]) {
        let user_key = key::user_key(key);
        let mut seek_key = Vec::new();
        key::put_seek_key(&mut seek_key, user_key, SequenceNumber::new(key::packed_trailer(key) >> 8));
        let mut found = Vec::new();
        let mut trace: Vec<Step> = Vec::new();
        let looked = table.get(&self.source, ReadMode::MayBlock, &seek_key, &mut trace, &mut |k, v| {
            found.push((k.to_vec(), v.to_vec()));
            true
        });
        assert_eq!(looked, Ok(Looked::Visited), "{}", hex(key));
        assert_eq!(found[0], (key.to_vec(), value.to_vec()));
        let rest = all[i..].iter().take_while(|(k, _)| key::user_key(k) == user_key).count();
        assert_eq!(found, all[i..i + rest]);
        if table.filter_name() != "none" {
            assert!(matches!(trace[0], Step::Filter { may_match: true, .. }), "asked without the filter");
        }
    }
}

/// Records of a log in RocksDB's framing; the files of this test are whole.
fn log_records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    for block in bytes.chunks(32_768) {
        let mut rest = block;
        while rest.len() >= 7 {
            let (len, kind) = (usize::from(u16::from_le_bytes([rest[4], rest[5]])), rest[6]);
            // Recyclable records (5 to 8) have the log's number behind the type.
            let header = if kind > 4 { 11 } else { 7 };
            if kind == 0 {
                break;
            }
            record.extend_from_slice(&rest[header..header + len]);
            rest = &rest[header + len..];
            if matches!(kind, 1 | 4 | 5 | 8) {
                records.push(std::mem::take(&mut record));
            } else if kind > 8 {
                record.clear();
            }
        }
    }
    records
}

fn read_log(bytes: &[u8], wanted: FamilyId, entries: &mut Entries) {
    for record in log_records(bytes) {
        let batch = BatchView::parse(&record).unwrap();
        let mut sequence = batch.sequence();
        for record in batch.records() {
            let mut add = |family: FamilyId, key: &[u8], kind: ValueType, value: &[u8]| {
                if family == wanted {
                    let mut internal = Vec::new();
                    key::put_internal_key(&mut internal, key, sequence, kind);
                    entries.add(&internal, value);
                }
            };
            match record {
                Record::Put { family, key, value } => add(family, key, ValueType::Value, value),
                Record::Delete { family, key } => add(family, key, ValueType::Deletion, b""),
                Record::SingleDelete { family, key } => add(family, key, ValueType::SingleDeletion, b""),
                Record::Merge { family, key, operand } => add(family, key, ValueType::Merge, operand),
                Record::DeleteRange { family, begin, end } if family == wanted => {
                    entries.add_tombstone(RangeTombstone {
                        begin: begin.to_vec(),
                        end: end.to_vec(),
                        sequence,
                    });
                }
                _ => {}
            }
            if record.counts() {
                sequence = sequence.next();
            }
        }
    }
}

/// `UInt64AddOperator`.
pub struct Add;
/// `StringAppendOperator` with a comma.
pub struct Append;

impl MergeOperator for Add {
    fn name(&self) -> &str {
        "UInt64AddOperator"
    }
    fn full_merge(&self, _: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let sum = existing.into_iter().chain(operands.iter().copied()).map(number).fold(0, u64::wrapping_add);
        Some(sum.to_le_bytes().to_vec())
    }
}

impl MergeOperator for Append {
    fn name(&self) -> &str {
        "StringAppendOperator"
    }
    fn full_merge(&self, _: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let parts: Vec<&[u8]> = existing.into_iter().chain(operands.iter().copied()).collect();
        Some(parts.join(&b','))
    }
}
