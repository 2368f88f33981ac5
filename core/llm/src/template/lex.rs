//! From the text of a template to its pieces: plain text, and the words of expressions and blocks.

use alloc::string::String;
use alloc::vec::Vec;

use super::TemplateError;

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// An operator or bracket.
    Sign(&'static str),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// A part of the text, from and to.
    Text(usize, usize),
    /// `{{ … }}`
    Print(Vec<(Word, usize)>),
    /// `{% … %}`
    Block(Vec<(Word, usize)>),
}

/// Signs, the longer ones first.
const SIGNS: [&str; 26] = [
    "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "(", ")", "[", "]", "{", "}",
    ",", ":", ".", "|", "=", ";",
];

/// Cuts a template into pieces.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let bytes = text.as_bytes();
    let (mut pieces, mut at) = (Vec::new(), 0);
    // Where the text begins that comes next, after what a block before it has taken away.
    let mut begin = 0;
    while let Some(found) = next_open(bytes, at) {
        let kind = bytes[found + 1];
        let mut inside = found + 2;
        let mut end = found;
        match bytes.get(inside) {
            Some(b'-') => {
                inside += 1;
                end = begin + text[begin..found].trim_end().len();
            }
            Some(b'+') => inside += 1,
            // Blanks before a block at the beginning of its line.
            _ if kind != b'{' => {
                let before = text[begin..found].trim_end_matches([' ', '\t']);
                if before.ends_with('\n') || (before.is_empty() && (begin == 0 || bytes[begin - 1] == b'\n'))
                {
                    end = begin + before.len();
                }
            }
            _ => {}
        }
        if begin < end {
            pieces.push(Piece::Text(begin, end));
        }
        let close: &[u8] = match kind {
            b'{' => b"}}",
            b'%' => b"%}",
            _ => b"#}",
        };
        let (words, after) = if kind == b'#' {
            (
                Vec::new(),
                find(bytes, inside, close).ok_or(TemplateError::Syntax { at: found, wanted: "`#}`" })?,
            )
        } else {
            words(text, inside, close)?
        };
        // A minus before the closing brackets takes white space behind them.
        let trims =
            kind == b'#' && bytes[..after].ends_with(b"-") || kind != b'#' && bytes[after - 1] == b'-';
        begin = after + 2;
        if trims {
            begin += text[begin..].len() - text[begin..].trim_start().len();
        } else if kind != b'{' {
            begin += if bytes[begin..].starts_with(b"\r\n") {
                2
            } else {
                usize::from(bytes[begin..].starts_with(b"\n"))
            };
        }
        at = begin;
        match kind {
            b'{' => pieces.push(Piece::Print(words)),
            b'%' if is_word(&words, "raw") => {
                let (end, after) = raw(text, begin)?;
                pieces.push(Piece::Text(begin, end));
                (begin, at) = (after, after);
            }
            b'%' => pieces.push(Piece::Block(words)),
            _ => {}
        }
    }
    // One line end at the end goes, as Jinja has it.
    let end = if text.ends_with('\n') { text.len() - 1 } else { text.len() };
    if begin < end {
        pieces.push(Piece::Text(begin, end));
    }
    Ok(pieces)
}

fn is_word(words: &[(Word, usize)], name: &str) -> bool {
    matches!(words, [(Word::Name(found), _)] if found == name)
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

fn next_open(bytes: &[u8], from: usize) -> Option<usize> {
    let is_open = |pair: &[u8]| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#');
    bytes.get(from..)?.windows(2).position(is_open).map(|at| from + at)
}

/// Up to `{% endraw %}`: where the text ends, and what is behind.
fn raw(text: &str, from: usize) -> Result<(usize, usize), TemplateError> {
    let mut at = from;
    while let Some(open) = find(text.as_bytes(), at, b"{%") {
        let close = find(text.as_bytes(), open, b"%}");
        let Some(close) = close else { break };
        if text[open + 2..close].trim_matches(['-', '+', ' ']) == "endraw" {
            return Ok((open, close + 2));
        }
        at = open + 2;
    }
    Err(TemplateError::Syntax { at: from, wanted: "`endraw`" })
}

/// The words up to the closing brackets, and where those stand.
fn words(text: &str, from: usize, close: &[u8]) -> Result<(Vec<(Word, usize)>, usize), TemplateError> {
    let bytes = text.as_bytes();
    let (mut words, mut at, mut depth) = (Vec::new(), from, 0usize);
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let rest = &bytes[at.min(bytes.len())..];
        let Some(&byte) = rest.first() else {
            return Err(TemplateError::Syntax { at, wanted: "the end of this block" });
        };
        // `}}` may end two dictionaries.
        if rest.starts_with(close) && (depth == 0 || close == b"%}") {
            return Ok((words, at));
        }
        if matches!(byte, b'-' | b'+') && rest[1..].starts_with(close) && depth == 0 {
            return Ok((words, at + 1));
        }
        let begin = at;
        let word = match byte {
            b'"' | b'\'' => {
                let (word, end) = quoted(text, at)?;
                at = end;
                Word::Text(word)
            }
            b'0'..=b'9' => {
                let digits = |from: usize| {
                    bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count()
                };
                at += digits(at);
                let is_float =
                    bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
                if is_float {
                    at += 1 + digits(at + 1);
                }
                let plain = text[begin..at].replace('_', "");
                let invalid = TemplateError::Syntax { at: begin, wanted: "a number" };
                if is_float {
                    Word::Float(plain.parse().map_err(|_| invalid)?)
                } else {
                    Word::Int(plain.parse().map_err(|_| invalid)?)
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at += rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                Word::Name(String::from(&text[begin..at]))
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(sign.as_bytes()));
                let sign = sign.ok_or(TemplateError::Syntax { at, wanted: "an expression" })?;
                match *sign {
                    "(" | "[" | "{" => depth += 1,
                    ")" | "]" | "}" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += sign.len();
                Word::Sign(sign)
            }
        };
        words.push((word, begin));
    }
}

/// A quoted text and where it ends.
fn quoted(text: &str, from: usize) -> Result<(String, usize), TemplateError> {
    let quote = text.as_bytes()[from] as char;
    let mut out = String::new();
    let mut characters = text[from + 1..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            c if c == quote => return Ok((out, from + 1 + at + 1)),
            '\\' => match characters.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, 'u')) => {
                    let digits = text.get(from + 1 + at + 2..from + 1 + at + 6);
                    let scalar = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                    let wanted =
                        TemplateError::Syntax { at: from + 1 + at, wanted: "four hexadecimal digits" };
                    out.push(scalar.and_then(char::from_u32).ok_or(wanted)?);
                    characters.nth(3);
                }
                Some((_, c @ ('\\' | '\'' | '"'))) => out.push(c),
                Some((_, c)) => {
                    out.push('\\');
                    out.push(c);
                }
                None => break,
            },
            c => out.push(c),
        }
    }
    Err(TemplateError::Syntax { at: from, wanted: "the end of a text" })
}
