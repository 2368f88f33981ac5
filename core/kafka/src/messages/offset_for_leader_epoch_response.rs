//! `OffsetForLeaderEpochResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 2 to 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetForLeaderEpochResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`OffsetForLeaderTopicResult`].
    pub topics: List<'a, OffsetForLeaderTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetForLeaderEpochResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetForLeaderEpochResponse {
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

/// `OffsetForLeaderTopicResult` within [`OffsetForLeaderEpochResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetForLeaderTopicResult<'a> {
    /// `Topic`: text.
    pub topic: &'a str,
    /// `Partitions`: list of [`EpochEndOffset`].
    pub partitions: List<'a, EpochEndOffset<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetForLeaderTopicResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetForLeaderTopicResult {
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

/// `EpochEndOffset` within [`OffsetForLeaderEpochResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct EpochEndOffset<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Partition`: i32.
    pub partition: i32,
    /// `LeaderEpoch`: i32.
    pub leader_epoch: i32,
    /// `EndOffset`: i64.
    pub end_offset: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for EpochEndOffset<'_> {
    fn default() -> Self {
        EpochEndOffset {
            error_code: 0,
            partition: 0,
            leader_epoch: -1,
            end_offset: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for EpochEndOffset<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(EpochEndOffset {
            error_code: Wire::read(r, v)?,
            partition: Wire::read(r, v)?,
            leader_epoch: Wire::read(r, v)?,
            end_offset: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.partition.write(w, v)?;
        self.leader_epoch.write(w, v)?;
        self.end_offset.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetForLeaderEpochResponse<'a> {
    const KEY: i16 = 23;
    const VERSIONS: (i16, i16) = (2, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
