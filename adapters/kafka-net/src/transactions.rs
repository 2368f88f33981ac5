//! The transaction coordinator's hands: its records, its markers, its answers.
//!
//! The machine is locked only while it takes a fact and gives its wishes; they are carried out afterwards. A partition's lock may be held while the
//! machine is asked ([`Transactions::verify`]), never the other way round.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dolmen_base::Time;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Batch, Builder, Meta};
use dolmen_kafka::control::{Marker, MarkerMeta, Outcome, put_marker};
use dolmen_kafka::group::partition_of;
use dolmen_kafka::record::Record;
use dolmen_kafka::topics::{CONSUMER_OFFSETS, TRANSACTION_STATE};
use dolmen_kafka::txn::machine::{Ask, Connection, Failure, RequestId};
use dolmen_kafka::txn::state::Partitions;
use dolmen_kafka::txn::{Coordinator, Effect, Input, Producer, Settings, TransactionVersion};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::broker::State;
use crate::settings::now_ms;
use crate::storage::Completion;

/// The epoch of the only coordinator that there ever is.
pub const COORDINATOR_EPOCH: i32 = 0;

/// What a client is told: its producer, or why not.
pub type Outcomes = Result<Producer, ErrorCode>;

/// The coordinator and who waits for it.
pub struct Transactions {
    machine: Mutex<Coordinator>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Outcomes>>>,
    next_request: AtomicU64,
}

/// A marker that is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whose transaction it ends.
    pub producer: Producer,
    /// How.
    pub outcome: Outcome,
    /// The coordinator that says so.
    pub coordinator_epoch: i32,
    /// Whether the transaction's epoch was raised at its end.
    pub is_raised: bool,
}

impl Transactions {
    /// A coordinator that has read nothing yet.
    pub fn new(settings: Settings) -> Transactions {
        Transactions {
            machine: Mutex::new(Coordinator::new(settings)),
            waiting: Mutex::default(),
            next_request: AtomicU64::new(0),
        }
    }

    /// Looks at what is known, or loads it.
    pub fn machine(&self) -> MutexGuard<'_, Coordinator> {
        self.machine.lock()
    }

    /// Asks the coordinator and waits for its answer.
    pub async fn ask(&self, state: &Arc<State>, connection: u64, id: &str, ask: Ask) -> Outcomes {
        let (request, answer) = self.wait();
        let transactional_id = id.to_owned();
        let connection = Connection::new(connection);
        self.input(state, Input::Request { request, connection, transactional_id, ask });
        answer.await.unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE))
    }

    /// A producer id for a producer without a transactional id.
    pub async fn idempotent(&self, state: &Arc<State>) -> Outcomes {
        let (request, answer) = self.wait();
        self.input(state, Input::InitIdempotent { request });
        answer.await.unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE))
    }

    fn wait(&self) -> (RequestId, oneshot::Receiver<Outcomes>) {
        let number = self.next_request.fetch_add(1, Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().insert(number, sender);
        (RequestId::new(number), receiver)
    }

    /// Whether a producer's open transaction has a partition.
    ///
    /// # Errors
    /// The coordinator's code.
    pub fn verify(&self, id: &str, producer: Producer, topic: &str, partition: i32) -> Result<(), ErrorCode> {
        self.machine.lock().verify(id, producer, &one(topic, partition))
    }

    /// Tells the coordinator a fact and does what it wishes.
    pub fn input(&self, state: &Arc<State>, input: Input) {
        let effects = {
            let mut machine = self.machine.lock();
            machine.handle(Time::from_millis(now_ms().unsigned_abs()), input);
            std::iter::from_fn(|| machine.poll()).collect::<Vec<_>>()
        };
        effects.into_iter().for_each(|effect| self.carry_out(state, effect));
    }

    /// Writes markers of transactions that were decided before the start, and reserves producer ids.
    pub fn start(&self, state: &Arc<State>) {
        let effects = {
            let mut machine = self.machine.lock();
            machine.start();
            std::iter::from_fn(|| machine.poll()).collect::<Vec<_>>()
        };
        effects.into_iter().for_each(|effect| self.carry_out(state, effect));
    }

    fn carry_out(&self, state: &Arc<State>, effect: Effect) {
        match effect {
            Effect::Answer { request, result } => {
                if let Some(waiting) = self.waiting.lock().remove(&request.get()) {
                    // Nobody is there any more where the connection was closed.
                    let _ = waiting.send(result);
                }
            }
            Effect::Append { ticket, transactional_id, key, value } => {
                let then = state.clone();
                let done: Completion = Box::new(move |result| {
                    let result = result.map_err(|_| Failure::Unknown);
                    then.transactions.input(&then, Input::Appended { ticket, result });
                });
                if let Err(code) = append(state, &transactional_id, &key, value.as_deref(), done) {
                    let is_lost = code == ErrorCode::KAFKA_STORAGE_ERROR;
                    let failure = if is_lost { Failure::Unknown } else { Failure::NotWritten };
                    self.input(state, Input::Appended { ticket, result: Err(failure) });
                }
            }
            Effect::WriteMarkers { transactional_id, producer, outcome, version, partitions } => {
                let is_raised = version == TransactionVersion::Tv2;
                let wanted = Wanted { producer, outcome, coordinator_epoch: COORDINATOR_EPOCH, is_raised };
                for (topic, indexes) in partitions {
                    for partition in indexes {
                        self.mark(state, &transactional_id, &topic, partition, wanted);
                    }
                }
            }
            Effect::ReserveIds { count } => {
                let input = match state.catalog.reserve_producer_ids(count) {
                    Ok(first) => Input::IdsReserved { first, count },
                    Err(_) => Input::IdsDelayed,
                };
                self.input(state, input);
            }
        }
    }

    /// Writes one marker of the coordinator's and tells it how that went.
    fn mark(&self, state: &Arc<State>, id: &str, topic: &str, partition: i32, wanted: Wanted) {
        let written = move |id: &str, topic: &str| Input::MarkerWritten {
            transactional_id: id.to_owned(),
            producer: wanted.producer,
            topic: topic.to_owned(),
            partition,
        };
        let then = state.clone();
        let (done_id, done_topic) = (id.to_owned(), topic.to_owned());
        let done = move |result: Result<(), ErrorCode>| {
            let input = match result {
                Ok(()) => written(&done_id, &done_topic),
                Err(_) => Input::MarkerDelayed { transactional_id: done_id, topic: done_topic, partition },
            };
            then.transactions.input(&then, input);
        };
        match write_marker(state, topic, partition, wanted, Box::new(done)) {
            Ok(()) => {}
            // Every topic on record was opened before anything began: that there is none is the deletion itself.
            Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => self.input(state, written(id, topic)),
            Err(ErrorCode::INVALID_PRODUCER_EPOCH) => {
                tracing::warn!(target: "kafka", "{id}: {topic}-{partition} was fenced by a newer epoch before its marker came");
                self.input(state, written(id, topic));
            }
            Err(_) => {
                let (transactional_id, topic) = (id.to_owned(), topic.to_owned());
                self.input(state, Input::MarkerDelayed { transactional_id, topic, partition });
            }
        }
    }
}

/// Appends a marker to a partition; `done` is called when it is durable, or was lost.
///
/// # Errors
/// The partition is not there, or does not take the marker; `done` is not called then.
pub fn write_marker(
    state: &Arc<State>,
    topic: &str,
    partition: i32,
    wanted: Wanted,
    done: Box<dyn FnOnce(Result<(), ErrorCode>) + Send>,
) -> Result<(), ErrorCode> {
    let log = state.catalog.log(topic, partition)?;
    let Producer { id, epoch } = wanted.producer;
    let now_ms = now_ms();
    let mut bytes = Vec::new();
    let meta = MarkerMeta {
        producer_id: id,
        producer_epoch: epoch,
        base_offset: 0,
        leader_epoch: 0,
        timestamp_ms: now_ms,
    };
    put_marker(
        &mut bytes,
        meta,
        Marker { outcome: wanted.outcome, coordinator_epoch: wanted.coordinator_epoch },
    );
    let then = state.clone();
    let is_offsets = topic == CONSUMER_OFFSETS;
    let inner = log.lock();
    inner.rules.judge_marker(id, epoch, wanted.coordinator_epoch, wanted.is_raised)?;
    let completion: Completion = Box::new(move |result| {
        if is_offsets && result.is_ok() {
            then.groups.ended(&then, partition, id, wanted.outcome);
        }
        done(result.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR));
    });
    log.append_then(inner, &bytes, now_ms, completion)
}

/// Appends a record to the coordinator's log.
fn append(
    state: &Arc<State>,
    id: &str,
    key: &[u8],
    value: Option<&[u8]>,
    done: Completion,
) -> Result<(), ErrorCode> {
    let count = state.internal_topic(TRANSACTION_STATE)?;
    let log = state.catalog.log(TRANSACTION_STATE, partition_of(id, count))?;
    let mut bytes = Vec::new();
    let mut builder = Builder::new(&mut bytes, Meta::default());
    if !builder.push(now_ms(), Record { key: Some(key), value, ..Record::default() }) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    builder.finish(None);
    log.append_then(log.lock(), &bytes, now_ms(), done)
}

/// Gives every record of an internal topic to `body`, partition by partition.
///
/// # Errors
/// A sentence about what cannot be read.
pub fn replay(
    state: &State,
    topic: &str,
    mut body: impl FnMut(i32, &Batch<'_>, &[u8]),
) -> Result<(), dolmen_host::Fault> {
    let logs = state.catalog.known().logs_of(topic).to_vec();
    for log in logs {
        let (mut expanded, mut damaged) = (Vec::new(), None);
        log.walk(|batch| {
            expanded.clear();
            let limit = dolmen_kafka::limits::PRODUCED_EXPANDED_LEN_MAX;
            let result =
                dolmen_kafka::compression::expand(batch, &dolmen_blocks::Libraries, limit, &mut expanded);
            damaged = result.err();
            if damaged.is_none() {
                body(log.place.1, batch, &expanded);
            }
            damaged.is_none()
        })?;
        if let Some(error) = damaged {
            return Err(format!("{topic}-{}: {error}", log.place.1).into());
        }
    }
    Ok(())
}

/// One partition.
pub fn one(topic: &str, partition: i32) -> Partitions {
    Partitions::from([(topic.to_owned(), [partition].into())])
}
