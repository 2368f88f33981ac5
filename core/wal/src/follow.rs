//! Reading a log while another process writes it.
//!
//! 1. Each call reads the current segment from the last entry on. Bytes that are no entry may be one that is being written: wait. With a record
//!    behind them they are not, for the writer writes in order: they are damaged.
//! 2. A later segment proves that this one is complete. So once there is one, this one is read to its end once more and then left; if it
//!    does not end whole, it is damaged.
//!
//! What is shown is what the writer handed to the operating system. It may not be synced yet, and a crash of the machine can take it back.

use alloc::format;
use alloc::vec::Vec;

use dolmen_base::io::{Directory, FileNumber, IoError, OpenMode};

use crate::entry::{Body, Entry, Lsn};
use crate::error::{Damage, WalError};
use crate::limits::SEGMENT_FILE_LEN_MAX;
use crate::name::LogName;
use crate::record::{self, BLOCK_LEN, FIRST, FULL, Fragment, LAST, fragment_at};
use crate::scan::{Deliver, LogError, list};

/// A place in a log that another process may be writing.
#[derive(Debug, Default)]
pub struct Follower {
    segment: Option<FileNumber>,
    /// End of the last entry in it.
    at: u64,
    next_lsn: Option<Lsn>,
    buffer: Vec<u8>,
}

/// How the bytes that are there end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Bad(WalError),
}

impl Follower {
    /// Before the first entry of the log.
    pub fn new() -> Self {
        Follower::default()
    }

    /// Delivers the entries that are new, segment entries included; answers how many. Archived segments are not read; a segment that
    /// is given up while it is read is [`IoError::NotFound`].
    ///
    /// # Errors
    /// [`IoError::NotFound`] for a segment that is given up while it is read, damage, and reads that fail.
    pub fn poll(&mut self, dir: &dyn Directory, deliver: &mut Deliver<'_>) -> Result<u64, LogError> {
        let mut count = 0;
        loop {
            let names = list(dir, false)?;
            let current = self.segment.or_else(|| names.first().map(|n| n.number));
            let Some(number) = current else { return Ok(count) };
            self.segment = Some(number);
            let next = names.iter().find(|n| n.number > number && begins(dir, **n)).copied();
            let (delivered, end) = self.read(dir, LogName::live(number), deliver)?;
            count += delivered;
            match (next, end) {
                (None, _) => return Ok(count),
                (Some(next), End::Whole) => (self.segment, self.at) = (Some(next.number), 0),
                (Some(_), End::Bad(error)) => {
                    return Err(LogError::Record { name: LogName::live(number), error });
                }
            }
        }
    }

    /// Delivers what stands behind `at` in a segment.
    fn read(
        &mut self,
        dir: &dyn Directory,
        name: LogName,
        deliver: &mut Deliver<'_>,
    ) -> Result<(u64, End), LogError> {
        let io = |error| LogError::Io { name: Some(name), error };
        let file = dir.open(&format!("{name}"), OpenMode::Read).map_err(io)?;
        let (start, len) = (self.at - self.at % BLOCK_LEN as u64, file.len().map_err(io)?);
        if len <= self.at {
            return Ok((0, End::Whole));
        }
        if len > SEGMENT_FILE_LEN_MAX {
            return Err(LogError::Limit { found: len, max: SEGMENT_FILE_LEN_MAX });
        }
        let mut bytes = core::mem::take(&mut self.buffer);
        bytes.clear();
        bytes.resize(usize::try_from(len - start).map_err(|_| io(IoError::NoSpace))?, 0);
        file.read_exact_at(start, &mut bytes).map_err(io)?;
        let outcome = self.entries(name, start, &bytes, deliver);
        self.buffer = bytes;
        outcome
    }

    fn entries(
        &mut self,
        name: LogName,
        base: u64,
        bytes: &[u8],
        deliver: &mut Deliver<'_>,
    ) -> Result<(u64, End), LogError> {
        let number = Some(name.number.get() as u32);
        let (mut count, mut record, mut begun) = (0, Vec::new(), None);
        let bad = |start: usize, damage| {
            let behind = record::valid_behind(bytes, start, number).map(|next| base + next as u64);
            let error = WalError::Corrupt { at: base + start as u64, damage, valid_behind: behind };
            if behind.is_some() { Err(LogError::Record { name, error }) } else { Ok(End::Bad(error)) }
        };
        let mut at = (self.at - base) as usize;
        loop {
            let (kind, payload, start, end) = match fragment_at(bytes, at, number) {
                Fragment::Record { kind, payload, start, end } => (kind, payload, start, end),
                Fragment::Skip { end } => {
                    at = end;
                    continue;
                }
                Fragment::End { .. } | Fragment::Mark { .. } | Fragment::Stale { .. } if begun.is_none() => {
                    return Ok((count, End::Whole));
                }
                Fragment::Bad { start, damage } => return Ok((count, bad(start, damage)?)),
                Fragment::Unsupported { start, kind } => {
                    let error = WalError::Unsupported { at: base + start as u64, kind };
                    return Err(LogError::Record { name, error });
                }
                _ => {
                    let (at, file_len) = (begun.unwrap_or(at), base + bytes.len() as u64);
                    return Ok((count, End::Bad(WalError::Torn { at: base + at as u64, file_len })));
                }
            };
            if matches!(kind, FULL | FIRST) != begun.is_none() {
                return Ok((count, bad(start, Damage::Fragment(kind))?));
            }
            let first = *begun.get_or_insert(start);
            record.extend_from_slice(payload);
            at = end;
            if matches!(kind, FULL | LAST) {
                self.entry(name, base + first as u64, &record, deliver)?;
                self.at = base + end as u64;
                (count, begun) = (count + 1, None);
                record.clear();
            }
        }
    }

    fn entry(
        &mut self,
        name: LogName,
        at: u64,
        payload: &[u8],
        deliver: &mut Deliver<'_>,
    ) -> Result<(), LogError> {
        let entry = Entry::parse(payload).map_err(|error| LogError::Entry { name, at, error })?;
        if let Some(expected) = self.next_lsn.filter(|&expected| expected != entry.lsn) {
            return Err(LogError::Sequence { name, at, expected, found: entry.lsn });
        }
        self.next_lsn = Some(if entry.body.takes_lsn() { entry.lsn.next() } else { entry.lsn });
        deliver(name, at, entry);
        Ok(())
    }
}

/// Whether a file begins with a segment entry: else its rotation was cut short or is under way.
fn begins(dir: &dyn Directory, name: LogName) -> bool {
    let framing = crate::commit::framing(true, name.number);
    let mut bytes = alloc::vec![0; record::encoded_len(crate::entry::SEGMENT_LEN, 0, framing)];
    let read = dir.open(&format!("{name}"), OpenMode::Read).and_then(|f| f.read_exact_at(0, &mut bytes));
    read.is_ok()
        && matches!(fragment_at(&bytes, 0, Some(name.number.get() as u32)),
            Fragment::Record { payload, .. }
                if Entry::parse(payload).is_ok_and(|e| matches!(e.body, Body::Segment { .. })))
}
