//! `OffsetCommitResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 2 to 10.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetCommitResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 3.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`OffsetCommitResponseTopic`].
    pub topics: List<'a, OffsetCommitResponseTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetCommitResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitResponse {
            throttle_time_ms: if v >= 3 { Wire::read(r, v)? } else { 0 },
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetCommitResponseTopic` within [`OffsetCommitResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetCommitResponseTopic<'a> {
    /// `Name`: text, versions 2 to 9.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 10.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`OffsetCommitResponsePartition`].
    pub partitions: List<'a, OffsetCommitResponsePartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetCommitResponseTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitResponseTopic {
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

/// `OffsetCommitResponsePartition` within [`OffsetCommitResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetCommitResponsePartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetCommitResponsePartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitResponsePartition {
            partition_index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.error_code.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetCommitResponse<'a> {
    const KEY: i16 = 8;
    const VERSIONS: (i16, i16) = (2, 10);
    const FLEXIBLE_FROM: i16 = 8;
}
