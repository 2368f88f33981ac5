//! What is wrong with a text, in the server's words.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::token::Kind;

/// A refusal: what PostgreSQL would answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The five characters of the SQLSTATE.
    pub sqlstate: &'static str,
    /// The server's message.
    pub message: String,
    /// Where, in bytes from 0; `None` where the server names no place.
    pub offset: Option<usize>,
    /// The server's hint, if it gives one.
    pub hint: Option<&'static str>,
    /// The server's detail, if it gives one.
    pub detail: Option<&'static str>,
}

impl Error {
    /// The cursor as the server counts it: characters from 1, 0 where it names no place.
    pub fn cursor(&self, source: &str) -> usize {
        let Some(offset) = self.offset else { return 0 };
        let bytes = &source.as_bytes()[..offset.min(source.len())];
        bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count() + 1
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        match self.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}

/// A fault that the lexer found, kept until the parser gets to it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The SQLSTATE.
    pub sqlstate: &'static str,
    /// The message without what it is near to.
    pub message: Cow<'static, str>,
    /// Where the server points to.
    pub offset: Option<u32>,
    /// Where the text ends that the message quotes; `None` where it quotes nothing.
    pub near_end: Option<u32>,
    /// Where the faulty token begins.
    pub token_start: u32,
    /// Where reading may go on.
    pub resume: u32,
    /// What the token was probably meant to be.
    pub meant: Kind,
    /// The server's hint.
    pub hint: Option<&'static str>,
}

impl Problem {
    /// A fault whose message quotes the text from `offset` to `end`.
    pub fn near(
        message: &'static str,
        token_start: usize,
        offset: usize,
        end: usize,
        meant: Kind,
    ) -> Box<Self> {
        Box::new(Self {
            sqlstate: "42601",
            message: Cow::Borrowed(message),
            offset: Some(offset as u32),
            near_end: Some(end as u32),
            token_start: token_start as u32,
            resume: end as u32,
            meant,
            hint: None,
        })
    }

    /// A fault whose message quotes nothing.
    pub fn bare(
        sqlstate: &'static str,
        message: Cow<'static, str>,
        offset: Option<usize>,
        token_start: usize,
        resume: usize,
        meant: Kind,
    ) -> Box<Self> {
        Box::new(Self {
            sqlstate,
            message,
            offset: offset.map(|o| o as u32),
            near_end: None,
            token_start: token_start as u32,
            resume: resume as u32,
            meant,
            hint: None,
        })
    }

    /// The refusal that the server would give.
    pub fn error(&self, source: &[u8]) -> Error {
        let message = match (self.near_end, self.offset) {
            (Some(end), Some(offset)) => quote(&self.message, source, offset as usize, end as usize),
            _ => self.message.clone().into_owned(),
        };
        Error {
            sqlstate: self.sqlstate,
            message,
            offset: self.offset.map(|o| o as usize),
            hint: self.hint,
            detail: None,
        }
    }
}

/// `message at or near "…"`, or `message at end of input`.
pub fn quote(message: &str, source: &[u8], offset: usize, end: usize) -> String {
    if offset >= source.len() {
        return format!("{message} at end of input");
    }
    let text = String::from_utf8_lossy(&source[offset..end.clamp(offset, source.len())]);
    format!("{message} at or near \"{text}\"")
}
