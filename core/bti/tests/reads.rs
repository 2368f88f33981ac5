//! Reads by key and by clustering, against the scan of the same table.

mod common;

use std::path::Path;

use dolmen_base::block::ReadMode;
use dolmen_base::rng::Rng;
use dolmen_bti::comparable::{ClusteringKind, put_clustering};
use dolmen_bti::data::{BoundKind, Event};
use dolmen_bti::dump::Lines;
use dolmen_bti::error::{Damage, ReadError};
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::partitioner::Partitioner;
use dolmen_bti::slice::{Bound, Slice};
use dolmen_bti::table::Table;

use common::table::{AllCodecs, all_tables, files, open, open_files};

/// Partitions that are read of each table.
const KEYS_MAX: usize = 150;

/// A row or marker of a scan.
struct Item {
    line: String,
    form: Vec<u8>,
    values: Vec<Option<Vec<u8>>>,
    is_row: bool,
}

struct Partition {
    key: Vec<u8>,
    head: Vec<String>,
    items: Vec<Item>,
}

fn item(table: &Table, event: &Event<'_>, line: String) -> Item {
    let (prefix, kind, is_row) = match event {
        Event::Row(row) => (row.clustering, ClusteringKind::Row, true),
        Event::Marker(marker) => (marker.clustering, marker.kind.clustering_kind(), false),
        _ => unreachable!("heads are no items"),
    };
    let values: Vec<Option<Vec<u8>>> = prefix.values().map(|v| v.bytes().map(<[u8]>::to_vec)).collect();
    let mut form = Vec::new();
    let borrowed = values.iter().map(Option::as_deref);
    put_clustering(table.clustering_types(), borrowed, kind, &mut form).unwrap();
    Item { line, form, values, is_row }
}

fn scan(table: &Table, files: &MemoryFiles) -> Vec<Partition> {
    let printer = Lines { context: table.context(), has_cql: false };
    let mut walk = table.walk(files, &AllCodecs, ReadMode::MayBlock, 0);
    let mut out: Vec<Partition> = Vec::new();
    while let Some(event) = walk.next_event().unwrap() {
        let mut line = String::new();
        let has_line = printer.write(&event, &mut line).unwrap();
        match &event {
            Event::Partition(head) => {
                out.push(Partition { key: head.key.to_vec(), head: vec![line], items: Vec::new() });
            }
            Event::Static(_) if has_line => out.last_mut().unwrap().head.push(line),
            Event::Row(_) | Event::Marker(_) if has_line => {
                let item = item(table, &event, line);
                out.last_mut().unwrap().items.push(item);
            }
            _ => {}
        }
    }
    out
}

/// The lines of a slice: the partition's, then the items with whether each is a row.
fn read(
    table: &Table,
    files: &MemoryFiles,
    key: &[u8],
    slice: Slice,
) -> (Vec<String>, Vec<(String, bool)>, u64) {
    let found = table.find(files, &AllCodecs, ReadMode::MayBlock, key).unwrap().expect("a key of the scan");
    let printer = Lines { context: table.context(), has_cql: false };
    let mut reader = table.read(files, &AllCodecs, ReadMode::MayBlock, found, slice);
    let (mut head, mut items) = (Vec::new(), Vec::new());
    while let Some(event) = reader.next_event().unwrap() {
        let mut line = String::new();
        let has_line = printer.write(&event, &mut line).unwrap();
        match event {
            Event::Partition(_) | Event::Static(_) if has_line => head.push(line),
            Event::Row(_) if has_line => items.push((line, true)),
            Event::Marker(_) => items.push((line, false)),
            _ => {}
        }
    }
    (head, items, reader.blocks_read())
}

fn check_partition(table: &Table, files: &MemoryFiles, partition: &Partition, rng: &mut Rng) {
    let all: Vec<(String, bool)> = partition.items.iter().map(|i| (i.line.clone(), i.is_row)).collect();
    let (head, items, _) = read(table, files, &partition.key, Slice::default());
    assert_eq!((&head, &items), (&partition.head, &all));
    let reversed = Slice { is_reversed: true, ..Slice::default() };
    let (head, mut items, _) = read(table, files, &partition.key, reversed);
    items.reverse();
    assert_eq!((&head, &items), (&partition.head, &all), "backwards");
    if partition.items.is_empty() {
        return;
    }
    for _ in 0..6 {
        let mut draw = |kinds: [BoundKind; 2]| {
            let item = &partition.items[rng.below(partition.items.len() as u64) as usize];
            let len = rng.range(0, item.values.len() as u64) as usize;
            let values: Vec<Option<&[u8]>> = item.values[..len].iter().map(Option::as_deref).collect();
            let kind = kinds[rng.below(2) as usize];
            let mut form = Vec::new();
            let types = table.clustering_types();
            put_clustering(types, values.iter().copied(), kind.clustering_kind(), &mut form).unwrap();
            (Bound::new(table, &values, kind).unwrap(), form)
        };
        let (from, low) = draw([BoundKind::InclusiveStart, BoundKind::ExclusiveStart]);
        let (to, high) = draw([BoundKind::InclusiveEnd, BoundKind::ExclusiveEnd]);
        if low > high {
            continue;
        }
        let inside = |item: &&Item| item.is_row && item.form > low && item.form < high;
        let wanted: Vec<&String> = partition.items.iter().filter(inside).map(|item| &item.line).collect();
        for is_reversed in [false, true] {
            let slice = Slice { from: Some(from.clone()), to: Some(to.clone()), is_reversed };
            let (_, mut items, _) = read(table, files, &partition.key, slice);
            if is_reversed {
                items.reverse();
            }
            let rows: Vec<&String> = items.iter().filter(|item| item.1).map(|item| &item.0).collect();
            assert_eq!(rows, wanted, "{} reversed {is_reversed}", common::hex(&partition.key));
            // What is cut off at the bounds leaves every range closed: as many starts as ends.
            let starts = items.iter().filter(|i| !i.1 && i.0.contains("START_BOUND\"")).count();
            let ends = items.iter().filter(|i| !i.1 && i.0.contains("END_BOUND\"")).count();
            assert_eq!(starts, ends, "{items:?}");
        }
    }
}

#[test]
fn reads_by_key_give_what_a_scan_shows() {
    let mut rng = Rng::new(5);
    let (mut keys, mut partitioners) = (0, Vec::new());
    for folder in all_tables() {
        let (table, files) = open(&folder);
        println!("{}", folder.display());
        let partitions = scan(&table, &files);
        let step = 1 + partitions.len() / KEYS_MAX;
        for partition in partitions.iter().step_by(step) {
            check_partition(&table, &files, partition, &mut rng);
            keys += 1;
            let mut absent = partition.key.clone();
            absent.push(rng.next_u64() as u8);
            if partitions.iter().all(|p| p.key != absent) {
                let found = table.find(&files, &AllCodecs, ReadMode::MayBlock, &absent).unwrap();
                assert!(found.is_none(), "{}", common::hex(&absent));
            }
        }
        if !partitioners.contains(&table.partitioner()) {
            partitioners.push(table.partitioner());
        }
    }
    println!("{keys} keys, {partitioners:?}");
    assert!(keys > 200);
    for wanted in [Partitioner::Murmur3, Partitioner::ByteOrdered, Partitioner::Random, Partitioner::Local] {
        assert!(partitioners.contains(&wanted), "no table of {wanted}");
    }
}

/// A row of a partition with a row index costs a few pages and the chunks that its block lies in.
#[test]
fn a_row_takes_few_blocks() {
    for name in ["wide", "wide_tombstones", "many_wide", "two_keys"] {
        let Some(folder) = all_tables().into_iter().find(|f| f.ends_with(Path::new("da").join(name))) else {
            continue;
        };
        let (table, files) = open(&folder);
        for partition in scan(&table, &files).iter().take(20) {
            let rows: Vec<&Item> = partition.items.iter().filter(|item| item.is_row).collect();
            for row in rows.iter().step_by(1 + rows.len() / 50) {
                let values: Vec<Option<&[u8]>> = row.values.iter().map(Option::as_deref).collect();
                let slice = Slice {
                    from: Some(Bound::new(&table, &values, BoundKind::InclusiveStart).unwrap()),
                    to: Some(Bound::new(&table, &values, BoundKind::InclusiveEnd).unwrap()),
                    is_reversed: false,
                };
                let (_, items, blocks) = read(&table, &files, &partition.key, slice);
                assert_eq!(items.iter().filter(|item| item.1).count(), 1);
                // Footer and first key, leaf page, entry, pages of a row index of two levels, head and two chunks of rows.
                assert!(blocks <= 12, "{name}: {blocks} blocks");
            }
        }
    }
}

/// Files that Cassandra writes and cannot read.
#[test]
fn invalid_files_are_refused_with_the_reason() {
    let root = common::testdata("cassandra-made").unwrap_or_else(common::committed).join("invalid");
    let fail = |name: &str| {
        let (version, files) = files(&root.join(name));
        let table = open_files(version, &files).unwrap();
        let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        loop {
            match walk.next_event() {
                Ok(Some(Event::Row(row))) => {
                    if let Some(error) = row.cells().find_map(Result::err) {
                        return error;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => panic!("{name} reads to its end"),
                Err(error) => return error,
            }
        }
    };
    let what = fail("neg_pd");
    assert!(matches!(what, ReadError::Corrupt { what: Damage::NegativeDeletionTime, .. }), "{what}");
    let what = fail("neg_pd2");
    assert!(matches!(what, ReadError::Corrupt { .. }), "{what}");
    // A scan of the third is sound; its row index is not.
    let (table, files) = open(&root.join("neg_rt"));
    let partitions = scan(&table, &files);
    let text = common::text(&root.join("neg_rt/expected.jsonl")).unwrap();
    let lines = partitions.iter().map(|p| p.head.len() + p.items.len()).sum::<usize>();
    assert_eq!(lines, text.lines().count());
    let mut refused = false;
    for partition in &partitions {
        let found = match table.find(&files, &AllCodecs, ReadMode::MayBlock, &partition.key) {
            Ok(found) => found.unwrap(),
            Err(_) => {
                refused = true;
                continue;
            }
        };
        for item in &partition.items {
            let values: Vec<Option<&[u8]>> = item.values.iter().map(Option::as_deref).collect();
            let from = Some(Bound::new(&table, &values, BoundKind::InclusiveStart).unwrap());
            let slice = Slice { from, ..Slice::default() };
            let mut reader = table.read(&files, &AllCodecs, ReadMode::MayBlock, found, slice);
            loop {
                match reader.next_event() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        let what = Damage::NegativeDeletionTime;
                        assert!(matches!(error, ReadError::Corrupt { what: w, .. } if w == what), "{error}");
                        refused = true;
                        break;
                    }
                }
            }
        }
    }
    assert!(refused, "a read through the damaged row index");
}
