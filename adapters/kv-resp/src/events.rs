//! What happens in the store, as lines of the log.

use std::sync::Arc;

use dolmen_store::{Db, Event, Listener, StoreError};
use dolmen_units::{counted, show_duration, show_size};

/// Tells the process's log.
pub(crate) struct Events;

impl Events {
    pub(crate) fn listener() -> Option<Arc<dyn Listener>> {
        Some(Arc::new(Events))
    }
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

/// An error of opening, with the way out if there is one.
pub(crate) fn explain(error: StoreError) -> String {
    match &error {
        StoreError::Log { .. } => {
            format!("{error}. To open it without what is lost: --kv.recovery point-in-time")
        }
        _ => error.to_string(),
    }
}
