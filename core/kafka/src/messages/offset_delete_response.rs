//! `OffsetDeleteResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetDeleteResponse<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`OffsetDeleteResponseTopic`].
    pub topics: List<'a, OffsetDeleteResponseTopic<'a>>,
}

impl<'a> Wire<'a> for OffsetDeleteResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetDeleteResponse {
            error_code: Wire::read(r, v)?,
            throttle_time_ms: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.throttle_time_ms.write(w, v)?;
        self.topics.write(w, v)?;
        Ok(())
    }
}

/// `OffsetDeleteResponseTopic` within [`OffsetDeleteResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetDeleteResponseTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`OffsetDeleteResponsePartition`].
    pub partitions: List<'a, OffsetDeleteResponsePartition>,
}

impl<'a> Wire<'a> for OffsetDeleteResponseTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetDeleteResponseTopic { name: Wire::read(r, v)?, partitions: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.partitions.write(w, v)?;
        Ok(())
    }
}

/// `OffsetDeleteResponsePartition` within [`OffsetDeleteResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetDeleteResponsePartition {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
}

impl<'a> Wire<'a> for OffsetDeleteResponsePartition {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetDeleteResponsePartition {
            partition_index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.error_code.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetDeleteResponse<'a> {
    const KEY: i16 = 47;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
