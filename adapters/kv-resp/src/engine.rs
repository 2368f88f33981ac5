//! The machine of `dolmen-kv` on a store: one lock, the way of a generation to the disk, answers back.
//!
//! 1. A turn that changed something hands the machine its ticket and lets go of the lock. One task lets what is ready to run come together,
//!    encodes the generation and submits it to the store, whose group commit is the only one.
//! 2. The store's completion publishes what readers see, tells the machine, and wakes everyone who waited. Meanwhile the next generation
//!    collects.
//! 3. What has to wait for the disk first (a column family to be made, the last key of one that is cleared) is encoded on a thread of its
//!    own; it happens at the first write to a database and at FLUSHDB.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use dolmen_kv::pause::Paused;
use dolmen_kv::{Effect, Generation, Input, Reason, layout};
use dolmen_resp::fault::Fault;
use dolmen_resp::keyspace::{Lengths, Pause};
use dolmen_resp::scan::Cursors;
use dolmen_store::{Db, ReadMode, StoreError, WriteError, WriteOptions};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::Settings;
use crate::clients::{Clients, Mailbox};
use crate::events::Refusals;
use crate::stats::Stats;
use crate::views::{Families, Published, StoreBatch, View};

/// How a waiting connection is told.
pub(crate) type Ticket = Arc<Mailbox>;
pub(crate) type Machine = dolmen_kv::Engine<Ticket>;

/// Who is to be told what.
type Answer = (Ticket, Result<(), Reason>);

/// How often what collects may go on growing before it is written.
const GATHER_ROUNDS_MAX: usize = 8;
/// How old a look at the memory in use may be.
const MEMORY_LOOK_MS: u64 = 100;

/// The databases and everything that connections share.
pub struct Engine {
    pub(crate) db: Db,
    pub(crate) families: Families,
    pub(crate) machine: Mutex<Machine>,
    pub(crate) published: ArcSwap<Published>,
    /// Nothing is pending any more.
    idle: Condvar,
    /// Answers that were found outside the runtime, and what wakes whoever gives them.
    answers: Mutex<Vec<Answer>>,
    answering: Notify,
    /// Wakes whoever begins to write.
    committing: Notify,
    /// Wakes the sweep when a key expires earlier than those before.
    pub(crate) expiring: Notify,
    /// Until when the sweep sleeps, Unix milliseconds.
    pub(crate) sweeper_until: AtomicI64,
    pub(crate) cursors: Mutex<Cursors>,
    pub(crate) clients: Clients,
    /// Connections that are shown every command.
    pub(crate) monitors: Mutex<Vec<u64>>,
    pub(crate) monitor_count: AtomicUsize,
    pub(crate) stats: Stats,
    pub(crate) settings: Settings,
    /// See [`Paused`].
    pub(crate) paused: AtomicU64,
    /// What CONFIG SET changes; they begin as the settings say.
    pub(crate) clients_max: AtomicU64,
    pub(crate) idle_timeout_s: AtomicU64,
    /// Wakes whoever closes idle connections.
    pub(crate) timeout_set: Notify,
    pub(crate) memory_max: AtomicU64,
    /// Bytes in use when last looked, and when that was, in milliseconds since the start.
    memory_used: AtomicU64,
    memory_seen_ms: AtomicU64,
    pub(crate) memory_peak: AtomicU64,
    /// Bytes of changes that were pending at the end of the last turn.
    pub(crate) pending_bytes: AtomicU64,
    /// Bytes of half-received requests of all connections.
    pub(crate) receiving: AtomicU64,
    pub(crate) started: Instant,
    pub(crate) refusals: Refusals,
    /// Unix seconds of the last SAVE or BGSAVE, or of the start.
    pub(crate) last_save: AtomicU64,
    pub(crate) saving: AtomicUsize,
    /// Why the last write failed, if it did.
    pub(crate) write_error: Mutex<Option<Reason>>,
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
fn reason(error: &WriteError) -> Reason {
    match error {
        WriteError::Io { error, .. } | WriteError::Poisoned(error) => error.to_string().into(),
        other => other.to_string().into(),
    }
}

fn store_reason(error: &StoreError) -> Reason {
    match error {
        StoreError::Write(error) => reason(error),
        StoreError::Io { error, .. } => error.to_string().into(),
        other => other.to_string().into(),
    }
}

impl Engine {
    /// Takes over an open store.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds of ours is damaged.
    pub fn start(db: Db, settings: Settings) -> Result<Arc<Engine>, StoreError> {
        let families = Families::open(&db)?;
        let snapshot = db.snapshot();
        let view = View::new(&db, &families, Some(snapshot.sequence()), ReadMode::MayBlock);
        let state = layout::load(&view, snapshot.sequence().get()).map_err(|fault| match fault {
            Fault::Text(text) => StoreError::Invalid(text),
            other => StoreError::Invalid(format!("the keys cannot be counted: {other}")),
        })?;
        let lengths = Lengths { key_max: settings.key_len_max, value_max: settings.value_len_max };
        Ok(Arc::new(Engine {
            machine: Mutex::new(Machine::new(state, lengths, random())),
            published: ArcSwap::from_pointee(Published { state, snapshot }),
            families,
            db,
            idle: Condvar::new(),
            answers: Mutex::default(),
            answering: Notify::new(),
            committing: Notify::new(),
            expiring: Notify::new(),
            sweeper_until: AtomicI64::new(i64::MIN),
            cursors: Mutex::new(Cursors::new(random() % (1 << 48))),
            clients: Clients::default(),
            monitors: Mutex::default(),
            monitor_count: AtomicUsize::new(0),
            stats: Stats::default(),
            paused: AtomicU64::new(0),
            clients_max: AtomicU64::new(settings.clients_max.into()),
            idle_timeout_s: AtomicU64::new(settings.idle_timeout_s.into()),
            timeout_set: Notify::new(),
            memory_max: AtomicU64::new(settings.memory_max),
            memory_used: AtomicU64::new(0),
            memory_seen_ms: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            pending_bytes: AtomicU64::new(0),
            receiving: AtomicU64::new(0),
            started: Instant::now(),
            refusals: Refusals::new(),
            last_save: AtomicU64::new(clock_us() / 1_000_000),
            saving: AtomicUsize::new(0),
            write_error: Mutex::new(None),
            settings,
        }))
    }

    pub(crate) fn monotonic_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// What CLIENT PAUSE holds back now.
    pub(crate) fn paused(&self) -> Option<Pause> {
        match self.paused.load(Relaxed) {
            0 => None,
            paused => Paused(paused).what(self.monotonic_ms()),
        }
    }

    /// Bytes of memtables, block cache, receive buffers and changes that are not written yet.
    pub(crate) fn memory_used(&self) -> u64 {
        let used = self.settled_memory() + self.pending_bytes.load(Relaxed);
        self.memory_peak.fetch_max(used, Relaxed);
        used
    }

    fn settled_memory(&self) -> u64 {
        let store = self.db.stats();
        store.memtable_bytes + store.cache_bytes + self.receiving.load(Relaxed)
    }

    /// Whether more memory is in use than the limit: what is pending counts as it is, the rest as of the last tenth of a second.
    pub(crate) fn out_of_memory(&self, pending: u64) -> bool {
        let max = self.memory_max.load(Relaxed);
        if max == 0 {
            return false;
        }
        let now = self.monotonic_ms();
        let seen = self.memory_seen_ms.load(Relaxed);
        if seen == 0 || now - seen.min(now) > MEMORY_LOOK_MS {
            self.memory_used.store(self.settled_memory(), Relaxed);
            self.memory_seen_ms.store(now.max(1), Relaxed);
        }
        self.memory_used.load(Relaxed) + pending > max
    }

    /// Lets go of the lock and does what the machine wishes; what there is to write is left to [`Engine::commit_always`].
    pub(crate) fn drive(&self, mut machine: MutexGuard<'_, Machine>) {
        let mut answers = Vec::new();
        while let Some(effect) = machine.poll_answers() {
            // The sweep asks by itself.
            if let Effect::Answer { ticket, result } = effect {
                answers.push((ticket, result));
            }
        }
        let write = machine.wants_to_write().is_some();
        self.pending_bytes.store(machine.pending_len() as u64, Relaxed);
        let until = self.sweeper_until.load(Relaxed);
        if machine.next_deadline().is_some_and(|at| at < until) {
            self.sweeper_until.store(i64::MIN, Relaxed);
            self.expiring.notify_one();
        }
        // A generation has ended, or there is nothing to wait for.
        self.idle.notify_all();
        drop(machine);
        if write {
            self.committing.notify_one();
        }
        self.tell(answers);
    }

    /// Begins to write what has come together, whenever there is something, as long as the server runs. Connections that are ready to run
    /// have their turn first, so that one sync serves them all.
    pub(crate) async fn commit_always(self: Arc<Self>) {
        loop {
            self.committing.notified().await;
            let mut seen = None;
            for _ in 0..GATHER_ROUNDS_MAX {
                tokio::task::yield_now().await;
                let commands = self.machine.lock().wants_to_write();
                if commands == seen {
                    break;
                }
                seen = commands;
            }
            self.commit();
        }
    }

    /// Begins to write what has come together, if nothing is in flight.
    fn commit(self: &Arc<Self>) {
        let generation = {
            let mut machine = self.machine.lock();
            let mut effects = Vec::new();
            let mut write = None;
            while let Some(effect) = machine.poll() {
                match effect {
                    Effect::Write(generation) => write = Some(generation),
                    Effect::Answer { ticket, result } => effects.push((ticket, result)),
                    Effect::Sweep { .. } => {}
                }
            }
            drop(machine);
            self.tell(effects);
            write
        };
        let Some(generation) = generation else { return };
        let clears = (0..layout::DATABASE_COUNT as u8).any(|slot| generation.cleared(slot).is_some());
        if !clears && self.families.has(generation.dirty()) {
            return self.write(generation);
        }
        let engine = self.clone();
        let id = generation.id();
        let spawned = std::thread::Builder::new().name("kv-prepare".into()).spawn(move || {
            match engine.families.make(&engine.db, generation.dirty()) {
                Ok(()) => engine.write(generation),
                Err(error) => engine.written(&generation, Err(store_reason(&error))),
            }
        });
        if let Err(error) = spawned {
            let result = Err(format!("cannot start a thread: {error}").into());
            let mut machine = self.machine.lock();
            machine.handle(clock_ms(), Input::Written { id, result });
            self.drive(machine);
        }
    }

    /// Gives answers. Waking a task from outside the runtime takes a lock and often a system call, so that from there one task is woken,
    /// which wakes the others.
    fn tell(&self, mut answers: Vec<Answer>) {
        if answers.len() < 2 || tokio::runtime::Handle::try_current().is_ok() {
            return answers.into_iter().for_each(|(ticket, result)| ticket.answer(result));
        }
        self.answers.lock().append(&mut answers);
        self.answering.notify_one();
    }

    /// Gives the answers that were found outside the runtime, as long as the server runs.
    pub(crate) async fn tell_always(self: Arc<Self>) {
        loop {
            self.answering.notified().await;
            let answers = std::mem::take(&mut *self.answers.lock());
            answers.into_iter().for_each(|(ticket, result)| ticket.answer(result));
        }
    }

    /// Encodes a generation and hands it to the store.
    fn write(self: &Arc<Self>, generation: Arc<Generation>) {
        let mut batch = StoreBatch::new(&self.db, &self.families, generation.weight());
        // Nothing else is written meanwhile: this is the last sequence number that the store has given.
        let last = self.db.snapshot().sequence().get();
        layout::encode(&generation, last, &mut batch);
        if let Some(error) = batch.error {
            return self.written(&generation, Err(store_reason(&error)));
        }
        let (engine, started) = (self.clone(), Instant::now());
        let done = move |result: Result<_, WriteError>| {
            engine.stats.commit(generation.commands(), started.elapsed());
            if let Err(error) = &result {
                tracing::error!(target: "kv", "writes are refused: {error}");
            }
            engine.written(&generation, result.map(|_| ()).map_err(|error| reason(&error)));
        };
        self.db.submit(batch.batch, WriteOptions::default(), Box::new(done));
    }

    /// A generation came to its end.
    fn written(self: &Arc<Self>, generation: &Generation, result: Result<(), Reason>) {
        *self.write_error.lock() = result.as_ref().err().cloned();
        let mut machine = self.machine.lock();
        machine.handle(clock_ms(), Input::Written { id: generation.id(), result });
        // The store shows this generation, and the next is not written before this lock is let go.
        self.published.store(Arc::new(Published { state: *machine.visible(), snapshot: self.db.snapshot() }));
        self.drive(machine);
    }

    /// Whether the server can do all of its work.
    ///
    /// # Errors
    /// Why writes are refused, or will be: a flush or compaction that failed, with file and place where a table is damaged.
    pub fn ready(&self) -> Result<(), String> {
        if let Some(reason) = &*self.write_error.lock() {
            return Err(format!("writes are refused: {reason}"));
        }
        if let Some(trouble) = self.db.stats().trouble() {
            return Err(trouble);
        }
        // Files that are open go on without a name; what is written to them ends with this process.
        let dir = std::path::Path::new(&self.settings.dir);
        if !self.settings.dir.is_empty() && !dir.join("kv/CURRENT").exists() {
            return Err(format!("the data directory is gone: {} holds no kv/CURRENT", dir.display()));
        }
        Ok(())
    }

    /// Writes what is collected and closes the store. Nobody is to change anything any more.
    ///
    /// # Errors
    /// The last sync failed.
    pub fn close(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            // Nobody else does it any more.
            self.commit();
            let mut machine = self.machine.lock();
            if !machine.has_pending() {
                break;
            }
            if machine.wants_to_write().is_none() {
                self.idle.wait(&mut machine);
            }
        }
        self.db.close()
    }
}
