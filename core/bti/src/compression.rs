//! CompressionInfo.db and the chunks of compressed data (`CompressionMetadata.java`, `CompressionParams.java`).
//!
//! ```text
//! utf codec | i32 n | n × (utf key, utf value)                     options
//! i32 chunk length (a power of two) | i32 max compressed length | i64 uncompressed length
//! i32 n | n × i64 offset in Data.db                                chunks
//! u8 kind 0 | i64 id | i32 length | bytes | u32 CRC-32C            dictionary; versions ea and pa, optional
//! ```
//! A chunk reaches to the next offset or the end of the file: its payload and `u32` CRC-32 of it as stored. A payload as long as the max
//! compressed length or longer is raw. LZ4 puts the expanded length before its block, as `u32` little-endian; the others are plain streams.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockBuf, Stored};
use dolmen_codec::checksum::{crc32, crc32c_extend};
use dolmen_codec::compress::{self, CodecError, Codecs, Compression};
use dolmen_codec::{Cursor, DecodeError};
use zerocopy::FromBytes;
use zerocopy::byteorder::big_endian;

use crate::component::{Component, Version};
use crate::error::{Damage, Feature, ReadError};
use crate::limits::{CHUNK_LEN_MAX, COMPRESSION_OPTIONS_MAX, DICTIONARY_LEN_MAX};
use crate::vint::{get_short_bytes, utf_text};

const FILE: Component = Component::CompressionInfo;
/// Bytes of the checksum behind each chunk.
const CRC_LEN: u64 = 4;
const KIND_ZSTD: u8 = 0;

/// The codecs that Cassandra ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compressor {
    /// `LZ4Compressor`.
    Lz4,
    /// `SnappyCompressor`.
    Snappy,
    /// `DeflateCompressor`: zlib streams.
    Deflate,
    /// `ZstdCompressor`.
    Zstd,
    /// `ZstdDictionaryCompressor` of Cassandra 6.
    ZstdDictionary,
    /// `NoopCompressor`: raw.
    Noop,
}

impl Compressor {
    /// All of them.
    pub const ALL: [Compressor; 6] = [
        Compressor::Lz4,
        Compressor::Snappy,
        Compressor::Deflate,
        Compressor::Zstd,
        Compressor::ZstdDictionary,
        Compressor::Noop,
    ];

    /// The simple name of its class.
    pub const fn name(self) -> &'static str {
        match self {
            Compressor::Lz4 => "LZ4Compressor",
            Compressor::Snappy => "SnappyCompressor",
            Compressor::Deflate => "DeflateCompressor",
            Compressor::Zstd => "ZstdCompressor",
            Compressor::ZstdDictionary => "ZstdDictionaryCompressor",
            Compressor::Noop => "NoopCompressor",
        }
    }

    /// The format of its payloads; `None`: they are raw.
    pub const fn format(self) -> Option<Compression> {
        match self {
            Compressor::Lz4 => Some(Compression::Lz4),
            Compressor::Snappy => Some(Compression::Snappy),
            Compressor::Deflate => Some(Compression::Zlib),
            Compressor::Zstd | Compressor::ZstdDictionary => Some(Compression::Zstd),
            Compressor::Noop => None,
        }
    }

    /// Whether a file of it may name this option. An unknown one may change how chunks are laid out and is refused.
    fn knows(self, option: &str) -> bool {
        match self {
            Compressor::Lz4 => matches!(option, "lz4_compressor_type" | "lz4_high_compressor_level"),
            Compressor::Zstd => option == "compression_level",
            Compressor::ZstdDictionary => {
                option == "compression_level" || option.starts_with("training_max_")
            }
            Compressor::Snappy | Compressor::Deflate | Compressor::Noop => false,
        }
    }
}

/// A compression dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// Cassandra's number of it; Zstandard's own stands inside the bytes.
    pub id: u64,
    /// Where its record begins in the file.
    pub at: u64,
    /// The dictionary.
    pub bytes: compress::Dictionary,
}

/// CompressionInfo.db, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompressionInfo {
    pub(crate) compressor: Compressor,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) chunk_len: u32,
    /// Payloads of this length or more are raw.
    pub(crate) compressed_len_max: u32,
    pub(crate) data_len: u64,
    /// Where the chunks begin in Data.db, ascending.
    pub(crate) offsets: Vec<u64>,
    pub(crate) dictionary: Option<Dictionary>,
}

impl CompressionInfo {
    /// The codec.
    pub const fn compressor(&self) -> Compressor {
        self.compressor
    }

    /// Its options.
    pub fn options(&self) -> &[(String, String)] {
        &self.options
    }

    /// Expanded bytes of every chunk but the last.
    pub const fn chunk_len(&self) -> u32 {
        self.chunk_len
    }

    /// Bytes of the data, expanded.
    pub const fn data_len(&self) -> u64 {
        self.data_len
    }

    /// How many chunks there are; a last one may hold nothing.
    pub const fn chunk_count(&self) -> u64 {
        self.offsets.len() as u64
    }

    /// The dictionary of `ea` and `pa`.
    pub const fn dictionary(&self) -> Option<&Dictionary> {
        self.dictionary.as_ref()
    }

    /// Reads the file. `file_len` is that of Data.db, where the offsets must lie.
    ///
    /// # Errors
    /// Damage; a codec or an option that is not known; a chunk length over the limit.
    pub fn parse(bytes: &[u8], version: Version, file_len: u64) -> Result<CompressionInfo, ReadError> {
        let mut cursor = Cursor::new(bytes);
        let name = text(&mut cursor)?;
        let simple = name.rsplit('.').next().unwrap_or(&name);
        let compressor = Compressor::ALL
            .into_iter()
            .find(|c| c.name() == simple)
            .filter(|c| *c != Compressor::ZstdDictionary || version.has_dictionary())
            .ok_or(ReadError::Unsupported { component: FILE, what: Feature::Compressor })?;
        let options = options(&mut cursor, compressor)?;
        let chunk_at = cursor.position() as u64;
        let chunk_len = cursor.get_u32_be().map_err(decode)?;
        if !chunk_len.is_power_of_two() {
            return Err(corrupt(chunk_at, Damage::Tag(u64::from(chunk_len))));
        }
        if chunk_len > CHUNK_LEN_MAX {
            let (found, max) = (u64::from(chunk_len), u64::from(CHUNK_LEN_MAX));
            return Err(ReadError::Limit { component: FILE, at: chunk_at, found, max });
        }
        let max_at = cursor.position() as u64;
        let compressed_len_max = cursor.get_u32_be().map_err(decode)?;
        if compressed_len_max > i32::MAX as u32 {
            return Err(corrupt(max_at, Damage::Tag(u64::from(compressed_len_max))));
        }
        let len_at = cursor.position() as u64;
        let data_len = cursor.get_u64_be().map_err(decode)?;
        let offsets = offsets(&mut cursor, file_len)?;
        let room = (offsets.len() as u64).saturating_mul(u64::from(chunk_len));
        // A last chunk of no bytes is possible, two are not.
        let least = room.saturating_sub(2 * u64::from(chunk_len));
        if data_len > room || (data_len < least && data_len != 0) {
            return Err(corrupt(len_at, Damage::Range { found: data_len, max: room }));
        }
        let dictionary = if version.has_dictionary() && !cursor.is_empty() {
            Some(dictionary(&mut cursor)?)
        } else {
            None
        };
        cursor.finish().map_err(decode)?;
        Ok(CompressionInfo {
            compressor,
            options,
            chunk_len,
            compressed_len_max,
            data_len,
            offsets,
            dictionary,
        })
    }

    /// Where chunk `index` is stored, checksum included: offset and length.
    ///
    /// # Errors
    /// A chunk that is not there, or longer than its codec could make it.
    pub fn chunk(&self, index: u64, file_len: u64) -> Result<(u64, u32), ReadError> {
        let outside = |found| corrupt(0, Damage::Range { found, max: self.offsets.len() as u64 });
        let at = usize::try_from(index).map_err(|_| outside(index))?;
        let start = *self.offsets.get(at).ok_or_else(|| outside(index))?;
        let end = self.offsets.get(at + 1).copied().unwrap_or(file_len);
        let len = end.saturating_sub(start);
        // Codecs add a little to what they cannot compress.
        let max = 2 * u64::from(self.chunk_len) + 1024;
        if len < CRC_LEN || len > max {
            return Err(ReadError::corrupt(Component::Data, start, Damage::Range { found: len, max }));
        }
        Ok((start, len as u32))
    }

    /// Expanded bytes of chunk `index`.
    pub fn expanded_len(&self, index: u64) -> u32 {
        let start = index.saturating_mul(u64::from(self.chunk_len));
        u64::from(self.chunk_len).min(self.data_len.saturating_sub(start)) as u32
    }

    /// Checks and expands a stored chunk, straight into the block that it becomes; a raw one stays where it was read.
    ///
    /// # Errors
    /// [`Damage::Checksum`] or [`Damage::Compression`] at the chunk's offset in Data.db, with its number; a codec that is not plugged in.
    pub fn expand(
        &self,
        index: u64,
        stored: Stored<'_>,
        codecs: &(impl Codecs + ?Sized),
    ) -> Result<Block, ReadError> {
        let at = usize::try_from(index).ok().and_then(|i| self.offsets.get(i)).copied().unwrap_or(0);
        let chunk = index as u32;
        let broken = || ReadError::corrupt(Component::Data, at, Damage::Compression { chunk });
        let (payload, crc) = stored.split_last_chunk::<4>().ok_or_else(broken)?;
        let (expected, found) = (u32::from_be_bytes(*crc), crc32(payload));
        if expected != found {
            let what = Damage::Checksum { chunk, expected, found };
            return Err(ReadError::corrupt(Component::Data, at, what));
        }
        let len = self.expanded_len(index) as usize;
        let format = match (&self.dictionary, self.compressor.format()) {
            (Some(_), _) => Some(Compression::Zstd),
            (None, format) => format,
        };
        let is_raw = payload.len() as u64 >= u64::from(self.compressed_len_max);
        let Some(format) = format.filter(|_| !is_raw) else {
            // The last raw chunk may be padded with zeros.
            let is_whole = len <= payload.len();
            return is_whole.then(|| stored.into_block(0..len)).flatten().ok_or_else(broken);
        };
        let input = match payload.split_first_chunk::<4>() {
            _ if format != Compression::Lz4 => payload,
            Some((head, block)) if u32::from_le_bytes(*head) as usize == len => block,
            _ => return Err(broken()),
        };
        let dictionary = self.dictionary.as_ref().map(|dictionary| &dictionary.bytes);
        let mut out = BlockBuf::zeroed(len);
        match codecs.expand(format, dictionary, input, &mut out) {
            Ok(found) if found == len => Ok(out.freeze()),
            Err(CodecError::Absent) => {
                let what = if dictionary.is_some() { Feature::Dictionary } else { Feature::Compressor };
                Err(ReadError::Unsupported { component: FILE, what })
            }
            _ => Err(broken()),
        }
    }
}

fn decode(error: DecodeError) -> ReadError {
    ReadError::decode(FILE, 0, error)
}

fn corrupt(at: u64, what: Damage) -> ReadError {
    ReadError::corrupt(FILE, at, what)
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, ReadError> {
    let at = cursor.position() as u64;
    utf_text(get_short_bytes(cursor).map_err(decode)?).ok_or(corrupt(at, Damage::Text))
}

fn options(cursor: &mut Cursor<'_>, compressor: Compressor) -> Result<Vec<(String, String)>, ReadError> {
    let at = cursor.position() as u64;
    let count = cursor.get_u32_be().map_err(decode)?;
    if count > COMPRESSION_OPTIONS_MAX {
        let (found, max) = (u64::from(count), u64::from(COMPRESSION_OPTIONS_MAX));
        return Err(ReadError::Limit { component: FILE, at, found, max });
    }
    let mut out = Vec::new();
    for _ in 0..count {
        let (key, value) = (text(cursor)?, text(cursor)?);
        if !compressor.knows(&key) {
            return Err(ReadError::Unsupported { component: FILE, what: Feature::CompressorOption });
        }
        out.push((key, value));
    }
    Ok(out)
}

fn offsets(cursor: &mut Cursor<'_>, file_len: u64) -> Result<Vec<u64>, ReadError> {
    let at = cursor.position() as u64;
    let count = cursor.get_u32_be().map_err(decode)? as usize;
    // The bytes must be there before room for them is made.
    let base = cursor.position() as u64;
    let left = cursor.rest().len();
    let Some(bytes) = count.checked_mul(8).filter(|len| *len <= left) else {
        return Err(corrupt(at, Damage::Range { found: count as u64, max: left as u64 / 8 }));
    };
    let bytes = cursor.get_bytes(bytes).map_err(decode)?;
    let stored = <[big_endian::U64]>::ref_from_bytes(bytes).unwrap_or_default();
    let offsets: Vec<u64> = stored.iter().map(|offset| offset.get()).collect();
    let mut least = 0;
    for (i, &offset) in offsets.iter().enumerate() {
        if offset < least || offset >= file_len || (i == 0 && offset != 0) {
            return Err(corrupt(base + 8 * i as u64, Damage::Range { found: offset, max: file_len }));
        }
        least = offset + CRC_LEN;
    }
    Ok(offsets)
}

fn dictionary(cursor: &mut Cursor<'_>) -> Result<Dictionary, ReadError> {
    let at = cursor.position() as u64;
    let kind = cursor.get_u8().map_err(decode)?;
    if kind != KIND_ZSTD {
        return Err(ReadError::Unsupported { component: FILE, what: Feature::Dictionary });
    }
    let id = cursor.get_u64_be().map_err(decode)?;
    let len_at = cursor.position() as u64;
    let len = cursor.get_u32_be().map_err(decode)?;
    if len > DICTIONARY_LEN_MAX {
        let (found, max) = (u64::from(len), u64::from(DICTIONARY_LEN_MAX));
        return Err(ReadError::Limit { component: FILE, at: len_at, found, max });
    }
    let bytes = cursor.get_bytes(len as usize).map_err(decode)?;
    let expected = cursor.get_u32_be().map_err(decode)?;
    // The hasher takes the id with its low byte first, though it is stored with its high byte first.
    let found = crc32c_extend(crc32c_extend(crc32c_extend(0, &[kind]), &id.to_le_bytes()), bytes);
    if expected != found {
        return Err(corrupt(at, Damage::Checksum { chunk: 0, expected, found }));
    }
    Ok(Dictionary { id, at, bytes: compress::Dictionary::new(bytes) })
}
