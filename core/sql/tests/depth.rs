//! The server's own limits of depth: "memory exhausted" and "stack depth limit exceeded", where they are asked for.
//!
//! The numbers are PostgreSQL 18.4's: how many levels it takes, and what it says of one more.

use dolmen_sql::{Depth, Options, Workspace};

/// A statement: what is repeated in front, the innermost, what is repeated behind.
struct Shape {
    start: &'static str,
    open: &'static str,
    inner: &'static str,
    close: &'static str,
    end: &'static str,
    /// Most levels that the server takes.
    levels: usize,
    /// What it says of one more, near which text and at which character.
    near: &'static str,
    cursor: usize,
    /// The same of 12,000 levels.
    far: &'static str,
    far_cursor: usize,
}

impl Shape {
    fn text(&self, levels: usize) -> String {
        let Shape { start, open, inner, close, end, .. } = self;
        format!("{start}{}{inner}{}{end}", open.repeat(levels), close.repeat(levels))
    }
}

macro_rules! shapes {
    ($($start:literal $open:literal $inner:literal $close:literal $end:literal : $levels:literal $near:literal $cursor:literal, $far:literal $far_cursor:literal;)*) => {
        &[$(Shape {
            start: $start, open: $open, inner: $inner, close: $close, end: $end,
            levels: $levels, near: $near, cursor: $cursor, far: $far, far_cursor: $far_cursor,
        },)*]
    };
}

const SHAPES: &[Shape] = shapes! {
    "SELECT " "(" "1" ")" "" : 9993 ")" 10003, "(" 10004;
    "SELECT " "NOT " "true" "" "" : 9995 "true" 39992, "NOT" 39992;
    "SELECT " "- " "1" "" "" : 9995 "1" 20000, "-" 20000;
    "SELECT " "@ " "1" "" "" : 9995 "1" 20000, "@" 20000;
    "" "SELECT (" "SELECT 1" ")" "" : 3329 ")" 26649, "(" 26664;
    "SELECT " "ARRAY[" "1" "]" "" : 4997 "1" 29996, "ARRAY" 29996;
    "SELECT " "f(" "1" ")" "" : 4996 ")" 10003, "f" 10004;
    "SELECT " "f(1," "1" ")" "" : 2498 "1" 10004, "f" 10004;
    "SELECT" " CASE WHEN true THEN" " 1" " END" "" : 1999 "WHEN" 39993, "WHEN" 39993;
    "SELECT" " CASE a WHEN 1 THEN 2 ELSE" " 1" " END" "" : 2498 "THEN" 64970, "THEN" 64970;
    "SELECT" " CASE WHEN" " true" " THEN 1 END" "" : 3331 "true" 33328, "CASE" 33328;
    "" "SELECT * FROM (" "SELECT * FROM t" ") a" "" : 1664 ")" 24991, "*" 24998;
    "SELECT * FROM " "(" "t" " JOIN u ON true)" "" : 9988 "true" 10016, "(" 10008;
    "SELECT * FROM" " t JOIN" " t" " ON true" "" : 4995 "ON" 34989, "JOIN" 34989;
    "SELECT * FROM" " t LEFT JOIN" " t" " ON true" "" : 3330 "t" 39987, "t" 39987;
    "SELECT " "(" "true" " AND true)" "" : 9993 "true" 10011, "(" 10004;
    "SELECT" " (true AND" " true" ")" "" : 3331 "true" 33328, "(" 33328;
    "" "(SELECT 1 UNION " "SELECT 1" ")" "" : 2497 ")" 39977, "UNION" 39979;
    "" "(" "SELECT 1" ")" "" : 9989 ")" 9999, "(" 9999;
    "" "SELECT 1 IN (" "SELECT 1" ")" "" : 1997 ")" 25983, "IN" 25997;
    "SELECT " "1 IN (" "1" ")" "" : 3331 "1" 20000, "1" 20000;
    "SELECT " "1 IN (1," "1" ")" "" : 1999 "IN" 16002, "IN" 16002;
    "SELECT " "CAST(" "1" " AS int)" "" : 4996 "int" 24998, "CAST" 24998;
    "SELECT " "coalesce(" "1" ")" "" : 4997 "1" 44990, "coalesce" 44990;
    "SELECT" " coalesce(1," " 1" ")" "" : 2498 "1" 29996, "coalesce" 29996;
    "SELECT " "ROW(" "1" ")" "" : 4997 "1" 20000, "ROW" 20000;
    "SELECT" " ROW(1," " 1" ")" "" : 2498 "1" 17501, "ROW" 17501;
    "SELECT" " (1," " 1" ")" "" : 3331 "1" 13336, "(" 13336;
    "" "SELECT EXISTS (" "SELECT 1" ")" "" : 2497 ")" 37479, "EXISTS" 37493;
    "SELECT " "1 = ANY (" "1" ")" "" : 2498 "1" 22499, "1" 22499;
    "SELECT " "1 BETWEEN 0 AND (" "1" ")" "" : 1665 "1" 28330, "1" 28330;
    "SELECT " "a LIKE (" "b" ")" "" : 3331 "b" 26664, "a" 26664;
    "" "SELECT 1 WHERE (" "SELECT 1" ")" "" : 1427 "1" 22856, "1" 22856;
    "" "WITH a AS (" "SELECT 1" ") SELECT 1" "" : 1664 ")" 18324, "AS" 18334;
    "SELECT" " (a IS DISTINCT FROM" " b" ")" "" : 1999 "a" 39989, "a" 39989;
    "SELECT " "f(" "g()" ")" "" : 4996 ")" 10004, "f" 10004;
    "SELECT" " f(a =>" " 1" ")" "" : 2498 "1" 17501, "f" 17501;
    "SELECT " "f(DISTINCT " "1" ")" "" : 3331 "1" 36660, "f" 36660;
    "SELECT " "1, (" "1" ")" "" : 3331 "1" 13336, "1" 13336;
    "SELECT 1, 2, " "(" "1" ")" "" : 9991 ")" 10007, "(" 10008;
    "SELECT ALL " "(" "1" ")" "" : 9993 ")" 10007, "(" 10008;
    "VALUES (1, " "(" "1" ")" ")" : 9991 ")" 10005, "(" 10006;
    "INSERT INTO t VALUES " "(" "(1)" ")" "" : 9989 ")" 10014, "(" 10015;
    "DELETE FROM t WHERE " "(" "true" ")" "" : 9989 ")" 10015, "(" 10013;
    "UPDATE t SET a = " "(" "1" ")" "" : 9989 ")" 10009, "(" 10010;
    "CREATE TABLE t AS SELECT " "(" "1" ")" "" : 9988 ")" 10016, "(" 10017;
    "CREATE VIEW t AS SELECT " "(" "1" ")" "" : 9986 ")" 10013, "(" 10014;
    "EXPLAIN SELECT " "(" "1" ")" "" : 9992 ")" 10010, "(" 10011;
    "SELECT ARRAY" "[" "1" "]" "" : 9993 "]" 10008, "[" 10008;
    "" "SELECT * FROM LATERAL (" "SELECT * FROM t" ") a" "" : 1427 "*" 32852, "*" 32852;
    "SELECT 1 FROM t WHERE " "(" "true" ")" "" : 9989 ")" 10017, "(" 10015;
    "SELECT " "-(" "1" ")" "" : 4996 ")" 10003, "-" 10004;
    "SELECT " "1+(" "1" ")" "" : 3331 "1" 10004, "1" 10004;
    "SELECT " "a[" "1" "]" "" : 4997 "1" 10004, "a" 10004;
    "" "SELECT 1 ORDER BY (" "SELECT 1" ")" "" : 2497 ")" 47471, "ORDER" 47472;
    "SELECT" " f() OVER (ORDER BY" " 1" ")" "" : 1110 "ORDER" 21108, "ORDER" 21108;
    "" "SELECT 1 HAVING (" "SELECT 1" ")" "" : 1109 ")" 18879, "(" 18887;
    "SELECT" " (1::int +" " 1" ")" "" : 3331 "int" 33322, "int" 33322;
    "SELECT" " (a.b +" " c.d" ")" "" : 3331 "b" 23328, "b" 23328;
    "SELECT " "- (" "1" ")" "" : 4996 ")" 15000, "-" 15002;
    "SELECT " "(NOT " "1" ")" "" : 4997 "1" 24998, "(" 24998;
    "SELECT " "(1 + " "1" " * 2)" "" : 3331 "1" 16668, "(" 16668;
    "SELECT " "(a IS DISTINCT FROM " "1" ")" "" : 1999 "a" 39989, "a" 39989;
    "SELECT " "(1 BETWEEN " "1" " AND 2)" "" : 2498 "1" 27497, "(" 27497;
    "SELECT " "(a LIKE " "1" " ESCAPE 'b')" "" : 3331 "1" 26664, "(" 26664;
    "SELECT " "(1 IN (2, " "1" "))" "" : 1665 "1" 16668, "(" 16668;
    "SELECT " "(1 AT TIME ZONE " "1" ")" "" : 1999 "1" 31993, "1" 31993;
    "SELECT " "ARRAY[[1], [" "1" "]]" "" : 1998 "]" 23997, "[" 24001;
    "SELECT " "ROW(1, " "1" ")" "" : 2498 "1" 17501, "ROW" 17501;
    "SELECT " "(1, " "1" ")" "" : 3331 "1" 13336, "(" 13336;
    "SELECT " "CASE " "1" " WHEN 1 THEN 2 END" "" : 9991 "2" 49982, "CASE" 49988;
    "SELECT " "CASE WHEN " "1" " THEN 1 ELSE 2 END" "" : 3331 "1" 33328, "CASE" 33328;
    "SELECT " "CASE WHEN true THEN 1 ELSE " "1" " END" "" : 2498 "THEN" 67469, "THEN" 67469;
    "SELECT " "coalesce(1, " "1" ")" "" : 2498 "1" 29996, "coalesce" 29996;
    "SELECT " "nullif(" "1" ", 1)" "" : 4996 "1" 34990, "nullif" 34994;
    "SELECT " "greatest(" "1" ")" "" : 4997 "1" 44990, "greatest" 44990;
    "SELECT " "grouping(" "1" ")" "" : 4997 "1" 44990, "grouping" 44990;
    "SELECT " "f(DISTINCT a => " "1" ")" "" : 1999 "(" 31993, "(" 31993;
    "SELECT " "f(1) WITHIN GROUP (ORDER BY " "1" " DESC)" "" : 1665 "1" 46656, "f" 46656;
    "SELECT " "f() OVER (PARTITION BY 1, " "1" ")" "" : 999 "PARTITION" 25992, "PARTITION" 25992;
    "SELECT " "f() OVER (w ORDER BY " "1" " ASC)" "" : 1110 "ORDER" 23330, "ORDER" 23330;
    "SELECT " "f() OVER (ROWS " "1" " PRECEDING)" "" : 1110 "ROWS" 16668, "ROWS" 16668;
    "SELECT " "f() OVER (RANGE BETWEEN " "1" " PRECEDING AND CURRENT ROW EXCLUDE TIES)" "" : 999 "RANGE" 23994, "RANGE" 23994;
    "SELECT " "collation for (" "1" ")" "" : 3331 "1" 49988, "collation" 49988;
    "SELECT " "extract(year FROM " "1" ")" "" : 2498 "1" 44990, "extract" 44990;
    "SELECT " "position(" "1" " IN 'a')" "" : 4996 "'a'" 44986, "position" 44990;
    "SELECT " "position('a' IN " "1" ")" "" : 2498 "1" 39992, "position" 39992;
    "SELECT " "trim(" "1" ")" "" : 4997 "1" 24998, "trim" 24998;
    "SELECT " "trim(LEADING FROM " "1" ")" "" : 2498 "1" 44990, "trim" 44990;
    "SELECT " "trim(BOTH 'a' FROM 'b', " "1" ")" "" : 1427 "1" 34280, "trim" 34280;
    "SELECT " "trim('a', " "1" ")" "" : 2498 "1" 24998, "trim" 24998;
    "SELECT " "treat(" "1" " AS int)" "" : 4996 "int" 29995, "treat" 29996;
    "SELECT " "substring(" "1" " FROM 1 FOR 2)" "" : 4995 "2" 49981, "substring" 49988;
    "SELECT " "substring(a FOR " "1" ")" "" : 2498 "1" 39992, "substring" 39992;
    "SELECT " "substring(a FOR 1 FROM " "1" ")" "" : 1665 "1" 38326, "substring" 38326;
    "SELECT " "substring(a SIMILAR " "1" " ESCAPE 'b')" "" : 2498 "1" 49988, "substring" 49988;
    "SELECT " "substring(1, " "1" ")" "" : 2498 "1" 32495, "substring" 32495;
    "SELECT " "overlay(a PLACING " "1" " FROM 1 FOR 2)" "" : 2497 "2" 44985, "overlay" 44990;
    "SELECT " "overlay(a PLACING b FROM 1 FOR " "1" ")" "" : 1249 "b" 38745, "b" 38745;
    "SELECT " "xmlconcat(" "1" ")" "" : 4997 "1" 49988, "xmlconcat" 49988;
    "SELECT " "xmlelement(NAME a, XMLATTRIBUTES(1 AS b, " "1" "), 'c')" "" : 1110 "(" 45550, "(" 45550;
    "SELECT " "xmlparse(DOCUMENT " "1" " STRIP WHITESPACE)" "" : 3331 "1" 59984, "xmlparse" 59984;
    "SELECT " "json_scalar(" "1" ")" "" : 4997 "1" 59984, "json_scalar" 59984;
    "SELECT " "json_object('a' VALUE 1, 'b': " "1" " ABSENT ON NULL)" "" : 1665 "1" 49988, "json_object" 49988;
    "SELECT " "json_object(" "1" ")" "" : 4997 "1" 59984, "json_object" 59984;
    "SELECT " "json_array(SELECT " "1" " FORMAT JSON)" "" : 2497 "FORMAT" 44974, "json_array" 44990;
    "SELECT " "json_value(a, 'b' PASSING 1 AS c, " "1" " AS d)" "" : 1249 "'b'" 42488, "'b'" 42488;
    "SELECT " "EXISTS (SELECT DISTINCT ON (1, " "1" ") 2)" "" : 1249 "ON" 38751, "ON" 38751;
    "SELECT " "(SELECT * FROM f(" "1" ") WITH ORDINALITY)" "" : 1249 "FROM" 21251, "FROM" 21251;
    "SELECT " "(SELECT 1 FROM t TABLESAMPLE a(1) REPEATABLE (" "1" "))" "" : 666 "t" 30659, "t" 30659;
    "SELECT " "(SELECT 1 FROM JSON_TABLE(a, 'b' COLUMNS (c int, NESTED 'd' COLUMNS (e a(" "1" ") PATH 'f' NULL ON EMPTY))) AS g)" "" : 399 "(" 29203, "(" 29203;
    "SELECT " "(SELECT 1 FROM t JOIN u USING (a) WHERE " "1" ")" "" : 1427 "JOIN" 57105, "JOIN" 57105;
    "SELECT " "(SELECT 1 GROUP BY DISTINCT 1, ROLLUP (2, " "1" "))" "" : 624 "ROLLUP" 26247, "ROLLUP" 26247;
    "SELECT " "(SELECT 1 UNION ALL SELECT " "1" " ORDER BY 1)" "" : 1664 "ORDER" 44965, "UNION" 44973;
    "SELECT " "(SELECT 1 ORDER BY " "1" " FOR UPDATE OF t LIMIT 1)" "" : 2497 "ORDER" 47461, "ORDER" 47461;
    "SELECT " "(SELECT 1 ORDER BY 1 OFFSET " "1" " FETCH FIRST (1) ROWS WITH TIES)" "" : 2497 "ORDER" 69934, "ORDER" 69934;
    "SELECT " "(WITH a AS (SELECT 1), b (c) AS MATERIALIZED (SELECT " "1" ") SELECT 1)" "" : 908 "1" 48151, "1" 48151;
    "SELECT " "(WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY b SET c CYCLE d SET e TO f(" "1" ") 'g' DEFAULT 'h' USING i SELECT 1)" "" : 555 "(" 44984, "(" 44984;
    "SELECT " "(WITH a AS (INSERT INTO t AS u (b, c[" "1" "]) OVERRIDING USER VALUE VALUES (1) RETURNING *) SELECT 1)" "" : 587 "1" 21764, "(" 21764;
};

fn server() -> Options {
    Options { depth: Depth::Server, ..Options::default() }
}

fn on_a_large_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap().join().unwrap();
}

fn exhausted(near: &str, cursor: usize) -> (&'static str, String, usize) {
    ("42601", format!("memory exhausted at or near \"{near}\""), cursor)
}

#[test]
fn the_server_is_out_of_memory_at_the_same_token() {
    on_a_large_stack(|| {
        let mut workspace = Workspace::new();
        let mut verdict = |text: &str, options| {
            workspace
                .parse_with(text, options)
                .map(|_| ())
                .map_err(|error| (error.sqlstate, error.message.clone(), error.cursor(text)))
        };
        for shape in SHAPES {
            let name = shape.text(2);
            assert_eq!(verdict(&shape.text(shape.levels), server()), Ok(()), "{name}");
            let over = shape.text(shape.levels + 1);
            assert_eq!(verdict(&over, server()), Err(exhausted(shape.near, shape.cursor)), "{name}");
            let far = verdict(&shape.text(12_000), server());
            assert_eq!(far, Err(exhausted(shape.far, shape.far_cursor)), "{name}");
            let any = Options { depth: Depth::Any, ..server() };
            assert_eq!(verdict(&over, any), Ok(()), "{name}");
        }
    });
}

/// What the server says of texts far deeper than anyone writes (offsets 10003 and 39991 in bytes), and of long ones.
#[test]
fn very_deep_texts_have_the_servers_verdict() {
    let mut workspace = Workspace::new();
    let mut verdict = |text: &str| {
        let options = Options { depth: Depth::Server, ..Options::default() };
        let error = workspace.parse_with(text, options).err()?;
        Some((error.message, error.offset))
    };
    let parentheses = |n: usize| format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n));
    let negated = |n: usize| format!("SELECT {}true", "NOT ".repeat(n));
    for levels in [20_000, 200_000] {
        let full =
            |near: &str, offset| Some((format!("memory exhausted at or near \"{near}\""), Some(offset)));
        assert_eq!(verdict(&parentheses(levels)), full("(", 10_003));
        assert_eq!(verdict(&negated(levels)), full("NOT", 39_991));
    }
    assert_eq!(verdict(&format!("SELECT true{}", " OR true".repeat(200_000))), None);
    let casts = |n: usize| format!("SELECT 1{}", "::int".repeat(n));
    assert_eq!(verdict(&casts(20_000)), None);
    let too_deep = Some(("stack depth limit exceeded".into(), None));
    for (taken, over) in [
        (casts(32_762), casts(32_763)),
        (format!("SELECT 1{}", "+1".repeat(16_381)), format!("SELECT 1{}", "+1".repeat(16_382))),
        (
            format!("SELECT 1 FROM t{}", " CROSS JOIN t".repeat(16_382)),
            format!("SELECT 1 FROM t{}", " CROSS JOIN t".repeat(16_383)),
        ),
    ] {
        assert_eq!(verdict(&taken), None);
        assert_eq!(verdict(&over), too_deep);
    }
    assert_eq!(verdict(&casts(200_000)), too_deep);
}

/// A fault before the place where the server's stack is full is the one that is told.
#[test]
fn the_first_fault_is_told() {
    let mut workspace = Workspace::new();
    let options = Options { depth: Depth::Server, ..Options::default() };
    let text = format!("SELECT {} FROM FROM {}", "(".repeat(5_000), "(".repeat(6_000));
    let error = workspace.parse_with(&text, options).unwrap_err();
    assert_eq!(error.message, "syntax error at or near \"FROM\"");
    let text = format!("SELECT {} FROM FROM", "(".repeat(10_500));
    let error = workspace.parse_with(&text, options).unwrap_err();
    assert_eq!((error.message.as_str(), error.offset), ("memory exhausted at or near \"(\"", Some(10_003)));
    // What was refused leaves nothing behind.
    assert!(workspace.parse_with("SELECT (1)", options).is_ok());
}
