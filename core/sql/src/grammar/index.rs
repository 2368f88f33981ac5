//! CREATE INDEX and the elements that indexes, constraints and conflict targets share.
//!
//! Source: `IndexStmt`, `index_elem` in gram.y, PostgreSQL 18.

use crate::parser::{Parser, R, mk, put};
use crate::token::Kind;

impl Parser<'_> {
    /// `index_elem`.
    pub(crate) fn index_elem(&mut self) -> R {
        let first = self.here();
        if self.eat(Kind::LPAREN) {
            let expr = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
            let node = mk!(self, IndexElem, first, { expr: expr });
            return self.index_elem_options(node);
        }
        if self.at_index_function() {
            let expr = self.func_expr_windowless()?;
            let node = mk!(self, IndexElem, first, { expr: expr });
            return self.index_elem_options(node);
        }
        let name = self.col_id()?;
        if matches!(self.kind(), Kind::DOT | Kind::LBRACKET) {
            // Only a function's name may have parts.
            self.indirection()?;
            return Err(self.unexpected());
        }
        let node = mk!(self, IndexElem, first, { name: name.0 });
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
    pub(crate) fn index_elem_options(&mut self, node: u32) -> R {
        if self.eat(Kind::COLLATE) {
            let collation = self.any_name()?;
            put!(self, node, IndexElem.collation, collation);
        }
        if self.kind().is_col_id() && !self.is(Kind::NULLS_LA) {
            let class = self.any_name()?;
            put!(self, node, IndexElem.opclass, class);
            if self.is(Kind::LPAREN) {
                let options = self.reloptions()?;
                put!(self, node, IndexElem.opclassopts, options);
            }
        }
        let ordering = self.opt_asc_desc();
        put!(self, node, IndexElem.ordering, ordering);
        let nulls = self.opt_nulls_order()?;
        put!(self, node, IndexElem.nulls_ordering, nulls);
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    /// `reloptions`: `( name [= value], … )`.
    pub(crate) fn reloptions(&mut self) -> R {
        self.paren_list(Self::reloption)
    }

    fn reloption(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let mut name = self.col_label()?;
        let mut namespace = crate::tree::TextId::NONE;
        if self.eat(Kind::DOT) {
            namespace = name;
            name = self.col_label()?;
        }
        let arg = if self.eat(Kind::EQUALS) { self.def_arg()? } else { 0 };
        Ok(mk!(self, DefElem, first, { defnamespace: namespace.0, defname: name.0, arg: arg, location: loc }))
    }

    /// `def_arg`.
    pub(crate) fn def_arg(&mut self) -> R {
        let kind = self.kind();
        match kind {
            Kind::SCONST => Ok(self.this_token().node()),
            Kind::ICONST | Kind::FCONST | Kind::PLUS | Kind::MINUS
                if !matches!(kind, Kind::PLUS | Kind::MINUS)
                    || matches!(self.peek(1), Kind::ICONST | Kind::FCONST) =>
            {
                self.numeric_only()
            }
            // `NONE` is a reserved word's stand-in here, never a type.
            Kind::NONE => Ok(self.this_token().node()),
            _ if crate::grammar::expr::is_all_op(kind)
                || kind == Kind::OPERATOR && self.peek(1) == Kind::LPAREN =>
            {
                let first = self.here();
                let name = self.qual_all_op()?;
                Ok(self.list_node(name, first))
            }
            _ if kind.keyword().is_some_and(|k| k.class == crate::keyword::Class::Reserved) => {
                Ok(self.this_token().node())
            }
            _ => self.func_type(),
        }
    }
}
