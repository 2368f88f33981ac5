//! Diagnoses in the manner of rustc: what, where, the lines with marks under them, notes and help; with colours where a person
//! looks.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::ops::Range;

use dolmen_sql::lexer::{Mode, lex};
use dolmen_sql::version::Dialect;
use dolmen_sql::{Error, Options, Tokens, Workspace, tolerant};

/// Longest text for which a likely meaning is looked for.
const GUESS_LEN_MAX: usize = 256 << 10;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// Where a person looks, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether to use them on standard error.
    pub fn on_stderr(self) -> bool {
        self.on(io::stderr().is_terminal())
    }

    /// Whether to use them.
    pub fn on(self, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Red.
    Error,
    /// Yellow.
    Warning,
}

/// A mark under some bytes.
pub struct Label {
    /// The bytes.
    pub range: Range<usize>,
    /// What stands beside the mark.
    pub text: String,
    /// The place that the diagnosis is about; others explain it.
    pub primary: bool,
}

/// One diagnosis.
pub struct Diagnosis {
    /// How bad it is.
    pub severity: Severity,
    /// SQLSTATE or the rule's name.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Where; the first primary one is the place in the head.
    pub labels: Vec<Label>,
    /// `note`, `help`, `detail` and their texts.
    pub notes: Vec<(&'static str, String)>,
}

impl Diagnosis {
    /// A refusal, with what was probably meant.
    pub fn refusal(error: &Error, source: &str, options: Options) -> Self {
        let mut diagnosis = Self {
            severity: Severity::Error,
            code: error.sqlstate.into(),
            message: error.message.clone(),
            labels: Vec::new(),
            notes: Vec::new(),
        };
        if let Some(offset) = error.offset {
            let range = token_at(source, offset.min(source.len()), options);
            diagnosis.labels.push(Label { range, text: String::new(), primary: true });
        }
        diagnosis.notes.extend(error.detail.map(|text| ("detail", text.to_string())));
        diagnosis.notes.extend(error.hint.map(|text| ("help", text.to_string())));
        if source.len() <= GUESS_LEN_MAX {
            diagnosis.guess(source, options);
        }
        diagnosis
    }

    /// A mistake that the tolerant parser found.
    pub fn mistake(finding: &tolerant::Finding) -> Self {
        Self {
            severity: Severity::Error,
            code: "42601".into(),
            message: finding.message.to_string(),
            labels: vec![Label { range: finding.range.clone(), text: String::new(), primary: true }],
            notes: finding.hint.iter().map(|hint| ("help", hint.clone())).collect(),
        }
    }

    /// Adds what the tolerant parser makes of the first mistake.
    fn guess(&mut self, source: &str, options: Options) {
        let mut workspace = Workspace::new();
        let found = tolerant::parse(&mut workspace, source, options).findings;
        let place = self.labels.first().map_or(0, |label| label.range.start);
        // The one that the server's parser meets first: it may begin before the place where that stops.
        let Some(finding) = found.iter().min_by_key(|finding| finding.range.start.abs_diff(place)) else {
            return;
        };
        let Some(hint) = &finding.hint else { return };
        let same = self.labels.first().is_some_and(|label| {
            label.range.start < finding.range.end
                && finding.range.start < label.range.end.max(label.range.start + 1)
        });
        if same {
            self.notes.push(("help", hint.clone()));
        } else {
            self.labels.push(Label { range: finding.range.clone(), text: hint.clone(), primary: false });
            self.notes.push(("note", finding.message.to_string()));
        }
    }

    /// The text, with or without colours.
    pub fn render(&self, source: &str, name: &str, color: bool) -> String {
        let paint = Paint { color, severity: self.severity };
        let kind = if self.severity == Severity::Error { "error" } else { "warning" };
        let mut out = String::new();
        let head = format!("{kind}[{}]", self.code);
        _ = write!(out, "{}{}", paint.kind(&head), paint.bold(&format!(": {}", self.message)));
        let mut lines: Vec<usize> =
            self.labels.iter().map(|label| line_of(source, label.range.start)).collect();
        lines.sort_unstable();
        lines.dedup();
        let margin = " ".repeat(lines.last().map_or(1, |line| (line + 1).to_string().len()));
        let bar = paint.frame("|");
        if let Some(first) = self.labels.iter().find(|label| label.primary) {
            let (line, column) = place(source, first.range.start);
            _ = write!(out, "\n{margin}{} {name}:{line}:{column}\n{margin} {bar}", paint.frame("-->"));
        }
        let mut before = None;
        for line in lines {
            if before.is_some_and(|before: usize| before + 1 < line) {
                _ = write!(out, "\n{}", paint.frame("..."));
            }
            before = Some(line);
            let (start, text) = line_text(source, line);
            let number = paint.frame(&format!("{:>width$}", line + 1, width = margin.len()));
            let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            _ = write!(out, "\n{number} {bar} {shown}");
            let mut labels: Vec<&Label> =
                self.labels.iter().filter(|label| line_of(source, label.range.start) == line).collect();
            labels.sort_by_key(|label| !label.primary);
            for label in labels {
                let from = label.range.start - start;
                let to = (label.range.end.max(label.range.start) - start).min(text.len()).max(from);
                let width = text.get(from..to).map_or(1, |part| part.chars().count()).max(1);
                let indent = " ".repeat(text.get(..from).map_or(0, |part| part.chars().count()));
                let mark = if label.primary { "^" } else { "-" }.repeat(width);
                let mark = format!("{mark} {}", label.text);
                _ = write!(out, "\n{margin} {bar} {indent}{}", paint.mark(mark.trim_end(), label.primary));
            }
        }
        if !self.labels.is_empty() && !self.notes.is_empty() {
            _ = write!(out, "\n{margin} {bar}");
        }
        for (kind, text) in &self.notes {
            _ = write!(out, "\n{margin} {} {}: {text}", paint.frame("="), paint.bold(kind));
        }
        out
    }
}

/// The line, from 0, of a byte.
fn line_of(source: &str, at: usize) -> usize {
    source.as_bytes()[..at.min(source.len())].iter().filter(|&&byte| byte == b'\n').count()
}

/// Line and column of a byte, both from 1, columns in characters.
pub fn place(source: &str, at: usize) -> (usize, usize) {
    let line = line_of(source, at);
    let (start, _) = line_text(source, line);
    (
        line + 1,
        source[start..]
            .chars()
            .scan(start, |i, c| {
                let at = *i;
                *i += c.len_utf8();
                Some(at)
            })
            .take_while(|&i| i < at)
            .count()
            + 1,
    )
}

/// Where a line begins, and its text.
fn line_text(source: &str, line: usize) -> (usize, &str) {
    let start = match line {
        0 => 0,
        _ => source.match_indices('\n').nth(line - 1).map_or(source.len(), |(at, _)| at + 1),
    };
    let end = source[start..].find('\n').map_or(source.len(), |len| start + len);
    (start, source[start..end].trim_end_matches('\r'))
}

/// The bytes of the token that begins at a place.
fn token_at(source: &str, offset: usize, options: Options) -> Range<usize> {
    let mut tokens = Tokens::default();
    let dialect = Dialect { version: options.version, psql: options.psql };
    lex(source.as_bytes(), Mode::Tolerant, dialect, &mut tokens, &mut Vec::new());
    match tokens.starts.binary_search(&(offset as u32)) {
        Ok(index) => tokens.range(index),
        Err(_) => offset..offset,
    }
}

/// Colours, or none.
struct Paint {
    color: bool,
    severity: Severity,
}

impl Paint {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn kind(&self, text: &str) -> String {
        self.paint(if self.severity == Severity::Error { "1;31" } else { "1;33" }, text)
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn frame(&self, text: &str) -> String {
        self.paint("1;34", text)
    }

    fn mark(&self, text: &str, primary: bool) -> String {
        if primary { self.kind(text) } else { self.frame(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, wanted: &str) {
        let error = Workspace::new().parse(sql).unwrap_err();
        let text = Diagnosis::refusal(&error, sql, Options::default()).render(sql, "q.sql", false);
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_misspelt_word_is_marked_beside_the_place_where_the_server_stops() {
        check(
            "SELECT id\nFROM users WEHRE id = 1",
            "error[42601]: syntax error at or near \"id\"\n --> q.sql:2:18\n  |\n2 | FROM users WEHRE id = 1\n  \
             |                  ^^\n  |            ----- did you mean WHERE?\n  |\n  = note: unknown keyword WEHRE",
        );
    }

    #[test]
    fn marks_stand_on_their_own_lines() {
        check(
            "SELECT 'é' AS é,\nFROM t",
            "error[42601]: syntax error at or near \"FROM\"\n --> q.sql:2:1\n  |\n1 | SELECT 'é' AS é,\n  |                \
             - remove the comma\n2 | FROM t\n  | ^^^^\n  |\n  = note: trailing comma",
        );
    }

    #[test]
    fn colours_are_those_of_rustc() {
        let error = Workspace::new().parse("SELEC 1").unwrap_err();
        let text = Diagnosis::refusal(&error, "SELEC 1", Options::default()).render("SELEC 1", "q", true);
        assert!(text.starts_with("\x1b[1;31merror[42601]\x1b[0m\x1b[1m: syntax error"), "{text:?}");
        assert!(text.contains("\x1b[1;31m^^^^^\x1b[0m") && text.contains("did you mean SELECT?"), "{text:?}");
    }
}
