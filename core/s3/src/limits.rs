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
