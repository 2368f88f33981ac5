//! Builds a table of format_version 5: what RocksDB since 6.6 opens, verifies and finds through the filter.
//!
//! Bytes are appended to the caller's buffer as blocks fill up; the caller may drain it between calls. One block, the separators,
//! the hashes of the keys and the range tombstones are held until [`TableBuilder::finish`].

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::io::FileNumber;

use super::{BYTEWISE_COMPARATOR, index_type, lone, meta};
use crate::block::BlockBuilder;
use crate::block::stored::{BlockForm, ChecksumType, TRAILER_LEN};
use crate::codecs::{Codecs, CompressionType};
use crate::edit::NewFile;
use crate::error::{Damage, Part, ReadError};
use crate::filter::{BloomBuilder, KeyHashes};
use crate::footer::{BlockHandle, Footer};
use crate::index::put_separator;
use crate::key::{self, FamilyId, InternalKey, SEQUENCE_MAX, SequenceNumber, ValueType};
use crate::properties::{Properties, name};
use crate::range_del::RangeTombstone;

/// The version of the format that is written.
pub const FORMAT_VERSION: u32 = 5;

/// How a table is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// A data block ends when it has about this many bytes before compression.
    pub block_size: usize,
    /// Every how many keys one stands whole in a data block.
    pub restart_interval: u32,
    /// Bits per key of the bloom filter; 0 builds none.
    pub bloom_bits_per_key: u32,
    /// How data and index blocks are compressed; blocks that do not gain an eighth stay as they are.
    pub compression: CompressionType,
    /// The blocks' checksum.
    pub checksum: ChecksumType,
    /// The column family, for the properties.
    pub family: FamilyId,
    /// The column family's name, for the properties.
    pub family_name: String,
    /// The merge operator's name for the properties; empty if there is none.
    pub merge_operator: String,
    /// The file's own number, for the properties.
    pub file: FileNumber,
    /// When the oldest data was written, in seconds since 1970; 0 unknown.
    pub oldest_key_time: u64,
    /// When the file is created, in seconds since 1970; 0 unknown.
    pub creation_time: u64,
}

impl Default for TableOptions {
    fn default() -> Self {
        TableOptions {
            block_size: 4096,
            restart_interval: 16,
            bloom_bits_per_key: 10,
            compression: CompressionType::None,
            checksum: ChecksumType::Xxh3,
            family: FamilyId::new(0),
            family_name: String::from("default"),
            merge_operator: String::new(),
            file: FileNumber::new(0),
            oldest_key_time: 0,
            creation_time: 0,
        }
    }
}

/// What a finished table holds; goes into the version edit that adds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSummary {
    /// Length of the file in bytes.
    pub len: u64,
    /// Smallest internal key, begins of range tombstones included; empty if the table is empty.
    pub smallest: Vec<u8>,
    /// Largest internal key; the end of a range tombstone counts with the largest sequence number.
    pub largest: Vec<u8>,
    /// Smallest sequence number.
    pub smallest_sequence: SequenceNumber,
    /// Largest sequence number.
    pub largest_sequence: SequenceNumber,
    /// Point entries and range tombstones.
    pub entry_count: u64,
    /// Tombstones of all kinds among them.
    pub deletion_count: u64,
    /// Range tombstones among them.
    pub range_deletion_count: u64,
    /// Merge operands among them.
    pub merge_count: u64,
    /// Bytes of all internal keys.
    pub raw_key_len: u64,
    /// Bytes of all values.
    pub raw_value_len: u64,
    /// Bytes behind the data blocks.
    pub tail_len: u64,
}

impl TableSummary {
    /// What a version edit says of the table, as file `number`; its level and epoch are the engine's to set.
    pub fn into_file(self, number: FileNumber) -> NewFile {
        NewFile {
            number,
            len: self.len,
            smallest: self.smallest,
            largest: self.largest,
            smallest_sequence: self.smallest_sequence,
            largest_sequence: self.largest_sequence,
            tail_len: self.tail_len,
            ..NewFile::default()
        }
    }
}

/// A value of at least so many bytes gets a block of its own, and the index then knows its key.
pub const LONE_VALUE_LEN_MIN: usize = 64 << 10;

/// Builds one table.
#[derive(Debug)]
pub struct TableBuilder {
    options: TableOptions,
    form: BlockForm,
    codecs: Codecs,
    /// Bytes of the file so far.
    offset: u64,
    data: BlockBuilder,
    last_key: Vec<u8>,
    /// The block that was written last and still waits for its separator.
    pending: Option<BlockHandle>,
    /// Whether it holds one large entry alone.
    pending_is_lone: bool,
    data_is_lone: bool,
    /// Where such blocks are.
    lone_blocks: Vec<u64>,
    separators: Separators,
    hashes: KeyHashes,
    tombstones: Vec<RangeTombstone>,
    tombstones_len: u64,
    data_block_count: u64,
    summary: TableSummary,
}

/// The index under construction.
#[derive(Debug)]
struct Separators {
    keys: Vec<u8>,
    ends: Vec<usize>,
    handles: Vec<BlockHandle>,
    /// No user key has entries in two blocks, so user keys alone separate them.
    user_keys: bool,
}

impl TableBuilder {
    /// An empty table.
    pub fn new(options: TableOptions, codecs: &Codecs) -> Self {
        let form = BlockForm { checksum: options.checksum, base_context: 0, format_version: FORMAT_VERSION };
        TableBuilder {
            form,
            codecs: codecs.clone(),
            offset: 0,
            data: BlockBuilder::new(options.restart_interval),
            last_key: Vec::new(),
            pending: None,
            pending_is_lone: false,
            data_is_lone: false,
            lone_blocks: Vec::new(),
            separators: Separators {
                keys: Vec::new(),
                ends: Vec::new(),
                handles: Vec::new(),
                user_keys: true,
            },
            hashes: KeyHashes::default(),
            tombstones: Vec::new(),
            tombstones_len: 0,
            data_block_count: 0,
            summary: TableSummary { smallest_sequence: SEQUENCE_MAX, ..TableSummary::default() },
            options,
        }
    }

    /// Adds a point entry. Internal keys come in ascending order; one that does not is refused and the table stays as it is.
    ///
    /// # Errors
    /// A key that is no internal key, or does not stand behind the last one.
    pub fn add(&mut self, key: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), ReadError> {
        let parsed = InternalKey::parse(key)?;
        if !self.last_key.is_empty() && key::compare(&self.last_key, key).is_ge() {
            return Err(ReadError::corrupt(Part::DataBlock, self.offset, Damage::Order));
        }
        let is_large = value.len() >= LONE_VALUE_LEN_MIN;
        if self.block_is_full(key, value) || (is_large && !self.data.is_empty()) {
            self.flush_block(out);
        }
        if let Some(handle) = self.pending.take() {
            self.separators.push(&self.last_key, Some(key), handle, self.pending_is_lone);
        }
        self.data_is_lone = is_large && self.data.is_empty();
        if self.options.bloom_bits_per_key != 0 {
            self.hashes.add(parsed.user_key);
        }
        self.data.add(key, value);
        if self.summary.smallest.is_empty() {
            self.summary.smallest.extend_from_slice(key);
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.count(parsed.sequence, parsed.value_type, key.len(), value.len());
        Ok(())
    }

    /// Adds a range tombstone; they may come in any order and at any time.
    pub fn add_range_tombstone(&mut self, tombstone: RangeTombstone) {
        let (key_len, value_len) = (tombstone.begin.len() + key::TRAILER_LEN, tombstone.end.len());
        self.count(tombstone.sequence, ValueType::RangeDeletion, key_len, value_len);
        self.tombstones_len += (key_len + value_len + 8) as u64;
        self.tombstones.push(tombstone);
    }

    fn count(&mut self, sequence: SequenceNumber, value_type: ValueType, key_len: usize, value_len: usize) {
        let s = &mut self.summary;
        s.entry_count += 1;
        s.raw_key_len += key_len as u64;
        s.raw_value_len += value_len as u64;
        s.smallest_sequence = s.smallest_sequence.min(sequence);
        s.largest_sequence = s.largest_sequence.max(sequence);
        match value_type {
            ValueType::Deletion | ValueType::SingleDeletion => s.deletion_count += 1,
            ValueType::RangeDeletion => {
                s.deletion_count += 1;
                s.range_deletion_count += 1;
            }
            ValueType::Merge => s.merge_count += 1,
            ValueType::Value => {}
        }
    }

    /// As RocksDB: a block is full at its size, or at 90 % of it if the next entry would lead beyond.
    fn block_is_full(&self, key: &[u8], value: &[u8]) -> bool {
        let (len, size) = (self.data.len(), self.options.block_size);
        !self.data.is_empty()
            && (len >= size || (len > size - size / 10 && self.data.len_with(key, value) > size))
    }

    fn flush_block(&mut self, out: &mut Vec<u8>) {
        let block = self.data.finish();
        let handle =
            write_block(&self.form, block, self.options.compression, &self.codecs, &mut self.offset, out);
        self.data.clear();
        self.pending = Some(handle);
        self.pending_is_lone = self.data_is_lone;
        if self.data_is_lone {
            self.lone_blocks.push(handle.offset);
        }
        self.data_block_count += 1;
    }

    /// About how long the file would be if it were finished now.
    pub fn estimated_len(&self) -> u64 {
        let separators = self.separators.keys.len() + self.separators.ends.len() * 16;
        let filter = self.hashes.as_slice().len() as u64 * u64::from(self.options.bloom_bits_per_key) / 8;
        self.offset + self.data.len() as u64 + separators as u64 + filter + self.tombstones_len
    }

    /// How many point entries and range tombstones were added.
    pub const fn entry_count(&self) -> u64 {
        self.summary.entry_count
    }

    /// Whether nothing was added.
    pub const fn is_empty(&self) -> bool {
        self.summary.entry_count == 0
    }

    /// Appends the rest of the file.
    pub fn finish(mut self, out: &mut Vec<u8>) -> TableSummary {
        if !self.data.is_empty() {
            self.flush_block(out);
        }
        if let Some(handle) = self.pending.take() {
            self.separators.push(&self.last_key, None, handle, self.pending_is_lone);
        }
        let data_len = self.offset;
        let mut names: Vec<(&[u8], BlockHandle)> = Vec::new();
        let filter = BloomBuilder::new(self.options.bloom_bits_per_key).build(self.hashes.as_slice());
        if !filter.is_empty() {
            names.push((meta::FULL_FILTER, self.write(&filter, CompressionType::None, out)));
        }
        let index = self.separators.encode();
        let index = self.write(&index, self.options.compression, out);
        if let Some(block) = self.encode_tombstones() {
            names.push((meta::RANGE_DELETIONS, self.write(&block, CompressionType::None, out)));
        }
        let properties = self.properties(data_len, filter.len(), index.len);
        names.push((meta::PROPERTIES, self.write(&properties.encode(), CompressionType::None, out)));
        names.sort_unstable_by_key(|(name, _)| *name);
        let mut meta_index = BlockBuilder::new(1);
        for (name, handle) in names {
            let mut value = Vec::new();
            handle.encode(&mut value);
            meta_index.add(name, &value);
        }
        let meta_index = self.write(meta_index.finish(), CompressionType::None, out);
        let start = out.len();
        Footer { form: self.form, meta_index, index: Some(index) }.encode(out);
        self.summary.len = self.offset + (out.len() - start) as u64;
        self.summary.tail_len = self.summary.len - data_len;
        self.bounds();
        self.summary
    }

    fn write(&mut self, block: &[u8], kind: CompressionType, out: &mut Vec<u8>) -> BlockHandle {
        write_block(&self.form, block, kind, &self.codecs, &mut self.offset, out)
    }

    /// The range-deletion block, in the order of internal keys.
    fn encode_tombstones(&mut self) -> Option<Vec<u8>> {
        if self.tombstones.is_empty() {
            return None;
        }
        self.tombstones.sort_unstable_by(|a, b| {
            a.begin.cmp(&b.begin).then(b.sequence.cmp(&a.sequence)).then_with(|| a.end.cmp(&b.end))
        });
        let mut block = BlockBuilder::new(1);
        let mut key = Vec::new();
        for t in &self.tombstones {
            key.clear();
            key::put_internal_key(&mut key, &t.begin, t.sequence, ValueType::RangeDeletion);
            block.add(&key, &t.end);
        }
        Some(block.finish().to_vec())
    }

    /// Completes smallest and largest key.
    fn bounds(&mut self) {
        let s = &mut self.summary;
        s.largest = core::mem::take(&mut self.last_key);
        for t in &self.tombstones {
            let (mut begin, mut end) = (Vec::new(), Vec::new());
            key::put_internal_key(&mut begin, &t.begin, t.sequence, ValueType::RangeDeletion);
            key::put_internal_key(&mut end, &t.end, SEQUENCE_MAX, ValueType::RangeDeletion);
            if s.smallest.is_empty() || key::compare(&begin, &s.smallest).is_lt() {
                s.smallest = begin;
            }
            if s.largest.is_empty() || key::compare(&end, &s.largest).is_gt() {
                s.largest = end;
            }
        }
        if s.entry_count == 0 {
            s.smallest_sequence = SequenceNumber::new(0);
        }
    }

    fn properties(&self, data_len: u64, filter_len: usize, index_len: u64) -> Properties {
        let (options, s) = (&self.options, &self.summary);
        let mut p = Properties::default();
        for (name, value) in [
            (name::ORIGINAL_FILE_NUMBER, options.file.get()),
            (name::RAW_KEY_SIZE, s.raw_key_len),
            (name::RAW_VALUE_SIZE, s.raw_value_len),
            (name::DATA_SIZE, data_len),
            (name::INDEX_SIZE, index_len + TRAILER_LEN as u64),
            (name::INDEX_KEY_IS_USER_KEY, u64::from(self.separators.user_keys)),
            (name::INDEX_VALUE_IS_DELTA, 1),
            (name::NUM_ENTRIES, s.entry_count),
            (name::NUM_FILTER_ENTRIES, self.hashes.as_slice().len() as u64),
            (name::DELETED_KEYS, s.deletion_count),
            (name::MERGE_OPERANDS, s.merge_count),
            (name::NUM_RANGE_DELETIONS, s.range_deletion_count),
            (name::NUM_DATA_BLOCKS, self.data_block_count),
            (name::FILTER_SIZE, filter_len as u64),
            (name::FORMAT_VERSION, 0),
            (name::FIXED_KEY_LENGTH, 0),
            (name::FAMILY_ID, u64::from(options.family.get())),
            (name::CREATION_TIME, options.oldest_key_time),
            (name::OLDEST_KEY_TIME, options.oldest_key_time),
            (name::FILE_CREATION_TIME, options.creation_time),
            (name::TAIL_START, data_len),
            (name::LARGEST_SEQUENCE, s.largest_sequence.get()),
        ] {
            p.set_number(name, value);
        }
        let merge_operator =
            if options.merge_operator.is_empty() { "nullptr" } else { &options.merge_operator };
        for (name, value) in [
            (name::COMPARATOR, BYTEWISE_COMPARATOR),
            (name::FAMILY_NAME, options.family_name.as_str()),
            (name::COMPRESSION, options.compression.name()),
            (name::MERGE_OPERATOR, merge_operator),
            (name::PREFIX_EXTRACTOR, "nullptr"),
            (name::PROPERTY_COLLECTORS, "[]"),
            (name::WHOLE_KEY_FILTERING, "1"),
            (name::PREFIX_FILTERING, "0"),
        ] {
            p.set(name, value.as_bytes());
        }
        if filter_len != 0 {
            p.set(name::FILTER_POLICY, b"bloomfilter");
        }
        if !self.lone_blocks.is_empty() {
            p.set(name::LONE_BLOCKS, &lone::encode(&self.lone_blocks));
        }
        p.set(name::INDEX_TYPE, &index_type::BINARY_SEARCH.to_le_bytes());
        p
    }
}

impl Separators {
    /// The separator behind a lone block is its entry's own key: it tells of the entry without the block.
    fn push(&mut self, last: &[u8], next: Option<&[u8]>, handle: BlockHandle, is_lone: bool) {
        self.user_keys &= !is_lone && next.is_none_or(|next| key::user_key(last) != key::user_key(next));
        match is_lone {
            true => self.keys.extend_from_slice(last),
            false => put_separator(&mut self.keys, last, next),
        }
        self.ends.push(self.keys.len());
        self.handles.push(handle);
    }

    /// The index block: restart interval 1, so that every value is a whole handle.
    fn encode(&self) -> Vec<u8> {
        let mut block = BlockBuilder::new(1);
        let (mut start, mut value) = (0, Vec::new());
        for (&end, handle) in self.ends.iter().zip(&self.handles) {
            let internal = &self.keys[start..end];
            let separator = if self.user_keys { key::user_key(internal) } else { internal };
            value.clear();
            handle.encode(&mut value);
            block.add_without_value_len(separator, &value);
            start = end;
        }
        block.finish().to_vec()
    }
}

fn write_block(
    form: &BlockForm,
    block: &[u8],
    kind: CompressionType,
    codecs: &Codecs,
    offset: &mut u64,
    out: &mut Vec<u8>,
) -> BlockHandle {
    let handle = BlockHandle { offset: *offset, len: form.encode(block, kind, *offset, codecs, out) };
    *offset = handle.end();
    handle
}
