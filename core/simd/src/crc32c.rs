//! CRC-32C (Castagnoli; RFC 3720, appendix B.4) at every level the CPU has.
//!
//! | level | how |
//! |---|---|
//! | portable | the `crc` crate's sixteen tables |
//! | SSE4.2 | the CRC32 instruction, in three streams on long input |
//! | CRC | the same with aarch64's instruction |
//! | VPCLMULQDQ | as SSE4.2 on short input, folding ([`crate::fold`]) on long |
//!
//! The instruction takes eight bytes every cycle but answers after three, so one stream would wait two cycles of three. Long input
//! is cut into groups of three equal stripes, each with a stream of its own. A checksum's state is linear: the state after
//! `a ++ b` is the state after `a`, carried over `len(b)` zero bytes, xor the state of `b` begun at zero. Carrying over a fixed
//! number of zero bytes is a multiplication by a constant, and four tables of 256 make it four lookups.
//!
//! Source of the method: Intel, "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (2011).

use crc::{Crc, Table};

/// A way to compute that this CPU is known to have: only detection makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sse42,
    #[cfg(target_arch = "aarch64")]
    Crc,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Vpclmulqdq,
}

impl Level {
    /// The fastest level of this CPU.
    #[inline]
    pub fn best() -> Level {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        if crate::cpu::features().vpclmulqdq() {
            return Level(Kind::Vpclmulqdq);
        }
        #[cfg(target_arch = "x86_64")]
        if crate::cpu::features().sse42() {
            return Level(Kind::Sse42);
        }
        #[cfg(target_arch = "aarch64")]
        if crate::cpu::features().crc() {
            return Level(Kind::Crc);
        }
        Level(Kind::Portable)
    }

    /// Every level of this CPU, the portable one first.
    pub fn available() -> impl Iterator<Item = Level> {
        let below_best = [
            Level(Kind::Portable),
            #[cfg(target_arch = "x86_64")]
            Level(Kind::Sse42),
        ];
        let best = Level::best();
        // The levels ascend: a CPU that has one has those before it.
        below_best.into_iter().take_while(move |level| *level != best).chain([best])
    }

    /// The level's name for reports.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Sse42 => "sse4.2",
            #[cfg(target_arch = "aarch64")]
            Kind::Crc => "crc",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Vpclmulqdq => "vpclmulqdq",
        }
    }

    /// The checksum of `before ++ bytes`, where `crc` is that of `before` (0 if nothing came before).
    #[inline]
    pub fn extend(self, crc: u32, bytes: &[u8]) -> u32 {
        match self.0 {
            Kind::Portable => extend_portable(crc, bytes),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the function needs a CPU with SSE4.2. `Kind::Sse42` is private to this module, and `Level::best` makes it
            // only after CPUID has named SSE4.2; the CRC32 instruction works on general registers, which every system saves.
            Kind::Sse42 => !unsafe { sse42::update(!crc, bytes) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the function needs a CPU with the CRC extension. `Kind::Crc` is private to this module, and `Level::best` makes
            // it only after `Features::crc` has named it.
            Kind::Crc => !unsafe { crc_extension::update(!crc, bytes) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs SSE4.2, PCLMULQDQ, VPCLMULQDQ and AVX-512 F, DQ and VL, with ZMM registers saved.
            // `Kind::Vpclmulqdq` is private to this module, and `Level::best` makes it only after `Features::vpclmulqdq` has named all.
            Kind::Vpclmulqdq => !unsafe { vpclmulqdq::update(!crc, bytes) },
        }
    }
}

/// The checksum of `before ++ bytes` at the CPU's fastest level; `crc` is that of `before` (0 if nothing came before).
#[inline]
pub fn extend(crc: u32, bytes: &[u8]) -> u32 {
    Level::best().extend(crc, bytes)
}

fn extend_portable(crc: u32, bytes: &[u8]) -> u32 {
    const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISCSI);
    // The crate takes its initial state unreflected and before the final xor.
    let mut digest = CRC32C.digest_with_initial(crc.reverse_bits() ^ u32::MAX);
    digest.update(bytes);
    digest.finalize()
}

/// The three streams, once for each architecture's instruction: a function with a CPU feature of its own cannot be a parameter.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! streams {
    ($name:ident, $feature:literal, $step_8:expr, $step_1:expr) => {
        mod $name {
            use super::shift::Shift;

            /// Bytes of a stripe while at least three remain; three of them are just under the usual 4 KiB block.
            const LONG: usize = 1360;
            /// Bytes of a stripe after that. Below three of these, joining costs more than waiting.
            const SHORT: usize = 256;

            static OVER_LONG: Shift = Shift::over_zero_bytes(LONG as u32);
            static OVER_SHORT: Shift = Shift::over_zero_bytes(SHORT as u32);

            /// The state after `bytes`.
            #[target_feature(enable = $feature)]
            pub fn update(mut state: u32, mut bytes: &[u8]) -> u32 {
                while let Some((group, rest)) = bytes.split_at_checked(3 * LONG) {
                    state = three_stripes::<LONG>(state, group, &OVER_LONG);
                    bytes = rest;
                }
                while let Some((group, rest)) = bytes.split_at_checked(3 * SHORT) {
                    state = three_stripes::<SHORT>(state, group, &OVER_SHORT);
                    bytes = rest;
                }
                one_stream(state, bytes)
            }

            #[inline]
            #[target_feature(enable = $feature)]
            pub fn one_stream(mut state: u32, bytes: &[u8]) -> u32 {
                let (words, tail) = bytes.as_chunks::<8>();
                for word in words {
                    state = $step_8(state, u64::from_le_bytes(*word));
                }
                for byte in tail {
                    state = $step_1(state, *byte);
                }
                state
            }

            /// `group` is three stripes long; a stripe is a whole number of words.
            #[target_feature(enable = $feature)]
            fn three_stripes<const STRIPE: usize>(state: u32, group: &[u8], over_stripe: &Shift) -> u32 {
                const { assert!(STRIPE.is_multiple_of(8)) };
                let (first, rest) = group.split_at(STRIPE);
                let (second, third) = rest.split_at(STRIPE);
                let (mut a, mut b, mut c) = (state, 0, 0);
                let words = first
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .zip(second.as_chunks::<8>().0)
                    .zip(third.as_chunks::<8>().0);
                for ((x, y), z) in words {
                    a = $step_8(a, u64::from_le_bytes(*x));
                    b = $step_8(b, u64::from_le_bytes(*y));
                    c = $step_8(c, u64::from_le_bytes(*z));
                }
                over_stripe.apply(over_stripe.apply(a) ^ b) ^ c
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
streams!(
    sse42,
    "sse4.2",
    |state: u32, word| core::arch::x86_64::_mm_crc32_u64(u64::from(state), word) as u32,
    core::arch::x86_64::_mm_crc32_u8
);

#[cfg(target_arch = "aarch64")]
streams!(crc_extension, "crc", core::arch::aarch64::__crc32cd, core::arch::aarch64::__crc32cb);

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod vpclmulqdq {
    use core::arch::x86_64::{_mm_crc32_u64, _mm_cvtsi128_si64, _mm_extract_epi64};

    use super::sse42::one_stream;
    use crate::fold::{Keys, vpclmulqdq::fold};

    /// Below this, one stream of the CRC32 instruction is done before folding has begun to pay.
    const FOLD_LEN_MIN: usize = 256;

    static KEYS: Keys = Keys::of_32(super::POLYNOMIAL);

    /// The state after `bytes`.
    #[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512dq,avx512vl,vpclmulqdq")]
    pub fn update(state: u32, bytes: &[u8]) -> u32 {
        if bytes.len() < FOLD_LEN_MIN {
            return one_stream(state, bytes);
        }
        let (register, tail) = fold(&KEYS, u64::from(state), bytes);
        // The instruction reduces the last register faster than Barrett does.
        let half = _mm_crc32_u64(0, _mm_cvtsi128_si64(register) as u64);
        let state = _mm_crc32_u64(half, _mm_extract_epi64::<1>(register) as u64);
        one_stream(state as u32, tail)
    }
}

/// Castagnoli's polynomial; bit 31 is the coefficient of x⁰, as everywhere in a reflected checksum.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// States carried over zero bytes, as multiplication of polynomials modulo the checksum's own.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
mod shift {
    use super::POLYNOMIAL;

    const ONE: u32 = 1 << 31;
    /// x⁸: one zero byte.
    const ONE_BYTE: u32 = ONE >> 8;

    /// Multiplication by x^(8·len) for one fixed `len`, a table for each byte of the state.
    pub struct Shift([[u32; 256]; 4]);

    impl Shift {
        /// Built at compile time.
        pub const fn over_zero_bytes(len: u32) -> Shift {
            let factor = power(ONE_BYTE, len);
            let mut tables = [[0; 256]; 4];
            let mut at = 0;
            while at < 4 * 256 {
                tables[at / 256][at % 256] = multiply(((at % 256) as u32) << (8 * (at / 256)), factor);
                at += 1;
            }
            Shift(tables)
        }

        /// The state after that many zero bytes.
        #[inline]
        pub fn apply(&self, state: u32) -> u32 {
            let [a, b, c, d] = state.to_le_bytes().map(usize::from);
            self.0[0][a] ^ self.0[1][b] ^ self.0[2][c] ^ self.0[3][d]
        }
    }

    const fn multiply(mut a: u32, mut b: u32) -> u32 {
        let mut product = 0;
        while a != 0 {
            if a & ONE != 0 {
                product ^= b;
            }
            a <<= 1;
            b = if b & 1 == 1 { b >> 1 ^ POLYNOMIAL } else { b >> 1 };
        }
        product
    }

    const fn power(mut base: u32, mut exponent: u32) -> u32 {
        let mut product = ONE;
        while exponent != 0 {
            if exponent & 1 == 1 {
                product = multiply(product, base);
            }
            base = multiply(base, base);
            exponent >>= 1;
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use crc::{Crc, NoTable};

    use super::*;
    use crate::judge;

    /// The judge: the `crc` crate's bit by bit code, which shares no table with any level.
    const NAIVE: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&crc::CRC_32_ISCSI);

    /// RFC 3720, appendix B.4.
    #[test]
    fn vectors_of_the_rfc() {
        let ascending: [u8; 32] = core::array::from_fn(|i| i as u8);
        for level in Level::available() {
            assert_eq!(level.extend(0, &[0; 32]), 0x8a91_36aa, "{}", level.name());
            assert_eq!(level.extend(0, &[0xff; 32]), 0x62a8_ab43, "{}", level.name());
            assert_eq!(level.extend(0, &ascending), 0x46dd_794e, "{}", level.name());
            assert_eq!(level.extend(0, b"123456789"), 0xe306_9283, "{}", level.name());
        }
    }

    #[test]
    fn every_level_agrees_at_every_length_and_alignment() {
        for level in Level::available() {
            judge::every_length(level.name(), |bytes| level.extend(0, bytes), |bytes| NAIVE.checksum(bytes));
        }
    }

    #[test]
    fn parts_extend_to_the_whole() {
        for level in Level::available() {
            judge::every_cut(level.name(), |crc, bytes| level.extend(crc, bytes));
        }
    }

    #[test]
    fn a_shift_is_so_many_zero_bytes() {
        let over = shift::Shift::over_zero_bytes(37);
        for state in [1, 0x8000_0000, 0xdead_beef] {
            // A state is a checksum without its final xor.
            assert_eq!(over.apply(state), !Level(Kind::Portable).extend(!state, &[0; 37]));
        }
    }
}
