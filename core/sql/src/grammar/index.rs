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
        Ok(mk!(self, DefElem, first, {
            defnamespace: namespace.0, defname: name.0, arg: arg, location: loc,
            arg_location: crate::parser::NOWHERE
        }))
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
