//! Every limit, with its reason.

/// The largest value of a batch's length field: what Kafka's 32-bit sizes can hold with room for a segment's other batches.
pub const BATCH_LEN_MAX: usize = 1 << 30;

/// Transactional ids of one broker: a client that invents them without end must not take all memory.
pub const TRANSACTIONAL_IDS_MAX: usize = 1 << 20;

/// Bytes that the records of one batch may expand to where nothing else limits them: as long as a batch may be uncompressed.
pub const EXPANDED_LEN_MAX: usize = BATCH_LEN_MAX;

/// Bytes that a produced batch may expand to: enough for a full batch of a hundredfold compression, little enough that a bomb is no harm.
pub const PRODUCED_EXPANDED_LEN_MAX: usize = 256 << 20;

/// Records that one refusal names: an answer must not outgrow its request.
pub const RECORD_ERRORS_MAX: usize = 64;

/// Bytes of keys that one pass of the cleaner remembers; a log with more is cleaned in several passes. Kafka's
/// `log.cleaner.dedupe.buffer.size`.
pub const CLEANER_KEY_BYTES_MAX: usize = 128 << 20;

/// Letters of a topic's name: with the partition's number it is a folder's name.
pub const TOPIC_NAME_LEN_MAX: usize = 249;

/// Partitions of one topic: as many as Kafka makes in one request.
pub const PARTITIONS_MAX: i32 = 10_000;

/// Groups of one broker: a client that invents them without end must not take all memory.
pub const GROUPS_MAX: usize = 1 << 20;

/// Groups that have settings of their own; every one is held in memory.
pub const GROUPS_SET_MAX: usize = 1 << 16;

/// SCRAM credentials of one broker: every one is held in memory.
pub const CREDENTIALS_MAX: usize = 1 << 16;

/// Bytes of the name of a user with a credential: all of them are held in memory.
pub const USER_NAME_LEN_MAX: usize = 255;

/// Bytes of a credential's salt: clients take 16 to 32.
pub const SALT_LEN_MAX: usize = 1024;

/// Members of one group where `group.max.size` says nothing less.
pub const MEMBERS_MAX: usize = 10_000;

/// Requests of one group that wait for its log.
pub const WAITING_MAX: usize = 1 << 14;

/// Bytes of a regular expression as a client writes it: what stands for it while it is read is ninety times as long.
pub const PATTERN_LEN_MAX: usize = 32 << 10;

/// Access rules of one broker: whoever may make them must not take all memory. More than any cluster that Kafka's manual thinks of has.
pub const ACLS_MAX: usize = 1 << 16;

/// Access rules that one request makes or takes away: Kafka's `MAX_RECORDS_PER_USER_OP`.
pub const ACLS_PER_REQUEST_MAX: usize = 10_000;

/// Bytes of an access rule's name, principal and host together: a topic's name has 249, and all rules stay in memory.
pub const ACL_TEXT_LEN_MAX: usize = 4096;

/// Elements that the arrays of one request may have together: an element of a byte or two becomes up to four hundred bytes while its
/// answer is made, so that short ones are counted. Sixteen bytes each is less than any client's offsets, partitions of a fetch, or names take on the average.
pub const fn request_elements_max(request_len: usize) -> usize {
    20_000 + request_len / 16
}
