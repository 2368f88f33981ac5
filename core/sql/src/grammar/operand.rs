//! Operands of expressions: names, constants, parentheses, CASE, ARRAY, ROW, sublinks.
//!
//! Source: `c_expr`, `columnref`, `indirection` and `AexprConst` in gram.y, PostgreSQL 18.

use crate::grammar::expr::continues_select;
use crate::grammar::machine::{F_C, Frame, Next, St};
use crate::grammar::types;
use crate::nodes::{Tag, e};
use crate::parser::{NOWHERE, Parser, R, mk};
use crate::token::Kind;
use crate::tree::TextId;

/// What a [`St::List`] frame finishes.
pub(crate) mod list {
    pub const COALESCE: u8 = 0;
    pub const GREATEST: u8 = 1;
    pub const LEAST: u8 = 2;
    pub const NULLIF: u8 = 3;
    pub const GROUPING: u8 = 4;
    pub const ROW: u8 = 5;
    pub const XMLCONCAT: u8 = 6;
}

impl Parser<'_> {
    /// An operand that is no prefix operator.
    pub(crate) fn primary(&mut self, kind: Kind) -> R<Next> {
        match kind {
            Kind::IDENT => self.name(),
            Kind::ICONST | Kind::FCONST | Kind::SCONST | Kind::BCONST | Kind::XCONST => {
                self.constant_operand()
            }
            Kind::TRUE | Kind::FALSE | Kind::NULL => self.constant_operand(),
            Kind::LPAREN => {
                let first = self.here();
                self.open_paren(Frame::new(St::Paren, 0, first, 0))
            }
            Kind::PARAM => self.param(),
            Kind::CASE => self.case(),
            Kind::ARRAY => self.array(),
            Kind::CAST => {
                let first = self.here();
                self.bump();
                self.expect(Kind::LPAREN)?;
                Ok(self.expr(Frame::new(St::Cast, 0, first, 0)))
            }
            Kind::FAULT | Kind::EOF => Err(self.unexpected()),
            _ => match self.special_operand(kind)? {
                Some(next) => Ok(next),
                None => self.name(),
            },
        }
    }

    fn constant_operand(&mut self) -> R<Next> {
        let loc = self.loc();
        let kind = self.kind();
        if kind == Kind::ICONST {
            let value = self.iconst()?;
            return Ok(Next::Oper(self.int_const(value, loc)));
        }
        let text = self.this_token();
        let node = match kind {
            Kind::FCONST => self.float_const(text, loc),
            Kind::SCONST => self.string_const(text, loc),
            Kind::BCONST | Kind::XCONST => self.bit_const(text, loc),
            Kind::NULL => self.null_const(loc),
            _ => self.bool_const(kind == Kind::TRUE, loc),
        };
        Ok(Next::Oper(node))
    }

    fn param(&mut self) -> R<Next> {
        let first = self.here();
        let loc = self.loc();
        let range = self.tokens.range(self.at);
        let number = crate::text::integer(&self.source.as_bytes()[range.start + 1..range.end]).unwrap_or(0);
        self.bump();
        let node = mk!(self, ParamRef, first, { number: number as u32, location: loc });
        self.indirected(node, NOWHERE)
    }

    /// `opt_indirection` behind a node; token `paren` is the parenthesis around it, if there is one.
    pub(crate) fn indirected(&mut self, node: u32, paren: u32) -> R<Next> {
        if !matches!(self.kind(), Kind::DOT | Kind::LBRACKET) {
            return Ok(Next::Oper(if paren == NOWHERE { node } else { self.widened(node, paren) }));
        }
        let frame = Frame::new(St::Indirection, node, paren, 0);
        self.indirection(frame, Self::indirection_done)
    }

    pub(crate) fn indirection_done(&mut self, frame: Frame, list: u32) -> R<Next> {
        self.check_indirection(list)?;
        let first = self.first_of(frame.a);
        let node = mk!(self, A_Indirection, first, { arg: frame.a, indirection: list });
        Ok(Next::Oper(if frame.b == NOWHERE { node } else { self.widened(node, frame.b) }))
    }

    /// `opt_indirection`: the list of `.name`, `.*`, `[…]` goes to `done`, at once where it has no subscripts, else to the frame `then`.
    pub(crate) fn indirection(
        &mut self,
        then: Frame,
        done: impl FnOnce(&mut Self, Frame, u32) -> R<Next>,
    ) -> R<Next> {
        let mark = self.mark();
        self.dotted()?;
        if self.is(Kind::LBRACKET) {
            self.push(then);
            return self.open_subscript(mark);
        }
        let list = self.list_from(mark);
        done(self, then, list)
    }

    /// Items for `.name` and `.*`, as many as stand here.
    pub(crate) fn dotted(&mut self) -> R<()> {
        while self.eat(Kind::DOT) {
            let star = self.here();
            let item = if self.eat(Kind::STAR) { mk!(self, A_Star, star) } else { self.col_label()?.node() };
            self.item(item);
        }
        Ok(())
    }

    /// `[ …`; the items of the indirection begin at `mark`.
    pub(crate) fn open_subscript(&mut self, mark: u32) -> R<Next> {
        let frame = Frame::new(St::Subscript, 0, self.here(), mark);
        self.bump();
        Ok(if self.is(Kind::COLON) { self.give(frame, 0) } else { self.expr(frame) })
    }

    /// A bound of a subscript is complete, or missing; `op` is 1 for the upper one, then `a` is the lower one.
    pub(crate) fn subscript(&mut self, mut frame: Frame, mut value: u32) -> R<Next> {
        let first = frame.b;
        let node = if frame.op == 0 && value != 0 && self.eat(Kind::RBRACKET) {
            mk!(self, A_Indices, first, { uidx: value })
        } else {
            if frame.op == 0 {
                self.expect(Kind::COLON)?;
                (frame.a, frame.op) = (value, 1);
                if !self.is(Kind::RBRACKET) {
                    return Ok(self.expr(frame));
                }
                value = 0;
            }
            self.expect(Kind::RBRACKET)?;
            mk!(self, A_Indices, first, { is_slice: 1, lidx: frame.a, uidx: value })
        };
        self.item(node);
        self.dotted()?;
        if self.is(Kind::LBRACKET) {
            return self.open_subscript(frame.c);
        }
        Ok(Next::Ret(self.list_from(frame.c)))
    }

    /// `check_indirection`: a star may only be last.
    pub(crate) fn check_indirection(&mut self, list: u32) -> R<()> {
        let items = self.tree.items(list);
        let stars = items.iter().rev().skip(1).any(|&word| self.tree.tag(word) == Some(Tag::A_Star));
        if stars { Err(self.syntax_error("improper use of \"*\"")) } else { Ok(()) }
    }

    /// `check_func_name`, `check_qualified_name`: names only.
    pub(crate) fn check_names(&mut self, list: u32) -> R<()> {
        let items = self.tree.items(list);
        let others = items.iter().any(|&word| self.tree.tag(word) != Some(Tag::String));
        if others { Err(self.unexpected()) } else { Ok(()) }
    }

    /// A column, a function, or a typed constant that begins with a name.
    fn name(&mut self) -> R<Next> {
        let kind = self.kind();
        let first = self.here();
        if !kind.is_col_id() && !kind.is_type_function_name() {
            return Err(self.unexpected());
        }
        self.bump();
        let name = TextId::token(first as usize);
        match self.kind() {
            Kind::LPAREN | Kind::SCONST if kind.is_type_function_name() => {
                let names = self.list(&[name.node()]);
                return self.call_or_constant(names, first);
            }
            Kind::DOT | Kind::LBRACKET if kind.is_col_id() => {}
            _ if kind.is_col_id() => {
                let fields = self.list(&[name.node()]);
                let loc = self.loc_of(first as usize);
                return Ok(Next::Oper(mk!(self, ColumnRef, first, { fields: fields, location: loc })));
            }
            _ => return Err(self.unexpected()),
        }
        self.indirection(Frame::new(St::Name, 0, first, 0), Self::name_done)
    }

    /// A name's indirection is complete: a column, or a call or constant where it is one of names only.
    pub(crate) fn name_done(&mut self, frame: Frame, indirection: u32) -> R<Next> {
        let name = TextId::token(frame.b as usize);
        if matches!(self.kind(), Kind::LPAREN | Kind::SCONST) {
            self.check_names(indirection)?;
            let names = self.list_before(name.node(), indirection);
            return self.call_or_constant(names, frame.b);
        }
        self.column_ref(name, indirection, frame.b).map(Next::Oper)
    }

    /// `lcons`.
    pub(crate) fn list_before(&mut self, item: u32, list: u32) -> u32 {
        let mark = self.mark();
        self.item(item);
        self.scratch.items.extend_from_slice(self.tree.items(list));
        self.list_from(mark)
    }

    /// `makeColumnRef`: what stands behind the first subscript becomes an `A_Indirection`.
    pub(crate) fn column_ref(&mut self, name: TextId, indirection: u32, first: u32) -> R {
        let loc = self.loc_of(first as usize);
        let items = self.tree.items(indirection);
        let split = items.iter().position(|&word| self.tree.tag(word) == Some(Tag::A_Indices));
        let names = split.unwrap_or(items.len());
        let star = items[..names].iter().enumerate().any(|(index, &word)| {
            self.tree.tag(word) == Some(Tag::A_Star) && index + 1 < self.tree.items(indirection).len()
        });
        if star {
            return Err(self.syntax_error("improper use of \"*\""));
        }
        let mark = self.mark();
        self.item(name.node());
        self.scratch.items.extend_from_slice(&self.tree.items(indirection)[..names]);
        let fields = self.list_from(mark);
        let column = mk!(self, ColumnRef, first, { fields: fields, location: loc });
        if split.is_none() {
            return Ok(column);
        }
        let mark = self.mark();
        self.scratch.items.extend_from_slice(&self.tree.items(indirection)[names..]);
        let rest = self.list_from(mark);
        self.check_indirection(rest)?;
        Ok(mk!(self, A_Indirection, first, { arg: column, indirection: rest }))
    }

    /// A call, or `name 'string'`.
    fn call_or_constant(&mut self, names: u32, first: u32) -> R<Next> {
        if self.is(Kind::SCONST) {
            if self.windowless() {
                return Err(self.unexpected());
            }
            let name = self.type_of_names(names, first);
            return self.typed_constant(name).map(Next::Oper);
        }
        self.call(names, first)
    }

    /// `makeStringConstCast` of the string that stands here.
    pub(crate) fn typed_constant(&mut self, type_name: u32) -> R {
        let first = self.first_of(type_name);
        let loc = self.loc();
        let text = self.sconst()?;
        let arg = self.string_const(text, loc);
        Ok(mk!(self, TypeCast, first, { arg: arg, typeName: type_name, location: NOWHERE }))
    }

    // ---- CASE ----

    fn case(&mut self) -> R<Next> {
        let first = self.here();
        self.bump();
        let mark = self.mark();
        let frame = Frame::new(St::CaseArg, 0, first, mark);
        if self.is(Kind::WHEN) {
            return self.case_part(frame, 0);
        }
        self.push(frame);
        Ok(self.start_expr(0))
    }

    /// A part of CASE is complete: `a` holds the argument, the items the conditions and results so far.
    pub(crate) fn case_part(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        let mut default = 0;
        match frame.st {
            St::CaseArg => frame.a = value,
            St::CaseWhen => {
                self.item(value);
                self.expect(Kind::THEN)?;
                self.push(Frame { st: St::CaseThen, ..frame });
                return Ok(self.start_expr(0));
            }
            St::CaseThen => {
                let condition = self.scratch.items.pop().unwrap_or(0);
                let when = self.scratch.items.pop().unwrap_or(0);
                let loc = self.loc_of(when as usize);
                let node = mk!(self, CaseWhen, when, { expr: condition, result: value, location: loc });
                self.item(node);
            }
            _ => default = value,
        }
        if frame.st != St::CaseElse {
            // The first arm is obligatory.
            let when = self.here();
            if self.is(Kind::WHEN) {
                self.bump();
                self.item(when);
                self.push(Frame { st: St::CaseWhen, ..frame });
                return Ok(self.start_expr(0));
            }
            if frame.st == St::CaseArg {
                return Err(self.unexpected());
            }
            if self.eat(Kind::ELSE) {
                self.push(Frame { st: St::CaseElse, ..frame });
                return Ok(self.start_expr(0));
            }
        }
        self.expect(Kind::END)?;
        let args = self.list_from(frame.c);
        let loc = self.loc_of(frame.b as usize);
        Ok(Next::Oper(mk!(self, CaseExpr, frame.b, {
            arg: frame.a, args: args, defresult: default, location: loc
        })))
    }

    // ---- ARRAY, EXISTS, CAST ----

    fn array(&mut self) -> R<Next> {
        let first = self.here();
        self.bump();
        if self.is(Kind::LPAREN) {
            let kind = e::SubLinkType::ARRAY_SUBLINK as u8;
            self.push(Frame { op: kind, ..Frame::new(St::SubLink, 0, first, 0) });
            return Ok(Next::SelectParens);
        }
        if !self.is(Kind::LBRACKET) {
            return Err(self.unexpected());
        }
        self.array_open(first, 0)
    }

    /// `[ …`; `outer` is 1 for an inner array.
    fn array_open(&mut self, first: u32, outer: u8) -> R<Next> {
        let bracket = self.here();
        self.bump();
        let mark = self.mark();
        let frame = Frame { op: outer, ..Frame::new(St::Array, bracket, first, mark) };
        if self.is(Kind::RBRACKET) {
            return self.array_close(frame);
        }
        self.push(frame);
        Ok(if self.is(Kind::LBRACKET) { Next::InnerArray } else { self.start_expr(0) })
    }

    /// `[ …` directly inside another array.
    pub(crate) fn inner_array(&mut self) -> R<Next> {
        let first = self.here();
        self.array_open(first, 1)
    }

    pub(crate) fn array_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        let inner = self.tokens.kinds[self.first_of(value) as usize] == Kind::LBRACKET;
        self.item(value);
        if !self.eat(Kind::COMMA) {
            if !self.is(Kind::RBRACKET) {
                return Err(self.unexpected());
            }
            return self.array_close(frame);
        }
        self.push(frame);
        if inner {
            if !self.is(Kind::LBRACKET) {
                return Err(self.unexpected());
            }
            return self.inner_array();
        }
        Ok(self.start_expr(0))
    }

    fn array_close(&mut self, frame: Frame) -> R<Next> {
        let end_loc = self.loc();
        self.bump();
        let elements = self.list_from(frame.c);
        let (loc, start) = (self.loc_of(frame.b as usize), self.loc_of(frame.a as usize));
        let node = mk!(self, A_ArrayExpr, frame.b, {
            elements: elements, list_start: start, list_end: end_loc, location: loc
        });
        Ok(if frame.op == 0 { Next::Oper(node) } else { Next::Ret(node) })
    }

    pub(crate) fn sublink_close(&mut self, frame: Frame, select: u32) -> R<Next> {
        let loc = self.loc_of(frame.b as usize);
        let link = mk!(self, SubLink, frame.b, {
            subLinkType: u32::from(frame.op), subselect: select, location: loc
        });
        Ok(Next::Oper(link))
    }

    pub(crate) fn cast_as(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.expect(Kind::AS)?;
        self.push(Frame { st: St::CastAs, a: value, ..frame });
        self.start_type(types::FULL)
    }

    pub(crate) fn cast_close(&mut self, frame: Frame, name: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let loc = self.loc_of(frame.b as usize);
        Ok(Next::Oper(mk!(self, TypeCast, frame.b, { arg: frame.a, typeName: name, location: loc })))
    }

    // ---- lists with an own rule ----

    /// `WORD ( a, b, … )`; the word is the current token.
    pub(crate) fn open_list(&mut self, op: u8) -> R<Next> {
        let first = self.here();
        self.bump();
        self.expect(Kind::LPAREN)?;
        let mark = self.mark();
        self.push(Frame { op, ..Frame::new(St::List, 0, first, mark) });
        Ok(self.start_expr(0))
    }

    pub(crate) fn list_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        let count = self.mark() - frame.c;
        if frame.op == list::NULLIF {
            self.expect(if count == 1 { Kind::COMMA } else { Kind::RPAREN })?;
        } else if !self.is(Kind::COMMA) {
            self.expect(Kind::RPAREN)?;
        } else {
            self.bump();
        }
        if self.tokens.kinds[self.at - 1] == Kind::COMMA {
            self.push(frame);
            if let Some(constant) = self.lone_constant() {
                return Ok(Next::Ret(constant));
            }
            return Ok(self.start_expr(0));
        }
        let args = self.list_from(frame.c);
        self.list_done(frame, args)
    }

    fn list_done(&mut self, frame: Frame, args: u32) -> R<Next> {
        let first = frame.b;
        let loc = self.loc_of(first as usize);
        let node = match frame.op {
            list::COALESCE => mk!(self, CoalesceExpr, first, { args: args, location: loc }),
            list::GREATEST | list::LEAST => {
                let op =
                    if frame.op == list::GREATEST { e::MinMaxOp::IS_GREATEST } else { e::MinMaxOp::IS_LEAST };
                mk!(self, MinMaxExpr, first, { op: op, args: args, location: loc })
            }
            list::NULLIF => {
                let (left, right) = (self.tree.get(args, 1), self.tree.get(args, 2));
                let name = self.lit_node("=");
                let name = self.list(&[name]);
                let kind = e::A_Expr_Kind::AEXPR_NULLIF;
                mk!(self, A_Expr, first, { kind: kind, name: name, lexpr: left, rexpr: right, location: loc })
            }
            list::GROUPING => mk!(self, GroupingFunc, first, { args: args, location: loc }),
            list::ROW => return self.row_done(args, first, false),
            _ => {
                let op = e::XmlExprOp::IS_XMLCONCAT;
                mk!(self, XmlExpr, first, { op: op, args: args, location: loc })
            }
        };
        Ok(Next::Oper(node))
    }

    /// `( select )`, and nothing else; inner parentheses may hold one more.
    pub(crate) fn select_parens(&mut self) -> R<Next> {
        let first = self.here();
        self.expect(Kind::LPAREN)?;
        let inner_parens = self.is(Kind::LPAREN);
        self.push(Frame { op: u8::from(inner_parens), ..Frame::new(St::InnerSelect, 0, first, 0) });
        if inner_parens {
            return Ok(Next::SelectParens);
        }
        if !self.at_select() && !self.is(Kind::VALUES) {
            return Err(self.unexpected());
        }
        Ok(Next::Select)
    }

    /// The inner of parentheses that hold only a select is complete.
    pub(crate) fn inner_select_close(&mut self, frame: Frame, select: u32) -> R<Next> {
        if self.eat(Kind::RPAREN) {
            return Ok(Next::Ret(select));
        }
        if frame.op != 0 && continues_select(self.kind()) {
            self.push(Frame { op: 0, ..frame });
            return Ok(self.select_from(select, frame.b + 1));
        }
        Err(self.unexpected())
    }

    /// Whether only a bare operand is being read.
    pub(crate) fn windowless(&self) -> bool {
        use crate::grammar::machine::F_WINDOWLESS;
        self.scratch.frames.last().is_some_and(|f| f.flags & F_WINDOWLESS != 0 && f.flags & F_C != 0)
    }
}
