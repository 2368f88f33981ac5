//! One partition's log.
//!
//! 1. An append is judged, stamped and written under the partition's lock; its offset is final then. It is not visible yet.
//! 2. The log is queued for a sync, once ([`super::flush`]). When the sync is done the high watermark moves to what it covered, whoever waited is
//!    told, in the order of the appends, and readers that wait are woken. Where the log does not sync before it answers, all that happens at once, on the
//!    thread that appended.
//! 3. A segment that is full is sealed: its indexes are written, and a snapshot of the producers for the next one.
//!
//! After a failed write or sync the log refuses appends until it is opened again: what the disk holds is not known any more.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use dolmen_base::io::{Directory, File, IoError, OpenMode, read_file};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, TimestampType, stamp, stamp_append_time};
use dolmen_kafka::files::{self, Aborted, AbortedEntry, TimeEntry, position_of};
use dolmen_kafka::log::segment::{HEAD_LEN, Head, Segment, file_name, offset_before_time, readable};
use dolmen_kafka::log::{LogSettings, retention};
use dolmen_kafka::partition::Partition;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use zerocopy::IntoBytes;

use super::checkpoint::{Checkpoints, Place, replace};
use super::flush::Flusher;

/// What logs share.
pub struct Shared {
    /// Syncs them.
    pub flusher: Flusher,
    /// Remembers where they begin.
    pub checkpoints: Checkpoints,
}

/// The log failed: whether the bytes are on the disk cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost(pub IoError);

/// Is called once when an append is durable, or was lost.
pub type Completion = Box<dyn FnOnce(Result<(), Lost>) + Send>;

/// An append that stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: i64,
    /// The offset behind its last record: durable when the high watermark is here.
    pub end_offset: i64,
    /// The broker's time, if that is the records' timestamp; else −1.
    pub append_time_ms: i64,
}

/// What a reader gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Whole batches.
    pub bytes: Vec<u8>,
    /// Where what is durable ends.
    pub high_watermark: i64,
    /// Where readers of committed data stop.
    pub last_stable_offset: i64,
    /// The first offset that is there.
    pub log_start: i64,
    /// Aborted transactions among the bytes, for readers of committed data.
    pub aborted: Vec<Aborted>,
}

/// How much a reader wants.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// From this offset on.
    pub offset: i64,
    /// Committed data only.
    pub is_committed: bool,
    /// No more bytes than that.
    pub len_max: usize,
    /// But one batch at least, however long it is.
    pub at_least_one: bool,
}

/// Positions of batches that were read last, so that whoever reads on needs no index.
const TRAILS: usize = 8;

/// Bytes that are read at once on the search for a batch.
const WINDOW_LEN: usize = 4096;

/// What a lock guards.
pub struct Inner {
    /// Who may append what, and how far readers may see.
    pub rules: Partition,
    /// Its settings.
    pub settings: LogSettings,
    pub(super) sealed: Vec<Segment>,
    pub(super) active: Segment,
    pub(super) file: Arc<dyn File>,
    /// Sealed segments that are not synced yet.
    pub(super) unsynced: Vec<Arc<dyn File>>,
    pub(super) unsynced_messages: u64,
    /// When the first of them came.
    unsynced_since_ms: i64,
    wants_sync: bool,
    /// The epoch that batches are stamped with, and every epoch with its first offset.
    pub(super) epochs: Vec<(i32, i64)>,
    /// The folder was made and is not durable yet.
    pub(super) is_new: bool,
    waiters: VecDeque<(i64, Completion)>,
    /// Some thread tells waiters: another one must not overtake it.
    is_telling: bool,
    watchers: BTreeMap<u64, Arc<Notify>>,
    next_watcher: u64,
    is_queued: bool,
    failure: Option<IoError>,
    is_deleted: bool,
    /// Offset, segment and position.
    trails: VecDeque<(i64, i64, u64)>,
}

/// One partition's log.
pub struct PartitionLog {
    /// Topic and partition.
    pub place: Place,
    pub(super) dir: Arc<dyn Directory>,
    root: Arc<dyn Directory>,
    pub(super) shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

impl Inner {
    pub(super) fn new(
        rules: Partition,
        settings: LogSettings,
        sealed: Vec<Segment>,
        active: (Segment, Arc<dyn File>),
        epochs: Vec<(i32, i64)>,
    ) -> Inner {
        Inner {
            rules,
            settings,
            sealed,
            active: active.0,
            file: active.1,
            unsynced: Vec::new(),
            unsynced_messages: 0,
            unsynced_since_ms: 0,
            wants_sync: false,
            epochs,
            is_new: false,
            waiters: VecDeque::new(),
            is_telling: false,
            watchers: BTreeMap::new(),
            next_watcher: 0,
            is_queued: false,
            failure: None,
            is_deleted: false,
            trails: VecDeque::new(),
        }
    }

    /// The epoch of the leader, which is always this broker.
    pub fn leader_epoch(&self) -> i32 {
        self.epochs.last().map_or(0, |(epoch, _)| *epoch)
    }

    /// Bytes of all segments.
    pub fn len(&self) -> u64 {
        self.sealed.iter().map(Segment::len).sum::<u64>() + self.active.len()
    }

    fn usable(&self) -> Result<(), ErrorCode> {
        if self.is_deleted {
            Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        } else if self.failure.is_some() {
            Err(ErrorCode::KAFKA_STORAGE_ERROR)
        } else {
            Ok(())
        }
    }

    /// A segment has other positions now.
    pub(super) fn forget_trails(&mut self, base_offset: i64) {
        self.trails.retain(|(_, base, _)| *base != base_offset);
    }

    pub(super) fn segments(&self) -> impl ExactSizeIterator<Item = &Segment> + Clone {
        Segments { inner: self, at: 0 }
    }
}

/// Sealed segments and the active one.
#[derive(Clone)]
struct Segments<'i> {
    inner: &'i Inner,
    at: usize,
}

impl<'i> Iterator for Segments<'i> {
    type Item = &'i Segment;

    fn next(&mut self) -> Option<&'i Segment> {
        let sealed = &self.inner.sealed;
        let segment = sealed.get(self.at).or((self.at == sealed.len()).then_some(&self.inner.active));
        self.at += 1;
        segment
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.inner.sealed.len() + 1).saturating_sub(self.at);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Segments<'_> {}

/// Where bytes stand.
struct Source {
    file: Option<Arc<dyn File>>,
    base_offset: i64,
    len: u64,
}

/// What is to be synced. All of it is as of one moment: segments that begin while it is synced are not in it.
struct Unsynced {
    files: Vec<Arc<dyn File>>,
    /// The log's end.
    end: i64,
    /// Where the active segment begins: what is before it is durable then.
    recovery_point: i64,
    /// Whether the folder is to be synced, too.
    is_new: bool,
}

impl PartitionLog {
    pub(super) fn new(
        place: Place,
        dir: Arc<dyn Directory>,
        root: Arc<dyn Directory>,
        shared: Arc<Shared>,
        inner: Inner,
    ) -> Arc<PartitionLog> {
        Arc::new(PartitionLog { place, dir, root, shared, inner: Mutex::new(inner) })
    }

    /// Locks it. The coordinator may be locked under this lock, never the other way round.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Appends one batch, as [`PartitionLog::append`], and gives the lock back. `done` is called in the order of the appends when it is durable; or when
    /// it is written, where the log does not sync before it answers, by this thread or by one that appended a moment before.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`] if the disk fails; then `done` is not called.
    pub fn append_then(
        self: &Arc<Self>,
        mut inner: MutexGuard<'_, Inner>,
        batch: &[u8],
        now_ms: i64,
        done: Completion,
    ) -> Result<(), ErrorCode> {
        let appended = self.append(&mut inner, batch, now_ms)?;
        inner.waiters.push_back((appended.end_offset, done));
        let is_durable = inner.rules.high_watermark() >= appended.end_offset;
        drop(inner);
        if is_durable {
            self.tell();
        }
        Ok(())
    }

    /// Appends one batch, which gets its offsets here. It was judged under the same lock.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`] if the disk fails.
    pub fn append(
        self: &Arc<Self>,
        inner: &mut Inner,
        batch: &[u8],
        now_ms: i64,
    ) -> Result<Appended, ErrorCode> {
        inner.usable()?;
        let mut bytes = SCRATCH.take();
        bytes.clear();
        bytes.extend_from_slice(batch);
        let result = self.append_bytes(inner, &mut bytes, now_ms);
        if bytes.capacity() <= SCRATCH_LEN_MAX {
            SCRATCH.set(bytes);
        }
        result.inspect_err(|&code| {
            if code == ErrorCode::KAFKA_STORAGE_ERROR {
                tracing::error!(target: "kafka", "{}-{} cannot be written any more", self.place.0, self.place.1);
            }
        })
    }

    fn append_bytes(
        self: &Arc<Self>,
        inner: &mut Inner,
        bytes: &mut [u8],
        now_ms: i64,
    ) -> Result<Appended, ErrorCode> {
        let base_offset = inner.rules.log_end();
        stamp(bytes, base_offset, inner.leader_epoch());
        let is_control = Batch::known(bytes).is_some_and(|batch| batch.is_control());
        let is_stamped = inner.settings.timestamp_type == TimestampType::LogAppend && !is_control;
        if is_stamped {
            stamp_append_time(bytes, now_ms);
        }
        let batch = Batch::known(bytes).ok_or(ErrorCode::CORRUPT_MESSAGE)?;
        let (len, last, time) = (bytes.len(), batch.last_offset(), batch.max_timestamp_ms());
        if inner.active.must_roll(&inner.settings, len, last, time, now_ms) {
            self.roll(inner, now_ms).map_err(|error| self.fail(inner, error))?;
        }
        inner.file.write_all_at(inner.active.len(), bytes).map_err(|error| self.fail(inner, error))?;
        let aborted = inner.rules.appended(&batch);
        let settings = inner.settings;
        inner.active.appended(&batch, &settings);
        if let Some(aborted) = aborted {
            self.put_aborted(inner.active.base_offset(), aborted).map_err(|error| self.fail(inner, error))?;
        }
        if inner.unsynced_messages == 0 {
            inner.unsynced_since_ms = now_ms;
        }
        inner.unsynced_messages += batch.record_count().unsigned_abs() as u64;
        let end_offset = inner.rules.log_end();
        self.after_append(inner, end_offset);
        let append_time_ms = if is_stamped { now_ms } else { -1 };
        Ok(Appended { base_offset, end_offset, append_time_ms })
    }

    /// Has the append synced, or lets it be seen at once where the settings allow it.
    fn after_append(self: &Arc<Self>, inner: &mut Inner, end_offset: i64) {
        if inner.settings.flush_messages > 1 {
            inner.rules.durable_until(end_offset);
            self.wake(inner);
        }
        inner.wants_sync |= inner.unsynced_messages >= inner.settings.flush_messages;
        if inner.wants_sync {
            self.queue(inner);
        }
    }

    /// Tells who waits for what is durable now, or for a log that has failed or is gone: in the order of the appends, by one thread at a time. A thread that
    /// finds another at it leaves the rest to that one; what a waiter does may append, here too.
    fn tell(&self) {
        let mut inner = self.inner.lock();
        if std::mem::replace(&mut inner.is_telling, true) {
            return;
        }
        loop {
            let outcome = match inner.failure {
                Some(error) if !inner.is_deleted => Err(Lost(error)),
                _ => Ok(()),
            };
            let until =
                if outcome.is_err() || inner.is_deleted { i64::MAX } else { inner.rules.high_watermark() };
            let due = inner.waiters.partition_point(|(offset, _)| *offset <= until);
            let done: Vec<_> = inner.waiters.drain(..due).collect();
            if done.is_empty() {
                inner.is_telling = false;
                return;
            }
            drop(inner);
            for (_, done) in done {
                done(outcome);
            }
            inner = self.inner.lock();
        }
    }

    /// Says when what stands before an offset is durable; at once where the log does not wait for that.
    pub fn when_durable(
        self: &Arc<Self>,
        inner: &mut Inner,
        offset: i64,
    ) -> Option<oneshot::Receiver<Result<(), Lost>>> {
        if inner.rules.high_watermark() >= offset {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let done: Completion = Box::new(move |result| {
            // Nobody is there any more where the connection was closed.
            let _ = sender.send(result);
        });
        let at = inner.waiters.partition_point(|(waits_for, _)| *waits_for <= offset);
        inner.waiters.insert(at, (offset, done));
        self.queue(inner);
        Some(receiver)
    }

    fn queue(self: &Arc<Self>, inner: &mut Inner) {
        if !inner.is_queued {
            inner.is_queued = true;
            self.shared.flusher.ask(self.clone());
        }
    }

    fn fail(&self, inner: &mut Inner, error: IoError) -> ErrorCode {
        tracing::error!(target: "kafka", "{}-{}: {error}", self.place.0, self.place.1);
        inner.failure.get_or_insert(error);
        ErrorCode::KAFKA_STORAGE_ERROR
    }

    fn put_aborted(&self, base_offset: i64, aborted: Aborted) -> Result<(), IoError> {
        let name = file_name(base_offset, "txnindex");
        let file = match self.dir.open(&name, OpenMode::Write) {
            Err(IoError::NotFound) => self.dir.open(&name, OpenMode::CreateNew)?,
            file => file?,
        };
        file.append(AbortedEntry::from(aborted).as_bytes())
    }

    /// Seals the active segment and begins the next.
    pub(super) fn roll(&self, inner: &mut Inner, now_ms: i64) -> Result<(), IoError> {
        let offset = inner.rules.log_end();
        write_indexes(&*self.dir, &mut inner.active)?;
        self.write_snapshot(&inner.rules)?;
        let file = self.dir.open(&file_name(offset, "log"), OpenMode::CreateNew)?;
        self.dir.sync()?;
        let sealed = std::mem::replace(&mut inner.active, Segment::new(offset, now_ms));
        inner.unsynced.push(std::mem::replace(&mut inner.file, file));
        inner.sealed.push(sealed);
        Ok(())
    }

    /// Writes a snapshot of the producers as of the log's end.
    pub(super) fn write_snapshot(&self, rules: &Partition) -> Result<(), IoError> {
        let mut bytes = Vec::new();
        // More producers than a count can say do not fit into memory.
        if files::put_snapshot(&mut bytes, &rules.producers().snapshot()).is_ok() {
            replace(&*self.dir, &file_name(rules.log_end(), "snapshot"), &bytes)?;
        }
        Ok(())
    }

    /// Syncs what was appended, on a thread of the flusher, and tells who waits. One thread does so for a log at a time.
    pub(super) fn sync(self: &Arc<Self>) {
        let Unsynced { files, end, recovery_point, is_new } = self.take_unsynced();
        let rolled = files.len() > 1;
        let mut result = files.iter().try_for_each(|file| file.sync());
        if is_new {
            result = result.and_then(|()| self.dir.sync()).and_then(|()| self.root.sync());
        }
        let mut inner = self.inner.lock();
        if let Err(error) = result {
            self.fail(&mut inner, error);
        }
        let is_kept = inner.failure.is_none() || inner.is_deleted;
        if is_kept {
            inner.rules.durable_until(end);
        }
        self.wake(&mut inner);
        drop(inner);
        self.tell();
        let mut inner = self.inner.lock();
        inner.is_queued = false;
        if inner.wants_sync || !inner.waiters.is_empty() {
            self.queue(&mut inner);
        }
        drop(inner);
        if rolled && is_kept {
            let points = std::iter::once((self.place.clone(), recovery_point));
            if let Err(error) = self.shared.checkpoints.set_recovery_points(points) {
                tracing::warn!(target: "kafka", "the recovery points cannot be written: {error}");
            }
        }
    }

    fn take_unsynced(&self) -> Unsynced {
        let mut inner = self.inner.lock();
        let (end, recovery_point) = (inner.rules.log_end(), inner.active.base_offset());
        if !std::mem::take(&mut inner.wants_sync) || inner.is_deleted {
            inner.wants_sync = false;
            return Unsynced { files: Vec::new(), end, recovery_point, is_new: false };
        }
        inner.unsynced_messages = 0;
        let mut files = std::mem::take(&mut inner.unsynced);
        files.push(inner.file.clone());
        Unsynced { files, end, recovery_point, is_new: std::mem::take(&mut inner.is_new) }
    }

    /// Asks for a sync of what has not been synced for as long as the log's settings allow.
    pub fn flush(self: &Arc<Self>, now_ms: i64) {
        let mut inner = self.inner.lock();
        let waits_ms = now_ms.saturating_sub(inner.unsynced_since_ms).unsigned_abs();
        let is_due = i64::try_from(waits_ms).is_ok_and(|ms| ms >= inner.settings.flush_ms);
        if inner.unsynced_messages > 0 && is_due {
            inner.wants_sync = true;
            self.queue(&mut inner);
        }
    }

    fn wake(&self, inner: &mut Inner) {
        for (_, watcher) in std::mem::take(&mut inner.watchers) {
            watcher.notify_one();
        }
    }

    /// Has `notify` notified when more can be read; the name is for [`PartitionLog::unwatch`].
    pub fn watch(&self, notify: Arc<Notify>) -> u64 {
        let mut inner = self.inner.lock();
        inner.next_watcher += 1;
        let name = inner.next_watcher;
        inner.watchers.insert(name, notify);
        name
    }

    /// Ends a watch.
    pub fn unwatch(&self, name: u64) {
        self.inner.lock().watchers.remove(&name);
    }

    /// Closes it: everything is synced and written so that the next start needs to read little. Appends are refused afterwards.
    ///
    /// # Errors
    /// What could not be kept.
    pub fn close(&self) -> Result<i64, IoError> {
        let mut inner = self.inner.lock();
        if let Some(error) = inner.failure {
            return Err(error);
        }
        inner.failure = Some(IoError::ReadOnly);
        if inner.is_deleted {
            return Ok(0);
        }
        let inner = &mut *inner;
        for file in inner.unsynced.drain(..).chain([inner.file.clone()]) {
            file.sync()?;
        }
        write_indexes(&*self.dir, &mut inner.active)?;
        self.write_snapshot(&inner.rules)?;
        Ok(inner.rules.log_end())
    }

    /// The topic is deleted: nothing more is taken, and whoever waits is told.
    pub fn delete(self: &Arc<Self>) {
        let mut inner = self.inner.lock();
        inner.is_deleted = true;
        self.queue(&mut inner);
    }

    /// Why it cannot be written, if so.
    pub fn failure(&self) -> Option<IoError> {
        let inner = self.inner.lock();
        inner.failure.filter(|_| !inner.is_deleted)
    }
}

/// Writes and syncs the index files of a segment whose entries are in memory, and forgets them.
pub(super) fn write_indexes(dir: &dyn Directory, segment: &mut Segment) -> Result<(), IoError> {
    segment.seal();
    for (suffix, bytes) in
        [("index", segment.offsets().as_bytes()), ("timeindex", segment.times().as_bytes())]
    {
        let name = file_name(segment.base_offset(), suffix);
        match dir.delete(&name) {
            Ok(()) | Err(IoError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let file = dir.open(&name, OpenMode::CreateNew)?;
        file.write_all_at(0, bytes)?;
        file.sync()?;
    }
    match dir.open(&file_name(segment.base_offset(), "txnindex"), OpenMode::Write) {
        Ok(file) => file.sync()?,
        Err(IoError::NotFound) => {}
        Err(error) => return Err(error),
    }
    segment.forget_entries();
    Ok(())
}

/// Bytes of a thread's buffer that is kept for the next append: a batch of the usual `max.message.bytes` fits.
const SCRATCH_LEN_MAX: usize = 2 << 20;

thread_local! {
    /// The batch that is being stamped.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reading.
impl PartitionLog {
    /// Reads batches from an offset on.
    ///
    /// # Errors
    /// [`ErrorCode::OFFSET_OUT_OF_RANGE`], [`ErrorCode::KAFKA_STORAGE_ERROR`], or that the partition is gone.
    pub fn read(&self, want: Want) -> Result<Read, ErrorCode> {
        let inner = self.inner.lock();
        if inner.is_deleted {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        let rules = &inner.rules;
        let mut read = Read {
            bytes: Vec::new(),
            high_watermark: rules.high_watermark(),
            last_stable_offset: rules.last_stable_offset(),
            log_start: rules.log_start(),
            aborted: Vec::new(),
        };
        if want.offset < read.log_start || want.offset > rules.log_end() {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let until = if want.is_committed { read.last_stable_offset } else { read.high_watermark };
        if want.offset >= until || (want.len_max == 0 && !want.at_least_one) {
            return Ok(read);
        }
        let (source, position) = self.locate(&inner, want.offset);
        drop(inner);
        let found = self.read_from(&source, position, want, until, &mut read.bytes);
        let next = found.map_err(|error| self.unreadable(want.offset, error))?;
        let Some((next, end_position)) = next else { return Ok(read) };
        let mut inner = self.inner.lock();
        inner.trails.push_back((next, source.base_offset, end_position));
        if inner.trails.len() > TRAILS {
            inner.trails.pop_front();
        }
        if want.is_committed {
            read.aborted = inner.rules.aborted_between(want.offset, next).collect();
        }
        Ok(read)
    }

    fn unreadable(&self, offset: i64, error: IoError) -> ErrorCode {
        // Its segment was deleted under the reader.
        if error == IoError::NotFound || offset < self.inner.lock().rules.log_start() {
            return ErrorCode::OFFSET_OUT_OF_RANGE;
        }
        tracing::error!(target: "kafka", "{}-{} cannot be read at offset {offset}: {error}", self.place.0, self.place.1);
        ErrorCode::KAFKA_STORAGE_ERROR
    }

    /// The segment that holds an offset, and a position in it at or before the offset's batch.
    fn locate(&self, inner: &Inner, offset: i64) -> (Source, u64) {
        let at = inner.sealed.partition_point(|segment| segment.next_offset() <= offset);
        let segment = inner.sealed.get(at).unwrap_or(&inner.active);
        let base_offset = segment.base_offset();
        let is_active = at == inner.sealed.len();
        let source = Source { file: is_active.then(|| inner.file.clone()), base_offset, len: segment.len() };
        let trail = inner.trails.iter().find(|(next, base, _)| (*next, *base) == (offset, base_offset));
        if let Some((_, _, position)) = trail {
            return (source, *position);
        }
        let relative = u32::try_from(offset - base_offset).unwrap_or(u32::MAX);
        let position = if is_active {
            position_of(segment.offsets(), relative)
        } else {
            self.with_index(base_offset, "index", |bytes| position_of(files::offset_entries(bytes), relative))
        };
        (source, u64::from(position))
    }

    /// Reads an index file of a sealed segment. One that is missing or damaged says nothing: the search begins at the segment's start.
    fn with_index<T: Default>(&self, base_offset: i64, suffix: &str, body: impl FnOnce(&[u8]) -> T) -> T {
        match read_file(&*self.dir, &file_name(base_offset, suffix), INDEX_LEN_MAX) {
            Ok(bytes) => body(&bytes),
            Err(_) => T::default(),
        }
    }

    fn file_of(&self, source: &Source) -> Result<Arc<dyn File>, IoError> {
        match &source.file {
            Some(file) => Ok(file.clone()),
            None => self.dir.open(&file_name(source.base_offset, "log"), OpenMode::Read),
        }
    }

    /// Reads whole batches from the one that holds the offset on. Gives the offset and position behind them.
    fn read_from(
        &self,
        source: &Source,
        position: u64,
        want: Want,
        until: i64,
        out: &mut Vec<u8>,
    ) -> Result<Option<(i64, u64)>, IoError> {
        let file = self.file_of(source)?;
        let found = find(&*file, source.len, position, |head| head.last_offset >= want.offset)?;
        let Some((head, position)) = found.filter(|(head, _)| head.base_offset < until) else {
            return Ok(None);
        };
        let left = usize::try_from(source.len - position).unwrap_or(usize::MAX);
        let first = if want.at_least_one { head.len } else { 0 };
        let len = want.len_max.max(first).min(left);
        out.resize(len, 0);
        file.read_exact_at(position, out)?;
        let (len, next) = readable(out, until, want.len_max, want.at_least_one);
        out.truncate(len);
        Ok(next.map(|next| (next, position + len as u64)))
    }

    /// The first record with a timestamp of `timestamp_ms` or later below `until`: its timestamp and offset.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn find_time(&self, timestamp_ms: i64, until: i64) -> Result<Option<(i64, i64)>, ErrorCode> {
        let sources = {
            let inner = self.inner.lock();
            let fits = |segment: &&Segment| segment.max_timestamp_ms() >= timestamp_ms;
            let start = inner.rules.log_start();
            let at = inner.segments().position(|segment| fits(&segment) && segment.next_offset() > start);
            let Some(at) = at else { return Ok(None) };
            self.sources(&inner, at)
        };
        for (source, times) in sources {
            let from = self.time_start(&source, times, timestamp_ms);
            let fits = |head: &Head| head.max_timestamp_ms >= timestamp_ms;
            let found = self.find_record(&source, from, until, fits, timestamp_ms);
            if let Some(found) = found.map_err(|error| self.unreadable(until, error))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp, the first of them, below `until`.
    ///
    /// # Errors
    /// [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn find_max_time(&self, until: i64) -> Result<Option<(i64, i64)>, ErrorCode> {
        let largest = {
            let inner = self.inner.lock();
            inner.segments().map(Segment::max_timestamp_ms).max().filter(|time| *time >= 0)
        };
        match largest {
            Some(largest) => self.find_time(largest, until),
            None => Ok(None),
        }
    }

    /// Segments from one on, with the time entries of the one that has them in memory.
    fn sources(&self, inner: &Inner, from: usize) -> Vec<(Source, Option<Vec<TimeEntry>>)> {
        let sealed = inner.sealed.len();
        let one = |(at, segment): (usize, &Segment)| {
            let file = (at == sealed).then(|| inner.file.clone());
            let source = Source { file, base_offset: segment.base_offset(), len: segment.len() };
            (source, (at == sealed).then(|| segment.times().to_vec()))
        };
        inner.segments().enumerate().skip(from).map(one).collect()
    }

    fn time_start(&self, source: &Source, times: Option<Vec<TimeEntry>>, timestamp_ms: i64) -> i64 {
        let relative = match times {
            Some(times) => offset_before_time(&times, timestamp_ms),
            None => self.with_index(source.base_offset, "timeindex", |bytes| {
                offset_before_time(files::time_entries(bytes), timestamp_ms)
            }),
        };
        source.base_offset + i64::from(relative)
    }

    /// The first record at or behind `from` with a timestamp of `timestamp_ms` or later, among batches that fit.
    fn find_record(
        &self,
        source: &Source,
        from: i64,
        until: i64,
        fits: impl Fn(&Head) -> bool,
        timestamp_ms: i64,
    ) -> Result<Option<(i64, i64)>, IoError> {
        let file = self.file_of(source)?;
        let mut position = {
            let relative = u32::try_from(from - source.base_offset).unwrap_or(0);
            let inner = self.inner.lock();
            if inner.active.base_offset() == source.base_offset {
                u64::from(position_of(inner.active.offsets(), relative))
            } else {
                drop(inner);
                let find = |bytes: &[u8]| position_of(files::offset_entries(bytes), relative);
                u64::from(self.with_index(source.base_offset, "index", find))
            }
        };
        let start = self.inner.lock().rules.log_start();
        while let Some((head, at)) =
            find(&*file, source.len, position, |head| head.last_offset >= start && fits(head))?
        {
            if head.base_offset >= until {
                return Ok(None);
            }
            let mut bytes = vec![0; head.len];
            file.read_exact_at(at, &mut bytes)?;
            if let Some(found) = record_at(&bytes, timestamp_ms, start) {
                return Ok(Some(found));
            }
            position = at + head.len as u64;
        }
        Ok(None)
    }

    /// Gives every batch of the log in order to `body`, until that says no.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn walk(&self, mut body: impl FnMut(&Batch<'_>) -> bool) -> Result<(), IoError> {
        let sources = self.sources(&self.inner.lock(), 0);
        for (source, _) in sources {
            let file = self.file_of(&source)?;
            let (mut position, mut bytes) = (0, Vec::new());
            while let Some((head, at)) = find(&*file, source.len, position, |_| true)? {
                bytes.resize(head.len, 0);
                file.read_exact_at(at, &mut bytes)?;
                let Ok((batch, _)) = Batch::split(&bytes, at) else {
                    return Err(IoError::UnexpectedEnd { wanted: head.len as u64, got: 0 });
                };
                if !body(&batch) {
                    return Ok(());
                }
                position = at + head.len as u64;
            }
        }
        Ok(())
    }
}

/// The first batch from a position on that fits.
pub(super) fn find(
    file: &dyn File,
    len: u64,
    mut position: u64,
    fits: impl Fn(&Head) -> bool,
) -> Result<Option<(Head, u64)>, IoError> {
    let mut window = [0; WINDOW_LEN];
    let (mut start, mut filled) = (position, 0);
    while position + HEAD_LEN as u64 <= len {
        let inside = usize::try_from(position - start).unwrap_or(usize::MAX);
        if inside.saturating_add(HEAD_LEN) > filled {
            filled = WINDOW_LEN.min(usize::try_from(len - position).unwrap_or(usize::MAX));
            file.read_exact_at(position, &mut window[..filled])?;
            start = position;
            continue;
        }
        let Some(head) = Head::read(&window[inside..filled]) else {
            return Err(IoError::UnexpectedEnd { wanted: HEAD_LEN as u64, got: 0 });
        };
        if position + head.len as u64 > len {
            return Ok(None);
        }
        if fits(&head) {
            return Ok(Some((head, position)));
        }
        position += head.len as u64;
    }
    Ok(None)
}

/// The first record of a batch with a timestamp of `timestamp_ms` or later that the log has not deleted.
fn record_at(bytes: &[u8], timestamp_ms: i64, start: i64) -> Option<(i64, i64)> {
    let (batch, _) = Batch::split(bytes, 0).ok()?;
    let mut expanded = Vec::new();
    dolmen_kafka::compression::expand(
        &batch,
        &dolmen_blocks::Libraries,
        dolmen_kafka::limits::PRODUCED_EXPANDED_LEN_MAX,
        &mut expanded,
    )
    .ok()?;
    let found = batch
        .records(&expanded)
        .ok()?
        .find(|record| batch.timestamp_of(record) >= timestamp_ms && batch.offset_of(record) >= start)?;
    Some((batch.timestamp_of(&found), batch.offset_of(&found)))
}

/// Bytes of an index file that is read.
const INDEX_LEN_MAX: u64 = 1 << 30;

/// What goes.
impl PartitionLog {
    /// Everything before `offset` goes; −1 means everything that is durable. Gives where the log begins now.
    ///
    /// # Errors
    /// [`ErrorCode::OFFSET_OUT_OF_RANGE`], [`ErrorCode::KAFKA_STORAGE_ERROR`].
    pub fn delete_records(&self, offset: i64) -> Result<i64, ErrorCode> {
        let start = {
            let mut inner = self.inner.lock();
            inner.usable()?;
            let offset = if offset == -1 { inner.rules.high_watermark() } else { offset };
            if offset < 0 || offset > inner.rules.high_watermark() {
                return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
            }
            inner.rules.delete_until(offset);
            inner.rules.log_start()
        };
        self.shared.checkpoints.set_log_start(&self.place, start).map_err(|error| {
            tracing::error!(target: "kafka", "where logs begin cannot be written: {error}");
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
        Ok(start)
    }

    /// Deletes segments whose time is over, and forgets producers. Gives how many segments went.
    ///
    /// # Errors
    /// What a file refused.
    pub fn retain(self: &Arc<Self>, now_ms: i64, producers_before_ms: i64) -> Result<usize, IoError> {
        let mut inner = self.inner.lock();
        if inner.usable().is_err() {
            return Ok(0);
        }
        inner.rules.expire_producers(producers_before_ms);
        let is_durable = inner.rules.high_watermark() == inner.rules.log_end();
        if is_durable && retention::is_active_over(&inner.active, &inner.settings, now_ms) {
            let rolled = self.roll(&mut inner, now_ms);
            if let Err(error) = rolled {
                self.fail(&mut inner, error);
                return Err(error);
            }
        }
        let (start, end) = (inner.rules.log_start(), inner.rules.high_watermark());
        let count = retention::expired(inner.segments(), &inner.settings, start, end, now_ms);
        let gone: Vec<Segment> = inner.sealed.drain(..count).collect();
        let first = inner.sealed.first().unwrap_or(&inner.active).base_offset();
        let start = start.max(first);
        inner.rules.delete_until(start);
        drop(inner);
        if count > 0 {
            self.shared.checkpoints.set_log_start(&self.place, start)?;
        }
        for segment in &gone {
            self.delete_files(segment.base_offset(), first)?;
        }
        Ok(count)
    }

    /// Deletes a segment's files; a snapshot that the log still begins with stays.
    fn delete_files(&self, base_offset: i64, first: i64) -> Result<(), IoError> {
        for suffix in ["log", "index", "timeindex", "txnindex", "snapshot"] {
            if suffix == "snapshot" && base_offset >= first {
                continue;
            }
            match self.dir.delete(&file_name(base_offset, suffix)) {
                Ok(()) | Err(IoError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The end of an epoch: the largest epoch not above `epoch`, and where the next one begins.
    pub fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        let inner = self.inner.lock();
        let after = inner.epochs.partition_point(|(known, _)| *known <= epoch);
        if epoch > inner.leader_epoch() {
            return None;
        }
        let (known, _) = inner.epochs.get(after.checked_sub(1)?)?;
        let end = inner.epochs.get(after).map_or(inner.rules.high_watermark(), |(_, start)| *start);
        Some((*known, end))
    }
}
