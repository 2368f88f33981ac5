//! librdkafka: the client of most programs that are not on the JVM, for any cluster.
//!
//! It speaks the older transaction protocol (before KIP-890) in every release so far, and its transaction calls block: [`Pipe`] lives in the
//! runner's thread, [`producer::Producer`] has one of its own.

mod consumer;
mod fault;
mod pipe;
pub mod producer;
mod writer;

pub use consumer::Reader;
pub use fault::{fault_of, fault_of_code};
pub use pipe::Pipe;
pub use writer::Writer;

use rdkafka::ClientConfig;

use crate::error::Error;

/// Where the cluster is and who we are there.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Brokers, as HOST:PORT, separated by commas.
    pub bootstrap: String,
    /// The group that reads.
    pub group: String,
    /// The topics that are read.
    pub topics: Vec<String>,
    /// The producer's transactional id.
    pub transactional_id: String,
    /// After how long the broker ends a transaction by itself, in milliseconds.
    pub transaction_timeout_ms: u32,
    /// Any other setting, by librdkafka's names, for both ends: `security.protocol`, `compression.type`, `session.timeout.ms` ..
    pub settings: Vec<(String, String)>,
}

/// What the runner depends on and nobody may change.
const FIXED: [&str; 8] = [
    "bootstrap.servers",
    "group.id",
    "transactional.id",
    "enable.auto.commit",
    "isolation.level",
    "enable.idempotence",
    "transaction.timeout.ms",
    "enable.partition.eof",
];
/// Settings of consumers that a producer would complain of, and the other way round, begin so or are these.
const OF_CONSUMERS: [&str; 14] = [
    "auto.offset.reset",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "group.instance.id",
    "group.protocol",
    "partition.assignment.strategy",
    "fetch.",
    "max.partition.fetch.bytes",
    "queued.",
    "check.crcs",
    "auto.commit.",
    "coordinator.query.interval.ms",
    "group.remote.assignor",
];
const OF_PRODUCERS: [&str; 15] = [
    "compression.",
    "linger.ms",
    "queue.buffering.",
    "batch.",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "request.timeout.ms",
    "request.required.acks",
    "acks",
    "partitioner",
    "retries",
    "message.send.max.retries",
    "retry.backoff.",
    "sticky.partitioning.",
    "max.in.flight",
];

fn is_of(list: &[&str], name: &str) -> bool {
    list.iter().any(|entry| name == *entry || (entry.ends_with('.') && name.starts_with(entry)))
        || (list.contains(&"max.in.flight") && name.starts_with("max.in.flight"))
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value) in &self.settings {
            if FIXED.contains(&name.as_str()) {
                return Err(Error::fatal(format!("{name} follows from the pipeline and cannot be set")));
            }
            let is_incremental = (name == "group.protocol" && value != "classic")
                || (name == "partition.assignment.strategy" && value.contains("cooperative"));
            if is_incremental {
                return Err(Error::fatal(format!(
                    "{name}={value}: the runner takes whole assignments, so the group's protocol is classic and its strategy range or roundrobin"
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn reader(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "range,roundrobin")
            .set("reconnect.backoff.max.ms", "1000");
        for (name, value) in self.settings.iter().filter(|(name, _)| !is_of(&OF_PRODUCERS, name)) {
            config.set(name, value);
        }
        config
    }

    pub(crate) fn writer(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        let timeout_ms = self.transaction_timeout_ms.max(1_000);
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("transactional.id", &self.transactional_id)
            .set("transaction.timeout.ms", timeout_ms.to_string())
            // A batch that is not acknowledged by then belongs to a transaction that is over.
            .set("message.timeout.ms", timeout_ms.to_string())
            .set("enable.idempotence", "true")
            // The partition of a key is the one that Java's client writes to.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("reconnect.backoff.max.ms", "1000");
        for (name, value) in self.settings.iter().filter(|(name, _)| !is_of(&OF_CONSUMERS, name)) {
            config.set(name, value);
        }
        config
    }
}
