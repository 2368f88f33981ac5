//! ALTER TABLE and its kin for indexes, sequences, views, materialized views and foreign tables; domains.
//!
//! Source: `AlterTableStmt`, `alter_table_cmd`, `AlterDomainStmt` in gram.y, PostgreSQL 18.

use crate::grammar::constraint::{Allowed, cas};
use crate::nodes::e;
use crate::parser::{Parser, R, mk, put};
use crate::token::Kind;
use crate::tree::TextId;
use crate::version::Feature;

use e::AlterTableType as t;
use e::ObjectType as o;

impl Parser<'_> {
    /// `ALTER TABLE | INDEX | SEQUENCE | VIEW | MATERIALIZED VIEW | FOREIGN TABLE`; the kind's last word is the current
    /// token.
    pub(crate) fn alter_relation(&mut self, first: u32, object: u32) -> R {
        self.bump();
        let movable = matches!(object, o::OBJECT_TABLE | o::OBJECT_INDEX | o::OBJECT_MATVIEW);
        if movable && self.is(Kind::ALL) {
            return self.alter_move_all(first, object);
        }
        let missing_ok = self.opt_if_exists()?;
        let inheriting = matches!(object, o::OBJECT_TABLE | o::OBJECT_FOREIGN_TABLE);
        let relation = if inheriting { self.relation_expr()? } else { self.qualified_name()? };
        if let Some(node) = self.alter_relation_tail(first, object, relation, missing_ok)? {
            return Ok(node);
        }
        match self.kind() {
            Kind::ATTACH | Kind::DETACH if object == o::OBJECT_TABLE => {
                let command = self.partition_cmd()?;
                return self.alter_table_node(first, object, relation, command, missing_ok);
            }
            Kind::ATTACH if object == o::OBJECT_INDEX && !missing_ok => {
                let command = self.index_partition_cmd()?;
                return self.alter_table_node(first, object, relation, command, false);
            }
            _ => {}
        }
        if object == o::OBJECT_SEQUENCE && self.at_seq_option() {
            let options = self.seq_options()?;
            return Ok(mk!(self, AlterSeqStmt, first, {
                sequence: relation, options: options, missing_ok: u32::from(missing_ok)
            }));
        }
        let commands = self.comma_list(Self::alter_table_cmd)?;
        self.alter_table_node(first, object, relation, commands, missing_ok)
    }

    fn alter_table_node(
        &mut self,
        first: u32,
        object: u32,
        relation: u32,
        commands: u32,
        missing: bool,
    ) -> R {
        Ok(mk!(self, AlterTableStmt, first, {
            relation: relation, cmds: commands, objtype: object, missing_ok: u32::from(missing)
        }))
    }

    fn alter_move_all(&mut self, first: u32, object: u32) -> R {
        self.expect_all(&[Kind::ALL, Kind::IN, Kind::TABLESPACE])?;
        let from = self.col_id()?;
        let mut roles = 0;
        if self.eat(Kind::OWNED) {
            self.expect(Kind::BY)?;
            roles = self.role_list()?;
        }
        self.expect_all(&[Kind::SET, Kind::TABLESPACE])?;
        let to = self.col_id()?;
        let nowait = self.eat(Kind::NOWAIT);
        Ok(mk!(self, AlterTableMoveAllStmt, first, {
            orig_tablespacename: from.0, objtype: object, roles: roles, new_tablespacename: to.0,
            nowait: u32::from(nowait)
        }))
    }

    // ---- partitions ----

    fn partition_cmd(&mut self) -> R {
        let first = self.here();
        let attach = self.is(Kind::ATTACH);
        self.bump();
        self.expect(Kind::PARTITION)?;
        let name = self.qualified_name()?;
        let (mut kind, mut bound, mut concurrent) = (t::AT_AttachPartition, 0, false);
        if attach {
            bound = self.partition_bound()?;
        } else if self.eat(Kind::FINALIZE) {
            kind = t::AT_DetachPartitionFinalize;
        } else {
            kind = t::AT_DetachPartition;
            concurrent = self.eat(Kind::CONCURRENTLY);
        }
        let def = mk!(self, PartitionCmd, first, {
            name: name, bound: bound, concurrent: u32::from(concurrent)
        });
        let command = self.command(kind, 0, def, first);
        Ok(self.list(&[command]))
    }

    fn index_partition_cmd(&mut self) -> R {
        let first = self.here();
        self.expect_all(&[Kind::ATTACH, Kind::PARTITION])?;
        let name = self.qualified_name()?;
        let def = mk!(self, PartitionCmd, first, { name: name });
        let command = self.command(t::AT_AttachPartition, 0, def, first);
        Ok(self.list(&[command]))
    }

    // ---- commands ----

    /// `AlterTableCmd`.
    fn command(&mut self, kind: u32, name: u32, def: u32, first: u32) -> u32 {
        mk!(self, AlterTableCmd, first, { subtype: kind, name: name, def: def })
    }

    /// `alter_table_cmd`.
    fn alter_table_cmd(&mut self) -> R {
        let first = self.here();
        let kind = self.kind();
        match kind {
            Kind::ADD => self.add_cmd(first),
            Kind::ALTER => self.alter_cmd(first),
            Kind::DROP => self.drop_cmd(first),
            Kind::SET => self.set_cmd(first),
            Kind::ENABLE | Kind::DISABLE => self.enable_cmd(first),
            Kind::VALIDATE => {
                self.bump();
                self.expect(Kind::CONSTRAINT)?;
                let name = self.col_id()?;
                Ok(self.command(t::AT_ValidateConstraint, name.0, 0, first))
            }
            Kind::CLUSTER => {
                self.bump();
                self.expect(Kind::ON)?;
                let name = self.col_id()?;
                Ok(self.command(t::AT_ClusterOn, name.0, 0, first))
            }
            Kind::INHERIT => {
                self.bump();
                let parent = self.qualified_name()?;
                Ok(self.command(t::AT_AddInherit, 0, parent, first))
            }
            Kind::NO => {
                self.bump();
                if self.eat(Kind::INHERIT) {
                    let parent = self.qualified_name()?;
                    return Ok(self.command(t::AT_DropInherit, 0, parent, first));
                }
                self.expect_all(&[Kind::FORCE, Kind::ROW, Kind::LEVEL, Kind::SECURITY])?;
                Ok(self.command(t::AT_NoForceRowSecurity, 0, 0, first))
            }
            Kind::FORCE => {
                self.expect_all(&[Kind::FORCE, Kind::ROW, Kind::LEVEL, Kind::SECURITY])?;
                Ok(self.command(t::AT_ForceRowSecurity, 0, 0, first))
            }
            Kind::OF => {
                self.bump();
                let at = self.here();
                let name = self.any_name()?;
                let def = self.type_of_names(name, at);
                Ok(self.command(t::AT_AddOf, 0, def, first))
            }
            Kind::NOT => {
                self.bump();
                self.expect(Kind::OF)?;
                Ok(self.command(t::AT_DropOf, 0, 0, first))
            }
            Kind::OWNER => {
                self.bump();
                self.expect(Kind::TO)?;
                let owner = self.role_spec()?;
                let node = self.command(t::AT_ChangeOwner, 0, 0, first);
                put!(self, node, AlterTableCmd.newowner, owner);
                Ok(node)
            }
            Kind::RESET => {
                self.bump();
                let at = self.here();
                let options = self.reloptions()?;
                let options = self.list_node(options, at);
                Ok(self.command(t::AT_ResetRelOptions, 0, options, first))
            }
            Kind::REPLICA => self.replica_identity(first),
            Kind::OPTIONS => {
                let options = self.alter_generic_options()?;
                let options = self.list_node(options, first);
                Ok(self.command(t::AT_GenericOptions, 0, options, first))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn add_cmd(&mut self, first: u32) -> R {
        self.bump();
        if self.at_table_constraint() {
            let constraint = self.table_constraint()?;
            return Ok(self.command(t::AT_AddConstraint, 0, constraint, first));
        }
        self.eat(Kind::COLUMN);
        let missing_ok = self.opt_if_not_exists()?;
        let column = self.column_def()?;
        let node = self.command(t::AT_AddColumn, 0, column, first);
        put!(self, node, AlterTableCmd.missing_ok, u32::from(missing_ok));
        Ok(node)
    }

    fn drop_cmd(&mut self, first: u32) -> R {
        self.bump();
        let kind = if self.eat(Kind::CONSTRAINT) {
            t::AT_DropConstraint
        } else {
            self.eat(Kind::COLUMN);
            t::AT_DropColumn
        };
        let missing_ok = self.opt_if_exists()?;
        let name = self.col_id()?;
        let behavior = self.opt_drop_behavior();
        let node = self.command(kind, name.0, 0, first);
        put!(self, node, AlterTableCmd.behavior, behavior);
        put!(self, node, AlterTableCmd.missing_ok, u32::from(missing_ok));
        Ok(node)
    }

    fn set_cmd(&mut self, first: u32) -> R {
        self.bump();
        let at = self.here();
        let kind = match self.kind() {
            Kind::LPAREN => {
                let options = self.reloptions()?;
                let options = self.list_node(options, at);
                return Ok(self.command(t::AT_SetRelOptions, 0, options, first));
            }
            Kind::WITHOUT => {
                self.bump();
                match self.kind() {
                    Kind::OIDS => t::AT_DropOids,
                    Kind::CLUSTER => t::AT_DropCluster,
                    _ => return Err(self.unexpected()),
                }
            }
            Kind::LOGGED => t::AT_SetLogged,
            Kind::UNLOGGED => t::AT_SetUnLogged,
            Kind::ACCESS if self.has(Feature::TableAccessMethod) => {
                self.bump();
                self.expect(Kind::METHOD)?;
                let default = self.has(Feature::AccessMethodDefault) && self.eat(Kind::DEFAULT);
                let name = if default { TextId::NONE } else { self.col_id()? };
                return Ok(self.command(t::AT_SetAccessMethod, name.0, 0, first));
            }
            Kind::TABLESPACE => {
                self.bump();
                let name = self.col_id()?;
                return Ok(self.command(t::AT_SetTableSpace, name.0, 0, first));
            }
            _ => return Err(self.unexpected()),
        };
        self.bump();
        Ok(self.command(kind, 0, 0, first))
    }

    fn enable_cmd(&mut self, first: u32) -> R {
        let enable = self.is(Kind::ENABLE);
        self.bump();
        let mode = self.kind();
        if self.is(Kind::ROW) {
            self.expect_all(&[Kind::ROW, Kind::LEVEL, Kind::SECURITY])?;
            let kind = if enable { t::AT_EnableRowSecurity } else { t::AT_DisableRowSecurity };
            return Ok(self.command(kind, 0, 0, first));
        }
        let special = enable && matches!(mode, Kind::ALWAYS | Kind::REPLICA);
        if special {
            self.bump();
        }
        if self.eat(Kind::RULE) {
            let kind = match (enable, mode) {
                (true, Kind::ALWAYS) => t::AT_EnableAlwaysRule,
                (true, Kind::REPLICA) => t::AT_EnableReplicaRule,
                (true, _) => t::AT_EnableRule,
                (false, _) => t::AT_DisableRule,
            };
            let name = self.col_id()?;
            return Ok(self.command(kind, name.0, 0, first));
        }
        self.expect(Kind::TRIGGER)?;
        let all = match self.kind() {
            Kind::ALL if !special => Some(if enable { t::AT_EnableTrigAll } else { t::AT_DisableTrigAll }),
            Kind::USER if !special => Some(if enable { t::AT_EnableTrigUser } else { t::AT_DisableTrigUser }),
            _ => None,
        };
        if let Some(kind) = all {
            self.bump();
            return Ok(self.command(kind, 0, 0, first));
        }
        let kind = match (enable, mode) {
            (true, Kind::ALWAYS) => t::AT_EnableAlwaysTrig,
            (true, Kind::REPLICA) => t::AT_EnableReplicaTrig,
            (true, _) => t::AT_EnableTrig,
            (false, _) => t::AT_DisableTrig,
        };
        let name = self.col_id()?;
        Ok(self.command(kind, name.0, 0, first))
    }

    fn replica_identity(&mut self, first: u32) -> R {
        self.expect_all(&[Kind::REPLICA, Kind::IDENTITY])?;
        let (letter, mut name) = match self.kind() {
            Kind::NOTHING => (b'n', TextId::NONE),
            Kind::FULL => (b'f', TextId::NONE),
            Kind::DEFAULT => (b'd', TextId::NONE),
            Kind::USING => (b'i', TextId::NONE),
            _ => return Err(self.unexpected()),
        };
        self.bump();
        if letter == b'i' {
            self.expect(Kind::INDEX)?;
            name = self.col_id()?;
        }
        let def = mk!(self, ReplicaIdentityStmt, first, { identity_type: u32::from(letter), name: name.0 });
        Ok(self.command(t::AT_ReplicaIdentity, 0, def, first))
    }

    // ---- ALTER COLUMN, ALTER CONSTRAINT ----

    fn alter_cmd(&mut self, first: u32) -> R {
        self.bump();
        if self.eat(Kind::CONSTRAINT) {
            return self.alter_constraint(first);
        }
        self.eat(Kind::COLUMN);
        let at = self.here();
        if self.is(Kind::ICONST) {
            return self.alter_numbered_column(first);
        }
        let name = self.col_id()?;
        match self.kind() {
            Kind::SET => self.alter_column_set(first, name, at),
            Kind::DROP => self.alter_column_drop(first, name),
            Kind::RESET => {
                self.bump();
                let at = self.here();
                let options = self.reloptions()?;
                let options = self.list_node(options, at);
                Ok(self.command(t::AT_ResetOptions, name.0, options, first))
            }
            Kind::ADD => self.alter_column_identity(first, name),
            Kind::TYPE => self.alter_column_type(first, name, at),
            Kind::RESTART => self.identity_options(first, name),
            Kind::OPTIONS => {
                let at = self.here();
                let options = self.alter_generic_options()?;
                let options = self.list_node(options, at);
                Ok(self.command(t::AT_AlterColumnGenericOptions, name.0, options, first))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn alter_constraint(&mut self, first: u32) -> R {
        let name = self.col_id()?;
        if self.has(Feature::AlterConstraintInherit) && self.eat(Kind::INHERIT) {
            let def = mk!(self, ATAlterConstraint, first, { conname: name.0, alterInheritability: 1 });
            return Ok(self.command(t::AT_AlterConstraint, 0, def, first));
        }
        let (bits, loc) = self.constraint_attribute_spec()?;
        let has = |mask: u32| u32::from(bits & mask != 0);
        let named = self.has(Feature::AlterConstraintInherit);
        if bits & cas::NOT_VALID != 0 && named {
            return Err(self.refuse_feature(loc, "constraints cannot be altered to be NOT VALID"));
        }
        let allowed = Allowed {
            name: "FOREIGN KEY",
            deferrable: true,
            enforced: true,
            not_valid: false,
            no_inherit: named,
        };
        self.check_attributes(bits, loc, allowed)?;
        let deferred = cas::INITIALLY_DEFERRED;
        let def = mk!(self, ATAlterConstraint, first, {
            conname: name.0,
            alterEnforceability: has(cas::NOT_ENFORCED | cas::ENFORCED),
            is_enforced: 1 - has(cas::NOT_ENFORCED),
            alterDeferrability:
                has(cas::DEFERRABLE | cas::NOT_DEFERRABLE | deferred | cas::INITIALLY_IMMEDIATE),
            deferrable: has(cas::DEFERRABLE | deferred),
            initdeferred: has(deferred),
            alterInheritability: has(cas::NO_INHERIT),
            noinherit: has(cas::NO_INHERIT)
        });
        Ok(self.command(t::AT_AlterConstraint, 0, def, first))
    }

    fn alter_numbered_column(&mut self, first: u32) -> R {
        let loc = self.loc();
        let number = self.iconst()?;
        self.expect_all(&[Kind::SET, Kind::STATISTICS])?;
        let value = self.statistics_target()?;
        if !(1..=32767).contains(&number) {
            return Err(self.refuse("22023", loc, "column number must be in range from 1 to 32767"));
        }
        let node = self.command(t::AT_SetStatistics, 0, value, first);
        put!(self, node, AlterTableCmd.num, number as u32);
        Ok(node)
    }

    fn alter_column_set(&mut self, first: u32, name: TextId, column: u32) -> R {
        let set = self.here();
        match self.peek(1) {
            Kind::DATA => {
                self.bump();
                self.bump();
                return self.alter_column_type(first, name, column);
            }
            Kind::GENERATED => return self.identity_options(first, name),
            _ => {}
        }
        self.bump();
        let at = self.here();
        match self.kind() {
            Kind::DEFAULT => {
                self.bump();
                let value = self.a_expr()?;
                Ok(self.command(t::AT_ColumnDefault, name.0, value, first))
            }
            Kind::NOT => {
                self.expect_all(&[Kind::NOT, Kind::NULL])?;
                Ok(self.command(t::AT_SetNotNull, name.0, 0, first))
            }
            Kind::EXPRESSION if self.has(Feature::SetExpression) => {
                self.expect_all(&[Kind::EXPRESSION, Kind::AS, Kind::LPAREN])?;
                let value = self.a_expr()?;
                self.expect(Kind::RPAREN)?;
                Ok(self.command(t::AT_SetExpression, name.0, value, first))
            }
            Kind::STATISTICS => {
                self.bump();
                let value = self.statistics_target()?;
                Ok(self.command(t::AT_SetStatistics, name.0, value, first))
            }
            Kind::LPAREN => {
                let options = self.reloptions()?;
                let options = self.list_node(options, at);
                Ok(self.command(t::AT_SetOptions, name.0, options, first))
            }
            Kind::STORAGE | Kind::COMPRESSION => {
                let kind = if self.is(Kind::STORAGE) { t::AT_SetStorage } else { t::AT_SetCompression };
                let value = TextId(self.storage_or_compression()?).node();
                Ok(self.command(kind, name.0, value, first))
            }
            _ => {
                self.at = set as usize;
                self.identity_options(first, name)
            }
        }
    }

    fn alter_column_drop(&mut self, first: u32, name: TextId) -> R {
        self.bump();
        let kind = match self.kind() {
            Kind::DEFAULT => t::AT_ColumnDefault,
            Kind::NOT => {
                self.expect_all(&[Kind::NOT, Kind::NULL])?;
                return Ok(self.command(t::AT_DropNotNull, name.0, 0, first));
            }
            Kind::EXPRESSION => t::AT_DropExpression,
            Kind::IDENTITY => t::AT_DropIdentity,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let mut missing_ok = false;
        if kind != t::AT_ColumnDefault && self.eat(Kind::IF) {
            self.expect(Kind::EXISTS)?;
            missing_ok = true;
        }
        let node = self.command(kind, name.0, 0, first);
        put!(self, node, AlterTableCmd.missing_ok, u32::from(missing_ok));
        Ok(node)
    }

    fn alter_column_identity(&mut self, first: u32, name: TextId) -> R {
        self.bump();
        let (at, loc) = (self.here(), self.loc());
        self.expect(Kind::GENERATED)?;
        let when = self.generated_when()?;
        self.expect_all(&[Kind::AS, Kind::IDENTITY])?;
        let options = self.paren_seq_options()?;
        let constraint = mk!(self, Constraint, at, {
            contype: e::ConstrType::CONSTR_IDENTITY, generated_when: when, options: options, location: loc
        });
        Ok(self.command(t::AT_AddIdentity, name.0, constraint, first))
    }

    /// `alter_identity_column_option_list`.
    fn identity_options(&mut self, first: u32, name: TextId) -> R {
        let at = self.here();
        let mark = self.mark();
        while matches!(self.kind(), Kind::RESTART | Kind::SET) {
            let option = self.identity_option()?;
            self.item(option);
        }
        let options = self.list_from(mark);
        let options = self.list_node(options, at);
        Ok(self.command(t::AT_SetIdentity, name.0, options, first))
    }

    fn identity_option(&mut self) -> R {
        let first = self.at;
        if self.is(Kind::RESTART) {
            return self.seq_option();
        }
        self.bump();
        if self.eat(Kind::GENERATED) {
            let at = self.here();
            let when = self.generated_when()?;
            let when = self.integer(when as i32, at);
            return Ok(self.def("generated", when, first));
        }
        let loc = self.loc();
        let option = self.seq_option()?;
        let name = self.def_name(option);
        if matches!(name.as_str(), "as" | "restart" | "owned_by") {
            let message = alloc::format!("sequence option \"{name}\" not supported here");
            return Err(self.refuse_syntax(loc, message));
        }
        Ok(option)
    }

    fn alter_column_type(&mut self, first: u32, name: TextId, column: u32) -> R {
        self.expect(Kind::TYPE)?;
        let type_name = self.typename()?;
        let collation = self.opt_collate_clause()?;
        let using = if self.eat(Kind::USING) { self.a_expr()? } else { 0 };
        let loc = self.loc_of(column as usize);
        let def = mk!(self, ColumnDef, column, {
            typeName: type_name, collClause: collation, raw_default: using, location: loc
        });
        Ok(self.command(t::AT_AlterColumnType, name.0, def, first))
    }

    // ---- domains ----

    /// `CREATE DOMAIN`; `DOMAIN` is the current token.
    pub(crate) fn create_domain(&mut self, first: u32) -> R {
        self.bump();
        let name = self.any_name()?;
        self.eat(Kind::AS);
        let type_name = self.typename()?;
        let (constraints, collation) = self.split_col_quals()?;
        Ok(mk!(self, CreateDomainStmt, first, {
            domainname: name, typeName: type_name, collClause: collation, constraints: constraints
        }))
    }

    /// `ALTER DOMAIN` with a change of its own; the name has been read. `None` where another rule must go on.
    pub(crate) fn alter_domain(&mut self, first: u32, name: u32) -> R<Option<u32>> {
        let kind = self.kind();
        let (letter, mut def, mut constraint, mut behavior, mut missing_ok) = match (kind, self.peek(1)) {
            (Kind::SET, Kind::SCHEMA) => return Ok(None),
            (Kind::SET | Kind::DROP, Kind::DEFAULT) => (b'T', 0, TextId::NONE, 0, false),
            (Kind::SET, _) => (b'O', 0, TextId::NONE, 0, false),
            (Kind::DROP, Kind::CONSTRAINT) => (b'X', 0, TextId::NONE, 0, false),
            (Kind::DROP, _) => (b'N', 0, TextId::NONE, 0, false),
            (Kind::ADD, _) => (b'C', 0, TextId::NONE, 0, false),
            (Kind::VALIDATE, _) => (b'V', 0, TextId::NONE, 0, false),
            _ => return Ok(None),
        };
        self.bump();
        match letter {
            b'T' => {
                self.bump();
                if kind == Kind::SET {
                    def = self.a_expr()?;
                }
            }
            b'C' => def = self.domain_constraint()?,
            b'X' => {
                self.bump();
                missing_ok = self.opt_if_exists()?;
                constraint = self.col_id()?;
                behavior = self.opt_drop_behavior();
            }
            b'V' => {
                self.expect(Kind::CONSTRAINT)?;
                constraint = self.col_id()?;
            }
            _ => self.expect_all(&[Kind::NOT, Kind::NULL])?,
        }
        Ok(Some(mk!(self, AlterDomainStmt, first, {
            subtype: u32::from(letter), typeName: name, name: constraint.0, def: def, behavior: behavior,
            missing_ok: u32::from(missing_ok)
        })))
    }
}
