//! `TxnOffsetCommitRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct TxnOffsetCommitRequest<'a> {
    /// `TransactionalId`: text.
    pub transactional_id: &'a str,
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16.
    pub producer_epoch: i16,
    /// `GenerationIdOrMemberEpoch`: i32, from version 3.
    pub generation_id_or_member_epoch: i32,
    /// `MemberId`: text, from version 3.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 3.
    pub group_instance_id: Option<&'a str>,
    /// `Topics`: list of [`TxnOffsetCommitRequestTopic`].
    pub topics: List<'a, TxnOffsetCommitRequestTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for TxnOffsetCommitRequest<'_> {
    fn default() -> Self {
        TxnOffsetCommitRequest {
            transactional_id: "",
            group_id: "",
            producer_id: 0,
            producer_epoch: 0,
            generation_id_or_member_epoch: -1,
            member_id: "",
            group_instance_id: None,
            topics: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for TxnOffsetCommitRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TxnOffsetCommitRequest {
            transactional_id: Wire::read(r, v)?,
            group_id: Wire::read(r, v)?,
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            generation_id_or_member_epoch: if v >= 3 { Wire::read(r, v)? } else { -1 },
            member_id: if v >= 3 { Wire::read(r, v)? } else { "" },
            group_instance_id: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.transactional_id.write(w, v)?;
        self.group_id.write(w, v)?;
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        if v >= 3 {
            self.generation_id_or_member_epoch.write(w, v)?;
        } else {
            absent(
                self.generation_id_or_member_epoch == -1,
                "TxnOffsetCommitRequest.GenerationIdOrMemberEpoch",
                v,
            )?;
        }
        if v >= 3 {
            self.member_id.write(w, v)?;
        } else {
            absent(self.member_id.is_empty(), "TxnOffsetCommitRequest.MemberId", v)?;
        }
        if v >= 3 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        } else {
            absent(self.group_instance_id.is_none(), "TxnOffsetCommitRequest.GroupInstanceId", v)?;
        }
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TxnOffsetCommitRequestTopic` within [`TxnOffsetCommitRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnOffsetCommitRequestTopic<'a> {
    /// `Name`: text, versions 0 to 5.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 6.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`TxnOffsetCommitRequestPartition`].
    pub partitions: List<'a, TxnOffsetCommitRequestPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TxnOffsetCommitRequestTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TxnOffsetCommitRequestTopic {
            name: if v <= 5 { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 6 { Wire::read(r, v)? } else { Uuid::default() },
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 5 {
            self.name.write(w, v)?;
        }
        if v >= 6 {
            self.topic_id.write(w, v)?;
        }
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TxnOffsetCommitRequestPartition` within [`TxnOffsetCommitRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct TxnOffsetCommitRequestPartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `CommittedOffset`: i64.
    pub committed_offset: i64,
    /// `CommittedLeaderEpoch`: i32, from version 2.
    pub committed_leader_epoch: i32,
    /// `CommittedMetadata`: text.
    pub committed_metadata: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for TxnOffsetCommitRequestPartition<'_> {
    fn default() -> Self {
        TxnOffsetCommitRequestPartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(""),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for TxnOffsetCommitRequestPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TxnOffsetCommitRequestPartition {
            partition_index: Wire::read(r, v)?,
            committed_offset: Wire::read(r, v)?,
            committed_leader_epoch: if v >= 2 { Wire::read(r, v)? } else { -1 },
            committed_metadata: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.committed_offset.write(w, v)?;
        if v >= 2 {
            self.committed_leader_epoch.write(w, v)?;
        }
        Wire::write_nullable(self.committed_metadata.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for TxnOffsetCommitRequest<'a> {
    const KEY: i16 = 28;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 3;
}
