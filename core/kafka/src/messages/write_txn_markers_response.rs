//! `WriteTxnMarkersResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteTxnMarkersResponse<'a> {
    /// `Markers`: list of [`WritableTxnMarkerResult`].
    pub markers: List<'a, WritableTxnMarkerResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WriteTxnMarkersResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WriteTxnMarkersResponse { markers: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.markers.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `WritableTxnMarkerResult` within [`WriteTxnMarkersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerResult<'a> {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `Topics`: list of [`WritableTxnMarkerTopicResult`].
    pub topics: List<'a, WritableTxnMarkerTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WritableTxnMarkerResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WritableTxnMarkerResult {
            producer_id: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `WritableTxnMarkerTopicResult` within [`WriteTxnMarkersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerTopicResult<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`WritableTxnMarkerPartitionResult`].
    pub partitions: List<'a, WritableTxnMarkerPartitionResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WritableTxnMarkerTopicResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WritableTxnMarkerTopicResult {
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

/// `WritableTxnMarkerPartitionResult` within [`WriteTxnMarkersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerPartitionResult<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WritableTxnMarkerPartitionResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WritableTxnMarkerPartitionResult {
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

impl<'a> Message<'a> for WriteTxnMarkersResponse<'a> {
    const KEY: i16 = 27;
    const VERSIONS: (i16, i16) = (1, 2);
    const FLEXIBLE_FROM: i16 = 1;
}
