//! The list against a `BTreeMap`, and readers beside a writer.
#![allow(clippy::disallowed_methods, reason = "tests use threads")]

use core::cmp::{Ordering, Reverse};
use dolmen_skiplist::{Bytewise, Error, Order, OwnedIter, Skiplist, prefix_be};
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
    fn prefix(&self, key: &[u8]) -> u64 {
        prefix_be(split(key).0)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
    fn key(&mut self) -> Vec<u8> {
        let len = self.below(11);
        let mut key: Vec<u8> = (0..len).map(|_| [0, 1, 255][self.below(3) as usize]).collect();
        key.extend(self.below(4).to_le_bytes());
        key
    }
}

fn check_model(seed: u64, count: usize) {
    let mut random = Random(seed);
    let list = Skiplist::new(Internal, seed).unwrap();
    let mut twin = BTreeMap::new();
    let mut writer = list.writer().unwrap();
    assert!(list.writer().is_none());
    for i in 0..count {
        let (key, value) = (random.key(), vec![i as u8; i % 7]);
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
        let key = random.key();
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
    let (seeds, count) = if cfg!(miri) { (2, 60) } else { (100, 1000) };
    (0..seeds).for_each(|seed| check_model(seed, count));
}

#[test]
fn memory_is_counted_exactly() {
    let list = Skiplist::new(Bytewise, 0).unwrap();
    let (used, reserved) = (list.memory_used(), list.memory_reserved());
    let big = vec![7; reserved];
    list.writer().unwrap().insert(b"big", &big).unwrap();
    // A large value has a chunk of its own; its node goes into the first chunk, which the head has begun.
    let value = (big.len() + 4).next_multiple_of(8);
    assert_eq!(list.memory_reserved() - reserved, value);
    let node = list.memory_used() - used - value;
    assert!((3 + 24 + 8..3 + 24 + 12 * 8 + 8).contains(&node));
    assert_eq!(list.get(b"big"), Some(&big[..]));
}

#[test]
fn readers_see_a_sorted_prefix_of_the_writes() {
    let count: u32 = if cfg!(miri) { 60 } else { 20_000 };
    let list = Skiplist::new(Bytewise, 3).unwrap();
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
    let list = Arc::new(Skiplist::new(Bytewise, 9).unwrap());
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
