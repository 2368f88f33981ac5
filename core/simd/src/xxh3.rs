//! XXH3, 64 bits, seed 0, of more than 240 bytes, at every level the CPU has. Shorter input takes other ways, which no vector helps.
//!
//! ```text
//! lanes    = 8 × u64;  stripe = 64 bytes of input;  block = 16 stripes
//! stripe i = lanes[j ^ 1] += data[j];  lanes[j] += low32(data[j] ^ secret[8i..][j]) × high32(of the same)
//! block    = its stripes, then lanes[j] = (lanes[j] ^ lanes[j] >> 47 ^ secret[128..][j]) × PRIME32_1
//! the rest = its whole stripes, then the last 64 bytes with secret[121..]
//! ```
//!
//! | level | how |
//! |---|---|
//! | portable | lane by lane |
//! | AVX2 | four lanes in a register |
//! | AVX-512 | all lanes in a register |
//!
//! Source: xxHash's `doc/xxhash_spec.md`, "XXH3 Algorithm Overview", long input.

/// Longest input that takes another way.
pub const SHORT_LEN_MAX: usize = 240;

const STRIPE_LEN: usize = 64;
const STRIPES_PER_BLOCK: usize = 16;
const BLOCK_LEN: usize = STRIPE_LEN * STRIPES_PER_BLOCK;
/// Where the secret for the end of a block, for the last stripe and for joining the lanes begins.
const SECRET_SCRAMBLE: usize = 128;
const SECRET_LAST: usize = 121;
const SECRET_MERGE: usize = 11;

const PRIME32_1: u64 = 0x9e37_79b1;
const PRIME32_2: u64 = 0x85eb_ca77;
const PRIME32_3: u64 = 0xc2b2_ae3d;
const PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME64_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME64_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME64_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME64_5: u64 = 0x27d4_eb2f_1656_67c5;
const PRIME_MX1: u64 = 0x1656_6791_9e37_79f9;

type Lanes = [u64; 8];

const LANES_AT_START: Lanes =
    [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];

/// A way to compute that this CPU is known to have: only detection makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx512,
}

impl Level {
    /// The fastest level of this CPU.
    #[inline]
    pub fn best() -> Level {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        if crate::cpu::features().avx512() {
            return Level(Kind::Avx512);
        } else if crate::cpu::features().avx2() {
            return Level(Kind::Avx2);
        }
        Level(Kind::Portable)
    }

    /// Every level of this CPU, the portable one first.
    pub fn available() -> impl Iterator<Item = Level> {
        let all = [
            Level(Kind::Portable),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level(Kind::Avx2),
        ];
        let best = Level::best();
        // The levels ascend: a CPU that has one has those before it.
        all.into_iter().take_while(move |level| *level != best).chain([best])
    }

    /// The level's name for reports.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx2 => "avx2",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx512 => "avx512",
        }
    }

    /// Whether it is the level of every CPU.
    #[inline]
    pub const fn is_portable(self) -> bool {
        matches!(self.0, Kind::Portable)
    }

    /// The hash of `input`, which must be longer than [`SHORT_LEN_MAX`]; 0 otherwise.
    #[inline]
    pub fn hash_long(self, input: &[u8]) -> u64 {
        if input.len() <= SHORT_LEN_MAX {
            return 0;
        }
        let lanes = match self.0 {
            Kind::Portable => portable::lanes(input),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs AVX2 with YMM registers saved. `Kind::Avx2` is private to this module, and `Level::best` makes it
            // only after `Features::avx2` has named it; `available` gives it only below a level that has it too.
            Kind::Avx2 => unsafe { avx2::lanes(input) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs AVX-512 F and DQ with ZMM registers saved. `Kind::Avx512` is private to this module, and
            // `Level::best` makes it only after `Features::avx512` has named both.
            Kind::Avx512 => unsafe { avx512::lanes(input) },
        };
        merge(&lanes, input.len())
    }
}

/// Joins the lanes.
fn merge(lanes: &Lanes, len: usize) -> u64 {
    let start = (len as u64).wrapping_mul(PRIME64_1);
    let folded = (0..4).map(|i| {
        let (a, b) = (lanes[2 * i], lanes[2 * i + 1]);
        let at = SECRET_MERGE + 16 * i;
        let product = u128::from(a ^ secret_u64(at)) * u128::from(b ^ secret_u64(at + 8));
        product as u64 ^ (product >> 64) as u64
    });
    let sum = folded.fold(start, u64::wrapping_add);
    let mixed = (sum ^ (sum >> 37)).wrapping_mul(PRIME_MX1);
    mixed ^ (mixed >> 32)
}

/// 64 bytes of the secret.
#[inline(always)]
fn secret(at: usize) -> &'static [u8; STRIPE_LEN] {
    SECRET[at..].first_chunk().expect("every use lies within the secret")
}

fn secret_u64(at: usize) -> u64 {
    u64::from_le_bytes(*SECRET[at..].first_chunk().expect("every use lies within the secret"))
}

/// The walk over the input, once for each level: a function with a CPU feature of its own cannot be a parameter.
macro_rules! walk {
    ([$($attribute:meta)?] $start:expr, $accumulate:path, $scramble:path, $finish:path) => {
        /// The lanes behind all of `input`, which is longer than a stripe.
        $(#[$attribute])?
        pub(super) fn lanes(input: &[u8]) -> Lanes {
            // The last byte belongs to the last stripe, so that a last block may be whole and is no block yet.
            let (blocks, _) = input[..input.len() - 1].as_chunks::<BLOCK_LEN>();
            let rest = &input[blocks.len() * BLOCK_LEN..input.len() - 1];
            let mut lanes = $start;
            for block in blocks {
                for (i, stripe) in block.as_chunks::<STRIPE_LEN>().0.iter().enumerate() {
                    lanes = $accumulate(lanes, stripe, secret(8 * i));
                }
                lanes = $scramble(lanes, secret(SECRET_SCRAMBLE));
            }
            for (i, stripe) in rest.as_chunks::<STRIPE_LEN>().0.iter().enumerate() {
                lanes = $accumulate(lanes, stripe, secret(8 * i));
            }
            let last = input.last_chunk().expect("the input is longer than a stripe");
            $finish($accumulate(lanes, last, secret(SECRET_LAST)))
        }
    };
}

mod portable {
    use super::*;

    walk!([] LANES_AT_START, accumulate, scramble, core::convert::identity);

    fn words(bytes: &[u8; STRIPE_LEN]) -> Lanes {
        let (words, _) = bytes.as_chunks::<8>();
        core::array::from_fn(|i| u64::from_le_bytes(words[i]))
    }

    #[inline(always)]
    fn accumulate(mut lanes: Lanes, stripe: &[u8; STRIPE_LEN], secret: &[u8; STRIPE_LEN]) -> Lanes {
        let (data, secret) = (words(stripe), words(secret));
        for i in 0..8 {
            let key = data[i] ^ secret[i];
            lanes[i ^ 1] = lanes[i ^ 1].wrapping_add(data[i]);
            lanes[i] = lanes[i].wrapping_add((key & 0xffff_ffff) * (key >> 32));
        }
        lanes
    }

    #[inline(always)]
    fn scramble(lanes: Lanes, secret: &[u8; STRIPE_LEN]) -> Lanes {
        let secret = words(secret);
        core::array::from_fn(|i| (lanes[i] ^ (lanes[i] >> 47) ^ secret[i]).wrapping_mul(PRIME32_1))
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512 {
    use core::arch::x86_64::*;

    use super::*;

    walk!([target_feature(enable = "avx512f,avx512dq")] load_lanes(&LANES_AT_START), accumulate, scramble, store_lanes);

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(bytes: &[u8; STRIPE_LEN]) -> __m512i {
        // SAFETY: 64 readable bytes; the load needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_lanes(lanes: &Lanes) -> __m512i {
        // SAFETY: as in `load`.
        unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store_lanes(lanes: __m512i) -> Lanes {
        let mut out = [0; 8];
        // SAFETY: 64 writable bytes; the store needs no alignment.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), lanes) };
        out
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn accumulate(lanes: __m512i, stripe: &[u8; STRIPE_LEN], secret: &[u8; STRIPE_LEN]) -> __m512i {
        let data = load(stripe);
        let key = _mm512_xor_si512(data, load(secret));
        let product = _mm512_mul_epu32(key, _mm512_srli_epi64::<32>(key));
        let swapped = _mm512_shuffle_epi32::<0b01_00_11_10>(data);
        _mm512_add_epi64(lanes, _mm512_add_epi64(product, swapped))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn scramble(lanes: __m512i, secret: &[u8; STRIPE_LEN]) -> __m512i {
        let mixed = _mm512_xor_si512(lanes, _mm512_srli_epi64::<47>(lanes));
        _mm512_mullo_epi64(_mm512_xor_si512(mixed, load(secret)), _mm512_set1_epi64(PRIME32_1 as i64))
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2 {
    use core::arch::x86_64::*;

    use super::*;

    type Halves = [__m256i; 2];

    walk!([target_feature(enable = "avx2")] load_lanes(&LANES_AT_START), accumulate, scramble, store_lanes);

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; STRIPE_LEN]) -> Halves {
        let at = bytes.as_ptr();
        // SAFETY: two halves of 64 readable bytes; the loads need no alignment.
        unsafe { [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(32).cast())] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_lanes(lanes: &Lanes) -> Halves {
        let at = lanes.as_ptr();
        // SAFETY: as in `load`.
        unsafe { [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(4).cast())] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_lanes(lanes: Halves) -> Lanes {
        let mut out = [0; 8];
        // SAFETY: two halves of 64 writable bytes; the stores need no alignment.
        unsafe {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), lanes[0]);
            _mm256_storeu_si256(out.as_mut_ptr().add(4).cast(), lanes[1]);
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn accumulate(lanes: Halves, stripe: &[u8; STRIPE_LEN], secret: &[u8; STRIPE_LEN]) -> Halves {
        let (data, secret) = (load(stripe), load(secret));
        core::array::from_fn(|i| {
            let key = _mm256_xor_si256(data[i], secret[i]);
            let product = _mm256_mul_epu32(key, _mm256_srli_epi64::<32>(key));
            let swapped = _mm256_shuffle_epi32::<0b01_00_11_10>(data[i]);
            _mm256_add_epi64(lanes[i], _mm256_add_epi64(product, swapped))
        })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn scramble(lanes: Halves, secret: &[u8; STRIPE_LEN]) -> Halves {
        let (secret, prime) = (load(secret), _mm256_set1_epi64x(PRIME32_1 as i64));
        core::array::from_fn(|i| {
            let mixed = _mm256_xor_si256(lanes[i], _mm256_srli_epi64::<47>(lanes[i]));
            let keyed = _mm256_xor_si256(mixed, secret[i]);
            // The prime has 32 bits: two products of halves.
            let high = _mm256_mul_epu32(_mm256_srli_epi64::<32>(keyed), prime);
            _mm256_add_epi64(_mm256_mul_epu32(keyed, prime), _mm256_slli_epi64::<32>(high))
        })
    }
}

/// The default secret; the frozen preview of XXH3 has the same.
pub const SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde,
    0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79,
    0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46,
    0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb,
    0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2,
    0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c,
    0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59,
    0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3,
    0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3,
    0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8,
    0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb,
    0xca, 0xbb, 0x4b, 0x40, 0x7e,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge;

    #[test]
    fn every_level_agrees_with_the_library() {
        for level in Level::available() {
            let ours = |bytes: &[u8]| level.hash_long(bytes);
            let theirs = |bytes: &[u8]| match bytes.len() {
                ..=SHORT_LEN_MAX => 0,
                _ => xxhash_rust::xxh3::xxh3_64(bytes),
            };
            judge::every_length(level.name(), ours, theirs);
        }
    }
}
