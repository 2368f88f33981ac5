//! Types: built-in spellings, modifiers, arrays, and constants that name their type.
//!
//! Source: `Typename`, `SimpleTypename`, `ConstTypename` and `func_type` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, Next, St};
use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

/// Bits of a type that is being read: a `Typename`, with `SETOF` and array bounds.
pub(crate) const FULL: u8 = 1;
/// A `ConstTypename`, with its string: types without a length take none of their own.
const CONSTANT: u8 = 2;
/// `SETOF` stood before it.
const SETOF: u8 = 4;

/// Types that take modifiers.
mod modified {
    pub const NUMERIC: u8 = 0;
    pub const BIT: u8 = 1;
    pub const VARBIT: u8 = 2;
    pub const GENERIC: u8 = 3;
}

/// Bits of an interval's fields, as `utils/timestamp.h` numbers them.
mod interval {
    pub const MONTH: i32 = 1 << 1;
    pub const YEAR: i32 = 1 << 2;
    pub const DAY: i32 = 1 << 3;
    pub const HOUR: i32 = 1 << 10;
    pub const MINUTE: i32 = 1 << 11;
    pub const SECOND: i32 = 1 << 12;
    pub const FULL_RANGE: i32 = 0x7FFF;
}

impl Parser<'_> {
    /// `makeTypeNameFromNameList`.
    pub(crate) fn type_of_names(&mut self, names: u32, first: u32) -> u32 {
        let loc = self.loc_of(first as usize);
        mk!(self, TypeName, first, { names: names, typemod: NOWHERE, location: loc })
    }

    /// `SystemTypeName`.
    pub(crate) fn system_type(&mut self, name: &str, loc: u32, first: u32) -> u32 {
        let names = self.system_name(name);
        mk!(self, TypeName, first, { names: names, typemod: NOWHERE, location: loc })
    }

    /// `Typename`.
    pub(crate) fn typename(&mut self) -> R {
        self.run(|p| p.start_type(FULL))
    }

    /// `SimpleTypename`.
    pub(crate) fn simple_typename(&mut self) -> R {
        self.run(|p| p.start_type(0))
    }

    /// A type begins: a `Typename`, a `SimpleTypename`, or a `ConstTypename` and the string behind it, as `bits` say.
    pub(crate) fn start_type(&mut self, bits: u8) -> R<Next> {
        let first = self.here();
        let setof = bits & FULL != 0 && self.eat(Kind::SETOF);
        let bits = if setof { bits | SETOF } else { bits };
        self.simple_type(Frame { flags: bits, ..Frame::new(St::TypeMods, 0, first, 0) })
    }

    /// A type is complete but for what its frame's bits say.
    fn type_done(&mut self, frame: Frame, node: u32) -> R<Next> {
        if frame.flags & CONSTANT != 0 {
            return self.typed_constant(node).map(Next::Oper);
        }
        if frame.flags & FULL != 0 {
            self.array_bounds(node)?;
        }
        if frame.flags & SETOF != 0 {
            put!(self, node, TypeName.setof, 1);
            self.tree.set(node, 1, frame.b);
        }
        self.tree.set(node, 2, self.at as u32);
        Ok(Next::Ret(node))
    }

    fn array_bounds(&mut self, node: u32) -> R<()> {
        let mark = self.mark();
        let first = self.here();
        if self.eat(Kind::ARRAY) {
            let mut bound = -1;
            if self.eat(Kind::LBRACKET) {
                bound = self.iconst()?;
                self.expect(Kind::RBRACKET)?;
            }
            let bound = self.integer(bound, first);
            self.item(bound);
        } else {
            while self.eat(Kind::LBRACKET) {
                let bound = if self.is(Kind::RBRACKET) { -1 } else { self.iconst()? };
                self.expect(Kind::RBRACKET)?;
                let bound = self.integer(bound, first);
                self.item(bound);
            }
        }
        let bounds = self.list_from(mark);
        put!(self, node, TypeName.arrayBounds, bounds);
        Ok(())
    }

    fn simple_type(&mut self, mut frame: Frame) -> R<Next> {
        let (first, loc) = (self.here(), self.loc());
        let kind = self.kind();
        let plain = match kind {
            Kind::INT | Kind::INTEGER => "int4",
            Kind::SMALLINT => "int2",
            Kind::BIGINT => "int8",
            Kind::REAL => "float4",
            Kind::BOOLEAN => "bool",
            Kind::JSON => "json",
            Kind::DECIMAL | Kind::DEC | Kind::NUMERIC => {
                self.bump();
                frame.op = modified::NUMERIC;
                return self.type_modifiers(frame);
            }
            Kind::BIT => {
                self.bump();
                frame.op = if self.eat(Kind::VARYING) { modified::VARBIT } else { modified::BIT };
                return self.type_modifiers(frame);
            }
            Kind::DOUBLE if self.peek(1) == Kind::PRECISION => {
                self.bump();
                "float8"
            }
            Kind::FLOAT => {
                let node = self.float_type()?;
                return self.type_done(frame, node);
            }
            Kind::CHARACTER | Kind::CHAR | Kind::VARCHAR | Kind::NATIONAL | Kind::NCHAR => {
                let node = self.character_type(frame.flags & CONSTANT != 0)?;
                return self.type_done(frame, node);
            }
            Kind::TIMESTAMP | Kind::TIME => {
                let node = self.time_type()?;
                return self.type_done(frame, node);
            }
            Kind::INTERVAL => {
                let node = self.interval_type()?;
                return self.type_done(frame, node);
            }
            _ => return self.generic_type(frame),
        };
        self.bump();
        let node = self.system_type(plain, loc, first);
        self.type_done(frame, node)
    }

    fn interval_type(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        let node = self.system_type("interval", loc, first);
        let typmods =
            if self.is(Kind::LPAREN) { self.interval_precision()? } else { self.interval_fields()? };
        put!(self, node, TypeName.typmods, typmods);
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    /// `GenericType`.
    fn generic_type(&mut self, mut frame: Frame) -> R<Next> {
        let mark = self.mark();
        let name = self.type_function_name()?;
        self.item(name.node());
        while self.eat(Kind::DOT) {
            let name = self.col_label()?;
            self.item(name.node());
        }
        frame.a = self.list_from(mark);
        frame.op = modified::GENERIC;
        self.type_modifiers(frame)
    }

    /// `opt_type_modifiers`.
    fn type_modifiers(&mut self, mut frame: Frame) -> R<Next> {
        if !self.eat(Kind::LPAREN) {
            return self.modified_type(frame, 0);
        }
        frame.c = self.mark();
        self.type_modifiers_from(frame)
    }

    /// Modifiers, until one is no constant.
    fn type_modifiers_from(&mut self, frame: Frame) -> R<Next> {
        while let Some(constant) = self.lone_constant() {
            self.item(constant);
            if !self.eat(Kind::COMMA) {
                return self.type_modifiers_end(frame);
            }
        }
        self.push(frame);
        Ok(self.start_expr(0))
    }

    pub(crate) fn type_modifier(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if self.eat(Kind::COMMA) { self.type_modifiers_from(frame) } else { self.type_modifiers_end(frame) }
    }

    fn type_modifiers_end(&mut self, frame: Frame) -> R<Next> {
        let list = self.list_from(frame.c);
        self.expect(Kind::RPAREN)?;
        self.modified_type(frame, list)
    }

    /// A type that takes modifiers, with those that it has.
    fn modified_type(&mut self, frame: Frame, mut typmods: u32) -> R<Next> {
        let first = frame.b + u32::from(frame.flags & SETOF != 0);
        let loc = self.loc_of(first as usize);
        if typmods == 0 && frame.op == modified::BIT && frame.flags & CONSTANT == 0 {
            let one = self.int_const(1, NOWHERE);
            typmods = self.list(&[one]);
        }
        let node = match frame.op {
            modified::NUMERIC => self.system_type("numeric", loc, first),
            modified::BIT => self.system_type("bit", loc, first),
            modified::VARBIT => self.system_type("varbit", loc, first),
            _ => self.type_of_names(frame.a, first),
        };
        put!(self, node, TypeName.typmods, typmods);
        self.type_done(frame, node)
    }

    fn float_type(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        let mut name = "float8";
        if self.eat(Kind::LPAREN) {
            let at = self.loc();
            let precision = self.iconst()?;
            self.expect(Kind::RPAREN)?;
            if precision < 1 {
                return Err(self.refuse("22023", at, "precision for type float must be at least 1 bit"));
            }
            if precision > 53 {
                return Err(self.refuse("22023", at, "precision for type float must be less than 54 bits"));
            }
            if precision <= 24 {
                name = "float4";
            }
        }
        Ok(self.system_type(name, loc, first))
    }

    fn character_type(&mut self, constant: bool) -> R {
        let (first, loc) = (self.here(), self.loc());
        let kind = self.kind();
        self.bump();
        if kind == Kind::NATIONAL && !self.eat(Kind::CHAR) {
            self.expect(Kind::CHARACTER)?;
        }
        let varying = kind == Kind::VARCHAR || self.eat(Kind::VARYING);
        let mut typmods = 0;
        if self.is(Kind::LPAREN) {
            let length = self.precision()?;
            typmods = self.list(&[length]);
        } else if !varying && !constant {
            let one = self.int_const(1, NOWHERE);
            typmods = self.list(&[one]);
        }
        let node = self.system_type(if varying { "varchar" } else { "bpchar" }, loc, first);
        put!(self, node, TypeName.typmods, typmods);
        Ok(node)
    }

    /// `( Iconst )` as a constant.
    fn precision(&mut self) -> R {
        self.expect(Kind::LPAREN)?;
        let loc = self.loc();
        let value = self.iconst()?;
        let node = self.int_const(value, loc);
        self.expect(Kind::RPAREN)?;
        Ok(node)
    }

    fn time_type(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let timestamp = self.is(Kind::TIMESTAMP);
        self.bump();
        let mut typmods = 0;
        if self.is(Kind::LPAREN) {
            let precision = self.precision()?;
            typmods = self.list(&[precision]);
        }
        let zone = self.is(Kind::WITH_LA);
        // Before version 16, WITHOUT was taken before it was known whether TIME follows.
        if zone
            || self.is(Kind::WITHOUT_LA)
            || self.is(Kind::WITHOUT) && !self.has(Feature::TimeZoneLookahead)
        {
            self.bump();
            self.expect_all(&[Kind::TIME, Kind::ZONE])?;
        }
        let name = match (timestamp, zone) {
            (true, true) => "timestamptz",
            (true, false) => "timestamp",
            (false, true) => "timetz",
            (false, false) => "time",
        };
        let node = self.system_type(name, loc, first);
        put!(self, node, TypeName.typmods, typmods);
        Ok(node)
    }

    fn interval_precision(&mut self) -> R {
        let precision = self.precision()?;
        let full = self.int_const(interval::FULL_RANGE, NOWHERE);
        Ok(self.list(&[full, precision]))
    }

    /// `opt_interval`.
    pub(crate) fn interval_fields(&mut self) -> R {
        use interval::*;
        let loc = self.loc();
        let from = match self.kind() {
            Kind::YEAR => YEAR,
            Kind::MONTH => MONTH,
            Kind::DAY => DAY,
            Kind::HOUR => HOUR,
            Kind::MINUTE => MINUTE,
            Kind::SECOND => return self.interval_second(SECOND, loc),
            _ => return Ok(0),
        };
        self.bump();
        if from == MONTH || !self.eat(Kind::TO) {
            let mask = self.int_const(from, loc);
            return Ok(self.list(&[mask]));
        }
        let mask = match (from, self.kind()) {
            (YEAR, Kind::MONTH) => YEAR | MONTH,
            (DAY, Kind::HOUR) => DAY | HOUR,
            (DAY, Kind::MINUTE) => DAY | HOUR | MINUTE,
            (HOUR, Kind::MINUTE) => HOUR | MINUTE,
            (DAY, Kind::SECOND) => return self.interval_second(DAY | HOUR | MINUTE | SECOND, loc),
            (HOUR, Kind::SECOND) => return self.interval_second(HOUR | MINUTE | SECOND, loc),
            (MINUTE, Kind::SECOND) => return self.interval_second(MINUTE | SECOND, loc),
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let mask = self.int_const(mask, loc);
        Ok(self.list(&[mask]))
    }

    fn interval_second(&mut self, mask: i32, loc: u32) -> R {
        self.bump();
        let mask = self.int_const(mask, loc);
        if !self.is(Kind::LPAREN) {
            return Ok(self.list(&[mask]));
        }
        let precision = self.precision()?;
        Ok(self.list(&[mask, precision]))
    }

    /// `ConstTypename Sconst` and the interval forms; `None` where the keyword is just a name.
    pub(crate) fn constant_of_type(&mut self, kind: Kind) -> R<Option<Next>> {
        let next = self.peek(1);
        let string = next == Kind::SCONST;
        let paren = next == Kind::LPAREN;
        let is_type = match kind {
            Kind::INT | Kind::INTEGER | Kind::SMALLINT | Kind::BIGINT | Kind::REAL => string,
            Kind::BOOLEAN | Kind::JSON => string,
            Kind::FLOAT | Kind::DECIMAL | Kind::DEC | Kind::NUMERIC | Kind::VARCHAR => string || paren,
            Kind::DOUBLE => next == Kind::PRECISION,
            Kind::BIT | Kind::CHARACTER | Kind::CHAR | Kind::NCHAR => {
                string || paren || next == Kind::VARYING
            }
            Kind::NATIONAL => matches!(next, Kind::CHARACTER | Kind::CHAR),
            Kind::TIMESTAMP | Kind::TIME => {
                let early = next == Kind::WITHOUT && !self.has(Feature::TimeZoneLookahead);
                string || paren || early || matches!(next, Kind::WITH_LA | Kind::WITHOUT_LA)
            }
            Kind::INTERVAL if string || paren => {
                return self.interval_constant().map(|node| Some(Next::Oper(node)));
            }
            _ => false,
        };
        if is_type { self.start_type(CONSTANT).map(Some) } else { Ok(None) }
    }

    /// `INTERVAL Sconst opt_interval`, `INTERVAL ( Iconst ) Sconst`.
    pub(crate) fn interval_constant(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        let paren = self.is(Kind::LPAREN);
        let typmods = if paren { self.interval_precision()? } else { 0 };
        let name = self.system_type("interval", loc, first);
        let node = self.typed_constant(name)?;
        let typmods = if paren { typmods } else { self.interval_fields()? };
        put!(self, name, TypeName.typmods, typmods);
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    /// `func_type`: a type, or `name.column%TYPE`.
    pub(crate) fn func_type(&mut self) -> R {
        self.run(Self::start_func_type)
    }

    /// See [`Self::func_type`].
    pub(crate) fn start_func_type(&mut self) -> R<Next> {
        let first = self.here();
        let setof = self.is(Kind::SETOF);
        let mut ahead = usize::from(setof);
        // `attrs` must be there: a plain name has no columns.
        if self.peek(ahead).is_type_function_name() {
            ahead += 1;
            while self.peek(ahead) == Kind::DOT && self.peek(ahead + 1).is_col_label() {
                ahead += 2;
            }
        }
        if ahead < 3 || self.peek(ahead) != Kind::PERCENT {
            return self.start_type(FULL);
        }
        self.eat(Kind::SETOF);
        let mark = self.mark();
        let name = self.type_function_name()?;
        self.item(name.node());
        while self.eat(Kind::DOT) {
            let name = self.col_label()?;
            self.item(name.node());
        }
        let names = self.list_from(mark);
        self.expect_all(&[Kind::PERCENT, Kind::TYPE])?;
        let node = self.type_of_names(names, first + u32::from(setof));
        put!(self, node, TypeName.pct_type, 1);
        put!(self, node, TypeName.setof, u32::from(setof));
        if setof {
            self.tree.set(node, 1, first);
        }
        Ok(Next::Ret(node))
    }

    /// `opt_collate_clause`: `COLLATE any_name` without an operand.
    pub(crate) fn opt_collate_clause(&mut self) -> R {
        if !self.is(Kind::COLLATE) {
            return Ok(0);
        }
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        let name = self.any_name()?;
        Ok(mk!(self, CollateClause, first, { collname: name, location: loc }))
    }

    /// `NumericOnly`: an `Integer` or `Float` node.
    pub(crate) fn numeric_only(&mut self) -> R {
        let first = self.here();
        let minus = self.eat(Kind::MINUS);
        if !minus {
            self.eat(Kind::PLUS);
        }
        if self.is(Kind::FCONST) {
            let mut text = TextId::token(self.at);
            self.bump();
            if minus {
                text = self.negated_text(text);
            }
            return Ok(self.float(text, first));
        }
        let value = self.iconst()?;
        Ok(self.integer(if minus { value.wrapping_neg() } else { value }, first))
    }

    /// Drop behaviour: `CASCADE`, `RESTRICT` or nothing.
    pub(crate) fn opt_drop_behavior(&mut self) -> u32 {
        if self.eat(Kind::CASCADE) {
            return e::DropBehavior::DROP_CASCADE;
        }
        self.eat(Kind::RESTRICT);
        e::DropBehavior::DROP_RESTRICT
    }
}
