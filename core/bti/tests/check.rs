//! The fuzz bodies over committed seeds and seeded mutations of them, and flips of every byte of small indexes.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

mod common;

use common::{Memory, component};
use dolmen_base::rng::Rng;
use dolmen_bti::check;
use dolmen_bti::component::Component;
use dolmen_bti::partitions::{Candidate, PartitionIndex};
use dolmen_bti::trie::Edge;

/// Runs a body over a target's seeds and mutations of them.
fn mutate(target: &str, count: u64, body: fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    body(&[]);
    for (i, seed) in seeds.iter().enumerate() {
        let seed = std::fs::read(seed).unwrap();
        body(&seed);
        let mut rng = Rng::new(i as u64);
        for _ in 0..count / seeds.len() as u64 + 1 {
            let mut data = seed.clone();
            for _ in 0..=rng.below(4) {
                let at = rng.below(data.len().max(1) as u64) as usize;
                match rng.below(4) {
                    0 => data.truncate(at),
                    1 => data.insert(at.min(data.len()), rng.next_u64() as u8),
                    2 => data.iter_mut().skip(at).take(1).for_each(|b| *b = [0, 1, 0x7f, 0x80, 0xff][at % 5]),
                    _ => data.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << rng.below(8)),
                }
            }
            body(&data);
        }
    }
}

#[test]
fn tries() {
    mutate("bti_trie", 4000, check::check_trie);
}

#[test]
fn blooms() {
    mutate("bti_bloom", 4000, check::check_bloom);
}

#[test]
fn types() {
    mutate("bti_type", 8000, check::check_type);
}

#[test]
fn comparables() {
    mutate("bti_comparable", 40_000, check::check_comparable);
}

/// All entries, or that something is wrong.
fn entries(file: &[u8]) -> Option<Vec<Candidate>> {
    let memory = Memory::of(Component::Partitions, file.to_vec());
    let mut pages = memory.pages(Component::Partitions);
    let index = PartitionIndex::open(&mut pages).ok()?;
    let mut entries = index.iter(&mut pages, Edge::First).ok()?;
    let mut found = Vec::new();
    while let Some(entry) = entries.next(&mut pages).ok()? {
        found.push(entry);
    }
    index.check_whole(&mut pages).ok()?;
    Some(found)
}

/// No checksum guards the index. What a flipped byte leaves standing is a sound trie with another key, hash or position in it, and one rebuilt from the
/// keys differs from it; the structure alone shows the rest.
#[test]
fn single_byte_flips_are_met() {
    let (mut flips, mut unseen) = (0, 0);
    for table in common::tables("da") {
        let file = component(&table, "Partitions.db").unwrap();
        if file.len() > 1000 {
            continue;
        }
        let sound = entries(&file).unwrap();
        for at in 0..file.len() {
            for bit in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= bit;
                flips += 1;
                unseen += usize::from(entries(&damaged).is_some_and(|found| found == sound));
                check::check_trie(&damaged);
            }
        }
    }
    // Bytes of keys: the first and last, and transitions that stay between their neighbours.
    println!("{unseen} of {flips} flips leave all positions");
    assert!(unseen < flips / 2);
}

#[test]
fn rows() {
    mutate("bti_rows", 20_000, check::check_rows);
}

#[test]
fn statistics() {
    mutate("bti_statistics", 3000, check::check_statistics);
}

#[test]
fn compression() {
    mutate("bti_compression", 10_000, check::check_compression);
}

#[test]
fn schemas() {
    mutate("bti_schema", 20_000, check::check_schema);
}
