//! The bodies of requests and answers: one type per shape of Amazon's model.
//!
//! [`crate::xml::Document::parse`] reads a request's body, [`crate::xml::Document::to_xml`] writes an answer's, and
//! [`crate::xml::Document::parse_answer`] is for clients.

mod common;
mod config;
mod lifecycle;
mod listing;
mod lock;
mod object;
mod replication;
mod report;

pub use common::*;
pub use config::*;
pub use lifecycle::*;
pub use listing::*;
pub use lock::*;
pub use object::*;
pub use replication::*;
pub use report::*;

use alloc::string::String;

use crate::xml::{Document, Reader, Value, Writer, XmlError};

/// Where a bucket is: a document that is one text, empty for us-east-1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocationConstraint(pub String);

impl Value for LocationConstraint {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        String::read(xml).map(LocationConstraint)
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.text(name, &self.0);
    }
}

impl Document for LocationConstraint {
    const ROOT: &'static str = "LocationConstraint";
}
