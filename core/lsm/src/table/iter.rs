//! An ordered walk over a table, in both directions.

use core::ops::Deref;

use dolmen_base::block::{Block, BlockSource, ReadMode};

use super::reader::{Table, prefetch_block};
use super::walk::{BlockWalk, Miss};
use crate::block::{BlockCursor, Layout};
use crate::error::{Damage, Part, ReadError};
use crate::footer::BlockHandle;
use crate::iter::InternalIterator;
use crate::key;

/// Iterates over the point entries of a table (range tombstones are [`Table::range_tombstones`]). Steps do not allocate; one
/// block is held at a time.
///
/// `T` is `&Table` or `Arc<Table>`, `S` a source or a reference to one. With [`ReadMode::CacheOnly`] a move that needs a block from a file is
/// answered [`ReadError::NotCached`], and the walk is not positioned then.
#[derive(Clone, Debug)]
pub struct TableIter<T, S> {
    table: T,
    source: S,
    mode: ReadMode,
    walk: BlockWalk,
    /// The block that `cursor` stands in and where it came from.
    block: Option<(BlockHandle, Block)>,
    cursor: BlockCursor,
}

impl<T: Deref<Target = Table>, S: BlockSource<ReadError>> TableIter<T, S> {
    /// A walk that is not positioned yet.
    pub fn new(table: T, source: S, mode: ReadMode) -> Self {
        let cursor = BlockCursor::new(Layout::EMPTY, Part::DataBlock);
        TableIter { table, source, mode, walk: BlockWalk::default(), block: None, cursor }
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Behind an error: to the first entry of the block behind the one that could not be read. It fails again where that one cannot be read
    /// either; called often enough it comes to the end of the table.
    ///
    /// # Errors
    /// Damage and failed reads.
    pub fn skip_block(&mut self) -> Result<(), ReadError> {
        let result = self.try_skip_block();
        self.finish(result)
    }

    fn try_skip_block(&mut self) -> Result<(), Miss> {
        self.walk.next(&self.table, &self.source, self.mode)?;
        if self.load()? {
            self.in_block(|cursor, block| cursor.seek_to_first(block))?;
        }
        self.roll_forward()
    }

    /// Loads the block where the walk stands; false behind the last one.
    fn load(&mut self) -> Result<bool, Miss> {
        let Some(handle) = self.walk.handle(&self.table) else {
            self.block = None;
            self.cursor.invalidate();
            return Ok(false);
        };
        if self.block.as_ref().is_some_and(|(held, _)| *held == handle) {
            return Ok(true);
        }
        self.block = None;
        let block = self.table.read_part(&self.source, self.mode, handle, Part::DataBlock)?;
        let layout = Layout::parse(&block, Part::DataBlock).map_err(|e| self.table.locate(e, handle))?;
        self.cursor.reset(layout);
        self.block = Some((handle, block));
        Ok(true)
    }

    /// Runs a move of the cursor in its block; errors get the block's place.
    fn in_block(
        &mut self,
        step: impl FnOnce(&mut BlockCursor, &[u8]) -> Result<(), ReadError>,
    ) -> Result<(), Miss> {
        match &self.block {
            Some((handle, block)) => {
                step(&mut self.cursor, block).map_err(|e| Miss::Failed(self.table.locate(e, *handle)))
            }
            None => Ok(()),
        }
    }

    /// From the end of a block to the first entry behind it.
    fn roll_forward(&mut self) -> Result<(), Miss> {
        while !self.cursor.valid() && self.block.is_some() {
            self.walk.next(&self.table, &self.source, self.mode)?;
            if self.load()? {
                self.in_block(|cursor, block| cursor.seek_to_first(block))?;
            }
        }
        Ok(())
    }

    /// From the start of a block to the last entry before it.
    fn roll_backward(&mut self) -> Result<(), Miss> {
        while !self.cursor.valid() && self.block.is_some() {
            self.walk.prev(&self.table, &self.source, self.mode)?;
            if self.load()? {
                self.in_block(|cursor, block| cursor.seek_to_last(block))?;
            }
        }
        Ok(())
    }

    /// Turns a miss into an error, and an error into an iterator that is not valid.
    fn finish(&mut self, result: Result<(), Miss>) -> Result<(), ReadError> {
        let error = match result {
            Ok(()) => return Ok(()),
            Err(Miss::Failed(error)) => error,
            Err(Miss::NotCached) if self.mode == ReadMode::CacheOnly => ReadError::NotCached,
            // A source that may block has broken its contract.
            Err(Miss::NotCached) => {
                ReadError::corrupt(Part::DataBlock, 0, Damage::Missing).in_file(self.table.file(), 0)
            }
        };
        self.block = None;
        self.cursor.invalidate();
        Err(error)
    }

    fn try_seek(&mut self, target: &[u8]) -> Result<(), Miss> {
        self.walk.seek(&self.table, &self.source, self.mode, target)?;
        self.load()?;
        self.in_block(|cursor, block| {
            prefetch_block(block);
            cursor.seek_internal(block, target)
        })?;
        self.roll_forward()
    }

    fn try_seek_to_first(&mut self) -> Result<(), Miss> {
        self.walk.seek_to_first(&self.table, &self.source, self.mode)?;
        self.load()?;
        self.in_block(|cursor, block| cursor.seek_to_first(block))?;
        self.roll_forward()
    }

    fn try_seek_to_last(&mut self) -> Result<(), Miss> {
        self.walk.seek_to_last(&self.table, &self.source, self.mode)?;
        self.load()?;
        self.in_block(|cursor, block| cursor.seek_to_last(block))?;
        self.roll_backward()
    }

    fn try_seek_for_prev(&mut self, target: &[u8]) -> Result<(), Miss> {
        self.try_seek(target)?;
        if !self.cursor.valid() {
            return self.try_seek_to_last();
        }
        if key::compare(self.cursor.key(), target).is_gt() {
            self.try_prev()?;
        }
        Ok(())
    }

    fn try_prev(&mut self) -> Result<(), Miss> {
        self.in_block(|cursor, block| cursor.prev(block))?;
        self.roll_backward()
    }

    #[cold]
    fn next_block(&mut self) -> Result<(), ReadError> {
        let result = self.roll_forward();
        self.finish(result)
    }
}

impl<T: Deref<Target = Table>, S: BlockSource<ReadError>> InternalIterator for TableIter<T, S> {
    #[inline]
    fn valid(&self) -> bool {
        self.cursor.valid()
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], |(_, block)| self.cursor.value(block))
    }

    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        let result = self.try_seek_to_first();
        self.finish(result)
    }

    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        let result = self.try_seek_to_last();
        self.finish(result)
    }

    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        let result = self.try_seek(target);
        self.finish(result)
    }

    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        let result = self.try_seek_for_prev(target);
        self.finish(result)
    }

    #[inline]
    fn next(&mut self) -> Result<(), ReadError> {
        let Some((handle, block)) = &self.block else { return Ok(()) };
        if let Err(error) = self.cursor.next(block) {
            let error = self.table.locate(error, *handle);
            return self.finish(Err(Miss::Failed(error)));
        }
        if self.cursor.valid() { Ok(()) } else { self.next_block() }
    }

    fn prev(&mut self) -> Result<(), ReadError> {
        let result = self.try_prev();
        self.finish(result)
    }
}
