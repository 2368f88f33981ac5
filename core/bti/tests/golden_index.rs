//! Partitions.db, Rows.db and Filter.db against what Cassandra 5.0.9 says is in them, and rebuilt byte for byte.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Memory, bytes, component, each_line, each_vector, hex, integer, string, text, unhex};
use dolmen_bti::bloom::{Bloom, BloomBuilder, Sizing};
use dolmen_bti::comparable::{ClusteringKind, TERMINATOR, put_clustering, put_partition_key};
use dolmen_bti::component::Component;
use dolmen_bti::deletion::DeletionTime;
use dolmen_bti::error::{Damage, ReadError};
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::partitions::{PartitionIndex, PartitionsBuilder, Place};
use dolmen_bti::rows::{RowIndex, RowsBuilder};
use dolmen_bti::trie::node::Kind;
use dolmen_bti::trie::{Census, Edge, PAGE_LEN, TrieWriter};
use dolmen_bti::types::CqlType;
use dolmen_bti::vint;
use dolmen_text::json::{Document, Value};

/// What the header of a table says.
struct Header {
    partitioner: Partitioner,
    key_type: CqlType,
    clustering_types: Vec<CqlType>,
}

fn header(table: &Path) -> Header {
    let facts = std::fs::read(table.join("facts.json")).unwrap();
    let document = Document::read(&facts).unwrap();
    let header = document.root().get("header").unwrap();
    let parse = |v: Value<'_>| CqlType::parse(&v.as_str().unwrap()).unwrap();
    Header {
        partitioner: Partitioner::parse(&string(document.root(), "partitioner")).unwrap(),
        key_type: parse(header.get("key_type").unwrap()),
        clustering_types: header.get("clustering_types").unwrap().items().map(parse).collect(),
    }
}

/// The keys of a table, in order.
fn keys(table: &Path) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    each_line(&text(&table.join("expected.jsonl")).unwrap(), |line| {
        if string(line, "kind") == "partition" {
            keys.push(bytes(line, "key").unwrap());
        }
    });
    keys
}

#[test]
fn partitions_are_those_that_cassandra_walks() {
    let mut count = 0;
    for table in common::tables("da") {
        let file = component(&table, "Partitions.db").unwrap();
        let memory = Memory::of(Component::Partitions, file);
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let mut entries = index.iter(&mut pages, Edge::First).unwrap();
        let mut listed = Vec::new();
        let lines = each_line(&text(&table.join("partitions.jsonl")).unwrap(), |line| {
            let found = entries.next(&mut pages).unwrap().unwrap();
            assert_eq!(hex(entries.prefix()), string(line, "prefix"), "{table:?}");
            assert_eq!(integer(line, "node"), Some(found.node as i64));
            assert_eq!(pages.node(found.node).unwrap().kind().name(), string(line, "type"));
            assert_eq!(integer(line, "hash"), found.hash.map(i64::from));
            assert_eq!(integer(line, "value"), Some(found.place.to_i64()));
            listed.push(found);
        });
        assert_eq!(entries.next(&mut pages), Ok(None));
        assert_eq!(index.key_count(), lines as u64);
        let mut backward = index.iter(&mut pages, Edge::Last).unwrap();
        while let Some(found) = backward.next(&mut pages).unwrap() {
            assert_eq!(Some(found), listed.pop());
        }
        assert!(listed.is_empty());
        count += lines;
    }
    assert!(count > 0);
}

/// Known fault bti-04: the hash byte is the last of all sixteen, positions are signed.
#[test]
fn every_key_is_found_and_no_other() {
    for table in common::tables("da") {
        let Header { partitioner, key_type, .. } = header(&table);
        let memory = Memory::of(Component::Partitions, component(&table, "Partitions.db").unwrap());
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let filter = component(&table, "Filter.db");
        let filter = filter.as_deref().map(|bytes| Bloom::parse(bytes).unwrap());
        let keys = keys(&table);
        assert_eq!(keys.len() as u64, index.key_count(), "{table:?}");
        let mut entries = index.iter(&mut pages, Edge::First).unwrap();
        let mut places = BTreeMap::new();
        for key in &keys {
            places.insert(entries.next(&mut pages).unwrap().unwrap().place, key);
        }
        let mut false_candidates = 0;
        for key in &keys {
            let hash = KeyHash::of(key);
            let found = index.find(&mut pages, partitioner, &key_type, key, hash).unwrap().unwrap();
            assert_eq!(places[&found.place], key, "{table:?}");
            assert!(filter.is_none_or(|filter| filter.may_contain(hash)));
            // A key that is not there leads nowhere, or to another key, which tells.
            let mut absent = key.clone();
            absent.push(7);
            if keys.binary_search(&absent).is_err() && !keys.contains(&absent) {
                let hash = KeyHash::of(&absent);
                let found = index.find(&mut pages, partitioner, &key_type, &absent, hash).unwrap();
                false_candidates += usize::from(found.is_some_and(|found| places[&found.place] != &absent));
                assert!(found.is_none_or(|found| places[&found.place] != &absent));
            }
        }
        // The hash byte lets one of 256 through.
        assert!(false_candidates <= 8 + keys.len() / 64, "{false_candidates} of {}", keys.len());
    }
}

#[test]
fn partitions_rebuild_byte_for_byte() {
    for table in common::tables("da") {
        let Header { partitioner, key_type, .. } = header(&table);
        let file = component(&table, "Partitions.db").unwrap();
        let memory = Memory::of(Component::Partitions, file.clone());
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let mut entries = index.iter(&mut pages, Edge::First).unwrap();
        let mut builder = PartitionsBuilder::new();
        let mut out = Vec::new();
        for key in keys(&table) {
            let place = entries.next(&mut pages).unwrap().unwrap().place;
            builder.add(partitioner, &key_type, &key, place).unwrap();
            builder.drain(&mut out);
        }
        builder.finish(&mut out).unwrap();
        assert!(out == file, "{table:?}");
    }
}

fn deletion(line: Value<'_>, name: &str) -> DeletionTime {
    line.get(name).map_or(DeletionTime::LIVE, |deletion| DeletionTime {
        marked_at: integer(deletion, "marked_at").unwrap(),
        local: integer(deletion, "ldt").unwrap() as u32,
    })
}

/// Positions of the entries in Rows.db, in the order of partitions.
fn entry_positions(table: &Path) -> Vec<u64> {
    let memory = Memory::of(Component::Partitions, component(table, "Partitions.db").unwrap());
    let mut pages = memory.pages(Component::Partitions);
    let index = PartitionIndex::open(&mut pages).unwrap();
    let mut entries = index.iter(&mut pages, Edge::First).unwrap();
    let mut positions = Vec::new();
    while let Some(found) = entries.next(&mut pages).unwrap() {
        if let Place::Rows(position) = found.place {
            positions.push(position);
        }
    }
    positions
}

#[test]
fn rows_are_those_that_cassandra_walks() {
    let mut open_markers = 0;
    for table in common::tables("da") {
        let Some(lines) = text(&table.join("rows.jsonl")) else { continue };
        let memory = Memory::of(Component::Rows, component(&table, "Rows.db").unwrap());
        let mut pages = memory.pages(Component::Rows);
        let mut positions = entry_positions(&table).into_iter();
        let mut current = None;
        let mut end = 0;
        each_line(&lines, |line| {
            if string(line, "kind") == "entry" {
                let mut key = Vec::new();
                let index = RowIndex::open(&mut pages, positions.next().unwrap(), &mut key).unwrap();
                assert_eq!(Some(key), bytes(line, "key"));
                assert_eq!(integer(line, "data_position"), Some(index.data_position as i64));
                assert_eq!(integer(line, "root"), Some(index.root as i64));
                assert_eq!(integer(line, "blocks"), Some(i64::from(index.block_count)));
                assert_eq!(deletion(line, "deletion"), index.deletion);
                current = Some(index.iter(&mut pages, Edge::First).unwrap());
                end = index.end;
                return;
            }
            let blocks = current.as_mut().unwrap();
            let found = blocks.next(&mut pages).unwrap().unwrap();
            assert_eq!(hex(blocks.separator()), string(line, "separator"));
            assert_eq!(integer(line, "node"), Some(found.node as i64));
            assert_eq!(pages.node(found.node).unwrap().kind().name(), string(line, "type"));
            assert_eq!(integer(line, "offset"), Some(found.offset as i64));
            let open =
                ["deletion", "open", "open_deletion"].into_iter().find(|name| line.get(name).is_some());
            assert_eq!(open.map(|name| deletion(line, name)), found.open, "{table:?}");
            open_markers += usize::from(found.open.is_some());
        });
        assert_eq!(end, pages.file_len(), "{table:?}");
    }
    assert!(open_markers > 0);
}

/// What is in one partition: the forms of its rows and markers in order.
fn forms(table: &Path, types: &[CqlType]) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut found: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    let mut key = Vec::new();
    each_line(&text(&table.join("expected.jsonl")).unwrap(), |line| {
        let kind = match string(line, "kind").as_str() {
            "partition" => {
                key = bytes(line, "key").unwrap();
                return;
            }
            "row" => ClusteringKind::Row,
            "marker" => {
                let name = string(line, "bound");
                ClusteringKind::ALL.into_iter().find(|kind| kind.name() == name).unwrap()
            }
            _ => return,
        };
        let values = line.get("clustering").map_or(Vec::new(), |values| {
            values.items().map(|v| v.as_str().map(|text| unhex(&text))).collect()
        });
        let mut form = Vec::new();
        put_clustering(types, values.iter().map(Option::as_deref), kind, &mut form).unwrap();
        found.entry(key.clone()).or_default().push(form);
    });
    found
}

#[test]
fn rows_rebuild_byte_for_byte_from_decoded_rows() {
    for table in common::tables("da") {
        if text(&table.join("rows.jsonl")).is_none() {
            continue;
        }
        let types = header(&table).clustering_types;
        let forms = forms(&table, &types);
        let file = component(&table, "Rows.db").unwrap();
        let memory = Memory::of(Component::Rows, file.clone());
        let mut pages = memory.pages(Component::Rows);
        let mut builder = RowsBuilder::new();
        let mut out = Vec::new();
        for position in entry_positions(&table) {
            let mut key = Vec::new();
            let index = RowIndex::open(&mut pages, position, &mut key).unwrap();
            let mut blocks = index.iter(&mut pages, Edge::First).unwrap();
            let mut listed = Vec::new();
            while let Some(block) = blocks.next(&mut pages).unwrap() {
                listed.push((blocks.separator().to_vec(), block));
            }
            let (_, end) = listed.pop().unwrap();
            let forms = &forms[&key];
            assert!(forms.is_sorted());
            for (i, (separator, block)) in listed.iter().enumerate() {
                let start = forms.partition_point(|form| form < separator);
                let stop =
                    listed.get(i + 1).map_or(forms.len(), |next| forms.partition_point(|f| f < &next.0));
                builder.add_block(&forms[start], &forms[stop - 1], block.offset, block.open).unwrap();
            }
            let stored =
                builder.finish_partition(&key, index.data_position, end.offset, index.deletion).unwrap();
            assert_eq!(stored, position);
            builder.drain(&mut out);
        }
        assert!(out == file, "{table:?}");
    }
}

/// Rows.db again from nothing but its own entries.
fn rows_from_index(table: &Path) -> Vec<u8> {
    let memory = Memory::of(Component::Rows, component(table, "Rows.db").unwrap());
    let mut pages = memory.pages(Component::Rows);
    let mut writer = TrieWriter::new(0);
    for position in entry_positions(table) {
        let mut key = Vec::new();
        let index = RowIndex::open(&mut pages, position, &mut key).unwrap();
        let mut blocks = index.iter(&mut pages, Edge::First).unwrap();
        while let Some(block) = blocks.next(&mut pages).unwrap() {
            let offset = block.offset as i64;
            let len = vint::sized_int_len(offset);
            let mut payload = Vec::new();
            vint::put_sized_int(&mut payload, offset, len);
            if let Some(open) = block.open {
                open.put(&mut payload).unwrap();
            }
            let flags = len as u8 | u8::from(block.open.is_some()) << 3;
            writer.add(blocks.separator(), flags, &payload).unwrap();
        }
        let root = writer.finish();
        let mut entry = Vec::new();
        vint::put_short_bytes(&mut entry, &key).unwrap();
        let base = writer.position() + entry.len() as u64;
        vint::put_uvint(&mut entry, index.data_position);
        vint::put_svint(&mut entry, root as i64 - base as i64);
        vint::put_uvint32(&mut entry, index.block_count as i32);
        index.deletion.put(&mut entry).unwrap();
        writer.put_raw(&entry);
    }
    let mut out = Vec::new();
    writer.drain(&mut out);
    out
}

/// Cassandra's own fixtures: four tables of keys "0" .. "4", byte-ordered.
#[test]
fn upstream_tables_rebuild_byte_for_byte() {
    let Some(root) = common::testdata("cassandra") else { return };
    let text_type = CqlType::parse("UTF8Type").unwrap();
    let mut tables = 0;
    for entry in std::fs::read_dir(root.join("da/legacy_tables")).unwrap() {
        let table = entry.unwrap().path();
        let file = component(&table, "Partitions.db").unwrap();
        let memory = Memory::of(Component::Partitions, file.clone());
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let mut entries = index.iter(&mut pages, Edge::First).unwrap();
        let mut builder = PartitionsBuilder::new();
        for (key, hash) in [(b"0", 0x09), (b"1", 0x37), (b"2", 0xdd), (b"3", 0x02), (b"4", 0x2f)] {
            let found = entries.next(&mut pages).unwrap().unwrap();
            assert_eq!(found.hash, Some(hash));
            builder.add(Partitioner::ByteOrdered, &text_type, key, found.place).unwrap();
        }
        let mut out = Vec::new();
        builder.finish(&mut out).unwrap();
        assert!(out == file, "{table:?}");
        assert!(rows_from_index(&table) == component(&table, "Rows.db").unwrap());
        tables += 1;
    }
    assert_eq!(tables, 4);
}

/// The golden facts that the page of Cassandra's own fixtures states.
#[test]
fn upstream_golden_facts() {
    let Some(root) = common::testdata("cassandra") else { return };
    let facts: [(&str, [u64; 4], &[u64]); 4] = [
        ("simple", [58, 26, 28, 5], &[]),
        ("simple_counter", [60, 28, 30, 5], &[]),
        ("clust", [62, 30, 32, 5], &[93, 193, 295, 397, 499]),
        ("clust_counter", [62, 30, 32, 5], &[93, 193, 295, 397, 499]),
    ];
    for (name, [len, root_at, first_position, key_count], entries) in facts {
        let table = root.join("da/legacy_tables").join(format!("legacy_da_{name}"));
        let memory = Memory::of(Component::Partitions, component(&table, "Partitions.db").unwrap());
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let found = [index.file_len(), index.root(), index.first_position(), index.key_count()];
        assert_eq!(found, [len, root_at, first_position, key_count], "{name}");
        assert_eq!(entry_positions(&table), entries, "{name}");
    }
    // Separators and offsets of partition "0" of the table `clust`; the last one is the terminator.
    let blocks = "@4 403132@5373 403136@10749 4032@16125 403233@21499 403237@26875 40333031@32251 403334@37625 \
                  403338@43001 403431@48375 403435@53751 403439@59127 4038@64497 403a@67181";
    let table = root.join("da/legacy_tables/legacy_da_clust");
    let memory = Memory::of(Component::Rows, component(&table, "Rows.db").unwrap());
    let mut pages = memory.pages(Component::Rows);
    let mut key = Vec::new();
    let index = RowIndex::open(&mut pages, 93, &mut key).unwrap();
    assert_eq!((key.as_slice(), index.block_count), (&b"0"[..], 13));
    let mut found = Vec::new();
    let mut iter = index.iter(&mut pages, Edge::First).unwrap();
    while let Some(block) = iter.next(&mut pages).unwrap() {
        found.push(format!("{}@{}", hex(iter.separator()), block.offset));
    }
    assert_eq!(found, blocks.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn rows_rebuild_byte_for_byte_from_their_entries() {
    for table in common::tables("da") {
        assert!(rows_from_index(&table) == component(&table, "Rows.db").unwrap(), "{table:?}");
    }
}

/// The table of golden facts in the data's README.
#[test]
fn golden_facts() {
    let facts = [
        ("many", 165_124, 165_044, 165_047, 20_000, 0, 0),
        ("many_wide", 2353, 2314, 2317, 300, 5089, 150),
        ("wide", 55, 15, 17, 2, 13_671, 1),
        ("wide_int_desc", 40, 0, 4, 1, 6524, 1),
        ("wide_tombstones", 52, 14, 16, 2, 2067, 2),
        ("wide_default", 40, 0, 4, 1, 237, 1),
        ("token_collisions", 414, 352, 354, 42, 0, 0),
        ("many_byteordered", 37_701, 36_263, 36_265, 4000, 0, 0),
        ("fanout_byteordered", 50_722, 50_687, 50_690, 7282, 0, 0),
        ("deep_byteordered", 65_992, 45_862, 45_864, 200, 0, 0),
    ];
    for table in common::tables("da") {
        let name = table.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(fact) = facts.iter().find(|fact| fact.0 == name) else { continue };
        let memory = Memory::of(Component::Partitions, component(&table, "Partitions.db").unwrap());
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let rows = component(&table, "Rows.db").unwrap().len();
        let entries = entry_positions(&table).len();
        let (file_len, root, first_position, key_count) =
            (index.file_len(), index.root(), index.first_position(), index.key_count());
        assert_eq!((name.as_str(), file_len, root, first_position, key_count, rows, entries), *fact);
        assert_eq!(index.first_key(), keys(&table)[0]);
        assert_eq!(index.last_key(), *keys(&table).last().unwrap());
    }
}

#[test]
fn lookups_touch_few_pages() {
    for table in common::tables("da") {
        let Header { partitioner, key_type, .. } = header(&table);
        let memory = Memory::of(Component::Partitions, component(&table, "Partitions.db").unwrap());
        let index = PartitionIndex::open(&mut memory.pages(Component::Partitions)).unwrap();
        for key in keys(&table).iter().step_by(7) {
            let mut pages = memory.pages(Component::Partitions);
            index.find(&mut pages, partitioner, &key_type, key, KeyHash::of(key)).unwrap().unwrap();
            let mut form = Vec::new();
            put_partition_key(partitioner, &key_type, key, TERMINATOR, &mut form).unwrap();
            // Three for hashed keys; a long chain of one-byte nodes fills a page with 2,048 of them.
            assert!(pages.asked() <= 3 + form.len() as u64 * 2 / PAGE_LEN, "{table:?} {}", pages.asked());
        }
    }
}

#[test]
fn filters() {
    let count = each_vector("bloom.jsonl", |line| {
        let rate = line.get("fp_chance").unwrap().as_number().unwrap().as_f64().unwrap();
        let sizing = Sizing::for_rate(rate).unwrap();
        let spec = format!(
            "BloomSpecification(K={}, bucketsPerElement={})",
            sizing.hash_count, sizing.buckets_per_key
        );
        assert_eq!(spec, string(line, "spec"), "{rate}");
        let keys = integer(line, "keys").unwrap() as u64;
        let mut builder = BloomBuilder::new(sizing, keys).unwrap();
        for i in 0..keys {
            builder.add(KeyHash::of(format!("key{i}").as_bytes()));
        }
        let file = builder.finish();
        assert_eq!(integer(line, "bytes"), Some(file.len() as i64));
        if let Some(expected) = bytes(line, "filter_db") {
            assert_eq!(hex(&file), hex(&expected));
        }
        let bloom = Bloom::parse(&file).unwrap();
        assert!((0..keys).all(|i| bloom.may_contain(KeyHash::of(format!("key{i}").as_bytes()))));
    });
    assert_eq!(count, 60);
    assert_eq!(Sizing::for_rate(0.000_06), None);
}

#[test]
fn filters_rebuild_byte_for_byte() {
    for table in common::tables("da") {
        let Some(file) = component(&table, "Filter.db") else { continue };
        let bloom = Bloom::parse(&file).unwrap();
        let keys = keys(&table);
        let buckets = [1, 3, 4, 5, 7, 9, 10, 12, 15, 16, 20].into_iter().find(|&buckets_per_key| {
            let sizing = Sizing { buckets_per_key, hash_count: bloom.hash_count() };
            let mut builder = BloomBuilder::new(sizing, keys.len() as u64).unwrap();
            keys.iter().for_each(|key| builder.add(KeyHash::of(key)));
            builder.finish() == file
        });
        assert!(buckets.is_some(), "{table:?}");
    }
}

/// Nodes of each type as Cassandra's walk counted them.
#[test]
fn censuses() {
    for table in common::tables("da") {
        let facts = std::fs::read(table.join("facts.json")).unwrap();
        let document = Document::read(&facts).unwrap();
        let tries = document.root().get("tries").unwrap();
        let memory = Memory::of(Component::Partitions, component(&table, "Partitions.db").unwrap());
        let mut pages = memory.pages(Component::Partitions);
        let index = PartitionIndex::open(&mut pages).unwrap();
        let census = index.check_whole(&mut pages).unwrap();
        assert_eq!(listed(tries.get("partitions_nodes").unwrap()), counted(&[census]), "{table:?}");

        let memory = Memory::of(Component::Rows, component(&table, "Rows.db").unwrap());
        let mut pages = memory.pages(Component::Rows);
        let mut start = 0;
        let mut censuses = Vec::new();
        for position in entry_positions(&table) {
            let index = RowIndex::open(&mut pages, position, &mut Vec::new()).unwrap();
            censuses.push(index.check_whole(&mut pages, start, position).unwrap());
            start = index.end;
        }
        assert_eq!(listed(tries.get("rows_nodes").unwrap()), counted(&censuses), "{table:?}");
    }
}

fn listed(nodes: Value<'_>) -> BTreeMap<String, u64> {
    let types = nodes.get("types").unwrap().members();
    types.map(|(name, count)| (name.into_owned(), count.as_number().unwrap().as_u64().unwrap())).collect()
}

fn counted(censuses: &[Census]) -> BTreeMap<String, u64> {
    let all =
        Kind::ALL.map(|kind| (kind.name().to_owned(), censuses.iter().map(|census| census.of(kind)).sum()));
    all.into_iter().filter(|kind| kind.1 > 0).collect()
}

/// Cassandra writes a range tombstone at -5 that is open at a block's start, and cannot read the index back: the reason is named, with its place.
#[test]
fn an_open_deletion_below_zero_is_named() {
    let table = common::committed().join("invalid/neg_rt");
    let memory = Memory::of(Component::Rows, component(&table, "Rows.db").unwrap());
    let mut pages = memory.pages(Component::Rows);
    let mut named = 0;
    for position in entry_positions(&table) {
        let index = RowIndex::open(&mut pages, position, &mut Vec::new()).unwrap();
        let mut blocks = index.iter(&mut pages, Edge::First).unwrap();
        loop {
            match blocks.next(&mut pages) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(ReadError::Corrupt { component: Component::Rows, at, what }) => {
                    assert_eq!(what, Damage::NegativeDeletionTime);
                    assert!(at < index.root);
                    named += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(index.check_whole(&mut pages, 0, position).is_err());
    }
    assert!(named > 0);
}
