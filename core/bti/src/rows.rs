//! Rows.db: the blocks of rows of each partition that has more than one (`RowIndexReader.java`, `RowIndexWriter.java`, `TrieIndexEntry.java`).
//!
//! ```text
//! per partition: trie, its root last
//!                key: short-bytes                     <- the position that Partitions.db stores
//!                uvint partition's offset in Data.db  <- the base of the next number
//!                svint root - base
//!                uvint32 count of blocks
//!                deletion of the partition: 1 or 12 bytes
//! payload:       sized int of flags & 7 bytes: the block's offset from the partition's start | if flags & 8: the deletion open there
//! ```
//! Block 0 stands under the empty string, which is the root; block i under the shortest string that separates it from the block before; and one
//! more entry, greater than every row, under which the end of the rows stands. Nothing is aligned but that nodes stay within pages.

use alloc::vec::Vec;

use dolmen_base::block::BlockSource;
use dolmen_base::trace::Trace;
use dolmen_codec::Cursor as Bytes;

use crate::comparable::{end_separator, separator};
use crate::component::Component;
use crate::deletion::DeletionTime;
use crate::error::{Damage, ReadError, ValueError};
use crate::limits::KEY_LEN_MAX;
use crate::trie::{Census, Cursor, Edge, Pages, Payload, TrieWriter};
use crate::vint;

/// The flag of a payload with an open deletion.
const OPEN: u8 = 8;

/// The longest entry behind its key: three integers and a deletion.
const ENTRY_LEN_MAX: u64 = 3 * vint::UVINT_LEN_MAX as u64 + 12;

/// A block of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Offset of its first row or marker from the partition's start in Data.db.
    pub offset: u64,
    /// The range tombstone that is open where it begins.
    pub open: Option<DeletionTime>,
    /// The node that holds it.
    pub node: u64,
}

impl Block {
    /// Decodes a payload.
    ///
    /// # Errors
    /// A payload that ends early, or an offset or deletion that is none.
    pub fn decode(payload: Payload<'_>) -> Result<Block, Damage> {
        let len = usize::from(payload.flags & 7);
        let (offset, rest) = payload.bytes.split_at_checked(len).ok_or(Damage::PageCrossed)?;
        let offset = vint::sized_int(offset).ok_or(Damage::Tag(u64::from(payload.flags)))?;
        let offset = u64::try_from(offset)
            .map_err(|_| Damage::Range { found: offset as u64, max: i64::MAX as u64 })?;
        let open = match payload.flags & OPEN {
            0 => None,
            _ => Some(DeletionTime::get(&mut Bytes::new(rest)).map_err(|what| match what {
                Damage::Decode(_) => Damage::PageCrossed,
                other => other,
            })?),
        };
        Ok(Block { offset, open, node: payload.node })
    }
}

/// Bytes of a payload. Cassandra stores no live deletion as open; another writer may.
fn payload_len(payload: Payload<'_>) -> Result<usize, Damage> {
    let open = match Block::decode(payload)?.open {
        None => 0,
        Some(live) if live.is_live() => 1,
        Some(_) => 12,
    };
    Ok(usize::from(payload.flags & 7) + open)
}

fn block(payload: Payload<'_>) -> Result<Block, ReadError> {
    let node = payload.node;
    Block::decode(payload).map_err(|what| ReadError::corrupt(Component::Rows, node, what))
}

/// A partition's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowIndex {
    /// Offset of the partition in Data.db, uncompressed.
    pub data_position: u64,
    /// Where the root of its trie begins.
    pub root: u64,
    /// Blocks; the trie has one entry more.
    pub block_count: u32,
    /// The deletion of the whole partition.
    pub deletion: DeletionTime,
    /// Where the entry ends and the next partition's trie, if any, begins.
    pub end: u64,
}

impl RowIndex {
    /// Reads the entry at a position that Partitions.db gave, and puts its key into `key`.
    ///
    /// # Errors
    /// Damage of the entry or of its root; what the source could not read.
    pub fn open<S: BlockSource<ReadError>, T: Trace>(
        pages: &mut Pages<S, T>,
        position: u64,
        key: &mut Vec<u8>,
    ) -> Result<RowIndex, ReadError> {
        let mut bytes = Vec::new();
        pages.read(position, 2, &mut bytes)?;
        let key_len = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        key.clear();
        pages.read(position + 2, key_len, key)?;
        let base = position + 2 + key_len as u64;
        bytes.clear();
        let len = ENTRY_LEN_MAX.min(pages.file_len() - base);
        pages.read(base, len as usize, &mut bytes)?;
        let mut cursor = Bytes::new(&bytes);
        let decode = |e| ReadError::decode(Component::Rows, base, e);
        let data_position = vint::get_uvint(&mut cursor).map_err(decode)?;
        let root = vint::get_svint(&mut cursor).map_err(decode)?;
        let block_count = vint::get_uvint32(&mut cursor).map_err(decode)?;
        let at = base + cursor.position() as u64;
        let deletion = DeletionTime::get(&mut cursor).map_err(|what| pages.corrupt(at, what))?;
        let end = base + cursor.position() as u64;
        // A root lies before the key.
        let outside = Damage::Range { found: root as u64, max: position };
        let root = base.checked_add_signed(root).filter(|&root| root < position);
        let root = root.ok_or(pages.corrupt(base, outside))?;
        let count = Damage::Range { found: block_count as u64, max: u64::from(u32::MAX) };
        let block_count = u32::try_from(block_count).map_err(|_| pages.corrupt(base, count))?;
        let index = RowIndex { data_position, root, block_count, deletion, end };
        index.check_root(pages, position)?;
        Ok(index)
    }

    /// Counts all nodes of the partition's trie, which begins at `start` (the end of the entry before, or 0) and ends where the entry's key is, at
    /// `position`; checks that they fill it, and that offsets ascend and are one more than blocks.
    ///
    /// # Errors
    /// Damage of a node, an order or a count.
    pub fn check_whole<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        start: u64,
        position: u64,
    ) -> Result<Census, ReadError> {
        let census = Census::take(pages, start, self.root, position, payload_len)?;
        let expected = u64::from(self.block_count) + 1;
        if census.entries != expected {
            return Err(pages.corrupt(position, Damage::Mismatch { expected, found: census.entries }));
        }
        let mut blocks = self.iter(pages, Edge::First)?;
        let mut last = None;
        while let Some(found) = blocks.next(pages)? {
            if last.replace(found.offset).is_some_and(|last| last >= found.offset) {
                return Err(pages.corrupt(found.node, Damage::Order));
            }
        }
        Ok(census)
    }

    /// The root carries block 0 and ends where the key begins.
    fn check_root<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        position: u64,
    ) -> Result<(), ReadError> {
        let node = pages.node(self.root)?;
        let Some(payload) = node.payload() else {
            return Err(pages.corrupt(self.root, Damage::Tag(0)));
        };
        let end = match payload_len(payload) {
            Ok(len) => self.root + (node.size() + len) as u64,
            Err(what) => return Err(pages.corrupt(self.root, what)),
        };
        if end != position {
            return Err(pages.corrupt(self.root, Damage::Mismatch { expected: position, found: end }));
        }
        Ok(())
    }

    /// The block in which a clustering or bound is, if it is anywhere: `form` is byte-comparable. A block whose separator begins it counts as before.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn floor<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        form: &[u8],
    ) -> Result<Block, ReadError> {
        match pages.floor(self.root, form)? {
            Some(payload) => block(payload),
            None => Err(pages.corrupt(self.root, Damage::Order)),
        }
    }

    /// The first block that lies wholly after `form`; the end of the rows if no row does.
    ///
    /// # Errors
    /// As [`RowIndex::floor`].
    pub fn after<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        form: &[u8],
    ) -> Result<Option<Block>, ReadError> {
        pages.ceiling(self.root, form)?.map(block).transpose()
    }

    /// Iterates over the blocks and the end of the rows, from the first, or backwards from the end.
    ///
    /// # Errors
    /// Damage of the root; what the source could not read.
    pub fn iter<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        from: Edge,
    ) -> Result<Blocks, ReadError> {
        Cursor::at_edge(pages, self.root, from).map(|cursor| Blocks { cursor })
    }

    /// Iterates from the first block that begins at or after `form`, or backwards from the block in which `form` is.
    ///
    /// # Errors
    /// As [`RowIndex::floor`].
    pub fn seek<S: BlockSource<ReadError>, T: Trace>(
        &self,
        pages: &mut Pages<S, T>,
        form: &[u8],
        from: Edge,
    ) -> Result<Blocks, ReadError> {
        Cursor::seek(pages, self.root, form, from, false).map(|cursor| Blocks { cursor })
    }
}

/// Blocks of one partition in order.
#[derive(Clone, Debug)]
pub struct Blocks {
    cursor: Cursor,
}

impl Blocks {
    /// The next block in the direction.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn next<S: BlockSource<ReadError>, T: Trace>(
        &mut self,
        pages: &mut Pages<S, T>,
    ) -> Result<Option<Block>, ReadError> {
        self.cursor.next(pages)?.map(block).transpose()
    }

    /// What separates the last block from the one before it.
    pub fn separator(&self) -> &[u8] {
        self.cursor.key()
    }
}

/// Writes Rows.db in bounded memory: [`RowsBuilder::drain`] takes what is done.
pub struct RowsBuilder {
    writer: TrieWriter,
    block_count: u32,
    /// The last block's separator and the form of its last clustering.
    separator: Vec<u8>,
    last: Vec<u8>,
}

impl Default for RowsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl RowsBuilder {
    /// An empty file.
    pub fn new() -> Self {
        RowsBuilder { writer: TrieWriter::new(0), block_count: 0, separator: Vec::new(), last: Vec::new() }
    }

    /// Adds a block of the partition: the byte-comparable forms of its first and last clustering or bound, its offset and what is open there.
    ///
    /// # Errors
    /// [`ValueError::Order`]: a block that does not come after the one before; an offset of 8 bytes; an open deletion with a timestamp below 0.
    pub fn add_block(
        &mut self,
        first: &[u8],
        last: &[u8],
        offset: u64,
        open: Option<DeletionTime>,
    ) -> Result<(), ValueError> {
        if self.block_count > 0 {
            if self.last.as_slice() >= first {
                return Err(ValueError::Order);
            }
            self.separator = separator(&self.last, first);
        }
        let key = core::mem::take(&mut self.separator);
        self.add_separator(&key, offset, open)?;
        self.separator = key;
        self.last.clear();
        self.last.extend_from_slice(last);
        self.block_count += 1;
        Ok(())
    }

    fn add_separator(
        &mut self,
        key: &[u8],
        offset: u64,
        open: Option<DeletionTime>,
    ) -> Result<(), ValueError> {
        let stored = i64::try_from(offset).ok().filter(|&offset| vint::sized_int_len(offset) < 8);
        let stored = stored.ok_or(ValueError::Length { found: 8, expected: 7 })?;
        let len = vint::sized_int_len(stored);
        let mut payload = Vec::with_capacity(len + 12);
        vint::put_sized_int(&mut payload, stored, len);
        let open = open.filter(|open| !open.is_live());
        if let Some(open) = open {
            open.put(&mut payload)?;
        }
        let flags = len as u8 | if open.is_some() { OPEN } else { 0 };
        self.writer.add(key, flags, &payload)
    }

    /// Ends a partition of at least two blocks, whose rows end at offset `end`, and gives the position that Partitions.db is to store.
    ///
    /// # Errors
    /// A key longer than the limit, more blocks than 31 bits count, a deletion with a timestamp below 0.
    pub fn finish_partition(
        &mut self,
        key: &[u8],
        data_position: u64,
        end: u64,
        deletion: DeletionTime,
    ) -> Result<u64, ValueError> {
        if key.len() > KEY_LEN_MAX {
            return Err(ValueError::Length { found: key.len() as u64, expected: KEY_LEN_MAX as u64 });
        }
        let terminator = end_separator(&self.last, &self.separator);
        self.add_separator(&terminator, end, None)?;
        let block_count = i32::try_from(self.block_count)
            .map_err(|_| ValueError::Count { found: u64::from(self.block_count), max: i32::MAX as u64 })?;
        let root = self.writer.finish();
        let position = self.writer.position();
        let mut entry = Vec::new();
        let too_long = ValueError::Length { found: key.len() as u64, expected: KEY_LEN_MAX as u64 };
        vint::put_short_bytes(&mut entry, key).ok_or(too_long)?;
        let base = position + entry.len() as u64;
        vint::put_uvint(&mut entry, data_position);
        vint::put_svint(&mut entry, root.wrapping_sub(base) as i64);
        vint::put_uvint32(&mut entry, block_count);
        deletion.put(&mut entry)?;
        self.writer.put_raw(&entry);
        self.block_count = 0;
        self.separator.clear();
        self.last.clear();
        Ok(position)
    }

    /// Moves what is written so far to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        self.writer.drain(out);
    }
}
