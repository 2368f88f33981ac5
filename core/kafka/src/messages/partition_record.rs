//! `PartitionRecord` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionRecord<'a> {
    /// `PartitionId`: i32.
    pub partition_id: i32,
    /// `TopicId`: Uuid.
    pub topic_id: Uuid,
    /// `Replicas`: list of i32.
    pub replicas: List<'a, i32>,
    /// `Isr`: list of i32.
    pub isr: List<'a, i32>,
    /// `RemovingReplicas`: list of i32.
    pub removing_replicas: List<'a, i32>,
    /// `AddingReplicas`: list of i32.
    pub adding_replicas: List<'a, i32>,
    /// `Leader`: i32.
    pub leader: i32,
    /// `LeaderEpoch`: i32.
    pub leader_epoch: i32,
    /// `PartitionEpoch`: i32.
    pub partition_epoch: i32,
    /// `Directories`: list of Uuid, from version 1.
    pub directories: List<'a, Uuid>,
    /// `LeaderRecoveryState`: i8, tag 0.
    pub leader_recovery_state: i8,
    /// `EligibleLeaderReplicas`: list of i32, from version 2, tag 1.
    pub eligible_leader_replicas: Option<List<'a, i32>>,
    /// `LastKnownElr`: list of i32, from version 2, tag 2.
    pub last_known_elr: Option<List<'a, i32>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for PartitionRecord<'_> {
    fn default() -> Self {
        PartitionRecord {
            partition_id: -1,
            topic_id: Uuid::default(),
            replicas: List::default(),
            isr: List::default(),
            removing_replicas: List::default(),
            adding_replicas: List::default(),
            leader: -1,
            leader_epoch: -1,
            partition_epoch: -1,
            directories: List::default(),
            leader_recovery_state: 0,
            eligible_leader_replicas: None,
            last_known_elr: None,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for PartitionRecord<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = PartitionRecord {
            partition_id: Wire::read(r, v)?,
            topic_id: Wire::read(r, v)?,
            replicas: Wire::read(r, v)?,
            isr: Wire::read(r, v)?,
            removing_replicas: Wire::read(r, v)?,
            adding_replicas: Wire::read(r, v)?,
            leader: Wire::read(r, v)?,
            leader_epoch: Wire::read(r, v)?,
            partition_epoch: Wire::read(r, v)?,
            directories: if v >= 1 { Wire::read(r, v)? } else { List::default() },
            leader_recovery_state: 0,
            eligible_leader_replicas: None,
            last_known_elr: None,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.leader_recovery_state = Wire::read(r, v)?,
                1 if v >= 2 => out.eligible_leader_replicas = Wire::read_nullable(r, v)?,
                2 if v >= 2 => out.last_known_elr = Wire::read_nullable(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.partition_id.write(w, v)?;
        self.topic_id.write(w, v)?;
        self.replicas.write(w, v)?;
        self.isr.write(w, v)?;
        self.removing_replicas.write(w, v)?;
        self.adding_replicas.write(w, v)?;
        self.leader.write(w, v)?;
        self.leader_epoch.write(w, v)?;
        self.partition_epoch.write(w, v)?;
        if v >= 1 {
            self.directories.write(w, v)?;
        } else {
            absent(self.directories.is_empty(), "PartitionRecord.Directories", v)?;
        }
        absent(
            v >= 2 || self.eligible_leader_replicas.is_none(),
            "PartitionRecord.EligibleLeaderReplicas",
            v,
        )?;
        absent(v >= 2 || self.last_known_elr.is_none(), "PartitionRecord.LastKnownElr", v)?;
        let has_leader_recovery_state = self.leader_recovery_state != 0;
        let has_eligible_leader_replicas = v >= 2 && self.eligible_leader_replicas.is_some();
        let has_last_known_elr = v >= 2 && self.last_known_elr.is_some();
        let mut tags = w.tagged(
            u32::from(has_leader_recovery_state)
                + u32::from(has_eligible_leader_replicas)
                + u32::from(has_last_known_elr),
            &self.unknown,
        );
        if has_leader_recovery_state {
            tags.field(0, |w| self.leader_recovery_state.write(w, v))?;
        }
        if has_eligible_leader_replicas {
            tags.field(1, |w| Wire::write_nullable(self.eligible_leader_replicas.as_ref(), w, v))?;
        }
        if has_last_known_elr {
            tags.field(2, |w| Wire::write_nullable(self.last_known_elr.as_ref(), w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

impl<'a> Message<'a> for PartitionRecord<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 0;
}
