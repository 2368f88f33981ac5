//! `FetchResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 4 to 18.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16, from version 7.
    pub error_code: i16,
    /// `SessionId`: i32, from version 7.
    pub session_id: i32,
    /// `Responses`: list of [`FetchableTopicResponse`].
    pub responses: List<'a, FetchableTopicResponse<'a>>,
    /// `NodeEndpoints`: list of [`NodeEndpoint`], from version 16, tag 0.
    pub node_endpoints: List<'a, NodeEndpoint<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for FetchResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = FetchResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: if v >= 7 { Wire::read(r, v)? } else { 0 },
            session_id: if v >= 7 { Wire::read(r, v)? } else { 0 },
            responses: Wire::read(r, v)?,
            node_endpoints: List::default(),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 if v >= 16 => out.node_endpoints = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        if v >= 7 {
            self.error_code.write(w, v)?;
        }
        if v >= 7 {
            self.session_id.write(w, v)?;
        } else {
            absent(self.session_id == 0, "FetchResponse.SessionId", v)?;
        }
        self.responses.write(w, v)?;
        absent(v >= 16 || self.node_endpoints.is_empty(), "FetchResponse.NodeEndpoints", v)?;
        let has_node_endpoints = v >= 16 && !self.node_endpoints.is_empty();
        let mut tags = w.tagged(u32::from(has_node_endpoints), &self.unknown);
        if has_node_endpoints {
            tags.field(0, |w| self.node_endpoints.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `FetchableTopicResponse` within [`FetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchableTopicResponse<'a> {
    /// `Topic`: text, versions 4 to 12.
    pub topic: &'a str,
    /// `TopicId`: Uuid, from version 13.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`PartitionData`].
    pub partitions: List<'a, PartitionData<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for FetchableTopicResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(FetchableTopicResponse {
            topic: if v <= 12 { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 13 { Wire::read(r, v)? } else { Uuid::default() },
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 12 {
            self.topic.write(w, v)?;
        }
        if v >= 13 {
            self.topic_id.write(w, v)?;
        }
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `PartitionData` within [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionData<'a> {
    /// `PartitionIndex`: i32.
    pub partition_index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `HighWatermark`: i64.
    pub high_watermark: i64,
    /// `LastStableOffset`: i64.
    pub last_stable_offset: i64,
    /// `LogStartOffset`: i64, from version 5.
    pub log_start_offset: i64,
    /// `AbortedTransactions`: list of [`AbortedTransaction`].
    pub aborted_transactions: Option<List<'a, AbortedTransaction<'a>>>,
    /// `PreferredReadReplica`: i32, from version 11.
    pub preferred_read_replica: i32,
    /// `Records`: bytes.
    pub records: Option<&'a [u8]>,
    /// `DivergingEpoch`: [`EpochEndOffset`], from version 12, tag 0.
    pub diverging_epoch: EpochEndOffset<'a>,
    /// `CurrentLeader`: [`LeaderIdAndEpoch`], from version 12, tag 1.
    pub current_leader: LeaderIdAndEpoch<'a>,
    /// `SnapshotId`: [`SnapshotId`], from version 12, tag 2.
    pub snapshot_id: SnapshotId<'a>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for PartitionData<'_> {
    fn default() -> Self {
        PartitionData {
            partition_index: 0,
            error_code: 0,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            aborted_transactions: Some(List::default()),
            preferred_read_replica: -1,
            records: Some(&[]),
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for PartitionData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = PartitionData {
            partition_index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            high_watermark: Wire::read(r, v)?,
            last_stable_offset: Wire::read(r, v)?,
            log_start_offset: if v >= 5 { Wire::read(r, v)? } else { -1 },
            aborted_transactions: Wire::read_nullable(r, v)?,
            preferred_read_replica: if v >= 11 { Wire::read(r, v)? } else { -1 },
            records: Wire::read_nullable(r, v)?,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.diverging_epoch = Wire::read(r, v)?,
                1 => out.current_leader = Wire::read(r, v)?,
                2 => out.snapshot_id = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_index.write(w, v)?;
        self.error_code.write(w, v)?;
        self.high_watermark.write(w, v)?;
        self.last_stable_offset.write(w, v)?;
        if v >= 5 {
            self.log_start_offset.write(w, v)?;
        }
        Wire::write_nullable(self.aborted_transactions.as_ref(), w, v)?;
        if v >= 11 {
            self.preferred_read_replica.write(w, v)?;
        } else {
            absent(self.preferred_read_replica == -1, "PartitionData.PreferredReadReplica", v)?;
        }
        Wire::write_nullable(self.records.as_ref(), w, v)?;
        absent(
            v >= 12 || self.diverging_epoch == EpochEndOffset::default(),
            "PartitionData.DivergingEpoch",
            v,
        )?;
        absent(
            v >= 12 || self.current_leader == LeaderIdAndEpoch::default(),
            "PartitionData.CurrentLeader",
            v,
        )?;
        absent(v >= 12 || self.snapshot_id == SnapshotId::default(), "PartitionData.SnapshotId", v)?;
        let has_diverging_epoch = v >= 12 && self.diverging_epoch != EpochEndOffset::default();
        let has_current_leader = v >= 12 && self.current_leader != LeaderIdAndEpoch::default();
        let has_snapshot_id = v >= 12 && self.snapshot_id != SnapshotId::default();
        let mut tags = w.tagged(
            u32::from(has_diverging_epoch) + u32::from(has_current_leader) + u32::from(has_snapshot_id),
            &self.unknown,
        );
        if has_diverging_epoch {
            tags.field(0, |w| self.diverging_epoch.write(w, v))?;
        }
        if has_current_leader {
            tags.field(1, |w| self.current_leader.write(w, v))?;
        }
        if has_snapshot_id {
            tags.field(2, |w| self.snapshot_id.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `EpochEndOffset` within [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct EpochEndOffset<'a> {
    /// `Epoch`: i32, from version 12.
    pub epoch: i32,
    /// `EndOffset`: i64, from version 12.
    pub end_offset: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for EpochEndOffset<'_> {
    fn default() -> Self {
        EpochEndOffset { epoch: -1, end_offset: -1, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for EpochEndOffset<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(EpochEndOffset {
            epoch: if v >= 12 { Wire::read(r, v)? } else { -1 },
            end_offset: if v >= 12 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 12 {
            self.epoch.write(w, v)?;
        } else {
            absent(self.epoch == -1, "EpochEndOffset.Epoch", v)?;
        }
        if v >= 12 {
            self.end_offset.write(w, v)?;
        } else {
            absent(self.end_offset == -1, "EpochEndOffset.EndOffset", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `LeaderIdAndEpoch` within [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderIdAndEpoch<'a> {
    /// `LeaderId`: i32, from version 12.
    pub leader_id: i32,
    /// `LeaderEpoch`: i32, from version 12.
    pub leader_epoch: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for LeaderIdAndEpoch<'_> {
    fn default() -> Self {
        LeaderIdAndEpoch { leader_id: -1, leader_epoch: -1, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for LeaderIdAndEpoch<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(LeaderIdAndEpoch {
            leader_id: if v >= 12 { Wire::read(r, v)? } else { -1 },
            leader_epoch: if v >= 12 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 12 {
            self.leader_id.write(w, v)?;
        } else {
            absent(self.leader_id == -1, "LeaderIdAndEpoch.LeaderId", v)?;
        }
        if v >= 12 {
            self.leader_epoch.write(w, v)?;
        } else {
            absent(self.leader_epoch == -1, "LeaderIdAndEpoch.LeaderEpoch", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `SnapshotId` within [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotId<'a> {
    /// `EndOffset`: i64.
    pub end_offset: i64,
    /// `Epoch`: i32.
    pub epoch: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for SnapshotId<'_> {
    fn default() -> Self {
        SnapshotId { end_offset: -1, epoch: -1, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for SnapshotId<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SnapshotId {
            end_offset: Wire::read(r, v)?,
            epoch: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.end_offset.write(w, v)?;
        self.epoch.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AbortedTransaction` within [`FetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AbortedTransaction<'a> {
    /// `ProducerId`: i64.
    pub producer_id: i64,
    /// `FirstOffset`: i64.
    pub first_offset: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AbortedTransaction<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AbortedTransaction {
            producer_id: Wire::read(r, v)?,
            first_offset: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.producer_id.write(w, v)?;
        self.first_offset.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `NodeEndpoint` within [`FetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEndpoint<'a> {
    /// `NodeId`: i32, from version 16.
    pub node_id: i32,
    /// `Host`: text, from version 16.
    pub host: &'a str,
    /// `Port`: i32, from version 16.
    pub port: i32,
    /// `Rack`: text, from version 16.
    pub rack: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for NodeEndpoint<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(NodeEndpoint {
            node_id: if v >= 16 { Wire::read(r, v)? } else { 0 },
            host: if v >= 16 { Wire::read(r, v)? } else { "" },
            port: if v >= 16 { Wire::read(r, v)? } else { 0 },
            rack: if v >= 16 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 16 {
            self.node_id.write(w, v)?;
        } else {
            absent(self.node_id == 0, "NodeEndpoint.NodeId", v)?;
        }
        if v >= 16 {
            self.host.write(w, v)?;
        } else {
            absent(self.host.is_empty(), "NodeEndpoint.Host", v)?;
        }
        if v >= 16 {
            self.port.write(w, v)?;
        } else {
            absent(self.port == 0, "NodeEndpoint.Port", v)?;
        }
        if v >= 16 {
            Wire::write_nullable(self.rack.as_ref(), w, v)?;
        } else {
            absent(self.rack.is_none(), "NodeEndpoint.Rack", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for FetchResponse<'a> {
    const KEY: i16 = 1;
    const VERSIONS: (i16, i16) = (4, 18);
    const FLEXIBLE_FROM: i16 = 12;
}
