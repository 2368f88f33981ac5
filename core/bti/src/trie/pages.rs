//! The pages of one file behind a source of blocks; the last one used is held, so that a run of nodes in it costs nothing.

use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockId, BlockSource, ReadMode, Stored};
use dolmen_base::trace::{Step, Trace};

use super::PAGE_LEN;
use super::node::Node;
use crate::component::Component;
use crate::error::{Damage, ReadError};

/// Pages of one component, for walks.
#[derive(Debug)]
pub struct Pages<S, T> {
    source: S,
    trace: T,
    component: Component,
    file_len: u64,
    mode: ReadMode,
    /// Number and bytes of the page used last, and of one that every walk begins in.
    current: Option<(u64, Block)>,
    pinned: Option<(u64, Block)>,
    asked: u64,
}

impl<S: BlockSource<ReadError>, T: Trace> Pages<S, T> {
    /// The pages of `component`, whose file has `file_len` bytes. Pages are asked of `source` as blocks at multiples of [`PAGE_LEN`], the last one
    /// cut off at the end of the file.
    pub fn new(source: S, component: Component, file_len: u64, mode: ReadMode, trace: T) -> Self {
        Pages { source, trace, component, file_len, mode, current: None, pinned: None, asked: 0 }
    }

    /// Bytes of the file.
    pub const fn file_len(&self) -> u64 {
        self.file_len
    }

    /// How many pages were asked of the source so far.
    pub const fn asked(&self) -> u64 {
        self.asked
    }

    /// What listened so far.
    pub const fn trace(&self) -> &T {
        &self.trace
    }

    /// Damage at a place of the file.
    pub const fn corrupt(&self, at: u64, what: Damage) -> ReadError {
        ReadError::corrupt(self.component, at, what)
    }

    /// The node at a position.
    ///
    /// # Errors
    /// Damage of the node; what the source could not read.
    #[inline]
    pub fn node(&mut self, position: u64) -> Result<Node<'_>, ReadError> {
        let component = self.component;
        let page = self.page(position)?;
        Node::parse(page, position).map_err(|what| ReadError::corrupt(component, position, what))
    }

    /// Holds the page of a position beside the one used last: that of a root.
    ///
    /// # Errors
    /// As [`Pages::page`].
    pub fn pin(&mut self, position: u64) -> Result<(), ReadError> {
        self.page(position)?;
        self.pinned.clone_from(&self.current);
        Ok(())
    }

    /// The bytes of the page that holds a position.
    ///
    /// # Errors
    /// A position outside the file; what the source could not read.
    #[inline]
    pub fn page(&mut self, position: u64) -> Result<&[u8], ReadError> {
        let number = position / PAGE_LEN;
        let holds = |page: &Option<(u64, Block)>| page.as_ref().is_some_and(|(held, _)| *held == number);
        let pinned = holds(&self.pinned);
        if !pinned && !holds(&self.current) {
            self.current = Some((number, self.fetch(position)?));
        }
        let page = if pinned { &self.pinned } else { &self.current };
        Ok(page.as_ref().map_or(&[], |(_, block)| block))
    }

    #[inline(never)]
    fn fetch(&mut self, position: u64) -> Result<Block, ReadError> {
        if position >= self.file_len {
            return Err(self.corrupt(position, Damage::Range { found: position, max: self.file_len }));
        }
        let offset = position - position % PAGE_LEN;
        let len = PAGE_LEN.min(self.file_len - offset) as u32;
        let id = BlockId { file: self.component.file(), offset, len };
        self.asked += 1;
        let decode = |stored: Stored<'_>| Ok(stored.into_whole());
        if T::ENABLED {
            let held = self.source.block(id, ReadMode::CacheOnly, &decode)?;
            self.trace.step(Step::Block { file: id.file, offset, len, cached: held.is_some() });
        }
        let block = self.source.block(id, self.mode, &decode)?;
        let block = block.ok_or(ReadError::NotCached { component: self.component, at: offset })?;
        if block.len() != len as usize {
            let what = Damage::Mismatch { expected: u64::from(len), found: block.len() as u64 };
            return Err(self.corrupt(offset, what));
        }
        Ok(block)
    }

    /// Appends `len` bytes from `position` on, of as many pages as they lie in.
    ///
    /// # Errors
    /// A range that leaves the file; what the source could not read.
    pub fn read(&mut self, position: u64, len: usize, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let end = position.saturating_add(len as u64);
        if end > self.file_len {
            return Err(self.corrupt(position, Damage::Range { found: end, max: self.file_len }));
        }
        let mut at = position;
        while at < end {
            let page = self.page(at)?;
            let from = (at % PAGE_LEN) as usize;
            let taken = ((end - at) as usize).min(page.len() - from);
            out.extend_from_slice(&page[from..from + taken]);
            at += taken as u64;
        }
        Ok(())
    }
}
