//! Rows that own their bytes, for merging, and their way back into the form of Data.db.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::comparable::put_value;
use crate::data::{Cell, Liveness, Part, Prefix, Row, put_prefix};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::ReadError;
use crate::statistics::{Column, Header};
use crate::types::{CqlType, Native};
use crate::vint::{put_uvint, put_vint_bytes};

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

/// The byte-comparable form of a cell's path, by which cells of a column are in order.
fn path_form(of: &CqlType, path: &[u8]) -> Vec<u8> {
    let timeuuid = CqlType::Native(Native::TimeUuid);
    let mut out = Vec::new();
    let key = match of.base() {
        CqlType::List(_) => Some(&timeuuid),
        CqlType::Set(element) => Some(&**element),
        CqlType::Map(key, _) => Some(&**key),
        _ => None,
    };
    // Indices of fields, and what cannot be ordered, by their bytes.
    if key.is_none_or(|key| put_value(key, path, &mut out).is_err()) {
        out.clear();
        out.extend_from_slice(path);
    }
    out
}

impl OwnedRow {
    /// Of a row whose columns are looked up by name in `columns`; others are left out.
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
                    let form = cell.path.map(|path| path_form(&columns[index].cql_type, path));
                    column.cells.insert(form.unwrap_or_default(), OwnedCell::from(&cell));
                }
            }
        }
        Ok(out)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.liveness.is_none() && self.deletion.is_live() && self.columns.is_empty()
    }

    /// Appends it as it stands in Data.db under `header`, whose minima are to be 0. `columns` are the header's static or regular ones.
    pub fn put(
        &self,
        prefix: Option<&[Option<&[u8]>]>,
        header: &Header,
        columns: &[Column],
        out: &mut Vec<u8>,
    ) {
        let has_complex_deletion = self.columns.values().any(|column| !column.deletion.is_live());
        let is_static = prefix.is_none();
        let extended = u8::from(is_static) | u8::from(self.is_shadowable) << 1;
        let mut flags = if extended == 0 { 0 } else { 0x80 };
        let mut body = Vec::new();
        put_uvint(&mut body, 0);
        if let Some(liveness) = self.liveness {
            flags |= 0x04;
            put_uvint(&mut body, liveness.timestamp as u64);
            if liveness.ttl != 0 {
                flags |= 0x08;
                put_uvint(&mut body, u64::from(liveness.ttl));
                put_uvint(&mut body, u64::from(liveness.expires));
            }
        }
        if !self.deletion.is_live() {
            flags |= 0x10;
            put_deletion(self.deletion, &mut body);
        }
        if has_complex_deletion {
            flags |= 0x40;
        }
        if self.columns.len() == columns.len() {
            flags |= 0x20;
        } else {
            self.put_subset(columns.len(), &mut body);
        }
        for (&index, data) in &self.columns {
            let Some(column) = columns.get(index) else { continue };
            if column.is_multi_cell {
                if has_complex_deletion {
                    put_deletion(data.deletion, &mut body);
                }
                put_uvint(&mut body, data.cells.len() as u64);
            }
            data.cells.values().for_each(|cell| cell.put(column, &mut body));
        }
        out.push(flags);
        if extended != 0 {
            out.push(extended);
        }
        if let Some(values) = prefix {
            put_prefix(values, &header.clustering, out);
        }
        put_uvint(out, body.len() as u64);
        out.extend_from_slice(&body);
    }

    fn put_subset(&self, count: usize, out: &mut Vec<u8>) {
        let absent = (0..count).filter(|i| !self.columns.contains_key(i));
        if count < 64 {
            put_uvint(out, absent.fold(0, |bits, i| bits | 1 << i));
            return;
        }
        let present = self.columns.len();
        put_uvint(out, (count - present) as u64);
        if present < count / 2 {
            self.columns.keys().for_each(|&i| put_uvint(out, i as u64));
        } else {
            absent.for_each(|i| put_uvint(out, i as u64));
        }
    }
}

impl OwnedColumn {
    fn new() -> OwnedColumn {
        OwnedColumn { deletion: DeletionTime::LIVE, cells: BTreeMap::new() }
    }
}

impl OwnedCell {
    fn put(&self, column: &Column, out: &mut Vec<u8>) {
        let has_time = self.local_deletion_time != NO_DELETION_TIME;
        let is_expiring = self.ttl != 0;
        let flags =
            u8::from(self.is_tombstone) | u8::from(is_expiring) << 1 | u8::from(self.value.is_empty()) << 2;
        out.push(flags);
        put_uvint(out, self.timestamp as u64);
        if self.is_tombstone || is_expiring {
            debug_assert!(has_time);
            put_uvint(out, u64::from(self.local_deletion_time));
        }
        if is_expiring {
            put_uvint(out, u64::from(self.ttl));
        }
        if let Some(path) = &self.path {
            put_vint_bytes(out, path);
        }
        if self.value.is_empty() {
            return;
        }
        match column.fixed_len {
            Some(_) => out.extend_from_slice(&self.value),
            None => put_vint_bytes(out, &self.value),
        }
    }
}

/// As a row or marker has it, under minima of 0.
pub(crate) fn put_deletion(time: DeletionTime, out: &mut Vec<u8>) {
    put_uvint(out, time.marked_at as u64);
    put_uvint(out, u64::from(time.local));
}

/// The values of a prefix.
pub(crate) fn owned_values(prefix: &Prefix<'_>) -> Vec<Option<Vec<u8>>> {
    prefix.values().map(|value| value.bytes().map(<[u8]>::to_vec)).collect()
}
