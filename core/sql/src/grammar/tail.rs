//! What stands behind a select and its set operations: ORDER BY, LIMIT, OFFSET, FETCH, locking.
//!
//! Source: `select_no_parens` to `select_fetch_first_value`, `for_locking_clause` in gram.y, PostgreSQL 18.

use crate::grammar::lists::refusal;
use crate::grammar::machine::{F_C, F_ROW, Frame, Next, St};
use crate::nodes::{HEAD, Tag, e};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Version;

/// What of a tail has been read; 0 is absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail {
    with: u32,
    sort: u32,
    locking: u32,
    offset: u32,
    count: u32,
    with_ties: bool,
    /// `LIMIT` or `FETCH`, `OFFSET`, `WITH` of `WITH TIES`.
    count_token: u32,
    offset_token: u32,
    option_token: u32,
}

impl Tail {
    fn limit(self) -> Option<Self> {
        (self.count_token != 0 || self.offset_token != 0).then_some(self)
    }
}

/// What a [`St::Tail`] frame waits for.
pub(crate) mod step {
    pub const SORT: u8 = 0;
    pub const LIMIT: u8 = 1;
    pub const FETCH: u8 = 2;
    pub const OFFSET: u8 = 3;
    /// `OFFSET n`, which may go on as an expression or with ROWS.
    pub const OFFSET_OPERAND: u8 = 4;
}

/// The locking clause stood before the limit.
const LOCKED: u8 = 1;
/// The select has a `WITH`.
pub(crate) const WITH: u8 = 2;

impl Parser<'_> {
    /// `ORDER BY`, locking, `LIMIT` behind a select, and its `WITH`: `insertSelectOptions`.
    pub(crate) fn select_tail(&mut self, select: u32, frame: Frame) -> R<Next> {
        let with = frame.a;
        if with == 0
            && !matches!(self.kind(), Kind::ORDER | Kind::LIMIT | Kind::OFFSET | Kind::FETCH | Kind::FOR)
        {
            return Ok(Next::Ret(select));
        }
        self.scratch.tails.push(Tail { with, ..Tail::default() });
        let flags = if with == 0 { 0 } else { WITH };
        let frame = Frame { op: step::SORT, flags, ..Frame::new(St::Tail, select, frame.b, 0) };
        if self.is(Kind::ORDER) { self.sort_clause(frame) } else { self.tail(frame, 0) }
    }

    /// A clause of the tail is complete.
    pub(crate) fn tail(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::SORT => {
                self.tail_parts().sort = value;
                if self.is(Kind::FOR) {
                    frame.flags |= LOCKED;
                    self.tail_parts().locking = self.locking_clause()?;
                }
            }
            step::LIMIT => {
                self.tail_parts().count = value;
                if self.eat(Kind::COMMA) {
                    let token = self.tail_parts().count_token;
                    self.refuse_behind(refusal::LIMIT, token);
                    return Ok(self.start_expr(0));
                }
            }
            step::FETCH => {
                self.tail_parts().count = value;
                self.fetch_end()?;
            }
            step::OFFSET => self.tail_parts().offset = value,
            _ if matches!(self.kind(), Kind::ROW | Kind::ROWS) => {
                self.bump();
                self.tail_parts().offset = value;
            }
            _ => return Ok(self.expr_from(Frame { op: step::OFFSET, ..frame }, value)),
        }
        self.tail_limit(frame)
    }

    fn tail_parts(&mut self) -> &mut Tail {
        if self.scratch.tails.is_empty() {
            self.scratch.tails.push(Tail::default());
        }
        let last = self.scratch.tails.len() - 1;
        &mut self.scratch.tails[last]
    }

    /// `opt_select_limit`: each of LIMIT and OFFSET once.
    fn tail_limit(&mut self, frame: Frame) -> R<Next> {
        let Tail { count_token, offset_token, .. } = *self.tail_parts();
        match self.kind() {
            Kind::LIMIT | Kind::FETCH if count_token == 0 => self.limit_clause(frame),
            Kind::OFFSET if offset_token == 0 => self.offset_clause(frame),
            _ => self.tail_end(frame),
        }
    }

    fn tail_end(&mut self, frame: Frame) -> R<Next> {
        if frame.flags & LOCKED == 0 && self.tail_parts().limit().is_some() {
            self.tail_parts().locking = self.locking_clause()?;
        }
        let tail = self.scratch.tails.pop().unwrap_or_default();
        let (select, with) = (frame.a, tail.with);
        self.insert_options(select, tail)?;
        if with != 0 {
            if got!(self, select, SelectStmt.withClause) != 0 {
                let loc = got!(self, with, WithClause.location);
                return Err(self.refuse_syntax(loc, "multiple WITH clauses not allowed"));
            }
            put!(self, select, SelectStmt.withClause, with);
        }
        self.tree.set(select, 1, frame.b);
        self.tree.set(select, 2, self.at as u32);
        Ok(Next::Ret(select))
    }

    fn insert_options(&mut self, select: u32, tail: Tail) -> R<()> {
        let Tail { sort, locking, .. } = tail;
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
        let Some(limit) = tail.limit() else { return Ok(()) };
        if limit.offset != 0 {
            if got!(self, select, SelectStmt.limitOffset) != 0 {
                let loc = self.limit_place(limit.offset, self.loc_of(limit.offset_token as usize));
                return Err(self.refuse_syntax(loc, "multiple OFFSET clauses not allowed"));
            }
            put!(self, select, SelectStmt.limitOffset, limit.offset);
        }
        if limit.count != 0 {
            if got!(self, select, SelectStmt.limitCount) != 0 {
                let loc = self.limit_place(limit.count, self.loc_of(limit.count_token as usize));
                return Err(self.refuse_syntax(loc, "multiple LIMIT clauses not allowed"));
            }
            put!(self, select, SelectStmt.limitCount, limit.count);
        }
        let ties = e::LimitOption::LIMIT_OPTION_WITH_TIES;
        if self.version < Version::V18 && got!(self, select, SelectStmt.limitOption) == ties {
            return Err(self.refuse_syntax(NOWHERE, "multiple limit options not allowed"));
        }
        if limit.with_ties {
            if got!(self, select, SelectStmt.sortClause) == 0 {
                let message = "WITH TIES cannot be specified without ORDER BY clause";
                let loc = self.newer_place(self.loc_of(limit.option_token as usize));
                return Err(self.refuse_syntax(loc, message));
            }
            let skips = self.tree.items(locking).iter().any(|&lock| {
                self.tree.tag(lock) == Some(Tag::LockingClause)
                    && got!(self, lock, LockingClause.waitPolicy) == e::LockWaitPolicy::LockWaitSkip
            });
            if skips {
                let message = "SKIP LOCKED and WITH TIES options cannot be used together";
                let loc = self.newer_place(self.loc_of(limit.option_token as usize));
                return Err(self.refuse_syntax(loc, message));
            }
        }
        let option = if limit.with_ties { ties } else { e::LimitOption::LIMIT_OPTION_COUNT };
        put!(self, select, SelectStmt.limitOption, option);
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

    fn limit_clause(&mut self, frame: Frame) -> R<Next> {
        self.tail_parts().count_token = self.here();
        if self.eat(Kind::FETCH) {
            return self.fetch_first(frame);
        }
        self.bump();
        let (frame, loc) = (Frame { op: step::LIMIT, ..frame }, self.loc());
        if self.eat(Kind::ALL) {
            let all = self.null_const(loc);
            return self.tail(frame, all);
        }
        Ok(self.expr(frame))
    }

    fn fetch_first(&mut self, frame: Frame) -> R<Next> {
        if !self.eat(Kind::FIRST) {
            self.expect(Kind::NEXT)?;
        }
        let frame = Frame { op: step::FETCH, ..frame };
        let count = match self.kind() {
            // The words are columns where no end of the clause follows.
            Kind::ROW | Kind::ROWS if matches!(self.peek(1), Kind::ONLY | Kind::WITH) => {
                self.int_const(1, NOWHERE)
            }
            Kind::PLUS | Kind::MINUS => self.signed_number()?,
            _ => return Ok(self.flagged_expr(frame, F_C)),
        };
        self.tail(frame, count)
    }

    /// `row_or_rows ONLY`, `row_or_rows WITH TIES`.
    fn fetch_end(&mut self) -> R<()> {
        self.row_or_rows()?;
        if self.eat(Kind::ONLY) {
            return Ok(());
        }
        self.tail_parts().option_token = self.here();
        self.tail_parts().with_ties = true;
        self.expect_all(&[Kind::WITH, Kind::TIES])
    }

    /// `select_fetch_first_value` with a sign.
    fn signed_number(&mut self) -> R {
        let first = self.here();
        let minus = self.is(Kind::MINUS);
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

    fn offset_clause(&mut self, frame: Frame) -> R<Next> {
        self.tail_parts().offset_token = self.here();
        self.bump();
        let signed = matches!(self.kind(), Kind::PLUS | Kind::MINUS)
            && matches!(self.peek(1), Kind::ICONST | Kind::FCONST)
            && matches!(self.peek(2), Kind::ROW | Kind::ROWS);
        let frame = Frame { op: step::OFFSET, ..frame };
        if signed {
            let offset = self.signed_number()?;
            self.row_or_rows()?;
            return self.tail(frame, offset);
        }
        if self.prefixed() {
            return Ok(self.flagged_expr(frame, 0));
        }
        // `OFFSET n ROWS`: only a bare operand may stand before it.
        Ok(self.flagged_expr(Frame { op: step::OFFSET_OPERAND, ..frame }, F_C | F_ROW))
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
}
