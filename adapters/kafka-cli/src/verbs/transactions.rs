//! `dolmen kafka transactions`.

use anyhow::{Context, Result, bail};
use dolmen_cli::{Out, Status};
use dolmen_kafka::messages::describe_producers_request::TopicRequest;
use dolmen_kafka::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use dolmen_kafka::messages::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};
use dolmen_kafka::wire::Message;
use serde_json::json;

use super::{Of, now_ms};
use crate::client::producer::{Options, Producer};
use crate::client::{Cluster, To, check};

#[derive(clap::Subcommand)]
pub enum Transactions {
    /// Every transactional id with its state
    List {
        /// Only those in this state, such as Ongoing
        #[arg(long)]
        state: Vec<String>,
    },
    /// One transactional id: its producer, since when a transaction is open, where it writes
    Describe { transactional_id: String },
    /// End an open transaction without its records
    ///
    /// By its transactional id: its producer is shut out. Or by a partition and where it begins there: for one that hangs, that no coordinator knows.
    #[command(
        after_help = "Examples:\n  dolmen kafka transactions abort payments\n  dolmen kafka transactions abort --topic orders --partition 0 --start-offset 1234"
    )]
    Abort {
        #[arg(required_unless_present = "topic", conflicts_with = "topic")]
        transactional_id: Option<String>,
        #[arg(long, requires = "start_offset")]
        topic: Option<String>,
        #[arg(long, default_value_t = 0)]
        partition: i32,
        /// The first offset of the transaction, as `doctor` tells it
        #[arg(long)]
        start_offset: Option<i64>,
    },
}

/// Runs it.
///
/// # Errors
///
/// If the broker refuses.
pub fn run(Of { at, verb }: Of<Transactions>, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&at.bootstrap)?;
    match verb {
        Transactions::List { state } => list(&mut cluster, &state, out)?,
        Transactions::Describe { transactional_id } => {
            describe(&mut cluster, &transactional_id, out)?;
        }
        Transactions::Abort { transactional_id, topic, partition, start_offset } => {
            match (transactional_id, topic, start_offset) {
                (Some(id), ..) => {
                    // Whoever opens the id ends what is open under it.
                    Producer::open(
                        &mut cluster,
                        Options { transactional_id: Some(id), ..Options::default() },
                    )?;
                }
                (None, Some(topic), Some(start)) => abort_hanging(&mut cluster, &topic, partition, start)?,
                _ => bail!("expected a transactional id, or --topic and --start-offset"),
            }
        }
    }
    Ok(Status::Success)
}

fn list(cluster: &mut Cluster, states: &[String], out: &mut Out) -> Result<()> {
    let request = ListTransactionsRequest {
        state_filters: states.iter().map(String::as_str).collect(),
        ..ListTransactionsRequest::default()
    };
    let (body, version) = cluster.call(To::Any, &request, (0, 1))?;
    let response = ListTransactionsResponse::decode(&body, version)?;
    check(response.error_code, "transactions")?;
    for entry in &response.transaction_states {
        if out.is_json() {
            out.object(&json!({
                "transactional_id": entry.transactional_id, "producer_id": entry.producer_id, "state": entry.transaction_state,
            }))?;
        } else {
            out.line(format_args!(
                "{}  producer {}  {}",
                entry.transactional_id, entry.producer_id, entry.transaction_state
            ))?;
        }
    }
    Ok(())
}

fn describe(cluster: &mut Cluster, id: &str, out: &mut Out) -> Result<()> {
    let ids = [id];
    let request = DescribeTransactionsRequest {
        transactional_ids: (&ids[..]).into(),
        ..DescribeTransactionsRequest::default()
    };
    let (body, version) = cluster.call(To::Transaction(id), &request, (0, 0))?;
    let response = DescribeTransactionsResponse::decode(&body, version)?;
    let found = response.transaction_states.first().context("the broker tells nothing of the id")?;
    check(found.error_code, format!("transactional id {id}"))?;
    let topics = found.topics.iter().map(
        |topic| json!({ "topic": topic.topic, "partitions": topic.partitions.iter().collect::<Vec<i32>>() }),
    );
    let topics: Vec<_> = topics.collect();
    let since = found.transaction_start_time_ms;
    if out.is_json() {
        out.object(&json!({
            "transactional_id": id, "state": found.transaction_state, "producer_id": found.producer_id, "producer_epoch": found.producer_epoch,
            "timeout_ms": found.transaction_timeout_ms, "start_ms": (since >= 0).then_some(since), "topics": topics,
        }))?;
        return Ok(());
    }
    out.line(format_args!(
        "{id}  {}  producer {} epoch {}  time-out {} ms",
        found.transaction_state, found.producer_id, found.producer_epoch, found.transaction_timeout_ms
    ))?;
    if since >= 0 && found.transaction_state == "Ongoing" {
        out.line(format_args!("  open for {} ms", (now_ms() - since).max(0)))?;
    }
    for topic in &topics {
        out.line(format_args!("  {} {}", topic["topic"].as_str().unwrap_or_default(), topic["partitions"]))?;
    }
    Ok(())
}

/// A transaction that is open in a partition and that no coordinator will end: an ABORT marker is written there.
fn abort_hanging(cluster: &mut Cluster, topic: &str, partition: i32, start_offset: i64) -> Result<()> {
    let partitions = [partition];
    let topics = [TopicRequest {
        name: topic,
        partition_indexes: (&partitions[..]).into(),
        ..TopicRequest::default()
    }];
    let request =
        DescribeProducersRequest { topics: (&topics[..]).into(), ..DescribeProducersRequest::default() };
    let leader = To::Broker(cluster.leader(topic, partition)?);
    let (body, version) = cluster.call(leader, &request, (0, 0))?;
    let response = DescribeProducersResponse::decode(&body, version)?;
    let found = response.topics.first().and_then(|topic| topic.partitions.first());
    let found = found.context("the broker tells nothing of the partition")?;
    check(found.error_code, format!("{topic}-{partition}"))?;
    let mut producers = found.active_producers.iter();
    let producer =
        producers.find(|producer| producer.current_txn_start_offset == start_offset).with_context(|| {
            format!("{topic}-{partition} has no open transaction that begins at {start_offset}")
        })?;
    let topics = [WritableTxnMarkerTopic {
        name: topic,
        partition_indexes: (&partitions[..]).into(),
        ..WritableTxnMarkerTopic::default()
    }];
    let markers = [WritableTxnMarker {
        producer_id: producer.producer_id,
        producer_epoch: i16::try_from(producer.producer_epoch).context("an epoch that no marker can hold")?,
        transaction_result: false,
        topics: (&topics[..]).into(),
        coordinator_epoch: producer.coordinator_epoch.max(0),
        ..WritableTxnMarker::default()
    }];
    let request =
        WriteTxnMarkersRequest { markers: (&markers[..]).into(), ..WriteTxnMarkersRequest::default() };
    let (body, version) = cluster.call(leader, &request, (1, 1))?;
    let response = WriteTxnMarkersResponse::decode(&body, version)?;
    for marker in &response.markers {
        for topic in &marker.topics {
            for result in &topic.partitions {
                check(
                    result.error_code,
                    format!("ending the transaction in {}-{}", topic.name, result.partition_index),
                )?;
            }
        }
    }
    Ok(())
}
