//! What the tree says of each token: names, calls, prefix operators, and where lines may begin.

use alloc::vec;
use alloc::vec::Vec;

use crate::nodes::{Field, HEAD, Tag, f};
use crate::parser::NOWHERE;
use crate::token::Kind;
use crate::tree::{List, Node, Tree, Value};

/// A name or a text: its letters are kept.
pub(crate) const NAME: u8 = 1;
/// A parenthesis that stands directly behind a name.
pub(crate) const CALL: u8 = 2;
/// An operator that stands directly before its operand.
pub(crate) const PREFIX: u8 = 4;
/// A line begins here.
pub(crate) const BREAK: u8 = 8;
/// A parenthesis whose inside is indented.
pub(crate) const BLOCK: u8 = 16;
/// A line begins here where the clause is long.
pub(crate) const ITEM: u8 = 32;
/// A line begins here, one level in.
pub(crate) const ROW: u8 = 64;
/// A line begins here, at the level of its block.
pub(crate) const ELEMENT: u8 = 128;

/// The marks of all tokens of a tree.
pub(crate) fn marks(tree: Tree<'_>) -> Vec<u8> {
    let mut marker = Marker { kinds: &tree.tokens().kinds, marks: vec![0; tree.tokens().len()] };
    for index in 1..marker.kinds.len() {
        let call = marker.kinds[index] == Kind::LPAREN && is_function_word(marker.kinds[index - 1]);
        if call {
            marker.marks[index] |= CALL;
        }
    }
    let mut stack: Vec<Node<'_>> = tree.statements().iter().flatten().collect();
    while let Some(node) = stack.pop() {
        marker.node(node);
        let fields = node.tag().shape().fields;
        if node.string().is_some() {
            continue;
        }
        for (index, def) in fields.iter().enumerate() {
            if node.tag() == Tag::A_Const || node.word(HEAD + index as u32) == 0 {
                continue;
            }
            match (def.field, node.field(index)) {
                (Field::Str, Value::Text(text)) => marker.name(text.token()),
                (_, Value::Node(child)) => {
                    marker.name(child.string().and_then(|text| text.token()));
                    stack.push(child);
                }
                (_, Value::List(list)) => {
                    for item in list.iter().flatten() {
                        marker.name(item.string().and_then(|text| text.token()));
                        stack.push(item);
                    }
                }
                _ => {}
            }
        }
    }
    marker.marks
}

struct Marker<'t> {
    kinds: &'t [Kind],
    marks: Vec<u8>,
}

impl Marker<'_> {
    fn name(&mut self, token: Option<usize>) {
        if let Some(token) = token {
            self.mark(token, NAME);
        }
    }

    fn mark(&mut self, token: usize, mark: u8) {
        if let Some(slot) = self.marks.get_mut(token) {
            *slot |= mark;
        }
    }

    fn kind(&self, token: usize) -> Kind {
        self.kinds.get(token).copied().unwrap_or(Kind::EOF)
    }

    /// Marks the clause word at most three tokens before `first`, parentheses skipped.
    fn clause(&mut self, first: usize, words: &[Kind]) {
        for back in 1..=3 {
            let Some(token) = first.checked_sub(back) else { return };
            let kind = self.kind(token);
            if words.contains(&kind) {
                self.mark(token, BREAK);
                return;
            }
            let skipped = matches!(
                kind,
                Kind::LPAREN | Kind::BY | Kind::ALL | Kind::DISTINCT | Kind::FIRST | Kind::NEXT | Kind::ON
            );
            if !skipped {
                return;
            }
        }
    }

    fn clause_of(&mut self, value: Value<'_>, words: &[Kind]) {
        let first = match value {
            Value::Node(node) => Some(node),
            Value::List(list) => list.get(0),
            _ => None,
        };
        if let Some(node) = first {
            self.clause(node.token_range().start, words);
        }
    }

    /// Marks the items of a list, from the one with index `from` on.
    fn items(&mut self, value: Value<'_>, from: usize, mark: u8) {
        if let Value::List(list) = value {
            for item in list.iter().skip(from).flatten() {
                self.mark(item.token_range().start, mark);
            }
        }
    }

    /// Marks the operators of a condition that is a chain of AND or OR.
    fn condition(&mut self, value: Value<'_>) {
        let Value::Node(node) = value else { return };
        if node.tag() != Tag::BoolExpr {
            return;
        }
        if let Value::List(args) = node.get("args") {
            for arg in args.iter().skip(1).flatten() {
                let first = arg.token_range().start;
                if first > 0 && matches!(self.kind(first - 1), Kind::AND | Kind::OR) {
                    self.mark(first - 1, ITEM);
                }
            }
        }
    }

    fn node(&mut self, node: Node<'_>) {
        let range = node.token_range();
        match node.tag() {
            Tag::FuncCall => {
                if let Value::List(names) = node.get("funcname") {
                    self.call(names);
                }
            }
            Tag::TypeName if node.word(f::TypeName::location) != NOWHERE => {
                // The first parenthesis is that of its modifiers.
                if let Some(token) = range.clone().find(|&token| self.kind(token) == Kind::LPAREN) {
                    self.mark(token, CALL);
                }
            }
            Tag::A_Expr if matches!(node.get("lexpr"), Value::Absent) => self.prefix(range.start),
            Tag::A_Const if matches!(self.kind(range.start), Kind::MINUS | Kind::PLUS) => {
                self.prefix(range.start)
            }
            Tag::SelectStmt => self.select(node),
            Tag::JoinExpr => {
                if let Value::Node(left) = node.get("larg") {
                    self.mark(left.token_range().end, BREAK);
                }
                self.condition(node.get("quals"));
            }
            Tag::InsertStmt | Tag::UpdateStmt | Tag::DeleteStmt | Tag::MergeStmt => self.change(node),
            Tag::MergeWhenClause | Tag::OnConflictClause | Tag::ReturningClause => {
                self.mark(range.start, BREAK)
            }
            Tag::CommonTableExpr => {
                if let Value::Node(query) = node.get("ctequery") {
                    self.block_before(query.token_range().start);
                }
            }
            Tag::CreateStmt => self.table(node.get("tableElts")),
            Tag::WithClause => self.mark(range.end, BREAK),
            _ => {}
        }
    }

    fn prefix(&mut self, token: usize) {
        if self.kind(token).keyword().is_none() {
            self.mark(token, PREFIX);
        }
    }

    fn call(&mut self, names: List<'_>) {
        let last = names.iter().flatten().last();
        let token = last.and_then(|name| name.string()).and_then(|text| text.token());
        if let Some(token) = token
            && self.kind(token + 1) == Kind::LPAREN
        {
            self.mark(token + 1, CALL);
        }
    }

    /// The parenthesis before a token opens a block.
    fn block_before(&mut self, first: usize) {
        if first > 0 && self.kind(first - 1) == Kind::LPAREN {
            self.mark(first - 1, BLOCK);
        }
    }

    fn select(&mut self, node: Node<'_>) {
        let first = node.token_range().start;
        self.block_before(first);
        self.clause_of(node.get("fromClause"), &[Kind::FROM]);
        self.clause_of(node.get("whereClause"), &[Kind::WHERE]);
        self.clause_of(node.get("groupClause"), &[Kind::GROUP]);
        self.clause_of(node.get("havingClause"), &[Kind::HAVING]);
        self.clause_of(node.get("windowClause"), &[Kind::WINDOW]);
        self.clause_of(node.get("sortClause"), &[Kind::ORDER]);
        self.clause_of(node.get("limitCount"), &[Kind::LIMIT, Kind::FETCH]);
        self.clause_of(node.get("limitOffset"), &[Kind::OFFSET]);
        if let Value::List(locks) = node.get("lockingClause") {
            for lock in locks.iter().flatten() {
                self.mark(lock.token_range().start, BREAK);
            }
        }
        self.items(node.get("targetList"), 0, ITEM);
        self.items(node.get("fromClause"), 1, ITEM);
        self.items(node.get("groupClause"), 1, ITEM);
        self.items(node.get("sortClause"), 1, ITEM);
        self.condition(node.get("whereClause"));
        self.condition(node.get("havingClause"));
        if let Value::List(rows) = node.get("valuesLists")
            && rows.len() > 1
        {
            rows.iter().flatten().for_each(|row| self.row(row));
        }
        if let Value::Node(right) = node.get("rarg") {
            let start = right.token_range().start;
            self.clause(start, &[Kind::UNION, Kind::INTERSECT, Kind::EXCEPT]);
            if start > 0 && self.kind(start - 1) != Kind::LPAREN {
                self.mark(start, BREAK);
            }
        }
    }

    /// A row of VALUES begins at the parenthesis before its first item.
    fn row(&mut self, row: Node<'_>) {
        let Value::List(items) = row.field(0) else { return };
        let paren = items.get(0).and_then(|item| item.token_range().start.checked_sub(1));
        if let Some(paren) = paren.filter(|&token| self.kind(token) == Kind::LPAREN) {
            self.mark(paren, ROW);
        }
    }

    fn change(&mut self, node: Node<'_>) {
        if let Value::Node(select) = node.get("selectStmt") {
            let start = select.token_range().start;
            if start > 0 && self.kind(start - 1) != Kind::LPAREN {
                self.mark(start, BREAK);
            }
        }
        if node.tag() == Tag::UpdateStmt {
            self.clause_of(node.get("targetList"), &[Kind::SET]);
            self.items(node.get("targetList"), 0, ITEM);
            self.clause_of(node.get("fromClause"), &[Kind::FROM]);
        }
        self.clause_of(node.get("usingClause"), &[Kind::USING]);
        self.clause_of(node.get("sourceRelation"), &[Kind::USING]);
        self.clause_of(node.get("joinCondition"), &[Kind::ON]);
        self.clause_of(node.get("whereClause"), &[Kind::WHERE]);
        self.condition(node.get("whereClause"));
    }

    fn table(&mut self, elements: Value<'_>) {
        let Value::List(list) = elements else { return };
        if let Some(first) = list.get(0) {
            self.block_before(first.token_range().start);
        }
        for element in list.iter().flatten() {
            self.mark(element.token_range().start, ELEMENT);
        }
    }
}

/// Keywords that are called like functions.
fn is_function_word(kind: Kind) -> bool {
    crate::grammar::func::is_xml_function(kind)
        || crate::grammar::func::is_json_function(kind)
        || matches!(
            kind,
            Kind::COALESCE
                | Kind::GREATEST
                | Kind::LEAST
                | Kind::NULLIF
                | Kind::GROUPING
                | Kind::EXTRACT
                | Kind::NORMALIZE
                | Kind::OVERLAY
                | Kind::POSITION
                | Kind::SUBSTRING
                | Kind::TREAT
                | Kind::TRIM
                | Kind::CAST
                | Kind::ROW
                | Kind::MERGE_ACTION
                | Kind::OPERATOR
                | Kind::XMLTABLE
                | Kind::JSON_TABLE
        )
}
