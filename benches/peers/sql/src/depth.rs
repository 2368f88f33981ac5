//! Does the work grow as the text does? CPU time of shapes that nest or go on without end, at sizes twice apart.

use std::fmt::Write as _;

use dolmen_sql::{Workspace, fingerprint, format, json, normalize};

use crate::Done;
use crate::speed::{sorted, time};

const SIZES: [usize; 3] = [25_000, 50_000, 100_000];
const ROUNDS: usize = 3;

/// Name, beginning, what is repeated, what stands inside, what is repeated behind it, the end.
type Shape = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const SHAPES: [Shape; 30] = [
    ("parentheses", "SELECT ", "(", "1", ")", ""),
    ("NOT", "SELECT ", "NOT ", "true", "", ""),
    ("minus signs", "SELECT ", "- ", "1", "", ""),
    ("casts", "SELECT 1", "::int", "", "", ""),
    ("CAST", "SELECT ", "CAST(", "1", " AS int)", ""),
    ("subselects", "SELECT ", "(SELECT ", "1", ")", ""),
    ("tables", "SELECT * FROM ", "(SELECT * FROM ", "t", ") a", ""),
    ("joins", "SELECT * FROM ", "(", "t", " JOIN u ON true)", ""),
    ("right joins", "SELECT * FROM t", " JOIN t", "", " ON true", ""),
    ("CASE", "SELECT ", "CASE WHEN true THEN ", "1", " END", ""),
    ("arrays", "SELECT ", "ARRAY[", "1", "]", ""),
    ("calls", "SELECT ", "f(", "1", ")", ""),
    ("rows", "SELECT ", "(1, ", "2", ")", ""),
    ("set operations", "SELECT 1", " UNION SELECT 1", "", "", ""),
    ("set operations in parentheses", "", "(SELECT 1 UNION ", "SELECT 1", ")", ""),
    ("AND", "SELECT true", " AND true", "", "", ""),
    ("OR in parentheses", "SELECT ", "(", "true", " OR true)", ""),
    ("sums", "SELECT 1", " + 1", "", "", ""),
    ("collations", "SELECT a", " COLLATE b", "", "", ""),
    ("indirection", "SELECT a", "[1]", "", "", ""),
    ("names", "SELECT a", ".b", "", "", ""),
    ("IN lists", "SELECT 1 IN (1", ", 1", "", "", ")"),
    ("nested comments", "SELECT ", "/*", "", "*/", " 1"),
    ("comments", "SELECT 1", " /* a */ -- b\n", "", "", ""),
    ("dollar quotes", "SELECT 1", ", $a$ ; $$ $a$", "", "", ""),
    ("queries of WITH", "WITH a AS (SELECT 1)", ", b AS (SELECT 2)", "", "", " SELECT 3"),
    ("targets and groups", "SELECT a", ", a", " GROUP BY a", ", a", ""),
    ("rows of VALUES", "VALUES (1, 'a')", ", (2, 'b')", "", "", ""),
    ("statements", "", "SELECT 1; ", "", "", ""),
    ("columns", "CREATE TABLE t (a int", ", b numeric(1, 2) NOT NULL", "", "", ")"),
];

/// `depth`: on a stack of 256 KiB.
pub fn run() -> Done {
    let measured = std::thread::Builder::new().stack_size(256 << 10).spawn(table)?.join();
    print!("{}", measured.map_err(|_| "a shape ended the thread")?);
    Ok(())
}

fn table() -> String {
    let mut out = String::from(
        "| shape | bytes at 100,000 | parse, ms at 25,000 | 50,000 | 100,000 | growth | tree, JSON, texts, ms at 50,000 | 100,000 | growth |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (name, start, open, inside, close, end) in SHAPES {
        let texts = SIZES.map(|n| format!("{start}{}{inside}{}{end}", open.repeat(n), close.repeat(n)));
        let parse = [0, 1, 2].map(|size| median(|| parsed(&texts[size])));
        let all = [1, 2].map(|size| median(|| everything(&texts[size])));
        let growth = (parse[1] / parse[0]).max(parse[2] / parse[1]);
        let _ = writeln!(
            out,
            "| {name} | {} | {:.2} | {:.2} | {:.2} | **{growth:.2}** | {:.1} | {:.1} | **{:.2}** |",
            texts[2].len(),
            parse[0] * 1e3,
            parse[1] * 1e3,
            parse[2] * 1e3,
            all[0] * 1e3,
            all[1] * 1e3,
            all[1] / all[0]
        );
    }
    out
}

fn median(mut work: impl FnMut()) -> f64 {
    sorted((0..ROUNDS).map(|_| time(&mut work)).collect())[ROUNDS / 2]
}

/// Parsing alone, with a workspace that is new each time.
fn parsed(sql: &str) {
    assert!(Workspace::new().parse(sql).is_ok());
}

/// All that is made of a tree.
fn everything(sql: &str) {
    let mut workspace = Workspace::new();
    let Ok(tree) = workspace.parse(sql) else { return };
    let mut out = String::new();
    json::write(tree, &mut out);
    let print = fingerprint::fingerprint(tree);
    let texts = (normalize::normalize(tree, false), format::deparse(tree));
    let formatted = format::format(sql, &format::Style::default());
    std::hint::black_box((out, print, texts, formatted.is_ok()));
}
