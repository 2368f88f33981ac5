//! Files that hold the bytes of large objects.
//!
//! ```text
//! file   = block*                          every block but the last one is full
//! block  = data (1..=BLOCK_DATA_LEN)  checksum (4, little-endian)
//! checksum = masked CRC-32C of: file id (8, LE)  index of the block (8, LE)  data
//! ```
//!
//! Invariants: a file is written once, from its begin to its end, and never changed. Its length follows from the length of its data, which
//! the object's record holds. A block that stands in another file or at another place than it was written for does not pass.

use alloc::string::String;
use core::fmt;

use dolmen_codec::checksum::crc32c_extend;

dolmen_base::id_type! {
    /// Number of a file of an object's bytes. The upper half counts the lives of the server, the lower half the files of one life: no
    /// number is ever given twice.
    pub struct BlobId(u64);
}

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

impl BlobId {
    /// The number of a file by the server's life and the file's place in it.
    pub const fn of(life: u32, file: u32) -> BlobId {
        BlobId::new((life as u64) << 32 | file as u64)
    }

    /// The server's life in which it was made.
    pub const fn life(self) -> u32 {
        (self.get() >> 32) as u32
    }

    /// Its directory, one of 256, and its name there. Neither has anything of the object's key.
    pub fn path(self) -> (u8, String) {
        ((self.get() & 0xff) as u8, alloc::format!("{:016x}", self.get()))
    }

    /// The number behind a name.
    pub fn parse(name: &str) -> Option<BlobId> {
        let is_ours = name.len() == 16 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if is_ours { u64::from_str_radix(name, 16).ok().map(BlobId::new) } else { None }
    }
}

/// Length of the file that holds `data_len` bytes.
pub const fn file_len(data_len: u64) -> u64 {
    data_len + data_len.div_ceil(BLOCK_DATA_LEN as u64) * CHECK_LEN as u64
}

/// The checksum of a block.
pub fn checksum(blob: BlobId, index: u64, data: &[u8]) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&blob.get().to_le_bytes());
    place[8..].copy_from_slice(&index.to_le_bytes());
    let crc = crc32c_extend(crc32c_extend(0, &place), data);
    // Data that holds checksums of its own kind would else weaken this one.
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Splits a block into its data, if the checksum fits.
///
/// # Errors
///
/// [`BlobError::Corrupt`].
pub fn open(blob: BlobId, index: u64, block: &[u8]) -> Result<&[u8], BlobError> {
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

    fn file(id: BlobId, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, block) in (0..).zip(data.chunks(BLOCK_DATA_LEN)) {
            out.extend_from_slice(block);
            out.extend_from_slice(&checksum(id, index, block).to_le_bytes());
        }
        out
    }

    #[test]
    fn any_part_is_found_again() {
        let id = BlobId::of(3, 7);
        let data: Vec<u8> = (0..3 * BLOCK_DATA_LEN + 17).map(|i| (i * 31 % 251) as u8).collect();
        let file = file(id, &data);
        assert_eq!(file.len() as u64, file_len(data.len() as u64));
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
        let id = BlobId::of(1, 1);
        let mut block = file(id, b"a stone");
        assert_eq!(open(id, 0, &block), Ok(&b"a stone"[..]));
        assert_eq!(open(id, 1, &block), Err(BlobError::Corrupt { index: 1 }));
        assert!(open(BlobId::of(1, 2), 0, &block).is_err());
        for at in 0..block.len() * 8 {
            block[at / 8] ^= 1 << (at % 8);
            assert!(open(id, 0, &block).is_err());
            block[at / 8] ^= 1 << (at % 8);
        }
        assert!(open(id, 0, &[]).is_err() && open(id, 0, &[1, 2, 3]).is_err());
    }

    #[test]
    fn names_are_numbers_only() {
        let id = BlobId::of(0xabc, 0x0102_0304);
        assert_eq!(id.path(), (4, "00000abc01020304".into()));
        assert_eq!(BlobId::parse("00000abc01020304"), Some(id));
        assert_eq!(id.life(), 0xabc);
        for name in ["", "..", "00000ABC01020304", "+0000abc01020304", "00000abc0102030"] {
            assert_eq!(BlobId::parse(name), None);
        }
    }
}
