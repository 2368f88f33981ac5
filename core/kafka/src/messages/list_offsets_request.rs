//! `ListOffsetsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 1 to 11.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsRequest<'a> {
    /// `ReplicaId`: i32.
    pub replica_id: i32,
    /// `IsolationLevel`: i8, from version 2.
    pub isolation_level: i8,
    /// `Topics`: list of [`ListOffsetsTopic`].
    pub topics: List<'a, ListOffsetsTopic<'a>>,
    /// `TimeoutMs`: i32, from version 10.
    pub timeout_ms: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListOffsetsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListOffsetsRequest {
            replica_id: Wire::read(r, v)?,
            isolation_level: if v >= 2 { Wire::read(r, v)? } else { 0 },
            topics: Wire::read(r, v)?,
            timeout_ms: if v >= 10 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.replica_id.write(w, v)?;
        if v >= 2 {
            self.isolation_level.write(w, v)?;
        } else {
            absent(self.isolation_level == 0, "ListOffsetsRequest.IsolationLevel", v)?;
        }
        self.topics.write(w, v)?;
        if v >= 10 {
            self.timeout_ms.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ListOffsetsTopic` within [`ListOffsetsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`ListOffsetsPartition`].
    pub partitions: List<'a, ListOffsetsPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListOffsetsTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListOffsetsTopic {
            name: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ListOffsetsPartition` within [`ListOffsetsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct ListOffsetsPartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `CurrentLeaderEpoch`: i32, from version 4.
    pub current_leader_epoch: i32,
    /// `Timestamp`: i64.
    pub timestamp: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ListOffsetsPartition<'_> {
    fn default() -> Self {
        ListOffsetsPartition {
            partition_index: 0,
            current_leader_epoch: -1,
            timestamp: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ListOffsetsPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListOffsetsPartition {
            partition_index: Wire::read(r, v)?,
            current_leader_epoch: if v >= 4 { Wire::read(r, v)? } else { -1 },
            timestamp: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        if v >= 4 {
            self.current_leader_epoch.write(w, v)?;
        }
        self.timestamp.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListOffsetsRequest<'a> {
    const KEY: i16 = 2;
    const VERSIONS: (i16, i16) = (1, 11);
    const FLEXIBLE_FROM: i16 = 6;
}
