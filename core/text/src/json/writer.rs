//! The writer: appends to the caller's text, puts the commas, and closes what it opened.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::value::{Kind, Value};

/// Writes one value without white space. Brackets are always balanced: [`Writer::end`] closes the innermost, [`Writer::finish`] the rest.
/// That members have keys and elements have none is the caller's part.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut String,
    /// The closing brackets owed, innermost last.
    open: Vec<char>,
    /// Whether a comma belongs before the next value.
    comma: bool,
}

impl<'o> Writer<'o> {
    /// Appends to `out`.
    pub fn new(out: &'o mut String) -> Self {
        Writer { out, open: Vec::new(), comma: false }
    }

    /// `{`
    pub fn object(&mut self) -> &mut Self {
        self.begin('{', '}')
    }

    /// `[`
    pub fn array(&mut self) -> &mut Self {
        self.begin('[', ']')
    }

    /// Closes the innermost array or object; nothing if none is open.
    pub fn end(&mut self) -> &mut Self {
        if let Some(close) = self.open.pop() {
            self.out.push(close);
            self.comma = true;
        }
        self
    }

    /// Closes all that is open.
    pub fn finish(mut self) {
        while !self.open.is_empty() {
            self.end();
        }
    }

    /// A member's name; its value comes next.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.out.push(':');
        self.comma = false;
        self
    }

    /// A string, escaped only where JSON demands it.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.separate();
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..='\x1f' => self.print(format_args!("\\u{:04x}", u32::from(c))),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
        self
    }

    /// An integer. Readers that know only doubles lose digits beyond 2⁵³.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.plain(format_args!("{value}"))
    }

    /// An integer. Readers that know only doubles lose digits beyond 2⁵³.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.plain(format_args!("{value}"))
    }

    /// The shortest text that reads back as the same double; `null` for NaN and the infinities, which JSON cannot say.
    pub fn f64(&mut self, value: f64) -> &mut Self {
        if value.is_finite() { self.plain(format_args!("{value:?}")) } else { self.null() }
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.plain(format_args!("{value}"))
    }

    /// `null`
    pub fn null(&mut self) -> &mut Self {
        self.plain(format_args!("null"))
    }

    /// A value that is JSON already, as it stands.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.plain(format_args!("{json}"))
    }

    /// A value that was read, with all below it; numbers stay digit for digit.
    pub fn value(&mut self, value: Value<'_>) -> &mut Self {
        // The index at which each array and object that is open here ends.
        let mut ends = Vec::new();
        for (index, value) in value.subtree() {
            while ends.pop_if(|end| *end == index).is_some() {
                self.end();
            }
            match value.kind() {
                Kind::Object | Kind::Array => {
                    if value.kind() == Kind::Object {
                        self.object()
                    } else {
                        self.array()
                    };
                    ends.push(value.node().next as usize);
                }
                Kind::Key => drop(self.key(&value.unescaped())),
                Kind::String => drop(self.string(&value.unescaped())),
                Kind::Null | Kind::Bool | Kind::Number => drop(self.plain(format_args!("{}", value.text()))),
            }
        }
        for _ in ends {
            self.end();
        }
        self
    }

    fn begin(&mut self, open: char, close: char) -> &mut Self {
        self.separate();
        self.out.push(open);
        self.open.push(close);
        self.comma = false;
        self
    }

    fn plain(&mut self, text: fmt::Arguments<'_>) -> &mut Self {
        self.separate();
        self.print(text);
        self
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("appending to a string cannot fail");
    }
}
