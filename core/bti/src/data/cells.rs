//! Cells, and which columns a row has.
//!
//! ```text
//! columns, fewer than 64 in the header: uvint, bit i set: column i is missing
//! columns, 64 and more: uvint count of missing ones m, then, if not 0, uvint32 indices: of those present if they are fewer than half of
//!     all, else of those missing
//! cell flags: 01 deleted  02 expiring  04 no value  08 the row's timestamp  10 the row's ttl and expiry
//! ```

use dolmen_codec::Cursor;

use super::row::Liveness;
use super::{Fail, get_deletion, get_local, get_timestamp, get_ttl};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::{Damage, ReadError};
use crate::statistics::{Column, Header};
use crate::vint::{get_uvint, get_uvint32, get_vint_bytes};

/// Flags of a cell.
mod flag {
    pub const IS_DELETED: u8 = 0x01;
    pub const IS_EXPIRING: u8 = 0x02;
    pub const HAS_EMPTY_VALUE: u8 = 0x04;
    pub const USE_ROW_TIMESTAMP: u8 = 0x08;
    pub const USE_ROW_TTL: u8 = 0x10;
}

/// From so many columns on, the subset of a row is a list.
const BITMAP_COLUMNS: usize = 64;

/// The columns that a row has data for, in order.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'b> {
    columns: &'b [Column],
    subset: Subset<'b>,
    next: usize,
}

#[derive(Clone, Copy, Debug)]
enum Subset<'b> {
    /// Bit i: column `next + i` is missing.
    Missing(u64),
    /// Indices of those present.
    Present(Cursor<'b>),
    /// Indices of those missing, the next of them first.
    Absent(Cursor<'b>, Option<usize>),
}

impl<'b> Columns<'b> {
    pub(super) const fn all(columns: &'b [Column]) -> Columns<'b> {
        Columns { columns, subset: Subset::Missing(0), next: 0 }
    }

    pub(super) fn get(cursor: &mut Cursor<'b>, columns: &'b [Column]) -> Result<Columns<'b>, Fail> {
        let at = cursor.position();
        let first = get_uvint(cursor)?;
        let count = columns.len();
        if count < BITMAP_COLUMNS {
            if first >> count != 0 {
                return Err(Fail::Damage(at, Damage::Tag(first)));
            }
            return Ok(Columns { columns, subset: Subset::Missing(first), next: 0 });
        }
        let missing = usize::try_from(first).ok().filter(|missing| *missing <= count);
        let missing = missing.ok_or(Fail::Damage(at, Damage::Range { found: first, max: count as u64 }))?;
        if missing == 0 {
            return Ok(Columns::all(columns));
        }
        let present = count - missing;
        let lists_present = present < count / 2;
        let (rest, start) = (cursor.rest(), cursor.position());
        let mut least = 0;
        for _ in 0..if lists_present { present } else { missing } {
            let at = cursor.position();
            let index = get_uvint32(cursor)?;
            let ascending = usize::try_from(index).ok().filter(|i| (least..count).contains(i));
            let max = count as u64 - 1;
            least = 1 + ascending.ok_or(Fail::Damage(at, Damage::Range { found: index as u64, max }))?;
        }
        let mut indices = Cursor::new(&rest[..cursor.position() - start]);
        let subset = if lists_present {
            Subset::Present(indices)
        } else {
            let first = next_index(&mut indices);
            Subset::Absent(indices, first)
        };
        Ok(Columns { columns, subset, next: 0 })
    }
}

/// The next index of a list that was checked.
fn next_index(indices: &mut Cursor<'_>) -> Option<usize> {
    get_uvint32(indices).ok().and_then(|i| usize::try_from(i).ok())
}

impl<'b> Iterator for Columns<'b> {
    type Item = &'b Column;

    #[inline]
    fn next(&mut self) -> Option<&'b Column> {
        loop {
            let index = match &mut self.subset {
                Subset::Present(indices) => return self.columns.get(next_index(indices)?),
                Subset::Missing(bits) => {
                    let missing = *bits & 1 != 0;
                    *bits >>= 1;
                    (!missing).then_some(self.next)
                }
                Subset::Absent(indices, absent) if *absent == Some(self.next) => {
                    *absent = next_index(indices);
                    None
                }
                Subset::Absent(..) => Some(self.next),
            };
            let column = self.columns.get(self.next)?;
            self.next += 1;
            if index.is_some() {
                return Some(column);
            }
        }
    }
}

/// A value of a column, or of an element of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'b> {
    /// Microseconds.
    pub timestamp: i64,
    /// Seconds to live; 0 for ever.
    pub ttl: u32,
    /// Second of the deletion or expiry; `NO_DELETION_TIME` for none.
    pub local_deletion_time: u32,
    /// Which element of a multi-cell column.
    pub path: Option<&'b [u8]>,
    /// Its bytes.
    pub value: &'b [u8],
    /// Whether it says that there is no value.
    pub is_tombstone: bool,
}

/// A piece of a row's data. The cells of a multi-cell column follow its [`Part::Complex`].
#[derive(Clone, Copy, Debug)]
pub enum Part<'b> {
    /// A multi-cell column begins.
    Complex {
        /// The column.
        column: &'b Column,
        /// What it deleted.
        deletion: DeletionTime,
        /// How many cells follow; those of a dropped column are left out of them.
        cell_count: u32,
    },
    /// A cell.
    Cell {
        /// Its column.
        column: &'b Column,
        /// The cell.
        cell: Cell<'b>,
    },
}

impl<'b> Part<'b> {
    /// Its column.
    pub const fn column(&self) -> &'b Column {
        match self {
            Part::Complex { column, .. } | Part::Cell { column, .. } => column,
        }
    }

    /// Whether it is a cell of a multi-cell column.
    pub const fn is_element(&self) -> bool {
        matches!(self, Part::Cell { cell, .. } if cell.path.is_some())
    }

    /// What is left of it if its column was dropped.
    #[inline]
    fn without_dropped(self) -> Option<Self> {
        match self {
            Part::Cell { column, cell } => {
                let is_dropped = column.dropped_at.is_some_and(|at| cell.timestamp <= at);
                (!is_dropped).then_some(self)
            }
            Part::Complex { column, deletion, cell_count } => {
                let is_dropped = column.dropped_at.is_some_and(|at| deletion.marked_at <= at);
                let deletion = if is_dropped { DeletionTime::LIVE } else { deletion };
                Some(Part::Complex { column, deletion, cell_count })
            }
        }
    }
}

/// The data of a row. After an error it ends.
#[derive(Clone, Debug)]
pub struct Cells<'b> {
    cursor: Cursor<'b>,
    base: u64,
    header: &'b Header,
    liveness: Option<Liveness>,
    columns: Columns<'b>,
    has_complex_deletion: bool,
    /// The multi-cell column that is being read and how many of its cells are left.
    complex: Option<(&'b Column, u32)>,
    is_done: bool,
}

impl<'b> Cells<'b> {
    pub(super) fn new(
        bytes: &'b [u8],
        base: u64,
        header: &'b Header,
        liveness: Option<Liveness>,
        columns: Columns<'b>,
        has_complex_deletion: bool,
    ) -> Cells<'b> {
        let cursor = Cursor::new(bytes);
        Cells { cursor, base, header, liveness, columns, has_complex_deletion, complex: None, is_done: false }
    }

    #[inline]
    fn part(&mut self) -> Result<Option<Part<'b>>, Fail> {
        if let Some((column, left)) = self.complex.take() {
            let cell = self.cell(column, true)?;
            self.complex = (left > 1).then_some((column, left - 1));
            return Ok(Some(Part::Cell { column, cell }));
        }
        let Some(column) = self.columns.next() else {
            self.cursor.finish()?;
            return Ok(None);
        };
        if !column.is_multi_cell {
            let cell = self.cell(column, false)?;
            return Ok(Some(Part::Cell { column, cell }));
        }
        let deletion = if self.has_complex_deletion {
            get_deletion(&mut self.cursor, self.header)?
        } else {
            DeletionTime::LIVE
        };
        let at = self.cursor.position();
        let found = get_uvint(&mut self.cursor)?;
        // Two bytes at least for each cell: flags and the length of its path.
        let max = self.cursor.rest().len() as u64 / 2;
        if found > max {
            return Err(Fail::Damage(at, Damage::Range { found, max }));
        }
        let cell_count = found as u32;
        self.complex = (cell_count > 0).then_some((column, cell_count));
        Ok(Some(Part::Complex { column, deletion, cell_count }))
    }

    #[inline]
    fn cell(&mut self, column: &Column, has_path: bool) -> Result<Cell<'b>, Fail> {
        let (header, at) = (self.header, self.cursor.position());
        let cursor = &mut self.cursor;
        let flags = cursor.get_u8()?;
        let unknown = flags & 0xe0 != 0 || flags & 3 == 3;
        let row = self.liveness;
        if unknown || (row.is_none() && flags & (flag::USE_ROW_TIMESTAMP | flag::USE_ROW_TTL) != 0) {
            return Err(Fail::Damage(at, Damage::Tag(u64::from(flags))));
        }
        let none = Liveness { timestamp: 0, ttl: 0, expires: NO_DELETION_TIME };
        let row = row.unwrap_or(none);
        let timestamp =
            if flags & flag::USE_ROW_TIMESTAMP != 0 { row.timestamp } else { get_timestamp(cursor, header)? };
        let (mut local_deletion_time, mut ttl) = (NO_DELETION_TIME, 0);
        let is_expiring = flags & flag::IS_EXPIRING != 0;
        let is_tombstone = flags & flag::IS_DELETED != 0;
        if flags & flag::USE_ROW_TTL != 0 {
            (local_deletion_time, ttl) = (row.expires, row.ttl);
        } else if is_expiring || is_tombstone {
            local_deletion_time = get_local(cursor, header)?;
            if is_expiring {
                ttl = get_ttl(cursor, header)?;
            }
        }
        let path = if has_path { Some(get_vint_bytes(cursor)?) } else { None };
        let value = if flags & flag::HAS_EMPTY_VALUE != 0 {
            &[]
        } else {
            match column.fixed_len {
                Some(len) => cursor.get_bytes(len as usize)?,
                None => get_vint_bytes(cursor)?,
            }
        };
        Ok(Cell { timestamp, ttl, local_deletion_time, path, value, is_tombstone })
    }
}

impl<'b> Iterator for Cells<'b> {
    type Item = Result<Part<'b>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        loop {
            match self.part() {
                Ok(Some(part)) => {
                    if let Some(part) = part.without_dropped() {
                        return Some(Ok(part));
                    }
                }
                Ok(None) => {
                    self.is_done = true;
                    return None;
                }
                Err(fail) => {
                    self.is_done = true;
                    return Some(Err(fail.at(self.base)));
                }
            }
        }
    }
}
