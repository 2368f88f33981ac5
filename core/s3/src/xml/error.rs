//! Why a body is not the document that was expected.

use core::fmt;

use crate::error::{ErrorCode, error_codes};
use crate::limits::{LIST_LEN_MAX, XML_DEPTH_MAX, XML_LEN_MAX};

/// Why a body is not the document that was expected. Offsets are bytes of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XmlError {
    /// It is longer than any may be.
    TooLong {
        /// Its bytes.
        len: usize,
    },
    /// Elements are nested deeper than any shape.
    Depth {
        /// Where.
        at: usize,
    },
    /// It is not well-formed.
    Syntax {
        /// Where.
        at: usize,
    },
    /// It has a DTD.
    Dtd {
        /// Where.
        at: usize,
    },
    /// An entity beyond the five, or a number that is no character.
    Entity {
        /// Where.
        at: usize,
    },
    /// It is no UTF-8, or has a character that XML does not allow.
    Encoding {
        /// Where.
        at: usize,
    },
    /// The outermost element is another one.
    Root {
        /// The one that was expected.
        expected: &'static str,
    },
    /// An element that the schema does not have at this place.
    Unknown {
        /// Where.
        at: usize,
    },
    /// An element is missing.
    Missing {
        /// Which one.
        element: &'static str,
    },
    /// An element comes twice.
    Duplicate {
        /// Which one.
        element: &'static str,
    },
    /// A list with more elements than any may have.
    Count {
        /// Where.
        at: usize,
    },
    /// The text of an element is no value of its type.
    Value {
        /// Where.
        at: usize,
    },
}

impl XmlError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::TooLong { .. } => ErrorCode::MaxMessageLengthExceeded,
            _ => ErrorCode::MalformedXML,
        }
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len } => write!(f, "a document of {len} bytes, the longest has {XML_LEN_MAX}"),
            Self::Depth { at } => write!(f, "nested deeper than {XML_DEPTH_MAX} at {at}"),
            Self::Syntax { at } => write!(f, "not well-formed at {at}"),
            Self::Dtd { at } => write!(f, "a document type at {at}"),
            Self::Entity { at } => write!(f, "an unknown entity at {at}"),
            Self::Encoding { at } => write!(f, "no character of XML at {at}"),
            Self::Root { expected } => write!(f, "expected the document {expected}"),
            Self::Unknown { at } => write!(f, "an unknown element at {at}"),
            Self::Missing { element } => write!(f, "{element} is missing"),
            Self::Duplicate { element } => write!(f, "{element} comes twice"),
            Self::Count { at } => write!(f, "more than {LIST_LEN_MAX} elements at {at}"),
            Self::Value { at } => write!(f, "no value of its type at {at}"),
        }
    }
}

error_codes!(XmlError);
