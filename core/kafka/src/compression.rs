//! The records of a compressed batch.
//!
//! ```text
//! gzip     RFC 1952 members
//! snappy   xerial: 82 'SNAPPY' 00, i32 version, i32 least version, then i32 length and a raw block, again and again; or one raw block
//! lz4      a frame: 04 22 4D 18, flags, block size, [content size], [dictionary], hash; u32 length and a block, …, 0, [hash]
//! zstd     frames, often without their content's size
//! ```
//! Java's client writes xerial's framing and LZ4 blocks that stand alone, librdkafka raw Snappy and LZ4 blocks that look back 64 KiB. LZ4
//! frames are read here; the rest is plugged in ([`Codecs`]).
//!
//! Source: the formats of Kafka 3.9.2, 4.4.0 and librdkafka 2.15; lz4's `doc/lz4_Frame_format.md`.

use alloc::vec::Vec;

use dolmen_codec::Cursor;
use dolmen_codec::compress::{CodecError, Codecs, Compression};
use xxhash_rust::xxh32::xxh32;

use crate::batch::{Batch, Codec};
use crate::error::BatchError;

/// The least bytes of any LZ4 frame's window.
const LZ4_WINDOW: usize = 64 << 10;
const LZ4_MAGIC: u32 = 0x184d_2204;
const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// Bytes of xerial's header: magic, version, least version.
const XERIAL_HEADER_LEN: usize = 16;

/// Appends the records of a batch, expanded; those of a batch that is not compressed as they are. At most `len_max` bytes are appended.
///
/// # Errors
/// [`BatchError::Compressed`]: damaged, longer than `len_max`, or of a compression that is not plugged in.
pub fn expand(
    batch: &Batch<'_>,
    codecs: &dyn Codecs,
    len_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), BatchError> {
    let (body, codec) = (batch.body(), batch.codec());
    let result = match codec {
        Codec::None => {
            out.extend_from_slice(body);
            Ok(())
        }
        Codec::Gzip => codecs.expand_to_end(Compression::Gzip, None, body, len_max, out),
        Codec::Snappy => expand_snappy(body, codecs, len_max, out),
        Codec::Lz4 => expand_lz4(body, len_max, out),
        Codec::Zstd => codecs.expand_to_end(Compression::Zstd, None, body, len_max, out),
    };
    result.map_err(|error| BatchError::Compressed { codec, error })
}

/// Appends the records of a batch, compressed: gzip, raw Snappy, an LZ4 frame of blocks that stand alone, a Zstandard frame. What was appended before
/// an error means nothing.
///
/// # Errors
/// [`CodecError`]: not plugged in, or longer than the format allows.
pub fn compress(
    codec: Codec,
    records: &[u8],
    codecs: &dyn Codecs,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    match codec {
        Codec::None => {
            out.extend_from_slice(records);
            Ok(())
        }
        Codec::Gzip => codecs.compress(Compression::Gzip, None, None, records, out),
        Codec::Snappy => codecs.compress(Compression::Snappy, None, None, records, out),
        Codec::Zstd => codecs.compress(Compression::Zstd, None, None, records, out),
        Codec::Lz4 => compress_lz4(records, codecs, out),
    }
}

fn compress_lz4(records: &[u8], codecs: &dyn Codecs, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.extend_from_slice(&LZ4_MAGIC.to_le_bytes());
    // Version 1, blocks that stand alone; blocks of 64 KiB at most.
    let descriptor = [0x60, 0x40];
    out.extend_from_slice(&descriptor);
    out.push((xxh32(&descriptor, 0) >> 8) as u8);
    let mut compressed = Vec::new();
    for block in records.chunks(LZ4_WINDOW) {
        compressed.clear();
        codecs.compress(Compression::Lz4, None, None, block, &mut compressed)?;
        let (len, body) = if compressed.len() < block.len() {
            (compressed.len() as u32, &compressed[..])
        } else {
            // The highest bit: stored as it is.
            (block.len() as u32 | 1 << 31, block)
        };
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(body);
    }
    out.extend_from_slice(&[0; 4]);
    Ok(())
}

fn expand_snappy(
    body: &[u8],
    codecs: &dyn Codecs,
    len_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    if !body.starts_with(&XERIAL_MAGIC) {
        return codecs.expand_to_end(Compression::Snappy, None, body, len_max, out);
    }
    let end = out.len().saturating_add(len_max);
    let mut cursor = Cursor::new(body.get(XERIAL_HEADER_LEN..).ok_or(CodecError::Damaged)?);
    while !cursor.is_empty() {
        let len = cursor.get_u32_be().map_err(|_| CodecError::Damaged)?;
        let block = cursor.get_bytes(len as usize).map_err(|_| CodecError::Damaged)?;
        codecs.expand_to_end(Compression::Snappy, None, block, end - out.len(), out)?;
    }
    Ok(())
}

/// Flags of an LZ4 frame.
mod flag {
    pub const VERSION: u8 = 0b1100_0000;
    pub const VERSION_1: u8 = 0b0100_0000;
    pub const INDEPENDENT: u8 = 1 << 5;
    pub const BLOCK_HASH: u8 = 1 << 4;
    pub const CONTENT_SIZE: u8 = 1 << 3;
    pub const CONTENT_HASH: u8 = 1 << 2;
    pub const DICTIONARY: u8 = 1;
}

/// One LZ4 frame, or several.
fn expand_lz4(body: &[u8], len_max: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let end = out.len().saturating_add(len_max);
    let mut cursor = Cursor::new(body);
    while !cursor.is_empty() {
        expand_lz4_frame(&mut cursor, end, out)?;
    }
    Ok(())
}

fn expand_lz4_frame(cursor: &mut Cursor<'_>, end: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let damaged = |_| CodecError::Damaged;
    if cursor.get_u32_le().map_err(damaged)? != LZ4_MAGIC {
        return Err(CodecError::Damaged);
    }
    let descriptor = cursor.rest();
    let flags = cursor.get_u8().map_err(damaged)?;
    let block_len_max = match cursor.get_u8().map_err(damaged)? >> 4 & 7 {
        code @ 4..=7 => 1usize << (8 + 2 * code),
        _ => return Err(CodecError::Damaged),
    };
    if flags & flag::VERSION != flag::VERSION_1 || flags & flag::DICTIONARY != 0 {
        return Err(CodecError::Damaged);
    }
    if flags & flag::CONTENT_SIZE != 0 {
        cursor.get_u64_le().map_err(damaged)?;
    }
    let hashed = &descriptor[..descriptor.len() - cursor.rest().len()];
    if cursor.get_u8().map_err(damaged)? != (xxh32(hashed, 0) >> 8) as u8 {
        return Err(CodecError::Damaged);
    }
    let start = out.len();
    loop {
        let word = cursor.get_u32_le().map_err(damaged)?;
        if word == 0 {
            break;
        }
        let stored = word >> 31 != 0;
        let block = cursor.get_bytes((word & 0x7fff_ffff) as usize).map_err(damaged)?;
        if flags & flag::BLOCK_HASH != 0 && cursor.get_u32_le().map_err(damaged)? != xxh32(block, 0) {
            return Err(CodecError::Damaged);
        }
        if block.len() > block_len_max {
            return Err(CodecError::Damaged);
        }
        if stored {
            if end - out.len() < block.len() {
                return Err(CodecError::Room);
            }
            out.extend_from_slice(block);
        } else {
            let window = if flags & flag::INDEPENDENT != 0 {
                out.len()
            } else {
                start.max(out.len().saturating_sub(LZ4_WINDOW))
            };
            expand_lz4_block(block, window, block_len_max, end, out)?;
        }
    }
    let is_hashed = flags & flag::CONTENT_HASH != 0;
    if is_hashed && cursor.get_u32_le().map_err(damaged)? != xxh32(&out[start..], 0) {
        return Err(CodecError::Damaged);
    }
    Ok(())
}

/// Appends a block that may look back to `window`.
fn expand_lz4_block(
    block: &[u8],
    window: usize,
    block_len_max: usize,
    end: usize,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let at = out.len();
    let room = block_len_max.min(end - at);
    out.resize(at + room, 0);
    let (before, into) = out.split_at_mut(at);
    let expanded = lz4_flex::block::decompress_into_with_dict(block, into, &before[window..]);
    match expanded {
        Ok(len) => {
            out.truncate(at + len);
            Ok(())
        }
        Err(error) => {
            out.truncate(at);
            let is_full = matches!(error, lz4_flex::block::DecompressError::OutputTooSmall { .. });
            Err(if is_full && room < block_len_max { CodecError::Room } else { CodecError::Damaged })
        }
    }
}
