//! `OffsetFetchRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{
    List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent, read_optional, write_optional,
};

/// The message, versions 1 to 10.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchRequest<'a> {
    /// `GroupId`: text, versions 1 to 7.
    pub group_id: &'a str,
    /// `Topics`: list of [`OffsetFetchRequestTopic`], versions 1 to 7.
    pub topics: Option<List<'a, OffsetFetchRequestTopic<'a>>>,
    /// `Groups`: list of [`OffsetFetchRequestGroup`], from version 8.
    pub groups: List<'a, OffsetFetchRequestGroup<'a>>,
    /// `RequireStable`: bool, from version 7.
    pub require_stable: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetFetchRequest<'_> {
    fn default() -> Self {
        OffsetFetchRequest {
            group_id: "",
            topics: Some(List::default()),
            groups: List::default(),
            require_stable: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetFetchRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchRequest {
            group_id: if v <= 7 { Wire::read(r, v)? } else { "" },
            topics: if v <= 7 { read_optional(r, v, (2..=7).contains(&v))? } else { Some(List::default()) },
            groups: if v >= 8 { Wire::read(r, v)? } else { List::default() },
            require_stable: if v >= 7 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 7 {
            self.group_id.write(w, v)?;
        } else {
            absent(self.group_id.is_empty(), "OffsetFetchRequest.GroupId", v)?;
        }
        if v <= 7 {
            write_optional(self.topics.as_ref(), w, v, (2..=7).contains(&v), "Topics")?;
        } else {
            absent(self.topics == Some(List::default()), "OffsetFetchRequest.Topics", v)?;
        }
        if v >= 8 {
            self.groups.write(w, v)?;
        } else {
            absent(self.groups.is_empty(), "OffsetFetchRequest.Groups", v)?;
        }
        if v >= 7 {
            self.require_stable.write(w, v)?;
        } else {
            absent(!self.require_stable, "OffsetFetchRequest.RequireStable", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchRequestTopic` within [`OffsetFetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchRequestTopic<'a> {
    /// `Name`: text, versions 1 to 7.
    pub name: &'a str,
    /// `PartitionIndexes`: list of i32, versions 1 to 7.
    pub partition_indexes: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetFetchRequestTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchRequestTopic {
            name: if v <= 7 { Wire::read(r, v)? } else { "" },
            partition_indexes: if v <= 7 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 7 {
            self.name.write(w, v)?;
        } else {
            absent(self.name.is_empty(), "OffsetFetchRequestTopic.Name", v)?;
        }
        if v <= 7 {
            self.partition_indexes.write(w, v)?;
        } else {
            absent(self.partition_indexes.is_empty(), "OffsetFetchRequestTopic.PartitionIndexes", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchRequestGroup` within [`OffsetFetchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchRequestGroup<'a> {
    /// `GroupId`: text, from version 8.
    pub group_id: &'a str,
    /// `MemberId`: text, from version 9.
    pub member_id: Option<&'a str>,
    /// `MemberEpoch`: i32, from version 9.
    pub member_epoch: i32,
    /// `Topics`: list of [`OffsetFetchRequestTopics`], from version 8.
    pub topics: Option<List<'a, OffsetFetchRequestTopics<'a>>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for OffsetFetchRequestGroup<'_> {
    fn default() -> Self {
        OffsetFetchRequestGroup {
            group_id: "",
            member_id: None,
            member_epoch: -1,
            topics: Some(List::default()),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for OffsetFetchRequestGroup<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchRequestGroup {
            group_id: if v >= 8 { Wire::read(r, v)? } else { "" },
            member_id: if v >= 9 { Wire::read_nullable(r, v)? } else { None },
            member_epoch: if v >= 9 { Wire::read(r, v)? } else { -1 },
            topics: if v >= 8 { Wire::read_nullable(r, v)? } else { Some(List::default()) },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 8 {
            self.group_id.write(w, v)?;
        } else {
            absent(self.group_id.is_empty(), "OffsetFetchRequestGroup.GroupId", v)?;
        }
        if v >= 9 {
            Wire::write_nullable(self.member_id.as_ref(), w, v)?;
        }
        if v >= 9 {
            self.member_epoch.write(w, v)?;
        }
        if v >= 8 {
            Wire::write_nullable(self.topics.as_ref(), w, v)?;
        } else {
            absent(self.topics == Some(List::default()), "OffsetFetchRequestGroup.Topics", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `OffsetFetchRequestTopics` within [`OffsetFetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchRequestTopics<'a> {
    /// `Name`: text, versions 8 to 9.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 10.
    pub topic_id: Uuid,
    /// `PartitionIndexes`: list of i32, from version 8.
    pub partition_indexes: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for OffsetFetchRequestTopics<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetFetchRequestTopics {
            name: if (8..=9).contains(&v) { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 10 { Wire::read(r, v)? } else { Uuid::default() },
            partition_indexes: if v >= 8 { Wire::read(r, v)? } else { List::default() },
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
            self.partition_indexes.write(w, v)?;
        } else {
            absent(self.partition_indexes.is_empty(), "OffsetFetchRequestTopics.PartitionIndexes", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetFetchRequest<'a> {
    const KEY: i16 = 9;
    const VERSIONS: (i16, i16) = (1, 10);
    const FLEXIBLE_FROM: i16 = 6;
}
