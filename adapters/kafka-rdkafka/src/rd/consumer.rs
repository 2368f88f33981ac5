//! A member of a classic group that takes whole assignments and reads exactly from where it is told.
//!
//! 1. An assignment is only noted; the library waits. The machine then asks what the group has committed, and the assignment is made with those
//!    offsets: the same call that goes back after an abort.
//! 2. A revocation is carried out at once: no transaction is open while polling, so there is nothing to finish first.
//! 3. Who we are in the group is kept from the moment of the assignment. A member that was put out since then commits under its old generation, and
//!    is refused; asked at the commit, the library would say "no generation", which brokers accept.

use std::time::{Duration, Instant};

use dolmen_kafka::eos::{Fault, PartitionId};
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::fault::failure;
use crate::client::{Committed, Failure, Incoming, Partitions, Read};

/// How long the broker may take to tell committed offsets.
const COMMITTED_WAIT: Duration = Duration::from_secs(10);

/// What the library has told of the group.
#[derive(Default)]
struct Told {
    is_changed: bool,
    owned: Vec<(String, i32)>,
    membership: Option<ConsumerGroupMetadata>,
}

#[derive(Default)]
struct Context {
    told: Mutex<Told>,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let owned = list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect();
            let membership = consumer.group_metadata();
            *self.told.lock() = Told { is_changed: true, owned, membership };
        } else {
            *self.told.lock() = Told { is_changed: true, ..Told::default() };
            if let Err(error) = consumer.unassign() {
                tracing::warn!(target: "kafka.eos", "giving partitions up: {error}");
            }
        }
    }
}

/// A member.
pub struct Reader {
    consumer: BaseConsumer<Context>,
    membership: Option<ConsumerGroupMetadata>,
}

impl Reader {
    /// Joins.
    ///
    /// # Errors
    /// If a setting is not known.
    pub fn join(config: &ClientConfig, topics: &[String]) -> Result<Reader, Failure> {
        let made = config.create_with_context(Context::default());
        let consumer: BaseConsumer<Context> = made.map_err(|e| failure("making a consumer", &e))?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|e| failure("subscribing", &e))?;
        Ok(Reader { consumer, membership: None })
    }

    /// A reader that belongs to no group and only asks and commits in one's name.
    ///
    /// # Errors
    /// If a setting is not known.
    pub fn outside(config: &ClientConfig) -> Result<Reader, Failure> {
        let made = config.create_with_context(Context::default());
        let consumer: BaseConsumer<Context> = made.map_err(|e| failure("making a consumer", &e))?;
        let membership = consumer.group_metadata();
        Ok(Reader { consumer, membership })
    }

    /// Who we are in the group, as it was when the partitions were assigned.
    pub fn membership(&self) -> Option<&ConsumerGroupMetadata> {
        self.membership.as_ref()
    }

    /// What the group has committed, once no transaction is pending there.
    ///
    /// # Errors
    /// What the broker says.
    pub fn committed(&self, names: &Partitions, wanted: &[PartitionId]) -> Result<Committed, Failure> {
        if wanted.is_empty() {
            return Ok(Committed::new());
        }
        let mut list = TopicPartitionList::new();
        for id in wanted {
            let (topic, partition) = names.name(*id);
            list.add_partition(topic, partition);
        }
        let what = "reading committed offsets";
        let found = self.consumer.committed_offsets(list, COMMITTED_WAIT).map_err(|e| failure(what, &e))?;
        let one = |id: &PartitionId| {
            let (topic, partition) = names.name(*id);
            let element = found.find_partition(topic, partition);
            let Some(element) = element else {
                return Err(Failure::new(
                    Fault::Retriable,
                    format!("{what}: {topic}-{partition} is not told"),
                ));
            };
            element.error().map_err(|e| failure(what, &e))?;
            Ok((
                *id,
                match element.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                },
            ))
        };
        wanted.iter().map(one).collect()
    }

    /// Takes its assignment from here, and forgets what it has read ahead.
    ///
    /// # Errors
    /// What the library says.
    pub fn rewind(
        &mut self,
        names: &Partitions,
        positions: &[(PartitionId, Option<i64>)],
    ) -> Result<(), Failure> {
        let mut list = TopicPartitionList::new();
        for (id, at) in positions {
            let (topic, partition) = names.name(*id);
            let offset = at.map_or(Offset::Invalid, Offset::Offset);
            list.add_partition_offset(topic, partition, offset).map_err(|e| failure("an offset", &e))?;
        }
        // Before the group has said anything there is nothing to take.
        if positions.is_empty() && self.membership.is_none() {
            return Ok(());
        }
        self.consumer.assign(&list).map_err(|e| failure("taking partitions", &e))
    }

    /// Reads.
    ///
    /// # Errors
    /// What the broker says.
    pub fn read(
        &mut self,
        names: &mut Partitions,
        count_max: usize,
        wait: Duration,
    ) -> Result<Read, Failure> {
        let until = Instant::now() + wait;
        let mut read = Read::default();
        while read.records.len() < count_max {
            let left = if read.records.is_empty() {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            let polled = self.consumer.poll(left);
            let mut told = self.consumer.context().told.lock();
            if told.is_changed {
                let now = std::mem::take(&mut *told);
                drop(told);
                self.membership = now.membership;
                let owned = now.owned.iter().map(|(topic, partition)| names.id(topic, *partition)).collect();
                return Ok(Read { owned: Some(owned), records: Vec::new() });
            }
            drop(told);
            match polled {
                None if !read.records.is_empty() || Instant::now() >= until => break,
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Ok(message)) => read.records.push(incoming(&message, names)),
                // What was read before it is handled first; it comes again if it lasts.
                Some(Err(error)) if !read.records.is_empty() => {
                    tracing::warn!(target: "kafka.eos", "reading: {error}");
                    break;
                }
                Some(Err(error)) => return Err(failure("reading", &error)),
            }
        }
        Ok(read)
    }
}

fn incoming(message: &BorrowedMessage<'_>, names: &mut Partitions) -> Incoming {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
    });
    Incoming {
        id: names.id(message.topic(), message.partition()),
        topic: message.topic().into(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}
