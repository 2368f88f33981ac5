//! Sixteen lanes, whatever the registers: what kernels are written in.
//!
//! A [`Wide`] value of 64 bytes is one ZMM register, two YMM, four XMM or four of NEON's. A kernel is written once over it; the
//! compiler makes one function for each set of registers. Three things follow:
//!
//! * input is cut into arrays of 16 floats or 64 bytes, so that a load cannot reach beyond its slice and needs no check;
//! * every level adds in the same order: integers agree bit for bit, and floats do wherever the same operations round (AVX2, AVX-512
//!   and NEON have fused multiplication and addition, SSE4 has not);
//! * `unsafe` stands in the four implementations, behind their tokens, and nowhere in a kernel.
//!
//! Every method and every function that takes a `Wide` is `#[inline(always)]`: the instructions become those of the level only inside
//! the function with the level's features, which [`Level::run`] calls.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub(crate) mod neon;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod sse4;

use crate::half;
use crate::level::{Kind, Level};

/// Floats of one value.
pub(crate) const LANES: usize = 16;
/// Bytes of one value.
pub(crate) const BYTES: usize = 64;

/// Work that a level does: in the readable way, and in sixteen lanes.
pub(crate) trait Kernel: Sized {
    type Out;

    /// The judge.
    fn scalar(self) -> Self::Out;

    /// The same, sixteen lanes at a time; must be `#[inline(always)]`.
    fn wide<W: Wide>(self, w: W) -> Self::Out;
}

impl Level {
    /// Does the work with this level's registers.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Out {
        match self.0 {
            Kind::Scalar => kernel.scalar(),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs what `Features::sse4` names, and `Level` makes `Kind::Sse4` only where it, or a level that
            // includes it, was found.
            Kind::Sse4 => unsafe { sse4::run(kernel) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs what `Features::avx2_f16c` names, and `Level` makes `Kind::Avx2` only where it was found.
            Kind::Avx2 => unsafe { avx2::run(kernel) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs what `Features::avx2_f16c` and `Features::avx512` name, and `Level` makes both kinds only
            // where both were found.
            Kind::Avx512 => unsafe { avx512::run(kernel) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: as above, and `Features::avx512_integers`, which `Level::best` has asked for.
            Kind::Avx512Integers => unsafe { avx512::run_integers(kernel) },
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Kind::Neon => neon::run(kernel),
        }
    }

    /// [`Level::run`] for work on floats alone, which the later instructions of AVX-512 do not help.
    #[inline(always)]
    pub(crate) fn run_floats<K: Kernel>(self, kernel: K) -> K::Out {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        if self.0 == Kind::Avx512Integers {
            return Level(Kind::Avx512).run_older(kernel);
        }
        self.run_older(kernel)
    }

    /// The levels but the last of AVX-512.
    #[inline(always)]
    fn run_older<K: Kernel>(self, kernel: K) -> K::Out {
        match self.0 {
            Kind::Scalar => kernel.scalar(),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: as in `run`.
            Kind::Sse4 => unsafe { sse4::run(kernel) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: as in `run`.
            Kind::Avx2 => unsafe { avx2::run(kernel) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: as in `run`; a level with the later instructions has the earlier ones.
            Kind::Avx512 | Kind::Avx512Integers => unsafe { avx512::run(kernel) },
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Kind::Neon => neon::run(kernel),
        }
    }
}

/// Sixteen lanes of f32, or 64 bytes of integers. A value of the implementing type is the proof that the CPU has the instructions.
///
/// Lane `j` of an `i32` result of byte products is the sum of the products at bytes `4j..4j + 4`, at every level.
pub(crate) trait Wide: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// 64 bytes of integers.
    type I: Copy;
    /// Whether there are 32 registers of this width or wider: room for more sums side by side.
    const MANY: bool;
    /// A tile of a matrix product.
    type Tile: crate::gemm::Shape;

    // Floats.
    fn splat(self, x: f32) -> Self::F;
    fn load(self, x: &[f32; LANES]) -> Self::F;
    /// The first lanes from a slice of at most sixteen, the others zero.
    #[inline(always)]
    fn load_part(self, x: &[f32]) -> Self::F {
        self.load(&filled(x))
    }
    fn store(self, x: Self::F, to: &mut [f32; LANES]);
    /// As many lanes as the slice has, which are at most sixteen.
    #[inline(always)]
    fn store_part(self, x: Self::F, to: &mut [f32]) {
        let mut whole = [0.0; LANES];
        self.store(x, &mut whole);
        to.copy_from_slice(&whole[..to.len()]);
    }
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// The lesser of each lane; `b` where `a` is not a number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The greater of each lane; `b` where `a` is not a number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once but at SSE4.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `x` where `a < b`, else `y` (where either is not a number).
    fn select_lt(self, a: Self::F, b: Self::F, x: Self::F, y: Self::F) -> Self::F;
    /// Eight lanes of `low`, eight of `high`.
    fn pair(self, low: f32, high: f32) -> Self::F;
    /// Lane `i` is that of `x` at `from[i]`, which is below sixteen.
    #[inline(always)]
    fn permute(self, x: Self::F, from: &[i32; LANES]) -> Self::F {
        let (mut lanes, mut to) = ([0.0; LANES], [0.0; LANES]);
        self.store(x, &mut lanes);
        for (to, &from) in to.iter_mut().zip(from) {
            *to = lanes[from as usize & (LANES - 1)];
        }
        self.load(&to)
    }
    /// Bit `i` is set where lane `i` of `a` is less than that of `b`.
    fn lt_mask(self, a: Self::F, b: Self::F) -> u16;
    /// The sum of all lanes: lanes 8 apart, then 4, 2 and 1.
    fn sum(self, x: Self::F) -> f32;
    /// To the nearest integer, halves to the even one; the value must be within i32.
    fn round(self, x: Self::F) -> Self::F;
    /// `x · 2ⁿ`, rounded once; n is a whole number within -252..=254, or not a number with x.
    #[inline(always)]
    fn scale_2(self, x: Self::F, n: Self::F) -> Self::F {
        // In two factors, so that neither end of the range is lost. Half of n is rounded down, for n + 256 is above zero.
        let (n, bias) = (self.to_i32(n), self.splat_i32(127));
        let half = self.shr_u32::<1>(self.add_i32(n, self.splat_i32(256)));
        let half = self.sub_i32(half, self.splat_i32(128));
        let other = self.sub_i32(n, half);
        let half = self.bits_to_f32(self.shl_i32::<23>(self.add_i32(half, bias)));
        let other = self.bits_to_f32(self.shl_i32::<23>(self.add_i32(other, bias)));
        self.mul(self.mul(x, half), other)
    }
    /// To the nearest integer, halves to the even one; the value must be within i32.
    fn to_i32(self, x: Self::F) -> Self::I;
    fn i32_to_f32(self, x: Self::I) -> Self::F;
    fn to_bits(self, x: Self::F) -> Self::I;
    fn bits_to_f32(self, x: Self::I) -> Self::F;
    /// Sixteen half floats.
    fn load_f16(self, x: &[u16; LANES]) -> Self::F;
    /// To the nearest half float, halves to the even one.
    fn store_f16(self, x: Self::F, to: &mut [u16; LANES]);
    /// To the nearest integers, halves to the even one, no less than 0 and no more than 255.
    #[inline(always)]
    fn store_u8(self, x: Self::F, to: &mut [u8; LANES]) {
        let mut whole = [0; BYTES];
        self.store_bytes(self.to_i32(self.max(self.splat(0.0), self.min(self.splat(255.0), x))), &mut whole);
        for (to, whole) in to.iter_mut().zip(whole.as_chunks::<4>().0) {
            *to = whole[0];
        }
    }
    /// Sixteen bf16.
    fn load_bf16(self, x: &[u16; LANES]) -> Self::F;
    /// Sixteen i8 as floats.
    fn load_i8(self, x: &[i8; LANES]) -> Self::F;

    /// Sixteen i8, the first in the lowest bits, as floats.
    #[inline(always)]
    fn bytes_to_f32(self, low: u64, high: u64) -> Self::F {
        let both = u128::from(low) | u128::from(high) << 64;
        self.load_i8(&both.to_le_bytes().map(|byte| byte as i8))
    }
    /// Sixteen i16, little-endian, as floats.
    fn load_i16(self, x: &[u8; 32]) -> Self::F;
    /// The half floats of the lower and of the upper sixteen bits.
    #[inline(always)]
    fn two_f16(self, bits: u32) -> [f32; 2] {
        [half::f16_to_f32(bits as u16), half::f16_to_f32((bits >> 16) as u16)]
    }

    // Integers.
    fn zero(self) -> Self::I;
    fn splat_i32(self, x: i32) -> Self::I;
    fn splat_u8(self, x: u8) -> Self::I;
    fn load_bytes(self, x: &[u8; BYTES]) -> Self::I;
    /// A slice of at most 64 bytes, and zeros.
    #[inline(always)]
    fn load_bytes_part(self, x: &[u8]) -> Self::I {
        self.load_bytes(&filled(x))
    }
    fn store_bytes(self, x: Self::I, to: &mut [u8; BYTES]);
    /// 32 bytes and 32 bytes.
    fn join(self, low: &[u8; 32], high: &[u8; 32]) -> Self::I;
    /// The low nibbles of `a`, its high nibbles, those of `b`.
    fn nibbles_16(self, a: &[u8; 16], b: &[u8; 16]) -> Self::I;
    /// The low nibbles, the high nibbles.
    fn nibbles_32(self, x: &[u8; 32]) -> Self::I;
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    fn xor(self, a: Self::I, b: Self::I) -> Self::I;
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I;
    fn sub_i32(self, a: Self::I, b: Self::I) -> Self::I;
    fn shl_i32<const N: i32>(self, a: Self::I) -> Self::I;
    /// Zeros come in.
    fn shr_u32<const N: i32>(self, a: Self::I) -> Self::I;
    fn add_u16(self, a: Self::I, b: Self::I) -> Self::I;
    fn sub_u16(self, a: Self::I, b: Self::I) -> Self::I;
    fn shl_u16<const N: i32>(self, a: Self::I) -> Self::I;
    fn shr_u16<const N: i32>(self, a: Self::I) -> Self::I;
    /// |a - b| of unsigned bytes.
    fn abs_diff_u8(self, a: Self::I, b: Self::I) -> Self::I;
    /// a - b of each byte, modulo 256.
    fn sub_u8(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bit `i` is set where byte `i` of both is the same.
    fn eq_u8_mask(self, a: Self::I, b: Self::I) -> u64;
    /// Bit `i` is set where byte `i` of `a`, as an unsigned number, is at most that of `b`.
    fn le_u8_mask(self, a: Self::I, b: Self::I) -> u64;
    /// Byte `i` of each group of 16 becomes the byte of the table's group at the index `i`, which is below 16.
    fn lookup(self, table: Self::I, index: Self::I) -> Self::I;
    /// The four groups of eight u16 of each, added up without a carry, as sixteen u32: `a`'s, then `b`'s.
    fn fold_u16(self, a: Self::I, b: Self::I) -> Self::I;
    /// The sum of all lanes as i32, none lost.
    fn sum_i32(self, x: Self::I) -> i64;
    /// The sum of all lanes as i32, which it must not leave.
    fn sum_i32_short(self, x: Self::I) -> i32;
    /// The sum of all lanes as u64.
    fn sum_u64(self, x: Self::I) -> u64;

    // Byte products.
    /// Adds products of unsigned bytes to the two parts of a sum, which [`Wide::dot_u8_end`] joins.
    fn dot_u8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2];
    fn dot_u8_end(self, sum: [Self::I; 2]) -> Self::I;
    /// Adds products of signed bytes, likewise.
    fn dot_i8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2];
    fn dot_i8_end(self, sum: [Self::I; 2]) -> Self::I;
    /// Adds products of bytes below 128 with signed ones.
    fn dot_u7_i8(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Signed bytes in the form that [`Wide::dot_ready`] takes.
    fn ready(self, a: Self::I) -> Self::I;
    /// The sum that products with these signed bytes begin with.
    fn ready_sum(self, b: Self::I) -> Self::I;
    /// Adds products of signed bytes, the first made ready, to a sum that began with the second's.
    fn dot_ready(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Adds the numbers of set bits to 64-bit lanes.
    fn count_ones(self, sum: Self::I, x: Self::I) -> Self::I;
}

/// The slice, which is no longer than the array, and zeros.
#[inline(always)]
pub(crate) fn filled<T: Copy + Default, const N: usize>(x: &[T]) -> [T; N] {
    let mut whole = [T::default(); N];
    whole[..x.len()].copy_from_slice(x);
    whole
}

/// [`Wide::sum`] of lanes in memory, for scalar forms whose bits are those of the others.
pub(crate) fn sum_lanes(x: [f32; LANES]) -> f32 {
    let mut x = x;
    for half in [8, 4, 2, 1] {
        for at in 0..half {
            x[at] += x[at + half];
        }
    }
    x[0]
}
