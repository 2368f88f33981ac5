//! The writer.

use alloc::string::String;
use core::fmt::{self, Write as _};

/// Writes a document. Nothing is checked: shapes open and close what belongs together.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut String,
    url: bool,
}

impl<'o> Writer<'o> {
    /// A document with its declaration.
    pub fn document(out: &'o mut String) -> Self {
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Writer { out, url: false }
    }

    /// Keys and prefixes are written percent-encoded: the client asked for `encoding-type=url`.
    pub fn url(mut self, url: bool) -> Self {
        self.url = url;
        self
    }

    /// Whether keys and prefixes are percent-encoded.
    pub fn is_url(&self) -> bool {
        self.url
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Opens an element with attributes.
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            put_escaped(self.out, value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        put_escaped(self.out, text);
        self.close(name);
    }

    /// An element with what something writes.
    pub fn display(&mut self, name: &str, value: impl fmt::Display) {
        self.open(name);
        // A String takes everything.
        let _ = write!(Escaping(self.out), "{value}");
        self.close(name);
    }
}

struct Escaping<'o>(&'o mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        put_escaped(self.0, text);
        Ok(())
    }
}

/// Appends text so that a reader of XML gets it back: control characters as numbers, as Amazon does, though XML 1.0 has no such characters.
fn put_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) =
        rest.find(|c: char| matches!(c, '<' | '>' | '&' | '"') || c < ' ' && c != '\n' && c != '\t')
    {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'<' => out.push_str("&lt;"),
            b'>' => out.push_str("&gt;"),
            b'&' => out.push_str("&amp;"),
            b'"' => out.push_str("&quot;"),
            control => {
                // A String takes everything.
                let _ = write!(out, "&#{control};");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Reader;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["", "a < b && \"c\" > 'd'", "\u{1}\u{1f}\r\n\t é\u{1f600}", "]]>"] {
            let mut out = String::new();
            let mut xml = Writer::document(&mut out);
            xml.open_with("a", &[("x", text)]);
            xml.text("b", text);
            xml.display("b", text);
            xml.close("a");
            let mut xml = Reader::strict(out.as_bytes()).expect("it is UTF-8");
            xml.root().expect("it has a root");
            assert_eq!(xml.attribute("x").expect("entities are right").as_deref(), Some(text), "{out}");
            for _ in 0..2 {
                assert_eq!(xml.child(), Ok(Some("b")));
                assert_eq!(xml.text().as_deref(), Ok(text), "{out}");
            }
        }
    }
}
