//! `ElectLeadersRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct ElectLeadersRequest<'a> {
    /// `ElectionType`: i8, from version 1.
    pub election_type: i8,
    /// `TopicPartitions`: list of [`TopicPartitions`].
    pub topic_partitions: Option<List<'a, TopicPartitions<'a>>>,
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ElectLeadersRequest<'_> {
    fn default() -> Self {
        ElectLeadersRequest {
            election_type: 0,
            topic_partitions: Some(List::default()),
            timeout_ms: 60000,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ElectLeadersRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ElectLeadersRequest {
            election_type: if v >= 1 { Wire::read(r, v)? } else { 0 },
            topic_partitions: Wire::read_nullable(r, v)?,
            timeout_ms: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.election_type.write(w, v)?;
        } else {
            absent(self.election_type == 0, "ElectLeadersRequest.ElectionType", v)?;
        }
        Wire::write_nullable(self.topic_partitions.as_ref(), w, v)?;
        self.timeout_ms.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicPartitions` within [`ElectLeadersRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartitions<'a> {
    /// `Topic`: text.
    pub topic: &'a str,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicPartitions<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicPartitions {
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

impl<'a> Message<'a> for ElectLeadersRequest<'a> {
    const KEY: i16 = 43;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
}
