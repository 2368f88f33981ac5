//! What a pipeline does with each value: something built in, or a program that is asked line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// What is done with a record's value.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Nothing.
    #[default]
    Copy,
    /// ASCII letters become capitals.
    Upper,
    /// Only records whose value contains this text go on.
    Contains(String),
    /// A program that answers each line of its input with one line; one that begins with `!` refuses the record, and what follows says why.
    Command(Vec<String>),
}

/// A transformation that runs.
pub enum Running {
    /// A built-in one.
    Built(Transform),
    /// A program.
    Program {
        /// Its name and arguments.
        command: Vec<String>,
        /// Its pipes, while it runs.
        child: Pipes,
    },
}

impl Running {
    /// Nothing is started yet.
    pub fn new(transform: Transform) -> Running {
        match transform {
            Transform::Command(command) => Running::Program { command, child: None },
            built => Running::Built(built),
        }
    }

    /// The record's new value; `None` leaves it out.
    ///
    /// # Errors
    ///
    /// If the program refuses the value, or ends.
    pub fn apply(&mut self, value: &[u8]) -> Result<Option<Vec<u8>>> {
        match self {
            Running::Built(Transform::Upper) => Ok(Some(value.to_ascii_uppercase())),
            Running::Built(Transform::Contains(text)) => {
                let needle = text.as_bytes();
                let has = needle.is_empty() || value.windows(needle.len()).any(|window| window == needle);
                Ok(has.then(|| value.to_vec()))
            }
            Running::Built(_) => Ok(Some(value.to_vec())),
            Running::Program { command, child } => {
                let answer = ask(command, child, value);
                if answer.is_err() {
                    end(child);
                }
                answer.map(Some)
            }
        }
    }
}

/// A program that runs.
type Pipes = Option<(Child, ChildStdin, BufReader<ChildStdout>)>;

/// One line to the program, one line back. A program that has ended is started again.
fn ask(command: &[String], child: &mut Pipes, value: &[u8]) -> Result<Vec<u8>> {
    ensure!(!value.contains(&b'\n'), "the value has a line end: a program is asked by lines");
    if child.is_none() {
        let (name, args) = command.split_first().context("transform.command is empty")?;
        let mut started = Command::new(name)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let stdin = started.stdin.take().context("the program has no input")?;
        let stdout = BufReader::new(started.stdout.take().context("the program has no output")?);
        *child = Some((started, stdin, stdout));
    }
    let (_, stdin, stdout) = child.as_mut().context("the program does not run")?;
    stdin.write_all(value)?;
    stdin.write_all(b"\n")?;
    stdin.flush()?;
    let mut line = Vec::new();
    stdout.read_until(b'\n', &mut line)?;
    ensure!(line.ends_with(b"\n"), "the program has ended");
    line.pop();
    if let Some(why) = line.strip_prefix(b"!") {
        bail!("refused: {}", String::from_utf8_lossy(why));
    }
    Ok(line)
}

fn end(child: &mut Pipes) {
    if let Some((mut child, stdin, _)) = child.take() {
        drop(stdin);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Running::Program { child, .. } = self {
            end(child);
        }
    }
}
