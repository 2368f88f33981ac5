//! Tries against an ordered map, at the borders of every node type, and in the shapes that hurt.
#![expect(clippy::disallowed_methods, reason = "the soak's factor")]

mod common;

use std::collections::BTreeSet;

use common::Memory;
use dolmen_base::block::ReadMode;
use dolmen_base::rng::Rng;
use dolmen_base::trace::{NoTrace, Step};
use dolmen_bti::check;
use dolmen_bti::component::Component;
use dolmen_bti::error::{Damage, ReadError, ValueError};
use dolmen_bti::partitioner::{KeyHash, Partitioner};
use dolmen_bti::partitions::{PartitionIndex, PartitionsBuilder, Place};
use dolmen_bti::trie::node::{Kind, put_node, step};
use dolmen_bti::trie::{Edge, Node, PAGE_LEN, Pages, TrieWriter};
use dolmen_bti::types::CqlType;

#[test]
fn operations_agree_with_an_ordered_map() {
    // 10 million operations at the soak's usual factor of 100.
    let factor = soak().max(2) / 2;
    check::check_trie_operations(&mut Rng::new(5), 200_000 * factor as usize);
}

/// How many times longer than usual tests run: `cargo xtask soak`.
fn soak() -> u64 {
    std::env::var("DOLMEN_SOAK").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// Bulk lookups of present and absent keys (known fault bti-04: which byte of the hash is stored).
#[test]
fn hashed_keys_in_number() {
    check::check_partition_index(100_000 * soak());
}

/// The picture in the crate's page.
#[test]
fn two_keys_as_drawn() {
    let file = check_partitions(&[b"a".to_vec(), b"b".to_vec()]);
    let leaf = |key: &[u8]| KeyHash::of(key).filter_byte();
    let mut drawn = vec![8, leaf(b"a"), 0xff, 8, leaf(b"b"), 0x9b];
    drawn.extend([0xa0, 0x61, 1, 0, 0x60, 3, 0x16, 0x40]);
    assert_eq!(file[..14], drawn);
    assert_eq!(file[14..20], [0, 1, b'a', 0, 1, b'b']);
    assert_eq!(file[20..], [14u64, 2, 12].map(u64::to_be_bytes).concat());
}

/// The type that spec 1.2's ladder gives for one child, for a few close ones, and for all 256, by the width of the distance.
#[test]
fn node_types_at_the_borders_of_their_widths() {
    use Kind::*;
    // Largest distance of the rung; one child, one with a payload, sparse (two far apart), dense (three neighbours).
    let rungs = [
        (4, SingleNoPayload4, Single8, Sparse8, Dense12),
        (8, Single8, Single8, Sparse8, Dense12),
        (12, SingleNoPayload12, Single16, Sparse12, Dense12),
        (16, Single16, Single16, Sparse16, Dense16),
        (24, Dense24, Dense24, Sparse24, Dense24),
        (32, Dense32, Dense32, Sparse40, Dense32),
        (40, Dense40, Dense40, Sparse40, Dense40),
        (63, DenseLong, DenseLong, DenseLong, DenseLong),
    ];
    let mut seen = BTreeSet::new();
    let mut lower = 2;
    for (bits, one, one_with_payload, far, near) in rungs {
        for distance in [lower, (1u64 << bits) - 1] {
            seen.extend([
                check_node(&[(7, distance)], false, one),
                check_node(&[(7, distance)], true, one_with_payload),
                check_node(&[(0, distance), (255, 2)], false, far),
                check_node(&[(0, 2), (9, distance), (255, 3)], true, far),
            ]);
            let many: Vec<(u8, u64)> =
                (0..=255).map(|byte| (byte, if byte == 100 { distance } else { 2 })).collect();
            seen.insert(check_node(&many, false, near));
        }
        lower = 1 << bits;
    }
    seen.insert(check_node(&[], true, PayloadOnly));
    assert_eq!(seen.len(), 16, "{seen:?}");
}

/// Writes and reads a node far into a file.
fn check_node(children: &[(u8, u64)], payload: bool, expected: Kind) -> Kind {
    let distance = children.iter().map(|child| child.1).max().unwrap_or(0);
    let first = children.first().map_or(0, |child| child.0);
    let last = children.last().map_or(0, |child| child.0);
    let kind = Kind::choose(children.len(), first, last, distance, payload);
    let name = format!("{children:?}, {payload}");
    assert_eq!(kind, expected, "{name}");
    let mut bytes = Vec::new();
    put_node(kind, if payload { 9 } else { 0 }, children.iter().copied(), &mut bytes);
    assert_eq!(bytes.len(), kind.len(children.len(), usize::from(last - first) + 1));
    // Ends with its page; a byte later it would cross.
    let offset = PAGE_LEN as usize - bytes.len();
    let mut page = vec![0xee; offset];
    page.extend(&bytes);
    let position = (1 << 63) + offset as u64;
    let node = Node::parse(&page, position).unwrap();
    assert_eq!((node.kind(), node.size()), (kind, bytes.len()));
    assert_eq!(node.payload().map(|payload| payload.flags), payload.then_some(9));
    for byte in 0..=255 {
        let wanted = children.iter().find(|child| child.0 == byte).map(|child| position - child.1);
        let found = node.search(byte).ok().and_then(|slot| node.child(slot).unwrap());
        assert_eq!(found, wanted, "{name} at {byte}");
        assert_eq!(step(&page, position, byte), Ok(wanted), "{name} at {byte}");
        let (Ok(slot) | Err(slot)) = node.search(byte);
        let above = node.child_from(slot).unwrap().map(|(slot, _)| node.transition(slot));
        assert_eq!(above, children.iter().map(|child| child.0).find(|&b| b >= byte));
        let below = node.child_before(slot).unwrap().map(|(slot, _)| node.transition(slot));
        assert_eq!(below, children.iter().map(|child| child.0).rfind(|&b| b < byte));
    }
    if bytes.len() > 1 {
        let cut = &page[..page.len() - 1];
        assert!(matches!(Node::parse(cut, position), Err(Damage::PageCrossed)));
        assert!((0..=255).any(|byte| step(cut, position, byte) == Err(Damage::PageCrossed)));
    }
    kind
}

#[test]
fn damaged_nodes_are_refused() {
    let refused = |bytes: &[u8], position| {
        let mut page = vec![0; (position % PAGE_LEN) as usize];
        page.extend(bytes);
        Node::parse(&page, position)
            .and_then(|node| (0..node.slots()).try_for_each(|s| node.child(s).map(|_| ())))
    };
    assert_eq!(refused(&[0x50, 0], 8), Err(Damage::Tag(0x50)), "a sparse node without children");
    assert_eq!(refused(&[0xa0, 200, 100], 8), Err(Damage::PageCrossed));
    assert!(refused(&[&[0xa0, 200, 100][..], &[0; 200]].concat(), 8).is_err(), "transitions above 255");
    assert!(refused(&[0x12, 5], 1).is_err(), "a child before the file");
    assert!(refused(&[0x10, 5], 8).is_err(), "a child that is its parent");
    assert!(refused(&[], 8).is_err());
}

/// Builds an index of keys in order, checks that each is found and nothing else, and gives its file.
fn check_partitions(keys: &[Vec<u8>]) -> Vec<u8> {
    let blob = CqlType::parse("BytesType").unwrap();
    let mut builder = PartitionsBuilder::new();
    let mut file = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        builder.add(Partitioner::ByteOrdered, &blob, key, Place::Data(i as u64 * 100)).unwrap();
        builder.drain(&mut file);
    }
    builder.finish(&mut file).unwrap();
    let memory = Memory::of(Component::Partitions, file.clone());
    let mut pages = memory.pages(Component::Partitions);
    let index = PartitionIndex::open(&mut pages).unwrap();
    assert_eq!(index.key_count(), keys.len() as u64);
    let mut entries = index.iter(&mut pages, Edge::First).unwrap();
    for i in 0..keys.len() {
        let found = entries.next(&mut pages).unwrap().unwrap();
        assert_eq!(found.place, Place::Data(i as u64 * 100));
    }
    assert_eq!(entries.next(&mut pages), Ok(None));
    for (i, key) in keys.iter().enumerate().step_by(keys.len() / 500 + 1) {
        let found = index.find(&mut pages, Partitioner::ByteOrdered, &blob, key, KeyHash::of(key)).unwrap();
        assert_eq!(found.unwrap().place, Place::Data(i as u64 * 100));
    }
    file
}

#[test]
fn one_two_and_no_keys() {
    assert_eq!(common::hex(&check_partitions(&[])), format!("00{:08}{:015}1{:016}{:016}", 0, 0, 0, 0));
    let one = check_partitions(&[b"only".to_vec()]);
    assert_eq!(one[0] >> 4, 0, "the root is the payload");
    check_partitions(&[b"".to_vec(), b"a".to_vec()]);
    check_partitions(&[b"".to_vec()]);
}

#[test]
fn a_common_prefix_of_60_kilobytes() {
    let keys: Vec<Vec<u8>> = (0..500u16).map(|i| [&[0xab; 60_000][..], &i.to_be_bytes()].concat()).collect();
    check_partitions(&keys);
    let zeros: Vec<Vec<u8>> = (0..50u16).map(|i| [&[0; 60_000][..], &i.to_be_bytes()].concat()).collect();
    check_partitions(&zeros);
}

#[test]
fn a_fan_out_of_256_at_every_level() {
    let keys: Vec<Vec<u8>> = (0..1 << 16).map(|i: u32| i.to_be_bytes()[2..].to_vec()).collect();
    check_partitions(&keys);
    let keys: Vec<Vec<u8>> = (0..1 << 24).step_by(97).map(|i: u32| i.to_be_bytes()[1..].to_vec()).collect();
    check_partitions(&keys);
}

#[test]
fn keys_that_are_prefixes_of_one_another_down_to_65535_bytes() {
    let keys: Vec<Vec<u8>> = (0..300).map(|i| vec![b'x'; i * 70]).chain([vec![b'x'; 65_535]]).collect();
    check_partitions(&keys);
    // Without the escape: a chain as deep, with payloads on the way.
    let mut writer = TrieWriter::new(0);
    for len in (0..=65_535).step_by(257) {
        writer.add(&vec![1; len], 1, &[7]).unwrap();
    }
    let root = writer.finish();
    let mut file = Vec::new();
    writer.drain(&mut file);
    let memory = Memory::of(Component::Rows, file);
    let mut pages = memory.pages(Component::Rows);
    assert!(pages.get(root, &vec![1; 65_535]).unwrap().is_some());
    assert!(pages.get(root, &vec![1; 65_534]).unwrap().is_none());
    assert!(pages.floor(root, &vec![1; 65_534]).unwrap().is_some());
}

#[test]
fn pages_are_traced_and_asked_once() {
    let keys: Vec<Vec<u8>> =
        (0..20_000u32).map(|i| KeyHash::of(&i.to_be_bytes()).h1.to_be_bytes().to_vec()).collect();
    let keys: Vec<Vec<u8>> = BTreeSet::from_iter(keys).into_iter().collect();
    let file = check_partitions(&keys);
    let len = file.len() as u64;
    let memory = Memory::of(Component::Partitions, file);
    let blob = CqlType::parse("BytesType").unwrap();
    let mut cold = Pages::new(&memory, Component::Partitions, len, ReadMode::CacheOnly, NoTrace);
    let missing =
        ReadError::NotCached { component: Component::Partitions, at: (len - 1) / PAGE_LEN * PAGE_LEN };
    assert_eq!(PartitionIndex::open(&mut cold), Err(missing));

    let mut pages = Pages::new(&memory, Component::Partitions, len, ReadMode::MayBlock, Vec::<Step>::new());
    let index = PartitionIndex::open(&mut pages).unwrap();
    let opened = pages.asked();
    for key in &keys[..100] {
        let found = index.find(&mut pages, Partitioner::ByteOrdered, &blob, key, KeyHash::of(key)).unwrap();
        assert!(found.is_some());
    }
    let asked = pages.asked();
    // Neighbours share their pages; the root's is held.
    assert!(asked - opened <= 10, "{asked} pages");
    let steps = pages.trace();
    assert_eq!(steps.len() as u64, asked);
    assert!(steps.iter().all(|step| matches!(step, Step::Block { offset, .. } if offset % PAGE_LEN == 0)));
}

#[test]
fn ends_of_files_that_are_none() {
    let whole = check_partitions(&[b"a".to_vec(), b"b".to_vec()]);
    let refused = |file: Vec<u8>| {
        let memory = Memory::of(Component::Partitions, file);
        PartitionIndex::open(&mut memory.pages(Component::Partitions)).unwrap_err()
    };
    for len in 0..whole.len() {
        refused(whole[..len].to_vec());
    }
    // First position, then root: one before, one behind, far away.
    let end = whole.len();
    for (at, value) in [(end - 24, 13u64), (end - 24, 15), (end - 24, u64::MAX), (end - 8, 11), (end - 8, 14)]
    {
        let mut file = whole.clone();
        file[at..at + 8].copy_from_slice(&value.to_be_bytes());
        refused(file);
    }
}

#[test]
fn keys_out_of_order_are_refused() {
    let mut writer = TrieWriter::new(0);
    writer.add(b"b", 1, &[1]).unwrap();
    assert_eq!(writer.add(b"b", 1, &[1]), Err(ValueError::Order));
    assert_eq!(writer.add(b"a", 1, &[1]), Err(ValueError::Order));
    assert_eq!(writer.add(b"", 1, &[1]), Err(ValueError::Order));
    writer.add(b"ba", 1, &[1]).unwrap();
    assert!(writer.add(b"c", 1, &[0; 20]).is_err());
}

#[test]
fn memory_of_the_writer_is_bounded() {
    let mut writer = TrieWriter::new(0);
    let mut most = 0;
    let mut out = Vec::new();
    for i in 0..200_000u64 {
        let key = (i.wrapping_mul(1 << 44)).to_be_bytes();
        writer.add(&key, 9, &[1, 2, 3]).unwrap();
        writer.drain(&mut out);
        most = most.max(writer.nodes_held());
    }
    writer.finish();
    assert!(most < 40_000, "{most} nodes");
}
