//! A durable store without an operating system, on the disk of `disk.rs`: it flushes, compacts and recovers as the engine's machine says.
//!
//! 1. `put` frames a batch behind the log's end and only then enters it into the memtable.
//! 2. `drive` carries out what the machine wishes, until it wishes for nothing: switch memtables, do jobs, change the MANIFEST, retire files.
//! 3. `open` reads the MANIFEST and replays the logs that count; what that means is `recovery`'s to say.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dolmen_base::Time;
use dolmen_base::block::ReadMode;
use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::batch::{self, BatchView, SyncMark, WriteBatch};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::compaction::{self, JobOptions, Progress};
use dolmen_lsm::edit::NewFile;
use dolmen_lsm::engine::{Effect, Engine, Failure, Input, Job, Options, Recovered, RequestId};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{FamilyId, SequenceNumber};
use dolmen_lsm::manifest;
use dolmen_lsm::memtable::{Memtable, MemtableIter};
use dolmen_lsm::merging::Merging;
use dolmen_lsm::range_del::RangeTombstone;
use dolmen_lsm::read::{self, Query};
use dolmen_lsm::recovery::{Replay, State};
use dolmen_lsm::table::{Table, TableIter};
use dolmen_lsm::version::Version;
use dolmen_wal::{Framing, RecoveryMode, record};

use super::disk::{Disk, Memory, ROOM};

/// Whatever can go wrong.
pub type Error = Box<dyn core::error::Error>;

/// The one family.
const FAMILY: FamilyId = FamilyId::new(0);

/// The store. The clock stands still: what failed is tried again with the next call.
pub struct Store<'m> {
    disk: Disk<'m>,
    engine: Engine,
    manifest: FileNumber,
    memtable: Memtable,
    /// Switched memtables, newest first, each with the log that holds it.
    switched: Vec<(FileNumber, Memtable)>,
    version: Arc<Version>,
    tables: BTreeMap<FileNumber, Table>,
    sequence: SequenceNumber,
}

impl<'m> Store<'m> {
    /// Opens what is in `memory`; zeros are an empty store.
    pub fn open(memory: &'m mut Memory) -> Result<Self, Error> {
        let mut disk = Disk(memory);
        let names = disk.names();
        let mut state = match disk.current() {
            Some(manifest) => State::read(disk.read(manifest), manifest, &names)?,
            None => State::default(),
        };
        let memtable = Memtable::new()?;
        let mut replay = Replay::new(RecoveryMode::TornTail, &state);
        let mut take = |batch: &BatchView<'_>, _: &dyn Fn(FamilyId) -> bool| {
            enter(&memtable, batch.records(), batch.sequence())
        };
        let logs = Replay::logs(&state, &names);
        for &log in &logs {
            replay.log_bytes(log, disk.read(log), &state, &mut take)?;
        }
        replay.finish(&mut state, &mut take)?;
        let (manifest, log) = (state.take_number(), state.take_number());
        let replayed = !memtable.is_empty();
        disk.create(FileName::Manifest(manifest))?;
        append_edits(&mut disk, manifest, &state.snapshot((!replayed).then_some(log)))?;
        disk.create(FileName::Log(log))?;
        disk.set_current(manifest);
        let log_needed = if replayed { state.log_needed() } else { log };
        for name in names.into_iter().filter(|&name| state.is_left_over(name, manifest, log_needed)) {
            disk.delete(name.number().unwrap_or_default());
        }
        let version = state.families[&FAMILY].version.clone();
        let recovered = Recovered {
            families: [(FAMILY, version.clone())].into(),
            next_file: state.next_file,
            epoch: state.epoch,
            sequence: state.sequence,
            log,
            old_logs: if replayed { logs } else { Vec::new() },
            ..Recovered::default()
        };
        let mut options = Options { write_buffer_len: ROOM as u64 / 4, ..Options::default() };
        (options.compaction.base_len_max, options.compaction.multiplier) = (4 * ROOM as u64, 4);
        let engine = Engine::new(options, recovered);
        let (tables, switched, sequence) = (BTreeMap::new(), Vec::new(), state.sequence);
        let mut store = Store { disk, engine, manifest, memtable, switched, version, tables, sequence };
        store.open_tables()?;
        if replayed {
            store.flush()?;
        }
        Ok(store)
    }

    /// Puts a value. When this returns, a reboot keeps it.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let mut batch = WriteBatch::new();
        batch.put(FAMILY, key, value);
        let (log, first) = (self.engine.log(), self.sequence.next());
        let synced_len = self.disk.read(log).len() as u64;
        // What is in the memory is as durable as it gets.
        let mark = SyncMark { synced_len, logs_before_synced: true }.encode();
        let (header, mut frames) = (batch::header(first, batch.count()), Vec::new());
        record::append_parts(&[&header, &mark, batch.body()], synced_len, Framing::Plain, &mut frames);
        self.disk.append(log, &frames)?;
        enter(&self.memtable, batch.records(), first)?;
        self.sequence = SequenceNumber::new(self.sequence.get() + u64::from(batch.count()));
        self.drive()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let query =
            Query { user_key: key, sequence: self.sequence, mode: ReadMode::MayBlock, operator: None };
        let memtables = core::iter::once(&self.memtable).chain(self.switched.iter().map(|(_, m)| m));
        let tables = read::tables_for(&self.version, key).filter_map(|meta| self.tables.get(&meta.number));
        let (tables, mut value) = (tables.map(|table| (table, table.fragments())), None::<Vec<u8>>);
        read::point(&query, memtables, tables, &self.disk, &mut value)?;
        Ok(value)
    }

    /// Makes tables of all that is in memtables.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.tell(Input::Grown { len: self.memtable.len_bytes() as u64 });
        self.tell(Input::Flush(RequestId::new(0)));
        self.drive()
    }

    /// Tables per level.
    pub fn shape(&self) -> Vec<usize> {
        (0..dolmen_lsm::version::LEVEL_COUNT).map(|level| self.version.level(level).len()).collect()
    }

    fn tell(&mut self, input: Input) {
        self.engine.handle(Time::ZERO, input);
    }

    /// Carries out the machine's wishes, until there are none or a job failed.
    fn drive(&mut self) -> Result<(), Error> {
        self.tell(Input::Grown { len: self.memtable.len_bytes() as u64 });
        loop {
            if let Some(to) = self.engine.take_rotation() {
                let result = self.disk.create(FileName::Log(to));
                if result.is_ok() {
                    let full = core::mem::replace(&mut self.memtable, Memtable::new()?);
                    self.switched.insert(0, (self.engine.log(), full));
                }
                self.tell(Input::Rotated { sequence: self.sequence, result });
            } else if let Some(effect) = self.engine.poll() {
                self.carry_out(effect)?;
            } else if let Some(job) = self.engine.poll_job() {
                let id = match job {
                    Job::Flush { id, .. } | Job::Compact { id, .. } => id,
                };
                let made = self.run(job);
                let result = made.map(|tables| tables.into_iter().map(|file| (FAMILY, file)).collect());
                let failure = |error: &Error| match error.downcast_ref() {
                    Some(error) => Failure::Io(*error),
                    None => Failure::Damaged { table: None },
                };
                let failed = result.as_ref().err().map(failure);
                self.tell(Input::Done { job: id, result: result.map_err(|error| failure(&error)) });
                if failed.is_some() {
                    return Ok(());
                }
            } else {
                return Ok(());
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), Error> {
        match effect {
            Effect::Log(edits) => {
                let result = append_edits(&mut self.disk, self.manifest, &edits);
                self.tell(Input::Logged(result));
            }
            Effect::Install { versions, flushed } => {
                self.switched.retain(|(log, _)| flushed.is_none_or(|flushed| *log > flushed));
                self.version =
                    versions.into_iter().next().map_or(self.version.clone(), |(_, version)| version);
                self.open_tables()?;
            }
            Effect::Retire { tables, logs } => {
                for number in tables.into_iter().chain(logs) {
                    self.tables.remove(&number);
                    self.disk.delete(number);
                }
            }
            Effect::Created { .. } | Effect::Dropped { .. } | Effect::Answer { .. } => {}
        }
        Ok(())
    }

    fn open_tables(&mut self) -> Result<(), Error> {
        for meta in self.version.files() {
            if !self.tables.contains_key(&meta.number) {
                let table = Table::open(&self.disk, meta.number, meta.len, &Codecs::new())?;
                self.tables.insert(meta.number, table);
            }
        }
        Ok(())
    }

    fn run(&mut self, job: Job) -> Result<Vec<NewFile>, Error> {
        let codecs = Codecs::new();
        let (files, disk) = match job {
            Job::Flush { log, .. } => {
                let memtables: Vec<_> = self.switched.iter().filter(|(of, _)| *of <= log).collect();
                let tombstones: Vec<_> = memtables.iter().flat_map(|(_, m)| m.range_tombstones()).collect();
                let inputs = Merging::new(memtables.iter().map(|(_, m)| MemtableIter::new(m)));
                let job = compaction::Job::new(inputs, &tombstones, JobOptions::default(), &codecs);
                (build(job, &mut self.engine)?, &mut self.disk)
            }
            Job::Compact { compaction, .. } => {
                let tables: Vec<_> =
                    compaction.inputs().filter_map(|meta| self.tables.get(&meta.number)).collect();
                let tombstones: Vec<&RangeTombstone> =
                    tables.iter().flat_map(|t| t.range_tombstones()).collect();
                let disk = &self.disk;
                let inputs = Merging::new(tables.iter().map(|t| TableIter::new(*t, disk, ReadMode::Bypass)));
                let output_len_max = ROOM as u64 / 2;
                let options =
                    JobOptions { older: compaction.older.clone(), output_len_max, ..JobOptions::default() };
                let job = compaction::Job::new(inputs, tombstones, options, &codecs);
                (build(job, &mut self.engine)?, &mut self.disk)
            }
        };
        for (file, bytes) in &files {
            let made = disk.create(FileName::Table(file.number));
            if let Err(error) = made.and_then(|()| disk.append(file.number, bytes)) {
                files.iter().for_each(|(file, _)| disk.delete(file.number));
                return Err(error.into());
            }
        }
        Ok(files.into_iter().map(|(file, _)| file).collect())
    }
}

/// The tables that a job makes.
fn build<I: InternalIterator>(
    mut job: compaction::Job<I>,
    engine: &mut Engine,
) -> Result<Vec<(NewFile, Vec<u8>)>, Error> {
    let mut files = Vec::new();
    loop {
        let (number, mut bytes) = (engine.take_file(), Vec::new());
        let (summary, is_last) = loop {
            match job.step(number, 64, &mut bytes)? {
                Progress::More => {}
                Progress::Table(summary) => break (Some(summary), false),
                Progress::Done(summary) => break (summary, true),
            }
        };
        files.extend(summary.map(|summary| (summary.into_file(number), bytes)));
        if is_last {
            return Ok(files);
        }
    }
}

fn append_edits(
    disk: &mut Disk<'_>,
    to: FileNumber,
    edits: &[dolmen_lsm::edit::VersionEdit],
) -> Result<(), IoError> {
    let (mut frames, len) = (Vec::new(), disk.read(to).len() as u64);
    edits.iter().for_each(|edit| manifest::append(edit, len + frames.len() as u64, &mut frames));
    disk.append(to, &frames)
}

/// Puts the records of a batch into the memtable.
fn enter<'a>(
    memtable: &Memtable,
    records: impl Iterator<Item = batch::Record<'a>>,
    first: SequenceNumber,
) -> Result<(), Error> {
    let (mut writer, mut sequence) = (memtable.writer().expect("nobody else writes"), first);
    for record in records {
        writer.apply(&record, sequence)?;
        sequence = SequenceNumber::new(sequence.get() + u64::from(record.counts()));
    }
    Ok(())
}
