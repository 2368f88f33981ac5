//! Counters of the server.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dolmen_host::metrics::Histogram;
use dolmen_kv::env::Run;
use dolmen_kv::unit::Lookups;
use dolmen_resp::command::{COMMANDS, CommandSpec, flag};

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
    pub nanos: AtomicU64,
    pub rejected: AtomicU64,
    pub failed: AtomicU64,
}

/// All counters; they only rise, but for CONFIG RESETSTAT.
pub(crate) struct Stats {
    pub commands: Vec<CommandStats>,
    /// Requests for commands that do not exist.
    pub unknown: AtomicU64,
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
    /// Turns that had to be run again where they may wait for the disk.
    pub waited_for_disk: AtomicU64,
}

impl Default for Stats {
    fn default() -> Stats {
        let zero = AtomicU64::default;
        Stats {
            commands: COMMANDS.iter().map(|_| CommandStats::default()).collect(),
            unknown: zero(),
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
            waited_for_disk: zero(),
        }
    }
}

impl Stats {
    pub fn lookups(&self, lookups: Lookups) {
        if lookups.hits > 0 {
            self.hits.fetch_add(lookups.hits, Relaxed);
        }
        if lookups.misses > 0 {
            self.misses.fetch_add(lookups.misses, Relaxed);
        }
    }

    pub fn commit(&self, commands: u64, took: Duration) {
        self.commits.fetch_add(1, Relaxed);
        self.commit_durations.record(took);
        self.group_sizes.add(commands, 1);
        self.committed_commands.fetch_add(commands, Relaxed);
    }

    /// Commands of one name in a row on one connection: they enter with their mean duration.
    pub fn ran(&self, run: &Run, took_ns: u64) {
        let Run { spec, calls, rejected, failed } = *run;
        if calls + rejected == 0 {
            return;
        }
        self.processed.fetch_add(calls + rejected, Relaxed);
        let Some(spec) = spec else {
            self.unknown.fetch_add(rejected, Relaxed);
            return;
        };
        let stats = &self.commands[usize::from(spec.index)];
        if rejected > 0 {
            stats.rejected.fetch_add(rejected, Relaxed);
        }
        if calls > 0 {
            stats.calls.fetch_add(calls, Relaxed);
            stats.nanos.fetch_add(took_ns, Relaxed);
            if failed > 0 {
                stats.failed.fetch_add(failed, Relaxed);
            }
            self.durations[family(spec)].add(took_ns / calls / 1000, calls);
        }
    }

    pub fn reset(&self) {
        for c in &self.commands {
            [&c.calls, &c.nanos, &c.rejected, &c.failed].into_iter().for_each(|n| n.store(0, Relaxed));
        }
        let all = [
            &self.processed,
            &self.unknown,
            &self.connections,
            &self.refused_connections,
            &self.expired,
            &self.hits,
            &self.misses,
        ];
        all.into_iter().for_each(|n| n.store(0, Relaxed));
    }
}
