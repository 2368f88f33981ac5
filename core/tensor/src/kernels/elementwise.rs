//! Functions of one element or two, copies, joins, dropout.

use dolmen_base::rng::Rng;
use dolmen_simd::level::Level;
use dolmen_simd::{arith, nn};

use super::{CHUNK, Source, Target, each};
use crate::context::Context;
use crate::op::{Binary, Unary};

/// `out = x`.
pub(crate) fn copy(context: &Context<'_>, x: Source<'_>, out: &mut [f32]) {
    each(context, out, &|begin, out| fill(x, begin, out));
}

pub(crate) fn copy_back(context: &Context<'_>, dy: &[f32], dx: Target<'_>) {
    dx.take(context, &|begin, d| d.copy_from_slice(&dy[begin..][..d.len()]));
}

pub(crate) fn unary(context: &Context<'_>, function: Unary, x: Source<'_>, out: &mut [f32]) {
    each(context, out, &|begin, out| {
        fill(x, begin, out);
        apply(context.level, function, out);
    });
}

/// `dx (+)= f'(x) · dy`, from x, or from the result of functions whose slope follows from it.
pub(crate) fn unary_back(
    context: &Context<'_>,
    function: Unary,
    known: Source<'_>,
    dy: &[f32],
    dx: Target<'_>,
) {
    dx.take(context, &|begin, d| {
        fill(known, begin, d);
        slope(context.level, function, d);
        arith::mul_assign(context.level, d, &dy[begin..][..d.len()]);
    });
}

pub(crate) fn affine_back(context: &Context<'_>, scale: f32, dy: &[f32], dx: Target<'_>) {
    dx.take(context, &|begin, d| {
        d.copy_from_slice(&dy[begin..][..d.len()]);
        arith::scale(context.level, d, scale);
    });
}

pub(crate) fn binary(context: &Context<'_>, function: Binary, a: Source<'_>, b: Source<'_>, out: &mut [f32]) {
    let level = context.level;
    each(context, out, &|begin, out| {
        let (mut left, mut right) = ([0.0; CHUNK], [0.0; CHUNK]);
        let a = a.chunk(begin, &mut left[..out.len()]);
        let b = b.chunk(begin, &mut right[..out.len()]);
        match function {
            Binary::Add => arith::add(level, a, b, out),
            Binary::Sub => arith::sub(level, a, b, out),
            Binary::Mul => arith::mul(level, a, b, out),
            Binary::Div => arith::div(level, a, b, out),
        }
    });
}

/// The gradient of the first input (`first`) or of the second.
pub(crate) fn binary_back(
    context: &Context<'_>,
    (function, first): (Binary, bool),
    [a, b]: [Source<'_>; 2],
    dy: &[f32],
    target: Target<'_>,
) {
    let level = context.level;
    target.take(context, &|begin, d| {
        let mut other = [0.0; CHUNK];
        d.copy_from_slice(&dy[begin..][..d.len()]);
        match (function, first) {
            (Binary::Add, _) | (Binary::Sub, true) => {}
            (Binary::Sub, false) => arith::scale(level, d, -1.0),
            (Binary::Mul, true) => arith::mul_assign(level, d, b.chunk(begin, &mut other[..d.len()])),
            (Binary::Mul, false) => arith::mul_assign(level, d, a.chunk(begin, &mut other[..d.len()])),
            (Binary::Div, true) => arith::div_assign(level, d, b.chunk(begin, &mut other[..d.len()])),
            (Binary::Div, false) => {
                arith::mul_assign(level, d, a.chunk(begin, &mut other[..d.len()]));
                let b = b.chunk(begin, &mut other[..d.len()]);
                d.iter_mut().zip(b).for_each(|(d, b)| *d = -*d / (b * b));
            }
        }
    });
}

/// Where a part stands in what parts are joined to: stretches of `len` from `offset` on, `total` apart.
#[derive(Clone, Copy)]
pub(crate) struct Joined {
    pub len: usize,
    pub offset: usize,
    pub total: usize,
}

impl Joined {
    /// Calls `each(at, place, len)` for stretches of the part's elements `begin..begin + len`.
    fn runs(self, begin: usize, len: usize, mut each: impl FnMut(usize, usize, usize)) {
        let mut at = 0;
        while at < len {
            let index = begin + at;
            let within = index % self.len;
            let run = (self.len - within).min(len - at);
            each(at, index / self.len * self.total + self.offset + within, run);
            at += run;
        }
    }
}

pub(crate) fn join(part: Source<'_>, joined: Joined, out: &mut [f32]) {
    let len = part.view.shape.elements();
    let mut buffer = [0.0; CHUNK];
    for begin in (0..len).step_by(CHUNK) {
        let values = part.chunk(begin, &mut buffer[..CHUNK.min(len - begin)]);
        joined.runs(begin, values.len(), |at, place, run| {
            out[place..][..run].copy_from_slice(&values[at..][..run]);
        });
    }
}

pub(crate) fn join_back(context: &Context<'_>, joined: Joined, dy: &[f32], dx: Target<'_>) {
    dx.take(context, &|begin, d| {
        joined.runs(begin, d.len(), |at, place, run| {
            d[at..][..run].copy_from_slice(&dy[place..][..run]);
        });
    });
}

/// Which elements stay, and what they are multiplied with.
#[derive(Clone, Copy)]
pub(crate) struct Dropout {
    pub rate: f32,
    /// Of the step and the operation.
    pub seed: u64,
}

impl Dropout {
    /// Multiplies elements `begin..` with 0 or 1 / (1 - rate). Draws belong to stretches of [`CHUNK`], so that it does not matter how
    /// the work is cut.
    pub fn apply(self, begin: usize, x: &mut [f32]) {
        let keep = 1.0 / (1.0 - self.rate);
        let bound = (f64::from(self.rate) * 4_294_967_296.0) as u32;
        let mut at = 0;
        while at < x.len() {
            let (stripe, skip) = ((begin + at) / CHUNK, (begin + at) % CHUNK);
            let mut draws = Rng::new(self.seed ^ (stripe as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            (0..skip).for_each(|_| {
                draws.next_u32();
            });
            let end = x.len().min(at + CHUNK - skip);
            for x in &mut x[at..end] {
                *x *= if draws.next_u32() < bound { 0.0 } else { keep };
            }
            at = end;
        }
    }
}

pub(crate) fn dropout(context: &Context<'_>, dropout: Dropout, x: Source<'_>, out: &mut [f32]) {
    each(context, out, &|begin, out| {
        fill(x, begin, out);
        dropout.apply(begin, out);
    });
}

pub(crate) fn dropout_back(context: &Context<'_>, dropout: Dropout, dy: &[f32], dx: Target<'_>) {
    dx.take(context, &|begin, d| {
        d.copy_from_slice(&dy[begin..][..d.len()]);
        dropout.apply(begin, d);
    });
}

fn fill(x: Source<'_>, begin: usize, out: &mut [f32]) {
    if x.view.dense() {
        out.copy_from_slice(&x.data[x.view.offset + begin..][..out.len()]);
    } else {
        x.view.gather(x.data, begin, out);
    }
}

/// The function, in place.
fn apply(level: Level, function: Unary, x: &mut [f32]) {
    match function {
        Unary::Relu => x.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
        Unary::Gelu => nn::gelu(level, x),
        Unary::GeluTanh => nn::gelu_tanh(level, x),
        Unary::Silu => nn::silu(level, x),
        Unary::Sigmoid => nn::sigmoid(level, x),
        Unary::Tanh => nn::tanh(level, x),
        Unary::Softplus => x.iter_mut().for_each(|x| *x = softplus(*x)),
        Unary::Elu { alpha } => {
            x.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { alpha * libm::expm1f(*x) });
        }
        Unary::LeakyRelu { slope } => x.iter_mut().for_each(|x| *x *= if *x > 0.0 { 1.0 } else { slope }),
        Unary::Mish => x.iter_mut().for_each(|x| *x *= libm::tanhf(softplus(*x))),
        Unary::Hardswish => x.iter_mut().for_each(|x| *x *= (*x + 3.0).clamp(0.0, 6.0) / 6.0),
        Unary::Exp => nn::exp(level, x),
        Unary::Log => x.iter_mut().for_each(|x| *x = libm::logf(*x)),
        Unary::Sqrt => x.iter_mut().for_each(|x| *x = libm::sqrtf(*x)),
        Unary::Square => x.iter_mut().for_each(|x| *x *= *x),
        Unary::Affine { scale, shift } => x.iter_mut().for_each(|x| *x = *x * scale + shift),
        Unary::Huber { delta } => x.iter_mut().for_each(|x| {
            let size = x.abs();
            *x = if size < delta { 0.5 * size * size } else { delta * (size - 0.5 * delta) };
        }),
    }
}

/// The slope at x (or at the result of [`Unary::by_result`]'s), in place.
fn slope(level: Level, function: Unary, x: &mut [f32]) {
    match function {
        Unary::Relu => x.iter_mut().for_each(|y| *y = if *y > 0.0 { 1.0 } else { 0.0 }),
        Unary::Gelu => dolmen_simd::slope::gelu(level, x),
        Unary::GeluTanh => dolmen_simd::slope::gelu_tanh(level, x),
        Unary::Silu => dolmen_simd::slope::silu(level, x),
        Unary::Sigmoid => x.iter_mut().for_each(|y| *y *= 1.0 - *y),
        Unary::Tanh => x.iter_mut().for_each(|y| *y = 1.0 - *y * *y),
        Unary::Softplus => nn::sigmoid(level, x),
        Unary::Elu { alpha } => {
            x.iter_mut().for_each(|x| *x = if *x > 0.0 { 1.0 } else { alpha * libm::expf(*x) });
        }
        Unary::LeakyRelu { slope } => x.iter_mut().for_each(|x| *x = if *x > 0.0 { 1.0 } else { slope }),
        Unary::Mish => x.iter_mut().for_each(|x| {
            let (t, s) = (libm::tanhf(softplus(*x)), 1.0 / (1.0 + libm::expf(-*x)));
            *x = t + *x * s * (1.0 - t * t);
        }),
        Unary::Hardswish => x.iter_mut().for_each(|x| {
            *x = match *x {
                x if x <= -3.0 => 0.0,
                x if x < 3.0 => x / 3.0 + 0.5,
                _ => 1.0,
            };
        }),
        Unary::Exp => {}
        Unary::Log => x.iter_mut().for_each(|x| *x = 1.0 / *x),
        Unary::Sqrt => x.iter_mut().for_each(|y| *y = 0.5 / *y),
        Unary::Square => x.iter_mut().for_each(|x| *x *= 2.0),
        Unary::Affine { scale, .. } => x.fill(scale),
        Unary::Huber { delta } => x.iter_mut().for_each(|x| *x = x.clamp(-delta, delta)),
    }
}

fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { libm::log1pf(libm::expf(x)) }
}
