//! `DescribeQuorumResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeQuorumResponse<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text, from version 2.
    pub error_message: Option<&'a str>,
    /// `Topics`: list of [`TopicData`].
    pub topics: List<'a, TopicData<'a>>,
    /// `Nodes`: list of [`Node`], from version 2.
    pub nodes: List<'a, Node<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeQuorumResponse<'_> {
    fn default() -> Self {
        DescribeQuorumResponse {
            error_code: 0,
            error_message: Some(""),
            topics: List::default(),
            nodes: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeQuorumResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeQuorumResponse {
            error_code: Wire::read(r, v)?,
            error_message: if v >= 2 { Wire::read_nullable(r, v)? } else { Some("") },
            topics: Wire::read(r, v)?,
            nodes: if v >= 2 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        if v >= 2 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        self.topics.write(w, v)?;
        if v >= 2 {
            self.nodes.write(w, v)?;
        } else {
            absent(self.nodes.is_empty(), "DescribeQuorumResponse.Nodes", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicData` within [`DescribeQuorumResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicData<'a> {
    /// `TopicName`: text.
    pub topic_name: &'a str,
    /// `Partitions`: list of [`PartitionData`].
    pub partitions: List<'a, PartitionData<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicData {
            topic_name: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_name.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `PartitionData` within [`DescribeQuorumResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionData<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text, from version 2.
    pub error_message: Option<&'a str>,
    /// `LeaderId`: i32.
    pub leader_id: i32,
    /// `LeaderEpoch`: i32.
    pub leader_epoch: i32,
    /// `HighWatermark`: i64.
    pub high_watermark: i64,
    /// `CurrentVoters`: list of [`ReplicaState`].
    pub current_voters: List<'a, ReplicaState<'a>>,
    /// `Observers`: list of [`ReplicaState`].
    pub observers: List<'a, ReplicaState<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for PartitionData<'_> {
    fn default() -> Self {
        PartitionData {
            partition_index: 0,
            error_code: 0,
            error_message: Some(""),
            leader_id: 0,
            leader_epoch: 0,
            high_watermark: 0,
            current_voters: List::default(),
            observers: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for PartitionData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(PartitionData {
            partition_index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: if v >= 2 { Wire::read_nullable(r, v)? } else { Some("") },
            leader_id: Wire::read(r, v)?,
            leader_epoch: Wire::read(r, v)?,
            high_watermark: Wire::read(r, v)?,
            current_voters: Wire::read(r, v)?,
            observers: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.error_code.write(w, v)?;
        if v >= 2 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        self.leader_id.write(w, v)?;
        self.leader_epoch.write(w, v)?;
        self.high_watermark.write(w, v)?;
        self.current_voters.write(w, v)?;
        self.observers.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Node` within [`DescribeQuorumResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node<'a> {
    /// `NodeId`: i32, from version 2.
    pub node_id: i32,
    /// `Listeners`: list of [`Listener`], from version 2.
    pub listeners: List<'a, Listener<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for Node<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Node {
            node_id: if v >= 2 { Wire::read(r, v)? } else { 0 },
            listeners: if v >= 2 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 2 {
            self.node_id.write(w, v)?;
        } else {
            absent(self.node_id == 0, "Node.NodeId", v)?;
        }
        if v >= 2 {
            self.listeners.write(w, v)?;
        } else {
            absent(self.listeners.is_empty(), "Node.Listeners", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Listener` within [`DescribeQuorumResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listener<'a> {
    /// `Name`: text, from version 2.
    pub name: &'a str,
    /// `Host`: text, from version 2.
    pub host: &'a str,
    /// `Port`: u16, from version 2.
    pub port: u16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for Listener<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Listener {
            name: if v >= 2 { Wire::read(r, v)? } else { "" },
            host: if v >= 2 { Wire::read(r, v)? } else { "" },
            port: if v >= 2 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 2 {
            self.name.write(w, v)?;
        } else {
            absent(self.name.is_empty(), "Listener.Name", v)?;
        }
        if v >= 2 {
            self.host.write(w, v)?;
        } else {
            absent(self.host.is_empty(), "Listener.Host", v)?;
        }
        if v >= 2 {
            self.port.write(w, v)?;
        } else {
            absent(self.port == 0, "Listener.Port", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ReplicaState` within [`DescribeQuorumResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaState<'a> {
    /// `ReplicaId`: i32.
    pub replica_id: i32,
    /// `ReplicaDirectoryId`: Uuid, from version 2.
    pub replica_directory_id: Uuid,
    /// `LogEndOffset`: i64.
    pub log_end_offset: i64,
    /// `LastFetchTimestamp`: i64, from version 1.
    pub last_fetch_timestamp: i64,
    /// `LastCaughtUpTimestamp`: i64, from version 1.
    pub last_caught_up_timestamp: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ReplicaState<'_> {
    fn default() -> Self {
        ReplicaState {
            replica_id: 0,
            replica_directory_id: Uuid::default(),
            log_end_offset: 0,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ReplicaState<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ReplicaState {
            replica_id: Wire::read(r, v)?,
            replica_directory_id: if v >= 2 { Wire::read(r, v)? } else { Uuid::default() },
            log_end_offset: Wire::read(r, v)?,
            last_fetch_timestamp: if v >= 1 { Wire::read(r, v)? } else { -1 },
            last_caught_up_timestamp: if v >= 1 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.replica_id.write(w, v)?;
        if v >= 2 {
            self.replica_directory_id.write(w, v)?;
        } else {
            absent(self.replica_directory_id == Uuid::default(), "ReplicaState.ReplicaDirectoryId", v)?;
        }
        self.log_end_offset.write(w, v)?;
        if v >= 1 {
            self.last_fetch_timestamp.write(w, v)?;
        }
        if v >= 1 {
            self.last_caught_up_timestamp.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeQuorumResponse<'a> {
    const KEY: i16 = 55;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 0;
}
