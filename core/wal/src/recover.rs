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
use core::fmt;

use dolmen_base::io::{File, IoError};

use crate::error::{Damage, WalError};
use crate::record::{BLOCK_LEN, FIRST, FULL, Fragment, LAST, fragment_at, record_behind};
use crate::window::{Bytes, FileBytes};

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

impl RecoveryMode {
    /// All of them, with the names that a command line uses.
    pub const NAMES: [(&'static str, RecoveryMode); 5] = [
        ("torn-tail", RecoveryMode::TornTail),
        ("tolerate-corrupted-tail", RecoveryMode::TolerateCorruptedTail),
        ("absolute", RecoveryMode::Absolute),
        ("point-in-time", RecoveryMode::PointInTime),
        ("skip-damaged", RecoveryMode::SkipAnyCorrupted),
    ];

    /// The mode of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| *name)
    }
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
///
/// # Errors
/// Damage that the mode does not go on behind; what was delivered before is a valid prefix of the log.
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
///
/// # Errors
/// As [`recover`].
pub fn recover_with(
    bytes: &[u8],
    log_number: Option<u32>,
    mode: RecoveryMode,
    proves: &dyn Fn(u64, &[u8]) -> bool,
    deliver: &mut dyn FnMut(u64, &[u8]),
) -> Result<Report, WalError> {
    Recovery::new(bytes, log_number, mode, proves).run(deliver).map_err(|error| match error {
        RecoverError::Read(never) => match never {},
        RecoverError::Log(error) => error,
    })
}

/// As [`recover`], of a file that is read piece by piece. Memory: one record and 256 KiB.
///
/// # Errors
/// As [`recover`], and reads that fail.
pub fn recover_file(
    file: &dyn File,
    log_number: Option<u32>,
    mode: RecoveryMode,
    deliver: &mut dyn FnMut(u64, &[u8]),
) -> Result<Report, RecoverError> {
    recover_file_with(file, log_number, mode, &|_, _| true, deliver)
}

/// As [`recover_with`], of a file that is read piece by piece.
///
/// # Errors
/// Bytes that cannot be read, and what the mode takes for damage.
pub fn recover_file_with(
    file: &dyn File,
    log_number: Option<u32>,
    mode: RecoveryMode,
    proves: &dyn Fn(u64, &[u8]) -> bool,
    deliver: &mut dyn FnMut(u64, &[u8]),
) -> Result<Report, RecoverError> {
    let bytes = FileBytes::new(file).map_err(RecoverError::Read)?;
    Recovery::new(bytes, log_number, mode, proves).run(deliver)
}

/// Why a log that is read piece by piece could not be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoverError<E = IoError> {
    /// Bytes could not be read.
    Read(E),
    /// The log is damaged.
    Log(WalError),
}

impl<E> From<WalError> for RecoverError<E> {
    fn from(error: WalError) -> Self {
        RecoverError::Log(error)
    }
}

impl<E: fmt::Display> fmt::Display for RecoverError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecoverError::Read(error) => error.fmt(f),
            RecoverError::Log(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for RecoverError<E> {}

const EMPTY: Report = Report { record_count: 0, whole_len: 0, tail: Tail::Whole, skipped_len: 0 };

struct Recovery<'a, B> {
    bytes: B,
    log_number: Option<u32>,
    mode: RecoveryMode,
    proves: &'a dyn Fn(u64, &[u8]) -> bool,
    at: usize,
    record: Vec<u8>,
    /// Start of the record whose first fragment was seen.
    begun: Option<usize>,
    report: Report,
}

/// A valid fragment; the last `len` bytes before `end` are its payload.
struct Piece {
    kind: u8,
    start: usize,
    len: usize,
    end: usize,
}

type Outcome<T, B> = Result<T, RecoverError<<B as Bytes>::Error>>;

impl<'a, B: Bytes> Recovery<'a, B> {
    fn new(
        bytes: B,
        log_number: Option<u32>,
        mode: RecoveryMode,
        proves: &'a dyn Fn(u64, &[u8]) -> bool,
    ) -> Self {
        Recovery { bytes, log_number, mode, proves, at: 0, record: Vec::new(), begun: None, report: EMPTY }
    }

    fn run(mut self, deliver: &mut dyn FnMut(u64, &[u8])) -> Outcome<Report, B> {
        while let Some(piece) = self.next()? {
            self.take(&piece, deliver)?;
        }
        Ok(self.report)
    }

    /// The next valid fragment; `None` at the end or where the mode stops.
    fn next(&mut self) -> Outcome<Option<Piece>, B> {
        loop {
            let (base, bytes) = self.bytes.window(self.at).map_err(RecoverError::Read)?;
            let window_end = base + bytes.len();
            let go_on = match fragment_at(bytes, self.at - base, self.log_number) {
                Fragment::Record { kind, payload, start, end } => {
                    let len = payload.len();
                    return Ok(Some(Piece { kind, start: base + start, len, end: base + end }));
                }
                Fragment::Skip { end } => {
                    self.at = base + end;
                    true
                }
                Fragment::Unsupported { start, kind } => {
                    return Err(WalError::Unsupported { at: (base + start) as u64, kind }.into());
                }
                Fragment::End { start } => self.zeros(base + start, window_end)?,
                Fragment::Stale { start, number } => self.ended(base + start, Damage::Stale { number })?,
                Fragment::Mark { start } => self.ended(base + start, Damage::Kind(0))?,
                Fragment::Torn { start } => self.cut_off(base + start)?,
                Fragment::Bad { start, damage } => self.damaged(base + start, damage)?,
            };
            if !go_on {
                return Ok(None);
            }
        }
    }

    /// Decides about zeros from `start` to the end of what was read: they are an end if there are nothing but zeros behind them.
    fn zeros(&mut self, start: usize, window_end: usize) -> Outcome<bool, B> {
        let total = self.bytes.len();
        if window_end >= total || self.zeros_end(window_end)? == total {
            return self.end().map(|()| false);
        }
        // What a whole header of zeros in front of other bytes means.
        match self.log_number {
            Some(_) => self.ended(start, Damage::Kind(0)),
            None => self.damaged(start, Damage::Kind(0)),
        }
    }

    /// Decides about a fragment that the end of the file cuts off: with a record behind it, its length is what is wrong.
    fn cut_off(&mut self, start: usize) -> Outcome<bool, B> {
        if self.behind(start)?.is_none() {
            return self.torn(self.begun.unwrap_or(start)).map(|()| false);
        }
        let max = (self.bytes.len() - start) as u64;
        self.damaged(start, Damage::Length { found: max + 1, max })
    }

    /// Adds a fragment to the record under construction and delivers the record when it is whole.
    fn take(&mut self, piece: &Piece, deliver: &mut dyn FnMut(u64, &[u8])) -> Outcome<(), B> {
        let starts = matches!(piece.kind, FULL | FIRST);
        if starts != self.begun.is_none() {
            return Ok(self.out_of_order(piece)?);
        }
        let begun = *self.begun.get_or_insert(piece.start);
        self.at = piece.end;
        let payload_at = piece.end - piece.len;
        // A fragment lies within one block; where it is empty it may lie at the end of the log.
        let (base, bytes) = self.bytes.window(piece.start).map_err(RecoverError::Read)?;
        let payload = &bytes[payload_at - base..piece.end - base];
        if piece.kind == FULL {
            deliver(begun as u64, payload);
        } else {
            self.record.extend_from_slice(payload);
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
    fn out_of_order(&mut self, piece: &Piece) -> Result<(), WalError> {
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
    fn end(&mut self) -> Outcome<(), B> {
        match self.begun {
            Some(at) => self.torn(at),
            None => Ok(()),
        }
    }

    fn torn(&mut self, at: usize) -> Outcome<(), B> {
        if self.mode == RecoveryMode::Absolute {
            return Err(WalError::Torn { at: at as u64, file_len: self.bytes.len() as u64 }.into());
        }
        self.report.tail = Tail::Torn { at: at as u64 };
        Ok(())
    }

    /// Decides about what an end looks like in a recycled file: it is one, unless a record behind it proves otherwise.
    fn ended(&mut self, start: usize, damage: Damage) -> Outcome<bool, B> {
        if self.mode == RecoveryMode::SkipAnyCorrupted || self.behind(start)?.is_none() {
            return self.end().map(|()| false);
        }
        self.damaged(start, damage)
    }

    /// Decides about damage at `start`: true to go on behind it.
    fn damaged(&mut self, start: usize, damage: Damage) -> Outcome<bool, B> {
        let at = start as u64;
        if self.mode == RecoveryMode::SkipAnyCorrupted {
            self.skip_block(start)?;
            return Ok(true);
        }
        let behind = self.behind(start)?;
        match (self.mode, behind) {
            (RecoveryMode::TornTail | RecoveryMode::PointInTime, None) => {
                self.report.tail = Tail::Damaged { at, damage };
                Ok(false)
            }
            (RecoveryMode::PointInTime, Some(valid_at)) => {
                self.report.tail = Tail::Stopped { at, damage, valid_at };
                Ok(false)
            }
            (_, valid_behind) => Err(WalError::Corrupt { at, damage, valid_behind }.into()),
        }
    }

    /// Where a valid record stands that proves the bytes at `start` damaged.
    fn behind(&mut self, start: usize) -> Outcome<Option<u64>, B> {
        let proves = self.proves;
        let found =
            record_behind(&mut self.bytes, start, self.log_number, &|payload| proves(start as u64, payload));
        found.map(|place| place.map(|place| place as u64)).map_err(RecoverError::Read)
    }

    /// Leaves out everything up to the next block that is not all zeros, and the record that was begun.
    fn skip_block(&mut self, start: usize) -> Outcome<(), B> {
        let from = self.begun.unwrap_or(start);
        // A look at the zeros from every block of a hole would take the square of its length.
        let zeros_end = self.zeros_end(start)?;
        let to = (start - start % BLOCK_LEN + BLOCK_LEN).max(zeros_end / BLOCK_LEN * BLOCK_LEN);
        let to = to.min(self.bytes.len());
        self.report.skipped_len += (to - from) as u64;
        self.forget();
        self.at = to;
        Ok(())
    }

    fn zeros_end(&mut self, at: usize) -> Outcome<usize, B> {
        self.bytes.zeros_end(at).map_err(RecoverError::Read)
    }

    fn forget(&mut self) {
        self.record.clear();
        self.begun = None;
    }
}
