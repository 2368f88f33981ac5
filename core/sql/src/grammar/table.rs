//! CREATE TABLE in all its forms, CREATE TABLE AS, materialized views, sequences, partitions, generic options.
//!
//! Source: `CreateStmt` to `SeqOptElem`, `CreateForeignTableStmt` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

impl Parser<'_> {
    /// `OptTemp`: the persistence's letter.
    pub(crate) fn opt_temp(&mut self) -> R<u8> {
        match self.kind() {
            Kind::LOCAL | Kind::GLOBAL => {
                self.bump();
                if !self.eat(Kind::TEMPORARY) {
                    self.expect(Kind::TEMP)?;
                }
                Ok(b't')
            }
            Kind::TEMPORARY | Kind::TEMP => {
                self.bump();
                Ok(b't')
            }
            Kind::UNLOGGED => {
                self.bump();
                Ok(b'u')
            }
            _ => Ok(b'p'),
        }
    }

    /// `CREATE … TABLE`; `TABLE` is the current token.
    pub(crate) fn create_table(&mut self, first: u32, persistence: u8) -> R {
        self.create_table_or_query(first, persistence, true)
    }

    /// `CreateStmt`, or `CreateAsStmt` where that may stand.
    pub(crate) fn create_table_or_query(&mut self, first: u32, persistence: u8, query: bool) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let relation = self.qualified_name()?;
        put!(self, relation, RangeVar.relpersistence, u32::from(persistence));
        let node = match self.kind() {
            Kind::OF => self.typed_table(first, relation)?,
            Kind::PARTITION => self.partition_of(first, relation)?,
            Kind::LPAREN if !query || !self.columns_of_table_as() => {
                self.bump();
                let elements = self.opt_table_elements()?;
                self.expect(Kind::RPAREN)?;
                let parents = self.opt_inherit()?;
                let node = mk!(self, CreateStmt, first, {
                    relation: relation, tableElts: elements, inhRelations: parents
                });
                self.table_tail(node)?
            }
            _ if !query => return Err(self.unexpected()),
            _ => return self.table_as(first, relation, if_not_exists),
        };
        put!(self, node, CreateStmt.if_not_exists, u32::from(if_not_exists));
        Ok(node)
    }

    /// Whether the parentheses here hold the column names of `CREATE TABLE … AS`: plain names and nothing else, which no
    /// table's definition is.
    fn columns_of_table_as(&self) -> bool {
        self.peek(1).is_col_id() && matches!(self.peek(2), Kind::COMMA | Kind::RPAREN)
    }

    /// `OptTableElementList`.
    pub(crate) fn opt_table_elements(&mut self) -> R {
        if self.is(Kind::RPAREN) { Ok(0) } else { self.comma_list(Self::table_element) }
    }

    /// `OptInherit`.
    pub(crate) fn opt_inherit(&mut self) -> R {
        if self.eat(Kind::INHERITS) { self.paren_list(Self::qualified_name) } else { Ok(0) }
    }

    fn typed_table(&mut self, first: u32, relation: u32) -> R {
        self.bump();
        let at = self.here();
        let name = self.any_name()?;
        let of = self.type_of_names(name, at);
        let elements = self.opt_typed_elements()?;
        let node = mk!(self, CreateStmt, first, { relation: relation, ofTypename: of, tableElts: elements });
        self.table_tail(node)
    }

    /// `OptTypedTableElementList`.
    pub(crate) fn opt_typed_elements(&mut self) -> R {
        if self.is(Kind::LPAREN) { self.paren_list(Self::typed_table_element) } else { Ok(0) }
    }

    fn partition_of(&mut self, first: u32, relation: u32) -> R {
        self.expect_all(&[Kind::PARTITION, Kind::OF])?;
        let parent = self.qualified_name()?;
        let elements = self.opt_typed_elements()?;
        let bound = self.partition_bound()?;
        let parents = self.list(&[parent]);
        let node = mk!(self, CreateStmt, first, {
            relation: relation, tableElts: elements, inhRelations: parents, partbound: bound
        });
        self.table_tail(node)
    }

    /// `OptPartitionSpec table_access_method_clause OptWith OnCommitOption OptTableSpace`.
    fn table_tail(&mut self, node: u32) -> R {
        let spec = self.opt_partition_spec()?;
        put!(self, node, CreateStmt.partspec, spec);
        let method = self.table_access_method()?;
        put!(self, node, CreateStmt.accessMethod, method.0);
        let options = self.table_options()?;
        put!(self, node, CreateStmt.options, options);
        let commit = self.on_commit()?;
        put!(self, node, CreateStmt.oncommit, commit);
        let space = self.opt_tablespace()?;
        put!(self, node, CreateStmt.tablespacename, space.0);
        self.tree.set(node, 2, self.at as u32);
        Ok(node)
    }

    /// `table_access_method_clause`.
    fn table_access_method(&mut self) -> R<TextId> {
        if self.eat(Kind::USING) { self.col_id() } else { Ok(TextId::NONE) }
    }

    /// `OptWith`.
    fn table_options(&mut self) -> R {
        if self.eat(Kind::WITH) {
            return self.reloptions();
        }
        if self.eat(Kind::WITHOUT) {
            self.expect(Kind::OIDS)?;
        }
        Ok(0)
    }

    /// `OnCommitOption`.
    fn on_commit(&mut self) -> R {
        use e::OnCommitAction as a;
        if !self.eat(Kind::ON) {
            return Ok(a::ONCOMMIT_NOOP);
        }
        self.expect(Kind::COMMIT)?;
        let action = match self.kind() {
            Kind::DROP => {
                self.bump();
                return Ok(a::ONCOMMIT_DROP);
            }
            Kind::DELETE => a::ONCOMMIT_DELETE_ROWS,
            Kind::PRESERVE => a::ONCOMMIT_PRESERVE_ROWS,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        self.expect(Kind::ROWS)?;
        Ok(action)
    }

    /// `OptTableSpace`.
    pub(crate) fn opt_tablespace(&mut self) -> R<TextId> {
        if self.eat(Kind::TABLESPACE) { self.col_id() } else { Ok(TextId::NONE) }
    }

    // ---- partitions ----

    fn opt_partition_spec(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if !self.eat(Kind::PARTITION) {
            return Ok(0);
        }
        self.expect(Kind::BY)?;
        let strategy_loc = self.loc();
        let name = self.col_id()?;
        let params = self.paren_list(Self::part_elem)?;
        use e::PartitionStrategy as s;
        let spelled = self.read(name).into_owned();
        let strategy = match spelled.to_ascii_lowercase().as_str() {
            "list" => s::PARTITION_STRATEGY_LIST,
            "range" => s::PARTITION_STRATEGY_RANGE,
            "hash" => s::PARTITION_STRATEGY_HASH,
            _ if self.has(Feature::AnyPartitioning) => s::PARTITION_STRATEGY_LIST,
            _ => {
                let message = alloc::format!("unrecognized partitioning strategy \"{spelled}\"");
                let place = self.newer_place(strategy_loc);
                return Err(self.refuse("22023", place, message));
            }
        };
        Ok(mk!(self, PartitionSpec, first, { strategy: strategy, partParams: params, location: loc }))
    }

    fn part_elem(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        let (mut name, mut expr) = (TextId::NONE, 0);
        if self.eat(Kind::LPAREN) {
            expr = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
        } else if self.at_index_function() {
            expr = self.func_expr_windowless()?;
        } else {
            name = self.col_id()?;
            if matches!(self.kind(), Kind::DOT | Kind::LBRACKET) {
                return self.refuse_indirection();
            }
        }
        let collation = if self.eat(Kind::COLLATE) { self.any_name()? } else { 0 };
        let class = if self.kind().is_col_id() { self.any_name()? } else { 0 };
        Ok(mk!(self, PartitionElem, first, {
            name: name.0, expr: expr, collation: collation, opclass: class, location: loc
        }))
    }

    /// `PartitionBoundSpec`.
    pub(crate) fn partition_bound(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        if self.eat(Kind::DEFAULT) {
            return Ok(mk!(self, PartitionBoundSpec, first, { is_default: 1, location: loc }));
        }
        self.expect_all(&[Kind::FOR, Kind::VALUES])?;
        let loc = self.loc();
        match self.kind() {
            Kind::WITH => self.hash_bound(first, loc),
            Kind::IN => {
                self.bump();
                let list = self.paren_list(Self::a_expr)?;
                Ok(mk!(self, PartitionBoundSpec, first, {
                    strategy: u32::from(b'l'), listdatums: list, location: loc
                }))
            }
            Kind::FROM => {
                self.bump();
                let lower = self.paren_list(Self::a_expr)?;
                self.expect(Kind::TO)?;
                let upper = self.paren_list(Self::a_expr)?;
                Ok(mk!(self, PartitionBoundSpec, first, {
                    strategy: u32::from(b'r'), lowerdatums: lower, upperdatums: upper, location: loc
                }))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn hash_bound(&mut self, first: u32, loc: u32) -> R {
        self.bump();
        self.expect(Kind::LPAREN)?;
        let mut parts = alloc::vec::Vec::new();
        loop {
            let at = self.loc();
            let name = self.non_reserved()?;
            parts.push((name, self.iconst()?, at));
            if !self.eat(Kind::COMMA) {
                break;
            }
        }
        self.expect(Kind::RPAREN)?;
        let (mut modulus, mut remainder) = (-1, -1);
        for (name, value, at) in parts {
            let name = self.read(name).into_owned();
            let slot = match name.as_str() {
                "modulus" => &mut modulus,
                "remainder" => &mut remainder,
                _ => {
                    let message =
                        alloc::format!("unrecognized hash partition bound specification \"{name}\"");
                    return Err(self.refuse_syntax(at, message));
                }
            };
            if *slot != -1 {
                let message = alloc::format!("{name} for hash partition provided more than once");
                return Err(self.refuse("42710", at, message));
            }
            *slot = value;
        }
        for (name, value) in [("modulus", modulus), ("remainder", remainder)] {
            if value == -1 {
                let message = alloc::format!("{name} for hash partition must be specified");
                return Err(self.refuse_syntax(loc, message));
            }
        }
        Ok(mk!(self, PartitionBoundSpec, first, {
            strategy: u32::from(b'h'), modulus: modulus as u32, remainder: remainder as u32, location: loc
        }))
    }

    // ---- CREATE TABLE AS, materialized views ----

    fn table_as(&mut self, first: u32, relation: u32, if_not_exists: bool) -> R {
        let columns = self.opt_name_list_parens()?;
        let method = self.table_access_method()?;
        let options = self.table_options()?;
        let commit = self.on_commit()?;
        let space = self.opt_tablespace()?;
        let into = mk!(self, IntoClause, first, {
            rel: relation, colNames: columns, accessMethod: method.0, options: options, onCommit: commit,
            tableSpaceName: space.0
        });
        self.create_as_query(first, into, if_not_exists, e::ObjectType::OBJECT_TABLE)
    }

    /// `AS SelectStmt opt_with_data`, or `AS EXECUTE …` where a table is made.
    fn create_as_query(&mut self, first: u32, into: u32, if_not_exists: bool, kind: u32) -> R {
        self.expect(Kind::AS)?;
        let query = if self.is(Kind::EXECUTE) && kind == e::ObjectType::OBJECT_TABLE {
            self.execute_stmt()?
        } else {
            self.select_stmt()?
        };
        let skip = !self.opt_with_data()?;
        put!(self, into, IntoClause.skipData, u32::from(skip));
        Ok(mk!(self, CreateTableAsStmt, first, {
            query: query, into: into, objtype: kind, if_not_exists: u32::from(if_not_exists)
        }))
    }

    /// `opt_with_data`: whether the data is wanted.
    pub(crate) fn opt_with_data(&mut self) -> R<bool> {
        if !self.eat(Kind::WITH) {
            return Ok(true);
        }
        let no = self.eat(Kind::NO);
        self.expect(Kind::DATA)?;
        Ok(!no)
    }

    /// `CREATE [UNLOGGED] MATERIALIZED VIEW`; `MATERIALIZED` is the current token.
    pub(crate) fn create_matview(&mut self, first: u32, persistence: u8) -> R {
        self.bump();
        self.expect(Kind::VIEW)?;
        let if_not_exists = self.opt_if_not_exists()?;
        let relation = self.qualified_name()?;
        put!(self, relation, RangeVar.relpersistence, u32::from(persistence));
        let columns = self.opt_name_list_parens()?;
        let method = self.table_access_method()?;
        let options = if self.eat(Kind::WITH) { self.reloptions()? } else { 0 };
        let space = self.opt_tablespace()?;
        let into = mk!(self, IntoClause, first, {
            rel: relation, colNames: columns, accessMethod: method.0, options: options,
            onCommit: e::OnCommitAction::ONCOMMIT_NOOP, tableSpaceName: space.0
        });
        self.create_as_query(first, into, if_not_exists, e::ObjectType::OBJECT_MATVIEW)
    }

    /// `REFRESH MATERIALIZED VIEW`.
    pub(crate) fn refresh_matview(&mut self) -> R {
        let first = self.here();
        self.expect_all(&[Kind::REFRESH, Kind::MATERIALIZED, Kind::VIEW])?;
        let concurrent = self.eat(Kind::CONCURRENTLY);
        let relation = self.qualified_name()?;
        let skip = !self.opt_with_data()?;
        Ok(mk!(self, RefreshMatViewStmt, first, {
            concurrent: u32::from(concurrent), skipData: u32::from(skip), relation: relation
        }))
    }

    // ---- foreign tables ----

    /// `CREATE FOREIGN TABLE`; `TABLE` is the current token.
    pub(crate) fn create_foreign_table(&mut self, first: u32) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let relation = self.qualified_name()?;
        let (mut elements, mut parents, mut bound) = (0, 0, 0);
        if self.eat(Kind::PARTITION) {
            self.expect(Kind::OF)?;
            let parent = self.qualified_name()?;
            parents = self.list(&[parent]);
            elements = self.opt_typed_elements()?;
            bound = self.partition_bound()?;
        } else {
            self.expect(Kind::LPAREN)?;
            elements = self.opt_table_elements()?.max(elements);
            self.expect(Kind::RPAREN)?;
            parents = self.opt_inherit()?.max(parents);
        }
        self.expect(Kind::SERVER)?;
        let server = self.col_id()?;
        let options = self.create_generic_options()?;
        let base = mk!(self, CreateStmt, first, {
            relation: relation, tableElts: elements, inhRelations: parents, partbound: bound,
            if_not_exists: u32::from(if_not_exists), oncommit: e::OnCommitAction::ONCOMMIT_NOOP
        });
        Ok(mk!(self, CreateForeignTableStmt, first, { base: base, servername: server.0, options: options }))
    }

    /// `create_generic_options`.
    pub(crate) fn create_generic_options(&mut self) -> R {
        if self.eat(Kind::OPTIONS) { self.paren_list(Self::generic_option) } else { Ok(0) }
    }

    /// `generic_option_elem`.
    fn generic_option(&mut self) -> R {
        let first = self.at;
        let name = self.col_label()?;
        let loc = self.loc();
        let value = self.sconst()?;
        let node = self.def_named(name, value.node(), first);
        put!(self, node, DefElem.arg_location, loc);
        Ok(node)
    }

    /// `alter_generic_options`; `OPTIONS` is the current token.
    pub(crate) fn alter_generic_options(&mut self) -> R {
        self.expect(Kind::OPTIONS)?;
        self.paren_list(|p| {
            use e::DefElemAction as a;
            // These words are options themselves where a value follows.
            let action = match p.kind() {
                _ if p.peek(1) == Kind::SCONST => a::DEFELEM_UNSPEC,
                Kind::SET => a::DEFELEM_SET,
                Kind::ADD => a::DEFELEM_ADD,
                Kind::DROP => a::DEFELEM_DROP,
                _ => a::DEFELEM_UNSPEC,
            };
            if action != a::DEFELEM_UNSPEC {
                p.bump();
            }
            let node = if action == a::DEFELEM_DROP {
                let first = p.at;
                let name = p.col_label()?;
                p.def_named(name, 0, first)
            } else {
                p.generic_option()?
            };
            put!(p, node, DefElem.defaction, action);
            Ok(node)
        })
    }

    // ---- sequences ----

    /// `CREATE … SEQUENCE`; `SEQUENCE` is the current token.
    pub(crate) fn create_sequence(&mut self, first: u32, persistence: u8) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let sequence = self.qualified_name()?;
        put!(self, sequence, RangeVar.relpersistence, u32::from(persistence));
        let options = if self.at_seq_option() { self.seq_options()? } else { 0 };
        Ok(mk!(self, CreateSeqStmt, first, {
            sequence: sequence, options: options, if_not_exists: u32::from(if_not_exists)
        }))
    }

    /// Whether a `SeqOptElem` begins here.
    pub(crate) fn at_seq_option(&self) -> bool {
        match self.kind() {
            Kind::NO => matches!(self.peek(1), Kind::CYCLE | Kind::MAXVALUE | Kind::MINVALUE),
            Kind::LOGGED | Kind::UNLOGGED => self.has(Feature::SequenceLogged),
            Kind::AS
            | Kind::CACHE
            | Kind::CYCLE
            | Kind::INCREMENT
            | Kind::MAXVALUE
            | Kind::MINVALUE
            | Kind::OWNED
            | Kind::SEQUENCE
            | Kind::START
            | Kind::RESTART => true,
            _ => false,
        }
    }

    /// `SeqOptList`.
    pub(crate) fn seq_options(&mut self) -> R {
        let mark = self.mark();
        loop {
            let option = self.seq_option()?;
            self.item(option);
            if !self.at_seq_option() && !self.is(Kind::NO) {
                return Ok(self.list_from(mark));
            }
        }
    }

    /// `OptParenthesizedSeqOptList`.
    pub(crate) fn paren_seq_options(&mut self) -> R {
        if !self.eat(Kind::LPAREN) {
            return Ok(0);
        }
        let list = self.seq_options()?;
        self.expect(Kind::RPAREN)?;
        Ok(list)
    }

    /// `SeqOptElem`.
    pub(crate) fn seq_option(&mut self) -> R {
        let first = self.at;
        let kind = self.kind();
        let here = self.here();
        if !matches!(kind, Kind::NO) && !self.at_seq_option() {
            return Err(self.unexpected());
        }
        self.bump();
        let (name, arg) = match kind {
            Kind::AS => ("as", self.simple_typename()?),
            Kind::CACHE => ("cache", self.numeric_only()?),
            Kind::CYCLE => ("cycle", self.boolean(true, here)),
            Kind::INCREMENT => {
                self.eat(Kind::BY);
                ("increment", self.numeric_only()?)
            }
            Kind::LOGGED => ("logged", 0),
            Kind::UNLOGGED => ("unlogged", 0),
            Kind::MAXVALUE => ("maxvalue", self.numeric_only()?),
            Kind::MINVALUE => ("minvalue", self.numeric_only()?),
            Kind::NO => {
                let kind = self.kind();
                self.at += usize::from(matches!(kind, Kind::MAXVALUE | Kind::MINVALUE | Kind::CYCLE));
                match kind {
                    Kind::MAXVALUE => ("maxvalue", 0),
                    Kind::MINVALUE => ("minvalue", 0),
                    Kind::CYCLE => ("cycle", self.boolean(false, here)),
                    _ => return Err(self.unexpected()),
                }
            }
            Kind::OWNED => {
                self.expect(Kind::BY)?;
                ("owned_by", self.any_name_node()?)
            }
            Kind::SEQUENCE => {
                self.expect(Kind::NAME)?;
                ("sequence_name", self.any_name_node()?)
            }
            Kind::START => {
                self.eat(Kind::WITH);
                ("start", self.numeric_only()?)
            }
            _ => {
                let number = self.eat(Kind::WITH)
                    || matches!(self.kind(), Kind::ICONST | Kind::FCONST | Kind::PLUS | Kind::MINUS);
                ("restart", if number { self.numeric_only()? } else { 0 })
            }
        };
        Ok(self.def(name, arg, first))
    }

    /// The name of a `DefElem`.
    pub(crate) fn def_name(&self, node: u32) -> alloc::string::String {
        self.read(TextId(got!(self, node, DefElem.defname))).into_owned()
    }
}
