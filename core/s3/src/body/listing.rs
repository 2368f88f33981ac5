//! Listings. Written from botocore's model of 2006-03-01, members in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{Checksums, Owner, StorageClass};
use crate::checksum::{Algorithm, ChecksumType};
use crate::etag::ETag;
use crate::time::Timestamp;
use crate::xml::{EncodedText, documents, enums, shapes};

shapes! {
    /// The shape `ListBucketsOutput`.
    ListBucketsOutput {
        buckets: Option<Buckets> = "Buckets",
        owner: Option<Owner> = "Owner",
        continuation_token: Option<String> = "ContinuationToken",
        prefix: Option<String> = "Prefix",
    }
    /// The shape `Bucket`.
    Bucket {
        name: String = "Name",
        creation_date: Option<Timestamp> = "CreationDate",
        bucket_region: Option<String> = "BucketRegion",
        bucket_arn: Option<String> = "BucketArn",
    }
    /// The shape `ListObjectsOutput`.
    ListObjectsOutput {
        is_truncated: bool = "IsTruncated",
        marker: Option<EncodedText> = "Marker",
        next_marker: Option<EncodedText> = "NextMarker",
        contents: Vec<Object> = "Contents",
        name: String = "Name",
        prefix: Option<String> = "Prefix",
        delimiter: Option<EncodedText> = "Delimiter",
        max_keys: u32 = "MaxKeys",
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
        encoding_type: Option<EncodingType> = "EncodingType",
    }
    /// The shape `ListObjectsV2Output`.
    ListObjectsV2Output {
        is_truncated: bool = "IsTruncated",
        contents: Vec<Object> = "Contents",
        name: String = "Name",
        prefix: Option<EncodedText> = "Prefix",
        delimiter: Option<EncodedText> = "Delimiter",
        max_keys: u32 = "MaxKeys",
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
        encoding_type: Option<EncodingType> = "EncodingType",
        key_count: u32 = "KeyCount",
        continuation_token: Option<String> = "ContinuationToken",
        next_continuation_token: Option<String> = "NextContinuationToken",
        start_after: Option<EncodedText> = "StartAfter",
    }
    /// The shape `Object`.
    Object {
        key: EncodedText = "Key",
        last_modified: Option<Timestamp> = "LastModified",
        etag: Option<ETag> = "ETag",
        checksum_algorithm: Vec<Algorithm> = "ChecksumAlgorithm",
        checksum_type: Option<ChecksumType> = "ChecksumType",
        size: u64 = "Size",
        storage_class: Option<StorageClass> = "StorageClass",
        owner: Option<Owner> = "Owner",
        restore_status: Option<RestoreStatus> = "RestoreStatus",
    }
    /// The shape `RestoreStatus`.
    RestoreStatus {
        is_restore_in_progress: Option<bool> = "IsRestoreInProgress",
        restore_expiry_date: Option<Timestamp> = "RestoreExpiryDate",
    }
    /// The shape `CommonPrefix`.
    CommonPrefix {
        prefix: EncodedText = "Prefix",
    }
    /// The shape `ListObjectVersionsOutput`.
    ListObjectVersionsOutput {
        is_truncated: bool = "IsTruncated",
        key_marker: Option<EncodedText> = "KeyMarker",
        version_id_marker: Option<String> = "VersionIdMarker",
        next_key_marker: Option<EncodedText> = "NextKeyMarker",
        next_version_id_marker: Option<String> = "NextVersionIdMarker",
        versions: Vec<ObjectVersion> = "Version",
        delete_markers: Vec<DeleteMarkerEntry> = "DeleteMarker",
        name: String = "Name",
        prefix: Option<EncodedText> = "Prefix",
        delimiter: Option<EncodedText> = "Delimiter",
        max_keys: u32 = "MaxKeys",
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
        encoding_type: Option<EncodingType> = "EncodingType",
    }
    /// The shape `ObjectVersion`.
    ObjectVersion {
        etag: Option<ETag> = "ETag",
        checksum_algorithm: Vec<Algorithm> = "ChecksumAlgorithm",
        checksum_type: Option<ChecksumType> = "ChecksumType",
        size: u64 = "Size",
        storage_class: Option<StorageClass> = "StorageClass",
        key: EncodedText = "Key",
        version_id: Option<String> = "VersionId",
        is_latest: bool = "IsLatest",
        last_modified: Option<Timestamp> = "LastModified",
        owner: Option<Owner> = "Owner",
        restore_status: Option<RestoreStatus> = "RestoreStatus",
    }
    /// The shape `DeleteMarkerEntry`.
    DeleteMarkerEntry {
        owner: Option<Owner> = "Owner",
        key: EncodedText = "Key",
        version_id: Option<String> = "VersionId",
        is_latest: bool = "IsLatest",
        last_modified: Option<Timestamp> = "LastModified",
    }
    /// The shape `ListMultipartUploadsOutput`.
    ListMultipartUploadsOutput {
        bucket: String = "Bucket",
        key_marker: Option<EncodedText> = "KeyMarker",
        upload_id_marker: Option<String> = "UploadIdMarker",
        next_key_marker: Option<EncodedText> = "NextKeyMarker",
        prefix: Option<EncodedText> = "Prefix",
        delimiter: Option<EncodedText> = "Delimiter",
        next_upload_id_marker: Option<String> = "NextUploadIdMarker",
        max_uploads: u32 = "MaxUploads",
        is_truncated: bool = "IsTruncated",
        uploads: Vec<MultipartUpload> = "Upload",
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
        encoding_type: Option<EncodingType> = "EncodingType",
    }
    /// The shape `MultipartUpload`.
    MultipartUpload {
        upload_id: String = "UploadId",
        key: EncodedText = "Key",
        initiated: Option<Timestamp> = "Initiated",
        storage_class: Option<StorageClass> = "StorageClass",
        owner: Option<Owner> = "Owner",
        initiator: Option<Owner> = "Initiator",
        checksum_algorithm: Option<Algorithm> = "ChecksumAlgorithm",
        checksum_type: Option<ChecksumType> = "ChecksumType",
        version_id: Option<String> = "VersionId",
    }
    /// The shape `ListPartsOutput`.
    ListPartsOutput {
        bucket: String = "Bucket",
        key: Option<String> = "Key",
        upload_id: String = "UploadId",
        part_number_marker: Option<u32> = "PartNumberMarker",
        next_part_number_marker: Option<u32> = "NextPartNumberMarker",
        max_parts: u32 = "MaxParts",
        is_truncated: bool = "IsTruncated",
        parts: Vec<Part> = "Part",
        initiator: Option<Owner> = "Initiator",
        owner: Option<Owner> = "Owner",
        storage_class: Option<StorageClass> = "StorageClass",
        checksum_algorithm: Option<Algorithm> = "ChecksumAlgorithm",
        checksum_type: Option<ChecksumType> = "ChecksumType",
    }
    /// The shape `Part`.
    Part {
        part_number: u32 = "PartNumber",
        last_modified: Option<Timestamp> = "LastModified",
        etag: Option<ETag> = "ETag",
        size: u64 = "Size",
        checksums: Checksums = "Checksum*",
    }
    /// The shape `ListObjectAnnotationsOutput`.
    ListObjectAnnotationsOutput {
        annotations: Option<Annotations> = "Annotations",
        bucket: Option<String> = "Bucket",
        key: Option<String> = "Key",
        annotation_prefix: Option<String> = "AnnotationPrefix",
        max_annotation_results: Option<u32> = "MaxAnnotationResults",
        annotation_count: Option<u32> = "AnnotationCount",
        continuation_token: Option<String> = "ContinuationToken",
        next_continuation_token: Option<String> = "NextContinuationToken",
    }
    /// The shape `AnnotationEntry`.
    AnnotationEntry {
        annotation_name: String = "AnnotationName",
        last_modified: Timestamp = "LastModified",
        etag: Option<ETag> = "ETag",
        checksum_algorithm: Vec<Algorithm> = "ChecksumAlgorithm",
        size: u64 = "Size",
        replication_status: Option<ReplicationStatus> = "ReplicationStatus",
    }
    /// The shape `Buckets`.
    Buckets {
        buckets: Vec<Bucket> = "Bucket",
    }
    /// The shape `Annotations`.
    Annotations {
        annotations: Vec<AnnotationEntry> = "AnnotationEntry",
    }
}

enums! {
    /// The enumeration `EncodingType`.
    EncodingType { Url = "url" }
    /// The enumeration `ReplicationStatus`.
    ReplicationStatus { Complete = "COMPLETE", Pending = "PENDING", Failed = "FAILED", Replica = "REPLICA", Completed = "COMPLETED" }
}

documents! {
    ListBucketsOutput = "ListAllMyBucketsResult",
    ListObjectsOutput = "ListBucketResult",
    ListObjectsV2Output = "ListBucketResult",
    ListObjectVersionsOutput = "ListVersionsResult",
    ListMultipartUploadsOutput = "ListMultipartUploadsResult",
    ListPartsOutput = "ListPartsResult",
    ListObjectAnnotationsOutput = "ListObjectAnnotationsResult",
}
