//! `AlterPartitionReassignmentsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterPartitionReassignmentsRequest<'a> {
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// `AllowReplicationFactorChange`: bool, from version 1.
    pub allow_replication_factor_change: bool,
    /// `Topics`: list of [`ReassignableTopic`].
    pub topics: List<'a, ReassignableTopic<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for AlterPartitionReassignmentsRequest<'_> {
    fn default() -> Self {
        AlterPartitionReassignmentsRequest {
            timeout_ms: 60000,
            allow_replication_factor_change: true,
            topics: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for AlterPartitionReassignmentsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AlterPartitionReassignmentsRequest {
            timeout_ms: Wire::read(r, v)?,
            allow_replication_factor_change: if v >= 1 { Wire::read(r, v)? } else { true },
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.timeout_ms.write(w, v)?;
        if v >= 1 {
            self.allow_replication_factor_change.write(w, v)?;
        } else {
            absent(
                self.allow_replication_factor_change,
                "AlterPartitionReassignmentsRequest.AllowReplicationFactorChange",
                v,
            )?;
        }
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ReassignableTopic` within [`AlterPartitionReassignmentsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReassignableTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Partitions`: list of [`ReassignablePartition`].
    pub partitions: List<'a, ReassignablePartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ReassignableTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ReassignableTopic {
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

/// `ReassignablePartition` within [`AlterPartitionReassignmentsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReassignablePartition<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `Replicas`: list of i32.
    pub replicas: Option<List<'a, i32>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ReassignablePartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ReassignablePartition {
            partition_index: Wire::read(r, v)?,
            replicas: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        Wire::write_nullable(self.replicas.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for AlterPartitionReassignmentsRequest<'a> {
    const KEY: i16 = 45;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 0;
}
