//! The HEADER part: how Data.db is encoded.
//!
//! ```text
//! uvint min timestamp − epoch | uvint32 min local deletion time − epoch | uvint32 min TTL      wrapping
//! vint-bytes key type | uvint n, n × vint-bytes clustering type
//! uvint n, n × (vint-bytes name, vint-bytes type)   static columns, then the same for regular ones
//! ```
//! The minima are what deltas count from; they may be smaller than those of STATS, never larger than a stored value.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::PartCursor;
use crate::component::Version;
use crate::error::ReadError;
use crate::types::CqlType;
use crate::vint::get_uvint;

/// 2015-09-22 00:00 UTC in seconds.
const EPOCH_S: u32 = 1_442_880_000;
const EPOCH_US: i64 = EPOCH_S as i64 * 1_000_000;

/// A clustering column; its name stands in no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusteringColumn {
    /// Its type; `Reversed` if it is ordered DESC.
    pub cql_type: CqlType,
    /// Bytes of every value, if they are written without a length.
    pub fixed_len: Option<u32>,
}

/// A static or regular column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name. Layouts are merged from others, so that names are shared.
    pub name: Arc<str>,
    /// Its type.
    pub cql_type: CqlType,
    /// Bytes of every value, if they are written without a length.
    pub fixed_len: Option<u32>,
    /// Whether it has a cell for each element.
    pub is_multi_cell: bool,
    /// Writes at or before this microsecond do not count: the column was dropped then.
    pub dropped_at: Option<i64>,
}

/// How Data.db is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format's version, which says how deletion times are written.
    pub version: Version,
    /// What timestamps count from, in microseconds.
    pub min_timestamp: i64,
    /// What local deletion times count from, in seconds.
    pub min_local_deletion_time: u32,
    /// What times to live count from, in seconds.
    pub min_ttl: u32,
    /// Type of the partition key; `Composite` if it has several columns.
    pub key_type: CqlType,
    /// Clustering columns in order.
    pub clustering: Vec<ClusteringColumn>,
    /// Static columns in the order of the data: simple ones first, each kind by name.
    pub statics: Vec<Column>,
    /// Regular columns in the order of the data.
    pub regulars: Vec<Column>,
}

impl Column {
    /// A column of a type.
    pub fn new(name: impl Into<Arc<str>>, cql_type: CqlType) -> Column {
        let name = name.into();
        let (fixed_len, is_multi_cell) = (cql_type.fixed_len(), cql_type.is_multi_cell());
        Column { name, cql_type, fixed_len, is_multi_cell, dropped_at: None }
    }
}

impl Header {
    /// Whether times are written as under another header: the same bytes say the same.
    pub(crate) fn has_minima_of(&self, other: &Header) -> bool {
        self.min_timestamp == other.min_timestamp
            && self.min_local_deletion_time == other.min_local_deletion_time
            && self.min_ttl == other.min_ttl
            && self.version.has_unsigned_deletion_time() == other.version.has_unsigned_deletion_time()
    }

    pub(super) fn parse(mut part: PartCursor<'_>, version: Version) -> Result<Header, ReadError> {
        let min_timestamp = EPOCH_US.wrapping_add(part.read(get_uvint)? as i64);
        let min_local_deletion_time = EPOCH_S.wrapping_add(part.read(get_uvint)? as u32);
        let min_ttl = part.read(get_uvint)? as u32;
        let key_type = part.cql_type()?;
        let mut clustering = Vec::new();
        for _ in 0..part.vint_count(1)? {
            let cql_type = part.cql_type()?;
            clustering.push(ClusteringColumn { fixed_len: cql_type.fixed_len(), cql_type });
        }
        let statics = columns(&mut part)?;
        let regulars = columns(&mut part)?;
        part.finish()?;
        Ok(Header {
            version,
            min_timestamp,
            min_local_deletion_time,
            min_ttl,
            key_type,
            clustering,
            statics,
            regulars,
        })
    }
}

fn columns(part: &mut PartCursor<'_>) -> Result<Vec<Column>, ReadError> {
    let mut out = Vec::new();
    for _ in 0..part.vint_count(2)? {
        let name = part.text()?;
        out.push(Column::new(name, part.cql_type()?));
    }
    Ok(out)
}
