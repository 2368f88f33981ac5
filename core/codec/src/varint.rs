//! LEB128 varints (seven bits a byte, low group first) and zig-zag, as RocksDB, Protocol Buffers and Kafka write them.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The longest encoding of a 32-bit value.
pub const MAX_LEN_32: usize = 5;
/// The longest encoding of a 64-bit value.
pub const MAX_LEN_64: usize = 10;

/// Appends a 64-bit varint.
#[cfg(feature = "alloc")]
pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a 32-bit varint.
#[cfg(feature = "alloc")]
pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    put_u64(out, u64::from(value));
}

/// How many bytes the varint of `value` takes.
pub const fn len_u64(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends `bytes` behind their length as a varint.
#[cfg(feature = "alloc")]
pub fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Maps signed to unsigned so that small magnitudes stay small.
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Decodes a 64-bit varint at the start of `bytes`: the value and its length. `None` if it is cut off or does not fit.
#[inline]
pub fn get_u64(bytes: &[u8]) -> Option<(u64, usize)> {
    match *bytes {
        [first, ..] if first < 0x80 => Some((u64::from(first), 1)),
        [first, second, ..] if second < 0x80 => Some((u64::from(first & 0x7f) | u64::from(second) << 7, 2)),
        _ => get_long(bytes),
    }
}

/// Most lengths and deltas take one byte or two; these are the others.
fn get_long(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().take(MAX_LEN_64).enumerate() {
        let group = u64::from(byte & 0x7f);
        if i == MAX_LEN_64 - 1 && group > 1 {
            return None;
        }
        value |= group << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

/// Decodes a 32-bit varint at the start of `bytes`: the value and its length. `None` if it is cut off, takes more than five bytes or does
/// not fit.
#[inline]
pub fn get_u32(bytes: &[u8]) -> Option<(u32, usize)> {
    let (value, len) = get_u64(bytes)?;
    if len > MAX_LEN_32 {
        return None;
    }
    Some((u32::try_from(value).ok()?, len))
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn round_trips_at_every_width() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_u64(&mut out, value);
                assert_eq!(out.len(), len_u64(value));
                assert_eq!(get_u64(&out), Some((value, out.len())));
                assert_eq!(get_u64(&out[..out.len() - 1]), None, "cut off");
                assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(get_u64(&[0xff; 11]), None);
        assert_eq!(get_u32(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some((u32::MAX, 5)));
        assert_eq!(get_u32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None);
    }
}
