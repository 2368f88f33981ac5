//! Plain twins that judge: the order of typed values, told without any encoding of them; rows merged as maps.

pub mod merge;

use core::cmp::Ordering;

use alloc::vec::Vec;
use dolmen_codec::Cursor;

use crate::types::{CqlType, Native};
use crate::vint;

/// The order of two serialized values of a type, neither of them empty where the type has no such value; `None` if one is malformed.
pub fn compare(of: &CqlType, a: &[u8], b: &[u8]) -> Option<Ordering> {
    match of {
        CqlType::Native(native) => compare_native(*native, a, b),
        CqlType::Frozen(inner) => compare(inner, a, b),
        CqlType::Reversed(inner) => compare(inner, a, b).map(Ordering::reverse),
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Vector(..) => {
            compare_elements(of, &elements(of, a)?, &elements(of, b)?)
        }
        CqlType::Tuple(_) | CqlType::User(_) => {
            let (mut a, mut b) = (elements(of, a)?, elements(of, b)?);
            // A field that is not there is null.
            let len = a.len().max(b.len());
            a.resize(len, None);
            b.resize(len, None);
            compare_elements(of, &a, &b)
        }
        CqlType::Composite(_) | CqlType::Dynamic(_) | CqlType::PartitionerOrder(..) => None,
    }
}

fn compare_elements(of: &CqlType, a: &[Option<&[u8]>], b: &[Option<&[u8]>]) -> Option<Ordering> {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let order = match (a, b) {
            (Some(a), Some(b)) => compare(element_type(of, i)?, a, b)?,
            _ => a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(a.len().cmp(&b.len()))
}

fn element_type(of: &CqlType, i: usize) -> Option<&CqlType> {
    match of {
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => Some(element),
        CqlType::Map(key, value) => Some(if i.is_multiple_of(2) { key } else { value }),
        CqlType::Tuple(fields) => fields.get(i),
        CqlType::User(user) => user.fields.get(i).map(|field| &field.1),
        _ => None,
    }
}

/// The elements of a value, keys and values of a map by turns.
fn elements<'v>(of: &CqlType, value: &'v [u8]) -> Option<Vec<Option<&'v [u8]>>> {
    let mut cursor = Cursor::new(value);
    let mut found = Vec::new();
    if let CqlType::Vector(element, count) = of {
        for _ in 0..*count {
            found.push(Some(match element.fixed_len() {
                Some(len) => cursor.get_bytes(len as usize).ok()?,
                None => vint::get_vint_bytes(&mut cursor).ok()?,
            }));
        }
        return Some(found);
    }
    if !matches!(of, CqlType::Tuple(_) | CqlType::User(_)) {
        cursor.get_u32_be().ok()?;
    }
    while !cursor.is_empty() {
        let len = cursor.get_u32_be().ok()? as i32;
        found.push(match usize::try_from(len) {
            Ok(len) => Some(cursor.get_bytes(len).ok()?),
            Err(_) => None,
        });
    }
    Some(found)
}

fn compare_native(native: Native, a: &[u8], b: &[u8]) -> Option<Ordering> {
    fn by<const N: usize, K: Ord>(a: &[u8], b: &[u8], key: impl Fn([u8; N]) -> K) -> Option<Ordering> {
        Some(key(a.try_into().ok()?).cmp(&key(b.try_into().ok()?)))
    }
    match native {
        Native::Ascii
        | Native::Blob
        | Native::Boolean
        | Native::Date
        | Native::Duration
        | Native::Inet
        | Native::LegacyTimestamp
        | Native::Text
        | Native::Time => Some(a.cmp(b)),
        Native::Tinyint => by(a, b, i8::from_be_bytes),
        Native::Smallint => by(a, b, i16::from_be_bytes),
        Native::Int => by(a, b, i32::from_be_bytes),
        Native::Bigint | Native::Timestamp => by(a, b, i64::from_be_bytes),
        Native::Float => {
            Some(f32::from_be_bytes(a.try_into().ok()?).total_cmp(&f32::from_be_bytes(b.try_into().ok()?)))
        }
        Native::Double => {
            Some(f64::from_be_bytes(a.try_into().ok()?).total_cmp(&f64::from_be_bytes(b.try_into().ok()?)))
        }
        Native::Varint => Some(compare_integers(a, b)),
        Native::Decimal => compare_decimals(a, b),
        Native::Uuid => by(a, b, |uuid: [u8; 16]| (uuid[6] >> 4, uuid_time(uuid), uuid)),
        Native::TimeUuid | Native::LegacyTimeUuid => by(a, b, |mut uuid: [u8; 16]| {
            let time = [uuid[6], uuid[7], uuid[4], uuid[5], uuid[0], uuid[1], uuid[2], uuid[3]];
            uuid[8..].iter_mut().for_each(|byte| *byte ^= 0x80);
            (time, uuid)
        }),
        Native::LexicalUuid => by(a, b, |uuid: [u8; 16]| {
            let bits = u128::from_be_bytes(uuid);
            ((bits >> 64) as i64, bits as i64)
        }),
        Native::Counter | Native::Empty => None,
    }
}

/// The time of a version 1 UUID, which orders it before its bytes do.
fn uuid_time(uuid: [u8; 16]) -> Option<[u8; 8]> {
    let time = [uuid[6], uuid[7], uuid[4], uuid[5], uuid[0], uuid[1], uuid[2], uuid[3]];
    (uuid[6] >> 4 == 1).then_some(time)
}

/// Two's complement of any length.
fn compare_integers(a: &[u8], b: &[u8]) -> Ordering {
    let len = a.len().max(b.len());
    let widened = |bytes: &[u8]| {
        let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = alloc::vec![sign; len - bytes.len()];
        wide.extend_from_slice(bytes);
        // The sign bit inverted, two's complement compares as bytes.
        if let Some(first) = wide.first_mut() {
            *first ^= 0x80;
        }
        wide
    };
    widened(a).cmp(&widened(b))
}

/// Decimals whose unscaled values and difference of scales fit 128 bits together.
fn compare_decimals(a: &[u8], b: &[u8]) -> Option<Ordering> {
    let parts = |value: &[u8]| {
        let (scale, unscaled) = value.split_first_chunk()?;
        let negative = unscaled.first()? & 0x80 != 0;
        let start = if negative { -1i128 } else { 0 };
        let unscaled = unscaled.iter().fold(start, |value, &byte| value << 8 | i128::from(byte));
        Some((i32::from_be_bytes(*scale), unscaled))
    };
    let ((scale_a, a), (scale_b, b)) = (parts(a)?, parts(b)?);
    let scale = scale_a.max(scale_b);
    let at = |value: i128, from: i32| value.checked_mul(10i128.checked_pow(scale.abs_diff(from))?);
    Some(at(a, scale_a)?.cmp(&at(b, scale_b)?))
}
