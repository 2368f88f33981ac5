//! Registers of 16 bytes (PMULL, aarch64), four in a row.

use core::arch::aarch64::*;

use super::{Keys, Pair};

/// Bytes of four registers.
const GROUP: usize = 64;

/// The state after `bytes`, of which there are at least [`super::LEN_MIN`].
#[target_feature(enable = "neon,aes")]
pub(super) fn update(keys: &Keys, state: u64, bytes: &[u8]) -> u64 {
    let state = vcombine_u64(vcreate_u64(state), vcreate_u64(0));
    let (groups, mut rest) = bytes.as_chunks::<GROUP>();
    let mut last = match groups.split_first() {
        Some((first, groups)) => fold_groups(keys, state, first, groups),
        None => {
            let first;
            (first, rest) = rest.split_first_chunk().expect("the caller has checked the length");
            veorq_u64(load(first), state)
        }
    };
    while let Some((register, behind)) = rest.split_first_chunk() {
        last = veorq_u64(carry(last, keys.over_16), load(register));
        rest = behind;
    }
    if !rest.is_empty() {
        let end = bytes.last_chunk().expect("the caller has checked the length");
        last = append(keys, last, end, rest.len());
    }
    reduce(keys, last)
}

#[inline]
#[target_feature(enable = "neon,aes")]
fn fold_groups(keys: &Keys, state: uint64x2_t, first: &[u8; GROUP], groups: &[[u8; GROUP]]) -> uint64x2_t {
    let mut x = load_group(first);
    x[0] = veorq_u64(x[0], state);
    for group in groups {
        let next = load_group(group);
        for i in 0..4 {
            x[i] = veorq_u64(carry(x[i], keys.over_64), next[i]);
        }
    }
    let a = carry(x[0], keys.over_48);
    let b = carry(x[1], keys.over_32);
    let c = carry(x[2], keys.over_16);
    veorq_u64(veorq_u64(a, b), veorq_u64(c, x[3]))
}

/// The register over the distance of the factors.
#[inline]
#[target_feature(enable = "neon,aes")]
fn carry(register: uint64x2_t, Pair(factors): Pair) -> uint64x2_t {
    let first = multiply(vgetq_lane_u64::<0>(register), factors[0]);
    let second = multiply(vgetq_lane_u64::<1>(register), factors[1]);
    veorq_u64(first, second)
}

/// `register` and the last `len` of `end`, 1 to 15 bytes, as one register. The bytes of the two are parted anew: `16 + len` is a
/// register that begins with zeros, and one that is full.
#[inline]
#[target_feature(enable = "neon,aes")]
fn append(keys: &Keys, register: uint64x2_t, end: &[u8; 16], len: usize) -> uint64x2_t {
    let whole = u128::from(vgetq_lane_u64::<0>(register)) | u128::from(vgetq_lane_u64::<1>(register)) << 64;
    let front = whole << (128 - 8 * len);
    let tail = u128::from_le_bytes(*end) >> (128 - 8 * len) << (128 - 8 * len);
    let full = whole >> (8 * len) | tail;
    veorq_u64(carry(of(front), keys.over_16), of(full))
}

/// The last register as a state: times x⁶⁴, modulo the polynomial.
#[inline]
#[target_feature(enable = "neon,aes")]
fn reduce(keys: &Keys, register: uint64x2_t) -> u64 {
    let [first, second] = [vgetq_lane_u64::<0>(register), vgetq_lane_u64::<1>(register)];
    let product = multiply(first, keys.over_half);
    let sum = [vgetq_lane_u64::<0>(product) ^ second, vgetq_lane_u64::<1>(product)];
    let quotient = vgetq_lane_u64::<0>(multiply(sum[0], keys.quotient));
    let last = if keys.odd { quotient } else { 0 };
    sum[1] ^ vgetq_lane_u64::<1>(multiply(quotient, keys.polynomial)) ^ last
}

#[inline]
#[target_feature(enable = "neon,aes")]
fn multiply(a: u64, b: u64) -> uint64x2_t {
    vreinterpretq_u64_p128(vmull_p64(a, b))
}

#[inline]
#[target_feature(enable = "neon")]
fn of(value: u128) -> uint64x2_t {
    vcombine_u64(vcreate_u64(value as u64), vcreate_u64((value >> 64) as u64))
}

#[inline]
#[target_feature(enable = "neon")]
fn load_group(group: &[u8; GROUP]) -> [uint64x2_t; 4] {
    let (registers, _) = group.as_chunks::<16>();
    [load(&registers[0]), load(&registers[1]), load(&registers[2]), load(&registers[3])]
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint64x2_t {
    // SAFETY: the instruction reads 16 bytes at any alignment, and the reference is to 16 initialised bytes. Its CPU feature is this
    // function's own.
    vreinterpretq_u64_u8(unsafe { vld1q_u8(bytes.as_ptr()) })
}
