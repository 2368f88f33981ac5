//! One SSTable: opened from its small components, read through a source of blocks.
//!
//! ```text
//! point read:  bloom filter → partition index → the whole key compared, in Rows.db or Data.db → rows
//! ```
//! A point read touches a page of each level of the partition index that is not cached (the leaf's, if the upper ones are), the pages of the row index
//! if the partition has one, and the chunks that the rows lie in.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_base::trace::NoTrace;
use dolmen_codec::compress::Codecs;

use crate::absent::{Absent, head_of};
use crate::big::BigIndex;
use crate::bloom::Bloom;
use crate::comparable::{TERMINATOR, put_partition_key};
use crate::component::{Component, Version};
use crate::compression::CompressionInfo;
use crate::crc::ChunkCrcs;
use crate::data::{Data, Walk};
use crate::dump::Context;
use crate::error::{Damage, Feature, ReadError};
use crate::partitioner::{KeyHash, Partitioner};
use crate::partitions::{PartitionIndex, Place};
use crate::rows::RowIndex;
use crate::schema::{SchemaError, TableSchema};
use crate::statistics::{Header, Statistics};
use crate::trie::Pages;
use crate::types::CqlType;

/// What opening a table needs: its small components whole, and how long the others are.
#[derive(Clone, Debug, Default)]
pub struct Components {
    /// Those that are there with their lengths.
    pub lens: Vec<(Component, u64)>,
    /// Statistics.db, CompressionInfo.db, CRC.db, Filter.db and Summary.db, as far as they are there.
    pub small: Vec<(Component, Vec<u8>)>,
}

impl Components {
    /// Those that are given whole.
    pub const SMALL: [Component; 5] = [
        Component::Statistics,
        Component::CompressionInfo,
        Component::Crc,
        Component::Filter,
        Component::Summary,
    ];

    fn small(&self, wanted: Component) -> Option<&[u8]> {
        self.small.iter().find(|(component, _)| *component == wanted).map(|(_, bytes)| &bytes[..])
    }

    fn len(&self, wanted: Component) -> Option<u64> {
        self.lens.iter().find(|(component, _)| *component == wanted).map(|(_, len)| *len)
    }

    /// A component that must be there.
    fn required(&self, wanted: Component) -> Result<u64, ReadError> {
        self.len(wanted).ok_or(ReadError::Missing { component: wanted })
    }
}

/// The index of the partitions.
#[derive(Clone, Debug)]
pub enum Index {
    /// Of the trie format.
    Bti {
        /// Its end.
        partitions: PartitionIndex,
        /// Bytes of Rows.db.
        rows_len: u64,
    },
    /// Of the big format.
    Big(BigIndex),
}

/// An opened table.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) version: Version,
    pub(crate) partitioner: Partitioner,
    pub(crate) statistics: Statistics,
    pub(crate) data: Data,
    /// Filter.db.
    pub(crate) filter: Option<Vec<u8>>,
    pub(crate) index: Index,
    clustering_types: Vec<CqlType>,
}

/// Where a partition is.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub(crate) data_position: u64,
    pub(crate) rows: Option<RowIndex>,
    pub(crate) blocks_read: u64,
}

impl Found {
    /// Offset of its head in the data.
    pub const fn data_position(&self) -> u64 {
        self.data_position
    }

    /// Its row index, if it has one of the trie format.
    pub const fn rows(&self) -> Option<&RowIndex> {
        self.rows.as_ref()
    }

    /// Blocks that were asked for on the way: pages of indexes and chunks of data.
    pub const fn blocks_read(&self) -> u64 {
        self.blocks_read
    }
}

impl Table {
    /// Its format.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The order of its partitions.
    pub const fn partitioner(&self) -> Partitioner {
        self.partitioner
    }

    /// Its metadata; the header's types are those of the schema, if one was given.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The layout of its rows.
    pub const fn header(&self) -> &Header {
        &self.statistics.header
    }

    /// How its data is stored.
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// Where its partitions are.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Opens a table. `source` serves the components that are not small.
    ///
    /// # Errors
    /// A component that is missing or damaged, or uses something that is not read here.
    pub fn open(
        version: Version,
        components: &Components,
        source: &impl BlockSource<ReadError>,
    ) -> Result<Table, ReadError> {
        let file_len = components.required(Component::Data)?;
        components.required(Component::Statistics)?;
        let statistics = components.small(Component::Statistics).unwrap_or_default();
        let statistics = Statistics::parse(statistics, version)?;
        let partitioner = Partitioner::parse(&statistics.partitioner)
            .ok_or(ReadError::Unsupported { component: Component::Statistics, what: Feature::Partitioner })?;
        let compression = components.small(Component::CompressionInfo);
        let compression =
            compression.map(|bytes| CompressionInfo::parse(bytes, version, file_len)).transpose()?;
        let crcs = components.small(Component::Crc).filter(|_| compression.is_none());
        let crcs = crcs.map(|bytes| ChunkCrcs::parse(bytes, file_len)).transpose()?;
        let data = Data { compression, crcs, file_len };
        let filter = components.small(Component::Filter).map(<[u8]>::to_vec);
        filter.as_deref().map(Bloom::parse).transpose()?;
        let index = if version.is_bti() {
            let len = components.required(Component::Partitions)?;
            let rows_len = components.required(Component::Rows)?;
            let mut pages = Pages::new(source, Component::Partitions, len, ReadMode::MayBlock, NoTrace);
            Index::Bti { partitions: PartitionIndex::open(&mut pages)?, rows_len }
        } else {
            let len = components.required(Component::Index)?;
            let summary = components.small(Component::Summary);
            Index::Big(BigIndex::open(len, summary, partitioner, &statistics.header.key_type)?)
        };
        let clustering_types =
            statistics.header.clustering.iter().map(|column| column.cql_type.clone()).collect();
        Ok(Table { version, partitioner, statistics, data, filter, index, clustering_types })
    }

    /// Lets a schema name types as they are now and dropped columns.
    ///
    /// # Errors
    /// Columns that do not fit the table's.
    pub fn apply(&mut self, schema: &TableSchema) -> Result<(), SchemaError> {
        schema.apply(&mut self.statistics.header)?;
        let columns = &self.statistics.header.clustering;
        self.clustering_types = columns.iter().map(|column| column.cql_type.clone()).collect();
        Ok(())
    }

    /// What printing needs.
    pub fn context(&self) -> Context<'_> {
        Context {
            key_type: &self.statistics.header.key_type,
            partitioner: self.partitioner,
            clustering_types: &self.clustering_types,
        }
    }

    /// Types of the clustering columns.
    pub fn clustering_types(&self) -> &[CqlType] {
        &self.clustering_types
    }

    /// Whether it holds a secondary index, which the server keeps as a table of its own.
    pub fn is_index(&self) -> bool {
        self.partitioner == Partitioner::Local
    }

    /// A walk over the data from the partition at a position on; 0 is the first.
    pub fn walk<S: BlockSource<ReadError>, C: Codecs>(
        &self,
        source: S,
        codecs: C,
        mode: ReadMode,
        position: u64,
    ) -> Walk<'_, S, C> {
        Walk::new(&self.data, &self.statistics.header, source, codecs, mode, position)
    }

    /// Finds a partition by its serialized key; `None`: it is not here. That is looked at twice, for the indexes have no checksums: the partitions
    /// beside it must have the keys that the index gives them, and nothing between them.
    ///
    /// # Errors
    /// Damage of an index or of the partition's head; what the source could not read.
    pub fn find(
        &self,
        source: &impl BlockSource<ReadError>,
        codecs: &impl Codecs,
        mode: ReadMode,
        key: &[u8],
    ) -> Result<Option<Found>, ReadError> {
        let hash = KeyHash::of(key);
        if let Some(filter) = &self.filter
            && !Bloom::parse(filter)?.may_contain(hash)
        {
            return Ok(None);
        }
        let found = match &self.index {
            Index::Bti { partitions, rows_len } => {
                self.find_in_trie((partitions, *rows_len), source, codecs, mode, (key, hash))?
            }
            Index::Big(index) => index.find(source, codecs, mode, self, key, hash)?,
        };
        let mut form = Vec::new();
        let key_type = &self.statistics.header.key_type;
        // A key that its type cannot order is in no table.
        if found.is_none()
            && put_partition_key(self.partitioner, key_type, key, TERMINATOR, &mut form).is_ok()
        {
            Absent { table: self, source, codecs, mode, sought: &form }.check()?;
        }
        Ok(found)
    }

    fn find_in_trie(
        &self,
        (partitions, rows_len): (&PartitionIndex, u64),
        source: &impl BlockSource<ReadError>,
        codecs: &impl Codecs,
        mode: ReadMode,
        (key, hash): (&[u8], KeyHash),
    ) -> Result<Option<Found>, ReadError> {
        let mut pages = Pages::new(source, Component::Partitions, partitions.file_len, mode, NoTrace);
        let key_type = &self.statistics.header.key_type;
        let found = partitions.find(&mut pages, self.partitioner, key_type, key, hash)?;
        let Some(candidate) = found else { return Ok(None) };
        let mut blocks_read = pages.asked();
        let (data_position, rows) = match candidate.place {
            Place::Data(data_position) => (data_position, None),
            Place::Rows(position) => {
                let mut pages = Pages::new(source, Component::Rows, rows_len, mode, NoTrace);
                let mut stored = Vec::new();
                let rows = RowIndex::open(&mut pages, position, &mut stored)?;
                blocks_read += pages.asked();
                if stored != key {
                    return Ok(None);
                }
                (rows.data_position, Some(rows))
            }
        };
        let mut walk = self.walk(source, codecs, mode, data_position);
        let is_it = head_of(&mut walk)?.is_some_and(|head| head.key == key);
        blocks_read += walk.chunks_read();
        match rows {
            // That entry has the key: it can only be its place in the data that is wrong.
            Some(rows) if !is_it => {
                let found = rows.data_position;
                let what = Damage::Range { found, max: self.data.len() };
                Err(ReadError::corrupt(Component::Rows, rows.end, what))
            }
            rows => Ok(is_it.then_some(Found { data_position, rows, blocks_read })),
        }
    }

    /// The pages of a component, for walks over an index.
    pub fn pages<S: BlockSource<ReadError>>(
        &self,
        source: S,
        component: Component,
        mode: ReadMode,
    ) -> Pages<S, NoTrace> {
        let len = match (&self.index, component) {
            (Index::Bti { partitions, .. }, Component::Partitions) => partitions.file_len,
            (Index::Bti { rows_len, .. }, Component::Rows) => *rows_len,
            (Index::Big(index), Component::Index) => index.file_len,
            _ => 0,
        };
        Pages::new(source, component, len, mode, NoTrace)
    }

    /// The text of a key's token.
    pub fn token_text(&self, key: &[u8]) -> String {
        crate::key::token_text(self.partitioner, &self.statistics.header.key_type, key)
    }
}
