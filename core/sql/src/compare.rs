//! Equality of trees: what a deparser or formatter must keep.
//!
//! Places (byte offsets) do not count, nor do texts' spellings: only what PostgreSQL would do with the tree.

use alloc::vec::Vec;

use crate::nodes::{Field, HEAD, Tag, f};
use crate::tree::{List, Node, TextId, Tree, Value};

/// Whether two trees say the same.
pub fn same(a: Tree<'_>, b: Tree<'_>) -> bool {
    walk(Pair::Lists(a.statements(), b.statements()))
}

/// Whether two nodes say the same.
pub fn same_node(a: Node<'_>, b: Node<'_>) -> bool {
    walk(Pair::Nodes(a, b))
}

enum Pair<'a, 'b> {
    Nodes(Node<'a>, Node<'b>),
    Lists(List<'a>, List<'b>),
}

fn walk(first: Pair<'_, '_>) -> bool {
    let mut stack = Vec::new();
    stack.push(first);
    while let Some(pair) = stack.pop() {
        let equal = match pair {
            Pair::Lists(a, b) => {
                a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|pair| match pair {
                        (None, None) => true,
                        (Some(a), Some(b)) => {
                            stack.push(Pair::Nodes(a, b));
                            true
                        }
                        _ => false,
                    })
            }
            Pair::Nodes(a, b) => nodes(a, b, &mut stack),
        };
        if !equal {
            return false;
        }
    }
    true
}

fn nodes<'a, 'b>(a: Node<'a>, b: Node<'b>, stack: &mut Vec<Pair<'a, 'b>>) -> bool {
    if a.tag() != b.tag() {
        return false;
    }
    if let (Some(a), Some(b)) = (a.string(), b.string()) {
        return a.read() == b.read();
    }
    if a.tag() == Tag::A_Const {
        return constants(a, b);
    }
    for (index, def) in a.tag().shape().fields.iter().enumerate() {
        if is_place(def.field, def.name) {
            continue;
        }
        let equal = match (a.field(index), b.field(index)) {
            (Value::Absent, Value::Absent) => true,
            (Value::Text(a), Value::Text(b)) => a.read() == b.read(),
            (Value::Node(a), Value::Node(b)) => {
                stack.push(Pair::Nodes(a, b));
                true
            }
            (Value::List(a), Value::List(b)) => {
                stack.push(Pair::Lists(a, b));
                true
            }
            _ => {
                let word = HEAD + index as u32;
                !matches!(def.field, Field::Str | Field::Node | Field::Spec(_) | Field::List)
                    && a.word(word) == b.word(word)
            }
        };
        if !equal {
            return false;
        }
    }
    true
}

fn constants(a: Node<'_>, b: Node<'_>) -> bool {
    if a.word(f::A_Const::kind) != b.word(f::A_Const::kind) {
        return false;
    }
    let text = |node: Node<'_>| node.tree().text(TextId(node.word(f::A_Const::val))).into_owned();
    use crate::json::Constant;
    match a.constant() {
        Constant::Float | Constant::String | Constant::BitString => text(a) == text(b),
        _ => a.word(f::A_Const::val) == b.word(f::A_Const::val),
    }
}

/// Whether a field holds a place in the text.
pub(crate) fn is_place(field: Field, name: &str) -> bool {
    field == Field::Loc
        || matches!(
            name,
            "stmt_location"
                | "stmt_len"
                | "name_location"
                | "arg_location"
                | "payload_location"
                | "conninfo_location"
                | "list_start"
                | "list_end"
                | "rexpr_list_start"
                | "rexpr_list_end"
        )
}
