//! How deep the server's own parser stands: the symbols on the stack of bison's automaton.
//!
//! PostgreSQL gives up with "memory exhausted" where that stack holds [`SYMBOLS_MAX`] symbols. We have no such stack, but our
//! frames say what is on it: each is a rule of gram.y that is not complete yet, and what of the rule has been read lies on
//! bison's stack.
//!
//! ```text
//!   SELECT ( a + ( b …      our frames      Target    Paren   Bin     Paren
//!                           on bison's      SELECT ε  (       a +     (        and b makes seven
//! ```
//!
//! 1. A text is parsed with few frames at most ([`crate::limits::FRAMES_WATCHED`]); almost every text ends there.
//! 2. Where those do not suffice, it is parsed again, and behind each step of the machine the symbols of the frames that the step
//!    has pushed are counted, and those that only stand on the stack until a rule is complete ([`closing`]).
//! 3. The symbol that is one too many tells the token: its own, or for an empty rule the one that bison had to look at.
//!
//! The symbols of clauses and of functions with a syntax of their own stand in [`crate::grammar::symbols`]. Rules that run natively count
//! by their usual words only, so behind such a text may be refused a few levels early or late.
//!
//! Source: gram.y, PostgreSQL 18; `YYMAXDEPTH` in bison's skeleton. The shapes of `tests/depth.rs` were judged by a server.

use alloc::vec::Vec;

use crate::grammar::expr::op;
use crate::grammar::func::PLAIN;
use crate::grammar::machine::{Frame, Next, St};
use crate::nodes::Tag;
use crate::parser::{NOWHERE, Parser, R};
use crate::token::Kind;

/// Symbols at which bison gives up: of its `YYMAXDEPTH` of 10,000 states the first belongs to no symbol.
const SYMBOLS_MAX: usize = 9_999;

/// Most frames that a step pushes.
const PUSHED_MAX: usize = 16;

/// What the frames of the last step were, and how many symbols lay on bison's stack up to each.
#[derive(Debug, Default)]
pub(crate) struct Depth {
    seen: Vec<(Frame, usize)>,
    at: usize,
}

impl Depth {
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.at = 0;
    }
}

impl Parser<'_> {
    /// Behind a step of the machine: refuses the token with which bison's stack would be full.
    pub(crate) fn check_depth(&mut self, next: Next) -> R<()> {
        let len = self.scratch.frames.len();
        let seen = core::mem::take(&mut self.scratch.depth.seen);
        let kept = len.saturating_sub(PUSHED_MAX).min(seen.len());
        let below = |at: usize| at.checked_sub(1).map_or(0, |at| seen[at].1);
        let mut deepest = None;
        let mut note = |symbols: usize, token: usize| {
            if symbols >= SYMBOLS_MAX && deepest.is_none() {
                deepest = Some(token);
            }
        };
        if let Some(&(done, _)) = seen.last()
            && seen.len() > len
        {
            let (symbols, behind) = self.closing(done);
            note(below(seen.len() - 1) + symbols, self.at - behind);
        }
        let rules: Vec<&str> = (kept..len).map(|index| self.symbols(index)).collect();
        // From the left: the first symbol that is one too many, and how many tokens were shifted behind it.
        let mut shifted = rules.iter().flat_map(|rule| rule.bytes()).filter(|&symbol| symbol == b't').count();
        let before = self.scratch.depth.at;
        if self.tokens.kinds[before] == Kind::TYPECAST {
            // `a_expr :: SimpleTypename opt_array_bounds`.
            note(below(seen.len()) + 4, before + 1);
        }
        // An operand behind them may have been read in the same step.
        let value = matches!(next, Next::Oper(_) | Next::Ret(_));
        shifted += usize::from(value && len > seen.len());
        let mut symbols = below(kept);
        let mut added: Vec<(Frame, usize)> = Vec::new();
        for (index, rule) in (kept..len).zip(rules) {
            for symbol in rule.bytes() {
                symbols += 1;
                shifted -= usize::from(symbol == b't');
                note(symbols, self.at.saturating_sub(shifted + usize::from(symbol != b'e')));
            }
            added.push((self.scratch.frames[index], symbols));
        }
        if value {
            let read = self.at - self.scratch.depth.at.min(self.at);
            note(symbols + self.operand_symbols(read), self.at.saturating_sub(1));
        }
        let mut seen = seen;
        seen.truncate(kept);
        seen.append(&mut added);
        self.scratch.depth.seen = seen;
        self.scratch.depth.at = self.at;
        match deepest {
            None => Ok(()),
            Some(token) => {
                self.at = token.min(self.tokens.len() - 1);
                Err(self.syntax_error("memory exhausted"))
            }
        }
    }

    /// Most symbols of an operand of `read` tokens that has just been read whole.
    fn operand_symbols(&self, read: usize) -> usize {
        if read == 0 {
            return 0;
        }
        let first = self.at - read;
        match self.tokens.kinds.get(first + 1) {
            Some(&Kind::DOT) if read >= 3 => 3 + usize::from(read >= 5),
            // `func_name ( )`.
            Some(&Kind::LPAREN) if read == 3 && self.tokens.kinds[self.at - 1] == Kind::RPAREN => 3,
            _ => 1,
        }
    }

    /// The symbols of the frame at `index`, which is one of the last: `t` is a token, `n` stood there before, `e` is an empty rule for
    /// which bison has looked at the next token.
    fn symbols(&self, index: usize) -> &'static str {
        let frame = self.scratch.frames[index];
        let items = self.items_of(index);
        match frame.st {
            St::Halt => {
                let kind = |ahead: usize| {
                    self.tokens.kinds.get(frame.a as usize + ahead).copied().unwrap_or(Kind::EOF)
                };
                match index {
                    0 => prefix(kind(0), kind(1), frame.a > 0),
                    // What a statement's native rule waits for: its words are counted with the statement.
                    1 => "",
                    _ => "nnnnn",
                }
            }
            St::End | St::ParenSelect | St::SelectOperand | St::Table | St::SortKey => "",
            St::Bin => operator(frame),
            St::BetweenLow if matches!(frame.op, op::NOT_BETWEEN | op::NOT_BETWEEN_SYMMETRIC) => "ntte",
            St::BetweenLow => "nte",
            St::Paren | St::SubLink | St::InnerSelect | St::TableParen | St::CaseArg => "t",
            St::Row => "nnt",
            St::In | St::InList => match (frame.op != 0, frame.st == St::In) {
                (false, true) => "ntt",
                (true, true) => "nttt",
                (false, false) => "nnnnt",
                (true, false) => "nnnnnt",
            },
            St::Any => "nttt",
            St::List => ["tt", "nnnt"][usize::from(items > 0)],
            St::Array if frame.op == 0 => ["tt", "nnnt"][usize::from(items > 0)],
            St::Array => ["t", "nnt"][usize::from(items > 0)],
            St::Cast => "tt",
            St::CastAs => "nnnt",
            St::CastType => "nt",
            St::CaseWhen if items > 1 => "nnnt",
            St::CaseWhen => ["tet", "nnt"][usize::from(frame.a != 0)],
            St::CaseThen => ["nnnnt", "nnnnnt"][usize::from(items > 2)],
            St::CaseElse => "nnnt",
            St::Arg => match (items > 0, frame.op & PLAIN != 0) {
                (false, true) => "tt",
                (false, false) => "ttt",
                (true, true) => "nnnt",
                (true, false) => "nnnnt",
            },
            St::NamedArg => "tt",
            St::ArgOrder => ["nnnntt", "nnntt"][usize::from(frame.op & PLAIN != 0)],
            St::Select => ["", "n"][usize::from(frame.a != 0)],
            St::SetOp => "nte",
            St::Target => ["te", "nnnt"][usize::from(items > 0)],
            St::From => "nnnet",
            St::TableList | St::Items => ["", "nt"][usize::from(items > 0)],
            St::Where => "nnneet",
            St::Join | St::CrossJoin => self.join_words(frame),
            St::JoinOn => ["nnnt", "nnnnt"][usize::from(self.join_words(frame).len() > 2)],
            St::SubTable => ["", "t"][usize::from(frame.op != 0)],
            St::Values => match (frame.a == frame.c, items > 0) {
                (true, false) => "tt",
                (false, false) => "ntt",
                (true, true) => "nnnt",
                (false, true) => "nnnnt",
            },
            St::Subscript => {
                let optional = index > 0
                    && match self.scratch.frames[index - 1].st {
                        St::Column => true,
                        St::Indirection => self.indirection_symbols(index - 1) != "",
                        _ => false,
                    };
                match (optional || items > 0, frame.op == 0) {
                    (false, true) => "t",
                    (true, true) => "nt",
                    (false, false) => "tnt",
                    (true, false) => "nnnt",
                }
            }
            St::Name => {
                let dotted = self.tokens.kinds[frame.b as usize + 1] == Kind::DOT;
                ["t", "n"][usize::from(dotted)]
            }
            St::Indirection => self.indirection_symbols(index),
            St::Overlaps => match (items > 0, frame.op != 0) {
                (false, false) => "ntt",
                (false, true) => "nttt",
                (true, false) => "nnnnt",
                (true, true) => "nnnnnt",
            },
            St::TypeMods => self.type_symbols(frame, items > 0),
            _ => self.clause_symbols(frame, items),
        }
    }

    /// Before the subscripts of an operand.
    fn indirection_symbols(&self, index: usize) -> &'static str {
        let frame = self.scratch.frames[index];
        match self.tree.tag(frame.a) {
            _ if frame.b != NOWHERE => "nnn",
            // `select_with_parens indirection`, `PARAM opt_indirection`.
            Some(Tag::SubLink) => "",
            _ => "n",
        }
    }

    /// `table_ref`, the join's kind if it has one, `JOIN`.
    fn join_words(&self, frame: Frame) -> &'static str {
        let kind = |ahead: usize| self.tokens.kinds.get(frame.b as usize + ahead).copied();
        match (kind(0), kind(1)) {
            (Some(Kind::JOIN), _) => "nt",
            (Some(Kind::NATURAL), Some(Kind::JOIN)) | (Some(Kind::CROSS), _) => "ntt",
            (Some(Kind::NATURAL), _) => "nttt",
            _ => "ntt",
        }
    }

    /// Most symbols of a rule just before it is complete, and how many tokens ago the last of them was pushed: none where it is an empty
    /// rule for which bison looks at the next token.
    fn closing(&self, frame: Frame) -> (usize, usize) {
        match frame.st {
            // `( a_expr )` and an empty `opt_indirection`, for which it looks at nothing.
            St::Paren | St::List => (4, 1),
            // `func_name ( func_arg_list` and an empty `opt_sort_clause`, `)`.
            St::Arg | St::Row | St::In | St::InList | St::CaseWhen | St::CaseThen | St::CaseElse => (5, 1),
            St::Array => (4 - usize::from(frame.op != 0), 1),
            // `CAST ( a_expr AS`, a type with or without an empty `opt_type_modifiers`.
            St::Cast if self.at >= 2 && self.tokens.kinds[self.at - 2] != Kind::IDENT => (6, 2),
            St::Cast => (6, 1),
            St::InnerSelect | St::TableParen => (3, 1),
            // `SELECT`, its clauses, of which the last are empty.
            St::Target | St::From | St::Where | St::Group | St::Having | St::Windows => (9, 0),
            _ => (0, 0),
        }
    }

    /// How many items the frame at `index` has gathered.
    fn items_of(&self, index: usize) -> usize {
        let frames = &self.scratch.frames[index..];
        let above = frames[1..].iter().find_map(|&frame| marks(frame).map(|(low, _)| low));
        let end = above.unwrap_or(self.scratch.items.len() as u32);
        marks(frames[0]).map_or(0, |(_, mark)| end.saturating_sub(mark) as usize)
    }
}

/// Where a frame's items begin, the lowest and those of its innermost list.
fn marks(frame: Frame) -> Option<(u32, u32)> {
    match frame.st {
        St::Row
        | St::List
        | St::Array
        | St::Items
        | St::Subscript
        | St::Overlaps
        | St::TypeMods
        | St::Window
        | St::Cte
        | St::Special
        | St::Sample
        | St::XmlTable
        | St::XmlColumn
        | St::Body
        | St::Arg
        | St::ArgOrder
        | St::CaseArg
        | St::CaseWhen
        | St::CaseThen
        | St::CaseElse => Some((frame.c, frame.c)),
        St::JsonObject | St::JsonArray | St::JsonAgg | St::JsonQuery | St::JsonTable | St::JsonColumn => {
            Some((frame.c, frame.c))
        }
        St::Insert | St::Conflict | St::Update | St::Delete | St::Merge | St::MergeWhen => {
            Some((frame.c, frame.c))
        }
        St::InList => Some((frame.c, frame.c + 2)),
        St::Target | St::TableList => Some((frame.a, frame.a)),
        St::Values => Some((frame.c, frame.a)),
        _ => None,
    }
}

fn operator(frame: Frame) -> &'static str {
    let escape = frame.c != 0;
    match frame.op {
        _ if frame.a == 0 => "t",
        op::DISTINCT | op::AT_ZONE => "nttt",
        op::NOT_DISTINCT => "ntttt",
        op::BETWEEN | op::BETWEEN_SYMMETRIC => "nnnnt",
        op::NOT_BETWEEN | op::NOT_BETWEEN_SYMMETRIC => "nnnnnt",
        op::LIKE | op::ILIKE => ["nt", "nnnt"][usize::from(escape)],
        op::NOT_LIKE | op::NOT_ILIKE | op::SIMILAR => ["ntt", "nnnnt"][usize::from(escape)],
        op::NOT_SIMILAR => ["nttt", "nnnnnt"][usize::from(escape)],
        _ => "nt",
    }
}

/// What stands before the frames of a statement that begins with these words; `later` if it is not the text's first.
fn prefix(word: Kind, second: Kind, later: bool) -> &'static str {
    let symbols = match word {
        Kind::CREATE if second == Kind::VIEW => "nnnnnnnnn",
        Kind::CREATE => "nnnnnnn",
        Kind::EXPLAIN => "nnn",
        Kind::COPY => "nnnn",
        Kind::PREPARE => "nnnnnn",
        Kind::DECLARE => "nnnnnnnn",
        _ => "nn",
    };
    // `stmtmulti ;` before a later one.
    if later { symbols } else { &symbols[2..] }
}
