//! Calls: arguments, what stands behind them, and which functions have a syntax of their own.
//!
//! Source: `func_application`, `func_expr`, `func_expr_common_subexpr` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_C, F_WINDOWLESS, Frame, Next, St};
use crate::grammar::operand::list;
use crate::grammar::special;
use crate::nodes::{Tag, e, f};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

/// What a [`St::CallTail`] frame waits for.
pub(crate) mod tail {
    pub const WITHIN: u8 = 0;
    pub const FILTER: u8 = 1;
    pub const OVER: u8 = 2;
}

/// Bits of an argument list's frame.
const VARIADIC: u8 = 1;
const DISTINCT: u8 = 2;
/// The list may turn out to be type modifiers.
pub(crate) const PLAIN: u8 = 4;

impl Parser<'_> {
    /// An operand that begins with a keyword of its own; `None` where the keyword is just a name.
    pub(crate) fn special_operand(&mut self, kind: Kind) -> R<Option<Next>> {
        let called = self.peek(1) == Kind::LPAREN;
        if let Some(node) = self.value_function(kind)? {
            return Ok(Some(Next::Oper(node)));
        }
        if kind == Kind::COLLATION && self.peek(1) == Kind::FOR {
            return self.special_start(special::COLLATION, 2).map(Some);
        }
        let next = match kind {
            Kind::COALESCE if called => self.open_list(list::COALESCE)?,
            Kind::GREATEST if called => self.open_list(list::GREATEST)?,
            Kind::LEAST if called => self.open_list(list::LEAST)?,
            Kind::NULLIF if called => self.open_list(list::NULLIF)?,
            Kind::GROUPING if called => self.open_list(list::GROUPING)?,
            Kind::XMLCONCAT if called => self.open_list(list::XMLCONCAT)?,
            Kind::ROW if called => {
                if self.peek(2) == Kind::RPAREN {
                    let first = self.here();
                    self.at += 3;
                    self.row_done(0, first, false)?
                } else {
                    self.open_list(list::ROW)?
                }
            }
            Kind::EXISTS if called => {
                let first = self.here();
                self.bump();
                let kind = e::SubLinkType::EXISTS_SUBLINK as u8;
                self.push(Frame { op: kind, ..Frame::new(St::SubLink, 0, first, 0) });
                Next::SelectParens
            }
            _ => {
                let next = if called { self.special_call(kind)? } else { None };
                return if next.is_some() { Ok(next) } else { self.constant_of_type(kind) };
            }
        };
        Ok(Some(next))
    }

    /// `CURRENT_DATE` and its kin.
    fn value_function(&mut self, kind: Kind) -> R<Option<u32>> {
        use e::SQLValueFunctionOp as v;
        let (plain, with_precision) = match kind {
            Kind::CURRENT_DATE => (v::SVFOP_CURRENT_DATE, None),
            Kind::CURRENT_TIME => (v::SVFOP_CURRENT_TIME, Some(v::SVFOP_CURRENT_TIME_N)),
            Kind::CURRENT_TIMESTAMP => (v::SVFOP_CURRENT_TIMESTAMP, Some(v::SVFOP_CURRENT_TIMESTAMP_N)),
            Kind::LOCALTIME => (v::SVFOP_LOCALTIME, Some(v::SVFOP_LOCALTIME_N)),
            Kind::LOCALTIMESTAMP => (v::SVFOP_LOCALTIMESTAMP, Some(v::SVFOP_LOCALTIMESTAMP_N)),
            Kind::CURRENT_ROLE => (v::SVFOP_CURRENT_ROLE, None),
            Kind::CURRENT_USER => (v::SVFOP_CURRENT_USER, None),
            Kind::SESSION_USER => (v::SVFOP_SESSION_USER, None),
            Kind::USER => (v::SVFOP_USER, None),
            Kind::CURRENT_CATALOG => (v::SVFOP_CURRENT_CATALOG, None),
            // A schema's name is also that of a function that may be called.
            Kind::CURRENT_SCHEMA if !matches!(self.peek(1), Kind::LPAREN | Kind::SCONST) => {
                (v::SVFOP_CURRENT_SCHEMA, None)
            }
            Kind::SYSTEM_USER => {
                let (first, loc) = (self.here(), self.loc());
                self.bump();
                return Ok(Some(self.sql_function("system_user", 0, loc, first)));
            }
            _ => return Ok(None),
        };
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        let (mut op, mut typmod) = (plain, NOWHERE);
        if let Some(with_precision) = with_precision
            && self.eat(Kind::LPAREN)
        {
            op = with_precision;
            typmod = self.iconst()? as u32;
            self.expect(Kind::RPAREN)?;
        }
        Ok(Some(mk!(self, SQLValueFunction, first, { op: op, typmod: typmod, location: loc })))
    }

    /// `func_expr_windowless`; the caller has seen that a function begins here.
    pub(crate) fn func_expr_windowless(&mut self) -> R {
        self.run(|p| Ok(p.start_expr(F_C | F_WINDOWLESS)))
    }

    /// Whether `func_expr_common_subexpr` or a call begins with this keyword, so that it is no plain name.
    pub(crate) fn at_common_function(&self) -> bool {
        match self.kind() {
            Kind::CURRENT_DATE
            | Kind::CURRENT_TIME
            | Kind::CURRENT_TIMESTAMP
            | Kind::LOCALTIME
            | Kind::LOCALTIMESTAMP
            | Kind::CURRENT_ROLE
            | Kind::CURRENT_USER
            | Kind::SESSION_USER
            | Kind::SYSTEM_USER
            | Kind::USER
            | Kind::CURRENT_CATALOG
            | Kind::CURRENT_SCHEMA
            | Kind::COLLATION
            | Kind::CAST => true,
            Kind::COALESCE
            | Kind::GREATEST
            | Kind::LEAST
            | Kind::NULLIF
            | Kind::EXTRACT
            | Kind::NORMALIZE
            | Kind::OVERLAY
            | Kind::POSITION
            | Kind::SUBSTRING
            | Kind::TREAT
            | Kind::TRIM
            | Kind::MERGE_ACTION => self.peek(1) == Kind::LPAREN,
            kind => (is_xml_function(kind) || is_json_function(kind)) && self.peek(1) == Kind::LPAREN,
        }
    }

    /// Functions whose arguments have keywords between them; the word is the current token, `(` the next.
    fn special_call(&mut self, kind: Kind) -> R<Option<Next>> {
        if is_xml_function(kind) {
            return self.xml_function(kind).map(Some);
        }
        if is_json_function(kind) {
            return self.json_function(kind).map(Some);
        }
        let which = match kind {
            Kind::EXTRACT => special::EXTRACT,
            Kind::POSITION => special::POSITION,
            Kind::NORMALIZE => special::NORMALIZE,
            Kind::TRIM => special::TRIM,
            Kind::SUBSTRING => special::SUBSTRING,
            Kind::OVERLAY => special::OVERLAY,
            Kind::TREAT => special::TREAT,
            Kind::MERGE_ACTION => {
                let (first, loc) = (self.here(), self.loc());
                self.at += 2;
                self.expect(Kind::RPAREN)?;
                // `text`'s number in pg_type.
                return Ok(Some(Next::Oper(
                    mk!(self, MergeSupportFunc, first, { msftype: 25, location: loc }),
                )));
            }
            _ => return Ok(None),
        };
        self.special_start(which, 1).map(Some)
    }

    /// Takes `name :=` or `name =>`.
    pub(crate) fn named_arg_start(&mut self) -> Option<(TextId, u32)> {
        let named = matches!(self.peek(1), Kind::COLON_EQUALS | Kind::EQUALS_GREATER);
        if !named || !self.kind().is_type_function_name() {
            return None;
        }
        let first = self.here();
        self.at += 2;
        Some((TextId::token(first as usize), first))
    }

    fn named_arg_node(&mut self, name: TextId, arg: u32, first: u32) -> u32 {
        let loc = self.loc_of(first as usize);
        mk!(self, NamedArgExpr, first, { arg: arg, name: name.0, argnumber: NOWHERE, location: loc })
    }

    /// A call's arguments begin: `(` is the current token.
    pub(crate) fn call(&mut self, names: u32, first: u32) -> R<Next> {
        self.bump();
        let mark = self.mark();
        let mut frame = Frame { op: PLAIN, ..Frame::new(St::Arg, names, first, mark) };
        match self.kind() {
            Kind::RPAREN => {
                self.bump();
                return self.call_done(Frame { op: 0, ..frame }, 0, 0);
            }
            Kind::STAR => {
                self.bump();
                self.expect(Kind::RPAREN)?;
                let node = self.call_node(frame, 0, 0);
                put!(self, node, FuncCall.agg_star, 1);
                return self.call_tail(node);
            }
            Kind::VARIADIC => {
                self.bump();
                frame.op = VARIADIC;
            }
            Kind::ALL => {
                self.bump();
                frame.op = 0;
            }
            Kind::DISTINCT => {
                self.bump();
                frame.op = DISTINCT;
            }
            _ => {}
        }
        self.next_arg(frame)
    }

    fn next_arg(&mut self, frame: Frame) -> R<Next> {
        if let Some((name, first)) = self.named_arg_start() {
            self.push(frame);
            return Ok(self.expr(Frame::new(St::NamedArg, name.0, first, 0)));
        }
        Ok(self.expr(frame))
    }

    pub(crate) fn named_arg(&mut self, frame: Frame, value: u32) -> R<Next> {
        Ok(Next::Ret(self.named_arg_node(TextId(frame.a), value, frame.b)))
    }

    pub(crate) fn arg_item(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if frame.op & VARIADIC == 0 && self.eat(Kind::COMMA) {
            // VARIADIC may follow plain arguments only.
            if frame.op == PLAIN && self.eat(Kind::VARIADIC) {
                frame.op = VARIADIC;
            }
            return self.next_arg(frame);
        }
        if self.is(Kind::ORDER) {
            // Its place lies above the arguments.
            let order = self.loc();
            self.item(order);
            return self.sort_clause(Frame { st: St::ArgOrder, ..frame });
        }
        self.args_done(frame, 0, NOWHERE)
    }

    pub(crate) fn arg_order(&mut self, frame: Frame, sort: u32) -> R<Next> {
        let order_loc = self.scratch.items.pop().unwrap_or(NOWHERE);
        self.args_done(frame, sort, order_loc)
    }

    fn args_done(&mut self, frame: Frame, sort: u32, order_loc: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let args = self.list_from(frame.c);
        if self.is(Kind::SCONST) && frame.op == PLAIN && !self.windowless() {
            return self.constant_of_modified_type(frame, args, sort, order_loc).map(Next::Oper);
        }
        self.call_done(frame, args, sort)
    }

    /// `name ( modifiers ) 'string'`.
    fn constant_of_modified_type(&mut self, frame: Frame, args: u32, sort: u32, order_loc: u32) -> R {
        // The server reduces the rule behind the string, so a named argument is refused only then.
        let named = self
            .tree
            .items(args)
            .iter()
            .copied()
            .find(|&word| self.tree.tag(word) == Some(Tag::NamedArgExpr));
        if let Some(node) = named {
            let loc = got!(self, node, NamedArgExpr.location);
            return Err(self.refuse_syntax(loc, "type modifier cannot have parameter name"));
        }
        if sort != 0 {
            return Err(self.refuse_syntax(order_loc, "type modifier cannot have ORDER BY"));
        }
        let name = self.type_of_names(frame.a, frame.b);
        put!(self, name, TypeName.typmods, args);
        self.typed_constant(name)
    }

    fn call_node(&mut self, frame: Frame, args: u32, sort: u32) -> u32 {
        let loc = self.loc_of(frame.b as usize);
        let form = e::CoercionForm::COERCE_EXPLICIT_CALL;
        mk!(self, FuncCall, frame.b, {
            funcname: frame.a, args: args, agg_order: sort,
            agg_distinct: u32::from(frame.op & DISTINCT != 0),
            func_variadic: u32::from(frame.op & VARIADIC != 0),
            funcformat: form, location: loc
        })
    }

    fn call_done(&mut self, frame: Frame, args: u32, sort: u32) -> R<Next> {
        let node = self.call_node(frame, args, sort);
        self.call_tail(node)
    }

    /// `within_group_clause filter_clause over_clause`.
    fn call_tail(&mut self, node: u32) -> R<Next> {
        let more =
            matches!(self.kind(), Kind::WITHIN | Kind::FILTER | Kind::OVER | Kind::IGNORE | Kind::RESPECT);
        if self.windowless() || !more {
            return Ok(Next::Oper(node));
        }
        let frame = Frame { op: tail::WITHIN, ..Frame::new(St::CallTail, node, self.loc(), 0) };
        if !self.eat(Kind::WITHIN) {
            return self.call_clause(frame, 0);
        }
        self.expect_all(&[Kind::GROUP, Kind::LPAREN])?;
        self.sort_clause(frame)
    }

    /// A clause behind a call is complete, or missing: `a` is the call, `b` where WITHIN stands, `c` its keys.
    pub(crate) fn call_clause(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            tail::WITHIN => {
                if value != 0 {
                    self.expect(Kind::RPAREN)?;
                }
                (frame.op, frame.c) = (tail::FILTER, value);
                if self.is(Kind::FILTER) { self.filter_clause(frame) } else { self.call_clause(frame, 0) }
            }
            tail::FILTER => {
                if value != 0 {
                    self.expect(Kind::RPAREN)?;
                    put!(self, frame.a, FuncCall.agg_filter, value);
                }
                let nulls = self.null_treatment()?;
                put!(self, frame.a, FuncCall.ignore_nulls, nulls);
                self.over_clause(Frame { op: tail::OVER, ..frame })
            }
            _ => self.call_tail_done(frame, value).map(Next::Oper),
        }
    }

    fn call_tail_done(&mut self, frame: Frame, over: u32) -> R {
        let (node, within) = (frame.a, frame.c);
        if within != 0 {
            let reason = if got!(self, node, FuncCall.agg_order) != 0 {
                "cannot use multiple ORDER BY clauses with WITHIN GROUP"
            } else if got!(self, node, FuncCall.agg_distinct) != 0 {
                "cannot use DISTINCT with WITHIN GROUP"
            } else if got!(self, node, FuncCall.func_variadic) != 0 {
                "cannot use VARIADIC with WITHIN GROUP"
            } else {
                ""
            };
            if !reason.is_empty() {
                return Err(self.refuse_syntax(frame.b, reason));
            }
            put!(self, node, FuncCall.agg_order, within);
            put!(self, node, FuncCall.agg_within_group, 1);
        }
        put!(self, node, FuncCall.over, over);
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    /// `null_treatment`: 1 for IGNORE NULLS, 2 for RESPECT NULLS. The words are keywords since version 19.
    fn null_treatment(&mut self) -> R {
        let treatment = match self.kind() {
            Kind::IGNORE => 1,
            Kind::RESPECT => 2,
            _ => return Ok(0),
        };
        self.bump();
        self.expect(Kind::NULLS)?;
        Ok(treatment)
    }

    /// `filter_clause` for `then`, to which the `)` is left; at FILTER.
    pub(crate) fn filter_clause(&mut self, then: Frame) -> R<Next> {
        self.expect_all(&[Kind::FILTER, Kind::LPAREN, Kind::WHERE])?;
        Ok(self.expr(then))
    }

    /// A field of a call that a rule outside sets.
    pub(crate) fn is_call(&self, node: u32) -> bool {
        self.tree.tag(node) == Some(Tag::FuncCall)
    }

    /// `func_application`: a call with nothing behind it.
    pub(crate) fn func_application(&mut self) -> R {
        let starts = self.kind().is_col_id() || self.kind().is_type_function_name();
        if !starts || self.at_common_function() && !self.kind().is_type_function_name() {
            return Err(self.unexpected());
        }
        let node = self.func_expr_windowless()?;
        if !self.is_call(node) {
            return Err(self.unexpected());
        }
        debug_assert!(self.tree.get(node, f::FuncCall::over) == 0);
        Ok(node)
    }
}

/// Functions of SQL/XML.
pub(crate) fn is_xml_function(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::XMLELEMENT
            | Kind::XMLEXISTS
            | Kind::XMLFOREST
            | Kind::XMLPARSE
            | Kind::XMLPI
            | Kind::XMLROOT
            | Kind::XMLSERIALIZE
            | Kind::XMLCONCAT
    )
}

/// Functions of SQL/JSON.
pub(crate) fn is_json_function(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::JSON
            | Kind::JSON_OBJECT
            | Kind::JSON_ARRAY
            | Kind::JSON_SCALAR
            | Kind::JSON_SERIALIZE
            | Kind::JSON_QUERY
            | Kind::JSON_EXISTS
            | Kind::JSON_VALUE
            | Kind::JSON_OBJECTAGG
            | Kind::JSON_ARRAYAGG
    )
}
