//! The files beside a segment of a partition's log, named by the segment's first offset.
//!
//! ```text
//! .index       u32 offset − base   u32 position                                     every few kilobytes, ascending
//! .timeindex   i64 timestamp       u32 offset − base                                 the largest timestamp so far, and where
//! .txnindex    i16 version 0       i64 producer id, first, last, last stable offset  aborted transactions by their markers
//! .snapshot    i16 version 1       u32 CRC-32C of what follows   i32 count   producers as of the name's offset
//! leader-epoch-checkpoint          text: 0, count, then "epoch offset" a line
//! ```
//! Index files of a running broker are preallocated: zeros follow the last entry. All integers are big-endian. The indexes are
//! hints that can be made again from the log; a snapshot can be, too, by reading the log from its start.
//!
//! Source: files of Kafka 3.9.2 and 4.4.0.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::checksum::crc32c;
use zerocopy::byteorder::big_endian::{I16, I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::WireError;
use crate::messages::ProducerSnapshot;
use crate::wire::Message;

/// An entry of `.index`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OffsetEntry {
    offset: U32,
    position: U32,
}

impl OffsetEntry {
    /// An entry; offsets count from the segment's first.
    pub fn new(relative_offset: u32, position: u32) -> Self {
        OffsetEntry { offset: relative_offset.into(), position: position.into() }
    }

    /// The offset, counted from the segment's first.
    pub fn relative_offset(&self) -> u32 {
        self.offset.get()
    }

    /// Where its batch begins in the segment.
    pub fn position(&self) -> u32 {
        self.position.get()
    }
}

/// An entry of `.timeindex`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct TimeEntry {
    timestamp: I64,
    offset: U32,
}

impl TimeEntry {
    /// An entry; offsets count from the segment's first.
    pub fn new(timestamp_ms: i64, relative_offset: u32) -> Self {
        TimeEntry { timestamp: timestamp_ms.into(), offset: relative_offset.into() }
    }

    /// The largest timestamp up to here, in milliseconds.
    pub fn timestamp_ms(&self) -> i64 {
        self.timestamp.get()
    }

    /// The last offset of the batch that has it, counted from the segment's first.
    pub fn relative_offset(&self) -> u32 {
        self.offset.get()
    }
}

/// An entry of `.txnindex`: an aborted transaction.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AbortedEntry {
    version: I16,
    producer_id: I64,
    first_offset: I64,
    last_offset: I64,
    last_stable_offset: I64,
}

/// An aborted transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// Whose.
    pub producer_id: i64,
    /// Its first record.
    pub first_offset: i64,
    /// Its marker.
    pub last_offset: i64,
    /// The last stable offset once it had ended.
    pub last_stable_offset: i64,
}

impl From<Aborted> for AbortedEntry {
    fn from(aborted: Aborted) -> Self {
        AbortedEntry {
            version: I16::ZERO,
            producer_id: aborted.producer_id.into(),
            first_offset: aborted.first_offset.into(),
            last_offset: aborted.last_offset.into(),
            last_stable_offset: aborted.last_stable_offset.into(),
        }
    }
}

impl From<AbortedEntry> for Aborted {
    fn from(entry: AbortedEntry) -> Self {
        Aborted {
            producer_id: entry.producer_id.get(),
            first_offset: entry.first_offset.get(),
            last_offset: entry.last_offset.get(),
            last_stable_offset: entry.last_stable_offset.get(),
        }
    }
}

/// The entries of `.index` up to the zeros or the torn end: offsets and positions ascend.
pub fn offset_entries(bytes: &[u8]) -> &[OffsetEntry] {
    let all = whole::<OffsetEntry>(bytes);
    let ascends = |pair: &[OffsetEntry]| {
        pair[0].relative_offset() < pair[1].relative_offset() && pair[0].position() < pair[1].position()
    };
    let count = match all.first() {
        // The first batch of a segment is never indexed.
        None => 0,
        Some(first) if first.relative_offset() == 0 && first.position() == 0 => 0,
        Some(_) => all.windows(2).position(|pair| !ascends(pair)).map_or(all.len(), |at| at + 1),
    };
    &all[..count]
}

/// The entries of `.timeindex` up to the zeros or the torn end: timestamps ascend, offsets do not descend.
pub fn time_entries(bytes: &[u8]) -> &[TimeEntry] {
    let all = whole::<TimeEntry>(bytes);
    let ascends = |pair: &[TimeEntry]| {
        pair[0].timestamp_ms() < pair[1].timestamp_ms()
            && pair[0].relative_offset() <= pair[1].relative_offset()
    };
    let count = match all.first() {
        None => 0,
        Some(first) if first.timestamp_ms() == 0 && first.relative_offset() == 0 => 0,
        Some(_) => all.windows(2).position(|pair| !ascends(pair)).map_or(all.len(), |at| at + 1),
    };
    &all[..count]
}

/// The entries of `.txnindex`. Each is whole or the file is torn there; markers ascend and stand behind the first record of their transaction, which
/// tells zeros of a crash from an entry.
pub fn aborted_entries(bytes: &[u8]) -> impl Iterator<Item = Aborted> {
    let mut last = i64::MIN;
    let ascends =
        move |aborted: &Aborted| core::mem::replace(&mut last, aborted.last_offset) < aborted.last_offset;
    let known = |entry: &&AbortedEntry| {
        entry.version.get() == 0 && entry.first_offset.get() < entry.last_offset.get()
    };
    whole::<AbortedEntry>(bytes)
        .iter()
        .take_while(known)
        .map(|entry| Aborted::from(*entry))
        .take_while(ascends)
}

/// Where to begin reading for an offset: the position of the last indexed batch that begins at or before it.
pub fn position_of(entries: &[OffsetEntry], relative_offset: u32) -> u32 {
    let after = entries.partition_point(|entry| entry.relative_offset() <= relative_offset);
    after.checked_sub(1).map_or(0, |at| entries[at].position())
}

fn whole<T: FromBytes + Immutable + KnownLayout + Unaligned>(bytes: &[u8]) -> &[T] {
    let count = bytes.len() / size_of::<T>();
    <[T]>::ref_from_prefix_with_elems(bytes, count).map_or(&[], |(entries, _)| entries)
}

/// Reads a checkpoint of the log directory: topic, partition and offset of each line.
///
/// ```text
/// 0
/// 2
/// orders 0 17
/// orders 1 4
/// ```
pub fn parse_checkpoint(text: &str) -> Option<Vec<((String, i32), i64)>> {
    let one = |line: &str| {
        let mut words = line.split(' ');
        let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
        Some(((topic.into(), partition.parse().ok()?), offset.parse().ok()?))
    };
    counted_lines(text)?.map(one).collect()
}

/// A checkpoint of the log directory.
pub fn put_checkpoint<'t>(entries: impl ExactSizeIterator<Item = (&'t str, i32, i64)>) -> String {
    let mut out = alloc::format!("0\n{}\n", entries.len());
    for (topic, partition, offset) in entries {
        out.push_str(&alloc::format!("{topic} {partition} {offset}\n"));
    }
    out
}

/// Reads `leader-epoch-checkpoint`: epochs and their first offsets, ascending.
pub fn parse_epochs(text: &str) -> Option<Vec<(i32, i64)>> {
    let one = |line: &str| {
        let (epoch, offset) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, offset.parse().ok()?))
    };
    let epochs: Vec<(i32, i64)> = counted_lines(text)?.map(one).collect::<Option<_>>()?;
    epochs.is_sorted().then_some(epochs)
}

/// A `leader-epoch-checkpoint`.
pub fn put_epochs(epochs: &[(i32, i64)]) -> String {
    let mut out = alloc::format!("0\n{}\n", epochs.len());
    for (epoch, offset) in epochs {
        out.push_str(&alloc::format!("{epoch} {offset}\n"));
    }
    out
}

/// The lines behind a version and their number.
fn counted_lines(text: &str) -> Option<impl Iterator<Item = &str>> {
    let mut lines = text.lines();
    let version = lines.next()?;
    let count: usize = lines.next()?.parse().ok()?;
    (version == "0" && lines.clone().count() >= count).then(|| lines.take(count))
}

/// Reads a producer snapshot.
///
/// # Errors
/// [`WireError::Version`] for another version than 1, [`WireError::Checksum`] for damaged bytes, and what is wrong with its form.
pub fn read_snapshot(bytes: &[u8]) -> Result<ProducerSnapshot<'_>, WireError> {
    let mut cursor = dolmen_codec::Cursor::new(bytes);
    let version = cursor.get_u16_be().map_err(WireError::Decode)?.cast_signed();
    if version != SNAPSHOT_VERSION {
        return Err(WireError::Version { key: -1, version });
    }
    let snapshot = ProducerSnapshot::decode(cursor.rest(), version)?;
    let found = crc32c(cursor.rest().get(4..).unwrap_or_default());
    if snapshot.crc != found {
        return Err(WireError::Checksum { expected: snapshot.crc, found });
    }
    Ok(snapshot)
}

/// Appends a producer snapshot; its checksum is filled in.
///
/// # Errors
/// [`WireError::TooLong`] for more producers than a count can say.
pub fn put_snapshot(out: &mut Vec<u8>, snapshot: &ProducerSnapshot<'_>) -> Result<(), WireError> {
    out.extend_from_slice(&SNAPSHOT_VERSION.to_be_bytes());
    let start = out.len();
    snapshot.encode(SNAPSHOT_VERSION, out)?;
    let crc = crc32c(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

/// The version of producer snapshots.
const SNAPSHOT_VERSION: i16 = 1;
