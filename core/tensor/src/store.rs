//! Stored forms of tensors: f16, bf16, i8 with a scale for each row, ggml's blocks. A step computes in f32; files and weights at rest
//! need less.
//!
//! | form | bytes of a row of n elements |
//! |---|---|
//! | f32 | 4n |
//! | f16, bf16 | 2n |
//! | i8 | 4 (the scale, f32), then n |
//! | blocks | as `dolmen_simd::quant` says |
//!
//! Numbers are little-endian. Rows stand one after another, each by itself: some of them can be read without the others.

use core::fmt;

use dolmen_simd::half::{bf16s_to_f32s, f16s_to_f32s, f32s_to_bf16s, f32s_to_f16s};
use dolmen_simd::level::Level;
use dolmen_simd::quant::{self, Format};

/// How elements are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Bytes times a scale of the row: the greatest is 127.
    I8,
    /// ggml's blocks.
    Blocks(Format),
}

/// Why rows cannot be stored or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// A row's elements do not fill whole blocks.
    Row {
        /// Elements.
        width: usize,
    },
    /// Bytes or elements are not those of whole rows, or not of as many as the others.
    Length {
        /// Found.
        found: usize,
        /// Expected.
        wanted: usize,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Row { width } => write!(f, "rows of {width} elements do not fill whole blocks"),
            StoreError::Length { found, wanted } => write!(f, "{found} bytes, expected {wanted}"),
        }
    }
}

impl core::error::Error for StoreError {}

impl Form {
    /// Bytes of a row.
    ///
    /// # Errors
    ///
    /// Its elements do not fill whole blocks, or it is empty or too long.
    pub fn row_bytes(self, width: usize) -> Result<usize, StoreError> {
        let len = match self {
            _ if width == 0 => None,
            Form::F32 => width.checked_mul(4),
            Form::F16 | Form::Bf16 => width.checked_mul(2),
            Form::I8 => width.checked_add(4),
            Form::Blocks(format) => format.row_bytes(width),
        };
        len.ok_or(StoreError::Row { width })
    }

    /// Stores rows.
    ///
    /// # Errors
    ///
    /// The elements are not of whole rows, or the bytes are not as many as they take.
    pub fn write(self, level: Level, rows: &[f32], width: usize, to: &mut [u8]) -> Result<(), StoreError> {
        let row_bytes = self.fits(rows.len(), width, to.len())?;
        for (row, to) in rows.chunks_exact(width).zip(to.chunks_exact_mut(row_bytes)) {
            match self {
                Form::F32 => {
                    for (x, to) in row.iter().zip(to.as_chunks_mut::<4>().0) {
                        *to = x.to_le_bytes();
                    }
                }
                Form::F16 => halves(level, row, to, f32s_to_f16s),
                Form::Bf16 => halves(level, row, to, f32s_to_bf16s),
                Form::I8 => bytes(row, to),
                Form::Blocks(format) => quant::quantise(format, row, to),
            }
        }
        Ok(())
    }

    /// Reads rows.
    ///
    /// # Errors
    ///
    /// As [`Form::write`].
    pub fn read(self, level: Level, from: &[u8], width: usize, rows: &mut [f32]) -> Result<(), StoreError> {
        let row_bytes = self.fits(rows.len(), width, from.len())?;
        for (row, from) in rows.chunks_exact_mut(width).zip(from.chunks_exact(row_bytes)) {
            match self {
                Form::F32 => {
                    for (x, from) in row.iter_mut().zip(from.as_chunks::<4>().0) {
                        *x = f32::from_le_bytes(*from);
                    }
                }
                Form::F16 => singles(level, from, row, f16s_to_f32s),
                Form::Bf16 => singles(level, from, row, bf16s_to_f32s),
                Form::I8 => {
                    let (scale, values) = from.split_at(4);
                    let scale = f32::from_le_bytes([scale[0], scale[1], scale[2], scale[3]]);
                    row.iter_mut().zip(values).for_each(|(x, byte)| *x = scale * f32::from(*byte as i8));
                }
                Form::Blocks(format) => quant::dequantise(format, from, row),
            }
        }
        Ok(())
    }

    fn fits(self, elements: usize, width: usize, bytes: usize) -> Result<usize, StoreError> {
        let row_bytes = self.row_bytes(width)?;
        if !elements.is_multiple_of(width) {
            return Err(StoreError::Length { found: elements, wanted: elements.next_multiple_of(width) });
        }
        let wanted = (elements / width).checked_mul(row_bytes).ok_or(StoreError::Row { width })?;
        if bytes == wanted { Ok(row_bytes) } else { Err(StoreError::Length { found: bytes, wanted }) }
    }
}

/// Elements that pass through the stack at a time.
const CHUNK: usize = 256;

fn halves(level: Level, row: &[f32], to: &mut [u8], convert: fn(Level, &[f32], &mut [u16])) {
    let mut buffer = [0; CHUNK];
    for (row, to) in row.chunks(CHUNK).zip(to.chunks_mut(2 * CHUNK)) {
        let part = &mut buffer[..row.len()];
        convert(level, row, part);
        part.iter().zip(to.as_chunks_mut::<2>().0).for_each(|(x, to)| *to = x.to_le_bytes());
    }
}

fn singles(level: Level, from: &[u8], row: &mut [f32], convert: fn(Level, &[u16], &mut [f32])) {
    let mut buffer = [0; CHUNK];
    for (from, row) in from.chunks(2 * CHUNK).zip(row.chunks_mut(CHUNK)) {
        let part = &mut buffer[..row.len()];
        part.iter_mut().zip(from.as_chunks::<2>().0).for_each(|(x, from)| *x = u16::from_le_bytes(*from));
        convert(level, part, row);
    }
}

/// The scale, then the bytes: halves round to even ones, what is not a number becomes 0.
fn bytes(row: &[f32], to: &mut [u8]) {
    let greatest = row.iter().fold(0.0f32, |kept, x| if x.abs() > kept { x.abs() } else { kept });
    let scale = greatest / 127.0;
    let (head, values) = to.split_at_mut(4);
    head.copy_from_slice(&scale.to_le_bytes());
    let by = if scale > 0.0 && scale.is_finite() { 1.0 / scale } else { 0.0 };
    for (x, to) in row.iter().zip(values) {
        *to = libm::rintf(x * by).clamp(-127.0, 127.0) as i8 as u8;
    }
}
