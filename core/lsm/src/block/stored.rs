//! How a block stands in a file: the bytes, perhaps compressed, and a trailer of five bytes (`table/format.cc`).
//!
//! ```text
//! stored block = [varint32 length before compression] bytes | u8 compression type | fixed32 checksum
//! checksum     = of bytes and type; from format_version 6 on plus base ^ (low32(offset) + high32(offset))
//! ```
//! The length in front belongs to format_version 2 and later, and Snappy carries its own.

use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockBuf, Stored};
use dolmen_base::io::FileNumber;
use dolmen_codec::{Cursor, checksum, varint};

use crate::codecs::{Codecs, CompressionType};
use crate::error::{Damage, Feature, Part, ReadError};
use crate::limits::{BLOCK_EXPANSION_MAX, BLOCK_LEN_MAX};

/// Bytes behind every block.
pub const TRAILER_LEN: usize = 5;

/// Mixes the type byte into an XXH3 checksum (`ModifyChecksumForLastByte`).
const XXH3_LAST_BYTE_FACTOR: u32 = 0x6b90_83d9;

/// Which checksum the blocks of a table carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum ChecksumType {
    /// The field is not looked at.
    None = 0,
    /// CRC-32C, masked.
    Crc32c = 1,
    /// XXH32.
    XxHash32 = 2,
    /// The low half of XXH64.
    XxHash64 = 3,
    /// The low half of final XXH3.
    #[default]
    Xxh3 = 4,
}

impl ChecksumType {
    /// From its byte in the footer.
    ///
    /// # Errors
    /// A type that RocksDB does not have.
    pub const fn from_byte(byte: u8) -> Result<Self, ReadError> {
        Ok(match byte {
            0 => ChecksumType::None,
            1 => ChecksumType::Crc32c,
            2 => ChecksumType::XxHash32,
            3 => ChecksumType::XxHash64,
            4 => ChecksumType::Xxh3,
            other => {
                let what = Feature::ChecksumType(other);
                return Err(ReadError::Unsupported { file: FileNumber::new(0), what });
            }
        })
    }

    /// RocksDB's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            ChecksumType::None => "kNoChecksum",
            ChecksumType::Crc32c => "kCRC32c",
            ChecksumType::XxHash32 => "kxxHash",
            ChecksumType::XxHash64 => "kxxHash64",
            ChecksumType::Xxh3 => "kXXH3",
        }
    }

    /// The checksum of `bytes`, of which a block's type byte is the last.
    pub fn compute(self, bytes: &[u8]) -> u32 {
        match self {
            ChecksumType::None => 0,
            ChecksumType::Crc32c => checksum::mask(checksum::crc32c(bytes)),
            ChecksumType::XxHash32 => xxhash_rust::xxh32::xxh32(bytes, 0),
            ChecksumType::XxHash64 => xxhash_rust::xxh64::xxh64(bytes, 0) as u32,
            ChecksumType::Xxh3 => match bytes.split_last() {
                Some((&last, rest)) => {
                    checksum::xxh3_64(rest) as u32 ^ u32::from(last).wrapping_mul(XXH3_LAST_BYTE_FACTOR)
                }
                None => 0,
            },
        }
    }
}

/// What a table's footer says about the form of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockForm {
    /// The kind of checksum.
    pub checksum: ChecksumType,
    /// Ties a checksum to its place in its file; 0 before format_version 6.
    pub base_context: u32,
    /// The table's format_version; 0 for LevelDB's.
    pub format_version: u32,
}

impl BlockForm {
    /// The checksum of a stored block (bytes and type) at `offset`.
    fn checksum(&self, bytes: &[u8], offset: u64) -> u32 {
        self.checksum.compute(bytes).wrapping_add(self.context(offset))
    }

    /// What a place in the file adds to a checksum.
    pub const fn context(&self, offset: u64) -> u32 {
        if self.base_context == 0 {
            return 0;
        }
        self.base_context ^ (offset as u32).wrapping_add((offset >> 32) as u32)
    }

    /// Checks and expands a stored block with its trailer, which begins at `offset` of its file. Offsets in errors count from
    /// the start of the file.
    ///
    /// # Errors
    /// A checksum that does not fit, a compression that is not plugged in, and bytes that it cannot expand.
    pub fn decode(
        &self,
        stored: Stored<'_>,
        offset: u64,
        part: Part,
        codecs: &Codecs,
    ) -> Result<Block, ReadError> {
        let Some((bytes, expected)) = stored.split_last_chunk::<4>() else {
            let what = Damage::Range { found: TRAILER_LEN as u64, max: stored.len() as u64 };
            return Err(ReadError::corrupt(part, offset, what));
        };
        let expected = u32::from_le_bytes(*expected);
        if self.checksum != ChecksumType::None {
            let found = self.checksum(bytes, offset);
            if found != expected {
                return Err(ReadError::corrupt(part, offset, Damage::Checksum { expected, found }));
            }
        }
        let Some((&kind, block)) = bytes.split_last() else {
            let what = Damage::Range { found: TRAILER_LEN as u64, max: stored.len() as u64 };
            return Err(ReadError::corrupt(part, offset, what));
        };
        match CompressionType::from_byte(kind)? {
            CompressionType::None => {
                let len = block.len();
                Ok(stored.into_block(0..len).expect("the content lies before the trailer"))
            }
            kind => self.expand(block, kind, offset, part, codecs),
        }
    }

    fn expand(
        &self,
        block: &[u8],
        kind: CompressionType,
        offset: u64,
        part: Part,
        codecs: &Codecs,
    ) -> Result<Block, ReadError> {
        let damaged = |what| ReadError::corrupt(part, offset, what);
        codecs.require(kind)?;
        let (len, raw) = if kind == CompressionType::Snappy {
            // Snappy's own header is the same varint.
            let len = Cursor::new(block).get_varint_u32().map_err(|e| damaged(Damage::Decode(e)))?;
            (len, block)
        } else if self.format_version >= 2 {
            let mut cursor = Cursor::new(block);
            let len = cursor.get_varint_u32().map_err(|e| damaged(Damage::Decode(e)))?;
            (len, cursor.rest())
        } else {
            let what = Feature::Compression(kind as u8);
            return Err(ReadError::Unsupported { file: FileNumber::new(0), what });
        };
        let (len, max) = (len as usize, BLOCK_LEN_MAX.min(block.len().saturating_mul(BLOCK_EXPANSION_MAX)));
        if len > max {
            let (found, max) = (len as u64, max as u64);
            return Err(ReadError::Limit { file: FileNumber::new(0), part, found, max });
        }
        let mut out = BlockBuf::zeroed(len);
        let found = codecs.expand(kind, raw, &mut out).map_err(|_| damaged(Damage::Compression))?;
        if found != len {
            let what = Damage::Mismatch { expected: len as u64, found: found as u64 };
            return Err(damaged(what));
        }
        Ok(out.freeze())
    }

    /// Appends `block` in its stored form at file offset `offset` and returns the stored length without the trailer. It stays
    /// uncompressed if that saves less than an eighth, as in RocksDB. Format_version 2 to 5 only, which tables are written in.
    pub fn encode(
        &self,
        block: &[u8],
        kind: CompressionType,
        offset: u64,
        codecs: &Codecs,
        out: &mut Vec<u8>,
    ) -> u64 {
        let start = out.len();
        let kind = if self.compress(block, kind, codecs, out) { kind } else { CompressionType::None };
        if kind == CompressionType::None {
            out.truncate(start);
            out.extend_from_slice(block);
        }
        let len = (out.len() - start) as u64;
        out.push(kind as u8);
        let sum = self.checksum(&out[start..], offset);
        out.extend_from_slice(&sum.to_le_bytes());
        len
    }

    /// Whether the block was appended compressed and got enough smaller.
    fn compress(&self, block: &[u8], kind: CompressionType, codecs: &Codecs, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        if kind == CompressionType::None {
            return false;
        }
        if codecs.require(kind).is_err() {
            return false;
        }
        if kind != CompressionType::Snappy {
            varint::put_u32(out, block.len() as u32);
        }
        codecs.compress(kind, block, out).is_ok() && out.len() - start < block.len() - block.len() / 8
    }
}
