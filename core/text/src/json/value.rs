//! Views of a [`Document`]'s values. The reader has checked everything, so nothing here fails; `None` means "of another kind".

use alloc::borrow::Cow;
use alloc::string::String;

use super::reader::{Document, Node, hex_unit};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
    /// The name of an object's member; never the kind of a value that [`Items`] or [`Members`] give.
    Key,
}

/// One value of a document.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    document: &'d Document<'d>,
    index: usize,
}

impl<'d> Value<'d> {
    pub(super) fn new(document: &'d Document<'_>, index: usize) -> Self {
        Value { document, index }
    }

    pub(super) fn node(self) -> Node {
        self.document.nodes[self.index]
    }

    /// The nodes of this value in the order of the text: itself, then all below it.
    pub(super) fn subtree(self) -> impl Iterator<Item = (usize, Value<'d>)> {
        (self.index..self.node().next as usize).map(move |index| (index, Value { index, ..self }))
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Where it begins in the text, in bytes.
    pub fn offset(self) -> usize {
        self.node().start as usize
    }

    /// Its own text, without white space around it.
    pub fn text(self) -> &'d str {
        &self.document.text[self.node().start as usize..self.node().end as usize]
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.text() == "true")
    }

    /// A number, exact.
    pub fn as_number(self) -> Option<Number<'d>> {
        (self.kind() == Kind::Number).then(|| Number(self.text()))
    }

    /// A string; borrowed from the text unless it has escapes.
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        (self.kind() == Kind::String).then(|| self.unescaped())
    }

    /// The elements of an array; none for other kinds.
    pub fn items(self) -> Items<'d> {
        Items(self.children(Kind::Array))
    }

    /// The members of an object in the order of the text, repeated names included; none for other kinds.
    pub fn members(self) -> Members<'d> {
        Members(self.children(Kind::Object))
    }

    /// The member of that name; of several the last, as most readers have it.
    pub fn get(self, name: &str) -> Option<Value<'d>> {
        self.members().filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    fn children(self, of: Kind) -> Children<'d> {
        let node = self.node();
        let first = if node.kind == of { self.index + 1 } else { node.next as usize };
        Children { document: self.document, at: first, end: node.next as usize }
    }

    /// The content of a string or key.
    pub(super) fn unescaped(self) -> Cow<'d, str> {
        let quoted = self.text();
        let inner = &quoted[1..quoted.len() - 1];
        if self.node().escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
    }
}

/// Resolves the escapes of a checked string.
fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (letter, mut behind) = escape.split_at(1);
        match letter {
            "b" => out.push('\u{8}'),
            "f" => out.push('\u{c}'),
            "n" => out.push('\n'),
            "r" => out.push('\r'),
            "t" => out.push('\t'),
            "u" => {
                let (scalar, digits_len) = scalar(behind.as_bytes());
                out.push(scalar);
                behind = &behind[digits_len..];
            }
            itself => out.push_str(itself),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The character behind `\u`, and how many bytes it takes: `XXXX`, or `XXXX\uXXXX` for a pair of surrogates.
fn scalar(behind: &[u8]) -> (char, usize) {
    let unit = |at: usize| hex_unit(&behind[at..at + 4]).expect("the reader has checked the digits");
    let high = unit(0);
    let (scalar, len) = match high {
        0xd800..=0xdbff => {
            (0x1_0000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit(6)) - 0xdc00), 10)
        }
        _ => (u32::from(high), 4),
    };
    (char::from_u32(scalar).expect("the reader has checked that surrogates stand in pairs"), len)
}

/// A number as it is written; converting is the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'d>(&'d str);

impl<'d> Number<'d> {
    /// Digit for digit.
    pub const fn text(self) -> &'d str {
        self.0
    }

    /// Its value if it is written as an integer, without point and exponent, and fits.
    pub fn as_u64(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// Its value if it is written as an integer, without point and exponent, and fits.
    pub fn as_i64(self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest double; `None` if it is beyond the largest.
    pub fn as_f64(self) -> Option<f64> {
        self.0.parse().ok().filter(|v: &f64| v.is_finite())
    }
}

#[derive(Clone, Debug)]
struct Children<'d> {
    document: &'d Document<'d>,
    at: usize,
    end: usize,
}

impl<'d> Children<'d> {
    fn next(&mut self) -> Option<Value<'d>> {
        let value = (self.at < self.end).then(|| Value::new(self.document, self.at))?;
        self.at = value.node().next as usize;
        Some(value)
    }
}

/// Walks over an array.
#[derive(Clone, Debug)]
pub struct Items<'d>(Children<'d>);

impl<'d> Iterator for Items<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        self.0.next()
    }
}

/// Walks over an object: name and value.
#[derive(Clone, Debug)]
pub struct Members<'d>(Children<'d>);

impl<'d> Iterator for Members<'d> {
    type Item = (Cow<'d, str>, Value<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.next()?;
        Some((key.unescaped(), self.0.next()?))
    }
}
