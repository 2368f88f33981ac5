//! Common mistakes: each fault once, in its place, with a hint; and a file of many.

use std::fmt::Write;

use dolmen_sql::{Options, Workspace, tolerant};
use serde_json::Value;

#[test]
fn each_mistake_is_found_once_in_its_place() {
    let mut workspace = Workspace::new();
    let (mut hints, mut report, mut wrong) = (0, String::new(), 0);
    for line in std::fs::read_to_string("tests/data/mistakes.jsonl").unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let sql = case["sql"].as_str().unwrap();
        let faults = case["faults"].as_array().unwrap();
        let found = tolerant::parse(&mut workspace, sql, Options::default());
        hints += usize::from(found.findings.iter().any(|f| f.hint.is_some()));
        let mut good = found.findings.len() == faults.len();
        for (finding, fault) in found.findings.iter().zip(faults) {
            let (start, end) = (fault[0].as_u64().unwrap() as usize, fault[1].as_u64().unwrap() as usize);
            good &= finding.range.start < end.max(start + 1) + 2 && finding.range.end + 2 > start;
        }
        wrong += usize::from(!good);
        writeln!(
            report,
            "{} {}: {faults:?}\n  {:?}",
            if good { "ok" } else { "WRONG" },
            case["title"],
            found.findings
        )
        .unwrap();
    }
    println!("{report}");
    assert_eq!(wrong, 0, "{report}");
    assert!(hints >= 12, "{hints} hints\n{report}");
}

#[test]
fn a_file_of_a_thousand_statements_with_a_hundred_faults() {
    let broken = [
        "SELEC a FROM t",
        "SELECT a, FROM t",
        "UPDATE t SET a = WHERE b = 1",
        "DELETE FORM t",
        "SELECT * FROM t WEHRE a = 1",
        "INSERT INTO t (a) (1)",
        "CREATE TABLE t (a int b text)",
        "SELECT count(* FROM t",
        "SELECT a FROM t WHERE b IN ()",
        "SELECT CASE WHEN a THEN 1 FROM t",
    ];
    let mut text = String::new();
    for n in 0..1_000 {
        if n % 10 == 3 {
            writeln!(text, "{};", broken[n / 10 % 10]).unwrap();
        } else {
            writeln!(text, "SELECT a{n}, count(*) FROM t JOIN u USING (id) WHERE b > {n} GROUP BY 1;")
                .unwrap();
        }
    }
    let mut workspace = Workspace::new();
    let found = tolerant::parse(&mut workspace, &text, Options::default());
    assert!((95..=105).contains(&found.findings.len()), "{} findings", found.findings.len());
    assert!(found.tree.statements().len() >= 900, "{} statements", found.tree.statements().len());
}

#[test]
fn a_text_without_mistakes_has_no_findings() {
    let mut workspace = Workspace::new();
    for sql in [
        "SELECT 1",
        "",
        ";;",
        "SELECT 'it''s'; SELECT $$x;y$$;",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
    ] {
        assert_eq!(tolerant::parse(&mut workspace, sql, Options::default()).findings, [], "{sql}");
    }
}
