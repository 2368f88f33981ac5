//! `ProduceRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 3 to 13.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProduceRequest<'a> {
    /// `TransactionalId`: text.
    pub transactional_id: Option<&'a str>,
    /// `Acks`: i16.
    pub acks: i16,
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// `TopicData`: list of [`TopicProduceData`].
    pub topic_data: List<'a, TopicProduceData<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ProduceRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ProduceRequest {
            transactional_id: Wire::read_nullable(r, v)?,
            acks: Wire::read(r, v)?,
            timeout_ms: Wire::read(r, v)?,
            topic_data: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        Wire::write_nullable(self.transactional_id.as_ref(), w, v)?;
        self.acks.write(w, v)?;
        self.timeout_ms.write(w, v)?;
        self.topic_data.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicProduceData` within [`ProduceRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicProduceData<'a> {
    /// `Name`: text, versions 3 to 12.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 13.
    pub topic_id: Uuid,
    /// `PartitionData`: list of [`PartitionProduceData`].
    pub partition_data: List<'a, PartitionProduceData<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicProduceData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicProduceData {
            name: if v <= 12 { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 13 { Wire::read(r, v)? } else { Uuid::default() },
            partition_data: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 12 {
            self.name.write(w, v)?;
        }
        if v >= 13 {
            self.topic_id.write(w, v)?;
        }
        self.partition_data.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `PartitionProduceData` within [`ProduceRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionProduceData<'a> {
    /// `Index`: i32.
    pub index: i32,
    /// `Records`: bytes.
    pub records: Option<&'a [u8]>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for PartitionProduceData<'_> {
    fn default() -> Self {
        PartitionProduceData { index: 0, records: Some(&[]), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for PartitionProduceData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(PartitionProduceData {
            index: Wire::read(r, v)?,
            records: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.index.write(w, v)?;
        Wire::write_nullable(self.records.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ProduceRequest<'a> {
    const KEY: i16 = 0;
    const VERSIONS: (i16, i16) = (3, 13);
    const FLEXIBLE_FROM: i16 = 9;
}
