//! A broker of ours in a runtime of its own, and what committed readers see of it.

use std::time::{Duration, Instant};

use dolmen_kafka::eos::Settings;
use dolmen_kafka_net::Broker;
use dolmen_kafka_rdkafka::rd::Config;
use dolmen_kafka_rdkafka::{Outgoing, Pipeline};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

pub struct Served {
    runtime: tokio::runtime::Runtime,
    broker: Option<Broker>,
    pub address: String,
    dir: tempfile::TempDir,
}

impl Served {
    pub fn start() -> Served {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let settings = [("group.initial.rebalance.delay.ms", "0"), ("num.partitions", "2")];
        let settings = dolmen_kafka_net::Settings::new(&settings).unwrap();
        let data = dir.path().join("broker");
        std::fs::create_dir(&data).unwrap();
        let broker = runtime.block_on(Broker::start_with(&data, settings, "127.0.0.1:0")).unwrap();
        let address = broker.address().to_string();
        Served { runtime, broker: Some(broker), address, dir }
    }

    pub fn dir(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self, name: &str, topics: &[&str]) -> Config {
        Config {
            bootstrap: self.address.clone(),
            group: name.into(),
            topics: topics.iter().map(|topic| (*topic).into()).collect(),
            transactional_id: name.into(),
            transaction_timeout_ms: 20_000,
            settings: vec![("session.timeout.ms".into(), "6000".into())],
        }
    }

    /// How many committed records a topic has.
    pub fn count(&self, topic: &str) -> u64 {
        self.committed(topic).iter().map(|records| records.len() as u64).sum()
    }

    /// Every committed record of a topic, partition by partition.
    pub fn committed(&self, topic: &str) -> Vec<Vec<(Option<String>, Option<String>)>> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .set("group.id", "judge")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(60)).unwrap();
        let count = metadata.topics()[0].partitions().len();
        let mut list = TopicPartitionList::new();
        for partition in 0..count {
            list.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut out = vec![Vec::new(); count];
        let (mut ends, mut heard) = (0, Instant::now());
        while ends < count {
            assert!(heard.elapsed() < Duration::from_secs(60), "the end of {topic} is not reached");
            let polled = consumer.poll(Duration::from_millis(100));
            if polled.is_some() {
                heard = Instant::now();
            }
            match polled {
                Some(Ok(record)) => {
                    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8(b.to_vec()).unwrap());
                    out[record.partition() as usize].push((text(record.key()), text(record.payload())));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ends += 1,
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
        out
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.runtime.block_on(broker.stop()).unwrap();
        }
    }
}

pub fn pipeline(records_max: u32) -> Pipeline {
    let settings = Settings {
        records_max,
        linger: Duration::from_millis(5),
        idle_exit: Some(Duration::from_millis(700)),
        ..Settings::default()
    };
    Pipeline { settings, dead_letter: None }
}

pub fn record(topic: &str, key: &str, value: &str) -> Outgoing {
    Outgoing {
        topic: topic.into(),
        key: Some(key.into()),
        value: Some(value.into()),
        timestamp_ms: 1_700_000_000_000,
        ..Outgoing::default()
    }
}

/// Each key's numbers, in the order of its partition.
pub fn by_key(
    partitions: Vec<Vec<(Option<String>, Option<String>)>>,
) -> std::collections::BTreeMap<String, Vec<u64>> {
    let mut out = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for (key, value) in partitions.into_iter().flatten() {
        out.entry(key.unwrap()).or_default().push(value.unwrap().parse().unwrap());
    }
    out
}
