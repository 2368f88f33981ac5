//! Writing: idempotent, and in transactions of both protocols.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use dolmen_blocks::Libraries;
use dolmen_kafka::batch::{Batch, Builder, Codec, Meta, attribute, sequence_after};
use dolmen_kafka::client::partition_of;
use dolmen_kafka::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use dolmen_kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dolmen_kafka::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use dolmen_kafka::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest,
    ProduceResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use dolmen_kafka::record::{Header, Record};
use dolmen_kafka::wire::Message;
use dolmen_kafka::{ErrorCode, compression};

use super::group::Membership;
use super::{Cluster, To, check, code_of, retry};

/// Bytes of records in one batch: below every broker's default `max.message.bytes`.
const BATCH_LEN: usize = 900 << 10;

/// A record that is to be written.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its timestamp, in milliseconds.
    pub timestamp_ms: i64,
}

impl Outgoing {
    fn len(&self) -> usize {
        let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(key, value)| key.len() + of(value) + 10).sum();
        of(&self.key) + of(&self.value) + headers + 40
    }
}

/// How a producer writes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its transactional id.
    pub transactional_id: Option<String>,
    /// After how long the broker aborts its transaction, in milliseconds.
    pub timeout_ms: i32,
    /// How batches are compressed.
    pub codec: Codec,
    /// Whether a repeated batch is recognised. Always with a transactional id.
    pub is_idempotent: bool,
    /// Who must have a batch before it is acknowledged: −1 all, 1 the leader.
    pub acks: i16,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            transactional_id: None,
            timeout_ms: 60_000,
            codec: Codec::None,
            is_idempotent: true,
            acks: -1,
        }
    }
}

/// A producer.
pub struct Producer {
    options: Options,
    id: i64,
    epoch: i16,
    /// Whether the broker ends transactions with a new epoch each (`transaction.version` 2).
    raises_epoch: bool,
    sequences: BTreeMap<(String, i32), i32>,
    added: BTreeSet<(String, i32)>,
    is_open: bool,
    next: u32,
}

impl Producer {
    /// Opens a producer: its id, and the end of whatever an earlier one of its transactional id left open.
    ///
    /// # Errors
    ///
    /// If the broker refuses.
    pub fn open(cluster: &mut Cluster, options: Options) -> Result<Producer> {
        let raises_epoch = cluster.transaction_version()? >= 2;
        let mut producer = Producer {
            options,
            id: -1,
            epoch: -1,
            raises_epoch,
            sequences: BTreeMap::new(),
            added: BTreeSet::new(),
            is_open: false,
            next: 0,
        };
        if producer.options.is_idempotent || producer.options.transactional_id.is_some() {
            producer.init(cluster)?;
        }
        Ok(producer)
    }

    fn init(&mut self, cluster: &mut Cluster) -> Result<()> {
        let name = self.options.transactional_id.clone();
        let request = InitProducerIdRequest {
            transactional_id: name.as_deref(),
            transaction_timeout_ms: self.options.timeout_ms,
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        let (id, epoch) = retry(cluster, "opening a producer", |cluster| {
            let to = name.as_deref().map_or(To::Any, To::Transaction);
            let (body, version) = cluster.call(to, &request, (0, 4))?;
            let response = InitProducerIdResponse::decode(&body, version)?;
            check(response.error_code, "InitProducerId")?;
            Ok((response.producer_id, response.producer_epoch))
        })?;
        (self.id, self.epoch) = (id, epoch);
        self.sequences.clear();
        self.added.clear();
        self.is_open = false;
        Ok(())
    }

    /// Which partition a key belongs to: as Java's client, by murmur2; without a key in turn, a few records at a time.
    pub fn partition_for(&mut self, key: Option<&[u8]>, partition_count: i32) -> i32 {
        if let Some(key) = key {
            return partition_of(key, partition_count);
        }
        self.next = self.next.wrapping_add(1);
        let count = u32::try_from(partition_count.max(1)).unwrap_or(1);
        i32::try_from(self.next / 16 % count).unwrap_or(0)
    }

    /// Begins a transaction.
    pub fn begin(&mut self) {
        self.is_open = true;
    }

    /// Writes records to one partition, in as many batches as it takes, and gives the offset of the first.
    ///
    /// # Errors
    ///
    /// If the broker refuses. A transaction then has to be aborted.
    pub fn send(
        &mut self,
        cluster: &mut Cluster,
        topic: &str,
        partition: i32,
        records: &[Outgoing],
    ) -> Result<i64> {
        if self.is_open && !self.raises_epoch {
            self.add(cluster, topic, partition)?;
        }
        if self.is_open {
            self.added.insert((topic.into(), partition));
        }
        let (mut first, mut rest) = (None, records);
        while !rest.is_empty() {
            let mut len = 0;
            let fits = rest.iter().take_while(|record| {
                len += record.len();
                len <= BATCH_LEN
            });
            let count = fits.count().max(1);
            let offset = self.send_batch(cluster, topic, partition, &rest[..count])?;
            first.get_or_insert(offset);
            rest = &rest[count..];
        }
        Ok(first.unwrap_or(-1))
    }

    fn add(&mut self, cluster: &mut Cluster, topic: &str, partition: i32) -> Result<()> {
        let name = self.options.transactional_id.clone().unwrap_or_default();
        if self.added.contains(&(topic.to_owned(), partition)) {
            return Ok(());
        }
        let partitions = [partition];
        let topics = [AddPartitionsToTxnTopic {
            name: topic,
            partitions: (&partitions[..]).into(),
            ..AddPartitionsToTxnTopic::default()
        }];
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: &name,
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: (&topics[..]).into(),
            ..AddPartitionsToTxnRequest::default()
        };
        retry(cluster, "adding a partition to the transaction", |cluster| {
            let (body, version) = cluster.call(To::Transaction(&name), &request, (0, 3))?;
            let response = AddPartitionsToTxnResponse::decode(&body, version)?;
            let results = response.results_by_topic_v3_and_below.iter();
            for result in results.flat_map(|topic| topic.results_by_partition.iter().collect::<Vec<_>>()) {
                check(result.partition_error_code, format!("AddPartitionsToTxn {topic}-{partition}"))?;
            }
            Ok(())
        })
    }

    fn encode(&self, records: &[Outgoing], base_sequence: i32) -> Result<Vec<u8>> {
        let attributes = if self.is_open { attribute::TRANSACTIONAL } else { 0 };
        let meta = Meta {
            producer_id: self.id,
            producer_epoch: self.epoch,
            base_sequence: if self.id < 0 { -1 } else { base_sequence },
            attributes,
            ..Meta::default()
        };
        let build = |compressed: Option<(Codec, &[u8])>| -> Result<Vec<u8>> {
            let mut out = Vec::new();
            let mut builder = Builder::new(&mut out, meta);
            for record in records {
                let headers = record.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
                let headers: Vec<Header<'_>> = headers.collect();
                let whole = Record {
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: (&headers[..]).into(),
                    ..Record::default()
                };
                if !builder.push(record.timestamp_ms, whole) {
                    bail!("a record is too large for a batch");
                }
            }
            builder.finish(compressed);
            Ok(out)
        };
        let plain = build(None)?;
        if self.options.codec == Codec::None {
            return Ok(plain);
        }
        let (batch, _) = Batch::split(&plain, 0)?;
        let mut compressed = Vec::new();
        compression::compress(self.options.codec, batch.body(), &Libraries, &mut compressed)?;
        build(Some((self.options.codec, &compressed)))
    }

    fn send_batch(
        &mut self,
        cluster: &mut Cluster,
        topic: &str,
        partition: i32,
        records: &[Outgoing],
    ) -> Result<i64> {
        let key = (topic.to_owned(), partition);
        let sequence = self.sequences.get(&key).copied().unwrap_or(0);
        let bytes = self.encode(records, sequence)?;
        let data = [PartitionProduceData {
            index: partition,
            records: Some(&bytes),
            ..PartitionProduceData::default()
        }];
        let topics = [TopicProduceData {
            name: topic,
            partition_data: (&data[..]).into(),
            ..TopicProduceData::default()
        }];
        let request = ProduceRequest {
            transactional_id: self.options.transactional_id.as_deref().filter(|_| self.is_open),
            acks: self.options.acks,
            timeout_ms: 30_000,
            topic_data: (&topics[..]).into(),
            ..ProduceRequest::default()
        };
        let versions = if self.is_open && self.raises_epoch { (12, 12) } else { (3, 11) };
        let send = |cluster: &mut Cluster| {
            let leader = cluster.leader(topic, partition)?;
            let (body, version) = cluster.call(To::Broker(leader), &request, versions)?;
            let response = ProduceResponse::decode(&body, version)?;
            let first = response.responses.first().and_then(|topic| topic.partition_responses.first());
            let result = first.context("the broker tells nothing of the batch")?;
            check(result.error_code, format!("writing to {topic}-{partition}"))?;
            Ok(result.base_offset)
        };
        // Without an id the broker could not tell a repetition: it is asked once.
        let sent = if self.id < 0 { send(cluster) } else { retry(cluster, "writing", send) };
        let offset = match sent {
            Err(error) if code_of(&error) == Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER) => -1,
            other => other?,
        };
        let count = i32::try_from(records.len()).context("too many records")?;
        self.sequences.insert(key, sequence_after(sequence, count));
        Ok(offset)
    }

    /// Ends the transaction.
    ///
    /// # Errors
    ///
    /// If the broker refuses.
    pub fn end(&mut self, cluster: &mut Cluster, commits: bool) -> Result<()> {
        self.is_open = false;
        // Nothing was written: the broker knows of no transaction.
        if self.added.is_empty() {
            return Ok(());
        }
        let name = self.options.transactional_id.clone().context("a transaction needs a transactional id")?;
        let request = EndTxnRequest {
            transactional_id: &name,
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: commits,
            ..EndTxnRequest::default()
        };
        let versions = if self.raises_epoch { (5, 5) } else { (0, 4) };
        let (id, epoch) = retry(cluster, "ending the transaction", |cluster| {
            let (body, version) = cluster.call(To::Transaction(&name), &request, versions)?;
            let response = EndTxnResponse::decode(&body, version)?;
            check(response.error_code, "EndTxn")?;
            Ok((response.producer_id, response.producer_epoch))
        })?;
        self.added.clear();
        if self.raises_epoch && id >= 0 && (id, epoch) != (self.id, self.epoch) {
            (self.id, self.epoch) = (id, epoch);
            self.sequences.clear();
        }
        Ok(())
    }

    /// Ends the transaction without its records, whatever has happened. An id that a newer producer has cannot be used again.
    ///
    /// # Errors
    ///
    /// If the producer is shut out, or nobody answers.
    pub fn abort(&mut self, cluster: &mut Cluster) -> Result<()> {
        match self.end(cluster, false) {
            Ok(()) => Ok(()),
            // Another try under the next epoch: a batch of unknown fate cannot follow into it.
            Err(error) if code_of(&error).is_none_or(|code| !is_fenced(code)) => self.init(cluster),
            Err(error) => Err(error),
        }
    }

    /// Commits offsets of a group within the transaction.
    ///
    /// # Errors
    ///
    /// If the broker refuses. The transaction then has to be aborted.
    pub fn send_offsets(
        &mut self,
        cluster: &mut Cluster,
        membership: &Membership,
        offsets: &BTreeMap<(String, i32), i64>,
    ) -> Result<()> {
        let name = self.options.transactional_id.clone().context("a transaction needs a transactional id")?;
        let group = membership.group.as_str();
        if !self.raises_epoch {
            let request = AddOffsetsToTxnRequest {
                transactional_id: &name,
                producer_id: self.id,
                producer_epoch: self.epoch,
                group_id: group,
                ..AddOffsetsToTxnRequest::default()
            };
            retry(cluster, "adding offsets to the transaction", |cluster| {
                let (body, version) = cluster.call(To::Transaction(&name), &request, (0, 3))?;
                check(AddOffsetsToTxnResponse::decode(&body, version)?.error_code, "AddOffsetsToTxn")
            })?;
        }
        self.added.insert((String::new(), 0));
        let mut by_topic: BTreeMap<&str, Vec<TxnOffsetCommitRequestPartition<'_>>> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            by_topic.entry(topic).or_default().push(TxnOffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: *offset,
                ..TxnOffsetCommitRequestPartition::default()
            });
        }
        let topics = by_topic.iter().map(|(topic, partitions)| TxnOffsetCommitRequestTopic {
            name: topic,
            partitions: (&partitions[..]).into(),
            ..TxnOffsetCommitRequestTopic::default()
        });
        let request = TxnOffsetCommitRequest {
            transactional_id: &name,
            group_id: group,
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id_or_member_epoch: membership.epoch,
            member_id: &membership.member,
            topics: topics.collect(),
            ..TxnOffsetCommitRequest::default()
        };
        let versions = if self.raises_epoch { (5, 5) } else { (3, 4) };
        retry(cluster, "committing offsets in the transaction", |cluster| {
            let (body, version) = cluster.call(To::Group(group), &request, versions)?;
            let response = TxnOffsetCommitResponse::decode(&body, version)?;
            for topic in &response.topics {
                for partition in &topic.partitions {
                    check(
                        partition.error_code,
                        format!("offset of {}-{}", topic.name, partition.partition_index),
                    )?;
                }
            }
            Ok(())
        })
    }
}

/// Whether a newer producer has the transactional id: nothing more can be done under it.
pub fn is_fenced(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH)
        || code == ErrorCode::INVALID_PRODUCER_ID_MAPPING
}
