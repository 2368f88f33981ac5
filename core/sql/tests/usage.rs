//! Tables, columns, functions and parameters of statements.

use dolmen_sql::Workspace;
use dolmen_sql::usage::usage;

/// One line for each thing that a text uses.
fn check(sql: &str, wanted: &[&str]) {
    let mut workspace = Workspace::new();
    let found = usage(workspace.parse(sql).unwrap());
    let mut lines = Vec::new();
    for table in &found.tables {
        lines.push(format!("{} {}", table.role.name(), table.name));
    }
    for column in &found.columns {
        let table = column.table.as_deref().unwrap_or("?");
        lines.push(format!("{} {table}:{}", column.role.name(), column.name));
    }
    for function in &found.functions {
        lines.push(format!("{}()", function.name));
    }
    lines.extend(found.parameters.iter().map(|(number, _)| format!("${number}")));
    assert_eq!(lines, wanted, "{sql}");
    for used in found.tables.iter().chain(&found.columns).chain(&found.functions) {
        assert!(!used.range.is_empty() && used.range.end <= sql.len(), "{sql}: {used:?}");
    }
}

#[test]
fn queries_read_and_common_table_expressions_are_no_tables() {
    check(
        "SELECT a, t.b FROM s.t WHERE c = $2",
        &["read s.t", "read s.t:a", "read s.t:b", "read s.t:c", "$2"],
    );
    check(
        "WITH c AS (SELECT * FROM t), d AS (SELECT * FROM c) SELECT d.x FROM d, c, s.c, (WITH e AS (SELECT 1) SELECT * FROM e) f, e",
        &["read t", "read s.c", "read e", "read ?:x"],
    );
    check("WITH c AS (SELECT * FROM c) SELECT * FROM c", &["read c"]);
    check("WITH RECURSIVE c AS (SELECT 1 UNION SELECT * FROM c) SELECT * FROM c", &[]);
    check(
        "SELECT o.id, (SELECT count(*) FROM items i WHERE i.o = o.id) FROM orders AS o JOIN c USING (id) WHERE x",
        &[
            "read items",
            "read orders",
            "read c",
            "read orders:id",
            "read items:o",
            "read orders:id",
            "read ?:x",
            "count()",
        ],
    );
    check("SELECT * INTO n FROM t", &["ddl n", "read t"]);
}

#[test]
fn what_statements_aim_at_is_written() {
    check(
        "INSERT INTO t (a, b) SELECT x, f(y) FROM u ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING a",
        &[
            "write t",
            "read u",
            "write t:a",
            "write t:b",
            "write t:b",
            "read u:x",
            "read u:y",
            "read ?:b",
            "read t:a",
            "f()",
        ],
    );
    check(
        "WITH g AS (DELETE FROM t USING v WHERE t.a = v.a RETURNING *) UPDATE ONLY u SET c = g.c + d FROM g WHERE u.e = $1",
        &[
            "write u",
            "write t",
            "read v",
            "write u:c",
            "read t:a",
            "read v:a",
            "read ?:c",
            "read ?:d",
            "read u:e",
            "$1",
        ],
    );
    check("TRUNCATE a, b", &["write a", "write b"]);
    check("COPY t (a) FROM STDIN", &["write t", "write t:a"]);
    check("COPY t TO STDOUT", &["read t"]);
    check(
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b",
        &["write t", "read s", "write t:b", "read t:a", "read s:a", "read s:b"],
    );
}

#[test]
fn other_statements_define() {
    check("CREATE TABLE s.t (a int REFERENCES u, b text)", &["ddl s.t", "ddl u", "ddl s.t:a", "ddl s.t:b"]);
    check("CREATE VIEW v AS SELECT a FROM t", &["ddl v", "read t", "read t:a"]);
    check("ALTER TABLE t ADD c int, DROP d, ADD CHECK (c > 0)", &["ddl t", "ddl t:c", "ddl t:d", "ddl ?:c"]);
    check("CREATE INDEX i ON t (a, lower(b))", &["ddl t", "ddl t:a", "ddl ?:b", "lower()"]);
    check("DROP TABLE a, s.b", &["ddl a", "ddl s.b"]);
    check("DROP INDEX i", &[]);
    check("ALTER TABLE t RENAME a TO b", &["ddl t", "ddl t:a"]);
    check("COMMENT ON COLUMN s.t.a IS 'x'", &["ddl s.t", "ddl s.t:a"]);
    check("CALL p(1, $1)", &["p()", "$1"]);
    check("EXPLAIN SELECT 1 FROM t", &["read t"]);
}

#[test]
fn depth_costs_no_stack() {
    let work = || {
        let sql = format!("SELECT {}a{} FROM t", "(SELECT ".repeat(50_000), ")".repeat(50_000));
        let mut workspace = Workspace::new();
        assert_eq!(usage(workspace.parse(&sql).unwrap()).tables.len(), 1);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}
