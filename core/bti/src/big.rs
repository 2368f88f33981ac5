//! Index.db and Summary.db of the big format (`BigTableReader.java`, `IndexSummary.java`, `RowIndexEntry.java`).
//!
//! ```text
//! Index.db    per partition, in order: short-bytes key | uvint position in the data | uvint size of what follows | row index of that size
//! Summary.db  i32 sampling interval | i32 entries n | i64 bytes | i32 sampling level | i32 entries at full sampling
//!             n × u32 little-endian offset of an entry, counted from here
//!             entries: key | u64 little-endian position in Index.db; a key reaches to the position before the next entry
//!             i32 length, first key | i32 length, last key
//! ```
//! A lookup finds the last sampled key that is not greater and compares the keys of Index.db from there on, up to the next sampled one, where they
//! lie in their pages. Without Summary.db, which can be made again at any time, it begins at the start and ends at a greater key.

use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_codec::compress::Codecs;
use dolmen_codec::{Cursor, DecodeError};
use zerocopy::byteorder::{big_endian, little_endian};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::absent::{Absent, Neighbour, head_of};
use crate::comparable::{TERMINATOR, murmur3_key_bytes, put_partition_key};
use crate::component::Component;
use crate::error::{Damage, ReadError};
use crate::partitioner::{KeyHash, Partitioner};
use crate::table::{Found, Table};
use crate::trie::{PAGE_LEN, Pages};
use crate::types::CqlType;
use crate::vint::{get_short_bytes, get_uvint};

/// The sample, and how long Index.db is.
#[derive(Clone, Debug)]
pub struct BigIndex {
    pub(crate) file_len: u64,
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

/// The fixed part at the start of Summary.db.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SummaryHead {
    sampling_interval: big_endian::U32,
    entry_count: big_endian::U32,
    entries_len: big_endian::U64,
    sampling_level: big_endian::U32,
    full_entry_count: big_endian::U32,
}

fn summary_error(error: DecodeError) -> ReadError {
    ReadError::decode(Component::Summary, 0, error)
}

/// Reads Summary.db.
///
/// # Errors
/// Entries that lie outside the file or end before their position.
pub fn summary(bytes: &[u8]) -> Result<Summary<'_>, ReadError> {
    let damaged = |at: usize, what| ReadError::corrupt(Component::Summary, at as u64, what);
    let (head, rest) = SummaryHead::ref_from_prefix(bytes).map_err(|_| {
        let wanted = size_of::<SummaryHead>();
        summary_error(DecodeError::Truncated { at: 0, wanted, left: bytes.len() })
    })?;
    let (count, len) = (head.entry_count.get() as usize, head.entries_len.get());
    let base = bytes.len() - rest.len();
    let mut cursor = Cursor::new(bytes);
    cursor.get_bytes(base).map_err(summary_error)?;
    let max = rest.len() as u64;
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
    let starts = <[little_endian::U32]>::ref_from_bytes(&table[..4 * count]).unwrap_or_default();
    let mut entries = Vec::with_capacity(count);
    for (i, start) in starts.iter().enumerate() {
        let start = start.get() as usize;
        let end = starts.get(i + 1).map_or(table.len(), |next| next.get() as usize);
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
    ///
    /// # Errors
    /// A damaged Summary.db, or keys in it that are out of order.
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

    /// Bytes of Index.db.
    pub const fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Finds a partition: of the entries between two sampled keys the one whose key it is, without allocating for any of them.
    pub(crate) fn find(
        &self,
        source: &impl BlockSource<ReadError>,
        codecs: &impl Codecs,
        mode: ReadMode,
        table: &Table,
        key: &[u8],
        hash: KeyHash,
    ) -> Result<Option<Found>, ReadError> {
        let (partitioner, key_type) = (table.partitioner, &table.statistics.header.key_type);
        let sought = if partitioner == Partitioner::Murmur3 {
            Vec::new()
        } else {
            // A key that its type cannot order is in no table.
            let Some(form) = form(partitioner, key_type, key) else { return Ok(None) };
            form
        };
        let after = self.sample.partition_point(|(sampled, _)| match partitioner {
            Partitioner::Murmur3 => sampled.iter().copied().le(murmur3_key_bytes(key, hash)),
            _ => *sampled <= sought,
        });
        let mut at = after.checked_sub(1).map_or(0, |i| self.sample[i].1);
        // Entries from the next sampled one on are greater. Without a sample only their order tells.
        let end = self.sample.get(after).map_or(self.file_len, |next| next.1);
        let is_sampled = !self.sample.is_empty();
        let mut pages = table.pages(source, Component::Index, mode);
        let mut stitch = Vec::new();
        while at < end {
            let entry = Entry::read(&mut pages, at, &mut stitch)?;
            if entry.key == key {
                let data_position = entry.data_position;
                let mut walk = table.walk(source, codecs, mode, data_position);
                if head_of(&mut walk)?.is_none_or(|head| head.key != key) {
                    let what = Damage::Range { found: data_position, max: table.data.len() };
                    return Err(ReadError::corrupt(Component::Index, at, what));
                }
                let blocks_read = pages.asked() + walk.chunks_read();
                return Ok(Some(Found { data_position, rows: None, blocks_read }));
            }
            if !is_sampled && is_after(partitioner, key_type, entry.key, key) {
                break;
            }
            at = entry.end;
        }
        Ok(None)
    }

    /// The entries before and behind a key that [`BigIndex::find`] has not found. What lies between the sampled keys beside it is in order, and the
    /// sample fits it.
    pub(crate) fn beside<S: BlockSource<ReadError>, C: Codecs>(
        &self,
        of: &Absent<'_, S, C>,
    ) -> Result<(Option<Neighbour>, Option<Neighbour>), ReadError> {
        let mut sampled =
            self.sample.partition_point(|(sampled, _)| sampled[..] <= *of.sought).saturating_sub(1);
        let mut at = self.sample.get(sampled).map_or(0, |first| first.1);
        let mut pages = of.table.pages(of.source, Component::Index, of.mode);
        let (mut entry, mut before) = (BigEntry::default(), None::<Neighbour>);
        while at < self.file_len {
            entry.read(&mut pages, at)?;
            let found =
                Neighbour { form: of.form(&entry.key, at)?, position: entry.data_position, entry: at };
            if let Some((form, position)) = self.sample.get(sampled)
                && *position <= at
            {
                sampled += 1;
                if *position != at || *form != found.form {
                    let what = Damage::Mismatch { expected: at, found: *position };
                    return Err(ReadError::corrupt(Component::Summary, 0, what));
                }
            }
            let follows = |b: &Neighbour| b.form < found.form && b.position < found.position;
            if found.form == *of.sought || before.as_ref().is_some_and(|before| !follows(before)) {
                return Err(ReadError::corrupt(Component::Index, at, Damage::Order));
            }
            if found.form[..] > *of.sought {
                return Ok((before, Some(found)));
            }
            (before, at) = (Some(found), entry.end);
        }
        Ok((before, None))
    }
}

/// Whether a key stands behind another.
fn is_after(partitioner: Partitioner, key_type: &CqlType, key: &[u8], other: &[u8]) -> bool {
    if partitioner == Partitioner::Murmur3 {
        let token = |key: &[u8]| KeyHash::of(key).token(key);
        return (token(key), key) > (token(other), other);
    }
    match (form(partitioner, key_type, key), form(partitioner, key_type, other)) {
        (Some(form), Some(other)) => form > other,
        _ => false,
    }
}

fn form(partitioner: Partitioner, key_type: &CqlType, key: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    put_partition_key(partitioner, key_type, key, TERMINATOR, &mut out).ok().map(|()| out)
}

impl BigEntry {
    /// Reads the entry at a position, into itself.
    ///
    /// # Errors
    /// An entry that is cut off or reaches behind the file; what the source could not read.
    pub fn read<S: BlockSource<ReadError>, T: dolmen_base::trace::Trace>(
        &mut self,
        pages: &mut Pages<S, T>,
        at: u64,
    ) -> Result<(), ReadError> {
        let mut stitch = Vec::new();
        let entry = Entry::read(pages, at, &mut stitch)?;
        self.key.clear();
        self.key.extend_from_slice(entry.key);
        (self.data_position, self.end) = (entry.data_position, entry.end);
        Ok(())
    }
}

/// An entry where it lies: in its page, or put together of several.
struct Entry<'p> {
    key: &'p [u8],
    data_position: u64,
    end: u64,
}

/// Where in its bytes an entry has its key, and its two numbers.
struct EntryParts {
    key_len: usize,
    data_position: u64,
    end: u64,
}

impl EntryParts {
    /// Of bytes that begin with an entry, which stands at `at`.
    #[inline]
    fn parse(bytes: &[u8], at: u64) -> Result<EntryParts, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let key_len = get_short_bytes(&mut cursor)?.len();
        let data_position = get_uvint(&mut cursor)?;
        let size = get_uvint(&mut cursor)?;
        let end = at.saturating_add(cursor.position() as u64).saturating_add(size);
        Ok(EntryParts { key_len, data_position, end })
    }
}

impl<'p> Entry<'p> {
    /// Reads the entry at a position. `stitch` is for one that crosses pages.
    #[inline]
    fn read<S: BlockSource<ReadError>, T: dolmen_base::trace::Trace>(
        pages: &'p mut Pages<S, T>,
        at: u64,
        stitch: &'p mut Vec<u8>,
    ) -> Result<Entry<'p>, ReadError> {
        let from = (at % PAGE_LEN) as usize;
        let page = pages.page(at)?;
        let parsed = EntryParts::parse(page.get(from..).unwrap_or_default(), at);
        let is_whole = parsed.is_ok();
        let parts = match parsed {
            Ok(parts) => parts,
            Err(_) => Entry::stitch(pages, at, stitch)?,
        };
        if parts.end > pages.file_len() {
            return Err(pages.corrupt(at, Damage::Range { found: parts.end, max: pages.file_len() }));
        }
        let bytes = if is_whole { pages.page(at)?.get(from..).unwrap_or_default() } else { stitch };
        let key = bytes.get(KEY_LEN_LEN..KEY_LEN_LEN + parts.key_len).unwrap_or_default();
        Ok(Entry { key, data_position: parts.data_position, end: parts.end })
    }

    /// Puts an entry together that its page does not hold whole.
    #[cold]
    fn stitch<S: BlockSource<ReadError>, T: dolmen_base::trace::Trace>(
        pages: &mut Pages<S, T>,
        at: u64,
        stitch: &mut Vec<u8>,
    ) -> Result<EntryParts, ReadError> {
        let left = pages.file_len().saturating_sub(at);
        let mut wanted = PAGE_LEN;
        loop {
            let len = left.min(wanted);
            stitch.clear();
            pages.read(at, len as usize, stitch)?;
            match EntryParts::parse(stitch, at) {
                Ok(parts) => return Ok(parts),
                Err(error) if len == left => return Err(ReadError::decode(Component::Index, at, error)),
                Err(_) if wanted > 2 * u64::from(u16::MAX) => {
                    return Err(pages.corrupt(at, Damage::Order));
                }
                Err(_) => wanted *= 4,
            }
        }
    }
}

/// Bytes of the length before a key.
const KEY_LEN_LEN: usize = 2;
