//! Products of rows of blocks of 32 with many vectors, sixteen rows at a time.
//!
//! ```text
//! packed   block · four elements · row · byte        sixteen rows side by side, each group of four elements fills 64 bytes
//! sum      lane r: the block's product of row r, a whole number, from eight products of four
//! out      sum over blocks, in their order: out += (d · d') · sum, each operation rounded by itself
//! ```
//!
//! Rows are packed once for all vectors; a load of packed weights serves eight vectors, and a load of four elements of a vector sixteen rows. The order is
//! the same at all levels, and so are the bits; it is another one than that of `dot`.

use super::dot::{Q4_0, Q5_0, Q8_0, SmallFormat};
use super::{Format, Q4_0_BYTES, Q5_0_BYTES, Q8_0_BYTES, scale_at};
use crate::half::f16_to_f32;
use crate::level::Level;
use crate::wide::{BYTES, Kernel, LANES, Wide};

/// What is multiplied; checked by the caller.
pub(super) struct Tiled<'a> {
    pub rows: &'a [u8],
    pub row_bytes: usize,
    pub xs: &'a [u8],
    pub x_bytes: usize,
    pub vectors: usize,
    /// `out[vector · stride + row]`
    pub stride: usize,
}

pub(super) fn products(level: Level, format: Format, shape: Tiled<'_>, out: &mut [f32]) {
    match format {
        Format::Q8_0 => level.run(Tiles::<Q8_0, Q8_0_BYTES> { shape, out, format: Q8_0 }),
        Format::Q4_0 => level.run(Tiles::<Q4_0, Q4_0_BYTES> { shape, out, format: Q4_0 }),
        Format::Q5_0 => level.run(Tiles::<Q5_0, Q5_0_BYTES> { shape, out, format: Q5_0 }),
        _ => panic!("blocks of {format} are not multiplied in tiles"),
    }
}

/// What is added to values so that they are not negative and below 128; `None`: they take eight bits, and stay signed.
trait Bias {
    const BIAS: Option<i8>;
}

impl Bias for Q8_0 {
    const BIAS: Option<i8> = None;
}

impl Bias for Q4_0 {
    const BIAS: Option<i8> = Some(8);
}

impl Bias for Q5_0 {
    const BIAS: Option<i8> = Some(16);
}

struct Tiles<'a, F, const N: usize> {
    shape: Tiled<'a>,
    out: &'a mut [f32],
    format: F,
}

/// Blocks of a row that are packed at a time.
const STRIP: usize = 32;
/// Tiles of sixteen rows that are packed at a time: with a strip they take 64 KiB.
const TILES: usize = 4;
/// Vectors that share the loads of packed weights.
const VECTORS: usize = 8;

/// A strip of one tile.
struct Packed {
    values: [[[u8; BYTES]; 8]; STRIP],
    scales: [[f32; LANES]; STRIP],
}

/// What of a strip's vectors is computed once for all tiles.
struct Begins {
    sums: [[i32; VECTORS]; STRIP],
    scales: [[f32; VECTORS]; STRIP],
}

impl<F: SmallFormat<N> + Bias, const N: usize> Kernel for Tiles<'_, F, N> {
    type Out = ();

    fn scalar(self) {
        let _ = self.format;
        let Tiled { rows, row_bytes, xs, x_bytes, vectors, stride } = self.shape;
        for (vector, x) in xs.chunks_exact(x_bytes).enumerate().take(vectors) {
            for (row, blocks) in rows.chunks_exact(row_bytes).enumerate() {
                let mut sum = 0.0;
                for (w, x) in blocks.as_chunks::<N>().0.iter().zip(x.as_chunks::<Q8_0_BYTES>().0) {
                    let products = F::values(w).into_iter().zip(&x[2..]);
                    let whole: i32 = products.map(|(w, &x)| i32::from(w) * i32::from(x as i8)).sum();
                    let scale = f16_to_f32(scale_at(w, 0)) * f16_to_f32(scale_at(x, 0));
                    sum += scale * whole as f32;
                }
                self.out[vector * stride + row] = sum;
            }
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let (shape, out) = (self.shape, self.out);
        let count = shape.rows.len() / shape.row_bytes;
        let blocks = shape.row_bytes / N;
        const EMPTY: Packed = Packed { values: [[[0; BYTES]; 8]; STRIP], scales: [[0.0; LANES]; STRIP] };
        let mut packed = [EMPTY; TILES];
        for first_row in (0..count).step_by(TILES * LANES) {
            let rows = (count - first_row).min(TILES * LANES);
            for begin in (0..blocks).step_by(STRIP) {
                let strip = (blocks - begin).min(STRIP);
                for (tile, packed) in packed.iter_mut().enumerate().take(rows.div_ceil(LANES)) {
                    let row = first_row + tile * LANES;
                    pack::<F, N, W>(w, &shape, row..(row + LANES).min(count), begin..begin + strip, packed);
                }
                let place = Place { first_row, rows, begin, strip };
                let whole = shape.vectors / VECTORS * VECTORS;
                for vector in (0..whole).step_by(VECTORS) {
                    group::<F, W, VECTORS>(w, &shape, &packed, &place, vector, out);
                }
                for vector in whole..shape.vectors {
                    group::<F, W, 1>(w, &shape, &packed, &place, vector, out);
                }
            }
        }
    }
}

/// Which rows and blocks are at hand.
struct Place {
    first_row: usize,
    rows: usize,
    begin: usize,
    strip: usize,
}

/// Sixteen rows side by side; rows beyond the last one are zeros.
#[inline(always)]
fn pack<F: SmallFormat<N> + Bias, const N: usize, W: Wide>(
    w: W,
    shape: &Tiled<'_>,
    rows: core::ops::Range<usize>,
    blocks: core::ops::Range<usize>,
    to: &mut Packed,
) {
    for (values, scales) in to.values.iter_mut().zip(&mut to.scales).take(blocks.len()) {
        *values = [[0; BYTES]; 8];
        *scales = [0.0; LANES];
    }
    for (lane, row) in rows.enumerate() {
        let row = &shape.rows[row * shape.row_bytes..][..shape.row_bytes];
        for (at, block) in row.as_chunks::<N>().0[blocks.clone()].iter().enumerate() {
            let bias = F::BIAS.unwrap_or(0);
            let values = F::values(block).map(|value| (value + bias) as u8);
            for (group, four) in to.values[at].iter_mut().zip(values.as_chunks::<4>().0) {
                group.as_chunks_mut::<4>().0[lane] = *four;
            }
            to.scales[at][lane] = f16_to_f32(scale_at(block, 0));
        }
    }
    if F::BIAS.is_none() {
        for values in to.values.iter_mut().take(blocks.len()) {
            for group in values {
                let ready = w.ready(w.load_bytes(group));
                w.store_bytes(ready, group);
            }
        }
    }
}

/// Some vectors through all packed tiles.
#[inline(always)]
fn group<F: Bias, W: Wide, const COUNT: usize>(
    w: W,
    shape: &Tiled<'_>,
    packed: &[Packed; TILES],
    place: &Place,
    vector: usize,
    out: &mut [f32],
) {
    let mut xs: [&[[u8; Q8_0_BYTES]]; COUNT] = [&[]; COUNT];
    for (nth, x) in xs.iter_mut().enumerate() {
        let bytes = &shape.xs[(vector + nth) * shape.x_bytes..][..shape.x_bytes];
        *x = &bytes.as_chunks().0[place.begin..place.begin + place.strip];
    }
    let mut begins = Begins { sums: [[0; VECTORS]; STRIP], scales: [[0.0; VECTORS]; STRIP] };
    // Minus what the values were moved up by, times the sum of the vector's.
    let moved = match F::BIAS {
        Some(bias) => -i32::from(bias),
        None => {
            let ones = w.splat_u8(1);
            let mut lanes = [0; BYTES];
            w.store_bytes(w.ready_sum(ones), &mut lanes);
            i32::from_le_bytes([lanes[0], lanes[1], lanes[2], lanes[3]]) / 4
        }
    };
    for (nth, x) in xs.iter().enumerate() {
        for (at, x) in x.iter().enumerate() {
            let sum: i32 = x[2..].iter().map(|&x| i32::from(x as i8)).sum();
            begins.sums[at][nth] = moved * sum;
            begins.scales[at][nth] = f16_to_f32(scale_at(x, 0));
        }
    }
    for (tile, packed) in packed.iter().enumerate().take(place.rows.div_ceil(LANES)) {
        let row = place.first_row + tile * LANES;
        let valid = (place.rows - tile * LANES).min(LANES);
        let mut sums = [w.splat(0.0); COUNT];
        if place.begin > 0 {
            for (nth, sum) in sums.iter_mut().enumerate() {
                *sum = w.load_part(&out[(vector + nth) * shape.stride + row..][..valid]);
            }
        }
        #[expect(clippy::needless_range_loop, reason = "one place in five arrays")]
        for at in 0..place.strip {
            let values = &packed.values[at];
            let scales = w.load(&packed.scales[at]);
            let mut weights = [w.zero(); 8];
            for (weight, bytes) in weights.iter_mut().zip(values) {
                *weight = w.load_bytes(bytes);
            }
            for nth in 0..COUNT {
                let x = &xs[nth][at];
                let mut whole = w.splat_i32(begins.sums[at][nth]);
                for (group, weight) in weights.iter().enumerate() {
                    let from = 2 + 4 * group;
                    let four =
                        w.splat_i32(i32::from_le_bytes([x[from], x[from + 1], x[from + 2], x[from + 3]]));
                    whole = match F::BIAS {
                        Some(_) => w.dot_u7_i8(whole, *weight, four),
                        None => w.dot_ready(whole, *weight, four),
                    };
                }
                let scale = w.mul(scales, w.splat(begins.scales[at][nth]));
                sums[nth] = w.add(sums[nth], w.mul(scale, w.i32_to_f32(whole)));
            }
        }
        for (nth, sum) in sums.into_iter().enumerate() {
            w.store_part(sum, &mut out[(vector + nth) * shape.stride + row..][..valid]);
        }
    }
}
