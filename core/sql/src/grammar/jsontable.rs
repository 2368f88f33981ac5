//! JSON_TABLE.
//!
//! Source: `json_table` to `json_table_column_path_clause_opt` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, Next, St, item};
use crate::grammar::sqljson::step;
use crate::grammar::types;
use crate::json::constant_kind;
use crate::nodes::e;
use crate::nodes::e::JsonTableColumnType as t;
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

impl Parser<'_> {
    /// `json_table`; its word is the current token, `(` the next. The context, the path's token, the path, its name and where that stands,
    /// what is passed and the columns lie under its items.
    pub(crate) fn json_table_start(&mut self, first: u32, lateral: bool) -> R<Next> {
        let word = self.here();
        self.at += 2;
        let frame = Frame::new(St::JsonTable, word, first, self.mark());
        Ok(self.expr(Frame { op: step::VALUE, flags: u8::from(lateral), ..frame }))
    }

    /// A part of it is complete.
    pub(crate) fn json_table(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::VALUE => {
                let context = self.json_value_of(value)?;
                self.expect(Kind::COMMA)?;
                let path = self.here();
                self.keep(&[context, path]);
                Ok(self.flagged_expr(Frame { op: step::PATH, ..frame }, 0))
            }
            step::PATH => {
                // The place is that of AS.
                let as_loc = self.loc();
                let (name, name_loc) = self.json_path_name()?;
                let name_loc = if name_loc == NOWHERE { NOWHERE } else { as_loc };
                self.keep(&[value, name.0, name_loc]);
                self.json_passing(Frame { op: step::PASSING, ..frame })
            }
            step::PASSING => {
                self.item(value);
                self.expect_all(&[Kind::COLUMNS, Kind::LPAREN])?;
                self.items(Frame { op: step::COLUMNS, ..frame }, item::JSON_COLUMN)
            }
            step::COLUMNS => {
                self.expect(Kind::RPAREN)?;
                self.item(value);
                self.json_behaviors_start(Frame { op: step::BEHAVIORS, ..frame }, true)
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                let node = self.json_table_node(frame, value)?;
                let alias = self.opt_alias()?;
                put!(self, node, JsonTable.alias, alias);
                Ok(self.whole_table(node))
            }
        }
    }

    fn json_table_node(&mut self, frame: Frame, on_error: u32) -> R {
        let [context, path_first, path, name, name_loc, passing, columns] = self.kept(frame.c);
        let path_loc = self.loc_of(path_first as usize);
        if !self.is_const(path, constant_kind::STRING) {
            let message = "only string constants are supported in JSON_TABLE path specification";
            return Err(self.refuse_feature(path_loc, message));
        }
        let string = TextId(got!(self, path, A_Const.val));
        let path = self.json_path(string, TextId(name), path_loc, name_loc, path_first);
        let loc = self.loc_of(frame.a as usize);
        Ok(mk!(self, JsonTable, frame.a, {
            context_item: context, pathspec: path, passing: passing, columns: columns, on_error: on_error,
            lateral: u32::from(frame.flags), location: loc
        }))
    }

    /// `AS name` behind a path, and where the name stands.
    fn json_path_name(&mut self) -> R<(TextId, u32)> {
        if !self.eat(Kind::AS) {
            return Ok((TextId::NONE, NOWHERE));
        }
        let loc = self.loc();
        Ok((self.col_id()?, loc))
    }

    /// `makeJsonTablePathSpec`.
    fn json_path(&mut self, string: TextId, name: TextId, loc: u32, name_loc: u32, first: u32) -> u32 {
        let string = self.string_const(string, loc);
        mk!(self, JsonTablePathSpec, first, {
            string: string, name: name.0, name_location: name_loc, location: loc
        })
    }

    /// `json_table_column_definition`. The kind of a column, its format, path, wrapper, quotes and what is done on empty lie under its items.
    pub(crate) fn json_column_start(&mut self) -> R<Next> {
        let (first, loc) = (self.here(), self.loc());
        let frame = Frame { op: step::TYPE, ..Frame::new(St::JsonColumn, first, 0, self.mark()) };
        if self.is(Kind::NESTED) && matches!(self.peek(1), Kind::PATH | Kind::SCONST) {
            // `nested path` could begin a column of type `path`: the server takes it for a nested path.
            return self.json_nested_column(frame);
        }
        let name = self.col_id()?;
        if self.eat(Kind::FOR) {
            self.expect(Kind::ORDINALITY)?;
            let kind = t::JTC_FOR_ORDINALITY;
            return Ok(Next::Ret(mk!(self, JsonTableColumn, first, {
                coltype: kind, name: name.0, location: loc
            })));
        }
        self.push(frame);
        self.start_type(types::FULL)
    }

    /// A part of a column is complete; `b` is its type.
    pub(crate) fn json_column(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        let first = frame.a;
        let loc = self.loc_of(first as usize);
        match frame.op {
            step::TYPE => {
                (frame.op, frame.b) = (step::BEHAVIORS, value);
                self.json_column_clauses(frame)
            }
            step::COLUMNS => {
                self.expect(Kind::RPAREN)?;
                let [path] = self.kept(frame.c);
                let kind = t::JTC_NESTED;
                Ok(Next::Ret(mk!(self, JsonTableColumn, first, {
                    coltype: kind, pathspec: path, columns: value, location: loc
                })))
            }
            _ => {
                let [kind, mut format, path, wrapper, quotes, on_empty] = self.kept(frame.c);
                if format == 0 {
                    format = self.json_format_default();
                }
                let name = TextId::token(first as usize);
                Ok(Next::Ret(mk!(self, JsonTableColumn, first, {
                    coltype: kind, name: name.0, typeName: frame.b, pathspec: path, format: format,
                    wrapper: wrapper, quotes: quotes, on_empty: on_empty, on_error: value, location: loc
                })))
            }
        }
    }

    fn json_column_clauses(&mut self, frame: Frame) -> R<Next> {
        let (mut kind, mut format) = (t::JTC_REGULAR, 0);
        if self.is(Kind::FORMAT_LA) {
            kind = t::JTC_FORMATTED;
            format = self.json_format_clause()?;
        } else if self.eat(Kind::EXISTS) {
            kind = t::JTC_EXISTS;
        }
        let path = self.json_column_path()?;
        let (mut wrapper, mut quotes) = (e::JsonWrapper::JSW_NONE, 0);
        if kind != t::JTC_EXISTS {
            wrapper = self.json_wrapper()?;
            quotes = self.json_quotes()?;
        }
        self.keep(&[kind, format, path, wrapper, quotes]);
        self.json_behaviors_start(frame, kind == t::JTC_EXISTS)
    }

    fn json_column_path(&mut self) -> R {
        if !self.eat(Kind::PATH) {
            return Ok(0);
        }
        let (first, loc) = (self.here(), self.loc());
        let string = self.sconst()?;
        Ok(self.json_path(string, TextId::NONE, loc, NOWHERE, first))
    }

    fn json_nested_column(&mut self, frame: Frame) -> R<Next> {
        self.bump();
        self.eat(Kind::PATH);
        let (path_first, path_loc) = (self.here(), self.loc());
        let string = self.sconst()?;
        let (name, name_loc) = self.json_path_name()?;
        self.expect_all(&[Kind::COLUMNS, Kind::LPAREN])?;
        let path = self.json_path(string, name, path_loc, name_loc, path_first);
        self.item(path);
        self.items(Frame { op: step::COLUMNS, ..frame }, item::JSON_COLUMN)
    }
}
