//! `MetadataResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{
    List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent, read_optional, write_optional,
};

/// The message, versions 0 to 13.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 3.
    pub throttle_time_ms: i32,
    /// `Brokers`: list of [`MetadataResponseBroker`].
    pub brokers: List<'a, MetadataResponseBroker<'a>>,
    /// `ClusterId`: text, from version 2.
    pub cluster_id: Option<&'a str>,
    /// `ControllerId`: i32, from version 1.
    pub controller_id: i32,
    /// `Topics`: list of [`MetadataResponseTopic`].
    pub topics: List<'a, MetadataResponseTopic<'a>>,
    /// `ClusterAuthorizedOperations`: i32, versions 8 to 10.
    pub cluster_authorized_operations: i32,
    /// `ErrorCode`: i16, from version 13.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MetadataResponse<'_> {
    fn default() -> Self {
        MetadataResponse {
            throttle_time_ms: 0,
            brokers: List::default(),
            cluster_id: None,
            controller_id: -1,
            topics: List::default(),
            cluster_authorized_operations: -2147483648,
            error_code: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for MetadataResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MetadataResponse {
            throttle_time_ms: if v >= 3 { Wire::read(r, v)? } else { 0 },
            brokers: Wire::read(r, v)?,
            cluster_id: if v >= 2 { Wire::read_nullable(r, v)? } else { None },
            controller_id: if v >= 1 { Wire::read(r, v)? } else { -1 },
            topics: Wire::read(r, v)?,
            cluster_authorized_operations: if (8..=10).contains(&v) {
                Wire::read(r, v)?
            } else {
                -2147483648
            },
            error_code: if v >= 13 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.brokers.write(w, v)?;
        if v >= 2 {
            Wire::write_nullable(self.cluster_id.as_ref(), w, v)?;
        }
        if v >= 1 {
            self.controller_id.write(w, v)?;
        }
        self.topics.write(w, v)?;
        if (8..=10).contains(&v) {
            self.cluster_authorized_operations.write(w, v)?;
        } else {
            absent(
                self.cluster_authorized_operations == -2147483648,
                "MetadataResponse.ClusterAuthorizedOperations",
                v,
            )?;
        }
        if v >= 13 {
            self.error_code.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MetadataResponseBroker` within [`MetadataResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataResponseBroker<'a> {
    /// `NodeId`: i32.
    pub node_id: i32,
    /// `Host`: text.
    pub host: &'a str,
    /// `Port`: i32.
    pub port: i32,
    /// `Rack`: text, from version 1.
    pub rack: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for MetadataResponseBroker<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MetadataResponseBroker {
            node_id: Wire::read(r, v)?,
            host: Wire::read(r, v)?,
            port: Wire::read(r, v)?,
            rack: if v >= 1 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.node_id.write(w, v)?;
        self.host.write(w, v)?;
        self.port.write(w, v)?;
        if v >= 1 {
            Wire::write_nullable(self.rack.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MetadataResponseTopic` within [`MetadataResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponseTopic<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Name`: text.
    pub name: Option<&'a str>,
    /// `TopicId`: Uuid, from version 10.
    pub topic_id: Uuid,
    /// `IsInternal`: bool, from version 1.
    pub is_internal: bool,
    /// `Partitions`: list of [`MetadataResponsePartition`].
    pub partitions: List<'a, MetadataResponsePartition<'a>>,
    /// `TopicAuthorizedOperations`: i32, from version 8.
    pub topic_authorized_operations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MetadataResponseTopic<'_> {
    fn default() -> Self {
        MetadataResponseTopic {
            error_code: 0,
            name: Some(""),
            topic_id: Uuid::default(),
            is_internal: false,
            partitions: List::default(),
            topic_authorized_operations: -2147483648,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for MetadataResponseTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MetadataResponseTopic {
            error_code: Wire::read(r, v)?,
            name: read_optional(r, v, v >= 12)?,
            topic_id: if v >= 10 { Wire::read(r, v)? } else { Uuid::default() },
            is_internal: if v >= 1 { Wire::read(r, v)? } else { false },
            partitions: Wire::read(r, v)?,
            topic_authorized_operations: if v >= 8 { Wire::read(r, v)? } else { -2147483648 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        write_optional(self.name.as_ref(), w, v, v >= 12, "Name")?;
        if v >= 10 {
            self.topic_id.write(w, v)?;
        }
        if v >= 1 {
            self.is_internal.write(w, v)?;
        }
        self.partitions.write(w, v)?;
        if v >= 8 {
            self.topic_authorized_operations.write(w, v)?;
        } else {
            absent(
                self.topic_authorized_operations == -2147483648,
                "MetadataResponseTopic.TopicAuthorizedOperations",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MetadataResponsePartition` within [`MetadataResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponsePartition<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `LeaderId`: i32.
    pub leader_id: i32,
    /// `LeaderEpoch`: i32, from version 7.
    pub leader_epoch: i32,
    /// `ReplicaNodes`: list of i32.
    pub replica_nodes: List<'a, i32>,
    /// `IsrNodes`: list of i32.
    pub isr_nodes: List<'a, i32>,
    /// `OfflineReplicas`: list of i32, from version 5.
    pub offline_replicas: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MetadataResponsePartition<'_> {
    fn default() -> Self {
        MetadataResponsePartition {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: List::default(),
            isr_nodes: List::default(),
            offline_replicas: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for MetadataResponsePartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MetadataResponsePartition {
            error_code: Wire::read(r, v)?,
            partition_index: Wire::read(r, v)?,
            leader_id: Wire::read(r, v)?,
            leader_epoch: if v >= 7 { Wire::read(r, v)? } else { -1 },
            replica_nodes: Wire::read(r, v)?,
            isr_nodes: Wire::read(r, v)?,
            offline_replicas: if v >= 5 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.partition_index.write(w, v)?;
        self.leader_id.write(w, v)?;
        if v >= 7 {
            self.leader_epoch.write(w, v)?;
        }
        self.replica_nodes.write(w, v)?;
        self.isr_nodes.write(w, v)?;
        if v >= 5 {
            self.offline_replicas.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for MetadataResponse<'a> {
    const KEY: i16 = 3;
    const VERSIONS: (i16, i16) = (0, 13);
    const FLEXIBLE_FROM: i16 = 9;
}
