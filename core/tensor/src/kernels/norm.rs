//! Normalisation of rows.

use dolmen_simd::{arith, nn};

use super::{GRAIN, sum_of};
use crate::context::{Context, by_rows};

/// `(x - mean) · factor · weight + bias`; beside stand mean and factor of each row. Weight and bias may be empty.
pub(crate) fn layer_norm(
    context: &Context<'_>,
    [x, weight, bias]: [&[f32]; 3],
    epsilon: f32,
    [out, beside]: [&mut [f32]; 2],
    width: usize,
) {
    let rows = out.len() / width;
    let grain = GRAIN / width;
    by_rows(context, (rows, grain), [(out, width), (beside, 2)], (&mut [], 0), &|rows, [out, beside], _| {
        let x = x[rows.start * width..].chunks_exact(width);
        for ((x, out), beside) in x.zip(out.chunks_exact_mut(width)).zip(beside.as_chunks_mut::<2>().0) {
            out.copy_from_slice(x);
            if !weight.is_empty() {
                let found = nn::layer_norm(context.level, out, weight, bias, epsilon);
                *beside = [found.mean, found.factor];
                continue;
            }
            let mean = arith::sum(context.level, out) / width as f32;
            out.iter_mut().for_each(|x| *x -= mean);
            let variance = arith::sum_squares(context.level, out) / width as f32;
            let factor = 1.0 / libm::sqrtf(variance + epsilon);
            arith::scale(context.level, out, factor);
            *beside = [mean, factor];
        }
    });
}

/// `dx (+)= factor · (g - mean(g) - x̂ · mean(g · x̂))` with `g = dy · weight`, `x̂ = (x - mean) · factor`.
pub(crate) fn layer_norm_back_x(
    context: &Context<'_>,
    [x, weight, dy, beside]: [&[f32]; 4],
    (dx, add): (&mut [f32], bool),
    width: usize,
) {
    let rows = dx.len() / width;
    by_rows(context, (rows, GRAIN / width), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (x, dy) = (&x[row * width..][..width], &dy[row * width..][..width]);
            let [mean, factor] = [beside[2 * row], beside[2 * row + 1]];
            // The sums of g and of g · x, of which that of g · x̂ follows.
            let (sum, product) = if weight.is_empty() {
                (sum_of(dy, dy, |dy, _| dy), sum_of(dy, x, |dy, x| dy * (x - mean)))
            } else {
                (sum_of(dy, weight, |dy, w| dy * w), sum_of3(dy, weight, x, |dy, w, x| dy * w * (x - mean)))
            };
            let (shift, slope) = (sum / width as f32, product * factor * factor / width as f32);
            let of = |dy: f32, w: f32, x: f32| factor * (dy * w - shift - (x - mean) * slope);
            if !add {
                dx.fill(0.0);
            }
            if weight.is_empty() {
                dx.iter_mut().zip(dy).zip(x).for_each(|((dx, dy), x)| *dx += of(*dy, 1.0, *x));
            } else {
                let all = dx.iter_mut().zip(dy).zip(x).zip(weight);
                all.for_each(|(((dx, dy), x), w)| *dx += of(*dy, *w, *x));
            }
        }
    });
}

/// `dw += Σ dy · x̂`, `db += Σ dy` over rows.
pub(crate) fn layer_norm_back_w(context: &Context<'_>, [x, dy, beside]: [&[f32]; 3], dw: &mut [f32]) {
    let width = dw.len();
    let grain = (GRAIN * width / x.len()).max(16);
    by_rows(context, (width, grain), [(dw, 1)], (&mut [], 0), &|columns, [dw], _| {
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(beside.as_chunks::<2>().0);
        for ((x, dy), &[mean, factor]) in rows {
            let (x, dy) = (&x[columns.clone()], &dy[columns.clone()]);
            dw.iter_mut().zip(x).zip(dy).for_each(|((dw, x), dy)| *dw += dy * ((x - mean) * factor));
        }
    });
}

/// `x · factor · weight`; beside stands the factor of each row.
pub(crate) fn rms_norm(
    context: &Context<'_>,
    [x, weight]: [&[f32]; 2],
    epsilon: f32,
    [out, beside]: [&mut [f32]; 2],
) {
    let width = weight.len();
    let rows = out.len() / width;
    let grain = GRAIN / width;
    by_rows(context, (rows, grain), [(out, width), (beside, 1)], (&mut [], 0), &|rows, [out, beside], _| {
        let x = x[rows.start * width..].chunks_exact(width);
        for ((x, out), factor) in x.zip(out.chunks_exact_mut(width)).zip(beside) {
            out.copy_from_slice(x);
            *factor = nn::rms_norm(context.level, out, weight, epsilon);
        }
    });
}

/// `dx (+)= factor · g - x · factor³ · mean(g · x)` with `g = dy · weight`.
pub(crate) fn rms_norm_back_x(
    context: &Context<'_>,
    [x, weight, dy, beside]: [&[f32]; 4],
    (dx, add): (&mut [f32], bool),
) {
    let width = weight.len();
    let rows = dx.len() / width;
    by_rows(context, (rows, GRAIN / width), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (x, dy) = (&x[row * width..][..width], &dy[row * width..][..width]);
            let factor = beside[row];
            let product = sum_of3(dy, weight, x, |dy, w, x| dy * w * x);
            let slope = product * factor * factor * factor / width as f32;
            if !add {
                dx.fill(0.0);
            }
            let all = dx.iter_mut().zip(dy).zip(x).zip(weight);
            all.for_each(|(((dx, dy), x), w)| *dx += factor * dy * w - x * slope);
        }
    });
}

/// `dw += Σ dy · x · factor` over rows.
pub(crate) fn rms_norm_back_w(context: &Context<'_>, [x, dy, beside]: [&[f32]; 3], dw: &mut [f32]) {
    let width = dw.len();
    let grain = (GRAIN * width / x.len()).max(16);
    by_rows(context, (width, grain), [(dw, 1)], (&mut [], 0), &|columns, [dw], _| {
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(beside);
        for ((x, dy), factor) in rows {
            let (x, dy) = (&x[columns.clone()], &dy[columns.clone()]);
            dw.iter_mut().zip(x).zip(dy).for_each(|((dw, x), dy)| *dw += dy * x * factor);
        }
    });
}

/// [`sum_of`] of three.
#[inline(always)]
fn sum_of3(a: &[f32], b: &[f32], c: &[f32], f: impl Fn(f32, f32, f32) -> f32) -> f32 {
    const LANES: usize = super::LANES;
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let (c, c_rest) = c.as_chunks::<LANES>();
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        for lane in 0..LANES {
            sums[lane] += f(a[lane], b[lane], c[lane]);
        }
    }
    for (lane, ((a, b), c)) in a_rest.iter().zip(b_rest).zip(c_rest).enumerate() {
        sums[lane] += f(*a, *b, *c);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}
