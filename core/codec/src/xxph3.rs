//! XXPH3: the preview of XXH3 (xxHash 0.7.2) that RocksDB froze into its filters (`util/xxph3.h`), seed 0.
//!
//! It differs from the final XXH3 that block checksums use in every length class: another avalanche, other short-key mixes, no
//! byte swap, and a hash for the empty key that is not zero. With the final one a table opens, scans and verifies, and no
//! key is found through its filter.

use dolmen_simd::xxh3::SECRET;
/// Part of the secret that the middle lengths use up to.
const SECRET_LEN_MIN: usize = 136;
const STRIPE_LEN: usize = 64;
/// How far the secret moves from stripe to stripe.
const SECRET_STEP: usize = 8;
const STRIPES_PER_BLOCK: usize = (SECRET.len() - STRIPE_LEN) / SECRET_STEP;

const PRIME32_1: u64 = 0x9e37_79b1;
const PRIME32_2: u64 = 0x85eb_ca77;
const PRIME32_3: u64 = 0xc2b2_ae3d;
const PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME64_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME64_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME64_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME64_5: u64 = 0x27d4_eb2f_1656_67c5;

/// The frozen hash of `input`.
#[inline]
pub fn xxph3_64(input: &[u8]) -> u64 {
    match input.len() {
        9..=16 => hash_9_to_16(input),
        0..=8 => hash_up_to_8(input),
        17..=128 => hash_17_to_128(input),
        129..=240 => hash_129_to_240(input),
        _ => hash_long(input),
    }
}

fn hash_up_to_8(input: &[u8]) -> u64 {
    let len = input.len();
    match len {
        0 => mul_fold(u64_at(&SECRET, 0), PRIME64_2),
        1..=3 => {
            let bytes = [input[0], input[len / 2], input[len - 1], len as u8];
            let keyed = u64::from(u32::from_le_bytes(bytes)) ^ u64::from(u32_at(&SECRET, 0));
            avalanche(keyed.wrapping_mul(PRIME64_1))
        }
        _ => {
            let both = u64::from(u32_at(input, 0)) | u64::from(u32_at(input, len - 4)) << 32;
            let keyed = both ^ u64_at(&SECRET, 0);
            let mixed = (keyed ^ keyed >> 51).wrapping_mul(PRIME32_1).wrapping_add(len as u64);
            avalanche((mixed ^ mixed >> 47).wrapping_mul(PRIME64_2))
        }
    }
}

#[inline]
fn hash_9_to_16(input: &[u8]) -> u64 {
    let low = u64_at(input, 0) ^ u64_at(&SECRET, 0);
    let high = u64_at(input, input.len() - 8) ^ u64_at(&SECRET, 8);
    let sum = (input.len() as u64).wrapping_add(low).wrapping_add(high);
    avalanche(sum.wrapping_add(mul_fold(low, high)))
}

/// Pairs of 16 bytes from both ends towards the middle.
fn hash_17_to_128(input: &[u8]) -> u64 {
    let len = input.len();
    let mut acc = (len as u64).wrapping_mul(PRIME64_1);
    for i in (0..=(len - 1) / 32).rev() {
        acc = acc.wrapping_add(mix_16(input, 16 * i, 32 * i));
        acc = acc.wrapping_add(mix_16(input, len - 16 * (i + 1), 32 * i + 16));
    }
    avalanche(acc)
}

fn hash_129_to_240(input: &[u8]) -> u64 {
    let len = input.len();
    let mut acc = (len as u64).wrapping_mul(PRIME64_1);
    for i in 0..8 {
        acc = acc.wrapping_add(mix_16(input, 16 * i, 16 * i));
    }
    acc = avalanche(acc);
    for i in 8..len / 16 {
        acc = acc.wrapping_add(mix_16(input, 16 * i, 16 * (i - 8) + 3));
    }
    avalanche(acc.wrapping_add(mix_16(input, len - 16, SECRET_LEN_MIN - 17)))
}

#[inline(never)]
fn hash_long(input: &[u8]) -> u64 {
    let mut acc = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
    let (stripes, rest) = input.as_chunks::<STRIPE_LEN>();
    for block in stripes.chunks(STRIPES_PER_BLOCK) {
        for (n, stripe) in block.iter().enumerate() {
            accumulate(&mut acc, stripe, SECRET_STEP * n);
        }
        if block.len() == STRIPES_PER_BLOCK {
            scramble(&mut acc);
        }
    }
    if !rest.is_empty()
        && let Some(last) = input.last_chunk::<STRIPE_LEN>()
    {
        accumulate(&mut acc, last, SECRET.len() - STRIPE_LEN - 7);
    }
    let start = (input.len() as u64).wrapping_mul(PRIME64_1);
    let merged = (0..4).fold(start, |sum, i| {
        let (a, b) =
            (acc[2 * i] ^ u64_at(&SECRET, 11 + 16 * i), acc[2 * i + 1] ^ u64_at(&SECRET, 19 + 16 * i));
        sum.wrapping_add(mul_fold(a, b))
    });
    avalanche(merged)
}

fn accumulate(acc: &mut [u64; 8], stripe: &[u8; STRIPE_LEN], secret_at: usize) {
    for (i, lane) in acc.iter_mut().enumerate() {
        let data = u64_at(stripe, 8 * i);
        let keyed = data ^ u64_at(&SECRET, secret_at + 8 * i);
        *lane = lane.wrapping_add(data).wrapping_add((keyed & 0xffff_ffff) * (keyed >> 32));
    }
}

fn scramble(acc: &mut [u64; 8]) {
    for (i, lane) in acc.iter_mut().enumerate() {
        let key = u64_at(&SECRET, SECRET.len() - STRIPE_LEN + 8 * i);
        *lane = (*lane ^ *lane >> 47 ^ key).wrapping_mul(PRIME32_1);
    }
}

fn mix_16(input: &[u8], at: usize, secret_at: usize) -> u64 {
    mul_fold(
        u64_at(input, at) ^ u64_at(&SECRET, secret_at),
        u64_at(input, at + 8) ^ u64_at(&SECRET, secret_at + 8),
    )
}

#[inline]
fn mul_fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn avalanche(mut h: u64) -> u64 {
    h ^= h >> 37;
    h = h.wrapping_mul(PRIME64_3);
    h ^ h >> 32
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::xxph3_64;

    /// From `XXPH3_64bits` of RocksDB's `util/xxph3.h`, compiled with g++ 12; byte `i` of the input is `131 i + 7`.
    const EXPECTED: [(usize, u64); 25] = [
        (0, 0x5342_c301_0fe1_dd04),
        (1, 0xb71d_295c_7865_c7e9),
        (2, 0x7770_96a9_131e_825d),
        (3, 0x8b93_d653_06b4_7960),
        (4, 0x640d_fa78_d960_2caa),
        (8, 0xe02b_b026_0ca2_f426),
        (9, 0x82e2_7d91_ecbd_e0e3),
        (16, 0x808d_c7f6_a08e_1828),
        (17, 0x6216_c07c_87bf_e5d1),
        (32, 0xf1ba_ab98_5ecf_232e),
        (33, 0x48c3_ee9b_e523_1873),
        (64, 0xec97_64f4_fa25_86fd),
        (65, 0x0704_82c3_b1bc_6389),
        (96, 0x8bf5_5ea9_f6da_04e5),
        (97, 0x682d_0b1b_fce2_169d),
        (128, 0xb885_f0d2_6898_35e1),
        (129, 0xfe14_6eb2_e99b_1a68),
        (144, 0x9731_b6d8_c6e0_d8c3),
        (240, 0xddce_7abb_d046_abf1),
        (241, 0xb1e5_3475_de84_b071),
        (256, 0xd4e2_1b1a_d9fa_d6c0),
        (1024, 0x144a_a676_708d_a11c),
        (1025, 0x6210_58c4_914d_5089),
        (2048, 0xefa5_7a01_3282_3302),
        (4999, 0x66c8_cf99_d408_ecf1),
    ];

    #[test]
    fn equals_rocksdbs_at_every_length() {
        let input: Vec<u8> = (0..5000u32).map(|i| (i * 131 + 7) as u8).collect();
        for (len, expected) in EXPECTED {
            assert_eq!(xxph3_64(&input[..len]), expected, "length {len}");
        }
        // All lengths from 0 to 4096 in one number: h = 31 h + hash.
        let all = (0..=4096).fold(0u64, |h, len| h.wrapping_mul(31).wrapping_add(xxph3_64(&input[..len])));
        assert_eq!(all, 0x4b9d_a48c_7518_4671);
    }
}
