//! The settings file, with the line of every key.

use toml::de::{DeTable, DeValue};

use crate::setting::{Kind, SettingError};

/// Keys with their values as text.
pub struct File {
    name: String,
    entries: Vec<Entry>,
}

struct Entry {
    key: String,
    text: String,
    line: usize,
}

impl File {
    /// Reads the text of a file that is called `name` in errors.
    ///
    /// # Errors
    ///
    /// Where it is no TOML.
    pub fn parse(text: &str, name: &str) -> Result<File, SettingError> {
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| SettingError::File {
            origin: format!("{name}:{}", line(error.span().unwrap_or_default().start)),
            reason: error.message().replace('\n', " "),
        })?;
        let mut entries = Vec::new();
        // Tables that are still to be read, with the keys that lead there.
        let mut open = vec![(String::new(), table.into_inner())];
        while let Some((prefix, table)) = open.pop() {
            for (key, value) in table {
                let at = line(key.span().start);
                let key = if prefix.is_empty() {
                    key.into_inner().into_owned()
                } else {
                    format!("{prefix}.{}", key.get_ref())
                };
                match value.into_inner() {
                    DeValue::Table(table) => open.push((key, table)),
                    DeValue::Array(items) => {
                        let items: Vec<String> = items.iter().map(|item| show(item.get_ref())).collect();
                        entries.push(Entry { key, text: items.join(","), line: at });
                    }
                    value => entries.push(Entry { key, text: show(&value), line: at }),
                }
            }
        }
        entries.sort_by_key(|entry| entry.line);
        Ok(File { name: name.to_owned(), entries })
    }

    /// The text of a key, where it stands, and its last word.
    pub(crate) fn find(&self, key: &str) -> Option<(String, String, String)> {
        let entry = self.entries.iter().find(|entry| entry.key == key && !key.is_empty())?;
        let word = key.rsplit('.').next().unwrap_or(key);
        Some((entry.text.clone(), format!("{}:{}", self.name, entry.line), word.to_owned()))
    }

    /// Every key and where it stands.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, String)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), format!("{}:{}", self.name, entry.line)))
    }
}

/// A value as one would write it behind a flag.
fn show(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => String::new(),
    }
}

/// A value as TOML.
pub(crate) fn literal(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Count(..) | Kind::Switch if !text.is_empty() => text.to_owned(),
        Kind::Names => {
            let names: Vec<String> = text
                .split(',')
                .filter(|n| !n.is_empty())
                .map(|n| toml::Value::from(n.trim()).to_string())
                .collect();
            format!("[{}]", names.join(", "))
        }
        _ => toml::Value::from(text).to_string(),
    }
}
