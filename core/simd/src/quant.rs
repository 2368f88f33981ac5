//! Block-quantised weights in ggml's layouts: quantise, dequantise, and the products that inference lives on.
//!
//! | format | elements | bytes | layout (little-endian) |
//! |---|---|---|---|
//! | Q8_0 | 32 | 34 | d f16, 32 i8 |
//! | Q4_0 | 32 | 18 | d f16, 16 bytes of nibbles: byte j has element j low, j + 16 high; value nibble - 8 |
//! | Q5_0 | 32 | 22 | d f16, 32 fifth bits, nibbles as in Q4_0; value - 16 |
//! | Q4_K | 256 | 144 | d f16, dmin f16, 12 bytes of 8 scales and 8 minima of 6 bits, 128 bytes of nibbles |
//! | Q5_K | 256 | 176 | d, dmin, scales as in Q4_K; 32 bytes of fifth bits; 128 bytes of nibbles |
//! | Q6_K | 256 | 210 | 128 bytes of low nibbles, 64 of upper two bits, 16 scales i8, d f16; value - 32 |
//! | Q8_K | 256 | 292 | d f32, 256 i8, 16 sums of 16 as i16: activations only |
//!
//! [`quantise`] writes the bytes that ggml's reference functions write without an importance matrix, and [`dequantise`] the floats
//! they read, bit for bit. [`quantise_activations`] does so too, at every level, but for numbers that are not finite, of which it makes
//! some bytes.
//!
//! **Products** take a row of weights and a vector quantised to Q8_0 (formats of 32) or Q8_K (formats of 256), as in ggml.
//! They are equal bit for bit at all levels: products of bytes are exact integers in sixteen lanes, their sums times the blocks'
//! scales are added lane by lane in the order of the blocks, each operation rounded by itself, and the lanes are joined in a fixed
//! order. Error against the exact product of the quantised numbers: `1e-6 · Σ|wᵢ·xᵢ|` up to 16,384 elements.
//!
//! Source: ggml 0.25, `ggml-quants.c` and `ggml-common.h` (MIT), read for the layouts and for the order of operations.

mod dot;
mod many;
mod read;
mod tiles;
mod write;

use core::fmt;

use crate::level::Level;

pub use read::dequantise;
pub use write::{quantise, quantise_activations};

/// A layout of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Eight bits, one scale for 32.
    Q8_0,
    /// Four bits, one scale for 32.
    Q4_0,
    /// Five bits, one scale for 32.
    Q5_0,
    /// Four bits, a scale and a minimum for 32 within 256.
    Q4K,
    /// Five bits, a scale and a minimum for 32 within 256.
    Q5K,
    /// Six bits, a scale for 16 within 256.
    Q6K,
    /// Eight bits, one scale for 256, with sums: for activations.
    Q8K,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 7] =
        [Format::Q8_0, Format::Q4_0, Format::Q5_0, Format::Q4K, Format::Q5K, Format::Q6K, Format::Q8K];

    /// Elements of a block.
    pub const fn block_len(self) -> usize {
        match self {
            Format::Q8_0 | Format::Q4_0 | Format::Q5_0 => 32,
            Format::Q4K | Format::Q5K | Format::Q6K | Format::Q8K => 256,
        }
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Format::Q8_0 => Q8_0_BYTES,
            Format::Q4_0 => Q4_0_BYTES,
            Format::Q5_0 => Q5_0_BYTES,
            Format::Q4K => Q4_K_BYTES,
            Format::Q5K => Q5_K_BYTES,
            Format::Q6K => Q6_K_BYTES,
            Format::Q8K => Q8_K_BYTES,
        }
    }

    /// Bytes of a row of so many elements; `None` if they do not fill whole blocks.
    pub const fn row_bytes(self, len: usize) -> Option<usize> {
        if !len.is_multiple_of(self.block_len()) {
            return None;
        }
        (len / self.block_len()).checked_mul(self.block_bytes())
    }

    /// Elements of so many bytes; `None` if they are not whole blocks.
    pub const fn len_of(self, bytes: usize) -> Option<usize> {
        if !bytes.is_multiple_of(self.block_bytes()) {
            return None;
        }
        (bytes / self.block_bytes()).checked_mul(self.block_len())
    }

    /// What a vector must be quantised to for a product with rows of this format.
    pub const fn activations(self) -> Format {
        match self.block_len() {
            32 => Format::Q8_0,
            _ => Format::Q8K,
        }
    }

    /// ggml's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Q8_0 => "q8_0",
            Format::Q4_0 => "q4_0",
            Format::Q5_0 => "q5_0",
            Format::Q4K => "q4_k",
            Format::Q5K => "q5_k",
            Format::Q6K => "q6_k",
            Format::Q8K => "q8_k",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The product of a row of weights with a vector in [`Format::activations`].
///
/// # Panics
///
/// A length is not of whole blocks, the two differ in elements, or the format is Q8_K.
pub fn dot(level: Level, format: Format, row: &[u8], x: &[u8]) -> f32 {
    let mut out = [0.0];
    products(level, format, row, x, &mut out);
    out[0]
}

/// The products of rows, one after another, with a vector in [`Format::activations`].
///
/// # Panics
///
/// As [`dot`]; there must be a row for each element of `out`.
pub fn products(level: Level, format: Format, rows: &[u8], x: &[u8], out: &mut [f32]) {
    let len = format.activations().len_of(x.len());
    let row_bytes = len.and_then(|len| format.row_bytes(len));
    let Some(row_bytes) = row_bytes else {
        panic!("{} bytes are no vector of {} for rows of {format}", x.len(), format.activations());
    };
    assert!(
        row_bytes.checked_mul(out.len()) == Some(rows.len()),
        "{} rows of {format} have {row_bytes} bytes each, not {} in all",
        out.len(),
        rows.len()
    );
    if row_bytes == 0 {
        out.fill(0.0);
        return;
    }
    dot::products(level, format, rows, row_bytes, x, out);
}

/// The products of rows with several vectors in [`Format::activations`], one after another: `out[row · vectors + vector]`.
///
/// Each has the bits that [`products`] gives. A row is unpacked once for eight vectors, or four rows and four vectors share what they
/// load: for prompts and batches. A caller with several threads gives each some of the rows.
///
/// # Panics
///
/// As [`products`]; `xs` must be `vectors` vectors of one length, and `out` whole rows of that many.
pub fn products_of_many(
    level: Level,
    format: Format,
    rows: &[u8],
    xs: &[u8],
    vectors: usize,
    out: &mut [f32],
) {
    if vectors == 0 || out.is_empty() {
        assert!(out.is_empty(), "{} results of no vector", out.len());
        return;
    }
    assert!(
        xs.len().is_multiple_of(vectors) && out.len().is_multiple_of(vectors),
        "{} bytes and {} results are not of {vectors} vectors",
        xs.len(),
        out.len()
    );
    let x_bytes = xs.len() / vectors;
    let len = format.activations().len_of(x_bytes);
    let Some(row_bytes) = len.and_then(|len| format.row_bytes(len)) else {
        panic!("{x_bytes} bytes are no vector of {} for rows of {format}", format.activations());
    };
    let count = out.len() / vectors;
    assert!(
        row_bytes.checked_mul(count) == Some(rows.len()),
        "{count} rows of {format} have {row_bytes} bytes each, not {} in all",
        rows.len()
    );
    if row_bytes == 0 {
        out.fill(0.0);
        return;
    }
    many::products(level, format, many::Shape { rows, row_bytes, xs, x_bytes, vectors }, out);
}

/// The products of rows of blocks of 32 with several vectors, one after another: `out[vector · stride + row]`.
///
/// The fastest form for prompts and batches: sixteen rows are packed side by side, on the stack, and each load serves eight vectors or sixteen
/// rows. The bits are the same at all levels, and for any number of vectors, but not those of [`products`]: whole blocks are summed before they are scaled.
///
/// # Panics
///
/// As [`products`]; the format is not of blocks of 32; `xs` must be `vectors` vectors of one length, and `out` hold them at that stride.
pub fn products_in_tiles(
    level: Level,
    format: Format,
    rows: &[u8],
    xs: &[u8],
    vectors: usize,
    out: &mut [f32],
    stride: usize,
) {
    if vectors == 0 || rows.is_empty() {
        return;
    }
    let x_bytes = xs.len() / vectors;
    let row_bytes = format.activations().len_of(x_bytes).and_then(|len| format.row_bytes(len));
    let Some(row_bytes) = row_bytes.filter(|&len| len > 0 && xs.len().is_multiple_of(vectors)) else {
        panic!("{} bytes are not {vectors} vectors for rows of {format}", xs.len());
    };
    let count = rows.len() / row_bytes;
    let end = (vectors - 1).checked_mul(stride).and_then(|begin| begin.checked_add(count));
    assert!(
        rows.len().is_multiple_of(row_bytes) && count <= stride && end.is_some_and(|end| end <= out.len()),
        "{count} rows of {format} and {vectors} vectors do not fit {} results at a stride of {stride}",
        out.len()
    );
    tiles::products(level, format, tiles::Tiled { rows, row_bytes, xs, x_bytes, vectors, stride }, out);
}

const Q8_0_BYTES: usize = 34;
const Q4_0_BYTES: usize = 18;
const Q5_0_BYTES: usize = 22;
const Q4_K_BYTES: usize = 144;
const Q5_K_BYTES: usize = 176;
const Q6_K_BYTES: usize = 210;
const Q8_K_BYTES: usize = 292;

/// A half float at the beginning of bytes.
#[inline(always)]
fn scale_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The eight scales and eight minima of six bits, one a byte, in Q4_K's and Q5_K's twelve bytes: the first four of each have their six bits in bytes
/// 0..4 and 4..8; of the other four the low four bits are the nibbles of bytes 8..12, the upper two the top bits of the first.
#[inline(always)]
fn scales_and_minima(bytes: &[u8; 12]) -> (u64, u64) {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (first, second, third) = (word(0), word(4), word(8));
    let top = |word: u32| (word >> 6 & 0x0303_0303) << 4;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let scales = join(first & 0x3f3f_3f3f, third & 0x0f0f_0f0f | top(first));
    let minima = join(second & 0x3f3f_3f3f, third >> 4 & 0x0f0f_0f0f | top(second));
    (scales, minima)
}

/// The 32 values of a block of Q5_0, without the 16 that is to be taken off.
#[inline(always)]
fn values_of_5_0(block: &[u8; Q5_0_BYTES]) -> [u8; 32] {
    let fifths = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    let mut values = [0; 32];
    for at in 0..16 {
        values[at] = block[6 + at] & 15 | ((fifths >> at & 1) << 4) as u8;
        values[at + 16] = block[6 + at] >> 4 | ((fifths >> (at + 16) & 1) << 4) as u8;
    }
    values
}

/// The 256 values of a block of Q4_K or Q5_K; `fifths` are zeros for the former.
#[inline(always)]
fn values_of_4_5_k(nibbles: &[u8; 128], fifths: &[u8; 32]) -> [u8; 256] {
    let mut values = [0; 256];
    for (pair, values) in values.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        for at in 0..32 {
            let (nibbles, bits) = (nibbles[32 * pair + at], fifths[at] >> (2 * pair));
            values[at] = nibbles & 15 | (bits & 1) << 4;
            values[at + 32] = nibbles >> 4 | (bits >> 1 & 1) << 4;
        }
    }
    values
}

/// The 256 values of a block of Q6_K, without the 32 that is to be taken off.
#[inline(always)]
fn values_of_6_k(block: &[u8; Q6_K_BYTES]) -> [u8; 256] {
    let mut values = [0; 256];
    for (half, values) in values.as_chunks_mut::<128>().0.iter_mut().enumerate() {
        let (low, high) = (&block[64 * half..][..64], &block[128 + 32 * half..][..32]);
        for at in 0..32 {
            let bits = |nth: u32| (high[at] >> (2 * nth) & 3) << 4;
            values[at] = low[at] & 15 | bits(0);
            values[at + 32] = low[at + 32] & 15 | bits(1);
            values[at + 64] = low[at] >> 4 | bits(2);
            values[at + 96] = low[at + 32] >> 4 | bits(3);
        }
    }
    values
}
