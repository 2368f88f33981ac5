//! Reading on after mistakes: every fault once, with its place and a hint, and a tree all the same.
//!
//! 0. A text that the strict parser takes is left as it is.
//! 1. The lexer goes on behind what it refuses; a string with an apostrophe in it, or with no end, is taken for one string.
//! 2. The tokens are cut into statements at semicolons (not inside rules' parentheses or `BEGIN ATOMIC`).
//! 3. A statement that the strict parser refuses is repaired: small changes around the refused token are tried (another
//!    word, one token more or fewer, a clause left out), and the one that lets the parser get furthest is taken. Each taken
//!    repair is one finding; the parser then looks for the next.
//! 4. A statement that no repair helps is reported once and left out.
//! 5. The repaired tokens of all statements are parsed together: that is the tree.
//!
//! Strict and tolerant mode thus share one grammar: a text without mistakes has no findings.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::error::Problem;
use crate::lexer::{Mode, lex};
use crate::repair::{Edit, candidates};
use crate::token::{Kind, Tokens};
use crate::tree::Tree;
use crate::workspace::{Options, Workspace};

/// Most repairs of one statement; behind them it counts as unreadable.
const REPAIRS_MAX: usize = 12;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: Cow<'static, str>,
    /// What would help.
    pub hint: Option<String>,
    /// The statement it is in has no tree.
    pub lost: bool,
}

/// What a tolerant parse gives.
#[derive(Debug)]
pub struct Tolerant<'t> {
    /// The tree of the repaired text: one statement for each that could be read.
    pub tree: Tree<'t>,
    /// All mistakes, in the order of the text.
    pub findings: Vec<Finding>,
}

/// Reads `source`, mistakes and all.
pub fn parse<'t>(workspace: &'t mut Workspace, source: &'t str, options: Options) -> Tolerant<'t> {
    let (mut tokens, mut problems) = (Tokens::default(), Vec::new());
    if workspace.parse_with(source, options).is_ok() {
        let mut findings = Vec::new();
        double_equals(source, workspace.tokens(), &mut findings);
        return Tolerant { tree: workspace.tree(source), findings };
    }
    lex(source.as_bytes(), Mode::Tolerant, options.dialect(), &mut tokens, &mut problems);
    let mut findings: Vec<Finding> = problems.iter().map(|p| lexical(p, source)).collect();
    let tokens = backticks(source, tokens, &mut findings);
    double_equals(source, &tokens, &mut findings);
    let mut repaired = Tokens::default();
    for range in statements(&tokens) {
        let statement = slice(&tokens, range.clone());
        let mut reader = Reader { workspace, source, options, findings: &mut findings };
        if let Some(good) = reader.statement(statement) {
            append(&mut repaired, &good);
        }
        if tokens.kinds[range.end] == Kind::SEMICOLON {
            repaired.push(
                Kind::SEMICOLON,
                tokens.starts[range.end] as usize,
                tokens.ends[range.end] as usize,
            );
        }
    }
    repaired.push(Kind::EOF, source.len(), source.len());
    workspace.set_tokens(&repaired);
    if workspace.parse_tokens(source, options).is_err() {
        // Each statement parsed alone; together they can only fail at a limit. Then there is an empty tree.
        let mut empty = Tokens::default();
        empty.push(Kind::EOF, source.len(), source.len());
        workspace.set_tokens(&empty);
        let _ = workspace.parse_tokens(source, options);
    }
    findings.sort_by_key(|finding| finding.range.start);
    Tolerant { tree: workspace.tree(source), findings }
}

fn lexical(problem: &Problem, source: &str) -> Finding {
    let range = problem.token_start as usize..(problem.resume as usize).min(source.len());
    let message = problem.message.clone();
    let tag = |text: &str| text[1..].find('$').map(|end| text[..end + 2].to_string());
    let hint = match &*message {
        "unterminated quoted string" => Some("add the closing quote".to_string()),
        "unterminated quoted identifier" => Some("add the closing double quote".to_string()),
        "unterminated dollar-quoted string" => {
            tag(&source[range.start..]).map(|t| format!("close it with {t}"))
        }
        "unterminated /* comment" => Some("close it with */".to_string()),
        "trailing junk after numeric literal" => Some("put a space behind the number".to_string()),
        "the string ends at its second quote" => {
            let inner = &source[range.start + 1..range.end - 1];
            Some(format!("double the quote: '{}'", inner.replace('\'', "''")))
        }
        _ => problem.hint.map(ToString::to_string),
    };
    Finding { range, message, hint, lost: false }
}

/// `` `name` `` becomes one name; each is a finding.
fn backticks(source: &str, tokens: Tokens, findings: &mut Vec<Finding>) -> Tokens {
    let text = |index: usize| &source[tokens.range(index)];
    let mut joined = Tokens::default();
    let mut index = 0;
    while index < tokens.len() {
        let quoted = tokens.kinds[index] == Kind::OP
            && text(index) == "`"
            && index + 2 < tokens.len()
            && tokens.kinds[index + 2] == Kind::OP
            && text(index + 2) == "`"
            && tokens.kinds[index + 1].is_col_label();
        if quoted {
            let range = tokens.range(index).start..tokens.range(index + 2).end;
            let hint = format!("use \"{}\"", text(index + 1));
            let message = "a backtick is no quote in PostgreSQL".into();
            joined.push(Kind::IDENT, tokens.range(index + 1).start, tokens.range(index + 1).end);
            findings.push(Finding { range, message, hint: Some(hint), lost: false });
            index += 3;
            continue;
        }
        joined.push(tokens.kinds[index], tokens.range(index).start, tokens.range(index).end);
        index += 1;
    }
    joined
}

/// The grammar takes `==` for an operator, but no type has it.
fn double_equals(source: &str, tokens: &Tokens, findings: &mut Vec<Finding>) {
    for index in 0..tokens.len() {
        if tokens.kinds[index] == Kind::OP && &source[tokens.range(index)] == "==" {
            findings.push(Finding {
                range: tokens.range(index),
                message: "there is no operator == in PostgreSQL".into(),
                hint: Some("use =".to_string()),
                lost: false,
            });
        }
    }
}

/// The tokens of each statement, without the semicolon or end behind it.
pub(crate) fn statements(tokens: &Tokens) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut depth, mut atomic) = (0, 0_i32, 0);
    let mut rule = false;
    for (index, &kind) in tokens.kinds.iter().enumerate() {
        match kind {
            Kind::RULE if index <= start + 3 && tokens.kinds[start] == Kind::CREATE => rule = true,
            Kind::LPAREN => depth += 1,
            Kind::RPAREN => depth -= 1,
            Kind::ATOMIC if index > 0 && tokens.kinds[index - 1] == Kind::BEGIN => atomic = 1,
            Kind::CASE if atomic > 0 => atomic += 1,
            Kind::END if atomic > 0 => atomic -= 1,
            Kind::SEMICOLON if atomic > 0 || rule && depth > 0 => {}
            Kind::SEMICOLON | Kind::EOF => {
                ranges.push(start..index);
                (start, depth, atomic, rule) = (index + 1, 0, 0, false);
            }
            _ => {}
        }
    }
    ranges
}

fn slice(tokens: &Tokens, range: Range<usize>) -> Tokens {
    let end = tokens.starts[range.end] as usize;
    let mut part = Tokens {
        kinds: tokens.kinds[range.clone()].to_vec(),
        starts: tokens.starts[range.clone()].to_vec(),
        ends: tokens.ends[range].to_vec(),
    };
    part.push(Kind::EOF, end, end);
    part
}

/// Adds a statement's tokens without its end.
fn append(all: &mut Tokens, part: &Tokens) {
    for index in 0..part.len().saturating_sub(1) {
        all.push(part.kinds[index], part.range(index).start, part.range(index).end);
    }
}

struct Reader<'w, 'f> {
    workspace: &'w mut Workspace,
    source: &'w str,
    options: Options,
    findings: &'f mut Vec<Finding>,
}

impl Reader<'_, '_> {
    /// The tokens of a statement that parse, after repairs; `None` where it is lost.
    fn statement(&mut self, mut tokens: Tokens) -> Option<Tokens> {
        for _ in 0..REPAIRS_MAX {
            let (at, message) = match self.refused(&tokens) {
                None => return Some(tokens),
                Some(refusal) => refusal,
            };
            match self.best(&tokens, at, &message) {
                Some((edit, better)) => {
                    self.findings.push(edit.finding(self.source, &tokens));
                    tokens = better;
                }
                None => {
                    let range = tokens.range(at.min(tokens.len() - 1));
                    self.findings.push(Finding { range, message: message.into(), hint: None, lost: true });
                    return None;
                }
            }
        }
        None
    }

    /// Where a statement's tokens are refused, and why.
    fn refused(&mut self, tokens: &Tokens) -> Option<(usize, String)> {
        self.workspace.set_tokens(tokens);
        let refusal = self.workspace.parse_tokens(self.source, self.options);
        refusal.err().map(|(at, error)| (at, error.message))
    }

    /// The repair that lets the parser get furthest behind `at`.
    fn best(&mut self, tokens: &Tokens, at: usize, message: &str) -> Option<(Edit, Tokens)> {
        let mut best: Option<(usize, Edit, Tokens)> = None;
        for edit in candidates(self.source, tokens, at, message) {
            let edited = edit.apply(tokens);
            // How many of the tokens behind the refused one are read.
            let left = match self.refused(&edited) {
                None => 0,
                Some((stopped, _)) => edited.len() - stopped.min(edited.len()),
            };
            let gained = (tokens.len() - at).saturating_sub(left);
            let done = left == 0;
            if !done && gained < 2 {
                continue;
            }
            let score = if done { usize::MAX } else { gained };
            if best.as_ref().is_none_or(|(s, ..)| score > *s) {
                best = Some((score, edit, edited));
            }
            if done {
                break;
            }
        }
        best.map(|(_, edit, edited)| (edit, edited))
    }
}
