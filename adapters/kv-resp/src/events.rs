//! What happens in the store, as lines of the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use dolmen_store::{Db, Event, Listener};
use dolmen_units::{counted, show_duration, show_size};

/// Tells the process's log.
struct Events;

/// What a store tells, as lines of the process's log: for [`dolmen_store::Options::listener`].
pub fn listener() -> Arc<dyn Listener> {
    Arc::new(Events)
}

impl Listener for Events {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Flushed { tables, bytes, took } => tracing::debug!(
                target: "kv",
                "flushed {} of {} in {}",
                counted(*tables as u64, "table"),
                show_size(*bytes),
                show_duration(*took)
            ),
            Event::Compacted { family, level, read, written, took } => tracing::debug!(
                target: "kv",
                "compacted {family} into level {level}: {} of {} from {} in {}",
                counted(written.0 as u64, "table"),
                show_size(written.1),
                counted(read.0 as u64, "table"),
                show_duration(*took)
            ),
            Event::BackgroundError(error) => {
                tracing::error!(target: "kv", "a flush or compaction failed: {error}")
            }
            Event::Stalled => {
                tracing::warn!(target: "kv", "writers wait: flushes or compactions fall behind");
            }
            _ => {}
        }
    }
}

/// Lines about what peers do wrong: one a second, whatever they send.
pub(crate) struct Refusals {
    begun: Instant,
    /// The second of the last line, counted from 1.
    second: AtomicU64,
    /// What has gone without a line since.
    untold: AtomicU64,
}

impl Refusals {
    pub(crate) fn new() -> Refusals {
        Refusals { begun: Instant::now(), second: AtomicU64::new(0), untold: AtomicU64::new(0) }
    }

    /// Says that the peer at `addr` was refused, and why.
    pub(crate) fn tell(&self, addr: &str, why: &str) {
        match self.due(self.begun.elapsed().as_secs() + 1) {
            Some(0) => tracing::warn!(target: "kv", "refused {addr}: {why}"),
            Some(more) => {
                tracing::warn!(target: "kv", "refused {addr}: {why}; {} more since the last such line", counted(more, "refusal"));
            }
            None => {}
        }
    }

    /// How many went without a line, if one is due now.
    fn due(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Relaxed) == second {
            self.untold.fetch_add(1, Relaxed);
            return None;
        }
        Some(self.untold.swap(0, Relaxed))
    }
}

/// What opening found, and what it left out.
pub(crate) fn tell_recovery(db: &Db, keys: u64) {
    let report = db.recovery();
    tracing::info!(
        target: "kv",
        "{}; {} read back from {}",
        counted(keys, "key"),
        counted(report.batch_count, "batch"),
        counted(report.log_count, "log")
    );
    for loss in &report.losses {
        tracing::warn!(target: "kv", "left out: {loss}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_once_a_second_and_counted() {
        let refusals = Refusals::new();
        assert_eq!(refusals.due(1), Some(0));
        assert_eq!((refusals.due(1), refusals.due(1)), (None, None));
        assert_eq!(refusals.due(2), Some(2));
        assert_eq!(refusals.due(3), Some(0));
    }
}
