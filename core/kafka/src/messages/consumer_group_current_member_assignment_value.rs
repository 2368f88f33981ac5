//! `ConsumerGroupCurrentMemberAssignmentValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupCurrentMemberAssignmentValue<'a> {
    /// `MemberEpoch`: i32.
    pub member_epoch: i32,
    /// `PreviousMemberEpoch`: i32.
    pub previous_member_epoch: i32,
    /// `State`: i8.
    pub state: i8,
    /// `AssignedPartitions`: list of [`TopicPartitions`].
    pub assigned_partitions: List<'a, TopicPartitions<'a>>,
    /// `PartitionsPendingRevocation`: list of [`TopicPartitions`].
    pub partitions_pending_revocation: List<'a, TopicPartitions<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ConsumerGroupCurrentMemberAssignmentValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: Wire::read(r, v)?,
            previous_member_epoch: Wire::read(r, v)?,
            state: Wire::read(r, v)?,
            assigned_partitions: Wire::read(r, v)?,
            partitions_pending_revocation: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.member_epoch.write(w, v)?;
        self.previous_member_epoch.write(w, v)?;
        self.state.write(w, v)?;
        self.assigned_partitions.write(w, v)?;
        self.partitions_pending_revocation.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicPartitions` within [`ConsumerGroupCurrentMemberAssignmentValue`].
#[derive(Clone, Debug, PartialEq)]
pub struct TopicPartitions<'a> {
    /// `TopicId`: Uuid.
    pub topic_id: Uuid,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// `AssignmentEpochs`: list of i32, tag 0.
    pub assignment_epochs: Option<List<'a, i32>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for TopicPartitions<'_> {
    fn default() -> Self {
        TopicPartitions {
            topic_id: Uuid::default(),
            partitions: List::default(),
            assignment_epochs: Some(List::default()),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for TopicPartitions<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = TopicPartitions {
            topic_id: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            assignment_epochs: Some(List::default()),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.assignment_epochs = Wire::read_nullable(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_id.write(w, v)?;
        self.partitions.write(w, v)?;
        let has_assignment_epochs = self.assignment_epochs != Some(List::default());
        let mut tags = w.tagged(u32::from(has_assignment_epochs), &self.unknown);
        if has_assignment_epochs {
            tags.field(0, |w| Wire::write_nullable(self.assignment_epochs.as_ref(), w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupCurrentMemberAssignmentValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
