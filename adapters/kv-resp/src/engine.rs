//! Changes of keys, from command to disk.
//!
//! 1. A connection takes the lock, runs its commands, and leaves what they changed in two places: the **batch** that is
//!    being collected, and the **overlay** (what keys will be once it is written). Later commands under the lock read the
//!    overlay first, so that they build on changes which are not durable yet.
//! 2. One thread takes the collected batch, writes it (one sync for all connections), drops its part of the overlay and
//!    wakes everyone who waited. Meanwhile the next batch collects. At most one batch is in flight.
//! 3. If a write fails, the batch behind it was built on it and fails too: the overlay is dropped whole, and both groups
//!    hear the reason.
//!
//! Plain reads take no lock: they see what the store has completed, and never wait for a sync.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dolmen_resp::fault::Fault;
use dolmen_resp::keyspace::Pause;
use dolmen_resp::limits::DATABASES;
use dolmen_resp::scan::Cursors;
use dolmen_store::{Db, Family, ReadOptions, StoreError, WriteBatch, WriteError, WriteOptions};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::Settings;
use crate::clients::Clients;
use crate::layout::{self, AllCounts, Counts, EXPIRES, SLOTS_KEY, Slots};
use crate::stats::Stats;

const DATABASE_COUNT: usize = DATABASES as usize;

/// What a key will be: value and expiry, or nothing.
pub(crate) type Future = Option<(Arc<[u8]>, Option<i64>)>;

/// Whether a key is there, and its expiry.
pub(crate) type Presence = Option<Option<i64>>;

/// Keys with what they will be and by which generation of the batch. Only walks need an order, and few walk while they change.
pub(crate) type Overlay = HashMap<Vec<u8>, (u64, Future)>;

/// Everyone who waits for one batch.
#[derive(Default)]
pub(crate) struct Group {
    result: OnceLock<Result<(), Arc<str>>>,
    notify: Notify,
}

impl Group {
    fn finish(&self, result: Result<(), Arc<str>>) {
        if self.result.set(result).is_ok() {
            self.notify.notify_waiters();
        }
    }

    /// Waits until the batch is written; the reason if it was not.
    pub async fn wait(&self) -> Result<(), Arc<str>> {
        let mut notified = std::pin::pin!(self.notify.notified());
        notified.as_mut().enable();
        if self.result.get().is_none() {
            notified.await;
        }
        self.result.get().cloned().unwrap_or(Ok(()))
    }
}

/// What is behind the lock.
pub(crate) struct Exec {
    /// Per database: what keys will be, and by which generation of the batch.
    pub overlay: [Overlay; DATABASE_COUNT],
    /// Per database: the generation that flushed it, if that is not written yet.
    pub cleared: [Option<u64>; DATABASE_COUNT],
    /// The order of the databases with everything collected.
    pub slots: Slots,
    /// Counts with everything collected.
    pub counts: AllCounts,
    /// The batch being collected, and its number.
    pub batch: WriteBatch,
    /// Its number.
    pub generation: u64,
    /// Bit per database that it changes.
    pub dirty: u16,
    /// Commands in it.
    pub commands: u64,
    collecting: Arc<Group>,
    in_flight: Option<Arc<Group>>,
    /// Watched keys: how many watch, how often changed.
    pub watched: HashMap<(u8, Vec<u8>), (usize, u64)>,
    closing: bool,
}

/// The databases and everything that connections share.
pub struct Engine {
    pub(crate) db: Db,
    pub(crate) expires: Family,
    families: [OnceLock<Family>; DATABASE_COUNT],
    exec: Mutex<Exec>,
    work: Condvar,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// The order of the databases, completed.
    slots: AtomicU64,
    /// Counts of what is completed.
    pub(crate) completed: Mutex<AllCounts>,
    /// Whether a database may hold keys that expire, completed or not.
    pub(crate) may_expire: [AtomicBool; DATABASE_COUNT],
    /// Wakes the sweep when the first key with an expiry arrives.
    pub(crate) expiring: Notify,
    pub(crate) cursors: Mutex<Cursors>,
    pub(crate) clients: Clients,
    pub(crate) stats: Stats,
    pub(crate) settings: Settings,
    /// Twice the end of CLIENT PAUSE in Unix milliseconds, plus 1 if all commands are held back; 0: nothing is.
    pub(crate) paused: AtomicU64,
    /// What CONFIG SET changes; they begin as the settings say.
    pub(crate) clients_max: AtomicU64,
    pub(crate) idle_timeout_s: AtomicU64,
    pub(crate) memory_max: AtomicU64,
    /// Bytes in use when last looked, and when that was, in milliseconds since the start.
    memory_used: AtomicU64,
    memory_seen_ms: AtomicU64,
    pub(crate) memory_peak: AtomicU64,
    /// Bytes of half-received requests of all connections.
    pub(crate) receiving: AtomicU64,
    pub(crate) started: Instant,
    /// Why the last write failed, if it did.
    pub(crate) write_error: Mutex<Option<Arc<str>>>,
}

/// The Unix clock in microseconds.
pub(crate) fn clock_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// The Unix clock in milliseconds.
pub(crate) fn clock_ms() -> i64 {
    (clock_us() / 1000) as i64
}

/// An unpredictable number: the hasher's keys come from the operating system.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// The short text that stands in -MISCONF.
fn reason(error: &WriteError) -> Arc<str> {
    match error {
        WriteError::Io { error, .. } | WriteError::Poisoned(error) => error.to_string().into(),
        other => other.to_string().into(),
    }
}

impl Engine {
    /// Takes over an open store and starts its writing thread.
    pub fn start(db: Db, settings: Settings) -> Result<Arc<Engine>, StoreError> {
        let expires = match db.family(EXPIRES) {
            Some(family) => family,
            None => db.create_family(EXPIRES)?,
        };
        let families = std::array::from_fn(|i| db.family(&layout::family_name(i as u8)));
        let slots = load_slots(&db, &expires)?;
        let counts = load_counts(&db, &expires, &families)?;
        let exec = Exec {
            overlay: Default::default(),
            cleared: [None; DATABASE_COUNT],
            slots,
            counts,
            batch: WriteBatch::new(),
            generation: 1,
            dirty: 0,
            commands: 0,
            collecting: Arc::default(),
            in_flight: None,
            watched: HashMap::new(),
            closing: false,
        };
        let engine = Arc::new(Engine {
            db,
            expires,
            families: families.map(|family| family.map_or_else(OnceLock::new, OnceLock::from)),
            exec: Mutex::new(exec),
            work: Condvar::new(),
            writer: Mutex::new(None),
            slots: AtomicU64::new(slots.0),
            completed: Mutex::new(counts),
            may_expire: std::array::from_fn(|i| AtomicBool::new(counts[i].expires > 0)),
            expiring: Notify::new(),
            cursors: Mutex::new(Cursors::new(random() % (1 << 48))),
            clients: Clients::default(),
            stats: Stats::default(),
            paused: AtomicU64::new(0),
            clients_max: AtomicU64::new(settings.clients_max.into()),
            idle_timeout_s: AtomicU64::new(settings.idle_timeout_s.into()),
            memory_max: AtomicU64::new(settings.memory_max),
            memory_used: AtomicU64::new(0),
            memory_seen_ms: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            settings,
            receiving: AtomicU64::new(0),
            started: Instant::now(),
            write_error: Mutex::new(None),
        });
        let writer = engine.clone();
        let spawned =
            std::thread::Builder::new().name("kv-commit".into()).spawn(move || writer.commit_loop());
        let spawned =
            spawned.map_err(|e| StoreError::Invalid(format!("cannot start the writing thread: {e}")))?;
        *engine.writer.lock() = Some(spawned);
        Ok(engine)
    }

    /// The order of the databases, completed.
    pub(crate) fn slots(&self) -> Slots {
        Slots(self.slots.load(Ordering::Acquire))
    }

    /// What CLIENT PAUSE holds back now.
    pub(crate) fn paused(&self) -> Option<Pause> {
        let paused = self.paused.load(Ordering::Acquire);
        let what = if paused & 1 == 1 { Pause::All } else { Pause::Write };
        (paused > 0 && paused / 2 > clock_ms() as u64).then_some(what)
    }

    /// Bytes of memtables, block cache and receive buffers now.
    pub(crate) fn memory_used(&self) -> u64 {
        let store = self.db.stats();
        let used = store.memtable_bytes + store.cache_bytes + self.receiving.load(Ordering::Relaxed);
        self.memory_peak.fetch_max(used, Ordering::Relaxed);
        used
    }

    /// Whether more memory is in use than the limit, as of the last tenth of a second.
    pub(crate) fn out_of_memory(&self) -> bool {
        let max = self.memory_max.load(Ordering::Relaxed);
        if max == 0 {
            return false;
        }
        let now = self.started.elapsed().as_millis() as u64;
        let seen = self.memory_seen_ms.load(Ordering::Relaxed);
        if seen == 0 || now - seen.min(now) > 100 {
            self.memory_used.store(self.memory_used(), Ordering::Relaxed);
            self.memory_seen_ms.store(now.max(1), Ordering::Relaxed);
        }
        self.memory_used.load(Ordering::Relaxed) > max
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Exec> {
        self.exec.lock()
    }

    pub(crate) fn family(&self, db: u8) -> Option<&Family> {
        self.families[usize::from(db)].get()
    }

    /// The family of a database, created if need be.
    pub(crate) fn ensure_family(&self, db: u8) -> Result<&Family, Fault> {
        if let Some(family) = self.family(db) {
            return Ok(family);
        }
        let family = self.db.create_family(&layout::family_name(db)).map_err(|error| match error {
            StoreError::Write(error) => Fault::Unwritable(reason(&error).to_string()),
            StoreError::Io { error, .. } => Fault::Unwritable(error.to_string()),
            other => Fault::Unwritable(other.to_string()),
        })?;
        Ok(self.families[usize::from(db)].get_or_init(|| family))
    }

    /// Ends a stay under the lock: what to wait for before the replies may leave. A stay without changes waits for
    /// everything that it may have seen.
    pub(crate) fn finish(&self, exec: &mut Exec) -> Option<Arc<Group>> {
        if exec.batch.is_empty() {
            return exec.in_flight.clone();
        }
        if exec.in_flight.is_none() {
            self.work.notify_one();
        }
        Some(exec.collecting.clone())
    }

    fn commit_loop(&self) {
        let mut exec = self.exec.lock();
        loop {
            if exec.batch.is_empty() {
                if exec.closing {
                    return;
                }
                self.work.wait(&mut exec);
                continue;
            }
            let batch = self.seal(&mut exec);
            let (generation, counts, commands) = (exec.generation, exec.counts, exec.commands);
            let slots = exec.slots;
            let group = std::mem::take(&mut exec.collecting);
            exec.in_flight = Some(group.clone());
            exec.generation += 1;
            exec.commands = 0;
            exec.dirty = 0;
            let written = MutexGuard::unlocked(&mut exec, || {
                let started = Instant::now();
                let written = self.db.write(batch, WriteOptions::default());
                self.stats.commit(commands, started.elapsed());
                written
            });
            exec.in_flight = None;
            let result = written.map(|_| ()).map_err(|error| {
                self.roll_back(&mut exec, &error);
                reason(&error)
            });
            if result.is_ok() {
                self.slots.store(slots.0, Ordering::Release);
                self.settle(&mut exec, generation, counts);
            }
            group.finish(result);
        }
    }

    /// Adds the counts to the batch that is being collected and takes it.
    fn seal(&self, exec: &mut Exec) -> WriteBatch {
        let mut batch = std::mem::take(&mut exec.batch);
        let last = self.db.snapshot().sequence().get()
            + u64::from(batch.count())
            + u64::from(exec.dirty.count_ones());
        for db in (0..DATABASES).filter(|db| exec.dirty >> db & 1 == 1) {
            let record = exec.counts[usize::from(db)].encode(last);
            batch.put(self.expires.id, &layout::count_key(db), &record);
        }
        batch
    }

    /// The batch is written: the store shows it now.
    fn settle(&self, exec: &mut Exec, generation: u64, counts: AllCounts) {
        for (db, count) in counts.iter().enumerate() {
            exec.overlay[db].retain(|_, (of, _)| *of != generation);
            if exec.cleared[db] == Some(generation) {
                exec.cleared[db] = None;
            }
            if count.expires == 0 && exec.counts[db].expires == 0 {
                self.may_expire[db].store(false, Ordering::Release);
            }
        }
        *self.completed.lock() = counts;
        *self.write_error.lock() = None;
    }

    /// The batch is not written: nothing that was built on it may stay.
    fn roll_back(&self, exec: &mut Exec, error: &WriteError) {
        let why = reason(error);
        tracing::error!(target: "kv", "writes are refused: {error}");
        exec.overlay.iter_mut().for_each(Overlay::clear);
        exec.cleared = [None; DATABASE_COUNT];
        exec.slots = self.slots();
        exec.counts = *self.completed.lock();
        exec.batch = WriteBatch::new();
        exec.generation += 1;
        exec.dirty = 0;
        exec.commands = 0;
        *self.write_error.lock() = Some(why.clone());
        std::mem::take(&mut exec.collecting).finish(Err(why));
    }

    /// Writes what is collected, stops the writing thread and closes the store.
    pub fn close(&self) -> Result<(), StoreError> {
        self.lock().closing = true;
        self.work.notify_one();
        // It writes what is collected before it ends.
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
        self.db.close()
    }

    /// What the store holds for a key, expired or not. `at` pins the moment.
    pub(crate) fn stored(&self, db: u8, key: &[u8], options: &ReadOptions) -> Result<Future, Fault> {
        let Some(family) = self.family(db) else { return Ok(None) };
        let Some(value) = self.read(family, key, options)? else { return Ok(None) };
        Ok(Some((value.into(), self.stored_expiry(db, key, options)?)))
    }

    /// Whether the store holds a key, expired or not, and its expiry. Filters answer for most keys that are not there; for one that
    /// is, a block may be read.
    pub(crate) fn stored_presence(
        &self,
        db: u8,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Presence, Fault> {
        let Some(family) = self.family(db) else { return Ok(None) };
        match self.read(family, key, options)? {
            None => Ok(None),
            Some(_) => Ok(Some(self.stored_expiry(db, key, options)?)),
        }
    }

    /// The expiry that the store holds for a key.
    pub(crate) fn stored_expiry(
        &self,
        db: u8,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<i64>, Fault> {
        if !self.may_expire[usize::from(db)].load(Ordering::Acquire) {
            return Ok(None);
        }
        let bytes = self.read(&self.expires, &layout::expiry_key(db, key), options)?;
        Ok(bytes.as_deref().and_then(layout::decode_expiry))
    }

    fn read(&self, family: &Family, key: &[u8], options: &ReadOptions) -> Result<Option<Vec<u8>>, Fault> {
        self.db.get(family, key, options).map_err(unreadable)
    }
}

/// Logs a read error and gives its reply.
pub(crate) fn unreadable(error: StoreError) -> Fault {
    tracing::error!(target: "kv", "{error}");
    Fault::Unreadable
}

/// The order of the databases as SWAPDB left it.
fn load_slots(db: &Db, expires: &Family) -> Result<Slots, StoreError> {
    match db.get(expires, SLOTS_KEY, &ReadOptions::default())? {
        None => Ok(Slots::PLAIN),
        Some(bytes) => Slots::decode(&bytes).ok_or_else(|| {
            StoreError::Invalid("the order of the databases is damaged (key s of family expires)".into())
        }),
    }
}

/// The counts as they were written, or counted anew if someone else wrote to the directory.
fn load_counts(db: &Db, expires: &Family, families: &[Option<Family>]) -> Result<AllCounts, StoreError> {
    let mut counts = AllCounts::default();
    let mut newest = 0;
    for (of, count) in (0..DATABASES).zip(&mut counts) {
        let record = db.get(expires, &layout::count_key(of), &ReadOptions::default())?;
        if let Some((sequence, found)) = record.as_deref().and_then(Counts::decode) {
            *count = found;
            newest = newest.max(sequence);
        }
    }
    if newest == db.snapshot().sequence().get() {
        return Ok(counts);
    }
    for (of, (count, family)) in (0..DATABASES).zip(counts.iter_mut().zip(families)) {
        let keys = family.as_ref().map_or(Ok(0), |family| count_range(db, family, ReadOptions::default()))?;
        let range = ReadOptions {
            lower_bound: Some(vec![b'k', of]),
            upper_bound: Some(vec![b'k', of + 1]),
            ..ReadOptions::default()
        };
        *count = Counts { keys, expires: count_range(db, expires, range)? };
    }
    Ok(counts)
}

fn count_range(db: &Db, family: &Family, range: ReadOptions) -> Result<u64, StoreError> {
    let mut iter = db.iter(family, range)?;
    iter.seek_to_first()?;
    let mut count = 0;
    while iter.valid() {
        count += 1;
        iter.next()?;
    }
    Ok(count)
}
