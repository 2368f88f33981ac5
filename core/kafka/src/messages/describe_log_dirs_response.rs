//! `DescribeLogDirsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeLogDirsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16, from version 3.
    pub error_code: i16,
    /// `Results`: list of [`DescribeLogDirsResult`].
    pub results: List<'a, DescribeLogDirsResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeLogDirsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeLogDirsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: if v >= 3 { Wire::read(r, v)? } else { 0 },
            results: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        if v >= 3 {
            self.error_code.write(w, v)?;
        }
        self.results.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeLogDirsResult` within [`DescribeLogDirsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeLogDirsResult<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `LogDir`: text.
    pub log_dir: &'a str,
    /// `Topics`: list of [`DescribeLogDirsTopic`].
    pub topics: List<'a, DescribeLogDirsTopic<'a>>,
    /// `TotalBytes`: i64, from version 4.
    pub total_bytes: i64,
    /// `UsableBytes`: i64, from version 4.
    pub usable_bytes: i64,
    /// `IsCordoned`: bool, from version 5.
    pub is_cordoned: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeLogDirsResult<'_> {
    fn default() -> Self {
        DescribeLogDirsResult {
            error_code: 0,
            log_dir: "",
            topics: List::default(),
            total_bytes: -1,
            usable_bytes: -1,
            is_cordoned: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeLogDirsResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeLogDirsResult {
            error_code: Wire::read(r, v)?,
            log_dir: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            total_bytes: if v >= 4 { Wire::read(r, v)? } else { -1 },
            usable_bytes: if v >= 4 { Wire::read(r, v)? } else { -1 },
            is_cordoned: if v >= 5 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.log_dir.write(w, v)?;
        self.topics.write(w, v)?;
        if v >= 4 {
            self.total_bytes.write(w, v)?;
        }
        if v >= 4 {
            self.usable_bytes.write(w, v)?;
        }
        if v >= 5 {
            self.is_cordoned.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeLogDirsTopic` within [`DescribeLogDirsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeLogDirsTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`DescribeLogDirsPartition`].
    pub partitions: List<'a, DescribeLogDirsPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeLogDirsTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeLogDirsTopic {
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

/// `DescribeLogDirsPartition` within [`DescribeLogDirsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeLogDirsPartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `PartitionSize`: i64.
    pub partition_size: i64,
    /// `OffsetLag`: i64.
    pub offset_lag: i64,
    /// `IsFutureKey`: bool.
    pub is_future_key: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeLogDirsPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeLogDirsPartition {
            partition_index: Wire::read(r, v)?,
            partition_size: Wire::read(r, v)?,
            offset_lag: Wire::read(r, v)?,
            is_future_key: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.partition_size.write(w, v)?;
        self.offset_lag.write(w, v)?;
        self.is_future_key.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeLogDirsResponse<'a> {
    const KEY: i16 = 35;
    const VERSIONS: (i16, i16) = (1, 5);
    const FLEXIBLE_FROM: i16 = 2;
}
