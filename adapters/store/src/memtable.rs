//! The memtable: entries of one family that are in the log and in no table yet.

use core::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dolmen_lsm::error::ReadError;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::range_del::{Fragments, RangeTombstone};
use dolmen_skiplist::{Error, Order, OwnedIter, Skiplist, prefix_be};
use parking_lot::{Mutex, RwLock};

/// Bytes that a range tombstone costs beyond its keys.
const TOMBSTONE_OVERHEAD: usize = 96;

/// The order of internal keys.
struct Internal;

impl Order for Internal {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        key::compare(a, b)
    }

    fn prefix(&self, internal: &[u8]) -> u64 {
        prefix_be(key::user_key(internal))
    }
}

/// Range tombstones; the fragments are cut when a reader asks, and kept until the next tombstone.
#[derive(Default)]
struct Tombstones {
    all: Vec<RangeTombstone>,
    fragments: Option<Arc<Fragments>>,
}

/// Entries in order. Readers take no lock, and an iterator lives beside writers.
pub(crate) struct Memtable {
    points: Arc<Skiplist<Internal>>,
    /// Where an internal key is put together; whoever holds it writes.
    writing: Mutex<Vec<u8>>,
    tombstones: RwLock<Tombstones>,
    tombstone_bytes: AtomicUsize,
}

impl Default for Memtable {
    fn default() -> Self {
        // Heights of nodes are nothing that keys could be chosen against: a list that is too flat or too high is only slower.
        let points = Skiplist::new(Internal, 0).expect("there is memory for an empty list");
        Memtable {
            points: Arc::new(points),
            writing: Mutex::default(),
            tombstones: RwLock::default(),
            tombstone_bytes: AtomicUsize::new(0),
        }
    }
}

impl Memtable {
    /// Adds a point entry.
    pub(crate) fn insert(&self, user_key: &[u8], sequence: SequenceNumber, kind: ValueType, value: &[u8]) {
        let mut internal = self.writing.lock();
        internal.clear();
        key::put_internal_key(&mut internal, user_key, sequence, kind);
        let mut writer = self.points.writer().expect("the lock admits one writer");
        match writer.insert(&internal, value) {
            // An internal key is given once; a log that says it twice says the same twice.
            Ok(()) | Err(Error::Exists) => {}
            Err(error) => panic!("a memtable cannot take an entry: {error}"),
        }
    }

    /// Adds a range tombstone.
    pub(crate) fn delete_range(&self, begin: &[u8], end: &[u8], sequence: SequenceNumber) {
        let mut tombstones = self.tombstones.write();
        tombstones.all.push(RangeTombstone { begin: begin.to_vec(), end: end.to_vec(), sequence });
        tombstones.fragments = None;
        self.tombstone_bytes.fetch_add(begin.len() + end.len() + TOMBSTONE_OVERHEAD, Relaxed);
    }

    /// Bytes in memory, about.
    pub(crate) fn len_bytes(&self) -> usize {
        if self.is_empty() { 0 } else { self.points.memory_used() + self.tombstone_bytes.load(Relaxed) }
    }

    /// Whether nothing was ever added.
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty() && self.tombstone_bytes.load(Relaxed) == 0
    }

    /// All range tombstones, for a flush.
    pub(crate) fn range_tombstones(&self) -> Vec<RangeTombstone> {
        self.tombstones.read().all.clone()
    }

    /// The range tombstones for reads.
    pub(crate) fn fragments(&self) -> Arc<Fragments> {
        if let Some(fragments) = &self.tombstones.read().fragments {
            return fragments.clone();
        }
        let mut tombstones = self.tombstones.write();
        let Tombstones { all, fragments } = &mut *tombstones;
        fragments.get_or_insert_with(|| Arc::new(Fragments::new(&*all))).clone()
    }

    /// Visits the entries of one key, newest first from `seek_key` on, until `visit` returns false.
    pub(crate) fn get(&self, seek_key: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        let user_key = key::user_key(seek_key);
        let mut iter = self.points.iter();
        iter.seek(seek_key);
        while let (Some(internal), Some(value)) = (iter.key(), iter.value()) {
            if key::user_key(internal) != user_key || !visit(internal, value) {
                return;
            }
            iter.next();
        }
    }
}

/// A walk over a memtable that may grow meanwhile.
pub(crate) struct MemtableIter(OwnedIter<Internal>);

impl MemtableIter {
    pub(crate) fn new(memtable: &Memtable) -> Self {
        MemtableIter(OwnedIter::new(memtable.points.clone()))
    }
}

impl InternalIterator for MemtableIter {
    fn valid(&self) -> bool {
        self.0.is_valid()
    }

    fn key(&self) -> &[u8] {
        self.0.key().unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.0.value().unwrap_or_default()
    }

    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.0.seek_to_first();
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.0.seek_to_last();
        Ok(())
    }

    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.0.seek(target);
        Ok(())
    }

    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.0.seek_for_prev(target);
        Ok(())
    }

    fn next(&mut self) -> Result<(), ReadError> {
        self.0.next();
        Ok(())
    }

    fn prev(&mut self) -> Result<(), ReadError> {
        self.0.prev();
        Ok(())
    }
}
