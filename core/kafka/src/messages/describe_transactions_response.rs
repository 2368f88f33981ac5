//! `DescribeTransactionsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeTransactionsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `TransactionStates`: list of [`TransactionState`].
    pub transaction_states: List<'a, TransactionState<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeTransactionsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeTransactionsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            transaction_states: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.transaction_states.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TransactionState` within [`DescribeTransactionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionState<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `TransactionalId`: text.
    pub transactional_id: &'a str,
    /// `TransactionState`: text.
    pub transaction_state: &'a str,
    /// `TransactionTimeoutMs`: i32.
    pub transaction_timeout_ms: i32,
    /// `TransactionStartTimeMs`: i64.
    pub transaction_start_time_ms: i64,
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16.
    pub producer_epoch: i16,
    /// `Topics`: list of [`TopicData`].
    pub topics: List<'a, TopicData<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TransactionState<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TransactionState {
            error_code: Wire::read(r, v)?,
            transactional_id: Wire::read(r, v)?,
            transaction_state: Wire::read(r, v)?,
            transaction_timeout_ms: Wire::read(r, v)?,
            transaction_start_time_ms: Wire::read(r, v)?,
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.transactional_id.write(w, v)?;
        self.transaction_state.write(w, v)?;
        self.transaction_timeout_ms.write(w, v)?;
        self.transaction_start_time_ms.write(w, v)?;
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicData` within [`DescribeTransactionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicData<'a> {
    /// `Topic`: text.
    pub topic: &'a str,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicData {
            topic: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeTransactionsResponse<'a> {
    const KEY: i16 = 65;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
