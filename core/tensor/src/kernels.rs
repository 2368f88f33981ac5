//! What operations do to slices, forwards and backwards.
//!
//! Every kernel cuts its work over elements of what it writes ([`crate::context`]); backward halves add to a gradient, or write it where
//! the plan says that they are the first and cover all of it.

pub(crate) mod attention;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod linear;
pub(crate) mod loss;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod rows;
pub(crate) mod table;

use dolmen_simd::arith;
use dolmen_simd::level::Level;

use crate::context::{Context, by_rows};
use crate::shape::View;

/// Elements that pass through the stack at a time.
pub(crate) const CHUNK: usize = 512;
/// Elements that a job is worth.
pub(crate) const GRAIN: usize = 16 << 10;
const LANES: usize = 16;

/// A tensor to read: its storage, and how to look at it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub data: &'a [f32],
    pub view: &'a View,
}

impl<'a> Source<'a> {
    /// Elements `begin..begin + buffer.len()`.
    pub fn chunk<'b>(&self, begin: usize, buffer: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        self.view.gather(self.data, begin, buffer)
    }
}

/// A gradient: its storage, how to look at it, and whether to add or to write.
pub(crate) struct Target<'a> {
    pub data: &'a mut [f32],
    pub view: &'a View,
    pub add: bool,
}

impl Target<'_> {
    /// Takes contributions for all elements of the view, computed some at a time by `fill(begin, out)`.
    pub fn take(self, context: &Context<'_>, fill: &(impl Fn(usize, &mut [f32]) + Sync)) {
        let Target { data, view, add } = self;
        let len = view.shape.elements();
        if !view.dense() {
            let mut buffer = [0.0; CHUNK];
            for begin in (0..len).step_by(CHUNK) {
                let part = &mut buffer[..CHUNK.min(len - begin)];
                fill(begin, part);
                view.scatter_add(data, begin, part);
            }
            return;
        }
        let data = &mut data[view.offset..][..len];
        by_rows(context, (len, GRAIN), [(data, 1)], (&mut [], 0), &|rows, [out], _| {
            let mut buffer = [0.0; CHUNK];
            for (nth, out) in out.chunks_mut(CHUNK).enumerate() {
                let begin = rows.start + nth * CHUNK;
                if add {
                    let part = &mut buffer[..out.len()];
                    fill(begin, part);
                    arith::add_assign(context.level, out, part);
                } else {
                    fill(begin, out);
                }
            }
        });
    }
}

/// Results, computed some at a time by `fill(begin, out)`.
pub(crate) fn each(context: &Context<'_>, out: &mut [f32], fill: &(impl Fn(usize, &mut [f32]) + Sync)) {
    by_rows(context, (out.len(), GRAIN), [(out, 1)], (&mut [], 0), &|rows, [out], _| {
        for (nth, out) in out.chunks_mut(CHUNK).enumerate() {
            fill(rows.start + nth * CHUNK, out);
        }
    });
}

/// Adds the sums of the columns of `rows` to `out`, rows in their order.
pub(crate) fn add_columns(context: &Context<'_>, rows: &[f32], out: &mut [f32]) {
    let width = out.len();
    let grain = (GRAIN * width / rows.len().max(1)).max(LANES);
    by_rows(context, (width, grain), [(out, 1)], (&mut [], 0), &|columns, [out], _| {
        for row in rows.chunks_exact(width) {
            arith::add_assign(context.level, out, &row[columns.clone()]);
        }
    });
}

/// Σ f(aᵢ, bᵢ) in sixteen sums, joined in pairs: the same at every level.
#[inline(always)]
pub(crate) fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] += f(*a, *b);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}

/// `to += by · from`.
pub(crate) fn add_scaled(level: Level, by: f32, from: &[f32], to: &mut [f32]) {
    arith::axpy(level, by, from, to);
}
