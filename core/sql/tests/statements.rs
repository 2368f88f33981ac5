#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

//! 6,000 statements against what PostgreSQL 18 and libpg_query say of them (see `data/README.md`).

use std::io::{BufRead, BufReader, Cursor};

use dolmen_sql::{Tokens, Version, Workspace, compare, fingerprint, format, json, normalize, scan};
use serde_json::Value;

/// Hits and tries of one question.
#[derive(Default)]
struct Score {
    name: &'static str,
    hits: usize,
    tries: usize,
    misses: Vec<String>,
}

impl Score {
    fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    fn count(&mut self, hit: bool, what: impl FnOnce() -> String) {
        self.tries += 1;
        if hit {
            self.hits += 1;
        } else if self.misses.len() < 10 {
            self.misses.push(what());
        }
    }

    /// Fails below `percent`.
    fn at_least(&self, percent: f64) {
        let share = 100.0 * self.hits as f64 / self.tries as f64;
        println!("{}: {} of {} = {share:.2} %", self.name, self.hits, self.tries);
        assert!(share >= percent, "{} below {percent} %:\n{}", self.name, self.misses.join("\n"));
    }
}

fn statements() -> impl Iterator<Item = Value> {
    let packed = std::fs::read("tests/data/statements.jsonl.xz").unwrap();
    let mut plain = Vec::new();
    lzma_rs::xz_decompress(&mut Cursor::new(packed), &mut plain).unwrap();
    let lines = BufReader::new(Cursor::new(plain)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

#[test]
fn verdict_message_cursor_tree_and_fingerprint_are_postgresqls() {
    let mut workspace = Workspace::new();
    let mut scores = ["verdict", "cursor", "message", "tree", "fingerprint"].map(Score::new);
    let mut out = String::new();
    for case in statements() {
        let sql = case["sql"].as_str().unwrap();
        let accepted = case["ok"].as_bool().unwrap();
        let [verdict, cursor, message, tree, prints] = &mut scores;
        let answer = workspace.parse(sql);
        verdict.count(answer.is_ok() == accepted, || format!("{sql}: {:?}", answer.as_ref().err()));
        match answer {
            Ok(parsed) if accepted && !case["tree"].is_null() => {
                out.clear();
                json::write(parsed, &mut out);
                let ours: Value = serde_json::from_str(&out).unwrap();
                tree.count(ours == case["tree"], || format!("{sql}\n  {out}"));
                let print = format!("{:016x}", fingerprint::fingerprint(parsed));
                prints.count(case["fingerprint"] == print, || format!("{sql}: {print}"));
            }
            Err(error) if !accepted => {
                let place = error.cursor(sql) as u64;
                cursor.count(case["cursor"] == place, || format!("{sql}: {place} for {}", case["cursor"]));
                let same = case["message"] == error.message && case["sqlstate"] == error.sqlstate;
                message.count(same, || format!("{sql}: {error} for {}", case["message"]));
            }
            other => {
                let scores: &mut [&mut Score] =
                    if accepted { &mut [tree, prints] } else { &mut [cursor, message] };
                if !(accepted && case["tree"].is_null()) {
                    for score in scores {
                        score.count(false, || format!("{sql}: {:?}", other.as_ref().err()));
                    }
                }
            }
        }
    }
    for (score, percent) in scores.iter().zip([100.0, 100.0, 100.0, 100.0, 100.0]) {
        score.at_least(percent);
    }
}

#[test]
fn normalised_text_tokens_and_splits_are_libpg_querys() {
    let mut workspace = Workspace::new();
    let mut scores = ["normalize", "scan", "split", "split by tokens"].map(Score::new);
    let mut tokens = Tokens::default();
    for case in statements() {
        let sql = case["sql"].as_str().unwrap();
        let [normalized, scanned, split, split_tokens] = &mut scores;
        let readable = scan::scan(sql, Version::default(), &mut tokens).is_ok();
        let list: Vec<Value> = (0..tokens.len() - 1)
            .map(|i| {
                let name = tokens.scan_name(sql.as_bytes(), i);
                serde_json::json!([tokens.starts[i], tokens.ends[i], name, tokens.kinds[i].scan_class()])
            })
            .collect();
        let wanted = &case["scan"];
        let same = if readable { wanted.as_array() == Some(&list) } else { wanted.is_null() };
        scanned.count(same, || format!("{sql}: {list:?}"));
        let Ok(tree) = workspace.parse(sql) else { continue };
        let pairs = |ranges: Vec<std::ops::Range<usize>>| {
            Value::from(ranges.into_iter().map(|r| serde_json::json!([r.start, r.len()])).collect::<Vec<_>>())
        };
        if case["split"].is_null() {
            continue;
        }
        let text = normalize::normalize(tree, false);
        normalized.count(case["normalized"] == text, || format!("{sql}\n  {text}"));
        let ours = pairs(scan::split(tree));
        split.count(case["split"] == ours, || format!("{sql}: {ours}"));
        let ours = pairs(scan::split_with_scanner(sql, Version::default()).unwrap());
        let wanted = if case["split_scanner"].is_null() { &case["split"] } else { &case["split_scanner"] };
        split_tokens.count(*wanted == ours, || format!("{sql}: {ours}"));
    }
    for score in &scores {
        score.at_least(100.0);
    }
}

#[test]
fn what_is_printed_or_formatted_says_the_same() {
    let (mut workspace, mut second) = (Workspace::new(), Workspace::new());
    let mut scores = ["deparse", "format", "format twice"].map(Score::new);
    let style = format::Style::default();
    for case in statements() {
        let sql = case["sql"].as_str().unwrap();
        let Ok(tree) = workspace.parse(sql) else { continue };
        let [deparsed, formatted, twice] = &mut scores;
        let text = format::deparse(tree);
        let same = second.parse(&text).is_ok_and(|again| compare::same(tree, again));
        deparsed.count(same, || format!("{sql}\n  {text}"));
        let once = format::format(sql, &style);
        formatted.count(once.is_ok(), || format!("{sql}\n  {once:?}"));
        if let Ok(once) = once {
            let again = format::format(&once, &style);
            twice.count(again.as_ref() == Ok(&once), || format!("{once}\n  {again:?}"));
        }
    }
    for score in &scores {
        score.at_least(100.0);
    }
}
