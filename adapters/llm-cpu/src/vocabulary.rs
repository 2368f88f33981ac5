//! Vocabulary files, and a cache of their prebuilt forms.
//!
//! The first use of a file builds its form and leaves it in the cache directory, under a name made of the file's path, length and time of change;
//! from then on it is read in a millisecond or two. `DOLMEN_CACHE` names another directory; empty, there is none. A form that is damaged or of
//! another version is built again.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fault::{Context, Result, fault};
use dolmen_codec::DecodeError;
use dolmen_codec::checksum::xxh3_64;
use dolmen_tokenizer::error::LoadError;
use dolmen_tokenizer::load::{self, Kind};
use dolmen_tokenizer::{Aligned, Tokenizer, image};

/// Forms that are kept, the newest ones.
const CACHED_MAX: usize = 16;
/// The ending of a form's name.
const ENDING: &str = "dolmen-vocabulary";
/// The part of a GGUF file that is read first; its weights come behind the vocabulary.
const GGUF_HEAD_LEN: u64 = 16 << 20;
/// Bytes that tell the kinds of files apart.
const MAGIC_LEN: usize = 4096;

/// A vocabulary, and the kind of file that it came from.
pub struct Vocabulary {
    /// Ready for use.
    pub tokenizer: Tokenizer,
    /// What the file is.
    pub kind: Kind,
}

/// Opens a vocabulary file of any kind.
///
/// # Errors
///
/// If the file cannot be read, or is no vocabulary that is known here.
pub fn open(path: &Path) -> Result<Vocabulary> {
    open_in(path, cache_dir().as_deref())
}

/// The same with a cache directory, or without one.
///
/// # Errors
///
/// As [`open`].
pub fn open_in(path: &Path, cache: Option<&Path>) -> Result<Vocabulary> {
    let named = || path.display().to_string();
    let mut file = File::open(path).with_context(named)?;
    let metadata = file.metadata().with_context(named)?;
    if metadata.is_dir() {
        return Err(fault!("expected a vocabulary file, found a directory")).with_context(named);
    }
    let mut head = Vec::new();
    (&mut file).take(MAGIC_LEN as u64).read_to_end(&mut head).with_context(named)?;
    let kind = load::kind(&head).ok_or(LoadError::UnknownFile).with_context(named)?;
    let cached = cache.map(|dir| dir.join(name_of(path, &metadata)));
    if let Some(tokenizer) = cached.as_deref().and_then(read_form) {
        return Ok(Vocabulary { tokenizer, kind });
    }
    let tokenizer = match kind {
        Kind::Prebuilt => Tokenizer::open(read_aligned(path).with_context(named)?).with_context(named)?,
        Kind::Gguf => Tokenizer::open(build_gguf(&mut file, head, metadata.len()).with_context(named)?)?,
        _ => {
            file.read_to_end(&mut head).with_context(named)?;
            Tokenizer::open(build(path, &head).with_context(named)?)?
        }
    };
    if let Some(cached) = cached.filter(|_| kind != Kind::Prebuilt) {
        // A cache that cannot be written is no reason to fail: the next start is slower.
        let _ = write_form(&cached, tokenizer.as_bytes());
    }
    Ok(Vocabulary { tokenizer, kind })
}

fn build(path: &Path, bytes: &[u8]) -> Result<Aligned, LoadError> {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("");
    image::build(&load::load(stem, bytes)?)
}

/// Reads as much of a GGUF file as its vocabulary takes.
fn build_gguf(file: &mut File, mut bytes: Vec<u8>, len: u64) -> Result<Aligned> {
    let mut wanted = GGUF_HEAD_LEN;
    loop {
        let more = wanted.min(len).saturating_sub(bytes.len() as u64);
        file.take(more).read_to_end(&mut bytes)?;
        match load::load("", &bytes) {
            Err(LoadError::Binary(DecodeError::Truncated { .. }) | LoadError::Limit { .. })
                if (bytes.len() as u64) < len && wanted < len =>
            {
                wanted *= 4;
            }
            read => return Ok(image::build(&read?)?),
        }
    }
}

/// `DOLMEN_CACHE`, else `XDG_CACHE_HOME/dolmen`, else `HOME/.cache/dolmen`.
fn cache_dir() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from);
    match set("DOLMEN_CACHE") {
        Some(dir) if dir.as_os_str().is_empty() => None,
        Some(dir) => Some(dir),
        None => {
            let filled = |dir: &PathBuf| dir.is_absolute();
            let home = || set("HOME").filter(filled).map(|home| home.join(".cache"));
            set("XDG_CACHE_HOME").filter(filled).or_else(home).map(|dir| dir.join("dolmen"))
        }
    }
}

fn name_of(path: &Path, metadata: &fs::Metadata) -> String {
    let full = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let changed = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    let changed = changed.map_or(0, |d| d.as_nanos());
    let key = format!("{}\0{}\0{changed}\0{}", full.display(), metadata.len(), image::VERSION);
    format!("{:016x}.{ENDING}", xxh3_64(key.as_bytes()))
}

fn read_aligned(path: &Path) -> io::Result<Aligned> {
    let mut file = File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = Aligned::zeroed(len);
    file.read_exact(bytes.as_mut())?;
    Ok(bytes)
}

fn read_form(path: &Path) -> Option<Tokenizer> {
    Tokenizer::open(read_aligned(path).ok()?).ok()
}

/// Writes a form beside its name and renames it, so that nobody reads half of one; then gives up the oldest.
fn write_form(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(dir)?;
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    let written = File::create(&unfinished).and_then(|mut file| file.write_all(bytes));
    if let Err(error) = written.and_then(|()| fs::rename(&unfinished, path)) {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    let mut forms: Vec<(SystemTime, PathBuf)> = fs::read_dir(dir)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let ours = path.extension().is_some_and(|e| e == ENDING);
            ours.then(|| Some((path.metadata().ok()?.modified().ok()?, path)))?
        })
        .collect();
    forms.sort();
    let surplus = forms.len().saturating_sub(CACHED_MAX);
    forms.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}
