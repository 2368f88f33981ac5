//! Notifications on their way: messages that changes left in the store, and the tasks that deliver them.
//!
//! 1. A change writes its messages in its own batch, under numbers that it takes while its keys are locked.
//! 2. One task per target reads the oldest messages, delivers them (those of one object one after the other), and deletes what was taken.
//! 3. What fails is tried again after a pause that grows. Messages wait as long as it takes, up to a bound; beyond it the oldest go.
//!
//! A message is delivered at least once: it is deleted after it was taken.

mod deliver;
pub(crate) mod kafka;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use dolmen_host::Metrics;
use dolmen_s3::body::Event;
use dolmen_s3::state::notify::{self, Happened, Place, Teller};
use dolmen_s3::state::{Batch, BucketRecord, Env, StateError, Tx, Version, keys, object};
use tokio::sync::Notify;

use crate::call::Call;
use crate::meta::Meta;

pub(crate) use deliver::run;

/// Where messages go, and how many may wait.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Name and URL of each target.
    pub targets: Vec<(String, String)>,
    /// Messages that may wait for one target.
    pub waiting_max: u64,
    /// Time that a target has to take a message.
    pub timeout: Duration,
}

impl Wanted {
    /// No targets.
    #[cfg(test)]
    pub fn nobody() -> Wanted {
        Wanted { targets: Vec::new(), waiting_max: 1, timeout: Duration::from_secs(1) }
    }
}

/// One target.
pub(crate) struct Target {
    pub name: String,
    place: deliver::Place,
    waiting: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    /// There is something to deliver.
    wake: Notify,
    /// More wait than may.
    full: Notify,
    /// Who deletes messages counts them.
    deleting: tokio::sync::Mutex<()>,
}

/// All messages that wait.
pub(crate) struct Outbox {
    region: String,
    names: Vec<String>,
    targets: Vec<Target>,
    waiting_max: u64,
    /// The number that was given last.
    last: AtomicU64,
}

impl Outbox {
    /// Nobody is told anything.
    pub fn none() -> Outbox {
        Outbox {
            region: String::new(),
            names: Vec::new(),
            targets: Vec::new(),
            waiting_max: 0,
            last: AtomicU64::new(0),
        }
    }

    /// Counts what waits in the store.
    pub fn open(meta: &Meta, region: &str, wanted: &Wanted) -> Result<Outbox, String> {
        let view = meta.view(dolmen_store::ReadMode::MayBlock);
        let mut held = notify::held(&view)
            .map_err(|error| format!("the messages that wait cannot be counted: {error}"))?;
        let mut targets = Vec::new();
        for (name, url) in &wanted.targets {
            if !notify::is_name(name) {
                return Err(format!(
                    "s3.notify: {name:?} is no name of a target; expected letters, digits, - and _"
                ));
            }
            if targets.iter().any(|target: &Target| target.name == *name) {
                return Err(format!("s3.notify names {name} twice"));
            }
            let place = deliver::Place::parse(url, wanted.timeout)
                .map_err(|error| format!("s3.notify: {name}={url}: {error}"))?;
            let waiting = AtomicU64::new(held.counts.remove(name).unwrap_or(0));
            targets.push(Target {
                name: name.clone(),
                place,
                waiting,
                delivered: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
                wake: Notify::new(),
                full: Notify::new(),
                deleting: tokio::sync::Mutex::default(),
            });
        }
        for (name, count) in &held.counts {
            tracing::warn!(target: "s3", "{count} messages wait for the target {name}, which s3.notify does not name");
        }
        Ok(Outbox {
            region: region.to_owned(),
            names: wanted.targets.iter().map(|(name, _)| name.clone()).collect(),
            targets,
            waiting_max: wanted.waiting_max,
            last: AtomicU64::new(held.last),
        })
    }

    /// The names of the targets.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A number above all that were given, near the time.
    fn next(&self, now_ms: u64) -> u64 {
        let above = |last: u64| last.saturating_add(1).max(now_ms.saturating_mul(1000));
        let before = self.last.fetch_update(SeqCst, SeqCst, |last| Some(above(last)));
        above(before.unwrap_or_else(|last| last))
    }

    /// A batch is durable: its messages can go.
    pub fn written(&self, batch: &Batch) {
        if self.targets.is_empty() {
            return;
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (key, _) in batch.writes.iter().filter(|(_, value)| value.is_some()) {
            if let Some((target, _)) = keys::parse_event(key) {
                *counts.entry(target).or_default() += 1;
            }
        }
        for (name, count) in counts {
            let Some(target) = self.targets.iter().find(|target| target.name == name) else { continue };
            if target.waiting.fetch_add(count, SeqCst) + count > self.waiting_max {
                target.full.notify_one();
            }
            target.wake.notify_one();
        }
    }

    /// The store was emptied.
    pub fn cleared(&self) {
        self.targets.iter().for_each(|target| target.waiting.store(0, SeqCst));
    }

    /// Messages that wait, and those that were dropped because too many did.
    pub fn totals(&self) -> (u64, u64) {
        let sum = |count: fn(&Target) -> &AtomicU64| {
            self.targets.iter().map(|target| count(target).load(SeqCst)).sum()
        };
        (sum(|target| &target.waiting), sum(|target| &target.dropped))
    }

    pub fn write(&self, out: &mut Metrics) {
        if self.targets.is_empty() {
            return;
        }
        let family = |out: &mut Metrics, count: fn(&Target) -> &AtomicU64| {
            for target in &self.targets {
                out.sample(&[("target", &target.name)], count(target).load(SeqCst));
            }
        };
        out.gauge("dolmen_s3_events_waiting", "Messages that wait for their target.");
        family(out, |target| &target.waiting);
        out.counter("dolmen_s3_events_delivered_total", "Messages that a target took.");
        family(out, |target| &target.delivered);
        out.counter("dolmen_s3_events_failed_total", "Attempts that a target did not take.");
        family(out, |target| &target.failed);
        out.counter("dolmen_s3_events_dropped_total", "Messages that went because too many waited.");
        family(out, |target| &target.dropped);
    }
}

/// What a change tells of and on whose request. It is kept apart from the request because a change outlives it.
#[derive(Clone)]
pub(crate) struct Telling(Option<Arc<Origin>>);

struct Origin {
    outbox: Arc<Outbox>,
    bucket: String,
    request_id: String,
    source_ip: String,
    principal: String,
}

impl Telling {
    /// What a request tells.
    pub fn of(call: &Call<'_>) -> Telling {
        Telling::new(&call.engine().outbox, || Origin {
            outbox: call.engine().outbox.clone(),
            bucket: call.bucket().to_owned(),
            request_id: call.request_id.to_owned(),
            source_ip: call.source_ip.to_string(),
            principal: call.caller.id.clone(),
        })
    }

    /// What happens in a bucket without a request.
    pub fn in_bucket(outbox: &Arc<Outbox>, bucket: &str) -> Telling {
        Telling::new(outbox, || Origin {
            outbox: outbox.clone(),
            bucket: bucket.to_owned(),
            request_id: String::new(),
            source_ip: String::new(),
            principal: String::new(),
        })
    }

    fn new(outbox: &Outbox, origin: impl FnOnce() -> Origin) -> Telling {
        Telling((!outbox.names.is_empty()).then(|| Arc::new(origin())))
    }

    /// Something happened to a key.
    pub fn happened(
        &self,
        tx: &mut Tx<'_>,
        env: &Env<'_>,
        (bucket, key): (&BucketRecord, &[u8]),
        happened: &Happened,
    ) -> Result<(), StateError> {
        let Some(origin) = &self.0 else { return Ok(()) };
        let place = Place { name: &origin.bucket, bucket, key };
        notify::tell(tx, env, place, &origin.teller(), happened, &|| origin.outbox.next(env.now_ms))
    }

    /// Something happened to the version that a request names, or to the latest, which is there.
    pub fn found(
        &self,
        tx: &mut Tx<'_>,
        env: &Env<'_>,
        (bucket, key): (&BucketRecord, &[u8]),
        named: Option<Version>,
        events: &[Event],
    ) -> Result<(), StateError> {
        if self.0.is_none() {
            return Ok(());
        }
        let (_, record) = object::find(tx, bucket, key, named)?;
        for event in events {
            self.happened(tx, env, (bucket, key), &Happened::to(*event, bucket, &record))?;
        }
        Ok(())
    }

    /// A configuration was put: its targets hear of it.
    pub fn announce(
        &self,
        tx: &mut Tx<'_>,
        env: &Env<'_>,
        configuration: &dolmen_s3::body::NotificationConfiguration,
    ) {
        let Some(origin) = &self.0 else { return };
        notify::announce(tx, env, &origin.bucket, &origin.teller(), configuration, &|| {
            origin.outbox.next(env.now_ms)
        });
    }
}

impl Origin {
    fn teller(&self) -> Teller<'_> {
        Teller {
            targets: &self.outbox.names,
            region: &self.outbox.region,
            request_id: &self.request_id,
            source_ip: &self.source_ip,
            principal: &self.principal,
        }
    }
}
