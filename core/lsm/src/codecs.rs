//! The block compressions that are plugged in, by RocksDB's compression type.

use alloc::sync::Arc;
use core::fmt;

use alloc::vec::Vec;

use dolmen_base::io::FileNumber;
pub use dolmen_codec::compress::{CodecError, Compression};
use dolmen_codec::compress::{Codecs as Libraries, Lz4Only};

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
    ///
    /// # Errors
    /// Its number, as unsupported.
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

    /// The format of the compressed bytes; `None`: they are not compressed.
    pub const fn format(self) -> Option<Compression> {
        match self {
            CompressionType::None => None,
            CompressionType::Snappy => Some(Compression::Snappy),
            CompressionType::Zlib => Some(Compression::Deflate),
            CompressionType::Lz4 | CompressionType::Lz4Hc => Some(Compression::Lz4),
            CompressionType::Zstd => Some(Compression::Zstd),
        }
    }
}

/// The codecs at hand. Cloning counts a reference.
#[derive(Clone)]
pub struct Codecs(Arc<dyn Libraries + Send + Sync>);

impl Codecs {
    /// LZ4 only.
    pub fn new() -> Self {
        Codecs::of(Lz4Only)
    }

    /// What a program plugs in.
    pub fn of(libraries: impl Libraries + Send + Sync + 'static) -> Self {
        Codecs(Arc::new(libraries))
    }

    /// Expands into the start of `out`; gives the length.
    pub(crate) fn expand(
        &self,
        kind: CompressionType,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CodecError> {
        self.0.expand(kind.format().ok_or(CodecError::Absent)?, None, input, out)
    }

    /// Appends `input` compressed, as the library's default level does.
    pub(crate) fn compress(
        &self,
        kind: CompressionType,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        self.0.compress(kind.format().ok_or(CodecError::Absent)?, None, None, input, out)
    }

    /// Whether blocks of this type can be read, else [`Feature::Compression`].
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] with the number of the type.
    pub fn require(&self, kind: CompressionType) -> Result<(), ReadError> {
        if kind.format().is_none_or(|format| self.0.has(format)) {
            return Ok(());
        }
        let what = Feature::Compression(kind as u8);
        Err(ReadError::Unsupported { file: FileNumber::new(0), what })
    }
}

impl Default for Codecs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KINDS: [CompressionType; 4] =
            [CompressionType::Snappy, CompressionType::Zlib, CompressionType::Lz4, CompressionType::Zstd];
        let present = KINDS.into_iter().filter(|kind| self.require(*kind).is_ok());
        f.debug_list().entries(present).finish()
    }
}
