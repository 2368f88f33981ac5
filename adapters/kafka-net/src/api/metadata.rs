//! Metadata, FindCoordinator, and what makes and unmakes topics.

use dolmen_kafka::acl::{Operation, ResourceType};
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

use super::authorize::Gate;
use super::{Call, blocking};
use crate::server::Reply;

/// Operations that nobody asked for.
pub const NO_OPERATIONS: i32 = i32::MIN;

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
    let gate = Gate::of(call);
    if is_all {
        let known = call.state.catalog.known();
        let told = known.topics.iter().filter(|topic| gate.topic(Operation::Describe, &topic.name).is_ok());
        shown.extend(told.map(|topic| Shown::Topic(topic.clone(), epoch_of(&known, topic))));
    } else if let Some(topics) = &request.topics {
        let creates = call.version < 4 || request.allow_auto_topic_creation;
        for topic in topics.iter() {
            shown.push(match topic.name {
                Some(name) => by_name(call, &gate, name, creates).await,
                None => by_id(call, &gate, topic.topic_id),
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
    let operations = |name: &str| match request.include_topic_authorized_operations {
        true => gate.operations(ResourceType::Topic, name),
        false => NO_OPERATIONS,
    };
    let topics = shown.iter().map(|shown| topic(call.version, node_id, &operations, shown));
    call.answer(&MetadataResponse {
        brokers: [broker].into_iter().collect(),
        cluster_id: (call.version >= 2).then_some(call.state.cluster_id.as_str()),
        controller_id: if call.version >= 1 { node_id } else { -1 },
        topics: topics.collect(),
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => gate.cluster_operations(),
            false => NO_OPERATIONS,
        },
        ..Default::default()
    })
}

fn epoch_of(known: &crate::catalog::Known, topic: &Topic) -> i32 {
    known.logs_of(&topic.name).first().map_or(0, |log| log.lock().leader_epoch())
}

fn by_id(call: &Call, gate: &Gate, id: Uuid) -> Shown {
    let known = call.state.catalog.known();
    match known.topics.topic_by_id(id) {
        Some(topic) if gate.topic(Operation::Describe, &topic.name).is_err() => {
            Shown::Error(None, id, ErrorCode::TOPIC_AUTHORIZATION_FAILED)
        }
        Some(topic) => Shown::Topic(topic.clone(), epoch_of(&known, topic)),
        None => Shown::Error(None, id, ErrorCode::UNKNOWN_TOPIC_ID),
    }
}

async fn by_name(call: &Call, gate: &Gate, name: &str, creates: bool) -> Shown {
    let refused = |code| Shown::Error(Some(name.to_owned()), Uuid::default(), code);
    // Whether there is one is not told to who may not know.
    if let Err(code) = gate.topic(Operation::Describe, name) {
        return refused(code);
    }
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
            return refused(error);
        }
    }
    if let Err(code) = may_create(gate, name) {
        return refused(code);
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
        Err(code) => refused(code),
    }
}

/// Whether a topic of this name may be made.
fn may_create(gate: &Gate, name: &str) -> Result<(), ErrorCode> {
    gate.cluster(Operation::Create).or_else(|_| gate.topic(Operation::Create, name))
}

fn topic<'s>(
    version: i16,
    node_id: i32,
    operations: &dyn Fn(&str) -> i32,
    shown: &'s Shown,
) -> out::MetadataResponseTopic<'s> {
    let base =
        out::MetadataResponseTopic { topic_authorized_operations: NO_OPERATIONS, ..Default::default() };
    match shown {
        Shown::Error(name, id, code) => out::MetadataResponseTopic {
            error_code: code.0,
            // Only the newest version can say that it does not know the name.
            name: if version >= 12 { name.as_deref() } else { Some(name.as_deref().unwrap_or_default()) },
            topic_id: if version >= 10 { *id } else { Uuid::default() },
            // Of one that is not there too, to who may know that it is not.
            topic_authorized_operations: match name {
                Some(name) if *code != ErrorCode::TOPIC_AUTHORIZATION_FAILED => operations(name),
                _ => NO_OPERATIONS,
            },
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
                topic_authorized_operations: operations(&topic.name),
                ..base
            }
        }
    }
}

/// Handles DescribeTopicPartitions.
pub fn describe_topic_partitions(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeTopicPartitionsRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let known = call.state.catalog.known();
    let mut names: Vec<&str> = request.topics.iter().map(|topic| topic.name).collect();
    let is_told = |name: &str| gate.topic(Operation::Describe, name).is_ok();
    if names.is_empty() {
        names = known.topics.iter().map(|topic| topic.name.as_str()).filter(|name| is_told(name)).collect();
    }
    names.sort_unstable();
    names.dedup();
    let from = request.cursor.as_ref().map_or(("", 0), |cursor| (cursor.topic_name, cursor.partition_index));
    let mut left =
        usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, PARTITIONS_TOLD_MAX);
    let (mut topics, mut next) = (Vec::new(), None);
    let node_id = call.state.settings.node_id;
    for name in names.into_iter().filter(|name| *name >= from.0) {
        let missing = || check_name(name).err().unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let found =
            gate.topic(Operation::Describe, name).and_then(|()| known.topics.topic(name).ok_or_else(missing));
        let topic = match found {
            Ok(topic) => topic,
            Err(code) => {
                topics.push(described::DescribeTopicPartitionsResponseTopic {
                    error_code: code.0,
                    name: Some(name),
                    topic_authorized_operations: match code {
                        ErrorCode::TOPIC_AUTHORIZATION_FAILED => NO_OPERATIONS,
                        _ => gate.operations(ResourceType::Topic, name),
                    },
                    ..Default::default()
                });
                continue;
            }
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
            topic_authorized_operations: gate.operations(ResourceType::Topic, name),
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
    let (topic, kind) = match request.key_type {
        0 => (Some(CONSUMER_OFFSETS), ResourceType::Group),
        _ => (Some(TRANSACTION_STATE).filter(|_| request.key_type == 1), ResourceType::TransactionalId),
    };
    let gate = Gate::of(call);
    let permitted = |key: &str| gate.check(Operation::Describe, kind, key);
    let is_new = call.version >= 4;
    let is_asked = match is_new {
        true => request.coordinator_keys.iter().any(|key| permitted(key).is_ok()),
        false => permitted(request.key).is_ok(),
    };
    let error = match topic {
        None => ErrorCode::INVALID_REQUEST,
        // Nothing is made for who may not know.
        Some(_) if !is_asked => ErrorCode::NONE,
        Some(topic) => {
            let state = call.state.clone();
            let made = blocking(move || state.internal_topic(topic)).await;
            made.err().map_or(ErrorCode::NONE, |_| ErrorCode::COORDINATOR_NOT_AVAILABLE)
        }
    };
    let (host, port) = call.host();
    let found = |key: &str| {
        let error = match topic {
            Some(_) => permitted(key).err().unwrap_or(error),
            None => error,
        };
        match error {
            ErrorCode::NONE => (error.0, call.state.settings.node_id, host.as_str(), port),
            _ => (error.0, -1, "", -1),
        }
    };
    let mut response = FindCoordinatorResponse::default();
    if is_new {
        let one = |key| {
            let (error_code, node_id, host, port) = found(key);
            coordinated::Coordinator { key, node_id, host, port, error_code, ..Default::default() }
        };
        response.coordinators = request.coordinator_keys.iter().map(one).collect();
    } else {
        (response.error_code, response.node_id, response.host, response.port) = found(request.key);
    }
    call.answer(&response)
}

/// Handles CreateTopics.
pub async fn create_topics(call: &Call) -> Result<Reply, WireError> {
    let request: CreateTopicsRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let mut results: Vec<(String, Result<Topic, ErrorCode>)> = Vec::new();
    for topic in request.topics.iter() {
        let is_double = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
        let result = if is_double {
            Err(ErrorCode::INVALID_REQUEST)
        } else if let Err(code) = may_create(&gate, topic.name) {
            Err(code)
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
                if let Err(code) = gate.topic(Operation::DescribeConfigs, name) {
                    one.topic_config_error_code = code.0;
                    return one;
                }
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
    let gate = Gate::of(call);
    let is_all = gate.cluster(Operation::Delete).is_ok();
    let may = |operation, name: &str| if is_all { Ok(()) } else { gate.topic(operation, name) };
    let mut results = Vec::new();
    for (name, id) in asked {
        let named = name
            .clone()
            .or_else(|| call.state.catalog.known().topics.topic_by_id(id).map(|topic| topic.name.clone()));
        let permitted = match (&named, &name) {
            (None, _) => Ok(()),
            (Some(topic), None) => may(Operation::Delete, topic),
            // Whether there is one is not told to who may not know.
            (Some(topic), Some(_)) => may(Operation::Describe, topic).and_then(|()| {
                let is_there = call.state.catalog.known().topics.topic(topic).is_some();
                if is_there { may(Operation::Delete, topic) } else { Ok(()) }
            }),
        };
        if let Err(code) = permitted {
            let is_told = |topic: &String| name.is_some() || may(Operation::Describe, topic).is_ok();
            results.push((named.filter(is_told), id, code));
            continue;
        }
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
    let gate = Gate::of(call);
    let mut results = Vec::new();
    for topic in request.topics.iter() {
        let (name, count) = (topic.name.to_owned(), topic.count);
        let assignments: Option<Vec<Vec<i32>>> = topic
            .assignments
            .as_ref()
            .map(|list| list.iter().map(|one| one.broker_ids.iter().collect()).collect());
        let (state, is_trial) = (call.state.clone(), request.validate_only);
        let permitted = gate.topic(Operation::Alter, topic.name);
        let result = blocking(move || {
            permitted?;
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
