//! The grammar, one file per family of statements. See [`crate::parser`] for the two rules that make it exact.

pub(crate) mod alter;
pub(crate) mod create;
pub(crate) mod dml;
pub(crate) mod expr;
pub(crate) mod foreign;
pub(crate) mod from;
pub(crate) mod func;
pub(crate) mod function;
pub(crate) mod index;
pub(crate) mod machine;
pub(crate) mod names;
pub(crate) mod objects;
pub(crate) mod operand;
pub(crate) mod operator;
pub(crate) mod pending;
pub(crate) mod replication;
pub(crate) mod role;
pub(crate) mod select;
pub(crate) mod sqljson;
pub(crate) mod stmt;
pub(crate) mod types;
pub(crate) mod xml;
