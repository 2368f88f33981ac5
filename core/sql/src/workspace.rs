//! The memory that parses share, and the way in.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Problem};
use crate::grammar::machine::unwind;
use crate::lexer::{Mode, lex};
use crate::limits;
use crate::nodes::Tag;
use crate::parser::{Parser, Scratch};
use crate::token::Tokens;
use crate::tree::{Arena, Node, Tree};
use crate::version::{Dialect, Version};
use crate::visit::{Visitor, Walk, walk};

/// How deep statements may nest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// As deep as [`Options::frames_max`] lets them.
    #[default]
    Any,
    /// As deep as a server takes them: "memory exhausted" where the stack of its parser would be full, "stack depth limit exceeded" for
    /// a tree higher than [`limits::TREE_HEIGHT_MAX`].
    Server,
}

/// How to parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most frames of the parser's explicit stack.
    pub frames_max: usize,
    /// Most words of the tree that stand in it again, because what is assigned to several columns stands once for each: what is written of
    /// a tree, JSON or a fingerprint, is no longer than the tree and these.
    pub repeats_max: usize,
    /// The version whose grammar is read.
    pub version: Version,
    /// A script for psql, with its variables and commands.
    pub psql: bool,
    /// How deep statements may nest.
    pub depth: Depth,
}

impl Options {
    /// Whose texts are read.
    pub(crate) fn dialect(self) -> Dialect {
        Dialect { version: self.version, psql: self.psql }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            frames_max: limits::FRAMES_MAX,
            repeats_max: limits::REPEATS_MAX,
            version: Version::default(),
            psql: false,
            depth: Depth::Any,
        }
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
    steps: u64,
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
        self.steps = 0;
        if options.depth == Depth::Any {
            return self.run(source, options, false);
        }
        let few = Options { frames_max: limits::FRAMES_WATCHED.min(options.frames_max), ..options };
        if self.tokens.len() <= limits::FRAMES_WATCHED {
            return self.run(source, few, false);
        }
        match self.run(source, few, false) {
            Err((_, error)) if error.sqlstate == "54001" => {
                self.run(source, Options { frames_max: 0, ..options }, true)?;
            }
            other => other?,
        }
        let tree = Tree { source, tokens: &self.tokens, arena: &self.arena };
        if height(tree) <= limits::TREE_HEIGHT_MAX { Ok(()) } else { Err((0, too_high())) }
    }

    fn run(&mut self, source: &str, options: Options, counts_symbols: bool) -> Result<(), (usize, Error)> {
        self.arena.clear();
        self.arena.dialect = options.dialect();
        let mut parser = Parser {
            source,
            tokens: &self.tokens,
            problems: &self.problems,
            tree: &mut self.arena,
            scratch: &mut self.scratch,
            at: 0,
            machines: 0,
            detour: None,
            frames_max: options.frames_max,
            repeats_max: options.repeats_max,
            repeats: 0,
            counts_symbols,
            statement: 0,
            steps: 0,
            version: options.version,
            joined: false,
            error: None,
        };
        let root = parser.script();
        let root = unwind(root, &mut parser);
        self.steps += parser.steps;
        match root {
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

    /// Steps that the parser's machine took for the last text: how much work it was, whatever the clock says.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Words of the last tree.
    pub fn tree_words(&self) -> usize {
        self.arena.words()
    }
}

/// Frames of libpg_query's stack on the longest way from a statement to a leaf.
fn height(tree: Tree<'_>) -> usize {
    struct Height {
        now: usize,
        most: usize,
    }
    // What is written by its own function, and what goes through the one for any node.
    fn frames(node: Node<'_>) -> usize {
        if matches!(node.tag(), Tag::TypeCast | Tag::TypeName | Tag::String | Tag::SelectStmt) {
            1
        } else {
            2
        }
    }
    impl<'t> Visitor<'t> for Height {
        fn enter(&mut self, node: Node<'t>, _: &'static str) -> Walk {
            self.now += frames(node);
            self.most = self.most.max(self.now);
            Walk::In
        }

        fn leave(&mut self, node: Node<'t>) {
            self.now -= frames(node);
        }
    }
    let mut height = Height { now: 0, most: 0 };
    walk(tree, &mut height);
    height.most
}

fn too_high() -> Error {
    Error {
        sqlstate: "54001",
        message: "stack depth limit exceeded".into(),
        offset: None,
        hint: Some(
            "Increase the configuration parameter \"max_stack_depth\", after ensuring the platform's stack depth limit is adequate.",
        ),
        detail: None,
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
