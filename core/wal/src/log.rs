//! The log: entries with LSNs in segments, transactions, truncation; a machine over [`crate::commit`].
//!
//! ```text
//! submit ──▶ Commit ──▶ Write ──▶ driver: frame() gives LSNs and bytes ──▶ file
//!              │           ▲
//!              │ full segment: Rotate                 truncate_below: Low entry, synced ──▶ delete, archive or recycle
//!              ▼
//!            Settle(LSN)
//! ```
//! 1. [`Log::open`] reads the log, cuts a torn tail, and syncs what stays.
//! 2. [`Log::submit`] queues an entry. Its LSN is given when its group is framed, in the order of the bytes, so that a group that
//!    could not be written leaves no hole.
//! 3. A segment that would grow past its length is followed by a new one first.
//! 4. Truncation is an entry: once it is synced, segments that are not needed any more are given up. A transaction needs the log from its
//!    beginning until it has ended below the truncation.
//!
//! Recycled segments are written over, not extended, so a sync has no length to store. The driver drops their cached pages when it opens
//! them, because a small write into a large cached folio makes the kernel write the whole folio.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dolmen_base::Time;
use dolmen_base::io::{
    BufferId, Directory, EffectId, File, FileDone, FileEffect, FileNumber, FileOp, IoError, OpenMode,
};

use crate::commit::{self, Commit, CommitError, Input, Policy, Rotation, Submission, Write};
use crate::entry::{self, Body, Entry, Lsn, TransactionId};
use crate::limits::{SEGMENT_LEN_MAX, SEGMENT_LEN_MIN, TRANSACTIONS_MAX};
use crate::name::LogName;
use crate::record;
use crate::recover::{RecoveryMode, Tail};
use crate::scan::{self, LogError, Scan, ScanOptions, scan};

/// How a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When an entry counts as written.
    pub policy: Policy,
    /// Length at which a segment is followed by a new one, within the limits of `limits`.
    pub segment_len: u64,
    /// Reserve that length in every new segment.
    pub preallocate: bool,
    /// Segments that are no longer needed and kept to be written over.
    pub recycle_max: usize,
    /// Segments that are no longer needed are renamed to `NNNNNN.old` instead of deleted; none are recycled.
    pub archive: bool,
    /// Transactions that were open when the log was closed or crashed stay open; else they are aborted at the next open.
    pub keep_transactions: bool,
    /// What to do about bytes that are no entry; not [`RecoveryMode::SkipAnyCorrupted`].
    pub mode: RecoveryMode,
    /// Submissions that may wait.
    pub queue_len_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            policy: Policy::Always,
            segment_len: 64 << 20,
            preallocate: true,
            recycle_max: 2,
            archive: false,
            keep_transactions: false,
            mode: RecoveryMode::TornTail,
            queue_len_max: 1 << 16,
        }
    }
}

/// What to append. Payloads stay with the driver; here are their lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// The caller's bytes.
    Data {
        /// Their length.
        len: u64,
    },
    /// A transaction; it settles with its id.
    Begin,
    /// A write that counts if the transaction commits.
    Write {
        /// The transaction.
        transaction: TransactionId,
        /// Length of the caller's bytes.
        len: u64,
    },
    /// Makes exactly those writes count that were settled without an error.
    Commit(TransactionId),
    /// Makes none of the writes count.
    Abort(TransactionId),
}

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Have [`Log::frame`] fill a buffer, and write all of it at the offset.
    Write(Write),
    /// Anything else that concerns files.
    File(FileEffect<LogName>),
    /// A submission came to its end; the driver lets go of the payload.
    Settle {
        /// Which.
        buffer: BufferId,
        /// Its LSN (of a sync or a truncation: the last one covered, or the new low one).
        result: Result<Lsn, CommitError>,
    },
}

/// Why a submission was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// By the group commit.
    Commit(commit::Refused),
    /// There is no such open transaction, or its end was submitted already.
    NoTransaction(TransactionId),
    /// Writes of the transaction are not settled yet; a commit would not know whether they count.
    Unsettled {
        /// The transaction.
        transaction: TransactionId,
        /// How many.
        writes: u32,
    },
    /// Too many transactions are open.
    Transactions {
        /// The most there may be.
        max: usize,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Commit(refused) => refused.fmt(f),
            Refused::NoTransaction(id) => write!(f, "there is no open transaction {id}"),
            Refused::Unsettled { transaction, writes } => {
                write!(f, "{writes} writes of transaction {transaction} are not settled yet")
            }
            Refused::Transactions { max } => write!(f, "{max} transactions are open, which is the limit"),
        }
    }
}

impl core::error::Error for Refused {}

/// The machine. See the [module](self).
#[derive(Debug)]
pub struct Log {
    options: Options,
    commit: Commit,
    /// The LSN that the next framed entry gets.
    next_lsn: Lsn,
    low: Lsn,
    pending: BTreeMap<BufferId, Pending>,
    open: BTreeMap<TransactionId, Open>,
    segments: VecDeque<Segment>,
    spare: VecDeque<FileNumber>,
    number_max: FileNumber,
    /// Bytes in the newest segment once everything that was submitted is written, at most.
    fill: u64,
    effects: VecDeque<Effect>,
    next_own: u64,
}

/// A segment that is still needed.
#[derive(Clone, Copy, Debug)]
struct Segment {
    number: FileNumber,
    first_lsn: Lsn,
    /// The oldest transaction that was open where it begins, or `first_lsn`.
    oldest_open: Lsn,
}

impl From<&scan::Segment> for Segment {
    fn from(found: &scan::Segment) -> Self {
        Segment { number: found.name.number, first_lsn: found.first_lsn, oldest_open: found.oldest_open }
    }
}

/// A submission that is not settled.
#[derive(Clone, Copy, Debug)]
struct Pending {
    what: What,
    lsn: Option<Lsn>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Record(Record),
    Low(Lsn),
    Sync,
}

/// An open transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    unsettled: u32,
    ending: bool,
}

/// Ids that the log makes for itself begin here.
const OWN: u64 = 1 << 63;

impl Log {
    /// Opens a log, or begins one in a directory without segments. The directory is the caller's to lock. Bytes of a torn tail are cut;
    /// what stands behind damage in the last segment is copied to `NNNNNN.log.lost` before, and files that were not read ([`Scan::unread`])
    /// are renamed so; where an earlier loss has that name, a number is added.
    ///
    /// # Errors
    /// Damage that the mode does not go on behind, a directory that is no log, a mode that is for reading only, and calls that fail.
    pub fn open(dir: &dyn Directory, options: Options) -> Result<(Log, Scan), LogError> {
        if options.mode == RecoveryMode::SkipAnyCorrupted {
            return Err(LogError::Mode(options.mode));
        }
        let scan_options = ScanOptions { mode: options.mode, archived: false };
        let mut found = scan(dir, scan_options, &mut |_, _, _| {})?;
        mend(dir, &found)?;
        if found.segments.is_empty() {
            found.number_max = found.number_max.next();
            let segment = begin(dir, found.number_max, &found)?;
            found.segments.push(segment);
        }
        let mut log = Log::over(options, &found);
        found.given_up.iter().for_each(|name| log.give_up(name.number));
        log.give_up_segments();
        if !options.keep_transactions {
            for &transaction in found.open.keys() {
                let buffer = log.own_buffer();
                // A queue too short for all of them leaves the rest to the next open.
                let _ = log.submit(Time::ZERO, buffer, Record::Abort(transaction), None);
            }
        }
        Ok((log, found))
    }

    fn over(options: Options, found: &Scan) -> Log {
        let segment_len = options.segment_len.clamp(SEGMENT_LEN_MIN, SEGMENT_LEN_MAX);
        let options = Options { segment_len, ..options };
        let commit_options = commit::Options {
            policy: options.policy,
            recyclable: true,
            header_len: Some(entry::SEGMENT_LEN as u64),
            queue_len_max: options.queue_len_max,
            preallocate_len: if options.preallocate { segment_len } else { 0 },
            ..commit::Options::default()
        };
        let active = found.segments.last().expect("a log has a segment");
        Log {
            options,
            commit: Commit::new(commit_options, active.name.number, active.whole_len),
            next_lsn: found.next_lsn,
            low: found.low,
            pending: BTreeMap::new(),
            open: found.open.keys().map(|&id| (id, Open::default())).collect(),
            segments: found.segments.iter().map(Segment::from).collect(),
            spare: VecDeque::new(),
            number_max: found.number_max,
            fill: active.whole_len,
            effects: VecDeque::new(),
            next_own: OWN,
        }
    }

    /// Queues a record. `buffer` names it until it is settled; ids with the top bit set are the log's own. `sync`: `Some(true)` wait
    /// for a sync, `Some(false)` do not, `None` as the policy says.
    ///
    /// # Errors
    /// A full queue, an unknown transaction, a record that is too long, or a log that a failed sync has stopped.
    pub fn submit(
        &mut self,
        now: Time,
        buffer: BufferId,
        record: Record,
        sync: Option<bool>,
    ) -> Result<(), Refused> {
        self.admit(record)?;
        let len = match record {
            Record::Data { len } => len,
            Record::Write { len, .. } => len.saturating_add(8),
            Record::Begin => 0,
            Record::Commit(_) | Record::Abort(_) => 8,
        };
        self.append(now, buffer, What::Record(record), len, sync)?;
        match record {
            Record::Write { transaction, .. } => self.change(transaction, |open| open.unsettled += 1),
            Record::Commit(transaction) | Record::Abort(transaction) => {
                self.change(transaction, |open| open.ending = true);
            }
            Record::Data { .. } | Record::Begin => {}
        }
        Ok(())
    }

    /// Settles `buffer` once everything that was submitted before is synced.
    ///
    /// # Errors
    /// A full queue, or a log that a failed sync has stopped.
    pub fn sync(&mut self, now: Time, buffer: BufferId) -> Result<(), Refused> {
        self.commit.handle(now, Input::Sync { buffer }).map_err(Refused::Commit)?;
        self.pending.insert(buffer, Pending { what: What::Sync, lsn: None });
        Ok(())
    }

    /// Gives up what counts from below `lsn` on: it is not read any more, and segments that hold nothing else go. What counts from `lsn`
    /// on or is still open stays, with all of its transaction. Settles with the LSN that it came to: no higher than the next one, and
    /// never lower than before.
    ///
    /// # Errors
    /// A full queue, or a log that a failed sync has stopped.
    pub fn truncate_below(&mut self, now: Time, buffer: BufferId, lsn: Lsn) -> Result<(), Refused> {
        let low = lsn.min(self.next_lsn).max(self.low);
        self.append(now, buffer, What::Low(low), 8, Some(true))
    }

    /// Takes an effect's answer.
    pub fn done(&mut self, now: Time, done: FileDone) {
        // What the log wished for by itself is a favour; the next open tries again.
        if done.id.get() < OWN {
            self.handle(now, Input::Done(done));
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Time) {
        self.handle(now, Input::Tick);
    }

    fn handle(&mut self, now: Time, input: Input) {
        self.commit.handle(now, input).expect("only submissions are refused");
    }

    /// When [`Log::tick`] is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.commit.next_deadline()
    }

    /// The next wish, if there is one. Wishes are to be taken in order, and each written or answered before the next write is framed.
    pub fn poll(&mut self) -> Option<Effect> {
        loop {
            if let Some(effect) = self.effects.pop_front() {
                return Some(effect);
            }
            match self.commit.poll()? {
                commit::Effect::Write(write) => return Some(Effect::Write(write)),
                commit::Effect::File(effect) => return Some(Effect::File(effect)),
                commit::Effect::Settle { buffer, result } => self.settle(buffer, result),
                commit::Effect::Rotated { rotation, result } => self.rotated(rotation, result),
            }
        }
    }

    /// Appends to `out` what is to be written. `payload` gives the caller's bytes of a buffer.
    pub fn frame<'p>(&mut self, write: Write, payload: &dyn Fn(BufferId) -> &'p [u8], out: &mut Vec<u8>) {
        let (framing, start, mut scratch) = (self.commit.framing(write.name.number), out.len(), Vec::new());
        if write.offset == 0 {
            let body = Body::Segment { low: self.low };
            Entry { lsn: self.next_lsn, synced_len: 0, body }.encode(&mut scratch);
            record::append(&scratch, 0, framing, out);
        } else {
            let synced_len = u32::try_from(self.commit.synced_len()).unwrap_or(u32::MAX);
            for buffer in self.commit.group() {
                let pending = self.pending.get_mut(&buffer).expect("a member of the group is pending");
                let body = body(pending.what, buffer, payload);
                pending.lsn = Some(self.next_lsn);
                scratch.clear();
                Entry { lsn: self.next_lsn, synced_len, body }.encode(&mut scratch);
                if body.takes_lsn() {
                    self.next_lsn = self.next_lsn.next();
                }
                let at = write.offset + (out.len() - start) as u64;
                record::append(&scratch, at, framing, out);
            }
        }
        out.resize(out.len() + write.zeros, 0);
    }

    /// The LSN that the next entry gets.
    pub fn next_lsn(&self) -> Lsn {
        self.next_lsn
    }

    /// What stands below was given up.
    pub fn low(&self) -> Lsn {
        self.low
    }

    /// Open transactions, oldest first.
    pub fn open_transactions(&self) -> impl Iterator<Item = TransactionId> {
        self.open.keys().copied()
    }

    /// Why nothing is written any more.
    pub fn poisoned(&self) -> Option<IoError> {
        self.commit.poisoned()
    }

    /// Whether nothing is in flight and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.commit.is_idle() && self.effects.is_empty()
    }

    fn admit(&self, record: Record) -> Result<(), Refused> {
        match record {
            Record::Data { .. } => Ok(()),
            Record::Begin if self.open.len() >= TRANSACTIONS_MAX => {
                Err(Refused::Transactions { max: TRANSACTIONS_MAX })
            }
            Record::Begin => Ok(()),
            Record::Write { transaction, .. } | Record::Commit(transaction) | Record::Abort(transaction) => {
                match self.open.get(&transaction) {
                    None | Some(Open { ending: true, .. }) => Err(Refused::NoTransaction(transaction)),
                    Some(&Open { unsettled: writes @ 1.., .. }) if matches!(record, Record::Commit(_)) => {
                        Err(Refused::Unsettled { transaction, writes })
                    }
                    Some(_) => Ok(()),
                }
            }
        }
    }

    fn append(
        &mut self,
        now: Time,
        buffer: BufferId,
        what: What,
        body_len: u64,
        sync: Option<bool>,
    ) -> Result<(), Refused> {
        let len = body_len.saturating_add(entry::HEADER_LEN as u64);
        self.rotate_if_full(now, len);
        // Only where no new segment could be made for long: offsets in a segment have 32 bits.
        if self.fill.saturating_add(framed_len_max(len)) > u64::from(u32::MAX) {
            return Err(Refused::Commit(commit::Refused::TooLarge { len, max: SEGMENT_LEN_MAX }));
        }
        // Before the group commit hears of it: the write may be the next wish.
        self.pending.insert(buffer, Pending { what, lsn: None });
        let submission = Submission { buffer, len, sync };
        if let Err(refused) = self.commit.handle(now, Input::Submit(submission)) {
            self.pending.remove(&buffer);
            return Err(Refused::Commit(refused));
        }
        self.fill += framed_len_max(len);
        Ok(())
    }

    fn rotate_if_full(&mut self, now: Time, len: u64) {
        let header = framed_len_max(entry::SEGMENT_LEN as u64);
        if self.fill <= header || self.fill.saturating_add(framed_len_max(len)) <= self.options.segment_len {
            return;
        }
        let to = self.number_max.next();
        let recycle = self.spare.pop_front();
        if self.commit.handle(now, Input::Rotate(Rotation { to, recycle })).is_ok() {
            self.number_max = to;
            self.fill = header;
        } else {
            // The queue is full or the log is poisoned; what comes next is refused for the same reason.
            self.spare.extend(recycle);
        }
    }

    fn rotated(&mut self, rotation: Rotation, result: Result<(), IoError>) {
        match result {
            Ok(()) => {
                let oldest_open = self.open.keys().next().map_or(self.next_lsn, |id| Lsn::new(id.get()));
                let segment = Segment { number: rotation.to, first_lsn: self.next_lsn, oldest_open };
                self.segments.push_back(segment);
            }
            Err(error) => {
                self.fill = self.fill.saturating_add(self.commit.len());
                // The oldest is tried again first; one that went away with its unfinished successor is forgotten.
                if let Some(number) = rotation.recycle.filter(|_| error != IoError::NotFound) {
                    self.spare.push_front(number);
                }
            }
        }
    }

    fn settle(&mut self, buffer: BufferId, result: Result<(), CommitError>) {
        let Some(Pending { what, lsn }) = self.pending.remove(&buffer) else { return };
        // No bytes of a group that could not be written are in the log, so its LSNs are free again.
        if let (Err(CommitError::Write(_)), Some(lsn)) = (result, lsn) {
            self.next_lsn = self.next_lsn.min(lsn);
        }
        let mut settled = lsn.unwrap_or(Lsn::new(self.next_lsn.get() - 1));
        match (what, result) {
            (What::Record(record), _) => self.record_settled(record, settled, result.is_ok()),
            (What::Low(low), Ok(())) => {
                settled = low;
                self.low = self.low.max(low);
                self.give_up_segments();
            }
            (What::Low(_), Err(_)) | (What::Sync, _) => {}
        }
        if buffer.get() < OWN {
            self.effects.push_back(Effect::Settle { buffer, result: result.map(|()| settled) });
        }
    }

    fn record_settled(&mut self, record: Record, lsn: Lsn, done: bool) {
        match record {
            Record::Begin if done => {
                self.open.insert(TransactionId::new(lsn.get()), Open::default());
            }
            Record::Write { transaction, .. } => self.change(transaction, |open| open.unsettled -= 1),
            Record::Commit(transaction) | Record::Abort(transaction) if done => {
                self.open.remove(&transaction);
            }
            Record::Commit(transaction) | Record::Abort(transaction) => {
                self.change(transaction, |open| open.ending = false);
            }
            Record::Data { .. } | Record::Begin => {}
        }
    }

    fn change(&mut self, transaction: TransactionId, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.open.get_mut(&transaction) {
            change(open);
        }
    }

    /// Gives up the segments that nothing from the low LSN on needs: not even the beginning of a transaction that ended behind it.
    fn give_up_segments(&mut self) {
        let at_low = self.segments.iter().rev().find(|s| s.first_lsn <= self.low);
        let needed = at_low.map_or(Lsn::new(0), |s| s.oldest_open);
        while self.segments.get(1).is_some_and(|next| next.first_lsn <= needed)
            && let Some(gone) = self.segments.pop_front()
        {
            self.give_up(gone.number);
        }
    }

    /// Archives a segment, keeps it to be written over, or deletes one.
    fn give_up(&mut self, number: FileNumber) {
        let name = LogName::live(number);
        if self.options.archive {
            self.wish(FileOp::Rename { from: name, to: LogName { archived: true, ..name } });
            return self.wish(FileOp::SyncDir);
        }
        self.spare.push_back(number);
        if self.spare.len() > self.options.recycle_max
            && let Some(oldest) = self.spare.pop_front()
        {
            self.wish(FileOp::Delete { name: LogName::live(oldest) });
        }
    }

    fn wish(&mut self, op: FileOp<LogName>) {
        let id = EffectId::new(self.next_own);
        self.next_own += 1;
        self.effects.push_back(Effect::File(FileEffect { id, op }));
    }

    fn own_buffer(&mut self) -> BufferId {
        let id = BufferId::new(self.next_own);
        self.next_own += 1;
        id
    }
}

fn body<'p>(what: What, buffer: BufferId, payload: &dyn Fn(BufferId) -> &'p [u8]) -> Body<'p> {
    match what {
        What::Record(Record::Data { .. }) => Body::Data(payload(buffer)),
        What::Record(Record::Begin) => Body::Begin,
        What::Record(Record::Write { transaction, .. }) => {
            Body::Write { transaction, bytes: payload(buffer) }
        }
        What::Record(Record::Commit(transaction)) => Body::Commit(transaction),
        What::Record(Record::Abort(transaction)) => Body::Abort(transaction),
        What::Low(low) => Body::Low(low),
        What::Sync => unreachable!("a sync request is no member of a group"),
    }
}

/// Most bytes that the frames of a payload take, wherever they begin.
fn framed_len_max(len: u64) -> u64 {
    let header = record::RECYCLABLE_HEADER_LEN as u64;
    let fragments = len / (record::BLOCK_LEN as u64 - header) + 2;
    len.saturating_add(fragments * header)
}

/// Makes the directory hold exactly what was read: a torn tail is cut, leftovers go, and all of it is synced. What recovery stopped before is
/// kept under another name.
fn mend(dir: &dyn Directory, found: &Scan) -> Result<(), LogError> {
    let at = |name: LogName| move |error| LogError::Io { name: Some(name), error };
    for &name in &found.leftovers {
        dir.delete(&format!("{name}")).map_err(at(name))?;
    }
    for &name in &found.unread {
        let aside = aside(dir, name)?;
        dir.rename(&format!("{name}"), &aside).map_err(at(name))?;
    }
    if let Some(active) = found.segments.last() {
        let name = active.name;
        let file = dir.open(&format!("{name}"), OpenMode::Write).map_err(at(name))?;
        if active.file_len != active.whole_len {
            let is_torn = |tail| matches!(tail, Tail::Torn { .. } | Tail::Damaged { .. });
            if found.dropped.iter().any(|dropped| dropped.name == name && !is_torn(dropped.tail)) {
                let aside = aside(dir, name)?;
                copy_tail(dir, &*file, active, &aside).map_err(at(name))?;
            }
            file.truncate(active.whole_len).map_err(at(name))?;
        }
        file.sync().map_err(at(name))?;
    }
    dir.sync().map_err(|error| LogError::Io { name: None, error })
}

/// A name for what is left out of a segment: `NNNNNN.log.lost`, or with a number behind it where an earlier loss has that.
fn aside(dir: &dyn Directory, name: LogName) -> Result<String, LogError> {
    let files = dir.list().map_err(|error| LogError::Io { name: None, error })?;
    let is_free = |aside: &String| files.iter().all(|file| file.name != *aside);
    let numbered = (2..=u64::MAX).map(|n| format!("{name}.lost.{n}"));
    let mut names = core::iter::once(format!("{name}.lost")).chain(numbered);
    Ok(names.find(is_free).expect("there are more numbers than files"))
}

/// Copies what stands behind the valid part of a segment, and makes the copy durable.
fn copy_tail(dir: &dyn Directory, from: &dyn File, of: &scan::Segment, to: &str) -> Result<(), IoError> {
    const PIECE_LEN: u64 = 1 << 20;
    let copy = dir.open(to, OpenMode::CreateNew)?;
    let mut at = of.whole_len;
    while at < of.file_len {
        let mut piece = alloc::vec![0; PIECE_LEN.min(of.file_len - at) as usize];
        from.read_exact_at(at, &mut piece)?;
        copy.append(&piece)?;
        at += piece.len() as u64;
    }
    copy.sync()?;
    dir.sync()
}

/// Makes the first segment of a log.
fn begin(dir: &dyn Directory, number: FileNumber, found: &Scan) -> Result<scan::Segment, LogError> {
    let name = LogName::live(number);
    let at = |error| LogError::Io { name: Some(name), error };
    let (mut payload, mut frames) = (Vec::new(), Vec::new());
    Entry { lsn: found.next_lsn, synced_len: 0, body: Body::Segment { low: found.low } }.encode(&mut payload);
    record::append(&payload, 0, commit::framing(true, number), &mut frames);
    let file = dir.open(&format!("{name}"), OpenMode::CreateNew).map_err(at)?;
    file.append(&frames).map_err(at)?;
    file.sync().map_err(at)?;
    dir.sync().map_err(|error| LogError::Io { name: None, error })?;
    let len = frames.len() as u64;
    Ok(scan::Segment {
        name,
        first_lsn: found.next_lsn,
        oldest_open: found.next_lsn,
        entry_count: 0,
        whole_len: len,
        file_len: len,
    })
}
