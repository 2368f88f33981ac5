//! `CreateTopicsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 2 to 7.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTopicsRequest<'a> {
    /// `Topics`: list of [`CreatableTopic`].
    pub topics: List<'a, CreatableTopic<'a>>,
    /// `timeoutMs`: i32.
    pub timeout_ms: i32,
    /// `validateOnly`: bool.
    pub validate_only: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for CreateTopicsRequest<'_> {
    fn default() -> Self {
        CreateTopicsRequest {
            topics: List::default(),
            timeout_ms: 60000,
            validate_only: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for CreateTopicsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreateTopicsRequest {
            topics: Wire::read(r, v)?,
            timeout_ms: Wire::read(r, v)?,
            validate_only: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topics.write(w, v)?;
        self.timeout_ms.write(w, v)?;
        self.validate_only.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CreatableTopic` within [`CreateTopicsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatableTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `NumPartitions`: i32.
    pub num_partitions: i32,
    /// `ReplicationFactor`: i16.
    pub replication_factor: i16,
    /// `Assignments`: list of [`CreatableReplicaAssignment`].
    pub assignments: List<'a, CreatableReplicaAssignment<'a>>,
    /// `Configs`: list of [`CreatableTopicConfig`].
    pub configs: List<'a, CreatableTopicConfig<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreatableTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatableTopic {
            name: Wire::read(r, v)?,
            num_partitions: Wire::read(r, v)?,
            replication_factor: Wire::read(r, v)?,
            assignments: Wire::read(r, v)?,
            configs: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.num_partitions.write(w, v)?;
        self.replication_factor.write(w, v)?;
        self.assignments.write(w, v)?;
        self.configs.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CreatableReplicaAssignment` within [`CreateTopicsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatableReplicaAssignment<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `BrokerIds`: list of i32.
    pub broker_ids: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreatableReplicaAssignment<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatableReplicaAssignment {
            partition_index: Wire::read(r, v)?,
            broker_ids: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.broker_ids.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CreatableTopicConfig` within [`CreateTopicsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicConfig<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Value`: text.
    pub value: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for CreatableTopicConfig<'_> {
    fn default() -> Self {
        CreatableTopicConfig { name: "", value: Some(""), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for CreatableTopicConfig<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatableTopicConfig {
            name: Wire::read(r, v)?,
            value: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        Wire::write_nullable(self.value.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for CreateTopicsRequest<'a> {
    const KEY: i16 = 19;
    const VERSIONS: (i16, i16) = (2, 7);
    const FLEXIBLE_FROM: i16 = 5;
}
