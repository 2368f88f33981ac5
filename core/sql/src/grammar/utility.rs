//! Cursors, prepared statements, maintenance, EXPLAIN, and other small statements.
//!
//! Source: the statements of those names in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

/// Bits of a cursor's options.
mod cursor {
    pub const BINARY: u32 = 0x0001;
    pub const SCROLL: u32 = 0x0002;
    pub const NO_SCROLL: u32 = 0x0004;
    pub const INSENSITIVE: u32 = 0x0008;
    pub const ASENSITIVE: u32 = 0x0010;
    pub const HOLD: u32 = 0x0020;
    pub const FAST_PLAN: u32 = 0x0100;
}

/// How many rows ALL fetches; JSON shows it as the largest number of 64 bits.
const FETCH_ALL: u32 = 0x8000_0000;

impl Parser<'_> {
    /// `DeclareCursorStmt`.
    pub(crate) fn declare_cursor(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::DECLARE)?;
        let name = self.col_id()?;
        let mut options = cursor::FAST_PLAN;
        loop {
            options |= match self.kind() {
                Kind::NO => {
                    self.bump();
                    if !self.is(Kind::SCROLL) {
                        return Err(self.unexpected());
                    }
                    cursor::NO_SCROLL
                }
                Kind::SCROLL => cursor::SCROLL,
                Kind::BINARY => cursor::BINARY,
                Kind::ASENSITIVE => cursor::ASENSITIVE,
                Kind::INSENSITIVE => cursor::INSENSITIVE,
                _ => break,
            };
            self.bump();
        }
        self.expect(Kind::CURSOR)?;
        if self.eat(Kind::WITH) {
            self.expect(Kind::HOLD)?;
            options |= cursor::HOLD;
        } else if self.eat(Kind::WITHOUT) {
            self.expect(Kind::HOLD)?;
        }
        self.expect(Kind::FOR)?;
        let query = self.select_stmt()?;
        Ok(mk!(self, DeclareCursorStmt, first, { portalname: name.0, options: options, query: query }))
    }

    /// `FetchStmt`; `FETCH` or `MOVE` is the current token.
    pub(crate) fn fetch_stmt(&mut self) -> R {
        use e::FetchDirection as d;
        let first = self.here();
        let is_move = self.is(Kind::MOVE);
        self.bump();
        let next = self.peek(1);
        let directs = matches!(next, Kind::FROM | Kind::IN) || next.is_col_id();
        let counts = matches!(next, Kind::ICONST | Kind::PLUS | Kind::MINUS);
        let (mut direction, mut count) = (d::FETCH_FORWARD, 1);
        match self.kind() {
            Kind::NEXT if directs => self.bump(),
            Kind::PRIOR if directs => {
                self.bump();
                direction = d::FETCH_BACKWARD;
            }
            Kind::FIRST if directs => {
                self.bump();
                direction = d::FETCH_ABSOLUTE;
            }
            Kind::LAST if directs => {
                self.bump();
                (direction, count) = (d::FETCH_ABSOLUTE, -1i32 as u32);
            }
            Kind::ABSOLUTE | Kind::RELATIVE if counts => {
                direction = if self.is(Kind::ABSOLUTE) { d::FETCH_ABSOLUTE } else { d::FETCH_RELATIVE };
                self.bump();
                count = self.signed_iconst()? as u32;
            }
            Kind::FORWARD | Kind::BACKWARD if directs || counts || next == Kind::ALL => {
                if self.is(Kind::BACKWARD) {
                    direction = d::FETCH_BACKWARD;
                }
                self.bump();
                if self.eat(Kind::ALL) {
                    count = FETCH_ALL;
                } else if counts {
                    count = self.signed_iconst()? as u32;
                }
            }
            Kind::ALL => {
                self.bump();
                count = FETCH_ALL;
            }
            Kind::ICONST | Kind::PLUS | Kind::MINUS => count = self.signed_iconst()? as u32,
            _ => {}
        }
        if !self.eat(Kind::FROM) {
            self.eat(Kind::IN);
        }
        let name = self.col_id()?;
        Ok(mk!(self, FetchStmt, first, {
            direction: direction, howMany: count, portalname: name.0, ismove: u32::from(is_move)
        }))
    }

    /// `ClosePortalStmt`.
    pub(crate) fn close_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let name = if self.eat(Kind::ALL) { TextId::NONE } else { self.col_id()? };
        Ok(mk!(self, ClosePortalStmt, first, { portalname: name.0 }))
    }

    /// `PrepareStmt`, or `PREPARE TRANSACTION`.
    pub(crate) fn prepare_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        if self.is(Kind::TRANSACTION) && self.peek(1) == Kind::SCONST {
            self.bump();
            return self.prepared(first, e::TransactionStmtKind::TRANS_STMT_PREPARE);
        }
        let name = self.col_id()?;
        let types = if self.is(Kind::LPAREN) { self.paren_list(Self::typename)? } else { 0 };
        self.expect(Kind::AS)?;
        let query = self.preparable_stmt()?;
        Ok(mk!(self, PrepareStmt, first, { name: name.0, argtypes: types, query: query }))
    }

    /// `ExecuteStmt` without the table that it may fill.
    pub(crate) fn execute_stmt(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::EXECUTE)?;
        let name = self.col_id()?;
        let params = if self.is(Kind::LPAREN) { self.paren_list(Self::a_expr)? } else { 0 };
        Ok(mk!(self, ExecuteStmt, first, { name: name.0, params: params }))
    }

    /// `DeallocateStmt`.
    pub(crate) fn deallocate_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        if self.is(Kind::PREPARE) && (self.peek(1) == Kind::ALL || self.peek(1).is_col_id()) {
            self.bump();
        }
        let loc = self.loc();
        if self.eat(Kind::ALL) {
            return Ok(mk!(self, DeallocateStmt, first, { isall: 1, location: NOWHERE }));
        }
        let name = self.col_id()?;
        Ok(mk!(self, DeallocateStmt, first, { name: name.0, location: loc }))
    }

    // ---- options in parentheses ----

    /// `( utility_option_list )`.
    fn utility_options(&mut self) -> R {
        self.paren_list(|p| {
            let first = p.at;
            let name = match p.kind() {
                Kind::ANALYZE | Kind::ANALYSE => {
                    p.bump();
                    p.lit("analyze")
                }
                Kind::FORMAT_LA => {
                    p.bump();
                    p.lit("format")
                }
                _ => p.non_reserved()?,
            };
            let arg = if p.at_word_or_string() {
                p.this_token().node()
            } else if matches!(p.kind(), Kind::ICONST | Kind::FCONST | Kind::PLUS | Kind::MINUS) {
                p.numeric_only()?
            } else {
                0
            };
            Ok(p.def_named(name, arg, first))
        })
    }

    /// A word that is an option: taken as a `DefElem` where it stands.
    fn option_word(&mut self, kind: Kind, name: &str) {
        if self.is(kind) {
            let first = self.at;
            self.bump();
            let option = self.def(name, 0, first);
            self.item(option);
        }
    }

    /// `opt_vacuum_relation_list`.
    fn vacuum_relations(&mut self) -> R {
        let only = self.has(Feature::VacuumOnly);
        let begins = self.kind().is_col_id() || only && self.is(Kind::ONLY);
        if !begins {
            return Ok(0);
        }
        self.comma_list(|p| {
            let first = p.here();
            let relation = if only { p.relation_expr()? } else { p.qualified_name()? };
            let columns = p.opt_name_list_parens()?;
            Ok(mk!(p, VacuumRelation, first, { relation: relation, va_cols: columns }))
        })
    }

    /// `VacuumStmt` and `AnalyzeStmt`.
    pub(crate) fn vacuum_stmt(&mut self) -> R {
        let first = self.here();
        let vacuum = self.is(Kind::VACUUM);
        self.bump();
        let options = if self.is(Kind::LPAREN) {
            self.utility_options()?
        } else {
            let mark = self.mark();
            if vacuum {
                self.option_word(Kind::FULL, "full");
                self.option_word(Kind::FREEZE, "freeze");
            }
            self.option_word(Kind::VERBOSE, "verbose");
            if vacuum {
                self.option_word(Kind::ANALYZE, "analyze");
                if self.tokens.kinds[self.at - 1] != Kind::ANALYZE {
                    self.option_word(Kind::ANALYSE, "analyze");
                }
            }
            self.list_from(mark)
        };
        let relations = self.vacuum_relations()?;
        Ok(mk!(self, VacuumStmt, first, {
            options: options, rels: relations, is_vacuumcmd: u32::from(vacuum)
        }))
    }

    /// `ClusterStmt`.
    pub(crate) fn cluster_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let (mut relation, mut index) = (0, TextId::NONE);
        let params = if self.is(Kind::LPAREN) {
            let params = self.utility_options()?;
            if self.kind().is_col_id() || !self.has(Feature::ClusterAll) {
                relation = self.qualified_name()?;
                index = self.cluster_index()?;
            }
            params
        } else {
            let mark = self.mark();
            self.option_word(Kind::VERBOSE, "verbose");
            if self.kind().is_col_id() && self.peek(1) == Kind::ON {
                index = self.col_id()?;
                self.bump();
                relation = self.qualified_name()?;
            } else if self.kind().is_col_id() {
                relation = self.qualified_name()?;
                index = self.cluster_index()?;
            }
            self.list_from(mark)
        };
        Ok(mk!(self, ClusterStmt, first, { relation: relation, indexname: index.0, params: params }))
    }

    fn cluster_index(&mut self) -> R<TextId> {
        if self.eat(Kind::USING) { self.col_id() } else { Ok(TextId::NONE) }
    }

    /// `RepackStmt`, behind its first word in version 19.
    pub(crate) fn repack_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let params = if self.is(Kind::LPAREN) { self.utility_options()? } else { 0 };
        let (mut relation, mut index) = (0, TextId::NONE);
        if self.kind().is_col_id() {
            let at = self.here();
            let name = self.qualified_name()?;
            let columns = self.opt_name_list_parens()?;
            relation = mk!(self, VacuumRelation, at, { relation: name, va_cols: columns });
        }
        let using = self.eat(Kind::USING);
        if using {
            self.expect(Kind::INDEX)?;
            if relation != 0 && self.kind().is_col_id() {
                index = self.col_id()?;
            }
        }
        Ok(mk!(self, RepackStmt, first, {
            relation: relation, indexname: index.0, usingindex: u32::from(using), params: params
        }))
    }

    /// `WaitStmt`.
    pub(crate) fn wait_stmt(&mut self) -> R {
        let first = self.here();
        self.expect_all(&[Kind::WAIT, Kind::FOR, Kind::LSN])?;
        let lsn = self.sconst()?;
        let options = if self.eat(Kind::WITH) { self.utility_options()? } else { 0 };
        Ok(mk!(self, WaitStmt, first, { lsn_literal: lsn.0, options: options }))
    }

    /// `ReindexStmt`.
    pub(crate) fn reindex_stmt(&mut self) -> R {
        use e::ReindexObjectType as k;
        let first = self.here();
        self.bump();
        let mut params = if self.is(Kind::LPAREN) { self.utility_options()? } else { 0 };
        let kind = match self.kind() {
            Kind::INDEX => k::REINDEX_OBJECT_INDEX,
            Kind::TABLE => k::REINDEX_OBJECT_TABLE,
            Kind::SCHEMA => k::REINDEX_OBJECT_SCHEMA,
            Kind::SYSTEM => k::REINDEX_OBJECT_SYSTEM,
            Kind::DATABASE => k::REINDEX_OBJECT_DATABASE,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        if self.is(Kind::CONCURRENTLY) {
            let at = self.at;
            self.bump();
            let option = self.def("concurrently", 0, at);
            params = self.list_with(params, option);
        }
        let (mut relation, mut name) = (0, TextId::NONE);
        match kind {
            k::REINDEX_OBJECT_INDEX | k::REINDEX_OBJECT_TABLE => relation = self.qualified_name()?,
            k::REINDEX_OBJECT_SCHEMA => name = self.col_id()?,
            _ if self.kind().is_col_id() || !self.has(Feature::ReindexUnnamed) => name = self.col_id()?,
            _ => {}
        }
        Ok(mk!(self, ReindexStmt, first, { kind: kind, relation: relation, name: name.0, params: params }))
    }

    /// `ExplainStmt`.
    pub(crate) fn explain_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let mut options = 0;
        if self.is(Kind::LPAREN) && !self.explains_parens() {
            options = self.utility_options()?;
        } else {
            let mark = self.mark();
            let analyze = matches!(self.kind(), Kind::ANALYZE | Kind::ANALYSE);
            if analyze {
                let kind = self.kind();
                self.option_word(kind, "analyze");
            }
            self.option_word(Kind::VERBOSE, "verbose");
            options = self.list_from(mark).max(options);
        }
        let query = self.explainable_stmt()?;
        Ok(mk!(self, ExplainStmt, first, { query: query, options: options }))
    }

    /// Whether the parenthesis here begins a select.
    fn explains_parens(&self) -> bool {
        match self.peek(1) {
            Kind::SELECT | Kind::WITH | Kind::WITH_LA | Kind::TABLE | Kind::LPAREN => true,
            Kind::VALUES => self.peek(2) == Kind::LPAREN,
            _ => false,
        }
    }

    fn explainable_stmt(&mut self) -> R {
        match self.kind() {
            Kind::DECLARE => self.declare_cursor(),
            Kind::EXECUTE => self.execute_stmt(),
            Kind::REFRESH => self.refresh_matview(),
            Kind::CREATE => {
                let first = self.here();
                self.bump();
                let persistence = self.opt_temp()?;
                match self.kind() {
                    Kind::TABLE => {
                        let node = self.create_table(first, persistence)?;
                        match self.tree.tag(node) {
                            Some(crate::nodes::Tag::CreateTableAsStmt) => Ok(node),
                            _ => Err(self.unexpected()),
                        }
                    }
                    Kind::MATERIALIZED if persistence != b't' => self.create_matview(first, persistence),
                    _ => Err(self.unexpected()),
                }
            }
            _ => self.preparable_stmt(),
        }
    }

    // ---- small ones ----

    /// `LockStmt`.
    pub(crate) fn lock_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        self.eat(Kind::TABLE);
        let relations = self.relation_expr_list()?;
        let mut mode = 8;
        if self.eat(Kind::IN) {
            mode = self.lock_type()?;
            self.expect(Kind::MODE)?;
        }
        let nowait = self.eat(Kind::NOWAIT);
        Ok(mk!(self, LockStmt, first, { relations: relations, mode: mode, nowait: u32::from(nowait) }))
    }

    /// `lock_type`: its number.
    fn lock_type(&mut self) -> R<u32> {
        let kind = self.kind();
        if !matches!(kind, Kind::ACCESS | Kind::ROW | Kind::SHARE | Kind::EXCLUSIVE) {
            return Err(self.unexpected());
        }
        self.bump();
        let exclusive = self.is(Kind::EXCLUSIVE);
        Ok(match kind {
            Kind::EXCLUSIVE => 7,
            Kind::ACCESS | Kind::ROW => {
                if !self.eat(Kind::EXCLUSIVE) {
                    self.expect(Kind::SHARE)?;
                }
                match (kind, exclusive) {
                    (Kind::ACCESS, false) => 1,
                    (Kind::ACCESS, true) => 8,
                    (_, false) => 2,
                    (_, true) => 3,
                }
            }
            _ => match self.kind() {
                Kind::UPDATE => {
                    self.expect_all(&[Kind::UPDATE, Kind::EXCLUSIVE])?;
                    4
                }
                Kind::ROW => {
                    self.expect_all(&[Kind::ROW, Kind::EXCLUSIVE])?;
                    6
                }
                _ => 5,
            },
        })
    }

    /// `NotifyStmt`, `ListenStmt`, `UnlistenStmt`.
    pub(crate) fn notify_stmt(&mut self) -> R {
        let first = self.here();
        let kind = self.kind();
        self.bump();
        if kind == Kind::UNLISTEN && self.eat(Kind::STAR) {
            return Ok(mk!(self, UnlistenStmt, first));
        }
        let name = self.col_id()?;
        match kind {
            Kind::LISTEN => Ok(mk!(self, ListenStmt, first, { conditionname: name.0 })),
            Kind::UNLISTEN => Ok(mk!(self, UnlistenStmt, first, { conditionname: name.0 })),
            _ => {
                let (mut payload, mut loc) = (TextId::NONE, 0);
                if self.eat(Kind::COMMA) {
                    loc = self.loc();
                    payload = self.sconst()?;
                }
                Ok(mk!(self, NotifyStmt, first, {
                    conditionname: name.0, payload: payload.0, payload_location: loc
                }))
            }
        }
    }

    /// `DoStmt`.
    pub(crate) fn do_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let mark = self.mark();
        loop {
            let at = self.at;
            let item = match self.kind() {
                Kind::SCONST => {
                    let body = self.this_token();
                    self.def_with_loc("as", body.node(), at, at)
                }
                Kind::LANGUAGE => {
                    self.bump();
                    let quoted = self.is(Kind::SCONST);
                    let name = self.word_or_string()?;
                    if quoted {
                        self.def_with_loc("language", name.node(), at, at + 1)
                    } else {
                        self.def("language", name.node(), at)
                    }
                }
                _ => break,
            };
            self.item(item);
        }
        let args = self.list_from(mark);
        if args == 0 {
            return Err(self.unexpected());
        }
        Ok(mk!(self, DoStmt, first, { args: args }))
    }

    /// `CallStmt`.
    pub(crate) fn call_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let call = self.func_application()?;
        Ok(mk!(self, CallStmt, first, { funccall: call }))
    }

    /// `TruncateStmt`.
    pub(crate) fn truncate_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        self.eat(Kind::TABLE);
        let relations = self.relation_expr_list()?;
        let restart = self.is(Kind::RESTART);
        if restart || self.is(Kind::CONTINUE) {
            self.bump();
            self.expect(Kind::IDENTITY)?;
        }
        let behavior = self.opt_drop_behavior();
        Ok(mk!(self, TruncateStmt, first, {
            relations: relations, restart_seqs: u32::from(restart), behavior: behavior
        }))
    }

    /// `CheckPointStmt`.
    pub(crate) fn checkpoint_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let options = if self.is(Kind::LPAREN) && self.has(Feature::CheckpointOptions) {
            self.utility_options()?
        } else {
            0
        };
        Ok(mk!(self, CheckPointStmt, first, { options: options }))
    }

    /// `DiscardStmt`.
    pub(crate) fn discard_stmt(&mut self) -> R {
        use e::DiscardMode as d;
        let first = self.here();
        self.bump();
        let target = match self.kind() {
            Kind::ALL => d::DISCARD_ALL,
            Kind::TEMP | Kind::TEMPORARY => d::DISCARD_TEMP,
            Kind::PLANS => d::DISCARD_PLANS,
            Kind::SEQUENCES => d::DISCARD_SEQUENCES,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        Ok(mk!(self, DiscardStmt, first, { target: target }))
    }

    /// `LoadStmt`.
    pub(crate) fn load_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        let name = self.sconst()?;
        Ok(mk!(self, LoadStmt, first, { filename: name.0 }))
    }

    /// `AlterSystemStmt`; `SYSTEM` is the current token.
    pub(crate) fn alter_system(&mut self, first: u32) -> R {
        self.bump();
        let at = self.here();
        let setting = if self.eat(Kind::SET) {
            let node = self.generic_set(at)?;
            // `FROM CURRENT` is no `generic_set`.
            if crate::parser::got!(self, node, VariableSetStmt.kind) == e::VariableSetKind::VAR_SET_CURRENT {
                self.at -= 2;
                return Err(self.unexpected());
            }
            node
        } else {
            self.expect(Kind::RESET)?;
            let (kind, name) = if self.eat(Kind::ALL) {
                (e::VariableSetKind::VAR_RESET_ALL, TextId::NONE)
            } else {
                (e::VariableSetKind::VAR_RESET, self.var_name()?)
            };
            let node = mk!(self, VariableSetStmt, at, { kind: kind, name: name.0, location: NOWHERE });
            put!(self, node, VariableSetStmt.is_local, 0);
            node
        };
        Ok(mk!(self, AlterSystemStmt, first, { setstmt: setting }))
    }
}
