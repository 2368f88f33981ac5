//! The files of a model, mapped.
//!
//! A folder has `config.json`, `model.safetensors` or the shards that `model.safetensors.index.json` names, and what else there is:
//! `tokenizer.json` or another vocabulary, `tokenizer_config.json` or `chat_template.jinja`, `generation_config.json`. A GGUF file has all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::fault::{Context, Fault, Result, ensure, fault};
use dolmen_fs::Map;
use dolmen_llm::gguf::Gguf;
use dolmen_llm::safetensors::{SafeTensors, name_at};
use dolmen_llm::{LoadError, Model};
use dolmen_text::json::{Document, Kind, Value};

use crate::vocabulary::{self, Vocabulary};

/// The longest side file that is read: `tokenizer_config.json` of large vocabularies has a few megabytes.
const SIDE_LEN_MAX: u64 = 64 << 20;
/// Vocabularies of a folder, the first that is there.
const VOCABULARIES: [&str; 4] = ["tokenizer.json", "tokenizer.model", "spiece.model", "vocab.tiktoken"];

/// A model's files.
pub struct Files {
    path: PathBuf,
    weights: Vec<(PathBuf, Map)>,
    /// `config.json`; a GGUF file has none.
    config: Option<Vec<u8>>,
}

impl Files {
    /// Maps a folder's files, or a GGUF file.
    ///
    /// # Errors
    ///
    /// If a file is missing or cannot be read.
    pub fn open(path: &Path) -> Result<Files> {
        let named = || path.display().to_string();
        let metadata = fs::metadata(path).with_context(named)?;
        if !metadata.is_dir() {
            return Ok(Files { path: path.to_owned(), weights: vec![map(path)?], config: None });
        }
        let config = side(&path.join("config.json"))?;
        let config = config.ok_or_else(|| fault!("{}: there is no config.json", path.display()))?;
        let single = path.join("model.safetensors");
        let weights = if single.is_file() {
            vec![map(&single)?]
        } else {
            let names = shards(path)?;
            names.iter().map(|name| map(&path.join(name))).collect::<Result<_>>()?
        };
        Ok(Files { path: path.to_owned(), weights, config: Some(config) })
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is one GGUF file.
    pub fn is_gguf(&self) -> bool {
        self.config.is_none()
    }

    /// `config.json`, if it is a folder.
    pub fn config(&self) -> Option<&[u8]> {
        self.config.as_deref()
    }

    /// The safetensors files of a folder.
    ///
    /// # Errors
    ///
    /// If one is not sound; the error names it, and the tensor.
    pub fn safetensors(&self) -> Result<Vec<SafeTensors<'_>>> {
        ensure!(!self.is_gguf(), "{} is no folder of safetensors", self.path.display());
        self.weights
            .iter()
            .map(|(path, map)| {
                let named = || path.display().to_string();
                SafeTensors::parse(map).map_err(|error| explain(error, map)).with_context(named)
            })
            .collect()
    }

    /// The GGUF file.
    ///
    /// # Errors
    ///
    /// If it is not sound.
    pub fn gguf(&self) -> Result<Gguf<'_>> {
        let (path, map) = &self.weights[0];
        Gguf::parse(map).with_context(|| path.display().to_string())
    }

    /// The model over the mapped bytes.
    ///
    /// # Errors
    ///
    /// If a file is not sound, or the model is none that is known here.
    pub fn model(&self) -> Result<Model<'_>> {
        let named = || self.path.display().to_string();
        match &self.config {
            Some(config) => Model::from_safetensors(config, &self.safetensors()?).with_context(named),
            None => Model::from_gguf(&self.gguf()?).with_context(named),
        }
    }

    /// The vocabulary, if there is one.
    ///
    /// # Errors
    ///
    /// If there is one that cannot be used.
    pub fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        if self.is_gguf() {
            let has_one = self.gguf()?.metadata().get("tokenizer.ggml.model").is_some();
            return if has_one { vocabulary::open(&self.path).map(Some) } else { Ok(None) };
        }
        let found = VOCABULARIES.iter().map(|name| self.path.join(name)).find(|path| path.is_file());
        found.map(|path| vocabulary::open(&path)).transpose()
    }

    /// The template of chats, if there is one.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn chat_template(&self) -> Result<Option<String>> {
        if self.is_gguf() {
            return Ok(self.gguf()?.metadata().text("tokenizer.chat_template").map(str::to_owned));
        }
        if let Some(bytes) = side(&self.path.join("chat_template.jinja"))? {
            return Ok(Some(String::from_utf8(bytes).context("chat_template.jinja")?));
        }
        let Some(bytes) = side(&self.path.join("tokenizer_config.json"))? else { return Ok(None) };
        let document = Document::read(&bytes).context("tokenizer_config.json")?;
        Ok(document.root().get("chat_template").and_then(template))
    }

    /// Ids that end a text, by all that says so.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn eos(&self, model: &Model<'_>, vocabulary: Option<&Vocabulary>) -> Result<Vec<u32>> {
        let mut ids: BTreeSet<u32> = model.config().eos.iter().copied().collect();
        ids.extend(vocabulary.and_then(|vocabulary| vocabulary.tokenizer.config().special.eos));
        if let Some(bytes) = side(&self.path.join("generation_config.json")).ok().flatten() {
            let document = Document::read(&bytes).context("generation_config.json")?;
            let id = |value: Value<'_>| value.as_number()?.as_u64().and_then(|id| u32::try_from(id).ok());
            match document.root().get("eos_token_id") {
                Some(list) if list.kind() == Kind::Array => ids.extend(list.items().filter_map(id)),
                Some(value) => ids.extend(id(value)),
                None => {}
            }
        }
        // What ends a turn of a chat ends the answer too.
        for text in ["<|im_end|>", "<|eot_id|>", "<|end_of_turn|>", "<|end|>"] {
            ids.extend(vocabulary.and_then(|vocabulary| vocabulary.tokenizer.id(text.as_bytes())));
        }
        Ok(ids.into_iter().filter(|&id| (id as usize) < model.config().vocabulary).collect())
    }
}

/// `chat_template` is a text, or a list of named ones.
fn template(value: Value<'_>) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.into_owned());
    }
    let named = |name: &str| {
        let is =
            |entry: &Value<'_>| entry.get("name").and_then(Value::as_str).is_some_and(|found| found == name);
        value.items().find(is)
    };
    let chosen = named("default").or_else(|| value.items().next())?;
    Some(chosen.get("template")?.as_str()?.into_owned())
}

fn map(path: &Path) -> Result<(PathBuf, Map)> {
    let map = Map::open_whole(path).with_context(|| path.display().to_string())?;
    Ok((path.to_owned(), map))
}

/// A small file beside the weights; `None` if it is not there.
///
/// # Errors
/// A file that cannot be read, or is larger than such a file may be.
pub fn side(path: &Path) -> Result<Option<Vec<u8>>> {
    let named = || path.display().to_string();
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(named),
        Ok(metadata) if metadata.len() > SIDE_LEN_MAX => {
            Err(fault!("{}: {} bytes are more than such a file has", path.display(), metadata.len()))
        }
        Ok(_) => fs::read(path).map(Some).with_context(named),
    }
}

/// The files that an index names.
fn shards(folder: &Path) -> Result<BTreeSet<String>> {
    let path = folder.join("model.safetensors.index.json");
    let Some(bytes) = side(&path)? else {
        return Err(fault!(
            "{}: neither model.safetensors nor model.safetensors.index.json is there",
            folder.display()
        ));
    };
    let named = || path.display().to_string();
    let document = Document::read(&bytes).with_context(named)?;
    let map = document
        .root()
        .get("weight_map")
        .ok_or_else(|| fault!("there is no weight_map"))
        .with_context(named)?;
    let mut names = BTreeSet::new();
    for (tensor, file) in map.members() {
        let file =
            file.as_str().ok_or_else(|| fault!("the file of {tensor} is no text")).with_context(named)?;
        // A shard lies beside its index, whatever the index says.
        let plain = Path::new(&*file).file_name().is_some_and(|name| name == &*file);
        ensure!(plain, "{}: {file:?} is no name of a file", path.display());
        names.insert(file.into_owned());
    }
    ensure!(!names.is_empty(), "{}: the weight_map is empty", path.display());
    Ok(names)
}

/// An error with the name of the tensor that it is about.
pub fn explain(error: LoadError, file: &[u8]) -> Fault {
    match error {
        LoadError::Range { at, .. } => match name_at(file, at) {
            Some(name) => fault!("tensor {name}: {error}"),
            None => error.into(),
        },
        error => error.into(),
    }
}
