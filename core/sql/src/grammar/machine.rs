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
    /// Items with commas between; `op` says of what ([`item`]).
    Items,
    /// `[ …` behind a name or an operand.
    Subscript,
    /// A name in an expression waits for its subscripts.
    Name,
    /// An operand waits for its subscripts.
    Indirection,
    /// What has been read can only be refused; `op` says how.
    Refuse,
    /// The right side of `OVERLAPS`.
    Overlaps,
    /// The modifiers of a type.
    TypeMods,
    /// `x ::` waits for its type.
    CastType,
    /// `CAST ( x AS` waits for its type.
    CastAs,
    /// `DISTINCT ON ( …`.
    DistinctOn,
    /// `GROUP BY …`.
    Group,
    /// `ROLLUP ( …`, `CUBE ( …`, `GROUPING SETS ( …`.
    GroupingSet,
    /// `HAVING …`.
    Having,
    /// `WINDOW …`.
    Windows,
    /// `name AS` waits for its window.
    WindowName,
    /// The clauses of a window.
    Window,
    /// A key of `ORDER BY`.
    SortKey,
    /// `ORDER BY`, `LIMIT` and the like behind a select.
    Tail,
    /// The queries of `WITH`.
    With,
    /// A select waits for its `WITH`.
    WithSelect,
    /// A statement waits for its `WITH`.
    WithStmt,
    /// A query of `WITH`.
    Cte,
    /// `ORDER BY` behind the arguments of a call.
    ArgOrder,
    /// What may stand behind a call.
    CallTail,
    /// A call with a syntax of its own.
    Special,
    /// An SQL/XML function.
    Xml,
    /// A named value of SQL/XML.
    XmlItem,
    /// `XMLTABLE`.
    XmlTable,
    /// A column of `XMLTABLE`.
    XmlColumn,
    /// `JSON_OBJECT ( …`.
    JsonObject,
    /// `JSON_ARRAY ( …`.
    JsonArray,
    /// An aggregate of SQL/JSON.
    JsonAgg,
    /// `JSON ( …`, `JSON_SCALAR ( …`, `JSON_SERIALIZE ( …`.
    JsonValue,
    /// `JSON_QUERY ( …`, `JSON_EXISTS ( …`, `JSON_VALUE ( …`.
    JsonQuery,
    /// A value that `PASSING` gives a name.
    JsonArgument,
    /// `RETURNING` waits for its type.
    JsonReturning,
    /// `DEFAULT …` for an empty or faulty result.
    JsonDefault,
    /// What to do with empty and faulty results.
    JsonBehaviors,
    /// `JSON_TABLE`.
    JsonTable,
    /// A column of `JSON_TABLE`.
    JsonColumn,
    /// A function as a table.
    FuncTable,
    /// A function of `ROWS FROM`.
    RowsFrom,
    /// A column's definition behind a function.
    ColumnDef,
    /// `TABLESAMPLE`.
    Sample,
    /// `INSERT`.
    Insert,
    /// A column that is set waits for its subscripts.
    Column,
    /// `ON CONFLICT …`.
    Conflict,
    /// `RETURNING …`.
    Returning,
    /// A target of `RETURNING`.
    ReturnTarget,
    /// `SET …`.
    SetClause,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`.
    Merge,
    /// `WHEN …` of `MERGE`.
    MergeWhen,
    /// A column or an expression of an index.
    IndexElem,
    /// A storage parameter waits for its value.
    RelOption,
    /// `BEGIN ATOMIC …`.
    Body,
}

/// What the items of an [`St::Items`] frame are.
pub(crate) mod item {
    pub const EXPR: u8 = 0;
    pub const SORT: u8 = 1;
    pub const GROUP: u8 = 2;
    pub const WINDOW: u8 = 3;
    pub const CTE: u8 = 4;
    pub const ARG: u8 = 5;
    pub const COLUMN: u8 = 6;
    pub const SET: u8 = 7;
    pub const TARGET: u8 = 8;
    pub const INDEX: u8 = 9;
    pub const OPTION: u8 = 10;
    pub const COLUMN_DEF: u8 = 11;
    pub const ROWS_FROM: u8 = 12;
    pub const XML_ATTRIBUTE: u8 = 13;
    pub const XML_NAMESPACE: u8 = 14;
    pub const XML_COLUMN: u8 = 15;
    pub const JSON_ARGUMENT: u8 = 16;
    pub const JSON_COLUMN: u8 = 17;
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
    /// Reads an item of a list.
    Item(u8),
    /// Reads a `PreparableStmt`.
    Preparable,
    /// Reads a `stmt`.
    Stmt,
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

    /// Begins an expression for `then`.
    #[inline]
    pub(crate) fn expr(&mut self, then: Frame) -> Next {
        self.push(then);
        match self.lone_constant() {
            Some(constant) => Next::Ret(constant),
            None => self.start_expr(0),
        }
    }

    /// Begins an expression with flags for `then`.
    pub(crate) fn flagged_expr(&mut self, then: Frame, flags: u8) -> Next {
        self.push(then);
        self.start_expr(flags)
    }

    /// Goes on with an expression, for `then`, whose first operand has been read.
    pub(crate) fn expr_from(&mut self, then: Frame, operand: u32) -> Next {
        self.push(then);
        self.push(Frame::new(St::End, 0, 0, 0));
        Next::Oper(operand)
    }

    /// Gives `value` to `then`.
    pub(crate) fn give(&mut self, then: Frame, value: u32) -> Next {
        self.push(then);
        Next::Ret(value)
    }

    /// A rule that runs natively has read what no sentence goes on with as it does: the machine goes on from `next` until the refusal
    /// that waits there.
    #[cold]
    pub(crate) fn detour<T>(&mut self, next: R<Next>) -> R<T> {
        self.detour = Some(next?);
        Err(Halt)
    }

    /// Runs the machine from `next` until its value is there. Rules that run natively do so, one statement's inside that of the machine
    /// of statements; no step of the machine does.
    pub(crate) fn run(&mut self, next: impl FnOnce(&mut Self) -> R<Next>) -> R {
        self.machines += 1;
        debug_assert!(self.machines <= 2, "a step of the machine has begun another");
        self.push(Frame { a: self.here(), ..Frame::BOTTOM });
        if self.counts_symbols {
            self.check_depth(Next::Operand)?;
        }
        let first = next(self);
        let value = self.steps(first)?;
        self.machines -= 1;
        Ok(value)
    }

    fn steps(&mut self, mut result: R<Next>) -> R {
        loop {
            let next = match result {
                Ok(next) => next,
                Err(halt) => self.detour.take().ok_or(halt)?,
            };
            self.steps += 1;
            if self.scratch.frames.len() > self.frames_max {
                self.deep(next)?;
            }
            result = match next {
                Next::Operand => self.operand(),
                Next::Oper(value) => self.oper(value),
                Next::Ret(value) => {
                    let Some(frame) = self.scratch.frames.pop() else { return Ok(value) };
                    if frame.st == St::Halt {
                        return Ok(value);
                    }
                    self.resume(frame, value)
                }
                Next::Select => self.select(),
                Next::SelectParens => self.select_parens(),
                Next::SelectOperand => self.select_operand(),
                Next::SetOper(value) => self.set_oper(value),
                Next::TableOperand => self.table_operand(),
                Next::TableOper(value) => self.table_oper(value),
                Next::InnerArray => self.inner_array(),
                Next::Item(of) => self.start_item(of),
                Next::Preparable => self.preparable(),
                Next::Stmt => self.stmt(),
            };
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
            St::Cast => self.cast_as(frame, value),
            St::CastAs => self.cast_close(frame, value),
            St::CastType => Ok(Next::Oper(self.cast_node(frame, value))),
            St::CaseArg | St::CaseWhen | St::CaseThen | St::CaseElse => self.case_part(frame, value),
            St::Arg => self.arg_item(frame, value),
            St::ArgOrder => self.arg_order(frame, value),
            St::NamedArg => self.named_arg(frame, value),
            St::CallTail => self.call_clause(frame, value),
            St::ParenSelect => self.paren_select_close(value),
            St::InnerSelect => self.inner_select_close(frame, value),
            St::SelectOperand => Ok(Next::SetOper(value)),
            St::Target => self.target_item(frame, value),
            St::From => self.tables_done(value),
            St::TableList => self.table_item(frame, value),
            St::JoinOn => self.join_on(frame, value),
            St::SubTable => self.sub_table(frame, value),
            St::Values => self.values_item(frame, value),
            St::Items => self.next_item(frame, value),
            St::Subscript => self.subscript(frame, value),
            St::Name => self.name_done(frame, value),
            St::Indirection => self.indirection_done(frame, value),
            St::Overlaps => self.overlaps_item(frame, value),
            St::TypeMods => self.type_modifier(frame, value),
            St::Refuse => Err(self.refusal(frame)),
            _ => self.resume_clause(frame, value),
        }
    }

    /// The frames of clauses, statements, and functions with a syntax of their own.
    fn resume_clause(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.st {
            St::DistinctOn | St::Where | St::Group | St::Having | St::Windows => {
                self.select_clause(frame, value)
            }
            St::GroupingSet => self.grouping_set(frame, value),
            St::WindowName => Ok(self.window_name(frame, value)),
            St::Window => self.window_clause(frame, value),
            St::SortKey => self.sort_key(frame, value),
            St::Tail => self.tail(frame, value),
            St::With => Ok(self.with_node(frame, value)),
            St::WithSelect => self.select_with(value, frame.a),
            St::WithStmt => self.stmt_with(value, frame.a),
            St::Cte => self.cte(frame, value),
            St::Special => self.special(frame, value),
            St::Xml => self.xml(frame, value),
            St::XmlItem => self.xml_item(frame, value),
            St::XmlTable => self.xml_table(frame, value),
            St::XmlColumn => self.xml_column(frame, value),
            St::JsonObject => self.json_object(frame, value),
            St::JsonArray => self.json_array(frame, value),
            St::JsonAgg => self.json_aggregate(frame, value),
            St::JsonValue => self.json_value(frame, value),
            St::JsonQuery => self.json_query(frame, value),
            St::JsonArgument => self.json_argument(frame, value),
            St::JsonReturning => self.json_output(frame, value),
            St::JsonDefault => Ok(self.json_default(frame, value)),
            St::JsonBehaviors => self.json_behaviors(frame, value),
            St::JsonTable => self.json_table(frame, value),
            St::JsonColumn => self.json_column(frame, value),
            St::FuncTable => self.function_table(frame, value),
            St::RowsFrom => self.rows_from(frame, value),
            St::ColumnDef => self.column_def_done(frame, value),
            St::Sample => self.sample(frame, value),
            St::Insert => self.insert(frame, value),
            St::Column => self.column_done(frame, value),
            St::Conflict => self.conflict(frame, value),
            St::Returning => Ok(self.returning(frame, value)),
            St::ReturnTarget => self.return_target(frame, value),
            St::SetClause => self.set_clause(frame, value),
            St::Update => self.update(frame, value),
            St::Delete => self.delete(frame, value),
            St::Merge => self.merge(frame, value),
            St::MergeWhen => self.merge_when(frame, value),
            St::IndexElem => self.index_elem_part(frame, value),
            St::RelOption => Ok(self.reloption_node(frame, value)),
            St::Body => self.body_stmt(frame, value),
            // The others are taken off the stack by the step that completes them.
            _ => Err(self.unexpected()),
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

    /// `SelectStmt`: a select with or without parentheses around it.
    pub(crate) fn select_stmt(&mut self) -> R {
        self.run(|_| Ok(Next::Select))
    }

    /// `from_list`.
    pub(crate) fn table_list(&mut self) -> R {
        self.run(|p| Ok(p.start_tables()))
    }
}

/// Unwinds what a refused parse has left on the stacks.
pub(crate) fn unwind<T>(result: Result<T, Halt>, parser: &mut Parser<'_>) -> Result<T, Halt> {
    if result.is_err() {
        parser.scratch.frames.clear();
        parser.scratch.items.clear();
        parser.scratch.parts.clear();
        parser.scratch.tails.clear();
        parser.scratch.depth.clear();
        parser.machines = 0;
        parser.detour = None;
    }
    result
}
