//! Recovery: the records of a log in order, and a decision about everything that is no valid record.
//!
//! | mode | torn tail | damage, nothing valid behind | damage, valid records behind |
//! |---|---|---|---|
//! | [`RecoveryMode::TornTail`] | cut | cut | error |
//! | [`RecoveryMode::TolerateCorruptedTail`] | cut | error | error |
//! | [`RecoveryMode::Absolute`] | error | error | error |
//! | [`RecoveryMode::PointInTime`] | cut | stop, reported | stop, reported |
//! | [`RecoveryMode::SkipAnyCorrupted`] | cut | skip, reported | skip the rest of the block, go on |
//!
//! Only the start of another record counts as one behind: later fragments may belong to the damaged record itself. Zeros up to
//! the end of the file are an end in every mode (preallocated space), and so are records of an earlier life of a recycled file.
//! The last four modes are RocksDB's `WALRecoveryMode`; RocksDB cannot tell the two kinds of damage apart.

use alloc::vec::Vec;

use crate::error::{Damage, WalError};
use crate::record::{BLOCK_LEN, FIRST, FULL, Fragment, LAST, fragment_at, record_behind};

/// What recovery does about bytes that are no valid record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RecoveryMode {
    /// A tail behind which nothing valid stands is cut; damage with valid records behind it is an error.
    #[default]
    TornTail,
    /// RocksDB's `kTolerateCorruptedTailRecords`: only an incomplete last record is cut.
    TolerateCorruptedTail,
    /// RocksDB's `kAbsoluteConsistency`: every byte must belong to a whole record.
    Absolute,
    /// RocksDB's `kPointInTimeRecovery`: everything from the first damage on is left out.
    PointInTime,
    /// RocksDB's `kSkipAnyCorruptedRecords`: damaged records are left out, later ones are kept.
    SkipAnyCorrupted,
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole record, or zeros behind it.
    Whole,
    /// Inside a record that starts at `at`.
    Torn {
        /// Where the record starts.
        at: u64,
    },
    /// With a damaged record behind which nothing valid stands.
    Damaged {
        /// Where it starts.
        at: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Point-in-time recovery stopped although valid records follow.
    Stopped {
        /// Where the damaged record starts.
        at: u64,
        /// What is wrong with it.
        damage: Damage,
        /// Where the first valid record behind it starts.
        valid_at: u64,
    },
}

/// What recovery found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Records delivered.
    pub record_count: u64,
    /// Length of the file up to the end of the last delivered record: truncate to this before appending.
    pub whole_len: u64,
    /// How the log ends.
    pub tail: Tail,
    /// Bytes that were left out between delivered records ([`RecoveryMode::SkipAnyCorrupted`] only).
    pub skipped_len: u64,
}

/// Delivers the records of a log file in order; each with the offset of its first fragment.
///
/// `log_number` is the low half of the log's number; without it recycled records of any number are taken. Memory: one record.
/// Errors name the offset; what was delivered before an error is a valid prefix of the log.
pub fn recover(
    bytes: &[u8],
    log_number: Option<u32>,
    mode: RecoveryMode,
    deliver: &mut dyn FnMut(u64, &[u8]),
) -> Result<Report, WalError> {
    recover_with(bytes, log_number, mode, &|_, _| true, deliver)
}

/// As [`recover`], for logs whose records say more. A disk that reorders unsynced writes can keep a later record and lose an earlier
/// one; that is no damage. `proves(at, payload)` judges a record that starts behind bad bytes at `at`, by its first fragment: whether those
/// bytes had been synced before it was written. Only such a record counts as one that follows damage.
pub fn recover_with(
    bytes: &[u8],
    log_number: Option<u32>,
    mode: RecoveryMode,
    proves: &dyn Fn(u64, &[u8]) -> bool,
    deliver: &mut dyn FnMut(u64, &[u8]),
) -> Result<Report, WalError> {
    let mut state =
        Recovery { bytes, log_number, mode, proves, at: 0, record: Vec::new(), begun: None, report: EMPTY };
    while let Some(fragment) = state.next()? {
        state.take(fragment, deliver)?;
    }
    Ok(state.report)
}

const EMPTY: Report = Report { record_count: 0, whole_len: 0, tail: Tail::Whole, skipped_len: 0 };

struct Recovery<'a> {
    bytes: &'a [u8],
    log_number: Option<u32>,
    mode: RecoveryMode,
    proves: &'a dyn Fn(u64, &[u8]) -> bool,
    at: usize,
    record: Vec<u8>,
    /// Start of the record whose first fragment was seen.
    begun: Option<usize>,
    report: Report,
}

/// A valid fragment.
struct Piece<'a> {
    kind: u8,
    payload: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Recovery<'a> {
    /// The next valid fragment; `None` at the end or where the mode stops.
    fn next(&mut self) -> Result<Option<Piece<'a>>, WalError> {
        loop {
            match fragment_at(self.bytes, self.at, self.log_number) {
                Fragment::Record { kind, payload, start, end } => {
                    return Ok(Some(Piece { kind, payload, start, end }));
                }
                Fragment::Skip { end } => self.at = end,
                Fragment::Unsupported { start, kind } => {
                    return Err(WalError::Unsupported { at: start as u64, kind });
                }
                Fragment::End => return self.end().map(|()| None),
                Fragment::Stale { start, number } => {
                    if !self.ended(start, Damage::Stale { number })? {
                        return Ok(None);
                    }
                }
                Fragment::Mark { start } => {
                    if !self.ended(start, Damage::Kind(0))? {
                        return Ok(None);
                    }
                }
                Fragment::Torn { start } => match self.behind(start) {
                    None => return self.torn(self.begun.unwrap_or(start)).map(|()| None),
                    Some(_) => {
                        let max = (self.bytes.len() - start) as u64;
                        let damage = Damage::Length { found: max + 1, max };
                        if !self.damaged(start, damage)? {
                            return Ok(None);
                        }
                    }
                },
                Fragment::Bad { start, damage } => {
                    if !self.damaged(start, damage)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Adds a fragment to the record under construction and delivers the record when it is whole.
    fn take(&mut self, piece: Piece<'a>, deliver: &mut dyn FnMut(u64, &[u8])) -> Result<(), WalError> {
        let starts = matches!(piece.kind, FULL | FIRST);
        if starts != self.begun.is_none() {
            return self.out_of_order(&piece);
        }
        let begun = *self.begun.get_or_insert(piece.start);
        self.at = piece.end;
        if piece.kind == FULL {
            deliver(begun as u64, piece.payload);
        } else {
            self.record.extend_from_slice(piece.payload);
        }
        if piece.kind == LAST {
            deliver(begun as u64, &self.record);
        }
        if matches!(piece.kind, FULL | LAST) {
            self.record.clear();
            self.begun = None;
            self.report.record_count += 1;
            self.report.whole_len = piece.end as u64;
        }
        Ok(())
    }

    /// A valid fragment in the wrong place: a first one while a record is open, or a later one while none is.
    fn out_of_order(&mut self, piece: &Piece<'_>) -> Result<(), WalError> {
        let at = self.begun.unwrap_or(piece.start) as u64;
        let damage = Damage::Fragment(piece.kind);
        match self.mode {
            RecoveryMode::SkipAnyCorrupted if self.begun.is_some() => {
                self.report.skipped_len += piece.start as u64 - at;
                self.forget();
                self.at = piece.start;
                Ok(())
            }
            RecoveryMode::SkipAnyCorrupted => {
                self.report.skipped_len += (piece.end - piece.start) as u64;
                self.at = piece.end;
                Ok(())
            }
            RecoveryMode::PointInTime => {
                self.report.tail = Tail::Stopped { at, damage, valid_at: piece.start as u64 };
                self.forget();
                self.at = self.bytes.len();
                Ok(())
            }
            _ => Err(WalError::Corrupt { at, damage, valid_behind: Some(piece.start as u64) }),
        }
    }

    /// The end of the valid bytes; a record that was begun and not finished makes it a torn one.
    fn end(&mut self) -> Result<(), WalError> {
        match self.begun {
            Some(at) => self.torn(at),
            None => Ok(()),
        }
    }

    fn torn(&mut self, at: usize) -> Result<(), WalError> {
        if self.mode == RecoveryMode::Absolute {
            return Err(WalError::Torn { at: at as u64, file_len: self.bytes.len() as u64 });
        }
        self.report.tail = Tail::Torn { at: at as u64 };
        Ok(())
    }

    /// Decides about what an end looks like in a recycled file: it is one, unless a record behind it proves otherwise.
    fn ended(&mut self, start: usize, damage: Damage) -> Result<bool, WalError> {
        if self.mode == RecoveryMode::SkipAnyCorrupted || self.behind(start).is_none() {
            return self.end().map(|()| false);
        }
        self.damaged(start, damage)
    }

    /// Decides about damage at `start`: true to go on behind it.
    fn damaged(&mut self, start: usize, damage: Damage) -> Result<bool, WalError> {
        let at = start as u64;
        if self.mode == RecoveryMode::SkipAnyCorrupted {
            self.skip_block(start);
            return Ok(true);
        }
        let behind = self.behind(start);
        match (self.mode, behind) {
            (RecoveryMode::TornTail | RecoveryMode::PointInTime, None) => {
                self.report.tail = Tail::Damaged { at, damage };
                Ok(false)
            }
            (RecoveryMode::PointInTime, Some(valid_at)) => {
                self.report.tail = Tail::Stopped { at, damage, valid_at };
                Ok(false)
            }
            (_, valid_behind) => Err(WalError::Corrupt { at, damage, valid_behind }),
        }
    }

    /// Where a valid record stands that proves the bytes at `start` damaged.
    fn behind(&self, start: usize) -> Option<u64> {
        let proves = |payload: &[u8]| (self.proves)(start as u64, payload);
        record_behind(self.bytes, start, self.log_number, &proves).map(|place| place as u64)
    }

    /// Leaves out everything up to the next block that is not all zeros, and the record that was begun.
    fn skip_block(&mut self, start: usize) {
        let from = self.begun.unwrap_or(start);
        // A look at the zeros from every block of a hole would take the square of its length.
        let zeros = self.bytes[start..].iter().take_while(|&&b| b == 0).count();
        let to = (start - start % BLOCK_LEN + BLOCK_LEN).max((start + zeros) / BLOCK_LEN * BLOCK_LEN);
        let to = to.min(self.bytes.len());
        self.report.skipped_len += (to - from) as u64;
        self.forget();
        self.at = to;
    }

    fn forget(&mut self) {
        self.record.clear();
        self.begun = None;
    }
}
