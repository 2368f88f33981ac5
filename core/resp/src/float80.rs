//! The 80-bit arithmetic of INCRBYFLOAT: x87 extended precision, as Redis computes it on x86-64.
//!
//! A finite number is `mantissa × 2^exponent` with bit 63 of the mantissa set, or zero. Text (decimal or hexadecimal, as
//! C's `strtold` reads it) is rounded once to the nearest, ties to even; so is the sum; printing is exact to 17 decimals,
//! ties to even, trailing zeros dropped. Numbers so small that the x87 would store them denormal keep 64 bits here: at 17
//! decimals nobody can tell.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::limits::FLOAT_CHARS_MAX;

/// Exponent of the last bit of the largest numbers.
const EXPONENT_MAX: i64 = 16_383 - 63;
/// Below this the x87 rounds to zero, which `strtold` reports as an error.
const EXPONENT_MIN: i64 = -16_445 - 64;

/// A number, or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Float80 {
    /// `mantissa × 2^exponent`, negative or not; the mantissa is 0 or has bit 63 set.
    Finite {
        /// The sign.
        negative: bool,
        /// The 64 bits.
        mantissa: u64,
        /// The place of the lowest one.
        exponent: i64,
    },
    /// Infinity; `true`: the negative one.
    Infinite(bool),
}

impl Float80 {
    /// Reads the whole of `text` as `strtold` does. `None`: no number, NaN, out of range, or too long.
    pub fn parse(text: &[u8]) -> Option<Float80> {
        if text.is_empty() || text.len() > FLOAT_CHARS_MAX {
            return None;
        }
        let (negative, digits) = match text[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(Float80::Infinite(negative));
        }
        let (number, base_exponent, hex) = match digits {
            [b'0', b'x' | b'X', rest @ ..] => read_digits(rest, 16).map(|(n, e)| (n, e, true))?,
            _ => read_digits(digits, 10).map(|(n, e)| (n, e, false))?,
        };
        if number.is_zero() {
            return Some(Float80::Finite { negative, mantissa: 0, exponent: 0 });
        }
        let (mantissa, exponent) = if hex {
            let (mantissa, exponent) = round(&number, false);
            (mantissa, exponent + base_exponent)
        } else {
            from_decimal(number, base_exponent)?
        };
        match exponent {
            EXPONENT_MIN..=EXPONENT_MAX => Some(Float80::Finite { negative, mantissa, exponent }),
            _ => None,
        }
    }

    /// The rounded sum; `None` if it is not a finite number.
    pub fn checked_add(self, other: Float80) -> Option<Float80> {
        let (Float80::Finite { .. }, Float80::Finite { .. }) = (self, other) else { return None };
        let (big, small) = if self.order() >= other.order() { (self, other) } else { (other, self) };
        let (
            Float80::Finite { negative, mantissa: a, exponent },
            Float80::Finite { negative: other_negative, mantissa: b, exponent: other_exponent },
        ) = (big, small)
        else {
            return None;
        };
        if b == 0 {
            let negative = negative && (a != 0 || other_negative);
            return Some(Float80::Finite { negative, mantissa: a, exponent });
        }
        // 62 guard bits; what is shifted out further is kept as one sticky bit.
        let a = u128::from(a) << 62;
        let wide = u128::from(b) << 62;
        let shift = u32::try_from(exponent - other_exponent).unwrap_or(u32::MAX);
        let b = match wide.checked_shr(shift) {
            Some(shifted) => shifted | u128::from(shifted << shift != wide),
            None => 1,
        };
        let sum = if negative == other_negative { a + b } else { a - b };
        if sum == 0 {
            return Some(Float80::Finite { negative: false, mantissa: 0, exponent: 0 });
        }
        let (mantissa, up) = round_u128(sum);
        let exponent = exponent - 62 + up;
        (exponent <= EXPONENT_MAX).then_some(Float80::Finite { negative, mantissa, exponent })
    }

    fn order(self) -> (bool, i64, u64) {
        match self {
            Float80::Finite { mantissa, exponent, .. } => (mantissa != 0, exponent, mantissa),
            Float80::Infinite(_) => (true, i64::MAX, 0),
        }
    }

    /// `%.17f` without trailing zeros, a bare point or a negative zero.
    pub fn print(self) -> String {
        let Float80::Finite { negative, mantissa, exponent } = self else { return String::from("inf") };
        let (whole, fraction) = split(mantissa, exponent);
        let mut text = whole.to_decimal();
        if fraction > 0 {
            let digits = alloc::format!(".{fraction:017}");
            text.push_str(digits.trim_end_matches('0'));
        }
        if negative && text != "0" {
            text.insert(0, '-');
        }
        text
    }
}

/// Whole part and rounded count of 10^-17.
fn split(mantissa: u64, exponent: i64) -> (Big, u64) {
    const UNIT: u128 = 100_000_000_000_000_000;
    if exponent >= 0 {
        return (Big::from(mantissa).shifted(exponent as usize), 0);
    }
    let down = u32::try_from(-exponent).unwrap_or(u32::MAX);
    let whole = mantissa.checked_shr(down).unwrap_or(0);
    let rest = if down < 64 { mantissa & ((1 << down) - 1) } else { mantissa };
    let scaled = u128::from(rest) * UNIT;
    let fraction = if down >= 127 { 0 } else { round_shift(scaled, down) };
    if fraction == UNIT { (Big::from(whole + 1), 0) } else { (Big::from(whole), fraction as u64) }
}

/// `value / 2^down`, nearest, ties to even.
fn round_shift(value: u128, down: u32) -> u128 {
    let (floor, rest, half) = (value >> down, value & ((1 << down) - 1), 1u128 << (down - 1));
    match rest.cmp(&half) {
        Ordering::Less => floor,
        Ordering::Equal => floor + (floor & 1),
        Ordering::Greater => floor + 1,
    }
}

/// The top 64 bits of `value`, rounded, and how far they were shifted down.
fn round_u128(value: u128) -> (u64, i64) {
    let up = 64 - i64::from(value.leading_zeros());
    if up <= 0 {
        return ((value << -up) as u64, up);
    }
    match u64::try_from(round_shift(value, up as u32)) {
        Ok(mantissa) => (mantissa, up),
        Err(_) => (1 << 63, up + 1),
    }
}

/// Digits with at most one point, then an exponent: the integer of all digits and the exponent of its last one
/// (of 10, or of 2 for hexadecimal).
fn read_digits(text: &[u8], base: u32) -> Option<(Big, i64)> {
    let mut number = Big::default();
    let (mut seen, mut point, mut scale) = (false, false, 0i64);
    let mut rest = text;
    while let Some((&c, tail)) = rest.split_first() {
        match char::from(c).to_digit(base) {
            Some(digit) => {
                seen = true;
                number.mul_add(base, digit);
                scale -= i64::from(point) * if base == 16 { 4 } else { 1 };
            }
            None if c == b'.' && !point => point = true,
            None => break,
        }
        rest = tail;
    }
    if !seen {
        return None;
    }
    let mark = if base == 16 { b'p' } else { b'e' };
    if let Some((&c, tail)) = rest.split_first() {
        if c.to_ascii_lowercase() != mark {
            return None;
        }
        scale += read_exponent(tail)?;
    }
    Some((number, scale))
}

/// A signed decimal exponent; beyond ±1,000,000 it stays there.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |v, c| (v * 10 + i64::from(c - b'0')).min(1_000_000));
    Some(sign * value)
}

/// `number × 10^scale`, rounded to 64 bits.
fn from_decimal(number: Big, scale: i64) -> Option<(u64, i64)> {
    // Outside this the result is out of range for every number that fits the length limit.
    if !(-12_000..=6_000).contains(&scale) {
        return None;
    }
    let mut power = Big::from(1);
    for _ in 0..scale.unsigned_abs() {
        power.mul_add(10, 0);
    }
    if scale >= 0 {
        return Some(round(&number.times(&power), false));
    }
    // Scale the numerator so that the quotient has 66 bits or 67, then divide bit by bit.
    let up = power.bits() as i64 - number.bits() as i64 + 66;
    let (mut rest, divisor) = if up >= 0 {
        (number.shifted(up as usize), power)
    } else {
        (number, power.shifted(up.unsigned_abs() as usize))
    };
    let mut quotient = 0u128;
    for bit in (0..=67).rev() {
        let part = divisor.shifted(bit);
        quotient <<= 1;
        if rest.compare(&part) != Ordering::Less {
            rest.subtract(&part);
            quotient |= 1;
        }
    }
    let sticky = quotient << 1 | u128::from(!rest.is_zero());
    let (mantissa, shift) = round_u128(sticky);
    Some((mantissa, shift - 1 - up))
}

/// The top 64 bits of an integer, rounded; `sticky` tells of something non-zero below it.
fn round(number: &Big, sticky: bool) -> (u64, i64) {
    let bits = number.bits() as i64;
    let drop = (bits - 100).max(0) as usize;
    let (top, lost) = number.top(drop);
    let (mantissa, up) = round_u128(top << 1 | u128::from(lost || sticky));
    (mantissa, up - 1 + drop as i64)
}

/// An unsigned integer of any size, 32 bits a limb, lowest first, no zero limb at the end.
#[derive(Clone, Default)]
struct Big(Vec<u32>);

impl From<u64> for Big {
    fn from(value: u64) -> Big {
        Big(alloc::vec![value as u32, (value >> 32) as u32]).trimmed()
    }
}

impl Big {
    fn trimmed(mut self) -> Big {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    fn mul_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn times(&self, other: &Big) -> Big {
        let mut out = alloc::vec![0u32; self.0.len() + other.0.len()];
        for (i, &a) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (j, &b) in other.0.iter().enumerate() {
                carry += u64::from(out[i + j]) + u64::from(a) * u64::from(b);
                out[i + j] = carry as u32;
                carry >>= 32;
            }
            out[i + other.0.len()] = carry as u32;
        }
        Big(out).trimmed()
    }

    fn shifted(&self, by: usize) -> Big {
        let mut out = alloc::vec![0u32; by / 32];
        let mut carry = 0u64;
        for &limb in &self.0 {
            carry |= u64::from(limb) << (by % 32);
            out.push(carry as u32);
            carry >>= 32;
        }
        out.push(carry as u32);
        Big(out).trimmed()
    }

    /// `self / 2^drop` (which must fit 127 bits) and whether something was cut off.
    fn top(&self, drop: usize) -> (u128, bool) {
        let limb = |i: usize| self.0.get(i).copied().unwrap_or(0);
        let (skip, shift) = (drop / 32, drop % 32);
        let wide = (0..4).rev().fold(0u128, |v, i| v << 32 | u128::from(limb(skip + i)));
        let lost = (0..skip).any(|i| limb(i) != 0) || limb(skip) & ((1u32 << shift) - 1) != 0;
        let high = if shift > 0 { u128::from(limb(skip + 4)) << (128 - shift) } else { 0 };
        (wide >> shift | high, lost)
    }

    fn compare(&self, other: &Big) -> Ordering {
        let by_len = self.0.len().cmp(&other.0.len());
        by_len.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// `other` must not be larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = 0i64;
        for (i, limb) in self.0.iter_mut().enumerate() {
            let value = i64::from(*limb) - i64::from(other.0.get(i).copied().unwrap_or(0)) + borrow;
            *limb = value as u32;
            borrow = value >> 32;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn to_decimal(&self) -> String {
        let mut limbs = self.0.clone();
        let mut groups = Vec::new();
        while limbs.iter().any(|&l| l != 0) {
            let mut rest = 0u64;
            for limb in limbs.iter_mut().rev() {
                rest = rest << 32 | u64::from(*limb);
                *limb = (rest / 1_000_000_000) as u32;
                rest %= 1_000_000_000;
            }
            groups.push(rest);
        }
        let mut text = alloc::format!("{}", groups.pop().unwrap_or(0));
        for group in groups.iter().rev() {
            text.push_str(&alloc::format!("{group:09}"));
        }
        text
    }
}
