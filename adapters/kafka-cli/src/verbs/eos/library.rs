//! A pipeline on librdkafka, where it is built in.

use anyhow::Result;
use dolmen_kafka::eos::Metrics;
use dolmen_kafka_rdkafka::{Error, Stop};

use super::Pipeline;
use super::transform::Running;

/// Runs it.
///
/// # Errors
///
/// If a setting cannot be given, or librdkafka is not built in.
#[cfg(feature = "rdkafka")]
pub fn drive_library(
    running: Running,
    pipeline: &Pipeline,
    stop: &Stop,
) -> Result<(Metrics, Result<Metrics, Error>)> {
    use dolmen_kafka_rdkafka::rd::{Config, Pipe};

    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let settings = pipeline.librdkafka.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let mut pipe = Pipe::new(Config {
        bootstrap: pipeline.bootstrap.clone(),
        group: pipeline.group.clone(),
        topics: pipeline.input.clone(),
        transactional_id: pipeline.transactional_id.clone(),
        transaction_timeout_ms: pipeline.transaction_timeout_ms,
        settings,
    })?;
    Ok(super::drive(&mut pipe, running, pipeline, stop))
}

/// Says that it is not there.
///
/// # Errors
///
/// Always.
#[cfg(not(feature = "rdkafka"))]
pub fn drive_library(_: Running, _: &Pipeline, _: &Stop) -> Result<(Metrics, Result<Metrics, Error>)> {
    anyhow::bail!("librdkafka is not built in: build with --features rdkafka, or leave client out")
}
