//! What a flush or a compaction leaves out (RocksDB `db/compaction/compaction_iterator.cc`, `db/merge_helper.cc`).
//!
//! Snapshots cut the history of a key into stripes; all readers of a stripe see its newest state, so within a stripe
//!
//! 1. what lies under a newer value or tombstone, or under a range tombstone of the stripe, goes;
//! 2. merge operands become one value where what lies below them is known, else one operand if the operator can;
//! 3. a single deletion goes together with the value that it meets, and stays under a value that may go so itself;
//! 4. in the oldest stripe, where no older table may hold the key, a tombstone goes, and where no older table holds any key
//!    of the inputs, a value gets sequence number 0.
//!
//! Steps 2 and 3 look ahead: an operand or single deletion is held until the next older entry of its key is known.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use crate::edit::NewFile;
use crate::key::{InternalKey, SEQUENCE_MAX, SequenceNumber, ValueType, pack, user_key};
use crate::merge::MergeOperator;
use crate::range_del::{Fragments, RangeTombstone};
use crate::version::{LEVEL_COUNT, Version};

/// What older tables, outside the inputs, may hold.
#[derive(Clone, Debug)]
pub struct Older {
    /// Sorted tables per deeper level, and how many of them lie before the keys asked for so far.
    levels: Vec<(Vec<Arc<NewFile>>, usize)>,
    anything: bool,
}

impl Older {
    /// Any key: the inputs are the newest part of the tree, as in a flush.
    pub const fn anything() -> Self {
        Older { levels: Vec::new(), anything: true }
    }

    /// What the levels below `level` hold within the user keys `begin..=end`.
    pub fn below(version: &Version, level: usize, begin: &[u8], end: &[u8]) -> Self {
        let deeper = level + 1..LEVEL_COUNT;
        let mut levels: Vec<_> = deeper.map(|l| (version.overlapping(l, begin, end).to_vec(), 0)).collect();
        levels.retain(|(files, _)| !files.is_empty());
        Older { levels, anything: false }
    }

    /// Whether there is nothing at all within the inputs' range.
    pub fn is_nothing(&self) -> bool {
        !self.anything && self.levels.is_empty()
    }

    /// Whether the key may be there. Keys come in ascending order.
    fn may_hold(&mut self, key: &[u8]) -> bool {
        let mut found = self.anything;
        for (files, at) in &mut self.levels {
            while files.get(*at).is_some_and(|f| user_key(&f.largest) < key) {
                *at += 1;
            }
            found |= files.get(*at).is_some_and(|f| user_key(&f.smallest) <= key);
        }
        found
    }

    /// Whether a key in `begin..end` may be there.
    fn may_hold_within(&self, begin: &[u8], end: &[u8]) -> bool {
        let hits = |f: &Arc<NewFile>| begin <= user_key(&f.largest) && user_key(&f.smallest) < end;
        self.anything || self.levels.iter().any(|(files, _)| files.iter().any(hits))
    }
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Drop,
    /// It stays, with this trailer.
    Keep(u64),
    /// It is held; what it becomes is released later.
    Hold,
}

/// An entry that waits for the next older one.
#[derive(Clone, Debug)]
struct Held {
    sequence: SequenceNumber,
    value: Range<usize>,
}

/// What is held, all of one key and one stripe, newest first.
#[derive(Clone, Debug, Default)]
enum Waiting {
    #[default]
    Nothing,
    SingleDeletion(SequenceNumber),
    Operands(Vec<Held>),
}

/// What lies below the entries that are held.
#[derive(Clone, Copy, Debug)]
enum Base<'a> {
    Value(&'a [u8]),
    /// A tombstone, or no entry anywhere.
    Nothing,
    /// Entries of an older stripe or of older tables.
    Unknown,
}

/// The decision over entries in internal-key order.
pub struct Collapse {
    /// Ascending; the largest sequence number stands for the readers to come.
    stripes: Vec<SequenceNumber>,
    tombstones: Fragments,
    older: Older,
    operator: Option<Arc<dyn MergeOperator>>,
    key: Option<Vec<u8>>,
    /// Whether older tables may hold `key`; asked once per key and only if it matters.
    key_is_older: Option<bool>,
    /// Trailer of the last entry of `key`.
    last: u64,
    stripe: SequenceNumber,
    /// Stripe of `key` whose newest state is known, and whether that is a value.
    settled: Option<SequenceNumber>,
    under_value: bool,
    waiting: Waiting,
    waiting_bytes: Vec<u8>,
    /// Entries of `key` that are decided: trailer and place of the value in `released_bytes`.
    released: Vec<(u64, Range<usize>)>,
    released_bytes: Vec<u8>,
}

impl Collapse {
    /// For readers at `snapshots` and at the newest state, over the range tombstones of all inputs.
    pub fn new(
        snapshots: &[SequenceNumber],
        tombstones: Fragments,
        older: Older,
        operator: Option<Arc<dyn MergeOperator>>,
    ) -> Self {
        let mut stripes = snapshots.to_vec();
        stripes.push(SEQUENCE_MAX);
        stripes.sort_unstable();
        stripes.dedup();
        Collapse {
            stripes,
            tombstones,
            older,
            operator,
            key: None,
            key_is_older: None,
            last: 0,
            stripe: SEQUENCE_MAX,
            settled: None,
            under_value: false,
            waiting: Waiting::Nothing,
            waiting_bytes: Vec::new(),
            released: Vec::new(),
            released_bytes: Vec::new(),
        }
    }

    /// Takes the next entry of the key that was begun. Entries that are released by it come before it.
    pub fn push(&mut self, entry: InternalKey<'_>, value: &[u8]) -> Verdict {
        debug_assert_eq!(self.key.as_deref(), Some(entry.user_key), "a key is begun before its entries");
        let trailer = pack(entry.sequence, entry.value_type as u8);
        let (stripe, repeated) = (self.stripe_of(entry.sequence), self.last == trailer);
        self.last = trailer;
        // One write found twice: a log replayed over the table that holds it already.
        if repeated {
            return Verdict::Drop;
        }
        if self.settled == Some(stripe) {
            return self.pass_under(entry);
        }
        if stripe != self.stripe {
            self.release(Base::Unknown);
            self.stripe = stripe;
        }
        let covering = self.tombstones.covering(entry.user_key, stripe);
        if covering.is_some_and(|t| t > entry.sequence) {
            self.release(Base::Nothing);
            self.settled = Some(stripe);
            return Verdict::Drop;
        }
        self.meet(entry.sequence, entry.value_type, value)
    }

    /// What lies under a newer entry of its stripe goes, but for a single deletion under a value: that value may yet go together with a single
    /// deletion, and would uncover the value that this one deletes.
    fn pass_under(&mut self, entry: InternalKey<'_>) -> Verdict {
        match (entry.value_type, &self.waiting) {
            (ValueType::SingleDeletion, _) if self.under_value => {
                self.waiting = Waiting::SingleDeletion(entry.sequence);
                Verdict::Hold
            }
            (ValueType::Value, Waiting::SingleDeletion(_)) => {
                self.waiting = Waiting::Nothing;
                Verdict::Drop
            }
            _ => Verdict::Drop,
        }
    }

    fn meet(&mut self, sequence: SequenceNumber, value_type: ValueType, value: &[u8]) -> Verdict {
        match (value_type, &mut self.waiting) {
            (ValueType::SingleDeletion, Waiting::Nothing | Waiting::SingleDeletion(_)) => {
                self.waiting = Waiting::SingleDeletion(sequence);
                Verdict::Hold
            }
            (ValueType::Value, Waiting::SingleDeletion(_)) => {
                self.waiting = Waiting::Nothing;
                Verdict::Drop
            }
            // Not a legal use; the single deletion then is an ordinary one.
            (ValueType::Merge, Waiting::SingleDeletion(_)) => {
                self.release(Base::Nothing);
                self.settled = Some(self.stripe);
                Verdict::Drop
            }
            (ValueType::Merge, waiting) => {
                let start = self.waiting_bytes.len();
                self.waiting_bytes.extend_from_slice(value);
                let held = Held { sequence, value: start..self.waiting_bytes.len() };
                match waiting {
                    Waiting::Operands(operands) => operands.push(held),
                    _ => *waiting = Waiting::Operands([held].into()),
                }
                Verdict::Hold
            }
            (ValueType::Value, _) => {
                (self.settled, self.under_value) = (Some(self.stripe), true);
                if self.release(Base::Value(value)) {
                    return Verdict::Drop;
                }
                Verdict::Keep(self.value_trailer(sequence))
            }
            (ValueType::Deletion | ValueType::SingleDeletion | ValueType::RangeDeletion, _) => {
                self.settled = Some(self.stripe);
                if matches!(self.waiting, Waiting::SingleDeletion(_)) {
                    self.waiting = Waiting::Nothing;
                }
                if self.release(Base::Nothing) || self.is_oldest() {
                    return Verdict::Drop;
                }
                Verdict::Keep(pack(sequence, value_type as u8))
            }
        }
    }

    /// Begins the entries of the next user key. Call [`Collapse::end`] first.
    pub fn begin(&mut self, user_key: &[u8]) {
        let key = self.key.get_or_insert_default();
        key.clear();
        key.extend_from_slice(user_key);
        (self.last, self.settled, self.under_value, self.key_is_older) = (u64::MAX, None, false, None);
    }

    /// Ends the present key: what is held is released.
    pub fn end(&mut self) {
        if !matches!(self.waiting, Waiting::Nothing) {
            let base = if self.is_oldest() { Base::Nothing } else { Base::Unknown };
            self.release(base);
        }
    }

    /// The user key whose entries are taken; `None` before the first.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// The decided entries of the present key, newest first: trailers and values. Clear them with [`Collapse::clear_released`].
    pub fn released(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.released.iter().map(|(trailer, value)| (*trailer, &self.released_bytes[value.clone()]))
    }

    /// Forgets what was released.
    pub fn clear_released(&mut self) {
        self.released.clear();
        self.released_bytes.clear();
    }

    /// The range tombstones that must stay, cut into fragments, within the user keys `from..to` (`None`: without a bound): of each
    /// stripe the newest.
    pub fn tombstones_within(&self, from: Option<&[u8]>, to: Option<&[u8]>) -> Vec<RangeTombstone> {
        let mut out = Vec::new();
        let first = from.map_or(0, |key| self.tombstones.first_ending_after(key));
        for fragment in (first..).map_while(|i| self.tombstones.get(i)) {
            let begin = from.map_or(fragment.begin, |from| fragment.begin.max(from));
            let end = to.map_or(fragment.end, |to| fragment.end.min(to));
            if begin >= end {
                break;
            }
            let mut stripe_before = None;
            for &sequence in fragment.sequences {
                let stripe = self.stripe_of(sequence);
                let is_needed = stripe > self.stripes[0] || self.older.may_hold_within(begin, end);
                if is_needed && stripe_before != Some(stripe) {
                    out.push(RangeTombstone { begin: begin.to_vec(), end: end.to_vec(), sequence });
                }
                stripe_before = Some(stripe);
            }
        }
        out
    }

    fn stripe_of(&self, sequence: SequenceNumber) -> SequenceNumber {
        let at = self.stripes.partition_point(|&s| s < sequence);
        self.stripes.get(at).copied().unwrap_or(SEQUENCE_MAX)
    }

    /// Whether nothing older than the present stripe of the key exists anywhere.
    fn is_oldest(&mut self) -> bool {
        if self.stripe != self.stripes[0] {
            return false;
        }
        let key = self.key.as_deref().unwrap_or(&[]);
        !*self.key_is_older.get_or_insert_with(|| self.older.may_hold(key))
    }

    /// The trailer of a value of the present stripe; 0 as sequence number where nothing can tell the difference.
    fn value_trailer(&self, sequence: SequenceNumber) -> u64 {
        let key = self.key.as_deref().unwrap_or(&[]);
        let alone = self.stripe == self.stripes[0] && self.older.is_nothing();
        let zero = alone && (self.tombstones.is_empty() || self.tombstones.find(key).is_none());
        pack(if zero { SequenceNumber::new(0) } else { sequence }, ValueType::Value as u8)
    }

    /// Decides what is held, now that it is known what lies below. True if the base is in what was released.
    fn release(&mut self, base: Base<'_>) -> bool {
        let merged = match mem::take(&mut self.waiting) {
            Waiting::Nothing => return false,
            Waiting::SingleDeletion(sequence) => {
                if !self.is_oldest() {
                    self.push_released(pack(sequence, ValueType::SingleDeletion as u8), &[]);
                }
                false
            }
            Waiting::Operands(operands) => self.release_operands(&operands, base),
        };
        self.waiting_bytes.clear();
        merged
    }

    fn release_operands(&mut self, operands: &[Held], base: Base<'_>) -> bool {
        let bytes = mem::take(&mut self.waiting_bytes);
        let oldest_first: Vec<&[u8]> = operands.iter().rev().map(|o| &bytes[o.value.clone()]).collect();
        let newest = operands[0].sequence;
        let full = match base {
            Base::Value(value) => self.full_merge(Some(value), &oldest_first),
            Base::Nothing => self.full_merge(None, &oldest_first),
            Base::Unknown => None,
        };
        if let Some(value) = &full {
            self.push_released(self.value_trailer(newest), value);
        } else if let Some(operand) = self.partial_merge(&oldest_first) {
            self.push_released(pack(newest, ValueType::Merge as u8), &operand);
        } else {
            for operand in operands {
                let trailer = pack(operand.sequence, ValueType::Merge as u8);
                self.push_released(trailer, &bytes[operand.value.clone()]);
            }
        }
        self.waiting_bytes = bytes;
        full.is_some()
    }

    fn full_merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        self.operator.as_ref()?.full_merge(self.key.as_deref()?, base, operands)
    }

    /// All operands as one, if the operator joins every pair.
    fn partial_merge(&self, oldest_first: &[&[u8]]) -> Option<Vec<u8>> {
        let (operator, key) = (self.operator.as_ref()?, self.key.as_deref()?);
        let (first, rest) = oldest_first.split_first().filter(|(_, rest)| !rest.is_empty())?;
        rest.iter().try_fold(first.to_vec(), |left, right| operator.partial_merge(key, &left, right))
    }

    fn push_released(&mut self, trailer: u64, value: &[u8]) {
        let start = self.released_bytes.len();
        self.released_bytes.extend_from_slice(value);
        self.released.push((trailer, start..self.released_bytes.len()));
    }
}
