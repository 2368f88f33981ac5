//! Several SSTables of one table as one, as Cassandra merges them (`UnfilteredRowIterators.java`, `Rows.java`, `Cells.java`, `RangeTombstoneMarker.java`).
//!
//! 1. The least partition key of all is taken from every table that has it; the newest partition deletion counts.
//! 2. The least clustering is taken from every table that has it. Of a row the newest liveness, deletion and cells count, less what a newer
//!    deletion of the partition, a range, the row or the column covers.
//! 3. Range tombstones are cut where the newest open one changes.
//!
//! ```text
//! walk ─▶ row ┐                     columns in the merged header's order, cells of a column in the order of their paths:
//! walk ─▶ row ┼─ same clustering? ─▶ the least of k cursors, reconciled ─▶ RowBuilder ─▶ view
//! walk ─▶ row ┘                     a row that one table alone has and nothing covers is handed through as it lies in its block
//! ```
//! Each table's columns are found in the merged header once, when the merge begins. Nothing is allocated for a row: cursors of up to
//! [`ON_STACK`] tables stand on the stack, bytes go to buffers that are used again.
//!
//! Of two cells of one timestamp the one that is deleted or expires wins over one that does not, a deletion over an expiry, the later
//! local time over the earlier, the shorter time to live, and last the greater bytes. A deletion of a counter always wins; otherwise counters
//! merge by shards. Nothing is purged: deletions stay.

mod cells;
mod columns;

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;

#[doc(hidden)]
pub use crate::naive::merge::merge_rows;
pub(crate) use cells::{path_type, put_path, wins};
pub use columns::merged_header;

use crate::comparable::{ClusteringKind, TERMINATOR, put_clustering, put_partition_key};
use crate::component::Component;
use crate::data::{BoundKind, Event, Events, Marker, PartitionHead, Prefix, Row, RowBuilder, Stand};
use crate::deletion::DeletionTime;
use crate::error::{Damage, ReadError};
use crate::partitioner::{KeyHash, Partitioner};
use crate::statistics::Header;
use crate::types::CqlType;
use cells::{Heads, Scratch, Version, merge_versions};
use columns::ColumnMaps;

/// Tables that may have a row of one clustering before the cursors over their cells are allocated.
pub const ON_STACK: usize = 8;

/// What a source stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A partition that waits for its turn.
    Head,
    Static,
    Row,
    Marker,
    /// The partition's end, or nothing.
    End,
}

#[derive(Debug)]
struct Source<E> {
    events: E,
    maps: ColumnMaps,
    at: At,
    /// Whether it takes part in the partition.
    is_in: bool,
    /// Whether what it stands at was taken, so that it has to move on first.
    is_taken: bool,
    /// What the waiting partition is ordered by first: its token under the Murmur3 partitioner, else 0.
    token: i64,
    /// The byte-comparable form of the waiting partition's key, or of the row or marker, if it was needed.
    form: Vec<u8>,
    has_form: bool,
    open: Option<DeletionTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Partition,
    Static,
    Rows,
    Done,
}

/// What is shown.
#[derive(Clone, Copy, Debug)]
enum Shown {
    Nothing,
    Partition {
        position: u64,
    },
    /// A source's row as it is.
    Through(usize),
    Built,
    Marker {
        kind: BoundKind,
        count: usize,
        deletion: DeletionTime,
        start_deletion: Option<DeletionTime>,
    },
    End,
}

/// The merged events.
#[derive(Debug)]
pub struct Merge<E> {
    header: Header,
    types: Vec<CqlType>,
    partitioner: Partitioner,
    is_reversed: bool,
    has_counters: bool,
    sources: Vec<Source<E>>,
    stage: Stage,
    shown: Shown,
    /// Sources that stand at the least partition, row or marker.
    least: Vec<usize>,
    key: Vec<u8>,
    deletion: DeletionTime,
    open: Option<DeletionTime>,
    /// The clustering of a marker.
    bound: Vec<u8>,
    builder: RowBuilder,
    scratch: Scratch,
}

impl<E: Events> Merge<E> {
    /// Of tables of one partitioner. `header` is [`merged_header`] of theirs, with minima that the caller may choose: rows are built with them.
    /// Newer tables last: a tie of everything is theirs.
    ///
    /// # Errors
    /// A table whose columns do not fit the header; damage that the first step of a source meets.
    pub fn new(
        header: Header,
        partitioner: Partitioner,
        sources: impl IntoIterator<Item = E>,
        is_reversed: bool,
    ) -> Result<Merge<E>, ReadError> {
        let types = header.clustering.iter().map(|column| column.cql_type.clone()).collect();
        let has_counters =
            header.statics.iter().chain(&header.regulars).any(|column| column.cql_type.is_counter());
        let mut merge = Merge {
            header,
            types,
            partitioner,
            is_reversed,
            has_counters,
            sources: Vec::new(),
            stage: Stage::Partition,
            shown: Shown::Nothing,
            least: Vec::new(),
            key: Vec::new(),
            deletion: DeletionTime::LIVE,
            open: None,
            bound: Vec::new(),
            builder: RowBuilder::default(),
            scratch: Scratch::default(),
        };
        for events in sources {
            let maps = ColumnMaps::new(events.header(), &merge.header)?;
            let mut source = Source {
                events,
                maps,
                at: At::End,
                is_in: false,
                is_taken: false,
                token: 0,
                form: Vec::new(),
                has_form: false,
                open: None,
            };
            source.next_head(partitioner)?;
            merge.sources.push(source);
        }
        Ok(merge)
    }

    /// The merged layout of the rows.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Goes to the next event. `false`: there is none.
    ///
    /// # Errors
    /// Damage that a source meets; the merge ends there.
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        match self.step() {
            Ok(shown) => {
                self.shown = shown;
                Ok(!matches!(shown, Shown::Nothing))
            }
            Err(error) => {
                (self.stage, self.shown) = (Stage::Done, Shown::Nothing);
                Err(error)
            }
        }
    }

    /// The event that it went to. Rows have the columns of the merged header, at its indices; positions are those of no file.
    pub fn current(&self) -> Option<Event<'_>> {
        match self.shown {
            Shown::Nothing => None,
            Shown::Partition { position } => {
                Some(Event::Partition(PartitionHead { key: &self.key, position, deletion: self.deletion }))
            }
            Shown::Through(source) => match self.sources.get(source)?.events.current()? {
                Event::Row(mut row) => {
                    (row.position, row.previous_len) = (0, 0);
                    Some(Event::Row(row))
                }
                Event::Static(mut row) => {
                    (row.position, row.previous_len) = (0, 0);
                    Some(Event::Static(row))
                }
                _ => None,
            },
            Shown::Built => self
                .builder
                .view(&self.header)
                .map(|row| if row.is_static { Event::Static(row) } else { Event::Row(row) }),
            Shown::Marker { kind, count, deletion, start_deletion } => {
                let columns = self.header.clustering.get(..count)?;
                let clustering = Prefix::get(&mut dolmen_codec::Cursor::new(&self.bound), columns).ok()?;
                let (position, previous_len) = (0, 0);
                Some(Event::Marker(Marker {
                    position,
                    previous_len,
                    kind,
                    clustering,
                    deletion,
                    start_deletion,
                }))
            }
            Shown::End => Some(Event::End(0)),
        }
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// As [`Merge::advance`].
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    fn step(&mut self) -> Result<Shown, ReadError> {
        loop {
            match self.stage {
                Stage::Done => return Ok(Shown::Nothing),
                Stage::Partition => {
                    let Some(position) = self.begin()? else {
                        self.stage = Stage::Done;
                        return Ok(Shown::Nothing);
                    };
                    self.stage = Stage::Static;
                    return Ok(Shown::Partition { position });
                }
                Stage::Static => {
                    self.stage = Stage::Rows;
                    for source in self.sources.iter_mut().filter(|source| source.is_in) {
                        source.next_item()?;
                    }
                    self.find_least(|at| at == At::Static)?;
                    self.take_least();
                    if !self.header.statics.is_empty() {
                        return self.statics();
                    }
                }
                Stage::Rows => {
                    for source in self.sources.iter_mut().filter(|source| source.is_in && source.is_taken) {
                        source.next_item()?;
                    }
                    self.find_least(|at| matches!(at, At::Row | At::Marker))?;
                    let Some(&first) = self.least.first() else {
                        self.stage = Stage::Partition;
                        return Ok(Shown::End);
                    };
                    let is_row = self.sources[first].at == At::Row;
                    let shown = if is_row { self.row()? } else { self.marker() };
                    self.take_least();
                    if let Some(shown) = shown {
                        return Ok(shown);
                    }
                }
            }
        }
    }

    /// Notes the sources that stand at the least place of those that stand at what is wanted.
    #[inline]
    fn find_least(&mut self, is_wanted: impl Fn(At) -> bool) -> Result<(), ReadError> {
        self.least.clear();
        for i in 0..self.sources.len() {
            if !is_wanted(self.sources[i].at) {
                continue;
            }
            match self.least.first() {
                None => self.least.push(i),
                Some(&first) => match self.order(i, first)? {
                    Ordering::Equal => self.least.push(i),
                    Ordering::Less => {
                        self.least.clear();
                        self.least.push(i);
                    }
                    Ordering::Greater => {}
                },
            }
        }
        Ok(())
    }

    /// The order of what two sources stand at. Forms are made only of what differs and is not told apart by less.
    #[inline]
    fn order(&mut self, i: usize, first: usize) -> Result<Ordering, ReadError> {
        let (a, b) = (&self.sources[i], &self.sources[first]);
        let is_reversed = match (a.events.stand(), b.events.stand()) {
            (Stand::Head(left), Stand::Head(right)) => {
                if left.key == right.key {
                    return Ok(Ordering::Equal);
                }
                if self.partitioner == Partitioner::Murmur3 {
                    return Ok((a.token, left.key).cmp(&(b.token, right.key)));
                }
                false
            }
            (Stand::Item(kind, left), Stand::Item(other, right)) => {
                if kind == other && left.encoded() == right.encoded() && left.len() == right.len() {
                    return Ok(Ordering::Equal);
                }
                self.is_reversed
            }
            _ => return Ok(Ordering::Equal),
        };
        self.sources[i].make_form(&self.header.key_type, &self.types, self.partitioner)?;
        self.sources[first].make_form(&self.header.key_type, &self.types, self.partitioner)?;
        let order = self.sources[i].form.cmp(&self.sources[first].form);
        Ok(if is_reversed { order.reverse() } else { order })
    }

    fn take_least(&mut self) {
        for &i in &self.least {
            self.sources[i].is_taken = true;
        }
    }

    /// Takes the least partition; its position in the first table that has it.
    fn begin(&mut self) -> Result<Option<u64>, ReadError> {
        for source in self.sources.iter_mut().filter(|source| source.is_in) {
            source.is_in = false;
            source.next_head(self.partitioner)?;
        }
        (self.deletion, self.open) = (DeletionTime::LIVE, None);
        self.find_least(|at| at == At::Head)?;
        let mut position = None;
        for &i in &self.least {
            let source = &mut self.sources[i];
            (source.is_in, source.open) = (true, None);
            let Some(Event::Partition(head)) = source.events.current() else { continue };
            if position.is_none() {
                position = Some(head.position);
                self.key.clear();
                self.key.extend_from_slice(head.key);
            }
            self.deletion = newer(self.deletion, head.deletion);
        }
        Ok(position)
    }

    /// The merged static row, of the sources that are noted.
    fn statics(&mut self) -> Result<Shown, ReadError> {
        if self.least.is_empty() {
            self.builder.clear(None);
            self.builder.finish(None, DeletionTime::LIVE, false, &self.header);
            return Ok(Shown::Built);
        }
        if let Some(shown) = self.through(self.deletion, true) {
            return Ok(shown);
        }
        let (sources, header) = (&self.sources, &self.header);
        build(sources, &self.least, self.deletion, header, true, &mut self.builder, &mut self.scratch)?;
        Ok(Shown::Built)
    }

    /// Merges the rows that the least sources stand at.
    fn row(&mut self) -> Result<Option<Shown>, ReadError> {
        let active = newer(self.deletion, self.open.unwrap_or(DeletionTime::LIVE));
        if let Some(shown) = self.through(active, false) {
            return Ok(Some(shown));
        }
        let (sources, header) = (&self.sources, &self.header);
        let says = build(sources, &self.least, active, header, false, &mut self.builder, &mut self.scratch)?;
        Ok(says.then_some(Shown::Built))
    }

    /// A row that one table alone has and nothing covers needs no merging (as `Row.Merger` does it), if its columns stand as in the merged header. Nor do
    /// versions that say the same, as of tables that were copied or repaired; but counters add up.
    fn through(&self, active: DeletionTime, is_static: bool) -> Option<Shown> {
        let (&first, others) = self.least.split_first()?;
        let map = self.sources[first].maps.of(is_static);
        if !active.is_live() || !map.is_whole() {
            return None;
        }
        if others.is_empty() {
            return Some(Shown::Through(first));
        }
        let row = |i: usize| match self.sources[i].events.current() {
            Some(Event::Row(row) | Event::Static(row)) => Some(row),
            _ => None,
        };
        let held = row(first)?;
        let is_same = |&i: &usize| {
            let (map, row) = (self.sources[i].maps.of(is_static), row(i));
            let has_minima = |row: &Row<'_>| row.header().has_minima_of(held.header());
            map.is_whole() && row.is_some_and(|row| row.is_plainly(&held) && has_minima(&row))
        };
        (!self.has_counters && others.iter().all(is_same)).then_some(Shown::Through(first))
    }

    /// Where a range opens or closes.
    fn marker(&mut self) -> Option<Shown> {
        let mut is_low = false;
        let mut count = 0;
        for &i in &self.least {
            let source = &mut self.sources[i];
            let Some(Event::Marker(marker)) = source.events.current() else { continue };
            source.open = if self.is_reversed { marker.closes() } else { marker.opens() };
            is_low = !marker.kind.is_after();
            count = marker.clustering.len();
            self.bound.clear();
            self.bound.extend_from_slice(marker.clustering.encoded());
        }
        let open = self.sources.iter().filter(|source| source.is_in).filter_map(|source| source.open);
        let newest = open.reduce(newer).filter(|open| supersedes(*open, self.deletion));
        let before = mem::replace(&mut self.open, newest);
        if before == newest {
            return None;
        }
        let (ends, starts) = if self.is_reversed { (newest, before) } else { (before, newest) };
        let (kind, deletion, start_deletion) = match (ends, starts) {
            (Some(ends), Some(starts)) if is_low => {
                (BoundKind::ExclusiveEndInclusiveStart, ends, Some(starts))
            }
            (Some(ends), Some(starts)) => (BoundKind::InclusiveEndExclusiveStart, ends, Some(starts)),
            (Some(ends), None) if is_low => (BoundKind::ExclusiveEnd, ends, None),
            (Some(ends), None) => (BoundKind::InclusiveEnd, ends, None),
            (None, Some(starts)) if is_low => (BoundKind::InclusiveStart, starts, None),
            (None, Some(starts)) => (BoundKind::ExclusiveStart, starts, None),
            (None, None) => return None,
        };
        Some(Shown::Marker { kind, count, deletion, start_deletion })
    }
}

/// Merges the rows that `least` of the sources stand at into the builder. `false`: nothing is left of them.
fn build<E: Events>(
    sources: &[Source<E>],
    least: &[usize],
    active: DeletionTime,
    header: &Header,
    is_static: bool,
    builder: &mut RowBuilder,
    scratch: &mut Scratch,
) -> Result<bool, ReadError> {
    let mut heads = Heads::default();
    let mut on_stack = heapless::Vec::<Version<'_>, ON_STACK>::new();
    let mut on_heap = Vec::new();
    for &i in least {
        let source = &sources[i];
        let Some(Event::Row(row) | Event::Static(row)) = source.events.current() else { continue };
        heads.add(&row);
        let version = Version::new(&row, source.maps.of(is_static));
        if least.len() > ON_STACK {
            on_heap.push(version);
        } else if on_stack.push(version).is_err() {
            break;
        }
    }
    let versions = if least.len() > ON_STACK { &mut on_heap[..] } else { &mut on_stack[..] };
    merge_versions(&heads, versions, active, header, is_static, builder, scratch)
}

impl<E: Events> Source<E> {
    /// Goes to the next partition.
    fn next_head(&mut self, partitioner: Partitioner) -> Result<(), ReadError> {
        (self.at, self.is_taken, self.has_form) = (At::End, false, false);
        if !self.events.advance()? {
            return Ok(());
        }
        let Stand::Head(head) = self.events.stand() else { return Ok(()) };
        if partitioner == Partitioner::Murmur3 {
            self.token = KeyHash::of(head.key).token(head.key);
        }
        self.at = At::Head;
        Ok(())
    }

    /// Goes to the next row or marker of the partition.
    #[inline]
    fn next_item(&mut self) -> Result<(), ReadError> {
        (self.at, self.is_taken, self.has_form) = (At::End, false, false);
        if self.events.advance()? {
            self.at = match self.events.stand() {
                Stand::Static => At::Static,
                Stand::Item(ClusteringKind::Row, _) => At::Row,
                Stand::Item(..) => At::Marker,
                _ => At::End,
            };
        }
        Ok(())
    }

    /// Makes the byte-comparable form of what it stands at.
    fn make_form(
        &mut self,
        key_type: &CqlType,
        types: &[CqlType],
        partitioner: Partitioner,
    ) -> Result<(), ReadError> {
        if self.has_form {
            return Ok(());
        }
        self.form.clear();
        let made = match self.events.stand() {
            Stand::Head(head) => {
                put_partition_key(partitioner, key_type, head.key, TERMINATOR, &mut self.form)
            }
            Stand::Item(kind, prefix) => {
                let values = prefix.values().map(|value| value.bytes());
                put_clustering(types, values, kind, &mut self.form)
            }
            _ => Ok(()),
        };
        self.has_form = true;
        let position = match self.events.current() {
            Some(Event::Row(row)) => row.position,
            Some(Event::Marker(marker)) => marker.position,
            Some(Event::Partition(head)) => head.position,
            _ => 0,
        };
        made.map_err(|_| ReadError::corrupt(Component::Data, position, Damage::Text))
    }
}

impl<E: Events> Events for Merge<E> {
    fn advance(&mut self) -> Result<bool, ReadError> {
        self.advance()
    }

    fn current(&self) -> Option<Event<'_>> {
        self.current()
    }

    fn header(&self) -> &Header {
        &self.header
    }
}

/// Whether a deletion is newer than another.
pub(crate) fn supersedes(a: DeletionTime, b: DeletionTime) -> bool {
    !a.is_live() && (b.is_live() || (a.marked_at, a.local) > (b.marked_at, b.local))
}

/// The newer of two deletions.
pub fn newer(a: DeletionTime, b: DeletionTime) -> DeletionTime {
    if supersedes(b, a) { b } else { a }
}
