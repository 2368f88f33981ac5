//! A walk over the data: partitions, rows, markers, one after the other.
//!
//! The bytes of one chunk after another are gathered behind what is not consumed yet, so that a row that lies across chunks is whole and one
//! that lies within costs no more than the copy of its chunk. A row's view lives until the next step.

use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};

use super::Fail;
use super::chunks::Data;
use super::row::{self, Marker, PartitionHead, Row, Unfiltered};
use crate::component::Component;
use crate::compression::Codecs;
use crate::error::{Damage, ReadError};
use crate::limits::ROW_LEN_MAX;
use crate::statistics::Header;

/// Bytes of the longest uvint.
const UVINT_LEN_MAX: usize = 9;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Partition,
    Static,
    Rows,
    Failed,
}

/// A walk. It stops for good at the first error.
#[derive(Debug)]
pub struct Walk<'t, S, C> {
    data: &'t Data,
    header: &'t Header,
    source: S,
    codecs: C,
    mode: ReadMode,
    buffer: Vec<u8>,
    /// Position of the buffer's first byte in the data.
    base: u64,
    /// What of the buffer is consumed.
    used: usize,
    state: State,
    /// No further than this.
    end: u64,
    /// Bytes from here on are kept.
    pinned: Option<u64>,
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
            buffer: Vec::new(),
            base: position,
            used: 0,
            state: State::Partition,
            end: data.len(),
            pinned: None,
            chunks_read: 0,
        }
    }

    /// Goes to `position`, where a row or marker of the current partition begins.
    pub fn seek_row(&mut self, position: u64) {
        self.seek(position);
        if self.state != State::Failed {
            self.state = State::Rows;
        }
    }

    /// Goes to `position`, where a partition begins.
    pub fn seek_partition(&mut self, position: u64) {
        self.seek(position);
        if self.state != State::Failed {
            self.state = State::Partition;
        }
    }

    /// Keeps what it reads from `position` on, so that going back there reads nothing again; until the next call.
    pub fn pin(&mut self, position: u64) {
        self.pinned = Some(position);
    }

    fn seek(&mut self, position: u64) {
        let held = self.base..=self.base + self.buffer.len() as u64;
        if held.contains(&position) {
            self.used = (position - self.base) as usize;
        } else {
            self.buffer.clear();
            (self.base, self.used) = (position, 0);
        }
    }

    /// Where the next event begins.
    pub fn position(&self) -> u64 {
        self.base + self.used as u64
    }

    /// How many chunks were asked of the source.
    pub fn chunks_read(&self) -> u64 {
        self.chunks_read
    }

    /// The layout of the rows.
    pub fn header(&self) -> &'t Header {
        self.header
    }

    /// The next event; `None` at the end of the data.
    ///
    /// # Errors
    /// Damage, with its place in the expanded data, or in the file if a chunk is damaged.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        let result = self.step();
        if result.is_err() {
            self.state = State::Failed;
        }
        let (start, kind) = match result {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(e) => return Err(e),
        };
        // The step has found that these bytes parse; a second look borrows them for the caller.
        let bytes = &self.buffer[start..self.used];
        let position = self.base + start as u64;
        let at = |fail: Fail| fail.at(position);
        Ok(Some(match kind {
            State::Partition => {
                Event::Partition(PartitionHead::parse(bytes, position, self.header).map_err(at)?.0)
            }
            kind => match row::parse(bytes, position, self.header, kind == State::Static).map_err(at)?.0 {
                Unfiltered::Row(row) if row.is_static => Event::Static(row),
                Unfiltered::Row(row) => Event::Row(row),
                Unfiltered::Marker(marker) => Event::Marker(marker),
                Unfiltered::End => Event::End(self.base + self.used as u64),
            },
        }))
    }

    /// Consumes one element; gives where in the buffer it began and what it is.
    fn step(&mut self) -> Result<Option<(usize, State)>, ReadError> {
        if self.state == State::Failed || (self.state == State::Partition && self.position() >= self.end) {
            return Ok(None);
        }
        let kind = self.state;
        loop {
            let position = self.position();
            let bytes = &self.buffer[self.used..];
            let parsed = match kind {
                State::Partition => {
                    PartitionHead::parse(bytes, position, self.header).map(|(_, len)| (false, len))
                }
                _ => row::parse(bytes, position, self.header, kind == State::Static)
                    .map(|(found, len)| (matches!(found, Unfiltered::End), len)),
            };
            match parsed {
                Ok((is_end, len)) => {
                    let start = self.used;
                    self.used += len;
                    self.state = match kind {
                        State::Partition if !self.header.statics.is_empty() => State::Static,
                        _ if is_end => State::Partition,
                        _ => State::Rows,
                    };
                    return Ok(Some((start, kind)));
                }
                Err(fail) => self.extend(fail)?,
            }
        }
    }

    /// Gathers as many bytes as a failed parse says it lacked; else the failure is real.
    fn extend(&mut self, fail: Fail) -> Result<(), ReadError> {
        let position = self.position();
        let wanted = match fail {
            Fail::Decode(dolmen_codec::DecodeError::Truncated { at, wanted, .. }) => {
                at.saturating_add(wanted)
            }
            Fail::Decode(dolmen_codec::DecodeError::Varint { at }) => at + UVINT_LEN_MAX,
            _ => return Err(fail.at(position)),
        };
        let held = self.buffer.len() - self.used;
        let left = self.end.saturating_sub(position);
        if held as u64 >= left || held >= wanted {
            return Err(fail.at(position));
        }
        if wanted > ROW_LEN_MAX {
            let what = Damage::Range { found: wanted as u64, max: ROW_LEN_MAX as u64 };
            return Err(ReadError::corrupt(Component::Data, position, what));
        }
        let kept = self.pinned.map_or(position, |pinned| pinned.clamp(self.base, position));
        self.buffer.drain(..(kept - self.base) as usize);
        self.base = kept;
        self.used = (position - kept) as usize;
        let chunk_len = u64::from(self.data.chunk_len());
        // A chunk at a time: a length that lies costs no memory before the bytes are there.
        while self.buffer.len() - self.used < wanted {
            let next = self.base + self.buffer.len() as u64;
            if next >= self.end {
                break;
            }
            let index = next / chunk_len;
            let chunk = self.data.chunk(&self.source, &self.codecs, index, self.mode)?;
            self.chunks_read += 1;
            let Some(fresh) = chunk.get((next - index * chunk_len) as usize..).filter(|b| !b.is_empty())
            else {
                let what = Damage::Range { found: next, max: self.end };
                return Err(ReadError::corrupt(Component::Data, next, what));
            };
            self.buffer.extend_from_slice(fresh);
        }
        Ok(())
    }
}
