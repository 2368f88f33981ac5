//! The properties of a table (`table/meta_blocks.cc`, `table/table_properties.cc`).
//!
//! A plain block of names in order; numbers are varints, except that `rocksdb.block.based.table.index.type` is a fixed32 and the
//! two filtering marks are the characters `0` and `1`.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use crate::block::{BlockBuilder, BlockCursor, Layout};
use crate::error::{Damage, Part, ReadError};
use crate::index::check_expansion;

/// Names of properties that are read or written here.
pub mod name {
    #![allow(missing_docs)]
    /// Offsets of blocks that hold one large entry alone; of this engine only.
    pub const LONE_BLOCKS: &str = "dolmen.lone.blocks";
    pub const INDEX_TYPE: &str = "rocksdb.block.based.table.index.type";
    pub const PREFIX_FILTERING: &str = "rocksdb.block.based.table.prefix.filtering";
    pub const WHOLE_KEY_FILTERING: &str = "rocksdb.block.based.table.whole.key.filtering";
    pub const FAMILY_ID: &str = "rocksdb.column.family.id";
    pub const FAMILY_NAME: &str = "rocksdb.column.family.name";
    pub const COMPARATOR: &str = "rocksdb.comparator";
    pub const COMPRESSION: &str = "rocksdb.compression";
    pub const CREATION_TIME: &str = "rocksdb.creation.time";
    pub const DATA_SIZE: &str = "rocksdb.data.size";
    pub const DELETED_KEYS: &str = "rocksdb.deleted.keys";
    pub const EXTERNAL_VERSION: &str = "rocksdb.external_sst_file.version";
    pub const FILE_CREATION_TIME: &str = "rocksdb.file.creation.time";
    pub const FILTER_POLICY: &str = "rocksdb.filter.policy";
    pub const FILTER_SIZE: &str = "rocksdb.filter.size";
    pub const FIXED_KEY_LENGTH: &str = "rocksdb.fixed.key.length";
    pub const FORMAT_VERSION: &str = "rocksdb.format.version";
    pub const INDEX_KEY_IS_USER_KEY: &str = "rocksdb.index.key.is.user.key";
    pub const INDEX_SIZE: &str = "rocksdb.index.size";
    pub const INDEX_VALUE_IS_DELTA: &str = "rocksdb.index.value.is.delta.encoded";
    pub const LARGEST_SEQUENCE: &str = "rocksdb.key.largest.seqno";
    pub const MERGE_OPERANDS: &str = "rocksdb.merge.operands";
    pub const MERGE_OPERATOR: &str = "rocksdb.merge.operator";
    pub const NUM_DATA_BLOCKS: &str = "rocksdb.num.data.blocks";
    pub const NUM_ENTRIES: &str = "rocksdb.num.entries";
    pub const NUM_FILTER_ENTRIES: &str = "rocksdb.num.filter_entries";
    pub const NUM_RANGE_DELETIONS: &str = "rocksdb.num.range-deletions";
    pub const OLDEST_KEY_TIME: &str = "rocksdb.oldest.key.time";
    pub const ORIGINAL_FILE_NUMBER: &str = "rocksdb.original.file.number";
    pub const PREFIX_EXTRACTOR: &str = "rocksdb.prefix.extractor.name";
    pub const PROPERTY_COLLECTORS: &str = "rocksdb.property.collectors";
    pub const RAW_KEY_SIZE: &str = "rocksdb.raw.key.size";
    pub const RAW_VALUE_SIZE: &str = "rocksdb.raw.value.size";
    pub const SMALLEST_SEQUENCE: &str = "rocksdb.key.smallest.seqno";
    pub const TAIL_START: &str = "rocksdb.tail.start.offset";
    pub const TIMESTAMPS_PERSISTED: &str = "rocksdb.user.defined.timestamps.persisted";
}

/// The properties of one table, as they stand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<(String, Vec<u8>)>,
}

impl Properties {
    /// Parses a properties block.
    ///
    /// # Errors
    /// Damage, names out of order, and names that grow beyond what their block may hold.
    pub fn parse(block: &[u8]) -> Result<Self, ReadError> {
        let mut cursor = BlockCursor::new(Layout::parse(block, Part::Properties)?, Part::Properties);
        let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
        let mut names_len = 0;
        cursor.seek_to_first(block)?;
        while cursor.valid() {
            let damaged = |what| ReadError::corrupt(Part::Properties, 0, what);
            let name = core::str::from_utf8(cursor.key()).map_err(|_| damaged(Damage::Text))?;
            if entries.last().is_some_and(|(last, _)| last.as_str() >= name) {
                return Err(damaged(Damage::Order));
            }
            names_len += name.len();
            check_expansion(names_len, block, Part::Properties)?;
            entries.push((name.into(), cursor.value(block).to_vec()));
            cursor.next(block)?;
        }
        Ok(Properties { entries })
    }

    /// The bytes of a property.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.entries.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        Some(&self.entries[found].1)
    }

    /// A property that is a varint; malformed ones count as absent, as in RocksDB.
    pub fn number(&self, name: &str) -> Option<u64> {
        Cursor::new(self.get(name)?).get_varint_u64().ok()
    }

    /// A property that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        core::str::from_utf8(self.get(name)?).ok()
    }

    /// The index type: 0 binary search, 1 hash search, 2 two-level, 3 binary search with first key.
    ///
    /// # Errors
    /// A value that is no 32-bit number.
    pub fn index_type(&self) -> Result<u32, ReadError> {
        let Some(bytes) = self.get(name::INDEX_TYPE) else { return Ok(0) };
        let damaged = |e| ReadError::corrupt(Part::Properties, 0, Damage::Decode(e));
        Cursor::new(bytes).get_u32_le().map_err(damaged)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }

    /// Sets a property.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        match self.entries.binary_search_by(|(n, _)| n.as_str().cmp(name)) {
            Ok(i) => self.entries[i].1 = value.to_vec(),
            Err(i) => self.entries.insert(i, (name.into(), value.to_vec())),
        }
    }

    /// Sets a property to a varint.
    pub fn set_number(&mut self, name: &str, value: u64) {
        let mut bytes = Vec::new();
        varint::put_u64(&mut bytes, value);
        self.set(name, &bytes);
    }

    /// The properties block: one restart, as RocksDB writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = BlockBuilder::new(u32::MAX);
        for (name, value) in &self.entries {
            block.add(name.as_bytes(), value);
        }
        block.finish().to_vec()
    }
}
