//! Commands that a page quotes must exist: chores, packages, tests, benches, examples, fuzz targets, and verbs of `dolmen`.

use super::{Findings, Tree, mask};
use crate::CHORES;

/// Every command in a Markdown file's code blocks and inline code.
pub fn exist(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (path, page) in tree.ending(".md").filter(|(p, _)| !p.contains("/tests/data/")) {
        for (line, text) in quoted(page) {
            for command in text.split(['|', ';']).flat_map(|part| part.split("&&")) {
                let words: Vec<_> = command.split('#').next().unwrap_or("").split_whitespace().collect();
                if let Some(why) = refuse(tree, &words) {
                    findings.push(format!("{path}:{line}: {}: {why}", command.trim()));
                }
            }
        }
    }
    findings
}

/// Lines of fenced blocks (not of Rust code) and pieces of inline code, with their line numbers.
fn quoted(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for (i, line) in page.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
            continue;
        }
        match fence {
            Some("rust") => {}
            Some(_) => found.push((i + 1, line.trim_start().trim_start_matches("$ "))),
            None => found.extend(line.split('`').skip(1).step_by(2).map(|code| (i + 1, code))),
        }
    }
    found
}

/// Why a command cannot work; `None` for what is not ours to judge.
fn refuse(tree: &Tree, words: &[&str]) -> Option<String> {
    match words {
        ["cargo", "xtask", chore, ..] if !is_placeholder(chore) => {
            let known = CHORES.iter().any(|(name, ..)| name == chore);
            (!known).then(|| format!("no chore {chore}"))
        }
        ["cargo", "+nightly", "fuzz", "run", target, ..] if !is_placeholder(target) => {
            missing(tree, &format!("fuzz/fuzz_targets/{target}.rs"))
        }
        ["cargo", "run", rest @ ..] if !rest.contains(&"--manifest-path") => match split_at_dashes(rest) {
            (options, Some(verbs)) if !options.contains(&"--example") && !options.contains(&"-p") => {
                refuse_dolmen(tree, verbs)
            }
            (options, _) => refuse_cargo(tree, options),
        },
        ["cargo", "test" | "bench" | "build" | "doc" | "clippy" | "check", rest @ ..] => {
            refuse_cargo(tree, split_at_dashes(rest).0)
        }
        ["dolmen" | "./target/release/dolmen" | "target/release/dolmen", verbs @ ..] => {
            refuse_dolmen(tree, verbs)
        }
        _ => None,
    }
}

fn split_at_dashes<'a, 'b>(words: &'a [&'b str]) -> (&'a [&'b str], Option<&'a [&'b str]>) {
    match words.iter().position(|w| *w == "--") {
        Some(at) => (&words[..at], Some(&words[at + 1..])),
        None => (words, None),
    }
}

fn is_placeholder(word: &str) -> bool {
    word.starts_with('<') || word.starts_with('-') || word.chars().all(|c| c.is_uppercase() || c == '_')
}

fn missing(tree: &Tree, path: &str) -> Option<String> {
    tree.text(path).is_none().then(|| format!("no {path}"))
}

/// Packages, tests, benches and examples named by cargo's options.
fn refuse_cargo(tree: &Tree, options: &[&str]) -> Option<String> {
    for pair in options.windows(2) {
        let name = pair[1];
        if is_placeholder(name) {
            continue;
        }
        let folder = match pair[0] {
            "-p" | "--package" => {
                let quoted = format!("name = \"{name}\"");
                if !tree.ending("Cargo.toml").any(|(_, text)| text.contains(&quoted)) {
                    return Some(format!("no package {name}"));
                }
                continue;
            }
            "--bench" => "benches",
            "--test" => "tests",
            "--example" => "examples",
            _ => continue,
        };
        if !tree.rust().any(|(path, _)| path.ends_with(&format!("{folder}/{name}.rs"))) {
            return Some(format!("no {folder}/{name}.rs"));
        }
    }
    None
}

/// The first word is a system of the binary, and one of the others is a verb of it, if it has verbs.
fn refuse_dolmen(tree: &Tree, words: &[&str]) -> Option<String> {
    let system = words.iter().find(|w| !w.starts_with('-'))?;
    if is_placeholder(system) || system.starts_with('…') {
        return None;
    }
    let main = subcommands(tree.text("adapters/dolmen/src/main.rs")?);
    let prefix = format!("adapters/{system}-cli/src/");
    let mut sources = tree.rust().filter(|(p, _)| p.starts_with(&prefix)).peekable();
    let own = tree.text(&format!("adapters/dolmen/src/{system}.rs")).is_some();
    if !own && !main.iter().any(|s| s == system) && sources.peek().is_none() {
        return Some(format!("dolmen has no {system}"));
    }
    let verbs: Vec<_> = sources.flat_map(|(_, t)| subcommands(t)).collect();
    let general =
        words.len() == 1 || words.iter().any(|w| w.starts_with('<') || *w == "--help" || *w == "VERB");
    let known = verbs.is_empty() || general || words.iter().any(|w| verbs.iter().any(|v| v == w));
    (!known).then(|| format!("dolmen {system} has no such verb"))
}

/// Variants of the enums that derive `Subcommand`, in clap's spelling.
fn subcommands(text: &str) -> Vec<String> {
    let code = mask::code(text);
    let mut found = Vec::new();
    for part in code.split("Subcommand").skip(1) {
        let Some(body) = part.split_once("enum ").and_then(|(between, rest)| {
            (!between.contains(';') && !between.contains("fn "))
                .then_some(rest)
                .and_then(|r| r.split_once('{'))
        }) else {
            continue;
        };
        found.extend(variants(body.1));
    }
    found
}

/// Names at the top level of an enum's body.
fn variants(body: &str) -> Vec<String> {
    let (mut depth, mut names, mut word) = (0, Vec::new(), String::new());
    let mut expect = true;
    for ch in body.chars() {
        if ch.is_alphanumeric() || ch == '_' {
            word.push(ch);
            continue;
        }
        if depth == 0 && expect && word.starts_with(char::is_uppercase) {
            names.push(kebab(&word));
            expect = false;
        }
        word.clear();
        match ch {
            '}' if depth == 0 => break,
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => expect = true,
            _ => {}
        }
    }
    names
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for ch in name.chars() {
        if ch.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(ch.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "#[derive(Subcommand)]\nenum Command {\n /// x\n Up(up::Args),\n}";
    const KV: &str = "#[derive(clap::Subcommand)]\nenum Verb { #[command(x)] Get { key: Vec<A, B> }, DeleteRange(Range), Scan }";

    fn findings(page: &str) -> Findings {
        exist(&Tree::of(&[
            ("README.md", page),
            ("adapters/dolmen/src/main.rs", MAIN),
            ("adapters/kv-cli/src/lib.rs", KV),
            ("benches/benches/wal.rs", ""),
            ("fuzz/fuzz_targets/batch.rs", ""),
            ("core/wal/Cargo.toml", "name = \"dolmen-wal\""),
        ]))
    }

    #[test]
    fn verbs_are_read_from_the_source() {
        assert_eq!(subcommands(KV), ["get", "delete-range", "scan"]);
        assert_eq!(subcommands(MAIN), ["up"]);
    }

    #[test]
    fn commands_that_exist_pass() {
        let page = "```sh\ncargo run --release -- up --data x\n$ dolmen kv --path d delete-range a b | cat\ncargo bench --bench wal -- --quick\n\
                    cargo +nightly fuzz run batch -- -x\ncargo test -p dolmen-wal\ncargo xtask tidy\n```\n`cargo xtask CHORE` and `dolmen kv`\n";
        assert_eq!(findings(page), Vec::<String>::new());
    }

    #[test]
    fn commands_that_do_not_exist_are_found() {
        for bad in [
            "cargo run --release -- fly",
            "dolmen kv --path d eat",
            "cargo bench --bench ghost",
            "cargo +nightly fuzz run ghost",
            "cargo test -p dolmen-ghost",
            "cargo xtask ghost",
            "cargo test --test ghost",
        ] {
            assert_eq!(findings(&format!("text `{bad}` text")).len(), 1, "{bad}");
            assert_eq!(findings(&format!("```text\n{bad}\n```\n")).len(), 1, "{bad}");
        }
    }
}
