//! Tables (SST files): open, point lookup, iteration, building.
//!
//! ```text
//! file = data block* | filter | index | range deletions | properties | meta-index | footer
//! open:  footer → meta-index → properties → index (top level) → filter → range deletions; all of these stay in memory
//! get:   filter (one cache line) → index (flat arrays) → data block through the source → entries of the key
//! ```

use dolmen_base::block::{Block, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::io::IoError;

use crate::error::ReadError;

mod builder;
mod iter;
mod lone;
mod reader;
mod walk;

pub use builder::{LONE_VALUE_LEN_MIN, TableBuilder, TableOptions, TableSummary};
pub use iter::TableIter;
pub(crate) use reader::parse_tombstones;
pub use reader::{Looked, Table, Visit};

/// The only comparator that is supported, by the name in properties and version edits.
pub const BYTEWISE_COMPARATOR: &str = "leveldb.BytewiseComparator";

/// Names in the meta-index.
mod meta {
    pub const PROPERTIES: &[u8] = b"rocksdb.properties";
    /// The name before 2014 (RocksDB 2.7).
    pub const PROPERTIES_OLD: &[u8] = b"rocksdb.stats";
    pub const RANGE_DELETIONS: &[u8] = b"rocksdb.range_del";
    pub const COMPRESSION_DICTIONARY: &[u8] = b"rocksdb.compression_dict";
    pub const INDEX: &[u8] = b"rocksdb.index";
    pub const FULL_FILTER: &[u8] = b"fullfilter.rocksdb.BuiltinBloomFilter";
    pub const PARTITIONED_FILTER: &[u8] = b"partitionedfilter.rocksdb.BuiltinBloomFilter";
}

/// Index types (`BlockBasedTableOptions::IndexType`).
mod index_type {
    pub const BINARY_SEARCH: u32 = 0;
    // Type 1, hash search, is stored as a binary-search index; the prefixes beside it are only a help.
    pub const TWO_LEVEL: u32 = 2;
    pub const BINARY_SEARCH_WITH_FIRST_KEY: u32 = 3;
}

/// A whole table in memory as a source of its blocks, without a cache: for inspection, tests and tables that are embedded.
#[derive(Clone, Copy, Debug)]
pub struct FileBytes<'a>(pub &'a [u8]);

impl BlockSource<ReadError> for FileBytes<'_> {
    fn block(
        &self,
        id: BlockId,
        mode: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        if mode == ReadMode::CacheOnly {
            return Ok(None);
        }
        let start = usize::try_from(id.offset).ok();
        let stored = start.and_then(|start| self.0.get(start..)?.get(..id.len as usize));
        let error = IoError::UnexpectedEnd { wanted: u64::from(id.len), got: 0 };
        let stored = stored.ok_or(ReadError::Io { file: id.file, at: id.offset, error })?;
        decode(Stored::Borrowed(stored)).map(Some)
    }
}
