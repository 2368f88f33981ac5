//! Hexadecimal, base64 and percent-encoding, as S3 uses them.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

const HEX: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends bytes in lower-case hexadecimal.
pub fn put_hex(out: &mut String, bytes: &[u8]) {
    out.reserve(2 * bytes.len());
    for &byte in bytes {
        out.push(HEX[usize::from(byte >> 4)].into());
        out.push(HEX[usize::from(byte & 15)].into());
    }
}

/// Writes bytes in lower-case hexadecimal, as many as there are places for.
pub(crate) fn put_hex_into(out: &mut [u8], bytes: &[u8]) {
    for (pair, &byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// A digest of 32 bytes in lower-case hexadecimal.
pub fn hex32(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    put_hex_into(&mut out, bytes);
    out
}

/// The value of a hexadecimal digit.
pub fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Reads exactly `N` bytes of hexadecimal.
pub fn parse_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(bytes)
}

/// Appends bytes in base64 with padding (RFC 4648, section 4).
pub fn put_base64(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { digit.into() } else { '=' });
        }
    }
}

/// Bytes in base64.
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    put_base64(&mut out, bytes);
    out
}

/// Writes what base64 with padding stands for to the start of `out`, and says how many bytes that is; `None` if it is none (unused bits set
/// included) or does not fit.
pub fn get_base64(text: &[u8], out: &mut [u8]) -> Option<usize> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let pad = text.iter().rev().take(2).take_while(|&&b| b == b'=').count();
    let (quads, mut len) = (text.len() / 4, 0);
    for (i, quad) in text.chunks_exact(4).enumerate() {
        let pad = if i + 1 == quads { pad } else { 0 };
        let mut word = 0;
        for &digit in &quad[..4 - pad] {
            word = word << 6 | u32::from(base64_value(digit)?);
        }
        word <<= 6 * pad;
        let bytes = word.to_be_bytes();
        if bytes[4 - pad..].iter().any(|&b| b != 0) {
            return None;
        }
        out.get_mut(len..len + 3 - pad)?.copy_from_slice(&bytes[1..4 - pad]);
        len += 3 - pad;
    }
    Some(len)
}

/// What base64 with padding stands for.
pub fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = alloc::vec![0; text.len() / 4 * 3];
    let len = get_base64(text, &mut out)?;
    out.truncate(len);
    Some(out)
}

fn base64_value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// What stays as it is in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Letters, digits and `-._~`: names and values of a query.
    Unreserved,
    /// And `/`: paths, and what `encoding-type=url` asks for.
    Slash,
}

/// Appends bytes with everything percent-encoded that does not stay.
pub fn put_percent(out: &mut String, bytes: &[u8], keep: Keep) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (byte == b'/' && keep == Keep::Slash) {
            out.push(byte.into());
        } else {
            out.push('%');
            out.push(HEX_UPPER[usize::from(byte >> 4)].into());
            out.push(HEX_UPPER[usize::from(byte & 15)].into());
        }
    }
}

/// Bytes percent-encoded.
pub fn percent(bytes: &[u8], keep: Keep) -> String {
    let mut out = String::with_capacity(bytes.len());
    put_percent(&mut out, bytes, keep);
    out
}

/// What a percent-encoded text stands for; `None` if a `%` has not two digits after it. A plus is a plus.
pub fn unpercent(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'%' {
            out.push(hex_value(*text.get(at + 1)?)? << 4 | hex_value(*text.get(at + 2)?)?);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    Some(Cow::Owned(out))
}

/// The same as text; `None` too if it is no UTF-8.
pub fn unpercent_text(text: &[u8]) -> Option<Cow<'_, str>> {
    match unpercent(text)? {
        Cow::Borrowed(bytes) => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648, section 10.
    #[test]
    fn base64_as_the_rfc_has_it() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
            assert_eq!(unbase64(text.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
        for text in ["Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm-v"] {
            assert_eq!(unbase64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn percent_there_and_back() {
        assert_eq!(percent("a b/é+~".as_bytes(), Keep::Slash), "a%20b/%C3%A9%2B~");
        assert_eq!(percent(b"a/b", Keep::Unreserved), "a%2Fb");
        assert_eq!(unpercent_text(b"a%20b%2f+%c3%a9").as_deref(), Some("a b/+é"));
        for text in ["%", "%2", "%2g", "a%"] {
            assert_eq!(unpercent(text.as_bytes()), None, "{text}");
        }
        assert_eq!(unpercent_text(b"%ff"), None);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unpercent(percent(&all, Keep::Unreserved).as_bytes()).as_deref(), Some(&all[..]));
    }

    #[test]
    fn hex_there_and_back() {
        let bytes: [u8; 32] = core::array::from_fn(|i| (i * 8 + 5) as u8);
        assert_eq!(parse_hex::<32>(&hex32(&bytes)), Some(bytes));
        let mut text = String::new();
        put_hex(&mut text, &bytes);
        assert_eq!(text.as_bytes(), hex32(&bytes));
        assert_eq!(parse_hex::<2>(b"12g4"), None);
        assert_eq!(parse_hex::<2>(b"123"), None);
    }
}
