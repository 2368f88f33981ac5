//! Records of `__consumer_offsets`: what they say, and their bytes.
//!
//! ```text
//! key  i16 type   body           value  i16 version   body, or null to forget
//!  0, 1 offset    group, topic, partition             4 (3 and 1 are read too)
//!  2    classic   group                               3
//!  3    group     group                               0   its epoch
//!  5    member    group, member                       0   what it subscribes to
//!  6    target    group                               0   the target's epoch
//!  7    target    group, member                       0   what it is to own
//!  8    current   group, member                       0   its epoch, what it owns, what it gives up
//! ```
//! Types 4 and 16 only hold what can be computed again and are passed over, as are all that are not known.
//!
//! Source: the schemas of Kafka 4.4.0, and logs of Kafka 3.9.2 and 4.4.0.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::batch::{Batch, Builder, Meta, attribute};
use crate::messages::consumer_group_current_member_assignment_value as current;
use crate::messages::consumer_group_target_assignment_member_value as target;
use crate::messages::group_metadata_value::MemberMetadata;
use crate::messages::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, GroupMetadataKey, GroupMetadataValue, OffsetCommitKey,
    OffsetCommitValue,
};
use crate::txn::Producer;
use crate::wire::{List, Message, Uuid};
use crate::{BatchError, WireError, record};

use super::ask::Client;
use super::classic::{Classic, Member};
use super::consumer::{ConsumerMember, MemberState, Owned, Targets};
use super::offsets::Committed;

/// A record: its key, and its value, `None` to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Option<Vec<u8>>,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// An offset is committed, or forgotten.
    Offset {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        committed: Option<Committed>,
    },
    /// A classic group is so, or is forgotten.
    Classic {
        /// The group.
        group: String,
        /// What it is.
        state: Option<Classic>,
    },
    /// A newer group has this epoch and hash of what it reads, or is forgotten.
    Epoch {
        /// The group.
        group: String,
        /// Both.
        value: Option<(i32, i64)>,
    },
    /// A member subscribes so, or is gone.
    Member {
        /// The group.
        group: String,
        /// The member.
        member: String,
        /// What is known of it; epochs and partitions are not part of it.
        value: Option<ConsumerMember>,
    },
    /// The target has this epoch and time, or is forgotten.
    TargetEpoch {
        /// The group.
        group: String,
        /// Both.
        value: Option<(i32, i64)>,
    },
    /// A member is to own this, or nothing.
    Target {
        /// The group.
        group: String,
        /// The member.
        member: String,
        /// What.
        value: Option<Targets>,
    },
    /// A member stands here.
    Current {
        /// The group.
        group: String,
        /// The member.
        member: String,
        /// Where.
        value: Option<Current>,
    },
    /// Nothing that is kept here.
    Other,
}

/// Where a member of a newer group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Its epoch.
    pub epoch: i32,
    /// The epoch before.
    pub previous_epoch: i32,
    /// Its state.
    pub state: MemberState,
    /// What it owns.
    pub assigned: Owned,
    /// What it gives up.
    pub revoking: Owned,
}

/// The type of a key or the version of a value, and what follows.
fn numbered(bytes: &[u8]) -> Result<(i16, &[u8]), WireError> {
    let mut cursor = Cursor::new(bytes);
    let number = cursor.get_u16_be().map_err(WireError::Decode)?;
    Ok((number.cast_signed(), cursor.rest()))
}

/// What a record says.
///
/// # Errors
/// [`WireError`] for a record that is damaged, or of a kind that is known in a version that is not.
pub fn parse(key: &[u8], value: Option<&[u8]>) -> Result<Said, WireError> {
    let (kind, key) = numbered(key)?;
    let value = value.map(numbered).transpose()?;
    Ok(match kind {
        0 | 1 => {
            let key = OffsetCommitKey::decode(key, 0)?;
            let committed = value.map(|(version, body)| parse_offset(body, version)).transpose()?;
            Said::Offset {
                group: key.group.into(),
                topic: key.topic.into(),
                partition: key.partition,
                committed,
            }
        }
        kind::CLASSIC => {
            let key = GroupMetadataKey::decode(key, 0)?;
            let state = value.map(|(version, body)| parse_classic(body, version)).transpose()?;
            Said::Classic { group: key.group.into(), state }
        }
        kind::GROUP => {
            let key = ConsumerGroupMetadataKey::decode(key, 0)?;
            let value =
                value.map(|(version, body)| ConsumerGroupMetadataValue::decode(body, version)).transpose()?;
            Said::Epoch { group: key.group_id.into(), value: value.map(|v| (v.epoch, v.metadata_hash)) }
        }
        kind::MEMBER => {
            let key = ConsumerGroupMemberMetadataKey::decode(key, 0)?;
            let value = value
                .map(|(version, body)| ConsumerGroupMemberMetadataValue::decode(body, version))
                .transpose()?;
            let value = value.map(|value| member_of(key.member_id, &value));
            Said::Member { group: key.group_id.into(), member: key.member_id.into(), value }
        }
        kind::TARGET => {
            let key = ConsumerGroupTargetAssignmentMetadataKey::decode(key, 0)?;
            let value = value
                .map(|(version, body)| ConsumerGroupTargetAssignmentMetadataValue::decode(body, version))
                .transpose()?;
            let value = value.map(|v| (v.assignment_epoch, v.assignment_timestamp));
            Said::TargetEpoch { group: key.group_id.into(), value }
        }
        kind::TARGET_MEMBER => {
            let key = ConsumerGroupTargetAssignmentMemberKey::decode(key, 0)?;
            let value = value
                .map(|(version, body)| ConsumerGroupTargetAssignmentMemberValue::decode(body, version))
                .transpose()?;
            let value = value.map(|value| {
                let one =
                    |topic: target::TopicPartition<'_>| (topic.topic_id, topic.partitions.iter().collect());
                value.topic_partitions.iter().map(one).collect()
            });
            Said::Target { group: key.group_id.into(), member: key.member_id.into(), value }
        }
        kind::CURRENT => {
            let key = ConsumerGroupCurrentMemberAssignmentKey::decode(key, 0)?;
            let value = value
                .map(|(version, body)| ConsumerGroupCurrentMemberAssignmentValue::decode(body, version))
                .transpose()?;
            let value = value.map(|value| current_of(&value));
            Said::Current { group: key.group_id.into(), member: key.member_id.into(), value }
        }
        _ => Said::Other,
    })
}

fn parse_offset(body: &[u8], version: i16) -> Result<Committed, WireError> {
    let value = OffsetCommitValue::decode(body, version)?;
    Ok(Committed {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.into(),
        commit_ms: value.commit_timestamp,
        expire_ms: (value.expire_timestamp >= 0).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
        log_offset: -1,
    })
}

fn parse_classic(body: &[u8], version: i16) -> Result<Classic, WireError> {
    let value = GroupMetadataValue::decode(body, version)?;
    let protocol = value.protocol.unwrap_or_default();
    let members = value.members.iter().map(|member| Member {
        id: member.member_id.into(),
        instance: member.group_instance_id.map(String::from),
        client: Client { id: member.client_id.into(), host: member.client_host.into(), ..Client::default() },
        // Version 0 has one time-out for both.
        rebalance_timeout_ms: if version == 0 { member.session_timeout } else { member.rebalance_timeout },
        session_timeout_ms: member.session_timeout,
        protocols: [(protocol.into(), member.subscription.into())].into(),
        assignment: member.assignment.into(),
        ..Member::default()
    });
    let members = members.collect();
    Ok(Classic::restored(
        value.protocol_type,
        value.generation,
        value.protocol,
        value.leader,
        value.current_state_timestamp,
        members,
    ))
}

fn member_of(id: &str, value: &ConsumerGroupMemberMetadataValue<'_>) -> ConsumerMember {
    ConsumerMember {
        id: id.into(),
        instance: value.instance_id.map(String::from),
        rack: value.rack_id.map(String::from),
        client: Client { id: value.client_id.into(), host: value.client_host.into(), ..Client::default() },
        topics: value.subscribed_topic_names.iter().map(String::from).collect(),
        regex: value.subscribed_topic_regex.filter(|regex| !regex.is_empty()).map(String::from),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        assignor: value.server_assignor.map(String::from),
        ..ConsumerMember::default()
    }
}

fn current_of(value: &ConsumerGroupCurrentMemberAssignmentValue<'_>) -> Current {
    let owned = |list: &List<'_, current::TopicPartitions<'_>>| -> Owned {
        let mut owned = Owned::new();
        for topic in list {
            let epochs: Option<Vec<i32>> =
                topic.assignment_epochs.as_ref().map(|epochs| epochs.iter().collect());
            let partitions: BTreeMap<i32, i32> = topic
                .partitions
                .iter()
                .enumerate()
                .map(|(at, partition)| {
                    let epoch = epochs.as_ref().and_then(|epochs| epochs.get(at)).copied();
                    (partition, epoch.unwrap_or(value.member_epoch))
                })
                .collect();
            if !partitions.is_empty() {
                owned.entry(topic.topic_id).or_default().extend(partitions);
            }
        }
        owned
    };
    Current {
        epoch: value.member_epoch,
        previous_epoch: value.previous_member_epoch,
        state: MemberState::from_code(value.state),
        assigned: owned(&value.assigned_partitions),
        revoking: owned(&value.partitions_pending_revocation),
    }
}

/// What appends a value behind its version.
type Body<'f> = &'f dyn Fn(&mut Vec<u8>) -> Result<(), WireError>;

/// A record from its key and value; text that no string can hold cannot be in a request.
fn record<'k, 'v>(
    kind: i16,
    key: &impl Message<'k>,
    value: Option<(i16, Body<'_>)>,
) -> Result<Record, WireError> {
    let mut bytes = Vec::from(kind.to_be_bytes());
    key.encode(0, &mut bytes)?;
    let value = value
        .map(|(version, body)| {
            let mut bytes = Vec::from(version.to_be_bytes());
            body(&mut bytes).map(|()| bytes)
        })
        .transpose()?;
    Ok(Record { key: bytes, value })
}

/// An offset, or that it is forgotten.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn offset(
    group: &str,
    topic: &str,
    partition: i32,
    committed: Option<&Committed>,
) -> Result<Record, WireError> {
    let key = OffsetCommitKey { group, topic, partition };
    let Some(committed) = committed else { return record(kind::OFFSET, &key, None) };
    // What Kafka writes: an expiry only exists in version 1, a topic's id from version 4 on.
    let version = match (committed.expire_ms, committed.topic_id) {
        (Some(_), _) => 1,
        (None, id) if id == Uuid::default() => 3,
        _ => 4,
    };
    let value = OffsetCommitValue {
        offset: committed.offset,
        leader_epoch: if version == 1 { -1 } else { committed.leader_epoch },
        metadata: &committed.metadata,
        commit_timestamp: committed.commit_ms,
        expire_timestamp: committed.expire_ms.unwrap_or(-1),
        topic_id: if version == 4 { committed.topic_id } else { Uuid::default() },
        ..OffsetCommitValue::default()
    };
    record(kind::OFFSET, &key, Some((version, &|out| value.encode(version, out))))
}

/// A classic group, or that it is forgotten. Of each member what the chosen protocol needs.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn classic(group: &str, state: Option<&Classic>) -> Result<Record, WireError> {
    let key = GroupMetadataKey { group };
    let Some(state) = state else { return record(kind::CLASSIC, &key, None) };
    let protocol = state.protocol.as_deref();
    let members = state.members.values().map(|member| MemberMetadata {
        member_id: &member.id,
        group_instance_id: member.instance.as_deref(),
        client_id: &member.client.id,
        client_host: &member.client.host,
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.metadata(protocol.unwrap_or_default()),
        assignment: &member.assignment,
        ..MemberMetadata::default()
    });
    let value = GroupMetadataValue {
        protocol_type: state.protocol_type.as_deref().unwrap_or_default(),
        generation: state.generation,
        protocol,
        leader: state.leader.as_deref(),
        current_state_timestamp: state.state_ms,
        members: members.collect(),
        ..GroupMetadataValue::default()
    };
    record(kind::CLASSIC, &key, Some((3, &|out| value.encode(3, out))))
}

/// A newer group's epoch, or that it is forgotten.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn epoch(group: &str, value: Option<(i32, i64)>) -> Result<Record, WireError> {
    let key = ConsumerGroupMetadataKey { group_id: group };
    let value = value.map(|(epoch, metadata_hash)| ConsumerGroupMetadataValue {
        epoch,
        metadata_hash,
        ..ConsumerGroupMetadataValue::default()
    });
    match &value {
        None => record(kind::GROUP, &key, None),
        Some(value) => record(kind::GROUP, &key, Some((0, &|out| value.encode(0, out)))),
    }
}

/// The target's epoch and time, or that it is forgotten.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn target_epoch(group: &str, value: Option<(i32, i64)>) -> Result<Record, WireError> {
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: group };
    let value =
        value.map(|(assignment_epoch, assignment_timestamp)| ConsumerGroupTargetAssignmentMetadataValue {
            assignment_epoch,
            assignment_timestamp,
            ..ConsumerGroupTargetAssignmentMetadataValue::default()
        });
    match &value {
        None => record(kind::TARGET, &key, None),
        Some(value) => record(kind::TARGET, &key, Some((0, &|out| value.encode(0, out)))),
    }
}

/// A member's subscription, or that it is gone.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn member(group: &str, id: &str, member: Option<&ConsumerMember>) -> Result<Record, WireError> {
    let key = ConsumerGroupMemberMetadataKey { group_id: group, member_id: id };
    let Some(member) = member else { return record(kind::MEMBER, &key, None) };
    let value = ConsumerGroupMemberMetadataValue {
        instance_id: member.instance.as_deref(),
        rack_id: member.rack.as_deref(),
        client_id: &member.client.id,
        client_host: &member.client.host,
        subscribed_topic_names: member.topics.iter().map(String::as_str).collect(),
        subscribed_topic_regex: Some(member.regex.as_deref().unwrap_or_default()),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        server_assignor: member.assignor.as_deref(),
        classic_member_metadata: None,
        ..ConsumerGroupMemberMetadataValue::default()
    };
    record(kind::MEMBER, &key, Some((0, &|out| value.encode(0, out))))
}

/// What a member is to own, or that it is gone.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn target(group: &str, id: &str, targets: Option<&Targets>) -> Result<Record, WireError> {
    let key = ConsumerGroupTargetAssignmentMemberKey { group_id: group, member_id: id };
    let Some(targets) = targets else { return record(kind::TARGET_MEMBER, &key, None) };
    let topics = targets.iter().map(|(id, partitions)| target::TopicPartition {
        topic_id: *id,
        partitions: partitions.iter().copied().collect(),
        ..target::TopicPartition::default()
    });
    let value = ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: topics.collect(),
        ..ConsumerGroupTargetAssignmentMemberValue::default()
    };
    record(kind::TARGET_MEMBER, &key, Some((0, &|out| value.encode(0, out))))
}

/// Where a member stands, or that it is gone.
///
/// # Errors
/// [`WireError::TooLong`] for text that no string can hold.
pub fn current(group: &str, id: &str, member: Option<&ConsumerMember>) -> Result<Record, WireError> {
    fn listed(owned: &Owned, has_epochs: bool) -> List<'_, current::TopicPartitions<'_>> {
        let one = |(id, partitions): (&Uuid, &BTreeMap<i32, i32>)| current::TopicPartitions {
            topic_id: *id,
            partitions: partitions.keys().copied().collect(),
            assignment_epochs: has_epochs.then(|| partitions.values().copied().collect()),
            ..current::TopicPartitions::default()
        };
        owned.iter().map(one).collect()
    }
    let key = ConsumerGroupCurrentMemberAssignmentKey { group_id: group, member_id: id };
    let Some(member) = member else { return record(kind::CURRENT, &key, None) };
    let value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: member.epoch,
        previous_member_epoch: member.previous_epoch,
        state: member.state as i8,
        assigned_partitions: listed(&member.assigned, true),
        partitions_pending_revocation: listed(&member.revoking, true),
        ..ConsumerGroupCurrentMemberAssignmentValue::default()
    };
    record(kind::CURRENT, &key, Some((0, &|out| value.encode(0, out))))
}

/// Appends a batch with these records, as Kafka's coordinator writes it: with the sequence 0, with or without a producer.
pub fn put_batch(out: &mut Vec<u8>, records: &[Record], producer: Option<Producer>, now_ms: i64) -> bool {
    let producer_or_none = producer.unwrap_or(Producer::NONE);
    let meta = Meta {
        producer_id: producer_or_none.id,
        producer_epoch: producer_or_none.epoch,
        base_sequence: 0,
        attributes: if producer.is_some() { attribute::TRANSACTIONAL } else { 0 },
        ..Meta::default()
    };
    let mut builder = Builder::new(out, meta);
    let fits = records.iter().all(|record| {
        let value = record.value.as_deref();
        builder.push(now_ms, record::Record { key: Some(&record.key), value, ..record::Record::default() })
    });
    builder.finish(None);
    fits
}

/// A record of the log: its offset, its key, its value.
pub type Placed<'a> = (i64, &'a [u8], Option<&'a [u8]>);

/// Each record of a batch with its offset. `expanded` are the records of a compressed one.
///
/// # Errors
/// What is wrong with a record.
pub fn each<'a>(
    batch: &Batch<'a>,
    expanded: &'a [u8],
) -> Result<impl Iterator<Item = Placed<'a>> + use<'a>, BatchError> {
    let base = batch.base_offset();
    let records = batch.records(expanded)?;
    Ok(records.filter_map(move |record| {
        Some((base.saturating_add(i64::from(record.offset_delta)), record.key?, record.value))
    }))
}

/// Partitions without their epochs.
pub fn without_epochs(owned: &Owned) -> BTreeMap<Uuid, BTreeSet<i32>> {
    owned.iter().map(|(id, partitions)| (*id, partitions.keys().copied().collect())).collect()
}

/// Types of keys.
mod kind {
    pub const OFFSET: i16 = 1;
    pub const CLASSIC: i16 = 2;
    pub const GROUP: i16 = 3;
    pub const MEMBER: i16 = 5;
    pub const TARGET: i16 = 6;
    pub const TARGET_MEMBER: i16 = 7;
    pub const CURRENT: i16 = 8;
}
