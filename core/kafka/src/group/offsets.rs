//! What a group has committed, and what open transactions will commit.
//!
//! A transactional offset is pending under its producer until the marker stands in the same partition of `__consumer_offsets`. Then the entry with the larger
//! offset in that log wins: a plain commit that came later is not undone by an older pending one. Everything here is a function of the log.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ErrorCode;
use crate::control::Outcome;
use crate::wire::Uuid;

use super::ask::FetchedPartition;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset that is to be read.
    pub offset: i64,
    /// The epoch of the leader from which the record before it came; −1 for unknown.
    pub leader_epoch: i32,
    /// Text of the client's own.
    pub metadata: String,
    /// When it was committed, in milliseconds.
    pub commit_ms: i64,
    /// When it expires, in milliseconds, if the client said so.
    pub expire_ms: Option<i64>,
    /// The topic's id; zero for unknown.
    pub topic_id: Uuid,
    /// Where it stands in the log; −1 while it does not.
    pub log_offset: i64,
}

type ByTopic<T> = BTreeMap<String, BTreeMap<i32, T>>;

/// The offsets of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    committed: ByTopic<Committed>,
    /// By producer id.
    pending: BTreeMap<i64, ByTopic<Committed>>,
}

impl Offsets {
    /// Whether there is nothing, committed or pending.
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }

    /// Whether a transaction is open that will commit an offset.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The committed offset of a partition.
    pub fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.committed.get(topic)?.get(&partition)
    }

    /// Every committed offset.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, &Committed)> {
        self.committed.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, committed)| (topic.as_str(), *partition, committed))
        })
    }

    /// Every partition with an offset, committed or pending.
    pub fn keys(&self) -> Vec<(String, i32)> {
        let of = |by_topic: &ByTopic<Committed>| -> Vec<(String, i32)> {
            let each = by_topic.iter().flat_map(|(topic, partitions)| {
                partitions.keys().map(move |partition| (topic.clone(), *partition))
            });
            each.collect()
        };
        let mut keys = of(&self.committed);
        self.pending.values().for_each(|by_topic| keys.extend(of(by_topic)));
        keys.sort();
        keys.dedup();
        keys
    }

    /// A record that stands in the log: an offset, in a transaction or not.
    pub fn logged(&mut self, topic: &str, partition: i32, committed: Committed, producer_id: Option<i64>) {
        match producer_id {
            None => put_newer(&mut self.committed, topic, partition, committed),
            Some(id) => put_newer(self.pending.entry(id).or_default(), topic, partition, committed),
        }
    }

    /// A record that stands in the log: the offset is forgotten, and what was pending for it too.
    pub fn forgotten(&mut self, topic: &str, partition: i32) {
        remove(&mut self.committed, topic, partition);
        self.pending.retain(|_, by_topic| {
            remove(by_topic, topic, partition);
            !by_topic.is_empty()
        });
    }

    /// A marker that stands in the log: what the producer's transaction holds becomes committed, or vanishes.
    pub fn ended(&mut self, producer_id: i64, outcome: Outcome) {
        let Some(by_topic) = self.pending.remove(&producer_id) else { return };
        if outcome == Outcome::Abort {
            return;
        }
        for (topic, partitions) in by_topic {
            for (partition, committed) in partitions {
                put_newer(&mut self.committed, &topic, partition, committed);
            }
        }
    }

    /// The offset of a partition as OffsetFetch tells it; `is_stable`: a pending one is an error.
    pub fn fetch(&self, topic: &str, partition: i32, is_stable: bool) -> FetchedPartition {
        let none = FetchedPartition {
            partition,
            offset: -1,
            leader_epoch: -1,
            metadata: String::new(),
            error: ErrorCode::NONE,
        };
        if is_stable && self.is_pending(topic, partition) {
            return FetchedPartition { error: ErrorCode::UNSTABLE_OFFSET_COMMIT, ..none };
        }
        self.get(topic, partition).map_or(none, |committed| FetchedPartition {
            partition,
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
            error: ErrorCode::NONE,
        })
    }

    /// Whether an open transaction will commit an offset of this partition.
    pub fn is_pending(&self, topic: &str, partition: i32) -> bool {
        let has = |by_topic: &ByTopic<Committed>| {
            by_topic.get(topic).is_some_and(|partitions| partitions.contains_key(&partition))
        };
        self.pending.values().any(has)
    }

    /// Partitions whose offsets are over their time: committed before `now_ms − retention_ms`, and that `idle_since_ms` (of a group without members) is so
    /// long ago too. A pending one keeps them.
    pub fn expired(&self, now_ms: i64, retention_ms: i64, idle_since_ms: Option<i64>) -> Vec<(String, i32)> {
        let is_over = |committed: &Committed| match committed.expire_ms {
            Some(at) => now_ms >= at,
            None => {
                let since = idle_since_ms.unwrap_or(committed.commit_ms).max(committed.commit_ms);
                now_ms.saturating_sub(since) >= retention_ms
            }
        };
        self.iter()
            .filter(|(topic, partition, committed)| is_over(committed) && !self.is_pending(topic, *partition))
            .map(|(topic, partition, _)| (topic.into(), partition))
            .collect()
    }
}

fn put_newer(by_topic: &mut ByTopic<Committed>, topic: &str, partition: i32, committed: Committed) {
    let partitions = match by_topic.get_mut(topic) {
        Some(partitions) => partitions,
        None => by_topic.entry(topic.into()).or_default(),
    };
    match partitions.get(&partition) {
        Some(known) if known.log_offset > committed.log_offset => {}
        _ => {
            partitions.insert(partition, committed);
        }
    }
}

fn remove(by_topic: &mut ByTopic<Committed>, topic: &str, partition: i32) {
    if let Some(partitions) = by_topic.get_mut(topic) {
        partitions.remove(&partition);
        if partitions.is_empty() {
            by_topic.remove(topic);
        }
    }
}
