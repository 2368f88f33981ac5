//! Whole tables in memory, with every codec.
#![allow(dead_code, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};

use dolmen_bti::component::{Component, Descriptor, Version};
use dolmen_bti::error::ReadError;
use dolmen_bti::memory::MemoryFiles;
use dolmen_bti::schema;
use dolmen_bti::table::{Components, Table};

/// Every compression, as programs plug them in.
#[allow(unused_imports, reason = "not every test reads chunks")]
pub use dolmen_blocks::Libraries as AllCodecs;

/// The files of a table's folder.
pub fn files(folder: &Path) -> (Version, MemoryFiles) {
    let mut version = None;
    let mut files = MemoryFiles::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Ok(Some((descriptor, component))) = Descriptor::parse(&name) {
            version = Some(descriptor.version);
            if let Some(component) = component {
                files.0.push((component, std::fs::read(&path).unwrap()));
            }
        }
    }
    (version.expect("an SSTable"), files)
}

/// What opening takes of files.
pub fn components(files: &MemoryFiles) -> Components {
    let small = |component: &Component| Components::SMALL.contains(component);
    Components {
        lens: files.0.iter().map(|(component, bytes)| (*component, bytes.len() as u64)).collect(),
        small: files.0.iter().filter(|(component, _)| small(component)).cloned().collect(),
    }
}

/// Opens files.
pub fn open_files(version: Version, files: &MemoryFiles) -> Result<Table, ReadError> {
    Table::open(version, &components(files), files)
}

/// Opens the table of a folder, with its schema if it fits.
pub fn open(folder: &Path) -> (Table, MemoryFiles) {
    let (version, files) = files(folder);
    let mut table = open_files(version, &files).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    if let Ok(text) = std::fs::read_to_string(folder.join("schema.cql")) {
        let schemas = schema::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        if !table.is_index() {
            table.apply(&schemas[0]).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        }
    }
    (table, files)
}

/// The folders of all tables of all versions: those of the full data if it is there, else the committed ones.
pub fn all_tables() -> Vec<PathBuf> {
    ["da", "ea", "nb", "oa", "pa"].iter().flat_map(|version| super::tables(version)).collect()
}
