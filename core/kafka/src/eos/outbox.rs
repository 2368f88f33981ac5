//! How an outbox lies in an ordered store of keys and values.
//!
//! ```text
//! prefix 'i' id:u64 topic     a batch of one record    written by the program, in one write with what the record tells of
//! prefix 'o' number:i64 topic the same                 numbered by the relay; published in this order, forgotten once it is committed
//! ```
//! Ids only order what the program wrote one after the other; numbers are given by the one relay and never used twice, since the number of the next row is
//! committed in the same transaction as the rows.

use alloc::vec::Vec;

use crate::batch::{Batch, Builder, Meta};
use crate::record::Record;

/// Which part of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Not numbered yet.
    In,
    /// Numbered.
    Out,
}

impl Part {
    const fn letter(self) -> u8 {
        match self {
            Part::In => b'i',
            Part::Out => b'o',
        }
    }
}

/// The key of a row.
pub fn key(prefix: &[u8], part: Part, number: u64, topic: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(prefix.len() + 9 + topic.len());
    out.extend_from_slice(prefix);
    out.push(part.letter());
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    out
}

/// The first key of a part, and the first behind it.
pub fn range(prefix: &[u8], part: Part) -> (Vec<u8>, Vec<u8>) {
    let end = |letter: u8| [prefix, &[letter]].concat();
    (end(part.letter()), end(part.letter() + 1))
}

/// The number and the topic of a row's key; `None` if it is none.
pub fn parse_key<'k>(prefix: &[u8], part: Part, key: &'k [u8]) -> Option<(u64, &'k str)> {
    let rest = key.strip_prefix(prefix)?.strip_prefix(&[part.letter()])?;
    let (number, topic) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), core::str::from_utf8(topic).ok()?))
}

/// The value of a row; `None` if the record is too large for a batch.
pub fn value(timestamp_ms: i64, record: Record<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Meta::default());
    let fits = builder.push(timestamp_ms, record);
    builder.finish(None);
    fits.then_some(out)
}

/// The record of a row's value, with its timestamp; `None` if it is damaged.
pub fn parse_value(value: &[u8]) -> Option<(i64, Record<'_>)> {
    let (batch, rest) = Batch::split(value, 0).ok()?;
    let mut records = batch.records(&[]).ok()?;
    let record = records.next()?;
    (rest.is_empty() && records.next().is_none()).then(|| (batch.timestamp_of(&record), record))
}
