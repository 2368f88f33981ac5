//! Every order in which a writer's and its readers' loads and stores can take effect:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p dolmen-skiplist --test loom`.
#![cfg(loom)]

use dolmen_skiplist::{Bytewise, Skiplist};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// Heights come from the seed; these two have nodes on both levels among the keys below.
const SEEDS: [u64; 2] = [1, 5];

/// A reader walks while the writer inserts: what it reaches is whole and in order, and what was published to it is there.
#[test]
fn a_walk_beside_inserts_is_whole_sorted_and_not_behind_what_was_published() {
    for seed in SEEDS {
        loom::model(move || {
            let list = Arc::new(Skiplist::new(Bytewise, seed).unwrap());
            let published = Arc::new(AtomicUsize::new(0));
            let keys: [&[u8]; 2] = [b"c", b"a"];
            let writer = {
                let (list, published) = (list.clone(), published.clone());
                thread::spawn(move || {
                    let mut writer = list.writer().unwrap();
                    for (i, key) in keys.iter().enumerate() {
                        writer.insert(key, key).unwrap();
                        published.store(i + 1, Ordering::Release);
                    }
                })
            };
            let floor = published.load(Ordering::Acquire);
            keys[..floor].iter().for_each(|key| assert_eq!(list.get(key), Some(*key)));
            let (mut iter, mut seen) = (list.iter(), Vec::new());
            iter.seek_to_first();
            while let (Some(key), Some(value)) = (iter.key(), iter.value()) {
                assert_eq!(key, value);
                seen.push(key);
                iter.next();
            }
            assert!(seen.is_sorted() && keys[..floor].iter().all(|key| seen.contains(key)));
            writer.join().unwrap();
        });
    }
}

/// A search descends while a node is linked level by level in front of what it looks for.
#[test]
fn a_search_beside_an_insert_finds_what_was_there() {
    for seed in SEEDS {
        loom::model(move || {
            let list = Arc::new(Skiplist::new(Bytewise, seed).unwrap());
            list.writer().unwrap().insert(b"m", b"m").unwrap();
            let writer = {
                let list = list.clone();
                thread::spawn(move || list.writer().unwrap().insert(b"g", b"g").unwrap())
            };
            assert_eq!(list.get(b"m"), Some(&b"m"[..]));
            let mut iter = list.iter();
            iter.seek_for_prev(b"k");
            assert!(iter.key().is_none_or(|key| key == b"g"));
            iter.seek_to_last();
            assert_eq!(iter.key(), Some(&b"m"[..]));
            iter.prev();
            assert!(iter.key().is_none_or(|key| key == b"g"));
            writer.join().unwrap();
            assert_eq!(list.get(b"g"), Some(&b"g"[..]));
        });
    }
}

/// Two threads never hold the writer's handle at once.
#[test]
fn one_writer_at_a_time() {
    loom::model(|| {
        let list = Arc::new(Skiplist::new(Bytewise, 1).unwrap());
        let insert = |list: &Skiplist<Bytewise>, key: &[u8]| {
            let Some(mut writer) = list.writer() else { return 0 };
            writer.insert(key, key).unwrap();
            1
        };
        let other = {
            let list = list.clone();
            thread::spawn(move || insert(&list, b"a"))
        };
        let inserted = insert(&list, b"b") + other.join().unwrap();
        assert!(inserted >= 1);
        assert_eq!(list.len(), inserted);
    });
}
