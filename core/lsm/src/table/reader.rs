//! Opens a table and answers point lookups.

use alloc::vec::Vec;
use core::cell::Cell;

use dolmen_base::Trace;
use dolmen_base::block::{Block, BlockId, BlockSource, ReadMode, Stored};
use dolmen_base::io::FileNumber;
use dolmen_base::trace::Step;
use dolmen_codec::Cursor;
use dolmen_simd::prefetch;

use super::iter::TableIter;
use super::walk::{BlockWalk, Miss};
use super::{BYTEWISE_COMPARATOR, index_type, lone, meta};
use crate::block::{BlockCursor, Bucket, Layout};
use crate::codecs::Codecs;
use crate::error::{Damage, Feature, Part, ReadError};
use crate::filter::{Filter, PrefixExtractor};
use crate::footer::{self, BlockHandle, Footer};
use crate::index::{Index, IndexForm, check_expansion};
use crate::key::{self, InternalKey, ValueType};
use crate::limits::FRAGMENT_SEQUENCE_COUNT_MAX;
use crate::properties::{Properties, name};
use crate::range_del::{Fragments, RangeTombstone};

/// Is given the block, the internal key and the value of an entry, and says whether it wants the next one.
pub type Visit<'a> = &'a mut dyn FnMut(&Block, &[u8], &[u8]) -> bool;

/// How a point lookup in one table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The filter or the index knows that the key is not there.
    Absent,
    /// The entries of the key from the seek key on were visited; there may have been none.
    Visited,
    /// Only with [`ReadMode::CacheOnly`]: a block is not in memory. What was visited so far is incomplete.
    NotCached,
}

/// An open table. Immutable; index, filter and range tombstones are in memory.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) file: FileNumber,
    pub(super) file_len: u64,
    pub(super) footer: Footer,
    pub(super) codecs: Codecs,
    pub(super) index_form: IndexForm,
    /// The index, or the top level of a partitioned one.
    pub(super) index: Index,
    pub(super) two_level: bool,
    properties: Properties,
    /// Where blocks are that hold one entry each, whose key is the separator behind them. Ascending.
    lone_blocks: Vec<u64>,
    filter: TableFilter,
    filter_keys: FilterKeys,
    tombstones: Vec<RangeTombstone>,
    fragments: Fragments,
}

#[derive(Clone, Debug)]
enum TableFilter {
    None,
    Full(Filter, Block),
    Partitioned(Index),
}

/// Which form of a key the filter was built of.
#[derive(Clone, Copy, Debug)]
enum FilterKeys {
    Whole,
    Prefix(PrefixExtractor),
    /// Something that is not built in; the filter is of no use.
    Unknown,
}

/// The handles that the meta-index names.
#[derive(Default)]
struct MetaIndex {
    properties: Option<BlockHandle>,
    range_deletions: Option<BlockHandle>,
    index: Option<BlockHandle>,
    full_filter: Option<BlockHandle>,
    partitioned_filter: Option<BlockHandle>,
}

impl Table {
    /// Opens the table in `file`, which is `file_len` bytes long. What is read here is not kept by the source.
    ///
    /// # Errors
    /// Damage, features that are not supported, and reads that fail.
    pub fn open<S: BlockSource<ReadError>>(
        source: &S,
        file: FileNumber,
        file_len: u64,
        codecs: &Codecs,
    ) -> Result<Table, ReadError> {
        let footer = read_footer(source, file, file_len)?;
        let mut table = Table {
            file,
            file_len,
            footer,
            codecs: codecs.clone(),
            index_form: IndexForm::default(),
            index: Index::default(),
            two_level: false,
            properties: Properties::default(),
            lone_blocks: Vec::new(),
            filter: TableFilter::None,
            filter_keys: FilterKeys::Unknown,
            tombstones: Vec::new(),
            fragments: Fragments::default(),
        };
        let found = table.read_meta_index(source)?;
        if let Some(handle) = found.properties {
            let block = table.read(source, handle, Part::Properties)?;
            table.properties = Properties::parse(&block).map_err(|e| table.locate(e, handle))?;
        }
        table.interpret_properties()?;
        let handle = table.footer.index.or(found.index).ok_or_else(|| {
            ReadError::corrupt(Part::MetaIndex, table.footer.meta_index.offset, Damage::Missing)
                .in_file(file, 0)
        })?;
        let block = table.read(source, handle, Part::IndexBlock)?;
        let form =
            IndexForm { first_keys: table.index_form.first_keys && !table.two_level, ..table.index_form };
        table.index = Index::parse(&block, form, Part::IndexBlock).map_err(|e| table.locate(e, handle))?;
        table.read_filter(source, &found)?;
        if let Some(handle) = found.range_deletions {
            table.read_tombstones(source, handle)?;
        }
        Ok(table)
    }

    fn read_meta_index<S: BlockSource<ReadError>>(&mut self, source: &S) -> Result<MetaIndex, ReadError> {
        let at = self.footer.meta_index;
        let block = self.read(source, at, Part::MetaIndex)?;
        let mut found = MetaIndex::default();
        let mut parse = || -> Result<(), ReadError> {
            let mut cursor = BlockCursor::new(Layout::parse(&block, Part::MetaIndex)?, Part::MetaIndex);
            cursor.seek_to_first(&block)?;
            while cursor.valid() {
                let handle = BlockHandle::decode(&mut Cursor::new(cursor.value(&block)))
                    .map_err(|e| ReadError::corrupt(Part::MetaIndex, 0, Damage::Decode(e)))?;
                match cursor.key() {
                    meta::PROPERTIES | meta::PROPERTIES_OLD => found.properties = Some(handle),
                    meta::RANGE_DELETIONS => found.range_deletions = Some(handle),
                    meta::INDEX => found.index = Some(handle),
                    meta::FULL_FILTER => found.full_filter = Some(handle),
                    meta::PARTITIONED_FILTER => found.partitioned_filter = Some(handle),
                    meta::COMPRESSION_DICTIONARY => {
                        let what = Feature::CompressionDictionary;
                        return Err(ReadError::Unsupported { file: FileNumber::new(0), what });
                    }
                    _ => {}
                }
                cursor.next(&block)?;
            }
            Ok(())
        };
        parse().map_err(|e| self.locate(e, at))?;
        Ok(found)
    }

    /// Takes from the properties what reading depends on, and refuses what would be misread.
    fn interpret_properties(&mut self) -> Result<(), ReadError> {
        let properties = &self.properties;
        let unsupported = |what| Err(ReadError::Unsupported { file: self.file, what });
        if properties.get(name::COMPARATOR).is_some_and(|c| c != BYTEWISE_COMPARATOR.as_bytes()) {
            return unsupported(Feature::Comparator);
        }
        if properties.get(name::EXTERNAL_VERSION).is_some() {
            return unsupported(Feature::IngestedTable);
        }
        let kind = properties.index_type().map_err(|e| e.in_file(self.file, 0))?;
        if kind > index_type::BINARY_SEARCH_WITH_FIRST_KEY {
            return unsupported(Feature::IndexType(kind));
        }
        self.index_form = IndexForm {
            user_keys: properties.number(name::INDEX_KEY_IS_USER_KEY) == Some(1),
            delta_values: properties.number(name::INDEX_VALUE_IS_DELTA) == Some(1),
            first_keys: kind == index_type::BINARY_SEARCH_WITH_FIRST_KEY,
        };
        self.two_level = kind == index_type::TWO_LEVEL;
        if let Some(list) = properties.get(name::LONE_BLOCKS).filter(|_| !self.index_form.user_keys) {
            self.lone_blocks = lone::decode(list).map_err(|e| e.in_file(self.file, 0))?;
        }
        let marked = |name| properties.get(name).is_none_or(|v| v == b"1");
        self.filter_keys = if marked(name::WHOLE_KEY_FILTERING) {
            FilterKeys::Whole
        } else {
            let extractor = properties.text(name::PREFIX_EXTRACTOR).and_then(PrefixExtractor::from_name);
            extractor.map_or(FilterKeys::Unknown, FilterKeys::Prefix)
        };
        Ok(())
    }

    fn read_filter<S: BlockSource<ReadError>>(
        &mut self,
        source: &S,
        found: &MetaIndex,
    ) -> Result<(), ReadError> {
        if let Some(handle) = found.full_filter {
            let block = self.read(source, handle, Part::FilterBlock)?;
            self.filter = TableFilter::Full(Filter::parse(&block), block);
        } else if let Some(handle) = found.partitioned_filter {
            let block = self.read(source, handle, Part::FilterBlock)?;
            let form = IndexForm { first_keys: false, ..self.index_form };
            let index = Index::parse(&block, form, Part::FilterBlock).map_err(|e| self.locate(e, handle))?;
            self.filter = TableFilter::Partitioned(index);
        }
        Ok(())
    }

    fn read_tombstones<S: BlockSource<ReadError>>(
        &mut self,
        source: &S,
        handle: BlockHandle,
    ) -> Result<(), ReadError> {
        let block = self.read(source, handle, Part::RangeDeletions)?;
        self.tombstones = parse_tombstones(&block).map_err(|e| self.locate(e, handle))?;
        let max = FRAGMENT_SEQUENCE_COUNT_MAX;
        self.fragments = Fragments::within(&self.tombstones, max).ok_or(ReadError::Limit {
            file: self.file,
            part: Part::RangeDeletions,
            found: self.tombstones.len() as u64,
            max: max as u64,
        })?;
        Ok(())
    }

    /// Visits the entries of one user key, newest first, from the internal seek key `key` on, until `visit` returns false.
    ///
    /// Range tombstones are not applied here. Entries after a `false` are not looked at; errors in them go unseen.
    ///
    /// # Errors
    /// Damage and failed reads.
    pub fn get<S: BlockSource<ReadError>, T: Trace>(
        &self,
        source: &S,
        mode: ReadMode,
        key: &[u8],
        trace: &mut T,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<Looked, ReadError> {
        self.get_in_place(source, mode, key, trace, &mut |_, key, value| visit(key, value))
    }

    /// The same; `visit` is given the block, too, of which the value is a part.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn get_in_place<S: BlockSource<ReadError>, T: Trace>(
        &self,
        source: &S,
        mode: ReadMode,
        key: &[u8],
        trace: &mut T,
        visit: Visit<'_>,
    ) -> Result<Looked, ReadError> {
        looked(self.look(source, mode, key, trace, visit, false))
    }

    /// The same for who wants no values: the entry of a large value is visited without its block, with an empty value.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn probe<S: BlockSource<ReadError>, T: Trace>(
        &self,
        source: &S,
        mode: ReadMode,
        key: &[u8],
        trace: &mut T,
        visit: Visit<'_>,
    ) -> Result<Looked, ReadError> {
        looked(self.look(source, mode, key, trace, visit, true))
    }

    fn look<S: BlockSource<ReadError>, T: Trace>(
        &self,
        source: &S,
        mode: ReadMode,
        key: &[u8],
        trace: &mut T,
        visit: Visit<'_>,
        presence: bool,
    ) -> Result<Looked, Miss> {
        let user_key = key::user_key(key);
        if !self.may_contain(source, mode, user_key, trace)? {
            return Ok(Looked::Absent);
        }
        let mut walk = BlockWalk::default();
        walk.seek(self, source, mode, key)?;
        let mut looked = Looked::Absent;
        let mut cursor: Option<BlockCursor> = None;
        while let Some(handle) = walk.handle(self) {
            if self.lone_blocks.binary_search(&handle.offset).is_ok() {
                let only = walk.separator(self);
                if key::user_key(only) != user_key {
                    break;
                }
                if presence {
                    looked = Looked::Visited;
                    if !visit(&Block::new(Vec::new()), only, &[]) {
                        break;
                    }
                    walk.next(self, source, mode)?;
                    continue;
                }
            }
            let block = self.read_traced(source, mode, handle, trace)?;
            prefetch_block(&block);
            looked = Looked::Visited;
            let more = self
                .visit_block(&block, key, &mut cursor, visit)
                .map_err(|e| Miss::Failed(self.locate(e, handle)))?;
            // The next block can go on with this user key only if the separator between them has it.
            if !more || key::user_key(walk.separator(self)) != user_key {
                break;
            }
            walk.next(self, source, mode)?;
        }
        Ok(looked)
    }

    /// An ordered walk over the point entries, not positioned yet.
    pub fn iter<S: BlockSource<ReadError>>(&self, source: S, mode: ReadMode) -> TableIter<&Table, S> {
        TableIter::new(self, source, mode)
    }

    /// Visits the key's entries in one block: from `key` on in the first block, from the start in later ones. True if the end
    /// of the block was reached before the end of the key.
    fn visit_block(
        &self,
        block: &Block,
        key: &[u8],
        reused: &mut Option<BlockCursor>,
        visit: Visit<'_>,
    ) -> Result<bool, ReadError> {
        let layout = Layout::parse(block, Part::DataBlock)?;
        let user_key = key::user_key(key);
        let cursor = match reused {
            Some(cursor) => {
                cursor.reset(layout);
                cursor.seek_to_first(block)?;
                cursor
            }
            None => {
                let cursor = reused.insert(BlockCursor::new(layout, Part::DataBlock));
                match layout.bucket(block, user_key) {
                    Bucket::Absent => return Ok(true),
                    Bucket::Interval(interval) => cursor.seek_in_interval(block, interval, key)?,
                    Bucket::Unknown => cursor.seek_internal(block, key)?,
                }
                cursor
            }
        };
        while cursor.valid() {
            if key::user_key(cursor.key()) != user_key || !visit(block, cursor.key(), cursor.value(block)) {
                return Ok(false);
            }
            cursor.next(block)?;
        }
        Ok(true)
    }

    /// Whether the filter lets `user_key` pass. A table without a usable filter lets every key pass.
    fn may_contain<S: BlockSource<ReadError>, T: Trace>(
        &self,
        source: &S,
        mode: ReadMode,
        user_key: &[u8],
        trace: &mut T,
    ) -> Result<bool, Miss> {
        let wanted = match self.filter_keys {
            FilterKeys::Whole => user_key,
            FilterKeys::Prefix(extractor) => match extractor.prefix(user_key) {
                Some(prefix) => prefix,
                None => return Ok(true),
            },
            FilterKeys::Unknown => return Ok(true),
        };
        let may_match = match &self.filter {
            TableFilter::None => return Ok(true),
            TableFilter::Full(filter, block) => filter.may_match(block, wanted),
            TableFilter::Partitioned(index) => {
                let mut target = Vec::with_capacity(user_key.len() + key::TRAILER_LEN);
                key::put_seek_key(&mut target, user_key, key::SEQUENCE_MAX);
                // A prefix of a key behind all keys may still be in the last partition.
                let at = index.seek(&target).min(index.len().saturating_sub(1));
                let Some(handle) = index.handle(at) else { return Ok(true) };
                let block = self.read_part(source, mode, handle, Part::FilterBlock)?;
                Filter::parse(&block).may_match(&block, wanted)
            }
        };
        if T::ENABLED {
            trace.step(Step::Filter { file: self.file, may_match });
        }
        Ok(may_match)
    }

    fn read_traced<S: BlockSource<ReadError>, T: Trace>(
        &self,
        source: &S,
        mode: ReadMode,
        handle: BlockHandle,
        trace: &mut T,
    ) -> Result<Block, Miss> {
        let (block, cached) = self.read_block(source, mode, handle, Part::DataBlock)?;
        if T::ENABLED {
            let len = handle.stored_len(self.file_len).unwrap_or(0);
            trace.step(Step::Block { file: self.file, offset: handle.offset, len, cached });
        }
        Ok(block)
    }

    /// A block at open time.
    fn read<S: BlockSource<ReadError>>(
        &self,
        source: &S,
        handle: BlockHandle,
        part: Part,
    ) -> Result<Block, ReadError> {
        match self.read_part(source, ReadMode::Bypass, handle, part) {
            Ok(block) => Ok(block),
            Err(Miss::Failed(error)) => Err(error),
            Err(Miss::NotCached) => Err(missing_block(self.file, handle.offset, part)),
        }
    }

    pub(super) fn read_part<S: BlockSource<ReadError>>(
        &self,
        source: &S,
        mode: ReadMode,
        handle: BlockHandle,
        part: Part,
    ) -> Result<Block, Miss> {
        self.read_block(source, mode, handle, part).map(|(block, _)| block)
    }

    /// The decoded block and whether it was in memory already.
    fn read_block<S: BlockSource<ReadError>>(
        &self,
        source: &S,
        mode: ReadMode,
        handle: BlockHandle,
        part: Part,
    ) -> Result<(Block, bool), Miss> {
        let Some(len) = handle.stored_len(self.file_len) else {
            let what = Damage::Range { found: handle.end(), max: self.file_len };
            return Err(Miss::Failed(ReadError::corrupt(part, handle.offset, what).in_file(self.file, 0)));
        };
        let cached = Cell::new(true);
        let decode = |stored: Stored<'_>| {
            cached.set(false);
            let decoded = self.footer.form.decode(stored, handle.offset, part, &self.codecs);
            decoded.map_err(|e| e.in_file(self.file, 0))
        };
        let id = BlockId { file: self.file, offset: handle.offset, len };
        match source.block(id, mode, &decode)? {
            Some(block) => Ok((block, cached.get())),
            None => Err(Miss::NotCached),
        }
    }

    /// An error from inside a decoded block, with the block's place added.
    pub(super) fn locate(&self, error: ReadError, handle: BlockHandle) -> ReadError {
        error.in_file(self.file, handle.offset)
    }

    /// The file that the table is in.
    pub const fn file(&self) -> FileNumber {
        self.file
    }

    /// The file's length in bytes.
    pub const fn file_len(&self) -> u64 {
        self.file_len
    }

    /// The footer.
    pub const fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The properties.
    pub const fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The index, or the top level of a partitioned one.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Whether [`Table::index`] points to partitions of the index.
    pub const fn is_two_level(&self) -> bool {
        self.two_level
    }

    /// The kind of filter, for `inspect`.
    pub const fn filter_name(&self) -> &'static str {
        match &self.filter {
            TableFilter::None => "none",
            TableFilter::Full(filter, _) => filter.name(),
            TableFilter::Partitioned(_) => "partitioned",
        }
    }

    /// The bytes of a full filter, for `inspect` and tests.
    pub fn filter_block(&self) -> Option<&[u8]> {
        match &self.filter {
            TableFilter::Full(_, block) => Some(block),
            TableFilter::None | TableFilter::Partitioned(_) => None,
        }
    }

    /// The range tombstones as they were written.
    pub fn range_tombstones(&self) -> &[RangeTombstone] {
        &self.tombstones
    }

    /// The range tombstones, cut into fragments.
    pub const fn fragments(&self) -> &Fragments {
        &self.fragments
    }

    /// Bytes of memory that index, filter and tombstones hold.
    pub fn memory_len(&self) -> usize {
        let filter = match &self.filter {
            TableFilter::None => 0,
            TableFilter::Full(_, block) => block.len(),
            TableFilter::Partitioned(index) => index.memory_len(),
        };
        let tombstones: usize = self.tombstones.iter().map(|t| t.begin.len() + t.end.len()).sum();
        self.index.memory_len() + filter + 2 * tombstones
    }
}

fn looked(result: Result<Looked, Miss>) -> Result<Looked, ReadError> {
    match result {
        Ok(looked) => Ok(looked),
        Err(Miss::NotCached) => Ok(Looked::NotCached),
        Err(Miss::Failed(error)) => Err(error),
    }
}

fn read_footer<S: BlockSource<ReadError>>(
    source: &S,
    file: FileNumber,
    file_len: u64,
) -> Result<Footer, ReadError> {
    let len = file_len.min(footer::LEN as u64) as u32;
    if (len as usize) < footer::LEVELDB_LEN {
        let what = Damage::Range { found: footer::LEVELDB_LEN as u64, max: file_len };
        return Err(ReadError::corrupt(Part::Footer, 0, what).in_file(file, 0));
    }
    let offset = file_len - u64::from(len);
    let id = BlockId { file, offset, len };
    let tail = source.block(id, ReadMode::Bypass, &|bytes| Ok(bytes.into_whole()))?;
    let tail = tail.ok_or_else(|| missing_block(file, offset, Part::Footer))?;
    Footer::decode(&tail, offset).map_err(|e| e.in_file(file, 0))
}

/// A source that answers `None` although it may block breaks its contract; it is reported, not trusted.
fn missing_block(file: FileNumber, offset: u64, part: Part) -> ReadError {
    ReadError::corrupt(part, offset, Damage::Missing).in_file(file, 0)
}

/// Asks for all lines of a block that is about to be searched. A cached block is far from the CPU more often than not, and its search
/// walks from line to line, each known only from the one before: asked for together, their misses overlap.
#[inline]
pub(super) fn prefetch_block(block: &[u8]) {
    const LINE_LEN: usize = 64;
    // Search begins with the restarts at the end.
    prefetch::read(block, block.len().wrapping_sub(1));
    (0..block.len().min(PREFETCH_LEN_MAX)).step_by(LINE_LEN).for_each(|at| prefetch::read(block, at));
}

/// Of longer blocks no more than this is asked for.
const PREFETCH_LEN_MAX: usize = 8 << 10;

/// The tombstones in a range-deletion block.
pub(crate) fn parse_tombstones(block: &[u8]) -> Result<Vec<RangeTombstone>, ReadError> {
    let part = Part::RangeDeletions;
    let mut cursor = BlockCursor::new(Layout::parse(block, part)?, part);
    let (mut out, mut keys_len) = (Vec::new(), 0);
    cursor.seek_to_first(block)?;
    while cursor.valid() {
        keys_len += cursor.key().len();
        check_expansion(keys_len, block, part)?;
        let begin = InternalKey::parse(cursor.key())?;
        if begin.value_type != ValueType::RangeDeletion {
            return Err(ReadError::corrupt(part, 0, Damage::Tag(begin.value_type as u64)));
        }
        out.push(RangeTombstone {
            begin: begin.user_key.to_vec(),
            end: cursor.value(block).to_vec(),
            sequence: begin.sequence,
        });
        cursor.next(block)?;
    }
    Ok(out)
}
