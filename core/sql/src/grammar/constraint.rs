//! Columns and constraints of tables and domains.
//!
//! Source: `columnDef`, `ColConstraint`, `TableConstraint`, `DomainConstraint` in gram.y, PostgreSQL 18.

use crate::nodes::{Tag, e};
use crate::parser::{NOWHERE, Parser, R, got, mk, put};
use crate::token::Kind;
use crate::version::Feature;

/// Bits of `ConstraintAttributeSpec`.
pub(crate) mod cas {
    pub const NOT_DEFERRABLE: u32 = 0x01;
    pub const DEFERRABLE: u32 = 0x02;
    pub const INITIALLY_IMMEDIATE: u32 = 0x04;
    pub const INITIALLY_DEFERRED: u32 = 0x08;
    pub const NOT_VALID: u32 = 0x10;
    pub const NO_INHERIT: u32 = 0x20;
    pub const NOT_ENFORCED: u32 = 0x40;
    pub const ENFORCED: u32 = 0x80;
}

/// Which attributes a kind of constraint may have.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) name: &'static str,
    pub(crate) deferrable: bool,
    pub(crate) enforced: bool,
    pub(crate) not_valid: bool,
    pub(crate) no_inherit: bool,
}

const NOTHING: Allowed =
    Allowed { name: "", deferrable: false, enforced: false, not_valid: false, no_inherit: false };

/// A foreign key's action: its letter and the columns it sets.
type Action = (u8, u32);

impl Parser<'_> {
    fn constraint(&mut self, kind: u32, first: u32) -> u32 {
        let loc = self.loc_of(first as usize);
        mk!(self, Constraint, first, { contype: kind, location: loc })
    }

    // ---- columns ----

    /// `columnDef`.
    pub(crate) fn column_def(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        let type_name = self.typename()?;
        let stored = self.is(Kind::STORAGE) && self.has(Feature::ColumnStorage);
        let storage = if stored { self.storage_or_compression()? } else { 0 };
        let compression = if self.is(Kind::COMPRESSION) { self.storage_or_compression()? } else { 0 };
        let options = self.create_generic_options()?;
        let node = mk!(self, ColumnDef, first, {
            colname: name.0, typeName: type_name, storage_name: storage, compression: compression, is_local: 1,
            fdwoptions: options, location: loc
        });
        self.col_qual_list(node)
    }

    /// `STORAGE x` or `COMPRESSION x`: the word's text.
    pub(crate) fn storage_or_compression(&mut self) -> R {
        let default = !self.is(Kind::STORAGE) || self.has(Feature::StorageDefault);
        self.bump();
        if default && self.is(Kind::DEFAULT) {
            return Ok(self.this_token().0);
        }
        Ok(self.col_id()?.0)
    }

    /// `columnOptions`.
    fn column_options(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        if self.eat(Kind::WITH) {
            self.expect(Kind::OPTIONS)?;
        }
        let node = mk!(self, ColumnDef, first, { colname: name.0, is_local: 1, location: loc });
        self.col_qual_list(node)
    }

    /// `ColQualList`, split into constraints and the collation, for the column `node`.
    pub(crate) fn col_qual_list(&mut self, node: u32) -> R {
        let (constraints, collation) = self.split_col_quals()?;
        put!(self, node, ColumnDef.constraints, constraints);
        put!(self, node, ColumnDef.collClause, collation);
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    /// `ColQualList` and `SplitColQualList`: the constraints and the collation.
    pub(crate) fn split_col_quals(&mut self) -> R<(u32, u32)> {
        let mark = self.mark();
        let (mut collation, mut second) = (0, None);
        while let Some(item) = self.col_constraint()? {
            if self.tree.tag(item) != Some(Tag::CollateClause) {
                self.item(item);
            } else if collation == 0 {
                collation = item;
            } else if second.is_none() {
                second = Some(got!(self, item, CollateClause.location));
            }
        }
        if let Some(loc) = second {
            return Err(self.refuse_syntax(loc, "multiple COLLATE clauses not allowed"));
        }
        Ok((self.list_from(mark), collation))
    }

    /// `ColConstraint`; `None` where none begins.
    fn col_constraint(&mut self) -> R<Option<u32>> {
        let (first, loc) = (self.here(), self.loc());
        match self.kind() {
            Kind::CONSTRAINT => {
                self.bump();
                let name = self.col_id()?;
                let Some(node) = self.col_constraint_elem()? else { return Err(self.unexpected()) };
                put!(self, node, Constraint.conname, name.0);
                put!(self, node, Constraint.location, loc);
                self.tree.set(node, 1, first);
                Ok(Some(node))
            }
            Kind::COLLATE => self.opt_collate_clause().map(Some),
            _ => match self.col_constraint_elem()? {
                Some(node) => Ok(Some(node)),
                None => self.constraint_attr(first),
            },
        }
    }

    /// `ConstraintAttr`.
    fn constraint_attr(&mut self, first: u32) -> R<Option<u32>> {
        use e::ConstrType as c;
        let kind = match self.kind() {
            Kind::DEFERRABLE => c::CONSTR_ATTR_DEFERRABLE,
            Kind::ENFORCED => c::CONSTR_ATTR_ENFORCED,
            Kind::NOT => {
                self.bump();
                match self.kind() {
                    Kind::DEFERRABLE => c::CONSTR_ATTR_NOT_DEFERRABLE,
                    Kind::ENFORCED => c::CONSTR_ATTR_NOT_ENFORCED,
                    _ => return Err(self.unexpected()),
                }
            }
            Kind::INITIALLY => {
                self.bump();
                match self.kind() {
                    Kind::DEFERRED => c::CONSTR_ATTR_DEFERRED,
                    Kind::IMMEDIATE => c::CONSTR_ATTR_IMMEDIATE,
                    _ => return Err(self.unexpected()),
                }
            }
            _ => return Ok(None),
        };
        self.bump();
        Ok(Some(self.constraint(kind, first)))
    }

    /// `ColConstraintElem`; `None` where none begins.
    fn col_constraint_elem(&mut self) -> R<Option<u32>> {
        use e::ConstrType as c;
        let first = self.here();
        let node = match self.kind() {
            Kind::NOT if self.peek(1) == Kind::NULL => {
                self.at += 2;
                let node = self.constraint(c::CONSTR_NOTNULL, first);
                self.valid(node);
                if self.has(Feature::NotNullNoInherit) {
                    self.opt_no_inherit(node)?;
                }
                node
            }
            Kind::NULL => {
                self.bump();
                self.constraint(c::CONSTR_NULL, first)
            }
            Kind::UNIQUE => {
                self.bump();
                let distinct = self.unique_null_treatment()?;
                let node = self.constraint(c::CONSTR_UNIQUE, first);
                put!(self, node, Constraint.nulls_not_distinct, u32::from(!distinct));
                self.index_parameters(node)?;
                node
            }
            Kind::PRIMARY => {
                self.bump();
                self.expect(Kind::KEY)?;
                let node = self.constraint(c::CONSTR_PRIMARY, first);
                self.index_parameters(node)?;
                node
            }
            Kind::CHECK => {
                let expr = self.check_expr()?;
                let node = self.constraint(c::CONSTR_CHECK, first);
                put!(self, node, Constraint.raw_expr, expr);
                self.valid(node);
                self.opt_no_inherit(node)?;
                node
            }
            Kind::DEFAULT => {
                self.bump();
                let expr = self.b_expr()?;
                let node = self.constraint(c::CONSTR_DEFAULT, first);
                put!(self, node, Constraint.raw_expr, expr);
                node
            }
            Kind::GENERATED => self.generated(first)?,
            Kind::REFERENCES => self.references(first)?,
            _ => return Ok(None),
        };
        self.tree.set(node, 2, self.at as u32);
        Ok(Some(node))
    }

    fn valid(&mut self, node: u32) {
        put!(self, node, Constraint.is_enforced, 1);
        put!(self, node, Constraint.initially_valid, 1);
    }

    fn opt_no_inherit(&mut self, node: u32) -> R<()> {
        if self.eat(Kind::NO) {
            self.expect(Kind::INHERIT)?;
            put!(self, node, Constraint.is_no_inherit, 1);
        }
        Ok(())
    }

    /// `CHECK ( a_expr )`.
    fn check_expr(&mut self) -> R {
        self.expect_all(&[Kind::CHECK, Kind::LPAREN])?;
        let expr = self.a_expr()?;
        self.expect(Kind::RPAREN)?;
        Ok(expr)
    }

    /// `opt_definition OptConsTableSpace`.
    fn index_parameters(&mut self, node: u32) -> R<()> {
        if self.eat(Kind::WITH) {
            let options = self.definition()?;
            put!(self, node, Constraint.options, options);
        }
        if self.eat(Kind::USING) {
            self.expect_all(&[Kind::INDEX, Kind::TABLESPACE])?;
            let space = self.col_id()?;
            put!(self, node, Constraint.indexspace, space.0);
        }
        Ok(())
    }

    /// `generated_when`: its letter.
    pub(crate) fn generated_when(&mut self) -> R<u32> {
        if self.eat(Kind::ALWAYS) {
            return Ok(u32::from(b'a'));
        }
        self.expect_all(&[Kind::BY, Kind::DEFAULT])?;
        Ok(u32::from(b'd'))
    }

    fn generated(&mut self, first: u32) -> R {
        use e::ConstrType as c;
        self.bump();
        let when_loc = self.loc();
        let when = self.generated_when()?;
        self.expect(Kind::AS)?;
        if self.eat(Kind::IDENTITY) {
            let options = self.paren_seq_options()?;
            let node = self.constraint(c::CONSTR_IDENTITY, first);
            put!(self, node, Constraint.generated_when, when);
            put!(self, node, Constraint.options, options);
            return Ok(node);
        }
        self.expect(Kind::LPAREN)?;
        let expr = self.a_expr()?;
        self.expect(Kind::RPAREN)?;
        let stored = self.eat(Kind::STORED);
        if !stored {
            self.demand(Feature::GeneratedUnmarked)?;
            self.eat(Kind::VIRTUAL);
        }
        if when != u32::from(b'a') {
            let message = "for a generated column, GENERATED ALWAYS must be specified";
            return Err(self.refuse_syntax(when_loc, message));
        }
        let node = self.constraint(c::CONSTR_GENERATED, first);
        put!(self, node, Constraint.generated_when, when);
        put!(self, node, Constraint.raw_expr, expr);
        put!(self, node, Constraint.generated_kind, u32::from(if stored { b's' } else { b'v' }));
        Ok(node)
    }

    fn references(&mut self, first: u32) -> R {
        self.bump();
        let table = self.qualified_name()?;
        let columns = self.opt_name_list_parens()?;
        let node = self.constraint(e::ConstrType::CONSTR_FOREIGN, first);
        put!(self, node, Constraint.pktable, table);
        put!(self, node, Constraint.pk_attrs, columns);
        self.match_and_actions(node)?;
        self.valid(node);
        Ok(node)
    }

    /// `key_match key_actions`.
    fn match_and_actions(&mut self, node: u32) -> R<()> {
        let loc = self.loc();
        let mut kind = b's';
        if self.eat(Kind::MATCH) {
            kind = match self.kind() {
                Kind::FULL => b'f',
                Kind::SIMPLE => b's',
                Kind::PARTIAL => {
                    self.bump();
                    return Err(self.refuse_feature(loc, "MATCH PARTIAL not yet implemented"));
                }
                _ => return Err(self.unexpected()),
            };
            self.bump();
        }
        put!(self, node, Constraint.fk_matchtype, u32::from(kind));
        let (mut update, mut delete) = (None, None);
        while self.is(Kind::ON) {
            match self.peek(1) {
                Kind::UPDATE if update.is_none() => update = Some(self.key_update()?),
                Kind::DELETE if delete.is_none() => {
                    self.at += 2;
                    delete = Some(self.key_action()?);
                }
                _ => {
                    if update.is_some() && delete.is_some() {
                        break;
                    }
                    self.bump();
                    return Err(self.unexpected());
                }
            }
        }
        let (delete_action, columns) = delete.unwrap_or((b'a', 0));
        put!(self, node, Constraint.fk_upd_action, u32::from(update.map_or(b'a', |u| u.0)));
        put!(self, node, Constraint.fk_del_action, u32::from(delete_action));
        put!(self, node, Constraint.fk_del_set_cols, columns);
        Ok(())
    }

    fn key_update(&mut self) -> R<Action> {
        let loc = self.loc();
        self.at += 2;
        let (action, columns) = self.key_action()?;
        if columns != 0 {
            let what = if action == b'n' { "SET NULL" } else { "SET DEFAULT" };
            let message = alloc::format!("a column list with {what} is only supported for ON DELETE actions");
            return Err(self.refuse_feature(loc, message));
        }
        Ok((action, columns))
    }

    fn key_action(&mut self) -> R<Action> {
        let action = match self.kind() {
            Kind::NO => {
                self.bump();
                self.expect(Kind::ACTION)?;
                return Ok((b'a', 0));
            }
            Kind::RESTRICT => b'r',
            Kind::CASCADE => b'c',
            Kind::SET => {
                self.bump();
                let action = match self.kind() {
                    Kind::NULL => b'n',
                    Kind::DEFAULT => b'd',
                    _ => return Err(self.unexpected()),
                };
                self.bump();
                let columns =
                    if self.has(Feature::KeyActionColumns) { self.opt_name_list_parens()? } else { 0 };
                return Ok((action, columns));
            }
            _ => return Err(self.unexpected()),
        };
        self.bump();
        Ok((action, 0))
    }

    // ---- tables ----

    /// Whether a `TableConstraint` begins here.
    pub(crate) fn at_table_constraint(&self) -> bool {
        match self.kind() {
            Kind::CONSTRAINT | Kind::CHECK | Kind::UNIQUE | Kind::PRIMARY | Kind::FOREIGN => true,
            Kind::NOT => self.has(Feature::TableNotNull),
            // A column may bear this name.
            Kind::EXCLUDE => matches!(self.peek(1), Kind::USING | Kind::LPAREN),
            _ => false,
        }
    }

    /// `TableElement`.
    pub(crate) fn table_element(&mut self) -> R {
        if self.is(Kind::LIKE) {
            return self.table_like();
        }
        if self.at_table_constraint() { self.table_constraint() } else { self.column_def() }
    }

    /// `TypedTableElement`.
    pub(crate) fn typed_table_element(&mut self) -> R {
        if self.at_table_constraint() { self.table_constraint() } else { self.column_options() }
    }

    fn table_like(&mut self) -> R {
        let first = self.here();
        self.bump();
        let relation = self.qualified_name()?;
        let mut options = 0;
        loop {
            let including = self.is(Kind::INCLUDING);
            if !including && !self.is(Kind::EXCLUDING) {
                break;
            }
            self.bump();
            let bit: u32 = match self.kind() {
                Kind::COMMENTS => 1 << 0,
                Kind::COMPRESSION => 1 << 1,
                Kind::CONSTRAINTS => 1 << 2,
                Kind::DEFAULTS => 1 << 3,
                Kind::GENERATED => 1 << 4,
                Kind::IDENTITY => 1 << 5,
                Kind::INDEXES => 1 << 6,
                Kind::STATISTICS => 1 << 7,
                Kind::STORAGE => 1 << 8,
                Kind::ALL => 0x7FFF_FFFF,
                _ => return Err(self.unexpected()),
            };
            self.bump();
            options = if including { options | bit } else { options & !bit };
        }
        Ok(mk!(self, TableLikeClause, first, { relation: relation, options: options }))
    }

    /// `TableConstraint`.
    pub(crate) fn table_constraint(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if !self.eat(Kind::CONSTRAINT) {
            return self.constraint_elem();
        }
        let name = self.col_id()?;
        let node = self.constraint_elem()?;
        put!(self, node, Constraint.conname, name.0);
        put!(self, node, Constraint.location, loc);
        self.tree.set(node, 1, first);
        Ok(node)
    }

    /// `ConstraintElem`.
    fn constraint_elem(&mut self) -> R {
        use e::ConstrType as c;
        let first = self.here();
        let node = match self.kind() {
            Kind::CHECK => {
                let expr = self.check_expr()?;
                let node = self.constraint(c::CONSTR_CHECK, first);
                put!(self, node, Constraint.raw_expr, expr);
                let allowed =
                    Allowed { name: "CHECK", enforced: true, not_valid: true, no_inherit: true, ..NOTHING };
                self.constraint_attributes(node, allowed, true)?;
                node
            }
            Kind::NOT if self.has(Feature::TableNotNull) => {
                self.bump();
                self.expect(Kind::NULL)?;
                let column = self.col_id()?;
                let node = self.constraint(c::CONSTR_NOTNULL, first);
                let keys = self.list(&[column.node()]);
                put!(self, node, Constraint.keys, keys);
                let allowed = Allowed { name: "NOT NULL", not_valid: true, no_inherit: true, ..NOTHING };
                self.constraint_attributes(node, allowed, true)?;
                node
            }
            Kind::UNIQUE | Kind::PRIMARY => self.key_constraint(first)?,
            Kind::EXCLUDE => self.exclusion(first)?,
            Kind::FOREIGN => self.foreign_key(first)?,
            _ => return Err(self.unexpected()),
        };
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    fn key_constraint(&mut self, first: u32) -> R {
        let primary = self.is(Kind::PRIMARY);
        self.bump();
        let mut distinct = true;
        let (kind, name) = if primary {
            self.expect(Kind::KEY)?;
            (e::ConstrType::CONSTR_PRIMARY, "PRIMARY KEY")
        } else {
            distinct = self.is(Kind::USING) || self.unique_null_treatment()?;
            (e::ConstrType::CONSTR_UNIQUE, "UNIQUE")
        };
        let node = self.constraint(kind, first);
        if self.eat(Kind::USING) {
            self.expect(Kind::INDEX)?;
            let index = self.col_id()?;
            put!(self, node, Constraint.indexname, index.0);
        } else {
            self.expect(Kind::LPAREN)?;
            let keys = self.name_list()?;
            let overlaps = self.has(Feature::WithoutOverlaps) && self.eat(Kind::WITHOUT);
            if overlaps {
                self.expect(Kind::OVERLAPS)?;
            }
            self.expect(Kind::RPAREN)?;
            put!(self, node, Constraint.keys, keys);
            put!(self, node, Constraint.nulls_not_distinct, u32::from(!distinct));
            put!(self, node, Constraint.without_overlaps, u32::from(overlaps));
            self.opt_include(node)?;
            self.index_parameters(node)?;
        }
        self.constraint_attributes(node, Allowed { name, deferrable: true, ..NOTHING }, false)?;
        Ok(node)
    }

    fn opt_include(&mut self, node: u32) -> R<()> {
        if self.eat(Kind::INCLUDE) {
            let columns = self.paren_list(|p| Ok(p.col_id()?.node()))?;
            put!(self, node, Constraint.including, columns);
        }
        Ok(())
    }

    fn exclusion(&mut self, first: u32) -> R {
        self.bump();
        let node = self.constraint(e::ConstrType::CONSTR_EXCLUSION, first);
        let method = self.access_method()?;
        put!(self, node, Constraint.access_method, method.0);
        let exclusions = self.paren_list(|p| {
            let first = p.here();
            let element = p.index_elem()?;
            p.expect(Kind::WITH)?;
            let operator = if p.is(Kind::OPERATOR) && p.peek(1) == Kind::LPAREN {
                p.operator_name()?
            } else {
                p.any_operator()?
            };
            let operator = p.list_node(operator, first);
            let pair = p.list(&[element, operator]);
            Ok(p.list_node(pair, first))
        })?;
        put!(self, node, Constraint.exclusions, exclusions);
        self.opt_include(node)?;
        self.index_parameters(node)?;
        if self.eat(Kind::WHERE) {
            self.expect(Kind::LPAREN)?;
            let condition = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
            put!(self, node, Constraint.where_clause, condition);
        }
        self.constraint_attributes(node, Allowed { name: "EXCLUDE", deferrable: true, ..NOTHING }, false)?;
        Ok(node)
    }

    /// `columnList optionalPeriodName` in parentheses: the columns, and whether the last is a period.
    fn columns_and_period(&mut self) -> R<(u32, bool)> {
        self.expect(Kind::LPAREN)?;
        let mark = self.mark();
        let mut period = false;
        loop {
            // A column may bear this name.
            if self.mark() > mark && self.is(Kind::PERIOD) && self.peek(1).is_col_id() {
                self.bump();
                period = true;
            }
            let name = self.col_id()?;
            self.item(name.node());
            if period || !self.eat(Kind::COMMA) {
                break;
            }
        }
        self.expect(Kind::RPAREN)?;
        Ok((self.list_from(mark), period))
    }

    fn foreign_key(&mut self, first: u32) -> R {
        self.bump();
        self.expect(Kind::KEY)?;
        let (columns, period) = self.columns_and_period()?;
        self.expect(Kind::REFERENCES)?;
        let table = self.qualified_name()?;
        let (mut targets, mut target_period) = (0, false);
        if self.is(Kind::LPAREN) {
            (targets, target_period) = self.columns_and_period()?;
        }
        let node = self.constraint(e::ConstrType::CONSTR_FOREIGN, first);
        put!(self, node, Constraint.pktable, table);
        put!(self, node, Constraint.fk_attrs, columns);
        put!(self, node, Constraint.fk_with_period, u32::from(period));
        put!(self, node, Constraint.pk_attrs, targets);
        put!(self, node, Constraint.pk_with_period, u32::from(target_period));
        self.match_and_actions(node)?;
        let allowed =
            Allowed { name: "FOREIGN KEY", deferrable: true, enforced: true, not_valid: true, ..NOTHING };
        self.constraint_attributes(node, allowed, true)?;
        Ok(node)
    }

    /// `DomainConstraint`.
    pub(crate) fn domain_constraint(&mut self) -> R {
        if self.has(Feature::DomainTableConstraints) {
            return self.table_constraint();
        }
        let (first, loc) = (self.here(), self.loc());
        let name = if self.eat(Kind::CONSTRAINT) { self.col_id()?.0 } else { 0 };
        let inner = self.here();
        let node;
        if self.is(Kind::CHECK) {
            let expr = self.check_expr()?;
            node = self.constraint(e::ConstrType::CONSTR_CHECK, inner);
            put!(self, node, Constraint.raw_expr, expr);
            let allowed = Allowed { name: "CHECK", not_valid: true, no_inherit: true, ..NOTHING };
            self.constraint_attributes(node, allowed, true)?;
            put!(self, node, Constraint.is_enforced, 1);
        } else {
            self.expect_all(&[Kind::NOT, Kind::NULL])?;
            node = self.constraint(e::ConstrType::CONSTR_NOTNULL, inner);
            let value = self.lit_node("value");
            let keys = self.list(&[value]);
            put!(self, node, Constraint.keys, keys);
            self.constraint_attributes(node, Allowed { name: "NOT NULL", ..NOTHING }, false)?;
            put!(self, node, Constraint.initially_valid, 1);
        }
        if name != 0 {
            put!(self, node, Constraint.conname, name);
            put!(self, node, Constraint.location, loc);
            self.tree.set(node, 1, first);
        }
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    // ---- attributes ----

    /// `ConstraintAttributeSpec`: its bits and where it begins.
    pub(crate) fn constraint_attribute_spec(&mut self) -> R<(u32, u32)> {
        let (mut bits, mut start) = (0, NOWHERE);
        loop {
            let loc = self.loc();
            let bit = match self.kind() {
                Kind::DEFERRABLE => cas::DEFERRABLE,
                Kind::ENFORCED => cas::ENFORCED,
                Kind::NO => {
                    self.bump();
                    if !self.is(Kind::INHERIT) {
                        return Err(self.unexpected());
                    }
                    cas::NO_INHERIT
                }
                Kind::INITIALLY => {
                    self.bump();
                    match self.kind() {
                        Kind::IMMEDIATE => cas::INITIALLY_IMMEDIATE,
                        Kind::DEFERRED => cas::INITIALLY_DEFERRED,
                        _ => return Err(self.unexpected()),
                    }
                }
                Kind::NOT => {
                    self.bump();
                    match self.kind() {
                        Kind::DEFERRABLE => cas::NOT_DEFERRABLE,
                        Kind::VALID => cas::NOT_VALID,
                        Kind::ENFORCED => cas::NOT_ENFORCED,
                        _ => return Err(self.unexpected()),
                    }
                }
                _ => return Ok((bits, start)),
            };
            self.bump();
            bits |= bit;
            start = start.min(loc);
            let both = |pair: u32| bits & pair == pair;
            if both(cas::NOT_DEFERRABLE | cas::INITIALLY_DEFERRED) {
                let message = "constraint declared INITIALLY DEFERRED must be DEFERRABLE";
                return Err(self.refuse_syntax(loc, message));
            }
            if both(cas::NOT_DEFERRABLE | cas::DEFERRABLE)
                || both(cas::INITIALLY_IMMEDIATE | cas::INITIALLY_DEFERRED)
                || both(cas::NOT_ENFORCED | cas::ENFORCED)
            {
                return Err(self.refuse_syntax(loc, "conflicting constraint properties"));
            }
        }
    }

    /// `processCASbits`: refuses what this kind of constraint cannot be.
    pub(crate) fn check_attributes(&mut self, bits: u32, loc: u32, allowed: Allowed) -> R<()> {
        let refused = if bits & (cas::DEFERRABLE | cas::INITIALLY_DEFERRED) != 0 && !allowed.deferrable {
            "DEFERRABLE"
        } else if bits & cas::NOT_VALID != 0 && !allowed.not_valid {
            "NOT VALID"
        } else if bits & cas::NO_INHERIT != 0 && !allowed.no_inherit {
            "NO INHERIT"
        } else if bits & cas::NOT_ENFORCED != 0 && !allowed.enforced {
            "NOT ENFORCED"
        } else if bits & cas::ENFORCED != 0 && !allowed.enforced {
            "ENFORCED"
        } else {
            return Ok(());
        };
        let message = alloc::format!("{} constraints cannot be marked {refused}", allowed.name);
        let loc = self.newer_place(loc);
        Err(self.refuse_feature(loc, message))
    }

    /// The attributes of a constraint, set in its node.
    fn constraint_attributes(&mut self, node: u32, allowed: Allowed, validates: bool) -> R<()> {
        let (bits, loc) = self.constraint_attribute_spec()?;
        self.check_attributes(bits, loc, allowed)?;
        let deferred = bits & cas::INITIALLY_DEFERRED != 0;
        let deferrable = deferred || bits & cas::DEFERRABLE != 0;
        put!(self, node, Constraint.deferrable, u32::from(deferrable));
        put!(self, node, Constraint.initdeferred, u32::from(deferred));
        put!(self, node, Constraint.is_no_inherit, u32::from(bits & cas::NO_INHERIT != 0));
        let not_enforced = bits & cas::NOT_ENFORCED != 0;
        let skip = bits & cas::NOT_VALID != 0 || not_enforced && allowed.not_valid;
        if allowed.enforced {
            put!(self, node, Constraint.is_enforced, u32::from(!not_enforced));
        }
        put!(self, node, Constraint.skip_validation, u32::from(skip));
        if validates {
            put!(self, node, Constraint.initially_valid, u32::from(!skip));
        }
        Ok(())
    }
}
