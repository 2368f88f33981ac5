//! Merging of rows as maps, which judges the merge of cursors.

use alloc::vec::Vec;

use crate::counter;
use crate::deletion::DeletionTime;
use crate::merge::{newer, supersedes, wins};
use crate::owned::{OwnedColumn, OwnedRow};
use crate::statistics::Column;

/// The rows of one clustering as one. `active` is the newest deletion that covers them from outside.
pub fn merge_rows(mut rows: Vec<OwnedRow>, active: DeletionTime, columns: &[Column]) -> OwnedRow {
    let mut out = OwnedRow::default();
    drop_deleted_counters(&mut rows, active, columns);
    for row in rows {
        out.liveness = match (out.liveness, row.liveness) {
            (Some(held), Some(new)) if !new.supersedes(&held) => Some(held),
            (held, new) => new.or(held),
        };
        if supersedes(row.deletion, out.deletion) {
            (out.deletion, out.is_shadowable) = (row.deletion, row.is_shadowable);
        }
        for (index, data) in row.columns {
            let is_counter = columns.get(index).is_some_and(|column| column.cql_type.is_counter());
            match out.columns.entry(index) {
                alloc::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(data)),
                alloc::collections::btree_map::Entry::Occupied(mut entry) => {
                    merge_column(entry.get_mut(), data, is_counter);
                }
            }
        }
    }
    let is_shadowed =
        out.is_shadowable && out.liveness.is_some_and(|liveness| liveness.timestamp > out.deletion.marked_at);
    if is_shadowed || !supersedes(out.deletion, active) {
        (out.deletion, out.is_shadowable) = (DeletionTime::LIVE, false);
    }
    let active = newer(active, out.deletion);
    out.liveness = out.liveness.filter(|liveness| !active.deletes(liveness.timestamp));
    out.columns.retain(|_, data| {
        if !supersedes(data.deletion, active) {
            data.deletion = DeletionTime::LIVE;
        }
        let covering = newer(active, data.deletion);
        data.cells.retain(|_, cell| !covering.deletes(cell.timestamp));
        !data.cells.is_empty() || !data.deletion.is_live()
    });
    out
}

fn merge_column(into: &mut OwnedColumn, from: OwnedColumn, is_counter: bool) {
    into.deletion = newer(into.deletion, from.deletion);
    for (form, cell) in from.cells {
        match into.cells.entry(form) {
            alloc::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(cell)),
            alloc::collections::btree_map::Entry::Occupied(mut entry) => {
                let held = entry.get_mut();
                if is_counter && !held.is_tombstone && !cell.is_tombstone {
                    held.timestamp = held.timestamp.max(cell.timestamp);
                    if let Some(merged) = counter::merge(&held.value, &cell.value) {
                        held.value = merged;
                    }
                } else if wins(&cell.as_cell(), &held.as_cell(), is_counter) {
                    *held = cell;
                }
            }
        }
    }
}

/// Counters add up, so that what is deleted must not take part: for each version's cell it is looked whether any deletion covers it.
fn drop_deleted_counters(rows: &mut [OwnedRow], active: DeletionTime, columns: &[Column]) {
    let liveness = rows.iter().filter_map(|row| row.liveness).map(|liveness| liveness.timestamp).max();
    let newest = rows.iter().map(|row| (row.deletion, row.is_shadowable));
    let newest = newest.reduce(|a, b| if supersedes(b.0, a.0) { b } else { a }).unwrap_or_default();
    let is_shadowed = newest.1 && liveness.is_some_and(|timestamp| timestamp > newest.0.marked_at);
    let covering = if is_shadowed { active } else { newer(active, newest.0) };
    for (index, data) in rows.iter_mut().flat_map(|row| &mut row.columns) {
        if columns.get(*index).is_some_and(|column| column.cql_type.is_counter()) {
            data.cells.retain(|_, cell| !covering.deletes(cell.timestamp));
        }
    }
}
