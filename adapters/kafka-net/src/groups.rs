//! The group coordinator's hands: its records, its answers, its clock.
//!
//! Facts are queued, and one thread at a time takes them to the machine and carries out what it wishes: so wishes are appended in the order in which
//! they were made, and nothing calls itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dolmen_base::Time;
use dolmen_host::Fault;
use dolmen_kafka::acl::ResourceType;
use dolmen_kafka::control::Outcome;
use dolmen_kafka::group::machine::AppendError;
use dolmen_kafka::group::{
    Answer, Ask, Client, Effect, Groups, Input, classic, consumer, machine, permit, records, serve as wire,
};
use dolmen_kafka::topics::CONSUMER_OFFSETS;
use dolmen_kafka::txn::Producer;
use dolmen_kafka::txn::machine::{RequestId, Ticket};
use dolmen_kafka::{ErrorCode, WireError};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use crate::api::authorize::Gate;
use crate::api::{Call, blocking};
use crate::broker::State;
use crate::catalog::Catalog;
use crate::server::Reply;
use crate::settings::{Settings, now_ms};
use crate::storage::Completion;
use crate::transactions::replay;

/// TxnOffsetCommit, and the first version of it that knows [`ErrorCode::TRANSACTION_ABORTABLE`].
const COMMIT: (i16, i16) = (28, 4);

/// Facts that wait, and whether somebody takes them.
#[derive(Default)]
struct Queue {
    inputs: VecDeque<Input>,
    is_taken: bool,
}

/// The machine and who waits for it.
pub struct GroupDriver {
    machine: Mutex<Groups>,
    queue: Mutex<Queue>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    next_request: AtomicU64,
    /// Transactional ids of producers whose commits are under way, and how many.
    committing: Mutex<HashMap<i64, (String, u32)>>,
    /// The next deadline may have changed.
    changed: Notify,
}

/// The machine's settings.
fn settings(settings: &Settings, partition_count: i32) -> machine::Settings {
    let size = |name| usize::try_from(settings.int(name)).unwrap_or(usize::MAX);
    machine::Settings {
        classic: classic::Settings {
            session_timeout_ms_min: settings.int("group.min.session.timeout.ms"),
            session_timeout_ms_max: settings.int("group.max.session.timeout.ms"),
            initial_delay_ms: settings.int("group.initial.rebalance.delay.ms"),
            size_max: size("group.max.size").min(dolmen_kafka::limits::MEMBERS_MAX),
        },
        consumer: consumer::Settings {
            heartbeat_interval_ms: settings.int("group.consumer.heartbeat.interval.ms"),
            heartbeat_interval_ms_bounds: (
                settings.int("group.consumer.min.heartbeat.interval.ms"),
                settings.int("group.consumer.max.heartbeat.interval.ms"),
            ),
            session_timeout_ms: settings.int("group.consumer.session.timeout.ms"),
            session_timeout_ms_bounds: (
                settings.int("group.consumer.min.session.timeout.ms"),
                settings.int("group.consumer.max.session.timeout.ms"),
            ),
            size_max: size("group.consumer.max.size").min(dolmen_kafka::limits::MEMBERS_MAX),
        },
        partition_count,
        metadata_len_max: size("offset.metadata.max.bytes"),
        retention_ms: settings.number("offsets.retention.minutes").saturating_mul(60_000),
        retention_check_ms: settings.number("offsets.retention.check.interval.ms"),
    }
}

fn now() -> Time {
    Time::from_millis(now_ms().unsigned_abs())
}

impl GroupDriver {
    /// One that has read nothing yet.
    pub fn new(given: &Settings, catalog: &Catalog) -> GroupDriver {
        let known = catalog.known().topics.topic(CONSUMER_OFFSETS).map(|topic| topic.partition_count);
        let count = known.unwrap_or_else(|| given.int("offsets.topic.num.partitions"));
        let seed = u64::from_le_bytes(crate::catalog::random_id().0[..8].try_into().unwrap_or_default());
        GroupDriver {
            machine: Mutex::new(Groups::new(settings(given, count), seed)),
            queue: Mutex::default(),
            waiting: Mutex::default(),
            next_request: AtomicU64::new(0),
            committing: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Reads the log.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub fn load(&self, state: &State) -> Result<(), Fault> {
        let mut unknown = 0u64;
        replay(state, CONSUMER_OFFSETS, |partition, batch, expanded| {
            unknown += u64::from(self.machine.lock().load(partition, batch, expanded).is_err());
        })?;
        if unknown > 0 {
            tracing::warn!(target: "kafka", "{CONSUMER_OFFSETS}: {unknown} batches are not understood and left out");
        }
        let known = state.catalog.known();
        self.machine.lock().start(now(), &known.topics);
        Ok(())
    }

    /// Asks and waits for the answer.
    pub async fn ask(&self, state: &Arc<State>, client: Client, ask: Ask) -> Option<Answer> {
        let number = self.next_request.fetch_add(1, Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().insert(number, sender);
        self.input(state, Input::Request { request: RequestId::new(number), client, ask });
        receiver.await.ok()
    }

    /// A marker is durable in a partition of the log.
    pub fn ended(&self, state: &Arc<State>, partition: i32, producer_id: i64, outcome: Outcome) {
        self.input(state, Input::Ended { partition, producer_id, outcome });
    }

    /// A topic is deleted on record.
    pub fn topic_deleted(&self, state: &Arc<State>, topic: &str) {
        self.input(state, Input::TopicDeleted { topic: topic.to_owned() });
    }

    fn input(&self, state: &Arc<State>, input: Input) {
        {
            let mut queue = self.queue.lock();
            queue.inputs.push_back(input);
            if std::mem::replace(&mut queue.is_taken, true) {
                return;
            }
        }
        loop {
            let input = {
                let mut queue = self.queue.lock();
                let Some(input) = queue.inputs.pop_front() else {
                    queue.is_taken = false;
                    break;
                };
                input
            };
            let effects: Vec<Effect> = {
                let known = state.catalog.known();
                let mut machine = self.machine.lock();
                machine.handle(now(), &known.topics, input);
                std::iter::from_fn(|| machine.poll()).collect()
            };
            effects.into_iter().for_each(|effect| self.carry_out(state, effect));
        }
        self.changed.notify_one();
    }

    fn carry_out(&self, state: &Arc<State>, effect: Effect) {
        match effect {
            Effect::Answer { request, answer } => {
                if let Some(waiting) = self.waiting.lock().remove(&request.get()) {
                    // Nobody is there any more where the connection was closed.
                    let _ = waiting.send(answer);
                }
            }
            Effect::Append { ticket, partition, producer, records } => {
                if let Err(error) = self.append(state, ticket, partition, producer, &records) {
                    self.queue.lock().inputs.push_back(Input::Appended { ticket, result: Err(error) });
                }
            }
        }
    }

    fn append(
        &self,
        state: &Arc<State>,
        ticket: Ticket,
        partition: i32,
        producer: Option<Producer>,
        records: &[records::Record],
    ) -> Result<(), AppendError> {
        let log = state.catalog.log(CONSUMER_OFFSETS, partition).map_err(|_| AppendError::NotWritten)?;
        let mut bytes = Vec::new();
        let now_ms = now_ms();
        if !records::put_batch(&mut bytes, records, producer, now_ms) {
            return Err(AppendError::NotWritten);
        }
        let inner = log.lock();
        if let Some(producer) = producer {
            let known = inner.rules.producers().get(producer.id);
            if known.is_some_and(|known| producer.epoch < known.epoch) {
                return Err(AppendError::Refused(ErrorCode::INVALID_PRODUCER_EPOCH));
            }
            let id = self.committing.lock().get(&producer.id).map(|(id, _)| id.clone()).unwrap_or_default();
            let verified = state.transactions.verify(&id, producer, CONSUMER_OFFSETS, partition);
            verified.map_err(AppendError::Refused)?;
        }
        let base_offset = inner.rules.log_end();
        let then = state.clone();
        let done: Completion = Box::new(move |result| {
            let result = result.map(|()| base_offset).map_err(|_| AppendError::Unknown);
            then.groups.input(&then, Input::Appended { ticket, result });
        });
        match log.append_then(inner, &bytes, now_ms, done) {
            Ok(()) => Ok(()),
            Err(ErrorCode::KAFKA_STORAGE_ERROR) => Err(AppendError::Unknown),
            Err(_) => Err(AppendError::NotWritten),
        }
    }
}

/// Handles what is asked of groups.
pub async fn serve(call: &Call) -> Result<Reply, WireError> {
    let ask = call.read_with(wire::read)?;
    let gate = Gate::of(call);
    let may = |operation, kind, name: &str| gate.may(operation, kind, name);
    let (ask, refused) = if gate.is_open() {
        (ask, None)
    } else {
        let split = permit::split(ask, call.version, &call.state.catalog.known().topics, &may);
        match split {
            Ok((ask, refused)) => (ask, Some(refused)),
            Err(answer) => return respond(call, &answer),
        }
    };
    // What asks of groups alone makes none, and no log for them.
    let makes = matches!(ask, Ask::Join(_) | Ask::Commit(_) | Ask::Beat(_));
    if makes && is_of_log(call).await.is_err() {
        // Its log cannot be made: the client tries again.
        return Ok(Reply::Close);
    }
    let Some(mut answer) = call.state.groups.ask(&call.state, client(call), ask).await else {
        return Ok(Reply::Close);
    };
    if call.read_with(wire::asks_operations)? {
        permit::tell_operations(&mut answer, |group| gate.operations(ResourceType::Group, group));
    }
    if let Some(refused) = refused {
        answer = permit::join(answer, refused, &may);
    }
    respond(call, &answer)
}

/// Makes the topic of the log if it is not there.
async fn is_of_log(call: &Call) -> Result<i32, ErrorCode> {
    if let Some(topic) = call.state.catalog.known().topics.topic(CONSUMER_OFFSETS) {
        return Ok(topic.partition_count);
    }
    let state = call.state.clone();
    blocking(move || state.internal_topic(CONSUMER_OFFSETS)).await
}

fn client(call: &Call) -> Client {
    let principal = Gate::of(call).principal().to_owned();
    Client { id: call.client.clone(), host: format!("/{}", call.peer.remote.ip()), principal }
}

/// Answers.
pub fn respond(call: &Call, answer: &Answer) -> Result<Reply, WireError> {
    call.answer_with(|out| wire::write(answer, call.key, call.version, out))
}

/// What of a TxnOffsetCommit may be asked: by the client, who may write with the transactional id and read the group, if so.
pub fn permitted(call: &Call, gate: &Gate, is_writer: bool) -> Result<(Ask, permit::Refused), Box<Answer>> {
    let ask = call.read_with(wire::read).ok();
    let Some(Ask::Commit(commit)) = ask else { return Err(Box::new(Answer::Commit(Vec::new()))) };
    if !is_writer {
        let code = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        return Err(Box::new(permit::refused_commit(&commit, code)));
    }
    let may = |operation, kind, name: &str| gate.may(operation, kind, name);
    permit::split(Ask::Commit(commit), call.version, &call.state.catalog.known().topics, &may)
}

/// Handles TxnOffsetCommit, of which this may be asked; `checked`: whether the transaction has the group's partition.
pub async fn commit_in_transaction(
    call: &Call,
    id: &str,
    producer: Producer,
    (ask, refused): (Ask, permit::Refused),
    checked: Result<(), ErrorCode>,
) -> Result<Reply, WireError> {
    let Ask::Commit(commit) = &ask else { return Ok(Reply::Close) };
    let join = |answer| permit::join(answer, refused, &|_, _, _| true);
    if let Err(code) = checked {
        let code = told(call, code);
        let failed = permit::failed_commit(commit, code, &call.state.catalog.known().topics);
        return respond(call, &join(failed));
    }
    let groups = &call.state.groups;
    groups.committing.lock().entry(producer.id).or_insert_with(|| (id.to_owned(), 0)).1 += 1;
    let answer = groups.ask(&call.state, client(call), ask).await;
    {
        let mut committing = groups.committing.lock();
        if let Some((_, count)) = committing.get_mut(&producer.id) {
            *count -= 1;
            if *count == 0 {
                committing.remove(&producer.id);
            }
        }
    }
    match answer {
        Some(Answer::Commit(mut topics)) => {
            for (_, code) in topics.iter_mut().flat_map(|(_, partitions)| partitions) {
                *code = told(call, *code);
            }
            respond(call, &join(Answer::Commit(topics)))
        }
        Some(answer) => respond(call, &answer),
        None => Ok(Reply::Close),
    }
}

/// A code as this version of TxnOffsetCommit knows it.
fn told(call: &Call, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::TRANSACTION_ABORTABLE if (call.key, call.version) < COMMIT => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        code => code,
    }
}

/// The machine's clock.
pub async fn tick(state: Arc<State>, _stop: watch::Receiver<bool>) {
    loop {
        let deadline = state.groups.machine.lock().next_deadline();
        let wait = deadline.map_or(Duration::from_secs(3600), |deadline| deadline.since(now()));
        tokio::select! {
            () = tokio::time::sleep(wait) => state.groups.input(&state, Input::Tick),
            () = state.groups.changed.notified() => {}
        }
    }
}
