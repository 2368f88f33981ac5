//! Opening: CURRENT → MANIFEST → versions → logs, and the first writes of a new process. What all of it means is decided by
//! `dolmen_lsm::recovery`.
//!
//! 1. CURRENT names the MANIFEST. Without it, tables or logs in the directory are an error; a directory with none of them is empty, even
//!    if a crash left the beginnings of a new database.
//! 2. The MANIFEST gives the families, their tables and the logs that count, which are replayed in order: into memtables, and unless opened for
//!    reading into tables whenever those are full. A disk without room for tables leaves all of it in memory.
//! 3. Unless opened for reading: what does not count of the logs is kept aside; a new MANIFEST with everything known so far, CURRENT switched to
//!    it by a rename, a new log; what was replayed is flushed, and files that nothing names are deleted. An open that fails before CURRENT
//!    is switched leaves nothing behind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use dolmen_base::io::{Directory, Entry, File, FileNumber, IoError, OpenMode, read_file};
use dolmen_base::time::Duration;
use dolmen_blocks::BlockCache;
use dolmen_fs::Driver;
use dolmen_lsm::batch::BatchView;
use dolmen_lsm::engine::{self, Engine, Recovered};
use dolmen_lsm::filename::{FileName, current_text, parse_current};
use dolmen_lsm::key::FamilyId;
use dolmen_lsm::recovery::{self, Keep, Loss, RecoveryError, Replay, State, Take};

use crate::api::{Event, Family, Options, StoreError, SyncPolicy};
use crate::background::tell;
use crate::commit::{Commit, Entering};
use crate::db::Inner;
use crate::jobs::{Made, Maker, Tables};
use crate::maintenance::ManifestFile;
use crate::sync::Instant;
use crate::tables::{OpenTable, Source};
use crate::view::{FamilyView, LEVELS, View};

/// Largest MANIFEST or CURRENT that is read into memory.
pub(crate) const META_LEN_MAX: u64 = 4 << 30;

/// The lock of a directory.
pub(crate) type Lock = Box<dyn Send + Sync>;

/// Opens a database in `dir`. With `read_only` nothing in the directory is changed, not even a lock is taken.
pub(crate) fn open(dir: Arc<dyn Directory>, options: Options, read_only: bool) -> Result<Inner, StoreError> {
    let lock = if read_only { None } else { Some(take_lock(&*dir)?) };
    let files = list(&*dir)?;
    let state = read_state(&*dir, &files, options.create_if_missing && !read_only)?;
    open_state(dir, options, lock, files, state)
}

/// Takes the lock.
pub(crate) fn take_lock(dir: &dyn Directory) -> Result<Lock, StoreError> {
    dir.lock("LOCK").map_err(|error| match error {
        IoError::Locked => StoreError::Locked { dir: dir.display() },
        error => StoreError::Io { file: dir.display(), error },
    })
}

/// What the directory holds.
pub(crate) fn list(dir: &dyn Directory) -> Result<Vec<Entry>, StoreError> {
    dir.list().map_err(|error| StoreError::Io { file: dir.display(), error })
}

/// Opens a database of which the state is known; without the lock for reading.
pub(crate) fn open_state(
    dir: Arc<dyn Directory>,
    options: Options,
    lock: Option<Lock>,
    files: Vec<Entry>,
    mut state: State,
) -> Result<Inner, StoreError> {
    let read_only = lock.is_none();
    let own = || BlockCache::new(options.block_cache_bytes as u64);
    let cache = options.shared.as_ref().map_or_else(own, |shared| shared.cache.clone());
    let source = Arc::new(Source::new(dir.clone(), &cache, options.max_open_files));
    let (view, begun) = recover(&dir, &options, &source, &files, &mut state, read_only)?;
    let recovered = Recovered {
        families: view.families.values().map(|f| (f.family.id, f.version.clone())).collect(),
        next_file: state.next_file,
        family_max: state.family_max,
        epoch: state.epoch,
        sequence: state.sequence,
        log: begun.log,
        old_logs: if begun.replayed { begun.logs } else { Vec::new() },
    };
    let report = begun.report;
    report.losses.iter().for_each(|loss| tell(&options, &Event::Lost(loss)));
    let inner = Inner {
        driver: Driver::new(dir.clone()),
        codecs: options.codecs.clone(),
        source,
        view: ArcSwap::from_pointee(view),
        views: 0.into(),
        visible: state.sequence.get().into(),
        commit: Commit::new(options.sync, begun.log, begun.log_file, state.sequence.get()).into(),
        turn: Default::default(),
        keeper: Default::default(),
        has_keeper: !read_only
            && (options.background_threads > 0 || matches!(options.sync, SyncPolicy::Interval(_))),
        active_len: Default::default(),
        signs: Default::default(),
        pace: Default::default(),
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
        lost_files: lost_files(&files, &report),
        report,
        start: Instant::now(),
        read_only,
        lock: lock.into(),
        options,
        dir,
    };
    if !read_only {
        settle(&inner, &files, &state, begun.replayed)?;
    }
    inner.opening.store(false, Ordering::Release);
    Ok(inner)
}

/// The view of what tables and logs hold, and unless `read_only` the first writes.
fn recover(
    dir: &Arc<dyn Directory>,
    options: &Options,
    source: &Arc<Source>,
    files: &[Entry],
    state: &mut State,
    read_only: bool,
) -> Result<(View, Begun), StoreError> {
    let view = open_view(state, options, source)?;
    if read_only {
        // Who only reads makes no tables.
        let mut into = Replaying::new(&**dir, options, source, &view);
        let (_, report) = replay(files, state, &mut into, u64::MAX)?;
        return Ok((into.view, Begun::reading(report)));
    }
    let (mut known, makes_tables) = (None, Cell::new(false));
    let mut begin_within = |len_max| {
        let mut next = state.clone();
        let mut into = Replaying::new(&**dir, options, source, &view);
        let replayed = replay(files, &mut next, &mut into, len_max);
        makes_tables.set(into.next_file.get() != 0);
        // What cannot be deleted again keeps its number.
        state.next_file = into.next_file.max(next.next_file);
        let (logs, report) = replayed?;
        let report = known.get_or_insert(report).clone();
        let (view, made) = into.finish(&next);
        next.next_file = state.next_file;
        let begun = begin(dir, &mut next, &view, made, (logs, report));
        state.next_file = next.next_file;
        let begun = begun?;
        *state = next;
        Ok((view, begun))
    };
    match begin_within(options.write_buffer_bytes as u64) {
        // Nothing has changed. Without room for tables all of it goes into memory.
        Err(StoreError::Io { error: IoError::NoSpace, .. }) if makes_tables.get() => begin_within(u64::MAX),
        other => other,
    }
}

/// What is kept of earlier losses, and of those of this open.
fn lost_files(files: &[Entry], report: &recovery::Report) -> Vec<String> {
    let there = files.iter().map(|e| e.name.clone()).filter(|name| name.ends_with(".log.lost"));
    let new = report.losses.iter().filter(|loss| loss.keeps() != Keep::Nothing).map(Loss::kept_as);
    let mut all: Vec<String> = there.chain(new).collect();
    all.sort();
    all.dedup();
    all
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
    /// The logs that were replayed.
    logs: Vec<FileNumber>,
    report: recovery::Report,
}

impl Begun {
    /// Nothing is written.
    fn reading(report: recovery::Report) -> Self {
        let none = FileNumber::new(0);
        Begun {
            manifest: ManifestFile { file: Arc::new(NoFile), number: none, len: 0, first_len: 0 },
            log: none,
            log_file: Arc::new(NoFile),
            replayed: false,
            logs: Vec::new(),
            report,
        }
    }
}

pub(crate) fn names(files: &[Entry]) -> Vec<FileName> {
    files.iter().filter_map(|entry| FileName::parse(&entry.name)).collect()
}

fn read_state(dir: &dyn Directory, files: &[Entry], create: bool) -> Result<State, StoreError> {
    let names = names(files);
    let current = match read_file(dir, "CURRENT", META_LEN_MAX) {
        Ok(text) => text,
        Err(IoError::NotFound) => {
            // A log that holds nothing is what a crash leaves of a database that was never whole.
            let is_data = |entry: &&Entry| match FileName::parse(&entry.name) {
                Some(FileName::Table(_) | FileName::LevelDbTable(_) | FileName::Blob(_)) => true,
                Some(FileName::Log(_)) => entry.len > 0,
                _ => false,
            };
            let orphans = files.iter().filter(is_data).count();
            if create && orphans == 0 {
                let mut state = State::default();
                state.next_file = recovery::after_all(&names, state.next_file);
                return Ok(state);
            }
            return Err(StoreError::NoDatabase { dir: dir.display(), orphans });
        }
        Err(error) => return Err(StoreError::Io { file: "CURRENT".into(), error }),
    };
    let number =
        parse_current(&current).map_err(|error| StoreError::Read { file: "CURRENT".into(), error })?;
    let file = FileName::Manifest(number).to_string();
    let bytes = read_file(dir, &file, META_LEN_MAX).map_err(|error| StoreError::Io { file, error })?;
    State::read(&bytes, number, &names).map_err(StoreError::from)
}

impl From<RecoveryError> for StoreError {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::Read { file, error } => StoreError::Read { file: file.to_string(), error },
            RecoveryError::Log { log, error } => {
                StoreError::Log { file: FileName::Log(log).to_string(), error }
            }
            RecoveryError::Io { file, error } => StoreError::Io { file: file.to_string(), error },
            other => StoreError::Recovery(other),
        }
    }
}

fn open_view(state: &State, options: &Options, source: &Arc<Source>) -> Result<View, StoreError> {
    let mut view = View::default();
    for (&id, family) in &state.families {
        let mut tables = BTreeMap::new();
        for meta in (0..LEVELS).flat_map(|level| family.version.level(level)) {
            let table = source.open_table(meta.clone(), &options.codecs).map_err(|error| {
                StoreError::Read { file: FileName::Table(meta.number).to_string(), error }
            })?;
            tables.insert(meta.number, table);
        }
        let name: Arc<str> = family.name.as_str().into();
        let opened = FamilyView {
            version: family.version.clone(),
            tables: Arc::new(tables),
            ..FamilyView::empty(Family { id, name: name.clone() }, options.guarded(&name))
        };
        view.families.insert(id.get(), Arc::new(opened));
    }
    Ok(view)
}

/// Replays the logs that any family needs, in order; their numbers come back, and what of them does not count.
fn replay(
    files: &[Entry],
    state: &mut State,
    into: &mut Replaying<'_>,
    len_max: u64,
) -> Result<(Vec<FileNumber>, recovery::Report), StoreError> {
    let logs = Replay::logs(state, &names(files));
    let mut replay = Replay::within(len_max, into.options.recovery.unwrap_or_default(), state);
    for &number in &logs {
        let name = FileName::Log(number).to_string();
        let file =
            into.dir.open(&name, OpenMode::Read).map_err(|error| StoreError::Io { file: name, error })?;
        replay.log(number, &*file, state, into)?;
    }
    let report = replay.finish(state, into)?;
    Ok((logs, report))
}

/// Where logs are replayed to: the memtables of a view, and tables.
struct Replaying<'a> {
    dir: &'a dyn Directory,
    options: &'a Options,
    source: &'a Arc<Source>,
    view: View,
    made: Made<'a>,
    /// Behind all numbers that were taken.
    next_file: FileNumber,
}

impl<'a> Replaying<'a> {
    /// With memtables of its own.
    fn new(dir: &'a dyn Directory, options: &'a Options, source: &'a Arc<Source>, view: &View) -> Self {
        let mut view = view.clone();
        for family in view.families.values_mut() {
            Arc::make_mut(family).memtable = Arc::default();
        }
        Replaying { dir, options, source, view, made: Made::new(dir), next_file: FileNumber::new(0) }
    }

    /// The view with the tables that were made, which the families of `state` have; and the tables, as long as nothing names them.
    fn finish(self, state: &State) -> (View, Made<'a>) {
        let Replaying { mut view, made, .. } = self;
        for family in view.families.values_mut() {
            let Some(found) = state.families.get(&family.family.id) else { continue };
            let is_new =
                |t: &&Arc<OpenTable>| found.version.level(0).iter().any(|f| f.number == t.meta.number);
            let new: Vec<_> =
                made.opened().iter().filter(is_new).map(|t| (t.meta.number, t.clone())).collect();
            if !new.is_empty() {
                let family = Arc::make_mut(family);
                Arc::make_mut(&mut family.tables).extend(new);
                family.version = found.version.clone();
            }
        }
        (view, made)
    }
}

impl Take for Replaying<'_> {
    type Error = StoreError;

    fn enter(&mut self, batch: &BatchView<'_>, wanted: &dyn Fn(FamilyId) -> bool) -> Result<u64, StoreError> {
        let mut entering = Entering::new(&self.view, batch.sequence());
        batch.records().for_each(|record| entering.add(&record, wanted));
        Ok(entering.finish().1)
    }

    fn write(&mut self, next_file: &mut FileNumber) -> Result<Tables, StoreError> {
        let begun = Instant::now();
        let mut maker = Maker {
            dir: self.dir,
            options: self.options,
            source: self.source,
            snapshots: Vec::new(),
            take_file: &mut || {
                self.next_file = next_file.next();
                mem::replace(next_file, self.next_file)
            },
            is_stopping: &|| false,
        };
        for family in self.view.families.values_mut() {
            maker.flush(family, std::slice::from_ref(&family.memtable), &mut self.made)?;
            Arc::make_mut(family).memtable = Arc::default();
        }
        let tables = self.made.take_tables();
        let bytes = tables.iter().map(|(_, f)| f.len).sum();
        tell(self.options, &Event::Flushed { tables: tables.len(), bytes, took: begun.elapsed() });
        Ok(tables)
    }
}

/// Names that are new since something began; they go again if it fails.
pub(crate) struct Fresh<'a> {
    pub(crate) dir: &'a dyn Directory,
    pub(crate) names: Vec<String>,
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            // What stays is in nobody's way but for its space.
            let _ = self.dir.delete(name);
        }
    }
}

/// The first writes: what is lost aside, MANIFEST, CURRENT, log.
fn begin(
    dir: &Arc<dyn Directory>,
    state: &mut State,
    view: &View,
    made: Made<'_>,
    (logs, report): (Vec<FileNumber>, recovery::Report),
) -> Result<Begun, StoreError> {
    let io = |file: String| move |error| StoreError::Io { file, error };
    let mut fresh = Fresh { dir: &**dir, names: Vec::new() };
    let number = state.take_number();
    let name = FileName::Manifest(number).to_string();
    let file = dir.open(&name, OpenMode::CreateNew).map_err(io(name.clone()))?;
    fresh.names.push(name.clone());
    let mut manifest = ManifestFile { file, number, len: 0, first_len: 0 };
    let log = state.take_number();
    let replayed = view.families.values().any(|f| !f.memtable.is_empty());
    manifest.begin(&state.snapshot((!replayed).then_some(log))).map_err(io(name))?;
    let log_name = FileName::Log(log).to_string();
    let log_file = dir.open(&log_name, OpenMode::CreateNew).map_err(io(log_name.clone()))?;
    fresh.names.push(log_name);
    let temp = write_current(&**dir, number)?;
    fresh.names.push(temp.clone());
    // Before the first new write, or a later open could take up again what this one has left out.
    keep_losses(&**dir, &report.losses)?;
    dir.sync().map_err(io(dir.display()))?;
    dir.rename(&temp, "CURRENT").map_err(io("CURRENT".into()))?;
    fresh.names.clear();
    made.keep();
    dir.sync().map_err(io(dir.display()))?;
    Ok(Begun { manifest, log, log_file, replayed, logs, report })
}

/// Writes a CURRENT that names this MANIFEST, under the name of a temporary file, which comes back.
pub(crate) fn write_current(dir: &dyn Directory, manifest: FileNumber) -> Result<String, StoreError> {
    let temp = FileName::Temp(manifest).to_string();
    // A temporary file of that name can only be left over.
    let _ = dir.delete(&temp);
    let written = dir
        .open(&temp, OpenMode::CreateNew)
        .and_then(|file| file.append(current_text(manifest).as_bytes()).and_then(|()| file.sync()));
    match written {
        Ok(()) => Ok(temp),
        Err(error) => {
            let _ = dir.delete(&temp);
            Err(StoreError::Io { file: temp, error })
        }
    }
}

/// Puts aside what does not count of the logs, as long as there is room for it.
fn keep_losses(dir: &dyn Directory, losses: &[Loss]) -> Result<(), StoreError> {
    let io = |file: String| move |error| StoreError::Io { file, error };
    for loss in losses {
        let (log, kept) = (FileName::Log(loss.log).to_string(), loss.kept_as());
        match loss.keeps() {
            Keep::Tail(at) => {
                if copy_tail(dir, &log, at, &kept).is_err() {
                    // Without room for the copy the log stays as it is: what it holds is found again at the next open.
                    let _ = dir.delete(&kept);
                    continue;
                }
                let file = dir.open(&log, OpenMode::Write).map_err(io(log.clone()))?;
                file.truncate(at).and_then(|()| file.sync()).map_err(io(log))?;
            }
            Keep::RenameLater | Keep::Nothing => {}
        }
    }
    Ok(())
}

fn copy_tail(dir: &dyn Directory, from: &str, at: u64, to: &str) -> Result<(), IoError> {
    const PIECE: u64 = 1 << 20;
    let file = dir.open(from, OpenMode::Read)?;
    let (mut at, end) = (at, file.len()?);
    let copy = match dir.open(to, OpenMode::CreateNew) {
        // An earlier open has kept it and came no further.
        Err(IoError::AlreadyExists) => {
            dir.delete(to)?;
            dir.open(to, OpenMode::CreateNew)?
        }
        other => other?,
    };
    while at < end {
        let mut piece = vec![0; PIECE.min(end - at) as usize];
        file.read_exact_at(at, &mut piece)?;
        copy.append(&piece)?;
        at += piece.len() as u64;
    }
    copy.sync()?;
    dir.sync()
}

/// Flushes what was replayed, and deletes what nothing names. Without room for tables the logs stay, the reason is a background error, and the
/// database is open all the same: for reads, and for deletions that make room.
fn settle(inner: &Inner, files: &[Entry], state: &State, replayed: bool) -> Result<(), StoreError> {
    let is_flushed = match if replayed { inner.flush_replayed() } else { Ok(()) } {
        Ok(()) => true,
        Err(StoreError::Io { error: IoError::NoSpace, .. }) => false,
        Err(error) => return Err(error),
    };
    let manifest = inner.manifest.lock().number;
    let log_needed = if is_flushed { inner.engine.lock().log() } else { state.log_needed() };
    for entry in files {
        let Some(file) = FileName::parse(&entry.name) else { continue };
        if !state.is_left_over(file, manifest, log_needed) {
            continue;
        }
        match file {
            FileName::Log(number) => inner.give_up_log(number),
            // What cannot be deleted now is tried again at the next open.
            _ => drop(inner.dir.delete(&entry.name)),
        }
    }
    Ok(())
}

impl Inner {
    /// A log is needed no more. One of which something was left out is kept under its other name.
    pub(crate) fn give_up_log(&self, number: FileNumber) {
        let name = FileName::Log(number).to_string();
        let lost = self.report.losses.iter().find(|loss| loss.log == number);
        let keeps = lost.filter(|loss| match loss.keeps() {
            Keep::RenameLater => true,
            // It was cut, unless there was no room for the copy.
            Keep::Tail(at) => {
                let len = self.dir.open(&name, OpenMode::Read).and_then(|file| file.len());
                len.is_ok_and(|len| len > at)
            }
            _ => false,
        });
        self.driver.forget(&name);
        // A log that stays is replayed over tables that hold it already, which changes nothing; the next open deletes it.
        let _ = match keeps {
            Some(loss) => self.dir.rename(&name, &loss.kept_as()),
            None => self.dir.delete(&name),
        };
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
