//! Counters of the server.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dolmen_host::metrics::Histogram;
use dolmen_resp::command::{COMMANDS, CommandSpec, flag};
use dolmen_resp::session::Handled;

/// Families of commands whose durations are counted apart.
pub(crate) const FAMILIES: [&str; 5] = ["read", "write", "transaction", "connection", "server"];

fn family(spec: &CommandSpec) -> usize {
    let flags = [flag::READONLY, flag::WRITE, flag::TRANSACTION, flag::CONNECTION];
    flags.into_iter().position(|f| spec.has(f)).unwrap_or(FAMILIES.len() - 1)
}

/// Counters of one command.
#[derive(Default)]
pub(crate) struct CommandStats {
    pub calls: AtomicU64,
    pub usec: AtomicU64,
    pub rejected: AtomicU64,
    pub failed: AtomicU64,
}

/// All counters; they only rise, but for CONFIG RESETSTAT.
pub(crate) struct Stats {
    pub commands: Vec<CommandStats>,
    /// By family.
    pub durations: [Histogram; FAMILIES.len()],
    pub commit_durations: Histogram,
    pub group_sizes: Histogram,
    pub processed: AtomicU64,
    pub connections: AtomicU64,
    pub refused_connections: AtomicU64,
    pub expired: AtomicU64,
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub commits: AtomicU64,
    pub committed_commands: AtomicU64,
}

impl Default for Stats {
    fn default() -> Stats {
        let zero = AtomicU64::default;
        Stats {
            commands: COMMANDS.iter().map(|_| CommandStats::default()).collect(),
            durations: std::array::from_fn(|_| Histogram::of_durations()),
            commit_durations: Histogram::of_durations(),
            group_sizes: Histogram::of_counts(),
            processed: zero(),
            connections: zero(),
            refused_connections: zero(),
            expired: zero(),
            hits: zero(),
            misses: zero(),
            bytes_in: zero(),
            bytes_out: zero(),
            commits: zero(),
            committed_commands: zero(),
        }
    }
}

impl Stats {
    pub fn lookup(&self, found: bool) {
        if found { &self.hits } else { &self.misses }.fetch_add(1, Relaxed);
    }

    pub fn commit(&self, commands: u64, took: Duration) {
        self.commits.fetch_add(1, Relaxed);
        self.commit_durations.record(took);
        self.group_sizes.add(commands, 1);
        self.committed_commands.fetch_add(commands, Relaxed);
    }

    /// Adds `run`, and leaves it empty.
    pub fn add(&self, run: &mut Run) {
        let Run { spec, calls, rejected, failed, took } = std::mem::take(run);
        self.processed.fetch_add(calls + rejected, Relaxed);
        let Some((spec, at)) = spec.and_then(|s| Some((s, index(s)?))) else { return };
        let stats = &self.commands[at];
        stats.rejected.fetch_add(rejected, Relaxed);
        if calls > 0 {
            stats.calls.fetch_add(calls, Relaxed);
            stats.usec.fetch_add(took.as_micros() as u64, Relaxed);
            stats.failed.fetch_add(failed, Relaxed);
            self.durations[family(spec)].add((took / calls as u32).as_micros() as u64, calls);
        }
    }

    pub fn reset(&self) {
        for c in &self.commands {
            [&c.calls, &c.usec, &c.rejected, &c.failed].into_iter().for_each(|n| n.store(0, Relaxed));
        }
        let all = [
            &self.processed,
            &self.connections,
            &self.refused_connections,
            &self.expired,
            &self.hits,
            &self.misses,
        ];
        all.into_iter().for_each(|n| n.store(0, Relaxed));
    }
}

fn index(spec: &CommandSpec) -> Option<usize> {
    COMMANDS.binary_search_by(|c| c.name.cmp(spec.name)).ok()
}

/// Commands of one name in a row on one connection: they enter the shared counters together, with their mean duration.
#[derive(Default)]
pub(crate) struct Run {
    spec: Option<&'static CommandSpec>,
    calls: u64,
    rejected: u64,
    failed: u64,
    took: Duration,
}

impl Run {
    /// Adds a command; what ran before enters `stats` if it was another one.
    pub fn command(&mut self, handled: &Handled, took: Duration, stats: &Stats) {
        let name = |spec: Option<&'static CommandSpec>| spec.map(|s| s.name);
        if name(self.spec) != name(handled.spec) {
            stats.add(self);
            self.spec = handled.spec;
        }
        if handled.rejected {
            self.rejected += 1;
        } else {
            self.calls += 1;
            self.failed += u64::from(handled.failed);
            self.took += took;
        }
    }
}
