//! The memtable: entries of one family that are in the log and in no table yet.

use core::cmp::Ordering;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_lsm::error::ReadError;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::{self, SequenceNumber, ValueType};
use dolmen_lsm::range_del::{Fragments, RangeTombstone};
use parking_lot::RwLock;

/// Bytes that an entry costs beyond its key and value.
const ENTRY_OVERHEAD: usize = 96;

/// An internal key in the order of internal keys.
#[derive(Clone, PartialEq, Eq)]
struct Key(Vec<u8>);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        key::compare(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Range tombstones; the fragments are cut when a reader asks, and kept until the next tombstone.
#[derive(Default)]
struct Tombstones {
    all: Vec<RangeTombstone>,
    fragments: Option<Arc<Fragments>>,
}

#[derive(Default)]
struct Points {
    entries: BTreeMap<Key, Arc<[u8]>>,
    len_bytes: usize,
}

/// Entries in order. Readers take a lock per step, so that an iterator lives beside writers.
#[derive(Default)]
pub(crate) struct Memtable {
    points: RwLock<Points>,
    tombstones: RwLock<Tombstones>,
}

impl Memtable {
    /// Adds a point entry.
    pub(crate) fn insert(&self, user_key: &[u8], sequence: SequenceNumber, kind: ValueType, value: &[u8]) {
        let mut internal = Vec::with_capacity(user_key.len() + key::TRAILER_LEN);
        key::put_internal_key(&mut internal, user_key, sequence, kind);
        let mut points = self.points.write();
        points.len_bytes += internal.len() + value.len() + ENTRY_OVERHEAD;
        points.entries.insert(Key(internal), value.into());
    }

    /// Adds a range tombstone.
    pub(crate) fn delete_range(&self, begin: &[u8], end: &[u8], sequence: SequenceNumber) {
        let mut tombstones = self.tombstones.write();
        tombstones.all.push(RangeTombstone { begin: begin.to_vec(), end: end.to_vec(), sequence });
        tombstones.fragments = None;
        self.points.write().len_bytes += begin.len() + end.len() + ENTRY_OVERHEAD;
    }

    /// Bytes in memory, about.
    pub(crate) fn len_bytes(&self) -> usize {
        self.points.read().len_bytes
    }

    /// Whether nothing was ever added.
    pub(crate) fn is_empty(&self) -> bool {
        self.len_bytes() == 0
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
        let points = self.points.read();
        let user_key = key::user_key(seek_key);
        for (Key(internal), value) in points.entries.range(Key(seek_key.to_vec())..) {
            if key::user_key(internal) != user_key || !visit(internal, value) {
                return;
            }
        }
    }
}

/// A walk over a memtable that may grow meanwhile.
pub(crate) struct MemtableIter {
    memtable: Arc<Memtable>,
    at: Option<(Key, Arc<[u8]>)>,
}

impl MemtableIter {
    pub(crate) const fn new(memtable: Arc<Memtable>) -> Self {
        MemtableIter { memtable, at: None }
    }

    fn first_in(&mut self, from: Bound<Key>) {
        let points = self.memtable.points.read();
        self.at = points.entries.range((from, Bound::Unbounded)).next().map(|(k, v)| (k.clone(), v.clone()));
    }

    fn last_in(&mut self, to: Bound<Key>) {
        let points = self.memtable.points.read();
        self.at =
            points.entries.range((Bound::Unbounded, to)).next_back().map(|(k, v)| (k.clone(), v.clone()));
    }
}

impl InternalIterator for MemtableIter {
    fn valid(&self) -> bool {
        self.at.is_some()
    }

    fn key(&self) -> &[u8] {
        self.at.as_ref().map_or(&[], |(k, _)| &k.0)
    }

    fn value(&self) -> &[u8] {
        self.at.as_ref().map_or(&[], |(_, v)| v)
    }

    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.first_in(Bound::Unbounded);
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.last_in(Bound::Unbounded);
        Ok(())
    }

    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.first_in(Bound::Included(Key(target.to_vec())));
        Ok(())
    }

    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.last_in(Bound::Included(Key(target.to_vec())));
        Ok(())
    }

    fn next(&mut self) -> Result<(), ReadError> {
        if let Some((key, _)) = self.at.take() {
            self.first_in(Bound::Excluded(key));
        }
        Ok(())
    }

    fn prev(&mut self) -> Result<(), ReadError> {
        if let Some((key, _)) = self.at.take() {
            self.last_in(Bound::Excluded(key));
        }
        Ok(())
    }
}
