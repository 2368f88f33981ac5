//! The columns of several tables as one layout, and where in it each table's columns are.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::component::{Component, Version};
use crate::error::{Damage, ReadError};
use crate::statistics::{Column, Header};

/// A header that has the columns of all: the first that has a column says its type. Its minima are 0.
pub fn merged_header<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Option<Header> {
    let mut headers = headers.into_iter();
    let mut merged = headers.next()?.clone();
    for header in headers {
        for (ours, theirs) in
            [(&mut merged.statics, &header.statics), (&mut merged.regulars, &header.regulars)]
        {
            merge_columns(ours, theirs);
        }
    }
    merged.version = Version::Da;
    (merged.min_timestamp, merged.min_local_deletion_time, merged.min_ttl) = (0, 0, 0);
    Some(merged)
}

fn merge_columns(ours: &mut Vec<Column>, theirs: &[Column]) {
    if are_written_alike(ours, theirs) {
        return;
    }
    let known: BTreeMap<&str, usize> = ours.iter().enumerate().map(|(i, c)| (&c.name[..], i)).collect();
    let places: Vec<Option<usize>> = theirs.iter().map(|c| known.get(&c.name[..]).copied()).collect();
    for (column, place) in theirs.iter().zip(places) {
        match place {
            None => ours.push(column.clone()),
            // Values of both lengths fit behind a length of their own.
            Some(i) if ours[i].fixed_len != column.fixed_len => ours[i].fixed_len = None,
            Some(_) => {}
        }
    }
    ours.sort_by(|a, b| column_order(a).cmp(&column_order(b)));
}

/// Whether rows of both layouts are written alike: the usual case, as tables of one flush after another are.
fn are_written_alike(a: &[Column], b: &[Column]) -> bool {
    let alike = |(a, b): (&Column, &Column)| {
        a.name == b.name && a.fixed_len == b.fixed_len && a.is_multi_cell == b.is_multi_cell
    };
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// The order of columns in headers (`ColumnIdentifier.prefixComparison`): simple ones first, then by the first eight bytes of the name as one
/// **signed** number, so that names which begin outside ASCII come first, then by all of them.
fn column_order(column: &Column) -> (bool, i64, &[u8]) {
    let name = column.name.as_bytes();
    let mut head = [0; 8];
    let len = name.len().min(8);
    head[..len].copy_from_slice(&name[..len]);
    (column.is_multi_cell, i64::from_be_bytes(head), name)
}

/// Where a table's columns of one kind are in the merged layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnMap {
    /// By index in the table's header, ascending; `None`: the layout leaves it out. Without a list columns stand where they stand.
    indices: Option<Vec<Option<u32>>>,
    /// Whether rows can be handed on: they are written as in the layout, and no column is dropped.
    is_whole: bool,
}

impl ColumnMap {
    fn new(theirs: &[Column], merged: &[Column]) -> Result<ColumnMap, ReadError> {
        let has_dropped = theirs.iter().any(|column| column.dropped_at.is_some());
        if are_written_alike(theirs, merged) {
            return Ok(ColumnMap { indices: None, is_whole: !has_dropped });
        }
        let places: BTreeMap<&str, usize> =
            merged.iter().enumerate().map(|(i, column)| (&column.name[..], i)).collect();
        let mut indices = Vec::with_capacity(theirs.len());
        let mut least = 0;
        for column in theirs {
            let place = places.get(&column.name[..]).copied();
            if let Some(place) = place {
                // Rows are merged column by column, so that all tables must have them in one order; and a cell is no collection.
                if place < least || merged[place].is_multi_cell != column.is_multi_cell {
                    return Err(misfit());
                }
                least = place + 1;
            }
            indices.push(place.map(|place| place as u32));
        }
        Ok(ColumnMap { indices: Some(indices), is_whole: false })
    }

    /// Where the merged layout has the table's column.
    #[inline]
    pub fn get(&self, index: usize) -> Option<usize> {
        match &self.indices {
            None => Some(index),
            Some(indices) => indices.get(index).copied().flatten().map(|place| place as usize),
        }
    }

    /// Whether a row can be handed on as it is.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Where a table's columns are in the merged layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnMaps {
    statics: ColumnMap,
    regulars: ColumnMap,
}

impl ColumnMaps {
    /// # Errors
    /// [`Damage::Columns`]: columns in another order than the merged layout's, or of another kind.
    pub fn new(theirs: &Header, merged: &Header) -> Result<ColumnMaps, ReadError> {
        // Clusterings are handed on as they are encoded.
        fn lens(header: &Header) -> impl Iterator<Item = Option<u32>> + '_ {
            header.clustering.iter().map(|c| c.fixed_len)
        }
        if !lens(theirs).eq(lens(merged)) {
            return Err(misfit());
        }
        Ok(ColumnMaps {
            statics: ColumnMap::new(&theirs.statics, &merged.statics)?,
            regulars: ColumnMap::new(&theirs.regulars, &merged.regulars)?,
        })
    }

    pub const fn of(&self, is_static: bool) -> &ColumnMap {
        if is_static { &self.statics } else { &self.regulars }
    }
}

const fn misfit() -> ReadError {
    ReadError::corrupt(Component::Statistics, 0, Damage::Columns)
}
