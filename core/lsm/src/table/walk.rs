//! A position among the data blocks of a table: in a flat index, or in a partition of a two-level one.

use dolmen_base::block::{BlockSource, ReadMode};

use super::reader::Table;
use crate::error::{Part, ReadError};
use crate::footer::BlockHandle;
use crate::index::Index;

/// Why a block cannot be had.
pub(super) enum Miss {
    /// It is not in memory and the read may not block.
    NotCached,
    /// It cannot be read.
    Failed(ReadError),
}

impl From<ReadError> for Miss {
    fn from(error: ReadError) -> Self {
        Miss::Failed(error)
    }
}

/// A position among data blocks; behind the last one if `handle` is `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockWalk {
    /// Position in the top level; unused with a flat index.
    top: usize,
    /// The partition at `top`; unused with a flat index.
    partition: Index,
    /// Position in the partition or in the flat index.
    at: usize,
}

impl BlockWalk {
    fn index<'i>(&'i self, table: &'i Table) -> &'i Index {
        if table.two_level { &self.partition } else { &table.index }
    }

    /// The block here.
    pub fn handle(&self, table: &Table) -> Option<BlockHandle> {
        self.index(table).handle(self.at)
    }

    /// The separator behind the block here; only where there is one.
    pub fn separator<'i>(&'i self, table: &'i Table) -> &'i [u8] {
        self.index(table).key(self.at)
    }

    /// To the block where the first entry ≥ `target` is, if it exists.
    pub fn seek<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
        target: &[u8],
    ) -> Result<(), Miss> {
        if table.two_level {
            self.load(table, source, mode, table.index.seek(target))?;
        }
        self.at = self.index(table).seek(target);
        self.skip_forward(table, source, mode)
    }

    /// To the first block.
    pub fn seek_to_first<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
    ) -> Result<(), Miss> {
        if table.two_level {
            self.load(table, source, mode, 0)?;
        }
        self.at = 0;
        self.skip_forward(table, source, mode)
    }

    /// To the last block.
    pub fn seek_to_last<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
    ) -> Result<(), Miss> {
        if table.two_level {
            self.load(table, source, mode, table.index.len().saturating_sub(1))?;
        }
        self.at = self.index(table).len();
        self.prev(table, source, mode)
    }

    /// To the block behind this one.
    pub fn next<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
    ) -> Result<(), Miss> {
        self.at += 1;
        self.skip_forward(table, source, mode)
    }

    /// To the block before this one; behind the last one if this is the first.
    pub fn prev<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
    ) -> Result<(), Miss> {
        while self.at == 0 {
            if !table.two_level || self.top == 0 {
                self.top = table.index.len();
                self.partition = Index::default();
                self.at = usize::MAX;
                return Ok(());
            }
            self.load(table, source, mode, self.top - 1)?;
            self.at = self.partition.len();
        }
        self.at -= 1;
        Ok(())
    }

    /// Past the end of a partition to the start of the next one that is not empty.
    fn skip_forward<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
    ) -> Result<(), Miss> {
        while table.two_level && self.at >= self.partition.len() && self.top < table.index.len() {
            self.load(table, source, mode, self.top + 1)?;
            self.at = 0;
        }
        Ok(())
    }

    fn load<S: BlockSource<ReadError>>(
        &mut self,
        table: &Table,
        source: &S,
        mode: ReadMode,
        top: usize,
    ) -> Result<(), Miss> {
        self.top = top;
        self.partition = Index::default();
        if let Some(handle) = table.index.handle(top) {
            let block = table.read_part(source, mode, handle, Part::IndexBlock)?;
            let parsed = Index::parse(&block, table.index_form, Part::IndexBlock);
            self.partition = parsed.map_err(|e| table.locate(e, handle))?;
        }
        Ok(())
    }
}
