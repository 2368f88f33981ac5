//! Depth, length and memory: a hundred thousand levels on a small stack, in linear time and without allocation where the
//! workspace has seen as much before.

use allocation_counter::measure;
use dolmen_sql::version::Dialect;
use dolmen_sql::{Options, Tokens, Tree, Workspace, fingerprint, format, json, lexer, normalize, view};

const LEVELS: usize = 100_000;

/// Ways to nest, `n` levels deep.
fn shapes(n: usize) -> Vec<(&'static str, String)> {
    let wrap =
        |open: &str, inner: &str, close: &str| format!("SELECT {}{inner}{}", open.repeat(n), close.repeat(n));
    let chain = |link: &str| format!("SELECT 1{}", link.repeat(n));
    vec![
        ("parentheses", wrap("(", "1", ")")),
        ("open parentheses", wrap("(", "1", "")),
        ("subselects", wrap("(SELECT ", "1", ")")),
        ("NOT", wrap("NOT ", "true", "")),
        ("arrays", wrap("ARRAY[", "1", "]")),
        ("calls", wrap("f(", "1", ")")),
        ("CASE", wrap("CASE WHEN true THEN ", "1", " END")),
        ("tables", format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(n), ") a".repeat(n))),
        ("joins", format!("SELECT * FROM {}t{}", "(".repeat(n), " JOIN u ON true)".repeat(n))),
        ("right joins", format!("SELECT * FROM t{}{}", " JOIN t".repeat(n), " ON true".repeat(n))),
        ("sums", chain(" + 1")),
        ("AND", chain(" AND true")),
        ("nested AND", format!("SELECT {}true{}", "(".repeat(n), " AND true)".repeat(n))),
        ("unions", format!("SELECT 1{}", " UNION SELECT 1".repeat(n))),
        ("casts", chain("::int")),
        ("IN lists", format!("SELECT 1 IN (1{})", ", 1".repeat(n))),
        ("comments", format!("SELECT {}{} 1", "/*".repeat(n), "*/".repeat(n))),
        ("subscripts", wrap("a[", "1", "]")),
        ("windows", wrap("f() OVER (ORDER BY ", "1", ")")),
        (
            "common table expressions",
            format!("{}SELECT 1{}", "WITH a AS (".repeat(n), ") SELECT 1".repeat(n)),
        ),
        ("casts in brackets", wrap("CAST(", "1", " AS int)")),
        ("prefix operators", wrap("@ ", "1", "")),
        ("minus signs", wrap("- ", "1", "")),
        ("arrays in arrays", format!("SELECT ARRAY{}1{}", "[".repeat(n), "]".repeat(n))),
        ("collations", format!("SELECT a{}", " COLLATE b".repeat(n))),
        ("time zones", format!("SELECT a{}", " AT LOCAL".repeat(n))),
        ("rows", wrap("(1, ", "2", ")")),
        ("parentheses around a table", format!("SELECT * FROM {}SELECT 1{} a", "(".repeat(n), ")".repeat(n))),
        ("parentheses around a select", format!("{}SELECT 1{}", "(".repeat(n), ")".repeat(n))),
        ("selects in IN", wrap("1 IN (SELECT ", "1", ")")),
        (
            "lateral tables",
            format!("SELECT * FROM {}t{}", "LATERAL (SELECT * FROM ".repeat(n), ") a".repeat(n)),
        ),
    ]
}

/// Ways to be long: `n` of something, one behind the other.
fn lists(n: usize) -> Vec<(&'static str, String)> {
    let list = |start: &str, item: &str, end: &str| format!("{start}{}{end}", item.repeat(n));
    vec![
        ("names", list("SELECT a", ".b", "")),
        ("subscripts", list("SELECT a", "[1]", "")),
        ("dollar quotes", list("SELECT $$a$$", ", $b$ ; $$ $b$", "")),
        ("strings on lines", list("SELECT 'a'", "\n'b'", "")),
        ("comments", list("SELECT 1", " /* a */ -- b\n", "")),
        ("statements", list("", "SELECT 1; ", "")),
        ("targets", list("SELECT a", ", a AS b", "")),
        ("rows", list("VALUES (1, 'a')", ", (2, 'b')", "")),
        ("tables", list("SELECT 1 FROM a", ", b c", "")),
        ("groups", list("SELECT a", ", a", " GROUP BY a") + &", a".repeat(n)),
        ("sort keys", list("SELECT 1 ORDER BY a", ", b DESC", "")),
        ("cases", list("SELECT CASE", " WHEN a THEN 1", " END")),
        ("arguments", list("SELECT f(a", ", b => 1", ")")),
        ("queries", list("WITH a AS (SELECT 1)", ", b AS (SELECT 2)", " SELECT 3")),
        ("windows", list("SELECT 1 WINDOW a AS ()", ", b AS (ORDER BY c)", "")),
        ("columns", list("CREATE TABLE t (a int", ", b numeric(1, 2) DEFAULT 3 NOT NULL", ")")),
        ("actions", list("ALTER TABLE t ADD a int", ", DROP b", "")),
        ("grants", list("GRANT ALL ON a", ", b", " TO c")),
    ]
}

#[test]
fn a_hundred_thousand_levels_on_a_small_stack() {
    let work = || {
        let mut workspace = Workspace::new();
        for (name, sql) in shapes(LEVELS) {
            match workspace.parse(&sql) {
                Ok(tree) => {
                    fingerprint::fingerprint(tree);
                    let mut out = String::new();
                    json::write(tree, &mut out);
                    assert!(out.ends_with("]}"), "{name}");
                }
                Err(error) => assert_eq!(
                    (name, error.message.as_str()),
                    ("open parentheses", "syntax error at end of input")
                ),
            }
        }
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

/// Twice the text may cost at most three times the work: tokens read, steps of the machine, words of the tree. Up to a hundred
/// thousand levels or items, on a small stack.
#[test]
fn work_is_linear_in_the_text() {
    let work = || {
        let mut workspace = Workspace::new();
        let mut cost = |name: &str, sql: &str| {
            assert!(workspace.parse(sql).is_ok() || name == "open parentheses", "{name}");
            workspace.tokens().len() as u64 + workspace.steps() + workspace.tree_words() as u64
        };
        for ways in [shapes, lists] {
            let mut before: Vec<u64> = Vec::new();
            for n in [LEVELS / 8, LEVELS / 4, LEVELS / 2, LEVELS] {
                let costs: Vec<u64> = ways(n).iter().map(|(name, sql)| cost(name, sql)).collect();
                for ((name, _), (small, large)) in ways(1).iter().zip(before.iter().zip(&costs)) {
                    assert!(*large <= 3 * small, "{name}: {small} at half of {n}, {large} at {n}");
                }
                before = costs;
            }
        }
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

/// Whatever is made of a tree is as long as the text, for deep ones too.
#[test]
fn what_is_printed_is_linear_in_the_text() {
    let printed = |sql: &str| {
        let mut workspace = Workspace::new();
        let Ok(tree) = workspace.parse(sql) else { return Vec::new() };
        let writers: [fn(Tree<'_>, &mut String); 4] =
            [json::write, view::outline, view::s_expression, view::dot];
        let mut lens: Vec<usize> = Vec::new();
        for writer in writers {
            let mut out = String::new();
            writer(tree, &mut out);
            lens.push(out.len());
        }
        lens.push(normalize::normalize(tree, false).len());
        lens.push(format::deparse(tree).len());
        lens.push(format::format(sql, &format::Style::default()).map_or(0, |text| text.len()));
        lens
    };
    for ways in [shapes, lists] {
        for ((name, small), (_, large)) in ways(1_500).iter().zip(ways(3_000)) {
            let (small, large) = (printed(small), printed(&large));
            assert!(small.iter().all(|&len| len > 0), "{name}: {small:?}");
            for (small, large) in small.iter().zip(&large) {
                assert!(*large <= 3 * small, "{name}: {small} and {large}");
            }
        }
    }
}

#[test]
fn the_limit_of_frames_is_an_error() {
    let mut workspace = Workspace::new();
    let sql = format!("SELECT {}1{}", "(".repeat(1_000), ")".repeat(1_000));
    let options = Options { frames_max: 500, ..Options::default() };
    let error = workspace.parse_with(&sql, options).unwrap_err();
    assert_eq!((error.sqlstate, error.message.as_str()), ("54001", "stack depth limit exceeded"));
    assert!(workspace.parse(&sql).is_ok());
}

/// What is written of a tree stays near the length of its text: where sources of several columns would stand in it again without an end,
/// the text is refused, and one such assignment of many columns is not.
#[test]
fn the_limit_of_repeats_is_an_error() {
    let mut workspace = Workspace::new();
    let nested = |levels: usize| {
        let open = "(WITH a AS (UPDATE t SET (b, c) = (SELECT 1, ".repeat(levels);
        format!("SELECT {open}1{}", ") RETURNING b) SELECT 1)".repeat(levels))
    };
    for levels in [1, 2, 10] {
        let sql = nested(levels);
        let tree = workspace.parse(&sql).unwrap();
        let mut out = String::new();
        json::write(tree, &mut out);
        assert!(out.matches("MultiAssignRef").count() >= 2 << (levels - 1), "{levels}");
    }
    for levels in [30, 100, 1_000] {
        let error = workspace.parse(&nested(levels)).unwrap_err();
        assert_eq!(error.sqlstate, "54000", "{error}");
    }
    let columns = vec!["b"; 1_000].join(", ");
    assert!(workspace.parse(&format!("UPDATE t SET ({columns}) = (SELECT {columns} FROM u)")).is_ok());
    let few = Options { repeats_max: 200, ..Options::default() };
    assert!(workspace.parse_with(&nested(1), few).is_ok());
    assert_eq!(workspace.parse_with(&nested(3), few).unwrap_err().sqlstate, "54000");
}

#[test]
fn a_second_parse_allocates_nothing() {
    let texts = [
        "SELECT a.b, count(*) FILTER (WHERE x > 1) OVER (PARTITION BY y ORDER BY z DESC) AS n FROM t JOIN u USING (id) WHERE a IN (1, 2, 3) AND b LIKE 'x%' OR NOT c GROUP BY 1, ROLLUP (d) HAVING max(e) > 2.5 ORDER BY 1 LIMIT 10 OFFSET $1",
        "INSERT INTO t (a, b) VALUES (1, 'x'), (2, E'y\\n'), (-3, NULL) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
        "WITH r AS (UPDATE t SET a = a + 1 WHERE b IS NOT NULL RETURNING *) DELETE FROM u USING r WHERE u.id = r.id",
        "CREATE TABLE IF NOT EXISTS s.t (id bigint PRIMARY KEY, n numeric(10, 2) DEFAULT 0 NOT NULL CHECK (n > 0), ts timestamp with time zone, FOREIGN KEY (id) REFERENCES u (id) ON DELETE CASCADE)",
        "ALTER TABLE t ADD COLUMN c text COLLATE \"C\", ALTER b TYPE int USING b::int, DROP CONSTRAINT k",
        "CREATE INDEX CONCURRENTLY i ON t USING gin (a, lower(b)) WHERE c IS NOT NULL",
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.a)",
        "BEGIN; SET search_path TO a, b; SELECT CASE WHEN a THEN 1 ELSE 2 END, ARRAY[1, 2], row(1, 2), (SELECT 1); COMMIT",
    ];
    let mut workspace = Workspace::new();
    for text in texts {
        workspace.parse(text).unwrap();
    }
    let seen = measure(|| {
        for text in texts {
            workspace.parse(text).unwrap();
        }
    });
    assert_eq!(seen.count_total, 0);
    assert_eq!(measure(|| drop(vec![0_u8; 100])).count_total, 1);
}

/// Tokens and the gaps between them are the text, for any bytes.
#[test]
fn nothing_is_lost_between_tokens() {
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut tokens = Tokens::default();
    let alphabet = b"SELECT a1 '\"$.,;:()[]+-*/<>=~!@#%^&|`?\\\n\t\0_Ee0xUuNnBb\xc3\xa9{}";
    for _ in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..state % 40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(alphabet[(state >> 33) as usize % alphabet.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for mode in [lexer::Mode::Grammar, lexer::Mode::Tolerant, lexer::Mode::Scan] {
            lexer::lex(&text, mode, Dialect::default(), &mut tokens, &mut Vec::new());
            let mut at = 0;
            for index in 0..tokens.len() {
                let range = tokens.range(index);
                assert!(range.start >= at && range.end >= range.start, "{text:?} {mode:?}");
                at = range.end;
            }
            assert_eq!(tokens.ends.last().copied(), Some(text.len() as u32), "{text:?} {mode:?}");
        }
    }
}
