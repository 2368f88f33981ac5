//! SQL/JSON: constructors, queries, predicates, JSON_TABLE.
//!
//! Source: the `json_…` rules in gram.y, PostgreSQL 18.

use crate::grammar::expr::continues_select;
use crate::grammar::machine::{F_C, F_ROW, Frame, Next, St};
use crate::json::constant_kind;
use crate::nodes::{Tag, e};
use crate::parser::{NOWHERE, Parser, R, got, mk};
use crate::token::Kind;
use crate::tree::TextId;

impl Parser<'_> {
    /// `makeJsonFormat(JS_FORMAT_DEFAULT, JS_ENC_DEFAULT, -1)`.
    pub(crate) fn json_format_default(&mut self) -> u32 {
        let first = self.here();
        mk!(self, JsonFormat, first, { location: NOWHERE })
    }

    /// `json_format_clause`, where `FORMAT JSON` stands.
    fn json_format_clause(&mut self) -> R {
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

    /// `json_value_expr`.
    fn json_value_expr(&mut self) -> R {
        let expr = self.a_expr()?;
        self.json_value_of(expr)
    }

    fn json_value_of(&mut self, expr: u32) -> R {
        let first = self.first_of(expr);
        let format = self.json_format_clause_opt()?;
        Ok(mk!(self, JsonValueExpr, first, { raw_expr: expr, format: format }))
    }

    /// `json_returning_clause_opt`.
    fn json_returning(&mut self) -> R {
        let first = self.here();
        if !self.eat(Kind::RETURNING) {
            return Ok(0);
        }
        let name = self.typename()?;
        let format = self.json_format_clause_opt()?;
        let returning = mk!(self, JsonReturning, first, { format: format });
        Ok(mk!(self, JsonOutput, first, { typeName: name, returning: returning }))
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
    pub(crate) fn json_function(&mut self, kind: Kind) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.at += 2;
        let node = match kind {
            Kind::JSON_OBJECT => return self.json_object(first, loc),
            Kind::JSON_ARRAY => self.json_array(first, loc)?,
            Kind::JSON_OBJECTAGG | Kind::JSON_ARRAYAGG => return self.json_aggregate(kind, first, loc),
            Kind::JSON => {
                let value = self.json_value_expr()?;
                let unique = self.json_key_uniqueness()?;
                self.expect(Kind::RPAREN)?;
                return Ok(mk!(self, JsonParseExpr, first, {
                    expr: value, unique_keys: u32::from(unique), location: loc
                }));
            }
            Kind::JSON_SCALAR => {
                let value = self.a_expr()?;
                self.expect(Kind::RPAREN)?;
                return Ok(mk!(self, JsonScalarExpr, first, { expr: value, location: loc }));
            }
            Kind::JSON_SERIALIZE => {
                let value = self.json_value_expr()?;
                let output = self.json_returning()?;
                self.expect(Kind::RPAREN)?;
                return Ok(
                    mk!(self, JsonSerializeExpr, first, { expr: value, output: output, location: loc }),
                );
            }
            _ => self.json_query(kind, first, loc)?,
        };
        Ok(node)
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

    /// An `a_expr` that goes on from an operand that has been read.
    pub(crate) fn a_expr_from(&mut self, operand: u32) -> R {
        self.run(|p| {
            p.push(Frame::new(St::End, 0, 0, 0));
            Ok(Next::Oper(operand))
        })
    }

    /// The name of a pair, and whether `VALUE` or `:` stands behind it; else a plain argument.
    fn json_name(&mut self) -> R<(u32, bool)> {
        if self.prefixed() {
            let expr = self.a_expr()?;
            return Ok((expr, self.eat(Kind::COLON)));
        }
        let operand = self.run(|p| Ok(p.start_expr(F_C | F_ROW)))?;
        if self.eat(Kind::VALUE) {
            return Ok((operand, true));
        }
        let expr = self.a_expr_from(operand)?;
        Ok((expr, self.eat(Kind::COLON)))
    }

    fn json_pair(&mut self, name: u32) -> R {
        let value = self.json_value_expr()?;
        let first = self.first_of(name);
        Ok(mk!(self, JsonKeyValue, first, { key: name, value: value }))
    }

    fn json_object(&mut self, first: u32, loc: u32) -> R {
        let mut exprs = 0;
        if !matches!(self.kind(), Kind::RPAREN | Kind::RETURNING) {
            let named = matches!(self.peek(1), Kind::COLON_EQUALS | Kind::EQUALS_GREATER);
            let (arg, pair) = if named { (self.func_arg()?, false) } else { self.json_name()? };
            if !pair {
                return self.json_object_call(arg, first, loc);
            }
            let mark = self.mark();
            let item = self.json_pair(arg)?;
            self.item(item);
            while self.eat(Kind::COMMA) {
                let (name, pair) = self.json_name()?;
                if !pair {
                    return Err(self.unexpected());
                }
                let item = self.json_pair(name)?;
                self.item(item);
            }
            exprs = self.list_from(mark);
        }
        let absent = exprs != 0 && self.json_null_clause(false)?;
        let unique = exprs != 0 && self.json_key_uniqueness()?;
        let output = self.json_returning()?;
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, JsonObjectConstructor, first, {
            exprs: exprs, output: output, absent_on_null: u32::from(absent), unique: u32::from(unique),
            location: loc
        }))
    }

    /// `JSON_OBJECT` as a plain function.
    fn json_object_call(&mut self, arg: u32, first: u32, loc: u32) -> R {
        let mark = self.mark();
        self.item(arg);
        while self.eat(Kind::COMMA) {
            let arg = self.func_arg()?;
            self.item(arg);
        }
        self.expect(Kind::RPAREN)?;
        let args = self.list_from(mark);
        Ok(self.system_call("json_object", args, loc, first))
    }

    fn json_array(&mut self, first: u32, loc: u32) -> R {
        if self.at_select() {
            let query = self.select_stmt()?;
            return self.json_array_query(query, first, loc);
        }
        let mut exprs = 0;
        let mut absent = true;
        if !matches!(self.kind(), Kind::RPAREN | Kind::RETURNING) {
            let paren = self.here();
            let value = self.a_expr()?;
            let link = self.tree.tag(value) == Some(Tag::SubLink)
                && got!(self, value, SubLink.subLinkType) == e::SubLinkType::EXPR_SUBLINK;
            if link && continues_select(self.kind()) {
                let select = got!(self, value, SubLink.subselect);
                let query = self.run(|p| Ok(p.select_from(select, paren)))?;
                return self.json_array_query(query, first, loc);
            }
            let mark = self.mark();
            let item = self.json_value_of(value)?;
            self.item(item);
            while self.eat(Kind::COMMA) {
                let item = self.json_value_expr()?;
                self.item(item);
            }
            exprs = self.list_from(mark);
            absent = self.json_null_clause(true)?;
        }
        let output = self.json_returning()?;
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, JsonArrayConstructor, first, {
            exprs: exprs, output: output, absent_on_null: u32::from(absent), location: loc
        }))
    }

    fn json_array_query(&mut self, query: u32, first: u32, loc: u32) -> R {
        let format = self.json_format_clause_opt()?;
        let output = self.json_returning()?;
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, JsonArrayQueryConstructor, first, {
            query: query, output: output, format: format, absent_on_null: 1, location: loc
        }))
    }

    fn json_aggregate(&mut self, kind: Kind, first: u32, loc: u32) -> R {
        let object = kind == Kind::JSON_OBJECTAGG;
        let (mut order, mut unique) = (0, false);
        let (arg, absent);
        if object {
            let (name, pair) = self.json_name()?;
            if !pair {
                return Err(self.unexpected());
            }
            arg = self.json_pair(name)?;
            absent = self.json_null_clause(false)?;
            unique = self.json_key_uniqueness()?;
        } else {
            arg = self.json_value_expr()?;
            order = self.opt_sort_clause()?;
            absent = self.json_null_clause(true)?;
        }
        let output = self.json_returning()?;
        self.expect(Kind::RPAREN)?;
        let (mut filter, mut over) = (0, 0);
        if !self.windowless() {
            filter = self.filter_clause()?;
            over = self.over_clause()?;
        }
        let constructor = mk!(self, JsonAggConstructor, first, {
            output: output, agg_filter: filter, agg_order: order, over: over, location: loc
        });
        let absent = u32::from(absent);
        if object {
            return Ok(mk!(self, JsonObjectAgg, first, {
                constructor: constructor, arg: arg, absent_on_null: absent, unique: u32::from(unique)
            }));
        }
        Ok(mk!(self, JsonArrayAgg, first, { constructor: constructor, arg: arg, absent_on_null: absent }))
    }

    /// `JSON_QUERY`, `JSON_EXISTS`, `JSON_VALUE` behind their `(`.
    fn json_query(&mut self, kind: Kind, first: u32, loc: u32) -> R {
        let context = self.json_value_expr()?;
        self.expect(Kind::COMMA)?;
        let path = self.a_expr()?;
        let passing = self.json_passing()?;
        let (mut output, mut wrapper, mut quotes, mut on_empty) = (0, 0, 0, 0);
        let on_error;
        let op = match kind {
            Kind::JSON_EXISTS => {
                on_error = self.json_on_error()?;
                e::JsonExprOp::JSON_EXISTS_OP
            }
            Kind::JSON_VALUE => {
                output = self.json_returning()?;
                (on_empty, on_error) = self.json_behaviors()?;
                e::JsonExprOp::JSON_VALUE_OP
            }
            _ => {
                output = self.json_returning()?;
                wrapper = self.json_wrapper()?;
                quotes = self.json_quotes()?;
                (on_empty, on_error) = self.json_behaviors()?;
                e::JsonExprOp::JSON_QUERY_OP
            }
        };
        self.expect(Kind::RPAREN)?;
        Ok(mk!(self, JsonFuncExpr, first, {
            op: op, context_item: context, pathspec: path, passing: passing, output: output,
            on_empty: on_empty, on_error: on_error, wrapper: wrapper, quotes: quotes, location: loc
        }))
    }

    /// `json_passing_clause_opt`.
    fn json_passing(&mut self) -> R {
        if !self.eat(Kind::PASSING) {
            return Ok(0);
        }
        self.comma_list(|p| {
            let first = p.here();
            let value = p.json_value_expr()?;
            p.expect(Kind::AS)?;
            let name = p.col_label()?;
            Ok(mk!(p, JsonArgument, first, { val: value, name: name.0 }))
        })
    }

    fn json_wrapper(&mut self) -> R {
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

    fn json_quotes(&mut self) -> R {
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

    /// `json_behavior`; 0 where none begins.
    fn json_behavior(&mut self) -> R {
        use e::JsonBehaviorType as b;
        let (first, loc) = (self.here(), self.loc());
        let kind = match self.kind() {
            Kind::DEFAULT => {
                self.bump();
                let expr = self.a_expr()?;
                let kind = b::JSON_BEHAVIOR_DEFAULT;
                return Ok(mk!(self, JsonBehavior, first, { btype: kind, expr: expr, location: loc }));
            }
            Kind::ERROR => b::JSON_BEHAVIOR_ERROR,
            Kind::NULL => b::JSON_BEHAVIOR_NULL,
            Kind::TRUE => b::JSON_BEHAVIOR_TRUE,
            Kind::FALSE => b::JSON_BEHAVIOR_FALSE,
            Kind::UNKNOWN => b::JSON_BEHAVIOR_UNKNOWN,
            Kind::EMPTY => b::JSON_BEHAVIOR_EMPTY_ARRAY,
            _ => return Ok(0),
        };
        self.bump();
        let mut kind = kind;
        if kind == b::JSON_BEHAVIOR_EMPTY_ARRAY && !self.eat(Kind::ARRAY) && self.eat(Kind::OBJECT) {
            kind = b::JSON_BEHAVIOR_EMPTY_OBJECT;
        }
        Ok(mk!(self, JsonBehavior, first, { btype: kind, location: loc }))
    }

    /// `json_behavior_clause_opt`: on empty, on error.
    fn json_behaviors(&mut self) -> R<(u32, u32)> {
        let first = self.json_behavior()?;
        if first == 0 {
            return Ok((0, 0));
        }
        self.expect(Kind::ON)?;
        if self.eat(Kind::ERROR) {
            return Ok((0, first));
        }
        self.expect(Kind::EMPTY)?;
        let second = self.json_behavior()?;
        if second != 0 {
            self.expect_all(&[Kind::ON, Kind::ERROR])?;
        }
        Ok((first, second))
    }

    /// `json_on_error_clause_opt`.
    fn json_on_error(&mut self) -> R {
        let behavior = self.json_behavior()?;
        if behavior != 0 {
            self.expect_all(&[Kind::ON, Kind::ERROR])?;
        }
        Ok(behavior)
    }

    // ---- JSON_TABLE ----

    /// `json_table`; its word is the current token.
    pub(crate) fn json_table(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        self.expect(Kind::LPAREN)?;
        let context = self.json_value_expr()?;
        self.expect(Kind::COMMA)?;
        let (path_first, path_loc) = (self.here(), self.loc());
        let path = self.a_expr()?;
        let (mut name, mut name_loc) = (TextId::NONE, NOWHERE);
        if self.is(Kind::AS) {
            name_loc = self.loc();
            self.bump();
            name = self.col_id()?;
        }
        let passing = self.json_passing()?;
        self.expect(Kind::COLUMNS)?;
        let columns = self.json_table_columns()?;
        let on_error = self.json_on_error()?;
        self.expect(Kind::RPAREN)?;
        if !self.is_const(path, constant_kind::STRING) {
            let message = "only string constants are supported in JSON_TABLE path specification";
            return Err(self.refuse_feature(path_loc, message));
        }
        let string = TextId(got!(self, path, A_Const.val));
        let path = self.json_path(string, name, path_loc, name_loc, path_first);
        Ok(mk!(self, JsonTable, first, {
            context_item: context, pathspec: path, passing: passing, columns: columns, on_error: on_error,
            location: loc
        }))
    }

    /// `makeJsonTablePathSpec`.
    fn json_path(&mut self, string: TextId, name: TextId, loc: u32, name_loc: u32, first: u32) -> u32 {
        let string = self.string_const(string, loc);
        mk!(self, JsonTablePathSpec, first, {
            string: string, name: name.0, name_location: name_loc, location: loc
        })
    }

    /// `( json_table_column_definition_list )`.
    fn json_table_columns(&mut self) -> R {
        self.nested(|p| p.paren_list(Self::json_table_column))
    }

    fn json_table_column(&mut self) -> R {
        use e::JsonTableColumnType as t;
        let (first, loc) = (self.here(), self.loc());
        if self.is(Kind::NESTED) && matches!(self.peek(1), Kind::PATH | Kind::SCONST) {
            // `nested path` could begin a column of type `path`: the server takes it for a nested path.
            return self.json_nested_column();
        }
        let name = self.col_id()?;
        if self.eat(Kind::FOR) {
            self.expect(Kind::ORDINALITY)?;
            let kind = t::JTC_FOR_ORDINALITY;
            return Ok(mk!(self, JsonTableColumn, first, { coltype: kind, name: name.0, location: loc }));
        }
        let type_name = self.typename()?;
        let (mut kind, mut format) = (t::JTC_REGULAR, 0);
        if self.is(Kind::FORMAT_LA) {
            kind = t::JTC_FORMATTED;
            format = self.json_format_clause()?;
        } else if self.eat(Kind::EXISTS) {
            kind = t::JTC_EXISTS;
        }
        let path = self.json_column_path()?;
        let (mut wrapper, mut quotes, mut on_empty) = (0, 0, 0);
        let on_error;
        if kind == t::JTC_EXISTS {
            wrapper = e::JsonWrapper::JSW_NONE;
            on_error = self.json_on_error()?;
        } else {
            wrapper = self.json_wrapper()?.max(wrapper);
            quotes = self.json_quotes()?.max(quotes);
            (on_empty, on_error) = self.json_behaviors()?;
        }
        if format == 0 {
            format = self.json_format_default();
        }
        Ok(mk!(self, JsonTableColumn, first, {
            coltype: kind, name: name.0, typeName: type_name, pathspec: path, format: format,
            wrapper: wrapper, quotes: quotes, on_empty: on_empty, on_error: on_error, location: loc
        }))
    }

    fn json_column_path(&mut self) -> R {
        if !self.eat(Kind::PATH) {
            return Ok(0);
        }
        let (first, loc) = (self.here(), self.loc());
        let string = self.sconst()?;
        Ok(self.json_path(string, TextId::NONE, loc, NOWHERE, first))
    }

    fn json_nested_column(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        self.eat(Kind::PATH);
        let (path_first, path_loc) = (self.here(), self.loc());
        let string = self.sconst()?;
        let (mut name, mut name_loc) = (TextId::NONE, NOWHERE);
        if self.eat(Kind::AS) {
            name_loc = self.loc();
            name = self.col_id()?;
        }
        self.expect(Kind::COLUMNS)?;
        let columns = self.json_table_columns()?;
        let path = self.json_path(string, name, path_loc, name_loc, path_first);
        let kind = e::JsonTableColumnType::JTC_NESTED;
        Ok(mk!(self, JsonTableColumn, first, {
            coltype: kind, pathspec: path, columns: columns, location: loc
        }))
    }
}
