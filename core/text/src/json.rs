//! JSON as RFC 8259 has it: a reader into a flat tree, and a writer.
//!
//! A [`Document`] is one array of nodes in the order of the text. A node knows its span in the text and the index of the first node
//! behind its subtree, so that skipping a value is one step; an object's children are key, value, key, value. Strings and
//! numbers stay in the text until they are asked for.

mod reader;
mod value;
mod writer;

pub use reader::{Document, ReadError, Wanted};
pub use value::{Items, Kind, Members, Number, Value};
pub use writer::Writer;
