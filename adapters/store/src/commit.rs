//! The write side: group commit into the log, memtables, and their flush into tables.
//!
//! The first writer that finds no leader leads: it takes what has queued up, appends all of it with one write, syncs once, enters
//! it into the memtables, publishes the sequence number and answers. Whoever comes meanwhile queues for the next group. Readers never
//! take the commit lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use dolmen_base::io::{File, FileNumber, IoError, OpenMode};
use dolmen_lsm::batch::{BatchView, Record, WriteBatch};
use dolmen_lsm::codecs::CompressionType;
use dolmen_lsm::compaction::{Job, JobOptions, Progress};
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::key::{FamilyId, SequenceNumber, ValueType};
use dolmen_lsm::limits::{BATCH_LEN_MAX, KEY_LEN_MAX, VALUE_LEN_MAX};
use dolmen_lsm::manifest;
use dolmen_lsm::table::{TableOptions, TableSummary};
use dolmen_wal::{Framing, record};

use crate::api::{Completion, StoreError, SyncPolicy, WriteError, WriteOptions};
use crate::db::Inner;
use crate::memtable::{Memtable, MemtableIter};
use crate::tables::OpenTable;
use crate::view::{FamilyView, View};

/// Bytes after which a group takes no further batch, so that the first writers of a burst do not wait for all of it.
const GROUP_LEN_MAX: usize = 4 << 20;
/// Entries that a flush takes per step, and bytes it gathers before it writes.
const FLUSH_STEP: usize = 4096;
const FLUSH_WRITE_LEN: usize = 1 << 20;

/// A write that waits for its group.
pub(crate) struct Pending {
    batch: WriteBatch,
    options: WriteOptions,
    done: Completion,
}

#[derive(Default)]
pub(crate) struct Queue {
    pending: Vec<Pending>,
    led: bool,
}

/// Everything that only the leader, a flush or a change of families touches.
pub(crate) struct Commit {
    pub(crate) log: Arc<dyn File>,
    pub(crate) log_number: FileNumber,
    pub(crate) log_len: u64,
    /// Logs that a flush may delete.
    pub(crate) old_logs: Vec<FileNumber>,
    pub(crate) sequence: u64,
    pub(crate) next_file: FileNumber,
    pub(crate) manifest: Arc<dyn File>,
    pub(crate) manifest_number: FileNumber,
    pub(crate) manifest_len: u64,
    pub(crate) family_max: FamilyId,
    pub(crate) epoch: u64,
    pub(crate) poisoned: Option<IoError>,
    pub(crate) failed: Option<WriteError>,
    pub(crate) closed: bool,
    pub(crate) unsynced: bool,
    pub(crate) last_sync: Instant,
    /// Memtable bytes at which the next flush is tried.
    pub(crate) flush_at: usize,
}

impl Commit {
    pub(crate) fn take_number(&mut self) -> FileNumber {
        let number = self.next_file;
        self.next_file = number.next();
        number
    }

    fn refusal(&self) -> Option<WriteError> {
        if self.closed {
            return Some(WriteError::Closed);
        }
        self.poisoned.map(WriteError::Poisoned)
    }
}

impl Inner {
    pub(crate) fn submit(&self, batch: WriteBatch, options: WriteOptions, done: Completion) {
        if self.read_only {
            return done(Err(WriteError::ReadOnly));
        }
        {
            let mut queue = self.queue.lock();
            queue.pending.push(Pending { batch, options, done });
            if core::mem::replace(&mut queue.led, true) {
                return;
            }
        }
        while let Some(group) = self.next_group() {
            self.commit_group(group);
        }
    }

    /// What has queued up, within the limit of a group; `None` ends the leadership.
    fn next_group(&self) -> Option<Vec<Pending>> {
        let mut queue = self.queue.lock();
        if queue.pending.is_empty() {
            queue.led = false;
            return None;
        }
        let (mut len, mut count) = (0, 0);
        while count < queue.pending.len() && len < GROUP_LEN_MAX {
            len += queue.pending[count].batch.as_bytes().len();
            count += 1;
        }
        let rest = queue.pending.split_off(count);
        Some(core::mem::replace(&mut queue.pending, rest))
    }

    fn commit_group(&self, group: Vec<Pending>) {
        let mut commit = self.commit.lock();
        let outcomes = self.commit_locked(&mut commit, &group);
        drop(commit);
        for (pending, outcome) in group.into_iter().zip(outcomes) {
            (pending.done)(outcome);
        }
    }

    /// The outcome of each write of the group, in order.
    fn commit_locked(&self, c: &mut Commit, group: &[Pending]) -> Vec<Result<SequenceNumber, WriteError>> {
        if let Some(refusal) = c.refusal() {
            return group.iter().map(|_| Err(refusal.clone())).collect();
        }
        let view = self.view.load_full();
        // One record for the whole group: a crash then keeps all of it or nothing, whatever order its sectors reach the disk in.
        let (mut merged, mut sequence, mut sync) = (WriteBatch::new(), c.sequence, false);
        merged.set_sequence(SequenceNumber::new(sequence + 1));
        let mut outcomes = Vec::with_capacity(group.len());
        for pending in group.iter() {
            outcomes.push(admit(&view, &pending.batch).map(|()| {
                merged.append(&pending.batch);
                sequence += u64::from(pending.batch.count());
                sync |= pending.options.sync.unwrap_or(self.options.sync == SyncPolicy::Always);
                SequenceNumber::new(sequence)
            }));
        }
        if let SyncPolicy::Interval(interval) = self.options.sync {
            sync |= c.last_sync.elapsed() >= interval;
        }
        let mut frames = Vec::new();
        if !merged.is_empty() {
            record::append(merged.as_bytes(), c.log_len, Framing::Plain, &mut frames);
        }
        if let Err(error) = self.append(c, &frames, sync) {
            c.failed = Some(error.clone());
            outcomes.iter_mut().filter(|o| o.is_ok()).for_each(|o| *o = Err(error.clone()));
            return outcomes;
        }
        c.failed = None;
        enter(&view, &merged);
        let written = outcomes.iter().filter(|o| o.is_ok()).count();
        self.counters.batches.fetch_add(written as u64, Ordering::Relaxed);
        self.counters.records.fetch_add(sequence - c.sequence, Ordering::Relaxed);
        c.sequence = sequence;
        self.visible.store(sequence, Ordering::Release);
        self.flush_if_full(c, &view);
        outcomes
    }

    /// One write and, if asked for, one sync. After a failed write the log is cut back, so that nothing refused is replayed.
    fn append(&self, c: &mut Commit, frames: &[u8], sync: bool) -> Result<(), WriteError> {
        let file = || FileName::Log(c.log_number).to_string();
        if let Err(error) = c.log.write_all_at(c.log_len, frames) {
            // The cut is synced before anybody hears of the refusal: a cut that a crash undoes would bring the record back.
            let retry = c.log.truncate(c.log_len).and_then(|()| c.log.sync()).is_ok();
            c.unsynced &= !retry;
            c.poisoned = (!retry).then_some(error);
            return Err(WriteError::Io { file: file(), error, retry });
        }
        c.log_len += frames.len() as u64;
        c.unsynced |= !frames.is_empty();
        if sync { self.sync_log(c) } else { Ok(()) }
    }

    /// Syncs the log. A failure is final: what was written since the last good sync may be lost, and no later sync can tell.
    pub(crate) fn sync_log(&self, c: &mut Commit) -> Result<(), WriteError> {
        if let Some(refusal) = c.refusal() {
            return Err(refusal);
        }
        if !c.unsynced {
            return Ok(());
        }
        if let Err(error) = c.log.sync() {
            c.poisoned = Some(error);
            return Err(WriteError::Io {
                file: FileName::Log(c.log_number).to_string(),
                error,
                retry: false,
            });
        }
        c.unsynced = false;
        c.last_sync = Instant::now();
        self.counters.wal_syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn flush_if_full(&self, c: &mut Commit, view: &View) {
        let bytes: usize = view.families.values().map(|f| f.memtable.len_bytes()).sum();
        if bytes >= c.flush_at {
            // The writes are safe in the log; a flush that fails (a full disk) is tried again when the memtables have grown.
            c.flush_at = match self.flush_locked(c) {
                Ok(()) => self.options.write_buffer_bytes,
                Err(_) => bytes + self.options.write_buffer_bytes / 4,
            };
        }
    }

    /// Turns the memtables into tables of level 0 and starts a new log.
    pub(crate) fn flush_locked(&self, c: &mut Commit) -> Result<(), StoreError> {
        if let Some(refusal) = c.refusal() {
            return Err(StoreError::Write(refusal));
        }
        let view = self.view.load_full();
        if view.families.values().all(|f| f.memtable.is_empty()) {
            return Ok(());
        }
        let mut made: Vec<String> = Vec::new();
        let written = self.write_tables(c, &view, &mut made);
        let (log, log_number, tables) = match written {
            Ok(written) => written,
            Err(error) => {
                // None of these files is named anywhere; what cannot be deleted now is deleted at the next open.
                for name in &made {
                    let _ = self.dir.delete(name);
                }
                return Err(error);
            }
        };
        let mut edits = Vec::new();
        for (id, family) in &view.families {
            let new_files = tables.get(id).map(|t: &OpenTable| NewFile::clone(&t.meta)).into_iter().collect();
            edits.push(VersionEdit {
                family: family.family.id,
                log_number: Some(log_number),
                next_file_number: Some(c.next_file),
                last_sequence: Some(SequenceNumber::new(c.sequence)),
                new_files,
                ..VersionEdit::default()
            });
        }
        self.log_edits(c, &edits)?;
        self.install_tables(&view, &edits, tables)?;
        c.old_logs.push(core::mem::replace(&mut c.log_number, log_number));
        (c.log, c.log_len, c.unsynced) = (log, 0, false);
        // A log that stays is replayed over tables that hold it already, which changes nothing; the next flush tries again.
        c.old_logs.retain(|&n| self.dir.delete(&FileName::Log(n).to_string()).is_err());
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the new log and one table per family with entries, and makes them durable. `made` gets the names of the new files.
    #[expect(clippy::type_complexity, reason = "used once, by the function above")]
    fn write_tables(
        &self,
        c: &mut Commit,
        view: &View,
        made: &mut Vec<String>,
    ) -> Result<(Arc<dyn File>, FileNumber, BTreeMap<u32, OpenTable>), StoreError> {
        let io = |file: &str| {
            let file = file.to_owned();
            move |error| StoreError::Io { file, error }
        };
        let log_number = c.take_number();
        let log_name = FileName::Log(log_number).to_string();
        let log = self.dir.open(&log_name, OpenMode::CreateNew).map_err(io(&log_name))?;
        made.push(log_name);
        let mut tables = BTreeMap::new();
        for (&id, family) in view.families.iter().filter(|(_, f)| !f.memtable.is_empty()) {
            let number = c.take_number();
            let name = FileName::Table(number).to_string();
            let file = self.dir.open(&name, OpenMode::CreateNew).map_err(io(&name))?;
            made.push(name.clone());
            if let Some(summary) = self.write_table(family, number, &*file, &name)? {
                c.epoch += 1;
                let meta = Arc::new(new_file(number, summary, c.epoch));
                let table = self.source.open_table(meta, &self.codecs);
                tables.insert(id, table.map_err(|error| StoreError::Read { file: name, error })?);
            }
        }
        self.dir.sync().map_err(io(&self.dir.display()))?;
        Ok((log, log_number, tables))
    }

    fn write_table(
        &self,
        family: &FamilyView,
        number: FileNumber,
        file: &dyn File,
        name: &str,
    ) -> Result<Option<TableSummary>, StoreError> {
        let io = |error| StoreError::Io { file: name.to_owned(), error };
        let read = |error| StoreError::Read { file: name.to_owned(), error };
        let operator = family.options.merge_operator.as_ref();
        let options = TableOptions {
            bloom_bits_per_key: family.options.bloom_bits_per_key,
            compression: CompressionType::from_byte(family.options.compression).map_err(read)?,
            family: family.family.id,
            family_name: family.family.name.to_string(),
            merge_operator: operator.map_or_else(String::new, |o| o.name().to_owned()),
            ..TableOptions::default()
        };
        let options = JobOptions {
            table: options,
            snapshots: self.snapshots.sequences(),
            operator: operator.cloned(),
            ..JobOptions::default()
        };
        let iter = MemtableIter::new(family.memtable.clone());
        let mut job = Job::new(iter, &family.memtable.range_tombstones(), options, &self.codecs);
        let (mut out, mut len) = (Vec::new(), 0);
        loop {
            let progress = job.step(number, FLUSH_STEP, &mut out).map_err(read)?;
            if out.len() >= FLUSH_WRITE_LEN || progress != Progress::More {
                file.write_all_at(len, &out).map_err(io)?;
                len += out.len() as u64;
                out.clear();
            }
            if let Progress::Done(summary) = progress {
                file.sync().map_err(io)?;
                return Ok(summary);
            }
        }
    }

    /// Appends edits to the MANIFEST, each with a sync of its own, so that a crash leaves no damage before a whole edit. A failure
    /// poisons: which edits a reopen will see is not known.
    pub(crate) fn log_edits(&self, c: &mut Commit, edits: &[VersionEdit]) -> Result<(), StoreError> {
        edits.chunks(1).try_for_each(|edit| self.log_edits_at_once(c, edit))
    }

    /// The same with one sync for all; for a MANIFEST that CURRENT does not name yet.
    pub(crate) fn log_edits_at_once(&self, c: &mut Commit, edits: &[VersionEdit]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for edit in edits {
            manifest::append(edit, c.manifest_len + bytes.len() as u64, &mut bytes);
        }
        let written = c.manifest.write_all_at(c.manifest_len, &bytes).and_then(|()| c.manifest.sync());
        written.map_err(|error| {
            c.poisoned = Some(error);
            StoreError::Io { file: FileName::Manifest(c.manifest_number).to_string(), error }
        })?;
        c.manifest_len += bytes.len() as u64;
        Ok(())
    }

    fn install_tables(
        &self,
        view: &View,
        edits: &[VersionEdit],
        mut tables: BTreeMap<u32, OpenTable>,
    ) -> Result<(), StoreError> {
        let mut next = View::clone(view);
        for edit in edits {
            let id = edit.family.get();
            let Some(family) = view.families.get(&id) else { continue };
            let mut changed = FamilyView::clone(family);
            changed.memtable = Arc::new(Memtable::default());
            let version = family.version.apply(edit).map_err(|e| StoreError::Invalid(e.to_string()))?;
            changed.version = Arc::new(version);
            if let Some(table) = tables.remove(&id) {
                let mut all = BTreeMap::clone(&family.tables);
                all.insert(table.meta.number, Arc::new(table));
                changed.tables = Arc::new(all);
            }
            next.families.insert(id, Arc::new(changed));
        }
        self.view.store(Arc::new(next));
        Ok(())
    }
}

/// Whether a batch may be written.
fn admit(view: &View, batch: &WriteBatch) -> Result<(), WriteError> {
    let too_large = |found: usize, max: usize| {
        if found > max { Err(WriteError::TooLarge { found: found as u64, max: max as u64 }) } else { Ok(()) }
    };
    too_large(batch.as_bytes().len(), BATCH_LEN_MAX)?;
    let parsed = BatchView::parse(batch.as_bytes()).expect("a batch from the builder is well-formed");
    for record in parsed.records() {
        let Some((family, key, value)) = parts(&record) else { continue };
        if !view.families.contains_key(&family.get()) {
            return Err(WriteError::NoSuchFamily(family));
        }
        too_large(key.len(), KEY_LEN_MAX)?;
        too_large(value.len(), VALUE_LEN_MAX)?;
    }
    Ok(())
}

fn parts<'a>(record: &Record<'a>) -> Option<(FamilyId, &'a [u8], &'a [u8])> {
    Some(match *record {
        Record::Put { family, key, value } => (family, key, value),
        Record::Delete { family, key } | Record::SingleDelete { family, key } => (family, key, &[]),
        Record::Merge { family, key, operand } => (family, key, operand),
        Record::DeleteRange { family, begin, end } => (family, begin, end),
        Record::LogData(_) => return None,
    })
}

/// Enters the records of a batch that carries its sequence number.
fn enter(view: &View, batch: &WriteBatch) {
    let parsed = BatchView::parse(batch.as_bytes()).expect("a batch that was admitted is well-formed");
    enter_records(view, &parsed, |_| true);
}

/// Enters the records of those families that are wanted.
pub(crate) fn enter_records(view: &View, batch: &BatchView<'_>, wanted: impl Fn(FamilyId) -> bool) {
    let mut sequence = batch.sequence();
    for record in batch.records() {
        let Some((family, key, value)) = parts(&record) else { continue };
        if let Some(target) = view.families.get(&family.get()).filter(|_| wanted(family)) {
            match record {
                Record::Put { .. } => target.memtable.insert(key, sequence, ValueType::Value, value),
                Record::Delete { .. } => target.memtable.insert(key, sequence, ValueType::Deletion, value),
                Record::SingleDelete { .. } => {
                    target.memtable.insert(key, sequence, ValueType::SingleDeletion, value)
                }
                Record::Merge { .. } => target.memtable.insert(key, sequence, ValueType::Merge, value),
                Record::DeleteRange { .. } => target.memtable.delete_range(key, value, sequence),
                Record::LogData(_) => {}
            }
        }
        sequence = sequence.next();
    }
}

fn new_file(number: FileNumber, summary: TableSummary, epoch_number: u64) -> NewFile {
    NewFile {
        level: 0,
        number,
        len: summary.len,
        smallest: summary.smallest,
        largest: summary.largest,
        smallest_sequence: summary.smallest_sequence,
        largest_sequence: summary.largest_sequence,
        epoch_number,
        tail_len: summary.tail_len,
        ..NewFile::default()
    }
}
