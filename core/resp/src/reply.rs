//! Replies, in RESP2 and RESP3.
//!
//! | call | RESP2 | RESP3 |
//! |---|---|---|
//! | `simple`, `error`, `int`, `bulk`, `array` | `+` `-` `:` `$` `*` | the same |
//! | `null` / `null_array` | `$-1` / `*-1` | `_` |
//! | `map(n)` | `*2n` | `%n` |
//! | `set(n)` | `*n` | `~n` |
//! | `verbatim` | `$` | `=` with `txt:` |

use alloc::vec::Vec;

use crate::fault::Fault;
use crate::int::{put_i64, put_u64};

/// Version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proto {
    /// What every client starts with.
    #[default]
    Resp2,
    /// After HELLO 3.
    Resp3,
}

/// Writes one reply after another at the end of the caller's buffer.
pub struct Reply<'a> {
    /// The buffer.
    pub out: &'a mut Vec<u8>,
    /// How nulls, maps, sets and texts look.
    pub proto: Proto,
}

impl Reply<'_> {
    fn head(&mut self, tag: u8, len: usize) {
        self.out.push(tag);
        put_u64(self.out, len as u64);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A status line.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// An error. Line ends in its text become blanks.
    pub fn error(&mut self, fault: &Fault) {
        self.out.push(b'-');
        let text = alloc::string::ToString::to_string(fault);
        let byte = |c: char| if matches!(c, '\r' | '\n') { b' ' } else { u8::try_from(c).unwrap_or(b'?') };
        self.out.extend(text.chars().map(byte));
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        self.out.push(b':');
        put_i64(self.out, value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer from a count.
    pub fn count(&mut self, value: usize) {
        self.head(b':', value);
    }

    /// A string of bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.head(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A string, or null.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// A missing value.
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.proto == Proto::Resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// A missing array: EXEC after a watched key was touched.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.proto == Proto::Resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The head of an array of `len` replies.
    pub fn array(&mut self, len: usize) {
        self.head(b'*', len);
    }

    /// The head of a map of `len` pairs.
    pub fn map(&mut self, len: usize) {
        match self.proto {
            Proto::Resp2 => self.head(b'*', 2 * len),
            Proto::Resp3 => self.head(b'%', len),
        }
    }

    /// The head of a set of `len` replies.
    pub fn set(&mut self, len: usize) {
        self.head(if self.proto == Proto::Resp3 { b'~' } else { b'*' }, len);
    }

    /// A text for people.
    pub fn verbatim(&mut self, text: &str) {
        if self.proto == Proto::Resp2 {
            return self.bulk(text.as_bytes());
        }
        self.head(b'=', text.len() + 4);
        self.out.extend_from_slice(b"txt:");
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}
