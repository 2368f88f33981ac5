//! `DeleteRecordsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteRecordsRequest<'a> {
    /// `Topics`: list of [`DeleteRecordsTopic`].
    pub topics: List<'a, DeleteRecordsTopic<'a>>,
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteRecordsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteRecordsRequest {
            topics: Wire::read(r, v)?,
            timeout_ms: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topics.write(w, v)?;
        self.timeout_ms.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DeleteRecordsTopic` within [`DeleteRecordsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteRecordsTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`DeleteRecordsPartition`].
    pub partitions: List<'a, DeleteRecordsPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteRecordsTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteRecordsTopic {
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

/// `DeleteRecordsPartition` within [`DeleteRecordsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteRecordsPartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `Offset`: i64.
    pub offset: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteRecordsPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteRecordsPartition {
            partition_index: Wire::read(r, v)?,
            offset: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.offset.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DeleteRecordsRequest<'a> {
    const KEY: i16 = 21;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
}
