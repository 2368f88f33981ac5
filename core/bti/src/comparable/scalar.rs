//! Numbers and UUIDs.
//!
//! ```text
//! boolean, date, time       as they are                      tinyint .. int, timestamp   top bit inverted
//! float, double             below 0: all bits inverted, else the top bit
//! bigint                    signed varlen-7: n ones in front, big-endian, n bytes; all inverted below 0; a 9-byte form above 55 bits
//! varint                    up to 6 bytes: as a bigint; else FF | varlen-7 of length - 7 | bytes, the first two inverted below 0
//! uuid                      version 1: time high, middle, low, then the rest; else version, the other bits in order
//! timeuuid                  as version 1, each of the last 8 bytes with its top bit inverted
//! ```

use alloc::vec::Vec;

use super::decode::Input;
use crate::vint;

/// Appends a signed varlen-7.
pub(super) fn put_bigint(value: i64, out: &mut Vec<u8>) {
    let sign = (value >> 63) as u8;
    let magnitude = (value ^ (value >> 63)) as u64;
    let bits = 64 - (magnitude | 1).leading_zeros() as usize;
    let len = (bits / 7 + 1).min(9);
    if len == 9 {
        out.push(0xff ^ sign);
        let bytes = (magnitude | 1 << 63).to_be_bytes();
        return out.extend(bytes.map(|byte| byte ^ sign));
    }
    // `len` ones in the top bits of `len` bytes.
    let marks = ((1u64 << len) - 1) << (7 * len);
    out.extend((magnitude | marks).to_be_bytes()[8 - len..].iter().map(|byte| byte ^ sign));
}

pub(super) fn get_bigint(input: &mut Input<'_>) -> Option<i64> {
    let first = input.next()?;
    let sign = if first & 0x80 == 0 { 0xff } else { 0 };
    let first = first ^ sign;
    let mut len = first.leading_ones() as usize;
    let mut magnitude = u64::from(first);
    if len == 8 && input.peek()? ^ sign >= 0x80 {
        len = 9;
        magnitude = 0;
    }
    for _ in 1..len {
        magnitude = magnitude << 8 | u64::from(input.next()? ^ sign);
    }
    let bits = if len == 9 { 63 } else { 7 * len };
    let magnitude = (magnitude & ((1 << bits) - 1)) as i64;
    Some(if sign == 0 { magnitude } else { !magnitude })
}

/// Appends a varint; `bytes` is two's complement, of any length above 0.
pub(super) fn put_varint(bytes: &[u8], out: &mut Vec<u8>) {
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let redundant = bytes.iter().take_while(|&&byte| byte == sign).count();
    let bytes = &bytes[redundant..];
    if bytes.len() < 7 {
        let value = bytes.iter().fold(i64::from(sign as i8), |value, &byte| value << 8 | i64::from(byte));
        return put_bigint(value, out);
    }
    out.push(!sign);
    let at = out.len();
    vint::put_uvint(out, bytes.len() as u64 - 7);
    out[at..].iter_mut().for_each(|byte| *byte ^= sign);
    out.extend_from_slice(bytes);
}

/// Appends the shortest two's complement of a varint.
pub(super) fn get_varint(input: &mut Input<'_>, out: &mut Vec<u8>) -> Option<()> {
    let sign = match input.peek()? {
        0xff => 0,
        0 => 0xff,
        _ => {
            let value = get_bigint(input)?;
            vint::put_sized_int(out, value, vint::sized_int_len(value));
            return Some(());
        }
    };
    input.next();
    let first = input.next()? ^ sign;
    let extra = first.leading_ones();
    let mut len = u64::from(first) & (0x7f >> extra.min(7));
    for _ in 0..extra {
        len = len.checked_shl(8)? | u64::from(input.next()? ^ sign);
    }
    let len = usize::try_from(len).ok()?.checked_add(7).filter(|&len| len <= input.left())?;
    let start = out.len();
    for _ in 0..len {
        let byte = input.next()?;
        if out.len() == start && (byte ^ sign) & 0x80 != 0 {
            out.push(sign);
        }
        out.push(byte);
    }
    Some(())
}

/// Appends a float or double.
pub(super) fn put_float(bytes: &[u8], out: &mut Vec<u8>) {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let at = out.len();
    out.extend_from_slice(bytes);
    if negative {
        out[at..].iter_mut().for_each(|byte| *byte = !*byte);
    } else {
        out[at] ^= 0x80;
    }
}

pub(super) fn get_float(input: &mut Input<'_>, len: usize, out: &mut Vec<u8>) -> Option<()> {
    let negative = input.peek()? & 0x80 == 0;
    let at = out.len();
    input.take(len, out)?;
    if negative {
        out[at..].iter_mut().for_each(|byte| *byte = !*byte);
    } else {
        out[at] ^= 0x80;
    }
    Some(())
}

fn by_time([a, b, c, d, e, f, g, h]: [u8; 8]) -> [u8; 8] {
    [g, h, e, f, a, b, c, d]
}

fn from_time([g, h, e, f, a, b, c, d]: [u8; 8]) -> [u8; 8] {
    [a, b, c, d, e, f, g, h]
}

/// Appends a UUID.
pub(super) fn put_uuid(high: [u8; 8], low: [u8; 8], out: &mut Vec<u8>) {
    let version = high[6] >> 4;
    if version == 1 {
        out.extend(by_time(high));
    } else {
        let bits = u64::from_be_bytes(high);
        let ordered = u64::from(version) << 60 | (bits >> 16) << 12 | bits & 0xfff;
        out.extend(ordered.to_be_bytes());
    }
    out.extend(low);
}

pub(super) fn get_uuid(input: &mut Input<'_>, out: &mut Vec<u8>) -> Option<()> {
    let ordered = input.array::<8>()?;
    if ordered[0] >> 4 == 1 {
        out.extend(from_time(ordered));
    } else {
        let bits = u64::from_be_bytes(ordered);
        let high = (bits >> 12 & 0xffff_ffff_ffff) << 16 | bits >> 60 << 12 | bits & 0xfff;
        out.extend(high.to_be_bytes());
    }
    input.take(8, out)
}

/// Appends a time UUID.
pub(super) fn put_time_uuid(high: [u8; 8], low: [u8; 8], out: &mut Vec<u8>) {
    out.extend(by_time(high));
    out.extend(low.map(|byte| byte ^ 0x80));
}

pub(super) fn get_time_uuid(input: &mut Input<'_>, out: &mut Vec<u8>) -> Option<()> {
    out.extend(from_time(input.array::<8>()?));
    out.extend(input.array::<8>()?.map(|byte| byte ^ 0x80));
    Some(())
}
