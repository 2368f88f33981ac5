//! Decimals: sign and length of the exponent in one byte, the exponent, the mantissa in base 100, a zero byte.
//!
//! ```text
//! value = 0.d1 d2 .. (base 100) * 100^e          zero: 80
//! byte 0 = (80 above zero, 00 below) + 40 + k or - k      k = length of the exponent's magnitude; minus if it is below 0
//! exponent: e, negated below zero, as k bytes of two's complement
//! digit + 80 each; below zero the digits of the negative number rounded down, so that all but the first are 0..=99
//! ```
//! A value on disk is `i32 scale | two's complement`: unscaled * 10^-scale. Equal numbers have one form; it gives the shortest back.

use alloc::vec::Vec;

use super::decode::Input;
use crate::limits::DECIMAL_LEN_MAX;

const HEADER: i32 = 0x40;
const POSITIVE: u8 = 0x80;
const DIGIT: i16 = 0x80;

/// Appends a decimal; `None` if it is malformed or longer than `limits::DECIMAL_LEN_MAX`.
pub(super) fn put_decimal(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (scale, unscaled) = value.split_first_chunk()?;
    let scale = i64::from(i32::from_be_bytes(*scale));
    if unscaled.is_empty() || unscaled.len() > DECIMAL_LEN_MAX {
        return None;
    }
    let negative = unscaled[0] & 0x80 != 0;
    let digits = decimal_digits(unscaled);
    if digits.is_empty() {
        out.push(POSITIVE);
        return Some(());
    }
    let exponent10 = digits.len() as i64 - scale;
    // The least even one that is not less.
    let odd = exponent10.rem_euclid(2) == 1;
    let exponent = (exponent10 + i64::from(odd)) / 2;
    put_header(negative, i32::try_from(if negative { -exponent } else { exponent }).ok()?, out);
    let pairs = base_100(&digits, odd);
    let last = pairs.len() - 1;
    out.extend(pairs.iter().enumerate().map(|(i, &pair)| {
        let pair = i16::from(pair);
        let digit = match (negative, i) {
            (false, _) => pair,
            (true, 0) => -pair - i16::from(last > 0),
            (true, i) => 99 - pair + i16::from(i == last),
        };
        (digit + DIGIT) as u8
    }));
    out.push(0);
    Some(())
}

fn put_header(negative: bool, exponent: i32, out: &mut Vec<u8>) {
    let len = 4 - exponent.unsigned_abs().leading_zeros() as i32 / 8;
    let signed = if exponent < 0 { -len } else { len };
    out.push((HEADER + signed) as u8 + if negative { 0 } else { POSITIVE });
    out.extend_from_slice(&exponent.to_be_bytes()[4 - len as usize..]);
}

/// Pairs of digits; `odd`: a zero comes first. No zero pair at the end.
fn base_100(digits: &[u8], odd: bool) -> Vec<u8> {
    let (first, rest) = digits.split_at(usize::from(odd));
    let mut pairs = first.to_vec();
    pairs.extend(rest.chunks(2).map(|pair| pair[0] * 10 + pair.get(1).copied().unwrap_or(0)));
    while pairs.last() == Some(&0) {
        pairs.pop();
    }
    pairs
}

/// Appends the value of a form.
pub(super) fn get_decimal(input: &mut Input<'_>, out: &mut Vec<u8>) -> Option<()> {
    let header = input.next()?;
    if header == POSITIVE {
        out.extend([0; 5]);
        return Some(());
    }
    let negative = header & POSITIVE == 0;
    let signed = i32::from(header & !POSITIVE) - HEADER;
    if signed.abs() > 4 {
        return None;
    }
    let mut exponent = if signed < 0 { -1i64 } else { 0 };
    for _ in 0..signed.abs() {
        exponent = exponent << 8 | i64::from(input.next()?);
    }
    let exponent = if negative { -exponent } else { exponent };
    let mut pairs = Vec::new();
    loop {
        match input.next()? {
            0 => break,
            byte => pairs.push(i16::from(byte) - DIGIT),
        }
        if pairs.len() > 2 * DECIMAL_LEN_MAX {
            return None;
        }
    }
    let last = pairs.len().checked_sub(1)?;
    let mut digits = Vec::with_capacity(2 * pairs.len());
    for (i, pair) in pairs.into_iter().enumerate() {
        let pair = match (negative, i) {
            (false, _) => pair,
            (true, 0) => -pair - i16::from(last > 0),
            (true, i) => 99 - pair + i16::from(i == last),
        };
        if !(0..100).contains(&pair) {
            return None;
        }
        digits.extend([(pair / 10) as u8, (pair % 10) as u8]);
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    // The least scale there is may need zeros at the end.
    let below = i64::from(i32::MIN) - (digits.len() as i64 - 2 * exponent);
    if below > 4 * DECIMAL_LEN_MAX as i64 {
        return None;
    }
    digits.resize(digits.len() + below.max(0) as usize, 0);
    let scale = i32::try_from(digits.len() as i64 - 2 * exponent).ok()?;
    out.extend(scale.to_be_bytes());
    put_integer(&digits, negative, out);
    Some(())
}

/// Decimal digits of the magnitude of a two's complement number, none for 0.
fn decimal_digits(bytes: &[u8]) -> Vec<u8> {
    let mut limbs = magnitude(bytes);
    let mut digits = Vec::new();
    while limbs.iter().any(|&limb| limb != 0) {
        // Nine digits at a time.
        let mut rest = 0u64;
        for limb in &mut limbs {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / 1_000_000_000) as u32;
            rest = value % 1_000_000_000;
        }
        for _ in 0..9 {
            digits.push((rest % 10) as u8);
            rest /= 10;
        }
        let zeros = limbs.iter().take_while(|&&limb| limb == 0).count();
        limbs.drain(..zeros);
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits.reverse();
    digits
}

/// 32-bit limbs of the magnitude, the highest first.
fn magnitude(bytes: &[u8]) -> Vec<u32> {
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut limbs: Vec<u32> = bytes
        .rchunks(4)
        .map(|chunk| chunk.iter().fold(0, |limb, &byte| limb << 8 | u32::from(byte ^ sign)))
        .collect();
    let mut carry = sign != 0;
    for limb in &mut limbs {
        (*limb, carry) = limb.overflowing_add(u32::from(carry));
    }
    if carry {
        limbs.push(1);
    }
    limbs.reverse();
    limbs
}

/// Appends the shortest two's complement of a number in decimal digits.
fn put_integer(digits: &[u8], negative: bool, out: &mut Vec<u8>) {
    // Limbs, the lowest first.
    let mut limbs: Vec<u32> = Vec::from([0]);
    for chunk in digits.chunks(9) {
        let value = chunk.iter().fold(0, |value, &digit| value * 10 + u64::from(digit));
        let mut carry = value;
        let factor = 10u64.pow(chunk.len() as u32);
        for limb in &mut limbs {
            let product = u64::from(*limb) * factor + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            limbs.push(carry as u32);
        }
    }
    limbs.push(0);
    if negative {
        let mut carry = true;
        for limb in &mut limbs {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
    }
    let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    let sign = bytes[0];
    let redundant =
        bytes.windows(2).take_while(|pair| pair[0] == sign && (pair[1] ^ sign) & 0x80 == 0).count();
    out.extend_from_slice(&bytes[redundant..]);
}
