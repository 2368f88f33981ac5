//! Where partitions are: leaders, directories, moves. One broker with one directory has nothing to choose; what asks for what is there already
//! is told so, anything else is refused.

use dolmen_kafka::acl::Operation;
use dolmen_kafka::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse, ElectLeadersRequest,
    ElectLeadersResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    alter_partition_reassignments_response as reassigned, alter_replica_log_dirs_response as moved,
    describe_log_dirs_response as dirs, elect_leaders_response as elected,
    list_partition_reassignments_response as listed,
};
use dolmen_kafka::wire::List;
use dolmen_kafka::{ErrorCode, WireError};

use super::Call;
use super::authorize::Gate;
use crate::server::Reply;

/// Handles ElectLeaders: the one replica leads already.
pub fn elect_leaders(call: &Call) -> Result<Reply, WireError> {
    let request: ElectLeadersRequest<'_> = call.request()?;
    let permitted = Gate::of(call).cluster(Operation::Alter);
    if permitted.is_ok() && !(0..=1).contains(&request.election_type) {
        let error_code = ErrorCode::INVALID_REQUEST.0;
        return call.answer(&ElectLeadersResponse { error_code, ..Default::default() });
    }
    // Whoever asks for all partitions is told of those that got a leader: none.
    let topics = request.topic_partitions.as_ref().into_iter().flat_map(|topics| topics.iter());
    let results = topics.map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            let found = permitted.and_then(|()| call.state.catalog.log(topic.topic, index));
            let code = found.err().unwrap_or(ErrorCode::ELECTION_NOT_NEEDED);
            elected::PartitionResult {
                partition_id: index,
                error_code: code.0,
                error_message: Some(code.about()),
                ..Default::default()
            }
        });
        elected::ReplicaElectionResult {
            topic: topic.topic,
            partition_result: partitions.collect(),
            ..Default::default()
        }
    });
    call.answer(&ElectLeadersResponse {
        // Before version 1 there was no code for the request as a whole.
        error_code: permitted.err().filter(|_| call.version >= 1).unwrap_or(ErrorCode::NONE).0,
        replica_election_results: results.collect(),
        ..Default::default()
    })
}

/// Handles DescribeLogDirs.
pub fn describe_log_dirs(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeLogDirsRequest<'_> = call.request()?;
    if let Err(code) = Gate::of(call).cluster(Operation::Describe) {
        return call.answer(&DescribeLogDirsResponse { error_code: code.0, ..Default::default() });
    }
    let known = call.state.catalog.known();
    let one = |index: i32, len| dirs::DescribeLogDirsPartition {
        partition_index: index,
        partition_size: i64::try_from(len).unwrap_or(i64::MAX),
        ..Default::default()
    };
    let topic = |name, partitions| dirs::DescribeLogDirsTopic { name, partitions, ..Default::default() };
    let topics = match &request.topics {
        None => known
            .topics
            .iter()
            .map(|each| {
                let logs = known.logs_of(&each.name).iter();
                topic(
                    each.name.as_str(),
                    (0..).zip(logs).map(|(index, log)| one(index, log.lock().len())).collect(),
                )
            })
            .collect(),
        Some(asked) => asked
            .iter()
            .map(|each| {
                let found = each.partitions.iter().filter_map(|index| {
                    known.log(each.topic, index).ok().map(|log| one(index, log.lock().len()))
                });
                topic(each.topic, found.collect())
            })
            .collect(),
    };
    let dir = call.state.catalog.root().display().to_string();
    let result = dirs::DescribeLogDirsResult { log_dir: &dir, topics, ..Default::default() };
    call.answer(&DescribeLogDirsResponse { results: [result].into_iter().collect(), ..Default::default() })
}

/// Handles AlterReplicaLogDirs: there is one directory.
pub fn alter_replica_log_dirs(call: &Call) -> Result<Reply, WireError> {
    let request: AlterReplicaLogDirsRequest<'_> = call.request()?;
    let permitted = Gate::of(call).cluster(Operation::Alter);
    let root = call.state.catalog.root();
    let mut results = Vec::new();
    for dir in request.dirs.iter() {
        let is_here = std::path::Path::new(dir.path) == root;
        for topic in dir.topics.iter() {
            let partitions = topic.partitions.iter().map(|index| {
                let code = match permitted.and_then(|()| call.state.catalog.log(topic.name, index)) {
                    Err(code) if permitted.is_err() => code,
                    _ if !is_here => ErrorCode::LOG_DIR_NOT_FOUND,
                    Err(code) => code,
                    Ok(_) => ErrorCode::NONE,
                };
                moved::AlterReplicaLogDirPartitionResult {
                    partition_index: index,
                    error_code: code.0,
                    ..Default::default()
                }
            });
            results.push(moved::AlterReplicaLogDirTopicResult {
                topic_name: topic.name,
                partitions: partitions.collect(),
                ..Default::default()
            });
        }
    }
    call.answer(&AlterReplicaLogDirsResponse { results: results.into(), ..Default::default() })
}

/// Handles AlterPartitionReassignments: every replica is on this broker and stays.
pub fn alter_partition_reassignments(call: &Call) -> Result<Reply, WireError> {
    let request: AlterPartitionReassignmentsRequest<'_> = call.request()?;
    let permitted = Gate::of(call).cluster(Operation::Alter);
    let node_id = call.state.settings.node_id;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let log = permitted.and_then(|()| call.state.catalog.log(topic.name, asked.partition_index));
            let code = match (log, &asked.replicas) {
                (Err(code), _) => code,
                (Ok(_), None) => ErrorCode::NO_REASSIGNMENT_IN_PROGRESS,
                (Ok(_), Some(ids)) if ids.iter().eq([node_id]) => ErrorCode::NONE,
                _ => ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            };
            reassigned::ReassignablePartitionResponse {
                partition_index: asked.partition_index,
                error_code: code.0,
                error_message: (code != ErrorCode::NONE).then(|| code.about()),
                ..Default::default()
            }
        });
        reassigned::ReassignableTopicResponse {
            name: topic.name,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    call.answer(&AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        error_code: permitted.err().unwrap_or(ErrorCode::NONE).0,
        error_message: permitted.err().map(ErrorCode::about),
        responses: topics.collect(),
        ..Default::default()
    })
}

/// Handles ListPartitionReassignments: none is ever under way.
pub fn list_partition_reassignments(call: &Call) -> Result<Reply, WireError> {
    let request: ListPartitionReassignmentsRequest<'_> = call.request()?;
    let permitted = Gate::of(call).cluster(Operation::Describe);
    // Who may not know is told of what was named, and nothing of it: as Kafka does it.
    let named = request.topics.as_ref().into_iter().filter(|_| permitted.is_err()).flat_map(List::iter);
    let topics = named.map(|topic| listed::OngoingTopicReassignment {
        name: topic.name,
        partitions: topic
            .partition_indexes
            .iter()
            .map(|partition_index| listed::OngoingPartitionReassignment {
                partition_index,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    call.answer(&ListPartitionReassignmentsResponse {
        topics: topics.collect(),
        error_code: permitted.err().unwrap_or(ErrorCode::NONE).0,
        error_message: permitted.err().map(ErrorCode::about),
        ..Default::default()
    })
}
