//! Several SSTables as one: by hand-made rows, and by a table that Cassandra compacted.

mod common;

use std::collections::BTreeMap;

use dolmen_base::block::ReadMode;
use dolmen_base::rng::Rng;
use dolmen_bti::component::Component;
use dolmen_bti::counter;
use dolmen_bti::data::{Data, Event, Liveness, Walk};
use dolmen_bti::deletion::{DeletionTime, NO_DELETION_TIME};
use dolmen_bti::dump::Lines;
use dolmen_bti::error::ReadError;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::merge::{Merge, merge_rows, merged_header};
use dolmen_bti::owned::{OwnedCell, OwnedColumn, OwnedRow};
use dolmen_bti::partitioner::Partitioner;
use dolmen_bti::statistics::Header;

use common::table::{AllCodecs, all_tables, open};

fn cell(timestamp: i64, value: &[u8]) -> OwnedCell {
    let value = value.to_vec();
    OwnedCell {
        timestamp,
        ttl: 0,
        local_deletion_time: NO_DELETION_TIME,
        path: None,
        value,
        is_tombstone: false,
    }
}

fn row(index: usize, cell: OwnedCell) -> OwnedRow {
    let column = OwnedColumn { deletion: DeletionTime::LIVE, cells: BTreeMap::from([(Vec::new(), cell)]) };
    OwnedRow { columns: BTreeMap::from([(index, column)]), ..OwnedRow::default() }
}

fn merged(rows: &[OwnedRow]) -> OwnedRow {
    merge_rows(rows.to_vec(), DeletionTime::LIVE, &[])
}

/// The rule for each kind of tie, in both orders (`Cells.resolveRegular`).
#[test]
fn of_two_cells_the_right_one_wins() {
    let plain = |timestamp, value: &[u8]| cell(timestamp, value);
    let dead = |timestamp, local| OwnedCell {
        is_tombstone: true,
        local_deletion_time: local,
        ..cell(timestamp, b"")
    };
    let mortal =
        |timestamp, ttl, local| OwnedCell { ttl, local_deletion_time: local, ..cell(timestamp, b"m") };
    let pairs = [
        (plain(2, b"a"), plain(1, b"b")),
        (plain(2, b"a"), dead(1, 9)),
        (dead(1, 1), plain(1, b"z")),
        (mortal(1, 5, 9), plain(1, b"z")),
        (dead(1, 1), mortal(1, 5, 9)),
        (dead(1, 2), dead(1, 1)),
        (mortal(1, 5, 10), mortal(1, 5, 9)),
        (mortal(1, 4, 9), mortal(1, 5, 9)),
        (plain(1, b"b"), plain(1, b"a")),
        (plain(1, b"aa"), plain(1, b"a")),
    ];
    for (winner, loser) in pairs {
        let (a, b) = (row(0, winner), row(0, loser));
        assert_eq!(merged(&[a.clone(), b.clone()]), a);
        assert_eq!(merged(&[b, a.clone()]), a);
    }
}

#[test]
fn deletions_cover_what_is_not_newer() {
    let deletion = DeletionTime { marked_at: 5, local: 1 };
    let deleted = OwnedRow { deletion, ..OwnedRow::default() };
    assert_eq!(merged(&[deleted.clone(), row(0, cell(5, b"x"))]), deleted);
    let newer = row(0, cell(6, b"x"));
    assert_eq!(merged(&[deleted.clone(), newer.clone()]), OwnedRow { deletion, ..newer.clone() });
    // A deletion from outside, of the partition or a range, takes the row's own older one with it.
    let outside = DeletionTime { marked_at: 6, local: 1 };
    assert!(merge_rows(vec![deleted, newer], outside, &[]).is_empty());
    // A shadowable deletion goes before a newer row.
    let shadowable = OwnedRow { deletion, is_shadowable: true, ..OwnedRow::default() };
    let liveness = Some(Liveness { timestamp: 6, ttl: 0, expires: NO_DELETION_TIME });
    let live = OwnedRow { liveness, ..OwnedRow::default() };
    assert_eq!(merged(&[shadowable, live.clone()]), live);
}

#[test]
fn counters_merge_by_shard() {
    let value = |shards: &[(u8, i64, i64)]| {
        let mut out = (shards.len() as i16).to_be_bytes().to_vec();
        (0..shards.len()).for_each(|i| out.extend((0x8000 + i as u16).to_be_bytes()));
        for (id, clock, count) in shards {
            out.extend([*id; 16]);
            out.extend(clock.to_be_bytes());
            out.extend(count.to_be_bytes());
        }
        out
    };
    let (a, b) = (value(&[(1, 10, 100), (2, 5, 7)]), value(&[(1, 11, 90), (3, 1, 1)]));
    let wanted = value(&[(1, 11, 90), (2, 5, 7), (3, 1, 1)]);
    assert_eq!(counter::merge(&a, &b), Some(wanted.clone()));
    assert_eq!(counter::merge(&b, &a), Some(wanted.clone()));
    assert_eq!(counter::total(&wanted), Some(98));
}

/// The lines of events; positions are those of other files.
fn lines(
    printer: Lines<'_>,
    mut next: impl FnMut(&mut dyn FnMut(Event<'_>)) -> Result<bool, ReadError>,
) -> Vec<String> {
    let mut out = Vec::new();
    let mut take = |event: Event<'_>| {
        let mut line = String::new();
        if printer.write(&event, &mut line).unwrap() {
            let cut = line.find(",\"position\":").map(|at| {
                let digits = line[at + 12..].find(|c: char| !c.is_ascii_digit()).unwrap();
                (at, at + 12 + digits)
            });
            if let Some((start, end)) = cut {
                line.replace_range(start..end, "");
            }
            out.push(line);
        }
    };
    while next(&mut take).unwrap() {}
    out
}

/// A table merged with itself is itself, but for what its own deletions cover.
#[test]
fn a_table_merged_with_itself_is_itself() {
    let mut tables = 0;
    for folder in all_tables() {
        let (table, files) = open(&folder);
        if table.data.len() > 300_000 {
            continue;
        }
        let walk = || table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        let printer = Lines { context: table.context(), has_cql: false };
        let mut once = walk();
        let wanted = lines(printer, |take| Ok(once.next_event()?.map(take).is_some()));
        let headers = [&table.statistics.header, &table.statistics.header];
        let header = merged_header(headers).unwrap();
        let mut merge = Merge::new(header, table.partitioner, [walk(), walk()], false).unwrap();
        let found = lines(printer, |take| Ok(merge.next_event()?.map(take).is_some()));
        assert_eq!(found, wanted, "{}", folder.display());
        tables += 1;
    }
    assert!(tables > 5);
}

/// Data.db of partitions of one row each, whose rows are drawn from a few keys and clusterings.
fn generation(header: &Header, rows: &BTreeMap<(u8, i32), OwnedRow>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut keys: Vec<u8> = rows.keys().map(|key| key.0).collect();
    keys.dedup();
    for key in keys {
        out.extend([0, 1, key, 0x80]);
        for ((_, ck), row) in rows.iter().filter(|((of, _), _)| *of == key) {
            row.put(Some(&[Some(&ck.to_be_bytes())]), header, &header.regulars, &mut out);
        }
        out.push(1);
    }
    out
}

/// Three generations of random writes against a map of the newest write of each cell.
#[test]
fn merging_agrees_with_a_map() {
    let Some(folder) = all_tables().into_iter().find(|f| f.ends_with("da/ttl")) else { return };
    let (table, _) = open(&folder);
    let mut header = merged_header([&table.statistics.header]).unwrap();
    header.regulars.retain(|column| column.name == "a");
    let mut rng = Rng::new(11);
    for _ in 0..300 {
        let mut newest: BTreeMap<(u8, i32), OwnedRow> = BTreeMap::new();
        let mut sources = Vec::new();
        for _ in 0..3 {
            let mut rows: BTreeMap<(u8, i32), OwnedRow> = BTreeMap::new();
            for _ in 0..rng.range(1, 12) {
                let place = (b'a' + rng.below(3) as u8, rng.below(4) as i32);
                let value = (rng.below(1000) as i32).to_be_bytes();
                rows.insert(place, row(0, cell(rng.below(20) as i64, &value)));
            }
            for (place, row) in &rows {
                let of = |row: &OwnedRow| {
                    let cell = &row.columns[&0].cells[&Vec::new()];
                    (cell.timestamp, cell.value.clone())
                };
                let held = newest.entry(*place).or_insert_with(|| row.clone());
                if of(row) > of(held) {
                    *held = row.clone();
                }
            }
            sources.push(MemoryFiles(vec![(Component::Data, generation(&header, &rows))]));
        }
        let files: Vec<Data> = (sources.iter())
            .map(|source| Data { compression: None, crcs: None, file_len: source.0[0].1.len() as u64 })
            .collect();
        let walks = files
            .iter()
            .zip(&sources)
            .map(|(data, source)| Walk::new(data, &header, source, &AllCodecs, ReadMode::MayBlock, 0));
        let mut merge = Merge::new(header.clone(), Partitioner::ByteOrdered, walks, false).unwrap();
        let (mut found, mut key) = (BTreeMap::new(), 0);
        while let Some(event) = merge.next_event().unwrap() {
            match event {
                Event::Partition(head) => key = head.key[0],
                Event::Row(row) => {
                    let ck = row.clustering.values().next().unwrap().bytes().unwrap();
                    let ck = i32::from_be_bytes(ck.try_into().unwrap());
                    found.insert((key, ck), OwnedRow::of(&row, &header.regulars).unwrap());
                }
                _ => {}
            }
        }
        assert_eq!(found, newest);
    }
}
