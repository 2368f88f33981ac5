//! The reader: one pass, an explicit stack, every check made before a [`Document`] exists.

use alloc::vec::Vec;
use core::fmt;

use super::value::{Kind, Value};
use crate::limits::{DEPTH_MAX, TEXT_LEN_MAX};

/// Why a text is no JSON; `at` counts bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// Something else stands there, or the text ends.
    Invalid {
        /// Where.
        at: usize,
        /// What could have stood there.
        wanted: Wanted,
    },
    /// The bytes are not UTF-8.
    Utf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// Arrays and objects stand deeper than [`DEPTH_MAX`].
    TooDeep {
        /// The bracket that was one too many.
        at: usize,
    },
    /// The text is longer than [`TEXT_LEN_MAX`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

/// What the grammar allows at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// Any value.
    Value,
    /// A key, in quotes.
    Key,
    /// `:`.
    Colon,
    /// `,` or the bracket that closes the innermost array or object.
    CommaOrClose,
    /// A digit.
    Digit,
    /// A character of a string, or its closing quote; control characters must be escaped.
    StringCharacter,
    /// One of `"\/bfnrt`, or `u` and four hexadecimal digits.
    Escape,
    /// `\u` and a low surrogate behind a high one, or no surrogate at all.
    SurrogatePair,
    /// Nothing but white space.
    End,
}

impl ReadError {
    /// Where it happened, in bytes from the start.
    pub const fn at(&self) -> usize {
        match *self {
            ReadError::Invalid { at, .. } | ReadError::Utf8 { at } | ReadError::TooDeep { at } => at,
            ReadError::TooLong { .. } => TEXT_LEN_MAX,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wanted::Value => "a value",
            Wanted::Key => "a key in quotes",
            Wanted::Colon => "':'",
            Wanted::CommaOrClose => "',' or a closing bracket",
            Wanted::Digit => "a digit",
            Wanted::StringCharacter => "a character of a string or '\"'",
            Wanted::Escape => "an escape",
            Wanted::SurrogatePair => "a pair of surrogates",
            Wanted::End => "the end",
        })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Invalid { at, wanted } => write!(f, "expected {wanted} at byte {at}"),
            ReadError::Utf8 { at } => write!(f, "byte {at} is not UTF-8"),
            ReadError::TooDeep { at } => write!(f, "more than {DEPTH_MAX} levels deep at byte {at}"),
            ReadError::TooLong { len } => write!(f, "{len} bytes are more than {TEXT_LEN_MAX}"),
        }
    }
}

impl core::error::Error for ReadError {}

/// One value, or one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// Whether a string has escapes.
    pub escaped: bool,
    /// The span in the text, quotes and brackets included.
    pub start: u32,
    pub end: u32,
    /// The first node behind this one's subtree.
    pub next: u32,
}

/// A text that has been checked, and the place of every value in it.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    pub(super) text: &'a str,
    pub(super) nodes: Vec<Node>,
}

impl<'a> Document<'a> {
    /// Reads one value with white space around it. A node is sixteen bytes, and there is at most one for each
    /// byte of the text.
    ///
    /// # Errors
    /// [`ReadError`]: not UTF-8, not JSON, deeper than [`DEPTH_MAX`] or longer than [`TEXT_LEN_MAX`]. A surrogate without its other
    /// half is refused, since no UTF-8 could stand for it.
    pub fn read(bytes: &'a [u8]) -> Result<Document<'a>, ReadError> {
        if bytes.len() > TEXT_LEN_MAX {
            return Err(ReadError::TooLong { len: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|e| ReadError::Utf8 { at: e.valid_up_to() })?;
        let mut reader = Reader { bytes, at: 0, nodes: Vec::new(), open: Vec::new() };
        reader.read()?;
        Ok(Document { text, nodes: reader.nodes })
    }

    /// The value of the whole text.
    pub fn root(&self) -> Value<'_> {
        Value::new(self, 0)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The nodes of the arrays and objects that are not closed yet.
    open: Vec<usize>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), ReadError> {
        loop {
            self.skip_space();
            let opened = self.value()?;
            if opened && !self.close_if_empty() {
                self.key_if_object()?;
                continue;
            }
            if !self.close_or_go_on()? {
                break;
            }
        }
        if self.at < self.bytes.len() { Err(self.invalid(Wanted::End)) } else { Ok(()) }
    }

    /// After a value: closes what ends here. `false` once the outermost value is complete.
    fn close_or_go_on(&mut self) -> Result<bool, ReadError> {
        loop {
            self.skip_space();
            if self.open.is_empty() {
                return Ok(false);
            }
            if self.take(b',') {
                self.key_if_object()?;
                return Ok(true);
            }
            if !self.take_close() {
                return Err(self.invalid(Wanted::CommaOrClose));
            }
        }
    }

    /// The value at this place; for an array or object its bracket, and `true`.
    fn value(&mut self) -> Result<bool, ReadError> {
        match self.peek() {
            Some(b'{') => self.open(Kind::Object).map(|()| true),
            Some(b'[') => self.open(Kind::Array).map(|()| true),
            Some(b'"') => self.string(Kind::String).map(|()| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(b't') => self.word(b"true", Kind::Bool).map(|()| false),
            Some(b'f') => self.word(b"false", Kind::Bool).map(|()| false),
            Some(b'n') => self.word(b"null", Kind::Null).map(|()| false),
            _ => Err(self.invalid(Wanted::Value)),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<(), ReadError> {
        if self.open.len() == DEPTH_MAX {
            return Err(ReadError::TooDeep { at: self.at });
        }
        self.open.push(self.nodes.len());
        self.at += 1;
        self.push(kind, self.at - 1, false);
        Ok(())
    }

    fn close_if_empty(&mut self) -> bool {
        self.skip_space();
        self.take_close()
    }

    /// Closes the innermost array or object if its bracket stands here.
    fn take_close(&mut self) -> bool {
        let Some(&innermost) = self.open.last() else { return false };
        let close = if self.nodes[innermost].kind == Kind::Object { b'}' } else { b']' };
        if !self.take(close) {
            return false;
        }
        self.open.pop();
        self.nodes[innermost].end = self.at as u32;
        self.nodes[innermost].next = self.nodes.len() as u32;
        true
    }

    /// In an object a key and its colon stand before every value.
    fn key_if_object(&mut self) -> Result<(), ReadError> {
        if self.open.last().is_none_or(|&i| self.nodes[i].kind != Kind::Object) {
            return Ok(());
        }
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(self.invalid(Wanted::Key));
        }
        self.string(Kind::Key)?;
        self.skip_space();
        if self.take(b':') { Ok(()) } else { Err(self.invalid(Wanted::Colon)) }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), ReadError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.invalid(Wanted::Value));
        }
        let start = self.at;
        self.at += word.len();
        self.push(kind, start, false);
        Ok(())
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        self.push(Kind::Number, start, false);
        Ok(())
    }

    /// At least one.
    fn digits(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.invalid(Wanted::Digit)) } else { Ok(()) }
    }

    fn string(&mut self, kind: Kind) -> Result<(), ReadError> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.invalid(Wanted::StringCharacter)),
            }
        }
        self.at += 1;
        self.push(kind, start, escaped);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let half = ReadError::Invalid { at: start, wanted: Wanted::SurrogatePair };
                match self.unit()? {
                    0xd800..=0xdbff => {
                        let paired = self.take(b'\\')
                            && self.peek() == Some(b'u')
                            && matches!(self.unit()?, 0xdc00..=0xdfff);
                        return if paired { Ok(()) } else { Err(half) };
                    }
                    0xdc00..=0xdfff => return Err(half),
                    _ => {}
                }
            }
            _ => return Err(self.invalid(Wanted::Escape)),
        }
        Ok(())
    }

    /// `u` and four hexadecimal digits: one unit of UTF-16.
    fn unit(&mut self) -> Result<u16, ReadError> {
        self.at += 1;
        let unit = self.bytes.get(self.at..self.at + 4).and_then(hex_unit);
        let unit = unit.ok_or(self.invalid(Wanted::Escape))?;
        self.at += 4;
        Ok(unit)
    }

    fn push(&mut self, kind: Kind, start: usize, escaped: bool) {
        // Texts are shorter than 4 GiB, and no node is shorter than a byte.
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { kind, escaped, start: start as u32, end: self.at as u32, next });
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    const fn invalid(&self, wanted: Wanted) -> ReadError {
        ReadError::Invalid { at: self.at, wanted }
    }
}

/// Four hexadecimal digits as a number.
pub(super) fn hex_unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | value as u16)
    })
}
