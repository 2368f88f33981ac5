//! Bodies shared by tests, seed replay and fuzz targets: whatever the bytes, no panic, no endless loop, and what can be said about the
//! result holds.

use alloc::vec::Vec;
use core::cmp::Ordering;

use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;

use crate::backup::Meta;
use crate::batch::BatchView;
use crate::block::{BlockCursor, Layout};
use crate::codecs::Codecs;
use crate::edit::VersionEdit;
use crate::error::{Part, ReadError};
use crate::filter::Filter;
use crate::footer::Footer;
use crate::index::{Index, IndexForm};
use crate::iter::InternalIterator;
use crate::key::{self, SEQUENCE_MAX, SequenceNumber};
use crate::manifest::{self, Tail};
use crate::naive;
use crate::properties::Properties;
use crate::range_del::{Fragments, RangeTombstone};
use crate::table::{FileBytes, Table, TableIter, parse_tombstones};

/// A write batch: if it parses, its records are as many as it says.
pub fn check_batch(data: &[u8]) {
    if let Ok(batch) = BatchView::parse(data) {
        let counted = batch.records().filter(|r| r.counts()).count();
        assert_eq!(counted, batch.count() as usize);
    }
}

/// A block of plain keys: the forward walk gives what reading from the front gives, the backward walk and every seek agree with it.
pub fn check_block(data: &[u8]) {
    let Ok(layout) = Layout::parse(data, Part::DataBlock) else { return };
    let mut cursor = BlockCursor::new(layout, Part::DataBlock);
    let Ok(forward) = walk_block(&mut cursor, data) else { return };
    if let Some(plain) = naive::block_entries(data) {
        assert_eq!(forward, plain);
    }
    let mut backward = Vec::new();
    let mut result = cursor.seek_to_last(data);
    while result.is_ok() && cursor.valid() {
        backward.push((cursor.key().to_vec(), cursor.value(data).to_vec()));
        result = cursor.prev(data);
    }
    // A restart that points into the middle of an entry may be found out only here.
    let sorted = forward.is_sorted_by(|a, b| a.0 < b.0);
    if result.is_err() || !sorted {
        return;
    }
    for (key, value) in &forward {
        if cursor.seek(data, key, Ord::cmp).is_err() {
            return;
        }
        // With restarts that lie the seek may land elsewhere, but never on a smaller key.
        assert!(!cursor.valid() || cursor.key() >= key.as_slice());
        if backward.iter().rev().eq(&forward) && restarts_are_entries(&layout, data) {
            assert_eq!((cursor.key(), cursor.value(data)), (key.as_slice(), value.as_slice()));
        }
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn walk_block(cursor: &mut BlockCursor, data: &[u8]) -> Result<Rows, ReadError> {
    let mut out = Vec::new();
    cursor.seek_to_first(data)?;
    while cursor.valid() {
        out.push((cursor.key().to_vec(), cursor.value(data).to_vec()));
        cursor.next(data)?;
    }
    Ok(out)
}

/// Whether every restart is the start of an entry, the first one at 0, ascending.
fn restarts_are_entries(layout: &Layout, data: &[u8]) -> bool {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(entry) = crate::block::Entry::decode(&data[..layout.entries_len()], at) {
        starts.push(at);
        at = entry.end;
        if at == layout.entries_len() {
            break;
        }
    }
    let restarts: Vec<usize> = (0..layout.restart_count()).map(|i| layout.restart(data, i)).collect();
    restarts.first() == Some(&0)
        && restarts.is_sorted_by(|a, b| a < b)
        && restarts.iter().all(|r| starts.binary_search(r).is_ok())
}

/// The last bytes of a table.
pub fn check_footer(data: &[u8]) {
    for at in [0, 1 << 40] {
        if let Ok(footer) = Footer::decode(data, at) {
            assert!(footer.form.format_version <= 7);
        }
    }
}

/// An index block in every form: a search finds what a walk from the front finds.
pub fn check_index(data: &[u8]) {
    for bits in 0..8 {
        let form =
            IndexForm { user_keys: bits & 1 != 0, delta_values: bits & 2 != 0, first_keys: bits & 4 != 0 };
        let Ok(index) = Index::parse(data, form, Part::IndexBlock) else { continue };
        for i in 0..index.len() {
            let mut target = index.key(i).to_vec();
            assert_eq!(index.seek(&target), i);
            target.insert(target.len() - key::TRAILER_LEN, 0);
            let plain = (0..index.len()).find(|&i| key::compare(index.key(i), &target) != Ordering::Less);
            assert_eq!(index.seek(&target), plain.unwrap_or(index.len()));
        }
    }
}

/// A filter block.
pub fn check_filter(data: &[u8]) {
    let filter = Filter::parse(data);
    for len in [0, 1, 8, 100] {
        filter.may_match(data, &data[..data.len().min(len)]);
    }
}

/// A properties block: what parses is encoded and parsed to the same.
pub fn check_properties(data: &[u8]) {
    if let Ok(properties) = Properties::parse(data) {
        assert_eq!(Properties::parse(&properties.encode()), Ok(properties));
    }
}

/// A range-deletion block: fragments cover what the tombstones cover.
pub fn check_range_deletions(data: &[u8]) {
    let Ok(tombstones) = parse_tombstones(data) else { return };
    check_fragments(&tombstones);
}

/// Fragments against the tombstones that they were cut from, at every bound and between, for every sequence number.
pub fn check_fragments(tombstones: &[RangeTombstone]) {
    let fragments = Fragments::new(tombstones);
    let snapshots: Vec<_> = tombstones.iter().step_by(3).map(|t| t.sequence).collect();
    let seen = Fragments::for_snapshots(tombstones, &snapshots);
    assert!(seen.iter().all(|f| f.sequences.is_sorted_by(|a, b| a > b)));
    let ordered = fragments.iter().zip(fragments.iter().skip(1)).all(|(a, b)| a.end <= b.begin);
    assert!(ordered && fragments.iter().all(|f| f.begin < f.end && !f.sequences.is_empty()));
    for probe in tombstones.iter().flat_map(|t| [&t.begin, &t.end]) {
        let mut behind = probe.clone();
        behind.push(0);
        for key in [probe, &behind] {
            for max in tombstones.iter().map(|t| t.sequence).chain([SequenceNumber::new(0), SEQUENCE_MAX]) {
                let plain = naive::covering(tombstones, key, max);
                assert_eq!(fragments.covering(key, max), plain);
                let is_reader = max == SEQUENCE_MAX || snapshots.contains(&max);
                assert!(!is_reader || seen.covering(key, max) == plain);
            }
        }
    }
}

/// A record of the MANIFEST: what decodes is encoded and decoded to the same.
pub fn check_version_edit(data: &[u8]) {
    if let Ok(edit) = VersionEdit::decode(data) {
        let mut bytes = Vec::new();
        edit.encode(&mut bytes);
        assert_eq!(VersionEdit::decode(&bytes), Ok(edit));
    }
}

/// The list of a backup: what is read is written and read again, and leads to files of a database only.
pub fn check_backup(data: &[u8]) {
    let Ok(meta) = Meta::parse(data) else { return };
    let leads_out = |path: &str| path.split('/').any(|part| part.is_empty() || part == "..");
    assert!(!meta.files.iter().any(|file| leads_out(&file.path)));
    assert_eq!(Meta::parse(meta.encode().as_bytes()), Ok(meta));
}

/// A MANIFEST: what was read is at most the file, and appending to the whole part is read back.
pub fn check_manifest(data: &[u8]) {
    let Ok(manifest) = manifest::read(data, FileNumber::new(1)) else { return };
    let mut bytes = data[..manifest.whole_len as usize].to_vec();
    manifest::append(&VersionEdit::default(), manifest.whole_len, &mut bytes);
    let again = manifest::read(&bytes, FileNumber::new(1)).map(|m| (m.edits.len(), m.tail));
    assert_eq!(again, Ok((manifest.edits.len() + 1, Tail::Whole)));
}

/// A whole table: every entry of the forward walk is found by lookup, and the backward walk is its mirror.
pub fn check_table(data: &[u8]) {
    let source = FileBytes(data);
    let Ok(table) = Table::open(&source, FileNumber::new(1), data.len() as u64, &Codecs::new()) else {
        return;
    };
    let _ = read_table(&table, &source);
}

/// All entries of a table by every way of reading. Index and blocks of a hostile file may contradict each other, so the ways are
/// compared only as far as the order of keys holds.
fn read_table(table: &Table, source: &FileBytes<'_>) -> Result<(), ReadError> {
    let mut iter = TableIter::new(table, source, ReadMode::Bypass);
    let mut keys: Vec<Vec<u8>> = Vec::new();
    iter.seek_to_first()?;
    while iter.valid() && keys.len() < ENTRY_COUNT_MAX {
        keys.push(iter.key().to_vec());
        iter.next()?;
    }
    let mut count = 0;
    iter.seek_to_last()?;
    while iter.valid() && count < ENTRY_COUNT_MAX {
        count += 1;
        iter.prev()?;
    }
    for key in &keys {
        table.get(source, ReadMode::Bypass, key, &mut NoTrace, &mut |found, _| {
            assert_eq!(key::user_key(found), key::user_key(key));
            true
        })?;
        iter.seek(key)?;
        iter.seek_for_prev(key)?;
    }
    Ok(())
}

/// A hostile index can name one block many times over; the walk is cut here.
const ENTRY_COUNT_MAX: usize = 10_000;
