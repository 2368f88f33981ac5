//! `AddPartitionsToTxnRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnRequest<'a> {
    /// `Transactions`: list of [`AddPartitionsToTxnTransaction`], from version 4.
    pub transactions: List<'a, AddPartitionsToTxnTransaction<'a>>,
    /// `V3AndBelowTransactionalId`: text, versions 0 to 3.
    pub v3_and_below_transactional_id: &'a str,
    /// `V3AndBelowProducerId`: i64, versions 0 to 3.
    pub v3_and_below_producer_id: i64,
    /// `V3AndBelowProducerEpoch`: i16, versions 0 to 3.
    pub v3_and_below_producer_epoch: i16,
    /// `V3AndBelowTopics`: list of [`AddPartitionsToTxnTopic`], versions 0 to 3.
    pub v3_and_below_topics: List<'a, AddPartitionsToTxnTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnRequest {
            transactions: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            v3_and_below_transactional_id: if v <= 3 { Wire::read(r, v)? } else { "" },
            v3_and_below_producer_id: if v <= 3 { Wire::read(r, v)? } else { 0 },
            v3_and_below_producer_epoch: if v <= 3 { Wire::read(r, v)? } else { 0 },
            v3_and_below_topics: if v <= 3 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 4 {
            self.transactions.write(w, v)?;
        } else {
            absent(self.transactions.is_empty(), "AddPartitionsToTxnRequest.Transactions", v)?;
        }
        if v <= 3 {
            self.v3_and_below_transactional_id.write(w, v)?;
        } else {
            absent(
                self.v3_and_below_transactional_id.is_empty(),
                "AddPartitionsToTxnRequest.V3AndBelowTransactionalId",
                v,
            )?;
        }
        if v <= 3 {
            self.v3_and_below_producer_id.write(w, v)?;
        } else {
            absent(self.v3_and_below_producer_id == 0, "AddPartitionsToTxnRequest.V3AndBelowProducerId", v)?;
        }
        if v <= 3 {
            self.v3_and_below_producer_epoch.write(w, v)?;
        } else {
            absent(
                self.v3_and_below_producer_epoch == 0,
                "AddPartitionsToTxnRequest.V3AndBelowProducerEpoch",
                v,
            )?;
        }
        if v <= 3 {
            self.v3_and_below_topics.write(w, v)?;
        } else {
            absent(self.v3_and_below_topics.is_empty(), "AddPartitionsToTxnRequest.V3AndBelowTopics", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AddPartitionsToTxnTransaction` within [`AddPartitionsToTxnRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnTransaction<'a> {
    /// `TransactionalId`: text, from version 4.
    pub transactional_id: &'a str,
    /// `ProducerId`: i64, from version 4.
    pub producer_id: i64,
    /// `ProducerEpoch`: i16, from version 4.
    pub producer_epoch: i16,
    /// `VerifyOnly`: bool, from version 4.
    pub verify_only: bool,
    /// `Topics`: list of [`AddPartitionsToTxnTopic`], from version 4.
    pub topics: List<'a, AddPartitionsToTxnTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnTransaction<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnTransaction {
            transactional_id: if v >= 4 { Wire::read(r, v)? } else { "" },
            producer_id: if v >= 4 { Wire::read(r, v)? } else { 0 },
            producer_epoch: if v >= 4 { Wire::read(r, v)? } else { 0 },
            verify_only: if v >= 4 { Wire::read(r, v)? } else { false },
            topics: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 4 {
            self.transactional_id.write(w, v)?;
        } else {
            absent(self.transactional_id.is_empty(), "AddPartitionsToTxnTransaction.TransactionalId", v)?;
        }
        if v >= 4 {
            self.producer_id.write(w, v)?;
        } else {
            absent(self.producer_id == 0, "AddPartitionsToTxnTransaction.ProducerId", v)?;
        }
        if v >= 4 {
            self.producer_epoch.write(w, v)?;
        } else {
            absent(self.producer_epoch == 0, "AddPartitionsToTxnTransaction.ProducerEpoch", v)?;
        }
        if v >= 4 {
            self.verify_only.write(w, v)?;
        } else {
            absent(!self.verify_only, "AddPartitionsToTxnTransaction.VerifyOnly", v)?;
        }
        if v >= 4 {
            self.topics.write(w, v)?;
        } else {
            absent(self.topics.is_empty(), "AddPartitionsToTxnTransaction.Topics", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AddPartitionsToTxnTopic` within [`AddPartitionsToTxnRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnTopic {
            name: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for AddPartitionsToTxnRequest<'a> {
    const KEY: i16 = 24;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
