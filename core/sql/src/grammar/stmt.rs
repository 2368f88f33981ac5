//! Statements: which rule begins with which word.
//!
//! Source: `parse_toplevel`, `stmt` in gram.y, PostgreSQL 18.

use crate::parser::{Parser, R, mk, put};
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
        let (first, loc) = (self.here(), self.loc());
        let stmt = self.toplevel_stmt()?;
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

    /// `toplevel_stmt`.
    fn toplevel_stmt(&mut self) -> R {
        self.stmt()
    }

    /// `stmt`.
    pub(crate) fn stmt(&mut self) -> R {
        match self.kind() {
            Kind::SELECT | Kind::VALUES | Kind::TABLE | Kind::LPAREN => self.select_stmt(),
            Kind::WITH | Kind::WITH_LA => self.with_stmt(),
            Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => self.preparable_stmt(),
            Kind::CREATE => self.create_object(),
            Kind::ALTER => self.alter_object(),
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
}
