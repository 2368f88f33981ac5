//! The memtable: entries of one family that are in the log and in no table yet.
//!
//! ```text
//! Writer ──insert──► skip list of internal keys ◄──get, MemtableIter── readers, without a lock
//!    └──delete_range──► tombstones as they came   t0 t1 t2 t3 t4 t5 │ t6
//!                       runs, cut by readers      [ t0 .. t3 ][ t4 t5 ]
//! ```
//! 1. One [`Writer`] exists at a time; an entry is seen whole or not at all. Which entries a reader may see is for its sequence number to say:
//!    whoever publishes that number after the writes publishes the entries.
//! 2. The writer only appends a range tombstone. The first reader behind it cuts what is new into fragments, together with those runs before
//!    it that are not larger, so that runs are at least twice as large as the next one and a tombstone is cut a logarithmic number of times,
//!    however reads and deletions alternate.
//! 3. Fragments of tombstones that all overlap grow with the square of their number. A run stops growing when its fragments would have
//!    more than `SEQUENCES_PER_TOMBSTONE` sequence numbers for each tombstone.
//!
//! A lock is held while a tombstone is appended or a list of runs is taken or replaced, never while fragments are cut.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

use dolmen_skiplist::{Iter, Order, OwnedIter, Skiplist};
use spin::Mutex;

pub use dolmen_skiplist::Error;

use crate::batch::Record;
use crate::error::ReadError;
use crate::iter::InternalIterator;
use crate::key::{self, SEQUENCE_MAX, SequenceNumber, ValueType};
use crate::range_del::{Fragments, RangeTombstone};

/// The order of internal keys.
struct Internal;

impl Order for Internal {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        key::compare(a, b)
    }

    fn head<'k>(&self, internal: &'k [u8]) -> &'k [u8] {
        key::user_key(internal)
    }
}

/// Tombstones next to each other in the order of their coming, cut.
#[derive(Clone)]
struct Run {
    start: usize,
    end: usize,
    /// Whether its fragments are as many as they may be.
    full: bool,
    fragments: Arc<Fragments>,
}

#[derive(Default)]
struct Tombstones {
    all: Vec<Arc<RangeTombstone>>,
    /// Over the first of `all`, without gaps.
    runs: Arc<Vec<Run>>,
}

/// Entries in order, for one writer and any number of readers.
pub struct Memtable {
    points: Arc<Skiplist<Internal>>,
    tombstones: Mutex<Tombstones>,
    tombstone_count: AtomicUsize,
    tombstone_bytes: AtomicUsize,
    smallest_sequence: AtomicU64,
    largest_sequence: AtomicU64,
}

/// An empty memtable, where memory cannot run out.
impl Default for Memtable {
    fn default() -> Self {
        Self::new().expect("there is memory for an empty list")
    }
}

impl Memtable {
    /// An empty memtable.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new() -> Result<Self, Error> {
        Ok(Memtable {
            points: Arc::new(Skiplist::new(Internal)?),
            tombstones: Mutex::default(),
            tombstone_count: AtomicUsize::new(0),
            tombstone_bytes: AtomicUsize::new(0),
            smallest_sequence: AtomicU64::new(SEQUENCE_MAX.get()),
            largest_sequence: AtomicU64::new(0),
        })
    }

    /// The writer's handle, or `None` while another one lives.
    pub fn writer(&self) -> Option<Writer<'_>> {
        let points = self.points.writer()?;
        Some(Writer { memtable: self, points })
    }

    /// Bytes of memory that entries take, about; 0 if there is none.
    pub fn len_bytes(&self) -> usize {
        if self.is_empty() { 0 } else { self.points.memory_used() + self.tombstone_bytes.load(Relaxed) }
    }

    /// Entries and range tombstones.
    pub fn entry_count(&self) -> usize {
        self.points.len() + self.tombstone_count.load(Acquire)
    }

    /// Whether nothing was ever added.
    pub fn is_empty(&self) -> bool {
        self.entry_count() == 0
    }

    /// The smallest and the largest sequence number; `None` if the memtable is empty.
    pub fn sequences(&self) -> Option<(SequenceNumber, SequenceNumber)> {
        let bound = |of: &AtomicU64| SequenceNumber::new(of.load(Relaxed));
        (!self.is_empty()).then(|| (bound(&self.smallest_sequence), bound(&self.largest_sequence)))
    }

    /// Visits the entries of one key, newest first from `seek_key` on, until `visit` returns false.
    #[inline]
    pub fn get(&self, seek_key: &[u8], mut visit: impl FnMut(&Found<'_>) -> bool) {
        let user_key = key::user_key(seek_key);
        let mut iter = self.points.iter();
        iter.seek(seek_key);
        while let (Some(key), Some(value)) = (iter.key(), iter.value()) {
            let found = Found { memtable: self, iter, key, value };
            if key::user_key(key) != user_key || !visit(&found) {
                return;
            }
            iter = found.iter;
            iter.next();
        }
    }

    /// The newest range tombstone over `user_key` that a reader at `max` sees.
    pub fn covering(&self, user_key: &[u8], max: SequenceNumber) -> Option<SequenceNumber> {
        let runs = self.runs()?;
        runs.iter().filter_map(|run| run.fragments.covering(user_key, max)).max()
    }

    /// The range tombstones for a walk: lists whose fragments may overlap each other's.
    pub fn fragments(&self) -> impl Iterator<Item = Arc<Fragments>> + use<> {
        let runs = self.runs().unwrap_or_default();
        (0..runs.len()).map(move |i| runs[i].fragments.clone())
    }

    /// All range tombstones, for a flush.
    pub fn range_tombstones(&self) -> Vec<RangeTombstone> {
        let all = self.tombstones.lock().all.clone();
        all.iter().map(|t| RangeTombstone::clone(t)).collect()
    }

    /// Runs over all tombstones that there are; `None` if there is none.
    fn runs(&self) -> Option<Arc<Vec<Run>>> {
        if self.tombstone_count.load(Acquire) == 0 {
            return None;
        }
        let (old, start, new) = {
            let tombstones = self.tombstones.lock();
            let runs = &tombstones.runs;
            let covered = runs.last().map_or(0, |run| run.end);
            if covered == tombstones.all.len() {
                return Some(runs.clone());
            }
            let start = first_to_cut(runs, tombstones.all.len());
            (runs.clone(), start, tombstones.all[start..].to_vec())
        };
        let kept = old.iter().take_while(|run| run.end <= start).cloned();
        let runs = Arc::new(kept.chain(cut(start, &new)).collect());
        let mut tombstones = self.tombstones.lock();
        // Another reader may have been first; what this one has cut serves it all the same.
        if Arc::ptr_eq(&tombstones.runs, &old) {
            tombstones.runs = Arc::clone(&runs);
        }
        Some(runs)
    }
}

/// An entry that a look-up has found.
pub struct Found<'a> {
    memtable: &'a Memtable,
    iter: Iter<'a, Internal>,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Found<'a> {
    /// The internal key.
    pub const fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// A walk that stands on the entry and keeps it alive.
    pub fn pin(&self) -> MemtableIter {
        MemtableIter(OwnedIter::standing(self.memtable.points.clone(), &self.iter))
    }
}

/// Where the run that ends at `end` starts: before those last runs that are not larger than it.
fn first_to_cut(runs: &[Run], end: usize) -> usize {
    let mut start = runs.last().map_or(0, |run| run.end);
    for run in runs.iter().rev() {
        if run.full || run.end - run.start > end - start {
            break;
        }
        start = run.start;
    }
    start
}

/// One run, or several where its fragments would be too many.
fn cut(start: usize, tombstones: &[Arc<RangeTombstone>]) -> Vec<Run> {
    let run = |at: usize, of: &[Arc<RangeTombstone>], full| {
        let max = of.len() * SEQUENCES_PER_TOMBSTONE;
        let fragments = Arc::new(Fragments::within(of.iter().map(|t| &**t), max)?);
        Some(Run { start: at, end: at + of.len(), full, fragments })
    };
    if let Some(run) = run(start, tombstones, false) {
        return Vec::from([run]);
    }
    let parts = tombstones.chunks(SEQUENCES_PER_TOMBSTONE).enumerate();
    let parts = parts.map(|(i, part)| {
        let full = part.len() == SEQUENCES_PER_TOMBSTONE;
        run(start + i * SEQUENCES_PER_TOMBSTONE, part, full)
            .expect("n tombstones make at most n² sequence numbers")
    });
    parts.collect()
}

/// The only handle that adds.
pub struct Writer<'a> {
    memtable: &'a Memtable,
    points: dolmen_skiplist::Writer<'a, Internal>,
}

impl Writer<'_> {
    /// Adds a point entry. One that is there already stays as it is: a log that says it twice says the same twice.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::TooLong`]; the entry is not there then.
    pub fn insert(
        &mut self,
        user_key: &[u8],
        sequence: SequenceNumber,
        kind: ValueType,
        value: &[u8],
    ) -> Result<(), Error> {
        self.note(sequence);
        let trailer = key::pack(sequence, kind as u8).to_le_bytes();
        match self.points.insert_joined([user_key, &trailer], value) {
            Err(Error::Exists) => Ok(()),
            result => result,
        }
    }

    /// Adds what a record of a batch says; bytes for the log only are passed over.
    ///
    /// # Errors
    /// As [`Writer::insert`].
    pub fn apply(&mut self, record: &Record<'_>, sequence: SequenceNumber) -> Result<(), Error> {
        match *record {
            Record::Put { key, value, .. } => self.insert(key, sequence, ValueType::Value, value),
            Record::Delete { key, .. } => self.insert(key, sequence, ValueType::Deletion, &[]),
            Record::SingleDelete { key, .. } => self.insert(key, sequence, ValueType::SingleDeletion, &[]),
            Record::Merge { key, operand, .. } => self.insert(key, sequence, ValueType::Merge, operand),
            Record::DeleteRange { begin, end, .. } => {
                self.delete_range(begin, end, sequence);
                Ok(())
            }
            Record::LogData(_) => Ok(()),
        }
    }

    /// Adds a range tombstone. An empty range (`begin >= end`) deletes nothing and is kept nowhere.
    pub fn delete_range(&mut self, begin: &[u8], end: &[u8], sequence: SequenceNumber) {
        if begin >= end {
            return;
        }
        let tombstone = RangeTombstone { begin: begin.to_vec(), end: end.to_vec(), sequence };
        self.note(sequence);
        self.memtable.tombstones.lock().all.push(Arc::new(tombstone));
        self.memtable.tombstone_bytes.fetch_add(begin.len() + end.len() + TOMBSTONE_OVERHEAD, Relaxed);
        self.memtable.tombstone_count.fetch_add(1, Release);
    }

    /// Plain loads and stores serve: there is one writer.
    fn note(&self, sequence: SequenceNumber) {
        let (smallest, largest) = (&self.memtable.smallest_sequence, &self.memtable.largest_sequence);
        if sequence.get() < smallest.load(Relaxed) {
            smallest.store(sequence.get(), Relaxed);
        }
        if sequence.get() > largest.load(Relaxed) {
            largest.store(sequence.get(), Relaxed);
        }
    }
}

/// A walk over a memtable that may grow meanwhile; it keeps the entries alive.
#[derive(Clone)]
pub struct MemtableIter(OwnedIter<Internal>);

impl MemtableIter {
    /// Not positioned.
    pub fn new(memtable: &Memtable) -> Self {
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

/// Bytes that a range tombstone costs beyond its keys.
const TOMBSTONE_OVERHEAD: usize = 96;
/// Most sequence numbers in the fragments of a run for each of its tombstones, and how many tombstones are cut together in any case:
/// 2 KiB for a tombstone at worst, and one more search in a read for every 256 tombstones that overlap.
const SEQUENCES_PER_TOMBSTONE: usize = 256;
