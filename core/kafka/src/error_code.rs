//! Error codes of the protocol.

use core::fmt;

/// A code in a response; 0 is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

macro_rules! codes {
    ($($name:ident = $code:literal, $about:literal;)*) => {
        impl ErrorCode {
            $(#[doc = $about] pub const $name: ErrorCode = ErrorCode($code);)*

            /// Kafka's name for it; empty for one that is not known here.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($code => stringify!($name),)*
                    _ => "",
                }
            }

            /// What it means, in a sentence; for the text beside a code in answers.
            pub const fn about(self) -> &'static str {
                match self.0 {
                    $($code => $about,)*
                    _ => "",
                }
            }
        }
    };
}

codes! {
    UNKNOWN_SERVER_ERROR = -1, "Something that no other code says.";
    NONE = 0, "All went well.";
    OFFSET_OUT_OF_RANGE = 1, "The offset is not within the log.";
    CORRUPT_MESSAGE = 2, "A batch is damaged, or of a format that is not taken.";
    UNKNOWN_TOPIC_OR_PARTITION = 3, "There is no such topic or partition.";
    INVALID_FETCH_SIZE = 4, "The size to fetch makes no sense.";
    LEADER_NOT_AVAILABLE = 5, "The partition has no leader yet.";
    NOT_LEADER_OR_FOLLOWER = 6, "Another broker leads the partition.";
    REQUEST_TIMED_OUT = 7, "It took too long.";
    MESSAGE_TOO_LARGE = 10, "A batch is larger than the topic allows.";
    OFFSET_METADATA_TOO_LARGE = 12, "The text beside an offset is too long.";
    COORDINATOR_LOAD_IN_PROGRESS = 14, "The coordinator is still reading its log.";
    COORDINATOR_NOT_AVAILABLE = 15, "The coordinator cannot do it now.";
    NOT_COORDINATOR = 16, "Another broker coordinates this.";
    INVALID_TOPIC_EXCEPTION = 17, "The topic's name is not allowed, or the topic is not for this.";
    RECORD_LIST_TOO_LARGE = 18, "The records are larger than a segment.";
    NOT_ENOUGH_REPLICAS = 19, "Too few replicas, or a coordinator that is busy: to be tried again.";
    INVALID_REQUIRED_ACKS = 21, "Acks is neither -1, 0 nor 1.";
    ILLEGAL_GENERATION = 22, "The member's generation is not the group's.";
    INCONSISTENT_GROUP_PROTOCOL = 23, "The member shares no protocol with its group.";
    INVALID_GROUP_ID = 24, "The group's name is not allowed.";
    UNKNOWN_MEMBER_ID = 25, "The group has no such member.";
    INVALID_SESSION_TIMEOUT = 26, "The session timeout is outside what the broker allows.";
    REBALANCE_IN_PROGRESS = 27, "The group is rebalancing: join again.";
    TOPIC_AUTHORIZATION_FAILED = 29, "Not allowed for this topic.";
    GROUP_AUTHORIZATION_FAILED = 30, "Not allowed for this group.";
    CLUSTER_AUTHORIZATION_FAILED = 31, "Not allowed for the cluster.";
    INVALID_TIMESTAMP = 32, "A timestamp is too far from the broker's clock.";
    UNSUPPORTED_SASL_MECHANISM = 33, "The SASL mechanism is not offered.";
    ILLEGAL_SASL_STATE = 34, "Not at this point of the SASL handshake.";
    UNSUPPORTED_VERSION = 35, "The version is not spoken here.";
    TOPIC_ALREADY_EXISTS = 36, "There is a topic of this name.";
    INVALID_PARTITIONS = 37, "The number of partitions is not allowed.";
    INVALID_REPLICATION_FACTOR = 38, "More replicas than brokers, or less than one.";
    INVALID_REPLICA_ASSIGNMENT = 39, "The assignment of replicas is not possible.";
    INVALID_CONFIG = 40, "A setting is not known or its value not allowed.";
    NOT_CONTROLLER = 41, "Another broker is the controller.";
    INVALID_REQUEST = 42, "The request contradicts itself.";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, "The message format does not allow it.";
    POLICY_VIOLATION = 44, "A policy forbids it.";
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, "The sequence does not follow the last one.";
    DUPLICATE_SEQUENCE_NUMBER = 46, "The batch was appended before.";
    INVALID_PRODUCER_EPOCH = 47, "The producer has an older epoch.";
    INVALID_TXN_STATE = 48, "Not in this state of the transaction.";
    INVALID_PRODUCER_ID_MAPPING = 49, "The transactional id has another producer id.";
    INVALID_TRANSACTION_TIMEOUT = 50, "The timeout is larger than the broker allows.";
    CONCURRENT_TRANSACTIONS = 51, "The transaction is being changed: to be tried again.";
    TRANSACTION_COORDINATOR_FENCED = 52, "A newer coordinator has spoken.";
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, "Not allowed for this transactional id.";
    SECURITY_DISABLED = 54, "There is no security here.";
    OPERATION_NOT_ATTEMPTED = 55, "Left undone since another part failed.";
    KAFKA_STORAGE_ERROR = 56, "The disk failed.";
    LOG_DIR_NOT_FOUND = 57, "The broker has no such directory.";
    SASL_AUTHENTICATION_FAILED = 58, "Wrong user or password.";
    UNKNOWN_PRODUCER_ID = 59, "Nothing is known of the producer.";
    REASSIGNMENT_IN_PROGRESS = 60, "Partitions are being moved.";
    NON_EMPTY_GROUP = 68, "The group has members.";
    GROUP_ID_NOT_FOUND = 69, "There is no such group.";
    FETCH_SESSION_ID_NOT_FOUND = 70, "There is no such fetch session.";
    INVALID_FETCH_SESSION_EPOCH = 71, "The fetch session's epoch is wrong.";
    TOPIC_DELETION_DISABLED = 73, "Topics are not deleted here: delete.topic.enable is off.";
    FENCED_LEADER_EPOCH = 74, "The client's leader epoch is older.";
    UNKNOWN_LEADER_EPOCH = 75, "The client's leader epoch is newer.";
    UNSUPPORTED_COMPRESSION_TYPE = 76, "The codec is not allowed in this version.";
    MEMBER_ID_REQUIRED = 79, "Join again with the id in this answer.";
    GROUP_MAX_SIZE_REACHED = 81, "The group is full.";
    FENCED_INSTANCE_ID = 82, "Another member has taken this instance id.";
    ELECTION_NOT_NEEDED = 84, "The partition has the leader that it should have.";
    NO_REASSIGNMENT_IN_PROGRESS = 85, "The partition is not being moved.";
    GROUP_SUBSCRIBED_TO_TOPIC = 86, "Members of the group read the topic.";
    INVALID_RECORD = 87, "A record breaks a rule.";
    UNSTABLE_OFFSET_COMMIT = 88, "Offsets of an open transaction are pending.";
    PRODUCER_FENCED = 90, "A newer producer has the transactional id.";
    RESOURCE_NOT_FOUND = 91, "There is nothing of this name.";
    DUPLICATE_RESOURCE = 92, "The request names the same thing twice.";
    UNACCEPTABLE_CREDENTIAL = 93, "The credential is not acceptable.";
    INCONSISTENT_TOPIC_ID = 103, "The topic's id is another one.";
    TRANSACTIONAL_ID_NOT_FOUND = 105, "There is no such transactional id.";
    UNKNOWN_TOPIC_ID = 100, "No topic has this id.";
    FENCED_MEMBER_EPOCH = 110, "The member's epoch is not the group's.";
    UNRELEASED_INSTANCE_ID = 111, "Another member still has this instance id.";
    UNSUPPORTED_ASSIGNOR = 112, "The assignor is not known.";
    STALE_MEMBER_EPOCH = 113, "The member's epoch is older.";
    INVALID_REGULAR_EXPRESSION = 128, "The regular expression does not parse.";
    UNSUPPORTED_ENDPOINT_TYPE = 115, "There is no endpoint of this type.";
    TRANSACTION_ABORTABLE = 120, "The transaction must be aborted.";
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "" => write!(f, "error {}", self.0),
            name => f.write_str(name),
        }
    }
}
