//! Range tombstones: their form in a table, and cutting overlapping ones into fragments.
//!
//! ```text
//! block entry   key = begin ++ trailer(sequence, 0xf)   value = end                (block `rocksdb.range_del`, restart interval 1)
//!
//! tombstones    a──────────e @9      c───────────────h @4
//! fragments     a────c {9}  c────e {9,4}  e────h {4}
//! ```
//! Fragments do not overlap, so that one binary search finds all tombstones over a key. The newest tombstone that a reader
//! at `sequence` may see is the first of the fragment's sequence numbers (kept descending) that is at most `sequence`.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use crate::key::{SEQUENCE_MAX, SequenceNumber};

/// A deletion of all keys in `begin..end` that are older than `sequence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeTombstone {
    /// First user key that goes.
    pub begin: Vec<u8>,
    /// First user key behind it that stays.
    pub end: Vec<u8>,
    /// When it was written.
    pub sequence: SequenceNumber,
}

/// One fragment as it is read: `begin..end` and the sequence numbers of the tombstones over it, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// First user key that is covered.
    pub begin: &'a [u8],
    /// First user key behind it that is not.
    pub end: &'a [u8],
    /// Sequence numbers, descending.
    pub sequences: &'a [SequenceNumber],
}

impl Fragment<'_> {
    /// The newest tombstone that a reader at `max` sees.
    pub fn newest_at(&self, max: SequenceNumber) -> Option<SequenceNumber> {
        let skip = self.sequences.partition_point(|&s| s > max);
        self.sequences.get(skip).copied()
    }
}

/// Sequence numbers of the tombstones over a key, and how many have each.
type Open = BTreeMap<SequenceNumber, u32>;

/// Range tombstones cut so that no two fragments overlap; immutable, ordered by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragments {
    /// Bounds of the fragments, ascending.
    bounds: Vec<Vec<u8>>,
    pieces: Vec<Piece>,
    sequences: Vec<SequenceNumber>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    begin: u32,
    end: u32,
    first_sequence: u32,
    sequence_count: u32,
}

impl Fragments {
    /// Cuts tombstones, in any order. Empty ranges (`begin >= end`) vanish. Memory grows with the square of the number of tombstones that
    /// overlap; where they come from outside, use [`Fragments::within`].
    pub fn new<'a>(tombstones: impl IntoIterator<Item = &'a RangeTombstone>) -> Self {
        Self::within(tombstones, usize::MAX).expect("there is memory for fewer than 2^32 sequence numbers")
    }

    /// The same, or `None` if the fragments would have more than `sequence_count_max` sequence numbers together: that count grows
    /// with the square of the number of tombstones that overlap.
    pub fn within<'a>(
        tombstones: impl IntoIterator<Item = &'a RangeTombstone>,
        sequence_count_max: usize,
    ) -> Option<Self> {
        let all = |open: &Open, out: &mut Vec<SequenceNumber>| out.extend(open.keys().rev());
        Self::cut(tombstones, sequence_count_max, all)
    }

    /// The same for readers at `snapshots` and at the newest sequence number only: of each fragment those sequence numbers that one of
    /// them sees as the newest. Time and memory grow with `n log n` for each snapshot, however `n` tombstones overlap.
    pub fn for_snapshots<'a>(
        tombstones: impl IntoIterator<Item = &'a RangeTombstone>,
        snapshots: &[SequenceNumber],
    ) -> Self {
        let mut readers = snapshots.to_vec();
        readers.push(SEQUENCE_MAX);
        readers.sort_unstable();
        let seen = |open: &Open, out: &mut Vec<SequenceNumber>| {
            let start = out.len();
            for &reader in readers.iter().rev() {
                let newest = open.range(..=reader).next_back().map(|(&s, _)| s);
                out.extend(newest.filter(|s| out[start..].last() != Some(s)));
            }
        };
        Self::cut(tombstones, usize::MAX, seen).expect("there is memory for fewer than 2^32 sequence numbers")
    }

    /// `take` gives those sequence numbers of the tombstones over a fragment that it keeps, descending.
    fn cut<'a>(
        tombstones: impl IntoIterator<Item = &'a RangeTombstone>,
        sequence_count_max: usize,
        take: impl Fn(&Open, &mut Vec<SequenceNumber>),
    ) -> Option<Self> {
        let mut events: Vec<(&[u8], bool, SequenceNumber)> = Vec::new();
        for t in tombstones {
            if t.begin < t.end {
                events.push((&t.begin, true, t.sequence));
                events.push((&t.end, false, t.sequence));
            }
        }
        events.sort_unstable();
        let mut out = Fragments::default();
        let mut open = Open::new();
        let mut i = 0;
        while i < events.len() {
            let at = events[i].0;
            out.close(at, &open, &take);
            if out.sequences.len() > sequence_count_max.min(u32::MAX as usize) {
                return None;
            }
            while i < events.len() && events[i].0 == at {
                let (_, begins, sequence) = events[i];
                // At one key ends sort before begins, and no range is empty: what ends here began before.
                match open.entry(sequence) {
                    Entry::Occupied(mut count) if begins => *count.get_mut() += 1,
                    Entry::Occupied(count) if *count.get() == 1 => drop(count.remove()),
                    Entry::Occupied(mut count) => *count.get_mut() -= 1,
                    Entry::Vacant(count) => drop(count.insert(1)),
                }
                i += 1;
            }
            out.bounds.push(at.to_vec());
        }
        Some(out)
    }

    /// Ends the fragment that runs up to `at` under the tombstones in `open`.
    fn close(&mut self, at: &[u8], open: &Open, take: &impl Fn(&Open, &mut Vec<SequenceNumber>)) {
        if open.is_empty() || self.bounds.last().is_none_or(|b| b.as_slice() >= at) {
            return;
        }
        let first = self.sequences.len();
        take(open, &mut self.sequences);
        let begin = self.bounds.len() as u32 - 1;
        let count = (self.sequences.len() - first) as u32;
        if count > 0 {
            self.pieces.push(Piece {
                begin,
                end: begin + 1,
                first_sequence: first as u32,
                sequence_count: count,
            });
        }
    }

    /// Those of several tables of a sorted level, in its order, each within its table's bounds, as one.
    pub fn joined<'a>(tables: impl IntoIterator<Item = &'a Fragments>) -> Self {
        let mut out = Fragments::default();
        for table in tables {
            let (bound_count, sequence_count) = (out.bounds.len() as u32, out.sequences.len() as u32);
            debug_assert!(out.bounds.last() <= table.bounds.first() || table.is_empty());
            out.bounds.extend_from_slice(&table.bounds);
            out.sequences.extend_from_slice(&table.sequences);
            out.pieces.extend(table.pieces.iter().map(|p| Piece {
                begin: p.begin + bound_count,
                end: p.end + bound_count,
                first_sequence: p.first_sequence + sequence_count,
                ..*p
            }));
        }
        out
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How many fragments.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The fragment at `index` in key order.
    pub fn get(&self, index: usize) -> Option<Fragment<'_>> {
        self.pieces.get(index).map(|p| self.fragment(p))
    }

    /// All fragments in key order; reversible.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Fragment<'_>> + ExactSizeIterator {
        self.pieces.iter().map(|p| self.fragment(p))
    }

    /// Index of the first fragment that ends behind `user_key`: the one that covers it, or else the next one.
    pub fn first_ending_after(&self, user_key: &[u8]) -> usize {
        self.pieces.partition_point(|p| self.bounds[p.end as usize].as_slice() <= user_key)
    }

    /// The fragment over `user_key`.
    pub fn find(&self, user_key: &[u8]) -> Option<Fragment<'_>> {
        self.get(self.first_ending_after(user_key)).filter(|f| f.begin <= user_key)
    }

    /// The newest tombstone over `user_key` that a reader at `max` sees; a key's entry is deleted if it is older.
    pub fn covering(&self, user_key: &[u8], max: SequenceNumber) -> Option<SequenceNumber> {
        self.find(user_key)?.newest_at(max)
    }

    fn fragment(&self, p: &Piece) -> Fragment<'_> {
        let sequences = p.first_sequence as usize..(p.first_sequence + p.sequence_count) as usize;
        Fragment {
            begin: &self.bounds[p.begin as usize],
            end: &self.bounds[p.end as usize],
            sequences: &self.sequences[sequences],
        }
    }
}
