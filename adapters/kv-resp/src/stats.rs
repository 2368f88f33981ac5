//! Counters of the server.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dolmen_resp::command::{COMMANDS, CommandSpec};
use dolmen_resp::session::Handled;

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
    pub processed: AtomicU64,
    pub connections: AtomicU64,
    pub refused_connections: AtomicU64,
    pub expired: AtomicU64,
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub commits: AtomicU64,
    pub commit_us: AtomicU64,
    pub committed_commands: AtomicU64,
}

impl Default for Stats {
    fn default() -> Stats {
        let zero = AtomicU64::default;
        Stats {
            commands: COMMANDS.iter().map(|_| CommandStats::default()).collect(),
            processed: zero(),
            connections: zero(),
            refused_connections: zero(),
            expired: zero(),
            hits: zero(),
            misses: zero(),
            bytes_in: zero(),
            bytes_out: zero(),
            commits: zero(),
            commit_us: zero(),
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
        self.commit_us.fetch_add(took.as_micros() as u64, Relaxed);
        self.committed_commands.fetch_add(commands, Relaxed);
    }

    pub fn command(&self, handled: &Handled, took: Duration) {
        self.processed.fetch_add(1, Relaxed);
        let Some(stats) = handled.spec.and_then(|spec| self.of(spec)) else { return };
        if handled.rejected {
            stats.rejected.fetch_add(1, Relaxed);
            return;
        }
        stats.calls.fetch_add(1, Relaxed);
        stats.usec.fetch_add(took.as_micros() as u64, Relaxed);
        stats.failed.fetch_add(u64::from(handled.failed), Relaxed);
    }

    fn of(&self, spec: &CommandSpec) -> Option<&CommandStats> {
        self.commands.get(COMMANDS.binary_search_by(|c| c.name.cmp(spec.name)).ok()?)
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
