//! The engine machine's wishes, carried out: jobs by whoever has time, changes in order under the lock of the MANIFEST.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use dolmen_base::io::{EffectId, File, FileEffect, FileNumber, FileOp, IoError};
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::engine::{Effect, Failure, Input, RequestId};
use dolmen_lsm::filename::FileName;
use dolmen_lsm::key::FamilyId;
use dolmen_lsm::manifest;
use dolmen_lsm::version::Version;
use dolmen_wal::LogName;
use parking_lot::{Condvar, Mutex};

use crate::api::{Family, StoreError, WriteError};
use crate::db::Inner;
use crate::view::{FamilyView, View};

/// The MANIFEST that is written.
pub(crate) struct ManifestFile {
    pub(crate) file: Arc<dyn File>,
    pub(crate) number: FileNumber,
    pub(crate) len: u64,
}

impl ManifestFile {
    /// Appends edits, each with a sync of its own.
    fn log(&mut self, edits: &[VersionEdit]) -> Result<(), IoError> {
        edits.chunks(1).try_for_each(|edit| self.log_at_once(edit))
    }

    /// The same with one sync for all; for a MANIFEST that CURRENT does not name yet.
    pub(crate) fn log_at_once(&mut self, edits: &[VersionEdit]) -> Result<(), IoError> {
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
}

enum Answer {
    Done(Result<(), Failure>),
    Created(Family),
}

impl Inner {
    fn request(&self, name: Option<Arc<str>>, input: impl FnOnce(RequestId) -> Input) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        let mut requests = self.requests.lock();
        requests.next += 1;
        let id = RequestId::new(requests.next);
        requests.waiting.insert(id, sender);
        requests.names.extend(name.map(|name| (id, name)));
        drop(requests);
        self.engine.lock().handle(self.now(), input(id));
        self.lead_if_nobody_does();
        self.pump();
        if self.options.background_threads == 0 {
            self.maintain();
        }
        receiver
    }

    /// Asks the engine and waits.
    pub(crate) fn ask(&self, input: impl FnOnce(RequestId) -> Input) -> Result<(), StoreError> {
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
        match (self.background_error.lock().clone(), failure) {
            (Some(error), _) => error,
            (None, Failure::Io(error)) => StoreError::Io { file: self.dir.display(), error },
            (None, _) => StoreError::Write(WriteError::Closed),
        }
    }

    /// Carries out the engine's wishes that must keep their order. Then there may be jobs, and writers may go on. False if there was none.
    pub(crate) fn pump(&self) -> bool {
        let mut manifest = self.manifest.lock();
        let mut is_first = true;
        loop {
            let Some(effect) = self.engine.lock().poll() else { break };
            is_first = false;
            match effect {
                Effect::Log(edits) => {
                    let result = manifest.log(&edits);
                    if let Err(error) = result {
                        let file = FileName::Manifest(manifest.number).to_string();
                        *self.background_error.lock() = Some(StoreError::Io { file, error });
                    }
                    self.engine.lock().handle(self.now(), Input::Logged(result));
                }
                Effect::Install { versions, flushed } => self.install(&versions, flushed),
                Effect::Retire { tables, logs } => self.retire(&tables, &logs),
                Effect::Created { request, family } => self.created(request, family),
                Effect::Dropped { family } => {
                    self.view.rcu(|view| {
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
            self.signal.call();
        }
        !is_first
    }

    fn install(&self, versions: &[(FamilyId, Arc<Version>)], flushed: Option<FileNumber>) {
        let fresh = std::mem::take(&mut *self.fresh.lock());
        self.view.rcu(|view| {
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
            self.source.retire(*number);
        }
        for &number in logs {
            // A log that stays is replayed over tables that hold it already, which changes nothing; the next open deletes it.
            let op = FileOp::Delete { name: LogName::live(number) };
            self.driver.run(&FileEffect { id: EffectId::new(0), op }, &[]);
        }
    }

    fn created(&self, request: RequestId, id: FamilyId) {
        let Some(name) = self.requests.lock().names.remove(&request) else { return };
        let family = Family { id, name };
        self.view.rcu(|view| {
            let mut next = View::clone(view);
            let options = self.options.of_family(&family.name);
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

    /// Flushes on this thread.
    pub(crate) fn flush_now(&self) -> Result<(), StoreError> {
        let receiver = self.request(None, Input::Flush);
        self.maintain();
        self.wait(&receiver)
    }

    /// Does the next piece of work; false if there is none, or it failed and is to be tried again later.
    pub(crate) fn work(&self) -> bool {
        let wants_rotation = {
            let mut engine = self.engine.lock();
            engine.handle(self.now(), Input::Tick);
            engine.wants_rotation()
        };
        if wants_rotation {
            self.lead_if_nobody_does();
        }
        self.pump();
        let Some(job) = self.engine.lock().poll_job() else {
            // Choosing may have moved a table.
            return self.pump();
        };
        let (job, result) = self.run(job);
        let is_ok = result.is_ok();
        self.engine.lock().handle(self.now(), Input::Done { job, result });
        self.pump();
        is_ok
    }

    /// Works until nothing is left to do.
    pub(crate) fn maintain(&self) {
        while self.engine.lock().poisoned().is_none() && self.work() {}
    }

    /// What the leader does once it leads no more.
    pub(crate) fn after_commit(&self) {
        if !self.engine.lock().has_work() {
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

/// Syncs what nobody waits for, in time.
pub(crate) fn timekeeper(inner: &Weak<Inner>, signal: &Signal, interval: Duration) {
    loop {
        let seen = signal.calls();
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_stopping() {
            return;
        }
        inner.tick();
        let due = inner.commit.lock().next_deadline().map_or(interval, |at| at.since(inner.now()));
        drop(inner);
        signal.wait(seen, due.clamp(Duration::from_millis(1), interval.max(Duration::from_millis(1))));
    }
}
