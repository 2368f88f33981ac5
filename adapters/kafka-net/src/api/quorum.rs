//! The quorum of the metadata: this broker alone, which writes its own log of it.

use dolmen_kafka::acl::Operation;
use dolmen_kafka::messages::{
    DescribeQuorumRequest, DescribeQuorumResponse, describe_quorum_response as out,
};
use dolmen_kafka::topics::CLUSTER_METADATA;
use dolmen_kafka::{ErrorCode, WireError};

use super::authorize::Gate;
use super::{Call, blocking};
use crate::server::Reply;
use crate::settings::now_ms;

/// Handles DescribeQuorum.
pub async fn describe(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeQuorumRequest<'_> = call.request()?;
    let are_told = call.version >= 2;
    if let Err(code) = Gate::of(call).cluster(Operation::Describe) {
        return call.answer(&DescribeQuorumResponse {
            error_code: code.0,
            error_message: Some(if are_told { code.about() } else { "" }),
            ..Default::default()
        });
    }
    let state = call.state.clone();
    let end = blocking(move || state.catalog.records_end()).await;
    let (node_id, now_ms) = (call.state.settings.node_id, now_ms());
    let voter = out::ReplicaState {
        replica_id: node_id,
        log_end_offset: end,
        last_fetch_timestamp: if call.version >= 1 { now_ms } else { -1 },
        last_caught_up_timestamp: if call.version >= 1 { now_ms } else { -1 },
        ..Default::default()
    };
    let partition = |topic: &str, index: i32| {
        let base = out::PartitionData {
            partition_index: index,
            error_message: if are_told { None } else { Some("") },
            ..Default::default()
        };
        if topic != CLUSTER_METADATA || index != 0 {
            return out::PartitionData { error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0, ..base };
        }
        out::PartitionData {
            leader_id: node_id,
            high_watermark: end,
            current_voters: [voter.clone()].into_iter().collect(),
            ..base
        }
    };
    let topics = request.topics.iter().map(|topic| out::TopicData {
        topic_name: topic.topic_name,
        partitions: topic
            .partitions
            .iter()
            .map(|one| partition(topic.topic_name, one.partition_index))
            .collect(),
        ..Default::default()
    });
    let (host, port) = call.host();
    let listener = out::Listener {
        name: "CONTROLLER",
        host: &host,
        port: u16::try_from(port).unwrap_or_default(),
        ..Default::default()
    };
    let node = out::Node { node_id, listeners: [listener].into_iter().collect(), ..Default::default() };
    call.answer(&DescribeQuorumResponse {
        error_message: if are_told { None } else { Some("") },
        topics: topics.collect(),
        nodes: if are_told { [node].into_iter().collect() } else { Default::default() },
        ..Default::default()
    })
}
