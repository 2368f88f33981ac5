//! Whole histories: writes, snapshots, flushes and compactions in any order, and after each every reader sees what the twin sees.
#![allow(clippy::disallowed_methods)]

mod common;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use common::hex;
use common::tree::Tree;
use dolmen_base::Rng;
use dolmen_base::block::ReadMode;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{SequenceNumber, ValueType, packed_trailer, user_key};
use dolmen_lsm::merge::{StringAppend, UInt64Add};
use dolmen_lsm::table::{FileBytes, Table};

fn random_key(rng: &mut Rng) -> Vec<u8> {
    format!("{:03}", rng.below(150)).into_bytes()
}

/// One write; keys in `put_once` were put once since their last single deletion, and are written in no other way.
fn write(tree: &mut Tree, rng: &mut Rng, put_once: &mut BTreeSet<Vec<u8>>) {
    let number = tree.sequence;
    let value = if number.is_multiple_of(2) {
        number.to_le_bytes().to_vec()
    } else {
        vec![b'v'; number as usize % 60]
    };
    match rng.below(20) {
        0 => {
            let begin = rng.below(150);
            let span = if rng.one_in(4) { 100 } else { 10 };
            let end = begin + rng.below(span);
            tree.write(
                ValueType::RangeDeletion,
                format!("{begin:03}").as_bytes(),
                format!("{end:03}").as_bytes(),
            );
        }
        1..4 => {
            let key = [&random_key(rng)[..2], b"-once"].concat();
            match put_once.remove(&key) {
                true => tree.write(ValueType::SingleDeletion, &key, &[]),
                false => {
                    tree.write(ValueType::Value, &key, &value);
                    put_once.insert(key);
                }
            }
        }
        4..8 => tree.write(ValueType::Merge, &random_key(rng), &number.to_le_bytes()),
        8..11 => tree.write(ValueType::Deletion, &random_key(rng), &[]),
        _ => tree.write(ValueType::Value, &random_key(rng), &value),
    }
}

/// What happens beside writes.
fn maintain(tree: &mut Tree, rng: &mut Rng) {
    match rng.below(8) {
        0 => tree.snapshots.push(tree.newest()),
        1 if !tree.snapshots.is_empty() => {
            let at = rng.below(tree.snapshots.len() as u64) as usize;
            tree.snapshots.remove(at);
        }
        2 => {
            let (a, b) = (random_key(rng), random_key(rng));
            tree.flush();
            tree.compact_range((!rng.one_in(3)).then_some(&a), (!rng.one_in(3)).then_some(&b));
        }
        _ => {
            tree.flush();
            tree.settle();
        }
    }
}

/// A walk that turns and seeks at any place.
fn wander(tree: &Tree, rng: &mut Rng) {
    let sequences: Vec<_> = tree.snapshots.iter().copied().chain([tree.newest()]).collect();
    let sequence = sequences[rng.below(sequences.len() as u64) as usize];
    let expected = tree.history.visible(sequence, tree.operator.as_deref()).unwrap();
    let (mut iter, mut at) = (tree.iter(sequence), None);
    for _ in 0..40 {
        match rng.below(8) {
            0 => {
                let key = random_key(rng);
                iter.seek(&key).unwrap();
                at = Some(expected.partition_point(|e| e.0 < key)).filter(|&i| i < expected.len());
            }
            1 => {
                let key = random_key(rng);
                iter.seek_for_prev(&key).unwrap();
                at = expected.partition_point(|e| e.0 <= key).checked_sub(1);
            }
            2..5 => {
                iter.next().unwrap();
                at = at.map(|i| i + 1).filter(|&i| i < expected.len());
            }
            _ => {
                iter.prev().unwrap();
                at = at.and_then(|i: usize| i.checked_sub(1));
            }
        }
        let here = iter.valid().then(|| (iter.key(), iter.value()));
        assert_eq!(here, at.map(|i| (expected[i].0.as_slice(), expected[i].1.as_slice())));
    }
}

#[test]
fn a_hundred_thousand_writes_are_read_as_the_twin_reads_them() {
    let mut rng = Rng::new(21);
    let (mut writes, mut moves, mut compactions, mut deepest) = (0, 0, 0, 0);
    while writes < 100_000 {
        let mut tree = Tree::default();
        tree.operator = match rng.below(2) {
            0 => Some(Arc::new(UInt64Add)),
            _ => Some(Arc::new(StringAppend::default())),
        };
        let mut put_once = BTreeSet::new();
        for _ in 0..40 {
            for _ in 0..rng.below(50) {
                write(&mut tree, &mut rng, &mut put_once);
            }
            maintain(&mut tree, &mut rng);
            let keys: Vec<_> = (0..8).map(|_| random_key(&mut rng)).collect();
            tree.check(&keys);
            wander(&tree, &mut rng);
        }
        writes += tree.sequence;
        (moves, compactions) = (moves + tree.moves, compactions + tree.compactions);
        deepest = deepest.max((1..6).filter(|&level| !tree.version.level(level).is_empty()).count());
    }
    assert!(moves > 100 && compactions > 2_000 && deepest >= 2, "{moves} {compactions} {deepest}");
}

fn keys(tree: &Tree, sequence: SequenceNumber) -> [Vec<Vec<u8>>; 2] {
    let mut iter = tree.iter(sequence);
    let mut out = [Vec::new(), Vec::new()];
    iter.seek_to_first().unwrap();
    while iter.valid() {
        out[0].push(iter.key().to_vec());
        iter.next().unwrap();
    }
    iter.seek_to_last().unwrap();
    while iter.valid() {
        out[1].push(iter.key().to_vec());
        iter.prev().unwrap();
    }
    out
}

/// facebook/rocksdb issue 9255.
#[test]
fn lsm_01_a_refreshed_walk_does_not_see_what_a_range_delete_took() {
    let only = |key: &str| [vec![key.as_bytes().to_vec()], vec![key.as_bytes().to_vec()]];
    for stage in 0..3 {
        let mut tree = Tree::default();
        tree.write(ValueType::Value, b"p1", b"1");
        let before = tree.newest();
        tree.snapshots.push(before);
        assert_eq!(keys(&tree, before), only("p1"));
        tree.write(ValueType::Value, b"p2", b"2");
        if stage > 0 {
            tree.flush();
        }
        tree.write(ValueType::RangeDeletion, b"p2", b"p3");
        if stage > 0 {
            tree.flush();
        }
        if stage > 1 {
            tree.compact_range(None, None);
            assert!(tree.version.level(0).is_empty() && tree.files().count() == 1);
        }
        assert_eq!(keys(&tree, tree.newest()), only("p1"), "stage {stage}");
        assert_eq!(keys(&tree, before), only("p1"), "stage {stage}");
    }
}

#[test]
fn a_walk_does_not_read_what_a_range_delete_took() {
    let mut tree = Tree::default();
    for i in 0..5_000 {
        tree.write(ValueType::Value, format!("{i:05}").as_bytes(), b"v");
    }
    tree.flush();
    tree.compact_range(None, None);
    let before = tree.newest();
    tree.write(ValueType::RangeDeletion, b"00010", b"04990");
    tree.write(ValueType::Value, b"02000", b"later");
    for is_flushed in [false, true] {
        if is_flushed {
            tree.flush();
        }
        tree.opened.set(0);
        let [forward, backward] = keys(&tree, tree.newest());
        assert_eq!((forward.len(), backward.len()), (21, 21));
        assert!(tree.opened.get() < 20, "{} tables opened", tree.opened.get());
        assert_eq!(keys(&tree, before)[0].len(), 5_000);
    }
    assert!(tree.files().count() > 40);
}

/// `sst_dump` of Debian's rocksdb-tools; `None` if it is not installed.
fn sst_dump(file: &std::path::Path, command: &str) -> Option<String> {
    let argument = format!("--file={}", file.display());
    let Ok(output) = Command::new("sst_dump").args([&argument, command, "--output_hex"]).output() else {
        println!("skipped: no sst_dump");
        return None;
    };
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The entries of a table as `sst_dump --command=scan --output_hex` prints them.
fn scan_lines(table: &Table, bytes: &[u8]) -> Vec<String> {
    let source = FileBytes(bytes);
    let (mut iter, mut out) = (table.iter(&source, ReadMode::MayBlock), Vec::new());
    let upper = |bytes: &[u8]| hex(bytes).to_uppercase();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        let trailer = packed_trailer(iter.key());
        let (key, value) = (upper(user_key(iter.key())), upper(iter.value()));
        out.push(format!("'{key}' seq:{}, type:{} => {value}", trailer >> 8, trailer as u8));
        iter.next().unwrap();
    }
    out
}

#[test]
fn rocksdbs_sst_dump_reads_what_jobs_write() {
    let mut rng = Rng::new(22);
    let mut tree = Tree::default();
    tree.operator = Some(Arc::new(StringAppend::default()));
    let mut put_once = BTreeSet::new();
    for _ in 0..12 {
        (0..60).for_each(|_| write(&mut tree, &mut rng, &mut put_once));
        tree.snapshots.push(tree.newest());
        tree.flush();
        tree.settle();
    }
    let dir = std::env::temp_dir().join(format!("dolmen-tree-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (mut entry_count, mut tombstone_count) = (0, 0);
    for (number, table, bytes) in tree.files() {
        let file = dir.join(format!("{:06}.sst", number.get()));
        std::fs::write(&file, bytes).unwrap();
        let Some(verified) = sst_dump(&file, "--command=verify") else { break };
        assert!(verified.contains("The file is ok"), "{verified}");
        let scanned = sst_dump(&file, "--command=scan").unwrap();
        let rows: Vec<&str> = scanned.lines().filter(|line| line.contains("seq:")).collect();
        assert_eq!(rows, scan_lines(table, bytes));
        (entry_count, tombstone_count) =
            (entry_count + rows.len(), tombstone_count + table.range_tombstones().len());
    }
    std::fs::remove_dir_all(&dir).unwrap();
    println!("{entry_count} entries and {tombstone_count} range tombstones");
}
