//! `ProducerIdsRecord` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerIdsRecord<'a> {
    /// `BrokerId`: i32.
    pub broker_id: i32,
    /// `BrokerEpoch`: i64.
    pub broker_epoch: i64,
    /// `NextProducerId`: i64.
    pub next_producer_id: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ProducerIdsRecord<'_> {
    fn default() -> Self {
        ProducerIdsRecord { broker_id: 0, broker_epoch: -1, next_producer_id: 0, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for ProducerIdsRecord<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ProducerIdsRecord {
            broker_id: Wire::read(r, v)?,
            broker_epoch: Wire::read(r, v)?,
            next_producer_id: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.broker_id.write(w, v)?;
        self.broker_epoch.write(w, v)?;
        self.next_producer_id.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ProducerIdsRecord<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
