//! The formatter: another layout, the same tree, every comment.
//!
//! 1. The tree marks the tokens: which are names, where clauses and list items begin, which parentheses hold a query.
//! 2. A printer writes the tokens in order: keywords in capitals, one clause a line, the items of a clause that is too long
//!    one a line; names, strings and dollar quotes byte for byte; comments where they stood.
//! 3. The result is parsed again. Unless its tree is the same and its comments are the same, nothing is given back.
//!
//! The same printer without breaks and comments is [`deparse`]: a tree knows its tokens, so its text needs no guessing of
//! parentheses.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::compare;
use crate::error::Error;
use crate::layout::{BLOCK, BREAK, CALL, ELEMENT, ITEM, NAME, PREFIX, ROW, marks};
use crate::lexer::is_ident_byte;
use crate::token::{Kind, Tokens};
use crate::tree::Tree;
use crate::workspace::{Options, Workspace};

/// How the result should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Spaces of one level.
    pub indent: usize,
    /// Most characters of a clause on one line.
    pub width: usize,
    /// Keywords in capitals; else in small letters.
    pub uppercase: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { indent: 4, width: 80, uppercase: true }
    }
}

/// Why a text was not formatted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// It does not parse.
    Syntax(Error),
    /// The result would have said something else: a fault of the formatter, and nothing is written.
    Changed(&'static str),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Changed(what) => {
                write!(
                    f,
                    "the formatted text would change {what}, so it is left as it was; please report this text"
                )
            }
        }
    }
}

impl core::error::Error for FormatError {}

/// Formats a text.
///
/// # Errors
/// [`FormatError::Syntax`] for what does not parse, [`FormatError::Changed`] where the proof fails.
pub fn format(source: &str, style: &Style) -> Result<String, FormatError> {
    format_with(source, style, Options::default())
}

/// Formats a text that is read with these options.
///
/// # Errors
/// As [`format()`].
pub fn format_with(source: &str, style: &Style, options: Options) -> Result<String, FormatError> {
    let mut workspace = Workspace::new();
    let tree = workspace.parse_with(source, options).map_err(FormatError::Syntax)?;
    let marks = marks(tree);
    let mut printer = Printer::new(tree, &marks, style, true);
    printer.script();
    let out = printer.out;
    let mut second = Workspace::new();
    let again = second.parse_with(&out, options).map_err(|_| FormatError::Changed("whether it parses"))?;
    if !compare::same(tree, again) {
        return Err(FormatError::Changed("its meaning"));
    }
    if comments(source, tree.tokens()) != comments(&out, again.tokens()) {
        return Err(FormatError::Changed("a comment"));
    }
    Ok(out)
}

/// The text of a tree: each statement on one line, keywords in capitals, no comments.
pub fn deparse(tree: Tree<'_>) -> String {
    let style = Style { width: usize::MAX, ..Style::default() };
    let marks = marks(tree);
    let mut printer = Printer::new(tree, &marks, &style, false);
    printer.script();
    printer.out.trim_end().trim_end_matches(';').to_string()
}

/// The comments of a text, in order.
fn comments<'a>(source: &'a str, tokens: &Tokens) -> Vec<&'a str> {
    let mut all = Vec::new();
    let mut at = 0;
    for index in 0..tokens.len() {
        let range = tokens.range(index);
        gap_comments(source, at, range.start, |comment, _| all.push(comment.trim_end()));
        // A `UESCAPE` clause may hold comments of its own, inside its token.
        at = range.end;
    }
    all
}

/// Calls `found` for each comment between two tokens: its text, and whether a line begins before it.
fn gap_comments<'a>(source: &'a str, from: usize, to: usize, mut found: impl FnMut(&'a str, bool)) {
    let bytes = source.as_bytes();
    let (mut at, mut fresh) = (from, from == 0);
    while at < to {
        let start = at;
        if bytes[at..to].starts_with(b"--") {
            while at < to && !matches!(bytes[at], b'\n' | b'\r') {
                at += 1;
            }
            found(&source[start..at], fresh);
        } else if bytes[at..to].starts_with(b"/*") {
            let mut depth = 0;
            while at < to {
                if bytes[at..to].starts_with(b"/*") {
                    depth += 1;
                    at += 2;
                } else if bytes[at..to].starts_with(b"*/") {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    at += 1;
                }
            }
            found(&source[start..at], fresh);
            fresh = false;
        } else {
            fresh |= matches!(bytes[at], b'\n' | b'\r');
            at += 1;
        }
    }
}

struct Printer<'t, 's> {
    tree: Tree<'t>,
    marks: &'s [u8],
    style: &'s Style,
    layout: bool,
    out: String,
    /// Open parentheses: whether each is a block, and the clause's state outside it.
    open: Vec<(bool, bool)>,
    level: usize,
    /// The items of this clause stand one a line.
    breaking: bool,
    /// Nothing stands on this line yet.
    fresh: bool,
}

impl<'t, 's> Printer<'t, 's> {
    fn new(tree: Tree<'t>, marks: &'s [u8], style: &'s Style, layout: bool) -> Self {
        Self {
            tree,
            marks,
            style,
            layout,
            out: String::new(),
            open: Vec::new(),
            level: 0,
            breaking: false,
            fresh: true,
        }
    }

    fn script(&mut self) {
        let tokens = self.tree.tokens();
        let mut at = 0;
        for index in 0..tokens.len() {
            let range = tokens.range(index);
            if self.layout {
                self.comments(at, range.start, tokens.kinds[index] == Kind::EOF);
            }
            at = range.end;
            match tokens.kinds[index] {
                Kind::EOF => break,
                // What stands between two semicolons is nothing.
                Kind::SEMICOLON if self.out.trim_end().ends_with(';') || self.out.is_empty() => {}
                Kind::SEMICOLON if self.open.is_empty() => self.end_statement(),
                _ => self.token(index),
            }
        }
        if self.layout && !self.fresh {
            self.out.push('\n');
        }
    }

    fn end_statement(&mut self) {
        while self.out.ends_with([' ', '\n']) && !self.ends_with_comment() {
            self.out.pop();
        }
        self.out.push(';');
        self.level = 0;
        self.breaking = false;
        if self.layout {
            self.line();
        } else {
            self.out.push(' ');
            self.fresh = true;
        }
    }

    /// Whether the last line is a comment to its end.
    fn ends_with_comment(&self) -> bool {
        let line = self.out.trim_end_matches('\n').rsplit('\n').next().unwrap_or("");
        self.out.ends_with('\n') && line.contains("--")
    }

    fn comments(&mut self, from: usize, to: usize, last: bool) {
        let source = self.tree.source();
        let mut found = Vec::new();
        gap_comments(source, from, to, |comment, fresh| found.push((comment.trim_end(), fresh)));
        for (comment, own_line) in found {
            if own_line && !self.fresh {
                self.line();
            } else if !own_line && self.fresh && self.out.ends_with('\n') && from > 0 {
                // It stood behind the last token, before the line break that came with it.
                self.out.pop();
                self.fresh = false;
            }
            if self.fresh {
                self.indentation();
            } else if !self.out.ends_with([' ', '\n']) {
                self.out.push(' ');
            }
            self.out.push_str(comment);
            self.fresh = false;
            if comment.starts_with("--") || own_line && !last {
                self.line();
            }
        }
    }

    fn line(&mut self) {
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        if !self.fresh {
            self.out.push('\n');
        }
        self.fresh = true;
    }

    fn indentation(&mut self) {
        if self.layout {
            let spaces = self.level * self.style.indent;
            self.out.extend(core::iter::repeat_n(' ', spaces));
        }
        self.fresh = false;
    }

    fn token(&mut self, index: usize) {
        let kind = self.tree.tokens().kinds[index];
        let mark = self.marks[index];
        if kind == Kind::RPAREN
            && let Some((block, breaking)) = self.open.pop()
        {
            self.breaking = breaking;
            if block {
                self.level = self.level.saturating_sub(1);
                self.line();
            }
        }
        let starts_item = mark & (ROW | ELEMENT) != 0 || mark & ITEM != 0 && self.breaking;
        let mut extra = 0;
        if self.layout && mark & BREAK != 0 {
            self.line();
            self.breaking = self.is_long(index);
        } else if self.layout && starts_item {
            self.line();
            extra = usize::from(mark & ELEMENT == 0);
        } else if index == 0 || self.fresh && self.level == 0 && self.layout {
            self.breaking = self.is_long(index);
        }
        if self.fresh {
            self.level += extra;
            self.indentation();
            self.level -= extra;
        } else if self.spaced(index) {
            self.out.push(' ');
        }
        self.spell(index, kind, mark);
        if kind == Kind::LPAREN {
            let block = self.layout && mark & BLOCK != 0;
            self.open.push((block, self.breaking));
            self.breaking = false;
            if block {
                self.level += 1;
                self.line();
                self.breaking = self.is_long(index + 1);
            }
        }
    }

    fn spell(&mut self, index: usize, kind: Kind, mark: u8) {
        let tokens = self.tree.tokens();
        let text = &self.tree.source()[tokens.range(index)];
        if kind.keyword().is_none() || mark & NAME != 0 || kind == Kind::NCHAR {
            self.out.push_str(text);
        } else if self.style.uppercase {
            self.out.extend(text.chars().map(|c| c.to_ascii_uppercase()));
        } else {
            self.out.extend(text.chars().map(|c| c.to_ascii_lowercase()));
        }
    }

    /// Whether the clause that begins here is too long for one line.
    fn is_long(&self, index: usize) -> bool {
        if !self.layout {
            return false;
        }
        let tokens = self.tree.tokens();
        let (mut len, mut depth) = (self.level * self.style.indent, 0);
        for next in index..tokens.len() {
            let mark = self.marks[next];
            match tokens.kinds[next] {
                Kind::EOF | Kind::SEMICOLON => break,
                Kind::RPAREN if depth == 0 => break,
                Kind::RPAREN => depth -= 1,
                Kind::LPAREN => depth += 1,
                _ => {}
            }
            if next > index && depth == 0 && mark & BREAK != 0 {
                break;
            }
            if mark & BLOCK != 0 {
                return true;
            }
            len += tokens.range(next).len() + 1;
            if len > self.style.width {
                return true;
            }
        }
        false
    }

    /// Whether a space stands before a token.
    fn spaced(&self, index: usize) -> bool {
        let tokens = self.tree.tokens();
        let (before, kind) = (tokens.kinds[index - 1], tokens.kinds[index]);
        if before == Kind::NCHAR && tokens.range(index - 1).len() == 1 {
            // The letter of `N'…'`.
            return false;
        }
        let source = self.tree.source().as_bytes();
        let last = source[tokens.range(index - 1).end.saturating_sub(1)];
        let first = source[tokens.range(index).start];
        let tight = match (before, kind) {
            (_, Kind::COMMA | Kind::SEMICOLON | Kind::RPAREN | Kind::RBRACKET) => true,
            (_, Kind::TYPECAST) | (Kind::TYPECAST, _) => true,
            (_, Kind::DOT) | (Kind::DOT, _) => true,
            (Kind::LPAREN | Kind::LBRACKET, _) => true,
            (_, Kind::LPAREN) => self.marks[index] & CALL != 0,
            (_, Kind::LBRACKET) => true,
            (_, Kind::COLON) | (Kind::COLON, _) => false,
            _ => self.marks[index - 1] & PREFIX != 0,
        };
        !tight || sticks(last, first)
    }
}

/// Whether two bytes side by side would be read as one token or a comment.
fn sticks(last: u8, first: u8) -> bool {
    let operator = |byte: u8| b"+-*/<>=~!@#%^&|`?".contains(&byte);
    let word = |byte: u8| is_ident_byte(byte);
    operator(last) && operator(first)
        || word(last) && (word(first) || matches!(first, b'\'' | b'"'))
        || last == b'.' && (first == b'.' || first.is_ascii_digit())
        || last.is_ascii_digit() && first == b'.'
        || last == b':' && matches!(first, b':' | b'=')
        || matches!(last, b'\'' | b'"') && last == first
}
