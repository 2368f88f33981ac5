//! `dolmen kafka eos`: reads, transforms, writes; every record once, whatever fails.
//!
//! The runner and its decisions are those of `dolmen-kafka-rdkafka` and `dolmen_kafka::eos`; here are the pipeline's file, the transformations, and the two clients
//! that a pipeline can run on: our own ([`own`]), and librdkafka where it is built in ([`library`]).

mod library;
mod own;
mod transform;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dolmen_cli::{Out, Status};
use dolmen_kafka::eos::{Metrics, Settings};
use dolmen_kafka_rdkafka::{Client, Error, Incoming, Outgoing, Pipeline as Plan, Stop};
use serde::Deserialize;
use serde_json::json;

use self::transform::{Running, Transform};
use super::stop_flag;

/// A pipeline, as its TOML file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// A broker, as HOST:PORT; for librdkafka there may be several, separated by commas.
    bootstrap: String,
    /// The group that reads.
    group: String,
    /// Topics that are read.
    input: Vec<String>,
    /// The topic that is written.
    output: String,
    /// Where records go that cannot be transformed; without one such a record stops the pipeline.
    dead_letter: Option<String>,
    /// The producer's transactional id; one per running pipeline.
    transactional_id: String,
    /// What is done with each record.
    #[serde(default)]
    transform: Transform,
    /// A transaction is committed after so many records.
    #[serde(default = "default_records")]
    records: u32,
    /// And after so many milliseconds.
    #[serde(default = "default_interval")]
    interval_ms: u64,
    /// And after so many bytes.
    #[serde(default = "default_bytes")]
    bytes: u64,
    /// How often a record is tried.
    #[serde(default = "default_attempts")]
    attempts: u32,
    /// After how long the broker ends a transaction by itself.
    #[serde(default = "default_timeout")]
    transaction_timeout_ms: u32,
    /// How long nothing may work before the pipeline gives up.
    #[serde(default = "default_patience")]
    patience_ms: u64,
    /// Stop when nothing has come for so many milliseconds of partitions that the pipeline owns.
    idle_exit_ms: Option<u64>,
    /// What speaks to the broker.
    #[serde(default)]
    client: Which,
    /// Settings of librdkafka, by its names.
    #[serde(default)]
    librdkafka: BTreeMap<String, toml::Value>,
}

/// What speaks to the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Which {
    /// The client of our own: both transaction protocols, groups of KIP-848, no TLS.
    #[default]
    Dolmen,
    /// librdkafka: any cluster, classic groups.
    Librdkafka,
}

const fn default_records() -> u32 {
    500
}

const fn default_interval() -> u64 {
    200
}

const fn default_bytes() -> u64 {
    8 << 20
}

const fn default_attempts() -> u32 {
    3
}

const fn default_timeout() -> u32 {
    60_000
}

const fn default_patience() -> u64 {
    300_000
}

impl Pipeline {
    fn plan(&self) -> Plan {
        let settings = Settings {
            records_max: self.records,
            bytes_max: self.bytes,
            linger: Duration::from_millis(self.interval_ms),
            attempts_max: self.attempts,
            transaction_timeout: Duration::from_millis(self.transaction_timeout_ms.into()),
            patience: Duration::from_millis(self.patience_ms),
            idle_exit: self.idle_exit_ms.map(Duration::from_millis),
            ..Settings::default()
        };
        Plan { settings, dead_letter: self.dead_letter.clone() }
    }
}

/// Runs a pipeline until it is stopped.
///
/// # Errors
///
/// If the file cannot be read or says what is not understood, or the broker refuses for good.
pub fn run(file: &Path, out: &mut Out) -> Result<Status> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut pipeline: Pipeline = toml::from_str(&text).with_context(|| file.display().to_string())?;
    ensure!(!pipeline.input.is_empty(), "input names no topic");
    ensure!(
        pipeline.client == Which::Librdkafka || pipeline.librdkafka.is_empty(),
        "librdkafka's settings are given, and client = \"librdkafka\" is not"
    );
    let stop = Stop::from(stop_flag()?);
    let running = Running::new(std::mem::take(&mut pipeline.transform));
    let (metrics, result) = match pipeline.client {
        Which::Dolmen => drive(&mut own::Own::new(&pipeline), running, &pipeline, &stop),
        Which::Librdkafka => library::drive_library(running, &pipeline, &stop)?,
    };
    report(metrics, out)?;
    result.map(|_| Status::Success).map_err(anyhow::Error::new)
}

/// Runs it on a client: what was done, and why it ended if it should not have.
fn drive<C: Client>(
    client: &mut C,
    mut running: Running,
    pipeline: &Pipeline,
    stop: &Stop,
) -> (Metrics, Result<Metrics, Error>) {
    let output = pipeline.output.clone();
    let mut transform = |record: &Incoming| {
        // A tombstone goes on as one.
        let value = match &record.value {
            None => None,
            Some(value) => match running.apply(value).map_err(|error| format!("{error:#}"))? {
                None => return Ok(Vec::new()),
                some => some,
            },
        };
        Ok(vec![Outgoing {
            topic: output.clone(),
            partition: None,
            key: record.key.clone(),
            value,
            headers: record.headers.clone(),
            timestamp_ms: record.timestamp_ms,
        }])
    };
    let mut metrics = Metrics::default();
    let result =
        dolmen_kafka_rdkafka::run(client, &mut transform, &pipeline.plan(), stop, |now| metrics = now);
    (metrics, result)
}

fn report(metrics: Metrics, out: &mut Out) -> std::io::Result<()> {
    let Metrics {
        read,
        written,
        left_out,
        dead_letters,
        commits,
        aborts,
        rebalances,
        reopens,
        faults,
        repeated,
    } = metrics;
    if out.is_json() {
        return out.object(&json!({
            "read": read, "written": written, "left_out": left_out, "dead_letters": dead_letters, "commits": commits,
            "aborts": aborts, "rebalances": rebalances, "reopens": reopens, "faults": faults, "repeated": repeated,
        }));
    }
    out.line(format_args!(
        "{read} read, {written} written, {left_out} left out, {dead_letters} dead letters, {commits} commits, {aborts} aborts, {rebalances} rebalances, {faults} errors"
    ))
}
