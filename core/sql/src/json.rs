//! The tree as JSON in libpg_query's schema: field names, order, omissions and locations included.
//!
//! Walks with a stack of its own: depth costs memory, never the native stack.
//!
//! Source: libpg_query 18, `pg_query_outfuncs_json.c`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::nodes::{Field, HEAD, Tag, f};
use crate::tree::{List, Node, Tree, Value};

/// The version number that stands in the JSON, as of the PostgreSQL release whose grammar this is.
pub const VERSION: u32 = 180_006;

/// What is still to be written.
enum Step<'t> {
    /// A node's fields from this index on, then so many closing braces.
    Fields(Node<'t>, usize, u8),
    /// A list's items from this index on.
    Items(List<'t>, usize),
}

/// Writes the whole answer of a parse: `{"version":…,"stmts":[…]}`.
pub fn write(tree: Tree<'_>, out: &mut String) {
    let _ = write!(out, "{{\"version\":{VERSION},\"stmts\":[");
    for (index, statement) in tree.statements().iter().flatten().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('{');
        walk(Step::Fields(statement, 0, 1), out);
    }
    out.push_str("]}");
}

/// Writes one node, wrapped in its kind.
pub fn write_node(node: Node<'_>, out: &mut String) {
    if let Some(step) = open(node, out) {
        walk(step, out);
    }
}

fn walk(first: Step<'_>, out: &mut String) {
    let mut stack: Vec<Step<'_>> = Vec::with_capacity(32);
    stack.push(first);
    while let Some(step) = stack.pop() {
        match step {
            Step::Fields(node, index, braces) => {
                let fields = node.tag().shape().fields;
                if index == fields.len() {
                    close(out, braces);
                    continue;
                }
                stack.push(Step::Fields(node, index + 1, braces));
                stack.extend(field(node, index, out));
            }
            Step::Items(list, index) => {
                if index == list.len() {
                    trim(out);
                    out.push_str("],");
                    continue;
                }
                stack.push(Step::Items(list, index + 1));
                match list.get(index) {
                    None => out.push_str("{},"),
                    Some(node) => stack.extend(open(node, out)),
                }
            }
        }
    }
    trim(out);
}

fn trim(out: &mut String) {
    if out.ends_with(',') {
        out.pop();
    }
}

fn close(out: &mut String, braces: u8) {
    trim(out);
    for _ in 0..braces {
        out.push('}');
    }
    out.push(',');
}

/// Begins a node with its wrapper; small ones are written at once.
fn open<'t>(node: Node<'t>, out: &mut String) -> Option<Step<'t>> {
    if let Some(text) = node.string() {
        out.push_str("{\"String\":{\"sval\":");
        append_quoted(out, &text.read());
        out.push_str("}},");
        return None;
    }
    let tag = node.tag();
    out.push_str("{\"");
    out.push_str(tag.shape().name);
    out.push_str("\":{");
    match tag {
        Tag::A_Const => constant(node, out),
        Tag::Boolean => {
            let value = if node.word(f::Boolean::boolval) != 0 { "true" } else { "false" };
            let _ = write!(out, "\"boolval\":{value}");
        }
        _ => return Some(Step::Fields(node, 0, 2)),
    }
    out.push_str("}},");
    None
}

fn constant(node: Node<'_>, out: &mut String) {
    let value = node.word(f::A_Const::val);
    match node.constant() {
        Constant::Null => out.push_str("\"isnull\":true"),
        Constant::Integer(0) => out.push_str("\"ival\":{}"),
        Constant::Integer(number) => {
            let _ = write!(out, "\"ival\":{{\"ival\":{number}}}");
        }
        Constant::Boolean(false) => out.push_str("\"boolval\":{}"),
        Constant::Boolean(true) => out.push_str("\"boolval\":{\"boolval\":true}"),
        Constant::Float | Constant::String | Constant::BitString => {
            let name = match node.constant() {
                Constant::Float => "fval",
                Constant::String => "sval",
                _ => "bsval",
            };
            let _ = write!(out, "\"{name}\":{{\"{name}\":");
            append_quoted(out, &node.tree().text(crate::tree::TextId(value)));
            out.push('}');
        }
    }
    let _ = write!(out, ",\"location\":{}", node.word(f::A_Const::location) as i32);
}

fn key(out: &mut String, name: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// Writes a field, or begins it and says how to go on.
fn field<'t>(node: Node<'t>, index: usize, out: &mut String) -> Option<Step<'t>> {
    let def = node.tag().shape().fields[index];
    if node.word(HEAD + index as u32) == 0 && !matches!(def.field, Field::Enum(_)) {
        return None;
    }
    match node.field(index) {
        Value::Absent => {}
        Value::Number(number) => {
            key(out, def.name);
            if def.field == Field::Bool {
                out.push_str("true,");
            } else {
                let _ = write!(out, "{number},");
            }
        }
        Value::Char(c) => {
            key(out, def.name);
            let _ = write!(out, "\"{c}\",");
        }
        Value::Name(name) => {
            key(out, def.name);
            let _ = write!(out, "\"{name}\",");
        }
        Value::Text(text) => {
            let text = text.read();
            if !text.is_empty() || matches!(node.tag(), Tag::Float | Tag::BitString) {
                key(out, def.name);
                append_quoted(out, &text);
                out.push(',');
            }
        }
        Value::List(list) => {
            key(out, def.name);
            out.push('[');
            return Some(Step::Items(list, 0));
        }
        Value::Node(child) => {
            key(out, def.name);
            return match def.field {
                Field::Spec(Tag::String) => {
                    out.push_str("{\"sval\":");
                    append_quoted(out, &child.string().map(|t| t.read()).unwrap_or_default());
                    out.push_str("},");
                    None
                }
                Field::Spec(_) => {
                    out.push('{');
                    Some(Step::Fields(child, 0, 1))
                }
                _ => open(child, out),
            };
        }
    }
    None
}

/// Which value an `A_Const` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// `NULL`.
    Null,
    /// An integer of 32 bits.
    Integer(i32),
    /// A number as text.
    Float,
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// A string.
    String,
    /// A bit string, with `b` or `x` before it.
    BitString,
}

/// Numbers of the kinds of constants, as the array holds them.
pub(crate) mod constant_kind {
    pub const NULL: u32 = 0;
    pub const INTEGER: u32 = 1;
    pub const FLOAT: u32 = 2;
    pub const BOOLEAN: u32 = 3;
    pub const STRING: u32 = 4;
    pub const BIT_STRING: u32 = 5;
}

impl Node<'_> {
    /// The value of an `A_Const`.
    pub fn constant(self) -> Constant {
        let value = self.word(f::A_Const::val);
        match self.word(f::A_Const::kind) {
            constant_kind::INTEGER => Constant::Integer(value as i32),
            constant_kind::FLOAT => Constant::Float,
            constant_kind::BOOLEAN => Constant::Boolean(value != 0),
            constant_kind::STRING => Constant::String,
            constant_kind::BIT_STRING => Constant::BitString,
            _ => Constant::Null,
        }
    }
}

/// Appends a JSON string with libpg_query's escapes.
pub fn append_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| (c as u32) < 0x20 || matches!(c, '"' | '\\' | '<' | '>')) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            byte => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}
