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

/// Whether an entry is deleted by a range tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Covered {
    No,
    /// And the walk stands on it.
    Here,
    /// And the walk may stand elsewhere.
    Left,
}

/// The range tombstones of one source of the walk.
struct Cover {
    source: usize,
    fragments: Arc<Fragments>,
    /// The fragment that the last key lies in or before.
    at: usize,
    /// The fragment whose range the sources behind this one have left.
    left: Option<usize>,
}

impl Cover {
    /// The newest visible tombstone over the key. A key near the last one costs no search.
    fn covering(&mut self, user_key: &[u8], max: SequenceNumber) -> Option<SequenceNumber> {
        let fragments = &self.fragments;
        let ends_behind = |at: usize| fragments.get(at).is_none_or(|f| user_key < f.end);
        let is_near = ends_behind(self.at) && (self.at == 0 || !ends_behind(self.at - 1));
        if !is_near {
            self.at = fragments.first_ending_after(user_key);
        }
        fragments.get(self.at).filter(|f| f.begin <= user_key)?.newest_at(max)
    }
}

/// The range tombstones of all sources, newest source first.
struct Covers {
    list: Vec<Cover>,
    /// The newest sequence number that is visible.
    max: SequenceNumber,
}

impl Covers {
    /// The newest source with a visible tombstone that deletes the entry.
    fn over(&mut self, user_key: &[u8], sequence: SequenceNumber) -> Option<&mut Cover> {
        let max = self.max;
        self.list
            .iter_mut()
            .find_map(|c| c.covering(user_key, max).is_some_and(|newest| newest > sequence).then_some(c))
    }

    /// The sources have been placed anew.
    fn forget_left(&mut self) {
        self.list.iter_mut().for_each(|c| c.left = None);
    }
}

/// The walk that users see.
pub struct DbIter<I> {
    iter: I,
    options: ReadOptions,
    covers: Covers,
    state: State,
    key: Vec<u8>,
    value: Vec<u8>,
    seek_key: Vec<u8>,
    /// The key whose newer entries are passed over.
    hidden_key: Vec<u8>,
    operands: Vec<u8>,
    operand_ranges: Vec<Range<usize>>,
}

impl<I: InternalIterator> DbIter<I> {
    /// Over `iter` (all sources of a family merged, newest first) and the range tombstones of the same sources, each with the number of its
    /// source in the merge. Those of a table must be clipped to the table's bounds.
    pub fn new(
        iter: I,
        tombstones: impl IntoIterator<Item = (usize, Arc<Fragments>)>,
        options: ReadOptions,
    ) -> Self {
        let cover = |(source, fragments)| Cover { source, fragments, at: 0, left: None };
        let mut list: Vec<_> = tombstones.into_iter().filter(|(_, f)| !f.is_empty()).map(cover).collect();
        list.sort_by_key(|c| c.source);
        DbIter {
            iter,
            covers: Covers { list, max: options.sequence },
            options,
            state: State::Invalid,
            key: Vec::new(),
            value: Vec::new(),
            seek_key: Vec::new(),
            hidden_key: Vec::new(),
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
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses.
    pub fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.seek(&[])
    }

    /// To the last entry within the bounds.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses.
    pub fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.state = State::Invalid;
        match self.options.upper.take() {
            Some(upper) => {
                let result = self.walk_before(&upper);
                self.options.upper = Some(upper);
                result?;
            }
            None => {
                self.covers.forget_left();
                self.iter.seek_to_last()?;
            }
        }
        self.find_backward()
    }

    /// To the first entry with a user key ≥ `target`.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses.
    pub fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.state = State::Invalid;
        let start = self.options.lower.as_deref().map_or(target, |lower| lower.max(target));
        self.seek_key.clear();
        key::put_seek_key(&mut self.seek_key, start, self.options.sequence);
        self.seek_walk()?;
        self.find_forward(false)
    }

    /// To the last entry with a user key ≤ `target`.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses.
    pub fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.state = State::Invalid;
        if self.options.upper.as_deref().is_some_and(|upper| upper <= target) {
            return self.seek_to_last();
        }
        self.seek_key.clear();
        self.seek_key.extend_from_slice(target);
        // Trailer 0 sorts behind every entry of the key.
        self.seek_key.extend_from_slice(&[0; key::TRAILER_LEN]);
        self.covers.forget_left();
        self.iter.seek_for_prev(&self.seek_key)?;
        self.find_backward()
    }

    /// To the next entry; only while valid.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses.
    #[allow(clippy::should_implement_trait)] // A cursor over borrowed entries cannot be an `Iterator`.
    pub fn next(&mut self) -> Result<(), ReadError> {
        match core::mem::replace(&mut self.state, State::Invalid) {
            State::Invalid => return Ok(()),
            State::OnEntry => self.iter.next()?,
            State::Merged => {}
            State::Before => {
                self.seek_key.clear();
                key::put_seek_key(&mut self.seek_key, &self.key, self.options.sequence);
                self.seek_walk()?;
            }
        }
        self.find_forward(true)
    }

    /// To the entry before; only while valid.
    ///
    /// # Errors
    /// Damage, failed reads, and a merge operator that refuses.
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
        self.covers.forget_left();
        self.iter.seek_for_prev(&self.seek_key)
    }

    /// Places the walk at `seek_key`.
    fn seek_walk(&mut self) -> Result<(), ReadError> {
        self.covers.forget_left();
        self.iter.seek(&self.seek_key)
    }

    /// Whether a visible range tombstone deletes an entry of `key`; then older sources leave the tombstone's range at once: they hold only what is
    /// older than it. The walk may stand elsewhere then.
    fn leave_if_covered(&mut self, sequence: SequenceNumber, is_forward: bool) -> Result<Covered, ReadError> {
        let Some(cover) = self.covers.over(&self.key, sequence) else { return Ok(Covered::No) };
        if cover.left == Some(cover.at) {
            return Ok(Covered::Here);
        }
        cover.left = Some(cover.at);
        let Some(fragment) = cover.fragments.get(cover.at) else { return Ok(Covered::Here) };
        self.seek_key.clear();
        key::put_seek_key(
            &mut self.seek_key,
            if is_forward { fragment.end } else { fragment.begin },
            SEQUENCE_MAX,
        );
        self.iter.skip_behind(cover.source, &self.seek_key)?;
        Ok(Covered::Left)
    }

    /// From the walk's place to the first key that shows; with `passing`, entries of the present `key` are passed over.
    fn find_forward(&mut self, mut passing: bool) -> Result<(), ReadError> {
        let (mut passed, mut hidden) = (0, 0);
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
                match self.leave_if_covered(sequence, true)? {
                    Covered::Left => continue,
                    Covered::Here => {}
                    Covered::No if value_type == ValueType::Value => {
                        self.state = State::OnEntry;
                        return Ok(());
                    }
                    Covered::No if value_type == ValueType::Merge => return self.merge_forward(),
                    Covered::No => {}
                }
            } else if !same {
                // Newer than what the reader sees.
                if hidden == 0 || entry.user_key != self.hidden_key {
                    hidden = 0;
                    self.hidden_key.clear();
                    self.hidden_key.extend_from_slice(entry.user_key);
                }
                hidden += 1;
                if hidden > SKIPS_BEFORE_SEEK {
                    hidden = 0;
                    self.seek_key.clear();
                    key::put_seek_key(&mut self.seek_key, &self.hidden_key, self.options.sequence);
                    self.seek_walk()?;
                    continue;
                }
            }
            passed += u32::from(same);
            if passed > SKIPS_BEFORE_SEEK {
                passed = 0;
                self.seek_key.clear();
                self.seek_key.extend_from_slice(&self.key);
                self.seek_key.extend_from_slice(&[0; key::TRAILER_LEN]);
                self.seek_walk()?;
            } else {
                self.iter.next()?;
            }
        }
        Ok(())
    }

    /// Collects the operands of `key` from its newest visible entry downwards and merges them.
    fn merge_forward(&mut self) -> Result<(), ReadError> {
        let base = self.collect_forward()?;
        self.merge_operands(base)?;
        self.state = State::Merged;
        Ok(())
    }

    /// Collects the operands of `key` from the walk's place downwards, oldest first, and the value below them; whether there is one.
    fn collect_forward(&mut self) -> Result<bool, ReadError> {
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
            if self.covers.over(entry.user_key, entry.sequence).is_some() {
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
        Ok(base)
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
        let mut passed = 0;
        while self.iter.valid() {
            let entry = InternalKey::parse(self.iter.key())?;
            if entry.user_key != self.key {
                break;
            }
            passed += 1;
            if passed > SKIPS_BEFORE_SEEK {
                return self.fold_by_seek();
            }
            let repeated = last.replace(entry.sequence) == Some(entry.sequence);
            if entry.sequence <= self.options.sequence && !repeated {
                let (sequence, value_type) = (entry.sequence, entry.value_type);
                let covered = self.leave_if_covered(sequence, false)?;
                if covered == Covered::No && value_type == ValueType::Merge {
                    self.push_operand();
                } else {
                    self.clear_operands();
                    base = covered == Covered::No && value_type == ValueType::Value;
                }
                if base && value_type == ValueType::Value {
                    self.value.clear();
                    self.value.extend_from_slice(self.iter.value());
                }
                if covered == Covered::Left {
                    continue;
                }
            }
            self.iter.prev()?;
        }
        Ok(base)
    }

    /// The same for a key with many entries: from its newest visible one downwards, and then before all of them.
    fn fold_by_seek(&mut self) -> Result<bool, ReadError> {
        self.seek_key.clear();
        key::put_seek_key(&mut self.seek_key, &self.key, self.options.sequence);
        self.seek_walk()?;
        let base = if self.iter.valid() && user_key(self.iter.key()) == self.key {
            self.collect_forward()?
        } else {
            self.clear_operands();
            false
        };
        let key = core::mem::take(&mut self.key);
        let result = self.walk_before(&key);
        self.key = key;
        result.map(|()| base)
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
