//! Words that stand for unfinished work, for nothing, or for one person's machine.

use super::{Findings, Tree};

/// Each word in two halves, so that this list does not find itself.
const WORDS: [(&str, &str); 12] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("todo", "!("),
    ("unimplemented", "!("),
    ("dbg", "!("),
    ("blazing", "ly"),
    ("blazing", " fast"),
    ("lever", "ages"),
    ("seam", "lessly"),
    ("/ro", "ot/"),
    ("/wo", "rk/"),
];
/// Files whose text is somebody else's format or a lock.
const EXEMPT: [&str; 4] = ["Cargo.lock", "/tests/data/", "fuzz/corpus/", "benches/peers/Cargo.lock"];

/// No banned word in code, comments or pages.
pub fn banned(tree: &Tree) -> Findings {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        let judged = [".rs", ".md", ".toml", ".yml", "run"].iter().any(|end| path.ends_with(end));
        if !judged || EXEMPT.iter().any(|part| path.contains(part)) {
            continue;
        }
        for (i, line) in text.lines().enumerate() {
            for (a, b) in WORDS {
                if contains(line, &format!("{a}{b}")) {
                    findings.push(format!("{path}:{}: {a}{b}", i + 1));
                }
            }
        }
    }
    findings
}

/// Whether the word stands in the line and is not the end or the start of a longer one.
fn contains(line: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = word.starts_with(char::is_alphanumeric) && inside(line[..at].chars().next_back());
        let after = word.ends_with(char::is_alphanumeric) && inside(line[at + word.len()..].chars().next());
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_words_are_found_as_words() {
        let bad = format!("// {}{}: later\nlet x = {}{}x);\n", "TO", "DO", "dbg", "!(");
        assert_eq!(banned(&Tree::of(&[("core/a/src/lib.rs", &bad)])).len(), 2);
        assert!(
            banned(&Tree::of(&[("a.rs", "const MASTODON: u8 = 1;"), ("b.md", "at the seam")])).is_empty()
        );
        assert!(banned(&Tree::of(&[("core/a/tests/data/x.md", &bad)])).is_empty());
    }
}
