//! `DescribeProducersResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeProducersResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`TopicResponse`].
    pub topics: List<'a, TopicResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeProducersResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeProducersResponse {
            throttle_time_ms: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicResponse` within [`DescribeProducersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicResponse<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`PartitionResponse`].
    pub partitions: List<'a, PartitionResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicResponse {
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

/// `PartitionResponse` within [`DescribeProducersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionResponse<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `ActiveProducers`: list of [`ProducerState`].
    pub active_producers: List<'a, ProducerState<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for PartitionResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(PartitionResponse {
            partition_index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            active_producers: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.active_producers.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ProducerState` within [`DescribeProducersResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerState<'a> {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `ProducerEpoch`: i32.
    pub producer_epoch: i32,
    /// `LastSequence`: i32.
    pub last_sequence: i32,
    /// `LastTimestamp`: i64.
    pub last_timestamp: i64,
    /// `CoordinatorEpoch`: i32.
    pub coordinator_epoch: i32,
    /// `CurrentTxnStartOffset`: i64.
    pub current_txn_start_offset: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ProducerState<'_> {
    fn default() -> Self {
        ProducerState {
            producer_id: 0,
            producer_epoch: 0,
            last_sequence: -1,
            last_timestamp: -1,
            coordinator_epoch: 0,
            current_txn_start_offset: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ProducerState<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ProducerState {
            producer_id: Wire::read(r, v)?,
            producer_epoch: Wire::read(r, v)?,
            last_sequence: Wire::read(r, v)?,
            last_timestamp: Wire::read(r, v)?,
            coordinator_epoch: Wire::read(r, v)?,
            current_txn_start_offset: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.producer_epoch.write(w, v)?;
        self.last_sequence.write(w, v)?;
        self.last_timestamp.write(w, v)?;
        self.coordinator_epoch.write(w, v)?;
        self.current_txn_start_offset.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeProducersResponse<'a> {
    const KEY: i16 = 61;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
