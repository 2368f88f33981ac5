//! `ListPartitionReassignmentsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPartitionReassignmentsRequest<'a> {
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// `Topics`: list of [`ListPartitionReassignmentsTopics`].
    pub topics: Option<List<'a, ListPartitionReassignmentsTopics<'a>>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ListPartitionReassignmentsRequest<'_> {
    fn default() -> Self {
        ListPartitionReassignmentsRequest { timeout_ms: 60000, topics: None, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for ListPartitionReassignmentsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListPartitionReassignmentsRequest {
            timeout_ms: Wire::read(r, v)?,
            topics: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.timeout_ms.write(w, v)?;
        Wire::write_nullable(self.topics.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ListPartitionReassignmentsTopics` within [`ListPartitionReassignmentsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListPartitionReassignmentsTopics<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `PartitionIndexes`: list of i32.
    pub partition_indexes: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListPartitionReassignmentsTopics<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListPartitionReassignmentsTopics {
            name: Wire::read(r, v)?,
            partition_indexes: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.partition_indexes.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListPartitionReassignmentsRequest<'a> {
    const KEY: i16 = 46;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
