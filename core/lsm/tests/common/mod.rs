//! What the tests of the formats share: fixtures, a source of blocks over files in memory, the codecs from outside.
#![allow(dead_code, clippy::disallowed_methods)]

pub mod database;
pub mod list;
pub mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::io::{FileNumber, IoError};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::error::ReadError;

/// The folder of one system's fixtures that are not committed: in `$DOLMEN_TESTDATA`, or in `shared/data` upwards from this crate.
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

/// Files in memory and the blocks that were read from them.
#[derive(Default)]
pub struct Memory {
    pub files: BTreeMap<u64, Vec<u8>>,
    cache: RefCell<BTreeMap<(u64, u64), Block>>,
}

impl Memory {
    pub fn of(file: u64, bytes: Vec<u8>) -> Self {
        Memory { files: BTreeMap::from([(file, bytes)]), cache: RefCell::default() }
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
        let stored =
            file.get(id.offset as usize..id.offset as usize + id.len as usize).ok_or(ReadError::Io {
                file: id.file,
                at: id.offset,
                error: IoError::UnexpectedEnd { wanted: u64::from(id.len), got: 0 },
            })?;
        let block = decode(Stored::Borrowed(stored))?;
        if mode == ReadMode::MayBlock {
            self.cache.borrow_mut().insert(key, block.clone());
        }
        Ok(Some(block))
    }
}

pub fn file_number(n: u64) -> FileNumber {
    FileNumber::new(n)
}

/// Every compression, as programs plug them in.
pub fn codecs() -> Codecs {
    Codecs::of(dolmen_blocks::Libraries)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}
