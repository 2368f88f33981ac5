//! Cassandra's own legacy tables (Apache licence; used from where they lie): every partition, row, value and golden fact that their page states.

mod common;

use std::path::PathBuf;

use dolmen_base::block::ReadMode;
use dolmen_bti::component::Component;
use dolmen_bti::compression::CompressionInfo;
use dolmen_bti::data::Event;
use dolmen_bti::dump::Lines;
use dolmen_bti::verify::verify;
use dolmen_text::json::{Document, Value};

use common::table::{AllCodecs, components, files, open};
use common::{integer, string};

/// The value of all rows of the tables with clusterings, per version.
const VALUES: [(&str, &str); 3] = [
    (
        "da",
        "wxappmnfhjwtvqhxcmeeupmryhmmvjmcxrcbvtxfdyeaxbeemxusoynrkhgatseiqrrcseynuwevqdipsgplgvqcelsjdtlkeetrcufulrzonyuscrlbowotizznpmcd",
    ),
    (
        "oa",
        "rvuxpepvjxefzigbwqiygtxglwthqvrmbvqhewhyaznsquqbfualplyzbeqjeuylznsjivvrwwiajaxykiodasryolrtzpvduxfukbvcrrrjdokvklidxbzdvenrpddn",
    ),
    (
        "nb",
        "lxvwpnwfbdpmayjujittwghygywemwpvlemfkutzstfbiednkferyifrvvauhpdowraebccylljbibrbolnnoifwjkspqzgjdihyknypyzricuymwknfitpvjmvpcxob",
    ),
];

/// Uncompressed starts of the partitions of the `da` tables.
const STARTS: [(&str, [i64; 5]); 4] = [
    ("simple", [0, 22, 46, 70, 94]),
    ("simple_counter", [0, 47, 96, 145, 194]),
    ("clust", [0, 67182, 134376, 201570, 268764]),
    ("clust_counter", [0, 62481, 124975, 187469, 249963]),
];

fn folder(version: &str, table: &str) -> Option<PathBuf> {
    let root = common::testdata("cassandra")?;
    Some(root.join(version).join("legacy_tables").join(format!("legacy_{version}_{table}")))
}

/// The clusterings of a partition in the order of the file.
fn clusterings() -> Vec<String> {
    let mut all: Vec<_> = (0..50).map(|n| format!("{n}{}", "0123456789".repeat(120))).collect();
    all.sort();
    all
}

fn hex(text: &str) -> String {
    common::hex(text.as_bytes())
}

/// The only column of a row.
fn column(row: Value<'_>) -> Value<'_> {
    let columns = row.get("columns").expect("a row has columns");
    let mut items = columns.items();
    let first = items.next().expect("there is one column");
    assert!(items.next().is_none(), "there is one column");
    first
}

fn check_lines(version: &str, table: &str, lines: &[String]) {
    let documents: Vec<_> = lines.iter().map(|line| Document::read(line.as_bytes()).unwrap()).collect();
    let is_clustered = table.starts_with("clust");
    let per_partition = if is_clustered { 51 } else { 2 };
    assert_eq!(documents.len(), 5 * per_partition, "{version} {table}");
    let value = VALUES.iter().find(|(v, _)| *v == version).unwrap().1;
    let starts = STARTS.iter().find(|(t, _)| *t == table).unwrap().1;
    for (n, partition) in documents.chunks(per_partition).enumerate() {
        let head = partition[0].root();
        assert_eq!(string(head, "kind"), "partition");
        assert_eq!(string(head, "key"), hex(&n.to_string()));
        assert!(head.get("deletion").is_none());
        if version == "da" {
            assert_eq!(integer(head, "position"), Some(starts[n]), "{table} {n}");
        }
        for (i, row) in partition[1..].iter().enumerate() {
            let row = row.root();
            assert_eq!(string(row, "kind"), "row");
            assert!(row.get("deletion").is_none() && row.get("ttl").is_none());
            if is_clustered {
                let only = row.get("clustering").unwrap().items().next().unwrap();
                assert_eq!(only.as_str().unwrap(), hex(&clusterings()[i]));
            }
            let column = column(row);
            assert_eq!(string(column, "name"), "val");
            if table.ends_with("counter") {
                assert_eq!(integer(column, "counter"), Some(1));
                assert!(row.get("timestamp").is_none());
            } else {
                assert_eq!(string(column, "value"), hex(if is_clustered { value } else { "foo bar baz" }));
            }
        }
    }
}

#[test]
fn cassandras_own_tables_hold_what_their_page_says() {
    let mut count = 0;
    for (version, _) in VALUES {
        for (name, _) in STARTS {
            let Some(folder) = folder(version, name) else { return };
            let (table, source) = open(&folder);
            let printer = Lines { context: table.context(), has_cql: false };
            let mut walk = table.walk(&source, &AllCodecs, ReadMode::MayBlock, 0);
            let mut lines = Vec::new();
            while let Some(event) = walk.next_event().unwrap() {
                let mut line = String::new();
                if printer.write(&event, &mut line).unwrap() {
                    lines.push(line);
                }
            }
            check_lines(version, name, &lines);
            for n in 0..6 {
                let key = n.to_string();
                let found = table.find(&source, &AllCodecs, ReadMode::MayBlock, key.as_bytes()).unwrap();
                assert_eq!(found.is_some(), n < 5, "{version} {name}: key {n}");
                let Some(found) = found else { continue };
                let mut reader =
                    table.read(&source, &AllCodecs, ReadMode::MayBlock, found, Default::default());
                let mut rows = 0;
                while let Some(event) = reader.next_event().unwrap() {
                    rows += usize::from(matches!(event, Event::Row(_)));
                }
                assert_eq!(rows, if name.starts_with("clust") { 50 } else { 1 });
            }
            let (of, source) = files(&folder);
            let (digest, toc) = (source.get(Component::Digest), source.get(Component::Toc));
            let report = verify(of, &components(&source), digest, toc, &source, &AllCodecs);
            assert_eq!(report.findings, [], "{version} {name}");
            count += 1;
        }
    }
    assert_eq!(count, 12);
}

/// What the page says about the components of the `da` tables beside their indexes.
#[test]
fn golden_facts_of_the_data() {
    type Fact = (&'static str, [u64; 3], &'static str, [i64; 2]);
    let facts: [Fact; 4] = [
        ("simple", [79, 118, 1], "1689908368", [1_689_932_032_210_000, 1_689_932_032_377_002]),
        ("simple_counter", [133, 243, 1], "2128362302", [1_689_932_032_212_000, 1_689_932_032_377_003]),
        ("clust", [8616, 335_958, 21], "1983729251", [1_689_932_032_220_000, 1_689_932_032_404_001]),
        ("clust_counter", [7408, 312_457, 20], "2020062012", [1_689_932_032_221_000, 1_689_932_032_404_002]),
    ];
    for (name, lens, digest, timestamps) in facts {
        let Some(folder) = folder("da", name) else { return };
        let (version, source) = files(&folder);
        let get = |component| source.get(component).unwrap();
        let data_len = get(Component::Data).len() as u64;
        let info = CompressionInfo::parse(get(Component::CompressionInfo), version, data_len).unwrap();
        assert_eq!([data_len, info.data_len(), info.chunk_count()], lens, "{name}");
        assert_eq!(get(Component::Digest), digest.as_bytes(), "{name}");
        let (table, _) = open(&folder);
        let (stats, header) = (&table.statistics().stats, &table.header());
        assert_eq!([header.min_timestamp, stats.max_timestamp], timestamps, "{name}");
        assert_eq!(stats.rows, if name.starts_with("clust") { 250 } else { 5 }, "{name}");
    }
}
