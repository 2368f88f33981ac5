//! The GGUF file: keys, then descriptions of tensors, then the tensors, each at a multiple of the alignment.
//!
//! ```text
//! "GGUF"  version u32  tensors u64  keys u64
//! key:    name string, type u32, value           string: length u64, bytes        (read by `dolmen_tokenizer::load::gguf`)
//! tensor: name string, dimensions u32, each u64 (the fastest first), type u32, offset u64 from the beginning of the data
//! blanks up to a multiple of general.alignment (32), data
//! ```
//!
//! Nothing is sized by a number of the file beyond what the file's length allows; each tensor's bytes lie within the file.
//!
//! Source: ggml 0.25.3, `gguf.h` and `gguf.cpp`; `gguf` 0.19 (Python) reads what is written here.

use alloc::vec::Vec;

use dolmen_codec::Cursor;
use dolmen_tokenizer::load::gguf::{Key, Metadata, Value};

use crate::element::Element;
use crate::error::LoadError;
use crate::limits::{DIMENSIONS_MAX, NAME_LEN_MAX, TENSORS_MAX};
use crate::shape::Shape;

/// A file whose keys and tensors have been checked.
#[derive(Debug)]
pub struct Gguf<'a> {
    file: &'a [u8],
    metadata: Metadata<'a>,
    /// In the order of the file.
    tensors: Vec<Tensor<'a>>,
    /// Numbers of tensors by name.
    by_name: Vec<u32>,
    alignment: u64,
    data_at: u64,
}

/// A tensor within a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// How its elements are stored.
    pub element: Element,
    /// Its shape, the slowest dimension first.
    pub shape: Shape,
    /// Its bytes: as many as element and shape take.
    pub bytes: &'a [u8],
}

/// What aligns tensors where no key says otherwise.
pub const ALIGNMENT: u64 = 32;
const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT_KEY: &str = "general.alignment";

impl<'a> Gguf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with places in the file.
    pub fn parse(file: &'a [u8]) -> Result<Gguf<'a>, LoadError> {
        let metadata = Metadata::read(file)?;
        let alignment = match metadata.get(ALIGNMENT_KEY) {
            None => ALIGNMENT,
            Some(Value::Integer(n)) if n > 0 && n < 1 << 30 && (n as u64).is_power_of_two() => n as u64,
            Some(_) => return Err(LoadError::Invalid { what: "a power of two as alignment", at: 0 }),
        };
        let mut from = Cursor::new(file);
        from.get_bytes(metadata.end())?;
        // A description takes at least 24 bytes.
        let max = TENSORS_MAX.min(from.rest().len() as u64 / 24);
        if metadata.tensors() > max {
            return Err(LoadError::Limit { what: "tensors", found: metadata.tensors(), max });
        }
        let mut described = Vec::new();
        for _ in 0..metadata.tensors() {
            described.push(describe(&mut from)?);
        }
        let data_at = (from.position() as u64).next_multiple_of(alignment);
        let data = file.get(data_at as usize..).unwrap_or_default();
        let mut tensors = Vec::with_capacity(described.len());
        for (mut tensor, offset, at) in described {
            tensor.bytes = place(&tensor, offset, data, alignment, at)?;
            tensors.push(tensor);
        }
        let mut by_name: Vec<u32> = (0..tensors.len() as u32).collect();
        by_name.sort_by_key(|&nth| tensors[nth as usize].name);
        let twin = |pair: &[u32]| tensors[pair[0] as usize].name == tensors[pair[1] as usize].name;
        if by_name.windows(2).any(twin) {
            let at = metadata.end() as u64;
            return Err(LoadError::Invalid { what: "a name that no other tensor has", at });
        }
        Ok(Gguf { file, metadata, tensors, by_name, alignment, data_at })
    }

    /// The keys.
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.metadata
    }

    /// The tensors in the order of the file.
    pub fn tensors(&self) -> &[Tensor<'a>] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<Tensor<'a>> {
        let at = self.by_name.binary_search_by(|&nth| self.tensors[nth as usize].name.cmp(name)).ok()?;
        Some(self.tensors[self.by_name[at] as usize])
    }

    /// What tensors are aligned to.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Where the tensors begin, in bytes from the start of the file.
    pub fn data_at(&self) -> u64 {
        self.data_at
    }

    /// Bytes of the file.
    pub fn file_len(&self) -> usize {
        self.file.len()
    }
}

/// The name, element, shape, offset and place of a tensor.
fn describe<'a>(from: &mut Cursor<'a>) -> Result<(Tensor<'a>, u64, u64), LoadError> {
    let at = from.position() as u64;
    let len = from.get_u64_le()?;
    if len > NAME_LEN_MAX as u64 {
        let max = NAME_LEN_MAX as u64;
        return Err(LoadError::Limit { what: "bytes of a tensor's name", found: len, max });
    }
    let name = core::str::from_utf8(from.get_bytes(len as usize)?);
    let name = name.map_err(|_| LoadError::Invalid { what: "a name in UTF-8", at })?;
    let count = from.get_u32_le()?;
    if count as usize > DIMENSIONS_MAX {
        let max = DIMENSIONS_MAX as u64;
        return Err(LoadError::Limit { what: "dimensions", found: count.into(), max });
    }
    let mut shape = Shape::default();
    for _ in 0..count {
        shape.push(from.get_u64_le()?).expect("as many as there is room for");
    }
    let kind_at = from.position() as u64;
    let element = Element::by_number(from.get_u32_le()?)
        .ok_or(LoadError::Unsupported { what: "this type of elements", at: kind_at })?;
    let offset = from.get_u64_le()?;
    Ok((Tensor { name, element, shape: shape.reversed(), bytes: &[] }, offset, at))
}

/// The bytes of a tensor within the data.
fn place<'a>(
    tensor: &Tensor<'_>,
    offset: u64,
    data: &'a [u8],
    alignment: u64,
    at: u64,
) -> Result<&'a [u8], LoadError> {
    let wanted = tensor.element.bytes_of(&tensor.shape);
    let behind = data.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
    let found = behind.len() as u64;
    if !offset.is_multiple_of(alignment) {
        return Err(LoadError::Invalid { what: "an aligned offset of the tensor named", at });
    }
    match wanted.filter(|&wanted| wanted <= found) {
        Some(wanted) => Ok(&behind[..wanted as usize]),
        None => Err(LoadError::Range { at, found, wanted }),
    }
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub enum NewValue<'a> {
    /// A number of 32 bits.
    U32(u32),
    /// A number of 64 bits.
    U64(u64),
    /// A float.
    F32(f32),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(&'a str),
    /// Texts; bytes of a vocabulary need not be UTF-8.
    Texts(&'a [&'a [u8]]),
    /// Signed numbers of 32 bits.
    I32s(&'a [i32]),
    /// Floats.
    F32s(&'a [f32]),
}

/// A tensor to be written; its bytes come later.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// Its name.
    pub name: &'a str,
    /// How its elements are stored.
    pub element: Element,
    /// Its shape, the slowest dimension first.
    pub shape: Shape,
}

/// Writes the head of a file: keys first, then [`Head::finish`] with the tensors, whose bytes the caller puts behind it.
#[derive(Debug)]
pub struct Head {
    bytes: Vec<u8>,
    keys: u64,
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl Head {
    /// A head without keys; the alignment is [`ALIGNMENT`].
    pub fn new() -> Head {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&3u32.to_le_bytes());
        bytes.extend_from_slice(&[0; 16]);
        Head { bytes, keys: 0 }
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn string(&mut self, text: &[u8]) {
        self.u64(text.len() as u64);
        self.bytes.extend_from_slice(text);
    }

    fn list(&mut self, kind: u32, len: usize) {
        self.u32(9);
        self.u32(kind);
        self.u64(len as u64);
    }

    /// Adds a key.
    pub fn key(&mut self, name: &str, value: NewValue<'_>) -> &mut Self {
        self.keys += 1;
        self.string(name.as_bytes());
        match value {
            NewValue::U32(n) => {
                self.u32(4);
                self.u32(n);
            }
            NewValue::U64(n) => {
                self.u32(10);
                self.u64(n);
            }
            NewValue::F32(x) => {
                self.u32(6);
                self.u32(x.to_bits());
            }
            NewValue::Bool(flag) => {
                self.u32(7);
                self.bytes.push(u8::from(flag));
            }
            NewValue::Text(text) => {
                self.u32(8);
                self.string(text.as_bytes());
            }
            NewValue::Texts(texts) => {
                self.list(8, texts.len());
                texts.iter().for_each(|text| self.string(text));
            }
            NewValue::I32s(numbers) => {
                self.list(5, numbers.len());
                numbers.iter().for_each(|&n| self.u32(n as u32));
            }
            NewValue::F32s(numbers) => {
                self.list(6, numbers.len());
                numbers.iter().for_each(|x| self.u32(x.to_bits()));
            }
        }
        self
    }

    /// Adds a key of another file as it stands there; the alignment is left out, since it is ours.
    pub fn copy(&mut self, key: &Key<'_>) -> &mut Self {
        if key.name != ALIGNMENT_KEY.as_bytes() {
            self.keys += 1;
            self.bytes.extend_from_slice(key.raw);
        }
        self
    }

    /// The head, and the offset of each tensor's bytes from its end. Behind the last tensor too, zeros fill up to a multiple of [`ALIGNMENT`].
    ///
    /// # Errors
    ///
    /// [`LoadError::Invalid`] with the number of a tensor whose rows are not of whole blocks, or whose name another one has.
    pub fn finish(mut self, tensors: &[Spec<'_>]) -> Result<(Vec<u8>, Vec<u64>), LoadError> {
        let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name).collect();
        names.sort_unstable();
        if let Some(at) = names.windows(2).position(|pair| pair[0] == pair[1]) {
            return Err(LoadError::Invalid { what: "a name that no other tensor has", at: at as u64 });
        }
        let mut offsets = Vec::with_capacity(tensors.len());
        let mut end = 0u64;
        for (nth, tensor) in tensors.iter().enumerate() {
            self.string(tensor.name.as_bytes());
            let dimensions = tensor.shape.reversed();
            self.u32(dimensions.dimensions().len() as u32);
            dimensions.dimensions().iter().for_each(|&d| self.u64(d));
            self.u32(tensor.element.number());
            self.u64(end);
            offsets.push(end);
            let invalid = LoadError::Invalid { what: "rows of whole blocks in tensor", at: nth as u64 };
            let len = tensor.element.bytes_of(&tensor.shape).ok_or(invalid)?;
            end = end.checked_add(len.next_multiple_of(ALIGNMENT)).ok_or(invalid)?;
        }
        self.bytes[8..16].copy_from_slice(&(tensors.len() as u64).to_le_bytes());
        self.bytes[16..24].copy_from_slice(&self.keys.to_le_bytes());
        let len = (self.bytes.len() as u64).next_multiple_of(ALIGNMENT) as usize;
        self.bytes.resize(len, 0);
        Ok((self.bytes, offsets))
    }
}
