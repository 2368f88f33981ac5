//! Point reads: the entries of one key, newest first, folded until the value is known.
//!
//! 1. Before the entries of a source, [`Lookup::delete_before`] takes the newest visible range tombstone over the key in that source.
//! 2. [`Lookup::visit`] takes the entries; it answers false once older ones cannot matter.
//! 3. [`Lookup::finish`] gives the value, merged if there were operands.
//!
//! Sources come newest first: memtables, level 0 by age, then one table per level. The buffers are kept between lookups: nothing
//! is allocated before a value is copied.

use alloc::vec::Vec;
use core::ops::Range;

use crate::error::{MergeFault, ReadError};
use crate::key::{InternalKey, SequenceNumber, ValueType};
use crate::merge::MergeOperator;

/// What an entry means for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Older entries matter.
    More,
    /// None does any more.
    Done,
    /// Its value, as it lies there, is the answer; it was not copied.
    Value,
}

/// One point read under way.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    sequence: SequenceNumber,
    deleted: Option<SequenceNumber>,
    last: Option<SequenceNumber>,
    done: bool,
    base: bool,
    value: Vec<u8>,
    operands: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Lookup {
    /// Starts over for a reader at `sequence`.
    pub fn start(&mut self, sequence: SequenceNumber) {
        self.sequence = sequence;
        (self.deleted, self.last, self.done, self.base) = (None, None, false, false);
        self.value.clear();
        self.operands.clear();
        self.ranges.clear();
    }

    /// Notes a visible range tombstone over the key; older entries are deleted, wherever they are.
    pub fn delete_before(&mut self, tombstone: Option<SequenceNumber>) {
        self.deleted = self.deleted.max(tombstone);
    }

    /// Whether the value is known.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Takes the next older entry of the key; false if no older one can matter.
    ///
    /// # Errors
    /// An entry that is no internal key, or of a type that is not supported.
    pub fn visit(&mut self, internal_key: &[u8], value: &[u8]) -> Result<bool, ReadError> {
        let met = self.meet(internal_key, value)?;
        if met == Met::Value {
            self.value.extend_from_slice(value);
            self.base = true;
        }
        Ok(met == Met::More)
    }

    /// The same, without a copy of a value that needs none: the caller takes it where it lies, and then [`Lookup::finish`] knows of no value.
    ///
    /// # Errors
    /// As [`Lookup::visit`].
    pub fn meet(&mut self, internal_key: &[u8], value: &[u8]) -> Result<Met, ReadError> {
        if self.done {
            return Ok(Met::Done);
        }
        let entry = InternalKey::parse(internal_key)?;
        // One write found twice (a log replayed over the table that holds it already) counts once.
        if entry.sequence > self.sequence || self.last == Some(entry.sequence) {
            return Ok(Met::More);
        }
        self.last = Some(entry.sequence);
        match entry.value_type {
            _ if self.deleted.is_some_and(|d| d > entry.sequence) => self.done = true,
            ValueType::Merge => {
                let start = self.operands.len();
                self.operands.extend_from_slice(value);
                self.ranges.push(start..self.operands.len());
            }
            ValueType::Value if self.ranges.is_empty() => {
                self.done = true;
                return Ok(Met::Value);
            }
            ValueType::Value => {
                self.value.extend_from_slice(value);
                (self.base, self.done) = (true, true);
            }
            ValueType::Deletion | ValueType::SingleDeletion | ValueType::RangeDeletion => self.done = true,
        }
        Ok(if self.done { Met::Done } else { Met::More })
    }

    /// Whether merge operands were met: then the value is known only once they are merged.
    pub fn has_operands(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// The value of `user_key` after all its entries that matter; `None` if it has none.
    ///
    /// # Errors
    /// Operands without an operator, or one that refuses.
    pub fn finish(
        &mut self,
        user_key: &[u8],
        operator: Option<&dyn MergeOperator>,
    ) -> Result<Option<&[u8]>, ReadError> {
        if self.ranges.is_empty() {
            return Ok(self.base.then_some(self.value.as_slice()));
        }
        let fault = |what| ReadError::Merge { what };
        let operator = operator.ok_or(fault(MergeFault::NoOperator))?;
        let operands: Vec<&[u8]> = self.ranges.iter().rev().map(|r| &self.operands[r.clone()]).collect();
        let existing = self.base.then_some(self.value.as_slice());
        self.value = operator.full_merge(user_key, existing, &operands).ok_or(fault(MergeFault::Refused))?;
        self.ranges.clear();
        self.base = true;
        Ok(Some(&self.value))
    }
}
