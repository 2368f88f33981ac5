//! XML as S3's bodies need it: a reader that pulls, a writer, and shapes that do both.
//!
//! The reader knows elements, attributes, text, CDATA, comments, the five entities and numbers of characters. A DTD, any other entity and
//! nesting beyond 16 are errors; namespaces are cut off. A strict reader (requests) refuses elements that a shape does not have, as
//! Amazon's schemas do; a tolerant one (answers of any server) passes over them. A member that comes twice is an error in both.

mod error;
mod reader;
mod shape;
mod writer;

pub use error::XmlError;
pub use reader::Reader;
pub use shape::{Document, EncodedText, Field, Value};
pub(crate) use shape::{documents, enums, shapes};
pub use writer::Writer;

/// The namespace of S3's documents.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
