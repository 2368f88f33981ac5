//! Every order in which a writer's and its readers' loads and stores can take effect; under loom a node holds two entries:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p dolmen-skiplist --test loom`.
#![cfg(loom)]

use dolmen_skiplist::{Bytewise, Skiplist};
use loom::model::Builder;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

type List = Skiplist<Bytewise>;

/// Every order with at most so many changes of thread where none is forced.
fn model(preemptions_max: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions_max);
    builder.check(body);
}

/// A list of these entries, and a thread that adds others and tells how many it has added.
fn beside(
    there: &[&'static str],
    added: &'static [&'static str],
) -> (Arc<List>, Arc<AtomicUsize>, thread::JoinHandle<()>) {
    let list = Arc::new(Skiplist::new(Bytewise).unwrap());
    let insert =
        |list: &List, key: &str| list.writer().unwrap().insert(key.as_bytes(), key.as_bytes()).unwrap();
    there.iter().for_each(|key| insert(&list, key));
    let published = Arc::new(AtomicUsize::new(0));
    let writer = {
        let (list, published) = (list.clone(), published.clone());
        thread::spawn(move || {
            for (i, key) in added.iter().enumerate() {
                insert(&list, key);
                published.store(i + 1, Ordering::Release);
            }
        })
    };
    (list, published, writer)
}

/// A reader walks while the writer inserts: what it reaches is whole and in order, and what was published to it is there.
fn check_walk(there: &'static [&'static str], added: &'static [&'static str]) {
    model(3, move || {
        let (list, published, writer) = beside(there, added);
        let floor = published.load(Ordering::Acquire);
        let (mut iter, mut seen) = (list.iter(), Vec::new());
        iter.seek_to_first();
        while let (Some(key), Some(value)) = (iter.key(), iter.value()) {
            assert_eq!(key, value);
            seen.push(std::str::from_utf8(key).unwrap());
            iter.next();
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        assert!(there.iter().chain(&added[..floor]).all(|key| seen.contains(key)), "{seen:?} {floor}");
        writer.join().unwrap();
        assert_eq!(list.len(), there.len() + added.len());
    });
}

#[test]
fn a_walk_beside_inserts_into_one_node() {
    check_walk(&[], &["c", "a"]);
}

/// The node is split, and the slot that this frees is written again.
#[test]
fn a_walk_beside_a_split() {
    check_walk(&["b", "e"], &["c"]);
}

/// A run leaves the full node as it is.
#[test]
fn a_walk_beside_a_run() {
    check_walk(&["b", "d"], &["e", "f"]);
}

/// A reader looks up what is there while its node is split under it, once and again.
#[test]
fn a_search_beside_splits_finds_what_was_there() {
    for wanted in ["b", "d", "f"] {
        model(3, move || {
            let (list, _, writer) = beside(&["b", "f", "d"], &["c", "e"]);
            assert_eq!(list.get(wanted.as_bytes()), Some(wanted.as_bytes()));
            writer.join().unwrap();
            assert_eq!(list.get(b"e"), Some(&b"e"[..]));
        });
    }
}

/// Backwards a node is left by a search.
#[test]
fn a_walk_backwards_beside_a_split() {
    model(3, move || {
        let (list, _, writer) = beside(&["b", "e"], &["c"]);
        let mut iter = list.iter();
        iter.seek_to_last();
        let mut seen = Vec::new();
        while let Some(key) = iter.key() {
            seen.push(std::str::from_utf8(key).unwrap());
            iter.prev();
        }
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
        assert!(seen.contains(&"b") && seen.contains(&"e"), "{seen:?}");
        iter.seek_for_prev(b"d");
        assert!(matches!(iter.key(), Some(b"b" | b"c")));
        writer.join().unwrap();
    });
}

/// Two threads never hold the writer's handle at once.
#[test]
fn one_writer_at_a_time() {
    loom::model(|| {
        let list = Arc::new(Skiplist::new(Bytewise).unwrap());
        let insert = |list: &List, key: &[u8]| {
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
