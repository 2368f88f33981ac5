//! CREATE of what is no relation: which rule begins with which word, and the small ones.
//!
//! Source: `stmt`, `DefineStmt`, `CreateStatsStmt`, `CreatePLangStmt`, `CreateTableSpaceStmt`, `CreatePolicyStmt`, `CreateAmStmt`,
//! `CreateEventTrigStmt`, `CreateConversionStmt`, `CreatedbStmt` in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::nodes::e::ObjectType as o;
use crate::parser::{NOWHERE, Parser, R, mk};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

impl Parser<'_> {
    /// A CREATE whose next words begin none of the relations.
    pub(crate) fn create_object(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::CREATE)?;
        let replace = self.is(Kind::OR);
        if replace {
            self.expect_all(&[Kind::OR, Kind::REPLACE])?;
        }
        match self.kind() {
            Kind::FUNCTION | Kind::PROCEDURE => self.create_function(first, replace),
            Kind::AGGREGATE => self.create_aggregate(first, replace),
            Kind::TRANSFORM => self.create_transform(first, replace),
            Kind::TRUSTED | Kind::PROCEDURAL | Kind::LANGUAGE => self.create_language(first, replace),
            _ if replace => Err(self.unexpected()),
            Kind::ROLE | Kind::GROUP => self.create_role(first),
            Kind::USER if self.peek(1) == Kind::MAPPING && matches!(self.peek(2), Kind::FOR | Kind::IF) => {
                self.create_user_mapping(first)
            }
            Kind::USER => self.create_role(first),
            Kind::EXTENSION => self.create_extension(first),
            Kind::FOREIGN => self.create_fdw(first),
            Kind::SERVER => self.create_server(first),
            Kind::POLICY => self.create_policy(first),
            Kind::ACCESS => self.create_access_method(first),
            Kind::EVENT => self.create_event_trigger(first),
            Kind::OPERATOR => self.create_operator(first),
            Kind::TYPE => self.create_type(first),
            Kind::TEXT => self.create_text_search(first),
            Kind::COLLATION => self.create_collation(first),
            Kind::DEFAULT | Kind::CONVERSION => self.create_conversion(first),
            Kind::CAST => self.create_cast(first),
            Kind::STATISTICS => self.create_statistics(first),
            Kind::TABLESPACE => self.create_tablespace(first),
            Kind::DATABASE => self.create_database(first),
            Kind::PUBLICATION => self.create_publication(first),
            Kind::SUBSCRIPTION => self.create_subscription(first),
            Kind::ASSERTION => self.create_assertion(first),
            _ => Err(self.unexpected()),
        }
    }

    /// `CREATE TYPE`, at TYPE.
    fn create_type(&mut self, first: u32) -> R {
        self.bump();
        let (at, loc) = (self.here(), self.loc());
        let name = self.any_name()?;
        if !self.eat(Kind::AS) {
            let definition = if self.is(Kind::LPAREN) { self.definition()? } else { 0 };
            return Ok(mk!(self, DefineStmt, first, {
                kind: o::OBJECT_TYPE, defnames: name, definition: definition
            }));
        }
        match self.kind() {
            Kind::ENUM => {
                self.bump();
                self.expect(Kind::LPAREN)?;
                let mut vals = 0;
                if !self.is(Kind::RPAREN) {
                    vals = self.comma_list(|p| Ok(p.sconst()?.node()))?;
                }
                self.expect(Kind::RPAREN)?;
                Ok(mk!(self, CreateEnumStmt, first, { typeName: name, vals: vals }))
            }
            Kind::RANGE => {
                self.bump();
                let params = self.definition()?;
                Ok(mk!(self, CreateRangeStmt, first, { typeName: name, params: params }))
            }
            _ => {
                self.expect(Kind::LPAREN)?;
                let mut columns = 0;
                if !self.is(Kind::RPAREN) {
                    columns = self.comma_list(Self::table_func_element)?;
                }
                self.expect(Kind::RPAREN)?;
                let typevar = self.range_var_of_any_name(name, loc, at)?;
                Ok(mk!(self, CompositeTypeStmt, first, { typevar: typevar, coldeflist: columns }))
            }
        }
    }

    /// `CREATE TEXT SEARCH …`, at TEXT.
    fn create_text_search(&mut self, first: u32) -> R {
        let kind = self.text_search_kind()?;
        let name = self.any_name()?;
        let definition = self.definition()?;
        Ok(mk!(self, DefineStmt, first, { kind: kind, defnames: name, definition: definition }))
    }

    /// `TEXT SEARCH PARSER | DICTIONARY | TEMPLATE | CONFIGURATION`: an `ObjectType`.
    pub(crate) fn text_search_kind(&mut self) -> R {
        self.expect_all(&[Kind::TEXT, Kind::SEARCH])?;
        let kind = match self.kind() {
            Kind::PARSER => o::OBJECT_TSPARSER,
            Kind::DICTIONARY => o::OBJECT_TSDICTIONARY,
            Kind::TEMPLATE => o::OBJECT_TSTEMPLATE,
            Kind::CONFIGURATION => o::OBJECT_TSCONFIGURATION,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        Ok(kind)
    }

    fn create_collation(&mut self, first: u32) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let name = self.any_name()?;
        let definition = if self.eat(Kind::FROM) {
            let at = self.at;
            let from = self.any_name_node()?;
            let def = self.def("from", from, at);
            self.list(&[def])
        } else {
            self.definition()?
        };
        Ok(mk!(self, DefineStmt, first, {
            kind: o::OBJECT_COLLATION, defnames: name, definition: definition, if_not_exists: u32::from(if_not_exists)
        }))
    }

    fn create_conversion(&mut self, first: u32) -> R {
        let def = self.eat(Kind::DEFAULT);
        self.expect(Kind::CONVERSION)?;
        let name = self.any_name()?;
        self.expect(Kind::FOR)?;
        let source = self.sconst()?;
        self.expect(Kind::TO)?;
        let target = self.sconst()?;
        self.expect(Kind::FROM)?;
        let func = self.any_name()?;
        Ok(mk!(self, CreateConversionStmt, first, {
            conversion_name: name, for_encoding_name: source.0, to_encoding_name: target.0, func_name: func,
            def: u32::from(def)
        }))
    }

    fn create_statistics(&mut self, first: u32) -> R {
        self.bump();
        let if_not_exists = self.opt_if_not_exists()?;
        let nameless = self.has(Feature::UnnamedStatistics)
            && !if_not_exists
            && matches!(self.kind(), Kind::ON | Kind::LPAREN);
        let name = if nameless { 0 } else { self.any_name()? };
        let types = self.opt_name_list_parens()?;
        self.expect(Kind::ON)?;
        let exprs = self.comma_list(Self::statistics_element)?;
        self.expect(Kind::FROM)?;
        let relations = self.table_list()?;
        Ok(mk!(self, CreateStatsStmt, first, {
            defnames: name, stat_types: types, exprs: exprs, relations: relations, if_not_exists: u32::from(if_not_exists)
        }))
    }

    /// `stats_param`.
    fn statistics_element(&mut self) -> R {
        let first = self.here();
        if self.eat(Kind::LPAREN) {
            let expr = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
            return Ok(mk!(self, StatsElem, first, { expr: expr }));
        }
        if self.at_index_function() {
            let expr = self.func_expr_windowless()?;
            return Ok(mk!(self, StatsElem, first, { expr: expr }));
        }
        let name = self.col_id()?;
        Ok(mk!(self, StatsElem, first, { name: name.0 }))
    }

    fn create_language(&mut self, first: u32, replace: bool) -> R {
        let trusted = self.eat(Kind::TRUSTED);
        self.eat(Kind::PROCEDURAL);
        self.expect(Kind::LANGUAGE)?;
        let name = self.col_id()?;
        if !self.eat(Kind::HANDLER) {
            // Old dumps create languages so; they are extensions now.
            return Ok(mk!(self, CreateExtensionStmt, first, {
                extname: name.0, if_not_exists: u32::from(replace)
            }));
        }
        let handler = self.handler_name()?;
        let inline = if self.eat(Kind::INLINE) { self.handler_name()? } else { 0 };
        let mut validator = 0;
        if self.eat(Kind::VALIDATOR) {
            validator = self.handler_name()?;
        } else if self.eat(Kind::NO) {
            self.expect(Kind::VALIDATOR)?;
        }
        Ok(mk!(self, CreatePLangStmt, first, {
            replace: u32::from(replace), plname: name.0, plhandler: handler, plinline: inline, plvalidator: validator,
            pltrusted: u32::from(trusted)
        }))
    }

    /// `handler_name`: a list of names.
    pub(crate) fn handler_name(&mut self) -> R {
        self.any_name()
    }

    fn create_tablespace(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        let owner = if self.eat(Kind::OWNER) { self.role_spec()? } else { 0 };
        self.expect(Kind::LOCATION)?;
        let location = self.sconst()?;
        let options = if self.eat(Kind::WITH) { self.reloptions()? } else { 0 };
        Ok(mk!(self, CreateTableSpaceStmt, first, {
            tablespacename: name.0, owner: owner, location: location.0, options: options
        }))
    }

    fn create_database(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        self.opt_with();
        let options = self.database_options()?;
        Ok(mk!(self, CreatedbStmt, first, { dbname: name.0, options: options }))
    }

    /// `createdb_opt_list`.
    pub(crate) fn database_options(&mut self) -> R {
        let mark = self.mark();
        while self.at_database_option() {
            let option = self.database_option()?;
            self.item(option);
        }
        Ok(self.list_from(mark))
    }

    pub(crate) fn at_database_option(&self) -> bool {
        matches!(
            self.kind(),
            Kind::IDENT
                | Kind::CONNECTION
                | Kind::ENCODING
                | Kind::LOCATION
                | Kind::OWNER
                | Kind::TABLESPACE
                | Kind::TEMPLATE
        )
    }

    fn database_option(&mut self) -> R {
        let first = self.at;
        let name = if self.eat(Kind::CONNECTION) {
            self.expect(Kind::LIMIT)?;
            self.lit("connection_limit")
        } else {
            self.this_token()
        };
        self.eat(Kind::EQUALS);
        let value = match self.kind() {
            Kind::DEFAULT => {
                self.bump();
                0
            }
            Kind::ICONST | Kind::FCONST | Kind::PLUS | Kind::MINUS if self.has(Feature::DatabaseNumbers) => {
                self.numeric_only()?
            }
            Kind::ICONST | Kind::PLUS | Kind::MINUS => {
                let at = self.here();
                let value = self.signed_iconst()?;
                self.integer(value, at)
            }
            _ => self.boolean_or_string()?,
        };
        Ok(self.def_named(name, value, first))
    }

    /// `opt_boolean_or_string`: a `String` node.
    fn boolean_or_string(&mut self) -> R {
        let text = match self.kind() {
            Kind::TRUE => "true",
            Kind::FALSE => "false",
            Kind::ON => "on",
            _ => return Ok(self.word_or_string()?.node()),
        };
        self.bump();
        Ok(self.lit_node(text))
    }

    fn create_policy(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        self.expect(Kind::ON)?;
        let table = self.qualified_name()?;
        let permissive = self.policy_kind()?;
        let command = self.policy_command()?;
        let roles = if self.eat(Kind::TO) {
            self.role_list()?
        } else {
            let public = mk!(self, RoleSpec, first, {
                roletype: e::RoleSpecType::ROLESPEC_PUBLIC, location: NOWHERE
            });
            self.list(&[public])
        };
        let (qual, check) = self.policy_expressions()?;
        Ok(mk!(self, CreatePolicyStmt, first, {
            policy_name: name.0, table: table, cmd_name: command.0, permissive: u32::from(permissive), roles: roles,
            qual: qual, with_check: check
        }))
    }

    /// `RowSecurityDefaultPermissive`.
    fn policy_kind(&mut self) -> R<bool> {
        if !self.eat(Kind::AS) {
            return Ok(true);
        }
        let loc = self.loc();
        let word = self.ident()?;
        let text = alloc::string::String::from(&*self.read(word));
        match text.as_str() {
            "permissive" => Ok(true),
            "restrictive" => Ok(false),
            _ => {
                let message = alloc::format!("unrecognized row security option \"{text}\"");
                let halt = self.refuse_syntax(loc, message);
                Err(self.hint(halt, "Only PERMISSIVE or RESTRICTIVE policies are supported currently."))
            }
        }
    }

    /// `RowSecurityDefaultForCmd`.
    fn policy_command(&mut self) -> R<TextId> {
        let mut command = "all";
        if self.eat(Kind::FOR) {
            command = match self.kind() {
                Kind::ALL => "all",
                Kind::SELECT => "select",
                Kind::INSERT => "insert",
                Kind::UPDATE => "update",
                Kind::DELETE => "delete",
                _ => return Err(self.unexpected()),
            };
            self.bump();
        }
        Ok(self.lit(command))
    }

    /// `USING ( … )` and `WITH CHECK ( … )`.
    pub(crate) fn policy_expressions(&mut self) -> R<(u32, u32)> {
        let (mut qual, mut check) = (0, 0);
        if self.eat(Kind::USING) {
            self.expect(Kind::LPAREN)?;
            qual = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
        }
        if self.eat(Kind::WITH) {
            self.expect_all(&[Kind::CHECK, Kind::LPAREN])?;
            check = self.a_expr()?;
            self.expect(Kind::RPAREN)?;
        }
        Ok((qual, check))
    }

    fn create_access_method(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::ACCESS, Kind::METHOD])?;
        let name = self.col_id()?;
        self.expect(Kind::TYPE)?;
        let amtype = match self.kind() {
            Kind::INDEX => b'i',
            Kind::TABLE => b't',
            _ => return Err(self.unexpected()),
        };
        self.bump();
        self.expect(Kind::HANDLER)?;
        let handler = self.handler_name()?;
        Ok(mk!(self, CreateAmStmt, first, {
            amname: name.0, handler_name: handler, amtype: u32::from(amtype)
        }))
    }

    fn create_event_trigger(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::EVENT, Kind::TRIGGER])?;
        let name = self.col_id()?;
        self.expect(Kind::ON)?;
        let event = self.col_label()?;
        let mut when = 0;
        if self.eat(Kind::WHEN) {
            let mark = self.mark();
            loop {
                let item = self.event_filter()?;
                self.item(item);
                if !self.eat(Kind::AND) {
                    break;
                }
            }
            when = self.list_from(mark);
        }
        self.expect(Kind::EXECUTE)?;
        if !self.eat(Kind::FUNCTION) {
            self.expect(Kind::PROCEDURE)?;
        }
        let func = self.func_name()?;
        self.expect_all(&[Kind::LPAREN, Kind::RPAREN])?;
        Ok(mk!(self, CreateEventTrigStmt, first, {
            trigname: name.0, eventname: event.0, whenclause: when, funcname: func
        }))
    }

    /// `event_trigger_when_item`.
    fn event_filter(&mut self) -> R {
        let first = self.at;
        let name = self.col_id()?;
        self.expect(Kind::IN)?;
        let at = self.here();
        let values = self.paren_list(|p| Ok(p.sconst()?.node()))?;
        let values = self.list_node(values, at);
        Ok(self.def_named(name, values, first))
    }

    fn create_assertion(&mut self, first: u32) -> R {
        self.bump();
        self.any_name()?;
        self.expect_all(&[Kind::CHECK, Kind::LPAREN])?;
        self.a_expr()?;
        self.expect(Kind::RPAREN)?;
        self.constraint_attribute_spec()?;
        let loc = self.newer_place(self.loc_of(first as usize));
        Err(self.refuse_feature(loc, "CREATE ASSERTION is not yet implemented"))
    }
}
