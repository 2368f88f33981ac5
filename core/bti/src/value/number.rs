//! Numbers as Java prints them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::error::ValueError;
use crate::limits::DECIMAL_LEN_MAX;

const INFALLIBLE: &str = "writing to a string cannot fail";
/// Nine decimal digits fit a word.
const BASE: u64 = 1_000_000_000;

/// Appends a big integer in two's complement.
///
/// # Errors
/// Longer than [`DECIMAL_LEN_MAX`]: its digits would take time that grows with the square.
pub fn write_varint(out: &mut String, value: &[u8]) -> Result<(), ValueError> {
    let (is_negative, digits) = digits(value)?;
    out.push_str(if is_negative { "-" } else { "" });
    out.push_str(&digits);
    Ok(())
}

/// Appends a decimal, an `i32` scale and an unscaled big integer, as `BigDecimal.toString` does.
///
/// # Errors
/// Bytes that are no decimal.
pub fn write_decimal(out: &mut String, value: &[u8]) -> Result<(), ValueError> {
    let (scale, unscaled) = value.split_first_chunk::<4>().ok_or(ValueError::Malformed)?;
    let scale = i64::from(i32::from_be_bytes(*scale));
    if unscaled.is_empty() {
        return Err(ValueError::Malformed);
    }
    let (is_negative, digits) = digits(unscaled)?;
    out.push_str(if is_negative { "-" } else { "" });
    let len = digits.len() as i64;
    let adjusted = len - 1 - scale;
    if scale == 0 {
        out.push_str(&digits);
    } else if scale > 0 && adjusted >= -6 {
        if len > scale {
            let (whole, fraction) = digits.split_at((len - scale) as usize);
            write!(out, "{whole}.{fraction}").expect(INFALLIBLE);
        } else {
            out.push_str("0.");
            (len..scale).for_each(|_| out.push('0'));
            out.push_str(&digits);
        }
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(out, "{first}{point}{rest}").expect(INFALLIBLE);
        if adjusted != 0 {
            write!(out, "E{adjusted:+}").expect(INFALLIBLE);
        }
    }
    Ok(())
}

/// Sign and decimal digits.
fn digits(value: &[u8]) -> Result<(bool, String), ValueError> {
    if value.len() > DECIMAL_LEN_MAX {
        return Err(ValueError::Length { found: value.len() as u64, expected: DECIMAL_LEN_MAX as u64 });
    }
    let is_negative = value.first().is_some_and(|&byte| byte & 0x80 != 0);
    // The magnitude as big-endian words of 32 bits.
    let mut words: Vec<u32> = Vec::new();
    for chunk in value.rchunks(4) {
        let fill = if is_negative { u32::MAX } else { 0 };
        words.push(chunk.iter().fold(fill, |word, &byte| word << 8 | u32::from(byte)));
    }
    if is_negative {
        let mut carry = true;
        for word in &mut words {
            let (sum, overflow) = (!*word).overflowing_add(u32::from(carry));
            (*word, carry) = (sum, overflow);
        }
        if carry {
            words.push(1);
        }
    }
    let mut groups = Vec::new();
    while words.pop_if(|word| *word == 0).is_some() {}
    while !words.is_empty() {
        let mut rest = 0u64;
        for word in words.iter_mut().rev() {
            let value = rest << 32 | u64::from(*word);
            (*word, rest) = ((value / BASE) as u32, value % BASE);
        }
        groups.push(rest);
        while words.pop_if(|word| *word == 0).is_some() {}
    }
    let mut text = format!("{}", groups.pop().unwrap_or(0));
    for group in groups.iter().rev() {
        write!(text, "{group:09}").expect(INFALLIBLE);
    }
    Ok((is_negative, text))
}

/// Appends a float as `Float.toString` of Java 19 and later does; JSON has no NaN and no infinities.
pub fn write_float(out: &mut String, value: f32, is_json: bool) {
    if value.is_finite() {
        // A single digit is followed by the one that comes closest.
        let shortest = format!("{value:e}");
        let text = if shortest.contains('.') { shortest } else { format!("{value:.1e}") };
        write_scientific(out, &text);
    } else {
        write_special(out, f64::from(value), is_json);
    }
}

/// Appends a double as `Double.toString` of Java 19 and later does.
pub fn write_double(out: &mut String, value: f64, is_json: bool) {
    if value.is_finite() {
        let shortest = format!("{value:e}");
        let text = if shortest.contains('.') { shortest } else { format!("{value:.1e}") };
        write_scientific(out, &text);
    } else {
        write_special(out, value, is_json);
    }
}

fn write_special(out: &mut String, value: f64, is_json: bool) {
    out.push_str(if is_json {
        "null"
    } else if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    });
}

/// From Rust's `d.ddde±n`: plain from 10⁻³ to 10⁷, else `d.dddE±n`.
fn write_scientific(out: &mut String, text: &str) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    out.push_str(sign);
    if !(-3..7).contains(&exponent) {
        write!(out, "{whole}.{fraction}E{exponent}").expect(INFALLIBLE);
        return;
    }
    let digits: String = [whole, fraction].concat();
    let digits = digits.trim_end_matches('0');
    if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        out.push_str(digits);
        return;
    }
    let point = exponent as usize + 1;
    let (head, tail) = digits.split_at(digits.len().min(point));
    out.push_str(head);
    (head.len()..point).for_each(|_| out.push('0'));
    out.push('.');
    out.push_str(if tail.is_empty() { "0" } else { tail });
}
