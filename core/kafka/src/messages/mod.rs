//! Kafka's protocol messages and the records of its internal topics, as types. Written by `cargo xtask kafka-messages` from
//! the schemas of Apache Kafka 4.4.0.

use crate::wire::Api;

pub mod aborted_txn;
pub mod access_control_entry_record;
pub mod add_offsets_to_txn_request;
pub mod add_offsets_to_txn_response;
pub mod add_partitions_to_txn_request;
pub mod add_partitions_to_txn_response;
pub mod alter_configs_request;
pub mod alter_configs_response;
pub mod alter_partition_reassignments_request;
pub mod alter_partition_reassignments_response;
pub mod alter_replica_log_dirs_request;
pub mod alter_replica_log_dirs_response;
pub mod alter_user_scram_credentials_request;
pub mod alter_user_scram_credentials_response;
pub mod api_versions_request;
pub mod api_versions_response;
pub mod config_record;
pub mod consumer_group_current_member_assignment_key;
pub mod consumer_group_current_member_assignment_value;
pub mod consumer_group_describe_request;
pub mod consumer_group_describe_response;
pub mod consumer_group_heartbeat_request;
pub mod consumer_group_heartbeat_response;
pub mod consumer_group_member_metadata_key;
pub mod consumer_group_member_metadata_value;
pub mod consumer_group_metadata_key;
pub mod consumer_group_metadata_value;
pub mod consumer_group_regular_expression_key;
pub mod consumer_group_regular_expression_value;
pub mod consumer_group_target_assignment_member_key;
pub mod consumer_group_target_assignment_member_value;
pub mod consumer_group_target_assignment_metadata_key;
pub mod consumer_group_target_assignment_metadata_value;
pub mod consumer_protocol_assignment;
pub mod consumer_protocol_subscription;
pub mod create_acls_request;
pub mod create_acls_response;
pub mod create_partitions_request;
pub mod create_partitions_response;
pub mod create_topics_request;
pub mod create_topics_response;
pub mod delete_acls_request;
pub mod delete_acls_response;
pub mod delete_groups_request;
pub mod delete_groups_response;
pub mod delete_records_request;
pub mod delete_records_response;
pub mod delete_topics_request;
pub mod delete_topics_response;
pub mod describe_acls_request;
pub mod describe_acls_response;
pub mod describe_client_quotas_request;
pub mod describe_client_quotas_response;
pub mod describe_cluster_request;
pub mod describe_cluster_response;
pub mod describe_configs_request;
pub mod describe_configs_response;
pub mod describe_groups_request;
pub mod describe_groups_response;
pub mod describe_log_dirs_request;
pub mod describe_log_dirs_response;
pub mod describe_producers_request;
pub mod describe_producers_response;
pub mod describe_quorum_request;
pub mod describe_quorum_response;
pub mod describe_topic_partitions_request;
pub mod describe_topic_partitions_response;
pub mod describe_transactions_request;
pub mod describe_transactions_response;
pub mod describe_user_scram_credentials_request;
pub mod describe_user_scram_credentials_response;
pub mod elect_leaders_request;
pub mod elect_leaders_response;
pub mod end_txn_marker;
pub mod end_txn_request;
pub mod end_txn_response;
pub mod feature_level_record;
pub mod fetch_request;
pub mod fetch_response;
pub mod find_coordinator_request;
pub mod find_coordinator_response;
pub mod group_metadata_key;
pub mod group_metadata_value;
pub mod heartbeat_request;
pub mod heartbeat_response;
pub mod incremental_alter_configs_request;
pub mod incremental_alter_configs_response;
pub mod init_producer_id_request;
pub mod init_producer_id_response;
pub mod join_group_request;
pub mod join_group_response;
pub mod leave_group_request;
pub mod leave_group_response;
pub mod list_config_resources_request;
pub mod list_config_resources_response;
pub mod list_groups_request;
pub mod list_groups_response;
pub mod list_offsets_request;
pub mod list_offsets_response;
pub mod list_partition_reassignments_request;
pub mod list_partition_reassignments_response;
pub mod list_transactions_request;
pub mod list_transactions_response;
pub mod metadata_request;
pub mod metadata_response;
pub mod offset_commit_key;
pub mod offset_commit_request;
pub mod offset_commit_response;
pub mod offset_commit_value;
pub mod offset_delete_request;
pub mod offset_delete_response;
pub mod offset_fetch_request;
pub mod offset_fetch_response;
pub mod offset_for_leader_epoch_request;
pub mod offset_for_leader_epoch_response;
pub mod partition_record;
pub mod produce_request;
pub mod produce_response;
pub mod producer_ids_record;
pub mod producer_snapshot;
pub mod remove_access_control_entry_record;
pub mod remove_topic_record;
pub mod remove_user_scram_credential_record;
pub mod sasl_authenticate_request;
pub mod sasl_authenticate_response;
pub mod sasl_handshake_request;
pub mod sasl_handshake_response;
pub mod sync_group_request;
pub mod sync_group_response;
pub mod topic_record;
pub mod transaction_log_key;
pub mod transaction_log_value;
pub mod txn_offset_commit_request;
pub mod txn_offset_commit_response;
pub mod user_scram_credential_record;
pub mod write_txn_markers_request;
pub mod write_txn_markers_response;
pub use aborted_txn::AbortedTxn;
pub use access_control_entry_record::AccessControlEntryRecord;
pub use add_offsets_to_txn_request::AddOffsetsToTxnRequest;
pub use add_offsets_to_txn_response::AddOffsetsToTxnResponse;
pub use add_partitions_to_txn_request::AddPartitionsToTxnRequest;
pub use add_partitions_to_txn_response::AddPartitionsToTxnResponse;
pub use alter_configs_request::AlterConfigsRequest;
pub use alter_configs_response::AlterConfigsResponse;
pub use alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
pub use alter_partition_reassignments_response::AlterPartitionReassignmentsResponse;
pub use alter_replica_log_dirs_request::AlterReplicaLogDirsRequest;
pub use alter_replica_log_dirs_response::AlterReplicaLogDirsResponse;
pub use alter_user_scram_credentials_request::AlterUserScramCredentialsRequest;
pub use alter_user_scram_credentials_response::AlterUserScramCredentialsResponse;
pub use api_versions_request::ApiVersionsRequest;
pub use api_versions_response::ApiVersionsResponse;
pub use config_record::ConfigRecord;
pub use consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey;
pub use consumer_group_current_member_assignment_value::ConsumerGroupCurrentMemberAssignmentValue;
pub use consumer_group_describe_request::ConsumerGroupDescribeRequest;
pub use consumer_group_describe_response::ConsumerGroupDescribeResponse;
pub use consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
pub use consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
pub use consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey;
pub use consumer_group_member_metadata_value::ConsumerGroupMemberMetadataValue;
pub use consumer_group_metadata_key::ConsumerGroupMetadataKey;
pub use consumer_group_metadata_value::ConsumerGroupMetadataValue;
pub use consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey;
pub use consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;
pub use consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey;
pub use consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue;
pub use consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey;
pub use consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue;
pub use consumer_protocol_assignment::ConsumerProtocolAssignment;
pub use consumer_protocol_subscription::ConsumerProtocolSubscription;
pub use create_acls_request::CreateAclsRequest;
pub use create_acls_response::CreateAclsResponse;
pub use create_partitions_request::CreatePartitionsRequest;
pub use create_partitions_response::CreatePartitionsResponse;
pub use create_topics_request::CreateTopicsRequest;
pub use create_topics_response::CreateTopicsResponse;
pub use delete_acls_request::DeleteAclsRequest;
pub use delete_acls_response::DeleteAclsResponse;
pub use delete_groups_request::DeleteGroupsRequest;
pub use delete_groups_response::DeleteGroupsResponse;
pub use delete_records_request::DeleteRecordsRequest;
pub use delete_records_response::DeleteRecordsResponse;
pub use delete_topics_request::DeleteTopicsRequest;
pub use delete_topics_response::DeleteTopicsResponse;
pub use describe_acls_request::DescribeAclsRequest;
pub use describe_acls_response::DescribeAclsResponse;
pub use describe_client_quotas_request::DescribeClientQuotasRequest;
pub use describe_client_quotas_response::DescribeClientQuotasResponse;
pub use describe_cluster_request::DescribeClusterRequest;
pub use describe_cluster_response::DescribeClusterResponse;
pub use describe_configs_request::DescribeConfigsRequest;
pub use describe_configs_response::DescribeConfigsResponse;
pub use describe_groups_request::DescribeGroupsRequest;
pub use describe_groups_response::DescribeGroupsResponse;
pub use describe_log_dirs_request::DescribeLogDirsRequest;
pub use describe_log_dirs_response::DescribeLogDirsResponse;
pub use describe_producers_request::DescribeProducersRequest;
pub use describe_producers_response::DescribeProducersResponse;
pub use describe_quorum_request::DescribeQuorumRequest;
pub use describe_quorum_response::DescribeQuorumResponse;
pub use describe_topic_partitions_request::DescribeTopicPartitionsRequest;
pub use describe_topic_partitions_response::DescribeTopicPartitionsResponse;
pub use describe_transactions_request::DescribeTransactionsRequest;
pub use describe_transactions_response::DescribeTransactionsResponse;
pub use describe_user_scram_credentials_request::DescribeUserScramCredentialsRequest;
pub use describe_user_scram_credentials_response::DescribeUserScramCredentialsResponse;
pub use elect_leaders_request::ElectLeadersRequest;
pub use elect_leaders_response::ElectLeadersResponse;
pub use end_txn_marker::EndTxnMarker;
pub use end_txn_request::EndTxnRequest;
pub use end_txn_response::EndTxnResponse;
pub use feature_level_record::FeatureLevelRecord;
pub use fetch_request::FetchRequest;
pub use fetch_response::FetchResponse;
pub use find_coordinator_request::FindCoordinatorRequest;
pub use find_coordinator_response::FindCoordinatorResponse;
pub use group_metadata_key::GroupMetadataKey;
pub use group_metadata_value::GroupMetadataValue;
pub use heartbeat_request::HeartbeatRequest;
pub use heartbeat_response::HeartbeatResponse;
pub use incremental_alter_configs_request::IncrementalAlterConfigsRequest;
pub use incremental_alter_configs_response::IncrementalAlterConfigsResponse;
pub use init_producer_id_request::InitProducerIdRequest;
pub use init_producer_id_response::InitProducerIdResponse;
pub use join_group_request::JoinGroupRequest;
pub use join_group_response::JoinGroupResponse;
pub use leave_group_request::LeaveGroupRequest;
pub use leave_group_response::LeaveGroupResponse;
pub use list_config_resources_request::ListConfigResourcesRequest;
pub use list_config_resources_response::ListConfigResourcesResponse;
pub use list_groups_request::ListGroupsRequest;
pub use list_groups_response::ListGroupsResponse;
pub use list_offsets_request::ListOffsetsRequest;
pub use list_offsets_response::ListOffsetsResponse;
pub use list_partition_reassignments_request::ListPartitionReassignmentsRequest;
pub use list_partition_reassignments_response::ListPartitionReassignmentsResponse;
pub use list_transactions_request::ListTransactionsRequest;
pub use list_transactions_response::ListTransactionsResponse;
pub use metadata_request::MetadataRequest;
pub use metadata_response::MetadataResponse;
pub use offset_commit_key::OffsetCommitKey;
pub use offset_commit_request::OffsetCommitRequest;
pub use offset_commit_response::OffsetCommitResponse;
pub use offset_commit_value::OffsetCommitValue;
pub use offset_delete_request::OffsetDeleteRequest;
pub use offset_delete_response::OffsetDeleteResponse;
pub use offset_fetch_request::OffsetFetchRequest;
pub use offset_fetch_response::OffsetFetchResponse;
pub use offset_for_leader_epoch_request::OffsetForLeaderEpochRequest;
pub use offset_for_leader_epoch_response::OffsetForLeaderEpochResponse;
pub use partition_record::PartitionRecord;
pub use produce_request::ProduceRequest;
pub use produce_response::ProduceResponse;
pub use producer_ids_record::ProducerIdsRecord;
pub use producer_snapshot::ProducerSnapshot;
pub use remove_access_control_entry_record::RemoveAccessControlEntryRecord;
pub use remove_topic_record::RemoveTopicRecord;
pub use remove_user_scram_credential_record::RemoveUserScramCredentialRecord;
pub use sasl_authenticate_request::SaslAuthenticateRequest;
pub use sasl_authenticate_response::SaslAuthenticateResponse;
pub use sasl_handshake_request::SaslHandshakeRequest;
pub use sasl_handshake_response::SaslHandshakeResponse;
pub use sync_group_request::SyncGroupRequest;
pub use sync_group_response::SyncGroupResponse;
pub use topic_record::TopicRecord;
pub use transaction_log_key::TransactionLogKey;
pub use transaction_log_value::TransactionLogValue;
pub use txn_offset_commit_request::TxnOffsetCommitRequest;
pub use txn_offset_commit_response::TxnOffsetCommitResponse;
pub use user_scram_credential_record::UserScramCredentialRecord;
pub use write_txn_markers_request::WriteTxnMarkersRequest;
pub use write_txn_markers_response::WriteTxnMarkersResponse;

/// Every API that is known here, by key.
pub const APIS: &[Api] = &[
    Api { key: 0, name: "Produce", low: 3, high: 13, flexible_from: 9 },
    Api { key: 1, name: "Fetch", low: 4, high: 18, flexible_from: 12 },
    Api { key: 2, name: "ListOffsets", low: 1, high: 11, flexible_from: 6 },
    Api { key: 3, name: "Metadata", low: 0, high: 13, flexible_from: 9 },
    Api { key: 8, name: "OffsetCommit", low: 2, high: 10, flexible_from: 8 },
    Api { key: 9, name: "OffsetFetch", low: 1, high: 10, flexible_from: 6 },
    Api { key: 10, name: "FindCoordinator", low: 0, high: 6, flexible_from: 3 },
    Api { key: 11, name: "JoinGroup", low: 0, high: 9, flexible_from: 6 },
    Api { key: 12, name: "Heartbeat", low: 0, high: 4, flexible_from: 4 },
    Api { key: 13, name: "LeaveGroup", low: 0, high: 5, flexible_from: 4 },
    Api { key: 14, name: "SyncGroup", low: 0, high: 5, flexible_from: 4 },
    Api { key: 15, name: "DescribeGroups", low: 0, high: 6, flexible_from: 5 },
    Api { key: 16, name: "ListGroups", low: 0, high: 5, flexible_from: 3 },
    Api { key: 17, name: "SaslHandshake", low: 0, high: 1, flexible_from: i16::MAX },
    Api { key: 18, name: "ApiVersions", low: 0, high: 5, flexible_from: 3 },
    Api { key: 19, name: "CreateTopics", low: 2, high: 7, flexible_from: 5 },
    Api { key: 20, name: "DeleteTopics", low: 1, high: 6, flexible_from: 4 },
    Api { key: 21, name: "DeleteRecords", low: 0, high: 2, flexible_from: 2 },
    Api { key: 22, name: "InitProducerId", low: 0, high: 6, flexible_from: 2 },
    Api { key: 23, name: "OffsetForLeaderEpoch", low: 2, high: 4, flexible_from: 4 },
    Api { key: 24, name: "AddPartitionsToTxn", low: 0, high: 5, flexible_from: 3 },
    Api { key: 25, name: "AddOffsetsToTxn", low: 0, high: 4, flexible_from: 3 },
    Api { key: 26, name: "EndTxn", low: 0, high: 5, flexible_from: 3 },
    Api { key: 27, name: "WriteTxnMarkers", low: 1, high: 2, flexible_from: 1 },
    Api { key: 28, name: "TxnOffsetCommit", low: 0, high: 6, flexible_from: 3 },
    Api { key: 29, name: "DescribeAcls", low: 1, high: 3, flexible_from: 2 },
    Api { key: 30, name: "CreateAcls", low: 1, high: 3, flexible_from: 2 },
    Api { key: 31, name: "DeleteAcls", low: 1, high: 3, flexible_from: 2 },
    Api { key: 32, name: "DescribeConfigs", low: 1, high: 4, flexible_from: 4 },
    Api { key: 33, name: "AlterConfigs", low: 0, high: 2, flexible_from: 2 },
    Api { key: 34, name: "AlterReplicaLogDirs", low: 1, high: 2, flexible_from: 2 },
    Api { key: 35, name: "DescribeLogDirs", low: 1, high: 5, flexible_from: 2 },
    Api { key: 36, name: "SaslAuthenticate", low: 0, high: 2, flexible_from: 2 },
    Api { key: 37, name: "CreatePartitions", low: 0, high: 3, flexible_from: 2 },
    Api { key: 42, name: "DeleteGroups", low: 0, high: 3, flexible_from: 2 },
    Api { key: 43, name: "ElectLeaders", low: 0, high: 2, flexible_from: 2 },
    Api { key: 44, name: "IncrementalAlterConfigs", low: 0, high: 1, flexible_from: 1 },
    Api { key: 45, name: "AlterPartitionReassignments", low: 0, high: 1, flexible_from: 0 },
    Api { key: 46, name: "ListPartitionReassignments", low: 0, high: 0, flexible_from: 0 },
    Api { key: 47, name: "OffsetDelete", low: 0, high: 0, flexible_from: i16::MAX },
    Api { key: 48, name: "DescribeClientQuotas", low: 0, high: 1, flexible_from: 1 },
    Api { key: 50, name: "DescribeUserScramCredentials", low: 0, high: 0, flexible_from: 0 },
    Api { key: 51, name: "AlterUserScramCredentials", low: 0, high: 0, flexible_from: 0 },
    Api { key: 55, name: "DescribeQuorum", low: 0, high: 2, flexible_from: 0 },
    Api { key: 60, name: "DescribeCluster", low: 0, high: 2, flexible_from: 0 },
    Api { key: 61, name: "DescribeProducers", low: 0, high: 0, flexible_from: 0 },
    Api { key: 65, name: "DescribeTransactions", low: 0, high: 0, flexible_from: 0 },
    Api { key: 66, name: "ListTransactions", low: 0, high: 2, flexible_from: 0 },
    Api { key: 68, name: "ConsumerGroupHeartbeat", low: 0, high: 1, flexible_from: 0 },
    Api { key: 69, name: "ConsumerGroupDescribe", low: 0, high: 1, flexible_from: 0 },
    Api { key: 74, name: "ListConfigResources", low: 0, high: 1, flexible_from: 0 },
    Api { key: 75, name: "DescribeTopicPartitions", low: 0, high: 0, flexible_from: 0 },
];
