//! A partition's head, a row, a marker: read into plain offsets, of which views are made.

use dolmen_codec::Cursor;

use super::cells::{Cells, Columns, Part, Subset};
use super::flags::{extended as ext, row as flag};
use super::prefix::{self, BoundKind, Prefix};
use super::{Fail, Span, get_deletion, get_local, get_timestamp, get_ttl};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::{Damage, ReadError};
use crate::limits::ROW_LEN_MAX;
use crate::statistics::Header;
use crate::vint::{get_short_bytes, get_uvint};

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

impl Liveness {
    /// The time to live that says: expired already. A materialized view writes it to delete the key of a row (`ExpiredLivenessInfo`).
    pub const EXPIRED_TTL: u32 = i32::MAX as u32;

    /// Whether it says that the row's key is deleted.
    pub const fn is_expired(&self) -> bool {
        self.ttl == Liveness::EXPIRED_TTL
    }

    /// Whether it counts rather than `other` (`LivenessInfo.supersedes`): the later; of two of one time one that is expired already, then one that
    /// expires, then the one that expires later.
    pub fn supersedes(&self, other: &Liveness) -> bool {
        if self.timestamp != other.timestamp {
            return self.timestamp > other.timestamp;
        }
        if self.is_expired() != other.is_expired() {
            return self.is_expired();
        }
        if (self.ttl != 0) == (other.ttl != 0) {
            return self.expires > other.expires;
        }
        self.ttl != 0
    }
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

impl Marker<'_> {
    /// The range that is open behind it, forwards.
    pub const fn opens(&self) -> Option<DeletionTime> {
        match self.start_deletion {
            Some(start) => Some(start),
            None if self.kind.is_start() => Some(self.deletion),
            None => None,
        }
    }

    /// The range that is open before it, forwards.
    pub const fn closes(&self) -> Option<DeletionTime> {
        if self.kind.is_end() { Some(self.deletion) } else { None }
    }
}

/// A partition's head, as offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadParts {
    key: Span,
    deletion: DeletionTime,
}

/// A row, as offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowParts {
    pub is_static: bool,
    pub is_shadowable: bool,
    pub has_complex_deletion: bool,
    pub previous_len: u64,
    pub clustering: Span,
    pub liveness: Option<Liveness>,
    pub deletion: DeletionTime,
    pub subset: Subset,
    pub cells: Span,
}

/// A marker, as offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarkerParts {
    previous_len: u64,
    kind: BoundKind,
    count: u16,
    clustering: Span,
    deletion: DeletionTime,
    start_deletion: Option<DeletionTime>,
}

/// What stands at a place of the data, as offsets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parts {
    Head(HeadParts),
    Row(RowParts),
    Marker(MarkerParts),
    End,
}

impl HeadParts {
    /// Reads the head at the start of `bytes`; gives its length.
    pub fn parse(bytes: &[u8], header: &Header) -> Result<(HeadParts, usize), Fail> {
        let mut cursor = Cursor::new(bytes);
        let key = get_short_bytes(&mut cursor)?;
        let at = cursor.position();
        let key = Span::of(at - key.len()..at);
        let deletion = if header.version.has_unsigned_deletion_time() {
            DeletionTime::get(&mut cursor)
        } else {
            DeletionTime::get_nb(&mut cursor)
        };
        let deletion = deletion.map_err(|what| match what {
            Damage::Decode(e) => Fail::Decode(e),
            what => Fail::Damage(at, what),
        })?;
        Ok((HeadParts { key, deletion }, cursor.position()))
    }

    pub fn view<'b>(&self, bytes: &'b [u8], position: u64) -> PartitionHead<'b> {
        PartitionHead { key: self.key.in_bytes(bytes), position, deletion: self.deletion }
    }
}

impl RowParts {
    /// The clustering alone.
    #[inline]
    pub fn prefix<'b>(&self, bytes: &'b [u8], header: &'b Header) -> Prefix<'b> {
        Prefix::of(&header.clustering, self.clustering.in_bytes(bytes))
    }

    #[inline]
    pub fn view<'b>(&self, bytes: &'b [u8], position: u64, header: &'b Header) -> Row<'b> {
        let columns = if self.is_static { &header.statics } else { &header.regulars };
        let clustering = if self.is_static { Prefix::EMPTY } else { self.prefix(bytes, header) };
        Row {
            header,
            is_static: self.is_static,
            position,
            previous_len: self.previous_len,
            clustering,
            liveness: self.liveness,
            deletion: self.deletion,
            is_shadowable: self.is_shadowable,
            has_complex_deletion: self.has_complex_deletion,
            columns: Columns::of(columns, self.subset, bytes),
            cells: self.cells.in_bytes(bytes),
            cells_at: position + u64::from(self.cells.start),
        }
    }
}

impl MarkerParts {
    pub fn view<'b>(&self, bytes: &'b [u8], position: u64, header: &'b Header) -> Marker<'b> {
        let columns = header.clustering.get(..usize::from(self.count)).unwrap_or_default();
        Marker {
            position,
            previous_len: self.previous_len,
            kind: self.kind,
            clustering: Prefix::of(columns, self.clustering.in_bytes(bytes)),
            deletion: self.deletion,
            start_deletion: self.start_deletion,
        }
    }
}

impl<'b> Row<'b> {
    /// Reads the row at the start of `bytes`, which stand at `position`.
    ///
    /// # Errors
    /// Damage, at its place in the data.
    pub fn parse(
        bytes: &'b [u8],
        position: u64,
        header: &'b Header,
        is_static: bool,
    ) -> Result<Row<'b>, ReadError> {
        match parse(bytes, header, is_static) {
            Ok((Parts::Row(row), _)) => Ok(row.view(bytes, position, header)),
            Ok(_) => Err(Fail::Damage(0, Damage::Tag(u64::from(bytes[0]))).at(position)),
            Err(fail) => Err(fail.at(position)),
        }
    }

    /// Its data, column by column.
    #[inline]
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

    /// Whether both say the same of the same columns, as far as that is plain from their bytes.
    #[inline]
    pub(crate) fn is_plainly(&self, other: &Row<'_>) -> bool {
        self.cells == other.cells
            && self.liveness == other.liveness
            && self.deletion == other.deletion
            && self.is_shadowable == other.is_shadowable
            && self.has_complex_deletion == other.has_complex_deletion
            && self.columns.are(&other.columns)
    }
}

/// Reads the row, marker or end at the start of `bytes`; gives its length.
#[inline]
pub(super) fn parse(bytes: &[u8], header: &Header, wants_static: bool) -> Result<(Parts, usize), Fail> {
    let mut cursor = Cursor::new(bytes);
    let flags = cursor.get_u8()?;
    if flags & (flag::END_OF_PARTITION | flag::IS_MARKER) == 0 {
        let row = parse_row(&mut cursor, flags, header, wants_static)?;
        return Ok((Parts::Row(row), cursor.position()));
    }
    if wants_static || !matches!(flags, flag::END_OF_PARTITION | flag::IS_MARKER) {
        return Err(Fail::Damage(0, Damage::Tag(u64::from(flags))));
    }
    if flags == flag::END_OF_PARTITION {
        return Ok((Parts::End, 1));
    }
    let marker = parse_marker(&mut cursor, header)?;
    Ok((Parts::Marker(marker), cursor.position()))
}

fn parse_marker(cursor: &mut Cursor<'_>, header: &Header) -> Result<MarkerParts, Fail> {
    let tag = cursor.get_u8()?;
    let kind = BoundKind::parse(tag).ok_or(Fail::Damage(1, Damage::Tag(u64::from(tag))))?;
    let count = cursor.get_u16_be()?;
    let Some(columns) = header.clustering.get(..usize::from(count)) else {
        let max = header.clustering.len() as u64;
        return Err(Fail::Damage(2, Damage::Range { found: u64::from(count), max }));
    };
    let clustering = Span::of(prefix::pass(cursor, columns)?);
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
    Ok(MarkerParts { previous_len, kind, count, clustering, deletion, start_deletion })
}

/// The bytes behind a size. That they are not all there is said of the outer slice.
fn get_body<'b>(cursor: &mut Cursor<'b>) -> Result<&'b [u8], Fail> {
    let at = cursor.position();
    let size = get_uvint(cursor)?;
    let len = usize::try_from(size).ok().filter(|len| *len <= ROW_LEN_MAX);
    let len = len.ok_or(Fail::Damage(at, Damage::Range { found: size, max: ROW_LEN_MAX as u64 }))?;
    Ok(cursor.get_bytes(len)?)
}

/// A failure inside a body: never a sign that more bytes are needed.
fn within(fail: Fail, body_at: usize) -> Fail {
    match fail {
        Fail::Decode(e) => Fail::Damage(body_at + e.at(), Damage::Decode(e)),
        Fail::Damage(at, what) => Fail::Damage(body_at + at, what),
    }
}

#[inline]
fn parse_row(
    cursor: &mut Cursor<'_>,
    flags: u8,
    header: &Header,
    wants_static: bool,
) -> Result<RowParts, Fail> {
    let extended = if flags & flag::EXTENSION != 0 { cursor.get_u8()? } else { 0 };
    let is_static = extended & ext::IS_STATIC != 0;
    if extended & !ext::ALL != 0 || is_static != wants_static {
        return Err(Fail::Damage(1, Damage::Tag(u64::from(extended))));
    }
    if flags & (flag::HAS_TTL | flag::HAS_TIMESTAMP) == flag::HAS_TTL {
        return Err(Fail::Damage(0, Damage::Tag(u64::from(flags))));
    }
    let clustering =
        if is_static { Span::default() } else { Span::of(prefix::pass(cursor, &header.clustering)?) };
    let body = get_body(cursor)?;
    let body_at = cursor.position() - body.len();
    let mut row = RowParts {
        is_static,
        is_shadowable: extended & ext::HAS_SHADOWABLE_DELETION != 0,
        has_complex_deletion: flags & flag::HAS_COMPLEX_DELETION != 0,
        previous_len: 0,
        clustering,
        liveness: None,
        deletion: DeletionTime::LIVE,
        subset: Subset::ALL,
        cells: Span::default(),
    };
    let mut inner = Cursor::new(body);
    parse_body(&mut inner, flags, header, body_at, &mut row).map_err(|fail| within(fail, body_at))?;
    row.cells = Span::of(body_at + inner.position()..body_at + body.len());
    Ok(row)
}

/// What stands before the cells.
#[inline]
fn parse_body(
    cursor: &mut Cursor<'_>,
    flags: u8,
    header: &Header,
    body_at: usize,
    row: &mut RowParts,
) -> Result<(), Fail> {
    row.previous_len = get_uvint(cursor)?;
    if flags & flag::HAS_TIMESTAMP != 0 {
        let timestamp = get_timestamp(cursor, header)?;
        let (ttl, expires) = if flags & flag::HAS_TTL != 0 {
            (get_ttl(cursor, header)?, get_local(cursor, header)?)
        } else {
            (0, NO_DELETION_TIME)
        };
        row.liveness = Some(Liveness { timestamp, ttl, expires });
    }
    if flags & flag::HAS_DELETION != 0 {
        row.deletion = get_deletion(cursor, header)?;
    }
    if flags & flag::HAS_ALL_COLUMNS == 0 {
        let columns = if row.is_static { &header.statics } else { &header.regulars };
        row.subset = Subset::get(cursor, columns.len(), body_at)?;
    }
    Ok(())
}
