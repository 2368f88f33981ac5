//! `InitProducerIdResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct InitProducerIdResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16.
    pub producer_epoch: i16,
    /// `OngoingTxnProducerId`: i64, from version 6.
    pub ongoing_txn_producer_id: i64,
    /// `OngoingTxnProducerEpoch`: i16, from version 6.
    pub ongoing_txn_producer_epoch: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for InitProducerIdResponse<'_> {
    fn default() -> Self {
        InitProducerIdResponse {
            throttle_time_ms: 0,
            error_code: 0,
            producer_id: -1,
            producer_epoch: 0,
            ongoing_txn_producer_id: -1,
            ongoing_txn_producer_epoch: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for InitProducerIdResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(InitProducerIdResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            ongoing_txn_producer_id: if v >= 6 { Wire::read(r, v)? } else { -1 },
            ongoing_txn_producer_epoch: if v >= 6 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        if v >= 6 {
            self.ongoing_txn_producer_id.write(w, v)?;
        } else {
            absent(self.ongoing_txn_producer_id == -1, "InitProducerIdResponse.OngoingTxnProducerId", v)?;
        }
        if v >= 6 {
            self.ongoing_txn_producer_epoch.write(w, v)?;
        } else {
            absent(
                self.ongoing_txn_producer_epoch == -1,
                "InitProducerIdResponse.OngoingTxnProducerEpoch",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for InitProducerIdResponse<'a> {
    const KEY: i16 = 22;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 2;
}
