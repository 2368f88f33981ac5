//! Data.db as chunks of expanded bytes, each checked by its checksum.

use dolmen_base::block::{Block, BlockId, BlockSource, ReadMode};

use crate::component::Component;
use crate::compression::{Codecs, CompressionInfo};
use crate::crc::ChunkCrcs;
use crate::error::{Damage, ReadError};

/// Bytes of a chunk of uncompressed data without CRC.db.
const CHUNK_LEN: u32 = 1 << 16;

/// How Data.db is stored.
#[derive(Clone, Debug)]
pub struct Data {
    /// Of compressed data.
    pub compression: Option<CompressionInfo>,
    /// Of uncompressed data.
    pub crcs: Option<ChunkCrcs>,
    /// Bytes of the file.
    pub file_len: u64,
}

impl Data {
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
    pub fn chunk(
        &self,
        source: &impl BlockSource<ReadError>,
        codecs: &impl Codecs,
        index: u64,
        mode: ReadMode,
    ) -> Result<Block, ReadError> {
        let id = self.block_id(index)?;
        let decode = |stored: &[u8]| match (&self.compression, &self.crcs) {
            (Some(info), _) => info.expand(index, stored, codecs),
            (None, Some(crcs)) => crcs.check(index, stored).map(|()| stored.to_vec()),
            (None, None) => Ok(stored.to_vec()),
        };
        let block = source.block(id, mode, &decode)?;
        block.ok_or(ReadError::NotCached { component: Component::Data, at: id.offset })
    }
}
