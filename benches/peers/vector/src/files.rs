//! Rows of `.fbin` files.

use dolmen_hnsw::vectors::{Element, Layout, Matrix};

use crate::Outcome;

/// All rows of a file, one after another.
pub struct Rows {
    dim: usize,
    values: Vec<f32>,
}

impl Rows {
    pub fn read(path: &str) -> Outcome<Rows> {
        let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let matrix = Matrix::parse(&bytes, Layout::Bin(Element::F32), None)?;
        let (mut row, mut values) = (Vec::new(), Vec::with_capacity(matrix.rows() * matrix.dim()));
        for at in 0..matrix.rows() {
            matrix.f32_row(at, &mut row);
            values.extend_from_slice(&row);
        }
        Ok(Rows { dim: matrix.dim(), values })
    }

    pub fn gathered<'a>(dim: usize, rows: impl Iterator<Item = &'a [f32]>) -> Rows {
        Rows { dim, values: rows.flatten().copied().collect() }
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    pub fn all(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    pub fn get(&self, at: usize) -> &[f32] {
        &self.values[at * self.dim..(at + 1) * self.dim]
    }
}
