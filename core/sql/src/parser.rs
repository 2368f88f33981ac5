//! The parser's core: where it stands, what it builds with, how it refuses.
//!
//! The grammar is written as plain functions, one file per family of statements ([`crate::grammar`]). Two rules make them
//! exact:
//!
//! * a function looks at the current token only (the lexer has merged what PostgreSQL looks ahead for) and never takes a
//!   token that no sentence can go on with: then the first token that is refused is the one that the server's LALR(1)
//!   parser stops at;
//! * what can stand inside itself (expressions, selects and their clauses, types, statements in function bodies) runs on the explicit
//!   stack of [`crate::grammar::machine`]; the rest is called natively, and never from inside itself.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, Problem, quote};
use crate::grammar::depth::Depth;
use crate::grammar::machine::{Frame, Next};
use crate::grammar::select::Parts;
use crate::grammar::tail::Tail;
use crate::json::constant_kind;
use crate::nodes::{Tag, f};
use crate::text;
use crate::token::{Kind, Tokens};
use crate::tree::{Arena, TextId, text_of};
use crate::version::{Feature, Version};

/// The parse has stopped; the reason lies in [`Parser::error`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halt;

/// What a rule gives: a node's word, a list's id, or whatever it says.
pub(crate) type R<T = u32> = Result<T, Halt>;

/// A byte offset of unknown place, as the tree holds it.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Working memory that parses share.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) frames: Vec<Frame>,
    pub(crate) items: Vec<u32>,
    pub(crate) parts: Vec<Parts>,
    pub(crate) tails: Vec<Tail>,
    pub(crate) depth: Depth,
}

pub(crate) struct Parser<'a> {
    pub(crate) source: &'a str,
    pub(crate) tokens: &'a Tokens,
    pub(crate) problems: &'a [Problem],
    pub(crate) tree: &'a mut Arena,
    pub(crate) scratch: &'a mut Scratch,
    /// The current token.
    pub(crate) at: usize,
    /// How many machines run: that of statements, and one for a rule that a statement calls natively.
    pub(crate) machines: u32,
    /// Where the machine goes on instead of ending with the refusal that has just been given.
    pub(crate) detour: Option<Next>,
    /// Most frames of the machine that a step leaves without being looked at.
    pub(crate) frames_max: usize,
    /// Most words that may stand in the tree again, and those that do so far.
    pub(crate) repeats_max: usize,
    pub(crate) repeats: usize,
    /// The server's limit holds: what is looked at is counted.
    pub(crate) counts_symbols: bool,
    /// The first token of the current statement.
    pub(crate) statement: usize,
    /// Steps of the machine so far.
    pub(crate) steps: u64,
    pub(crate) version: Version,
    /// The table just read is a join without an alias: only that may stand in parentheses.
    pub(crate) joined: bool,
    pub(crate) error: Option<Error>,
}

/// Builds a node: `mk!(self, Tag, first token, { field: value, … })`.
macro_rules! mk {
    ($p:expr, $tag:ident, $first:expr $(, { $($field:ident : $value:expr),* $(,)? })?) => {{
        $($(#[allow(non_snake_case)] let $field: u32 = $value;)*)?
        let node = $p.node($crate::nodes::Tag::$tag, $first);
        $($($p.tree.set(node, $crate::nodes::f::$tag::$field, $field);)*)?
        node
    }};
}
/// Sets a field of a node that exists.
macro_rules! put {
    ($p:expr, $node:expr, $tag:ident . $field:ident, $value:expr) => {{
        let value: u32 = $value;
        $p.tree.set($node, $crate::nodes::f::$tag::$field, value)
    }};
}
/// Reads a field.
macro_rules! got {
    ($p:expr, $node:expr, $tag:ident . $field:ident) => {
        $p.tree.get($node, $crate::nodes::f::$tag::$field)
    };
}
pub(crate) use {got, mk, put};

impl<'a> Parser<'a> {
    // ---- looking ----

    /// The current token's kind.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.tokens.kinds[self.at]
    }

    /// The kind of the token `ahead` behind the current one.
    #[inline]
    pub(crate) fn peek(&self, ahead: usize) -> Kind {
        self.tokens.kinds.get(self.at + ahead).copied().unwrap_or(Kind::EOF)
    }

    /// Whether the current token is `kind`.
    #[inline]
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind() == kind
    }

    /// Where the current token begins, in bytes.
    #[inline]
    pub(crate) fn loc(&self) -> u32 {
        self.tokens.starts[self.at]
    }

    /// Where a token begins, in bytes.
    #[inline]
    pub(crate) fn loc_of(&self, token: usize) -> u32 {
        self.tokens.starts[token]
    }

    /// The current token's index, as nodes hold it.
    #[inline]
    pub(crate) fn here(&self) -> u32 {
        self.at as u32
    }

    /// Whether the version that is read takes `feature`.
    #[inline]
    pub(crate) fn has(&self, feature: Feature) -> bool {
        feature.difference().is_in(self.version)
    }

    /// Refuses the current token unless the version takes `feature`.
    pub(crate) fn demand(&mut self, feature: Feature) -> R<()> {
        if self.has(feature) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A place that the server names since version 18.
    pub(crate) fn newer_place(&self, loc: u32) -> u32 {
        if self.version >= Version::V18 { loc } else { NOWHERE }
    }

    // ---- taking ----

    /// Goes to the next token.
    #[inline]
    pub(crate) fn bump(&mut self) {
        self.at += 1;
    }

    /// Takes the current token if it is `kind`.
    #[inline]
    pub(crate) fn eat(&mut self, kind: Kind) -> bool {
        // With a branch on purpose: `self.at += usize::from(found); found` is compiled wrongly by rustc 1.95 (LLVM 22) at
        // opt-level 2 and above, where callers then see false.
        if !self.is(kind) {
            return false;
        }
        self.at += 1;
        true
    }

    /// Takes the current token, which must be `kind`.
    #[inline]
    pub(crate) fn expect(&mut self, kind: Kind) -> R<()> {
        if self.eat(kind) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes several tokens, which must be these.
    pub(crate) fn expect_all(&mut self, kinds: &[Kind]) -> R<()> {
        kinds.iter().try_for_each(|&kind| self.expect(kind))
    }

    /// Takes the current token if `fits`, as a text.
    #[inline]
    fn take(&mut self, fits: bool) -> R<TextId> {
        if !fits {
            return Err(self.unexpected());
        }
        let id = TextId::token(self.at);
        self.at += 1;
        Ok(id)
    }

    /// `ColId`, `name`.
    #[inline]
    pub(crate) fn col_id(&mut self) -> R<TextId> {
        self.take(self.kind().is_col_id())
    }

    /// `ColLabel`, `attr_name`.
    pub(crate) fn col_label(&mut self) -> R<TextId> {
        self.take(self.kind().is_col_label())
    }

    /// `type_function_name`.
    pub(crate) fn type_function_name(&mut self) -> R<TextId> {
        self.take(self.kind().is_type_function_name())
    }

    /// `NonReservedWord`.
    pub(crate) fn non_reserved(&mut self) -> R<TextId> {
        self.take(self.kind().is_non_reserved())
    }

    /// `Sconst`, `file_name`.
    pub(crate) fn sconst(&mut self) -> R<TextId> {
        self.take(self.is(Kind::SCONST))
    }

    /// `NonReservedWord_or_Sconst`.
    pub(crate) fn word_or_string(&mut self) -> R<TextId> {
        self.take(self.is(Kind::SCONST) || self.kind().is_non_reserved())
    }

    /// `IDENT`.
    pub(crate) fn ident(&mut self) -> R<TextId> {
        self.take(self.is(Kind::IDENT))
    }

    /// `Iconst`: its value.
    pub(crate) fn iconst(&mut self) -> R<i32> {
        if !self.is(Kind::ICONST) {
            return Err(self.unexpected());
        }
        let value = text::integer(&self.source.as_bytes()[self.tokens.range(self.at)]).unwrap_or(0);
        self.at += 1;
        Ok(value)
    }

    /// `SignedIconst`: its value.
    pub(crate) fn signed_iconst(&mut self) -> R<i32> {
        if self.eat(Kind::MINUS) {
            return Ok(self.iconst()?.wrapping_neg());
        }
        self.eat(Kind::PLUS);
        self.iconst()
    }

    // ---- texts ----

    /// Reads a text.
    pub(crate) fn read(&self, id: TextId) -> alloc::borrow::Cow<'_, str> {
        text_of(self.source, self.tokens, self.tree, id)
    }

    /// A text that no token holds.
    pub(crate) fn lit(&mut self, value: &str) -> TextId {
        self.tree.literal(value)
    }

    /// The word of a `String` node that no token holds.
    pub(crate) fn lit_node(&mut self, value: &str) -> u32 {
        self.tree.literal(value).node()
    }

    /// The text of the current token, whatever it is; takes it.
    pub(crate) fn this_token(&mut self) -> TextId {
        let id = TextId::token(self.at);
        self.at += 1;
        id
    }

    // ---- building ----

    /// A node with all fields absent, from token `first` to the current one.
    #[inline]
    pub(crate) fn node(&mut self, tag: Tag, first: u32) -> u32 {
        let data = &mut self.tree.data;
        let id = data.len();
        let len = crate::nodes::HEAD as usize + tag.shape().fields.len();
        data.resize(id + len, 0);
        data[id] = tag as u32;
        data[id + 1] = first;
        data[id + 2] = self.at as u32;
        id as u32
    }

    /// Where the list that is being collected begins.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        self.scratch.items.len() as u32
    }

    /// Adds an item to the list that is being collected.
    #[inline]
    pub(crate) fn item(&mut self, word: u32) {
        self.scratch.items.push(word);
    }

    /// The items since `mark` as a list; none is 0.
    pub(crate) fn list_from(&mut self, mark: u32) -> u32 {
        let mark = mark as usize;
        if self.scratch.items.len() == mark {
            return 0;
        }
        let id = self.tree.list(&self.scratch.items[mark..]);
        self.scratch.items.truncate(mark);
        id
    }

    /// A list of these.
    pub(crate) fn list(&mut self, items: &[u32]) -> u32 {
        self.tree.list(items)
    }

    /// A list as a node of its own.
    pub(crate) fn list_node(&mut self, list: u32, first: u32) -> u32 {
        mk!(self, List, first, { items: list })
    }

    /// A list with one more item.
    pub(crate) fn list_with(&mut self, list: u32, item: u32) -> u32 {
        let mark = self.mark();
        self.scratch.items.extend_from_slice(self.tree.items(list));
        self.item(item);
        self.list_from(mark)
    }

    /// Two lists in one.
    pub(crate) fn list_concat(&mut self, first: u32, second: u32) -> u32 {
        if first == 0 || second == 0 {
            return first | second;
        }
        let mark = self.mark();
        self.scratch.items.extend_from_slice(self.tree.items(first));
        self.scratch.items.extend_from_slice(self.tree.items(second));
        self.list_from(mark)
    }

    /// One or more of `rule`, with commas between.
    pub(crate) fn comma_list(&mut self, mut rule: impl FnMut(&mut Self) -> R) -> R {
        let mark = self.mark();
        loop {
            let item = rule(self)?;
            self.item(item);
            if !self.eat(Kind::COMMA) {
                return Ok(self.list_from(mark));
            }
        }
    }

    /// `( rule, rule, … )`.
    pub(crate) fn paren_list(&mut self, rule: impl FnMut(&mut Self) -> R) -> R {
        self.expect(Kind::LPAREN)?;
        let list = self.comma_list(rule)?;
        self.expect(Kind::RPAREN)?;
        Ok(list)
    }

    /// `name_list`: a list of `String` nodes.
    pub(crate) fn name_list(&mut self) -> R {
        self.comma_list(|p| Ok(p.col_id()?.node()))
    }

    /// `Integer` node.
    pub(crate) fn integer(&mut self, value: i32, first: u32) -> u32 {
        mk!(self, Integer, first, { ival: value as u32 })
    }

    /// `Float` node.
    pub(crate) fn float(&mut self, value: TextId, first: u32) -> u32 {
        mk!(self, Float, first, { fval: value.0 })
    }

    /// `Boolean` node.
    pub(crate) fn boolean(&mut self, value: bool, first: u32) -> u32 {
        mk!(self, Boolean, first, { boolval: u32::from(value) })
    }

    fn constant(&mut self, kind: u32, val: u32, loc: u32, first: u32) -> u32 {
        mk!(self, A_Const, first, { kind: kind, val: val, location: loc })
    }

    /// `makeIntConst`.
    pub(crate) fn int_const(&mut self, value: i32, loc: u32) -> u32 {
        let first = self.at.saturating_sub(1) as u32;
        self.constant(constant_kind::INTEGER, value as u32, loc, first)
    }

    /// `makeFloatConst`.
    pub(crate) fn float_const(&mut self, value: TextId, loc: u32) -> u32 {
        let first = self.at.saturating_sub(1) as u32;
        self.constant(constant_kind::FLOAT, value.0, loc, first)
    }

    /// `makeStringConst`.
    pub(crate) fn string_const(&mut self, value: TextId, loc: u32) -> u32 {
        let first = self.at.saturating_sub(1) as u32;
        self.constant(constant_kind::STRING, value.0, loc, first)
    }

    /// `makeBitStringConst`.
    pub(crate) fn bit_const(&mut self, value: TextId, loc: u32) -> u32 {
        let first = self.at.saturating_sub(1) as u32;
        self.constant(constant_kind::BIT_STRING, value.0, loc, first)
    }

    /// `makeBoolAConst`.
    pub(crate) fn bool_const(&mut self, value: bool, loc: u32) -> u32 {
        let first = self.at.saturating_sub(1) as u32;
        self.constant(constant_kind::BOOLEAN, u32::from(value), loc, first)
    }

    /// `makeNullAConst`.
    pub(crate) fn null_const(&mut self, loc: u32) -> u32 {
        let first = self.at.saturating_sub(1) as u32;
        self.constant(constant_kind::NULL, 0, loc, first)
    }

    /// `pg_catalog.name` as a list of names.
    pub(crate) fn system_name(&mut self, name: &str) -> u32 {
        let schema = self.lit_node("pg_catalog");
        let name = self.lit_node(name);
        self.list(&[schema, name])
    }

    /// `makeDefElem` with a name that the grammar gives.
    pub(crate) fn def(&mut self, name: &str, arg: u32, first: usize) -> u32 {
        let name = self.lit(name);
        self.def_named(name, arg, first)
    }

    /// `makeDefElem`.
    pub(crate) fn def_named(&mut self, name: TextId, arg: u32, first: usize) -> u32 {
        let loc = self.loc_of(first);
        mk!(self, DefElem, first as u32, { defname: name.0, arg: arg, location: loc, arg_location: NOWHERE })
    }

    /// `makeDefElem`, where libpg_query notes the place of the argument too.
    pub(crate) fn def_with_loc(&mut self, name: &str, arg: u32, first: usize, arg_token: usize) -> u32 {
        let node = self.def(name, arg, first);
        let loc = self.loc_of(arg_token);
        put!(self, node, DefElem.arg_location, loc);
        node
    }

    /// `makeRangeVar` of a plain name.
    pub(crate) fn range_var(&mut self, name: TextId, loc: u32, first: u32) -> u32 {
        mk!(self, RangeVar, first, {
            relname: name.0, inh: 1, relpersistence: u32::from(b'p'), location: loc
        })
    }

    /// The first token of a node.
    pub(crate) fn first_of(&self, node: u32) -> u32 {
        if node >> 31 != 0 { (node & 0x3FFF_FFFF).saturating_sub(1) } else { self.tree.get(node, 1) }
    }

    // ---- refusing ----

    /// The current token may not stand here.
    #[cold]
    pub(crate) fn unexpected(&mut self) -> Halt {
        self.syntax_error("syntax error")
    }

    /// `parser_yyerror`: a message that quotes the current token.
    #[cold]
    pub(crate) fn syntax_error(&mut self, message: &str) -> Halt {
        let error = if self.is(Kind::FAULT) {
            self.problems.first().map(|p| p.error(self.source.as_bytes()))
        } else {
            None
        };
        let range = self.tokens.range(self.at);
        let error = error.unwrap_or_else(|| Error {
            sqlstate: "42601",
            message: quote(message, self.source.as_bytes(), range.start, range.end),
            offset: Some(range.start),
            hint: None,
            detail: None,
        });
        self.error = Some(error);
        Halt
    }

    /// A refusal of a grammar action: at byte `loc`, nowhere if that is [`NOWHERE`].
    #[cold]
    pub(crate) fn refuse(&mut self, sqlstate: &'static str, loc: u32, message: impl Into<String>) -> Halt {
        self.error = Some(Error {
            sqlstate,
            message: message.into(),
            offset: (loc != NOWHERE).then_some(loc as usize),
            hint: None,
            detail: None,
        });
        Halt
    }

    /// A refusal with SQLSTATE 42601.
    #[cold]
    pub(crate) fn refuse_syntax(&mut self, loc: u32, message: impl Into<String>) -> Halt {
        self.refuse("42601", loc, message)
    }

    /// A refusal with SQLSTATE 0A000.
    #[cold]
    pub(crate) fn refuse_feature(&mut self, loc: u32, message: impl Into<String>) -> Halt {
        self.refuse("0A000", loc, message)
    }

    /// Adds a hint to the refusal that has just been made.
    #[cold]
    pub(crate) fn hint(&mut self, halt: Halt, hint: &'static str) -> Halt {
        if let Some(error) = &mut self.error {
            error.hint = Some(hint);
        }
        halt
    }

    /// Adds a detail to the refusal that has just been made.
    #[cold]
    pub(crate) fn detail(&mut self, halt: Halt, detail: &'static str) -> Halt {
        if let Some(error) = &mut self.error {
            error.detail = Some(detail);
        }
        halt
    }

    /// The limit of nesting.
    #[cold]
    pub(crate) fn too_deep(&mut self) -> Halt {
        let loc = self.loc();
        self.refuse("54001", loc, "stack depth limit exceeded")
    }

    /// The value of the last token as a `Str` field: shorthand for nodes.
    pub(crate) fn names_join(&self, list: u32) -> String {
        let mut joined = String::new();
        for (index, &word) in self.tree.items(list).iter().enumerate() {
            if index > 0 {
                joined.push('.');
            }
            match self.tree.tag(word) {
                Some(Tag::String) => joined.push_str(&self.read(TextId(word & 0x7FFF_FFFF))),
                _ => joined.push('*'),
            }
        }
        joined
    }

    /// The text of a `String` node's word.
    pub(crate) fn string_of(&self, word: u32) -> TextId {
        debug_assert!(word >> 31 != 0);
        TextId(word & 0x7FFF_FFFF)
    }

    /// Whether a node is an `A_Const` of kind `kind`.
    pub(crate) fn is_const(&self, node: u32, kind: u32) -> bool {
        self.tree.tag(node) == Some(Tag::A_Const) && self.tree.get(node, f::A_Const::kind) == kind
    }
}
