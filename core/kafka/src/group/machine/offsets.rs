//! Offsets: committed, told, forgotten.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::control::Outcome;
use crate::topics::Topics;
use crate::txn::machine::RequestId;
use crate::{ErrorCode, WireError};

use super::super::ask::{
    Answer, Ask, Commit, DeleteOffsets, Fetch, FetchGroup, FetchedGroup, FetchedPartition, TopicName,
};
use super::super::classic::State;
use super::super::offsets::{Committed, Offsets};
use super::super::records::{self, Record};
use super::{AppendError, At, Caller, CommitAnswer, Groups, Kind, Purpose, Slot, refusal};

impl Groups {
    pub(super) fn commit(&mut self, at: At<'_>, request: RequestId, ask: Commit) {
        let caller = Caller::Request(request);
        let checked = self.check_commit(&ask, at.now_ms);
        let group = match self.slots.get(&ask.group).map(|slot| &slot.kind) {
            Some(Kind::Consumers(group)) => Some(group),
            _ => None,
        };
        let (mut answer, mut entries) = (CommitAnswer::new(), Vec::new());
        for (topic, partitions) in &ask.topics {
            let found = resolve(at.topics, topic);
            let mut results = Vec::new();
            for wanted in partitions {
                let code = match found {
                    Err(code) => Err(code),
                    Ok(found) if !(0..found.partition_count).contains(&wanted.partition) => {
                        Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                    }
                    Ok(_) if wanted.metadata.len() > self.settings.metadata_len_max => {
                        Err(ErrorCode::OFFSET_METADATA_TOO_LARGE)
                    }
                    Ok(found) => checked.and_then(|()| match group {
                        Some(group) => group.may_commit(&ask, found.id, wanted.partition),
                        None => Ok(()),
                    }),
                };
                results.push((wanted.partition, code.err().unwrap_or(ErrorCode::NONE)));
                if let (Ok(()), Ok(found)) = (code, found) {
                    let committed = Committed {
                        offset: wanted.offset,
                        leader_epoch: wanted.leader_epoch,
                        metadata: wanted.metadata.clone(),
                        commit_ms: at.now_ms,
                        expire_ms: (ask.retention_ms >= 0)
                            .then(|| at.now_ms.saturating_add(ask.retention_ms)),
                        topic_id: found.id,
                        log_offset: -1,
                    };
                    entries.push((found.name.clone(), wanted.partition, committed));
                }
            }
            answer.push((topic.clone(), results));
        }
        self.touch(&ask.group);
        let encoded: Result<Vec<Record>, WireError> = entries
            .iter()
            .map(|(topic, partition, committed)| {
                records::offset(&ask.group, topic, *partition, Some(committed))
            })
            .collect();
        let Ok(records) = encoded else {
            return self.answer(caller, refusal(&Ask::Commit(ask), ErrorCode::INVALID_REQUEST));
        };
        if records.is_empty() {
            return self.answer(caller, Answer::Commit(answer));
        }
        let producer_id = ask.producer.map(|producer| producer.id);
        self.slot(&ask.group).commits += 1;
        let purpose = Purpose::Commit { request, entries, producer_id, answer };
        self.append(&ask.group, ask.producer, records, purpose);
    }

    fn check_commit(&mut self, ask: &Commit, now_ms: i64) -> Result<(), ErrorCode> {
        match self.slots.get_mut(&ask.group).map(|slot| &mut slot.kind) {
            Some(Kind::Classic(group)) => group.check_commit(ask, now_ms),
            Some(Kind::Consumers(group)) => group.check_commit(ask),
            // A group that does no more than keep offsets comes to be by committing.
            None if ask.generation < 0 => Ok(()),
            None if ask.producer.is_none() && ask.version >= 9 => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// An offset stands in the log.
    pub(super) fn logged(
        &mut self,
        partition: i32,
        name: &str,
        (topic, index, committed): (String, i32, Committed),
        producer_id: Option<i64>,
    ) {
        if let Some(id) = producer_id {
            self.open.entry((partition, id)).or_default().insert(name.into());
        }
        self.slot(name).offsets.logged(&topic, index, committed, producer_id);
    }

    pub(super) fn forget_offsets(&mut self, name: &str, keys: &[(String, i32)]) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        for (topic, partition) in keys {
            slot.offsets.forgotten(topic, *partition);
        }
    }

    pub(super) fn ended(&mut self, partition: i32, producer_id: i64, outcome: Outcome) {
        for name in self.open.remove(&(partition, producer_id)).unwrap_or_default() {
            if let Some(slot) = self.slots.get_mut(&name) {
                slot.offsets.ended(producer_id, outcome);
            }
            self.drop_idle(&name);
        }
    }

    pub(super) fn fetch(&self, at: At<'_>, ask: &Fetch) -> Answer {
        Answer::Fetch(ask.groups.iter().map(|group| self.fetch_group(at, group, ask.is_stable)).collect())
    }

    fn fetch_group(&self, at: At<'_>, ask: &FetchGroup, is_stable: bool) -> FetchedGroup {
        let slot = self.slots.get(&ask.group);
        let error = match (&ask.member, slot.map(|slot| &slot.kind)) {
            (Some((member, epoch)), Some(Kind::Consumers(group))) => group.check_fetch(member, *epoch),
            (Some((member, epoch)), None) if !member.is_empty() || *epoch >= 0 => {
                Err(ErrorCode::GROUP_ID_NOT_FOUND)
            }
            _ => Ok(()),
        };
        let group = ask.group.clone();
        if let Err(error) = error {
            return FetchedGroup { group, error, topics: Vec::new() };
        }
        let none = Offsets::default();
        let offsets = slot.map_or(&none, |slot| &slot.offsets);
        let topics = match &ask.topics {
            Some(topics) => {
                let one = |(topic, partitions): &(TopicName, Vec<i32>)| {
                    (topic.clone(), fetch_topic(at.topics, offsets, topic, partitions, is_stable))
                };
                topics.iter().map(one).collect()
            }
            None => fetch_all(at.topics, offsets, is_stable),
        };
        FetchedGroup { group, error: ErrorCode::NONE, topics }
    }

    pub(super) fn delete_offsets(&mut self, at: At<'_>, request: RequestId, ask: DeleteOffsets) {
        let caller = Caller::Request(request);
        let refuse = |error| Answer::DeleteOffsets { error, topics: Vec::new() };
        let Some(slot) = self.slots.get(&ask.group) else {
            return self.answer(caller, refuse(ErrorCode::GROUP_ID_NOT_FOUND));
        };
        let subscribed = match &slot.kind {
            Kind::Classic(group) if group.state == State::Empty => Some(BTreeSet::new()),
            Kind::Classic(group) => group.subscribed(),
            Kind::Consumers(group) => {
                let names = ask.topics.iter().map(|(topic, _)| topic);
                Some(names.filter(|topic| group.reads(topic)).cloned().collect())
            }
        };
        let Some(subscribed) = subscribed else {
            return self.answer(caller, refuse(ErrorCode::NON_EMPTY_GROUP));
        };
        let (mut topics, mut keys) = (Vec::new(), Vec::new());
        for (topic, partitions) in &ask.topics {
            let mut results = Vec::new();
            for partition in partitions {
                let code = if !at.topics.has_partition(topic, *partition) {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                } else if subscribed.contains(topic) {
                    ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
                } else {
                    ErrorCode::NONE
                };
                if code == ErrorCode::NONE && slot.offsets.get(topic, *partition).is_some() {
                    keys.push((topic.clone(), *partition));
                }
                results.push((*partition, code));
            }
            topics.push((topic.clone(), results));
        }
        let answer = Answer::DeleteOffsets { error: ErrorCode::NONE, topics };
        if keys.is_empty() {
            return self.answer(caller, answer);
        }
        self.append_forgotten(&ask.group, keys, Some((request, answer)));
    }

    pub(super) fn append_forgotten(
        &mut self,
        name: &str,
        keys: Vec<(String, i32)>,
        answer: Option<(RequestId, Answer)>,
    ) {
        let records = tombstones(name, &keys);
        self.slot(name).commits += 1;
        self.append(name, None, records, Purpose::OffsetsForgotten { answer, keys });
    }

    pub(super) fn topic_deleted(&mut self, topic: &str) {
        if self.is_poisoned {
            return;
        }
        let has = |slot: &Slot| -> Vec<(String, i32)> {
            slot.offsets.keys().into_iter().filter(|(name, _)| name == topic).collect()
        };
        let found: Vec<(String, Vec<(String, i32)>)> =
            self.slots.iter().map(|(name, slot)| (name.clone(), has(slot))).collect();
        for (name, keys) in found.into_iter().filter(|(_, keys)| !keys.is_empty()) {
            self.append_forgotten(&name, keys, None);
        }
    }

    pub(super) fn committed(
        &mut self,
        name: &str,
        request: RequestId,
        entries: Vec<(String, i32, Committed)>,
        producer_id: Option<i64>,
        mut answer: CommitAnswer,
        result: Result<i64, AppendError>,
    ) {
        let partition = self.partition_of(name);
        self.slot(name).commits -= 1;
        match result {
            Ok(base_offset) => {
                for (log_offset, (topic, index, committed)) in (base_offset..).zip(entries) {
                    let committed = Committed { log_offset, ..committed };
                    self.logged(partition, name, (topic, index, committed), producer_id);
                }
            }
            Err(error) => {
                let code = match error {
                    AppendError::Refused(code) => code,
                    _ => ErrorCode::COORDINATOR_NOT_AVAILABLE,
                };
                let results = answer.iter_mut().flat_map(|(_, results)| results);
                results
                    .filter(|(_, result)| *result == ErrorCode::NONE)
                    .for_each(|(_, result)| *result = code);
            }
        }
        self.answer(Caller::Request(request), Answer::Commit(answer));
    }
}

fn resolve<'t>(topics: &'t Topics, name: &TopicName) -> Result<&'t crate::topics::Topic, ErrorCode> {
    if name.name.is_empty() {
        topics.topic_by_id(name.id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    } else {
        topics.topic(&name.name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }
}

fn fetch_topic(
    topics: &Topics,
    offsets: &Offsets,
    topic: &TopicName,
    partitions: &[i32],
    is_stable: bool,
) -> Vec<FetchedPartition> {
    // Offsets of a topic that is gone are told by its name as long as they are kept.
    let name = match (topic.name.as_str(), topics.topic_by_id(topic.id)) {
        ("", Some(found)) => Ok(found.name.as_str()),
        ("", None) => Err(ErrorCode::UNKNOWN_TOPIC_ID),
        (name, _) => Ok(name),
    };
    let one = |partition: &i32| match name {
        Ok(name) => offsets.fetch(name, *partition, is_stable),
        Err(error) => FetchedPartition {
            partition: *partition,
            offset: -1,
            leader_epoch: -1,
            metadata: String::new(),
            error,
        },
    };
    partitions.iter().map(one).collect()
}

fn fetch_all(topics: &Topics, offsets: &Offsets, is_stable: bool) -> Vec<(TopicName, Vec<FetchedPartition>)> {
    let mut by_topic: BTreeMap<&str, Vec<FetchedPartition>> = BTreeMap::new();
    for (topic, partition, _) in offsets.iter() {
        by_topic.entry(topic).or_default().push(offsets.fetch(topic, partition, is_stable));
    }
    let id_of = |name: &str| topics.topic(name).map(|topic| topic.id).unwrap_or_default();
    by_topic
        .into_iter()
        .map(|(name, partitions)| (TopicName { name: name.into(), id: id_of(name) }, partitions))
        .collect()
}

pub(super) fn tombstones(name: &str, keys: &[(String, i32)]) -> Vec<Record> {
    let one = |(topic, partition): &(String, i32)| records::offset(name, topic, *partition, None).ok();
    keys.iter().filter_map(one).collect()
}
