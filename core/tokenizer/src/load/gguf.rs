//! The metadata of a GGUF file, read in place.
//!
//! ```text
//! "GGUF", u32 version (2 or 3), u64 tensors, u64 keys, then for each key: string name, u32 type, value
//! string: u64 length, bytes      array: u32 type, u64 count, values
//! ```
//!
//! Nothing is sized from a number of the file beyond what its bytes can hold, and arrays of arrays are refused.

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::error::LoadError;
use crate::limits::GGUF_KEYS_MAX;

/// A value; arrays stay where they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Any integer type.
    Integer(i64),
    /// f32 or f64.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(&'a [u8]),
    /// A list of one type.
    Array(Array<'a>),
}

/// A list of one type, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Array<'a> {
    kind: u32,
    count: usize,
    bytes: &'a [u8],
}

/// All keys in the order of the file.
#[derive(Clone, Debug)]
pub struct Metadata<'a> {
    keys: Vec<Key<'a>>,
    tensors: u64,
    end: usize,
}

/// A key with its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
    /// Name, type and value as they stand in the file.
    pub raw: &'a [u8],
}

const STRING: u32 = 8;
const ARRAY: u32 = 9;

impl<'a> Metadata<'a> {
    /// Reads the keys of a file.
    ///
    /// # Errors
    /// [`LoadError`] with places in the file.
    pub fn read(bytes: &'a [u8]) -> Result<Metadata<'a>, LoadError> {
        let mut from = Cursor::new(bytes);
        if from.get_array()? != *b"GGUF" {
            return Err(LoadError::UnknownFile);
        }
        let version = from.get_u32_le()?;
        if !(2..=3).contains(&version) {
            return Err(LoadError::Unsupported { what: "this version of GGUF", at: 4 });
        }
        let tensors = from.get_u64_le()?;
        let count = from.get_u64_le()?;
        // A key takes at least 13 bytes.
        let possible = (from.rest().len() / 13) as u64;
        if count > possible.min(GGUF_KEYS_MAX) {
            return Err(LoadError::Limit {
                what: "keys of a GGUF file",
                found: count,
                max: possible.min(GGUF_KEYS_MAX),
            });
        }
        let mut keys = Vec::new();
        for _ in 0..count {
            let before = from.rest();
            let name = string(&mut from)?;
            let kind = from.get_u32_le()?;
            let value = value(&mut from, kind)?;
            keys.push(Key { name, value, raw: &before[..before.len() - from.rest().len()] });
        }
        Ok(Metadata { keys, tensors, end: from.position() })
    }

    /// How many tensors the file says that it has; nothing has been checked of it.
    pub fn tensors(&self) -> u64 {
        self.tensors
    }

    /// Where the keys end and the descriptions of tensors begin, in bytes from the start of the file.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.keys.iter().find(|key| key.name == name.as_bytes()).map(|key| key.value)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name) {
            Some(Value::Text(text)) => core::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// An integer that fits an id.
    pub fn id(&self, name: &str) -> Option<u32> {
        match self.get(name) {
            Some(Value::Integer(id)) => u32::try_from(id).ok(),
            _ => None,
        }
    }

    /// A truth value.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Bool(flag)) => Some(flag),
            _ => None,
        }
    }

    /// A list.
    pub fn array(&self, name: &str) -> Option<Array<'a>> {
        match self.get(name) {
            Some(Value::Array(array)) => Some(array),
            _ => None,
        }
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = Key<'a>> {
        self.keys.iter().copied()
    }
}

fn string<'a>(from: &mut Cursor<'a>) -> Result<&'a [u8], LoadError> {
    let at = from.position();
    let len = from.get_u64_le()?;
    let len =
        usize::try_from(len).map_err(|_| LoadError::Invalid { what: "a string within the file", at })?;
    Ok(from.get_bytes(len)?)
}

/// Bytes of a number; `None` for other types.
const fn width(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// A number from its bytes, exactly as many as [`width`] says.
fn scalar<'a>(kind: u32, bytes: &[u8]) -> Value<'a> {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let raw = u64::from_le_bytes(wide);
    match kind {
        1 => Value::Integer(i64::from(raw as u8 as i8)),
        3 => Value::Integer(i64::from(raw as u16 as i16)),
        5 => Value::Integer(i64::from(raw as u32 as i32)),
        6 => Value::Float(f64::from(f32::from_bits(raw as u32))),
        7 => Value::Bool(raw != 0),
        12 => Value::Float(f64::from_bits(raw)),
        _ => Value::Integer(raw as i64),
    }
}

fn value<'a>(from: &mut Cursor<'a>, kind: u32) -> Result<Value<'a>, LoadError> {
    let at = from.position();
    if kind == STRING {
        return string(from).map(Value::Text);
    }
    if kind == ARRAY {
        return array(from).map(Value::Array);
    }
    let width = width(kind).ok_or(LoadError::Unsupported { what: "this type of a GGUF value", at })?;
    Ok(scalar(kind, from.get_bytes(width)?))
}

fn array<'a>(from: &mut Cursor<'a>) -> Result<Array<'a>, LoadError> {
    let at = from.position();
    let kind = from.get_u32_le()?;
    let count = from.get_u64_le()?;
    let start = from.rest();
    let least = if kind == STRING { Some(8) } else { width(kind) };
    let least = least.ok_or(LoadError::Unsupported { what: "this type of elements of a GGUF list", at })?;
    let possible = (start.len() / least) as u64;
    if count > possible {
        return Err(LoadError::Limit { what: "elements of a GGUF list", found: count, max: possible });
    }
    let count = count as usize;
    if kind == STRING {
        for _ in 0..count {
            string(from)?;
        }
    } else {
        from.get_bytes(count * least)?;
    }
    Ok(Array { kind, count, bytes: &start[..start.len() - from.rest().len()] })
}

impl<'a> Array<'a> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The elements if they are texts; else none.
    pub fn texts(self) -> impl Iterator<Item = &'a [u8]> {
        let mut from = Cursor::new(if self.kind == STRING { self.bytes } else { &[] });
        core::iter::from_fn(move || string(&mut from).ok())
    }

    /// The elements if they are numbers; else none.
    pub fn numbers(self) -> impl Iterator<Item = Value<'a>> {
        let width = width(self.kind);
        let bytes = if width.is_some() { self.bytes } else { &[] };
        bytes.chunks_exact(width.unwrap_or(1)).map(move |bytes| scalar(self.kind, bytes))
    }
}
