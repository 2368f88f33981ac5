//! Block compression behind one trait: LZ4 here, what needs a library of the outside world plugged in by an adapter.
//!
//! A codec sees raw streams. Where a format writes the length before compression, that is the format's affair, and so is the
//! check that a block expanded to exactly that length. Every format of this project asks the same [`Codecs`], so that a program plugs its
//! libraries in once, with their contexts and dictionaries.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

/// Why a block could not be compressed or expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The input is damaged; or, when compressing, longer than the format allows.
    Damaged,
    /// It expands to more than the room that was given.
    Room,
    /// This compression, or its dictionary, is not plugged in.
    Absent,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodecError::Damaged => "a compressed block is damaged",
            CodecError::Room => "a compressed block expands to more than was announced",
            CodecError::Absent => "no library for this compression is plugged in",
        })
    }
}

impl core::error::Error for CodecError {}

/// The compressions that the formats of this project know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// LZ4 block format, without a frame and without a length in front. Source: lz4's `doc/lz4_Block_format.md`.
    Lz4,
    /// Snappy's raw format, which begins with its expanded length. Source: snappy's `format_description.txt`.
    Snappy,
    /// Deflate without a wrapper. Source: RFC 1951.
    Deflate,
    /// Deflate in a zlib stream. Source: RFC 1950.
    Zlib,
    /// Deflate in a gzip member. Source: RFC 1952.
    Gzip,
    /// Zstandard frames, with a dictionary on wish. Source: RFC 8878.
    Zstd,
}

/// A compression dictionary. Cloning counts a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary(Arc<[u8]>);

impl Dictionary {
    /// Of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Dictionary(bytes.into())
    }

    /// Whether both are clones of one: who keeps what a library prepared for a dictionary finds it so, without comparing bytes.
    pub fn is(&self, other: &Dictionary) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Dictionary {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The compressions at hand.
pub trait Codecs {
    /// Whether `kind` is plugged in.
    fn has(&self, kind: Compression) -> bool;

    /// Expands `input` into the start of `out`, which is the room that the caller allows, and says how many bytes that were. What stands
    /// behind them in `out` means nothing afterwards, and after an error all of it.
    ///
    /// # Errors
    /// [`CodecError`]: damaged, more than the room, or not plugged in. A dictionary that the kind does not take is [`CodecError::Absent`].
    fn expand(
        &self,
        kind: Compression,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CodecError>;

    /// Appends `input` compressed; after an error what was appended means nothing. `level` is the library's own scale, `None` its default.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when the input is longer than the format allows; [`CodecError::Absent`].
    fn compress(
        &self,
        kind: Compression,
        level: Option<i32>,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError>;

    /// Appends `input` expanded where a format does not say how long that is: room is made by steps, up to `len_max` bytes.
    ///
    /// # Errors
    /// As [`Codecs::expand`]; [`CodecError::Room`] says that it is longer than `len_max`.
    fn expand_to_end(
        &self,
        kind: Compression,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        len_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let start = out.len();
        let mut room = input.len().saturating_mul(4).max(FIRST_ROOM).min(len_max);
        loop {
            out.resize(start.saturating_add(room), 0);
            match self.expand(kind, dictionary, input, &mut out[start..]) {
                Ok(len) => {
                    out.truncate(start + len);
                    return Ok(());
                }
                Err(CodecError::Room) if room < len_max => room = room.saturating_mul(4).min(len_max),
                Err(error) => {
                    out.truncate(start);
                    return Err(error);
                }
            }
        }
    }
}

/// Least room that [`Codecs::expand_to_end`] begins with.
const FIRST_ROOM: usize = 1 << 12;

impl<C: Codecs + ?Sized> Codecs for &C {
    fn has(&self, kind: Compression) -> bool {
        (**self).has(kind)
    }

    fn expand(
        &self,
        kind: Compression,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CodecError> {
        (**self).expand(kind, dictionary, input, out)
    }

    fn compress(
        &self,
        kind: Compression,
        level: Option<i32>,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        (**self).compress(kind, level, dictionary, input, out)
    }
}

/// LZ4 and nothing else: what core can do by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4Only;

impl Codecs for Lz4Only {
    fn has(&self, kind: Compression) -> bool {
        kind == Compression::Lz4
    }

    fn expand(
        &self,
        kind: Compression,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CodecError> {
        if kind != Compression::Lz4 || dictionary.is_some() {
            return Err(CodecError::Absent);
        }
        lz4_expand(input, out)
    }

    fn compress(
        &self,
        kind: Compression,
        _: Option<i32>,
        dictionary: Option<&Dictionary>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        if kind != Compression::Lz4 || dictionary.is_some() {
            return Err(CodecError::Absent);
        }
        lz4_compress(input, out)
    }
}

/// Expands an LZ4 block into the start of `out`; gives the length.
///
/// # Errors
/// [`CodecError::Damaged`] or [`CodecError::Room`].
pub fn lz4_expand(input: &[u8], out: &mut [u8]) -> Result<usize, CodecError> {
    lz4_flex::block::decompress_into(input, out).map_err(|error| match error {
        lz4_flex::block::DecompressError::OutputTooSmall { .. } => CodecError::Room,
        _ => CodecError::Damaged,
    })
}

/// Appends `input` as an LZ4 block.
///
/// # Errors
/// [`CodecError::Damaged`] when it is longer than the format allows.
pub fn lz4_compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(input.len()), 0);
    let written = lz4_flex::block::compress_into(input, &mut out[start..]);
    out.truncate(start + *written.as_ref().unwrap_or(&0));
    written.map(drop).map_err(|_| CodecError::Damaged)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use dolmen_base::Rng;

    use super::*;

    /// Bytes with repetitions: copies of earlier parts between random ones.
    fn compressible(rng: &mut Rng, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        rng.fill(&mut bytes);
        while bytes.len() < len {
            let start = rng.below(bytes.len() as u64) as usize;
            let end = rng.range(start as u64, bytes.len() as u64 - 1) as usize;
            bytes.extend_from_within(start..=end);
            bytes.push(rng.next_u64() as u8);
        }
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn lz4_round_trips_behind_what_was_there() {
        let mut rng = Rng::new(1);
        for len in (0..70).chain([1 << 12, 1 << 16, 300_000]) {
            let input = compressible(&mut rng, len);
            let (mut packed, mut unpacked) = (b"head".to_vec(), vec![0; len]);
            Lz4Only.compress(Compression::Lz4, None, None, &input, &mut packed).unwrap();
            let found = Lz4Only.expand(Compression::Lz4, None, &packed[4..], &mut unpacked);
            assert_eq!((&packed[..4], found, &unpacked), (&b"head"[..], Ok(len), &input));
            if len > 1 << 10 {
                assert!(packed.len() < len, "{len} bytes became {}", packed.len());
            }
            let mut grown = b"head".to_vec();
            Lz4Only.expand_to_end(Compression::Lz4, None, &packed[4..], len, &mut grown).unwrap();
            assert_eq!((&grown[..4], &grown[4..]), (&b"head"[..], &input[..]));
            if len > 0 {
                let refused =
                    Lz4Only.expand_to_end(Compression::Lz4, None, &packed[4..], len - 1, &mut grown);
                assert_eq!((refused, grown.len()), (Err(CodecError::Room), 4 + len));
            }
        }
    }

    /// Three literals, a match of nine that begins three back, five last literals: counted out by the format's description.
    #[test]
    fn lz4_reads_a_block_written_by_hand() {
        let mut out = [0; 64];
        let block = b"\x35abc\x03\x00\x50vwxyz";
        assert_eq!(lz4_expand(block, &mut out[..17]), Ok(17));
        assert_eq!(&out[..17], b"abcabcabcabcvwxyz");
        assert_eq!(lz4_expand(block, &mut out[..16]), Err(CodecError::Room));
        assert_eq!(
            lz4_expand(b"\x35abc\x04\x00", &mut out),
            Err(CodecError::Damaged),
            "a match before the start"
        );
    }

    #[test]
    fn what_is_not_plugged_in_says_so() {
        let dictionary = Dictionary::new(b"words");
        assert!(dictionary.is(&dictionary.clone()) && !dictionary.is(&Dictionary::new(b"words")));
        let mut out = [0; 8];
        assert_eq!(Lz4Only.expand(Compression::Zstd, None, b"", &mut out), Err(CodecError::Absent));
        let with = Lz4Only.expand(Compression::Lz4, Some(&dictionary), b"", &mut out);
        assert_eq!(with, Err(CodecError::Absent));
        assert!(Lz4Only.has(Compression::Lz4) && !Lz4Only.has(Compression::Snappy));
    }

    #[test]
    fn damaged_lz4_is_an_error_or_stays_within_its_bound() {
        let mut rng = Rng::new(2);
        let input = compressible(&mut rng, 2000);
        let mut packed = Vec::new();
        lz4_compress(&input, &mut packed).unwrap();
        let mut refused = 0;
        for _ in 0..20_000 {
            let mut damaged = packed.clone();
            for _ in 0..rng.range(1, 3) {
                let at = rng.below(damaged.len() as u64) as usize;
                damaged[at] ^= 1 << rng.below(8);
            }
            damaged.truncate(rng.range(1, packed.len() as u64) as usize);
            match lz4_expand(&damaged, &mut vec![0; input.len()]) {
                Ok(len) => assert!(len <= input.len()),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 1000, "{refused} of 20,000 refused");
    }
}
