//! `DescribeTopicPartitionsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeTopicPartitionsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`DescribeTopicPartitionsResponseTopic`].
    pub topics: List<'a, DescribeTopicPartitionsResponseTopic<'a>>,
    /// `NextCursor`: [`Cursor`].
    pub next_cursor: Option<Cursor<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeTopicPartitionsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeTopicPartitionsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            next_cursor: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.topics.write(w, v)?;
        Wire::write_nullable(self.next_cursor.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeTopicPartitionsResponseTopic` within [`DescribeTopicPartitionsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsResponseTopic<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Name`: text.
    pub name: Option<&'a str>,
    /// `TopicId`: Uuid.
    pub topic_id: Uuid,
    /// `IsInternal`: bool.
    pub is_internal: bool,
    /// `Partitions`: list of [`DescribeTopicPartitionsResponsePartition`].
    pub partitions: List<'a, DescribeTopicPartitionsResponsePartition<'a>>,
    /// `TopicAuthorizedOperations`: i32.
    pub topic_authorized_operations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeTopicPartitionsResponseTopic<'_> {
    fn default() -> Self {
        DescribeTopicPartitionsResponseTopic {
            error_code: 0,
            name: Some(""),
            topic_id: Uuid::default(),
            is_internal: false,
            partitions: List::default(),
            topic_authorized_operations: -2147483648,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeTopicPartitionsResponseTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeTopicPartitionsResponseTopic {
            error_code: Wire::read(r, v)?,
            name: Wire::read_nullable(r, v)?,
            topic_id: Wire::read(r, v)?,
            is_internal: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            topic_authorized_operations: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.name.as_ref(), w, v)?;
        self.topic_id.write(w, v)?;
        self.is_internal.write(w, v)?;
        self.partitions.write(w, v)?;
        self.topic_authorized_operations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeTopicPartitionsResponsePartition` within [`DescribeTopicPartitionsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsResponsePartition<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `LeaderId`: i32.
    pub leader_id: i32,
    /// `LeaderEpoch`: i32.
    pub leader_epoch: i32,
    /// `ReplicaNodes`: list of i32.
    pub replica_nodes: List<'a, i32>,
    /// `IsrNodes`: list of i32.
    pub isr_nodes: List<'a, i32>,
    /// `EligibleLeaderReplicas`: list of i32.
    pub eligible_leader_replicas: Option<List<'a, i32>>,
    /// `LastKnownElr`: list of i32.
    pub last_known_elr: Option<List<'a, i32>>,
    /// `OfflineReplicas`: list of i32.
    pub offline_replicas: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeTopicPartitionsResponsePartition<'_> {
    fn default() -> Self {
        DescribeTopicPartitionsResponsePartition {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: List::default(),
            isr_nodes: List::default(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeTopicPartitionsResponsePartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeTopicPartitionsResponsePartition {
            error_code: Wire::read(r, v)?,
            partition_index: Wire::read(r, v)?,
            leader_id: Wire::read(r, v)?,
            leader_epoch: Wire::read(r, v)?,
            replica_nodes: Wire::read(r, v)?,
            isr_nodes: Wire::read(r, v)?,
            eligible_leader_replicas: Wire::read_nullable(r, v)?,
            last_known_elr: Wire::read_nullable(r, v)?,
            offline_replicas: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.partition_index.write(w, v)?;
        self.leader_id.write(w, v)?;
        self.leader_epoch.write(w, v)?;
        self.replica_nodes.write(w, v)?;
        self.isr_nodes.write(w, v)?;
        Wire::write_nullable(self.eligible_leader_replicas.as_ref(), w, v)?;
        Wire::write_nullable(self.last_known_elr.as_ref(), w, v)?;
        self.offline_replicas.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Cursor` within [`DescribeTopicPartitionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor<'a> {
    /// `TopicName`: text.
    pub topic_name: &'a str,
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for Cursor<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Cursor {
            topic_name: Wire::read(r, v)?,
            partition_index: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_name.write(w, v)?;
        self.partition_index.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeTopicPartitionsResponse<'a> {
    const KEY: i16 = 75;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
