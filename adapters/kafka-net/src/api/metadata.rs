//! Metadata, FindCoordinator, and what makes and unmakes topics.

use dolmen_kafka::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest,
    MetadataResponse, create_partitions_response as grown, create_topics_request as asked,
    create_topics_response as made, delete_topics_response as deleted,
    describe_topic_partitions_response as described, find_coordinator_response as coordinated,
    metadata_response as out,
};
use dolmen_kafka::topics::{CONSUMER_OFFSETS, NewTopic, TRANSACTION_STATE, Topic, check_name, is_internal};
use dolmen_kafka::wire::{List, Uuid};
use dolmen_kafka::{ErrorCode, WireError};

use super::{Call, blocking};
use crate::server::Reply;

/// Operations that nobody asked for.
pub const NO_OPERATIONS: i32 = i32::MIN;
/// What a client may do with a topic, as bits: read, write, create, delete, alter, describe, and the same of settings. Nobody is refused any.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// What a client may do with the cluster: create, alter, describe, act as a broker, describe and alter settings, write without transactions.
pub const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// A topic as Metadata shows it.
enum Shown {
    Topic(Topic, i32),
    Error(Option<String>, Uuid, ErrorCode),
}

/// Handles Metadata.
pub async fn metadata(call: &Call) -> Result<Reply, WireError> {
    let request: MetadataRequest<'_> = call.request()?;
    let is_all = match &request.topics {
        None => true,
        Some(topics) => call.version == 0 && topics.is_empty(),
    };
    let mut shown = Vec::new();
    if is_all {
        let known = call.state.catalog.known();
        shown.extend(known.topics.iter().map(|topic| Shown::Topic(topic.clone(), epoch_of(&known, topic))));
    } else if let Some(topics) = &request.topics {
        let creates = call.version < 4 || request.allow_auto_topic_creation;
        for topic in topics.iter() {
            shown.push(match topic.name {
                Some(name) => by_name(call, name, creates).await,
                None => by_id(call, topic.topic_id),
            });
        }
    }
    let (host, port) = call.host();
    let node_id = call.state.settings.node_id;
    let broker = out::MetadataResponseBroker {
        node_id,
        host: &host,
        port,
        rack: if call.version >= 1 { call.state.settings.text("broker.rack") } else { None },
        ..Default::default()
    };
    let told = |are_asked: bool, all| if are_asked { all } else { NO_OPERATIONS };
    let operations = told(request.include_topic_authorized_operations, TOPIC_OPERATIONS);
    let topics = shown.iter().map(|shown| topic(call.version, node_id, operations, shown));
    call.answer(&MetadataResponse {
        brokers: [broker].into_iter().collect(),
        cluster_id: (call.version >= 2).then_some(call.state.cluster_id.as_str()),
        controller_id: if call.version >= 1 { node_id } else { -1 },
        topics: topics.collect(),
        cluster_authorized_operations: told(
            request.include_cluster_authorized_operations,
            CLUSTER_OPERATIONS,
        ),
        ..Default::default()
    })
}

fn epoch_of(known: &crate::catalog::Known, topic: &Topic) -> i32 {
    known.logs_of(&topic.name).first().map_or(0, |log| log.lock().leader_epoch())
}

fn by_id(call: &Call, id: Uuid) -> Shown {
    let known = call.state.catalog.known();
    match known.topics.topic_by_id(id) {
        Some(topic) => Shown::Topic(topic.clone(), epoch_of(&known, topic)),
        None => Shown::Error(None, id, ErrorCode::UNKNOWN_TOPIC_ID),
    }
}

async fn by_name(call: &Call, name: &str, creates: bool) -> Shown {
    {
        let known = call.state.catalog.known();
        if let Some(topic) = known.topics.topic(name) {
            return Shown::Topic(topic.clone(), epoch_of(&known, topic));
        }
        let may = call.state.settings.broker(&known.topics).is_on("auto.create.topics.enable");
        let error = match check_name(name) {
            Err(code) => Some(code),
            Ok(()) if !creates || !may => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Ok(()) => None,
        };
        if let Some(error) = error {
            return Shown::Error(Some(name.to_owned()), Uuid::default(), error);
        }
    }
    let (state, owned) = (call.state.clone(), name.to_owned());
    let result = blocking(move || {
        if is_internal(&owned) {
            state.internal_topic(&owned)?;
            let known = state.catalog.known();
            return known.topics.topic(&owned).cloned().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR);
        }
        let new =
            NewTopic { name: &owned, partition_count: -1, replication_factor: -1, ..NewTopic::default() };
        match state.catalog.create(&new, false) {
            Err(ErrorCode::TOPIC_ALREADY_EXISTS) => {
                state.catalog.known().topics.topic(&owned).cloned().ok_or(ErrorCode::LEADER_NOT_AVAILABLE)
            }
            result => result,
        }
    });
    match result.await {
        Ok(topic) => Shown::Topic(topic, 0),
        Err(code) => Shown::Error(Some(name.to_owned()), Uuid::default(), code),
    }
}

fn topic(version: i16, node_id: i32, operations: i32, shown: &Shown) -> out::MetadataResponseTopic<'_> {
    let base =
        out::MetadataResponseTopic { topic_authorized_operations: NO_OPERATIONS, ..Default::default() };
    match shown {
        Shown::Error(name, id, code) => out::MetadataResponseTopic {
            error_code: code.0,
            // Only the newest version can say that it does not know the name.
            name: if version >= 12 { name.as_deref() } else { Some(name.as_deref().unwrap_or_default()) },
            topic_id: if version >= 10 { *id } else { Uuid::default() },
            ..base
        },
        Shown::Topic(topic, epoch) => {
            let partition = |index| out::MetadataResponsePartition {
                partition_index: index,
                leader_id: node_id,
                leader_epoch: if version >= 7 { *epoch } else { -1 },
                replica_nodes: [node_id].into_iter().collect(),
                isr_nodes: [node_id].into_iter().collect(),
                ..Default::default()
            };
            out::MetadataResponseTopic {
                name: Some(&topic.name),
                topic_id: if version >= 10 { topic.id } else { Uuid::default() },
                is_internal: version >= 1 && is_internal(&topic.name),
                partitions: (0..topic.partition_count).map(partition).collect(),
                topic_authorized_operations: operations,
                ..base
            }
        }
    }
}

/// Handles DescribeTopicPartitions.
pub fn describe_topic_partitions(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeTopicPartitionsRequest<'_> = call.request()?;
    let known = call.state.catalog.known();
    let mut names: Vec<&str> = request.topics.iter().map(|topic| topic.name).collect();
    if names.is_empty() {
        names = known.topics.iter().map(|topic| topic.name.as_str()).collect();
    }
    names.sort_unstable();
    names.dedup();
    let from = request.cursor.as_ref().map_or(("", 0), |cursor| (cursor.topic_name, cursor.partition_index));
    let mut left =
        usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, PARTITIONS_TOLD_MAX);
    let (mut topics, mut next) = (Vec::new(), None);
    let node_id = call.state.settings.node_id;
    for name in names.into_iter().filter(|name| *name >= from.0) {
        let Some(topic) = known.topics.topic(name) else {
            topics.push(described::DescribeTopicPartitionsResponseTopic {
                error_code: check_name(name).err().unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).0,
                name: Some(name),
                topic_authorized_operations: NO_OPERATIONS,
                ..Default::default()
            });
            continue;
        };
        let first = if name == from.0 { from.1.max(0) } else { 0 };
        let end = topic.partition_count.min(first.saturating_add(i32::try_from(left).unwrap_or(i32::MAX)));
        if left == 0 {
            next = Some(described::Cursor { topic_name: name, partition_index: first, ..Default::default() });
            break;
        }
        let epoch = epoch_of(&known, topic);
        let partition = |index| described::DescribeTopicPartitionsResponsePartition {
            partition_index: index,
            leader_id: node_id,
            leader_epoch: epoch,
            replica_nodes: [node_id].into_iter().collect(),
            isr_nodes: [node_id].into_iter().collect(),
            eligible_leader_replicas: Some(List::default()),
            last_known_elr: Some(List::default()),
            ..Default::default()
        };
        topics.push(described::DescribeTopicPartitionsResponseTopic {
            name: Some(name),
            topic_id: topic.id,
            is_internal: is_internal(name),
            partitions: (first..end).map(partition).collect(),
            topic_authorized_operations: TOPIC_OPERATIONS,
            ..Default::default()
        });
        left -= usize::try_from(end - first).unwrap_or(left).min(left);
        if end < topic.partition_count {
            next = Some(described::Cursor { topic_name: name, partition_index: end, ..Default::default() });
            break;
        }
    }
    call.answer(&DescribeTopicPartitionsResponse {
        topics: topics.into(),
        next_cursor: next,
        ..Default::default()
    })
}

/// Partitions of one answer, whatever the client asks for: Kafka's `max.request.partition.size.limit`.
const PARTITIONS_TOLD_MAX: usize = 2000;

/// Handles FindCoordinator: it is always this broker. The topic of its records is made if it is not there.
pub async fn find_coordinator(call: &Call) -> Result<Reply, WireError> {
    let request: FindCoordinatorRequest<'_> = call.request()?;
    let topic = match request.key_type {
        0 => Some(CONSUMER_OFFSETS),
        1 => Some(TRANSACTION_STATE),
        _ => None,
    };
    let error = match topic {
        None => ErrorCode::INVALID_REQUEST,
        Some(topic) => {
            let state = call.state.clone();
            let made = blocking(move || state.internal_topic(topic)).await;
            made.err().map_or(ErrorCode::NONE, |_| ErrorCode::COORDINATOR_NOT_AVAILABLE)
        }
    };
    let (host, port) = call.host();
    let (node_id, host, port) = match error {
        ErrorCode::NONE => (call.state.settings.node_id, host.as_str(), port),
        _ => (-1, "", -1),
    };
    let mut response = FindCoordinatorResponse::default();
    if call.version >= 4 {
        let one = |key| coordinated::Coordinator {
            key,
            node_id,
            host,
            port,
            error_code: error.0,
            ..Default::default()
        };
        response.coordinators = request.coordinator_keys.iter().map(one).collect();
    } else {
        (response.error_code, response.node_id, response.host, response.port) =
            (error.0, node_id, host, port);
    }
    call.answer(&response)
}

/// Handles CreateTopics.
pub async fn create_topics(call: &Call) -> Result<Reply, WireError> {
    let request: CreateTopicsRequest<'_> = call.request()?;
    let mut results: Vec<(String, Result<Topic, ErrorCode>)> = Vec::new();
    for topic in request.topics.iter() {
        let is_double = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
        let result = if is_double {
            Err(ErrorCode::INVALID_REQUEST)
        } else {
            create(call, &topic, request.validate_only).await
        };
        results.push((topic.name.to_owned(), result));
    }
    let known = call.state.catalog.known();
    let topics = results.iter().map(|(name, result)| {
        let mut one = made::CreatableTopicResult { name, ..Default::default() };
        match result {
            Err(code) => {
                one.error_code = code.0;
                one.error_message = Some(code.about());
            }
            Ok(topic) if call.version >= 5 => {
                one.topic_id = if call.version >= 7 { topic.id } else { Uuid::default() };
                one.num_partitions = topic.partition_count;
                one.replication_factor = 1;
                one.configs = Some(super::admin::created_configs(&call.state.settings, &known.topics, topic));
            }
            Ok(_) => {}
        }
        one
    });
    call.answer(&CreateTopicsResponse { topics: topics.collect(), ..Default::default() })
}

async fn create(call: &Call, topic: &asked::CreatableTopic<'_>, is_trial: bool) -> Result<Topic, ErrorCode> {
    let name = topic.name.to_owned();
    let (count, factor) = (topic.num_partitions, topic.replication_factor);
    let assignments: Vec<(i32, Vec<i32>)> =
        topic.assignments.iter().map(|one| (one.partition_index, one.broker_ids.iter().collect())).collect();
    let configs: Vec<(String, Option<String>)> =
        topic.configs.iter().map(|one| (one.name.to_owned(), one.value.map(str::to_owned))).collect();
    let state = call.state.clone();
    blocking(move || {
        let assignments: Vec<(i32, &[i32])> =
            assignments.iter().map(|(index, ids)| (*index, ids.as_slice())).collect();
        let configs: Vec<(&str, Option<&str>)> =
            configs.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let new = NewTopic {
            name: &name,
            partition_count: count,
            replication_factor: factor,
            assignments: &assignments,
            configs: &configs,
        };
        state.catalog.create(&new, is_trial)
    })
    .await
}

/// Handles DeleteTopics.
pub async fn delete_topics(call: &Call) -> Result<Reply, WireError> {
    let request: DeleteTopicsRequest<'_> = call.request()?;
    let mut asked: Vec<(Option<String>, Uuid)> = Vec::new();
    if call.version >= 6 {
        asked.extend(request.topics.iter().map(|topic| (topic.name.map(str::to_owned), topic.topic_id)));
    } else {
        asked.extend(request.topic_names.iter().map(|name| (Some(name.to_owned()), Uuid::default())));
    }
    let mut results = Vec::new();
    for (name, id) in asked {
        let named = name
            .clone()
            .or_else(|| call.state.catalog.known().topics.topic_by_id(id).map(|topic| topic.name.clone()));
        let (code, id) = match named.clone() {
            None => (ErrorCode::UNKNOWN_TOPIC_ID, id),
            Some(name) => {
                let id = call.state.catalog.known().topics.topic(&name).map_or(id, |topic| topic.id);
                let state = call.state.clone();
                let result = blocking(move || {
                    state.catalog.delete(&name)?;
                    state.groups.topic_deleted(&state, &name);
                    Ok::<_, ErrorCode>(())
                });
                (result.await.err().unwrap_or(ErrorCode::NONE), id)
            }
        };
        results.push((named, id, code));
    }
    let responses = results.iter().map(|(name, id, code)| deleted::DeletableTopicResult {
        name: name.as_deref(),
        topic_id: if call.version >= 6 { *id } else { Uuid::default() },
        error_code: code.0,
        error_message: (call.version >= 5 && *code != ErrorCode::NONE).then(|| code.about()),
        ..Default::default()
    });
    call.answer(&DeleteTopicsResponse { responses: responses.collect(), ..Default::default() })
}

/// Handles CreatePartitions.
pub async fn create_partitions(call: &Call) -> Result<Reply, WireError> {
    let request: CreatePartitionsRequest<'_> = call.request()?;
    let mut results = Vec::new();
    for topic in request.topics.iter() {
        let (name, count) = (topic.name.to_owned(), topic.count);
        let assignments: Option<Vec<Vec<i32>>> = topic
            .assignments
            .as_ref()
            .map(|list| list.iter().map(|one| one.broker_ids.iter().collect()).collect());
        let (state, is_trial) = (call.state.clone(), request.validate_only);
        let result = blocking(move || {
            let assignments: Option<Vec<&[i32]>> =
                assignments.as_ref().map(|list| list.iter().map(Vec::as_slice).collect());
            state.catalog.grow(&name, count, assignments.as_deref(), is_trial)
        });
        let code = result.await.err().unwrap_or(ErrorCode::NONE);
        results.push(grown::CreatePartitionsTopicResult {
            name: topic.name,
            error_code: code.0,
            error_message: (code != ErrorCode::NONE).then(|| code.about()),
            ..Default::default()
        });
    }
    call.answer(&CreatePartitionsResponse { results: results.into(), ..Default::default() })
}
