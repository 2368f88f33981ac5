//! The block compressions that need a library beyond core: Zstandard, Snappy and raw Deflate, as RocksDB stores them.

use std::io::{BufReader, Read, Write};
use std::sync::Arc;

use dolmen_lsm::codecs::{Codec, CodecError, Codecs, CompressionType};

/// Zstandard's level 3, the library's and RocksDB's default.
const ZSTD_LEVEL: i32 = 3;

/// Every compression that this crate plugs in, beside the built-in LZ4.
pub fn codecs() -> Codecs {
    Codecs::new()
        .with(CompressionType::Zstd, Arc::new(Zstd))
        .with(CompressionType::Snappy, Arc::new(Snappy))
        .with(CompressionType::Zlib, Arc::new(Deflate))
}

struct Zstd;
struct Snappy;
struct Deflate;

impl Codec for Zstd {
    fn compress(&self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(zstd::bulk::compress(input, ZSTD_LEVEL).map_err(|_| CodecError)?);
        Ok(())
    }

    fn decompress(&self, input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(zstd::bulk::decompress(input, len).map_err(|_| CodecError)?);
        Ok(())
    }
}

impl Codec for Snappy {
    fn compress(&self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(snap::raw::Encoder::new().compress_vec(input).map_err(|_| CodecError)?);
        Ok(())
    }

    fn decompress(&self, input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if snap::raw::decompress_len(input).ok() != Some(len) {
            return Err(CodecError);
        }
        out.extend(snap::raw::Decoder::new().decompress_vec(input).map_err(|_| CodecError)?);
        Ok(())
    }
}

impl Codec for Deflate {
    fn compress(&self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut encoder = flate2::write::DeflateEncoder::new(out, flate2::Compression::default());
        encoder.write_all(input).and_then(|()| encoder.finish().map(drop)).map_err(|_| CodecError)
    }

    fn decompress(&self, input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let limited = flate2::read::DeflateDecoder::new(input).take(len as u64 + 1);
        BufReader::new(limited).read_to_end(out).map(drop).map_err(|_| CodecError)
    }
}
