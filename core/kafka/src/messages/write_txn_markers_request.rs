//! `WriteTxnMarkersRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteTxnMarkersRequest<'a> {
    /// `Markers`: list of [`WritableTxnMarker`].
    pub markers: List<'a, WritableTxnMarker<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WriteTxnMarkersRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WriteTxnMarkersRequest { markers: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.markers.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `WritableTxnMarker` within [`WriteTxnMarkersRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarker<'a> {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16.
    pub producer_epoch: i16,
    /// `TransactionResult`: bool.
    pub transaction_result: bool,
    /// `Topics`: list of [`WritableTxnMarkerTopic`].
    pub topics: List<'a, WritableTxnMarkerTopic<'a>>,
    /// `CoordinatorEpoch`: i32.
    pub coordinator_epoch: i32,
    /// `TransactionVersion`: i8, from version 2.
    pub transaction_version: i8,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WritableTxnMarker<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WritableTxnMarker {
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            transaction_result: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            coordinator_epoch: Wire::read(r, v)?,
            transaction_version: if v >= 2 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        self.transaction_result.write(w, v)?;
        self.topics.write(w, v)?;
        self.coordinator_epoch.write(w, v)?;
        if v >= 2 {
            self.transaction_version.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `WritableTxnMarkerTopic` within [`WriteTxnMarkersRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `PartitionIndexes`: list of i32.
    pub partition_indexes: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for WritableTxnMarkerTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(WritableTxnMarkerTopic {
            name: Wire::read(r, v)?,
            partition_indexes: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.partition_indexes.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for WriteTxnMarkersRequest<'a> {
    const KEY: i16 = 27;
    const VERSIONS: (i16, i16) = (1, 2);
    const FLEXIBLE_FROM: i16 = 1;
}
