//! Every bit of an index, flipped: a partition that is there is read as it is, or the error names the index; and what makes any read differ,
//! verification finds.

mod common;

use std::collections::BTreeSet;

use dolmen_base::block::ReadMode;
use dolmen_bti::component::{Component, Version};
use dolmen_bti::data::Event;
use dolmen_bti::dump::Lines;
use dolmen_bti::error::ReadError;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::slice::Slice;
use dolmen_bti::table::Table;
use dolmen_bti::verify::verify;
use dolmen_testkit::{flips, soak};

use common::table::{AllCodecs, all_tables, components, files, open_files};

const INDEXES: [Component; 4] =
    [Component::Index, Component::Summary, Component::Partitions, Component::Rows];
const TABLES: [&str; 11] = [
    "big_values",
    "comp_none",
    "compacted",
    "deletions",
    "many_wide",
    "part_byteordered",
    "pk_composite",
    "statics",
    "token_collisions",
    "two_keys",
    "wide_tombstones",
];
/// Reads of partitions that the flips of one file cost at most: beyond that some of the bits are flipped.
const READS_MAX: u64 = 5_000;
/// Flips of one file, likewise.
const FLIPS_MAX: u64 = 1_000;

/// A partition forwards and backwards; `None`: it is not there.
type Got = Result<Option<Vec<String>>, ReadError>;

fn get(table: &Table, files: &MemoryFiles, key: &[u8]) -> Got {
    let printer = Lines { context: table.context(), has_cql: false };
    let Some(found) = table.find(files, &AllCodecs, ReadMode::MayBlock, key)? else { return Ok(None) };
    let mut lines = Vec::new();
    for is_reversed in [false, true] {
        let slice = Slice { is_reversed, ..Slice::default() };
        let mut reader = table.read(files, &AllCodecs, ReadMode::MayBlock, found, slice);
        while let Some(event) = reader.next_event()? {
            let mut line = String::new();
            printer.write(&event, &mut line)?;
            lines.push(line);
        }
    }
    Ok(Some(lines))
}

fn keys(table: &Table, files: &MemoryFiles) -> Vec<Vec<u8>> {
    let (mut keys, mut walk) = (Vec::new(), table.walk(files, &AllCodecs, ReadMode::MayBlock, 0));
    while let Some(event) = walk.next_event().unwrap() {
        if let Event::Partition(head) = &event {
            keys.push(head.key.to_vec());
        }
    }
    keys
}

fn component(error: &ReadError) -> Component {
    match *error {
        ReadError::Corrupt { component, .. }
        | ReadError::Unsupported { component, .. }
        | ReadError::Limit { component, .. }
        | ReadError::Missing { component }
        | ReadError::NotCached { component, .. }
        | ReadError::Io { component, .. } => component,
        _ => panic!("{error}"),
    }
}

/// What became of the flips of one file.
#[derive(Debug, Default)]
struct Met {
    flips: u64,
    /// Some read is an error.
    errors: u64,
    found: u64,
}

fn check(name: &str, version: Version, sound: &MemoryFiles, index: usize, met: &mut Met) {
    let of = sound.0[index].0;
    let table = open_files(version, sound).unwrap();
    let keys = keys(&table, sound);
    let right: Vec<Got> = keys.iter().map(|key| get(&table, sound, key)).collect();
    assert!(right.iter().all(|got| matches!(got, Ok(Some(_)))), "{name}");
    let reads = sound.0[index].1.len() as u64 * 8 * keys.len() as u64;
    let bits = sound.0[index].1.len() as u64 * 8;
    let step = (reads / soak(READS_MAX)).max(bits / soak(FLIPS_MAX)) as usize + 1;
    let mut damaged = sound.clone();
    flips(&sound.0[index].1, |bit, bytes| {
        // Of another byte another bit.
        if (bit + bit / 8) % step != 0 {
            return;
        }
        damaged.0[index].1.copy_from_slice(bytes);
        let at = || format!("{name}, {of} bit {bit}");
        let mut differs = false;
        match open_files(version, &damaged) {
            Err(error) => {
                assert_eq!(component(&error), of, "{}: {error}", at());
                differs = true;
            }
            Ok(table) => {
                for (key, right) in keys.iter().zip(&right) {
                    match get(&table, &damaged, key) {
                        Ok(got) => assert!(Ok(&got) == right.as_ref(), "{}, key {key:02x?}: {got:?}", at()),
                        Err(error) => {
                            assert!(INDEXES.contains(&component(&error)), "{}: {error}", at());
                            differs = true;
                        }
                    }
                }
            }
        }
        let beside = |component| damaged.get(component);
        let (digest, toc) = (beside(Component::Digest), beside(Component::Toc));
        let report = verify(version, &components(&damaged), digest, toc, &damaged, &AllCodecs);
        assert!(!differs || !report.findings.is_empty(), "{}: a read differs", at());
        met.flips += 1;
        met.errors += u64::from(differs);
        met.found += u64::from(!report.findings.is_empty());
    });
}

#[test]
fn a_flipped_index_is_named_and_hides_nothing() {
    let mut versions = BTreeSet::new();
    for folder in all_tables() {
        let (version, sound) = files(&folder);
        let name = format!("{version} {}", folder.file_name().unwrap().to_string_lossy());
        // Those whose indexes are more than a node or an entry, with and without row indexes.
        if !TABLES.contains(&name.rsplit_once(' ').unwrap().1) {
            continue;
        }
        let mut met = Met::default();
        for index in (0..sound.0.len()).filter(|&i| INDEXES.contains(&sound.0[i].0)) {
            check(&name, version, &sound, index, &mut met);
        }
        println!("{name}: {met:?}");
        versions.insert(version.name());
        // Most of a large Index.db is what no read here looks at.
        assert!(met.found >= met.errors && met.errors > 10, "{name}: {met:?}");
    }
    println!("{versions:?}");
    assert!(versions.contains("da"));
}
