//! When memtables are switched and flushed, what is compacted, what the MANIFEST says, which files may go: the engine as a machine.
//!
//! ```text
//!  Grown, Flush ─▶ rotation ─▶ Rotated ─▶ generation ─▶ Job::Flush ──▶ Done ─┐
//!                  (the log's writer)                                        ├▶ Log ─▶ Logged ─▶ Install ─▶ Retire
//!  levels out of shape, CompactRange ─────────────────▶ Job::Compact ▶ Done ─┘ (one at a time)
//! ```
//! 1. A switch takes the memtables of all families at once and goes with a new log: the generation is what the old log holds.
//! 2. A flush turns all waiting generations into one table per family; then no family needs their logs any more.
//! 3. A change (tables in, tables out, families) is a list of version edits. One change at a time goes to the MANIFEST; once it is durable, the
//!    readers get the new versions, and only then the files that are named nowhere go.
//! 4. A job that fails is tried again later; one that meets a damaged table leaves that table alone from then on. Failures are kept apart: a
//!    family's compaction that fails stops neither flushes nor other families, and only who asked for it hears of it. A manual compaction
//!    tries a damaged table again.
//! 5. A MANIFEST that could not be written or synced poisons: which changes a reopen will see is not known.
//!
//! There are three outlets, for three kinds of hands: [`Engine::take_rotation`] for whoever writes the log, [`Engine::poll_job`] for threads with
//! time, [`Engine::poll`] for wishes to be carried out in order, one after the other. Payloads bypass the machine: it sees numbers, lengths
//! and bounds of tables.
//!
//! Invariants: a table is in at most one running job; a log goes only when every family has its entries in tables; changes reach the MANIFEST in
//! the order in which they are installed; a retired file is in no version.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use dolmen_base::Time;
use dolmen_base::io::{FileNumber, IoError};
use dolmen_base::time::Duration;

use crate::collapse::Older;
use crate::edit::{NewFile, VersionEdit};
use crate::key::{FamilyId, SequenceNumber, user_key};
use crate::picker::{self, Choice, CompactionOptions, State as Busy};
use crate::recovery::{self, State};
use crate::version::{LEVEL_COUNT, Version, VersionError};

dolmen_base::id_type! {
    /// Names one flush or compaction.
    pub struct JobId(u64);
}
dolmen_base::id_type! {
    /// Names a request of the caller.
    pub struct RequestId(u64);
}

/// Families with a new version each.
pub type Versions = Vec<(FamilyId, Arc<Version>)>;

/// When to do what. Lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of all active memtables together at which they are switched (RocksDB's `db_write_buffer_size`).
    pub write_buffer_len: u64,
    /// Generations that may wait for their flush before writers stop.
    pub generation_count_max: usize,
    /// The shape of the tree.
    pub compaction: CompactionOptions,
    /// Whether compactions start by themselves.
    pub compacts: bool,
    /// Compactions that run at the same time.
    pub compaction_count_max: usize,
    /// Tables of level 0 at which writers are slowed down (RocksDB's `level0_slowdown_writes_trigger`).
    pub level0_slowdown: usize,
    /// Tables of level 0 at which writers stop (RocksDB's `level0_stop_writes_trigger`).
    pub level0_stop: usize,
    /// After how long a failed job is tried again.
    pub retry_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            write_buffer_len: 64 << 20,
            generation_count_max: 2,
            compaction: CompactionOptions::default(),
            compacts: true,
            compaction_count_max: 1,
            level0_slowdown: 20,
            level0_stop: 36,
            retry_after: Duration::from_secs(1),
        }
    }
}

/// What a directory held when it was opened.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The families.
    pub families: BTreeMap<FamilyId, Arc<Version>>,
    /// The next free file number.
    pub next_file: FileNumber,
    /// The largest family id ever used.
    pub family_max: FamilyId,
    /// The largest epoch number of a table.
    pub epoch: u64,
    /// The largest sequence number.
    pub sequence: SequenceNumber,
    /// The log that is written from now on.
    pub log: FileNumber,
    /// Older logs, whose entries are in the active memtables.
    pub old_logs: Vec<FileNumber>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The active memtables have this length now.
    Grown {
        /// In bytes.
        len: u64,
    },
    /// Everything that was written before is wanted in tables.
    Flush(RequestId),
    /// A part of a family is wanted in its deepest level. Tables of that level which hold something that no reader can see any more are written
    /// again, too.
    CompactRange {
        /// For the answer.
        request: RequestId,
        /// The family.
        family: FamilyId,
        /// First user key; `None`: from the first on.
        begin: Option<Vec<u8>>,
        /// Last user key; `None`: to the last.
        end: Option<Vec<u8>>,
        /// The oldest sequence number that a reader looks back to; the largest one if none does.
        oldest: SequenceNumber,
    },
    /// A new family is wanted; the answer comes once it is durable. The caller sees to it that names are not used twice.
    CreateFamily {
        /// For the answer.
        request: RequestId,
        /// Its name.
        name: String,
    },
    /// A family is not wanted any more.
    DropFamily {
        /// For the answer.
        request: RequestId,
        /// Which.
        family: FamilyId,
    },
    /// The answer to a rotation: from here on writes go to the new log and to new memtables.
    Rotated {
        /// The largest sequence number in the memtables that were active.
        sequence: SequenceNumber,
        /// Whether the new log is there; if not, the old one goes on.
        result: Result<(), IoError>,
    },
    /// A job came to its end.
    Done {
        /// Which.
        job: JobId,
        /// The tables, each durable and with its level 0, or the output's level; or why there are none.
        result: Result<Vec<(FamilyId, NewFile)>, Failure>,
    },
    /// The answer to [`Effect::Log`].
    Logged(Result<(), IoError>),
    /// Time has passed; [`Engine::next_deadline`] says when this is due.
    Tick,
    /// What failed may be tried again at once, damaged tables included.
    Resume,
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The file system refused; it is tried again.
    Io(IoError),
    /// Its input is damaged or cannot be understood.
    Damaged {
        /// The table, if it is known; else all inputs are left alone.
        table: Option<FileNumber>,
    },
    /// The engine was told to stop.
    Stopped,
}

/// A wish, to be carried out in the order of [`Engine::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append the edits to the MANIFEST and sync it once. Several edits are an atomic group: a crash leaves all of them in force or none.
    Log(Vec<VersionEdit>),
    /// Show readers new versions. The memtables of generations up to the given log are in them.
    Install {
        /// The families that changed.
        versions: Versions,
        /// The newest log whose memtables go.
        flushed: Option<FileNumber>,
    },
    /// Nothing names these files any more.
    Retire {
        /// Tables; readers may still be at them.
        tables: Vec<FileNumber>,
        /// Logs.
        logs: Vec<FileNumber>,
    },
    /// Show readers a family that is there now.
    Created {
        /// For the answer.
        request: RequestId,
        /// Its id.
        family: FamilyId,
    },
    /// Hide a family that is gone.
    Dropped {
        /// Which.
        family: FamilyId,
    },
    /// A request came to its end.
    Answer {
        /// Which.
        request: RequestId,
        /// How it went.
        result: Result<(), Failure>,
    },
}

/// Work that takes long.
#[derive(Clone, Debug)]
pub enum Job {
    /// Make one table of level 0 per family from the memtables of all generations up to a log.
    Flush {
        /// For the answer.
        id: JobId,
        /// The newest log of the generations.
        log: FileNumber,
    },
    /// Merge tables into a deeper level.
    Compact {
        /// For the answer.
        id: JobId,
        /// What to do.
        compaction: Compaction,
    },
}

/// One compaction.
#[derive(Clone, Debug)]
pub struct Compaction {
    /// The family.
    pub family: FamilyId,
    /// Tables of level 0 newest first, or of one deeper level in order.
    pub upper: Vec<Arc<NewFile>>,
    /// The level of the upper tables.
    pub from: usize,
    /// Tables of the level that is written, in order.
    pub lower: Vec<Arc<NewFile>>,
    /// The level that is written.
    pub to: usize,
    /// What lies deeper.
    pub older: Older,
    /// Tables of the level below the output within the inputs' range.
    pub grandparents: Vec<Arc<NewFile>>,
}

impl Compaction {
    /// All input tables.
    pub fn inputs(&self) -> impl Iterator<Item = &Arc<NewFile>> {
        self.upper.iter().chain(&self.lower)
    }

    /// The same as sorted runs, from new to old: each table of level 0 by itself, a deeper level whole.
    pub fn runs(&self) -> Vec<Vec<Arc<NewFile>>> {
        let upper: Vec<_> = match self.from {
            0 => self.upper.iter().map(|file| [file.clone()].into()).collect(),
            _ => [self.upper.clone()].into(),
        };
        let runs = upper.into_iter().chain([self.lower.clone()]);
        runs.filter(|run| !run.is_empty()).collect()
    }

    fn bounds(&self) -> (Vec<u8>, Vec<u8>) {
        let begin = self.inputs().map(|f| user_key(&f.smallest)).min().unwrap_or_default();
        let end = self.inputs().map(|f| user_key(&f.largest)).max().unwrap_or_default();
        (begin.to_vec(), end.to_vec())
    }
}

/// What writers must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// Nothing.
    None,
    /// Go slower: flushes and compactions fall behind.
    Delay,
    /// Wait.
    Stop,
    /// Give up: level 0 is full and cannot be compacted, because this table is damaged.
    Stuck(FileNumber),
}

/// Numbers for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flushes that were installed.
    pub flushes: u64,
    /// Compactions that were installed, moves included.
    pub compactions: u64,
    /// Bytes that compactions read.
    pub compacted_len_in: u64,
    /// Bytes that compactions wrote.
    pub compacted_len_out: u64,
}

/// Memtables that were switched.
#[derive(Clone, Copy, Debug)]
struct Generation {
    /// The newest log with their entries.
    log: FileNumber,
    sequence: SequenceNumber,
}

/// What waits for the MANIFEST, or is on its way there.
#[derive(Debug)]
enum Change {
    Flush { log: FileNumber, tables: Vec<(FamilyId, NewFile)> },
    Compact { family: FamilyId, job: Option<JobId>, edit: Box<VersionEdit> },
    Create { request: RequestId, name: String },
    Drop { request: RequestId, family: FamilyId },
}

#[derive(Debug)]
struct Manual {
    request: RequestId,
    family: FamilyId,
    begin: Option<Vec<u8>>,
    end: Option<Vec<u8>>,
    /// The log that must be flushed first.
    log: FileNumber,
    level: usize,
    job: Option<JobId>,
    oldest: SequenceNumber,
    /// Tables from this number on were made since.
    next_file: FileNumber,
}

/// A family whose last compaction failed.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    failure: Failure,
    retry_at: Option<Time>,
}

/// The machine.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    families: BTreeMap<FamilyId, Arc<Version>>,
    /// Families that were created since, with the log that was written then: they need no older one.
    born: BTreeMap<FamilyId, FileNumber>,
    /// The last sequence number that the MANIFEST knows.
    sequence: SequenceNumber,
    /// Logs of an earlier life are not in tables yet.
    is_replaying: bool,
    next_file: FileNumber,
    next_job: JobId,
    family_max: FamilyId,
    epoch: u64,
    log: FileNumber,
    old_logs: Vec<FileNumber>,
    active_len: u64,
    rotation: Rotation,
    generations: VecDeque<Generation>,
    flush: Option<(JobId, FileNumber)>,
    flushed: FileNumber,
    compactions: BTreeMap<JobId, Compaction>,
    damaged: BTreeSet<FileNumber>,
    manual: VecDeque<Manual>,
    waiters: Vec<(RequestId, FileNumber)>,
    changes: VecDeque<Change>,
    logging: Option<(Change, Versions)>,
    effects: VecDeque<Effect>,
    /// Why the last flush or rotation failed, and when it is tried again.
    flush_trouble: Option<Trouble>,
    compaction_trouble: BTreeMap<FamilyId, Trouble>,
    poisoned: Option<IoError>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rotation {
    None,
    Wanted,
    UnderWay(FileNumber),
}

impl Engine {
    /// Goes on from what a directory held. Logs older than the present one are flushed at the first opportunity.
    pub fn new(options: Options, recovered: Recovered) -> Self {
        Engine {
            options,
            families: recovered.families,
            born: BTreeMap::new(),
            sequence: recovered.sequence,
            is_replaying: !recovered.old_logs.is_empty(),
            next_file: recovered.next_file,
            next_job: JobId::new(1),
            family_max: recovered.family_max,
            epoch: recovered.epoch,
            log: recovered.log,
            old_logs: recovered.old_logs,
            active_len: 0,
            rotation: Rotation::None,
            generations: VecDeque::new(),
            flush: None,
            flushed: FileNumber::new(0),
            compactions: BTreeMap::new(),
            damaged: BTreeSet::new(),
            manual: VecDeque::new(),
            waiters: Vec::new(),
            changes: VecDeque::new(),
            logging: None,
            effects: VecDeque::new(),
            flush_trouble: None,
            compaction_trouble: BTreeMap::new(),
            poisoned: None,
            counts: Counts::default(),
        }
    }

    /// Takes a fact. Answers to what was not asked change nothing.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Grown { len } => self.active_len = len,
            Input::Flush(request) => self.want_flush(request),
            Input::CompactRange { request, family, begin, end, oldest } => {
                let (log, next_file) = (self.want_rotation(), self.next_file);
                let (level, job) = (0, None);
                self.manual.push_back(Manual {
                    request,
                    family,
                    begin,
                    end,
                    log,
                    level,
                    job,
                    oldest,
                    next_file,
                });
            }
            Input::CreateFamily { request, name } => self.push_change(Change::Create { request, name }),
            Input::DropFamily { request, family } => self.push_change(Change::Drop { request, family }),
            Input::Rotated { sequence, result } => self.rotated(now, sequence, result),
            Input::Done { job, result } => self.done(now, job, result),
            Input::Logged(result) => self.logged(result),
            Input::Tick => {}
            Input::Resume => {
                self.damaged.clear();
                self.compaction_trouble.clear();
                self.flush_trouble = None;
            }
        }
        let troubles = self.compaction_trouble.values_mut().chain(&mut self.flush_trouble);
        for trouble in troubles.filter(|t| t.retry_at.is_some_and(|at| at <= now)) {
            trouble.retry_at = None;
        }
        self.advance();
    }

    /// The number of a new log, if memtables are to be switched. Until [`Input::Rotated`] there is no other.
    pub fn take_rotation(&mut self) -> Option<FileNumber> {
        if self.rotation != Rotation::Wanted {
            return None;
        }
        let number = self.take_file();
        self.rotation = Rotation::UnderWay(number);
        Some(number)
    }

    /// Whether [`Engine::take_rotation`] has one.
    pub fn wants_rotation(&self) -> bool {
        self.rotation == Rotation::Wanted
    }

    /// Whether a rotation is under way.
    pub fn is_rotating(&self) -> bool {
        matches!(self.rotation, Rotation::UnderWay(_))
    }

    /// Whether memtables wait for a flush that could begin, or wishes for being carried out.
    pub fn has_work(&self) -> bool {
        self.can_flush() || !self.effects.is_empty()
    }

    fn can_flush(&self) -> bool {
        self.flush.is_none() && !self.generations.is_empty() && self.may_try(self.flush_trouble)
    }

    fn may_try(&self, trouble: Option<Trouble>) -> bool {
        self.poisoned.is_none() && trouble.is_none_or(|t| t.retry_at.is_none())
    }

    /// The next wish. It must be carried out before the next is asked for.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next piece of work, flushes first.
    pub fn poll_job(&mut self) -> Option<Job> {
        if let Some(flush) = self.poll_flush() {
            return Some(flush);
        }
        if self.poisoned.is_some() {
            return None;
        }
        let compaction = self.next_compaction()?;
        let id = self.take_job();
        self.compactions.insert(id, compaction.clone());
        if let Some(manual) = self.manual.front_mut()
            && manual.job == Some(JobId::new(0))
        {
            manual.job = Some(id);
        }
        Some(Job::Compact { id, compaction })
    }

    /// The next flush, if there is one: for a caller who has no time for compactions.
    pub fn poll_flush(&mut self) -> Option<Job> {
        let &Generation { log, .. } = self.generations.back().filter(|_| self.can_flush())?;
        let id = self.take_job();
        self.flush = Some((id, log));
        Some(Job::Flush { id, log })
    }

    /// A number for a new table.
    pub fn take_file(&mut self) -> FileNumber {
        let number = self.next_file;
        self.next_file = number.next();
        number
    }

    /// What writers must do now, whatever they write: the worst of all families. A family that is stuck stops nobody else.
    pub fn stall(&self) -> Stall {
        let of = self.families.keys().map(|&family| self.stall_of(family));
        of.filter(|s| !matches!(s, Stall::Stuck(_))).fold(self.stall_by_memory(), Stall::worse)
    }

    /// What writers to a family must do now.
    pub fn stall_of(&self, family: FamilyId) -> Stall {
        let by_level = match self.families.get(&family).map_or(0, |version| version.level(0).len()) {
            _ if !self.options.compacts => Stall::None,
            n if n >= self.options.level0_stop => self.stuck(family).map_or(Stall::Stop, Stall::Stuck),
            n if n >= self.options.level0_slowdown => Stall::Delay,
            _ => Stall::None,
        };
        by_level.worse(self.stall_by_memory())
    }

    fn stall_by_memory(&self) -> Stall {
        let behind = self.generations.len() >= self.options.generation_count_max;
        if behind && self.active_len >= self.options.write_buffer_len { Stall::Stop } else { Stall::None }
    }

    /// The damaged table that keeps level 0 from being compacted: all of it goes together, with what it overlaps on the base level.
    fn stuck(&self, family: FamilyId) -> Option<FileNumber> {
        let version = self.families.get(&family).filter(|_| !self.damaged.is_empty())?;
        let level0 = version.level(0);
        let begin = level0.iter().map(|f| user_key(&f.smallest)).min()?;
        let end = level0.iter().map(|f| user_key(&f.largest)).max()?;
        let base = picker::targets(version, &self.options.compaction).base;
        let inputs = level0.iter().chain(version.overlapping(base, begin, end));
        inputs.map(|f| f.number).find(|n| self.damaged.contains(n))
    }

    /// Why the last flush failed; `None` once one went well.
    pub fn failed(&self) -> Option<Failure> {
        self.flush_trouble.map(|t| t.failure)
    }

    /// Why the last compaction of a family failed; `None` once one went well.
    pub fn failed_compaction(&self, family: FamilyId) -> Option<Failure> {
        self.compaction_trouble.get(&family).map(|t| t.failure)
    }

    /// Tables of the present versions that were found damaged.
    pub fn damaged(&self) -> impl Iterator<Item = FileNumber> {
        self.damaged.iter().copied()
    }

    /// Why the MANIFEST is not written any more.
    pub const fn poisoned(&self) -> Option<IoError> {
        self.poisoned
    }

    /// When [`Input::Tick`] is due; `None`: not before another input.
    pub fn next_deadline(&self) -> Option<Time> {
        self.compaction_trouble.values().chain(&self.flush_trouble).filter_map(|t| t.retry_at).min()
    }

    /// Whether no job runs, no change waits and nothing is out of shape.
    pub fn is_idle(&self) -> bool {
        let jobs = self.flush.is_some() || !self.compactions.is_empty() || !self.generations.is_empty();
        let wishes = self.logging.is_some() || !self.changes.is_empty() || !self.effects.is_empty();
        !jobs && !wishes && self.manual.is_empty() && self.rotation == Rotation::None
    }

    /// The present versions.
    pub fn families(&self) -> impl Iterator<Item = (FamilyId, &Arc<Version>)> {
        self.families.iter().map(|(&id, version)| (id, version))
    }

    /// The log that is written.
    pub const fn log(&self) -> FileNumber {
        self.log
    }

    /// The database as the MANIFEST has it, without the change that is on its way there, to begin a new MANIFEST with; names are the caller's.
    /// `None` until the logs of an earlier life are in tables: what each family needs of them stands in the present MANIFEST only.
    pub fn state(&self, name: impl Fn(FamilyId) -> Option<String>) -> Option<State> {
        if self.is_replaying {
            return None;
        }
        let needed = self.old_logs.iter().copied().min().unwrap_or(self.log);
        let mut families = BTreeMap::new();
        for (&id, version) in &self.families {
            let log_number = self.born.get(&id).copied().unwrap_or_default().max(needed);
            let (name, version) = (name(id)?, version.clone());
            families
                .insert(id, recovery::Family { name, log_number, version, ..recovery::Family::default() });
        }
        Some(State {
            families,
            next_file: self.next_file,
            sequence: self.sequence,
            family_max: self.family_max,
            epoch: self.epoch,
        })
    }

    /// What was done so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Estimated bytes that must be compacted until every level has its target length (RocksDB's `estimated-pending-compaction-bytes`,
    /// without the levels below).
    pub fn pending_len(&self) -> u64 {
        self.families.values().map(|v| picker::pending_len(v, &self.options.compaction)).sum()
    }

    fn take_job(&mut self) -> JobId {
        let id = self.next_job;
        self.next_job = id.next();
        id
    }

    fn push_change(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// Asks for a switch if there is something to switch; the log that will be flushed then comes back.
    fn want_rotation(&mut self) -> FileNumber {
        if self.active_len == 0 && self.old_logs.is_empty() {
            return self.generations.back().map_or(self.flushed, |g| g.log);
        }
        if self.rotation == Rotation::None {
            self.rotation = Rotation::Wanted;
        }
        self.log
    }

    fn want_flush(&mut self, request: RequestId) {
        if let Some(trouble) = &mut self.flush_trouble {
            trouble.retry_at = None;
        }
        let log = self.want_rotation();
        self.waiters.push((request, log));
    }

    fn rotated(&mut self, now: Time, sequence: SequenceNumber, result: Result<(), IoError>) {
        let Rotation::UnderWay(to) = mem::replace(&mut self.rotation, Rotation::None) else { return };
        match result {
            Ok(()) => {
                let log = mem::replace(&mut self.log, to);
                self.old_logs.push(log);
                self.generations.push_back(Generation { log, sequence });
                self.active_len = 0;
            }
            Err(error) => self.flush_failed(now, Failure::Io(error)),
        }
    }

    fn done(&mut self, now: Time, job: JobId, result: Result<Vec<(FamilyId, NewFile)>, Failure>) {
        if let Some((_, log)) = self.flush.filter(|(id, _)| *id == job) {
            return match result {
                Ok(tables) => self.push_change(Change::Flush { log, tables }),
                Err(failure) => {
                    self.flush = None;
                    self.flush_failed(now, failure);
                }
            };
        }
        let Some(compaction) = self.compactions.get(&job) else { return };
        match result {
            Ok(tables) => {
                self.counts.compacted_len_in += compaction.inputs().map(|f| f.len).sum::<u64>();
                self.counts.compacted_len_out += tables.iter().map(|(_, f)| f.len).sum::<u64>();
                let (family, edit) = (compaction.family, Box::new(compaction_edit(compaction, tables)));
                self.push_change(Change::Compact { family, job: Some(job), edit });
            }
            Err(failure) => {
                let family = compaction.family;
                match failure {
                    Failure::Damaged { table: Some(table) } => self.damaged.extend([table]),
                    Failure::Damaged { table: None } => {
                        self.damaged.extend(compaction.inputs().map(|f| f.number));
                    }
                    Failure::Io(_) | Failure::Stopped => {}
                }
                self.compactions.remove(&job);
                let retry_at = matches!(failure, Failure::Io(_)).then(|| now + self.options.retry_after);
                self.compaction_trouble.insert(family, Trouble { failure, retry_at });
                self.answer_all(Vec::new(), |m| m.job == Some(job), failure);
            }
        }
    }

    /// Remembers why a flush failed; whoever waits for it hears of it. It is tried again, whatever the reason: memtables cannot be given up.
    fn flush_failed(&mut self, now: Time, failure: Failure) {
        let retry_at = (failure != Failure::Stopped).then(|| now + self.options.retry_after);
        self.flush_trouble = Some(Trouble { failure, retry_at });
        let (waiters, flushed) = (mem::take(&mut self.waiters), self.flushed);
        self.answer_all(waiters, |m| m.log > flushed, failure);
    }

    /// A failure for all that waits.
    fn fail_all(&mut self, failure: Failure) {
        let waiters = mem::take(&mut self.waiters);
        self.answer_all(waiters, |_| true, failure);
    }

    fn answer_all(
        &mut self,
        waiters: Vec<(RequestId, FileNumber)>,
        concerns: impl Fn(&Manual) -> bool,
        failure: Failure,
    ) {
        let manual = self.manual.iter().filter(|m| concerns(m)).map(|m| m.request);
        let requests = waiters.into_iter().map(|(request, _)| request).chain(manual);
        let result = Err(failure);
        self.effects.extend(requests.map(|request| Effect::Answer { request, result }));
        self.manual.retain(|m| !concerns(m));
    }

    fn logged(&mut self, result: Result<(), IoError>) {
        let Some((change, versions)) = self.logging.take() else { return };
        if let Err(error) = result {
            self.poisoned = Some(error);
            let request = match change {
                Change::Create { request, .. } | Change::Drop { request, .. } => Some(request),
                Change::Flush { .. } | Change::Compact { .. } => None,
            };
            let result = Err(Failure::Io(error));
            self.effects.extend(request.map(|request| Effect::Answer { request, result }));
            return self.fail_all(Failure::Io(error));
        }
        match change {
            Change::Flush { log, tables } => self.flush_installed(log, &tables, versions),
            Change::Compact { job, edit, .. } => self.compaction_installed(job, &edit, versions),
            Change::Create { request, .. } => {
                self.families.extend(versions);
                self.effects.push_back(Effect::Created { request, family: self.family_max });
            }
            Change::Drop { request, family } => self.family_dropped(request, family),
        }
    }

    fn flush_installed(&mut self, log: FileNumber, tables: &[(FamilyId, NewFile)], versions: Versions) {
        self.flush = None;
        self.flush_trouble = None;
        self.is_replaying = false;
        let flushed = self.generations.iter().filter(|g| g.log <= log).map(|g| g.sequence).max();
        self.sequence = self.sequence.max(flushed.unwrap_or_default());
        self.flushed = log;
        self.generations.retain(|g| g.log > log);
        self.families.extend(versions.iter().cloned());
        let (gone, needed) = mem::take(&mut self.old_logs).into_iter().partition(|&n| n <= log);
        self.old_logs = needed;
        self.counts.flushes += 1;
        // Families that were dropped while their memtables were written.
        let is_orphan = |family: &FamilyId| versions.iter().all(|(known, _)| known != family);
        let orphans = tables.iter().filter(|(family, _)| is_orphan(family)).map(|(_, f)| f.number).collect();
        self.effects.push_back(Effect::Install { versions, flushed: Some(log) });
        self.effects.push_back(Effect::Retire { tables: orphans, logs: gone });
    }

    fn compaction_installed(&mut self, job: Option<JobId>, edit: &VersionEdit, versions: Versions) {
        if let Some(job) = job {
            let in_place = self.compactions.remove(&job).is_some_and(|c| c.from == c.to);
            for manual in self.manual.iter_mut().filter(|m| m.job == Some(job)) {
                (manual.job, manual.level) = (None, manual.level + usize::from(!in_place));
            }
        }
        if job.is_some() {
            self.compaction_trouble.remove(&edit.family);
        }
        self.families.extend(versions.iter().cloned());
        self.counts.compactions += 1;
        let moved = |n: &FileNumber| edit.new_files.iter().any(|f| f.number == *n);
        for (_, number) in edit.deleted_files.iter().filter(|(_, n)| !moved(n)) {
            self.damaged.remove(number);
        }
        let tables = edit.deleted_files.iter().map(|&(_, n)| n).filter(|n| !moved(n)).collect();
        self.effects.push_back(Effect::Install { versions, flushed: None });
        self.effects.push_back(Effect::Retire { tables, logs: Vec::new() });
    }

    fn family_dropped(&mut self, request: RequestId, family: FamilyId) {
        let version = self.families.remove(&family).unwrap_or_default();
        self.compaction_trouble.remove(&family);
        for file in version.files() {
            self.damaged.remove(&file.number);
        }
        let tables = (0..LEVEL_COUNT).flat_map(|l| version.level(l)).map(|f| f.number).collect();
        self.effects.push_back(Effect::Dropped { family });
        self.effects.push_back(Effect::Retire { tables, logs: Vec::new() });
        self.effects.push_back(Effect::Answer { request, result: Ok(()) });
    }

    /// What follows from the present state.
    fn advance(&mut self) {
        if self.poisoned.is_some() {
            return self.refuse_changes();
        }
        let is_full = self.active_len >= self.options.write_buffer_len;
        let room = self.generations.len() < self.options.generation_count_max;
        if self.rotation == Rotation::None && is_full && room && self.may_try(self.flush_trouble) {
            self.rotation = Rotation::Wanted;
        }
        self.answer_waiters();
        self.log_next();
        self.answer_manual();
    }

    fn refuse_changes(&mut self) {
        let Some(error) = self.poisoned else { return };
        for change in mem::take(&mut self.changes) {
            if let Change::Create { request, .. } | Change::Drop { request, .. } = change {
                self.effects.push_back(Effect::Answer { request, result: Err(Failure::Io(error)) });
            }
        }
        self.fail_all(Failure::Io(error));
    }

    fn answer_waiters(&mut self) {
        let flushed = self.flushed;
        let (ready, waiting) = mem::take(&mut self.waiters).into_iter().partition(|&(_, log)| log <= flushed);
        self.waiters = waiting;
        let ready: Vec<_> = ready;
        self.effects.extend(ready.into_iter().map(|(request, _)| Effect::Answer { request, result: Ok(()) }));
    }

    /// Ends manual compactions that have come to the deepest level, and have nothing to write again there.
    fn answer_manual(&mut self) {
        while let Some(manual) = self.manual.front() {
            if manual.log > self.flushed || manual.job.is_some() {
                return;
            }
            let version = self.families.get(&manual.family);
            if let Some((version, deepest)) = version.and_then(|v| Some((v, deepest(v)?)))
                && (manual.level < deepest.max(1) || !manual.left_over(version, deepest).is_empty())
            {
                return;
            }
            let request = manual.request;
            self.manual.pop_front();
            self.effects.push_back(Effect::Answer { request, result: Ok(()) });
        }
    }

    /// Sends the next change to the MANIFEST, if none is on its way.
    fn log_next(&mut self) {
        while self.logging.is_none() {
            let Some(change) = self.changes.pop_front() else { return };
            match self.prepare(&change) {
                Ok((edits, versions)) => {
                    self.logging = Some((change, versions));
                    self.effects.push_back(Effect::Log(edits));
                }
                // The family was dropped meanwhile: its tables are named nowhere.
                Err(_) => self.give_up(change),
            }
        }
    }

    fn give_up(&mut self, change: Change) {
        match change {
            Change::Flush { tables, .. } => {
                self.flush = None;
                let tables = tables.iter().map(|(_, f)| f.number).collect();
                self.effects.push_back(Effect::Retire { tables, logs: Vec::new() });
            }
            Change::Compact { job, edit, .. } => {
                if let Some(job) = job {
                    self.compactions.remove(&job);
                    self.manual.iter_mut().filter(|m| m.job == Some(job)).for_each(|m| m.job = None);
                }
                // A table that was to be moved went with its family.
                let is_moved = |n: &FileNumber| edit.deleted_files.iter().any(|(_, deleted)| deleted == n);
                let tables = edit.new_files.iter().map(|f| f.number).filter(|n| !is_moved(n)).collect();
                self.effects.push_back(Effect::Retire { tables, logs: Vec::new() });
            }
            Change::Create { request, .. } | Change::Drop { request, .. } => {
                self.effects.push_back(Effect::Answer { request, result: Ok(()) });
            }
        }
    }

    /// The edits of a change and the versions after it.
    fn prepare(&mut self, change: &Change) -> Result<(Vec<VersionEdit>, Versions), VersionError> {
        let mut edits = match change {
            Change::Flush { log, tables } => self.flush_edits(*log, tables),
            Change::Compact { edit, .. } => [VersionEdit::clone(edit)].into(),
            Change::Create { name, .. } => [self.create_edit(name)].into(),
            Change::Drop { family, .. } => {
                [VersionEdit { family: *family, family_drop: true, ..VersionEdit::default() }].into()
            }
        };
        let mut versions = Vec::new();
        for edit in &mut edits {
            edit.next_file_number = Some(self.next_file);
            let empty = Arc::default();
            let before = match edit.family_add {
                Some(_) => &empty,
                None => self.families.get(&edit.family).ok_or(VersionError::Level(0))?,
            };
            versions.push((edit.family, Arc::new(before.apply(edit)?)));
        }
        Ok((edits, versions))
    }

    /// Every family has what the flushed logs hold in tables: one that had nothing in them needs no edit of its own, for no log older than
    /// the least that is to be kept counts any more.
    fn flush_edits(&mut self, log: FileNumber, tables: &[(FamilyId, NewFile)]) -> Vec<VersionEdit> {
        let generations = self.generations.iter();
        let next_log = generations.map(|g| g.log).find(|&n| n > log).unwrap_or(self.log);
        let sequence = self.generations.iter().filter(|g| g.log <= log).map(|g| g.sequence).max();
        let ids: Vec<FamilyId> = self.families.keys().copied().collect();
        let mut edits = Vec::new();
        for family in ids {
            let mut new_files = Vec::new();
            for (_, table) in tables.iter().filter(|(id, _)| *id == family) {
                self.epoch += 1;
                new_files.push(NewFile { epoch_number: self.epoch, level: 0, ..table.clone() });
            }
            if new_files.is_empty() && family.get() != 0 {
                continue;
            }
            edits.push(VersionEdit {
                family,
                log_number: self.born.get(&family).copied().max(Some(next_log)),
                min_log_number_to_keep: (family.get() == 0).then_some(next_log),
                last_sequence: sequence,
                new_files,
                ..VersionEdit::default()
            });
        }
        group(&mut edits);
        edits
    }

    fn create_edit(&mut self, name: &str) -> VersionEdit {
        self.family_max = self.family_max.next();
        self.born.insert(self.family_max, self.log);
        VersionEdit {
            family: self.family_max,
            family_add: Some(name.into()),
            comparator: Some("leveldb.BytewiseComparator".into()),
            log_number: Some(self.log),
            family_max: Some(self.family_max),
            ..VersionEdit::default()
        }
    }

    /// The compaction to start, if there is room for one. Moves become changes at once.
    fn next_compaction(&mut self) -> Option<Compaction> {
        if self.compactions.len() >= self.options.compaction_count_max {
            return None;
        }
        if let Some(compaction) = self.next_manual() {
            return Some(compaction);
        }
        if !self.options.compacts {
            return None;
        }
        let families: Vec<_> = self.families.iter().map(|(&id, v)| (id, v.clone())).collect();
        families.into_iter().find_map(|(family, version)| {
            if !self.may_try(self.compaction_trouble.get(&family).copied()) {
                return None;
            }
            let mut busy = self.busy(family);
            busy.busy.extend(&self.damaged);
            let choice = picker::choose(&version, &self.options.compaction, &busy);
            self.take_choice(family, &version, choice)
        })
    }

    fn next_manual(&mut self) -> Option<Compaction> {
        let manual = self.manual.front().filter(|m| m.log <= self.flushed && m.job.is_none())?;
        let (family, begin, end) = (manual.family, manual.begin.clone(), manual.end.clone());
        let version = self.families.get(&family)?.clone();
        let deepest = deepest(&version)?;
        let busy = self.busy(family);
        for level in manual.level..deepest.max(1) {
            let options = &self.options.compaction;
            match picker::choose_range(&version, options, &busy, level, begin.as_deref(), end.as_deref()) {
                None => self.manual.front_mut()?.level = level + 1,
                Some(Choice::Nothing) => return None,
                Some(choice) => return self.take_manual(family, &version, level, choice),
            }
        }
        let files = self.manual.front()?.left_over(&version, deepest);
        if !files.is_empty() {
            let choice = picker::choose_again(&version, &busy, deepest, &files);
            return self.take_manual(family, &version, deepest, choice);
        }
        self.answer_manual();
        None
    }

    fn take_manual(
        &mut self,
        family: FamilyId,
        version: &Version,
        level: usize,
        choice: Choice,
    ) -> Option<Compaction> {
        let compaction = self.take_choice(family, version, choice)?;
        let manual = self.manual.front_mut()?;
        (manual.level, manual.job) = (level, Some(JobId::new(0)));
        Some(compaction)
    }

    fn busy(&self, family: FamilyId) -> Busy {
        let mut busy = Busy::default();
        for compaction in self.compactions.values().filter(|c| c.family == family) {
            let (begin, end) = compaction.bounds();
            busy.busy.extend(compaction.inputs().map(|f| f.number));
            busy.outputs.push((compaction.to, begin, end));
        }
        let changes = self.changes.iter().chain(self.logging.iter().map(|(change, _)| change));
        for change in changes {
            if let Change::Compact { family: of, edit, .. } = change
                && *of == family
            {
                busy.busy.extend(edit.deleted_files.iter().map(|&(_, n)| n));
                let bounds = |f: &NewFile| (user_key(&f.smallest).to_vec(), user_key(&f.largest).to_vec());
                let outputs = edit.new_files.iter().map(|f| (f.level as usize, bounds(f).0, bounds(f).1));
                busy.outputs.extend(outputs);
            }
        }
        busy
    }

    fn take_choice(&mut self, family: FamilyId, version: &Version, choice: Choice) -> Option<Compaction> {
        let pick = |level: usize, numbers: &[FileNumber]| -> Vec<Arc<NewFile>> {
            version.level(level).iter().filter(|f| numbers.contains(&f.number)).cloned().collect()
        };
        match choice {
            Choice::Nothing => None,
            Choice::Move { file, from, to } => {
                let meta = pick(from, &[file]).pop()?;
                let edit = VersionEdit {
                    family,
                    deleted_files: [(from as u32, file)].into(),
                    new_files: [NewFile { level: to as u32, ..(*meta).clone() }].into(),
                    ..VersionEdit::default()
                };
                self.push_change(Change::Compact { family, job: None, edit: Box::new(edit) });
                self.log_next();
                None
            }
            Choice::Compact { from, upper, to, lower } => {
                let (upper, lower) = (pick(from, &upper), pick(to, &lower));
                let mut compaction = Compaction {
                    family,
                    upper,
                    from,
                    lower,
                    to,
                    older: Older::anything(),
                    grandparents: Vec::new(),
                };
                let (begin, end) = compaction.bounds();
                compaction.older = Older::below(version, to, &begin, &end);
                compaction.grandparents = version.overlapping(to + 1, &begin, &end).to_vec();
                Some(compaction)
            }
        }
    }
}

impl Stall {
    /// The stronger of two.
    fn worse(self, other: Stall) -> Stall {
        let rank = |stall: Stall| match stall {
            Stall::None => 0,
            Stall::Delay => 1,
            Stall::Stop => 2,
            Stall::Stuck(_) => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl Manual {
    /// Tables of the deepest level within its range that may hold something no reader sees any more: a table that is collapsed as far as
    /// can be holds values without a sequence number. Those that were made since the request are.
    fn left_over(&self, version: &Version, deepest: usize) -> Vec<FileNumber> {
        if deepest == 0 {
            return Vec::new();
        }
        let is_within = |f: &NewFile| {
            self.end.as_deref().is_none_or(|end| user_key(&f.smallest) <= end)
                && self.begin.as_deref().is_none_or(|begin| begin <= user_key(&f.largest))
        };
        let may_shrink = |f: &NewFile| {
            f.number < self.next_file && f.largest_sequence.get() != 0 && f.smallest_sequence < self.oldest
        };
        let files = version.level(deepest).iter().filter(|f| is_within(f) && may_shrink(f));
        files.map(|f| f.number).collect()
    }
}

/// The deepest level that holds a table.
fn deepest(version: &Version) -> Option<usize> {
    (0..LEVEL_COUNT).rev().find(|&level| !version.level(level).is_empty())
}

/// Makes several edits one atomic group.
fn group(edits: &mut [VersionEdit]) {
    if edits.len() > 1 {
        edits.iter_mut().rev().zip(0..).for_each(|(edit, rest)| edit.atomic_group_remaining = Some(rest));
    }
}

fn compaction_edit(compaction: &Compaction, tables: Vec<(FamilyId, NewFile)>) -> VersionEdit {
    let deleted = |level: usize, files: &[Arc<NewFile>]| -> Vec<(u32, FileNumber)> {
        files.iter().map(|f| (level as u32, f.number)).collect()
    };
    let mut deleted_files = deleted(compaction.from, &compaction.upper);
    deleted_files.extend(deleted(compaction.to, &compaction.lower));
    let epoch_number = compaction.inputs().map(|f| f.epoch_number).min().unwrap_or(0);
    let level = compaction.to as u32;
    let new_files = tables.into_iter().map(|(_, file)| NewFile { level, epoch_number, ..file }).collect();
    VersionEdit { family: compaction.family, deleted_files, new_files, ..VersionEdit::default() }
}
