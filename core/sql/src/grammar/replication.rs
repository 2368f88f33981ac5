//! Publications and subscriptions.
//!
//! Source: `CreatePublicationStmt` to `AlterSubscriptionStmt`, `preprocess_pubobj_list` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::nodes::e::ObjectType as o;
use crate::nodes::e::PublicationObjSpecType as p;
use crate::parser::{Parser, R, got, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

/// What a publication takes all of.
const ALL_NOTHING: u8 = 0;
const ALL_TABLES: u8 = 1;
const ALL_SEQUENCES: u8 = 2;

impl Parser<'_> {
    /// `CREATE PUBLICATION`, at PUBLICATION.
    pub(crate) fn create_publication(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        let (mut objects, mut all) = (0, ALL_NOTHING);
        if self.eat(Kind::FOR) {
            if self.is(Kind::ALL) {
                (objects, all) = self.publication_of_all()?;
            } else {
                objects = self.publication_objects()?;
            }
        }
        let options = self.opt_definition()?;
        if all == ALL_NOTHING {
            self.settle_publication(objects)?;
        }
        Ok(mk!(self, CreatePublicationStmt, first, {
            pubname: name.0, options: options, pubobjects: objects,
            for_all_tables: u32::from(all & ALL_TABLES != 0),
            for_all_sequences: u32::from(all & ALL_SEQUENCES != 0)
        }))
    }

    /// `pub_all_obj_type_list`: the tables that are excepted, and what is meant by all. Before version 19, `ALL TABLES`.
    fn publication_of_all(&mut self) -> R<(u32, u8)> {
        let (mut excepted, mut all) = (0, ALL_NOTHING);
        loop {
            let loc = self.loc();
            self.expect(Kind::ALL)?;
            let more = self.has(Feature::PublicationAll);
            let kind = if more && self.eat(Kind::SEQUENCES) { ALL_SEQUENCES } else { ALL_TABLES };
            if kind == ALL_TABLES {
                self.expect(Kind::TABLES)?;
                if more && self.is(Kind::EXCEPT) {
                    excepted = self.publication_exceptions()?;
                }
            }
            if all & kind != 0 {
                let halt = self.refuse_syntax(loc, "invalid publication object list");
                let detail = if kind == ALL_TABLES {
                    "ALL TABLES can be specified only once."
                } else {
                    "ALL SEQUENCES can be specified only once."
                };
                return Err(self.detail(halt, detail));
            }
            all |= kind;
            if !more || !self.eat(Kind::COMMA) {
                return Ok((excepted, all));
            }
        }
    }

    /// `EXCEPT ( TABLE a, b, … )`.
    fn publication_exceptions(&mut self) -> R {
        self.expect_all(&[Kind::EXCEPT, Kind::LPAREN, Kind::TABLE])?;
        let tables = self.comma_list(|p| {
            let (first, loc) = (p.here(), p.loc());
            p.eat(Kind::TABLE);
            let relation = p.relation_expr()?;
            let table = mk!(p, PublicationTable, first, { relation: relation, except: 1 });
            let kind = p::PUBLICATIONOBJ_EXCEPT_TABLE;
            Ok(mk!(p, PublicationObjSpec, first, { pubobjtype: kind, pubtable: table, location: loc }))
        })?;
        self.expect(Kind::RPAREN)?;
        Ok(tables)
    }

    /// `pub_obj_list`; in version 14, tables and no more.
    fn publication_objects(&mut self) -> R {
        if self.has(Feature::PublicationObjects) {
            return self.comma_list(Self::publication_object);
        }
        self.expect(Kind::TABLE)?;
        self.comma_list(|p| {
            let first = p.here();
            let relation = p.relation_expr()?;
            let table = mk!(p, PublicationTable, first, { relation: relation });
            let kind = p::PUBLICATIONOBJ_TABLE;
            Ok(mk!(p, PublicationObjSpec, first, { pubobjtype: kind, pubtable: table }))
        })
    }

    /// `PublicationObjSpec`.
    fn publication_object(&mut self) -> R {
        let (first, loc) = (self.here(), self.loc());
        match self.kind() {
            Kind::TABLE => {
                self.bump();
                let relation = self.relation_expr()?;
                let table = self.publication_table(relation)?;
                Ok(
                    mk!(self, PublicationObjSpec, first, { pubobjtype: p::PUBLICATIONOBJ_TABLE, pubtable: table }),
                )
            }
            Kind::TABLES if self.peek(1) == Kind::IN => {
                self.bump();
                self.expect_all(&[Kind::IN, Kind::SCHEMA])?;
                let loc = self.loc();
                if self.eat(Kind::CURRENT_SCHEMA) {
                    let kind = p::PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA;
                    return Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, location: loc }));
                }
                let name = self.col_id()?;
                let kind = p::PUBLICATIONOBJ_TABLES_IN_SCHEMA;
                Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, name: name.0, location: loc }))
            }
            Kind::CURRENT_SCHEMA => {
                self.bump();
                let kind = p::PUBLICATIONOBJ_CONTINUATION;
                Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, location: loc }))
            }
            Kind::ONLY => {
                let relation = self.relation_expr()?;
                let table = self.publication_table(relation)?;
                let kind = p::PUBLICATIONOBJ_CONTINUATION;
                Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, pubtable: table }))
            }
            _ => self.continued_publication(first, loc),
        }
    }

    /// A name behind another object: what it is depends on that.
    fn continued_publication(&mut self, first: u32, loc: u32) -> R {
        let kind = p::PUBLICATIONOBJ_CONTINUATION;
        let relation = self.qualified_name()?;
        if self.eat(Kind::STAR) {
            let table = self.publication_table(relation)?;
            return Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, pubtable: table }));
        }
        let plain = got!(self, relation, RangeVar.schemaname) == 0;
        if plain && !matches!(self.kind(), Kind::LPAREN | Kind::WHERE) {
            let name = got!(self, relation, RangeVar.relname);
            return Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, name: name, location: loc }));
        }
        let table = self.publication_table(relation)?;
        Ok(mk!(self, PublicationObjSpec, first, { pubobjtype: kind, pubtable: table, location: loc }))
    }

    /// `opt_column_list OptWhereClause` behind a relation: a `PublicationTable`.
    fn publication_table(&mut self, relation: u32) -> R {
        let first = self.first_of(relation);
        let columns = self.opt_name_list_parens()?;
        let mut condition = 0;
        if self.eat(Kind::WHERE) {
            self.expect(Kind::LPAREN)?;
            condition = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
        }
        Ok(mk!(self, PublicationTable, first, {
            relation: relation, whereClause: condition, columns: columns
        }))
    }

    /// `preprocess_pubobj_list`: names become tables or schemas, as what stands before them.
    fn settle_publication(&mut self, objects: u32) -> R<()> {
        let mut kind = p::PUBLICATIONOBJ_CONTINUATION;
        for index in 0..self.tree.items(objects).len() {
            let object = self.tree.items(objects)[index];
            let loc = got!(self, object, PublicationObjSpec.location);
            let own = got!(self, object, PublicationObjSpec.pubobjtype);
            if own != p::PUBLICATIONOBJ_CONTINUATION {
                kind = own;
            } else if index == 0 {
                let halt = self.refuse_syntax(loc, "invalid publication object list");
                let detail = "One of TABLE or TABLES IN SCHEMA must be specified before a standalone table or schema name.";
                return Err(self.detail(halt, detail));
            }
            put!(self, object, PublicationObjSpec.pubobjtype, kind);
            if kind == p::PUBLICATIONOBJ_TABLE {
                self.settle_table(object, loc)?;
            } else {
                kind = self.settle_schema(object, loc)?;
            }
        }
        Ok(())
    }

    fn settle_table(&mut self, object: u32, loc: u32) -> R<()> {
        let name = got!(self, object, PublicationObjSpec.name);
        if name == 0 {
            let has_table = got!(self, object, PublicationObjSpec.pubtable) != 0;
            return if has_table { Ok(()) } else { Err(self.refuse_syntax(loc, "invalid table name")) };
        }
        let first = self.first_of(object);
        let relation = self.range_var(TextId(name), loc, first);
        let table = mk!(self, PublicationTable, first, { relation: relation });
        put!(self, object, PublicationObjSpec.pubtable, table);
        put!(self, object, PublicationObjSpec.name, 0);
        Ok(())
    }

    fn settle_schema(&mut self, object: u32, loc: u32) -> R {
        let table = got!(self, object, PublicationObjSpec.pubtable);
        if table != 0 && got!(self, table, PublicationTable.whereClause) != 0 {
            return Err(self.refuse_syntax(loc, "WHERE clause not allowed for schema"));
        }
        if table != 0 && got!(self, table, PublicationTable.columns) != 0 {
            return Err(self.refuse_syntax(loc, "column specification not allowed for schema"));
        }
        let kind = match (got!(self, object, PublicationObjSpec.name), table) {
            (0, 0) => p::PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA,
            (0, _) => return Err(self.refuse_syntax(loc, "invalid schema name")),
            _ => p::PUBLICATIONOBJ_TABLES_IN_SCHEMA,
        };
        put!(self, object, PublicationObjSpec.pubobjtype, kind);
        Ok(kind)
    }

    /// `ALTER PUBLICATION`, at PUBLICATION.
    pub(crate) fn alter_publication(&mut self, first: u32) -> R {
        use e::AlterPublicationAction as a;
        self.bump();
        let name = self.col_id()?;
        let action = match self.kind() {
            Kind::SET if self.peek(1) == Kind::LPAREN => {
                self.bump();
                let options = self.definition()?;
                return Ok(mk!(self, AlterPublicationStmt, first, { pubname: name.0, options: options }));
            }
            Kind::SET => a::AP_SetObjects,
            Kind::ADD => a::AP_AddObjects,
            Kind::DROP => a::AP_DropObjects,
            _ => return self.alter_name(first, o::OBJECT_PUBLICATION, name.node()),
        };
        self.bump();
        if self.is(Kind::ALL) && action == a::AP_SetObjects && self.has(Feature::PublicationAll) {
            let (objects, all) = self.publication_of_all()?;
            return Ok(mk!(self, AlterPublicationStmt, first, {
                pubname: name.0, pubobjects: objects, action: action,
                for_all_tables: u32::from(all & ALL_TABLES != 0),
                for_all_sequences: u32::from(all & ALL_SEQUENCES != 0)
            }));
        }
        let objects = self.publication_objects()?;
        self.settle_publication(objects)?;
        Ok(mk!(self, AlterPublicationStmt, first, { pubname: name.0, pubobjects: objects, action: action }))
    }

    /// `CREATE SUBSCRIPTION`, at SUBSCRIPTION.
    pub(crate) fn create_subscription(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        let (mut place, mut conninfo, mut server) = (0, TextId::NONE, TextId::NONE);
        if self.has(Feature::SubscriptionServer) && self.eat(Kind::SERVER) {
            server = self.col_id()?;
        } else {
            self.expect(Kind::CONNECTION)?;
            place = self.loc();
            conninfo = self.sconst()?;
        }
        self.expect(Kind::PUBLICATION)?;
        let publication = self.name_list()?;
        let options = self.opt_definition()?;
        Ok(mk!(self, CreateSubscriptionStmt, first, {
            subname: name.0, conninfo: conninfo.0, publication: publication, options: options,
            conninfo_location: place, servername: server.0
        }))
    }

    /// `ALTER SUBSCRIPTION`, at SUBSCRIPTION.
    pub(crate) fn alter_subscription(&mut self, first: u32) -> R {
        use e::AlterSubscriptionType as t;
        self.bump();
        let name = self.col_id()?;
        let next = self.kind();
        let (mut conninfo, mut publication, mut options) = (TextId::NONE, 0, 0);
        let (mut place, mut server) = (0, TextId::NONE);
        let kind = match next {
            Kind::SET if self.peek(1) == Kind::LPAREN => {
                self.bump();
                options = self.definition()?;
                t::ALTER_SUBSCRIPTION_OPTIONS
            }
            Kind::SKIP if self.has(Feature::SubscriptionSkip) => {
                self.bump();
                options = self.definition()?;
                t::ALTER_SUBSCRIPTION_SKIP
            }
            Kind::CONNECTION => {
                self.bump();
                place = self.loc();
                conninfo = self.sconst()?;
                t::ALTER_SUBSCRIPTION_CONNECTION
            }
            Kind::REFRESH => {
                self.bump();
                if self.has(Feature::RefreshSequences) && self.eat(Kind::SEQUENCES) {
                    t::ALTER_SUBSCRIPTION_REFRESH_SEQUENCES
                } else {
                    self.expect(Kind::PUBLICATION)?;
                    options = self.opt_definition()?;
                    t::ALTER_SUBSCRIPTION_REFRESH
                }
            }
            Kind::SERVER if self.has(Feature::SubscriptionServer) => {
                self.bump();
                server = self.col_id()?;
                t::ALTER_SUBSCRIPTION_SERVER
            }
            Kind::SET | Kind::ADD | Kind::DROP => {
                self.bump();
                self.expect(Kind::PUBLICATION)?;
                publication = self.name_list()?;
                options = self.opt_definition()?;
                match next {
                    Kind::SET => t::ALTER_SUBSCRIPTION_SET_PUBLICATION,
                    Kind::ADD => t::ALTER_SUBSCRIPTION_ADD_PUBLICATION,
                    _ => t::ALTER_SUBSCRIPTION_DROP_PUBLICATION,
                }
            }
            Kind::ENABLE | Kind::DISABLE => {
                self.bump();
                let option = self.def_bool("enabled", next == Kind::ENABLE, first as usize);
                options = self.list(&[option]);
                t::ALTER_SUBSCRIPTION_ENABLED
            }
            _ => return self.alter_name(first, o::OBJECT_SUBSCRIPTION, name.node()),
        };
        Ok(mk!(self, AlterSubscriptionStmt, first, {
            kind: kind, subname: name.0, conninfo: conninfo.0, publication: publication, options: options,
            conninfo_location: place, servername: server.0
        }))
    }
}
