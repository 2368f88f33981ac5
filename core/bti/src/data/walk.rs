//! A walk over the data: partitions, rows, markers, one after the other.
//!
//! A record that lies within one chunk is read where it lies, in the block that the source shares; only one that crosses into the next is put
//! together in a buffer. Each is parsed once, into offsets, and its view lives until the next step.

use alloc::boxed::Box;
use alloc::vec::Vec;

use dolmen_base::block::{Block, BlockSource, ReadMode};
use dolmen_codec::DecodeError;
use dolmen_codec::compress::Codecs;

use super::Fail;
use super::chunks::Data;
use super::prefix::Prefix;
use super::row::{self, HeadParts, Marker, PartitionHead, Parts, Row};
use crate::comparable::ClusteringKind;
use crate::component::Component;
use crate::error::{Damage, ReadError};
use crate::limits::ROW_LEN_MAX;
use crate::statistics::Header;
use crate::vint::UVINT_LEN_MAX;

/// Bytes beyond those that a record is known to need which are put together with it, so that its next number is there too.
const SLACK: usize = 64;

/// What a walk meets.
#[derive(Clone, Copy, Debug)]
pub enum Event<'b> {
    /// A partition begins.
    Partition(PartitionHead<'b>),
    /// Its static row, which may be empty; tables with static columns have one in every partition.
    Static(Row<'b>),
    /// A row.
    Row(Row<'b>),
    /// A bound of a range tombstone.
    Marker(Marker<'b>),
    /// The partition ends; the next one begins at the position.
    End(u64),
}

/// What gives events one after the other: a walk over a table, a reader of one partition, a merge of several. It moves on first and is looked at
/// then, so that several can be looked at together.
pub trait Events {
    /// Goes to the next event. `false`: there is none.
    ///
    /// # Errors
    /// Damage, with its place; there is no further event then.
    fn advance(&mut self) -> Result<bool, ReadError>;

    /// The event that it went to; `None` before the first, behind the last and after an error.
    fn current(&self) -> Option<Event<'_>>;

    /// Where the event that it went to stands: less than [`Events::current`] says, and sooner.
    fn stand(&self) -> Stand<'_> {
        match self.current() {
            None => Stand::Nowhere,
            Some(Event::Partition(head)) => Stand::Head(head),
            Some(Event::Static(_)) => Stand::Static,
            Some(Event::Row(row)) => Stand::Item(ClusteringKind::Row, row.clustering),
            Some(Event::Marker(marker)) => Stand::Item(marker.kind.clustering_kind(), marker.clustering),
            Some(Event::End(_)) => Stand::End,
        }
    }

    /// The layout of its rows.
    fn header(&self) -> &Header;

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// As [`Events::advance`].
    fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.current() } else { None })
    }
}

/// Where an event stands among others.
#[derive(Clone, Copy, Debug)]
pub enum Stand<'b> {
    /// There is none.
    Nowhere,
    /// At the head of a partition.
    Head(PartitionHead<'b>),
    /// At a partition's static row.
    Static,
    /// At a row or a bound, at or beside this clustering.
    Item(ClusteringKind, Prefix<'b>),
    /// At a partition's end.
    End,
}

impl<E: Events + ?Sized> Events for Box<E> {
    fn stand(&self) -> Stand<'_> {
        (**self).stand()
    }

    fn advance(&mut self) -> Result<bool, ReadError> {
        (**self).advance()
    }

    fn current(&self) -> Option<Event<'_>> {
        (**self).current()
    }

    fn header(&self) -> &Header {
        (**self).header()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Partition,
    Static,
    Rows,
    Failed,
}

/// A record that was met: its offsets count from `start` of the bytes that it lies in.
#[derive(Clone, Copy, Debug)]
struct Met {
    parts: Parts,
    position: u64,
    start: usize,
    is_stitched: bool,
}

/// A chunk and where it begins in the data.
#[derive(Clone, Debug)]
struct Chunk {
    block: Block,
    base: u64,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.base + self.block.len() as u64
    }

    /// Its bytes from a position on; none if the position is not within it.
    #[inline]
    fn from(&self, position: u64) -> &[u8] {
        let at = position.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.block.get(at..)).unwrap_or_default()
    }
}

/// A walk. It stops for good at the first error.
#[derive(Debug)]
pub struct Walk<'t, S, C> {
    data: &'t Data,
    header: &'t Header,
    source: S,
    codecs: C,
    mode: ReadMode,
    /// Where the next record begins.
    position: u64,
    chunk: Option<Chunk>,
    /// A record that lies in several chunks.
    stitch: Vec<u8>,
    met: Option<Met>,
    state: State,
    /// No further than this.
    end: u64,
    /// Chunks that end behind this are kept, so that going back there reads nothing again.
    pinned: Option<u64>,
    kept: Vec<Chunk>,
    chunks_read: u64,
}

impl<'t, S: BlockSource<ReadError>, C: Codecs> Walk<'t, S, C> {
    /// From the partition that begins at `position`.
    pub fn new(
        data: &'t Data,
        header: &'t Header,
        source: S,
        codecs: C,
        mode: ReadMode,
        position: u64,
    ) -> Self {
        Walk {
            data,
            header,
            source,
            codecs,
            mode,
            position,
            chunk: None,
            stitch: Vec::new(),
            met: None,
            state: State::Partition,
            end: data.len(),
            pinned: None,
            kept: Vec::new(),
            chunks_read: 0,
        }
    }

    /// Goes to `position`, where a row or marker of the current partition begins.
    pub fn seek_row(&mut self, position: u64) {
        self.seek(position, State::Rows);
    }

    /// Goes to `position`, where a partition begins.
    pub fn seek_partition(&mut self, position: u64) {
        self.seek(position, State::Partition);
    }

    fn seek(&mut self, position: u64, state: State) {
        self.position = position;
        self.met = None;
        if self.state != State::Failed {
            self.state = state;
        }
    }

    /// Keeps the chunks that it reads from `position` on, so that going back there reads nothing again; until the next call.
    pub fn pin(&mut self, position: u64) {
        self.pinned = Some(position);
        self.kept.retain(|chunk| chunk.end() > position);
    }

    /// Where the next event begins.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How many chunks were asked of the source.
    pub const fn chunks_read(&self) -> u64 {
        self.chunks_read
    }

    /// The layout of the rows.
    pub const fn header(&self) -> &'t Header {
        self.header
    }

    /// Goes to the next event. `false`: the data ends.
    ///
    /// # Errors
    /// Damage, with its place in the expanded data, or in the file if a chunk is damaged.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        match self.step() {
            Ok(met) => {
                self.met = met;
                Ok(met.is_some())
            }
            Err(error) => {
                (self.met, self.state) = (None, State::Failed);
                Err(error)
            }
        }
    }

    /// The event that it went to.
    #[inline]
    pub fn current(&self) -> Option<Event<'_>> {
        let (met, bytes) = self.met()?;
        let position = met.position;
        Some(match &met.parts {
            Parts::Head(head) => Event::Partition(head.view(bytes, position)),
            Parts::Row(row) if row.is_static => Event::Static(row.view(bytes, position, self.header)),
            Parts::Row(row) => Event::Row(row.view(bytes, position, self.header)),
            Parts::Marker(marker) => Event::Marker(marker.view(bytes, position, self.header)),
            Parts::End => Event::End(self.position),
        })
    }

    /// The record that was met and the bytes that begin with it.
    #[inline]
    fn met(&self) -> Option<(&Met, &[u8])> {
        let met = self.met.as_ref()?;
        let held = if met.is_stitched { &self.stitch[..] } else { &self.chunk.as_ref()?.block[..] };
        Some((met, held.get(met.start..)?))
    }

    /// The next event; `None` at the end of the data.
    ///
    /// # Errors
    /// As [`Walk::advance`].
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.current() } else { None })
    }

    /// Consumes one record.
    #[inline]
    fn step(&mut self) -> Result<Option<Met>, ReadError> {
        let (kind, position) = (self.state, self.position);
        if kind == State::Failed || (kind == State::Partition && position >= self.end) {
            return Ok(None);
        }
        let mut is_stitched = false;
        loop {
            let held = self.chunk.as_ref().map_or(&[][..], |chunk| chunk.from(position));
            let bytes = if is_stitched { &self.stitch[..] } else { held };
            let parsed = match kind {
                State::Partition => {
                    HeadParts::parse(bytes, self.header).map(|(head, len)| (Parts::Head(head), len))
                }
                _ => row::parse(bytes, self.header, kind == State::Static),
            };
            match parsed {
                Ok((parts, len)) => {
                    let base = self.chunk.as_ref().map_or(0, |chunk| chunk.base);
                    let start = if is_stitched { 0 } else { (position - base) as usize };
                    self.position += len as u64;
                    self.state = match (kind, &parts) {
                        (State::Partition, _) if !self.header.statics.is_empty() => State::Static,
                        (_, Parts::End) => State::Partition,
                        _ => State::Rows,
                    };
                    return Ok(Some(Met { parts, position, start, is_stitched }));
                }
                Err(fail) => {
                    let wanted = self.lacking(fail, bytes.len())?;
                    is_stitched = self.gather(wanted, is_stitched)?;
                }
            }
        }
    }

    /// How many bytes a failed parse of `held` ones says it needed; the failure if it is real.
    #[cold]
    fn lacking(&self, fail: Fail, held: usize) -> Result<usize, ReadError> {
        let wanted = match fail {
            Fail::Decode(DecodeError::Truncated { at, wanted, .. }) => at.saturating_add(wanted),
            Fail::Decode(DecodeError::Varint { at }) => at + UVINT_LEN_MAX,
            _ => return Err(fail.at(self.position)),
        };
        if held as u64 >= self.end.saturating_sub(self.position) || held >= wanted {
            return Err(fail.at(self.position));
        }
        if wanted > ROW_LEN_MAX {
            let what = Damage::Range { found: wanted as u64, max: ROW_LEN_MAX as u64 };
            return Err(ReadError::corrupt(Component::Data, self.position, what));
        }
        Ok(wanted)
    }

    /// Brings `wanted` bytes from the position on together, as far as there are so many. `false`: they are in the chunk.
    #[cold]
    fn gather(&mut self, wanted: usize, is_stitched: bool) -> Result<bool, ReadError> {
        let position = self.position;
        if !is_stitched {
            let held = self.chunk.as_ref().map_or(&[][..], |chunk| chunk.from(position));
            if held.is_empty() {
                self.load(position)?;
                return Ok(false);
            }
            self.stitch.clear();
            self.stitch.extend_from_slice(held);
        }
        // A chunk at a time: a length that lies costs no memory before the bytes are there.
        while self.stitch.len() < wanted {
            let next = position + self.stitch.len() as u64;
            if next >= self.end {
                break;
            }
            if self.chunk.as_ref().is_none_or(|chunk| chunk.from(next).is_empty()) {
                self.load(next)?;
            }
            let fresh = self.chunk.as_ref().map_or(&[][..], |chunk| chunk.from(next));
            let taken = fresh.len().min(wanted - self.stitch.len() + SLACK);
            self.stitch.extend_from_slice(&fresh[..taken]);
        }
        Ok(true)
    }

    /// Takes the chunk that holds a position, which is before the end.
    fn load(&mut self, position: u64) -> Result<(), ReadError> {
        if let Some(kept) = self.kept.iter().find(|chunk| !chunk.from(position).is_empty()) {
            self.chunk = Some(kept.clone());
            return Ok(());
        }
        let chunk_len = u64::from(self.data.chunk_len());
        let index = position / chunk_len;
        let block = self.data.chunk(&self.source, &self.codecs, index, self.mode)?;
        self.chunks_read += 1;
        let chunk = Chunk { block, base: index * chunk_len };
        if chunk.from(position).is_empty() {
            let what = Damage::Range { found: position, max: self.end };
            return Err(ReadError::corrupt(Component::Data, position, what));
        }
        if self.pinned.is_some_and(|pinned| chunk.end() > pinned) {
            self.kept.push(chunk.clone());
        }
        self.chunk = Some(chunk);
        Ok(())
    }
}

impl<S: BlockSource<ReadError>, C: Codecs> Events for Walk<'_, S, C> {
    #[inline]
    fn advance(&mut self) -> Result<bool, ReadError> {
        self.advance()
    }

    #[inline]
    fn current(&self) -> Option<Event<'_>> {
        self.current()
    }

    #[inline]
    fn stand(&self) -> Stand<'_> {
        let Some((met, bytes)) = self.met() else { return Stand::Nowhere };
        match &met.parts {
            Parts::Head(head) => Stand::Head(head.view(bytes, met.position)),
            Parts::Row(row) if row.is_static => Stand::Static,
            Parts::Row(row) => Stand::Item(ClusteringKind::Row, row.prefix(bytes, self.header)),
            Parts::Marker(marker) => {
                let marker = marker.view(bytes, met.position, self.header);
                Stand::Item(marker.kind.clustering_kind(), marker.clustering)
            }
            Parts::End => Stand::End,
        }
    }

    fn header(&self) -> &Header {
        self.header
    }
}
