//! What producers and administrators ask of the transaction coordinator.

use std::collections::BTreeMap;

use dolmen_kafka::acl::{Operation, ResourceType};
use dolmen_kafka::control::Outcome;
use dolmen_kafka::group::partition_of;
use dolmen_kafka::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse,
    InitProducerIdRequest, InitProducerIdResponse, ListTransactionsRequest, ListTransactionsResponse,
    TxnOffsetCommitRequest, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
    add_partitions_to_txn_request as asked, add_partitions_to_txn_response as added,
    describe_transactions_response as described, list_transactions_response as listed,
    write_txn_markers_response as marked,
};
use dolmen_kafka::topics::{CONSUMER_OFFSETS, is_internal};
use dolmen_kafka::txn::decide::downgraded;
use dolmen_kafka::txn::machine::Ask;
use dolmen_kafka::txn::state::Partitions;
use dolmen_kafka::txn::{Producer, Status, TransactionVersion};
use dolmen_kafka::wire::List;
use dolmen_kafka::{ErrorCode, WireError};
use tokio::sync::oneshot;

use super::authorize::Gate;
use super::{Call, blocking};
use crate::server::Reply;
use crate::settings::now_ms;
use crate::transactions::{Wanted, one, write_marker};

/// Whether a request of the newer protocol is served: with the feature at 0 it is not.
pub fn is_raised(call: &Call, is_newer: bool) -> bool {
    !is_newer || call.state.settings.int("transaction.version") > 0
}

/// Handles InitProducerId.
pub async fn init_producer_id(call: &Call) -> Result<Reply, WireError> {
    let request: InitProducerIdRequest<'_> = call.request()?;
    let expected = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let gate = Gate::of(call);
    let permitted = match request.transactional_id {
        Some(id) => gate.check(Operation::Write, ResourceType::TransactionalId, id),
        None if gate.may_some(Operation::Write, ResourceType::Topic) => Ok(()),
        None => gate.cluster(Operation::IdempotentWrite),
    };
    let result = match request.transactional_id {
        _ if permitted.is_err() => permitted.map(|()| Producer::NONE),
        None => call.state.transactions.idempotent(&call.state).await,
        Some(id) => {
            let ask = Ask::Init { timeout_ms: request.transaction_timeout_ms, expected };
            call.state.transactions.ask(&call.state, call.peer.number, id, ask).await
        }
    };
    let code = result.err().map_or(ErrorCode::NONE, |code| downgraded(code, call.version, 4));
    let producer = result.unwrap_or(Producer::NONE);
    call.answer(&InitProducerIdResponse {
        error_code: code.0,
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        ..Default::default()
    })
}

/// One transaction of AddPartitionsToTxn.
struct Addition<'a> {
    id: &'a str,
    producer: Producer,
    is_check: bool,
    topics: List<'a, asked::AddPartitionsToTxnTopic<'a>>,
}

/// Handles AddPartitionsToTxn.
pub async fn add_partitions(call: &Call) -> Result<Reply, WireError> {
    let request: AddPartitionsToTxnRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    if call.version < 4 {
        let addition = Addition {
            id: request.v3_and_below_transactional_id,
            producer: Producer {
                id: request.v3_and_below_producer_id,
                epoch: request.v3_and_below_producer_epoch,
            },
            is_check: false,
            topics: request.v3_and_below_topics.clone(),
        };
        let results = add(call, &gate, &addition).await;
        let response =
            AddPartitionsToTxnResponse { results_by_topic_v3_and_below: results, ..Default::default() };
        return call.answer(&response);
    }
    // These come from brokers.
    if let Err(code) = gate.cluster(Operation::ClusterAction) {
        return call.answer(&AddPartitionsToTxnResponse { error_code: code.0, ..Default::default() });
    }
    let mut results = Vec::new();
    for transaction in request.transactions.iter() {
        let addition = Addition {
            id: transaction.transactional_id,
            producer: Producer { id: transaction.producer_id, epoch: transaction.producer_epoch },
            is_check: transaction.verify_only,
            topics: transaction.topics.clone(),
        };
        results.push(added::AddPartitionsToTxnResult {
            transactional_id: addition.id,
            topic_results: add(call, &gate, &addition).await,
            ..Default::default()
        });
    }
    call.answer(&AddPartitionsToTxnResponse { results_by_transaction: results.into(), ..Default::default() })
}

/// Adds the partitions, or none of them if one is not there; or looks whether they are part of the transaction.
async fn add<'a>(
    call: &Call,
    gate: &Gate,
    addition: &Addition<'a>,
) -> List<'a, added::AddPartitionsToTxnTopicResult<'a>> {
    let mut missing: BTreeMap<(&str, i32), ErrorCode> = BTreeMap::new();
    let mut partitions = Partitions::new();
    // What brokers ask is checked as a whole.
    let is_client = call.version < 4;
    let permitted = match is_client {
        true => gate.check(Operation::Write, ResourceType::TransactionalId, addition.id),
        false => Ok(()),
    };
    for topic in addition.topics.iter() {
        let writes = match is_client {
            true if is_internal(topic.name) => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            true => gate.topic(Operation::Write, topic.name),
            false => Ok(()),
        };
        for index in topic.partitions.iter() {
            let found =
                permitted.and(writes).and_then(|()| call.state.catalog.log(topic.name, index).map(drop));
            if let Err(code) = found {
                missing.insert((topic.name, index), code);
            }
            partitions.entry(topic.name.to_owned()).or_default().insert(index);
        }
    }
    let whole = if addition.is_check || !missing.is_empty() {
        Ok(Producer::NONE)
    } else if !is_raised(call, call.version >= 4) {
        Err(ErrorCode::UNSUPPORTED_VERSION)
    } else if addition.id.is_empty() {
        Err(ErrorCode::INVALID_REQUEST)
    } else {
        let client = if call.version >= 4 { TransactionVersion::Tv2 } else { TransactionVersion::Tv0 };
        let ask = Ask::Add { producer: addition.producer, partitions, client };
        call.state.transactions.ask(&call.state, call.peer.number, addition.id, ask).await
    };
    let code_of = |name: &'a str, index: i32| match (missing.get(&(name, index)), addition.is_check) {
        (Some(code), _) => *code,
        (None, true) => {
            let checked = call.state.transactions.verify(addition.id, addition.producer, name, index);
            checked.err().unwrap_or(ErrorCode::NONE)
        }
        (None, false) if !missing.is_empty() => ErrorCode::OPERATION_NOT_ATTEMPTED,
        (None, false) => whole.err().unwrap_or(ErrorCode::NONE),
    };
    let topics = addition.topics.iter().map(|topic| {
        let partition = |index| added::AddPartitionsToTxnPartitionResult {
            partition_index: index,
            partition_error_code: downgraded(code_of(topic.name, index), call.version, 2).0,
            ..Default::default()
        };
        added::AddPartitionsToTxnTopicResult {
            name: topic.name,
            results_by_partition: topic.partitions.iter().map(partition).collect(),
            ..Default::default()
        }
    });
    topics.collect()
}

/// The partition of `__consumer_offsets` that holds a group's offsets.
async fn offsets_partition(call: &Call, group: &str) -> Result<i32, ErrorCode> {
    let state = call.state.clone();
    let count = blocking(move || state.internal_topic(CONSUMER_OFFSETS)).await?;
    Ok(partition_of(group, count))
}

/// Adds the partition of a group's offsets to a transaction.
async fn add_group(
    call: &Call,
    id: &str,
    producer: Producer,
    group: &str,
    client: TransactionVersion,
) -> Result<(), ErrorCode> {
    let partition = offsets_partition(call, group).await?;
    let ask = Ask::Add { producer, partitions: one(CONSUMER_OFFSETS, partition), client };
    call.state.transactions.ask(&call.state, call.peer.number, id, ask).await.map(drop)
}

/// Handles AddOffsetsToTxn.
pub async fn add_offsets(call: &Call) -> Result<Reply, WireError> {
    let request: AddOffsetsToTxnRequest<'_> = call.request()?;
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let gate = Gate::of(call);
    let permitted = gate
        .check(Operation::Write, ResourceType::TransactionalId, request.transactional_id)
        .and_then(|()| gate.check(Operation::Read, ResourceType::Group, request.group_id));
    let result = match request.transactional_id {
        _ if permitted.is_err() => permitted,
        "" => Err(ErrorCode::INVALID_REQUEST),
        id => add_group(call, id, producer, request.group_id, TransactionVersion::Tv0).await,
    };
    let code = result.err().map_or(ErrorCode::NONE, |code| downgraded(code, call.version, 2));
    call.answer(&AddOffsetsToTxnResponse { error_code: code.0, ..Default::default() })
}

/// The first version of EndTxn that raises the epoch.
const END_RAISES_FROM: i16 = 5;

/// Handles EndTxn.
pub async fn end(call: &Call) -> Result<Reply, WireError> {
    let request: EndTxnRequest<'_> = call.request()?;
    let is_newer = call.version >= END_RAISES_FROM;
    let permitted =
        Gate::of(call).check(Operation::Write, ResourceType::TransactionalId, request.transactional_id);
    let result = match request.transactional_id {
        _ if permitted.is_err() => permitted.map(|()| Producer::NONE),
        "" => Err(ErrorCode::INVALID_REQUEST),
        _ if !is_raised(call, is_newer) => Err(ErrorCode::UNSUPPORTED_VERSION),
        id => {
            let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
            let outcome = if request.committed { Outcome::Commit } else { Outcome::Abort };
            let client = if is_newer { TransactionVersion::Tv2 } else { TransactionVersion::Tv0 };
            let ask = Ask::End { producer, outcome, client };
            call.state.transactions.ask(&call.state, call.peer.number, id, ask).await
        }
    };
    let code = result.err().map_or(ErrorCode::NONE, |code| downgraded(code, call.version, 2));
    let producer = result.ok().filter(|_| is_newer).unwrap_or(Producer::NONE);
    call.answer(&EndTxnResponse {
        error_code: code.0,
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        ..Default::default()
    })
}

/// Handles WriteTxnMarkers: an administrator ends what hangs.
pub async fn write_markers(call: &Call) -> Result<Reply, WireError> {
    let request: WriteTxnMarkersRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let permitted = gate.cluster(Operation::Alter).or_else(|_| gate.cluster(Operation::ClusterAction));
    let mut waiting = Vec::new();
    for marker in request.markers.iter() {
        let wanted = Wanted {
            producer: Producer { id: marker.producer_id, epoch: marker.producer_epoch },
            outcome: if marker.transaction_result { Outcome::Commit } else { Outcome::Abort },
            coordinator_epoch: marker.coordinator_epoch,
            is_raised: marker.transaction_version >= 2,
        };
        for topic in marker.topics.iter() {
            for index in topic.partition_indexes.iter() {
                let (sender, receiver) = oneshot::channel();
                let done = Box::new(move |result| {
                    // Nobody is there any more where the connection was closed.
                    let _ = sender.send(result);
                });
                let begun =
                    permitted.and_then(|()| write_marker(&call.state, topic.name, index, wanted, done));
                waiting.push((begun, receiver));
            }
        }
    }
    let mut codes = Vec::new();
    for (begun, receiver) in waiting {
        codes.push(match begun {
            Ok(()) => {
                receiver.await.unwrap_or(Err(ErrorCode::KAFKA_STORAGE_ERROR)).err().unwrap_or(ErrorCode::NONE)
            }
            Err(code) => code,
        });
    }
    let mut codes = codes.into_iter();
    let mut partition = |index| marked::WritableTxnMarkerPartitionResult {
        partition_index: index,
        error_code: codes.next().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR).0,
        ..Default::default()
    };
    let mut markers = Vec::new();
    for marker in request.markers.iter() {
        let mut topics = Vec::new();
        for topic in marker.topics.iter() {
            let partitions: List<'_, _> = topic.partition_indexes.iter().map(&mut partition).collect();
            topics.push(marked::WritableTxnMarkerTopicResult {
                name: topic.name,
                partitions,
                ..Default::default()
            });
        }
        let producer_id = marker.producer_id;
        markers.push(marked::WritableTxnMarkerResult {
            producer_id,
            topics: topics.into(),
            ..Default::default()
        });
    }
    call.answer(&WriteTxnMarkersResponse { markers: markers.into(), ..Default::default() })
}

/// The first version of TxnOffsetCommit that adds the group to the transaction.
const COMMIT_ADDS_FROM: i16 = 5;

/// Handles TxnOffsetCommit.
pub async fn commit_offsets(call: &Call) -> Result<Reply, WireError> {
    let request: TxnOffsetCommitRequest<'_> = call.request()?;
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let (id, group) = (request.transactional_id, request.group_id);
    let gate = Gate::of(call);
    let is_writer = gate.may(Operation::Write, ResourceType::TransactionalId, id);
    let permitted = match crate::groups::permitted(call, &gate, is_writer) {
        Ok(permitted) => permitted,
        Err(answer) => return crate::groups::respond(call, &answer),
    };
    let checked = if call.version >= COMMIT_ADDS_FROM {
        match is_raised(call, true) {
            true => add_group(call, id, producer, group, TransactionVersion::Tv2).await,
            false => Err(ErrorCode::UNSUPPORTED_VERSION),
        }
    } else {
        match offsets_partition(call, group).await {
            Ok(partition) => call.state.transactions.verify(id, producer, CONSUMER_OFFSETS, partition),
            Err(code) => Err(code),
        }
    };
    crate::groups::commit_in_transaction(call, id, producer, permitted, checked).await
}

/// Handles DescribeTransactions.
pub fn describe(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeTransactionsRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let machine = call.state.transactions.machine();
    let states = request.transactional_ids.iter().map(|id| {
        let none = described::TransactionState {
            transactional_id: id,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        if let Err(code) = gate.check(Operation::Describe, ResourceType::TransactionalId, id) {
            let told = described::TransactionState { transactional_id: id, ..Default::default() };
            return described::TransactionState { error_code: code.0, ..told };
        }
        let Some(entry) = machine.entry(id).filter(|_| !id.is_empty()) else {
            let code = if id.is_empty() {
                ErrorCode::INVALID_REQUEST
            } else {
                ErrorCode::TRANSACTIONAL_ID_NOT_FOUND
            };
            return described::TransactionState { error_code: code.0, ..none };
        };
        let told =
            entry.partitions.iter().filter(|(topic, _)| gate.topic(Operation::Describe, topic).is_ok());
        let topics = told.map(|(topic, indexes)| described::TopicData {
            topic,
            partitions: indexes.iter().copied().collect(),
            ..Default::default()
        });
        described::TransactionState {
            transaction_state: entry.status.name(),
            transaction_timeout_ms: entry.timeout_ms,
            transaction_start_time_ms: entry.start_ms,
            producer_id: entry.producer.id,
            producer_epoch: entry.producer.epoch,
            topics: topics.collect(),
            ..none
        }
    });
    let states = states.collect();
    call.answer(&DescribeTransactionsResponse { transaction_states: states, ..Default::default() })
}

/// Handles ListTransactions.
pub fn list(call: &Call) -> Result<Reply, WireError> {
    let request: ListTransactionsRequest<'_> = call.request()?;
    let known: Vec<&str> = (0..8).filter_map(Status::from_code).map(Status::name).collect();
    let unknown = request.state_filters.iter().filter(|name| !known.contains(name)).collect();
    let now_ms = now_ms();
    let pattern = request.transactional_id_pattern.filter(|pattern| !pattern.is_empty());
    let gate = Gate::of(call);
    let machine = call.state.transactions.machine();
    let states: Vec<&str> = request.state_filters.iter().filter(|name| known.contains(name)).collect();
    let fits = |entry: &dolmen_kafka::txn::Entry| {
        let by_state = states.is_empty() || states.contains(&entry.status.name());
        let by_id = request.producer_id_filters.is_empty()
            || request.producer_id_filters.iter().any(|producer| producer == entry.producer.id);
        // One that never began is as old as one can be.
        let by_age =
            request.duration_filter < 0 || now_ms.saturating_sub(entry.start_ms) > request.duration_filter;
        by_state && by_id && by_age
    };
    let matching = match machine.matching(pattern) {
        Ok(matching) => matching,
        Err(code) => {
            return call.answer(&ListTransactionsResponse { error_code: code.0, ..Default::default() });
        }
    };
    let is_told = |id: &str| gate.may(Operation::Describe, ResourceType::TransactionalId, id);
    let matching = matching.filter(|(id, entry)| fits(entry) && is_told(id));
    let states = matching.map(|(id, entry)| listed::TransactionState {
        transactional_id: id,
        producer_id: entry.producer.id,
        transaction_state: entry.status.name(),
        ..Default::default()
    });
    let states = states.collect();
    call.answer(&ListTransactionsResponse {
        unknown_state_filters: unknown,
        transaction_states: states,
        ..Default::default()
    })
}
