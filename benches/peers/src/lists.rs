//! Memtables alone: ordered lists in memory, in turn within this process.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crossbeam_skiplist::SkipMap;
use dolmen_base::Rng;
use dolmen_benches::{key, noise};
use dolmen_skiplist::{Bytewise, Skiplist};

use crate::bench::cell;
use crate::measure::span;

/// Internal keys: 16 digits and eight bytes of trailer.
type Key = [u8; 24];
/// CPU time in µs per insert, lookup and step of a walk.
type Taken = [f64; 3];
/// What is listed, and the function that fills and reads it.
type List = (&'static str, fn(&[Key], &[Key], &[u8]) -> Taken);

const LISTS: [List; 3] = [
    ("dolmen-skiplist", skiplist),
    ("crossbeam-skiplist 0.1", crossbeam),
    ("BTreeMap of the standard library", tree),
];
const OPERATIONS: [&str; 3] = ["insert", "get", "walk"];

fn keys(count: u64, shuffled: bool) -> Vec<Key> {
    let whole = |n| {
        let mut out = [0; 24];
        out[..16].copy_from_slice(&key(n));
        out
    };
    let (mut keys, mut rng) = ((0..count).map(whole).collect::<Vec<_>>(), Rng::new(11));
    for i in (1..keys.len()).rev().filter(|_| shuffled) {
        keys.swap(i, rng.below(i as u64 + 1) as usize);
    }
    keys
}

/// Runs three phases over `count` entries.
fn taken<L>(
    count: usize,
    fill: impl FnOnce() -> L,
    get: impl FnOnce(&L) -> usize,
    walk: impl FnOnce(&L) -> usize,
) -> Taken {
    let (list, filled) = span(fill);
    let (found, got) = span(|| get(&list));
    let (walked, stepped) = span(|| walk(&list));
    assert_eq!((found, walked), (count, count), "every entry is there");
    [filled, got, stepped].map(|s| s.thread.as_secs_f64() * 1e6 / count as f64)
}

fn skiplist(fill: &[Key], wanted: &[Key], value: &[u8]) -> Taken {
    let made = || {
        let list = Skiplist::new(Bytewise).expect("there is memory");
        {
            let mut writer = list.writer().expect("it is the only one");
            fill.iter().for_each(|key| writer.insert(key, value).expect("every key is new"));
        }
        list
    };
    let walk = |list: &Skiplist<Bytewise>| {
        let (mut iter, mut count) = (list.iter(), 0);
        iter.seek_to_first();
        while let (Some(key), Some(value)) = (iter.key(), iter.value()) {
            count += usize::from(key.len() < value.len());
            iter.next();
        }
        count
    };
    taken(fill.len(), made, |list| wanted.iter().filter(|k| list.get(&k[..]).is_some()).count(), walk)
}

fn crossbeam(fill: &[Key], wanted: &[Key], value: &[u8]) -> Taken {
    let made = || {
        let list = SkipMap::new();
        fill.iter().for_each(|key| drop(list.insert(key.to_vec(), value.to_vec())));
        list
    };
    taken(
        fill.len(),
        made,
        |list| wanted.iter().filter(|k| list.get(&k[..]).is_some()).count(),
        |list| list.iter().filter(|e| e.key().len() < e.value().len()).count(),
    )
}

fn tree(fill: &[Key], wanted: &[Key], value: &[u8]) -> Taken {
    let made = || {
        let mut list = BTreeMap::new();
        fill.iter().for_each(|key| drop(list.insert(key.to_vec(), value.to_vec())));
        list
    };
    taken(
        fill.len(),
        made,
        |list| wanted.iter().filter(|k| list.contains_key(&k[..])).count(),
        |list| list.iter().filter(|(k, v)| k.len() < v.len()).count(),
    )
}

/// All lists in both orders, `rounds` times in turn; a Markdown section.
pub fn run(rounds: usize, shrink: u64) -> String {
    let (count, value) = (500_000 / shrink, noise(1, 100));
    let wanted = keys(count, true);
    let mut out = format!(
        "## Lists\n\nMemtables alone: {count} internal keys of 24 bytes with values of 100. CPU µs per operation.\n\n| reading | {} |\n|---|{}\n",
        LISTS.map(|(name, _)| name).join(" | "),
        "---|".repeat(LISTS.len()),
    );
    for shuffled in [true, false] {
        let fill = keys(count, shuffled);
        let mut all = vec![Vec::new(); LISTS.len()];
        for round in 0..rounds {
            for i in 0..LISTS.len() {
                let at = (i + round) % LISTS.len();
                all[at].push((LISTS[at].1)(&fill, &wanted, &value));
            }
        }
        let order = if shuffled { "random" } else { "ascending" };
        for (i, operation) in OPERATIONS.iter().enumerate() {
            let cells =
                all.iter().map(|taken| cell("", &taken.iter().map(|t| t[i]).collect::<Vec<_>>(), None));
            let _ = writeln!(out, "| {operation}, {order} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
    out
}
