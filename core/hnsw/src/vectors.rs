//! Files of vectors: raw f32, i8 or bytes, fvecs, ivecs and bvecs, numpy's .npy, DiskANN's .fbin, .u8bin and .i8bin.
//!
//! ```text
//! fvecs, ivecs, bvecs    for each vector: i32 dim | f32, i32 or u8 × dim
//! fbin, u8bin, i8bin     u32 count | u32 dim | rows
//! npy                    93 "NUMPY" | u8 1, 2 or 3 | u8 0 | u16 or u32 header length | {'descr': '<f4', 'fortran_order': False, 'shape': (n, d), } | rows
//! ```

use alloc::vec::Vec;

use dolmen_simd::half;

use crate::error::{Error, Feature, Field, Invalid};
use crate::foreign::{Reader, expect};
use crate::limits;

/// The type of a file's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
    /// IEEE halves.
    F16,
    /// Signed bytes.
    I8,
    /// Bytes.
    U8,
    /// 32-bit integers.
    I32,
}

impl Element {
    /// Its bytes.
    pub const fn len(self) -> usize {
        match self {
            Element::F64 => 8,
            Element::F32 | Element::I32 => 4,
            Element::F16 => 2,
            Element::I8 | Element::U8 => 1,
        }
    }

    /// Never; every element has bytes.
    pub const fn is_empty(self) -> bool {
        false
    }
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Rows and nothing else: the caller says how many values each has.
    Raw(Element),
    /// The dimension before each row.
    Vecs(Element),
    /// Count and dimension before all rows.
    Bin(Element),
    /// numpy's.
    Npy,
}

impl Layout {
    /// The layout that files of this extension have.
    pub fn by_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "f32" => Layout::Raw(Element::F32),
            "i8" => Layout::Raw(Element::I8),
            "u8" | "b1" => Layout::Raw(Element::U8),
            "fvecs" => Layout::Vecs(Element::F32),
            "ivecs" => Layout::Vecs(Element::I32),
            "bvecs" => Layout::Vecs(Element::U8),
            "fbin" => Layout::Bin(Element::F32),
            "u8bin" => Layout::Bin(Element::U8),
            "i8bin" => Layout::Bin(Element::I8),
            "npy" => Layout::Npy,
            _ => return None,
        })
    }
}

/// Rows of vectors in a file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    element: Element,
    rows: usize,
    dim: usize,
    bytes: &'a [u8],
    /// Bytes from row to row.
    stride: usize,
    /// Bytes of a row before its values.
    skip: usize,
}

impl<'a> Matrix<'a> {
    /// Reads the shape and checks that all rows are there. `dim`: values of a row of a raw file; elsewhere, what the file must have.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the length or a dimension does not fit, [`Error::Unsupported`] for another element type, order or number of axes.
    pub fn parse(bytes: &'a [u8], layout: Layout, dim: Option<usize>) -> Result<Self, Error> {
        let matrix = match layout {
            Layout::Raw(element) => {
                let dim = dim.filter(|dim| *dim > 0).ok_or(Invalid::TooSmall {
                    field: Field::Dimension,
                    found: 0,
                    min: 1,
                })?;
                let rows = bytes.len() / (dim.saturating_mul(element.len()));
                Matrix { element, rows, dim, bytes, stride: dim.saturating_mul(element.len()), skip: 0 }
            }
            Layout::Vecs(element) => parse_vecs(bytes, element)?,
            Layout::Bin(element) => {
                let mut reader = Reader::new(bytes);
                let (rows, dim) =
                    (reader.u32(Field::Count)? as usize, reader.u32(Field::Dimension)? as usize);
                let stride = dim.saturating_mul(element.len());
                Matrix { element, rows, dim, bytes: &bytes[reader.at..], stride, skip: 0 }
            }
            Layout::Npy => parse_npy(bytes)?,
        };
        let expected = (matrix.rows as u64).saturating_mul(matrix.stride as u64);
        expect(Field::FileLength, 0, matrix.bytes.len() as u64, expected)?;
        if matrix.dim == 0 && matrix.rows > 0 || matrix.dim > 8 * limits::DIM_MAX {
            return Err(Error::corrupt(Field::Dimension, 0, matrix.dim as u64, limits::DIM_MAX as u64));
        }
        match dim {
            Some(dim) if dim != matrix.dim && matrix.rows > 0 => {
                Err(Invalid::Dimension { expected: dim as u64, found: matrix.dim as u64 }.into())
            }
            _ => Ok(matrix),
        }
    }

    /// Vectors.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The type of its values.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The bytes of a row's values; empty beyond the last row.
    pub fn bytes(&self, row: usize) -> &'a [u8] {
        let at = row.saturating_mul(self.stride) + self.skip;
        self.bytes.get(at..at + self.stride - self.skip).unwrap_or(&[])
    }

    /// A row's values as f32, replacing what `out` holds.
    pub fn f32_row(&self, row: usize, out: &mut Vec<f32>) {
        out.clear();
        let bytes = self.bytes(row);
        match self.element {
            Element::F32 => out.extend(crate::foreign::f32s(bytes)),
            Element::I32 => out.extend(crate::foreign::u32s(bytes).map(|value| value as i32 as f32)),
            Element::F64 => out.extend(crate::foreign::u64s(bytes).map(|bits| f64::from_bits(bits) as f32)),
            Element::F16 => {
                out.extend(bytes.chunks_exact(2).map(|b| half::f16_to_f32(u16::from_le_bytes([b[0], b[1]]))))
            }
            Element::I8 => out.extend(bytes.iter().map(|byte| f32::from(*byte as i8))),
            Element::U8 => out.extend(bytes.iter().map(|byte| f32::from(*byte))),
        }
    }
}

fn parse_vecs(bytes: &[u8], element: Element) -> Result<Matrix<'_>, Error> {
    if bytes.is_empty() {
        return Ok(Matrix { element, rows: 0, dim: 0, bytes, stride: 4, skip: 4 });
    }
    let dim = Reader::new(bytes).u32(Field::Dimension)?;
    if dim == 0 || dim as usize > limits::DIM_MAX {
        return Err(Error::corrupt(Field::Dimension, 0, u64::from(dim), limits::DIM_MAX as u64));
    }
    let stride = 4 + dim as usize * element.len();
    for (row, chunk) in bytes.chunks(stride).enumerate() {
        let found = Reader::new(chunk).u32(Field::Dimension)?;
        expect(Field::Dimension, row * stride, u64::from(found), u64::from(dim))?;
    }
    Ok(Matrix { element, rows: bytes.len() / stride, dim: dim as usize, bytes, stride, skip: 4 })
}

fn parse_npy(bytes: &[u8]) -> Result<Matrix<'_>, Error> {
    let mut reader = Reader::new(bytes);
    let magic = reader.array::<6>(Field::Magic)?;
    if &magic != b"\x93NUMPY" {
        return Err(Error::corrupt(Field::Magic, 0, u64::from(magic[0]), 0x93));
    }
    let [major, _] = reader.array(Field::Version)?;
    let len = match major {
        1 => usize::from(reader.u16(Field::Text)?),
        2 | 3 => reader.u32(Field::Text)? as usize,
        _ => return Err(Error::Unsupported { feature: Feature::Version, found: u64::from(major) }),
    };
    if len > limits::NPY_HEADER_MAX {
        return Err(Error::Limit {
            field: Field::Text,
            found: len as u64,
            max: limits::NPY_HEADER_MAX as u64,
        });
    }
    let at = reader.at;
    let text = reader.take(Field::Text, len)?;
    let damaged = || Error::corrupt(Field::Text, at, 0, 0);
    let text = core::str::from_utf8(text).map_err(|_| damaged())?;
    let after = |key: &str| {
        text.split_once(key).map(|(_, rest)| rest.trim_start().trim_start_matches(':').trim_start())
    };
    let descr =
        after("'descr'").and_then(|rest| rest.strip_prefix('\'')).and_then(|rest| rest.split('\'').next());
    let element = match descr.ok_or_else(damaged)? {
        "<f4" => Element::F32,
        "<f8" => Element::F64,
        "<f2" => Element::F16,
        "|i1" | "<i1" => Element::I8,
        "|u1" | "<u1" => Element::U8,
        "<i4" => Element::I32,
        other => {
            return Err(Error::Unsupported {
                feature: Feature::Element,
                found: other.bytes().last().map_or(0, u64::from),
            });
        }
    };
    let order = after("'fortran_order'").ok_or_else(damaged)?;
    if !order.starts_with("False") {
        return Err(Error::Unsupported { feature: Feature::Order, found: 1 });
    }
    let shape =
        after("'shape'").and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.split(')').next());
    let sizes = shape.ok_or_else(damaged)?.split(',').map(str::trim).filter(|part| !part.is_empty());
    let sizes: Vec<usize> =
        sizes.map(|part| part.parse().map_err(|_| damaged())).collect::<Result<_, _>>()?;
    let (rows, dim) = match sizes.as_slice() {
        [dim] => (1, *dim),
        [rows, dim] => (*rows, *dim),
        more => return Err(Error::Unsupported { feature: Feature::Shape, found: more.len() as u64 }),
    };
    let stride = dim.saturating_mul(element.len());
    Ok(Matrix { element, rows, dim, bytes: &bytes[reader.at..], stride, skip: 0 })
}
