//! Flush and compaction against the plain twin: whatever a job leaves out, every reader sees what it saw before.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::list::{List, Pair};
use dolmen_base::Rng;
use dolmen_base::block::ReadMode;
use dolmen_base::io::FileNumber;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::collapse::Older;
use dolmen_lsm::compaction::{Job, JobOptions, Progress};
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{
    InternalKey, SequenceNumber, ValueType, compare, packed_trailer, put_internal_key, user_key,
};
use dolmen_lsm::merge::{MergeOperator, StringAppend, UInt64Add};
use dolmen_lsm::merging::Merging;
use dolmen_lsm::naive::Entries;
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::table::{FileBytes, Table, TableOptions, TableSummary};
use dolmen_lsm::version::Version;

/// Joins nothing before it is asked for a value, and refuses where a value ends with `!`.
struct Stubborn;

impl MergeOperator for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }
    fn full_merge(&self, key: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        StringAppend::default().full_merge(key, existing, operands)
    }
}

/// A part of a history: points sorted, tombstones in order of writing.
#[derive(Clone, Default)]
struct Part {
    points: Vec<Pair>,
    tombstones: Vec<RangeTombstone>,
}

fn random_key(rng: &mut Rng) -> Vec<u8> {
    let len = [1, 2, 9][rng.below(3) as usize];
    (0..len).map(|_| [0, b'a', b'b', 0xff][rng.below(4) as usize]).collect()
}

/// A key that is only put once between two single deletions.
fn single_key(rng: &mut Rng) -> Vec<u8> {
    vec![b'a', b'a' + rng.below(6) as u8, b's']
}

/// The history of the sequence numbers `1..=last`; the writes up to `cut` are the older part.
fn history(rng: &mut Rng, last: u64, cut: u64) -> [Part; 2] {
    let mut parts = [Part::default(), Part::default()];
    let mut put_once: BTreeSet<Vec<u8>> = BTreeSet::new();
    for number in 1..=last {
        let part = &mut parts[usize::from(number > cut)];
        let sequence = SequenceNumber::new(number);
        let mut add = |key: &[u8], value_type, value: &[u8]| {
            let mut internal = Vec::new();
            put_internal_key(&mut internal, key, sequence, value_type);
            part.points.push((internal, value.to_vec()));
        };
        let value = number.to_string().into_bytes();
        match rng.below(14) {
            0 => {
                let (begin, end) = (random_key(rng), random_key(rng));
                part.tombstones.push(RangeTombstone { begin, end, sequence });
            }
            1..4 => {
                let key = single_key(rng);
                if put_once.remove(&key) {
                    add(&key, ValueType::SingleDeletion, &[]);
                } else {
                    add(&key, ValueType::Value, &value);
                    put_once.insert(key);
                }
            }
            4..7 => add(&random_key(rng), ValueType::Merge, &value),
            7..9 => add(&random_key(rng), ValueType::Deletion, &[]),
            _ => add(&random_key(rng), ValueType::Value, &value),
        }
    }
    parts.iter_mut().for_each(|p| p.points.sort_by(|a, b| compare(&a.0, &b.0)));
    parts
}

fn entries<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Entries {
    let mut all = Entries::default();
    for part in parts {
        part.points.iter().for_each(|(k, v)| all.add(k, v));
        part.tombstones.iter().for_each(|t| all.add_tombstone(t.clone()));
    }
    all
}

/// Deals the points to some sources, some of them twice.
fn deal(rng: &mut Rng, points: &[Pair]) -> Vec<List> {
    let count = 1 + rng.below(4);
    let mut lists: Vec<List> = (0..count).map(|_| List::default()).collect();
    for point in points {
        let first = rng.below(count);
        lists[first as usize].entries.push(point.clone());
        if count > 1 && rng.one_in(10) {
            lists[((first + 1) % count) as usize].entries.push(point.clone());
        }
    }
    lists
}

fn run<I: InternalIterator>(mut job: Job<I>, rng: &mut Rng) -> Vec<(TableSummary, Vec<u8>)> {
    let (mut files, mut bytes) = (Vec::new(), Vec::new());
    loop {
        let number = FileNumber::new(files.len() as u64 + 1);
        match job.step(number, 1 + rng.below(9) as usize, &mut bytes).unwrap() {
            Progress::More => {}
            Progress::Table(summary) => files.push((summary, std::mem::take(&mut bytes))),
            Progress::Done(summary) => {
                files.extend(summary.map(|s| (s, std::mem::take(&mut bytes))));
                assert!(bytes.is_empty(), "bytes of no file");
                assert_eq!(job.step(number, 1, &mut bytes), Ok(Progress::Done(None)));
                return files;
            }
        }
    }
}

fn new_file(level: u32, number: u64, summary: &TableSummary) -> NewFile {
    NewFile {
        level,
        number: FileNumber::new(number),
        len: summary.len,
        smallest: summary.smallest.clone(),
        largest: summary.largest.clone(),
        ..NewFile::default()
    }
}

/// What a table holds; every entry within its bounds.
fn read_back(summary: &TableSummary, bytes: &[u8]) -> Part {
    assert_eq!(summary.len, bytes.len() as u64);
    let source = FileBytes(bytes);
    let table = Table::open(&source, FileNumber::new(1), summary.len, &Codecs::new()).unwrap();
    let mut part = Part { points: Vec::new(), tombstones: table.range_tombstones().to_vec() };
    let mut iter = table.iter(&source, ReadMode::MayBlock);
    iter.seek_to_first().unwrap();
    while iter.valid() {
        assert!(
            compare(&summary.smallest, iter.key()).is_le() && compare(iter.key(), &summary.largest).is_le()
        );
        part.points.push((iter.key().to_vec(), iter.value().to_vec()));
        iter.next().unwrap();
    }
    part
}

/// The files make a level: in order, no key in two of them.
fn assert_level(files: &[(TableSummary, Vec<u8>)]) {
    let new_files = (1..).zip(files).map(|(n, (summary, _))| new_file(1, n, summary)).collect();
    let edit = VersionEdit { new_files, ..VersionEdit::default() };
    Version::default().apply(&edit).expect("the files of a job do not overlap");
}

/// The older part as one table of the last level; empty if there is nothing in it.
fn older_version(part: &Part, rng: &mut Rng) -> Version {
    let list = List { entries: part.points.clone(), at: None };
    let job = Job::new(Merging::new([list]), &part.tombstones, JobOptions::default(), &Codecs::new());
    let new_files = run(job, rng).iter().map(|(summary, _)| new_file(6, 99, summary)).collect();
    Version::default().apply(&VersionEdit { new_files, ..VersionEdit::default() }).unwrap()
}

fn assert_same(after: &Entries, before: &Entries, readers: &[SequenceNumber], operator: &dyn MergeOperator) {
    for &sequence in readers {
        assert_eq!(after.visible(sequence, Some(operator)), before.visible(sequence, Some(operator)));
    }
}

#[test]
fn every_reader_sees_the_same_after_a_job() {
    let mut rng = Rng::new(6);
    let (mut written, mut kept, mut files_made) = (0, 0, 0);
    for _ in 0..3_000 {
        let last = rng.below(150);
        let cut = if rng.one_in(2) { 0 } else { last / 2 };
        let parts = history(&mut rng, last, cut);
        let operator: Arc<dyn MergeOperator> =
            if rng.one_in(4) { Arc::new(Stubborn) } else { Arc::new(StringAppend::default()) };
        let mut snapshots: Vec<_> =
            (0..rng.below(4)).map(|_| SequenceNumber::new(rng.below(last + 2))).collect();
        let version = older_version(&parts[0], &mut rng);
        let is_flush = rng.one_in(3);
        let options = JobOptions {
            table: TableOptions { block_size: 64, ..TableOptions::default() },
            snapshots: snapshots.clone(),
            operator: (!rng.one_in(8)).then(|| operator.clone()),
            older: if is_flush { Older::anything() } else { Older::below(&version, 1, &[], &[0xff; 10]) },
            output_len_max: if is_flush { u64::MAX } else { 200 + rng.below(2_000) },
            ..JobOptions::default()
        };
        let inputs = Merging::new(deal(&mut rng, &parts[1].points));
        let files = run(Job::new(inputs, &parts[1].tombstones, options, &Codecs::new()), &mut rng);
        assert_level(&files);
        let mut outputs: Vec<Part> = files.iter().map(|(s, bytes)| read_back(s, bytes)).collect();
        (written, files_made) = (written + parts[1].points.len(), files_made + files.len());
        kept += outputs.iter().map(|p| p.points.len()).sum::<usize>();
        outputs.push(parts[0].clone());
        snapshots.push(SequenceNumber::new(last));
        let (before, after) = (entries(&parts), entries(&outputs));
        assert_same(&after, &before, &snapshots, &*operator);
    }
    assert!(kept < written * 4 / 5, "{kept} of {written} entries were kept");
    assert!(files_made > 3_500, "{files_made} files");
}

/// Entries as `key:sequence:type[=value]`, newest first within a key.
fn compacted(history: &[(&str, u64, ValueType, &str)], snapshots: &[u64], older: Older) -> Vec<String> {
    let mut points: Vec<Pair> = Vec::new();
    for (key, sequence, value_type, value) in history {
        let mut internal = Vec::new();
        put_internal_key(&mut internal, key.as_bytes(), SequenceNumber::new(*sequence), *value_type);
        points.push((internal, value.as_bytes().to_vec()));
    }
    points.sort_by(|a, b| compare(&a.0, &b.0));
    let options = JobOptions {
        snapshots: snapshots.iter().map(|&s| SequenceNumber::new(s)).collect(),
        operator: Some(Arc::new(StringAppend::default())),
        older,
        ..JobOptions::default()
    };
    let list = List { entries: points, at: None };
    let files = run(Job::new(list, &[], options, &Codecs::new()), &mut Rng::new(1));
    let parts = files.iter().map(|(summary, bytes)| read_back(summary, bytes));
    let show = |(key, value): &Pair| {
        let entry = InternalKey::parse(key).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        format!("{}:{}:{:?}={}", text(entry.user_key), entry.sequence, entry.value_type, text(value))
    };
    parts.flat_map(|p| p.points).map(|pair| show(&pair)).collect()
}

#[test]
fn a_single_deletion_goes_with_what_it_meets() {
    use ValueType::{SingleDeletion as Single, Value};
    let bottom = || Older::below(&Version::default(), 1, &[], &[0xff]);
    let pair = [("k", 5, Single, ""), ("k", 3, Value, "v")];
    assert_eq!(compacted(&pair, &[], Older::anything()), [""; 0]);
    assert_eq!(compacted(&pair, &[4], Older::anything()), ["k:5:SingleDeletion=", "k:3:Value=v"]);
    assert_eq!(compacted(&pair[..1], &[], Older::anything()), ["k:5:SingleDeletion="]);
    assert_eq!(compacted(&pair[..1], &[], bottom()), [""; 0]);
    let under = [("k", 5, Value, "v"), ("k", 3, Single, ""), ("k", 2, Value, "u"), ("k", 1, Single, "")];
    assert_eq!(compacted(&under, &[], Older::anything()), ["k:5:Value=v", "k:1:SingleDeletion="]);
    assert_eq!(compacted(&under, &[], bottom()), ["k:0:Value=v"]);
    let twice = [pair[0], pair[1], ("k", 2, Single, ""), ("k", 1, Value, "u")];
    assert_eq!(compacted(&twice, &[], Older::anything()), [""; 0]);
}

#[test]
fn operands_become_one_where_the_operator_can() {
    use ValueType::{Deletion, Merge, Value};
    let bottom = || Older::below(&Version::default(), 1, &[], &[0xff]);
    let operands = [("k", 9, Merge, "c"), ("k", 7, Merge, "b"), ("k", 5, Merge, "a")];
    assert_eq!(compacted(&operands, &[], Older::anything()), ["k:9:Merge=a,b,c"]);
    assert_eq!(compacted(&operands, &[], bottom()), ["k:0:Value=a,b,c"]);
    assert_eq!(compacted(&operands, &[6], bottom()), ["k:9:Merge=b,c", "k:0:Value=a"]);
    let on_value = [operands[0], operands[1], ("k", 3, Value, "v"), ("k", 2, Value, "u")];
    assert_eq!(compacted(&on_value, &[], Older::anything()), ["k:9:Value=v,b,c"]);
    let on_nothing = [operands[0], ("k", 3, Deletion, ""), ("k", 2, Value, "u")];
    assert_eq!(compacted(&on_nothing, &[], Older::anything()), ["k:9:Value=c"]);
    assert_eq!(compacted(&on_nothing, &[5], Older::anything()), ["k:9:Merge=c", "k:3:Deletion="]);
}

#[test]
fn a_refused_merge_loses_nothing() {
    struct Refuses;
    impl MergeOperator for Refuses {
        fn name(&self) -> &str {
            "refuses"
        }
        fn full_merge(&self, _: &[u8], _: Option<&[u8]>, _: &[&[u8]]) -> Option<Vec<u8>> {
            None
        }
    }
    let mut entries: Vec<Pair> = Vec::new();
    for (sequence, value_type) in [(9, ValueType::Merge), (7, ValueType::Merge), (3, ValueType::Value)] {
        let mut internal = Vec::new();
        put_internal_key(&mut internal, b"k", SequenceNumber::new(sequence), value_type);
        entries.push((internal, vec![sequence as u8]));
    }
    let options = JobOptions { operator: Some(Arc::new(Refuses)), ..JobOptions::default() };
    let list = List { entries: entries.clone(), at: None };
    let files = run(Job::new(list, &[], options, &Codecs::new()), &mut Rng::new(1));
    assert_eq!(read_back(&files[0].0, &files[0].1).points, entries);
}

#[test]
fn a_file_ends_where_it_overlaps_too_many_grandparents() {
    let key = |i: u64| format!("{i:04}").into_bytes();
    let entries = (0..1_000).map(|i| {
        let mut internal = Vec::new();
        put_internal_key(&mut internal, &key(i), SequenceNumber::new(i + 1), ValueType::Value);
        (internal, b"v".to_vec())
    });
    let list = List { entries: entries.collect(), at: None };
    let grandparents = (0..10).map(|i| {
        let mut file = NewFile { number: FileNumber::new(100 + i), len: 1 << 20, ..NewFile::default() };
        put_internal_key(&mut file.smallest, &key(i * 100), SequenceNumber::new(1), ValueType::Value);
        put_internal_key(&mut file.largest, &key(i * 100 + 99), SequenceNumber::new(1), ValueType::Value);
        Arc::new(file)
    });
    let options = JobOptions {
        grandparents: grandparents.collect(),
        grandparent_len_max: 2 << 20,
        ..JobOptions::default()
    };
    let files = run(Job::new(list, &[], options, &Codecs::new()), &mut Rng::new(1));
    let firsts: Vec<_> = files.iter().map(|(s, _)| user_key(&s.smallest).to_vec()).collect();
    assert_eq!(firsts, [key(0), key(300), key(600), key(900)]);
    assert_level(&files);
}

#[test]
fn a_range_tombstone_over_a_cut_is_in_both_files() {
    let point = |key: &str, sequence| {
        let mut internal = Vec::new();
        put_internal_key(&mut internal, key.as_bytes(), SequenceNumber::new(sequence), ValueType::Value);
        (internal, vec![b'v'; 600])
    };
    let list = List { entries: vec![point("b", 20), point("d", 21), point("f", 22)], at: None };
    let tombstone = RangeTombstone { begin: b"a".into(), end: b"z".into(), sequence: SequenceNumber::new(9) };
    let options = JobOptions { output_len_max: 500, ..JobOptions::default() };
    let files = run(Job::new(list, [&tombstone], options, &Codecs::new()), &mut Rng::new(1));
    let bounds: Vec<_> = files.iter().map(|(s, _)| (user_key(&s.smallest), user_key(&s.largest))).collect();
    assert_eq!(bounds, [(&b"a"[..], &b"d"[..]), (b"d", b"f"), (b"f", b"z")]);
    let open_end = |s: &TableSummary| packed_trailer(&s.largest) == u64::MAX >> 8 << 8 | 0xf;
    assert!(files.iter().all(|(s, _)| open_end(s)));
    assert_level(&files);
}

#[test]
fn counters_add_up() {
    let mut rng = Rng::new(8);
    let operator = UInt64Add;
    for _ in 0..300 {
        let mut part = Part::default();
        for sequence in 1..=rng.below(40) {
            let mut internal = Vec::new();
            let value_type = if rng.one_in(5) { ValueType::Value } else { ValueType::Merge };
            put_internal_key(
                &mut internal,
                &[b'a' + rng.below(3) as u8],
                SequenceNumber::new(sequence),
                value_type,
            );
            part.points.push((internal, rng.below(1000).to_le_bytes().to_vec()));
        }
        part.points.sort_by(|a, b| compare(&a.0, &b.0));
        let snapshots = vec![SequenceNumber::new(rng.below(40))];
        let options = JobOptions {
            snapshots: snapshots.clone(),
            operator: Some(Arc::new(operator)),
            older: if rng.one_in(2) {
                Older::anything()
            } else {
                Older::below(&Version::default(), 1, &[], &[0xff])
            },
            ..JobOptions::default()
        };
        let inputs = Merging::new(deal(&mut rng, &part.points));
        let files = run(Job::new(inputs, &[], options, &Codecs::new()), &mut rng);
        let outputs: Vec<Part> = files.iter().map(|(s, bytes)| read_back(s, bytes)).collect();
        let readers = [snapshots[0], SequenceNumber::new(100)];
        assert_same(&entries(&outputs), &entries([&part]), &readers, &operator);
    }
}
