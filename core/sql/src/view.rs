//! Pictures of trees in text: an indented outline, an S-expression, a graph for Graphviz.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::compare::is_place;
use crate::json::Constant;
use crate::nodes::{Field, HEAD, Tag, f};
use crate::tree::{Node, TextId, Tree, Value};
use crate::visit;

/// A node's kind and its own values on one line.
fn label(node: Node<'_>) -> String {
    if let Some(text) = node.string() {
        return format!("{:?}", text.read());
    }
    if node.tag() == Tag::A_Const {
        let text = |node: Node<'_>| node.tree().text(TextId(node.word(f::A_Const::val))).into_owned();
        return match node.constant() {
            Constant::Null => "NULL".into(),
            Constant::Integer(number) => format!("{number}"),
            Constant::Boolean(value) => format!("{value}"),
            Constant::Float => text(node),
            Constant::String | Constant::BitString => format!("{:?}", text(node)),
        };
    }
    let mut line = String::from(node.tag().shape().name);
    for (index, def) in node.tag().shape().fields.iter().enumerate() {
        if is_place(def.field, def.name) || node.word(HEAD + index as u32) == 0 {
            continue;
        }
        let value: Cow<'_, str> = match node.field(index) {
            Value::Number(_) if def.field == Field::Bool => "true".into(),
            Value::Number(number) => format!("{number}").into(),
            Value::Char(letter) => format!("{letter}").into(),
            Value::Name(name) => name.into(),
            Value::Text(text) => format!("{:?}", text.read()).into(),
            _ => continue,
        };
        let _ = write!(line, " {}={value}", def.name);
    }
    line
}

/// A node's children with the names of their fields.
fn children(node: Node<'_>) -> Vec<(&'static str, Node<'_>)> {
    let mut all = Vec::new();
    visit::children(node, |name, child| all.push((name, child)));
    all
}

/// One node a line, children indented under the field that holds them.
pub fn outline(tree: Tree<'_>, out: &mut String) {
    let mut stack: Vec<(usize, &str, Node<'_>)> = Vec::new();
    stack.extend(tree.statements().iter().rev().flatten().map(|node| (0, "", node)));
    while let Some((depth, field, node)) = stack.pop() {
        out.extend(core::iter::repeat_n("  ", depth));
        if !field.is_empty() {
            let _ = write!(out, "{field}: ");
        }
        let _ = writeln!(out, "{}", label(node));
        stack.extend(children(node).into_iter().rev().map(|(name, child)| (depth + 1, name, child)));
    }
}

/// Nested parentheses, one statement a line.
pub fn s_expression(tree: Tree<'_>, out: &mut String) {
    enum Step<'t> {
        Open(Node<'t>),
        Close,
    }
    for statement in tree.statements().iter().flatten() {
        let mut stack = Vec::new();
        stack.push(Step::Open(statement));
        while let Some(step) = stack.pop() {
            match step {
                Step::Close => out.push(')'),
                Step::Open(node) => {
                    if !out.is_empty() && !out.ends_with(['(', '\n']) {
                        out.push(' ');
                    }
                    let below = children(node);
                    if below.is_empty() {
                        out.push_str(&label(node));
                        continue;
                    }
                    out.push('(');
                    out.push_str(&label(node));
                    stack.push(Step::Close);
                    stack.extend(below.into_iter().rev().map(|(_, child)| Step::Open(child)));
                }
            }
        }
        out.push('\n');
    }
}

/// A graph in Graphviz' language.
pub fn dot(tree: Tree<'_>, out: &mut String) {
    out.push_str("digraph sql {\n  node [shape=box, fontname=monospace];\n");
    let mut stack: Vec<(usize, &str, Node<'_>)> = Vec::new();
    stack.extend(tree.statements().iter().rev().flatten().map(|node| (0, "", node)));
    let mut number = 0;
    while let Some((parent, field, node)) = stack.pop() {
        number += 1;
        let text = label(node).replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(out, "  n{number} [label=\"{text}\"];");
        if parent > 0 {
            let _ = writeln!(out, "  n{parent} -> n{number} [label=\"{field}\"];");
        }
        stack.extend(children(node).into_iter().rev().map(|(name, child)| (number, name, child)));
    }
    out.push_str("}\n");
}
