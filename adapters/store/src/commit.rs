//! The write side: leader and followers around the group-commit machine of `dolmen_wal::commit`.
//!
//! The first writer that finds no leader leads: it carries out the machine's wishes (one write and one sync for all that has queued up),
//! without the lock while the system works, enters what was written into the memtables, publishes the sequence number and answers. Whoever
//! comes meanwhile queues for the next group; a leader whose own write has come to its end hands the lead to the next who waits. Only the
//! leader touches the active memtables. Readers never take the lock.
//!
//! Alone, a write takes no queue: its batch stays where it is, its frames are made from the batch's own bytes, and its answer is the call's.
//! Syncs that nobody waits for, and writes that were submitted by who must not wait, are the keeper's, a thread of the log.
//!
//! Every write is answered once: an answer that was not given when its holder goes is given then.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dolmen_base::Time;
use dolmen_base::io::{BufferId, EffectId, File, FileDone, FileEffect, FileNumber, FileOp, IoError};
use dolmen_lsm::batch::{self, Families, Record, SyncMark, WriteBatch};
use dolmen_lsm::engine;
use dolmen_lsm::filename::FileName;
use dolmen_lsm::key::{FamilyId, SEQUENCE_MAX, SequenceNumber};
use dolmen_lsm::limits::{BATCH_LEN_MAX, KEY_LEN_MAX, VALUE_LEN_MAX};
use dolmen_lsm::memtable;
use dolmen_wal::commit::{self, CommitError, Effect, Input, Policy, Refused, Rotation, Submission, Write};
use dolmen_wal::{LogName, record};

use crate::api::{Completion, SyncPolicy, WriteError, WriteOptions};
use crate::db::Inner;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::view::View;

/// Payload bytes after which a group takes no further batch, so that the first writers of a burst do not wait for all of it.
const GROUP_LEN_MAX: u64 = 4 << 20;
/// Most zeros that are written ahead of the log's end.
const FILL_LEN_MAX: u64 = 1 << 20;
/// Writes that may wait.
const QUEUE_LEN_MAX: usize = 1 << 20;
/// A buffer that has grown beyond this is given back.
const BUFFER_KEPT_MAX: usize = 1 << 20;

/// How a write ended.
pub(crate) type Outcome = Result<SequenceNumber, WriteError>;

/// A batch of the caller's.
pub(crate) enum Batch<'a> {
    Owned(WriteBatch),
    Borrowed(&'a WriteBatch),
}

impl Batch<'_> {
    fn get(&self) -> &WriteBatch {
        match self {
            Batch::Owned(batch) => batch,
            Batch::Borrowed(batch) => batch,
        }
    }

    fn into_owned(self) -> WriteBatch {
        match self {
            Batch::Owned(batch) => batch,
            Batch::Borrowed(batch) => batch.clone(),
        }
    }
}

/// Where a thread waits for its write.
#[derive(Default)]
struct Slot {
    state: Mutex<SlotState>,
    changed: Condvar,
}

#[derive(Default)]
struct SlotState {
    outcome: Option<Outcome>,
    /// The lead is its own now.
    leads: bool,
}

impl Slot {
    fn is_answered(&self) -> bool {
        self.state.lock().outcome.is_some()
    }
}

enum Answer {
    Call(Completion),
    Slot(Arc<Slot>),
}

/// Who hears of a write's end: once, at the latest when this goes.
struct Done(Option<Answer>);

impl Done {
    fn answer(&mut self, outcome: Outcome) {
        match self.0.take() {
            // A callback that panics has said why; the write is done all the same.
            Some(Answer::Call(done)) => drop(catch_unwind(AssertUnwindSafe(|| done(outcome)))),
            Some(Answer::Slot(slot)) => {
                slot.state.lock().outcome = Some(outcome);
                slot.changed.notify_one();
            }
            None => {}
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.answer(Err(WriteError::Panicked));
    }
}

/// A write, or a wish for a sync, that waits for its group.
struct Pending {
    batch: Option<WriteBatch>,
    done: Done,
}

/// A write of the present group.
struct Member {
    buffer: BufferId,
    /// `None`: the leader's own, which lies on its stack, or a witness.
    pending: Option<Pending>,
    result: Option<Result<(), CommitError>>,
}

/// The leader's own write.
struct Own<'a> {
    buffer: BufferId,
    batch: &'a WriteBatch,
    outcome: Option<Outcome>,
    /// The families as they are since nobody leads but its writer, until it changes the log.
    seen: Option<Seen>,
}

/// Until when somebody leads.
enum Until<'a> {
    /// Its own write is done.
    Own(Own<'a>),
    /// The write that it waits for is done.
    Slot(Arc<Slot>),
    /// There is nothing more to do.
    Idle,
    /// There is nothing more to do that does not wait for the disk.
    Quick,
}

impl<'a> Until<'a> {
    fn own(&self) -> Option<&Own<'a>> {
        if let Until::Own(own) = self { Some(own) } else { None }
    }

    fn is_over(&self) -> bool {
        match self {
            Until::Own(own) => own.outcome.is_some(),
            Until::Slot(slot) => slot.is_answered(),
            Until::Idle | Until::Quick => false,
        }
    }
}

/// A sync that nobody waits for.
struct Deferred {
    id: EffectId,
    file: Arc<dyn File>,
}

/// What is behind the lock of the write side.
pub(crate) struct Commit {
    machine: commit::Commit,
    /// By buffer, from `first` on; what has come to its end is `None`.
    pending: VecDeque<Option<Pending>>,
    first: BufferId,
    next_buffer: BufferId,
    led: bool,
    /// The keeper sleeps no longer than until the next sync by the clock is due.
    is_deadline_watched: bool,
    /// A wish that the next leader carries out first.
    handed: Option<Effect>,
    deferred: VecDeque<Deferred>,
    /// The present group, and room for the next.
    group: Vec<Member>,
    /// Whether the group was entered already.
    entered: bool,
    frames: Vec<u8>,
    /// Out while its leader writes to it.
    log: Option<Arc<dyn File>>,
    log_number: FileNumber,
    /// The last sequence number that was entered.
    sequence: u64,
    /// Why the last group failed, if it did.
    pub(crate) failed: Option<WriteError>,
    pub(crate) closed: bool,
    /// A leader panicked: what is in the log and what in the memtables may differ.
    broken: bool,
    /// The view as the last leader saw it, so that the next one need not ask: out while somebody leads, gone as soon as there is a newer.
    pub(crate) seen: Option<Seen>,
}

/// A view and which one it is.
pub(crate) struct Seen {
    number: u64,
    view: Arc<View>,
}

impl Commit {
    pub(crate) fn new(policy: SyncPolicy, log: FileNumber, file: Arc<dyn File>, sequence: u64) -> Self {
        let options = commit::Options {
            policy: match policy {
                SyncPolicy::Always => Policy::Always,
                SyncPolicy::Interval(interval) => Policy::Interval(interval),
                SyncPolicy::Never => Policy::Never,
            },
            queue_len_max: QUEUE_LEN_MAX,
            group_len_max: GROUP_LEN_MAX,
            record_len_max: BATCH_LEN_MAX as u64,
            joined_header_len: Some(HEAD_LEN as u64),
            rotate_syncs_later: true,
            fill_len_max: FILL_LEN_MAX,
            ..commit::Options::default()
        };
        Commit {
            machine: commit::Commit::new(options, log, 0),
            pending: VecDeque::new(),
            first: BufferId::new(0),
            next_buffer: BufferId::new(0),
            led: false,
            is_deadline_watched: false,
            handed: None,
            deferred: VecDeque::new(),
            group: Vec::new(),
            entered: false,
            frames: Vec::new(),
            log: Some(file),
            log_number: log,
            sequence,
            failed: None,
            closed: false,
            broken: false,
            seen: None,
        }
    }

    /// Why nothing is written any more.
    pub(crate) fn poisoned(&self) -> Option<WriteError> {
        let broken = self.broken.then_some(WriteError::Panicked);
        self.machine.poisoned().map(WriteError::Poisoned).or(broken)
    }

    /// Whether everything that was written is synced, or nothing can be any more.
    pub(crate) fn is_synced(&self) -> bool {
        self.poisoned().is_some() || self.machine.is_synced()
    }

    /// Bytes of the present log.
    pub(crate) fn log_len(&self) -> u64 {
        self.machine.len()
    }

    /// Why nothing is written now, if so.
    pub(crate) fn write_error(&self) -> Option<WriteError> {
        self.poisoned().or_else(|| self.failed.clone())
    }

    /// When [`Inner::tick`] is due.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.machine.next_deadline()
    }

    /// Whether there is something to lead.
    fn has_work(&self) -> bool {
        self.handed.is_some() || !self.machine.is_idle()
    }

    fn take_buffer(&mut self) -> BufferId {
        let buffer = self.next_buffer;
        self.next_buffer = buffer.next();
        self.pending.push_back(None);
        buffer
    }

    fn hold(&mut self, buffer: BufferId, pending: Pending) {
        if let Some(at) = self.place(buffer) {
            self.pending[at] = Some(pending);
        }
    }

    fn place(&self, buffer: BufferId) -> Option<usize> {
        let at = usize::try_from(buffer.get().checked_sub(self.first.get())?).ok()?;
        (at < self.pending.len()).then_some(at)
    }

    fn release(&mut self, buffer: BufferId) -> Option<Pending> {
        let at = self.place(buffer)?;
        self.pending[at].take()
    }

    /// Forgets the places of buffers before `buffer` that have come to their end.
    fn forget_before(&mut self, end: BufferId) {
        while self.first < end && self.pending.front().is_some_and(Option::is_none) {
            self.pending.pop_front();
            self.first = self.first.next();
        }
    }

    /// The present group's frames, made from its members' own bytes.
    fn frame(&mut self, write: &Write, own: Option<&Own<'_>>) {
        let machine = &self.machine;
        for buffer in machine.group() {
            let at = buffer.get().checked_sub(self.first.get()).and_then(|at| usize::try_from(at).ok());
            let mut member = Member { buffer, pending: None, result: None };
            // Most often there is none, and nothing of its size is to be moved.
            if let Some(pending) = at.and_then(|at| self.pending.get_mut(at)).filter(|p| p.is_some()) {
                member.pending = pending.take();
            }
            self.group.push(member);
        }
        let mark = SyncMark {
            synced_len: self.machine.synced_len(),
            logs_before_synced: self.machine.logs_before_synced(),
        };
        let count = self.group.iter().filter_map(|m| m.batch(own)).map(WriteBatch::count).sum();
        let mut head = [0; HEAD_LEN];
        let sequence = SequenceNumber::new(self.sequence + 1);
        head[..batch::HEADER_LEN].copy_from_slice(&batch::header(sequence, count));
        head[batch::HEADER_LEN..].copy_from_slice(&mark.encode());
        let mut frames = core::mem::take(&mut self.frames);
        frames.clear();
        let framing = self.machine.framing(write.name.number);
        if let [only] = self.group.as_slice() {
            let body = only.batch(own).map_or(&[][..], WriteBatch::body);
            record::append_parts(&[&head, body], write.offset, framing, &mut frames);
        } else {
            let bodies = self.group.iter().filter_map(|m| m.batch(own)).map(WriteBatch::body);
            let parts: Vec<&[u8]> = core::iter::once(&head[..]).chain(bodies).collect();
            record::append_parts(&parts, write.offset, framing, &mut frames);
        }
        self.frames = frames;
        debug_assert_eq!(self.frames.len() as u64, write.len);
    }
}

impl Member {
    fn batch<'a>(&'a self, own: Option<&Own<'a>>) -> Option<&'a WriteBatch> {
        match &self.pending {
            Some(pending) => pending.batch.as_ref(),
            None => own.filter(|own| own.buffer == self.buffer).map(|own| own.batch),
        }
    }
}

impl Inner {
    /// Writes on this thread and waits for the end.
    pub(crate) fn write(&self, batch: Batch<'_>, options: WriteOptions) -> Outcome {
        if crate::leading::is_here(self) {
            return Err(WriteError::Reentrant);
        }
        self.admit(batch.get())?;
        if !self.is_free() {
            families_exist(&self.view.load(), batch.get())?;
            self.wait_for_room(batch.get())?;
        }
        let waits = self.waits_for_sync(options);
        if batch.get().is_empty() && !waits {
            return Ok(self.newest());
        }
        let mut c = self.commit.lock();
        let mut seen = self.see(&mut c);
        families_exist(&seen.view, batch.get())?;
        let buffer = match self.queue_now(&mut c, batch.get(), options) {
            Err(WriteError::QueueFull) => {
                let buffer = self.queue(&mut c, batch.get(), options)?;
                seen = self.see(&mut c);
                buffer
            }
            queued => queued?,
        };
        if c.led {
            drop(seen);
            let slot = Arc::new(Slot::default());
            let batch = (!batch.get().is_empty()).then(|| batch.into_owned());
            c.hold(buffer, Pending { batch, done: Done(Some(Answer::Slot(slot.clone()))) });
            drop(c);
            return self.wait_for_outcome(slot);
        }
        c.led = true;
        let mut until = Until::Own(Own { buffer, batch: batch.get(), outcome: None, seen: Some(seen) });
        self.lead(c, &mut until);
        match until {
            Until::Own(Own { outcome: Some(outcome), .. }) => outcome,
            _ => Err(WriteError::Panicked),
        }
    }

    fn wait_for_outcome(&self, slot: Arc<Slot>) -> Outcome {
        let mut state = slot.state.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return outcome;
            }
            if core::mem::take(&mut state.leads) {
                drop(state);
                self.lead(self.commit.lock(), &mut Until::Slot(slot.clone()));
                state = slot.state.lock();
                continue;
            }
            slot.changed.wait(&mut state);
        }
    }

    /// Writes without waiting for anything; `done` hears of the end.
    pub(crate) fn submit(&self, batch: WriteBatch, options: WriteOptions, done: Completion) {
        let mut done = Done(Some(Answer::Call(done)));
        let admitted = self.admit(&batch).and_then(|()| families_exist(&self.view.load(), &batch));
        let has_room = match admitted.and_then(|()| self.has_room(&batch)) {
            Ok(has_room) => has_room,
            Err(error) => return done.answer(Err(error)),
        };
        let waits = self.waits_for_sync(options);
        if batch.is_empty() && !waits {
            return done.answer(Ok(self.newest()));
        }
        let mut c = self.commit.lock();
        let buffer = match self.queue_now(&mut c, &batch, options) {
            Ok(buffer) => buffer,
            Err(error) => {
                drop(c);
                return done.answer(Err(error));
            }
        };
        c.hold(buffer, Pending { batch: (!batch.is_empty()).then_some(batch), done });
        if c.led {
            return;
        }
        if self.has_keeper && (waits || !has_room || self.signs.wants_rotation()) {
            drop(c);
            self.keeper.notify_one();
            return;
        }
        c.led = true;
        self.lead(c, &mut if self.has_keeper { Until::Quick } else { Until::Idle });
    }

    fn waits_for_sync(&self, options: WriteOptions) -> bool {
        options.sync.unwrap_or(self.options.sync == SyncPolicy::Always)
    }

    /// Puts a write into the queue, and waits while it is full.
    fn queue(
        &self,
        c: &mut MutexGuard<'_, Commit>,
        batch: &WriteBatch,
        options: WriteOptions,
    ) -> Result<BufferId, WriteError> {
        loop {
            match self.queue_now(c, batch, options) {
                Err(WriteError::QueueFull) => self.turn.wait(c),
                other => return other,
            }
        }
    }

    /// The newest view, out of the lock.
    fn see(&self, c: &mut Commit) -> Seen {
        let number = self.views.load(Ordering::Acquire);
        let kept = c.seen.take().filter(|seen| seen.number == number);
        kept.unwrap_or_else(|| Seen { number, view: self.view.load_full() })
    }

    fn queue_now(
        &self,
        c: &mut Commit,
        batch: &WriteBatch,
        options: WriteOptions,
    ) -> Result<BufferId, WriteError> {
        if c.closed {
            return Err(WriteError::Closed);
        }
        if c.broken {
            return Err(WriteError::Panicked);
        }
        // Numbers of what waits are not known yet; a queue and a group of four-byte counts are far from this margin.
        if c.sequence >= SEQUENCE_MAX.get() - SEQUENCE_MARGIN {
            return Err(WriteError::Exhausted);
        }
        let buffer = c.next_buffer;
        let input = match batch.body().len() as u64 {
            0 => Input::Sync { buffer },
            len => Input::Submit(Submission { buffer, len, sync: options.sync }),
        };
        let taken = c.machine.handle(self.log_time(), input);
        taken.map_err(|refused| match refused {
            Refused::Full { .. } => WriteError::QueueFull,
            Refused::Poisoned(error) => WriteError::Poisoned(error),
            Refused::TooLarge { len, max } => WriteError::TooLarge { found: len, max },
            _ => WriteError::Closed,
        })?;
        Ok(c.take_buffer())
    }

    /// The log's time matters only where it is synced by the clock.
    fn log_time(&self) -> Time {
        match self.options.sync {
            SyncPolicy::Interval(_) => self.now(),
            SyncPolicy::Always | SyncPolicy::Never => Time::ZERO,
        }
    }

    /// Leads; the lead was taken by the caller. A panic on the way breaks the write side: who waits hears of it.
    fn lead(&self, c: MutexGuard<'_, Commit>, until: &mut Until<'_>) {
        let _here = crate::leading::enter(self);
        let led = catch_unwind(AssertUnwindSafe(|| self.lead_on(c, until)));
        if led.is_err() {
            self.break_down();
        }
        self.after_commit();
    }

    fn lead_on<'a>(&'a self, mut c: MutexGuard<'a, Commit>, until: &mut Until<'_>) {
        let mut has_failed = false;
        loop {
            let effect = match c.handed.take() {
                None => c.machine.poll(),
                handed => handed,
            };
            if let Some(effect) = effect {
                if matches!(until, Until::Quick) && waits_for_disk(&effect) {
                    c.handed = Some(effect);
                    break;
                }
                has_failed |= matches!(effect, Effect::Rotated { result: Err(_), .. });
                c = self.carry_out(c, effect, until);
                if until.is_over() && c.group.is_empty() && self.hand_over(&mut c) {
                    return;
                }
                continue;
            }
            if !c.machine.is_idle() {
                // The group waits for a sync that is under way on the keeper's side.
                match c.deferred.pop_front() {
                    Some(deferred) => c = self.sync_deferred(c, &deferred),
                    None => self.turn.wait(&mut c),
                }
                continue;
            }
            if has_failed || !self.signs.wants_rotation() || matches!(until, Until::Quick) {
                break;
            }
            // A rotation that failed is tried again with the next write.
            let Some(to) = self.with_engine(engine::Engine::take_rotation) else { break };
            // A poisoned log goes on in no new file.
            if c.machine.handle(self.log_time(), Input::Rotate(Rotation { to, recycle: None })).is_err() {
                let error = c.machine.poisoned().unwrap_or(IoError::Denied);
                self.rotated(&c, Err(error));
                has_failed = true;
            }
        }
        c.led = false;
        if let Until::Own(own) = until {
            let is_newest = |seen: &Seen| seen.number == self.views.load(Ordering::Acquire);
            c.seen = own.seen.take().filter(is_newest);
        }
        let is_due_unseen = !c.is_deadline_watched && c.next_deadline().is_some();
        let wakes_keeper = c.has_work() || !c.deferred.is_empty() || is_due_unseen;
        drop(c);
        self.turn.notify_all();
        if wakes_keeper || self.signs.wants_rotation() || self.is_stopping() {
            self.keeper.notify_one();
        }
    }

    /// Gives the lead to who waits next. True if somebody has it now, or will take it.
    fn hand_over(&self, c: &mut Commit) -> bool {
        if !c.has_work() {
            return false;
        }
        let mut waiting = c.pending.iter().flatten();
        let slot = waiting.find_map(|p| match &p.done.0 {
            Some(Answer::Slot(slot)) => Some(slot.clone()),
            _ => None,
        });
        if let Some(slot) = slot {
            slot.state.lock().leads = true;
            slot.changed.notify_one();
            return true;
        }
        if self.has_keeper {
            c.led = false;
            self.keeper.notify_one();
        }
        self.has_keeper
    }

    fn carry_out<'a>(
        &'a self,
        mut c: MutexGuard<'a, Commit>,
        effect: Effect,
        until: &mut Until<'_>,
    ) -> MutexGuard<'a, Commit> {
        match effect {
            Effect::Write(write) => self.write_group(c, &write, until.own()),
            Effect::File(FileEffect { id, op: FileOp::Sync { name } }) => {
                let Some(file) = c.file_of(name, self) else {
                    self.answer(&mut c, id, Err(IoError::NotFound));
                    return c;
                };
                if c.machine.is_background(id) {
                    let deferred = Deferred { id, file };
                    if !self.has_keeper {
                        return self.sync_deferred(c, &deferred);
                    }
                    c.deferred.push_back(deferred);
                    self.keeper.notify_one();
                    return c;
                }
                self.sync_deferred(c, &Deferred { id, file })
            }
            Effect::File(effect) => {
                let done = MutexGuard::unlocked(&mut c, || self.driver.run(&effect, &[]));
                self.answer(&mut c, done.id, done.result);
                c
            }
            Effect::Settle { buffer, result } => {
                c.settle(buffer, result);
                if c.machine.is_settling() { c } else { self.finish_group(c, until) }
            }
            Effect::Rotated { rotation, result } => {
                let made = result.and_then(|()| {
                    self.driver.file(&LogName::live(rotation.to).to_string()).map(|file| c.log = Some(file))
                });
                if result.is_ok() {
                    c.log_number = rotation.to;
                }
                if let Until::Own(own) = until {
                    own.seen = None;
                }
                debug_assert_eq!(made, result, "a log that was made is held open by the driver");
                self.rotated(&c, result);
                c
            }
        }
    }

    /// Syncs without the lock.
    fn sync_deferred<'a>(&'a self, mut c: MutexGuard<'a, Commit>, sync: &Deferred) -> MutexGuard<'a, Commit> {
        let result = MutexGuard::unlocked(&mut c, || sync.file.sync());
        if result.is_ok() {
            self.counters.wal_syncs.fetch_add(1, Ordering::Relaxed);
        }
        self.answer(&mut c, sync.id, result);
        c
    }

    /// Writes the group; where nobody in it waits for a sync it is entered at once, still without the lock.
    fn write_group<'a>(
        &'a self,
        mut c: MutexGuard<'a, Commit>,
        write: &Write,
        own: Option<&Own<'_>>,
    ) -> MutexGuard<'a, Commit> {
        c.frame(write, own);
        let enters = !c.machine.group_waits_for_sync();
        let (mut frames, group) = (core::mem::take(&mut c.frames), core::mem::take(&mut c.group));
        let (log, sequence) = (c.log.take(), c.sequence);
        let (result, last) = MutexGuard::unlocked(&mut c, || {
            let held = log.as_deref().ok_or(IoError::NotFound);
            let result = held.and_then(|log| log.write_all_at(write.offset, &frames));
            let last = (enters && result.is_ok()).then(|| self.enter(&group, own, sequence));
            if frames.capacity() > BUFFER_KEPT_MAX {
                frames = Vec::new();
            }
            (result, last)
        });
        (c.frames, c.group, c.log) = (frames, group, log);
        if let Some(last) = last {
            (c.sequence, c.entered) = (last, true);
        }
        self.answer(&mut c, write.id, result);
        c
    }

    fn answer(&self, c: &mut Commit, id: EffectId, result: Result<(), IoError>) {
        let now = self.log_time();
        c.machine.handle(now, Input::Done(FileDone { id, result })).expect("an answer is never refused");
    }

    /// Enters the members' records behind `sequence` and shows them; the last sequence number comes back.
    fn enter(&self, group: &[Member], own: Option<&Own<'_>>, sequence: u64) -> u64 {
        let loaded;
        let view = match (group, own) {
            // It knows the families of its own batch.
            ([only], Some(Own { buffer, seen: Some(seen), .. })) if only.buffer == *buffer => &seen.view,
            _ => {
                loaded = self.view.load();
                &loaded
            }
        };
        let mut entry = Entering::new(view, SequenceNumber::new(sequence).next());
        let mut batches = 0;
        for batch in group.iter().filter_map(|member| member.batch(own)) {
            batch.records().for_each(|record| entry.add(&record, |_| true));
            batches += 1;
        }
        let (last, grown) = entry.finish();
        self.visible.store(last, Ordering::Release);
        // Only the leader counts, so that a load and a store serve.
        let add = |to: &AtomicU64, n| to.store(to.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        add(&self.counters.records, last - sequence);
        add(&self.counters.batches, batches);
        self.grow(grown);
        last
    }

    /// Publishes the group that came to its end and answers its members.
    fn finish_group<'a>(
        &'a self,
        mut c: MutexGuard<'a, Commit>,
        until: &mut Until<'_>,
    ) -> MutexGuard<'a, Commit> {
        let mut group = core::mem::take(&mut c.group);
        let entered = core::mem::take(&mut c.entered);
        let failed = group.iter().find_map(|m| m.result.and_then(Result::err));
        let outcome = failed.map(|error| self.write_error(&c, error));
        let wrote = group.iter().any(|m| m.batch(until.own()).is_some_and(|b| !b.is_empty()));
        let count: u64 =
            group.iter().filter_map(|m| m.batch(until.own())).map(|b| u64::from(b.count())).sum();
        let first = if entered { c.sequence - count } else { c.sequence };
        if wrote {
            c.failed.clone_from(&outcome);
        }
        if let Some(last) = group.last().map(|m| m.buffer.next()) {
            c.forget_before(last);
        }
        let enters = outcome.is_none() && wrote && !entered;
        if let (false, [only], Until::Own(own)) = (enters, group.as_slice(), &mut *until)
            && only.buffer == own.buffer
        {
            own.outcome = Some(outcome.map_or(Ok(SequenceNumber::new(first + count)), Err));
            group.clear();
            c.group = group;
            return c;
        }
        let answers_others = group.iter().any(|m| m.pending.is_some());
        let mut end = || {
            let last = if enters { self.enter(&group, until.own(), first) } else { first };
            let mut sequence = first;
            for mut member in group.drain(..) {
                sequence += member.batch(until.own()).map_or(0, |b| u64::from(b.count()));
                let outcome = outcome.clone().map_or(Ok(SequenceNumber::new(sequence)), Err);
                match (&mut member.pending, &mut *until) {
                    (Some(pending), _) => pending.done.answer(outcome),
                    (None, Until::Own(own)) if own.buffer == member.buffer => own.outcome = Some(outcome),
                    _ => {}
                }
            }
            last
        };
        // Entering takes time, and an answer wakes or calls somebody; the leader's own is only put down.
        let last = if enters || answers_others { MutexGuard::unlocked(&mut c, end) } else { end() };
        if enters {
            c.sequence = last;
        }
        if group.capacity() <= GROUP_KEPT_MAX {
            c.group = group;
        }
        c
    }

    fn write_error(&self, c: &Commit, error: CommitError) -> WriteError {
        let file = || FileName::Log(c.machine.file()).to_string();
        match error {
            CommitError::Write(error) => WriteError::Io { file: file(), error, retry: true },
            CommitError::Poisoned(error) => WriteError::Io { file: file(), error, retry: false },
            _ => WriteError::Closed,
        }
    }

    /// New memtables for the new log.
    fn rotated(&self, c: &Commit, result: Result<(), IoError>) {
        let (sequence, now) = (SequenceNumber::new(c.sequence), self.now());
        self.with_engine(|engine| {
            if result.is_ok() {
                let log = engine.log();
                self.publish(|view| view.switched(log));
                self.active_len.store(0, Ordering::Relaxed);
            }
            engine.handle(now, engine::Input::Rotated { sequence, result });
        });
    }

    /// Nobody knows what a leader that panicked has left half done: nothing is written any more, and everybody who waits hears of it.
    fn break_down(&self) {
        let (pending, group) = {
            let mut c = self.commit.lock();
            (c.broken, c.led) = (true, false);
            c.machine.take_queue();
            (c.handed, c.entered) = (None, false);
            c.deferred.clear();
            (core::mem::take(&mut c.pending), core::mem::take(&mut c.group))
        };
        self.turn.notify_all();
        self.keeper.notify_one();
        // The answer is given when they go.
        drop((pending, group));
        self.with_engine(|engine| {
            if engine.is_rotating() {
                engine.handle(
                    self.now(),
                    engine::Input::Rotated { sequence: self.newest(), result: Err(IoError::Denied) },
                );
            }
        });
    }

    /// For a rotation that no writer asked for.
    pub(crate) fn lead_if_nobody_does(&self) {
        let mut c = self.commit.lock();
        if !c.led && !c.broken {
            c.led = true;
            self.lead(c, &mut Until::Idle);
        }
    }

    /// Puts a witness of the last sync behind the log, so that damage before it can be told from a torn tail.
    pub(crate) fn seal(&self) {
        let mut c = self.commit.lock();
        let buffer = c.next_buffer;
        if c.led || c.broken || c.closed || c.handed.is_some() || !c.machine.seal(buffer) {
            return;
        }
        c.take_buffer();
        c.led = true;
        self.lead(c, &mut Until::Idle);
    }

    /// Cuts off what was written ahead of the log's end; nobody writes any more.
    pub(crate) fn trim_log(&self) {
        let mut c = self.commit.lock();
        if let Some(effect) = c.machine.trim() {
            // Zeros that stay are an end too.
            let _ = self.driver.run(&effect, &[]);
        }
    }

    /// Refuses all writes from now on.
    pub(crate) fn close_log(&self) {
        self.commit.lock().closed = true;
        self.turn.notify_all();
        self.keeper.notify_all();
    }

    /// The keeper of the log: leads for those who do not wait, and syncs what nobody waits for. Ends when the database stops.
    pub(crate) fn keep(&self) {
        let mut c = self.commit.lock();
        loop {
            if let Some(deferred) = c.deferred.pop_front() {
                c = self.sync_deferred(c, &deferred);
                self.turn.notify_all();
                if c.machine.is_idle() && !c.led {
                    drop(c);
                    self.seal();
                    c = self.commit.lock();
                }
                continue;
            }
            if !c.led && !c.broken {
                // A failure poisons and so reaches the next writer.
                let _ = c.machine.handle(self.log_time(), Input::Tick);
                // A new log may be wished for while somebody leads whose own attempt has failed.
                if c.has_work() || self.signs.wants_rotation() {
                    if c.has_work()
                        && let Err(error) = MutexGuard::unlocked(&mut c, || self.wait_for_all_room())
                        && !c.led
                    {
                        // Who leads by now answers what waits, its own write among it.
                        self.refuse_queue(&mut c, &error);
                    }
                    if !c.led && !c.broken && (c.has_work() || self.signs.wants_rotation()) {
                        c.led = true;
                        self.lead(c, &mut Until::Idle);
                        c = self.commit.lock();
                    }
                    continue;
                }
            }
            // Who leads may leave work behind, and who waits for it can only be answered here.
            if self.is_stopping() && !c.led {
                return;
            }
            let due = c.next_deadline().filter(|_| !c.led).map(|at| at.since(self.now()));
            c.is_deadline_watched = due.is_some();
            self.keeper.wait_for(&mut c, due.unwrap_or(IDLE_WAIT).max(Duration::from_millis(1)));
            c.is_deadline_watched = false;
        }
    }

    /// Answers all that waits in the queue with an error.
    fn refuse_queue(&self, c: &mut MutexGuard<'_, Commit>, error: &WriteError) {
        let taken = c.machine.take_queue();
        let pending: Vec<_> = taken.into_iter().filter_map(|buffer| c.release(buffer)).collect();
        MutexGuard::unlocked(c, || {
            for mut pending in pending {
                pending.done.answer(Err(error.clone()));
            }
        });
    }
}

impl Commit {
    fn settle(&mut self, buffer: BufferId, result: Result<(), CommitError>) {
        match self.group.binary_search_by_key(&buffer, |m| m.buffer) {
            Ok(at) => self.group[at].result = Some(result),
            Err(at) => {
                let pending = self.release(buffer);
                self.group.insert(at, Member { buffer, pending, result: Some(result) });
            }
        }
    }

    fn file_of(&self, name: LogName, inner: &Inner) -> Option<Arc<dyn File>> {
        if name == LogName::live(self.log_number) {
            return self.log.clone();
        }
        inner.driver.file(&name.to_string()).ok()
    }
}

/// Whether an effect takes as long as the disk likes.
fn waits_for_disk(effect: &Effect) -> bool {
    matches!(effect, Effect::File(_))
}

impl Inner {
    /// Whether lengths are within their limits, and the database takes writes at all. What the batch knows of itself is enough.
    fn admit(&self, batch: &WriteBatch) -> Result<(), WriteError> {
        if self.read_only {
            return Err(WriteError::ReadOnly);
        }
        let too_large = |found: usize, max: usize| match found > max {
            true => Err(WriteError::TooLarge { found: found as u64, max: max as u64 }),
            false => Ok(()),
        };
        let facts = batch.facts();
        too_large(batch.len_bytes(), BATCH_LEN_MAX - HEAD_LEN)?;
        too_large(facts.key_len_max, KEY_LEN_MAX)?;
        too_large(facts.value_len_max, VALUE_LEN_MAX)?;
        if facts.has_inverted_range { inverted_range(batch) } else { Ok(()) }
    }
}

/// Whether the families of a batch exist.
fn families_exist(view: &View, batch: &WriteBatch) -> Result<(), WriteError> {
    let exists = |family: FamilyId| match view.families.contains_key(&family.get()) {
        true => Ok(()),
        false => Err(WriteError::NoSuchFamily(family)),
    };
    match batch.facts().families {
        Families::None => Ok(()),
        Families::One(family) => exists(family),
        Families::Several => {
            batch.records().filter_map(|r| r.parts()).try_for_each(|(family, ..)| exists(family))
        }
    }
}

/// Names the range deletion whose ends are the wrong way round.
fn inverted_range(batch: &WriteBatch) -> Result<(), WriteError> {
    batch.records().try_for_each(|record| match record {
        Record::DeleteRange { begin, end, .. } if begin > end => {
            Err(WriteError::InvertedRange { begin: begin.to_vec(), end: end.to_vec() })
        }
        _ => Ok(()),
    })
}

/// Records on their way into the memtables, which only the leader touches.
pub(crate) struct Entering<'a> {
    view: &'a View,
    sequence: SequenceNumber,
    /// The memtable of the last record: most batches stay in one.
    target: Option<Target<'a>>,
    grown: u64,
}

struct Target<'a> {
    family: FamilyId,
    memtable: &'a memtable::Memtable,
    writer: memtable::Writer<'a>,
    len: usize,
}

impl<'a> Entering<'a> {
    /// The next record gets this sequence number.
    pub(crate) fn new(view: &'a View, sequence: SequenceNumber) -> Self {
        Entering { view, sequence, target: None, grown: 0 }
    }

    /// Adds a record, if its family is there and wanted.
    pub(crate) fn add(&mut self, record: &Record<'_>, wanted: impl Fn(FamilyId) -> bool) {
        let Some((family, ..)) = record.parts() else { return };
        if self.target.as_ref().is_none_or(|t| t.family != family) {
            self.leave();
            let found = self.view.families.get(&family.get()).filter(|_| wanted(family));
            self.target = found.map(|found| {
                let memtable = &*found.memtable;
                let writer = memtable.writer().expect("only the leader writes");
                Target { family, memtable, writer, len: memtable.len_bytes() }
            });
        }
        if let Some(target) = &mut self.target {
            target.writer.apply(record, self.sequence).expect("there is memory for an entry");
        }
        self.sequence = self.sequence.next();
    }

    fn leave(&mut self) {
        if let Some(target) = self.target.take() {
            self.grown += target.memtable.len_bytes().saturating_sub(target.len) as u64;
        }
    }

    /// The last sequence number that was given, and the bytes by which memtables have grown.
    pub(crate) fn finish(mut self) -> (u64, u64) {
        self.leave();
        (self.sequence.get().saturating_sub(1), self.grown)
    }
}

/// Header and mark of a group.
const HEAD_LEN: usize = batch::HEADER_LEN + SyncMark::LEN;
/// Members for which room is kept.
const GROUP_KEPT_MAX: usize = 1 << 10;
/// Sequence numbers that are left unused at the end of their range.
const SEQUENCE_MARGIN: u64 = 1 << 48;
/// How long the keeper sleeps if nobody calls.
const IDLE_WAIT: Duration = Duration::from_secs(3600);
