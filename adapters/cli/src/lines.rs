//! What a person types line by line, with the keys of an editor where there is a terminal.

use std::io::{self, BufRead, IsTerminal};

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

/// Lines of standard input: edited, with a history, where that is a terminal; else as they come.
pub struct Lines {
    editor: Option<DefaultEditor>,
    prompt: String,
}

impl Lines {
    /// Lines behind a prompt, which only a terminal shows.
    ///
    /// # Errors
    /// A terminal that does not let itself be set up.
    pub fn new(prompt: &str) -> anyhow::Result<Lines> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let config = Config::builder().auto_add_history(true).build();
        let editor = if is_terminal { Some(DefaultEditor::with_config(config)?) } else { None };
        Ok(Lines { editor, prompt: prompt.to_owned() })
    }

    /// Whether a person types them.
    pub const fn is_edited(&self) -> bool {
        self.editor.is_some()
    }

    /// The next line, without its end; `None` at the end, and where a person gives up with Ctrl-C or Ctrl-D. Bytes that are no text become
    /// U+FFFD.
    ///
    /// # Errors
    /// Reads that fail.
    pub fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        let Some(editor) = &mut self.editor else {
            let mut line = Vec::new();
            if io::stdin().lock().read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            return Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned()));
        };
        match editor.readline(&self.prompt) {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
