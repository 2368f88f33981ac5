//! Triggers, rules, views, schemas.
//!
//! Source: `CreateTrigStmt`, `RuleStmt`, `ViewStmt`, `CreateSchemaStmt` in gram.y, PostgreSQL 18.

use crate::grammar::constraint::Allowed;
use crate::nodes::{Tag, e};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

/// Bits of a trigger's timing and events.
mod bit {
    pub const BEFORE: u32 = 1 << 1;
    pub const INSERT: u32 = 1 << 2;
    pub const DELETE: u32 = 1 << 3;
    pub const UPDATE: u32 = 1 << 4;
    pub const TRUNCATE: u32 = 1 << 5;
    pub const INSTEAD: u32 = 1 << 6;
}

impl Parser<'_> {
    // ---- triggers ----

    /// `CREATE [OR REPLACE] [CONSTRAINT] TRIGGER`; `CONSTRAINT` or `TRIGGER` is the current token.
    pub(crate) fn create_trigger(&mut self, first: u32, replace: bool) -> R {
        let constraint = self.eat(Kind::CONSTRAINT);
        self.expect(Kind::TRIGGER)?;
        let name = self.col_id()?;
        let timing = match self.kind() {
            Kind::AFTER => 0,
            Kind::BEFORE if !constraint => bit::BEFORE,
            Kind::INSTEAD if !constraint => {
                self.bump();
                if !self.is(Kind::OF) {
                    return Err(self.unexpected());
                }
                bit::INSTEAD
            }
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let (events, columns) = self.trigger_events()?;
        self.expect(Kind::ON)?;
        let relation = self.qualified_name()?;
        let (mut row, mut transitions, mut from, mut bits, mut loc) = (true, 0, 0, 0, NOWHERE);
        if constraint {
            if self.eat(Kind::FROM) {
                from = self.qualified_name()?;
            }
            (bits, loc) = self.constraint_attribute_spec()?;
            self.expect_all(&[Kind::FOR, Kind::EACH, Kind::ROW])?;
        } else {
            transitions = self.trigger_transitions()?;
            row = self.trigger_for()?;
        }
        let mut condition = 0;
        if self.eat(Kind::WHEN) {
            self.expect(Kind::LPAREN)?;
            condition = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
        }
        let (function, args) = self.trigger_function()?;
        if constraint {
            if replace {
                let at = self.newer_place(self.loc_of(first as usize));
                let message = "CREATE OR REPLACE CONSTRAINT TRIGGER is not supported";
                return Err(self.refuse_feature(at, message));
            }
            let allowed = Allowed {
                name: "TRIGGER",
                deferrable: true,
                enforced: false,
                not_valid: false,
                no_inherit: false,
            };
            self.check_attributes(bits, loc, allowed)?;
        }
        use crate::grammar::constraint::cas;
        let deferred = bits & cas::INITIALLY_DEFERRED != 0;
        let deferrable = deferred || bits & cas::DEFERRABLE != 0;
        Ok(mk!(self, CreateTrigStmt, first, {
            replace: u32::from(replace), isconstraint: u32::from(constraint), trigname: name.0,
            relation: relation, funcname: function, args: args, row: u32::from(row), timing: timing,
            events: events, columns: columns, whenClause: condition, transitionRels: transitions,
            deferrable: u32::from(deferrable), initdeferred: u32::from(deferred), constrrel: from
        }))
    }

    /// `TriggerEvents`: their bits and the columns of UPDATE.
    fn trigger_events(&mut self) -> R<(u32, u32)> {
        let (mut events, mut columns) = (0, 0);
        loop {
            let kind = self.kind();
            let event = match kind {
                Kind::INSERT => bit::INSERT,
                Kind::DELETE => bit::DELETE,
                Kind::UPDATE => bit::UPDATE,
                Kind::TRUNCATE => bit::TRUNCATE,
                _ => return Err(self.unexpected()),
            };
            self.bump();
            if kind == Kind::UPDATE && self.eat(Kind::OF) {
                let list = self.name_list()?;
                columns = self.list_concat(columns, list);
            }
            if events & event != 0 {
                // Only behind UPDATE has the server read one token more.
                if kind != Kind::UPDATE {
                    self.at -= 1;
                }
                return Err(self.syntax_error("duplicate trigger events specified"));
            }
            events |= event;
            if !self.eat(Kind::OR) {
                return Ok((events, columns));
            }
        }
    }

    fn trigger_transitions(&mut self) -> R {
        if !self.eat(Kind::REFERENCING) {
            return Ok(0);
        }
        let mark = self.mark();
        loop {
            let first = self.here();
            let is_new = self.eat(Kind::NEW);
            if !is_new {
                self.expect(Kind::OLD)?;
            }
            let is_table = self.eat(Kind::TABLE);
            if !is_table {
                self.expect(Kind::ROW)?;
            }
            self.eat(Kind::AS);
            let name = self.col_id()?;
            let node = mk!(self, TriggerTransition, first, {
                name: name.0, isNew: u32::from(is_new), isTable: u32::from(is_table)
            });
            self.item(node);
            if !matches!(self.kind(), Kind::NEW | Kind::OLD) {
                return Ok(self.list_from(mark));
            }
        }
    }

    fn trigger_for(&mut self) -> R<bool> {
        if !self.eat(Kind::FOR) {
            return Ok(false);
        }
        self.eat(Kind::EACH);
        if self.eat(Kind::ROW) {
            return Ok(true);
        }
        self.expect(Kind::STATEMENT)?;
        Ok(false)
    }

    /// `EXECUTE FUNCTION_or_PROCEDURE func_name ( TriggerFuncArgs )`.
    fn trigger_function(&mut self) -> R<(u32, u32)> {
        self.expect(Kind::EXECUTE)?;
        if !self.eat(Kind::FUNCTION) {
            self.expect(Kind::PROCEDURE)?;
        }
        let name = self.func_name()?;
        self.expect(Kind::LPAREN)?;
        let mark = self.mark();
        // The server's rule lets the first argument be missing before a comma.
        if !self.is(Kind::RPAREN) && !self.is(Kind::COMMA) {
            let arg = self.trigger_arg()?;
            self.item(arg);
        }
        while self.eat(Kind::COMMA) {
            let arg = self.trigger_arg()?;
            self.item(arg);
        }
        self.expect(Kind::RPAREN)?;
        Ok((name, self.list_from(mark)))
    }

    fn trigger_arg(&mut self) -> R {
        if self.is(Kind::ICONST) {
            let value = self.iconst()?;
            return Ok(self.lit_node(&alloc::format!("{value}")));
        }
        if matches!(self.kind(), Kind::FCONST | Kind::SCONST) || self.kind().is_col_label() {
            return Ok(self.this_token().node());
        }
        Err(self.unexpected())
    }

    // ---- rules ----

    /// `CREATE [OR REPLACE] RULE`; `RULE` is the current token.
    pub(crate) fn create_rule(&mut self, first: u32, replace: bool) -> R {
        self.bump();
        let name = self.col_id()?;
        self.expect_all(&[Kind::AS, Kind::ON])?;
        let event = match self.kind() {
            Kind::SELECT => e::CmdType::CMD_SELECT,
            Kind::UPDATE => e::CmdType::CMD_UPDATE,
            Kind::DELETE => e::CmdType::CMD_DELETE,
            Kind::INSERT => e::CmdType::CMD_INSERT,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        self.expect(Kind::TO)?;
        let relation = self.qualified_name()?;
        let condition = self.where_clause()?;
        self.expect(Kind::DO)?;
        let instead = self.eat(Kind::INSTEAD);
        if !instead {
            self.eat(Kind::ALSO);
        }
        let actions = if self.eat(Kind::NOTHING) {
            0
        } else if self.is(Kind::LPAREN) {
            self.rule_actions()?
        } else {
            let action = self.rule_action()?;
            self.list(&[action])
        };
        Ok(mk!(self, RuleStmt, first, {
            relation: relation, rulename: name.0, whereClause: condition, event: event,
            instead: u32::from(instead), actions: actions, replace: u32::from(replace)
        }))
    }

    /// `RuleActionStmt`.
    fn rule_action(&mut self) -> R {
        match self.kind() {
            Kind::NOTIFY => self.notify_stmt(),
            Kind::MERGE => Err(self.unexpected()),
            _ => {
                let node = self.preparable_stmt()?;
                if self.tree.tag(node) == Some(Tag::MergeStmt) { Err(self.unexpected()) } else { Ok(node) }
            }
        }
    }

    /// `( RuleActionMulti )`, or a select in parentheses.
    fn rule_actions(&mut self) -> R {
        let first = self.here();
        self.bump();
        let mark = self.mark();
        loop {
            if !matches!(self.kind(), Kind::SEMICOLON | Kind::RPAREN) {
                let action = self.rule_action()?;
                self.item(action);
            }
            if self.eat(Kind::RPAREN) {
                break;
            }
            self.expect(Kind::SEMICOLON)?;
        }
        let actions = self.list_from(mark);
        // One select alone was a `select_with_parens`, and may go on.
        if let [select] = *self.tree.items(actions)
            && self.tree.tag(select) == Some(Tag::SelectStmt)
            && crate::grammar::expr::continues_select(self.kind())
        {
            let whole = self.run(|p| Ok(p.select_from(select, first)))?;
            return Ok(self.list(&[whole]));
        }
        Ok(actions)
    }

    // ---- views ----

    /// `CREATE [OR REPLACE] [TEMP] [RECURSIVE] VIEW`; `RECURSIVE` or `VIEW` is the current token.
    pub(crate) fn create_view(&mut self, first: u32, replace: bool, persistence: u8) -> R {
        let recursive = self.eat(Kind::RECURSIVE);
        self.expect(Kind::VIEW)?;
        let view = self.qualified_name()?;
        put!(self, view, RangeVar.relpersistence, u32::from(persistence));
        if recursive && !self.is(Kind::LPAREN) {
            return Err(self.unexpected());
        }
        let aliases = self.opt_name_list_parens()?;
        let options = if self.eat(Kind::WITH) { self.reloptions()? } else { 0 };
        self.expect(Kind::AS)?;
        let mut query = self.select_stmt()?;
        let check_loc = self.loc();
        let check = self.opt_check_option()?;
        if recursive {
            if check != e::ViewCheckOption::NO_CHECK_OPTION {
                let message = "WITH CHECK OPTION not supported on recursive views";
                return Err(self.refuse_feature(check_loc, message));
            }
            query = self.recursive_view(view, aliases, query, first);
        }
        Ok(mk!(self, ViewStmt, first, {
            view: view, aliases: aliases, query: query, replace: u32::from(replace), options: options,
            withCheckOption: check
        }))
    }

    fn opt_check_option(&mut self) -> R {
        use e::ViewCheckOption as c;
        if !self.eat(Kind::WITH) {
            return Ok(c::NO_CHECK_OPTION);
        }
        let local = self.eat(Kind::LOCAL);
        if !local {
            self.eat(Kind::CASCADED);
        }
        self.expect_all(&[Kind::CHECK, Kind::OPTION])?;
        Ok(if local { c::LOCAL_CHECK_OPTION } else { c::CASCADED_CHECK_OPTION })
    }

    /// `makeRecursiveViewSelect`.
    fn recursive_view(&mut self, view: u32, aliases: u32, query: u32, first: u32) -> u32 {
        let name = got!(self, view, RangeVar.relname);
        let cte = mk!(self, CommonTableExpr, first, {
            ctename: name, aliascolnames: aliases, ctematerialized: e::CTEMaterialize::CTEMaterializeDefault,
            ctequery: query, location: NOWHERE
        });
        let ctes = self.list(&[cte]);
        let with = mk!(self, WithClause, first, { ctes: ctes, recursive: 1, location: NOWHERE });
        let mark = self.mark();
        for index in 0..self.tree.items(aliases).len() {
            let alias = self.tree.items(aliases)[index];
            let fields = self.list(&[alias]);
            let column = mk!(self, ColumnRef, first, { fields: fields, location: NOWHERE });
            let target = mk!(self, ResTarget, first, { val: column, location: NOWHERE });
            self.item(target);
        }
        let targets = self.list_from(mark);
        let relation = self.range_var(TextId(name), NOWHERE, first);
        let from = self.list(&[relation]);
        mk!(self, SelectStmt, first, { targetList: targets, fromClause: from, withClause: with })
    }

    // ---- schemas ----

    /// `CREATE SCHEMA`; `SCHEMA` is the current token.
    pub(crate) fn create_schema(&mut self, first: u32) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let mut name = TextId::NONE;
        if !self.is(Kind::AUTHORIZATION) {
            name = self.col_id()?;
        }
        let role = if self.eat(Kind::AUTHORIZATION) { self.role_spec()? } else { 0 };
        let loc = self.loc();
        let mark = self.mark();
        while matches!(self.kind(), Kind::CREATE | Kind::GRANT) {
            let element = self.schema_element()?;
            self.item(element);
        }
        let elements = self.list_from(mark);
        if if_not_exists && elements != 0 {
            let message = "CREATE SCHEMA IF NOT EXISTS cannot include schema elements";
            return Err(self.refuse_feature(loc, message));
        }
        Ok(mk!(self, CreateSchemaStmt, first, {
            schemaname: name.0, authrole: role, schemaElts: elements, if_not_exists: u32::from(if_not_exists)
        }))
    }

    /// `schema_stmt`.
    fn schema_element(&mut self) -> R {
        if self.is(Kind::GRANT) {
            return self.grant_stmt();
        }
        let first = self.here();
        self.bump();
        if self.eat(Kind::OR) {
            self.expect(Kind::REPLACE)?;
            return self.replaceable(first);
        }
        let persistence = self.opt_temp()?;
        match self.kind() {
            Kind::TABLE => self.create_table_or_query(first, persistence, false),
            Kind::SEQUENCE => self.create_sequence(first, persistence),
            Kind::VIEW | Kind::RECURSIVE => self.create_view(first, false, persistence),
            Kind::UNIQUE | Kind::INDEX if persistence == b'p' => self.create_index(first),
            Kind::TRIGGER | Kind::CONSTRAINT if persistence == b'p' => self.create_trigger(first, false),
            _ => Err(self.unexpected()),
        }
    }

    /// `CREATE OR REPLACE` of what a schema may hold.
    fn replaceable(&mut self, first: u32) -> R {
        if matches!(self.kind(), Kind::TRIGGER | Kind::CONSTRAINT) {
            return self.create_trigger(first, true);
        }
        let persistence = self.opt_temp()?;
        match self.kind() {
            Kind::VIEW | Kind::RECURSIVE => self.create_view(first, true, persistence),
            _ => Err(self.unexpected()),
        }
    }
}
