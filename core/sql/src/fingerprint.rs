//! Fingerprints: one number for all statements that differ only in constants, names of labels, and the order of some lists.
//!
//! 1. The tree is written as a run of bytes: node names, field names in alphabetical order, values. Constants, parameters,
//!    places, aliases and some names leave no byte; a field that would leave only its name leaves nothing.
//! 2. In six lists (targets, tables, columns, arguments, rows, right sides) each item is hashed by itself; the items follow
//!    in the order of their hashes, equal ones once.
//! 3. What lies 100 nodes deep is not looked at: so the walk may call itself.
//! 4. XXH3 of the bytes with seed 3 is the fingerprint.
//!
//! Source: libpg_query 18, `pg_query_fingerprint.c` and its generator's table of exceptions.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::json::constant_kind;
use crate::nodes::{Field, HEAD, Tag, e, f};
use crate::tree::{List, Node, Tree, Value};

/// The algorithm's version, used as seed.
const SEED: u64 = 3;
/// Nodes below this depth are left out.
const DEPTH_MAX: u32 = 100;

/// The fingerprint of a whole text. Write it as sixteen hexadecimal digits.
pub fn fingerprint(tree: Tree<'_>) -> u64 {
    let mut writer = Writer::default();
    writer.list(tree.statements(), None, "", 0);
    writer.hash(0)
}

/// The fingerprint of one node.
pub fn fingerprint_node(node: Node<'_>) -> u64 {
    let mut writer = Writer::default();
    writer.node(node, None, "", 0);
    writer.hash(0)
}

/// The bytes that are hashed, so far.
#[derive(Default)]
struct Writer {
    out: String,
}

impl Writer {
    fn hash(&self, from: usize) -> u64 {
        xxh3_64_with_seed(&self.out.as_bytes()[from..], SEED)
    }

    fn pair(&mut self, name: &str, value: &str) {
        self.out.push_str(name);
        self.out.push_str(value);
    }

    fn list(&mut self, list: List<'_>, parent: Option<Tag>, field: &str, depth: u32) {
        let sorted = matches!(field, "fromClause" | "targetList" | "cols" | "rexpr" | "valuesLists" | "args");
        if !sorted {
            for item in list.iter().flatten() {
                self.node(item, parent, field, depth + 1);
            }
            return;
        }
        let begin = self.out.len();
        let mut parts = Vec::with_capacity(list.len());
        for item in list.iter() {
            let from = self.out.len();
            if let Some(item) = item {
                self.node(item, parent, field, depth + 1);
            }
            parts.push((self.hash(from), from, self.out.len()));
        }
        parts.sort_by_key(|part| part.0);
        parts.dedup_by_key(|part| part.0);
        let unsorted = self.out.split_off(begin);
        for (_, from, to) in parts {
            self.out.push_str(&unsorted[from - begin..to - begin]);
        }
    }

    fn node(&mut self, node: Node<'_>, parent: Option<Tag>, field: &str, depth: u32) {
        if depth >= DEPTH_MAX {
            return;
        }
        match node.tag() {
            Tag::A_Const | Tag::Alias | Tag::ParamRef | Tag::SetToDefault => {}
            Tag::List => {
                if let Value::List(list) = node.field(0) {
                    self.list(list, parent, field, depth);
                }
            }
            Tag::Integer => {
                let value = node.word(f::Integer::ival) as i32;
                if value != 0 {
                    let _ = write!(self.out, "Integerival{value}");
                }
            }
            Tag::Boolean => {
                let value = if node.word(f::Boolean::boolval) != 0 { "true" } else { "false" };
                self.pair("Booleanboolval", value);
            }
            // The names are those of version 14.
            Tag::Float => self.value_text("Floatstr", node),
            Tag::BitString => self.value_text("BitStringstr", node),
            Tag::String => {
                self.out.push_str("Stringstr");
                if let Some(text) = node.string() {
                    self.out.push_str(&text.read());
                }
            }
            Tag::TypeCast if self.casts_constant(node) => {}
            tag => {
                self.out.push_str(tag.shape().name);
                self.fields(node, parent, field, depth);
            }
        }
    }

    fn value_text(&mut self, name: &str, node: Node<'_>) {
        if let Value::Text(text) = node.field(0) {
            self.pair(name, &text.read());
        }
    }

    fn casts_constant(&self, node: Node<'_>) -> bool {
        matches!(node.get("arg"), Value::Node(arg) if matches!(arg.tag(), Tag::A_Const | Tag::ParamRef))
    }

    /// The fields of a node without its name.
    fn fields(&mut self, node: Node<'_>, parent: Option<Tag>, field: &str, depth: u32) {
        let tag = node.tag();
        match tag {
            Tag::RangeVar => return self.range_var(node, parent, field),
            Tag::Alias | Tag::A_Const | Tag::ParamRef | Tag::SetToDefault => return,
            _ => {}
        }
        let shape = tag.shape();
        for &index in &ORDER[tag as usize][..shape.fields.len()] {
            let index = usize::from(index);
            let def = &shape.fields[index];
            if is_ignored(tag, def.name) {
                continue;
            }
            if tag == Tag::ResTarget
                && def.name == "name"
                && parent == Some(Tag::SelectStmt)
                && field == "targetList"
            {
                continue;
            }
            self.field(node, index, depth);
        }
    }

    fn field(&mut self, node: Node<'_>, index: usize, depth: u32) {
        let tag = node.tag();
        let def = tag.shape().fields[index];
        let name = def.name;
        if node.word(HEAD + index as u32) == 0 && !matches!(def.field, Field::Enum(_)) {
            return;
        }
        match node.field(index) {
            Value::Absent => {}
            Value::Number(_) if def.field == Field::Bool => self.pair(name, "true"),
            Value::Number(number) => {
                let _ = write!(self.out, "{name}{number}");
            }
            Value::Char(letter) => {
                self.out.push_str(name);
                self.out.push(letter);
            }
            Value::Name(value) => {
                let value =
                    if tag == Tag::A_Expr && name == "kind" { operator_kind(node, value) } else { value };
                self.pair(name, value);
            }
            Value::Text(text) => self.pair(name, &text.read()),
            Value::List(list) => {
                let begin = self.out.len();
                self.out.push_str(name);
                let before = self.out.len();
                if depth + 1 < DEPTH_MAX {
                    self.list(list, Some(tag), name, depth + 1);
                }
                let lone_null = list.len() == 1 && list.get(0).is_none();
                if self.out.len() == before && !lone_null {
                    self.out.truncate(begin);
                }
            }
            Value::Node(child) => self.child(child, tag, index, depth),
        }
    }

    fn child(&mut self, child: Node<'_>, tag: Tag, index: usize, depth: u32) {
        let def = tag.shape().fields[index];
        let begin = self.out.len();
        match def.field {
            Field::Spec(Tag::String) => {
                let text = child.string().map(|t| t.read()).unwrap_or_default();
                if !text.is_empty() {
                    self.pair(def.name, &text);
                }
                return;
            }
            // A statement inside another, not behind a pointer.
            Field::Spec(Tag::CreateStmt) => {
                self.out.push_str(def.name);
                self.fields(child, Some(tag), def.name, depth);
                return;
            }
            _ => self.out.push_str(def.name),
        }
        let before = self.out.len();
        match def.field {
            Field::Spec(_) if depth + 1 < DEPTH_MAX => self.fields(child, Some(tag), def.name, depth + 1),
            Field::Spec(_) => {}
            _ => self.node(child, Some(tag), def.name, depth + 1),
        }
        if self.out.len() == before {
            self.out.truncate(begin);
        }
    }

    /// A relation: in queries an alias stands for its name, and its schema does not count.
    fn range_var(&mut self, node: Node<'_>, parent: Option<Tag>, field: &str) {
        let query = match parent {
            Some(Tag::SelectStmt) => field == "fromClause",
            Some(Tag::InsertStmt) => field == "relation",
            Some(Tag::UpdateStmt) => matches!(field, "relation" | "fromClause"),
            Some(Tag::DeleteStmt) => matches!(field, "relation" | "usingClause"),
            Some(Tag::MergeStmt) => matches!(field, "relation" | "sourceRelation"),
            Some(Tag::JoinExpr | Tag::RangeTableSample | Tag::LockingClause) => true,
            _ => false,
        };
        let mut aliased = false;
        if let Value::Node(alias) = node.get("alias") {
            aliased = true;
            if let Value::Text(name) = alias.get("aliasname") {
                self.pair("aliasname", &name.read());
            }
        }
        if let Value::Text(name) = node.get("catalogname") {
            self.pair("catalogname", &name.read());
        }
        if node.word(f::RangeVar::inh) != 0 {
            self.pair("inh", "true");
        }
        let persistence = node.word(f::RangeVar::relpersistence) as u8;
        if persistence != b't'
            && !(query && aliased)
            && let Value::Text(name) = node.get("relname")
        {
            self.out.push_str("relname");
            let name = name.read();
            self.without_numbers(&name);
        }
        if persistence != 0 {
            self.out.push_str("relpersistence");
            self.out.push(persistence as char);
        }
        if !query && let Value::Text(name) = node.get("schemaname") {
            self.pair("schemaname", &name.read());
        }
    }

    /// A name without its runs of two or more digits: those of partitions.
    fn without_numbers(&mut self, name: &str) {
        let bytes = name.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        for (at, c) in name.char_indices() {
            let in_run = digit(at) && (digit(at + 1) || at > 0 && digit(at - 1));
            if !in_run {
                self.out.push(c);
            }
        }
    }
}

/// `x IN (…)` and `x = ANY (…)` count as `x = …`.
fn operator_kind(node: Node<'_>, name: &'static str) -> &'static str {
    match node.word(f::A_Expr::kind) {
        e::A_Expr_Kind::AEXPR_OP_ANY | e::A_Expr_Kind::AEXPR_IN => "AEXPR_OP",
        _ => name,
    }
}

fn is_ignored(tag: Tag, name: &str) -> bool {
    matches!(
        (tag, name),
        (_, "location")
            | (Tag::PrepareStmt | Tag::ExecuteStmt | Tag::DeallocateStmt | Tag::FunctionParameter, "name")
            | (Tag::A_Expr, "rexpr_list_start" | "rexpr_list_end")
            | (Tag::A_ArrayExpr, "list_start" | "list_end")
            | (Tag::RoleSpec, "rolename")
            | (Tag::DefElem, "arg_location")
            | (Tag::JsonTablePathSpec, "name_location")
            | (Tag::RawStmt, "stmt_len" | "stmt_location")
            | (Tag::VariableSetStmt, "jumble_args")
            | (Tag::CreateRoleStmt, "role")
            | (Tag::DeclareCursorStmt | Tag::ClosePortalStmt | Tag::FetchStmt, "portalname")
            | (Tag::CreateFunctionStmt, "options")
            | (Tag::DoStmt, "args")
            | (Tag::RenameStmt, "newname" | "subname")
            | (Tag::NotifyStmt, "conditionname" | "payload" | "payload_location")
            | (Tag::ListenStmt | Tag::UnlistenStmt, "conditionname")
            | (Tag::TransactionStmt, "gid" | "savepoint_name")
            | (Tag::CreateSubscriptionStmt | Tag::AlterSubscriptionStmt, "conninfo_location")
    )
}

/// Whether a node is an integer constant.
pub(crate) fn is_integer(node: Node<'_>) -> bool {
    node.tag() == Tag::A_Const && node.word(f::A_Const::kind) == constant_kind::INTEGER
}

const FIELDS_MAX: usize = 48;
const SHAPES: usize = crate::nodes::SHAPE_COUNT;

/// For each kind, its fields in alphabetical order of their names; sorted while compiling.
static ORDER: [[u8; FIELDS_MAX]; SHAPES] = order();

const fn order() -> [[u8; FIELDS_MAX]; SHAPES] {
    let mut order = [[0; FIELDS_MAX]; SHAPES];
    let mut shape = 0;
    while shape < SHAPES {
        let fields = crate::nodes::SCHEMA[shape].fields;
        let mut len = 0;
        while len < fields.len() {
            // Insertion: the new field sinks to its place.
            let mut at = len;
            while at > 0 && less(fields[len].name, fields[order[shape][at - 1] as usize].name) {
                order[shape][at] = order[shape][at - 1];
                at -= 1;
            }
            order[shape][at] = len as u8;
            len += 1;
        }
        shape += 1;
    }
    order
}

const fn less(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}
