//! A tree in memory: writes, flushes and compactions as the engine asks for them, and every way of reading.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_base::NoTrace;
use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode};
use dolmen_base::io::FileNumber;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::collapse::Older;
use dolmen_lsm::compaction::{Job, JobOptions, Progress};
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::get::Lookup;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{SequenceNumber, ValueType, compare, put_internal_key, put_seek_key, user_key};
use dolmen_lsm::level::{Level, LevelIter};
use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::merging::Merging;
use dolmen_lsm::naive::Entries;
use dolmen_lsm::picker::{Choice, CompactionOptions, State, choose, choose_range};
use dolmen_lsm::range_del::{Fragments, RangeTombstone};
use dolmen_lsm::table::{FileBytes, Table, TableIter, TableOptions, TableSummary};
use dolmen_lsm::version::{LEVEL_COUNT, Version};
use dolmen_lsm::visible::{DbIter, ReadOptions};

use super::list::{List, Pair};

/// Small, so that a few hundred entries fill several levels.
const SHAPE: CompactionOptions =
    CompactionOptions { level0_file_count_trigger: 3, base_len_max: 4_000, multiplier: 2 };

#[derive(Clone)]
struct Bytes(Arc<Vec<u8>>);

impl BlockSource<ReadError> for Bytes {
    fn block(
        &self,
        id: BlockId,
        mode: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        FileBytes(&self.0).block(id, mode, decode)
    }
}

pub type Iter<'a> = DbIter<Merging<Box<dyn InternalIterator + 'a>>>;

#[derive(Clone, Default)]
pub struct Tree {
    pub operator: Option<Arc<dyn MergeOperator>>,
    pub snapshots: Vec<SequenceNumber>,
    pub sequence: u64,
    /// Everything that was ever written: the judge's.
    pub history: Entries,
    pub version: Arc<Version>,
    pub moves: usize,
    pub compactions: usize,
    /// Tables of sorted levels that walks opened.
    pub opened: Cell<usize>,
    points: Vec<Pair>,
    tombstones: Vec<RangeTombstone>,
    tables: BTreeMap<FileNumber, (Arc<Table>, Bytes)>,
    next_file: u64,
}

impl Tree {
    pub fn write(&mut self, value_type: ValueType, key: &[u8], value: &[u8]) {
        self.sequence += 1;
        let sequence = SequenceNumber::new(self.sequence);
        if value_type == ValueType::RangeDeletion {
            let tombstone = RangeTombstone { begin: key.to_vec(), end: value.to_vec(), sequence };
            self.history.add_tombstone(tombstone.clone());
            return self.tombstones.push(tombstone);
        }
        let mut internal = Vec::new();
        put_internal_key(&mut internal, key, sequence, value_type);
        self.history.add(&internal, value);
        let at = self.points.partition_point(|p| compare(&p.0, &internal).is_lt());
        self.points.insert(at, (internal, value.to_vec()));
    }

    pub fn newest(&self) -> SequenceNumber {
        SequenceNumber::new(self.sequence)
    }

    fn options(&self) -> JobOptions {
        JobOptions {
            table: TableOptions { block_size: 128, ..TableOptions::default() },
            snapshots: self.snapshots.clone(),
            operator: self.operator.clone(),
            ..JobOptions::default()
        }
    }

    pub fn flush(&mut self) {
        let list = List { entries: std::mem::take(&mut self.points), at: None };
        let tombstones = std::mem::take(&mut self.tombstones);
        let files = self.run(Job::new(list, &tombstones, self.options(), &Codecs::new()), 0);
        assert!(files.len() <= 1, "a flush makes one table");
        self.apply(&VersionEdit { new_files: files, ..VersionEdit::default() });
    }

    /// Compacts until the tree has its shape.
    pub fn settle(&mut self) {
        loop {
            let choice = choose(&self.version, &SHAPE, &State::default());
            if choice == Choice::Nothing {
                return;
            }
            self.carry_out(&choice);
        }
    }

    /// Everything within `begin..=end` into the deepest level.
    pub fn compact_range(&mut self, begin: Option<&[u8]>, end: Option<&[u8]>) {
        for level in 0..LEVEL_COUNT - 1 {
            let choice = choose_range(&self.version, &SHAPE, &State::default(), level, begin, end);
            choice.iter().for_each(|c| self.carry_out(c));
        }
    }

    fn carry_out(&mut self, choice: &Choice) {
        let pick = |version: &Version, level: usize, numbers: &[FileNumber]| -> Vec<Arc<NewFile>> {
            version.level(level).iter().filter(|f| numbers.contains(&f.number)).cloned().collect()
        };
        let (from, upper, to, lower) = match choice {
            Choice::Nothing => return,
            Choice::Move { file, from, to } => {
                let moved = pick(&self.version, *from, &[*file]).pop().expect("it exists");
                self.moves += 1;
                return self.apply(&VersionEdit {
                    deleted_files: vec![(*from as u32, *file)],
                    new_files: vec![NewFile { level: *to as u32, ..(*moved).clone() }],
                    ..VersionEdit::default()
                });
            }
            Choice::Compact { from, upper, to, lower } => (*from, upper, *to, lower),
        };
        let version = self.version.clone();
        let (upper, lower) = (pick(&version, from, upper), pick(&version, to, lower));
        let inputs: Vec<_> = upper.iter().chain(&lower).cloned().collect();
        let begin = inputs.iter().map(|f| user_key(&f.smallest)).min().expect("there are inputs");
        let end = inputs.iter().map(|f| user_key(&f.largest)).max().expect("there are inputs");
        let options = JobOptions {
            older: Older::below(&version, to, begin, end),
            output_len_max: 1_000,
            grandparents: version.overlapping(to + 1, begin, end).to_vec(),
            grandparent_len_max: 6_000,
            ..self.options()
        };
        let tombstones: Vec<_> =
            inputs.iter().flat_map(|f| self.tables[&f.number].0.range_tombstones().to_vec()).collect();
        let tables = self.tables.clone();
        let mut children = match from {
            0 => upper.iter().map(|f| open(&tables, f)).collect(),
            _ => vec![sorted(&tables, upper.clone())],
        };
        children.push(sorted(&tables, lower.clone()));
        let job = Job::new(Merging::new(children), &tombstones, options, &Codecs::new());
        let new_files = self.run(job, to as u32);
        let gone = |level: usize, files: &[Arc<NewFile>]| -> Vec<(u32, FileNumber)> {
            files.iter().map(|f| (level as u32, f.number)).collect()
        };
        let deleted_files = [gone(from, &upper), gone(to, &lower)].concat();
        self.compactions += 1;
        self.apply(&VersionEdit { deleted_files, new_files, ..VersionEdit::default() });
    }

    fn apply(&mut self, edit: &VersionEdit) {
        self.version = Arc::new(self.version.apply(edit).expect("jobs keep the levels sorted"));
    }

    fn run<I: InternalIterator>(&mut self, mut job: Job<I>, level: u32) -> Vec<NewFile> {
        let (mut files, mut bytes) = (Vec::new(), Vec::new());
        loop {
            let number = FileNumber::new(self.next_file + 1);
            let (summary, is_last) = match job.step(number, 7, &mut bytes).unwrap() {
                Progress::More => continue,
                Progress::Table(summary) => (Some(summary), false),
                Progress::Done(summary) => (summary, true),
            };
            if let Some(summary) = summary {
                self.next_file += 1;
                files.push(new_file(level, number, &summary));
                let bytes = Bytes(Arc::new(std::mem::take(&mut bytes)));
                let table = Table::open(&bytes, number, summary.len, &Codecs::new()).unwrap();
                self.tables.insert(number, (Arc::new(table), bytes));
            }
            if is_last {
                return files;
            }
        }
    }

    /// The files of the present version.
    pub fn files(&self) -> impl Iterator<Item = (FileNumber, &Table, &[u8])> {
        self.version.files().map(|f| {
            let (table, bytes) = &self.tables[&f.number];
            (f.number, &**table, bytes.0.as_slice())
        })
    }

    pub fn iter(&self, sequence: SequenceNumber) -> Iter<'_> {
        let fragments = |f: &Arc<NewFile>| self.tables[&f.number].0.fragments();
        let list: Box<dyn InternalIterator> = Box::new(List { entries: self.points.clone(), at: None });
        let mut children: Vec<Box<dyn InternalIterator + '_>> = vec![list];
        let mut tombstones = vec![Fragments::new(&self.tombstones)];
        for file in self.version.level(0) {
            children.push(open(&self.tables, file));
            tombstones.push(fragments(file).clone());
        }
        for number in 1..LEVEL_COUNT {
            tombstones.push(Fragments::joined(self.version.level(number).iter().map(fragments)));
            let level = Level { version: self.version.clone(), number };
            let opener = |file: &NewFile| {
                self.opened.set(self.opened.get() + 1);
                Ok(open(&self.tables, file))
            };
            children.push(Box::new(LevelIter::new(level, opener)));
        }
        let tombstones = tombstones.into_iter().map(Arc::new).enumerate();
        let options = ReadOptions { sequence, operator: self.operator.clone(), ..ReadOptions::default() };
        DbIter::new(Merging::new(children), tombstones, options)
    }

    pub fn get(&self, key: &[u8], sequence: SequenceNumber) -> Option<Vec<u8>> {
        let mut lookup = Lookup::default();
        lookup.start(sequence);
        lookup.delete_before(Fragments::new(&self.tombstones).covering(key, sequence));
        for (k, v) in self.points.iter().filter(|(k, _)| user_key(k) == key) {
            lookup.visit(k, v).unwrap();
        }
        let mut seek_key = Vec::new();
        put_seek_key(&mut seek_key, key, sequence);
        let first = self.version.level(0).iter();
        let deeper = (1..LEVEL_COUNT).flat_map(|level| self.version.overlapping(level, key, key));
        for file in first.chain(deeper) {
            let (table, bytes) = &self.tables[&file.number];
            lookup.delete_before(table.fragments().covering(key, sequence));
            let visit = &mut |k: &[u8], v: &[u8]| lookup.visit(k, v).unwrap();
            table.get(bytes, ReadMode::MayBlock, &seek_key, &mut NoTrace, visit).unwrap();
        }
        lookup.finish(key, self.operator.as_deref()).unwrap().map(<[u8]>::to_vec)
    }

    /// Every reader sees what the twin sees, forwards, backwards, and by point reads of `keys`.
    pub fn check(&self, keys: &[Vec<u8>]) {
        for &sequence in self.snapshots.iter().chain([&self.newest()]) {
            let expected = self.history.visible(sequence, self.operator.as_deref()).unwrap();
            let mut iter = self.iter(sequence);
            let mut forward = Vec::new();
            iter.seek_to_first().unwrap();
            while iter.valid() {
                forward.push((iter.key().to_vec(), iter.value().to_vec()));
                iter.next().unwrap();
            }
            let wrong = forward.iter().zip(&expected).find(|(a, b)| a != b);
            assert!(wrong.is_none() && forward.len() == expected.len(), "at {sequence}: {wrong:?}");
            let mut backward = Vec::new();
            iter.seek_to_last().unwrap();
            while iter.valid() {
                backward.push((iter.key().to_vec(), iter.value().to_vec()));
                iter.prev().unwrap();
            }
            backward.reverse();
            assert!(backward == expected, "backwards at {sequence}");
            for key in keys {
                let right = expected.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
                assert_eq!(self.get(key, sequence), right);
            }
        }
    }
}

fn open<'a>(
    tables: &'a BTreeMap<FileNumber, (Arc<Table>, Bytes)>,
    file: &NewFile,
) -> Box<dyn InternalIterator + 'a> {
    let (table, bytes) = &tables[&file.number];
    Box::new(TableIter::new(&**table, bytes.clone(), ReadMode::MayBlock))
}

fn sorted<'a>(
    tables: &'a BTreeMap<FileNumber, (Arc<Table>, Bytes)>,
    files: impl AsRef<[Arc<NewFile>]> + 'a,
) -> Box<dyn InternalIterator + 'a> {
    Box::new(LevelIter::new(files, |file: &NewFile| Ok(open(tables, file))))
}

fn new_file(level: u32, number: FileNumber, summary: &TableSummary) -> NewFile {
    NewFile {
        level,
        number,
        epoch_number: number.get(),
        len: summary.len,
        smallest: summary.smallest.clone(),
        largest: summary.largest.clone(),
        smallest_sequence: summary.smallest_sequence,
        largest_sequence: summary.largest_sequence,
        ..NewFile::default()
    }
}
