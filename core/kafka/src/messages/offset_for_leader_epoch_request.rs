//! `OffsetForLeaderEpochRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 2 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetForLeaderEpochRequest<'a> {
    /// `ReplicaId`: i32, from version 3.
    pub replica_id: i32,
    /// `Topics`: list of [`OffsetForLeaderTopic`].
    pub topics: List<'a, OffsetForLeaderTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetForLeaderEpochRequest<'_> {
    fn default() -> Self {
        OffsetForLeaderEpochRequest { replica_id: -2, topics: List::default(), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for OffsetForLeaderEpochRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetForLeaderEpochRequest {
            replica_id: if v >= 3 { Wire::read(r, v)? } else { -2 },
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.replica_id.write(w, v)?;
        }
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetForLeaderTopic` within [`OffsetForLeaderEpochRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetForLeaderTopic<'a> {
    /// `Topic`: text.
    pub topic: &'a str,
    /// `Partitions`: list of [`OffsetForLeaderPartition`].
    pub partitions: List<'a, OffsetForLeaderPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetForLeaderTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetForLeaderTopic {
            topic: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetForLeaderPartition` within [`OffsetForLeaderEpochRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetForLeaderPartition<'a> {
    /// `Partition`: i32.
    pub partition: i32,
    /// `CurrentLeaderEpoch`: i32.
    pub current_leader_epoch: i32,
    /// `LeaderEpoch`: i32.
    pub leader_epoch: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetForLeaderPartition<'_> {
    fn default() -> Self {
        OffsetForLeaderPartition {
            partition: 0,
            current_leader_epoch: -1,
            leader_epoch: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetForLeaderPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetForLeaderPartition {
            partition: Wire::read(r, v)?,
            current_leader_epoch: Wire::read(r, v)?,
            leader_epoch: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition.write(w, v)?;
        self.current_leader_epoch.write(w, v)?;
        self.leader_epoch.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetForLeaderEpochRequest<'a> {
    const KEY: i16 = 23;
    const VERSIONS: (i16, i16) = (2, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
