//! `OffsetDeleteRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetDeleteRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `Topics`: list of [`OffsetDeleteRequestTopic`].
    pub topics: List<'a, OffsetDeleteRequestTopic<'a>>,
}

impl<'a> Wire<'a> for OffsetDeleteRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetDeleteRequest { group_id: Wire::read(r, v)?, topics: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.topics.write(w, v)?;
        Ok(())
    }
}

/// `OffsetDeleteRequestTopic` within [`OffsetDeleteRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetDeleteRequestTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`OffsetDeleteRequestPartition`].
    pub partitions: List<'a, OffsetDeleteRequestPartition>,
}

impl<'a> Wire<'a> for OffsetDeleteRequestTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetDeleteRequestTopic { name: Wire::read(r, v)?, partitions: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.partitions.write(w, v)?;
        Ok(())
    }
}

/// `OffsetDeleteRequestPartition` within [`OffsetDeleteRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetDeleteRequestPartition {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
}

impl<'a> Wire<'a> for OffsetDeleteRequestPartition {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetDeleteRequestPartition { partition_index: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetDeleteRequest<'a> {
    const KEY: i16 = 47;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
