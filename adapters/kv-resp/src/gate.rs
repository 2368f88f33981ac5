//! One turn of a connection: its ways to the keys, and what it is told about the server.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use arc_swap::Guard;
use dolmen_host::process::{cpu_seconds, resident_bytes};
use dolmen_kv::env::Run;
use dolmen_kv::info::{CommandFacts, Facts, Sync};
use dolmen_kv::pause::Paused;
use dolmen_kv::{Env, Gate, State};
use dolmen_resp::client::Row;
use dolmen_resp::command::COMMANDS;
use dolmen_resp::keyspace::{KillFilter, Pause};
use dolmen_resp::monitor;
use dolmen_resp::request::Words;
use dolmen_resp::scan::Cursors;
use dolmen_resp::session::Session;
use dolmen_store::{ReadMode, SyncPolicy};
use parking_lot::MutexGuard;

use crate::engine::{Engine, Machine, Ticket, clock_us, random};
use crate::views::{Published, View};

/// See the module.
pub(crate) struct Turn<'a> {
    published: Guard<Arc<Published>>,
    then: View<'a>,
    now: View<'a>,
    lock: Option<MutexGuard<'a, Machine>>,
    server: Server<'a>,
}

/// The server, for one turn of the connection at `addr`.
pub(crate) struct Server<'a> {
    engine: &'a Engine,
    addr: &'a str,
}

impl<'a> Turn<'a> {
    /// Begins without the lock. Reads that need a file wait for it, or answer that they would, as `mode` says.
    pub fn new(engine: &'a Engine, addr: &'a str, mode: ReadMode) -> Self {
        let published = engine.published.load();
        let sequence = published.snapshot.sequence();
        Turn {
            then: View::new(&engine.db, &engine.families, Some(sequence), mode),
            now: View::new(&engine.db, &engine.families, None, mode),
            published,
            lock: None,
            server: Server { engine, addr },
        }
    }

    /// Ends it: the lock, if it was taken.
    pub fn into_lock(self) -> Option<MutexGuard<'a, Machine>> {
        self.lock
    }

    pub fn state(&self) -> &State {
        &self.published.state
    }

    pub fn then(&self) -> &View<'a> {
        &self.then
    }
}

impl<'a> Gate for Turn<'a> {
    type Ticket = Ticket;
    type Store = View<'a>;
    type Env = Server<'a>;

    fn env(&mut self) -> &mut Server<'a> {
        &mut self.server
    }

    fn read(&mut self) -> (&State, &View<'a>, &mut Server<'a>) {
        (&self.published.state, &self.then, &mut self.server)
    }

    fn write(&mut self) -> (&mut Machine, &View<'a>, &mut Server<'a>) {
        let engine = self.server.engine;
        let machine = self.lock.get_or_insert_with(|| engine.machine.lock());
        (machine, &self.now, &mut self.server)
    }

    fn is_locked(&self) -> bool {
        self.lock.is_some()
    }
}

impl Env for Server<'_> {
    fn clock_us(&self) -> u64 {
        clock_us()
    }

    fn monotonic_ns(&self) -> u64 {
        self.engine.started.elapsed().as_nanos() as u64
    }

    fn random(&mut self) -> u64 {
        random()
    }

    fn has_password(&self) -> bool {
        self.engine.settings.password.is_some()
    }

    fn check_password(&self, password: &[u8]) -> bool {
        let right = self.engine.settings.password.as_deref().unwrap_or("");
        let is_right = dolmen_host::same(password, right.as_bytes());
        if !is_right {
            self.engine.refusals.tell(self.addr, "its password is wrong");
        }
        is_right
    }

    fn facts(&self) -> Facts {
        let (engine, stats, settings) = (self.engine, &self.engine.stats, &self.engine.settings);
        let store = engine.db.stats();
        let (used_cpu_user, used_cpu_sys) = cpu_seconds();
        let commands = COMMANDS.iter().zip(&stats.commands).filter(|(spec, _)| spec.is_public());
        let commands = commands.map(|(spec, c)| CommandFacts {
            name: spec.name,
            calls: c.calls.load(Relaxed),
            usec: c.nanos.load(Relaxed) / 1000,
            rejected: c.rejected.load(Relaxed),
            failed: c.failed.load(Relaxed),
        });
        Facts {
            dolmen_version: env!("CARGO_PKG_VERSION"),
            sync: match settings.sync {
                SyncPolicy::Always => Sync::Always,
                SyncPolicy::Interval(_) => Sync::Interval,
                SyncPolicy::Never => Sync::Never,
            },
            os: std::env::consts::OS,
            arch_bits: usize::BITS,
            process_id: std::process::id(),
            run_id: settings.run_id.clone(),
            tcp_port: settings.listen.port(),
            bind: settings.listen.ip().to_string(),
            dir: settings.dir.clone(),
            uptime_in_seconds: engine.started.elapsed().as_secs(),
            connected_clients: engine.clients.count() as u64,
            maxclients: engine.clients_max.load(Relaxed),
            timeout_s: engine.idle_timeout_s.load(Relaxed),
            used_memory: engine.memory_used(),
            used_memory_rss: resident_bytes(),
            used_memory_peak: engine.memory_peak.load(Relaxed),
            maxmemory: engine.memory_max.load(Relaxed),
            memtable_bytes: store.memtable_bytes,
            block_cache_bytes: store.cache_bytes,
            pending_bytes: engine.pending_bytes.load(Relaxed),
            write_error: engine.write_error.lock().as_deref().map(str::to_owned),
            aof_current_size: store.wal_bytes,
            last_save: engine.last_save.load(Relaxed),
            saving: engine.saving.load(Relaxed) > 0,
            wal_syncs: store.wal_syncs,
            commits: stats.commits.load(Relaxed),
            committed_commands: stats.committed_commands.load(Relaxed),
            total_connections_received: stats.connections.load(Relaxed),
            total_commands_processed: stats.processed.load(Relaxed),
            total_net_input_bytes: stats.bytes_in.load(Relaxed),
            total_net_output_bytes: stats.bytes_out.load(Relaxed),
            rejected_connections: stats.refused_connections.load(Relaxed),
            expired_keys: stats.expired.load(Relaxed),
            keyspace_hits: stats.hits.load(Relaxed),
            keyspace_misses: stats.misses.load(Relaxed),
            used_cpu_sys,
            used_cpu_user,
            commands: commands.collect(),
        }
    }

    fn reset_stats(&mut self) {
        self.engine.stats.reset();
    }

    fn ran(&mut self, run: &Run, took_ns: u64) {
        self.engine.stats.ran(run, took_ns);
    }

    fn clients(&self, asking: &Session) -> Vec<Row> {
        self.engine.clients.rows(asking)
    }

    fn kill(&mut self, filter: &KillFilter) -> usize {
        self.engine.clients.kill(filter)
    }

    fn pause(&mut self, duration_ms: u64, what: Pause) {
        let now = self.engine.monotonic_ms();
        let widen = |old| Some(Paused(old).widened(now, duration_ms, what).0);
        let _ = self.engine.paused.fetch_update(AcqRel, Acquire, widen);
    }

    fn unpause(&mut self) {
        self.engine.paused.store(0, Relaxed);
    }

    fn paused(&self) -> Option<Pause> {
        self.engine.paused()
    }

    fn configure(&mut self, name: &'static str, value: u64) {
        let place = match name {
            "maxclients" => &self.engine.clients_max,
            "maxmemory" => &self.engine.memory_max,
            _ => &self.engine.idle_timeout_s,
        };
        place.store(value, Relaxed);
        self.engine.timeout_set.notify_one();
    }

    fn out_of_memory(&self, pending: u64) -> bool {
        self.engine.out_of_memory(pending)
    }

    fn replies_are_durable(&self) -> bool {
        self.engine.settings.sync == SyncPolicy::Always
    }

    fn last_save(&self) -> u64 {
        self.engine.last_save.load(Relaxed)
    }

    fn can_shut_down(&self) -> bool {
        self.engine.settings.shutdown.is_some()
    }

    fn with_cursors<R>(&mut self, with: impl FnOnce(&mut Cursors) -> R) -> R {
        with(&mut self.engine.cursors.lock())
    }

    fn is_monitored(&self) -> bool {
        self.engine.monitor_count.load(Relaxed) > 0
    }

    fn show(&mut self, db: u8, words: &Words<'_>) {
        let line: Arc<[u8]> = monitor::line(clock_us(), db, self.addr, words).into();
        self.engine.clients.show(&line, &self.engine.monitors.lock());
    }
}
