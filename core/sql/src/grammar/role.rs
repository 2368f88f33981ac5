//! Roles, and what they may do: CREATE, ALTER and DROP ROLE, USER and GROUP; GRANT and REVOKE.
//!
//! Source: `CreateRoleStmt` to `AlterGroupStmt`, `GrantStmt` to `defacl_privilege_target` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::parser::{Parser, R, mk};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

/// What a GRANT is about.
struct Target {
    targtype: u32,
    objtype: u32,
    objects: u32,
}

impl Parser<'_> {
    /// `CREATE ROLE | USER | GROUP`, at that word; `first` is the statement's first token.
    pub(crate) fn create_role(&mut self, first: u32) -> R {
        use e::RoleStmtType as t;
        let stmt_type = match self.kind() {
            Kind::ROLE => t::ROLESTMT_ROLE,
            Kind::USER => t::ROLESTMT_USER,
            _ => t::ROLESTMT_GROUP,
        };
        self.bump();
        let role = self.role_id()?;
        let options = self.role_options(true)?;
        Ok(mk!(self, CreateRoleStmt, first, { stmt_type: stmt_type, role: role.0, options: options }))
    }

    /// `opt_with`, then role options.
    fn role_options(&mut self, create: bool) -> R {
        self.opt_with();
        let mark = self.mark();
        while let Some(option) = self.role_option(create)? {
            self.item(option);
        }
        Ok(self.list_from(mark))
    }

    /// `opt_with`.
    pub(crate) fn opt_with(&mut self) {
        if matches!(self.kind(), Kind::WITH | Kind::WITH_LA) {
            self.bump();
        }
    }

    /// `AlterOptRoleElem`, `CreateOptRoleElem`; none where no option begins.
    fn role_option(&mut self, create: bool) -> R<Option<u32>> {
        let first = self.at;
        let kind = self.kind();
        let node = match kind {
            Kind::PASSWORD => {
                self.bump();
                if self.eat(Kind::NULL) {
                    self.def("password", 0, first)
                } else {
                    let word = self.sconst()?;
                    self.def_with_loc("password", word.node(), first, first + 1)
                }
            }
            Kind::ENCRYPTED => {
                self.bump();
                self.expect(Kind::PASSWORD)?;
                let word = self.sconst()?;
                self.def_with_loc("password", word.node(), first, first + 2)
            }
            Kind::UNENCRYPTED => {
                let loc = self.loc();
                self.bump();
                self.expect(Kind::PASSWORD)?;
                self.sconst()?;
                let halt = self.refuse_feature(loc, "UNENCRYPTED PASSWORD is no longer supported");
                return Err(
                    self.hint(halt, "Remove UNENCRYPTED to store the password in encrypted form instead.")
                );
            }
            Kind::INHERIT => {
                self.bump();
                self.def_bool("inherit", true, first)
            }
            Kind::CONNECTION => {
                self.bump();
                self.expect(Kind::LIMIT)?;
                let at = self.here();
                let limit = self.signed_iconst()?;
                let limit = self.integer(limit, at);
                self.def("connectionlimit", limit, first)
            }
            Kind::VALID => {
                self.bump();
                self.expect(Kind::UNTIL)?;
                let until = self.sconst()?;
                self.def_with_loc("validUntil", until.node(), first, first + 2)
            }
            Kind::USER => self.role_list_option("rolemembers", 1)?,
            Kind::IDENT => return self.named_role_option().map(Some),
            Kind::SYSID if create => {
                self.bump();
                let at = self.here();
                let id = self.iconst()?;
                let id = self.integer(id, at);
                self.def("sysid", id, first)
            }
            Kind::ADMIN if create => self.role_list_option("adminmembers", 1)?,
            Kind::ROLE if create => self.role_list_option("rolemembers", 1)?,
            Kind::IN if create => {
                self.bump();
                if !matches!(self.kind(), Kind::ROLE | Kind::GROUP) {
                    return Err(self.unexpected());
                }
                self.at -= 1;
                self.role_list_option("addroleto", 2)?
            }
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    /// `words` keywords, then `role_list`.
    fn role_list_option(&mut self, name: &str, words: usize) -> R {
        let first = self.at;
        self.at += words;
        let at = self.here();
        let roles = self.role_list()?;
        let roles = self.list_node(roles, at);
        Ok(self.def(name, roles, first))
    }

    /// An option that is no keyword.
    fn named_role_option(&mut self) -> R {
        let (first, loc) = (self.at, self.loc());
        let name = self.ident()?;
        let found = match &*self.read(name) {
            "superuser" => Some(("superuser", true)),
            "nosuperuser" => Some(("superuser", false)),
            "createrole" => Some(("createrole", true)),
            "nocreaterole" => Some(("createrole", false)),
            "replication" => Some(("isreplication", true)),
            "noreplication" => Some(("isreplication", false)),
            "createdb" => Some(("createdb", true)),
            "nocreatedb" => Some(("createdb", false)),
            "login" => Some(("canlogin", true)),
            "nologin" => Some(("canlogin", false)),
            "bypassrls" => Some(("bypassrls", true)),
            "nobypassrls" => Some(("bypassrls", false)),
            "noinherit" => Some(("inherit", false)),
            _ => None,
        };
        match found {
            Some((name, value)) => Ok(self.def_bool(name, value, first)),
            None => {
                let message = alloc::format!("unrecognized role option \"{}\"", self.read(name));
                Err(self.refuse_syntax(loc, message))
            }
        }
    }

    /// `makeDefElem` with a truth.
    pub(crate) fn def_bool(&mut self, name: &str, value: bool, first: usize) -> u32 {
        let value = self.boolean(value, first as u32);
        self.def(name, value, first)
    }

    /// `ALTER ROLE | USER`, at that word.
    pub(crate) fn alter_role(&mut self, first: u32) -> R {
        self.bump();
        if self.eat(Kind::ALL) {
            return self.alter_role_set(first, 0);
        }
        let loc = self.loc();
        let role = self.role_spec()?;
        match self.kind() {
            Kind::IN | Kind::SET | Kind::RESET => self.alter_role_set(first, role),
            Kind::RENAME => self.rename_role(first, role, loc),
            _ => {
                let options = self.role_options(false)?;
                Ok(mk!(self, AlterRoleStmt, first, { role: role, options: options, action: 1 }))
            }
        }
    }

    /// `AlterRoleSetStmt` behind the role.
    fn alter_role_set(&mut self, first: u32, role: u32) -> R {
        let mut database = TextId::NONE;
        if self.eat(Kind::IN) {
            self.expect(Kind::DATABASE)?;
            database = self.col_id()?;
        }
        let set = self.set_reset_clause(true)?;
        Ok(mk!(self, AlterRoleSetStmt, first, { role: role, database: database.0, setstmt: set }))
    }

    fn rename_role(&mut self, first: u32, role: u32, loc: u32) -> R {
        let old = self.role_id_of(role, loc)?;
        self.expect_all(&[Kind::RENAME, Kind::TO])?;
        let new = self.role_id()?;
        Ok(mk!(self, RenameStmt, first, {
            renameType: e::ObjectType::OBJECT_ROLE, subname: old.0, newname: new.0
        }))
    }

    /// `ALTER GROUP`, at that word.
    pub(crate) fn alter_group(&mut self, first: u32) -> R {
        self.bump();
        let loc = self.loc();
        let role = self.role_spec()?;
        if !matches!(self.kind(), Kind::ADD | Kind::DROP) {
            return self.rename_role(first, role, loc);
        }
        let action = self.add_drop()?;
        self.expect(Kind::USER)?;
        let at = self.at;
        let members = self.role_list()?;
        let members = self.list_node(members, at as u32);
        let option = self.def("rolemembers", members, at);
        let options = self.list(&[option]);
        Ok(mk!(self, AlterRoleStmt, first, { role: role, options: options, action: action }))
    }

    /// `add_drop`: 1 or −1.
    pub(crate) fn add_drop(&mut self) -> R {
        if self.eat(Kind::ADD) {
            return Ok(1);
        }
        self.expect(Kind::DROP)?;
        Ok(u32::MAX)
    }

    // ---- GRANT, REVOKE ----

    /// `GrantStmt`, `GrantRoleStmt`.
    pub(crate) fn grant_stmt(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::GRANT)?;
        let privileges = self.privileges(true)?;
        if privileges.roles && self.eat(Kind::TO) {
            let grantees = self.role_list()?;
            let options = if self.eat(Kind::WITH) { self.grant_role_options()? } else { 0 };
            let grantor = self.opt_granted_by()?;
            return Ok(mk!(self, GrantRoleStmt, first, {
                granted_roles: privileges.list, grantee_roles: grantees, is_grant: 1, opt: options, grantor: grantor
            }));
        }
        self.expect(Kind::ON)?;
        let target = self.privilege_target()?;
        self.expect(Kind::TO)?;
        let grantees = self.comma_list(Self::grantee)?;
        let option = self.opt_grant_option()?;
        let grantor = self.opt_granted_by()?;
        Ok(mk!(self, GrantStmt, first, {
            is_grant: 1, targtype: target.targtype, objtype: target.objtype, objects: target.objects,
            privileges: privileges.list, grantees: grantees, grant_option: u32::from(option), grantor: grantor
        }))
    }

    /// `RevokeStmt`, `RevokeRoleStmt`.
    pub(crate) fn revoke_stmt(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::REVOKE)?;
        let mut option = false;
        let mut role_option = 0;
        if self.is(Kind::GRANT) {
            self.expect_all(&[Kind::GRANT, Kind::OPTION, Kind::FOR])?;
            option = true;
        } else if self.kind().is_col_id()
            && self.peek(1) == Kind::OPTION
            && (self.is(Kind::ADMIN) || self.has(Feature::RoleRevokeOptions))
        {
            let at = self.at;
            let name = self.col_id()?;
            self.expect_all(&[Kind::OPTION, Kind::FOR])?;
            let no = self.boolean(false, at as u32);
            let def = self.def_named(name, no, at);
            role_option = self.list(&[def]);
        }
        let privileges = self.privileges(!option && role_option == 0)?;
        if role_option != 0 && !privileges.roles {
            return Err(self.unexpected());
        }
        if !option && privileges.roles && (role_option != 0 || self.is(Kind::FROM)) {
            self.expect(Kind::FROM)?;
            let grantees = self.role_list()?;
            let grantor = self.opt_granted_by()?;
            let behavior = self.opt_drop_behavior();
            return Ok(mk!(self, GrantRoleStmt, first, {
                granted_roles: privileges.list, grantee_roles: grantees, opt: role_option, grantor: grantor,
                behavior: behavior
            }));
        }
        self.expect(Kind::ON)?;
        let target = self.privilege_target()?;
        self.expect(Kind::FROM)?;
        let grantees = self.comma_list(Self::grantee)?;
        let grantor = self.opt_granted_by()?;
        let behavior = self.opt_drop_behavior();
        Ok(mk!(self, GrantStmt, first, {
            targtype: target.targtype, objtype: target.objtype, objects: target.objects, privileges: privileges.list,
            grantees: grantees, grant_option: u32::from(option), grantor: grantor, behavior: behavior
        }))
    }

    /// `privileges`, or `privilege_list` where roles may be meant.
    fn privileges(&mut self, _roles_allowed: bool) -> R<Privileges> {
        let first = self.here();
        if self.eat(Kind::ALL) {
            self.eat(Kind::PRIVILEGES);
            let mut list = 0;
            if self.is(Kind::LPAREN) {
                let cols = self.opt_name_list_parens()?;
                let all = mk!(self, AccessPriv, first, { cols: cols });
                list = self.list(&[all]);
            }
            return Ok(Privileges { list, roles: false });
        }
        let list = self.comma_list(Self::privilege)?;
        Ok(Privileges { list, roles: true })
    }

    /// `privilege`.
    fn privilege(&mut self) -> R {
        let first = self.here();
        let name = match self.kind() {
            Kind::SELECT | Kind::REFERENCES | Kind::CREATE => self.this_token(),
            Kind::ALTER if self.has(Feature::AlterSystemPrivilege) => {
                self.bump();
                self.expect(Kind::SYSTEM)?;
                let name = self.lit("alter system");
                return Ok(mk!(self, AccessPriv, first, { priv_name: name.0 }));
            }
            _ => self.col_id()?,
        };
        let cols = self.opt_name_list_parens()?;
        Ok(mk!(self, AccessPriv, first, { priv_name: name.0, cols: cols }))
    }

    /// `privilege_target`.
    fn privilege_target(&mut self) -> R<Target> {
        use e::GrantTargetType as t;
        use e::ObjectType as o;
        let object = |objtype, objects| Target { targtype: t::ACL_TARGET_OBJECT, objtype, objects };
        // A table may be called like a kind of object: then no name follows.
        let names = |p: &Self| p.peek(1).is_col_id();
        let kind = self.kind();
        let named = match kind {
            Kind::DATABASE => Some(o::OBJECT_DATABASE),
            Kind::LANGUAGE => Some(o::OBJECT_LANGUAGE),
            Kind::SCHEMA => Some(o::OBJECT_SCHEMA),
            Kind::TABLESPACE => Some(o::OBJECT_TABLESPACE),
            _ => None,
        };
        let is_target = names(self);
        if let Some(objtype) = named.filter(|_| is_target) {
            self.bump();
            return Ok(object(objtype, self.name_list()?));
        }
        match kind {
            Kind::TABLE => {
                self.bump();
                Ok(object(o::OBJECT_TABLE, self.qualified_name_list()?))
            }
            Kind::SEQUENCE if is_target => {
                self.bump();
                Ok(object(o::OBJECT_SEQUENCE, self.qualified_name_list()?))
            }
            Kind::FOREIGN => {
                self.bump();
                if self.eat(Kind::SERVER) {
                    return Ok(object(o::OBJECT_FOREIGN_SERVER, self.name_list()?));
                }
                self.expect_all(&[Kind::DATA, Kind::WRAPPER])?;
                Ok(object(o::OBJECT_FDW, self.name_list()?))
            }
            Kind::FUNCTION | Kind::PROCEDURE | Kind::ROUTINE
                if is_target || self.peek(1).is_type_function_name() =>
            {
                let objtype = match kind {
                    Kind::FUNCTION => o::OBJECT_FUNCTION,
                    Kind::PROCEDURE => o::OBJECT_PROCEDURE,
                    _ => o::OBJECT_ROUTINE,
                };
                self.bump();
                Ok(object(objtype, self.comma_list(Self::function_with_argtypes)?))
            }
            Kind::DOMAIN | Kind::TYPE if is_target => {
                let objtype = if kind == Kind::TYPE { o::OBJECT_TYPE } else { o::OBJECT_DOMAIN };
                self.bump();
                Ok(object(objtype, self.any_name_list()?))
            }
            Kind::LARGE if self.peek(1) == Kind::OBJECT => {
                self.at += 2;
                Ok(object(o::OBJECT_LARGEOBJECT, self.comma_list(Self::numeric_only)?))
            }
            Kind::PARAMETER if is_target => {
                self.bump();
                Ok(object(o::OBJECT_PARAMETER_ACL, self.comma_list(Self::parameter_name)?))
            }
            Kind::ALL => self.all_in_schema(),
            _ => Ok(object(o::OBJECT_TABLE, self.qualified_name_list()?)),
        }
    }

    /// `ALL TABLES IN SCHEMA name, …`.
    fn all_in_schema(&mut self) -> R<Target> {
        use e::ObjectType as o;
        self.bump();
        let objtype = match self.kind() {
            Kind::TABLES => o::OBJECT_TABLE,
            Kind::SEQUENCES => o::OBJECT_SEQUENCE,
            Kind::FUNCTIONS => o::OBJECT_FUNCTION,
            Kind::PROCEDURES => o::OBJECT_PROCEDURE,
            Kind::ROUTINES => o::OBJECT_ROUTINE,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        self.expect_all(&[Kind::IN, Kind::SCHEMA])?;
        let objects = self.name_list()?;
        Ok(Target { targtype: e::GrantTargetType::ACL_TARGET_ALL_IN_SCHEMA, objtype, objects })
    }

    /// `parameter_name`: a `String` node with all of it.
    fn parameter_name(&mut self) -> R {
        let name = self.col_id()?;
        if !self.is(Kind::DOT) {
            return Ok(name.node());
        }
        let mut whole = alloc::string::String::from(&*self.read(name));
        while self.eat(Kind::DOT) {
            let part = self.col_id()?;
            whole.push('.');
            whole.push_str(&self.read(part));
        }
        Ok(self.lit_node(&whole))
    }

    /// `grantee`.
    fn grantee(&mut self) -> R {
        self.eat(Kind::GROUP);
        self.role_spec()
    }

    fn opt_grant_option(&mut self) -> R<bool> {
        if !self.eat(Kind::WITH) {
            return Ok(false);
        }
        self.expect_all(&[Kind::GRANT, Kind::OPTION])?;
        Ok(true)
    }

    fn opt_granted_by(&mut self) -> R {
        if !self.eat(Kind::GRANTED) {
            return Ok(0);
        }
        self.expect(Kind::BY)?;
        self.role_spec()
    }

    /// `grant_role_opt_list`; before version 16, `ADMIN OPTION`.
    fn grant_role_options(&mut self) -> R {
        if self.has(Feature::RoleGrantOptions) {
            return self.comma_list(Self::grant_role_option);
        }
        if !self.is(Kind::ADMIN) || self.peek(1) != Kind::OPTION {
            self.expect_all(&[Kind::ADMIN, Kind::OPTION])?;
        }
        let option = self.grant_role_option()?;
        Ok(self.list(&[option]))
    }

    /// `grant_role_opt`.
    fn grant_role_option(&mut self) -> R {
        let first = self.at;
        let name = self.col_label()?;
        let at = self.here();
        let value = match self.kind() {
            Kind::OPTION | Kind::TRUE => true,
            Kind::FALSE => false,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let value = self.boolean(value, at);
        Ok(self.def_named(name, value, first))
    }

    /// `AlterDefaultPrivilegesStmt`, at DEFAULT.
    pub(crate) fn alter_default_privileges(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::DEFAULT, Kind::PRIVILEGES])?;
        let mark = self.mark();
        while matches!(self.kind(), Kind::IN | Kind::FOR) {
            let option = self.default_option()?;
            self.item(option);
        }
        let options = self.list_from(mark);
        let action = self.default_action()?;
        Ok(mk!(self, AlterDefaultPrivilegesStmt, first, { options: options, action: action }))
    }

    fn default_option(&mut self) -> R {
        let first = self.at;
        if self.eat(Kind::IN) {
            self.expect(Kind::SCHEMA)?;
            let at = self.here();
            let names = self.name_list()?;
            let names = self.list_node(names, at);
            return Ok(self.def("schemas", names, first));
        }
        self.expect(Kind::FOR)?;
        if !self.eat(Kind::ROLE) {
            self.expect(Kind::USER)?;
        }
        let at = self.here();
        let roles = self.role_list()?;
        let roles = self.list_node(roles, at);
        Ok(self.def("roles", roles, first))
    }

    /// `DefACLAction`.
    fn default_action(&mut self) -> R {
        let first = self.here();
        let grants = self.eat(Kind::GRANT);
        let mut option = false;
        if !grants {
            self.expect(Kind::REVOKE)?;
            if self.is(Kind::GRANT) {
                self.expect_all(&[Kind::GRANT, Kind::OPTION, Kind::FOR])?;
                option = true;
            }
        }
        let privileges = self.privileges(false)?.list;
        self.expect(Kind::ON)?;
        let objtype = self.default_target()?;
        self.expect(if grants { Kind::TO } else { Kind::FROM })?;
        let grantees = self.comma_list(Self::grantee)?;
        let mut behavior = e::DropBehavior::DROP_RESTRICT;
        if grants {
            option = self.opt_grant_option()?;
        } else {
            behavior = self.opt_drop_behavior();
        }
        Ok(mk!(self, GrantStmt, first, {
            is_grant: u32::from(grants), targtype: e::GrantTargetType::ACL_TARGET_DEFAULTS, objtype: objtype,
            privileges: privileges, grantees: grantees, grant_option: u32::from(option), behavior: behavior
        }))
    }

    fn default_target(&mut self) -> R {
        use e::ObjectType as o;
        let objtype = match self.kind() {
            Kind::TABLES => o::OBJECT_TABLE,
            Kind::FUNCTIONS | Kind::ROUTINES => o::OBJECT_FUNCTION,
            Kind::SEQUENCES => o::OBJECT_SEQUENCE,
            Kind::TYPES => o::OBJECT_TYPE,
            Kind::SCHEMAS => o::OBJECT_SCHEMA,
            Kind::LARGE if self.has(Feature::LargeObjectDefaults) => {
                self.bump();
                self.expect(Kind::OBJECTS)?;
                return Ok(o::OBJECT_LARGEOBJECT);
            }
            _ => return Err(self.unexpected()),
        };
        self.bump();
        Ok(objtype)
    }
}

/// A list of privileges, and whether it may be one of roles.
struct Privileges {
    list: u32,
    roles: bool,
}
