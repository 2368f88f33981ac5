//! SQL verbs, `dolmen sql`: what a PostgreSQL server says of statements, without a server.
//!
//! With `--nul` a file holds many texts with NULs between, and each is judged by itself.

#![forbid(unsafe_code)]

mod diagnosis;
mod input;
mod lint;
mod tables;
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
use dolmen_sql::{Error, Options, Tokens, Workspace, format, json, psql, scan, tolerant, view};
use serde_json::{Value, json};

use diagnosis::{Color, Diagnosis};
use input::{Dialect, Limit};

pub use tour::tour;

/// Arguments of `dolmen sql`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    after_help = "Examples:\n  dolmen sql verdict query.sql\n  dolmen sql parse query.sql --json\n  \
                  echo 'select 1 from t where a = 2' | dolmen sql normalize -\n  \
                  dolmen sql format migrations/*.sql --check\n  dolmen sql lint migrations/*.sql --pg 16\n  \
                  dolmen sql tables query.sql\n\n\
                  FILE may be - for standard input. Exits with 1 if a statement is refused, a file would be formatted otherwise, or\n\
                  lint finds anything; verdict exits with 0 whatever it says."
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Colours in what is said about mistakes
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: Color,
}

/// Where the statements are.
#[derive(clap::Args)]
struct Source {
    /// A file, or - for standard input
    file: PathBuf,
    /// Many texts with NULs between, each by itself
    #[arg(long)]
    nul: bool,
    #[command(flatten)]
    dialect: Dialect,
}

/// What to print of a tree.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Picture {
    /// Nodes on lines, indented; this is the default
    #[arg(long)]
    tree: bool,
    /// Nested parentheses
    #[arg(long)]
    sexp: bool,
    /// A graph for Graphviz
    #[arg(long)]
    dot: bool,
    /// A picture
    #[arg(long)]
    svg: bool,
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
        #[command(flatten)]
        picture: Picture,
        /// Read on behind mistakes: tell them all, print the tree of the rest
        #[arg(long)]
        tolerant: bool,
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
    /// Find what blocks or breaks in migrations; comments `-- lint-ignore: RULE` switch rules off
    Lint {
        /// Files, or - for standard input
        #[arg(required_unless_present = "rules")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        how: lint::How,
    },
    /// List tables, columns, functions and parameters, and whether they are read, written or defined
    Tables {
        /// A file, or - for standard input
        file: PathBuf,
        #[command(flatten)]
        dialect: Dialect,
    },
}

/// Runs a verb.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    let color = args.color;
    let answers = |source: &Source, answer, out: &mut Out| answers(source, answer, color, out);
    match args.verb {
        Verb::Verdict { source } => verdict(&source, out),
        Verb::Parse { source, picture, tolerant: true } => parse_tolerant(&source, &picture, color, out),
        Verb::Parse { source, picture, tolerant: false } => parse(&source, &picture, color, out),
        Verb::Fingerprint { source } => answers(&source, Answer::Fingerprint, out),
        Verb::Normalize { source } => answers(&source, Answer::Normalized, out),
        Verb::Deparse { source } => answers(&source, Answer::Deparsed, out),
        Verb::Split { source } => answers(&source, Answer::Split, out),
        Verb::Scan { source } => answers(&source, Answer::Scan, out),
        Verb::Format { files, how } => tidy::format(&files, &how, color, out),
        Verb::Lint { files, how } => lint::run(&files, &how, color, out),
        Verb::Tables { file, dialect } => match tables::run(&file, dialect, out)? {
            Ok(status) => Ok(status),
            Err((error, text)) => {
                refuse(&error, &text, &file, dialect.options(), color, out);
                Ok(Status::Failure)
            }
        },
    }
}

fn verdict(source: &Source, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let options = source.dialect.options_within(Limit::Server);
    let mut workspace = Workspace::new();
    for text in input::texts(&bytes, source.nul) {
        let refusal = match input::utf8(text) {
            Ok(text) => workspace.parse_with(text, options).err().map(|error| refusal(&error, text)),
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

fn parse(source: &Source, picture: &Picture, color: Color, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let options = source.dialect.options();
    let mut workspace = Workspace::new();
    let mut status = Status::Success;
    let mut printed = String::new();
    for text in input::texts(&bytes, source.nul) {
        let tree = input::utf8(text).map_err(|error| (error, ""));
        let tree = tree.and_then(|text| workspace.parse_with(text, options).map_err(|error| (error, text)));
        printed.clear();
        match tree {
            Ok(tree) => draw(tree, picture, out.is_json() || source.nul, &mut printed),
            Err((error, text)) => {
                status = Status::Failure;
                refuse(&error, text, &source.file, options, color, out);
                if source.nul {
                    writeln!(printed, "{}", refusal(&error, text))?;
                }
            }
        }
        out.bytes(printed.as_bytes())?;
    }
    Ok(status)
}

fn draw(tree: dolmen_sql::Tree<'_>, picture: &Picture, is_json: bool, printed: &mut String) {
    match picture {
        Picture { dot: true, .. } => view::dot(tree, printed),
        Picture { svg: true, .. } => view::svg(tree, printed),
        Picture { sexp: true, .. } => view::s_expression(tree, printed),
        Picture { tree: false, .. } if is_json => {
            json::write(tree, printed);
            printed.push('\n');
        }
        _ => view::outline(tree, printed),
    }
}

/// All mistakes on standard error, the tree of what is left on standard output.
fn parse_tolerant(source: &Source, picture: &Picture, color: Color, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let options = source.dialect.options();
    let (mut workspace, mut status, mut printed) = (Workspace::new(), Status::Success, String::new());
    for text in input::texts(&bytes, source.nul) {
        let text = match input::utf8(text) {
            Ok(text) => text,
            Err(error) => {
                status = Status::Failure;
                refuse(&error, "", &source.file, options, color, out);
                continue;
            }
        };
        let read = tolerant::parse(&mut workspace, text, options);
        for finding in &read.findings {
            status = Status::Failure;
            let name = source.file.display().to_string();
            out.diagnosis(Diagnosis::mistake(finding).render(text, &name, color.on_stderr()));
        }
        printed.clear();
        draw(read.tree, picture, out.is_json() || source.nul, &mut printed);
        out.bytes(printed.as_bytes())?;
    }
    Ok(status)
}

fn refuse(error: &Error, text: &str, file: &Path, options: Options, color: Color, out: &Out) {
    let diagnosis = Diagnosis::refusal(error, text, options);
    out.diagnosis(diagnosis.render(text, &file.display().to_string(), color.on_stderr()));
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

    fn of(self, workspace: &mut Workspace, text: &str, options: Options) -> Result<Value, Error> {
        Ok(match self {
            Answer::Fingerprint => {
                format!("{:016x}", fingerprint(workspace.parse_with(text, options)?)).into()
            }
            Answer::Normalized => normalize(workspace.parse_with(text, options)?, false).into(),
            Answer::Deparsed => format::deparse(workspace.parse_with(text, options)?).into(),
            Answer::Split => {
                let ranges = if options.psql {
                    psql::statements(text, options.version)
                } else {
                    scan::split(workspace.parse_with(text, options)?)
                };
                ranges.into_iter().map(|range| json!([range.start, range.len()])).collect()
            }
            Answer::Scan => {
                let mut tokens = Tokens::default();
                scan::scan(text, options.version, &mut tokens)?;
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
fn answers(source: &Source, answer: Answer, color: Color, out: &mut Out) -> Result<Status> {
    let bytes = input::read(&source.file)?;
    let options = source.dialect.options();
    let mut workspace = Workspace::new();
    let mut status = Status::Success;
    for bytes in input::texts(&bytes, source.nul) {
        let text = input::utf8(bytes).unwrap_or_default();
        let parts =
            input::utf8(bytes).and_then(|text| parts(&mut workspace, text, source.nul, answer, options));
        let found = parts.and_then(|parts| {
            parts
                .into_iter()
                .map(|part| answer.of(&mut workspace, &text[part], options))
                .collect::<Result<Vec<Value>, Error>>()
        });
        match found {
            Ok(values) => values.iter().try_for_each(|value| print(value, answer, source.nul, out))?,
            Err(error) => {
                status = Status::Failure;
                refuse(&error, text, &source.file, options, color, out);
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
    options: Options,
) -> Result<Vec<Range<usize>>, Error> {
    let whole = 0..text.len();
    if nul || !answer.is_for_each_statement() {
        return Ok(vec![whole]);
    }
    let mut parts = scan::split(workspace.parse_with(text, options)?);
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
