//! Topics, their partitions and settings, and what else stands on record: the log of the metadata.
//!
//! ```text
//! record value    uvarint frame 1   uvarint API key   uvarint version   body
//!   2 topic       name, id                    4 setting            kind (2 topic, 4 broker, 32 group), whose, name, value or null
//!   3 partition   its number, the topic's id 12 feature            name, level
//!   9 deletion    the topic's id             15 producer ids       the first that nobody has
//!  11 credential  a user's, for SCRAM        22 its end            user and mechanism
//!  18 access rule id, type, name …           19 its deletion        the id
//! ```
//! The records are those of Kafka's own metadata log. What a broker of ours decides is appended to [`FILE`], a log of record batches in the log
//! directory that Apache Kafka does not look at; a directory that has none yet is read from Kafka's `__cluster_metadata-0`, its snapshots
//! included. A topic that no record speaks of is found by its folders ([`folder`]) and their [`partition.metadata`](partition_metadata).
//!
//! Every change is decided first (`decide_*`, which give records), appended durably, then taken over with [`Topics::load`].
//!
//! Source: the schemas of Kafka 4.4.0, and the answers of Kafka 4.4.0.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;

use dolmen_codec::{Cursor, varint};

use crate::acl::{Acls, Host, Operation, Policy, ResourceType, Who};
use crate::configs;
use crate::group::Client;
use crate::limits::{PARTITIONS_MAX, TOPIC_NAME_LEN_MAX};
use crate::messages::{
    AccessControlEntryRecord, ConfigRecord, FeatureLevelRecord, PartitionRecord, ProducerIdsRecord,
    RemoveAccessControlEntryRecord, RemoveTopicRecord, RemoveUserScramCredentialRecord, TopicRecord,
    UserScramCredentialRecord,
};
use crate::scram::Credentials;
use crate::wire::{List, Message, Uuid};
use crate::{ErrorCode, WireError};

mod alter;

pub use alter::{Alteration, Change};

/// The file with the records, in the log directory.
pub const FILE: &str = "dolmen-metadata.log";
/// The topic with the offsets and groups of consumers.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// The topic with the transaction coordinator's log.
pub const TRANSACTION_STATE: &str = "__transaction_state";
/// The folder of Kafka's own metadata log.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partition_count: i32,
    /// Settings of its own.
    pub configs: BTreeMap<String, String>,
}

/// Whether a topic is one of Kafka's own.
pub fn is_internal(name: &str) -> bool {
    matches!(name, CONSUMER_OFFSETS | TRANSACTION_STATE)
}

/// What a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A topic.
    Topic(&'a str),
    /// The broker, or all brokers.
    Broker,
    /// A group, which need not be there yet.
    Group(&'a str),
}

/// A topic that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions; −1 for the default.
    pub partition_count: i32,
    /// How many replicas; −1 for the default. One broker can hold one.
    pub replication_factor: i16,
    /// Replicas by partition, in place of both counts.
    pub assignments: &'a [(i32, &'a [i32])],
    /// Its settings; a null value is the default.
    pub configs: &'a [(&'a str, Option<&'a str>)],
}

/// What new topics get where they do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// `num.partitions`.
    pub partition_count: i32,
    /// The broker's id, the only one that may hold replicas.
    pub broker_id: i32,
}

/// A record of the metadata log: the value; records have no key.
pub type RecordValue = Vec<u8>;

/// All topics, and what else the metadata log remembers.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<String, Topic>,
    names: BTreeMap<Uuid, String>,
    /// Names with dots as underscores, to how many topics have them so.
    plain_names: BTreeMap<String, u32>,
    broker_configs: BTreeMap<String, String>,
    group_configs: BTreeMap<String, BTreeMap<String, String>>,
    credentials: Credentials,
    features: BTreeMap<String, i16>,
    next_producer_id: i64,
    acls: Arc<Acls>,
    authorizer: Option<Policy>,
    version: u64,
}

impl Topics {
    /// No topic.
    pub fn new() -> Self {
        Topics::default()
    }

    /// Takes over one record's value. What is known here of other kinds of records is nothing: they are passed over.
    ///
    /// # Errors
    /// [`WireError`] for a record that is damaged or of a version that is not known.
    pub fn load(&mut self, value: &[u8]) -> Result<(), WireError> {
        let mut cursor = Cursor::new(value);
        let frame = cursor.get_varint_u32().map_err(WireError::Decode)?;
        if frame != FRAME_VERSION {
            return Err(WireError::Value { found: i64::from(frame) });
        }
        let key = cursor.get_varint_u32().map_err(WireError::Decode)?;
        let version = cursor.get_varint_u32().map_err(WireError::Decode)?;
        let version = i16::try_from(version).map_err(|_| WireError::Value { found: i64::from(version) })?;
        let body = cursor.rest();
        match key {
            key::TOPIC => self.topic_made(&TopicRecord::decode(body, version)?),
            key::PARTITION => self.partition_made(&PartitionRecord::decode(body, version)?)?,
            key::CONFIG => self.config_set(&ConfigRecord::decode(body, version)?),
            key::REMOVE_TOPIC => self.topic_removed(RemoveTopicRecord::decode(body, version)?.topic_id),
            key::FEATURE_LEVEL => {
                let record = FeatureLevelRecord::decode(body, version)?;
                self.features.insert(record.name.into(), record.feature_level);
            }
            key::PRODUCER_IDS => {
                let next = ProducerIdsRecord::decode(body, version)?.next_producer_id;
                self.next_producer_id = self.next_producer_id.max(next);
            }
            key::SCRAM_CREDENTIAL => self.credentials.put(&UserScramCredentialRecord::decode(body, version)?),
            key::REMOVE_SCRAM_CREDENTIAL => {
                self.credentials.remove(&RemoveUserScramCredentialRecord::decode(body, version)?);
            }
            key::ACL => {
                Arc::make_mut(&mut self.acls).made(&AccessControlEntryRecord::decode(body, version)?)?
            }
            key::REMOVE_ACL => {
                let id = RemoveAccessControlEntryRecord::decode(body, version)?.id;
                Arc::make_mut(&mut self.acls).removed(id);
            }
            _ => {}
        }
        self.version += 1;
        Ok(())
    }

    /// A topic that only its folders speak of: the partition of a folder, and the id in its `partition.metadata`, if there is one. Known topics are
    /// only ever given more partitions.
    pub fn found(&mut self, name: &str, id: Option<Uuid>, partition: i32) {
        if !self.by_name.contains_key(name) {
            let id = id.unwrap_or_else(|| id_from_name(name));
            self.topic_made(&TopicRecord { name, topic_id: id, ..TopicRecord::default() });
        }
        if let Some(topic) = self.by_name.get_mut(name) {
            topic.partition_count = topic.partition_count.max(partition.saturating_add(1));
            self.version += 1;
        }
    }

    fn topic_made(&mut self, record: &TopicRecord<'_>) {
        let topic = Topic {
            name: record.name.into(),
            id: record.topic_id,
            partition_count: 0,
            configs: BTreeMap::new(),
        };
        *self.plain_names.entry(plain(record.name)).or_default() += 1;
        self.names.insert(record.topic_id, record.name.into());
        self.by_name.insert(record.name.into(), topic);
    }

    fn partition_made(&mut self, record: &PartitionRecord<'_>) -> Result<(), WireError> {
        let count = record.partition_id.checked_add(1).filter(|count| (1..=PARTITIONS_MAX).contains(count));
        let count = count.ok_or(WireError::Value { found: i64::from(record.partition_id) })?;
        let name = self.names.get(&record.topic_id);
        if let Some(topic) = name.and_then(|name| self.by_name.get_mut(name)) {
            topic.partition_count = topic.partition_count.max(count);
        }
        Ok(())
    }

    fn config_set(&mut self, record: &ConfigRecord<'_>) {
        let configs = match record.resource_type {
            resource::TOPIC => match self.by_name.get_mut(record.resource_name) {
                Some(topic) => &mut topic.configs,
                None => return,
            },
            resource::BROKER => &mut self.broker_configs,
            resource::GROUP => self.group_configs.entry(record.resource_name.into()).or_default(),
            _ => return,
        };
        match record.value {
            Some(value) => {
                configs.insert(record.name.into(), value.into());
            }
            None => {
                configs.remove(record.name);
            }
        }
        if record.resource_type == resource::GROUP && configs.is_empty() {
            self.group_configs.remove(record.resource_name);
        }
    }

    fn topic_removed(&mut self, id: Uuid) {
        let Some(name) = self.names.remove(&id) else { return };
        self.by_name.remove(&name);
        let plain = plain(&name);
        if let Some(count) = self.plain_names.get_mut(&plain) {
            *count -= 1;
            if *count == 0 {
                self.plain_names.remove(&plain);
            }
        }
    }

    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// A topic by id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_name.get(self.names.get(&id)?)
    }

    /// Whether a partition is there.
    pub fn has_partition(&self, name: &str, partition: i32) -> bool {
        self.topic(name).is_some_and(|topic| (0..topic.partition_count).contains(&partition))
    }

    /// Every topic, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    /// How many topics.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Settings that were given to the broker while it ran.
    pub const fn broker_configs(&self) -> &BTreeMap<String, String> {
        &self.broker_configs
    }

    /// Settings of a group of its own, if it has any.
    pub fn group_configs(&self, group: &str) -> Option<&BTreeMap<String, String>> {
        self.group_configs.get(group)
    }

    /// The groups that have settings of their own.
    pub fn groups_set(&self) -> impl Iterator<Item = &str> {
        self.group_configs.keys().map(String::as_str)
    }

    /// Users' SCRAM credentials.
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The finalized level of a feature, such as `transaction.version`.
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// The first producer id that is in no block.
    pub const fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// The access rules. Whoever holds on to them has those of this moment.
    pub const fn acls(&self) -> &Arc<Acls> {
        &self.acls
    }

    /// The access rules are followed; what holds beside them. Not on record.
    pub fn set_authorizer(&mut self, policy: Option<Policy>) {
        self.authorizer = policy;
    }

    /// Whether a client may be told of a topic. One of which nobody knows who it is, may: it will say so before it is told anything.
    pub fn may_describe(&self, client: &Client, topic: &str) -> bool {
        let Some(policy) = self.authorizer.as_ref().filter(|_| !client.principal.is_empty()) else {
            return true;
        };
        let Ok(address) = client.host.trim_start_matches('/').parse() else { return false };
        let who = Who { principal: &client.principal, host: &Host::new(address) };
        self.acls.allows(policy, who, Operation::Describe, ResourceType::Topic, topic)
    }

    /// A number that grows with every change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The records of a new topic with this id.
    ///
    /// # Errors
    /// [`ErrorCode::TOPIC_ALREADY_EXISTS`], [`ErrorCode::INVALID_TOPIC_EXCEPTION`] for a name that is not allowed or that another topic has but for dots and
    /// underscores, [`ErrorCode::INVALID_PARTITIONS`], [`ErrorCode::INVALID_REPLICATION_FACTOR`],
    /// [`ErrorCode::INVALID_REPLICA_ASSIGNMENT`], [`ErrorCode::INVALID_CONFIG`], [`ErrorCode::POLICY_VIOLATION`] for too many partitions.
    pub fn decide_create(
        &self,
        new: &NewTopic<'_>,
        id: Uuid,
        defaults: Defaults,
    ) -> Result<Vec<RecordValue>, ErrorCode> {
        check_name(new.name)?;
        if self.by_name.contains_key(new.name) {
            return Err(ErrorCode::TOPIC_ALREADY_EXISTS);
        }
        if self.plain_names.contains_key(&plain(new.name)) {
            return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
        }
        let count = partition_count(new, defaults)?;
        let given = new.configs.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        for (name, value) in given.clone() {
            configs::topic(name).ok_or(ErrorCode::INVALID_CONFIG)?.check(value)?;
        }
        let mut records = Vec::new();
        let topic = TopicRecord { name: new.name, topic_id: id, ..TopicRecord::default() };
        records.push(record(key::TOPIC, 0, &topic)?);
        for (name, value) in given {
            records.push(config_record(Resource::Topic(new.name), name, Some(value))?);
        }
        for partition in 0..count {
            records.push(partition_record(id, partition, defaults.broker_id)?);
        }
        Ok(records)
    }

    /// Records that say all of this again.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_REQUEST`] for a name that no string can hold.
    pub fn snapshot(&self, broker_id: i32) -> Result<Vec<RecordValue>, ErrorCode> {
        let mut records = Vec::new();
        for (name, level) in &self.features {
            records.push(self.decide_feature(name, *level)?);
        }
        for topic in self.iter() {
            let made = TopicRecord { name: &topic.name, topic_id: topic.id, ..TopicRecord::default() };
            records.push(record(key::TOPIC, 0, &made)?);
            for (name, value) in &topic.configs {
                records.push(config_record(Resource::Topic(&topic.name), name, Some(value))?);
            }
            for partition in 0..topic.partition_count {
                records.push(partition_record(topic.id, partition, broker_id)?);
            }
        }
        for (name, value) in &self.broker_configs {
            records.push(config_record(Resource::Broker, name, Some(value))?);
        }
        for (group, configs) in &self.group_configs {
            for (name, value) in configs {
                records.push(config_record(Resource::Group(group), name, Some(value))?);
            }
        }
        records.extend(self.credentials.snapshot()?);
        if self.next_producer_id > 0 {
            let next_producer_id = self.next_producer_id;
            let ids = ProducerIdsRecord { broker_id, next_producer_id, ..ProducerIdsRecord::default() };
            records.push(record(key::PRODUCER_IDS, 0, &ids)?);
        }
        for rule in self.acls.snapshot() {
            records.push(rule?);
        }
        Ok(records)
    }

    /// The record that deletes a topic.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`].
    pub fn decide_delete(&self, name: &str) -> Result<Vec<RecordValue>, ErrorCode> {
        let topic = self.by_name.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let removed = RemoveTopicRecord { topic_id: topic.id, ..RemoveTopicRecord::default() };
        Ok([record(key::REMOVE_TOPIC, 0, &removed)?].into())
    }

    /// The records that give a topic more partitions, `count` in all. `assignments`: replicas of the new ones, if they are given.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`], [`ErrorCode::INVALID_PARTITIONS`] for not more than there are,
    /// [`ErrorCode::INVALID_REPLICA_ASSIGNMENT`], [`ErrorCode::POLICY_VIOLATION`] for too many.
    pub fn decide_grow(
        &self,
        name: &str,
        count: i32,
        assignments: Option<&[&[i32]]>,
        defaults: Defaults,
    ) -> Result<Vec<RecordValue>, ErrorCode> {
        let topic = self.by_name.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if count <= topic.partition_count {
            return Err(ErrorCode::INVALID_PARTITIONS);
        }
        if count > PARTITIONS_MAX {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let added = topic.partition_count..count;
        if let Some(given) = assignments {
            let is_ours = given.iter().all(|replicas| **replicas == [defaults.broker_id]);
            if !is_ours || given.len() != added.len() {
                return Err(ErrorCode::INVALID_REPLICA_ASSIGNMENT);
            }
        }
        added.map(|partition| partition_record(topic.id, partition, defaults.broker_id)).collect()
    }

    /// The record that finalizes a feature's level.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_REQUEST`] for a name that no string can hold.
    pub fn decide_feature(&self, name: &str, level: i16) -> Result<RecordValue, ErrorCode> {
        let feature = FeatureLevelRecord { name, feature_level: level, ..FeatureLevelRecord::default() };
        record(key::FEATURE_LEVEL, 0, &feature)
    }

    /// The next block of producer ids: its first, and the record that reserves it.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_SERVER_ERROR`] when all ids are used up.
    pub fn decide_producer_ids(&self, count: u32, broker_id: i32) -> Result<(i64, RecordValue), ErrorCode> {
        let first = self.next_producer_id;
        let next = first.checked_add(i64::from(count)).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let ids = ProducerIdsRecord { broker_id, next_producer_id: next, ..ProducerIdsRecord::default() };
        Ok((first, record(key::PRODUCER_IDS, 0, &ids)?))
    }
}

/// Whether a topic may be called so: letters, digits, `.`, `_` and `-`, at most 249, and neither `.` nor `..`.
///
/// # Errors
/// [`ErrorCode::INVALID_TOPIC_EXCEPTION`].
pub fn check_name(name: &str) -> Result<(), ErrorCode> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_right = (1..=TOPIC_NAME_LEN_MAX).contains(&name.len())
        && name.bytes().all(is_legal)
        && !matches!(name, "." | "..");
    if is_right { Ok(()) } else { Err(ErrorCode::INVALID_TOPIC_EXCEPTION) }
}

fn partition_count(new: &NewTopic<'_>, defaults: Defaults) -> Result<i32, ErrorCode> {
    if !new.assignments.is_empty() {
        if new.partition_count != -1 || new.replication_factor != -1 {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let mut numbers: Vec<i32> = new.assignments.iter().map(|(partition, _)| *partition).collect();
        numbers.sort_unstable();
        let is_whole = numbers.iter().copied().eq((0..).take(numbers.len()));
        let is_ours = new.assignments.iter().all(|(_, replicas)| **replicas == [defaults.broker_id]);
        if !is_whole || !is_ours {
            return Err(ErrorCode::INVALID_REPLICA_ASSIGNMENT);
        }
        return i32::try_from(numbers.len()).map_err(|_| ErrorCode::INVALID_PARTITIONS);
    }
    if !matches!(new.replication_factor, -1 | 1) {
        return Err(ErrorCode::INVALID_REPLICATION_FACTOR);
    }
    match new.partition_count {
        -1 => Ok(defaults.partition_count),
        i32::MIN..=0 => Err(ErrorCode::INVALID_PARTITIONS),
        count if count > PARTITIONS_MAX => Err(ErrorCode::POLICY_VIOLATION),
        count => Ok(count),
    }
}

/// A partition's folder: the topic's name and the partition.
pub fn folder(topic: &str, partition: i32) -> String {
    let mut out = String::from(topic);
    // Writing to a string cannot fail.
    let _ = write!(out, "-{partition}");
    out
}

/// The partition that a folder holds, if it is one.
pub fn parse_folder(folder: &str) -> Option<(&str, i32)> {
    let (topic, partition) = folder.rsplit_once('-')?;
    let number: i32 = partition.parse().ok().filter(|number| *number >= 0)?;
    // `+1` and `01` are no numbers of folders.
    (number.to_string() == partition && check_name(topic).is_ok()).then_some((topic, number))
}

/// The text of `partition.metadata`; no line end stands behind it.
pub fn partition_metadata(id: Uuid) -> String {
    let mut out = String::from("version: 0\ntopic_id: ");
    out.push_str(&id_text(id));
    out
}

/// The topic's id in a `partition.metadata`.
pub fn parse_partition_metadata(text: &str) -> Option<Uuid> {
    let mut fields = text.lines().filter_map(|line| line.split_once(": "));
    let version = fields.next().filter(|(name, _)| *name == "version")?.1;
    let id = fields.next().filter(|(name, _)| *name == "topic_id")?.1;
    (version == "0").then(|| parse_id(id)).flatten()
}

/// An id as Kafka prints it: 22 letters of URL-safe base64.
pub fn id_text(id: Uuid) -> String {
    let mut bits = u128::from_be_bytes(id.0);
    // 128 bits are 21 letters of six and one of two, which is padded to the right.
    let mut letters = [0; 22];
    letters[21] = ALPHABET[((bits & 3) << 4) as usize];
    bits >>= 2;
    for letter in letters[..21].iter_mut().rev() {
        *letter = ALPHABET[(bits & 63) as usize];
        bits >>= 6;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

/// An id from its text.
pub fn parse_id(text: &str) -> Option<Uuid> {
    let letters: [u8; 22] = text.as_bytes().try_into().ok()?;
    let digit = |letter: u8| ALPHABET.iter().position(|a| *a == letter).map(|at| at as u128);
    let mut bits = 0u128;
    for letter in &letters[..21] {
        bits = (bits << 6) | digit(*letter)?;
    }
    let last = digit(letters[21])?;
    (last & 15 == 0).then(|| Uuid(((bits << 2) | (last >> 4)).to_be_bytes()))
}

/// An id for a topic that has none: the same at every start.
fn id_from_name(name: &str) -> Uuid {
    let low = xxhash_rust::xxh3::xxh3_128(name.as_bytes()).max(1);
    Uuid(low.to_be_bytes())
}

/// A name as metrics write it, where a dot and an underscore are the same.
fn plain(name: &str) -> String {
    name.replace('.', "_")
}

fn partition_record(topic_id: Uuid, partition_id: i32, broker_id: i32) -> Result<RecordValue, ErrorCode> {
    let replicas = [broker_id];
    let partition = PartitionRecord {
        partition_id,
        topic_id,
        replicas: List::from(&replicas[..]),
        isr: List::from(&replicas[..]),
        leader: broker_id,
        leader_epoch: 0,
        partition_epoch: 0,
        ..PartitionRecord::default()
    };
    record(key::PARTITION, 0, &partition)
}

fn config_record(resource: Resource<'_>, name: &str, value: Option<&str>) -> Result<RecordValue, ErrorCode> {
    let (resource_type, resource_name) = match resource {
        Resource::Topic(topic) => (resource::TOPIC, topic),
        Resource::Broker => (resource::BROKER, ""),
        Resource::Group(group) => (resource::GROUP, group),
    };
    let config = ConfigRecord { resource_type, resource_name, name, value, ..ConfigRecord::default() };
    record(key::CONFIG, 0, &config)
}

/// A record's value.
pub(crate) fn record<'a>(key: u32, version: i16, body: &impl Message<'a>) -> Result<RecordValue, ErrorCode> {
    let mut out = Vec::new();
    for number in [FRAME_VERSION, key, u32::from(version.cast_unsigned())] {
        varint::put_u32(&mut out, number);
    }
    body.encode(version, &mut out).map_err(|_| ErrorCode::INVALID_REQUEST)?;
    Ok(out)
}

/// The version of the frame around a metadata record.
const FRAME_VERSION: u32 = 1;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// API keys of metadata records.
pub(crate) mod key {
    pub const TOPIC: u32 = 2;
    pub const PARTITION: u32 = 3;
    pub const CONFIG: u32 = 4;
    pub const REMOVE_TOPIC: u32 = 9;
    pub const SCRAM_CREDENTIAL: u32 = 11;
    pub const FEATURE_LEVEL: u32 = 12;
    pub const PRODUCER_IDS: u32 = 15;
    pub const ACL: u32 = 18;
    pub const REMOVE_ACL: u32 = 19;
    pub const REMOVE_SCRAM_CREDENTIAL: u32 = 22;
}

/// Kinds of resources that have settings.
mod resource {
    pub const TOPIC: i8 = 2;
    pub const BROKER: i8 = 4;
    pub const GROUP: i8 = 32;
}
