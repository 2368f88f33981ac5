//! Memory for nodes: chunks that never move and are freed together.

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
}

// SAFETY: the arena owns its chunks.
unsafe impl Send for Arena {}

impl Arena {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), at: null_mut(), left: 0, used: 0, reserved: 0 }
    }

    /// `len > 0` bytes aligned to 8, not initialised.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<*mut u8, Error> {
        let len = len.checked_next_multiple_of(ALIGN).ok_or(Error::TooLong)?;
        let at = if len <= self.left {
            self.bump(len)
        } else if len > CHUNK_LEN / 4 {
            // A large node gets its own chunk, so that the rest of the present one is not lost.
            self.chunk(len)?
        } else {
            self.at = self.chunk(CHUNK_LEN)?;
            self.left = CHUNK_LEN;
            self.bump(len)
        };
        self.used += len;
        Ok(at)
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
    fn chunk(&mut self, len: usize) -> Result<*mut u8, Error> {
        let layout = Layout::from_size_align(len, ALIGN).map_err(|_| Error::TooLong)?;
        self.chunks.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        // SAFETY: `take` is called with `len > 0`, so the layout is not empty.
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

const ALIGN: usize = 8;
const CHUNK_LEN: usize = 1 << 20;
