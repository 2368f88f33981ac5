//! What the CPU can do, without std.
//!
//! x86-64:
//! 1. CPUID leaf 1 names the instructions, leaf 7 the wider vectors.
//! 2. An instruction on wide registers also needs the operating system to save them: OSXSAVE says that XGETBV may be asked,
//!    and XCR0 says which registers are saved (bits 1 and 2 for YMM; 5, 6 and 7 for opmask and ZMM as well).
//! 3. The answer is one word, found once and kept in an atomic; two threads that race find the same word.
//!
//! aarch64: the register ID_AA64ISAR0_EL1 names the instructions, and every system saves the registers they use. A program may read it
//! only where the system answers in the CPU's place, as Linux does since 4.11 (and qemu); elsewhere, and under Miri, what the
//! compiler was told to use (`-C target-feature`) is what there is.
//!
//! Sources: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, sections 13.3, 14.3 and 15.2; Arm Architecture
//! Reference Manual, D19.2.61; Linux, `Documentation/arch/arm64/cpu-feature-registers.rst`.

use core::sync::atomic::{AtomicU32, Ordering};

/// Instruction sets that kernels here are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features(u32);

/// Set in every answer, so that zero means "not asked yet".
const ASKED: u32 = 1;
const SSE42: u32 = 1 << 1;
const AVX2: u32 = 1 << 2;
const AVX512: u32 = 1 << 3;
const PCLMULQDQ: u32 = 1 << 4;
const VPCLMULQDQ: u32 = 1 << 5;
const CRC: u32 = 1 << 6;
const PMULL: u32 = 1 << 7;
const SSSE3_POPCNT: u32 = 1 << 8;
const F16C: u32 = 1 << 9;
const AVX512_INTEGERS: u32 = 1 << 10;
const AVX512_BF16: u32 = 1 << 11;
const AVX512_FP16: u32 = 1 << 12;

static CACHE: AtomicU32 = AtomicU32::new(0);

/// What this CPU and its operating system offer.
#[inline]
pub fn features() -> Features {
    // Relaxed is enough: the word is the whole message.
    match CACHE.load(Ordering::Relaxed) {
        0 => {
            let found = detect() | ASKED;
            CACHE.store(found, Ordering::Relaxed);
            Features(found)
        }
        found => Features(found),
    }
}

impl Features {
    /// SSE4.2, with its CRC32 instruction.
    #[inline]
    pub const fn sse42(self) -> bool {
        self.0 & SSE42 != 0
    }

    /// AVX2 and FMA, with YMM registers saved.
    #[inline]
    pub const fn avx2(self) -> bool {
        self.0 & AVX2 != 0
    }

    /// AVX-512 F, BW, DQ and VL, with opmask and ZMM registers saved.
    #[inline]
    pub const fn avx512(self) -> bool {
        self.0 & AVX512 != 0
    }

    /// SSE4.2 and carry-less multiplication.
    #[inline]
    pub const fn pclmulqdq(self) -> bool {
        self.0 & PCLMULQDQ != 0
    }

    /// [`Features::avx512`] and [`Features::pclmulqdq`], and carry-less multiplication in ZMM registers.
    #[inline]
    pub const fn vpclmulqdq(self) -> bool {
        self.0 & VPCLMULQDQ != 0
    }

    /// [`Features::sse42`], SSSE3 and POPCNT.
    #[inline]
    pub const fn sse4(self) -> bool {
        self.sse42() && self.0 & SSSE3_POPCNT != 0
    }

    /// [`Features::avx2`] and [`Features::sse4`], and F16C's conversions of half floats.
    #[inline]
    pub const fn avx2_f16c(self) -> bool {
        self.avx2() && self.sse4() && self.0 & F16C != 0
    }

    /// [`Features::avx512`] and VNNI's sums of byte products, VPOPCNTDQ's bit counts, and VBMI: Ice Lake, Zen 4 and later.
    #[inline]
    pub const fn avx512_integers(self) -> bool {
        self.avx512() && self.0 & AVX512_INTEGERS != 0
    }

    /// [`Features::avx512`] and BF16's sums of products.
    #[inline]
    pub const fn avx512_bf16(self) -> bool {
        self.avx512() && self.0 & AVX512_BF16 != 0
    }

    /// [`Features::avx512`] and FP16's arithmetic.
    #[inline]
    pub const fn avx512_fp16(self) -> bool {
        self.avx512() && self.0 & AVX512_FP16 != 0
    }

    /// aarch64's CRC32 instructions.
    #[inline]
    pub const fn crc(self) -> bool {
        self.0 & CRC != 0
    }

    /// aarch64's NEON and carry-less multiplication, PMULL on 64 bits.
    #[inline]
    pub const fn pmull(self) -> bool {
        self.0 & PMULL != 0
    }
}

/// What the compiler may use anyway.
#[cfg(not(any(
    all(target_arch = "x86_64", not(miri)),
    all(target_arch = "aarch64", target_os = "linux", not(miri))
)))]
const fn detect() -> u32 {
    const fn when(known: bool, bit: u32) -> u32 {
        if known { bit } else { 0 }
    }
    let avx512 = cfg!(target_feature = "avx512f")
        && cfg!(target_feature = "avx512bw")
        && cfg!(target_feature = "avx512dq")
        && cfg!(target_feature = "avx512vl");
    let pclmulqdq = cfg!(target_feature = "sse4.2") && cfg!(target_feature = "pclmulqdq");
    when(cfg!(target_feature = "sse4.2"), SSE42)
        | when(cfg!(target_feature = "avx2") && cfg!(target_feature = "fma"), AVX2)
        | when(avx512, AVX512)
        | when(pclmulqdq, PCLMULQDQ)
        | when(pclmulqdq && avx512 && cfg!(target_feature = "vpclmulqdq"), VPCLMULQDQ)
        | when(cfg!(target_feature = "ssse3") && cfg!(target_feature = "popcnt"), SSSE3_POPCNT)
        | when(cfg!(target_feature = "f16c"), F16C)
        | when(cfg!(target_feature = "crc"), CRC)
        | when(cfg!(target_feature = "neon") && cfg!(target_feature = "aes"), PMULL)
}

#[cfg(all(target_arch = "aarch64", target_os = "linux", not(miri)))]
fn detect() -> u32 {
    const FIELD: u64 = 0b1111;
    let features: u64;
    // SAFETY: reading the register changes nothing, and Linux since 4.11 answers it to programs, with what it supports.
    unsafe {
        core::arch::asm!("mrs {}, ID_AA64ISAR0_EL1", out(reg) features, options(pure, nomem, nostack, preserves_flags));
    }
    let (aes, crc) = (features >> 4 & FIELD, features >> 16 & FIELD);
    // 1 is AES alone, 2 is PMULL as well.
    let mut found = 0;
    if crc >= 1 {
        found |= CRC;
    }
    if cfg!(target_feature = "neon") && aes >= 2 {
        found |= PMULL;
    }
    found
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn detect() -> u32 {
    use core::arch::x86_64::{__cpuid, __cpuid_count};

    const PCLMULQDQ_BIT: u32 = 1 << 1;
    const SSSE3_AND_POPCNT: u32 = 1 << 9 | 1 << 23;
    const FMA: u32 = 1 << 12;
    const SSE42_BIT: u32 = 1 << 20;
    const OSXSAVE: u32 = 1 << 27;
    const AVX: u32 = 1 << 28;
    const F16C_BIT: u32 = 1 << 29;
    const AVX2_BIT: u32 = 1 << 5;
    const VPCLMULQDQ_BIT: u32 = 1 << 10;
    /// VBMI, VNNI and VPOPCNTDQ.
    const INTEGERS: u32 = 1 << 1 | 1 << 11 | 1 << 14;
    const FP16: u32 = 1 << 23;
    /// In leaf 7, subleaf 1.
    const BF16: u32 = 1 << 5;
    /// F, DQ, BW and VL.
    const AVX512_BITS: u32 = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;
    const YMM_SAVED: u64 = 0b110;
    const ZMM_SAVED: u64 = 0b1110_0110;

    let leaf_max = __cpuid(0).eax;
    let one = __cpuid(1).ecx;
    let (seven, seven_c, seven_d, seven_one) = match leaf_max {
        0..7 => (0, 0, 0, 0),
        _ => {
            let leaf = __cpuid_count(7, 0);
            let one = if leaf.eax >= 1 { __cpuid_count(7, 1).eax } else { 0 };
            (leaf.ebx, leaf.ecx, leaf.edx, one)
        }
    };
    let saved = if has(one, OSXSAVE) {
        // SAFETY: XGETBV is undefined only while CR4.OSXSAVE is clear, and CPUID's OSXSAVE bit, just seen set, mirrors it.
        // Register 0 always exists.
        unsafe { core::arch::x86_64::_xgetbv(0) }
    } else {
        0
    };

    let mut found = 0;
    if has(one, SSE42_BIT) {
        found |= SSE42;
        if has(one, PCLMULQDQ_BIT) {
            found |= PCLMULQDQ;
        }
    }
    if has(one, SSSE3_AND_POPCNT) {
        found |= SSSE3_POPCNT;
    }
    if has(one, AVX | F16C_BIT) && saved & YMM_SAVED == YMM_SAVED {
        found |= F16C;
    }
    if has(one, AVX | FMA) && has(seven, AVX2_BIT) && saved & YMM_SAVED == YMM_SAVED {
        found |= AVX2;
        if has(seven, AVX512_BITS) && saved & ZMM_SAVED == ZMM_SAVED {
            found |= AVX512;
            if found & PCLMULQDQ != 0 && has(seven_c, VPCLMULQDQ_BIT) {
                found |= VPCLMULQDQ;
            }
            if has(seven_c, INTEGERS) {
                found |= AVX512_INTEGERS;
            }
            if has(seven_one, BF16) {
                found |= AVX512_BF16;
            }
            if has(seven_d, FP16) {
                found |= AVX512_FP16;
            }
        }
    }
    found
}

/// Whether all of `bits` are set.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const fn has(register: u32, bits: u32) -> bool {
    register & bits == bits
}

#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn agrees_with_std() {
        let found = features();
        assert_eq!(found.sse42(), std::is_x86_feature_detected!("sse4.2"));
        assert_eq!(
            found.avx2(),
            std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
        );
        assert_eq!(
            found.avx512(),
            found.avx2()
                && std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512vl")
        );
        assert_eq!(found.pclmulqdq(), found.sse42() && std::is_x86_feature_detected!("pclmulqdq"));
        assert_eq!(
            found.vpclmulqdq(),
            found.avx512() && found.pclmulqdq() && std::is_x86_feature_detected!("vpclmulqdq")
        );
        assert_eq!(
            found.sse4(),
            found.sse42()
                && std::is_x86_feature_detected!("ssse3")
                && std::is_x86_feature_detected!("popcnt")
        );
        assert_eq!(found.avx2_f16c(), found.avx2() && found.sse4() && std::is_x86_feature_detected!("f16c"));
        assert_eq!(
            found.avx512_integers(),
            found.avx512()
                && std::is_x86_feature_detected!("avx512vbmi")
                && std::is_x86_feature_detected!("avx512vnni")
                && std::is_x86_feature_detected!("avx512vpopcntdq")
        );
        assert_eq!(found.avx512_bf16(), found.avx512() && std::is_x86_feature_detected!("avx512bf16"));
        assert_eq!(found.avx512_fp16(), found.avx512() && std::is_x86_feature_detected!("avx512fp16"));
        assert_eq!(features(), found, "the cached answer is the same");
    }
}
