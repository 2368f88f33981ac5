//! Texts and the statements in them.

use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result};
use dolmen_sql::{Error, text};

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

/// A refusal with its line under it, in the manner of rustc.
pub fn diagnosis(error: &Error, source: &str, name: &str) -> String {
    let mut out = format!("{} (SQLSTATE {})", error.message, error.sqlstate);
    if let Some(offset) = error.offset {
        let offset = offset.min(source.len());
        let line_start = source[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[offset..].find('\n').map_or(source.len(), |at| offset + at);
        let number = source[..line_start].matches('\n').count() + 1;
        let column = source[line_start..offset].chars().count();
        let line: String =
            source[line_start..line_end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let margin = " ".repeat(number.to_string().len());
        out.push_str(&format!(
            "\n{margin}--> {name}:{number}:{}\n{margin} |\n{number} | {line}\n{margin} | {}^",
            column + 1,
            " ".repeat(column)
        ));
    }
    for (what, text) in [("detail", error.detail), ("help", error.hint)] {
        if let Some(text) = text {
            out.push_str(&format!("\n  = {what}: {text}"));
        }
    }
    out
}
