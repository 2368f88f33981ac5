//! Patterns of actions, resources and condition values: `*`, `?`, and variables.

use alloc::string::String;
use alloc::vec::Vec;

use super::condition::Context;

/// A text with wildcards and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// One character.
    Char(char),
    /// `*`.
    Any,
    /// `?`.
    One,
    /// `${key}` or `${key, 'default'}`.
    Variable { key: String, default: Option<String> },
}

/// A token whose variables have been replaced.
#[derive(Clone, Copy)]
enum Piece {
    Char(char),
    Any,
    One,
}

impl Pattern {
    /// Reads a pattern. Variables are read only in documents that have them; `${*}`, `${?}` and `${$}` are those characters.
    pub fn parse(text: &str, variables: bool) -> Pattern {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if variables
                && let Some((inside, behind)) = rest.strip_prefix("${").and_then(|r| r.split_once('}'))
            {
                tokens.push(variable(inside));
                rest = behind;
                continue;
            }
            tokens.push(match first {
                '*' => Token::Any,
                '?' => Token::One,
                other => Token::Char(other),
            });
            rest = &rest[first.len_utf8()..];
        }
        Pattern { tokens }
    }

    /// Whether it is a fixed text: no wildcard and no variable.
    pub fn is_fixed(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Char(_)))
    }

    /// The text with variables replaced, wildcards as they are written; `None` when a variable has no value.
    pub fn expand(&self, context: &Context) -> Option<String> {
        let mut out = String::new();
        for token in &self.tokens {
            match token {
                Token::Char(c) => out.push(*c),
                Token::Any => out.push('*'),
                Token::One => out.push('?'),
                Token::Variable { key, default } => out.push_str(value_of(context, key, default.as_deref())?),
            }
        }
        Some(out)
    }

    /// Whether the whole text matches. A variable without a value matches nothing.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        self.pieces(context).is_some_and(|pieces| glob(&pieces, text))
    }

    /// As [`Pattern::matches`], part by part between colons, as ARNs are compared: a wildcard does not cross one, but in the sixth.
    pub fn matches_arn(&self, text: &str, context: &Context) -> bool {
        let Some(pieces) = self.pieces(context) else { return false };
        let mut pattern = &pieces[..];
        let mut rest = text;
        for _ in 0..5 {
            let Some(colon) = pattern.iter().position(|piece| matches!(piece, Piece::Char(':'))) else {
                return false;
            };
            let Some((part, behind)) = rest.split_once(':') else { return false };
            if !glob(&pattern[..colon], part) {
                return false;
            }
            (pattern, rest) = (&pattern[colon + 1..], behind);
        }
        glob(pattern, rest)
    }

    fn pieces(&self, context: &Context) -> Option<Vec<Piece>> {
        let mut pieces = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Char(c) => pieces.push(Piece::Char(*c)),
                Token::Any => pieces.push(Piece::Any),
                Token::One => pieces.push(Piece::One),
                Token::Variable { key, default } => {
                    let value = value_of(context, key, default.as_deref())?;
                    pieces.extend(value.chars().map(Piece::Char));
                }
            }
        }
        Some(pieces)
    }
}

fn variable(inside: &str) -> Token {
    match inside {
        "*" => Token::Char('*'),
        "?" => Token::Char('?'),
        "$" => Token::Char('$'),
        _ => {
            let (key, default) = match inside.split_once(',') {
                Some((key, default)) => {
                    let default = default.trim();
                    (key, default.strip_prefix('\'').and_then(|d| d.strip_suffix('\'')).map(String::from))
                }
                None => (inside, None),
            };
            Token::Variable { key: Context::name(key.trim()), default }
        }
    }
}

/// A variable stands for a value only when there is exactly one.
fn value_of<'a>(context: &'a Context, key: &str, default: Option<&'a str>) -> Option<&'a str> {
    match context.get(key) {
        Some([value]) => Some(value),
        _ => default,
    }
}

/// The usual walk with one place to come back to: the last `*`. Time is the product of the lengths at worst.
fn glob(pattern: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                back = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(Piece::One) => {
                p += 1;
                t += 1;
                continue;
            }
            Some(Piece::Char(c)) if *c == text[t] => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = back else { return false };
        back = Some((after, from + 1));
        (p, t) = (after, from + 1);
    }
    pattern[p..].iter().all(|piece| matches!(piece, Piece::Any))
}
