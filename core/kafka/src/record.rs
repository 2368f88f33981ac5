//! The records within a batch.
//!
//! ```text
//! varint length of what follows   i8 attributes (0)   varlong timestamp − base   varint offset − base
//! varint key length (−1 null)  key    varint value length (−1 null)  value
//! varint header count, each:  varint key length  key (UTF-8)   varint value length (−1 null)  value
//! ```
//! Varints are LEB128 over zig-zag, of 32 or 64 bits. [`Records::check`] reads all once; what it gives cannot fail.
//!
//! Source: the message format of Apache Kafka's documentation, KIP-82 (headers).

use alloc::vec::Vec;

use dolmen_codec::Cursor;
use dolmen_codec::varint::{len_u64, put_u64, unzigzag, zigzag};

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
        let (mut cursor, pairs) = match self.inner {
            Inner::Wire { bytes, .. } => (Cursor::new(bytes), &[][..]),
            Inner::Pairs(pairs) => (Cursor::new(&[]), pairs),
        };
        let wire = core::iter::from_fn(move || header(&mut cursor).ok().flatten());
        wire.chain(pairs.iter().copied())
    }
}

/// The checked records of a batch.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    left: usize,
}

impl<'a> Records<'a> {
    /// Reads all records once.
    ///
    /// # Errors
    /// [`BatchError::Record`] for one that is damaged, [`BatchError::Count`] if there are more or fewer than `count`.
    pub fn check(bytes: &'a [u8], count: i32) -> Result<Records<'a>, BatchError> {
        let mut cursor = Cursor::new(bytes);
        for index in 0..count {
            if cursor.is_empty() {
                return Err(BatchError::Count { expected: count, found: index });
            }
            let at = cursor.position();
            let fault = |what| BatchError::Record { index, at, what };
            record(&mut cursor).map_err(fault)?;
        }
        if !cursor.is_empty() {
            return Err(BatchError::Behind { at: cursor.position(), left: cursor.rest().len() });
        }
        // Not negative: it was counted up to.
        Ok(Records { cursor: Cursor::new(bytes), left: count.max(0) as usize })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        record(&mut self.cursor).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Records<'_> {}

fn record<'a>(outer: &mut Cursor<'a>) -> Result<Record<'a>, RecordFault> {
    let len = int(outer)?;
    let len = usize::try_from(len).map_err(|_| RecordFault::Length { found: len })?;
    let mut cursor = Cursor::new(outer.get_bytes(len).map_err(|_| RecordFault::Cut { wanted: len })?);
    let attributes = cursor.get_u8().map_err(|_| RecordFault::Cut { wanted: 1 })?;
    let _unused = attributes;
    let timestamp_delta = long(&mut cursor)?;
    let offset_delta = int(&mut cursor)?;
    let key = bytes(&mut cursor)?;
    let value = bytes(&mut cursor)?;
    let count = int(&mut cursor)?;
    // Each header takes two bytes at least.
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= cursor.rest().len() / 2)
        .ok_or(RecordFault::HeaderCount { found: count })?;
    let headers = cursor.rest();
    for _ in 0..count {
        header(&mut cursor)?.ok_or(RecordFault::HeaderCount { found: count as i32 })?;
    }
    if !cursor.is_empty() {
        return Err(RecordFault::Behind { left: cursor.rest().len() });
    }
    let headers = Headers { inner: Inner::Wire { bytes: headers, count } };
    Ok(Record { timestamp_delta, offset_delta, key, value, headers })
}

/// `None` at the end.
fn header<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Header<'a>>, RecordFault> {
    if cursor.is_empty() {
        return Ok(None);
    }
    let key = bytes(cursor)?.ok_or(RecordFault::HeaderKey)?;
    let key = core::str::from_utf8(key).map_err(|_| RecordFault::HeaderKey)?;
    Ok(Some((key, bytes(cursor)?)))
}

fn int(cursor: &mut Cursor<'_>) -> Result<i32, RecordFault> {
    let value = unzigzag(u64::from(cursor.get_varint_u32().map_err(|_| RecordFault::Varint)?));
    // Zig-zag of 32 bits stays within 32 bits.
    Ok(value as i32)
}

fn long(cursor: &mut Cursor<'_>) -> Result<i64, RecordFault> {
    cursor.get_varint_u64().map(unzigzag).map_err(|_| RecordFault::Varint)
}

fn bytes<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, RecordFault> {
    match int(cursor)? {
        -1 => Ok(None),
        len => {
            let len = usize::try_from(len).map_err(|_| RecordFault::Length { found: len })?;
            cursor.get_bytes(len).map(Some).map_err(|_| RecordFault::Cut { wanted: len })
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
