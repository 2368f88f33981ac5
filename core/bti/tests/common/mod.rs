//! What the tests share: fixtures and lines of JSON.
#![allow(dead_code, clippy::disallowed_methods)]

use std::cell::RefCell;
use std::collections::BTreeMap;
pub mod table;

use std::io::Read;
use std::path::{Path, PathBuf};

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::trace::NoTrace;
use dolmen_bti::component::Component;
use dolmen_bti::error::ReadError;
use dolmen_bti::trie::Pages;
use dolmen_text::json::{Document, Value};

/// The folder of one kind of fixtures that are not committed: in `$DOLMEN_TESTDATA`, or in `shared/data` upwards from this crate.
pub fn testdata(system: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("shared/data"));
    let named = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from);
    let found = named.into_iter().chain(above).map(|dir| dir.join(system)).find(|dir| dir.is_dir());
    if found.is_none() {
        println!("skipped: no data");
    }
    found
}

/// Committed fixtures.
pub fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The folders of all tables of a version (`da`): those of the full data if it is there, else the committed ones.
pub fn tables(version: &str) -> Vec<PathBuf> {
    let root = testdata("cassandra-made").unwrap_or_else(committed).join(version);
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

/// The file of a table whose name ends in `suffix`.
pub fn component(table: &Path, suffix: &str) -> Option<Vec<u8>> {
    let mut entries = std::fs::read_dir(table).unwrap().map(|entry| entry.unwrap().path());
    let path = entries.find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().ends_with(suffix)))?;
    Some(std::fs::read(path).unwrap())
}

/// The text of a fixture, which may be stored with `.gz` behind its name.
pub fn text(path: &Path) -> Option<String> {
    if let Ok(text) = std::fs::read_to_string(path) {
        return Some(text);
    }
    let packed = std::fs::read(format!("{}.gz", path.display())).ok()?;
    let mut out = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut out).unwrap();
    Some(out)
}

/// Runs `body` over every line of a file of JSON objects; gives how many there were.
pub fn each_line(text: &str, mut body: impl FnMut(Value<'_>)) -> usize {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| body(Document::read(line.as_bytes()).unwrap().root())).count()
}

/// Runs `body` over every line of a vector file.
pub fn each_vector(name: &str, body: impl FnMut(Value<'_>)) -> usize {
    each_line(&text(&committed().join("vectors").join(name)).unwrap(), body)
}

/// A member that is text.
pub fn string(object: Value<'_>, name: &str) -> String {
    object.get(name).unwrap().as_str().unwrap().into_owned()
}

/// A member that is an integer.
pub fn integer(object: Value<'_>, name: &str) -> Option<i64> {
    object.get(name)?.as_number()?.as_i64()
}

/// Bytes of hexadecimal text.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Hexadecimal text of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A member that is hexadecimal text, or null or absent.
pub fn bytes(object: Value<'_>, name: &str) -> Option<Vec<u8>> {
    object.get(name)?.as_str().map(|text| unhex(&text))
}

/// Files of one SSTable in memory.
#[derive(Default)]
pub struct Memory {
    pub files: BTreeMap<u64, Vec<u8>>,
    cache: RefCell<BTreeMap<(u64, u64), Block>>,
}

impl Memory {
    pub fn of(component: Component, bytes: Vec<u8>) -> Self {
        Memory { files: BTreeMap::from([(component.file().get(), bytes)]), cache: RefCell::default() }
    }

    /// Walks over its only file.
    pub fn pages(&self, component: Component) -> Pages<&Memory, NoTrace> {
        let len = self.files[&component.file().get()].len() as u64;
        Pages::new(self, component, len, ReadMode::MayBlock, NoTrace)
    }
}

impl BlockSource<ReadError> for Memory {
    fn block(
        &self,
        id: BlockId,
        mode: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        let key = (id.file.get(), id.offset);
        if let Some(block) = self.cache.borrow().get(&key) {
            return Ok(Some(block.clone()));
        }
        if mode == ReadMode::CacheOnly {
            return Ok(None);
        }
        let file = &self.files[&id.file.get()];
        let block = decode(Stored::Borrowed(&file[id.offset as usize..][..id.len as usize]))?;
        self.cache.borrow_mut().insert(key, block.clone());
        Ok(Some(block))
    }
}
