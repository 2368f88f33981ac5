//! One operation's view of the metadata: what it wrote itself, then the source; and what it leaves behind.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::codec::{Dec, Enc};
use super::error::{Corrupt, StateError};
use super::keys;
use super::record::{BlobId, Extent};
use super::source::{Cursor, Source};

/// What an operation is told about the world.
#[derive(Clone, Debug)]
pub struct Env<'a> {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Who asks: the id of the user, empty for nobody.
    pub caller: &'a str,
    /// Sixteen bytes that no other operation was given (random, or a counter that never goes back): ids come from them.
    pub fresh: [u8; 16],
}

/// What to do when an operation has answered: all writes in one atomic batch, and then, when they are durable, the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Key and value to put; `None` deletes.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Blobs in files that nothing refers to any more. A file that is left behind by a crash has no [`keys::reference`]
    /// entry, which is how a sweep finds it.
    pub dropped: Vec<BlobId>,
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// An operation in progress.
pub struct Tx<'a> {
    source: &'a dyn Source,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    dropped: Vec<BlobId>,
}

impl<'a> Tx<'a> {
    /// Nothing written yet.
    pub fn new(source: &'a dyn Source) -> Tx<'a> {
        Tx { source, writes: BTreeMap::new(), dropped: Vec::new() }
    }

    /// What the operation left behind.
    pub fn into_batch(self) -> Batch {
        Batch { writes: self.writes.into_iter().collect(), dropped: self.dropped }
    }

    /// The value of `key` as this operation sees it.
    ///
    /// # Errors
    /// [`StateError::Storage`]: the source cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.source.get(key)?),
        }
    }

    /// Whether there may be keys that begin with this byte.
    pub(super) fn may_hold(&self, kind: u8) -> bool {
        self.source.may_hold(kind) || self.writes.keys().any(|key| key.first() == Some(&kind))
    }

    /// Puts a value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Deletes a key, whether it is there or not.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// The entries whose keys start with a prefix, in order, as this operation sees them.
    ///
    /// # Errors
    /// [`StateError::Storage`]: the source cannot be read.
    pub fn scan(&self, prefix: Vec<u8>) -> Result<Scan<'_>, StateError> {
        let is_worth_it = prefix.first().is_none_or(|&kind| self.source.may_hold(kind));
        let mut cursor = is_worth_it.then(|| self.source.cursor());
        if let Some(cursor) = &mut cursor {
            cursor.seek(&prefix)?;
        }
        Ok(Scan { writes: &self.writes, cursor, at: Bound::Included(prefix.clone()), prefix })
    }

    /// All entries of [`Tx::scan`].
    pub(super) fn entries(&self, prefix: Vec<u8>) -> Result<Vec<Entry>, StateError> {
        let mut scan = self.scan(prefix)?;
        let mut found = Vec::new();
        while let Some(entry) = scan.step()? {
            found.push(entry);
        }
        Ok(found)
    }

    /// Whether a key with this prefix exists.
    ///
    /// # Errors
    /// [`StateError::Storage`]: the source cannot be read.
    pub fn any(&self, prefix: Vec<u8>) -> Result<bool, StateError> {
        Ok(self.scan(prefix)?.step()?.is_some())
    }

    /// The first reference to blobs that were just written. Small blobs have no count while there is one reference.
    pub(super) fn adopt(&mut self, body: &[Extent]) {
        for extent in body.iter().filter(|extent| !extent.blob.is_inline()) {
            self.put(keys::reference(extent.blob), Enc::new().u64(1).finish());
        }
    }

    /// One more reference to each extent's blob.
    pub(super) fn share(&mut self, body: &[Extent]) -> Result<(), StateError> {
        for extent in body {
            let count = self.references(extent.blob)?;
            if extent.blob.is_inline() {
                // One reference has no count that could change: the driver looks again whether the bytes are there.
                self.get(&keys::inline(extent.blob))?;
            }
            self.put(keys::reference(extent.blob), Enc::new().u64(count.saturating_add(1)).finish());
        }
        Ok(())
    }

    /// One reference less; what has none left is dropped.
    pub(super) fn release(&mut self, body: &[Extent]) -> Result<(), StateError> {
        for extent in body {
            let blob = extent.blob;
            let counted = self.get(&keys::reference(blob))?;
            match count_of(blob, counted.as_deref())? {
                0 => {}
                1 => {
                    if counted.is_some() {
                        self.delete(keys::reference(blob));
                    }
                    if blob.is_inline() {
                        self.delete(keys::inline(blob));
                    } else {
                        self.dropped.push(blob);
                    }
                }
                count => self.put(keys::reference(blob), Enc::new().u64(count - 1).finish()),
            }
        }
        Ok(())
    }

    fn references(&self, blob: BlobId) -> Result<u64, StateError> {
        count_of(blob, self.get(&keys::reference(blob))?.as_deref())
    }
}

/// The references that an entry of [`keys::reference`] says; without one a small blob has one.
fn count_of(blob: BlobId, counted: Option<&[u8]>) -> Result<u64, StateError> {
    match counted {
        Some(bytes) => Ok(decode(bytes, Dec::u64)?),
        None => Ok(u64::from(blob.is_inline())),
    }
}

/// Reads a whole record.
pub(super) fn decode<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Dec<'a>) -> Result<T, Corrupt>,
) -> Result<T, Corrupt> {
    let mut dec = Dec::new(bytes)?;
    let value = read(&mut dec)?;
    dec.finish()?;
    Ok(value)
}

/// Entries of a [`Tx`] in order.
pub struct Scan<'t> {
    writes: &'t BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// `None`: the source holds nothing of this kind.
    cursor: Option<Box<dyn Cursor + 't>>,
    prefix: Vec<u8>,
    at: Bound<Vec<u8>>,
}

impl Scan<'_> {
    /// The next entry.
    ///
    /// # Errors
    /// [`StateError::Storage`]: the source cannot be read.
    pub fn step(&mut self) -> Result<Option<Entry>, StateError> {
        loop {
            let below = self
                .cursor
                .as_ref()
                .and_then(|cursor| cursor.entry())
                .filter(|(key, _)| key.starts_with(&self.prefix));
            let above = self.writes.range((self.at.clone(), Bound::Unbounded)).next();
            let above = above.filter(|(key, _)| key.starts_with(&self.prefix));
            let found = match (below, above) {
                (None, None) => return Ok(None),
                (Some((key, value)), None) => (key.to_vec(), Some(value.to_vec()), true),
                (Some((key, value)), Some((first, _))) if key < &first[..] => {
                    (key.to_vec(), Some(value.to_vec()), true)
                }
                (below, Some((key, value))) => {
                    (key.clone(), value.clone(), below.is_some_and(|(other, _)| other == &key[..]))
                }
            };
            let (key, value, from_source) = found;
            if let Some(cursor) = self.cursor.as_mut().filter(|_| from_source) {
                cursor.next()?;
            }
            self.at = Bound::Excluded(key.clone());
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
        }
    }
}
