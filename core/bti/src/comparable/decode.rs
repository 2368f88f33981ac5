//! Byte-comparable forms back to values. Recursion is bounded by the depth of the type.

use alloc::vec::Vec;

use super::encode::COMPOSITE_STATIC;
use super::escape::get_escaped;
use super::{NEXT, NEXT_EMPTY, NEXT_EMPTY_REVERSED, NEXT_NULL, TERMINATOR, decimal, scalar};
use crate::partitioner::Partitioner;
use crate::types::{CqlType, Native};
use crate::vint;

/// Bytes of a form, inverted where the column is.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    invert: u8,
}

impl<'a> Input<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        Some(self.bytes.get(self.at)? ^ self.invert)
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes: [u8; N] = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(bytes.map(|byte| byte ^ self.invert))
    }

    pub(super) fn take(&mut self, len: usize, out: &mut Vec<u8>) -> Option<()> {
        let bytes = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        out.extend(bytes.iter().map(|byte| byte ^ self.invert));
        Some(())
    }
}

/// `None`: the bytes are no form of the type.
type Decoded = Option<()>;

/// Appends the serialized value whose form `bytes` is, all of it; `None` if it is no form of the type. Decimals come back with their shortest scale.
pub fn value_of(of: &CqlType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut input = Input { bytes, at: 0, invert: 0 };
    get_value(of, &mut input, out)?;
    (input.left() == 0).then_some(())
}

/// The values of a clustering or bound, `None` for null, and the byte that ends it; `None` if `bytes` are no form of a clustering of `types`.
pub fn clustering_values(types: &[CqlType], bytes: &[u8]) -> Option<(Vec<Option<Vec<u8>>>, u8)> {
    let mut input = Input { bytes, at: 0, invert: 0 };
    let mut values = Vec::new();
    for of in types {
        if input.left() == 1 {
            break;
        }
        let mut value = Vec::new();
        values.push(get_component(of, &mut input, &mut value)?.then_some(value));
    }
    let end = input.next()?;
    (input.left() == 0).then_some((values, end))
}

/// Appends the partition key whose form `bytes` is.
pub fn partition_key_of(
    partitioner: Partitioner,
    key_type: &CqlType,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut input = Input { bytes, at: 0, invert: 0 };
    get_partition_key(partitioner, key_type, &mut input, out)?;
    (input.left() == 0).then_some(())
}

fn get_partition_key(
    partitioner: Partitioner,
    key_type: &CqlType,
    input: &mut Input<'_>,
    out: &mut Vec<u8>,
) -> Decoded {
    expect(input, NEXT)?;
    let mut token = Vec::new();
    match partitioner {
        Partitioner::Murmur3 => input.take(8, &mut token)?,
        Partitioner::Random => scalar::get_varint(input, &mut token)?,
        Partitioner::ByteOrdered | Partitioner::OrderPreserving => get_escaped(input, &mut token)?,
        Partitioner::Local => get_value(key_type, input, &mut token)?,
    }
    expect(input, NEXT)?;
    get_escaped(input, out)?;
    expect(input, TERMINATOR)
}

fn expect(input: &mut Input<'_>, wanted: u8) -> Decoded {
    (input.next()? == wanted).then_some(())
}

/// A clustering's component; false: null.
fn get_component(of: &CqlType, input: &mut Input<'_>, out: &mut Vec<u8>) -> Option<bool> {
    let empty = if of.is_reversed() { NEXT_EMPTY_REVERSED } else { NEXT_EMPTY };
    match input.next()? {
        NEXT => get_value(of, input, out).map(|()| true),
        NEXT_NULL => Some(false),
        marker => (marker == empty).then_some(true),
    }
}

fn get_value(of: &CqlType, input: &mut Input<'_>, out: &mut Vec<u8>) -> Decoded {
    match of {
        CqlType::Native(native) => get_native(*native, input, out),
        CqlType::Frozen(inner) => get_value(inner, input, out),
        CqlType::Reversed(inner) => {
            input.invert = !input.invert;
            get_value(inner, input, out)?;
            input.invert = !input.invert;
            Some(())
        }
        CqlType::List(element) | CqlType::Set(element) => get_collection(&[element], input, out),
        CqlType::Map(key, value) => get_collection(&[key, value], input, out),
        CqlType::Tuple(fields) => get_tuple(fields.iter(), input, out),
        CqlType::User(user) => get_tuple(user.fields.iter().map(|field| &field.1), input, out),
        CqlType::Vector(element, count) => get_vector(element, *count, input, out),
        CqlType::Composite(components) => get_composite(components, input, out),
        CqlType::PartitionerOrder(partitioner, inner) => {
            let blob = CqlType::Native(Native::Blob);
            get_partition_key(*partitioner, inner.as_deref().unwrap_or(&blob), input, out)
        }
        CqlType::Dynamic(_) => None,
    }
}

fn get_native(native: Native, input: &mut Input<'_>, out: &mut Vec<u8>) -> Decoded {
    let signed = |len, input: &mut Input<'_>, out: &mut Vec<u8>| {
        let at = out.len();
        input.take(len, out)?;
        out[at] ^= 0x80;
        Some(())
    };
    match native {
        Native::Ascii | Native::Blob | Native::Duration | Native::Inet | Native::Text => {
            get_escaped(input, out)
        }
        Native::Boolean => input.take(1, out),
        Native::Date => input.take(4, out),
        Native::Time | Native::LegacyTimestamp => input.take(8, out),
        Native::Tinyint => signed(1, input, out),
        Native::Smallint => signed(2, input, out),
        Native::Int => signed(4, input, out),
        Native::Timestamp => signed(8, input, out),
        Native::Bigint => {
            out.extend(scalar::get_bigint(input)?.to_be_bytes());
            Some(())
        }
        Native::Float => scalar::get_float(input, 4, out),
        Native::Double => scalar::get_float(input, 8, out),
        Native::Varint => scalar::get_varint(input, out),
        Native::Decimal => decimal::get_decimal(input, out),
        Native::Uuid => scalar::get_uuid(input, out),
        Native::TimeUuid | Native::LegacyTimeUuid => scalar::get_time_uuid(input, out),
        Native::LexicalUuid => {
            signed(8, input, out)?;
            signed(8, input, out)
        }
        Native::Empty | Native::Counter => None,
    }
}

/// Appends an element behind its `i32` length. False: the end of the sequence is reached instead.
fn get_element(of: &CqlType, input: &mut Input<'_>, out: &mut Vec<u8>) -> Option<bool> {
    match input.next()? {
        TERMINATOR => return Some(false),
        NEXT_NULL => out.extend((-1i32).to_be_bytes()),
        NEXT => {
            let at = out.len();
            out.extend([0; 4]);
            get_value(of, input, out)?;
            let len = u32::try_from(out.len() - at - 4).ok()?;
            out[at..at + 4].copy_from_slice(&len.to_be_bytes());
        }
        _ => return None,
    }
    Some(true)
}

fn get_collection(types: &[&CqlType], input: &mut Input<'_>, out: &mut Vec<u8>) -> Decoded {
    let at = out.len();
    out.extend([0; 4]);
    for count in 0u32.. {
        for (i, of) in types.iter().enumerate() {
            if !get_element(of, input, out)? {
                out[at..at + 4].copy_from_slice(&count.to_be_bytes());
                return (i == 0).then_some(());
            }
        }
    }
    None
}

fn get_tuple<'t>(
    types: impl Iterator<Item = &'t CqlType>,
    input: &mut Input<'_>,
    out: &mut Vec<u8>,
) -> Decoded {
    for of in types {
        if !get_element(of, input, out)? {
            return Some(());
        }
    }
    expect(input, TERMINATOR)
}

fn get_vector(element: &CqlType, count: u32, input: &mut Input<'_>, out: &mut Vec<u8>) -> Decoded {
    let mut bytes = Vec::new();
    for _ in 0..count {
        bytes.clear();
        match input.next()? {
            NEXT => get_value(element, input, &mut bytes)?,
            // An element of no bytes.
            NEXT_NULL if element.fixed_len().is_none() => {}
            _ => return None,
        }
        match element.fixed_len() {
            Some(len) if bytes.len() == len as usize => out.extend_from_slice(&bytes),
            Some(_) => return None,
            None => vint::put_vint_bytes(out, &bytes),
        }
    }
    expect(input, TERMINATOR)
}

fn get_composite(types: &[CqlType], input: &mut Input<'_>, out: &mut Vec<u8>) -> Decoded {
    match input.next()? {
        NEXT => {}
        NEXT_NULL => out.extend(COMPOSITE_STATIC),
        _ => return None,
    }
    let mut component = Vec::new();
    for of in types {
        if input.peek()? == TERMINATOR {
            break;
        }
        component.clear();
        match input.next()? {
            NEXT => get_value(of, input, &mut component)?,
            NEXT_NULL => {}
            _ => return None,
        }
        vint::put_short_bytes(out, &component)?;
        expect(input, NEXT)?;
        out.push(input.next()? ^ 0x80);
    }
    expect(input, TERMINATOR)
}
