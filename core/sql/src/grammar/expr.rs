//! Expressions: operands, operators, precedence.
//!
//! Source: `a_expr`, `b_expr` and `c_expr` in gram.y, PostgreSQL 18.

use crate::grammar::lists::refusal;
use crate::grammar::machine::{F_B, F_C, F_LABEL, F_ROW, F_SELECT, F_SUBSTRING, Frame, Next, St};
use crate::grammar::types;
use crate::json::constant_kind;
use crate::nodes::{Tag, e, f};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::{KIND_COUNT, Kind};
use crate::tree::TextId;
use crate::version::Feature;

const P_OR: u8 = 1;
const P_AND: u8 = 2;
const P_NOT: u8 = 3;
const P_IS: u8 = 4;
const P_COMPARE: u8 = 5;
const P_LIKE: u8 = 6;
const P_OP: u8 = 9;
const P_ADD: u8 = 10;
const P_MULTIPLY: u8 = 11;
const P_POWER: u8 = 12;
const P_AT: u8 = 13;
const P_COLLATE: u8 = 14;
const P_UNARY: u8 = 15;
const P_CAST: u8 = 16;

/// How tight each token binds behind an operand; 0 where it is no operator.
static POWER: [u8; KIND_COUNT] = powers();

const fn powers() -> [u8; KIND_COUNT] {
    let mut power = [0; KIND_COUNT];
    let rows: [(u8, &[Kind]); 14] = [
        (P_OR, &[Kind::OR]),
        (P_AND, &[Kind::AND]),
        (P_IS, &[Kind::IS, Kind::ISNULL, Kind::NOTNULL]),
        (
            P_COMPARE,
            &[
                Kind::LESS,
                Kind::GREATER,
                Kind::EQUALS,
                Kind::LESS_EQUALS,
                Kind::GREATER_EQUALS,
                Kind::NOT_EQUALS,
            ],
        ),
        (P_LIKE, &[Kind::BETWEEN, Kind::IN, Kind::LIKE, Kind::ILIKE, Kind::SIMILAR, Kind::NOT_LA]),
        (P_OP, &[Kind::OP, Kind::OPERATOR]),
        (P_ADD, &[Kind::PLUS, Kind::MINUS]),
        (P_MULTIPLY, &[Kind::STAR, Kind::SLASH, Kind::PERCENT]),
        (P_POWER, &[Kind::CARET]),
        (P_AT, &[Kind::AT]),
        (P_COLLATE, &[Kind::COLLATE]),
        (P_CAST, &[Kind::TYPECAST]),
        (0, &[]),
        (0, &[]),
    ];
    let mut row = 0;
    while row < rows.len() {
        let mut column = 0;
        while column < rows[row].1.len() {
            power[rows[row].1[column].0 as usize] = rows[row].0;
            column += 1;
        }
        row += 1;
    }
    power
}

/// What a [`St::Bin`] frame builds.
pub(crate) mod op {
    pub const PLAIN: u8 = 0;
    pub const QUALIFIED: u8 = 1;
    pub const AND: u8 = 2;
    pub const OR: u8 = 3;
    pub const NOT: u8 = 4;
    pub const MINUS: u8 = 5;
    pub const DISTINCT: u8 = 6;
    pub const NOT_DISTINCT: u8 = 7;
    pub const AT_ZONE: u8 = 8;
    pub const BETWEEN: u8 = 9;
    pub const NOT_BETWEEN: u8 = 10;
    pub const BETWEEN_SYMMETRIC: u8 = 11;
    pub const NOT_BETWEEN_SYMMETRIC: u8 = 12;
    pub const LIKE: u8 = 13;
    pub const NOT_LIKE: u8 = 14;
    pub const ILIKE: u8 = 15;
    pub const NOT_ILIKE: u8 = 16;
    pub const SIMILAR: u8 = 17;
    pub const NOT_SIMILAR: u8 = 18;
}

impl Parser<'_> {
    /// A constant or parameter between commas and parentheses: the commonest expression, without the machine.
    #[inline]
    pub(crate) fn lone_constant(&mut self) -> Option<u32> {
        if !matches!(self.peek(1), Kind::COMMA | Kind::RPAREN) {
            return None;
        }
        match self.kind() {
            Kind::ICONST | Kind::SCONST | Kind::FCONST | Kind::NULL | Kind::TRUE | Kind::FALSE => {
                self.plain_constant().ok()
            }
            _ => None,
        }
    }

    /// `AexprConst` that is one token.
    fn plain_constant(&mut self) -> R {
        let loc = self.loc();
        let kind = self.kind();
        if kind == Kind::ICONST {
            let value = self.iconst()?;
            return Ok(self.int_const(value, loc));
        }
        let text = self.this_token();
        Ok(match kind {
            Kind::SCONST => self.string_const(text, loc),
            Kind::FCONST => self.float_const(text, loc),
            Kind::BCONST | Kind::XCONST => self.bit_const(text, loc),
            Kind::TRUE => self.bool_const(true, loc),
            Kind::FALSE => self.bool_const(false, loc),
            _ => self.null_const(loc),
        })
    }

    /// The flags of the expression that is being read.
    fn flags(&self) -> u8 {
        self.scratch.frames.last().map_or(0, |f| f.flags)
    }

    fn push_op(&mut self, power: u8, op: u8, a: u32, b: u32, c: u32) -> Next {
        let flags = self.flags() & (F_B | F_LABEL);
        self.push(Frame { st: St::Bin, power, op, flags, a, b, c });
        Next::Operand
    }

    /// An operand, or a prefix operator before it.
    pub(crate) fn operand(&mut self) -> R<Next> {
        let kind = self.kind();
        let first = self.here();
        let flags = self.flags();
        if flags & F_C != 0 {
            return self.primary(kind);
        }
        match kind {
            Kind::MINUS | Kind::PLUS => {
                self.bump();
                let op = if kind == Kind::MINUS { op::MINUS } else { op::PLAIN };
                Ok(self.push_op(P_UNARY, op, 0, first, 0))
            }
            Kind::OP => {
                self.bump();
                Ok(self.push_op(P_OP, op::PLAIN, 0, first, 0))
            }
            Kind::OPERATOR if self.peek(1) == Kind::LPAREN => {
                let name = self.operator_name()?;
                Ok(self.push_op(P_OP, op::QUALIFIED, 0, first, name))
            }
            Kind::NOT | Kind::NOT_LA if flags & F_B == 0 => {
                self.bump();
                Ok(self.push_op(P_NOT, op::NOT, 0, first, 0))
            }
            Kind::DEFAULT if flags & F_B == 0 => {
                self.bump();
                let loc = self.loc_of(first as usize);
                Ok(Next::Oper(mk!(self, SetToDefault, first, { location: loc })))
            }
            Kind::UNIQUE if flags & F_B == 0 => {
                self.bump();
                self.unique_null_treatment()?;
                self.refuse_behind(refusal::UNIQUE, first);
                Ok(Next::SelectParens)
            }
            _ => self.primary(kind),
        }
    }

    /// `OPERATOR ( any_operator )`.
    pub(crate) fn operator_name(&mut self) -> R {
        self.expect(Kind::OPERATOR)?;
        self.expect(Kind::LPAREN)?;
        let name = self.any_operator()?;
        self.expect(Kind::RPAREN)?;
        Ok(name)
    }

    /// `any_operator`: a list of names.
    pub(crate) fn any_operator(&mut self) -> R {
        let mark = self.mark();
        while !is_all_op(self.kind()) {
            let name = self.col_id()?;
            self.item(name.node());
            self.expect(Kind::DOT)?;
        }
        let name = self.this_token();
        self.item(name.node());
        Ok(self.list_from(mark))
    }

    /// Looks for an operator behind `lhs`; reduces what binds tighter.
    pub(crate) fn oper(&mut self, mut lhs: u32) -> R<Next> {
        loop {
            let kind = self.kind();
            let Some(&top) = self.scratch.frames.last() else { return Ok(Next::Ret(lhs)) };
            let power = POWER[kind.0 as usize];
            if top.flags & F_C == 0 && power != 0 && self.takes(kind, top) {
                if top.st != St::Bin || power > top.power {
                    match self.shift(lhs, kind, power)? {
                        Shift::Operand(next) => return Ok(next),
                        Shift::Value(value) => {
                            lhs = value;
                            continue;
                        }
                    }
                }
                if power == top.power && matches!(power, P_IS | P_COMPARE | P_LIKE) {
                    return Err(self.unexpected());
                }
            } else if kind == Kind::ESCAPE && is_like(top) {
                self.bump();
                self.scratch.frames.pop();
                return Ok(self.push_op(P_LIKE, top.op, top.a, top.b, lhs));
            }
            self.scratch.frames.pop();
            if top.st == St::End {
                return Ok(Next::Ret(lhs));
            }
            lhs = self.reduce(top, lhs);
        }
    }

    /// Whether an operator's token is one here: not in a `b_expr` that lacks it, not as a label.
    fn takes(&self, kind: Kind, top: Frame) -> bool {
        if top.flags & F_B != 0 {
            let arithmetic = kind.keyword().is_none() || matches!(kind, Kind::OPERATOR | Kind::IS);
            return arithmetic && kind != Kind::NOT_LA;
        }
        if kind == Kind::SIMILAR && top.st == St::End && top.flags & F_SUBSTRING != 0 {
            return self.peek(1) == Kind::TO;
        }
        !(top.flags & F_LABEL != 0
            && top.st == St::End
            && kind.is_bare_label()
            && kind.keyword().is_some()
            && ends_target(self.peek(1)))
    }

    fn shift(&mut self, lhs: u32, kind: Kind, power: u8) -> R<Shift> {
        let token = self.here();
        let loc = self.loc();
        let first = self.first_of(lhs);
        match kind {
            Kind::AND | Kind::OR => {
                self.bump();
                let op = if kind == Kind::AND { op::AND } else { op::OR };
                Ok(Shift::Operand(self.push_op(power, op, lhs, token, 0)))
            }
            Kind::TYPECAST => {
                self.bump();
                let frame = Frame::new(St::CastType, lhs, token, 0);
                self.push(frame);
                match self.start_type(types::FULL)? {
                    Next::Ret(name) => {
                        self.scratch.frames.pop();
                        Ok(Shift::Value(self.cast_node(frame, name)))
                    }
                    next => Ok(Shift::Operand(next)),
                }
            }
            Kind::COLLATE => {
                self.bump();
                let name = self.any_name()?;
                Ok(Shift::Value(mk!(self, CollateClause, first, { arg: lhs, collname: name, location: loc })))
            }
            Kind::AT => self.at_zone(lhs, token),
            Kind::ISNULL | Kind::NOTNULL => {
                self.bump();
                let test = if kind == Kind::ISNULL {
                    e::NullTestType::IS_NULL
                } else {
                    e::NullTestType::IS_NOT_NULL
                };
                Ok(Shift::Value(mk!(self, NullTest, first, { arg: lhs, nulltesttype: test, location: loc })))
            }
            Kind::IS => self.is_test(lhs, token),
            Kind::BETWEEN | Kind::IN | Kind::LIKE | Kind::ILIKE | Kind::SIMILAR | Kind::NOT_LA => {
                self.like_or_in(lhs, token)
            }
            Kind::OPERATOR => {
                let name = self.operator_name()?;
                match self.sub_type() {
                    Some(kind) if self.flags() & F_B == 0 => {
                        Ok(Shift::Operand(self.any_open(lhs, token, name, kind)?))
                    }
                    _ => Ok(Shift::Operand(self.push_op(power, op::QUALIFIED, lhs, token, name))),
                }
            }
            _ => {
                self.bump();
                match self.sub_type() {
                    Some(kind) if self.flags() & F_B == 0 => {
                        let name = self.list(&[TextId::token(token as usize).node()]);
                        Ok(Shift::Operand(self.any_open(lhs, token, name, kind)?))
                    }
                    _ => Ok(Shift::Operand(self.push_op(power, op::PLAIN, lhs, token, 0))),
                }
            }
        }
    }

    /// `x :: type`.
    pub(crate) fn cast_node(&mut self, frame: Frame, name: u32) -> u32 {
        let (first, loc) = (self.first_of(frame.a), self.loc_of(frame.b as usize));
        mk!(self, TypeCast, first, { arg: frame.a, typeName: name, location: loc })
    }

    /// `ANY`, `SOME` or `ALL`, where one stands: the link's type.
    fn sub_type(&self) -> Option<u32> {
        match self.kind() {
            Kind::ANY | Kind::SOME => Some(e::SubLinkType::ANY_SUBLINK),
            Kind::ALL => Some(e::SubLinkType::ALL_SUBLINK),
            _ => None,
        }
    }

    fn any_open(&mut self, lhs: u32, token: u32, name: u32, kind: u32) -> R<Next> {
        self.bump();
        let frame = Frame { op: kind as u8, ..Frame::new(St::Any, lhs, token, name) };
        self.open_paren(frame)
    }

    pub(crate) fn any_close(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let any = u32::from(frame.op) == e::SubLinkType::ANY_SUBLINK;
        let kind = if any { e::A_Expr_Kind::AEXPR_OP_ANY } else { e::A_Expr_Kind::AEXPR_OP_ALL };
        Ok(Next::Oper(self.a_expr_node(kind, frame.c, frame.a, value, frame.b)))
    }

    fn at_zone(&mut self, lhs: u32, token: u32) -> R<Shift> {
        self.bump();
        if self.has(Feature::AtLocal) && self.eat(Kind::LOCAL) {
            let args = self.list(&[lhs]);
            let first = self.first_of(lhs);
            return Ok(Shift::Value(self.sql_function("timezone", args, NOWHERE, first)));
        }
        self.expect_all(&[Kind::TIME, Kind::ZONE])?;
        Ok(Shift::Operand(self.push_op(P_AT, op::AT_ZONE, lhs, token, 0)))
    }

    /// A call of a function of `pg_catalog` that has its own syntax.
    pub(crate) fn sql_function(&mut self, name: &str, args: u32, loc: u32, first: u32) -> u32 {
        let name = self.system_name(name);
        let form = e::CoercionForm::COERCE_SQL_SYNTAX;
        mk!(self, FuncCall, first, { funcname: name, args: args, funcformat: form, location: loc })
    }

    /// A call of a function of `pg_catalog`.
    pub(crate) fn system_call(&mut self, name: &str, args: u32, loc: u32, first: u32) -> u32 {
        let name = self.system_name(name);
        let form = e::CoercionForm::COERCE_EXPLICIT_CALL;
        mk!(self, FuncCall, first, { funcname: name, args: args, funcformat: form, location: loc })
    }

    /// `IS …`.
    fn is_test(&mut self, lhs: u32, token: u32) -> R<Shift> {
        let loc = self.loc();
        let b_expr = self.flags() & F_B != 0;
        self.bump();
        let not = self.eat(Kind::NOT);
        let first = self.first_of(lhs);
        let kind = self.kind();
        match kind {
            Kind::DISTINCT => {
                self.bump();
                self.expect(Kind::FROM)?;
                let op = if not { op::NOT_DISTINCT } else { op::DISTINCT };
                return Ok(Shift::Operand(self.push_op(P_IS, op, lhs, token, 0)));
            }
            Kind::DOCUMENT => {
                self.bump();
                let args = self.list(&[lhs]);
                let kind = e::XmlExprOp::IS_DOCUMENT;
                let node = mk!(self, XmlExpr, first, { op: kind, args: args, location: loc });
                return Ok(Shift::Value(self.negated(node, not, loc, first)));
            }
            _ if b_expr => return Err(self.unexpected()),
            Kind::NULL => {
                self.bump();
                let test = if not { e::NullTestType::IS_NOT_NULL } else { e::NullTestType::IS_NULL };
                return Ok(Shift::Value(
                    mk!(self, NullTest, first, { arg: lhs, nulltesttype: test, location: loc }),
                ));
            }
            Kind::TRUE | Kind::FALSE | Kind::UNKNOWN => {
                self.bump();
                use e::BoolTestType as b;
                let test = match (kind, not) {
                    (Kind::TRUE, false) => b::IS_TRUE,
                    (Kind::TRUE, true) => b::IS_NOT_TRUE,
                    (Kind::FALSE, false) => b::IS_FALSE,
                    (Kind::FALSE, true) => b::IS_NOT_FALSE,
                    (_, false) => b::IS_UNKNOWN,
                    (_, true) => b::IS_NOT_UNKNOWN,
                };
                return Ok(Shift::Value(
                    mk!(self, BooleanTest, first, { arg: lhs, booltesttype: test, location: loc }),
                ));
            }
            Kind::JSON => return self.is_json(lhs, not).map(Shift::Value),
            _ => {}
        }
        let mut args = self.list(&[lhs]);
        if let Some(form) = self.normal_form() {
            args = self.list(&[lhs, form]);
        }
        self.expect(Kind::NORMALIZED)?;
        let node = self.sql_function("is_normalized", args, loc, first);
        Ok(Shift::Value(self.negated(node, not, loc, first)))
    }

    /// `unicode_normal_form`, as a string constant.
    pub(crate) fn normal_form(&mut self) -> Option<u32> {
        let name = match self.kind() {
            Kind::NFC => "NFC",
            Kind::NFD => "NFD",
            Kind::NFKC => "NFKC",
            Kind::NFKD => "NFKD",
            _ => return None,
        };
        let loc = self.loc();
        let text = self.lit(name);
        self.bump();
        Some(self.string_const(text, loc))
    }

    fn negated(&mut self, node: u32, not: bool, loc: u32, first: u32) -> u32 {
        if !not {
            return node;
        }
        let args = self.list(&[node]);
        mk!(self, BoolExpr, first, { boolop: e::BoolExprType::NOT_EXPR, args: args, location: loc })
    }

    /// `IS [NOT] JSON …`; the location is the operand's.
    fn is_json(&mut self, lhs: u32, not: bool) -> R {
        self.bump();
        use e::JsonValueType as j;
        let item = match self.kind() {
            Kind::VALUE => j::JS_TYPE_ANY,
            Kind::ARRAY => j::JS_TYPE_ARRAY,
            Kind::OBJECT => j::JS_TYPE_OBJECT,
            Kind::SCALAR => j::JS_TYPE_SCALAR,
            _ => NOWHERE,
        };
        if item != NOWHERE {
            self.bump();
        }
        let item = if item == NOWHERE { j::JS_TYPE_ANY } else { item };
        let unique = self.json_key_uniqueness()?;
        let first = self.first_of(lhs);
        let loc = self.expr_start(lhs);
        let format = self.json_format_default();
        let node = mk!(self, JsonIsPredicate, first, {
            expr: lhs, format: format, item_type: item, unique_keys: u32::from(unique), location: loc
        });
        Ok(self.negated(node, not, loc, first))
    }

    /// Where an operand's first token begins: what the grammar calls `@1`.
    pub(crate) fn expr_start(&self, node: u32) -> u32 {
        self.loc_of(self.first_of(node) as usize)
    }

    /// `[NOT] LIKE | ILIKE | SIMILAR TO | IN | BETWEEN`.
    fn like_or_in(&mut self, lhs: u32, token: u32) -> R<Shift> {
        let not = self.eat(Kind::NOT_LA);
        let kind = self.kind();
        self.bump();
        let (plain, negated, name) = match kind {
            Kind::LIKE => (op::LIKE, op::NOT_LIKE, if not { "!~~" } else { "~~" }),
            Kind::ILIKE => (op::ILIKE, op::NOT_ILIKE, if not { "!~~*" } else { "~~*" }),
            Kind::SIMILAR => {
                self.expect(Kind::TO)?;
                let op = if not { op::NOT_SIMILAR } else { op::SIMILAR };
                return Ok(Shift::Operand(self.push_op(P_LIKE, op, lhs, token, 0)));
            }
            Kind::IN => {
                let frame = Frame { op: u8::from(not), ..Frame::new(St::In, lhs, token, self.here()) };
                return Ok(Shift::Operand(self.open_paren(frame)?));
            }
            _ => {
                let symmetric = self.eat(Kind::SYMMETRIC);
                if !symmetric {
                    self.eat(Kind::ASYMMETRIC);
                }
                let op = match (not, symmetric) {
                    (false, false) => op::BETWEEN,
                    (true, false) => op::NOT_BETWEEN,
                    (false, true) => op::BETWEEN_SYMMETRIC,
                    (true, true) => op::NOT_BETWEEN_SYMMETRIC,
                };
                self.push(Frame { op, ..Frame::new(St::BetweenLow, lhs, token, 0) });
                return Ok(Shift::Operand(self.start_expr(F_B)));
            }
        };
        if let Some(kind) = self.sub_type() {
            let name = self.lit_node(name);
            let name = self.list(&[name]);
            return Ok(Shift::Operand(self.any_open(lhs, token, name, kind)?));
        }
        let op = if not { negated } else { plain };
        Ok(Shift::Operand(self.push_op(P_LIKE, op, lhs, token, 0)))
    }

    pub(crate) fn between_and(&mut self, frame: Frame, low: u32) -> R<Next> {
        self.expect(Kind::AND)?;
        Ok(self.push_op(P_LIKE, frame.op, frame.a, frame.b, low))
    }

    // ---- reducing ----

    /// `A_Expr`; the location is token `token`'s.
    pub(crate) fn a_expr_node(&mut self, kind: u32, name: u32, left: u32, right: u32, token: u32) -> u32 {
        let first = if left == 0 { token } else { self.first_of(left) };
        let loc = self.loc_of(token as usize);
        mk!(self, A_Expr, first, { kind: kind, name: name, lexpr: left, rexpr: right, location: loc })
    }

    fn named_a_expr(&mut self, kind: u32, name: &str, left: u32, right: u32, token: u32) -> u32 {
        let name = self.lit_node(name);
        let name = self.list(&[name]);
        self.a_expr_node(kind, name, left, right, token)
    }

    /// Builds what an operator's frame waits for.
    fn reduce(&mut self, frame: Frame, rhs: u32) -> u32 {
        use e::A_Expr_Kind as k;
        let (lhs, token) = (frame.a, frame.b);
        match frame.op {
            op::PLAIN => {
                let name = self.list(&[TextId::token(token as usize).node()]);
                self.a_expr_node(k::AEXPR_OP, name, lhs, rhs, token)
            }
            op::QUALIFIED => self.a_expr_node(k::AEXPR_OP, frame.c, lhs, rhs, token),
            op::AND => self.bool_chain(e::BoolExprType::AND_EXPR, lhs, rhs, token),
            op::OR => self.bool_chain(e::BoolExprType::OR_EXPR, lhs, rhs, token),
            op::NOT => {
                let loc = self.loc_of(token as usize);
                self.negated(rhs, true, loc, token)
            }
            op::MINUS => self.negate(rhs, token),
            op::DISTINCT => self.named_a_expr(k::AEXPR_DISTINCT, "=", lhs, rhs, token),
            op::NOT_DISTINCT => self.named_a_expr(k::AEXPR_NOT_DISTINCT, "=", lhs, rhs, token),
            op::AT_ZONE => {
                let args = self.list(&[rhs, lhs]);
                let (first, loc) = (self.first_of(lhs), self.loc_of(token as usize));
                self.sql_function("timezone", args, loc, first)
            }
            op::BETWEEN..=op::NOT_BETWEEN_SYMMETRIC => {
                let first = self.first_of(frame.c);
                let bounds = self.list(&[frame.c, rhs]);
                let bounds = self.list_node(bounds, first);
                let (kind, name) = match frame.op {
                    op::BETWEEN => (k::AEXPR_BETWEEN, "BETWEEN"),
                    op::NOT_BETWEEN => (k::AEXPR_NOT_BETWEEN, "NOT BETWEEN"),
                    op::BETWEEN_SYMMETRIC => (k::AEXPR_BETWEEN_SYM, "BETWEEN SYMMETRIC"),
                    _ => (k::AEXPR_NOT_BETWEEN_SYM, "NOT BETWEEN SYMMETRIC"),
                };
                self.named_a_expr(kind, name, lhs, bounds, token)
            }
            _ => self.like(frame, rhs),
        }
    }

    /// `LIKE` and its kin; `frame.c` is the pattern where `rhs` is an escape.
    fn like(&mut self, frame: Frame, rhs: u32) -> u32 {
        use e::A_Expr_Kind as k;
        let (lhs, token) = (frame.a, frame.b);
        let similar = matches!(frame.op, op::SIMILAR | op::NOT_SIMILAR);
        let mut pattern = rhs;
        if frame.c != 0 || similar {
            let args = if frame.c == 0 { self.list(&[rhs]) } else { self.list(&[frame.c, rhs]) };
            let loc = self.loc_of(token as usize);
            let first = self.first_of(if frame.c == 0 { rhs } else { frame.c });
            let name = if similar { "similar_to_escape" } else { "like_escape" };
            pattern = self.system_call(name, args, loc, first);
        }
        let (kind, name) = match frame.op {
            op::LIKE => (k::AEXPR_LIKE, "~~"),
            op::NOT_LIKE => (k::AEXPR_LIKE, "!~~"),
            op::ILIKE => (k::AEXPR_ILIKE, "~~*"),
            op::NOT_ILIKE => (k::AEXPR_ILIKE, "!~~*"),
            op::SIMILAR => (k::AEXPR_SIMILAR, "~"),
            _ => (k::AEXPR_SIMILAR, "!~"),
        };
        self.named_a_expr(kind, name, lhs, pattern, token)
    }

    /// `makeAndExpr`, `makeOrExpr`: a chain is one node. Its list grows in place, with room for the next power of two,
    /// so that a chain of any length is built in linear time.
    fn bool_chain(&mut self, kind: u32, lhs: u32, rhs: u32, token: u32) -> u32 {
        let same = self.tree.tag(lhs) == Some(Tag::BoolExpr) && got!(self, lhs, BoolExpr.boolop) == kind;
        if !same {
            let args = self.list(&[lhs, rhs]);
            let (first, loc) = (self.first_of(lhs), self.loc_of(token as usize));
            return mk!(self, BoolExpr, first, { boolop: kind, args: args, location: loc });
        }
        let mut args = got!(self, lhs, BoolExpr.args);
        let len = self.tree.get(args, 0);
        if len.is_power_of_two() {
            let old = args as usize + 1..(args + 1 + len) as usize;
            args = self.tree.data.len() as u32;
            self.tree.data.push(len);
            self.tree.data.extend_from_within(old);
            self.tree.data.resize(args as usize + 1 + 2 * len as usize, 0);
            put!(self, lhs, BoolExpr.args, args);
        }
        self.tree.set(args, 1 + len, rhs);
        self.tree.set(args, 0, len + 1);
        self.tree.set(lhs, 2, self.at as u32);
        lhs
    }

    /// `doNegate`: a constant takes the sign, anything else becomes `- x`.
    pub(crate) fn negate(&mut self, node: u32, token: u32) -> u32 {
        let loc = self.loc_of(token as usize);
        if self.is_const(node, constant_kind::INTEGER) {
            let value = got!(self, node, A_Const.val) as i32;
            put!(self, node, A_Const.val, value.wrapping_neg() as u32);
        } else if self.is_const(node, constant_kind::FLOAT) {
            let negated = self.negated_text(TextId(got!(self, node, A_Const.val)));
            put!(self, node, A_Const.val, negated.0);
        } else {
            // Any other constant is moved to the operator's place too, as the server does it.
            if self.tree.tag(node) == Some(Tag::A_Const) {
                put!(self, node, A_Const.location, loc);
            }
            let name = self.list(&[TextId::token(token as usize).node()]);
            return self.a_expr_node(e::A_Expr_Kind::AEXPR_OP, name, 0, node, token);
        }
        put!(self, node, A_Const.location, loc);
        self.tree.set(node, 1, token);
        node
    }

    /// `doNegateFloat`.
    pub(crate) fn negated_text(&mut self, id: TextId) -> TextId {
        let text = self.read(id).into_owned();
        match text.strip_prefix('-') {
            Some(rest) => self.lit(rest),
            None => {
                let start = self.tree.texts.len() as u32;
                self.tree.texts.push('-');
                self.tree.texts.push_str(&text);
                self.tree.span_from(start)
            }
        }
    }

    // ---- parentheses ----

    /// `(`, and behind it a select or an expression; `frame` says what for.
    pub(crate) fn open_paren(&mut self, frame: Frame) -> R<Next> {
        self.expect(Kind::LPAREN)?;
        self.push(frame);
        if self.at_select() {
            self.push(Frame::new(St::ParenSelect, 0, 0, 0));
            return Ok(Next::Select);
        }
        if frame.st == St::In
            && let Some(constant) = self.lone_constant()
        {
            return Ok(Next::Ret(constant));
        }
        Ok(self.start_expr(F_SELECT))
    }

    /// Whether a select begins here that no expression can begin like.
    pub(crate) fn at_select(&self) -> bool {
        match self.kind() {
            Kind::SELECT | Kind::WITH | Kind::WITH_LA | Kind::TABLE => true,
            Kind::VALUES => self.peek(1) == Kind::LPAREN,
            _ => false,
        }
    }

    /// `( select` is complete: takes the `)`.
    pub(crate) fn paren_select_close(&mut self, select: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        self.paren_holds_select(select)
    }

    /// The parenthesis on top of the stack, just closed, holds a select: it is one itself, or an operand.
    fn paren_holds_select(&mut self, select: u32) -> R<Next> {
        loop {
            let Some(frame) = self.scratch.frames.pop() else { return Err(self.unexpected()) };
            let first = frame.b;
            match frame.st {
                St::In | St::Any => return Ok(Next::Oper(self.sublink_of(frame, select))),
                St::TableParen => return self.table_paren_holds_select(frame, select),
                _ => {}
            }
            let inside = self.scratch.frames.last().copied();
            if let Some(end) = inside
                && end.st == St::End
                && end.flags & F_SELECT != 0
            {
                if self.eat(Kind::RPAREN) {
                    self.scratch.frames.pop();
                    continue;
                }
                if continues_select(self.kind()) {
                    self.scratch.frames.pop();
                    self.push(Frame::new(St::ParenSelect, 0, 0, 0));
                    return Ok(self.select_from(select, first));
                }
            }
            let loc = self.loc_of(first as usize);
            let kind = e::SubLinkType::EXPR_SUBLINK;
            let link = mk!(self, SubLink, first, { subLinkType: kind, subselect: select, location: loc });
            return self.indirected(link, NOWHERE);
        }
    }

    fn sublink_of(&mut self, frame: Frame, select: u32) -> u32 {
        let first = self.first_of(frame.a);
        let loc = self.loc_of(frame.b as usize);
        if frame.st == St::Any {
            return mk!(self, SubLink, first, {
                subLinkType: u32::from(frame.op), testexpr: frame.a, operName: frame.c, subselect: select,
                location: loc
            });
        }
        let kind = e::SubLinkType::ANY_SUBLINK;
        let link = mk!(self, SubLink, first, {
            subLinkType: kind, testexpr: frame.a, subselect: select, location: loc
        });
        self.negated(link, frame.op != 0, loc, first)
    }

    /// `( a`, then `)` or `,`.
    pub(crate) fn paren_close(&mut self, frame: Frame, value: u32) -> R<Next> {
        if self.eat(Kind::RPAREN) {
            return self.indirected(value, frame.b);
        }
        self.expect(Kind::COMMA)?;
        let mark = self.mark();
        self.item(value);
        self.push(Frame { op: 1, ..Frame::new(St::Row, 0, frame.b, mark) });
        Ok(self.start_expr(0))
    }

    /// A node in parentheses begins at the parenthesis.
    pub(crate) fn widened(&mut self, node: u32, first: u32) -> u32 {
        if node >> 31 == 0 {
            self.tree.set(node, 1, first);
            self.tree.set(node, 2, self.at as u32);
        }
        node
    }

    pub(crate) fn row_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if self.eat(Kind::COMMA) {
            self.push(frame);
            if let Some(constant) = self.lone_constant() {
                return Ok(Next::Ret(constant));
            }
            return Ok(self.start_expr(0));
        }
        self.expect(Kind::RPAREN)?;
        let args = self.list_from(frame.c);
        self.row_done(args, frame.b, frame.op != 0)
    }

    /// A row's list is complete: a `RowExpr`, or the left side of `OVERLAPS`.
    pub(crate) fn row_done(&mut self, args: u32, first: u32, implicit: bool) -> R<Next> {
        let flags = self.flags();
        if self.is(Kind::OVERLAPS) && (flags & (F_B | F_C) == 0 || flags & F_ROW != 0) {
            return self.overlaps(args, first);
        }
        let loc = self.loc_of(first as usize);
        let form = if implicit {
            e::CoercionForm::COERCE_IMPLICIT_CAST
        } else {
            e::CoercionForm::COERCE_EXPLICIT_CALL
        };
        Ok(Next::Oper(mk!(self, RowExpr, first, { args: args, row_format: form, location: loc })))
    }

    /// At `OVERLAPS`: its token waits below the items of the right side.
    fn overlaps(&mut self, left: u32, first: u32) -> R<Next> {
        let token = self.here();
        self.bump();
        let explicit = self.eat(Kind::ROW);
        self.expect(Kind::LPAREN)?;
        self.item(token);
        let frame = Frame { op: u8::from(explicit), ..Frame::new(St::Overlaps, left, first, self.mark()) };
        if explicit && self.is(Kind::RPAREN) {
            return self.overlaps_done(frame);
        }
        Ok(self.expr(frame))
    }

    pub(crate) fn overlaps_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if frame.op == 0 && self.mark() == frame.c + 1 {
            self.expect(Kind::COMMA)?;
        } else if !self.eat(Kind::COMMA) {
            return self.overlaps_done(frame);
        }
        Ok(self.expr(frame))
    }

    fn overlaps_done(&mut self, frame: Frame) -> R<Next> {
        let (left, first) = (frame.a, frame.b);
        let right = self.list_from(frame.c);
        let token = self.scratch.items.pop().unwrap_or(0) as usize;
        self.expect(Kind::RPAREN)?;
        for (side, list, at) in [("left", left, first as usize), ("right", right, token + 1)] {
            if self.tree.items(list).len() != 2 {
                let message =
                    alloc::format!("wrong number of parameters on {side} side of OVERLAPS expression");
                return Err(self.refuse_syntax(self.loc_of(at), message));
            }
        }
        let args = self.list_concat(left, right);
        Ok(Next::Oper(self.sql_function("overlaps", args, self.loc_of(token), first)))
    }

    /// `x IN ( a`, then `,` or `)`.
    pub(crate) fn in_first(&mut self, frame: Frame, value: u32) -> R<Next> {
        let mark = self.mark();
        // The frame's fields are taken; the left side and the parenthesis wait below the items.
        self.item(frame.a);
        self.item(frame.c);
        self.in_item(Frame { st: St::InList, a: frame.b, c: mark, ..frame }, value)
    }

    pub(crate) fn in_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if self.eat(Kind::COMMA) {
            self.push(frame);
            if let Some(constant) = self.lone_constant() {
                return Ok(Next::Ret(constant));
            }
            return Ok(self.start_expr(0));
        }
        let end_loc = self.loc();
        self.expect(Kind::RPAREN)?;
        let list = self.list_from(frame.c + 2);
        let paren = self.scratch.items.pop().unwrap_or(0);
        let lhs = self.scratch.items.pop().unwrap_or(0);
        let list = self.list_node(list, paren);
        let name = if frame.op != 0 { "<>" } else { "=" };
        let start_loc = self.loc_of(paren as usize);
        let node = self.named_a_expr(e::A_Expr_Kind::AEXPR_IN, name, lhs, list, frame.a);
        self.tree.set(node, f::A_Expr::rexpr_list_start, start_loc);
        self.tree.set(node, f::A_Expr::rexpr_list_end, end_loc);
        Ok(Next::Oper(node))
    }
}

/// What taking an operator leads to.
enum Shift {
    /// Its right operand.
    Operand(Next),
    /// It stood behind its operand: this is the value.
    Value(u32),
}

fn is_like(frame: Frame) -> bool {
    frame.st == St::Bin && (op::LIKE..=op::NOT_SIMILAR).contains(&frame.op) && frame.c == 0
}

/// `all_Op`.
pub(crate) fn is_all_op(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::OP
            | Kind::PLUS
            | Kind::MINUS
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
    )
}

/// Tokens that go on with a select behind one in parentheses.
pub(crate) fn continues_select(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::UNION
            | Kind::INTERSECT
            | Kind::EXCEPT
            | Kind::ORDER
            | Kind::LIMIT
            | Kind::OFFSET
            | Kind::FETCH
            | Kind::FOR
    )
}

/// Tokens that may stand behind a target.
pub(crate) fn ends_target(kind: Kind) -> bool {
    continues_select(kind)
        || matches!(
            kind,
            Kind::COMMA
                | Kind::FROM
                | Kind::INTO
                | Kind::WHERE
                | Kind::GROUP
                | Kind::HAVING
                | Kind::WINDOW
                | Kind::ON
                | Kind::RETURNING
                | Kind::WITH
                | Kind::RPAREN
                | Kind::SEMICOLON
                | Kind::EOF
        )
}
