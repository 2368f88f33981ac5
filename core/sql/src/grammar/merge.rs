//! MERGE.
//!
//! Source: `MergeStmt` to `merge_values_clause` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{Frame, Next, St, item};
use crate::nodes::e::{CmdType, MergeMatchKind as m};
use crate::parser::{Parser, R, mk};
use crate::token::Kind;
use crate::version::Feature;

use crate::grammar::dml::step;

impl Parser<'_> {
    pub(crate) fn merge_start(&mut self, frame: Frame) -> R<Next> {
        self.expect_all(&[Kind::MERGE, Kind::INTO])?;
        let relation = self.relation_expr_opt_alias()?;
        self.item(relation);
        self.expect(Kind::USING)?;
        self.push(frame);
        Ok(self.start_table())
    }

    /// A part of MERGE is complete: the relation, the source and the condition lie under the clauses, these under their items.
    pub(crate) fn merge(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        match frame.op {
            step::TABLES => {
                self.expect(Kind::ON)?;
                Ok(self.expr(Frame { op: step::WHERE, ..frame }))
            }
            step::WHERE => self.merge_when_start(Frame { op: step::TARGETS, ..frame }),
            step::TARGETS if self.is(Kind::WHEN) => self.merge_when_start(frame),
            step::TARGETS => {
                let clauses = self.list_from(frame.c + 3);
                self.item(clauses);
                let then = Frame { op: step::RETURNING, ..frame };
                if self.has(Feature::MergeReturning) {
                    return self.returning_clause(then);
                }
                self.merge(then, 0)
            }
            _ => {
                let [relation, source, condition, clauses, returning] = self.kept(frame.c);
                Ok(Next::Ret(mk!(self, MergeStmt, frame.a, {
                    relation: relation, sourceRelation: source, joinCondition: condition,
                    mergeWhenClauses: clauses, returningClause: returning, withClause: frame.b
                })))
            }
        }
    }

    /// `merge_when_clause`, for `then`.
    fn merge_when_start(&mut self, then: Frame) -> R<Next> {
        self.push(then);
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
        let frame = Frame { op: step::WHERE, ..Frame::new(St::MergeWhen, first, kind, self.mark()) };
        if self.eat(Kind::AND) { Ok(self.expr(frame)) } else { self.merge_when(frame, 0) }
    }

    /// A part of WHEN is complete: the condition, the command, what overrides and the columns lie under its items.
    pub(crate) fn merge_when(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::WHERE => {
                self.item(value);
                self.expect(Kind::THEN)?;
                self.merge_action(frame)
            }
            step::TARGETS => Ok(self.merge_when_done(frame, value, 0)),
            step::COLUMNS => {
                self.expect(Kind::RPAREN)?;
                self.merge_values(frame, value)
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                let columns = self.scratch.items.pop().unwrap_or(0);
                Ok(self.merge_when_done(frame, columns, value))
            }
        }
    }

    fn merge_action(&mut self, mut frame: Frame) -> R<Next> {
        let inserts = frame.b == m::MERGE_WHEN_NOT_MATCHED_BY_TARGET;
        match self.kind() {
            Kind::DO => {
                self.bump();
                self.expect(Kind::NOTHING)?;
                self.keep(&[CmdType::CMD_NOTHING, 0]);
                Ok(self.merge_when_done(frame, 0, 0))
            }
            Kind::UPDATE if !inserts => {
                self.bump();
                self.expect(Kind::SET)?;
                self.keep(&[CmdType::CMD_UPDATE, 0]);
                frame.op = step::TARGETS;
                self.items(frame, item::SET)
            }
            Kind::DELETE if !inserts => {
                self.bump();
                self.keep(&[CmdType::CMD_DELETE, 0]);
                Ok(self.merge_when_done(frame, 0, 0))
            }
            Kind::INSERT if inserts => {
                self.bump();
                self.item(CmdType::CMD_INSERT);
                if self.eat(Kind::DEFAULT) {
                    self.expect(Kind::VALUES)?;
                    self.item(0);
                    return Ok(self.merge_when_done(frame, 0, 0));
                }
                if self.eat(Kind::LPAREN) {
                    frame.op = step::COLUMNS;
                    return self.items(frame, item::COLUMN);
                }
                self.merge_values(frame, 0)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `OVERRIDING … VALUES ( …`.
    fn merge_values(&mut self, frame: Frame, columns: u32) -> R<Next> {
        let overriding = self.overriding()?;
        self.expect(Kind::VALUES)?;
        self.keep(&[overriding, columns]);
        self.paren_exprs(Frame { op: step::VALUE, ..frame })
    }

    // The server's own node for DO NOTHING leaves "override" at its zero, which is "not set" too.
    fn merge_when_done(&mut self, frame: Frame, targets: u32, values: u32) -> Next {
        let [condition, command, overriding] = self.kept(frame.c);
        Next::Ret(mk!(self, MergeWhenClause, frame.a, {
            matchKind: frame.b, commandType: command, r#override: overriding, condition: condition,
            targetList: targets, values: values
        }))
    }
}
