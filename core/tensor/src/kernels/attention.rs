//! Attention without the matrix of all products: blocks of queries against the keys that they see.
//!
//! ```text
//! forwards, a block of 64 queries:    S = scale · Q · Kᵀ    P = e^(S - m)      O = P · V / Σ P       kept: ln Σ e^S of each query
//! backwards:  P = e^(S - ln Σ e^S)    dV += Pᵀ · dO         dS = P · (dO · Vᵀ - dO · O) · scale      dQ += dS · K    dK += dSᵀ · Q
//! ```
//!
//! A causal block multiplies no key after its last query, so half of the work of the whole square is never done. A batch is a job: what
//! it writes lies in a stretch of its own.
//!
//! Source: Dao and others, "FlashAttention" (2022), whose recomputation this is.

use core::ops::Range;

use dolmen_simd::gemm::{self, View as Matrix, ViewMut as MatrixMut, gemm};
use dolmen_simd::{arith, nn};

use super::{Source, sum_of};
use crate::context::{Context, by_rows};
use crate::shape::View;

/// The sizes of one attention, and what its queries see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub batch: usize,
    pub time: usize,
    pub heads: usize,
    pub len: usize,
    pub keys: usize,
    pub groups: usize,
    pub causal: bool,
    pub window: usize,
    pub scale: f32,
}

/// One head of one sequence in its storage.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    stride: usize,
}

impl Heads {
    /// Elements of scratch of one job.
    pub fn scratch_len(&self) -> usize {
        let (block, keys, len) = (BLOCK.min(self.time), self.keys, self.len);
        let products = gemm::scratch_len(block, keys, len)
            .max(gemm::scratch_len(block, len, keys))
            .max(gemm::scratch_len(keys, len, block));
        2 * block * keys + 2 * BLOCK + products
    }

    /// The keys that a query sees.
    fn seen(&self, query: usize, valid: &Range<usize>) -> Range<usize> {
        let mut end = valid.end;
        let at = query + self.keys - self.time.min(self.keys);
        if self.causal {
            end = end.min(at + 1);
        }
        let begin = valid.start.max((at + 1).saturating_sub(self.window));
        begin.min(end)..end
    }

    /// The keys that any of a block's queries sees.
    fn seen_by(&self, queries: &Range<usize>, valid: &Range<usize>) -> Range<usize> {
        let (first, last) = (self.seen(queries.start, valid), self.seen(queries.end - 1, valid));
        first.start.min(last.end)..last.end
    }

    fn valid(&self, ranges: &[u32], batch: usize) -> Range<usize> {
        match ranges.get(2 * batch..2 * batch + 2) {
            None => 0..self.keys,
            Some(range) => {
                let end = (range[1] as usize).min(self.keys);
                (range[0] as usize).min(end)..end
            }
        }
    }

    fn block<'a>(&self, source: Source<'a>, batch: usize, head: usize, times: &Range<usize>) -> Matrix<'a> {
        let place = place(source.view, head);
        let begin = batch * source.view.strides[0] + place.offset + times.start * place.stride;
        Matrix::new(&source.data[begin..], times.len(), self.len, place.stride)
    }
}

/// Where a head's rows stand within their sequence.
fn place(view: &View, head: usize) -> Place {
    Place { offset: view.offset + head * view.strides[2], stride: view.strides[1] }
}

/// `out` `[batch, time, heads, length]`; beside stands ln Σ eˢ `[batch, heads, time]`.
pub(crate) fn forward(
    context: &Context<'_>,
    of: Heads,
    ([q, k, v], ranges): ([Source<'_>; 3], &[u32]),
    [out, beside]: [&mut [f32]; 2],
    scratch: &mut [f32],
) {
    let Heads { time, heads, len, .. } = of;
    let row = heads * len;
    let (stretch, kept) = (time * row, heads * time);
    let outs = [(out, stretch), (beside, kept)];
    by_rows(context, (of.batch, 1), outs, (scratch, of.scratch_len()), &|batches, [out, beside], scratch| {
        let sequences = out.chunks_exact_mut(stretch).zip(beside.chunks_exact_mut(kept));
        for (batch, (out, beside)) in batches.zip(sequences) {
            let valid = of.valid(ranges, batch);
            for (head, sums) in beside.chunks_exact_mut(time).enumerate() {
                let group = head * of.groups / heads;
                for begin in (0..time).step_by(BLOCK) {
                    let queries = begin..time.min(begin + BLOCK);
                    let keys = of.seen_by(&queries, &valid);
                    let q = of.block(q, batch, head, &queries);
                    let (k, v) = (of.block(k, batch, group, &keys), of.block(v, batch, group, &keys));
                    let out = &mut out[begin * row + head * len..];
                    let rows = &mut sums[queries.clone()];
                    forward_block(context, of, (q, k, v), (queries, keys, &valid), (out, rows), scratch);
                }
            }
        }
    });
}

fn forward_block(
    context: &Context<'_>,
    of: Heads,
    (q, k, v): (Matrix<'_>, Matrix<'_>, Matrix<'_>),
    (queries, keys, valid): (Range<usize>, Range<usize>, &Range<usize>),
    (out, sums): (&mut [f32], &mut [f32]),
    scratch: &mut [f32],
) {
    let (level, high, broad, row) = (context.level, queries.len(), keys.len(), of.heads * of.len);
    let (products, rest) = scratch.split_at_mut(high * broad);
    let (factors, scratch) = rest.split_at_mut(BLOCK);
    if broad > 0 {
        let to = MatrixMut::new(products, high, broad, broad);
        gemm(level, of.scale, q, k.transposed(), 0.0, to, scratch);
    }
    for (nth, query) in queries.enumerate() {
        let seen = of.seen(query, valid);
        let s = &mut products[nth * broad..][..broad];
        if seen.is_empty() {
            s.fill(0.0);
            (sums[nth], factors[nth]) = (f32::NEG_INFINITY, 0.0);
            continue;
        }
        let (before, s) = s.split_at_mut(seen.start - keys.start);
        let (s, after) = s.split_at_mut(seen.len());
        before.fill(0.0);
        after.fill(0.0);
        let greatest = arith::max(level, s);
        let sum = nn::exp_sum(level, s, greatest);
        sums[nth] = greatest + libm::logf(sum);
        factors[nth] = 1.0 / sum;
    }
    let to = MatrixMut::new(out, high, of.len, row);
    gemm(level, 1.0, Matrix::new(products, high, broad, broad), v, 0.0, to, scratch);
    for (nth, factor) in factors.iter().take(high).enumerate() {
        arith::scale(level, &mut out[nth * row..][..of.len], *factor);
    }
}

/// What gradients of attention are computed from.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub inputs: [Source<'a>; 3],
    pub ranges: &'a [u32],
    pub out: &'a [f32],
    pub dy: &'a [f32],
    pub beside: &'a [f32],
}

/// Adds to the gradients of q, k and v, which stand in `N` storages: input `i` in that of number `of_input[i]`, seen through `views[i]`.
/// An input without a number has no gradient.
pub(crate) fn backward<const N: usize>(
    context: &Context<'_>,
    of: Heads,
    known: Known<'_>,
    (targets, of_input, views): ([&mut [f32]; N], [Option<usize>; 3], [&View; 3]),
    scratch: &mut [f32],
) {
    let outs = targets.map(|target| {
        let stretch = target.len() / of.batch;
        (target, stretch)
    });
    let stretches = outs.each_ref().map(|(_, stretch)| *stretch);
    by_rows(context, (of.batch, 1), outs, (scratch, of.scratch_len()), &|batches, mut targets, scratch| {
        for (nth, batch) in batches.enumerate() {
            let mut own: [&mut [f32]; N] = core::array::from_fn(|_| &mut [][..]);
            for (own, (target, stretch)) in own.iter_mut().zip(targets.iter_mut().zip(stretches)) {
                *own = &mut target[nth * stretch..][..stretch];
            }
            let mut grads = Grads { targets: own, of_input, views };
            for head in 0..of.heads {
                for begin in (0..of.time).step_by(BLOCK) {
                    let queries = begin..of.time.min(begin + BLOCK);
                    backward_block(context, of, known, (batch, head, queries), &mut grads, scratch);
                }
            }
        }
    });
}

/// The gradients of one sequence.
struct Grads<'a, const N: usize> {
    targets: [&'a mut [f32]; N],
    of_input: [Option<usize>; 3],
    views: [&'a View; 3],
}

impl<const N: usize> Grads<'_, N> {
    /// The rows of a head of an input, at some times.
    fn block(
        &mut self,
        input: usize,
        head: usize,
        times: &Range<usize>,
        len: usize,
    ) -> Option<MatrixMut<'_>> {
        let target = &mut *self.targets[self.of_input[input]?];
        let place = place(self.views[input], head);
        let data = &mut target[place.offset + times.start * place.stride..];
        Some(MatrixMut::new(data, times.len(), len, place.stride))
    }
}

fn backward_block<const N: usize>(
    context: &Context<'_>,
    of: Heads,
    known: Known<'_>,
    (batch, head, queries): (usize, usize, Range<usize>),
    grads: &mut Grads<'_, N>,
    scratch: &mut [f32],
) {
    let Heads { time, heads, len, scale, .. } = of;
    let (level, row, high) = (context.level, heads * len, queries.len());
    let valid = of.valid(known.ranges, batch);
    let keys = of.seen_by(&queries, &valid);
    let (broad, group) = (keys.len(), head * of.groups / heads);
    if broad == 0 {
        return;
    }
    let (p, rest) = scratch.split_at_mut(high * broad);
    let (ds, scratch) = rest.split_at_mut(high * broad);
    let [q, k, v] = known.inputs;
    let q = of.block(q, batch, head, &queries);
    let (k, v) = (of.block(k, batch, group, &keys), of.block(v, batch, group, &keys));
    let begin = batch * time * row + queries.start * row + head * len;
    let (out, dy) = (&known.out[begin..], &known.dy[begin..]);
    let d_out = Matrix::new(dy, high, len, row);
    gemm(level, scale, q, k.transposed(), 0.0, MatrixMut::new(p, high, broad, broad), scratch);
    gemm(level, 1.0, d_out, v.transposed(), 0.0, MatrixMut::new(ds, high, broad, broad), scratch);
    let sums = &known.beside[(batch * heads + head) * time..][..time];
    for (nth, query) in queries.clone().enumerate() {
        let seen = of.seen(query, &valid);
        let (p, ds) = (&mut p[nth * broad..][..broad], &mut ds[nth * broad..][..broad]);
        let begin = seen.start.clamp(keys.start, keys.end) - keys.start;
        let end = begin + seen.len();
        for part in [0..begin, end..broad] {
            p[part.clone()].fill(0.0);
            ds[part].fill(0.0);
        }
        let (p, ds) = (&mut p[begin..end], &mut ds[begin..end]);
        nn::exp_sum(level, p, sums[query]);
        let product = sum_of(&out[nth * row..][..len], &dy[nth * row..][..len], |o, d| o * d);
        ds.iter_mut().zip(p).for_each(|(ds, p)| *ds = *p * (*ds - product) * scale);
    }
    let (p, ds) = (Matrix::new(p, high, broad, broad), Matrix::new(ds, high, broad, broad));
    if let Some(dv) = grads.block(2, group, &keys, len) {
        gemm(level, 1.0, p.transposed(), d_out, 1.0, dv, scratch);
    }
    if let Some(dq) = grads.block(0, head, &queries, len) {
        gemm(level, 1.0, ds, k, 1.0, dq, scratch);
    }
    if let Some(dk) = grads.block(1, group, &keys, len) {
        gemm(level, 1.0, ds.transposed(), q, 1.0, dk, scratch);
    }
}

/// Queries of one block.
const BLOCK: usize = 64;
