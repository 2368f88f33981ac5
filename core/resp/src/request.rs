//! Requests: arrays of bulk strings, or inline lines.
//!
//! ```text
//! *2 CR LF  $4 CR LF ECHO CR LF  $2 CR LF hi CR LF          ECHO "a\x41" LF
//! ```
//!
//! The parser owns one buffer. Bytes are appended to it, complete requests come out as [`Words`] that point into it,
//! and what was used is dropped by [`Parser::compact`]. An announced count or length is never allocated: memory follows
//! the bytes that arrived. Source: Redis 7.0 `networking.c` (`processInlineBuffer`, `processMultibulkBuffer`), as
//! measured from outside.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::int::parse_i64;
use crate::limits::{
    BULK_LEN_MAX, BULK_LEN_UNAUTHENTICATED, LINE_LEN_MAX, MULTIBULK_LEN_MAX, MULTIBULK_LEN_UNAUTHENTICATED,
};

/// Why a connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The argument count is no strict number or too large.
    MultibulkLength,
    /// Too many arguments before AUTH.
    UnauthenticatedMultibulkLength,
    /// Too long an argument before AUTH.
    UnauthenticatedBulkLength,
    /// Another byte than `$`.
    ExpectedDollar(u8),
    /// The argument length is no strict number or too large.
    BulkLength,
    /// An inline quote that does not end, or does not end a word.
    UnbalancedQuotes,
    /// An inline line that does not end.
    InlineTooBig,
    /// A count line that does not end.
    CountTooBig,
    /// A length line that does not end.
    LengthTooBig,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR Protocol error: ")?;
        match self {
            ProtocolError::MultibulkLength => f.write_str("invalid multibulk length"),
            ProtocolError::UnauthenticatedMultibulkLength => f.write_str("unauthenticated multibulk length"),
            ProtocolError::UnauthenticatedBulkLength => f.write_str("unauthenticated bulk length"),
            ProtocolError::ExpectedDollar(byte) => write!(f, "expected '$', got '{}'", char::from(*byte)),
            ProtocolError::BulkLength => f.write_str("invalid bulk length"),
            ProtocolError::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
            ProtocolError::InlineTooBig => f.write_str("too big inline request"),
            ProtocolError::CountTooBig => f.write_str("too big mbulk count string"),
            ProtocolError::LengthTooBig => f.write_str("too big bulk count string"),
        }
    }
}

impl core::error::Error for ProtocolError {}

/// The words of one request, or of a part of one.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    bytes: &'a [u8],
    spans: &'a [Range<usize>],
}

impl<'a> Words<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The word at `index`, if there are that many.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| &self.bytes[span.clone()])
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| &bytes[span.clone()])
    }

    /// The words from `index` on.
    pub fn from(&self, index: usize) -> Words<'a> {
        Words { bytes: self.bytes, spans: self.spans.get(index..).unwrap_or(&[]) }
    }
}

impl core::ops::Index<usize> for Words<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        &self.bytes[self.spans[index].clone()]
    }
}

/// A request that owns its bytes: what MULTI queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Request {
    /// A request of these words.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Request {
        let mut request = Request::default();
        for word in words {
            let start = request.bytes.len();
            request.bytes.extend_from_slice(word);
            request.spans.push(start..request.bytes.len());
        }
        request
    }

    /// Its words.
    pub fn words(&self) -> Words<'_> {
        Words { bytes: &self.bytes, spans: &self.spans }
    }

    /// Bytes that it holds.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.spans.len() * size_of::<Range<usize>>()
    }
}

/// Takes bytes, gives requests.
#[derive(Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// Start of what is not understood yet.
    at: usize,
    /// No line end lies in `at..searched`.
    searched: usize,
    /// Arguments of the array that is being read, or of the last request.
    spans: Vec<Range<usize>>,
    /// Arguments of it that are still missing; the length of the next one, once its header was read.
    missing: u64,
    bulk_len: Option<usize>,
}

impl Parser {
    /// Where arriving bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Bytes that arrived and belong to no complete request yet.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Memory held.
    pub fn weight(&self) -> usize {
        self.buffer.capacity() + self.spans.capacity() * size_of::<Range<usize>>()
    }

    /// Bytes that the argument being received still needs; 0 if unknown. Never more than was announced within the limits.
    pub fn wanted(&self) -> usize {
        self.bulk_len.map_or(0, |len| (len + 2).saturating_sub(self.pending()))
    }

    /// The words of the last request that [`Parser::parse`] found.
    pub fn words(&self) -> Words<'_> {
        Words { bytes: &self.buffer, spans: &self.spans }
    }

    /// Drops the bytes of requests that are done. [`Parser::words`] is empty afterwards unless a request is half read.
    pub fn compact(&mut self) {
        let keep_from =
            if self.missing > 0 { self.spans.first().map_or(self.at, |s| s.start) } else { self.at };
        if self.missing == 0 {
            self.spans.clear();
        }
        if keep_from == 0 {
            return;
        }
        self.buffer.drain(..keep_from);
        self.at -= keep_from;
        self.searched = self.searched.saturating_sub(keep_from);
        for span in &mut self.spans {
            *span = span.start - keep_from..span.end - keep_from;
        }
        if self.buffer.is_empty() && self.missing == 0 {
            self.buffer = Vec::new();
            self.spans = Vec::new();
        }
    }

    /// Reads on. `true`: one more request is complete, its words are in [`Parser::words`]; `false`: more bytes are needed.
    pub fn parse(&mut self, authenticated: bool) -> Result<bool, ProtocolError> {
        loop {
            if self.missing > 0 {
                return self.parse_arguments(authenticated);
            }
            self.spans.clear();
            match self.buffer.get(self.at) {
                None => return Ok(false),
                Some(b'*') => {
                    let Some(line) = self.header(ProtocolError::CountTooBig)? else { return Ok(false) };
                    let count = parse_i64(&self.buffer[line]).ok_or(ProtocolError::MultibulkLength)?;
                    let count = u64::try_from(count).unwrap_or(0);
                    if count > MULTIBULK_LEN_MAX {
                        return Err(ProtocolError::MultibulkLength);
                    }
                    if count > MULTIBULK_LEN_UNAUTHENTICATED && !authenticated {
                        return Err(ProtocolError::UnauthenticatedMultibulkLength);
                    }
                    self.missing = count;
                }
                Some(_) => match self.parse_inline()? {
                    Some(true) => return Ok(true),
                    Some(false) => {}
                    None => return Ok(false),
                },
            }
        }
    }

    /// The number in the header line at `at` (without its first byte); moves behind the line.
    fn header(&mut self, too_big: ProtocolError) -> Result<Option<Range<usize>>, ProtocolError> {
        let Some(end) = self.find(b'\r') else {
            return if self.pending() > LINE_LEN_MAX { Err(too_big) } else { Ok(None) };
        };
        if end + 1 >= self.buffer.len() {
            return Ok(None);
        }
        // The line may be empty: then its end stands where its tag should.
        let line = (self.at + 1).min(end)..end;
        self.at = end + 2;
        self.searched = self.at;
        Ok(Some(line))
    }

    fn find(&mut self, byte: u8) -> Option<usize> {
        let from = self.searched.max(self.at);
        let found = self.buffer[from..].iter().position(|&b| b == byte).map(|i| from + i);
        self.searched = found.unwrap_or(self.buffer.len());
        found
    }

    fn parse_arguments(&mut self, authenticated: bool) -> Result<bool, ProtocolError> {
        while self.missing > 0 {
            let len = match self.bulk_len {
                Some(len) => len,
                None => {
                    let Some(tag) = self.buffer.get(self.at).copied() else { return Ok(false) };
                    let Some(line) = self.header(ProtocolError::LengthTooBig)? else { return Ok(false) };
                    let len = bulk_len(tag, &self.buffer[line], authenticated)?;
                    *self.bulk_len.insert(len)
                }
            };
            // The two bytes behind the payload are skipped unseen, as in Redis.
            if self.pending() < len + 2 {
                return Ok(false);
            }
            self.spans.push(self.at..self.at + len);
            self.at += len + 2;
            self.searched = self.at;
            self.bulk_len = None;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// `Some(false)`: an empty line. Words are unquoted in place, for they never grow.
    fn parse_inline(&mut self) -> Result<Option<bool>, ProtocolError> {
        let Some(end) = self.find(b'\n') else {
            return if self.pending() > LINE_LEN_MAX { Err(ProtocolError::InlineTooBig) } else { Ok(None) };
        };
        let start = self.at;
        let line_end = if end > start && self.buffer[end - 1] == b'\r' { end - 1 } else { end };
        self.at = end + 1;
        self.searched = self.at;
        split_inline(&mut self.buffer[..line_end], start, &mut self.spans)?;
        Ok(Some(!self.spans.is_empty()))
    }
}

fn bulk_len(tag: u8, digits: &[u8], authenticated: bool) -> Result<usize, ProtocolError> {
    if tag != b'$' {
        return Err(ProtocolError::ExpectedDollar(tag));
    }
    let len = parse_i64(digits).and_then(|len| u64::try_from(len).ok()).ok_or(ProtocolError::BulkLength)?;
    if len > BULK_LEN_MAX {
        return Err(ProtocolError::BulkLength);
    }
    if len > BULK_LEN_UNAUTHENTICATED && !authenticated {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    usize::try_from(len).map_err(|_| ProtocolError::BulkLength)
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

fn split_inline(line: &mut [u8], mut at: usize, spans: &mut Vec<Range<usize>>) -> Result<(), ProtocolError> {
    loop {
        while line.get(at).is_some_and(|&b| is_blank(b)) {
            at += 1;
        }
        if at >= line.len() {
            return Ok(());
        }
        let start = at;
        let mut write = at;
        while let Some(&byte) = line.get(at) {
            match byte {
                _ if is_blank(byte) => break,
                b'"' | b'\'' => {
                    at = unquote(line, at, &mut write)?;
                    if line.get(at).is_some_and(|&b| !is_blank(b)) {
                        return Err(ProtocolError::UnbalancedQuotes);
                    }
                    break;
                }
                _ => {
                    line[write] = byte;
                    write += 1;
                    at += 1;
                }
            }
        }
        spans.push(start..write);
    }
}

/// Copies the quoted part that opens at `at` to `write`; gives the place behind its closing quote.
fn unquote(line: &mut [u8], mut at: usize, write: &mut usize) -> Result<usize, ProtocolError> {
    let quote = line[at];
    at += 1;
    loop {
        let byte = *line.get(at).ok_or(ProtocolError::UnbalancedQuotes)?;
        let (value, used) = match (byte, line.get(at + 1)) {
            (b, _) if b == quote => return Ok(at + 1),
            (b'\\', Some(b'\'')) if quote == b'\'' => (b'\'', 2),
            (b'\\', Some(&next)) if quote == b'"' => escape(line, at, next),
            (b, _) => (b, 1),
        };
        line[*write] = value;
        *write += 1;
        at += used;
    }
}

fn escape(line: &[u8], at: usize, next: u8) -> (u8, usize) {
    let hex = |i: usize| line.get(i).and_then(|&c| char::from(c).to_digit(16));
    match next {
        b'x' => match (hex(at + 2), hex(at + 3)) {
            (Some(high), Some(low)) => ((high * 16 + low) as u8, 4),
            _ => (b'x', 2),
        },
        b'n' => (b'\n', 2),
        b'r' => (b'\r', 2),
        b't' => (b'\t', 2),
        b'b' => (0x08, 2),
        b'a' => (0x07, 2),
        other => (other, 2),
    }
}
