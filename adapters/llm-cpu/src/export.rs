//! What a GGUF file made of a folder gets besides its tensors: the vocabulary and the template of chats.

use std::fs;

use crate::fault::{Context, Result};
use dolmen_llm::Config;
use dolmen_llm::gguf::{Head, NewValue};
use dolmen_llm::vocabulary;

use crate::files::Files;

/// A folder's vocabulary, or why it cannot go along.
pub struct Vocabulary {
    read: Result<vocabulary::Vocabulary, String>,
    template: Option<String>,
}

impl Vocabulary {
    /// Reads the vocabulary of a folder.
    ///
    /// # Errors
    ///
    /// If a file that is there cannot be read.
    pub fn read(files: &Files) -> Result<Vocabulary> {
        let config = Config::from_json(files.config().unwrap_or_default()).context("config.json")?;
        let path = files.path().join("tokenizer.json");
        let read = if path.is_file() {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            let read = vocabulary::Vocabulary::from_json(&bytes, config.vocabulary);
            read.map_err(|error| format!("{}: {error}", path.display()))
        } else {
            Err(format!("{} is not there", path.display()))
        };
        let read = read.map(|mut vocabulary| {
            vocabulary.default_ends(config.bos, config.eos.first().copied());
            vocabulary
        });
        Ok(Vocabulary { read, template: files.chat_template()? })
    }

    /// Why the vocabulary is left out, if it is.
    pub fn left_out(&self) -> Option<&str> {
        self.read.as_ref().err().map(String::as_str)
    }

    /// Adds the keys.
    pub fn write(&self, head: &mut Head) {
        if let Ok(vocabulary) = &self.read {
            vocabulary.write(head);
        }
        if let Some(template) = &self.template {
            head.key("tokenizer.chat_template", NewValue::Text(template));
        }
    }
}
