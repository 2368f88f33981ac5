//! Tables: references, joins, functions as tables, aliases, samples.
//!
//! Joins climb like operators: a join that wants a condition waits on the stack for its right side, which may hold further
//! joins, until `ON` or `USING` stands there; `CROSS` and `NATURAL` take one table.
//!
//! Source: `table_ref` to `TableFuncElement` in gram.y, PostgreSQL 18.

use crate::grammar::expr::continues_select;
use crate::grammar::lists::refusal;
use crate::grammar::machine::{F_C, F_WINDOWLESS, Frame, Next, St, item};
use crate::grammar::types;
use crate::nodes::e;
use crate::parser::{Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

/// In the frame of a table: LATERAL stood before it.
const LATERAL: u8 = 1;
/// In the frame of a function: `ROWS FROM`, `WITH ORDINALITY`.
const ROWS_FROM: u8 = 2;
const ORDINALITY: u8 = 4;

/// What the frames of functions and samples wait for.
pub(crate) mod step {
    pub const CALL: u8 = 0;
    pub const ROWS_FROM: u8 = 1;
    pub const COLUMNS: u8 = 2;
    pub const ARGS: u8 = 3;
    pub const REPEATABLE: u8 = 4;
}

fn function_frame(op: u8, first: u32, lateral: bool) -> Frame {
    let flags = if lateral { LATERAL } else { 0 };
    Frame { op, flags, ..Frame::new(St::FuncTable, first, 0, 0) }
}

impl Parser<'_> {
    /// A `table_ref` begins.
    pub(crate) fn start_table(&mut self) -> Next {
        self.push(Frame::new(St::Table, 0, 0, 0));
        Next::TableOperand
    }

    /// `from_list` begins.
    pub(crate) fn start_tables(&mut self) -> Next {
        self.push(Frame::new(St::TableList, self.mark(), 0, 0));
        self.start_table()
    }

    pub(crate) fn table_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if self.eat(Kind::COMMA) {
            self.push(frame);
            return Ok(self.start_table());
        }
        Ok(Next::Ret(self.list_from(frame.a)))
    }

    /// A table without its joins.
    pub(crate) fn table_operand(&mut self) -> R<Next> {
        let next = self.table_primary()?;
        self.joined = false;
        Ok(next)
    }

    fn table_primary(&mut self) -> R<Next> {
        let first = self.here();
        let lateral = self.eat(Kind::LATERAL);
        match self.kind() {
            Kind::LPAREN if lateral => {
                self.push(Frame { op: LATERAL, ..Frame::new(St::SubTable, 0, first, 0) });
                Ok(Next::SelectParens)
            }
            Kind::LPAREN => self.table_paren(first),
            Kind::XMLTABLE if self.peek(1) == Kind::LPAREN => self.xml_table_start(first, lateral),
            Kind::JSON_TABLE if self.peek(1) == Kind::LPAREN => self.json_table_start(first, lateral),
            Kind::ROWS if self.peek(1) == Kind::FROM => {
                self.at += 2;
                self.expect(Kind::LPAREN)?;
                self.items(function_frame(step::ROWS_FROM, first, lateral), item::ROWS_FROM)
            }
            _ if self.at_function_table() => {
                let frame = function_frame(step::CALL, first, lateral);
                Ok(self.flagged_expr(frame, F_C | F_WINDOWLESS))
            }
            kind if lateral => {
                // Only a function may follow, so its name is read and then its parenthesis missed.
                if kind.is_col_id() || kind.is_type_function_name() {
                    self.refuse_behind(refusal::HERE, first);
                    return Ok(self.start_expr(F_C | F_WINDOWLESS));
                }
                Err(self.unexpected())
            }
            _ => self.relation_table(),
        }
    }

    /// Whether `func_expr_windowless` begins here: a word of its own, or a name before a parenthesis.
    fn at_function_table(&self) -> bool {
        if self.at_common_function() {
            return true;
        }
        let kind = self.kind();
        if kind.is_type_function_name() && self.peek(1) == Kind::LPAREN {
            return true;
        }
        if !kind.is_col_id() {
            return kind.is_type_function_name();
        }
        let mut ahead = 1;
        while self.peek(ahead) == Kind::DOT && self.peek(ahead + 1).is_col_label() {
            ahead += 2;
        }
        ahead > 1 && self.peek(ahead) == Kind::LPAREN
    }

    fn relation_table(&mut self) -> R<Next> {
        let first = self.here();
        let relation = self.relation_expr()?;
        let alias = self.opt_alias()?;
        put!(self, relation, RangeVar.alias, alias);
        self.tree.set(relation, 2, self.at as u32);
        if !self.eat(Kind::TABLESAMPLE) {
            return Ok(Next::TableOper(relation));
        }
        let frame = Frame { op: step::ARGS, ..Frame::new(St::Sample, first, relation, self.mark()) };
        let loc = self.loc();
        let method = self.func_name()?;
        self.keep(&[loc, method]);
        self.paren_exprs(frame)
    }

    /// A part of TABLESAMPLE is complete: its place, the method and its arguments lie under its items.
    pub(crate) fn sample(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.expect(Kind::RPAREN)?;
        let mut repeatable = value;
        if frame.op == step::ARGS {
            self.item(value);
            if self.eat(Kind::REPEATABLE) {
                self.expect(Kind::LPAREN)?;
                return Ok(self.expr(Frame { op: step::REPEATABLE, ..frame }));
            }
            repeatable = 0;
        }
        let [loc, method, args] = self.kept(frame.c);
        let node = mk!(self, RangeTableSample, frame.a, {
            relation: frame.b, method: method, args: args, repeatable: repeatable, location: loc
        });
        Ok(self.whole_table(node))
    }

    /// A table that is no join.
    pub(crate) fn whole_table(&mut self, node: u32) -> Next {
        self.joined = false;
        Next::TableOper(node)
    }

    /// `func_name`.
    pub(crate) fn func_name(&mut self) -> R {
        let kind = self.kind();
        if !kind.is_col_id() && !kind.is_type_function_name() {
            return Err(self.unexpected());
        }
        let name = self.this_token();
        let dotted = matches!(self.kind(), Kind::DOT | Kind::LBRACKET);
        if !kind.is_col_id() && dotted || !kind.is_type_function_name() && !dotted {
            return Err(self.unexpected());
        }
        if !dotted {
            return Ok(self.list(&[name.node()]));
        }
        self.name_and_rest(name)
    }

    /// `relation_expr`.
    pub(crate) fn relation_expr(&mut self) -> R {
        let first = self.here();
        if self.eat(Kind::ONLY) {
            let paren = self.eat(Kind::LPAREN);
            let node = self.qualified_name()?;
            if paren {
                self.expect(Kind::RPAREN)?;
            }
            put!(self, node, RangeVar.inh, 0);
            self.tree.set(node, 1, first);
            return Ok(node);
        }
        let node = self.qualified_name()?;
        self.eat(Kind::STAR);
        Ok(node)
    }

    /// `relation_expr_opt_alias`.
    pub(crate) fn relation_expr_opt_alias(&mut self) -> R {
        let node = self.relation_expr()?;
        let first = self.here();
        let named = self.eat(Kind::AS) || self.kind().is_col_id() && !self.is(Kind::SET);
        if named {
            let name = self.col_id()?;
            let alias = mk!(self, Alias, first, { aliasname: name.0 });
            put!(self, node, RangeVar.alias, alias);
        }
        Ok(node)
    }

    /// `relation_expr_list`.
    pub(crate) fn relation_expr_list(&mut self) -> R {
        self.comma_list(Self::relation_expr)
    }

    /// `opt_alias_clause`.
    pub(crate) fn opt_alias(&mut self) -> R {
        let first = self.here();
        if !self.eat(Kind::AS) && !self.kind().is_col_id() {
            return Ok(0);
        }
        let name = self.col_id()?;
        let columns = self.opt_name_list_parens()?;
        Ok(mk!(self, Alias, first, { aliasname: name.0, colnames: columns }))
    }

    // ---- functions ----

    /// A part of a function as a table is complete.
    pub(crate) fn function_table(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::ROWS_FROM => {
                self.expect(Kind::RPAREN)?;
                frame.flags |= ROWS_FROM;
                frame.b = value;
                self.function_alias(frame)
            }
            step::CALL => {
                let pair = self.list(&[value, 0]);
                let pair = self.list_node(pair, frame.a);
                frame.b = self.list(&[pair]);
                self.function_alias(frame)
            }
            _ => {
                self.expect(Kind::RPAREN)?;
                let alias = frame.c;
                Ok(self.function_node(frame, alias, value))
            }
        }
    }

    fn function_node(&mut self, frame: Frame, alias: u32, columns: u32) -> Next {
        let has = |bit: u8| u32::from(frame.flags & bit != 0);
        let node = mk!(self, RangeFunction, frame.a, {
            lateral: has(LATERAL), ordinality: has(ORDINALITY), is_rowsfrom: has(ROWS_FROM),
            functions: frame.b, alias: alias, coldeflist: columns
        });
        self.whole_table(node)
    }

    /// `opt_ordinality func_alias_clause`: an alias and the columns' definitions.
    fn function_alias(&mut self, mut frame: Frame) -> R<Next> {
        if self.eat(Kind::WITH_LA) {
            self.expect(Kind::ORDINALITY)?;
            frame.flags |= ORDINALITY;
        }
        frame.op = step::COLUMNS;
        let first = self.here();
        let explicit = self.eat(Kind::AS);
        if explicit && self.eat(Kind::LPAREN) {
            return self.items(frame, item::COLUMN_DEF);
        }
        if !explicit && !self.kind().is_col_id() {
            return Ok(self.function_node(frame, 0, 0));
        }
        let name = self.col_id()?;
        let plain = !self.peek(1).is_col_id() || matches!(self.peek(2), Kind::COMMA | Kind::RPAREN);
        if self.is(Kind::LPAREN) && !plain {
            frame.c = mk!(self, Alias, first, { aliasname: name.0 });
            self.bump();
            return self.items(frame, item::COLUMN_DEF);
        }
        let names = self.opt_name_list_parens()?;
        let alias = mk!(self, Alias, first, { aliasname: name.0, colnames: names });
        Ok(self.function_node(frame, alias, 0))
    }

    /// `rowsfrom_item`.
    pub(crate) fn rows_from_start(&mut self) -> R<Next> {
        let first = self.here();
        if !self.at_function_table() {
            return self.not_a_function();
        }
        let frame = Frame { op: step::CALL, ..Frame::new(St::RowsFrom, first, 0, 0) };
        Ok(self.flagged_expr(frame, F_C | F_WINDOWLESS))
    }

    pub(crate) fn rows_from(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        let (mut call, mut columns) = (value, 0);
        if frame.op == step::CALL && self.eat(Kind::AS) {
            self.expect(Kind::LPAREN)?;
            (frame.op, frame.b) = (step::COLUMNS, call);
            return self.items(frame, item::COLUMN_DEF);
        }
        if frame.op == step::COLUMNS {
            self.expect(Kind::RPAREN)?;
            (call, columns) = (frame.b, self.list_node(value, frame.a));
        }
        let pair = self.list(&[call, columns]);
        Ok(Next::Ret(self.list_node(pair, frame.a)))
    }

    /// Refuses what is no function behind its name.
    fn not_a_function<T>(&mut self) -> R<T> {
        if self.kind().is_col_id() {
            self.bump();
            return self.refuse_indirection();
        }
        Err(self.unexpected())
    }

    /// `TableFuncElement`.
    pub(crate) fn table_func_element(&mut self) -> R {
        self.run(Self::column_def_start)
    }

    /// See [`Self::table_func_element`].
    pub(crate) fn column_def_start(&mut self) -> R<Next> {
        let first = self.here();
        self.col_id()?;
        self.push(Frame::new(St::ColumnDef, first, 0, 0));
        self.start_type(types::FULL)
    }

    pub(crate) fn column_def_done(&mut self, frame: Frame, type_name: u32) -> R<Next> {
        let first = frame.a;
        let (name, loc) = (TextId::token(first as usize), self.loc_of(first as usize));
        let collation = self.opt_collate_clause()?;
        Ok(Next::Ret(mk!(self, ColumnDef, first, {
            colname: name.0, typeName: type_name, is_local: 1, collClause: collation, location: loc
        })))
    }

    // ---- parentheses ----

    /// `(` where a table may stand: a select, or a join.
    fn table_paren(&mut self, first: u32) -> R<Next> {
        self.bump();
        self.push(Frame::new(St::TableParen, 0, first, 0));
        if self.at_select() {
            self.push(Frame::new(St::ParenSelect, 0, 0, 0));
            return Ok(Next::Select);
        }
        Ok(self.start_table())
    }

    /// A parenthesis where a table may stand holds a select and has just been closed.
    pub(crate) fn table_paren_holds_select(&mut self, mut frame: Frame, select: u32) -> R<Next> {
        // Is this parenthesis itself the first thing inside another one, and so on?
        let inside = |frames: &[Frame]| {
            frames.len() >= 2
                && frames[frames.len() - 1].st == St::Table
                && frames[frames.len() - 2].st == St::TableParen
        };
        while inside(&self.scratch.frames) && self.eat(Kind::RPAREN) {
            self.scratch.frames.pop();
            frame = self.scratch.frames.pop().unwrap_or(frame);
        }
        if inside(&self.scratch.frames) && continues_select(self.kind()) {
            self.scratch.frames.pop();
            self.push(Frame::new(St::ParenSelect, 0, 0, 0));
            return Ok(self.select_from(select, frame.b));
        }
        self.sub_table(Frame::new(St::SubTable, 0, frame.b, 0), select)
    }

    /// A select as a table: takes its alias.
    pub(crate) fn sub_table(&mut self, frame: Frame, select: u32) -> R<Next> {
        let alias = self.opt_alias()?;
        if alias == 0 && !self.has(Feature::UnnamedSubqueries) {
            let paren = frame.b as usize + usize::from(frame.op & LATERAL != 0);
            let values = got!(self, select, SelectStmt.valuesLists) != 0;
            let message = if values {
                "VALUES in FROM must have an alias"
            } else {
                "subquery in FROM must have an alias"
            };
            let halt = self.refuse_syntax(self.loc_of(paren), message);
            return Err(self.hint(halt, "For example, FROM (SELECT ...) [AS] foo."));
        }
        let lateral = u32::from(frame.op & LATERAL);
        let node = mk!(self, RangeSubselect, frame.b, { lateral: lateral, subquery: select, alias: alias });
        self.joined = false;
        Ok(Next::TableOper(node))
    }

    // ---- joins ----

    /// Looks for a join behind `table`, completes those that wait for it.
    pub(crate) fn table_oper(&mut self, mut table: u32) -> R<Next> {
        loop {
            let Some(top) = self.scratch.frames.last().copied() else { return Err(self.unexpected()) };
            if top.st == St::CrossJoin {
                self.scratch.frames.pop();
                table = self.join(top, table, 0, 0, 0);
                self.joined = true;
                continue;
            }
            if let Some(frame) = self.join_start(table)? {
                self.push(frame);
                return Ok(Next::TableOperand);
            }
            if top.st == St::Join {
                return self.join_qual(top, table);
            }
            self.scratch.frames.pop();
            let waits = self.scratch.frames.last().copied();
            let Some(paren) = waits.filter(|f| f.st == St::TableParen) else { return Ok(Next::Ret(table)) };
            // Only a join may stand in parentheses.
            if !self.is(Kind::RPAREN) || !self.joined {
                return Err(self.unexpected());
            }
            self.bump();
            self.scratch.frames.pop();
            let alias = self.opt_alias()?;
            if alias != 0 {
                put!(self, table, JoinExpr.alias, alias);
            }
            self.tree.set(table, 1, paren.b);
            self.tree.set(table, 2, self.at as u32);
            self.joined = alias == 0;
        }
    }

    /// Takes the words of a join behind `left`: the frame that waits for the right side.
    fn join_start(&mut self, left: u32) -> R<Option<Frame>> {
        use e::JoinType as j;
        let token = self.here();
        let natural = self.eat(Kind::NATURAL);
        let kind = match self.kind() {
            Kind::CROSS if !natural => {
                self.bump();
                self.expect(Kind::JOIN)?;
                return Ok(Some(Frame {
                    op: j::JOIN_INNER as u8,
                    ..Frame::new(St::CrossJoin, left, token, 0)
                }));
            }
            Kind::JOIN => j::JOIN_INNER,
            Kind::INNER => {
                self.bump();
                j::JOIN_INNER
            }
            Kind::FULL | Kind::LEFT | Kind::RIGHT => {
                let kind = match self.kind() {
                    Kind::FULL => j::JOIN_FULL,
                    Kind::LEFT => j::JOIN_LEFT,
                    _ => j::JOIN_RIGHT,
                };
                self.bump();
                self.eat(Kind::OUTER);
                kind
            }
            _ if natural => return Err(self.unexpected()),
            _ => return Ok(None),
        };
        self.expect(Kind::JOIN)?;
        let st = if natural { St::CrossJoin } else { St::Join };
        Ok(Some(Frame { op: kind as u8, ..Frame::new(st, left, token, u32::from(natural)) }))
    }

    fn join(&mut self, frame: Frame, right: u32, using: u32, alias: u32, quals: u32) -> u32 {
        let first = self.first_of(frame.a);
        mk!(self, JoinExpr, first, {
            jointype: u32::from(frame.op), isNatural: frame.c, larg: frame.a, rarg: right,
            usingClause: using, join_using_alias: alias, quals: quals
        })
    }

    /// `join_qual` of the join on top of the stack.
    fn join_qual(&mut self, top: Frame, right: u32) -> R<Next> {
        if self.eat(Kind::ON) {
            self.scratch.frames.pop();
            // The right side waits in the frame's last field; the join's other facts fit the rest.
            self.push(Frame { st: St::JoinOn, c: right, ..top });
            return Ok(self.start_expr(0));
        }
        self.expect(Kind::USING)?;
        let names = self.paren_list(|p| Ok(p.col_id()?.node()))?;
        let first = self.here();
        let mut alias = 0;
        if self.eat(Kind::AS) {
            let name = self.col_id()?;
            alias = mk!(self, Alias, first, { aliasname: name.0 });
        }
        self.scratch.frames.pop();
        let node = self.join(top, right, names, alias, 0);
        self.joined = true;
        Ok(Next::TableOper(node))
    }

    pub(crate) fn join_on(&mut self, frame: Frame, condition: u32) -> R<Next> {
        let right = frame.c;
        let node = self.join(Frame { c: 0, ..frame }, right, 0, 0, condition);
        self.joined = true;
        Ok(Next::TableOper(node))
    }

    /// An alias of one name.
    pub(crate) fn alias_of(&mut self, name: TextId, first: u32) -> u32 {
        mk!(self, Alias, first, { aliasname: name.0 })
    }
}
