//! Requests of groups read from their bytes, and answers written.
//!
//! [`read`] gives the [`Ask`] in a request's body; [`write()`] appends the body of the response in the request's version.

use alloc::string::String;
use alloc::vec::Vec;

use crate::messages::consumer_group_describe_response as described_consumers;
use crate::messages::consumer_group_heartbeat_response as beaten;
use crate::messages::delete_groups_response::DeletableGroupResult;
use crate::messages::describe_groups_response as described;
use crate::messages::join_group_response::JoinGroupResponseMember;
use crate::messages::leave_group_response::MemberResponse;
use crate::messages::list_groups_response::ListedGroup;
use crate::messages::offset_commit_response as committed;
use crate::messages::offset_delete_response as deleted;
use crate::messages::offset_fetch_response as fetched;
use crate::messages::txn_offset_commit_response as txn_committed;
use crate::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use crate::txn::Producer;
use crate::wire::{List, Message, Uuid};
use crate::{ErrorCode, WireError};

use super::ask::{
    Answer, Ask, Beat, Beaten, Commit, CommitPartition, DeleteOffsets, Described, DescribedConsumers, Fetch,
    FetchGroup, FetchedGroup, Heartbeat, Join, Joined, Leave, NamedPartitions, Sync, TopicName,
};

/// Whether an API is one of groups.
pub fn is_of_groups(key: i16) -> bool {
    matches!(
        key,
        api::OFFSET_COMMIT
            | api::OFFSET_FETCH
            | api::JOIN
            | api::HEARTBEAT
            | api::LEAVE
            | api::SYNC
            | api::DESCRIBE
            | api::LIST
            | api::TXN_OFFSET_COMMIT
            | api::DELETE
            | api::OFFSET_DELETE
            | api::BEAT
            | api::DESCRIBE_CONSUMERS
    )
}

/// What a request's body asks.
///
/// # Errors
/// [`WireError`] for a body that does not parse, an API that is not one of groups, a version that it does not have.
pub fn read(key: i16, version: i16, body: &[u8]) -> Result<Ask, WireError> {
    Ok(match key {
        api::JOIN => Ask::Join(join(&JoinGroupRequest::decode_request(body, version)?, version)),
        api::SYNC => Ask::Sync(sync(&SyncGroupRequest::decode_request(body, version)?)),
        api::HEARTBEAT => {
            let request = HeartbeatRequest::decode_request(body, version)?;
            Ask::Heartbeat(Heartbeat {
                group: request.group_id.into(),
                member: request.member_id.into(),
                instance: request.group_instance_id.map(String::from),
                generation: request.generation_id,
            })
        }
        api::LEAVE => Ask::Leave(leave(&LeaveGroupRequest::decode_request(body, version)?, version)),
        api::DESCRIBE => Ask::Describe {
            version,
            groups: texts(&DescribeGroupsRequest::decode_request(body, version)?.groups),
        },
        api::LIST => {
            let request = ListGroupsRequest::decode_request(body, version)?;
            Ask::List { states: texts(&request.states_filter), types: texts(&request.types_filter) }
        }
        api::DELETE => Ask::Delete(texts(&DeleteGroupsRequest::decode_request(body, version)?.groups_names)),
        api::BEAT => Ask::Beat(beat(&ConsumerGroupHeartbeatRequest::decode_request(body, version)?, version)),
        api::DESCRIBE_CONSUMERS => Ask::DescribeConsumers(texts(
            &ConsumerGroupDescribeRequest::decode_request(body, version)?.group_ids,
        )),
        api::OFFSET_COMMIT => {
            Ask::Commit(commit(&OffsetCommitRequest::decode_request(body, version)?, version))
        }
        api::TXN_OFFSET_COMMIT => Ask::Commit(commit_in_transaction(
            &TxnOffsetCommitRequest::decode_request(body, version)?,
            version,
        )),
        api::OFFSET_FETCH => Ask::Fetch(fetch(&OffsetFetchRequest::decode_request(body, version)?, version)),
        api::OFFSET_DELETE => {
            let request = OffsetDeleteRequest::decode_request(body, version)?;
            let indexes = |topic: &crate::messages::offset_delete_request::OffsetDeleteRequestTopic<'_>| {
                topic.partitions.iter().map(|partition| partition.partition_index).collect()
            };
            let topics = request.topics.iter().map(|topic| (topic.name.into(), indexes(&topic)));
            Ask::DeleteOffsets(DeleteOffsets { group: request.group_id.into(), topics: topics.collect() })
        }
        _ => return Err(WireError::Version { key, version }),
    })
}

/// Whether a request asks what its client may do with the groups that it is told of.
///
/// # Errors
/// As [`read`].
pub fn asks_operations(key: i16, version: i16, body: &[u8]) -> Result<bool, WireError> {
    Ok(match key {
        api::DESCRIBE => DescribeGroupsRequest::decode_request(body, version)?.include_authorized_operations,
        api::DESCRIBE_CONSUMERS => {
            ConsumerGroupDescribeRequest::decode_request(body, version)?.include_authorized_operations
        }
        _ => false,
    })
}

fn texts<'a>(list: &List<'a, &'a str>) -> Vec<String> {
    list.iter().map(String::from).collect()
}

fn join(request: &JoinGroupRequest<'_>, version: i16) -> Join {
    // Before version 1 there was one time-out for both.
    let rebalance_timeout_ms =
        if version >= 1 { request.rebalance_timeout_ms } else { request.session_timeout_ms };
    let protocol = |protocol: crate::messages::join_group_request::JoinGroupRequestProtocol<'_>| {
        (protocol.name.into(), protocol.metadata.into())
    };
    Join {
        version,
        group: request.group_id.into(),
        member: request.member_id.into(),
        instance: request.group_instance_id.map(String::from),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms,
        protocol_type: request.protocol_type.into(),
        protocols: request.protocols.iter().map(protocol).collect(),
    }
}

fn sync(request: &SyncGroupRequest<'_>) -> Sync {
    let one = |assignment: crate::messages::sync_group_request::SyncGroupRequestAssignment<'_>| {
        (assignment.member_id.into(), assignment.assignment.into())
    };
    Sync {
        group: request.group_id.into(),
        member: request.member_id.into(),
        instance: request.group_instance_id.map(String::from),
        generation: request.generation_id,
        protocol_type: request.protocol_type.map(String::from),
        protocol: request.protocol_name.map(String::from),
        assignments: request.assignments.iter().map(one).collect(),
    }
}

fn leave(request: &LeaveGroupRequest<'_>, version: i16) -> Leave {
    let one = |member: crate::messages::leave_group_request::MemberIdentity<'_>| {
        (member.member_id.into(), member.group_instance_id.map(String::from))
    };
    let members = match version {
        0..=2 => [(request.member_id.into(), None)].into(),
        _ => request.members.iter().map(one).collect(),
    };
    Leave { group: request.group_id.into(), members }
}

fn beat(request: &ConsumerGroupHeartbeatRequest<'_>, version: i16) -> Beat {
    let owned = request.topic_partitions.as_ref();
    Beat {
        version,
        group: request.group_id.into(),
        member: request.member_id.into(),
        epoch: request.member_epoch,
        instance: request.instance_id.map(String::from),
        rack: request.rack_id.map(String::from),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        topics: request.subscribed_topic_names.as_ref().map(texts),
        regex: request.subscribed_topic_regex.map(String::from),
        assignor: request.server_assignor.map(String::from),
        owned: owned.map(|list| {
            list.iter().map(|topic| (topic.topic_id, topic.partitions.iter().collect())).collect()
        }),
    }
}

fn commit(request: &OffsetCommitRequest<'_>, version: i16) -> Commit {
    let partition =
        |one: crate::messages::offset_commit_request::OffsetCommitRequestPartition<'_>| CommitPartition {
            partition: one.partition_index,
            offset: one.committed_offset,
            leader_epoch: one.committed_leader_epoch,
            metadata: one.committed_metadata.unwrap_or_default().into(),
        };
    let topics = request.topics.iter().map(|topic| {
        let name = TopicName { name: topic.name.into(), id: topic.topic_id };
        (name, topic.partitions.iter().map(partition).collect())
    });
    Commit {
        version,
        group: request.group_id.into(),
        member: request.member_id.into(),
        instance: request.group_instance_id.map(String::from),
        generation: request.generation_id_or_member_epoch,
        retention_ms: request.retention_time_ms,
        producer: None,
        topics: topics.collect(),
    }
}

fn commit_in_transaction(request: &TxnOffsetCommitRequest<'_>, version: i16) -> Commit {
    let partition = |one: crate::messages::txn_offset_commit_request::TxnOffsetCommitRequestPartition<'_>| {
        CommitPartition {
            partition: one.partition_index,
            offset: one.committed_offset,
            leader_epoch: one.committed_leader_epoch,
            metadata: one.committed_metadata.unwrap_or_default().into(),
        }
    };
    let topics = request.topics.iter().map(|topic| {
        let name = TopicName { name: topic.name.into(), id: topic.topic_id };
        (name, topic.partitions.iter().map(partition).collect())
    });
    Commit {
        version,
        group: request.group_id.into(),
        member: request.member_id.into(),
        instance: request.group_instance_id.map(String::from),
        generation: request.generation_id_or_member_epoch,
        retention_ms: -1,
        producer: Some(Producer { id: request.producer_id, epoch: request.producer_epoch }),
        topics: topics.collect(),
    }
}

fn fetch(request: &OffsetFetchRequest<'_>, version: i16) -> Fetch {
    let named = |name: &str, id: Uuid, partitions: &List<'_, i32>| {
        (TopicName { name: name.into(), id }, partitions.iter().collect())
    };
    let groups = if version <= 7 {
        let topics = request.topics.as_ref().map(|topics| {
            topics.iter().map(|t| named(t.name, Uuid::default(), &t.partition_indexes)).collect()
        });
        [FetchGroup { group: request.group_id.into(), member: None, topics }].into()
    } else {
        let one = |group: crate::messages::offset_fetch_request::OffsetFetchRequestGroup<'_>| FetchGroup {
            group: group.group_id.into(),
            member: group.member_id.map(|member| (String::from(member), group.member_epoch)),
            topics: group.topics.as_ref().map(|topics| {
                topics.iter().map(|t| named(t.name, t.topic_id, &t.partition_indexes)).collect()
            }),
        };
        request.groups.iter().map(one).collect()
    };
    Fetch { is_stable: request.require_stable, groups }
}

/// Appends the body of the response to a request with this key and version.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold, [`WireError::Version`] for a version that the response does not have.
pub fn write(answer: &Answer, key: i16, version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
    match answer {
        Answer::Join(joined) => write_join(joined, version, out),
        Answer::Sync(synced) => SyncGroupResponse {
            error_code: synced.error.0,
            protocol_type: synced.protocol_type.as_deref(),
            protocol_name: synced.protocol.as_deref(),
            assignment: &synced.assignment,
            ..SyncGroupResponse::default()
        }
        .encode(version, out),
        Answer::Heartbeat(error) => {
            HeartbeatResponse { error_code: error.0, ..HeartbeatResponse::default() }.encode(version, out)
        }
        Answer::Leave { error, members } => write_leave(*error, members, version, out),
        Answer::Describe(groups) => write_described(groups, version, out),
        Answer::List { error, groups } => {
            let listed = groups.iter().map(|group| ListedGroup {
                group_id: &group.group,
                protocol_type: &group.protocol_type,
                group_state: if version >= 4 { group.state } else { "" },
                group_type: if version >= 5 { group.group_type } else { "" },
                ..ListedGroup::default()
            });
            ListGroupsResponse {
                error_code: error.0,
                groups: listed.collect(),
                ..ListGroupsResponse::default()
            }
            .encode(version, out)
        }
        Answer::Delete(results) => {
            let results = results.iter().map(|(group, error)| DeletableGroupResult {
                group_id: group,
                error_code: error.0,
                error_message: None,
                ..DeletableGroupResult::default()
            });
            DeleteGroupsResponse { results: results.collect(), ..DeleteGroupsResponse::default() }
                .encode(version, out)
        }
        Answer::Beat(answer) => write_beaten(answer, version, out),
        Answer::DescribeConsumers(groups) => write_consumers(groups, version, out),
        Answer::Commit(topics) => write_commit(topics, key == api::TXN_OFFSET_COMMIT, version, out),
        Answer::Fetch(groups) => write_fetched(groups, version, out),
        Answer::DeleteOffsets { error, topics } => write_deleted(*error, topics, version, out),
    }
}

fn write_join(joined: &Joined, version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
    let members = joined.members.iter().map(|member| JoinGroupResponseMember {
        member_id: &member.member,
        group_instance_id: member.instance.as_deref().filter(|_| version >= 5),
        metadata: &member.metadata,
        ..JoinGroupResponseMember::default()
    });
    JoinGroupResponse {
        error_code: joined.error.0,
        generation_id: joined.generation,
        protocol_type: joined.protocol_type.as_deref().filter(|_| version >= 7),
        // Null only from version 7 on.
        protocol_name: joined.protocol.as_deref().or(if version >= 7 { None } else { Some("") }),
        leader: &joined.leader,
        skip_assignment: joined.skips_assignment && version >= 9,
        member_id: &joined.member,
        members: members.collect(),
        ..JoinGroupResponse::default()
    }
    .encode(version, out)
}

fn write_leave(
    error: ErrorCode,
    members: &[(String, Option<String>, ErrorCode)],
    version: i16,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let each = members.iter().map(|(member, instance, error)| MemberResponse {
        member_id: member,
        group_instance_id: instance.as_deref(),
        error_code: error.0,
        ..MemberResponse::default()
    });
    let first = members.first().map_or(ErrorCode::NONE, |(.., error)| *error);
    let response = match version {
        0..=2 => LeaveGroupResponse {
            error_code: if error == ErrorCode::NONE { first.0 } else { error.0 },
            ..LeaveGroupResponse::default()
        },
        _ => LeaveGroupResponse {
            error_code: error.0,
            members: each.collect(),
            ..LeaveGroupResponse::default()
        },
    };
    response.encode(version, out)
}

fn write_described(groups: &[Described], version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
    let groups = groups.iter().map(|group| described::DescribedGroup {
        error_code: group.error.0,
        error_message: None,
        group_id: &group.group,
        group_state: group.state,
        protocol_type: &group.protocol_type,
        protocol_data: &group.protocol,
        members: group
            .members
            .iter()
            .map(|member| described::DescribedGroupMember {
                member_id: &member.member,
                group_instance_id: member.instance.as_deref().filter(|_| version >= 4),
                client_id: &member.client.id,
                client_host: &member.client.host,
                member_metadata: &member.metadata,
                member_assignment: &member.assignment,
                ..described::DescribedGroupMember::default()
            })
            .collect(),
        authorized_operations: group.operations.filter(|_| version >= 3).unwrap_or(i32::MIN),
        ..described::DescribedGroup::default()
    });
    DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() }
        .encode(version, out)
}

fn write_beaten(answer: &Beaten, version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
    let assignment = answer.assignment.as_ref().map(|topics| beaten::Assignment {
        topic_partitions: topics
            .iter()
            .map(|(id, partitions)| beaten::TopicPartitions {
                topic_id: *id,
                partitions: List::from(&partitions[..]),
                ..beaten::TopicPartitions::default()
            })
            .collect(),
        ..beaten::Assignment::default()
    });
    ConsumerGroupHeartbeatResponse {
        error_code: answer.error.0,
        member_id: answer.member.as_deref(),
        member_epoch: answer.epoch,
        heartbeat_interval_ms: answer.interval_ms,
        assignment,
        ..ConsumerGroupHeartbeatResponse::default()
    }
    .encode(version, out)
}

fn write_consumers(groups: &[DescribedConsumers], version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
    fn named(partitions: &NamedPartitions) -> described_consumers::Assignment<'_> {
        described_consumers::Assignment {
            topic_partitions: partitions
                .iter()
                .map(|(id, name, partitions)| described_consumers::TopicPartitions {
                    topic_id: *id,
                    topic_name: name,
                    partitions: List::from(&partitions[..]),
                    ..described_consumers::TopicPartitions::default()
                })
                .collect(),
            ..described_consumers::Assignment::default()
        }
    }
    let groups = groups.iter().map(|group| described_consumers::DescribedGroup {
        error_code: group.error.0,
        error_message: (group.error == ErrorCode::TOPIC_AUTHORIZATION_FAILED)
            .then_some("The group has described topic(s) that the client is not authorized to describe."),
        authorized_operations: group.operations.unwrap_or(i32::MIN),
        group_id: &group.group,
        group_state: group.state,
        group_epoch: group.epoch,
        assignment_epoch: group.target_epoch,
        assignor_name: group.assignor,
        members: group
            .members
            .iter()
            .map(|member| described_consumers::Member {
                member_id: &member.member,
                instance_id: member.instance.as_deref(),
                rack_id: member.rack.as_deref(),
                member_epoch: member.epoch,
                client_id: &member.client.id,
                client_host: &member.client.host,
                subscribed_topic_names: member.topics.iter().map(String::as_str).collect(),
                subscribed_topic_regex: Some(member.regex.as_deref().unwrap_or_default()),
                assignment: named(&member.assignment),
                target_assignment: named(&member.target),
                // 1: of the newer protocol; told from version 1 on.
                member_type: if version >= 1 { 1 } else { -1 },
                ..described_consumers::Member::default()
            })
            .collect(),
        ..described_consumers::DescribedGroup::default()
    });
    ConsumerGroupDescribeResponse { groups: groups.collect(), ..ConsumerGroupDescribeResponse::default() }
        .encode(version, out)
}

/// The answers to OffsetCommit and TxnOffsetCommit differ in nothing but their types.
fn write_commit(
    topics: &[(TopicName, Vec<(i32, ErrorCode)>)],
    is_transactional: bool,
    version: i16,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    if is_transactional {
        let topics = topics.iter().map(|(topic, partitions)| txn_committed::TxnOffsetCommitResponseTopic {
            name: &topic.name,
            topic_id: topic.id,
            partitions: partitions
                .iter()
                .map(|(partition, error)| txn_committed::TxnOffsetCommitResponsePartition {
                    partition_index: *partition,
                    error_code: error.0,
                    ..txn_committed::TxnOffsetCommitResponsePartition::default()
                })
                .collect(),
            ..txn_committed::TxnOffsetCommitResponseTopic::default()
        });
        return TxnOffsetCommitResponse { topics: topics.collect(), ..TxnOffsetCommitResponse::default() }
            .encode(version, out);
    }
    let topics = topics.iter().map(|(topic, partitions)| committed::OffsetCommitResponseTopic {
        name: &topic.name,
        topic_id: topic.id,
        partitions: partitions
            .iter()
            .map(|(partition, error)| committed::OffsetCommitResponsePartition {
                partition_index: *partition,
                error_code: error.0,
                ..committed::OffsetCommitResponsePartition::default()
            })
            .collect(),
        ..committed::OffsetCommitResponseTopic::default()
    });
    OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() }.encode(version, out)
}

fn write_fetched(groups: &[FetchedGroup], version: i16, out: &mut Vec<u8>) -> Result<(), WireError> {
    if version >= 8 {
        let groups = groups.iter().map(|group| fetched::OffsetFetchResponseGroup {
            group_id: &group.group,
            error_code: group.error.0,
            topics: group
                .topics
                .iter()
                .map(|(topic, partitions)| fetched::OffsetFetchResponseTopics {
                    name: &topic.name,
                    topic_id: topic.id,
                    partitions: partitions
                        .iter()
                        .map(|partition| fetched::OffsetFetchResponsePartitions {
                            partition_index: partition.partition,
                            committed_offset: partition.offset,
                            committed_leader_epoch: partition.leader_epoch,
                            metadata: Some(&partition.metadata),
                            error_code: partition.error.0,
                            ..fetched::OffsetFetchResponsePartitions::default()
                        })
                        .collect(),
                    ..fetched::OffsetFetchResponseTopics::default()
                })
                .collect(),
            ..fetched::OffsetFetchResponseGroup::default()
        });
        return OffsetFetchResponse { groups: groups.collect(), ..OffsetFetchResponse::default() }
            .encode(version, out);
    }
    let Some(group) = groups.first() else {
        return OffsetFetchResponse::default().encode(version, out);
    };
    let topics = group.topics.iter().map(|(topic, partitions)| fetched::OffsetFetchResponseTopic {
        name: &topic.name,
        partitions: partitions
            .iter()
            .map(|partition| fetched::OffsetFetchResponsePartition {
                partition_index: partition.partition,
                committed_offset: partition.offset,
                committed_leader_epoch: if version >= 5 { partition.leader_epoch } else { -1 },
                metadata: Some(&partition.metadata),
                // Before version 2 there was no code for the request as a whole.
                error_code: if group.error == ErrorCode::NONE { partition.error.0 } else { group.error.0 },
                ..fetched::OffsetFetchResponsePartition::default()
            })
            .collect(),
        ..fetched::OffsetFetchResponseTopic::default()
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code: if version >= 2 { group.error.0 } else { 0 },
        ..OffsetFetchResponse::default()
    }
    .encode(version, out)
}

fn write_deleted(
    error: ErrorCode,
    topics: &[(String, Vec<(i32, ErrorCode)>)],
    version: i16,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let topics = topics.iter().map(|(name, partitions)| deleted::OffsetDeleteResponseTopic {
        name,
        partitions: partitions
            .iter()
            .map(|(partition, error)| deleted::OffsetDeleteResponsePartition {
                partition_index: *partition,
                error_code: error.0,
            })
            .collect(),
    });
    OffsetDeleteResponse { error_code: error.0, topics: topics.collect(), ..OffsetDeleteResponse::default() }
        .encode(version, out)
}

/// Keys of the APIs of groups.
mod api {
    pub const OFFSET_COMMIT: i16 = 8;
    pub const OFFSET_FETCH: i16 = 9;
    pub const JOIN: i16 = 11;
    pub const HEARTBEAT: i16 = 12;
    pub const LEAVE: i16 = 13;
    pub const SYNC: i16 = 14;
    pub const DESCRIBE: i16 = 15;
    pub const LIST: i16 = 16;
    pub const TXN_OFFSET_COMMIT: i16 = 28;
    pub const DELETE: i16 = 42;
    pub const OFFSET_DELETE: i16 = 47;
    pub const BEAT: i16 = 68;
    pub const DESCRIBE_CONSUMERS: i16 = 69;
}
