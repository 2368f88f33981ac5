//! From a token's spelling to its value: names folded, strings unescaped, numbers read.
//!
//! Source: `src/backend/parser/scan.l`, `scansup.c` and `str_udeescape` in `parser.c`, PostgreSQL 18.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::lexer::is_space;

/// Most bytes of a name; a longer one is cut at a character (`NAMEDATALEN` - 1).
pub const NAME_LEN_MAX: usize = 63;

/// The value of hexadecimal digits, cut to 32 bits.
pub fn hex(digits: &[u8]) -> u32 {
    digits.iter().fold(0u32, |value, &d| value.wrapping_mul(16) | (d as char).to_digit(16).unwrap_or(0))
}

/// The integer that a number token spells, where it fits 31 bits.
pub fn integer(digits: &[u8]) -> Option<i32> {
    if digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit) {
        return Some(digits.iter().fold(0, |value, &d| value * 10 + i32::from(d - b'0')));
    }
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        all => (10, all),
    };
    let mut value: i32 = 0;
    for &digit in digits.iter().filter(|&&d| d != b'_') {
        let digit = (digit as char).to_digit(radix)?;
        value = value.checked_mul(radix as i32)?.checked_add(digit as i32)?;
    }
    Some(value)
}

/// The first place from `at` on that holds `byte`.
pub fn find_byte(source: &[u8], at: usize, byte: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let rest = source.get(at..)?;
    let wanted = LOW * u64::from(byte);
    let (chunks, tail) = rest.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        // A byte of `word` is zero where the text holds the wanted one; the lowest mark is always right.
        let word = u64::from_le_bytes(*chunk) ^ wanted;
        let marks = word.wrapping_sub(LOW) & !word & HIGH;
        if marks != 0 {
            return Some(at + 8 * index + marks.trailing_zeros() as usize / 8);
        }
    }
    tail.iter().position(|&b| b == byte).map(|i| at + 8 * chunks.len() + i)
}

/// The first place from `at` on that holds `needle`, which begins with its rarest byte.
pub fn find(source: &[u8], mut at: usize, needle: &[u8]) -> Option<usize> {
    loop {
        at = find_byte(source, at, needle[0])?;
        if source[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// The length of the dollar quote's tag (`$$`, `$name$`) at the start of `text`.
pub fn dollar_tag(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'$' => return Some(at + 1),
            b'0'..=b'9' if at == 1 => return None,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80.. | b'0'..=b'9' => at += 1,
            _ => return None,
        }
    }
    None
}

/// Behind the quote that goes on with a string after white space with a line break; `at` is behind the closing quote.
pub fn continuation(source: &[u8], mut at: usize) -> Option<usize> {
    let mut broken = false;
    loop {
        match source.get(at)? {
            b'\n' | b'\r' => {
                broken = true;
                at += 1;
            }
            b'-' if source.get(at + 1) == Some(&b'-') => {
                at += 2;
                while !matches!(source.get(at)?, b'\n' | b'\r') {
                    at += 1;
                }
            }
            b'\'' if broken => return Some(at + 1),
            byte if is_space(*byte) => at += 1,
            _ => return None,
        }
    }
}

/// Appends a plain or quoted name as the grammar sees it: folded, or unquoted; cut at 63 bytes.
pub fn append_name(out: &mut String, spelling: &str) {
    let begin = out.len();
    match spelling.as_bytes() {
        [b'"', ..] => append_undoubled(out, &spelling[1..spelling.len() - 1], '"'),
        [b'u' | b'U', b'&', b'"', ..] => append_unicode(out, spelling),
        _ => out.extend(spelling.chars().map(|c| c.to_ascii_lowercase())),
    }
    if out.len() - begin > NAME_LEN_MAX {
        let mut end = begin + NAME_LEN_MAX;
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
    }
}

/// Whether a name's spelling is its value.
pub fn name_is_plain(spelling: &[u8]) -> bool {
    spelling.len() <= NAME_LEN_MAX
        && !spelling.iter().any(|b| b.is_ascii_uppercase() || matches!(b, b'"' | b'&'))
}

fn append_undoubled(out: &mut String, inner: &str, quote: char) {
    let mut rest = inner;
    while let Some(at) = rest.find(quote) {
        out.push_str(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or("");
    }
    out.push_str(rest);
}

/// Appends the value of a string token of any form.
pub fn append_string(out: &mut String, spelling: &[u8]) {
    match spelling {
        [b'$', ..] => {
            let tag = dollar_tag(spelling).unwrap_or(0);
            let end = spelling.len().saturating_sub(tag).max(tag);
            out.push_str(&String::from_utf8_lossy(&spelling[tag..end]));
        }
        [b'e' | b'E', b'\'', ..] => out.push_str(&String::from_utf8_lossy(&escaped_bytes(spelling))),
        [b'u' | b'U', b'&', ..] => append_unicode(out, &String::from_utf8_lossy(spelling)),
        [b'b' | b'B' | b'x' | b'X', b'\'', ..] => append_segments(out, &spelling[1..]),
        _ => append_segments(out, spelling),
    }
}

/// Appends what stands between the quotes of `'…'`, continuations joined.
fn append_segments(out: &mut String, spelling: &[u8]) {
    let mut at = 1;
    while let Some(quote) = find_byte(spelling, at, b'\'') {
        out.push_str(&String::from_utf8_lossy(&spelling[at..quote]));
        at = quote + 1;
        if spelling.get(at) == Some(&b'\'') {
            out.push('\'');
            at += 1;
        } else if let Some(next) = continuation(spelling, at) {
            at = next;
        } else {
            return;
        }
    }
    out.push_str(&String::from_utf8_lossy(&spelling[at..]));
}

/// The bytes of an `E'…'` string.
pub fn escaped_bytes(spelling: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(spelling.len());
    let mut at = 2;
    let mut pair = 0;
    while let Some(&byte) = spelling.get(at) {
        match byte {
            b'\'' if spelling.get(at + 1) == Some(&b'\'') => {
                out.push(b'\'');
                at += 2;
            }
            b'\'' => match continuation(spelling, at + 1) {
                Some(next) => at = next,
                None => break,
            },
            b'\\' if at + 1 < spelling.len() => at = append_escape(&mut out, spelling, at, &mut pair),
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn append_escape(out: &mut Vec<u8>, spelling: &[u8], at: usize, pair: &mut u32) -> usize {
    let next = spelling[at + 1];
    let take = |most: usize, from: usize, radix: u32| {
        let rest = &spelling[from..];
        rest.iter().take(most).take_while(|b| (**b as char).is_digit(radix)).count()
    };
    match next {
        b'u' | b'U' => {
            let digits = take(if next == b'u' { 4 } else { 8 }, at + 2, 16);
            append_code(out, hex(&spelling[at + 2..at + 2 + digits]), pair);
            at + 2 + digits
        }
        b'0'..=b'7' => {
            let digits = take(3, at + 1, 8);
            let value =
                spelling[at + 1..at + 1 + digits].iter().fold(0u32, |v, d| v * 8 + u32::from(d - b'0'));
            out.push(value as u8);
            at + 1 + digits
        }
        b'x' if take(1, at + 2, 16) == 1 => {
            let digits = take(2, at + 2, 16);
            out.push(hex(&spelling[at + 2..at + 2 + digits]) as u8);
            at + 2 + digits
        }
        _ => {
            out.push(match next {
                b'b' => 8,
                b'f' => 12,
                b'n' => 10,
                b'r' => 13,
                b't' => 9,
                b'v' => 11,
                other => other,
            });
            at + 2
        }
    }
}

/// Appends a code point; the first half of a surrogate pair waits in `pair` for the second.
fn append_code(out: &mut Vec<u8>, code: u32, pair: &mut u32) {
    let code = match (*pair, code) {
        (0, 0xD800..0xDC00) => {
            *pair = code;
            return;
        }
        (0, _) => code,
        (first, second) => 0x10000 + ((first & 0x3FF) << 10) + (second & 0x3FF),
    };
    *pair = 0;
    let mut buffer = [0; 4];
    if let Some(c) = char::from_u32(code) {
        out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
    }
}

/// The server's message about the first byte sequence that is no UTF-8 (or is a zero byte).
pub fn invalid_utf8(bytes: &[u8]) -> Option<Cow<'static, str>> {
    let valid = match core::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    let at = find_byte(&bytes[..valid], 0, 0).or((valid < bytes.len()).then_some(valid))?;
    let len = match bytes[at] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    let mut message = String::from("invalid byte sequence for encoding \"UTF8\":");
    for byte in bytes[at..].iter().take(len) {
        message.push_str(&format!(" 0x{byte:02x}"));
    }
    Some(Cow::Owned(message))
}

/// A fault inside a `U&` string.
#[derive(Clone, Copy, Debug)]
pub struct UnicodeFault {
    /// The server's message.
    pub message: &'static str,
    /// Its hint.
    pub hint: Option<&'static str>,
    /// Bytes from the token's start, as the server counts them: doubled quotes count once.
    pub offset: usize,
}

/// The inside of a `U&` token with quotes undoubled, and the escape character of its clause.
fn unicode_parts(spelling: &str) -> (String, u8) {
    let mut inner = String::new();
    let mut escape = b'\\';
    if spelling.as_bytes()[2] == b'"' {
        let mut at = 3;
        while let Some(quote) = find_byte(spelling.as_bytes(), at, b'"') {
            at = quote + 1;
            if spelling.as_bytes().get(at) != Some(&b'"') {
                break;
            }
            at += 1;
        }
        append_undoubled(&mut inner, &spelling[3..at - 1], '"');
        escape = clause_escape(&spelling[at..]).unwrap_or(escape);
    } else {
        append_segments(&mut inner, &spelling.as_bytes()[2..]);
        let clause = spelling.len() - quoted_len(&spelling.as_bytes()[2..]) - 2;
        escape = clause_escape(&spelling[spelling.len() - clause..]).unwrap_or(escape);
    }
    (inner, escape)
}

/// The length of `'…'` with its continuations.
fn quoted_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(quote) = find_byte(text, at, b'\'') {
        at = quote + 1;
        if text.get(at) == Some(&b'\'') {
            at += 1;
        } else if let Some(next) = continuation(text, at) {
            at = next;
        } else {
            return at;
        }
    }
    text.len()
}

/// The escape character of a `UESCAPE` clause, behind white space and comments: its last string's one byte.
fn clause_escape(clause: &str) -> Option<u8> {
    if clause.is_empty() {
        return None;
    }
    let mut tokens = crate::token::Tokens::default();
    let dialect = crate::version::Dialect::default();
    crate::lexer::lex(clause.as_bytes(), crate::lexer::Mode::Scan, dialect, &mut tokens, &mut Vec::new());
    let last = tokens.len().checked_sub(2)?;
    let mut value = String::new();
    append_string(&mut value, &clause.as_bytes()[tokens.range(last)]);
    value.bytes().next()
}

/// Checks the escapes of a `U&` token's text (without its clause).
///
/// # Errors
/// The server's complaint about the first bad escape.
pub fn check_unicode(spelling: &[u8], escape: u8) -> Result<(), UnicodeFault> {
    let (inner, _) = unicode_parts(&String::from_utf8_lossy(spelling));
    unescape_unicode(&mut String::new(), &inner, escape)
}

fn append_unicode(out: &mut String, spelling: &str) {
    let (inner, escape) = unicode_parts(spelling);
    // The lexer has checked the escapes; a token from elsewhere keeps what was read before a fault.
    let _ = unescape_unicode(out, &inner, escape);
}

fn unescape_unicode(out: &mut String, inner: &str, escape: u8) -> Result<(), UnicodeFault> {
    let bytes = inner.as_bytes();
    let mut pair = 0;
    let mut at = 0;
    let fault = |message, hint, at: usize| UnicodeFault { message, hint, offset: at + 3 };
    while at < bytes.len() {
        let lone_half = pair != 0;
        if bytes[at] != escape {
            if lone_half {
                return Err(fault("invalid Unicode surrogate pair", None, at));
            }
            let end = find_byte(bytes, at, escape).unwrap_or(bytes.len());
            out.push_str(&String::from_utf8_lossy(&bytes[at..end]));
            at = end;
            continue;
        }
        if bytes.get(at + 1) == Some(&escape) {
            if lone_half {
                return Err(fault("invalid Unicode surrogate pair", None, at));
            }
            out.push(escape as char);
            at += 2;
            continue;
        }
        let (skip, digits) = if bytes.get(at + 1) == Some(&b'+') { (2, 6) } else { (1, 4) };
        let code = match bytes.get(at + skip..at + skip + digits) {
            Some(code) if code.iter().all(u8::is_ascii_hexdigit) => hex(code),
            _ => {
                let hint = "Unicode escapes must be \\XXXX or \\+XXXXXX.";
                return Err(fault("invalid Unicode escape", Some(hint), at));
            }
        };
        if code == 0 || code > 0x10_FFFF {
            return Err(fault("invalid Unicode escape value", None, at));
        }
        let second = (0xDC00..0xE000).contains(&code);
        if second != lone_half {
            return Err(fault("invalid Unicode surrogate pair", None, at));
        }
        let mut encoded = Vec::with_capacity(4);
        append_code(&mut encoded, code, &mut pair);
        out.push_str(&String::from_utf8_lossy(&encoded));
        at += skip + digits;
    }
    if pair != 0 {
        return Err(fault("invalid Unicode surrogate pair", None, bytes.len()));
    }
    Ok(())
}
