//! Data.db as chunks of expanded bytes, each checked by its checksum.

use dolmen_base::block::{Block, BlockId, BlockSource, ReadMode, Stored};
use dolmen_codec::compress::Codecs;

use crate::component::Component;
use crate::compression::CompressionInfo;
use crate::crc::ChunkCrcs;
use crate::error::{Damage, ReadError};

/// Bytes of a chunk of uncompressed data without CRC.db.
const CHUNK_LEN: u32 = 1 << 16;

/// How Data.db is stored.
#[derive(Clone, Debug)]
pub struct Data {
    /// Of compressed data.
    pub(crate) compression: Option<CompressionInfo>,
    /// Of uncompressed data.
    pub(crate) crcs: Option<ChunkCrcs>,
    pub(crate) file_len: u64,
}

impl Data {
    /// Compressed data in a file of `file_len` bytes.
    pub const fn compressed(info: CompressionInfo, file_len: u64) -> Data {
        Data { compression: Some(info), crcs: None, file_len }
    }

    /// Data that is stored as it is, in a file of `file_len` bytes, with the checksums of CRC.db if it is there.
    pub const fn raw(crcs: Option<ChunkCrcs>, file_len: u64) -> Data {
        Data { compression: None, crcs, file_len }
    }

    /// How it is compressed; `None`: it is not.
    pub const fn compression(&self) -> Option<&CompressionInfo> {
        self.compression.as_ref()
    }

    /// Bytes of the file.
    pub const fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Bytes of the data, expanded.
    pub fn len(&self) -> u64 {
        self.compression.as_ref().map_or(self.file_len, |info| info.data_len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Expanded bytes of every chunk but the last.
    pub fn chunk_len(&self) -> u32 {
        match (&self.compression, &self.crcs) {
            (Some(info), _) => info.chunk_len,
            (None, Some(crcs)) => crcs.chunk_len,
            (None, None) => CHUNK_LEN,
        }
    }

    /// How many chunks the file has; a last one of compressed data may hold nothing.
    pub fn chunk_count(&self) -> u64 {
        match &self.compression {
            Some(info) => info.offsets.len() as u64,
            None => self.file_len.div_ceil(u64::from(self.chunk_len())),
        }
    }

    /// Where chunk `index` is stored.
    ///
    /// # Errors
    /// A chunk that is not there, or longer than its codec could make it.
    pub fn block_id(&self, index: u64) -> Result<BlockId, ReadError> {
        let (offset, len) = match &self.compression {
            Some(info) => info.chunk(index, self.file_len)?,
            None => {
                let chunk_len = u64::from(self.chunk_len());
                let offset = index.saturating_mul(chunk_len);
                if offset >= self.file_len {
                    let what = Damage::Range { found: offset, max: self.file_len };
                    return Err(ReadError::corrupt(Component::Data, offset, what));
                }
                (offset, chunk_len.min(self.file_len - offset) as u32)
            }
        };
        Ok(BlockId { file: Component::Data.file(), offset, len })
    }

    /// Chunk `index`, checked and expanded.
    ///
    /// # Errors
    /// Damage at the chunk's place in the file; what the source could not read; a codec that is not plugged in.
    pub fn chunk(
        &self,
        source: &impl BlockSource<ReadError>,
        codecs: &impl Codecs,
        index: u64,
        mode: ReadMode,
    ) -> Result<Block, ReadError> {
        let id = self.block_id(index)?;
        let block = source.block(id, mode, &|stored| self.decode(index, stored, codecs))?;
        block.ok_or(ReadError::NotCached { component: Component::Data, at: id.offset })
    }

    /// Checks and expands chunk `index` as it was read.
    pub(crate) fn decode(
        &self,
        index: u64,
        stored: Stored<'_>,
        codecs: &impl Codecs,
    ) -> Result<Block, ReadError> {
        match (&self.compression, &self.crcs) {
            (Some(info), _) => info.expand(index, stored, codecs),
            (None, Some(crcs)) => crcs.check(index, &stored).map(|()| stored.into_whole()),
            (None, None) => Ok(stored.into_whole()),
        }
    }
}
