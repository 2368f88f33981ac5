//! Reflected CRCs by folding: carry-less multiplication carries a block of input over the blocks behind it.
//!
//! 1. A register of 128 bits is a polynomial: bit 0, the first to arrive, is the coefficient of x¹²⁷. The state is added to
//!    the first bytes, as if it had been there.
//! 2. A register R stands before D more bits of input, so it counts as R·x^D. Its halves times x^(D+64) and x^D, both modulo
//!    the CRC's polynomial, add up to 128 bits that are congruent: they are added to the register D bits further on.
//! 3. Several registers in a row keep the multiplier busy (`D` is their sum), then fold into one.
//! 4. The last register, times x⁶⁴ and reduced after Barrett, is the state.
//!
//! A product of two reflected halves is a bit short of its place, which is a factor of x: every constant is for one power less.
//! A CRC of 32 bits runs as one of 64 whose polynomial is multiplied by x³², and whose state is therefore in the low half.
//!
//! Source: Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009).

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod pclmulqdq;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod pmull;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod vpclmulqdq;

/// The least that the kernels take: a register.
#[cfg(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_feature = "neon")
))]
const LEN_MIN: usize = 16;

/// A way to fold, or not to, that this CPU is known to have: only detection makes one.
///
/// Targets without vector registers (`x86_64-unknown-none`: kernels, which would have to save them) have the portable one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Pclmulqdq,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Vpclmulqdq,
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Pmull,
}

impl Level {
    /// The fastest level of this CPU.
    #[inline]
    pub fn best() -> Level {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            let cpu = crate::cpu::features();
            if cpu.vpclmulqdq() {
                return Level(Kind::Vpclmulqdq);
            }
            if cpu.pclmulqdq() {
                return Level(Kind::Pclmulqdq);
            }
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        if crate::cpu::features().pmull() {
            return Level(Kind::Pmull);
        }
        Level(Kind::Portable)
    }

    /// Every level of this CPU, the portable one first.
    pub fn available() -> impl Iterator<Item = Level> {
        let below_best = [
            Level(Kind::Portable),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level(Kind::Pclmulqdq),
        ];
        let best = Level::best();
        // The levels ascend: a CPU that has one has those before it.
        below_best.into_iter().take_while(move |level| *level != best).chain([best])
    }

    /// The level's name for reports.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Pclmulqdq => "pclmulqdq",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Vpclmulqdq => "vpclmulqdq",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Kind::Pmull => "pmull",
        }
    }

    /// The state after `bytes`, or `None` where tables are to do it: at the portable level and for less than a register.
    #[inline]
    #[cfg_attr(
        not(any(
            all(target_arch = "x86_64", target_feature = "sse2"),
            all(target_arch = "aarch64", target_feature = "neon")
        )),
        expect(unused_variables)
    )]
    pub(crate) fn update(self, keys: &Keys, state: u64, bytes: &[u8]) -> Option<u64> {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Pclmulqdq if bytes.len() >= LEN_MIN => {
                // SAFETY: the function needs a CPU with SSE4.2 and PCLMULQDQ. `Kind::Pclmulqdq` is private to this module, which
                // makes it only after `Features::pclmulqdq` has named both.
                Some(unsafe { pclmulqdq::update(keys, state, bytes) })
            }
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Vpclmulqdq if bytes.len() >= LEN_MIN => {
                // SAFETY: the function needs SSE4.2, PCLMULQDQ, VPCLMULQDQ and AVX-512 F, DQ and VL, with ZMM registers saved.
                // `Kind::Vpclmulqdq` is private to this module, which makes it only after `Features::vpclmulqdq` has named all.
                Some(unsafe { vpclmulqdq::update(keys, state, bytes) })
            }
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Kind::Pmull if bytes.len() >= LEN_MIN => {
                // SAFETY: the function needs NEON and PMULL. `Kind::Pmull` is private to this module, which makes it only after
                // `Features::pmull` has named both.
                Some(unsafe { pmull::update(keys, state, bytes) })
            }
            _ => None,
        }
    }
}

/// Factors that carry the first and the second half of a register over a distance.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon")
    )),
    expect(dead_code)
)]
pub(crate) struct Pair(pub [u64; 2]);

/// All that folding needs to know of a polynomial. Some levels leave some out.
#[cfg_attr(not(all(target_arch = "x86_64", target_feature = "sse2")), allow(dead_code))]
pub(crate) struct Keys {
    /// Over 1 to 4 registers of 16 bytes.
    pub over_16: Pair,
    pub over_32: Pair,
    pub over_48: Pair,
    pub over_64: Pair,
    /// Over two and four registers of 64 bytes.
    pub over_128: Pair,
    pub over_256: Pair,
    /// x¹²⁷, for the last register.
    pub over_half: u64,
    /// The quotient x¹²⁸ / P without its last coefficient.
    pub quotient: u64,
    /// P without its last coefficient, and whether that is 1.
    pub polynomial: u64,
    pub odd: bool,
}

impl Keys {
    /// From the reflected polynomial of a CRC of 64 bits, its x⁶⁴ left out.
    pub const fn of_64(reflected: u64) -> Keys {
        Keys {
            over_16: pair(128, reflected),
            over_32: pair(256, reflected),
            over_48: pair(384, reflected),
            over_64: pair(512, reflected),
            over_128: pair(1024, reflected),
            over_256: pair(2048, reflected),
            over_half: power(127, reflected),
            quotient: quotient(reflected),
            polynomial: reflected << 1 | 1,
            odd: reflected >> 63 == 1,
        }
    }

    /// From the reflected polynomial of a CRC of 32 bits, its x³² left out. The state is in the low half.
    pub const fn of_32(reflected: u32) -> Keys {
        // Times x³²: the coefficients move to the low half, and x³² itself is now among those of 64 bits.
        Keys::of_64(reflected as u64)
    }
}

/// Over a distance in bits.
const fn pair(distance: u32, reflected: u64) -> Pair {
    Pair([power(distance + 63, reflected), power(distance - 1, reflected)])
}

/// x^exponent modulo the polynomial; bit 63 is the coefficient of x⁰.
const fn power(exponent: u32, reflected: u64) -> u64 {
    let mut value = 1 << 63;
    let mut i = 0;
    while i < exponent {
        value = times_x(value, reflected);
        i += 1;
    }
    value
}

const fn times_x(value: u64, reflected: u64) -> u64 {
    value >> 1 ^ if value & 1 == 1 { reflected } else { 0 }
}

/// x¹²⁸ / P by long division: bit 0 is the coefficient of x⁶⁴, bit 63 that of x; x⁰ is never asked for.
const fn quotient(reflected: u64) -> u64 {
    let mut remainder = reflected; // x⁶⁴ minus P: the first coefficient is 1.
    let mut quotient = 1;
    let mut i = 1;
    while i < 64 {
        quotient |= (remainder & 1) << i;
        remainder = times_x(remainder, reflected);
        i += 1;
    }
    quotient
}
