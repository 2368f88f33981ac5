//! `TransactionLogKey` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionLogKey<'a> {
    /// `TransactionalId`: text.
    pub transactional_id: &'a str,
}

impl<'a> Wire<'a> for TransactionLogKey<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TransactionLogKey { transactional_id: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.transactional_id.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for TransactionLogKey<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
