//! Limits, each with its reason.

/// Longest key in bytes (S3 user guide, "Object key naming").
pub const KEY_LEN_MAX: usize = 1024;
/// Longest target or source of a copy: a key with every byte encoded, and a presigned query with a session token of 8 KiB.
pub const TARGET_LEN_MAX: usize = 32 << 10;
/// Most pairs of a query; presigned requests have about 20.
pub const QUERY_PAIRS_MAX: usize = 128;
/// Longest XML body: 10,000 parts with a checksum each take 2.5 MB.
pub const XML_LEN_MAX: usize = 4 << 20;
/// Deepest nesting of elements; the deepest shape of the model has nine.
pub const XML_DEPTH_MAX: usize = 16;
/// Most elements in one list; a multipart upload has 10,000 parts.
pub const LIST_LEN_MAX: usize = 10_000;
/// Most keys of one DeleteObjects.
pub const DELETE_KEYS_MAX: usize = 1000;
/// Highest number of a part.
pub const PART_NUMBER_MAX: u32 = 10_000;
// What the store keeps.

/// Bytes of one put (S3 user guide, "Uploading objects").
pub const PUT_LEN_MAX: u64 = 5 << 30;
/// Bytes of an object: 48.8 TiB since December 2025, 10,000 parts of 5 GiB.
pub const OBJECT_LEN_MAX: u64 = 10_000 * (5 << 30);
/// Least bytes of a part that is not the last.
pub const PART_LEN_MIN: u64 = 5 << 20;
/// Parts of an upload.
pub const PARTS_MAX: u16 = 10_000;
/// Appends to one object, as to objects of directory buckets.
pub const APPENDS_MAX: u32 = 10_000;
/// Annotations of one version: the model names a limit without its number; a listing has one page of them.
pub const ANNOTATIONS_MAX: usize = 1000;
/// Longest name of an annotation.
pub const ANNOTATION_NAME_LEN_MAX: usize = 512;
/// Bytes of a policy (S3 user guide, "Bucket policies").
pub const POLICY_LEN_MAX: usize = 20 << 10;
/// Values of one member of a policy, and conditions of a statement: more than fit into its bytes in earnest.
pub const POLICY_VALUES_MAX: usize = 4096;
/// Rules of one lifecycle (S3 user guide).
pub const LIFECYCLE_RULES_MAX: usize = 1000;
/// Tags of an object.
pub const OBJECT_TAGS_MAX: usize = 10;
/// Tags of a bucket.
pub const BUCKET_TAGS_MAX: usize = 50;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Routing rules of a website.
pub const ROUTING_RULES_MAX: usize = 50;
/// Configurations of one kind with ids: analytics, inventories, metrics; and rules of replication.
pub const CONFIGURATIONS_MAX: usize = 1000;
/// Bytes of a user's, key's or policy's name.
pub const NAME_LEN_MAX: usize = 128;
/// Policies of a user, managed and its own each.
pub const USER_POLICIES_MAX: usize = 20;

// What requests and bodies may be.

/// Longest access key; Amazon's have 20 bytes and may have 128.
pub const ACCESS_KEY_LEN_MAX: usize = 128;
/// Most headers of one signature.
pub const SIGNED_HEADERS_MAX: usize = 128;
/// Most bytes of a form before its file, headers of its parts included (S3: 20 KB).
pub const FORM_FIELDS_LEN_MAX: usize = 20 << 10;
/// Most fields of a form.
pub const FORM_FIELDS_MAX: usize = 100;
/// Most conditions of a form's policy.
pub const POLICY_CONDITIONS_MAX: usize = 200;
