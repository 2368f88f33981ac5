//! Replication. Written from botocore's model of 2006-03-01, members in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{FilterTag, Status, StorageClass};
use crate::xml::{documents, enums, shapes};

shapes! {
    /// The shape `ReplicationConfiguration`.
    ReplicationConfiguration {
        role: String = "Role",
        rules: Vec<ReplicationRule> = "Rule",
    }
    /// The shape `ReplicationRule`.
    ReplicationRule {
        id: Option<String> = "ID",
        priority: Option<i32> = "Priority",
        prefix: Option<String> = "Prefix",
        filter: Option<ReplicationRuleFilter> = "Filter",
        status: Status = "Status",
        source_selection_criteria: Option<SourceSelectionCriteria> = "SourceSelectionCriteria",
        existing_object_replication: Option<ExistingObjectReplication> = "ExistingObjectReplication",
        destination: ReplicationDestination = "Destination",
        delete_marker_replication: Option<DeleteMarkerReplication> = "DeleteMarkerReplication",
    }
    /// The shape `ReplicationRuleFilter`.
    ReplicationRuleFilter {
        prefix: Option<String> = "Prefix",
        tag: Option<FilterTag> = "Tag",
        and: Option<ReplicationRuleAndOperator> = "And",
        not: Option<ReplicationRuleNotOperator> = "Not",
    }
    /// The shape `ReplicationRuleAndOperator`.
    ReplicationRuleAndOperator {
        prefix: Option<String> = "Prefix",
        tags: Vec<FilterTag> = "Tag",
        not: Option<ReplicationRuleNotOperator> = "Not",
    }
    /// The shape `ReplicationRuleNotOperator`.
    ReplicationRuleNotOperator {
        prefix: Option<String> = "Prefix",
        tag: Option<FilterTag> = "Tag",
        or: Option<ReplicationRuleOrOperator> = "Or",
    }
    /// The shape `ReplicationRuleOrOperator`.
    ReplicationRuleOrOperator {
        prefixes: Vec<String> = "Prefix",
        tags: Vec<FilterTag> = "Tag",
    }
    /// The shape `SourceSelectionCriteria`.
    SourceSelectionCriteria {
        sse_kms_encrypted_objects: Option<SseKmsEncryptedObjects> = "SseKmsEncryptedObjects",
        replica_modifications: Option<ReplicaModifications> = "ReplicaModifications",
    }
    /// The shape `SseKmsEncryptedObjects`.
    SseKmsEncryptedObjects {
        status: Status = "Status",
    }
    /// The shape `ReplicaModifications`.
    ReplicaModifications {
        status: Status = "Status",
    }
    /// The shape `ExistingObjectReplication`.
    ExistingObjectReplication {
        status: Status = "Status",
    }
    /// The shape `ReplicationDestination`.
    ReplicationDestination {
        bucket: String = "Bucket",
        account: Option<String> = "Account",
        storage_class: Option<StorageClass> = "StorageClass",
        access_control_translation: Option<AccessControlTranslation> = "AccessControlTranslation",
        encryption_configuration: Option<ReplicationEncryption> = "EncryptionConfiguration",
        replication_time: Option<ReplicationTime> = "ReplicationTime",
        metrics: Option<ReplicationMetrics> = "Metrics",
    }
    /// The shape `AccessControlTranslation`.
    AccessControlTranslation {
        owner: OwnerOverride = "Owner",
    }
    /// The shape `ReplicationEncryption`.
    ReplicationEncryption {
        replica_kms_key_id: Option<String> = "ReplicaKmsKeyID",
        use_source_multi_region_key: Option<UseSourceMultiRegionKey> = "UseSourceMultiRegionKey",
    }
    /// The shape `UseSourceMultiRegionKey`.
    UseSourceMultiRegionKey {
        status: Status = "Status",
    }
    /// The shape `ReplicationTime`.
    ReplicationTime {
        status: Status = "Status",
        time: ReplicationTimeValue = "Time",
    }
    /// The shape `ReplicationTimeValue`.
    ReplicationTimeValue {
        minutes: Option<i32> = "Minutes",
    }
    /// The shape `ReplicationMetrics`.
    ReplicationMetrics {
        status: Status = "Status",
        event_threshold: Option<ReplicationTimeValue> = "EventThreshold",
    }
    /// The shape `DeleteMarkerReplication`.
    DeleteMarkerReplication {
        status: Option<Status> = "Status",
    }
}

enums! {
    /// The enumeration `OwnerOverride`.
    OwnerOverride { Destination = "Destination" }
}

documents! {
    ReplicationConfiguration = "ReplicationConfiguration",
}
