//! Two YMM registers.

use core::arch::x86_64::*;

use super::{BYTES, Kernel, LANES, Wide};

/// AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Does the work with AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c,popcnt,sse4.2")]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Out {
    kernel.wide(Avx2(()))
}

/// An instruction of the level, or one on both registers of each argument.
macro_rules! on {
    ($instruction:expr) => {{
        // SAFETY: the instruction needs features of the level; `self` is the proof of them: only this module's function with those
        // features makes it. What it reads or writes through a pointer is within the array that the reference is to, at any
        // alignment.
        unsafe { $instruction }
    }};
    ($instruction:expr; $($arg:expr),+) => {
        on!([$instruction($($arg[0]),+), $instruction($($arg[1]),+)])
    };
}

impl Avx2 {
    /// Bytes 0 and 2 of each four, sign-extended, and bytes 1 and 3.
    #[inline(always)]
    fn widen_i8(self, x: __m256i) -> [__m256i; 2] {
        on!([_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x)), _mm256_srai_epi16::<8>(x)])
    }

    /// The masks of the first lanes of sixteen.
    #[inline(always)]
    fn first_lanes(self, len: usize) -> [__m256i; 2] {
        on!({
            let (len, lanes) = (_mm256_set1_epi32(len as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
            [
                _mm256_cmpgt_epi32(len, lanes),
                _mm256_cmpgt_epi32(len, _mm256_add_epi32(lanes, _mm256_set1_epi32(8))),
            ]
        })
    }

    /// Set bits of each byte.
    #[inline(always)]
    fn counts(self, x: __m256i) -> __m256i {
        on!({
            let table =
                _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
            let low = _mm256_set1_epi8(15);
            _mm256_add_epi8(
                _mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(x), low)),
            )
        })
    }
}

impl Wide for Avx2 {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    const MANY: bool = false;
    type Tile = crate::gemm::Registers<6, 1>;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [on!(_mm256_set1_ps(x)); 2]
    }
    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::F {
        on!([_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))])
    }
    #[inline(always)]
    fn load_part(self, x: &[f32]) -> Self::F {
        let [low, high] = self.first_lanes(x.len());
        let x = x.as_ptr();
        // The second address may be behind the slice, where the mask reads nothing.
        on!([_mm256_maskload_ps(x, low), _mm256_maskload_ps(x.wrapping_add(8), high)])
    }
    #[inline(always)]
    fn store_part(self, x: Self::F, to: &mut [f32]) {
        let [low, high] = self.first_lanes(to.len());
        let to = to.as_mut_ptr();
        // As above.
        on!({
            _mm256_maskstore_ps(to, low, x[0]);
            _mm256_maskstore_ps(to.wrapping_add(8), high, x[1]);
        })
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        on!({
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        })
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm256_add_ps; a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm256_sub_ps; a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm256_mul_ps; a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm256_div_ps; a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm256_min_ps; a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        on!(_mm256_max_ps; a, b)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        on!(_mm256_fmadd_ps; a, b, c)
    }
    #[inline(always)]
    fn select_lt(self, a: Self::F, b: Self::F, x: Self::F, y: Self::F) -> Self::F {
        let less = on!(_mm256_cmp_ps::<_CMP_LT_OQ>; a, b);
        on!(_mm256_blendv_ps; y, x, less)
    }
    #[inline(always)]
    fn pair(self, low: f32, high: f32) -> Self::F {
        on!([_mm256_set1_ps(low), _mm256_set1_ps(high)])
    }
    #[inline(always)]
    fn permute(self, x: Self::F, from: &[i32; LANES]) -> Self::F {
        let from =
            on!([_mm256_loadu_si256(from.as_ptr().cast()), _mm256_loadu_si256(from.as_ptr().add(8).cast()),]);
        // Only the low three bits count; the fourth moves to the sign, which chooses the half.
        let upper = on!(_mm256_slli_epi32::<28>; from);
        on!([
            _mm256_blendv_ps(
                _mm256_permutevar8x32_ps(x[0], from[0]),
                _mm256_permutevar8x32_ps(x[1], from[0]),
                _mm256_castsi256_ps(upper[0])
            ),
            _mm256_blendv_ps(
                _mm256_permutevar8x32_ps(x[0], from[1]),
                _mm256_permutevar8x32_ps(x[1], from[1]),
                _mm256_castsi256_ps(upper[1])
            ),
        ])
    }
    #[inline(always)]
    fn lt_mask(self, a: Self::F, b: Self::F) -> u16 {
        let less = on!(_mm256_cmp_ps::<_CMP_LT_OQ>; a, b);
        let bits = on!(_mm256_movemask_ps; less);
        (bits[0] | bits[1] << 8) as u16
    }
    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        on!({
            let x = _mm256_add_ps(x[0], x[1]);
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        })
    }
    #[inline(always)]
    fn round(self, x: Self::F) -> Self::F {
        on!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>; x)
    }
    #[inline(always)]
    fn to_i32(self, x: Self::F) -> Self::I {
        on!(_mm256_cvtps_epi32; x)
    }
    #[inline(always)]
    fn i32_to_f32(self, x: Self::I) -> Self::F {
        on!(_mm256_cvtepi32_ps; x)
    }
    #[inline(always)]
    fn to_bits(self, x: Self::F) -> Self::I {
        on!(_mm256_castps_si256; x)
    }
    #[inline(always)]
    fn bits_to_f32(self, x: Self::I) -> Self::F {
        on!(_mm256_castsi256_ps; x)
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; LANES]) -> Self::F {
        on!([
            _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().cast())),
            _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().add(8).cast())),
        ])
    }
    #[inline(always)]
    fn store_f16(self, x: Self::F, to: &mut [u16; LANES]) {
        on!({
            const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm256_cvtps_ph::<NEAREST>(x[0]));
            _mm_storeu_si128(to.as_mut_ptr().add(8).cast(), _mm256_cvtps_ph::<NEAREST>(x[1]));
        })
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; LANES]) -> Self::F {
        let wide = on!([
            _mm256_cvtepu16_epi32(_mm_loadu_si128(x.as_ptr().cast())),
            _mm256_cvtepu16_epi32(_mm_loadu_si128(x.as_ptr().add(8).cast())),
        ]);
        self.bits_to_f32(on!(_mm256_slli_epi32::<16>; wide))
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; LANES]) -> Self::F {
        self.i32_to_f32(on!([
            _mm256_cvtepi8_epi32(_mm_loadl_epi64(x.as_ptr().cast())),
            _mm256_cvtepi8_epi32(_mm_loadl_epi64(x.as_ptr().add(8).cast())),
        ]))
    }

    #[inline(always)]
    fn bytes_to_f32(self, low: u64, high: u64) -> Self::F {
        self.i32_to_f32(on!([
            _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(low as i64)),
            _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(high as i64)),
        ]))
    }
    #[inline(always)]
    fn load_i16(self, x: &[u8; 32]) -> Self::F {
        self.i32_to_f32(on!([
            _mm256_cvtepi16_epi32(_mm_loadu_si128(x.as_ptr().cast())),
            _mm256_cvtepi16_epi32(_mm_loadu_si128(x.as_ptr().add(16).cast())),
        ]))
    }
    #[inline(always)]
    fn two_f16(self, bits: u32) -> [f32; 2] {
        on!({
            let both = _mm_cvtph_ps(_mm_cvtsi32_si128(bits as i32));
            [_mm_cvtss_f32(both), _mm_cvtss_f32(_mm_movehdup_ps(both))]
        })
    }

    #[inline(always)]
    fn zero(self) -> Self::I {
        [on!(_mm256_setzero_si256()); 2]
    }
    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I {
        [on!(_mm256_set1_epi32(x)); 2]
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> Self::I {
        [on!(_mm256_set1_epi8(x as i8)); 2]
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; BYTES]) -> Self::I {
        on!([_mm256_loadu_si256(x.as_ptr().cast()), _mm256_loadu_si256(x.as_ptr().add(32).cast())])
    }
    #[inline(always)]
    fn store_bytes(self, x: Self::I, to: &mut [u8; BYTES]) {
        on!({
            _mm256_storeu_si256(to.as_mut_ptr().cast(), x[0]);
            _mm256_storeu_si256(to.as_mut_ptr().add(32).cast(), x[1]);
        })
    }
    #[inline(always)]
    fn join(self, low: &[u8; 32], high: &[u8; 32]) -> Self::I {
        on!([_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())])
    }
    #[inline(always)]
    fn nibbles_16(self, a: &[u8; 16], b: &[u8; 16]) -> Self::I {
        let both = on!([_mm_loadu_si128(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast())]);
        let shifted = on!(_mm_srli_epi16::<4>; both);
        let low = [on!(_mm256_set1_epi8(15)); 2];
        self.and(on!(_mm256_set_m128i; shifted, both), low)
    }
    #[inline(always)]
    fn nibbles_32(self, x: &[u8; 32]) -> Self::I {
        let x = on!(_mm256_loadu_si256(x.as_ptr().cast()));
        let low = [on!(_mm256_set1_epi8(15)); 2];
        self.and(on!([x, _mm256_srli_epi16::<4>(x)]), low)
    }
    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_and_si256; a, b)
    }
    #[inline(always)]
    fn or(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_or_si256; a, b)
    }
    #[inline(always)]
    fn xor(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_xor_si256; a, b)
    }
    #[inline(always)]
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_add_epi32; a, b)
    }
    #[inline(always)]
    fn sub_i32(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_sub_epi32; a, b)
    }
    #[inline(always)]
    fn shl_i32<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm256_slli_epi32::<N>; a)
    }
    #[inline(always)]
    fn shr_u32<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm256_srli_epi32::<N>; a)
    }
    #[inline(always)]
    fn add_u16(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_add_epi16; a, b)
    }
    #[inline(always)]
    fn sub_u16(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_sub_epi16; a, b)
    }
    #[inline(always)]
    fn shl_u16<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm256_slli_epi16::<N>; a)
    }
    #[inline(always)]
    fn shr_u16<const N: i32>(self, a: Self::I) -> Self::I {
        on!(_mm256_srli_epi16::<N>; a)
    }
    #[inline(always)]
    fn abs_diff_u8(self, a: Self::I, b: Self::I) -> Self::I {
        let (above, below) = (on!(_mm256_subs_epu8; a, b), on!(_mm256_subs_epu8; b, a));
        self.or(above, below)
    }
    #[inline(always)]
    fn sub_u8(self, a: Self::I, b: Self::I) -> Self::I {
        on!(_mm256_sub_epi8; a, b)
    }
    #[inline(always)]
    fn eq_u8_mask(self, a: Self::I, b: Self::I) -> u64 {
        let same = on!(_mm256_cmpeq_epi8; a, b);
        let bits = on!(_mm256_movemask_epi8; same);
        u64::from(bits[0] as u32) | u64::from(bits[1] as u32) << 32
    }
    #[inline(always)]
    fn le_u8_mask(self, a: Self::I, b: Self::I) -> u64 {
        self.eq_u8_mask(on!(_mm256_min_epu8; a, b), a)
    }
    #[inline(always)]
    fn lookup(self, table: Self::I, index: Self::I) -> Self::I {
        on!(_mm256_shuffle_epi8; table, index)
    }
    #[inline(always)]
    fn fold_u16(self, a: Self::I, b: Self::I) -> Self::I {
        on!({
            let (a, b) = (_mm256_add_epi16(a[0], a[1]), _mm256_add_epi16(b[0], b[1]));
            [
                _mm256_cvtepu16_epi32(_mm_add_epi16(
                    _mm256_castsi256_si128(a),
                    _mm256_extracti128_si256::<1>(a),
                )),
                _mm256_cvtepu16_epi32(_mm_add_epi16(
                    _mm256_castsi256_si128(b),
                    _mm256_extracti128_si256::<1>(b),
                )),
            ]
        })
    }
    #[inline(always)]
    fn sum_i32(self, x: Self::I) -> i64 {
        let wide = on!({
            let low = _mm256_add_epi64(
                _mm256_cvtepi32_epi64(_mm256_castsi256_si128(x[0])),
                _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(x[0])),
            );
            let high = _mm256_add_epi64(
                _mm256_cvtepi32_epi64(_mm256_castsi256_si128(x[1])),
                _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(x[1])),
            );
            [low, high]
        });
        self.sum_u64(wide) as i64
    }
    #[inline(always)]
    fn sum_i32_short(self, x: Self::I) -> i32 {
        on!({
            let x = _mm256_add_epi32(x[0], x[1]);
            let x = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
            _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x)))
        })
    }
    #[inline(always)]
    fn sum_u64(self, x: Self::I) -> u64 {
        on!({
            let x = _mm256_add_epi64(x[0], x[1]);
            let x = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            (_mm_cvtsi128_si64(x) as u64).wrapping_add(_mm_extract_epi64::<1>(x) as u64)
        })
    }

    #[inline(always)]
    fn dot_u8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2] {
        let low = [on!(_mm256_set1_epi16(255)); 2];
        let (a_even, b_even) = (self.and(a, low), self.and(b, low));
        let (a_odd, b_odd) = (self.shr_u16::<8>(a), self.shr_u16::<8>(b));
        [
            self.add_i32(sum[0], on!(_mm256_madd_epi16; a_even, b_even)),
            self.add_i32(sum[1], on!(_mm256_madd_epi16; a_odd, b_odd)),
        ]
    }
    #[inline(always)]
    fn dot_u8_end(self, sum: [Self::I; 2]) -> Self::I {
        self.add_i32(sum[0], sum[1])
    }
    #[inline(always)]
    fn dot_i8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2] {
        let (a, b) = ([self.widen_i8(a[0]), self.widen_i8(a[1])], [self.widen_i8(b[0]), self.widen_i8(b[1])]);
        let even = on!([_mm256_madd_epi16(a[0][0], b[0][0]), _mm256_madd_epi16(a[1][0], b[1][0])]);
        let odd = on!([_mm256_madd_epi16(a[0][1], b[0][1]), _mm256_madd_epi16(a[1][1], b[1][1])]);
        [self.add_i32(sum[0], even), self.add_i32(sum[1], odd)]
    }
    #[inline(always)]
    fn dot_i8_end(self, sum: [Self::I; 2]) -> Self::I {
        self.add_i32(sum[0], sum[1])
    }
    #[inline(always)]
    fn dot_u7_i8(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let ones = [on!(_mm256_set1_epi16(1)); 2];
        let pairs = on!(_mm256_maddubs_epi16; a, b);
        self.add_i32(sum, on!(_mm256_madd_epi16; pairs, ones))
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
        let counts = [self.counts(x[0]), self.counts(x[1])];
        let zero = self.zero();
        let sums = on!(_mm256_sad_epu8; counts, zero);
        on!(_mm256_add_epi64; sum, sums)
    }
}
