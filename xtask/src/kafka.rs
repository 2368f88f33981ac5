//! `cargo xtask kafka-messages [DIR]`: Rust types from Kafka's message schemas, into `core/kafka/src/messages`.
//!
//! The schemas are the JSON files inside Kafka's jars; they are not part of this repository. What is taken from them are names,
//! types, versions, tags and defaults.

mod emit;
mod schema;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;
use schema::Schema;

/// Requests and responses that the broker and the command line speak.
const APIS: &[&str] = &[
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "InitProducerId",
    "OffsetForLeaderEpoch",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeAcls",
    "CreateAcls",
    "DeleteAcls",
    "DescribeConfigs",
    "AlterConfigs",
    "SaslAuthenticate",
    "CreatePartitions",
    "DeleteGroups",
    "IncrementalAlterConfigs",
    "OffsetDelete",
    "DescribeCluster",
    "DescribeProducers",
    "DescribeTransactions",
    "ListTransactions",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "DescribeTopicPartitions",
    "ElectLeaders",
    "DescribeLogDirs",
    "AlterReplicaLogDirs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "ListConfigResources",
    "DescribeUserScramCredentials",
    "AlterUserScramCredentials",
    "DescribeQuorum",
    "DescribeClientQuotas",
];

/// What stands in records of internal topics and of the metadata log, in producer snapshots and inside group messages.
const RECORDS: &[&str] = &[
    "TransactionLogKey",
    "TransactionLogValue",
    "OffsetCommitKey",
    "OffsetCommitValue",
    "GroupMetadataKey",
    "GroupMetadataValue",
    "ConsumerGroupMetadataKey",
    "ConsumerGroupMetadataValue",
    "ConsumerGroupMemberMetadataKey",
    "ConsumerGroupMemberMetadataValue",
    "ConsumerGroupTargetAssignmentMetadataKey",
    "ConsumerGroupTargetAssignmentMetadataValue",
    "ConsumerGroupTargetAssignmentMemberKey",
    "ConsumerGroupTargetAssignmentMemberValue",
    "ConsumerGroupCurrentMemberAssignmentKey",
    "ConsumerGroupCurrentMemberAssignmentValue",
    "ConsumerGroupRegularExpressionKey",
    "ConsumerGroupRegularExpressionValue",
    "ConsumerProtocolSubscription",
    "ConsumerProtocolAssignment",
    "ProducerSnapshot",
    "EndTxnMarker",
    "AbortedTxn",
    "TopicRecord",
    "PartitionRecord",
    "ConfigRecord",
    "RemoveTopicRecord",
    "FeatureLevelRecord",
    "ProducerIdsRecord",
    "AccessControlEntryRecord",
    "RemoveAccessControlEntryRecord",
    "UserScramCredentialRecord",
    "RemoveUserScramCredentialRecord",
];

/// Writes the modules. The one argument is the folder with the schemas.
pub fn messages(args: &[String]) -> Result<()> {
    let schemas = match args {
        [dir] => PathBuf::from(dir),
        [] => find_schemas()?,
        _ => bail!("kafka-messages takes one folder with Kafka's message schemas"),
    };
    let out = shell::root().join("core/kafka/src/messages");
    std::fs::create_dir_all(&out)?;
    let mut read = Vec::new();
    for name in APIS.iter().flat_map(|api| [format!("{api}Request"), format!("{api}Response")]) {
        read.push(load(&schemas, &name)?);
    }
    let apis = read.len();
    for name in RECORDS {
        read.push(load(&schemas, name)?);
    }
    let mut paths = Vec::new();
    for schema in &read {
        let path = out.join(format!("{}.rs", emit::snake(&schema.name)));
        std::fs::write(&path, emit::module(schema))?;
        paths.push(path);
    }
    let index = out.join("mod.rs");
    std::fs::write(&index, emit::index(&read, apis))?;
    paths.push(index);
    let mut format = shell::command("rustfmt", &["--edition", "2024"]);
    format.args(&paths);
    shell::run(format)?;
    println!("{} modules", paths.len());
    Ok(())
}

/// The test data folder beside the repository, if there is one.
fn find_schemas() -> Result<PathBuf> {
    let root = shell::root();
    root.ancestors()
        .map(|dir| dir.join("shared/data/kafka/schemas/4.4.0"))
        .find(|dir| dir.is_dir())
        .context("give the folder with Kafka's message schemas (kafka-clients' jar has it as common/message)")
}

fn load(dir: &Path, name: &str) -> Result<Schema> {
    let path = dir.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    schema::parse(&text).with_context(|| path.display().to_string())
}
