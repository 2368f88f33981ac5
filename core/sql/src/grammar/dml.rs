//! INSERT, UPDATE, DELETE.
//!
//! Source: `InsertStmt` to `UpdateStmt` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, Next, St, item};
use crate::nodes::e;
use crate::parser::{Parser, R, mk, put};
use crate::token::Kind;
use crate::version::Feature;

/// What a statement's frame waits for. What it has read lies under the items of that, with 0 for what is absent.
pub(crate) mod step {
    pub const COLUMNS: u8 = 0;
    pub const SELECT: u8 = 1;
    pub const CONFLICT: u8 = 2;
    pub const TARGETS: u8 = 3;
    pub const TABLES: u8 = 4;
    pub const WHERE: u8 = 5;
    pub const RETURNING: u8 = 6;
    /// Of a conflict: the elements of an index, and their condition.
    pub const INFER: u8 = 7;
    pub const INFER_WHERE: u8 = 8;
    /// Of an assignment: what is set, the columns in parentheses, the value.
    pub const TARGET: u8 = 9;
    pub const COLUMNS_SET: u8 = 10;
    pub const VALUE: u8 = 11;
    pub const SOURCE: u8 = 12;
}

impl Parser<'_> {
    /// `PreparableStmt`.
    pub(crate) fn preparable_stmt(&mut self) -> R {
        self.run(Self::preparable)
    }

    /// See [`Self::preparable_stmt`].
    pub(crate) fn preparable(&mut self) -> R<Next> {
        match self.kind() {
            Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => self.dml(0),
            Kind::WITH | Kind::WITH_LA => self.with_clause(Frame::new(St::WithStmt, self.here(), 0, 0)),
            _ => Ok(Next::Select),
        }
    }

    /// A statement whose `WITH` has been read.
    pub(crate) fn stmt_with(&mut self, with: u32, first: u32) -> R<Next> {
        match self.kind() {
            Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => self.dml(with),
            _ => self.select_with(with, first),
        }
    }

    fn dml(&mut self, with: u32) -> R<Next> {
        let (first, mark) = (self.here(), self.mark());
        let frame = |st, op| Frame { op, ..Frame::new(st, first, with, mark) };
        match self.kind() {
            Kind::INSERT => self.insert_start(frame(St::Insert, step::COLUMNS)),
            Kind::UPDATE => self.update_start(frame(St::Update, step::TARGETS)),
            Kind::DELETE => self.delete_start(frame(St::Delete, step::TABLES)),
            _ => self.merge_start(frame(St::Merge, step::TABLES)),
        }
    }

    // ---- INSERT ----

    fn insert_start(&mut self, frame: Frame) -> R<Next> {
        self.expect_all(&[Kind::INSERT, Kind::INTO])?;
        let relation = self.qualified_name()?;
        if self.eat(Kind::AS) {
            let at = self.here();
            let name = self.col_id()?;
            let alias = self.alias_of(name, at);
            put!(self, relation, RangeVar.alias, alias);
        }
        self.item(relation);
        if self.is(Kind::DEFAULT) {
            self.expect_all(&[Kind::DEFAULT, Kind::VALUES])?;
            self.keep(&[0, 0]);
            return self.insert(Frame { op: step::SELECT, ..frame }, 0);
        }
        // A parenthesis holds columns unless a select begins behind it.
        if self.is(Kind::LPAREN) && !self.paren_begins_select() {
            self.bump();
            return self.items(frame, item::COLUMN);
        }
        self.insert_select(frame, 0)
    }

    fn insert_select(&mut self, frame: Frame, columns: u32) -> R<Next> {
        self.item(columns);
        let overriding = self.overriding()?;
        self.item(overriding);
        self.push(Frame { op: step::SELECT, ..frame });
        Ok(Next::Select)
    }

    /// A part of INSERT is complete: the relation, the columns, what overrides, the select and the conflict lie under its items.
    pub(crate) fn insert(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::COLUMNS => {
                self.expect(Kind::RPAREN)?;
                self.insert_select(frame, value)
            }
            step::SELECT => {
                self.item(value);
                let then = Frame { op: step::CONFLICT, ..frame };
                if self.is(Kind::ON) { self.on_conflict(then) } else { self.insert(then, 0) }
            }
            step::CONFLICT => {
                self.item(value);
                self.returning_clause(Frame { op: step::RETURNING, ..frame })
            }
            _ => {
                let [relation, columns, overriding, select, conflict] = self.kept(frame.c);
                Ok(Next::Ret(mk!(self, InsertStmt, frame.a, {
                    relation: relation, cols: columns, selectStmt: select, onConflictClause: conflict,
                    returningClause: value, withClause: frame.b, r#override: overriding
                })))
            }
        }
    }

    /// Whether the parentheses here are around a select.
    pub(crate) fn paren_begins_select(&self) -> bool {
        let mut ahead = 0;
        while self.peek(ahead) == Kind::LPAREN {
            ahead += 1;
        }
        match self.peek(ahead) {
            Kind::SELECT | Kind::WITH | Kind::WITH_LA | Kind::TABLE => true,
            Kind::VALUES => self.peek(ahead + 1) == Kind::LPAREN,
            _ => ahead > 1,
        }
    }

    /// `insert_column_item`, `set_target`: a name and its checked indirection.
    pub(crate) fn column(&mut self) -> R<Next> {
        let first = self.here();
        self.col_id()?;
        self.indirection(Frame::new(St::Column, first, 0, 0), Self::column_done)
    }

    pub(crate) fn column_done(&mut self, frame: Frame, indirection: u32) -> R<Next> {
        self.check_indirection(indirection)?;
        let first = frame.a;
        let (name, loc) = (crate::tree::TextId::token(first as usize), self.loc_of(first as usize));
        Ok(Next::Ret(mk!(self, ResTarget, first, { name: name.0, indirection: indirection, location: loc })))
    }

    /// `OVERRIDING … VALUE`.
    pub(crate) fn overriding(&mut self) -> R {
        if !self.eat(Kind::OVERRIDING) {
            return Ok(e::OverridingKind::OVERRIDING_NOT_SET);
        }
        let kind = if self.eat(Kind::USER) {
            e::OverridingKind::OVERRIDING_USER_VALUE
        } else {
            self.expect(Kind::SYSTEM)?;
            e::OverridingKind::OVERRIDING_SYSTEM_VALUE
        };
        self.expect(Kind::VALUE)?;
        Ok(kind)
    }

    // ---- ON CONFLICT ----

    /// `opt_on_conflict`, at ON. The target and the columns that are set lie under its items.
    fn on_conflict(&mut self, then: Frame) -> R<Next> {
        self.push(then);
        let first = self.here();
        self.bump();
        self.expect(Kind::CONFLICT)?;
        // `opt_conf_expr`.
        let (target, loc) = (self.here(), self.loc());
        let frame = Frame { op: step::INFER, ..Frame::new(St::Conflict, first, target, self.mark()) };
        if self.eat(Kind::LPAREN) {
            return self.items(frame, item::INDEX);
        }
        let mut infer = 0;
        if self.eat(Kind::ON) {
            self.expect(Kind::CONSTRAINT)?;
            let name = self.col_id()?;
            infer = mk!(self, InferClause, target, { conname: name.0, location: loc });
        }
        self.conflict_action(frame, infer)
    }

    /// A part of ON CONFLICT is complete.
    pub(crate) fn conflict(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::INFER => {
                self.expect(Kind::RPAREN)?;
                self.item(value);
                let then = Frame { op: step::INFER_WHERE, ..frame };
                if self.eat(Kind::WHERE) { Ok(self.expr(then)) } else { self.conflict(then, 0) }
            }
            step::INFER_WHERE => {
                let [elements] = self.kept(frame.c);
                let loc = self.loc_of(frame.b as usize);
                let infer = mk!(self, InferClause, frame.b, {
                    indexElems: elements, whereClause: value, location: loc
                });
                self.conflict_action(frame, infer)
            }
            step::TARGETS => {
                self.item(value);
                let then = Frame { op: step::WHERE, ..frame };
                if self.eat(Kind::WHERE) { Ok(self.expr(then)) } else { self.conflict(then, 0) }
            }
            _ => {
                let [infer, strength, targets] = self.kept(frame.c);
                let action = if frame.flags == SELECTS {
                    e::OnConflictAction::ONCONFLICT_SELECT
                } else {
                    e::OnConflictAction::ONCONFLICT_UPDATE
                };
                let loc = self.loc_of(frame.a as usize);
                Ok(Next::Ret(mk!(self, OnConflictClause, frame.a, {
                    action: action, infer: infer, targetList: targets, whereClause: value,
                    lockStrength: strength, location: loc
                })))
            }
        }
    }

    fn conflict_action(&mut self, mut frame: Frame, infer: u32) -> R<Next> {
        self.expect(Kind::DO)?;
        if self.eat(Kind::NOTHING) {
            let (action, loc) = (e::OnConflictAction::ONCONFLICT_NOTHING, self.loc_of(frame.a as usize));
            return Ok(Next::Ret(mk!(self, OnConflictClause, frame.a, {
                action: action, infer: infer, location: loc
            })));
        }
        frame.op = step::TARGETS;
        if self.has(Feature::ConflictSelect) && self.eat(Kind::SELECT) {
            frame.flags = SELECTS;
            let strength = if self.is(Kind::FOR) { self.locking_strength()? } else { 0 };
            self.keep(&[infer, strength]);
            return self.conflict(frame, 0);
        }
        self.expect_all(&[Kind::UPDATE, Kind::SET])?;
        self.keep(&[infer, 0]);
        self.items(frame, item::SET)
    }

    // ---- RETURNING, WHERE ----

    /// `returning_clause` for `then`, where there is one.
    pub(crate) fn returning_clause(&mut self, then: Frame) -> R<Next> {
        self.push(then);
        let first = self.here();
        if !self.eat(Kind::RETURNING) {
            return Ok(Next::Ret(0));
        }
        let mut options = 0;
        if self.has(Feature::ReturningOptions) && self.eat(Kind::WITH) {
            options = self.paren_list(|p| {
                let (first, loc) = (p.here(), p.loc());
                let option = if p.eat(Kind::OLD) {
                    e::ReturningOptionKind::RETURNING_OPTION_OLD
                } else {
                    p.expect(Kind::NEW)?;
                    e::ReturningOptionKind::RETURNING_OPTION_NEW
                };
                p.expect(Kind::AS)?;
                let name = p.col_id()?;
                Ok(mk!(p, ReturningOption, first, { option: option, value: name.0, location: loc }))
            })?;
        }
        self.items(Frame::new(St::Returning, first, options, 0), item::TARGET)
    }

    pub(crate) fn returning(&mut self, frame: Frame, exprs: u32) -> Next {
        Next::Ret(mk!(self, ReturningClause, frame.a, { options: frame.b, exprs: exprs }))
    }

    /// `where_clause`.
    pub(crate) fn where_clause(&mut self) -> R {
        if self.eat(Kind::WHERE) { self.a_expr() } else { Ok(0) }
    }

    /// `where_or_current_clause` for `then`, where there is one.
    fn where_or_current(&mut self, then: Frame) -> R<Next> {
        if !self.eat(Kind::WHERE) {
            return Ok(self.give(then, 0));
        }
        if self.is(Kind::CURRENT) && self.peek(1) == Kind::OF {
            let first = self.here();
            self.at += 2;
            let name = self.col_id()?;
            let node = mk!(self, CurrentOfExpr, first, { cursor_name: name.0 });
            return Ok(self.give(then, node));
        }
        Ok(self.expr(then))
    }

    // ---- SET ----

    /// `set_clause`.
    pub(crate) fn set_target(&mut self) -> R<Next> {
        let frame = Frame::new(St::SetClause, self.here(), 0, 0);
        if self.eat(Kind::LPAREN) {
            return self.items(Frame { op: step::COLUMNS_SET, ..frame }, item::COLUMN);
        }
        self.push(Frame { op: step::TARGET, ..frame });
        self.column()
    }

    /// A part of an assignment is complete.
    pub(crate) fn set_clause(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::TARGET => {
                self.expect(Kind::EQUALS)?;
                (frame.op, frame.b) = (step::VALUE, value);
                Ok(self.expr(frame))
            }
            step::VALUE => {
                put!(self, frame.b, ResTarget.val, value);
                self.tree.set(frame.b, 2, self.at as u32);
                Ok(Next::Ret(frame.b))
            }
            step::COLUMNS_SET => {
                self.expect_all(&[Kind::RPAREN, Kind::EQUALS])?;
                (frame.op, frame.b, frame.c) = (step::SOURCE, value, self.written());
                Ok(self.expr(frame))
            }
            _ => {
                self.repeat(frame)?;
                Ok(Next::Ret(self.multi_assignment(frame, value)))
            }
        }
    }

    /// Words of the tree as it is written out so far.
    fn written(&self) -> u32 {
        u32::try_from(self.tree.words().saturating_add(self.repeats)).unwrap_or(u32::MAX)
    }

    /// Counts what stands again in the tree for the second column and those behind it.
    fn repeat(&mut self, frame: Frame) -> R<()> {
        let again = self.tree.items(frame.b).len().saturating_sub(1);
        let source = self.written().saturating_sub(frame.c) as usize;
        self.repeats = self.repeats.saturating_add(source.saturating_mul(again));
        if self.repeats <= self.repeats_max {
            return Ok(());
        }
        let loc = self.loc();
        let halt =
            self.refuse("54000", loc, "sources of assignments to several columns are repeated too often");
        Err(self.detail(
            halt,
            "They stand in the tree once for each column, and again for each such assignment around them.",
        ))
    }

    /// `( a, b ) = source`: all targets but the last become items.
    fn multi_assignment(&mut self, frame: Frame, source: u32) -> u32 {
        let count = self.tree.items(frame.b).len() as u32;
        let mut last = 0;
        for index in 0..count {
            if index > 0 {
                self.item(last);
            }
            last = self.tree.items(frame.b)[index as usize];
            let value =
                mk!(self, MultiAssignRef, frame.a, { source: source, colno: index + 1, ncolumns: count });
            put!(self, last, ResTarget.val, value);
        }
        last
    }

    // ---- UPDATE, DELETE ----

    fn update_start(&mut self, frame: Frame) -> R<Next> {
        self.expect(Kind::UPDATE)?;
        let relation = self.relation_expr_opt_alias()?;
        self.item(relation);
        self.expect(Kind::SET)?;
        self.items(frame, item::SET)
    }

    /// A part of UPDATE is complete: the relation, the targets, the tables and the condition lie under its items.
    pub(crate) fn update(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::TARGETS => {
                self.item(value);
                frame.op = step::TABLES;
                if !self.eat(Kind::FROM) {
                    return self.update(frame, 0);
                }
                self.push(frame);
                Ok(self.start_tables())
            }
            step::TABLES => {
                self.item(value);
                self.where_or_current(Frame { op: step::WHERE, ..frame })
            }
            step::WHERE => {
                self.item(value);
                self.returning_clause(Frame { op: step::RETURNING, ..frame })
            }
            _ => {
                let [relation, targets, from, condition] = self.kept(frame.c);
                Ok(Next::Ret(mk!(self, UpdateStmt, frame.a, {
                    relation: relation, targetList: targets, whereClause: condition, fromClause: from,
                    returningClause: value, withClause: frame.b
                })))
            }
        }
    }

    fn delete_start(&mut self, frame: Frame) -> R<Next> {
        self.expect_all(&[Kind::DELETE, Kind::FROM])?;
        let relation = self.relation_expr_opt_alias()?;
        self.item(relation);
        if !self.eat(Kind::USING) {
            return self.delete(frame, 0);
        }
        self.push(frame);
        Ok(self.start_tables())
    }

    /// A part of DELETE is complete: the relation, the tables and the condition lie under its items.
    pub(crate) fn delete(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::TABLES => {
                self.item(value);
                self.where_or_current(Frame { op: step::WHERE, ..frame })
            }
            step::WHERE => {
                self.item(value);
                self.returning_clause(Frame { op: step::RETURNING, ..frame })
            }
            _ => {
                let [relation, using, condition] = self.kept(frame.c);
                Ok(Next::Ret(mk!(self, DeleteStmt, frame.a, {
                    relation: relation, usingClause: using, whereClause: condition, returningClause: value,
                    withClause: frame.b
                })))
            }
        }
    }
}

/// In the frame of a conflict: it selects.
const SELECTS: u8 = 1;
