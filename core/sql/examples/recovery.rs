//! Lesson 3: reading on after a mistake.
//!
//! `cargo run -p dolmen-sql --example recovery`
//!
//! The server's parser stops at the first token that no statement can go on with: for `FROM users WEHRE id = 1` that is `id`,
//! since `wehre` is a fine alias. An editor wants all mistakes, each once, where it was made, with a tree of the rest.
//!
//! Ours tries small repairs around the refused token and keeps the one after which the *same* strict parser gets furthest:
//!
//! * another word (`WEHRE` → `WHERE`, the nearest by letters),
//! * one token more (a comma, a parenthesis, END), or one fewer,
//! * a clause left out that stands in the wrong place.
//!
//! No second grammar: what the strict parser takes has no findings, and statements do not disturb each other.

use dolmen_sql::{Options, Workspace, tolerant, view};

/// How far the strict parser gets in a text.
fn strict(workspace: &mut Workspace, sql: &str) -> Option<usize> {
    workspace.parse(sql).err().map(|error| error.offset.unwrap_or(sql.len()))
}

/// The repairs of one word that this lesson tries, by hand: which lets the parser get furthest?
fn by_hand(workspace: &mut Workspace, sql: &str, word: &str) {
    println!("{sql}\n  the strict parser stops at byte {:?}", strict(workspace, sql));
    for repair in ["WHERE", "WITH", ""] {
        let repaired = sql.replace(word, repair);
        match strict(workspace, &repaired) {
            None => println!("  {word} → {repair:?}: reads all of it"),
            Some(at) => println!("  {word} → {repair:?}: stops at byte {at}"),
        }
    }
}

fn main() {
    let mut workspace = Workspace::new();
    by_hand(&mut workspace, "SELECT id FROM users WEHRE id = 1 AND x", "WEHRE");

    let script = "SELECT id, FROM users;\nSELECT count(* FROM t;\nSELECT 'fine';\nINSERT INTO t (1, 2);\nSELECT a FROM t LIMIT 10, 20;";
    println!("\n{script}\n");
    let found = tolerant::parse(&mut workspace, script, Options::default());
    for finding in &found.findings {
        let hint = finding.hint.as_deref().unwrap_or("no hint");
        println!("  {:<28} {} ({hint})", format!("{:?}", &script[finding.range.clone()]), finding.message);
    }
    println!("\n{} statements have a tree; the third is:", found.tree.statements().len());
    let mut outline = String::new();
    view::outline(found.tree, &mut outline);
    let third = outline.split("RawStmt").nth(3).unwrap_or_default();
    println!("RawStmt{}", third.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_found_once() {
        main();
        let sql = "SELECT id, FROM t; SELECT 1; SELECT a FORM t";
        let mut workspace = Workspace::new();
        let found = tolerant::parse(&mut workspace, sql, Options::default());
        assert_eq!((found.findings.len(), found.tree.statements().len()), (2, 3));
    }
}
