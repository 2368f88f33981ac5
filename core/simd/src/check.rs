//! Bodies that tests and fuzz targets share.

use crate::ascii;
use crate::level::Level;
use crate::quant::{Format, dequantise, dot};
use crate::utf8::valid_up_to;

/// Any bytes are rows of weights and activations: nothing panics, and all levels agree. The first byte names the format.
///
/// # Panics
///
/// Two levels differ.
pub fn check_blocks(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(first) % (Format::ALL.len() - 1)];
    let (weight, x) = (format.block_bytes(), format.activations().block_bytes());
    let blocks = (bytes.len() / (weight + x)).min(BLOCKS_MAX);
    let (rows, rest) = bytes.split_at(blocks * weight);
    let x = &rest[..blocks * x];
    let judge = dot(Level::SCALAR, format, rows, x);
    for level in Level::each() {
        let got = dot(level, format, rows, x);
        assert!(
            got.to_bits() == judge.to_bits() || got.is_nan() && judge.is_nan(),
            "{format} at {level}: {got}, not {judge}"
        );
    }
    let mut out = [0.0; 256];
    for block in rows.chunks_exact(weight) {
        dequantise(format, block, &mut out[..format.block_len()]);
    }
    let want = core::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| bytes.len());
    for level in Level::each() {
        assert_eq!(valid_up_to(level, bytes), want, "UTF-8 at {level}");
    }
    for block in bytes.as_chunks::<{ ascii::BLOCK }>().0 {
        for level in Level::each() {
            assert_eq!(
                ascii::classes(level, block),
                ascii::classes(Level::SCALAR, block),
                "classes at {level}"
            );
        }
    }
}

const BLOCKS_MAX: usize = 64;
