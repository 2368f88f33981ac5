//! Reading a whole log: its segments in order, the entries of each, and what is wrong where. Nothing is changed.
//!
//! 1. Segments are the files `NNNNNN.log`, by number. Each begins with a segment entry; a file without one holds nothing that was
//!    ever acknowledged (a rotation was cut short) and is left out.
//! 2. Every entry carries the LSN behind the last one's, across segments.
//! 3. A segment proves that all of the one before was synced. So only the last one can have a torn tail; elsewhere it is damage.
//! 4. Within the last segment, bad bytes are damage if an entry behind them says that they had been synced, and a torn tail else.
//! 5. The first segment reaches down to the low LSN that the later ones name, or segments are missing. Segments below it may be there in
//!    part: removals need not reach the disk in order.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use dolmen_base::io::{Directory, FileNumber, IoError, read_file};

use crate::entry::{self, Body, Entry, EntryError, Lsn, TransactionId};
use crate::error::WalError;
use crate::limits::{SEGMENT_FILE_LEN_MAX, TRANSACTION_BYTES_MAX, TRANSACTIONS_MAX};
use crate::name::LogName;
use crate::record::{self, Fragment, Framing, fragment_at};
use crate::recover::{RecoveryMode, Tail, recover_with};

/// How to read a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// What to do about bytes that are no entry.
    pub mode: RecoveryMode,
    /// Read archived segments too.
    pub archived: bool,
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its file.
    pub name: LogName,
    /// LSN of its first entry that takes one, or of the next if there is none yet.
    pub first_lsn: Lsn,
    /// LSN of the oldest transaction that was open where it begins; `first_lsn` if there was none. What stands behind needs the log from
    /// here on.
    pub oldest_open: Lsn,
    /// Entries in it, the segment entry left out.
    pub entry_count: u64,
    /// Length up to the end of the last entry.
    pub whole_len: u64,
    /// Length of the file.
    pub file_len: u64,
}

/// Bytes that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file.
    pub name: LogName,
    /// How its valid part ends.
    pub tail: Tail,
    /// Bytes behind the valid part.
    pub len: u64,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} bytes left out: ", self.name, self.len)?;
        match self.tail {
            Tail::Whole => f.write_str("they stand behind damage"),
            Tail::Torn { at } => write!(f, "torn tail, the file ends inside the record at offset {at}"),
            Tail::Damaged { at, damage } => {
                write!(f, "torn tail at offset {at} ({damage}), nothing that was synced stands behind it")
            }
            Tail::Stopped { at, damage, valid_at } => write!(
                f,
                "damage at offset {at} ({damage}), recovery stopped there although a valid record follows at {valid_at}"
            ),
        }
    }
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Its segments in order.
    pub segments: Vec<Segment>,
    /// Files that a rotation left unfinished: they hold nothing.
    pub leftovers: Vec<LogName>,
    /// Segments that were given up by a truncation and not removed yet, with segments behind them missing already.
    pub given_up: Vec<LogName>,
    /// Segments behind the place where point-in-time recovery stopped, and files that hold something else than a log.
    pub unread: Vec<LogName>,
    /// What was left out at the end, or between entries.
    pub dropped: Vec<Dropped>,
    /// The LSN that comes next.
    pub next_lsn: Lsn,
    /// The log was truncated below this.
    pub low: Lsn,
    /// Transactions that were begun and not ended, with the number of their writes.
    pub open: BTreeMap<TransactionId, u32>,
    /// Largest file number in the directory.
    pub number_max: FileNumber,
}

/// Why a log could not be read or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogError {
    /// The file system said no.
    Io {
        /// The file; `None`: the directory.
        name: Option<LogName>,
        /// The reason.
        error: IoError,
    },
    /// Another process has the log open for writing.
    Locked,
    /// Bytes are damaged.
    Record {
        /// The file.
        name: LogName,
        /// Where and what.
        error: WalError,
    },
    /// A segment is damaged at its end, and a later segment proves that it had been whole.
    Tail {
        /// The segment.
        name: LogName,
        /// How it ends.
        tail: Tail,
        /// The later segment.
        next: LogName,
    },
    /// A valid record is no entry of this log's format.
    Entry {
        /// The file.
        name: LogName,
        /// Where the record starts.
        at: u64,
        /// What is wrong with it.
        error: EntryError,
    },
    /// An entry has another LSN than the one that comes next.
    Sequence {
        /// The file.
        name: LogName,
        /// Where the record starts.
        at: u64,
        /// The LSN that comes next.
        expected: Lsn,
        /// The entry's.
        found: Lsn,
    },
    /// Segments are missing at the front.
    Missing {
        /// LSN from which on the log should reach.
        expected: Lsn,
        /// First LSN that is there.
        found: Lsn,
    },
    /// A file does not begin with a segment entry.
    NoSegment {
        /// The file.
        name: LogName,
    },
    /// A limit of `limits` is exceeded.
    Limit {
        /// What was found.
        found: u64,
        /// What is allowed.
        max: u64,
    },
    /// A log is not opened for writing in this mode: it would go on behind a hole.
    Mode(RecoveryMode),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Io { name: Some(name), error } => write!(f, "{name}: {error}"),
            LogError::Io { name: None, error } => error.fmt(f),
            LogError::Locked => f.write_str("the log is open in another process"),
            LogError::Record { name, error } => write!(f, "{name}: {error}"),
            LogError::Tail { name, tail, next } => {
                write!(f, "{name}: {}", TailOf(*tail))?;
                write!(
                    f,
                    ", and {next} follows, so this is no torn tail; recover from a backup, or read in point-in-time mode"
                )
            }
            LogError::Entry { name, at, error } => {
                write!(f, "{name}: the record at offset {at} is no entry of this log: {error}")
            }
            LogError::Sequence { name, at, expected, found } => {
                write!(f, "{name}: the record at offset {at} has LSN {found}, expected {expected}")
            }
            LogError::Missing { expected, found } => {
                write!(
                    f,
                    "expected LSN {expected}, but the first segment begins at {found}: segments are missing"
                )
            }
            LogError::NoSegment { name } => {
                write!(f, "{name}: does not begin with a segment entry; it is no file of this log")
            }
            LogError::Limit { found, max } => write!(f, "{found} is over the limit of {max}"),
            LogError::Mode(mode) => write!(f, "a log is not opened for writing in mode {mode:?}"),
        }
    }
}

impl core::error::Error for LogError {}

struct TailOf(Tail);

impl fmt::Display for TailOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Tail::Whole => f.write_str("the file is whole"),
            Tail::Torn { at } => write!(f, "the file ends inside the record at offset {at}"),
            Tail::Damaged { at, damage } | Tail::Stopped { at, damage, .. } => {
                write!(f, "the record at offset {at} is damaged ({damage})")
            }
        }
    }
}

/// Takes an entry, its file, and the offset of its record.
pub type Deliver<'a> = dyn FnMut(LogName, u64, Entry<'_>) + 'a;

/// Reads a log and delivers its entries in order, segment entries included. Memory: one segment's file.
///
/// # Errors
/// Damage that the mode does not go on behind, entries that do not follow on each other, and reads that fail.
pub fn scan(dir: &dyn Directory, options: ScanOptions, deliver: &mut Deliver<'_>) -> Result<Scan, LogError> {
    let names = list(dir, options.archived)?;
    let mut walk = Walk::new(options, deliver);
    for name in names {
        // What stands behind the place where the walk stopped is not read.
        let bytes = if walk.stopped {
            Vec::new()
        } else {
            read_file(dir, &alloc::format!("{name}"), SEGMENT_FILE_LEN_MAX)
                .map_err(|error| LogError::Io { name: Some(name), error })?
        };
        walk.file(name, &bytes)?;
    }
    walk.finish()
}

/// As [`scan`], of files that are in memory, in the order of their numbers.
///
/// # Errors
/// As [`scan`], but for reads.
pub fn scan_files(
    files: &[(LogName, &[u8])],
    options: ScanOptions,
    deliver: &mut Deliver<'_>,
) -> Result<Scan, LogError> {
    let mut walk = Walk::new(options, deliver);
    files.iter().try_for_each(|(name, bytes)| walk.file(*name, bytes))?;
    walk.finish()
}

/// The log's files by number; of one number the live one.
pub(crate) fn list(dir: &dyn Directory, archived: bool) -> Result<Vec<LogName>, LogError> {
    let files = dir.list().map_err(|error| LogError::Io { name: None, error })?;
    let mut names: Vec<_> = files.iter().filter_map(|e| LogName::parse(&e.name)).collect();
    names.retain(|n| archived || !n.archived);
    names.sort();
    names.dedup_by_key(|n| n.number);
    Ok(names)
}

struct Walk<'a, 'd> {
    options: ScanOptions,
    deliver: &'a mut Deliver<'d>,
    scan: Scan,
    /// A segment that does not end whole; the next one makes that an error.
    pending: Option<(LogName, Tail)>,
    stopped: bool,
}

/// What the entries of one segment's file came to.
#[derive(Default)]
struct Progress {
    error: Option<LogError>,
    /// Start of the first record that was not taken.
    refused_at: Option<u64>,
}

impl<'a, 'd> Walk<'a, 'd> {
    fn new(options: ScanOptions, deliver: &'a mut Deliver<'d>) -> Self {
        let scan = Scan { next_lsn: Lsn::new(1), low: Lsn::new(1), ..Scan::default() };
        Walk { options, deliver, scan, pending: None, stopped: false }
    }

    fn file(&mut self, name: LogName, bytes: &[u8]) -> Result<(), LogError> {
        self.scan.number_max = self.scan.number_max.max(name.number);
        if self.stopped {
            self.scan.unread.push(name);
            return Ok(());
        }
        self.segment(name, bytes)
    }

    fn segment(&mut self, name: LogName, bytes: &[u8]) -> Result<(), LogError> {
        let number = name.number.get() as u32;
        let mut progress = Progress::default();
        let proves = |at: u64, payload: &[u8]| {
            Entry::parse(payload).is_ok_and(|entry| u64::from(entry.synced_len) > at)
        };
        let report = recover_with(bytes, Some(number), self.options.mode, &proves, &mut |at, payload| {
            if progress.refused_at.is_none() {
                self.record(name, at, payload, &mut progress);
            }
        });
        if let Some(error) = progress.error {
            return Err(error);
        }
        let report = report.map_err(|error| LogError::Record { name, error })?;
        let whole_len = progress.refused_at.unwrap_or(report.whole_len);
        let Some(segment) = self.scan.segments.last_mut().filter(|s| s.name == name) else {
            let unread = self.stopped || !unfinished(bytes, number);
            if unread { &mut self.scan.unread } else { &mut self.scan.leftovers }.push(name);
            return Ok(());
        };
        segment.whole_len = whole_len;
        segment.file_len = bytes.len() as u64;
        let cut_len = bytes.len() as u64 - whole_len;
        if self.stopped || report.tail != Tail::Whole {
            self.scan.dropped.push(Dropped { name, tail: report.tail, len: cut_len });
            self.pending = Some((name, report.tail));
        }
        if report.skipped_len > 0 {
            self.scan.dropped.push(Dropped { name, tail: Tail::Whole, len: report.skipped_len });
        }
        self.stopped |= matches!(report.tail, Tail::Stopped { .. });
        Ok(())
    }

    fn record(&mut self, name: LogName, at: u64, payload: &[u8], progress: &mut Progress) {
        let outcome = Entry::parse(payload)
            .map_err(|error| LogError::Entry { name, at, error })
            .and_then(|entry| self.entry(name, at, entry));
        let Err(error) = outcome else { return };
        match self.options.mode {
            RecoveryMode::SkipAnyCorrupted => {
                self.scan.dropped.push(Dropped { name, tail: Tail::Whole, len: payload.len() as u64 });
            }
            RecoveryMode::PointInTime => {
                self.stopped = true;
                progress.refused_at = Some(at);
            }
            _ => {
                progress.error = Some(error);
                progress.refused_at = Some(at);
            }
        }
    }

    fn entry(&mut self, name: LogName, at: u64, entry: Entry<'_>) -> Result<(), LogError> {
        let begins = matches!(entry.body, Body::Segment { .. }) && at == 0;
        let skip = self.options.mode == RecoveryMode::SkipAnyCorrupted;
        if begins
            && !skip
            && let Some((torn, tail)) = self.pending
        {
            return Err(LogError::Tail { name: torn, tail, next: name });
        }
        let first = self.scan.segments.is_empty();
        let begins = begins || skip && self.scan.segments.last().is_none_or(|s| s.name != name);
        if !begins && self.scan.segments.last().is_none_or(|s| s.name != name) {
            return Err(LogError::NoSegment { name });
        }
        let ahead = entry.lsn > self.scan.next_lsn;
        if begins && ahead && !skip {
            self.start_over();
        } else if entry.lsn != self.scan.next_lsn && !first && !(skip && ahead) {
            return Err(LogError::Sequence { name, at, expected: self.scan.next_lsn, found: entry.lsn });
        }
        self.scan.next_lsn = if entry.body.takes_lsn() { entry.lsn.next() } else { entry.lsn };
        if begins {
            let first_lsn = entry.lsn;
            let oldest_open = self.scan.open.keys().next().map_or(first_lsn, |id| Lsn::new(id.get()));
            let empty = Segment { name, first_lsn, oldest_open, entry_count: 0, whole_len: 0, file_len: 0 };
            self.scan.segments.push(empty);
        } else if let Some(segment) = self.scan.segments.last_mut() {
            segment.entry_count += 1;
        }
        self.note(&entry)?;
        (self.deliver)(name, at, entry);
        Ok(())
    }

    /// Segments are missing before the one that begins now. That is right if the log was truncated below it, which a later entry says.
    fn start_over(&mut self) {
        self.scan.given_up.extend(self.scan.segments.drain(..).map(|s| s.name));
        self.scan.open.clear();
    }

    /// Keeps account of transactions and of the low LSN.
    fn note(&mut self, entry: &Entry<'_>) -> Result<(), LogError> {
        match entry.body {
            Body::Segment { low } | Body::Low(low) => self.scan.low = self.scan.low.max(low),
            Body::Begin => {
                let open = self.scan.open.len();
                if open >= TRANSACTIONS_MAX {
                    return Err(LogError::Limit { found: open as u64 + 1, max: TRANSACTIONS_MAX as u64 });
                }
                self.scan.open.insert(TransactionId::new(entry.lsn.get()), 0);
            }
            Body::Write { transaction, .. } => {
                if let Some(count) = self.scan.open.get_mut(&transaction) {
                    *count = count.saturating_add(1);
                }
            }
            Body::Commit(transaction) | Body::Abort(transaction) => {
                self.scan.open.remove(&transaction);
            }
            Body::Data(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Scan, LogError> {
        let lenient = matches!(self.options.mode, RecoveryMode::PointInTime | RecoveryMode::SkipAnyCorrupted);
        if let Some(first) = self.scan.segments.first()
            && first.first_lsn > self.scan.low
            && !lenient
        {
            return Err(LogError::Missing { expected: self.scan.low, found: first.first_lsn });
        }
        Ok(self.scan)
    }
}

/// Whether a file without a segment entry is what a rotation leaves when it is cut short: nothing, zeros, a part of the entry, or what a
/// recycled file held before.
fn unfinished(bytes: &[u8], number: u32) -> bool {
    let entry = Framing::Recyclable { log_number: number };
    let entry_len = record::encoded_len(entry::SEGMENT_LEN, 0, entry) + record::end_mark_len(0);
    bytes.len() <= entry_len
        || !matches!(fragment_at(bytes, 0, Some(number)), Fragment::Bad { .. } | Fragment::Torn { .. })
}

/// One record that counts: data, or a write of a transaction that committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed<'a> {
    /// Its LSN.
    pub lsn: Lsn,
    /// The LSN from which on it counts: its own, or that of its transaction's commit.
    pub commit_lsn: Lsn,
    /// Its transaction.
    pub transaction: Option<TransactionId>,
    /// The caller's bytes.
    pub bytes: &'a [u8],
}

/// Turns entries into records that count: data at once, writes of a transaction when it commits, in their order, and never if it
/// does not. Holds the writes of open transactions in memory, up to [`TRANSACTION_BYTES_MAX`].
#[derive(Debug, Default)]
pub struct Transactions {
    open: BTreeMap<TransactionId, Vec<(Lsn, Vec<u8>)>>,
    held_bytes: u64,
}

impl Transactions {
    /// None open.
    pub fn new() -> Self {
        Transactions::default()
    }

    /// Whether its beginning was seen and its end was not.
    pub fn is_open(&self, transaction: TransactionId) -> bool {
        self.open.contains_key(&transaction)
    }

    /// Takes the next entry and delivers what counts now.
    ///
    /// # Errors
    /// An entry that does not follow on those before it, or of a transaction that is not open.
    pub fn entry(
        &mut self,
        entry: Entry<'_>,
        deliver: &mut dyn FnMut(Committed<'_>),
    ) -> Result<(), LogError> {
        let lsn = entry.lsn;
        match entry.body {
            Body::Data(bytes) => deliver(Committed { lsn, commit_lsn: lsn, transaction: None, bytes }),
            Body::Begin => drop(self.open.insert(TransactionId::new(lsn.get()), Vec::new())),
            Body::Write { transaction, bytes } => {
                if let Some(writes) = self.open.get_mut(&transaction) {
                    self.held_bytes += bytes.len() as u64;
                    if self.held_bytes > TRANSACTION_BYTES_MAX {
                        return Err(LogError::Limit { found: self.held_bytes, max: TRANSACTION_BYTES_MAX });
                    }
                    writes.push((lsn, bytes.to_vec()));
                }
            }
            Body::Commit(transaction) => {
                for (write_lsn, bytes) in self.take(transaction) {
                    let transaction = Some(transaction);
                    deliver(Committed { lsn: write_lsn, commit_lsn: lsn, transaction, bytes: &bytes });
                }
            }
            Body::Abort(transaction) => drop(self.take(transaction)),
            Body::Segment { .. } | Body::Low(_) => {}
        }
        Ok(())
    }

    fn take(&mut self, transaction: TransactionId) -> Vec<(Lsn, Vec<u8>)> {
        let writes = self.open.remove(&transaction).unwrap_or_default();
        self.held_bytes -= writes.iter().map(|(_, b)| b.len() as u64).sum::<u64>();
        writes
    }
}

/// Reads a log and delivers the records that count, from the low LSN on (from the first archived one if those are read too).
///
/// # Errors
/// As [`scan`].
pub fn read(
    dir: &dyn Directory,
    options: ScanOptions,
    deliver: &mut dyn FnMut(Committed<'_>),
) -> Result<Scan, LogError> {
    let before = scan(dir, options, &mut |_, _, _| {})?;
    let lenient = matches!(options.mode, RecoveryMode::PointInTime | RecoveryMode::SkipAnyCorrupted);
    let (mut transactions, mut failed) = (Transactions::new(), Ok(()));
    let found = scan(dir, options, &mut |_, _, entry| {
        let counts = options.archived || entry.lsn >= before.low;
        if let Body::Commit(id) = entry.body
            && counts
            && !lenient
            && !transactions.is_open(id)
        {
            let (expected, found) = (Lsn::new(id.get()), before.segments[0].first_lsn);
            failed = failed.and(Err(LogError::Missing { expected, found }));
        }
        if failed.is_ok() {
            failed = transactions.entry(entry, &mut |record| {
                if counts {
                    deliver(record);
                }
            });
        }
    })?;
    failed.map(|()| found)
}
