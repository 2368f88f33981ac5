//! `dolmen sql format`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use dolmen_cli::{Out, Status};
use dolmen_sql::format::{self, FormatError, Style};

use crate::diagnosis::{Color, Diagnosis};
use crate::input::{self, Dialect};

/// What becomes of a formatted text.
#[derive(clap::Args)]
pub struct How {
    #[command(flatten)]
    dialect: Dialect,
    /// Only say which files would change; status 1 if any would
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// Write in place
    #[arg(long)]
    write: bool,
    /// Spaces of one level
    #[arg(long, default_value_t = 4, value_name = "N")]
    indent: usize,
    /// Most characters of a clause on one line
    #[arg(long, default_value_t = 80, value_name = "N")]
    width: usize,
    /// Letters of keywords
    #[arg(long, value_enum, value_name = "CASE", default_value_t)]
    keywords: Case,
    /// Commas at the beginnings of lines
    #[arg(long)]
    leading_commas: bool,
    /// An empty line between statements
    #[arg(long)]
    blank_lines: bool,
    /// Leave the bodies of functions as they are
    #[arg(long)]
    keep_bodies: bool,
}

/// Letters of keywords.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Case {
    /// SELECT
    #[default]
    Upper,
    /// select
    Lower,
    /// As written
    Keep,
}

impl How {
    fn style(&self) -> Style {
        Style {
            indent: self.indent,
            width: self.width,
            keywords: match self.keywords {
                Case::Upper => format::Case::Upper,
                Case::Lower => format::Case::Lower,
                Case::Keep => format::Case::Keep,
            },
            leading_commas: self.leading_commas,
            blank_lines: self.blank_lines,
            bodies: !self.keep_bodies,
        }
    }
}

/// Formats each file; a refused one stays as it is, and the status is 1.
pub fn format(files: &[PathBuf], how: &How, color: Color, out: &mut Out) -> Result<Status> {
    let style = how.style();
    let mut status = Status::Success;
    for file in files {
        let bytes = input::read(file)?;
        let text = input::utf8(&bytes);
        let source = text.as_ref().copied().unwrap_or_default();
        let formatted = text
            .map_err(FormatError::Syntax)
            .and_then(|text| format::format_with(text, &style, how.dialect.options()));
        match formatted {
            Ok(formatted) if how.check => {
                if formatted != source {
                    out.line(file.display())?;
                    status = Status::Failure;
                }
            }
            Ok(formatted) if how.write && file != Path::new("-") => {
                if formatted != source {
                    replace(file, formatted.as_bytes())?;
                }
            }
            Ok(formatted) => out.bytes(formatted.as_bytes())?,
            Err(FormatError::Syntax(error)) => {
                status = Status::Failure;
                let diagnosis = Diagnosis::refusal(&error, source, how.dialect.options());
                out.diagnosis(diagnosis.render(source, &file.display().to_string(), color.on_stderr()));
            }
            Err(error) => {
                status = Status::Failure;
                out.warn(format_args!("{}: {error}", file.display()));
            }
        }
    }
    Ok(status)
}

/// Puts a file in the place of another at once: a reader sees the one or the other.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = OsString::from(file);
    name.push(".new");
    let new = PathBuf::from(name);
    let write = || {
        fs::write(&new, bytes)?;
        fs::set_permissions(&new, fs::metadata(file)?.permissions())?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, file)
    };
    write().inspect_err(|_| _ = fs::remove_file(&new)).with_context(|| file.display().to_string())
}
