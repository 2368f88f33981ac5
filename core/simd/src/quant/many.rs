//! Products of rows of blocks with several vectors of blocks.
//!
//! Formats of 32: four rows by four vectors, which share the loads and what the vectors' sums begin with. Formats of 256: a row's block
//! is opened once for eight vectors. What is left over goes one by one, with the same bits.

use super::dot::{
    self, Activations, LargeFormat, Q4_0, Q4K, Q5_0, Q5K, Q6K, Q8_0, SmallFormat, add_part, behind, scales_of,
};
use super::{Format, Q4_0_BYTES, Q4_K_BYTES, Q5_0_BYTES, Q5_K_BYTES, Q6_K_BYTES, Q8_0_BYTES, Q8_K_BYTES};
use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide};

/// What is multiplied; checked by the caller.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    pub rows: &'a [u8],
    pub row_bytes: usize,
    pub xs: &'a [u8],
    pub x_bytes: usize,
    pub vectors: usize,
}

impl<'a> Shape<'a> {
    #[inline(always)]
    fn row(&self, nth: usize) -> &'a [u8] {
        &self.rows[nth * self.row_bytes..][..self.row_bytes]
    }

    #[inline(always)]
    fn x(&self, nth: usize) -> &'a [u8] {
        &self.xs[nth * self.x_bytes..][..self.x_bytes]
    }
}

pub(super) fn products(level: Level, format: Format, shape: Shape<'_>, out: &mut [f32]) {
    let rows_done = match format {
        Format::Q8_0 => level.run(Small::<Q8_0, Q8_0_BYTES> { shape, out, format: Q8_0 }),
        Format::Q4_0 => level.run(Small::<Q4_0, Q4_0_BYTES> { shape, out, format: Q4_0 }),
        Format::Q5_0 => level.run(Small::<Q5_0, Q5_0_BYTES> { shape, out, format: Q5_0 }),
        Format::Q4K => level.run(Large::<Q4K, Q4_K_BYTES> { shape, out, format: Q4K }),
        Format::Q5K => level.run(Large::<Q5K, Q5_K_BYTES> { shape, out, format: Q5K }),
        Format::Q6K => level.run(Large::<Q6K, Q6_K_BYTES> { shape, out, format: Q6K }),
        Format::Q8K => panic!("rows of q8_k are activations, not weights"),
    };
    // What does not fill a tile.
    let (rows, vectors) = (out.len() / shape.vectors, shape.vectors);
    for row in 0..rows {
        let begin = if row < rows_done.0 { rows_done.1 } else { 0 };
        for vector in begin..vectors {
            let to = &mut out[row * vectors + vector..][..1];
            dot::products(level, format, shape.row(row), shape.row_bytes, shape.x(vector), to);
        }
    }
}

/// Rows and vectors that whole tiles cover, from the first on.
type Done = (usize, usize);

struct Small<'a, F: SmallFormat<N>, const N: usize> {
    shape: Shape<'a>,
    out: &'a mut [f32],
    format: F,
}

impl<F: SmallFormat<N>, const N: usize> Kernel for Small<'_, F, N> {
    type Out = Done;

    fn scalar(self) -> Done {
        let _ = self.format;
        (0, 0)
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> Done {
        if !W::MANY {
            return small_tiles::<F, N, W, 2, 2>(w, self.shape, self.out);
        }
        small_tiles::<F, N, W, 4, 4>(w, self.shape, self.out)
    }
}

#[inline(always)]
fn small_tiles<F: SmallFormat<N>, const N: usize, W: Wide, const ROWS: usize, const VECTORS: usize>(
    w: W,
    shape: Shape<'_>,
    out: &mut [f32],
) -> Done {
    let vectors = shape.vectors;
    let (row_end, vector_end) = (out.len() / vectors / ROWS * ROWS, vectors / VECTORS * VECTORS);
    for vector in (0..vector_end).step_by(VECTORS) {
        let mut xs: [&[[u8; Q8_0_BYTES]]; VECTORS] = [&[]; VECTORS];
        for (nth, x) in xs.iter_mut().enumerate() {
            *x = shape.x(vector + nth).as_chunks().0;
        }
        for row in (0..row_end).step_by(ROWS) {
            let mut rows: [&[[u8; N]]; ROWS] = [&[]; ROWS];
            for (nth, blocks) in rows.iter_mut().enumerate() {
                *blocks = shape.row(row + nth).as_chunks().0;
            }
            let mut sums = [[w.splat(0.0); VECTORS]; ROWS];
            for begin in (0..rows[0].len()).step_by(LANES) {
                small_part::<F, N, W, ROWS, VECTORS>(w, &mut sums, &rows, &xs, begin);
            }
            for (nth, sums) in sums.iter().enumerate() {
                for (to, &sum) in out[(row + nth) * vectors + vector..][..VECTORS].iter_mut().zip(sums) {
                    *to = w.sum(sum);
                }
            }
        }
    }
    (row_end, vector_end)
}

/// Up to sixteen blocks of each row and vector, from `begin` on.
#[inline(always)]
fn small_part<F: SmallFormat<N>, const N: usize, W: Wide, const ROWS: usize, const VECTORS: usize>(
    w: W,
    sums: &mut [[W::F; VECTORS]; ROWS],
    rows: &[&[[u8; N]]; ROWS],
    xs: &[&[[u8; Q8_0_BYTES]]; VECTORS],
    begin: usize,
) {
    let end = rows[0].len().min(begin + LANES);
    let (mut row_scales, mut x_scales) = ([[0.0; LANES]; ROWS], [[0.0; LANES]; VECTORS]);
    for (scales, row) in row_scales.iter_mut().zip(rows) {
        *scales = scales_of(w, &row[begin..end]);
    }
    for (scales, x) in x_scales.iter_mut().zip(xs) {
        *scales = scales_of(w, &x[begin..end]);
    }
    let (none, no_x) = ([0; N], [0; Q8_0_BYTES]);
    for at in (begin..end).step_by(2) {
        let odd = at + 1 == end;
        let scale = at - begin;
        let mut x_values = [w.zero(); VECTORS];
        let mut begins = [w.zero(); VECTORS];
        let mut x_pairs = [w.splat(0.0); VECTORS];
        for nth in 0..VECTORS {
            let second = if odd { &no_x } else { &xs[nth][at + 1] };
            x_values[nth] = w.join(behind::<2, 32>(&xs[nth][at]), behind::<2, 32>(second));
            begins[nth] = F::begin(w, x_values[nth]);
            x_pairs[nth] = w.pair(x_scales[nth][scale], x_scales[nth][scale + 1]);
        }
        for row in 0..ROWS {
            let second = if odd { &none } else { &rows[row][at + 1] };
            let values = F::unpack(w, &rows[row][at], second);
            let pair = w.pair(row_scales[row][scale], row_scales[row][scale + 1]);
            for nth in 0..VECTORS {
                let lanes = w.i32_to_f32(F::add(w, begins[nth], values, x_values[nth]));
                sums[row][nth] = w.add(sums[row][nth], w.mul(w.mul(pair, x_pairs[nth]), lanes));
            }
        }
    }
}

struct Large<'a, F: LargeFormat<N>, const N: usize> {
    shape: Shape<'a>,
    out: &'a mut [f32],
    format: F,
}

impl<F: LargeFormat<N>, const N: usize> Kernel for Large<'_, F, N> {
    type Out = Done;

    fn scalar(self) -> Done {
        let _ = self.format;
        (0, 0)
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> Done {
        const VECTORS: usize = 8;
        let (shape, out) = (self.shape, self.out);
        let vectors = shape.vectors;
        let (rows, vector_end) = (out.len() / vectors, vectors / VECTORS * VECTORS);
        for vector in (0..vector_end).step_by(VECTORS) {
            let mut xs: [&[[u8; Q8_K_BYTES]]; VECTORS] = [&[]; VECTORS];
            for (nth, x) in xs.iter_mut().enumerate() {
                *x = shape.x(vector + nth).as_chunks().0;
            }
            for row in 0..rows {
                let mut sums = [w.splat(0.0); VECTORS];
                for (at, block) in shape.row(row).as_chunks::<N>().0.iter().enumerate() {
                    let open = F::open(w, block);
                    for (sum, x) in sums.iter_mut().zip(&xs) {
                        let x = Activations::new(&x[at]);
                        *sum = add_part(w, *sum, &open.part(w, &x), x.scale);
                    }
                }
                for (to, sum) in out[row * vectors + vector..][..VECTORS].iter_mut().zip(sums) {
                    *to = w.sum(sum);
                }
            }
        }
        (rows, vector_end)
    }
}
