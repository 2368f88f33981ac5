//! SET, RESET, SHOW, transactions, COPY.
//!
//! Source: `VariableSetStmt`, `VariableResetStmt`, `VariableShowStmt`, `TransactionStmt`, `CopyStmt` in gram.y,
//! PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

use e::VariableSetKind as v;

/// The fields of an interval that a time zone may have.
const ZONE_FIELDS: i32 = 1 << 10 | 1 << 11;

impl Parser<'_> {
    /// Whether the word here names a setting rather than a form of SET.
    fn names_setting(&self) -> bool {
        matches!(self.peek(1), Kind::TO | Kind::EQUALS | Kind::DOT | Kind::FROM)
    }

    /// `VariableSetStmt` and `ConstraintsSetStmt`; `SET` is the current token.
    pub(crate) fn set_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        if self.is(Kind::CONSTRAINTS) && !self.names_setting() {
            return self.set_constraints(first);
        }
        let mut local = false;
        if !self.names_setting() {
            match (self.kind(), self.peek(1)) {
                (Kind::LOCAL, _) => {
                    self.bump();
                    local = true;
                }
                (Kind::SESSION, Kind::AUTHORIZATION | Kind::CHARACTERISTICS) if self.session_form() => {}
                (Kind::SESSION, _) => self.bump(),
                _ => {}
            }
        }
        let node = self.set_rest(first, true)?;
        put!(self, node, VariableSetStmt.is_local, u32::from(local));
        Ok(node)
    }

    /// Whether `SESSION x` here is a form of its own and not the scope of a setting called x.
    fn session_form(&self) -> bool {
        !matches!(self.peek(2), Kind::TO | Kind::EQUALS | Kind::DOT) || self.peek(1) == Kind::AUTHORIZATION
    }

    fn set_constraints(&mut self, first: u32) -> R {
        self.bump();
        let constraints = if self.eat(Kind::ALL) { 0 } else { self.qualified_name_list()? };
        let deferred = self.eat(Kind::DEFERRED);
        if !deferred {
            self.expect(Kind::IMMEDIATE)?;
        }
        Ok(mk!(self, ConstraintsSetStmt, first, { constraints: constraints, deferred: u32::from(deferred) }))
    }

    fn variable(&mut self, first: u32, kind: u32, name: TextId, args: u32, loc: u32) -> u32 {
        mk!(self, VariableSetStmt, first, { kind: kind, name: name.0, args: args, location: loc })
    }

    /// `set_rest`, or `set_rest_more` where `whole` is false.
    pub(crate) fn set_rest(&mut self, first: u32, whole: bool) -> R {
        if self.names_setting() {
            return self.generic_set(first);
        }
        match self.kind() {
            Kind::TRANSACTION if self.peek(1) == Kind::SNAPSHOT => {
                self.at += 2;
                let name = self.lit("TRANSACTION SNAPSHOT");
                self.set_string(first, v::VAR_SET_MULTI, name, true)
            }
            Kind::TRANSACTION if whole => {
                self.bump();
                let name = self.lit("TRANSACTION");
                self.set_modes(first, name)
            }
            Kind::SESSION if whole && self.peek(1) == Kind::CHARACTERISTICS => {
                self.at += 2;
                self.expect_all(&[Kind::AS, Kind::TRANSACTION])?;
                let name = self.lit("SESSION CHARACTERISTICS");
                self.set_modes(first, name)
            }
            Kind::SESSION if self.peek(1) == Kind::AUTHORIZATION => {
                self.at += 2;
                let name = self.lit("session_authorization");
                if self.eat(Kind::DEFAULT) {
                    return Ok(self.variable(first, v::VAR_SET_DEFAULT, name, 0, NOWHERE));
                }
                self.set_string(first, v::VAR_SET_VALUE, name, false)
            }
            Kind::TIME => {
                self.bump();
                self.expect(Kind::ZONE)?;
                self.set_time_zone(first)
            }
            Kind::CATALOG => {
                self.bump();
                let loc = self.loc();
                self.sconst()?;
                Err(self.refuse_feature(loc, "current database cannot be changed"))
            }
            Kind::SCHEMA => {
                self.bump();
                let name = self.lit("search_path");
                self.set_string(first, v::VAR_SET_VALUE, name, true)
            }
            Kind::NAMES => self.set_names(first),
            Kind::ROLE => {
                self.bump();
                let name = self.lit("role");
                self.set_string(first, v::VAR_SET_VALUE, name, false)
            }
            Kind::XML => {
                self.bump();
                self.expect(Kind::OPTION)?;
                let loc = self.loc();
                let option = match self.kind() {
                    Kind::DOCUMENT => "DOCUMENT",
                    Kind::CONTENT => "CONTENT",
                    _ => return Err(self.unexpected()),
                };
                self.bump();
                let option = self.lit(option);
                let option = self.string_const(option, loc);
                let args = self.list(&[option]);
                let name = self.lit("xmloption");
                let node = self.variable(first, v::VAR_SET_VALUE, name, args, NOWHERE);
                put!(self, node, VariableSetStmt.jumble_args, 1);
                Ok(node)
            }
            _ => self.generic_set(first),
        }
    }

    /// A setting whose one value is a string, or also a word.
    fn set_string(&mut self, first: u32, kind: u32, name: TextId, quoted: bool) -> R {
        let loc = self.loc();
        let value = if quoted { self.sconst()? } else { self.word_or_string()? };
        let value = self.string_const(value, loc);
        let args = self.list(&[value]);
        Ok(self.variable(first, kind, name, args, loc))
    }

    fn set_modes(&mut self, first: u32, name: TextId) -> R {
        let modes = self.transaction_modes()?;
        if modes == 0 {
            return Err(self.unexpected());
        }
        let node = self.variable(first, v::VAR_SET_MULTI, name, modes, NOWHERE);
        put!(self, node, VariableSetStmt.jumble_args, 1);
        Ok(node)
    }

    fn set_names(&mut self, first: u32) -> R {
        self.bump();
        let name = self.lit("client_encoding");
        if self.is(Kind::SCONST) {
            return self.set_string(first, v::VAR_SET_VALUE, name, true);
        }
        let loc = if self.is(Kind::DEFAULT) { self.loc() } else { NOWHERE };
        self.eat(Kind::DEFAULT);
        Ok(self.variable(first, v::VAR_SET_DEFAULT, name, 0, loc))
    }

    fn set_time_zone(&mut self, first: u32) -> R {
        let name = self.lit("timezone");
        let loc = self.loc();
        let value = match self.kind() {
            Kind::DEFAULT | Kind::LOCAL => {
                self.bump();
                0
            }
            Kind::SCONST | Kind::IDENT => {
                let text = self.this_token();
                self.string_const(text, loc)
            }
            Kind::INTERVAL => self.zone_interval()?,
            _ => self.numeric_const()?,
        };
        let (kind, args) =
            if value == 0 { (v::VAR_SET_DEFAULT, 0) } else { (v::VAR_SET_VALUE, self.list(&[value])) };
        let node = self.variable(first, kind, name, args, NOWHERE);
        put!(self, node, VariableSetStmt.jumble_args, 1);
        Ok(node)
    }

    fn zone_interval(&mut self) -> R {
        if !matches!(self.peek(1), Kind::SCONST | Kind::LPAREN) {
            self.bump();
            return Err(self.unexpected());
        }
        let plain = self.peek(1) == Kind::SCONST;
        let fields_loc = self.tokens.starts.get(self.at + 2).copied().unwrap_or(NOWHERE);
        let node = self.interval_constant()?;
        let name = got!(self, node, TypeCast.typeName);
        let typmods = got!(self, name, TypeName.typmods);
        if plain && typmods != 0 {
            let mask = got!(self, self.tree.get(typmods, 1), A_Const.val) as i32;
            if mask & !ZONE_FIELDS != 0 {
                let message = "time zone interval must be HOUR or HOUR TO MINUTE";
                return Err(self.refuse_syntax(fields_loc, message));
            }
        }
        Ok(node)
    }

    /// `NumericOnly` as a constant.
    fn numeric_const(&mut self) -> R {
        let loc = self.loc();
        let number = self.numeric_only()?;
        Ok(match self.tree.tag(number) {
            Some(crate::nodes::Tag::Float) => {
                let text = TextId(got!(self, number, Float.fval));
                self.float_const(text, loc)
            }
            _ => {
                let value = got!(self, number, Integer.ival) as i32;
                self.int_const(value, loc)
            }
        })
    }

    /// `var_name`.
    pub(crate) fn var_name(&mut self) -> R<TextId> {
        let start = self.at;
        let mut name = self.col_id()?;
        while self.eat(Kind::DOT) {
            self.col_id()?;
        }
        if self.at > start + 1 {
            let mut joined = alloc::string::String::new();
            for token in (start..self.at).step_by(2) {
                if token > start {
                    joined.push('.');
                }
                joined.push_str(&self.read(TextId::token(token)));
            }
            name = self.lit(&joined);
        }
        Ok(name)
    }

    /// `generic_set`, `var_name FROM CURRENT`.
    pub(crate) fn generic_set(&mut self, first: u32) -> R {
        let name = self.var_name()?;
        if self.eat(Kind::FROM) {
            self.expect(Kind::CURRENT)?;
            return Ok(self.variable(first, v::VAR_SET_CURRENT, name, 0, NOWHERE));
        }
        if !self.eat(Kind::TO) {
            self.expect(Kind::EQUALS)?;
        }
        if self.eat(Kind::DEFAULT) {
            return Ok(self.variable(first, v::VAR_SET_DEFAULT, name, 0, NOWHERE));
        }
        let loc = self.loc();
        if self.has(Feature::SetNull) && self.eat(Kind::NULL) {
            let null = self.null_const(loc);
            let args = self.list(&[null]);
            return Ok(self.variable(first, v::VAR_SET_VALUE, name, args, loc));
        }
        let args = self.comma_list(Self::var_value)?;
        Ok(self.variable(first, v::VAR_SET_VALUE, name, args, loc))
    }

    /// Whether an `opt_boolean_or_string` stands here.
    pub(crate) fn at_word_or_string(&self) -> bool {
        matches!(self.kind(), Kind::TRUE | Kind::FALSE | Kind::ON | Kind::SCONST)
            || self.kind().is_non_reserved()
    }

    fn var_value(&mut self) -> R {
        let loc = self.loc();
        if self.at_word_or_string() {
            let text = self.this_token();
            return Ok(self.string_const(text, loc));
        }
        self.numeric_const()
    }

    /// `VariableResetStmt`; `RESET` is the current token.
    pub(crate) fn reset_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let (kind, name) = match (self.kind(), self.peek(1)) {
            (Kind::ALL, _) => {
                self.bump();
                (v::VAR_RESET_ALL, TextId::NONE)
            }
            (Kind::TIME, Kind::ZONE) => {
                self.at += 2;
                (v::VAR_RESET, self.lit("timezone"))
            }
            (Kind::TRANSACTION, Kind::ISOLATION) => {
                self.at += 2;
                self.expect(Kind::LEVEL)?;
                (v::VAR_RESET, self.lit("transaction_isolation"))
            }
            (Kind::SESSION, Kind::AUTHORIZATION) => {
                self.at += 2;
                (v::VAR_RESET, self.lit("session_authorization"))
            }
            _ => (v::VAR_RESET, self.var_name()?),
        };
        Ok(self.variable(first, kind, name, 0, NOWHERE))
    }

    /// `VariableShowStmt`; `SHOW` is the current token.
    pub(crate) fn show_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let name = match (self.kind(), self.peek(1)) {
            (Kind::ALL, _) => self.this_token(),
            (Kind::TIME, Kind::ZONE) => {
                self.at += 2;
                self.lit("timezone")
            }
            (Kind::TRANSACTION, Kind::ISOLATION) => {
                self.at += 2;
                self.expect(Kind::LEVEL)?;
                self.lit("transaction_isolation")
            }
            (Kind::SESSION, Kind::AUTHORIZATION) => {
                self.at += 2;
                self.lit("session_authorization")
            }
            _ => self.var_name()?,
        };
        Ok(mk!(self, VariableShowStmt, first, { name: name.0 }))
    }

    /// `SetResetClause`; with `whole` false, `FunctionSetResetClause`.
    pub(crate) fn set_reset_clause(&mut self, whole: bool) -> R {
        if self.is(Kind::RESET) {
            return self.reset_stmt();
        }
        let first = self.here();
        self.expect(Kind::SET)?;
        self.set_rest(first, whole)
    }

    // ---- transactions ----

    /// `transaction_mode_list_or_empty`.
    pub(crate) fn transaction_modes(&mut self) -> R {
        let mark = self.mark();
        let mut comma = false;
        loop {
            let first = self.at;
            let loc = self.loc();
            let (name, arg) = match self.kind() {
                Kind::ISOLATION => {
                    self.bump();
                    self.expect(Kind::LEVEL)?;
                    ("transaction_isolation", self.iso_level()?)
                }
                Kind::READ => {
                    self.bump();
                    let only = self.eat(Kind::ONLY);
                    if !only {
                        self.expect(Kind::WRITE)?;
                    }
                    ("transaction_read_only", self.int_const(i32::from(only), loc))
                }
                Kind::DEFERRABLE => {
                    self.bump();
                    ("transaction_deferrable", self.int_const(1, loc))
                }
                Kind::NOT => {
                    self.bump();
                    self.expect(Kind::DEFERRABLE)?;
                    ("transaction_deferrable", self.int_const(0, loc))
                }
                _ if comma => return Err(self.unexpected()),
                _ => return Ok(self.list_from(mark)),
            };
            let item = self.def(name, arg, first);
            self.item(item);
            comma = self.eat(Kind::COMMA);
        }
    }

    fn iso_level(&mut self) -> R {
        let loc = self.loc();
        let level = match (self.kind(), self.peek(1)) {
            (Kind::SERIALIZABLE, _) => {
                self.bump();
                "serializable"
            }
            (Kind::REPEATABLE, _) => {
                self.bump();
                self.expect(Kind::READ)?;
                "repeatable read"
            }
            _ => {
                self.expect(Kind::READ)?;
                let committed = self.eat(Kind::COMMITTED);
                if !committed {
                    self.expect(Kind::UNCOMMITTED)?;
                }
                if committed { "read committed" } else { "read uncommitted" }
            }
        };
        let level = self.lit(level);
        Ok(self.string_const(level, loc))
    }

    fn transaction(&mut self, first: u32, kind: u32, loc: u32) -> u32 {
        mk!(self, TransactionStmt, first, { kind: kind, location: loc })
    }

    /// `TransactionStmt` and `TransactionStmtLegacy`; not `PREPARE TRANSACTION`.
    pub(crate) fn transaction_stmt(&mut self) -> R {
        use e::TransactionStmtKind as k;
        let first = self.here();
        let kind = self.kind();
        self.bump();
        match kind {
            Kind::BEGIN | Kind::START => {
                if kind == Kind::START {
                    self.expect(Kind::TRANSACTION)?;
                } else if !self.eat(Kind::WORK) {
                    self.eat(Kind::TRANSACTION);
                }
                let modes = self.transaction_modes()?;
                let what = if kind == Kind::START { k::TRANS_STMT_START } else { k::TRANS_STMT_BEGIN };
                let node = self.transaction(first, what, NOWHERE);
                put!(self, node, TransactionStmt.options, modes);
                Ok(node)
            }
            Kind::SAVEPOINT => self.savepoint(first, k::TRANS_STMT_SAVEPOINT),
            Kind::RELEASE => {
                self.eat_savepoint_word();
                self.savepoint(first, k::TRANS_STMT_RELEASE)
            }
            _ => self.end_transaction(first, kind),
        }
    }

    /// Takes `SAVEPOINT` where a name follows; else the word is the name.
    fn eat_savepoint_word(&mut self) {
        if self.is(Kind::SAVEPOINT) && self.peek(1).is_col_id() {
            self.bump();
        }
    }

    fn savepoint(&mut self, first: u32, kind: u32) -> R {
        let loc = self.loc();
        let name = self.col_id()?;
        let node = self.transaction(first, kind, loc);
        put!(self, node, TransactionStmt.savepoint_name, name.0);
        Ok(node)
    }

    /// `PREPARED Sconst` and its kin.
    pub(crate) fn prepared(&mut self, first: u32, kind: u32) -> R {
        let loc = self.loc();
        let gid = self.sconst()?;
        let node = self.transaction(first, kind, loc);
        put!(self, node, TransactionStmt.gid, gid.0);
        Ok(node)
    }

    /// `COMMIT`, `END`, `ROLLBACK`, `ABORT` behind their word.
    fn end_transaction(&mut self, first: u32, kind: Kind) -> R {
        use e::TransactionStmtKind as k;
        let rollback = matches!(kind, Kind::ROLLBACK | Kind::ABORT);
        if matches!(kind, Kind::COMMIT | Kind::ROLLBACK) && self.eat(Kind::PREPARED) {
            let what = if rollback { k::TRANS_STMT_ROLLBACK_PREPARED } else { k::TRANS_STMT_COMMIT_PREPARED };
            return self.prepared(first, what);
        }
        if !self.eat(Kind::WORK) {
            self.eat(Kind::TRANSACTION);
        }
        if kind == Kind::ROLLBACK && self.eat(Kind::TO) {
            self.eat_savepoint_word();
            return self.savepoint(first, k::TRANS_STMT_ROLLBACK_TO);
        }
        let mut chain = false;
        if self.eat(Kind::AND) {
            chain = !self.eat(Kind::NO);
            self.expect(Kind::CHAIN)?;
        }
        let what = if rollback { k::TRANS_STMT_ROLLBACK } else { k::TRANS_STMT_COMMIT };
        let node = self.transaction(first, what, NOWHERE);
        put!(self, node, TransactionStmt.chain, u32::from(chain));
        Ok(node)
    }

    // ---- COPY ----

    /// `CopyStmt`; `COPY` is the current token.
    pub(crate) fn copy_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        if self.eat(Kind::LPAREN) {
            return self.copy_query(first);
        }
        let mark = self.mark();
        if self.is(Kind::BINARY) {
            let option = self.copy_word("format", "binary");
            self.item(option);
        }
        let relation = self.qualified_name()?;
        let columns = self.opt_name_list_parens()?;
        let is_from = self.eat(Kind::FROM);
        if !is_from {
            self.expect(Kind::TO)?;
        }
        let program = self.eat(Kind::PROGRAM);
        let file = self.copy_file_name()?;
        let mut delimiter_loc = NOWHERE;
        if matches!(self.kind(), Kind::USING | Kind::DELIMITERS) {
            delimiter_loc = self.loc();
            self.eat(Kind::USING);
            let at = self.at;
            self.expect(Kind::DELIMITERS)?;
            let value = self.sconst()?;
            let option = self.def("delimiter", value.node(), at);
            self.item(option);
        }
        self.eat(Kind::WITH);
        self.copy_options()?;
        let where_loc = if self.is(Kind::WHERE) { self.loc() } else { NOWHERE };
        let condition = self.where_clause()?;
        if program && file == TextId::NONE {
            return Err(self.refuse_syntax(delimiter_loc, "STDIN/STDOUT not allowed with PROGRAM"));
        }
        if !is_from && condition != 0 {
            return Err(self.refuse_syntax(where_loc, "WHERE clause not allowed with COPY TO"));
        }
        let options = self.list_from(mark);
        Ok(mk!(self, CopyStmt, first, {
            relation: relation, attlist: columns, is_from: u32::from(is_from), is_program: u32::from(program),
            filename: file.0, options: options, whereClause: condition
        }))
    }

    fn copy_query(&mut self, first: u32) -> R {
        let query = self.preparable_stmt()?;
        self.expect(Kind::RPAREN)?;
        let to_loc = self.loc();
        self.expect(Kind::TO)?;
        let program = self.eat(Kind::PROGRAM);
        let file = self.copy_file_name()?;
        self.eat(Kind::WITH);
        let mark = self.mark();
        self.copy_options()?;
        if program && file == TextId::NONE {
            return Err(self.refuse_syntax(to_loc, "STDIN/STDOUT not allowed with PROGRAM"));
        }
        let options = self.list_from(mark);
        Ok(mk!(self, CopyStmt, first, {
            query: query, is_program: u32::from(program), filename: file.0, options: options
        }))
    }

    fn copy_file_name(&mut self) -> R<TextId> {
        if self.eat(Kind::STDIN) || self.eat(Kind::STDOUT) {
            return Ok(TextId::NONE);
        }
        self.sconst()
    }

    /// A word that stands for an option; takes it.
    fn copy_word(&mut self, name: &str, value: &str) -> u32 {
        let first = self.at;
        self.bump();
        let value = self.lit_node(value);
        self.def(name, value, first)
    }

    /// `copy_options`: adds them to the list that is being collected.
    fn copy_options(&mut self) -> R<()> {
        if self.eat(Kind::LPAREN) {
            loop {
                let first = self.at;
                let format = self.is(Kind::FORMAT_LA) && self.has(Feature::CopyJson);
                let name = if format { self.this_token() } else { self.col_label()? };
                let arg = self.copy_generic_arg()?;
                let option = self.def_named(name, arg, first);
                self.item(option);
                if !self.eat(Kind::COMMA) {
                    return self.expect(Kind::RPAREN);
                }
            }
        }
        while let Some(option) = self.copy_option()? {
            self.item(option);
        }
        Ok(())
    }

    fn copy_generic_arg(&mut self) -> R {
        let first = self.here();
        let default = self.is(Kind::DEFAULT) && self.has(Feature::CopyOptionDefault);
        if self.at_word_or_string() || default {
            return Ok(self.this_token().node());
        }
        match self.kind() {
            Kind::STAR => {
                self.bump();
                Ok(mk!(self, A_Star, first))
            }
            Kind::LPAREN => {
                let list = self.paren_list(|p| {
                    if !p.at_word_or_string() {
                        return Err(p.unexpected());
                    }
                    Ok(p.this_token().node())
                })?;
                Ok(self.list_node(list, first))
            }
            Kind::ICONST | Kind::FCONST | Kind::PLUS | Kind::MINUS => self.numeric_only(),
            _ => Ok(0),
        }
    }

    /// `copy_opt_item`; `None` where none begins.
    fn copy_option(&mut self) -> R<Option<u32>> {
        let first = self.at;
        let here = self.here();
        let string = match self.kind() {
            Kind::BINARY => return Ok(Some(self.copy_word("format", "binary"))),
            Kind::CSV => return Ok(Some(self.copy_word("format", "csv"))),
            Kind::JSON if self.has(Feature::CopyJson) => {
                return Ok(Some(self.copy_word("format", "json")));
            }
            Kind::FREEZE | Kind::HEADER => {
                let name = if self.is(Kind::FREEZE) { "freeze" } else { "header" };
                self.bump();
                let yes = self.boolean(true, here);
                return Ok(Some(self.def(name, yes, first)));
            }
            Kind::FORCE => return self.copy_force(first).map(Some),
            Kind::DELIMITER => "delimiter",
            Kind::NULL => "null",
            Kind::QUOTE => "quote",
            Kind::ESCAPE => "escape",
            Kind::ENCODING => "encoding",
            _ => return Ok(None),
        };
        self.bump();
        if string != "encoding" {
            self.eat(Kind::AS);
        }
        let value = self.sconst()?;
        Ok(Some(self.def(string, value.node(), first)))
    }

    fn copy_force(&mut self, first: usize) -> R {
        self.bump();
        let name = match self.kind() {
            Kind::QUOTE => "force_quote",
            Kind::NULL => "force_null",
            Kind::NOT => {
                self.bump();
                if !self.is(Kind::NULL) {
                    return Err(self.unexpected());
                }
                "force_not_null"
            }
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let at = self.here();
        let all = name == "force_quote" || self.has(Feature::CopyForceAll);
        let arg = if all && self.eat(Kind::STAR) {
            mk!(self, A_Star, at)
        } else {
            let columns = self.name_list()?;
            self.list_node(columns, at)
        };
        Ok(self.def(name, arg, first))
    }
}
