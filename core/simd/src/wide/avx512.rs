//! One ZMM register.

use core::arch::x86_64::*;

use super::{BYTES, Kernel, LANES, Wide};

/// AVX-512 F, BW, DQ and VL; with `INTEGERS` also VNNI, VPOPCNTDQ and VBMI.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const INTEGERS: bool>(());

/// Does the work with F, BW, DQ and VL.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,popcnt,sse4.2")]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Out {
    kernel.wide(Avx512::<false>(()))
}

/// Does the work with VNNI, VPOPCNTDQ and VBMI as well.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,popcnt,sse4.2")]
#[target_feature(enable = "avx512vnni,avx512vpopcntdq,avx512vbmi")]
pub(crate) fn run_integers<K: Kernel>(kernel: K) -> K::Out {
    kernel.wide(Avx512::<true>(()))
}

/// An instruction of the level.
macro_rules! on {
    ($instruction:expr) => {{
        // SAFETY: the instruction needs features of the level; `self` is the proof of them: only this module's functions with those
        // features make it. What it reads or writes through a pointer is the array of its size that the reference is to, at any
        // alignment.
        unsafe { $instruction }
    }};
}

/// The mask of the first lanes of sixteen.
#[inline(always)]
fn first_lanes(len: usize) -> u16 {
    ((1u32 << len) - 1) as u16
}

/// The dot product of bf16 by BF16's sums of two products, which take denormals for zero and round to even.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(crate) fn dot_bf16(a: &[u16], b: &[u16]) -> f32 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn load(x: &[u16; 32]) -> __m512bh {
        // SAFETY: the instruction reads the 64 bytes of the array at any alignment; the type is any 64 bytes.
        unsafe { core::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(x.as_ptr().cast())) }
    }
    let zero = _mm512_setzero_ps();
    let [mut s0, mut s1, mut s2, mut s3] = [zero; 4];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let ((a4, a), (b4, b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a4.iter().zip(b4) {
        s0 = _mm512_dpbf16_ps(s0, load(&a[0]), load(&b[0]));
        s1 = _mm512_dpbf16_ps(s1, load(&a[1]), load(&b[1]));
        s2 = _mm512_dpbf16_ps(s2, load(&a[2]), load(&b[2]));
        s3 = _mm512_dpbf16_ps(s3, load(&a[3]), load(&b[3]));
    }
    let mut rest = a.iter().zip(b);
    if let Some((a, b)) = rest.next() {
        s0 = _mm512_dpbf16_ps(s0, load(a), load(b));
    }
    if let Some((a, b)) = rest.next() {
        s1 = _mm512_dpbf16_ps(s1, load(a), load(b));
    }
    if let Some((a, b)) = rest.next() {
        s2 = _mm512_dpbf16_ps(s2, load(a), load(b));
    }
    if !a_tail.is_empty() {
        s3 = _mm512_dpbf16_ps(s3, load(&super::filled(a_tail)), load(&super::filled(b_tail)));
    }
    _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)))
}

impl<const INTEGERS: bool> Avx512<INTEGERS> {
    /// Bytes 0 and 2 of each four, sign-extended, and bytes 1 and 3.
    #[inline(always)]
    fn widen_i8(self, x: __m512i) -> [__m512i; 2] {
        on!([_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(x)), _mm512_srai_epi16::<8>(x)])
    }
}

impl<const INTEGERS: bool> Wide for Avx512<INTEGERS> {
    type F = __m512;
    type I = __m512i;
    const MANY: bool = true;
    type Tile = crate::gemm::Registers<12, 2>;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        on!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> __m512 {
        on!(_mm512_loadu_ps(x.as_ptr()))
    }
    #[inline(always)]
    fn load_part(self, x: &[f32]) -> __m512 {
        let mask = first_lanes(x.len().min(LANES));
        // SAFETY: as `on!` has it; of the lanes behind the slice none is read, since their mask bits are clear.
        unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr()) }
    }
    #[inline(always)]
    fn store_part(self, x: __m512, to: &mut [f32]) {
        let mask = first_lanes(to.len().min(LANES));
        // SAFETY: as `on!` has it; of the lanes behind the slice none is written, since their mask bits are clear.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask, x) }
    }
    #[inline(always)]
    fn store(self, x: __m512, to: &mut [f32; LANES]) {
        on!(_mm512_storeu_ps(to.as_mut_ptr(), x))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        on!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        on!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        on!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        on!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        on!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        on!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        on!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn select_lt(self, a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
        on!(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x))
    }
    #[inline(always)]
    fn pair(self, low: f32, high: f32) -> __m512 {
        on!(_mm512_insertf32x8::<1>(_mm512_set1_ps(low), _mm256_set1_ps(high)))
    }
    #[inline(always)]
    fn permute(self, x: __m512, from: &[i32; LANES]) -> __m512 {
        on!(_mm512_permutexvar_ps(_mm512_loadu_si512(from.as_ptr().cast()), x))
    }
    #[inline(always)]
    fn lt_mask(self, a: __m512, b: __m512) -> u16 {
        on!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn sum(self, x: __m512) -> f32 {
        on!({
            let x = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        })
    }
    #[inline(always)]
    fn round(self, x: __m512) -> __m512 {
        on!(_mm512_roundscale_ps::<_MM_FROUND_TO_NEAREST_INT>(x))
    }
    #[inline(always)]
    fn scale_2(self, x: __m512, n: __m512) -> __m512 {
        on!(_mm512_scalef_ps(x, n))
    }
    #[inline(always)]
    fn to_i32(self, x: __m512) -> __m512i {
        on!(_mm512_cvtps_epi32(x))
    }
    #[inline(always)]
    fn i32_to_f32(self, x: __m512i) -> __m512 {
        on!(_mm512_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn to_bits(self, x: __m512) -> __m512i {
        on!(_mm512_castps_si512(x))
    }
    #[inline(always)]
    fn bits_to_f32(self, x: __m512i) -> __m512 {
        on!(_mm512_castsi512_ps(x))
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; LANES]) -> __m512 {
        on!(_mm512_cvtph_ps(_mm256_loadu_si256(x.as_ptr().cast())))
    }
    #[inline(always)]
    fn store_f16(self, x: __m512, to: &mut [u16; LANES]) {
        on!(_mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x)))
    }
    #[inline(always)]
    fn store_u8(self, x: __m512, to: &mut [u8; LANES]) {
        on!({
            let whole = _mm512_max_epi32(_mm512_cvtps_epi32(x), _mm512_setzero_si512());
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtusepi32_epi8(whole));
        })
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; LANES]) -> __m512 {
        on!(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(
            x.as_ptr().cast()
        )))))
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; LANES]) -> __m512 {
        on!(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(x.as_ptr().cast()))))
    }

    #[inline(always)]
    fn bytes_to_f32(self, low: u64, high: u64) -> __m512 {
        on!(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_set_epi64x(high as i64, low as i64))))
    }
    #[inline(always)]
    fn load_i16(self, x: &[u8; 32]) -> __m512 {
        on!(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm256_loadu_si256(x.as_ptr().cast()))))
    }
    #[inline(always)]
    fn two_f16(self, bits: u32) -> [f32; 2] {
        on!({
            let both = _mm_cvtph_ps(_mm_cvtsi32_si128(bits as i32));
            [_mm_cvtss_f32(both), _mm_cvtss_f32(_mm_movehdup_ps(both))]
        })
    }

    #[inline(always)]
    fn zero(self) -> __m512i {
        on!(_mm512_setzero_si512())
    }
    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m512i {
        on!(_mm512_set1_epi32(x))
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> __m512i {
        on!(_mm512_set1_epi8(x as i8))
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; BYTES]) -> __m512i {
        on!(_mm512_loadu_si512(x.as_ptr().cast()))
    }
    #[inline(always)]
    fn load_bytes_part(self, x: &[u8]) -> __m512i {
        let len = x.len().min(BYTES);
        let mask = if len == 0 { 0 } else { u64::MAX >> (BYTES - len) };
        // SAFETY: as `on!` has it; of the bytes behind the slice none is read, since their mask bits are clear.
        unsafe { _mm512_maskz_loadu_epi8(mask, x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store_bytes(self, x: __m512i, to: &mut [u8; BYTES]) {
        on!(_mm512_storeu_si512(to.as_mut_ptr().cast(), x))
    }
    #[inline(always)]
    fn join(self, low: &[u8; 32], high: &[u8; 32]) -> __m512i {
        on!(_mm512_inserti64x4::<1>(
            _mm512_castsi256_si512(_mm256_loadu_si256(low.as_ptr().cast())),
            _mm256_loadu_si256(high.as_ptr().cast())
        ))
    }
    #[inline(always)]
    fn nibbles_16(self, a: &[u8; 16], b: &[u8; 16]) -> __m512i {
        on!({
            let a = _mm256_broadcastsi128_si256(_mm_loadu_si128(a.as_ptr().cast()));
            let b = _mm256_broadcastsi128_si256(_mm_loadu_si128(b.as_ptr().cast()));
            let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b);
            let shifted = _mm512_mask_srli_epi64::<4>(both, 0b1100_1100, both);
            _mm512_and_si512(shifted, _mm512_set1_epi8(15))
        })
    }
    #[inline(always)]
    fn nibbles_32(self, x: &[u8; 32]) -> __m512i {
        on!({
            let x = _mm256_loadu_si256(x.as_ptr().cast());
            let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(x), _mm256_srli_epi16::<4>(x));
            _mm512_and_si512(both, _mm512_set1_epi8(15))
        })
    }
    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_xor_si512(a, b))
    }
    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn sub_i32(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_sub_epi32(a, b))
    }
    #[inline(always)]
    fn shl_i32<const N: i32>(self, a: __m512i) -> __m512i {
        on!(_mm512_sll_epi32(a, _mm_cvtsi32_si128(N)))
    }
    #[inline(always)]
    fn shr_u32<const N: i32>(self, a: __m512i) -> __m512i {
        on!(_mm512_srl_epi32(a, _mm_cvtsi32_si128(N)))
    }
    #[inline(always)]
    fn add_u16(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_add_epi16(a, b))
    }
    #[inline(always)]
    fn sub_u16(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_sub_epi16(a, b))
    }
    #[inline(always)]
    fn shl_u16<const N: i32>(self, a: __m512i) -> __m512i {
        on!(_mm512_sll_epi16(a, _mm_cvtsi32_si128(N)))
    }
    #[inline(always)]
    fn shr_u16<const N: i32>(self, a: __m512i) -> __m512i {
        on!(_mm512_srl_epi16(a, _mm_cvtsi32_si128(N)))
    }
    #[inline(always)]
    fn abs_diff_u8(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a)))
    }
    #[inline(always)]
    fn sub_u8(self, a: __m512i, b: __m512i) -> __m512i {
        on!(_mm512_sub_epi8(a, b))
    }
    #[inline(always)]
    fn eq_u8_mask(self, a: __m512i, b: __m512i) -> u64 {
        on!(_mm512_cmpeq_epi8_mask(a, b))
    }
    #[inline(always)]
    fn le_u8_mask(self, a: __m512i, b: __m512i) -> u64 {
        on!(_mm512_cmple_epu8_mask(a, b))
    }
    #[inline(always)]
    fn lookup(self, table: __m512i, index: __m512i) -> __m512i {
        on!(_mm512_shuffle_epi8(table, index))
    }
    #[inline(always)]
    fn fold_u16(self, a: __m512i, b: __m512i) -> __m512i {
        on!({
            let a = _mm256_add_epi16(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64::<1>(a));
            let b = _mm256_add_epi16(_mm512_castsi512_si256(b), _mm512_extracti64x4_epi64::<1>(b));
            let both = _mm256_add_epi16(
                _mm256_permute2x128_si256::<0x20>(a, b),
                _mm256_permute2x128_si256::<0x31>(a, b),
            );
            _mm512_cvtepu16_epi32(both)
        })
    }
    #[inline(always)]
    fn sum_i32(self, x: __m512i) -> i64 {
        on!({
            let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(x));
            let high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(x));
            _mm512_reduce_add_epi64(_mm512_add_epi64(low, high))
        })
    }
    #[inline(always)]
    fn sum_i32_short(self, x: __m512i) -> i32 {
        on!(_mm512_reduce_add_epi32(x))
    }
    #[inline(always)]
    fn sum_u64(self, x: __m512i) -> u64 {
        on!(_mm512_reduce_add_epi64(x)) as u64
    }

    #[inline(always)]
    fn dot_u8(self, sum: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
        if INTEGERS {
            // a · (b - 128), and a for the 128 that is missing.
            on!([
                _mm512_dpbusd_epi32(sum[0], a, _mm512_xor_si512(b, _mm512_set1_epi8(-128))),
                _mm512_dpbusd_epi32(sum[1], a, _mm512_set1_epi8(1)),
            ])
        } else {
            on!({
                let low = _mm512_set1_epi16(255);
                let even = _mm512_madd_epi16(_mm512_and_si512(a, low), _mm512_and_si512(b, low));
                let odd = _mm512_madd_epi16(_mm512_srli_epi16::<8>(a), _mm512_srli_epi16::<8>(b));
                [_mm512_add_epi32(sum[0], even), _mm512_add_epi32(sum[1], odd)]
            })
        }
    }
    #[inline(always)]
    fn dot_u8_end(self, sum: [__m512i; 2]) -> __m512i {
        if INTEGERS {
            on!(_mm512_add_epi32(sum[0], _mm512_slli_epi32::<7>(sum[1])))
        } else {
            on!(_mm512_add_epi32(sum[0], sum[1]))
        }
    }
    #[inline(always)]
    fn dot_i8(self, sum: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
        if INTEGERS {
            // (a + 128) · b, and 128 · b, which is too much.
            on!({
                let bias = _mm512_set1_epi8(-128);
                [
                    _mm512_dpbusd_epi32(sum[0], _mm512_xor_si512(a, bias), b),
                    _mm512_dpbusd_epi32(sum[1], bias, b),
                ]
            })
        } else {
            let ([a_even, a_odd], [b_even, b_odd]) = (self.widen_i8(a), self.widen_i8(b));
            on!([
                _mm512_add_epi32(sum[0], _mm512_madd_epi16(a_even, b_even)),
                _mm512_add_epi32(sum[1], _mm512_madd_epi16(a_odd, b_odd)),
            ])
        }
    }
    #[inline(always)]
    fn dot_i8_end(self, sum: [__m512i; 2]) -> __m512i {
        if INTEGERS { on!(_mm512_sub_epi32(sum[0], sum[1])) } else { on!(_mm512_add_epi32(sum[0], sum[1])) }
    }
    #[inline(always)]
    fn dot_u7_i8(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if INTEGERS {
            on!(_mm512_dpbusd_epi32(sum, a, b))
        } else {
            on!(_mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1))))
        }
    }
    #[inline(always)]
    fn ready(self, a: __m512i) -> __m512i {
        // Moved up by 128, as the first operand of a product must be.
        if INTEGERS { on!(_mm512_xor_si512(a, _mm512_set1_epi8(-128))) } else { a }
    }
    #[inline(always)]
    fn ready_sum(self, b: __m512i) -> __m512i {
        if INTEGERS {
            on!({
                let zero = _mm512_setzero_si512();
                _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(-128), b))
            })
        } else {
            self.zero()
        }
    }
    #[inline(always)]
    fn dot_ready(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if INTEGERS {
            on!(_mm512_dpbusd_epi32(sum, a, b))
        } else {
            self.dot_i8_end(self.dot_i8([sum, self.zero()], a, b))
        }
    }
    #[inline(always)]
    fn count_ones(self, sum: __m512i, x: __m512i) -> __m512i {
        if INTEGERS {
            on!(_mm512_add_epi64(sum, _mm512_popcnt_epi64(x)))
        } else {
            on!({
                let table =
                    _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
                let low = _mm512_set1_epi8(15);
                let counts = _mm512_add_epi8(
                    _mm512_shuffle_epi8(table, _mm512_and_si512(x, low)),
                    _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16::<4>(x), low)),
                );
                _mm512_add_epi64(sum, _mm512_sad_epu8(counts, _mm512_setzero_si512()))
            })
        }
    }
}
