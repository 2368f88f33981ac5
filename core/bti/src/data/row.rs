//! Views of a partition's head, of a row and of a marker.

use dolmen_codec::Cursor;

use super::cells::{Cells, Columns, Part};
use super::prefix::{BoundKind, Prefix};
use super::{Fail, get_deletion, get_local, get_timestamp, get_ttl};
use crate::deletion::DeletionTime;
use crate::error::{Damage, ReadError};
use crate::statistics::Header;
use crate::vint::{get_short_bytes, get_uvint};

/// Flags of a row or marker.
mod flag {
    pub const END_OF_PARTITION: u8 = 0x01;
    pub const IS_MARKER: u8 = 0x02;
    pub const HAS_TIMESTAMP: u8 = 0x04;
    pub const HAS_TTL: u8 = 0x08;
    pub const HAS_DELETION: u8 = 0x10;
    pub const HAS_ALL_COLUMNS: u8 = 0x20;
    pub const HAS_COMPLEX_DELETION: u8 = 0x40;
    pub const EXTENSION: u8 = 0x80;
    pub const EXT_IS_STATIC: u8 = 0x01;
    pub const EXT_HAS_SHADOWABLE_DELETION: u8 = 0x02;
}

/// The head of a partition.
#[derive(Clone, Copy, Debug)]
pub struct PartitionHead<'b> {
    /// Its serialized key.
    pub key: &'b [u8],
    /// Where it begins in the data.
    pub position: u64,
    /// Its deletion.
    pub deletion: DeletionTime,
}

/// When the row itself was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// Microseconds.
    pub timestamp: i64,
    /// Seconds to live; 0 for ever.
    pub ttl: u32,
    /// Second from which it is dead; `NO_DELETION_TIME` for never.
    pub expires: u32,
}

/// A row, static or not.
#[derive(Clone, Copy, Debug)]
pub struct Row<'b> {
    header: &'b Header,
    /// Whether it is the partition's static row.
    pub is_static: bool,
    /// Where it begins in the data.
    pub position: u64,
    /// Bytes from the start of the one before in this partition, or of the partition.
    pub previous_len: u64,
    /// Its clustering; empty for a static row.
    pub clustering: Prefix<'b>,
    /// When it was written, if it was by more than its cells.
    pub liveness: Option<Liveness>,
    /// Its deletion.
    pub deletion: DeletionTime,
    /// Whether the deletion goes when a newer write comes (materialized views).
    pub is_shadowable: bool,
    has_complex_deletion: bool,
    columns: Columns<'b>,
    cells: &'b [u8],
    cells_at: u64,
}

/// A bound of a range tombstone.
#[derive(Clone, Copy, Debug)]
pub struct Marker<'b> {
    /// Where it begins in the data.
    pub position: u64,
    /// Bytes from the start of the one before in this partition, or of the partition.
    pub previous_len: u64,
    /// What it bounds.
    pub kind: BoundKind,
    /// Values of the first clustering columns.
    pub clustering: Prefix<'b>,
    /// The deletion that starts or ends; of a boundary the one that ends.
    pub deletion: DeletionTime,
    /// Of a boundary, the one that starts.
    pub start_deletion: Option<DeletionTime>,
}

/// What stands at a place in a partition.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unfiltered<'b> {
    Row(Row<'b>),
    Marker(Marker<'b>),
    End,
}

impl<'b> Row<'b> {
    /// Reads the row at the start of `bytes`, which stand at `position`.
    pub fn parse(
        bytes: &'b [u8],
        position: u64,
        header: &'b Header,
        is_static: bool,
    ) -> Result<Row<'b>, ReadError> {
        match parse(bytes, position, header, is_static) {
            Ok((Unfiltered::Row(row), _)) => Ok(row),
            Ok(_) => Err(Fail::Damage(0, Damage::Tag(u64::from(bytes[0]))).at(position)),
            Err(fail) => Err(fail.at(position)),
        }
    }

    /// Its data, column by column.
    pub fn cells(&self) -> Cells<'b> {
        Cells::new(
            self.cells,
            self.cells_at,
            self.header,
            self.liveness,
            self.columns,
            self.has_complex_deletion,
        )
    }

    /// Whether it says nothing: a static row that every partition of its table must have, or a row of which all columns were dropped.
    ///
    /// # Errors
    /// Its cells are damaged.
    pub fn is_empty(&self) -> Result<bool, ReadError> {
        if self.liveness.is_some() || !self.deletion.is_live() {
            return Ok(false);
        }
        for part in self.cells() {
            match part? {
                Part::Complex { deletion, .. } if deletion.is_live() => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The layout that it was read with.
    pub const fn header(&self) -> &'b Header {
        self.header
    }
}

impl<'b> PartitionHead<'b> {
    pub(super) fn parse(
        bytes: &'b [u8],
        position: u64,
        header: &Header,
    ) -> Result<(PartitionHead<'b>, usize), Fail> {
        let mut cursor = Cursor::new(bytes);
        let key = get_short_bytes(&mut cursor)?;
        let at = cursor.position();
        let deletion = if header.version.has_unsigned_deletion_time() {
            DeletionTime::get(&mut cursor)
        } else {
            DeletionTime::get_nb(&mut cursor)
        };
        let deletion = deletion.map_err(|what| match what {
            Damage::Decode(e) => Fail::Decode(e),
            what => Fail::Damage(at, what),
        })?;
        Ok((PartitionHead { key, position, deletion }, cursor.position()))
    }
}

/// Reads the row, marker or end at the start of `bytes`, which stand at `position`; gives its length.
#[inline]
pub(super) fn parse<'b>(
    bytes: &'b [u8],
    position: u64,
    header: &'b Header,
    wants_static: bool,
) -> Result<(Unfiltered<'b>, usize), Fail> {
    let mut cursor = Cursor::new(bytes);
    let flags = cursor.get_u8()?;
    if flags & flag::END_OF_PARTITION != 0 {
        if flags != flag::END_OF_PARTITION || wants_static {
            return Err(Fail::Damage(0, Damage::Tag(u64::from(flags))));
        }
        return Ok((Unfiltered::End, 1));
    }
    if flags & flag::IS_MARKER != 0 {
        if flags != flag::IS_MARKER || wants_static {
            return Err(Fail::Damage(0, Damage::Tag(u64::from(flags))));
        }
        let marker = parse_marker(&mut cursor, position, header)?;
        return Ok((Unfiltered::Marker(marker), cursor.position()));
    }
    let row = parse_row(&mut cursor, flags, position, header, wants_static)?;
    Ok((Unfiltered::Row(row), cursor.position()))
}

fn parse_marker<'b>(cursor: &mut Cursor<'b>, position: u64, header: &'b Header) -> Result<Marker<'b>, Fail> {
    let tag = cursor.get_u8()?;
    let kind = BoundKind::parse(tag).ok_or(Fail::Damage(1, Damage::Tag(u64::from(tag))))?;
    let count = usize::from(cursor.get_u16_be()?);
    let Some(columns) = header.clustering.get(..count) else {
        let max = header.clustering.len() as u64;
        return Err(Fail::Damage(2, Damage::Range { found: count as u64, max }));
    };
    let clustering = Prefix::get(cursor, columns)?;
    let body = get_body(cursor)?;
    let body_at = cursor.position() - body.len();
    let mut inner = Cursor::new(body);
    let parsed = (|| {
        let previous_len = get_uvint(&mut inner)?;
        let deletion = get_deletion(&mut inner, header)?;
        let start = if kind.is_boundary() { Some(get_deletion(&mut inner, header)?) } else { None };
        inner.finish()?;
        Ok((previous_len, deletion, start))
    })();
    let (previous_len, deletion, start_deletion) = parsed.map_err(|fail| within(fail, body_at))?;
    Ok(Marker { position, previous_len, kind, clustering, deletion, start_deletion })
}

/// The bytes behind a size. That they are not all there is said of the outer slice.
fn get_body<'b>(cursor: &mut Cursor<'b>) -> Result<&'b [u8], Fail> {
    let at = cursor.position();
    let size = get_uvint(cursor)?;
    let len = usize::try_from(size).ok().filter(|len| *len <= crate::limits::ROW_LEN_MAX);
    let max = crate::limits::ROW_LEN_MAX as u64;
    let len = len.ok_or(Fail::Damage(at, Damage::Range { found: size, max }))?;
    Ok(cursor.get_bytes(len)?)
}

/// A failure inside a body: never a sign that more bytes are needed.
fn within(fail: Fail, body_at: usize) -> Fail {
    match fail {
        Fail::Decode(e) => Fail::Damage(body_at + e.at(), Damage::Decode(e)),
        Fail::Damage(at, what) => Fail::Damage(body_at + at, what),
    }
}

fn parse_row<'b>(
    cursor: &mut Cursor<'b>,
    flags: u8,
    position: u64,
    header: &'b Header,
    wants_static: bool,
) -> Result<Row<'b>, Fail> {
    let extended = if flags & flag::EXTENSION != 0 { cursor.get_u8()? } else { 0 };
    let is_static = extended & flag::EXT_IS_STATIC != 0;
    let unknown = extended & !(flag::EXT_IS_STATIC | flag::EXT_HAS_SHADOWABLE_DELETION);
    if unknown != 0 || is_static != wants_static {
        return Err(Fail::Damage(1, Damage::Tag(u64::from(extended))));
    }
    if flags & (flag::HAS_TTL | flag::HAS_TIMESTAMP) == flag::HAS_TTL {
        return Err(Fail::Damage(0, Damage::Tag(u64::from(flags))));
    }
    let clustering = if is_static { Prefix::EMPTY } else { Prefix::get(cursor, &header.clustering)? };
    let body = get_body(cursor)?;
    let body_at = cursor.position() - body.len();
    let mut inner = Cursor::new(body);
    let parsed = parse_body(&mut inner, flags, header, is_static);
    let (previous_len, liveness, deletion, columns) = parsed.map_err(|fail| within(fail, body_at))?;
    Ok(Row {
        header,
        is_static,
        position,
        previous_len,
        clustering,
        liveness,
        deletion,
        is_shadowable: extended & flag::EXT_HAS_SHADOWABLE_DELETION != 0,
        has_complex_deletion: flags & flag::HAS_COMPLEX_DELETION != 0,
        columns,
        cells: inner.rest(),
        cells_at: position + (body_at + inner.position()) as u64,
    })
}

type Body<'b> = (u64, Option<Liveness>, DeletionTime, Columns<'b>);

#[inline]
fn parse_body<'b>(
    cursor: &mut Cursor<'b>,
    flags: u8,
    header: &'b Header,
    is_static: bool,
) -> Result<Body<'b>, Fail> {
    let previous_len = get_uvint(cursor)?;
    let mut liveness = None;
    if flags & flag::HAS_TIMESTAMP != 0 {
        let timestamp = get_timestamp(cursor, header)?;
        let (ttl, expires) = if flags & flag::HAS_TTL != 0 {
            (get_ttl(cursor, header)?, get_local(cursor, header)?)
        } else {
            (0, crate::deletion::NO_DELETION_TIME)
        };
        liveness = Some(Liveness { timestamp, ttl, expires });
    }
    let deletion =
        if flags & flag::HAS_DELETION != 0 { get_deletion(cursor, header)? } else { DeletionTime::LIVE };
    let columns = if is_static { &header.statics } else { &header.regulars };
    let columns = if flags & flag::HAS_ALL_COLUMNS != 0 {
        Columns::all(columns)
    } else {
        Columns::get(cursor, columns)?
    };
    Ok((previous_len, liveness, deletion, columns))
}
