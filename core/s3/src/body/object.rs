//! What comes with objects and their parts. Written from botocore's model of 2006-03-01, members in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::common::{Checksums, StorageClass, Unread};
use crate::checksum::ChecksumType;
use crate::etag::ETag;
use crate::limits::DELETE_KEYS_MAX;
use crate::time::Timestamp;
use crate::xml::{Document, XmlError, documents, enums, shapes};

shapes! {
    /// The shape `CompletedMultipartUpload`.
    CompletedMultipartUpload {
        parts: Vec<CompletedPart> = "Part",
    }
    /// The shape `CompletedPart`.
    CompletedPart {
        etag: ETag = "ETag",
        checksums: Checksums = "Checksum*",
        part_number: i32 = "PartNumber",
    }
    /// The shape `CompleteMultipartUploadOutput`.
    CompleteMultipartUploadOutput {
        location: Option<String> = "Location",
        bucket: Option<String> = "Bucket",
        key: Option<String> = "Key",
        etag: Option<ETag> = "ETag",
        checksums: Checksums = "Checksum*",
        checksum_type: Option<ChecksumType> = "ChecksumType",
    }
    /// The shape `CopyObjectResult`.
    CopyObjectResult {
        etag: Option<ETag> = "ETag",
        last_modified: Option<Timestamp> = "LastModified",
        checksum_type: Option<ChecksumType> = "ChecksumType",
        checksums: Checksums = "Checksum*",
    }
    /// The shape `CopyPartResult`.
    CopyPartResult {
        etag: Option<ETag> = "ETag",
        last_modified: Option<Timestamp> = "LastModified",
        checksums: Checksums = "Checksum*",
    }
    /// The shape `CreateMultipartUploadOutput`.
    CreateMultipartUploadOutput {
        bucket: String = "Bucket",
        key: String = "Key",
        upload_id: String = "UploadId",
    }
    /// The shape `Delete`.
    Delete {
        objects: Vec<ObjectIdentifier> = "Object",
        quiet: Option<bool> = "Quiet",
    }
    /// The shape `ObjectIdentifier`.
    ObjectIdentifier {
        key: String = "Key",
        version_id: Option<String> = "VersionId",
        etag: Option<ETag> = "ETag",
        last_modified_time: Option<Timestamp> = "LastModifiedTime",
        size: Option<u64> = "Size",
    }
    /// The shape `DeleteObjectsOutput`.
    DeleteObjectsOutput {
        deleted: Vec<DeletedObject> = "Deleted",
        errors: Vec<DeleteError> = "Error",
    }
    /// The shape `DeletedObject`.
    DeletedObject {
        key: Option<String> = "Key",
        version_id: Option<String> = "VersionId",
        delete_marker: Option<bool> = "DeleteMarker",
        delete_marker_version_id: Option<String> = "DeleteMarkerVersionId",
    }
    /// The shape `DeleteError`.
    DeleteError {
        key: Option<String> = "Key",
        version_id: Option<String> = "VersionId",
        code: Option<String> = "Code",
        message: Option<String> = "Message",
    }
    /// The shape `GetObjectAttributesOutput`.
    GetObjectAttributesOutput {
        etag: Option<String> = "ETag",
        checksum: Option<ObjectChecksums> = "Checksum",
        object_parts: Option<GetObjectAttributesParts> = "ObjectParts",
        storage_class: Option<StorageClass> = "StorageClass",
        object_size: Option<u64> = "ObjectSize",
    }
    /// The shape `ObjectChecksums`.
    ObjectChecksums {
        checksums: Checksums = "Checksum*",
        checksum_type: Option<ChecksumType> = "ChecksumType",
    }
    /// The shape `GetObjectAttributesParts`.
    GetObjectAttributesParts {
        total_parts_count: Option<u32> = "PartsCount",
        part_number_marker: Option<u32> = "PartNumberMarker",
        next_part_number_marker: Option<u32> = "NextPartNumberMarker",
        max_parts: Option<u32> = "MaxParts",
        is_truncated: Option<bool> = "IsTruncated",
        parts: Vec<ObjectPart> = "Part",
    }
    /// The shape `ObjectPart`.
    ObjectPart {
        part_number: Option<u32> = "PartNumber",
        size: Option<u64> = "Size",
        checksums: Checksums = "Checksum*",
    }
    /// The shape `RestoreRequest`.
    RestoreRequest {
        days: Option<u32> = "Days",
        glacier_job_parameters: Option<GlacierJobParameters> = "GlacierJobParameters",
        kind: Option<RestoreRequestType> = "Type",
        tier: Option<Tier> = "Tier",
        description: Option<String> = "Description",
        select_parameters: Option<Unread> = "SelectParameters",
        output_location: Option<Unread> = "OutputLocation",
    }
    /// The shape `GlacierJobParameters`.
    GlacierJobParameters {
        tier: Tier = "Tier",
    }
    /// The shape `PutObjectAnnotationOutput`.
    PutObjectAnnotationOutput {
        key: Option<String> = "Key",
        annotation_name: Option<String> = "AnnotationName",
    }
}

enums! {
    /// The enumeration `RestoreRequestType`.
    RestoreRequestType { Select = "SELECT" }
    /// The enumeration `Tier`.
    Tier { Standard = "Standard", Bulk = "Bulk", Expedited = "Expedited" }
}

documents! {
    CompletedMultipartUpload = "CompleteMultipartUpload",
    CompleteMultipartUploadOutput = "CompleteMultipartUploadResult",
    CopyObjectResult = "CopyObjectResult",
    CopyPartResult = "CopyPartResult",
    CreateMultipartUploadOutput = "InitiateMultipartUploadResult",
    DeleteObjectsOutput = "DeleteResult",
    GetObjectAttributesOutput = "GetObjectAttributesResponse",
    RestoreRequest = "RestoreRequest",
    PutObjectAnnotationOutput = "PutObjectAnnotationResult",
}

impl Document for Delete {
    const ROOT: &'static str = "Delete";

    fn check(&self) -> Result<(), XmlError> {
        match self.objects.len() {
            0 => Err(XmlError::Missing { element: "Object" }),
            count if count > DELETE_KEYS_MAX => Err(XmlError::Count { at: 0 }),
            _ if self.objects.iter().any(|object| object.key.is_empty()) => Err(XmlError::Value { at: 0 }),
            _ => Ok(()),
        }
    }
}
