//! Element by element over slices of f32, and what a slice comes to.
//!
//! `add`, `sub`, `mul`, `div` and `scale` round once an element and are equal at all levels. `axpy` is fused where the level has it.
//! `sum` and `sum_squares` add 64 sums side by side: within `2e-6 · Σ|xᵢ|` (`Σ xᵢ²`) up to 65,536 elements.
//! `min` and `max` pass over what is not a number, and do not say which of two zeros they found.

use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide};

macro_rules! binary {
    ($(#[$doc:meta])* $name:ident, $in_place:ident, $op:ident, $step:ident, $sign:tt) => {
        $(#[$doc])*
        ///
        /// # Panics
        ///
        /// The slices differ in length.
        pub fn $name(level: Level, a: &[f32], b: &[f32], out: &mut [f32]) {
            same_len(a.len(), out.len());
            same_len(b.len(), out.len());
            level.run_floats(Binary { a, b, out, op: $op });
        }

        #[doc = concat!("[`", stringify!($name), "`] with the result in place of `a`.")]
        ///
        /// # Panics
        ///
        /// The slices differ in length.
        pub fn $in_place(level: Level, a: &mut [f32], b: &[f32]) {
            same_len(a.len(), b.len());
            level.run_floats(InPlace { a, b, op: $op });
        }

        #[derive(Clone, Copy)]
        struct $op;

        impl Op for $op {
            #[inline(always)]
            fn scalar(self, a: f32, b: f32) -> f32 {
                a $sign b
            }
            #[inline(always)]
            fn step<W: Wide>(self, w: W, a: W::F, b: W::F) -> W::F {
                w.$step(a, b)
            }
        }
    };
}

binary! {
    /// `out = a + b`.
    add, add_assign, Add, add, +
}
binary! {
    /// `out = a - b`.
    sub, sub_assign, Sub, sub, -
}
binary! {
    /// `out = a · b`.
    mul, mul_assign, Mul, mul, *
}
binary! {
    /// `out = a / b`.
    div, div_assign, Div, div, /
}

/// `x = by · x`.
pub fn scale(level: Level, x: &mut [f32], by: f32) {
    level.run_floats(Scale(x, by));
}

/// `y = a · x + y`.
///
/// # Panics
///
/// The slices differ in length.
pub fn axpy(level: Level, a: f32, x: &[f32], y: &mut [f32]) {
    same_len(x.len(), y.len());
    level.run_floats(InPlace { a: y, b: x, op: Axpy(a) });
}

/// Σ xᵢ.
pub fn sum(level: Level, x: &[f32]) -> f32 {
    level.run_floats(Sum(x, Plain))
}

/// Σ xᵢ².
pub fn sum_squares(level: Level, x: &[f32]) -> f32 {
    level.run_floats(Sum(x, Squares))
}

/// The least number; infinity where there is none.
pub fn min(level: Level, x: &[f32]) -> f32 {
    level.run_floats(Fold(x, Least))
}

/// The greatest number; minus infinity where there is none.
pub fn max(level: Level, x: &[f32]) -> f32 {
    level.run_floats(Fold(x, Greatest))
}

/// The place of the greatest number, the first of several; `None` where there is no number.
pub fn argmax(level: Level, x: &[f32]) -> Option<usize> {
    place(x, max(level, x))
}

/// The place of the least number, the first of several; `None` where there is no number.
pub fn argmin(level: Level, x: &[f32]) -> Option<usize> {
    place(x, min(level, x))
}

#[inline(always)]
fn same_len(a: usize, b: usize) {
    assert!(a == b, "slices of one length, but one has {a} elements and another {b}");
}

/// In stripes that are compared as a whole, without a branch an element.
fn place(x: &[f32], wanted: f32) -> Option<usize> {
    const STRIPE: usize = 64;
    let holds = |stripe: &[f32]| stripe.iter().fold(false, |found, &x| found | (x == wanted));
    let at = x.chunks(STRIPE).position(holds)? * STRIPE;
    Some(at + x[at..].iter().position(|&x| x == wanted)?)
}

/// What becomes of two elements.
trait Op: Copy {
    fn scalar(self, a: f32, b: f32) -> f32;
    fn step<W: Wide>(self, w: W, a: W::F, b: W::F) -> W::F;
}

#[derive(Clone, Copy)]
struct Axpy(f32);

impl Op for Axpy {
    #[inline(always)]
    fn scalar(self, y: f32, x: f32) -> f32 {
        self.0 * x + y
    }
    #[inline(always)]
    fn step<W: Wide>(self, w: W, y: W::F, x: W::F) -> W::F {
        w.fma(w.splat(self.0), x, y)
    }
}

struct Binary<'a, O: Op> {
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
    op: O,
}

impl<O: Op> Kernel for Binary<'_, O> {
    type Out = ();

    fn scalar(self) {
        for ((out, &a), &b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *out = self.op.scalar(a, b);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let ((a, a_rest), (b, b_rest)) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            w.store(self.op.step(w, w.load(a), w.load(b)), out);
        }
        if !out_rest.is_empty() {
            w.store_part(self.op.step(w, w.load_part(a_rest), w.load_part(b_rest)), out_rest);
        }
    }
}

struct InPlace<'a, O: Op> {
    a: &'a mut [f32],
    b: &'a [f32],
    op: O,
}

impl<O: Op> Kernel for InPlace<'_, O> {
    type Out = ();

    fn scalar(self) {
        for (a, &b) in self.a.iter_mut().zip(self.b) {
            *a = self.op.scalar(*a, b);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let ((a, a_rest), (b, b_rest)) = (self.a.as_chunks_mut::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.iter_mut().zip(b) {
            w.store(self.op.step(w, w.load(a), w.load(b)), a);
        }
        if !a_rest.is_empty() {
            w.store_part(self.op.step(w, w.load_part(a_rest), w.load_part(b_rest)), a_rest);
        }
    }
}

struct Scale<'a>(&'a mut [f32], f32);

impl Kernel for Scale<'_> {
    type Out = ();

    fn scalar(self) {
        self.0.iter_mut().for_each(|x| *x *= self.1);
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let by = w.splat(self.1);
        let (x, rest) = self.0.as_chunks_mut::<LANES>();
        for x in x {
            w.store(w.mul(w.load(x), by), x);
        }
        w.store_part(w.mul(w.load_part(rest), by), rest);
    }
}

/// What an element adds.
pub(crate) trait Term: Copy {
    fn scalar(x: f32) -> f32;
    fn step<W: Wide>(w: W, sum: W::F, x: W::F) -> W::F;
}

#[derive(Clone, Copy)]
struct Plain;
#[derive(Clone, Copy)]
pub(crate) struct Squares;

impl Term for Plain {
    #[inline(always)]
    fn scalar(x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn step<W: Wide>(w: W, sum: W::F, x: W::F) -> W::F {
        w.add(sum, x)
    }
}

impl Term for Squares {
    #[inline(always)]
    fn scalar(x: f32) -> f32 {
        x * x
    }
    #[inline(always)]
    fn step<W: Wide>(w: W, sum: W::F, x: W::F) -> W::F {
        w.fma(x, x, sum)
    }
}

pub(crate) struct Sum<'a, T: Term>(pub &'a [f32], pub T);

impl<T: Term> Kernel for Sum<'_, T> {
    type Out = f32;

    /// In stripes, so that the error grows with their length only.
    fn scalar(self) -> f32 {
        self.0.chunks(256).map(|stripe| stripe.iter().map(|&x| T::scalar(x)).sum::<f32>()).sum()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> f32 {
        let [mut s0, mut s1, mut s2, mut s3] = [w.splat(0.0); 4];
        let (x, tail) = self.0.as_chunks::<LANES>();
        let (x4, rest) = x.as_chunks::<4>();
        for x in x4 {
            s0 = T::step(w, s0, w.load(&x[0]));
            s1 = T::step(w, s1, w.load(&x[1]));
            s2 = T::step(w, s2, w.load(&x[2]));
            s3 = T::step(w, s3, w.load(&x[3]));
        }
        for x in rest {
            s0 = T::step(w, s0, w.load(x));
        }
        s1 = T::step(w, s1, w.load_part(tail));
        w.sum(w.add(w.add(s0, s1), w.add(s2, s3)))
    }
}

/// What is kept of two elements.
trait Choice: Copy {
    const NONE: f32;
    fn scalar(kept: f32, x: f32) -> f32;
    /// `kept` where `x` is not a number.
    fn step<W: Wide>(w: W, kept: W::F, x: W::F) -> W::F;
}

#[derive(Clone, Copy)]
struct Least;
#[derive(Clone, Copy)]
struct Greatest;

impl Choice for Least {
    const NONE: f32 = f32::INFINITY;
    #[inline(always)]
    fn scalar(kept: f32, x: f32) -> f32 {
        if x < kept { x } else { kept }
    }
    #[inline(always)]
    fn step<W: Wide>(w: W, kept: W::F, x: W::F) -> W::F {
        w.min(x, kept)
    }
}

impl Choice for Greatest {
    const NONE: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn scalar(kept: f32, x: f32) -> f32 {
        if x > kept { x } else { kept }
    }
    #[inline(always)]
    fn step<W: Wide>(w: W, kept: W::F, x: W::F) -> W::F {
        w.max(x, kept)
    }
}

struct Fold<'a, C: Choice>(&'a [f32], C);

impl<C: Choice> Kernel for Fold<'_, C> {
    type Out = f32;

    fn scalar(self) -> f32 {
        self.0.iter().fold(C::NONE, |kept, &x| C::scalar(kept, x))
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> f32 {
        let [mut k0, mut k1] = [w.splat(C::NONE); 2];
        let (x, tail) = self.0.as_chunks::<LANES>();
        let (x2, rest) = x.as_chunks::<2>();
        for x in x2 {
            k0 = C::step(w, k0, w.load(&x[0]));
            k1 = C::step(w, k1, w.load(&x[1]));
        }
        for x in rest {
            k0 = C::step(w, k0, w.load(x));
        }
        let mut kept = [C::NONE; LANES];
        w.store(C::step(w, k0, k1), &mut kept);
        kept.iter().chain(tail).fold(C::NONE, |kept, &x| C::scalar(kept, x))
    }
}
