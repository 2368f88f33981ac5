//! A random rotation without a matrix: signs, Walsh-Hadamard transforms and Kac steps, in O(P log P).
//!
//! Codes with one scale for all dimensions lose what a few large dimensions hold; after a rotation all dimensions are alike. D
//! dimensions are padded with zeros to P, the next multiple of 64; T is the largest power of two that is at most D. Four rounds:
//!
//! 1. flip the signs that the round's P random bits name;
//! 2. Walsh-Hadamard over T elements, times 1/√T: over all of them if T = P, otherwise over the first T in rounds 0 and 2, over the last T
//!    in rounds 1 and 3;
//! 3. if T < P, one Kac step over all: (xⱼ, xⱼ₊ₚ/₂) becomes (xⱼ + xⱼ₊ₚ/₂, xⱼ - xⱼ₊ₚ/₂).
//!
//! Each Kac step scales by √2, so that with them the end is times 1/4. Distances and products are kept but for rounding (relative 1e-6 of
//! the norms); all levels give the same bits.
//!
//! Source: RaBitQ-Library's `FhtKacRotator` (Apache-2.0); Kac, "Foundations of kinetic theory" (1956).

use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide};

/// P: the dimensions after the rotation.
pub const fn padded(dims: usize) -> usize {
    dims.next_multiple_of(64)
}

/// Bytes of random bits that a rotation of this many dimensions takes.
pub const fn signs_len(dims: usize) -> usize {
    padded(dims) / 8 * ROUNDS
}

/// Rotates `x` of D elements into `out` of [`padded`]\(D\). Bit `j % 8` of byte `j / 8` of a round's signs flips element `j`.
///
/// # Panics
///
/// `signs` is not [`signs_len`]\(D\) long, or `out` not [`padded`]\(D\).
pub fn rotate(level: Level, signs: &[u8], x: &[f32], out: &mut [f32]) {
    check(signs, x.len(), out.len());
    let (head, padding) = out.split_at_mut(x.len());
    head.copy_from_slice(x);
    padding.fill(0.0);
    level.run_floats(Rounds { signs, dims: x.len(), x: out, back: false });
}

/// Turns what [`rotate`] gave back, in place: the first D elements are the vector, the others near zero.
///
/// # Panics
///
/// As [`rotate`].
pub fn rotate_back(level: Level, signs: &[u8], dims: usize, x: &mut [f32]) {
    check(signs, dims, x.len());
    level.run_floats(Rounds { signs, dims, x, back: true });
}

fn check(signs: &[u8], dims: usize, out: usize) {
    let wanted = signs_len(dims);
    assert!(signs.len() == wanted, "{dims} dimensions take {wanted} bytes of signs, not {}", signs.len());
    assert!(out == padded(dims), "{dims} dimensions become {}, not {out}", padded(dims));
}

struct Rounds<'a> {
    signs: &'a [u8],
    dims: usize,
    x: &'a mut [f32],
    back: bool,
}

/// The steps of a round.
trait Steps: Copy {
    fn hadamard(self, x: &mut [f32]);
    fn butterflies(self, low: &mut [f32], high: &mut [f32]);
    fn scale(self, x: &mut [f32], by: f32);

    #[inline(always)]
    fn kac(self, x: &mut [f32]) {
        let (low, high) = x.split_at_mut(x.len() / 2);
        self.butterflies(low, high);
    }
}

impl Rounds<'_> {
    /// The rounds in order, or backwards: every step is its own inverse but for its scale.
    #[inline(always)]
    fn all<S: Steps>(self, steps: S) {
        let Rounds { signs, dims, x, back } = self;
        if dims == 0 {
            return;
        }
        let (len, size) = (x.len(), 1 << dims.ilog2());
        let root = root(dims.ilog2());
        for nth in 0..ROUNDS {
            let round = if back { ROUNDS - 1 - nth } else { nth };
            let flips = &signs[round * len / 8..][..len / 8];
            let begin = if round % 2 == 0 { 0 } else { len - size };
            if back && size < len {
                steps.kac(x);
            }
            if !back {
                flip(x, flips);
            }
            let part = &mut x[begin..begin + size];
            steps.hadamard(part);
            steps.scale(part, root);
            if back {
                flip(x, flips);
            }
            if !back && size < len {
                steps.kac(x);
            }
        }
        if size < len {
            steps.scale(x, 0.25);
        }
    }
}

/// 2^(-log/2), rounded once.
fn root(log: u32) -> f32 {
    let whole = 1.0 / (1u64 << (log / 2)) as f32;
    if log.is_multiple_of(2) { whole } else { whole * core::f32::consts::FRAC_1_SQRT_2 }
}

impl Kernel for Rounds<'_> {
    type Out = ();

    fn scalar(self) {
        self.all(Plain);
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        self.all(Lanes(w));
    }
}

#[derive(Clone, Copy)]
struct Plain;

impl Steps for Plain {
    fn hadamard(self, x: &mut [f32]) {
        hadamard(x);
    }

    fn butterflies(self, low: &mut [f32], high: &mut [f32]) {
        butterflies(low, high);
    }

    fn scale(self, x: &mut [f32], by: f32) {
        x.iter_mut().for_each(|x| *x *= by);
    }
}

#[derive(Clone, Copy)]
struct Lanes<W: Wide>(W);

impl<W: Wide> Steps for Lanes<W> {
    #[inline(always)]
    fn hadamard(self, x: &mut [f32]) {
        wide_hadamard(self.0, x);
    }

    #[inline(always)]
    fn butterflies(self, low: &mut [f32], high: &mut [f32]) {
        wide_butterflies(self.0, low, high);
    }

    #[inline(always)]
    fn scale(self, x: &mut [f32], by: f32) {
        let (w, by) = (self.0, self.0.splat(by));
        let (whole, rest) = x.as_chunks_mut::<LANES>();
        for x in whole {
            w.store(w.mul(w.load(x), by), x);
        }
        w.store_part(w.mul(w.load_part(rest), by), rest);
    }
}

#[inline(always)]
fn flip(x: &mut [f32], flips: &[u8]) {
    let (bytes, _) = x.as_chunks_mut::<8>();
    for (x, &flips) in bytes.iter_mut().zip(flips) {
        for (bit, x) in x.iter_mut().enumerate() {
            *x = f32::from_bits(x.to_bits() ^ (u32::from(flips) >> bit & 1) << 31);
        }
    }
}

/// (a, b) becomes (a + b, a - b).
#[inline(always)]
fn butterflies(low: &mut [f32], high: &mut [f32]) {
    for (low, high) in low.iter_mut().zip(high) {
        (*low, *high) = (*low + *high, *low - *high);
    }
}

#[inline(always)]
fn wide_butterflies<W: Wide>(w: W, low: &mut [f32], high: &mut [f32]) {
    let ((low, low_rest), (high, high_rest)) = (low.as_chunks_mut::<LANES>(), high.as_chunks_mut::<LANES>());
    for (low, high) in low.iter_mut().zip(high) {
        let (a, b) = (w.load(low), w.load(high));
        w.store(w.add(a, b), low);
        w.store(w.sub(a, b), high);
    }
    butterflies(low_rest, high_rest);
}

/// Of a power of two, unscaled, distant pairs first.
fn hadamard(x: &mut [f32]) {
    let mut half = x.len() / 2;
    while half >= 1 {
        for pair in x.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            butterflies(low, high);
        }
        half /= 2;
    }
}

#[inline(always)]
fn wide_hadamard<W: Wide>(w: W, x: &mut [f32]) {
    let mut half = x.len() / 2;
    while half >= LANES {
        for pair in x.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            wide_butterflies(w, low, high);
        }
        half /= 2;
    }
    let (whole, rest) = x.as_chunks_mut::<LANES>();
    for x in whole {
        within::<8>(x);
        within::<4>(x);
        within::<2>(x);
        within::<1>(x);
    }
    // Fewer than sixteen in all.
    while half >= 1 {
        for pair in rest.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            butterflies(low, high);
        }
        half /= 2;
    }
}

/// Pairs `HALF` apart within sixteen; unrolled, these become shuffles.
#[inline(always)]
fn within<const HALF: usize>(x: &mut [f32; LANES]) {
    let before = *x;
    for (at, x) in x.iter_mut().enumerate() {
        let other = before[at ^ HALF];
        *x = if at & HALF == 0 { before[at] + other } else { other - before[at] };
    }
}

const ROUNDS: usize = 4;
