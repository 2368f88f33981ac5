//! Scripts for psql: what stands in them beside SQL.
//!
//! | text | read as |
//! |---|---|
//! | `:name`, `:"name"`, `:{?name}` | a name |
//! | `:'name'` | a string |
//! | `\;` and `\g`, `\gx`, `\gset`, `\gexec`, `\gdesc`, `\watch`, `\crosstabview` to the end of the line | a semicolon |
//! | any other `\command` to the end of the line or to `\\` | nothing, like a comment |
//! | the lines behind `COPY … FROM STDIN;` to `\.` | nothing |
//!
//! psql itself puts a variable's value in wherever it is set, in slices (`a[lo:hi]`) too; here a colon directly behind a
//! name, a number, a quote or a bracket is SQL's own.
//!
//! Source: `psqlscan.l`, `psqlscanslash.l` and the page of psql in PostgreSQL's documentation.

use alloc::vec::Vec;
use core::ops::Range;

use crate::lexer::{Mode, is_space, lex};
use crate::token::{Kind, Tokens};
use crate::tolerant;
use crate::version::{Dialect, Version};

/// The commands that send what has been read so far.
const SENDING: [&[u8]; 7] = [b"g", b"gx", b"gset", b"gexec", b"gdesc", b"watch", b"crosstabview"];

/// The bytes of each statement of a script, by its tokens alone: in a text with mistakes too.
pub fn statements(source: &str, version: Version) -> Vec<Range<usize>> {
    let mut tokens = Tokens::default();
    let dialect = Dialect { version, psql: true };
    lex(source.as_bytes(), Mode::Tolerant, dialect, &mut tokens, &mut Vec::new());
    let bytes = |range: Range<usize>| tokens.range(range.start).start..tokens.range(range.end - 1).end;
    tolerant::statements(&tokens).into_iter().filter(|range| !range.is_empty()).map(bytes).collect()
}

/// Whether commands or data stand in a script: between its tokens, beside comments.
pub(crate) fn has_commands(source: &str, version: Version) -> bool {
    if !source.contains('\\') {
        return false;
    }
    let mut tokens = Tokens::default();
    let dialect = Dialect { version, psql: true };
    lex(source.as_bytes(), Mode::Tolerant, dialect, &mut tokens, &mut Vec::new());
    (0..tokens.len()).any(|index| {
        let gap_start = index.checked_sub(1).map_or(0, |before| tokens.range(before).end);
        let (range, gap) = (tokens.range(index), &source[gap_start..tokens.range(index).start]);
        tokens.kinds[index] == Kind::SEMICOLON && source[range].starts_with('\\') || gap.contains('\\')
    })
}

/// Behind the command whose backslash stands at `at`, and whether it ends a statement.
pub(crate) fn command(source: &[u8], at: usize) -> (bool, usize) {
    match source.get(at + 1) {
        Some(b';') => return (true, at + 2),
        Some(b'\\') => return (false, at + 2),
        _ => {}
    }
    let name_end = source[at + 1..].iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_');
    let name = &source[at + 1..name_end.map_or(source.len(), |len| at + 1 + len)];
    let mut end = at + 1;
    while end < source.len() && !matches!(source[end], b'\n' | b'\r') && !source[end..].starts_with(b"\\\\") {
        end += 1;
    }
    (SENDING.contains(&name), end)
}

/// The kind and end of the variable whose colon stands at `at`.
pub(crate) fn variable(source: &[u8], at: usize) -> Option<(Kind, usize)> {
    let before = at.checked_sub(1).map_or(b' ', |index| source[index]);
    if !is_space(before) && !b"(,=<>+-*/%|.;~!&^#@".contains(&before) {
        return None;
    }
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let run = |from: usize| {
        let len = source[from..].iter().take_while(|byte| named(byte)).count();
        (len > 0 && !source[from].is_ascii_digit()).then_some(from + len)
    };
    let quoted = |from: usize, close: u8| {
        let end = source[from..].iter().take_while(|byte| named(byte)).count() + from;
        (end > from && source.get(end) == Some(&close)).then_some(end + 1)
    };
    match source.get(at + 1)? {
        b'\'' => Some((Kind::SCONST, quoted(at + 2, b'\'')?)),
        b'"' => Some((Kind::IDENT, quoted(at + 2, b'"')?)),
        b'{' if source.get(at + 2) == Some(&b'?') => Some((Kind::IDENT, quoted(at + 3, b'}')?)),
        _ => Some((Kind::IDENT, run(at + 1)?)),
    }
}

/// Where reading goes on behind a statement's semicolon, the last of `tokens`: behind the data if it was a
/// `COPY … FROM STDIN`.
pub(crate) fn behind_data(source: &[u8], tokens: &Tokens) -> usize {
    let last = tokens.len() - 1;
    let end = tokens.ends[last] as usize;
    let start = tokens.kinds[..last].iter().rposition(|&kind| kind == Kind::SEMICOLON).map_or(0, |at| at + 1);
    let statement = &tokens.kinds[start..last];
    let reads = statement.first() == Some(&Kind::COPY)
        && statement.windows(2).any(|pair| pair == [Kind::FROM, Kind::STDIN]);
    if !reads {
        return end;
    }
    let mut line =
        source[end..].iter().position(|&byte| byte == b'\n').map_or(source.len(), |at| end + at + 1);
    while line < source.len() {
        let len = source[line..].iter().position(|&byte| byte == b'\n').unwrap_or(source.len() - line);
        let text = &source[line..line + len];
        line = (line + len + 1).min(source.len());
        if text.strip_suffix(b"\r").unwrap_or(text) == b"\\." {
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Options, Workspace};
    use alloc::string::String;

    fn read(script: &str) -> Vec<String> {
        statements(script, Version::default()).into_iter().map(|range| script[range].into()).collect()
    }

    #[test]
    fn statements_end_where_psql_sends_them() {
        let script = "\\set n 3\nSELECT :n\\; SELECT 2 \\gset a_\nSELECT 'a;b', $$;$$;\n\\echo it's fine; really\n\
                      COPY t FROM STDIN;\n1;'\n\\.\nSELECT 3\\gexec\nSELECT 4";
        let wanted =
            ["SELECT :n", "SELECT 2", "SELECT 'a;b', $$;$$", "COPY t FROM STDIN", "SELECT 3", "SELECT 4"];
        assert_eq!(read(script), wanted);
    }

    #[test]
    fn variables_are_names_and_strings() {
        let script = "SELECT :'s', :\"t\".a[1:2], b[lo:hi], c::int FROM :tab WHERE d=:x LIMIT :n";
        let options = Options { psql: true, ..Options::default() };
        let mut workspace = Workspace::new();
        assert!(workspace.parse(script).is_err());
        let tree = workspace.parse_with(script, options).unwrap();
        let mut json = String::new();
        crate::json::write(tree, &mut json);
        for part in [r#""sval":":'s'""#, r#""relname":":tab""#, r#""sval":":x""#, r#""sval":"hi""#] {
            assert!(json.contains(part), "{part} in {json}");
        }
    }
}
