//! A point read over all sources of a family: which are asked, in which order, and where the value lies.
//!
//! ```text
//!  active memtable ─▶ switched ones, newest first ─▶ level 0, newest first ─▶ one table per deeper level
//!        each: its newest visible range tombstone over the key, then the key's entries, newest first
//! ```
//! Invariant: a source behind another one in this order holds nothing of the key that is newer.

use alloc::vec::Vec;
use core::ops::Range;

use dolmen_base::NoTrace;
use dolmen_base::block::{Block, BlockSource, ReadMode};

use crate::edit::NewFile;
use crate::error::ReadError;
use crate::get::{Lookup, Met};
use crate::iter::InternalIterator;
use crate::key::{self, SEQUENCE_MAX, SeekKey, SequenceNumber, ValueType};
use crate::memtable::{Found, Memtable, MemtableIter};
use crate::merge::MergeOperator;
use crate::range_del::{Fragments, RangeTombstone};
use crate::table::{Looked, Table};
use crate::version::{LEVEL_COUNT, Version};

/// What is asked.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// The user key.
    pub user_key: &'a [u8],
    /// The newest sequence number that is visible.
    pub sequence: SequenceNumber,
    /// Whether a file may be read.
    pub mode: ReadMode,
    /// The family's merge operator.
    pub operator: Option<&'a dyn MergeOperator>,
}

/// Takes the value from where it lies; one of its calls comes, once.
pub trait Take {
    /// An entry of a memtable.
    fn in_memtable(&mut self, entry: &Found<'_>);
    /// A part of a block.
    fn in_block(&mut self, block: &Block, value: &[u8]);
    /// What a merge made.
    fn merged(&mut self, value: &[u8]);
    /// Whether the value itself is of no interest, only that there is one.
    fn wants_presence_only(&self) -> bool {
        false
    }
}

/// A copy.
impl Take for Option<Vec<u8>> {
    fn in_memtable(&mut self, entry: &Found<'_>) {
        *self = Some(entry.value().to_vec());
    }
    fn in_block(&mut self, _: &Block, value: &[u8]) {
        *self = Some(value.to_vec());
    }
    fn merged(&mut self, value: &[u8]) {
        *self = Some(value.to_vec());
    }
}

/// Presence.
impl Take for bool {
    fn in_memtable(&mut self, _: &Found<'_>) {
        *self = true;
    }
    fn in_block(&mut self, _: &Block, _: &[u8]) {
        *self = true;
    }
    fn merged(&mut self, _: &[u8]) {
        *self = true;
    }
    fn wants_presence_only(&self) -> bool {
        true
    }
}

/// A value where it lies.
#[derive(Clone)]
pub enum Pinned {
    /// The entry of a memtable on which the walk stands.
    Memtable(MemtableIter),
    /// A part of a block.
    Block(Block, Range<usize>),
    /// Bytes of its own: what a merge made.
    Owned(Vec<u8>),
}

impl Pinned {
    /// The value.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Pinned::Memtable(iter) => iter.value(),
            Pinned::Block(block, range) => block.get(range.clone()).unwrap_or_default(),
            Pinned::Owned(bytes) => bytes,
        }
    }
}

impl Take for Option<Pinned> {
    fn in_memtable(&mut self, entry: &Found<'_>) {
        *self = Some(Pinned::Memtable(entry.pin()));
    }
    fn in_block(&mut self, block: &Block, value: &[u8]) {
        let start = value.as_ptr().addr().wrapping_sub(block.as_ptr().addr());
        let range = start..start.wrapping_add(value.len());
        let lies_within = block.get(range.clone()).is_some_and(|there| there.as_ptr() == value.as_ptr());
        *self = Some(match lies_within {
            true => Pinned::Block(block.clone(), range),
            false => Pinned::Owned(value.to_vec()),
        });
    }
    fn merged(&mut self, value: &[u8]) {
        *self = Some(Pinned::Owned(value.to_vec()));
    }
}

/// Asks the memtables, newest first, and then the tables ([`tables_for`] gives their order) with their range tombstones, clipped to the
/// tables' bounds. `take` hears of the value, if there is one.
///
/// # Errors
/// Damage, failed reads, a merge that is refused; [`ReadError::NotCached`] where a file would have to be read and may not.
pub fn point<'s, S: BlockSource<ReadError>, K: Take>(
    query: &Query<'_>,
    memtables: impl Iterator<Item = &'s Memtable>,
    tables: impl Iterator<Item = (&'s Table, &'s Fragments)>,
    source: &S,
    take: &mut K,
) -> Result<(), ReadError> {
    let (user_key, sequence) = (query.user_key, query.sequence);
    let seek_key = SeekKey::new(user_key, sequence);
    let mut lookup = Lookup::default();
    lookup.start(sequence);
    let (mut failed, presence) = (None, take.wants_presence_only());
    for memtable in memtables.filter(|m| !m.is_empty()) {
        lookup.delete_before(memtable.covering(user_key, sequence));
        memtable.get(&seek_key, |entry| match lookup.meet(entry.key(), entry.value()) {
            Ok(Met::Value) => {
                take.in_memtable(entry);
                false
            }
            Ok(met) => met == Met::More,
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        if lookup.is_done() || failed.is_some() {
            break;
        }
    }
    for (table, tombstones) in tables {
        if lookup.is_done() || failed.is_some() {
            break;
        }
        lookup.delete_before(tombstones.covering(user_key, sequence));
        let visit = &mut |block: &Block, key: &[u8], value: &[u8]| match lookup.meet(key, value) {
            Ok(Met::Value) => {
                take.in_block(block, value);
                false
            }
            Ok(met) => met == Met::More,
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        let looked = match presence {
            true => table.probe(source, query.mode, &seek_key, &mut NoTrace, visit)?,
            false => table.get_in_place(source, query.mode, &seek_key, &mut NoTrace, visit)?,
        };
        if looked == Looked::NotCached {
            return Err(ReadError::NotCached);
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if lookup.has_operands() {
        if presence {
            // A key with operands has a value, whatever the merge makes of them.
            take.merged(&[]);
        } else if let Some(value) = lookup.finish(user_key, query.operator)? {
            take.merged(value);
        }
    }
    Ok(())
}

/// The tables of a version whose range holds the key, newest first: level 0 by age, then one per level.
pub fn tables_for<'a>(version: &'a Version, user_key: &'a [u8]) -> impl Iterator<Item = &'a NewFile> {
    let in_range = move |meta: &&alloc::sync::Arc<NewFile>| {
        key::user_key(&meta.smallest) <= user_key && user_key <= key::user_key(&meta.largest)
    };
    let first = version.level(0).iter().filter(in_range);
    let deeper = (1..LEVEL_COUNT).flat_map(move |level| version.overlapping(level, user_key, user_key));
    first.chain(deeper).map(|meta| &**meta)
}

/// A tombstone within the bounds of its table: beyond them other tables of the level hold its continuation, or nothing does.
pub fn clip(tombstone: &RangeTombstone, meta: &NewFile) -> Option<RangeTombstone> {
    let open_end = key::pack(SEQUENCE_MAX, ValueType::RangeDeletion as u8);
    let mut last = key::user_key(&meta.largest).to_vec();
    if key::packed_trailer(&meta.largest) != open_end {
        last.push(0);
    }
    let begin = tombstone.begin.clone().max(key::user_key(&meta.smallest).to_vec());
    let end = tombstone.end.clone().min(last);
    (begin < end).then_some(RangeTombstone { begin, end, sequence: tombstone.sequence })
}
