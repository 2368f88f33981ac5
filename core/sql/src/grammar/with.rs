//! WITH: common table expressions.
//!
//! Source: `with_clause` to `opt_cycle_clause` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_C, Frame, Next, St, item};
use crate::nodes::{Tag, e};
use crate::parser::{NOWHERE, Parser, R, mk};
use crate::token::Kind;

/// What a [`St::Cte`] frame waits for.
pub(crate) mod step {
    pub const QUERY: u8 = 0;
    pub const CYCLE_VALUE: u8 = 1;
    pub const CYCLE_DEFAULT: u8 = 2;
}

impl Parser<'_> {
    /// `with_clause` for `then`; `WITH` is the current token.
    pub(crate) fn with_clause(&mut self, then: Frame) -> R<Next> {
        let first = self.here();
        let may_recurse = self.is(Kind::WITH);
        self.bump();
        let recursive =
            may_recurse && self.is(Kind::RECURSIVE) && !matches!(self.peek(1), Kind::AS | Kind::LPAREN);
        if recursive {
            self.bump();
        }
        self.push(then);
        self.items(Frame::new(St::With, first, u32::from(recursive), 0), item::CTE)
    }

    pub(crate) fn with_node(&mut self, frame: Frame, ctes: u32) -> Next {
        let loc = self.loc_of(frame.a as usize);
        Next::Ret(mk!(self, WithClause, frame.a, { ctes: ctes, recursive: frame.b, location: loc }))
    }

    /// `common_table_expr`. While it is read, its name, the columns, whether it is materialized and its query are items.
    pub(crate) fn common_table_expr(&mut self) -> R<Next> {
        use e::CTEMaterialize as m;
        let frame = Frame { op: step::QUERY, ..Frame::new(St::Cte, self.here(), 0, self.mark()) };
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
        self.keep(&[name.0, columns, materialized]);
        self.push(frame);
        Ok(Next::Preparable)
    }

    /// A part of it is complete.
    pub(crate) fn cte(&mut self, mut frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::QUERY => {
                self.expect(Kind::RPAREN)?;
                self.item(value);
                let search = self.search_clause()?;
                self.item(search);
                if !self.is(Kind::CYCLE) {
                    return Ok(self.cte_done(frame, 0));
                }
                frame.b = self.here();
                self.bump();
                let columns = self.name_list()?;
                self.expect(Kind::SET)?;
                let mark = self.col_id()?;
                self.keep(&[columns, mark.0]);
                if self.eat(Kind::TO) {
                    return self.aexpr_const(Frame { op: step::CYCLE_VALUE, ..frame });
                }
                let value = self.bool_const(true, NOWHERE);
                let default = self.bool_const(false, NOWHERE);
                self.item(value);
                self.cycle_done(frame, default)
            }
            step::CYCLE_VALUE => {
                self.check_const(value)?;
                self.item(value);
                self.expect(Kind::DEFAULT)?;
                self.aexpr_const(Frame { op: step::CYCLE_DEFAULT, ..frame })
            }
            _ => {
                self.check_const(value)?;
                self.cycle_done(frame, value)
            }
        }
    }

    fn cycle_done(&mut self, frame: Frame, default: u32) -> R<Next> {
        self.expect(Kind::USING)?;
        let path = self.col_id()?;
        let [columns, mark, value] = self.kept(frame.c + 5);
        let loc = self.loc_of(frame.b as usize);
        let cycle = mk!(self, CTECycleClause, frame.b, {
            cycle_col_list: columns, cycle_mark_column: mark, cycle_mark_value: value,
            cycle_mark_default: default, cycle_path_column: path.0, location: loc
        });
        Ok(self.cte_done(frame, cycle))
    }

    fn cte_done(&mut self, frame: Frame, cycle: u32) -> Next {
        let [name, columns, materialized, query, search] = self.kept(frame.c);
        let loc = self.loc_of(frame.a as usize);
        Next::Ret(mk!(self, CommonTableExpr, frame.a, {
            ctename: name, aliascolnames: columns, ctematerialized: materialized, ctequery: query,
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

    /// `AexprConst`: an operand that turns out to be a constant.
    fn aexpr_const(&mut self, then: Frame) -> R<Next> {
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
        Ok(self.flagged_expr(then, F_C))
    }

    fn check_const(&mut self, node: u32) -> R<()> {
        match self.tree.tag(node) {
            Some(Tag::A_Const | Tag::TypeCast) => Ok(()),
            _ => Err(self.unexpected()),
        }
    }
}
