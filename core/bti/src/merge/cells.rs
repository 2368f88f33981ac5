//! The cells of several versions of one row: the least column of all cursors, then within a column the least path.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;

use super::columns::ColumnMap;
use super::{newer, supersedes};
use crate::comparable::put_value;
use crate::counter;
use crate::data::{Cell, Cells, Liveness, Part, Row, RowBuilder};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::ReadError;
use crate::statistics::{Column, Header};
use crate::types::{CqlType, Native};

/// A table's version of a row: a cursor over its cells.
#[derive(Debug)]
pub(super) struct Version<'v> {
    map: &'v ColumnMap,
    cells: Cells<'v>,
    /// What the cursor is at, with the column's index in the merged layout.
    next: Option<(usize, Part<'v>)>,
}

impl<'v> Version<'v> {
    #[inline]
    pub fn new(row: &Row<'v>, map: &'v ColumnMap) -> Version<'v> {
        Version { map, cells: row.cells(), next: None }
    }

    #[inline]
    fn pull(&mut self) -> Result<(), ReadError> {
        loop {
            self.next = match self.cells.next_indexed()? {
                Some((index, part)) => match self.map.get(index) {
                    Some(index) => Some((index, part)),
                    None => continue,
                },
                None => None,
            };
            return Ok(());
        }
    }

    /// Takes the cell that the cursor is at, if it is one of this column.
    #[inline]
    fn cell_of(&self, column: usize) -> Option<&Cell<'v>> {
        match &self.next {
            Some((index, Part::Cell { cell, .. })) if *index == column => Some(cell),
            _ => None,
        }
    }
}

/// Buffers that are used from row to row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// A merged counter, and the one that it becomes next.
    counter: Vec<u8>,
    next_counter: Vec<u8>,
    /// The byte-comparable forms of two paths.
    forms: [Vec<u8>; 2],
}

/// What stands before the cells, of all versions of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heads<'v> {
    liveness: Option<Liveness>,
    deletion: DeletionTime,
    is_shadowable: bool,
    clustering: &'v [u8],
}

impl<'v> Heads<'v> {
    #[inline]
    pub fn add(&mut self, row: &Row<'v>) {
        if let Some(new) = row.liveness
            && self.liveness.is_none_or(|held| new.supersedes(&held))
        {
            self.liveness = Some(new);
        }
        if supersedes(row.deletion, self.deletion) {
            (self.deletion, self.is_shadowable) = (row.deletion, row.is_shadowable);
        }
        self.clustering = row.clustering.encoded();
    }
}

/// Merges versions of one row into the builder. `active` is the newest deletion that covers them from outside. `false`: nothing is left.
pub(super) fn merge_versions(
    heads: &Heads<'_>,
    versions: &mut [Version<'_>],
    active: DeletionTime,
    header: &Header,
    is_static: bool,
    builder: &mut RowBuilder,
    scratch: &mut Scratch,
) -> Result<bool, ReadError> {
    let Heads { liveness, mut deletion, mut is_shadowable, clustering } = *heads;
    let is_shadowed = is_shadowable && liveness.is_some_and(|l| l.timestamp > deletion.marked_at);
    if is_shadowed || !supersedes(deletion, active) {
        (deletion, is_shadowable) = (DeletionTime::LIVE, false);
    }
    let active = newer(active, deletion);
    builder.clear(liveness.filter(|liveness| !active.deletes(liveness.timestamp)));
    let columns = if is_static { &header.statics } else { &header.regulars };
    let is_kept = builder.has_liveness() || !deletion.is_live();
    for version in &mut *versions {
        version.pull()?;
    }
    while let Some(index) =
        versions.iter().filter_map(|version| version.next.as_ref().map(|next| next.0)).min()
    {
        let Some(column) = columns.get(index) else { break };
        if column.is_multi_cell {
            complex(versions, index, column, active, header, builder, scratch)?;
        } else {
            simple(versions, index, column, active, header, builder, scratch)?;
        }
    }
    if !is_kept && builder.has_no_columns() && !is_static {
        return Ok(false);
    }
    builder.finish((!is_static).then_some(clustering), deletion, is_shadowable, header);
    Ok(true)
}

/// The one cell of a simple column.
fn simple(
    versions: &mut [Version<'_>],
    index: usize,
    column: &Column,
    active: DeletionTime,
    header: &Header,
    builder: &mut RowBuilder,
    scratch: &mut Scratch,
) -> Result<(), ReadError> {
    if column.cql_type.is_counter() {
        let mut held = Held::default();
        for cell in versions.iter().filter_map(|version| version.cell_of(index)) {
            if !active.deletes(cell.timestamp) {
                held.add(*cell, true, scratch);
            }
        }
        if let Some(cell) = held.cell(scratch) {
            builder.column(index, column, DeletionTime::LIVE);
            builder.cell(column, &cell, header);
        }
    } else {
        let cells = versions.iter().filter_map(|version| version.cell_of(index));
        let cells = cells.filter(|cell| !active.deletes(cell.timestamp));
        if let Some(cell) = cells.reduce(|held, new| if wins(new, held, false) { new } else { held }) {
            builder.column(index, column, DeletionTime::LIVE);
            builder.cell(column, cell, header);
        }
    }
    for version in versions.iter_mut().filter(|version| version.cell_of(index).is_some()) {
        version.pull()?;
    }
    Ok(())
}

/// The deletion and the cells of a multi-cell column.
fn complex(
    versions: &mut [Version<'_>],
    index: usize,
    column: &Column,
    active: DeletionTime,
    header: &Header,
    builder: &mut RowBuilder,
    scratch: &mut Scratch,
) -> Result<(), ReadError> {
    let mut deletion = DeletionTime::LIVE;
    for version in versions.iter_mut() {
        if let Some((at, Part::Complex { deletion: theirs, .. })) = version.next
            && at == index
        {
            deletion = newer(deletion, theirs);
            version.pull()?;
        }
    }
    if !supersedes(deletion, active) {
        deletion = DeletionTime::LIVE;
    }
    let covering = newer(active, deletion);
    builder.column(index, column, deletion);
    let (is_counter, key) = (column.cql_type.is_counter(), path_type(&column.cql_type));
    while let Some(path) = least_path(versions, index, key, &mut scratch.forms) {
        let mut held = Held::default();
        for version in versions.iter_mut() {
            let Some(cell) = version.cell_of(index) else { continue };
            let theirs = cell.path.unwrap_or_default();
            if theirs != path && compare_paths(key, theirs, path, &mut scratch.forms).is_ne() {
                continue;
            }
            if !covering.deletes(cell.timestamp) {
                held.add(*cell, is_counter, scratch);
            }
            version.pull()?;
        }
        if let Some(cell) = held.cell(scratch) {
            builder.cell(column, &cell, header);
        }
    }
    builder.settle_column();
    Ok(())
}

/// The least path of the cells of a column that the cursors are at.
fn least_path<'v>(
    versions: &[Version<'v>],
    index: usize,
    key: PathType<'_>,
    forms: &mut [Vec<u8>; 2],
) -> Option<&'v [u8]> {
    let mut least: Option<&'v [u8]> = None;
    for version in versions {
        let Some(cell) = version.cell_of(index) else { continue };
        let path = cell.path.unwrap_or_default();
        if least.is_none_or(|least| path != least && compare_paths(key, path, least, forms).is_lt()) {
            least = Some(path);
        }
    }
    least
}

/// What orders the paths of a column: a type, or their bytes.
type PathType<'t> = Option<&'t CqlType>;

const TIMEUUID: CqlType = CqlType::Native(Native::TimeUuid);

/// The type of the paths of a column; of a user type they are indices of fields.
pub(crate) fn path_type(of: &CqlType) -> PathType<'_> {
    match of.base() {
        CqlType::List(_) => Some(&TIMEUUID),
        CqlType::Set(element) => Some(element),
        CqlType::Map(key, _) => Some(key),
        _ => None,
    }
}

/// Appends the byte-comparable form of a path; of one that its type cannot order, its bytes.
pub(crate) fn put_path(key: PathType<'_>, path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if key.is_none_or(|key| put_value(key, path, out).is_err()) {
        out.clear();
        out.extend_from_slice(path);
    }
}

#[cold]
fn compare_paths(key: PathType<'_>, a: &[u8], b: &[u8], forms: &mut [Vec<u8>; 2]) -> Ordering {
    let [left, right] = forms;
    put_path(key, a, left);
    put_path(key, b, right);
    left.as_slice().cmp(right)
}

/// What counts so far of the cells of one place.
#[derive(Default)]
struct Held<'v> {
    cell: Option<Cell<'v>>,
    /// Whether its value is the merged counter of the scratch.
    is_merged: bool,
}

impl<'v> Held<'v> {
    #[inline]
    fn add(&mut self, new: Cell<'v>, is_counter: bool, scratch: &mut Scratch) {
        let Some(held) = &mut self.cell else {
            self.cell = Some(new);
            return;
        };
        if is_counter && !held.is_tombstone && !new.is_tombstone {
            held.timestamp = held.timestamp.max(new.timestamp);
            let value = if self.is_merged { &scratch.counter[..] } else { held.value };
            if counter::merge_into(value, new.value, &mut scratch.next_counter).is_some() {
                mem::swap(&mut scratch.counter, &mut scratch.next_counter);
                self.is_merged = true;
            }
        } else if wins(&new, held, is_counter) {
            (self.cell, self.is_merged) = (Some(new), false);
        }
    }

    #[inline]
    fn cell<'s>(&self, scratch: &'s Scratch) -> Option<Cell<'s>>
    where
        'v: 's,
    {
        let cell = self.cell?;
        Some(if self.is_merged { Cell { value: &scratch.counter, ..cell } } else { cell })
    }
}

/// Whether `new` counts rather than `old` (`Cells.reconcile`).
#[inline]
pub(crate) fn wins(new: &Cell<'_>, old: &Cell<'_>, is_counter: bool) -> bool {
    if is_counter && new.is_tombstone != old.is_tombstone {
        return new.is_tombstone;
    }
    if new.timestamp != old.timestamp {
        return new.timestamp > old.timestamp;
    }
    let has_time = |cell: &Cell<'_>| cell.local_deletion_time != NO_DELETION_TIME;
    let order = (has_time(new).cmp(&has_time(old)))
        .then_with(|| new.is_tombstone.cmp(&old.is_tombstone))
        .then_with(|| {
            if has_time(new) {
                new.local_deletion_time.cmp(&old.local_deletion_time)
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| old.ttl.cmp(&new.ttl))
        .then_with(|| new.value.cmp(old.value));
    order == Ordering::Greater
}
