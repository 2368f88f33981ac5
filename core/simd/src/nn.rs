//! Functions of neural networks over slices of f32, in place.
//!
//! | | error at every level | |
//! |---|---|---|
//! | `exp` | 2 ulp | 0 below -104, infinity above 88.73; denormal results rounded once more |
//! | `tanh` | 4 ulp | |
//! | `sigmoid`, `silu` | 5 ulp, and 3e-37 | |
//! | `gelu_tanh` | 3e-7 · (1 + \|x\|) | 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))): GPT-2's |
//! | `gelu` | 3e-7 · (1 + \|x\|) | 0.5·x·(1 + erf(x/√2)): PyTorch's default, BERT's |
//! | `softmax` | relative 1e-6 + 1e-7 · (m - xᵢ), up to 32,768 elements | m being the greatest |
//! | `rms_norm`, `layer_norm` | 2e-6 of the largest result | |
//!
//! What is not a number stays so. The scalar level goes to `libm`; the others share one algorithm, and those with fused products
//! (AVX2, AVX-512, NEON) give the same bits.
//!
//! Sources: Cephes (`expf`, `tanhf`; Moshier) for the reduction by two parts of ln 2 and the polynomials; Eigen's rational function for
//! erf (`generic_fast_erf_float`, MPL-2.0: the coefficients).

use crate::arith::{Squares, Sum};
use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide};

macro_rules! unary {
    ($(#[$doc:meta])* $name:ident, $op:ident, |$x:ident| $scalar:expr, |$w:ident, $v:ident| $wide:expr) => {
        $(#[$doc])*
        pub fn $name(level: Level, x: &mut [f32]) {
            level.run_floats(Each(x, $op));
        }

        #[derive(Clone, Copy)]
        struct $op;

        impl Unary for $op {
            #[inline(always)]
            fn scalar($x: f32) -> f32 {
                $scalar
            }
            #[inline(always)]
            fn wide<W: Wide>($w: W, $v: W::F) -> W::F {
                $wide
            }
        }
    };
}

unary! {
    /// eˣ.
    exp, Exp, |x| libm::expf(x), |w, x| wide_exp(w, x)
}
unary! {
    /// The hyperbolic tangent.
    tanh, Tanh, |x| libm::tanhf(x), |w, x| wide_tanh(w, x)
}
unary! {
    /// 1 / (1 + e⁻ˣ).
    sigmoid, Sigmoid, |x| 1.0 / (1.0 + libm::expf(-x)), |w, x| wide_sigmoid(w, x)
}
unary! {
    /// x / (1 + e⁻ˣ), also called swish.
    silu, Silu, |x| scalar_silu(x), |w, x| {
        // At minus infinity the quotient is 0, whose product would not be a number.
        let lowest = w.splat(f32::MIN);
        let x = w.max(lowest, x);
        w.mul(x, wide_sigmoid(w, x))
    }
}
unary! {
    /// The Gaussian error linear unit by erf.
    gelu, Gelu, |x| scalar_gelu(x, libm::erff(x * core::f32::consts::FRAC_1_SQRT_2)), |w, x| {
        let erf = wide_erf(w, w.mul(x, w.splat(core::f32::consts::FRAC_1_SQRT_2)));
        wide_gelu(w, x, erf)
    }
}
unary! {
    /// The Gaussian error linear unit by tanh, as GPT-2 has it.
    gelu_tanh, GeluTanh, |x| scalar_gelu(x, libm::tanhf(SQRT_2_BY_PI * (x + CUBIC * x * x * x))), |w, x| {
        let cubic = w.fma(w.mul(w.mul(x, x), x), w.splat(CUBIC), x);
        wide_gelu(w, x, wide_tanh(w, w.mul(cubic, w.splat(SQRT_2_BY_PI))))
    }
}

/// eˣ / Σ eˣ, of the differences from the greatest element.
///
/// A row without a number above minus infinity, and one with an infinity, becomes not a number, as in PyTorch;
/// [`softmax_masked`] is for rows of attention.
pub fn softmax(level: Level, x: &mut [f32]) {
    let greatest = crate::arith::max(level, x);
    softmax_below(level, x, greatest);
}

/// [`softmax`], but that a row whose every element is minus infinity becomes zeros: nothing to attend to.
pub fn softmax_masked(level: Level, x: &mut [f32]) {
    let greatest = crate::arith::max(level, x);
    if greatest == f32::NEG_INFINITY && !x.iter().any(|x| x.is_nan()) {
        x.fill(0.0);
        return;
    }
    softmax_below(level, x, greatest);
}

/// x becomes eˣ⁻ᶠ with f = `from`; returns the sum.
pub fn exp_sum(level: Level, x: &mut [f32], from: f32) -> f32 {
    level.run_floats(ExpSum(x, from))
}

fn softmax_below(level: Level, x: &mut [f32], greatest: f32) {
    let sum = exp_sum(level, x, greatest);
    crate::arith::scale(level, x, 1.0 / sum);
}

/// ln Σ eˣ; minus infinity of none.
///
/// x becomes eˣ⁻ᵐ, m being the greatest element.
pub fn log_sum_exp(level: Level, x: &mut [f32]) -> f32 {
    let greatest = crate::arith::max(level, x);
    if greatest == f32::NEG_INFINITY && !x.iter().any(|x| x.is_nan()) {
        x.fill(0.0);
        return greatest;
    }
    greatest + libm::logf(level.run_floats(ExpSum(x, greatest)))
}

/// `x · weight / √(mean of x² + epsilon)`; returns the factor 1 / √….
///
/// # Panics
///
/// The slices differ in length.
pub fn rms_norm(level: Level, x: &mut [f32], weight: &[f32], epsilon: f32) -> f32 {
    assert!(x.len() == weight.len(), "{} elements and {} weights", x.len(), weight.len());
    let squares = crate::arith::sum_squares(level, x);
    let by = 1.0 / crate::sqrt_f32(squares / x.len() as f32 + epsilon);
    level.run_floats(Weigh { x, by, weight });
    by
}

/// What [`layer_norm`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f32,
    /// 1 / √(variance + epsilon).
    pub factor: f32,
}

/// `(x - mean) / √(variance + epsilon) · weight + bias`.
///
/// # Panics
///
/// The slices differ in length.
pub fn layer_norm(level: Level, x: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) -> Moments {
    assert!(
        x.len() == weight.len() && x.len() == bias.len(),
        "{} elements, {} weights, {} biases",
        x.len(),
        weight.len(),
        bias.len()
    );
    let len = x.len() as f32;
    let mean = crate::arith::sum(level, x) / len;
    let squares = level.run_floats(Centre(&mut *x, mean));
    let factor = 1.0 / crate::sqrt_f32(squares / len + epsilon);
    level.run_floats(WeighAndShift { x, by: factor, weight, bias });
    Moments { mean, factor }
}

/// A function of one number.
pub(crate) trait Unary: Copy {
    fn scalar(x: f32) -> f32;
    fn wide<W: Wide>(w: W, x: W::F) -> W::F;
}

pub(crate) struct Each<'a, U: Unary>(pub &'a mut [f32], pub U);

impl<U: Unary> Kernel for Each<'_, U> {
    type Out = ();

    fn scalar(self) {
        self.0.iter_mut().for_each(|x| *x = U::scalar(*x));
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let (x, rest) = self.0.as_chunks_mut::<LANES>();
        for x in x {
            w.store(U::wide(w, w.load(x)), x);
        }
        if !rest.is_empty() {
            w.store_part(U::wide(w, w.load_part(rest)), rest);
        }
    }
}

fn scalar_silu(x: f32) -> f32 {
    let x = if x < f32::MIN { f32::MIN } else { x };
    x * (1.0 / (1.0 + libm::expf(-x)))
}

fn scalar_gelu(x: f32, s: f32) -> f32 {
    let x = if x < f32::MIN { f32::MIN } else { x };
    (0.5 * x) * (1.0 + s)
}

#[inline(always)]
fn wide_gelu<W: Wide>(w: W, x: W::F, s: W::F) -> W::F {
    let x = w.max(w.splat(f32::MIN), x);
    w.mul(w.mul(x, w.splat(0.5)), w.add(s, w.splat(1.0)))
}

/// x = n·ln 2 + r, |r| ≤ ½ ln 2; eˣ = 2ⁿ · (1 + r + r²·p(r)).
#[inline(always)]
pub(crate) fn wide_exp<W: Wide>(w: W, x: W::F) -> W::F {
    // The bounds come first: what is not a number is the second operand, and stays.
    let x = w.max(w.splat(-104.0), w.min(w.splat(89.0), x));
    let n = w.round(w.mul(x, w.splat(core::f32::consts::LOG2_E)));
    let r = w.fma(n, w.splat(-LN_2_HIGH), x);
    let r = w.fma(n, w.splat(-LN_2_LOW), r);
    let mut p = w.splat(EXP[0]);
    for &c in &EXP[1..] {
        p = w.fma(p, r, w.splat(c));
    }
    w.scale_2(w.add(w.fma(w.mul(r, r), p, r), w.splat(1.0)), n)
}

#[inline(always)]
pub(crate) fn wide_sigmoid<W: Wide>(w: W, x: W::F) -> W::F {
    let one = w.splat(1.0);
    w.div(one, w.add(one, wide_exp(w, w.sub(w.splat(0.0), x))))
}

/// Near zero an odd polynomial, elsewhere 1 - 2 / (e²ˣ + 1) with the sign of x.
#[inline(always)]
pub(crate) fn wide_tanh<W: Wide>(w: W, x: W::F) -> W::F {
    let sign_bit = w.splat_i32(i32::MIN);
    let bits = w.to_bits(x);
    let sign = w.and(bits, sign_bit);
    let size = w.bits_to_f32(w.xor(bits, sign));
    let z = w.mul(x, x);
    let mut p = w.splat(TANH[0]);
    for &c in &TANH[1..] {
        p = w.fma(p, z, w.splat(c));
    }
    let near = w.fma(w.mul(p, z), size, size);
    let far = w.add(wide_exp(w, w.add(size, size)), w.splat(1.0));
    let far = w.sub(w.splat(1.0), w.div(w.splat(2.0), far));
    let y = w.select_lt(size, w.splat(0.625), near, far);
    w.bits_to_f32(w.or(w.to_bits(y), sign))
}

/// x · p(x²) / q(x²) between -4 and 4; outside, where the last bit is 1's, the sign.
#[inline(always)]
pub(crate) fn wide_erf<W: Wide>(w: W, x: W::F) -> W::F {
    let bits = w.to_bits(x);
    let sign = w.and(bits, w.splat_i32(i32::MIN));
    let size = w.bits_to_f32(w.xor(bits, sign));
    let limit = w.splat(4.0);
    let near = w.min(limit, size);
    let z = w.mul(near, near);
    let (mut p, mut q) = (w.splat(ERF_P[0]), w.splat(ERF_Q[0]));
    for &c in &ERF_P[1..] {
        p = w.fma(p, z, w.splat(c));
    }
    for &c in &ERF_Q[1..] {
        q = w.fma(q, z, w.splat(c));
    }
    let y = w.select_lt(limit, size, w.splat(1.0), w.div(w.mul(near, p), q));
    w.bits_to_f32(w.or(w.to_bits(y), sign))
}

/// x becomes eˣ⁻ᵐ; the result is their sum.
struct ExpSum<'a>(&'a mut [f32], f32);

impl Kernel for ExpSum<'_> {
    type Out = f32;

    fn scalar(self) -> f32 {
        let mut sum = 0.0;
        for stripe in self.0.chunks_mut(256) {
            let mut part = 0.0;
            for x in stripe {
                *x = libm::expf(*x - self.1);
                part += *x;
            }
            sum += part;
        }
        sum
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> f32 {
        let greatest = w.splat(self.1);
        let [mut s0, mut s1] = [w.splat(0.0); 2];
        let (x, rest) = self.0.as_chunks_mut::<LANES>();
        let (x2, x) = x.as_chunks_mut::<2>();
        for [x, y] in x2 {
            let (a, b) = (wide_exp(w, w.sub(w.load(x), greatest)), wide_exp(w, w.sub(w.load(y), greatest)));
            w.store(a, x);
            w.store(b, y);
            (s0, s1) = (w.add(s0, a), w.add(s1, b));
        }
        for x in x {
            let a = wide_exp(w, w.sub(w.load(x), greatest));
            w.store(a, x);
            s0 = w.add(s0, a);
        }
        let mut sum = w.sum(w.add(s0, s1));
        if !rest.is_empty() {
            w.store_part(wide_exp(w, w.sub(w.load_part(rest), greatest)), rest);
            sum += rest.iter().sum::<f32>();
        }
        sum
    }
}

/// `x · by · weight`.
struct Weigh<'a> {
    x: &'a mut [f32],
    by: f32,
    weight: &'a [f32],
}

impl Kernel for Weigh<'_> {
    type Out = ();

    fn scalar(self) {
        for (x, weight) in self.x.iter_mut().zip(self.weight) {
            *x = (*x * self.by) * weight;
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let by = w.splat(self.by);
        let (x, x_rest) = self.x.as_chunks_mut::<LANES>();
        let (weight, weight_rest) = self.weight.as_chunks::<LANES>();
        for (x, weight) in x.iter_mut().zip(weight) {
            w.store(w.mul(w.mul(w.load(x), by), w.load(weight)), x);
        }
        w.store_part(w.mul(w.mul(w.load_part(x_rest), by), w.load_part(weight_rest)), x_rest);
    }
}

/// x becomes x - mean; the result is the sum of the squares.
struct Centre<'a>(&'a mut [f32], f32);

impl Kernel for Centre<'_> {
    type Out = f32;

    fn scalar(self) -> f32 {
        self.0.iter_mut().for_each(|x| *x -= self.1);
        Sum(&*self.0, Squares).scalar()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> f32 {
        let mean = w.splat(self.1);
        let (x, rest) = self.0.as_chunks_mut::<LANES>();
        for x in x {
            w.store(w.sub(w.load(x), mean), x);
        }
        w.store_part(w.sub(w.load_part(rest), mean), rest);
        Sum(&*self.0, Squares).wide(w)
    }
}

/// `x · by · weight + bias`.
struct WeighAndShift<'a> {
    x: &'a mut [f32],
    by: f32,
    weight: &'a [f32],
    bias: &'a [f32],
}

impl Kernel for WeighAndShift<'_> {
    type Out = ();

    fn scalar(self) {
        for ((x, weight), bias) in self.x.iter_mut().zip(self.weight).zip(self.bias) {
            *x = (*x * self.by) * weight + bias;
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let by = w.splat(self.by);
        let (x, x_rest) = self.x.as_chunks_mut::<LANES>();
        let ((weight, weight_rest), (bias, bias_rest)) =
            (self.weight.as_chunks::<LANES>(), self.bias.as_chunks::<LANES>());
        for ((x, weight), bias) in x.iter_mut().zip(weight).zip(bias) {
            w.store(w.fma(w.mul(w.load(x), by), w.load(weight), w.load(bias)), x);
        }
        let last = w.mul(w.load_part(x_rest), by);
        w.store_part(w.fma(last, w.load_part(weight_rest), w.load_part(bias_rest)), x_rest);
    }
}

/// ln 2 in two parts: the first has so few bits that its product with n is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
const TANH: [f32; 5] = [-5.704_989e-3, 0.020_639_09, -0.053_739_717, 0.133_314_42, -0.333_332_84];
const ERF_P: [f32; 7] = [
    -2.726_142_3e-10,
    2.770_681_4e-8,
    -2.101_024e-6,
    -5.692_506_4e-5,
    -7.349_906_3e-4,
    -0.002_954_6,
    -1.609_603_3e-2,
];
const ERF_Q: [f32; 5] = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
/// √(2/π).
pub(crate) const SQRT_2_BY_PI: f32 = 0.797_884_6;
pub(crate) const CUBIC: f32 = 0.044_715;
