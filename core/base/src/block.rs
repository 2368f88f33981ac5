//! Reads through storage, without effects: the one small trait that a caller implements so that a core can read blocks.
//!
//! ```text
//! core:    block(id, mode, decode) ─────────────────▶ source: in memory? ── yes ─▶ a reference more to it
//!                                                       │ no
//!                                                       ▼ reads the stored bytes into a BlockBuf
//!          decode(Stored) ◀──────────────────────────── checks them once, and
//!             raw block:        the same buffer, frozen to the range that is content      no copy
//!             compressed block: expanded into a second buffer, which becomes the block    no copy
//!          Block ───────────────────────────────────▶ source keeps a reference, the reader gets one
//! ```
//! A core asks for a block by file, offset and stored length and says how to decode it; the source answers from its cache,
//! or reads the stored bytes, has them decoded (checksum checked, decompressed) once, and keeps the result.
//!
//! A [`Block`] is immutable and shared, a range of counted bytes: [`Block::slice`] pins a value inside a block without copying it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut, Range};

use crate::io::{FileNumber, IoError};

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
    /// Read the file whatever is in memory, and do not keep the block (compactions, verification).
    Bypass,
}

/// Bytes that become a block: nobody else sees them yet, so that they can be written to.
#[derive(Debug)]
pub struct BlockBuf(Arc<[u8]>);

impl BlockBuf {
    /// `len` zeros, allocated where the block's bytes will stay.
    pub fn zeroed(len: usize) -> Self {
        BlockBuf(core::iter::repeat_n(0, len).collect())
    }

    /// The block of all its bytes.
    pub fn freeze(self) -> Block {
        let end = self.0.len();
        Block { bytes: self.0, start: 0, end }
    }
}

impl From<&[u8]> for BlockBuf {
    fn from(bytes: &[u8]) -> Self {
        BlockBuf(bytes.into())
    }
}

impl Deref for BlockBuf {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for BlockBuf {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        Arc::get_mut(&mut self.0).expect("a buffer is shared only once it is frozen into a block")
    }
}

/// A decoded block, or a range of one: shared and immutable. Cloning counts a reference.
#[derive(Clone)]
pub struct Block {
    bytes: Arc<[u8]>,
    start: usize,
    end: usize,
}

impl Block {
    /// Takes over decoded bytes. They are copied once, into the allocation that is counted; [`BlockBuf`] avoids that.
    pub fn new(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Block { bytes: bytes.into(), start: 0, end }
    }

    /// The bytes in `range` of this block, without copying them: the whole block stays in memory as long as the slice lives. `None` if the
    /// range is not within it.
    pub fn slice(&self, range: Range<usize>) -> Option<Block> {
        if range.start > range.end || range.end > self.len() {
            return None;
        }
        let (start, end) = (self.start + range.start, self.start + range.end);
        Some(Block { bytes: self.bytes.clone(), start, end })
    }

    /// Bytes that it keeps in memory, which are more than its length if it is a slice or was stored with a trailer.
    pub fn memory_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Deref for Block {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        **self == **other
    }
}

impl Eq for Block {}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Block").field(&&**self).finish()
    }
}

/// A block as it was stored, for its decoder.
#[derive(Debug)]
pub enum Stored<'a> {
    /// Read for this call: a raw block keeps the buffer.
    Owned(BlockBuf),
    /// Somebody else's memory (an image, a mapped file): a raw block is copied out of it.
    Borrowed(&'a [u8]),
}

impl Stored<'_> {
    /// The bytes in `range` as a block. `None` if the range is not within them.
    pub fn into_block(self, range: Range<usize>) -> Option<Block> {
        match self {
            Stored::Owned(buffer) => {
                let whole = buffer.freeze();
                let len = whole.len();
                if range == (0..len) { Some(whole) } else { whole.slice(range) }
            }
            Stored::Borrowed(bytes) => bytes.get(range).map(|bytes| BlockBuf::from(bytes).freeze()),
        }
    }

    /// All bytes as a block, for what is stored as it is.
    pub fn into_whole(self) -> Block {
        match self {
            Stored::Owned(buffer) => buffer.freeze(),
            Stored::Borrowed(bytes) => BlockBuf::from(bytes).freeze(),
        }
    }
}

impl Deref for Stored<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Stored::Owned(buffer) => buffer,
            Stored::Borrowed(bytes) => bytes,
        }
    }
}

/// A block that a source could not read. A core's error says how it is made of one, so that one source of files serves every core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFailed {
    /// Which block.
    pub id: BlockId,
    /// The reason.
    pub error: IoError,
}

/// Turns stored bytes into a decoded block: checks the checksum, decompresses.
pub type Decode<'a, E> = &'a dyn Fn(Stored<'_>) -> Result<Block, E>;

/// A source of blocks. `E` is the caller's read error; the source turns its own failures into it.
pub trait BlockSource<E> {
    /// The block `id`, decoded by `decode` if it was not in memory.
    ///
    /// `Ok(None)` happens only with [`ReadMode::CacheOnly`]. A file shorter than `id` promises is an error of the source,
    /// never a short block. `decode` runs at most once per call and only on a miss.
    ///
    /// # Errors
    /// What the source could not read, as the caller's error; or what `decode` says.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_becomes_a_block_in_place() {
        let mut buffer = BlockBuf::zeroed(8);
        buffer[..3].copy_from_slice(b"abc");
        let at = buffer.as_ptr();
        let whole = Stored::Owned(buffer).into_whole();
        assert_eq!((&whole[..], whole.as_ptr()), (&b"abc\0\0\0\0\0"[..], at));
        let slice = whole.slice(1..3).unwrap();
        assert_eq!((&slice[..], slice.as_ptr(), slice.memory_len()), (&b"bc"[..], at.wrapping_add(1), 8));
        let inner = slice.slice(1..2).unwrap();
        assert_eq!(inner, Block::new(b"c".to_vec()));
    }

    #[test]
    fn a_range_outside_is_no_block() {
        let whole = Block::new(b"abc".to_vec());
        let slice = whole.slice(0..2).unwrap();
        assert_eq!(slice.slice(0..3), None, "beyond the slice, though within its bytes");
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let reversed = whole.slice(2..1);
        assert_eq!(reversed, None);
        assert_eq!(Stored::Borrowed(b"abc").into_block(1..4), None);
        assert_eq!(Stored::Owned(BlockBuf::from(&b"abc"[..])).into_block(1..4), None);
        assert_eq!(Stored::Borrowed(b"abc").into_block(1..2), Some(Block::new(b"b".to_vec())));
        assert_eq!(Stored::Owned(BlockBuf::from(&b"abc"[..])).into_block(3..3), Some(Block::new(Vec::new())));
    }
}
