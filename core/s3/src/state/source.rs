//! Where metadata is read from: an ordered map of byte strings that the caller implements, over a store's snapshot or in memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

/// The source could not be read; the caller knows why, and the request fails as an internal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata cannot be read")
    }
}

impl core::error::Error for Unavailable {}

/// An ordered map, as it is at one moment (a snapshot, or a map that nobody writes while an operation runs).
pub trait Source {
    /// The value of `key`.
    ///
    /// # Errors
    /// [`Unavailable`]: the store answered an error.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unavailable>;

    /// A cursor that stands nowhere yet.
    fn cursor(&self) -> Box<dyn Cursor + '_>;

    /// Whether there may be keys that begin with this byte. One that knows that there are none is not asked for them.
    fn may_hold(&self, kind: u8) -> bool {
        let _ = kind;
        true
    }
}

/// A place in a [`Source`]; it only moves forward between seeks.
pub trait Cursor {
    /// Goes to the first entry whose key is not below `key`.
    ///
    /// # Errors
    /// [`Unavailable`]: the store answered an error.
    fn seek(&mut self, key: &[u8]) -> Result<(), Unavailable>;

    /// Goes to the next entry; stays nowhere at the end.
    ///
    /// # Errors
    /// [`Unavailable`]: the store answered an error.
    fn next(&mut self) -> Result<(), Unavailable>;

    /// Key and value here; `None` before the first seek and behind the last entry.
    fn entry(&self) -> Option<(&[u8], &[u8])>;
}

impl Source for BTreeMap<Vec<u8>, Vec<u8>> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unavailable> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(MapCursor {
            map: self,
            range: self.range::<[u8], _>((Bound::Unbounded, Bound::Unbounded)),
            here: None,
        })
    }
}

struct MapCursor<'a> {
    map: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    range: btree_map::Range<'a, Vec<u8>, Vec<u8>>,
    here: Option<(&'a [u8], &'a [u8])>,
}

impl Cursor for MapCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<(), Unavailable> {
        self.range = self.map.range::<[u8], _>((Bound::Included(key), Bound::Unbounded));
        self.next()
    }

    fn next(&mut self) -> Result<(), Unavailable> {
        self.here = self.range.next().map(|(key, value)| (&key[..], &value[..]));
        Ok(())
    }

    fn entry(&self) -> Option<(&[u8], &[u8])> {
        self.here
    }
}
