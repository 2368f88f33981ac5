//! `ProducerSnapshot` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Wire, WireError, Writer};

/// The message, versions 1 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerSnapshot<'a> {
    /// `Crc`: u32.
    pub crc: u32,
    /// `ProducerEntries`: list of [`ProducerEntry`].
    pub producer_entries: List<'a, ProducerEntry>,
}

impl<'a> Wire<'a> for ProducerSnapshot<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ProducerSnapshot { crc: Wire::read(r, v)?, producer_entries: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.crc.write(w, v)?;
        self.producer_entries.write(w, v)?;
        Ok(())
    }
}

/// `ProducerEntry` within [`ProducerSnapshot`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerEntry {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `Epoch`: i16.
    pub epoch: i16,
    /// `LastSequence`: i32.
    pub last_sequence: i32,
    /// `LastOffset`: i64.
    pub last_offset: i64,
    /// `OffsetDelta`: i32.
    pub offset_delta: i32,
    /// `Timestamp`: i64.
    pub timestamp: i64,
    /// `CoordinatorEpoch`: i32.
    pub coordinator_epoch: i32,
    /// `CurrentTxnFirstOffset`: i64.
    pub current_txn_first_offset: i64,
}

impl<'a> Wire<'a> for ProducerEntry {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ProducerEntry {
            producer_id: Wire::read(r, v)?,
            epoch: Wire::read(r, v)?,
            last_sequence: Wire::read(r, v)?,
            last_offset: Wire::read(r, v)?,
            offset_delta: Wire::read(r, v)?,
            timestamp: Wire::read(r, v)?,
            coordinator_epoch: Wire::read(r, v)?,
            current_txn_first_offset: Wire::read(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.epoch.write(w, v)?;
        self.last_sequence.write(w, v)?;
        self.last_offset.write(w, v)?;
        self.offset_delta.write(w, v)?;
        self.timestamp.write(w, v)?;
        self.coordinator_epoch.write(w, v)?;
        self.current_txn_first_offset.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for ProducerSnapshot<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (1, 1);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
