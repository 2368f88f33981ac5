//! What of a request of groups its client may ask.
//!
//! [`split`] takes out what may not be asked, so that the machine never sees it; [`join`] puts the refusals to the machine's answer and takes out of it
//! what the client may not be told.
//!
//! Source: `KafkaApis` of Kafka 4.4.0.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::ask::{Answer, Ask, Beaten, Commit, Described, DescribedConsumers, FetchGroup, FetchedGroup};
use super::ask::{FetchedPartition, Joined, Synced, TopicName};
use crate::ErrorCode;
use crate::acl::{CLUSTER, Operation, ResourceType};
use crate::topics::Topics;

/// Whether the client may do this with the resource of this name.
pub type May<'m> = &'m dyn Fn(Operation, ResourceType, &str) -> bool;

/// The first version of OffsetFetch that has a code for the group as a whole.
const GROUP_ERROR_FROM: i16 = 2;

/// Topics by name or id, and what is asked of each.
type Asked<T> = Vec<(TopicName, Vec<T>)>;

/// What is refused of one group of OffsetFetch: topics, or all of it.
type Fetched = Result<Asked<i32>, FetchedGroup>;

/// What was taken out of a request.
#[derive(Debug, Default)]
pub struct Refused {
    /// Groups that may not be described or deleted.
    groups: Vec<String>,
    /// Topics that may not be read, each with its partitions.
    topics: Asked<i32>,
    /// Of each group of OffsetFetch: the whole refusal, or the topics that may not be described.
    fetched: Vec<Fetched>,
}

/// Takes out what may not be asked.
///
/// # Errors
/// The answer, where nothing is left to ask.
pub fn split(
    mut ask: Ask,
    version: i16,
    topics: &Topics,
    may: May<'_>,
) -> Result<(Ask, Refused), Box<Answer>> {
    const REFUSED: ErrorCode = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    let mut refused = Refused::default();
    let group = |operation, name: &str| may(operation, ResourceType::Group, name);
    match &mut ask {
        Ask::Join(join) if !group(Operation::Read, &join.group) => {
            return refuse(Answer::Join(Joined::refused(REFUSED, String::new())));
        }
        Ask::Sync(sync) if !group(Operation::Read, &sync.group) => {
            return refuse(Answer::Sync(Synced::refused(REFUSED)));
        }
        Ask::Heartbeat(beat) if !group(Operation::Read, &beat.group) => {
            return refuse(Answer::Heartbeat(REFUSED));
        }
        Ask::Leave(leave) if !group(Operation::Read, &leave.group) => {
            return refuse(Answer::Leave { error: REFUSED, members: Vec::new() });
        }
        Ask::Beat(beat) if !group(Operation::Read, &beat.group) => {
            return refuse(Answer::Beat(Beaten::refused(REFUSED)));
        }
        Ask::Beat(beat) => {
            let is_hidden = |topic: &String| !may(Operation::Describe, ResourceType::Topic, topic);
            if beat.topics.as_ref().is_some_and(|topics| topics.iter().any(is_hidden)) {
                return refuse(Answer::Beat(Beaten::refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED)));
            }
        }
        Ask::Describe { groups, .. } | Ask::DescribeConsumers(groups) => {
            refused.groups = take(groups, |name| group(Operation::Describe, name));
        }
        Ask::Delete(groups) => refused.groups = take(groups, |name| group(Operation::Delete, name)),
        Ask::Commit(commit) if !group(Operation::Read, &commit.group) => {
            return refuse(refused_commit(commit, REFUSED));
        }
        Ask::Commit(commit) => {
            let (left, out) = sort(core::mem::take(&mut commit.topics), topics, Operation::Read, may);
            commit.topics = left;
            let index = |partition: super::ask::CommitPartition| partition.partition;
            refused.topics =
                out.into_iter().map(|(name, all)| (name, all.into_iter().map(index).collect())).collect();
            if commit.topics.is_empty() && !refused.topics.is_empty() {
                return refuse(Answer::Commit(refused_topics(refused.topics).collect()));
            }
        }
        Ask::Fetch(fetch) => {
            let groups = core::mem::take(&mut fetch.groups);
            for mut one in groups {
                if !group(Operation::Describe, &one.group) {
                    refused.fetched.push(Err(refused_fetch(one, REFUSED, version)));
                    continue;
                }
                let (left, out) = match one.topics {
                    None => (None, Vec::new()),
                    Some(all) => {
                        let (left, out) = sort(all, topics, Operation::Describe, may);
                        (Some(left), out)
                    }
                };
                one.topics = left;
                refused.fetched.push(Ok(out));
                fetch.groups.push(one);
            }
        }
        Ask::DeleteOffsets(delete) if !group(Operation::Delete, &delete.group) => {
            return refuse(Answer::DeleteOffsets { error: REFUSED, topics: Vec::new() });
        }
        Ask::DeleteOffsets(delete) => {
            let all = core::mem::take(&mut delete.topics);
            let (left, out): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|(name, _)| may(Operation::Read, ResourceType::Topic, name));
            delete.topics = left;
            let by_name = |name| TopicName { name, ..TopicName::default() };
            refused.topics = out.into_iter().map(|(name, partitions)| (by_name(name), partitions)).collect();
        }
        Ask::Join(_) | Ask::Sync(_) | Ask::Heartbeat(_) | Ask::Leave(_) | Ask::List { .. } => {}
    }
    Ok((ask, refused))
}

fn refuse<T>(answer: Answer) -> Result<T, Box<Answer>> {
    Err(Box::new(answer))
}

/// The answer to a commit of which nothing may be done.
pub fn refused_commit(commit: &Commit, code: ErrorCode) -> Answer {
    let topics = commit.topics.iter().map(|(name, partitions)| {
        (name.clone(), partitions.iter().map(|one| (one.partition, code)).collect())
    });
    Answer::Commit(topics.collect())
}

/// The answer to a commit in a transaction that goes no further: what is not there is told first.
pub fn failed_commit(commit: &Commit, code: ErrorCode, topics: &Topics) -> Answer {
    let of = |(name, partitions): &(TopicName, Vec<super::ask::CommitPartition>)| {
        let (found, missing) = match name.name.as_str() {
            "" => (topics.topic_by_id(name.id), ErrorCode::UNKNOWN_TOPIC_ID),
            text => (topics.topic(text), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        };
        let one = |wanted: &super::ask::CommitPartition| match found {
            None => missing,
            Some(topic) if !(0..topic.partition_count).contains(&wanted.partition) => {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            }
            Some(_) => code,
        };
        (name.clone(), partitions.iter().map(|wanted| (wanted.partition, one(wanted))).collect())
    };
    Answer::Commit(commit.topics.iter().map(of).collect())
}

/// Takes the names that may not stay.
fn take(names: &mut Vec<String>, stays: impl Fn(&str) -> bool) -> Vec<String> {
    let (left, out) = core::mem::take(names).into_iter().partition(|name| stays(name));
    *names = left;
    out
}

/// Topics with which this may be done, and the others. An id that no topic has is left in: nobody's topic is hidden by saying so.
fn sort<T>(all: Asked<T>, topics: &Topics, operation: Operation, may: May<'_>) -> (Asked<T>, Asked<T>) {
    all.into_iter().partition(|(topic, _)| {
        let name = match topic.name.as_str() {
            "" => topics.topic_by_id(topic.id).map(|topic| topic.name.as_str()),
            name => Some(name),
        };
        name.is_none_or(|name| may(operation, ResourceType::Topic, name))
    })
}

fn refused_topics(topics: Asked<i32>) -> impl Iterator<Item = (TopicName, Vec<(i32, ErrorCode)>)> {
    let one = |partition| (partition, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    topics.into_iter().map(move |(name, partitions)| (name, partitions.into_iter().map(one).collect()))
}

fn refused_partition(partition: i32, error: ErrorCode) -> FetchedPartition {
    FetchedPartition { partition, offset: -1, leader_epoch: -1, metadata: String::new(), error }
}

fn refused_fetch(group: FetchGroup, error: ErrorCode, version: i16) -> FetchedGroup {
    let asked = group.topics.filter(|_| version < GROUP_ERROR_FROM).unwrap_or_default();
    let topics = asked.into_iter().map(|(name, partitions)| {
        (name, partitions.into_iter().map(|partition| refused_partition(partition, error)).collect())
    });
    FetchedGroup { group: group.group, error, topics: topics.collect() }
}

/// Puts the refusals to the answer, and takes out of it what the client may not be told.
pub fn join(answer: Answer, refused: Refused, may: May<'_>) -> Answer {
    const REFUSED: ErrorCode = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    let describes = |topic: &str| may(Operation::Describe, ResourceType::Topic, topic);
    match answer {
        Answer::Describe(groups) => {
            let refused = refused.groups.into_iter().map(|group| Described::refused(group, REFUSED));
            Answer::Describe(refused.chain(groups).collect())
        }
        Answer::DescribeConsumers(groups) => {
            let refused = refused.groups.into_iter().map(|group| DescribedConsumers::refused(group, REFUSED));
            let told = groups.into_iter().map(|group| {
                let mut owned =
                    group.members.iter().flat_map(|member| member.assignment.iter().chain(&member.target));
                if owned.all(|(_, topic, _)| describes(topic)) {
                    return group;
                }
                DescribedConsumers::refused(group.group, ErrorCode::TOPIC_AUTHORIZATION_FAILED)
            });
            Answer::DescribeConsumers(refused.chain(told).collect())
        }
        Answer::List { error, mut groups } => {
            if !may(Operation::Describe, ResourceType::Cluster, CLUSTER) {
                groups.retain(|group| may(Operation::Describe, ResourceType::Group, &group.group));
            }
            Answer::List { error, groups }
        }
        Answer::Delete(mut results) => {
            results.extend(refused.groups.into_iter().map(|group| (group, REFUSED)));
            Answer::Delete(results)
        }
        Answer::Commit(results) => Answer::Commit(refused_topics(refused.topics).chain(results).collect()),
        Answer::Fetch(groups) => Answer::Fetch(join_fetched(groups, refused.fetched, &describes)),
        Answer::DeleteOffsets { error, topics } => {
            let out = refused_topics(refused.topics).map(|(topic, partitions)| (topic.name, partitions));
            // An error of the group is all that is told.
            let out = out.filter(|_| error == ErrorCode::NONE);
            Answer::DeleteOffsets { error, topics: out.chain(topics).collect() }
        }
        answer => answer,
    }
}

fn join_fetched(
    groups: Vec<FetchedGroup>,
    refused: Vec<Fetched>,
    describes: &dyn Fn(&str) -> bool,
) -> Vec<FetchedGroup> {
    let mut groups = groups.into_iter();
    let one = |refused: Fetched| match refused {
        Err(group) => Some(group),
        Ok(topics) => {
            let mut group = groups.next()?;
            if group.error == ErrorCode::NONE {
                group.topics.retain(|(topic, _)| topic.name.is_empty() || describes(&topic.name));
                let out = |partition| refused_partition(partition, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
                group.topics.extend(
                    topics
                        .into_iter()
                        .map(|(name, partitions)| (name, partitions.into_iter().map(out).collect())),
                );
            }
            Some(group)
        }
    };
    refused.into_iter().filter_map(one).collect()
}

/// Tells of each group that is described what the client may do with it.
pub fn tell_operations(answer: &mut Answer, of: impl Fn(&str) -> i32) {
    match answer {
        Answer::Describe(groups) => {
            for group in groups.iter_mut().filter(|group| group.error == ErrorCode::NONE) {
                group.operations = Some(of(&group.group));
            }
        }
        Answer::DescribeConsumers(groups) => {
            for group in groups.iter_mut().filter(|group| group.error == ErrorCode::NONE) {
                group.operations = Some(of(&group.group));
            }
        }
        _ => {}
    }
}
