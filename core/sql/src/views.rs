//! Typed views: a struct for each kind of node, a method for each field.
//!
//! A view is a node that has been checked once; its methods are named as libpg_query names the fields and cannot fail. An
//! absent field is `None`, an empty list or the type's zero.
//!
//! Source: the table of [`crate::nodes`].

use crate::nodes::{Tag, f, node_table};
use crate::tree::{self, Node, Text, Value};

/// A view of one kind of node.
pub trait View<'t>: Copy {
    /// The kind.
    const TAG: Tag;

    /// The view of a node, if it is of this kind.
    fn of(node: Node<'t>) -> Option<Self>;

    /// The node.
    fn node(self) -> Node<'t>;
}

impl<'t> Node<'t> {
    /// Its typed view, if it is of that kind.
    pub fn view<V: View<'t>>(self) -> Option<V> {
        V::of(self)
    }
}

fn number(node: Node<'_>, index: u32) -> i64 {
    match node.field(index as usize) {
        Value::Number(number) => number,
        _ => 0,
    }
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $at:expr, Int) => {
        $(#[$doc])* pub fn $name(self) -> i32 { number(self.0, $at) as i32 }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Uint) => {
        $(#[$doc])* pub fn $name(self) -> u32 { number(self.0, $at) as u32 }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Long) => {
        $(#[$doc])* pub fn $name(self) -> i64 { number(self.0, $at) }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Bool) => {
        $(#[$doc])* pub fn $name(self) -> bool { number(self.0, $at) != 0 }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Loc) => {
        $(#[$doc])* pub fn $name(self) -> Option<u32> { u32::try_from(number(self.0, $at)).ok() }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Char) => {
        $(#[$doc])* pub fn $name(self) -> Option<char> {
            match self.0.field($at as usize) { Value::Char(letter) => Some(letter), _ => None }
        }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Str) => {
        $(#[$doc])* pub fn $name(self) -> Option<Text<'t>> {
            match self.0.field($at as usize) { Value::Text(text) => Some(text), _ => None }
        }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, List) => {
        $(#[$doc])* pub fn $name(self) -> tree::List<'t> {
            match self.0.field($at as usize) { Value::List(list) => list, _ => self.0.tree().no_items() }
        }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Node) => {
        $(#[$doc])* pub fn $name(self) -> Option<Node<'t>> {
            match self.0.field($at as usize) { Value::Node(node) => Some(node), _ => None }
        }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Spec $kind:ident) => {
        $(#[$doc])* pub fn $name(self) -> Option<$kind<'t>> {
            match self.0.field($at as usize) { Value::Node(node) => $kind::of(node), _ => None }
        }
    };
    ($(#[$doc:meta])* $name:ident, $at:expr, Enum $kind:ident) => {
        $(#[$doc])* pub fn $name(self) -> &'static str {
            match self.0.field($at as usize) { Value::Name(name) => name, _ => "" }
        }
    };
}

macro_rules! views {
    ($($name:ident { $($field:ident : $type:ident $(($arg:ident))?),* })*) => { $(
        #[doc = concat!("A view of `", stringify!($name), "`.")]
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'t>(Node<'t>);

        impl<'t> View<'t> for $name<'t> {
            const TAG: Tag = Tag::$name;

            fn of(node: Node<'t>) -> Option<Self> {
                (node.tag() == Tag::$name).then_some(Self(node))
            }

            fn node(self) -> Node<'t> {
                self.0
            }
        }

        #[allow(non_snake_case, clippy::wrong_self_convention)]
        impl<'t> $name<'t> {
            $(getter!(#[doc = concat!("`", stringify!($field), "`.")] $field, f::$name::$field - crate::nodes::HEAD, $type $($arg)?);)*
        }
    )* };
}

node_table!(views);
