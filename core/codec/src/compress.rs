//! Block compression as a trait: LZ4 here, what needs a library of the outside world plugged in by an adapter.
//!
//! A codec sees raw streams. Where a format writes the length before compression, that is the format's affair, and so is the
//! check that a block expanded to exactly that length.

use alloc::vec::Vec;
use core::fmt;

/// The input could not be compressed, or is damaged, or would expand beyond the caller's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecError;

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a compressed block is damaged or expands too far")
    }
}

impl core::error::Error for CodecError {}

/// A block compression. Both functions append to `out`; what it held stays, and after an error the rest means nothing.
pub trait Codec {
    /// Appends `input` compressed.
    ///
    /// # Errors
    /// [`CodecError`] when the input is longer than the format allows.
    fn compress(&self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Appends `input` expanded. `len` is what the caller expects; a codec allocates no more than that (and a byte or a buffer of
    /// fixed size), so bounding it is the caller's part.
    ///
    /// # Errors
    /// [`CodecError`] when the input is damaged or expands to more than `len` bytes.
    fn decompress(&self, input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), CodecError>;
}

/// LZ4 block format, without a frame and without a length in front. Source: lz4's `doc/lz4_Block_format.md`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4Block;

impl Codec for Lz4Block {
    fn compress(&self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let len_max = lz4_flex::block::get_maximum_output_size(input.len());
        append(out, len_max, |room| lz4_flex::block::compress_into(input, room).ok())
    }

    fn decompress(&self, input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        append(out, len, |room| lz4_flex::block::decompress_into(input, room).ok())
    }
}

/// Lets `fill` write into `len_max` bytes behind `out` and keeps as many as it says it wrote.
fn append(
    out: &mut Vec<u8>,
    len_max: usize,
    fill: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Result<(), CodecError> {
    let start = out.len();
    out.resize(start + len_max, 0);
    let written = fill(&mut out[start..]);
    out.truncate(start + written.unwrap_or(0));
    written.map(drop).ok_or(CodecError)
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
            let (mut packed, mut unpacked) = (b"head".to_vec(), b"head".to_vec());
            Lz4Block.compress(&input, &mut packed).unwrap();
            Lz4Block.decompress(&packed[4..], len, &mut unpacked).unwrap();
            assert_eq!(
                (&packed[..4], &unpacked[..4], &unpacked[4..]),
                (&b"head"[..], &b"head"[..], &input[..])
            );
            if len > 1 << 10 {
                assert!(packed.len() < len, "{len} bytes became {}", packed.len());
            }
        }
    }

    /// Three literals, a match of nine that begins three back, five last literals: counted out by the format's description.
    #[test]
    fn lz4_reads_a_block_written_by_hand() {
        let mut out = Vec::new();
        let block = b"\x35abc\x03\x00\x50vwxyz";
        Lz4Block.decompress(block, 17, &mut out).unwrap();
        assert_eq!(out, b"abcabcabcabcvwxyz");
        assert_eq!(Lz4Block.decompress(block, 16, &mut out), Err(CodecError), "longer than the bound");
        assert_eq!(
            Lz4Block.decompress(b"\x35abc\x04\x00", 64, &mut out),
            Err(CodecError),
            "a match before the start"
        );
    }

    #[test]
    fn damaged_lz4_is_an_error_or_stays_within_its_bound() {
        let mut rng = Rng::new(2);
        let input = compressible(&mut rng, 2000);
        let mut packed = Vec::new();
        Lz4Block.compress(&input, &mut packed).unwrap();
        let mut refused = 0;
        for _ in 0..20_000 {
            let mut damaged = packed.clone();
            for _ in 0..rng.range(1, 3) {
                let at = rng.below(damaged.len() as u64) as usize;
                damaged[at] ^= 1 << rng.below(8);
            }
            damaged.truncate(rng.range(1, packed.len() as u64) as usize);
            let mut out = Vec::new();
            match Lz4Block.decompress(&damaged, input.len(), &mut out) {
                Ok(()) => assert!(out.len() <= input.len()),
                Err(CodecError) => refused += 1,
            }
        }
        assert!(refused > 1000, "{refused} of 20,000 refused");
    }
}
