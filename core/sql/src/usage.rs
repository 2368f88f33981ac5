//! What a text uses: tables, columns, functions and parameters, and whether it reads, writes or defines them.
//!
//! 1. The tree is walked with a stack. The nearest statement above a name says its role: what a query names is read, what
//!    INSERT, UPDATE, DELETE, MERGE, COPY and TRUNCATE aim at is written, what other statements name is defined.
//! 2. Names of common table expressions are in force where PostgreSQL would look them up: from the next sibling on, with
//!    RECURSIVE everywhere in the WITH, until the statement ends. They are no tables.
//! 3. A column's table is known where its qualifier is a table or an alias of the query or of one around it, or where the
//!    query has one table only. No catalogue is asked: a column of a view and a field of a row look alike.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::nodes::Tag;
use crate::tree::{List, Node, Tree, Value};
use crate::views::{
    AlterTableCmd, ColumnRef, CommonTableExpr, CopyStmt, FuncCall, InsertStmt, MergeStmt, ParamRef, RangeVar,
    ResTarget, WithClause,
};
use crate::visit::children;

/// What is done to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Its content is read.
    Read,
    /// Its content is changed.
    Write,
    /// It is made, changed, dropped, or otherwise handled as an object.
    Ddl,
}

impl Role {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Write => "write",
            Role::Ddl => "ddl",
        }
    }
}

/// A name in the text. Names are as PostgreSQL stores them: folded, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// With its schema, if one is written: `schema.name`. A column's table, where it is known, stands before it in
    /// [`Use::table`].
    pub name: String,
    /// A column's table.
    pub table: Option<String>,
    /// What is done to it.
    pub role: Role,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// What a text uses, in the order of its walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tables, views, materialized views and foreign tables.
    pub tables: Vec<Use>,
    /// Columns.
    pub columns: Vec<Use>,
    /// Functions and procedures that are called; their role is [`Role::Read`].
    pub functions: Vec<Use>,
    /// Parameters: their numbers and bytes.
    pub parameters: Vec<(u32, Range<usize>)>,
}

/// What the statements of a tree use.
pub fn usage(tree: Tree<'_>) -> Usage {
    let mut walker =
        Walker { steps: Vec::new(), ctes: Vec::new(), sources: Vec::new(), found: Usage::default() };
    let place = Place { role: Role::Ddl, level: 0 };
    walker.steps.extend(tree.statements().iter().rev().flatten().map(|node| Step::Node(node, place)));
    while let Some(step) = walker.steps.pop() {
        match step {
            Step::Node(node, place) => walker.node(node, place),
            Step::Cte(name) => walker.ctes.push(name),
            Step::Leave(ctes, sources) => {
                walker.ctes.truncate(ctes);
                walker.sources.truncate(sources);
            }
        }
    }
    walker.found
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Place {
    role: Role,
    /// Where the sources of this query begin.
    level: usize,
}

enum Step<'t> {
    Node(Node<'t>, Place),
    /// From here on this names a common table expression.
    Cte(String),
    /// A statement has ended: what was in force before it.
    Leave(usize, usize),
}

/// A table of a query: what it is called there, and its name if it is a real one.
struct Source {
    alias: String,
    table: Option<String>,
}

struct Walker<'t> {
    steps: Vec<Step<'t>>,
    ctes: Vec<String>,
    sources: Vec<Source>,
    found: Usage,
}

fn full_name(table: RangeVar<'_>) -> String {
    let name = table.relname().map_or_else(String::new, |name| name.read().into_owned());
    match table.schemaname() {
        Some(schema) => alloc::format!("{}.{name}", schema.read()),
        None => name,
    }
}

/// Names in a list of strings, with dots between.
fn joined(names: List<'_>) -> String {
    let mut out = String::new();
    for name in names.iter().flatten().filter_map(Node::string) {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(&name.read());
    }
    out
}

impl<'t> Walker<'t> {
    fn node(&mut self, node: Node<'t>, place: Place) {
        match node.tag() {
            Tag::SelectStmt => self.query(node, Role::Read, &["fromClause"]),
            Tag::InsertStmt => self.query(node, Role::Read, &["relation"]),
            Tag::UpdateStmt => self.query(node, Role::Read, &["relation", "fromClause"]),
            Tag::DeleteStmt => self.query(node, Role::Read, &["relation", "usingClause"]),
            Tag::MergeStmt => self.query(node, Role::Read, &["relation", "sourceRelation"]),
            Tag::RangeVar => self.table(node, place.role),
            Tag::ColumnRef => self.column(node, place),
            Tag::FuncCall => self.function(node, place),
            Tag::ParamRef => {
                let number = node.view::<ParamRef<'_>>().map_or(0, |param| param.number());
                self.found.parameters.push((number.max(0) as u32, node.range()));
            }
            Tag::IntoClause => self.below(node, Place { role: Role::Ddl, ..place }, &[]),
            Tag::CopyStmt => self.copy(node),
            Tag::TruncateStmt => {
                self.below(node, Place { role: Role::Write, level: self.sources.len() }, &[])
            }
            Tag::DropStmt | Tag::CommentStmt => self.named_object(node),
            Tag::CreateStmt | Tag::AlterTableStmt | Tag::IndexStmt | Tag::RenameStmt => {
                self.definition(node);
            }
            Tag::CreateSeqStmt | Tag::AlterSeqStmt | Tag::CompositeTypeStmt => {}
            _ => self.below(node, place, &[]),
        }
    }

    /// Walks the children but those in `without`.
    fn below(&mut self, node: Node<'t>, place: Place, without: &[&str]) {
        let from = self.steps.len();
        children(node, |field, child| {
            if !without.contains(&field) {
                self.steps.push(Step::Node(child, place));
            }
        });
        self.steps[from..].reverse();
    }

    /// A query: its common table expressions, then everything in it, between its sources' coming and going.
    fn query(&mut self, node: Node<'t>, role: Role, from: &[&str]) {
        let level = self.sources.len();
        let place = Place { role, level };
        let mut steps = Vec::new();
        let own = self.with(node, place, &mut steps);
        for field in from {
            self.sources_of(node.get(field), &own);
        }
        if let Value::Node(target) = node.get("relation") {
            self.table_of_target(target);
        }
        self.targets(node, place, &mut steps);
        children(node, |field, child| {
            let set = matches!(field, "cols" | "targetList") && node.tag() != Tag::SelectStmt;
            if !set && field != "withClause" && field != "relation" {
                steps.push(Step::Node(child, place));
            }
        });
        steps.push(Step::Leave(self.ctes.len(), level));
        self.steps.extend(steps.into_iter().rev());
    }

    /// What a statement aims at is written.
    fn table_of_target(&mut self, relation: Node<'t>) {
        if let Some(table) = relation.view::<RangeVar<'_>>() {
            self.push_table(full_name(table), Role::Write, relation.range());
        }
    }

    /// The columns that INSERT, UPDATE and MERGE set, and the values that they are given.
    fn targets(&mut self, node: Node<'t>, place: Place, steps: &mut Vec<Step<'t>>) {
        let table = self.sources.get(place.level).and_then(|source| source.table.clone());
        let mut lists: Vec<List<'t>> = Vec::new();
        if let Some(insert) = node.view::<InsertStmt<'_>>() {
            lists.push(insert.cols());
            lists.extend(insert.onConflictClause().map(|conflict| conflict.targetList()));
        } else if let Some(merge) = node.view::<MergeStmt<'_>>() {
            for clause in merge.mergeWhenClauses().iter().flatten() {
                lists
                    .extend(clause.view::<crate::views::MergeWhenClause<'_>>().map(|when| when.targetList()));
            }
        } else if node.tag() == Tag::UpdateStmt
            && let Value::List(list) = node.get("targetList")
        {
            lists.push(list);
        }
        for target in lists.into_iter().flat_map(|list| list.iter().flatten().collect::<Vec<_>>()) {
            let Some(view) = target.view::<ResTarget<'_>>() else { continue };
            if let Some(name) = view.name() {
                let name = name.read().into_owned();
                let range = target.range();
                self.found.columns.push(Use { name, table: table.clone(), role: Role::Write, range });
            }
            if node.tag() == Tag::UpdateStmt
                && let Some(value) = view.val()
            {
                steps.push(Step::Node(value, place));
            }
        }
    }

    /// The steps of a WITH, and the names that it gives.
    fn with(&self, node: Node<'t>, place: Place, steps: &mut Vec<Step<'t>>) -> Vec<String> {
        let Value::Node(with) = node.get("withClause") else { return Vec::new() };
        let Some(with) = with.view::<WithClause<'_>>() else { return Vec::new() };
        let name = |cte: Node<'t>| {
            let cte = cte.view::<CommonTableExpr<'_>>();
            cte.and_then(|cte| cte.ctename()).map_or_else(String::new, |name| name.read().into_owned())
        };
        let names: Vec<String> = with.ctes().iter().flatten().map(name).collect();
        if with.recursive() {
            steps.extend(names.iter().cloned().map(Step::Cte));
        }
        for (cte, name) in with.ctes().iter().flatten().zip(&names) {
            steps.push(Step::Node(cte, place));
            if !with.recursive() {
                steps.push(Step::Cte(name.clone()));
            }
        }
        names
    }

    /// What a FROM list calls its tables.
    fn sources_of(&mut self, value: Value<'t>, own: &[String]) {
        let mut open: Vec<Node<'t>> = Vec::new();
        match value {
            Value::Node(node) => open.push(node),
            Value::List(list) => open.extend(list.iter().rev().flatten()),
            _ => {}
        }
        while let Some(node) = open.pop() {
            let alias = match node.get("alias") {
                Value::Node(alias) => match alias.get("aliasname") {
                    Value::Text(name) => Some(name.read().into_owned()),
                    _ => None,
                },
                _ => None,
            };
            match node.tag() {
                Tag::JoinExpr => {
                    for side in ["rarg", "larg"] {
                        if let Value::Node(side) = node.get(side) {
                            open.push(side);
                        }
                    }
                    if let Some(alias) = alias {
                        self.sources.push(Source { alias, table: None });
                    }
                }
                Tag::RangeTableSample => {
                    if let Value::Node(relation) = node.get("relation") {
                        open.push(relation);
                    }
                }
                Tag::RangeVar => {
                    let Some(table) = node.view::<RangeVar<'_>>() else { continue };
                    let name = full_name(table);
                    let plain = table.relname().map_or_else(String::new, |name| name.read().into_owned());
                    let cte = self.ctes.contains(&plain) || own.contains(&plain);
                    let real = table.schemaname().is_some() || !cte;
                    let alias = alias.unwrap_or(plain);
                    self.sources.push(Source { alias, table: real.then_some(name) });
                }
                _ => self.sources.push(Source { alias: alias.unwrap_or_default(), table: None }),
            }
        }
    }

    fn table(&mut self, node: Node<'t>, role: Role) {
        let Some(table) = node.view::<RangeVar<'_>>() else { return };
        let name = full_name(table);
        let cte = role == Role::Read && table.schemaname().is_none() && self.ctes.contains(&name);
        if !cte {
            self.push_table(name, role, node.range());
        }
    }

    fn push_table(&mut self, name: String, role: Role, range: Range<usize>) {
        self.found.tables.push(Use { name, table: None, role, range });
    }

    fn column(&mut self, node: Node<'t>, place: Place) {
        let Some(fields) = node.view::<ColumnRef<'_>>().map(|column| column.fields()) else { return };
        let Some(name) = fields.len().checked_sub(1).and_then(|last| fields.get(last)?.string()) else {
            return;
        };
        let part = |back: usize| {
            let index = fields.len().checked_sub(back)?;
            fields.get(index)?.string().map(|text| text.read().into_owned())
        };
        let table = match (part(3), part(2)) {
            (Some(schema), Some(table)) => Some(alloc::format!("{schema}.{table}")),
            (None, Some(alias)) => {
                self.sources.iter().rev().find(|source| source.alias == alias).and_then(|s| s.table.clone())
            }
            _ => match self.sources.get(place.level..) {
                Some([only]) => only.table.clone(),
                _ => None,
            },
        };
        let name = name.read().into_owned();
        self.found.columns.push(Use { name, table, role: place.role, range: node.range() });
    }

    fn function(&mut self, node: Node<'t>, place: Place) {
        if let Some(call) = node.view::<FuncCall<'_>>() {
            let name = joined(call.funcname());
            self.found.functions.push(Use { name, table: None, role: Role::Read, range: node.range() });
        }
        self.below(node, place, &[]);
    }

    fn copy(&mut self, node: Node<'t>) {
        let Some(copy) = node.view::<CopyStmt<'_>>() else { return };
        let role = if copy.is_from() { Role::Write } else { Role::Read };
        let place = Place { role, level: self.sources.len() };
        if let Some(relation) = copy.relation() {
            let table = full_name(relation);
            for name in copy.attlist().iter().flatten() {
                let text = name.string().map_or_else(String::new, |text| text.read().into_owned());
                let range = name.range();
                self.found.columns.push(Use { name: text, table: Some(table.clone()), role, range });
            }
        }
        self.below(node, place, &["attlist"]);
    }

    /// DROP and COMMENT name their objects by lists of names.
    fn named_object(&mut self, node: Node<'t>) {
        let kind = match (node.get("removeType"), node.get("objtype")) {
            (Value::Name(kind), _) | (_, Value::Name(kind)) => kind,
            _ => "",
        };
        let (table, column) = (is_table(kind), kind == "OBJECT_COLUMN");
        let mut names = Vec::new();
        match (node.get("objects"), node.get("object")) {
            (Value::List(list), _) => names.extend(list.iter().flatten()),
            (_, Value::Node(object)) => names.push(object),
            _ => {}
        }
        for name in names.into_iter().filter(|_| table || column) {
            let Value::List(parts) = name.get("items") else { continue };
            let range = name.range();
            let whole = joined(parts);
            if table {
                self.push_table(whole, Role::Ddl, range);
            } else if let Some((table, column)) = whole.rsplit_once('.') {
                self.push_table(table.to_string(), Role::Ddl, range.clone());
                let (name, table) = (column.to_string(), Some(table.to_string()));
                self.found.columns.push(Use { name, table, role: Role::Ddl, range });
            }
        }
    }

    /// Statements that define a table's columns.
    fn definition(&mut self, node: Node<'t>) {
        let kind = match (node.get("objtype"), node.get("renameType")) {
            (Value::Name(kind), _) | (_, Value::Name(kind)) => kind,
            _ => "OBJECT_TABLE",
        };
        let place = Place { role: Role::Ddl, level: self.sources.len() };
        let of_table = is_table(kind) || matches!(kind, "OBJECT_COLUMN" | "OBJECT_TABCONSTRAINT");
        let relation = match node.get("relation") {
            Value::Node(relation) => relation.view::<RangeVar<'_>>().map(full_name),
            _ => None,
        };
        if of_table {
            self.defined_columns(node, relation.as_deref());
        }
        self.below(node, place, if of_table { &[] } else { &["relation"] });
    }

    fn defined_columns(&mut self, node: Node<'t>, table: Option<&str>) {
        let mut add = |name: String, node: Node<'t>| {
            let table = table.map(ToString::to_string);
            self.found.columns.push(Use { name, table, role: Role::Ddl, range: node.range() });
        };
        let text = |node: Node<'t>, field: &str| match node.get(field) {
            Value::Text(text) => Some(text.read().into_owned()),
            _ => None,
        };
        if matches!(node.get("renameType"), Value::Name("OBJECT_COLUMN"))
            && let Some(name) = text(node, "subname")
        {
            add(name, node);
        }
        for field in ["tableElts", "cmds", "indexParams"] {
            let Value::List(items) = node.get(field) else { continue };
            for item in items.iter().flatten() {
                match item.tag() {
                    Tag::ColumnDef => text(item, "colname").into_iter().for_each(|name| add(name, item)),
                    Tag::IndexElem => text(item, "name").into_iter().for_each(|name| add(name, item)),
                    Tag::AlterTableCmd => {
                        let Some(command) = item.view::<AlterTableCmd<'_>>() else { continue };
                        let def = command.def().filter(|def| def.tag() == Tag::ColumnDef);
                        let name = def.and_then(|def| text(def, "colname")).or_else(|| {
                            let column = changes_column(command.subtype());
                            column.then(|| text(item, "name")).flatten()
                        });
                        name.into_iter().for_each(|name| add(name, item));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn is_table(kind: &str) -> bool {
    matches!(kind, "OBJECT_TABLE" | "OBJECT_VIEW" | "OBJECT_MATVIEW" | "OBJECT_FOREIGN_TABLE")
}

/// Whether the name in a command of ALTER TABLE is a column's.
fn changes_column(subtype: &str) -> bool {
    matches!(
        subtype,
        "AT_ColumnDefault"
            | "AT_DropNotNull"
            | "AT_SetNotNull"
            | "AT_SetExpression"
            | "AT_DropExpression"
            | "AT_SetStatistics"
            | "AT_SetOptions"
            | "AT_ResetOptions"
            | "AT_SetStorage"
            | "AT_SetCompression"
            | "AT_DropColumn"
            | "AT_AlterColumnType"
            | "AT_AlterColumnGenericOptions"
            | "AT_AddIdentity"
            | "AT_SetIdentity"
            | "AT_DropIdentity"
    )
}
