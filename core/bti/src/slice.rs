//! The rows of one partition between two clusterings, forwards or backwards.
//!
//! ```text
//! forwards:   block of the lower bound (row index) → skip up to the bound → rows up to the upper bound
//! backwards:  block of the upper bound → note where its rows begin → hand them out from the last → the block before
//! ```
//! A range tombstone that is open at a bound is cut off there: a marker of the slice's own stands in its place. Without a row index the
//! partition is walked once, and backwards a note is kept of every 64 KiB.

use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_base::trace::NoTrace;
use dolmen_codec::Cursor;
use dolmen_codec::compress::Codecs;

use crate::absent::is_misread;
use crate::comparable::{ClusteringKind, put_clustering};
use crate::component::Component;
use crate::data::{BoundKind, Event, Events, Marker, Prefix, Walk, put_prefix};
use crate::deletion::DeletionTime;
use crate::error::{Damage, ReadError, ValueError};
use crate::rows::{Block, Blocks};
use crate::statistics::Header;
use crate::table::{Found, Table};
use crate::trie::{Edge, Pages};

/// Bytes of rows between two notes, where there is no row index.
const NOTE_EVERY: u64 = 1 << 16;

/// An end of a slice.
#[derive(Clone, Debug)]
pub struct Bound {
    kind: BoundKind,
    /// Byte-comparable.
    form: Vec<u8>,
    /// As in Data.db.
    encoded: Vec<u8>,
    value_count: usize,
}

impl Bound {
    /// Before or after the clusterings that begin with `values`; `None` among them is null. `kind` is no boundary.
    ///
    /// # Errors
    /// More values than clustering columns; a value that its type cannot order.
    pub fn new(table: &Table, values: &[Option<&[u8]>], kind: BoundKind) -> Result<Bound, ValueError> {
        let mut form = Vec::new();
        let types = table.clustering_types();
        put_clustering(types, values.iter().copied(), kind.clustering_kind(), &mut form)?;
        let mut encoded = Vec::new();
        put_prefix(values, &table.statistics.header.clustering, &mut encoded);
        Ok(Bound { kind, form, encoded, value_count: values.len() })
    }
}

/// Which rows of a partition, and from which end.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// A start bound; `None`: from the first row.
    pub from: Option<Bound>,
    /// An end bound; `None`: to the last row.
    pub to: Option<Bound>,
    /// From the last row to the first.
    pub is_reversed: bool,
}

impl Slice {
    /// Whether its bounds leave nothing between them: the lower one is not below the upper one.
    pub fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => from.form >= to.form,
            _ => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Static,
    Seek,
    Rows,
    End,
    Done,
}

/// A block whose rows are handed out from the last: where each begins.
#[derive(Clone, Debug, Default)]
struct Backwards {
    rows: Vec<u64>,
    /// Where this block begins, so that the one before ends there.
    start: Option<u64>,
    /// Blocks before this one, from a pass over the partition.
    notes: Vec<(u64, Option<DeletionTime>)>,
    blocks: Option<Blocks>,
    is_last: bool,
    /// The range open where the slice's rows begin.
    open: Option<DeletionTime>,
}

/// Where a block begins, the range open there, and the node of the row index that says so, if one does.
type Taken = (u64, Option<DeletionTime>, Option<u64>);

/// What a reader shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    /// What the walk is at.
    Walk,
    /// A marker of the slice's own, at its upper or lower bound.
    Cut {
        is_upper: bool,
        deletion: DeletionTime,
    },
    End,
}

/// Reads one partition: its head, its static row, the rows of the slice, its end.
#[derive(Debug)]
pub struct PartitionReader<'t, S, C> {
    table: &'t Table,
    found: Found,
    slice: Slice,
    walk: Walk<'t, S, C>,
    pages: Pages<S, NoTrace>,
    stage: Stage,
    shown: Shown,
    /// What the walk is at already, before it is shown.
    ahead: Option<Look>,
    open: Option<DeletionTime>,
    form: Vec<u8>,
    backwards: Backwards,
    /// Where its first row begins.
    first_row: u64,
}

/// What stands at a position.
#[derive(Clone, Copy, Debug)]
struct Look {
    position: u64,
    is_end: bool,
    is_before: bool,
    is_after: bool,
    /// The range open behind it, if it is a marker.
    open: Option<Option<DeletionTime>>,
}

impl Table {
    /// Reads the rows of a slice of a partition that [`Table::find`] found.
    pub fn read<S: BlockSource<ReadError> + Clone, C: Codecs>(
        &self,
        source: S,
        codecs: C,
        mode: ReadMode,
        found: Found,
        slice: Slice,
    ) -> PartitionReader<'_, S, C> {
        PartitionReader {
            table: self,
            found,
            slice,
            walk: self.walk(source.clone(), codecs, mode, found.data_position),
            pages: self.pages(source, Component::Rows, mode),
            stage: Stage::Head,
            shown: Shown::Nothing,
            ahead: None,
            open: None,
            form: Vec::new(),
            backwards: Backwards::default(),
            first_row: 0,
        }
    }
}

impl<S: BlockSource<ReadError>, C: Codecs> PartitionReader<'_, S, C> {
    /// Blocks asked for since the key was sought: pages of indexes and chunks of data.
    pub const fn blocks_read(&self) -> u64 {
        self.found.blocks_read + self.pages.asked() + self.walk.chunks_read()
    }

    /// Goes to the next event. `false`: the partition is read.
    ///
    /// # Errors
    /// Damage, with its place; what the source could not read.
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        self.shown = Shown::Nothing;
        let shown = self.step_stage();
        match shown {
            Ok(shown) => {
                self.shown = shown;
                Ok(shown != Shown::Nothing)
            }
            Err(error) => {
                self.stage = Stage::Done;
                Err(error)
            }
        }
    }

    /// The event that it went to.
    pub fn current(&self) -> Option<Event<'_>> {
        match self.shown {
            Shown::Nothing => None,
            Shown::Walk => self.walk.current(),
            Shown::Cut { is_upper, deletion } => self.cut(is_upper, deletion),
            Shown::End => Some(Event::End(self.walk.position())),
        }
    }

    /// The next event; `None` behind the partition's end.
    ///
    /// # Errors
    /// As [`PartitionReader::advance`].
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    fn step_stage(&mut self) -> Result<Shown, ReadError> {
        loop {
            match self.stage {
                Stage::Done => return Ok(Shown::Nothing),
                Stage::Head => {
                    let has_statics = !self.table.statistics.header.statics.is_empty();
                    self.stage = if has_statics { Stage::Static } else { Stage::Seek };
                    return self.walk_on();
                }
                Stage::Static => {
                    self.stage = Stage::Seek;
                    return self.walk_on();
                }
                Stage::Seek if self.slice.is_empty() => self.stage = Stage::End,
                Stage::Seek => {
                    (self.stage, self.first_row) = (Stage::Rows, self.walk.position());
                    let is_upper = self.slice.is_reversed;
                    let open = if is_upper { self.seek_backwards()? } else { self.seek()? };
                    if let Some(deletion) = open.filter(|_| self.bound(is_upper).is_some()) {
                        return Ok(Shown::Cut { is_upper, deletion });
                    }
                }
                Stage::Rows => {
                    let is_upper = !self.slice.is_reversed;
                    match if is_upper { self.step()? } else { self.step_backwards()? } {
                        Ok(()) => return Ok(Shown::Walk),
                        Err(open) => {
                            self.stage = Stage::End;
                            if let Some(deletion) = open.filter(|_| self.bound(is_upper).is_some()) {
                                return Ok(Shown::Cut { is_upper, deletion });
                            }
                        }
                    }
                }
                Stage::End => {
                    self.stage = Stage::Done;
                    return Ok(Shown::End);
                }
            }
        }
    }

    fn walk_on(&mut self) -> Result<Shown, ReadError> {
        Ok(if self.walk.advance()? { Shown::Walk } else { Shown::Nothing })
    }

    const fn bound(&self, is_upper: bool) -> Option<&Bound> {
        if is_upper { self.slice.to.as_ref() } else { self.slice.from.as_ref() }
    }

    /// A marker of the slice's own, at its upper or lower bound.
    fn cut(&self, is_upper: bool, deletion: DeletionTime) -> Option<Event<'_>> {
        let bound = self.bound(is_upper)?;
        let columns = self.table.statistics.header.clustering.get(..bound.value_count)?;
        let clustering = Prefix::get(&mut Cursor::new(&bound.encoded), columns).ok()?;
        let (position, kind) = (self.walk.position(), bound.kind);
        Some(Event::Marker(Marker {
            position,
            previous_len: 0,
            kind,
            clustering,
            deletion,
            start_deletion: None,
        }))
    }

    /// Goes to the lower bound; the range that is open there.
    fn seek(&mut self) -> Result<Option<DeletionTime>, ReadError> {
        let Some(from) = &self.slice.from else { return Ok(None) };
        if let Some(rows) = self.found.rows {
            let block = rows.floor(&mut self.pages, &from.form)?;
            if !self.land(block)? {
                // The end of the rows has none before it to say that none is passed over: from the last block on it has.
                let mut blocks = rows.iter(&mut self.pages, Edge::Last)?;
                blocks.next(&mut self.pages)?;
                let last = blocks.next(&mut self.pages)?.ok_or(misplaced(block.node))?;
                if !self.land(last)? {
                    return Err(misplaced(last.node));
                }
            }
        }
        loop {
            let look = self.look()?;
            if look.is_end || !look.is_before {
                self.ahead = Some(look);
                // A slice that ends before the next row may lie within an open range.
                return Ok(self.open);
            }
            self.open = look.open.unwrap_or(self.open);
        }
    }

    /// Goes to the start of a block that the row index gives for the lower bound. The row before it must be before the bound. False if it is no row
    /// but the end of them.
    fn land(&mut self, block: Block) -> Result<bool, ReadError> {
        let at = self.found.data_position.saturating_add(block.offset);
        if at != self.first_row {
            match self.row_before(at, block.node)? {
                None => return Ok(false),
                Some(look) if !look.is_before => return Err(misplaced(block.node)),
                Some(_) => {}
            }
        }
        self.walk.seek_row(at);
        self.open = block.open;
        Ok(true)
    }

    /// The row before a place that the row index gives, behind the first row. The index has no checksum: a row must end there. `None` if what
    /// stands there is the end of the rows, which does not know how long the one before is.
    fn row_before(&mut self, at: u64, node: u64) -> Result<Option<Look>, ReadError> {
        let misread = |error| if is_misread(&error) { misplaced(node) } else { error };
        if at < self.first_row {
            return Err(misplaced(node));
        }
        self.walk.seek_row(at);
        self.look().map_err(misread)?;
        let previous_len = match self.walk.current() {
            Some(Event::Row(row)) => row.previous_len,
            Some(Event::Marker(marker)) => marker.previous_len,
            _ => return Ok(None),
        };
        let before = at.checked_sub(previous_len).filter(|before| *before >= self.first_row);
        self.walk.seek_row(before.ok_or(misplaced(node))?);
        let look = self.look().map_err(misread)?;
        if look.is_end || self.walk.position() != at {
            return Err(misplaced(node));
        }
        Ok(Some(look))
    }

    /// Goes to the next row of the slice; else it has ended, and this range is open there.
    fn step(&mut self) -> Result<Result<(), Option<DeletionTime>>, ReadError> {
        let look = match self.ahead.take() {
            Some(look) => look,
            None => self.look()?,
        };
        if look.is_end || look.is_after {
            return Ok(Err(self.open.filter(|_| !look.is_end)));
        }
        self.open = look.open.unwrap_or(self.open);
        Ok(Ok(()))
    }

    /// Goes to what stands at the walk's place.
    fn look(&mut self) -> Result<Look, ReadError> {
        let position = self.walk.position();
        self.walk.advance()?;
        let mut look = Look { position, is_end: false, is_before: false, is_after: false, open: None };
        let (prefix, kind) = match self.walk.current() {
            Some(Event::Row(row)) => (row.clustering, ClusteringKind::Row),
            Some(Event::Marker(marker)) => {
                look.open = Some(marker.opens());
                (marker.clustering, marker.kind.clustering_kind())
            }
            _ => {
                look.is_end = true;
                return Ok(look);
            }
        };
        if self.slice.from.is_none() && self.slice.to.is_none() {
            return Ok(look);
        }
        self.form.clear();
        let values = prefix.values().map(|value| value.bytes());
        put_clustering(self.table.clustering_types(), values, kind, &mut self.form)
            .map_err(|_| ReadError::corrupt(Component::Data, position, Damage::Text))?;
        look.is_before = self.slice.from.as_ref().is_some_and(|from| self.form <= from.form);
        look.is_after = self.slice.to.as_ref().is_some_and(|to| self.form >= to.form);
        Ok(look)
    }

    /// Takes the block of the upper bound; the range that is open there.
    fn seek_backwards(&mut self) -> Result<Option<DeletionTime>, ReadError> {
        match &self.found.rows {
            Some(rows) => {
                self.backwards.blocks = Some(match &self.slice.to {
                    Some(to) => rows.seek(&mut self.pages, &to.form, Edge::Last)?,
                    None => rows.iter(&mut self.pages, Edge::Last)?,
                });
            }
            None => self.note()?,
        }
        loop {
            let Some(open) = self.block_before()? else { return Ok(None) };
            if !self.backwards.rows.is_empty() || self.backwards.is_last || open.is_some() {
                return Ok(open);
            }
        }
    }

    /// Walks over the partition and notes where to begin.
    fn note(&mut self) -> Result<(), ReadError> {
        let mut open = None;
        let mut noted = None;
        loop {
            let position = self.walk.position();
            if noted.is_none_or(|noted| position - noted >= NOTE_EVERY) {
                self.backwards.notes.push((position, open));
                noted = Some(position);
            }
            let look = self.look()?;
            if look.is_end || look.is_after {
                return Ok(());
            }
            open = look.open.unwrap_or(open);
        }
    }

    /// The block before the current one.
    fn take_block(&mut self) -> Result<Option<Taken>, ReadError> {
        let base = self.found.data_position;
        let taken = match &mut self.backwards.blocks {
            Some(blocks) => blocks
                .next(&mut self.pages)?
                .map(|block| (base.saturating_add(block.offset), block.open, Some(block.node))),
            None => self.backwards.notes.pop().map(|(start, open)| (start, open, None)),
        };
        if taken.is_none() {
            self.backwards.is_last = true;
            // Rows that no block has.
            if let Some(rows) = self.found.rows.filter(|_| self.backwards.start != Some(self.first_row)) {
                return Err(misplaced(rows.root));
            }
        }
        Ok(taken)
    }

    /// Takes the block before the current one: notes its rows within the slice. Gives the range open behind the last of them; `None`: there is
    /// no such block.
    fn block_before(&mut self) -> Result<Option<Option<DeletionTime>>, ReadError> {
        let Some((start, opened, node)) = self.take_block()? else { return Ok(None) };
        let misread = |error| match node {
            Some(node) if is_misread(&error) => misplaced(node),
            _ => error,
        };
        let end = self.backwards.start.replace(start).unwrap_or(u64::MAX);
        if let Some(node) = node {
            if start < self.first_row || start > end {
                return Err(misplaced(node));
            }
            if start != self.first_row {
                self.row_before(start, node)?;
            }
        }
        self.backwards.rows.clear();
        self.walk.seek_row(start);
        self.walk.pin(start);
        let (mut open, mut open_at_first) = (opened, None);
        let mut meets_end = end == u64::MAX;
        while self.walk.position() < end {
            let look = self.look().map_err(misread)?;
            if look.is_end {
                open = None;
                break;
            }
            if look.is_after {
                meets_end = true;
                break;
            }
            if look.is_before {
                self.backwards.is_last = true;
            } else {
                if self.backwards.rows.is_empty() {
                    open_at_first = Some(open);
                }
                self.backwards.rows.push(look.position);
            }
            open = look.open.unwrap_or(open);
        }
        if let Some(node) = node.filter(|_| !meets_end && self.walk.position() != end) {
            return Err(misplaced(node));
        }
        self.backwards.open = open_at_first.unwrap_or(open);
        // Only at the upper bound is an open range cut off; between blocks it goes on.
        Ok(Some(open.filter(|_| self.slice.to.is_some())))
    }

    /// As `step`, towards the first row.
    fn step_backwards(&mut self) -> Result<Result<(), Option<DeletionTime>>, ReadError> {
        loop {
            if let Some(at) = self.backwards.rows.pop() {
                self.walk.seek_row(at);
                self.walk.advance()?;
                return Ok(Ok(()));
            }
            if self.backwards.is_last || self.block_before()?.is_none() {
                let open = self.backwards.open.filter(|_| self.slice.from.is_some());
                return Ok(Err(open));
            }
        }
    }
}

/// A row index that names a place where no block begins.
const fn misplaced(node: u64) -> ReadError {
    ReadError::corrupt(Component::Rows, node, Damage::Order)
}

impl<S: BlockSource<ReadError>, C: Codecs> Events for PartitionReader<'_, S, C> {
    fn advance(&mut self) -> Result<bool, ReadError> {
        self.advance()
    }

    fn current(&self) -> Option<Event<'_>> {
        self.current()
    }

    fn header(&self) -> &Header {
        &self.table.statistics.header
    }
}
