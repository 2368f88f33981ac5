//! The explicit stack on which everything runs that nests without bound.
//!
//! A *frame* says how to go on once the construct above it is complete. A step of the machine looks at the current token,
//! pushes frames, and says what comes next ([`Next`]); nothing calls itself. So a level of parentheses costs two frames
//! of sixteen bytes instead of a native stack frame, and depth is a number with a limit.
//!
//! ```text
//!   ( a + ( b …            frames, top on the right
//!   End  Paren  End  Bin +  Paren  End        ← b is the operand
//! ```
//!
//! Expressions climb precedences: an operator is taken while it binds tighter than the frame below it, else that frame is
//! reduced first; equal strength follows the operator's associativity, and of non-associative ones the second is refused.

use crate::parser::{Halt, Parser, R};

/// How to go on once a construct is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum St {
    /// The machine's bottom.
    Halt,
    /// The bottom of an expression.
    End,
    /// A unary or binary operator that waits for its right operand.
    Bin,
    /// `BETWEEN b_expr` waits for `AND`.
    BetweenLow,
    /// `( …` in an expression.
    Paren,
    /// `( a, …`.
    Row,
    /// `x IN ( …`.
    In,
    /// `x IN ( a, …`.
    InList,
    /// `x op ANY ( …`.
    Any,
    /// A list in parentheses that an own rule finishes.
    List,
    /// `ARRAY [ …`, or an inner `[ …`.
    Array,
    /// `EXISTS ( select )`, `ARRAY ( select )`.
    SubLink,
    /// `CAST ( …`.
    Cast,
    /// `CASE …` before its first `WHEN`.
    CaseArg,
    /// `WHEN …`.
    CaseWhen,
    /// `THEN …`.
    CaseThen,
    /// `ELSE …`.
    CaseElse,
    /// An argument of a function.
    Arg,
    /// A named argument's value.
    NamedArg,
    /// A select inside parentheses waits for `)`.
    ParenSelect,
    /// The inner of `( ( select ) … )` where only a select may stand.
    InnerSelect,
    /// A select's bottom: `WITH` and what comes behind the set operations.
    Select,
    /// A select in parentheses that is an operand of a set operation.
    SelectOperand,
    /// A set operation that waits for its right operand.
    SetOp,
    /// A target of a select's list.
    Target,
    /// The tables of `FROM`.
    From,
    /// The condition of `WHERE`.
    Where,
    /// The bottom of a table reference with its joins.
    Table,
    /// The items of a list of tables.
    TableList,
    /// A join that waits for its right table and then its condition.
    Join,
    /// A join that waits for its right table only.
    CrossJoin,
    /// `ON …`.
    JoinOn,
    /// `( …` where a table may stand.
    TableParen,
    /// A select as a table waits for its alias.
    SubTable,
    /// A row of `VALUES`.
    Values,
}

/// One entry of the stack. What `a`, `b` and `c` hold is the state's affair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) st: St,
    pub(crate) power: u8,
    pub(crate) op: u8,
    pub(crate) flags: u8,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) c: u32,
}

impl Frame {
    pub(crate) const BOTTOM: Frame = Frame::new(St::Halt, 0, 0, 0);

    pub(crate) const fn new(st: St, a: u32, b: u32, c: u32) -> Frame {
        Frame { st, power: 0, op: 0, flags: 0, a, b, c }
    }
}

/// What the machine does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// Reads an operand; the frame below is an `End` or a `Bin`.
    Operand,
    /// Looks for an operator behind this operand.
    Oper(u32),
    /// The construct is complete; its value goes to the frame below.
    Ret(u32),
    /// Reads a `select_no_parens`, or a select in parentheses.
    Select,
    /// Reads `( select )`, and nothing else.
    SelectParens,
    /// Reads a simple select or a select in parentheses as operand of a set operation.
    SelectOperand,
    /// Looks for a set operation behind this select.
    SetOper(u32),
    /// Reads a table.
    TableOperand,
    /// Looks for a join behind this table.
    TableOper(u32),
    /// Reads `[ …` inside an array.
    InnerArray,
}

/// `b_expr`: no Boolean operators.
pub(crate) const F_B: u8 = 1;
/// A target: an operator's keyword may turn out to be a label.
pub(crate) const F_LABEL: u8 = 2;
/// `c_expr`: no operators at all.
pub(crate) const F_C: u8 = 4;
/// Directly inside parentheses, so the expression may turn out to be a select.
pub(crate) const F_SELECT: u8 = 8;
/// A function as a table or index element: no `OVER`, no `FILTER`.
pub(crate) const F_WINDOWLESS: u8 = 16;

/// With [`F_C`]: a row may still be the left side of `OVERLAPS`.
pub(crate) const F_ROW: u8 = 32;
/// The first argument of `SUBSTRING`: `SIMILAR` without `TO` ends it.
pub(crate) const F_SUBSTRING: u8 = 64;

impl Parser<'_> {
    #[inline]
    pub(crate) fn push(&mut self, frame: Frame) {
        self.scratch.frames.push(frame);
    }

    /// Begins an expression above the frame that waits for it.
    #[inline]
    pub(crate) fn start_expr(&mut self, flags: u8) -> Next {
        self.push(Frame { flags, ..Frame::new(St::End, 0, 0, 0) });
        Next::Operand
    }

    /// Runs the machine from `next` until its value is there.
    pub(crate) fn run(&mut self, next: impl FnOnce(&mut Self) -> R<Next>) -> R {
        self.nested(|p| {
            p.push(Frame { a: p.here(), ..Frame::BOTTOM });
            if p.counts_symbols {
                p.check_depth(Next::Operand)?;
            }
            let first = next(p)?;
            p.steps(first)
        })
    }

    /// Runs a rule natively; where symbols are counted, a frame stands for what is before it.
    pub(crate) fn counted(&mut self, rule: impl FnOnce(&mut Self) -> R) -> R {
        if !self.counts_symbols {
            return self.nested(rule);
        }
        self.push(Frame { a: self.here(), ..Frame::BOTTOM });
        self.check_depth(Next::Operand)?;
        let value = self.nested(rule)?;
        self.scratch.frames.pop();
        Ok(value)
    }

    fn steps(&mut self, mut next: Next) -> R {
        loop {
            next = match next {
                Next::Operand => self.operand()?,
                Next::Oper(value) => self.oper(value)?,
                Next::Ret(value) => {
                    let Some(frame) = self.scratch.frames.pop() else { return Ok(value) };
                    if frame.st == St::Halt {
                        return Ok(value);
                    }
                    self.resume(frame, value)?
                }
                Next::Select => self.select()?,
                Next::SelectParens => self.select_parens()?,
                Next::SelectOperand => self.select_operand()?,
                Next::SetOper(value) => self.set_oper(value)?,
                Next::TableOperand => self.table_operand()?,
                Next::TableOper(value) => self.table_oper(value)?,
                Next::InnerArray => self.inner_array()?,
            };
            self.steps += 1;
            if self.scratch.frames.len() > self.frames_max {
                self.deep(next)?;
            }
        }
    }

    /// More frames than a step may leave without being looked at.
    #[cold]
    fn deep(&mut self, next: Next) -> R<()> {
        if self.counts_symbols { self.check_depth(next) } else { Err(self.too_deep()) }
    }

    fn resume(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.st {
            St::BetweenLow => self.between_and(frame, value),
            St::Paren => self.paren_close(frame, value),
            St::Row => self.row_item(frame, value),
            St::In => self.in_first(frame, value),
            St::InList => self.in_item(frame, value),
            St::Any => self.any_close(frame, value),
            St::List => self.list_item(frame, value),
            St::Array => self.array_item(frame, value),
            St::SubLink => self.sublink_close(frame, value),
            St::Cast => self.cast_close(frame, value),
            St::CaseArg | St::CaseWhen | St::CaseThen | St::CaseElse => self.case_part(frame, value),
            St::Arg => self.arg_item(frame, value),
            St::NamedArg => self.named_arg(frame, value),
            St::ParenSelect => self.paren_select_close(value),
            St::InnerSelect => self.inner_select_close(frame, value),
            St::SelectOperand => Ok(Next::SetOper(value)),
            St::Target => self.target_item(frame, value),
            St::From => self.tables_done(frame, value),
            St::Where => self.where_done(frame, value),
            St::TableList => self.table_item(frame, value),
            St::JoinOn => self.join_on(frame, value),
            St::SubTable => self.sub_table(frame, value),
            St::Values => self.values_item(frame, value),
            // These are taken off the stack by the step that completes them.
            St::Halt | St::End | St::Bin | St::Select | St::SetOp => Err(self.unexpected()),
            St::Table | St::Join | St::CrossJoin | St::TableParen => Err(self.unexpected()),
        }
    }

    /// `a_expr`.
    pub(crate) fn a_expr(&mut self) -> R {
        if !self.counts_symbols
            && let Some(constant) = self.lone_constant()
        {
            return Ok(constant);
        }
        self.run(|p| Ok(p.start_expr(0)))
    }

    /// `b_expr`.
    pub(crate) fn b_expr(&mut self) -> R {
        self.run(|p| Ok(p.start_expr(F_B)))
    }

    /// `c_expr`.
    pub(crate) fn c_expr(&mut self) -> R {
        self.run(|p| Ok(p.start_expr(F_C)))
    }

    /// `expr_list`.
    pub(crate) fn expr_list(&mut self) -> R {
        self.comma_list(Self::a_expr)
    }

    /// `SelectStmt`: a select with or without parentheses around it.
    pub(crate) fn select_stmt(&mut self) -> R {
        self.run(|_| Ok(Next::Select))
    }

    /// `select_with_parens`.
    pub(crate) fn select_with_parens(&mut self) -> R {
        self.run(|_| Ok(Next::SelectParens))
    }

    /// `table_ref`.
    pub(crate) fn table_ref(&mut self) -> R {
        self.run(|p| Ok(p.start_table()))
    }

    /// `from_list`.
    pub(crate) fn table_list(&mut self) -> R {
        self.run(|p| {
            let mark = p.mark();
            p.push(Frame::new(St::TableList, mark, 0, 0));
            Ok(p.start_table())
        })
    }
}

/// Unwinds what a refused parse has left on the stacks.
pub(crate) fn unwind<T>(result: Result<T, Halt>, parser: &mut Parser<'_>) -> Result<T, Halt> {
    if result.is_err() {
        parser.scratch.frames.clear();
        parser.scratch.items.clear();
        parser.scratch.parts.clear();
        parser.scratch.depth.clear();
        parser.native_depth = 0;
    }
    result
}
