//! `TransactionLogValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionLogValue<'a> {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16.
    pub producer_epoch: i16,
    /// `TransactionTimeoutMs`: i32.
    pub transaction_timeout_ms: i32,
    /// `TransactionStatus`: i8.
    pub transaction_status: i8,
    /// `TransactionPartitions`: list of [`PartitionsSchema`].
    pub transaction_partitions: Option<List<'a, PartitionsSchema<'a>>>,
    /// `TransactionLastUpdateTimestampMs`: i64.
    pub transaction_last_update_timestamp_ms: i64,
    /// `TransactionStartTimestampMs`: i64.
    pub transaction_start_timestamp_ms: i64,
    /// `PreviousProducerId`: i64, from version 1, tag 0.
    pub previous_producer_id: i64,
    /// `NextProducerId`: i64, from version 1, tag 1.
    pub next_producer_id: i64,
    /// `ClientTransactionVersion`: i16, from version 1, tag 2.
    pub client_transaction_version: i16,
    /// `NextProducerEpoch`: i16, from version 1, tag 3.
    pub next_producer_epoch: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for TransactionLogValue<'_> {
    fn default() -> Self {
        TransactionLogValue {
            producer_id: 0,
            producer_epoch: 0,
            transaction_timeout_ms: 0,
            transaction_status: 0,
            transaction_partitions: Some(List::default()),
            transaction_last_update_timestamp_ms: 0,
            transaction_start_timestamp_ms: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            client_transaction_version: 0,
            next_producer_epoch: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for TransactionLogValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = TransactionLogValue {
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            transaction_timeout_ms: Wire::read(r, v)?,
            transaction_status: Wire::read(r, v)?,
            transaction_partitions: Wire::read_nullable(r, v)?,
            transaction_last_update_timestamp_ms: Wire::read(r, v)?,
            transaction_start_timestamp_ms: Wire::read(r, v)?,
            previous_producer_id: -1,
            next_producer_id: -1,
            client_transaction_version: 0,
            next_producer_epoch: -1,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.previous_producer_id = Wire::read(r, v)?,
                1 => out.next_producer_id = Wire::read(r, v)?,
                2 => out.client_transaction_version = Wire::read(r, v)?,
                3 => out.next_producer_epoch = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        self.transaction_timeout_ms.write(w, v)?;
        self.transaction_status.write(w, v)?;
        Wire::write_nullable(self.transaction_partitions.as_ref(), w, v)?;
        self.transaction_last_update_timestamp_ms.write(w, v)?;
        self.transaction_start_timestamp_ms.write(w, v)?;
        absent(v >= 1 || self.previous_producer_id == -1, "TransactionLogValue.PreviousProducerId", v)?;
        absent(v >= 1 || self.next_producer_id == -1, "TransactionLogValue.NextProducerId", v)?;
        absent(
            v >= 1 || self.client_transaction_version == 0,
            "TransactionLogValue.ClientTransactionVersion",
            v,
        )?;
        absent(v >= 1 || self.next_producer_epoch == -1, "TransactionLogValue.NextProducerEpoch", v)?;
        let has_previous_producer_id = v >= 1 && self.previous_producer_id != -1;
        let has_next_producer_id = v >= 1 && self.next_producer_id != -1;
        let has_client_transaction_version = v >= 1 && self.client_transaction_version != 0;
        let has_next_producer_epoch = v >= 1 && self.next_producer_epoch != -1;
        let mut tags = w.tagged(
            u32::from(has_previous_producer_id)
                + u32::from(has_next_producer_id)
                + u32::from(has_client_transaction_version)
                + u32::from(has_next_producer_epoch),
            &self.unknown,
        );
        if has_previous_producer_id {
            tags.field(0, |w| self.previous_producer_id.write(w, v))?;
        }
        if has_next_producer_id {
            tags.field(1, |w| self.next_producer_id.write(w, v))?;
        }
        if has_client_transaction_version {
            tags.field(2, |w| self.client_transaction_version.write(w, v))?;
        }
        if has_next_producer_epoch {
            tags.field(3, |w| self.next_producer_epoch.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `PartitionsSchema` within [`TransactionLogValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionsSchema<'a> {
    /// `Topic`: text.
    pub topic: &'a str,
    /// `PartitionIds`: list of i32.
    pub partition_ids: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for PartitionsSchema<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(PartitionsSchema {
            topic: Wire::read(r, v)?,
            partition_ids: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic.write(w, v)?;
        self.partition_ids.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for TransactionLogValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 1;
}
