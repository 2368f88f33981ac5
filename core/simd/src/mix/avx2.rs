//! Four seeds a register. Scores are kept with their highest bit flipped, which makes AVX2's signed comparison an unsigned one.

use core::arch::x86_64::*;

use super::{FIRST, SECOND, registers};

/// The place of the highest score; there must be a seed.
#[target_feature(enable = "avx2")]
pub(super) fn highest(key: u64, seeds: &[u64]) -> usize {
    let key = _mm256_set1_epi64x(key as i64);
    let (whole, filled) = registers::<4>(seeds);
    let lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    // The first register begins; from then on a later place wins by a higher score only.
    let mut best = _mm256_set1_epi64x(i64::MIN);
    let (mut best_places, mut places) = (lanes, lanes);
    for seeds in whole.iter().chain(&filled) {
        let scores = scores(key, load(seeds));
        let higher = _mm256_cmpgt_epi64(scores, best);
        best = _mm256_blendv_epi8(best, scores, higher);
        best_places = _mm256_blendv_epi8(best_places, places, higher);
        places = _mm256_add_epi64(places, _mm256_set1_epi64x(4));
    }
    let (scores, places) = (store(best), store(best_places));
    let mut winner = 0;
    for lane in 1..4 {
        let (score, place) = (scores[lane], places[lane]);
        if score > scores[winner] || (score == scores[winner] && place < places[winner]) {
            winner = lane;
        }
    }
    places[winner] as usize
}

/// `mix64(key ^ seed)` of every lane, its highest bit flipped.
#[inline]
#[target_feature(enable = "avx2")]
fn scores(key: __m256i, seeds: __m256i) -> __m256i {
    let z = _mm256_xor_si256(key, seeds);
    let z = _mm256_xor_si256(z, _mm256_srli_epi64::<30>(z));
    let z = times::<FIRST>(z);
    let z = _mm256_xor_si256(z, _mm256_srli_epi64::<27>(z));
    let z = times::<SECOND>(z);
    let z = _mm256_xor_si256(z, _mm256_srli_epi64::<31>(z));
    _mm256_xor_si256(z, _mm256_set1_epi64x(i64::MIN))
}

/// The low half of a product: low · low, and the two mixed products 32 bits further up.
#[inline]
#[target_feature(enable = "avx2")]
fn times<const FACTOR: u64>(z: __m256i) -> __m256i {
    let low = _mm256_set1_epi64x((FACTOR & 0xffff_ffff) as i64);
    let high = _mm256_set1_epi64x((FACTOR >> 32) as i64);
    let mixed =
        _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64::<32>(z), low), _mm256_mul_epu32(z, high));
    _mm256_add_epi64(_mm256_mul_epu32(z, low), _mm256_slli_epi64::<32>(mixed))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(seeds: &[u64; 4]) -> __m256i {
    // SAFETY: the instruction reads 32 bytes at any alignment, and the reference is to 32 initialised bytes. Its CPU feature is this
    // function's own.
    unsafe { _mm256_loadu_si256(seeds.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(register: __m256i) -> [i64; 4] {
    let mut lanes = [0; 4];
    // SAFETY: the instruction writes 32 bytes at any alignment, and the reference is to an array of 32 bytes of its own. Its CPU
    // feature is this function's own.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), register) };
    lanes
}
