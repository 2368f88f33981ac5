//! `ListTransactionsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListTransactionsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `UnknownStateFilters`: list of text.
    pub unknown_state_filters: List<'a, &'a str>,
    /// `TransactionStates`: list of [`TransactionState`].
    pub transaction_states: List<'a, TransactionState<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListTransactionsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListTransactionsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            unknown_state_filters: Wire::read(r, v)?,
            transaction_states: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        self.unknown_state_filters.write(w, v)?;
        self.transaction_states.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TransactionState` within [`ListTransactionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionState<'a> {
    /// `TransactionalId`: text.
    pub transactional_id: &'a str,
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `TransactionState`: text.
    pub transaction_state: &'a str,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TransactionState<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TransactionState {
            transactional_id: Wire::read(r, v)?,
            producer_id: Wire::read(r, v)?,
            transaction_state: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.transactional_id.write(w, v)?;
        self.producer_id.write(w, v)?;
        self.transaction_state.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListTransactionsResponse<'a> {
    const KEY: i16 = 66;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 0;
}
