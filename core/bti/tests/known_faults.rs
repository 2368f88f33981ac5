//! Faults that other readers of these files had, each as a test.

mod common;

use std::path::PathBuf;

use dolmen_base::block::ReadMode;
use dolmen_bti::component::Component;
use dolmen_bti::data::{Event, Part};
use dolmen_bti::error::{Damage, ReadError};
use dolmen_bti::literal::parse_value;
use dolmen_bti::slice::Slice;
use dolmen_bti::types::CqlType;
use dolmen_bti::value::cql_text;
use dolmen_bti::verify::verify;

use common::table::{AllCodecs, all_tables, components, files, open, open_files};

fn table(path: &str) -> Option<PathBuf> {
    let found = all_tables().into_iter().find(|folder| folder.ends_with(path));
    if found.is_none() {
        println!("skipped: no data");
    }
    found
}

/// bti-01: without a schema the header says which column is ordered DESC, and rows stand in that order.
#[test]
fn descending_columns_are_known_from_the_header() {
    let (version, files) = files(&table("da/range_tombstones").unwrap());
    let table = open_files(version, &files).unwrap();
    let reversed: Vec<bool> = table.clustering_types().iter().map(CqlType::is_reversed).collect();
    assert_eq!(reversed, [false, true, false]);
    assert_eq!(table.clustering_types()[1].cql(), "text");
}

/// bti-04: every key is found and absent ones are not; the hash byte is that of the whole hash.
#[test]
fn every_key_is_found_and_no_other() {
    let Some(folder) = table("da/many").or_else(|| table("da/many_wide")) else { return };
    let (table, files) = open(&folder);
    let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
    let mut keys = Vec::new();
    while let Some(event) = walk.next_event().unwrap() {
        if let Event::Partition(head) = event {
            keys.push((head.key.to_vec(), head.position));
        }
    }
    let mut cached = common::Memory::default();
    cached.files = files.0.into_iter().map(|(component, bytes)| (component.file().get(), bytes)).collect();
    let find = |key: &[u8]| table.find(&cached, &AllCodecs, ReadMode::MayBlock, key).unwrap();
    for (key, position) in keys.iter().step_by(7) {
        assert_eq!(find(key).map(|found| found.data_position()), Some(*position));
        let mut absent = key.clone();
        absent.insert(0, b'~');
        assert!(find(&absent).is_none());
    }
}

/// bti-05: the static row stands once in its partition and is no row.
#[test]
fn static_rows_are_no_rows() {
    let (table, files) = open(&table("da/statics").unwrap());
    let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
    let (mut partitions, mut statics, mut filled, mut rows) = (0, 0, 0, 0);
    while let Some(event) = walk.next_event().unwrap() {
        match event {
            Event::Partition(_) => partitions += 1,
            Event::Static(row) => {
                assert!(row.is_static && row.clustering.is_empty());
                statics += 1;
                filled += i64::from(!row.is_empty().unwrap());
            }
            Event::Row(row) => {
                assert_eq!(row.clustering.len(), 1);
                rows += 1;
            }
            _ => {}
        }
    }
    assert_eq!(statics, partitions);
    // Cassandra's count of rows has the static ones that say something.
    assert_eq!(rows + filled, table.statistics().stats.rows);
    assert!(rows > 0 && filled > 0 && filled < statics);
}

/// bti-07: a row deletion is no column of the subset.
#[test]
fn deletions_are_no_columns() {
    for folder in ["da/deletions", "da/many_columns", "da/shadowable"].into_iter().filter_map(table) {
        let (table, files) = open(&folder);
        let count = table.header().regulars.len();
        let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        while let Some(event) = walk.next_event().unwrap() {
            if let Event::Row(row) = event {
                let columns = row
                    .cells()
                    .filter(|part| !matches!(part, Ok(Part::Cell { cell, .. }) if cell.path.is_some()));
                let columns =
                    columns.map(|part| part.unwrap().column().name.to_string()).collect::<Vec<String>>();
                assert!(columns.len() <= count, "{columns:?}");
            }
        }
    }
}

/// bti-08: lengths of fields are four bytes, −1 is null, and an empty text is not null.
#[test]
fn tuple_fields_have_lengths_of_four_bytes() {
    let of = CqlType::parse("ListType(FrozenType(TupleType(UTF8Type,UTF8Type,Int32Type)))").unwrap();
    for len in [127, 128, 40_000] {
        let text = format!("[('{}', '', 5), (null, 'x', null)]", "a".repeat(len));
        let value = parse_value(&of, &text).unwrap().unwrap();
        // Count, length of the first tuple, length of its first field.
        assert_eq!(value[..4], 2u32.to_be_bytes());
        assert_eq!(value[4..8], (12 + len as u32 + 4).to_be_bytes());
        assert_eq!(value[8..12], (len as u32).to_be_bytes());
        assert_eq!(cql_text(&of, &value).unwrap(), text);
    }
    let user = CqlType::parse("UserType(ks,70,61:UTF8Type,62:UTF8Type,63:Int32Type)").unwrap();
    let value = parse_value(&user, "{a: '', b: null, c: 1}").unwrap().unwrap();
    assert_eq!(common::hex(&value), "00000000ffffffff0000000400000001");
    assert_eq!(cql_text(&user, &value).unwrap(), "{a: '', b: null, c: 1}");
}

/// bti-10: a flipped bit of uncompressed data is named by the read of its row, by a scan and by a verification.
#[test]
fn a_flipped_bit_of_uncompressed_data_is_named() {
    let (version, mut files) = files(&table("da/comp_none").unwrap());
    let index = files.0.iter().position(|file| file.0 == Component::Data).unwrap();
    let at = files.0[index].1.len() / 2;
    let key = files.0[index].1[2..6].to_vec();
    files.0[index].1[at] ^= 4;
    let is_named = |error: &ReadError| {
        matches!(
            error,
            ReadError::Corrupt { component: Component::Data, at: 0, what: Damage::Checksum { chunk: 0, .. } }
        )
    };
    let table = open_files(version, &files).unwrap();
    let error = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0).next_event().unwrap_err();
    assert!(is_named(&error), "{error}");
    let error = table.find(&files, &AllCodecs, ReadMode::MayBlock, &key).unwrap_err();
    assert!(is_named(&error), "{error}");
    let report = verify(version, &components(&files), None, None, &files, &AllCodecs);
    assert!(report.findings.iter().any(is_named), "{:?}", report.findings);
}

/// bti-14: expiries beyond 2038 are unsigned in `da`; `nb` has what Cassandra capped.
#[test]
fn expiries_beyond_2038_stay() {
    let mut greatest = Vec::new();
    for path in ["da/ttl", "nb/ttl"] {
        let Some(folder) = table(path) else { continue };
        let (table, files) = open(&folder);
        let mut walk = table.walk(&files, &AllCodecs, ReadMode::MayBlock, 0);
        let mut latest = 0;
        while let Some(event) = walk.next_event().unwrap() {
            let Event::Row(row) = event else { continue };
            for part in row.cells() {
                if let Part::Cell { cell, .. } = part.unwrap()
                    && cell.ttl > 0
                {
                    assert!(cell.local_deletion_time > 1_600_000_000, "{}", cell.local_deletion_time);
                    latest = latest.max(cell.local_deletion_time);
                }
            }
        }
        greatest.push(latest);
    }
    assert!(greatest[0] > i32::MAX as u32, "{greatest:?}");
    assert!(greatest.iter().skip(1).all(|latest| *latest < i32::MAX as u32), "{greatest:?}");
}

/// A slice of nothing is empty, not the partition.
#[test]
fn an_empty_partition_reads_as_its_head_and_end() {
    let Some(folder) = table("da/counters") else { return };
    let (table, files) = open(&folder);
    let found = table.find(&files, &AllCodecs, ReadMode::MayBlock, b"z").unwrap().unwrap();
    for is_reversed in [false, true] {
        let slice = Slice { is_reversed, ..Slice::default() };
        let mut reader = table.read(&files, &AllCodecs, ReadMode::MayBlock, found, slice);
        assert!(matches!(reader.next_event(), Ok(Some(Event::Partition(_)))));
        assert!(matches!(reader.next_event(), Ok(Some(Event::Static(_)))));
        assert!(matches!(reader.next_event(), Ok(Some(Event::End(_)))));
        assert!(matches!(reader.next_event(), Ok(None)));
    }
}
