//! The canonical request of S3.

use alloc::string::String;
use alloc::vec::Vec;

use super::Request;
use crate::encoding::{Keep, percent, put_percent, unpercent};

/// Appends the canonical request: method, path, query, signed headers, their names, and the payload's hash.
///
/// The path is decoded and encoded once, so that clients which leave a character plain and clients which encode it sign the same; segments
/// stay as they are. `without` is a name that the query is signed without. `signed` are names in lower case, parted by semicolons.
pub fn canonical_request(
    request: &Request<'_>,
    without: Option<&str>,
    signed: &str,
    payload: &str,
    out: &mut String,
) {
    out.push_str(request.method.name());
    out.push('\n');
    // A path that cannot be decoded was refused when the target was read.
    let path = unpercent(request.raw_path).unwrap_or(request.raw_path.into());
    put_percent(out, if path.is_empty() { b"/" } else { &path }, Keep::Slash);
    out.push('\n');
    put_query(request, without, out);
    out.push('\n');
    for name in signed.split(';') {
        out.push_str(name);
        out.push(':');
        for (i, value) in request.headers.all(name).enumerate() {
            if i > 0 {
                out.push(',');
            }
            put_value(value, out);
        }
        out.push('\n');
    }
    out.push('\n');
    out.push_str(signed);
    out.push('\n');
    out.push_str(payload);
}

/// Pairs encoded, then sorted by name and value.
fn put_query(request: &Request<'_>, without: Option<&str>, out: &mut String) {
    let encode = |text: &str| percent(text.as_bytes(), Keep::Unreserved);
    let kept = request.query.pairs().filter(|&(name, _)| Some(name) != without);
    let mut pairs: Vec<_> = kept.map(|(name, value)| (encode(name), encode(value.unwrap_or("")))).collect();
    pairs.sort();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

/// A value without the blanks around it, and runs of blanks within as one. Bytes beyond ASCII count as Latin-1 unless they are UTF-8.
fn put_value(value: &[u8], out: &mut String) {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for (i, word) in words.enumerate() {
        if i > 0 {
            out.push(' ');
        }
        match core::str::from_utf8(word) {
            Ok(text) => out.push_str(text),
            Err(_) => out.extend(word.iter().map(|&b| char::from(b))),
        }
    }
}
