//! Lesson 2: why PostgreSQL's scanner looks one word ahead.
//!
//! `cargo run -p dolmen-sql --example lookahead`
//!
//! PostgreSQL's grammar is LALR(1): at each step it sees one token. For a few phrases one token is not enough:
//!
//! * `a NOT IN (…)` — behind `a`, is NOT the start of `NOT IN`, or an error? And in `DEFAULT a NOT NULL` it must end the
//!   expression. So `NOT` before `IN`, `LIKE`, `BETWEEN` … becomes another token, `NOT_LA`, with a precedence of its own.
//! * `ORDER BY a NULLS FIRST` — `nulls` may also be a column's label.
//! * `WITH TIME ZONE` and `WITH ORDINALITY` against `WITH x AS (…)`.
//! * `FORMAT JSON` against a column called `format` (which is why such a column of type json needs quotes).
//! * `U&'…' UESCAPE '!'`: three tokens that are one string.
//!
//! The grammar stays LALR(1), and so does ours: a function looks at the current token only, and the first token that it
//! refuses is the one at which the server stops.

use dolmen_sql::lexer::{Mode, lex};
use dolmen_sql::version::Dialect;
use dolmen_sql::{Kind, Tokens, Workspace};

/// The tokens of a text as the grammar sees them, those that were merged marked by their second name.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Tokens::default();
    lex(sql.as_bytes(), Mode::Grammar, Dialect::default(), &mut tokens, &mut Vec::new());
    (0..tokens.len() - 1)
        .map(|index| {
            let text = &sql[tokens.range(index)];
            let ahead = match tokens.kinds[index] {
                Kind::NOT_LA => "NOT_LA",
                Kind::NULLS_LA => "NULLS_LA",
                Kind::WITH_LA => "WITH_LA",
                Kind::WITHOUT_LA => "WITHOUT_LA",
                Kind::FORMAT_LA => "FORMAT_LA",
                _ => return text.to_string(),
            };
            format!("{text}→{ahead}")
        })
        .collect()
}

fn main() {
    let pairs = [
        ("SELECT a NOT IN (1)", "CREATE TABLE t (a int DEFAULT b NOT NULL)"),
        ("SELECT a FROM t ORDER BY a NULLS FIRST", "SELECT a nulls FROM t"),
        ("SELECT f() WITH TIME ZONE", "WITH x AS (SELECT 1) SELECT 2"),
        ("CREATE TABLE t (format json)", "CREATE TABLE t (\"format\" json)"),
        ("SELECT U&'d!0061ta' UESCAPE '!'", "SELECT U & 'data'"),
    ];
    let mut workspace = Workspace::new();
    for (first, second) in pairs {
        for sql in [first, second] {
            let verdict = match workspace.parse(sql) {
                Ok(_) => "ok".to_string(),
                Err(error) => format!("{} (column {})", error.message, error.cursor(sql)),
            };
            println!("{sql}\n    tokens: {}\n    {verdict}", tokens(sql).join(" "));
        }
        println!();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_change_by_what_follows() {
        super::main();
        assert_eq!(super::tokens("a NOT IN (1)")[1], "NOT→NOT_LA");
        assert_eq!(super::tokens("a NOT NULL")[1], "NOT");
        assert_eq!(super::tokens("U&'a!0062' UESCAPE '!'").len(), 1);
    }
}
