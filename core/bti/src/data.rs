//! Data.db, expanded: partitions, rows, markers, cells (`UnfilteredSerializer.java`, `Cell.java`, `ClusteringPrefix.java`).
//!
//! ```text
//! partition*: short-bytes key | deletion | [static row] | (row | marker)* | 01
//! row:     flags | [extended flags] | clustering | uvint size from here | uvint size of the one before | body
//! body:    [timestamp] [ttl, expiry] [deletion] [columns] then the data of each column
//! cell:    flags | [timestamp] [deletion or expiry] [ttl] [path] [value]
//! complex: [deletion] | uvint32 count | cells, each with a path
//! marker:  02 | kind | u16 count | values | uvint size | uvint size of the one before | deletion [| deletion]
//! ```
//! Times are uvints above the minima of the header and wrap around. A deletion of timestamp `i64::MIN` is live whatever stands beside it.
//!
//! [`Row`] and [`Prefix`] are views of bytes; [`Walk`] gives the one after the other, from the start or from a row on; [`Data`] serves chunks;
//! [`RowBuilder`] writes what [`Row`] reads. A record is read into plain offsets first, of which a view is made as often as one is wanted: bytes
//! are parsed once.

mod build;
mod cells;
mod chunks;
mod flags;
mod prefix;
mod row;
mod walk;

pub use build::RowBuilder;
pub use cells::{Cell, Cells, Columns, Part};
pub use chunks::Data;
pub use prefix::{BoundKind, Prefix, PrefixValue, PrefixValues, put_prefix};
pub use row::{Liveness, Marker, PartitionHead, Row};
pub use walk::{Event, Events, Stand, Walk};

use alloc::vec::Vec;
use core::ops::Range;

use dolmen_codec::{Cursor, DecodeError};

use crate::component::Component;
use crate::deletion::{DeletionTime, local_from_i32};
use crate::error::{Damage, ReadError};
use crate::statistics::Header;
use crate::vint::{get_uvint, put_uvint};

/// Why bytes are no row; offsets count from their start.
#[derive(Clone, Copy, Debug)]
enum Fail {
    Decode(DecodeError),
    Damage(usize, Damage),
}

impl From<DecodeError> for Fail {
    fn from(error: DecodeError) -> Fail {
        Fail::Decode(error)
    }
}

impl Fail {
    /// Of bytes that begin at `base` of the data.
    fn at(self, base: u64) -> ReadError {
        match self {
            Fail::Decode(error) => ReadError::decode(Component::Data, base, error),
            Fail::Damage(at, what) => ReadError::corrupt(Component::Data, base + at as u64, what),
        }
    }
}

/// Where in a record's bytes something stands. A record is shorter than [`ROW_LEN_MAX`](crate::limits::ROW_LEN_MAX), so that 32 bits do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(range: Range<usize>) -> Span {
        Span { start: range.start as u32, end: range.end as u32 }
    }

    /// What stands there; nothing if the bytes are others than it was found in.
    #[inline]
    fn in_bytes<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A uvint32 difference: a sign-extended `int` or an unsigned one.
#[inline]
fn get_delta32(cursor: &mut Cursor<'_>) -> Result<u32, Fail> {
    let at = cursor.position();
    let value = get_uvint(cursor)?;
    if value <= u64::from(u32::MAX) || i32::try_from(value as i64).is_ok() {
        return Ok(value as u32);
    }
    Err(Fail::Damage(at, Damage::Range { found: value, max: u64::from(u32::MAX) }))
}

#[inline]
fn get_timestamp(cursor: &mut Cursor<'_>, header: &Header) -> Result<i64, Fail> {
    Ok(header.min_timestamp.wrapping_add(get_uvint(cursor)? as i64))
}

#[inline]
fn get_local(cursor: &mut Cursor<'_>, header: &Header) -> Result<u32, Fail> {
    let local = header.min_local_deletion_time.wrapping_add(get_delta32(cursor)?);
    if header.version.has_unsigned_deletion_time() { Ok(local) } else { Ok(local_from_i32(local as i32)) }
}

#[inline]
fn get_ttl(cursor: &mut Cursor<'_>, header: &Header) -> Result<u32, Fail> {
    Ok(header.min_ttl.wrapping_add(get_delta32(cursor)?))
}

fn get_deletion(cursor: &mut Cursor<'_>, header: &Header) -> Result<DeletionTime, Fail> {
    let time = DeletionTime { marked_at: get_timestamp(cursor, header)?, local: get_local(cursor, header)? };
    Ok(if time.is_live() { DeletionTime::LIVE } else { time })
}

#[inline]
fn put_timestamp(timestamp: i64, header: &Header, out: &mut Vec<u8>) {
    put_uvint(out, timestamp.wrapping_sub(header.min_timestamp) as u64);
}

/// A difference of two `int`s, as Cassandra writes it: sign-extended.
fn put_delta32(value: u32, min: u32, out: &mut Vec<u8>) {
    put_uvint(out, i64::from(value.wrapping_sub(min) as i32) as u64);
}

fn put_local(local: u32, header: &Header, out: &mut Vec<u8>) {
    put_delta32(local, header.min_local_deletion_time, out);
}

fn put_ttl(ttl: u32, header: &Header, out: &mut Vec<u8>) {
    put_delta32(ttl, header.min_ttl, out);
}

fn put_deletion(time: DeletionTime, header: &Header, out: &mut Vec<u8>) {
    put_timestamp(time.marked_at, header, out);
    put_local(time.local, header, out);
}
