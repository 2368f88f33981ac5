//! Shapes: what is read and written the same way. A structure names its members and their elements once, in the order of Amazon's model.
//!
//! | type of a member | how often its element comes |
//! |---|---|
//! | `T` | once |
//! | `Option<T>` | at most once |
//! | `Vec<T>` | any number of times, without an element around them |
//!
//! A list with an element around it is a structure with one `Vec` in it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::{NAMESPACE, Reader, Writer, XmlError};
use crate::encoding::{Keep, percent, unpercent_text};
use crate::limits::LIST_LEN_MAX;
use crate::time::Timestamp;

/// The content of one element.
pub trait Value: Sized {
    /// Reads the element that was entered last, and leaves it.
    ///
    /// # Errors
    ///
    /// [`XmlError`].
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError>;

    /// Writes it as an element with this name.
    fn write(&self, name: &str, xml: &mut Writer<'_>);
}

/// A member of a structure: how often its element may come.
pub trait Field: Sized {
    /// What has been read of it.
    type Slot: Default;

    /// Whether an element with this name is one of its own.
    fn accepts(element: &str, name: &str) -> bool {
        element == name
    }

    /// Reads one of its elements; `name` is what it is called, if several names are accepted.
    ///
    /// # Errors
    ///
    /// [`XmlError`].
    fn take(
        slot: &mut Self::Slot,
        element: &'static str,
        name: &str,
        xml: &mut Reader<'_>,
    ) -> Result<(), XmlError>;

    /// All has been read.
    ///
    /// # Errors
    ///
    /// [`XmlError::Missing`].
    fn finish(slot: Self::Slot, element: &'static str) -> Result<Self, XmlError>;

    /// Writes its elements.
    fn put(&self, element: &str, xml: &mut Writer<'_>);
}

fn once<T: Value>(slot: &mut Option<T>, element: &'static str, xml: &mut Reader<'_>) -> Result<(), XmlError> {
    if slot.is_some() {
        return Err(XmlError::Duplicate { element });
    }
    *slot = Some(T::read(xml)?);
    Ok(())
}

impl<T: Value> Field for T {
    type Slot = Option<T>;

    fn take(
        slot: &mut Option<T>,
        element: &'static str,
        _name: &str,
        xml: &mut Reader<'_>,
    ) -> Result<(), XmlError> {
        once(slot, element, xml)
    }

    fn finish(slot: Option<T>, element: &'static str) -> Result<T, XmlError> {
        slot.ok_or(XmlError::Missing { element })
    }

    fn put(&self, element: &str, xml: &mut Writer<'_>) {
        self.write(element, xml);
    }
}

impl<T: Value> Field for Option<T> {
    type Slot = Option<T>;

    fn take(
        slot: &mut Option<T>,
        element: &'static str,
        _name: &str,
        xml: &mut Reader<'_>,
    ) -> Result<(), XmlError> {
        once(slot, element, xml)
    }

    fn finish(slot: Option<T>, _element: &'static str) -> Result<Option<T>, XmlError> {
        Ok(slot)
    }

    fn put(&self, element: &str, xml: &mut Writer<'_>) {
        if let Some(value) = self {
            value.write(element, xml);
        }
    }
}

impl<T: Value> Field for Vec<T> {
    type Slot = Vec<T>;

    fn take(
        slot: &mut Vec<T>,
        _element: &'static str,
        _name: &str,
        xml: &mut Reader<'_>,
    ) -> Result<(), XmlError> {
        if slot.len() == LIST_LEN_MAX {
            return Err(XmlError::Count { at: xml.offset() });
        }
        slot.push(T::read(xml)?);
        Ok(())
    }

    fn finish(slot: Vec<T>, _element: &'static str) -> Result<Vec<T>, XmlError> {
        Ok(slot)
    }

    fn put(&self, element: &str, xml: &mut Writer<'_>) {
        for value in self {
            value.write(element, xml);
        }
    }
}

/// A whole body.
pub trait Document: Value {
    /// Its outermost element.
    const ROOT: &'static str;

    /// What a request may not ask for, though the schema has it.
    ///
    /// # Errors
    ///
    /// [`XmlError`].
    fn check(&self) -> Result<(), XmlError> {
        Ok(())
    }

    /// Reads a request's body.
    ///
    /// # Errors
    ///
    /// [`XmlError`].
    fn parse(body: &[u8]) -> Result<Self, XmlError> {
        let value = Self::read_root(Reader::strict(body)?)?;
        value.check()?;
        Ok(value)
    }

    /// Reads the body of any server's answer; `url` says that `encoding-type=url` was asked for.
    ///
    /// # Errors
    ///
    /// [`XmlError`].
    fn parse_answer(body: &[u8], url: bool) -> Result<Self, XmlError> {
        Self::read_root(Reader::tolerant(body, url)?)
    }

    /// Reads the document from its start to its end.
    ///
    /// # Errors
    ///
    /// [`XmlError`].
    fn read_root(mut xml: Reader<'_>) -> Result<Self, XmlError> {
        if xml.root()? != Self::ROOT {
            return Err(XmlError::Root { expected: Self::ROOT });
        }
        let value = Self::read(&mut xml)?;
        xml.finish()?;
        Ok(value)
    }

    /// The document; `url` says that keys and prefixes are to be percent-encoded.
    fn to_xml(&self, url: bool) -> String {
        let mut out = String::new();
        let mut xml = Writer::document(&mut out).url(url);
        self.write(Self::ROOT, &mut xml);
        let open = alloc::format!("<{}", Self::ROOT);
        // The first tag is the root's; the declaration in front of it has no such text.
        if let Some(at) = out.find(&open) {
            out.insert_str(at + open.len(), &alloc::format!(" xmlns=\"{NAMESPACE}\""));
        }
        out
    }
}

/// A key, prefix, delimiter or marker of a listing: percent-encoded if the client asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EncodedText(pub String);

impl From<&str> for EncodedText {
    fn from(text: &str) -> Self {
        EncodedText(text.into())
    }
}

impl From<String> for EncodedText {
    fn from(text: String) -> Self {
        EncodedText(text)
    }
}

impl Value for EncodedText {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let text = xml.text()?;
        if !xml.is_url() {
            return Ok(EncodedText(text.into_owned()));
        }
        // Some servers write a space as a plus, and then a plus as %2B; one that is left cannot be told from it by anybody.
        let spaced = text.replace('+', " ");
        let decoded = unpercent_text(spaced.as_bytes()).map(Cow::into_owned);
        decoded.map(EncodedText).ok_or(XmlError::Value { at: xml.offset() })
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        if xml.is_url() {
            xml.text(name, &percent(self.0.as_bytes(), Keep::Slash));
        } else {
            xml.text(name, &self.0);
        }
    }
}

impl Value for String {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        Ok(xml.text()?.into_owned())
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.text(name, self);
    }
}

impl Value for bool {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let text = xml.text()?;
        match text.trim() {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(XmlError::Value { at: xml.offset() }),
        }
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.display(name, self);
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Value for $number {
            fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
                xml.text()?.trim().parse().map_err(|_| XmlError::Value { at: xml.offset() })
            }

            fn write(&self, name: &str, xml: &mut Writer<'_>) {
                xml.display(name, self);
            }
        })*
    };
}

numbers! { i32 u32 i64 u64 }

impl Value for Timestamp {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let text = xml.text()?;
        let text = text.trim();
        let time = Timestamp::parse_iso8601(text).or_else(|| Timestamp::parse_http_date(text));
        time.ok_or(XmlError::Value { at: xml.offset() })
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.display(name, self.iso8601());
    }
}

/// Structures: `Name { member: Type = "Element", .. }`.
macro_rules! shapes {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $ty:ty = $element:literal),* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = concat!("`", $element, "`")] pub $field: $ty,)*
        }

        impl $crate::xml::Value for $name {
            fn read(xml: &mut $crate::xml::Reader<'_>) -> Result<Self, $crate::xml::XmlError> {
                $(let mut $field = <$ty as $crate::xml::Field>::Slot::default();)*
                while let Some(name) = xml.child()? {
                    $(if <$ty as $crate::xml::Field>::accepts($element, name) {
                        <$ty as $crate::xml::Field>::take(&mut $field, $element, name, xml)?;
                        continue;
                    })*
                    let _ = name;
                    xml.unknown()?;
                }
                Ok($name { $($field: <$ty as $crate::xml::Field>::finish($field, $element)?,)* })
            }

            fn write(&self, name: &str, xml: &mut $crate::xml::Writer<'_>) {
                xml.open(name);
                $($crate::xml::Field::put(&self.$field, $element, xml);)*
                xml.close(name);
            }
        })*
    };
}

/// Enumerations: `Name { Variant = "text", .. }`; the first is the default.
macro_rules! enums {
    ($($(#[$meta:meta])* $name:ident { $first:ident = $first_text:literal $(, $variant:ident = $text:literal)* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            #[doc = concat!("`", $first_text, "`")]
            #[default]
            $first,
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$name::$first $(, $name::$variant)*];

            /// As headers and documents have it.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $(Self::$variant => $text,)*
                }
            }

            /// The value written so.
            pub fn parse(text: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl $crate::xml::Value for $name {
            fn read(xml: &mut $crate::xml::Reader<'_>) -> Result<Self, $crate::xml::XmlError> {
                let text = xml.text()?;
                Self::parse(text.trim()).ok_or($crate::xml::XmlError::Value { at: xml.offset() })
            }

            fn write(&self, name: &str, xml: &mut $crate::xml::Writer<'_>) {
                xml.text(name, self.as_str());
            }
        })*
    };
}

/// Documents: `Shape = "Root"`.
macro_rules! documents {
    ($($name:ident = $root:literal),* $(,)?) => {
        $(impl $crate::xml::Document for $name {
            const ROOT: &'static str = $root;
        })*
    };
}

pub(crate) use {documents, enums, shapes};
