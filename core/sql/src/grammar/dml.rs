//! INSERT, UPDATE, DELETE, MERGE.
//!
//! Source: `InsertStmt` to `MergeStmt` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{Parser, R, mk, put};
use crate::token::Kind;
use crate::version::Feature;

impl Parser<'_> {
    /// `PreparableStmt`.
    pub(crate) fn preparable_stmt(&mut self) -> R {
        match self.kind() {
            Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => self.dml(0),
            Kind::WITH | Kind::WITH_LA => self.with_stmt(),
            _ => self.select_stmt(),
        }
    }

    /// A statement that begins with `WITH`.
    pub(crate) fn with_stmt(&mut self) -> R {
        let first = self.here();
        let with = self.opt_with_clause()?;
        match self.kind() {
            Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => self.dml(with),
            _ => self.run(|p| p.select_with(with, first)),
        }
    }

    fn dml(&mut self, with: u32) -> R {
        match self.kind() {
            Kind::INSERT => self.insert(with),
            Kind::UPDATE => self.update(with),
            Kind::DELETE => self.delete(with),
            _ => self.merge(with),
        }
    }

    fn insert(&mut self, with: u32) -> R {
        let first = self.here();
        self.expect_all(&[Kind::INSERT, Kind::INTO])?;
        let relation = self.qualified_name()?;
        if self.eat(Kind::AS) {
            let at = self.here();
            let name = self.col_id()?;
            let alias = self.alias_of(name, at);
            put!(self, relation, RangeVar.alias, alias);
        }
        let (mut columns, mut overriding, mut select) = (0, 0, 0);
        if self.is(Kind::DEFAULT) {
            self.expect_all(&[Kind::DEFAULT, Kind::VALUES])?;
        } else {
            // A parenthesis holds columns unless a select begins behind it.
            if self.is(Kind::LPAREN) && !self.paren_begins_select() {
                columns = self.paren_list(Self::insert_column)?;
            }
            overriding = self.overriding()?;
            select = self.select_stmt()?;
        }
        let conflict = self.on_conflict()?;
        let returning = self.returning_clause()?;
        Ok(mk!(self, InsertStmt, first, {
            relation: relation, cols: columns, selectStmt: select, onConflictClause: conflict,
            returningClause: returning, withClause: with, r#override: overriding
        }))
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

    fn insert_column(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        let indirection = self.opt_checked_indirection()?;
        Ok(mk!(self, ResTarget, first, { name: name.0, indirection: indirection, location: loc }))
    }

    /// `opt_indirection`, checked.
    pub(crate) fn opt_checked_indirection(&mut self) -> R {
        let list = self.indirection()?;
        self.check_indirection(list)?;
        Ok(list)
    }

    /// `OVERRIDING … VALUE`.
    fn overriding(&mut self) -> R {
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

    fn on_conflict(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if !self.eat(Kind::ON) {
            return Ok(0);
        }
        self.expect(Kind::CONFLICT)?;
        let infer = self.conflict_target()?;
        self.expect(Kind::DO)?;
        if self.eat(Kind::NOTHING) {
            let action = e::OnConflictAction::ONCONFLICT_NOTHING;
            return Ok(mk!(self, OnConflictClause, first, { action: action, infer: infer, location: loc }));
        }
        if self.has(Feature::ConflictSelect) && self.eat(Kind::SELECT) {
            let strength = if self.is(Kind::FOR) { self.locking_strength()? } else { 0 };
            let condition = self.where_clause()?;
            return Ok(mk!(self, OnConflictClause, first, {
                action: e::OnConflictAction::ONCONFLICT_SELECT, infer: infer, lockStrength: strength,
                whereClause: condition, location: loc
            }));
        }
        self.expect_all(&[Kind::UPDATE, Kind::SET])?;
        let targets = self.set_clause_list()?;
        let condition = self.where_clause()?;
        Ok(mk!(self, OnConflictClause, first, {
            action: e::OnConflictAction::ONCONFLICT_UPDATE, infer: infer, targetList: targets,
            whereClause: condition, location: loc
        }))
    }

    /// `opt_conf_expr`.
    fn conflict_target(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if self.is(Kind::LPAREN) {
            let elements = self.paren_list(Self::index_elem)?;
            let condition = self.where_clause()?;
            return Ok(mk!(self, InferClause, first, {
                indexElems: elements, whereClause: condition, location: loc
            }));
        }
        if self.eat(Kind::ON) {
            self.expect(Kind::CONSTRAINT)?;
            let name = self.col_id()?;
            return Ok(mk!(self, InferClause, first, { conname: name.0, location: loc }));
        }
        Ok(0)
    }

    /// `where_clause`.
    pub(crate) fn where_clause(&mut self) -> R {
        if self.eat(Kind::WHERE) { self.a_expr() } else { Ok(0) }
    }

    /// `where_or_current_clause`.
    fn where_or_current(&mut self) -> R {
        if !self.eat(Kind::WHERE) {
            return Ok(0);
        }
        if self.is(Kind::CURRENT) && self.peek(1) == Kind::OF {
            let first = self.here();
            self.at += 2;
            let name = self.col_id()?;
            return Ok(mk!(self, CurrentOfExpr, first, { cursor_name: name.0 }));
        }
        self.a_expr()
    }

    /// `returning_clause`.
    fn returning_clause(&mut self) -> R {
        let first = self.here();
        if !self.eat(Kind::RETURNING) {
            return Ok(0);
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
        let exprs = self.target_list()?;
        Ok(mk!(self, ReturningClause, first, { options: options, exprs: exprs }))
    }

    /// `set_clause_list`.
    pub(crate) fn set_clause_list(&mut self) -> R {
        let mark = self.mark();
        loop {
            self.set_clause()?;
            if !self.eat(Kind::COMMA) {
                return Ok(self.list_from(mark));
            }
        }
    }

    fn set_clause(&mut self) -> R<()> {
        if !self.is(Kind::LPAREN) {
            let target = self.insert_column()?;
            self.expect(Kind::EQUALS)?;
            let value = self.a_expr()?;
            put!(self, target, ResTarget.val, value);
            self.tree.set(target, 2, self.at as u32);
            self.item(target);
            return Ok(());
        }
        let first = self.here();
        let targets = self.paren_list(Self::insert_column)?;
        self.expect(Kind::EQUALS)?;
        let source = self.a_expr()?;
        let count = self.tree.items(targets).len() as u32;
        for index in 0..count {
            let target = self.tree.items(targets)[index as usize];
            let value =
                mk!(self, MultiAssignRef, first, { source: source, colno: index + 1, ncolumns: count });
            put!(self, target, ResTarget.val, value);
            self.item(target);
        }
        Ok(())
    }

    fn update(&mut self, with: u32) -> R {
        let first = self.here();
        self.expect(Kind::UPDATE)?;
        let relation = self.relation_expr_opt_alias()?;
        self.expect(Kind::SET)?;
        let targets = self.set_clause_list()?;
        let from = if self.eat(Kind::FROM) { self.table_list()? } else { 0 };
        let condition = self.where_or_current()?;
        let returning = self.returning_clause()?;
        Ok(mk!(self, UpdateStmt, first, {
            relation: relation, targetList: targets, whereClause: condition, fromClause: from,
            returningClause: returning, withClause: with
        }))
    }

    fn delete(&mut self, with: u32) -> R {
        let first = self.here();
        self.expect_all(&[Kind::DELETE, Kind::FROM])?;
        let relation = self.relation_expr_opt_alias()?;
        let using = if self.eat(Kind::USING) { self.table_list()? } else { 0 };
        let condition = self.where_or_current()?;
        let returning = self.returning_clause()?;
        Ok(mk!(self, DeleteStmt, first, {
            relation: relation, usingClause: using, whereClause: condition, returningClause: returning,
            withClause: with
        }))
    }

    fn merge(&mut self, with: u32) -> R {
        let first = self.here();
        self.expect_all(&[Kind::MERGE, Kind::INTO])?;
        let relation = self.relation_expr_opt_alias()?;
        self.expect(Kind::USING)?;
        let source = self.table_ref()?;
        self.expect(Kind::ON)?;
        let condition = self.a_expr()?;
        let mark = self.mark();
        loop {
            let clause = self.merge_when()?;
            self.item(clause);
            if !self.is(Kind::WHEN) {
                break;
            }
        }
        let clauses = self.list_from(mark);
        let returning = if self.has(Feature::MergeReturning) { self.returning_clause()? } else { 0 };
        Ok(mk!(self, MergeStmt, first, {
            relation: relation, sourceRelation: source, joinCondition: condition, mergeWhenClauses: clauses,
            returningClause: returning, withClause: with
        }))
    }

    fn merge_when(&mut self) -> R {
        use e::MergeMatchKind as m;
        let first = self.here();
        self.expect(Kind::WHEN)?;
        let mut kind = m::MERGE_WHEN_MATCHED;
        if self.eat(Kind::NOT) {
            kind = m::MERGE_WHEN_NOT_MATCHED_BY_TARGET;
        }
        self.expect(Kind::MATCHED)?;
        let by = kind != m::MERGE_WHEN_MATCHED && self.has(Feature::MergeBySource) && self.eat(Kind::BY);
        if by && !self.eat(Kind::TARGET) {
            self.expect(Kind::SOURCE)?;
            kind = m::MERGE_WHEN_NOT_MATCHED_BY_SOURCE;
        }
        let condition = if self.eat(Kind::AND) { self.a_expr()? } else { 0 };
        self.expect(Kind::THEN)?;
        let inserts = kind == m::MERGE_WHEN_NOT_MATCHED_BY_TARGET;
        let (mut targets, mut overriding, mut values) = (0, 0, 0);
        let command = match self.kind() {
            Kind::DO => {
                self.bump();
                self.expect(Kind::NOTHING)?;
                e::CmdType::CMD_NOTHING
            }
            Kind::UPDATE if !inserts => {
                self.bump();
                self.expect(Kind::SET)?;
                targets = self.set_clause_list()?;
                e::CmdType::CMD_UPDATE
            }
            Kind::DELETE if !inserts => {
                self.bump();
                e::CmdType::CMD_DELETE
            }
            Kind::INSERT if inserts => {
                (targets, overriding, values) = self.merge_insert()?;
                e::CmdType::CMD_INSERT
            }
            _ => return Err(self.unexpected()),
        };
        // The server's own node for DO NOTHING leaves this at its zero, which is "not set" too.
        Ok(mk!(self, MergeWhenClause, first, {
            matchKind: kind, commandType: command, r#override: overriding, condition: condition,
            targetList: targets, values: values
        }))
    }

    /// `merge_insert`: columns, overriding, values.
    fn merge_insert(&mut self) -> R<(u32, u32, u32)> {
        self.bump();
        if self.eat(Kind::DEFAULT) {
            self.expect(Kind::VALUES)?;
            return Ok((0, 0, 0));
        }
        let columns = if self.is(Kind::LPAREN) { self.paren_list(Self::insert_column)? } else { 0 };
        let overriding = self.overriding()?;
        self.expect(Kind::VALUES)?;
        let values = self.paren_list(Self::a_expr)?;
        Ok((columns, overriding, values))
    }
}
