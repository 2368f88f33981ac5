//! Cassandra's integers and byte strings (`VIntCoding.java`, `SizedInts.java`, `ByteBufferUtil.java`).
//!
//! ```text
//! uvint        the count of leading 1 bits of byte 0 is the count n of bytes that follow (0..=8); the rest of byte 0 and those n bytes are
//!              the value, big-endian:   0xxxxxxx | 10xxxxxx X | 110xxxxx X X | ... | 11111110 X*7 | 11111111 X*8
//! svint        zig-zag, then uvint
//! uvint32      a 32-bit int, sign-extended to 64 bits, as a uvint: a negative one takes 9 bytes
//! sized int    n bytes (1..=8), big-endian, sign-extended
//! short-bytes  u16 length, bytes        vint-bytes   uvint length, bytes
//! utf          short-bytes of Java's modified UTF-8: NUL is C0 80, a character above U+FFFF is two surrogates of three bytes each
//! ```
//! Writers use the shortest form; readers accept any.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::varint::{unzigzag, zigzag};
use dolmen_codec::{Cursor, DecodeError};

/// The longest uvint.
pub const UVINT_LEN_MAX: usize = 9;

/// How many bytes the uvint of `value` takes.
pub const fn uvint_len(value: u64) -> usize {
    // 7 bits for each byte but the ninth, which gives 8 more.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    if bits > 56 { UVINT_LEN_MAX } else { bits.div_ceil(7) }
}

/// Appends a uvint.
pub fn put_uvint(out: &mut Vec<u8>, value: u64) {
    let extra = uvint_len(value) - 1;
    if extra == 8 {
        out.push(0xff);
        out.extend_from_slice(&value.to_be_bytes());
        return;
    }
    let mut bytes = value.to_be_bytes();
    let first = 7 - extra;
    bytes[first] |= !(0xffu32 >> extra) as u8;
    out.extend_from_slice(&bytes[first..]);
}

/// Reads a uvint.
///
/// # Errors
/// [`DecodeError::Truncated`] or [`DecodeError::Varint`]: it is cut off.
#[inline]
pub fn get_uvint(cursor: &mut Cursor<'_>) -> Result<u64, DecodeError> {
    let at = cursor.position();
    let first = cursor.get_u8()?;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    let extra = first.leading_ones() as usize;
    let tail = cursor.get_bytes(extra).map_err(|_| DecodeError::Varint { at })?;
    let head = u64::from(first) & (0x7f >> extra);
    Ok(tail.iter().fold(head, |value, &byte| value << 8 | u64::from(byte)))
}

/// Appends an svint.
pub fn put_svint(out: &mut Vec<u8>, value: i64) {
    put_uvint(out, zigzag(value));
}

/// Reads an svint.
///
/// # Errors
/// As [`get_uvint`].
pub fn get_svint(cursor: &mut Cursor<'_>) -> Result<i64, DecodeError> {
    get_uvint(cursor).map(unzigzag)
}

/// Appends a uvint32.
pub fn put_uvint32(out: &mut Vec<u8>, value: i32) {
    put_uvint(out, i64::from(value) as u64);
}

/// Reads a uvint32; a uvint that is no sign-extended 32-bit int is an error.
///
/// # Errors
/// It is cut off, or no sign-extended 32-bit int.
pub fn get_uvint32(cursor: &mut Cursor<'_>) -> Result<i32, DecodeError> {
    let at = cursor.position();
    i32::try_from(get_uvint(cursor)? as i64).map_err(|_| DecodeError::Varint { at })
}

/// How many bytes the sized int of `value` takes (1..=8).
pub const fn sized_int_len(value: i64) -> usize {
    let magnitude = value ^ (value >> 63);
    // One bit more, for the sign.
    (64 - magnitude.leading_zeros() as usize + 1).div_ceil(8)
}

/// Appends `value` as a sized int of `len` bytes, which must be 1..=8; what does not fit is cut off above.
pub fn put_sized_int(out: &mut Vec<u8>, value: i64, len: usize) {
    out.extend_from_slice(&value.to_be_bytes()[8 - len..]);
}

/// A sized int of the whole of `bytes`; `None` if there are none or more than 8.
#[inline]
pub fn sized_int(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    let unused = 64 - 8 * bytes.len() as u32;
    let value = bytes.iter().fold(0i64, |value, &byte| value << 8 | i64::from(byte));
    Some(value << unused >> unused)
}

/// Appends short-bytes; `None`, and nothing appended, if they are longer than 65,535.
#[must_use]
pub fn put_short_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let len = u16::try_from(bytes.len()).ok()?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Some(())
}

/// Reads short-bytes.
///
/// # Errors
/// Bytes that end early.
pub fn get_short_bytes<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], DecodeError> {
    let len = cursor.get_u16_be()?;
    cursor.get_bytes(usize::from(len))
}

/// Appends vint-bytes.
pub fn put_vint_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uvint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads vint-bytes.
///
/// # Errors
/// Bytes that end early.
#[inline]
pub fn get_vint_bytes<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], DecodeError> {
    let at = cursor.position();
    let len = usize::try_from(get_uvint(cursor)?).map_err(|_| DecodeError::Varint { at })?;
    cursor.get_bytes(len)
}

/// Appends `text` in modified UTF-8 behind its length; `None`, and nothing appended, if that is more than 65,535 bytes.
#[must_use]
pub fn put_utf(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        let low = (unit & 0x3f) as u8 | 0x80;
        match unit {
            1..0x80 => bytes.push(unit as u8),
            0 | 0x80..0x800 => bytes.extend_from_slice(&[0xc0 | (unit >> 6) as u8, low]),
            _ => bytes.extend_from_slice(&[0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3f) as u8, low]),
        }
    }
    put_short_bytes(out, &bytes)
}

/// Text in modified UTF-8; `None` if it is malformed or has half a surrogate pair. Read its bytes with [`get_short_bytes`].
pub fn utf_text(mut bytes: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(bytes.len());
    while let Some((&first, rest)) = bytes.split_first() {
        let extra = match first {
            0..0x80 => 0,
            0xc0..0xe0 => 1,
            0xe0..0xf0 => 2,
            _ => return None,
        };
        let head = u16::from(first) & [0x7f, 0x1f, 0x0f][extra];
        let (tail, rest) = rest.split_at_checked(extra)?;
        if tail.iter().any(|byte| byte & 0xc0 != 0x80) {
            return None;
        }
        units.push(tail.iter().fold(head, |unit, &byte| unit << 6 | u16::from(byte & 0x3f)));
        bytes = rest;
    }
    String::from_utf16(&units).ok()
}
