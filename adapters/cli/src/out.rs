//! Standard output, owned by one value.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, LineWriter, Write};
use std::os::fd::AsFd;

use indicatif::ProgressBar;
use serde::Serialize;

use crate::progress::{Progress, Seen};
use crate::tell;

/// Bytes that are gathered before they are written to a file or a pipe.
const BUFFER_LEN: usize = 1 << 16;

/// Standard output and how it is to be used. Nothing else in the process may print there.
///
/// On a terminal a line appears when it is whole; into a pipe or a file bytes go in blocks, so whoever prints as things happen
/// calls [`Write::flush`]. Every write can fail, and verbs hand the failure on with `?`; [`crate::finish`] knows whether it
/// was a reader that had seen enough.
pub struct Out {
    to: Box<dyn Write + Send>,
    is_terminal: bool,
    is_json: bool,
    is_quiet: bool,
    is_closed: bool,
    bar: Option<ProgressBar>,
}

impl Out {
    /// The process's standard output.
    ///
    /// # Errors
    ///
    /// If the descriptor cannot be duplicated.
    pub fn stdout(is_json: bool, is_quiet: bool) -> io::Result<Out> {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        // Not through `Stdout`, which would take every line apart for nothing.
        let file = File::from(stdout.as_fd().try_clone_to_owned()?);
        let to: Box<dyn Write + Send> = if is_terminal {
            Box::new(LineWriter::new(file))
        } else {
            Box::new(BufWriter::with_capacity(BUFFER_LEN, file))
        };
        Ok(Out { to, is_terminal, is_json, is_quiet, is_closed: false, bar: None })
    }

    /// Any writer in its place, for tests.
    pub fn to(writer: impl Write + Send + 'static, is_json: bool) -> Out {
        let to = Box::new(writer);
        Out { to, is_terminal: false, is_json, is_quiet: true, is_closed: false, bar: None }
    }

    /// Whether the user asked for one JSON object per line.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether a person looks at it.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether the reader has gone away.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Asks for JSON, for forms of a verb that say so in their own words.
    pub fn set_json(&mut self) {
        self.is_json = true;
    }

    /// One line of text.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn line(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self, "{line}")
    }

    /// One object on a line of its own. Keys are snake_case and stay as they are; numbers are in base units.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(object).map_err(io::Error::other)?;
        line.push(b'\n');
        self.write_all(&line)
    }

    /// Bytes as they are.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    /// A remark on standard error, unless the user wants quiet.
    pub fn note(&self, note: impl Display) {
        if self.is_quiet {
            return;
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(&note.to_string())),
            None => tell(&note.to_string()),
        }
    }

    /// A warning on standard error, quiet or not: something was lost or left out.
    pub fn warn(&self, warning: impl Display) {
        let line = format!("warning: {warning}");
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(&line)),
            None => tell(&line),
        }
    }

    /// A finding with its lines and colours on standard error, quiet or not, as it is.
    pub fn diagnosis(&self, text: impl Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(&text.to_string())),
            None => tell(&text.to_string()),
        }
    }

    /// Shows how far a long piece of work has come: on standard error, if that is a terminal, from its second second on.
    /// `total` is how many steps there are, if that is known.
    pub fn progress(&mut self, what: &str, total: impl Into<Option<u64>>) -> Progress {
        let seen = if self.is_quiet || !io::stderr().is_terminal() { Seen::Never } else { Seen::Later };
        let (progress, bar) = Progress::new(what, total.into(), seen);
        self.bar = self.is_terminal.then_some(bar).flatten();
        progress
    }

    fn note_failure<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            self.is_closed |= error.kind() == io::ErrorKind::BrokenPipe;
            io::Error::new(error.kind(), format!("standard output: {}", plain(&error)))
        })
    }

    fn with_bar_aside<T>(&mut self, act: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let result = match self.bar.clone().filter(|bar| !bar.is_hidden()) {
            Some(bar) => bar.suspend(|| act(&mut self.to)),
            None => act(&mut self.to),
        };
        self.note_failure(result)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with_bar_aside(|to| to.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with_bar_aside(|to| to.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.to.flush();
        self.note_failure(result)
    }
}

/// The words of the operating system without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_objects_and_bytes_come_in_order() {
        #[derive(Serialize)]
        struct Row {
            key_count: u64,
            name: &'static str,
        }
        let kept = Kept::default();
        let mut out = Out::to(kept.clone(), true);
        assert!(out.is_json());
        out.line(format_args!("a {}", 1)).unwrap();
        out.object(&Row { key_count: 3, name: "x\"" }).unwrap();
        out.bytes(b"\xff").unwrap();
        assert_eq!(*kept.0.lock().unwrap(), b"a 1\n{\"key_count\":3,\"name\":\"x\\\"\"}\n\xff");
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_full_disk() {
        let mut out = Out::to(Refusing(io::ErrorKind::BrokenPipe), false);
        assert!(out.line("x").is_err() && out.is_closed());
        let mut out = Out::to(Refusing(io::ErrorKind::StorageFull), false);
        let error = out.line("x").unwrap_err();
        assert!(!out.is_closed() && error.to_string().starts_with("standard output: "), "{error}");
    }
}
