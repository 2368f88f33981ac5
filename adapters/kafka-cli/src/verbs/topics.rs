//! `dolmen kafka topics`.

use anyhow::{Context, Result};
use dolmen_cli::{Out, Status};
use dolmen_kafka::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use dolmen_kafka::messages::delete_topics_request::DeleteTopicState;
use dolmen_kafka::messages::describe_configs_request::DescribeConfigsResource;
use dolmen_kafka::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse,
};
use dolmen_kafka::topics::id_text;
use dolmen_kafka::wire::Message;
use serde_json::{Map, Value, json};

use super::Of;
use crate::client::consumer::{EARLIEST, LATEST, offset_for};
use crate::client::{Cluster, To, check};

#[derive(clap::Subcommand)]
pub enum Topics {
    /// Every topic with its partitions
    List {
        /// Kafka's own topics as well
        #[arg(long)]
        internal: bool,
    },
    /// Make a topic
    #[command(
        after_help = "Example:\n  dolmen kafka topics create orders --partitions 4 --config retention.ms=86400000"
    )]
    Create {
        name: String,
        /// How many partitions; -1 for the broker's default
        #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
        partitions: i32,
        /// How many replicas; -1 for the broker's default
        #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
        replication: i16,
        /// A setting, as NAME=VALUE
        #[arg(long = "config", value_parser = crate::pair)]
        configs: Vec<(String, String)>,
    },
    /// Delete topics, with all that is in them
    Delete {
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// A topic's partitions, offsets and settings
    Describe { name: String },
}

/// Runs it.
///
/// # Errors
///
/// If the broker refuses.
pub fn run(Of { at, verb }: Of<Topics>, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&at.bootstrap)?;
    match verb {
        Topics::List { internal } => list(&mut cluster, internal, out)?,
        Topics::Create { name, partitions, replication, configs } => {
            create(&mut cluster, &name, partitions, replication, &configs)?;
        }
        Topics::Delete { names } => {
            names.iter().try_for_each(|name| delete(&mut cluster, name))?;
        }
        Topics::Describe { name } => describe(&mut cluster, &name, out)?,
    }
    Ok(Status::Success)
}

fn list(cluster: &mut Cluster, internal: bool, out: &mut Out) -> Result<()> {
    cluster.refresh(None, false)?;
    for (name, info) in cluster.topics() {
        if info.is_internal && !internal {
            continue;
        }
        if out.is_json() {
            let id = id_text(info.id);
            out.object(&json!({ "topic": name, "id": id, "partitions": info.leaders.len(), "internal": info.is_internal }))?;
        } else {
            out.line(format_args!("{name}  partitions {}", info.leaders.len()))?;
        }
    }
    Ok(())
}

/// Makes a topic.
///
/// # Errors
///
/// If the broker refuses.
pub fn create(
    cluster: &mut Cluster,
    name: &str,
    partitions: i32,
    replication: i16,
    configs: &[(String, String)],
) -> Result<()> {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name,
        value: Some(value),
        ..CreatableTopicConfig::default()
    });
    let topics = [CreatableTopic {
        name,
        num_partitions: partitions,
        replication_factor: replication,
        configs: configs.collect(),
        ..CreatableTopic::default()
    }];
    let request = CreateTopicsRequest {
        topics: (&topics[..]).into(),
        timeout_ms: 30_000,
        ..CreateTopicsRequest::default()
    };
    let (body, version) = cluster.call(To::Any, &request, (4, 7))?;
    let response = CreateTopicsResponse::decode(&body, version)?;
    let result = response.topics.first().context("the broker tells nothing of the topic")?;
    check(result.error_code, format!("topic {name}"))
}

fn delete(cluster: &mut Cluster, name: &str) -> Result<()> {
    let names = [name];
    let topics = [DeleteTopicState { name: Some(name), ..DeleteTopicState::default() }];
    let mut request = DeleteTopicsRequest { timeout_ms: 30_000, ..DeleteTopicsRequest::default() };
    if cluster.version::<DeleteTopicsRequest<'_>>(To::Any, 1, 6)? >= 6 {
        request.topics = (&topics[..]).into();
    } else {
        request.topic_names = (&names[..]).into();
    }
    let (body, version) = cluster.call(To::Any, &request, (1, 6))?;
    let response = DeleteTopicsResponse::decode(&body, version)?;
    let result = response.responses.first().context("the broker tells nothing of the topic")?;
    check(result.error_code, format!("topic {name}"))
}

fn describe(cluster: &mut Cluster, name: &str, out: &mut Out) -> Result<()> {
    let info = cluster.topic(name, false)?;
    let resources = [DescribeConfigsResource {
        resource_type: 2,
        resource_name: name,
        configuration_keys: None,
        ..DescribeConfigsResource::default()
    }];
    let request =
        DescribeConfigsRequest { resources: (&resources[..]).into(), ..DescribeConfigsRequest::default() };
    let (body, version) = cluster.call(To::Any, &request, (1, 4))?;
    let response = DescribeConfigsResponse::decode(&body, version)?;
    let result = response.results.first().context("the broker tells nothing of the topic's settings")?;
    check(result.error_code, format!("settings of {name}"))?;
    // 5: the default.
    let given = result.configs.iter().filter(|config| config.config_source != 5);
    let configs: Map<String, Value> = given.map(|config| (config.name.into(), json!(config.value))).collect();
    let mut partitions = Vec::new();
    for (partition, leader) in &info.leaders {
        let start = offset_for(cluster, name, *partition, EARLIEST, false)?;
        let end = offset_for(cluster, name, *partition, LATEST, false)?;
        let stable = offset_for(cluster, name, *partition, LATEST, true)?;
        partitions.push(json!({ "partition": partition, "leader": leader, "start": start, "end": end, "last_stable": stable }));
    }
    let id = id_text(info.id);
    if out.is_json() {
        out.object(&json!({ "topic": name, "id": id, "configs": configs, "partitions": partitions }))?;
        return Ok(());
    }
    out.line(format_args!("{name}  id {id}"))?;
    for (name, value) in &configs {
        out.line(format_args!("  {name}={}", value.as_str().unwrap_or_default()))?;
    }
    for partition in &partitions {
        out.line(format_args!(
            "  partition {}  leader {}  offsets {}..{}  last stable {}",
            partition["partition"],
            partition["leader"],
            partition["start"],
            partition["end"],
            partition["last_stable"]
        ))?;
    }
    Ok(())
}
