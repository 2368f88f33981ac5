//! The table itself, in the order of the alphabet.

use super::{Body, Level, Need, Resource, Row, Served, When};
use crate::request::Method;

const fn need(resource: Resource, action: &'static str, versioned: &'static str, when: When) -> Need {
    Need { resource, action, versioned, when }
}

const fn all(action: &'static str) -> Need {
    need(Resource::All, action, action, When::Always)
}

const fn bucket(action: &'static str) -> Need {
    need(Resource::Bucket, action, action, When::Always)
}

const fn object(action: &'static str) -> Need {
    need(Resource::Object, action, action, When::Always)
}

const fn version(action: &'static str, versioned: &'static str) -> Need {
    need(Resource::Object, action, versioned, When::Always)
}

const fn with(action: &'static str, when: When) -> Need {
    need(Resource::Object, action, action, when)
}

/// A new object, and what its headers ask for beside it.
const PUT: &[Need] = &[
    object("s3:PutObject"),
    with("s3:PutObjectAcl", When::Header("x-amz-acl")),
    with("s3:PutObjectAcl", When::HeaderStart("x-amz-grant-")),
    with("s3:PutObjectTagging", When::Header("x-amz-tagging")),
    with("s3:PutObjectRetention", When::Header("x-amz-object-lock-mode")),
    with("s3:PutObjectLegalHold", When::Header("x-amz-object-lock-legal-hold")),
];
/// What a copy reads.
const SOURCE: &[Need] = &[need(Resource::Source, "s3:GetObject", "s3:GetObjectVersion", When::Always)];
const RENAME: &[Need] = &[
    object("s3:PutObject"),
    need(Resource::Source, "s3:GetObject", "s3:GetObjectVersion", When::Always),
    need(Resource::Source, "s3:DeleteObject", "s3:DeleteObjectVersion", When::Always),
];
const BYPASS: &[Need] =
    &[with("s3:BypassGovernanceRetention", When::True("x-amz-bypass-governance-retention"))];
const DELETE: &[Need] = &[
    version("s3:DeleteObject", "s3:DeleteObjectVersion"),
    with("s3:BypassGovernanceRetention", When::True("x-amz-bypass-governance-retention")),
];
/// Whether an entry names a version is in the body: the caller asks for `s3:DeleteObjectVersion` then.
const ENTRIES: &[Need] = &[
    need(Resource::Entries, "s3:DeleteObject", "s3:DeleteObjectVersion", When::Always),
    need(
        Resource::Entries,
        "s3:BypassGovernanceRetention",
        "s3:BypassGovernanceRetention",
        When::True("x-amz-bypass-governance-retention"),
    ),
];
const CREATE: &[Need] = &[
    bucket("s3:CreateBucket"),
    need(Resource::Bucket, "s3:PutBucketAcl", "s3:PutBucketAcl", When::Header("x-amz-acl")),
    need(Resource::Bucket, "s3:PutBucketAcl", "s3:PutBucketAcl", When::HeaderStart("x-amz-grant-")),
    need(
        Resource::Bucket,
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketObjectLockConfiguration",
        When::True("x-amz-bucket-object-lock-enabled"),
    ),
    need(
        Resource::Bucket,
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketOwnershipControls",
        When::Header("x-amz-object-ownership"),
    ),
];

macro_rules! operations {
    ($($name:ident $method:ident $level:ident $status:literal $body:ident $query:tt $header:literal $served:ident $needs:tt)*) => {
        /// An operation of S3, named as in Amazon's model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($method), "`, about: ", stringify!($level))] $name,)*
        }

        pub(super) const ROWS: &[Row] = &[$(Row {
            operation: Operation::$name,
            name: stringify!($name),
            method: Method::$method,
            level: Level::$level,
            status: $status,
            body: Body::$body,
            query: &$query,
            header: $header,
            served: Served::$served,
            needs: &$needs,
        },)*];
    };
}

operations! {
    AbortMultipartUpload Delete Object 204 Nothing ["uploadId"] "" Yes [&[object("s3:AbortMultipartUpload")]]
    CompleteMultipartUpload Post Object 200 Xml ["uploadId"] "" Yes [&[object("s3:PutObject")]]
    CopyObject Put Object 200 Nothing [] "x-amz-copy-source" Yes [PUT, SOURCE]
    CreateBucket Put Bucket 200 Xml [] "" Yes [CREATE]
    CreateBucketMetadataConfiguration Post Bucket 200 Xml ["metadataConfiguration"] "" No [&[bucket("s3:CreateBucketMetadataTableConfiguration")]]
    CreateBucketMetadataTableConfiguration Post Bucket 200 Xml ["metadataTable"] "" No [&[bucket("s3:CreateBucketMetadataTableConfiguration")]]
    CreateMultipartUpload Post Object 200 Nothing ["uploads"] "" Yes [PUT]
    CreateSession Get Bucket 200 Nothing ["session"] "" No [&[all("s3express:CreateSession")]]
    DeleteBucket Delete Bucket 204 Nothing [] "" Yes [&[bucket("s3:DeleteBucket")]]
    DeleteBucketAnalyticsConfiguration Delete Bucket 204 Nothing ["analytics"] "" Yes [&[bucket("s3:PutAnalyticsConfiguration")]]
    DeleteBucketCors Delete Bucket 204 Nothing ["cors"] "" Yes [&[bucket("s3:PutBucketCORS")]]
    DeleteBucketEncryption Delete Bucket 204 Nothing ["encryption"] "" Yes [&[bucket("s3:PutEncryptionConfiguration")]]
    DeleteBucketIntelligentTieringConfiguration Delete Bucket 204 Nothing ["intelligent-tiering"] "" Yes [&[bucket("s3:PutIntelligentTieringConfiguration")]]
    DeleteBucketInventoryConfiguration Delete Bucket 204 Nothing ["inventory"] "" Yes [&[bucket("s3:PutInventoryConfiguration")]]
    DeleteBucketLifecycle Delete Bucket 204 Nothing ["lifecycle"] "" Yes [&[bucket("s3:PutLifecycleConfiguration")]]
    DeleteBucketMetadataConfiguration Delete Bucket 204 Nothing ["metadataConfiguration"] "" No [&[bucket("s3:DeleteBucketMetadataTableConfiguration")]]
    DeleteBucketMetadataTableConfiguration Delete Bucket 204 Nothing ["metadataTable"] "" No [&[bucket("s3:DeleteBucketMetadataTableConfiguration")]]
    DeleteBucketMetricsConfiguration Delete Bucket 204 Nothing ["metrics"] "" Yes [&[bucket("s3:PutMetricsConfiguration")]]
    DeleteBucketOwnershipControls Delete Bucket 204 Nothing ["ownershipControls"] "" Yes [&[bucket("s3:PutBucketOwnershipControls")]]
    DeleteBucketPolicy Delete Bucket 204 Nothing ["policy"] "" Yes [&[bucket("s3:DeleteBucketPolicy")]]
    DeleteBucketReplication Delete Bucket 204 Nothing ["replication"] "" Yes [&[bucket("s3:PutReplicationConfiguration")]]
    DeleteBucketTagging Delete Bucket 204 Nothing ["tagging"] "" Yes [&[bucket("s3:PutBucketTagging")]]
    DeleteBucketWebsite Delete Bucket 204 Nothing ["website"] "" Yes [&[bucket("s3:DeleteBucketWebsite")]]
    DeleteObject Delete Object 204 Nothing [] "" Yes [DELETE]
    DeleteObjectAnnotation Delete Object 204 Nothing ["annotation"] "" Yes [&[version("s3:DeleteObjectAnnotation", "s3:DeleteObjectVersionAnnotation")]]
    DeleteObjectTagging Delete Object 204 Nothing ["tagging"] "" Yes [&[version("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging")]]
    DeleteObjects Post Bucket 200 Xml ["delete"] "" Yes [ENTRIES]
    DeletePublicAccessBlock Delete Bucket 204 Nothing ["publicAccessBlock"] "" Yes [&[bucket("s3:PutBucketPublicAccessBlock")]]
    GetBucketAbac Get Bucket 200 Nothing ["abac"] "" Yes [&[bucket("s3:GetBucketAbac")]]
    GetBucketAccelerateConfiguration Get Bucket 200 Nothing ["accelerate"] "" Yes [&[bucket("s3:GetAccelerateConfiguration")]]
    GetBucketAcl Get Bucket 200 Nothing ["acl"] "" Yes [&[bucket("s3:GetBucketAcl")]]
    GetBucketAnalyticsConfiguration Get Bucket 200 Nothing ["analytics", "id"] "" Yes [&[bucket("s3:GetAnalyticsConfiguration")]]
    GetBucketCors Get Bucket 200 Nothing ["cors"] "" Yes [&[bucket("s3:GetBucketCORS")]]
    GetBucketEncryption Get Bucket 200 Nothing ["encryption"] "" Yes [&[bucket("s3:GetEncryptionConfiguration")]]
    GetBucketIntelligentTieringConfiguration Get Bucket 200 Nothing ["intelligent-tiering", "id"] "" Yes [&[bucket("s3:GetIntelligentTieringConfiguration")]]
    GetBucketInventoryConfiguration Get Bucket 200 Nothing ["inventory", "id"] "" Yes [&[bucket("s3:GetInventoryConfiguration")]]
    GetBucketLifecycle Get Bucket 200 Nothing ["lifecycle"] "" Alias [&[bucket("s3:GetLifecycleConfiguration")]]
    GetBucketLifecycleConfiguration Get Bucket 200 Nothing ["lifecycle"] "" Yes [&[bucket("s3:GetLifecycleConfiguration")]]
    GetBucketLocation Get Bucket 200 Nothing ["location"] "" Yes [&[bucket("s3:GetBucketLocation")]]
    GetBucketLogging Get Bucket 200 Nothing ["logging"] "" Yes [&[bucket("s3:GetBucketLogging")]]
    GetBucketMetadataConfiguration Get Bucket 200 Nothing ["metadataConfiguration"] "" No [&[bucket("s3:GetBucketMetadataTableConfiguration")]]
    GetBucketMetadataTableConfiguration Get Bucket 200 Nothing ["metadataTable"] "" No [&[bucket("s3:GetBucketMetadataTableConfiguration")]]
    GetBucketMetricsConfiguration Get Bucket 200 Nothing ["metrics", "id"] "" Yes [&[bucket("s3:GetMetricsConfiguration")]]
    GetBucketNotification Get Bucket 200 Nothing ["notification"] "" Alias [&[bucket("s3:GetBucketNotification")]]
    GetBucketNotificationConfiguration Get Bucket 200 Nothing ["notification"] "" Yes [&[bucket("s3:GetBucketNotification")]]
    GetBucketOwnershipControls Get Bucket 200 Nothing ["ownershipControls"] "" Yes [&[bucket("s3:GetBucketOwnershipControls")]]
    GetBucketPolicy Get Bucket 200 Nothing ["policy"] "" Yes [&[bucket("s3:GetBucketPolicy")]]
    GetBucketPolicyStatus Get Bucket 200 Nothing ["policyStatus"] "" Yes [&[bucket("s3:GetBucketPolicyStatus")]]
    GetBucketReplication Get Bucket 200 Nothing ["replication"] "" Yes [&[bucket("s3:GetReplicationConfiguration")]]
    GetBucketRequestPayment Get Bucket 200 Nothing ["requestPayment"] "" Yes [&[bucket("s3:GetBucketRequestPayment")]]
    GetBucketTagging Get Bucket 200 Nothing ["tagging"] "" Yes [&[bucket("s3:GetBucketTagging")]]
    GetBucketVersioning Get Bucket 200 Nothing ["versioning"] "" Yes [&[bucket("s3:GetBucketVersioning")]]
    GetBucketWebsite Get Bucket 200 Nothing ["website"] "" Yes [&[bucket("s3:GetBucketWebsite")]]
    GetObject Get Object 200 Nothing [] "" Yes [&[version("s3:GetObject", "s3:GetObjectVersion")]]
    GetObjectAcl Get Object 200 Nothing ["acl"] "" Yes [&[version("s3:GetObjectAcl", "s3:GetObjectVersionAcl")]]
    GetObjectAnnotation Get Object 200 Nothing ["annotation", "annotationName"] "" Yes [&[version("s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation")]]
    GetObjectAttributes Get Object 200 Nothing ["attributes"] "" Yes [&[version("s3:GetObject", "s3:GetObjectVersion")], &[version("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes")]]
    GetObjectLegalHold Get Object 200 Nothing ["legal-hold"] "" Yes [&[object("s3:GetObjectLegalHold")]]
    GetObjectLockConfiguration Get Bucket 200 Nothing ["object-lock"] "" Yes [&[bucket("s3:GetBucketObjectLockConfiguration")]]
    GetObjectRetention Get Object 200 Nothing ["retention"] "" Yes [&[object("s3:GetObjectRetention")]]
    GetObjectTagging Get Object 200 Nothing ["tagging"] "" Yes [&[version("s3:GetObjectTagging", "s3:GetObjectVersionTagging")]]
    GetObjectTorrent Get Object 200 Nothing ["torrent"] "" No [&[version("s3:GetObjectTorrent", "s3:GetObjectVersionTorrent")]]
    GetPublicAccessBlock Get Bucket 200 Nothing ["publicAccessBlock"] "" Yes [&[bucket("s3:GetBucketPublicAccessBlock")]]
    HeadBucket Head Bucket 200 Nothing [] "" Yes [&[bucket("s3:ListBucket")]]
    HeadObject Head Object 200 Nothing [] "" Yes [&[version("s3:GetObject", "s3:GetObjectVersion")]]
    ListBucketAnalyticsConfigurations Get Bucket 200 Nothing ["analytics"] "" Yes [&[bucket("s3:GetAnalyticsConfiguration")]]
    ListBucketIntelligentTieringConfigurations Get Bucket 200 Nothing ["intelligent-tiering"] "" Yes [&[bucket("s3:GetIntelligentTieringConfiguration")]]
    ListBucketInventoryConfigurations Get Bucket 200 Nothing ["inventory"] "" Yes [&[bucket("s3:GetInventoryConfiguration")]]
    ListBucketMetricsConfigurations Get Bucket 200 Nothing ["metrics"] "" Yes [&[bucket("s3:GetMetricsConfiguration")]]
    ListBuckets Get Service 200 Nothing [] "" Yes [&[all("s3:ListAllMyBuckets")]]
    ListDirectoryBuckets Get Service 200 Nothing [] "" Alias [&[all("s3express:ListAllMyDirectoryBuckets")]]
    ListMultipartUploads Get Bucket 200 Nothing ["uploads"] "" Yes [&[bucket("s3:ListBucketMultipartUploads")]]
    ListObjectAnnotations Get Object 200 Nothing ["annotation"] "" Yes [&[version("s3:ListObjectAnnotations", "s3:ListObjectVersionAnnotations")]]
    ListObjectVersions Get Bucket 200 Nothing ["versions"] "" Yes [&[bucket("s3:ListBucketVersions")]]
    ListObjects Get Bucket 200 Nothing [] "" Yes [&[bucket("s3:ListBucket")]]
    ListObjectsV2 Get Bucket 200 Nothing ["list-type=2"] "" Yes [&[bucket("s3:ListBucket")]]
    ListParts Get Object 200 Nothing ["uploadId"] "" Yes [&[object("s3:ListMultipartUploadParts")]]
    OptionsObject Options Object 200 Nothing [] "" Yes []
    PostObject Post Bucket 204 Form [] "" Yes [&[object("s3:PutObject")]]
    PutBucketAbac Put Bucket 200 Xml ["abac"] "" Yes [&[bucket("s3:PutBucketAbac")]]
    PutBucketAccelerateConfiguration Put Bucket 200 Xml ["accelerate"] "" Yes [&[bucket("s3:PutAccelerateConfiguration")]]
    PutBucketAcl Put Bucket 200 Xml ["acl"] "" Yes [&[bucket("s3:PutBucketAcl")]]
    PutBucketAnalyticsConfiguration Put Bucket 200 Xml ["analytics"] "" Yes [&[bucket("s3:PutAnalyticsConfiguration")]]
    PutBucketCors Put Bucket 200 Xml ["cors"] "" Yes [&[bucket("s3:PutBucketCORS")]]
    PutBucketEncryption Put Bucket 200 Xml ["encryption"] "" Yes [&[bucket("s3:PutEncryptionConfiguration")]]
    PutBucketIntelligentTieringConfiguration Put Bucket 200 Xml ["intelligent-tiering"] "" Yes [&[bucket("s3:PutIntelligentTieringConfiguration")]]
    PutBucketInventoryConfiguration Put Bucket 200 Xml ["inventory"] "" Yes [&[bucket("s3:PutInventoryConfiguration")]]
    PutBucketLifecycle Put Bucket 200 Xml ["lifecycle"] "" Alias [&[bucket("s3:PutLifecycleConfiguration")]]
    PutBucketLifecycleConfiguration Put Bucket 200 Xml ["lifecycle"] "" Yes [&[bucket("s3:PutLifecycleConfiguration")]]
    PutBucketLogging Put Bucket 200 Xml ["logging"] "" Yes [&[bucket("s3:PutBucketLogging")]]
    PutBucketMetricsConfiguration Put Bucket 200 Xml ["metrics"] "" Yes [&[bucket("s3:PutMetricsConfiguration")]]
    PutBucketNotification Put Bucket 200 Xml ["notification"] "" Alias [&[bucket("s3:PutBucketNotification")]]
    PutBucketNotificationConfiguration Put Bucket 200 Xml ["notification"] "" Yes [&[bucket("s3:PutBucketNotification")]]
    PutBucketOwnershipControls Put Bucket 200 Xml ["ownershipControls"] "" Yes [&[bucket("s3:PutBucketOwnershipControls")]]
    PutBucketPolicy Put Bucket 200 Json ["policy"] "" Yes [&[bucket("s3:PutBucketPolicy")]]
    PutBucketReplication Put Bucket 200 Xml ["replication"] "" Yes [&[bucket("s3:PutReplicationConfiguration")]]
    PutBucketRequestPayment Put Bucket 200 Xml ["requestPayment"] "" Yes [&[bucket("s3:PutBucketRequestPayment")]]
    PutBucketTagging Put Bucket 200 Xml ["tagging"] "" Yes [&[bucket("s3:PutBucketTagging")]]
    PutBucketVersioning Put Bucket 200 Xml ["versioning"] "" Yes [&[bucket("s3:PutBucketVersioning")]]
    PutBucketWebsite Put Bucket 200 Xml ["website"] "" Yes [&[bucket("s3:PutBucketWebsite")]]
    PutObject Put Object 200 Stream [] "" Yes [PUT]
    PutObjectAcl Put Object 200 Xml ["acl"] "" Yes [&[version("s3:PutObjectAcl", "s3:PutObjectVersionAcl")]]
    PutObjectAnnotation Put Object 200 Stream ["annotation"] "" Yes [&[version("s3:PutObjectAnnotation", "s3:PutObjectVersionAnnotation")]]
    PutObjectLegalHold Put Object 200 Xml ["legal-hold"] "" Yes [&[object("s3:PutObjectLegalHold")]]
    PutObjectLockConfiguration Put Bucket 200 Xml ["object-lock"] "" Yes [&[bucket("s3:PutBucketObjectLockConfiguration")]]
    PutObjectRetention Put Object 200 Xml ["retention"] "" Yes [&[object("s3:PutObjectRetention")], BYPASS]
    PutObjectTagging Put Object 200 Xml ["tagging"] "" Yes [&[version("s3:PutObjectTagging", "s3:PutObjectVersionTagging")]]
    PutPublicAccessBlock Put Bucket 200 Xml ["publicAccessBlock"] "" Yes [&[bucket("s3:PutBucketPublicAccessBlock")]]
    RenameObject Put Object 200 Nothing ["renameObject"] "" Yes [RENAME]
    RestoreObject Post Object 200 Xml ["restore"] "" Yes [&[object("s3:RestoreObject")]]
    SelectObjectContent Post Object 200 Xml ["select", "select-type=2"] "" No [&[object("s3:GetObject")]]
    UpdateBucketMetadataAnnotationTableConfiguration Put Bucket 200 Xml ["metadataAnnotationTable"] "" No [&[bucket("s3:UpdateBucketMetadataAnnotationTableConfiguration")]]
    UpdateBucketMetadataInventoryTableConfiguration Put Bucket 200 Xml ["metadataInventoryTable"] "" No [&[bucket("s3:UpdateBucketMetadataInventoryTableConfiguration")]]
    UpdateBucketMetadataJournalTableConfiguration Put Bucket 200 Xml ["metadataJournalTable"] "" No [&[bucket("s3:UpdateBucketMetadataJournalTableConfiguration")]]
    UpdateObjectEncryption Put Object 200 Xml ["encryption"] "" No [&[version("s3:UpdateObjectEncryption", "s3:UpdateObjectVersionEncryption")]]
    UploadPart Put Object 200 Stream ["partNumber", "uploadId"] "" Yes [&[object("s3:PutObject")]]
    UploadPartCopy Put Object 200 Nothing ["partNumber", "uploadId"] "x-amz-copy-source" Yes [&[object("s3:PutObject")], SOURCE]
    WriteGetObjectResponse Post Service 200 Stream [] "" No [&[all("s3-object-lambda:WriteGetObjectResponse")]]
}
