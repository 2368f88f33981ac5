//! SQL/JSON: constructors, aggregates, queries, predicates.
//!
//! Source: the `json_…` rules in gram.y, PostgreSQL 18.

use crate::grammar::expr::continues_select;
use crate::grammar::machine::{F_C, F_ROW, Frame, Next, St, item};
use crate::grammar::types;
use crate::nodes::{Tag, e};
use crate::parser::{NOWHERE, Parser, R, got, mk};
use crate::token::Kind;

/// What the frames of functions wait for; `a` is their first token, what has been read are the items from `c` on.
pub(crate) mod step {
    /// The name of a pair, as an operand and as a whole expression, and its value.
    pub const NAME: u8 = 0;
    pub const NAME_REST: u8 = 1;
    pub const PAIR: u8 = 2;
    /// Plain arguments.
    pub const ARGS: u8 = 3;
    /// The first value, which may be a select in parentheses, and the others.
    pub const FIRST: u8 = 4;
    pub const VALUE: u8 = 5;
    pub const QUERY: u8 = 6;
    pub const ORDER: u8 = 7;
    pub const OUTPUT: u8 = 8;
    /// The output of an array's query.
    pub const QUERY_OUTPUT: u8 = 9;
    pub const FILTER: u8 = 10;
    pub const OVER: u8 = 11;
    pub const PATH: u8 = 12;
    pub const PASSING: u8 = 13;
    pub const BEHAVIORS: u8 = 14;
    /// Of behaviours: on empty or on error, on error behind on empty.
    pub const EMPTY: u8 = 15;
    pub const ERROR: u8 = 16;
    /// Of a column of JSON_TABLE.
    pub const TYPE: u8 = 17;
    pub const COLUMNS: u8 = 18;
    pub const SCALAR: u8 = 19;
}

/// In the frame of a constructor: ABSENT ON NULL, WITH UNIQUE KEYS.
const ABSENT: u8 = 1;
const UNIQUE: u8 = 2;
/// In the frame of behaviours: only ON ERROR may stand there.
const ERROR_ONLY: u8 = 1;

impl Parser<'_> {
    /// `makeJsonFormat(JS_FORMAT_DEFAULT, JS_ENC_DEFAULT, -1)`.
    pub(crate) fn json_format_default(&mut self) -> u32 {
        let first = self.here();
        mk!(self, JsonFormat, first, { location: NOWHERE })
    }

    /// `json_format_clause`, where `FORMAT JSON` stands.
    pub(crate) fn json_format_clause(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.expect_all(&[Kind::FORMAT_LA, Kind::JSON])?;
        let mut encoding = e::JsonEncoding::JS_ENC_DEFAULT;
        if self.eat(Kind::ENCODING) {
            let at = self.newer_place(self.loc());
            let name = self.col_id()?;
            let text = self.read(name).to_ascii_lowercase();
            encoding = match text.as_str() {
                "utf8" => e::JsonEncoding::JS_ENC_UTF8,
                "utf16" => e::JsonEncoding::JS_ENC_UTF16,
                "utf32" => e::JsonEncoding::JS_ENC_UTF32,
                _ => {
                    let name = self.read(name).into_owned();
                    return Err(self.refuse(
                        "22023",
                        at,
                        alloc::format!("unrecognized JSON encoding: {name}"),
                    ));
                }
            };
        }
        let kind = e::JsonFormatType::JS_FORMAT_JSON;
        Ok(mk!(self, JsonFormat, first, { format_type: kind, encoding: encoding, location: loc }))
    }

    fn json_format_clause_opt(&mut self) -> R {
        if self.is(Kind::FORMAT_LA) { self.json_format_clause() } else { Ok(self.json_format_default()) }
    }

    pub(crate) fn json_value_of(&mut self, expr: u32) -> R {
        let first = self.first_of(expr);
        let format = self.json_format_clause_opt()?;
        Ok(mk!(self, JsonValueExpr, first, { raw_expr: expr, format: format }))
    }

    /// `json_returning_clause_opt` for `then`.
    fn json_returning(&mut self, then: Frame) -> R<Next> {
        self.push(then);
        let first = self.here();
        if !self.eat(Kind::RETURNING) {
            return Ok(Next::Ret(0));
        }
        self.push(Frame::new(St::JsonReturning, first, 0, 0));
        self.start_type(types::FULL)
    }

    pub(crate) fn json_output(&mut self, frame: Frame, type_name: u32) -> R<Next> {
        let first = frame.a;
        let format = self.json_format_clause_opt()?;
        let returning = mk!(self, JsonReturning, first, { format: format });
        Ok(Next::Ret(mk!(self, JsonOutput, first, { typeName: type_name, returning: returning })))
    }

    /// `json_key_uniqueness_constraint_opt`.
    pub(crate) fn json_key_uniqueness(&mut self) -> R<bool> {
        let with = self.is(Kind::WITH);
        if !with && !self.is(Kind::WITHOUT) {
            return Ok(false);
        }
        self.bump();
        self.expect(Kind::UNIQUE)?;
        self.eat(Kind::KEYS);
        Ok(with)
    }

    /// `NULL ON NULL` or `ABSENT ON NULL`: whether absent.
    fn json_null_clause(&mut self, default: bool) -> R<bool> {
        let absent = self.is(Kind::ABSENT);
        if !absent && !self.is(Kind::NULL) {
            return Ok(default);
        }
        self.bump();
        self.expect_all(&[Kind::ON, Kind::NULL])?;
        Ok(absent)
    }

    /// An SQL/JSON function; its word is the current token, `(` the next.
    pub(crate) fn json_function(&mut self, kind: Kind) -> R<Next> {
        let (first, mark) = (self.here(), self.mark());
        let frame = |st, op| Frame { op, ..Frame::new(st, first, 0, mark) };
        self.at += 2;
        match kind {
            Kind::JSON_OBJECT => self.json_object_start(frame(St::JsonObject, step::NAME)),
            Kind::JSON_ARRAY => self.json_array_start(frame(St::JsonArray, step::FIRST)),
            Kind::JSON_OBJECTAGG => self.json_name(frame(St::JsonAgg, step::NAME)),
            Kind::JSON_ARRAYAGG => Ok(self.expr(frame(St::JsonAgg, step::VALUE))),
            Kind::JSON_SCALAR => Ok(self.expr(frame(St::JsonValue, step::SCALAR))),
            Kind::JSON | Kind::JSON_SERIALIZE => Ok(self.expr(frame(St::JsonValue, step::VALUE))),
            _ => Ok(self.expr(frame(St::JsonQuery, step::VALUE))),
        }
    }

    /// A part of `JSON`, `JSON_SCALAR` or `JSON_SERIALIZE` is complete.
    pub(crate) fn json_value(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        let first = frame.a;
        let loc = self.loc_of(first as usize);
        let node = match frame.op {
            step::SCALAR => {
                self.expect(Kind::RPAREN)?;
                mk!(self, JsonScalarExpr, first, { expr: value, location: loc })
            }
            step::VALUE if self.tokens.kinds[first as usize] == Kind::JSON => {
                let value = self.json_value_of(value)?;
                let unique = self.json_key_uniqueness()?;
                self.expect(Kind::RPAREN)?;
                mk!(self, JsonParseExpr, first, {
                    expr: value, unique_keys: u32::from(unique), location: loc
                })
            }
            step::VALUE => {
                frame.b = self.json_value_of(value)?;
                return self.json_returning(Frame { op: step::OUTPUT, ..frame });
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                mk!(self, JsonSerializeExpr, first, { expr: frame.b, output: value, location: loc })
            }
        };
        Ok(Next::Oper(node))
    }

    /// Whether an expression begins here with an operator, so not with a `c_expr`.
    pub(crate) fn prefixed(&self) -> bool {
        match self.kind() {
            Kind::PLUS | Kind::MINUS | Kind::OP | Kind::NOT | Kind::NOT_LA | Kind::DEFAULT | Kind::UNIQUE => {
                true
            }
            Kind::OPERATOR => self.peek(1) == Kind::LPAREN,
            _ => false,
        }
    }

    // ---- pairs ----

    /// The name of a pair, before `VALUE` or `:`; else it is a plain argument.
    fn json_name(&mut self, frame: Frame) -> R<Next> {
        if self.prefixed() {
            return Ok(self.flagged_expr(Frame { op: step::NAME_REST, ..frame }, 0));
        }
        Ok(self.flagged_expr(Frame { op: step::NAME, ..frame }, F_C | F_ROW))
    }

    /// The operand that a name begins with is complete: it is all of it before `VALUE`.
    fn json_name_operand(&mut self, frame: Frame, operand: u32) -> Next {
        if self.eat(Kind::VALUE) {
            return self.json_pair_value(frame, operand);
        }
        self.expr_from(Frame { op: step::NAME_REST, ..frame }, operand)
    }

    /// The value of a pair whose name becomes an item.
    fn json_pair_value(&mut self, frame: Frame, name: u32) -> Next {
        self.item(name);
        self.flagged_expr(Frame { op: step::PAIR, ..frame }, 0)
    }

    /// A pair is complete; its name is the last item.
    fn json_pair(&mut self, value: u32) -> R {
        let value = self.json_value_of(value)?;
        let name = self.scratch.items.pop().unwrap_or(0);
        let first = self.first_of(name);
        Ok(mk!(self, JsonKeyValue, first, { key: name, value: value }))
    }

    // ---- JSON_OBJECT ----

    fn json_object_start(&mut self, frame: Frame) -> R<Next> {
        if matches!(self.kind(), Kind::RPAREN | Kind::RETURNING) {
            return self.json_object_output(frame);
        }
        if matches!(self.peek(1), Kind::COLON_EQUALS | Kind::EQUALS_GREATER) {
            return self.items(Frame { op: step::ARGS, ..frame }, item::ARG);
        }
        self.json_name(frame)
    }

    /// A part of `JSON_OBJECT` is complete.
    pub(crate) fn json_object(&mut self, frame: Frame, value: u32) -> R<Next> {
        let first = frame.a;
        match frame.op {
            step::NAME => Ok(self.json_name_operand(frame, value)),
            step::NAME_REST if self.eat(Kind::COLON) => Ok(self.json_pair_value(frame, value)),
            step::NAME_REST if self.mark() > frame.c => Err(self.unexpected()),
            // `JSON_OBJECT` as a plain function.
            step::NAME_REST => {
                self.push(Frame { op: step::ARGS, ..frame });
                let list = Frame { op: item::ARG, ..Frame::new(St::Items, 0, 0, self.mark()) };
                self.next_item(list, value)
            }
            step::ARGS => {
                self.expect(Kind::RPAREN)?;
                let loc = self.loc_of(first as usize);
                Ok(Next::Oper(self.system_call("json_object", value, loc, first)))
            }
            step::PAIR => {
                let pair = self.json_pair(value)?;
                self.item(pair);
                if self.eat(Kind::COMMA) { self.json_name(frame) } else { self.json_object_output(frame) }
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                let has = |bit: u8| u32::from(frame.flags & bit != 0);
                let loc = self.loc_of(first as usize);
                Ok(Next::Oper(mk!(self, JsonObjectConstructor, first, {
                    exprs: frame.b, output: value, absent_on_null: has(ABSENT), unique: has(UNIQUE), location: loc
                })))
            }
        }
    }

    fn json_object_output(&mut self, mut frame: Frame) -> R<Next> {
        frame.b = self.list_from(frame.c);
        if frame.b != 0 {
            frame.flags |= if self.json_null_clause(false)? { ABSENT } else { 0 };
            frame.flags |= if self.json_key_uniqueness()? { UNIQUE } else { 0 };
        }
        self.json_returning(Frame { op: step::OUTPUT, ..frame })
    }

    // ---- JSON_ARRAY ----

    fn json_array_start(&mut self, frame: Frame) -> R<Next> {
        if self.at_select() {
            self.push(Frame { op: step::QUERY, ..frame });
            return Ok(Next::Select);
        }
        if matches!(self.kind(), Kind::RPAREN | Kind::RETURNING) {
            return self.json_returning(Frame { op: step::OUTPUT, flags: ABSENT, ..frame });
        }
        Ok(self.expr(frame))
    }

    /// A part of `JSON_ARRAY` is complete.
    pub(crate) fn json_array(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::FIRST if self.json_array_goes_on(value) => {
                let select = got!(self, value, SubLink.subselect);
                self.push(Frame { op: step::QUERY, ..frame });
                Ok(self.select_from(select, frame.a + 2))
            }
            step::FIRST | step::VALUE => {
                let value = self.json_value_of(value)?;
                self.item(value);
                if self.eat(Kind::COMMA) {
                    return Ok(self.expr(Frame { op: step::VALUE, ..frame }));
                }
                frame.b = self.list_from(frame.c);
                frame.flags = if self.json_null_clause(true)? { ABSENT } else { 0 };
                self.json_returning(Frame { op: step::OUTPUT, ..frame })
            }
            step::QUERY => {
                let format = self.json_format_clause_opt()?;
                self.item(format);
                frame.b = value;
                self.json_returning(Frame { op: step::QUERY_OUTPUT, ..frame })
            }
            _ => self.json_array_done(frame, value).map(Next::Oper),
        }
    }

    /// Whether the first value was a select in parentheses that goes on.
    fn json_array_goes_on(&self, value: u32) -> bool {
        self.tree.tag(value) == Some(Tag::SubLink)
            && got!(self, value, SubLink.subLinkType) == e::SubLinkType::EXPR_SUBLINK
            && continues_select(self.kind())
    }

    fn json_array_done(&mut self, frame: Frame, output: u32) -> R {
        self.expect(Kind::RPAREN)?;
        let first = frame.a;
        let loc = self.loc_of(first as usize);
        if frame.op == step::QUERY_OUTPUT {
            let [format] = self.kept(frame.c);
            return Ok(mk!(self, JsonArrayQueryConstructor, first, {
                query: frame.b, output: output, format: format, absent_on_null: 1, location: loc
            }));
        }
        let absent = u32::from(frame.flags & ABSENT != 0);
        Ok(mk!(self, JsonArrayConstructor, first, {
            exprs: frame.b, output: output, absent_on_null: absent, location: loc
        }))
    }

    // ---- aggregates ----

    /// A part of an aggregate is complete: the argument, the keys, the output and the filter lie under its items.
    pub(crate) fn json_aggregate(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::NAME => return Ok(self.json_name_operand(frame, value)),
            step::NAME_REST => {
                self.expect(Kind::COLON)?;
                return Ok(self.json_pair_value(frame, value));
            }
            step::PAIR => {
                let pair = self.json_pair(value)?;
                self.keep(&[pair, 0]);
                frame.flags |= if self.json_null_clause(false)? { ABSENT } else { 0 };
                frame.flags |= if self.json_key_uniqueness()? { UNIQUE } else { 0 };
                return self.json_returning(Frame { op: step::OUTPUT, ..frame });
            }
            step::VALUE => {
                let value = self.json_value_of(value)?;
                self.item(value);
                frame.op = step::ORDER;
                return if self.is(Kind::ORDER) {
                    self.sort_clause(frame)
                } else {
                    self.json_aggregate(frame, 0)
                };
            }
            step::ORDER => {
                self.item(value);
                frame.flags |= if self.json_null_clause(true)? { ABSENT } else { 0 };
                return self.json_returning(Frame { op: step::OUTPUT, ..frame });
            }
            step::OUTPUT => {
                self.item(value);
                self.expect(Kind::RPAREN)?;
                frame.op = step::FILTER;
                if self.is(Kind::FILTER) && !self.windowless() {
                    return self.filter_clause(frame);
                }
                return self.json_aggregate(frame, 0);
            }
            step::FILTER => {
                if value != 0 {
                    self.expect(Kind::RPAREN)?;
                }
                self.item(value);
                frame.op = step::OVER;
                if !self.windowless() {
                    return self.over_clause(frame);
                }
            }
            _ => return Ok(self.json_aggregate_done(frame, value)),
        }
        Ok(self.json_aggregate_done(frame, 0))
    }

    fn json_aggregate_done(&mut self, frame: Frame, over: u32) -> Next {
        let first = frame.a;
        let loc = self.loc_of(first as usize);
        let [arg, order, output, filter] = self.kept(frame.c);
        let constructor = mk!(self, JsonAggConstructor, first, {
            output: output, agg_filter: filter, agg_order: order, over: over, location: loc
        });
        let has = |bit: u8| u32::from(frame.flags & bit != 0);
        Next::Oper(if self.tokens.kinds[first as usize] == Kind::JSON_OBJECTAGG {
            mk!(self, JsonObjectAgg, first, {
                constructor: constructor, arg: arg, absent_on_null: has(ABSENT), unique: has(UNIQUE)
            })
        } else {
            mk!(self, JsonArrayAgg, first, { constructor: constructor, arg: arg, absent_on_null: has(ABSENT) })
        })
    }

    // ---- queries ----

    /// A part of `JSON_QUERY`, `JSON_EXISTS` or `JSON_VALUE` is complete: the context, the path, what is passed, the output, the wrapper,
    /// the quotes and what is done on empty lie under its items.
    pub(crate) fn json_query(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        let word = self.tokens.kinds[frame.a as usize];
        match frame.op {
            step::VALUE => {
                let context = self.json_value_of(value)?;
                self.item(context);
                self.expect(Kind::COMMA)?;
                Ok(self.flagged_expr(Frame { op: step::PATH, ..frame }, 0))
            }
            step::PATH => {
                self.item(value);
                self.json_passing(Frame { op: step::PASSING, ..frame })
            }
            step::PASSING => {
                self.item(value);
                frame.op = step::OUTPUT;
                if word == Kind::JSON_EXISTS { self.json_query(frame, 0) } else { self.json_returning(frame) }
            }
            step::OUTPUT => {
                self.item(value);
                let (mut wrapper, mut quotes) = (0, 0);
                if word == Kind::JSON_QUERY {
                    wrapper = self.json_wrapper()?;
                    quotes = self.json_quotes()?;
                }
                self.keep(&[wrapper, quotes]);
                self.json_behaviors_start(Frame { op: step::BEHAVIORS, ..frame }, word == Kind::JSON_EXISTS)
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                let [context, path, passing, output, wrapper, quotes, on_empty] = self.kept(frame.c);
                let op = match word {
                    Kind::JSON_EXISTS => e::JsonExprOp::JSON_EXISTS_OP,
                    Kind::JSON_VALUE => e::JsonExprOp::JSON_VALUE_OP,
                    _ => e::JsonExprOp::JSON_QUERY_OP,
                };
                let loc = self.loc_of(frame.a as usize);
                Ok(Next::Oper(mk!(self, JsonFuncExpr, frame.a, {
                    op: op, context_item: context, pathspec: path, passing: passing, output: output,
                    on_empty: on_empty, on_error: value, wrapper: wrapper, quotes: quotes, location: loc
                })))
            }
        }
    }

    /// `json_passing_clause_opt` for `then`.
    pub(crate) fn json_passing(&mut self, then: Frame) -> R<Next> {
        if self.eat(Kind::PASSING) { self.items(then, item::JSON_ARGUMENT) } else { Ok(self.give(then, 0)) }
    }

    pub(crate) fn json_argument(&mut self, frame: Frame, value: u32) -> R<Next> {
        let value = self.json_value_of(value)?;
        self.expect(Kind::AS)?;
        let name = self.col_label()?;
        Ok(Next::Ret(mk!(self, JsonArgument, frame.a, { val: value, name: name.0 })))
    }

    pub(crate) fn json_wrapper(&mut self) -> R {
        use e::JsonWrapper as w;
        let mut wrapper = w::JSW_NONE;
        if self.eat(Kind::WITH) {
            wrapper = w::JSW_UNCONDITIONAL;
            if self.eat(Kind::CONDITIONAL) {
                wrapper = w::JSW_CONDITIONAL;
            } else {
                self.eat(Kind::UNCONDITIONAL);
            }
        } else if !self.eat(Kind::WITHOUT) {
            return Ok(w::JSW_UNSPEC);
        }
        self.eat(Kind::ARRAY);
        self.expect(Kind::WRAPPER)?;
        Ok(wrapper)
    }

    pub(crate) fn json_quotes(&mut self) -> R {
        use e::JsonQuotes as q;
        let quotes = match self.kind() {
            Kind::KEEP => q::JS_QUOTES_KEEP,
            Kind::OMIT => q::JS_QUOTES_OMIT,
            _ => return Ok(q::JS_QUOTES_UNSPEC),
        };
        self.bump();
        self.expect(Kind::QUOTES)?;
        if self.eat(Kind::ON) {
            self.expect_all(&[Kind::SCALAR, Kind::STRING])?;
        }
        Ok(quotes)
    }

    // ---- what to do with empty and faulty results ----

    /// `json_behavior`; 0 where none begins.
    fn json_behavior(&mut self, then: Frame) -> R<Next> {
        use e::JsonBehaviorType as b;
        self.push(then);
        let (first, loc) = (self.here(), self.loc());
        let mut kind = match self.kind() {
            Kind::DEFAULT => {
                self.bump();
                return Ok(self.flagged_expr(Frame::new(St::JsonDefault, first, 0, 0), 0));
            }
            Kind::ERROR => b::JSON_BEHAVIOR_ERROR,
            Kind::NULL => b::JSON_BEHAVIOR_NULL,
            Kind::TRUE => b::JSON_BEHAVIOR_TRUE,
            Kind::FALSE => b::JSON_BEHAVIOR_FALSE,
            Kind::UNKNOWN => b::JSON_BEHAVIOR_UNKNOWN,
            Kind::EMPTY => b::JSON_BEHAVIOR_EMPTY_ARRAY,
            _ => return Ok(Next::Ret(0)),
        };
        self.bump();
        if kind == b::JSON_BEHAVIOR_EMPTY_ARRAY && !self.eat(Kind::ARRAY) && self.eat(Kind::OBJECT) {
            kind = b::JSON_BEHAVIOR_EMPTY_OBJECT;
        }
        Ok(Next::Ret(mk!(self, JsonBehavior, first, { btype: kind, location: loc })))
    }

    pub(crate) fn json_default(&mut self, frame: Frame, expr: u32) -> Next {
        let (kind, loc) = (e::JsonBehaviorType::JSON_BEHAVIOR_DEFAULT, self.loc_of(frame.a as usize));
        Next::Ret(mk!(self, JsonBehavior, frame.a, { btype: kind, expr: expr, location: loc }))
    }

    /// `json_behavior_clause_opt`, `json_on_error_clause_opt`: on error for `then`; what to do on empty becomes an item.
    pub(crate) fn json_behaviors_start(&mut self, then: Frame, error_only: bool) -> R<Next> {
        self.push(then);
        let flags = if error_only { ERROR_ONLY } else { 0 };
        self.json_behavior(Frame { op: step::EMPTY, flags, ..Frame::new(St::JsonBehaviors, 0, 0, 0) })
    }

    pub(crate) fn json_behaviors(&mut self, frame: Frame, behavior: u32) -> R<Next> {
        if behavior != 0 {
            self.expect(Kind::ON)?;
        }
        if frame.op == step::EMPTY {
            if behavior != 0 && frame.flags & ERROR_ONLY == 0 && self.eat(Kind::EMPTY) {
                self.item(behavior);
                return self.json_behavior(Frame { op: step::ERROR, ..frame });
            }
            self.item(0);
        }
        if behavior != 0 {
            self.expect(Kind::ERROR)?;
        }
        Ok(Next::Ret(behavior))
    }
}
