//! A matrix times a vector, with the matrix as f32, f16 or bf16.
//!
//! [`dot_f32`] and its like take the product of each row with the vector: each result has the bits that [`crate::vector`]'s product has
//! at that level (`dot_bf16` without AVX-512's BF16). Four rows at a time share the loads of the vector where there are registers for
//! sixteen sums. [`add_f32`] adds multiples of the rows: the product with the transposed matrix.
//!
//! Rows stand at a stride; a caller with several threads gives each some of the rows.

use crate::half::{Bf16, F16, F32, Stored};
use crate::level::Level;
use crate::vector::{Dot, Floats, four};
use crate::wide::{Kernel, LANES, Wide};

/// `out[i] = Σ rows[i · stride + j] · x[j]`.
///
/// # Panics
///
/// `rows` does not hold as many rows as `out` has elements; so with the functions below.
pub fn dot_f32(level: Level, rows: &[f32], stride: usize, x: &[f32], out: &mut [f32]) {
    check(rows.len(), stride, x.len(), out.len());
    level.run_floats(Dots { rows, stride, x, out, stored: F32 });
}

/// [`dot_f32`] of a matrix of half floats.
pub fn dot_f16(level: Level, rows: &[u16], stride: usize, x: &[f32], out: &mut [f32]) {
    check(rows.len(), stride, x.len(), out.len());
    level.run_floats(Mixed { rows, stride, x, out, stored: F16 });
}

/// [`dot_f32`] of a matrix of bf16.
pub fn dot_bf16(level: Level, rows: &[u16], stride: usize, x: &[f32], out: &mut [f32]) {
    check(rows.len(), stride, x.len(), out.len());
    level.run_floats(Mixed { rows, stride, x, out, stored: Bf16 });
}

/// `out[j] += Σ x[i] · rows[i · stride + j]`, row after row, each product added by itself.
///
/// # Panics
///
/// `rows` does not hold as many rows as `x` has elements.
pub fn add_f32(level: Level, rows: &[f32], stride: usize, x: &[f32], out: &mut [f32]) {
    check(rows.len(), stride, out.len(), x.len());
    level.run_floats(Adds { rows, stride, x, out });
}

fn check(len: usize, stride: usize, width: usize, count: usize) {
    let Some(last) = count.checked_sub(1) else { return };
    let end = last.checked_mul(stride).and_then(|begin| begin.checked_add(width));
    assert!(
        end.is_some_and(|end| end <= len),
        "{count} rows of {width} elements at a stride of {stride} are beyond the matrix of {len}"
    );
}

struct Dots<'a> {
    rows: &'a [f32],
    stride: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    stored: F32,
}

impl Kernel for Dots<'_> {
    type Out = ();

    fn scalar(self) {
        let _ = self.stored;
        for (at, out) in self.out.iter_mut().enumerate() {
            let row = &self.rows[at * self.stride..][..self.x.len()];
            *out = Floats::<F32, Dot>(row, self.x, Dot).scalar();
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let Dots { rows, stride, x, out, .. } = self;
        let row = |at: usize| &rows[at * stride..][..x.len()];
        let mut done = 0;
        if W::MANY {
            let (fours, _) = out.as_chunks_mut::<4>();
            for out in fours {
                *out = four::<F32, Dot, W>(w, [row(done), row(done + 1), row(done + 2), row(done + 3)], x);
                done += 4;
            }
        }
        for (at, out) in out.iter_mut().enumerate().skip(done) {
            *out = Floats::<F32, Dot>(row(at), x, Dot).wide(w);
        }
    }
}

struct Mixed<'a, S: Stored> {
    rows: &'a [S::Bits],
    stride: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    stored: S,
}

impl<S: Stored> Kernel for Mixed<'_, S> {
    type Out = ();

    fn scalar(self) {
        let _ = self.stored;
        for (at, out) in self.out.iter_mut().enumerate() {
            let row = &self.rows[at * self.stride..][..self.x.len()];
            let products = row
                .chunks(256)
                .zip(self.x.chunks(256))
                .map(|(row, x)| row.iter().zip(x).fold(0.0, |sum, (&row, &x)| sum + S::value(row) * x));
            *out = products.sum();
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let Mixed { rows, stride, x, out, .. } = self;
        let (x, x_tail) = x.as_chunks::<LANES>();
        let (x4, x_rest) = x.as_chunks::<4>();
        for (at, out) in out.iter_mut().enumerate() {
            let row = &rows[at * stride..][..self.x.len()];
            let [mut s0, mut s1, mut s2, mut s3] = [w.splat(0.0); 4];
            let (row, tail) = row.as_chunks::<LANES>();
            let (row4, rest) = row.as_chunks::<4>();
            for (row, x) in row4.iter().zip(x4) {
                s0 = w.fma(S::load(w, &row[0]), w.load(&x[0]), s0);
                s1 = w.fma(S::load(w, &row[1]), w.load(&x[1]), s1);
                s2 = w.fma(S::load(w, &row[2]), w.load(&x[2]), s2);
                s3 = w.fma(S::load(w, &row[3]), w.load(&x[3]), s3);
            }
            let mut rest = rest.iter().zip(x_rest);
            if let Some((a, x)) = rest.next() {
                s0 = w.fma(S::load(w, a), w.load(x), s0);
            }
            if let Some((a, x)) = rest.next() {
                s1 = w.fma(S::load(w, a), w.load(x), s1);
            }
            if let Some((a, x)) = rest.next() {
                s2 = w.fma(S::load(w, a), w.load(x), s2);
            }
            if !x_tail.is_empty() {
                s3 = w.fma(S::load_part(w, tail), w.load_part(x_tail), s3);
            }
            *out = w.sum(w.add(w.add(s0, s1), w.add(s2, s3)));
        }
    }
}

struct Adds<'a> {
    rows: &'a [f32],
    stride: usize,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Adds<'_> {
    type Out = ();

    fn scalar(self) {
        for (at, &x) in self.x.iter().enumerate() {
            let row = &self.rows[at * self.stride..][..self.out.len()];
            for (out, row) in self.out.iter_mut().zip(row) {
                *out += x * row;
            }
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let Adds { rows, stride, x, out } = self;
        let width = out.len();
        let row = |at: usize| &rows[at * stride..][..width];
        let (fours, _) = x.as_chunks::<4>();
        for (nth, x) in fours.iter().enumerate() {
            let at = 4 * nth;
            add_rows(w, [row(at), row(at + 1), row(at + 2), row(at + 3)], *x, out);
        }
        for (at, &x) in x.iter().enumerate().skip(4 * fours.len()) {
            add_rows(w, [row(at)], [x], out);
        }
    }
}

#[inline(always)]
fn add_rows<W: Wide, const N: usize>(w: W, rows: [&[f32]; N], x: [f32; N], out: &mut [f32]) {
    let done = out.len() / LANES * LANES;
    let (whole, rest) = out.as_chunks_mut::<LANES>();
    for (at, out) in whole.iter_mut().enumerate() {
        let mut sum = w.load(out);
        for nth in 0..N {
            if let Some(row) = rows[nth].as_chunks::<LANES>().0.get(at) {
                sum = w.fma(w.load(row), w.splat(x[nth]), sum);
            }
        }
        w.store(sum, out);
    }
    let mut sum = w.load_part(rest);
    for nth in 0..N {
        sum = w.fma(w.load_part(&rows[nth][done..]), w.splat(x[nth]), sum);
    }
    w.store_part(sum, rest);
}
