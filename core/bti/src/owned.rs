//! Rows that own their bytes, as maps: what the plain twin of merging works on, and tests.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::data::{Cell, Liveness, Part, Prefix, Row, RowBuilder, put_prefix};
use crate::deletion::DeletionTime;
use crate::error::ReadError;
use crate::merge::{path_type, put_path};
use crate::statistics::{Column, Header};

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCell {
    /// Microseconds.
    pub timestamp: i64,
    /// Seconds to live; 0 for ever.
    pub ttl: u32,
    /// Second of the deletion or expiry; `NO_DELETION_TIME` for none.
    pub local_deletion_time: u32,
    /// Which element of a multi-cell column.
    pub path: Option<Vec<u8>>,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Whether it says that there is no value.
    pub is_tombstone: bool,
}

impl From<&Cell<'_>> for OwnedCell {
    fn from(cell: &Cell<'_>) -> OwnedCell {
        OwnedCell {
            timestamp: cell.timestamp,
            ttl: cell.ttl,
            local_deletion_time: cell.local_deletion_time,
            path: cell.path.map(<[u8]>::to_vec),
            value: cell.value.to_vec(),
            is_tombstone: cell.is_tombstone,
        }
    }
}

/// The data of a column: its deletion if it is multi-cell, and its cells by the byte-comparable form of their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedColumn {
    /// What was deleted of a multi-cell column.
    pub deletion: DeletionTime,
    /// Its cells; a simple column has one, under the empty form.
    pub cells: BTreeMap<Vec<u8>, OwnedCell>,
}

/// A row; its columns by their index in a header that all rows share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedRow {
    /// When it was written.
    pub liveness: Option<Liveness>,
    /// Its deletion.
    pub deletion: DeletionTime,
    /// Whether the deletion goes when a newer write comes.
    pub is_shadowable: bool,
    /// Its data.
    pub columns: BTreeMap<usize, OwnedColumn>,
}

impl OwnedRow {
    /// Of a row whose columns are looked up by name in `columns`; others are left out.
    ///
    /// # Errors
    /// Its cells are damaged.
    pub fn of(row: &Row<'_>, columns: &[Column]) -> Result<OwnedRow, ReadError> {
        let mut out = OwnedRow {
            liveness: row.liveness,
            deletion: row.deletion,
            is_shadowable: row.is_shadowable,
            columns: BTreeMap::new(),
        };
        for part in row.cells() {
            let part = part?;
            let name = &part.column().name;
            let Some(index) = columns.iter().position(|column| column.name == *name) else { continue };
            let column = out.columns.entry(index).or_insert_with(OwnedColumn::new);
            match part {
                Part::Complex { deletion, .. } => column.deletion = deletion,
                Part::Cell { cell, .. } => {
                    let mut form = Vec::new();
                    if let Some(path) = cell.path {
                        put_path(path_type(&columns[index].cql_type), path, &mut form);
                    }
                    column.cells.insert(form, OwnedCell::from(&cell));
                }
            }
        }
        Ok(out)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.liveness.is_none() && self.deletion.is_live() && self.columns.is_empty()
    }

    /// Appends it as it stands in Data.db under `header`. `columns` are the header's static or regular ones.
    pub fn put(
        &self,
        prefix: Option<&[Option<&[u8]>]>,
        header: &Header,
        columns: &[Column],
        out: &mut Vec<u8>,
    ) {
        let mut builder = RowBuilder::default();
        builder.clear(self.liveness);
        for (&index, data) in &self.columns {
            let Some(column) = columns.get(index) else { continue };
            builder.column(index, column, data.deletion);
            data.cells.values().for_each(|cell| builder.cell(column, &cell.as_cell(), header));
        }
        let clustering = prefix.map(|values| {
            let mut encoded = Vec::new();
            put_prefix(values, &header.clustering, &mut encoded);
            encoded
        });
        builder.finish(clustering.as_deref(), self.deletion, self.is_shadowable, header);
        builder.put(0, out);
    }
}

impl OwnedColumn {
    fn new() -> OwnedColumn {
        OwnedColumn { deletion: DeletionTime::LIVE, cells: BTreeMap::new() }
    }
}

impl OwnedCell {
    /// The same, borrowed.
    pub fn as_cell(&self) -> Cell<'_> {
        Cell {
            timestamp: self.timestamp,
            ttl: self.ttl,
            local_deletion_time: self.local_deletion_time,
            path: self.path.as_deref(),
            value: &self.value,
            is_tombstone: self.is_tombstone,
        }
    }
}

/// The values of a prefix.
pub(crate) fn owned_values(prefix: &Prefix<'_>) -> Vec<Option<Vec<u8>>> {
    prefix.values().map(|value| value.bytes().map(<[u8]>::to_vec)).collect()
}
