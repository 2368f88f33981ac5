//! Views, visitor and rewriter.

use dolmen_sql::nodes::Tag;
use dolmen_sql::rewrite::{Edits, RewriteError, rewrite};
use dolmen_sql::tree::Node;
use dolmen_sql::views::{A_Expr, RangeVar, SelectStmt};
use dolmen_sql::visit::{Visitor, Walk, walk};
use dolmen_sql::{Workspace, compare};

#[test]
fn views_name_fields_as_libpg_query_does() {
    let mut workspace = Workspace::new();
    let tree = workspace.parse("SELECT a AS b FROM ONLY s.t WHERE a > 1 LIMIT 2").unwrap();
    let raw = tree.statements().get(0).unwrap();
    let select: SelectStmt<'_> =
        raw.view::<dolmen_sql::views::RawStmt<'_>>().unwrap().stmt().unwrap().view().unwrap();
    assert_eq!(select.targetList().len(), 1);
    let table: RangeVar<'_> = select.fromClause().get(0).unwrap().view().unwrap();
    assert_eq!(table.schemaname().unwrap().read(), "s");
    assert!(!table.inh());
    assert_eq!(table.location(), Some(24));
    let condition: A_Expr<'_> = select.whereClause().unwrap().view().unwrap();
    assert_eq!(condition.kind(), "AEXPR_OP");
    assert!(select.withClause().is_none() && select.groupClause().is_empty());
    assert!(select.limitCount().unwrap().view::<SelectStmt<'_>>().is_none());
}

#[test]
fn a_visitor_sees_every_node_once_and_parents_around_children() {
    #[derive(Default)]
    struct Depths {
        depth: usize,
        seen: Vec<(usize, Tag, &'static str)>,
    }
    impl<'t> Visitor<'t> for Depths {
        fn enter(&mut self, node: Node<'t>, field: &'static str) -> Walk {
            self.seen.push((self.depth, node.tag(), field));
            if node.tag() == Tag::FuncCall {
                return Walk::Past;
            }
            self.depth += 1;
            Walk::In
        }
        fn leave(&mut self, _: Node<'t>) {
            self.depth -= 1;
        }
    }
    let mut workspace = Workspace::new();
    let mut depths = Depths::default();
    walk(workspace.parse("SELECT f(a), 1").unwrap(), &mut depths);
    let wanted = [
        (0, Tag::RawStmt, ""),
        (1, Tag::SelectStmt, "stmt"),
        (2, Tag::ResTarget, "targetList"),
        (3, Tag::FuncCall, "val"),
        (2, Tag::ResTarget, "targetList"),
        (3, Tag::A_Const, "val"),
    ];
    assert_eq!(depths.seen, wanted);
    assert_eq!(depths.depth, 0);
}

#[test]
fn a_rewritten_text_keeps_all_else() {
    let mut workspace = Workspace::new();
    let sql = "select a -- one\n, 'secret'||x, f(2)from t /* t */ where b in(3,4)";
    let tree = workspace.parse(sql).unwrap();
    let redacted = rewrite(tree, |node| (node.tag() == Tag::A_Const).then(|| "?!".into()));
    assert!(matches!(redacted, Err(RewriteError::Syntax(_))));
    let redacted = rewrite(tree, |node| (node.tag() == Tag::A_Const).then(|| "NULL".into())).unwrap();
    assert_eq!(redacted, "select a -- one\n, NULL||x, f(NULL)from t /* t */ where b in(NULL,NULL)");
    let renamed = rewrite(tree, |node| {
        node.view::<RangeVar<'_>>()
            .filter(|t| t.relname().is_some_and(|n| n.read() == "t"))
            .map(|_| "s.u".into())
    });
    assert!(renamed.unwrap().contains("from s.u /* t */"));
    let mut edits = Edits::new(tree);
    edits.replace_bytes(0..6, "x").replace_bytes(3..8, "y");
    assert_eq!(edits.apply(), Err(RewriteError::Overlap(3..8)));
}

/// A node's bytes are its own: read alone as an expression, they give the same node.
#[test]
fn the_bytes_of_an_expression_are_that_expression() {
    let sql = "SELECT (a + b * c)::int, f(x, y => 1) OVER w, CASE WHEN a THEN b ELSE c END, x BETWEEN 1 AND 2 AND NOT z, \
               a.b[1:2], ARRAY[1, 2], (SELECT 1), x IN (1, 2), y IS NOT NULL, -5, - z, 'a' LIKE 'b', \
               coalesce(a, b), ROW(1, 2) = (3, 4), now() AT TIME ZONE 'x', a COLLATE \"C\", $1, int '3' FROM t WINDOW w AS ()";
    let (mut workspace, mut second) = (Workspace::new(), Workspace::new());
    let tree = workspace.parse(sql).unwrap();
    let mut count = 0;
    walk(tree, &mut |node: Node<'_>, field: &'static str| {
        let kind = node.tag();
        let expression = matches!(
            kind,
            Tag::A_Expr
                | Tag::FuncCall
                | Tag::CaseExpr
                | Tag::BoolExpr
                | Tag::NullTest
                | Tag::TypeCast
                | Tag::A_ArrayExpr
                | Tag::SubLink
                | Tag::CoalesceExpr
                | Tag::RowExpr
                | Tag::CollateClause
                | Tag::ColumnRef
                | Tag::ParamRef
        );
        if expression && field != "lexpr" {
            let text = format!("SELECT {} FROM t WINDOW w AS ()", &sql[node.range()]);
            let again = second.parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let mut same = false;
            walk(again, &mut |other: Node<'_>, _: &'static str| {
                same |= other.tag() == kind && compare::same_node(node, other);
                Walk::In
            });
            assert!(same, "{kind:?}: {text}");
            count += 1;
        }
        Walk::In
    });
    assert!(count > 25, "{count}");
}
