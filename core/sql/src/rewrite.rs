//! Rewriting a text through its tree: nodes are given other texts, everything else stays byte for byte, comments too.
//!
//! 1. A function is asked about each node, parents first: leave it, or put another text in its place (then its children are
//!    not asked for).
//! 2. The texts are put into the source where the nodes' tokens stood. A space keeps words apart.
//! 3. The result is parsed again; what does not parse is refused.
//!
//! A tree is never changed: it is what was read.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::error::Error;
use crate::lexer::is_ident_byte;
use crate::tree::{Node, Tree};
use crate::visit::{Walk, walk};
use crate::workspace::{Options, Workspace};

/// Why nothing was rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewriteError {
    /// Two edits want the same bytes.
    Overlap(Range<usize>),
    /// The result does not parse.
    Syntax(Error),
}

impl fmt::Display for RewriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap(range) => write!(f, "two edits want bytes {} to {}", range.start, range.end),
            Self::Syntax(error) => write!(f, "the rewritten text does not parse: {error}"),
        }
    }
}

impl core::error::Error for RewriteError {}

/// Edits of one text, to be made together.
#[derive(Clone, Debug)]
pub struct Edits<'t> {
    tree: Tree<'t>,
    edits: Vec<(Range<usize>, String)>,
}

impl<'t> Edits<'t> {
    /// None yet.
    pub fn new(tree: Tree<'t>) -> Self {
        Self { tree, edits: Vec::new() }
    }

    /// Another text in the place of a node's tokens.
    pub fn replace(&mut self, node: Node<'t>, text: impl Into<String>) -> &mut Self {
        self.replace_bytes(node.range(), text)
    }

    /// A text before a node.
    pub fn insert_before(&mut self, node: Node<'t>, text: impl Into<String>) -> &mut Self {
        let at = node.range().start;
        self.replace_bytes(at..at, text)
    }

    /// A text behind a node.
    pub fn insert_behind(&mut self, node: Node<'t>, text: impl Into<String>) -> &mut Self {
        let at = node.range().end;
        self.replace_bytes(at..at, text)
    }

    /// Another text in the place of these bytes, which should be whole tokens.
    pub fn replace_bytes(&mut self, range: Range<usize>, text: impl Into<String>) -> &mut Self {
        self.edits.push((range, text.into()));
        self
    }

    /// The source with all edits made.
    ///
    /// # Errors
    /// Edits that overlap, and a result that does not parse.
    pub fn apply(mut self) -> Result<String, RewriteError> {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let source = self.tree.source();
        let mut out = String::with_capacity(source.len());
        let mut at = 0;
        for (range, text) in &self.edits {
            if range.start < at || range.end > source.len() {
                return Err(RewriteError::Overlap(range.clone()));
            }
            out.push_str(&source[at..range.start]);
            apart(&mut out, text.as_bytes().first());
            out.push_str(text);
            let next = source.as_bytes().get(range.end);
            if !text.is_empty() {
                apart(&mut out, next);
            }
            at = range.end;
        }
        out.push_str(&source[at..]);
        let dialect = self.tree.arena.dialect;
        let options = Options { version: dialect.version, psql: dialect.psql, ..Options::default() };
        match Workspace::new().parse_with(&out, options) {
            Ok(_) => Ok(out),
            Err(error) => Err(RewriteError::Syntax(error)),
        }
    }
}

/// Puts a space where the next byte would be read as part of the last word.
fn apart(out: &mut String, next: Option<&u8>) {
    let word = |byte: &u8| is_ident_byte(*byte) || matches!(byte, b'\'' | b'"');
    if out.as_bytes().last().is_some_and(word) && next.is_some_and(word) {
        out.push(' ');
    }
}

/// The source with each node for which `rewritten` gives a text replaced by that; parents are asked before their children.
///
/// # Errors
/// A result that does not parse.
pub fn rewrite<'t>(
    tree: Tree<'t>,
    mut rewritten: impl FnMut(Node<'t>) -> Option<String>,
) -> Result<String, RewriteError> {
    let mut edits = Edits::new(tree);
    let mut done = BTreeSet::new();
    walk(tree, &mut |node: Node<'t>, _: &'static str| {
        let range = node.range();
        // Some nodes share their tokens with others (`SET (a, b) = …`): the first one counts.
        let key = (range.start, range.end);
        if range.is_empty() || done.contains(&key) {
            return Walk::In;
        }
        match rewritten(node) {
            Some(text) => {
                done.insert(key);
                edits.replace(node, text);
                Walk::Past
            }
            None => Walk::In,
        }
    });
    edits.apply()
}
