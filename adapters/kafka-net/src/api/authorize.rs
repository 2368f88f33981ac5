//! The one gate: whether a request's client may do something with a resource.
//!
//! | request | needs | who may not is told |
//! |---|---|---|
//! | Produce | Write topic; Write transactional id, if a batch is transactional | 29 of the topic; 53 of all |
//! | Fetch | Read topic; of a follower ClusterAction | 29 |
//! | ListOffsets, OffsetForLeaderEpoch | Describe topic; the latter ClusterAction instead | 29 |
//! | Metadata, DescribeTopicPartitions | Describe topic; Create cluster or topic, to make one | 29 if asked by name or id, else nothing |
//! | OffsetCommit, TxnOffsetCommit | Read group, Read topic; Write transactional id | 30, 29, 53 |
//! | OffsetFetch | Describe group, Describe topic | 30, 29; of all topics those that may be described |
//! | OffsetDelete | Delete group, Read topic | 30, 29 |
//! | FindCoordinator | Describe group or transactional id | 30, 53 |
//! | JoinGroup, SyncGroup, Heartbeat, LeaveGroup | Read group | 30 |
//! | ConsumerGroupHeartbeat | Read group; Describe topics that are named | 30, 29 |
//! | DescribeGroups, ConsumerGroupDescribe | Describe group; the latter Describe its topics | 30, 29 |
//! | ListGroups | Describe cluster, or group | the groups that may be described |
//! | DeleteGroups | Delete group | 30 |
//! | CreateTopics | Create cluster or topic; DescribeConfigs topic, to be told its settings | 29 |
//! | DeleteTopics | Delete topic, and Describe topic to be told its name | 29 |
//! | DeleteRecords, CreatePartitions | Delete topic, Alter topic | 29 |
//! | InitProducerId | Write transactional id; without one IdempotentWrite cluster, or Write of any topic | 53, 31 |
//! | AddPartitionsToTxn | Write transactional id, Write topic; from version 4 on ClusterAction | 53, 29, 31 |
//! | AddOffsetsToTxn, EndTxn | Write transactional id; the former Read group | 53, 30 |
//! | WriteTxnMarkers | Alter cluster or ClusterAction | 31 |
//! | DescribeProducers | Read topic | 29 |
//! | DescribeTransactions, ListTransactions | Describe transactional id, Describe topic | 53 if asked by name, else nothing; no topics |
//! | DescribeConfigs, AlterConfigs, IncrementalAlterConfigs | DescribeConfigs or AlterConfigs of topic, group, or cluster for brokers | 29, 30, 31 |
//! | ListConfigResources, DescribeClientQuotas | DescribeConfigs cluster | 31 |
//! | DescribeAcls, DescribeLogDirs, ListPartitionReassignments, DescribeUserScramCredentials, DescribeQuorum | Describe cluster | 31 |
//! | CreateAcls, DeleteAcls, ElectLeaders, AlterReplicaLogDirs, AlterPartitionReassignments, AlterUserScramCredentials | Alter cluster | 31 |
//! | DescribeCluster | nothing; Describe cluster, to be told what one may do with it | no operations |
//!
//! Source: `KafkaApis`, `ControllerApis`, `AclApis` of Kafka 4.4.0.

use std::sync::Arc;

use dolmen_kafka::ErrorCode;
use dolmen_kafka::acl::{ANONYMOUS, Acls, CLUSTER, Host, Operation, Policy, ResourceType, Who};

use super::Call;
use crate::broker::State;

/// What a client may do, by the rules of this moment. Without an authorizer everything.
pub struct Gate {
    rules: Option<Rules>,
}

struct Rules {
    acls: Arc<Acls>,
    state: Arc<State>,
    principal: String,
    host: Host,
}

impl Rules {
    fn policy(&self) -> &Policy {
        self.state.settings.authorizer.as_ref().expect("there are rules only with an authorizer")
    }

    fn who(&self) -> Who<'_> {
        Who { principal: &self.principal, host: &self.host }
    }
}

impl Gate {
    /// For the client of a request.
    pub fn of(call: &Call) -> Gate {
        if call.state.settings.authorizer.is_none() {
            return Gate { rules: None };
        }
        let user = call.peer.session.lock().user().map(|user| format!("User:{user}"));
        let rules = Rules {
            acls: call.state.catalog.known().topics.acls().clone(),
            state: call.state.clone(),
            principal: user.unwrap_or_else(|| ANONYMOUS.to_owned()),
            host: Host::new(call.peer.remote.ip()),
        };
        Gate { rules: Some(rules) }
    }

    /// Who the client is; empty without an authorizer.
    pub fn principal(&self) -> &str {
        self.rules.as_ref().map_or("", |rules| &rules.principal)
    }

    /// Whether nothing is ever refused.
    pub const fn is_open(&self) -> bool {
        self.rules.is_none()
    }

    /// Whether the client may do this with the resource of this name.
    pub fn may(&self, operation: Operation, resource_type: ResourceType, name: &str) -> bool {
        self.rules.as_ref().is_none_or(|rules| {
            rules.acls.allows(rules.policy(), rules.who(), operation, resource_type, name)
        })
    }

    /// [`Gate::may`], and if not, what is told.
    ///
    /// # Errors
    /// [`ResourceType::refusal`].
    pub fn check(
        &self,
        operation: Operation,
        resource_type: ResourceType,
        name: &str,
    ) -> Result<(), ErrorCode> {
        if self.may(operation, resource_type, name) {
            return Ok(());
        }
        if let Some(Rules { principal, host, .. }) = &self.rules {
            let (operation, kind) = (operation.name(), resource_type.name());
            tracing::debug!(target: "kafka", "{principal} at {} may not {operation} {kind} {name:?}", host.as_str());
        }
        Err(resource_type.refusal())
    }

    /// [`Gate::check`] of a topic.
    ///
    /// # Errors
    /// [`ErrorCode::TOPIC_AUTHORIZATION_FAILED`].
    pub fn topic(&self, operation: Operation, name: &str) -> Result<(), ErrorCode> {
        self.check(operation, ResourceType::Topic, name)
    }

    /// [`Gate::check`] of the cluster.
    ///
    /// # Errors
    /// [`ErrorCode::CLUSTER_AUTHORIZATION_FAILED`].
    pub fn cluster(&self, operation: Operation) -> Result<(), ErrorCode> {
        self.check(operation, ResourceType::Cluster, CLUSTER)
    }

    /// Whether the client may do this with some resource of the type.
    pub fn may_some(&self, operation: Operation, resource_type: ResourceType) -> bool {
        self.rules
            .as_ref()
            .is_none_or(|rules| rules.acls.allows_some(rules.policy(), rules.who(), operation, resource_type))
    }

    /// What the client may do with a resource, as bits.
    pub fn operations(&self, resource_type: ResourceType, name: &str) -> i32 {
        self.rules.as_ref().map_or(resource_type.operation_bits(), |rules| {
            rules.acls.operations(rules.policy(), rules.who(), resource_type, name)
        })
    }

    /// What the client may do with the cluster, if it may know.
    pub fn cluster_operations(&self) -> i32 {
        match self.cluster(Operation::Describe) {
            Ok(()) => self.operations(ResourceType::Cluster, CLUSTER),
            Err(_) => 0,
        }
    }
}
