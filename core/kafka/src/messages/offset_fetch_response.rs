//! `OffsetFetchResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 1 to 10.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 3.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`OffsetFetchResponseTopic`], versions 1 to 7.
    pub topics: List<'a, OffsetFetchResponseTopic<'a>>,
    /// `ErrorCode`: i16, versions 2 to 7.
    pub error_code: i16,
    /// `Groups`: list of [`OffsetFetchResponseGroup`], from version 8.
    pub groups: List<'a, OffsetFetchResponseGroup<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetFetchResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchResponse {
            throttle_time_ms: if v >= 3 { Wire::read(r, v)? } else { 0 },
            topics: if v <= 7 { Wire::read(r, v)? } else { List::default() },
            error_code: if (2..=7).contains(&v) { Wire::read(r, v)? } else { 0 },
            groups: if v >= 8 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.throttle_time_ms.write(w, v)?;
        }
        if v <= 7 {
            self.topics.write(w, v)?;
        } else {
            absent(self.topics.is_empty(), "OffsetFetchResponse.Topics", v)?;
        }
        if (2..=7).contains(&v) {
            self.error_code.write(w, v)?;
        }
        if v >= 8 {
            self.groups.write(w, v)?;
        } else {
            absent(self.groups.is_empty(), "OffsetFetchResponse.Groups", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchResponseTopic` within [`OffsetFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponseTopic<'a> {
    /// `Name`: text, versions 1 to 7.
    pub name: &'a str,
    /// `Partitions`: list of [`OffsetFetchResponsePartition`], versions 1 to 7.
    pub partitions: List<'a, OffsetFetchResponsePartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetFetchResponseTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchResponseTopic {
            name: if v <= 7 { Wire::read(r, v)? } else { "" },
            partitions: if v <= 7 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 7 {
            self.name.write(w, v)?;
        } else {
            absent(self.name.is_empty(), "OffsetFetchResponseTopic.Name", v)?;
        }
        if v <= 7 {
            self.partitions.write(w, v)?;
        } else {
            absent(self.partitions.is_empty(), "OffsetFetchResponseTopic.Partitions", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchResponsePartition` within [`OffsetFetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchResponsePartition<'a> {
    /// `PartitionIndex`: i32, versions 1 to 7.
    pub partition_index: i32,
    /// `CommittedOffset`: i64, versions 1 to 7.
    pub committed_offset: i64,
    /// `CommittedLeaderEpoch`: i32, versions 5 to 7.
    pub committed_leader_epoch: i32,
    /// `Metadata`: text, versions 1 to 7.
    pub metadata: Option<&'a str>,
    /// `ErrorCode`: i16, versions 1 to 7.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetFetchResponsePartition<'_> {
    fn default() -> Self {
        OffsetFetchResponsePartition {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(""),
            error_code: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetFetchResponsePartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchResponsePartition {
            partition_index: if v <= 7 { Wire::read(r, v)? } else { 0 },
            committed_offset: if v <= 7 { Wire::read(r, v)? } else { 0 },
            committed_leader_epoch: if (5..=7).contains(&v) { Wire::read(r, v)? } else { -1 },
            metadata: if v <= 7 { Wire::read_nullable(r, v)? } else { Some("") },
            error_code: if v <= 7 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 7 {
            self.partition_index.write(w, v)?;
        } else {
            absent(self.partition_index == 0, "OffsetFetchResponsePartition.PartitionIndex", v)?;
        }
        if v <= 7 {
            self.committed_offset.write(w, v)?;
        } else {
            absent(self.committed_offset == 0, "OffsetFetchResponsePartition.CommittedOffset", v)?;
        }
        if (5..=7).contains(&v) {
            self.committed_leader_epoch.write(w, v)?;
        }
        if v <= 7 {
            Wire::write_nullable(self.metadata.as_ref(), w, v)?;
        } else {
            absent(self.metadata == Some(""), "OffsetFetchResponsePartition.Metadata", v)?;
        }
        if v <= 7 {
            self.error_code.write(w, v)?;
        } else {
            absent(self.error_code == 0, "OffsetFetchResponsePartition.ErrorCode", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchResponseGroup` within [`OffsetFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponseGroup<'a> {
    /// `GroupId`: text, from version 8.
    pub group_id: &'a str,
    /// `Topics`: list of [`OffsetFetchResponseTopics`], from version 8.
    pub topics: List<'a, OffsetFetchResponseTopics<'a>>,
    /// `ErrorCode`: i16, from version 8.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetFetchResponseGroup<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchResponseGroup {
            group_id: if v >= 8 { Wire::read(r, v)? } else { "" },
            topics: if v >= 8 { Wire::read(r, v)? } else { List::default() },
            error_code: if v >= 8 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 8 {
            self.group_id.write(w, v)?;
        } else {
            absent(self.group_id.is_empty(), "OffsetFetchResponseGroup.GroupId", v)?;
        }
        if v >= 8 {
            self.topics.write(w, v)?;
        } else {
            absent(self.topics.is_empty(), "OffsetFetchResponseGroup.Topics", v)?;
        }
        if v >= 8 {
            self.error_code.write(w, v)?;
        } else {
            absent(self.error_code == 0, "OffsetFetchResponseGroup.ErrorCode", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchResponseTopics` within [`OffsetFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponseTopics<'a> {
    /// `Name`: text, versions 8 to 9.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 10.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`OffsetFetchResponsePartitions`], from version 8.
    pub partitions: List<'a, OffsetFetchResponsePartitions<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetFetchResponseTopics<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchResponseTopics {
            name: if (8..=9).contains(&v) { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 10 { Wire::read(r, v)? } else { Uuid::default() },
            partitions: if v >= 8 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if (8..=9).contains(&v) {
            self.name.write(w, v)?;
        }
        if v >= 10 {
            self.topic_id.write(w, v)?;
        }
        if v >= 8 {
            self.partitions.write(w, v)?;
        } else {
            absent(self.partitions.is_empty(), "OffsetFetchResponseTopics.Partitions", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchResponsePartitions` within [`OffsetFetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchResponsePartitions<'a> {
    /// `PartitionIndex`: i32, from version 8.
    pub partition_index: i32,
    /// `CommittedOffset`: i64, from version 8.
    pub committed_offset: i64,
    /// `CommittedLeaderEpoch`: i32, from version 8.
    pub committed_leader_epoch: i32,
    /// `Metadata`: text, from version 8.
    pub metadata: Option<&'a str>,
    /// `ErrorCode`: i16, from version 8.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetFetchResponsePartitions<'_> {
    fn default() -> Self {
        OffsetFetchResponsePartitions {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(""),
            error_code: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetFetchResponsePartitions<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchResponsePartitions {
            partition_index: if v >= 8 { Wire::read(r, v)? } else { 0 },
            committed_offset: if v >= 8 { Wire::read(r, v)? } else { 0 },
            committed_leader_epoch: if v >= 8 { Wire::read(r, v)? } else { -1 },
            metadata: if v >= 8 { Wire::read_nullable(r, v)? } else { Some("") },
            error_code: if v >= 8 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 8 {
            self.partition_index.write(w, v)?;
        } else {
            absent(self.partition_index == 0, "OffsetFetchResponsePartitions.PartitionIndex", v)?;
        }
        if v >= 8 {
            self.committed_offset.write(w, v)?;
        } else {
            absent(self.committed_offset == 0, "OffsetFetchResponsePartitions.CommittedOffset", v)?;
        }
        if v >= 8 {
            self.committed_leader_epoch.write(w, v)?;
        }
        if v >= 8 {
            Wire::write_nullable(self.metadata.as_ref(), w, v)?;
        } else {
            absent(self.metadata == Some(""), "OffsetFetchResponsePartitions.Metadata", v)?;
        }
        if v >= 8 {
            self.error_code.write(w, v)?;
        } else {
            absent(self.error_code == 0, "OffsetFetchResponsePartitions.ErrorCode", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetFetchResponse<'a> {
    const KEY: i16 = 9;
    const VERSIONS: (i16, i16) = (1, 10);
    const FLEXIBLE_FROM: i16 = 6;
}
