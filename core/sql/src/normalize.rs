//! Normalised text: every constant becomes a parameter, the rest of the text stays as it was written.
//!
//! 1. The tree is walked in the order of PostgreSQL's own walker, with a stack; constants are numbered as they are met.
//!    Types' modifiers, and bare integers behind GROUP BY and ORDER BY, are left alone.
//! 2. A GROUP BY item that equals a target takes that target's numbers, so that the text stays a valid query.
//! 3. Numbers begin behind the highest parameter that the text has.
//! 4. The places are sorted as PostgreSQL sorts them (a row that is assigned to several columns is met once for each) and the
//!    tokens there replaced; a minus sign that belongs to a constant goes with it.
//!
//! Source: libpg_query 18, `pg_query_normalize.c`; `raw_expression_tree_walker` in `nodeFuncs.c`.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::fingerprint::{fingerprint_node, is_integer};
use crate::lexer::{Mode, lex};
use crate::nodes::{Tag, f};
use crate::sorting::sort_by;
use crate::token::Tokens;
use crate::tree::{List, Node, Tree, Value};

/// A constant that is to be replaced.
#[derive(Clone, Copy, Debug)]
struct Place {
    location: u32,
    /// Negative: the n-th of ours, to be counted from the highest of the text. Positive: a parameter of the text.
    param: i32,
}

/// What is known of a select's targets.
#[derive(Debug, Default)]
struct Targets {
    /// The numbers of each target by its fingerprint, those of equal ones in order.
    prints: BTreeMap<u64, VecDeque<Vec<i32>>>,
}

enum Step<'t> {
    Node(Node<'t>),
    TargetBegin,
    TargetEnd(Node<'t>, usize),
    GroupBegin(Node<'t>, usize),
    GroupEnd(Option<Vec<i32>>, usize),
}

struct Walker<'t> {
    places: Vec<Place>,
    next: i32,
    highest: i32,
    /// The parameters of the target that is being walked.
    refs: Option<Vec<i32>>,
    targets: Vec<Targets>,
    stack: Vec<Step<'t>>,
    utility_only: bool,
}

/// The text with its constants replaced by parameters; with `utility_only`, only those of statements that are no queries
/// (passwords, options).
pub fn normalize(tree: Tree<'_>, utility_only: bool) -> String {
    let mut walker = Walker {
        places: Vec::new(),
        next: 1,
        highest: 0,
        refs: None,
        targets: Vec::new(),
        stack: Vec::new(),
        utility_only,
    };
    walker.push_list(tree.statements());
    walker.run();
    replace(tree, walker.places, walker.highest)
}

fn replace(tree: Tree<'_>, mut places: Vec<Place>, highest: i32) -> String {
    let source = tree.source();
    sort_by(&mut places, |a, b| a.location.cmp(&b.location));
    let mut tokens = Tokens::default();
    lex(source.as_bytes(), Mode::Scan, tree.arena.dialect, &mut tokens, &mut Vec::new());
    let mut out = String::with_capacity(source.len());
    let (mut copied, mut last) = (0, None);
    for place in places {
        let start = place.location as usize;
        if last.is_some_and(|l| start <= l) || start < copied {
            continue;
        }
        last = Some(start);
        let mut token = tokens.starts.partition_point(|&s| (s as usize) < start);
        if source.as_bytes().get(start) == Some(&b'-') {
            // Comments may stand between the sign and its number.
            token += 1;
            while tokens.kinds.get(token).is_some_and(|&k| is_comment(k)) {
                token += 1;
            }
        }
        let Some(&end) = tokens.ends.get(token) else { break };
        out.push_str(&source[copied..start]);
        let number = if place.param < 0 { highest - place.param } else { place.param };
        let _ = write!(out, "${number}");
        copied = end as usize;
    }
    out.push_str(&source[copied..]);
    out
}

fn is_comment(kind: crate::token::Kind) -> bool {
    matches!(kind, crate::token::Kind::SQL_COMMENT | crate::token::Kind::C_COMMENT)
}

impl<'t> Walker<'t> {
    fn run(&mut self) {
        while let Some(step) = self.stack.pop() {
            match step {
                Step::Node(node) => self.node(node),
                Step::TargetBegin => self.refs = Some(Vec::new()),
                Step::TargetEnd(target, select) => {
                    let refs = self.refs.take().unwrap_or_default();
                    if let Value::Node(value) = target.get("val") {
                        self.targets[select]
                            .prints
                            .entry(fingerprint_node(value))
                            .or_default()
                            .push_back(refs);
                    }
                }
                Step::GroupBegin(item, select) => {
                    let print = fingerprint_node(item);
                    let equal = self.targets[select].prints.get_mut(&print);
                    let refs = equal.and_then(VecDeque::pop_front);
                    self.stack.push(Step::GroupEnd(refs, self.places.len()));
                    self.stack.push(Step::Node(item));
                }
                Step::GroupEnd(refs, from) => self.group_end(refs, from),
            }
        }
    }

    fn group_end(&mut self, refs: Option<Vec<i32>>, from: usize) {
        let Some(refs) = refs else { return };
        let places = &mut self.places[from..];
        if refs.len() != places.len() {
            return;
        }
        for (place, &param) in places.iter_mut().zip(&refs) {
            place.param = param;
        }
        self.next -= refs.len() as i32;
    }

    fn record(&mut self, location: i32) {
        if location < 0 {
            return;
        }
        self.places.push(Place { location: location as u32, param: -self.next });
        if let Some(refs) = &mut self.refs {
            refs.push(-self.next);
        }
        self.next += 1;
    }

    fn push_list(&mut self, list: List<'t>) {
        let items = list.iter().rev().flatten().map(Step::Node);
        self.stack.extend(items);
    }

    fn push_value(&mut self, value: Value<'t>) {
        match value {
            Value::Node(node) => self.stack.push(Step::Node(node)),
            Value::List(list) => self.push_list(list),
            _ => {}
        }
    }

    /// Pushes these fields, so that the first is walked first.
    fn push_fields(&mut self, node: Node<'t>, names: &[&str]) {
        for name in names.iter().rev() {
            self.push_value(node.get(name));
        }
    }

    fn node(&mut self, node: Node<'t>) {
        match node.tag() {
            Tag::A_Const => self.record(node.word(f::A_Const::location) as i32),
            Tag::ParamRef => {
                let number = node.word(f::ParamRef::number) as i32;
                self.highest = self.highest.max(number);
                if let Some(refs) = &mut self.refs {
                    refs.push(number);
                }
            }
            Tag::DefElem => {
                self.record(node.word(f::DefElem::arg_location) as i32);
                self.push_value(node.get("arg"));
            }
            Tag::CreateSubscriptionStmt | Tag::AlterSubscriptionStmt => {
                if let (Value::Text(_), Value::Number(at)) =
                    (node.get("conninfo"), node.get("conninfo_location"))
                {
                    self.record(at as i32);
                }
            }
            Tag::NotifyStmt => {
                if let (Value::Text(_), Value::Number(at)) =
                    (node.get("payload"), node.get("payload_location"))
                {
                    self.record(at as i32);
                }
            }
            Tag::TypeName => {}
            Tag::SelectStmt if !self.utility_only => self.select(node),
            tag if self.utility_only && is_query(tag) => {}
            tag => self.push_fields(node, walked(tag)),
        }
    }

    fn select(&mut self, node: Node<'t>) {
        let index = self.targets.len();
        self.targets.push(Targets::default());
        self.push_fields(
            node,
            &[
                "havingClause",
                "windowClause",
                "valuesLists",
                "limitOffset",
                "limitCount",
                "lockingClause",
                "withClause",
                "larg",
                "rarg",
            ],
        );
        if let Value::List(sorts) = node.get("sortClause") {
            for sort in sorts.iter().rev().flatten() {
                if !matches!(sort.get("node"), Value::Node(by) if is_integer(by)) {
                    self.stack.push(Step::Node(sort));
                }
            }
        }
        if let Value::List(groups) = node.get("groupClause") {
            for item in groups.iter().rev().flatten() {
                if !is_integer(item) {
                    self.stack.push(Step::GroupBegin(item, index));
                }
            }
        }
        self.push_fields(node, &["fromClause", "whereClause"]);
        if let Value::List(targets) = node.get("targetList") {
            for target in targets.iter().rev().flatten() {
                self.stack.push(Step::TargetEnd(target, index));
                self.stack.push(Step::Node(target));
                self.stack.push(Step::TargetBegin);
            }
        }
        self.push_fields(node, &["distinctClause", "intoClause"]);
    }
}

/// Statements whose constants are those of a query.
fn is_query(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::SelectStmt
            | Tag::InsertStmt
            | Tag::UpdateStmt
            | Tag::DeleteStmt
            | Tag::MergeStmt
            | Tag::VariableSetStmt
            | Tag::CopyStmt
            | Tag::CallStmt
            | Tag::DeclareCursorStmt
            | Tag::CreateFunctionStmt
            | Tag::DoStmt
    )
}

/// The fields that PostgreSQL's walker looks into, in its order; none for nodes that it does not know.
fn walked(tag: Tag) -> &'static [&'static str] {
    match tag {
        Tag::RawStmt => &["stmt"],
        Tag::VariableSetStmt | Tag::DoStmt => &["args"],
        Tag::CopyStmt | Tag::ExplainStmt | Tag::DeclareCursorStmt => &["query"],
        Tag::CallStmt => &["funccall"],
        Tag::CreateRoleStmt
        | Tag::AlterRoleStmt
        | Tag::CreateFunctionStmt
        | Tag::CreateUserMappingStmt
        | Tag::AlterUserMappingStmt => &["options"],
        Tag::List => &["items"],
        Tag::GroupingFunc | Tag::RowExpr | Tag::CoalesceExpr | Tag::MinMaxExpr | Tag::BoolExpr => &["args"],
        Tag::SubLink => &["testexpr", "subselect"],
        Tag::CaseExpr => &["arg", "args", "defresult"],
        Tag::CaseWhen => &["expr", "result"],
        Tag::XmlExpr => &["named_args", "args"],
        Tag::JsonReturning => &["format"],
        Tag::JsonValueExpr => &["raw_expr", "formatted_expr", "format"],
        Tag::JsonParseExpr | Tag::JsonScalarExpr | Tag::JsonSerializeExpr => &["expr", "output"],
        Tag::JsonIsPredicate | Tag::JsonBehavior | Tag::IndexElem => &["expr"],
        Tag::JsonArgument => &["val"],
        Tag::JsonFuncExpr => &["context_item", "pathspec", "passing", "output", "on_empty", "on_error"],
        Tag::JsonTable => &["context_item", "pathspec", "passing", "columns", "on_error"],
        Tag::JsonTableColumn => &["typeName", "on_empty", "on_error", "columns"],
        Tag::JsonTablePathSpec => &["string"],
        Tag::NullTest | Tag::BooleanTest | Tag::NamedArgExpr | Tag::CollateClause => &["arg"],
        Tag::JoinExpr => &["larg", "rarg", "quals", "alias"],
        Tag::InsertStmt => {
            &["relation", "cols", "selectStmt", "onConflictClause", "returningClause", "withClause"]
        }
        Tag::DeleteStmt => &["relation", "usingClause", "whereClause", "returningClause", "withClause"],
        Tag::UpdateStmt => {
            &["relation", "targetList", "whereClause", "fromClause", "returningClause", "withClause"]
        }
        Tag::MergeStmt => &[
            "relation",
            "sourceRelation",
            "joinCondition",
            "mergeWhenClauses",
            "returningClause",
            "withClause",
        ],
        Tag::MergeWhenClause => &["condition", "targetList", "values"],
        Tag::ReturningClause => &["options", "exprs"],
        Tag::A_Expr => &["lexpr", "rexpr"],
        Tag::FuncCall => &["args", "agg_order", "agg_filter", "over"],
        Tag::A_Indices => &["lidx", "uidx"],
        Tag::A_Indirection => &["arg", "indirection"],
        Tag::A_ArrayExpr => &["elements"],
        Tag::ResTarget => &["indirection", "val"],
        Tag::MultiAssignRef => &["source"],
        Tag::TypeCast => &["arg", "typeName"],
        Tag::SortBy => &["node"],
        Tag::WindowDef => &["partitionClause", "orderClause", "startOffset", "endOffset"],
        Tag::RangeSubselect => &["subquery", "alias"],
        Tag::RangeFunction => &["functions", "alias", "coldeflist"],
        Tag::RangeTableSample => &["relation", "args", "repeatable"],
        Tag::RangeTableFunc => &["docexpr", "rowexpr", "namespaces", "columns", "alias"],
        Tag::RangeTableFuncCol => &["colexpr", "coldefexpr"],
        Tag::ColumnDef => &["typeName", "raw_default", "collClause"],
        Tag::GroupingSet => &["content"],
        Tag::LockingClause => &["lockedRels"],
        Tag::XmlSerialize => &["expr", "typeName"],
        Tag::WithClause => &["ctes"],
        Tag::InferClause => &["indexElems", "whereClause"],
        Tag::OnConflictClause => &["infer", "targetList", "whereClause"],
        Tag::CommonTableExpr => &["ctequery"],
        Tag::JsonOutput => &["typeName", "returning"],
        Tag::JsonKeyValue => &["key", "value"],
        Tag::JsonObjectConstructor | Tag::JsonArrayConstructor => &["output", "exprs"],
        Tag::JsonAggConstructor => &["output", "agg_order", "agg_filter", "over"],
        Tag::JsonObjectAgg | Tag::JsonArrayAgg => &["constructor", "arg"],
        Tag::JsonArrayQueryConstructor => &["output", "query"],
        _ => &[],
    }
}
