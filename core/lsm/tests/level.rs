//! The walk over a sorted level against one list of the same entries.

mod common;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use common::list::{List, Pair};
use dolmen_base::Rng;
use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{SEQUENCE_MAX, SequenceNumber, ValueType, put_internal_key, put_seek_key};
use dolmen_lsm::level::{Level, LevelIter};
use dolmen_lsm::version::Version;

fn internal(number: u64, sequence: u64) -> Vec<u8> {
    let mut key = Vec::new();
    put_internal_key(
        &mut key,
        format!("{number:05}").as_bytes(),
        SequenceNumber::new(sequence),
        ValueType::Value,
    );
    key
}

/// Entries in order, cut into tables; some tables hold no point, some bounds reach beyond the points (as range tombstones make them).
fn level(rng: &mut Rng) -> (Vec<Pair>, Version, Vec<Vec<Pair>>) {
    let (mut all, mut tables, mut edit) = (Vec::new(), Vec::new(), VersionEdit::default());
    let mut next = 0;
    for number in 0..rng.below(12) {
        let mut table: Vec<Pair> = Vec::new();
        let begin = next;
        for _ in 0..rng.below(6) {
            next += 1 + rng.below(3);
            let versions = 1 + rng.below(3);
            table.extend((0..versions).map(|v| (internal(next, 9 - v), next.to_string().into_bytes())));
        }
        let mut file = NewFile { level: 3, number: FileNumber::new(number), ..NewFile::default() };
        match (table.first(), rng.one_in(3)) {
            (Some((first, _)), false) => {
                file.smallest = first.clone();
                file.largest = table[table.len() - 1].0.clone();
            }
            _ => {
                let (smallest, end) = (format!("{begin:05}"), format!("{:05}", next + 1));
                put_internal_key(
                    &mut file.smallest,
                    smallest.as_bytes(),
                    SequenceNumber::new(8),
                    ValueType::RangeDeletion,
                );
                put_internal_key(&mut file.largest, end.as_bytes(), SEQUENCE_MAX, ValueType::RangeDeletion);
            }
        }
        next += 1;
        all.extend(table.iter().cloned());
        tables.push(table);
        edit.new_files.push(file);
    }
    (all, Version::default().apply(&edit).unwrap(), tables)
}

/// An entry's own key, or one between entries.
fn target(rng: &mut Rng, entries: &[Pair]) -> Vec<u8> {
    if rng.one_in(3) && !entries.is_empty() {
        return entries[rng.below(entries.len() as u64) as usize].0.clone();
    }
    let mut key = Vec::new();
    let (number, sequence) = (rng.below(60), SequenceNumber::new(rng.below(12)));
    put_seek_key(&mut key, format!("{number:05}").as_bytes(), sequence);
    key
}

#[test]
fn a_level_walks_like_one_list() {
    let mut rng = Rng::new(11);
    for _ in 0..800 {
        let (all, version, tables) = level(&mut rng);
        let open =
            |file: &NewFile| Ok(List { entries: tables[file.number.get() as usize].clone(), at: None });
        let mut iter = LevelIter::new(Level { version: Arc::new(version), number: 3 }, open);
        let mut list = List { entries: all, at: None };
        for _ in 0..60 {
            let target = target(&mut rng, &list.entries);
            let step: &dyn Fn(&mut dyn InternalIterator) -> Result<(), ReadError> = match rng.below(8) {
                0 => &|i| i.seek_to_first(),
                1 => &|i| i.seek_to_last(),
                2 => &|i| i.seek(&target),
                3 => &|i| i.seek_for_prev(&target),
                4 | 5 => &|i| i.next(),
                _ => &|i| i.prev(),
            };
            step(&mut iter).unwrap();
            step(&mut list).unwrap();
            assert_eq!(iter.valid(), list.valid());
            assert_eq!((iter.key(), iter.value()), (list.key(), list.value()));
        }
    }
}

/// A thousand tables of ten entries each.
fn thousand() -> Vec<Arc<NewFile>> {
    let file = |n: u64| NewFile {
        number: FileNumber::new(n),
        smallest: internal(n * 10, 1),
        largest: internal(n * 10 + 9, 1),
        ..NewFile::default()
    };
    (0..1000).map(|n| Arc::new(file(n))).collect()
}

#[test]
fn only_the_tables_on_the_way_are_opened() {
    let opened = RefCell::new(Vec::new());
    let open = |file: &NewFile| {
        let n = file.number.get();
        opened.borrow_mut().push(n);
        Ok(List { entries: (n * 10..n * 10 + 10).map(|i| (internal(i, 1), Vec::new())).collect(), at: None })
    };
    let mut iter = LevelIter::new(thousand(), open);
    assert!(!iter.valid() && opened.borrow().is_empty());
    iter.seek(&internal(4_567, 9)).unwrap();
    assert_eq!(iter.key(), internal(4_567, 1));
    (0..10).for_each(|_| iter.next().unwrap());
    assert_eq!(iter.key(), internal(4_577, 1));
    iter.seek(&internal(4_571, 9)).unwrap();
    assert_eq!(*opened.borrow(), [456, 457]);
    iter.seek_for_prev(&internal(4_569, 0)).unwrap();
    assert_eq!((iter.key(), opened.borrow().len()), (&internal(4_569, 1)[..], 3));
}

#[test]
fn a_table_that_cannot_be_opened_ends_the_walk_with_the_error() {
    let broken = Cell::new(true);
    let error = ReadError::Io { file: FileNumber::new(1), at: 0, error: IoError::Os(5) };
    let open = |file: &NewFile| {
        let n = file.number.get();
        match n == 1 && broken.get() {
            true => Err(error.clone()),
            false => Ok(List {
                entries: (n * 10..n * 10 + 10).map(|i| (internal(i, 1), Vec::new())).collect(),
                at: None,
            }),
        }
    };
    let mut iter = LevelIter::new(thousand(), open);
    iter.seek(&internal(9, 9)).unwrap();
    assert_eq!(iter.next(), Err(error.clone()));
    assert!(!iter.valid() && iter.key().is_empty() && iter.next() == Ok(()));
    broken.set(false);
    iter.seek(&internal(9, 9)).unwrap();
    iter.next().unwrap();
    assert_eq!(iter.key(), internal(10, 1));
}
