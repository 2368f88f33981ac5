//! `EndTxnMarker` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndTxnMarker {
    /// `CoordinatorEpoch`: i32.
    pub coordinator_epoch: i32,
}

impl<'a> Wire<'a> for EndTxnMarker {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(EndTxnMarker { coordinator_epoch: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.coordinator_epoch.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for EndTxnMarker {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
