//! Opening: CURRENT → MANIFEST → versions → logs, and the first writes of a new process.
//!
//! 1. CURRENT names the MANIFEST. Without it, tables or logs in the directory are an error; a directory with none of them is empty, even
//!    if a crash left the beginnings of a new database.
//! 2. The MANIFEST's edits give the families, their tables and the log number of each.
//! 3. Logs from the smallest log number on are replayed in order; each family takes what is in none of its tables.
//! 4. Unless opened for reading: a new MANIFEST with everything known so far, CURRENT switched to it by a rename, a new log, what was
//!    replayed flushed, files that nothing names deleted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arc_swap::ArcSwap;
use dolmen_base::io::{Directory, Entry, File, FileNumber, IoError, OpenMode, read_file};
use dolmen_base::time::Duration;
use dolmen_fs::Driver;
use dolmen_lsm::batch::BatchView;
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::engine::{self, Engine, Recovered};
use dolmen_lsm::error::{Feature, ReadError};
use dolmen_lsm::filename::{FileName, current_text, parse_current};
use dolmen_lsm::key::{FamilyId, SequenceNumber};
use dolmen_lsm::manifest::{self, Tail};
use dolmen_lsm::version::VersionBuilder;
use dolmen_wal::{RecoverError, RecoveryMode, Tail as WalTail, recover_file};

use crate::api::{Family, Options, StoreError, SyncPolicy};
use crate::commit::{Commit, Entering};
use crate::db::Inner;
use crate::maintenance::ManifestFile;
use crate::tables::Source;
use crate::view::{FamilyView, LEVELS, View};

const COMPARATOR: &str = "leveldb.BytewiseComparator";
/// Largest MANIFEST, log or CURRENT that is read into memory.
const META_LEN_MAX: u64 = 4 << 30;

/// One family as the MANIFEST has it.
struct FamilyState {
    name: String,
    log_number: FileNumber,
    version: VersionBuilder,
}

/// The database as the MANIFEST has it.
struct State {
    families: BTreeMap<u32, FamilyState>,
    next_file: FileNumber,
    sequence: u64,
    family_max: FamilyId,
    epoch: u64,
}

/// Opens a database in `dir`. With `read_only` nothing in the directory is changed, not even a lock is taken.
pub(crate) fn open(dir: Arc<dyn Directory>, options: Options, read_only: bool) -> Result<Inner, StoreError> {
    let at_dir = |error| StoreError::Io { file: dir.display(), error };
    let lock = if read_only {
        None
    } else {
        Some(dir.lock("LOCK").map_err(|error| match error {
            IoError::Locked => StoreError::Locked { dir: dir.display() },
            error => at_dir(error),
        })?)
    };
    let files = dir.list().map_err(at_dir)?;
    let mut state = read_state(&*dir, &files, options.create_if_missing && !read_only)?;
    let source = Arc::new(Source::new(dir.clone(), options.block_cache_bytes));
    let view = open_view(&state, &options, &source)?;
    let logs = replay(&*dir, &files, &mut state, &view, &options)?;
    let begun = match read_only {
        true => Begun::reading(),
        false => begin(&dir, &mut state, &view)?,
    };
    let recovered = Recovered {
        families: view.families.values().map(|f| (f.family.id, f.version.clone())).collect(),
        next_file: state.next_file,
        family_max: state.family_max,
        epoch: state.epoch,
        sequence: SequenceNumber::new(state.sequence),
        log: begun.log,
        old_logs: if begun.replayed { logs } else { Vec::new() },
    };
    let inner = Inner {
        driver: Driver::new(dir.clone()),
        codecs: options.codecs.clone(),
        source,
        view: ArcSwap::from_pointee(view),
        visible: state.sequence.into(),
        commit: Commit::new(options.sync, begun.log, begun.log_file, state.sequence).into(),
        turn: Default::default(),
        keeper: Default::default(),
        has_keeper: !read_only
            && (options.background_threads > 0 || matches!(options.sync, SyncPolicy::Interval(_))),
        active_len: Default::default(),
        signs: Default::default(),
        paid_until: Default::default(),
        engine: Engine::new(engine_options(&options), recovered).into(),
        manifest: begun.manifest.into(),
        requests: Default::default(),
        family_changes: Default::default(),
        signal: Default::default(),
        fresh: Default::default(),
        background: Default::default(),
        stopping: Default::default(),
        opening: true.into(),
        snapshots: Default::default(),
        counters: Default::default(),
        start: Instant::now(),
        read_only,
        lock: lock.into(),
        options,
        dir,
    };
    if !read_only {
        settle(&inner, &files, begun.replayed)?;
    }
    inner.opening.store(false, Ordering::Release);
    Ok(inner)
}

fn engine_options(options: &Options) -> engine::Options {
    let is_inline = options.background_threads == 0;
    engine::Options {
        write_buffer_len: options.write_buffer_bytes as u64,
        compaction: options.compaction,
        compacts: options.auto_compaction,
        level0_slowdown: options.level0_slowdown,
        level0_stop: options.level0_stop,
        compaction_count_max: options.background_threads.saturating_sub(1).max(1),
        // Without a thread of its own a failed job is tried again with the next write.
        retry_after: if is_inline { Duration::ZERO } else { Duration::from_secs(1) },
        ..engine::Options::default()
    }
}

/// What the first writes made.
struct Begun {
    manifest: ManifestFile,
    log: FileNumber,
    log_file: Arc<dyn File>,
    /// Whether there is something in the memtables.
    replayed: bool,
}

impl Begun {
    /// Nothing is written.
    fn reading() -> Self {
        let none = FileNumber::new(0);
        Begun {
            manifest: ManifestFile { file: Arc::new(NoFile), number: none, len: 0 },
            log: none,
            log_file: Arc::new(NoFile),
            replayed: false,
        }
    }
}

fn read_state(dir: &dyn Directory, files: &[Entry], create: bool) -> Result<State, StoreError> {
    let mut state = State {
        families: BTreeMap::new(),
        next_file: FileNumber::new(1),
        sequence: 0,
        family_max: FamilyId::new(0),
        epoch: 0,
    };
    let default = || FamilyState {
        name: "default".to_owned(),
        log_number: FileNumber::new(0),
        version: VersionBuilder::new(Default::default()),
    };
    state.families.insert(0, default());
    let current = match read_file(dir, "CURRENT", META_LEN_MAX) {
        Ok(text) => text,
        Err(IoError::NotFound) => {
            let is_data = |e: &&Entry| {
                matches!(
                    FileName::parse(&e.name),
                    Some(
                        FileName::Table(_) | FileName::LevelDbTable(_) | FileName::Log(_) | FileName::Blob(_)
                    )
                )
            };
            let orphans = files.iter().filter(is_data).count();
            if create && orphans == 0 {
                state.next_file = after_all(files, state.next_file);
                return Ok(state);
            }
            return Err(StoreError::NoDatabase { dir: dir.display(), orphans });
        }
        Err(error) => return Err(StoreError::Io { file: "CURRENT".into(), error }),
    };
    let number =
        parse_current(&current).map_err(|error| StoreError::Read { file: "CURRENT".into(), error })?;
    let file = FileName::Manifest(number).to_string();
    let read = |error| StoreError::Read { file: file.clone(), error };
    let bytes =
        read_file(dir, &file, META_LEN_MAX).map_err(|error| StoreError::Io { file: file.clone(), error })?;
    let found = manifest::read(&bytes, number).map_err(read)?;
    if found.edits.is_empty() {
        return Err(StoreError::Invalid(format!(
            "{file} holds no whole version edit; restore it, or CURRENT, from a backup"
        )));
    }
    // A group of edits takes effect as one; a crash can cut it off at the end.
    let (mut group, mut whole) = (Vec::new(), 0);
    for edit in &found.edits {
        group.push(edit);
        if edit.atomic_group_remaining.unwrap_or(0) == 0 {
            group.drain(..).try_for_each(|e| state.apply(e, &file))?;
            whole += 1;
        }
    }
    // The first group was synced before CURRENT named this file: no crash can have cut it.
    if whole == 0 {
        return Err(match found.tail {
            Tail::Damaged(error) => read(error),
            _ => StoreError::Invalid(format!(
                "{file} ends within its first group of version edits; restore it, or CURRENT, from a backup"
            )),
        });
    }
    if let Tail::Damaged(error) = found.tail
        && !has_log(files, state.log_needed())
    {
        return Err(read(error));
    }
    state.next_file = after_all(files, state.next_file);
    Ok(state)
}

/// Whether a log is there. An edit is in force before the logs that it makes superfluous are deleted: where the last edit of a MANIFEST is
/// unreadable and the log that the edits before it need is gone, that edit was in force, and what it named is not to be lost.
fn has_log(files: &[Entry], number: FileNumber) -> bool {
    files.iter().any(|e| FileName::parse(&e.name) == Some(FileName::Log(number)))
}

/// The first number behind all numbers in the directory: files that nothing names must not be taken for new ones.
fn after_all(files: &[Entry], next: FileNumber) -> FileNumber {
    let numbers = files.iter().filter_map(|e| FileName::parse(&e.name)?.number());
    numbers.map(FileNumber::next).fold(next, FileNumber::max)
}

impl State {
    fn take_number(&mut self) -> FileNumber {
        let number = self.next_file;
        self.next_file = number.next();
        number
    }

    /// The oldest log that a family needs.
    fn log_needed(&self) -> FileNumber {
        self.families.values().map(|f| f.log_number).min().unwrap_or_default()
    }

    fn apply(&mut self, edit: &VersionEdit, file: &str) -> Result<(), StoreError> {
        let invalid = |e: &dyn core::fmt::Display| StoreError::Invalid(format!("{file}: {e}"));
        self.next_file = edit.next_file_number.map_or(self.next_file, |n| n.max(self.next_file));
        self.sequence = edit.last_sequence.map_or(self.sequence, |s| s.get().max(self.sequence));
        self.family_max =
            edit.family_max.map_or(self.family_max, |f| f.max(self.family_max)).max(edit.family);
        let id = edit.family.get();
        if let Some(name) = &edit.family_add {
            let version = VersionBuilder::new(Default::default());
            self.families
                .insert(id, FamilyState { name: name.clone(), log_number: FileNumber::new(0), version });
        }
        if edit.family_drop {
            self.families.remove(&id);
            return Ok(());
        }
        if edit.comparator.as_ref().is_some_and(|c| c != COMPARATOR) {
            let error = ReadError::Unsupported { file: FileNumber::new(0), what: Feature::Comparator };
            return Err(StoreError::Read { file: file.to_owned(), error });
        }
        // RocksDB writes edits of a family that was dropped meanwhile; they mean nothing.
        let Some(family) = self.families.get_mut(&id) else { return Ok(()) };
        family.log_number = edit.log_number.unwrap_or(family.log_number);
        family.version.apply(edit).map_err(|e| invalid(&e))?;
        self.epoch = edit.new_files.iter().map(|f| f.epoch_number).fold(self.epoch, u64::max);
        Ok(())
    }
}

fn open_view(state: &State, options: &Options, source: &Arc<Source>) -> Result<View, StoreError> {
    let mut view = View::default();
    for (&id, family) in &state.families {
        let version = family.version.clone().finish().map_err(|e| StoreError::Invalid(e.to_string()))?;
        let mut tables = BTreeMap::new();
        for meta in (0..LEVELS).flat_map(|level| version.level(level)) {
            let table = source.open_table(meta.clone(), &options.codecs).map_err(|error| {
                StoreError::Read { file: FileName::Table(meta.number).to_string(), error }
            })?;
            tables.insert(meta.number, table);
        }
        let name: Arc<str> = family.name.as_str().into();
        let opened = FamilyView {
            version: Arc::new(version),
            tables: Arc::new(tables),
            ..FamilyView::empty(Family { id: FamilyId::new(id), name: name.clone() }, options.guarded(&name))
        };
        view.families.insert(id, Arc::new(opened));
    }
    Ok(view)
}

/// Replays the logs that any family needs, in order; the numbers of all logs come back.
fn replay(
    dir: &dyn Directory,
    files: &[Entry],
    state: &mut State,
    view: &View,
    options: &Options,
) -> Result<Vec<FileNumber>, StoreError> {
    let mut logs: Vec<_> = files
        .iter()
        .filter_map(|e| match FileName::parse(&e.name) {
            Some(FileName::Log(number)) => Some(number),
            _ => None,
        })
        .collect();
    logs.sort();
    let mode = options.recovery.unwrap_or(match options.sync {
        SyncPolicy::Always => RecoveryMode::TornTail,
        SyncPolicy::Interval(_) | SyncPolicy::Never => RecoveryMode::PointInTime,
    });
    let needed = state.log_needed();
    let mut replay = Replay { dir, mode, view, last: None, cut: None };
    for &number in logs.iter().filter(|&&n| n >= needed) {
        if !replay.log(number, state)? {
            break;
        }
    }
    Ok(logs)
}

/// The replay of several logs, in order.
struct Replay<'a> {
    dir: &'a dyn Directory,
    mode: RecoveryMode,
    view: &'a View,
    /// The last sequence number that was delivered.
    last: Option<u64>,
    /// The last log that did not end with a whole record.
    cut: Option<FileNumber>,
}

impl Replay<'_> {
    /// Enters what a log holds, reading it piece by piece. False if it and those behind it do not count: something before it is lost, and
    /// what is recovered shall be a point in time.
    fn log(&mut self, number: FileNumber, state: &mut State) -> Result<bool, StoreError> {
        let file = FileName::Log(number).to_string();
        let io = |error| StoreError::Io { file: file.clone(), error };
        let source = self.dir.open(&file, OpenMode::Read).map_err(io)?;
        let wanted =
            |family: FamilyId| state.families.get(&family.get()).is_some_and(|f| number >= f.log_number);
        let (mut last, mut failed, mut unknown, mut gap) = (self.last, None, None, false);
        let report = recover_file(&*source, Some(number.get() as u32), self.mode, &mut |at, record| {
            let batch = match BatchView::parse(record) {
                Ok(batch) => batch,
                Err(error) => return failed = failed.or(Some(error.in_file(number, at))),
            };
            let sequence = batch.sequence().get();
            gap |= at == 0 && self.cut.is_some() && self.last.is_none_or(|last| sequence != last + 1);
            if gap && self.mode != RecoveryMode::SkipAnyCorrupted {
                return;
            }
            // A family that the MANIFEST has counted and does not name was dropped.
            let mut families = batch.records().filter_map(|r| r.parts()).map(|(family, ..)| family);
            unknown = unknown.or_else(|| families.find(|&f| f > state.family_max));
            let mut entry = Entering::new(self.view, batch.sequence());
            batch.records().for_each(|record| entry.add(&record, wanted));
            last = Some((sequence + u64::from(batch.count())).saturating_sub(1));
        });
        if let Some(error) = failed {
            return Err(StoreError::Read { file, error });
        }
        if let Some(family) = unknown {
            return Err(StoreError::Invalid(format!(
                "{file} has writes to column family {family}, of which the MANIFEST knows nothing; restore the MANIFEST from a backup"
            )));
        }
        let report = report.map_err(|error| match error {
            RecoverError::Read(error) => io(error),
            RecoverError::Log(error) => StoreError::Log { file: file.clone(), error },
        })?;
        match self.mode {
            RecoveryMode::PointInTime if gap => return Ok(false),
            RecoveryMode::SkipAnyCorrupted => {}
            _ if gap => {
                let cut = FileName::Log(self.cut.unwrap_or_default());
                return Err(StoreError::Invalid(format!(
                    "the end of {cut} is damaged, and {file} has writes that are newer than what is lost; open with another recovery mode to go on without"
                )));
            }
            _ => {}
        }
        if report.tail != WalTail::Whole {
            self.cut = Some(number);
        }
        self.last = last;
        state.sequence = last.map_or(state.sequence, |last| last.max(state.sequence));
        Ok(true)
    }
}

/// The first writes: MANIFEST, CURRENT, log.
fn begin(dir: &Arc<dyn Directory>, state: &mut State, view: &View) -> Result<Begun, StoreError> {
    let io = |file: String| move |error| StoreError::Io { file, error };
    let number = state.take_number();
    let name = FileName::Manifest(number).to_string();
    let file = dir.open(&name, OpenMode::CreateNew).map_err(io(name.clone()))?;
    let mut manifest = ManifestFile { file, number, len: 0 };
    let log = state.take_number();
    let replayed = view.families.values().any(|f| !f.memtable.is_empty());
    let edits = snapshot_edits(state, view, (!replayed).then_some(log));
    manifest.log(&edits).map_err(io(name))?;
    let temp = FileName::Temp(number).to_string();
    // A temporary file of that name can only be left over.
    let _ = dir.delete(&temp);
    let current = dir.open(&temp, OpenMode::CreateNew).map_err(io(temp.clone()))?;
    current
        .append(current_text(number).as_bytes())
        .and_then(|()| current.sync())
        .map_err(io(temp.clone()))?;
    dir.sync().map_err(io(dir.display()))?;
    dir.rename(&temp, "CURRENT").map_err(io("CURRENT".into()))?;
    dir.sync().map_err(io(dir.display()))?;
    let name = FileName::Log(log).to_string();
    let log_file = dir.open(&name, OpenMode::CreateNew).map_err(io(name))?;
    dir.sync().map_err(io(dir.display()))?;
    Ok(Begun { manifest, log, log_file, replayed })
}

/// Flushes what was replayed, and deletes what nothing names.
fn settle(inner: &Inner, files: &[Entry], replayed: bool) -> Result<(), StoreError> {
    if replayed {
        inner.flush_replayed()?;
    }
    let (manifest, log) = (inner.manifest.lock().number, inner.engine.lock().log());
    delete_unnamed(inner, files, manifest, log);
    Ok(())
}

/// Everything known, as one atomic group of edits for a new MANIFEST. If logs were replayed, each family keeps needing those that it needed
/// (`log` is `None`), until its flush: not an older one, whose entries are in its tables, for a single deletion must meet its value once. A family is added by an edit of its own: RocksDB passes over the tables of an edit that adds one.
fn snapshot_edits(state: &State, view: &View, log: Option<FileNumber>) -> Vec<VersionEdit> {
    let mut edits = Vec::new();
    for family in view.families.values() {
        let base = VersionEdit {
            family: family.family.id,
            comparator: Some(COMPARATOR.to_owned()),
            log_number: Some(log.unwrap_or(state.families[&family.family.id.get()].log_number)),
            ..VersionEdit::default()
        };
        if family.family.id.get() != 0 {
            let name = family.family.name.to_string();
            edits.push(VersionEdit {
                family_add: Some(name),
                family_max: Some(state.family_max),
                ..base.clone()
            });
        }
        edits.push(VersionEdit {
            prev_log_number: (family.family.id.get() == 0).then_some(FileNumber::new(0)),
            next_file_number: Some(state.next_file),
            last_sequence: Some(SequenceNumber::new(state.sequence)),
            family_max: Some(state.family_max),
            new_files: (0..LEVELS)
                .flat_map(|level| family.version.level(level).iter().map(move |m| (level, m)))
                .map(|(level, m)| dolmen_lsm::edit::NewFile { level: level as u32, ..(**m).clone() })
                .collect(),
            ..base
        });
    }
    if edits.len() > 1 {
        edits.iter_mut().rev().zip(0..).for_each(|(edit, rest)| edit.atomic_group_remaining = Some(rest));
    }
    edits
}

/// Deletes logs, MANIFESTs, tables and temporary files that the new MANIFEST does not name. Files of other programs stay, and what
/// cannot be deleted now is tried again at the next open.
fn delete_unnamed(inner: &Inner, files: &[Entry], manifest: FileNumber, log: FileNumber) {
    let view = inner.view.load();
    for entry in files {
        let unnamed = match FileName::parse(&entry.name) {
            Some(FileName::Table(n) | FileName::LevelDbTable(n)) => {
                view.families.values().all(|f| !f.tables.contains_key(&n))
            }
            Some(FileName::Manifest(n)) => n != manifest,
            Some(FileName::Log(n)) => n < log,
            Some(FileName::Temp(_)) => true,
            _ => false,
        };
        if unnamed {
            let _ = inner.dir.delete(&entry.name);
        }
    }
}

/// Stands where a database that is open for reading has no file to write.
struct NoFile;

impl File for NoFile {
    fn read_exact_at(&self, _: u64, _: &mut [u8]) -> Result<(), IoError> {
        Err(IoError::Denied)
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
    fn len(&self) -> Result<u64, IoError> {
        Err(IoError::Denied)
    }
    fn truncate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
    fn preallocate(&self, _: u64) -> Result<(), IoError> {
        Err(IoError::Denied)
    }
}
