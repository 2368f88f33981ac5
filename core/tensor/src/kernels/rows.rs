//! Softmax, and what rows come to.

use dolmen_simd::{arith, nn};

use super::{GRAIN, Target, sum_of};
use crate::context::{Context, by_rows};
use crate::op::Reduce;

/// Calls `body(row, of x, of out)` for each row.
fn each_row(
    context: &Context<'_>,
    x: &[f32],
    width: usize,
    (out, out_width): (&mut [f32], usize),
    body: &(impl Fn(&[f32], &mut [f32]) + Sync),
) {
    let rows = out.len() / out_width;
    by_rows(context, (rows, GRAIN / width), [(out, out_width)], (&mut [], 0), &|rows, [out], _| {
        for (row, out) in rows.zip(out.chunks_exact_mut(out_width)) {
            body(&x[row * width..][..width], out);
        }
    });
}

pub(crate) fn softmax(context: &Context<'_>, x: &[f32], out: &mut [f32], width: usize) {
    each_row(context, x, width, (out, width), &|x, out| {
        out.copy_from_slice(x);
        nn::softmax(context.level, out);
    });
}

/// `dx += y · (dy - Σ dy · y)`.
pub(crate) fn softmax_back(context: &Context<'_>, [y, dy]: [&[f32]; 2], dx: &mut [f32], width: usize) {
    by_rows(context, (dx.len() / width, GRAIN / width), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (y, dy) = (&y[row * width..][..width], &dy[row * width..][..width]);
            let sum = sum_of(y, dy, |y, dy| y * dy);
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx += y * (dy - sum));
        }
    });
}

pub(crate) fn log_softmax(context: &Context<'_>, x: &[f32], out: &mut [f32], width: usize) {
    each_row(context, x, width, (out, width), &|x, out| {
        out.copy_from_slice(x);
        let sum = nn::log_sum_exp(context.level, out);
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x - sum);
    });
}

/// `dx += dy - e^y · Σ dy`.
pub(crate) fn log_softmax_back(context: &Context<'_>, [y, dy]: [&[f32]; 2], dx: &mut [f32], width: usize) {
    by_rows(context, (dx.len() / width, GRAIN / width), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (y, dy) = (&y[row * width..][..width], &dy[row * width..][..width]);
            let sum = arith::sum(context.level, dy);
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx += dy - libm::expf(*y) * sum);
        }
    });
}

pub(crate) fn reduce(context: &Context<'_>, reduce: Reduce, x: &[f32], out: &mut [f32], width: usize) {
    let level = context.level;
    each_row(context, x, width, (out, 1), &|x, out| {
        out[0] = match reduce {
            Reduce::Sum => arith::sum(level, x),
            Reduce::Mean => arith::sum(level, x) / width as f32,
            // What is not a number wins, as in PyTorch.
            Reduce::Max if x.iter().any(|x| x.is_nan()) => f32::NAN,
            Reduce::Max => arith::max(level, x),
            Reduce::Prod => x.iter().product(),
            Reduce::LogSumExp => log_sum_exp(x),
        };
    });
}

/// The gradient of each element, from the row, what it came to, and the gradient of that.
pub(crate) fn reduce_back(
    context: &Context<'_>,
    reduce: Reduce,
    [x, y, dy]: [&[f32]; 3],
    target: Target<'_>,
) {
    let width = target.view.shape.last();
    let dx = &mut target.data[target.view.offset..][..dy.len() * width];
    by_rows(context, (dy.len(), GRAIN / width), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let g = dy[row];
            let x = x.get(row * width..(row + 1) * width).unwrap_or(&[]);
            match reduce {
                Reduce::Sum => dx.iter_mut().for_each(|dx| *dx += g),
                Reduce::Mean => dx.iter_mut().for_each(|dx| *dx += g / width as f32),
                Reduce::Max => dx[first_greatest(x)] += g,
                Reduce::Prod => prod_back(x, g, dx),
                Reduce::LogSumExp => {
                    dx.iter_mut().zip(x).for_each(|(dx, x)| *dx += g * libm::expf(x - y[row]));
                }
            }
        }
    });
}

pub(crate) fn cumsum(context: &Context<'_>, x: &[f32], out: &mut [f32], width: usize) {
    each_row(context, x, width, (out, width), &|x, out| {
        let mut sum = 0.0;
        for (x, out) in x.iter().zip(out) {
            sum += x;
            *out = sum;
        }
    });
}

/// `dx += ` the sums of the ends of dy.
pub(crate) fn cumsum_back(context: &Context<'_>, dy: &[f32], dx: &mut [f32], width: usize) {
    by_rows(context, (dx.len() / width, GRAIN / width), [(dx, width)], (&mut [], 0), &|rows, [dx], _| {
        for (row, dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let mut sum = 0.0;
            for (dy, dx) in dy[row * width..][..width].iter().zip(dx).rev() {
                sum += dy;
                *dx += sum;
            }
        }
    });
}

fn log_sum_exp(x: &[f32]) -> f32 {
    let greatest = x.iter().fold(f32::NEG_INFINITY, |kept, &x| if x > kept { x } else { kept });
    if greatest == f32::NEG_INFINITY && !x.iter().any(|x| x.is_nan()) {
        return greatest;
    }
    greatest + libm::logf(x.iter().map(|x| libm::expf(x - greatest)).sum())
}

fn first_greatest(x: &[f32]) -> usize {
    let nan = x.iter().position(|x| x.is_nan());
    nan.unwrap_or_else(|| (1..x.len()).fold(0, |kept, at| if x[at] > x[kept] { at } else { kept }))
}

/// The product of the others, by products from both ends: right where elements are zero, too.
fn prod_back(x: &[f32], g: f32, dx: &mut [f32]) {
    let mut before = g;
    for (at, dx) in dx.iter_mut().enumerate() {
        *dx += before * x[at + 1..].iter().product::<f32>();
        before *= x[at];
    }
}
