//! `TxnOffsetCommitResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnOffsetCommitResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`TxnOffsetCommitResponseTopic`].
    pub topics: List<'a, TxnOffsetCommitResponseTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TxnOffsetCommitResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TxnOffsetCommitResponse {
            throttle_time_ms: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TxnOffsetCommitResponseTopic` within [`TxnOffsetCommitResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnOffsetCommitResponseTopic<'a> {
    /// `Name`: text, versions 0 to 5.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 6.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`TxnOffsetCommitResponsePartition`].
    pub partitions: List<'a, TxnOffsetCommitResponsePartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TxnOffsetCommitResponseTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TxnOffsetCommitResponseTopic {
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

/// `TxnOffsetCommitResponsePartition` within [`TxnOffsetCommitResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnOffsetCommitResponsePartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TxnOffsetCommitResponsePartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TxnOffsetCommitResponsePartition {
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

impl<'a> Message<'a> for TxnOffsetCommitResponse<'a> {
    const KEY: i16 = 28;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 3;
}
