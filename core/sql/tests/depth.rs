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
