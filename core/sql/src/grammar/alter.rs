//! ALTER of what is no relation, and the tails that all ALTERs share: RENAME, OWNER TO, SET SCHEMA, DEPENDS ON EXTENSION.
//!
//! Source: `RenameStmt`, `AlterObjectDependsStmt`, `AlterObjectSchemaStmt`, `AlterOwnerStmt`, `AlterTypeStmt`, `AlterEnumStmt`,
//! `AlterCompositeTypeStmt`, `AlterDatabaseStmt`, `AlterTSConfigurationStmt` and their kin in gram.y, PostgreSQL 18.

use crate::nodes::e;
use crate::nodes::e::AlterTableType as at;
use crate::nodes::e::ObjectType as o;
use crate::parser::{Parser, R, mk};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

impl Parser<'_> {
    /// An ALTER whose next words begin none of the relations.
    pub(crate) fn alter_object(&mut self) -> R {
        let first = self.here();
        self.expect(Kind::ALTER)?;
        match self.kind() {
            Kind::AGGREGATE => {
                self.bump();
                let object = self.aggregate_with_argtypes()?;
                self.alter_name(first, o::OBJECT_AGGREGATE, object)
            }
            Kind::FUNCTION => self.alter_function(first, o::OBJECT_FUNCTION),
            Kind::PROCEDURE => self.alter_function(first, o::OBJECT_PROCEDURE),
            Kind::ROUTINE => self.alter_function(first, o::OBJECT_ROUTINE),
            Kind::COLLATION => self.alter_collation(first),
            Kind::CONVERSION => {
                self.bump();
                let object = self.any_name_node()?;
                self.alter_name(first, o::OBJECT_CONVERSION, object)
            }
            Kind::DATABASE => self.alter_database(first),
            Kind::DEFAULT => self.alter_default_privileges(first),
            Kind::EXTENSION => self.alter_extension(first),
            Kind::EVENT => self.alter_event_trigger(first),
            Kind::FOREIGN => self.alter_fdw(first),
            Kind::GROUP => self.alter_group(first),
            Kind::PROCEDURAL | Kind::LANGUAGE => {
                self.eat(Kind::PROCEDURAL);
                self.expect(Kind::LANGUAGE)?;
                self.alter_plain(first, o::OBJECT_LANGUAGE)
            }
            Kind::LARGE => {
                self.expect_all(&[Kind::LARGE, Kind::OBJECT])?;
                let object = self.numeric_only()?;
                self.alter_name(first, o::OBJECT_LARGEOBJECT, object)
            }
            Kind::OPERATOR => self.alter_operator(first),
            Kind::POLICY => self.alter_policy(first),
            Kind::PUBLICATION => self.alter_publication(first),
            Kind::ROLE => self.alter_role(first),
            Kind::USER if self.peek(1) == Kind::MAPPING && self.peek(2) == Kind::FOR => {
                self.alter_user_mapping(first)
            }
            Kind::USER => self.alter_role(first),
            Kind::RULE | Kind::TRIGGER => self.alter_on_relation(first),
            Kind::SCHEMA => {
                self.bump();
                self.alter_plain(first, o::OBJECT_SCHEMA)
            }
            Kind::SERVER => self.alter_server(first),
            Kind::STATISTICS => self.alter_statistics(first),
            Kind::SUBSCRIPTION => self.alter_subscription(first),
            Kind::TABLESPACE => self.alter_tablespace(first),
            Kind::TEXT => self.alter_text_search(first),
            Kind::TYPE => self.alter_type(first),
            _ => Err(self.unexpected()),
        }
    }

    /// An object with a plain name that has nothing but the common tails.
    fn alter_plain(&mut self, first: u32, objtype: u32) -> R {
        let name = self.col_id()?;
        self.alter_name(first, objtype, name.node())
    }

    /// One of the common tails must stand here.
    pub(crate) fn alter_name(&mut self, first: u32, objtype: u32, object: u32) -> R {
        match self.alter_name_tail(first, objtype, object)? {
            Some(node) => Ok(node),
            None => Err(self.unexpected()),
        }
    }

    /// `RENAME TO`, `OWNER TO`, `SET SCHEMA`, where this kind of object has them; none: nothing is taken.
    pub(crate) fn alter_name_tail(&mut self, first: u32, objtype: u32, object: u32) -> R<Option<u32>> {
        let node = match self.kind() {
            Kind::RENAME if can_rename(objtype) => {
                self.bump();
                self.expect(Kind::TO)?;
                let new = self.col_id()?;
                self.rename_object(first, objtype, object, new)
            }
            Kind::OWNER if can_change_owner(objtype) => {
                self.bump();
                self.expect(Kind::TO)?;
                let owner = self.role_spec()?;
                mk!(self, AlterOwnerStmt, first, { objectType: objtype, object: object, newowner: owner })
            }
            Kind::SET if can_change_schema(objtype) => {
                self.bump();
                self.expect(Kind::SCHEMA)?;
                let schema = self.col_id()?;
                mk!(self, AlterObjectSchemaStmt, first, {
                    objectType: objtype, object: object, newschema: schema.0
                })
            }
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    fn rename_object(&mut self, first: u32, objtype: u32, object: u32, new: TextId) -> u32 {
        // These are renamed by their bare name.
        if matches!(objtype, o::OBJECT_DATABASE | o::OBJECT_SCHEMA | o::OBJECT_TABLESPACE) {
            let old = self.string_of(object);
            return mk!(self, RenameStmt, first, { renameType: objtype, subname: old.0, newname: new.0 });
        }
        mk!(self, RenameStmt, first, { renameType: objtype, object: object, newname: new.0 })
    }

    /// `RENAME …`, `SET SCHEMA`, `[NO] DEPENDS ON EXTENSION` of a relation, where its kind has them; none: nothing is taken.
    pub(crate) fn alter_relation_tail(
        &mut self,
        first: u32,
        objtype: u32,
        relation: u32,
        missing_ok: bool,
    ) -> R<Option<u32>> {
        let has_schema = objtype != o::OBJECT_INDEX;
        let can_depend = !missing_ok && matches!(objtype, o::OBJECT_MATVIEW | o::OBJECT_INDEX);
        match self.kind() {
            Kind::RENAME => self.rename_relation(first, objtype, relation, missing_ok).map(Some),
            Kind::SET if has_schema && self.peek(1) == Kind::SCHEMA => {
                self.at += 2;
                let schema = self.col_id()?;
                Ok(Some(mk!(self, AlterObjectSchemaStmt, first, {
                    objectType: objtype, relation: relation, newschema: schema.0, missing_ok: u32::from(missing_ok)
                })))
            }
            Kind::DEPENDS if can_depend => self.depends(first, objtype, relation, 0).map(Some),
            Kind::NO if can_depend && self.peek(1) == Kind::DEPENDS => {
                self.depends(first, objtype, relation, 0).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn rename_relation(&mut self, first: u32, objtype: u32, relation: u32, missing_ok: bool) -> R {
        self.bump();
        let missing_ok = u32::from(missing_ok);
        let is_table = objtype == o::OBJECT_TABLE;
        let has_columns =
            is_table || matches!(objtype, o::OBJECT_VIEW | o::OBJECT_MATVIEW | o::OBJECT_FOREIGN_TABLE);
        if self.eat(Kind::TO) {
            let new = self.col_id()?;
            return Ok(mk!(self, RenameStmt, first, {
                renameType: objtype, relation: relation, newname: new.0, missing_ok: missing_ok
            }));
        }
        if !has_columns {
            return Err(self.unexpected());
        }
        let is_constraint = is_table && self.eat(Kind::CONSTRAINT);
        if !is_constraint {
            self.eat(Kind::COLUMN);
        }
        let old = self.col_id()?;
        self.expect(Kind::TO)?;
        let new = self.col_id()?;
        if is_constraint {
            return Ok(mk!(self, RenameStmt, first, {
                renameType: o::OBJECT_TABCONSTRAINT, relation: relation, subname: old.0, newname: new.0,
                missing_ok: missing_ok
            }));
        }
        Ok(mk!(self, RenameStmt, first, {
            renameType: o::OBJECT_COLUMN, relationType: objtype, relation: relation, subname: old.0, newname: new.0,
            missing_ok: missing_ok
        }))
    }

    /// `opt_no DEPENDS ON EXTENSION name`.
    fn depends(&mut self, first: u32, objtype: u32, relation: u32, object: u32) -> R {
        let remove = self.eat(Kind::NO);
        self.expect_all(&[Kind::DEPENDS, Kind::ON, Kind::EXTENSION])?;
        let name = self.col_id()?;
        Ok(mk!(self, AlterObjectDependsStmt, first, {
            objectType: objtype, relation: relation, object: object, extname: name.node(), remove: u32::from(remove)
        }))
    }

    fn alter_function(&mut self, first: u32, objtype: u32) -> R {
        self.bump();
        let func = self.function_with_argtypes()?;
        match self.kind() {
            Kind::DEPENDS | Kind::NO => self.depends(first, objtype, 0, func),
            Kind::RENAME | Kind::OWNER => self.alter_name(first, objtype, func),
            // A setting may be called schema as well: its value is a string.
            Kind::SET if self.peek(1) == Kind::SCHEMA && self.peek(2).is_col_id() => {
                self.alter_name(first, objtype, func)
            }
            _ => self.alter_function_options(first, objtype, func),
        }
    }

    fn alter_collation(&mut self, first: u32) -> R {
        self.bump();
        let at = self.here();
        let name = self.any_name()?;
        if self.eat(Kind::REFRESH) {
            self.expect(Kind::VERSION)?;
            return Ok(mk!(self, AlterCollationStmt, first, { collname: name }));
        }
        let object = self.list_node(name, at);
        self.alter_name(first, o::OBJECT_COLLATION, object)
    }

    fn alter_database(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        match self.kind() {
            Kind::RENAME => self.alter_name(first, o::OBJECT_DATABASE, name.node()),
            Kind::OWNER if self.peek(1) == Kind::TO => {
                self.alter_name(first, o::OBJECT_DATABASE, name.node())
            }
            Kind::REFRESH if self.has(Feature::RefreshCollation) => {
                self.bump();
                self.expect_all(&[Kind::COLLATION, Kind::VERSION])?;
                Ok(mk!(self, AlterDatabaseRefreshCollStmt, first, { dbname: name.0 }))
            }
            Kind::SET if self.peek(1) == Kind::TABLESPACE && self.peek(2).is_col_id() => {
                self.at += 2;
                let at = self.at;
                let space = self.col_id()?;
                let option = self.def("tablespace", space.node(), at);
                let options = self.list(&[option]);
                Ok(mk!(self, AlterDatabaseStmt, first, { dbname: name.0, options: options }))
            }
            Kind::SET | Kind::RESET => {
                let set = self.set_reset_clause(true)?;
                Ok(mk!(self, AlterDatabaseSetStmt, first, { dbname: name.0, setstmt: set }))
            }
            _ => {
                self.eat(Kind::WITH);
                let options = self.database_options()?;
                Ok(mk!(self, AlterDatabaseStmt, first, { dbname: name.0, options: options }))
            }
        }
    }

    fn alter_event_trigger(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::EVENT, Kind::TRIGGER])?;
        let name = self.col_id()?;
        let enabled = match self.kind() {
            Kind::DISABLE => b'D',
            Kind::ENABLE => match self.peek(1) {
                Kind::REPLICA => b'R',
                Kind::ALWAYS => b'A',
                _ => b'O',
            },
            _ => return self.alter_name(first, o::OBJECT_EVENT_TRIGGER, name.node()),
        };
        self.at += if matches!(enabled, b'R' | b'A') { 2 } else { 1 };
        Ok(mk!(self, AlterEventTrigStmt, first, { trigname: name.0, tgenabled: u32::from(enabled) }))
    }

    fn alter_policy(&mut self, first: u32) -> R {
        self.bump();
        let missing_ok = self.opt_if_exists()?;
        let name = self.col_id()?;
        self.expect(Kind::ON)?;
        let table = self.qualified_name()?;
        if missing_ok || self.is(Kind::RENAME) {
            self.expect_all(&[Kind::RENAME, Kind::TO])?;
            let new = self.col_id()?;
            return Ok(mk!(self, RenameStmt, first, {
                renameType: o::OBJECT_POLICY, relation: table, subname: name.0, newname: new.0,
                missing_ok: u32::from(missing_ok)
            }));
        }
        let roles = if self.eat(Kind::TO) { self.role_list()? } else { 0 };
        let (qual, check) = self.policy_expressions()?;
        Ok(mk!(self, AlterPolicyStmt, first, {
            policy_name: name.0, table: table, roles: roles, qual: qual, with_check: check
        }))
    }

    /// `ALTER RULE | TRIGGER name ON …`, at that word.
    fn alter_on_relation(&mut self, first: u32) -> R {
        let is_trigger = self.is(Kind::TRIGGER);
        let objtype = if is_trigger { o::OBJECT_TRIGGER } else { o::OBJECT_RULE };
        self.bump();
        let at = self.here();
        let name = self.col_id()?;
        self.expect(Kind::ON)?;
        let relation = self.qualified_name()?;
        if is_trigger && matches!(self.kind(), Kind::NO | Kind::DEPENDS) {
            let list = self.list(&[name.node()]);
            let object = self.list_node(list, at);
            return self.depends(first, objtype, relation, object);
        }
        self.expect_all(&[Kind::RENAME, Kind::TO])?;
        let new = self.col_id()?;
        Ok(mk!(self, RenameStmt, first, {
            renameType: objtype, relation: relation, subname: name.0, newname: new.0
        }))
    }

    fn alter_statistics(&mut self, first: u32) -> R {
        self.bump();
        let missing_ok = self.opt_if_exists()?;
        let at = self.here();
        let name = self.any_name()?;
        if missing_ok || self.is(Kind::SET) && self.peek(1) == Kind::STATISTICS {
            self.expect_all(&[Kind::SET, Kind::STATISTICS])?;
            let value = self.statistics_target()?;
            return Ok(mk!(self, AlterStatsStmt, first, {
                defnames: name, stxstattarget: value, missing_ok: u32::from(missing_ok)
            }));
        }
        let object = self.list_node(name, at);
        self.alter_name(first, o::OBJECT_STATISTIC_EXT, object)
    }

    /// `set_statistics_value`: an `Integer` node, none for DEFAULT.
    pub(crate) fn statistics_target(&mut self) -> R {
        if self.has(Feature::StatisticsDefault) && self.eat(Kind::DEFAULT) {
            return Ok(0);
        }
        let first = self.here();
        let value = self.signed_iconst()?;
        Ok(self.integer(value, first))
    }

    fn alter_tablespace(&mut self, first: u32) -> R {
        self.bump();
        let name = self.col_id()?;
        if !matches!(self.kind(), Kind::SET | Kind::RESET) {
            return self.alter_name(first, o::OBJECT_TABLESPACE, name.node());
        }
        let reset = self.is(Kind::RESET);
        self.bump();
        let options = self.reloptions()?;
        Ok(mk!(self, AlterTableSpaceOptionsStmt, first, {
            tablespacename: name.0, options: options, isReset: u32::from(reset)
        }))
    }

    fn alter_text_search(&mut self, first: u32) -> R {
        let objtype = self.text_search_kind()?;
        let at = self.here();
        let name = self.any_name()?;
        match self.kind() {
            Kind::LPAREN if objtype == o::OBJECT_TSDICTIONARY => {
                let options = self.definition()?;
                Ok(mk!(self, AlterTSDictionaryStmt, first, { dictname: name, options: options }))
            }
            Kind::ADD | Kind::ALTER | Kind::DROP if objtype == o::OBJECT_TSCONFIGURATION => {
                self.alter_ts_mapping(first, name)
            }
            _ => {
                let object = self.list_node(name, at);
                self.alter_name(first, objtype, object)
            }
        }
    }

    /// `ADD | ALTER | DROP MAPPING …`.
    fn alter_ts_mapping(&mut self, first: u32, name: u32) -> R {
        use e::AlterTSConfigType as t;
        let action = self.kind();
        self.bump();
        self.expect(Kind::MAPPING)?;
        let (mut missing_ok, mut tokens) = (false, 0);
        if action == Kind::DROP {
            missing_ok = self.is(Kind::IF);
            if missing_ok {
                self.expect_all(&[Kind::IF, Kind::EXISTS])?;
            }
        }
        let replaces_all = action == Kind::ALTER && self.is(Kind::REPLACE);
        if !replaces_all {
            self.expect(Kind::FOR)?;
            tokens = self.name_list()?;
        }
        let replaces = replaces_all || action == Kind::ALTER && self.is(Kind::REPLACE);
        let mut dicts = 0;
        if replaces {
            self.bump();
            let old = self.any_name_node()?;
            self.any_with()?;
            let new = self.any_name_node()?;
            dicts = self.list(&[old, new]);
        } else if action != Kind::DROP {
            self.any_with()?;
            dicts = self.any_name_list()?;
        }
        let kind = match (action, replaces_all, replaces) {
            (Kind::ADD, ..) => t::ALTER_TSCONFIG_ADD_MAPPING,
            (Kind::DROP, ..) => t::ALTER_TSCONFIG_DROP_MAPPING,
            (_, true, _) => t::ALTER_TSCONFIG_REPLACE_DICT,
            (_, _, true) => t::ALTER_TSCONFIG_REPLACE_DICT_FOR_TOKEN,
            _ => t::ALTER_TSCONFIG_ALTER_MAPPING_FOR_TOKEN,
        };
        let overrides = kind == t::ALTER_TSCONFIG_ALTER_MAPPING_FOR_TOKEN;
        Ok(mk!(self, AlterTSConfigurationStmt, first, {
            kind: kind, cfgname: name, tokentype: tokens, dicts: dicts, r#override: u32::from(overrides),
            replace: u32::from(replaces), missing_ok: u32::from(missing_ok)
        }))
    }

    /// `any_with`.
    fn any_with(&mut self) -> R<()> {
        if !matches!(self.kind(), Kind::WITH | Kind::WITH_LA) {
            return Err(self.unexpected());
        }
        self.bump();
        Ok(())
    }

    // ---- ALTER TYPE ----

    fn alter_type(&mut self, first: u32) -> R {
        self.bump();
        let (at, loc) = (self.here(), self.loc());
        let name = self.any_name()?;
        match (self.kind(), self.peek(1)) {
            (Kind::ADD | Kind::RENAME, Kind::VALUE) => self.alter_enum(first, name),
            (Kind::DROP, Kind::VALUE) if self.has(Feature::DropEnumValue) => self.alter_enum(first, name),
            (Kind::RENAME, Kind::ATTRIBUTE) => {
                self.at += 2;
                let old = self.col_id()?;
                self.expect(Kind::TO)?;
                let new = self.col_id()?;
                let behavior = self.opt_drop_behavior();
                let relation = self.range_var_of_any_name(name, loc, at)?;
                Ok(mk!(self, RenameStmt, first, {
                    renameType: o::OBJECT_ATTRIBUTE, relationType: o::OBJECT_TYPE, relation: relation, subname: old.0,
                    newname: new.0, behavior: behavior
                }))
            }
            (Kind::SET, Kind::LPAREN) => {
                self.bump();
                let options = self.paren_list(Self::operator_def)?;
                Ok(mk!(self, AlterTypeStmt, first, { typeName: name, options: options }))
            }
            (Kind::ADD | Kind::DROP | Kind::ALTER, _) => {
                let cmds = self.comma_list(Self::alter_type_cmd)?;
                let relation = self.range_var_of_any_name(name, loc, at)?;
                Ok(mk!(self, AlterTableStmt, first, {
                    relation: relation, cmds: cmds, objtype: o::OBJECT_TYPE
                }))
            }
            _ => {
                let object = self.list_node(name, at);
                self.alter_name(first, o::OBJECT_TYPE, object)
            }
        }
    }

    /// `AlterEnumStmt` behind the type's name.
    fn alter_enum(&mut self, first: u32, name: u32) -> R {
        let action = self.kind();
        let loc = self.loc();
        self.at += 2;
        match action {
            Kind::ADD => {
                let skip = self.opt_if_not_exists()?;
                let new = self.sconst()?;
                let (mut neighbor, mut is_after) = (TextId::NONE, true);
                if matches!(self.kind(), Kind::BEFORE | Kind::AFTER) {
                    is_after = self.is(Kind::AFTER);
                    self.bump();
                    neighbor = self.sconst()?;
                }
                Ok(mk!(self, AlterEnumStmt, first, {
                    typeName: name, newVal: new.0, newValNeighbor: neighbor.0, newValIsAfter: u32::from(is_after),
                    skipIfNewValExists: u32::from(skip)
                }))
            }
            Kind::RENAME => {
                let old = self.sconst()?;
                self.expect(Kind::TO)?;
                let new = self.sconst()?;
                Ok(mk!(self, AlterEnumStmt, first, { typeName: name, oldVal: old.0, newVal: new.0 }))
            }
            _ => {
                self.sconst()?;
                Err(self.refuse_feature(loc, "dropping an enum value is not implemented"))
            }
        }
    }

    /// `alter_type_cmd`.
    fn alter_type_cmd(&mut self) -> R {
        let first = self.here();
        let action = self.kind();
        if !matches!(action, Kind::ADD | Kind::DROP | Kind::ALTER) {
            return Err(self.unexpected());
        }
        self.bump();
        self.expect(Kind::ATTRIBUTE)?;
        match action {
            Kind::ADD => {
                let def = self.table_func_element()?;
                let behavior = self.opt_drop_behavior();
                Ok(
                    mk!(self, AlterTableCmd, first, { subtype: at::AT_AddColumn, def: def, behavior: behavior }),
                )
            }
            Kind::DROP => {
                let missing_ok = self.opt_if_exists()?;
                let name = self.col_id()?;
                let behavior = self.opt_drop_behavior();
                Ok(mk!(self, AlterTableCmd, first, {
                    subtype: at::AT_DropColumn, name: name.0, behavior: behavior, missing_ok: u32::from(missing_ok)
                }))
            }
            _ => self.alter_attribute(first),
        }
    }

    fn alter_attribute(&mut self, first: u32) -> R {
        let (at_name, loc) = (self.here(), self.loc());
        let name = self.col_id()?;
        if self.eat(Kind::SET) {
            self.expect(Kind::DATA)?;
        }
        self.expect(Kind::TYPE)?;
        let type_name = self.typename()?;
        let collation = self.opt_collate_clause()?;
        let behavior = self.opt_drop_behavior();
        let def =
            mk!(self, ColumnDef, at_name, { typeName: type_name, collClause: collation, location: loc });
        Ok(mk!(self, AlterTableCmd, first, {
            subtype: at::AT_AlterColumnType, name: name.0, def: def, behavior: behavior
        }))
    }
}

/// Whether `RENAME TO` applies to a kind of object.
fn can_rename(objtype: u32) -> bool {
    !matches!(objtype, o::OBJECT_EXTENSION | o::OBJECT_LARGEOBJECT | o::OBJECT_OPERATOR)
}

/// Whether `OWNER TO` applies to a kind of object.
fn can_change_owner(objtype: u32) -> bool {
    !matches!(objtype, o::OBJECT_EXTENSION | o::OBJECT_TSPARSER | o::OBJECT_TSTEMPLATE)
}

/// Whether `SET SCHEMA` applies to a kind of object.
fn can_change_schema(objtype: u32) -> bool {
    matches!(
        objtype,
        o::OBJECT_AGGREGATE
            | o::OBJECT_COLLATION
            | o::OBJECT_CONVERSION
            | o::OBJECT_DOMAIN
            | o::OBJECT_EXTENSION
            | o::OBJECT_FUNCTION
            | o::OBJECT_PROCEDURE
            | o::OBJECT_ROUTINE
            | o::OBJECT_OPERATOR
            | o::OBJECT_OPCLASS
            | o::OBJECT_OPFAMILY
            | o::OBJECT_STATISTIC_EXT
            | o::OBJECT_TSPARSER
            | o::OBJECT_TSDICTIONARY
            | o::OBJECT_TSTEMPLATE
            | o::OBJECT_TSCONFIGURATION
            | o::OBJECT_TYPE
    )
}
