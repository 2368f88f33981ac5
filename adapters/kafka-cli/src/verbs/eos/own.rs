//! The runner's effects over the client of our own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dolmen_kafka::ErrorCode;
use dolmen_kafka::eos::{Fault, PartitionId};
use dolmen_kafka_rdkafka::client::Committed;
use dolmen_kafka_rdkafka::{Client, Failure, Incoming, Outgoing, Partitions, Read};

use super::Pipeline;
use crate::client::consumer::{self, EARLIEST, Positions, fetch, offset_for};
use crate::client::group::{Member, committed};
use crate::client::producer::{self, Options, Producer};
use crate::client::{Cluster, code_of};

/// A member of a group and a producer over one set of connections.
pub struct Own {
    bootstrap: String,
    group: String,
    input: Vec<String>,
    /// Topics that are made if they are not there.
    outputs: Vec<String>,
    options: Options,
    names: Partitions,
    cluster: Option<Cluster>,
    member: Option<Member>,
    producer: Option<Producer>,
    /// Whether the runner knows what is owned.
    is_told: bool,
    positions: Positions,
    /// What was read ahead.
    ready: VecDeque<consumer::Incoming>,
}

impl Own {
    /// Nothing is connected yet.
    pub fn new(pipeline: &Pipeline) -> Own {
        let timeout_ms = i32::try_from(pipeline.transaction_timeout_ms).unwrap_or(i32::MAX);
        let transactional_id = Some(pipeline.transactional_id.clone());
        Own {
            bootstrap: pipeline.bootstrap.clone(),
            group: pipeline.group.clone(),
            input: pipeline.input.clone(),
            outputs: [Some(pipeline.output.clone()), pipeline.dead_letter.clone()]
                .into_iter()
                .flatten()
                .collect(),
            options: Options { transactional_id, timeout_ms, ..Options::default() },
            names: Partitions::default(),
            cluster: None,
            member: None,
            producer: None,
            is_told: false,
            positions: Positions::new(),
            ready: VecDeque::new(),
        }
    }

    /// Does something with the cluster; after an error, who leads and coordinates what is asked anew.
    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Own, &mut Cluster) -> anyhow::Result<T>,
    ) -> Result<T, Failure> {
        let mut cluster = match self.cluster.take() {
            Some(cluster) => cluster,
            None => Cluster::connect(&self.bootstrap).map_err(failure)?,
        };
        let result = act(self, &mut cluster);
        if result.is_err() {
            cluster.forget();
        }
        self.cluster = Some(cluster);
        result.map_err(failure)
    }
}

fn failure(error: anyhow::Error) -> Failure {
    let is_broken = error.chain().any(|cause| cause.is::<std::io::Error>());
    let fault = match code_of(&error) {
        Some(code) => Fault::Broker(code),
        None if is_broken => Fault::Unanswered,
        None => Fault::Misconfigured,
    };
    Failure::new(fault, format!("{error:#}"))
}

fn missing(what: &str) -> anyhow::Error {
    let refused = crate::client::Refused { code: ErrorCode::UNKNOWN_MEMBER_ID, what: what.into() };
    anyhow::Error::new(refused)
}

impl Client for Own {
    fn open(&mut self) -> Result<(), Failure> {
        self.producer = None;
        self.with(|own, cluster| {
            for topic in &own.outputs {
                cluster.topic(topic, true)?;
            }
            own.producer = Some(Producer::open(cluster, own.options.clone())?);
            Ok(())
        })
    }

    fn join(&mut self) -> Result<(), Failure> {
        self.member = None;
        self.is_told = false;
        self.with(|own, cluster| {
            own.member = Some(Member::join(cluster, &own.group, &own.input)?);
            Ok(())
        })
    }

    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Committed, Failure> {
        let wanted: Vec<(String, i32)> =
            partitions.iter().map(|id| self.names.name(*id)).map(|(t, p)| (t.to_owned(), p)).collect();
        if wanted.is_empty() {
            return Ok(Committed::new());
        }
        let found = self.with(|own, cluster| committed(cluster, &own.group, &wanted))?;
        let of = |(id, name): (&PartitionId, &(String, i32))| (*id, found.get(name).copied());
        Ok(partitions.iter().zip(&wanted).map(of).collect())
    }

    fn rewind(&mut self, positions: &[(PartitionId, Option<i64>)]) -> Result<(), Failure> {
        self.ready.clear();
        self.positions.clear();
        self.with(|own, cluster| {
            for (id, at) in positions {
                let (topic, partition) = own.names.name(*id);
                let offset = match at {
                    Some(offset) => *offset,
                    None => offset_for(cluster, topic, partition, EARLIEST, true)?,
                };
                own.positions.insert((topic.to_owned(), partition), offset);
            }
            Ok(())
        })
    }

    fn read(&mut self, count_max: usize, wait: Duration) -> Result<Read, Failure> {
        let owned = self.with(|own, cluster| {
            let member = own.member.as_mut().ok_or_else(|| missing("reading"))?;
            let is_changed = member.keep(cluster)?;
            if own.is_told && !is_changed {
                return Ok(None);
            }
            let owned = member.partitions(cluster)?;
            own.is_told = true;
            Ok(Some(owned))
        })?;
        if let Some(owned) = owned {
            self.ready.clear();
            let ids = owned.iter().map(|(topic, partition)| self.names.id(topic, *partition)).collect();
            return Ok(Read { owned: Some(ids), records: Vec::new() });
        }
        if self.positions.is_empty() {
            std::thread::sleep(wait);
        } else if self.ready.is_empty() {
            let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
            let read = self.with(|own, cluster| fetch(cluster, &mut own.positions, true, wait_ms))?;
            self.ready.extend(read);
        }
        let count = count_max.min(self.ready.len());
        let records = self.ready.drain(..count).map(|record| Incoming {
            id: self.names.id(&record.topic, record.partition),
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key,
            value: record.value,
            headers: record.headers,
        });
        Ok(Read { owned: None, records: records.collect() })
    }

    fn begin(&mut self) -> Result<(), Failure> {
        let producer = self.producer.as_mut();
        producer.map(Producer::begin).ok_or_else(|| Failure::new(Fault::Broken, "there is no producer"))
    }

    fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure> {
        self.with(|own, cluster| {
            let producer = own.producer.as_mut().ok_or_else(|| missing("writing"))?;
            let mut by_partition: BTreeMap<(&str, i32), Vec<producer::Outgoing>> = BTreeMap::new();
            for record in records {
                let count = i32::try_from(cluster.topic(&record.topic, false)?.leaders.len())?;
                let chosen = record.partition;
                let partition =
                    chosen.unwrap_or_else(|| producer.partition_for(record.key.as_deref(), count));
                by_partition.entry((&record.topic, partition)).or_default().push(producer::Outgoing {
                    key: record.key.clone(),
                    value: record.value.clone(),
                    headers: record.headers.clone(),
                    timestamp_ms: record.timestamp_ms,
                });
            }
            for ((topic, partition), records) in &by_partition {
                producer.send(cluster, topic, *partition, records)?;
            }
            Ok(())
        })
    }

    fn offsets(&mut self, offsets: &[(PartitionId, i64)]) -> Result<(), Failure> {
        let name = |id: &PartitionId| self.names.name(*id);
        let named: Positions =
            offsets.iter().map(|(id, at)| ((name(id).0.to_owned(), name(id).1), *at)).collect();
        self.with(|own, cluster| {
            let producer = own.producer.as_mut().ok_or_else(|| missing("adding offsets"))?;
            let member = own.member.as_ref().ok_or_else(|| missing("adding offsets"))?;
            producer.send_offsets(cluster, &member.membership, &named)
        })
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.with(|own, cluster| {
            own.producer.as_mut().ok_or_else(|| missing("committing"))?.end(cluster, true)
        })
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.with(|own, cluster| own.producer.as_mut().ok_or_else(|| missing("aborting"))?.abort(cluster))
    }

    fn leave(&mut self) -> Result<(), Failure> {
        self.producer = None;
        match self.member.take() {
            Some(member) => self.with(|_, cluster| member.leave(cluster)),
            None => Ok(()),
        }
    }
}
