//! Functions whose arguments have keywords between them: EXTRACT, POSITION, TRIM, SUBSTRING and their kin.
//!
//! Source: `func_expr_common_subexpr` to `trim_list` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_B, F_SUBSTRING, Frame, Next, St, item};
use crate::grammar::types;
use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, got, mk};
use crate::token::Kind;

// Which function, and what its frame waits for: `a` is its first token, what has been read are the items from `c` on.
pub(crate) const COLLATION: u8 = 0;
pub(crate) const EXTRACT: u8 = 1;
pub(crate) const POSITION: u8 = 2;
pub(crate) const POSITION_IN: u8 = 3;
pub(crate) const NORMALIZE: u8 = 4;
pub(crate) const TRIM: u8 = 5;
/// The other arguments, behind FROM alone, behind an argument and FROM, behind an argument and a comma.
pub(crate) const TRIM_FROM: u8 = 6;
pub(crate) const TRIM_ARG_FROM: u8 = 7;
pub(crate) const TRIM_ARGS: u8 = 8;
pub(crate) const TREAT: u8 = 9;
pub(crate) const TREAT_AS: u8 = 10;
pub(crate) const SUBSTRING: u8 = 11;
pub(crate) const OVERLAY: u8 = 12;
/// All arguments of one of them, plain.
pub(crate) const PLAIN_ARGS: u8 = 13;
pub(crate) const OVERLAY_PLACING: u8 = 14;
pub(crate) const OVERLAY_FROM: u8 = 15;
pub(crate) const SUBSTRING_FROM: u8 = 16;
pub(crate) const SUBSTRING_FOR: u8 = 17;
pub(crate) const SUBSTRING_SIMILAR: u8 = 18;
/// The last argument of one that has all others.
pub(crate) const LAST: u8 = 19;
pub(crate) const SUBSTRING_FOR_FROM: u8 = 20;

impl Parser<'_> {
    /// A function begins: its word is the current token, its parenthesis is `words` further.
    pub(crate) fn special_start(&mut self, which: u8, words: usize) -> R<Next> {
        let first = self.here();
        self.at += words;
        self.expect(Kind::LPAREN)?;
        let frame = Frame { op: which, ..Frame::new(St::Special, first, 0, self.mark()) };
        match which {
            EXTRACT => self.extract_start(frame),
            POSITION => Ok(self.flagged_expr(frame, F_B)),
            TRIM => self.trim_start(frame),
            SUBSTRING | OVERLAY => self.substring_start(frame),
            _ => Ok(self.expr(frame)),
        }
    }

    fn extract_start(&mut self, frame: Frame) -> R<Next> {
        let loc = self.loc();
        let field = match self.kind() {
            Kind::IDENT | Kind::SCONST => self.this_token(),
            Kind::YEAR | Kind::MONTH | Kind::DAY | Kind::HOUR | Kind::MINUTE | Kind::SECOND => {
                self.this_token()
            }
            _ => return Err(self.unexpected()),
        };
        let field = self.string_const(field, loc);
        self.item(field);
        self.expect(Kind::FROM)?;
        Ok(self.expr(frame))
    }

    fn trim_start(&mut self, frame: Frame) -> R<Next> {
        if matches!(self.kind(), Kind::BOTH | Kind::LEADING | Kind::TRAILING) {
            self.bump();
        }
        if self.eat(Kind::FROM) {
            return self.items(Frame { op: TRIM_FROM, ..frame }, item::EXPR);
        }
        Ok(self.expr(frame))
    }

    /// `SUBSTRING` and `OVERLAY`: their own syntax, or plain arguments.
    fn substring_start(&mut self, frame: Frame) -> R<Next> {
        if self.is(Kind::RPAREN) {
            return self.special_done(frame, PLAIN);
        }
        if matches!(self.peek(1), Kind::COLON_EQUALS | Kind::EQUALS_GREATER) {
            return self.items(Frame { op: PLAIN_ARGS, ..frame }, item::ARG);
        }
        Ok(self.flagged_expr(frame, if frame.op == SUBSTRING { F_SUBSTRING } else { 0 }))
    }

    /// A part of the function is complete.
    pub(crate) fn special(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            NORMALIZE => {
                self.item(value);
                if self.eat(Kind::COMMA) {
                    let Some(form) = self.normal_form() else { return Err(self.unexpected()) };
                    self.item(form);
                }
            }
            POSITION => {
                self.item(value);
                self.expect(Kind::IN)?;
                return Ok(self.flagged_expr(Frame { op: POSITION_IN, ..frame }, F_B));
            }
            POSITION_IN => {
                let [needle] = self.kept(frame.c);
                self.keep(&[value, needle]);
            }
            TRIM => return self.trim_arg(frame, value),
            TRIM_FROM | TRIM_ARG_FROM | TRIM_ARGS => return self.trim_done(frame, value),
            TREAT => {
                self.expect(Kind::AS)?;
                (frame.op, frame.b) = (TREAT_AS, value);
                self.push(frame);
                return self.start_type(types::FULL);
            }
            TREAT_AS => return self.treat_done(frame, value),
            SUBSTRING | OVERLAY => return self.substring_arg(frame, value),
            PLAIN_ARGS => {
                let items = self.tree.items(value);
                self.scratch.items.extend_from_slice(items);
                return self.special_done(frame, PLAIN);
            }
            OVERLAY_PLACING => {
                self.item(value);
                self.expect(Kind::FROM)?;
                return Ok(self.expr(Frame { op: OVERLAY_FROM, ..frame }));
            }
            OVERLAY_FROM | SUBSTRING_FROM => {
                self.item(value);
                if self.eat(Kind::FOR) {
                    return Ok(self.expr(Frame { op: LAST, ..frame }));
                }
            }
            SUBSTRING_FOR => return self.substring_for(frame, value),
            SUBSTRING_FOR_FROM => {
                let [text, len] = self.kept(frame.c);
                self.keep(&[text, value, len]);
            }
            SUBSTRING_SIMILAR => {
                self.item(value);
                self.expect(Kind::ESCAPE)?;
                return Ok(self.expr(Frame { op: LAST, ..frame }));
            }
            _ => self.item(value),
        }
        self.special_done(frame, SQL_SYNTAX)
    }

    /// All arguments are items: takes the `)`.
    fn special_done(&mut self, frame: Frame, explicit: bool) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let args = self.list_from(frame.c);
        let first = frame.a;
        let loc = self.loc_of(first as usize);
        let name = match self.tokens.kinds[first as usize] {
            Kind::COLLATION => "pg_collation_for",
            Kind::EXTRACT => "extract",
            Kind::POSITION => "position",
            Kind::NORMALIZE => "normalize",
            Kind::SUBSTRING => "substring",
            Kind::OVERLAY => "overlay",
            _ => match self.tokens.kinds[first as usize + 2] {
                Kind::LEADING => "ltrim",
                Kind::TRAILING => "rtrim",
                _ => "btrim",
            },
        };
        if !explicit {
            return Ok(Next::Oper(self.sql_function(name, args, loc, first)));
        }
        let name = self.lit_node(name);
        let name = self.list(&[name]);
        let form = e::CoercionForm::COERCE_EXPLICIT_CALL;
        Ok(Next::Oper(mk!(self, FuncCall, first, {
            funcname: name, args: args, funcformat: form, location: loc
        })))
    }

    fn trim_arg(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if self.eat(Kind::FROM) {
            return self.items(Frame { op: TRIM_ARG_FROM, ..frame }, item::EXPR);
        }
        if self.eat(Kind::COMMA) {
            self.push(Frame { op: TRIM_ARGS, ..frame });
            return self.more_items(item::EXPR, frame.c);
        }
        self.special_done(frame, SQL_SYNTAX)
    }

    /// The list of arguments is complete: what stood before FROM comes last.
    fn trim_done(&mut self, frame: Frame, list: u32) -> R<Next> {
        let last = if frame.op == TRIM_ARG_FROM { self.scratch.items.pop() } else { None };
        let items = self.tree.items(list);
        self.scratch.items.extend_from_slice(items);
        self.scratch.items.extend(last);
        self.special_done(frame, SQL_SYNTAX)
    }

    fn treat_done(&mut self, frame: Frame, type_name: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let (first, loc) = (frame.a, self.loc_of(frame.a as usize));
        let args = self.list(&[frame.b]);
        let names = got!(self, type_name, TypeName.names);
        let last = self.tree.items(names).last().copied().unwrap_or(0);
        let schema = self.lit_node("pg_catalog");
        let name = self.list(&[schema, last]);
        let form = e::CoercionForm::COERCE_EXPLICIT_CALL;
        Ok(Next::Oper(mk!(self, FuncCall, first, {
            funcname: name, args: args, funcformat: form, location: loc
        })))
    }

    /// The first argument of SUBSTRING or OVERLAY is complete: the next word tells which syntax it is.
    fn substring_arg(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        frame.op = match (frame.op, self.kind()) {
            (OVERLAY, Kind::PLACING) => OVERLAY_PLACING,
            (SUBSTRING, Kind::FROM) => SUBSTRING_FROM,
            (SUBSTRING, Kind::FOR) => SUBSTRING_FOR,
            (SUBSTRING, Kind::SIMILAR) => SUBSTRING_SIMILAR,
            (_, Kind::COMMA) => {
                self.bump();
                let mark = frame.c;
                self.push(Frame { op: PLAIN_ARGS, ..frame });
                return self.more_items(item::ARG, mark);
            }
            _ => return self.special_done(frame, PLAIN),
        };
        self.bump();
        Ok(self.expr(frame))
    }

    /// `SUBSTRING ( text FOR len`.
    fn substring_for(&mut self, frame: Frame, len: u32) -> R<Next> {
        if self.eat(Kind::FROM) {
            self.item(len);
            return Ok(self.expr(Frame { op: SUBSTRING_FOR_FROM, ..frame }));
        }
        let one = self.int_const(1, NOWHERE);
        let first = self.first_of(len);
        let int4 = self.system_type("int4", NOWHERE, first);
        let cast = mk!(self, TypeCast, first, { arg: len, typeName: int4, location: NOWHERE });
        self.keep(&[one, cast]);
        self.special_done(frame, SQL_SYNTAX)
    }
}

/// How a call is spelled: as a plain one, or with keywords.
const PLAIN: bool = true;
const SQL_SYNTAX: bool = false;
