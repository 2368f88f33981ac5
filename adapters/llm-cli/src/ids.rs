//! Lists of ids, as people and programs write them.

use anyhow::{Context, Result, bail};

/// Numbers, with or without brackets, commas and blanks between them.
pub fn parse(text: &str, ids: &mut Vec<u32>) -> Result<()> {
    ids.clear();
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    for part in inner.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()) {
        match part.parse() {
            Ok(id) => ids.push(id),
            Err(_) => bail!("expected a list of ids such as [1, 2, 3], found {part:?} in it"),
        }
    }
    Ok(())
}

/// The same of bytes.
pub fn parse_bytes(line: &[u8], ids: &mut Vec<u32>) -> Result<()> {
    parse(std::str::from_utf8(line).context("expected a list of ids")?, ids)
}

/// `[1,2,3]`
pub fn list(ids: &[u32], line: &mut String) {
    use std::fmt::Write as _;
    line.clear();
    line.push('[');
    for (i, id) in ids.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(line, "{comma}{id}");
    }
    line.push(']');
}
