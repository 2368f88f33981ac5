//! `OffsetCommitRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 2 to 10.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetCommitRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `GenerationIdOrMemberEpoch`: i32.
    pub generation_id_or_member_epoch: i32,
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 7.
    pub group_instance_id: Option<&'a str>,
    /// `RetentionTimeMs`: i64, versions 2 to 4.
    pub retention_time_ms: i64,
    /// `Topics`: list of [`OffsetCommitRequestTopic`].
    pub topics: List<'a, OffsetCommitRequestTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetCommitRequest<'_> {
    fn default() -> Self {
        OffsetCommitRequest {
            group_id: "",
            generation_id_or_member_epoch: -1,
            member_id: "",
            group_instance_id: None,
            retention_time_ms: -1,
            topics: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetCommitRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitRequest {
            group_id: Wire::read(r, v)?,
            generation_id_or_member_epoch: Wire::read(r, v)?,
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 7 { Wire::read_nullable(r, v)? } else { None },
            retention_time_ms: if v <= 4 { Wire::read(r, v)? } else { -1 },
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.generation_id_or_member_epoch.write(w, v)?;
        self.member_id.write(w, v)?;
        if v >= 7 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        } else {
            absent(self.group_instance_id.is_none(), "OffsetCommitRequest.GroupInstanceId", v)?;
        }
        if v <= 4 {
            self.retention_time_ms.write(w, v)?;
        }
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetCommitRequestTopic` within [`OffsetCommitRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetCommitRequestTopic<'a> {
    /// `Name`: text, versions 2 to 9.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 10.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`OffsetCommitRequestPartition`].
    pub partitions: List<'a, OffsetCommitRequestPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetCommitRequestTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitRequestTopic {
            name: if v <= 9 { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 10 { Wire::read(r, v)? } else { Uuid::default() },
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 9 {
            self.name.write(w, v)?;
        }
        if v >= 10 {
            self.topic_id.write(w, v)?;
        }
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetCommitRequestPartition` within [`OffsetCommitRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetCommitRequestPartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `CommittedOffset`: i64.
    pub committed_offset: i64,
    /// `CommittedLeaderEpoch`: i32, from version 6.
    pub committed_leader_epoch: i32,
    /// `CommittedMetadata`: text.
    pub committed_metadata: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetCommitRequestPartition<'_> {
    fn default() -> Self {
        OffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(""),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetCommitRequestPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitRequestPartition {
            partition_index: Wire::read(r, v)?,
            committed_offset: Wire::read(r, v)?,
            committed_leader_epoch: if v >= 6 { Wire::read(r, v)? } else { -1 },
            committed_metadata: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.committed_offset.write(w, v)?;
        if v >= 6 {
            self.committed_leader_epoch.write(w, v)?;
        }
        Wire::write_nullable(self.committed_metadata.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetCommitRequest<'a> {
    const KEY: i16 = 8;
    const VERSIONS: (i16, i16) = (2, 10);
    const FLEXIBLE_FROM: i16 = 8;
}
