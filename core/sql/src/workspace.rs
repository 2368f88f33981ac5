//! The memory that parses share, and the way in.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Problem};
use crate::grammar::machine::unwind;
use crate::lexer::{Mode, lex};
use crate::limits;
use crate::parser::{Parser, Scratch};
use crate::token::Tokens;
use crate::tree::{Arena, Tree};
use crate::version::{Dialect, Version};

/// How to parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most frames of the parser's explicit stack.
    pub frames_max: usize,
    /// The version whose grammar is read.
    pub version: Version,
    /// A script for psql, with its variables and commands.
    pub psql: bool,
}

impl Options {
    /// Whose texts are read.
    pub(crate) fn dialect(self) -> Dialect {
        Dialect { version: self.version, psql: self.psql }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { frames_max: limits::FRAMES_MAX, version: Version::default(), psql: false }
    }
}

/// Memory for one text at a time: tokens, tree and stacks. A workspace that has seen a text as large as the next one
/// parses that without allocating.
#[derive(Debug, Default)]
pub struct Workspace {
    tokens: Tokens,
    problems: Vec<Problem>,
    arena: Arena,
    scratch: Scratch,
}

impl Workspace {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a text as [`Version::default`] does: all statements, or the first error.
    ///
    /// # Errors
    /// What the server answers: SQLSTATE, message and place.
    pub fn parse<'t>(&'t mut self, source: &'t str) -> Result<Tree<'t>, Error> {
        self.parse_with(source, Options::default())
    }

    /// Parses a text.
    ///
    /// # Errors
    /// What the server answers: SQLSTATE, message and place.
    pub fn parse_with<'t>(&'t mut self, source: &'t str, options: Options) -> Result<Tree<'t>, Error> {
        if source.len() > limits::SOURCE_LEN_MAX {
            return Err(too_long(source.len()));
        }
        lex(source.as_bytes(), Mode::Grammar, options.dialect(), &mut self.tokens, &mut self.problems);
        match self.parse_tokens(source, options) {
            Ok(()) => Ok(Tree { source, tokens: &self.tokens, arena: &self.arena }),
            Err((_, error)) => Err(error),
        }
    }

    /// Parses the tokens that the workspace holds; on refusal, also the token that the parser stood at.
    pub(crate) fn parse_tokens(&mut self, source: &str, options: Options) -> Result<(), (usize, Error)> {
        self.arena.clear();
        self.arena.dialect = options.dialect();
        let mut parser = Parser {
            source,
            tokens: &self.tokens,
            problems: &self.problems,
            tree: &mut self.arena,
            scratch: &mut self.scratch,
            at: 0,
            native_depth: 0,
            frames_max: options.frames_max,
            version: options.version,
            joined: false,
            error: None,
        };
        let root = parser.script();
        match unwind(root, &mut parser) {
            Ok(root) => {
                self.arena.root = root;
                Ok(())
            }
            Err(_) => {
                let at = parser.at.min(self.tokens.len().saturating_sub(1));
                Err((at, parser.error.take().unwrap_or_else(|| too_long(source.len()))))
            }
        }
    }

    /// Tokens in the place of those that the lexer would give, for a parse of repaired ones.
    pub(crate) fn set_tokens(&mut self, tokens: &Tokens) {
        self.tokens.clone_from(tokens);
        self.problems.clear();
    }

    /// The tree of the last successful parse.
    pub(crate) fn tree<'t>(&'t self, source: &'t str) -> Tree<'t> {
        Tree { source, tokens: &self.tokens, arena: &self.arena }
    }

    /// The tokens of the last text.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Words of the last tree.
    pub fn tree_words(&self) -> usize {
        self.arena.words()
    }
}

fn too_long(len: usize) -> Error {
    Error {
        sqlstate: "54000",
        message: format!("a text of {len} bytes is too long: at most {} are read", limits::SOURCE_LEN_MAX),
        offset: None,
        hint: None,
        detail: None,
    }
}
