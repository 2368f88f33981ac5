//! The metadata in the store: what operations of `dolmen_s3::state` read, and how what they leave behind gets to the disk.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use dolmen_s3::state::keys::{ANNOTATIONS, CONFIGS, INLINE, REFERENCES};
use dolmen_s3::state::{Batch, Cursor, Source, Unavailable};
use dolmen_store::{
    Db, DbIter, Family, Options, ReadMode, ReadOptions, Shared, StoreError, SyncPolicy, WriteBatch,
    WriteError, WriteOptions,
};
use tokio::sync::oneshot;

use crate::memory::MemoryDir;

/// Memtables: what a burst of small objects fills.
const WRITE_BUFFER_LEN: usize = 16 << 20;

/// What a record of a batch has beside key and value, at most.
const RECORD_LEN_MORE: usize = 16;

/// Cache of blocks where none is shared.
const CACHE_LEN: usize = 8 << 20;

/// The store of one server.
pub(crate) struct Meta {
    db: Db,
    family: Family,
    kinds: Kinds,
    /// Whether a test forbids looks.
    #[cfg(test)]
    no_reads: std::sync::atomic::AtomicBool,
}

impl Meta {
    /// Opens the store in a directory, which is made if it is missing.
    pub fn local(dir: &Path, shared: Option<Arc<Shared>>) -> Result<Meta, StoreError> {
        Ok(Meta::of(Db::open(dir, Options { shared, ..options() })?))
    }

    /// Opens the store of an offline server for reading.
    pub fn read_only(dir: &Path) -> Result<Meta, StoreError> {
        Ok(Meta::of(Db::open_read_only(dir, options())?))
    }

    /// A new store in memory.
    pub fn memory() -> Result<Meta, StoreError> {
        Ok(Meta::of(Db::open_in(Arc::new(MemoryDir::default()), options())?))
    }

    /// The store in a directory that a test has.
    #[cfg(test)]
    pub fn over(dir: Arc<dyn dolmen_base::io::Directory>) -> Result<Meta, StoreError> {
        Ok(Meta::of(Db::open_in(dir, options())?))
    }

    fn of(db: Db) -> Meta {
        let family = db.default_family();
        let kinds = Kinds::of(&db, &family);
        Meta {
            db,
            family,
            kinds,
            #[cfg(test)]
            no_reads: Default::default(),
        }
    }

    /// From here on a look ends the test.
    #[cfg(test)]
    pub fn forbid(&self, reads: bool) {
        self.no_reads.store(reads, std::sync::atomic::Ordering::SeqCst);
    }

    /// The metadata as it is now.
    pub fn view(&self, mode: ReadMode) -> View<'_> {
        #[cfg(test)]
        assert!(!self.no_reads.load(std::sync::atomic::Ordering::SeqCst), "a look before the gate");
        let snapshot = Arc::new(self.db.snapshot());
        View {
            meta: self,
            options: ReadOptions { mode, ..ReadOptions::at(&snapshot) },
            would_block: Cell::new(false),
            counts: RefCell::default(),
        }
    }

    /// Whether there may be keys that begin with this byte.
    pub fn may_hold(&self, kind: u8) -> bool {
        self.kinds.may_hold(kind)
    }

    /// Runs a read: at once if everything it needs is in memory, else where it may wait.
    pub fn read<T>(&self, mut operation: impl FnMut(&dyn Source) -> T) -> T {
        let view = self.view(ReadMode::CacheOnly);
        let answer = operation(&view);
        if !view.would_block() {
            return answer;
        }
        self.read_slowly(operation)
    }

    /// Runs a read that may take long.
    pub fn read_slowly<T>(&self, mut operation: impl FnMut(&dyn Source) -> T) -> T {
        tokio::task::block_in_place(|| operation(&self.view(ReadMode::MayBlock)))
    }

    /// Writes a batch; once this returns it is on the disk, whole.
    pub async fn commit(&self, batch: &Batch) -> Result<(), WriteError> {
        let writes = self.records(batch);
        self.write(writes).await
    }

    fn records(&self, batch: &Batch) -> WriteBatch {
        let len = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
        let room = batch.writes.iter().map(|write| RECORD_LEN_MORE + len(write)).sum();
        let mut writes = WriteBatch::with_capacity(room);
        for (key, value) in &batch.writes {
            match value {
                Some(value) => {
                    self.kinds.note(key);
                    writes.put(self.family.id, key, value);
                }
                None => writes.delete(self.family.id, key),
            }
        }
        writes
    }

    async fn write(&self, writes: WriteBatch) -> Result<(), WriteError> {
        if writes.is_empty() {
            return Ok(());
        }
        let (done, outcome) = oneshot::channel();
        let options = WriteOptions { sync: Some(true) };
        self.db.submit(writes, options, Box::new(move |result| drop(done.send(result))));
        outcome.await.map_err(|_| WriteError::Closed)?.map(drop)
    }

    /// Deletes all keys from `begin` up to `end`, and waits.
    pub fn delete_range(&self, begin: &[u8], end: &[u8]) -> Result<(), WriteError> {
        let mut writes = WriteBatch::new();
        writes.delete_range(self.family.id, begin, end);
        self.db.write(writes, WriteOptions { sync: Some(true) }).map(drop)
    }

    /// Writes a batch and waits: for servers that do not run.
    pub fn commit_now(&self, batch: &Batch) -> Result<(), WriteError> {
        let writes = self.records(batch);
        self.db.write(writes, WriteOptions { sync: Some(true) }).map(drop)
    }

    /// The store itself, for numbers.
    pub fn db(&self) -> &Db {
        &self.db
    }
}

fn options() -> Options {
    Options {
        sync: SyncPolicy::Always,
        write_buffer_bytes: WRITE_BUFFER_LEN,
        block_cache_bytes: CACHE_LEN,
        ..Options::default()
    }
}

/// Which kinds of keys there may be: what most servers never have is not looked for at every request.
struct Kinds([(u8, AtomicBool); 3]);

impl Kinds {
    fn of(db: &Db, family: &Family) -> Kinds {
        Kinds([ANNOTATIONS, CONFIGS, REFERENCES].map(|kind| {
            // What cannot be read may be there.
            let first = db.iter(family, ReadOptions::default()).and_then(|mut iter| {
                iter.seek(&[kind])?;
                Ok(iter.valid() && iter.key().first() == Some(&kind))
            });
            (kind, AtomicBool::new(first.unwrap_or(true)))
        }))
    }

    /// A key is written. It is noted first, so that nobody reads past it.
    fn note(&self, key: &[u8]) {
        for (kind, is_there) in &self.0 {
            if key.first() == Some(kind) && !is_there.load(SeqCst) {
                is_there.store(true, SeqCst);
            }
        }
    }

    fn may_hold(&self, kind: u8) -> bool {
        self.0.iter().all(|(known, is_there)| *known != kind || is_there.load(SeqCst))
    }
}

/// The metadata at one moment.
pub(crate) struct View<'a> {
    meta: &'a Meta,
    options: ReadOptions,
    would_block: Cell<bool>,
    /// Counts of references that were read, and small bytes: keys of other operations may share them.
    counts: RefCell<Vec<Read>>,
}

/// A key, and the value that was found.
type Read = (Vec<u8>, Option<Vec<u8>>);

/// What must not have changed behind an operation that read this: a count, or that bytes are there at all.
pub(crate) fn watched(key: &[u8], value: Option<&Vec<u8>>) -> Option<Option<Vec<u8>>> {
    match key.first() {
        Some(&REFERENCES) => Some(value.cloned()),
        Some(&INLINE) => Some(value.map(|_| Vec::new())),
        _ => None,
    }
}

impl View<'_> {
    /// Whether something that was asked for is not in memory: then the answer is worth nothing.
    pub fn would_block(&self) -> bool {
        self.would_block.get()
    }

    /// Counts of references that were read.
    pub fn into_counts(self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.counts.into_inner()
    }

    fn fail(&self, error: &StoreError) -> Unavailable {
        if *error == StoreError::WouldBlock {
            self.would_block.set(true);
        } else {
            tracing::error!(target: "s3", "metadata cannot be read: {error}");
        }
        Unavailable
    }
}

impl Source for View<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unavailable> {
        let value = match key.first() {
            Some(&kind) if !self.meta.kinds.may_hold(kind) => None,
            _ => {
                self.meta.db.get(&self.meta.family, key, &self.options).map_err(|error| self.fail(&error))?
            }
        };
        if let Some(seen) = watched(key, value.as_ref()) {
            self.counts.borrow_mut().push((key.to_vec(), seen));
        }
        Ok(value)
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(Walk { view: self, iter: None })
    }

    fn may_hold(&self, kind: u8) -> bool {
        self.meta.kinds.may_hold(kind)
    }
}

struct Walk<'a> {
    view: &'a View<'a>,
    iter: Option<DbIter>,
}

impl Cursor for Walk<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<(), Unavailable> {
        let view = self.view;
        let iter = match &mut self.iter {
            Some(iter) => iter,
            none => {
                let iter = view.meta.db.iter(&view.meta.family, view.options.clone());
                none.insert(iter.map_err(|error| view.fail(&error))?)
            }
        };
        iter.seek(key).map_err(|error| view.fail(&error))
    }

    fn next(&mut self) -> Result<(), Unavailable> {
        match &mut self.iter {
            Some(iter) if iter.valid() => iter.next().map_err(|error| self.view.fail(&error)),
            _ => Ok(()),
        }
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        let iter = self.iter.as_ref().filter(|iter| iter.valid())?;
        Some((iter.key(), iter.value()))
    }
}
