//! Slopes of activation functions over slices of f32, in place: what training multiplies gradients with.
//!
//! | | error at every level |
//! |---|---|
//! | `gelu` | 6e-7 |
//! | `gelu_tanh` | 2e-6 |
//! | `silu` | 1e-6 |
//!
//! The slopes lie within -0.13 and 1.13. At minus infinity they are 0, at infinity 1; what is not a number stays so. The scalar level goes
//! to `libm`; the others share one algorithm, and those with fused products give the same bits.

use crate::level::Level;
use crate::nn::{CUBIC, Each, SQRT_2_BY_PI, Unary, wide_erf, wide_exp, wide_sigmoid, wide_tanh};
use crate::wide::Wide;

/// Φ(x) + x·φ(x): of the Gaussian error linear unit by erf.
pub fn gelu(level: Level, x: &mut [f32]) {
    level.run_floats(Each(x, Gelu));
}

/// Of the Gaussian error linear unit by tanh.
pub fn gelu_tanh(level: Level, x: &mut [f32]) {
    level.run_floats(Each(x, GeluTanh));
}

/// σ(x)·(1 + x·(1 - σ(x))): of x·σ(x).
pub fn silu(level: Level, x: &mut [f32]) {
    level.run_floats(Each(x, Silu));
}

#[derive(Clone, Copy)]
struct Gelu;

impl Unary for Gelu {
    fn scalar(x: f32) -> f32 {
        let x = clamp(x);
        let erf = libm::erff(x * core::f32::consts::FRAC_1_SQRT_2);
        0.5 * (1.0 + erf) + x * INVERSE_SQRT_2_PI * libm::expf(-0.5 * x * x)
    }

    #[inline(always)]
    fn wide<W: Wide>(w: W, x: W::F) -> W::F {
        let x = wide_clamp(w, x);
        let erf = wide_erf(w, w.mul(x, w.splat(core::f32::consts::FRAC_1_SQRT_2)));
        let bell = wide_exp(w, w.mul(w.mul(x, x), w.splat(-0.5)));
        let below = w.mul(w.add(erf, w.splat(1.0)), w.splat(0.5));
        w.fma(w.mul(x, w.splat(INVERSE_SQRT_2_PI)), bell, below)
    }
}

#[derive(Clone, Copy)]
struct GeluTanh;

impl Unary for GeluTanh {
    fn scalar(x: f32) -> f32 {
        let x = clamp(x);
        let t = libm::tanhf(SQRT_2_BY_PI * (x + CUBIC * x * x * x));
        let inner = SQRT_2_BY_PI * (1.0 + 3.0 * CUBIC * x * x);
        0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
    }

    #[inline(always)]
    fn wide<W: Wide>(w: W, x: W::F) -> W::F {
        let (x, one, half) = (wide_clamp(w, x), w.splat(1.0), w.splat(0.5));
        let square = w.mul(x, x);
        let cubic = w.fma(w.mul(square, x), w.splat(CUBIC), x);
        let t = wide_tanh(w, w.mul(cubic, w.splat(SQRT_2_BY_PI)));
        let inner = w.fma(square, w.splat(3.0 * CUBIC * SQRT_2_BY_PI), w.splat(SQRT_2_BY_PI));
        let bell = w.mul(w.sub(one, w.mul(t, t)), inner);
        w.mul(half, w.fma(w.mul(x, bell), one, w.add(one, t)))
    }
}

#[derive(Clone, Copy)]
struct Silu;

impl Unary for Silu {
    fn scalar(x: f32) -> f32 {
        let x = clamp(x);
        let s = 1.0 / (1.0 + libm::expf(-x));
        s * (1.0 + x * (1.0 - s))
    }

    #[inline(always)]
    fn wide<W: Wide>(w: W, x: W::F) -> W::F {
        let (x, one) = (wide_clamp(w, x), w.splat(1.0));
        let s = wide_sigmoid(w, x);
        w.mul(s, w.fma(x, w.sub(one, s), one))
    }
}

/// Beyond it every slope is 0 or 1 to the last bit, and no product overflows.
const FAR: f32 = 100.0;
/// 1/√(2π).
const INVERSE_SQRT_2_PI: f32 = 0.398_942_3;

fn clamp(x: f32) -> f32 {
    x.clamp(-FAR, FAR)
}

#[inline(always)]
fn wide_clamp<W: Wide>(w: W, x: W::F) -> W::F {
    // What is not a number is the second operand, and stays.
    w.max(w.splat(-FAR), w.min(w.splat(FAR), x))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    type Judge = fn(f64) -> f64;
    type Slope = fn(Level, &mut [f32]);

    fn judges() -> [(Slope, Judge, f64); 3] {
        let gelu_by_erf: Judge = |x| {
            let bell = libm::exp(-0.5 * x * x) / libm::sqrt(2.0 * core::f64::consts::PI);
            0.5 * (1.0 + libm::erf(x / core::f64::consts::SQRT_2)) + x * bell
        };
        let gelu_by_tanh: Judge = |x| {
            let by = libm::sqrt(2.0 / core::f64::consts::PI);
            let t = libm::tanh(by * (x + 0.044715 * x * x * x));
            0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * by * (1.0 + 3.0 * 0.044715 * x * x)
        };
        let swish: Judge = |x| {
            let s = 1.0 / (1.0 + libm::exp(-x));
            s * (1.0 + x * (1.0 - s))
        };
        [(gelu, gelu_by_erf, 6e-7), (gelu_tanh, gelu_by_tanh, 2e-6), (silu, swish, 1e-6)]
    }

    #[test]
    fn every_level_is_within_its_bound() {
        let (step, bits) = if cfg!(miri) { (997, 100_000_007) } else { (1, 1_000_003) };
        let mut inputs: Vec<f32> = (-40_000..=40_000).step_by(step).map(|i| i as f32 * 5e-4).collect();
        // Of every size, denormals among them.
        inputs.extend((0..=u32::MAX).step_by(bits).map(f32::from_bits).filter(|x| x.is_finite()));
        for (nth, (function, judge, bound)) in judges().into_iter().enumerate() {
            for level in Level::each() {
                let mut found = inputs.clone();
                function(level, &mut found);
                for (x, y) in inputs.iter().zip(&found) {
                    let wanted = judge(f64::from(*x));
                    let error = (f64::from(*y) - wanted).abs();
                    assert!(error <= bound, "function {nth} at {x}, {level}: {y}, not {wanted}");
                }
            }
        }
    }

    #[test]
    fn the_ends_are_zero_and_one_and_no_number_stays() {
        for (nth, (function, ..)) in judges().into_iter().enumerate() {
            for level in Level::each() {
                let mut x = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -1e30, 1e30];
                function(level, &mut x);
                assert!(x[0].abs() < 1e-12 && x[1] == 1.0 && x[2].is_nan(), "function {nth}, {level}: {x:?}");
                assert!(x[3].abs() < 1e-12 && x[4] == 1.0, "function {nth}, {level}: {x:?}");
            }
        }
    }
}
