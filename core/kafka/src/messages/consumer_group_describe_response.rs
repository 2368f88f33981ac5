//! `ConsumerGroupDescribeResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupDescribeResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Groups`: list of [`DescribedGroup`].
    pub groups: List<'a, DescribedGroup<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ConsumerGroupDescribeResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerGroupDescribeResponse {
            throttle_time_ms: Wire::read(r, v)?,
            groups: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.groups.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribedGroup` within [`ConsumerGroupDescribeResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `GroupState`: text.
    pub group_state: &'a str,
    /// `GroupEpoch`: i32.
    pub group_epoch: i32,
    /// `AssignmentEpoch`: i32.
    pub assignment_epoch: i32,
    /// `AssignorName`: text.
    pub assignor_name: &'a str,
    /// `Members`: list of [`Member`].
    pub members: List<'a, Member<'a>>,
    /// `AuthorizedOperations`: i32.
    pub authorized_operations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribedGroup<'_> {
    fn default() -> Self {
        DescribedGroup {
            error_code: 0,
            error_message: None,
            group_id: "",
            group_state: "",
            group_epoch: 0,
            assignment_epoch: 0,
            assignor_name: "",
            members: List::default(),
            authorized_operations: -2147483648,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribedGroup<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribedGroup {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            group_id: Wire::read(r, v)?,
            group_state: Wire::read(r, v)?,
            group_epoch: Wire::read(r, v)?,
            assignment_epoch: Wire::read(r, v)?,
            assignor_name: Wire::read(r, v)?,
            members: Wire::read(r, v)?,
            authorized_operations: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.group_id.write(w, v)?;
        self.group_state.write(w, v)?;
        self.group_epoch.write(w, v)?;
        self.assignment_epoch.write(w, v)?;
        self.assignor_name.write(w, v)?;
        self.members.write(w, v)?;
        self.authorized_operations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Member` within [`ConsumerGroupDescribeResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Member<'a> {
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `InstanceId`: text.
    pub instance_id: Option<&'a str>,
    /// `RackId`: text.
    pub rack_id: Option<&'a str>,
    /// `MemberEpoch`: i32.
    pub member_epoch: i32,
    /// `ClientId`: text.
    pub client_id: &'a str,
    /// `ClientHost`: text.
    pub client_host: &'a str,
    /// `SubscribedTopicNames`: list of text.
    pub subscribed_topic_names: List<'a, &'a str>,
    /// `SubscribedTopicRegex`: text.
    pub subscribed_topic_regex: Option<&'a str>,
    /// `Assignment`: [`Assignment`].
    pub assignment: Assignment<'a>,
    /// `TargetAssignment`: [`Assignment`].
    pub target_assignment: Assignment<'a>,
    /// `MemberType`: i8, from version 1.
    pub member_type: i8,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for Member<'_> {
    fn default() -> Self {
        Member {
            member_id: "",
            instance_id: None,
            rack_id: None,
            member_epoch: 0,
            client_id: "",
            client_host: "",
            subscribed_topic_names: List::default(),
            subscribed_topic_regex: None,
            assignment: Assignment::default(),
            target_assignment: Assignment::default(),
            member_type: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for Member<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Member {
            member_id: Wire::read(r, v)?,
            instance_id: Wire::read_nullable(r, v)?,
            rack_id: Wire::read_nullable(r, v)?,
            member_epoch: Wire::read(r, v)?,
            client_id: Wire::read(r, v)?,
            client_host: Wire::read(r, v)?,
            subscribed_topic_names: Wire::read(r, v)?,
            subscribed_topic_regex: Wire::read_nullable(r, v)?,
            assignment: Wire::read(r, v)?,
            target_assignment: Wire::read(r, v)?,
            member_type: if v >= 1 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.member_id.write(w, v)?;
        Wire::write_nullable(self.instance_id.as_ref(), w, v)?;
        Wire::write_nullable(self.rack_id.as_ref(), w, v)?;
        self.member_epoch.write(w, v)?;
        self.client_id.write(w, v)?;
        self.client_host.write(w, v)?;
        self.subscribed_topic_names.write(w, v)?;
        Wire::write_nullable(self.subscribed_topic_regex.as_ref(), w, v)?;
        self.assignment.write(w, v)?;
        self.target_assignment.write(w, v)?;
        if v >= 1 {
            self.member_type.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicPartitions` within [`ConsumerGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartitions<'a> {
    /// `TopicId`: Uuid.
    pub topic_id: Uuid,
    /// `TopicName`: text.
    pub topic_name: &'a str,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicPartitions<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicPartitions {
            topic_id: Wire::read(r, v)?,
            topic_name: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_id.write(w, v)?;
        self.topic_name.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Assignment` within [`ConsumerGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment<'a> {
    /// `TopicPartitions`: list of [`TopicPartitions`].
    pub topic_partitions: List<'a, TopicPartitions<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for Assignment<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Assignment { topic_partitions: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupDescribeResponse<'a> {
    const KEY: i16 = 69;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 0;
}
