//! The list against a `BTreeMap`, and readers beside a writer.
#![allow(clippy::disallowed_methods, reason = "tests use threads")]

use core::cmp::{Ordering, Reverse};
use dolmen_skiplist::{Bytewise, Error, Order, OwnedIter, Skiplist};
use std::collections::BTreeMap;
use std::sync::Arc;

/// User key ascending, then the little-endian trailer descending.
struct Internal;

fn split(key: &[u8]) -> (&[u8], Reverse<u64>) {
    let (user, trailer) = key.split_last_chunk::<8>().unwrap();
    (user, Reverse(u64::from_le_bytes(*trailer)))
}

impl Order for Internal {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        split(a).cmp(&split(b))
    }
    fn head<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        split(key).0
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
    /// Keys that share much: short ones of few letters, or, by the seed, long ones that differ far behind, at places of all kinds.
    fn key(&mut self, seed: u64) -> Vec<u8> {
        let shared = [0, 3, 8, 21][seed as usize % 4];
        let mut key = vec![b'k'; self.below(shared + 1) as usize];
        if self.below(4) > 0 {
            key.resize(shared as usize, b'k');
        }
        let len = self.below(11);
        key.extend((0..len).map(|_| [0, 1, 255][self.below(3) as usize]));
        key.extend(self.below(4).to_le_bytes());
        key
    }

    /// The next key to insert: anywhere, or now and then a run that goes up or down from the last one.
    fn next(&mut self, seed: u64, last: &[u8]) -> Vec<u8> {
        let Some((user, _)) =
            last.split_last_chunk::<8>().filter(|_| !seed.is_multiple_of(3) && self.below(30) > 0)
        else {
            return self.key(seed);
        };
        let mut user = user.to_vec();
        if let Some(number) = user.last_chunk_mut::<4>() {
            let step = if seed % 3 == 1 { 1 } else { u32::MAX };
            *number = u32::from_be_bytes(*number).wrapping_add(step).to_be_bytes();
        }
        user.extend(self.below(2).to_le_bytes());
        user
    }
}

fn check_model(seed: u64, count: usize) {
    let mut random = Random(seed);
    let list = Skiplist::new(Internal).unwrap();
    let mut twin = BTreeMap::new();
    let mut writer = list.writer().unwrap();
    assert!(list.writer().is_none());
    let mut last = Vec::new();
    for i in 0..count {
        let (key, value) = (random.next(seed, &last), vec![i as u8; i % 7]);
        last.clone_from(&key);
        let (user, trailer) = split(&key);
        let sort = (user.to_vec(), trailer);
        let expected = if twin.contains_key(&sort) { Err(Error::Exists) } else { Ok(()) };
        assert_eq!(writer.insert(&key, &value), expected);
        twin.entry(sort).or_insert((key, value));
    }
    drop(writer);
    assert!(list.writer().is_some());
    assert_eq!(list.len(), twin.len());
    let (mut up, mut down) = (list.iter(), list.iter());
    up.seek_to_first();
    down.seek_to_last();
    for (a, b) in twin.values().zip(twin.values().rev()) {
        assert_eq!((up.key(), up.value()), (Some(&a.0[..]), Some(&a.1[..])));
        assert_eq!((down.key(), down.value()), (Some(&b.0[..]), Some(&b.1[..])));
        up.next();
        down.prev();
    }
    assert!(!up.is_valid() && !down.is_valid());
    for _ in 0..count {
        let key = random.key(seed);
        let sort = (split(&key).0.to_vec(), split(&key).1);
        up.seek(&key);
        assert_eq!(up.key(), twin.range(&sort..).next().map(|(_, e)| &e.0[..]));
        down.seek_for_prev(&key);
        assert_eq!(down.key(), twin.range(..=&sort).next_back().map(|(_, e)| &e.0[..]));
        assert_eq!(list.get(&key), twin.get(&sort).map(|e| &e.1[..]));
    }
}

#[test]
fn agrees_with_a_btree_map() {
    let (seeds, count) = if cfg!(miri) { (6, 80) } else { (120, 1000) };
    (0..seeds).for_each(|seed| check_model(seed, count));
}

#[test]
fn memory_is_counted_exactly() {
    let list = Skiplist::new(Bytewise).unwrap();
    let (used, reserved) = (list.memory_used(), list.memory_reserved());
    let big = vec![7; reserved];
    list.writer().unwrap().insert(b"", &big).unwrap();
    // A large entry has a chunk of its own; the first node is there from the beginning.
    let entry = (8 + big.len()).next_multiple_of(8);
    assert_eq!(list.memory_reserved() - reserved, entry);
    assert_eq!(list.memory_used() - used, entry);
    assert_eq!(list.get(b""), Some(&big[..]));
    (0..1000u32).for_each(|i| list.writer().unwrap().insert(&i.to_be_bytes(), b"").unwrap());
    // Keys that ascend leave full nodes behind: 72 of the lowest level and six above, each in whole cache lines.
    let nodes = list.memory_used() - used - entry - 1000 * 16;
    assert_eq!(nodes % 64, 0);
    assert!((71 * 256..80 * 256 + 8 * 384).contains(&nodes), "{nodes}");
}

#[test]
fn readers_see_a_sorted_prefix_of_the_writes() {
    let count: u32 = if cfg!(miri) { 60 } else { 20_000 };
    let list = Skiplist::new(Bytewise).unwrap();
    // An odd multiplier permutes the keys, so inserts come in no order.
    let key = |i: u32| i.wrapping_mul(0x9e37_79b1).to_be_bytes();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let floor = list.len();
                    let (mut iter, mut seen, mut last) = (list.iter(), 0, None);
                    iter.seek_to_first();
                    while let Some(at) = iter.key() {
                        assert!(last < Some(at));
                        assert_eq!(iter.value(), Some(at));
                        (last, seen) = (Some(at), seen + 1);
                        iter.next();
                    }
                    assert!(seen >= floor);
                    if floor == count as usize {
                        break;
                    }
                }
            });
        }
        let mut writer = list.writer().unwrap();
        (0..count).for_each(|i| writer.insert(&key(i), &key(i)).unwrap());
    });
}

#[test]
fn a_cursor_that_owns_its_list_walks_it_both_ways() {
    let list = Arc::new(Skiplist::new(Bytewise).unwrap());
    let mut iter = OwnedIter::new(list.clone());
    for key in [b"b", b"a", b"d"] {
        list.writer().unwrap().insert(key, key).unwrap();
    }
    drop(list);
    let mut stands_at = |step: &dyn Fn(&mut OwnedIter<Bytewise>), wanted: Option<&[u8]>| {
        step(&mut iter);
        assert_eq!((iter.key(), iter.value(), iter.is_valid()), (wanted, wanted, wanted.is_some()));
    };
    stands_at(&|_| (), None);
    stands_at(&|i| i.seek(b"b"), Some(b"b"));
    stands_at(&OwnedIter::prev, Some(b"a"));
    stands_at(&OwnedIter::prev, None);
    stands_at(&OwnedIter::seek_to_first, Some(b"a"));
    stands_at(&|i| i.seek_for_prev(b"c"), Some(b"b"));
    stands_at(&OwnedIter::next, Some(b"d"));
    stands_at(&OwnedIter::seek_to_last, Some(b"d"));
    stands_at(&OwnedIter::next, None);
}
