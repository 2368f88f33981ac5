//! Delivery: one task per target that delivers, and one that keeps the bound.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use dolmen_host::Stop;
use dolmen_s3::state::notify::{self, Waiting};

use super::Target;
use super::kafka::Kafka;
use super::webhook::Webhook;
use crate::engine::{Engine, Fault, Scope, Written};

/// Messages that are read at a time.
const BATCH_LEN: usize = 256;
/// Messages that are dropped at a time.
const DROP_LEN: u64 = 4096;
/// The first pause after a failure, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// What fails and what is dropped is logged so often.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Where a target's messages go.
pub(super) enum Place {
    Webhook(Arc<Webhook>),
    Kafka(Kafka),
}

impl Place {
    pub fn parse(url: &str, timeout: Duration) -> Result<Place, String> {
        match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("http" | "https") => Ok(Place::Webhook(Arc::new(Webhook::parse(url, timeout)?))),
            Some("kafka") => Ok(Place::Kafka(Kafka::parse(url, timeout)?)),
            _ => Err("expected http://HOST:PORT/PATH, https://HOST/PATH or kafka://HOST:PORT/TOPIC".into()),
        }
    }

    async fn deliver(&self, due: &[Waiting]) -> Delivered {
        match self {
            Place::Webhook(webhook) => webhook.deliver(due).await,
            Place::Kafka(kafka) => kafka.deliver(due).await,
        }
    }
}

/// What came of a batch.
#[derive(Default)]
pub(super) struct Delivered {
    /// Messages that were taken, by their place in the batch.
    pub taken: Vec<usize>,
    /// Why others were not.
    pub faults: Vec<String>,
}

/// Delivers until `stop`.
pub(crate) async fn run(engine: Arc<Engine>, stop: Stop) {
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..engine.outbox.targets.len() {
        tasks.spawn(deliver(engine.clone(), at, stop.clone()));
        tasks.spawn(keep_bound(engine.clone(), at, stop.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn deliver(engine: Arc<Engine>, at: usize, mut stop: Stop) {
    let target = &engine.outbox.targets[at];
    let (mut pause, mut logged) = (PAUSE.0, None::<Instant>);
    loop {
        let round = tokio::select! {
            round = round(&engine, target) => round,
            () = stop.wait() => return,
        };
        let wait = match round {
            Ok(Round { faults, taken, .. }) if !faults.is_empty() => {
                target.failed.fetch_add(faults.len() as u64, SeqCst);
                if is_due(logged) {
                    let waiting = target.waiting.load(SeqCst);
                    tracing::warn!(target: "s3", "{}: {}; {waiting} messages wait", target.name, faults[0]);
                    logged = Some(Instant::now());
                }
                // One message that is never taken holds up those of its object, and not all others.
                if taken > 0 {
                    pause = PAUSE.0;
                }
                let now = pause;
                pause = (pause * 2).min(PAUSE.1);
                Some(now)
            }
            Ok(Round { is_empty, .. }) => {
                pause = PAUSE.0;
                if !is_empty {
                    continue;
                }
                None
            }
            Err(fault) => {
                tracing::error!(target: "s3", "messages for {} cannot be read: {fault}", target.name);
                Some(PAUSE.1)
            }
        };
        let waited = async {
            match wait {
                Some(pause) => tokio::time::sleep(pause).await,
                None => target.wake.notified().await,
            }
        };
        tokio::select! {
            () = waited => {}
            () = stop.wait() => return,
        }
    }
}

/// Whether it is time for another line in the log.
fn is_due(logged: Option<Instant>) -> bool {
    logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL)
}

struct Round {
    is_empty: bool,
    taken: u64,
    faults: Vec<String>,
}

async fn round(engine: &Arc<Engine>, target: &Target) -> Result<Round, Fault> {
    let due = engine.meta.read(|source| notify::waiting(source, &target.name, BATCH_LEN))?;
    if due.is_empty() {
        return Ok(Round { is_empty: true, taken: 0, faults: Vec::new() });
    }
    let Delivered { taken, faults } = target.place.deliver(&due).await;
    let keys = taken.iter().map(|at| due[*at].at.clone()).collect();
    let taken = remove(engine, target, keys).await?;
    target.delivered.fetch_add(taken, SeqCst);
    Ok(Round { is_empty: false, taken, faults })
}

/// Deletes messages; those that were there are counted off.
async fn remove(engine: &Arc<Engine>, target: &Target, keys: Vec<Vec<u8>>) -> Result<u64, Fault> {
    if keys.is_empty() {
        return Ok(0);
    }
    let _alone = target.deleting.lock().await;
    let scope = Scope::Keys(String::new(), Vec::new());
    let removed =
        engine.change("", scope, Written::default(), move |tx, _| notify::remove(tx, &keys)).await?;
    let left = |waiting: u64| Some(waiting.saturating_sub(removed));
    target.waiting.fetch_update(SeqCst, SeqCst, left).ok();
    Ok(removed)
}

/// Drops the oldest messages while more wait than may.
async fn keep_bound(engine: Arc<Engine>, at: usize, mut stop: Stop) {
    let (target, max) = (&engine.outbox.targets[at], engine.outbox.waiting_max);
    let (mut dropped, mut logged) = (0, None::<Instant>);
    loop {
        let over = target.waiting.load(SeqCst).saturating_sub(max);
        if over > 0 {
            match drop_oldest(&engine, target, over).await {
                Ok(count) => dropped += count,
                Err(fault) => {
                    tracing::error!(target: "s3", "messages for {} cannot be dropped: {fault}", target.name);
                    tokio::time::sleep(LOG_INTERVAL).await;
                }
            }
        }
        if dropped > 0 && is_due(logged) {
            tracing::warn!(target: "s3", "{}: {dropped} messages were dropped: more than {max} wait", target.name);
            (dropped, logged) = (0, Some(Instant::now()));
        }
        if target.waiting.load(SeqCst) > max {
            continue;
        }
        let quiet = if dropped > 0 { LOG_INTERVAL } else { Duration::from_secs(3600) };
        tokio::select! {
            () = target.full.notified() => {}
            () = tokio::time::sleep(quiet) => {}
            () = stop.wait() => return,
        }
    }
}

async fn drop_oldest(engine: &Arc<Engine>, target: &Target, over: u64) -> Result<u64, Fault> {
    let len = usize::try_from(over.min(DROP_LEN)).unwrap_or(usize::MAX);
    let oldest = engine.meta.read(|source| notify::waiting(source, &target.name, len))?;
    let count = remove(engine, target, oldest.into_iter().map(|message| message.at).collect()).await?;
    if count == 0 {
        // Others delete them at this moment, or are about to write what is counted already.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    target.dropped.fetch_add(count, SeqCst);
    Ok(count)
}
