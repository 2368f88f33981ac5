//! Calls: arguments, aggregates, windows, and the functions that have a syntax of their own.
//!
//! Source: `func_application`, `func_expr`, `func_expr_common_subexpr`, `over_clause` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_C, F_SUBSTRING, F_WINDOWLESS, Frame, Next, St};
use crate::grammar::operand::list;
use crate::nodes::{Tag, e, f};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

/// Bits of an argument list's frame.
const VARIADIC: u8 = 1;
const DISTINCT: u8 = 2;
/// The list may turn out to be type modifiers.
pub(crate) const PLAIN: u8 = 4;

/// Bits of `frameOptions`.
mod frame {
    pub const NONDEFAULT: u32 = 0x00001;
    pub const RANGE: u32 = 0x00002;
    pub const ROWS: u32 = 0x00004;
    pub const GROUPS: u32 = 0x00008;
    pub const BETWEEN: u32 = 0x00010;
    pub const START_UNBOUNDED_PRECEDING: u32 = 0x00020;
    pub const END_UNBOUNDED_PRECEDING: u32 = 0x00040;
    pub const START_UNBOUNDED_FOLLOWING: u32 = 0x00080;
    pub const START_CURRENT_ROW: u32 = 0x00200;
    pub const END_CURRENT_ROW: u32 = 0x00400;
    pub const START_OFFSET_PRECEDING: u32 = 0x00800;
    pub const END_OFFSET_PRECEDING: u32 = 0x01000;
    pub const START_OFFSET_FOLLOWING: u32 = 0x02000;
    pub const EXCLUDE_CURRENT_ROW: u32 = 0x08000;
    pub const EXCLUDE_GROUP: u32 = 0x10000;
    pub const EXCLUDE_TIES: u32 = 0x20000;
    pub const DEFAULTS: u32 = RANGE | START_UNBOUNDED_PRECEDING | END_CURRENT_ROW;
}

impl Parser<'_> {
    /// An operand that begins with a keyword of its own; `None` where the keyword is just a name.
    pub(crate) fn special_operand(&mut self, kind: Kind) -> R<Option<Next>> {
        let called = self.peek(1) == Kind::LPAREN;
        if let Some(node) = self.value_function(kind)? {
            return Ok(Some(Next::Oper(node)));
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
                let node = if called { self.special_call(kind)? } else { None };
                match node {
                    Some(node) => Next::Oper(node),
                    None => return Ok(self.constant_of_type(kind)?.map(Next::Oper)),
                }
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
            Kind::COLLATION if self.peek(1) == Kind::FOR => {
                let (first, loc) = (self.here(), self.loc());
                self.at += 2;
                self.expect(Kind::LPAREN)?;
                let arg = self.a_expr()?;
                self.expect(Kind::RPAREN)?;
                let args = self.list(&[arg]);
                return Ok(Some(self.sql_function("pg_collation_for", args, loc, first)));
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
    fn special_call(&mut self, kind: Kind) -> R<Option<u32>> {
        let (first, loc) = (self.here(), self.loc());
        if is_xml_function(kind) {
            return self.xml_function(kind).map(Some);
        }
        if is_json_function(kind) {
            return self.json_function(kind).map(Some);
        }
        let (name, rule): (&str, fn(&mut Self) -> R) = match kind {
            Kind::EXTRACT => ("extract", Self::extract_list),
            Kind::POSITION => ("position", Self::position_list),
            Kind::NORMALIZE => ("normalize", Self::normalize_list),
            Kind::TRIM => return self.trim().map(Some),
            Kind::SUBSTRING | Kind::OVERLAY => return self.substring(kind).map(Some),
            Kind::TREAT => return self.treat().map(Some),
            Kind::MERGE_ACTION => {
                self.at += 2;
                self.expect(Kind::RPAREN)?;
                // `text`'s number in pg_type.
                return Ok(Some(mk!(self, MergeSupportFunc, first, { msftype: 25, location: loc })));
            }
            _ => return Ok(None),
        };
        self.at += 2;
        let args = rule(self)?;
        self.expect(Kind::RPAREN)?;
        Ok(Some(self.sql_function(name, args, loc, first)))
    }

    fn extract_list(&mut self) -> R {
        let loc = self.loc();
        let field = match self.kind() {
            Kind::IDENT | Kind::SCONST => self.this_token(),
            Kind::YEAR | Kind::MONTH | Kind::DAY | Kind::HOUR | Kind::MINUTE | Kind::SECOND => {
                self.this_token()
            }
            _ => return Err(self.unexpected()),
        };
        let field = self.string_const(field, loc);
        self.expect(Kind::FROM)?;
        let arg = self.a_expr()?;
        Ok(self.list(&[field, arg]))
    }

    fn position_list(&mut self) -> R {
        let needle = self.b_expr()?;
        self.expect(Kind::IN)?;
        let text = self.b_expr()?;
        Ok(self.list(&[text, needle]))
    }

    fn normalize_list(&mut self) -> R {
        let arg = self.a_expr()?;
        if !self.eat(Kind::COMMA) {
            return Ok(self.list(&[arg]));
        }
        match self.normal_form() {
            Some(form) => Ok(self.list(&[arg, form])),
            None => Err(self.unexpected()),
        }
    }

    fn trim(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.at += 2;
        let name = match self.kind() {
            Kind::BOTH => "btrim",
            Kind::LEADING => "ltrim",
            Kind::TRAILING => "rtrim",
            _ => "",
        };
        if !name.is_empty() {
            self.bump();
        }
        let args = if self.eat(Kind::FROM) {
            self.expr_list()?
        } else {
            let arg = self.a_expr()?;
            if self.eat(Kind::FROM) {
                let list = self.expr_list()?;
                self.list_with(list, arg)
            } else if self.eat(Kind::COMMA) {
                let rest = self.expr_list()?;
                self.list_before(arg, rest)
            } else {
                self.list(&[arg])
            }
        };
        self.expect(Kind::RPAREN)?;
        let name = if name.is_empty() { "btrim" } else { name };
        Ok(self.sql_function(name, args, loc, first))
    }

    fn treat(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.at += 2;
        let arg = self.a_expr()?;
        self.expect(Kind::AS)?;
        let type_name = self.typename()?;
        self.expect(Kind::RPAREN)?;
        let args = self.list(&[arg]);
        let names = got!(self, type_name, TypeName.names);
        let last = self.tree.items(names).last().copied().unwrap_or(0);
        let schema = self.lit_node("pg_catalog");
        let name = self.list(&[schema, last]);
        let form = e::CoercionForm::COERCE_EXPLICIT_CALL;
        Ok(mk!(self, FuncCall, first, { funcname: name, args: args, funcformat: form, location: loc }))
    }

    /// `SUBSTRING` and `OVERLAY`: their own syntax, or plain arguments.
    fn substring(&mut self, kind: Kind) -> R {
        let (first, loc) = (self.here(), self.loc());
        let name = if kind == Kind::SUBSTRING { "substring" } else { "overlay" };
        self.at += 2;
        let mark = self.mark();
        if self.eat(Kind::RPAREN) {
            return Ok(self.plain_call(name, 0, loc, first));
        }
        let arg = match self.named_arg_start() {
            Some((name, first)) => {
                let arg = self.a_expr()?;
                self.named_arg_node(name, arg, first)
            }
            None if kind == Kind::SUBSTRING => self.run(|p| Ok(p.start_expr(F_SUBSTRING)))?,
            None => self.a_expr()?,
        };
        let special = self.tree.tag(arg) != Some(Tag::NamedArgExpr);
        let next = self.kind();
        if special && kind == Kind::OVERLAY && next == Kind::PLACING {
            let args = self.overlay_rest(arg)?;
            self.expect(Kind::RPAREN)?;
            return Ok(self.sql_function(name, args, loc, first));
        }
        if special && kind == Kind::SUBSTRING && matches!(next, Kind::FROM | Kind::FOR | Kind::SIMILAR) {
            let args = self.substring_rest(arg)?;
            self.expect(Kind::RPAREN)?;
            return Ok(self.sql_function(name, args, loc, first));
        }
        self.item(arg);
        while self.eat(Kind::COMMA) {
            let arg = self.func_arg()?;
            self.item(arg);
        }
        self.expect(Kind::RPAREN)?;
        let args = self.list_from(mark);
        Ok(self.plain_call(name, args, loc, first))
    }

    fn plain_call(&mut self, name: &str, args: u32, loc: u32, first: u32) -> u32 {
        let name = self.lit_node(name);
        let name = self.list(&[name]);
        let form = e::CoercionForm::COERCE_EXPLICIT_CALL;
        mk!(self, FuncCall, first, { funcname: name, args: args, funcformat: form, location: loc })
    }

    fn overlay_rest(&mut self, text: u32) -> R {
        self.expect(Kind::PLACING)?;
        let new = self.a_expr()?;
        self.expect(Kind::FROM)?;
        let from = self.a_expr()?;
        if !self.eat(Kind::FOR) {
            return Ok(self.list(&[text, new, from]));
        }
        let len = self.a_expr()?;
        Ok(self.list(&[text, new, from, len]))
    }

    fn substring_rest(&mut self, text: u32) -> R {
        let kind = self.kind();
        self.bump();
        let second = self.a_expr()?;
        match kind {
            Kind::SIMILAR => {
                self.expect(Kind::ESCAPE)?;
                let escape = self.a_expr()?;
                Ok(self.list(&[text, second, escape]))
            }
            Kind::FROM if self.eat(Kind::FOR) => {
                let len = self.a_expr()?;
                Ok(self.list(&[text, second, len]))
            }
            Kind::FROM => Ok(self.list(&[text, second])),
            _ if self.eat(Kind::FROM) => {
                let from = self.a_expr()?;
                Ok(self.list(&[text, from, second]))
            }
            _ => {
                let one = self.int_const(1, NOWHERE);
                let first = self.first_of(second);
                let int4 = self.system_type("int4", NOWHERE, first);
                let cast = mk!(self, TypeCast, first, { arg: second, typeName: int4, location: NOWHERE });
                Ok(self.list(&[text, one, cast]))
            }
        }
    }

    /// `func_arg_expr`, natively.
    pub(crate) fn func_arg(&mut self) -> R {
        match self.named_arg_start() {
            Some((name, first)) => {
                let arg = self.a_expr()?;
                Ok(self.named_arg_node(name, arg, first))
            }
            None => self.a_expr(),
        }
    }

    /// Takes `name :=` or `name =>`.
    fn named_arg_start(&mut self) -> Option<(TextId, u32)> {
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
                return self.call_tail(node).map(Next::Oper);
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
            self.push(Frame::new(St::NamedArg, name.0, first, 0));
            return Ok(self.start_expr(0));
        }
        self.push(frame);
        if let Some(constant) = self.lone_constant() {
            return Ok(Next::Ret(constant));
        }
        Ok(self.start_expr(0))
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
        let (order, order_loc) = (self.loc(), self.is(Kind::ORDER));
        let sort = self.opt_sort_clause()?;
        self.expect(Kind::RPAREN)?;
        let args = self.list_from(frame.c);
        if self.is(Kind::SCONST) && frame.op == PLAIN && !self.windowless() {
            let at = if order_loc { order } else { NOWHERE };
            return self.constant_of_modified_type(frame, args, sort, at).map(Next::Oper);
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
        self.call_tail(node).map(Next::Oper)
    }

    /// `within_group_clause filter_clause over_clause`.
    fn call_tail(&mut self, node: u32) -> R {
        let more =
            matches!(self.kind(), Kind::WITHIN | Kind::FILTER | Kind::OVER | Kind::IGNORE | Kind::RESPECT);
        if self.windowless() || !more {
            return Ok(node);
        }
        let within_loc = self.loc();
        let mut within = 0;
        if self.eat(Kind::WITHIN) {
            self.expect_all(&[Kind::GROUP, Kind::LPAREN])?;
            if !self.is(Kind::ORDER) {
                return Err(self.unexpected());
            }
            within = self.opt_sort_clause()?;
            self.expect(Kind::RPAREN)?;
        }
        let filter = self.filter_clause()?;
        let nulls = self.null_treatment()?;
        put!(self, node, FuncCall.ignore_nulls, nulls);
        let over = self.over_clause()?;
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
                return Err(self.refuse_syntax(within_loc, reason));
            }
            put!(self, node, FuncCall.agg_order, within);
            put!(self, node, FuncCall.agg_within_group, 1);
        }
        put!(self, node, FuncCall.agg_filter, filter);
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

    /// `filter_clause`.
    pub(crate) fn filter_clause(&mut self) -> R {
        if !self.eat(Kind::FILTER) {
            return Ok(0);
        }
        self.expect_all(&[Kind::LPAREN, Kind::WHERE])?;
        let filter = self.a_expr()?;
        self.expect(Kind::RPAREN)?;
        Ok(filter)
    }

    /// `over_clause`.
    pub(crate) fn over_clause(&mut self) -> R {
        if !self.eat(Kind::OVER) {
            return Ok(0);
        }
        if self.is(Kind::LPAREN) {
            return self.window_specification();
        }
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        Ok(mk!(self, WindowDef, first, { name: name.0, frameOptions: frame::DEFAULTS, location: loc }))
    }

    /// `window_specification`.
    pub(crate) fn window_specification(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.expect(Kind::LPAREN)?;
        let mut refname = TextId::NONE;
        // These may begin the next clause, and then are no name.
        let clause = matches!(self.kind(), Kind::PARTITION | Kind::RANGE | Kind::ROWS | Kind::GROUPS);
        if self.kind().is_col_id() && !clause {
            refname = self.col_id()?;
        }
        let mut partition = 0;
        if self.eat(Kind::PARTITION) {
            self.expect(Kind::BY)?;
            partition = self.expr_list()?;
        }
        let order = self.opt_sort_clause()?;
        let (options, start, end) = self.frame_clause()?;
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, WindowDef, first, {
            refname: refname.0, partitionClause: partition, orderClause: order, frameOptions: options,
            startOffset: start, endOffset: end, location: loc
        }))
    }

    /// `opt_frame_clause`: options and the two offsets.
    fn frame_clause(&mut self) -> R<(u32, u32, u32)> {
        let unit = match self.kind() {
            Kind::RANGE => frame::RANGE,
            Kind::ROWS => frame::ROWS,
            Kind::GROUPS => frame::GROUPS,
            _ => return Ok((frame::DEFAULTS, 0, 0)),
        };
        self.bump();
        let (options, start, end) = self.frame_extent()?;
        let mut exclusion = 0;
        if self.eat(Kind::EXCLUDE) {
            exclusion = match self.kind() {
                Kind::CURRENT => {
                    self.bump();
                    self.expect(Kind::ROW)?;
                    frame::EXCLUDE_CURRENT_ROW
                }
                Kind::GROUP => {
                    self.bump();
                    frame::EXCLUDE_GROUP
                }
                Kind::TIES => {
                    self.bump();
                    frame::EXCLUDE_TIES
                }
                _ => {
                    self.expect_all(&[Kind::NO, Kind::OTHERS])?;
                    0
                }
            };
        }
        Ok((options | frame::NONDEFAULT | unit | exclusion, start, end))
    }

    fn frame_extent(&mut self) -> R<(u32, u32, u32)> {
        use frame::*;
        // Before what no operand begins with, the word is a column's name.
        if self.is(Kind::BETWEEN) && goes_on(self.peek(1)) || !self.eat(Kind::BETWEEN) {
            let loc = self.loc();
            let (options, start) = self.frame_bound()?;
            if options & START_UNBOUNDED_FOLLOWING != 0 {
                return Err(self.refuse("42P20", loc, "frame start cannot be UNBOUNDED FOLLOWING"));
            }
            if options & START_OFFSET_FOLLOWING != 0 {
                let message = "frame starting from following row cannot end with current row";
                return Err(self.refuse("42P20", loc, message));
            }
            return Ok((options | END_CURRENT_ROW, start, 0));
        }
        // Before these of its own strength, which could begin an expression, the server's grammar can decide neither way.
        if matches!(self.kind(), Kind::BETWEEN | Kind::LIKE | Kind::ILIKE | Kind::SIMILAR | Kind::NOT_LA) {
            return Err(self.unexpected());
        }
        let start_loc = self.loc();
        let (first, start) = self.frame_bound()?;
        self.expect(Kind::AND)?;
        let end_loc = self.loc();
        let (second, end) = self.frame_bound()?;
        let options = first | second << 1 | frame::BETWEEN;
        let reason = if options & START_UNBOUNDED_FOLLOWING != 0 {
            Some((start_loc, "frame start cannot be UNBOUNDED FOLLOWING"))
        } else if options & END_UNBOUNDED_PRECEDING != 0 {
            Some((end_loc, "frame end cannot be UNBOUNDED PRECEDING"))
        } else if options & START_CURRENT_ROW != 0 && options & END_OFFSET_PRECEDING != 0 {
            Some((end_loc, "frame starting from current row cannot have preceding rows"))
        } else if options & START_OFFSET_FOLLOWING != 0
            && options & (END_OFFSET_PRECEDING | END_CURRENT_ROW) != 0
        {
            Some((end_loc, "frame starting from following row cannot have preceding rows"))
        } else {
            None
        };
        match reason {
            Some((loc, message)) => Err(self.refuse("42P20", loc, message)),
            None => Ok((options, start, end)),
        }
    }

    /// `frame_bound`: its bit as a start, and its offset.
    fn frame_bound(&mut self) -> R<(u32, u32)> {
        use frame::*;
        if self.is(Kind::UNBOUNDED) && matches!(self.peek(1), Kind::PRECEDING | Kind::FOLLOWING) {
            let preceding = self.peek(1) == Kind::PRECEDING;
            self.at += 2;
            return Ok((if preceding { START_UNBOUNDED_PRECEDING } else { START_UNBOUNDED_FOLLOWING }, 0));
        }
        if self.is(Kind::CURRENT) && self.peek(1) == Kind::ROW {
            self.at += 2;
            return Ok((START_CURRENT_ROW, 0));
        }
        let offset = self.a_expr()?;
        if self.eat(Kind::PRECEDING) {
            return Ok((START_OFFSET_PRECEDING, offset));
        }
        self.expect(Kind::FOLLOWING)?;
        Ok((START_OFFSET_FOLLOWING, offset))
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

/// Whether a token goes on with an expression and begins none.
fn goes_on(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::TYPECAST
            | Kind::DOT
            | Kind::LBRACKET
            | Kind::STAR
            | Kind::SLASH
            | Kind::PERCENT
            | Kind::CARET
            | Kind::LESS
            | Kind::GREATER
            | Kind::EQUALS
            | Kind::LESS_EQUALS
            | Kind::GREATER_EQUALS
            | Kind::NOT_EQUALS
            | Kind::AND
            | Kind::OR
            | Kind::COLLATE
            | Kind::IN
            | Kind::IS
            | Kind::ISNULL
            | Kind::NOTNULL
    )
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
