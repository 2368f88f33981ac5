//! A row on its way into Data.db: cells are appended column by column, then what stands before them is known.
//!
//! ```text
//! clear(liveness)   column(0) cell   column(3) cell cell   …   finish(clustering, deletion)   →   view(): the row      put(): its bytes
//! ```
//! Whether any multi-cell column was deleted, and which columns there are, stands before the cells, so that cells are gathered apart.

use alloc::vec::Vec;

use super::cells::{Cell, Subset};
use super::flags::{extended as ext, row as flag};
use super::row::{Liveness, Row, RowParts};
use super::{Span, put_deletion, put_local, put_timestamp, put_ttl};
use crate::deletion::DeletionTime;
use crate::statistics::{Column, Header};
use crate::vint::{put_uvint, uvint_len};

/// The data of a column.
#[derive(Clone, Copy, Debug)]
struct ColumnData {
    index: usize,
    /// Where its cells begin.
    start: usize,
    cell_count: u32,
    deletion: DeletionTime,
    is_multi_cell: bool,
}

/// Builds one row after the other in buffers of its own.
#[derive(Clone, Debug, Default)]
pub struct RowBuilder {
    columns: Vec<ColumnData>,
    cells: Vec<u8>,
    liveness: Option<Liveness>,
    /// The clustering, then the body without the size of the row before.
    bytes: Vec<u8>,
    parts: Option<RowParts>,
}

impl RowBuilder {
    /// Begins a row with this liveness.
    pub fn clear(&mut self, liveness: Option<Liveness>) {
        self.columns.clear();
        self.cells.clear();
        self.liveness = liveness;
        self.parts = None;
    }

    /// Begins the next column of the header, which must come after the one before; `deletion` is that of a multi-cell column.
    pub fn column(&mut self, index: usize, column: &Column, deletion: DeletionTime) {
        let (start, is_multi_cell) = (self.cells.len(), column.is_multi_cell);
        self.columns.push(ColumnData { index, start, cell_count: 0, deletion, is_multi_cell });
    }

    /// Appends a cell to the column that was begun last. Those of a multi-cell column come in the order of their paths.
    #[inline]
    pub fn cell(&mut self, column: &Column, cell: &Cell<'_>, header: &Header) {
        if let Some(data) = self.columns.last_mut() {
            data.cell_count += 1;
            cell.put(column, header, self.liveness, &mut self.cells);
        }
    }

    /// Forgets the column that was begun last if nothing was said of it.
    pub fn settle_column(&mut self) {
        self.columns.pop_if(|data| data.cell_count == 0 && data.deletion.is_live());
    }

    /// Whether the row has a liveness.
    pub const fn has_liveness(&self) -> bool {
        self.liveness.is_some()
    }

    /// Whether no column was added.
    pub const fn has_no_columns(&self) -> bool {
        self.columns.is_empty()
    }

    /// Ends the row: `clustering` is encoded, `None` for a static row.
    pub fn finish(
        &mut self,
        clustering: Option<&[u8]>,
        deletion: DeletionTime,
        is_shadowable: bool,
        header: &Header,
    ) {
        let is_static = clustering.is_none();
        let columns = if is_static { &header.statics } else { &header.regulars };
        let out = &mut self.bytes;
        out.clear();
        out.extend_from_slice(clustering.unwrap_or_default());
        let clustering = Span::of(0..out.len());
        if let Some(liveness) = self.liveness {
            put_timestamp(liveness.timestamp, header, out);
            if liveness.ttl != 0 {
                put_ttl(liveness.ttl, header, out);
                put_local(liveness.expires, header, out);
            }
        }
        if !deletion.is_live() {
            put_deletion(deletion, header, out);
        }
        let subset = if self.columns.len() == columns.len() {
            Subset::ALL
        } else {
            Subset::put(columns.len(), self.columns.iter().map(|data| data.index), out)
        };
        let has_complex_deletion = self.columns.iter().any(|data| !data.deletion.is_live());
        let cells_at = out.len();
        let mut from = 0;
        // Cells of simple columns that follow one another go in one piece.
        for data in self.columns.iter().filter(|data| data.is_multi_cell) {
            out.extend_from_slice(&self.cells[from..data.start]);
            from = data.start;
            if has_complex_deletion {
                put_deletion(data.deletion, header, out);
            }
            put_uvint(out, u64::from(data.cell_count));
        }
        out.extend_from_slice(&self.cells[from..]);
        self.parts = Some(RowParts {
            is_static,
            is_shadowable,
            has_complex_deletion,
            previous_len: 0,
            clustering,
            liveness: self.liveness,
            deletion,
            subset,
            cells: Span::of(cells_at..out.len()),
        });
    }

    /// The row that was finished, at position 0; `None` before. `header` is the one that it was built with.
    #[inline]
    pub fn view<'b>(&'b self, header: &'b Header) -> Option<Row<'b>> {
        self.parts.as_ref().map(|parts| parts.view(&self.bytes, 0, header))
    }

    /// Appends the row that was finished as it stands in Data.db behind one that takes `previous_len` bytes.
    pub fn put(&self, previous_len: u64, out: &mut Vec<u8>) {
        let Some(parts) = &self.parts else { return };
        let extended = if parts.is_static { ext::IS_STATIC } else { 0 }
            | if parts.is_shadowable { ext::HAS_SHADOWABLE_DELETION } else { 0 };
        let mut flags = 0;
        for (is_set, bit) in [
            (parts.liveness.is_some(), flag::HAS_TIMESTAMP),
            (parts.liveness.is_some_and(|liveness| liveness.ttl != 0), flag::HAS_TTL),
            (!parts.deletion.is_live(), flag::HAS_DELETION),
            (matches!(parts.subset, Subset::Missing(0)), flag::HAS_ALL_COLUMNS),
            (parts.has_complex_deletion, flag::HAS_COMPLEX_DELETION),
            (extended != 0, flag::EXTENSION),
        ] {
            flags |= if is_set { bit } else { 0 };
        }
        out.push(flags);
        if extended != 0 {
            out.push(extended);
        }
        let (clustering, body) = self.bytes.split_at(parts.clustering.end as usize);
        out.extend_from_slice(clustering);
        put_uvint(out, (uvint_len(previous_len) + body.len()) as u64);
        put_uvint(out, previous_len);
        out.extend_from_slice(body);
    }
}
