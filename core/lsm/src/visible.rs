//! What a reader sees of a walk over internal keys: at most one entry per user key, as of one sequence number.
//!
//! Forwards the newest visible entry of a key comes first: it decides, and the rest of the key is passed over. Backwards the
//! oldest comes first, so the entries are folded as they come and the last fold stands.
//!
//! Invariants while valid: `key` is the current user key. Forwards the walk stands on the entry whose value is shown, or, after a
//! merge, at any place not before it and not behind the next user key's first entry; backwards it stands before all entries
//! of `key`. Values forwards are not copied; nothing is allocated per step but by merge operators.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::error::{MergeFault, ReadError};
use crate::iter::InternalIterator;
use crate::key::{self, InternalKey, SEQUENCE_MAX, SequenceNumber, ValueType, user_key};
use crate::merge::MergeOperator;
use crate::range_del::Fragments;

/// Entries of one user key that are stepped over before a seek takes their place (RocksDB's default
/// `max_sequential_skip_in_iterations`).
const SKIPS_BEFORE_SEEK: u32 = 8;

/// What a reader sees, and where it ends.
#[derive(Clone, Default)]
pub struct ReadOptions {
    /// The newest sequence number that is visible.
    pub sequence: SequenceNumber,
    /// First user key that may be shown.
    pub lower: Option<Vec<u8>>,
    /// First user key behind those that may be shown.
    pub upper: Option<Vec<u8>>,
    /// The family's merge operator.
    pub operator: Option<Arc<dyn MergeOperator>>,
}

impl ReadOptions {
    /// Narrows the bounds to the keys that start with the whole of `prefix`.
    pub fn set_prefix(&mut self, prefix: &[u8]) {
        self.lower = Some(prefix.to_vec());
        self.upper = prefix_end(prefix);
    }
}

/// The first key behind all keys with this prefix; `None` if there is none (all bytes 0xff, or empty).
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&b| b != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Invalid,
    /// Forwards, the value is the walk's.
    OnEntry,
    /// Forwards, the value is in `value`.
    Merged,
    /// Backwards, the value is in `value`.
    Before,
}

/// The walk that users see.
pub struct DbIter<I> {
    iter: I,
    options: ReadOptions,
    tombstones: Vec<Arc<Fragments>>,
    state: State,
    key: Vec<u8>,
    value: Vec<u8>,
    seek_key: Vec<u8>,
    operands: Vec<u8>,
    operand_ranges: Vec<Range<usize>>,
}

impl<I: InternalIterator> DbIter<I> {
    /// Over `iter` (all sources of a family merged) and the range tombstones of the same sources. Those of a table must be
    /// clipped to the table's bounds.
    pub fn new(iter: I, tombstones: Vec<Arc<Fragments>>, options: ReadOptions) -> Self {
        DbIter {
            iter,
            options,
            tombstones,
            state: State::Invalid,
            key: Vec::new(),
            value: Vec::new(),
            seek_key: Vec::new(),
            operands: Vec::new(),
            operand_ranges: Vec::new(),
        }
    }

    /// Whether there is an entry.
    pub fn valid(&self) -> bool {
        self.state != State::Invalid
    }

    /// The user key; empty unless valid.
    pub fn key(&self) -> &[u8] {
        if self.valid() { &self.key } else { &[] }
    }

    /// The value; empty unless valid.
    pub fn value(&self) -> &[u8] {
        match self.state {
            State::Invalid => &[],
            State::OnEntry => self.iter.value(),
            State::Merged | State::Before => &self.value,
        }
    }

    /// To the first entry within the bounds.
    pub fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.seek(&[])
    }

    /// To the last entry within the bounds.
    pub fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.state = State::Invalid;
        match self.options.upper.take() {
            Some(upper) => {
                let result = self.walk_before(&upper);
                self.options.upper = Some(upper);
                result?;
            }
            None => self.iter.seek_to_last()?,
        }
        self.find_backward()
    }

    /// To the first entry with a user key ≥ `target`.
    pub fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.state = State::Invalid;
        let start = self.options.lower.as_deref().map_or(target, |lower| lower.max(target));
        self.seek_key.clear();
        key::put_seek_key(&mut self.seek_key, start, self.options.sequence);
        self.iter.seek(&self.seek_key)?;
        self.find_forward(false)
    }

    /// To the last entry with a user key ≤ `target`.
    pub fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.state = State::Invalid;
        if self.options.upper.as_deref().is_some_and(|upper| upper <= target) {
            return self.seek_to_last();
        }
        self.seek_key.clear();
        self.seek_key.extend_from_slice(target);
        // Trailer 0 sorts behind every entry of the key.
        self.seek_key.extend_from_slice(&[0; key::TRAILER_LEN]);
        self.iter.seek_for_prev(&self.seek_key)?;
        self.find_backward()
    }

    /// To the next entry; only while valid.
    #[allow(clippy::should_implement_trait)] // A cursor over borrowed entries cannot be an `Iterator`.
    pub fn next(&mut self) -> Result<(), ReadError> {
        match core::mem::replace(&mut self.state, State::Invalid) {
            State::Invalid => return Ok(()),
            State::OnEntry => self.iter.next()?,
            State::Merged => {}
            State::Before => {
                self.seek_key.clear();
                key::put_seek_key(&mut self.seek_key, &self.key, self.options.sequence);
                self.iter.seek(&self.seek_key)?;
            }
        }
        self.find_forward(true)
    }

    /// To the entry before; only while valid.
    pub fn prev(&mut self) -> Result<(), ReadError> {
        match core::mem::replace(&mut self.state, State::Invalid) {
            State::Invalid => return Ok(()),
            State::Before => {}
            State::OnEntry | State::Merged => {
                let key = core::mem::take(&mut self.key);
                let result = self.walk_before(&key);
                self.key = key;
                result?;
            }
        }
        self.find_backward()
    }

    /// Places the walk on the last entry before all those of `user_key`.
    fn walk_before(&mut self, user_key: &[u8]) -> Result<(), ReadError> {
        self.seek_key.clear();
        key::put_seek_key(&mut self.seek_key, user_key, SEQUENCE_MAX);
        self.iter.seek_for_prev(&self.seek_key)
    }

    /// Whether a visible range tombstone deletes the entry.
    fn covered(&self, user_key: &[u8], sequence: SequenceNumber) -> bool {
        let newer = |t: &Arc<Fragments>| {
            t.covering(user_key, self.options.sequence).is_some_and(|newest| newest > sequence)
        };
        self.tombstones.iter().any(newer)
    }

    /// From the walk's place to the first key that shows; with `passing`, entries of the present `key` are passed over.
    fn find_forward(&mut self, mut passing: bool) -> Result<(), ReadError> {
        let mut passed = 0;
        while self.iter.valid() {
            let entry = InternalKey::parse(self.iter.key())?;
            if self.options.upper.as_deref().is_some_and(|upper| upper <= entry.user_key) {
                return Ok(());
            }
            let same = passing && entry.user_key == self.key;
            if !same && entry.sequence <= self.options.sequence {
                let (sequence, value_type) = (entry.sequence, entry.value_type);
                self.key.clear();
                self.key.extend_from_slice(entry.user_key);
                (passing, passed) = (true, 0);
                match value_type {
                    _ if self.covered(&self.key, sequence) => {}
                    ValueType::Value => {
                        self.state = State::OnEntry;
                        return Ok(());
                    }
                    ValueType::Merge => return self.merge_forward(),
                    ValueType::Deletion | ValueType::SingleDeletion | ValueType::RangeDeletion => {}
                }
            }
            passed += u32::from(same);
            if passed > SKIPS_BEFORE_SEEK {
                passed = 0;
                self.seek_key.clear();
                self.seek_key.extend_from_slice(&self.key);
                self.seek_key.extend_from_slice(&[0; key::TRAILER_LEN]);
                self.iter.seek(&self.seek_key)?;
            } else {
                self.iter.next()?;
            }
        }
        Ok(())
    }

    /// Collects the operands of `key` from its newest visible entry downwards and merges them.
    fn merge_forward(&mut self) -> Result<(), ReadError> {
        self.clear_operands();
        let mut base = false;
        let mut last = None;
        while self.iter.valid() {
            let entry = InternalKey::parse(self.iter.key())?;
            if entry.user_key != self.key {
                break;
            }
            let value_type = entry.value_type;
            // One write found twice (a log replayed over the table that holds it already) counts once.
            let repeated = last.replace(entry.sequence) == Some(entry.sequence);
            if self.covered(entry.user_key, entry.sequence) {
                break;
            }
            match value_type {
                ValueType::Merge if repeated => {}
                ValueType::Merge => self.push_operand(),
                ValueType::Value => {
                    self.value.clear();
                    self.value.extend_from_slice(self.iter.value());
                    base = true;
                    break;
                }
                _ => break,
            }
            self.iter.next()?;
        }
        self.operand_ranges.reverse();
        self.merge_operands(base)?;
        self.state = State::Merged;
        Ok(())
    }

    /// From the walk's place to the last key that shows.
    fn find_backward(&mut self) -> Result<(), ReadError> {
        while self.iter.valid() {
            let first = user_key(self.iter.key());
            if self.options.lower.as_deref().is_some_and(|lower| first < lower) {
                return Ok(());
            }
            self.key.clear();
            self.key.extend_from_slice(first);
            let base = self.fold_backward()?;
            if !self.operand_ranges.is_empty() {
                self.merge_operands(base)?;
            }
            if base || !self.operand_ranges.is_empty() {
                self.state = State::Before;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Folds all entries of `key`, oldest first, into `value` and the operands on top of it; whether there is a value.
    fn fold_backward(&mut self) -> Result<bool, ReadError> {
        self.clear_operands();
        let mut base = false;
        let mut last = None;
        while self.iter.valid() {
            let entry = InternalKey::parse(self.iter.key())?;
            if entry.user_key != self.key {
                break;
            }
            let repeated = last.replace(entry.sequence) == Some(entry.sequence);
            if entry.sequence <= self.options.sequence && !repeated {
                let (sequence, value_type) = (entry.sequence, entry.value_type);
                if value_type == ValueType::Merge && !self.covered(&self.key, sequence) {
                    self.push_operand();
                } else {
                    self.clear_operands();
                    base = value_type == ValueType::Value && !self.covered(&self.key, sequence);
                    self.value.clear();
                    self.value.extend_from_slice(self.iter.value());
                }
            }
            self.iter.prev()?;
        }
        Ok(base)
    }

    fn clear_operands(&mut self) {
        self.operands.clear();
        self.operand_ranges.clear();
    }

    fn push_operand(&mut self) {
        let start = self.operands.len();
        self.operands.extend_from_slice(self.iter.value());
        self.operand_ranges.push(start..self.operands.len());
    }

    /// Leaves in `value` what the operands (oldest first) make of it, or of nothing without `base`.
    fn merge_operands(&mut self, base: bool) -> Result<(), ReadError> {
        let fault = |what| ReadError::Merge { what };
        let operator = self.options.operator.as_ref().ok_or(fault(MergeFault::NoOperator))?;
        let operands: Vec<&[u8]> = self.operand_ranges.iter().map(|r| &self.operands[r.clone()]).collect();
        let existing = base.then_some(self.value.as_slice());
        self.value = operator.full_merge(&self.key, existing, &operands).ok_or(fault(MergeFault::Refused))?;
        Ok(())
    }
}
