//! The compression libraries, with contexts that are used again.

use std::cell::RefCell;
use std::io::Read;

use dolmen_codec::compress::{CodecError, Codecs, Compression, Dictionary, lz4_compress, lz4_expand};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, ResetDirective};

/// Level of Zstandard where none is named: the library's and RocksDB's.
const ZSTD_LEVEL: i32 = 3;
/// Dictionaries whose prepared form a thread keeps; beyond them the one used longest ago goes.
const DICTIONARIES_MAX: usize = 8;

/// Every compression: LZ4, Snappy, Deflate, zlib, gzip, Zstandard. Contexts belong to the thread that calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Libraries;

/// Contexts of a dictionary, or of none.
struct Prepared<C> {
    dictionary: Option<Dictionary>,
    context: C,
}

/// What a thread keeps. Each is made when it is first needed.
#[derive(Default)]
struct Contexts {
    expanders: Vec<Prepared<DCtx<'static>>>,
    compressors: Vec<Prepared<CCtx<'static>>>,
    inflate: Option<Decompress>,
    inflate_zlib: Option<Decompress>,
    snappy: Option<snap::raw::Encoder>,
}

thread_local! {
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

/// The context of a dictionary, moved to the front; made by `make` if there is none.
fn prepared<'c, C>(
    kept: &'c mut Vec<Prepared<C>>,
    dictionary: Option<&Dictionary>,
    make: impl FnOnce() -> Option<C>,
) -> Result<&'c mut C, CodecError> {
    let is_it = |held: &Prepared<C>| match (&held.dictionary, dictionary) {
        (None, None) => true,
        (Some(held), Some(wanted)) => held.is(wanted),
        _ => false,
    };
    match kept.iter().position(is_it) {
        Some(at) => kept[..=at].rotate_right(1),
        None => {
            let context = make().ok_or(CodecError::Absent)?;
            kept.truncate(DICTIONARIES_MAX - 1);
            kept.insert(0, Prepared { dictionary: dictionary.cloned(), context });
        }
    }
    Ok(&mut kept[0].context)
}

impl Contexts {
    fn zstd_expand(
        &mut self,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CodecError> {
        let context = prepared(&mut self.expanders, dictionary, || {
            let mut context = DCtx::try_create()?;
            context.load_dictionary(dictionary.map_or(&[][..], |d| d)).ok()?;
            Some(context)
        })?;
        context.decompress(out, input).map_err(|code| match zstd_safe::get_error_name(code) {
            "Destination buffer is too small" => CodecError::Room,
            _ => CodecError::Damaged,
        })
    }

    fn zstd_compress(
        &mut self,
        level: i32,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let context = prepared(&mut self.compressors, dictionary, || {
            let mut context = CCtx::try_create()?;
            context.load_dictionary(dictionary.map_or(&[][..], |d| d)).ok()?;
            Some(context)
        })?;
        let damaged = |_| CodecError::Damaged;
        context.reset(ResetDirective::SessionOnly).map_err(damaged)?;
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(damaged)?;
        let start = out.len();
        out.resize(start + zstd_safe::compress_bound(input.len()), 0);
        let written = context.compress2(&mut out[start..], input);
        out.truncate(start + *written.as_ref().unwrap_or(&0));
        written.map(drop).map_err(damaged)
    }

    fn inflate(&mut self, has_header: bool, input: &[u8], out: &mut [u8]) -> Result<usize, CodecError> {
        let kept = if has_header { &mut self.inflate_zlib } else { &mut self.inflate };
        let context = kept.get_or_insert_with(|| Decompress::new(has_header));
        context.reset(has_header);
        match context.decompress(input, out, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => Ok(context.total_out() as usize),
            Ok(_) if context.total_out() == out.len() as u64 => Err(CodecError::Room),
            _ => Err(CodecError::Damaged),
        }
    }

    fn snappy_compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let encoder = self.snappy.get_or_insert_with(snap::raw::Encoder::new);
        let start = out.len();
        out.resize(start + snap::raw::max_compress_len(input.len()), 0);
        let written = encoder.compress(input, &mut out[start..]);
        out.truncate(start + *written.as_ref().unwrap_or(&0));
        written.map(drop).map_err(|_| CodecError::Damaged)
    }
}

/// Snappy says its length first, so that what does not fit is known before anything is written.
fn snappy_expand(input: &[u8], out: &mut [u8]) -> Result<usize, CodecError> {
    let len = snap::raw::decompress_len(input).map_err(|_| CodecError::Damaged)?;
    let room = out.get_mut(..len).ok_or(CodecError::Room)?;
    snap::raw::Decoder::new().decompress(input, room).map_err(|_| CodecError::Damaged)
}

/// Fills `out` from a stream that must end within it.
fn read_all(mut stream: impl Read, out: &mut [u8]) -> Result<usize, CodecError> {
    let mut filled = 0;
    loop {
        let mut beyond = [0];
        let is_beyond = filled == out.len();
        let room = if is_beyond { &mut beyond[..] } else { &mut out[filled..] };
        match stream.read(room) {
            Ok(0) => return Ok(filled),
            Ok(_) if is_beyond => return Err(CodecError::Room),
            Ok(len) => filled += len,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(CodecError::Damaged),
        }
    }
}

/// Deflate in one go, with or without the zlib wrapper.
fn deflate(has_header: bool, level: Option<i32>, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut context = Compress::new(deflate_level(level), has_header);
    loop {
        out.reserve((input.len() / 2).max(1 << 10));
        let taken = context.total_in() as usize;
        match context.compress_vec(&input[taken..], out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(CodecError::Damaged),
        }
    }
}

fn deflate_level(level: Option<i32>) -> flate2::Compression {
    let level = level.and_then(|level| u32::try_from(level).ok()).map(|level| level.min(9));
    level.map_or_else(flate2::Compression::default, flate2::Compression::new)
}

impl Codecs for Libraries {
    fn has(&self, kind: Compression) -> bool {
        use Compression::{Deflate, Gzip, Lz4, Snappy, Zlib, Zstd};
        matches!(kind, Deflate | Gzip | Lz4 | Snappy | Zlib | Zstd)
    }

    fn expand(
        &self,
        kind: Compression,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CodecError> {
        if dictionary.is_some() && kind != Compression::Zstd {
            return Err(CodecError::Absent);
        }
        CONTEXTS.with_borrow_mut(|contexts| match kind {
            Compression::Lz4 => lz4_expand(input, out),
            Compression::Snappy => snappy_expand(input, out),
            Compression::Deflate => contexts.inflate(false, input, out),
            Compression::Zlib => contexts.inflate(true, input, out),
            Compression::Gzip => read_all(flate2::bufread::MultiGzDecoder::new(input), out),
            Compression::Zstd => contexts.zstd_expand(dictionary, input, out),
            _ => Err(CodecError::Absent),
        })
    }

    fn compress(
        &self,
        kind: Compression,
        level: Option<i32>,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        if dictionary.is_some() && kind != Compression::Zstd {
            return Err(CodecError::Absent);
        }
        CONTEXTS.with_borrow_mut(|contexts| match kind {
            Compression::Lz4 => lz4_compress(input, out),
            Compression::Snappy => contexts.snappy_compress(input, out),
            Compression::Deflate => deflate(false, level, input, out),
            Compression::Zlib => deflate(true, level, input, out),
            Compression::Gzip => {
                let mut encoder = flate2::bufread::GzEncoder::new(input, deflate_level(level));
                encoder.read_to_end(out).map(drop).map_err(|_| CodecError::Damaged)
            }
            Compression::Zstd => contexts.zstd_compress(level.unwrap_or(ZSTD_LEVEL), dictionary, input, out),
            _ => Err(CodecError::Absent),
        })
    }
}
