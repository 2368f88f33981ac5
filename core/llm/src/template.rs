//! Templates of chats: the part of Jinja that models' files use.
//!
//! 1. [`Template::parse`] turns the text into operations of a stack machine: expressions, jumps, loops.
//! 2. [`Template::render`] runs them over values from JSON: `messages`, `add_generation_prompt`, `bos_token`, `tools`, whatever the caller gives.
//!
//! White space is as transformers sets it: the line end behind a block goes (`trim_blocks`), and blanks before one (`lstrip_blocks`). Known are `if`, `for`
//! with `else`, `break`, `continue` and a condition, `set` of names, namespaces and blocks, `macro`, `filter`, `raw`, `generation`; the operators, filters, tests and methods
//! of strings, lists and dictionaries that stand in `builtin`. Everything else is refused by its place. A template cannot run for ever or fill the memory:
//! steps, bytes and depth are bounded.
//!
//! Source: Jinja 3.1, and the templates that llama.cpp tests with.

mod builtin;
mod lex;
mod parse;
mod run;
mod value;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dolmen_text::json;

use value::Value;

/// Why a template cannot be used, or ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// Something else stands there, or the text ends.
    Syntax {
        /// Where, in bytes.
        at: usize,
        /// What was expected.
        wanted: &'static str,
    },
    /// Something that is not known here.
    Unsupported {
        /// Where, in bytes.
        at: usize,
        /// What.
        what: &'static str,
    },
    /// A value is of the wrong kind for what is done with it.
    Value {
        /// Where, in bytes.
        at: usize,
        /// What was expected.
        wanted: &'static str,
    },
    /// A limit of [`limits`](crate::limits) is exceeded.
    Limit {
        /// Of what.
        what: &'static str,
        /// Allowed.
        max: usize,
    },
    /// The template itself refuses what it was given, in its own words.
    Raised(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateError::Syntax { at, wanted } => {
                write!(f, "expected {wanted} at byte {at} of the template")
            }
            TemplateError::Unsupported { at, what } => {
                write!(f, "{what} at byte {at} of the template is not known here")
            }
            TemplateError::Value { at, wanted } => {
                write!(f, "byte {at} of the template needs {wanted}, and was given something else")
            }
            TemplateError::Limit { what, max } => write!(f, "the template takes more than {max} {what}"),
            TemplateError::Raised(words) => write!(f, "the template refuses: {words}"),
        }
    }
}

impl core::error::Error for TemplateError {}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}

/// How a call passes its arguments: so many by place, then these by name.
#[derive(Clone, Debug, Default, PartialEq)]
struct Arguments {
    count: usize,
    names: Vec<String>,
}

/// One step of the machine.
#[derive(Clone, Debug)]
enum Op {
    /// Text of the template.
    Text(u32, u32),
    /// The value on top, as text.
    Emit,
    Const(Value),
    Load(String),
    Store(String),
    /// The value on top into an attribute of the namespace below it.
    StoreAttribute(String),
    Attribute(String),
    Index,
    /// Start, stop and step are on top.
    Slice,
    Binary(Binary),
    Not,
    Negate,
    Jump(usize),
    JumpIfFalse(usize),
    /// Leaves the value where it jumps.
    JumpIfFalseElsePop(usize),
    JumpIfTrueElsePop(usize),
    List(usize),
    Dictionary(usize),
    /// A function below its arguments.
    Call(Arguments),
    Method(String, Arguments),
    Filter(String, Arguments),
    Test(String, usize),
    /// Begins to go over the value on top.
    Begin,
    /// Gives the next element to these names, or jumps.
    Next(Vec<String>, usize),
    /// Keeps the element if the value on top is true.
    Collect,
    /// Ends a loop; jumps if it ran at all.
    End(Option<usize>),
    /// Ends a loop and leaves what it kept.
    EndCollect,
    /// What is emitted from here on is kept.
    Capture,
    /// What was kept becomes a value.
    Release,
    /// Ends a macro.
    Return,
}

/// A macro: its names, their defaults, and where its body begins.
#[derive(Clone, Debug)]
struct Macro {
    parameters: Vec<(String, Option<Value>)>,
    body: usize,
}

/// A template that has been read.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    ops: Vec<Op>,
    /// Where in the text each operation stands.
    places: Vec<u32>,
    macros: Vec<Macro>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        parse::parse(text)
    }

    /// The text for the members of a JSON object as variables. `now` is the time in seconds since 1970, for templates that write the date.
    ///
    /// # Errors
    ///
    /// [`TemplateError`]; what the template raises is [`TemplateError::Raised`].
    pub fn render(&self, variables: json::Value<'_>, now: i64) -> Result<String, TemplateError> {
        run::run(self, variables, now)
    }
}
