//! Requests: arrays of bulk strings, or inline lines.
//!
//! ```text
//! *2 CR LF  $4 CR LF ECHO CR LF  $2 CR LF hi CR LF          ECHO "a\x41" LF
//! ```
//!
//! The parser owns one buffer. Bytes are appended to it, complete requests come out as [`Words`] that point into it,
//! and what was used is dropped by [`Parser::compact`]. An argument of [`LARGE_LEN`] bytes and more is received into a buffer of its own,
//! which a command may keep ([`Words::value`]) instead of copying it. An announced count or length is never allocated: memory follows
//! the bytes that arrived. Source: Redis 7.0 `networking.c` (`processInlineBuffer`, `processMultibulkBuffer`), as
//! measured from outside.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::int::parse_i64;
use crate::limits::{
    BULK_LEN_MAX, BULK_LEN_UNAUTHENTICATED, LINE_LEN_MAX, MULTIBULK_LEN_MAX, MULTIBULK_LEN_UNAUTHENTICATED,
};
use crate::value::{LARGE_LEN, NewValue};

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

/// Where a word lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// In the common buffer; of a large argument: its number among them.
    start: usize,
    /// `LARGE` for a large argument.
    end: usize,
}

/// The end of a span that stands for a large argument.
const LARGE: usize = usize::MAX;

/// The words of one request, or of a part of one.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    large: &'a [Arc<Vec<u8>>],
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

    fn word(&self, span: Span) -> &'a [u8] {
        match span.end {
            LARGE => &self.large[span.start],
            end => &self.bytes[span.start..end],
        }
    }

    /// The word at `index`, if there are that many.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| self.word(*span))
    }

    /// The word at `index` as a value: a large one can be held. `index` is one of the request's.
    pub fn value(&self, index: usize) -> NewValue<'a> {
        let span = self.spans[index];
        match span.end {
            LARGE => NewValue::Hold(self.large[span.start].clone()),
            _ => NewValue::Copy(self.word(span)),
        }
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let words = *self;
        self.spans.iter().map(move |span| words.word(*span))
    }

    /// The words from `index` on.
    pub fn from(&self, index: usize) -> Words<'a> {
        Words { spans: self.spans.get(index..).unwrap_or(&[]), ..*self }
    }
}

impl core::ops::Index<usize> for Words<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        self.word(self.spans[index])
    }
}

/// A request that owns its bytes: what MULTI queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    large: Vec<Arc<Vec<u8>>>,
}

impl Request {
    /// A request of these words.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Request {
        let mut request = Request::default();
        words.into_iter().for_each(|word| request.push(word));
        request
    }

    /// A request of these words; large ones are held.
    pub fn of(words: &Words<'_>) -> Request {
        let mut request = Request::default();
        for span in words.spans {
            if span.end == LARGE {
                request.spans.push(Span { start: request.large.len(), end: LARGE });
                request.large.push(words.large[span.start].clone());
            } else {
                request.push(words.word(*span));
            }
        }
        request
    }

    fn push(&mut self, word: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(word);
        self.spans.push(Span { start, end: self.bytes.len() });
    }

    /// Its words.
    pub fn words(&self) -> Words<'_> {
        Words { bytes: &self.bytes, spans: &self.spans, large: &self.large }
    }

    /// Bytes that it holds, its own record included.
    pub fn weight(&self) -> usize {
        let large: usize = self.large.iter().map(|l| l.capacity()).sum();
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>() + large + 2 * size_of::<Request>()
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
    spans: Vec<Span>,
    /// Large ones of them.
    large: Vec<Arc<Vec<u8>>>,
    /// Arguments of it that are still missing; the length of the next one, once its header was read.
    missing: u64,
    bulk_len: Option<usize>,
    /// The large argument that is being received.
    filling: Vec<u8>,
}

impl Parser {
    /// Where arriving bytes are appended. Nothing but appending is allowed.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.is_filling() { &mut self.filling } else { &mut self.buffer }
    }

    /// Whether bytes go into a large argument's own buffer.
    fn is_filling(&self) -> bool {
        self.bulk_len.is_some_and(|len| len >= LARGE_LEN)
    }

    /// Gives an empty parser a buffer to use; one that is in use keeps its own.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        if self.buffer.capacity() == 0 && buffer.is_empty() {
            self.buffer = buffer;
        }
    }

    /// Takes the buffer from a parser that has nothing left in it.
    pub fn take_back(&mut self) -> Option<Vec<u8>> {
        let idle = self.buffer.is_empty() && self.spans.is_empty() && self.missing == 0;
        idle.then(|| core::mem::take(&mut self.buffer))
    }

    /// Bytes that arrived and belong to no complete request yet.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Bytes that are held for requests which are not complete.
    pub fn weight(&self) -> usize {
        let large: usize = self.large.iter().map(|l| l.len()).sum();
        self.buffer.len() + self.filling.len() + large + self.spans.len() * size_of::<Span>()
    }

    /// Bytes that the argument being received still needs; 0 if unknown. Never more than was announced within the limits.
    pub fn wanted(&self) -> usize {
        let there = if self.is_filling() { self.filling.len() } else { self.pending() };
        self.bulk_len.map_or(0, |len| (len + 2).saturating_sub(there))
    }

    /// The words of the last request that [`Parser::parse`] found.
    pub fn words(&self) -> Words<'_> {
        Words { bytes: &self.buffer, spans: &self.spans, large: &self.large }
    }

    /// Drops the bytes of requests that are done. [`Parser::words`] is empty afterwards unless a request is half read.
    pub fn compact(&mut self) {
        if self.missing == 0 {
            self.spans.clear();
            self.large.clear();
        }
        let first = self.spans.iter().find(|s| s.end != LARGE);
        let keep_from = first.map_or(self.at, |s| s.start);
        if keep_from == 0 {
            return;
        }
        self.buffer.drain(..keep_from);
        self.at -= keep_from;
        self.searched = self.searched.saturating_sub(keep_from);
        for span in self.spans.iter_mut().filter(|s| s.end != LARGE) {
            *span = Span { start: span.start - keep_from, end: span.end - keep_from };
        }
    }

    /// Reads on. `true`: one more request is complete, its words are in [`Parser::words`]; `false`: more bytes are needed.
    ///
    /// # Errors
    /// The connection must be closed: what comes behind cannot be told from what was meant.
    pub fn parse(&mut self, authenticated: bool) -> Result<bool, ProtocolError> {
        loop {
            if self.missing > 0 {
                return self.parse_arguments(authenticated);
            }
            self.spans.clear();
            self.large.clear();
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
            if len >= LARGE_LEN {
                if !self.fill(len) {
                    return Ok(false);
                }
            } else if self.pending() < len + 2 {
                return Ok(false);
            } else {
                self.spans.push(Span { start: self.at, end: self.at + len });
                self.at += len + 2;
            }
            self.searched = self.at;
            self.bulk_len = None;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// Brings a large argument forward; whether it is complete.
    fn fill(&mut self, len: usize) -> bool {
        if self.filling.len() < len + 2 {
            let there = self.pending().min(len + 2 - self.filling.len());
            self.filling.extend_from_slice(&self.buffer[self.at..self.at + there]);
            self.at += there;
        }
        if self.filling.len() < len + 2 {
            return false;
        }
        // A read may have gone over the end: then nothing of what follows stands in the common buffer yet.
        let mut argument = core::mem::take(&mut self.filling);
        if argument.len() > len + 2 {
            self.buffer.extend_from_slice(&argument[len + 2..]);
        }
        argument.truncate(len);
        self.spans.push(Span { start: self.large.len(), end: LARGE });
        self.large.push(Arc::new(argument));
        true
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

fn split_inline(line: &mut [u8], mut at: usize, spans: &mut Vec<Span>) -> Result<(), ProtocolError> {
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
        spans.push(Span { start, end: write });
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
