//! Several SSTables of one table as one, as Cassandra merges them (`UnfilteredRowIterators.java`, `Rows.java`, `Cells.java`, `RangeTombstoneMarker.java`).
//!
//! 1. The least partition key of all is taken from every table that has it; the newest partition deletion counts.
//! 2. The least clustering is taken from every table that has it. Of a row the newest liveness, deletion and cells count, less what a newer
//!    deletion of the partition, a range, the row or the column covers.
//! 3. Range tombstones are cut where the newest open one changes.
//!
//! Of two cells of one timestamp the one that is deleted or expires wins over one that does not, a deletion over an expiry, the later
//! local time over the earlier, the shorter time to live, and last the greater bytes. A deletion of a counter always wins; otherwise counters
//! merge by shards. Nothing is purged: deletions stay.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;

use crate::comparable::{LT_BOUND, TERMINATOR, put_clustering, put_partition_key};
use crate::component::{Component, Version};
use crate::counter;
use crate::data::{BoundKind, Event, Liveness, Marker, PartitionHead, Prefix, Row, put_prefix};
use crate::deletion::{DeletionTime, NO_DELETION_TIME};
use crate::error::{Damage, ReadError};
use crate::owned::{OwnedCell, OwnedColumn, OwnedRow, owned_values};
use crate::partitioner::Partitioner;
use crate::statistics::{Column, Header};
use crate::types::CqlType;

/// What gives events: a walk over a table or a reader of one partition.
pub trait Events {
    /// The next event; `None` at the end.
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError>;
}

impl<S, C> Events for crate::data::Walk<'_, S, C>
where
    S: dolmen_base::block::BlockSource<ReadError>,
    C: crate::compression::Codecs,
{
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        self.next_event()
    }
}

impl<S, C> Events for crate::slice::PartitionReader<'_, S, C>
where
    S: dolmen_base::block::BlockSource<ReadError>,
    C: crate::compression::Codecs,
{
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        self.next_event()
    }
}

impl<E: Events + ?Sized> Events for alloc::boxed::Box<E> {
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        (**self).next_event()
    }
}

impl<E: Events> Events for Merge<E> {
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        self.next_event()
    }
}

/// A header that has the columns of all: the first that has a column says its type. Its minima are 0.
pub fn merged_header<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Option<Header> {
    let mut headers = headers.into_iter();
    let mut merged = headers.next()?.clone();
    for header in headers {
        for (ours, theirs) in
            [(&mut merged.statics, &header.statics), (&mut merged.regulars, &header.regulars)]
        {
            let fresh: Vec<Column> =
                theirs.iter().filter(|c| ours.iter().all(|o| o.name != c.name)).cloned().collect();
            ours.extend(fresh);
            ours.sort_by(|a, b| column_order(a).cmp(&column_order(b)));
        }
    }
    merged.version = Version::Da;
    (merged.min_timestamp, merged.min_local_deletion_time, merged.min_ttl) = (0, 0, 0);
    Some(merged)
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

/// What a table's next row or marker is.
#[derive(Debug)]
struct Next {
    form: Vec<u8>,
    values: Vec<Option<Vec<u8>>>,
    what: What,
}

#[derive(Debug)]
enum What {
    Row(OwnedRow),
    /// The range that is open behind it.
    Marker(Option<DeletionTime>),
}

#[derive(Debug)]
struct Source<E> {
    events: E,
    /// The partition that waits: the form of its key, the key, its position, its deletion.
    head: Option<(Vec<u8>, Vec<u8>, u64, DeletionTime)>,
    is_in: bool,
    next: Option<Next>,
    open: Option<DeletionTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Partition,
    Static,
    Rows,
    Done,
}

/// The merged events.
#[derive(Debug)]
pub struct Merge<E> {
    header: Header,
    types: Vec<CqlType>,
    partitioner: Partitioner,
    is_reversed: bool,
    sources: Vec<Source<E>>,
    stage: Stage,
    key: Vec<u8>,
    deletion: DeletionTime,
    open: Option<DeletionTime>,
    /// The row or marker that is handed out.
    bytes: Vec<u8>,
}

impl<E: Events> Merge<E> {
    /// Of tables of one partitioner. `header` is [`merged_header`] of theirs. Newer tables last: a tie of everything is theirs.
    pub fn new(
        header: Header,
        partitioner: Partitioner,
        sources: impl IntoIterator<Item = E>,
        is_reversed: bool,
    ) -> Result<Merge<E>, ReadError> {
        let types = header.clustering.iter().map(|column| column.cql_type.clone()).collect();
        let mut merge = Merge {
            header,
            types,
            partitioner,
            is_reversed,
            sources: Vec::new(),
            stage: Stage::Partition,
            key: Vec::new(),
            deletion: DeletionTime::LIVE,
            open: None,
            bytes: Vec::new(),
        };
        for events in sources {
            let mut source = Source { events, head: None, is_in: false, next: None, open: None };
            source.next_head(&merge.header.key_type, partitioner)?;
            merge.sources.push(source);
        }
        Ok(merge)
    }

    /// The merged layout of the rows.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The next event; `None` at the end.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        loop {
            match self.stage {
                Stage::Done => return Ok(None),
                Stage::Partition => {
                    let Some(position) = self.begin() else {
                        self.stage = Stage::Done;
                        return Ok(None);
                    };
                    self.stage = Stage::Static;
                    let (key, deletion) = (&self.key[..], self.deletion);
                    return Ok(Some(Event::Partition(PartitionHead { key, position, deletion })));
                }
                Stage::Static => {
                    self.stage = Stage::Rows;
                    let row = self.statics()?;
                    if !self.header.statics.is_empty() {
                        row.put(None, &self.header, &self.header.statics, &mut self.bytes);
                        return Row::parse(&self.bytes, 0, &self.header, true)
                            .map(|row| Some(Event::Static(row)));
                    }
                }
                Stage::Rows => match self.step()? {
                    Step::Nothing => {}
                    Step::Row => {
                        return Row::parse(&self.bytes, 0, &self.header, false)
                            .map(|row| Some(Event::Row(row)));
                    }
                    Step::Marker { kind, count, deletion, start_deletion } => {
                        let columns = &self.header.clustering[..count];
                        let clustering = Prefix::get(&mut dolmen_codec::Cursor::new(&self.bytes), columns)
                            .map_err(|e| ReadError::decode(Component::Data, 0, e))?;
                        let marker = Marker {
                            position: 0,
                            previous_len: 0,
                            kind,
                            clustering,
                            deletion,
                            start_deletion,
                        };
                        return Ok(Some(Event::Marker(marker)));
                    }
                    Step::End => {
                        for source in self.sources.iter_mut().filter(|source| source.is_in) {
                            source.is_in = false;
                            source.next_head(&self.header.key_type, self.partitioner)?;
                        }
                        self.stage = Stage::Partition;
                        return Ok(Some(Event::End(0)));
                    }
                },
            }
        }
    }

    /// Takes the least partition; its position in the first table that has it.
    fn begin(&mut self) -> Option<u64> {
        let heads = self.sources.iter().filter_map(|source| source.head.as_ref());
        let least = heads.map(|head| &head.0).min()?.clone();
        (self.deletion, self.open) = (DeletionTime::LIVE, None);
        let mut position = None;
        for source in &mut self.sources {
            let Some((_, key, at, deletion)) = source.head.take_if(|head| head.0 == least) else { continue };
            (source.is_in, source.open) = (true, None);
            position.get_or_insert(at);
            self.key = key;
            self.deletion = newer(self.deletion, deletion);
        }
        position
    }

    /// The merged static row; every table that takes part is led to its first row.
    fn statics(&mut self) -> Result<OwnedRow, ReadError> {
        let mut rows = Vec::new();
        for source in self.sources.iter_mut().filter(|source| source.is_in) {
            let found = match source.events.next_event()? {
                Some(Event::Static(row)) => Ok(OwnedRow::of(&row, &self.header.statics)?),
                Some(event) => Err(next_of(&event, &self.header, &self.types, self.is_reversed)?),
                None => Err(None),
            };
            match found {
                Ok(row) => {
                    rows.push(row);
                    source.advance(&self.header, &self.types, self.is_reversed)?;
                }
                Err(next) => source.next = next,
            }
        }
        self.bytes.clear();
        Ok(merge_rows(rows, self.deletion, &self.header.statics))
    }

    /// Merges what stands at the least clustering.
    fn step(&mut self) -> Result<Step, ReadError> {
        let forms =
            self.sources.iter().filter(|source| source.is_in).filter_map(|source| source.next.as_ref());
        let forms = forms.map(|next| &next.form);
        let first = if self.is_reversed { forms.max() } else { forms.min() };
        let Some(form) = first.cloned() else { return Ok(Step::End) };
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for source in self.sources.iter_mut().filter(|source| source.is_in) {
            let Some(next) = source.next.take_if(|next| next.form == form) else { continue };
            values = next.values;
            match next.what {
                What::Row(row) => rows.push(row),
                What::Marker(open) => source.open = open,
            }
            source.advance(&self.header, &self.types, self.is_reversed)?;
        }
        let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
        self.bytes.clear();
        if !rows.is_empty() {
            let active = newer(self.deletion, self.open.unwrap_or(DeletionTime::LIVE));
            let row = merge_rows(rows, active, &self.header.regulars);
            if row.is_empty() {
                return Ok(Step::Nothing);
            }
            row.put(Some(&values), &self.header, &self.header.regulars, &mut self.bytes);
            return Ok(Step::Row);
        }
        let newest = self.sources.iter().filter(|source| source.is_in).filter_map(|source| source.open);
        let newest = newest.reduce(newer).filter(|open| supersedes(*open, self.deletion));
        let before = mem::replace(&mut self.open, newest);
        if before == newest {
            return Ok(Step::Nothing);
        }
        put_prefix(&values, &self.header.clustering, &mut self.bytes);
        let (ends, starts) = if self.is_reversed { (newest, before) } else { (before, newest) };
        let is_low = form.last() == Some(&LT_BOUND);
        let (kind, deletion, start_deletion) = match (ends, starts) {
            (Some(ends), Some(starts)) if is_low => {
                (BoundKind::ExclusiveEndInclusiveStart, ends, Some(starts))
            }
            (Some(ends), Some(starts)) => (BoundKind::InclusiveEndExclusiveStart, ends, Some(starts)),
            (Some(ends), None) if is_low => (BoundKind::ExclusiveEnd, ends, None),
            (Some(ends), None) => (BoundKind::InclusiveEnd, ends, None),
            (None, Some(starts)) if is_low => (BoundKind::InclusiveStart, starts, None),
            (None, Some(starts)) => (BoundKind::ExclusiveStart, starts, None),
            (None, None) => return Ok(Step::Nothing),
        };
        Ok(Step::Marker { kind, count: values.len(), deletion, start_deletion })
    }
}

enum Step {
    Nothing,
    Row,
    Marker { kind: BoundKind, count: usize, deletion: DeletionTime, start_deletion: Option<DeletionTime> },
    End,
}

impl<E: Events> Source<E> {
    fn next_head(&mut self, key_type: &CqlType, partitioner: Partitioner) -> Result<(), ReadError> {
        self.head = None;
        let Some(event) = self.events.next_event()? else { return Ok(()) };
        let Event::Partition(head) = event else { return Ok(()) };
        let mut form = Vec::new();
        put_partition_key(partitioner, key_type, head.key, TERMINATOR, &mut form)
            .map_err(|_| ReadError::corrupt(Component::Data, head.position, Damage::Text))?;
        self.head = Some((form, head.key.to_vec(), head.position, head.deletion));
        Ok(())
    }

    fn advance(&mut self, header: &Header, types: &[CqlType], is_reversed: bool) -> Result<(), ReadError> {
        self.next = match self.events.next_event()? {
            Some(event) => next_of(&event, header, types, is_reversed)?,
            None => None,
        };
        Ok(())
    }
}

/// A row or marker to own; `None`: the partition ends.
fn next_of(
    event: &Event<'_>,
    header: &Header,
    types: &[CqlType],
    is_reversed: bool,
) -> Result<Option<Next>, ReadError> {
    let (prefix, kind, position, what) = match event {
        Event::Row(row) => {
            let owned = OwnedRow::of(row, &header.regulars)?;
            (&row.clustering, crate::comparable::ClusteringKind::Row, row.position, What::Row(owned))
        }
        Event::Marker(marker) => {
            let (ends, starts) = match marker.start_deletion {
                Some(starts) => (Some(marker.deletion), Some(starts)),
                None if marker.kind.is_start() => (None, Some(marker.deletion)),
                None => (Some(marker.deletion), None),
            };
            let open = if is_reversed { ends } else { starts };
            (&marker.clustering, marker.kind.clustering_kind(), marker.position, What::Marker(open))
        }
        _ => return Ok(None),
    };
    let values = owned_values(prefix);
    let mut form = Vec::new();
    put_clustering(types, values.iter().map(Option::as_deref), kind, &mut form)
        .map_err(|_| ReadError::corrupt(Component::Data, position, Damage::Text))?;
    Ok(Some(Next { form, values, what }))
}

/// Whether a deletion is newer than another.
fn supersedes(a: DeletionTime, b: DeletionTime) -> bool {
    !a.is_live() && (b.is_live() || (a.marked_at, a.local) > (b.marked_at, b.local))
}

/// The newer of two deletions.
pub fn newer(a: DeletionTime, b: DeletionTime) -> DeletionTime {
    if supersedes(b, a) { b } else { a }
}

fn newer_liveness(a: Option<Liveness>, b: Option<Liveness>) -> Option<Liveness> {
    let (Some(left), Some(right)) = (a, b) else { return a.or(b) };
    let is_right = match right.timestamp.cmp(&left.timestamp) {
        Ordering::Equal if (right.ttl == 0) == (left.ttl == 0) => right.expires > left.expires,
        Ordering::Equal => right.ttl != 0,
        order => order == Ordering::Greater,
    };
    if is_right { b } else { a }
}

/// The rows of one clustering as one. `active` is the newest deletion that covers them from outside.
pub fn merge_rows(rows: Vec<OwnedRow>, active: DeletionTime, columns: &[Column]) -> OwnedRow {
    let mut out = OwnedRow::default();
    for row in rows {
        out.liveness = newer_liveness(out.liveness, row.liveness);
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
                } else if wins(&cell, held, is_counter) {
                    *held = cell;
                }
            }
        }
    }
}

/// Whether `new` counts rather than `old`.
fn wins(new: &OwnedCell, old: &OwnedCell, is_counter: bool) -> bool {
    if is_counter && new.is_tombstone != old.is_tombstone {
        return new.is_tombstone;
    }
    let has_time = |cell: &OwnedCell| cell.local_deletion_time != NO_DELETION_TIME;
    let order = (new.timestamp.cmp(&old.timestamp))
        .then_with(|| has_time(new).cmp(&has_time(old)))
        .then_with(|| new.is_tombstone.cmp(&old.is_tombstone))
        .then_with(|| {
            if has_time(new) {
                new.local_deletion_time.cmp(&old.local_deletion_time)
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| old.ttl.cmp(&new.ttl))
        .then_with(|| new.value.cmp(&old.value));
    order == Ordering::Greater
}
