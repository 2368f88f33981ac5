//! Matrices of weights as they lie in their file, and their products.
//!
//! A row of a matrix makes one element of the result. With one vector a matrix is read once, from its first row to its last: that is all the time
//! a step of generation takes. With many vectors rows are opened once for all of them.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Range;

use dolmen_simd::gemm::{self, View, ViewMut};
use dolmen_simd::gemv;
use dolmen_simd::half::{bf16_to_f32, bf16s_to_f32s, f16_to_f32, f16s_to_f32s};
use dolmen_simd::level::Level;
use dolmen_simd::quant::{self, Format};

use crate::element::Element;
use crate::error::LoadError;
use crate::shape::Shape;

/// A tensor of whatever file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored<'a> {
    /// How its elements are stored.
    pub element: Element,
    /// Its shape, the slowest dimension first.
    pub shape: Shape,
    /// Its bytes: as many as element and shape take.
    pub bytes: &'a [u8],
}

#[derive(Clone, Debug)]
enum Store<'a> {
    F32(Cow<'a, [f32]>),
    F16(Cow<'a, [u16]>),
    Bf16(Cow<'a, [u16]>),
    Blocks(Format, &'a [u8]),
}

/// A matrix in its file, or a copy where the file has it turned or at an odd address.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    rows: usize,
    columns: usize,
    store: Store<'a>,
}

/// Numbers at whatever address: borrowed where it is a multiple of their size.
fn numbers<'a, T: bytemuck::Pod>(bytes: &'a [u8]) -> Cow<'a, [T]> {
    match bytemuck::try_cast_slice(bytes) {
        Ok(numbers) => Cow::Borrowed(numbers),
        Err(_) => {
            let mut copy: Vec<T> = Vec::new();
            copy.resize(bytes.len() / size_of::<T>(), T::zeroed());
            bytemuck::cast_slice_mut(&mut copy).copy_from_slice(bytes);
            Cow::Owned(copy)
        }
    }
}

/// The floats of a tensor of floats: for norms, biases and the like.
pub(crate) fn floats(stored: &Stored<'_>, len: usize, what: &'static str) -> Result<Vec<f32>, LoadError> {
    if stored.shape.elements() != Some(len as u64) {
        return Err(LoadError::Shape { what, rows: 1, columns: len as u64 });
    }
    Ok(match stored.element {
        Element::F32 => numbers::<f32>(stored.bytes).into_owned(),
        Element::F16 => numbers::<u16>(stored.bytes).iter().map(|&x| f16_to_f32(x)).collect(),
        Element::BF16 => numbers::<u16>(stored.bytes).iter().map(|&x| bf16_to_f32(x)).collect(),
        _ => return Err(LoadError::Unsupported { what: "a vector of this type of elements", at: 0 }),
    })
}

impl<'a> Matrix<'a> {
    /// A matrix of this shape.
    ///
    /// # Errors
    ///
    /// [`LoadError::Shape`] if it has another one, [`LoadError::Unsupported`] if there are no products of its elements here.
    pub(crate) fn new(
        stored: &Stored<'a>,
        rows: usize,
        columns: usize,
        what: &'static str,
    ) -> Result<Matrix<'a>, LoadError> {
        if stored.shape.rows() != Some((rows, columns)) {
            return Err(LoadError::Shape { what, rows: rows as u64, columns: columns as u64 });
        }
        let store = match (stored.element, stored.element.format()) {
            (Element::F32, _) => Store::F32(numbers(stored.bytes)),
            (Element::F16, _) => Store::F16(numbers(stored.bytes)),
            (Element::BF16, _) => Store::Bf16(numbers(stored.bytes)),
            (_, Some(format)) if format != Format::Q8K => Store::Blocks(format, stored.bytes),
            _ => return Err(LoadError::Unsupported { what: "a matrix of this type of elements", at: 0 }),
        };
        Ok(Matrix { rows, columns, store })
    }

    /// Some columns of a turned matrix, as rows: a copy. `rows` is how many rows the file has, `columns` which of its columns are taken.
    pub(crate) fn turned(
        stored: &Stored<'_>,
        rows: usize,
        width: usize,
        columns: Range<usize>,
        what: &'static str,
    ) -> Result<Matrix<'a>, LoadError> {
        let from = Matrix::new(stored, rows, width, what)?;
        fn turn<T: Copy>(x: &[T], rows: usize, width: usize, columns: Range<usize>) -> Vec<T> {
            let mut out = Vec::with_capacity(rows * columns.len());
            for column in columns {
                out.extend((0..rows).map(|row| x[row * width + column]));
            }
            out
        }
        let count = columns.len();
        let store = match from.store {
            Store::F32(x) => Store::F32(Cow::Owned(turn(&x, rows, width, columns))),
            Store::F16(x) => Store::F16(Cow::Owned(turn(&x, rows, width, columns))),
            Store::Bf16(x) => Store::Bf16(Cow::Owned(turn(&x, rows, width, columns))),
            Store::Blocks(..) => return Err(LoadError::Unsupported { what: "turned blocks", at: 0 }),
        };
        Ok(Matrix { rows: count, columns: rows, store })
    }

    /// Some of its rows.
    pub(crate) fn take_rows(&self, range: Range<usize>) -> Matrix<'a> {
        fn part<'a, T: Copy>(x: &Cow<'a, [T]>, range: Range<usize>, columns: usize) -> Cow<'a, [T]> {
            let range = range.start * columns..range.end * columns;
            match x {
                Cow::Borrowed(x) => Cow::Borrowed(&x[range]),
                Cow::Owned(x) => Cow::Owned(x[range].to_vec()),
            }
        }
        let rows = range.len();
        let store = match &self.store {
            Store::F32(x) => Store::F32(part(x, range, self.columns)),
            Store::F16(x) => Store::F16(part(x, range, self.columns)),
            Store::Bf16(x) => Store::Bf16(part(x, range, self.columns)),
            Store::Blocks(format, bytes) => {
                let row = bytes.len() / self.rows;
                Store::Blocks(*format, &bytes[range.start * row..range.end * row])
            }
        };
        Matrix { rows, columns: self.columns, store }
    }

    /// Rows: elements of a result.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns: elements of a vector.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How its elements are stored.
    pub fn element(&self) -> Element {
        match self.store {
            Store::F32(_) => Element::F32,
            Store::F16(_) => Element::F16,
            Store::Bf16(_) => Element::BF16,
            Store::Blocks(format, _) => Element::of(format),
        }
    }

    /// What vectors must be quantised to; `None`: they stay floats.
    pub(crate) fn activations(&self) -> Option<Format> {
        match self.store {
            Store::Blocks(format, _) => Some(format.activations()),
            _ => None,
        }
    }

    /// Bytes of its elements.
    pub fn bytes_len(&self) -> usize {
        match &self.store {
            Store::F32(x) => 4 * x.len(),
            Store::F16(x) | Store::Bf16(x) => 2 * x.len(),
            Store::Blocks(_, bytes) => bytes.len(),
        }
    }

    /// Whether it had to be copied, so that it takes memory of its own.
    pub fn is_copied(&self) -> bool {
        match &self.store {
            Store::F32(x) => matches!(x, Cow::Owned(_)),
            Store::F16(x) | Store::Bf16(x) => matches!(x, Cow::Owned(_)),
            Store::Blocks(..) => false,
        }
    }

    /// A row as floats.
    ///
    /// # Panics
    ///
    /// There is no such row, or `out` has another length.
    pub fn row(&self, level: Level, row: usize, out: &mut [f32]) {
        let range = row * self.columns..(row + 1) * self.columns;
        match &self.store {
            Store::F32(x) => out.copy_from_slice(&x[range]),
            Store::F16(x) => f16s_to_f32s(level, &x[range], out),
            Store::Bf16(x) => bf16s_to_f32s(level, &x[range], out),
            Store::Blocks(format, bytes) => {
                let len = bytes.len() / self.rows;
                quant::dequantise(*format, &bytes[row * len..][..len], out);
            }
        }
    }

    /// The products of some rows with one vector.
    pub(crate) fn times_one(&self, level: Level, rows: Range<usize>, x: Input<'_>, out: &mut [f32]) {
        let begin = rows.start * self.columns;
        let end = rows.end * self.columns;
        match &self.store {
            Store::F32(w) => gemv::dot_f32(level, &w[begin..end], self.columns, x.floats, out),
            Store::F16(w) => gemv::dot_f16(level, &w[begin..end], self.columns, x.floats, out),
            Store::Bf16(w) => gemv::dot_bf16(level, &w[begin..end], self.columns, x.floats, out),
            Store::Blocks(format, bytes) => {
                let len = bytes.len() / self.rows;
                let bytes = &bytes[rows.start * len..rows.end * len];
                quant::products(level, *format, bytes, x.blocks(format.activations()), out);
            }
        }
    }

    /// Floats of scratch that [`Matrix::times_many`] takes for `count` vectors.
    pub(crate) fn scratch_len(&self, count: usize) -> usize {
        match self.store {
            Store::Blocks(..) => 0,
            Store::F32(_) => gemm::scratch_len(self.rows, count, self.columns),
            _ => HALF_ROWS * self.columns + gemm::scratch_len(HALF_ROWS, count, self.columns),
        }
    }

    /// Whether [`Matrix::times_many`] gives results vector by vector.
    pub(crate) fn is_by_vector(&self, count: usize) -> bool {
        count > FEW && matches!(self.store, Store::Blocks(format, _) if format.block_len() == 32)
    }

    /// The products of some rows with `count` vectors: `out[row · count + vector]`, or [by vector](Matrix::is_by_vector)
    /// `out[vector · rows + row]`.
    pub(crate) fn times_many(
        &self,
        level: Level,
        rows: Range<usize>,
        x: Input<'_>,
        count: usize,
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (columns, begin) = (self.columns, rows.start);
        match &self.store {
            Store::F32(w) => {
                let left = View::new(&w[begin * columns..], rows.len(), columns, columns);
                let right = View::new(x.floats, count, columns, columns).transposed();
                let to = ViewMut::new(out, rows.len(), count, count);
                gemm::gemm(level, 1.0, left, right, 0.0, to, scratch);
            }
            Store::F16(w) | Store::Bf16(w) => {
                let convert = if matches!(self.store, Store::F16(_)) { f16s_to_f32s } else { bf16s_to_f32s };
                let right = View::new(x.floats, count, columns, columns).transposed();
                let (opened, scratch) = scratch.split_at_mut(HALF_ROWS * columns);
                for (nth, out) in out.chunks_mut(HALF_ROWS * count).enumerate() {
                    let rows = out.len() / count;
                    let from = (begin + nth * HALF_ROWS) * columns;
                    let opened = &mut opened[..rows * columns];
                    convert(level, &w[from..from + rows * columns], opened);
                    let left = View::new(opened, rows, columns, columns);
                    let to = ViewMut::new(out, rows, count, count);
                    gemm::gemm(level, 1.0, left, right, 0.0, to, scratch);
                }
            }
            Store::Blocks(format, bytes) if self.is_by_vector(count) => {
                let len = bytes.len() / self.rows;
                let bytes = &bytes[rows.start * len..rows.end * len];
                quant::products_in_tiles(
                    level,
                    *format,
                    bytes,
                    x.blocks(format.activations()),
                    count,
                    out,
                    rows.len(),
                );
            }
            Store::Blocks(format, bytes) => {
                let len = bytes.len() / self.rows;
                let xs = x.blocks(format.activations());
                let mut from = begin;
                for out in out.chunks_mut(BLOCK_ROWS * count) {
                    let rows = out.len() / count;
                    let bytes = &bytes[from * len..(from + rows) * len];
                    quant::products_of_many(level, *format, bytes, xs, count, out);
                    from += rows;
                }
            }
        }
    }
}

/// Vectors whose products have the bits that each has alone: answers of several slots, with what is guessed to follow.
const FEW: usize = 16;
/// Rows of half floats that are opened at a time: with the vectors they stay in the second cache.
const HALF_ROWS: usize = 64;
/// Rows of blocks that all vectors pass by before the next ones: they stay in the first cache.
const BLOCK_ROWS: usize = 32;

/// Vectors one after another, as floats and as what the matrices at hand want them to be.
#[derive(Clone, Copy)]
pub(crate) struct Input<'s> {
    pub floats: &'s [f32],
    pub q8_0: &'s [u8],
    pub q8_k: &'s [u8],
}

impl<'s> Input<'s> {
    fn blocks(&self, format: Format) -> &'s [u8] {
        if format == Format::Q8K { self.q8_k } else { self.q8_0 }
    }
}
