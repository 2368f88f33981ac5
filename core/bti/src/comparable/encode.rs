//! Values to byte-comparable forms. Recursion is bounded by the depth of the type.

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use super::{
    ClusteringKind, NEXT, NEXT_EMPTY, NEXT_EMPTY_REVERSED, NEXT_NULL, TERMINATOR, decimal, has_empty_value,
    put_escaped, put_partition_key, scalar,
};
use crate::error::ValueError;
use crate::types::{CqlType, Native};
use crate::vint;

/// Appends the form of a serialized value, inverted for a reversed type. Values of no bytes have one only where the type orders them: text, blob,
/// ascii, inet, duration.
///
/// # Errors
/// [`ValueError::Length`] or [`ValueError::Malformed`]: no value of the type; [`ValueError::Type`]: the type has no order.
pub fn put_value(of: &CqlType, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match of {
        CqlType::Native(native) => put_native(*native, value, out),
        CqlType::Frozen(inner) => put_value(inner, value, out),
        CqlType::Reversed(inner) => {
            let at = out.len();
            put_value(inner, value, out)?;
            out[at..].iter_mut().for_each(|byte| *byte = !*byte);
            Ok(())
        }
        CqlType::List(element) | CqlType::Set(element) => put_collection(&[element], value, out),
        CqlType::Map(key, value_type) => put_collection(&[key, value_type], value, out),
        CqlType::Tuple(fields) => put_tuple(fields.iter(), value, out),
        CqlType::User(user) => put_tuple(user.fields.iter().map(|field| &field.1), value, out),
        CqlType::Vector(element, count) => put_vector(element, *count, value, out),
        CqlType::Composite(components) => put_composite(components, value, out),
        CqlType::PartitionerOrder(partitioner, inner) => {
            let blob = CqlType::Native(Native::Blob);
            put_partition_key(*partitioner, inner.as_deref().unwrap_or(&blob), value, TERMINATOR, out)
        }
        CqlType::Dynamic(_) => Err(ValueError::Type),
    }
}

/// Appends the form of a clustering or bound: `values` may be fewer than `types` for a bound. `None` is null.
///
/// # Errors
/// More values than types; what [`put_value`] says of a value.
pub fn put_clustering<'v>(
    types: &[CqlType],
    values: impl IntoIterator<Item = Option<&'v [u8]>>,
    kind: ClusteringKind,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut types_left = types.iter();
    for value in values {
        let count = ValueError::Count { found: types.len() as u64 + 1, max: types.len() as u64 };
        put_component(types_left.next().ok_or(count)?, value, out)?;
    }
    out.push(kind.terminator());
    Ok(())
}

fn put_component(of: &CqlType, value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match value {
        None => out.push(NEXT_NULL),
        Some([]) if !has_empty_value(of) => {
            out.push(if of.is_reversed() { NEXT_EMPTY_REVERSED } else { NEXT_EMPTY });
        }
        Some(value) => {
            out.push(NEXT);
            put_value(of, value, out)?;
        }
    }
    Ok(())
}

/// An element of something frozen: without bytes it counts as null, if its type orders no such value.
fn put_element(of: &CqlType, value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match value {
        None => out.push(NEXT_NULL),
        Some([]) if !has_empty_value(of) => out.push(NEXT_NULL),
        Some(value) => {
            out.push(NEXT);
            put_value(of, value, out)?;
        }
    }
    Ok(())
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], ValueError> {
    let wrong = ValueError::Length { found: value.len() as u64, expected: N as u64 };
    value.try_into().map_err(|_| wrong)
}

fn put_signed<const N: usize>(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut bytes = fixed::<N>(value)?;
    bytes[0] ^= 0x80;
    out.extend(bytes);
    Ok(())
}

fn put_native(native: Native, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match native {
        Native::Ascii | Native::Blob | Native::Duration | Native::Inet | Native::Text => {
            put_escaped(value, out)
        }
        Native::Boolean => out.extend(fixed::<1>(value)?),
        Native::Date => out.extend(fixed::<4>(value)?),
        Native::Time | Native::LegacyTimestamp => out.extend(fixed::<8>(value)?),
        Native::Tinyint => put_signed::<1>(value, out)?,
        Native::Smallint => put_signed::<2>(value, out)?,
        Native::Int => put_signed::<4>(value, out)?,
        Native::Timestamp => put_signed::<8>(value, out)?,
        Native::Bigint => scalar::put_bigint(i64::from_be_bytes(fixed(value)?), out),
        Native::Float => scalar::put_float(&fixed::<4>(value)?, out),
        Native::Double => scalar::put_float(&fixed::<8>(value)?, out),
        Native::Varint if value.is_empty() => return Err(ValueError::Length { found: 0, expected: 1 }),
        Native::Varint => scalar::put_varint(value, out),
        Native::Decimal => decimal::put_decimal(value, out).ok_or(ValueError::Malformed)?,
        Native::Uuid | Native::TimeUuid | Native::LegacyTimeUuid | Native::LexicalUuid => {
            let bytes = u128::from_be_bytes(fixed(value)?);
            let (high, low) = ((bytes >> 64) as u64, bytes as u64);
            match native {
                Native::Uuid => scalar::put_uuid(high.to_be_bytes(), low.to_be_bytes(), out),
                Native::LexicalUuid => {
                    out.extend((high ^ 1 << 63).to_be_bytes());
                    out.extend((low ^ 1 << 63).to_be_bytes());
                }
                _ => scalar::put_time_uuid(high.to_be_bytes(), low.to_be_bytes(), out),
            }
        }
        Native::Empty => return Err(ValueError::Length { found: value.len() as u64, expected: 0 }),
        Native::Counter => return Err(ValueError::Type),
    }
    Ok(())
}

fn malformed<R, E>(result: Result<R, E>) -> Result<R, ValueError> {
    result.map_err(|_| ValueError::Malformed)
}

/// Bytes behind an `i32` length; `None` for a negative one.
fn get_sized<'v>(cursor: &mut Cursor<'v>) -> Result<Option<&'v [u8]>, ValueError> {
    match usize::try_from(malformed(cursor.get_u32_be())? as i32) {
        Ok(len) => malformed(cursor.get_bytes(len)).map(Some),
        Err(_) => Ok(None),
    }
}

/// `types`: of the parts of one entry.
fn put_collection(types: &[&CqlType], value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    let count = malformed(cursor.get_u32_be())?;
    for _ in 0..count {
        for of in types {
            put_element(of, get_sized(&mut cursor)?, out)?;
        }
    }
    out.push(TERMINATOR);
    malformed(cursor.finish())
}

/// A value may have fewer fields than its type; nulls at its end are left out.
fn put_tuple<'t>(
    types: impl Iterator<Item = &'t CqlType>,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    let mut end = out.len();
    for of in types {
        if cursor.is_empty() {
            break;
        }
        let field = get_sized(&mut cursor)?;
        put_element(of, field, out)?;
        if field.is_some() {
            end = out.len();
        }
    }
    out.truncate(end);
    out.push(TERMINATOR);
    malformed(cursor.finish())
}

fn put_vector(element: &CqlType, count: u32, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut cursor = Cursor::new(value);
    for _ in 0..count {
        let bytes = match element.fixed_len() {
            Some(len) => cursor.get_bytes(len as usize),
            None => vint::get_vint_bytes(&mut cursor),
        };
        put_element(element, Some(malformed(bytes)?), out)?;
    }
    out.push(TERMINATOR);
    malformed(cursor.finish())
}

/// What a composite of a static row of a compact table begins with.
pub(super) const COMPOSITE_STATIC: [u8; 2] = [0xff, 0xff];

fn put_composite(types: &[CqlType], value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let is_static = value.starts_with(&COMPOSITE_STATIC);
    let mut cursor = Cursor::new(if is_static { &value[2..] } else { value });
    out.push(if is_static { NEXT_NULL } else { NEXT });
    for of in types {
        if cursor.is_empty() {
            break;
        }
        let component = malformed(vint::get_short_bytes(&mut cursor))?;
        put_element(of, Some(component), out)?;
        out.extend([NEXT, malformed(cursor.get_u8())? ^ 0x80]);
    }
    out.push(TERMINATOR);
    malformed(cursor.finish())
}
