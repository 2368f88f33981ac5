//! Settings, the cluster, and producers as administrators see them.

use dolmen_kafka::acl::{Operation, ResourceType};
use dolmen_kafka::configs::{self, Origin, Refusal, Setting};
use dolmen_kafka::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, DescribeProducersRequest, DescribeProducersResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ListConfigResourcesRequest,
    ListConfigResourcesResponse, alter_configs_response as altered, create_topics_response as made,
    describe_cluster_response as cluster, describe_configs_response as out,
    describe_producers_response as producers, incremental_alter_configs_response as incremental,
    list_config_resources_response as listed,
};
use dolmen_kafka::topics::{Alteration, Change, Resource, Topic, Topics, check_name};
use dolmen_kafka::wire::List;
use dolmen_kafka::{ErrorCode, WireError};

use super::authorize::Gate;
use super::metadata::NO_OPERATIONS;
use super::{Call, blocking};
use crate::server::Reply;
use crate::settings::Settings;

/// Kinds of resources in requests.
mod kind {
    pub const TOPIC: i8 = 2;
    pub const BROKER: i8 = 4;
    pub const BROKER_LOGGER: i8 = 8;
    pub const CLIENT_METRICS: i8 = 16;
    pub const GROUP: i8 = 32;
}

/// Whether the client may do this with the settings of a resource: a topic's, a group's, or else the cluster's.
fn permitted(gate: &Gate, operation: Operation, kind: i8, name: &str) -> Result<(), ErrorCode> {
    match kind {
        kind::TOPIC => gate.topic(operation, name),
        kind::GROUP => gate.check(operation, ResourceType::Group, name),
        _ => gate.cluster(operation),
    }
}

/// The settings of a new topic, for the answer to CreateTopics.
pub fn created_configs<'t>(
    settings: &'t Settings,
    topics: &'t Topics,
    topic: &'t Topic,
) -> List<'t, made::CreatableTopicConfigs<'t>> {
    let force = settings.broker(topics).topic(&topic.configs);
    let one = |setting: &'static Setting| {
        let value = force.values(setting).next();
        made::CreatableTopicConfigs {
            name: setting.name,
            value: value.and_then(|value| value.value),
            read_only: false,
            config_source: value.map_or(Origin::Default, |value| value.origin) as i8,
            is_sensitive: false,
            ..Default::default()
        }
    };
    configs::TOPIC.iter().map(one).collect()
}

/// Handles DescribeConfigs.
pub fn describe_configs(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeConfigsRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let known = call.state.catalog.known();
    let broker = call.state.settings.broker(&known.topics);
    let node_id = call.state.settings.node_id.to_string();
    let results = request.resources.iter().map(|asked| {
        let topic = known.topics.topic(asked.resource_name);
        let found = match (asked.resource_type, topic) {
            (kind::TOPIC, Some(topic)) => Ok((broker.topic(&topic.configs), configs::TOPIC)),
            (kind::GROUP, _) if !asked.resource_name.is_empty() => {
                Ok((broker.group(known.topics.group_configs(asked.resource_name)), configs::GROUP))
            }
            (kind::TOPIC, None) => {
                Err(check_name(asked.resource_name).err().unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
            }
            (kind::BROKER, _) if asked.resource_name == node_id || asked.resource_name.is_empty() => {
                Ok((broker, configs::BROKER))
            }
            (kind::BROKER_LOGGER | kind::CLIENT_METRICS, _) => Ok((broker, &[][..])),
            _ => Err(ErrorCode::INVALID_REQUEST),
        };
        let mut one = out::DescribeConfigsResult {
            resource_type: asked.resource_type,
            resource_name: asked.resource_name,
            ..Default::default()
        };
        let permitted =
            permitted(&gate, Operation::DescribeConfigs, asked.resource_type, asked.resource_name);
        match permitted.and(found) {
            Err(code) => (one.error_code, one.error_message) = (code.0, Some(code.about())),
            Ok((force, table)) => {
                let is_asked = |setting: &&Setting| {
                    asked
                        .configuration_keys
                        .as_ref()
                        .is_none_or(|keys| keys.iter().any(|key| key == setting.name))
                };
                // Of the cluster's defaults only what was set.
                let is_shown = |setting: &&'static Setting| {
                    asked.resource_type != kind::BROKER
                        || !asked.resource_name.is_empty()
                        || force
                            .values(setting)
                            .next()
                            .is_some_and(|value| value.origin == Origin::DynamicBroker)
                };
                let rows = table.iter().filter(is_asked).filter(is_shown);
                one.configs = rows.map(|setting| row(call.version, &request, force, setting)).collect();
            }
        }
        one
    });
    let results = results.collect();
    call.answer(&DescribeConfigsResponse { results, ..Default::default() })
}

fn row<'s>(
    version: i16,
    request: &DescribeConfigsRequest<'_>,
    force: configs::InForce<'s>,
    setting: &'static Setting,
) -> out::DescribeConfigsResourceResult<'s> {
    let mut values = force.values(setting);
    let first = values.next();
    let synonym = |value: configs::Value<'s>| out::DescribeConfigsSynonym {
        name: value.name,
        value: value.value,
        source: value.origin as i8,
        ..Default::default()
    };
    let synonyms: List<'_, _> = if request.include_synonyms {
        first.into_iter().chain(values).map(synonym).collect()
    } else {
        List::default()
    };
    out::DescribeConfigsResourceResult {
        name: setting.name,
        value: first.and_then(|value| value.value),
        read_only: !setting.is_dynamic,
        config_source: first.map_or(Origin::Default, |value| value.origin) as i8,
        is_sensitive: false,
        synonyms,
        config_type: if version >= 3 { setting.kind.code() } else { 0 },
        documentation: (version >= 3 && request.include_documentation).then_some(setting.about),
        ..Default::default()
    }
}

/// Whether a resource has settings that can be changed.
fn is_changed(call: &Call, kind: i8, name: &str) -> Result<(), Refusal> {
    let node_id = call.state.settings.node_id;
    let why = match kind {
        kind::TOPIC | kind::GROUP => return Ok(()),
        kind::BROKER if name.is_empty() || name == node_id.to_string() => return Ok(()),
        kind::BROKER => format!("This broker is {node_id}, and there is no other."),
        _ => "Only topics, groups and this broker have settings that can be changed here.".to_owned(),
    };
    Err(Refusal::new(ErrorCode::INVALID_REQUEST, why))
}

async fn alter(
    call: &Call,
    (kind, name): (i8, &str),
    changes: Vec<Alteration>,
    is_all: bool,
    is_trial: bool,
) -> Result<(), Refusal> {
    is_changed(call, kind, name)?;
    let (state, owned) = (call.state.clone(), name.to_owned());
    permitted(&Gate::of(call), Operation::AlterConfigs, kind, name)?;
    blocking(move || {
        let resource = match kind {
            kind::TOPIC => Resource::Topic(&owned),
            kind::GROUP => Resource::Group(&owned),
            _ => Resource::Broker,
        };
        state.catalog.alter(resource, &changes, is_all, is_trial)
    })
    .await
}

/// What is answered of one resource: the code, and the words beside it.
fn told(result: &Result<(), Refusal>) -> (i16, Option<&str>) {
    match result {
        Ok(()) => (ErrorCode::NONE.0, None),
        Err(refusal) => (refusal.code.0, Some(&refusal.why)),
    }
}

/// Handles AlterConfigs: what is not named goes back to its default.
pub async fn alter_configs(call: &Call) -> Result<Reply, WireError> {
    let request: AlterConfigsRequest<'_> = call.request()?;
    let mut results = Vec::new();
    for asked in request.resources.iter() {
        let changes = asked.configs.iter().map(|one| Alteration {
            name: one.name.to_owned(),
            operation: Some(if one.value.is_some() { Change::Set } else { Change::Delete }),
            value: one.value.map(str::to_owned),
        });
        let of = (asked.resource_type, asked.resource_name);
        results.push((of, alter(call, of, changes.collect(), true, request.validate_only).await));
    }
    let responses = results.iter().map(|((resource_type, resource_name), result)| {
        let (error_code, error_message) = told(result);
        altered::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: *resource_type,
            resource_name,
            ..Default::default()
        }
    });
    let responses = responses.collect();
    call.answer(&AlterConfigsResponse { responses, ..Default::default() })
}

/// Handles IncrementalAlterConfigs.
pub async fn incremental_alter_configs(call: &Call) -> Result<Reply, WireError> {
    let request: IncrementalAlterConfigsRequest<'_> = call.request()?;
    let mut results = Vec::new();
    for asked in request.resources.iter() {
        let changes = asked.configs.iter().map(|one| Alteration {
            name: one.name.to_owned(),
            operation: Change::from_code(one.config_operation),
            value: one.value.map(str::to_owned),
        });
        let of = (asked.resource_type, asked.resource_name);
        results.push((of, alter(call, of, changes.collect(), false, request.validate_only).await));
    }
    let responses = results.iter().map(|((resource_type, resource_name), result)| {
        let (error_code, error_message) = told(result);
        incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: *resource_type,
            resource_name,
            ..Default::default()
        }
    });
    let responses = responses.collect();
    call.answer(&IncrementalAlterConfigsResponse { responses, ..Default::default() })
}

/// Handles ListConfigResources. Version 0 asks for client metrics alone, of which there are none.
pub fn list_config_resources(call: &Call) -> Result<Reply, WireError> {
    let request: ListConfigResourcesRequest<'_> = call.request()?;
    if let Err(code) = Gate::of(call).cluster(Operation::DescribeConfigs) {
        return call.answer(&ListConfigResourcesResponse { error_code: code.0, ..Default::default() });
    }
    let kinds = [kind::TOPIC, kind::BROKER, kind::BROKER_LOGGER, kind::CLIENT_METRICS, kind::GROUP];
    if request.resource_types.iter().any(|asked| !kinds.contains(&asked)) {
        let error_code = ErrorCode::UNSUPPORTED_VERSION.0;
        return call.answer(&ListConfigResourcesResponse { error_code, ..Default::default() });
    }
    let is_asked = |kind: i8| {
        call.version >= 1
            && (request.resource_types.is_empty() || request.resource_types.iter().any(|asked| asked == kind))
    };
    let known = call.state.catalog.known();
    let node_id = call.state.settings.node_id.to_string();
    let names = known.topics.iter().map(|topic| (topic.name.as_str(), kind::TOPIC));
    let groups = known.topics.groups_set().map(|name| (name, kind::GROUP));
    let brokers = [(node_id.as_str(), kind::BROKER), (node_id.as_str(), kind::BROKER_LOGGER)];
    let one = |(resource_name, resource_type)| listed::ConfigResource {
        resource_name,
        resource_type,
        ..Default::default()
    };
    let found = names.chain(groups).chain(brokers).filter(|(_, kind)| is_asked(*kind)).map(one);
    call.answer(&ListConfigResourcesResponse { config_resources: found.collect(), ..Default::default() })
}

/// Handles DescribeCluster.
pub fn describe_cluster(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeClusterRequest<'_> = call.request()?;
    let (host, port) = call.host();
    let node_id = call.state.settings.node_id;
    let broker = cluster::DescribeClusterBroker {
        broker_id: node_id,
        host: &host,
        port,
        rack: call.state.settings.text("broker.rack"),
        ..Default::default()
    };
    // Endpoint 1 is a broker's; controllers have none of their own here.
    let error = match request.endpoint_type {
        1 => ErrorCode::NONE,
        _ => ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
    };
    call.answer(&DescribeClusterResponse {
        error_code: error.0,
        error_message: (error != ErrorCode::NONE).then(|| error.about()),
        endpoint_type: 1,
        cluster_id: &call.state.cluster_id,
        controller_id: node_id,
        brokers: [broker].into_iter().collect(),
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            Gate::of(call).cluster_operations()
        } else {
            NO_OPERATIONS
        },
        ..Default::default()
    })
}

/// Handles DescribeProducers.
pub fn describe_producers(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeProducersRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let topics = request.topics.iter().map(|topic| {
        let permitted = check_name(topic.name).and_then(|()| gate.topic(Operation::Read, topic.name));
        let partitions = topic.partition_indexes.iter().map(|index| {
            let mut one = producers::PartitionResponse { partition_index: index, ..Default::default() };
            match permitted.and_then(|()| call.state.catalog.log(topic.name, index)) {
                Err(code) => (one.error_code, one.error_message) = (code.0, Some(code.about())),
                Ok(log) => {
                    let inner = log.lock();
                    let state = |(id, known): (i64, &dolmen_kafka::partition::producers::Known)| {
                        producers::ProducerState {
                            producer_id: id,
                            producer_epoch: i32::from(known.epoch),
                            last_sequence: known.batches.back().map_or(-1, |batch| batch.last_sequence),
                            last_timestamp: known.timestamp_ms,
                            coordinator_epoch: known.coordinator_epoch,
                            current_txn_start_offset: known.open_since.unwrap_or(-1),
                            ..Default::default()
                        }
                    };
                    one.active_producers = inner.rules.producers().iter().map(state).collect();
                }
            }
            one
        });
        producers::TopicResponse { name: topic.name, partitions: partitions.collect(), ..Default::default() }
    });
    let topics = topics.collect();
    call.answer(&DescribeProducersResponse { topics, ..Default::default() })
}
