//! Settings of reports: analytics, tiering, inventory, metrics. Written from botocore's model of 2006-03-01, members in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{FilterTag, Status};
use crate::xml::{documents, enums, shapes};

shapes! {
    /// The shape `AnalyticsConfiguration`.
    AnalyticsConfiguration {
        id: String = "Id",
        filter: Option<AnalyticsFilter> = "Filter",
        storage_class_analysis: StorageClassAnalysis = "StorageClassAnalysis",
    }
    /// The shape `AnalyticsFilter`.
    AnalyticsFilter {
        prefix: Option<String> = "Prefix",
        tag: Option<FilterTag> = "Tag",
        and: Option<AnalyticsAndOperator> = "And",
    }
    /// The shape `AnalyticsAndOperator`.
    AnalyticsAndOperator {
        prefix: Option<String> = "Prefix",
        tags: Vec<FilterTag> = "Tag",
    }
    /// The shape `StorageClassAnalysis`.
    StorageClassAnalysis {
        data_export: Option<StorageClassAnalysisDataExport> = "DataExport",
    }
    /// The shape `StorageClassAnalysisDataExport`.
    StorageClassAnalysisDataExport {
        output_schema_version: StorageClassAnalysisSchemaVersion = "OutputSchemaVersion",
        destination: AnalyticsExportDestination = "Destination",
    }
    /// The shape `AnalyticsExportDestination`.
    AnalyticsExportDestination {
        s3_bucket_destination: AnalyticsS3BucketDestination = "S3BucketDestination",
    }
    /// The shape `AnalyticsS3BucketDestination`.
    AnalyticsS3BucketDestination {
        format: AnalyticsS3ExportFileFormat = "Format",
        bucket_account_id: Option<String> = "BucketAccountId",
        bucket: String = "Bucket",
        prefix: Option<String> = "Prefix",
    }
    /// The shape `IntelligentTieringConfiguration`.
    IntelligentTieringConfiguration {
        id: String = "Id",
        filter: Option<IntelligentTieringFilter> = "Filter",
        status: Status = "Status",
        tierings: Vec<Tiering> = "Tiering",
    }
    /// The shape `IntelligentTieringFilter`.
    IntelligentTieringFilter {
        prefix: Option<String> = "Prefix",
        tag: Option<FilterTag> = "Tag",
        and: Option<IntelligentTieringAndOperator> = "And",
    }
    /// The shape `IntelligentTieringAndOperator`.
    IntelligentTieringAndOperator {
        prefix: Option<String> = "Prefix",
        tags: Vec<FilterTag> = "Tag",
    }
    /// The shape `Tiering`.
    Tiering {
        days: i32 = "Days",
        access_tier: IntelligentTieringAccessTier = "AccessTier",
    }
    /// The shape `InventoryConfiguration`.
    InventoryConfiguration {
        destination: InventoryDestination = "Destination",
        is_enabled: bool = "IsEnabled",
        filter: Option<InventoryFilter> = "Filter",
        id: String = "Id",
        included_object_versions: InventoryIncludedObjectVersions = "IncludedObjectVersions",
        optional_fields: Option<OptionalFields> = "OptionalFields",
        schedule: InventorySchedule = "Schedule",
    }
    /// The shape `InventoryDestination`.
    InventoryDestination {
        s3_bucket_destination: InventoryS3BucketDestination = "S3BucketDestination",
    }
    /// The shape `InventoryS3BucketDestination`.
    InventoryS3BucketDestination {
        account_id: Option<String> = "AccountId",
        bucket: String = "Bucket",
        format: InventoryFormat = "Format",
        prefix: Option<String> = "Prefix",
        encryption: Option<InventoryEncryption> = "Encryption",
    }
    /// The shape `InventoryEncryption`.
    InventoryEncryption {
        sse_s3: Option<SseS3> = "SSE-S3",
        sse_kms: Option<SseKms> = "SSE-KMS",
    }
    /// The shape `SseS3`.
    SseS3 {
    }
    /// The shape `SseKms`.
    SseKms {
        key_id: String = "KeyId",
    }
    /// The shape `InventoryFilter`.
    InventoryFilter {
        prefix: String = "Prefix",
    }
    /// The shape `InventorySchedule`.
    InventorySchedule {
        frequency: InventoryFrequency = "Frequency",
    }
    /// The shape `MetricsConfiguration`.
    MetricsConfiguration {
        id: String = "Id",
        filter: Option<MetricsFilter> = "Filter",
    }
    /// The shape `MetricsFilter`.
    MetricsFilter {
        prefix: Option<String> = "Prefix",
        tag: Option<FilterTag> = "Tag",
        access_point_arn: Option<String> = "AccessPointArn",
        and: Option<MetricsAndOperator> = "And",
    }
    /// The shape `MetricsAndOperator`.
    MetricsAndOperator {
        prefix: Option<String> = "Prefix",
        tags: Vec<FilterTag> = "Tag",
        access_point_arn: Option<String> = "AccessPointArn",
    }
    /// The shape `ListBucketAnalyticsConfigurationsOutput`.
    ListBucketAnalyticsConfigurationsOutput {
        is_truncated: Option<bool> = "IsTruncated",
        continuation_token: Option<String> = "ContinuationToken",
        next_continuation_token: Option<String> = "NextContinuationToken",
        analytics_configuration_list: Vec<AnalyticsConfiguration> = "AnalyticsConfiguration",
    }
    /// The shape `ListBucketIntelligentTieringConfigurationsOutput`.
    ListBucketIntelligentTieringConfigurationsOutput {
        is_truncated: Option<bool> = "IsTruncated",
        continuation_token: Option<String> = "ContinuationToken",
        next_continuation_token: Option<String> = "NextContinuationToken",
        intelligent_tiering_configuration_list: Vec<IntelligentTieringConfiguration> = "IntelligentTieringConfiguration",
    }
    /// The shape `ListBucketInventoryConfigurationsOutput`.
    ListBucketInventoryConfigurationsOutput {
        continuation_token: Option<String> = "ContinuationToken",
        inventory_configuration_list: Vec<InventoryConfiguration> = "InventoryConfiguration",
        is_truncated: Option<bool> = "IsTruncated",
        next_continuation_token: Option<String> = "NextContinuationToken",
    }
    /// The shape `ListBucketMetricsConfigurationsOutput`.
    ListBucketMetricsConfigurationsOutput {
        is_truncated: Option<bool> = "IsTruncated",
        continuation_token: Option<String> = "ContinuationToken",
        next_continuation_token: Option<String> = "NextContinuationToken",
        metrics_configuration_list: Vec<MetricsConfiguration> = "MetricsConfiguration",
    }
    /// The shape `OptionalFields`.
    OptionalFields {
        fields: Vec<InventoryOptionalField> = "Field",
    }
}

enums! {
    /// The enumeration `AnalyticsS3ExportFileFormat`.
    AnalyticsS3ExportFileFormat { Csv = "CSV" }
    /// The enumeration `IntelligentTieringAccessTier`.
    IntelligentTieringAccessTier { ArchiveAccess = "ARCHIVE_ACCESS", DeepArchiveAccess = "DEEP_ARCHIVE_ACCESS" }
    /// The enumeration `InventoryFormat`.
    InventoryFormat { Csv = "CSV", Orc = "ORC", Parquet = "Parquet" }
    /// The enumeration `InventoryFrequency`.
    InventoryFrequency { Daily = "Daily", Weekly = "Weekly" }
    /// The enumeration `InventoryIncludedObjectVersions`.
    InventoryIncludedObjectVersions { All = "All", Current = "Current" }
    /// The enumeration `InventoryOptionalField`.
    InventoryOptionalField { Size = "Size", LastModifiedDate = "LastModifiedDate", StorageClass = "StorageClass", Etag = "ETag", IsMultipartUploaded = "IsMultipartUploaded", ReplicationStatus = "ReplicationStatus", EncryptionStatus = "EncryptionStatus", ObjectLockRetainUntilDate = "ObjectLockRetainUntilDate", ObjectLockMode = "ObjectLockMode", ObjectLockLegalHoldStatus = "ObjectLockLegalHoldStatus", ObjectLockEventHoldStatus = "ObjectLockEventHoldStatus", ObjectLockEventHoldDuration = "ObjectLockEventHoldDuration", IntelligentTieringAccessTier = "IntelligentTieringAccessTier", BucketKeyStatus = "BucketKeyStatus", ChecksumAlgorithm = "ChecksumAlgorithm", ObjectAccessControlList = "ObjectAccessControlList", ObjectOwner = "ObjectOwner", LifecycleExpirationDate = "LifecycleExpirationDate", IntelligentTieringReferenceDate = "IntelligentTieringReferenceDate" }
    /// The enumeration `StorageClassAnalysisSchemaVersion`.
    StorageClassAnalysisSchemaVersion { V1 = "V_1" }
}

documents! {
    AnalyticsConfiguration = "AnalyticsConfiguration",
    IntelligentTieringConfiguration = "IntelligentTieringConfiguration",
    InventoryConfiguration = "InventoryConfiguration",
    MetricsConfiguration = "MetricsConfiguration",
    ListBucketAnalyticsConfigurationsOutput = "ListBucketAnalyticsConfigurationResult",
    ListBucketIntelligentTieringConfigurationsOutput = "ListBucketIntelligentTieringConfigurationsOutput",
    ListBucketInventoryConfigurationsOutput = "ListInventoryConfigurationsResult",
    ListBucketMetricsConfigurationsOutput = "ListMetricsConfigurationsResult",
}
