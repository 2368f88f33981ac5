//! What is asked of groups and what they answer, without their form on the wire.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ErrorCode;
use crate::txn::Producer;
use crate::wire::Uuid;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The client id in the request's header.
    pub id: String,
    /// Where it comes from, as Kafka writes it: `/127.0.0.1`.
    pub host: String,
    /// Who it is, if there is an authorizer: `User:x`. Not on record: after a restart it is empty until the client speaks again.
    pub principal: String,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// JoinGroup.
    Join(Join),
    /// SyncGroup.
    Sync(Sync),
    /// Heartbeat.
    Heartbeat(Heartbeat),
    /// LeaveGroup.
    Leave(Leave),
    /// DescribeGroups; `version` as an unknown group is told apart from version 6 on.
    Describe {
        /// The request's version.
        version: i16,
        /// Of which groups.
        groups: Vec<String>,
    },
    /// ListGroups: with no names every state, every type.
    List {
        /// States.
        states: Vec<String>,
        /// Types.
        types: Vec<String>,
    },
    /// DeleteGroups.
    Delete(Vec<String>),
    /// ConsumerGroupHeartbeat.
    Beat(Beat),
    /// ConsumerGroupDescribe.
    DescribeConsumers(Vec<String>),
    /// OffsetCommit and TxnOffsetCommit.
    Commit(Commit),
    /// OffsetFetch.
    Fetch(Fetch),
    /// OffsetDelete.
    DeleteOffsets(DeleteOffsets),
}

/// JoinGroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// The request's version: from 4 on a new member is given its id first.
    pub version: i16,
    /// The group.
    pub group: String,
    /// The member; empty for a new one.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// After how long a silent member is put out, in milliseconds.
    pub session_timeout_ms: i32,
    /// How long others wait for it in a rebalance, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// What kind of group: `consumer`, `connect` …
    pub protocol_type: String,
    /// Assignors by preference, each with what it needs to know of the member.
    pub protocols: Vec<(String, Vec<u8>)>,
}

/// SyncGroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sync {
    /// The group.
    pub group: String,
    /// The member.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// The generation that it joined.
    pub generation: i32,
    /// What it takes the group's kind to be, if it says.
    pub protocol_type: Option<String>,
    /// What it takes the chosen assignor to be, if it says.
    pub protocol: Option<String>,
    /// From the leader: who gets what.
    pub assignments: Vec<(String, Vec<u8>)>,
}

/// Heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The group.
    pub group: String,
    /// The member.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// The generation that it joined.
    pub generation: i32,
}

/// LeaveGroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leave {
    /// The group.
    pub group: String,
    /// Who leaves: by id, by name, or both.
    pub members: Vec<(String, Option<String>)>,
}

/// Partitions of a topic by its id.
pub type TopicPartitions = Vec<(Uuid, Vec<i32>)>;

/// ConsumerGroupHeartbeat. What is `None` has not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// The request's version: from 1 on members choose their ids.
    pub version: i16,
    /// The group.
    pub group: String,
    /// The member.
    pub member: String,
    /// Its epoch; 0 joins, −1 leaves, −2 leaves for a while.
    pub epoch: i32,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// Its rack.
    pub rack: Option<String>,
    /// How long it may take to give up partitions, in milliseconds; −1 if it has not changed.
    pub rebalance_timeout_ms: i32,
    /// Topics by name.
    pub topics: Option<Vec<String>>,
    /// Topics by a regular expression.
    pub regex: Option<String>,
    /// The assignor that it would like.
    pub assignor: Option<String>,
    /// What it owns.
    pub owned: Option<TopicPartitions>,
}

/// A topic in a request, by name, or by id in the newest versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicName {
    /// Its name; empty where it is given by id.
    pub name: String,
    /// Its id; zero where it is given by name.
    pub id: Uuid,
}

/// OffsetCommit, or TxnOffsetCommit if there is a producer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The request's version.
    pub version: i16,
    /// The group.
    pub group: String,
    /// The member; empty for none.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// Its generation, or its epoch in a newer group; −1 for none.
    pub generation: i32,
    /// How long the offsets are kept, in milliseconds; −1 as the broker's settings say.
    pub retention_ms: i64,
    /// The producer in whose transaction this is. That the transaction has the partition of `__consumer_offsets` is checked before.
    pub producer: Option<Producer>,
    /// What is committed.
    pub topics: Vec<(TopicName, Vec<CommitPartition>)>,
}

/// An offset that is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitPartition {
    /// The partition.
    pub partition: i32,
    /// The next offset that is to be read.
    pub offset: i64,
    /// The epoch of the leader from which the record before it came; −1 for unknown.
    pub leader_epoch: i32,
    /// Text of the client's own.
    pub metadata: String,
}

/// OffsetFetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Whether pending offsets of open transactions are an error.
    pub is_stable: bool,
    /// Of which groups.
    pub groups: Vec<FetchGroup>,
}

/// OffsetFetch of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchGroup {
    /// The group.
    pub group: String,
    /// A member of a newer group who asks for itself.
    pub member: Option<(String, i32)>,
    /// Which partitions; `None` for all with an offset.
    pub topics: Option<Vec<(TopicName, Vec<i32>)>>,
}

/// OffsetDelete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOffsets {
    /// The group.
    pub group: String,
    /// Which partitions.
    pub topics: Vec<(String, Vec<i32>)>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Ask::Join`].
    Join(Joined),
    /// To [`Ask::Sync`].
    Sync(Synced),
    /// To [`Ask::Heartbeat`].
    Heartbeat(ErrorCode),
    /// To [`Ask::Leave`].
    Leave {
        /// Of the request as a whole.
        error: ErrorCode,
        /// Of each member.
        members: Vec<(String, Option<String>, ErrorCode)>,
    },
    /// To [`Ask::Describe`].
    Describe(Vec<Described>),
    /// To [`Ask::List`].
    List {
        /// Whether it can be told.
        error: ErrorCode,
        /// Groups by name.
        groups: Vec<Listed>,
    },
    /// To [`Ask::Delete`].
    Delete(Vec<(String, ErrorCode)>),
    /// To [`Ask::Beat`].
    Beat(Beaten),
    /// To [`Ask::DescribeConsumers`].
    DescribeConsumers(Vec<DescribedConsumers>),
    /// To [`Ask::Commit`].
    Commit(Vec<(TopicName, Vec<(i32, ErrorCode)>)>),
    /// To [`Ask::Fetch`].
    Fetch(Vec<FetchedGroup>),
    /// To [`Ask::DeleteOffsets`].
    DeleteOffsets {
        /// Of the request as a whole.
        error: ErrorCode,
        /// Of each partition.
        topics: Vec<(String, Vec<(i32, ErrorCode)>)>,
    },
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// How it went.
    pub error: ErrorCode,
    /// The generation; −1 with an error.
    pub generation: i32,
    /// The group's kind.
    pub protocol_type: Option<String>,
    /// The chosen assignor.
    pub protocol: Option<String>,
    /// The leader's id.
    pub leader: String,
    /// Whether the leader need not assign anew.
    pub skips_assignment: bool,
    /// The member's own id.
    pub member: String,
    /// For the leader: every member.
    pub members: Vec<JoinedMember>,
}

impl Joined {
    /// A refusal.
    pub const fn refused(error: ErrorCode, member: String) -> Joined {
        Joined {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skips_assignment: false,
            member,
            members: Vec::new(),
        }
    }
}

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// What the chosen assignor needs to know of it.
    pub metadata: Vec<u8>,
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// How it went.
    pub error: ErrorCode,
    /// The group's kind.
    pub protocol_type: Option<String>,
    /// The chosen assignor.
    pub protocol: Option<String>,
    /// What the member gets.
    pub assignment: Vec<u8>,
}

impl Synced {
    /// A refusal.
    pub fn refused(error: ErrorCode) -> Synced {
        Synced { error, ..Synced::default() }
    }
}

/// One group as DescribeGroups tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Whether it can be told.
    pub error: ErrorCode,
    /// Its name.
    pub group: String,
    /// Its state by Kafka's name.
    pub state: &'static str,
    /// Its kind.
    pub protocol_type: String,
    /// Its assignor.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
    /// What the client may do with it, as bits, if it is told.
    pub operations: Option<i32>,
}

impl Described {
    /// A refusal: nothing is told.
    pub const fn refused(group: String, error: ErrorCode) -> Described {
        Described {
            error,
            group,
            state: "",
            protocol_type: String::new(),
            protocol: String::new(),
            members: Vec::new(),
            operations: None,
        }
    }
}

/// A member as DescribeGroups tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// Its client.
    pub client: Client,
    /// What the assignor knows of it.
    pub metadata: Vec<u8>,
    /// What it has.
    pub assignment: Vec<u8>,
}

/// One group as ListGroups tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub group: String,
    /// Its kind.
    pub protocol_type: String,
    /// Its state.
    pub state: &'static str,
    /// Its type: `classic` or `consumer`.
    pub group_type: &'static str,
}

/// The answer to ConsumerGroupHeartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// How it went.
    pub error: ErrorCode,
    /// The member's id.
    pub member: Option<String>,
    /// Its epoch from now on.
    pub epoch: i32,
    /// When it speaks again, in milliseconds.
    pub interval_ms: i32,
    /// What it is to own, if that has changed.
    pub assignment: Option<TopicPartitions>,
}

impl Beaten {
    /// A refusal.
    pub const fn refused(error: ErrorCode) -> Beaten {
        Beaten { error, member: None, epoch: 0, interval_ms: 0, assignment: None }
    }
}

/// Partitions with the topic's id and name.
pub type NamedPartitions = Vec<(Uuid, String, Vec<i32>)>;

/// One group as ConsumerGroupDescribe tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedConsumers {
    /// Whether it can be told.
    pub error: ErrorCode,
    /// Its name.
    pub group: String,
    /// Its state.
    pub state: &'static str,
    /// Its epoch.
    pub epoch: i32,
    /// The epoch of its target.
    pub target_epoch: i32,
    /// Its assignor.
    pub assignor: &'static str,
    /// Its members.
    pub members: Vec<DescribedConsumer>,
    /// What the client may do with it, as bits, if it is told.
    pub operations: Option<i32>,
}

impl DescribedConsumers {
    /// A refusal: nothing is told.
    pub fn refused(group: String, error: ErrorCode) -> DescribedConsumers {
        DescribedConsumers { error, group, ..DescribedConsumers::default() }
    }
}

/// A member as ConsumerGroupDescribe tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedConsumer {
    /// Its id.
    pub member: String,
    /// Its name across restarts.
    pub instance: Option<String>,
    /// Its rack.
    pub rack: Option<String>,
    /// Its epoch.
    pub epoch: i32,
    /// Its client.
    pub client: Client,
    /// Topics by name.
    pub topics: Vec<String>,
    /// Topics by a regular expression.
    pub regex: Option<String>,
    /// What it owns.
    pub assignment: NamedPartitions,
    /// What it is to own.
    pub target: NamedPartitions,
}

/// Offsets of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedGroup {
    /// The group.
    pub group: String,
    /// Of the group as a whole.
    pub error: ErrorCode,
    /// Its offsets.
    pub topics: Vec<(TopicName, Vec<FetchedPartition>)>,
}

/// The offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: i32,
    /// The offset; −1 for none.
    pub offset: i64,
    /// The epoch of the leader; −1 for unknown.
    pub leader_epoch: i32,
    /// The client's own text.
    pub metadata: String,
    /// Whether it can be told.
    pub error: ErrorCode,
}
