//! Flushes and compactions: entries from memtables or tables into new tables, step by step.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use dolmen_base::io::{Directory, File, FileNumber, IoError, OpenMode};
use dolmen_lsm::codecs::CompressionType;
use dolmen_lsm::compaction;
use dolmen_lsm::compaction::{JobOptions, Progress};
use dolmen_lsm::edit::NewFile;
use dolmen_lsm::engine::{self, Compaction, Failure, Job, JobId};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::filename::FileName;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{FamilyId, SequenceNumber};
use dolmen_lsm::level::LevelIter;
use dolmen_lsm::memtable::{Memtable, MemtableIter};
use dolmen_lsm::merging::Merging;
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::table::{TableOptions, TableSummary};

use crate::api::{Event, Options, StoreError};
use crate::background::{JobKind, tell};
use crate::db::Inner;
use crate::tables::{OpenTable, Source};
use crate::view::FamilyView;

/// Entries that a job takes per step, and bytes it gathers before it writes.
const STEP: usize = 4096;
const WRITE_LEN: usize = 1 << 20;
/// A file ends when it overlaps so many times its length one level below its own (RocksDB's `max_compaction_bytes`).
const GRANDPARENT_FACTOR: u64 = 25;

pub(crate) type Tables = Vec<(FamilyId, NewFile)>;

/// Makes tables: for the jobs of an open database, and for a replay before there is one.
pub(crate) struct Maker<'a> {
    pub(crate) dir: &'a dyn Directory,
    pub(crate) options: &'a Options,
    pub(crate) source: &'a Arc<Source>,
    /// Sequence numbers of the readers that look at the past.
    pub(crate) snapshots: Vec<SequenceNumber>,
    pub(crate) take_file: &'a mut dyn FnMut() -> FileNumber,
    pub(crate) is_stopping: &'a dyn Fn() -> bool,
}

/// Tables that were made. Unless they are kept, their files are deleted.
pub(crate) struct Made<'a> {
    dir: &'a dyn Directory,
    numbers: Vec<FileNumber>,
    tables: Tables,
    opened: Vec<Arc<OpenTable>>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.opened.clear();
        for number in &self.numbers {
            // None of these files is named anywhere; what cannot be deleted now is deleted at the next open.
            let _ = self.dir.delete(&FileName::Table(*number).to_string());
        }
    }
}

impl<'a> Made<'a> {
    pub(crate) const fn new(dir: &'a dyn Directory) -> Self {
        Made { dir, numbers: Vec::new(), tables: Vec::new(), opened: Vec::new() }
    }

    /// All of it, to be kept.
    pub(crate) fn keep(mut self) -> (Tables, Vec<Arc<OpenTable>>) {
        self.numbers.clear();
        (mem::take(&mut self.tables), mem::take(&mut self.opened))
    }

    /// Every table, open.
    pub(crate) fn opened(&self) -> &[Arc<OpenTable>] {
        &self.opened
    }

    /// The tables that were added since this was last asked.
    pub(crate) fn take_tables(&mut self) -> Tables {
        mem::take(&mut self.tables)
    }
}

impl Inner {
    /// Does one job; its answer comes back.
    pub(crate) fn run(&self, job: Job) -> (JobId, Result<Tables, Failure>) {
        let (kind, begun) = (JobKind::of(&job), self.now());
        let mut made = Made::new(&*self.dir);
        let id = match &job {
            Job::Flush { id, .. } | Job::Compact { id, .. } => *id,
        };
        let work = || match &job {
            Job::Flush { log, .. } => self.flush_generations(*log, &mut made),
            Job::Compact { compaction, .. } => self.compact(compaction, &mut made),
        };
        // What a job leaves behind is only its files, and those go with `made`.
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            Err(StoreError::Invalid("a flush or compaction panicked; nothing of it is kept".into()))
        });
        let synced = result.and_then(|()| match made.tables.is_empty() {
            true => Ok(()),
            false => self.dir.sync().map_err(|error| StoreError::Io { file: self.dir.display(), error }),
        });
        match synced {
            Ok(()) => {
                self.background.lock().note(&kind, Ok(()), None);
                let (tables, opened) = made.keep();
                self.fresh.lock().extend(opened.into_iter().map(|table| (table.meta.number, table)));
                self.tell_done(&job, &tables, self.now().since(begun));
                (id, Ok(tables))
            }
            Err(error) => {
                let failure = failure(&error);
                self.background.lock().note(&kind, Err(&error), Some(failure));
                if failure != Failure::Stopped {
                    tell(&self.options, &Event::BackgroundError(&error));
                }
                (id, Err(failure))
            }
        }
    }

    fn tell_done(&self, job: &Job, tables: &Tables, took: Duration) {
        let written = (tables.len(), tables.iter().map(|(_, f)| f.len).sum());
        match job {
            Job::Flush { .. } => {
                tell(&self.options, &Event::Flushed { tables: written.0, bytes: written.1, took });
            }
            Job::Compact { compaction, .. } => {
                let read = (compaction.inputs().count(), compaction.inputs().map(|f| f.len).sum());
                let view = self.view.load();
                let family = view.families.get(&compaction.family.get()).map_or("", |f| &f.family.name);
                let level = compaction.to;
                tell(&self.options, &Event::Compacted { family, level, read, written, took });
            }
        }
    }

    /// Calls `with` with what makes tables for this database.
    fn making<R>(&self, with: impl FnOnce(&mut Maker<'_>) -> R) -> R {
        with(&mut Maker {
            dir: &*self.dir,
            options: &self.options,
            source: &self.source,
            snapshots: self.snapshots.sequences(),
            take_file: &mut || self.with_engine(engine::Engine::take_file),
            is_stopping: &|| self.is_stopping(),
        })
    }

    fn flush_generations(&self, log: FileNumber, made: &mut Made<'_>) -> Result<(), StoreError> {
        let view = self.view.load_full();
        for family in view.families.values() {
            let of_job = family.immutables.iter().filter(|(of, _)| *of <= log);
            let memtables: Vec<_> = of_job.map(|(_, memtable)| memtable.clone()).collect();
            self.making(|maker| maker.flush(family, &memtables, made))?;
        }
        Ok(())
    }

    fn compact(&self, compaction: &Compaction, made: &mut Made<'_>) -> Result<(), StoreError> {
        let view = self.view.load_full();
        // A family that was dropped meanwhile has nothing to compact.
        let Some(family) = view.families.get(&compaction.family.get()) else { return Ok(()) };
        let input = |meta: &Arc<NewFile>| {
            let missing =
                || StoreError::Invalid(format!("the compaction's table {} is not open", meta.number));
            family.tables.get(&meta.number).cloned().ok_or_else(missing)
        };
        let tables = compaction.inputs().map(input).collect::<Result<Vec<_>, _>>()?;
        let tombstones: Vec<&RangeTombstone> = tables.iter().flat_map(|table| &table.tombstones).collect();
        let open = |meta: &NewFile| {
            let missing = ReadError::Io { file: meta.number, at: 0, error: IoError::NotFound };
            Ok(family.tables.get(&meta.number).ok_or(missing)?.scan(&self.source))
        };
        // Of a sorted run one table is read at a time.
        let inputs = Merging::new(compaction.runs().into_iter().map(|run| LevelIter::new(run, open)));
        self.making(|maker| {
            let options = JobOptions {
                older: compaction.older.clone(),
                output_len_max: self.options.target_file_bytes,
                grandparents: compaction.grandparents.clone(),
                grandparent_len_max: self.options.target_file_bytes.saturating_mul(GRANDPARENT_FACTOR),
                ..maker.job_options(family)?
            };
            let job = compaction::Job::new(inputs, tombstones, options, &self.codecs);
            maker.write_tables(job, family, made)
        })
    }
}

impl Maker<'_> {
    /// Makes a table of memtables of one family, newest first; none if there is nothing in them.
    pub(crate) fn flush(
        &mut self,
        family: &FamilyView,
        memtables: &[Arc<Memtable>],
        made: &mut Made<'_>,
    ) -> Result<(), StoreError> {
        if memtables.iter().all(|memtable| memtable.is_empty()) {
            return Ok(());
        }
        let tombstones: Vec<RangeTombstone> =
            memtables.iter().flat_map(|memtable| memtable.range_tombstones()).collect();
        let options = self.job_options(family)?;
        let inputs = Merging::new(memtables.iter().map(|memtable| MemtableIter::new(memtable)));
        self.write_tables(
            compaction::Job::new(inputs, &tombstones, options, &self.options.codecs),
            family,
            made,
        )
    }

    fn job_options(&self, family: &FamilyView) -> Result<JobOptions, StoreError> {
        let kind = CompressionType::from_byte(family.options.compression);
        let block_size = self.options.block_bytes;
        let operator = family.options.merge_operator.clone();
        let table = TableOptions {
            block_size,
            bloom_bits_per_key: family.options.bloom_bits_per_key,
            compression: kind.map_err(|error| crate::view::read_error(&family.family, error))?,
            family: family.family.id,
            family_name: family.family.name.to_string(),
            merge_operator: operator.as_ref().map_or_else(String::new, |o| o.name().to_owned()),
            ..TableOptions::default()
        };
        Ok(JobOptions { table, snapshots: self.snapshots.clone(), operator, ..JobOptions::default() })
    }

    fn write_tables<I: InternalIterator>(
        &mut self,
        mut job: compaction::Job<I>,
        family: &FamilyView,
        made: &mut Made<'_>,
    ) -> Result<(), StoreError> {
        loop {
            let number = (self.take_file)();
            let (summary, is_last) = self.write_table(&mut job, number, family, made)?;
            if let Some(summary) = summary {
                let meta = summary.into_file(number);
                let opened = self.source.open_table(Arc::new(meta.clone()), &self.options.codecs);
                made.opened.push(opened.map_err(|error| crate::view::read_error(&family.family, error))?);
                made.tables.push((family.family.id, meta));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Writes one table and makes it durable; whether the job has come to its end comes back too.
    fn write_table<I: InternalIterator>(
        &self,
        job: &mut compaction::Job<I>,
        number: FileNumber,
        family: &FamilyView,
        made: &mut Made<'_>,
    ) -> Result<(Option<TableSummary>, bool), StoreError> {
        let name = FileName::Table(number).to_string();
        let io = |error| StoreError::Io { file: name.clone(), error };
        let mut file: Option<Arc<dyn File>> = None;
        let (mut out, mut len) = (Vec::new(), 0);
        loop {
            if (self.is_stopping)() {
                return Err(StoreError::Write(crate::WriteError::Closed));
            }
            let progress = job.step(number, STEP, &mut out);
            let progress = progress.map_err(|error| crate::view::read_error(&family.family, error))?;
            if !out.is_empty() && (out.len() >= WRITE_LEN || progress != Progress::More) {
                if file.is_none() {
                    made.numbers.push(number);
                    file = Some(self.dir.open(&name, OpenMode::CreateNew).map_err(io)?);
                }
                let file = file.as_ref().expect("it was opened above");
                file.write_all_at(len, &out).map_err(io)?;
                len += out.len() as u64;
                out.clear();
            }
            let (summary, is_last) = match progress {
                Progress::More => continue,
                Progress::Table(summary) => (Some(summary), false),
                Progress::Done(summary) => (summary, true),
            };
            if let Some(file) = &file {
                file.sync().map_err(io)?;
            }
            return Ok((summary, is_last));
        }
    }
}

fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Io { error, .. } => Failure::Io(*error),
        StoreError::Read { error: ReadError::Io { error, .. }, .. } if *error != IoError::NotFound => {
            Failure::Io(*error)
        }
        StoreError::Write(_) => Failure::Stopped,
        StoreError::Read { error, .. } => {
            let table = match error {
                ReadError::Corrupt { file, .. }
                | ReadError::Unsupported { file, .. }
                | ReadError::Limit { file, .. }
                | ReadError::Io { file, .. } => (file.get() != 0).then_some(*file),
                _ => None,
            };
            Failure::Damaged { table }
        }
        _ => Failure::Damaged { table: None },
    }
}
