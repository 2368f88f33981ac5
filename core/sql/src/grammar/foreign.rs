//! Extensions, foreign data wrappers, servers, user mappings, IMPORT FOREIGN SCHEMA.
//!
//! Source: `CreateExtensionStmt` to `AlterUserMappingStmt` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::nodes::e::ObjectType as o;
use crate::parser::{Parser, R, mk};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

impl Parser<'_> {
    /// `CREATE EXTENSION`, at EXTENSION.
    pub(crate) fn create_extension(&mut self, first: u32) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let name = self.col_id()?;
        self.opt_with();
        let mark = self.mark();
        while let Some(option) = self.extension_option()? {
            self.item(option);
        }
        let options = self.list_from(mark);
        Ok(mk!(self, CreateExtensionStmt, first, {
            extname: name.0, if_not_exists: u32::from(if_not_exists), options: options
        }))
    }

    fn extension_option(&mut self) -> R<Option<u32>> {
        let (first, loc) = (self.at, self.loc());
        let node = match self.kind() {
            Kind::SCHEMA => {
                self.bump();
                let name = self.col_id()?;
                self.def("schema", name.node(), first)
            }
            Kind::VERSION => {
                self.bump();
                let version = self.word_or_string()?;
                self.def("new_version", version.node(), first)
            }
            Kind::FROM => {
                self.bump();
                self.word_or_string()?;
                return Err(self.refuse_feature(loc, "CREATE EXTENSION ... FROM is no longer supported"));
            }
            Kind::CASCADE => {
                self.bump();
                self.def_bool("cascade", true, first)
            }
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    /// `ALTER EXTENSION`, at EXTENSION.
    pub(crate) fn alter_extension(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        match self.kind() {
            Kind::UPDATE => {
                self.bump();
                let mark = self.mark();
                while self.is(Kind::TO) {
                    let at = self.at;
                    self.bump();
                    let version = self.word_or_string()?;
                    let option = self.def("new_version", version.node(), at);
                    self.item(option);
                }
                let options = self.list_from(mark);
                Ok(mk!(self, AlterExtensionStmt, first, { extname: name.0, options: options }))
            }
            Kind::ADD | Kind::DROP => {
                let action = self.add_drop()?;
                let (objtype, object) = self.object_of_extension()?;
                Ok(mk!(self, AlterExtensionContentsStmt, first, {
                    extname: name.0, action: action, objtype: objtype, object: object
                }))
            }
            _ => self.alter_name(first, o::OBJECT_EXTENSION, name.node()),
        }
    }

    /// What ALTER EXTENSION adds or drops: its type and its node.
    fn object_of_extension(&mut self) -> R<(u32, u32)> {
        match self.kind() {
            Kind::CAST | Kind::TRANSFORM | Kind::OPERATOR => self.object_with_parts(),
            _ => self.object_named(),
        }
    }

    /// `CREATE FOREIGN DATA WRAPPER`, at FOREIGN.
    pub(crate) fn create_fdw(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::FOREIGN, Kind::DATA, Kind::WRAPPER])?;
        let name = self.col_id()?;
        let functions = self.fdw_options()?;
        let options = self.create_generic_options()?;
        Ok(mk!(self, CreateFdwStmt, first, { fdwname: name.0, func_options: functions, options: options }))
    }

    /// `opt_fdw_options`.
    fn fdw_options(&mut self) -> R {
        let mark = self.mark();
        loop {
            let first = self.at;
            let no = self.eat(Kind::NO);
            let name = match self.kind() {
                Kind::HANDLER => "handler",
                Kind::VALIDATOR => "validator",
                Kind::CONNECTION if self.has(Feature::WrapperConnection) => "connection",
                _ if no => return Err(self.unexpected()),
                _ => return Ok(self.list_from(mark)),
            };
            self.bump();
            let mut value = 0;
            if !no {
                let at = self.here();
                let names = self.handler_name()?;
                value = self.list_node(names, at);
            }
            let option = self.def(name, value, first);
            self.item(option);
        }
    }

    /// `ALTER FOREIGN DATA WRAPPER`, at FOREIGN.
    pub(crate) fn alter_fdw(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::FOREIGN, Kind::DATA, Kind::WRAPPER])?;
        let name = self.col_id()?;
        if matches!(self.kind(), Kind::RENAME | Kind::OWNER) {
            return self.alter_name(first, o::OBJECT_FDW, name.node());
        }
        let functions = self.fdw_options()?;
        let options =
            if functions == 0 || self.is(Kind::OPTIONS) { self.alter_generic_options()? } else { 0 };
        Ok(mk!(self, AlterFdwStmt, first, { fdwname: name.0, func_options: functions, options: options }))
    }

    /// `CREATE SERVER`, at SERVER.
    pub(crate) fn create_server(&mut self, first: u32) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let name = self.col_id()?;
        let kind = if self.eat(Kind::TYPE) { self.sconst()? } else { TextId::NONE };
        let version = if self.is(Kind::VERSION) { self.server_version()? } else { TextId::NONE };
        self.expect_all(&[Kind::FOREIGN, Kind::DATA, Kind::WRAPPER])?;
        let wrapper = self.col_id()?;
        let options = self.create_generic_options()?;
        Ok(mk!(self, CreateForeignServerStmt, first, {
            servername: name.0, servertype: kind.0, version: version.0, fdwname: wrapper.0,
            if_not_exists: u32::from(if_not_exists), options: options
        }))
    }

    /// `foreign_server_version`.
    fn server_version(&mut self) -> R<TextId> {
        self.expect(Kind::VERSION)?;
        if self.eat(Kind::NULL) { Ok(TextId::NONE) } else { self.sconst() }
    }

    /// `ALTER SERVER`, at SERVER.
    pub(crate) fn alter_server(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        if matches!(self.kind(), Kind::RENAME | Kind::OWNER) {
            return self.alter_name(first, o::OBJECT_FOREIGN_SERVER, name.node());
        }
        let has_version = self.is(Kind::VERSION);
        let version = if has_version { self.server_version()? } else { TextId::NONE };
        let options = if !has_version || self.is(Kind::OPTIONS) { self.alter_generic_options()? } else { 0 };
        Ok(mk!(self, AlterForeignServerStmt, first, {
            servername: name.0, version: version.0, options: options, has_version: u32::from(has_version)
        }))
    }

    /// `CREATE USER MAPPING`, at USER.
    pub(crate) fn create_user_mapping(&mut self, first: u32) -> R {
        self.at += 2;
        let if_not_exists = self.is(Kind::IF);
        if if_not_exists {
            self.expect_all(&[Kind::IF, Kind::NOT, Kind::EXISTS])?;
        }
        let (user, server) = self.mapping_of()?;
        let options = self.create_generic_options()?;
        Ok(mk!(self, CreateUserMappingStmt, first, {
            user: user, servername: server.0, if_not_exists: u32::from(if_not_exists), options: options
        }))
    }

    /// `ALTER USER MAPPING`, at USER.
    pub(crate) fn alter_user_mapping(&mut self, first: u32) -> R {
        self.at += 2;
        let (user, server) = self.mapping_of()?;
        let options = self.alter_generic_options()?;
        Ok(mk!(self, AlterUserMappingStmt, first, { user: user, servername: server.0, options: options }))
    }

    /// `FOR auth_ident SERVER name`.
    pub(crate) fn mapping_of(&mut self) -> R<(u32, TextId)> {
        self.expect(Kind::FOR)?;
        let (first, loc) = (self.here(), self.loc());
        let user = if self.eat(Kind::USER) {
            mk!(self, RoleSpec, first, { roletype: e::RoleSpecType::ROLESPEC_CURRENT_USER, location: loc })
        } else {
            self.role_spec()?
        };
        self.expect(Kind::SERVER)?;
        Ok((user, self.col_id()?))
    }

    /// `ImportForeignSchemaStmt`.
    pub(crate) fn import_foreign_schema_stmt(&mut self) -> R {
        use e::ImportForeignSchemaType as t;
        let first = self.here();
        self.expect_all(&[Kind::IMPORT, Kind::FOREIGN, Kind::SCHEMA])?;
        let remote = self.col_id()?;
        let mut list_type = t::FDW_IMPORT_SCHEMA_ALL;
        let mut tables = 0;
        if matches!(self.kind(), Kind::LIMIT | Kind::EXCEPT) {
            list_type = t::FDW_IMPORT_SCHEMA_EXCEPT;
            if self.eat(Kind::LIMIT) {
                list_type = t::FDW_IMPORT_SCHEMA_LIMIT_TO;
                self.expect(Kind::TO)?;
            } else {
                self.bump();
            }
            tables = self.paren_list(Self::relation_expr)?;
        }
        self.expect_all(&[Kind::FROM, Kind::SERVER])?;
        let server = self.col_id()?;
        self.expect(Kind::INTO)?;
        let local = self.col_id()?;
        let options = self.create_generic_options()?;
        Ok(mk!(self, ImportForeignSchemaStmt, first, {
            server_name: server.0, remote_schema: remote.0, local_schema: local.0, list_type: list_type,
            table_list: tables, options: options
        }))
    }
}
