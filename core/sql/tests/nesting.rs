#![expect(clippy::disallowed_methods, reason = "a longer run is asked for by a variable")]

//! Whatever can stand inside itself: a hundred thousand levels of each, and of mixtures, on a stack of 256 KiB, in linear work; and all that
//! is made of such trees.

use dolmen_sql::{
    Options, Tree, Workspace, compare, fingerprint, format, json, lint, normalize, tolerant, usage, view,
};

const LEVELS: usize = 100_000;
const STACK_LEN: usize = 256 << 10;

/// The tree may stand in itself as often as it will.
fn endless() -> Options {
    Options { repeats_max: usize::MAX, ..Options::default() }
}

/// Ways to put an expression into an expression: what stands before it and behind it.
const WRAPS: [(&str, &str); 106] = [
    ("(", ")"),
    ("- (", ")"),
    ("(NOT ", ")"),
    ("(1 + ", " * 2)"),
    ("(a IS DISTINCT FROM ", ")"),
    ("(1 BETWEEN ", " AND 2)"),
    ("(a LIKE ", " ESCAPE 'b')"),
    ("(1 IN (2, ", "))"),
    ("(1 = ANY (", "))"),
    ("(1 OPERATOR(s.+) ", ")"),
    ("(1 AT TIME ZONE ", ")"),
    ("(", " IS JSON OBJECT WITH UNIQUE KEYS)"),
    ("(", ")::int[]"),
    ("CAST(", " AS numeric(1, 2))"),
    ("(1::a.b(", "))"),
    ("CAST(1 AS a(2, ", "))"),
    ("(1::SETOF bit(", ")[])"),
    ("a(", ") 'x'"),
    ("numeric(", ") 'x'"),
    ("bit varying(", ") 'x'"),
    ("a[", "]"),
    ("a.b[1:", "].c"),
    ("a[", ":].*"),
    ("(a)[", "]"),
    ("$1[:][", "]"),
    ("(SELECT 1)[", "]"),
    ("ARRAY[", "]"),
    ("ARRAY[[1], [", "]]"),
    ("ROW(1, ", ")"),
    ("(1, ", ")"),
    ("((1, 2) OVERLAPS (3, ", "))"),
    ("(ROW(", ", 1) OVERLAPS ROW(2, 3))"),
    ("CASE ", " WHEN 1 THEN 2 END"),
    ("CASE WHEN ", " THEN 1 ELSE 2 END"),
    ("CASE WHEN true THEN 1 ELSE ", " END"),
    ("coalesce(1, ", ")"),
    ("nullif(", ", 1)"),
    ("greatest(", ")"),
    ("grouping(", ")"),
    ("f(", ")"),
    ("f(DISTINCT a => ", ")"),
    ("s.f(1, VARIADIC ", ")"),
    ("f(1 ORDER BY 2, ", " USING < NULLS FIRST)"),
    ("f(1) WITHIN GROUP (ORDER BY ", " DESC)"),
    ("f(*) FILTER (WHERE ", ")"),
    ("f() OVER (PARTITION BY 1, ", ")"),
    ("f() OVER (w ORDER BY ", " ASC)"),
    ("f() OVER (ROWS ", " PRECEDING)"),
    ("f() OVER (RANGE BETWEEN ", " PRECEDING AND CURRENT ROW EXCLUDE TIES)"),
    ("f() OVER (ORDER BY 1 GROUPS BETWEEN 1 PRECEDING AND ", " FOLLOWING)"),
    ("collation for (", ")"),
    ("extract(year FROM ", ")"),
    ("position(", " IN 'a')"),
    ("position('a' IN ", ")"),
    ("normalize(", ", NFC)"),
    ("trim(", ")"),
    ("trim(LEADING FROM ", ")"),
    ("trim(BOTH 'a' FROM 'b', ", ")"),
    ("trim('a', ", ")"),
    ("treat(", " AS int)"),
    ("substring(", " FROM 1 FOR 2)"),
    ("substring(a FOR ", ")"),
    ("substring(a FOR 1 FROM ", ")"),
    ("substring(a SIMILAR ", " ESCAPE 'b')"),
    ("substring(1, ", ")"),
    ("overlay(a PLACING ", " FROM 1 FOR 2)"),
    ("overlay(a PLACING b FROM 1 FOR ", ")"),
    ("xmlconcat(", ")"),
    ("xmlelement(NAME a, XMLATTRIBUTES(1 AS b, ", "), 'c')"),
    ("xmlelement(NAME a, ", ")"),
    ("xmlexists((", ") PASSING BY REF (a) BY VALUE)"),
    ("xmlforest(", " AS a)"),
    ("xmlparse(DOCUMENT ", " STRIP WHITESPACE)"),
    ("xmlpi(NAME a, ", ")"),
    ("xmlroot(a, VERSION ", ", STANDALONE YES)"),
    ("xmlserialize(CONTENT ", " AS text)"),
    ("json(", " WITH UNIQUE KEYS)"),
    ("json_scalar(", ")"),
    ("json_serialize(", " FORMAT JSON RETURNING text)"),
    ("json_object('a' VALUE 1, 'b': ", " ABSENT ON NULL)"),
    ("json_object(", ")"),
    ("json_array(1, ", " NULL ON NULL RETURNING a(1))"),
    ("json_array(SELECT ", " FORMAT JSON)"),
    ("json_objectagg('a': ", ") FILTER (WHERE true) OVER ()"),
    ("json_arrayagg(a ORDER BY ", ")"),
    ("json_query(a, ", " WITH WRAPPER KEEP QUOTES)"),
    ("json_value(a, 'b' PASSING 1 AS c, ", " AS d)"),
    ("json_value(a, 'b' DEFAULT ", " ON EMPTY DEFAULT 1 ON ERROR)"),
    ("json_exists(", ", 'b' TRUE ON ERROR)"),
    ("EXISTS (SELECT DISTINCT ON (1, ", ") 2)"),
    ("(SELECT * FROM f(", ") WITH ORDINALITY)"),
    ("ARRAY(SELECT 1 FROM LATERAL ROWS FROM (f(", ") AS (a int), g()) AS b)"),
    ("(SELECT 1 FROM f() AS a (b numeric(", ") COLLATE c))"),
    ("(SELECT 1 FROM t TABLESAMPLE system(1, ", ") REPEATABLE (2))"),
    ("(SELECT 1 FROM t TABLESAMPLE a(1) REPEATABLE (", "))"),
    (
        "(SELECT 1 FROM XMLTABLE(XMLNAMESPACES('a' AS b), '/c' PASSING d COLUMNS e int PATH 'f' DEFAULT ",
        " NOT NULL))",
    ),
    (
        "(SELECT 1 FROM JSON_TABLE(a, 'b' COLUMNS (c int, NESTED 'd' COLUMNS (e a(",
        ") PATH 'f' NULL ON EMPTY))) AS g)",
    ),
    ("(SELECT 1 FROM t JOIN u USING (a) WHERE ", ")"),
    ("(SELECT 1 GROUP BY DISTINCT 1, ROLLUP (2, ", "))"),
    ("(SELECT 1 GROUP BY GROUPING SETS (CUBE (1), GROUPING SETS ((), ", ")))"),
    ("(SELECT 1 HAVING ", ")"),
    ("(SELECT 1 WINDOW v AS (), w AS (v ORDER BY ", "))"),
    ("(SELECT 1 UNION ALL SELECT ", " ORDER BY 1)"),
    ("(SELECT 1 ORDER BY ", " FOR UPDATE OF t LIMIT 1)"),
    ("(SELECT 1 ORDER BY 1 OFFSET ", " FETCH FIRST (1) ROWS WITH TIES)"),
    ("(VALUES (1), (", ") LIMIT 1)"),
];

/// The same with statements in WITH.
const QUERIES: [(&str, &str); 11] = [
    ("(WITH a AS (SELECT 1), b (c) AS MATERIALIZED (SELECT ", ") SELECT 1)"),
    (
        "(WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY b SET c CYCLE d SET e TO f(",
        ") 'g' DEFAULT 'h' USING i SELECT 1)",
    ),
    ("(WITH a AS (INSERT INTO t AS u (b, c[", "]) OVERRIDING USER VALUE VALUES (1) RETURNING *) SELECT 1)"),
    (
        "(WITH a AS (INSERT INTO t VALUES (1) ON CONFLICT (b, (",
        ") COLLATE c o (p = 1)) WHERE true DO UPDATE SET d = 1 WHERE e) SELECT 1)",
    ),
    (
        "(WITH a AS (INSERT INTO t DEFAULT VALUES ON CONFLICT DO UPDATE SET (b, c) = (1, ",
        ") RETURNING WITH (OLD AS o) o.b AS p) SELECT 1)",
    ),
    ("(WITH a AS (UPDATE ONLY t AS u SET b = 1, c[", "] = DEFAULT FROM v WHERE CURRENT OF w) SELECT 1)"),
    ("(WITH a AS (UPDATE t SET b = ", " RETURNING b) SELECT 1)"),
    ("(WITH a AS (DELETE FROM t USING u, v WHERE ", " RETURNING 1) SELECT 1)"),
    (
        "(WITH a AS (MERGE INTO t USING u ON ",
        " WHEN MATCHED AND true THEN DELETE WHEN NOT MATCHED THEN DO NOTHING) SELECT 1)",
    ),
    (
        "(WITH a AS (MERGE INTO t USING u ON true WHEN MATCHED THEN UPDATE SET b = 1 WHEN NOT MATCHED AND ",
        " THEN INSERT (b) VALUES (1) RETURNING merge_action()) SELECT 1)",
    ),
    (
        "(WITH a AS (MERGE INTO t USING u ON true WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (1, ",
        ") WHEN NOT MATCHED BY SOURCE THEN DELETE) SELECT 1)",
    ),
];

fn wraps() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    WRAPS.into_iter().chain(QUERIES)
}

fn nested(
    start: &str,
    levels: impl Iterator<Item = (&'static str, &'static str)>,
    inner: &str,
    end: &str,
) -> String {
    let mut sql = String::from(start);
    let mut closing = Vec::new();
    for (open, close) in levels {
        sql.push_str(open);
        closing.push(close);
    }
    sql.push_str(inner);
    sql.extend(closing.into_iter().rev());
    sql.push_str(end);
    sql
}

/// All shapes: a name and a text of `n` levels.
fn shapes(n: usize) -> Vec<(String, String)> {
    let name = |(open, close): (&str, &str)| format!("{open}…{close}");
    let mut all: Vec<_> =
        wraps().map(|wrap| (name(wrap), nested("SELECT ", std::iter::repeat_n(wrap, n), "1", ""))).collect();
    // What can stand in itself without an expression between.
    let own = [
        ("", "WITH a AS (", "SELECT 1", ") SELECT 1", ""),
        ("SELECT 1 GROUP BY ", "GROUPING SETS (", "()", ")", ""),
        ("SELECT 1 FROM JSON_TABLE(a, 'b' COLUMNS (", "NESTED PATH 'c' COLUMNS (", "d int", ")", "))"),
        ("", "CREATE FUNCTION f() BEGIN ATOMIC ", "SELECT 1; ", "END; ", ""),
        (
            "",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; ; ",
            "RETURN 2; ",
            "END; ",
            "",
        ),
        ("SELECT a", "[:]", "", "", ""),
        ("CREATE VIEW v AS SELECT ", "a[", "1", "]", ""),
        ("CREATE TABLE t (a int DEFAULT ", "f(1 ORDER BY ", "1", ")", ")"),
        ("CREATE INDEX i ON t (", "(a[", "1", "])", ")"),
        ("ALTER TABLE t ADD CHECK (", "f() OVER (ORDER BY ", "1", ")", ")"),
        ("EXPLAIN INSERT INTO t VALUES (", "json_array(", "1", ")", ")"),
        ("CREATE RULE r AS ON UPDATE TO t DO INSTEAD (DELETE FROM u WHERE ", "numeric(", "1", ") 'a'", ")"),
    ];
    for (start, open, inner, close, end) in own {
        let name = format!("{start}{open}…");
        let text = nested(start, std::iter::repeat_n((open, close), n), inner, end);
        all.push((name, text.trim_end_matches("; ").into()));
    }
    all.push(("all in turn".into(), nested("SELECT ", wraps().cycle().take(n), "1", "")));
    all
}

fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

/// A mixture of all of them, in an order that the seed says.
fn mixture(seed: u64, n: usize) -> String {
    let all: Vec<_> = wraps().collect();
    let mut state = seed;
    nested("SELECT ", (0..n).map(|_| all[next(&mut state) % all.len()]), "1", "")
}

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK_LEN).spawn(work).unwrap().join().unwrap();
}

/// Whatever can be made of a tree.
fn everything(name: &str, sql: &str, tree: Tree<'_>) {
    let mut out = String::new();
    let writers: [fn(Tree<'_>, &mut String); 5] =
        [json::write, view::outline, view::s_expression, view::dot, view::svg];
    let few = tree.tokens().len() < 2_000;
    for writer in &writers[..if few { 5 } else { 4 }] {
        out.clear();
        writer(tree, &mut out);
        assert!(!out.is_empty(), "{name}");
    }
    usage::usage(tree);
    lint::lint(tree, &lint::Settings::default());
    assert!(!normalize::normalize(tree, false).is_empty(), "{name}");
    let print = fingerprint::fingerprint(tree);
    let text = format::deparse(tree);
    let mut second = Workspace::new();
    let again = second.parse(&text).unwrap();
    assert!(compare::same(tree, again), "{name}");
    assert_eq!(fingerprint::fingerprint(again), print, "{name}");
    assert!(format::format(sql, &format::Style::default()).is_ok(), "{name}");
    let mut third = Workspace::new();
    let found = tolerant::parse(&mut third, sql, Options::default());
    assert!(found.findings.is_empty(), "{name}");
}

/// The shapes are what they should be: few levels of each give a tree, and printed again the same.
#[test]
fn few_levels_of_each() {
    for n in 1..4 {
        for (name, sql) in shapes(n) {
            let mut workspace = Workspace::new();
            match workspace.parse(&sql) {
                Ok(tree) => everything(&name, &sql, tree),
                Err(error) => panic!("{error}: {sql}"),
            }
        }
    }
}

/// More levels than the stack could hold calls of 256 bytes for; DOLMEN_SOAK=100 makes them a hundred thousand.
#[test]
fn all_that_is_made_of_deep_trees() {
    let factor = std::env::var("DOLMEN_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let levels = (STACK_LEN / 256 * factor).min(LEVELS);
    on_a_small_stack(move || {
        for (name, sql) in shapes(levels) {
            let mut workspace = Workspace::new();
            let tree =
                workspace.parse_with(&sql, endless()).unwrap_or_else(|error| panic!("{error}: {name}"));
            // The source of several columns stands in libpg_query's trees once for each: what is written of them doubles at every level.
            if !name.contains("(b, c) = (") {
                everything(&name, &sql, tree);
            }
        }
    });
}

#[test]
fn mixtures_of_any_order() {
    on_a_small_stack(|| {
        let mut workspace = Workspace::new();
        for seed in 0..50 {
            let sql = mixture(seed, 40);
            let tree = workspace.parse(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
            everything("a mixture", &sql, tree);
        }
        let sql = mixture(1, LEVELS);
        assert!(workspace.parse_with(&sql, endless()).is_ok());
        // All that is made of a hundred thousand levels, where they are short.
        let short: Vec<_> = wraps().filter(|(open, close)| open.len() + close.len() < 14).collect();
        let mut state = 5;
        let levels = (0..LEVELS).map(|_| short[next(&mut state) % short.len()]);
        let sql = nested("SELECT ", levels, "1", "");
        let tree = workspace.parse(&sql).unwrap_or_else(|error| panic!("{error}: a deep mixture"));
        everything("a deep mixture", &sql, tree);
    });
}

/// A hundred thousand levels of each give a tree, and twice the text costs at most three times the work.
#[test]
fn a_hundred_thousand_levels_in_linear_work() {
    on_a_small_stack(|| {
        let mut workspace = Workspace::new();
        let mut before: Vec<u64> = Vec::new();
        for n in [LEVELS / 2, LEVELS] {
            let mut texts = shapes(n);
            texts.push(("a mixture".into(), mixture(9, n)));
            let mut costs = Vec::new();
            for (name, sql) in &texts {
                assert!(workspace.parse_with(sql, endless()).is_ok(), "{name}");
                costs.push(
                    workspace.tokens().len() as u64 + workspace.steps() + workspace.tree_words() as u64,
                );
            }
            for ((name, _), (small, large)) in texts.iter().zip(before.iter().zip(&costs)) {
                assert!(*large <= 3 * small, "{name}: {small} at half of {n}, {large} at {n}");
            }
            before = costs;
        }
    });
}

/// What is cut off anywhere is refused, and never ends the thread.
#[test]
fn deep_texts_that_are_cut_off() {
    on_a_small_stack(|| {
        let mut workspace = Workspace::new();
        for (name, sql) in shapes(LEVELS / 10) {
            for cut in [sql.len() / 3, sql.len() / 2 + 1, sql.len() * 4 / 5] {
                let cut = (cut..sql.len()).find(|&at| sql.is_char_boundary(at)).unwrap_or(0);
                let error = workspace.parse(&sql[..cut]).map(|_| ()).err();
                assert!(error.is_some() || name.contains("[:]"), "{name}");
            }
        }
    });
}

/// The limit of frames is the only one, and it is an error.
#[test]
fn the_limit_is_one_error() {
    let mut workspace = Workspace::new();
    for (name, sql) in shapes(1_000) {
        if name.contains("[:]") {
            continue;
        }
        let options = Options { frames_max: 500, ..Options::default() };
        let error = workspace.parse_with(&sql, options).map(|_| ()).unwrap_err();
        assert_eq!(
            (error.sqlstate, error.message.as_str()),
            ("54001", "stack depth limit exceeded"),
            "{name}"
        );
        assert!(workspace.parse_with(&sql, endless()).is_ok(), "{name}");
    }
}
