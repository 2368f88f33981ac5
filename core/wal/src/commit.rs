//! Group commit as a machine: many submitters, one write and one sync per group.
//!
//! ```text
//! Submit, Submit, Sync, Rotate ──▶ queue ──▶ group ──▶ Write ──▶ Sync ──▶ Settle each member
//!                                             │ failed    │ failed
//!                                             ▼           ▼
//!                                        Cut, Sync     poisoned: every member, now and later, hears the reason
//! ```
//! 1. Whatever has queued up while the last group was written and synced, and until the next wish is taken, becomes the next group.
//! 2. A group is one [`Effect::Write`] at the end of the current file. The driver frames the payloads of [`Commit::group`] one behind
//!    the other with [`record::append`]; the machine knows their lengths only.
//! 3. Members that need no sync are settled after the write, the others after a sync that began behind it.
//! 4. A failed write fails its group alone. The file is cut back to its last good byte and the cut is synced before the members hear of
//!    it and before anything else is written, so that nothing that was refused can come back. A cut that fails poisons.
//! 5. A failed sync poisons for good and is never tried again: the bytes may be gone although a second sync succeeds.
//! 6. [`Input::Rotate`] syncs the old file, makes the new one, its name and its header durable, and only then goes on: so a file with
//!    records proves that its header and all of the file before it were synced. With [`Options::rotate_syncs_later`] the old file is synced
//!    while records go to the new one; who waits for a sync waits for both, and [`Commit::logs_before_synced`] says how far it is.
//! 7. [`Commit::seal`] adds an empty record behind bytes that were synced: a witness of the sync, where records say what was synced before them.
//!
//! Invariants: at most one write is in flight, and none beside a sync that a member waits for; every submission that was taken is
//! settled exactly once; those that wait for a sync are settled in the order of their bytes, and so are the others.
//!
//! ```
//! use dolmen_base::Time;
//! use dolmen_base::io::{BufferId, FileDone, FileNumber};
//! use dolmen_wal::commit::{Commit, Effect, Input, Options, Submission};
//! use dolmen_wal::record;
//!
//! let payloads = [&b"one"[..], b"two"];
//! let mut commit = Commit::new(Options::default(), FileNumber::new(7), 0);
//! for (i, payload) in payloads.iter().enumerate() {
//!     let submission = Submission { buffer: BufferId::new(i as u64), len: payload.len() as u64, sync: None };
//!     commit.handle(Time::ZERO, Input::Submit(submission)).unwrap();
//! }
//! let (mut file, mut syncs, mut settled) = (Vec::new(), 0, 0);
//! while let Some(effect) = commit.poll() {
//!     let id = match effect {
//!         Effect::Write(write) => {
//!             let mut frames = Vec::new();
//!             for buffer in commit.group() {
//!                 let (at, framing) = (write.offset + frames.len() as u64, commit.framing(write.name.number));
//!                 record::append(payloads[buffer.get() as usize], at, framing, &mut frames);
//!             }
//!             assert_eq!((frames.len() as u64, write.zeros), (write.len, 0));
//!             file.extend(frames);
//!             write.id
//!         }
//!         Effect::File(effect) => {
//!             syncs += 1;
//!             effect.id
//!         }
//!         Effect::Settle { result, .. } => {
//!             result.unwrap();
//!             settled += 1;
//!             continue;
//!         }
//!         Effect::Rotated { .. } => continue,
//!     };
//!     commit.handle(Time::ZERO, Input::Done(FileDone { id, result: Ok(()) })).unwrap();
//! }
//! assert_eq!((syncs, settled, file.len()), (1, 2, 2 * (7 + 3)));
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use dolmen_base::Time;
use dolmen_base::io::{BufferId, EffectId, FileDone, FileEffect, FileNumber, FileOp, IoError};
use dolmen_base::time::Duration;

use crate::limits::RECORD_LEN_MAX;
use crate::name::LogName;
use crate::record::{self, Framing};

/// Fewest zeros that are written ahead.
const FILL_LEN_MIN: u64 = 4 << 10;

/// When a record counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// When its file has been synced behind it.
    #[default]
    Always,
    /// When the operating system has it; what was written is synced at most this long after.
    Interval(Duration),
    /// When the operating system has it; files are synced at rotation only.
    Never,
}

/// How a machine is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When a record counts as written, unless its submission says otherwise.
    pub policy: Policy,
    /// Whether frames carry their file's number (types 5-8).
    pub recyclable: bool,
    /// Length of a record with which every new file begins, framed by the driver; `None`: there is none.
    pub header_len: Option<u64>,
    /// Submissions that may wait; more are refused.
    pub queue_len_max: usize,
    /// Payload bytes after which a group takes no further member, so that the first of a burst does not wait for all of it.
    pub group_len_max: u64,
    /// Bytes to reserve in every new file; 0: none.
    pub preallocate_len: u64,
    /// Most zeros to write behind the end of a file whose records somebody waits to see synced; 0: none. Records that replace them change
    /// neither length nor place of the file, so that their sync is one of data alone: on a file system with a journal it would else wait for
    /// the data of all other files too. Zeros up to the end of a file are its end; they are cut off when the file is left.
    pub fill_len_max: u64,
    /// Longest payload that is taken.
    pub record_len_max: u64,
    /// For payloads that can be joined: a group is one record, a header of so many bytes and then the payloads of all its members. After a
    /// crash then all of a group is there or nothing, in whatever order its sectors reach the disk. `None`: a record for each member.
    pub joined_header_len: Option<u64>,
    /// Whether a rotation leaves the sync of the old file to whoever has time, beside writes to the new one.
    pub rotate_syncs_later: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            policy: Policy::Always,
            recyclable: false,
            header_len: None,
            queue_len_max: 1 << 16,
            group_len_max: 1 << 20,
            preallocate_len: 0,
            fill_len_max: 0,
            record_len_max: RECORD_LEN_MAX,
            joined_header_len: None,
            rotate_syncs_later: false,
        }
    }
}

/// One record to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Names the payload, held by the driver until it is settled. Unique among those not yet settled.
    pub buffer: BufferId,
    /// Its length in bytes.
    pub len: u64,
    /// `Some(true)`: wait for a sync, `Some(false)`: do not, `None`: as the policy says.
    pub sync: Option<bool>,
}

/// A new file to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Its number; larger than every earlier one.
    pub to: FileNumber,
    /// A file that is no longer needed: it is renamed and written over instead of creating one.
    pub recycle: Option<FileNumber>,
}

/// A fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Append a record.
    Submit(Submission),
    /// Settle `buffer` once everything that was submitted before is synced.
    Sync {
        /// Names the request; it has no payload.
        buffer: BufferId,
    },
    /// Go on in a new file behind everything that was submitted before.
    Rotate(Rotation),
    /// An effect's answer.
    Done(FileDone),
    /// Time has passed; [`Commit::next_deadline`] says when this is due.
    Tick,
}

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Frame the payloads of [`Commit::group`] and write them. At offset 0 of a file with a header: frame the header, and nothing else.
    Write(Write),
    /// Anything else that concerns files.
    File(FileEffect<LogName>),
    /// A submission came to its end; the driver lets go of the payload.
    Settle {
        /// Which.
        buffer: BufferId,
        /// How it went.
        result: Result<(), CommitError>,
    },
    /// A rotation came to its end; after an error the old file goes on.
    Rotated {
        /// What was asked for.
        rotation: Rotation,
        /// How it went.
        result: Result<(), IoError>,
    },
}

/// Frames to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// For the answer.
    pub id: EffectId,
    /// The file.
    pub name: LogName,
    /// Where the frames begin.
    pub offset: u64,
    /// How long all of them are.
    pub len: u64,
    /// Zero bytes to write behind them: the end mark of a recycled file.
    pub zeros: usize,
}

/// Why a submission that was taken was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitError {
    /// Its group could not be written; nothing of it is in the file. A later submission may succeed.
    Write(IoError),
    /// A sync or a cut failed: whether it is in the file is not known, and nothing is written any more.
    Poisoned(IoError),
}

/// Why a submission was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The queue is full; try again when something was settled.
    Full {
        /// Submissions that wait.
        len: usize,
    },
    /// A sync or a cut failed earlier.
    Poisoned(IoError),
    /// The payload is over its limit.
    TooLarge {
        /// Its length in bytes.
        len: u64,
        /// The most that is allowed.
        max: u64,
    },
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Write(error) => write!(f, "the log could not be written: {error}"),
            CommitError::Poisoned(error) => poisoned(f, *error),
        }
    }
}

impl core::error::Error for CommitError {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full { len } => write!(f, "{len} records wait for the log already"),
            Refused::Poisoned(error) => poisoned(f, *error),
            Refused::TooLarge { len, max } => {
                write!(f, "a record of {len} bytes is over the limit of {max}")
            }
        }
    }
}

impl core::error::Error for Refused {}

fn poisoned(f: &mut fmt::Formatter<'_>, error: IoError) -> fmt::Result {
    write!(f, "the log could not be made durable ({error}) and takes nothing more until it is opened again")
}

/// The machine. See the [module](self).
#[derive(Debug)]
pub struct Commit {
    options: Options,
    file: FileNumber,
    /// End of the good bytes.
    len: u64,
    /// End of the bytes that a sync covered.
    synced_len: u64,
    /// End of the zeros behind the good bytes.
    filled_len: u64,
    /// Whether the file may hold older bytes behind its end.
    recycled: bool,
    /// When the oldest byte behind `synced_len` was written.
    dirty_since: Option<Time>,
    queue: VecDeque<Item>,
    group: Vec<Member>,
    stage: Stage,
    background: Option<Background>,
    /// Syncs of older files that are under way.
    olds: Vec<EffectId>,
    /// Whether the last record is a witness of a sync of all before it.
    sealed: bool,
    sealing: bool,
    effects: VecDeque<Effect>,
    next_id: EffectId,
    poisoned: Option<IoError>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    buffer: BufferId,
    /// Length of the payload; `None` for a sync request.
    len: Option<u64>,
    sync: bool,
}

#[derive(Debug)]
enum Item {
    Member(Member),
    Rotate(Rotation),
}

/// What the foreground waits for.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Idle,
    Write {
        id: EffectId,
        len: u64,
    },
    Fill {
        id: EffectId,
        end: u64,
    },
    Sync {
        id: EffectId,
    },
    /// The present file is synced; an older one is not yet, or a sync by the clock has no answer.
    Olds,
    Cut {
        id: EffectId,
        error: IoError,
    },
    CutSync {
        id: EffectId,
        error: IoError,
    },
    Rotate {
        id: EffectId,
        rotation: Rotation,
        step: Step,
    },
}

/// Steps of a rotation, in order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Trim,
    SyncOld,
    Make,
    Reserve,
    SyncDir,
    Header,
    SyncHeader,
}

/// A sync that nobody waits for.
#[derive(Clone, Copy, Debug)]
struct Background {
    id: EffectId,
    file: FileNumber,
    end: u64,
    begun: Time,
}

impl Commit {
    /// A machine that goes on in `file` behind its `len` bytes, all of them synced. The file exists and its name is durable.
    pub fn new(options: Options, file: FileNumber, len: u64) -> Self {
        Commit {
            options,
            file,
            len,
            synced_len: len,
            filled_len: len,
            recycled: false,
            dirty_since: None,
            queue: VecDeque::new(),
            group: Vec::new(),
            stage: Stage::Idle,
            background: None,
            olds: Vec::new(),
            sealed: false,
            sealing: false,
            effects: VecDeque::new(),
            next_id: EffectId::new(0),
            poisoned: None,
        }
    }

    /// Takes a fact. Only submissions, syncs and rotations can be refused; `Done` of an unknown id changes nothing.
    ///
    /// # Errors
    /// [`Refused`]: what was submitted was not taken.
    pub fn handle(&mut self, now: Time, input: Input) -> Result<(), Refused> {
        match input {
            Input::Submit(Submission { buffer, len, sync }) => {
                if len > self.options.record_len_max {
                    return Err(Refused::TooLarge { len, max: self.options.record_len_max });
                }
                let sync = sync.unwrap_or(self.options.policy == Policy::Always);
                self.push(Item::Member(Member { buffer, len: Some(len), sync }))?;
            }
            Input::Sync { buffer } => self.push(Item::Member(Member { buffer, len: None, sync: true }))?,
            Input::Rotate(rotation) => self.push(Item::Rotate(rotation))?,
            Input::Done(done) => self.done(now, done),
            Input::Tick => {}
        }
        self.sync_if_due(now);
        Ok(())
    }

    /// The next wish, if there is one. Where nothing is in flight this begins the next group.
    pub fn poll(&mut self) -> Option<Effect> {
        // What begins a group comes straight back, past the queue: it is the way of every write.
        loop {
            let effect = self.effects.pop_front();
            if effect.is_some() || !matches!(self.stage, Stage::Idle) {
                return effect;
            }
            match self.queue.front() {
                None => return None,
                Some(&Item::Rotate(rotation)) => {
                    self.queue.pop_front();
                    self.begin_rotation(rotation);
                }
                Some(Item::Member(_)) => {
                    if let Some(write) = self.begin_group() {
                        return Some(write);
                    }
                }
            }
        }
    }

    /// When [`Input::Tick`] is due; `None`: not before another input.
    pub fn next_deadline(&self) -> Option<Time> {
        let Policy::Interval(interval) = self.options.policy else { return None };
        let waiting = self.background.is_some() || self.poisoned.is_some();
        self.dirty_since.filter(|_| !waiting).map(|since| since + interval)
    }

    /// The members of the group that is being written, in order; sync requests are left out.
    pub fn group(&self) -> impl Iterator<Item = BufferId> {
        self.group.iter().filter(|m| m.len.is_some()).map(|m| m.buffer)
    }

    /// Whether members of the last group have still to be heard of by [`Effect::Settle`].
    pub fn is_settling(&self) -> bool {
        !self.group.is_empty() || self.effects.iter().any(|e| matches!(e, Effect::Settle { .. }))
    }

    /// Whether nobody who was submitted waits for this effect at once: a sync that may be left to another thread, while this one goes on.
    pub fn is_background(&self, id: EffectId) -> bool {
        self.background.is_some_and(|b| b.id == id) || self.olds.contains(&id)
    }

    /// Whether all files before the present one are synced.
    pub const fn logs_before_synced(&self) -> bool {
        self.olds.is_empty()
    }

    /// Takes back what waits and is not begun; the driver answers it. Rotations stay.
    pub fn take_queue(&mut self) -> Vec<BufferId> {
        let mut taken = Vec::new();
        self.queue.retain(|item| match item {
            Item::Member(member) => {
                taken.push(member.buffer);
                false
            }
            Item::Rotate(_) => true,
        });
        taken
    }

    /// Adds an empty record behind synced bytes, where nothing is under way and there is none already. It is settled under `buffer` and is
    /// not synced for its own sake. False if there is nothing to witness.
    pub fn seal(&mut self, buffer: BufferId) -> bool {
        let is_synced = self.synced_len == self.len && self.len > 0 && self.olds.is_empty();
        let is_quiet = self.is_idle() && self.background.is_none() && self.poisoned.is_none();
        if self.sealed || !is_synced || !is_quiet {
            return false;
        }
        self.queue.push_back(Item::Member(Member { buffer, len: Some(0), sync: false }));
        self.sealing = true;
        true
    }

    /// Whether a member of the present group waits for a sync.
    pub fn group_waits_for_sync(&self) -> bool {
        self.group.iter().any(|m| m.sync)
    }

    /// Whether all that was written is synced, in older files too; a witness of that need not be.
    pub fn is_synced(&self) -> bool {
        self.dirty_since.is_none() && self.olds.is_empty()
    }

    /// How the records of a file are framed.
    pub fn framing(&self, file: FileNumber) -> Framing {
        framing(self.options.recyclable, file)
    }

    /// The current file.
    pub fn file(&self) -> FileNumber {
        self.file
    }

    /// End of the current file's good bytes, those in flight left out.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the current file holds nothing yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// End of the current file's synced bytes.
    pub fn synced_len(&self) -> u64 {
        self.synced_len
    }

    /// Why nothing is written any more.
    pub fn poisoned(&self) -> Option<IoError> {
        self.poisoned
    }

    /// Whether nothing waits and nothing that somebody waits for is in flight.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle) && self.queue.is_empty() && self.effects.is_empty()
    }

    fn push(&mut self, item: Item) -> Result<(), Refused> {
        if let Some(error) = self.poisoned {
            return Err(Refused::Poisoned(error));
        }
        if self.queue.len() >= self.options.queue_len_max {
            return Err(Refused::Full { len: self.queue.len() });
        }
        self.queue.push_back(item);
        Ok(())
    }

    fn issue(&mut self, op: FileOp<LogName>) -> EffectId {
        let id = self.take_id();
        self.effects.push_back(Effect::File(FileEffect { id, op }));
        id
    }

    fn take_id(&mut self) -> EffectId {
        let id = self.next_id;
        self.next_id = id.next();
        id
    }

    fn name(&self) -> LogName {
        LogName::live(self.file)
    }

    /// Nothing: no member has anything to write.
    fn begin_group(&mut self) -> Option<Effect> {
        let mut payload_len = 0;
        while let Some(&Item::Member(member)) = self.queue.front() {
            let len = member.len.unwrap_or(0);
            let joins = self.options.joined_header_len.is_some();
            if payload_len >= self.options.group_len_max
                || (joins && payload_len > 0 && payload_len + len > self.options.record_len_max)
            {
                break;
            }
            payload_len += len;
            self.group.push(member);
            self.queue.pop_front();
        }
        let len = self.group_len();
        if len == 0 {
            self.written();
            return None;
        }
        let id = self.take_id();
        self.stage = Stage::Write { id, len };
        Some(write(Write { id, name: self.name(), offset: self.len, len, zeros: 0 }, self.recycled))
    }

    /// Bytes of the group's frames at the end of the file.
    fn group_len(&self) -> u64 {
        let lens = self.group.iter().filter_map(|m| m.len);
        if let Some(header) = self.options.joined_header_len {
            let joined = lens.reduce(|sum, len| sum + len);
            return joined.map_or(0, |sum| self.framed_len(header + sum, self.len, self.file));
        }
        let mut end = self.len;
        for len in lens {
            end += self.framed_len(len, end, self.file);
        }
        end - self.len
    }

    fn framed_len(&self, len: u64, at: u64, file: FileNumber) -> u64 {
        let len = usize::try_from(len).expect("a payload over its limit is refused");
        record::encoded_len(len, at, self.framing(file)) as u64
    }

    fn done(&mut self, now: Time, FileDone { id, result }: FileDone) {
        if let Some(background) = self.background.filter(|b| b.id == id) {
            self.background = None;
            return self.background_done(background, result);
        }
        if let Some(at) = self.olds.iter().position(|old| *old == id) {
            self.olds.swap_remove(at);
            return self.old_synced(result);
        }
        match self.stage {
            Stage::Write { id: wanted, len } if wanted == id => self.write_done(now, len, result),
            // Zeros are a favour to later writes; whether they are there, the sync behind them will tell.
            Stage::Fill { id: wanted, end } if wanted == id => {
                self.filled_len = if result.is_ok() { end } else { u64::MAX };
                self.sync();
            }
            Stage::Sync { id: wanted } if wanted == id => match result {
                Ok(()) => {
                    self.all_synced();
                    self.synced();
                }
                Err(error) => self.poison(error),
            },
            Stage::Cut { id: wanted, error } if wanted == id => match result {
                Ok(()) => {
                    self.recycled = false;
                    self.filled_len = self.len;
                    let id = self.issue(FileOp::Sync { name: self.name() });
                    self.stage = Stage::CutSync { id, error };
                }
                Err(error) => self.poison(error),
            },
            Stage::CutSync { id: wanted, error } if wanted == id => match result {
                Ok(()) => {
                    self.all_synced();
                    self.settle(|m| m.len.is_some(), Err(CommitError::Write(error)));
                    // Whoever asked for a sync alone has it: of what is in the file.
                    self.synced();
                }
                Err(error) => self.poison(error),
            },
            Stage::Rotate { id: wanted, rotation, step } if wanted == id => {
                self.rotation_done(rotation, step, result);
            }
            _ => {}
        }
    }

    fn write_done(&mut self, now: Time, len: u64, result: Result<(), IoError>) {
        match result {
            Ok(()) => {
                self.len += len;
                // A witness is of use if it is there, and nobody's loss if it is not.
                self.sealed = core::mem::take(&mut self.sealing) && self.group.len() == 1;
                if !self.sealed {
                    self.dirty_since.get_or_insert(now);
                }
                self.written();
            }
            Err(error) => {
                self.sealing = false;
                let id = self.issue(FileOp::Truncate { name: self.name(), len: self.len });
                self.stage = Stage::Cut { id, error };
            }
        }
    }

    /// The group is in the file: settle who needs no sync, sync for the rest.
    fn written(&mut self) {
        self.settle(|m| !m.sync, Ok(()));
        if self.group.is_empty() {
            self.stage = Stage::Idle;
        } else if self.synced_len == self.len {
            self.synced();
        } else if self.fills() {
            let len = self.len.clamp(self.options.fill_len_max.min(FILL_LEN_MIN), self.options.fill_len_max);
            let id = self.issue(FileOp::Zero { name: self.name(), offset: self.len, len });
            self.stage = Stage::Fill { id, end: self.len + len };
        } else {
            self.sync();
        }
    }

    /// Whether no zeros are left behind the good bytes, where there should be some. As many are written as the file is long.
    fn fills(&self) -> bool {
        self.options.fill_len_max > 0 && !self.recycled && self.filled_len <= self.len
    }

    fn sync(&mut self) {
        let id = self.issue(FileOp::Sync { name: self.name() });
        self.stage = Stage::Sync { id };
    }

    /// What cuts off the zeros behind the end, once nothing more is to be written; its answer need not be told.
    pub fn trim(&mut self) -> Option<FileEffect<LogName>> {
        // What a log that failed holds is not known any more, and it is not touched.
        if self.is_idle() && self.poisoned.is_none() { self.trimming() } else { None }
    }

    fn trimming(&mut self) -> Option<FileEffect<LogName>> {
        if self.filled_len <= self.len {
            return None;
        }
        self.filled_len = self.len;
        let op = FileOp::Truncate { name: self.name(), len: self.len };
        Some(FileEffect { id: self.take_id(), op })
    }

    /// The present file is synced: settle who waits, once older files are. A sync by the clock that is still under way may have failed before this
    /// one began, and the file system tells a failure only once: its answer is waited for.
    fn synced(&mut self) {
        if self.olds.is_empty() && self.background.is_none() {
            self.stage = Stage::Idle;
            self.settle(|_| true, Ok(()));
        } else {
            self.stage = Stage::Olds;
        }
    }

    fn old_synced(&mut self, result: Result<(), IoError>) {
        match result {
            Err(error) => self.poison(error),
            Ok(()) if matches!(self.stage, Stage::Olds) => self.synced(),
            Ok(()) => {}
        }
    }

    fn all_synced(&mut self) {
        self.synced_len = self.len;
        self.dirty_since = None;
    }

    fn sync_if_due(&mut self, now: Time) {
        // A sync that somebody waits for covers the same bytes.
        let covered = matches!(self.stage, Stage::Sync { .. } | Stage::CutSync { .. });
        if self.next_deadline().is_some_and(|at| at <= now) && !covered {
            let id = self.issue(FileOp::Sync { name: self.name() });
            self.background = Some(Background { id, file: self.file, end: self.len, begun: now });
        }
    }

    fn background_done(&mut self, background: Background, result: Result<(), IoError>) {
        if let Err(error) = result {
            return self.poison(error);
        }
        // Meanwhile the file may have been left, or a foreground sync may have covered more.
        if background.file == self.file && background.end > self.synced_len {
            self.synced_len = background.end;
            self.dirty_since = (self.len > self.synced_len).then_some(background.begun);
        }
        if matches!(self.stage, Stage::Olds) {
            self.synced();
        }
    }

    fn begin_rotation(&mut self, rotation: Rotation) {
        match self.trimming() {
            Some(effect) => {
                self.stage = Stage::Rotate { id: effect.id, rotation, step: Step::Trim };
                self.effects.push_back(Effect::File(effect));
            }
            None => self.leave_file(rotation),
        }
    }

    fn leave_file(&mut self, rotation: Rotation) {
        if self.synced_len < self.len && !self.options.rotate_syncs_later {
            let id = self.issue(FileOp::Sync { name: self.name() });
            self.stage = Stage::Rotate { id, rotation, step: Step::SyncOld };
        } else {
            self.make_file(rotation);
        }
    }

    fn make_file(&mut self, rotation: Rotation) {
        let to = LogName::live(rotation.to);
        let op = match rotation.recycle {
            Some(from) => FileOp::Rename { from: LogName::live(from), to },
            None => FileOp::Create { name: to },
        };
        let id = self.issue(op);
        self.stage = Stage::Rotate { id, rotation, step: Step::Make };
    }

    fn next_step(&mut self, rotation: Rotation, step: Step, op: FileOp<LogName>) {
        let id = self.issue(op);
        self.stage = Stage::Rotate { id, rotation, step };
    }

    fn write_header(&mut self, rotation: Rotation, len: u64) {
        let (id, name) = (self.take_id(), LogName::live(rotation.to));
        let len = self.framed_len(len, 0, rotation.to);
        let header = Write { id, name, offset: 0, len, zeros: 0 };
        self.effects.push_back(write(header, rotation.recycle.is_some()));
        self.stage = Stage::Rotate { id, rotation, step: Step::Header };
    }

    fn rotation_done(&mut self, rotation: Rotation, step: Step, result: Result<(), IoError>) {
        let name = LogName::live(rotation.to);
        match (step, result) {
            // Zeros that stay are an end too.
            (Step::Trim, _) => self.leave_file(rotation),
            (Step::SyncOld, Ok(())) => {
                self.all_synced();
                self.make_file(rotation);
            }
            (Step::Make, Ok(())) if self.options.preallocate_len > 0 && rotation.recycle.is_none() => {
                let op = FileOp::Preallocate { name, len: self.options.preallocate_len };
                self.next_step(rotation, Step::Reserve, op);
            }
            // Reserving is a favour to later writes; if it fails, a write will tell. The name is made durable before the first byte
            // is written: else a crash could leave a recycled file under its old name with a new beginning.
            (Step::Make, Ok(())) | (Step::Reserve, _) => {
                self.next_step(rotation, Step::SyncDir, FileOp::SyncDir);
            }
            (Step::SyncDir, Ok(())) => match self.options.header_len {
                Some(len) => self.write_header(rotation, len),
                None => self.go_on_in(rotation, 0),
            },
            (Step::Header, Ok(())) => self.next_step(rotation, Step::SyncHeader, FileOp::Sync { name }),
            (Step::SyncHeader, Ok(())) => {
                let header = self.options.header_len.map_or(0, |len| self.framed_len(len, 0, rotation.to));
                self.go_on_in(rotation, header);
            }
            (Step::Make, Err(error)) => self.rotated(rotation, Err(error)),
            (Step::Header, Err(error)) => {
                // It holds nothing; if it cannot be deleted, recovery knows it by that.
                self.issue(FileOp::Delete { name });
                self.rotated(rotation, Err(error));
            }
            (Step::SyncOld | Step::SyncHeader | Step::SyncDir, Err(error)) => self.poison(error),
        }
    }

    fn go_on_in(&mut self, rotation: Rotation, len: u64) {
        if self.synced_len < self.len {
            let old = self.issue(FileOp::Sync { name: self.name() });
            self.olds.push(old);
        }
        self.sealed = false;
        (self.file, self.len, self.recycled) = (rotation.to, len, rotation.recycle.is_some());
        self.filled_len = len;
        self.all_synced();
        self.rotated(rotation, Ok(()));
    }

    fn rotated(&mut self, rotation: Rotation, result: Result<(), IoError>) {
        self.stage = Stage::Idle;
        self.effects.push_back(Effect::Rotated { rotation, result });
    }

    /// Settles the members of the group that `which` names, in order, and takes them out of it.
    fn settle(&mut self, which: impl Fn(&Member) -> bool, result: Result<(), CommitError>) {
        for member in self.group.iter().filter(|m| which(m)) {
            self.effects.push_back(Effect::Settle { buffer: member.buffer, result });
        }
        self.group.retain(|m| !which(m));
    }

    fn poison(&mut self, error: IoError) {
        let error = *self.poisoned.get_or_insert(error);
        if let Stage::Rotate { rotation, .. } = self.stage {
            self.effects.push_back(Effect::Rotated { rotation, result: Err(error) });
        }
        self.stage = Stage::Idle;
        self.olds.clear();
        // What was wished for and not begun is not to be done any more.
        self.effects.retain(|effect| matches!(effect, Effect::Settle { .. } | Effect::Rotated { .. }));
        self.settle(|_| true, Err(CommitError::Poisoned(error)));
        for item in core::mem::take(&mut self.queue) {
            self.effects.push_back(match item {
                Item::Member(Member { buffer, .. }) => {
                    Effect::Settle { buffer, result: Err(CommitError::Poisoned(error)) }
                }
                Item::Rotate(rotation) => Effect::Rotated { rotation, result: Err(error) },
            });
        }
    }
}

/// In a recycled file with the end mark behind it.
fn write(write: Write, is_recycled: bool) -> Effect {
    let zeros = if is_recycled { record::end_mark_len(write.offset + write.len) } else { 0 };
    Effect::Write(Write { zeros, ..write })
}

pub(crate) fn framing(recyclable: bool, file: FileNumber) -> Framing {
    // The format has room for the low half of the number.
    if recyclable { Framing::Recyclable { log_number: file.get() as u32 } } else { Framing::Plain }
}
