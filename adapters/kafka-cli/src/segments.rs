//! Folders of partitions, and the segments in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One partition's folder.
pub struct Folder {
    /// `TOPIC-N`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its `.log` files by first offset.
    pub segments: Vec<(i64, PathBuf)>,
}

/// The first offset in a file's name; none for another name.
pub fn base_offset(path: &Path) -> Option<i64> {
    let stem = path.file_stem()?.to_str()?;
    if stem.len() != 20 { None } else { stem.parse().ok() }
}

/// The partitions in a log directory, by name; a partition's own folder is taken as one.
///
/// # Errors
///
/// If a directory cannot be read.
pub fn folders(dir: &Path) -> Result<Vec<Folder>> {
    let mut found: Vec<Folder> = one(dir)?.into_iter().collect();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(one(&path)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The folder as a partition, if there are segments in it.
fn one(path: &Path) -> Result<Option<Folder>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "log") {
            segments.extend(base_offset(&path).map(|base| (base, path.clone())));
        }
    }
    segments.sort();
    let name = path
        .canonicalize()
        .ok()
        .as_deref()
        .unwrap_or(path)
        .file_name()
        .map(|n| n.to_string_lossy().into_owned());
    let folder = Folder { name: name.unwrap_or_default(), path: path.to_owned(), segments };
    Ok((!folder.segments.is_empty()).then_some(folder))
}
