//! Statistics.db: metadata in four parts (`MetadataSerializer.java`, `StatsMetadata.java`, `SerializationHeader.java`).
//!
//! ```text
//! i32 count | u32 crc(count)
//! count × (i32 type, i32 offset) | u32 crc(count ++ these)         the checksum goes on, it does not start again
//! each part: bytes | u32 crc(bytes)
//! 0 VALIDATION  utf partitioner, f64 false-positive chance of the bloom filter
//! 1 COMPACTION  i32 length, HyperLogLog++ over the keys
//! 2 STATS       see `stats`
//! 3 HEADER      what deltas in Data.db count from, types, columns
//! ```

mod cardinality;
mod header;
mod histogram;
mod stats;

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::checksum::{crc32, crc32_extend};
use dolmen_codec::{Cursor, DecodeError};
use zerocopy::byteorder::big_endian;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

pub use cardinality::Cardinality;
pub use header::{ClusteringColumn, Column, Header};
pub use histogram::{Histogram, TombstoneHistogram};
pub use stats::{CommitLogPosition, CoveredSlice, SliceBound, Stats};

use crate::component::{Component, Version};
use crate::error::{Damage, Feature, ReadError};
use crate::limits::STATISTICS_PARTS_MAX;
use crate::types::{CqlType, TypeError};
use crate::vint::{get_short_bytes, utf_text};

const FILE: Component = Component::Statistics;

/// The kind of a part, in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Cassandra's names")]
pub enum Part {
    Validation,
    Compaction,
    Stats,
    Header,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 4] = [Part::Validation, Part::Compaction, Part::Stats, Part::Header];

    /// Cassandra's name.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Validation => "VALIDATION",
            Part::Compaction => "COMPACTION",
            Part::Stats => "STATS",
            Part::Header => "HEADER",
        }
    }
}

/// Where a part lies in the file, its checksum not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSpan {
    /// Which.
    pub part: Part,
    /// First byte.
    pub at: u64,
    /// Bytes.
    pub len: u64,
}

/// The file, checked and decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The class name of the partitioner.
    pub partitioner: String,
    /// False-positive chance the bloom filter was made for; 1.0: there is none.
    pub bloom_fp_chance: f64,
    /// Estimate of the count of keys.
    pub cardinality: Cardinality,
    /// Minima, maxima, histograms.
    pub stats: Stats,
    /// What is needed to read Data.db.
    pub header: Header,
}

impl Statistics {
    /// Reads the file.
    ///
    /// # Errors
    /// Damage at its place in the file; types, partitioners and limits that are not read here.
    pub fn parse(bytes: &[u8], version: Version) -> Result<Statistics, ReadError> {
        let spans = spans(bytes)?;
        let part = |wanted| {
            let span = spans.iter().find(|span| span.part == wanted);
            let span = span.ok_or(corrupt(0, Damage::Mismatch { expected: 4, found: spans.len() as u64 }))?;
            let start = span.at as usize;
            Ok::<_, ReadError>(PartCursor::new(&bytes[start..start + span.len as usize], span.at))
        };
        let mut validation = part(Part::Validation)?;
        let partitioner = validation.utf()?;
        let bloom_fp_chance = validation.f64()?;
        validation.finish()?;
        let mut compaction = part(Part::Compaction)?;
        let len = compaction.count(1)?;
        let sketch_at = compaction.at();
        let sketch = compaction.take(len)?;
        compaction.finish()?;
        let cardinality = Cardinality::parse(sketch).map_err(|what| corrupt(sketch_at, what))?;
        let header = Header::parse(part(Part::Header)?, version)?;
        let stats = Stats::parse(part(Part::Stats)?, version)?;
        Ok(Statistics { partitioner, bloom_fp_chance, cardinality, stats, header })
    }
}

/// Where a part begins, as the file lists it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    kind: big_endian::U32,
    offset: big_endian::U32,
}

/// The parts of a file, in its order, every checksum checked.
///
/// # Errors
/// A checksum that differs, or parts that do not follow one another to the end.
pub fn spans(bytes: &[u8]) -> Result<Vec<PartSpan>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let decode = |e| ReadError::decode(FILE, 0, e);
    let count_bytes = cursor.get_array::<4>().map_err(decode)?;
    let count = u32::from_be_bytes(count_bytes);
    let crc = crc32(&count_bytes);
    check_crc(0, 0, cursor.get_u32_be().map_err(decode)?, crc)?;
    if count > STATISTICS_PARTS_MAX {
        let (found, max) = (u64::from(count), u64::from(STATISTICS_PARTS_MAX));
        return Err(ReadError::Limit { component: FILE, at: 0, found, max });
    }
    let toc_at = cursor.position();
    let toc = cursor.get_bytes(8 * count as usize).map_err(decode)?;
    check_crc(toc_at as u64, 0, cursor.get_u32_be().map_err(decode)?, crc32_extend(crc, toc))?;
    let entries = <[Entry]>::ref_from_bytes(toc).unwrap_or_default();
    let mut spans = Vec::new();
    let mut least = cursor.position() as u64;
    for (i, entry) in entries.iter().enumerate() {
        let (kind, start) = (entry.kind.get(), entry.offset.get());
        let entry_at = (toc_at + 8 * i) as u64;
        let part = *Part::ALL.get(kind as usize).ok_or(corrupt(entry_at, Damage::Tag(u64::from(kind))))?;
        let end = entries.get(i + 1).map_or(bytes.len() as u64, |next| u64::from(next.offset.get()));
        let at = u64::from(start);
        if at != least || end < at + 4 || end > bytes.len() as u64 {
            return Err(corrupt(entry_at + 4, Damage::Range { found: at, max: bytes.len() as u64 }));
        }
        let (content, stored) = bytes[at as usize..end as usize].split_at((end - at) as usize - 4);
        let stored = u32::from_be_bytes([stored[0], stored[1], stored[2], stored[3]]);
        check_crc(at, i as u32 + 1, stored, crc32(content))?;
        spans.push(PartSpan { part, at, len: end - at - 4 });
        least = end;
    }
    Ok(spans)
}

fn check_crc(at: u64, chunk: u32, expected: u32, found: u32) -> Result<(), ReadError> {
    if expected == found {
        return Ok(());
    }
    Err(corrupt(at, Damage::Checksum { chunk, expected, found }))
}

fn corrupt(at: u64, what: Damage) -> ReadError {
    ReadError::corrupt(FILE, at, what)
}

/// A cursor in a part that knows where in the file it is.
struct PartCursor<'a> {
    cursor: Cursor<'a>,
    base: u64,
}

impl<'a> PartCursor<'a> {
    fn new(bytes: &'a [u8], base: u64) -> Self {
        PartCursor { cursor: Cursor::new(bytes), base }
    }

    fn at(&self) -> u64 {
        self.base + self.cursor.position() as u64
    }

    fn read<T>(
        &mut self,
        get: impl FnOnce(&mut Cursor<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, ReadError> {
        let base = self.base;
        get(&mut self.cursor).map_err(|e| ReadError::decode(FILE, base, e))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        self.read(|c| c.get_bytes(len))
    }

    fn u8(&mut self) -> Result<u8, ReadError> {
        self.read(Cursor::get_u8)
    }

    fn bool(&mut self) -> Result<bool, ReadError> {
        let at = self.at();
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(corrupt(at, Damage::Tag(u64::from(other)))),
        }
    }

    fn u32(&mut self) -> Result<u32, ReadError> {
        self.read(Cursor::get_u32_be)
    }

    fn i32(&mut self) -> Result<i32, ReadError> {
        self.u32().map(|v| v as i32)
    }

    fn i64(&mut self) -> Result<i64, ReadError> {
        self.read(Cursor::get_u64_be).map(|v| v as i64)
    }

    fn f64(&mut self) -> Result<f64, ReadError> {
        self.read(Cursor::get_u64_be).map(f64::from_bits)
    }

    fn utf(&mut self) -> Result<String, ReadError> {
        let at = self.at();
        utf_text(self.read(get_short_bytes)?).ok_or(corrupt(at, Damage::Text))
    }

    /// A 32-bit count of entries of at least `entry_len` bytes each, which must be there.
    fn count(&mut self, entry_len: usize) -> Result<usize, ReadError> {
        let at = self.at();
        let count = u64::from(self.u32()?);
        self.check_count(at, count, entry_len)
    }

    /// A uvint count of entries of at least `entry_len` bytes each, which must be there.
    fn vint_count(&mut self, entry_len: usize) -> Result<usize, ReadError> {
        let at = self.at();
        let count = self.read(crate::vint::get_uvint)?;
        self.check_count(at, count, entry_len)
    }

    fn check_count(&self, at: u64, count: u64, entry_len: usize) -> Result<usize, ReadError> {
        let max = (self.cursor.rest().len() / entry_len.max(1)) as u64;
        if count > max {
            return Err(corrupt(at, Damage::Range { found: count, max }));
        }
        Ok(count as usize)
    }

    fn text(&mut self) -> Result<&'a str, ReadError> {
        let at = self.at();
        let bytes = self.read(crate::vint::get_vint_bytes)?;
        core::str::from_utf8(bytes).map_err(|_| corrupt(at, Damage::Text))
    }

    fn cql_type(&mut self) -> Result<CqlType, ReadError> {
        let at = self.at();
        CqlType::parse(self.text()?).map_err(|e| match e {
            TypeError::Unknown { .. } => ReadError::Unsupported { component: FILE, what: Feature::Type },
            TypeError::Depth { .. } => {
                let max = crate::limits::TYPE_DEPTH_MAX as u64;
                ReadError::Limit { component: FILE, at, found: max + 1, max }
            }
            TypeError::Length { found } => {
                let max = crate::limits::TYPE_LEN_MAX as u64;
                ReadError::Limit { component: FILE, at, found: found as u64, max }
            }
            TypeError::Syntax { .. } => corrupt(at, Damage::Text),
        })
    }

    fn finish(self) -> Result<(), ReadError> {
        let base = self.base;
        self.cursor.finish().map_err(|e| ReadError::decode(FILE, base, e))
    }
}
