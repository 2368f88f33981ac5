//! Index.db and Summary.db of the big format (`BigTableReader.java`, `IndexSummary.java`, `RowIndexEntry.java`).
//!
//! ```text
//! Index.db    per partition, in order: short-bytes key | uvint position in the data | uvint size of what follows | row index of that size
//! Summary.db  i32 sampling interval | i32 entries n | i64 bytes | i32 sampling level | i32 entries at full sampling
//!             n × u32 little-endian offset of an entry, counted from here
//!             entries: key | u64 little-endian position in Index.db; a key reaches to the position before the next entry
//!             i32 length, first key | i32 length, last key
//! ```
//! A lookup finds the last sampled key that is not greater and reads Index.db from there on until a key equal or greater. Without
//! Summary.db, which can be made again at any time, it begins at the start.

use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_codec::{Cursor, DecodeError};

use crate::comparable::{TERMINATOR, put_partition_key};
use crate::component::Component;
use crate::error::{Damage, ReadError};
use crate::partitioner::Partitioner;
use crate::table::{Found, Table};
use crate::trie::{PAGE_LEN, Pages};
use crate::types::CqlType;
use crate::vint::{get_short_bytes, get_uvint};

/// The sample, and how long Index.db is.
#[derive(Clone, Debug)]
pub struct BigIndex {
    /// Bytes of Index.db.
    pub file_len: u64,
    /// Byte-comparable form of each sampled key and where its entry is, ascending.
    pub(crate) sample: Vec<(Vec<u8>, u64)>,
    /// The least and the greatest key, as Summary.db has them.
    pub(crate) ends: Option<(Vec<u8>, Vec<u8>)>,
}

/// What Summary.db holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<'b> {
    /// Keys with their positions in Index.db.
    pub entries: Vec<(&'b [u8], u64)>,
    /// The least key.
    pub first_key: &'b [u8],
    /// The greatest key.
    pub last_key: &'b [u8],
}

/// An entry of Index.db.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BigEntry {
    /// The partition's key.
    pub key: Vec<u8>,
    /// Where its head is in the data.
    pub data_position: u64,
    /// Where the next entry begins.
    pub end: u64,
}

fn summary_error(error: DecodeError) -> ReadError {
    ReadError::decode(Component::Summary, 0, error)
}

/// Reads Summary.db.
pub fn summary(bytes: &[u8]) -> Result<Summary<'_>, ReadError> {
    let damaged = |at: usize, what| ReadError::corrupt(Component::Summary, at as u64, what);
    let mut cursor = Cursor::new(bytes);
    cursor.get_u32_be().map_err(summary_error)?;
    let count = cursor.get_u32_be().map_err(summary_error)? as usize;
    let len = cursor.get_u64_be().map_err(summary_error)?;
    cursor.get_bytes(8).map_err(summary_error)?;
    let base = cursor.position();
    let max = cursor.rest().len() as u64;
    if len > max || (count as u64).saturating_mul(4) > len {
        return Err(damaged(4, Damage::Range { found: len, max }));
    }
    let table = cursor.get_bytes(len as usize).map_err(summary_error)?;
    let mut key = || {
        let len = cursor.get_u32_be().map_err(summary_error)? as usize;
        cursor.get_bytes(len).map_err(summary_error)
    };
    let (first_key, last_key) = (key()?, key()?);
    cursor.finish().map_err(summary_error)?;
    let starts: Vec<usize> =
        table[..4 * count].as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b) as usize).collect();
    let mut entries = Vec::with_capacity(count);
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(table.len());
        let entry = (start >= 4 * count).then(|| table.get(start..end)).flatten();
        let entry = entry.and_then(|entry| entry.split_last_chunk::<8>());
        let what = Damage::Range { found: start as u64, max: len };
        let (key, position) = entry.ok_or(damaged(base + 4 * i, what))?;
        entries.push((key, u64::from_le_bytes(*position)));
    }
    Ok(Summary { entries, first_key, last_key })
}

impl BigIndex {
    /// Opens the index: checks that the sample is in order.
    pub fn open(
        file_len: u64,
        summary_bytes: Option<&[u8]>,
        partitioner: Partitioner,
        key_type: &CqlType,
    ) -> Result<BigIndex, ReadError> {
        let mut sample: Vec<(Vec<u8>, u64)> = Vec::new();
        let summary = summary_bytes.map(summary).transpose()?;
        let ends = summary.as_ref().map(|s| (s.first_key.to_vec(), s.last_key.to_vec()));
        for (key, position) in summary.map(|summary| summary.entries).unwrap_or_default() {
            let damaged = |what| ReadError::corrupt(Component::Summary, 0, what);
            let form = form(partitioner, key_type, key).ok_or(damaged(Damage::Order))?;
            if position >= file_len {
                return Err(damaged(Damage::Range { found: position, max: file_len }));
            }
            if sample.last().is_some_and(|last| last.0 >= form || last.1 >= position) {
                return Err(damaged(Damage::Order));
            }
            sample.push((form, position));
        }
        Ok(BigIndex { file_len, sample, ends })
    }

    /// Finds a partition.
    pub(crate) fn find(
        &self,
        source: &impl BlockSource<ReadError>,
        mode: ReadMode,
        table: &Table,
        key: &[u8],
    ) -> Result<Option<Found>, ReadError> {
        let key_type = &table.statistics.header.key_type;
        // A key that its type cannot order is in no table.
        let Some(sought) = form(table.partitioner, key_type, key) else { return Ok(None) };
        let after = self.sample.partition_point(|sampled| sampled.0 <= sought);
        let mut at = after.checked_sub(1).map_or(0, |i| self.sample[i].1);
        let mut pages = table.pages(source, Component::Index, mode);
        let mut entry = BigEntry::default();
        while at < self.file_len {
            entry.read(&mut pages, at)?;
            at = entry.end;
            if entry.key == key {
                let (data_position, blocks_read) = (entry.data_position, pages.asked());
                return Ok(Some(Found { data_position, rows: None, blocks_read }));
            }
            if form(table.partitioner, key_type, &entry.key).is_some_and(|form| form > sought) {
                break;
            }
        }
        Ok(None)
    }
}

fn form(partitioner: Partitioner, key_type: &CqlType, key: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    put_partition_key(partitioner, key_type, key, TERMINATOR, &mut out).ok().map(|()| out)
}

impl BigEntry {
    /// Reads the entry at a position, into itself.
    pub fn read<S: BlockSource<ReadError>, T: dolmen_base::trace::Trace>(
        &mut self,
        pages: &mut Pages<S, T>,
        at: u64,
    ) -> Result<(), ReadError> {
        let left = pages.file_len().saturating_sub(at);
        let mut wanted = 64;
        loop {
            let len = left.min(wanted);
            let mut bytes = Vec::new();
            pages.read(at, len as usize, &mut bytes)?;
            let mut cursor = Cursor::new(&bytes);
            let mut parse = || {
                let key = get_short_bytes(&mut cursor)?;
                let data_position = get_uvint(&mut cursor)?;
                let size = get_uvint(&mut cursor)?;
                Ok((key, data_position, size))
            };
            match parse() {
                Ok((key, data_position, size)) => {
                    self.key.clear();
                    self.key.extend_from_slice(key);
                    let end = at.saturating_add(cursor.position() as u64).saturating_add(size);
                    if end > pages.file_len() {
                        return Err(pages.corrupt(at, Damage::Range { found: end, max: pages.file_len() }));
                    }
                    (self.data_position, self.end) = (data_position, end);
                    return Ok(());
                }
                Err(error) if len == left => return Err(ReadError::decode(Component::Index, at, error)),
                Err(_) if wanted > 2 * u64::from(u16::MAX) => {
                    return Err(pages.corrupt(at, Damage::Order));
                }
                Err(_) => wanted = (wanted * 4).max(PAGE_LEN),
            }
        }
    }
}
