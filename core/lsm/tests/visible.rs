//! Merging and visibility against the plain twin: random histories, snapshots, bounds, both directions.

mod common;

use std::sync::Arc;

use common::list::{List, Pair};
use dolmen_base::Rng;
use dolmen_lsm::get::Lookup;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{SequenceNumber, ValueType, compare, put_internal_key, user_key};
use dolmen_lsm::merge::StringAppend;
use dolmen_lsm::merging::Merging;
use dolmen_lsm::naive::Entries;
use dolmen_lsm::range_del::{Fragments, RangeTombstone};
use dolmen_lsm::visible::{DbIter, ReadOptions, prefix_end};

struct World {
    entries: Entries,
    sources: Vec<Vec<Pair>>,
    tombstones: Vec<RangeTombstone>,
    last: u64,
}

fn random_key(rng: &mut Rng) -> Vec<u8> {
    let len = [1, 2, 9][rng.below(3) as usize];
    (0..len).map(|_| [0, b'a', b'b', 0xff][rng.below(4) as usize]).collect()
}

fn random_world(rng: &mut Rng) -> World {
    let source_count = 1 + rng.below(5) as usize;
    let mut world = World {
        entries: Entries::default(),
        sources: vec![Vec::new(); source_count],
        tombstones: Vec::new(),
        last: rng.below(120),
    };
    for sequence in 1..=world.last {
        let key = random_key(rng);
        if rng.one_in(12) {
            let t =
                RangeTombstone { begin: key, end: random_key(rng), sequence: SequenceNumber::new(sequence) };
            world.entries.add_tombstone(t.clone());
            world.tombstones.push(t);
            continue;
        }
        let types = [ValueType::Value, ValueType::Value, ValueType::Merge, ValueType::Deletion];
        let mut internal = Vec::new();
        put_internal_key(&mut internal, &key, SequenceNumber::new(sequence), types[rng.below(4) as usize]);
        let value = sequence.to_string().into_bytes();
        world.entries.add(&internal, &value);
        let copies = 1 + usize::from(rng.one_in(10) && source_count > 1);
        let first = rng.below(source_count as u64) as usize;
        for copy in 0..copies {
            world.sources[(first + copy) % source_count].push((internal.clone(), value.clone()));
        }
    }
    for source in &mut world.sources {
        source.sort_by(|a, b| compare(&a.0, &b.0));
    }
    world
}

fn lists(world: &World) -> impl Iterator<Item = List> + '_ {
    world.sources.iter().map(|s| List { entries: s.clone(), at: None })
}

fn current<I: InternalIterator>(iter: &DbIter<I>) -> Option<Pair> {
    iter.valid().then(|| (iter.key().to_vec(), iter.value().to_vec()))
}

#[test]
fn random_walks_show_what_the_twin_shows() {
    let mut rng = Rng::new(1);
    for _ in 0..1_500 {
        let world = random_world(&mut rng);
        let mut options = ReadOptions {
            sequence: SequenceNumber::new(rng.below(world.last + 2)),
            operator: Some(Arc::new(StringAppend::default())),
            ..ReadOptions::default()
        };
        match rng.below(4) {
            0 => options.set_prefix(&random_key(&mut rng)),
            1 => options.lower = Some(random_key(&mut rng)),
            2 => options.upper = Some(random_key(&mut rng)),
            _ => {}
        }
        let operator = StringAppend::default();
        let mut expected = world.entries.visible(options.sequence, Some(&operator)).unwrap();
        expected.retain(|(k, _)| {
            options.lower.as_ref().is_none_or(|l| l <= k) && options.upper.as_ref().is_none_or(|u| k < u)
        });
        // The sources are in no order, so the tombstones count as the oldest one's: they hide no source as a whole.
        let tombstones = [(world.sources.len(), Arc::new(Fragments::new(&world.tombstones)))];
        let mut iter = DbIter::new(Merging::new(lists(&world)), tombstones, options);
        let mut at: Option<usize> = None;
        for _ in 0..80 {
            match rng.below(8) {
                0 => {
                    iter.seek_to_first().unwrap();
                    at = (!expected.is_empty()).then_some(0);
                }
                1 => {
                    iter.seek_to_last().unwrap();
                    at = expected.len().checked_sub(1);
                }
                2 => {
                    let target = random_key(&mut rng);
                    iter.seek(&target).unwrap();
                    at = Some(expected.partition_point(|e| e.0 < target)).filter(|&i| i < expected.len());
                }
                3 => {
                    let target = random_key(&mut rng);
                    iter.seek_for_prev(&target).unwrap();
                    at = expected.partition_point(|e| e.0 <= target).checked_sub(1);
                }
                4 | 5 => {
                    iter.next().unwrap();
                    at = at.map(|i| i + 1).filter(|&i| i < expected.len());
                }
                _ => {
                    iter.prev().unwrap();
                    at = at.and_then(|i| i.checked_sub(1));
                }
            }
            assert_eq!(current(&iter), at.map(|i| expected[i].clone()));
        }
    }
}

#[test]
fn merging_turns_on_the_spot() {
    let mut rng = Rng::new(2);
    for _ in 0..500 {
        let world = random_world(&mut rng);
        let mut all: Vec<Pair> = world.sources.concat();
        all.sort_by(|a, b| compare(&a.0, &b.0));
        let mut iter = Merging::new(lists(&world));
        iter.seek_to_first().unwrap();
        let mut at = (!all.is_empty()).then_some(0usize);
        for _ in 0..100 {
            assert_eq!(iter.valid().then(|| iter.key().to_vec()), at.map(|i| all[i].0.clone()));
            let Some(i) = at else { break };
            if rng.one_in(3) {
                iter.prev().unwrap();
                at = i.checked_sub(1);
            } else {
                iter.next().unwrap();
                at = Some(i + 1).filter(|&i| i < all.len());
            }
        }
    }
}

#[test]
fn lsm_08_a_prefix_scan_stays_within_the_whole_prefix() {
    let keys: [&[u8]; 4] = [&[0, 0], &[0, 1, 0], &[0, 1, 1], &[0, 2]];
    let mut list = List::default();
    for key in keys {
        let mut internal = Vec::new();
        put_internal_key(&mut internal, key, SequenceNumber::new(1), ValueType::Value);
        list.entries.push((internal, Vec::new()));
    }
    let mut options = ReadOptions { sequence: SequenceNumber::new(1), ..ReadOptions::default() };
    options.set_prefix(&[0, 1]);
    let mut iter = DbIter::new(Merging::new([list]), [], options);
    let mut seen = Vec::new();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        seen.push(iter.key().to_vec());
        iter.next().unwrap();
    }
    assert_eq!(seen, [vec![0, 1, 0], vec![0, 1, 1]]);
    assert_eq!(prefix_end(&[1, 0xff]), Some(vec![2]));
    assert_eq!(prefix_end(&[0xff]), None);
}

#[test]
fn point_reads_give_what_the_twin_gives() {
    let mut rng = Rng::new(3);
    let (operator, mut lookup) = (StringAppend::default(), Lookup::default());
    for _ in 0..1_500 {
        let world = random_world(&mut rng);
        let sequence = SequenceNumber::new(rng.below(world.last + 2));
        let expected = world.entries.visible(sequence, Some(&operator)).unwrap();
        let fragments = Fragments::new(&world.tombstones);
        let mut all: Vec<Pair> = world.sources.concat();
        all.sort_by(|a, b| compare(&a.0, &b.0));
        for _ in 0..20 {
            let key = random_key(&mut rng);
            lookup.start(sequence);
            lookup.delete_before(fragments.covering(&key, sequence));
            for (k, v) in all.iter().filter(|(k, _)| user_key(k) == key) {
                if !lookup.visit(k, v).unwrap() {
                    break;
                }
            }
            let found = lookup.finish(&key, Some(&operator)).unwrap();
            let right = expected.iter().find(|e| e.0 == key).map(|e| e.1.as_slice());
            assert_eq!(found, right);
        }
    }
}
