#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

//! 6,000 statements against what PostgreSQL 18 and libpg_query say of them (see `data/README.md`).

use std::io::{BufRead, BufReader, Cursor};

use dolmen_sql::{Workspace, fingerprint, json};
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
