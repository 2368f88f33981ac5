//! Byte-comparable forms, version OSS50: byte strings that compare as the typed values do (`ByteSource.java`, `ByteComparable.md`).
//!
//! ```text
//! partition key    40 token 40 key (escaped) 38             20 or 60 in place of 38: just before, just after
//! clustering       (40 value | 3F empty, 41 if DESC | 3E null)* kind
//! value            by its type, see `scalar`; DESC: every byte of the value inverted
//! tuple, frozen collection, vector    (40 value | 3E null or empty)* 38
//! escaped          n zero bytes inside: 00 FE*(n-1) FF; at the end: 00 FE*n; a value without a zero at its end gets one 00
//! ```
//! No form of a type is a prefix of another of it once the byte behind it is counted: every next byte is below FE.

mod decimal;
mod decode;
mod encode;
mod escape;
mod scalar;

use alloc::vec::Vec;

pub use decode::{clustering_values, partition_key_of, value_of};
pub use encode::{put_clustering, put_value};
pub use escape::{escaped, put_escaped};

use crate::error::ValueError;
use crate::partitioner::{KeyHash, Partitioner, Token};
use crate::types::CqlType;

/// Before a value.
pub const NEXT: u8 = 0x40;
/// In place of a value: null.
pub const NEXT_NULL: u8 = 0x3e;
/// In place of a value of no bytes, where its type has none such.
pub const NEXT_EMPTY: u8 = 0x3f;
/// The same in a column ordered DESC.
pub const NEXT_EMPTY_REVERSED: u8 = 0x41;
/// The end of a whole key.
pub const TERMINATOR: u8 = 0x38;
/// The end of a bound before everything that it is a prefix of.
pub const LT_BOUND: u8 = 0x20;
/// The end of a bound after everything that it is a prefix of.
pub const GT_BOUND: u8 = 0x60;
/// The static row: before every other clustering.
pub const STATIC: u8 = 0x18;

/// What a clustering or bound is; the numbers are those of markers in Data.db.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ClusteringKind {
    /// A range ends before it.
    ExclusiveEnd,
    /// A range starts at it.
    InclusiveStart,
    /// One range ends before it, another starts at it.
    ExclusiveEndInclusiveStart,
    /// The static row.
    Static,
    /// A row.
    Row,
    /// One range ends after it, another starts there.
    InclusiveEndExclusiveStart,
    /// A range ends after it.
    InclusiveEnd,
    /// A range starts after it.
    ExclusiveStart,
}

impl ClusteringKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [ClusteringKind; 8] = [
        ClusteringKind::ExclusiveEnd,
        ClusteringKind::InclusiveStart,
        ClusteringKind::ExclusiveEndInclusiveStart,
        ClusteringKind::Static,
        ClusteringKind::Row,
        ClusteringKind::InclusiveEndExclusiveStart,
        ClusteringKind::InclusiveEnd,
        ClusteringKind::ExclusiveStart,
    ];

    /// The kind with a number.
    pub const fn from_u8(number: u8) -> Option<ClusteringKind> {
        if number < 8 { Some(ClusteringKind::ALL[number as usize]) } else { None }
    }

    /// Cassandra's name.
    pub const fn name(self) -> &'static str {
        match self {
            ClusteringKind::ExclusiveEnd => "EXCL_END_BOUND",
            ClusteringKind::InclusiveStart => "INCL_START_BOUND",
            ClusteringKind::ExclusiveEndInclusiveStart => "EXCL_END_INCL_START_BOUNDARY",
            ClusteringKind::Static => "STATIC_CLUSTERING",
            ClusteringKind::Row => "CLUSTERING",
            ClusteringKind::InclusiveEndExclusiveStart => "INCL_END_EXCL_START_BOUNDARY",
            ClusteringKind::InclusiveEnd => "INCL_END_BOUND",
            ClusteringKind::ExclusiveStart => "EXCL_START_BOUND",
        }
    }

    /// The byte that ends its byte-comparable form.
    pub const fn terminator(self) -> u8 {
        match self {
            ClusteringKind::Row => TERMINATOR,
            ClusteringKind::Static => STATIC,
            ClusteringKind::ExclusiveEnd
            | ClusteringKind::InclusiveStart
            | ClusteringKind::ExclusiveEndInclusiveStart => LT_BOUND,
            _ => GT_BOUND,
        }
    }
}

/// Whether a value of no bytes is a value of its own in the type's order, not "empty".
pub(crate) fn has_empty_value(of: &CqlType) -> bool {
    use crate::types::Native::{Ascii, Blob, Duration, Inet, Text};
    matches!(
        of.base(),
        CqlType::Native(Ascii | Blob | Duration | Inet | Text) | CqlType::PartitionerOrder(..)
    )
}

/// Appends the form of a token, without the marker before it. `key_type` counts for the local partitioner alone.
///
/// # Errors
/// A key that its type cannot order, under the local partitioner.
pub fn put_token(token: Token<'_>, key_type: &CqlType, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match token {
        Token::Murmur3(token) => out.extend_from_slice(&murmur3_token(token)),
        Token::Random(token) => {
            // As a positive number it may need a sign byte more.
            let mut bytes = [0; 17];
            bytes[1..].copy_from_slice(&token.to_be_bytes());
            scalar::put_varint(&bytes, out);
        }
        Token::Bytes(key) | Token::Text(key) => put_escaped(key, out),
        Token::Local(key) => put_value(key_type, key, out)?,
    }
    Ok(())
}

/// A Murmur3 token: big-endian with the sign inverted.
pub(crate) const fn murmur3_token(token: i64) -> [u8; 8] {
    (token as u64 ^ 1 << 63).to_be_bytes()
}

/// Appends the form of a partition key, ending in `end`: [`TERMINATOR`], or a bound.
///
/// # Errors
/// As [`put_token`].
pub fn put_partition_key(
    partitioner: Partitioner,
    key_type: &CqlType,
    key: &[u8],
    end: u8,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    out.push(NEXT);
    put_token(partitioner.token(key), key_type, out)?;
    out.push(NEXT);
    put_escaped(key, out);
    out.push(end);
    Ok(())
}

/// The bytes of [`put_partition_key`] of the Murmur3 partitioner one after the other, so that a walk makes only those it takes.
pub fn murmur3_key_bytes(key: &[u8], hash: KeyHash) -> impl Iterator<Item = u8> + '_ {
    let [a, b, c, d, e, f, g, h] = murmur3_token(hash.token(key));
    [NEXT, a, b, c, d, e, f, g, h, NEXT].into_iter().chain(escaped(key)).chain([TERMINATOR])
}

/// The shortest byte string that is greater than `before` and at most `after`, of the form that row indexes take: what both begin with, then
/// the next byte of `before` plus one. `before` must be less than `after`.
pub fn separator(before: &[u8], after: &[u8]) -> Vec<u8> {
    let common = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let mut out = before[..common].to_vec();
    out.push(before.get(common).map_or(0, |byte| byte.saturating_add(1)));
    out
}

/// A byte string greater than `last`, the last clustering of an index, which begins like `separator`, the last one's.
pub fn end_separator(last: &[u8], separator: &[u8]) -> Vec<u8> {
    let common = last.iter().zip(separator).take_while(|(a, b)| a == b).count();
    let full = last[common.min(last.len())..].iter().take_while(|&&byte| byte == 0xff).count();
    let mut out = last[..(common + full + 1).min(last.len())].to_vec();
    if let Some(byte) = out.last_mut() {
        *byte = byte.saturating_add(1);
    }
    out
}
