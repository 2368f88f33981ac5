//! `ConsumerGroupHeartbeatResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupHeartbeatResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `MemberId`: text.
    pub member_id: Option<&'a str>,
    /// `MemberEpoch`: i32.
    pub member_epoch: i32,
    /// `HeartbeatIntervalMs`: i32.
    pub heartbeat_interval_ms: i32,
    /// `Assignment`: [`Assignment`].
    pub assignment: Option<Assignment<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ConsumerGroupHeartbeatResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerGroupHeartbeatResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            member_id: Wire::read_nullable(r, v)?,
            member_epoch: Wire::read(r, v)?,
            heartbeat_interval_ms: Wire::read(r, v)?,
            assignment: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        Wire::write_nullable(self.member_id.as_ref(), w, v)?;
        self.member_epoch.write(w, v)?;
        self.heartbeat_interval_ms.write(w, v)?;
        Wire::write_nullable(self.assignment.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Assignment` within [`ConsumerGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment<'a> {
    /// `TopicPartitions`: list of [`TopicPartitions`].
    pub topic_partitions: List<'a, TopicPartitions<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for Assignment<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Assignment { topic_partitions: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicPartitions` within [`ConsumerGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartitions<'a> {
    /// `TopicId`: Uuid.
    pub topic_id: Uuid,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicPartitions<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicPartitions {
            topic_id: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_id.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupHeartbeatResponse<'a> {
    const KEY: i16 = 68;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 0;
}
