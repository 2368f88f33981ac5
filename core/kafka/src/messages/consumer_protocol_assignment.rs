//! `ConsumerProtocolAssignment` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerProtocolAssignment<'a> {
    /// `AssignedPartitions`: list of [`TopicPartition`].
    pub assigned_partitions: List<'a, TopicPartition<'a>>,
    /// `UserData`: bytes.
    pub user_data: Option<&'a [u8]>,
}

impl<'a> Wire<'a> for ConsumerProtocolAssignment<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerProtocolAssignment {
            assigned_partitions: Wire::read(r, v)?,
            user_data: Wire::read_nullable(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.assigned_partitions.write(w, v)?;
        Wire::write_nullable(self.user_data.as_ref(), w, v)?;
        Ok(())
    }
}

/// `TopicPartition` within [`ConsumerProtocolAssignment`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartition<'a> {
    /// `Topic`: text.
    pub topic: &'a str,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
}

impl<'a> Wire<'a> for TopicPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicPartition { topic: Wire::read(r, v)?, partitions: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic.write(w, v)?;
        self.partitions.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerProtocolAssignment<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 3);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
