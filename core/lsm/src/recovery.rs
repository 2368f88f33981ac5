//! What a directory holds when it is opened: MANIFEST → [`State`], which logs count and what to make of them ([`Replay`]), which files may go.
//!
//! ```text
//!  CURRENT ─▶ MANIFEST ─▶ State: families, tables, the oldest log that counts
//!                            │
//!  000010.log  1..57 ────────┤ every group says what was synced before it (SyncMark), every batch where it stands in the history
//!  000012.log  58..90 ▒▒▒    │   ▒▒▒ nothing behind proves that these bytes were synced: cut, kept aside, reported
//!  000015.log  97..120       │   91..96 are missing: with proof an error, without it this log is left out whole, and reported
//! ```
//! 1. How a log is read follows from what it says. Bytes that a later record proves to have been synced are damaged, whatever the policy was;
//!    a bad tail without such a proof is what a crash leaves. Logs of other writers (RocksDB's) prove nothing about syncs: there any record behind
//!    damage counts as proof, and a mode must be asked for to go on.
//! 2. What is recovered is a point in time, but for [`RecoveryMode::SkipAnyCorrupted`]: behind a loss nothing counts.
//! 3. Sequence numbers follow on each other from log to log. Where they do not, something between is lost.
//! 4. A MANIFEST whose end is cut off is gone on from only if no later edit can have been in force: the log that the edits left need is there,
//!    or nothing was made under this MANIFEST that it does not name.
//! 5. What is replayed takes a bounded amount of memory ([`Replay::within`]): when it is used up, what was entered becomes tables of level 0, and
//!    once one is made, so does the rest at the end. Until a MANIFEST names all of them at once, the old one and its logs are in force and the
//!    tables are left over: a crash on the way, or a failure, costs nothing but the work.
//!
//! Nothing is decided by today's options. [`Report`] says what was left out; the caller keeps it ([`Loss::keeps`]).

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use dolmen_base::io::{File, FileNumber, IoError};
use dolmen_wal::{RecoverError, RecoveryMode, Tail as WalTail, WalError, recover_file_with};

use crate::batch::{BatchView, SyncMark};
use crate::edit::{NewFile, VersionEdit};
use crate::error::{Feature, ReadError};
use crate::filename::FileName;
use crate::key::{FamilyId, SequenceNumber};
use crate::manifest::{self, Tail};
use crate::version::{LEVEL_COUNT, Version, VersionBuilder, VersionError};

/// The comparator that is supported, by RocksDB's name.
pub const COMPARATOR: &str = "leveldb.BytewiseComparator";

/// One family as the MANIFEST has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// Logs below this one hold nothing more for it.
    pub log_number: FileNumber,
    /// Batches up to this one are in tables, whatever log holds them; 0: as `log_number` says.
    pub in_tables: SequenceNumber,
    /// Its tables.
    pub version: Arc<Version>,
}

/// The database as the MANIFEST has it, and after [`Replay`] as its logs have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The families.
    pub families: BTreeMap<FamilyId, Family>,
    /// The next free file number.
    pub next_file: FileNumber,
    /// The largest sequence number.
    pub sequence: SequenceNumber,
    /// The largest family id ever used.
    pub family_max: FamilyId,
    /// The largest epoch number of a table.
    pub epoch: u64,
}

impl Default for State {
    /// An empty database: the family `default`, and nothing in it.
    fn default() -> Self {
        let default = Family { name: "default".to_owned(), ..Family::default() };
        State {
            families: [(FamilyId::new(0), default)].into(),
            next_file: FileNumber::new(1),
            sequence: SequenceNumber::new(0),
            family_max: FamilyId::new(0),
            epoch: 0,
        }
    }
}

/// Why a directory cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryError {
    /// A file is damaged, or uses something that is not supported.
    Read {
        /// Which.
        file: FileName,
        /// What is wrong.
        error: ReadError,
    },
    /// A log is damaged and the mode does not go on.
    Log {
        /// Which.
        log: FileNumber,
        /// What is wrong.
        error: WalError,
    },
    /// A call failed.
    Io {
        /// For which file.
        file: FileName,
        /// The reason.
        error: IoError,
    },
    /// The MANIFEST holds no whole edit.
    EmptyManifest(FileNumber),
    /// The MANIFEST ends within the group of edits with which it begins, which was whole before CURRENT named it.
    FirstGroup(FileNumber),
    /// Edits at the end of the MANIFEST are missing that were in force: the log that those before them need has gone.
    LostEdits {
        /// The MANIFEST.
        manifest: FileNumber,
        /// The log that is needed and not there.
        log: FileNumber,
        /// A table that lies there and that no edit names.
        table: Option<FileNumber>,
    },
    /// An edit does not fit those before it.
    Version {
        /// The MANIFEST.
        manifest: FileNumber,
        /// What does not fit.
        error: VersionError,
    },
    /// Writes between two logs, or before the first, are missing.
    Hole {
        /// The log before; `None`: what is in tables.
        before: Option<FileNumber>,
        /// The log behind the hole.
        log: FileNumber,
        /// The sequence number with which it should begin.
        expected: SequenceNumber,
        /// The one with which it does.
        found: SequenceNumber,
    },
    /// A log has writes to a family of which the MANIFEST knows nothing.
    UnknownFamily {
        /// The log.
        log: FileNumber,
        /// The family.
        family: FamilyId,
    },
}

const WAYS_OUT: &str = "restore the file from a backup, or go on without what is lost: --recovery point-in-time keeps what stands before it, \
                        --recovery skip-damaged everything that can be read";

const REBUILD: &str = "make a new one from the tables and logs: dolmen kv --path DIR repair";

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RecoveryError::Read { file, error } => write!(f, "{file}: {error}"),
            RecoveryError::Log { log, error } => write!(f, "{}: {error}", FileName::Log(log)),
            RecoveryError::Io { file, error } => write!(f, "{file}: {error}"),
            RecoveryError::EmptyManifest(n) => {
                write!(
                    f,
                    "{} holds no whole version edit; restore it, or CURRENT, from a backup, or {REBUILD}",
                    FileName::Manifest(n)
                )
            }
            RecoveryError::FirstGroup(n) => write!(
                f,
                "{} ends within its first group of version edits; restore it, or CURRENT, from a backup, or {REBUILD}",
                FileName::Manifest(n)
            ),
            RecoveryError::LostEdits { manifest, log, table } => {
                let (manifest, log) = (FileName::Manifest(manifest), FileName::Log(log));
                write!(f, "{manifest} is cut off: what is left of it needs {log}, which is not there")?;
                if let Some(table) = table {
                    write!(f, ", and {} lies there and is not named", FileName::Table(table))?;
                }
                write!(f, "; restore it from a backup, or {REBUILD}. Nothing was changed")
            }
            RecoveryError::Version { manifest, error } => {
                write!(f, "{}: {error}", FileName::Manifest(manifest))
            }
            RecoveryError::Hole { before, log, expected, found } => {
                let log = FileName::Log(log);
                write!(f, "{log} begins with sequence number {found} where {expected} follows on ")?;
                match before {
                    Some(before) => write!(f, "{}", FileName::Log(before))?,
                    None => f.write_str("the tables")?,
                }
                write!(f, ": writes between them are missing; {WAYS_OUT}")
            }
            RecoveryError::UnknownFamily { log, family } => write!(
                f,
                "{} has writes to column family {family}, of which the MANIFEST knows nothing; restore the MANIFEST from a backup, or {REBUILD}",
                FileName::Log(log)
            ),
        }
    }
}

impl core::error::Error for RecoveryError {}

impl State {
    /// What a MANIFEST says, where `files` are all names in its directory.
    ///
    /// # Errors
    /// Damage, edits that do not fit each other, and a MANIFEST that is cut off before an edit that was in force.
    pub fn read(bytes: &[u8], number: FileNumber, files: &[FileName]) -> Result<State, RecoveryError> {
        let read = |error| RecoveryError::Read { file: FileName::Manifest(number), error };
        let found = manifest::read(bytes, number).map_err(read)?;
        if found.edits.is_empty() {
            return Err(RecoveryError::EmptyManifest(number));
        }
        let mut building = Building::default();
        // A group of edits takes effect as one; a crash can cut it off at the end.
        let (mut group, mut whole) = (Vec::new(), 0);
        for edit in &found.edits {
            group.push(edit);
            if edit.atomic_group_remaining.unwrap_or(0) == 0 {
                group.drain(..).try_for_each(|edit| building.apply(edit, number))?;
                whole += 1;
            }
        }
        // The first group was synced before CURRENT named this file: no crash can have cut it.
        if whole == 0 {
            return Err(match found.tail {
                Tail::Damaged(error) => read(error),
                _ => RecoveryError::FirstGroup(number),
            });
        }
        let mut state = building.finish(number)?;
        let is_cut = found.tail != Tail::Whole || !group.is_empty();
        state.check_end(number, files, is_cut)?;
        state.next_file = after_all(files, state.next_file);
        Ok(state)
    }

    /// Whether an edit is missing that was in force. Such an edit is in force before the logs that it makes superfluous are deleted; and every
    /// life of a database has its log before it makes a table.
    fn check_end(&self, manifest: FileNumber, files: &[FileName], is_cut: bool) -> Result<(), RecoveryError> {
        let log = self.log_needed();
        if files.contains(&FileName::Log(log)) {
            return Ok(());
        }
        let named = |n: FileNumber| self.families.values().any(|f| f.version.files().any(|t| t.number == n));
        let mut tables = files.iter().filter_map(|file| match *file {
            FileName::Table(n) | FileName::LevelDbTable(n) => Some(n),
            _ => None,
        });
        let table = tables.find(|&n| n > manifest && !named(n));
        match is_cut || table.is_some() {
            true => Err(RecoveryError::LostEdits { manifest, log, table }),
            false => Ok(()),
        }
    }

    /// The oldest log that a family needs.
    pub fn log_needed(&self) -> FileNumber {
        self.families.values().map(|f| f.log_number).min().unwrap_or_default()
    }

    /// A number for a new file.
    pub fn take_number(&mut self) -> FileNumber {
        let number = self.next_file;
        self.next_file = number.next();
        number
    }

    /// Everything known, as one atomic group of edits for a new MANIFEST. If logs were replayed, each family keeps needing those that it needed
    /// (`log` is `None`), until its flush: not an older one, whose entries are in its tables, for a single deletion must meet its value once.
    /// A family is added by an edit of its own: RocksDB passes over the tables of an edit that adds one.
    pub fn snapshot(&self, log: Option<FileNumber>) -> Vec<VersionEdit> {
        let mut edits = Vec::new();
        for (&id, family) in &self.families {
            let base = VersionEdit {
                family: id,
                comparator: Some(COMPARATOR.to_owned()),
                log_number: Some(log.unwrap_or(family.log_number)),
                ..VersionEdit::default()
            };
            if id.get() != 0 {
                edits.push(VersionEdit {
                    family_add: Some(family.name.clone()),
                    family_max: Some(self.family_max),
                    ..base.clone()
                });
            }
            let tables = (0..LEVEL_COUNT).flat_map(|l| family.version.level(l).iter().map(move |m| (l, m)));
            edits.push(VersionEdit {
                prev_log_number: (id.get() == 0).then_some(FileNumber::new(0)),
                next_file_number: Some(self.next_file),
                last_sequence: Some(self.sequence),
                family_max: Some(self.family_max),
                new_files: tables
                    .map(|(level, m)| NewFile { level: level as u32, ..(**m).clone() })
                    .collect(),
                ..base
            });
        }
        if edits.len() > 1 {
            edits.iter_mut().rev().zip(0..).for_each(|(edit, rest)| edit.atomic_group_remaining = Some(rest));
        }
        edits
    }

    /// Adds new tables to level 0, those of one family from old to new.
    fn add_level0(&mut self, tables: Vec<(FamilyId, NewFile)>) -> Result<(), RecoveryError> {
        let mut edits = BTreeMap::<FamilyId, VersionEdit>::new();
        for (family, table) in tables {
            self.epoch += 1;
            let table = NewFile { epoch_number: self.epoch, level: 0, ..table };
            edits.entry(family).or_default().new_files.push(table);
        }
        for (id, edit) in edits {
            // Tables are made of what a family wants, so it is there.
            let Some(family) = self.families.get_mut(&id) else { continue };
            let failed = |error| RecoveryError::Version { manifest: FileNumber::new(0), error };
            family.version = Arc::new(family.version.apply(&edit).map_err(failed)?);
        }
        Ok(())
    }

    /// Whether a file is left over: no table of a version, no log that is `needed`, an older MANIFEST, a temporary file. Files of other
    /// programs stay.
    pub fn is_left_over(&self, file: FileName, manifest: FileNumber, log_needed: FileNumber) -> bool {
        match file {
            FileName::Table(n) | FileName::LevelDbTable(n) => {
                self.families.values().all(|family| family.version.files().all(|t| t.number != n))
            }
            FileName::Manifest(n) => n != manifest,
            FileName::Log(n) => n < log_needed,
            FileName::Temp(_) => true,
            _ => false,
        }
    }
}

/// The first number behind all numbers in the directory: files that nothing names must not be taken for new ones.
pub fn after_all(files: &[FileName], next: FileNumber) -> FileNumber {
    let numbers = files.iter().filter_map(|file| file.number());
    numbers.map(FileNumber::next).fold(next, FileNumber::max)
}

/// A state while edits come.
#[derive(Default)]
struct Building {
    state: State,
    versions: BTreeMap<FamilyId, VersionBuilder>,
    /// No log below this one counts for any family.
    log_min: FileNumber,
}

impl Building {
    fn apply(&mut self, edit: &VersionEdit, manifest: FileNumber) -> Result<(), RecoveryError> {
        let state = &mut self.state;
        state.next_file = edit.next_file_number.map_or(state.next_file, |n| n.max(state.next_file));
        state.sequence = edit.last_sequence.map_or(state.sequence, |s| s.max(state.sequence));
        state.family_max =
            edit.family_max.map_or(state.family_max, |f| f.max(state.family_max)).max(edit.family);
        self.log_min = edit.min_log_number_to_keep.unwrap_or_default().max(self.log_min);
        if let Some(name) = &edit.family_add {
            state.families.insert(edit.family, Family { name: name.clone(), ..Family::default() });
        }
        if edit.family_drop {
            state.families.remove(&edit.family);
            self.versions.remove(&edit.family);
            return Ok(());
        }
        if edit.comparator.as_ref().is_some_and(|c| c != COMPARATOR) {
            let error = ReadError::Unsupported { file: manifest, what: Feature::Comparator };
            return Err(RecoveryError::Read { file: FileName::Manifest(manifest), error });
        }
        // RocksDB writes edits of a family that was dropped meanwhile; they mean nothing.
        let Some(family) = state.families.get_mut(&edit.family) else { return Ok(()) };
        family.log_number = edit.log_number.unwrap_or(family.log_number);
        let version =
            self.versions.entry(edit.family).or_insert_with(|| VersionBuilder::new(Version::default()));
        version.apply(edit).map_err(|error| RecoveryError::Version { manifest, error })?;
        state.epoch = edit.new_files.iter().map(|f| f.epoch_number).fold(state.epoch, u64::max);
        Ok(())
    }

    fn finish(mut self, manifest: FileNumber) -> Result<State, RecoveryError> {
        for (id, version) in self.versions {
            let version = version.finish().map_err(|error| RecoveryError::Version { manifest, error })?;
            if let Some(family) = self.state.families.get_mut(&id) {
                family.version = Arc::new(version);
            }
        }
        for family in self.state.families.values_mut() {
            family.log_number = family.log_number.max(self.log_min);
        }
        Ok(self.state)
    }
}

/// Why bytes of a log do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The file ends inside a record.
    Torn,
    /// A record is damaged.
    Damaged(dolmen_wal::Damage),
    /// A record is whole and no batch.
    Batch(ReadError),
    /// The log begins behind writes that are missing.
    Hole {
        /// The sequence number with which it should begin.
        expected: SequenceNumber,
        /// The one with which it does.
        found: SequenceNumber,
    },
    /// Something before this log is lost.
    Behind,
    /// Damaged parts between records that count.
    Skipped,
}

/// Bytes of a log that do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The log.
    pub log: FileNumber,
    /// Where they begin.
    pub at: u64,
    /// How many they are.
    pub len: u64,
    /// Why.
    pub cause: Cause,
}

/// How what is lost is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// What lies from here on goes to a file of the other name, and the log is cut. One of which nothing counts stays too, empty: until the new
    /// MANIFEST is in force, the old one needs it.
    Tail(u64),
    /// The whole file under its other name, once what counts of it is in tables.
    RenameLater,
    /// There is nothing to keep.
    Nothing,
}

impl Loss {
    /// The name under which what is lost is kept.
    pub fn kept_as(&self) -> String {
        alloc::format!("{}.lost", FileName::Log(self.log))
    }

    /// How to keep it, before anything new is written.
    pub fn keeps(&self) -> Keep {
        match self.cause {
            Cause::Skipped => Keep::RenameLater,
            _ if self.len == 0 => Keep::Nothing,
            _ => Keep::Tail(self.at),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = FileName::Log(self.log);
        match self.cause {
            Cause::Torn => {
                write!(f, "{log}: the last record, at offset {}, is torn: {} bytes cut", self.at, self.len)
            }
            Cause::Damaged(damage) => write!(
                f,
                "{log}: the record at offset {} is damaged ({damage}) and nothing behind it proves that it was synced: {} bytes cut",
                self.at, self.len
            ),
            Cause::Batch(error) => {
                write!(
                    f,
                    "{log}: the record at offset {} is no batch ({error}): {} bytes left out",
                    self.at, self.len
                )
            }
            Cause::Hole { expected, found } => write!(
                f,
                "{log}: it begins with sequence number {found}, the writes from {expected} on are missing: {} bytes left out",
                self.len
            ),
            Cause::Behind => write!(f, "{log}: it lies behind what is lost: {} bytes left out", self.len),
            Cause::Skipped => write!(f, "{log}: {} damaged bytes left out between its records", self.len),
        }
    }
}

/// What logs held and what of them does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Logs that were read.
    pub log_count: u64,
    /// Batches that count.
    pub batch_count: u64,
    /// What does not.
    pub losses: Vec<Loss>,
}

/// Takes what the logs hold. A closure keeps all of it in memory.
pub trait Take {
    /// Why something cannot be taken.
    type Error: From<RecoveryError>;

    /// Enters a batch into memtables, for those families that are wanted: the others have it in tables. How many bytes the memtables have grown
    /// by comes back.
    ///
    /// # Errors
    /// The caller's.
    fn enter(&mut self, batch: &BatchView<'_>, wanted: &dyn Fn(FamilyId) -> bool)
    -> Result<u64, Self::Error>;

    /// Makes durable tables of all that was entered, under numbers from `next_file` on, and empties the memtables.
    ///
    /// # Errors
    /// The caller's; the replay is over then, and all its tables can go.
    fn write(&mut self, next_file: &mut FileNumber) -> Result<Vec<(FamilyId, NewFile)>, Self::Error>;
}

impl<F, E> Take for F
where
    F: FnMut(&BatchView<'_>, &dyn Fn(FamilyId) -> bool) -> Result<(), E>,
    E: From<RecoveryError>,
{
    type Error = E;

    fn enter(&mut self, batch: &BatchView<'_>, wanted: &dyn Fn(FamilyId) -> bool) -> Result<u64, E> {
        self(batch, wanted).map(|()| 0)
    }

    fn write(&mut self, _: &mut FileNumber) -> Result<Vec<(FamilyId, NewFile)>, E> {
        Ok(Vec::new())
    }
}

/// The replay of all logs, in order.
pub struct Replay {
    mode: RecoveryMode,
    /// The last sequence number that was delivered, or is in tables.
    last: SequenceNumber,
    before: Option<FileNumber>,
    /// Whether something is lost, so that nothing behind it counts.
    stopped: bool,
    report: Report,
    memory: Memory,
}

/// What was entered, and what of it is in tables.
struct Memory {
    len: u64,
    len_max: u64,
    next_file: FileNumber,
    tables: Vec<(FamilyId, NewFile)>,
}

impl Memory {
    fn enter<T: Take>(
        &mut self,
        batch: &BatchView<'_>,
        wanted: &dyn Fn(FamilyId) -> bool,
        take: &mut T,
    ) -> Result<(), T::Error> {
        self.len += take.enter(batch, wanted)?;
        if self.len >= self.len_max { self.write(take) } else { Ok(()) }
    }

    fn write<T: Take>(&mut self, take: &mut T) -> Result<(), T::Error> {
        self.tables.extend(take.write(&mut self.next_file)?);
        self.len = 0;
        Ok(())
    }
}

/// One log under way.
struct OneLog<'a, T: Take> {
    number: FileNumber,
    state: &'a State,
    take: &'a mut T,
    memory: &'a mut Memory,
    last: SequenceNumber,
    batches: u64,
    is_first: bool,
    /// What it should begin with, and what it does.
    hole: Option<(SequenceNumber, SequenceNumber)>,
    /// What ends it before its end.
    stop: Option<(u64, Cause)>,
    skipped: bool,
    failed: Option<T::Error>,
}

impl Replay {
    /// Of the logs that `state` needs, all of it in memory.
    pub fn new(mode: RecoveryMode, state: &State) -> Self {
        Replay::within(u64::MAX, mode, state)
    }

    /// The same with tables made of what was entered whenever it takes so many bytes or more.
    pub fn within(len_max: u64, mode: RecoveryMode, state: &State) -> Self {
        let memory = Memory { len: 0, len_max, next_file: state.next_file, tables: Vec::new() };
        let report = Report::default();
        Replay { mode, last: state.sequence, before: None, stopped: false, report, memory }
    }

    /// The logs to read, in order.
    pub fn logs(state: &State, files: &[FileName]) -> Vec<FileNumber> {
        let needed = state.log_needed();
        let number = |file: &FileName| if let FileName::Log(n) = *file { Some(n) } else { None };
        let mut logs: Vec<_> = files.iter().filter_map(number).filter(|&n| n >= needed).collect();
        logs.sort_unstable();
        logs
    }

    /// Reads the next log piece by piece and enters what counts of it.
    ///
    /// # Errors
    /// Damage and holes that the mode does not go on behind, reads that fail, and what `take` says.
    pub fn log<T: Take>(
        &mut self,
        number: FileNumber,
        file: &dyn File,
        state: &State,
        take: &mut T,
    ) -> Result<(), T::Error> {
        let len = file.len().map_err(|error| io(number, error))?;
        self.report.log_count += 1;
        if self.stopped {
            return Ok(self.leave_out(number, file, len)?);
        }
        self.read(number, file, len, state, take)
    }

    /// The same of a log that is in memory.
    ///
    /// # Errors
    /// As [`Replay::log`].
    pub fn log_bytes<T: Take>(
        &mut self,
        number: FileNumber,
        bytes: &[u8],
        state: &State,
        take: &mut T,
    ) -> Result<(), T::Error> {
        self.log(number, &InMemory(bytes.into()), state, take)
    }

    /// A log behind a loss. That it can have been written at all must not prove that what is lost had been synced.
    fn leave_out(&mut self, number: FileNumber, file: &dyn File, len: u64) -> Result<(), RecoveryError> {
        let (first, proven) = survey(number, file)?;
        let Some(found) = first else { return Ok(()) };
        if proven && self.mode != RecoveryMode::PointInTime {
            return Err(self.hole(number, found));
        }
        self.report.losses.push(Loss { log: number, at: 0, len, cause: Cause::Behind });
        Ok(())
    }

    fn hole(&self, log: FileNumber, found: SequenceNumber) -> RecoveryError {
        RecoveryError::Hole { before: self.before, log, expected: self.last.next(), found }
    }

    fn read<T: Take>(
        &mut self,
        number: FileNumber,
        file: &dyn File,
        len: u64,
        state: &State,
        take: &mut T,
    ) -> Result<(), T::Error> {
        let mode = self.mode;
        let mut one = OneLog {
            number,
            state,
            take,
            memory: &mut self.memory,
            last: self.last,
            batches: 0,
            is_first: true,
            hole: None,
            stop: None,
            skipped: false,
            failed: None,
        };
        let found =
            recover_file_with(file, low(number), mode, &proves, &mut |at, record| one.take(at, record, mode));
        if let Some(error) = one.failed {
            return Err(error);
        }
        let (batches, last, stop, skipped, hole) = (one.batches, one.last, one.stop, one.skipped, one.hole);
        if let Some((expected, found)) = hole {
            let skips = mode == RecoveryMode::SkipAnyCorrupted;
            if !skips && mode != RecoveryMode::PointInTime && survey(number, file)?.1 {
                return Err(self.hole(number, found).into());
            }
            let (len, cause) = (if skips { 0 } else { len }, Cause::Hole { expected, found });
            self.report.losses.push(Loss { log: number, at: 0, len, cause });
            if !skips {
                self.stopped = true;
                return Ok(());
            }
        }
        let found = found.map_err(|error| match error {
            RecoverError::Read(error) => io(number, error),
            RecoverError::Log(error) => RecoveryError::Log { log: number, error },
        })?;
        self.report.batch_count += batches;
        (self.last, self.before) = (last, Some(number));
        let tail = match found.tail {
            WalTail::Whole => None,
            WalTail::Torn { at } => Some((at, Cause::Torn)),
            WalTail::Damaged { at, damage } | WalTail::Stopped { at, damage, .. } => {
                Some((at, Cause::Damaged(damage)))
            }
        };
        if let Some((at, cause)) = stop.or(tail) {
            self.report.losses.push(Loss { log: number, at, len: len.saturating_sub(at), cause });
            // A tail that is cut loses nothing that a later log would have to follow on; a record left out does.
            self.stopped = stop.is_some() || matches!(found.tail, WalTail::Stopped { .. });
        }
        if found.skipped_len > 0 || skipped {
            let len = found.skipped_len;
            self.report.losses.push(Loss { log: number, at: 0, len, cause: Cause::Skipped });
        }
        Ok(())
    }

    /// What was found. If tables were made, of the rest one is made, too: then `state` has all of them, and no log counts any more. Else all of
    /// it is in memory, and the logs count until it is written. `state` gets the last sequence number.
    ///
    /// # Errors
    /// As [`Replay::log`]; `state` is as it was.
    pub fn finish<T: Take>(mut self, state: &mut State, take: &mut T) -> Result<Report, T::Error> {
        if !self.memory.tables.is_empty() {
            self.memory.write(take)?;
        }
        let mut next = state.clone();
        next.add_level0(self.memory.tables)?;
        next.next_file = next.next_file.max(self.memory.next_file);
        next.sequence = next.sequence.max(self.last);
        *state = next;
        Ok(self.report)
    }
}

impl<T: Take> OneLog<'_, T> {
    fn take(&mut self, at: u64, record: &[u8], mode: RecoveryMode) {
        let skips = mode == RecoveryMode::SkipAnyCorrupted;
        if self.stop.is_some() || self.failed.is_some() || (self.hole.is_some() && !skips) {
            return;
        }
        let batch = match BatchView::parse(record) {
            Ok(batch) => batch,
            Err(error) => {
                let error = error.in_file(self.number, at);
                match mode {
                    RecoveryMode::PointInTime => self.stop = Some((at, Cause::Batch(error))),
                    RecoveryMode::SkipAnyCorrupted => self.skipped = true,
                    _ => {
                        let file = FileName::Log(self.number);
                        self.failed = Some(RecoveryError::Read { file, error }.into());
                    }
                }
                return;
            }
        };
        let is_first = core::mem::take(&mut self.is_first);
        if is_first && batch.sequence() > self.last.next() {
            self.hole = Some((self.last.next(), batch.sequence()));
            if !skips {
                return;
            }
        }
        let (state, number) = (self.state, self.number);
        // A family that the MANIFEST has counted and does not name was dropped.
        let mut families = batch.records().filter_map(|r| r.parts()).map(|(family, ..)| family);
        if let Some(family) = families.find(|&f| f > state.family_max)
            && !skips
        {
            self.failed = Some(RecoveryError::UnknownFamily { log: number, family }.into());
            return;
        }
        let wanted = |family: FamilyId| {
            let found = state.families.get(&family);
            found.is_some_and(|f| number >= f.log_number && batch.sequence() > f.in_tables)
        };
        if let Err(error) = self.memory.enter(&batch, &wanted, self.take) {
            self.failed = Some(error);
            return;
        }
        self.batches += 1;
        let end = batch.sequence().get() + u64::from(batch.count());
        self.last = self.last.max(SequenceNumber::new(end.saturating_sub(1)));
    }
}

/// Whether a record, by its first fragment, proves that the bytes at `at` had been synced before it was written.
fn proves(at: u64, fragment: &[u8]) -> bool {
    match SyncMark::of_batch(fragment) {
        Some(mark) => mark.synced_len > at,
        // Too short a piece to tell; a log of another writer says nothing of syncs.
        None => {
            fragment.len() >= crate::batch::HEADER_LEN + SyncMark::LEN || BatchView::parse(fragment).is_ok()
        }
    }
}

/// The sequence number with which a log begins, if it holds a batch, and whether one of them says that all logs before it had been synced;
/// a batch of another writer is taken to say so.
fn survey(number: FileNumber, file: &dyn File) -> Result<(Option<SequenceNumber>, bool), RecoveryError> {
    let (mut first, mut proven) = (None, false);
    let mode = RecoveryMode::SkipAnyCorrupted;
    let found = recover_file_with(file, low(number), mode, &|_, _| false, &mut |_, record| {
        if let Ok(batch) = BatchView::parse(record) {
            first = first.or(Some(batch.sequence()));
            proven |= batch.mark().is_none_or(|mark| mark.logs_before_synced);
        }
    });
    match found {
        Err(RecoverError::Read(error)) => Err(io(number, error)),
        // What cannot be read proves nothing.
        Ok(_) | Err(RecoverError::Log(_)) => Ok((first, proven)),
    }
}

/// The families to which a log writes, as far as it can be read.
///
/// # Errors
/// Reads that fail.
pub fn families_in(number: FileNumber, file: &dyn File) -> Result<BTreeSet<FamilyId>, RecoveryError> {
    let mut families = BTreeSet::new();
    let mode = RecoveryMode::SkipAnyCorrupted;
    let found = recover_file_with(file, low(number), mode, &|_, _| false, &mut |_, record| {
        if let Ok(batch) = BatchView::parse(record) {
            families.extend(batch.records().filter_map(|record| record.parts()).map(|(family, ..)| family));
        }
    });
    match found {
        Err(RecoverError::Read(error)) => Err(io(number, error)),
        Ok(_) | Err(RecoverError::Log(_)) => Ok(families),
    }
}

/// A log in memory, to be read only.
struct InMemory(Vec<u8>);

impl File for InMemory {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = self.0.get(start..).unwrap_or_default();
        let end = IoError::UnexpectedEnd { wanted: out.len() as u64, got: there.len() as u64 };
        out.copy_from_slice(there.get(..out.len()).ok_or(end)?);
        Ok(())
    }
    fn len(&self) -> Result<u64, IoError> {
        Ok(self.0.len() as u64)
    }
    fn append(&self, _: &[u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn write_all_at(&self, _: u64, _: &[u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn sync(&self) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn truncate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn preallocate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
}

/// The low half of a log's number, as recyclable records carry it.
const fn low(number: FileNumber) -> Option<u32> {
    Some(number.get() as u32)
}

fn io(log: FileNumber, error: IoError) -> RecoveryError {
    RecoveryError::Io { file: FileName::Log(log), error }
}
