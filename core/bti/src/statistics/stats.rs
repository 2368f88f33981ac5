//! The STATS part.
//!
//! ```text
//! partition-size histogram | cells-per-partition histogram | commit-log upper bound (i64 segment, i32 position)
//! i64 min timestamp | i64 max | u32 min local deletion time | u32 max (nb: i32) | i32 min TTL | i32 max
//! f64 compression ratio | tombstone histogram | i32 level | i64 repaired at
//! da, oa:  uvint n, n × clustering type | covered slice: start, end (kind, u16 count, values)
//! nb:      i32 n, n × short-bytes lower clustering | the same of the upper one
//! bool legacy counter shards | i64 columns set | i64 rows | commit-log lower bound | i32 n, n × (lower, upper)
//! bool has pending repair [16 bytes] | bool transient | bool has host [16 bytes]
//! da, oa:  bool partition deletions | vint-bytes first key | vint-bytes last key | f64 token-space coverage | 4·n zero bytes
//! ```
//! The zeros: Cassandra takes the n bins of the tombstone histogram for four bytes longer each than they are and writes its whole buffer.

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use super::histogram::{Histogram, TombstoneHistogram};
use super::{PartCursor, corrupt};
use crate::component::Version;
use crate::data::{BoundKind, Prefix, PrefixValue};
use crate::deletion::local_from_i32;
use crate::error::{Damage, ReadError};
use crate::statistics::ClusteringColumn;
use crate::vint::{get_short_bytes, get_vint_bytes};

/// A place in the commit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitLogPosition {
    /// The segment's id; −1 for none.
    pub segment: i64,
    /// Bytes in it.
    pub position: i32,
}

/// One end of the covered slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceBound {
    /// Which bound it is.
    pub kind: BoundKind,
    /// Values of the first clustering columns; `None` is null.
    pub values: Vec<Option<Vec<u8>>>,
}

/// The clusterings that the rows and range tombstones lie between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredSlice {
    /// Types of the clustering columns, in the versions that name them here.
    pub columns: Vec<ClusteringColumn>,
    /// Lower end.
    pub start: SliceBound,
    /// Upper end.
    pub end: SliceBound,
}

/// Minima, maxima and histograms over the rows of an SSTable.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Partition sizes in bytes.
    pub partition_sizes: Histogram,
    /// Cells of each partition.
    pub cells_per_partition: Histogram,
    /// Least timestamp in microseconds.
    pub min_timestamp: i64,
    /// Greatest timestamp.
    pub max_timestamp: i64,
    /// Least local deletion time in seconds; `NO_DELETION_TIME` for none.
    pub min_local_deletion_time: u32,
    /// Greatest one.
    pub max_local_deletion_time: u32,
    /// Least time to live in seconds.
    pub min_ttl: i32,
    /// Greatest one.
    pub max_ttl: i32,
    /// Stored bytes by expanded bytes; −1 for uncompressed data.
    pub compression_ratio: f64,
    /// Deletions by time.
    pub tombstones: TombstoneHistogram,
    /// Level of leveled compaction.
    pub level: i32,
    /// When it was repaired, in milliseconds; 0 for never.
    pub repaired_at: i64,
    /// What the clusterings lie between.
    pub covered: CoveredSlice,
    /// Whether counters may hold local shards of old versions.
    pub has_legacy_counter_shards: bool,
    /// Cells in all.
    pub columns_set: i64,
    /// Rows in all.
    pub rows: i64,
    /// What of the commit log it holds: pairs of lower and upper ends.
    pub commit_log: Vec<(CommitLogPosition, CommitLogPosition)>,
    /// The repair session it is part of.
    pub pending_repair: Option<[u8; 16]>,
    /// Whether it holds transient replicas' data.
    pub is_transient: bool,
    /// The host that wrote it.
    pub host_id: Option<[u8; 16]>,
    /// Whether partitions are deleted; `None` in `nb`.
    pub has_partition_deletions: Option<bool>,
    /// First key; `None` in `nb`.
    pub first_key: Option<Vec<u8>>,
    /// Last key; `None` in `nb`.
    pub last_key: Option<Vec<u8>>,
    /// Share of the ring that it covers; NaN where nobody counted; `None` in `nb`.
    pub token_space_coverage: Option<f64>,
}

impl Stats {
    pub(super) fn parse(mut part: PartCursor<'_>, version: Version) -> Result<Stats, ReadError> {
        let part = &mut part;
        let unsigned = version.has_unsigned_deletion_time();
        let partition_sizes = Histogram::parse(part)?;
        let cells_per_partition = Histogram::parse(part)?;
        let upper = position(part)?;
        let (min_timestamp, max_timestamp) = (part.i64()?, part.i64()?);
        let local = |v: u32| if unsigned { v } else { local_from_i32(v as i32) };
        let (min_local_deletion_time, max_local_deletion_time) = (local(part.u32()?), local(part.u32()?));
        let (min_ttl, max_ttl) = (part.i32()?, part.i32()?);
        let compression_ratio = part.f64()?;
        let tombstones = TombstoneHistogram::parse(part, unsigned)?;
        let (level, repaired_at) = (part.i32()?, part.i64()?);
        let covered = if unsigned { covered(part)? } else { covered_nb(part)? };
        let has_legacy_counter_shards = part.bool()?;
        let (columns_set, rows) = (part.i64()?, part.i64()?);
        let lower = position(part)?;
        let mut commit_log = Vec::new();
        for _ in 0..part.count(24)? {
            commit_log.push((position(part)?, position(part)?));
        }
        if commit_log.is_empty() && lower.segment >= 0 {
            commit_log.push((lower, upper));
        }
        let pending_repair = optional_id(part)?;
        let is_transient = part.bool()?;
        let host_id = optional_id(part)?;
        let mut stats = Stats {
            partition_sizes,
            cells_per_partition,
            min_timestamp,
            max_timestamp,
            min_local_deletion_time,
            max_local_deletion_time,
            min_ttl,
            max_ttl,
            compression_ratio,
            tombstones,
            level,
            repaired_at,
            covered,
            has_legacy_counter_shards,
            columns_set,
            rows,
            commit_log,
            pending_repair,
            is_transient,
            host_id,
            has_partition_deletions: None,
            first_key: None,
            last_key: None,
            token_space_coverage: None,
        };
        if unsigned {
            stats.parse_tail(part)?;
        }
        part.cursor.finish().map_err(|e| ReadError::decode(super::FILE, part.base, e))?;
        Ok(stats)
    }

    /// What `oa` added, and the zeros.
    fn parse_tail(&mut self, part: &mut PartCursor<'_>) -> Result<(), ReadError> {
        self.has_partition_deletions = Some(part.bool()?);
        self.first_key = Some(part.read(get_vint_bytes)?.to_vec());
        self.last_key = Some(part.read(get_vint_bytes)?.to_vec());
        self.token_space_coverage = Some(part.f64()?);
        let at = part.at();
        let rest = part.cursor.rest();
        if rest.is_empty() {
            return Ok(());
        }
        let expected = 4 * self.tombstones.bins.len();
        if rest.len() != expected {
            return Err(corrupt(
                at,
                Damage::Mismatch { expected: expected as u64, found: rest.len() as u64 },
            ));
        }
        match part.take(expected)?.iter().find(|&&byte| byte != 0) {
            Some(&byte) => Err(corrupt(at, Damage::Tag(u64::from(byte)))),
            None => Ok(()),
        }
    }
}

fn position(part: &mut PartCursor<'_>) -> Result<CommitLogPosition, ReadError> {
    Ok(CommitLogPosition { segment: part.i64()?, position: part.i32()? })
}

fn optional_id(part: &mut PartCursor<'_>) -> Result<Option<[u8; 16]>, ReadError> {
    if part.bool()? { part.read(|c| c.get_array()).map(Some) } else { Ok(None) }
}

fn covered(part: &mut PartCursor<'_>) -> Result<CoveredSlice, ReadError> {
    let mut columns = Vec::new();
    for _ in 0..part.vint_count(1)? {
        let cql_type = part.cql_type()?;
        columns.push(ClusteringColumn { fixed_len: cql_type.fixed_len(), cql_type });
    }
    let start = bound(part, &columns)?;
    let end = bound(part, &columns)?;
    Ok(CoveredSlice { columns, start, end })
}

fn bound(part: &mut PartCursor<'_>, columns: &[ClusteringColumn]) -> Result<SliceBound, ReadError> {
    let at = part.at();
    let tag = part.u8()?;
    let kind = BoundKind::parse(tag).ok_or(corrupt(at, Damage::Tag(u64::from(tag))))?;
    let count_at = part.at();
    let count = usize::from(part.read(|c| c.get_u16_be())?);
    if count > columns.len() {
        let (found, max) = (count as u64, columns.len() as u64);
        return Err(corrupt(count_at, Damage::Range { found, max }));
    }
    let mut rest = Cursor::new(part.cursor.rest());
    let base = part.at();
    let prefix =
        Prefix::get(&mut rest, &columns[..count]).map_err(|e| ReadError::decode(super::FILE, base, e))?;
    part.take(rest.position())?;
    let owned = |value: PrefixValue<'_>| match value {
        PrefixValue::Null => None,
        PrefixValue::Empty => Some(Vec::new()),
        PrefixValue::Bytes(bytes) => Some(bytes.to_vec()),
    };
    Ok(SliceBound { kind, values: prefix.values().map(owned).collect() })
}

fn covered_nb(part: &mut PartCursor<'_>) -> Result<CoveredSlice, ReadError> {
    let mut side = |kind| {
        let mut values = Vec::new();
        for _ in 0..part.count(2)? {
            values.push(Some(part.read(get_short_bytes)?.to_vec()));
        }
        Ok::<_, ReadError>(SliceBound { kind, values })
    };
    let start = side(BoundKind::InclusiveStart)?;
    let end = side(BoundKind::InclusiveEnd)?;
    Ok(CoveredSlice { columns: Vec::new(), start, end })
}
