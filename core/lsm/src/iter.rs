//! The walk over internal keys that memtables, tables, levels and merges all offer.

use alloc::boxed::Box;

use crate::error::ReadError;

/// An ordered walk over internal keys, in both directions.
///
/// A new iterator is not positioned. After a positioning call `valid` tells whether there is an entry; `key` and `value`
/// may be called only while it is (they return empty slices otherwise). After an error the iterator is not valid.
pub trait InternalIterator {
    /// Whether the iterator stands on an entry.
    fn valid(&self) -> bool;
    /// The internal key.
    fn key(&self) -> &[u8];
    /// The value.
    fn value(&self) -> &[u8];
    /// To the first entry.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn seek_to_first(&mut self) -> Result<(), ReadError>;
    /// To the last entry.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn seek_to_last(&mut self) -> Result<(), ReadError>;
    /// To the first entry with an internal key ≥ `target`.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError>;
    /// To the last entry with an internal key ≤ `target`.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError>;
    /// To the next entry; only while valid.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn next(&mut self) -> Result<(), ReadError>;
    /// To the entry before; only while valid.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn prev(&mut self) -> Result<(), ReadError>;
    /// A merge moves its sources behind number `source` that have not reached `target`, in the direction of the walk, there; the caller knows
    /// that what they have before is hidden. The walk may stand on another entry then. Any other walk stays.
    ///
    /// # Errors
    /// Damage and failed reads; the walk is not valid then.
    fn skip_behind(&mut self, _source: usize, _target: &[u8]) -> Result<(), ReadError> {
        Ok(())
    }
}

impl<I: InternalIterator + ?Sized> InternalIterator for Box<I> {
    fn valid(&self) -> bool {
        (**self).valid()
    }
    fn key(&self) -> &[u8] {
        (**self).key()
    }
    fn value(&self) -> &[u8] {
        (**self).value()
    }
    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        (**self).seek_to_first()
    }
    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        (**self).seek_to_last()
    }
    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        (**self).seek(target)
    }
    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        (**self).seek_for_prev(target)
    }
    fn next(&mut self) -> Result<(), ReadError> {
        (**self).next()
    }
    fn prev(&mut self) -> Result<(), ReadError> {
        (**self).prev()
    }
    fn skip_behind(&mut self, source: usize, target: &[u8]) -> Result<(), ReadError> {
        (**self).skip_behind(source, target)
    }
}
