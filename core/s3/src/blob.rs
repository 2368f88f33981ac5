//! Files that hold the bytes of large objects.
//!
//! ```text
//! file   = block*                          every block but the last one is full
//! block  = data (1..=BLOCK_DATA_LEN)  checksum (4, little-endian)
//! checksum = masked CRC-32C of: number of the file (16)  index of the block (8, LE)  data
//! ```
//!
//! Invariants: a file is written once, from its begin to its end, and never changed. The lengths of
//! file and data follow from each other. A block that stands in another file or at another place than it was written for does not pass.

use alloc::string::String;
use core::fmt;

use dolmen_codec::checksum::crc32c_extend;

/// Number of a file of an object's bytes: sixteen bytes that no other file was given.
pub type BlobNumber = [u8; 16];

/// Length of a full block with its checksum: a multiple of pages, so that a read takes whole ones.
pub const BLOCK_LEN: usize = 128 << 10;
/// Bytes of a checksum.
pub const CHECK_LEN: usize = 4;
/// Bytes of data in a full block.
pub const BLOCK_DATA_LEN: usize = BLOCK_LEN - CHECK_LEN;

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlobError {
    /// The checksum of a block does not fit its bytes.
    Corrupt {
        /// The block.
        index: u64,
    },
    /// A file whose length is none that its data can have.
    Length {
        /// Bytes there should be.
        wanted: u64,
        /// Bytes there are.
        found: u64,
    },
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlobError::Corrupt { index } => write!(f, "block {index} is damaged: its checksum does not fit"),
            BlobError::Length { wanted, found } => write!(f, "{found} bytes, but {wanted} were written"),
        }
    }
}

impl core::error::Error for BlobError {}

/// Directories that the files are spread over.
pub const DIRS: usize = 256;

/// The directory of a file, one of [`DIRS`], and its name there. Neither has anything of the object's key.
pub fn path(blob: BlobNumber) -> (u8, String) {
    (blob[15], blob.iter().map(|byte| alloc::format!("{byte:02x}")).collect())
}

/// The number behind a name.
pub fn parse(name: &str) -> Option<BlobNumber> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; 16];
    let (pairs, rest) = name.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(pairs) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// Length of the file that holds `data_len` bytes.
pub const fn file_len(data_len: u64) -> u64 {
    data_len + data_len.div_ceil(BLOCK_DATA_LEN as u64) * CHECK_LEN as u64
}

/// Length of the data in a file of `file_len` bytes.
///
/// # Errors
///
/// [`BlobError::Length`]: no data makes a file of that length.
pub const fn data_len(file_len: u64) -> Result<u64, BlobError> {
    let (full, rest) = (file_len / BLOCK_LEN as u64, file_len % BLOCK_LEN as u64);
    let checks = (full + (rest > 0) as u64) * CHECK_LEN as u64;
    if rest > 0 && rest <= CHECK_LEN as u64 {
        return Err(BlobError::Length { wanted: full * BLOCK_LEN as u64, found: file_len });
    }
    Ok(file_len - checks)
}

/// The checksum of a block.
pub fn checksum(blob: BlobNumber, index: u64, data: &[u8]) -> u32 {
    let crc = crc32c_extend(crc32c_extend(crc32c_extend(0, &blob), &index.to_le_bytes()), data);
    // Data that holds checksums of its own kind would else weaken this one.
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Splits a block into its data, if the checksum fits.
///
/// # Errors
///
/// [`BlobError::Corrupt`].
pub fn open(blob: BlobNumber, index: u64, block: &[u8]) -> Result<&[u8], BlobError> {
    let corrupt = BlobError::Corrupt { index };
    let (data, check) = block.split_last_chunk::<CHECK_LEN>().ok_or(corrupt)?;
    if checksum(blob, index, data) == u32::from_le_bytes(*check) { Ok(data) } else { Err(corrupt) }
}

/// Where a part of the data stands: blocks, and what of them is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first block.
    pub block: u64,
    /// How many blocks.
    pub count: u64,
    /// First byte of the file to read.
    pub offset: u64,
    /// Bytes of the file to read.
    pub len: u64,
    /// Bytes of the first block's data that are left out.
    pub skip: usize,
}

/// The blocks that hold `len` bytes from `start` of a file with `data_len` bytes of data; what lies behind its end is left out.
pub fn span(data_len: u64, start: u64, len: u64) -> Span {
    let end = start.saturating_add(len).min(data_len);
    let start = start.min(end);
    let (size, block_len) = (BLOCK_DATA_LEN as u64, BLOCK_LEN as u64);
    let (block, last) = (start / size, end.div_ceil(size));
    let offset = (block * block_len).min(file_len(data_len));
    let stop = (last * block_len).min(file_len(data_len));
    if start == end {
        return Span { block, count: 0, offset, len: 0, skip: 0 };
    }
    Span { block, count: last - block, offset, len: stop - offset, skip: (start - block * size) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn file(id: BlobNumber, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, block) in (0..).zip(data.chunks(BLOCK_DATA_LEN)) {
            out.extend_from_slice(block);
            out.extend_from_slice(&checksum(id, index, block).to_le_bytes());
        }
        out
    }

    #[test]
    fn any_part_is_found_again() {
        let id = [3; 16];
        let data: Vec<u8> = (0..3 * BLOCK_DATA_LEN + 17).map(|i| (i * 31 % 251) as u8).collect();
        let file = file(id, &data);
        assert_eq!(file.len() as u64, file_len(data.len() as u64));
        for len in [0, 1, BLOCK_DATA_LEN as u64, BLOCK_DATA_LEN as u64 + 1, data.len() as u64] {
            assert_eq!(data_len(file_len(len)), Ok(len));
        }
        assert!(data_len(BLOCK_LEN as u64 + 4).is_err() && data_len(3).is_err());
        let edges = [0, 1, BLOCK_DATA_LEN - 1, BLOCK_DATA_LEN, BLOCK_DATA_LEN + 1, data.len() - 1, data.len()];
        for start in edges {
            for len in [0, 1, 5, BLOCK_DATA_LEN, 2 * BLOCK_DATA_LEN + 3, data.len()] {
                let span = span(data.len() as u64, start as u64, len as u64);
                let bytes = &file[span.offset as usize..][..span.len as usize];
                let mut found = Vec::new();
                for (index, block) in (span.block..).zip(bytes.chunks(BLOCK_LEN)) {
                    found.extend_from_slice(open(id, index, block).unwrap());
                }
                let end = (start + len).min(data.len());
                assert_eq!(&found[span.skip.min(found.len())..][..end - start], &data[start..end], "{start} {len}");
            }
        }
    }

    #[test]
    fn no_flip_and_no_other_place_passes() {
        let id = [1; 16];
        let mut block = file(id, b"a stone");
        assert_eq!(open(id, 0, &block), Ok(&b"a stone"[..]));
        assert_eq!(open(id, 1, &block), Err(BlobError::Corrupt { index: 1 }));
        assert!(open([2; 16], 0, &block).is_err());
        for at in 0..block.len() * 8 {
            block[at / 8] ^= 1 << (at % 8);
            assert!(open(id, 0, &block).is_err());
            block[at / 8] ^= 1 << (at % 8);
        }
        assert!(open(id, 0, &[]).is_err() && open(id, 0, &[1, 2, 3]).is_err());
    }

    #[test]
    fn names_are_numbers_only() {
        let id = *b"\x00abcdefghijklm\xfe\xff";
        let (dir, name) = path(id);
        assert_eq!((dir, &name[..4], &name[28..]), (255, "0061", "feff"));
        assert_eq!(parse(&name), Some(id));
        for name in ["", "..", "00", &name.to_uppercase(), &name.replace("00", "+0"), &name[1..]] {
            assert_eq!(parse(name), None);
        }
    }
}
