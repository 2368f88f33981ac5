//! The loop between the machine and a client, in this thread or in one of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use dolmen_base::Time;
use dolmen_kafka::eos::{Arrived, Effect, Input, Machine, Metrics, Phase, Reading, Settings, Why};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::client::{Client, Failure, Incoming, Outgoing};
use crate::error::Error;

/// What is done with each record.
pub trait Transform {
    /// What the record becomes: nothing, one or more records.
    ///
    /// # Errors
    /// In words, why it cannot be; it is tried again, and then goes to the dead letters.
    fn apply(&mut self, record: &Incoming) -> Result<Vec<Outgoing>, String>;
}

impl<F: FnMut(&Incoming) -> Result<Vec<Outgoing>, String>> Transform for F {
    fn apply(&mut self, record: &Incoming) -> Result<Vec<Outgoing>, String> {
        self(record)
    }
}

/// How a pipeline works.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// For the machine; `has_dead_letters` follows from `dead_letter`.
    pub settings: Settings,
    /// The topic of what cannot be transformed.
    pub dead_letter: Option<String>,
}

/// A switch that stops a runner: what it has read is finished first.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl From<Arc<AtomicBool>> for Stop {
    fn from(flag: Arc<AtomicBool>) -> Stop {
        Stop(flag)
    }
}

/// A runner in a thread of its own.
#[derive(Debug)]
pub struct Running {
    stop: Stop,
    metrics: Arc<Mutex<Metrics>>,
    done: oneshot::Receiver<Result<Metrics, Error>>,
}

impl Running {
    /// Asks it to stop; [`Running::finished`] tells when it has.
    pub fn stop(&self) {
        self.stop.set();
    }

    /// What it has done so far.
    pub fn metrics(&self) -> Metrics {
        *self.metrics.lock()
    }

    /// Waits until it has stopped, without blocking the runtime.
    ///
    /// # Errors
    /// Why it stopped by itself.
    pub async fn finished(self) -> Result<Metrics, Error> {
        self.done.await.unwrap_or_else(|_| Err(Error::fatal("the runner's thread has panicked")))
    }
}

/// Starts a runner in a thread of its own; the client and the transformation are made there.
///
/// # Errors
/// If there can be no thread.
pub fn spawn<C: Client, T: Transform>(
    make: impl FnOnce() -> Result<(C, T), Error> + Send + 'static,
    pipeline: Pipeline,
) -> Result<Running, Error> {
    let (stop, metrics) = (Stop::default(), Arc::new(Mutex::new(Metrics::default())));
    let (tell, done) = oneshot::channel();
    let (switch, seen) = (stop.clone(), metrics.clone());
    let body = move || {
        let result = make().and_then(|(mut client, mut transform)| {
            run(&mut client, &mut transform, &pipeline, &switch, |metrics| *seen.lock() = metrics)
        });
        // Nobody may wait for it.
        let _ = tell.send(result);
    };
    let thread = std::thread::Builder::new().name("kafka-eos".into()).spawn(body);
    thread.map_err(|error| Error::fatal(format!("starting a thread: {error}")))?;
    Ok(Running { stop, metrics, done })
}

/// Runs until it is asked to stop, is idle for as long as the settings say, or cannot go on.
///
/// # Errors
/// Why it cannot go on.
pub fn run<C: Client, T: Transform>(
    client: &mut C,
    transform: &mut T,
    pipeline: &Pipeline,
    stop: &Stop,
    mut tell: impl FnMut(Metrics),
) -> Result<Metrics, Error> {
    let settings = Settings { has_dead_letters: pipeline.dead_letter.is_some(), ..pipeline.settings.clone() };
    let clock = Instant::now();
    let now = || Time::from_millis(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut machine = Machine::new(settings, now());
    let mut desk =
        Desk { client, transform, pipeline, batch: Vec::new(), why: String::new(), refusal: String::new() };
    loop {
        if stop.is_set() {
            machine.handle(now(), Input::Stop);
        }
        let Some(effect) = machine.poll() else {
            let left = machine.next_deadline().map_or(SLICE, |until| until.since(now()));
            std::thread::sleep(left.clamp(Duration::from_millis(1), SLICE));
            machine.handle(now(), Input::Tick);
            continue;
        };
        if let Effect::Stopped(why) = effect {
            tell(machine.metrics());
            return why.map_or_else(|| Ok(machine.metrics()), |why| Err(desk.explain(why)));
        }
        let commits = effect == Effect::Commit;
        let answer = desk.carry_out(effect);
        if commits && answer == Input::Done(Ok(())) {
            desk.batch.clear();
        }
        machine.handle(now(), answer);
        if commits {
            tell(machine.metrics());
        }
    }
}

/// The longest sleep: so long may a stop take.
const SLICE: Duration = Duration::from_millis(50);

/// A record of the batch, and what it became.
struct Item {
    record: Incoming,
    became: Vec<Outgoing>,
}

/// The batch, and who carries effects out.
struct Desk<'a, C, T> {
    client: &'a mut C,
    transform: &'a mut T,
    pipeline: &'a Pipeline,
    batch: Vec<Item>,
    /// The last failure, and the last refusal of the transformation, in words.
    why: String,
    refusal: String,
}

impl<C: Client, T: Transform> Desk<'_, C, T> {
    fn carry_out(&mut self, effect: Effect) -> Input {
        let (phase, result) = match effect {
            Effect::Open => (Phase::Open, self.client.open()),
            Effect::Join => (Phase::Join, self.client.join()),
            Effect::Committed(partitions) => {
                let result = self.client.committed(&partitions);
                return Input::Committed(result.map_err(|failure| self.note(Phase::Committed, failure)));
            }
            Effect::Rewind(positions) => {
                self.batch.clear();
                (Phase::Rewind, self.client.rewind(&positions))
            }
            Effect::Read { count_max, wait } => return self.read(count_max as usize, wait),
            Effect::Transform { index, .. } => return self.apply(index as usize),
            Effect::Bury { index, tries } => return self.bury(index as usize, tries),
            Effect::Begin => (Phase::Begin, self.client.begin()),
            Effect::Send => {
                let records: Vec<Outgoing> =
                    self.batch.iter_mut().flat_map(|item| std::mem::take(&mut item.became)).collect();
                (Phase::Send, self.client.send(&records))
            }
            Effect::Offsets(offsets) => (Phase::Offsets, self.client.offsets(&offsets)),
            Effect::Commit => (Phase::Commit, self.client.commit()),
            Effect::Abort => (Phase::Abort, self.client.abort()),
            Effect::Leave => (Phase::Leave, self.client.leave()),
            Effect::Stopped(_) => (Phase::Leave, Ok(())),
        };
        Input::Done(result.map_err(|failure| self.note(phase, failure)))
    }

    fn note(&mut self, phase: Phase, failure: Failure) -> dolmen_kafka::eos::Fault {
        tracing::warn!(target: "kafka.eos", "{phase:?}: {}", failure.why);
        self.why = failure.why;
        failure.fault
    }

    fn read(&mut self, count_max: usize, wait: Duration) -> Input {
        let read = match self.client.read(count_max, wait) {
            Ok(read) => read,
            Err(failure) => return Input::Read(Err(self.note(Phase::Read, failure))),
        };
        let arrived = |r: &Incoming| Arrived { partition: r.id, offset: r.offset, len: r.len() };
        let records = if read.owned.is_some() { Vec::new() } else { read.records };
        let reading = Reading { owned: read.owned, records: records.iter().map(arrived).collect() };
        self.batch.extend(records.into_iter().map(|record| Item { record, became: Vec::new() }));
        Input::Read(Ok(reading))
    }

    fn apply(&mut self, index: usize) -> Input {
        let Some(item) = self.batch.get_mut(index) else { return Input::Transformed(None) };
        match self.transform.apply(&item.record) {
            Ok(became) => {
                let count = u32::try_from(became.len()).unwrap_or(u32::MAX);
                item.became = became;
                Input::Transformed(Some(count))
            }
            Err(why) => {
                self.refusal = why;
                Input::Transformed(None)
            }
        }
    }

    fn bury(&mut self, index: usize, tries: u32) -> Input {
        let why = if tries > 0 { &self.refusal } else { &self.why };
        let topic = self.pipeline.dead_letter.clone();
        if let (Some(item), Some(topic)) = (self.batch.get_mut(index), topic) {
            item.became = vec![dead_letter(topic, &item.record, why, tries)];
        }
        Input::Done(Ok(()))
    }

    fn explain(&self, why: Why) -> Error {
        let place = |index: u32| {
            let record = self.batch.get(index as usize).map(|item| &item.record);
            record.map_or_else(String::new, |r| format!("{}-{}@{}", r.topic, r.partition, r.offset))
        };
        match why {
            Why::Fenced(_) => Error::Fatal { is_fenced: true, why: self.why.clone() },
            Why::Refused(..) => Error::fatal(self.why.clone()),
            Why::Exhausted(phase, _) => {
                Error::fatal(format!("nothing has worked for too long, at last in {phase:?}: {}", self.why))
            }
            Why::Poison(index) => Error::fatal(format!(
                "{} cannot be transformed, and there is no dead_letter topic: {}",
                place(index),
                self.refusal
            )),
            Why::Unwritable(index, _) => Error::fatal(format!(
                "what {} became is refused, and so is a dead letter, or there is no topic for it: {}",
                place(index),
                self.why
            )),
        }
    }
}

/// A record that could not be handled, with headers that say why and where it came from. Dead letters keep their input's order: partition 0.
fn dead_letter(topic: String, record: &Incoming, why: &str, tries: u32) -> Outgoing {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_ms = since.map_or(0, |since| since.as_millis());
    let mut headers = record.headers.clone();
    for (name, text) in [
        ("dlq.error", why.to_owned()),
        ("dlq.topic", record.topic.clone()),
        ("dlq.partition", record.partition.to_string()),
        ("dlq.offset", record.offset.to_string()),
        ("dlq.attempts", tries.to_string()),
        ("dlq.time_ms", now_ms.to_string()),
    ] {
        headers.push((name.into(), Some(text.into_bytes())));
    }
    Outgoing {
        topic,
        partition: Some(0),
        key: record.key.clone(),
        value: record.value.clone(),
        headers,
        timestamp_ms: record.timestamp_ms,
    }
}
