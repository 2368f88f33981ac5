//! Partition keys and their columns (`CompositeType.java`).
//!
//! ```text
//! one column       its value
//! several columns  for each: u16 length, value, 00
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use dolmen_codec::Cursor;

use crate::error::ValueError;
use crate::partitioner::{Partitioner, Token};
use crate::types::CqlType;
use crate::value::{Style, write_value};
use crate::vint::{get_short_bytes, put_short_bytes};

/// The columns of a serialized key: type and value of each. A key with fewer parts than its type has fewer.
///
/// # Errors
/// [`ValueError::Malformed`]: lengths point outside.
pub fn split<'k>(key_type: &'k CqlType, key: &'k [u8]) -> Result<Vec<(&'k CqlType, &'k [u8])>, ValueError> {
    let CqlType::Composite(components) = key_type else {
        return Ok([(key_type, key)].into());
    };
    let mut cursor = Cursor::new(key);
    let mut out = Vec::new();
    for component in components {
        if cursor.is_empty() {
            break;
        }
        let value = get_short_bytes(&mut cursor).map_err(|_| ValueError::Malformed)?;
        cursor.get_u8().map_err(|_| ValueError::Malformed)?;
        out.push((component, value));
    }
    if cursor.is_empty() { Ok(out) } else { Err(ValueError::Malformed) }
}

/// The serialized key of a value for each column.
///
/// # Errors
/// A part longer than 65,535 bytes, or another count of parts than the type has columns.
pub fn join(key_type: &CqlType, parts: &[Vec<u8>]) -> Result<Vec<u8>, ValueError> {
    let expected = if let CqlType::Composite(components) = key_type { components.len() } else { 1 };
    if parts.len() != expected {
        return Err(ValueError::Count { found: parts.len() as u64, max: expected as u64 });
    }
    let too_long = |found: usize| ValueError::Length { found: found as u64, expected: u64::from(u16::MAX) };
    let mut out = Vec::new();
    match (key_type, parts) {
        (CqlType::Composite(_), parts) => {
            for part in parts {
                put_short_bytes(&mut out, part).ok_or(too_long(part.len()))?;
                out.push(0);
            }
        }
        (_, parts) => out.extend(parts.iter().flatten()),
    }
    if out.len() > crate::limits::KEY_LEN_MAX { Err(too_long(out.len())) } else { Ok(out) }
}

/// The token of a key as Cassandra prints it.
pub fn token_text(partitioner: Partitioner, key_type: &CqlType, key: &[u8]) -> String {
    let mut out = String::new();
    match partitioner.token(key) {
        Token::Local(key) => {
            if write_value(&mut out, key_type, Some(key), Style::Plain).is_err() {
                out.clear();
                crate::value::write_hex(&mut out, key);
            }
        }
        token => write!(out, "{token}").expect("writing to a string cannot fail"),
    }
    out
}
