//! Eight seeds a register, four registers at once: each has winners of its own, so that no comparison waits for the one before.

use core::arch::x86_64::*;

use super::{FIRST, SECOND, UNIT, Weighted, next_above_portable, registers};

/// The best score of every lane and the place of its seed.
#[derive(Clone, Copy)]
struct Winners {
    scores: __m512i,
    places: __m512i,
}

/// The place of the highest score; there must be a seed.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn highest(key: u64, seeds: &[u64]) -> usize {
    let key = _mm512_set1_epi64(key as i64);
    let lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    let (whole, filled) = registers::<8>(seeds);
    // Until a score is above zero, a winner is the seed of its first register. Where there is none, that place comes after all seeds and
    // loses against them.
    let first = |nth: i64| Winners {
        scores: _mm512_setzero_si512(),
        places: _mm512_add_epi64(lanes, _mm512_set1_epi64(8 * nth)),
    };
    let mut winners = [first(0), first(1), first(2), first(3)];
    let (groups, rest) = whole.as_chunks::<4>();
    let mut places = lanes;
    let eight = _mm512_set1_epi64(8);
    for group in groups {
        for (winners, seeds) in winners.iter_mut().zip(group) {
            *winners = better(*winners, Winners { scores: scores(key, load(seeds)), places });
            places = _mm512_add_epi64(places, eight);
        }
    }
    for (winners, seeds) in winners.iter_mut().zip(rest.iter().chain(&filled)) {
        *winners = better(*winners, Winners { scores: scores(key, load(seeds)), places });
        places = _mm512_add_epi64(places, eight);
    }
    let [a, b, c, d] = winners;
    let all = earliest(earliest(a, b), earliest(c, d));
    let best = _mm512_reduce_max_epu64(all.scores);
    let tied = _mm512_cmpeq_epu64_mask(all.scores, _mm512_set1_epi64(best as i64));
    _mm512_mask_reduce_min_epu64(tied, all.places) as usize
}

/// The first place where `weight > bar · (1 - unit)`.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn next_above(key: u64, nodes: Weighted<'_>, bar: f64) -> Option<usize> {
    let lanes = _mm512_set1_epi64(key as i64);
    let bars = _mm512_set1_pd(bar);
    let (seeds, _) = nodes.seeds.as_chunks::<8>();
    let (weights, _) = nodes.weights.as_chunks::<8>();
    for (at, (seeds, weights)) in seeds.iter().zip(weights).enumerate() {
        let numbers = _mm512_cvtepu64_pd(_mm512_srli_epi64::<12>(scores(lanes, load(seeds))));
        let units = _mm512_mul_pd(_mm512_add_pd(numbers, _mm512_set1_pd(0.5)), _mm512_set1_pd(UNIT));
        let least = _mm512_mul_pd(bars, _mm512_sub_pd(_mm512_set1_pd(1.0), units));
        let above = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(load_weights(weights), least);
        if above != 0 {
            return Some(8 * at + above.trailing_zeros() as usize);
        }
    }
    let done = 8 * seeds.len();
    let rest = Weighted { seeds: &nodes.seeds[done..], weights: &nodes.weights[done..] };
    Some(done + next_above_portable(key, rest, bar)?)
}

/// Later places win by a higher score only.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn better(held: Winners, new: Winners) -> Winners {
    take(held, new, _mm512_cmpgt_epu64_mask(new.scores, held.scores))
}

/// The higher score, and of equal ones the smaller place.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn earliest(a: Winners, b: Winners) -> Winners {
    let higher = _mm512_cmpgt_epu64_mask(b.scores, a.scores);
    let tied = _mm512_cmpeq_epu64_mask(b.scores, a.scores) & _mm512_cmplt_epu64_mask(b.places, a.places);
    take(a, b, higher | tied)
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn take(held: Winners, new: Winners, which: __mmask8) -> Winners {
    Winners {
        scores: _mm512_mask_mov_epi64(held.scores, which, new.scores),
        places: _mm512_mask_mov_epi64(held.places, which, new.places),
    }
}

/// `mix64(key ^ seed)` of every lane.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn scores(key: __m512i, seeds: __m512i) -> __m512i {
    let z = _mm512_xor_si512(key, seeds);
    let z = _mm512_xor_si512(z, _mm512_srli_epi64::<30>(z));
    let z = _mm512_mullo_epi64(z, _mm512_set1_epi64(FIRST as i64));
    let z = _mm512_xor_si512(z, _mm512_srli_epi64::<27>(z));
    let z = _mm512_mullo_epi64(z, _mm512_set1_epi64(SECOND as i64));
    _mm512_xor_si512(z, _mm512_srli_epi64::<31>(z))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(seeds: &[u64; 8]) -> __m512i {
    // SAFETY: the instruction reads 64 bytes at any alignment, and the reference is to 64 initialised bytes. Its CPU feature is this
    // function's own.
    unsafe { _mm512_loadu_si512(seeds.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_weights(weights: &[f64; 8]) -> __m512d {
    // SAFETY: as in `load`, of 64 bytes as well.
    unsafe { _mm512_loadu_pd(weights.as_ptr()) }
}
