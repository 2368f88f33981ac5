//! The store as the command engine sees it.

use std::sync::OnceLock;

use dolmen_kv::layout::{DATABASE_COUNT, EXPIRES};
use dolmen_kv::{Batch, Place, State, Store};
use dolmen_resp::fault::Fault;
use dolmen_store::{
    Db, DbIter, Family, Pinned, ReadMode, ReadOptions, SequenceNumber, Snapshot, StoreError, WriteBatch,
};

/// The column families of an open store; those of databases are made when they are first written to.
pub(crate) struct Families {
    expires: Family,
    slots: [OnceLock<Family>; DATABASE_COUNT],
}

impl Families {
    /// Finds them; makes that of expiry times.
    pub fn open(db: &Db) -> Result<Families, StoreError> {
        let expires = match db.family(EXPIRES) {
            Some(family) => family,
            None => db.create_family(EXPIRES)?,
        };
        let found = |slot| db.family(&Place::Slot(slot as u8).name());
        Ok(Families {
            expires,
            slots: std::array::from_fn(|slot| found(slot).map_or_else(OnceLock::new, OnceLock::from)),
        })
    }

    fn find(&self, place: Place) -> Option<&Family> {
        match place {
            Place::Expires => Some(&self.expires),
            Place::Slot(slot) => self.slots[usize::from(slot)].get(),
        }
    }

    /// Whether nothing has to be made for a batch that changes these slots (a bit for each).
    pub fn has(&self, slots: u16) -> bool {
        (0..DATABASE_COUNT).all(|slot| slots >> slot & 1 == 0 || self.slots[slot].get().is_some())
    }

    /// Makes those of these slots; waits for the disk.
    pub fn make(&self, db: &Db, slots: u16) -> Result<(), StoreError> {
        for slot in (0..DATABASE_COUNT).filter(|slot| slots >> slot & 1 == 1) {
            if self.slots[slot].get().is_none() {
                let family = db.create_family(&Place::Slot(slot as u8).name())?;
                let _ = self.slots[slot].set(family);
            }
        }
        Ok(())
    }
}

/// What readers see: the state at the end of a generation, and the very moment in the store.
pub(crate) struct Published {
    pub state: State,
    pub snapshot: Snapshot,
}

/// The store at a moment, or as it is now.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    db: &'a Db,
    families: &'a Families,
    sequence: Option<SequenceNumber>,
    mode: ReadMode,
}

impl<'a> View<'a> {
    pub fn new(db: &'a Db, families: &'a Families, sequence: Option<SequenceNumber>, mode: ReadMode) -> Self {
        View { db, families, sequence, mode }
    }

    fn options(&self) -> ReadOptions {
        ReadOptions { sequence: self.sequence, mode: self.mode, ..ReadOptions::default() }
    }

    fn iter(&self, family: &Family, from: &[u8], to: Option<&[u8]>) -> Result<DbIter, Fault> {
        let bounds = ReadOptions {
            lower_bound: Some(from.to_vec()),
            upper_bound: to.map(<[u8]>::to_vec),
            ..self.options()
        };
        self.db.iter(family, bounds).map_err(unreadable)
    }
}

/// Logs a read error and gives its reply.
pub(crate) fn unreadable(error: StoreError) -> Fault {
    if matches!(error, StoreError::WouldBlock) {
        return Fault::Absent;
    }
    tracing::error!(target: "kv", "{error}");
    Fault::Unreadable
}

impl Store for View<'_> {
    type Value = Pinned;

    fn get(&self, place: Place, key: &[u8]) -> Result<Option<Pinned>, Fault> {
        let Some(family) = self.families.find(place) else { return Ok(None) };
        self.db.get_pinned(family, key, &self.options()).map_err(unreadable)
    }

    fn contains(&self, place: Place, key: &[u8]) -> Result<bool, Fault> {
        let Some(family) = self.families.find(place) else { return Ok(false) };
        self.db.contains(family, key, &self.options()).map_err(unreadable)
    }

    fn walk(
        &self,
        place: Place,
        from: &[u8],
        after: bool,
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let Some(family) = self.families.find(place) else { return Ok(()) };
        let mut iter = self.iter(family, from, to)?;
        iter.seek_to_first().map_err(unreadable)?;
        if after && iter.valid() && iter.key() == from {
            iter.next().map_err(unreadable)?;
        }
        while iter.valid() && visit(iter.key())? {
            iter.next().map_err(unreadable)?;
        }
        Ok(())
    }

    fn walk_back(
        &self,
        place: Place,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let Some(family) = self.families.find(place) else { return Ok(()) };
        let mut iter = self.iter(family, from, to)?;
        iter.seek_to_last().map_err(unreadable)?;
        while iter.valid() && visit(iter.key())? {
            iter.prev().map_err(unreadable)?;
        }
        Ok(())
    }
}

/// A batch of the store.
pub(crate) struct StoreBatch<'a> {
    pub batch: WriteBatch,
    pub error: Option<StoreError>,
    db: &'a Db,
    families: &'a Families,
}

impl<'a> StoreBatch<'a> {
    pub fn new(db: &'a Db, families: &'a Families, capacity: usize) -> Self {
        StoreBatch { batch: WriteBatch::with_capacity(capacity), error: None, db, families }
    }

    /// A key behind all keys of a family; `None`: there is no key.
    fn end_of(&self, family: &Family) -> Result<Option<Vec<u8>>, StoreError> {
        let mut iter = self.db.iter(family, ReadOptions::default())?;
        iter.seek_to_last()?;
        Ok(iter.valid().then(|| [iter.key(), b"\0"].concat()))
    }
}

impl Batch for StoreBatch<'_> {
    fn put(&mut self, place: Place, key: &[u8], value: &[u8]) {
        if let Some(family) = self.families.find(place) {
            self.batch.put(family.id, key, value);
        }
    }

    fn delete(&mut self, place: Place, key: &[u8]) {
        if let Some(family) = self.families.find(place) {
            self.batch.delete(family.id, key);
        }
    }

    fn delete_range(&mut self, place: Place, begin: &[u8], end: &[u8]) {
        if let Some(family) = self.families.find(place) {
            self.batch.delete_range(family.id, begin, end);
        }
    }

    fn clear(&mut self, place: Place) {
        let Some(family) = self.families.find(place) else { return };
        match self.end_of(family) {
            Ok(None) => {}
            Ok(Some(end)) => self.batch.delete_range(family.id, b"", &end),
            Err(error) => self.error = Some(error),
        }
    }

    fn count(&self) -> u64 {
        self.batch.count().into()
    }
}
