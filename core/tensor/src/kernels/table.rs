//! Rows and elements by their numbers; rotary positions.

use super::{GRAIN, Source, Target, add_scaled};
use crate::context::{Context, by_rows};
use crate::limits::HEAD_LEN_MAX;
use crate::op::Pairs;

/// The integers that stand in an arena.
pub(crate) fn numbers(data: &[f32]) -> &[u32] {
    bytemuck::cast_slice(data)
}

/// `out[i] = table[number i]`.
pub(crate) fn embedding(context: &Context<'_>, table: &[f32], ids: &[u32], out: &mut [f32]) {
    let width = out.len() / ids.len();
    by_rows(context, (ids.len(), GRAIN / width), [(out, width)], (&mut [], 0), &|rows, [out], _| {
        for (&id, out) in ids[rows].iter().zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(&table[id as usize * width..][..width]);
        }
    });
}

/// `dtable[number i] += dy[i]`, in the order of the numbers.
pub(crate) fn embedding_back(context: &Context<'_>, ids: &[u32], dy: &[f32], table: &mut [f32]) {
    let width = dy.len() / ids.len();
    for (&id, dy) in ids.iter().zip(dy.chunks_exact(width)) {
        add_scaled(context.level, 1.0, dy, &mut table[id as usize * width..][..width]);
    }
}

/// `out[row][i] = x[row][number]`.
pub(crate) fn gather(x: &[f32], ids: &[u32], out: &mut [f32], width: usize, each: usize) {
    for ((x, ids), out) in x.chunks_exact(width).zip(ids.chunks_exact(each)).zip(out.chunks_exact_mut(each)) {
        out.iter_mut().zip(ids).for_each(|(out, id)| *out = x[*id as usize]);
    }
}

pub(crate) fn gather_back(ids: &[u32], dy: &[f32], dx: &mut [f32], width: usize, each: usize) {
    for ((dx, ids), dy) in dx.chunks_exact_mut(width).zip(ids.chunks_exact(each)).zip(dy.chunks_exact(each)) {
        dy.iter().zip(ids).for_each(|(dy, id)| dx[*id as usize] += dy);
    }
}

/// Turns each row of `[batch, time, heads, length]` by the angles of its time.
pub(crate) fn rotate(context: &Context<'_>, pairs: Pairs, x: Source<'_>, table: &[f32], out: &mut [f32]) {
    let [_, time, heads, len] = [0, 1, 2, 3].map(|axis| x.view.shape.dims()[axis]);
    by_rows(context, (out.len() / len, GRAIN / len), [(out, len)], (&mut [], 0), &|rows, [out], _| {
        let mut buffer = [0.0; HEAD_LEN_MAX];
        for (row, out) in rows.zip(out.chunks_exact_mut(len)) {
            let x = x.chunk(row * len, &mut buffer[..len]);
            let angles = &table[row / heads % time * len..][..len];
            turn(pairs, 1.0, angles, x, out);
        }
    });
}

/// Turns gradients back.
pub(crate) fn rotate_back(context: &Context<'_>, pairs: Pairs, table: &[f32], dy: &[f32], dx: Target<'_>) {
    let [_, time, heads, len] = [0, 1, 2, 3].map(|axis| dx.view.shape.dims()[axis]);
    dx.take(context, &|begin, d| {
        let mut turned = [0.0; HEAD_LEN_MAX];
        let mut at = 0;
        while at < d.len() {
            let (row, within) = ((begin + at) / len, (begin + at) % len);
            let run = (len - within).min(d.len() - at);
            let angles = &table[row / heads % time * len..][..len];
            turn(pairs, -1.0, angles, &dy[row * len..][..len], &mut turned[..len]);
            d[at..][..run].copy_from_slice(&turned[within..][..run]);
            at += run;
        }
    });
}

/// A row whose pairs are turned forwards (`sign` 1) or backwards.
fn turn(pairs: Pairs, sign: f32, angles: &[f32], x: &[f32], out: &mut [f32]) {
    let half = x.len() / 2;
    let (cosines, sines) = angles.split_at(half);
    for at in 0..half {
        let (one, other) = match pairs {
            Pairs::Halves => (at, at + half),
            Pairs::Neighbours => (2 * at, 2 * at + 1),
        };
        let (c, s) = (cosines[at], sign * sines[at]);
        out[one] = x[one] * c - x[other] * s;
        out[other] = x[other] * c + x[one] * s;
    }
}
