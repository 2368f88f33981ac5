//! `DescribeTopicPartitionsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsRequest<'a> {
    /// `Topics`: list of [`TopicRequest`].
    pub topics: List<'a, TopicRequest<'a>>,
    /// `ResponsePartitionLimit`: i32.
    pub response_partition_limit: i32,
    /// `Cursor`: [`Cursor`].
    pub cursor: Option<Cursor<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeTopicPartitionsRequest<'_> {
    fn default() -> Self {
        DescribeTopicPartitionsRequest {
            topics: List::default(),
            response_partition_limit: 2000,
            cursor: None,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeTopicPartitionsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeTopicPartitionsRequest {
            topics: Wire::read(r, v)?,
            response_partition_limit: Wire::read(r, v)?,
            cursor: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topics.write(w, v)?;
        self.response_partition_limit.write(w, v)?;
        Wire::write_nullable(self.cursor.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicRequest` within [`DescribeTopicPartitionsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicRequest<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicRequest { name: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Cursor` within [`DescribeTopicPartitionsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor<'a> {
    /// `TopicName`: text.
    pub topic_name: &'a str,
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for Cursor<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Cursor {
            topic_name: Wire::read(r, v)?,
            partition_index: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_name.write(w, v)?;
        self.partition_index.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeTopicPartitionsRequest<'a> {
    const KEY: i16 = 75;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
