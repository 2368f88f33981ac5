//! `dolmen sql lint`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dolmen_cli::{Out, Status};
use dolmen_sql::lint::{Finding, Rule, Settings, lint};
use dolmen_sql::{Workspace, tolerant};
use serde_json::json;

use crate::diagnosis::{Color, Diagnosis, Label, Severity, place};
use crate::input::{self, Dialect};

/// How to judge.
#[derive(clap::Args)]
pub struct How {
    #[command(flatten)]
    pub dialect: Dialect,
    /// A tool puts a transaction around each file
    #[arg(long)]
    in_transaction: bool,
    /// Rules to put in force beside the usual ones
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = rule)]
    also: Vec<Rule>,
    /// Rules to switch off
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = rule)]
    ignore: Vec<Rule>,
    /// Only list the rules
    #[arg(long)]
    rules: bool,
}

fn rule(name: &str) -> Result<Rule, String> {
    Rule::from_name(name).ok_or_else(|| "there is no such rule; --rules lists them".into())
}

/// Judges each file; status 1 where anything was found.
pub fn run(files: &[PathBuf], how: &How, color: Color, out: &mut Out) -> Result<Status> {
    let mut settings =
        Settings { version: how.dialect.pg, in_transaction: how.in_transaction, ..Settings::default() };
    settings.rules.extend(&how.also);
    settings.rules.retain(|rule| !how.ignore.contains(rule));
    if how.rules {
        return list(&settings, out);
    }
    let mut status = Status::Success;
    for file in files {
        let bytes = input::read(file)?;
        let source = match input::utf8(&bytes) {
            Ok(source) => source,
            Err(error) => {
                status = Status::Failure;
                let diagnosis = Diagnosis::refusal(&error, "", how.dialect.options());
                tell(&diagnosis, "", file, color, out)?;
                continue;
            }
        };
        let mut workspace = Workspace::new();
        let read = tolerant::parse(&mut workspace, source, how.dialect.options());
        let found = lint(read.tree, &settings);
        if !read.findings.is_empty() || !found.is_empty() {
            status = Status::Failure;
        }
        for mistake in &read.findings {
            tell(&Diagnosis::mistake(mistake), source, file, color, out)?;
        }
        for finding in &found {
            tell(&diagnosis(finding), source, file, color, out)?;
        }
    }
    Ok(status)
}

fn list(settings: &Settings, out: &mut Out) -> Result<Status> {
    for rule in Rule::ALL {
        let on = settings.rules.contains(rule);
        if out.is_json() {
            out.object(&json!({ "rule": rule.name(), "about": rule.about(), "on": on }))?;
        } else {
            out.line(format_args!(
                "{:<3} {:<46} {}",
                if on { "on" } else { "off" },
                rule.name(),
                rule.about()
            ))?;
        }
    }
    Ok(Status::Success)
}

fn diagnosis(finding: &Finding) -> Diagnosis {
    Diagnosis {
        severity: Severity::Warning,
        code: finding.rule.name().into(),
        message: finding.message.to_string(),
        labels: vec![Label { range: finding.range.clone(), text: String::new(), primary: true }],
        notes: vec![("help", finding.help.to_string())],
    }
}

/// One finding on standard output: as text, or as one JSON object.
fn tell(diagnosis: &Diagnosis, source: &str, file: &Path, color: Color, out: &mut Out) -> Result<()> {
    let name = file.display().to_string();
    if !out.is_json() {
        let text = diagnosis.render(source, &name, color.on(out.is_terminal()));
        return Ok(out.line(format_args!("{text}\n"))?);
    }
    let range = diagnosis.labels.first().map_or(0..0, |label| label.range.clone());
    let (line, column) = place(source, range.start);
    let help = diagnosis.notes.iter().find(|(kind, _)| *kind == "help").map(|(_, text)| text);
    Ok(out.object(&json!({
        "file": name, "line": line, "column": column, "start": range.start, "end": range.end,
        "severity": if diagnosis.severity == Severity::Error { "error" } else { "warning" },
        "rule": diagnosis.code, "message": diagnosis.message, "help": help,
    }))?)
}
