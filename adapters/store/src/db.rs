//! The handle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use dolmen_base::block::ReadMode;
use dolmen_base::io::{Directory, File, IoError};
use dolmen_fs::Dir;
use dolmen_lsm::batch::WriteBatch;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::error::{Damage, Part, ReadError};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber};
use dolmen_lsm::version::Version;
use parking_lot::Mutex;

use crate::api::{
    Completion, Family, Options, ReadOptions, Stats, StoreError, SyncPolicy, WriteError, WriteOptions,
};
use crate::commit::{Commit, Queue};
use crate::memtable::Memtable;
use crate::snapshot::{Snapshot, Snapshots};
use crate::tables::Source;
use crate::view::{DbIter, FamilyView, LEVELS, View};

/// A handle to an open database.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) dir: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) codecs: Codecs,
    pub(crate) source: Arc<Source>,
    pub(crate) view: ArcSwap<View>,
    /// The newest sequence number that readers see.
    pub(crate) visible: AtomicU64,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) commit: Mutex<Commit>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) counters: Counters,
    pub(crate) read_only: bool,
    pub(crate) _lock: Option<Box<dyn Send + Sync>>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) wal_syncs: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) flushes: AtomicU64,
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
        let interval = options.sync;
        let inner = Arc::new(crate::open::open(dir, options, false)?);
        if let SyncPolicy::Interval(interval) = interval {
            let weak = Arc::downgrade(&inner);
            std::thread::spawn(move || sync_now_and_then(&weak, interval));
        }
        Ok(Db(inner))
    }

    /// Opens a database for reading: logs are replayed in memory, nothing in the directory changes, no lock is taken.
    pub fn open_read_only(path: &Path, options: Options) -> Result<Db, StoreError> {
        let at = |error| StoreError::Io { file: path.display().to_string(), error };
        let dir = Dir::open(path).map_err(at)?;
        Ok(Db(Arc::new(crate::open::open(Arc::new(dir), options, true)?)))
    }

    /// The family `default`.
    pub fn default_family(&self) -> Family {
        self.0.view.load().families[&0].family.clone()
    }

    /// An existing family.
    pub fn family(&self, name: &str) -> Option<Family> {
        self.families().into_iter().find(|f| &*f.name == name)
    }

    /// All families, by id.
    pub fn families(&self) -> Vec<Family> {
        self.0.view.load().families.values().map(|f| f.family.clone()).collect()
    }

    /// Creates a family, durably; an existing one of that name is an error.
    pub fn create_family(&self, name: &str) -> Result<Family, StoreError> {
        let mut c = self.0.writable()?;
        if self.family(name).is_some() {
            return Err(StoreError::Invalid(format!("the column family {name} exists already")));
        }
        c.family_max = c.family_max.next();
        let family = Family { id: c.family_max, name: name.into() };
        let edit = VersionEdit {
            family: family.id,
            family_add: Some(name.to_owned()),
            comparator: Some("leveldb.BytewiseComparator".to_owned()),
            log_number: Some(c.log_number),
            family_max: Some(c.family_max),
            ..VersionEdit::default()
        };
        self.0.log_edits(&mut c, &[edit])?;
        let mut view = View::clone(&self.0.view.load());
        let opened = FamilyView {
            options: self.0.options.of_family(name),
            family: family.clone(),
            memtable: Arc::new(Memtable::default()),
            version: Arc::new(Version::default()),
            tables: Arc::new(BTreeMap::new()),
        };
        view.families.insert(family.id.get(), Arc::new(opened));
        self.0.view.store(Arc::new(view));
        Ok(family)
    }

    /// Drops a family and its data, durably. Iterators over it go on.
    pub fn drop_family(&self, family: &Family) -> Result<(), StoreError> {
        if family.id.get() == 0 {
            return Err(StoreError::Invalid("the column family default cannot be dropped".into()));
        }
        let mut c = self.0.writable()?;
        let mut view = View::clone(&self.0.view.load());
        let Some(dropped) = view.families.remove(&family.id.get()) else { return Ok(()) };
        let edit = VersionEdit { family: family.id, family_drop: true, ..VersionEdit::default() };
        self.0.log_edits(&mut c, &[edit])?;
        self.0.view.store(Arc::new(view));
        for number in dropped.tables.keys() {
            // The table is named nowhere any more; the next open deletes what stays.
            let _ = self.0.dir.delete(&FileName::Table(*number).to_string());
        }
        Ok(())
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
        self.0.submit(batch, options, done);
    }

    /// Makes all completed writes durable, whatever the policy.
    pub fn sync_wal(&self) -> Result<(), WriteError> {
        if self.0.read_only { Ok(()) } else { self.0.sync_log(&mut self.0.commit.lock()) }
    }

    /// The value of `key`.
    pub fn get(
        &self,
        family: &Family,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        // The view first: what a later flush leaves out is only what readers of newer sequence numbers do not see.
        let view = self.0.view.load();
        let newest = self.0.newest();
        let Some(found) = view.families.get(&family.id.get()) else { return Ok(None) };
        let value = found.get(&self.0.source, key, options.sequence.unwrap_or(newest));
        value.map_err(|e| crate::view::read_error(family, e))
    }

    /// The newest completed sequence number, held as a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.0.snapshots, || self.0.newest())
    }

    /// An iterator over a family, not positioned.
    pub fn iter(&self, family: &Family, options: ReadOptions) -> Result<DbIter, StoreError> {
        let view = self.0.view.load();
        let newest = self.0.newest();
        let found = view.families.get(&family.id.get());
        let found =
            found.ok_or_else(|| StoreError::Invalid(format!("there is no column family {}", family.name)))?;
        Ok(found.iter(&self.0.source, options, newest))
    }

    /// Writes memtables to tables and waits.
    pub fn flush(&self) -> Result<(), StoreError> {
        let mut c = self.0.writable()?;
        self.0.flush_locked(&mut c)
    }

    /// Flushes, then links every file of the database into `target`, which must be missing or empty.
    pub fn checkpoint(&self, target: &Path) -> Result<(), StoreError> {
        let io = |file: String| move |error| StoreError::Io { file, error };
        let to = Dir::create(target).map_err(io(target.display().to_string()))?;
        if !to.list().map_err(io(to.display()))?.is_empty() {
            return Err(StoreError::Invalid(format!("{} is not empty", target.display())));
        }
        let mut c = self.0.writable()?;
        self.0.flush_locked(&mut c)?;
        let view = self.0.view.load();
        for number in view.families.values().flat_map(|f| f.tables.keys()) {
            let name = FileName::Table(*number).to_string();
            self.0.dir.link_into(&name, &to, &name).map_err(io(name.clone()))?;
        }
        let manifest = FileName::Manifest(c.manifest_number).to_string();
        for name in [manifest.as_str(), "CURRENT"] {
            let bytes = dolmen_base::io::read_file(&*self.0.dir, name, u64::MAX).map_err(io(name.into()))?;
            let file = to.open(name, dolmen_base::io::OpenMode::CreateNew).map_err(io(name.into()))?;
            file.append(&bytes).and_then(|()| file.sync()).map_err(io(name.into()))?;
        }
        to.sync().map_err(io(to.display()))
    }

    /// Reads every block of every table past the cache: checksums, decompression, order of keys. The number of entries comes back.
    pub fn verify(&self) -> Result<u64, StoreError> {
        let view = self.0.view.load_full();
        let mut count = 0;
        for family in view.families.values() {
            for table in family.tables.values() {
                let found = count_entries(table, &self.0.source);
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
        let counters = &self.0.counters;
        let (cache_hits, cache_misses, cache_bytes) = self.0.source.counts();
        let view = self.0.view.load();
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
        let memtable_bytes = view.families.values().map(|f| f.memtable.len_bytes() as u64).sum();
        let (wal_bytes, write_error) = {
            let c = self.0.commit.lock();
            (c.log_len, c.failed.clone().or(c.poisoned.map(WriteError::Poisoned)))
        };
        Stats {
            wal_syncs: counters.wal_syncs.load(Ordering::Relaxed),
            batches: counters.batches.load(Ordering::Relaxed),
            records: counters.records.load(Ordering::Relaxed),
            wal_bytes,
            flushes: counters.flushes.load(Ordering::Relaxed),
            memtable_bytes,
            cache_hits,
            cache_misses,
            cache_bytes,
            levels,
            write_error,
        }
    }

    /// Syncs the log and stops; every handle gets [`WriteError::Closed`] from then on. Reads go on.
    pub fn close(&self) -> Result<(), StoreError> {
        if self.0.read_only {
            return Ok(());
        }
        let mut c = self.0.commit.lock();
        if c.closed {
            return Ok(());
        }
        let synced = self.0.sync_log(&mut c);
        c.closed = true;
        synced.map_err(StoreError::Write)
    }
}

impl Inner {
    fn newest(&self) -> SequenceNumber {
        SequenceNumber::new(self.visible.load(Ordering::Acquire))
    }

    fn writable(&self) -> Result<parking_lot::MutexGuard<'_, Commit>, StoreError> {
        if self.read_only {
            return Err(StoreError::Write(WriteError::ReadOnly));
        }
        let c = self.commit.lock();
        match (c.closed, c.poisoned) {
            (true, _) => Err(StoreError::Write(WriteError::Closed)),
            (_, Some(error)) => Err(StoreError::Write(WriteError::Poisoned(error))),
            _ => Ok(c),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A best effort for handles that were never closed; whoever wants to know calls `close`.
        let c = self.commit.get_mut();
        if !self.read_only && !c.closed && c.poisoned.is_none() && c.unsynced {
            let _ = c.log.sync();
        }
    }
}

/// Syncs the log at least once per interval while the database is open.
fn sync_now_and_then(inner: &Weak<Inner>, interval: core::time::Duration) {
    loop {
        std::thread::sleep(interval);
        let Some(inner) = inner.upgrade() else { return };
        let mut c = inner.commit.lock();
        if c.closed {
            return;
        }
        // A failure poisons and so reaches the next writer.
        let _ = inner.sync_log(&mut c);
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

/// Stands where a database that is open for reading has no file to write.
pub(crate) struct NoFile;

impl File for NoFile {
    fn read_exact_at(&self, _: u64, _: &mut [u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn append(&self, _: &[u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn write_all_at(&self, _: u64, _: &[u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn sync(&self) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn len(&self) -> Result<u64, IoError> {
        Err(IoError::Denied)
    }
    fn truncate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn preallocate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
}
