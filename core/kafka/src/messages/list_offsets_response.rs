//! `ListOffsetsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 1 to 11.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 2.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`ListOffsetsTopicResponse`].
    pub topics: List<'a, ListOffsetsTopicResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListOffsetsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListOffsetsResponse {
            throttle_time_ms: if v >= 2 { Wire::read(r, v)? } else { 0 },
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 2 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ListOffsetsTopicResponse` within [`ListOffsetsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsTopicResponse<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`ListOffsetsPartitionResponse`].
    pub partitions: List<'a, ListOffsetsPartitionResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListOffsetsTopicResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListOffsetsTopicResponse {
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

/// `ListOffsetsPartitionResponse` within [`ListOffsetsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct ListOffsetsPartitionResponse<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Timestamp`: i64.
    pub timestamp: i64,
    /// `Offset`: i64.
    pub offset: i64,
    /// `LeaderEpoch`: i32, from version 4.
    pub leader_epoch: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ListOffsetsPartitionResponse<'_> {
    fn default() -> Self {
        ListOffsetsPartitionResponse {
            partition_index: 0,
            error_code: 0,
            timestamp: -1,
            offset: -1,
            leader_epoch: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ListOffsetsPartitionResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListOffsetsPartitionResponse {
            partition_index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            timestamp: Wire::read(r, v)?,
            offset: Wire::read(r, v)?,
            leader_epoch: if v >= 4 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.error_code.write(w, v)?;
        self.timestamp.write(w, v)?;
        self.offset.write(w, v)?;
        if v >= 4 {
            self.leader_epoch.write(w, v)?;
        } else {
            absent(self.leader_epoch == -1, "ListOffsetsPartitionResponse.LeaderEpoch", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListOffsetsResponse<'a> {
    const KEY: i16 = 2;
    const VERSIONS: (i16, i16) = (1, 11);
    const FLEXIBLE_FROM: i16 = 6;
}
