//! Reads through storage, without effects: the one small trait that a caller implements so that a core can read blocks.
//!
//! A core asks for a block by file, offset and stored length and says how to decode it; the source answers from its cache,
//! or reads the stored bytes, has them decoded (checksum checked, decompressed) once, and keeps the result.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::io::FileNumber;

/// Where a block is stored: `len` bytes at `offset` of `file`, trailer included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    /// The file, as the caller numbers its files.
    pub file: FileNumber,
    /// First byte of the block in the file.
    pub offset: u64,
    /// Stored length, any trailer included.
    pub len: u32,
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReadMode {
    /// Answer only from memory; a miss is `Ok(None)`.
    CacheOnly,
    /// Read the file on a miss.
    #[default]
    MayBlock,
    /// Read on a miss, and do not keep the block (compactions, verification).
    Bypass,
}

/// A decoded block, shared and immutable. Cloning counts a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block(Arc<[u8]>);

impl Block {
    /// Takes over decoded bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Block(bytes.into())
    }
}

impl Deref for Block {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Turns stored bytes into a decoded block: checks the checksum, decompresses.
pub type Decode<'a, E> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>, E>;

/// A source of blocks. `E` is the caller's read error; the source turns its own failures into it.
pub trait BlockSource<E> {
    /// The block `id`, decoded by `decode` if it was not in memory.
    ///
    /// `Ok(None)` happens only with [`ReadMode::CacheOnly`]. A file shorter than `id` promises is an error of the source,
    /// never a short block. `decode` runs at most once per call and only on a miss.
    fn block(&self, id: BlockId, mode: ReadMode, decode: Decode<'_, E>) -> Result<Option<Block>, E>;
}

impl<E, S: BlockSource<E> + ?Sized> BlockSource<E> for &S {
    fn block(&self, id: BlockId, mode: ReadMode, decode: Decode<'_, E>) -> Result<Option<Block>, E> {
        (**self).block(id, mode, decode)
    }
}

impl<E, S: BlockSource<E> + ?Sized> BlockSource<E> for Arc<S> {
    fn block(&self, id: BlockId, mode: ReadMode, decode: Decode<'_, E>) -> Result<Option<Block>, E> {
        (**self).block(id, mode, decode)
    }
}
