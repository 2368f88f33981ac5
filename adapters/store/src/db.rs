//! The handle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use dolmen_base::Time;
use dolmen_base::block::ReadMode;
use dolmen_base::io::{Directory, FileNumber, OpenMode};
use dolmen_fs::{Dir, Driver};
use dolmen_lsm::batch::WriteBatch;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::engine::{Engine, Input};
use dolmen_lsm::error::{Damage, Part, ReadError};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber};
use parking_lot::{Condvar, Mutex};

use crate::api::{
    Completion, Family, Options, ReadOptions, Stats, StoreError, SyncPolicy, WriteError, WriteOptions,
};
use crate::commit::Commit;
use crate::maintenance::{self, ManifestFile, Requests, Signal};
use crate::snapshot::{Snapshot, Snapshots};
use crate::tables::{OpenTable, Source};
use crate::view::{DbIter, LEVELS, View};

/// A handle to an open database.
#[derive(Clone)]
pub struct Db(Arc<Open>);

/// The database and its threads, which end with the last handle.
struct Open {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

pub(crate) struct Inner {
    pub(crate) dir: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) codecs: Codecs,
    pub(crate) source: Arc<Source>,
    /// Carries out what the log's machine wishes.
    pub(crate) driver: Driver,
    pub(crate) view: ArcSwap<View>,
    /// The newest sequence number that readers see.
    pub(crate) visible: AtomicU64,
    pub(crate) commit: Mutex<Commit>,
    /// Room in the queue of writes, or nobody leads.
    pub(crate) turn: Condvar,
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
    pub(crate) background_error: Mutex<Option<StoreError>>,
    pub(crate) stopping: AtomicBool,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) counters: Counters,
    pub(crate) start: Instant,
    pub(crate) read_only: bool,
    pub(crate) _lock: Option<Box<dyn Send + Sync>>,
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
    /// Opens the database in `path`, or creates it if the options say so.
    pub fn open(path: &Path, options: Options) -> Result<Db, StoreError> {
        let at = |error| StoreError::Io { file: path.display().to_string(), error };
        let dir = if options.create_if_missing { Dir::create(path) } else { Dir::open(path) };
        Db::open_in(Arc::new(dir.map_err(at)?), options)
    }

    /// The same in any directory, a simulated one for instance.
    pub fn open_in(dir: Arc<dyn Directory>, options: Options) -> Result<Db, StoreError> {
        let (interval, workers) = (options.sync, options.background_threads);
        let inner = Arc::new(crate::open::open(dir, options, false)?);
        let mut threads = Vec::new();
        for _ in 0..workers {
            let (weak, signal) = (Arc::downgrade(&inner), inner.signal.clone());
            threads.push(std::thread::spawn(move || maintenance::worker(&weak, &signal)));
        }
        if let SyncPolicy::Interval(interval) = interval {
            let (weak, signal) = (Arc::downgrade(&inner), inner.signal.clone());
            threads.push(std::thread::spawn(move || maintenance::timekeeper(&weak, &signal, interval)));
        }
        Ok(Db(Arc::new(Open { inner, threads })))
    }

    /// Opens a database for reading: logs are replayed in memory, nothing in the directory changes, no lock is taken.
    pub fn open_read_only(path: &Path, options: Options) -> Result<Db, StoreError> {
        let at = |error| StoreError::Io { file: path.display().to_string(), error };
        let dir = Dir::open(path).map_err(at)?;
        let inner = Arc::new(crate::open::open(Arc::new(dir), options, true)?);
        Ok(Db(Arc::new(Open { inner, threads: Vec::new() })))
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

    /// Creates a family, durably; an existing one of that name is an error.
    pub fn create_family(&self, name: &str) -> Result<Family, StoreError> {
        let inner = self.writable()?;
        let _one_at_a_time = inner.family_changes.lock();
        if self.family(name).is_some() {
            return Err(StoreError::Invalid(format!("the column family {name} exists already")));
        }
        inner.ask_for_family(name)
    }

    /// Drops a family and its data, durably. Iterators over it go on.
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

    /// Writes a batch and waits until it is done.
    pub fn write(&self, batch: WriteBatch, options: WriteOptions) -> Result<SequenceNumber, WriteError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(batch, options, Box::new(move |outcome| drop(sender.send(outcome))));
        receiver.recv().unwrap_or(Err(WriteError::Closed))
    }

    /// Writes a batch; `done` is called once with the outcome. Submissions of one thread keep their order. The call may carry out the
    /// group commit of itself and others on the calling thread.
    pub fn submit(&self, batch: WriteBatch, options: WriteOptions, done: Completion) {
        self.0.inner.submit(batch, options, done);
    }

    /// Makes all completed writes durable, whatever the policy.
    pub fn sync_wal(&self) -> Result<(), WriteError> {
        if self.0.inner.read_only {
            return Ok(());
        }
        self.write(WriteBatch::new(), WriteOptions { sync: Some(true) }).map(|_| ())
    }

    /// The value of `key`.
    pub fn get(
        &self,
        family: &Family,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        // The view first: what a later flush leaves out is only what readers of newer sequence numbers do not see.
        let view = self.0.inner.view.load();
        let newest = self.0.inner.newest();
        let Some(found) = view.families.get(&family.id.get()) else { return Ok(None) };
        let value = found.get(&self.0.inner.source, key, options.sequence.unwrap_or(newest));
        value.map_err(|e| crate::view::read_error(family, e))
    }

    /// The newest completed sequence number, held as a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.0.inner.snapshots, || self.0.inner.newest())
    }

    /// An iterator over a family, not positioned.
    pub fn iter(&self, family: &Family, options: ReadOptions) -> Result<DbIter, StoreError> {
        let view = self.0.inner.view.load();
        let newest = self.0.inner.newest();
        let found = view.families.get(&family.id.get());
        let found =
            found.ok_or_else(|| StoreError::Invalid(format!("there is no column family {}", family.name)))?;
        Ok(found.iter(&self.0.inner.source, options, newest))
    }

    /// Writes memtables to tables and waits.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.writable()?.ask(Input::Flush)
    }

    /// Compacts the user keys `begin..=end` of a family (`None`: without a bound) down to its deepest level, and waits. Deleted data is gone
    /// then, except what snapshots see.
    pub fn compact(
        &self,
        family: &Family,
        begin: Option<&[u8]>,
        end: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let (begin, end) = (begin.map(<[u8]>::to_vec), end.map(<[u8]>::to_vec));
        self.writable()?.ask(|request| Input::CompactRange { request, family: family.id, begin, end })
    }

    /// Flushes, then links every file of the database into `target`, which must be missing or empty. Writers go on meanwhile.
    pub fn checkpoint(&self, target: &Path) -> Result<(), StoreError> {
        let io = |file: String| move |error| StoreError::Io { file, error };
        let to = Dir::create(target).map_err(io(target.display().to_string()))?;
        if !to.list().map_err(io(to.display()))?.is_empty() {
            return Err(StoreError::Invalid(format!("{} is not empty", target.display())));
        }
        self.flush()?;
        let inner = &self.0.inner;
        // While this lock is held, view and MANIFEST say the same.
        let manifest = inner.manifest.lock();
        let view = inner.view.load_full();
        for number in view.families.values().flat_map(|f| f.tables.keys()) {
            let names = [FileName::Table(*number), FileName::LevelDbTable(*number)].map(|n| n.to_string());
            let link = |name: &String| inner.dir.link_into(name, &to, name);
            link(&names[0])
                .or_else(|first| link(&names[1]).map_err(|_| first))
                .map_err(io(names[0].clone()))?;
        }
        let name = FileName::Manifest(manifest.number).to_string();
        let mut bytes = vec![0; usize::try_from(manifest.len).expect("a MANIFEST fits in memory")];
        inner
            .dir
            .open(&name, OpenMode::Read)
            .and_then(|file| file.read_exact_at(0, &mut bytes))
            .map_err(io(name.clone()))?;
        let current = dolmen_lsm::filename::current_text(manifest.number);
        for (name, bytes) in [(name.as_str(), bytes.as_slice()), ("CURRENT", current.as_bytes())] {
            let file = to.open(name, OpenMode::CreateNew).map_err(io(name.into()))?;
            file.append(bytes).and_then(|()| file.sync()).map_err(io(name.into()))?;
        }
        to.sync().map_err(io(to.display()))
    }

    /// Reads every block of every table past the cache: checksums, decompression, order of keys. The number of entries comes back.
    pub fn verify(&self) -> Result<u64, StoreError> {
        let inner = &self.0.inner;
        let view = inner.view.load_full();
        let mut count = 0;
        for family in view.families.values() {
            for table in family.tables.values() {
                let found = count_entries(table, &inner.source);
                count += found.map_err(|error| StoreError::Read {
                    file: FileName::Table(table.meta.number).to_string(),
                    error,
                })?;
            }
        }
        Ok(count)
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
            background_error: inner.background_error.lock().clone(),
            memtable_bytes: memtables.map(|m| m.len_bytes() as u64).sum(),
            cache_hits,
            cache_misses,
            cache_bytes,
            levels,
            write_error,
        }
    }

    /// Syncs the log and stops; every handle gets [`WriteError::Closed`] from then on. Reads go on.
    pub fn close(&self) -> Result<(), StoreError> {
        let inner = &self.0.inner;
        if inner.read_only || inner.is_stopping() {
            return Ok(());
        }
        let synced = self.sync_wal();
        inner.stop();
        synced.map_err(StoreError::Write)
    }

    fn writable(&self) -> Result<&Inner, StoreError> {
        let inner = &self.0.inner;
        if inner.read_only {
            return Err(StoreError::Write(WriteError::ReadOnly));
        }
        if inner.is_stopping() {
            return Err(StoreError::Write(WriteError::Closed));
        }
        match inner.commit.lock().poisoned().or(inner.engine.lock().poisoned()) {
            Some(error) => Err(StoreError::Write(WriteError::Poisoned(error))),
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

    /// No more writes, no more jobs.
    fn stop(&self) {
        self.close_log();
        self.stopping.store(true, Ordering::Release);
        self.signal.call();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let inner = &self.inner;
        // A best effort for handles that were never closed; whoever wants to know calls `close`.
        if !inner.read_only && !inner.is_stopping() && !inner.commit.lock().is_synced() {
            let (sender, receiver) = mpsc::sync_channel(1);
            let done = Box::new(move |outcome| drop(sender.send(outcome)));
            inner.submit(WriteBatch::new(), WriteOptions { sync: Some(true) }, done);
            let _ = receiver.recv();
        }
        inner.stop();
        for thread in self.threads.drain(..) {
            // A completion that drops the last handle may run on one of them. One that panicked has said why.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn count_entries(table: &crate::tables::OpenTable, source: &Arc<Source>) -> Result<u64, ReadError> {
    let mut iter = table.table.iter(source.clone(), ReadMode::Bypass);
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
