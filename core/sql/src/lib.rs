#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[doc(hidden)]
pub mod check;
pub mod compare;
pub mod error;
pub mod fingerprint;
pub mod format;
pub(crate) mod grammar;
pub mod json;
pub mod keyword;
pub(crate) mod layout;
pub mod lexer;
pub mod limits;
pub mod lint;
pub mod nodes;
pub mod normalize;
pub(crate) mod parser;
pub mod psql;
pub(crate) mod repair;
pub mod rewrite;
pub mod scan;
pub(crate) mod sorting;
pub mod text;
pub mod token;
pub mod tolerant;
pub mod tree;
pub mod usage;
pub mod version;
pub mod view;
pub mod views;
pub mod visit;
mod workspace;

pub use error::Error;
pub use token::{Kind, Tokens};
pub use tree::{List, Node, Text, Tree, Value};
pub use version::Version;
pub use workspace::{Depth, Options, Workspace};
