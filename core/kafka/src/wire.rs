//! Kafka's primitive types on the wire, and the parts of which every message is made.
//!
//! ```text
//!            not flexible                      flexible (KIP-482)
//! string     i16 length, −1 null               uvarint length + 1, 0 null
//! bytes      i32 length, −1 null               uvarint length + 1, 0 null
//! array      i32 count, −1 null                uvarint count + 1, 0 null
//! struct     fields in order                   fields in order, then tagged fields: uvarint count,
//!                                              each uvarint tag (ascending), uvarint length, bytes
//! ```
//! Integers are big-endian. A message is checked once, when it is read: a [`List`] keeps the bytes of its elements and decodes
//! them again on the way through, so that reading allocates nothing, whatever a frame promises.
//!
//! Source: the protocol guide of Apache Kafka, KIP-482.

use alloc::vec::Vec;
use core::fmt;

use dolmen_codec::{Cursor, varint};

pub use crate::error::WireError;
use crate::limits;

/// A 128-bit id of a topic or a directory; all zeros is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Something with one form on the wire per version.
pub trait Wire<'a>: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// Bytes that are cut off, a length or count beyond the frame, a null where none may be, text that is no UTF-8.
    fn read(r: &mut Reader<'a>, version: i16) -> Result<Self, WireError>;

    /// Writes it.
    ///
    /// # Errors
    /// [`WireError::NotInVersion`]: a field is set that this version cannot carry and that may not be left out;
    /// [`WireError::TooLong`]: a length does not fit its field.
    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), WireError>;

    /// Reads it where null is allowed. The form of structs: one byte, −1 for null.
    ///
    /// # Errors
    /// As [`Wire::read`].
    fn read_nullable(r: &mut Reader<'a>, version: i16) -> Result<Option<Self>, WireError> {
        let at = r.position();
        match i8::read(r, version)? {
            -1 => Ok(None),
            1 => Self::read(r, version).map(Some),
            found => Err(WireError::Presence { at, found }),
        }
    }

    /// Writes it where null is allowed.
    ///
    /// # Errors
    /// As [`Wire::write`].
    fn write_nullable(this: Option<&Self>, w: &mut Writer<'_>, version: i16) -> Result<(), WireError> {
        match this {
            None => w.put(&(-1i8).to_be_bytes()),
            Some(value) => {
                w.put(&[1]);
                value.write(w, version)?;
            }
        }
        Ok(())
    }
}

/// A whole message: what is in a frame behind its header, or the value of a record.
pub trait Message<'a>: Wire<'a> {
    /// The API's key; −1 for what is neither request nor response.
    const KEY: i16;
    /// The lowest and the highest version.
    const VERSIONS: (i16, i16);
    /// The first version with flexible fields; `i16::MAX` if none has them.
    const FLEXIBLE_FROM: i16;

    /// Reads a message. What stands behind it is ignored, as Kafka does.
    ///
    /// # Errors
    /// [`WireError::Version`] for a version that the message does not have, and as [`Wire::read`].
    fn decode(bytes: &'a [u8], version: i16) -> Result<Self, WireError> {
        check_version::<Self>(version)?;
        Self::read(&mut Reader::new(bytes, version >= Self::FLEXIBLE_FROM), version)
    }

    /// Reads a request of a client that may mean harm: as [`Message::decode`], but its arrays have no more elements than
    /// [`limits::request_elements_max`] allows, for each of them may become a part of the answer that is larger than itself.
    ///
    /// # Errors
    /// As [`Message::decode`], and [`WireError::Elements`].
    fn decode_request(bytes: &'a [u8], version: i16) -> Result<Self, WireError> {
        check_version::<Self>(version)?;
        let reader = Reader::new(bytes, version >= Self::FLEXIBLE_FROM);
        let elements_left = limits::request_elements_max(bytes.len());
        Self::read(&mut Reader { elements_left, ..reader }, version)
    }

    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Version`] for a version that the message does not have, and as [`Wire::write`]; `out` then ends with a part of
    /// the message.
    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
        check_version::<Self>(version)?;
        self.write(&mut Writer::new(out, version >= Self::FLEXIBLE_FROM), version)
    }

    /// How many bytes [`Message::encode`] appends.
    ///
    /// # Errors
    /// As [`Message::encode`].
    fn encoded_len(&self, version: i16) -> Result<usize, WireError> {
        check_version::<Self>(version)?;
        let mut counter = Writer::counting(version >= Self::FLEXIBLE_FROM);
        self.write(&mut counter, version)?;
        Ok(counter.len())
    }
}

fn check_version<'a, M: Message<'a>>(version: i16) -> Result<(), WireError> {
    let (low, high) = M::VERSIONS;
    if (low..=high).contains(&version) { Ok(()) } else { Err(WireError::Version { key: M::KEY, version }) }
}

/// One API: a request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its key.
    pub key: i16,
    /// Its name.
    pub name: &'static str,
    /// The lowest version.
    pub low: i16,
    /// The highest version.
    pub high: i16,
    /// The first version with flexible fields.
    pub flexible_from: i16,
}

/// Refuses a field that the version cannot carry, unless it has its default.
///
/// # Errors
/// [`WireError::NotInVersion`].
pub(crate) fn absent(is_default: bool, field: &'static str, version: i16) -> Result<(), WireError> {
    if is_default { Ok(()) } else { Err(WireError::NotInVersion { field, version }) }
}

/// Reads a field that is null only in some versions.
///
/// # Errors
/// As [`Wire::read`].
pub fn read_optional<'a, T: Wire<'a>>(
    r: &mut Reader<'a>,
    version: i16,
    nullable: bool,
) -> Result<Option<T>, WireError> {
    if nullable { T::read_nullable(r, version) } else { T::read(r, version).map(Some) }
}

/// Writes a field that is null only in some versions.
///
/// # Errors
/// As [`Wire::write`]; [`WireError::NotInVersion`] for a null that the version cannot carry.
pub fn write_optional<'a, T: Wire<'a>>(
    value: Option<&T>,
    w: &mut Writer<'_>,
    version: i16,
    nullable: bool,
    field: &'static str,
) -> Result<(), WireError> {
    match value {
        _ if nullable => T::write_nullable(value, w, version),
        Some(value) => value.write(w, version),
        None => Err(WireError::NotInVersion { field, version }),
    }
}

/// Reads a tagged field that is a struct or null: a uvarint, 0 for null or 1, then the struct (KIP-893).
///
/// # Errors
/// As [`Wire::read`].
pub(crate) fn read_tagged<'a, T: Wire<'a>>(r: &mut Reader<'a>, version: i16) -> Result<Option<T>, WireError> {
    let at = r.position();
    match r.uvarint()? {
        0 => Ok(None),
        1 => T::read(r, version).map(Some),
        found => Err(WireError::Presence { at, found: found as i8 }),
    }
}

/// Writes a tagged field that is a struct or null.
///
/// # Errors
/// As [`Wire::write`].
pub(crate) fn write_tagged<'a, T: Wire<'a>>(
    value: Option<&T>,
    w: &mut Writer<'_>,
    version: i16,
) -> Result<(), WireError> {
    w.uvarint(u32::from(value.is_some()));
    value.map_or(Ok(()), |value| value.write(w, version))
}

/// A position in a frame, and whether its message has flexible fields.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    start: usize,
    flexible: bool,
    /// So many elements of arrays may still come.
    elements_left: usize,
}

impl<'a> Reader<'a> {
    /// At the start of `bytes`.
    pub const fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Reader { cursor: Cursor::new(bytes), start: 0, flexible, elements_left: usize::MAX }
    }

    /// Bytes from the start of the frame.
    pub const fn position(&self) -> usize {
        self.start + self.cursor.position()
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    /// The end, or an error that says how much is left. Kafka itself ignores what stands behind a message.
    ///
    /// # Errors
    /// [`WireError::Decode`] with trailing bytes.
    pub fn finish(self) -> Result<(), WireError> {
        self.cursor.finish().map_err(WireError::Decode)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.cursor.get_array().map_err(WireError::Decode)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        self.cursor.get_bytes(len).map_err(WireError::Decode)
    }

    fn uvarint(&mut self) -> Result<u32, WireError> {
        self.cursor.get_varint_u32().map_err(WireError::Decode)
    }

    /// A length or count: `None` for null. `short`: two bytes where the message is not flexible.
    fn length(&mut self, short: bool) -> Result<Option<usize>, WireError> {
        let at = self.position();
        let found = match (self.flexible, short) {
            (true, _) => i64::from(self.uvarint()?) - 1,
            (false, true) => i64::from(i16::from_be_bytes(self.array()?)),
            (false, false) => i64::from(i32::from_be_bytes(self.array()?)),
        };
        match found {
            -1 => Ok(None),
            _ => match usize::try_from(found) {
                Ok(len) if len <= self.rest().len() => Ok(Some(len)),
                _ => Err(WireError::Length { at, found, left: self.rest().len() }),
            },
        }
    }

    /// The tagged fields behind a struct. `known` reads the content of those it knows and says whether it did; the others are
    /// kept. Nothing stands there if the message is not flexible.
    ///
    /// # Errors
    /// Tags that do not ascend, a field that is longer or shorter than it says, and as [`Wire::read`].
    pub fn tagged(
        &mut self,
        mut known: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, WireError>,
    ) -> Result<Unknown<'a>, WireError> {
        if !self.flexible {
            return Ok(Unknown::default());
        }
        let count = self.uvarint()?;
        let section = self.rest();
        let (mut last, mut unknown, mut known_tags) = (None, 0, 0u64);
        for _ in 0..count {
            let at = self.position();
            let tag = self.uvarint()?;
            if last.is_some_and(|last| last >= tag) {
                return Err(WireError::TagOrder { at, tag });
            }
            last = Some(tag);
            let len = self.uvarint()? as usize;
            let start = self.position();
            let cursor = Cursor::new(self.bytes(len)?);
            let mut field = Reader { cursor, start, flexible: true, elements_left: self.elements_left };
            if known(tag, &mut field)? {
                self.elements_left = field.elements_left;
                field.finish()?;
                known_tags |= 1u64.checked_shl(tag).unwrap_or(0);
            } else {
                unknown += 1;
            }
        }
        let len = section.len() - self.rest().len();
        let bytes = if unknown == 0 { &[] } else { &section[..len] };
        Ok(Unknown { bytes, count: unknown, known: known_tags })
    }
}

/// Appends to the caller's buffer, or only counts.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Option<&'b mut Vec<u8>>,
    len: usize,
    flexible: bool,
}

impl<'b> Writer<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>, flexible: bool) -> Self {
        Writer { out: Some(out), len: 0, flexible }
    }

    /// Counts bytes.
    pub const fn counting(flexible: bool) -> Self {
        Writer { out: None, len: 0, flexible }
    }

    /// Bytes written so far.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written so far.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn put(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        if let Some(out) = &mut self.out {
            out.extend_from_slice(bytes);
        }
    }

    fn uvarint(&mut self, value: u32) {
        self.len += varint::len_u64(u64::from(value));
        if let Some(out) = &mut self.out {
            varint::put_u32(out, value);
        }
    }

    fn length(&mut self, len: Option<usize>, short: bool) -> Result<(), WireError> {
        let found =
            len.map_or(Ok(-1), i32::try_from).map_err(|_| WireError::TooLong { len: len.unwrap_or(0) })?;
        match (self.flexible, short) {
            (true, _) => self.uvarint((found + 1).cast_unsigned()),
            (false, false) => self.put(&found.to_be_bytes()),
            (false, true) => {
                let found = i16::try_from(found).map_err(|_| WireError::TooLong { len: len.unwrap_or(0) })?;
                self.put(&found.to_be_bytes());
            }
        }
        Ok(())
    }

    /// Begins the tagged fields of a struct: `known` of them follow, each through [`Tags::field`]. Writes nothing if the message
    /// is not flexible.
    pub fn tagged<'a, 'w>(&'w mut self, known: u32, unknown: &'w Unknown<'a>) -> Tags<'a, 'b, 'w> {
        if self.flexible {
            self.uvarint(known + unknown.count);
        }
        Tags { fields: unknown.iter(), held: None, w: self }
    }
}

/// Writes tagged fields by ascending tag, those that are not known between the known ones.
#[derive(Debug)]
pub struct Tags<'a, 'b, 'w> {
    fields: UnknownFields<'a>,
    held: Option<(u32, &'a [u8])>,
    w: &'w mut Writer<'b>,
}

impl Tags<'_, '_, '_> {
    /// Writes one known field.
    ///
    /// # Errors
    /// As [`Wire::write`].
    pub fn field(
        &mut self,
        tag: u32,
        content: impl Fn(&mut Writer<'_>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        self.unknown_below(Some(tag));
        let mut counter = Writer::counting(true);
        content(&mut counter)?;
        let len = u32::try_from(counter.len).map_err(|_| WireError::TooLong { len: counter.len })?;
        self.w.uvarint(tag);
        self.w.uvarint(len);
        content(self.w)
    }

    /// Writes the rest.
    pub fn finish(mut self) {
        if self.w.flexible {
            self.unknown_below(None);
        }
    }

    fn unknown_below(&mut self, limit: Option<u32>) {
        while let Some((tag, content)) = self.held.take().or_else(|| self.fields.next()) {
            if limit.is_some_and(|limit| tag > limit) {
                self.held = Some((tag, content));
                return;
            }
            self.w.uvarint(tag);
            // It was read with a length of 32 bits.
            self.w.uvarint(content.len() as u32);
            self.w.put(content);
        }
    }
}

/// Tagged fields that this version of the schema does not know, kept as they came.
#[derive(Clone, Copy, Default)]
pub struct Unknown<'a> {
    bytes: &'a [u8],
    count: u32,
    known: u64,
}

impl<'a> Unknown<'a> {
    /// Each field: its tag and its content.
    pub fn iter(&self) -> UnknownFields<'a> {
        UnknownFields { cursor: Cursor::new(self.bytes), known: self.known }
    }

    /// How many fields.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> IntoIterator for &Unknown<'a> {
    type Item = (u32, &'a [u8]);
    type IntoIter = UnknownFields<'a>;

    fn into_iter(self) -> UnknownFields<'a> {
        self.iter()
    }
}

impl fmt::Debug for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl PartialEq for Unknown<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Iterates over tagged fields that are not known.
#[derive(Clone, Debug)]
pub struct UnknownFields<'a> {
    cursor: Cursor<'a>,
    known: u64,
}

impl<'a> Iterator for UnknownFields<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // The section was read whole before: it ends only between fields.
            let tag = self.cursor.get_varint_u32().ok()?;
            let content = self.cursor.get_varint_slice().ok()?;
            if self.known & 1u64.checked_shl(tag).unwrap_or(0) == 0 {
                return Some((tag, content));
            }
        }
    }
}

/// An array: elements of the caller, or the checked bytes of a frame.
#[derive(Clone)]
pub struct List<'a, T> {
    inner: Inner<'a, T>,
}

#[derive(Clone)]
enum Inner<'a, T> {
    Wire { reader: Reader<'a>, count: usize, version: i16 },
    Slice(&'a [T]),
    Owned(Vec<T>),
}

impl<'a, T> List<'a, T> {
    /// How many elements.
    pub fn len(&self) -> usize {
        match &self.inner {
            Inner::Wire { count, .. } => *count,
            Inner::Slice(elements) => elements.len(),
            Inner::Owned(elements) => elements.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, T: Wire<'a> + Clone> List<'a, T> {
    /// Each element in order.
    pub fn iter(&self) -> Elements<'a, '_, T> {
        match &self.inner {
            Inner::Wire { reader, count, version } => Elements::Wire(*reader, *count, *version),
            Inner::Slice(elements) => Elements::Slice(elements.iter()),
            Inner::Owned(elements) => Elements::Slice(elements.iter()),
        }
    }

    /// The first element.
    pub fn first(&self) -> Option<T> {
        self.iter().next()
    }
}

/// Iterates over a [`List`].
#[derive(Debug)]
pub enum Elements<'a, 'l, T> {
    /// Elements left in a frame.
    Wire(Reader<'a>, usize, i16),
    /// Elements of the caller.
    Slice(core::slice::Iter<'l, T>),
}

impl<'a, T: Wire<'a> + Clone> Iterator for Elements<'a, '_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Elements::Slice(elements) => elements.next().cloned(),
            Elements::Wire(_, 0, _) => None,
            Elements::Wire(reader, left, version) => {
                *left -= 1;
                Some(T::read(reader, *version).expect("the same bytes were read when the list was checked"))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Elements::Slice(elements) => elements.len(),
            Elements::Wire(_, left, _) => *left,
        };
        (left, Some(left))
    }
}

impl<'a, T: Wire<'a> + Clone> ExactSizeIterator for Elements<'a, '_, T> {}

impl<'a, 'l, T: Wire<'a> + Clone> IntoIterator for &'l List<'a, T> {
    type Item = T;
    type IntoIter = Elements<'a, 'l, T>;

    fn into_iter(self) -> Elements<'a, 'l, T> {
        self.iter()
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        List { inner: Inner::Slice(&[]) }
    }
}

impl<T> From<Vec<T>> for List<'_, T> {
    fn from(elements: Vec<T>) -> Self {
        List { inner: Inner::Owned(elements) }
    }
}

impl<'a, T> From<&'a [T]> for List<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        List { inner: Inner::Slice(elements) }
    }
}

impl<T> FromIterator<T> for List<'_, T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        elements.into_iter().collect::<Vec<T>>().into()
    }
}

impl<'a, T: Wire<'a> + Clone + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a, T: Wire<'a> + Clone + PartialEq> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Wire<'a> + Clone> Wire<'a> for List<'a, T> {
    fn read(r: &mut Reader<'a>, version: i16) -> Result<Self, WireError> {
        let at = r.position();
        Self::read_nullable(r, version)?.ok_or(WireError::Null { at })
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), WireError> {
        w.length(Some(self.len()), false)?;
        match &self.inner {
            Inner::Slice(elements) => elements.iter().try_for_each(|element| element.write(w, version)),
            Inner::Owned(elements) => elements.iter().try_for_each(|element| element.write(w, version)),
            Inner::Wire { .. } => self.iter().try_for_each(|element| element.write(w, version)),
        }
    }

    /// Every element takes a byte at least, so that a count beyond the frame is refused before the first is read.
    fn read_nullable(r: &mut Reader<'a>, version: i16) -> Result<Option<Self>, WireError> {
        let at = r.position();
        let Some(count) = r.length(false)? else { return Ok(None) };
        let left = r.elements_left;
        r.elements_left = left.checked_sub(count).ok_or(WireError::Elements { at, found: count, left })?;
        // They are counted once, now.
        let reader = Reader { elements_left: usize::MAX, ..*r };
        for _ in 0..count {
            T::read(r, version)?;
        }
        Ok(Some(List { inner: Inner::Wire { reader, count, version } }))
    }

    fn write_nullable(this: Option<&Self>, w: &mut Writer<'_>, version: i16) -> Result<(), WireError> {
        match this {
            None => w.length(None, false),
            Some(list) => list.write(w, version),
        }
    }
}

macro_rules! numbers {
    ($($int:ty),*) => {$(
        impl Wire<'_> for $int {
            fn read(r: &mut Reader<'_>, _: i16) -> Result<Self, WireError> {
                r.array().map(<$int>::from_be_bytes)
            }

            fn write(&self, w: &mut Writer<'_>, _: i16) -> Result<(), WireError> {
                w.put(&self.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

numbers!(i8, i16, u16, i32, u32, i64, f64);

impl Wire<'_> for bool {
    fn read(r: &mut Reader<'_>, _: i16) -> Result<Self, WireError> {
        r.array().map(|[byte]| byte != 0)
    }

    fn write(&self, w: &mut Writer<'_>, _: i16) -> Result<(), WireError> {
        w.put(&[u8::from(*self)]);
        Ok(())
    }
}

impl Wire<'_> for Uuid {
    fn read(r: &mut Reader<'_>, _: i16) -> Result<Self, WireError> {
        r.array().map(Uuid)
    }

    fn write(&self, w: &mut Writer<'_>, _: i16) -> Result<(), WireError> {
        w.put(&self.0);
        Ok(())
    }
}

impl<'a> Wire<'a> for &'a str {
    fn read(r: &mut Reader<'a>, version: i16) -> Result<Self, WireError> {
        let at = r.position();
        Self::read_nullable(r, version)?.ok_or(WireError::Null { at })
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), WireError> {
        Self::write_nullable(Some(self), w, version)
    }

    fn read_nullable(r: &mut Reader<'a>, _: i16) -> Result<Option<Self>, WireError> {
        let Some(len) = r.length(true)? else { return Ok(None) };
        let at = r.position();
        let text =
            core::str::from_utf8(r.bytes(len)?).map_err(|e| WireError::Utf8 { at: at + e.valid_up_to() })?;
        Ok(Some(text))
    }

    fn write_nullable(this: Option<&Self>, w: &mut Writer<'_>, _: i16) -> Result<(), WireError> {
        w.length(this.map(|text| text.len()), true)?;
        w.put(this.map_or(&[], |text| text.as_bytes()));
        Ok(())
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    fn read(r: &mut Reader<'a>, version: i16) -> Result<Self, WireError> {
        let at = r.position();
        Self::read_nullable(r, version)?.ok_or(WireError::Null { at })
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), WireError> {
        Self::write_nullable(Some(self), w, version)
    }

    fn read_nullable(r: &mut Reader<'a>, _: i16) -> Result<Option<Self>, WireError> {
        match r.length(false)? {
            None => Ok(None),
            Some(len) => r.bytes(len).map(Some),
        }
    }

    fn write_nullable(this: Option<&Self>, w: &mut Writer<'_>, _: i16) -> Result<(), WireError> {
        w.length(this.map(|bytes| bytes.len()), false)?;
        w.put(this.copied().unwrap_or_default());
        Ok(())
    }
}
