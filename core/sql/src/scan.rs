//! A text as tokens, and as statements.
//!
//! Source: libpg_query 18, `pg_query_scan.c` and `pg_query_split.c`.

use alloc::vec::Vec;
use core::ops::Range;

use crate::error::Error;
use crate::lexer::{Mode, lex};
use crate::nodes::f;
use crate::token::{Kind, Tokens};
use crate::tree::Tree;
use crate::version::{Dialect, Version};

/// Fills `tokens` with the scanner's own tokens of `source`, comments included, as libpg_query's scanner does it: words and numbers are
/// those of `version`.
///
/// # Errors
/// The scanner's complaint about the first thing that is no token.
pub fn scan(source: &str, version: Version, tokens: &mut Tokens) -> Result<(), Error> {
    let mut problems = Vec::new();
    lex(source.as_bytes(), Mode::Scan, Dialect { version, psql: false }, tokens, &mut problems);
    match problems.first() {
        Some(problem) => Err(problem.error(source.as_bytes())),
        None => Ok(()),
    }
}

/// The bytes of each statement of a parsed text: from its first token to before its semicolon.
pub fn split(tree: Tree<'_>) -> Vec<Range<usize>> {
    let statements = tree.statements().iter().flatten();
    let range = |statement: crate::tree::Node<'_>| {
        let start = statement.word(f::RawStmt::stmt_location) as usize;
        let len = match statement.word(f::RawStmt::stmt_len) as usize {
            0 => tree.source().len() - start,
            len => len,
        };
        start..start + len
    };
    statements.map(range).collect()
}

/// The bytes of each statement by the tokens alone, for texts that do not parse: cut at semicolons outside parentheses; what
/// holds no keyword is no statement. Function bodies in `BEGIN ATOMIC` are cut too, as libpg_query does it.
///
/// # Errors
/// The scanner's complaint about the first thing that is no token.
pub fn split_with_scanner(source: &str, version: Version) -> Result<Vec<Range<usize>>, Error> {
    let mut tokens = Tokens::default();
    scan(source, version, &mut tokens)?;
    let mut statements = Vec::new();
    let (mut start, mut depth, mut keyword) = (0, 0_i64, false);
    for (index, &kind) in tokens.kinds.iter().enumerate() {
        let at = tokens.starts[index] as usize;
        match kind {
            _ if kind.keyword().is_some() => keyword = true,
            Kind::LPAREN => depth += 1,
            Kind::RPAREN => depth -= 1,
            Kind::SEMICOLON | Kind::EOF if depth == 0 => {
                if keyword {
                    statements.push(start..at);
                }
                keyword = false;
                start = at + 1;
            }
            _ => {}
        }
    }
    Ok(statements)
}
