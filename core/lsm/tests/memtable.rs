//! The memtable against a `BTreeMap` and a list of tombstones, and readers beside its writer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use dolmen_base::rng::Rng;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, InternalKey, SequenceNumber, ValueType};
use dolmen_lsm::memtable::{Memtable, MemtableIter};
use dolmen_lsm::range_del::{Fragments, RangeTombstone};

type Twin = BTreeMap<(Vec<u8>, u64), (ValueType, Vec<u8>)>;

/// Few enough that keys meet, with lengths on both sides of the prefix of nodes.
fn random_key(rng: &mut Rng) -> Vec<u8> {
    let n = rng.below(700);
    let mut key = n.to_be_bytes()[6..].to_vec();
    key.resize(2 + 5 * (n as usize % 4), b'k');
    key
}

fn covering(tombstones: &[RangeTombstone], user_key: &[u8], max: u64) -> Option<SequenceNumber> {
    let over = |t: &&RangeTombstone| t.begin.as_slice() <= user_key && user_key < t.end.as_slice();
    tombstones.iter().filter(over).map(|t| t.sequence).filter(|s| s.get() <= max).max()
}

/// What a reader at `max` finds from the newest entry on.
fn check_get(memtable: &Memtable, twin: &Twin, user_key: &[u8], max: u64) {
    let mut seek_key = Vec::new();
    key::put_seek_key(&mut seek_key, user_key, SequenceNumber::new(max));
    let mut found = Vec::new();
    memtable.get(&seek_key, |entry| {
        let (k, v) = (entry.key(), entry.value());
        let entry = InternalKey::parse(k).unwrap();
        assert_eq!(entry.user_key, user_key);
        found.push((entry.sequence.get(), entry.value_type, v.to_vec()));
        found.len() < 3
    });
    let of_key = twin.range((user_key.to_vec(), 0)..=(user_key.to_vec(), max)).rev();
    let wanted: Vec<_> = of_key.take(3).map(|((_, s), (t, v))| (*s, *t, v.clone())).collect();
    assert_eq!(found, wanted, "{user_key:?} at {max}");
}

/// The whole walk, in both directions.
fn check_walk(memtable: &Memtable, twin: &Twin) {
    let mut wanted: Vec<_> = twin.iter().map(|((k, s), (t, v))| (k, u64::MAX - s, *t, v)).collect();
    wanted.sort();
    let mut iter = MemtableIter::new(memtable);
    let at = |iter: &MemtableIter, row: &(&Vec<u8>, u64, ValueType, &Vec<u8>)| {
        let entry = InternalKey::parse(iter.key()).unwrap();
        assert_eq!(
            (entry.user_key, u64::MAX - entry.sequence.get(), entry.value_type),
            (&row.0[..], row.1, row.2)
        );
        assert_eq!(iter.value(), row.3);
    };
    iter.seek_to_first().unwrap();
    wanted.iter().for_each(|row| {
        at(&iter, row);
        iter.next().unwrap();
    });
    assert!(!iter.valid());
    iter.seek_to_last().unwrap();
    wanted.iter().rev().for_each(|row| {
        at(&iter, row);
        iter.prev().unwrap();
    });
    assert!(!iter.valid());
}

fn check_model(seed: u64, count: u64) {
    let mut rng = Rng::new(seed);
    let memtable = Memtable::new().unwrap();
    let mut writer = memtable.writer().unwrap();
    assert!(memtable.writer().is_none() && memtable.is_empty() && memtable.sequences().is_none());
    let (mut twin, mut tombstones) = (Twin::new(), Vec::new());
    for sequence in 1..=count {
        let (user_key, at) = (random_key(&mut rng), SequenceNumber::new(sequence));
        match rng.below(20) {
            0 => {
                let end = random_key(&mut rng);
                writer.delete_range(&user_key, &end, at);
                if user_key < end {
                    tombstones.push(RangeTombstone { begin: user_key, end, sequence: at });
                }
            }
            kind => {
                let kinds =
                    [ValueType::Value, ValueType::Merge, ValueType::Deletion, ValueType::SingleDeletion];
                let (kind, value) = (kinds[kind as usize % 4], vec![sequence as u8; rng.below(30) as usize]);
                writer.insert(&user_key, at, kind, &value).unwrap();
                twin.insert((user_key, sequence), (kind, value));
            }
        }
        let (wanted, max) = (random_key(&mut rng), rng.below(sequence + 1));
        check_get(&memtable, &twin, &wanted, max);
        if rng.below(3) == 0 {
            assert_eq!(
                memtable.covering(&wanted, SequenceNumber::new(max)),
                covering(&tombstones, &wanted, max)
            );
        }
    }
    check_walk(&memtable, &twin);
    assert_eq!(memtable.entry_count(), twin.len() + tombstones.len());
    assert_eq!(memtable.range_tombstones(), tombstones);
    let lists: Vec<_> = memtable.fragments().collect();
    for _ in 0..count / 10 {
        let (user_key, max) = (random_key(&mut rng), rng.below(count + 1));
        let newest = lists.iter().filter_map(|l| l.covering(&user_key, SequenceNumber::new(max))).max();
        assert_eq!(newest, covering(&tombstones, &user_key, max));
    }
}

#[test]
fn agrees_with_a_btree_map() {
    let (seeds, count) = if cfg!(miri) { (1, 60) } else { (10, 10_000) };
    (0..seeds).for_each(|seed| check_model(seed, count));
}

/// Every range over every other one, a read behind each: what is cut stays in proportion to the tombstones.
#[test]
fn tombstones_that_all_overlap_are_cut_in_bounds() {
    let count: u32 = if cfg!(miri) { 40 } else { 4_000 };
    let memtable = Memtable::new().unwrap();
    let mut writer = memtable.writer().unwrap();
    for i in 0..count {
        let (begin, end) = (i.to_be_bytes(), (u32::MAX - i).to_be_bytes());
        writer.delete_range(&begin, &end, SequenceNumber::new(u64::from(i) + 1));
        let newest = memtable.covering(&count.to_be_bytes(), SequenceNumber::new(1 << 40));
        assert_eq!(newest, Some(SequenceNumber::new(u64::from(i) + 1)));
    }
    let at_once = Memtable::new().unwrap();
    let mut writer = at_once.writer().unwrap();
    for t in memtable.range_tombstones() {
        writer.delete_range(&t.begin, &t.end, t.sequence);
    }
    for memtable in [&memtable, &at_once] {
        let lists: Vec<_> = memtable.fragments().collect();
        let sequences: usize = lists.iter().flat_map(|l| l.iter()).map(|f| f.sequences.len()).sum();
        assert!(sequences <= 256 * count as usize && lists.len() <= count as usize / 256 + 9);
        for i in (0..count).step_by(count as usize / 20) {
            let covered = memtable.covering(&i.to_be_bytes(), SequenceNumber::new(1 << 40));
            assert_eq!(covered, Some(SequenceNumber::new(u64::from(i) + 1)));
        }
    }
}

/// What a reader sees at a sequence number that was published to it is what was written up to there, whatever the writer does meanwhile.
#[test]
fn readers_see_every_write_that_was_published() {
    let count: u64 = if cfg!(miri) { 40 } else { 20_000 };
    let memtable = Memtable::new().unwrap();
    let visible = AtomicU64::new(0);
    // Write `s` puts key `s` (permuted), or deletes the keys from the one of write `s - 1` on, of length one.
    let key_of = |s: u64| (s.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (memtable, visible) = (&memtable, &visible);
            scope.spawn(move || {
                let mut rng = Rng::new(thread);
                loop {
                    let max = visible.load(Ordering::Acquire);
                    if max > 0 {
                        let s = 1 + rng.below(max);
                        let (user_key, at) = (key_of(s), SequenceNumber::new(max));
                        let mut seek_key = Vec::new();
                        key::put_seek_key(&mut seek_key, &user_key, at);
                        let mut found = None;
                        memtable.get(&seek_key, |entry| {
                            let (k, v) = (entry.key(), entry.value());
                            found = Some((InternalKey::parse(k).unwrap().sequence.get(), v.to_vec()));
                            false
                        });
                        let deleted = memtable.covering(&user_key, at).map(SequenceNumber::get);
                        if s.is_multiple_of(50) {
                            assert_eq!(
                                memtable.covering(&key_of(s - 1), at).map(SequenceNumber::get),
                                Some(s)
                            );
                        } else {
                            assert_eq!(found, Some((s, s.to_le_bytes().to_vec())));
                            let next = s + 1;
                            assert_eq!(deleted, (next.is_multiple_of(50) && next <= max).then_some(next));
                        }
                    }
                    if max == count {
                        break;
                    }
                }
            });
        }
        let mut writer = memtable.writer().unwrap();
        for s in 1..=count {
            let at = SequenceNumber::new(s);
            if s.is_multiple_of(50) {
                let (begin, mut end) = (key_of(s - 1), key_of(s - 1).to_vec());
                end.push(0);
                writer.delete_range(&begin, &end, at);
            } else {
                writer.insert(&key_of(s), at, ValueType::Value, &s.to_le_bytes()).unwrap();
            }
            visible.store(s, Ordering::Release);
        }
    });
}

/// What a flush keeps of tombstones that all overlap: one sequence number for each reader and fragment, where all of them would be
/// ten thousand million.
#[test]
fn a_flush_of_tombstones_that_all_overlap_keeps_what_readers_see() {
    let count: u32 = if cfg!(miri) { 40 } else { 100_000 };
    let nested = |i: u32| RangeTombstone {
        begin: i.to_be_bytes().to_vec(),
        end: (u32::MAX - i).to_be_bytes().to_vec(),
        sequence: SequenceNumber::new(u64::from(i) + 1),
    };
    let all: Vec<_> = (0..count).map(nested).collect();
    let snapshot = SequenceNumber::new(u64::from(count) / 2);
    let fragments = Fragments::for_snapshots(&all, &[snapshot]);
    assert_eq!(fragments.len(), 2 * count as usize - 1);
    assert!(fragments.iter().all(|f| f.sequences.len() <= 2));
    let key = count.to_be_bytes();
    assert_eq!(fragments.covering(&key, snapshot), Some(snapshot));
    assert_eq!(
        fragments.covering(&key, SequenceNumber::new(1 << 40)),
        Some(SequenceNumber::new(count.into()))
    );
}
