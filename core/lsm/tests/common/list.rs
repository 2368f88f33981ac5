//! Sorted lists as sources of entries.

use dolmen_lsm::error::ReadError;
use dolmen_lsm::iter::InternalIterator;
use dolmen_lsm::key::compare;

/// An internal key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A sorted list as a source.
#[derive(Default)]
pub struct List {
    pub entries: Vec<Pair>,
    pub at: Option<usize>,
}

impl InternalIterator for List {
    fn valid(&self) -> bool {
        self.at.is_some()
    }
    fn key(&self) -> &[u8] {
        self.at.map_or(&[], |i| &self.entries[i].0)
    }
    fn value(&self) -> &[u8] {
        self.at.map_or(&[], |i| &self.entries[i].1)
    }
    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.at = (!self.entries.is_empty()).then_some(0);
        Ok(())
    }
    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.at = self.entries.len().checked_sub(1);
        Ok(())
    }
    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        let i = self.entries.partition_point(|e| compare(&e.0, target).is_lt());
        self.at = (i < self.entries.len()).then_some(i);
        Ok(())
    }
    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.at = self.entries.partition_point(|e| compare(&e.0, target).is_le()).checked_sub(1);
        Ok(())
    }
    fn next(&mut self) -> Result<(), ReadError> {
        self.at = self.at.map(|i| i + 1).filter(|&i| i < self.entries.len());
        Ok(())
    }
    fn prev(&mut self) -> Result<(), ReadError> {
        self.at = self.at.and_then(|i| i.checked_sub(1));
        Ok(())
    }
}
