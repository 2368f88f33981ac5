//! `InitProducerIdRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct InitProducerIdRequest<'a> {
    /// `TransactionalId`: text.
    pub transactional_id: Option<&'a str>,
    /// `TransactionTimeoutMs`: i32.
    pub transaction_timeout_ms: i32,
    /// `ProducerId`: i64, from version 3.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16, from version 3.
    pub producer_epoch: i16,
    /// `Enable2Pc`: bool, from version 6.
    pub enable2_pc: bool,
    /// `KeepPreparedTxn`: bool, from version 6.
    pub keep_prepared_txn: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for InitProducerIdRequest<'_> {
    fn default() -> Self {
        InitProducerIdRequest {
            transactional_id: Some(""),
            transaction_timeout_ms: 0,
            producer_id: -1,
            producer_epoch: -1,
            enable2_pc: false,
            keep_prepared_txn: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for InitProducerIdRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(InitProducerIdRequest {
            transactional_id: Wire::read_nullable(r, v)?,
            transaction_timeout_ms: Wire::read(r, v)?,
            producer_id: if v >= 3 { Wire::read(r, v)? } else { -1 },
            producer_epoch: if v >= 3 { Wire::read(r, v)? } else { -1 },
            enable2_pc: if v >= 6 { Wire::read(r, v)? } else { false },
            keep_prepared_txn: if v >= 6 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        Wire::write_nullable(self.transactional_id.as_ref(), w, v)?;
        self.transaction_timeout_ms.write(w, v)?;
        if v >= 3 {
            self.producer_id.write(w, v)?;
        } else {
            absent(self.producer_id == -1, "InitProducerIdRequest.ProducerId", v)?;
        }
        if v >= 3 {
            self.producer_epoch.write(w, v)?;
        } else {
            absent(self.producer_epoch == -1, "InitProducerIdRequest.ProducerEpoch", v)?;
        }
        if v >= 6 {
            self.enable2_pc.write(w, v)?;
        } else {
            absent(!self.enable2_pc, "InitProducerIdRequest.Enable2Pc", v)?;
        }
        if v >= 6 {
            self.keep_prepared_txn.write(w, v)?;
        } else {
            absent(!self.keep_prepared_txn, "InitProducerIdRequest.KeepPreparedTxn", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for InitProducerIdRequest<'a> {
    const KEY: i16 = 22;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 2;
}
