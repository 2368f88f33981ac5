//! What happens without a request: rules of lifecycles, and answers that nobody will ask for again.

use std::sync::Arc;
use std::time::Duration;

use dolmen_host::Stop;
use dolmen_s3::body::{LifecycleConfiguration, LifecycleRule};
use dolmen_s3::state::bucket::{self, BucketQuery};
use dolmen_s3::state::lifecycle::{self, Sweep};
use dolmen_s3::state::notify::Happened;
use dolmen_s3::state::{BucketRecord, StateError, Tx, config, multipart};

use crate::engine::{Fault, Scope, Written};
use crate::notify::Telling;
use crate::server::Server;

/// Keys that are looked at in one step.
const STEP_LEN: usize = 1000;
/// Buckets that are looked up at a time.
const BUCKETS_LEN: usize = 1000;
/// Time that answers are kept for repeats, in days.
const ANSWER_DAYS: u64 = 7;
/// A day is looked at so many times.
const ROUNDS_A_DAY: u32 = 24;

/// Runs until `stop`.
pub(crate) async fn run(server: Arc<Server>, mut stop: Stop) {
    let interval = (Duration::from_millis(server.day_ms) / ROUNDS_A_DAY)
        .clamp(Duration::from_secs(1), Duration::from_secs(3600));
    // A clock that a test moves is looked at each second.
    let interval = if server.test_api.is_some() { Duration::from_secs(1) } else { interval };
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.wait() => return,
        }
        if let Err(fault) = round(&server, &stop).await {
            tracing::warn!(target: "s3", "lifecycle rules could not be carried out: {fault}");
        }
    }
}

pub(crate) async fn round(server: &Arc<Server>, stop: &Stop) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let (buckets, more) = server.engine.meta.read(|source| {
            let all = BucketQuery { after: &after, max: BUCKETS_LEN, ..BucketQuery::default() };
            let (found, more) = bucket::list(source, &all)?;
            let tx = Tx::new(source);
            let mut out = Vec::with_capacity(found.len());
            for (name, record) in found {
                let rules = config::find::<LifecycleConfiguration>(&tx, record.id, "")?;
                out.push((name, record, rules.map(|rules| rules.rules)));
            }
            Ok::<_, StateError>((out, more))
        })?;
        let Some(last) = buckets.last().map(|(name, ..)| name.clone()) else { break };
        for (name, record, rules) in buckets {
            if let Some(rules) = rules {
                of_bucket(server, &name, &record, Arc::new(rules), stop).await?;
            }
        }
        if !more {
            break;
        }
        after = last;
    }
    forget(server).await
}

async fn of_bucket(
    server: &Arc<Server>,
    name: &str,
    record: &BucketRecord,
    rules: Arc<Vec<LifecycleRule>>,
    stop: &Stop,
) -> Result<(), Fault> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        if stop.is_stopping() {
            return Ok(());
        }
        let clock = server.lifecycle_clock();
        let step: Sweep = server.engine.meta.read_slowly(|source| {
            lifecycle::sweep(source, record, &rules, after.as_deref(), STEP_LEN, clock)
        })?;
        for key in step.keys {
            let (name, rules, day_ms) = (name.to_owned(), rules.clone(), server.day_ms);
            let scope = Scope::Keys(name.clone(), vec![key.clone()]);
            let telling = Telling::in_bucket(&server.engine.outbox, &name);
            let done = server.engine.change("", scope, Written::default(), move |tx, env| {
                let record = bucket::find(tx, &name)?;
                for done in lifecycle::run_key(tx, env, &record, &key, &rules, day_ms)? {
                    let happened = Happened::of_lifecycle(&record, &done);
                    telling.happened(tx, env, (&record, &key), &happened)?;
                }
                Ok(())
            });
            refused(done.await)?;
        }
        for (key, id) in step.uploads {
            let name = name.to_owned();
            let scope = Scope::Keys(name.clone(), vec![key.clone()]);
            let done = server.engine.change("", scope, Written::default(), move |tx, _| {
                let record = bucket::find(tx, &name)?;
                multipart::abort(tx, &record, &key, &id, None)
            });
            refused(done.await)?;
        }
        match step.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// A bucket or an upload that is gone meanwhile needs nothing any more.
fn refused(outcome: Result<(), Fault>) -> Result<(), Fault> {
    match outcome {
        Err(Fault::State(StateError::Refused(_))) => Ok(()),
        outcome => outcome,
    }
}

/// Deletes answers that were kept for repeats.
async fn forget(server: &Arc<Server>) -> Result<(), Fault> {
    let before = server.engine.clock.now_ms().saturating_sub(ANSWER_DAYS * lifecycle::DAY_MS);
    let stale = server.engine.meta.read(|source| lifecycle::stale_answers(source, before, STEP_LEN))?;
    if stale.is_empty() {
        return Ok(());
    }
    let scope = Scope::Keys(String::new(), Vec::new());
    let forgotten = server.engine.change("", scope, Written::default(), move |tx, _| {
        stale.iter().for_each(|key| tx.delete(key.clone()));
        Ok(())
    });
    forgotten.await
}
