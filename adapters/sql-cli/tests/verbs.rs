//! The verbs as a user types them.

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clap::{Args as _, Command, FromArgMatches as _};
use dolmen_cli::{Out, Status};
use dolmen_sql_cli::{Args, run, tour};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard output and the status of `dolmen sql <words> FILE` where the file holds `input`.
fn dolmen(words: &str, input: &[u8], is_json: bool) -> (String, Status) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("input.sql");
    fs::write(&file, input).unwrap();
    let line = ["sql"].into_iter().chain(words.split(' ')).map(Into::into).chain([file.into_os_string()]);
    let matches = Args::augment_args(Command::new("sql")).try_get_matches_from(line).unwrap();
    let buffer = Buffer::default();
    let mut out = Out::to(buffer.clone(), is_json);
    let status = run(Args::from_arg_matches(&matches).unwrap(), &mut out).unwrap();
    out.flush().unwrap();
    drop(out);
    let bytes = buffer.0.lock().unwrap().clone();
    (String::from_utf8(bytes).unwrap(), status)
}

#[test]
fn a_verdict_is_a_line_for_each_text() {
    let (said, status) = dolmen("verdict --nul", b"select 1\0select 'h\xc3\xa4' from from\0\xff\0", false);
    let wanted = concat!(
        "{\"ok\":true}\n",
        "{\"ok\":false,\"sqlstate\":\"42601\",\"message\":\"syntax error at or near \\\"from\\\"\",\"cursor\":18}\n",
        "{\"ok\":false,\"sqlstate\":\"22021\",\"message\":\"invalid byte sequence for encoding \\\"UTF8\\\": 0xff\",\"cursor\":0}\n",
    );
    assert_eq!((said.as_str(), status), (wanted, Status::Success));
}

#[test]
fn answers_come_for_each_statement_or_for_each_text() {
    let (said, status) = dolmen("normalize", b"select 1; select 'x'\n", false);
    assert_eq!((said.as_str(), status), ("select $1\nselect $1\n", Status::Success));
    let (said, status) = dolmen("split --nul", b"select 1; select 2\0select from from\0select 3", false);
    assert_eq!((said.as_str(), status), ("[[0,8],[10,8]]\0\0[[0,8]]\0", Status::Failure));
    let (said, _) = dolmen("scan", b"a+1", false);
    assert_eq!(
        said,
        "[[0,1,\"IDENT\",\"NO_KEYWORD\"],[1,2,\"ASCII_43\",\"NO_KEYWORD\"],[2,3,\"ICONST\",\"NO_KEYWORD\"]]\n"
    );
    let (said, _) = dolmen("fingerprint", b"select 1", true);
    assert_eq!(said, "{\"fingerprint\":\"50fde20626009aba\"}\n");
    let (said, _) = dolmen("deparse", b"select a /* b */ from t", false);
    assert_eq!(said, "SELECT a FROM t\n");
}

#[test]
fn a_tree_comes_as_json_and_as_a_graph() {
    let (said, _) = dolmen("parse", b"select 1", true);
    assert!(said.starts_with("{\"version\":180") && said.contains("\"SelectStmt\""), "{said}");
    assert!(dolmen("parse --dot", b"select 1", false).0.starts_with("digraph"));
    assert!(dolmen("parse --tree", b"select 1", false).0.contains("SelectStmt"));
    assert_eq!(dolmen("parse", b"select from from", false), (String::new(), Status::Failure));
}

#[test]
fn a_file_is_checked_and_formatted_in_place() {
    assert_eq!(dolmen("format", b"select  1", false), ("SELECT 1\n".into(), Status::Success));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.sql");
    fs::write(&file, "select  1 -- one\n").unwrap();
    let words = ["sql".into(), "format".into(), "--write".into(), file.clone().into_os_string()];
    let matches = Args::augment_args(Command::new("sql")).try_get_matches_from(words).unwrap();
    let status = run(Args::from_arg_matches(&matches).unwrap(), &mut Out::to(io::sink(), false)).unwrap();
    let formatted = fs::read(&file).unwrap();
    assert_eq!(status, Status::Success);
    assert!(formatted.starts_with(b"SELECT 1"));
    assert_eq!(dolmen("format --check", &formatted, false), (String::new(), Status::Success));
    assert_eq!(dolmen("format --check", b"select  1", false).1, Status::Failure);
}

#[test]
fn a_version_is_chosen() {
    let merge = b"MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING t.a";
    assert_eq!(dolmen("verdict --pg 17", merge, false).0, "{\"ok\":true}\n");
    assert!(dolmen("verdict --pg 16", merge, false).0.contains("at or near \\\"RETURNING\\\""));
    assert!(dolmen("verdict --pg 14", merge, false).0.contains("at or near \\\"MERGE\\\""));
    assert_eq!(dolmen("verdict --pg 19", b"SET a TO NULL", false).0, "{\"ok\":true}\n");
    let script = b"\\set n 1\nSELECT :n \\gset\nSELECT 2";
    assert!(dolmen("verdict", script, false).0.starts_with("{\"ok\":false"));
    assert_eq!(dolmen("verdict --psql", script, false).0, "{\"ok\":true}\n");
    assert_eq!(dolmen("split --psql", script, false).0, "[[9,9],[25,8]]\n");
}

#[test]
fn trees_are_drawn_and_mistakes_read_over() {
    let (said, _) = dolmen("parse --svg", b"select a + 1", false);
    assert!(said.starts_with("<svg ") && said.ends_with("</svg>\n") && said.contains(">A_Expr<"), "{said}");
    assert!(dolmen("parse --sexp", b"select 1", false).0.contains("(SelectStmt"));
    let (said, status) = dolmen("parse --tolerant --tree", b"SELEC 1; SELECT 2", false);
    assert_eq!((said.matches("RawStmt").count(), status), (2, Status::Failure));
}

#[test]
fn lint_says_what_it_finds_and_fails_for_ci() {
    let (said, status) =
        dolmen("lint", b"SELECT 1;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n", false);
    assert_eq!((said.as_str(), status), ("", Status::Success));
    let sql = b"-- one\nCREATE INDEX IF NOT EXISTS i ON t (a);";
    let (said, status) = dolmen("lint", sql, false);
    assert_eq!(status, Status::Failure);
    assert!(said.starts_with("warning[require-concurrent-index-creation]: "), "{said}");
    assert!(
        said.contains("input.sql:2:1\n  |\n2 | CREATE INDEX")
            && said.contains("= help: CREATE INDEX CONCURRENTLY")
    );
    let (said, _) = dolmen("lint", sql, true);
    let found: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(found["rule"], "require-concurrent-index-creation");
    assert_eq!((&found["line"], &found["column"], &found["start"]), (&2.into(), &1.into(), &7.into()));
    assert_eq!(dolmen("lint --ignore require-concurrent-index-creation", sql, false).1, Status::Success);
    let (said, status) = dolmen("lint", b"ALTER TABEL t ADD a int", true);
    assert!(said.contains("\"severity\":\"error\"") && status == Status::Failure, "{said}");
    assert!(dolmen("lint --rules", b"", false).0.contains("off prefer-text-field"));
}

#[test]
fn tables_lists_what_a_file_uses() {
    let sql = b"WITH c AS (SELECT 1) INSERT INTO s.t (a) SELECT u.b, f($2) FROM u, c";
    let (said, status) = dolmen("tables", sql, false);
    let wanted = "table      read   u\ntable      write  s.t\ncolumn     read   u.b\ncolumn     write  s.t.a\n\
                  function   call   f\nparameter         $2\n";
    assert_eq!((said.as_str(), status), (wanted, Status::Success));
    let found: serde_json::Value = serde_json::from_str(&dolmen("tables", sql, true).0).unwrap();
    assert_eq!(found["tables"][0]["name"], "s.t");
    assert_eq!(found["tables"][0]["role"], "write");
    assert_eq!(found["columns"][0]["table"], "s.t");
    assert_eq!(found["parameters"][0]["number"], 2);
    assert_eq!(dolmen("tables", b"SELECT FROM FROM", false), (String::new(), Status::Failure));
}

#[test]
fn the_tour_keeps_its_promises() {
    tour("".as_ref()).unwrap();
}
