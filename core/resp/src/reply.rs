//! Replies, in RESP2 and RESP3.
//!
//! | call | RESP2 | RESP3 |
//! |---|---|---|
//! | `simple`, `error`, `int`, `bulk`, `array` | `+` `-` `:` `$` `*` | the same |
//! | `null` / `null_array` | `$-1` / `*-1` | `_` |
//! | `map(n)` | `*2n` | `%n` |
//! | `set(n)` | `*n` | `~n` |
//! | `verbatim` | `$` | `=` with `txt:` |

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::fault::Fault;
use crate::int::{put_i64, put_u64};
use crate::value::{LARGE_LEN, Shared};

/// Version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proto {
    /// What every client starts with.
    #[default]
    Resp2,
    /// After HELLO 3.
    Resp3,
}

/// Replies on their way to the socket: bytes, and between them large values that are sent from where they lie.
#[derive(Default)]
pub struct Out {
    bytes: Vec<u8>,
    /// Each with its place among the bytes, ascending.
    large: VecDeque<(usize, Shared)>,
    large_len: usize,
}

impl Out {
    /// Gives an output that has no memory yet a buffer to use.
    pub fn lend(&mut self, mut buffer: Vec<u8>) {
        if self.bytes.capacity() == 0 {
            buffer.clear();
            self.bytes = buffer;
        }
    }

    /// Takes the buffer from an output that is empty.
    pub fn take_back(&mut self) -> Option<Vec<u8>> {
        self.is_empty().then(|| core::mem::take(&mut self.bytes))
    }

    /// The small bytes; large values are left out.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A place behind all that stands here, for [`Out::truncate`] and [`Out::replace`].
    pub fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes to send, large values included.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.large_len
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops everything behind a place.
    pub fn truncate(&mut self, mark: usize) {
        self.bytes.truncate(mark);
        while self.large.back().is_some_and(|(at, _)| *at > mark) {
            self.pop_back();
        }
    }

    fn pop_back(&mut self) {
        if let Some((_, value)) = self.large.pop_back() {
            self.large_len -= value.as_ref().as_ref().len();
        }
    }

    /// Empties it and keeps its buffer.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Writes an error in the place of each of these ranges, which ascend; empty ones, of replies that were not wanted, stay empty.
    pub fn replace(&mut self, ranges: &[Range<usize>], fault: &Fault) {
        let (bytes, large) = (core::mem::take(&mut self.bytes), core::mem::take(&mut self.large));
        self.large_len = 0;
        let mut large = large.into_iter().peekable();
        let mut kept = 0;
        let end = bytes.len()..bytes.len();
        for range in ranges.iter().cloned().chain(core::iter::once(end)) {
            while let Some((at, value)) = large.next_if(|(at, _)| *at <= range.start) {
                self.bytes.extend_from_slice(&bytes[kept..at]);
                kept = at;
                self.hold(value);
            }
            while large.next_if(|(at, _)| *at < range.end).is_some() {}
            self.bytes.extend_from_slice(&bytes[kept..range.start]);
            if !range.is_empty() {
                Reply { out: self, proto: Proto::Resp2 }.error(fault);
            }
            kept = range.end;
        }
    }

    fn hold(&mut self, value: Shared) {
        self.large_len += value.as_ref().as_ref().len();
        self.large.push_back((self.bytes.len(), value));
    }

    /// What is to be sent, in order.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.large.iter().map(|(at, _)| *at));
        let ends = self.large.iter().map(|(at, _)| *at).chain([self.bytes.len()]);
        let values = self.large.iter().map(|(_, value)| value.as_ref().as_ref()).chain([&[][..]]);
        let pairs = starts.zip(ends).zip(values);
        pairs
            .flat_map(|((start, end), value)| [&self.bytes[start..end], value])
            .filter(|part| !part.is_empty())
    }

    /// All bytes in one piece, large values copied: for tests and those who keep replies.
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts().flatten().copied().collect()
    }
}

impl core::fmt::Debug for Out {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes, {} large values", self.bytes.len(), self.large.len())
    }
}

/// Writes one reply after another at the end of the caller's output.
pub struct Reply<'a> {
    /// The output.
    pub out: &'a mut Out,
    /// How nulls, maps, sets and texts look.
    pub proto: Proto,
}

impl Reply<'_> {
    fn head(&mut self, tag: u8, len: usize) {
        self.out.bytes.push(tag);
        put_u64(&mut self.out.bytes, len as u64);
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    /// A status line.
    pub fn simple(&mut self, text: &str) {
        self.out.bytes.push(b'+');
        self.out.bytes.extend_from_slice(text.as_bytes());
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    /// An error. Line ends in its text become blanks.
    pub fn error(&mut self, fault: &Fault) {
        self.out.bytes.push(b'-');
        let text = alloc::string::ToString::to_string(fault);
        let byte = |c: char| if matches!(c, '\r' | '\n') { b' ' } else { u8::try_from(c).unwrap_or(b'?') };
        self.out.bytes.extend(text.chars().map(byte));
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        self.out.bytes.push(b':');
        put_i64(&mut self.out.bytes, value);
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    /// An integer from a count.
    pub fn count(&mut self, value: usize) {
        self.head(b':', value);
    }

    /// A string of bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.head(b'$', bytes.len());
        self.out.bytes.extend_from_slice(bytes);
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    /// A value, held instead of copied if it is large.
    pub fn value<V: AsRef<[u8]> + Send + Sync + 'static>(&mut self, value: V) {
        let len = value.as_ref().len();
        if len < LARGE_LEN {
            return self.bulk(value.as_ref());
        }
        self.head(b'$', len);
        self.out.hold(Arc::new(value));
        self.out.bytes.extend_from_slice(b"\r\n");
    }

    /// A value, or null.
    pub fn value_or_null<V: AsRef<[u8]> + Send + Sync + 'static>(&mut self, value: Option<V>) {
        match value {
            Some(value) => self.value(value),
            None => self.null(),
        }
    }

    /// A string, or null.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Bulk strings that were written elsewhere.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.bytes.extend_from_slice(bytes);
    }

    /// A missing value.
    pub fn null(&mut self) {
        let null: &[u8] = if self.proto == Proto::Resp3 { b"_\r\n" } else { b"$-1\r\n" };
        self.out.bytes.extend_from_slice(null);
    }

    /// A missing array: EXEC after a watched key was touched.
    pub fn null_array(&mut self) {
        let null: &[u8] = if self.proto == Proto::Resp3 { b"_\r\n" } else { b"*-1\r\n" };
        self.out.bytes.extend_from_slice(null);
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
        self.out.bytes.extend_from_slice(b"txt:");
        self.out.bytes.extend_from_slice(text.as_bytes());
        self.out.bytes.extend_from_slice(b"\r\n");
    }
}

/// Appends a bulk string to a buffer.
pub(crate) fn put_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}
