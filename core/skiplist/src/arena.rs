//! Memory for nodes and entries: chunks that never move and are freed together.

use crate::Error;
use alloc::alloc::{Layout, alloc, dealloc};
use alloc::vec::Vec;
use core::ptr::null_mut;

pub(crate) struct Arena {
    chunks: Vec<(*mut u8, Layout)>,
    at: *mut u8,
    left: usize,
    used: usize,
    reserved: usize,
    /// Of all that is taken.
    align: usize,
    next_len: usize,
}

/// How far an arena was used up.
pub(crate) struct Mark {
    at: *mut u8,
    left: usize,
    used: usize,
}

// SAFETY: the arena owns its chunks.
unsafe impl Send for Arena {}

impl Arena {
    /// Everything that is taken is aligned to `align`, a power of two.
    pub(crate) fn new(align: usize) -> Self {
        Self {
            chunks: Vec::new(),
            at: null_mut(),
            left: 0,
            used: 0,
            reserved: 0,
            align,
            next_len: CHUNK_LEN_MIN,
        }
    }

    /// `len > 0` bytes, not initialised.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<*mut u8, Error> {
        let len = len.checked_next_multiple_of(self.align).ok_or(Error::TooLong)?;
        let at = if len <= self.left {
            self.bump(len)
        } else if len > self.next_len / 4 {
            // What is large gets a chunk of its own, so that the rest of the present one is not lost.
            self.chunk(len)?
        } else {
            self.begin_chunk()?;
            self.bump(len)
        };
        self.used += len;
        Ok(at)
    }

    /// Makes sure that the next `len` bytes, a small part of a chunk, can be had.
    #[inline]
    pub(crate) fn ensure(&mut self, len: usize) -> Result<(), Error> {
        if len > self.left { self.begin_chunk() } else { Ok(()) }
    }

    /// What a later call gives back to.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark { at: self.at, left: self.left, used: self.used }
    }

    /// Gives back what was taken since the mark, which nobody knows of any more; what had to have a chunk of its own, or to begin one, stays
    /// taken.
    pub(crate) fn give_back(&mut self, mark: Mark) {
        let begins_there = self.at.addr() == mark.at.addr() + (mark.left.wrapping_sub(self.left));
        if begins_there && self.left < mark.left {
            (self.at, self.left, self.used) = (mark.at, mark.left, mark.used);
        }
    }

    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    #[inline]
    pub(crate) fn reserved(&self) -> usize {
        self.reserved
    }

    #[inline]
    fn bump(&mut self, len: usize) -> *mut u8 {
        let at = self.at;
        // SAFETY: `take` checked that `len` bytes are left in the chunk.
        self.at = unsafe { at.add(len) };
        self.left -= len;
        at
    }

    #[cold]
    fn begin_chunk(&mut self) -> Result<(), Error> {
        let len = self.next_len;
        self.at = self.chunk(len)?;
        self.left = len;
        self.next_len = (2 * len).min(CHUNK_LEN_MAX);
        Ok(())
    }

    #[cold]
    fn chunk(&mut self, len: usize) -> Result<*mut u8, Error> {
        // The largest chunks begin where one large page can take them.
        let align = if len == CHUNK_LEN_MAX { CHUNK_LEN_MAX } else { self.align };
        let layout = Layout::from_size_align(len, align).map_err(|_| Error::TooLong)?;
        self.chunks.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        // SAFETY: `take` is called with `len > 0`, and a chunk is not empty, so the layout is not.
        let at = unsafe { alloc(layout) };
        if at.is_null() {
            return Err(Error::OutOfMemory);
        }
        self.chunks.push((at, layout));
        self.reserved += len;
        Ok(at)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for &(at, layout) in &self.chunks {
            // SAFETY: each chunk was allocated with this layout and is freed once.
            unsafe { dealloc(at, layout) };
        }
    }
}

/// What little is in takes little memory, and more chunks are not asked for than powers of two and the memory's length in large pages.
const CHUNK_LEN_MIN: usize = 64 << 10;
const CHUNK_LEN_MAX: usize = 2 << 20;
