//! Statements from files, and mutants of them.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use dolmen_sql::{Tokens, Version, psql, scan};

/// All statements of the paths, each once.
pub fn read(paths: &[String], version: Version) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (mut seen, mut all) = (HashSet::new(), Vec::new());
    for path in paths {
        let path = Path::new(path);
        let mut files = vec![path.to_path_buf()];
        if path.is_dir() {
            files = fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
            files.retain(|file| file.extension().is_some_and(|e| e == "sql"));
            files.sort();
        }
        for file in files {
            let text = String::from_utf8_lossy(&fs::read(&file)?).replace('\0', "");
            let statements: Vec<String> = if file.extension().is_some_and(|e| e == "jsonl") {
                let line = |line: &str| serde_json::from_str::<serde_json::Value>(line);
                let values: Vec<_> = text.lines().map(line).collect::<Result<_, _>>()?;
                values.iter().filter_map(|value| value["sql"].as_str().map(Into::into)).collect()
            } else {
                psql::statements(&text, version).into_iter().map(|range| text[range].into()).collect()
            };
            for statement in statements {
                // What only psql understands is left out: its variables, its commands.
                let foreign = file.extension().is_some_and(|e| e == "sql") && has_psql(&statement);
                if !foreign && seen.insert(statement.clone()) {
                    all.push(statement);
                }
            }
        }
    }
    Ok(all)
}

/// Whether variables or commands of psql stand in a statement.
fn has_psql(statement: &str) -> bool {
    let mut tokens = Tokens::default();
    let bytes = statement.as_bytes();
    let plain = scan::scan(statement, Version::default(), &mut tokens);
    let colon = |at: usize| {
        bytes[at] == b':'
            && bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || b"_'\"{".contains(b))
            && (at == 0 || b" \n\t(,=".contains(&bytes[at - 1]))
    };
    plain.is_ok()
        && tokens
            .starts
            .iter()
            .take(tokens.len() - 1)
            .any(|&at| colon(at as usize) || bytes[at as usize] == b'\\')
}

/// A generator of numbers (xorshift).
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit.max(1)
    }
}

/// A statement with one token deleted, doubled, swapped, replaced, inserted, cut off behind, or a letter dropped.
pub fn mutant(statements: &[String], random: &mut Random) -> Option<String> {
    let text = &statements[random.below(statements.len())];
    let mut tokens = Tokens::default();
    scan::scan(text, Version::default(), &mut tokens).ok()?;
    let count = tokens.len() - 1;
    if !(2..400).contains(&count) {
        return None;
    }
    let at = random.below(count);
    let range = tokens.range(at);
    let mut other = || {
        let text = &statements[random.below(statements.len())];
        let mut tokens = Tokens::default();
        scan::scan(text, Version::default(), &mut tokens).ok()?;
        let at = random.below(tokens.len().checked_sub(1)?.max(1));
        Some(text[tokens.range(at)].to_string())
    };
    let (before, token, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
    let replacement = other()?;
    Some(match random.below(7) {
        0 => format!("{before}{after}"),
        1 => format!("{before}{token} {token}{after}"),
        2 if at + 1 < count => {
            let next = tokens.range(at + 1);
            format!(
                "{before}{}{}{token}{}",
                &text[next.clone()],
                &text[range.end..next.start],
                &text[next.end..]
            )
        }
        3 => format!("{before}{replacement}{after}"),
        4 => format!("{before}{replacement} {token}{after}"),
        5 => format!("{before}{token}"),
        _ => {
            let drop = random.below(token.chars().count());
            let shorter: String =
                token.chars().enumerate().filter(|(i, _)| *i != drop).map(|(_, c)| c).collect();
            format!("{before}{shorter}{after}")
        }
    })
}
