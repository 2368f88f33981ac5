//! `ConsumerProtocolSubscription` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Wire, WireError, Writer, absent};

/// The message, versions 0 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerProtocolSubscription<'a> {
    /// `Topics`: list of text.
    pub topics: List<'a, &'a str>,
    /// `UserData`: bytes.
    pub user_data: Option<&'a [u8]>,
    /// `OwnedPartitions`: list of [`TopicPartition`], from version 1.
    pub owned_partitions: List<'a, TopicPartition<'a>>,
    /// `GenerationId`: i32, from version 2.
    pub generation_id: i32,
    /// `RackId`: text, from version 3.
    pub rack_id: Option<&'a str>,
}

impl Default for ConsumerProtocolSubscription<'_> {
    fn default() -> Self {
        ConsumerProtocolSubscription {
            topics: List::default(),
            user_data: None,
            owned_partitions: List::default(),
            generation_id: -1,
            rack_id: None,
        }
    }
}

impl<'a> Wire<'a> for ConsumerProtocolSubscription<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerProtocolSubscription {
            topics: Wire::read(r, v)?,
            user_data: Wire::read_nullable(r, v)?,
            owned_partitions: if v >= 1 { Wire::read(r, v)? } else { List::default() },
            generation_id: if v >= 2 { Wire::read(r, v)? } else { -1 },
            rack_id: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topics.write(w, v)?;
        Wire::write_nullable(self.user_data.as_ref(), w, v)?;
        if v >= 1 {
            self.owned_partitions.write(w, v)?;
        }
        if v >= 2 {
            self.generation_id.write(w, v)?;
        }
        if v >= 3 {
            Wire::write_nullable(self.rack_id.as_ref(), w, v)?;
        }
        Ok(())
    }
}

/// `TopicPartition` within [`ConsumerProtocolSubscription`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartition<'a> {
    /// `Topic`: text, from version 1.
    pub topic: &'a str,
    /// `Partitions`: list of i32, from version 1.
    pub partitions: List<'a, i32>,
}

impl<'a> Wire<'a> for TopicPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicPartition {
            topic: if v >= 1 { Wire::read(r, v)? } else { "" },
            partitions: if v >= 1 { Wire::read(r, v)? } else { List::default() },
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.topic.write(w, v)?;
        } else {
            absent(self.topic.is_empty(), "TopicPartition.Topic", v)?;
        }
        if v >= 1 {
            self.partitions.write(w, v)?;
        } else {
            absent(self.partitions.is_empty(), "TopicPartition.Partitions", v)?;
        }
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerProtocolSubscription<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 3);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
