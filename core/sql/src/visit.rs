//! Walking a tree: every node once, parents before and after their children, at any depth.

use alloc::vec::Vec;

use crate::nodes::Tag;
use crate::tree::{Node, Tree, Value};

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// The node's children.
    In,
    /// What stands behind the node.
    Past,
    /// Nothing more.
    Stop,
}

/// Somebody who is shown the nodes of a tree.
pub trait Visitor<'t> {
    /// Before a node's children; `field` is the parent's field that holds the node, empty for a statement.
    fn enter(&mut self, node: Node<'t>, field: &'static str) -> Walk;

    /// Behind a node's children, where [`Walk::In`] was asked for.
    fn leave(&mut self, _node: Node<'t>) {}
}

/// Any function is a visitor that looks at nodes before their children.
impl<'t, F: FnMut(Node<'t>, &'static str) -> Walk> Visitor<'t> for F {
    fn enter(&mut self, node: Node<'t>, field: &'static str) -> Walk {
        self(node, field)
    }
}

enum Step<'t> {
    Enter(Node<'t>, &'static str),
    Leave(Node<'t>),
}

/// Shows all statements of a tree, in order.
pub fn walk<'t>(tree: Tree<'t>, visitor: &mut impl Visitor<'t>) {
    let mut steps: Vec<Step<'t>> =
        tree.statements().iter().rev().flatten().map(|node| Step::Enter(node, "")).collect();
    run(&mut steps, visitor);
}

/// Shows a node and what is below it.
pub fn walk_node<'t>(node: Node<'t>, visitor: &mut impl Visitor<'t>) {
    run(&mut alloc::vec![Step::Enter(node, "")], visitor);
}

fn run<'t>(steps: &mut Vec<Step<'t>>, visitor: &mut impl Visitor<'t>) {
    while let Some(step) = steps.pop() {
        let (node, field) = match step {
            Step::Enter(node, field) => (node, field),
            Step::Leave(node) => {
                visitor.leave(node);
                continue;
            }
        };
        match visitor.enter(node, field) {
            Walk::Stop => return,
            Walk::Past => {}
            Walk::In => {
                steps.push(Step::Leave(node));
                let from = steps.len();
                children(node, |name, child| steps.push(Step::Enter(child, name)));
                steps[from..].reverse();
            }
        }
    }
}

/// Calls `found` for each child of a node, with the field that holds it, in the order of the table of nodes.
pub fn children<'t>(node: Node<'t>, mut found: impl FnMut(&'static str, Node<'t>)) {
    if node.string().is_some() || node.tag() == Tag::A_Const {
        return;
    }
    for (index, def) in node.tag().shape().fields.iter().enumerate() {
        match node.field(index) {
            Value::Node(child) => found(def.name, child),
            Value::List(list) => list.iter().flatten().for_each(|item| found(def.name, item)),
            _ => {}
        }
    }
}
