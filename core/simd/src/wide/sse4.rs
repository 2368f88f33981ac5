//! Four XMM registers.

use core::arch::x86_64::*;

use super::{BYTES, Kernel, LANES, Wide};
use crate::half;

/// SSE4.2, SSSE3 and POPCNT.
#[derive(Clone, Copy)]
pub(crate) struct Sse4(());

/// Does the work with SSE4.2, SSSE3 and POPCNT.
#[target_feature(enable = "sse4.2,ssse3,popcnt")]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Out {
    kernel.wide(Sse4(()))
}

/// An instruction of the level, or one on the four registers of each argument.
macro_rules! on {
    ($instruction:expr) => {{
        // SAFETY: the instruction needs features of the level; `self` is the proof of them: only this module's function with those
        // features makes it. What it reads or writes through a pointer is within the array that the reference is to, at any
        // alignment.
        #[allow(unused_unsafe, reason = "SSE2 is part of the target, later sets are not")]
        unsafe {
            $instruction
        }
    }};
    ($instruction:expr; $($arg:expr),+) => {
        on!([
            $instruction($($arg[0]),+),
            $instruction($($arg[1]),+),
            $instruction($($arg[2]),+),
            $instruction($($arg[3]),+),
        ])
    };
}

impl Sse4 {
    #[inline(always)]
    fn load_4(self, x: &[f32; 4]) -> __m128 {
        on!(_mm_loadu_ps(x.as_ptr()))
    }

    #[inline(always)]
    fn load_quarter(self, x: &[u8; 16]) -> __m128i {
        on!(_mm_loadu_si128(x.as_ptr().cast()))
    }

    /// Set bits of each byte.
    #[inline(always)]
    fn counts(self, x: __m128i) -> __m128i {
        on!({
            let table = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
            let low = _mm_set1_epi8(15);
            _mm_add_epi8(
                _mm_shuffle_epi8(table, _mm_and_si128(x, low)),
                _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16::<4>(x), low)),
            )
        })
    }
}

impl Wide for Sse4 {
    type F = [__m128; 4];
    type I = [__m128i; 4];
    const MANY: bool = false;
    type Tile = crate::gemm::Registers<2, 1>;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [on!(_mm_set1_ps(x)); 4]
    }
    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::F {
        let (quarters, _) = x.as_chunks::<4>();
        [
            self.load_4(&quarters[0]),
            self.load_4(&quarters[1]),
            self.load_4(&quarters[2]),
            self.load_4(&quarters[3]),
        ]
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        on!({
            _mm_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm_storeu_ps(to.as_mut_ptr().add(4), x[1]);
            _mm_storeu_ps(to.as_mut_ptr().add(8), x[2]);
            _mm_storeu_ps(to.as_mut_ptr().add(12), x[3]);
        })
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm_add_ps; a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm_sub_ps; a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm_mul_ps; a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm_div_ps; a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm_min_ps; a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm_max_ps; a, b)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn select_lt(self, a: Self::F, b: Self::F, x: Self::F, y: Self::F) -> Self::F {
        let less = on!(_mm_cmplt_ps; a, b);
        on!(_mm_blendv_ps; y, x, less)
    }
    #[inline(always)]
    fn pair(self, low: f32, high: f32) -> Self::F {
        on!([_mm_set1_ps(low), _mm_set1_ps(low), _mm_set1_ps(high), _mm_set1_ps(high)])
    }
    #[inline(always)]
    fn lt_mask(self, a: Self::F, b: Self::F) -> u16 {
        let less = on!(_mm_cmplt_ps; a, b);
        let bits = on!(_mm_movemask_ps; less);
        (bits[0] | bits[1] << 4 | bits[2] << 8 | bits[3] << 12) as u16
    }
    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        on!({
            let x = _mm_add_ps(_mm_add_ps(x[0], x[2]), _mm_add_ps(x[1], x[3]));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        })
    }
    #[inline(always)]
    fn round(self, x: Self::F) -> Self::F {
        on!(_mm_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>; x)
    }
    #[inline(always)]
    fn to_i32(self, x: Self::F) -> Self::I {
        on!(_mm_cvtps_epi32; x)
    }
    #[inline(always)]
    fn i32_to_f32(self, x: Self::I) -> Self::F {
        on!(_mm_cvtepi32_ps; x)
    }
    #[inline(always)]
    fn to_bits(self, x: Self::F) -> Self::I {
        on!(_mm_castps_si128; x)
    }
    #[inline(always)]
    fn bits_to_f32(self, x: Self::I) -> Self::F {
        on!(_mm_castsi128_ps; x)
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; LANES]) -> Self::F {
        let mut wide = [0.0; LANES];
        for (to, &x) in wide.iter_mut().zip(x) {
            *to = half::f16_to_f32(x);
        }
        self.load(&wide)
    }
    #[inline(always)]
    fn store_f16(self, x: Self::F, to: &mut [u16; LANES]) {
        let mut wide = [0.0; LANES];
        self.store(x, &mut wide);
        for (to, &x) in to.iter_mut().zip(&wide) {
            *to = half::f32_to_f16(x);
        }
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; LANES]) -> Self::F {
        on!({
            let zero = _mm_setzero_si128();
            let low = _mm_loadu_si128(x.as_ptr().cast());
            let high = _mm_loadu_si128(x.as_ptr().add(8).cast());
            [
                _mm_castsi128_ps(_mm_unpacklo_epi16(zero, low)),
                _mm_castsi128_ps(_mm_unpackhi_epi16(zero, low)),
                _mm_castsi128_ps(_mm_unpacklo_epi16(zero, high)),
                _mm_castsi128_ps(_mm_unpackhi_epi16(zero, high)),
            ]
        })
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; LANES]) -> Self::F {
        let wide = on!({
            let x = _mm_loadu_si128(x.as_ptr().cast());
            [
                _mm_cvtepi8_epi32(x),
                _mm_cvtepi8_epi32(_mm_srli_si128::<4>(x)),
                _mm_cvtepi8_epi32(_mm_srli_si128::<8>(x)),
                _mm_cvtepi8_epi32(_mm_srli_si128::<12>(x)),
            ]
        });
        self.i32_to_f32(wide)
    }

    #[inline(always)]
    fn load_i16(self, x: &[u8; 32]) -> Self::F {
        let wide = on!({
            let (low, high) =
                (_mm_loadu_si128(x.as_ptr().cast()), _mm_loadu_si128(x.as_ptr().add(16).cast()));
            [
                _mm_cvtepi16_epi32(low),
                _mm_cvtepi16_epi32(_mm_srli_si128::<8>(low)),
                _mm_cvtepi16_epi32(high),
                _mm_cvtepi16_epi32(_mm_srli_si128::<8>(high)),
            ]
        });
        self.i32_to_f32(wide)
    }

    #[inline(always)]
    fn zero(self) -> Self::I {
        [on!(_mm_setzero_si128()); 4]
    }
    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I {
        [on!(_mm_set1_epi32(x)); 4]
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> Self::I {
        [on!(_mm_set1_epi8(x as i8)); 4]
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; BYTES]) -> Self::I {
        let (quarters, _) = x.as_chunks::<16>();
        [
            self.load_quarter(&quarters[0]),
            self.load_quarter(&quarters[1]),
            self.load_quarter(&quarters[2]),
            self.load_quarter(&quarters[3]),
        ]
    }
    #[inline(always)]
    fn store_bytes(self, x: Self::I, to: &mut [u8; BYTES]) {
        on!({
            _mm_storeu_si128(to.as_mut_ptr().cast(), x[0]);
            _mm_storeu_si128(to.as_mut_ptr().add(16).cast(), x[1]);
            _mm_storeu_si128(to.as_mut_ptr().add(32).cast(), x[2]);
            _mm_storeu_si128(to.as_mut_ptr().add(48).cast(), x[3]);
        })
    }
    #[inline(always)]
    fn join(self, low: &[u8; 32], high: &[u8; 32]) -> Self::I {
        let ((low, _), (high, _)) = (low.as_chunks::<16>(), high.as_chunks::<16>());
        [
            self.load_quarter(&low[0]),
            self.load_quarter(&low[1]),
            self.load_quarter(&high[0]),
            self.load_quarter(&high[1]),
        ]
    }
    #[inline(always)]
    fn nibbles_16(self, a: &[u8; 16], b: &[u8; 16]) -> Self::I {
        let (a, b) = (self.load_quarter(a), self.load_quarter(b));
        self.and(on!([a, _mm_srli_epi16::<4>(a), b, _mm_srli_epi16::<4>(b)]), self.splat_u8(15))
    }
    #[inline(always)]
    fn nibbles_32(self, x: &[u8; 32]) -> Self::I {
        let (x, _) = x.as_chunks::<16>();
        let (a, b) = (self.load_quarter(&x[0]), self.load_quarter(&x[1]));
        self.and(on!([a, b, _mm_srli_epi16::<4>(a), _mm_srli_epi16::<4>(b)]), self.splat_u8(15))
    }
    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_and_si128; a, b)
    }
    #[inline(always)]
    fn or(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_or_si128; a, b)
    }
    #[inline(always)]
    fn xor(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_xor_si128; a, b)
    }
    #[inline(always)]
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_add_epi32; a, b)
    }
    #[inline(always)]
    fn sub_i32(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_sub_epi32; a, b)
    }
    #[inline(always)]
    fn add_u16(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_add_epi16; a, b)
    }
    #[inline(always)]
    fn sub_u16(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_sub_epi16; a, b)
    }
    #[inline(always)]
    fn shl_i32<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm_slli_epi32::<N>; a)
    }
    #[inline(always)]
    fn shr_u32<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm_srli_epi32::<N>; a)
    }
    #[inline(always)]
    fn shl_u16<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm_slli_epi16::<N>; a)
    }
    #[inline(always)]
    fn shr_u16<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm_srli_epi16::<N>; a)
    }
    #[inline(always)]
    fn abs_diff_u8(self, a: Self::I, b: Self::I) -> Self::I {
        let (above, below) = (on!(_mm_subs_epu8; a, b), on!(_mm_subs_epu8; b, a));
        self.or(above, below)
    }
    #[inline(always)]
    fn sub_u8(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm_sub_epi8; a, b)
    }
    #[inline(always)]
    fn eq_u8_mask(self, a: Self::I, b: Self::I) -> u64 {
        let same = on!(_mm_cmpeq_epi8; a, b);
        let bits = on!(_mm_movemask_epi8; same);
        let bits = [bits[0] as u64, bits[1] as u64, bits[2] as u64, bits[3] as u64];
        bits[0] | bits[1] << 16 | bits[2] << 32 | bits[3] << 48
    }
    #[inline(always)]
    fn le_u8_mask(self, a: Self::I, b: Self::I) -> u64 {
        self.eq_u8_mask(on!(_mm_min_epu8; a, b), a)
    }
    #[inline(always)]
    fn lookup(self, table: Self::I, index: Self::I) -> Self::I {
        on!(_mm_shuffle_epi8; table, index)
    }
    #[inline(always)]
    fn fold_u16(self, a: Self::I, b: Self::I) -> Self::I {
        on!({
            let a = _mm_add_epi16(_mm_add_epi16(a[0], a[2]), _mm_add_epi16(a[1], a[3]));
            let b = _mm_add_epi16(_mm_add_epi16(b[0], b[2]), _mm_add_epi16(b[1], b[3]));
            let zero = _mm_setzero_si128();
            [
                _mm_unpacklo_epi16(a, zero),
                _mm_unpackhi_epi16(a, zero),
                _mm_unpacklo_epi16(b, zero),
                _mm_unpackhi_epi16(b, zero),
            ]
        })
    }
    #[inline(always)]
    fn sum_i32(self, x: Self::I) -> i64 {
        let low = on!(_mm_cvtepi32_epi64; x);
        let high = on!({
            [
                _mm_cvtepi32_epi64(_mm_srli_si128::<8>(x[0])),
                _mm_cvtepi32_epi64(_mm_srli_si128::<8>(x[1])),
                _mm_cvtepi32_epi64(_mm_srli_si128::<8>(x[2])),
                _mm_cvtepi32_epi64(_mm_srli_si128::<8>(x[3])),
            ]
        });
        let sums = on!(_mm_add_epi64; low, high);
        self.sum_u64(sums) as i64
    }
    #[inline(always)]
    fn sum_i32_short(self, x: Self::I) -> i32 {
        on!({
            let x = _mm_add_epi32(_mm_add_epi32(x[0], x[1]), _mm_add_epi32(x[2], x[3]));
            let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
            _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x)))
        })
    }
    #[inline(always)]
    fn sum_u64(self, x: Self::I) -> u64 {
        on!({
            let x = _mm_add_epi64(_mm_add_epi64(x[0], x[2]), _mm_add_epi64(x[1], x[3]));
            (_mm_cvtsi128_si64(x) as u64).wrapping_add(_mm_extract_epi64::<1>(x) as u64)
        })
    }

    #[inline(always)]
    fn dot_u8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2] {
        let low = [on!(_mm_set1_epi16(255)); 4];
        let (a_even, b_even) = (self.and(a, low), self.and(b, low));
        let (a_odd, b_odd) = (self.shr_u16::<8>(a), self.shr_u16::<8>(b));
        [
            self.add_i32(sum[0], on!(_mm_madd_epi16; a_even, b_even)),
            self.add_i32(sum[1], on!(_mm_madd_epi16; a_odd, b_odd)),
        ]
    }
    #[inline(always)]
    fn dot_u8_end(self, sum: [Self::I; 2]) -> Self::I {
        self.add_i32(sum[0], sum[1])
    }
    #[inline(always)]
    fn dot_i8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2] {
        let (a_up, b_up) = (self.shl_u16::<8>(a), self.shl_u16::<8>(b));
        let (a_even, b_even) = (on!(_mm_srai_epi16::<8>; a_up), on!(_mm_srai_epi16::<8>; b_up));
        let (a_odd, b_odd) = (on!(_mm_srai_epi16::<8>; a), on!(_mm_srai_epi16::<8>; b));
        [
            self.add_i32(sum[0], on!(_mm_madd_epi16; a_even, b_even)),
            self.add_i32(sum[1], on!(_mm_madd_epi16; a_odd, b_odd)),
        ]
    }
    #[inline(always)]
    fn dot_i8_end(self, sum: [Self::I; 2]) -> Self::I {
        self.add_i32(sum[0], sum[1])
    }
    #[inline(always)]
    fn dot_u7_i8(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let ones = [on!(_mm_set1_epi16(1)); 4];
        let pairs = on!(_mm_maddubs_epi16; a, b);
        self.add_i32(sum, on!(_mm_madd_epi16; pairs, ones))
    }
    #[inline(always)]
    fn ready(self, a: Self::I) -> Self::I {
        a
    }
    #[inline(always)]
    fn ready_sum(self, _: Self::I) -> Self::I {
        self.zero()
    }
    #[inline(always)]
    fn dot_ready(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        self.dot_i8_end(self.dot_i8([sum, self.zero()], a, b))
    }
    #[inline(always)]
    fn count_ones(self, sum: Self::I, x: Self::I) -> Self::I {
        let counts = [self.counts(x[0]), self.counts(x[1]), self.counts(x[2]), self.counts(x[3])];
        let zero = self.zero();
        let sums = on!(_mm_sad_epu8; counts, zero);
        on!(_mm_add_epi64; sum, sums)
    }
}
