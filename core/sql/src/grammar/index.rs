//! CREATE INDEX and the elements that indexes, constraints and conflict targets share.
//!
//! Source: `IndexStmt`, `index_elem` in gram.y, PostgreSQL 18.

use crate::grammar::machine::{F_C, F_WINDOWLESS, Frame, Next, St, item};
use crate::parser::{Parser, R, mk, put};
use crate::token::Kind;

/// What an [`St::IndexElem`] frame waits for.
pub(crate) mod step {
    pub const PAREN: u8 = 0;
    pub const FUNCTION: u8 = 1;
    /// Of its operator class; `b` is the element's node.
    pub const OPTIONS: u8 = 2;
}

impl Parser<'_> {
    /// `index_elem`.
    pub(crate) fn index_elem(&mut self) -> R {
        self.run(Self::index_elem_start)
    }

    /// See [`Self::index_elem`].
    pub(crate) fn index_elem_start(&mut self) -> R<Next> {
        let first = self.here();
        let frame = Frame::new(St::IndexElem, first, 0, 0);
        if self.eat(Kind::LPAREN) {
            return Ok(self.expr(Frame { op: step::PAREN, ..frame }));
        }
        if self.at_index_function() {
            return Ok(self.flagged_expr(Frame { op: step::FUNCTION, ..frame }, F_C | F_WINDOWLESS));
        }
        let name = self.col_id()?;
        if matches!(self.kind(), Kind::DOT | Kind::LBRACKET) {
            // Only a function's name may have parts.
            return self.refuse_indirection();
        }
        let node = mk!(self, IndexElem, first, { name: name.0 });
        self.index_elem_options(node)
    }

    /// A part of an index's element is complete.
    pub(crate) fn index_elem_part(&mut self, frame: Frame, value: u32) -> R<Next> {
        match frame.op {
            step::OPTIONS => {
                self.expect(Kind::RPAREN)?;
                put!(self, frame.b, IndexElem.opclassopts, value);
                return self.index_elem_order(frame.b);
            }
            step::PAREN => self.expect(Kind::RPAREN)?,
            _ => {}
        }
        let node = mk!(self, IndexElem, frame.a, { expr: value });
        self.index_elem_options(node)
    }

    /// Whether `func_expr_windowless` begins here rather than a column.
    pub(crate) fn at_index_function(&self) -> bool {
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

    /// `index_elem_options`.
    fn index_elem_options(&mut self, node: u32) -> R<Next> {
        if self.eat(Kind::COLLATE) {
            let collation = self.any_name()?;
            put!(self, node, IndexElem.collation, collation);
        }
        if self.kind().is_col_id() && !self.is(Kind::NULLS_LA) {
            let class = self.any_name()?;
            put!(self, node, IndexElem.opclass, class);
            if self.eat(Kind::LPAREN) {
                let frame = Frame { op: step::OPTIONS, ..Frame::new(St::IndexElem, 0, node, 0) };
                return self.items(frame, item::OPTION);
            }
        }
        self.index_elem_order(node)
    }

    fn index_elem_order(&mut self, node: u32) -> R<Next> {
        let ordering = self.opt_asc_desc();
        put!(self, node, IndexElem.ordering, ordering);
        let nulls = self.opt_nulls_order()?;
        put!(self, node, IndexElem.nulls_ordering, nulls);
        self.tree.set(node, 2, self.at as u32);
        Ok(Next::Ret(node))
    }

    /// `reloptions`: `( name [= value], … )`.
    pub(crate) fn reloptions(&mut self) -> R {
        self.paren_list(Self::reloption)
    }

    fn reloption(&mut self) -> R {
        self.run(Self::reloption_start)
    }

    /// `reloption_elem`.
    pub(crate) fn reloption_start(&mut self) -> R<Next> {
        let first = self.here();
        let mut name = self.col_label()?;
        let mut namespace = crate::tree::TextId::NONE;
        if self.eat(Kind::DOT) {
            namespace = name;
            name = self.col_label()?;
        }
        let frame = Frame::new(St::RelOption, first, namespace.0, name.0);
        if self.eat(Kind::EQUALS) {
            self.push(frame);
            return self.start_def_arg();
        }
        Ok(self.reloption_node(frame, 0))
    }

    pub(crate) fn reloption_node(&mut self, frame: Frame, arg: u32) -> Next {
        let loc = self.loc_of(frame.a as usize);
        Next::Ret(mk!(self, DefElem, frame.a, {
            defnamespace: frame.b, defname: frame.c, arg: arg, location: loc,
            arg_location: crate::parser::NOWHERE
        }))
    }

    /// `def_arg`.
    pub(crate) fn def_arg(&mut self) -> R {
        self.run(Self::start_def_arg)
    }

    /// See [`Self::def_arg`].
    fn start_def_arg(&mut self) -> R<Next> {
        let kind = self.kind();
        let word = match kind {
            Kind::SCONST => self.this_token().node(),
            Kind::ICONST | Kind::FCONST | Kind::PLUS | Kind::MINUS
                if !matches!(kind, Kind::PLUS | Kind::MINUS)
                    || matches!(self.peek(1), Kind::ICONST | Kind::FCONST) =>
            {
                self.numeric_only()?
            }
            // `NONE` is a reserved word's stand-in here, never a type.
            Kind::NONE => self.this_token().node(),
            _ if crate::grammar::expr::is_all_op(kind)
                || kind == Kind::OPERATOR && self.peek(1) == Kind::LPAREN =>
            {
                let first = self.here();
                let name = self.qual_all_op()?;
                self.list_node(name, first)
            }
            _ if kind.keyword().is_some_and(|k| k.class == crate::keyword::Class::Reserved) => {
                self.this_token().node()
            }
            _ => return self.start_func_type(),
        };
        Ok(Next::Ret(word))
    }
}

impl Parser<'_> {
    /// `definition`: `( name [= value], … )`.
    pub(crate) fn definition(&mut self) -> R {
        self.paren_list(|p| {
            let first = p.at;
            let name = p.col_label()?;
            let arg = if p.eat(Kind::EQUALS) { p.def_arg()? } else { 0 };
            Ok(p.def_named(name, arg, first))
        })
    }

    /// `access_method_clause`: `btree` where none is named.
    pub(crate) fn access_method(&mut self) -> R<crate::tree::TextId> {
        if self.eat(Kind::USING) { self.col_id() } else { Ok(self.lit("btree")) }
    }

    /// `CREATE [UNIQUE] INDEX`; `UNIQUE` or `INDEX` is the current token.
    pub(crate) fn create_index(&mut self, first: u32) -> R {
        let unique = self.eat(Kind::UNIQUE);
        self.expect(Kind::INDEX)?;
        let concurrent = self.eat(Kind::CONCURRENTLY);
        let if_not_exists = self.opt_if_not_exists()?;
        let mut name = 0;
        if if_not_exists || !self.is(Kind::ON) {
            name = self.col_id()?.0;
        }
        self.expect(Kind::ON)?;
        let relation = self.relation_expr()?;
        let method = self.access_method()?;
        let params = self.paren_list(Self::index_elem)?;
        let including = if self.eat(Kind::INCLUDE) { self.paren_list(Self::index_elem)? } else { 0 };
        let distinct = self.unique_null_treatment()?;
        let options = if self.eat(Kind::WITH) { self.reloptions()? } else { 0 };
        let space = self.opt_tablespace()?;
        let condition = self.where_clause()?;
        Ok(mk!(self, IndexStmt, first, {
            idxname: name, relation: relation, accessMethod: method.0, tableSpace: space.0, indexParams: params,
            indexIncludingParams: including, options: options, whereClause: condition,
            unique: u32::from(unique), nulls_not_distinct: u32::from(!distinct),
            concurrent: u32::from(concurrent), if_not_exists: u32::from(if_not_exists)
        }))
    }
}
