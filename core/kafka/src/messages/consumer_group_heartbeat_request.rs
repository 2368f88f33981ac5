//! `ConsumerGroupHeartbeatRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerGroupHeartbeatRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `MemberEpoch`: i32.
    pub member_epoch: i32,
    /// `InstanceId`: text.
    pub instance_id: Option<&'a str>,
    /// `RackId`: text.
    pub rack_id: Option<&'a str>,
    /// `RebalanceTimeoutMs`: i32.
    pub rebalance_timeout_ms: i32,
    /// `SubscribedTopicNames`: list of text.
    pub subscribed_topic_names: Option<List<'a, &'a str>>,
    /// `SubscribedTopicRegex`: text, from version 1.
    pub subscribed_topic_regex: Option<&'a str>,
    /// `ServerAssignor`: text.
    pub server_assignor: Option<&'a str>,
    /// `TopicPartitions`: list of [`TopicPartitions`].
    pub topic_partitions: Option<List<'a, TopicPartitions<'a>>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ConsumerGroupHeartbeatRequest<'_> {
    fn default() -> Self {
        ConsumerGroupHeartbeatRequest {
            group_id: "",
            member_id: "",
            member_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            subscribed_topic_names: None,
            subscribed_topic_regex: None,
            server_assignor: None,
            topic_partitions: None,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ConsumerGroupHeartbeatRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerGroupHeartbeatRequest {
            group_id: Wire::read(r, v)?,
            member_id: Wire::read(r, v)?,
            member_epoch: Wire::read(r, v)?,
            instance_id: Wire::read_nullable(r, v)?,
            rack_id: Wire::read_nullable(r, v)?,
            rebalance_timeout_ms: Wire::read(r, v)?,
            subscribed_topic_names: Wire::read_nullable(r, v)?,
            subscribed_topic_regex: if v >= 1 { Wire::read_nullable(r, v)? } else { None },
            server_assignor: Wire::read_nullable(r, v)?,
            topic_partitions: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.member_id.write(w, v)?;
        self.member_epoch.write(w, v)?;
        Wire::write_nullable(self.instance_id.as_ref(), w, v)?;
        Wire::write_nullable(self.rack_id.as_ref(), w, v)?;
        self.rebalance_timeout_ms.write(w, v)?;
        Wire::write_nullable(self.subscribed_topic_names.as_ref(), w, v)?;
        if v >= 1 {
            Wire::write_nullable(self.subscribed_topic_regex.as_ref(), w, v)?;
        } else {
            absent(
                self.subscribed_topic_regex.is_none(),
                "ConsumerGroupHeartbeatRequest.SubscribedTopicRegex",
                v,
            )?;
        }
        Wire::write_nullable(self.server_assignor.as_ref(), w, v)?;
        Wire::write_nullable(self.topic_partitions.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `TopicPartitions` within [`ConsumerGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartitions<'a> {
    /// `TopicId`: Uuid.
    pub topic_id: Uuid,
    /// `Partitions`: list of i32.
    pub partitions: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicPartitions<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicPartitions {
            topic_id: Wire::read(r, v)?,
            partitions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topic_id.write(w, v)?;
        self.partitions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupHeartbeatRequest<'a> {
    const KEY: i16 = 68;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 0;
}
