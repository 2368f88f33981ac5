//! `OffsetCommitValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetCommitValue<'a> {
    /// `offset`: i64.
    pub offset: i64,
    /// `leaderEpoch`: i32, from version 3.
    pub leader_epoch: i32,
    /// `metadata`: text.
    pub metadata: &'a str,
    /// `commitTimestamp`: i64.
    pub commit_timestamp: i64,
    /// `expireTimestamp`: i64, version 1.
    pub expire_timestamp: i64,
    /// `topicId`: Uuid, from version 4, tag 0.
    pub topic_id: Uuid,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetCommitValue<'_> {
    fn default() -> Self {
        OffsetCommitValue {
            offset: 0,
            leader_epoch: -1,
            metadata: "",
            commit_timestamp: 0,
            expire_timestamp: -1,
            topic_id: Uuid::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetCommitValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = OffsetCommitValue {
            offset: Wire::read(r, v)?,
            leader_epoch: if v >= 3 { Wire::read(r, v)? } else { -1 },
            metadata: Wire::read(r, v)?,
            commit_timestamp: Wire::read(r, v)?,
            expire_timestamp: if v == 1 { Wire::read(r, v)? } else { -1 },
            topic_id: Uuid::default(),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.topic_id = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.offset.write(w, v)?;
        if v >= 3 {
            self.leader_epoch.write(w, v)?;
        }
        self.metadata.write(w, v)?;
        self.commit_timestamp.write(w, v)?;
        if v == 1 {
            self.expire_timestamp.write(w, v)?;
        }
        let has_topic_id = v >= 4 && self.topic_id != Uuid::default();
        let mut tags = w.tagged(u32::from(has_topic_id), &self.unknown);
        if has_topic_id {
            tags.field(0, |w| self.topic_id.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetCommitValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
