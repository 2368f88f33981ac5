//! Flush: memtables, merged, become one table of level 0, in bounded steps.

use alloc::vec::Vec;

use crate::codecs::Codecs;
use crate::error::ReadError;
use crate::iter::InternalIterator;
use crate::range_del::RangeTombstone;
use crate::table::{TableBuilder, TableOptions, TableSummary};

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call `step` again.
    More,
    /// The file is whole once the bytes given so far are in it. `None`: there was no entry, so there is no table to keep.
    Done(Option<TableSummary>),
}

/// Writes the table of one flush; the caller appends the bytes of each step to the file.
pub struct FlushJob<I> {
    iter: I,
    builder: Option<TableBuilder>,
    last_key: Vec<u8>,
    started: bool,
}

impl<I: InternalIterator> FlushJob<I> {
    /// Over all entries of the memtables and their range tombstones.
    pub fn new(
        iter: I,
        tombstones: impl IntoIterator<Item = RangeTombstone>,
        options: TableOptions,
        codecs: &Codecs,
    ) -> Self {
        let mut builder = TableBuilder::new(options, codecs);
        tombstones.into_iter().for_each(|t| builder.add_range_tombstone(t));
        FlushJob { iter, builder: Some(builder), last_key: Vec::new(), started: false }
    }

    /// Takes at most `entry_count_max` entries and appends what they make of the file to `out`. After an error or the end every
    /// further call is `Done(None)`.
    pub fn step(&mut self, entry_count_max: usize, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        let Some(mut builder) = self.builder.take() else { return Ok(Progress::Done(None)) };
        if !core::mem::replace(&mut self.started, true) {
            self.iter.seek_to_first()?;
        }
        for _ in 0..entry_count_max {
            if !self.iter.valid() {
                let summary = builder.finish(out);
                return Ok(Progress::Done((summary.entry_count > 0).then_some(summary)));
            }
            // Two memtables can hold one write, where a log was replayed twice.
            if self.last_key != self.iter.key() {
                builder.add(self.iter.key(), self.iter.value(), out)?;
                self.last_key.clear();
                self.last_key.extend_from_slice(self.iter.key());
            }
            self.iter.next()?;
        }
        self.builder = Some(builder);
        Ok(Progress::More)
    }
}
