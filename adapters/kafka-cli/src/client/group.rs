//! Membership in a group of the newer protocol (KIP-848): the broker assigns, one heartbeat does everything.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::messages::consumer_group_heartbeat_request::TopicPartitions;
use dolmen_kafka::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use dolmen_kafka::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use dolmen_kafka::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse,
};
use dolmen_kafka::topics::id_text;
use dolmen_kafka::wire::{List, Message, Uuid};

use super::consumer::Positions;
use super::{Cluster, To, check, code_of, retry};

/// Who a member is, for commits.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// The group.
    pub group: String,
    /// The member's id.
    pub member: String,
    /// Its epoch.
    pub epoch: i32,
}

/// A member of a group.
pub struct Member {
    /// Who it is.
    pub membership: Membership,
    topics: Vec<String>,
    owned: BTreeMap<Uuid, BTreeSet<i32>>,
    interval: Duration,
    next: Instant,
    timeout_ms: i32,
}

impl Member {
    /// Joins.
    ///
    /// # Errors
    ///
    /// If the broker refuses, or does not speak the newer protocol.
    pub fn join(cluster: &mut Cluster, group: &str, topics: &[String]) -> Result<Member> {
        for topic in topics {
            cluster.topic(topic, true)?;
        }
        let mut member = Member {
            membership: Membership { group: group.into(), member: fresh_id(), epoch: 0 },
            topics: topics.to_vec(),
            owned: BTreeMap::new(),
            interval: Duration::from_secs(3),
            next: Instant::now(),
            timeout_ms: 60_000,
        };
        member.beat(cluster)?;
        Ok(member)
    }

    /// Speaks if it is time to. True if the member owns other partitions than before; what it has lost, it must not commit any more.
    ///
    /// # Errors
    ///
    /// If the broker refuses for good. A member that was put out joins again under a new id.
    pub fn keep(&mut self, cluster: &mut Cluster) -> Result<bool> {
        if Instant::now() < self.next {
            return Ok(false);
        }
        let before = self.owned.clone();
        match self.beat(cluster) {
            Ok(()) => {}
            Err(error) if code_of(&error).is_some_and(is_put_out) => {
                self.membership = Membership { member: fresh_id(), epoch: 0, ..self.membership.clone() };
                self.owned.clear();
                self.beat(cluster)?;
                return Ok(true);
            }
            Err(error) => return Err(error),
        }
        if before != self.owned {
            // What was given up is told at once, so that others need not wait.
            self.next = Instant::now();
            return Ok(true);
        }
        Ok(false)
    }

    fn beat(&mut self, cluster: &mut Cluster) -> Result<()> {
        let joins = self.membership.epoch == 0;
        let owned = self.owned.iter().map(|(topic, partitions)| TopicPartitions {
            topic_id: *topic,
            partitions: partitions.iter().copied().collect(),
            ..TopicPartitions::default()
        });
        let names: List<'_, &str> = self.topics.iter().map(String::as_str).collect();
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &self.membership.group,
            member_id: &self.membership.member,
            member_epoch: self.membership.epoch,
            rebalance_timeout_ms: if joins { self.timeout_ms } else { -1 },
            subscribed_topic_names: joins.then_some(names),
            topic_partitions: Some(owned.collect()),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let group = self.membership.group.clone();
        let (epoch, interval_ms, assigned, id) = retry(cluster, "the group's heartbeat", |cluster| {
            let (body, version) = cluster.call(To::Group(&group), &request, (0, 1))?;
            let response = ConsumerGroupHeartbeatResponse::decode(&body, version)?;
            check(response.error_code, format!("group {group}"))?;
            let assigned: Option<BTreeMap<Uuid, BTreeSet<i32>>> =
                response.assignment.as_ref().map(|assignment| {
                    let topics = assignment.topic_partitions.iter();
                    topics.map(|topic| (topic.topic_id, topic.partitions.iter().collect())).collect()
                });
            let id = response.member_id.map(str::to_owned);
            Ok((response.member_epoch, response.heartbeat_interval_ms, assigned, id))
        })?;
        self.membership.epoch = epoch;
        if let Some(id) = id {
            self.membership.member = id;
        }
        if let Some(assigned) = assigned {
            self.owned = assigned;
        }
        self.interval = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(3_000).clamp(100, 10_000));
        self.next = Instant::now() + self.interval;
        Ok(())
    }

    /// What it owns, by the topics' names.
    ///
    /// # Errors
    ///
    /// If a topic is gone.
    pub fn partitions(&self, cluster: &mut Cluster) -> Result<Vec<(String, i32)>> {
        let mut out = Vec::new();
        for name in &self.topics {
            let info = cluster.topic(name, false)?;
            let owned = self.owned.get(&info.id).into_iter().flatten();
            out.extend(owned.map(|partition| (name.clone(), *partition)));
        }
        Ok(out)
    }

    /// Leaves.
    ///
    /// # Errors
    ///
    /// If the broker refuses.
    pub fn leave(self, cluster: &mut Cluster) -> Result<()> {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &self.membership.group,
            member_id: &self.membership.member,
            member_epoch: -1,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let (body, version) = cluster.call(To::Group(&self.membership.group), &request, (0, 1))?;
        check(ConsumerGroupHeartbeatResponse::decode(&body, version)?.error_code, "leaving the group")
    }
}

/// Whether the member is none any more.
fn is_put_out(code: ErrorCode) -> bool {
    [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::FENCED_MEMBER_EPOCH, ErrorCode::STALE_MEMBER_EPOCH]
        .contains(&code)
}

/// An id that nobody else has.
fn fresh_id() -> String {
    let half = || RandomState::new().build_hasher().finish().to_be_bytes();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&half());
    id[8..].copy_from_slice(&half());
    id_text(Uuid(id))
}

/// Offsets that a group has committed, of these partitions; one that has none is left out. Waits for open transactions to end.
///
/// # Errors
///
/// If the broker refuses.
pub fn committed(cluster: &mut Cluster, group: &str, wanted: &[(String, i32)]) -> Result<Positions> {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in wanted {
        by_topic.entry(topic).or_default().push(*partition);
    }
    let topics: Vec<OffsetFetchRequestTopics<'_>> = by_topic
        .iter()
        .map(|(topic, partitions)| OffsetFetchRequestTopics {
            name: topic,
            partition_indexes: (&partitions[..]).into(),
            ..OffsetFetchRequestTopics::default()
        })
        .collect();
    fetch_committed(cluster, group, Some((&topics[..]).into()))
}

/// Every offset that a group has committed.
///
/// # Errors
///
/// If the broker refuses.
pub fn all_committed(cluster: &mut Cluster, group: &str) -> Result<Positions> {
    fetch_committed(cluster, group, None)
}

fn fetch_committed(
    cluster: &mut Cluster,
    group: &str,
    topics: Option<List<'_, OffsetFetchRequestTopics<'_>>>,
) -> Result<Positions> {
    let groups = [OffsetFetchRequestGroup {
        group_id: group,
        topics,
        member_epoch: -1,
        ..OffsetFetchRequestGroup::default()
    }];
    let request = OffsetFetchRequest {
        groups: (&groups[..]).into(),
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    retry(cluster, "reading committed offsets", |cluster| {
        let (body, version) = cluster.call(To::Group(group), &request, (8, 9))?;
        let response = OffsetFetchResponse::decode(&body, version)?;
        let found = response.groups.first().context("the broker tells nothing of the group")?;
        check(found.error_code, format!("group {group}"))?;
        let mut out = Positions::new();
        for topic in &found.topics {
            for partition in &topic.partitions {
                check(
                    partition.error_code,
                    format!("the offset of {}-{}", topic.name, partition.partition_index),
                )?;
                if partition.committed_offset >= 0 {
                    out.insert((topic.name.into(), partition.partition_index), partition.committed_offset);
                }
            }
        }
        Ok(out)
    })
}

/// Commits offsets of a member.
///
/// # Errors
///
/// If the broker refuses.
pub fn commit(cluster: &mut Cluster, membership: &Membership, offsets: &Positions) -> Result<()> {
    if offsets.is_empty() {
        return Ok(());
    }
    let mut by_topic: BTreeMap<&str, Vec<OffsetCommitRequestPartition<'_>>> = BTreeMap::new();
    for ((topic, partition), offset) in offsets {
        by_topic.entry(topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            ..OffsetCommitRequestPartition::default()
        });
    }
    let topics = by_topic.iter().map(|(topic, partitions)| OffsetCommitRequestTopic {
        name: topic,
        partitions: (&partitions[..]).into(),
        ..OffsetCommitRequestTopic::default()
    });
    let request = OffsetCommitRequest {
        group_id: &membership.group,
        member_id: &membership.member,
        generation_id_or_member_epoch: membership.epoch,
        topics: topics.collect(),
        ..OffsetCommitRequest::default()
    };
    retry(cluster, "committing offsets", |cluster| {
        let (body, version) = cluster.call(To::Group(&membership.group), &request, (9, 9))?;
        let response = OffsetCommitResponse::decode(&body, version)?;
        for topic in &response.topics {
            for partition in &topic.partitions {
                check(
                    partition.error_code,
                    format!("the offset of {}-{}", topic.name, partition.partition_index),
                )?;
            }
        }
        if response.topics.is_empty() {
            bail!("the broker tells nothing of the commit");
        }
        Ok(())
    })
}
