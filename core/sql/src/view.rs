//! Pictures of trees: an indented outline, an S-expression, a graph for Graphviz, SVG.

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
use dolmen_text::svg::{Path, Svg};

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

/// Levels that an outline indents.
const INDENT_MAX: usize = 100;

/// One node a line, children indented under the field that holds them; below a hundred levels a number tells the level, so that
/// the outline of a deep tree is as long as the tree.
pub fn outline(tree: Tree<'_>, out: &mut String) {
    let mut stack: Vec<(usize, &str, Node<'_>)> = Vec::new();
    stack.extend(tree.statements().iter().rev().flatten().map(|node| (0, "", node)));
    while let Some((depth, field, node)) = stack.pop() {
        out.extend(core::iter::repeat_n("  ", depth.min(INDENT_MAX)));
        if depth > INDENT_MAX {
            let _ = write!(out, "{depth} ");
        }
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

/// Units of the picture: a letter's width, a row, the space between two boxes, a box's height.
const LETTER: f64 = 7.3;
const ROW: f64 = 58.0;
const GAP: f64 = 14.0;
const BOX: f64 = 26.0;
/// Most letters of a label in the picture.
const LABEL_LEN_MAX: usize = 48;

/// A box of the picture.
struct Placed {
    label: String,
    /// The parent's field that holds it.
    field: &'static str,
    parent: Option<usize>,
    depth: usize,
    /// The width of the box, and of all that stands below it.
    width: f64,
    below: f64,
    left: f64,
}

impl Placed {
    fn span(&self) -> f64 {
        self.width.max(self.below)
    }
}

/// A picture in SVG: each node in a box, children below their parent, statements side by side.
pub fn svg(tree: Tree<'_>, out: &mut String) {
    let mut boxes = place(tree);
    // Children stand behind their parents in the array, so their widths are known when the parent's turn comes.
    for index in (0..boxes.len()).rev() {
        let span = boxes[index].span();
        if let Some(parent) = boxes[index].parent {
            let gap = if boxes[parent].below > 0.0 { GAP } else { 0.0 };
            boxes[parent].below += gap + span;
        }
    }
    let (mut next, mut lefts): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let (mut right, mut rows) = (GAP, 0);
    for part in &boxes {
        let start = match part.parent {
            Some(parent) => &mut next[parent],
            None => &mut right,
        };
        let from = *start;
        *start += part.span() + GAP;
        lefts.push(from + (part.span() - part.width) / 2.0);
        next.push(from + (part.span() - part.below) / 2.0);
        rows = rows.max(part.depth + 1);
    }
    for (part, left) in boxes.iter_mut().zip(lefts) {
        part.left = left;
    }
    let height = GAP * 2.0 + ROW * rows as f64;
    let mut picture = Svg::new(right.max(1.0) as u32, height as u32);
    picture.group().attribute("font-family", "monospace").attribute("font-size", 12);
    for part in &boxes {
        let top = GAP + ROW * part.depth as f64;
        let middle = part.left + part.width / 2.0;
        if let Some(parent) = part.parent.map(|index| &boxes[index]) {
            let from = (parent.left + parent.width / 2.0, GAP + ROW * parent.depth as f64 + BOX);
            let mut path = Path::new();
            path.move_to(from).line_to((middle, top));
            picture.path(&path).fill("none").stroke("#999999", 1.0).title(part.field);
        }
        picture
            .rect((part.left, top), (part.width, BOX))
            .number("rx", 4.0)
            .fill("#f4f7fb")
            .stroke("#456789", 1.0);
        picture.text((middle, top + 17.0), &part.label).attribute("text-anchor", "middle");
    }
    picture.end_group();
    out.push_str(&picture.finish());
}

/// The boxes of a tree, parents before their children.
fn place(tree: Tree<'_>) -> Vec<Placed> {
    let mut boxes: Vec<Placed> = Vec::new();
    let mut stack: Vec<(Option<usize>, &'static str, Node<'_>)> = Vec::new();
    stack.extend(tree.statements().iter().rev().flatten().map(|node| (None, "", node)));
    while let Some((parent, field, node)) = stack.pop() {
        let mut label = label(node);
        if label.chars().count() > LABEL_LEN_MAX {
            label = label.chars().take(LABEL_LEN_MAX - 1).chain(['…']).collect();
        }
        let width = label.chars().count() as f64 * LETTER + 16.0;
        let depth = parent.map_or(0, |index: usize| boxes[index].depth + 1);
        let index = boxes.len();
        boxes.push(Placed { label, field, parent, depth, width, below: 0.0, left: 0.0 });
        stack.extend(children(node).into_iter().rev().map(|(name, child)| (Some(index), name, child)));
    }
    boxes
}
