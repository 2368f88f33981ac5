//! `EndTxnResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, PartialEq)]
pub struct EndTxnResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ProducerId`: i64, from version 5.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16, from version 5.
    pub producer_epoch: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for EndTxnResponse<'_> {
    fn default() -> Self {
        EndTxnResponse {
            throttle_time_ms: 0,
            error_code: 0,
            producer_id: -1,
            producer_epoch: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for EndTxnResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(EndTxnResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            producer_id: if v >= 5 { Wire::read(r, v)? } else { -1 },
            producer_epoch: if v >= 5 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        if v >= 5 {
            self.producer_id.write(w, v)?;
        }
        if v >= 5 {
            self.producer_epoch.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for EndTxnResponse<'a> {
    const KEY: i16 = 26;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
