//! The engine machine's wishes, carried out: jobs by whoever has time, changes in order under the lock of the MANIFEST.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use dolmen_base::io::{File, FileNumber, IoError, OpenMode};
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::engine::{Effect, Failure, Input, Job, RequestId};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::key::FamilyId;
use dolmen_lsm::manifest;
use dolmen_lsm::version::Version;

use crate::api::{Event, Family, StoreError, WriteError};
use crate::background::tell;
use crate::db::Inner;
use crate::open::{Fresh, write_current};
use crate::sync::mpsc::{Receiver, Sender, channel};
use crate::sync::{Condvar, Mutex};
use crate::view::{FamilyView, View};

/// The MANIFEST that is written.
pub(crate) struct ManifestFile {
    pub(crate) file: Arc<dyn File>,
    pub(crate) number: FileNumber,
    pub(crate) len: u64,
    /// What it began with.
    pub(crate) first_len: u64,
}

impl ManifestFile {
    /// Writes what a new one begins with.
    pub(crate) fn begin(&mut self, edits: &[VersionEdit]) -> Result<(), IoError> {
        self.log(edits)?;
        self.first_len = self.len;
        Ok(())
    }

    /// Appends edits, all of them in force or none: one is a record, several are an atomic group.
    pub(crate) fn log(&mut self, edits: &[VersionEdit]) -> Result<(), IoError> {
        let mut bytes = Vec::new();
        for edit in edits {
            manifest::append(edit, self.len + bytes.len() as u64, &mut bytes);
        }
        self.file.write_all_at(self.len, &bytes)?;
        self.file.sync()?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// Wakes the workers, and those who wait for them.
#[derive(Default)]
pub(crate) struct Signal {
    calls: Mutex<u64>,
    called: Condvar,
}

impl Signal {
    fn calls(&self) -> u64 {
        *self.calls.lock()
    }

    pub(crate) fn call(&self) {
        *self.calls.lock() += 1;
        self.called.notify_all();
    }

    /// Waits for a call after the first `seen` ones.
    fn wait(&self, seen: u64, at_most: Duration) {
        let mut calls = self.calls.lock();
        if *calls == seen {
            self.called.wait_for(&mut calls, at_most);
        }
    }
}

/// Who waits for an answer.
#[derive(Default)]
pub(crate) struct Requests {
    next: u64,
    waiting: BTreeMap<RequestId, Sender<Answer>>,
    /// Names of the families under way.
    names: BTreeMap<RequestId, Arc<str>>,
    /// Nobody works any more: whoever asks hears so at once.
    stopped: bool,
}

impl Requests {
    /// Answers all that wait: their receivers hear that nobody is there.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.waiting.clear();
        self.names.clear();
    }
}

enum Answer {
    Done(Result<(), Failure>),
    Created(Family),
}

impl Inner {
    fn request(&self, name: Option<Arc<str>>, input: impl FnOnce(RequestId) -> Input) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        let mut requests = self.requests.lock();
        if requests.stopped {
            return receiver;
        }
        requests.next += 1;
        let id = RequestId::new(requests.next);
        requests.waiting.insert(id, sender);
        requests.names.extend(name.map(|name| (id, name)));
        drop(requests);
        let (now, len) = (self.now(), self.active_len.load(Ordering::Relaxed));
        self.with_engine(|engine| {
            engine.handle(now, Input::Grown { len });
            engine.handle(now, input(id));
        });
        self.lead_if_nobody_does();
        self.pump();
        self.signal.call();
        if self.options.background_threads == 0 {
            self.maintain();
        }
        receiver
    }

    /// Asks the engine and waits.
    pub(crate) fn ask(&self, input: impl FnOnce(RequestId) -> Input) -> Result<(), StoreError> {
        if crate::leading::is_here(self) {
            return Err(StoreError::Write(WriteError::Reentrant));
        }
        self.wait(&self.request(None, input))
    }

    fn wait(&self, receiver: &Receiver<Answer>) -> Result<(), StoreError> {
        match receiver.recv() {
            Ok(Answer::Done(Err(failure))) => Err(self.store_error(failure)),
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Write(WriteError::Closed)),
        }
    }

    pub(crate) fn ask_for_family(&self, name: &str) -> Result<Family, StoreError> {
        if crate::leading::is_here(self) {
            return Err(StoreError::Write(WriteError::Reentrant));
        }
        let input = |request| Input::CreateFamily { request, name: name.to_owned() };
        match self.request(Some(name.into()), input).recv() {
            Ok(Answer::Created(family)) => Ok(family),
            Ok(Answer::Done(Err(failure))) => Err(self.store_error(failure)),
            _ => Err(StoreError::Write(WriteError::Closed)),
        }
    }

    fn store_error(&self, failure: Failure) -> StoreError {
        if let Some(error) = self.engine.lock().poisoned() {
            return StoreError::Write(WriteError::Poisoned(error));
        }
        let known = self.background.lock().behind(failure);
        known.unwrap_or_else(|| match failure {
            Failure::Io(error) => StoreError::Io { file: self.dir.display(), error },
            Failure::Stopped => StoreError::Write(WriteError::Closed),
            Failure::Damaged { .. } => StoreError::Invalid("a table is damaged; verify names it".into()),
        })
    }

    /// Carries out the engine's wishes that must keep their order. Then there may be jobs, and writers may go on. False if there was none.
    pub(crate) fn pump(&self) -> bool {
        let mut manifest = self.manifest.lock();
        let mut is_first = true;
        while let Some(effect) = self.with_engine(dolmen_lsm::engine::Engine::poll) {
            is_first = false;
            match effect {
                Effect::Log(edits) => {
                    let result = self.log_edits(&mut manifest, &edits);
                    if let Err(error) = result {
                        let file = FileName::Manifest(manifest.number).to_string();
                        let error = StoreError::Io { file, error };
                        tell(&self.options, &Event::BackgroundError(&error));
                        self.background.lock().manifest_failed(error);
                    }
                    let now = self.now();
                    self.with_engine(|engine| engine.handle(now, Input::Logged(result)));
                }
                Effect::Install { versions, flushed } => self.install(&versions, flushed),
                Effect::Retire { tables, logs } => self.retire(&tables, &logs),
                Effect::Created { request, family } => self.created(request, family),
                Effect::Dropped { family } => {
                    self.publish(|view| {
                        let mut next = View::clone(view);
                        next.families.remove(&family.get());
                        next
                    });
                }
                Effect::Answer { request, result } => self.answer_request(request, Answer::Done(result)),
            }
        }
        drop(manifest);
        if !is_first {
            // An old view keeps memtables and tables.
            let seen = self.commit.lock().seen.take();
            drop(seen);
            self.signal.call();
        }
        !is_first
    }

    /// A new view out of the present one.
    pub(crate) fn publish(&self, change: impl FnMut(&Arc<View>) -> View) {
        self.view.rcu(change);
        // Behind the view: who reads the number finds that view or a newer one.
        self.views.fetch_add(1, Ordering::Release);
    }

    /// Puts edits in force: in the present MANIFEST, or in a new one if that has grown long.
    fn log_edits(&self, manifest: &mut ManifestFile, edits: &[VersionEdit]) -> Result<(), IoError> {
        let is_long =
            manifest.len >= self.options.max_manifest_bytes.max(manifest.first_len.saturating_mul(4));
        if is_long {
            match self.begin_manifest(edits) {
                Ok(Some(next)) => {
                    let old = core::mem::replace(manifest, next);
                    // What cannot be deleted now is deleted at the next open.
                    let _ = self.dir.delete(&FileName::Manifest(old.number).to_string());
                    return Ok(());
                }
                // It is tried again when the present one has doubled.
                Ok(None) => manifest.first_len = manifest.len / 2,
                Err(error) => return Err(error),
            }
        }
        manifest.log(edits)
    }

    /// Begins a MANIFEST with everything that is in force, and these edits behind it, and names it in CURRENT. `None` if that cannot be done
    /// now: then nothing has changed. After an error nobody knows which of the two a crash leaves; both are right, the old one without the
    /// edits.
    fn begin_manifest(&self, edits: &[VersionEdit]) -> Result<Option<ManifestFile>, IoError> {
        let view = self.view.load();
        let name = |id: FamilyId| view.families.get(&id.get()).map(|f| f.family.name.to_string());
        let begun = self.with_engine(|engine| {
            let number = engine.take_file();
            engine.state(name).map(|state| (number, state))
        });
        let Some((number, state)) = begun else { return Ok(None) };
        let mut edits = edits.to_vec();
        edits.iter_mut().for_each(|edit| edit.next_file_number = Some(state.next_file));
        let mut fresh = Fresh { dir: &*self.dir, names: vec![FileName::Manifest(number).to_string()] };
        let written = self.dir.open(&fresh.names[0], OpenMode::CreateNew).and_then(|file| {
            let mut next = ManifestFile { file, number, len: 0, first_len: 0 };
            next.begin(&state.snapshot(None))?;
            next.log(&edits)?;
            Ok(next)
        });
        let Ok(next) = written else { return Ok(None) };
        let Ok(temp) = write_current(&*self.dir, number) else { return Ok(None) };
        fresh.names.push(temp.clone());
        if self.dir.sync().is_err() {
            return Ok(None);
        }
        fresh.names.clear();
        self.dir.rename(&temp, "CURRENT")?;
        self.dir.sync()?;
        Ok(Some(next))
    }

    fn install(&self, versions: &[(FamilyId, Arc<Version>)], flushed: Option<FileNumber>) {
        let fresh = std::mem::take(&mut *self.fresh.lock());
        self.publish(|view| {
            let mut next = View::clone(view);
            for family in next.families.values_mut() {
                let version = versions.iter().find(|(id, _)| *id == family.family.id).map(|(_, v)| v);
                let mut changed = FamilyView::clone(family);
                if let Some(log) = flushed {
                    changed.immutables.retain(|&(of, _)| of > log);
                }
                if let Some(version) = version {
                    let known = |n: &FileNumber| family.tables.get(n).or_else(|| fresh.get(n)).cloned();
                    let numbers = version.files().map(|f| f.number);
                    changed.tables = Arc::new(numbers.filter_map(|n| Some((n, known(&n)?))).collect());
                    changed.version = version.clone();
                }
                *family = Arc::new(changed);
            }
            next
        });
        // Of other families, whose change waits.
        let view = self.view.load();
        let is_named = |n: &FileNumber| view.families.values().any(|f| f.tables.contains_key(n));
        self.fresh.lock().extend(fresh.into_iter().filter(|(n, _)| !is_named(n)));
    }

    fn retire(&self, tables: &[FileNumber], logs: &[FileNumber]) {
        for number in tables {
            self.fresh.lock().remove(number);
            self.background.lock().forget(*number);
            self.source.retire(*number);
        }
        logs.iter().for_each(|&number| self.give_up_log(number));
    }

    fn created(&self, request: RequestId, id: FamilyId) {
        let Some(name) = self.requests.lock().names.remove(&request) else { return };
        let family = Family { id, name };
        self.publish(|view| {
            let mut next = View::clone(view);
            let options = self.options.guarded(&family.name);
            next.families.insert(id.get(), Arc::new(FamilyView::empty(family.clone(), options)));
            next
        });
        self.answer_request(request, Answer::Created(family));
    }

    fn answer_request(&self, request: RequestId, answer: Answer) {
        let mut requests = self.requests.lock();
        requests.names.remove(&request);
        if let Some(waiting) = requests.waiting.remove(&request) {
            // Who does not wait any more needs no answer.
            let _ = waiting.send(answer);
        }
    }

    /// Flushes on this thread what was replayed, and does nothing else.
    pub(crate) fn flush_replayed(&self) -> Result<(), StoreError> {
        let (now, len) = (self.now(), self.view.load().active_len());
        self.active_len.store(len, Ordering::Relaxed);
        self.with_engine(|engine| {
            engine.handle(now, Input::Grown { len });
            engine.handle(now, Input::Flush(RequestId::new(0)));
        });
        self.lead_if_nobody_does();
        self.pump();
        if let Some(job) = self.with_engine(dolmen_lsm::engine::Engine::poll_flush) {
            self.do_job(job);
        }
        let (failed, poisoned) = {
            let engine = self.engine.lock();
            (engine.failed(), engine.poisoned())
        };
        // A table that no MANIFEST names for sure replaces no log.
        match failed.or(poisoned.map(Failure::Io)) {
            Some(failure) => Err(self.store_error(failure)),
            None => Ok(()),
        }
    }

    /// Does the next piece of work; false if there is none, or it failed and is to be tried again later.
    pub(crate) fn work(&self) -> bool {
        let wants_rotation = {
            let now = self.now();
            self.with_engine(|engine| {
                engine.handle(now, Input::Tick);
                engine.wants_rotation()
            })
        };
        if wants_rotation {
            self.lead_if_nobody_does();
        }
        self.pump();
        let Some(job) = self.next_job() else {
            // Choosing may have moved a table.
            return self.pump();
        };
        self.do_job(job)
    }

    /// The next job, of tables that the view has: while the MANIFEST is locked the engine knows no version that is not installed.
    fn next_job(&self) -> Option<Job> {
        let _installed = self.manifest.lock();
        self.with_engine(dolmen_lsm::engine::Engine::poll_job)
    }

    fn do_job(&self, job: Job) -> bool {
        let (job, result) = self.run(job);
        let (is_ok, now) = (result.is_ok(), self.now());
        self.with_engine(|engine| engine.handle(now, Input::Done { job, result }));
        self.pump();
        is_ok
    }

    /// Works until nothing is left to do.
    pub(crate) fn maintain(&self) {
        while self.engine.lock().poisoned().is_none() && self.work() {}
    }

    /// What the leader does once it leads no more.
    pub(crate) fn after_commit(&self) {
        if !self.signs.has_work() || self.opening.load(Ordering::Acquire) {
            return;
        }
        match self.options.background_threads {
            0 => self.maintain(),
            _ => self.signal.call(),
        }
    }

    /// Waits until a flush or compaction has changed something.
    pub(crate) fn wait_for_background(&self) {
        if self.options.background_threads == 0 {
            return self.maintain();
        }
        let seen = self.signal.calls();
        let stall = self.engine.lock().stall();
        if stall == dolmen_lsm::engine::Stall::Stop {
            self.signal.wait(seen, Duration::from_millis(100));
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// A worker: does jobs while the database is open.
pub(crate) fn worker(inner: &Weak<Inner>, signal: &Signal) {
    loop {
        let seen = signal.calls();
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_stopping() {
            return;
        }
        if inner.work() {
            continue;
        }
        let due = inner.engine.lock().next_deadline().map(|at| at.since(inner.now()));
        drop(inner);
        signal.wait(seen, due.unwrap_or(Duration::from_secs(3600)).max(Duration::from_millis(1)));
    }
}
