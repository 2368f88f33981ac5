//! `AbortedTxn` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AbortedTxn {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `FirstOffset`: i64.
    pub first_offset: i64,
    /// `LastOffset`: i64.
    pub last_offset: i64,
    /// `LastStableOffset`: i64.
    pub last_stable_offset: i64,
}

impl<'a> Wire<'a> for AbortedTxn {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AbortedTxn {
            producer_id: Wire::read(r, v)?,
            first_offset: Wire::read(r, v)?,
            last_offset: Wire::read(r, v)?,
            last_stable_offset: Wire::read(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.first_offset.write(w, v)?;
        self.last_offset.write(w, v)?;
        self.last_stable_offset.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for AbortedTxn {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
