//! The handle.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use dolmen_base::Time;
use dolmen_base::io::{Directory, FileNumber, IoError, OpenMode};
use dolmen_fs::{Dir, Driver};
use dolmen_lsm::batch::WriteBatch;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::engine::{Engine, Input};
use dolmen_lsm::error::{Damage, Part, ReadError};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber};
use dolmen_lsm::recovery::Report;

use crate::api::{Completion, Family, Options, ReadOptions, Stats, StoreError, WriteError, WriteOptions};
use crate::background::Background;
use crate::commit::{Batch, Commit};
use crate::maintenance::{self, ManifestFile, Requests, Signal};
use crate::pace::{Pace, Signs};
use crate::repair::Repaired;
use crate::snapshot::{Snapshot, Snapshots};
use crate::sync::thread::JoinHandle;
use crate::sync::{Condvar, Instant, Mutex};
use crate::tables::{OpenTable, Source};
use crate::view::{DbIter, FamilyView, LEVELS, Pinned, View};

/// A handle to an open database.
#[derive(Clone)]
pub struct Db(Arc<Open>);

/// The database and its threads, which end with the last handle.
struct Open {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Open {
    /// Ends the threads, but for the one that this is called on.
    fn end_threads(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A completion that drops the last handle may run on one of them. One that panicked has said why.
            if thread.thread().id() != crate::sync::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

pub(crate) struct Inner {
    pub(crate) dir: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) codecs: Codecs,
    pub(crate) source: Arc<Source>,
    /// Carries out what the log's machine wishes.
    pub(crate) driver: Driver,
    pub(crate) view: ArcSwap<View>,
    /// How many there were before it.
    pub(crate) views: AtomicU64,
    /// The newest sequence number that readers see.
    pub(crate) visible: AtomicU64,
    pub(crate) commit: Mutex<Commit>,
    /// Room in the queue of writes, or nobody leads.
    pub(crate) turn: Condvar,
    /// Work for the keeper of the log.
    pub(crate) keeper: Condvar,
    pub(crate) has_keeper: bool,
    /// Bytes of the active memtables.
    pub(crate) active_len: AtomicU64,
    pub(crate) signs: Signs,
    /// What writers are held to while they are slowed down.
    pub(crate) pace: Mutex<Pace>,
    /// Locked for moments only, behind every other lock.
    pub(crate) engine: Mutex<Engine>,
    /// Locked while a change is made durable and shown.
    pub(crate) manifest: Mutex<ManifestFile>,
    pub(crate) requests: Mutex<Requests>,
    /// Names of families are checked and taken under this.
    pub(crate) family_changes: Mutex<()>,
    pub(crate) signal: Arc<Signal>,
    /// Tables that no version names yet.
    pub(crate) fresh: Mutex<BTreeMap<FileNumber, Arc<OpenTable>>>,
    pub(crate) background: Mutex<Background>,
    pub(crate) stopping: AtomicBool,
    /// Until the caller has the database nothing runs but what opening needs.
    pub(crate) opening: AtomicBool,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) counters: Counters,
    /// What the logs held.
    pub(crate) report: Report,
    pub(crate) lost_files: Vec<String>,
    pub(crate) start: Instant,
    pub(crate) read_only: bool,
    /// Held until the database is closed.
    pub(crate) lock: Mutex<Option<Box<dyn Send + Sync>>>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) wal_syncs: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) delays: AtomicU64,
    pub(crate) stops: AtomicU64,
}

impl Db {
    /// Opens the database in `path`, or creates it if the options say so. What its logs hold is in tables then; compactions that are due run
    /// behind.
    ///
    /// # Errors
    /// Options that make no sense, a directory that is locked, unreadable, or no database, and damage that the recovery mode does not accept.
    pub fn open(path: &Path, options: Options) -> Result<Db, StoreError> {
        let at = |error| StoreError::Io { file: path.display().to_string(), error };
        let dir = if options.create_if_missing { Dir::create(path) } else { Dir::open(path) };
        Db::open_in(Arc::new(dir.map_err(at)?), options)
    }

    /// The same in any directory, a simulated one for instance.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_in(dir: Arc<dyn Directory>, options: Options) -> Result<Db, StoreError> {
        options.validate()?;
        let workers = options.background_threads;
        let inner = Arc::new(crate::open::open(dir, options, false)?);
        let mut threads = Vec::new();
        for number in 0..workers {
            let (weak, signal) = (Arc::downgrade(&inner), inner.signal.clone());
            threads.push(spawn(format!("store-{number}"), move || maintenance::worker(&weak, &signal))?);
        }
        if inner.has_keeper {
            let inner = inner.clone();
            threads.push(spawn("store-log".to_owned(), move || inner.keep())?);
        }
        Ok(Db(Arc::new(Open { inner, threads: threads.into() })))
    }

    /// Opens a database for reading: logs are replayed in memory, nothing in the directory changes, no lock is taken.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_read_only(path: &Path, options: Options) -> Result<Db, StoreError> {
        let at = |error| StoreError::Io { file: path.display().to_string(), error };
        let dir = Dir::open(path).map_err(at)?;
        Db::open_read_only_in(Arc::new(dir), options)
    }

    /// The same in any directory.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_read_only_in(dir: Arc<dyn Directory>, options: Options) -> Result<Db, StoreError> {
        options.validate()?;
        Ok(Db::of(crate::open::open(dir, options, true)?))
    }

    /// Of an engine without threads.
    pub(crate) fn of(inner: Inner) -> Db {
        Db(Arc::new(Open { inner: Arc::new(inner), threads: Mutex::default() }))
    }

    /// Makes a database that does not open, or of which some table is damaged, openable again from its tables and logs. What is damaged is kept
    /// beside as `NAME.lost`; of a damaged table the blocks that can be read stay. Every family is compacted.
    ///
    /// # Errors
    /// A directory without tables and logs, one that is open elsewhere, and a file system that fails; a second repair takes up where this one
    /// ended.
    pub fn repair(path: &Path, options: &Options) -> Result<Repaired, StoreError> {
        let at = |error| StoreError::Io { file: path.display().to_string(), error };
        Db::repair_in(Arc::new(Dir::open(path).map_err(at)?), options)
    }

    /// The same in any directory.
    ///
    /// # Errors
    /// As [`Db::repair`].
    pub fn repair_in(dir: Arc<dyn Directory>, options: &Options) -> Result<Repaired, StoreError> {
        options.validate()?;
        crate::repair::repair(&dir, options)
    }

    /// The family `default`.
    pub fn default_family(&self) -> Family {
        self.0.inner.view.load().families[&0].family.clone()
    }

    /// An existing family.
    pub fn family(&self, name: &str) -> Option<Family> {
        self.families().into_iter().find(|f| &*f.name == name)
    }

    /// All families, by id.
    pub fn families(&self) -> Vec<Family> {
        self.0.inner.view.load().families.values().map(|f| f.family.clone()).collect()
    }

    /// Creates a family, durably.
    ///
    /// # Errors
    /// A family of that name that exists already, and a MANIFEST that cannot be written.
    pub fn create_family(&self, name: &str) -> Result<Family, StoreError> {
        let inner = self.writable()?;
        let _one_at_a_time = inner.family_changes.lock();
        if self.family(name).is_some() {
            return Err(StoreError::Invalid(format!("the column family {name} exists already")));
        }
        inner.ask_for_family(name)
    }

    /// Drops a family and its data, durably. Iterators over it go on.
    ///
    /// # Errors
    /// The family `default`, and a MANIFEST that cannot be written.
    pub fn drop_family(&self, family: &Family) -> Result<(), StoreError> {
        if family.id.get() == 0 {
            return Err(StoreError::Invalid("the column family default cannot be dropped".into()));
        }
        let inner = self.writable()?;
        let _one_at_a_time = inner.family_changes.lock();
        if !inner.view.load().families.contains_key(&family.id.get()) {
            return Ok(());
        }
        inner.ask(|request| Input::DropFamily { request, family: family.id })
    }

    /// Writes a batch and waits until it is done. The calling thread may carry out the group commit of itself and others.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the batch is visible then.
    pub fn write(&self, batch: WriteBatch, options: WriteOptions) -> Result<SequenceNumber, WriteError> {
        self.0.inner.write(Batch::Owned(batch), options)
    }

    /// The same of a batch that the caller keeps, to fill it again.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn write_ref(&self, batch: &WriteBatch, options: WriteOptions) -> Result<SequenceNumber, WriteError> {
        self.0.inner.write(Batch::Borrowed(batch), options)
    }

    /// Sets `key` to `value`, as the database's policy says.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn put(&self, family: &Family, key: &[u8], value: &[u8]) -> Result<SequenceNumber, WriteError> {
        self.write_one(|batch| batch.put(family.id, key, value))
    }

    /// Deletes `key`.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn delete(&self, family: &Family, key: &[u8]) -> Result<SequenceNumber, WriteError> {
        self.write_one(|batch| batch.delete(family.id, key))
    }

    /// Adds a merge operand to `key`.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn merge(&self, family: &Family, key: &[u8], operand: &[u8]) -> Result<SequenceNumber, WriteError> {
        self.write_one(|batch| batch.merge(family.id, key, operand))
    }

    /// A batch of one record, made in memory that the thread keeps.
    fn write_one(&self, fill: impl FnOnce(&mut WriteBatch)) -> Result<SequenceNumber, WriteError> {
        thread_local! {
            static BATCH: RefCell<Option<WriteBatch>> = const { RefCell::new(None) };
        }
        BATCH.with(|kept| {
            // A completion that writes on this very thread makes a batch of its own.
            let Ok(mut kept) = kept.try_borrow_mut() else {
                return self.write_filled(&mut WriteBatch::new(), fill);
            };
            let batch = kept.get_or_insert_default();
            let outcome = self.write_filled(batch, fill);
            if batch.capacity() > BATCH_KEPT_MAX {
                *kept = None;
            }
            outcome
        })
    }

    fn write_filled(
        &self,
        batch: &mut WriteBatch,
        fill: impl FnOnce(&mut WriteBatch),
    ) -> Result<SequenceNumber, WriteError> {
        batch.clear();
        fill(batch);
        self.0.inner.write(Batch::Borrowed(batch), WriteOptions::default())
    }

    /// Writes a batch without waiting: neither for a sync, nor for other writers, nor while flushes and compactions fall behind. `done` is
    /// called once with the outcome. Submissions of one thread keep their order.
    ///
    /// What needs no sync and finds nobody in its way is written at once, and `done` called before this returns, on this thread; so is the
    /// answer to what is refused. Everything else is the log's own thread's. Without background threads all of it happens here.
    pub fn submit(&self, batch: WriteBatch, options: WriteOptions, done: Completion) {
        self.0.inner.submit(batch, options, done);
    }

    /// Makes all completed writes durable, whatever the policy.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn sync_wal(&self) -> Result<(), WriteError> {
        if self.0.inner.read_only {
            return Ok(());
        }
        self.write(WriteBatch::new(), WriteOptions { sync: Some(true) })?;
        self.0.inner.seal();
        Ok(())
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`StoreError`]: damage, a failed read, a merge that is refused, a family that was dropped.
    pub fn get(
        &self,
        family: &Family,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(family, options, |found, source, sequence| found.get(source, key, sequence, options.mode))
    }

    /// The value of `key` where it lies: in a block or a memtable, which stays in memory for as long as the answer.
    ///
    /// # Errors
    /// As [`Db::get`].
    pub fn get_pinned(
        &self,
        family: &Family,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Pinned>, StoreError> {
        self.read(family, options, |found, source, sequence| {
            found.get_pinned(source, key, sequence, options.mode)
        })
    }

    /// Whether `key` has a value. No value is copied.
    ///
    /// # Errors
    /// As [`Db::get`].
    pub fn contains(&self, family: &Family, key: &[u8], options: &ReadOptions) -> Result<bool, StoreError> {
        self.read(family, options, |found, source, sequence| {
            found.contains(source, key, sequence, options.mode)
        })
    }

    /// The values of several keys, all as of the same moment.
    ///
    /// # Errors
    /// As [`Db::get`], for the first key that cannot be read.
    pub fn multi_get(
        &self,
        family: &Family,
        keys: &[&[u8]],
        options: &ReadOptions,
    ) -> Result<Vec<Option<Pinned>>, StoreError> {
        self.read(family, options, |found, source, sequence| {
            keys.iter().map(|key| found.get_pinned(source, key, sequence, options.mode)).collect()
        })
    }

    fn read<R>(
        &self,
        family: &Family,
        options: &ReadOptions,
        with: impl FnOnce(&FamilyView, &Source, SequenceNumber) -> Result<R, ReadError>,
    ) -> Result<R, StoreError> {
        // The view first: what a later flush leaves out is only what readers of newer sequence numbers do not see.
        let view = self.0.inner.view.load();
        let newest = self.0.inner.newest();
        let found = view.families.get(&family.id.get());
        let found = found.ok_or_else(|| StoreError::NoSuchFamily(family.name.to_string()))?;
        let value = with(found, &self.0.inner.source, options.as_of(newest));
        value.map_err(|e| crate::view::read_error(family, e))
    }

    /// The newest completed sequence number, held as a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.0.inner.snapshots, || self.0.inner.newest())
    }

    /// An iterator over a family, not positioned.
    ///
    /// # Errors
    /// [`StoreError::NoSuchFamily`].
    pub fn iter(&self, family: &Family, options: ReadOptions) -> Result<DbIter, StoreError> {
        let view = self.0.inner.view.load();
        let newest = self.0.inner.newest();
        let found = view.families.get(&family.id.get());
        let found = found.ok_or_else(|| StoreError::NoSuchFamily(family.name.to_string()))?;
        Ok(found.iter(&self.0.inner.source, options, newest))
    }

    /// Writes memtables to tables and waits.
    ///
    /// # Errors
    /// Why the flush failed; what failed before is tried again by this.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.writable()?.ask(Input::Flush)
    }

    /// Compacts the user keys `begin..=end` of a family (`None`: without a bound) down to its deepest level, and waits. Deleted data is gone
    /// then, except what snapshots see; what only a snapshot saw that has gone meanwhile goes, too.
    ///
    /// # Errors
    /// Why it failed: damage in a table of the range each time that it is asked for.
    pub fn compact(
        &self,
        family: &Family,
        begin: Option<&[u8]>,
        end: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let (begin, end) = (begin.map(<[u8]>::to_vec), end.map(<[u8]>::to_vec));
        let inner = self.writable()?;
        let oldest = inner.snapshots.sequences().first().copied().unwrap_or(key::SEQUENCE_MAX);
        inner.ask(|request| Input::CompactRange { request, family: family.id, begin, end, oldest })
    }

    /// Tries again what failed behind the callers' backs, damaged tables included.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn resume(&self) -> Result<(), StoreError> {
        let inner = self.writable()?;
        inner.background.lock().resume();
        let now = inner.now();
        inner.with_engine(|engine| engine.handle(now, Input::Resume));
        inner.signal.call();
        if inner.options.background_threads == 0 {
            inner.maintain();
        }
        Ok(())
    }

    /// Flushes, then links every file of the database into `target`, which must be missing or empty. Writers go on meanwhile.
    ///
    /// # Errors
    /// A target that holds something, a flush or a file system that fails.
    pub fn checkpoint(&self, target: &Path) -> Result<(), StoreError> {
        self.flush()?;
        fill_new(target, &mut |to| self.link_all(to))
    }

    /// The same into an empty directory of the same kind, a simulated one for instance. What was begun when this fails is no database.
    ///
    /// # Errors
    /// As [`Db::checkpoint`].
    pub fn checkpoint_in(&self, target: &dyn Directory) -> Result<(), StoreError> {
        let at = |error| StoreError::Io { file: target.display(), error };
        if !target.list().map_err(at)?.is_empty() {
            return Err(StoreError::Invalid(format!("{} is not empty", target.display())));
        }
        self.flush()?;
        self.link_all(target)?;
        target.sync().map_err(at)
    }

    /// Links every file of the database, and makes a CURRENT of its own, last.
    fn link_all(&self, to: &dyn Directory) -> Result<(), StoreError> {
        let io = |file: String| move |error| StoreError::Io { file, error };
        let inner = &self.0.inner;
        let still = inner.still()?;
        for name in still.tables(&*inner.dir)? {
            let name = name.to_string();
            inner.dir.link_into(&name, to, &name).map_err(io(name))?;
        }
        let name = FileName::Manifest(still.manifest).to_string();
        let current = dolmen_lsm::filename::current_text(still.manifest);
        for (name, bytes) in
            [(name.as_str(), still.manifest_bytes.as_slice()), ("CURRENT", current.as_bytes())]
        {
            let file = to.open(name, OpenMode::CreateNew).map_err(io(name.into()))?;
            file.append(bytes).and_then(|()| file.sync()).map_err(io(name.into()))?;
        }
        Ok(())
    }

    /// Flushes, then adds a backup to the directory `target` in RocksDB's form; its number comes back. Tables that an earlier backup has are
    /// not copied again. Writers go on meanwhile.
    ///
    /// # Errors
    /// A flush or a file system that fails; what was copied so far is no backup then.
    pub fn backup(&self, target: &Path) -> Result<u32, StoreError> {
        self.flush()?;
        crate::backup::backup(&self.0.inner, &self.0.inner.still()?, target)
    }

    /// Makes a database in `target`, which must be missing or empty, from the newest backup in `from`; its number comes back.
    ///
    /// # Errors
    /// A directory without a backup, a file of it that is missing or damaged, a target that holds something.
    pub fn restore(from: &Path, target: &Path) -> Result<u32, StoreError> {
        crate::backup::restore(from, target)
    }

    /// Reads every block of every table past the cache: checksums, decompression, order of keys. What each family has comes back.
    ///
    /// # Errors
    /// The first damage that is found.
    pub fn verify(&self) -> Result<Vec<Verified>, StoreError> {
        let inner = &self.0.inner;
        let view = inner.view.load_full();
        let mut verified = Vec::new();
        for family in view.families.values() {
            let mut found = Verified { family: family.family.clone(), table_count: 0, entry_count: 0 };
            for table in family.tables.values() {
                found.table_count += 1;
                found.entry_count += count_entries(table, &inner.source).map_err(|error| {
                    StoreError::Read { file: FileName::Table(table.meta.number).to_string(), error }
                })?;
            }
            verified.push(found);
        }
        Ok(verified)
    }

    /// What the logs held when the database was opened, and what of it did not count.
    pub fn recovery(&self) -> &Report {
        &self.0.inner.report
    }

    /// Numbers.
    pub fn stats(&self) -> Stats {
        let inner = &self.0.inner;
        let counters = &inner.counters;
        let (cache_hits, cache_misses, cache_bytes) = inner.source.counts();
        let view = inner.view.load();
        let mut levels = Vec::new();
        for family in view.families.values() {
            for level in 0..LEVELS {
                let files = family.version.level(level).len() as u64;
                if files > 0 {
                    let name = family.family.name.to_string();
                    levels.push((name, level as u32, files, family.version.level_len(level)));
                }
            }
        }
        let memtables = view.families.values().flat_map(|f| f.memtables());
        let (counts, compaction_pending_bytes) = {
            let engine = inner.engine.lock();
            (engine.counts(), engine.pending_len())
        };
        let (wal_bytes, write_error) = {
            let c = inner.commit.lock();
            (c.log_len(), c.write_error())
        };
        Stats {
            wal_syncs: counters.wal_syncs.load(Ordering::Relaxed),
            batches: counters.batches.load(Ordering::Relaxed),
            records: counters.records.load(Ordering::Relaxed),
            wal_bytes,
            flushes: counts.flushes,
            compactions: counts.compactions,
            compaction_read_bytes: counts.compacted_len_in,
            compaction_written_bytes: counts.compacted_len_out,
            compaction_pending_bytes,
            delays: counters.delays.load(Ordering::Relaxed),
            stops: counters.stops.load(Ordering::Relaxed),
            background_error: inner.background.lock().gravest().cloned(),
            memtable_bytes: memtables.map(|m| m.len_bytes() as u64).sum(),
            cache_hits,
            cache_misses,
            cache_bytes,
            levels,
            losses: inner.report.losses.clone(),
            lost_files: inner.lost_files.clone(),
            open_table_files: inner.source.open_files() as u64,
            write_error,
        }
    }

    /// Syncs the log, stops, and lets go of the directory; every handle gets [`WriteError::Closed`] from then on, whoever waits for a flush or
    /// a compaction included. Reads go on.
    ///
    /// # Errors
    /// Why the log could not be synced; the database is closed all the same.
    pub fn close(&self) -> Result<(), StoreError> {
        let inner = &self.0.inner;
        if inner.read_only {
            return Ok(());
        }
        let synced = if inner.is_stopping() { Ok(()) } else { self.sync_wal() };
        inner.stop();
        self.0.end_threads();
        inner.trim_log();
        inner.lock.lock().take();
        match synced {
            // Somebody else was faster.
            Err(WriteError::Closed) | Ok(()) => Ok(()),
            Err(error) => Err(StoreError::Write(error)),
        }
    }

    fn writable(&self) -> Result<&Inner, StoreError> {
        let inner = &self.0.inner;
        if inner.read_only {
            return Err(StoreError::Write(WriteError::ReadOnly));
        }
        if inner.is_stopping() {
            return Err(StoreError::Write(WriteError::Closed));
        }
        let of_engine = || inner.engine.lock().poisoned().map(WriteError::Poisoned);
        match inner.commit.lock().poisoned().or_else(of_engine) {
            Some(error) => Err(StoreError::Write(error)),
            None => Ok(inner),
        }
    }
}

impl Inner {
    pub(crate) fn newest(&self) -> SequenceNumber {
        SequenceNumber::new(self.visible.load(Ordering::Acquire))
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// No more writes, no more jobs; whoever waits for one hears of it.
    fn stop(&self) {
        self.close_log();
        self.stopping.store(true, Ordering::Release);
        self.requests.lock().stop();
        self.signal.call();
        // Under the lock, so that the keeper is not between its look at the flag and its sleep.
        drop(self.commit.lock());
        self.keeper.notify_all();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let inner = &self.inner;
        // A best effort for handles that were never closed; whoever wants to know calls `close`. Behind that the directory may be another's.
        let is_open = !inner.read_only && !inner.is_stopping();
        if is_open {
            if !inner.commit.lock().is_synced() {
                // Where a completion drops the last handle this is refused: its thread is the one that would be waited for.
                let _ = inner.write(Batch::Owned(WriteBatch::new()), WriteOptions { sync: Some(true) });
            }
            inner.seal();
        }
        inner.stop();
        self.end_threads();
        if is_open {
            inner.trim_log();
        }
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::Invalid(format!(
            "a thread cannot be started ({error}); raise the limit, or lower background_threads"
        ))
    };
    crate::sync::thread::Builder::new().name(name).spawn(run).map_err(failed)
}

/// A thread's batch that has grown beyond this is given back.
const BATCH_KEPT_MAX: usize = 64 << 10;

/// What the tables of a family hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The family.
    pub family: Family,
    /// Its tables.
    pub table_count: u64,
    /// Their entries, those that are deleted or written over included.
    pub entry_count: u64,
}

/// A database as it is at one moment. Its tables stay as long as this does.
pub(crate) struct Still {
    view: Arc<View>,
    /// Number and bytes of the MANIFEST.
    pub(crate) manifest: FileNumber,
    pub(crate) manifest_bytes: Vec<u8>,
    pub(crate) sequence: u64,
}

impl Still {
    /// Its tables, by the names that they have in `dir`.
    pub(crate) fn tables(&self, dir: &dyn Directory) -> Result<Vec<FileName>, StoreError> {
        let there = crate::open::names(&crate::open::list(dir)?);
        let name = |number: &FileNumber| {
            let old = FileName::LevelDbTable(*number);
            if there.contains(&old) { old } else { FileName::Table(*number) }
        };
        Ok(self.view.families.values().flat_map(|family| family.tables.keys()).map(name).collect())
    }
}

impl Inner {
    /// The database as it is now.
    pub(crate) fn still(&self) -> Result<Still, StoreError> {
        // While this lock is held, view and MANIFEST say the same.
        let manifest = self.manifest.lock();
        let name = FileName::Manifest(manifest.number).to_string();
        let mut manifest_bytes = vec![0; usize::try_from(manifest.len).expect("a MANIFEST fits in memory")];
        self.dir
            .open(&name, OpenMode::Read)
            .and_then(|file| file.read_exact_at(0, &mut manifest_bytes))
            .map_err(|error| StoreError::Io { file: name, error })?;
        Ok(Still {
            view: self.view.load_full(),
            manifest: manifest.number,
            manifest_bytes,
            sequence: self.visible.load(Ordering::Acquire),
        })
    }
}

/// Makes the directory `target`, which must be missing or empty, with what `fill` puts into it, whole or not at all.
pub(crate) fn fill_new(
    target: &Path,
    fill: &mut dyn FnMut(&Dir) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let at = |error| StoreError::Io { file: target.display().to_string(), error };
    if let Ok(there) = Dir::open(target)
        && !there.list().map_err(at)?.is_empty()
    {
        return Err(StoreError::Invalid(format!("{} is not empty", target.display())));
    }
    // Under another name until it is whole: a crash or an error leaves nothing that looks like a database.
    let mut staging = target.as_os_str().to_owned();
    staging.push(".partial");
    let staging = Path::new(&staging);
    match Dir::remove(staging) {
        Ok(()) | Err(IoError::NotFound) => {}
        Err(error) => return Err(StoreError::Io { file: staging.display().to_string(), error }),
    }
    let to = Dir::create(staging).map_err(at)?;
    let made = fill(&to).and_then(|()| to.sync().and_then(|()| to.rename_to(target).map(drop)).map_err(at));
    if made.is_err() {
        // What cannot be deleted now is deleted by the next try.
        let _ = Dir::remove(staging);
    }
    made
}

fn count_entries(table: &crate::tables::OpenTable, source: &Arc<Source>) -> Result<u64, ReadError> {
    let mut iter = table.scan(source);
    let (mut count, mut last) = (0, Vec::new());
    iter.seek_to_first()?;
    while iter.valid() {
        if count > 0 && key::compare(&last, iter.key()).is_ge() {
            return Err(ReadError::corrupt(Part::DataBlock, 0, Damage::Order).in_file(table.meta.number, 0));
        }
        last.clear();
        last.extend_from_slice(iter.key());
        count += 1;
        iter.next()?;
    }
    Ok(count)
}
