//! Cells, and which columns a row has.
//!
//! ```text
//! columns, fewer than 64 in the header: uvint, bit i set: column i is missing
//! columns, 64 and more: uvint count of missing ones m, then, if not 0, uvint32 indices: of those present if they are fewer than half of
//!     all, else of those missing
//! cell flags: 01 deleted  02 expiring  04 no value  08 the row's timestamp  10 the row's ttl and expiry
//! ```

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use super::flags::cell as flag;
use super::row::Liveness;
use super::{Fail, Span, get_deletion, get_local, get_timestamp, get_ttl, put_local, put_timestamp, put_ttl};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::{Damage, ReadError};
use crate::statistics::{Column, Header};
use crate::vint::{get_uvint, get_uvint32, get_vint_bytes, put_uvint, put_vint_bytes};

/// From so many columns on, the subset of a row is a list.
const BITMAP_COLUMNS: usize = 64;

/// Which columns a row has data for, as offsets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subset {
    /// Bit i: column i is missing.
    Missing(u64),
    /// Indices of those present.
    Present(Span),
    /// Indices of those missing.
    Absent(Span),
}

impl Subset {
    pub const ALL: Subset = Subset::Missing(0);

    /// Reads the subset of `count` columns. Offsets count from `base` before the cursor's start.
    pub fn get(cursor: &mut Cursor<'_>, count: usize, base: usize) -> Result<Subset, Fail> {
        let at = cursor.position();
        let first = get_uvint(cursor)?;
        if count < BITMAP_COLUMNS {
            if first >> count != 0 {
                return Err(Fail::Damage(at, Damage::Tag(first)));
            }
            return Ok(Subset::Missing(first));
        }
        let missing = usize::try_from(first).ok().filter(|missing| *missing <= count);
        let missing = missing.ok_or(Fail::Damage(at, Damage::Range { found: first, max: count as u64 }))?;
        if missing == 0 {
            return Ok(Subset::ALL);
        }
        let present = count - missing;
        let lists_present = present < count / 2;
        let start = cursor.position();
        let mut least = 0;
        for _ in 0..if lists_present { present } else { missing } {
            let at = cursor.position();
            let index = get_uvint32(cursor)?;
            let ascending = usize::try_from(index).ok().filter(|i| (least..count).contains(i));
            let max = count as u64 - 1;
            least = 1 + ascending.ok_or(Fail::Damage(at, Damage::Range { found: index as u64, max }))?;
        }
        let span = Span::of(base + start..base + cursor.position());
        Ok(if lists_present { Subset::Present(span) } else { Subset::Absent(span) })
    }

    /// Appends the subset of `count` columns that has those of `present`, which ascend and are not all. Offsets of the result count from the start
    /// of `out`.
    pub fn put(
        count: usize,
        present: impl ExactSizeIterator<Item = usize> + Clone,
        out: &mut Vec<u8>,
    ) -> Subset {
        if count < BITMAP_COLUMNS {
            let missing = present.fold((1u64 << count) - 1, |bits, i| bits & !(1 << i));
            put_uvint(out, missing);
            return Subset::Missing(missing);
        }
        let (present_len, missing_len) = (present.len(), count - present.len());
        put_uvint(out, missing_len as u64);
        let start = out.len();
        if present_len < count / 2 {
            present.for_each(|i| put_uvint(out, i as u64));
            return Subset::Present(Span::of(start..out.len()));
        }
        let mut next = 0;
        for i in present.chain([count]) {
            (next..i).for_each(|absent| put_uvint(out, absent as u64));
            next = i + 1;
        }
        Subset::Absent(Span::of(start..out.len()))
    }
}

/// The columns that a row has data for, in order.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'b> {
    columns: &'b [Column],
    indices: Indices<'b>,
    next: usize,
}

#[derive(Clone, Copy, Debug)]
enum Indices<'b> {
    /// Bit i: column `next + i` is missing.
    Missing(u64),
    /// Indices of those present.
    Present(Cursor<'b>),
    /// Indices of those missing, the next of them first.
    Absent(Cursor<'b>, Option<usize>),
}

impl<'b> Columns<'b> {
    #[inline]
    pub(super) fn of(columns: &'b [Column], subset: Subset, bytes: &'b [u8]) -> Columns<'b> {
        let indices = match subset {
            Subset::Missing(bits) => Indices::Missing(bits),
            Subset::Present(span) => Indices::Present(Cursor::new(span.in_bytes(bytes))),
            Subset::Absent(span) => {
                let mut indices = Cursor::new(span.in_bytes(bytes));
                let first = next_index(&mut indices);
                Indices::Absent(indices, first)
            }
        };
        Columns { columns, indices, next: 0 }
    }

    /// Whether these are the same columns of one header.
    #[inline]
    pub(super) fn are(&self, other: &Columns<'_>) -> bool {
        let indices = match (&self.indices, &other.indices) {
            (Indices::Missing(a), Indices::Missing(b)) => a == b,
            (Indices::Present(a), Indices::Present(b)) => a.rest() == b.rest(),
            (Indices::Absent(a, first), Indices::Absent(b, other)) => first == other && a.rest() == b.rest(),
            _ => false,
        };
        indices && self.next == other.next
    }

    /// The next column and its index in the header.
    #[inline]
    fn next_indexed(&mut self) -> Option<(usize, &'b Column)> {
        loop {
            let is_present = match &mut self.indices {
                Indices::Present(indices) => {
                    let index = next_index(indices)?;
                    return self.columns.get(index).map(|column| (index, column));
                }
                Indices::Missing(bits) => {
                    let missing = *bits & 1 != 0;
                    *bits >>= 1;
                    !missing
                }
                Indices::Absent(indices, absent) if *absent == Some(self.next) => {
                    *absent = next_index(indices);
                    false
                }
                Indices::Absent(..) => true,
            };
            let index = self.next;
            let column = self.columns.get(index)?;
            self.next += 1;
            if is_present {
                return Some((index, column));
            }
        }
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
        self.next_indexed().map(|(_, column)| column)
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
    #[inline(always)]
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
    /// The multi-cell column that is being read, its index, and how many of its cells are left.
    complex: Option<(usize, &'b Column, u32)>,
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

    #[inline(always)]
    fn part(&mut self) -> Result<Option<(usize, Part<'b>)>, Fail> {
        if let Some((index, column, left)) = self.complex.take() {
            let cell = self.cell(column, true)?;
            self.complex = (left > 1).then_some((index, column, left - 1));
            return Ok(Some((index, Part::Cell { column, cell })));
        }
        let Some((index, column)) = self.columns.next_indexed() else {
            self.cursor.finish()?;
            return Ok(None);
        };
        if !column.is_multi_cell {
            let cell = self.cell(column, false)?;
            return Ok(Some((index, Part::Cell { column, cell })));
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
        self.complex = (cell_count > 0).then_some((index, column, cell_count));
        Ok(Some((index, Part::Complex { column, deletion, cell_count })))
    }

    #[inline(always)]
    fn cell(&mut self, column: &Column, has_path: bool) -> Result<Cell<'b>, Fail> {
        let (header, at) = (self.header, self.cursor.position());
        let cursor = &mut self.cursor;
        let flags = cursor.get_u8()?;
        let both = flag::IS_DELETED | flag::IS_EXPIRING;
        let unknown = flags & !flag::ALL != 0 || flags & both == both;
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

impl<'b> Cells<'b> {
    /// The next part and the index of its column in the row's header; `None` behind the last.
    #[inline]
    pub(crate) fn next_indexed(&mut self) -> Result<Option<(usize, Part<'b>)>, ReadError> {
        while !self.is_done {
            match self.part() {
                Ok(Some((index, part))) => {
                    if let Some(part) = part.without_dropped() {
                        return Ok(Some((index, part)));
                    }
                }
                Ok(None) => self.is_done = true,
                Err(fail) => {
                    self.is_done = true;
                    return Err(fail.at(self.base));
                }
            }
        }
        Ok(None)
    }
}

impl<'b> Iterator for Cells<'b> {
    type Item = Result<Part<'b>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_indexed().map(|found| found.map(|(_, part)| part)).transpose()
    }
}

impl Cell<'_> {
    /// Appends the cell as Data.db has it. What it shares with the row's liveness is left to that.
    #[inline]
    pub(super) fn put(&self, column: &Column, header: &Header, row: Option<Liveness>, out: &mut Vec<u8>) {
        let is_expiring = self.ttl != 0;
        let has_row_timestamp = row.is_some_and(|row| row.timestamp == self.timestamp);
        let has_row_ttl = is_expiring
            && row.is_some_and(|row| row.ttl == self.ttl && row.expires == self.local_deletion_time);
        let mut flags = 0;
        for (is_set, bit) in [
            (self.is_tombstone, flag::IS_DELETED),
            (is_expiring, flag::IS_EXPIRING),
            (self.value.is_empty(), flag::HAS_EMPTY_VALUE),
            (has_row_timestamp, flag::USE_ROW_TIMESTAMP),
            (has_row_ttl, flag::USE_ROW_TTL),
        ] {
            flags |= if is_set { bit } else { 0 };
        }
        out.push(flags);
        if !has_row_timestamp {
            put_timestamp(self.timestamp, header, out);
        }
        if (self.is_tombstone || is_expiring) && !has_row_ttl {
            put_local(self.local_deletion_time, header, out);
        }
        if is_expiring && !has_row_ttl {
            put_ttl(self.ttl, header, out);
        }
        if let Some(path) = self.path {
            put_vint_bytes(out, path);
        }
        match column.fixed_len {
            _ if self.value.is_empty() => {}
            Some(_) => out.extend_from_slice(self.value),
            None => put_vint_bytes(out, self.value),
        }
    }
}
