//! Four of NEON's registers.

use core::arch::aarch64::*;

use super::{BYTES, Kernel, LANES, Wide};

/// NEON, which is part of this target.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

/// Does the work with NEON.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Out {
    kernel.wide(Neon(()))
}

/// An instruction of the level, or one on the four registers of each argument.
macro_rules! on {
    ($instruction:expr) => {{
        // SAFETY: NEON is part of the target that this module is compiled for. What the instruction reads or writes through a pointer is
        // within the array that the reference is to, at any alignment.
        #[allow(unused_unsafe, reason = "those without a pointer are safe on this target")]
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

impl Neon {
    #[inline(always)]
    fn as_u8(self, x: [uint32x4_t; 4]) -> [uint8x16_t; 4] {
        on!(vreinterpretq_u8_u32; x)
    }

    #[inline(always)]
    fn as_i8(self, x: [uint32x4_t; 4]) -> [int8x16_t; 4] {
        on!(vreinterpretq_s8_u32; x)
    }

    #[inline(always)]
    fn as_u16(self, x: [uint32x4_t; 4]) -> [uint16x8_t; 4] {
        on!(vreinterpretq_u16_u32; x)
    }

    #[inline(always)]
    fn from_u8(self, x: [uint8x16_t; 4]) -> [uint32x4_t; 4] {
        on!(vreinterpretq_u32_u8; x)
    }

    /// A bit for each byte that is all ones, of bytes that are all ones or zero.
    #[inline(always)]
    fn mask_of(self, x: [uint8x16_t; 4]) -> u64 {
        let weights = on!(vld1q_u8([1u8, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128].as_ptr()));
        let weights = [weights; 4];
        let bits = on!(vandq_u8; x, weights);
        let (low, high) = (on!(vget_low_u8; bits), on!(vget_high_u8; bits));
        let (low, high) = (on!(vaddv_u8; low), on!(vaddv_u8; high));
        u64::from_le_bytes([low[0], high[0], low[1], high[1], low[2], high[2], low[3], high[3]])
    }

    #[inline(always)]
    fn from_u16(self, x: [uint16x8_t; 4]) -> [uint32x4_t; 4] {
        on!(vreinterpretq_u32_u16; x)
    }

    #[inline(always)]
    fn load_quarter(self, x: &[u8; 16]) -> uint32x4_t {
        on!(vreinterpretq_u32_u8(vld1q_u8(x.as_ptr())))
    }

    /// Sums of four products of signed bytes.
    #[inline(always)]
    fn products_i8(self, a: int8x16_t, b: int8x16_t) -> uint32x4_t {
        on!({
            let low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
            let high = vpaddlq_s16(vmull_high_s8(a, b));
            vreinterpretq_u32_s32(vpaddq_s32(low, high))
        })
    }

    /// Sums of four products of unsigned bytes.
    #[inline(always)]
    fn products_u8(self, a: uint8x16_t, b: uint8x16_t) -> uint32x4_t {
        on!({
            let low = vpaddlq_u16(vmull_u8(vget_low_u8(a), vget_low_u8(b)));
            let high = vpaddlq_u16(vmull_high_u8(a, b));
            vpaddq_u32(low, high)
        })
    }

    /// Set bits of each half.
    #[inline(always)]
    fn counts(self, x: uint8x16_t) -> uint64x2_t {
        on!(vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(vcntq_u8(x)))))
    }
}

impl Wide for Neon {
    type F = [float32x4_t; 4];
    type I = [uint32x4_t; 4];
    const MANY: bool = true;
    type Tile = crate::gemm::Registers<4, 1>;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [on!(vdupq_n_f32(x)); 4]
    }
    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::F {
        let x = x.as_ptr();
        on!([vld1q_f32(x), vld1q_f32(x.add(4)), vld1q_f32(x.add(8)), vld1q_f32(x.add(12))])
    }
    #[inline(always)]
    fn store(self, x: Self::F, to: &mut [f32; LANES]) {
        let to = to.as_mut_ptr();
        on!({
            vst1q_f32(to, x[0]);
            vst1q_f32(to.add(4), x[1]);
            vst1q_f32(to.add(8), x[2]);
            vst1q_f32(to.add(12), x[3]);
        })
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        on!(vaddq_f32; a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        on!(vsubq_f32; a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        on!(vmulq_f32; a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        on!(vdivq_f32; a, b)
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        // As x86 has it: `b` where either is not a number.
        let first = on!(vcltq_f32; a, b);
        on!(vbslq_f32; first, a, b)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        // As x86 has it: `b` where either is not a number.
        let first = on!(vcgtq_f32; a, b);
        on!(vbslq_f32; first, a, b)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        on!(vfmaq_f32; c, a, b)
    }
    #[inline(always)]
    fn select_lt(self, a: Self::F, b: Self::F, x: Self::F, y: Self::F) -> Self::F {
        let less = on!(vcltq_f32; a, b);
        on!(vbslq_f32; less, x, y)
    }
    #[inline(always)]
    fn pair(self, low: f32, high: f32) -> Self::F {
        on!([vdupq_n_f32(low), vdupq_n_f32(low), vdupq_n_f32(high), vdupq_n_f32(high)])
    }
    #[inline(always)]
    fn lt_mask(self, a: Self::F, b: Self::F) -> u16 {
        let less = on!(vcltq_f32; a, b);
        let weights = on!(vld1q_u32([1, 2, 4, 8].as_ptr()));
        let weights = [weights; 4];
        let bits = on!(vandq_u32; less, weights);
        let bits = on!(vaddvq_u32; bits);
        (bits[0] | bits[1] << 4 | bits[2] << 8 | bits[3] << 12) as u16
    }
    #[inline(always)]
    fn sum(self, x: Self::F) -> f32 {
        on!({
            let x = vaddq_f32(vaddq_f32(x[0], x[2]), vaddq_f32(x[1], x[3]));
            let x = vadd_f32(vget_low_f32(x), vget_high_f32(x));
            vget_lane_f32::<0>(x) + vget_lane_f32::<1>(x)
        })
    }
    #[inline(always)]
    fn round(self, x: Self::F) -> Self::F {
        on!(vrndnq_f32; x)
    }
    #[inline(always)]
    fn to_i32(self, x: Self::F) -> Self::I {
        let whole = on!(vcvtnq_s32_f32; x);
        on!(vreinterpretq_u32_s32; whole)
    }
    #[inline(always)]
    fn i32_to_f32(self, x: Self::I) -> Self::F {
        let signed = on!(vreinterpretq_s32_u32; x);
        on!(vcvtq_f32_s32; signed)
    }
    #[inline(always)]
    fn to_bits(self, x: Self::F) -> Self::I {
        on!(vreinterpretq_u32_f32; x)
    }
    #[inline(always)]
    fn bits_to_f32(self, x: Self::I) -> Self::F {
        on!(vreinterpretq_f32_u32; x)
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; LANES]) -> Self::F {
        let x = x.as_ptr();
        on!([
            vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))),
            vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x.add(4)))),
            vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x.add(8)))),
            vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x.add(12)))),
        ])
    }
    #[inline(always)]
    fn store_f16(self, x: Self::F, to: &mut [u16; LANES]) {
        let to = to.as_mut_ptr();
        on!({
            vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32(x[0])));
            vst1_u16(to.add(4), vreinterpret_u16_f16(vcvt_f16_f32(x[1])));
            vst1_u16(to.add(8), vreinterpret_u16_f16(vcvt_f16_f32(x[2])));
            vst1_u16(to.add(12), vreinterpret_u16_f16(vcvt_f16_f32(x[3])));
        })
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; LANES]) -> Self::F {
        let x = x.as_ptr();
        let bits = on!([
            vshll_n_u16::<16>(vld1_u16(x)),
            vshll_n_u16::<16>(vld1_u16(x.add(4))),
            vshll_n_u16::<16>(vld1_u16(x.add(8))),
            vshll_n_u16::<16>(vld1_u16(x.add(12))),
        ]);
        self.bits_to_f32(bits)
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; LANES]) -> Self::F {
        on!({
            let x = vld1q_s8(x.as_ptr());
            let (low, high) = (vmovl_s8(vget_low_s8(x)), vmovl_high_s8(x));
            [
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                vcvtq_f32_s32(vmovl_high_s16(high)),
            ]
        })
    }

    #[inline(always)]
    fn load_i16(self, x: &[u8; 32]) -> Self::F {
        on!({
            let low = vreinterpretq_s16_u8(vld1q_u8(x.as_ptr()));
            let high = vreinterpretq_s16_u8(vld1q_u8(x.as_ptr().add(16)));
            [
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                vcvtq_f32_s32(vmovl_high_s16(low)),
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                vcvtq_f32_s32(vmovl_high_s16(high)),
            ]
        })
    }

    #[inline(always)]
    fn zero(self) -> Self::I {
        self.splat_i32(0)
    }
    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I {
        [on!(vdupq_n_u32(x as u32)); 4]
    }
    #[inline(always)]
    fn splat_u8(self, x: u8) -> Self::I {
        [on!(vreinterpretq_u32_u8(vdupq_n_u8(x))); 4]
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
        let (x, to) = (self.as_u8(x), to.as_mut_ptr());
        on!({
            vst1q_u8(to, x[0]);
            vst1q_u8(to.add(16), x[1]);
            vst1q_u8(to.add(32), x[2]);
            vst1q_u8(to.add(48), x[3]);
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
        self.and(on!([a, vshrq_n_u32::<4>(a), b, vshrq_n_u32::<4>(b)]), self.splat_u8(15))
    }
    #[inline(always)]
    fn nibbles_32(self, x: &[u8; 32]) -> Self::I {
        let (x, _) = x.as_chunks::<16>();
        let (a, b) = (self.load_quarter(&x[0]), self.load_quarter(&x[1]));
        self.and(on!([a, b, vshrq_n_u32::<4>(a), vshrq_n_u32::<4>(b)]), self.splat_u8(15))
    }
    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        on!(vandq_u32; a, b)
    }
    #[inline(always)]
    fn or(self, a: Self::I, b: Self::I) -> Self::I {
        on!(vorrq_u32; a, b)
    }
    #[inline(always)]
    fn xor(self, a: Self::I, b: Self::I) -> Self::I {
        on!(veorq_u32; a, b)
    }
    #[inline(always)]
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I {
        on!(vaddq_u32; a, b)
    }
    #[inline(always)]
    fn sub_i32(self, a: Self::I, b: Self::I) -> Self::I {
        on!(vsubq_u32; a, b)
    }
    #[inline(always)]
    fn add_u16(self, a: Self::I, b: Self::I) -> Self::I {
        let (a, b) = (self.as_u16(a), self.as_u16(b));
        self.from_u16(on!(vaddq_u16; a, b))
    }
    #[inline(always)]
    fn sub_u16(self, a: Self::I, b: Self::I) -> Self::I {
        let (a, b) = (self.as_u16(a), self.as_u16(b));
        self.from_u16(on!(vsubq_u16; a, b))
    }
    #[inline(always)]
    fn abs_diff_u8(self, a: Self::I, b: Self::I) -> Self::I {
        let (a, b) = (self.as_u8(a), self.as_u8(b));
        self.from_u8(on!(vabdq_u8; a, b))
    }
    #[inline(always)]
    fn sub_u8(self, a: Self::I, b: Self::I) -> Self::I {
        let (a, b) = (self.as_u8(a), self.as_u8(b));
        self.from_u8(on!(vsubq_u8; a, b))
    }
    #[inline(always)]
    fn eq_u8_mask(self, a: Self::I, b: Self::I) -> u64 {
        let (a, b) = (self.as_u8(a), self.as_u8(b));
        self.mask_of(on!(vceqq_u8; a, b))
    }
    #[inline(always)]
    fn le_u8_mask(self, a: Self::I, b: Self::I) -> u64 {
        let (a, b) = (self.as_u8(a), self.as_u8(b));
        self.mask_of(on!(vcleq_u8; a, b))
    }
    #[inline(always)]
    fn shl_i32<const N: i32>(self, a: Self::I) -> Self::I {
        let by = [on!(vdupq_n_s32(N)); 4];
        on!(vshlq_u32; a, by)
    }
    #[inline(always)]
    fn shr_u32<const N: i32>(self, a: Self::I) -> Self::I {
        let by = [on!(vdupq_n_s32(-N)); 4];
        on!(vshlq_u32; a, by)
    }
    #[inline(always)]
    fn shl_u16<const N: i32>(self, a: Self::I) -> Self::I {
        let by = [on!(vdupq_n_s16(N as i16)); 4];
        let a = self.as_u16(a);
        self.from_u16(on!(vshlq_u16; a, by))
    }
    #[inline(always)]
    fn shr_u16<const N: i32>(self, a: Self::I) -> Self::I {
        let by = [on!(vdupq_n_s16(-(N as i16))); 4];
        let a = self.as_u16(a);
        self.from_u16(on!(vshlq_u16; a, by))
    }
    #[inline(always)]
    fn lookup(self, table: Self::I, index: Self::I) -> Self::I {
        let (table, index) = (self.as_u8(table), self.as_u8(index));
        self.from_u8(on!(vqtbl1q_u8; table, index))
    }
    #[inline(always)]
    fn fold_u16(self, a: Self::I, b: Self::I) -> Self::I {
        let (a, b) = (self.as_u16(a), self.as_u16(b));
        on!({
            let a = vaddq_u16(vaddq_u16(a[0], a[2]), vaddq_u16(a[1], a[3]));
            let b = vaddq_u16(vaddq_u16(b[0], b[2]), vaddq_u16(b[1], b[3]));
            [vmovl_u16(vget_low_u16(a)), vmovl_high_u16(a), vmovl_u16(vget_low_u16(b)), vmovl_high_u16(b)]
        })
    }
    #[inline(always)]
    fn sum_i32(self, x: Self::I) -> i64 {
        let x = on!(vreinterpretq_s32_u32; x);
        let sums = on!(vaddlvq_s32; x);
        sums[0] + sums[1] + sums[2] + sums[3]
    }
    #[inline(always)]
    fn sum_i32_short(self, x: Self::I) -> i32 {
        on!(vaddvq_u32(vaddq_u32(vaddq_u32(x[0], x[1]), vaddq_u32(x[2], x[3])))) as i32
    }
    #[inline(always)]
    fn sum_u64(self, x: Self::I) -> u64 {
        let x = on!(vreinterpretq_u64_u32; x);
        on!(vaddvq_u64(vaddq_u64(vaddq_u64(x[0], x[1]), vaddq_u64(x[2], x[3]))))
    }

    #[inline(always)]
    fn dot_u8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2] {
        let (a, b) = (self.as_u8(a), self.as_u8(b));
        let products = [
            self.products_u8(a[0], b[0]),
            self.products_u8(a[1], b[1]),
            self.products_u8(a[2], b[2]),
            self.products_u8(a[3], b[3]),
        ];
        [self.add_i32(sum[0], products), sum[1]]
    }
    #[inline(always)]
    fn dot_u8_end(self, sum: [Self::I; 2]) -> Self::I {
        sum[0]
    }
    #[inline(always)]
    fn dot_i8(self, sum: [Self::I; 2], a: Self::I, b: Self::I) -> [Self::I; 2] {
        [self.dot_u7_i8(sum[0], a, b), sum[1]]
    }
    #[inline(always)]
    fn dot_i8_end(self, sum: [Self::I; 2]) -> Self::I {
        sum[0]
    }
    #[inline(always)]
    fn dot_u7_i8(self, sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        // A byte below 128 is the same signed.
        let (a, b) = (self.as_i8(a), self.as_i8(b));
        let products = [
            self.products_i8(a[0], b[0]),
            self.products_i8(a[1], b[1]),
            self.products_i8(a[2], b[2]),
            self.products_i8(a[3], b[3]),
        ];
        self.add_i32(sum, products)
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
        let x = self.as_u8(x);
        let counts = [self.counts(x[0]), self.counts(x[1]), self.counts(x[2]), self.counts(x[3])];
        let sum = on!(vreinterpretq_u64_u32; sum);
        let sums = on!(vaddq_u64; sum, counts);
        on!(vreinterpretq_u32_u64; sums)
    }
}
