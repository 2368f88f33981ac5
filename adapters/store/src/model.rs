//! A model of the interface in memory: an ordered map of versions. It keeps nothing on disk; it exists so that users of
//! the interface can be written and tested, and as the judge of the real engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dolmen_lsm::batch::{BatchView, Record, WriteBatch};
use dolmen_lsm::key::{FamilyId, SequenceNumber};

use crate::api::{
    Completion, Family, FamilyOptions, Options, ReadOptions, Stats, StoreError, WriteError, WriteOptions,
};

type Versions = Vec<(u64, Option<Vec<u8>>)>;
type Contents = (Family, FamilyOptions, BTreeMap<Vec<u8>, Versions>);

struct State {
    families: BTreeMap<u32, Contents>,
    sequence: u64,
    next_family: u32,
    options: Options,
    stats: Stats,
}

/// A handle to an open database.
#[derive(Clone)]
pub struct Db(Arc<Mutex<State>>);

/// A point in the history that stays readable while this lives.
pub struct Snapshot {
    sequence: SequenceNumber,
}

impl Snapshot {
    /// The sequence number for [`ReadOptions::sequence`].
    pub fn sequence(&self) -> SequenceNumber {
        self.sequence
    }
}

impl Db {
    /// Opens (or creates) the database in `path`.
    pub fn open(_path: &Path, options: Options) -> Result<Db, StoreError> {
        let mut state = State {
            families: BTreeMap::new(),
            sequence: 0,
            next_family: 1,
            options: options.clone(),
            stats: Stats::default(),
        };
        let default = Family { id: FamilyId::new(0), name: "default".into() };
        state.families.insert(0, (default, options.default_family, BTreeMap::new()));
        Ok(Db(Arc::new(Mutex::new(state))))
    }

    /// Opens an existing database without changing a byte of its directory. The model keeps nothing, so there is none.
    pub fn open_read_only(path: &Path, _options: Options) -> Result<Db, StoreError> {
        Err(StoreError::NoDatabase { dir: path.display().to_string(), orphans: 0 })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The family `default`.
    pub fn default_family(&self) -> Family {
        Family { id: FamilyId::new(0), name: "default".into() }
    }

    /// An existing family.
    pub fn family(&self, name: &str) -> Option<Family> {
        self.families().into_iter().find(|f| &*f.name == name)
    }

    /// All families, by id.
    pub fn families(&self) -> Vec<Family> {
        self.state().families.values().map(|(f, ..)| f.clone()).collect()
    }

    /// Creates a family; an existing one of that name is an error.
    pub fn create_family(&self, name: &str) -> Result<Family, StoreError> {
        if self.family(name).is_some() {
            return Err(StoreError::Invalid(format!("the column family {name} exists already")));
        }
        let mut state = self.state();
        let id = state.next_family;
        state.next_family += 1;
        let options = state.options.families.iter().find(|(n, _)| n == name).map(|(_, o)| o.clone());
        let options = options.unwrap_or_else(|| state.options.default_family.clone());
        let family = Family { id: FamilyId::new(id), name: name.into() };
        state.families.insert(id, (family.clone(), options, BTreeMap::new()));
        Ok(family)
    }

    /// Drops a family and its data.
    pub fn drop_family(&self, family: &Family) -> Result<(), StoreError> {
        self.state().families.remove(&family.id.get());
        Ok(())
    }

    /// Writes a batch and waits until it is done.
    pub fn write(&self, mut batch: WriteBatch, _options: WriteOptions) -> Result<SequenceNumber, WriteError> {
        let mut state = self.state();
        let first = state.sequence + 1;
        batch.set_sequence(SequenceNumber::new(first));
        let view = BatchView::parse(batch.as_bytes()).expect("a batch from the builder is well-formed");
        for record in view.records().filter(Record::counts) {
            state.sequence += 1;
            let at = state.sequence;
            state.apply(at, record)?;
        }
        state.stats.batches += 1;
        state.stats.records += u64::from(view.count());
        Ok(SequenceNumber::new(state.sequence))
    }

    /// Writes a batch; `done` is called once with the outcome. Submissions of one thread keep their order.
    pub fn submit(&self, batch: WriteBatch, options: WriteOptions, done: Completion) {
        let result = self.write(batch, options);
        done(result);
    }

    /// Makes all completed writes durable, whatever the policy.
    pub fn sync_wal(&self) -> Result<(), WriteError> {
        Ok(())
    }

    /// The value of `key`.
    pub fn get(
        &self,
        family: &Family,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.state();
        let at = options.sequence.map_or(state.sequence, SequenceNumber::get);
        let Some((_, _, map)) = state.families.get(&family.id.get()) else { return Ok(None) };
        Ok(map.get(key).and_then(|v| visible(v, at)).cloned())
    }

    /// The newest completed sequence number, held as a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { sequence: SequenceNumber::new(self.state().sequence) }
    }

    /// An iterator over a family, not positioned.
    pub fn iter(&self, family: &Family, options: ReadOptions) -> Result<DbIter, StoreError> {
        let state = self.state();
        let at = options.sequence.map_or(state.sequence, SequenceNumber::get);
        let inside = |k: &Vec<u8>| {
            options.lower_bound.as_ref().is_none_or(|l| k >= l)
                && options.upper_bound.as_ref().is_none_or(|u| k < u)
        };
        let entries = state.families.get(&family.id.get()).map_or_else(Vec::new, |(_, _, map)| {
            let live = map.iter().filter(|(k, _)| inside(k));
            live.filter_map(|(k, v)| visible(v, at).map(|v| (k.clone(), v.clone()))).collect()
        });
        Ok(DbIter { entries, at: None })
    }

    /// Writes memtables to tables and waits.
    pub fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Compacts a key range of a family down to its last level and waits.
    pub fn compact_range(
        &self,
        _family: &Family,
        _from: Option<&[u8]>,
        _to: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Numbers.
    pub fn stats(&self) -> Stats {
        self.state().stats.clone()
    }

    /// Flushes what is needed, syncs and stops; other handles get [`WriteError::Closed`].
    pub fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn visible(versions: &Versions, at: u64) -> Option<&Vec<u8>> {
    versions.iter().rev().find(|(s, _)| *s <= at).and_then(|(_, v)| v.as_ref())
}

impl State {
    fn apply(&mut self, at: u64, record: Record<'_>) -> Result<(), WriteError> {
        let (Record::Put { family, .. }
        | Record::Delete { family, .. }
        | Record::SingleDelete { family, .. }
        | Record::Merge { family, .. }
        | Record::DeleteRange { family, .. }) = record
        else {
            return Ok(());
        };
        let (_, options, map) =
            self.families.get_mut(&family.get()).ok_or(WriteError::NoSuchFamily(family))?;
        match record {
            Record::Put { key, value, .. } => {
                map.entry(key.to_vec()).or_default().push((at, Some(value.to_vec())));
            }
            Record::Delete { key, .. } | Record::SingleDelete { key, .. } => {
                map.entry(key.to_vec()).or_default().push((at, None));
            }
            Record::Merge { key, operand, .. } => {
                let versions = map.entry(key.to_vec()).or_default();
                let below = visible(versions, at).cloned();
                let merged = options
                    .merge_operator
                    .as_ref()
                    .and_then(|m| m.full_merge(key, below.as_deref(), &[operand]));
                versions.push((at, merged));
            }
            Record::DeleteRange { begin, end, .. } if begin < end => {
                for (_, versions) in map.range_mut(begin.to_vec()..end.to_vec()) {
                    versions.push((at, None));
                }
            }
            Record::DeleteRange { .. } | Record::LogData(_) => {}
        }
        Ok(())
    }
}

/// A walk over the live keys of a family, in both directions.
pub struct DbIter {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    at: Option<usize>,
}

impl DbIter {
    /// Whether it stands on an entry.
    pub fn valid(&self) -> bool {
        self.at.is_some()
    }

    /// The user key; empty if not valid.
    pub fn key(&self) -> &[u8] {
        self.at.map_or(&[], |i| &self.entries[i].0)
    }

    /// The value; empty if not valid.
    pub fn value(&self) -> &[u8] {
        self.at.map_or(&[], |i| &self.entries[i].1)
    }

    /// To the first key.
    pub fn seek_to_first(&mut self) -> Result<(), StoreError> {
        self.at = (!self.entries.is_empty()).then_some(0);
        Ok(())
    }

    /// To the last key.
    pub fn seek_to_last(&mut self) -> Result<(), StoreError> {
        self.at = self.entries.len().checked_sub(1);
        Ok(())
    }

    /// To the first key ≥ `target`.
    pub fn seek(&mut self, target: &[u8]) -> Result<(), StoreError> {
        let i = self.entries.partition_point(|(k, _)| k.as_slice() < target);
        self.at = (i < self.entries.len()).then_some(i);
        Ok(())
    }

    /// To the last key ≤ `target`.
    pub fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), StoreError> {
        self.at = self.entries.partition_point(|(k, _)| k.as_slice() <= target).checked_sub(1);
        Ok(())
    }

    /// To the next key; only while valid.
    #[expect(clippy::should_implement_trait, reason = "the field's name for a fallible step")]
    pub fn next(&mut self) -> Result<(), StoreError> {
        self.at = self.at.map(|i| i + 1).filter(|&i| i < self.entries.len());
        Ok(())
    }

    /// To the key before; only while valid.
    pub fn prev(&mut self) -> Result<(), StoreError> {
        self.at = self.at.and_then(|i| i.checked_sub(1));
        Ok(())
    }
}
