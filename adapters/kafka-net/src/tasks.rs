//! What happens by the clock: transactions over time, groups, old segments, the cleaner, syncs by interval.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dolmen_kafka::txn::Input;
use tokio::sync::watch;

use crate::broker::State;
use crate::settings::now_ms;

/// How often the clock is looked at.
const STEP: Duration = Duration::from_millis(100);

/// A thing to do every so often.
struct Every {
    period: Duration,
    due: Instant,
}

impl Every {
    fn new(period_ms: i64) -> Every {
        let period = Duration::from_millis(u64::try_from(period_ms).unwrap_or(0).max(1));
        Every { period, due: Instant::now() + period }
    }

    /// Whether it is time.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.due <= now;
        if is_due {
            self.due = now + self.period;
        }
        is_due
    }
}

/// Runs until it is aborted.
pub async fn run(state: Arc<State>, stop: watch::Receiver<bool>) {
    let settings = &state.settings;
    let mut transactions =
        Every::new(settings.number("transaction.abort.timed.out.transaction.cleanup.interval.ms"));
    let mut retention = Every::new(settings.number("log.retention.check.interval.ms"));
    let mut producers = Every::new(settings.number("producer.id.expiration.check.interval.ms"));
    let mut cleaner = Every::new(settings.number("log.cleaner.backoff.ms"));
    let groups = tokio::spawn(crate::groups::tick(state.clone(), stop));
    let _groups = Abort(groups);
    loop {
        tokio::time::sleep(STEP).await;
        let now = Instant::now();
        if transactions.is_due(now) {
            state.transactions.input(&state, Input::Tick);
        }
        for log in state.catalog.logs() {
            log.flush(now_ms());
        }
        let (retains, forgets) = (retention.is_due(now), producers.is_due(now));
        let cleans = cleaner.is_due(now);
        if retains || forgets || cleans {
            let state = state.clone();
            let work = move || housekeep(&state, retains || forgets, cleans);
            let _ = tokio::task::spawn_blocking(work).await;
        }
    }
}

struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn housekeep(state: &Arc<State>, retains: bool, cleans: bool) {
    let now_ms = now_ms();
    let expiration = {
        let known = state.catalog.known();
        state.settings.broker(&known.topics).number("producer.id.expiration.ms")
    };
    for log in state.catalog.logs() {
        let name = || format!("{}-{}", log.place.0, log.place.1);
        if retains {
            match log.retain(now_ms, now_ms.saturating_sub(expiration)) {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(target: "kafka", "{}: {count} segments have had their time", name())
                }
                Err(error) => {
                    tracing::warn!(target: "kafka", "{}: old segments cannot be deleted: {error}", name())
                }
            }
        }
        let compacts = log.lock().settings.compacts;
        if cleans
            && compacts
            && let Err(error) = log.clean(&state.catalog.shared.checkpoints, now_ms)
        {
            tracing::warn!(target: "kafka", "{}: cannot be compacted: {error}", name());
        }
    }
}
