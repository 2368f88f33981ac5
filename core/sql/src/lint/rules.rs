//! The rules, by statement.

use alloc::format;
use alloc::string::{String, ToString};

use super::columns::{ColumnDefault, default_of, not_null_column};
use super::{Linter, Rule, TableName};
use crate::nodes::Tag;
use crate::text::NAME_LEN_MAX;
use crate::token::Kind;
use crate::tree::{Node, Text, Value};
use crate::version::Version;
use crate::views::{
    AlterDomainStmt, AlterTableCmd, AlterTableStmt, ClusterStmt, ColumnDef, Constraint, CreateSchemaStmt,
    CreateStmt, CreateTableAsStmt, DropStmt, IndexStmt, PartitionCmd, RangeVar, RefreshMatViewStmt,
    ReindexStmt, RenameStmt, TransactionStmt, TruncateStmt, VacuumStmt, VariableSetStmt,
};

pub(super) fn text_of(text: Option<Text<'_>>) -> String {
    text.map_or_else(String::new, |text| text.read().into_owned())
}

pub(super) fn name_of(table: RangeVar<'_>) -> TableName {
    (text_of(table.schemaname()), text_of(table.relname()))
}

impl<'t> Linter<'t, '_> {
    pub(super) fn statement(&mut self, node: Node<'t>) {
        self.long_names(node);
        match node.tag() {
            Tag::TransactionStmt => self.transaction(node),
            Tag::VariableSetStmt => self.setting(node),
            Tag::CreateStmt => self.create_table(node),
            Tag::CreateTableAsStmt => self.create_table_as(node),
            Tag::CreateSchemaStmt => self.create_schema(node),
            Tag::AlterTableStmt => self.alter_table(node),
            Tag::AlterDomainStmt => self.alter_domain(node),
            Tag::IndexStmt => self.create_index(node),
            Tag::DropStmt => self.drop_objects(node),
            Tag::DropdbStmt => {
                self.report_node(
                    Rule::BanDropDatabase,
                    node,
                    "all of the database is lost",
                    "drop it by hand",
                );
            }
            Tag::ReindexStmt => self.reindex(node),
            Tag::RefreshMatViewStmt => self.refresh(node),
            Tag::RenameStmt => self.rename(node),
            Tag::TruncateStmt => self.truncate(node),
            Tag::VacuumStmt | Tag::ClusterStmt => self.rewrite_table(node),
            Tag::CreateSeqStmt | Tag::CreateExtensionStmt => self.if_not_exists(node),
            _ => {}
        }
    }

    /// Whether a table is one that this text has made: nobody waits for it.
    pub(super) fn is_new(&self, table: &TableName) -> bool {
        self.state.created.contains(table)
            || table.0.is_empty() && self.state.created.iter().any(|created| created.1 == table.1)
    }

    /// A lock that others may have to wait for.
    fn takes_lock(&mut self, node: Node<'t>) {
        if !self.state.has_timeout {
            let help = "SET lock_timeout = '1s' before it";
            self.report_node(
                Rule::RequireTimeouts,
                node,
                "all who come behind this wait as long as it does",
                help,
            );
        }
    }

    fn concurrent(&mut self, node: Node<'t>) {
        if self.state.in_transaction {
            let message = "CONCURRENTLY cannot run inside a transaction";
            let help = "run it alone, outside BEGIN and COMMIT";
            self.report_node(Rule::BanConcurrentInTransaction, node, message, help);
        }
    }

    // ---- transactions and settings ----

    fn transaction(&mut self, node: Node<'t>) {
        let Some(statement) = node.view::<TransactionStmt<'_>>() else { return };
        match statement.kind() {
            "TRANS_STMT_BEGIN" | "TRANS_STMT_START" => {
                if self.state.in_transaction {
                    let message = "a transaction is open already: this one is not opened, and its COMMIT ends the other";
                    self.report_node(Rule::TransactionNesting, node, message, "leave it out");
                } else {
                    self.state.begun = Some(node.range());
                }
                self.state.in_transaction = true;
                self.state.not_valid_here.clear();
            }
            "TRANS_STMT_COMMIT" | "TRANS_STMT_ROLLBACK" | "TRANS_STMT_PREPARE" => {
                if self.settings.in_transaction || !self.state.in_transaction {
                    let message = "this ends a transaction that the text has not opened";
                    self.report_node(Rule::TransactionNesting, node, message, "leave it out");
                }
                self.state.in_transaction = self.settings.in_transaction || statement.chain();
                self.state.begun = statement.chain().then(|| node.range());
                self.state.not_valid_here.clear();
            }
            _ => {}
        }
    }

    fn setting(&mut self, node: Node<'t>) {
        if let Some(set) = node.view::<VariableSetStmt<'_>>() {
            self.state.has_timeout |= text_of(set.name()) == "lock_timeout";
        }
    }

    // ---- CREATE ----

    fn create_table(&mut self, node: Node<'t>) {
        let Some(create) = node.view::<CreateStmt<'_>>() else { return };
        let Some(relation) = create.relation() else { return };
        self.state.created.insert(name_of(relation));
        let temporary = relation.relpersistence() == Some('t');
        if !temporary {
            self.if_not_exists(node);
        }
        for element in create.tableElts().iter().flatten() {
            if let Some(column) = element.view::<ColumnDef<'_>>() {
                self.column_type(column);
            }
        }
    }

    fn create_table_as(&mut self, node: Node<'t>) {
        let Some(create) = node.view::<CreateTableAsStmt<'_>>() else { return };
        if let Some(relation) = create.into().and_then(|into| into.rel()) {
            self.state.created.insert(name_of(relation));
        }
    }

    fn create_schema(&mut self, node: Node<'t>) {
        let Some(create) = node.view::<CreateSchemaStmt<'_>>() else { return };
        for element in create.schemaElts().iter().flatten() {
            self.statement(element);
        }
    }

    /// A statement that fails where the object is there already, outside a transaction that would take all of it back.
    fn if_not_exists(&mut self, node: Node<'t>) {
        if self.state.in_transaction || matches!(node.get("if_not_exists"), Value::Number(1)) {
            return;
        }
        let message = "run again after a failure further down, this fails";
        self.report_node(Rule::PreferRobust, node, message, "add IF NOT EXISTS");
    }

    fn create_index(&mut self, node: Node<'t>) {
        let Some(index) = node.view::<IndexStmt<'_>>() else { return };
        let Some(relation) = index.relation() else { return };
        let new = self.is_new(&name_of(relation));
        if index.concurrent() {
            self.concurrent(node);
        } else if !new {
            let message = "writes to the table wait until the index is built (SHARE lock)";
            self.report_node(Rule::ConcurrentIndex, node, message, "CREATE INDEX CONCURRENTLY");
            self.takes_lock(node);
        }
        if index.idxname().is_some() && !new && (index.concurrent() || !self.state.in_transaction) {
            let robust = index.if_not_exists();
            if !robust {
                let message = "run again after a failure further down, this fails";
                self.report_node(Rule::PreferRobust, node, message, "add IF NOT EXISTS");
            }
        }
    }

    // ---- DROP, TRUNCATE, REINDEX, REFRESH, VACUUM, CLUSTER ----

    fn drop_objects(&mut self, node: Node<'t>) {
        let Some(statement) = node.view::<DropStmt<'_>>() else { return };
        let kind = statement.removeType();
        match kind {
            "OBJECT_INDEX" if statement.concurrent() => self.concurrent(node),
            "OBJECT_INDEX" => {
                let message = "all use of the table waits behind this (ACCESS EXCLUSIVE lock)";
                self.report_node(Rule::ConcurrentDeletion, node, message, "DROP INDEX CONCURRENTLY");
            }
            "OBJECT_TABLE" if !self.drops_only_new(statement) => {
                let message = "programs that still use the table fail, and its rows are lost";
                self.report_node(Rule::BanDropTable, node, message, "drop it when nobody uses it any more");
                self.takes_lock(node);
            }
            _ => {}
        }
        let robust = matches!(
            kind,
            "OBJECT_INDEX" | "OBJECT_TABLE" | "OBJECT_VIEW" | "OBJECT_TYPE" | "OBJECT_SEQUENCE"
        );
        if robust && !statement.missing_ok() && !self.state.in_transaction {
            let message = "run again after a failure further down, this fails";
            self.report_node(Rule::PreferRobust, node, message, "add IF EXISTS");
        }
    }

    fn drops_only_new(&self, statement: DropStmt<'t>) -> bool {
        statement.objects().iter().flatten().all(|object| {
            let Value::List(parts) = object.get("items") else { return false };
            let part = |back: usize| {
                let part = parts.len().checked_sub(back).and_then(|index| parts.get(index)?.string());
                text_of(part)
            };
            self.is_new(&(part(2), part(1)))
        })
    }

    fn truncate(&mut self, node: Node<'t>) {
        let Some(statement) = node.view::<TruncateStmt<'_>>() else { return };
        if statement.behavior() == "DROP_CASCADE" {
            let message = "tables that refer to these are emptied too";
            self.report_node(Rule::BanTruncateCascade, node, message, "name the tables, without CASCADE");
        }
    }

    fn reindex(&mut self, node: Node<'t>) {
        let Some(statement) = node.view::<ReindexStmt<'_>>() else { return };
        let concurrently = statement.params().iter().flatten().any(
            |option| matches!(option.get("defname"), Value::Text(name) if name.read() == "concurrently"),
        );
        if concurrently {
            self.concurrent(node);
        } else if statement.kind() != "REINDEX_OBJECT_SYSTEM" {
            let message = "writes wait until the indexes are built anew";
            self.report_node(Rule::ConcurrentReindex, node, message, "REINDEX … CONCURRENTLY");
            self.takes_lock(node);
        }
    }

    fn refresh(&mut self, node: Node<'t>) {
        let Some(statement) = node.view::<RefreshMatViewStmt<'_>>() else { return };
        let new = statement.relation().is_some_and(|view| self.is_new(&name_of(view)));
        if !statement.concurrent() && !statement.skipData() && !new {
            let message = "readers of the view wait until it is filled (ACCESS EXCLUSIVE lock)";
            let help = "REFRESH MATERIALIZED VIEW CONCURRENTLY; it needs a unique index";
            self.report_node(Rule::ConcurrentRefresh, node, message, help);
        }
    }

    fn rewrite_table(&mut self, node: Node<'t>) {
        let full =
            match node.view::<VacuumStmt<'_>>() {
                Some(vacuum) => vacuum.options().iter().flatten().any(
                    |option| matches!(option.get("defname"), Value::Text(name) if name.read() == "full"),
                ),
                None => node.view::<ClusterStmt<'_>>().is_some(),
            };
        if full {
            let message = "the table is closed to all while it is written anew (ACCESS EXCLUSIVE lock)";
            let help =
                if self.settings.version >= Version::V19 { "REPACK (CONCURRENTLY)" } else { "use pg_repack" };
            self.report_node(Rule::VacuumFull, node, message, help);
        }
    }

    fn rename(&mut self, node: Node<'t>) {
        let Some(rename) = node.view::<RenameStmt<'_>>() else { return };
        if rename.relation().is_some_and(|table| self.is_new(&name_of(table))) {
            return;
        }
        let (rule, message, help) = match rename.renameType() {
            "OBJECT_COLUMN" => (
                Rule::RenamingColumn,
                "programs that still use the old name fail",
                "add a column with the new name, fill it, drop the old one later",
            ),
            "OBJECT_TABLE" => (
                Rule::RenamingTable,
                "programs that still use the old name fail",
                "leave a view with the old name until nobody uses it",
            ),
            _ => return,
        };
        self.report_node(rule, node, message, help);
    }

    // ---- ALTER TABLE ----

    fn alter_table(&mut self, node: Node<'t>) {
        let Some(alter) = node.view::<AlterTableStmt<'_>>() else { return };
        let Some(relation) = alter.relation() else { return };
        if !matches!(alter.objtype(), "OBJECT_TABLE" | "OBJECT_FOREIGN_TABLE") {
            return;
        }
        let table = name_of(relation);
        let before = self.found.len();
        for command in alter.cmds().iter().flatten() {
            if let Some(command) = command.view::<AlterTableCmd<'_>>() {
                self.alter_command(node, command, &table);
            }
        }
        if self.found.len() > before || !self.is_new(&table) {
            self.takes_lock(node);
        }
    }

    fn alter_command(&mut self, statement: Node<'t>, command: AlterTableCmd<'t>, table: &TableName) {
        use crate::views::View as _;
        let node = command.node();
        let new = self.is_new(table);
        let column = text_of(command.name());
        match command.subtype() {
            "AT_AddColumn" => {
                if let Some(def) = command.def().and_then(|def| def.view::<ColumnDef<'_>>()) {
                    self.column_type(def);
                    if !new {
                        self.add_column(node, def, table);
                    }
                }
                if !command.missing_ok() && !self.state.in_transaction && !new {
                    let message = "run again after a failure further down, this fails";
                    self.report_node(Rule::PreferRobust, node, message, "add IF NOT EXISTS");
                }
            }
            "AT_AddConstraint" => {
                if let Some(constraint) = command.def().and_then(|def| def.view::<Constraint<'_>>()) {
                    self.add_constraint(node, constraint, table, new);
                }
            }
            "AT_ValidateConstraint" => self.validate(node, table, &column),
            "AT_SetNotNull" if !new => self.set_not_null(node, table, &column),
            "AT_DropNotNull" if !new => {
                let message = "readers may meet nulls that they do not expect";
                self.report_node(Rule::BanDropNotNull, node, message, "let all readers handle nulls first");
            }
            "AT_DropColumn" if !new => {
                let message = "programs that still use the column fail, and its values are lost";
                self.report_node(Rule::BanDropColumn, node, message, "drop it when nobody uses it any more");
            }
            "AT_DropColumn" | "AT_DropConstraint" => {}
            "AT_AlterColumnType" if !new => {
                let message = "the table is written anew while all else waits (ACCESS EXCLUSIVE lock)";
                let help = "add a column of the new type, fill it in steps, then change over";
                self.report_node(Rule::ChangingColumnType, node, message, help);
            }
            "AT_AlterColumnType" => {
                if let Some(def) = command.def().and_then(|def| def.view::<ColumnDef<'_>>()) {
                    self.column_type(def);
                }
            }
            "AT_DetachPartition" => {
                let concurrent = command
                    .def()
                    .and_then(|def| def.view::<PartitionCmd<'_>>())
                    .is_some_and(|partition| partition.concurrent());
                if concurrent {
                    self.concurrent(statement);
                } else if !new {
                    let message = "all use of the partitioned table waits (ACCESS EXCLUSIVE lock)";
                    self.report_node(
                        Rule::ConcurrentDetach,
                        node,
                        message,
                        "DETACH PARTITION … CONCURRENTLY",
                    );
                }
            }
            _ => {}
        }
        if command.subtype() == "AT_DropConstraint"
            && !command.missing_ok()
            && !self.state.in_transaction
            && !new
        {
            let message = "run again after a failure further down, this fails";
            self.report_node(Rule::PreferRobust, node, message, "add IF EXISTS");
        }
    }

    fn add_column(&mut self, node: Node<'t>, column: ColumnDef<'t>, table: &TableName) {
        let (mut not_null, mut default, mut generated) = (false, false, false);
        for constraint in column.constraints().iter().flatten() {
            let Some(constraint) = constraint.view::<Constraint<'_>>() else { continue };
            match constraint.contype() {
                "CONSTR_NOTNULL" => not_null = true,
                "CONSTR_DEFAULT" => {
                    default = true;
                    self.column_default(node, constraint);
                }
                "CONSTR_IDENTITY" => {
                    generated = true;
                    self.written_anew(node, "each row gets its number");
                }
                "CONSTR_GENERATED" => {
                    generated = true;
                    if constraint.generated_kind() == Some('s') {
                        self.written_anew(node, "the value is computed for each row");
                    }
                }
                _ => self.add_constraint(node, constraint, table, false),
            }
        }
        if is_serial(column) {
            generated = true;
            self.written_anew(node, "each row gets its number");
        }
        if not_null && !default && !generated {
            let message =
                "a column that must not be null and has no default cannot be added to a table with rows";
            let help =
                "add it without NOT NULL, fill it, then add a NOT NULL constraint that is NOT VALID at first";
            self.report_node(Rule::AddingRequiredField, node, message, help);
        }
    }

    fn column_default(&mut self, node: Node<'t>, constraint: Constraint<'t>) {
        match constraint.raw_expr().map(default_of) {
            Some(ColumnDefault::Volatile(function)) => {
                self.written_anew(node, &format!("{function}() gives each row another value"));
            }
            Some(ColumnDefault::Unknown(function)) => {
                self.written_anew(
                    node,
                    &format!("unless {function}() is at least STABLE, it is called for each row"),
                );
            }
            _ => {}
        }
    }

    fn written_anew(&mut self, node: Node<'t>, why: &str) {
        let message = format!("the table is written anew while all else waits: {why}");
        let help = if self.settings.version >= Version::V18 {
            "add the column without it, set the default, fill the rows in steps; or make it a virtual column"
        } else {
            "add the column without it, set the default, fill the rows in steps"
        };
        self.report_node(Rule::AddingFieldWithDefault, node, message, help);
    }

    fn add_constraint(&mut self, node: Node<'t>, constraint: Constraint<'t>, table: &TableName, new: bool) {
        let not_valid = constraint.skip_validation();
        let name = text_of(constraint.conname());
        let kind = constraint.contype();
        if not_valid {
            let column = match kind {
                "CONSTR_NOTNULL" => {
                    constraint.keys().get(0).and_then(Node::string).map(|key| key.read().into_owned())
                }
                _ => constraint.raw_expr().and_then(not_null_column),
            };
            self.state.not_valid.push((table.clone(), name.clone(), column));
            self.state.not_valid_here.push(name);
            return;
        }
        if new || constraint.indexname().is_some() {
            return;
        }
        let built = "its index is built while writes wait";
        let (rule, message, help) = match kind {
            "CONSTR_FOREIGN" => (
                Rule::AddingForeignKey,
                "writes to both tables wait while all rows are checked (SHARE ROW EXCLUSIVE lock)",
                "add it NOT VALID, then VALIDATE CONSTRAINT in another transaction",
            ),
            "CONSTR_CHECK" => (
                Rule::AddingCheck,
                "all use of the table waits while its rows are checked (ACCESS EXCLUSIVE lock)",
                "add it NOT VALID, then VALIDATE CONSTRAINT in another transaction",
            ),
            "CONSTR_NOTNULL" => (
                Rule::AddingNotNull,
                "all use of the table waits while its rows are checked (ACCESS EXCLUSIVE lock)",
                "add it NOT VALID, then VALIDATE CONSTRAINT in another transaction",
            ),
            "CONSTR_PRIMARY" => (
                Rule::AddingPrimaryKey,
                built,
                "CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING INDEX",
            ),
            "CONSTR_UNIQUE" => {
                (Rule::AddingUnique, built, "CREATE UNIQUE INDEX CONCURRENTLY, then ADD UNIQUE USING INDEX")
            }
            "CONSTR_EXCLUSION" => (
                Rule::AddingExclusion,
                built,
                "there is no way around the lock: choose a quiet hour and set lock_timeout",
            ),
            _ => return,
        };
        self.report_node(rule, node, message, help);
    }

    fn validate(&mut self, node: Node<'t>, table: &TableName, name: &str) {
        if self.state.in_transaction && self.state.not_valid_here.iter().any(|added| added == name) {
            let message = "the lock of ADD CONSTRAINT is kept while all rows are checked";
            let help = "validate it in another transaction";
            self.report_node(Rule::ValidateTogether, node, message, help);
        }
        // A constraint from another file may be the one that refuses nulls.
        let known = self.state.not_valid.iter().find(|(of, added, _)| of == table && added == name);
        match known {
            Some((_, _, Some(column))) => self.state.not_null.push((table.clone(), Some(column.clone()))),
            Some((_, _, None)) => {}
            None => self.state.not_null.push((table.clone(), None)),
        }
    }

    fn set_not_null(&mut self, node: Node<'t>, table: &TableName, column: &str) {
        let proved = self
            .state
            .not_null
            .iter()
            .any(|(of, proved)| of == table && proved.as_ref().is_none_or(|proved| proved == column));
        if proved {
            return;
        }
        let message = "all use of the table waits while its rows are checked (ACCESS EXCLUSIVE lock)";
        let help = if self.settings.version >= Version::V18 {
            format!(
                "ADD CONSTRAINT … NOT NULL {column} NOT VALID, then VALIDATE CONSTRAINT in another transaction"
            )
        } else {
            format!(
                "ADD CONSTRAINT … CHECK ({column} IS NOT NULL) NOT VALID, VALIDATE it in another transaction, then SET NOT NULL"
            )
        };
        self.report_node(Rule::AddingNotNull, node, message, help);
    }

    fn alter_domain(&mut self, node: Node<'t>) {
        let Some(alter) = node.view::<AlterDomainStmt<'_>>() else { return };
        let constraint = alter.def().and_then(|def| def.view::<Constraint<'_>>());
        if constraint.is_some_and(|constraint| !constraint.skip_validation()) && alter.subtype() == Some('C')
        {
            let message = "all tables that use the domain are checked, and writes to them wait";
            self.report_node(Rule::AddingCheck, node, message, "add it NOT VALID, validate it later");
        }
    }

    // ---- names ----

    fn long_names(&mut self, node: Node<'t>) {
        let tokens = self.tree.tokens();
        for index in node.token_range() {
            let range = tokens.range(index);
            if tokens.kinds[index] == Kind::IDENT && range.len() > NAME_LEN_MAX {
                let name = self.tree.source()[range.clone()].trim_matches('"').to_string();
                if name.len() > NAME_LEN_MAX {
                    let message =
                        format!("PostgreSQL keeps {NAME_LEN_MAX} of the {} bytes of this name", name.len());
                    self.report(Rule::IdentifierTooLong, range, message, "choose a shorter one");
                }
            }
        }
    }
}

/// Whether a column's type is one of the serial pseudo-types.
pub(super) fn is_serial(column: ColumnDef<'_>) -> bool {
    let name = column.typeName().and_then(|name| {
        let names = name.names();
        names.len().checked_sub(1).and_then(|last| names.get(last)?.string())
    });
    matches!(
        text_of(name).as_str(),
        "serial" | "bigserial" | "smallserial" | "serial2" | "serial4" | "serial8"
    )
}
