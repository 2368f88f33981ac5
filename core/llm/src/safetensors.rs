//! The safetensors file: a JSON header, then all tensors side by side.
//!
//! ```text
//! 0   header length u64 LE
//! 8   {"__metadata__":{"k":"v"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},…}   blanks up to a multiple of 8
//! …   data: offsets count from here; the tensors cover it without a gap and without overlapping
//! ```
//!
//! [`SafeTensors::parse`] checks all of it once and before anything is sized by what the file claims; afterwards a view cannot fail.
//!
//! Source: the `safetensors` crate 0.8, whose rules for what is sound and whose order of writing are taken over.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_simd::half::{bf16s_to_f32s, f16s_to_f32s};
use dolmen_simd::level::Level;
use dolmen_text::json::{Document, Kind, Value, Writer};

use crate::error::LoadError;
use crate::limits::{HEADER_LEN_MAX, NAME_LEN_MAX, TENSORS_MAX};
use crate::shape::Shape;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Type {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// 8 bits, 5 of them exponent.
    F8E5M2,
    /// 8 bits, 4 of them exponent.
    F8E4M3,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Half float.
    F16,
    /// The upper half of an f32.
    BF16,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 32 bits.
    U32,
    /// Float.
    F32,
    /// Double.
    F64,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 64 bits.
    U64,
}

/// Name and bytes of an element, in the order in which the reference sorts them.
const TYPES: [(Type, &str, u64); 15] = [
    (Type::Bool, "BOOL", 1),
    (Type::U8, "U8", 1),
    (Type::I8, "I8", 1),
    (Type::F8E5M2, "F8_E5M2", 1),
    (Type::F8E4M3, "F8_E4M3", 1),
    (Type::I16, "I16", 2),
    (Type::U16, "U16", 2),
    (Type::F16, "F16", 2),
    (Type::BF16, "BF16", 2),
    (Type::I32, "I32", 4),
    (Type::U32, "U32", 4),
    (Type::F32, "F32", 4),
    (Type::F64, "F64", 8),
    (Type::I64, "I64", 8),
    (Type::U64, "U64", 8),
];

impl Type {
    fn entry(self) -> &'static (Type, &'static str, u64) {
        TYPES.iter().find(|entry| entry.0 == self).expect("the table has every type")
    }

    /// The name in the header.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// Bytes of an element.
    pub fn size(self) -> u64 {
        self.entry().2
    }

    /// The type of this name.
    pub fn by_name(name: &str) -> Option<Type> {
        TYPES.iter().find(|entry| entry.1 == name).map(|entry| entry.0)
    }
}

struct Entry {
    name: String,
    element: Type,
    shape: Shape,
    begin: usize,
    end: usize,
}

/// A file whose every tensor has been checked.
pub struct SafeTensors<'a> {
    data: &'a [u8],
    /// By name.
    entries: Vec<Entry>,
    metadata: Vec<(String, String)>,
}

impl core::fmt::Debug for SafeTensors<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} tensors in {} bytes", self.entries.len(), self.data.len())
    }
}

/// A tensor within a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// The type of its elements.
    pub element: Type,
    /// Its shape.
    pub shape: Shape,
    /// Its elements, little-endian, the last dimension fastest: exactly as many bytes as type and shape take.
    pub bytes: &'a [u8],
}

impl<'a> SafeTensors<'a> {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; a tensor's is [`LoadError::Range`] with the place of its name.
    pub fn parse(file: &'a [u8]) -> Result<SafeTensors<'a>, LoadError> {
        let (head, rest) = file.split_first_chunk::<8>().ok_or(LoadError::UnknownFile)?;
        let len = u64::from_le_bytes(*head);
        let max = HEADER_LEN_MAX.min(rest.len() as u64);
        if len > max {
            return Err(LoadError::Limit { what: "bytes of a header", found: len, max });
        }
        let (header, data) = rest.split_at(len as usize);
        if header.first() != Some(&b'{') {
            return Err(LoadError::Invalid { what: "the '{' of a safetensors header", at: 8 });
        }
        let document = Document::read(header)?;
        let mut parsed = SafeTensors { data, entries: Vec::new(), metadata: Vec::new() };
        let mut at = 9;
        for (name, value) in document.root().members() {
            // The name stands between what came before and its value.
            let found = name_between(header, at - 8, value.offset());
            at = 8 + value.offset() + value.text().len();
            if name == "__metadata__" {
                parsed.metadata = metadata(value)?;
                continue;
            }
            let count = parsed.entries.len() as u64 + 1;
            if count > TENSORS_MAX {
                return Err(LoadError::Limit { what: "tensors", found: count, max: TENSORS_MAX });
            }
            if name.len() > NAME_LEN_MAX {
                let (found, max) = (name.len() as u64, NAME_LEN_MAX as u64);
                return Err(LoadError::Limit { what: "bytes of a tensor's name", found, max });
            }
            let entry = entry(name.into_owned(), value, (8 + found) as u64, data.len() as u64)?;
            parsed.entries.push(entry);
        }
        parsed.covered(8 + len)?;
        parsed.entries.sort_by(|a, b| a.name.cmp(&b.name));
        if parsed.entries.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err(LoadError::Invalid { what: "a name that no other tensor has", at: 8 });
        }
        Ok(parsed)
    }

    /// The tensors cover the data from its first to its last byte, one after another.
    fn covered(&mut self, at: u64) -> Result<(), LoadError> {
        self.entries.sort_by_key(|entry| (entry.begin, entry.end));
        let mut end = 0;
        for entry in &self.entries {
            if entry.begin != end {
                let what = "a tensor without a gap before it or an overlap";
                return Err(LoadError::Invalid { what, at: at + end as u64 });
            }
            end = entry.end;
        }
        if end != self.data.len() {
            return Err(LoadError::Invalid { what: "the end of the file", at: at + end as u64 });
        }
        Ok(())
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn tensor(&self, entry: &Entry) -> Tensor<'a> {
        let bytes = &self.data[entry.begin..entry.end];
        Tensor { element: entry.element, shape: entry.shape, bytes }
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<Tensor<'a>> {
        let at = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        Some(self.tensor(&self.entries[at]))
    }

    /// All tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Tensor<'a>)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), self.tensor(entry)))
    }

    /// The texts of `__metadata__`, in the order of the file.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl Tensor<'_> {
    /// Writes the elements as floats.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unsupported`] if they are no floats, [`LoadError::Invalid`] if `out` has another length.
    pub fn to_f32(&self, out: &mut [f32]) -> Result<(), LoadError> {
        if self.shape.elements() != Some(out.len() as u64) {
            return Err(LoadError::Invalid {
                what: "as many elements as the tensor has",
                at: out.len() as u64,
            });
        }
        match self.element {
            Type::F32 => {
                for (out, x) in out.iter_mut().zip(self.bytes.as_chunks().0) {
                    *out = f32::from_le_bytes(*x);
                }
            }
            Type::F64 => {
                for (out, x) in out.iter_mut().zip(self.bytes.as_chunks().0) {
                    *out = f64::from_le_bytes(*x) as f32;
                }
            }
            Type::F16 => halves(self.bytes, out, f16s_to_f32s),
            Type::BF16 => halves(self.bytes, out, bf16s_to_f32s),
            _ => return Err(LoadError::Unsupported { what: "a tensor of integers as floats", at: 0 }),
        }
        Ok(())
    }

    /// The elements if they are whole numbers; else none.
    pub fn integers(&self) -> impl Iterator<Item = i64> {
        let size = match self.element {
            Type::F16 | Type::BF16 | Type::F32 | Type::F64 | Type::F8E5M2 | Type::F8E4M3 => usize::MAX,
            element => element.size() as usize,
        };
        let signed = matches!(self.element, Type::I8 | Type::I16 | Type::I32 | Type::I64);
        self.bytes.chunks_exact(size).map(move |bytes| {
            let fill = if signed && bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
            let mut wide = [fill; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            i64::from_le_bytes(wide)
        })
    }
}

/// Elements of sixteen bits, whatever their address is.
fn halves(bytes: &[u8], out: &mut [f32], convert: fn(Level, &[u16], &mut [f32])) {
    let level = Level::best();
    let mut buffer = [0; 256];
    for (bytes, out) in bytes.chunks(512).zip(out.chunks_mut(256)) {
        let part = &mut buffer[..out.len()];
        for (to, x) in part.iter_mut().zip(bytes.as_chunks().0) {
            *to = u16::from_le_bytes(*x);
        }
        convert(level, part, out);
    }
}

/// Where the first quote between two places stands.
fn name_between(header: &[u8], begin: usize, end: usize) -> usize {
    let between = header.get(begin..end).unwrap_or_default();
    begin + between.iter().position(|&byte| byte == b'"').unwrap_or(0)
}

/// The name of the tensor that an error places at this byte of a file, for whoever prints it.
pub fn name_at(file: &[u8], at: u64) -> Option<&str> {
    let quoted = file.get(usize::try_from(at).ok()?..)?.strip_prefix(b"\"")?;
    let name = quoted.split(|&byte| byte == b'"').next()?;
    core::str::from_utf8(name).ok()
}

fn metadata(value: Value<'_>) -> Result<Vec<(String, String)>, LoadError> {
    let invalid = |value: Value<'_>| LoadError::Invalid { what: "a text", at: 8 + value.offset() as u64 };
    if value.kind() != Kind::Object {
        return Err(invalid(value));
    }
    value
        .members()
        .map(|(key, text)| Ok((key.into_owned(), text.as_str().ok_or(invalid(text))?.into_owned())))
        .collect()
}

fn entry(name: String, value: Value<'_>, at: u64, data_len: u64) -> Result<Entry, LoadError> {
    let place = |value: Value<'_>| 8 + value.offset() as u64;
    let member = |name, what| value.get(name).ok_or(LoadError::Invalid { what, at: place(value) });
    let element = member("dtype", "a tensor's \"dtype\"")?;
    let element = element
        .as_str()
        .and_then(|name| Type::by_name(&name))
        .ok_or(LoadError::Unsupported { what: "this type of elements", at: place(element) })?;
    let number = |value: Value<'_>| {
        let number = value.as_number().and_then(|number| number.as_u64());
        number.ok_or(LoadError::Invalid { what: "a whole number", at: place(value) })
    };
    let (list, mut shape) = (member("shape", "a tensor's \"shape\"")?, Shape::default());
    if list.kind() != Kind::Array {
        return Err(LoadError::Invalid { what: "a list of dimensions", at: place(list) });
    }
    for dimension in list.items() {
        let max = crate::limits::DIMENSIONS_MAX as u64;
        let limit = LoadError::Limit { what: "dimensions", found: max + 1, max };
        shape.push(number(dimension)?).ok_or(limit)?;
    }
    let offsets = member("data_offsets", "a tensor's \"data_offsets\"")?;
    let mut ends = offsets.items();
    let (Some(begin), Some(end), None) = (ends.next(), ends.next(), ends.next()) else {
        return Err(LoadError::Invalid { what: "two offsets", at: place(offsets) });
    };
    let (begin, end) = (number(begin)?, number(end)?);
    let wanted = shape.elements().and_then(|elements| elements.checked_mul(element.size()));
    let found = end.saturating_sub(begin);
    if begin > end || end > data_len || wanted != Some(found) {
        return Err(LoadError::Range { at, found, wanted });
    }
    Ok(Entry { name, element, shape, begin: begin as usize, end: end as usize })
}

/// A tensor to be written; its bytes come later, or elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its elements.
    pub element: Type,
    /// Its shape.
    pub shape: Shape,
}

impl Spec<'_> {
    /// Bytes of its elements.
    ///
    /// # Errors
    ///
    /// [`LoadError::Limit`] if no file could hold them.
    pub fn bytes_len(&self) -> Result<u64, LoadError> {
        let len = self.shape.elements().and_then(|elements| elements.checked_mul(self.element.size()));
        len.ok_or(LoadError::Limit { what: "bytes of a tensor", found: u64::MAX, max: i64::MAX as u64 })
    }
}

/// Appends the length and the header of a file, and returns the order in which the tensors' bytes must follow it, without gaps: that of the reference,
/// the widest types first, then by name.
///
/// # Errors
///
/// [`LoadError::Invalid`] if two have one name, [`LoadError::Limit`] if a size or the header is beyond what a reader takes.
pub fn append_header(
    tensors: &[Spec<'_>],
    metadata: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<Vec<usize>, LoadError> {
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&tensors[a], &tensors[b]);
        b.element.cmp(&a.element).then_with(|| a.name.cmp(b.name))
    });
    let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name).collect();
    names.sort_unstable();
    if let Some(at) = names.windows(2).position(|pair| pair[0] == pair[1]) {
        return Err(LoadError::Invalid { what: "a name that no other tensor has", at: at as u64 });
    }
    let mut text = String::new();
    let mut json = Writer::new(&mut text);
    json.object();
    if !metadata.is_empty() {
        json.key("__metadata__").object();
        for (key, value) in metadata {
            json.key(key).string(value);
        }
        json.end();
    }
    let mut begin = 0u64;
    for &nth in &order {
        let tensor = &tensors[nth];
        let too_long =
            LoadError::Limit { what: "bytes of all tensors", found: u64::MAX, max: i64::MAX as u64 };
        let end = begin.checked_add(tensor.bytes_len()?).ok_or(too_long)?;
        json.key(tensor.name).object().key("dtype").string(tensor.element.name()).key("shape").array();
        for &dimension in tensor.shape.dimensions() {
            json.u64(dimension);
        }
        json.end().key("data_offsets").array().u64(begin).u64(end).end().end();
        begin = end;
    }
    json.finish();
    let len = text.len().next_multiple_of(8);
    if len as u64 > HEADER_LEN_MAX {
        let (found, max) = (len as u64, HEADER_LEN_MAX);
        return Err(LoadError::Limit { what: "bytes of a header", found, max });
    }
    out.extend_from_slice(&(len as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.resize(out.len() + len - text.len(), b' ');
    Ok(order)
}

/// Appends a whole file.
///
/// # Errors
///
/// As [`append_header`], and [`LoadError::Range`] with the number of the tensor if its bytes do not fit its shape.
pub fn append(
    tensors: &[(Spec<'_>, &[u8])],
    metadata: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<(), LoadError> {
    for (at, (spec, bytes)) in tensors.iter().enumerate() {
        let wanted = spec.bytes_len()?;
        if wanted != bytes.len() as u64 {
            return Err(LoadError::Range { at: at as u64, found: bytes.len() as u64, wanted: Some(wanted) });
        }
    }
    let specs: Vec<Spec<'_>> = tensors.iter().map(|(spec, _)| *spec).collect();
    for nth in append_header(&specs, metadata, out)? {
        out.extend_from_slice(tensors[nth].1);
    }
    Ok(())
}
