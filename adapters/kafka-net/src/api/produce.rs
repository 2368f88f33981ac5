//! Produce.
//!
//! 1. Each partition's batch is checked by itself ([`dolmen_kafka::log::produced`]).
//! 2. A transactional batch of the newer protocol adds its partition to the transaction; one of the older must find it there.
//! 3. Under the partition's lock the transaction is looked at once more and the batch is judged and appended: no marker can come between.
//! 4. The answer goes out when every batch is durable; the next request is worked on meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use dolmen_kafka::acl::{Operation, ResourceType};
use dolmen_kafka::batch::Batch;
use dolmen_kafka::log::produced::{self, Refusal};
use dolmen_kafka::messages::{ProduceRequest, ProduceResponse, produce_response as out};
use dolmen_kafka::partition::producers::Verdict;
use dolmen_kafka::topics::is_internal;
use dolmen_kafka::txn::machine::Ask;
use dolmen_kafka::txn::state::Partitions;
use dolmen_kafka::txn::{Producer, TransactionVersion};
use dolmen_kafka::wire::{List, Uuid};
use dolmen_kafka::{ErrorCode, WireError};
use tokio::sync::oneshot;

use super::authorize::Gate;
use super::{Call, answer};
use crate::broker::State;
use crate::server::Reply;
use crate::settings::now_ms;
use crate::storage::Lost;

/// The first version that adds partitions to the transaction.
const ADDS_FROM: i16 = 12;

/// What became of one partition's batch.
struct Outcome {
    index: i32,
    error: ErrorCode,
    records: Vec<i32>,
    base_offset: i64,
    append_time_ms: i64,
    log_start: i64,
    durable: Option<oneshot::Receiver<Result<(), Lost>>>,
}

impl Outcome {
    fn refused(index: i32, refusal: Refusal) -> Outcome {
        Outcome {
            index,
            error: refusal.code,
            records: refusal.records,
            base_offset: -1,
            append_time_ms: -1,
            log_start: -1,
            durable: None,
        }
    }
}

struct TopicOutcomes {
    name: String,
    id: Uuid,
    partitions: Vec<Outcome>,
}

/// Handles Produce.
pub async fn produce(call: &Call) -> Result<Reply, WireError> {
    let started = Instant::now();
    let request: ProduceRequest<'_> = call.request()?;
    let id = request.transactional_id;
    let gate = Gate::of(call);
    let permitted = writes_in_transaction(&gate, &request);
    let added = match id {
        Some(id) if call.version >= ADDS_FROM && permitted.is_ok() => add(call, &gate, &request, id).await,
        _ => Ok(()),
    };
    let mut topics = Vec::new();
    for topic in request.topic_data.iter() {
        let name = match call.version {
            ..=12 => Some(topic.name.to_owned()),
            _ => {
                call.state.catalog.known().topics.topic_by_id(topic.topic_id).map(|topic| topic.name.clone())
            }
        };
        let permitted = permitted.and_then(|()| match &name {
            Some(name) => gate.topic(Operation::Write, name),
            None => Ok(()),
        });
        let one = |partition: dolmen_kafka::messages::produce_request::PartitionProduceData<'_>| {
            let result = match (&name, request.acks) {
                _ if let Err(code) = permitted => Err(code.into()),
                (_, ..=-2 | 2..) => Err(ErrorCode::INVALID_REQUIRED_ACKS.into()),
                (None, _) => Err(ErrorCode::UNKNOWN_TOPIC_ID.into()),
                (Some(name), _) => append(call, id, added, name, partition.index, partition.records),
            };
            result.unwrap_or_else(|refusal| Outcome::refused(partition.index, refusal))
        };
        let partitions = topic.partition_data.iter().map(one).collect();
        topics.push(TopicOutcomes { name: name.unwrap_or_default(), id: topic.topic_id, partitions });
    }
    if request.acks == 0 {
        let failed =
            topics.iter().flat_map(|topic| &topic.partitions).any(|one| one.error != ErrorCode::NONE);
        return Ok(if failed { Reply::Close } else { Reply::Nothing });
    }
    let waits = topics.iter().flat_map(|topic| &topic.partitions).any(|one| one.durable.is_some());
    let answer = finish(call.state.clone(), call.correlation, call.version, topics, started);
    Ok(if waits { Reply::Later(Box::pin(answer)) } else { answer.await })
}

/// Whether the client may write with the transactional id, if a batch is part of a transaction.
fn writes_in_transaction(gate: &Gate, request: &ProduceRequest<'_>) -> Result<(), ErrorCode> {
    if gate.is_open() {
        return Ok(());
    }
    let is_part = |records: Option<&[u8]>| {
        Batch::split(records.unwrap_or_default(), 0).is_ok_and(|(batch, _)| batch.is_transactional())
    };
    let is_transactional = request
        .topic_data
        .iter()
        .any(|topic| topic.partition_data.iter().any(|partition| is_part(partition.records)));
    match request.transactional_id {
        _ if !is_transactional => Ok(()),
        Some(id) => gate.check(Operation::Write, ResourceType::TransactionalId, id),
        None => Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    }
}

/// Adds what is written to the transaction, all of it at once.
async fn add(call: &Call, gate: &Gate, request: &ProduceRequest<'_>, id: &str) -> Result<(), ErrorCode> {
    let (mut partitions, mut producers) = (Partitions::new(), BTreeSet::new());
    {
        let known = call.state.catalog.known();
        for topic in request.topic_data.iter() {
            let name = match call.version {
                ..=12 => known.topics.topic(topic.name),
                _ => known.topics.topic_by_id(topic.topic_id),
            };
            let Some(record) = name else { continue };
            if gate.topic(Operation::Write, &record.name).is_err() {
                continue;
            }
            for partition in topic.partition_data.iter() {
                let bytes = partition.records.unwrap_or_default();
                let Ok((batch, _)) = Batch::split(bytes, 0) else { continue };
                if batch.is_transactional() && (0..record.partition_count).contains(&partition.index) {
                    producers.insert(Producer { id: batch.producer_id(), epoch: batch.producer_epoch() });
                    partitions.entry(record.name.clone()).or_default().insert(partition.index);
                }
            }
        }
    }
    let (Some(&producer), false) = (producers.first(), partitions.is_empty()) else { return Ok(()) };
    if producers.len() > 1 {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if !super::transactions::is_raised(call, true) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let ask = Ask::Add { producer, partitions, client: TransactionVersion::Tv2 };
    call.state.transactions.ask(&call.state, call.peer.number, id, ask).await.map(drop)
}

fn append(
    call: &Call,
    id: Option<&str>,
    added: Result<(), ErrorCode>,
    topic: &str,
    partition: i32,
    records: Option<&[u8]>,
) -> Result<Outcome, Refusal> {
    let state = &call.state;
    let log = state.catalog.log(topic, partition)?;
    if is_internal(topic) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION.into());
    }
    let now_ms = now_ms();
    let settings = log.lock().settings;
    let batch = SCRATCH.with_borrow_mut(|scratch| {
        let checked = produced::check(records, &settings, &dolmen_blocks::Libraries, now_ms, scratch);
        if scratch.capacity() > SCRATCH_LEN_MAX {
            *scratch = Vec::new();
        }
        checked
    })?;
    let mut inner = log.lock();
    let verified = match (batch.is_transactional(), id) {
        (false, _) => Ok(()),
        (true, None) => return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into()),
        (true, Some(id)) => verify(call, &inner.rules, id, added, topic, partition, &batch),
    };
    verified?;
    let log_start = inner.rules.log_start();
    match inner.rules.judge(&batch, true) {
        Verdict::Refuse(code) => Err(code.into()),
        Verdict::Duplicate { base_offset, .. } => {
            // The first of them may not be durable yet: the answer must not be earlier than its own.
            let durable = log.when_durable(&mut inner, base_offset + 1);
            Ok(Outcome {
                base_offset,
                log_start,
                durable,
                ..Outcome::refused(partition, ErrorCode::NONE.into())
            })
        }
        Verdict::Append => {
            let appended = log.append(&mut inner, batch.bytes(), now_ms)?;
            let durable = log.when_durable(&mut inner, appended.end_offset);
            drop(inner);
            count(state, &batch);
            Ok(Outcome {
                base_offset: appended.base_offset,
                append_time_ms: appended.append_time_ms,
                log_start,
                durable,
                ..Outcome::refused(partition, ErrorCode::NONE.into())
            })
        }
    }
}

fn count(state: &State, batch: &Batch<'_>) {
    state.counters.records.fetch_add(u64::from(batch.record_count().unsigned_abs()), Relaxed);
    state.counters.appended.fetch_add(batch.bytes().len() as u64, Relaxed);
}

/// Whether a transactional batch belongs to an open transaction that has the partition. The partition is locked.
fn verify(
    call: &Call,
    rules: &dolmen_kafka::partition::Partition,
    id: &str,
    added: Result<(), ErrorCode>,
    topic: &str,
    partition: i32,
    batch: &Batch<'_>,
) -> Result<(), Refusal> {
    let producer = Producer { id: batch.producer_id(), epoch: batch.producer_epoch() };
    let known = rules.producers().get(producer.id);
    if known.is_some_and(|known| producer.epoch < known.epoch) {
        return Err(ErrorCode::INVALID_PRODUCER_EPOCH.into());
    }
    let is_open = known.is_some_and(|known| known.open_since.is_some() && known.epoch == producer.epoch);
    let verified = added.and_then(|()| {
        if is_open { Ok(()) } else { call.state.transactions.verify(id, producer, topic, partition) }
    });
    verified.map_err(|code| dolmen_kafka::partition::unverified(code, call.version).into())
}

async fn finish(
    state: Arc<State>,
    correlation: i32,
    version: i16,
    mut topics: Vec<TopicOutcomes>,
    started: Instant,
) -> Reply {
    for one in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        let Some(durable) = one.durable.take() else { continue };
        if !matches!(durable.await, Ok(Ok(()))) {
            one.error = ErrorCode::KAFKA_STORAGE_ERROR;
            one.base_offset = -1;
        }
    }
    state.counters.produce_durations.record(started.elapsed());
    let partition = |one: &Outcome| out::PartitionProduceResponse {
        index: one.index,
        error_code: one.error.0,
        base_offset: one.base_offset,
        log_append_time_ms: one.append_time_ms,
        log_start_offset: if version >= 5 { one.log_start } else { -1 },
        record_errors: if version >= 8 { record_errors(one) } else { List::default() },
        error_message: (version >= 8 && one.error != ErrorCode::NONE).then(|| one.error.about()),
        ..Default::default()
    };
    let responses = topics.iter().map(|topic| out::TopicProduceResponse {
        name: if version <= 12 { &topic.name } else { "" },
        topic_id: if version >= 13 { topic.id } else { Uuid::default() },
        partition_responses: topic.partitions.iter().map(partition).collect(),
        ..Default::default()
    });
    let response = ProduceResponse { responses: responses.collect(), ..Default::default() };
    match answer(correlation, version, &response) {
        Ok(frame) => Reply::Frame(frame),
        Err(error) => {
            tracing::error!(target: "kafka", "an answer to Produce cannot be written: {error}");
            Reply::Close
        }
    }
}

fn record_errors(one: &Outcome) -> List<'static, out::BatchIndexAndErrorMessage<'static>> {
    let about = one.error.about();
    let error = |index: &i32| out::BatchIndexAndErrorMessage {
        batch_index: *index,
        batch_index_error_message: Some(about),
        ..Default::default()
    };
    one.records.iter().map(error).collect()
}

/// Bytes of a thread's buffer for expanded records that is kept.
const SCRATCH_LEN_MAX: usize = 1 << 20;

thread_local! {
    static SCRATCH: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}
