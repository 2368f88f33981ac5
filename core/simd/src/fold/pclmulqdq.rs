//! Registers of 16 bytes (PCLMULQDQ, SSE4.2), four in a row.

use core::arch::x86_64::*;

use super::{Keys, Pair};

/// Bytes of four registers.
const GROUP: usize = 64;

/// The state after `bytes`, of which there are at least [`super::LEN_MIN`].
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(crate) fn update(keys: &Keys, state: u64, bytes: &[u8]) -> u64 {
    let (last, tail) = fold(keys, state, bytes);
    finish(keys, last, bytes, tail.len())
}

/// Folds the whole registers of `bytes` into one; what is left is shorter than a register.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(crate) fn fold<'a>(keys: &Keys, state: u64, bytes: &'a [u8]) -> (__m128i, &'a [u8]) {
    let state = _mm_cvtsi64_si128(state as i64);
    let (groups, mut rest) = bytes.as_chunks::<GROUP>();
    let mut last = match groups.split_first() {
        Some((first, groups)) => fold_groups(keys, state, first, groups),
        None => {
            let first;
            (first, rest) = rest.split_first_chunk().expect("the caller has checked the length");
            _mm_xor_si128(load(first), state)
        }
    };
    while let Some((register, behind)) = rest.split_first_chunk() {
        last = carry_onto(keys, last, register);
        rest = behind;
    }
    (last, rest)
}

#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn fold_groups(keys: &Keys, state: __m128i, first: &[u8; GROUP], groups: &[[u8; GROUP]]) -> __m128i {
    let mut x = load_group(first);
    x[0] = _mm_xor_si128(x[0], state);
    let over_64 = load_pair(keys.over_64);
    for group in groups {
        let next = load_group(group);
        for i in 0..4 {
            x[i] = _mm_xor_si128(carry(x[i], over_64), next[i]);
        }
    }
    let a = carry(x[0], load_pair(keys.over_48));
    let b = carry(x[1], load_pair(keys.over_32));
    let c = carry(x[2], load_pair(keys.over_16));
    _mm_xor_si128(_mm_xor_si128(a, b), _mm_xor_si128(c, x[3]))
}

/// The state after the register and the last `tail_len` of `bytes`, fewer than 16.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(crate) fn finish(keys: &Keys, register: __m128i, bytes: &[u8], tail_len: usize) -> u64 {
    if tail_len == 0 {
        return reduce(keys, register);
    }
    let end = bytes.last_chunk().expect("the caller has checked the length");
    reduce(keys, append(keys, register, end, tail_len))
}

/// The register over the next one, added to it.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(crate) fn carry_onto(keys: &Keys, register: __m128i, next: &[u8; 16]) -> __m128i {
    _mm_xor_si128(carry(register, load_pair(keys.over_16)), load(next))
}

/// The register over the distance of the factors.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn carry(register: __m128i, factors: __m128i) -> __m128i {
    let first = _mm_clmulepi64_si128::<0x00>(register, factors);
    let second = _mm_clmulepi64_si128::<0x11>(register, factors);
    _mm_xor_si128(first, second)
}

/// `register` and the last `len` of `end`, 1 to 15 bytes, as one register. The bytes of the two are parted anew: `16 + len` is a
/// register that begins with zeros, and one that is full.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn append(keys: &Keys, register: __m128i, end: &[u8; 16], len: usize) -> __m128i {
    /// Shuffles by a place: an index with its top bit set gives zero.
    static PLACES: [u8; 48] = {
        let mut places = [0x80; 48];
        let mut i = 0;
        while i < 16 {
            places[16 + i] = i as u8;
            i += 1;
        }
        places
    };
    let (to_end, to_front) = (load(window(&PLACES, len)), load(window(&PLACES, 16 + len)));
    let front = _mm_shuffle_epi8(register, to_end);
    let back = _mm_shuffle_epi8(register, to_front);
    let is_tail = _mm_cmpgt_epi8(to_end, _mm_set1_epi8(-1));
    let full = _mm_xor_si128(back, _mm_and_si128(load(end), is_tail));
    _mm_xor_si128(carry(front, load_pair(keys.over_16)), full)
}

/// The last register as a state: times x⁶⁴, modulo the polynomial.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn reduce(keys: &Keys, register: __m128i) -> u64 {
    let factor = _mm_cvtsi64_si128(keys.over_half as i64);
    let barrett = _mm_set_epi64x(keys.polynomial as i64, keys.quotient as i64);
    // 128 bits, of which the second half needs no more than 64 places.
    let sum = _mm_xor_si128(_mm_clmulepi64_si128::<0x00>(register, factor), _mm_srli_si128::<8>(register));
    let quotient = _mm_clmulepi64_si128::<0x00>(sum, barrett);
    let product = _mm_clmulepi64_si128::<0x10>(quotient, barrett);
    let last = if keys.odd { _mm_cvtsi128_si64(quotient) } else { 0 };
    (_mm_extract_epi64::<1>(_mm_xor_si128(sum, product)) ^ last) as u64
}

fn window(places: &[u8; 48], at: usize) -> &[u8; 16] {
    places[at..].first_chunk().expect("at most 32, since a tail is shorter than a register")
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn load_group(group: &[u8; GROUP]) -> [__m128i; 4] {
    let (registers, _) = group.as_chunks::<16>();
    [load(&registers[0]), load(&registers[1]), load(&registers[2]), load(&registers[3])]
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn load_pair(Pair([first, second]): Pair) -> __m128i {
    _mm_set_epi64x(second as i64, first as i64)
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the instruction reads 16 bytes at any alignment, and the reference is to 16 initialised bytes. Its CPU feature is this
    // function's own.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
