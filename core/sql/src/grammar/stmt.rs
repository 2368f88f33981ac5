//! Statements: which rule begins with which word.
//!
//! Source: `parse_toplevel`, `stmt` in gram.y, PostgreSQL 18.

use crate::grammar::machine::Next;
use crate::nodes::Tag;
use crate::nodes::e::ObjectType as o;
use crate::parser::{Parser, R, got, mk, put};
use crate::token::Kind;

impl Parser<'_> {
    /// `stmtmulti`: statements with semicolons between; a list of `RawStmt`.
    pub(crate) fn script(&mut self) -> R {
        let mark = self.mark();
        loop {
            if !matches!(self.kind(), Kind::SEMICOLON | Kind::EOF) {
                let raw = self.raw_stmt()?;
                self.item(raw);
            }
            if self.is(Kind::EOF) {
                return Ok(self.list_from(mark));
            }
            self.expect(Kind::SEMICOLON)?;
        }
    }

    fn raw_stmt(&mut self) -> R {
        self.statement = self.at;
        let (first, loc) = (self.here(), self.loc());
        let stmt = match self.kind() {
            // `TransactionStmtLegacy`: not inside other statements.
            Kind::BEGIN | Kind::END => self.transaction_stmt()?,
            _ => self.run(Self::stmt)?,
        };
        let raw = mk!(self, RawStmt, first, { stmt: stmt, stmt_location: loc });
        match self.kind() {
            Kind::SEMICOLON => {
                let len = self.loc() - loc;
                put!(self, raw, RawStmt.stmt_len, len);
                Ok(raw)
            }
            Kind::EOF => Ok(raw),
            _ => Err(self.unexpected()),
        }
    }

    /// `stmt`.
    pub(crate) fn stmt(&mut self) -> R<Next> {
        match self.kind() {
            Kind::SELECT | Kind::VALUES | Kind::TABLE | Kind::LPAREN => Ok(Next::Select),
            Kind::WITH | Kind::WITH_LA | Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => {
                self.preparable()
            }
            Kind::CREATE => {
                let node = self.create_stmt()?;
                let function = self.is(Kind::BEGIN) && self.tree.tag(node) == Some(Tag::CreateFunctionStmt);
                if function && got!(self, node, CreateFunctionStmt.sql_body) == 0 {
                    return self.routine_body(node);
                }
                Ok(Next::Ret(node))
            }
            _ => self.utility_stmt().map(Next::Ret),
        }
    }

    fn utility_stmt(&mut self) -> R {
        match self.kind() {
            Kind::ALTER => self.alter_stmt(),
            Kind::SET => self.set_stmt(),
            Kind::RESET => self.reset_stmt(),
            Kind::SHOW => self.show_stmt(),
            Kind::COPY => self.copy_stmt(),
            Kind::START | Kind::COMMIT | Kind::ROLLBACK | Kind::ABORT | Kind::SAVEPOINT | Kind::RELEASE => {
                self.transaction_stmt()
            }
            Kind::REPACK => self.repack_stmt(),
            Kind::WAIT => self.wait_stmt(),
            Kind::PREPARE => self.prepare_stmt(),
            Kind::EXECUTE => self.execute_stmt(),
            Kind::DEALLOCATE => self.deallocate_stmt(),
            Kind::DECLARE => self.declare_cursor(),
            Kind::FETCH | Kind::MOVE => self.fetch_stmt(),
            Kind::CLOSE => self.close_stmt(),
            Kind::EXPLAIN => self.explain_stmt(),
            Kind::VACUUM | Kind::ANALYZE | Kind::ANALYSE => self.vacuum_stmt(),
            Kind::CLUSTER => self.cluster_stmt(),
            Kind::REINDEX => self.reindex_stmt(),
            Kind::REFRESH => self.refresh_matview(),
            Kind::LOCK => self.lock_stmt(),
            Kind::NOTIFY | Kind::LISTEN | Kind::UNLISTEN => self.notify_stmt(),
            Kind::DO => self.do_stmt(),
            Kind::CALL => self.call_stmt(),
            Kind::TRUNCATE => self.truncate_stmt(),
            Kind::CHECKPOINT => self.checkpoint_stmt(),
            Kind::DISCARD => self.discard_stmt(),
            Kind::LOAD => self.load_stmt(),
            Kind::DROP => self.drop_stmt(),
            Kind::COMMENT => self.comment_stmt(),
            Kind::SECURITY => self.seclabel_stmt(),
            Kind::GRANT => self.grant_stmt(),
            Kind::REVOKE => self.revoke_stmt(),
            Kind::IMPORT => self.import_foreign_schema_stmt(),
            Kind::REASSIGN => self.reassign_owned_stmt(),
            _ => Err(self.unexpected()),
        }
    }

    fn create_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        match (self.kind(), self.peek(1), self.peek(2)) {
            (Kind::OR, Kind::REPLACE, Kind::TRIGGER | Kind::CONSTRAINT) => {
                self.at += 2;
                self.create_trigger(first, true)
            }
            (Kind::OR, Kind::REPLACE, Kind::RULE) => {
                self.at += 2;
                self.create_rule(first, true)
            }
            (Kind::OR, Kind::REPLACE, Kind::VIEW | Kind::RECURSIVE) => {
                self.at += 2;
                self.create_view(first, true, b'p')
            }
            (
                Kind::OR,
                Kind::REPLACE,
                Kind::TEMP | Kind::TEMPORARY | Kind::LOCAL | Kind::GLOBAL | Kind::UNLOGGED,
            ) => {
                self.at += 2;
                let persistence = self.opt_temp()?;
                if !matches!(self.kind(), Kind::VIEW | Kind::RECURSIVE) {
                    return Err(self.unexpected());
                }
                self.create_view(first, true, persistence)
            }
            (Kind::UNLOGGED, Kind::MATERIALIZED, _) => {
                self.bump();
                self.create_matview(first, b'u')
            }
            (Kind::MATERIALIZED, ..) => self.create_matview(first, b'p'),
            (Kind::TEMP | Kind::TEMPORARY | Kind::LOCAL | Kind::GLOBAL | Kind::UNLOGGED, ..) => {
                let persistence = self.opt_temp()?;
                match self.kind() {
                    Kind::TABLE => self.create_table(first, persistence),
                    Kind::SEQUENCE => self.create_sequence(first, persistence),
                    Kind::VIEW | Kind::RECURSIVE => self.create_view(first, false, persistence),
                    _ => Err(self.unexpected()),
                }
            }
            (Kind::TABLE, ..) => self.create_table(first, b'p'),
            (Kind::SEQUENCE, ..) => self.create_sequence(first, b'p'),
            (Kind::VIEW | Kind::RECURSIVE, ..) => self.create_view(first, false, b'p'),
            (Kind::UNIQUE | Kind::INDEX, ..) => self.create_index(first),
            (Kind::TRIGGER | Kind::CONSTRAINT, ..) => self.create_trigger(first, false),
            (Kind::RULE, ..) => self.create_rule(first, false),
            (Kind::SCHEMA, ..) => self.create_schema(first),
            (Kind::DOMAIN, ..) => self.create_domain(first),
            (Kind::FOREIGN, Kind::TABLE, _) => {
                self.bump();
                self.create_foreign_table(first)
            }
            _ => {
                self.at = first as usize;
                self.create_object()
            }
        }
    }

    fn alter_stmt(&mut self) -> R {
        let first = self.here();
        self.bump();
        match (self.kind(), self.peek(1)) {
            (Kind::TABLE, _) => self.alter_relation(first, o::OBJECT_TABLE),
            (Kind::INDEX, _) => self.alter_relation(first, o::OBJECT_INDEX),
            (Kind::SEQUENCE, _) => self.alter_relation(first, o::OBJECT_SEQUENCE),
            (Kind::VIEW, _) => self.alter_relation(first, o::OBJECT_VIEW),
            (Kind::MATERIALIZED, _) => {
                self.bump();
                if !self.is(Kind::VIEW) {
                    return Err(self.unexpected());
                }
                self.alter_relation(first, o::OBJECT_MATVIEW)
            }
            (Kind::FOREIGN, Kind::TABLE) => {
                self.bump();
                self.alter_relation(first, o::OBJECT_FOREIGN_TABLE)
            }
            (Kind::SYSTEM, _) => self.alter_system(first),
            (Kind::DOMAIN, _) => self.alter_domain_stmt(first),
            _ => {
                self.at = first as usize;
                self.alter_object()
            }
        }
    }

    fn alter_domain_stmt(&mut self, first: u32) -> R {
        self.bump();
        let at = self.here();
        let name = self.any_name()?;
        if let Some(node) = self.alter_domain(first, name)? {
            return Ok(node);
        }
        let object = self.list_node(name, at);
        if self.is(Kind::RENAME) && self.peek(1) == Kind::CONSTRAINT {
            self.at += 2;
            let old = self.col_id()?;
            self.expect(Kind::TO)?;
            let new = self.col_id()?;
            return Ok(mk!(self, RenameStmt, first, {
                renameType: o::OBJECT_DOMCONSTRAINT, object: object, subname: old.0, newname: new.0
            }));
        }
        match self.alter_name_tail(first, o::OBJECT_DOMAIN, object)? {
            Some(node) => Ok(node),
            None => Err(self.unexpected()),
        }
    }
}
