//! Registers of 64 bytes, each four of 16 (VPCLMULQDQ, AVX-512), four in a row while the input lasts.

use core::arch::x86_64::*;

use super::{Keys, Pair, pclmulqdq};

/// Bytes of four registers.
const GROUP: usize = 256;

/// The state after `bytes`, of which there are at least [`super::LEN_MIN`].
#[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512dq,avx512vl,vpclmulqdq")]
pub(crate) fn update(keys: &Keys, state: u64, bytes: &[u8]) -> u64 {
    let (last, tail) = fold(keys, state, bytes);
    pclmulqdq::finish(keys, last, bytes, tail.len())
}

/// Folds the whole registers of 16 bytes into one; what is left is shorter than that.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq,avx512f,avx512dq,avx512vl,vpclmulqdq")]
pub(crate) fn fold<'a>(keys: &Keys, state: u64, bytes: &'a [u8]) -> (__m128i, &'a [u8]) {
    let wide_state = _mm512_zextsi128_si512(_mm_cvtsi64_si128(state as i64));
    let (groups, mut rest) = bytes.as_chunks::<GROUP>();
    let mut wide = if let Some((first, groups)) = groups.split_first() {
        fold_groups(keys, wide_state, first, groups)
    } else if let Some((first, behind)) = rest.split_first_chunk() {
        rest = behind;
        _mm512_xor_si512(load(first), wide_state)
    } else {
        return pclmulqdq::fold(keys, state, bytes);
    };
    while let Some((register, behind)) = rest.split_first_chunk() {
        wide = carry(wide, broadcast(keys.over_64), load(register));
        rest = behind;
    }
    let mut last = narrow(keys, wide);
    while let Some((register, behind)) = rest.split_first_chunk() {
        last = pclmulqdq::carry_onto(keys, last, register);
        rest = behind;
    }
    (last, rest)
}

#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn fold_groups(keys: &Keys, state: __m512i, first: &[u8; GROUP], groups: &[[u8; GROUP]]) -> __m512i {
    let mut x = load_group(first);
    x[0] = _mm512_xor_si512(x[0], state);
    let over_256 = broadcast(keys.over_256);
    for group in groups {
        let next = load_group(group);
        for i in 0..4 {
            x[i] = carry(x[i], over_256, next[i]);
        }
    }
    // Four into two, two into one: shorter than four in a chain.
    let over_64 = broadcast(keys.over_64);
    let front = carry(x[0], over_64, x[1]);
    let back = carry(x[2], over_64, x[3]);
    carry(front, broadcast(keys.over_128), back)
}

/// The four registers of 16 bytes as one: each over those behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,vpclmulqdq")]
fn narrow(keys: &Keys, wide: __m512i) -> __m128i {
    let Keys { over_48: Pair(a), over_32: Pair(b), over_16: Pair(c), .. } = *keys;
    let factors =
        _mm512_set_epi64(0, 0, c[1] as i64, c[0] as i64, b[1] as i64, b[0] as i64, a[1] as i64, a[0] as i64);
    // The last quarter stays as it is: its factors are zero.
    let carried = carry(wide, factors, _mm512_maskz_mov_epi64(0b1100_0000, wide));
    let half = _mm256_xor_si256(_mm512_castsi512_si256(carried), _mm512_extracti64x4_epi64::<1>(carried));
    _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half))
}

/// The register over the distance of the factors, added to `onto`.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn carry(register: __m512i, factors: __m512i, onto: __m512i) -> __m512i {
    const XOR_OF_THREE: i32 = 0x96;
    let first = _mm512_clmulepi64_epi128::<0x00>(register, factors);
    let second = _mm512_clmulepi64_epi128::<0x11>(register, factors);
    _mm512_ternarylogic_epi64::<XOR_OF_THREE>(first, second, onto)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(Pair([first, second]): Pair) -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi64x(second as i64, first as i64))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_group(group: &[u8; GROUP]) -> [__m512i; 4] {
    let (registers, _) = group.as_chunks::<64>();
    [load(&registers[0]), load(&registers[1]), load(&registers[2]), load(&registers[3])]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the instruction reads 64 bytes at any alignment, and the reference is to 64 initialised bytes. Its CPU feature is this
    // function's own.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
