//! Tokens of CQL.

use alloc::string::String;

use super::SchemaError;

/// A token. Words come in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// A name in double quotes.
    Name(String),
    /// Text in single quotes or between `$$`.
    Text(String),
    Number(i64),
    Symbol(char),
    End,
}

/// A place in a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Lexer { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Passes over spaces and comments; where the next token begins.
    pub(super) fn skip(&mut self) -> usize {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            let until = |end: &str| trimmed.find(end).map_or(trimmed.len(), |at| at + end.len());
            if trimmed.starts_with("--") || trimmed.starts_with("//") {
                self.at += until("\n");
            } else if trimmed.starts_with("/*") {
                self.at += until("*/");
            } else {
                return self.at;
            }
        }
    }

    /// The next token and where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Token), SchemaError> {
        let at = self.skip();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((at, Token::End)) };
        if let Some(body) = rest.strip_prefix("$$") {
            let len = body.find("$$").ok_or(SchemaError::Syntax { at })?;
            self.at += len + 4;
            return Ok((at, Token::Text(body[..len].into())));
        }
        let word_len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        match first {
            '\'' => self.quoted('\'').map(|text| (at, Token::Text(text))),
            '"' => self.quoted('"').map(|name| (at, Token::Name(name))),
            '0'..='9' => {
                self.at += word_len;
                // What is no integer (a UUID, a fraction) stands where nothing looks at it.
                let number = rest[..word_len].parse().ok();
                Ok((at, number.map_or_else(|| Token::Word(rest[..word_len].into()), Token::Number)))
            }
            c if c.is_alphabetic() || c == '_' => {
                self.at += word_len;
                Ok((at, Token::Word(rest[..word_len].to_lowercase())))
            }
            c => {
                self.at += c.len_utf8();
                Ok((at, Token::Symbol(c)))
            }
        }
    }

    /// Text between quotes, in which a doubled quote is one.
    fn quoted(&mut self, quote: char) -> Result<String, SchemaError> {
        let at = self.at;
        let mut out = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let end = rest.find(quote).ok_or(SchemaError::Syntax { at })?;
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.rest().starts_with(quote) {
                return Ok(out);
            }
            out.push(quote);
            self.at += 1;
        }
    }
}
