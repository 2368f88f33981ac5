//! Texts and the statements in them.

use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result};
use dolmen_sql::{Depth, Error, Options, Version, text};

/// Whose texts are read.
#[derive(Clone, Copy, clap::Args)]
pub struct Dialect {
    /// PostgreSQL's major version, whose grammar is read: 14 to 19
    #[arg(long, value_name = "N", default_value = "18", value_parser = version)]
    pub pg: Version,
    /// Scripts for psql: :variables, \commands, data behind COPY … FROM STDIN
    #[arg(long)]
    pub psql: bool,
    /// How deep statements may nest: any, or server: as deep as PostgreSQL's own parser takes them [default: any; of verdict: server]
    #[arg(long, value_enum, value_name = "LIMIT", hide_possible_values = true)]
    pub depth: Option<Limit>,
}

/// How deep statements may nest.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Limit {
    /// Without a limit that anyone meets
    Any,
    /// As deep as the server takes them
    Server,
}

impl Dialect {
    /// How the parser is to read.
    pub fn options(self) -> Options {
        self.options_within(Limit::Any)
    }

    /// How the parser is to read, with a limit of depth unless another was asked for.
    pub fn options_within(self, usual: Limit) -> Options {
        let depth = match self.depth.unwrap_or(usual) {
            Limit::Any => Depth::Any,
            Limit::Server => Depth::Server,
        };
        Options { version: self.pg, psql: self.psql, depth, ..Options::default() }
    }
}

/// A version by its number.
fn version(text: &str) -> Result<Version, String> {
    let number = text.parse().ok();
    number.and_then(Version::from_number).ok_or_else(|| "versions 14 to 19 are known".into())
}

/// All of a file, or of standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
        return Ok(bytes);
    }
    fs::read(path).with_context(|| path.display().to_string())
}

/// The texts in `bytes`: all as one, or what stands before each NUL and, unless empty, after the last.
pub fn texts(bytes: &[u8], nul: bool) -> Vec<&[u8]> {
    if !nul {
        return vec![bytes];
    }
    let mut texts: Vec<&[u8]> = bytes.split(|&byte| byte == 0).collect();
    if texts.last().is_some_and(|text| text.is_empty()) {
        texts.pop();
    }
    texts
}

/// What the server says of bytes that are no text in its encoding.
///
/// # Errors
///
/// Its refusal.
pub fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    match (str::from_utf8(bytes), text::invalid_utf8(bytes)) {
        (Ok(text), None) => Ok(text),
        (_, message) => {
            let message = message.unwrap_or_default().into_owned();
            Err(Error { sqlstate: "22021", message, offset: None, hint: None, detail: None })
        }
    }
}
