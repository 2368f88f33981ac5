#![expect(clippy::disallowed_methods, reason = "tests read seeds")]

//! The fuzz targets' bodies over their seeds, over damaged statements, and the known faults of other parsers.

use dolmen_sql::{Workspace, check, compare, fingerprint, format, json, normalize};

type Body = (&'static str, fn(&[u8]));

const BODIES: [Body; 6] = [
    ("sql_lex", check::check_lex),
    ("sql_parse", check::check_parse),
    ("sql_deparse", check::check_deparse),
    ("sql_tolerant", check::check_tolerant),
    ("sql_format", check::check_format),
    ("sql_depth", check::check_depth),
];

#[test]
fn seeds_and_their_damaged_forms() {
    let mut state = 7_u64;
    for (name, body) in BODIES {
        let folder = format!("../../fuzz/corpus/{name}");
        for entry in std::fs::read_dir(folder).unwrap() {
            let seed = std::fs::read(entry.unwrap().path()).unwrap();
            body(&seed);
            let damaged = if name == "sql_depth" { 10 } else { 150 };
            for _ in 0..damaged {
                let mut bytes = seed.clone();
                for _ in 0..1 + state % 3 {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let at = (state >> 33) as usize % bytes.len();
                    match state % 4 {
                        0 => bytes.truncate(at.max(1)),
                        1 => bytes[at] = b"'\"$(),.;:+-*/ \nae0E\\"[(state >> 40) as usize % 20],
                        2 => {
                            bytes.remove(at);
                            bytes.push(b' ');
                        }
                        _ => bytes.insert(at, seed[(state >> 45) as usize % seed.len()]),
                    }
                }
                body(&bytes);
            }
        }
    }
}

fn tree(sql: &str) -> String {
    let mut out = String::new();
    json::write(Workspace::new().parse(sql).unwrap(), &mut out);
    out
}

fn print(sql: &str) -> u64 {
    fingerprint::fingerprint(Workspace::new().parse(sql).unwrap())
}

#[test]
fn unicode_escapes_of_strings_and_names() {
    assert!(tree("SELECT U&'f?006f?+00006f' UESCAPE '?'").contains(r#""sval":"foo""#));
    assert!(tree(r#"SELECT 7 AS U&"qu\0061d""#).contains(r#""name":"quad""#));
    assert!(tree(r"SELECT U & '\0042'").contains(r#""name":[{"String":{"sval":"&"}}]"#));
}

#[test]
fn chained_tests_and_bitwise_not() {
    for (plain, grouped) in [
        ("SELECT p NOT ILIKE q IS NOT NULL", "SELECT (p NOT ILIKE q) IS NOT NULL"),
        ("SELECT ~7 * 2 - 1", "SELECT ~((7 * 2) - 1)"),
        ("SELECT 4 NOT BETWEEN 1 AND 9 IS TRUE", "SELECT (4 NOT BETWEEN 1 AND 9) IS TRUE"),
        ("SELECT NOT f IS NULL", "SELECT NOT (f IS NULL)"),
    ] {
        let (mut a, mut b) = (Workspace::new(), Workspace::new());
        assert!(compare::same(a.parse(plain).unwrap(), b.parse(grouped).unwrap()), "{plain}");
    }
}

#[test]
fn printing_keeps_needed_parentheses() {
    for sql in [
        "SELECT 1 FROM s WHERE NOT (n > 3 OR n IS NULL) AND k",
        "SELECT (p OR q) IS NOT TRUE",
        "SELECT v <> (p IS UNKNOWN)",
        "SELECT 1 EXCEPT (SELECT 2 INTERSECT SELECT 3)",
        "(SELECT 1 UNION SELECT 2) INTERSECT SELECT 3",
        "SELECT CASE k WHEN 5 THEN 'v' END",
    ] {
        check::check_parse(sql.as_bytes());
        check::check_deparse(sql.as_bytes());
    }
}

#[test]
fn fingerprints_ignore_order_and_length_of_lists() {
    for group in [
        &["SELECT 1 FROM t WHERE p = 3 AND q = 4", "SELECT 1 FROM t WHERE q = $1 AND p = $2"][..],
        &[
            "SELECT 1 FROM t WHERE p IN (7, 8)",
            "SELECT 1 FROM t WHERE p IN (7, 8, 9)",
            "SELECT 1 FROM t WHERE p = 7",
        ],
        &["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1), (2)"],
        &["SELECT d = false", "SELECT d = $1"],
    ] {
        assert!(group.iter().all(|sql| print(sql) == print(group[0])), "{group:?}");
    }
}

#[test]
fn normalising_leaves_modifiers_alone() {
    for (sql, text) in [
        ("SELECT 'z'::numeric(9,2)", "SELECT $1::numeric(9,2)"),
        ("SELECT f($4), 8", "SELECT f($4), $5"),
        ("SELECT -1", "SELECT $1"),
    ] {
        assert_eq!(normalize::normalize(Workspace::new().parse(sql).unwrap(), false), text);
    }
}

#[test]
fn dollar_quotes_are_left_alone() {
    for sql in
        ["SELECT $$x|y%L$$", "SELECT format($w$ %s 50%% $w$, x)", "SELECT f($$select  1$$, $a$ x $$ y $a$)"]
    {
        let once = format::format(sql, &format::Style::default()).unwrap();
        let inside = sql.split('$').nth(2).unwrap();
        assert!(once.contains(inside), "{once}");
        assert_eq!(format::format(&once, &format::Style::default()).unwrap(), once);
    }
}

/// What server 18.4 says of a frame whose BETWEEN turns out to be a column.
#[test]
fn between_may_be_a_column_of_a_frame() {
    let head = "SELECT x() OVER (ORDER BY a RANGE BETWEEN ";
    let verdict = |tail: &str| {
        let sql = format!("{head}{tail})");
        Workspace::new().parse(&sql).err().map(|error| (error.message.clone(), error.cursor(&sql)))
    };
    let following = "frame starting from following row cannot end with current row";
    for tail in ["/ 2 PRECEDING", "< 2 PRECEDING", "= 2 PRECEDING", "1 PRECEDING AND 2 FOLLOWING"] {
        assert_eq!(verdict(tail), None, "{tail}");
    }
    for tail in [
        "::int FOLLOWING",
        ". b FOLLOWING",
        "[1] FOLLOWING",
        "AND 1 FOLLOWING",
        "IN (1) FOLLOWING",
        "IS NULL FOLLOWING",
    ] {
        assert_eq!(verdict(tail), Some((following.into(), 35)), "{tail}");
    }
    for (tail, near, cursor) in [
        ("::'x'interval FOLLOWING", "'x'", 45),
        ("LIKE b FOLLOWING", "LIKE", 43),
        ("PRECEDING", ")", 52),
        ("AND CURRENT ROW", "ROW", 55),
        ("NOT IN (1) FOLLOWING", "NOT", 43),
    ] {
        assert_eq!(verdict(tail), Some((format!("syntax error at or near \"{near}\""), cursor)), "{tail}");
    }
}
