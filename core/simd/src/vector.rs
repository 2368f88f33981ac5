//! Products and distances of two vectors.
//!
//! | | f32, f16, bf16 | u8, i8, 7-bit |
//! |---|---|---|
//! | `dot` | Σ aᵢ·bᵢ | exact |
//! | `l2` | Σ (aᵢ - bᵢ)², the squared distance | exact |
//! | `cosine` | 1 - dot / (|a|·|b|), within 0..=2 | |
//!
//! **Floats.** Sixty-four sums run side by side and are added in a fixed order; AVX2, AVX-512 and NEON give the same bits, SSE4 and the
//! scalar level others. Every level is within `2e-6 · Σ|aᵢ·bᵢ|` (for `l2`: of the result) of the true value up to 65,536 elements, as long as
//! nothing overflows. Half floats are widened exactly. `dot_bf16` at AVX-512 with BF16 takes denormal numbers and products for zero.
//! An infinity or what is not a number makes the result so, as IEEE 754 has it for the sum.
//!
//! **Integers** are exact and equal at all levels, for any length: sums of 32 bits are emptied into 64 before they can overflow.

use crate::half::{Bf16, F16, F32, Stored};
use crate::level::Level;
use crate::wide::{BYTES, Kernel, LANES, Wide};

/// Σ aᵢ·bᵢ.
///
/// # Panics
///
/// The lengths differ; so with all functions here.
pub fn dot_f32(level: Level, a: &[f32], b: &[f32]) -> f32 {
    same_len(a.len(), b.len());
    level.run_floats(Floats::<F32, Dot>(a, b, Dot))
}

/// Σ (aᵢ - bᵢ)².
pub fn l2_f32(level: Level, a: &[f32], b: &[f32]) -> f32 {
    same_len(a.len(), b.len());
    level.run_floats(Floats::<F32, L2>(a, b, L2))
}

/// 1 - dot / (|a|·|b|), within 0..=2: 1 where either is all zeros, not a number where either holds one or the sums overflow.
///
/// Of parallel vectors at most 1e-6.
pub fn cosine_f32(level: Level, a: &[f32], b: &[f32]) -> f32 {
    same_len(a.len(), b.len());
    cosine_end(level.run_floats(Cosine::<F32>(a, b, F32)))
}

/// Σ aᵢ·bᵢ of half floats.
pub fn dot_f16(level: Level, a: &[u16], b: &[u16]) -> f32 {
    same_len(a.len(), b.len());
    level.run_floats(Floats::<F16, Dot>(a, b, Dot))
}

/// Σ (aᵢ - bᵢ)² of half floats.
pub fn l2_f16(level: Level, a: &[u16], b: &[u16]) -> f32 {
    same_len(a.len(), b.len());
    level.run_floats(Floats::<F16, L2>(a, b, L2))
}

/// As [`cosine_f32`], of half floats.
pub fn cosine_f16(level: Level, a: &[u16], b: &[u16]) -> f32 {
    same_len(a.len(), b.len());
    cosine_end(level.run_floats(Cosine::<F16>(a, b, F16)))
}

/// Σ aᵢ·bᵢ of bf16.
pub fn dot_bf16(level: Level, a: &[u16], b: &[u16]) -> f32 {
    same_len(a.len(), b.len());
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    if level.bf16() {
        // SAFETY: the function needs AVX-512 F, BW, VL and BF16. The level has the first three, and `Level::bf16` has found the last.
        return unsafe { crate::wide::avx512::dot_bf16(a, b) };
    }
    level.run_floats(Floats::<Bf16, Dot>(a, b, Dot))
}

/// Σ (aᵢ - bᵢ)² of bf16.
pub fn l2_bf16(level: Level, a: &[u16], b: &[u16]) -> f32 {
    same_len(a.len(), b.len());
    level.run_floats(Floats::<Bf16, L2>(a, b, L2))
}

/// As [`cosine_f32`], of bf16.
pub fn cosine_bf16(level: Level, a: &[u16], b: &[u16]) -> f32 {
    same_len(a.len(), b.len());
    cosine_end(level.run_floats(Cosine::<Bf16>(a, b, Bf16)))
}

/// Σ aᵢ·bᵢ of unsigned bytes.
pub fn dot_u8(level: Level, a: &[u8], b: &[u8]) -> u64 {
    same_len(a.len(), b.len());
    level.run(Bytes(a, b, DotU8)) as u64
}

/// Σ (aᵢ - bᵢ)² of unsigned bytes.
pub fn l2_u8(level: Level, a: &[u8], b: &[u8]) -> u64 {
    same_len(a.len(), b.len());
    level.run(Bytes(a, b, L2U8)) as u64
}

/// Σ aᵢ·bᵢ of bytes below 128, which is faster than [`dot_u8`] where a CPU multiplies unsigned by signed.
///
/// Of larger bytes the result is some number, the same at no two levels.
pub fn dot_u7(level: Level, a: &[u8], b: &[u8]) -> u64 {
    same_len(a.len(), b.len());
    level.run(Bytes(a, b, DotU7)) as u64
}

/// Σ (aᵢ - bᵢ)² of bytes below 128, which is faster than [`l2_u8`].
///
/// Of larger bytes the result is some number, the same at no two levels.
pub fn l2_u7(level: Level, a: &[u8], b: &[u8]) -> u64 {
    same_len(a.len(), b.len());
    level.run(Bytes(a, b, L2U7)) as u64
}

/// Σ aᵢ·bᵢ of signed bytes.
pub fn dot_i8(level: Level, a: &[i8], b: &[i8]) -> i64 {
    same_len(a.len(), b.len());
    level.run(Bytes(as_bytes(a), as_bytes(b), DotI8))
}

/// Σ (aᵢ - bᵢ)² of signed bytes.
pub fn l2_i8(level: Level, a: &[i8], b: &[i8]) -> u64 {
    same_len(a.len(), b.len());
    level.run(Bytes(as_bytes(a), as_bytes(b), L2I8)) as u64
}

pub(crate) fn as_bytes(x: &[i8]) -> &[u8] {
    bytemuck::cast_slice(x)
}

#[inline(always)]
fn same_len(a: usize, b: usize) {
    assert!(a == b, "vectors of one length, but one has {a} elements and the other {b}");
}

/// What a pair of elements adds to a sum.
pub(crate) trait Pair: Copy {
    fn scalar(sum: f32, a: f32, b: f32) -> f32;
    fn step<W: Wide>(w: W, sum: W::F, a: W::F, b: W::F) -> W::F;
}

#[derive(Clone, Copy)]
pub(crate) struct Dot;
#[derive(Clone, Copy)]
pub(crate) struct L2;

impl Pair for Dot {
    #[inline(always)]
    fn scalar(sum: f32, a: f32, b: f32) -> f32 {
        sum + a * b
    }
    #[inline(always)]
    fn step<W: Wide>(w: W, sum: W::F, a: W::F, b: W::F) -> W::F {
        w.fma(a, b, sum)
    }
}

impl Pair for L2 {
    #[inline(always)]
    fn scalar(sum: f32, a: f32, b: f32) -> f32 {
        sum + (a - b) * (a - b)
    }
    #[inline(always)]
    fn step<W: Wide>(w: W, sum: W::F, a: W::F, b: W::F) -> W::F {
        let apart = w.sub(a, b);
        w.fma(apart, apart, sum)
    }
}

/// A sum over pairs of floats.
pub(crate) struct Floats<'a, S: Stored, P: Pair>(pub &'a [S::Bits], pub &'a [S::Bits], pub P);

impl<S: Stored, P: Pair> Kernel for Floats<'_, S, P> {
    type Out = f32;

    /// In stripes, so that the error of a sum grows with their length and not with that of the vectors.
    fn scalar(self) -> f32 {
        let mut sum = 0.0;
        for (a, b) in self.0.chunks(STRIPE).zip(self.1.chunks(STRIPE)) {
            let pairs = a.iter().zip(b);
            sum += pairs.fold(0.0, |sum, (&a, &b)| P::scalar(sum, S::value(a), S::value(b)));
        }
        sum
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> f32 {
        let Floats(a, b, _) = self;
        let [mut s0, mut s1, mut s2, mut s3] = [w.splat(0.0); 4];
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        let ((a4, a), (b4, b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
        for (a, b) in a4.iter().zip(b4) {
            s0 = P::step(w, s0, S::load(w, &a[0]), S::load(w, &b[0]));
            s1 = P::step(w, s1, S::load(w, &a[1]), S::load(w, &b[1]));
            s2 = P::step(w, s2, S::load(w, &a[2]), S::load(w, &b[2]));
            s3 = P::step(w, s3, S::load(w, &a[3]), S::load(w, &b[3]));
        }
        // What is left goes to sums that do not wait for each other.
        let mut rest = a.iter().zip(b);
        if let Some((a, b)) = rest.next() {
            s0 = P::step(w, s0, S::load(w, a), S::load(w, b));
        }
        if let Some((a, b)) = rest.next() {
            s1 = P::step(w, s1, S::load(w, a), S::load(w, b));
        }
        if let Some((a, b)) = rest.next() {
            s2 = P::step(w, s2, S::load(w, a), S::load(w, b));
        }
        if !a_tail.is_empty() {
            s3 = P::step(w, s3, S::load_part(w, a_tail), S::load_part(w, b_tail));
        }
        w.sum(w.add(w.add(s0, s1), w.add(s2, s3)))
    }
}

/// [`Floats`] of four vectors with one, which is loaded once: for levels with registers for sixteen sums. Each result is that of the one.
#[inline(always)]
pub(crate) fn four<S: Stored, P: Pair, W: Wide>(w: W, rows: [&[S::Bits]; 4], x: &[S::Bits]) -> [f32; 4] {
    let len = x.len();
    let rows = [&rows[0][..len], &rows[1][..len], &rows[2][..len], &rows[3][..len]];
    let [a, b, c, d] = [
        rows[0].as_chunks::<LANES>(),
        rows[1].as_chunks::<LANES>(),
        rows[2].as_chunks::<LANES>(),
        rows[3].as_chunks::<LANES>(),
    ];
    let tails = [a.1, b.1, c.1, d.1];
    let (x, x_tail) = x.as_chunks::<LANES>();
    let (x4, x_rest) = x.as_chunks::<4>();
    let [a, b, c, d] =
        [a.0.as_chunks::<4>(), b.0.as_chunks::<4>(), c.0.as_chunks::<4>(), d.0.as_chunks::<4>()];
    let mut sums = [[w.splat(0.0); 4]; 4];
    for ((((x, a), b), c), d) in x4.iter().zip(a.0).zip(b.0).zip(c.0).zip(d.0) {
        for at in 0..4 {
            let x = S::load(w, &x[at]);
            sums[0][at] = P::step(w, sums[0][at], S::load(w, &a[at]), x);
            sums[1][at] = P::step(w, sums[1][at], S::load(w, &b[at]), x);
            sums[2][at] = P::step(w, sums[2][at], S::load(w, &c[at]), x);
            sums[3][at] = P::step(w, sums[3][at], S::load(w, &d[at]), x);
        }
    }
    let rests = [a.1, b.1, c.1, d.1];
    let mut out = [0.0; 4];
    for nth in 0..4 {
        let [mut s0, mut s1, mut s2, mut s3] = sums[nth];
        let mut rest = rests[nth].iter().zip(x_rest);
        if let Some((a, x)) = rest.next() {
            s0 = P::step(w, s0, S::load(w, a), S::load(w, x));
        }
        if let Some((a, x)) = rest.next() {
            s1 = P::step(w, s1, S::load(w, a), S::load(w, x));
        }
        if let Some((a, x)) = rest.next() {
            s2 = P::step(w, s2, S::load(w, a), S::load(w, x));
        }
        if !x_tail.is_empty() {
            s3 = P::step(w, s3, S::load_part(w, tails[nth]), S::load_part(w, x_tail));
        }
        out[nth] = w.sum(w.add(w.add(s0, s1), w.add(s2, s3)));
    }
    out
}

struct Cosine<'a, S: Stored>(&'a [S::Bits], &'a [S::Bits], S);

impl<S: Stored> Kernel for Cosine<'_, S> {
    /// The product and the two squared norms.
    type Out = [f64; 3];

    fn scalar(self) -> [f64; 3] {
        let (mut dot, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
        for (&a, &b) in self.0.iter().zip(self.1) {
            let (a, b) = (f64::from(S::value(a)), f64::from(S::value(b)));
            dot += a * b;
            aa += a * a;
            bb += b * b;
        }
        [dot, aa, bb]
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> [f64; 3] {
        let [mut d0, mut d1, mut a0, mut a1, mut b0, mut b1] = [w.splat(0.0); 6];
        let ((a, a_tail), (b, b_tail)) = (self.0.as_chunks::<LANES>(), self.1.as_chunks::<LANES>());
        let ((a2, a), (b2, b)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
        for (a, b) in a2.iter().zip(b2) {
            let (x, y) = (S::load(w, &a[0]), S::load(w, &b[0]));
            (d0, a0, b0) = (w.fma(x, y, d0), w.fma(x, x, a0), w.fma(y, y, b0));
            let (x, y) = (S::load(w, &a[1]), S::load(w, &b[1]));
            (d1, a1, b1) = (w.fma(x, y, d1), w.fma(x, x, a1), w.fma(y, y, b1));
        }
        for (a, b) in a.iter().zip(b) {
            let (x, y) = (S::load(w, a), S::load(w, b));
            (d0, a0, b0) = (w.fma(x, y, d0), w.fma(x, x, a0), w.fma(y, y, b0));
        }
        if !a_tail.is_empty() {
            let (x, y) = (S::load_part(w, a_tail), S::load_part(w, b_tail));
            (d1, a1, b1) = (w.fma(x, y, d1), w.fma(x, x, a1), w.fma(y, y, b1));
        }
        let (dot, aa, bb) = (w.sum(w.add(d0, d1)), w.sum(w.add(a0, a1)), w.sum(w.add(b0, b1)));
        [f64::from(dot), f64::from(aa), f64::from(bb)]
    }
}

/// In f64, where the product of two norms of floats neither overflows nor vanishes.
#[inline]
fn cosine_end([dot, aa, bb]: [f64; 3]) -> f32 {
    let norms = aa * bb;
    if norms == 0.0 {
        // Sums of squares that vanish, of vectors of zeros or of denormals.
        return if dot.is_nan() { f32::NAN } else { 1.0 };
    }
    // `clamp` keeps what is not a number.
    (1.0 - dot / crate::sqrt(norms)).clamp(0.0, 2.0) as f32
}

/// What a pair of bytes adds to a sum.
pub(crate) trait BytePair: Copy {
    fn scalar(a: u8, b: u8) -> i64;
    fn step<W: Wide>(w: W, sum: [W::I; 2], a: W::I, b: W::I) -> [W::I; 2];
    fn end<W: Wide>(w: W, sum: [W::I; 2]) -> W::I;
}

macro_rules! byte_pair {
    ($name:ident, |$a:ident, $b:ident| $scalar:expr, |$w:ident, $sum:ident, $x:ident, $y:ident| $step:expr, $end:expr) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl BytePair for $name {
            #[inline(always)]
            fn scalar($a: u8, $b: u8) -> i64 {
                $scalar
            }
            #[inline(always)]
            fn step<W: Wide>($w: W, $sum: [W::I; 2], $x: W::I, $y: W::I) -> [W::I; 2] {
                $step
            }
            #[inline(always)]
            fn end<W: Wide>($w: W, $sum: [W::I; 2]) -> W::I {
                let _ = $w;
                $end
            }
        }
    };
}

byte_pair!(DotU8, |a, b| i64::from(a) * i64::from(b), |w, sum, x, y| w.dot_u8(sum, x, y), w.dot_u8_end(sum));
byte_pair!(
    L2U8,
    |a, b| i64::from(a.abs_diff(b)).pow(2),
    |w, sum, x, y| {
        let apart = w.abs_diff_u8(x, y);
        w.dot_u8(sum, apart, apart)
    },
    w.dot_u8_end(sum)
);
byte_pair!(
    DotU7,
    |a, b| i64::from(a) * i64::from(b),
    |w, sum, x, y| [w.dot_u7_i8(sum[0], x, y), sum[1]],
    sum[0]
);
byte_pair!(
    L2U7,
    |a, b| i64::from(a.abs_diff(b)).pow(2),
    |w, sum, x, y| {
        let apart = w.abs_diff_u8(x, y);
        [w.dot_u7_i8(sum[0], apart, apart), sum[1]]
    },
    sum[0]
);
byte_pair!(
    DotI8,
    |a, b| i64::from(a as i8) * i64::from(b as i8),
    |w, sum, x, y| w.dot_i8(sum, x, y),
    w.dot_i8_end(sum)
);
byte_pair!(
    L2I8,
    |a, b| i64::from((a as i8).abs_diff(b as i8)).pow(2),
    |w, sum, x, y| {
        // Both moved up by 128 are as far apart.
        let bias = w.splat_u8(128);
        let apart = w.abs_diff_u8(w.xor(x, bias), w.xor(y, bias));
        w.dot_u8(sum, apart, apart)
    },
    w.dot_u8_end(sum)
);

/// A sum over pairs of bytes.
pub(crate) struct Bytes<'a, P: BytePair>(pub &'a [u8], pub &'a [u8], pub P);

impl<P: BytePair> Kernel for Bytes<'_, P> {
    type Out = i64;

    fn scalar(self) -> i64 {
        self.0.iter().zip(self.1).map(|(&a, &b)| P::scalar(a, b)).sum()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> i64 {
        let mut total = 0;
        let (mut a, mut b) = (self.0, self.1);
        while a.len() > EMPTIED {
            let (a_now, b_now);
            (a_now, a) = a.split_at(EMPTIED);
            (b_now, b) = b.split_at(EMPTIED);
            total += bytes::<P, W>(w, a_now, b_now);
        }
        total + bytes::<P, W>(w, a, b)
    }
}

/// Of at most [`EMPTIED`] bytes.
#[inline(always)]
fn bytes<P: BytePair, W: Wide>(w: W, a: &[u8], b: &[u8]) -> i64 {
    let short = a.len() <= SHORT;
    let [mut s0, mut s1, mut s2, mut s3] = [[w.zero(); 2]; 4];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<BYTES>(), b.as_chunks::<BYTES>());
    let ((a4, a), (b4, b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a4.iter().zip(b4) {
        s0 = P::step(w, s0, w.load_bytes(&a[0]), w.load_bytes(&b[0]));
        s1 = P::step(w, s1, w.load_bytes(&a[1]), w.load_bytes(&b[1]));
        s2 = P::step(w, s2, w.load_bytes(&a[2]), w.load_bytes(&b[2]));
        s3 = P::step(w, s3, w.load_bytes(&a[3]), w.load_bytes(&b[3]));
    }
    let mut rest = a.iter().zip(b);
    if let Some((a, b)) = rest.next() {
        s0 = P::step(w, s0, w.load_bytes(a), w.load_bytes(b));
    }
    if let Some((a, b)) = rest.next() {
        s1 = P::step(w, s1, w.load_bytes(a), w.load_bytes(b));
    }
    if let Some((a, b)) = rest.next() {
        s2 = P::step(w, s2, w.load_bytes(a), w.load_bytes(b));
    }
    if !a_tail.is_empty() {
        s3 = P::step(w, s3, w.load_bytes_part(a_tail), w.load_bytes_part(b_tail));
    }
    let sum = P::end(w, both(w, both(w, s0, s1), both(w, s2, s3)));
    if short { i64::from(w.sum_i32_short(sum)) } else { w.sum_i32(sum) }
}

#[inline(always)]
fn both<W: Wide>(w: W, a: [W::I; 2], b: [W::I; 2]) -> [W::I; 2] {
    [w.add_i32(a[0], b[0]), w.add_i32(a[1], b[1])]
}

/// Elements of one sum of the scalar level.
const STRIPE: usize = 256;
/// Bytes after which sums of 32 bits are emptied: each of their sixteen lanes has taken 4 · 255² from 4,096 blocks, below 2³¹.
const EMPTIED: usize = 4096 * BYTES;
/// Bytes of which the whole sum is below 2³¹: 255² from each.
const SHORT: usize = 33_025;
