//! What readers look at: an immutable view of every family, replaced as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use dolmen_base::block::ReadMode;
use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::edit::NewFile;
use dolmen_lsm::error::ReadError;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::SequenceNumber;
use dolmen_lsm::level::{self, Level, LevelIter};
use dolmen_lsm::memtable::{Memtable, MemtableIter};
use dolmen_lsm::merging::Merging;
use dolmen_lsm::range_del::Fragments;
use dolmen_lsm::read;
use dolmen_lsm::table::{Table, TableIter};
use dolmen_lsm::version::Version;
use dolmen_lsm::visible;

use crate::api::{Family, FamilyOptions, ReadOptions, StoreError};
use crate::snapshot::Snapshot;
use crate::tables::{OpenTable, Source};

/// Levels of a version.
pub(crate) const LEVELS: usize = 7;

/// All families by id.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub(crate) families: BTreeMap<u32, Arc<FamilyView>>,
}

impl View {
    /// Bytes of all active memtables.
    pub(crate) fn active_len(&self) -> u64 {
        self.families.values().map(|f| f.memtable.len_bytes() as u64).sum()
    }

    /// New active memtables; those that were active are the generation of `log`.
    pub(crate) fn switched(&self, log: FileNumber) -> View {
        let mut next = self.clone();
        for family in next.families.values_mut().filter(|f| !f.memtable.is_empty()) {
            let mut changed = FamilyView::clone(family);
            let switched = core::mem::take(&mut changed.memtable);
            changed.immutables.insert(0, (log, switched));
            *family = Arc::new(changed);
        }
        next
    }
}

/// One family: its memtables, its version and the open tables of the version.
#[derive(Clone)]
pub(crate) struct FamilyView {
    pub(crate) family: Family,
    pub(crate) options: FamilyOptions,
    pub(crate) memtable: Arc<Memtable>,
    /// Switched memtables with the newest log of their generation, newest first.
    pub(crate) immutables: Vec<(FileNumber, Arc<Memtable>)>,
    pub(crate) version: Arc<Version>,
    pub(crate) tables: Arc<BTreeMap<FileNumber, Arc<OpenTable>>>,
}

impl FamilyView {
    /// A family with nothing in it.
    pub(crate) fn empty(family: Family, options: FamilyOptions) -> Self {
        FamilyView {
            family,
            options,
            memtable: Arc::default(),
            immutables: Vec::new(),
            version: Arc::default(),
            tables: Arc::default(),
        }
    }

    /// All memtables, newest first.
    pub(crate) fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        core::iter::once(&self.memtable).chain(self.immutables.iter().map(|(_, memtable)| memtable))
    }

    /// The value of a key as of `sequence`.
    pub(crate) fn get(
        &self,
        source: &Source,
        user_key: &[u8],
        sequence: SequenceNumber,
        mode: ReadMode,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let mut value = None::<Vec<u8>>;
        self.point(source, user_key, sequence, mode, &mut value)?;
        Ok(value)
    }

    /// The same where it lies.
    pub(crate) fn get_pinned(
        &self,
        source: &Source,
        user_key: &[u8],
        sequence: SequenceNumber,
        mode: ReadMode,
    ) -> Result<Option<Pinned>, ReadError> {
        let mut value = None::<read::Pinned>;
        self.point(source, user_key, sequence, mode, &mut value)?;
        Ok(value.map(Pinned))
    }

    /// Whether the key has a value as of `sequence`.
    pub(crate) fn contains(
        &self,
        source: &Source,
        user_key: &[u8],
        sequence: SequenceNumber,
        mode: ReadMode,
    ) -> Result<bool, ReadError> {
        let mut is_there = false;
        self.point(source, user_key, sequence, mode, &mut is_there)?;
        Ok(is_there)
    }

    fn point<K: read::Take>(
        &self,
        source: &Source,
        user_key: &[u8],
        sequence: SequenceNumber,
        mode: ReadMode,
        take: &mut K,
    ) -> Result<(), ReadError> {
        let operator = self.options.merge_operator.as_deref();
        let query = read::Query { user_key, sequence, mode, operator };
        let memtables = self.memtables().map(|memtable| &**memtable);
        let tables = read::tables_for(&self.version, user_key).filter_map(|meta| {
            let open = self.tables.get(&meta.number)?;
            Some((&*open.table, &*open.fragments))
        });
        read::point(&query, memtables, tables, source, take)
    }

    /// A walk over the family, not positioned.
    pub(crate) fn iter(
        self: &Arc<Self>,
        source: &Arc<Source>,
        options: ReadOptions,
        newest: SequenceNumber,
    ) -> DbIter {
        let mode = options.mode;
        let mut children: Vec<Child> =
            self.memtables().map(|m| Child::Memtable(MemtableIter::new(m))).collect();
        // Each with the number of its source among the children; a memtable has several runs of them.
        let mut tombstones: Vec<(usize, Arc<Fragments>)> = Vec::new();
        for (source, memtable) in self.memtables().enumerate() {
            tombstones.extend(memtable.fragments().map(|run| (source, run)));
        }
        let tables =
            |level| self.version.level(level).iter().filter_map(|meta| self.tables.get(&meta.number));
        for table in tables(0) {
            let iter = TableIter::new(table.table.clone(), source.clone(), mode);
            tombstones.push((children.len(), table.fragments.clone()));
            children.push(Child::Table(Box::new(iter)));
        }
        for number in (1..LEVELS).filter(|&level| !self.version.level(level).is_empty()) {
            let level = Level { version: self.version.clone(), number };
            let opener = Opener { tables: self.tables.clone(), source: source.clone(), mode };
            let mut parts = tables(number).map(|table| &table.fragments).filter(|f| !f.is_empty());
            let of_level = match (parts.next(), parts.next()) {
                (None, _) => Arc::default(),
                (Some(only), None) => only.clone(),
                _ => Arc::new(Fragments::joined(tables(number).map(|table| &*table.fragments))),
            };
            tombstones.push((children.len(), of_level));
            children.push(Child::Level(Box::new(LevelIter::new(level, opener))));
        }
        let snapshot = options.snapshot.clone();
        let mut bounds = visible::ReadOptions {
            sequence: options.as_of(newest),
            operator: self.options.merge_operator.clone(),
            ..visible::ReadOptions::default()
        };
        if let Some(prefix) = &options.prefix {
            bounds.set_prefix(prefix);
        }
        bounds.lower = bounds.lower.max(options.lower_bound);
        bounds.upper = match (bounds.upper, options.upper_bound) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        DbIter {
            iter: visible::DbIter::new(Merging::new(children), tombstones, bounds),
            _snapshot: snapshot,
            family: self.family.clone(),
            _view: self.clone(),
        }
    }
}

/// A value where it lies, in a block or a memtable, which stays in memory for as long as this does.
#[derive(Clone)]
pub struct Pinned(read::Pinned);

impl Deref for Pinned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Pinned {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Pinned {}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pinned").field(&&**self).finish()
    }
}

/// A source of entries.
enum Child {
    Memtable(MemtableIter),
    Table(Box<TableIter<Arc<Table>, Arc<Source>>>),
    Level(Box<LevelIter<Level, Opener>>),
}

/// Begins walks over the tables of a version.
struct Opener {
    tables: Arc<BTreeMap<FileNumber, Arc<OpenTable>>>,
    source: Arc<Source>,
    mode: ReadMode,
}

impl level::OpenTable for Opener {
    type Iter = TableIter<Arc<Table>, Arc<Source>>;

    fn open(&self, file: &NewFile) -> Result<Self::Iter, ReadError> {
        let missing = ReadError::Io { file: file.number, at: 0, error: IoError::NotFound };
        let table = self.tables.get(&file.number).ok_or(missing)?;
        Ok(TableIter::new(table.table.clone(), self.source.clone(), self.mode))
    }
}

macro_rules! each {
    ($self:ident, $iter:ident => $call:expr) => {
        match $self {
            Child::Memtable($iter) => $call,
            Child::Table($iter) => $call,
            Child::Level($iter) => $call,
        }
    };
}

impl InternalIterator for Child {
    fn valid(&self) -> bool {
        each!(self, i => i.valid())
    }
    fn key(&self) -> &[u8] {
        each!(self, i => i.key())
    }
    fn value(&self) -> &[u8] {
        each!(self, i => i.value())
    }
    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        each!(self, i => i.seek_to_first())
    }
    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        each!(self, i => i.seek_to_last())
    }
    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        each!(self, i => i.seek(target))
    }
    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        each!(self, i => i.seek_for_prev(target))
    }
    fn next(&mut self) -> Result<(), ReadError> {
        each!(self, i => i.next())
    }
    fn prev(&mut self) -> Result<(), ReadError> {
        each!(self, i => i.prev())
    }
}

/// A walk over the live keys of a family, in both directions, as of one sequence number.
pub struct DbIter {
    iter: visible::DbIter<Merging<Child>>,
    family: Family,
    /// Keeps what it reads from going.
    _snapshot: Option<Arc<Snapshot>>,
    /// Keeps the tables' files.
    _view: Arc<FamilyView>,
}

impl DbIter {
    /// Whether it stands on an entry.
    pub fn valid(&self) -> bool {
        self.iter.valid()
    }

    /// The user key; empty if not valid.
    pub fn key(&self) -> &[u8] {
        self.iter.key()
    }

    /// The value; empty if not valid.
    pub fn value(&self) -> &[u8] {
        self.iter.value()
    }

    /// To the first key.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses, with the file or family.
    pub fn seek_to_first(&mut self) -> Result<(), StoreError> {
        self.iter.seek_to_first().map_err(|e| read_error(&self.family, e))
    }

    /// To the last key.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses, with the file or family.
    pub fn seek_to_last(&mut self) -> Result<(), StoreError> {
        self.iter.seek_to_last().map_err(|e| read_error(&self.family, e))
    }

    /// To the first key ≥ `target`.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses, with the file or family.
    pub fn seek(&mut self, target: &[u8]) -> Result<(), StoreError> {
        self.iter.seek(target).map_err(|e| read_error(&self.family, e))
    }

    /// To the last key ≤ `target`.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses, with the file or family.
    pub fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), StoreError> {
        self.iter.seek_for_prev(target).map_err(|e| read_error(&self.family, e))
    }

    /// To the next key; only while valid.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses, with the file or family.
    #[expect(clippy::should_implement_trait, reason = "the field's name for a step that can fail")]
    pub fn next(&mut self) -> Result<(), StoreError> {
        self.iter.next().map_err(|e| read_error(&self.family, e))
    }

    /// To the key before; only while valid.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses, with the file or family.
    pub fn prev(&mut self) -> Result<(), StoreError> {
        self.iter.prev().map_err(|e| read_error(&self.family, e))
    }
}

/// A read error with the place that the caller knows: the table's file if the error names one, else the family.
pub(crate) fn read_error(family: &Family, error: ReadError) -> StoreError {
    if error == ReadError::NotCached {
        return StoreError::WouldBlock;
    }
    let number = match error {
        ReadError::Corrupt { file, .. }
        | ReadError::Unsupported { file, .. }
        | ReadError::Limit { file, .. }
        | ReadError::Io { file, .. } => file.get(),
        _ => 0,
    };
    let file =
        if number == 0 { format!("column family {}", family.name) } else { format!("{number:06}.sst") };
    StoreError::Read { file, error }
}
