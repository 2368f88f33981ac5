//! Flush and compaction: a merged walk over memtables or tables becomes new tables of one level, in bounded steps.
//!
//! ```text
//!  inputs ─▶ Merging ─▶ Collapse ─▶ TableBuilder ─▶ bytes of file 1 │ bytes of file 2 │ …
//!                          ▲                          cut only between user keys
//!         snapshots, range tombstones, what lies deeper
//! ```
//! The user keys are cut into half-open ranges, one per file: a range tombstone over a cut is in both files, each with its part.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use dolmen_base::io::FileNumber;

use crate::codecs::Codecs;
use crate::collapse::{Collapse, Older, Verdict};
use crate::edit::NewFile;
use crate::error::ReadError;
use crate::iter::InternalIterator;
use crate::key::{InternalKey, SequenceNumber, user_key};
use crate::merge::MergeOperator;
use crate::range_del::{Fragments, RangeTombstone};
use crate::table::{TableBuilder, TableOptions, TableSummary};

/// What a job must respect and what it makes. The default is a flush: one table, everything older may exist.
pub struct JobOptions {
    /// How tables are built; the file number is set by the job.
    pub table: TableOptions,
    /// Sequence numbers of the readers that look at the past, in any order.
    pub snapshots: Vec<SequenceNumber>,
    /// Combines merge operands; `None` keeps them.
    pub operator: Option<Arc<dyn MergeOperator>>,
    /// What lies outside the inputs and is older.
    pub older: Older,
    /// A file ends when it has about this many bytes (RocksDB's `target_file_size_base`).
    pub output_len_max: u64,
    /// Tables of the level below the output, in order of key.
    pub grandparents: Vec<Arc<NewFile>>,
    /// A file ends when it overlaps grandparents with more bytes than this (RocksDB's `max_compaction_bytes`).
    pub grandparent_len_max: u64,
}

impl Default for JobOptions {
    fn default() -> Self {
        JobOptions {
            table: TableOptions::default(),
            snapshots: Vec::new(),
            operator: None,
            older: Older::anything(),
            output_len_max: u64::MAX,
            grandparents: Vec::new(),
            grandparent_len_max: u64::MAX,
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call `step` again.
    More,
    /// The file is whole once the bytes given so far are in it; what follows goes to a new file.
    Table(TableSummary),
    /// The last file is whole, as above. `None`: nothing was left to write, so there is no last file.
    Done(Option<TableSummary>),
}

/// A flush or compaction under way. The caller writes the bytes of each step to the present file.
pub struct Job<I> {
    iter: I,
    collapse: Collapse,
    builder: Option<TableBuilder>,
    table: TableOptions,
    codecs: Codecs,
    output_len_max: u64,
    grandparents: Grandparents,
    /// First user key of the present file's range; `None` for the first file.
    from: Option<Vec<u8>>,
    internal_key: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    Running,
    Done,
}

impl<I: InternalIterator> Job<I> {
    /// Over all entries of `inputs` and all their range tombstones, those within their tables' bounds.
    pub fn new<'a>(
        inputs: I,
        tombstones: impl IntoIterator<Item = &'a RangeTombstone>,
        options: JobOptions,
        codecs: &Codecs,
    ) -> Self {
        let fragments = Fragments::for_snapshots(tombstones, &options.snapshots);
        Job {
            iter: inputs,
            collapse: Collapse::new(&options.snapshots, fragments, options.older, options.operator),
            builder: None,
            table: options.table,
            codecs: codecs.clone(),
            output_len_max: options.output_len_max,
            grandparents: Grandparents::new(options.grandparents, options.grandparent_len_max),
            from: None,
            internal_key: Vec::new(),
            stage: Stage::Fresh,
        }
    }

    /// Takes at most `entry_count_max` entries and appends what they make of the file `file` to `out`. After an error or the end
    /// every further call is `Done(None)`.
    ///
    /// # Errors
    /// Damage in an input, and a merge operator that refuses.
    pub fn step(
        &mut self,
        file: FileNumber,
        entry_count_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ReadError> {
        self.table.file = file;
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Done => return Ok(Progress::Done(None)),
            Stage::Fresh => self.iter.seek_to_first()?,
            Stage::Running => {}
        }
        for _ in 0..entry_count_max {
            if !self.iter.valid() {
                self.end_key(out)?;
                return Ok(Progress::Done(self.finish_table(None, out)));
            }
            if self.collapse.key() != Some(user_key(self.iter.key())) {
                let ended = self.begin_key(out)?;
                if let Some(summary) = ended {
                    self.stage = Stage::Running;
                    return Ok(Progress::Table(summary));
                }
            }
            self.take(out)?;
            self.iter.next()?;
        }
        self.stage = Stage::Running;
        Ok(Progress::More)
    }

    /// Ends the key before and, where it is time, its file.
    fn begin_key(&mut self, out: &mut Vec<u8>) -> Result<Option<TableSummary>, ReadError> {
        self.end_key(out)?;
        let ended = match self.is_cut() {
            true => {
                let key = user_key(self.iter.key()).to_vec();
                self.finish_table(Some(key), out)
            }
            false => None,
        };
        self.collapse.begin(user_key(self.iter.key()));
        Ok(ended)
    }

    /// Decides the present entry and writes what stays.
    fn take(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let entry = InternalKey::parse(self.iter.key())?;
        let verdict = self.collapse.push(entry, self.iter.value());
        self.write_released(out)?;
        if let Verdict::Keep(trailer) = verdict {
            let builder =
                self.builder.get_or_insert_with(|| TableBuilder::new(self.table.clone(), &self.codecs));
            set_key(&mut self.internal_key, user_key(self.iter.key()), trailer);
            builder.add(&self.internal_key, self.iter.value(), out)?;
        }
        Ok(())
    }

    fn end_key(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        self.collapse.end();
        self.write_released(out)
    }

    fn write_released(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        for (trailer, value) in self.collapse.released() {
            let builder =
                self.builder.get_or_insert_with(|| TableBuilder::new(self.table.clone(), &self.codecs));
            set_key(&mut self.internal_key, self.collapse.key().unwrap_or(&[]), trailer);
            builder.add(&self.internal_key, value, out)?;
        }
        self.collapse.clear_released();
        Ok(())
    }

    /// Whether the present file ends before the present key.
    fn is_cut(&mut self) -> bool {
        let crowded = self.grandparents.pass(user_key(self.iter.key()));
        let Some(builder) = &self.builder else { return false };
        crowded || builder.estimated_len() >= self.output_len_max
    }

    /// Ends the present file, whose range of user keys ends before `to`. `None` if nothing is in it.
    fn finish_table(&mut self, to: Option<Vec<u8>>, out: &mut Vec<u8>) -> Option<TableSummary> {
        let tombstones = self.collapse.tombstones_within(self.from.as_deref(), to.as_deref());
        self.from = to;
        self.grandparents.begin_file();
        let mut builder = match self.builder.take() {
            None if tombstones.is_empty() => return None,
            None => TableBuilder::new(self.table.clone(), &self.codecs),
            Some(builder) => builder,
        };
        tombstones.into_iter().for_each(|t| builder.add_range_tombstone(t));
        Some(builder.finish(out))
    }
}

fn set_key(internal_key: &mut Vec<u8>, user_key: &[u8], trailer: u64) {
    internal_key.clear();
    internal_key.extend_from_slice(user_key);
    internal_key.extend_from_slice(&trailer.to_le_bytes());
}

/// Counts how much of the level below the output the present file overlaps.
struct Grandparents {
    files: Vec<Arc<NewFile>>,
    at: usize,
    len: u64,
    len_max: u64,
}

impl Grandparents {
    const fn new(files: Vec<Arc<NewFile>>, len_max: u64) -> Self {
        Grandparents { files, at: 0, len: 0, len_max }
    }

    fn begin_file(&mut self) {
        self.len = 0;
    }

    /// Goes on to `key`; true if the present file overlaps too much.
    fn pass(&mut self, key: &[u8]) -> bool {
        while self.files.get(self.at).is_some_and(|f| user_key(&f.largest) < key) {
            self.len += self.files[self.at].len;
            self.at += 1;
        }
        self.len > self.len_max
    }
}
