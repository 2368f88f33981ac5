//! Four seeds a register. Scores are kept with their highest bit flipped, which makes AVX2's signed comparison an unsigned one.

use core::arch::x86_64::*;

use super::{FIRST, SECOND, UNIT, Weighted, next_above_portable, registers};

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

/// The first place where `weight > bar · (1 - unit)`.
#[target_feature(enable = "avx2")]
pub(super) fn next_above(key: u64, nodes: Weighted<'_>, bar: f64) -> Option<usize> {
    let lanes = _mm256_set1_epi64x(key as i64);
    let bars = _mm256_set1_pd(bar);
    let (seeds, _) = nodes.seeds.as_chunks::<4>();
    let (weights, _) = nodes.weights.as_chunks::<4>();
    for (at, (seeds, weights)) in seeds.iter().zip(weights).enumerate() {
        let numbers = to_doubles(_mm256_srli_epi64::<12>(mixed(lanes, load(seeds))));
        let units = _mm256_mul_pd(_mm256_add_pd(numbers, _mm256_set1_pd(0.5)), _mm256_set1_pd(UNIT));
        let least = _mm256_mul_pd(bars, _mm256_sub_pd(_mm256_set1_pd(1.0), units));
        let above = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(load_weights(weights), least));
        if above != 0 {
            return Some(4 * at + above.trailing_zeros() as usize);
        }
    }
    let done = 4 * seeds.len();
    let rest = Weighted { seeds: &nodes.seeds[done..], weights: &nodes.weights[done..] };
    Some(done + next_above_portable(key, rest, bar)?)
}

/// Numbers below 2^53: each half becomes the fraction of a double of known exponent, which is then taken away. Both are exact, and so is
/// their sum.
#[inline]
#[target_feature(enable = "avx2")]
fn to_doubles(numbers: __m256i) -> __m256d {
    const TWO_POW_52: i64 = 0x4330 << 48;
    const TWO_POW_84: i64 = 0x4530 << 48;
    let doubles = |halves: __m256i, exponent: i64| {
        let exponent = _mm256_set1_epi64x(exponent);
        _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(halves, exponent)), _mm256_castsi256_pd(exponent))
    };
    let low = _mm256_and_si256(numbers, _mm256_set1_epi64x(0xffff_ffff));
    _mm256_add_pd(doubles(_mm256_srli_epi64::<32>(numbers), TWO_POW_84), doubles(low, TWO_POW_52))
}

/// [`mixed`] with the highest bit flipped.
#[inline]
#[target_feature(enable = "avx2")]
fn scores(key: __m256i, seeds: __m256i) -> __m256i {
    _mm256_xor_si256(mixed(key, seeds), _mm256_set1_epi64x(i64::MIN))
}

/// `mix64(key ^ seed)` of every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn mixed(key: __m256i, seeds: __m256i) -> __m256i {
    let z = _mm256_xor_si256(key, seeds);
    let z = _mm256_xor_si256(z, _mm256_srli_epi64::<30>(z));
    let z = times::<FIRST>(z);
    let z = _mm256_xor_si256(z, _mm256_srli_epi64::<27>(z));
    let z = times::<SECOND>(z);
    _mm256_xor_si256(z, _mm256_srli_epi64::<31>(z))
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
fn load_weights(weights: &[f64; 4]) -> __m256d {
    // SAFETY: as in `load`, of 32 bytes as well.
    unsafe { _mm256_loadu_pd(weights.as_ptr()) }
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
