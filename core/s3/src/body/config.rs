//! Settings of a bucket, each a document of its own. Written from botocore's model of 2006-03-01, members in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{Grantee, Owner, Status, TagSet};
use crate::xml::{documents, enums, shapes};

shapes! {
    /// Whether versions are kept.
    VersioningConfiguration {
        status: Option<EnabledOrSuspended> = "Status",
        mfa_delete: Option<Status> = "MfaDelete",
    }
    /// Whether uploads are accelerated.
    AccelerateConfiguration {
        status: Option<EnabledOrSuspended> = "Status",
    }
    /// Who pays for requests.
    RequestPaymentConfiguration {
        payer: Payer = "Payer",
    }
    /// Where and as what a bucket is created.
    CreateBucketConfiguration {
        location_constraint: Option<String> = "LocationConstraint",
        location: Option<LocationInfo> = "Location",
        bucket: Option<BucketInfo> = "Bucket",
        tags: Option<TagSet> = "Tags",
    }
    /// The shape `LocationInfo`.
    LocationInfo {
        kind: Option<LocationType> = "Type",
        name: Option<String> = "Name",
    }
    /// The shape `BucketInfo`.
    BucketInfo {
        data_redundancy: Option<DataRedundancy> = "DataRedundancy",
        kind: Option<BucketType> = "Type",
    }
    /// The tags of a bucket or an object.
    Tagging {
        tag_set: TagSet = "TagSet",
    }
    /// The shape `PublicAccessBlockConfiguration`.
    PublicAccessBlockConfiguration {
        block_public_acls: Option<bool> = "BlockPublicAcls",
        ignore_public_acls: Option<bool> = "IgnorePublicAcls",
        block_public_policy: Option<bool> = "BlockPublicPolicy",
        restrict_public_buckets: Option<bool> = "RestrictPublicBuckets",
    }
    /// The shape `PolicyStatus`.
    PolicyStatus {
        is_public: Option<bool> = "IsPublic",
    }
    /// The shape `OwnershipControls`.
    OwnershipControls {
        rules: Vec<OwnershipControlsRule> = "Rule",
    }
    /// The shape `OwnershipControlsRule`.
    OwnershipControlsRule {
        object_ownership: ObjectOwnership = "ObjectOwnership",
    }
    /// The shape `CorsConfiguration`.
    CorsConfiguration {
        cors_rules: Vec<CorsRule> = "CORSRule",
    }
    /// The shape `CorsRule`.
    CorsRule {
        id: Option<String> = "ID",
        allowed_headers: Vec<String> = "AllowedHeader",
        allowed_methods: Vec<String> = "AllowedMethod",
        allowed_origins: Vec<String> = "AllowedOrigin",
        expose_headers: Vec<String> = "ExposeHeader",
        max_age_seconds: Option<i32> = "MaxAgeSeconds",
    }
    /// The shape `ServerSideEncryptionConfiguration`.
    ServerSideEncryptionConfiguration {
        rules: Vec<ServerSideEncryptionRule> = "Rule",
    }
    /// The shape `ServerSideEncryptionRule`.
    ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Option<ServerSideEncryptionByDefault> = "ApplyServerSideEncryptionByDefault",
        bucket_key_enabled: Option<bool> = "BucketKeyEnabled",
        blocked_encryption_types: Option<BlockedEncryptionTypes> = "BlockedEncryptionTypes",
    }
    /// The shape `ServerSideEncryptionByDefault`.
    ServerSideEncryptionByDefault {
        sse_algorithm: ServerSideEncryption = "SSEAlgorithm",
        kms_master_key_id: Option<String> = "KMSMasterKeyID",
    }
    /// The shape `BlockedEncryptionTypes`.
    BlockedEncryptionTypes {
        encryption_type: Vec<EncryptionType> = "EncryptionType",
    }
    /// The shape `AbacStatus`.
    AbacStatus {
        status: Option<Status> = "Status",
    }
    /// The shape `BucketLoggingStatus`.
    BucketLoggingStatus {
        logging_enabled: Option<LoggingEnabled> = "LoggingEnabled",
    }
    /// The shape `LoggingEnabled`.
    LoggingEnabled {
        target_bucket: String = "TargetBucket",
        target_grants: Option<TargetGrants> = "TargetGrants",
        target_prefix: String = "TargetPrefix",
        target_object_key_format: Option<TargetObjectKeyFormat> = "TargetObjectKeyFormat",
    }
    /// One permission on log objects.
    TargetGrant {
        grantee: Option<Grantee> = "Grantee",
        permission: Option<BucketLogsPermission> = "Permission",
    }
    /// The shape `TargetObjectKeyFormat`.
    TargetObjectKeyFormat {
        simple_prefix: Option<SimplePrefix> = "SimplePrefix",
        partitioned_prefix: Option<PartitionedPrefix> = "PartitionedPrefix",
    }
    /// The shape `SimplePrefix`.
    SimplePrefix {
    }
    /// The shape `PartitionedPrefix`.
    PartitionedPrefix {
        partition_date_source: Option<PartitionDateSource> = "PartitionDateSource",
    }
    /// The shape `WebsiteConfiguration`.
    WebsiteConfiguration {
        error_document: Option<WebsiteErrorDocument> = "ErrorDocument",
        index_document: Option<IndexDocument> = "IndexDocument",
        redirect_all_requests_to: Option<RedirectAllRequestsTo> = "RedirectAllRequestsTo",
        routing_rules: Option<RoutingRules> = "RoutingRules",
    }
    /// The shape `RedirectAllRequestsTo`.
    RedirectAllRequestsTo {
        host_name: String = "HostName",
        protocol: Option<Protocol> = "Protocol",
    }
    /// The shape `IndexDocument`.
    IndexDocument {
        suffix: String = "Suffix",
    }
    /// The shape `WebsiteErrorDocument`.
    WebsiteErrorDocument {
        key: String = "Key",
    }
    /// The shape `RoutingRule`.
    RoutingRule {
        condition: Option<RoutingCondition> = "Condition",
        redirect: RoutingRedirect = "Redirect",
    }
    /// The shape `RoutingCondition`.
    RoutingCondition {
        http_error_code_returned_equals: Option<String> = "HttpErrorCodeReturnedEquals",
        key_prefix_equals: Option<String> = "KeyPrefixEquals",
    }
    /// The shape `RoutingRedirect`.
    RoutingRedirect {
        host_name: Option<String> = "HostName",
        http_redirect_code: Option<String> = "HttpRedirectCode",
        protocol: Option<Protocol> = "Protocol",
        replace_key_prefix_with: Option<String> = "ReplaceKeyPrefixWith",
        replace_key_with: Option<String> = "ReplaceKeyWith",
    }
    /// The shape `NotificationConfiguration`.
    NotificationConfiguration {
        topic_configurations: Vec<TopicConfiguration> = "TopicConfiguration",
        queue_configurations: Vec<QueueConfiguration> = "QueueConfiguration",
        lambda_function_configurations: Vec<LambdaFunctionConfiguration> = "CloudFunctionConfiguration",
        event_bridge_configuration: Option<EventBridgeConfiguration> = "EventBridgeConfiguration",
    }
    /// The shape `TopicConfiguration`.
    TopicConfiguration {
        id: Option<String> = "Id",
        topic_arn: String = "Topic",
        events: Vec<Event> = "Event",
        filter: Option<NotificationConfigurationFilter> = "Filter",
    }
    /// The shape `QueueConfiguration`.
    QueueConfiguration {
        id: Option<String> = "Id",
        queue_arn: String = "Queue",
        events: Vec<Event> = "Event",
        filter: Option<NotificationConfigurationFilter> = "Filter",
    }
    /// The shape `LambdaFunctionConfiguration`.
    LambdaFunctionConfiguration {
        id: Option<String> = "Id",
        lambda_function_arn: String = "CloudFunction",
        invocation_role: Option<String> = "InvocationRole",
        events: Vec<Event> = "Event",
        filter: Option<NotificationConfigurationFilter> = "Filter",
    }
    /// The shape `EventBridgeConfiguration`.
    EventBridgeConfiguration {
    }
    /// The shape `NotificationConfigurationFilter`.
    NotificationConfigurationFilter {
        key: Option<S3KeyFilter> = "S3Key",
    }
    /// The shape `S3KeyFilter`.
    S3KeyFilter {
        filter_rules: Vec<FilterRule> = "FilterRule",
    }
    /// The shape `FilterRule`.
    FilterRule {
        name: Option<FilterRuleName> = "Name",
        value: Option<String> = "Value",
    }
    /// The shape `AccessControlPolicy`.
    AccessControlPolicy {
        owner: Option<Owner> = "Owner",
        grants: Option<AccessControlList> = "AccessControlList",
    }
    /// One permission of an ACL.
    Grant {
        grantee: Option<Grantee> = "Grantee",
        permission: Option<Permission> = "Permission",
    }
    /// The shape `TargetGrants`.
    TargetGrants {
        grants: Vec<TargetGrant> = "Grant",
    }
    /// The shape `RoutingRules`.
    RoutingRules {
        rules: Vec<RoutingRule> = "RoutingRule",
    }
    /// The shape `AccessControlList`.
    AccessControlList {
        grants: Vec<Grant> = "Grant",
    }
}

enums! {
    /// The enumeration `BucketLogsPermission`.
    BucketLogsPermission { FullControl = "FULL_CONTROL", Read = "READ", Write = "WRITE" }
    /// The enumeration `BucketType`.
    BucketType { Directory = "Directory" }
    /// The enumeration `DataRedundancy`.
    DataRedundancy { SingleAvailabilityZone = "SingleAvailabilityZone", SingleLocalZone = "SingleLocalZone" }
    /// The enumeration `EnabledOrSuspended`.
    EnabledOrSuspended { Enabled = "Enabled", Suspended = "Suspended" }
    /// The enumeration `EncryptionType`.
    EncryptionType { None = "NONE", SseC = "SSE-C" }
    /// The enumeration `Event`.
    Event { ReducedRedundancyLostObject = "s3:ReducedRedundancyLostObject", ObjectCreatedAny = "s3:ObjectCreated:*", ObjectCreatedPut = "s3:ObjectCreated:Put", ObjectCreatedPost = "s3:ObjectCreated:Post", ObjectCreatedCopy = "s3:ObjectCreated:Copy", ObjectCreatedCompleteMultipartUpload = "s3:ObjectCreated:CompleteMultipartUpload", ObjectRemovedAny = "s3:ObjectRemoved:*", ObjectRemovedDelete = "s3:ObjectRemoved:Delete", ObjectRemovedDeleteMarkerCreated = "s3:ObjectRemoved:DeleteMarkerCreated", ObjectRestoreAny = "s3:ObjectRestore:*", ObjectRestorePost = "s3:ObjectRestore:Post", ObjectRestoreCompleted = "s3:ObjectRestore:Completed", ReplicationAny = "s3:Replication:*", ReplicationOperationFailedReplication = "s3:Replication:OperationFailedReplication", ReplicationOperationNotTracked = "s3:Replication:OperationNotTracked", ReplicationOperationMissedThreshold = "s3:Replication:OperationMissedThreshold", ReplicationOperationReplicatedAfterThreshold = "s3:Replication:OperationReplicatedAfterThreshold", ObjectRestoreDelete = "s3:ObjectRestore:Delete", LifecycleTransition = "s3:LifecycleTransition", IntelligentTiering = "s3:IntelligentTiering", ObjectAclPut = "s3:ObjectAcl:Put", LifecycleExpirationAny = "s3:LifecycleExpiration:*", LifecycleExpirationDelete = "s3:LifecycleExpiration:Delete", LifecycleExpirationDeleteMarkerCreated = "s3:LifecycleExpiration:DeleteMarkerCreated", ObjectTaggingAny = "s3:ObjectTagging:*", ObjectTaggingPut = "s3:ObjectTagging:Put", ObjectTaggingDelete = "s3:ObjectTagging:Delete", ObjectAnnotationAny = "s3:ObjectAnnotation:*", ObjectAnnotationPut = "s3:ObjectAnnotation:Put", ObjectAnnotationDelete = "s3:ObjectAnnotation:Delete", ObjectRetentionPut = "s3:ObjectRetention:Put" }
    /// The enumeration `FilterRuleName`.
    FilterRuleName { Prefix = "prefix", Suffix = "suffix" }
    /// The enumeration `LocationType`.
    LocationType { AvailabilityZone = "AvailabilityZone", LocalZone = "LocalZone" }
    /// The enumeration `ObjectOwnership`.
    ObjectOwnership { BucketOwnerPreferred = "BucketOwnerPreferred", ObjectWriter = "ObjectWriter", BucketOwnerEnforced = "BucketOwnerEnforced" }
    /// The enumeration `PartitionDateSource`.
    PartitionDateSource { EventTime = "EventTime", DeliveryTime = "DeliveryTime" }
    /// The enumeration `Payer`.
    Payer { Requester = "Requester", BucketOwner = "BucketOwner" }
    /// The enumeration `Permission`.
    Permission { FullControl = "FULL_CONTROL", Write = "WRITE", WriteAcp = "WRITE_ACP", Read = "READ", ReadAcp = "READ_ACP" }
    /// The enumeration `Protocol`.
    Protocol { Http = "http", Https = "https" }
    /// The enumeration `ServerSideEncryption`.
    ServerSideEncryption { Aes256 = "AES256", AwsFsx = "aws:fsx", AwsBackup = "aws:backup", AwsKms = "aws:kms", AwsKmsDsse = "aws:kms:dsse" }
}

documents! {
    VersioningConfiguration = "VersioningConfiguration",
    AccelerateConfiguration = "AccelerateConfiguration",
    RequestPaymentConfiguration = "RequestPaymentConfiguration",
    CreateBucketConfiguration = "CreateBucketConfiguration",
    Tagging = "Tagging",
    PublicAccessBlockConfiguration = "PublicAccessBlockConfiguration",
    PolicyStatus = "PolicyStatus",
    OwnershipControls = "OwnershipControls",
    CorsConfiguration = "CORSConfiguration",
    ServerSideEncryptionConfiguration = "ServerSideEncryptionConfiguration",
    AbacStatus = "AbacStatus",
    BucketLoggingStatus = "BucketLoggingStatus",
    WebsiteConfiguration = "WebsiteConfiguration",
    NotificationConfiguration = "NotificationConfiguration",
    AccessControlPolicy = "AccessControlPolicy",
}
