//! The records within a batch.
//!
//! ```text
//! varint length of what follows   i8 attributes (0)   varlong timestamp − base   varint offset − base
//! varint key length (−1 null)  key    varint value length (−1 null)  value
//! varint header count, each:  varint key length  key (UTF-8)   varint value length (−1 null)  value
//! ```
//! Varints are LEB128 over zig-zag, of 32 or 64 bits. [`Reading`] reads them once, up to the first that is damaged;
//! [`Records::check`] reads all beforehand, and what it gives cannot fail.
//!
//! Source: the message format of Apache Kafka's documentation, KIP-82 (headers).

use alloc::vec::Vec;

use dolmen_codec::varint::{get_u32, get_u64, len_u64, put_u64, unzigzag, zigzag};

use crate::error::{BatchError, RecordFault};

/// A header: its key and value.
pub type Header<'a> = (&'a str, Option<&'a [u8]>);

/// One record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// Milliseconds from the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Headers<'a>,
}

/// Headers of a record, in order; keys may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The checked bytes, or the caller's pairs.
    inner: Inner<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner<'a> {
    Wire { bytes: &'a [u8], count: usize },
    Pairs(&'a [Header<'a>]),
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Headers { inner: Inner::Pairs(&[]) }
    }
}

impl<'a> From<&'a [Header<'a>]> for Headers<'a> {
    fn from(pairs: &'a [Header<'a>]) -> Self {
        Headers { inner: Inner::Pairs(pairs) }
    }
}

impl<'a> Headers<'a> {
    /// How many.
    pub const fn len(&self) -> usize {
        match self.inner {
            Inner::Wire { count, .. } => count,
            Inner::Pairs(pairs) => pairs.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each key and value.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let (mut bytes, pairs) = match self.inner {
            Inner::Wire { bytes, .. } => (bytes, &[][..]),
            Inner::Pairs(pairs) => (&[][..], pairs),
        };
        let wire = core::iter::from_fn(move || header(&mut bytes).ok().flatten());
        wire.chain(pairs.iter().copied())
    }
}

/// Records, read one after the other; the first that is damaged, or another number of them than was said, is an error and the end.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    bytes: &'a [u8],
    /// What was not read yet.
    rest: &'a [u8],
    index: i32,
    count: i32,
    is_over: bool,
}

impl<'a> Reading<'a> {
    /// `count` records in `bytes`.
    pub const fn new(bytes: &'a [u8], count: i32) -> Self {
        Reading { bytes, rest: bytes, index: 0, count, is_over: false }
    }

    const fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    /// What is wrong behind the last record.
    #[cold]
    fn end(&mut self) -> Option<Result<Record<'a>, BatchError>> {
        let is_over = core::mem::replace(&mut self.is_over, true);
        let is_whole = self.index >= self.count && self.rest.is_empty();
        if is_over || is_whole {
            return None;
        }
        Some(Err(match self.index < self.count {
            true => BatchError::Count { expected: self.count, found: self.index },
            false => BatchError::Behind { at: self.at(), left: self.rest.len() },
        }))
    }
}

impl<'a> Iterator for Reading<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over || self.index >= self.count || self.rest.is_empty() {
            return self.end();
        }
        let at = self.at();
        match record(&mut self.rest) {
            Ok(record) => {
                self.index += 1;
                Some(Ok(record))
            }
            Err(what) => {
                self.is_over = true;
                Some(Err(BatchError::Record { index: self.index, at, what }))
            }
        }
    }
}

/// The checked records of a batch.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Records<'a> {
    /// Reads all records once.
    ///
    /// # Errors
    /// [`BatchError::Record`] for one that is damaged, [`BatchError::Count`] if there are more or fewer than `count`.
    pub fn check(bytes: &'a [u8], count: i32) -> Result<Records<'a>, BatchError> {
        for record in Reading::new(bytes, count) {
            record?;
        }
        // Not negative: it was counted up to.
        Ok(Records { rest: bytes, left: count.max(0) as usize })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        record(&mut self.rest).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Records<'_> {}

#[inline]
fn record<'a>(outer: &mut &'a [u8]) -> Result<Record<'a>, RecordFault> {
    let len = int(outer)?;
    let len = usize::try_from(len).map_err(|_| RecordFault::Length { found: len })?;
    let (mut rest, behind) = outer.split_at_checked(len).ok_or(RecordFault::Cut { wanted: len })?;
    *outer = behind;
    // The attributes say nothing yet.
    rest = rest.get(1..).ok_or(RecordFault::Cut { wanted: 1 })?;
    let timestamp_delta = long(&mut rest)?;
    let offset_delta = int(&mut rest)?;
    let key = bytes(&mut rest)?;
    let value = bytes(&mut rest)?;
    let headers = headers(rest)?;
    Ok(Record { timestamp_delta, offset_delta, key, value, headers })
}

#[inline]
fn headers(mut rest: &[u8]) -> Result<Headers<'_>, RecordFault> {
    let count = int(&mut rest)?;
    // Each header takes two bytes at least.
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= rest.len() / 2)
        .ok_or(RecordFault::HeaderCount { found: count })?;
    let bytes = rest;
    for _ in 0..count {
        header(&mut rest)?.ok_or(RecordFault::HeaderCount { found: count as i32 })?;
    }
    if !rest.is_empty() {
        return Err(RecordFault::Behind { left: rest.len() });
    }
    Ok(Headers { inner: Inner::Wire { bytes, count } })
}

/// `None` at the end.
fn header<'a>(rest: &mut &'a [u8]) -> Result<Option<Header<'a>>, RecordFault> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = bytes(rest)?.ok_or(RecordFault::HeaderKey)?;
    let key = core::str::from_utf8(key).map_err(|_| RecordFault::HeaderKey)?;
    Ok(Some((key, bytes(rest)?)))
}

#[inline]
fn int(rest: &mut &[u8]) -> Result<i32, RecordFault> {
    let (value, len) = get_u32(rest).ok_or(RecordFault::Varint)?;
    *rest = &rest[len..];
    // Zig-zag of 32 bits stays within 32 bits.
    Ok(unzigzag(u64::from(value)) as i32)
}

#[inline]
fn long(rest: &mut &[u8]) -> Result<i64, RecordFault> {
    let (value, len) = get_u64(rest).ok_or(RecordFault::Varint)?;
    *rest = &rest[len..];
    Ok(unzigzag(value))
}

#[inline]
fn bytes<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordFault> {
    match int(rest)? {
        -1 => Ok(None),
        len => {
            let len = usize::try_from(len).map_err(|_| RecordFault::Length { found: len })?;
            let (bytes, behind) = rest.split_at_checked(len).ok_or(RecordFault::Cut { wanted: len })?;
            *rest = behind;
            Ok(Some(bytes))
        }
    }
}

/// Bytes that a record takes in a batch.
pub fn encoded_len(record: &Record<'_>) -> usize {
    let len = body_len(record);
    len_int(len as i64) + len
}

/// Appends a record.
pub fn put_record(out: &mut Vec<u8>, record: &Record<'_>) {
    put_int(out, body_len(record) as i64);
    out.push(0);
    put_int(out, record.timestamp_delta);
    put_int(out, i64::from(record.offset_delta));
    put_bytes(out, record.key);
    put_bytes(out, record.value);
    put_int(out, record.headers.len() as i64);
    for (key, value) in record.headers.iter() {
        put_bytes(out, Some(key.as_bytes()));
        put_bytes(out, value);
    }
}

fn body_len(record: &Record<'_>) -> usize {
    let headers: usize =
        record.headers.iter().map(|(k, v)| len_bytes(Some(k.as_bytes())) + len_bytes(v)).sum();
    1 + len_int(record.timestamp_delta)
        + len_int(i64::from(record.offset_delta))
        + len_bytes(record.key)
        + len_bytes(record.value)
        + len_int(record.headers.len() as i64)
        + headers
}

fn len_int(value: i64) -> usize {
    len_u64(zigzag(value))
}

fn put_int(out: &mut Vec<u8>, value: i64) {
    put_u64(out, zigzag(value));
}

fn len_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| len_int(bytes.len() as i64) + bytes.len())
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_int(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}
