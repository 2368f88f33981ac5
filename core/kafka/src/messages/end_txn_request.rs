//! `EndTxnRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndTxnRequest<'a> {
    /// `TransactionalId`: text.
    pub transactional_id: &'a str,
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16.
    pub producer_epoch: i16,
    /// `Committed`: bool.
    pub committed: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for EndTxnRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(EndTxnRequest {
            transactional_id: Wire::read(r, v)?,
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            committed: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.transactional_id.write(w, v)?;
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        self.committed.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for EndTxnRequest<'a> {
    const KEY: i16 = 26;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
