//! The grammar, one file per family of statements. See [`crate::parser`] for the two rules that make it exact.

pub(crate) mod alter_table;
pub(crate) mod constraint;
pub(crate) mod dml;
pub(crate) mod expr;
pub(crate) mod from;
pub(crate) mod func;
pub(crate) mod index;
pub(crate) mod machine;
pub(crate) mod names;
pub(crate) mod operand;
pub(crate) mod select;
pub(crate) mod settings;
pub(crate) mod sqljson;
pub(crate) mod stmt;
pub(crate) mod table;
pub(crate) mod trigger;
pub(crate) mod types;
pub(crate) mod utility;
pub(crate) mod xml;
