//! The formatter: another layout, the same tree, every comment.
//!
//! 1. The tree marks the tokens: which are names, where clauses and list items begin, which parentheses hold a query.
//! 2. A printer writes the tokens in order: keywords in capitals, one clause a line, the items of a clause that is too long
//!    one a line; names, strings and dollar quotes byte for byte; comments where they stood.
//! 3. Bodies of functions in SQL between dollar quotes are texts of their own and go the same way.
//! 4. The result is parsed again. Unless its tree is the same and its comments are the same, nothing is given back.
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
use crate::psql;
use crate::text;
use crate::token::{Kind, Tokens};
use crate::tree::{Node, Tree, Value};
use crate::views::{CreateFunctionStmt, DefElem};
use crate::visit::{self, Walk};
use crate::workspace::{Options, Workspace};

/// The letters of keywords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// `SELECT`.
    #[default]
    Upper,
    /// `select`.
    Lower,
    /// As they are written.
    Keep,
}

/// How the result should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Spaces of one level.
    pub indent: usize,
    /// Most characters of a clause on one line.
    pub width: usize,
    /// The letters of keywords.
    pub keywords: Case,
    /// Where items stand one a line, commas begin the lines.
    pub leading_commas: bool,
    /// An empty line between statements.
    pub blank_lines: bool,
    /// Bodies of functions in SQL between dollar quotes are formatted too.
    pub bodies: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            indent: 4,
            width: 80,
            keywords: Case::Upper,
            leading_commas: false,
            blank_lines: false,
            bodies: true,
        }
    }
}

/// Why a text was not formatted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// It does not parse.
    Syntax(Error),
    /// It holds commands of psql or data for COPY.
    Commands,
    /// The result would have said something else: a fault of the formatter, and nothing is written.
    Changed(&'static str),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Commands => f.write_str("commands of psql and data for COPY have no layout of their own"),
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
    format_inside(source, style, options, 0)
}

fn format_inside(source: &str, style: &Style, options: Options, depth: u32) -> Result<String, FormatError> {
    if options.psql && psql::has_commands(source, options.version) {
        return Err(FormatError::Commands);
    }
    let mut workspace = Workspace::new();
    let tree = workspace.parse_with(source, options).map_err(FormatError::Syntax)?;
    let (marks, bodies) = (marks(tree), bodies(tree));
    let mut printer = Printer::new(tree, &marks, style, true);
    printer.bodies = bodies;
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
    if !style.bodies || depth == BODY_DEPTH_MAX {
        return Ok(out);
    }
    Ok(with_bodies(again, style, options, depth))
}

/// The text of a tree with the bodies of its functions formatted: each proves itself as the whole does; one that is not
/// SQL stays as it is.
fn with_bodies(tree: Tree<'_>, style: &Style, options: Options, depth: u32) -> String {
    let source = tree.source();
    let (mut out, mut at) = (String::new(), 0);
    for token in bodies(tree) {
        let range = tree.tokens().range(token);
        let text = &source[range.clone()];
        let Some(tag_len) = text::dollar_tag(text.as_bytes()) else { continue };
        let (tag, inner) = (&text[..tag_len], &text[tag_len..text.len() - tag_len]);
        let Ok(body) = format_inside(inner, style, options, depth + 1) else { continue };
        let body = body.trim();
        if body.contains(tag) {
            continue;
        }
        let lines = if body.contains('\n') || inner.contains('\n') { "\n" } else { "" };
        out.push_str(&source[at..range.start]);
        for part in [tag, lines, body, lines, tag] {
            out.push_str(part);
        }
        at = range.end;
    }
    out.push_str(&source[at..]);
    out
}

/// The tokens that are bodies of functions in SQL, between dollar quotes.
fn bodies(tree: Tree<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    visit::walk(tree, &mut |node: Node<'_>, _: &'static str| {
        if let Some(function) = node.view::<CreateFunctionStmt<'_>>() {
            let option = |name: &str| {
                let options = function.options();
                let mut named = options.iter().flatten().filter_map(|option| option.view::<DefElem<'_>>());
                named.find(|def| def.defname().is_some_and(|text| text.read() == name))?.arg()
            };
            let sql = option("language").and_then(Node::string).is_some_and(|name| name.read() == "sql");
            let text = option("as").and_then(|list| match list.get("items") {
                Value::List(items) if items.len() == 1 => items.get(0)?.string()?.token(),
                _ => None,
            });
            let quoted = |&token: &usize| tree.source().as_bytes()[tree.tokens().range(token).start] == b'$';
            found.extend(text.filter(|_| sql).filter(quoted));
        }
        Walk::In
    });
    found.sort_unstable();
    found
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
    /// Tokens that are bodies of functions: their length does not count.
    bodies: Vec<usize>,
    /// A statement has ended: an empty line may follow.
    ended: bool,
    /// A comma began this line.
    led: bool,
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
            bodies: Vec::new(),
            ended: false,
            led: false,
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
        self.fresh = false;
        self.level = 0;
        self.breaking = false;
        if self.layout {
            self.line();
            self.ended = true;
        } else {
            self.out.push(' ');
            self.fresh = true;
        }
    }

    /// An empty line, where one is due.
    fn blank(&mut self) {
        if self.ended && self.style.blank_lines && self.fresh && self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.ended = false;
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
        // Behind semicolons that are left out it begins the text too.
        let begins = self.out.is_empty();
        for (index, (comment, own_line)) in found.into_iter().enumerate() {
            let own_line = own_line || begins && index == 0;
            if own_line {
                self.blank();
            }
            if own_line && !self.fresh {
                self.line();
            } else if !own_line && self.fresh && self.out.ends_with('\n') && !begins {
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

    /// Spaces before a line at this level; a deep statement's lines do not grow with its depth.
    fn indent(&self) -> usize {
        self.level.min(INDENT_LEVELS_MAX) * self.style.indent
    }

    fn indentation(&mut self) {
        if self.layout {
            let spaces = self.indent();
            self.out.extend(core::iter::repeat_n(' ', spaces));
        }
        self.fresh = false;
    }

    fn token(&mut self, index: usize) {
        let kind = self.tree.tokens().kinds[index];
        let mark = self.marks[index];
        self.blank();
        if kind == Kind::COMMA && self.leads(index) {
            self.line();
            self.level += 1;
            self.indentation();
            self.level -= 1;
            self.out.push_str(", ");
            self.led = true;
            return;
        }
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
        } else if self.led && !self.fresh {
            // The comma before it has begun the line.
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
        } else if !self.led && self.spaced(index) {
            self.out.push(' ');
        }
        self.led = false;
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

    /// Whether a comma begins the line of the item behind it.
    fn leads(&self, index: usize) -> bool {
        let next = self.marks.get(index + 1).copied().unwrap_or(0);
        let item = next & ROW != 0 || next & ITEM != 0 && self.breaking;
        self.layout && self.style.leading_commas && item && next & ELEMENT == 0
    }

    fn spell(&mut self, index: usize, kind: Kind, mark: u8) {
        let tokens = self.tree.tokens();
        let text = &self.tree.source()[tokens.range(index)];
        if kind.keyword().is_none() || mark & NAME != 0 || kind == Kind::NCHAR {
            self.out.push_str(text);
            return;
        }
        match self.style.keywords {
            Case::Upper => self.out.extend(text.chars().map(|c| c.to_ascii_uppercase())),
            Case::Lower => self.out.extend(text.chars().map(|c| c.to_ascii_lowercase())),
            Case::Keep => self.out.push_str(text),
        }
    }

    /// Whether the clause that begins here is too long for one line.
    fn is_long(&self, index: usize) -> bool {
        if !self.layout {
            return false;
        }
        let tokens = self.tree.tokens();
        let (mut len, mut depth) = (self.indent(), 0);
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
            let body = self.bodies.binary_search(&next).is_ok();
            len += if body { 5 } else { tokens.range(next).len() + 1 };
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

/// Most levels that are indented.
const INDENT_LEVELS_MAX: usize = 32;

/// Most bodies in bodies that are formatted.
const BODY_DEPTH_MAX: u32 = 4;

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
