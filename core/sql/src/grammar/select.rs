//! SELECT, VALUES, TABLE, set operations, WITH, and the clauses behind them.
//!
//! Source: `SelectStmt` to `values_clause` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_C, F_LABEL, F_ROW, Frame, Next, St};
use crate::nodes::{HEAD, Tag, e};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Version;

/// The clauses of a simple select that is being read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    first: u32,
    distinct: u32,
    targets: u32,
    into: u32,
    from: u32,
}

/// `select_limit`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    offset: u32,
    count: u32,
    option: u32,
    offset_loc: u32,
    count_loc: u32,
    option_loc: u32,
}

const P_UNION: u8 = 1;
const P_INTERSECT: u8 = 2;

impl Parser<'_> {
    /// A select with its `WITH` and its tail.
    pub(crate) fn select(&mut self) -> R<Next> {
        let first = self.here();
        let with = self.opt_with_clause()?;
        self.push(Frame::new(St::Select, with, first, 0));
        self.select_operand()
    }

    /// A select whose `WITH` has been read.
    pub(crate) fn select_with(&mut self, with: u32, first: u32) -> R<Next> {
        self.push(Frame::new(St::Select, with, first, 0));
        self.select_operand()
    }

    /// Goes on behind a `select_with_parens` that is the first operand.
    pub(crate) fn select_from(&mut self, select: u32, first: u32) -> Next {
        self.push(Frame::new(St::Select, 0, first, 0));
        Next::SetOper(select)
    }

    /// `simple_select` or `select_with_parens`.
    pub(crate) fn select_operand(&mut self) -> R<Next> {
        match self.kind() {
            Kind::SELECT => self.simple_select(),
            Kind::VALUES => self.values(),
            Kind::TABLE => self.table_select().map(Next::SetOper),
            Kind::LPAREN => {
                self.push(Frame::new(St::SelectOperand, 0, 0, 0));
                Ok(Next::SelectParens)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn table_select(&mut self) -> R {
        let first = self.here();
        self.bump();
        let relation = self.relation_expr()?;
        let star = mk!(self, A_Star, first);
        let fields = self.list(&[star]);
        let column = mk!(self, ColumnRef, first, { fields: fields, location: NOWHERE });
        let target = mk!(self, ResTarget, first, { val: column, location: NOWHERE });
        let targets = self.list(&[target]);
        let from = self.list(&[relation]);
        Ok(mk!(self, SelectStmt, first, { targetList: targets, fromClause: from }))
    }

    // ---- VALUES ----

    fn values(&mut self) -> R<Next> {
        let first = self.here();
        self.bump();
        let rows = self.mark();
        self.expect(Kind::LPAREN)?;
        self.values_next(Frame::new(St::Values, rows, first, rows))
    }

    /// Items, until one is no constant; `c` is where the rows' list begins, `a` where this row's does.
    fn values_next(&mut self, mut frame: Frame) -> R<Next> {
        while let Some(constant) = self.lone_constant() {
            self.item(constant);
            if !self.eat(Kind::COMMA)
                && let Some(values) = self.values_row_end(&mut frame)?
            {
                return Ok(Next::SetOper(values));
            }
        }
        self.push(frame);
        Ok(self.start_expr(0))
    }

    pub(crate) fn values_item(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if !self.eat(Kind::COMMA)
            && let Some(values) = self.values_row_end(&mut frame)?
        {
            return Ok(Next::SetOper(values));
        }
        self.values_next(frame)
    }

    /// A row is complete: another begins, or all are there.
    fn values_row_end(&mut self, frame: &mut Frame) -> R<Option<u32>> {
        self.expect(Kind::RPAREN)?;
        let row = self.list_from(frame.a);
        let row = self.list_node(row, frame.b);
        self.item(row);
        if self.eat(Kind::COMMA) {
            self.expect(Kind::LPAREN)?;
            frame.a = self.mark();
            return Ok(None);
        }
        let rows = self.list_from(frame.c);
        Ok(Some(mk!(self, SelectStmt, frame.b, { valuesLists: rows })))
    }

    // ---- SELECT ----

    fn simple_select(&mut self) -> R<Next> {
        let mut parts = Parts { first: self.here(), ..Parts::default() };
        self.bump();
        let mut obligatory = false;
        if self.eat(Kind::DISTINCT) {
            obligatory = true;
            parts.distinct =
                if self.eat(Kind::ON) { self.paren_list(Self::a_expr)? } else { self.list(&[0]) };
        } else {
            self.eat(Kind::ALL);
        }
        self.scratch.parts.push(parts);
        let mark = self.mark();
        if !obligatory && self.ends_select_list() {
            return self.targets_done(mark);
        }
        self.target(mark)
    }

    /// Whether an empty target list ends here.
    fn ends_select_list(&self) -> bool {
        crate::grammar::expr::ends_target(self.kind()) && !self.is(Kind::COMMA)
    }

    /// A target begins.
    fn target(&mut self, mark: u32) -> R<Next> {
        loop {
            let first = self.here();
            if !self.is(Kind::STAR) {
                self.push(Frame::new(St::Target, mark, first, 0));
                return Ok(self.start_expr(F_LABEL));
            }
            let target = self.star_target();
            self.item(target);
            if !self.eat(Kind::COMMA) {
                return self.targets_done(mark);
            }
        }
    }

    /// `*` as a target.
    fn star_target(&mut self) -> u32 {
        let (first, loc) = (self.here(), self.loc());
        self.bump();
        let star = mk!(self, A_Star, first);
        let fields = self.list(&[star]);
        let column = mk!(self, ColumnRef, first, { fields: fields, location: loc });
        mk!(self, ResTarget, first, { val: column, location: loc })
    }

    pub(crate) fn target_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        let target = self.labelled(value, frame.b)?;
        self.item(target);
        if self.eat(Kind::COMMA) {
            return self.target(frame.a);
        }
        self.targets_done(frame.a)
    }

    /// The label behind a target's expression.
    fn labelled(&mut self, value: u32, first: u32) -> R {
        let name = if self.eat(Kind::AS) {
            self.col_label()?
        } else if self.kind().is_bare_label() {
            self.this_token()
        } else {
            TextId::NONE
        };
        let loc = self.loc_of(first as usize);
        Ok(mk!(self, ResTarget, first, { name: name.0, val: value, location: loc }))
    }

    /// `target_list`, natively.
    pub(crate) fn target_list(&mut self) -> R {
        self.comma_list(|p| {
            if p.is(Kind::STAR) {
                return Ok(p.star_target());
            }
            let first = p.here();
            let value = p.run(|p| Ok(p.start_expr(F_LABEL)))?;
            p.labelled(value, first)
        })
    }

    fn parts(&mut self) -> &mut Parts {
        if self.scratch.parts.is_empty() {
            self.scratch.parts.push(Parts::default());
        }
        let last = self.scratch.parts.len() - 1;
        &mut self.scratch.parts[last]
    }

    fn targets_done(&mut self, mark: u32) -> R<Next> {
        let targets = self.list_from(mark);
        self.parts().targets = targets;
        if self.is(Kind::INTO) {
            let into = self.select_into()?;
            self.parts().into = into;
        }
        if self.eat(Kind::FROM) {
            let mark = self.mark();
            self.push(Frame::new(St::From, 0, 0, 0));
            self.push(Frame::new(St::TableList, mark, 0, 0));
            return Ok(self.start_table());
        }
        self.tables_end()
    }

    pub(crate) fn tables_done(&mut self, _: Frame, from: u32) -> R<Next> {
        self.parts().from = from;
        self.tables_end()
    }

    fn tables_end(&mut self) -> R<Next> {
        if self.eat(Kind::WHERE) {
            self.push(Frame::new(St::Where, 0, 0, 0));
            return Ok(self.start_expr(0));
        }
        self.simple_select_done(0)
    }

    pub(crate) fn where_done(&mut self, _: Frame, condition: u32) -> R<Next> {
        self.simple_select_done(condition)
    }

    fn simple_select_done(&mut self, condition: u32) -> R<Next> {
        let (mut group, mut group_distinct, mut having, mut window) = (0, false, 0, 0);
        if self.eat(Kind::GROUP) {
            self.expect(Kind::BY)?;
            group_distinct = self.eat(Kind::DISTINCT);
            if !group_distinct {
                self.eat(Kind::ALL);
            }
            group = self.comma_list(Self::group_by_item)?;
        }
        if self.eat(Kind::HAVING) {
            having = self.a_expr()?;
        }
        if self.eat(Kind::WINDOW) {
            window = self.comma_list(Self::window_definition)?;
        }
        let parts = self.scratch.parts.pop().unwrap_or_default();
        Ok(Next::SetOper(mk!(self, SelectStmt, parts.first, {
            distinctClause: parts.distinct, intoClause: parts.into, targetList: parts.targets,
            fromClause: parts.from, whereClause: condition, groupClause: group,
            groupDistinct: u32::from(group_distinct), havingClause: having, windowClause: window
        })))
    }

    fn window_definition(&mut self) -> R {
        let first = self.here();
        let name = self.col_id()?;
        self.expect(Kind::AS)?;
        let node = self.window_specification()?;
        put!(self, node, WindowDef.name, name.0);
        self.tree.set(node, 1, first);
        Ok(node)
    }

    fn group_by_item(&mut self) -> R {
        use e::GroupingSetKind as g;
        let (first, loc) = (self.here(), self.loc());
        let kind = match (self.kind(), self.peek(1)) {
            (Kind::LPAREN, Kind::RPAREN) => {
                self.at += 2;
                let kind = g::GROUPING_SET_EMPTY;
                return Ok(mk!(self, GroupingSet, first, { kind: kind, location: loc }));
            }
            (Kind::ROLLUP, Kind::LPAREN) => g::GROUPING_SET_ROLLUP,
            (Kind::CUBE, Kind::LPAREN) => g::GROUPING_SET_CUBE,
            (Kind::GROUPING, Kind::SETS) => {
                self.at += 2;
                let content = self.nested(|p| p.paren_list(Self::group_by_item))?;
                let kind = g::GROUPING_SET_SETS;
                return Ok(mk!(self, GroupingSet, first, { kind: kind, content: content, location: loc }));
            }
            _ => return self.a_expr(),
        };
        self.bump();
        let content = self.paren_list(Self::a_expr)?;
        Ok(mk!(self, GroupingSet, first, { kind: kind, content: content, location: loc }))
    }

    // ---- set operations and the tail ----

    /// Looks for a set operation behind `lhs`; reduces what binds tighter; at the bottom reads the tail.
    pub(crate) fn set_oper(&mut self, mut lhs: u32) -> R<Next> {
        loop {
            let power = match self.kind() {
                Kind::UNION | Kind::EXCEPT => P_UNION,
                Kind::INTERSECT => P_INTERSECT,
                _ => 0,
            };
            let Some(top) = self.scratch.frames.last().copied() else { return Err(self.unexpected()) };
            if power > 0 && (top.st != St::SetOp || power > top.power) {
                let op = match self.kind() {
                    Kind::UNION => e::SetOperation::SETOP_UNION,
                    Kind::EXCEPT => e::SetOperation::SETOP_EXCEPT,
                    _ => e::SetOperation::SETOP_INTERSECT,
                };
                self.bump();
                let all = self.eat(Kind::ALL);
                if !all {
                    self.eat(Kind::DISTINCT);
                }
                self.push(Frame { power, op: op as u8, ..Frame::new(St::SetOp, lhs, u32::from(all), 0) });
                return Ok(Next::SelectOperand);
            }
            self.scratch.frames.pop();
            if top.st == St::Select {
                self.select_tail(lhs, top)?;
                return Ok(Next::Ret(lhs));
            }
            let first = self.first_of(top.a);
            lhs = mk!(self, SelectStmt, first, {
                op: u32::from(top.op), all: top.b, larg: top.a, rarg: lhs
            });
        }
    }

    /// `ORDER BY`, locking, `LIMIT` behind a select, and its `WITH`: `insertSelectOptions`.
    fn select_tail(&mut self, select: u32, frame: Frame) -> R<()> {
        let with = frame.a;
        if with == 0
            && !matches!(self.kind(), Kind::ORDER | Kind::LIMIT | Kind::OFFSET | Kind::FETCH | Kind::FOR)
        {
            return Ok(());
        }
        let sort = self.opt_sort_clause()?;
        let mut limit = None;
        let mut locking = 0;
        if self.is(Kind::FOR) {
            locking = self.locking_clause()?;
            limit = self.opt_select_limit()?;
        } else if let Some(found) = self.opt_select_limit()? {
            limit = Some(found);
            locking = self.locking_clause()?;
        }
        self.insert_options(select, sort, locking, limit)?;
        if with != 0 {
            if got!(self, select, SelectStmt.withClause) != 0 {
                let loc = got!(self, with, WithClause.location);
                return Err(self.refuse_syntax(loc, "multiple WITH clauses not allowed"));
            }
            put!(self, select, SelectStmt.withClause, with);
        }
        self.tree.set(select, 1, frame.b);
        self.tree.set(select, 2, self.at as u32);
        Ok(())
    }

    fn insert_options(&mut self, select: u32, sort: u32, locking: u32, limit: Option<Limit>) -> R<()> {
        if sort != 0 {
            if got!(self, select, SelectStmt.sortClause) != 0 {
                let loc = self.expr_location(got!(self, self.tree.get(sort, 1), SortBy.node));
                return Err(self.refuse_syntax(loc, "multiple ORDER BY clauses not allowed"));
            }
            put!(self, select, SelectStmt.sortClause, sort);
        }
        let old = got!(self, select, SelectStmt.lockingClause);
        let locking = self.list_concat(old, locking);
        put!(self, select, SelectStmt.lockingClause, locking);
        let Some(limit) = limit else { return Ok(()) };
        if limit.offset != 0 {
            if got!(self, select, SelectStmt.limitOffset) != 0 {
                let loc = self.limit_place(limit.offset, limit.offset_loc);
                return Err(self.refuse_syntax(loc, "multiple OFFSET clauses not allowed"));
            }
            put!(self, select, SelectStmt.limitOffset, limit.offset);
        }
        if limit.count != 0 {
            if got!(self, select, SelectStmt.limitCount) != 0 {
                let loc = self.limit_place(limit.count, limit.count_loc);
                return Err(self.refuse_syntax(loc, "multiple LIMIT clauses not allowed"));
            }
            put!(self, select, SelectStmt.limitCount, limit.count);
        }
        let ties = e::LimitOption::LIMIT_OPTION_WITH_TIES;
        if self.version < Version::V18 && got!(self, select, SelectStmt.limitOption) == ties {
            return Err(self.refuse_syntax(NOWHERE, "multiple limit options not allowed"));
        }
        if limit.option == ties {
            if got!(self, select, SelectStmt.sortClause) == 0 {
                let message = "WITH TIES cannot be specified without ORDER BY clause";
                let loc = self.newer_place(limit.option_loc);
                return Err(self.refuse_syntax(loc, message));
            }
            let skips = self.tree.items(locking).iter().any(|&lock| {
                self.tree.tag(lock) == Some(Tag::LockingClause)
                    && got!(self, lock, LockingClause.waitPolicy) == e::LockWaitPolicy::LockWaitSkip
            });
            if skips {
                let message = "SKIP LOCKED and WITH TIES options cannot be used together";
                let loc = self.newer_place(limit.option_loc);
                return Err(self.refuse_syntax(loc, message));
            }
        }
        put!(self, select, SelectStmt.limitOption, limit.option);
        Ok(())
    }

    /// Where a second LIMIT or OFFSET is told: its word, before version 18 its expression.
    fn limit_place(&self, node: u32, loc: u32) -> u32 {
        if self.version >= Version::V18 { loc } else { self.expr_location(node) }
    }

    /// The place that a node holds.
    fn location_of(&self, node: u32, tag: Tag) -> u32 {
        let place = tag.shape().fields.iter().position(|field| field.name == "location");
        place.map_or(NOWHERE, |index| self.tree.get(node, HEAD + index as u32))
    }

    /// `exprLocation`: the leftmost place that an expression names.
    fn expr_location(&self, mut node: u32) -> u32 {
        let mut leftmost = NOWHERE;
        loop {
            let first = |list| self.tree.items(list).first().copied().unwrap_or(0);
            let (loc, next) = match self.tree.tag(node) {
                Some(Tag::A_Expr) => (got!(self, node, A_Expr.location), got!(self, node, A_Expr.lexpr)),
                Some(Tag::BoolExpr) => {
                    (got!(self, node, BoolExpr.location), first(got!(self, node, BoolExpr.args)))
                }
                Some(Tag::FuncCall) => {
                    (got!(self, node, FuncCall.location), first(got!(self, node, FuncCall.args)))
                }
                Some(Tag::XmlExpr) => {
                    (got!(self, node, XmlExpr.location), first(got!(self, node, XmlExpr.args)))
                }
                Some(Tag::NullTest) => (got!(self, node, NullTest.location), got!(self, node, NullTest.arg)),
                Some(Tag::BooleanTest) => {
                    (got!(self, node, BooleanTest.location), got!(self, node, BooleanTest.arg))
                }
                Some(Tag::SubLink) => {
                    (got!(self, node, SubLink.location), got!(self, node, SubLink.testexpr))
                }
                Some(Tag::TypeCast) => {
                    let name = got!(self, node, TypeCast.typeName);
                    let loc = got!(self, node, TypeCast.location).min(got!(self, name, TypeName.location));
                    (loc, got!(self, node, TypeCast.arg))
                }
                Some(Tag::CollateClause) => (NOWHERE, got!(self, node, CollateClause.arg)),
                Some(Tag::A_Indirection) if self.version >= Version::V18 => {
                    (NOWHERE, got!(self, node, A_Indirection.arg))
                }
                Some(Tag::JsonIsPredicate) => (got!(self, node, JsonIsPredicate.location), 0),
                Some(tag) => (self.location_of(node, tag), 0),
                None => return leftmost,
            };
            leftmost = leftmost.min(loc);
            node = next;
        }
    }

    /// `opt_sort_clause`.
    pub(crate) fn opt_sort_clause(&mut self) -> R {
        if !self.eat(Kind::ORDER) {
            return Ok(0);
        }
        self.expect(Kind::BY)?;
        self.comma_list(Self::sortby)
    }

    fn sortby(&mut self) -> R {
        let first = self.here();
        let node = self.a_expr()?;
        let (mut direction, mut operator, mut loc) = (e::SortByDir::SORTBY_DEFAULT, 0, NOWHERE);
        if self.eat(Kind::USING) {
            direction = e::SortByDir::SORTBY_USING;
            loc = self.loc();
            operator = self.qual_all_op()?;
        } else {
            direction = self.opt_asc_desc().max(direction);
        }
        let nulls = self.opt_nulls_order()?;
        Ok(mk!(self, SortBy, first, {
            node: node, sortby_dir: direction, sortby_nulls: nulls, useOp: operator, location: loc
        }))
    }

    /// `opt_asc_desc`.
    pub(crate) fn opt_asc_desc(&mut self) -> u32 {
        if self.eat(Kind::ASC) {
            e::SortByDir::SORTBY_ASC
        } else if self.eat(Kind::DESC) {
            e::SortByDir::SORTBY_DESC
        } else {
            e::SortByDir::SORTBY_DEFAULT
        }
    }

    /// `opt_nulls_order`.
    pub(crate) fn opt_nulls_order(&mut self) -> R {
        if !self.eat(Kind::NULLS_LA) {
            return Ok(e::SortByNulls::SORTBY_NULLS_DEFAULT);
        }
        if self.eat(Kind::FIRST) {
            return Ok(e::SortByNulls::SORTBY_NULLS_FIRST);
        }
        self.expect(Kind::LAST)?;
        Ok(e::SortByNulls::SORTBY_NULLS_LAST)
    }

    /// `qual_all_Op`.
    pub(crate) fn qual_all_op(&mut self) -> R {
        if self.is(Kind::OPERATOR) {
            return self.operator_name();
        }
        if !crate::grammar::expr::is_all_op(self.kind()) {
            return Err(self.unexpected());
        }
        let name = self.this_token();
        Ok(self.list(&[name.node()]))
    }

    /// `opt_select_limit`.
    fn opt_select_limit(&mut self) -> R<Option<Limit>> {
        let mut limit = Limit {
            option: e::LimitOption::LIMIT_OPTION_COUNT,
            offset_loc: NOWHERE,
            count_loc: NOWHERE,
            option_loc: NOWHERE,
            ..Limit::default()
        };
        match self.kind() {
            Kind::LIMIT | Kind::FETCH => {
                self.limit_clause(&mut limit)?;
                if self.is(Kind::OFFSET) {
                    self.offset_clause(&mut limit)?;
                }
            }
            Kind::OFFSET => {
                self.offset_clause(&mut limit)?;
                if matches!(self.kind(), Kind::LIMIT | Kind::FETCH) {
                    self.limit_clause(&mut limit)?;
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(limit))
    }

    fn limit_clause(&mut self, limit: &mut Limit) -> R<()> {
        limit.count_loc = self.loc();
        if self.eat(Kind::FETCH) {
            return self.fetch_first(limit);
        }
        self.bump();
        let loc = self.loc();
        limit.count = if self.eat(Kind::ALL) { self.null_const(loc) } else { self.a_expr()? };
        if self.eat(Kind::COMMA) {
            self.a_expr()?;
            let halt = self.refuse_syntax(limit.count_loc, "LIMIT #,# syntax is not supported");
            return Err(self.hint(halt, "Use separate LIMIT and OFFSET clauses."));
        }
        Ok(())
    }

    fn fetch_first(&mut self, limit: &mut Limit) -> R<()> {
        if !self.eat(Kind::FIRST) {
            self.expect(Kind::NEXT)?;
        }
        limit.count = match self.kind() {
            // The words are columns where no end of the clause follows.
            Kind::ROW | Kind::ROWS if matches!(self.peek(1), Kind::ONLY | Kind::WITH) => {
                self.int_const(1, NOWHERE)
            }
            _ => self.fetch_value()?,
        };
        self.row_or_rows()?;
        if self.eat(Kind::ONLY) {
            return Ok(());
        }
        limit.option_loc = self.loc();
        self.expect_all(&[Kind::WITH, Kind::TIES])?;
        limit.option = e::LimitOption::LIMIT_OPTION_WITH_TIES;
        Ok(())
    }

    /// `select_fetch_first_value`.
    fn fetch_value(&mut self) -> R {
        let first = self.here();
        let minus = self.is(Kind::MINUS);
        if !minus && !self.is(Kind::PLUS) {
            return self.c_expr();
        }
        self.bump();
        let loc = self.loc();
        let value = if self.is(Kind::FCONST) {
            let text = self.this_token();
            self.float_const(text, loc)
        } else {
            let value = self.iconst()?;
            self.int_const(value, loc)
        };
        if minus {
            return Ok(self.negate(value, first));
        }
        let name = self.list(&[TextId::token(first as usize).node()]);
        Ok(self.a_expr_node(e::A_Expr_Kind::AEXPR_OP, name, 0, value, first))
    }

    fn row_or_rows(&mut self) -> R<()> {
        if self.eat(Kind::ROWS) { Ok(()) } else { self.expect(Kind::ROW) }
    }

    fn offset_clause(&mut self, limit: &mut Limit) -> R<()> {
        limit.offset_loc = self.loc();
        self.bump();
        let signed = matches!(self.kind(), Kind::PLUS | Kind::MINUS)
            && matches!(self.peek(1), Kind::ICONST | Kind::FCONST)
            && matches!(self.peek(2), Kind::ROW | Kind::ROWS);
        if signed {
            limit.offset = self.fetch_value()?;
            return self.row_or_rows();
        }
        if self.prefixed() {
            limit.offset = self.a_expr()?;
            return Ok(());
        }
        // `OFFSET n ROWS`: only a bare operand may stand before it.
        limit.offset = self.run(|p| Ok(p.start_expr(F_C | F_ROW)))?;
        if matches!(self.kind(), Kind::ROW | Kind::ROWS) {
            return self.row_or_rows();
        }
        limit.offset = self.a_expr_from(limit.offset)?;
        Ok(())
    }

    /// `opt_for_locking_clause`.
    fn locking_clause(&mut self) -> R {
        if self.is(Kind::FOR) && self.peek(1) == Kind::READ {
            self.at += 2;
            self.expect(Kind::ONLY)?;
            return Ok(0);
        }
        let mark = self.mark();
        while self.is(Kind::FOR) {
            let item = self.locking_item()?;
            self.item(item);
        }
        Ok(self.list_from(mark))
    }

    fn locking_item(&mut self) -> R {
        let first = self.here();
        let strength = self.locking_strength()?;
        let relations = if self.eat(Kind::OF) { self.qualified_name_list()? } else { 0 };
        let wait = if self.eat(Kind::NOWAIT) {
            e::LockWaitPolicy::LockWaitError
        } else if self.eat(Kind::SKIP) {
            self.expect(Kind::LOCKED)?;
            e::LockWaitPolicy::LockWaitSkip
        } else {
            e::LockWaitPolicy::LockWaitBlock
        };
        Ok(mk!(self, LockingClause, first, { lockedRels: relations, strength: strength, waitPolicy: wait }))
    }

    /// `for_locking_strength`, at FOR.
    pub(crate) fn locking_strength(&mut self) -> R {
        use e::LockClauseStrength as s;
        self.bump();
        let strength = match self.kind() {
            Kind::UPDATE => s::LCS_FORUPDATE,
            Kind::SHARE => s::LCS_FORSHARE,
            Kind::NO => {
                self.bump();
                self.expect(Kind::KEY)?;
                if !self.is(Kind::UPDATE) {
                    return Err(self.unexpected());
                }
                s::LCS_FORNOKEYUPDATE
            }
            // `FOR READ ONLY` may only stand alone.
            _ => {
                self.expect(Kind::KEY)?;
                if !self.is(Kind::SHARE) {
                    return Err(self.unexpected());
                }
                s::LCS_FORKEYSHARE
            }
        };
        self.bump();
        Ok(strength)
    }

    // ---- INTO ----

    fn select_into(&mut self) -> R {
        let first = self.here();
        self.bump();
        let relation = self.temp_table_name()?;
        Ok(mk!(self, IntoClause, first, { rel: relation, onCommit: e::OnCommitAction::ONCOMMIT_NOOP }))
    }

    /// `OptTempTableName`.
    fn temp_table_name(&mut self) -> R {
        let mut persistence = b'p';
        match self.kind() {
            Kind::LOCAL | Kind::GLOBAL if matches!(self.peek(1), Kind::TEMPORARY | Kind::TEMP) => {
                self.at += 2;
                self.eat(Kind::TABLE);
                persistence = b't';
            }
            Kind::TEMPORARY | Kind::TEMP if self.names_table() => {
                self.bump();
                self.eat(Kind::TABLE);
                persistence = b't';
            }
            Kind::UNLOGGED if self.names_table() => {
                self.bump();
                self.eat(Kind::TABLE);
                persistence = b'u';
            }
            _ => {
                self.eat(Kind::TABLE);
            }
        }
        let node = self.qualified_name()?;
        put!(self, node, RangeVar.relpersistence, u32::from(persistence));
        Ok(node)
    }

    /// Whether the word here is a prefix of a table's name, not the name.
    fn names_table(&self) -> bool {
        self.peek(1) == Kind::TABLE || self.peek(1).is_col_id()
    }

    // ---- WITH ----

    /// `opt_with_clause`.
    pub(crate) fn opt_with_clause(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if !matches!(self.kind(), Kind::WITH | Kind::WITH_LA) {
            return Ok(0);
        }
        let may_recurse = self.is(Kind::WITH);
        self.bump();
        let mut recursive = false;
        if may_recurse && self.is(Kind::RECURSIVE) && !matches!(self.peek(1), Kind::AS | Kind::LPAREN) {
            recursive = true;
            self.bump();
        }
        let ctes = self.comma_list(Self::common_table_expr)?;
        Ok(mk!(self, WithClause, first, { ctes: ctes, recursive: u32::from(recursive), location: loc }))
    }

    fn common_table_expr(&mut self) -> R {
        use e::CTEMaterialize as m;
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        let columns = self.opt_name_list_parens()?;
        self.expect(Kind::AS)?;
        let materialized = if self.eat(Kind::MATERIALIZED) {
            m::CTEMaterializeAlways
        } else if self.eat(Kind::NOT) {
            self.expect(Kind::MATERIALIZED)?;
            m::CTEMaterializeNever
        } else {
            m::CTEMaterializeDefault
        };
        self.expect(Kind::LPAREN)?;
        let query = self.counted(Self::preparable_stmt)?;
        self.expect(Kind::RPAREN)?;
        let search = self.search_clause()?;
        let cycle = self.cycle_clause()?;
        Ok(mk!(self, CommonTableExpr, first, {
            ctename: name.0, aliascolnames: columns, ctematerialized: materialized, ctequery: query,
            search_clause: search, cycle_clause: cycle, location: loc
        }))
    }

    fn search_clause(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if !self.eat(Kind::SEARCH) {
            return Ok(0);
        }
        let breadth = self.eat(Kind::BREADTH);
        if !breadth {
            self.expect(Kind::DEPTH)?;
        }
        self.expect_all(&[Kind::FIRST, Kind::BY])?;
        let columns = self.name_list()?;
        self.expect(Kind::SET)?;
        let sequence = self.col_id()?;
        Ok(mk!(self, CTESearchClause, first, {
            search_col_list: columns, search_breadth_first: u32::from(breadth), search_seq_column: sequence.0,
            location: loc
        }))
    }

    fn cycle_clause(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if !self.eat(Kind::CYCLE) {
            return Ok(0);
        }
        let columns = self.name_list()?;
        self.expect(Kind::SET)?;
        let mark = self.col_id()?;
        let (value, default);
        if self.eat(Kind::TO) {
            value = self.aexpr_const()?;
            self.expect(Kind::DEFAULT)?;
            default = self.aexpr_const()?;
        } else {
            value = self.bool_const(true, NOWHERE);
            default = self.bool_const(false, NOWHERE);
        }
        self.expect(Kind::USING)?;
        let path = self.col_id()?;
        Ok(mk!(self, CTECycleClause, first, {
            cycle_col_list: columns, cycle_mark_column: mark.0, cycle_mark_value: value,
            cycle_mark_default: default, cycle_path_column: path.0, location: loc
        }))
    }

    /// `AexprConst`: an operand that turns out to be a constant.
    pub(crate) fn aexpr_const(&mut self) -> R {
        let start = self.kind();
        let named = start.is_type_function_name() || start.is_col_id();
        let literal = matches!(
            start,
            Kind::ICONST
                | Kind::FCONST
                | Kind::SCONST
                | Kind::BCONST
                | Kind::XCONST
                | Kind::TRUE
                | Kind::FALSE
                | Kind::NULL
        );
        if !named && !literal {
            return Err(self.unexpected());
        }
        let node = self.c_expr()?;
        match self.tree.tag(node) {
            Some(Tag::A_Const | Tag::TypeCast) => Ok(node),
            _ => Err(self.unexpected()),
        }
    }
}
