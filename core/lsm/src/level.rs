//! One sorted level as a single walk: its tables end to end, each opened only when the walk reaches it.
//!
//! ```text
//!  level   [a──d] [e──k]      [p──t] [t──z]
//!  seek m ─ search the bounds ──▶ ▲ open this one, no other
//! ```
//! So a walk over a level of a thousand tables is one child of a merge and holds one table's block.
//!
//! Invariants: the tables are in order and do not overlap; while valid, `current` is the table that holds the entry; after an error there is none.

use alloc::sync::Arc;

use crate::edit::NewFile;
use crate::error::ReadError;
use crate::iter::InternalIterator;
use crate::key::compare;
use crate::version::Version;

/// Gives a walk over a table when it is asked for one. Range tombstones are not part of the walk.
pub trait OpenTable {
    /// The walk, not positioned.
    type Iter: InternalIterator;
    /// Begins one.
    ///
    /// # Errors
    /// A table that cannot be opened.
    fn open(&self, file: &NewFile) -> Result<Self::Iter, ReadError>;
}

impl<I: InternalIterator, F: Fn(&NewFile) -> Result<I, ReadError>> OpenTable for F {
    type Iter = I;
    fn open(&self, file: &NewFile) -> Result<I, ReadError> {
        self(file)
    }
}

/// The tables of one sorted level (1 or deeper) of a version; nothing is copied.
#[derive(Clone, Debug)]
pub struct Level {
    /// The version.
    pub version: Arc<Version>,
    /// Which level.
    pub number: usize,
}

impl AsRef<[Arc<NewFile>]> for Level {
    fn as_ref(&self) -> &[Arc<NewFile>] {
        self.version.level(self.number)
    }
}

/// The walk over sorted tables `F`: a [`Level`], or the `Vec` of a compaction's inputs.
pub struct LevelIter<F, O: OpenTable> {
    files: F,
    opener: O,
    /// The table that is open and its place in `files`.
    current: Option<(usize, O::Iter)>,
}

impl<F: AsRef<[Arc<NewFile>]>, O: OpenTable> LevelIter<F, O> {
    /// A walk that is not positioned; nothing is opened yet.
    pub const fn new(files: F, opener: O) -> Self {
        LevelIter { files, opener, current: None }
    }

    /// Opens the table at `index`, unless it is open, and moves in it; `None` and a place behind the end leave no table.
    fn enter(
        &mut self,
        index: Option<usize>,
        place: impl FnOnce(&mut O::Iter) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let file = index.and_then(|i| Some((i, self.files.as_ref().get(i)?)));
        let (index, mut iter) = match (file, self.current.take()) {
            (None, _) => return Ok(()),
            (Some((index, _)), Some((open, iter))) if index == open => (index, iter),
            (Some((index, file)), _) => (index, self.opener.open(file)?),
        };
        place(&mut iter)?;
        self.current = Some((index, iter));
        Ok(())
    }

    /// From the end of a table to the first entry behind it.
    fn roll_forward(&mut self) -> Result<(), ReadError> {
        while let Some(index) = self.exhausted() {
            self.enter(index.checked_add(1), |i| i.seek_to_first())?;
        }
        Ok(())
    }

    /// From the start of a table to the last entry before it.
    fn roll_backward(&mut self) -> Result<(), ReadError> {
        while let Some(index) = self.exhausted() {
            self.enter(index.checked_sub(1), |i| i.seek_to_last())?;
        }
        Ok(())
    }

    /// The place of the open table if the walk has left it.
    fn exhausted(&self) -> Option<usize> {
        self.current.as_ref().filter(|(_, iter)| !iter.valid()).map(|(index, _)| *index)
    }
}

impl<F: AsRef<[Arc<NewFile>]>, O: OpenTable> InternalIterator for LevelIter<F, O> {
    #[inline]
    fn valid(&self) -> bool {
        self.current.as_ref().is_some_and(|(_, iter)| iter.valid())
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |(_, iter)| iter.key())
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |(_, iter)| iter.value())
    }

    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.enter(Some(0), |i| i.seek_to_first())?;
        self.roll_forward()
    }

    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.enter(self.files.as_ref().len().checked_sub(1), |i| i.seek_to_last())?;
        self.roll_backward()
    }

    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        let first = self.files.as_ref().partition_point(|f| compare(&f.largest, target).is_lt());
        self.enter(Some(first), |i| i.seek(target))?;
        self.roll_forward()
    }

    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        let behind = self.files.as_ref().partition_point(|f| compare(&f.smallest, target).is_le());
        self.enter(behind.checked_sub(1), |i| i.seek_for_prev(target))?;
        self.roll_backward()
    }

    #[inline]
    fn next(&mut self) -> Result<(), ReadError> {
        let Some((_, iter)) = &mut self.current else { return Ok(()) };
        if let Err(error) = iter.next() {
            self.current = None;
            return Err(error);
        }
        if iter.valid() { Ok(()) } else { self.roll_forward() }
    }

    #[inline]
    fn prev(&mut self) -> Result<(), ReadError> {
        let Some((_, iter)) = &mut self.current else { return Ok(()) };
        if let Err(error) = iter.prev() {
            self.current = None;
            return Err(error);
        }
        if iter.valid() { Ok(()) } else { self.roll_backward() }
    }
}
