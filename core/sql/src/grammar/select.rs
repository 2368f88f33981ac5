//! SELECT, VALUES, TABLE, set operations.
//!
//! Source: `SelectStmt` to `values_clause` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_LABEL, Frame, Next, St, item};
use crate::nodes::e;
use crate::parser::{NOWHERE, Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;

/// The clauses of a simple select that is being read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    first: u32,
    distinct: u32,
    targets: u32,
    into: u32,
    from: u32,
    condition: u32,
    group: u32,
    group_distinct: bool,
    having: u32,
    window: u32,
}

const P_UNION: u8 = 1;
const P_INTERSECT: u8 = 2;

impl Parser<'_> {
    /// A select with its `WITH` and its tail.
    pub(crate) fn select(&mut self) -> R<Next> {
        let first = self.here();
        if matches!(self.kind(), Kind::WITH | Kind::WITH_LA) {
            return self.with_clause(Frame::new(St::WithSelect, first, 0, 0));
        }
        self.select_with(0, first)
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
        self.scratch.parts.push(Parts { first: self.here(), ..Parts::default() });
        self.bump();
        if self.eat(Kind::DISTINCT) {
            if self.eat(Kind::ON) {
                return self.paren_exprs(Frame::new(St::DistinctOn, 0, 0, 0));
            }
            self.parts().distinct = self.list(&[0]);
            return self.target(self.mark());
        }
        self.eat(Kind::ALL);
        let mark = self.mark();
        if self.ends_select_list() { self.targets_done(mark) } else { self.target(mark) }
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
    pub(crate) fn star_target(&mut self) -> u32 {
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
    pub(crate) fn labelled(&mut self, value: u32, first: u32) -> R {
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
            self.push(Frame::new(St::From, 0, 0, 0));
            return Ok(self.start_tables());
        }
        self.select_where()
    }

    pub(crate) fn tables_done(&mut self, from: u32) -> R<Next> {
        self.parts().from = from;
        self.select_where()
    }

    fn select_where(&mut self) -> R<Next> {
        if self.eat(Kind::WHERE) {
            return Ok(self.expr(Frame::new(St::Where, 0, 0, 0)));
        }
        self.select_group()
    }

    /// A clause of a select is complete.
    pub(crate) fn select_clause(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.st {
            St::DistinctOn => {
                self.expect(Kind::RPAREN)?;
                self.parts().distinct = value;
                self.target(self.mark())
            }
            St::Where => {
                self.parts().condition = value;
                self.select_group()
            }
            St::Group => {
                self.parts().group = value;
                self.select_having()
            }
            St::Having => {
                self.parts().having = value;
                self.select_window()
            }
            _ => {
                self.parts().window = value;
                Ok(self.simple_select_done())
            }
        }
    }

    fn select_group(&mut self) -> R<Next> {
        if !self.eat(Kind::GROUP) {
            return self.select_having();
        }
        self.expect(Kind::BY)?;
        let distinct = self.eat(Kind::DISTINCT);
        self.parts().group_distinct = distinct;
        if !distinct {
            self.eat(Kind::ALL);
        }
        self.items(Frame::new(St::Group, 0, 0, 0), item::GROUP)
    }

    fn select_having(&mut self) -> R<Next> {
        if self.eat(Kind::HAVING) {
            return Ok(self.expr(Frame::new(St::Having, 0, 0, 0)));
        }
        self.select_window()
    }

    fn select_window(&mut self) -> R<Next> {
        if self.eat(Kind::WINDOW) {
            return self.items(Frame::new(St::Windows, 0, 0, 0), item::WINDOW);
        }
        Ok(self.simple_select_done())
    }

    fn simple_select_done(&mut self) -> Next {
        let parts = self.scratch.parts.pop().unwrap_or_default();
        Next::SetOper(mk!(self, SelectStmt, parts.first, {
            distinctClause: parts.distinct, intoClause: parts.into, targetList: parts.targets,
            fromClause: parts.from, whereClause: parts.condition, groupClause: parts.group,
            groupDistinct: u32::from(parts.group_distinct), havingClause: parts.having,
            windowClause: parts.window
        }))
    }

    pub(crate) fn group_by_item(&mut self) -> R<Next> {
        use e::GroupingSetKind as g;
        let (first, loc) = (self.here(), self.loc());
        let kind = match (self.kind(), self.peek(1)) {
            (Kind::LPAREN, Kind::RPAREN) => {
                self.at += 2;
                let kind = g::GROUPING_SET_EMPTY;
                return Ok(Next::Ret(mk!(self, GroupingSet, first, { kind: kind, location: loc })));
            }
            (Kind::ROLLUP, Kind::LPAREN) => g::GROUPING_SET_ROLLUP,
            (Kind::CUBE, Kind::LPAREN) => g::GROUPING_SET_CUBE,
            (Kind::GROUPING, Kind::SETS) => {
                self.at += 2;
                self.expect(Kind::LPAREN)?;
                let frame = Frame::new(St::GroupingSet, first, g::GROUPING_SET_SETS, 0);
                return self.items(frame, item::GROUP);
            }
            _ => return Ok(self.start_expr(0)),
        };
        self.bump();
        self.paren_exprs(Frame::new(St::GroupingSet, first, kind, 0))
    }

    pub(crate) fn grouping_set(&mut self, frame: Frame, content: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let loc = self.loc_of(frame.a as usize);
        Ok(Next::Ret(mk!(self, GroupingSet, frame.a, { kind: frame.b, content: content, location: loc })))
    }

    // ---- set operations ----

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
                return self.select_tail(lhs, top);
            }
            let first = self.first_of(top.a);
            lhs = mk!(self, SelectStmt, first, {
                op: u32::from(top.op), all: top.b, larg: top.a, rarg: lhs
            });
        }
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
}
