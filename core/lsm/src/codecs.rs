//! The block compressions that are plugged in, by RocksDB's compression type.

use alloc::sync::Arc;
use core::fmt;

use dolmen_base::io::FileNumber;
use dolmen_codec::compress::Lz4Block;
pub use dolmen_codec::compress::{Codec, CodecError};

use crate::error::{Feature, ReadError};

/// How a block is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum CompressionType {
    /// Not at all.
    #[default]
    None = 0,
    /// Snappy.
    Snappy = 1,
    /// Raw Deflate.
    Zlib = 2,
    /// LZ4 block format.
    Lz4 = 4,
    /// LZ4 block format from the slower compressor.
    Lz4Hc = 5,
    /// Zstandard frames.
    Zstd = 7,
}

impl CompressionType {
    /// From the byte behind a block; other types are refused by their number.
    pub const fn from_byte(byte: u8) -> Result<Self, ReadError> {
        Ok(match byte {
            0 => CompressionType::None,
            1 => CompressionType::Snappy,
            2 => CompressionType::Zlib,
            4 => CompressionType::Lz4,
            5 => CompressionType::Lz4Hc,
            7 => CompressionType::Zstd,
            other => {
                let what = Feature::Compression(other);
                return Err(ReadError::Unsupported { file: FileNumber::new(0), what });
            }
        })
    }

    /// RocksDB's name for it in the properties of a table.
    pub const fn name(self) -> &'static str {
        match self {
            CompressionType::None => "NoCompression",
            CompressionType::Snappy => "Snappy",
            CompressionType::Zlib => "Zlib",
            CompressionType::Lz4 => "LZ4",
            CompressionType::Lz4Hc => "LZ4HC",
            CompressionType::Zstd => "ZSTD",
        }
    }

    const fn slot(self) -> usize {
        match self {
            // Both are the same format.
            CompressionType::Lz4Hc => CompressionType::Lz4 as usize,
            other => other as usize,
        }
    }
}

/// The codecs at hand. Cloning counts references.
#[derive(Clone)]
pub struct Codecs {
    slots: [Option<Arc<dyn Codec + Send + Sync>>; 8],
}

impl Codecs {
    /// LZ4 only.
    pub fn new() -> Self {
        Codecs { slots: Default::default() }.with(CompressionType::Lz4, Arc::new(Lz4Block))
    }

    /// With one more codec, which replaces one for the same type.
    #[must_use]
    pub fn with(mut self, kind: CompressionType, codec: Arc<dyn Codec + Send + Sync>) -> Self {
        self.slots[kind.slot()] = Some(codec);
        self
    }

    /// The codec for a type, or [`Feature::Compression`].
    pub fn get(&self, kind: CompressionType) -> Result<&(dyn Codec + Send + Sync), ReadError> {
        let what = Feature::Compression(kind as u8);
        self.slots[kind.slot()].as_deref().ok_or(ReadError::Unsupported { file: FileNumber::new(0), what })
    }
}

impl Default for Codecs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slots.iter().map(Option::is_some)).finish()
    }
}
