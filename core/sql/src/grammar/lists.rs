//! Lists with commas between, on the machine's stack: one frame for the list, and above it what the item that is being read needs.

use crate::grammar::machine::{F_LABEL, Frame, Next, St, item};
use crate::nodes::e;
use crate::parser::{Halt, Parser, R};
use crate::token::Kind;
use crate::tree::TextId;

/// What a [`St::Refuse`] frame says.
pub(crate) mod refusal {
    /// The current token may not stand here.
    pub const HERE: u8 = 0;
    /// `UNIQUE ( select )`, at token `a`.
    pub const UNIQUE: u8 = 1;
    /// `LIMIT a, b`, at token `a`.
    pub const LIMIT: u8 = 2;
}

impl Parser<'_> {
    /// One or more items, for `then`: a list.
    pub(crate) fn items(&mut self, then: Frame, of: u8) -> R<Next> {
        self.push(then);
        self.more_items(of, self.mark())
    }

    /// One or more items behind those that have been collected since `mark`: a list of all.
    pub(crate) fn more_items(&mut self, of: u8, mark: u32) -> R<Next> {
        self.push(Frame { op: of, ..Frame::new(St::Items, 0, 0, mark) });
        // Others may begin with a list of their own: those wait for the next step.
        if matches!(of, item::EXPR | item::SORT) { self.start_item(of) } else { Ok(Next::Item(of)) }
    }

    pub(crate) fn next_item(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.item(value);
        if self.eat(Kind::COMMA) {
            self.push(frame);
            return self.start_item(frame.op);
        }
        Ok(Next::Ret(self.list_from(frame.c)))
    }

    pub(crate) fn start_item(&mut self, of: u8) -> R<Next> {
        match of {
            item::EXPR => match self.lone_constant() {
                Some(constant) => Ok(Next::Ret(constant)),
                None => Ok(self.start_expr(0)),
            },
            item::SORT => Ok(self.expr(Frame::new(St::SortKey, self.here(), 0, 0))),
            item::GROUP => self.group_by_item(),
            item::WINDOW => self.window_definition(),
            item::CTE => self.common_table_expr(),
            item::ARG => Ok(self.func_arg()),
            item::COLUMN => self.column(),
            item::SET => self.set_target(),
            item::TARGET => Ok(self.return_target_start()),
            item::INDEX => self.index_elem_start(),
            item::OPTION => self.reloption_start(),
            item::COLUMN_DEF => self.column_def_start(),
            item::ROWS_FROM => self.rows_from_start(),
            item::XML_ATTRIBUTE => Ok(self.expr(Frame::new(St::XmlItem, self.here(), 0, 0))),
            item::XML_NAMESPACE => Ok(self.xml_namespace()),
            item::XML_COLUMN => self.xml_column_start(),
            item::JSON_ARGUMENT => Ok(self.expr(Frame::new(St::JsonArgument, self.here(), 0, 0))),
            _ => self.json_column_start(),
        }
    }

    /// Puts what a rule has read so far under the items of what it waits for.
    pub(crate) fn keep(&mut self, words: &[u32]) {
        self.scratch.items.extend_from_slice(words);
    }

    /// Takes what [`Self::keep`] has put at `mark`, and whatever lies above it.
    pub(crate) fn kept<const N: usize>(&mut self, mark: u32) -> [u32; N] {
        let mut words = [0; N];
        let items = &self.scratch.items[mark as usize..];
        let len = items.len().min(N);
        words[..len].copy_from_slice(&items[..len]);
        self.scratch.items.truncate(mark as usize);
        words
    }

    /// `expr_list` for `then`, with parentheses around it; the `)` is left for it.
    pub(crate) fn paren_exprs(&mut self, then: Frame) -> R<Next> {
        self.expect(Kind::LPAREN)?;
        self.items(then, item::EXPR)
    }

    /// The next thing read will be refused.
    pub(crate) fn refuse_behind(&mut self, how: u8, token: u32) {
        self.push(Frame { op: how, ..Frame::new(St::Refuse, token, 0, 0) });
    }

    #[cold]
    pub(crate) fn refusal(&mut self, frame: Frame) -> Halt {
        let loc = self.loc_of(frame.a as usize);
        match frame.op {
            refusal::UNIQUE => self.refuse_feature(loc, "UNIQUE predicate is not yet implemented"),
            refusal::LIMIT => {
                let halt = self.refuse_syntax(loc, "LIMIT #,# syntax is not supported");
                self.hint(halt, "Use separate LIMIT and OFFSET clauses.")
            }
            _ => self.unexpected(),
        }
    }

    /// A name has a subscript where it may have none: all of it is read, then refused.
    #[cold]
    pub(crate) fn refuse_subscripts<T>(&mut self) -> R<T> {
        self.refuse_behind(refusal::HERE, 0);
        let next = self.open_subscript(self.mark());
        self.detour(next)
    }

    /// `.name …` and subscripts where none of them may stand.
    #[cold]
    pub(crate) fn refuse_indirection<T>(&mut self) -> R<T> {
        self.dotted()?;
        if self.is(Kind::LBRACKET) { self.refuse_subscripts() } else { Err(self.unexpected()) }
    }

    // ---- ORDER BY ----

    /// `sort_clause` for `then`, at ORDER.
    pub(crate) fn sort_clause(&mut self, then: Frame) -> R<Next> {
        self.expect_all(&[Kind::ORDER, Kind::BY])?;
        self.items(then, item::SORT)
    }

    pub(crate) fn sort_key(&mut self, frame: Frame, node: u32) -> R<Next> {
        use crate::parser::{NOWHERE, mk};
        let (mut direction, mut operator, mut loc) = (e::SortByDir::SORTBY_DEFAULT, 0, NOWHERE);
        if self.eat(Kind::USING) {
            direction = e::SortByDir::SORTBY_USING;
            loc = self.loc();
            operator = self.qual_all_op()?;
        } else {
            direction = self.opt_asc_desc().max(direction);
        }
        let nulls = self.opt_nulls_order()?;
        Ok(Next::Ret(mk!(self, SortBy, frame.a, {
            node: node, sortby_dir: direction, sortby_nulls: nulls, useOp: operator, location: loc
        })))
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

    // ---- RETURNING ----

    /// A target of RETURNING.
    fn return_target_start(&mut self) -> Next {
        if self.is(Kind::STAR) {
            return Next::Ret(self.star_target());
        }
        let first = self.here();
        self.flagged_expr(Frame::new(St::ReturnTarget, first, 0, 0), F_LABEL)
    }

    pub(crate) fn return_target(&mut self, frame: Frame, value: u32) -> R<Next> {
        self.labelled(value, frame.a).map(Next::Ret)
    }

    // ---- arguments ----

    /// `func_arg_expr`.
    fn func_arg(&mut self) -> Next {
        match self.named_arg_start() {
            Some((TextId(name), first)) => self.expr(Frame::new(St::NamedArg, name, first, 0)),
            None => match self.lone_constant() {
                Some(constant) => Next::Ret(constant),
                None => self.start_expr(0),
            },
        }
    }
}
