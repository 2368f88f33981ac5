//! The footer of a table and the handles in it (`table/format.cc`).
//!
//! ```text
//! handle        = varint64 offset | varint64 length without the trailer
//! LevelDB       = 48 bytes: meta-index handle | index handle | zeros up to 40 | magic 0xdb4775248b80fb57
//! version 2-5   = 53 bytes: u8 checksum type | the same 40 bytes | fixed32 format_version | magic 0x88e241b785f4cff7
//! version 6, 7  = 53 bytes: u8 checksum type | 3e 00 7a 00 | fixed32 footer checksum | fixed32 base context |
//!                 fixed32 meta-index length | 24 zeros | fixed32 format_version | magic; the meta-index ends right before it
//! ```

use alloc::vec::Vec;

use dolmen_base::io::FileNumber;
use dolmen_codec::{Cursor, DecodeError, varint};

use crate::block::stored::{self, BlockForm, ChecksumType};
use crate::error::{Damage, Feature, Part, ReadError};

/// Magic number of RocksDB's block-based tables.
pub const MAGIC: u64 = 0x88e2_41b7_85f4_cff7;
/// Magic number of LevelDB's tables.
pub const LEVELDB_MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// Length of the footer from format_version 1 on.
pub const LEN: usize = 53;
/// Length of LevelDB's footer, and the least a table has.
pub const LEVELDB_LEN: usize = 48;

const HANDLES_LEN: usize = 40;
const EXTENDED_MAGIC: [u8; 4] = [0x3e, 0x00, 0x7a, 0x00];
/// Where the footer's own checksum stands in it.
const CHECKSUM_AT: usize = 5;

/// Where a block lies in its table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockHandle {
    /// Its first byte.
    pub offset: u64,
    /// Stored length without the trailer.
    pub len: u64,
}

impl BlockHandle {
    /// Decodes a handle.
    ///
    /// # Errors
    /// Bytes that end too early, or a varint that is too long.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(BlockHandle { offset: cursor.get_varint_u64()?, len: cursor.get_varint_u64()? })
    }

    /// Appends the handle.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.offset);
        varint::put_u64(out, self.len);
    }

    /// Stored length with the trailer, if the block lies within the first `file_len` bytes and its length is in 32 bits.
    pub fn stored_len(&self, file_len: u64) -> Option<u32> {
        let len = self.len.checked_add(stored::TRAILER_LEN as u64)?;
        let end = self.offset.checked_add(len)?;
        if end > file_len { None } else { u32::try_from(len).ok() }
    }

    /// The first byte behind the trailer.
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.len).saturating_add(stored::TRAILER_LEN as u64)
    }
}

/// A decoded footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// How the blocks of the table stand in the file.
    pub form: BlockForm,
    /// The meta-index block.
    pub meta_index: BlockHandle,
    /// The index block; from format_version 6 on it is found in the meta-index.
    pub index: Option<BlockHandle>,
}

impl Footer {
    /// Decodes the footer from the last bytes of a table ([`LEN`] of them, or the whole file if it is shorter), which
    /// begin at `tail_at` of the file. Offsets in errors count from the start of the file.
    ///
    /// # Errors
    /// A file that is too short, a magic number that is no table's, a version or checksum that is not supported.
    pub fn decode(tail: &[u8], tail_at: u64) -> Result<Self, ReadError> {
        let corrupt = |at: usize, what| ReadError::corrupt(Part::Footer, tail_at + at as u64, what);
        let too_short = || corrupt(0, Damage::Range { found: LEN as u64, max: tail.len() as u64 });
        let (body, magic) = tail.split_last_chunk::<8>().ok_or_else(too_short)?;
        match u64::from_le_bytes(*magic) {
            LEVELDB_MAGIC => {
                let at = body.len().checked_sub(HANDLES_LEN).ok_or_else(too_short)?;
                let form = BlockForm { checksum: ChecksumType::Crc32c, base_context: 0, format_version: 0 };
                Self::decode_handles(form, &body[at..]).map_err(|e| corrupt(at, Damage::Decode(e)))
            }
            MAGIC => {
                let at = tail.len().checked_sub(LEN).ok_or_else(too_short)?;
                let footer = tail[at..].first_chunk::<LEN>().ok_or_else(too_short)?;
                Self::decode_versioned(footer, tail_at + at as u64)
            }
            other => Err(unsupported(Feature::Magic(other))),
        }
    }

    fn decode_handles(form: BlockForm, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let meta_index = BlockHandle::decode(&mut cursor)?;
        let index = Some(BlockHandle::decode(&mut cursor)?);
        Ok(Footer { form, meta_index, index })
    }

    fn decode_versioned(footer: &[u8; LEN], at: u64) -> Result<Self, ReadError> {
        let corrupt = |e| ReadError::corrupt(Part::Footer, at, Damage::Decode(e));
        let mut version = Cursor::new(&footer[1 + HANDLES_LEN..]);
        let format_version = version.get_u32_le().map_err(corrupt)?;
        if !(2..=7).contains(&format_version) {
            return Err(unsupported(Feature::FormatVersion(format_version)));
        }
        let form =
            BlockForm { checksum: ChecksumType::from_byte(footer[0])?, base_context: 0, format_version };
        if format_version < 6 {
            return Self::decode_handles(form, &footer[1..=HANDLES_LEN]).map_err(corrupt);
        }
        Self::decode_checked(form, footer, at)
    }

    /// Format_version 6 and 7.
    fn decode_checked(mut form: BlockForm, footer: &[u8; LEN], at: u64) -> Result<Self, ReadError> {
        let corrupt = |what| ReadError::corrupt(Part::Footer, at, what);
        let mut cursor = Cursor::new(&footer[1..]);
        let extended: [u8; 4] = cursor.get_array().map_err(|e| corrupt(Damage::Decode(e)))?;
        if extended != EXTENDED_MAGIC {
            return Err(corrupt(Damage::Tag(u64::from(u32::from_le_bytes(extended)))));
        }
        let mut next = || cursor.get_u32_le().map_err(|e| corrupt(Damage::Decode(e)));
        let (expected, base, meta_len) = (next()?, next()?, u64::from(next()?));
        form.base_context = base;
        if base == 0 {
            return Err(corrupt(Damage::Missing));
        }
        if form.checksum != ChecksumType::None {
            let mut blank = *footer;
            blank[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
            let found = form.checksum.compute(&blank).wrapping_add(form.context(at));
            if found != expected {
                return Err(corrupt(Damage::Checksum { expected, found }));
            }
        }
        if footer[33..1 + HANDLES_LEN].iter().any(|&b| b != 0) {
            return Err(unsupported(Feature::FormatVersion(form.format_version)));
        }
        let offset = at.checked_sub(meta_len + stored::TRAILER_LEN as u64);
        let offset = offset.ok_or_else(|| corrupt(Damage::Range { found: meta_len, max: at }))?;
        Ok(Footer { form, meta_index: BlockHandle { offset, len: meta_len }, index: None })
    }

    /// Appends a footer of format_version 2 to 5.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.form.checksum as u8);
        let start = out.len();
        self.meta_index.encode(out);
        self.index.unwrap_or_default().encode(out);
        out.resize(start + HANDLES_LEN, 0);
        out.extend_from_slice(&self.form.format_version.to_le_bytes());
        out.extend_from_slice(&MAGIC.to_le_bytes());
    }
}

fn unsupported(what: Feature) -> ReadError {
    ReadError::Unsupported { file: FileNumber::new(0), what }
}
