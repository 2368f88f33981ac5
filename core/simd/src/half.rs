//! Half floats and bf16, both kept as `u16`: conversions, rounded to the nearest with halves to the even one.
//!
//! | | sign | exponent | fraction | largest | least above zero |
//! |---|---|---|---|---|---|
//! | f16 (IEEE 754 binary16) | 1 | 5 | 10 | 65504 | 2⁻²⁴ |
//! | bf16 (the upper half of f32) | 1 | 8 | 7 | 3.39·10³⁸ | 2⁻¹³³ |
//!
//! What is not a number stays so, with the upper bits of its payload and the quiet bit set. All levels give the same bits.
//!
//! Sources: IEEE 754-2019, 3.6 and 4.3.1; Intel 64 and IA-32 Architectures Software Developer's Manual, VCVTPS2PH.

use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide, filled};

/// The float that a half float is; exact.
#[inline]
pub const fn f16_to_f32(x: u16) -> f32 {
    let sign = (x as u32 & 0x8000) << 16;
    let (exponent, fraction) = (x as u32 >> 10 & 0x1f, x as u32 & 0x3ff);
    let magnitude = match exponent {
        0 => {
            // fraction · 2^-24, which f32 has as a normal number: by a product of two exact ones.
            return f32::from_bits((fraction as f32 * TWO_TO_MINUS_24).to_bits() | sign);
        }
        0x1f if fraction == 0 => 0x7f80_0000,
        0x1f => 0x7fc0_0000 | fraction << 13,
        _ => (exponent + (127 - 15)) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The nearest half float, of two the even one; from 65520 on infinity.
#[inline]
pub const fn f32_to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let (sign, magnitude) = ((bits >> 16 & 0x8000) as u16, bits & 0x7fff_ffff);
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00 | (magnitude >> 13 & 0x3ff) as u16;
    }
    if magnitude >= OVERFLOW {
        return sign | 0x7c00;
    }
    if magnitude < LEAST_NORMAL {
        // Adding 0.5, whose last place is worth 2^-24, rounds to a multiple of the least half float.
        let rounded = (f32::from_bits(magnitude) + 0.5).to_bits();
        return sign | (rounded - 0x3f00_0000) as u16;
    }
    let odd = magnitude >> 13 & 1;
    sign | ((magnitude - ((127 - 15) << 23) + 0xfff + odd) >> 13) as u16
}

/// The float that a bf16 is; exact.
#[inline]
pub const fn bf16_to_f32(x: u16) -> f32 {
    f32::from_bits((x as u32) << 16)
}

/// The nearest bf16, of two the even one.
#[inline]
pub const fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if bits & 0x7fff_ffff > 0x7f80_0000 {
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// [`f16_to_f32`] of each.
///
/// # Panics
///
/// The slices differ in length.
pub fn f16s_to_f32s(level: Level, from: &[u16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many half floats as floats");
    level.run_floats(Widen::<F16>(from, to, F16));
}

/// [`bf16_to_f32`] of each.
///
/// # Panics
///
/// The slices differ in length.
pub fn bf16s_to_f32s(level: Level, from: &[u16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many bf16 as floats");
    level.run_floats(Widen::<Bf16>(from, to, Bf16));
}

/// [`f32_to_f16`] of each.
///
/// # Panics
///
/// The slices differ in length.
pub fn f32s_to_f16s(level: Level, from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len(), "as many floats as half floats");
    level.run_floats(ToF16(from, to));
}

/// [`f32_to_bf16`] of each.
///
/// # Panics
///
/// The slices differ in length.
pub fn f32s_to_bf16s(level: Level, from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len(), "as many floats as bf16");
    // Integer arithmetic without a branch: the compiler's own vectors do, once the function has the level's registers.
    level.run_floats(ToBf16(from, to));
}

/// How numbers are stored that kernels take as floats.
pub(crate) trait Stored: Copy {
    type Bits: Copy + Default;
    fn value(bits: Self::Bits) -> f32;
    fn load<W: Wide>(w: W, x: &[Self::Bits; LANES]) -> W::F;
    #[inline(always)]
    fn load_part<W: Wide>(w: W, x: &[Self::Bits]) -> W::F {
        Self::load(w, &filled(x))
    }
}

#[derive(Clone, Copy)]
pub(crate) struct F32;
#[derive(Clone, Copy)]
pub(crate) struct F16;
#[derive(Clone, Copy)]
pub(crate) struct Bf16;

impl Stored for F32 {
    type Bits = f32;
    #[inline(always)]
    fn value(bits: f32) -> f32 {
        bits
    }
    #[inline(always)]
    fn load<W: Wide>(w: W, x: &[f32; LANES]) -> W::F {
        w.load(x)
    }
    #[inline(always)]
    fn load_part<W: Wide>(w: W, x: &[f32]) -> W::F {
        w.load_part(x)
    }
}

impl Stored for F16 {
    type Bits = u16;
    #[inline(always)]
    fn value(bits: u16) -> f32 {
        f16_to_f32(bits)
    }
    #[inline(always)]
    fn load<W: Wide>(w: W, x: &[u16; LANES]) -> W::F {
        w.load_f16(x)
    }
}

impl Stored for Bf16 {
    type Bits = u16;
    #[inline(always)]
    fn value(bits: u16) -> f32 {
        bf16_to_f32(bits)
    }
    #[inline(always)]
    fn load<W: Wide>(w: W, x: &[u16; LANES]) -> W::F {
        w.load_bf16(x)
    }
}

struct Widen<'a, S: Stored>(&'a [S::Bits], &'a mut [f32], S);

impl<S: Stored> Kernel for Widen<'_, S> {
    type Out = ();

    fn scalar(self) {
        for (to, &x) in self.1.iter_mut().zip(self.0) {
            *to = S::value(x);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let (from, from_rest) = self.0.as_chunks::<LANES>();
        let (to, to_rest) = self.1.as_chunks_mut::<LANES>();
        for (from, to) in from.iter().zip(to) {
            w.store(S::load(w, from), to);
        }
        w.store_part(S::load_part(w, from_rest), to_rest);
    }
}

struct ToF16<'a>(&'a [f32], &'a mut [u16]);

impl Kernel for ToF16<'_> {
    type Out = ();

    fn scalar(self) {
        for (to, &x) in self.1.iter_mut().zip(self.0) {
            *to = f32_to_f16(x);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        let (from, from_rest) = self.0.as_chunks::<LANES>();
        let (to, to_rest) = self.1.as_chunks_mut::<LANES>();
        for (from, to) in from.iter().zip(to) {
            w.store_f16(w.load(from), to);
        }
        let mut last = [0; LANES];
        w.store_f16(w.load_part(from_rest), &mut last);
        to_rest.copy_from_slice(&last[..to_rest.len()]);
    }
}

struct ToBf16<'a>(&'a [f32], &'a mut [u16]);

impl Kernel for ToBf16<'_> {
    type Out = ();

    #[inline(always)]
    fn scalar(self) {
        for (to, &x) in self.1.iter_mut().zip(self.0) {
            *to = f32_to_bf16(x);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, _: W) {
        self.scalar();
    }
}

const TWO_TO_MINUS_24: f32 = 1.0 / (1 << 24) as f32;
/// 65520, halfway between the largest half float and the next that there would be.
const OVERFLOW: u32 = 0x477f_f000;
/// 2^-14.
const LEAST_NORMAL: u32 = 0x3880_0000;
