//! `AddPartitionsToTxnResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16, from version 4.
    pub error_code: i16,
    /// `ResultsByTransaction`: list of [`AddPartitionsToTxnResult`], from version 4.
    pub results_by_transaction: List<'a, AddPartitionsToTxnResult<'a>>,
    /// `ResultsByTopicV3AndBelow`: list of [`AddPartitionsToTxnTopicResult`], versions 0 to 3.
    pub results_by_topic_v3_and_below: List<'a, AddPartitionsToTxnTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: if v >= 4 { Wire::read(r, v)? } else { 0 },
            results_by_transaction: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            results_by_topic_v3_and_below: if v <= 3 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        if v >= 4 {
            self.error_code.write(w, v)?;
        }
        if v >= 4 {
            self.results_by_transaction.write(w, v)?;
        } else {
            absent(
                self.results_by_transaction.is_empty(),
                "AddPartitionsToTxnResponse.ResultsByTransaction",
                v,
            )?;
        }
        if v <= 3 {
            self.results_by_topic_v3_and_below.write(w, v)?;
        } else {
            absent(
                self.results_by_topic_v3_and_below.is_empty(),
                "AddPartitionsToTxnResponse.ResultsByTopicV3AndBelow",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AddPartitionsToTxnResult` within [`AddPartitionsToTxnResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnResult<'a> {
    /// `TransactionalId`: text, from version 4.
    pub transactional_id: &'a str,
    /// `TopicResults`: list of [`AddPartitionsToTxnTopicResult`], from version 4.
    pub topic_results: List<'a, AddPartitionsToTxnTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnResult {
            transactional_id: if v >= 4 { Wire::read(r, v)? } else { "" },
            topic_results: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 4 {
            self.transactional_id.write(w, v)?;
        } else {
            absent(self.transactional_id.is_empty(), "AddPartitionsToTxnResult.TransactionalId", v)?;
        }
        if v >= 4 {
            self.topic_results.write(w, v)?;
        } else {
            absent(self.topic_results.is_empty(), "AddPartitionsToTxnResult.TopicResults", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AddPartitionsToTxnTopicResult` within [`AddPartitionsToTxnResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnTopicResult<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `ResultsByPartition`: list of [`AddPartitionsToTxnPartitionResult`].
    pub results_by_partition: List<'a, AddPartitionsToTxnPartitionResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnTopicResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnTopicResult {
            name: Wire::read(r, v)?,
            results_by_partition: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.results_by_partition.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AddPartitionsToTxnPartitionResult` within [`AddPartitionsToTxnResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnPartitionResult<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `PartitionErrorCode`: i16.
    pub partition_error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AddPartitionsToTxnPartitionResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AddPartitionsToTxnPartitionResult {
            partition_index: Wire::read(r, v)?,
            partition_error_code: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.partition_error_code.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for AddPartitionsToTxnResponse<'a> {
    const KEY: i16 = 24;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
