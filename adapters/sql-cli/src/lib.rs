//! SQL verbs, `dolmen sql`: what a PostgreSQL server says of statements, without a server.
//!
//! With `--nul` a file holds many texts with NULs between, and each is judged by itself.

#![forbid(unsafe_code)]

mod input;
mod tidy;
mod tour;

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use dolmen_cli::{Out, Status};
use dolmen_sql::fingerprint::fingerprint;
use dolmen_sql::normalize::normalize;
use dolmen_sql::{Error, Tokens, Workspace, format, json, scan, view};
use serde_json::{Value, json};

pub use tour::tour;

/// Arguments of `dolmen sql`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    after_help = "Examples:\n  dolmen sql verdict query.sql\n  dolmen sql parse query.sql --json\n  \
                  echo 'select 1 from t where a = 2' | dolmen sql normalize -\n  \
                  dolmen sql format migrations/*.sql --check\n\n\
                  FILE may be - for standard input. Exits with 1 if a statement is refused, or a file would be formatted otherwise;\n\
                  verdict exits with 0 whatever it says."
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// Where the statements are.
#[derive(clap::Args)]
struct Source {
    /// A file, or - for standard input
    file: PathBuf,
    /// Many texts with NULs between, each by itself
    #[arg(long)]
    nul: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Say what the server would: one JSON line for each text
    Verdict {
        #[command(flatten)]
        source: Source,
    },
    /// Print the tree: an outline, or libpg_query's JSON with --json
    Parse {
        #[command(flatten)]
        source: Source,
        /// Nodes on lines, indented; this is the default
        #[arg(long, conflicts_with = "dot")]
        tree: bool,
        /// A graph for Graphviz
        #[arg(long)]
        dot: bool,
    },
    /// Print the fingerprint of each statement
    Fingerprint {
        #[command(flatten)]
        source: Source,
    },
    /// Print each statement with parameters in place of constants
    Normalize {
        #[command(flatten)]
        source: Source,
    },
    /// Print each statement in one line, without comments
    Deparse {
        #[command(flatten)]
        source: Source,
    },
    /// Print [start, length] of each statement, in bytes
    Split {
        #[command(flatten)]
        source: Source,
    },
    /// Print [start, end, token, keyword class] of each token, in bytes
    Scan {
        #[command(flatten)]
        source: Source,
    },
    /// Lay statements out; comments stay
    Format {
        /// Files, or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        how: tidy::How,
    },
}

/// Runs a verb.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    match args.verb {
        Verb::Verdict { source } => verdict(&source, out),
        Verb::Parse { source, tree: _, dot } => parse(&source, dot, out),
        Verb::Fingerprint { source } => answers(&source, Answer::Fingerprint, out),
        Verb::Normalize { source } => answers(&source, Answer::Normalized, out),
        Verb::Deparse { source } => answers(&source, Answer::Deparsed, out),
        Verb::Split { source } => answers(&source, Answer::Split, out),
        Verb::Scan { source } => answers(&source, Answer::Scan, out),
        Verb::Format { files, how } => tidy::format(&files, &how, out),
    }
}

fn verdict(source: &Source, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let mut workspace = Workspace::new();
    for text in input::texts(&bytes, source.nul) {
        let refusal = match input::utf8(text) {
            Ok(text) => workspace.parse(text).err().map(|error| refusal(&error, text)),
            Err(error) => Some(refusal(&error, "")),
        };
        out.line(refusal.as_deref().unwrap_or("{\"ok\":true}"))?;
    }
    Ok(Status::Success)
}

fn refusal(error: &Error, text: &str) -> String {
    let [sqlstate, message] = [error.sqlstate, &error.message].map(Value::from);
    let cursor = error.cursor(text);
    format!("{{\"ok\":false,\"sqlstate\":{sqlstate},\"message\":{message},\"cursor\":{cursor}}}")
}

fn parse(source: &Source, dot: bool, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let mut workspace = Workspace::new();
    let mut status = Status::Success;
    let mut printed = String::new();
    for text in input::texts(&bytes, source.nul) {
        let tree = input::utf8(text).map_err(|error| (error, ""));
        let tree = tree.and_then(|text| workspace.parse(text).map_err(|error| (error, text)));
        printed.clear();
        match tree {
            Ok(tree) if dot => view::dot(tree, &mut printed),
            Ok(tree) if out.is_json() || source.nul => {
                json::write(tree, &mut printed);
                printed.push('\n');
            }
            Ok(tree) => view::outline(tree, &mut printed),
            Err((error, text)) => {
                status = Status::Failure;
                refuse(&error, text, &source.file, out);
                if source.nul {
                    writeln!(printed, "{}", refusal(&error, text))?;
                }
            }
        }
        out.bytes(printed.as_bytes())?;
    }
    Ok(status)
}

fn refuse(error: &Error, text: &str, file: &Path, out: &Out) {
    out.warn(input::diagnosis(error, text, &file.display().to_string()));
}

/// What is asked of a text.
#[derive(Clone, Copy)]
enum Answer {
    Fingerprint,
    Normalized,
    Deparsed,
    Split,
    Scan,
}

impl Answer {
    /// Its name in JSON.
    fn name(self) -> &'static str {
        match self {
            Answer::Fingerprint => "fingerprint",
            Answer::Normalized => "normalized",
            Answer::Deparsed => "deparsed",
            Answer::Split => "statements",
            Answer::Scan => "tokens",
        }
    }

    /// Whether each statement of a text has an answer of its own.
    fn is_for_each_statement(self) -> bool {
        matches!(self, Answer::Fingerprint | Answer::Normalized | Answer::Deparsed)
    }

    fn of(self, workspace: &mut Workspace, text: &str) -> Result<Value, Error> {
        Ok(match self {
            Answer::Fingerprint => format!("{:016x}", fingerprint(workspace.parse(text)?)).into(),
            Answer::Normalized => normalize(workspace.parse(text)?, false).into(),
            Answer::Deparsed => format::deparse(workspace.parse(text)?).into(),
            Answer::Split => {
                let ranges = scan::split(workspace.parse(text)?);
                ranges.into_iter().map(|range| json!([range.start, range.len()])).collect()
            }
            Answer::Scan => {
                let mut tokens = Tokens::default();
                scan::scan(text, Default::default(), &mut tokens)?;
                let token = |i: usize| {
                    let name = tokens.scan_name(text.as_bytes(), i);
                    json!([tokens.starts[i], tokens.ends[i], name, tokens.kinds[i].scan_class()])
                };
                (0..tokens.len() - 1).map(token).collect()
            }
        })
    }
}

/// One answer for each text with `--nul`, else one line for each statement.
fn answers(source: &Source, answer: Answer, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let mut workspace = Workspace::new();
    let mut status = Status::Success;
    for bytes in input::texts(&bytes, source.nul) {
        let text = input::utf8(bytes).unwrap_or_default();
        let parts = input::utf8(bytes).and_then(|text| parts(&mut workspace, text, source.nul, answer));
        let found = parts.and_then(|parts| {
            parts
                .into_iter()
                .map(|part| answer.of(&mut workspace, &text[part]))
                .collect::<Result<Vec<Value>, Error>>()
        });
        match found {
            Ok(values) => values.iter().try_for_each(|value| print(value, answer, source.nul, out))?,
            Err(error) => {
                status = Status::Failure;
                refuse(&error, text, &source.file, out);
                if source.nul {
                    out.bytes(b"\0")?;
                }
            }
        }
    }
    Ok(status)
}

fn parts(
    workspace: &mut Workspace,
    text: &str,
    nul: bool,
    answer: Answer,
) -> Result<Vec<Range<usize>>, Error> {
    let whole = 0..text.len();
    if nul || !answer.is_for_each_statement() {
        return Ok(vec![whole]);
    }
    let mut parts = scan::split(workspace.parse(text)?);
    for part in &mut parts {
        part.end = part.start + text[part.clone()].trim_end().len();
    }
    Ok(parts)
}

fn print(value: &Value, answer: Answer, nul: bool, out: &mut Out) -> Result<()> {
    if out.is_json() && !nul {
        return Ok(out.object(&json!({ answer.name(): value }))?);
    }
    match value {
        Value::String(text) => out.bytes(text.as_bytes())?,
        value => out.bytes(value.to_string().as_bytes())?,
    }
    Ok(out.bytes(if nul { b"\0" } else { b"\n" })?)
}
