//! A matrix's rows become its columns, sixteen by sixteen, so that both are read and written in whole cache lines.

use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide};

/// Transposes `from` of `rows` × `columns`, row after row, into `to` of `columns` × `rows`.
///
/// # Panics
///
/// A slice has not `rows · columns` elements.
pub fn transpose(level: Level, from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    let len = rows.checked_mul(columns);
    assert!(
        len == Some(from.len()) && len == Some(to.len()),
        "{rows} x {columns} elements, but {} and {}",
        from.len(),
        to.len()
    );
    level.run_floats(Transpose { from, rows, columns, to });
}

struct Transpose<'a> {
    from: &'a [f32],
    rows: usize,
    columns: usize,
    to: &'a mut [f32],
}

impl Kernel for Transpose<'_> {
    type Out = ();

    fn scalar(self) {
        for row in 0..self.rows {
            for column in 0..self.columns {
                self.to[column * self.rows + row] = self.from[row * self.columns + column];
            }
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let Transpose { from, rows, columns, to } = self;
        for row in (0..rows).step_by(LANES) {
            let high = LANES.min(rows - row);
            for column in (0..columns).step_by(LANES) {
                let broad = LANES.min(columns - column);
                let mut block = [[0.0; LANES]; LANES];
                for (at, block) in block.iter_mut().take(high).enumerate() {
                    block[..broad].copy_from_slice(&from[(row + at) * columns + column..][..broad]);
                }
                let turned = turn(w, &block);
                for (at, turned) in turned.iter().take(broad).enumerate() {
                    to[(column + at) * rows + row..][..high].copy_from_slice(&turned[..high]);
                }
            }
        }
    }
}

/// Sixteen rows become sixteen columns.
#[inline(always)]
pub(crate) fn turn<W: Wide>(_: W, block: &[[f32; LANES]; LANES]) -> [[f32; LANES]; LANES] {
    let mut turned = [[0.0; LANES]; LANES];
    for (column, turned) in turned.iter_mut().enumerate() {
        for (row, x) in turned.iter_mut().enumerate() {
            *x = block[row][column];
        }
    }
    turned
}
