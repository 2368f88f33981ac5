//! `DeleteRecordsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteRecordsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`DeleteRecordsTopicResult`].
    pub topics: List<'a, DeleteRecordsTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteRecordsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteRecordsResponse {
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

/// `DeleteRecordsTopicResult` within [`DeleteRecordsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteRecordsTopicResult<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`DeleteRecordsPartitionResult`].
    pub partitions: List<'a, DeleteRecordsPartitionResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteRecordsTopicResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteRecordsTopicResult {
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

/// `DeleteRecordsPartitionResult` within [`DeleteRecordsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteRecordsPartitionResult<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `LowWatermark`: i64.
    pub low_watermark: i64,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteRecordsPartitionResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteRecordsPartitionResult {
            partition_index: Wire::read(r, v)?,
            low_watermark: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.low_watermark.write(w, v)?;
        self.error_code.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DeleteRecordsResponse<'a> {
    const KEY: i16 = 21;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
}
