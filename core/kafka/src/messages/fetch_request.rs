//! `FetchRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 4 to 18.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest<'a> {
    /// `ReplicaId`: i32, versions 4 to 14.
    pub replica_id: i32,
    /// `MaxWaitMs`: i32.
    pub max_wait_ms: i32,
    /// `MinBytes`: i32.
    pub min_bytes: i32,
    /// `MaxBytes`: i32.
    pub max_bytes: i32,
    /// `IsolationLevel`: i8.
    pub isolation_level: i8,
    /// `SessionId`: i32, from version 7.
    pub session_id: i32,
    /// `SessionEpoch`: i32, from version 7.
    pub session_epoch: i32,
    /// `Topics`: list of [`FetchTopic`].
    pub topics: List<'a, FetchTopic<'a>>,
    /// `ForgottenTopicsData`: list of [`ForgottenTopic`], from version 7.
    pub forgotten_topics_data: List<'a, ForgottenTopic<'a>>,
    /// `RackId`: text, from version 11.
    pub rack_id: &'a str,
    /// `ClusterId`: text, from version 12, tag 0.
    pub cluster_id: Option<&'a str>,
    /// `ReplicaState`: [`ReplicaState`], from version 15, tag 1.
    pub replica_state: ReplicaState<'a>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for FetchRequest<'_> {
    fn default() -> Self {
        FetchRequest {
            replica_id: -1,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: i32::MAX,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: List::default(),
            forgotten_topics_data: List::default(),
            rack_id: "",
            cluster_id: None,
            replica_state: ReplicaState::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for FetchRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = FetchRequest {
            replica_id: if v <= 14 { Wire::read(r, v)? } else { -1 },
            max_wait_ms: Wire::read(r, v)?,
            min_bytes: Wire::read(r, v)?,
            max_bytes: Wire::read(r, v)?,
            isolation_level: Wire::read(r, v)?,
            session_id: if v >= 7 { Wire::read(r, v)? } else { 0 },
            session_epoch: if v >= 7 { Wire::read(r, v)? } else { -1 },
            topics: Wire::read(r, v)?,
            forgotten_topics_data: if v >= 7 { Wire::read(r, v)? } else { List::default() },
            rack_id: if v >= 11 { Wire::read(r, v)? } else { "" },
            cluster_id: None,
            replica_state: ReplicaState::default(),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.cluster_id = Wire::read_nullable(r, v)?,
                1 if v >= 15 => out.replica_state = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 14 {
            self.replica_id.write(w, v)?;
        } else {
            absent(self.replica_id == -1, "FetchRequest.ReplicaId", v)?;
        }
        self.max_wait_ms.write(w, v)?;
        self.min_bytes.write(w, v)?;
        self.max_bytes.write(w, v)?;
        self.isolation_level.write(w, v)?;
        if v >= 7 {
            self.session_id.write(w, v)?;
        }
        if v >= 7 {
            self.session_epoch.write(w, v)?;
        }
        self.topics.write(w, v)?;
        if v >= 7 {
            self.forgotten_topics_data.write(w, v)?;
        } else {
            absent(self.forgotten_topics_data.is_empty(), "FetchRequest.ForgottenTopicsData", v)?;
        }
        if v >= 11 {
            self.rack_id.write(w, v)?;
        }
        absent(v >= 15 || self.replica_state == ReplicaState::default(), "FetchRequest.ReplicaState", v)?;
        let has_cluster_id = v >= 12 && self.cluster_id.is_some();
        let has_replica_state = v >= 15 && self.replica_state != ReplicaState::default();
        let mut tags = w.tagged(u32::from(has_cluster_id) + u32::from(has_replica_state), &self.unknown);
        if has_cluster_id {
            tags.field(0, |w| Wire::write_nullable(self.cluster_id.as_ref(), w, v))?;
        }
        if has_replica_state {
            tags.field(1, |w| self.replica_state.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `ReplicaState` within [`FetchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaState<'a> {
    /// `ReplicaId`: i32, from version 15.
    pub replica_id: i32,
    /// `ReplicaEpoch`: i64, from version 15.
    pub replica_epoch: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ReplicaState<'_> {
    fn default() -> Self {
        ReplicaState { replica_id: -1, replica_epoch: -1, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for ReplicaState<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ReplicaState {
            replica_id: if v >= 15 { Wire::read(r, v)? } else { -1 },
            replica_epoch: if v >= 15 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 15 {
            self.replica_id.write(w, v)?;
        } else {
            absent(self.replica_id == -1, "ReplicaState.ReplicaId", v)?;
        }
        if v >= 15 {
            self.replica_epoch.write(w, v)?;
        } else {
            absent(self.replica_epoch == -1, "ReplicaState.ReplicaEpoch", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `FetchTopic` within [`FetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchTopic<'a> {
    /// `Topic`: text, versions 4 to 12.
    pub topic: &'a str,
    /// `TopicId`: Uuid, from version 13.
    pub topic_id: Uuid,
    /// `Partitions`: list of [`FetchPartition`].
    pub partitions: List<'a, FetchPartition<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for FetchTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(FetchTopic {
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

/// `FetchPartition` within [`FetchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct FetchPartition<'a> {
    /// `Partition`: i32.
    pub partition: i32,
    /// `CurrentLeaderEpoch`: i32, from version 9.
    pub current_leader_epoch: i32,
    /// `FetchOffset`: i64.
    pub fetch_offset: i64,
    /// `LastFetchedEpoch`: i32, from version 12.
    pub last_fetched_epoch: i32,
    /// `LogStartOffset`: i64, from version 5.
    pub log_start_offset: i64,
    /// `PartitionMaxBytes`: i32.
    pub partition_max_bytes: i32,
    /// `ReplicaDirectoryId`: Uuid, from version 17, tag 0.
    pub replica_directory_id: Uuid,
    /// `HighWatermark`: i64, from version 18, tag 1.
    pub high_watermark: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for FetchPartition<'_> {
    fn default() -> Self {
        FetchPartition {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: Uuid::default(),
            high_watermark: 9223372036854775807,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for FetchPartition<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = FetchPartition {
            partition: Wire::read(r, v)?,
            current_leader_epoch: if v >= 9 { Wire::read(r, v)? } else { -1 },
            fetch_offset: Wire::read(r, v)?,
            last_fetched_epoch: if v >= 12 { Wire::read(r, v)? } else { -1 },
            log_start_offset: if v >= 5 { Wire::read(r, v)? } else { -1 },
            partition_max_bytes: Wire::read(r, v)?,
            replica_directory_id: Uuid::default(),
            high_watermark: 9223372036854775807,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 if v >= 17 => out.replica_directory_id = Wire::read(r, v)?,
                1 if v >= 18 => out.high_watermark = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition.write(w, v)?;
        if v >= 9 {
            self.current_leader_epoch.write(w, v)?;
        }
        self.fetch_offset.write(w, v)?;
        if v >= 12 {
            self.last_fetched_epoch.write(w, v)?;
        } else {
            absent(self.last_fetched_epoch == -1, "FetchPartition.LastFetchedEpoch", v)?;
        }
        if v >= 5 {
            self.log_start_offset.write(w, v)?;
        }
        self.partition_max_bytes.write(w, v)?;
        let has_replica_directory_id = v >= 17 && self.replica_directory_id != Uuid::default();
        let has_high_watermark = v >= 18 && self.high_watermark != 9223372036854775807;
        let mut tags =
            w.tagged(u32::from(has_replica_directory_id) + u32::from(has_high_watermark), &self.unknown);
        if has_replica_directory_id {
            tags.field(0, |w| self.replica_directory_id.write(w, v))?;
        }
        if has_high_watermark {
            tags.field(1, |w| self.high_watermark.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `ForgottenTopic` within [`FetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForgottenTopic<'a> {
    /// `Topic`: text, versions 7 to 12.
    pub topic: &'a str,
    /// `TopicId`: Uuid, from version 13.
    pub topic_id: Uuid,
    /// `Partitions`: list of i32, from version 7.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ForgottenTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ForgottenTopic {
            topic: if (7..=12).contains(&v) { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 13 { Wire::read(r, v)? } else { Uuid::default() },
            partitions: if v >= 7 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if (7..=12).contains(&v) {
            self.topic.write(w, v)?;
        }
        if v >= 13 {
            self.topic_id.write(w, v)?;
        }
        if v >= 7 {
            self.partitions.write(w, v)?;
        } else {
            absent(self.partitions.is_empty(), "ForgottenTopic.Partitions", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for FetchRequest<'a> {
    const KEY: i16 = 1;
    const VERSIONS: (i16, i16) = (4, 18);
    const FLEXIBLE_FROM: i16 = 12;
}
