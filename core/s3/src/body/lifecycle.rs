//! The lifecycle of objects. Written from botocore's model of 2006-03-01, members in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{FilterTag, Status};
use crate::time::Timestamp;
use crate::xml::{documents, enums, shapes};

shapes! {
    /// The shape `LifecycleConfiguration`.
    LifecycleConfiguration {
        rules: Vec<LifecycleRule> = "Rule",
    }
    /// The shape `LifecycleRule`.
    LifecycleRule {
        expiration: Option<LifecycleExpiration> = "Expiration",
        id: Option<String> = "ID",
        prefix: Option<String> = "Prefix",
        filter: Option<LifecycleRuleFilter> = "Filter",
        status: Status = "Status",
        transitions: Vec<Transition> = "Transition",
        noncurrent_version_transitions: Vec<NoncurrentVersionTransition> = "NoncurrentVersionTransition",
        noncurrent_version_expiration: Option<NoncurrentVersionExpiration> = "NoncurrentVersionExpiration",
        abort_incomplete_multipart_upload: Option<AbortIncompleteMultipartUpload> = "AbortIncompleteMultipartUpload",
    }
    /// The shape `LifecycleExpiration`.
    LifecycleExpiration {
        date: Option<Timestamp> = "Date",
        days: Option<i32> = "Days",
        expired_object_delete_marker: Option<bool> = "ExpiredObjectDeleteMarker",
    }
    /// The shape `Transition`.
    Transition {
        date: Option<Timestamp> = "Date",
        days: Option<i32> = "Days",
        storage_class: Option<TransitionStorageClass> = "StorageClass",
    }
    /// The shape `NoncurrentVersionTransition`.
    NoncurrentVersionTransition {
        noncurrent_days: Option<i32> = "NoncurrentDays",
        storage_class: Option<TransitionStorageClass> = "StorageClass",
        newer_noncurrent_versions: Option<i32> = "NewerNoncurrentVersions",
    }
    /// The shape `NoncurrentVersionExpiration`.
    NoncurrentVersionExpiration {
        noncurrent_days: Option<i32> = "NoncurrentDays",
        newer_noncurrent_versions: Option<i32> = "NewerNoncurrentVersions",
    }
    /// The shape `AbortIncompleteMultipartUpload`.
    AbortIncompleteMultipartUpload {
        days_after_initiation: Option<i32> = "DaysAfterInitiation",
    }
    /// The shape `LifecycleRuleFilter`.
    LifecycleRuleFilter {
        prefix: Option<String> = "Prefix",
        tag: Option<FilterTag> = "Tag",
        object_size_greater_than: Option<i64> = "ObjectSizeGreaterThan",
        object_size_less_than: Option<i64> = "ObjectSizeLessThan",
        and: Option<LifecycleRuleAndOperator> = "And",
    }
    /// The shape `LifecycleRuleAndOperator`.
    LifecycleRuleAndOperator {
        prefix: Option<String> = "Prefix",
        tags: Vec<FilterTag> = "Tag",
        object_size_greater_than: Option<i64> = "ObjectSizeGreaterThan",
        object_size_less_than: Option<i64> = "ObjectSizeLessThan",
    }
}

enums! {
    /// The enumeration `TransitionStorageClass`.
    TransitionStorageClass { Glacier = "GLACIER", StandardIa = "STANDARD_IA", OnezoneIa = "ONEZONE_IA", IntelligentTiering = "INTELLIGENT_TIERING", DeepArchive = "DEEP_ARCHIVE", GlacierIr = "GLACIER_IR" }
}

documents! {
    LifecycleConfiguration = "LifecycleConfiguration",
}
