//! CRC.db and Digest.crc32 (`ChecksumWriter.java`, `DataIntegrityMetadata.java`).
//!
//! ```text
//! CRC.db         u32 chunk length | u32 CRC-32 of each chunk of Data.db     uncompressed data only
//! Digest.crc32   CRC-32 of all bytes of Data.db, in decimal digits
//! ```

use alloc::vec::Vec;

use dolmen_codec::checksum::crc32;
use zerocopy::byteorder::big_endian;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::component::Component;
use crate::error::{Damage, ReadError};
use crate::limits::CHUNK_LEN_MAX;

/// Checksums of the chunks of uncompressed data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkCrcs {
    pub(crate) chunk_len: u32,
    pub(crate) crcs: Vec<u32>,
}

/// CRC.db as it is stored.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct File {
    chunk_len: big_endian::U32,
    crcs: [big_endian::U32],
}

impl ChunkCrcs {
    /// Bytes of every chunk but the last.
    pub const fn chunk_len(&self) -> u32 {
        self.chunk_len
    }

    /// How many chunks there are.
    pub const fn chunk_count(&self) -> usize {
        self.crcs.len()
    }

    /// Reads CRC.db for data of `data_len` bytes.
    ///
    /// # Errors
    /// Another count of checksums than chunks; a chunk length over the limit.
    pub fn parse(bytes: &[u8], data_len: u64) -> Result<ChunkCrcs, ReadError> {
        let corrupt = |at, what| ReadError::corrupt(Component::Crc, at, what);
        let Ok(file) = File::ref_from_bytes(bytes) else {
            return Err(corrupt(0, Damage::Mismatch { expected: 4, found: bytes.len() as u64 }));
        };
        let (chunk_len, crcs) = (file.chunk_len.get(), &file.crcs);
        if chunk_len == 0 || chunk_len > CHUNK_LEN_MAX {
            let (found, max) = (u64::from(chunk_len), u64::from(CHUNK_LEN_MAX));
            return Err(ReadError::Limit { component: Component::Crc, at: 0, found, max });
        }
        let expected = data_len.div_ceil(u64::from(chunk_len));
        if crcs.len() as u64 != expected {
            return Err(corrupt(0, Damage::Mismatch { expected, found: crcs.len() as u64 }));
        }
        Ok(ChunkCrcs { chunk_len, crcs: crcs.iter().map(|crc| crc.get()).collect() })
    }

    /// Checks chunk `index` of the data.
    ///
    /// # Errors
    /// [`Damage::Checksum`] with the chunk's number and place.
    pub fn check(&self, index: u64, chunk: &[u8]) -> Result<(), ReadError> {
        let at = index * u64::from(self.chunk_len);
        let number = index as u32;
        let expected = usize::try_from(index).ok().and_then(|i| self.crcs.get(i)).copied();
        let found = crc32(chunk);
        match expected {
            Some(expected) if expected == found => Ok(()),
            Some(expected) => {
                let what = Damage::Checksum { chunk: number, expected, found };
                Err(ReadError::corrupt(Component::Data, at, what))
            }
            None => {
                let what = Damage::Range { found: index, max: self.crcs.len() as u64 };
                Err(ReadError::corrupt(Component::Data, at, what))
            }
        }
    }
}

/// The checksum that Digest.crc32 holds.
///
/// # Errors
/// Text that is no number of 32 bits.
pub fn digest(bytes: &[u8]) -> Result<u32, ReadError> {
    let malformed = ReadError::corrupt(Component::Digest, 0, Damage::Text);
    let text = core::str::from_utf8(bytes).map_err(|_| malformed)?;
    let digits = text.trim_end_matches('\n');
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed);
    }
    digits.parse().map_err(|_| malformed)
}
