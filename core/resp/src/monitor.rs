//! The line that MONITOR shows for a command.

use alloc::vec::Vec;
use core::fmt::Write;

use crate::int::put_u64;
use crate::request::Words;

/// Bytes of a line from which on further words are left out: a monitor is for people.
const LINE_LEN_MAX: usize = 64 << 10;

/// `+1700000000.123456 [0 127.0.0.1:4000] "set" "k" "v"` and the line end. Passwords are left out.
pub fn line(clock_us: u64, db: u8, addr: &str, words: &Words<'_>) -> Vec<u8> {
    let mut out = Vec::from(*b"+");
    put_u64(&mut out, clock_us / 1_000_000);
    let mut text = alloc::string::String::new();
    let _ = write!(text, ".{:06} [{db} {addr}]", clock_us % 1_000_000);
    out.extend_from_slice(text.as_bytes());
    let secret =
        words.get(0).is_some_and(|w| w.eq_ignore_ascii_case(b"auth") || w.eq_ignore_ascii_case(b"hello"));
    for (at, word) in words.iter().enumerate() {
        out.extend_from_slice(b" \"");
        if secret && at > 0 {
            out.extend_from_slice(b"(redacted)");
        } else if out.len() + word.len() > LINE_LEN_MAX {
            out.extend_from_slice(b"...\"");
            break;
        } else {
            quote(word, &mut out);
        }
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// A word as Redis shows it between quotes.
fn quote(word: &[u8], out: &mut Vec<u8>) {
    for &byte in word {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            other => {
                let digit = |n: u8| b"0123456789abcdef"[usize::from(n & 15)];
                out.extend_from_slice(&[b'\\', b'x', digit(other >> 4), digit(other)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    #[test]
    fn lines_look_as_redis_shows_them() {
        let shown = |words: &[&[u8]]| {
            let request = Request::new(words.iter().copied());
            std::string::String::from_utf8(line(
                1_339_518_083_107_412,
                3,
                "127.0.0.1:60866",
                &request.words(),
            ))
            .unwrap()
        };
        // The example of Redis's own page on MONITOR.
        assert_eq!(shown(&[b"keys", b"*"]), "+1339518083.107412 [3 127.0.0.1:60866] \"keys\" \"*\"\r\n");
        assert!(
            shown(&[b"SET", b"a\"\n", b"\x00\xff"]).ends_with(" \"SET\" \"a\\\"\\n\" \"\\x00\\xff\"\r\n")
        );
        assert!(shown(&[b"AUTH", b"oak"]).ends_with(" \"AUTH\" \"(redacted)\"\r\n"));
    }
}
